/*
 * What the engine remembers: decisions, blocked packets, names and events,
 * in tables of fixed size, and the counters of guests and entries.
 *
 * The model knows nothing of sockets, files or JSON.  Mutators change it and
 * step the version of each view they touch; whoever shows a view compares
 * versions.  Every mutator costs the same however full the tables are.
 */
#ifndef MODEL_H
#define MODEL_H

#include "gatehouse.h"

/* The views of the control protocol; model.c owns domains, drops and events. */
enum view {
	VIEW_VMS,
	VIEW_RULES,
	VIEW_DOMAINS,
	VIEW_ENTRIES,
	VIEW_DROPS,
	VIEW_EVENTS,
	VIEW_COUNT
};

struct model_limits {
	uint32_t	domains, hits, drops, events, guests, entries;
};
extern const struct model_limits model_limits_default;

/* Counters of a guest or of an entry. */
struct tally {
	uint32_t	id;
	uint32_t	connections;	/* open now */
	uint64_t	allowed, denied, dropped;
	uint64_t	bytes_up, bytes_down;
	uint64_t	last;		/* when it last decided or was judged */
	uint64_t	minute;		/* of the count below */
	uint32_t	minute_events;	/* events this guest caused in that minute */
};

struct hit_record {
	struct hit	hit;
	uint64_t	bytes_up, bytes_down;
	bool		open;		/* counted in its guest's connections */
	char		what[GH_PHRASE_SIZE];	/* the rule that its server's answer broke, or "" */
	char		guest[GH_GUEST_SIZE];	/* its name at that time, or address */
};

/* How often one guest reached a name only because the proxy was learning. */
enum { LEARNERS_MAX = 8 };	/* guests told apart for one name */
struct learner {
	uint16_t	guest;		/* of model_learner_name() */
	bool		by_address;	/* nobody known had it then: the name is an address */
	uint32_t	count;
};

struct domain {
	char		name[GH_NAME_SIZE];
	uint64_t	allowed, denied, bytes_up, bytes_down;
	uint64_t	first, last;
	uint64_t	last_id;
	uint8_t		last_verdict, last_reason;
	bool		lookup_learned;	/* that was answered because of learning alone */
	uint16_t	last_port;
	uint32_t	newer, older;	/* by last, for eviction */
	char		last_guest[GH_GUEST_SIZE];
	uint32_t	learned;	/* connections that only learning let through, */
	uint32_t	learned_by_others;	/* of them by more guests than are told apart */
	uint8_t		nlearners;
	struct learner	learners[LEARNERS_MAX];
	/* What the allowlist says now; views.c fills it when the list's
	 * generation is not this one. */
	uint32_t	entry, entry_generation;
};

struct drop_record {
	uint64_t	id;
	struct drop	drop;
	char		guest[GH_GUEST_SIZE];	/* "" if nobody known sent it */
};

enum event_kind {
	EVENT_HIT,
	EVENT_DROP,
	EVENT_RULES,
	EVENT_PROXY,
	EVENT_ROLE,
	EVENT_ENTRY,
	EVENT_GUEST,
	EVENT_CONFIG,
	EVENT_ALERT,
	EVENT_KIND_COUNT
};

enum event_severity { EVENT_INFO, EVENT_NOTICE, EVENT_ALERTING, EVENT_SEVERITY_COUNT };

enum { EVENT_TEXT_SIZE = 400 };

struct event_record {
	uint64_t	id;
	uint64_t	first, time;	/* of the first and latest like it */
	uint64_t	count;
	uint64_t	hit_id;		/* 0: none */
	uint8_t		kind, severity;
	char		guest[GH_GUEST_SIZE];
	char		text[EVENT_TEXT_SIZE];
};

struct model;
/* NULL limits are the defaults. */
struct model	*model_new(const struct model_limits *);
void		 model_free(struct model *);

/* The row of Domains for decisions about no name: what a guest said had none,
 * or was too broken to tell. */
extern const char	 model_no_name[];

/* What model_hit() found out. */
enum {
	MODEL_FIRST_ALLOW = 1 << 0, MODEL_FIRST_DENY = 1 << 1,
	MODEL_FIRST_LOOKUP = 1 << 3,	/* answered, of a name that nobody asked for before */
	MODEL_FOLLOWS = 1 << 2,		/* a refused connection after the name's refused look-up:
					 * one attempt, which has been counted */
};
/* guest 0: nobody known; guest_name is kept either way. */
unsigned	 model_hit(struct model *, const struct hit *, uint32_t guest, const char *guest_name);
void		 model_flow(struct model *, const struct flow *, uint32_t guest);
/* Returns the run's record: joined to the like one, if that is recent. */
const struct drop_record *model_drop(struct model *, const struct drop *, uint32_t guest,
		    const char *guest_name);
/*
 * Keeps an event.  With key_len not 0, one of the same key that was last seen
 * less than a minute ago is counted up and takes the new text instead.
 */
void		 model_event(struct model *, const struct event_record *, const void *key, size_t key_len);
/* net ended: no connection is open any more. */
void		 model_net_ended(struct model *);
/* Two guests are one: id has what was counted for from. */
void		 model_merge_guests(struct model *, uint32_t id, uint32_t from);
/* Forgets the counters of guests or entries that keep() does not want. */
void		 model_retain_guests(struct model *, bool (*keep)(uint32_t, void *), void *);
void		 model_retain_entries(struct model *, bool (*keep)(uint32_t, void *), void *);
/* True while a guest caused fewer than max events in this minute; counts one. */
bool		 model_guest_may_speak(struct model *, uint32_t guest, uint32_t max, uint64_t now);

/* NULL if there is none (any more). */
const struct hit_record	*model_find_hit(const struct model *, uint64_t id);
struct domain		*model_find_domain(struct model *, const char *name);
/* Never NULL: all zero for what was never seen. */
const struct tally	*model_guest(const struct model *, uint32_t id);
const struct tally	*model_entry(const struct model *, uint32_t id);

/* The rows of domains, drops or events, newest first; rows has room for
 * model_count().  Pointers hold until the next mutator. */
size_t		 model_count(const struct model *, enum view);
size_t		 model_rows(const struct model *, enum view, const void **rows);
uint64_t	 model_version(const struct model *, enum view);
void		 model_touch(struct model *, enum view);
uint64_t	 model_domains_evicted(const struct model *);
/* Names that had been learned and were forgotten for newer ones. */
uint64_t	 model_learned_evicted(const struct model *);
/* The name that guest had then, or the address; it may be gone by now. */
const char	*model_learner_name(const struct model *, const struct learner *);

const char	*view_name(enum view);
bool		 view_parse(const char *, enum view *);
const char	*event_kind_name(enum event_kind);
const char	*event_severity_name(enum event_severity);

#endif
