/*
 * Which guests there are.  One provider a file; each reports what it knows
 * as sightings, and inventory.c joins the sightings of all of them into
 * guests: by hardware address, then address, then name.
 *
 * A guest's id stays for as long as the daemon runs, also through a changed
 * address, so that counters and history follow the guest.
 */
#ifndef INVENTORY_H
#define INVENTORY_H

#include "addr.h"
#include "conf.h"
#include "gatehouse.h"

struct event_base;

enum guest_state { GUEST_UNKNOWN, GUEST_RUNNING, GUEST_STOPPED, GUEST_STATE_COUNT };
enum guest_kind { GUEST_VM, GUEST_UID, GUEST_KIND_COUNT };

enum { GUEST_ADDRS = 8 };

/*
 * What one provider saw of one guest just now.  One that names no guest at all
 * says that a bridge was looked at (bridge), or that a port of it has a
 * carrier (bridge and port).
 */
struct sighting {
	char		provider[16];
	char		name[GH_GUEST_SIZE];	/* "" if it knows none; sighting_name() */
	uint8_t		state, kind;		/* unknown: judged by age and port */
	bool		hint;			/* adds to a guest, never makes one */
	bool		has_mac;
	uint8_t		mac[6];
	uint32_t	uid;			/* GUEST_UID */
	uint32_t	age;			/* seconds since it was heard */
	uint32_t	naddrs;
	struct addr	addrs[GUEST_ADDRS];
	char		bridge[GH_IFNAME_SIZE];
	char		port[GH_IFNAME_SIZE];	/* the bridge's port: tap, veth */
};

struct guest {
	uint32_t	id;
	char		name[GH_GUEST_SIZE];	/* never "": the address if nothing better */
	char		by[16];			/* the provider that named it */
	uint8_t		state, kind;
	bool		has_mac;
	uint8_t		mac[6];
	uint32_t	uid;
	uint32_t	naddrs;
	struct addr	addrs[GUEST_ADDRS];
	char		bridge[GH_IFNAME_SIZE];
	char		port[GH_IFNAME_SIZE];
	uint64_t	first_seen, last_seen;	/* wall, microseconds */
};

struct inventory;
/* Without an event base nothing runs by itself: only inventory_merge() counts.
 * changed runs (at most once per refresh) after guests appeared, left or
 * changed; gone guests stay listed as GUEST_STOPPED for an hour. */
struct inventory	*inventory_new(struct event_base *, const struct conf *,
			    void (*changed)(void *), void *arg);
void			 inventory_free(struct inventory *);
void			 inventory_reconf(struct inventory *, const struct conf *);
size_t			 inventory_count(const struct inventory *);
const struct guest	*inventory_guest(const struct inventory *, size_t i);
const struct guest	*inventory_by_id(const struct inventory *, uint32_t id);
const struct guest	*inventory_by_addr(const struct inventory *, const struct addr *);
const struct guest	*inventory_by_mac(const struct inventory *, const uint8_t mac[6]);
/* The guest behind a bridge's port, which a guest cannot forge as it can its MAC
 * and address. Of several the one with that mac (or NULL); none if that is not clear. */
const struct guest	*inventory_by_port(const struct inventory *, const char *port,
			    const uint8_t *mac);
const struct guest	*inventory_by_uid(const struct inventory *, uint32_t uid);
const struct guest	*inventory_by_name(const struct inventory *, const char *);
const char		*guest_state_name(enum guest_state);
const char		*guest_kind_name(enum guest_kind);

/* The join, without system or clock of its own: what tests drive. */
void	 inventory_merge(struct inventory *, const struct sighting *, size_t n, uint64_t now);

/* A provider: a row in inventory.c's table. */
struct provider {
	const char	*name;
	/* Appends to the list; an error (caller frees) costs only this provider's
	 * rows. */
	char	*(*refresh)(const struct conf *, struct sighting *, size_t *n, size_t max);
};

#endif
