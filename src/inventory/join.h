/* Between inventory.c (time, events, look-ups) and join.c (who is who). */
#ifndef JOIN_H
#define JOIN_H

#include "inventory/inventory.h"

enum {
	GUESTS_MAX = 4096,		/* the least recent goes first */
	GUEST_FRESH = 5 * 60,		/* seconds: heard within is running */
	GUEST_KEEP = 60 * 60,		/* seconds: stopped for longer is gone */
};

/* A guest, and what only the join needs to know of it. */
struct node {
	struct guest	g, before;
	uint64_t	addr_seen[GUEST_ADDRS];	/* wall, microseconds */
	char		wanted[GH_GUEST_SIZE];	/* name claimed for it; "" none */
	char		wanted_by[16];
	/* of this pass only */
	bool		seen;		/* by someone who makes guests */
	uint8_t		told;		/* enum guest_state a provider is sure of */
	uint8_t		rank;		/* of what named it */
	uint32_t	place_age;	/* of what said where it is */
	bool		placed;
};

/* Who holds an address. */
struct holding {
	struct addr	addr;
	struct node	*node;		/* NULL: somebody who is no guest */
	uint64_t	seen;		/* wall, microseconds */
	uint8_t		weight;		/* 0 heard, 1 held before, 2 by hint */
};

struct join {
	struct node	**nodes;	/* by id */
	size_t		 n, size;
	uint32_t	 last_id;
	struct node	**by_mac;	/* those with a MAC, sorted */
	size_t		 nmac;
	struct holding	*by_addr;	/* sorted */
	size_t		 naddr;
};

/* Says only that a bridge or a port is there. */
bool		 sighting_is_place(const struct sighting *);
void		 join_free(struct join *);
/* Takes one pass of sightings in. True if anything but last_seen changed. */
bool		 join_pass(struct join *, const struct sighting *, size_t n, uint64_t now);
/* Forgets guests of bridges that are not guarded any more. */
bool		 join_forget(struct join *, const struct conf_names *bridges);
struct node	*join_by_mac(const struct join *, const uint8_t mac[6]);
struct node	*join_by_addr(const struct join *, const struct addr *);

/* ---- join_name.c ---- */
/* Takes the name that a sighting has for the guest, if it is the best so far. */
void		 name_claim(struct node *, const struct sighting *);
/* Gives every guest the name claimed for it, or one of its own; each is unique. */
void		 names_settle(struct join *);

#endif
