/* Between inventory.c (time, events, look-ups) and join.c (who is who). */
#ifndef JOIN_H
#define JOIN_H

#include "inventory/inventory.h"

enum {
	GUESTS_MAX = 4096,		/* the least recent goes first */
	GUEST_FRESH = 5 * 60,		/* seconds: heard within is running */
	GUEST_KEEP = 60 * 60,		/* seconds: stopped for longer is gone */
};

enum { NODE_KEYS = 4 };		/* providers that have one for the same guest */

/* What a provider calls a guest. */
struct node_key {
	char	provider[16], user[GUEST_USER_SIZE], key[GUEST_KEY_SIZE];
};

/* What was said of a NIC in this pass and the one before. */
struct nic_said {
	bool	now, before;		/* anybody spoke of it */
	bool	manager;		/* a VM manager said of what kind it is, in this pass */
	uint8_t	mode;			/* before */
	char	source[GH_IFNAME_SIZE], link[GH_IFNAME_SIZE];
};

/* A guest, and what only the join needs to know of it. */
struct node {
	struct guest	g, before;
	struct node_key	keys[NODE_KEYS];
	uint32_t	nkeys;
	uint64_t	process_seen;	/* wall, 0: none yet: its process, where no manager tells of it */
	bool		has_owner;		/* the user of the manager that runs it */
	uint32_t	owner;
	uint64_t	addr_seen[GUEST_ADDRS];	/* wall, microseconds */
	uint64_t	addr_since[GUEST_ADDRS];	/* it has had it, the same */
	uint64_t	nic_seen[GUEST_NICS];	/* the same */
	uint64_t	nic_since[GUEST_NICS];	/* what was heard before is of another place */
	bool		nic_listed[GUEST_NICS];	/* by a VM manager or its process, once */
	bool		nic_managed[GUEST_NICS];	/* by a VM manager */
	struct nic_said	nic_said[GUEST_NICS];
	uint32_t	place_age[GUEST_NICS];	/* of what said where it is, in this pass */
	bool		placed[GUEST_NICS];
	char		wanted[GH_GUEST_SIZE];	/* name claimed for it; "" none */
	char		wanted_by[16];
	bool		beside;		/* at a bridge of whose guests a VM manager told, once */
	/* of this pass only */
	bool		seen;		/* by someone who makes guests */
	uint8_t		told;		/* enum guest_state a provider is sure of */
	bool		runs;		/* a process that runs it was seen */
	bool		listed;		/* by a VM manager or its process */
	bool		tells_nics;	/* and so is a NIC of it */
	bool		tells_addrs;	/* and so are addresses of it */
	uint8_t		rank;		/* of what named it */
	uint32_t	share;		/* so many more recent ones are of the same manager and user */
	bool		gone;		/* its other half, into, has taken it in */
	struct node	*into;
};

/* Who holds an address. */
struct holding {
	struct addr	addr;
	struct node	*node;		/* NULL: somebody who is no guest */
	uint64_t	seen, since;	/* wall, microseconds */
	uint8_t		weight;		/* 0 heard, 1 held before, 2 by hint */
	bool		told;		/* by the guest's manager, now */
};

/* A NIC's hardware address, and whose. */
struct mac_holder {
	uint8_t		mac[6];
	struct node	*node;
};

struct join {
	struct node	**nodes;	/* by id */
	size_t		 n, size;
	uint32_t	 last_id;
	struct mac_holder *by_mac;	/* sorted */
	size_t		 nmac;
	/* Hardware addresses heard at the port of a guest that its manager knows: a guest may
	 * send with any, and is who it is all the same. */
	struct mac_holder *others;
	size_t		 nothers;
	/* Called for each guest of a pass before it is seen whether it changed. */
	void		(*judge)(struct guest *, void *);
	/* Two guests have turned out to be one, which goes on as id; or NULL. */
	void		(*merged)(uint32_t id, uint32_t from, void *);
	void		*arg;
	struct holding	*by_addr;	/* sorted */
	size_t		 naddr;
	bool		 heard;		/* an address moved since the latest pass */
	uint64_t	 asked;		/* wall: whom was there then every VM manager has told of, that
					 * tells of it; UINT64_MAX: none was asked yet */
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
/* The same, and since when; NULL if nobody has had it. */
const struct holding *join_holding(const struct join *, const struct addr *);
/* Between two passes: that address was heard with that hardware address now.  True if
 * another had it, or nobody. */
bool		 join_hear(struct join *, const struct addr *, const uint8_t mac[6], uint64_t now);

/* ---- join_key.c: VM managers' guests ---- */
/* Gives every sighting that has a key its guest, a new one if need be. */
void		 keys_find(struct join *, const struct sighting *, size_t n, struct node **of,
		    uint64_t now);
/* By key, then by whose it is. */
int		 sighting_compare_key(const struct sighting *, const struct sighting *);

/* ---- join_nic.c ---- */
/* Takes what the sightings say of NICs; after all have found their guest. */
void		 nics_settle(struct join *, const struct sighting *, size_t n, struct node **of,
		    uint64_t now);
/* Makes the guest's first NIC stand for it. */
void		 node_sum(struct node *);
/* The NIC of that hardware address, or NULL. */
struct guest_nic *node_nic(struct node *, const uint8_t mac[6]);
/* Any of its NICs has a hardware address. */
bool		 node_has_mac(const struct node *);
/* The guest's NIC of the row's hardware address, a new one if need be; NULL where another
 * guest has that, or there is no more room. */
struct guest_nic *nic_claim(struct join *, struct node *, const struct sighting *, uint64_t now);
/* What is known of a NIC from one pass to the next goes to another place. */
void		 nic_copy(struct node *to, uint32_t at, const struct node *from, uint32_t i);
/* Takes it from the guest that has it, if no VM manager says so. */
void		 nic_release(struct join *, const uint8_t mac[6]);
/* The guest that has it, or NULL. */
struct node	*mac_holder(const struct join *, const uint8_t mac[6]);
/* What was heard of where it is holds no more. */
void		 nic_moved(struct node *, const struct guest_nic *, uint64_t now);
/* A VM manager, and no process: those are anybody's. */
bool		 provider_is_manager(const char *provider);
/* Between these files. */
struct node	*node_new(struct join *, const struct sighting *, uint64_t now);
void		 index_macs(struct join *);
/* From now on it is this guest's. */
void		 index_mac(struct join *, struct node *, const uint8_t mac[6]);

/* ---- join_state.c ---- */
/* The sightings that are places; they are few. */
struct places {
	const struct sighting	**at;
	size_t			  n;
};
/* Whoever calls frees at. */
void		 places_collect(struct places *, const struct sighting *, size_t n);
/* An enum guest_state. */
uint8_t		 state_of(const struct join *, struct node *, const struct places *, uint64_t now);

/* ---- join_name.c ---- */
/* Whether the name claimed for it may be one that the guest has chosen. */
bool		 name_is_guests(const struct node *);
/* Takes the name that a sighting has for the guest, if it is the best so far. */
void		 name_claim(struct node *, const struct sighting *);
/* Whose name counts for nobody but who has it: after all have their names and places. */
void		 names_judge(struct join *);
/* Gives every guest the name claimed for it, or one of its own; each is unique. */
void		 names_settle(struct join *);

#endif
