/*
 * Who connects: every source address that the engine told us about or that
 * has a connection open, and the guest it belongs to.
 */
#ifndef SOURCES_H
#define SOURCES_H

#include <sys/queue.h>

#include "gatehouse.h"

enum {
	SOURCE_BUCKETS = 1024,
	SOURCE_UID = 1,		/* as an address's family: the user of this host below */
};

/* What the addresses of one guest have in common. */
struct guest_count {
	LIST_ENTRY(guest_count)	link;
	uint32_t		id;
	uint32_t		sources;	/* addresses that are its */
	uint32_t		open;		/* connections of all of them */
};

struct source {
	LIST_ENTRY(source)	link;
	struct sources		*table;
	struct addr		addr;
	struct guest_count	*guest;		/* NULL: nobody we know */
	uint32_t		open;
	bool			frozen;
	bool			stale;		/* not told again since proxy_guests_begin() */
	char			name[GH_GUEST_SIZE];	/* "" if not known */
};

struct sources {
	LIST_HEAD(, source)	buckets[SOURCE_BUCKETS];
	LIST_HEAD(, guest_count) guests;
	uint32_t		strangers;	/* connections of nobody we know */
	uint32_t		nuids;		/* guests that are users of this host */
	uint64_t		seed;
};

void		 sources_init(struct sources *);
void		 sources_free(struct sources *);
/* The source of a new connection, which counts as open until source_close();
 * NULL if there is no memory. */
struct source	*source_open(struct sources *, const struct addr *);
void		 source_close(struct source *);
/* What stands for a user of this host where guests are told by their address. */
struct addr	 source_uid(uint32_t uid);
/* Whether somebody we know has the address. */
bool		 source_known(struct sources *, const struct addr *);
/* Connections that count against [proxy] max-per-guest: the guest's, or those of
 * all strangers together, since a guest can take as many addresses as it likes. */
uint32_t	 source_load(const struct source *);
uint32_t	 source_guest(const struct source *);
/* What proxy_set_guest() says. Returns the source if it changed and has
 * connections that must be judged again. */
struct source	*source_set(struct sources *, const struct addr *, uint32_t guest_id,
		    const char *name, bool frozen);
void		 sources_mark(struct sources *);
/* Calls changed for each source that was forgotten but has connections. */
void		 sources_sweep(struct sources *, void (*changed)(struct source *, void *), void *);

#endif
