/*
 * Who connects: every source address that the engine told us about or that
 * has a connection open, and the guest it belongs to.
 */
#ifndef SOURCES_H
#define SOURCES_H

#include <sys/queue.h>

#include <pthread.h>
#include <stdatomic.h>

#include "gatehouse.h"

enum {
	SOURCE_BUCKETS = 1024,
	/* As an address's family: what it holds is a user of this host, a hardware address. */
	SOURCE_UID = 1, SOURCE_MAC = 2,
};

/*
 * How often something may happen, in one word: the time in microseconds at
 * which the next would be due if they came evenly (the generic cell rate
 * algorithm).  All zero at the start.
 */
struct rate {
	_Atomic uint64_t	next;
};

/* What a flood makes many of is told once a second, and counted meanwhile. */
struct fold {
	_Atomic uint64_t	told;	/* milliseconds */
	_Atomic uint32_t	more;	/* since then */
};

/* What the addresses of one guest have in common, in every table. */
struct guest_count {
	LIST_ENTRY(guest_count)	link;
	uint32_t		id;
	uint32_t		sources;	/* addresses that are its */
	_Atomic uint32_t	macs;		/* of these, hardware addresses */
	_Atomic uint32_t	open;		/* connections of all of them */
	struct rate		rate;		/* of new ones */
	struct fold		fold;		/* refusals by a limit */
};

/*
 * What several tables, one a worker, count together.  The lock is taken when
 * an address becomes a guest's or stops being it, never for a connection.
 */
struct source_counts {
	_Atomic uint32_t	 strangers;	/* connections of nobody we know */
	struct rate		 strangers_rate, rate;	/* the latter: of all */
	struct fold		 strangers_fold;
	pthread_mutex_t		 lock;		/* of guests, and of their number of sources */
	LIST_HEAD(, guest_count) guests;
};

struct source {
	LIST_ENTRY(source)	link;
	struct sources		*table;
	struct addr		addr;
	struct guest_count	*guest;		/* NULL: nobody we know */
	uint32_t		open;
	bool			frozen;
	uint8_t			mac[6];		/* its guest's first, zeroes: not known */
	bool			stale;		/* not told again since proxy_guests_begin() */
	char			name[GH_GUEST_SIZE];	/* "" if not known */
};

struct sources {
	LIST_HEAD(, source)	buckets[SOURCE_BUCKETS];
	struct source_counts	*counts;
	uint32_t		nuids;		/* guests that are users of this host */
	uint64_t		seed;
};

void		 source_counts_init(struct source_counts *);
/* Of tables that are freed. */
void		 source_counts_free(struct source_counts *);
void		 sources_init(struct sources *, struct source_counts *);
void		 sources_free(struct sources *);
/* The source of a new connection, which counts as open until source_close();
 * NULL if there is no memory. */
struct source	*source_open(struct sources *, const struct addr *);
void		 source_close(struct source *);
/* What stands for a user of this host where guests are told by their address. */
struct addr	 source_uid(uint32_t uid);
/* And for a hardware address of a guest. */
struct addr	 source_mac(const uint8_t mac[6]);
/* Whether somebody we know has the address. */
bool		 source_known(struct sources *, const struct addr *);
/* Connections that count against [proxy] max-per-guest: the guest's, or those of
 * all strangers together, since a guest can take as many addresses as it likes. */
uint32_t	 source_load(const struct source *);
/* Takes one new connection off what the source's guest, and all together, may
 * open in a second (0: any number); what was not used for RATE_BURST_SECONDS may
 * come at once. OUTCOME_NONE, or what it is too many for. now in milliseconds. */
enum { RATE_BURST_SECONDS = 2 };
enum outcome	 source_opens(struct source *, uint64_t now, uint32_t per_guest, uint32_t in_all);
/* Whether a refusal by a limit is to be told now; *more is how many were not. */
bool		 source_tells(struct source *, uint64_t now, uint16_t *more);
/* Its id; 0: nobody's, or not told again yet by the engine that gives ids now. */
uint32_t	 source_guest(const struct source *);
/* Its guest is known by hardware addresses too. */
bool		 source_has_macs(const struct source *);
/* The source of a hardware address, NULL: it is no guest's that we know. */
const struct source *source_of_mac(const struct sources *, const uint8_t mac[6]);
/* What proxy_set_guest() says. Returns the source if it changed and has
 * connections that must be judged again. */
struct source	*source_set(struct sources *, const struct addr *, uint32_t guest_id,
		    const char *name, bool frozen, const uint8_t mac[6]);
void		 sources_mark(struct sources *);
/* Calls changed for each source that was forgotten but has connections. */
void		 sources_sweep(struct sources *, void (*changed)(struct source *, void *), void *);

#endif
