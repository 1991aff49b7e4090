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

/* How a guest's network interface (NIC) gets out, as its VM manager says. */
enum nic_mode {
	NIC_UNKNOWN,	/* nobody says */
	NIC_NONE,	/* its manager says that the guest has none */
	NIC_BRIDGE,	/* a port of a bridge of this host, NAT and host-only included */
	NIC_LAN,	/* bridged to an interface of this host's LAN, macvtap */
	NIC_USER,	/* user-mode: it leaves as the process that runs it */
	NIC_SOCKET,	/* it is handed to another process of this host, which may do anything */
	NIC_ROUTED,	/* it ends at an interface of this host that is no bridge's port */
	NIC_PROXY,	/* no NIC: its manager's daemon connects for it to what source names */
	NIC_MODE_COUNT
};

enum {
	GUEST_ADDRS = 8,
	GUEST_NICS = 8,
	GUEST_KEY_SIZE = 96,	/* what a provider calls a guest in its commands */
	GUEST_USER_SIZE = 32,	/* the host user whose VM it is */
	GUEST_PATH_SIZE = 128,
};

/*
 * What one provider saw of one NIC of one guest just now.  A guest of several
 * NICs is several sightings of one key; one without NIC that is known is one
 * without MAC.  A sighting that names no guest at all says that a bridge was
 * looked at (bridge), or that a port of it has a carrier (bridge and port), or is there
 * without one that its guest has taken from it (the same, and state is stopped).
 */
struct sighting {
	char		provider[16];
	char		key[GUEST_KEY_SIZE];	/* in that provider's commands, of that user; "" none */
	char		user[GUEST_USER_SIZE];	/* "": the system's */
	char		name[GH_GUEST_SIZE];	/* "" if it knows none; sighting_name() */
	uint8_t		state, kind;		/* unknown: judged by age and port */
	bool		hint;			/* adds to a guest, never makes one */
	bool		stale;			/* from the last answer; there is none now */
	bool		has_mac;
	uint8_t		mac[6];
	uint8_t		mode;			/* enum nic_mode */
	char		source[GH_IFNAME_SIZE];	/* bridge (NIC_BRIDGE) or LAN interface it is said
						 * to be on; "" not said */
	char		link[GH_IFNAME_SIZE];	/* this host's end of it: "vnet3", or "" */
	bool		softnet;		/* tart: behind softnet */
	char		softnet_at[GUEST_PATH_SIZE];	/* which binary, "" not known */
	uint32_t	pid;			/* of the host's process that runs it, 0: not known */
	uint32_t	uid;			/* GUEST_UID; else of that process */
	uint32_t	age;			/* seconds since it was heard */
	uint32_t	naddrs;
	struct addr	addrs[GUEST_ADDRS];
	char		bridge[GH_IFNAME_SIZE];	/* where it was heard: seen by us, not said */
	char		port[GH_IFNAME_SIZE];	/* the bridge's port: tap, veth */
};

/* Worst last, so that the worst NIC of a guest is the largest. */
enum nic_guard {
	NIC_GUARDED,		/* behind a bridge that our rules cover, or its uid is guarded */
	NIC_UNSEEN,		/* nothing known yet that tells: it has no address, or is down */
	NIC_UNGUARDABLE,	/* user-mode: leaves as a host process */
	NIC_LEAKING,		/* on an interface that our rules do not cover */
	NIC_GUARD_COUNT
};

struct guest_nic {
	bool		has_mac;
	uint8_t		mac[6];
	uint8_t		mode;			/* enum nic_mode */
	uint8_t		guard;			/* enum nic_guard */
	char		source[GH_IFNAME_SIZE];
	char		link[GH_IFNAME_SIZE];
	bool		link_managed;		/* its VM manager says so: any process could */
	bool		heard;			/* there, since it last started or was changed: */
	char		bridge[GH_IFNAME_SIZE];
	char		port[GH_IFNAME_SIZE];
	char		place[GH_IFNAME_SIZE];	/* the interface of this host that it is behind, "" */
};

struct guest {
	uint32_t	id;
	char		name[GH_GUEST_SIZE];	/* never "": the address if nothing better */
	char		by[16];			/* the provider that named it */
	bool		own_name;		/* nobody but itself says so: for vm= it has none */
	char		manager[16];		/* the one whose commands know it, "" none */
	char		key[GUEST_KEY_SIZE];	/* there */
	char		user[GUEST_USER_SIZE];	/* whose commands, "": the system's */
	uint8_t		state, kind;
	uint8_t		guard;			/* enum nic_guard: of its worst NIC */
	bool		stale;			/* its manager does not answer now */
	bool		softnet;
	char		softnet_at[GUEST_PATH_SIZE];
	bool		has_mac;		/* mac, bridge, port: of its first NIC */
	uint8_t		mac[6];
	uint32_t	pid, uid;
	uint32_t	naddrs;
	struct addr	addrs[GUEST_ADDRS];	/* of all its NICs */
	bool		addr_told[GUEST_ADDRS];	/* by its manager, at the latest pass */
	char		bridge[GH_IFNAME_SIZE];
	char		port[GH_IFNAME_SIZE];
	uint32_t	nnics;
	bool		more_nics;		/* than these are told of */
	struct guest_nic nics[GUEST_NICS];
	uint64_t	first_seen, last_seen;	/* wall, microseconds */
};

struct asker;
struct guard_host;
struct inventory;
/* Without an event base nothing runs by itself: only inventory_merge() counts.
 * changed runs (at most once per refresh) after guests appeared, left or
 * changed; gone guests stay listed as GUEST_STOPPED for an hour. */
struct inventory	*inventory_new(struct event_base *, const struct conf *,
			    void (*changed)(void *), void *arg);
void			 inventory_free(struct inventory *);
/* Whose answers count from the next pass on, or NULL; it stays the caller's. */
void			 inventory_asks(struct inventory *, struct asker *);
/* How our rules see its NICs, for messages: guard.h. */
const struct guard_host	*inventory_host(const struct inventory *);
/* Two guests have turned out to be one: whoever counts by id adds up. */
void			 inventory_on_merge(struct inventory *,
			    void (*)(uint32_t id, uint32_t from, void *), void *arg);
/* Between two passes an address is another guest's now, or nobody's that is known yet;
 * what else has changed comes with the next. */
void			 inventory_on_move(struct inventory *,
			    void (*)(const struct addr *, void *), void *arg);
/* Takes what the kernel has said until now: who had an address when something happened
 * is known after it. */
void			 inventory_listen(struct inventory *);
/* Looks now, if it runs by itself. */
void			 inventory_look(struct inventory *);
/* Has it look soon. */
void			 inventory_hurry(struct inventory *);
void			 inventory_reconf(struct inventory *, const struct conf *);
size_t			 inventory_count(const struct inventory *);
/* Why one of the providers that are asked at once does not tell all, or NULL. */
const char		*inventory_trouble(const struct inventory *);
/* How many ports of guarded bridges had a carrier at the latest look, or may have one at a
 * guest's word. */
size_t			 inventory_ports(const struct inventory *);
const struct guest	*inventory_guest(const struct inventory *, size_t i);
const struct guest	*inventory_by_id(const struct inventory *, uint32_t id);
const struct guest	*inventory_by_addr(const struct inventory *, const struct addr *);
/* Who had it at that time (wall, microseconds), if not for long: whoever has it since, or
 * the guest of the id before; where that is 0, whoever has it now. */
const struct guest	*inventory_by_addr_at(const struct inventory *, const struct addr *,
			    uint64_t when, uint32_t before);
const struct guest	*inventory_by_mac(const struct inventory *, const uint8_t mac[6]);
/* Hardware addresses, sorted, and whose each is; those heard at a port that is a guest's own
 * are its too. Of one that several say they have the first counts. */
size_t			 inventory_macs(const struct inventory *);
const struct guest	*inventory_mac(const struct inventory *, size_t i, uint8_t mac[6]);
/* The guest behind a bridge's port, which a guest cannot forge as it can its MAC
 * and address. Of several the one with that mac (or NULL); none if that is not clear. */
const struct guest	*inventory_by_port(const struct inventory *, const char *port,
			    const uint8_t *mac);
const struct guest	*inventory_by_uid(const struct inventory *, uint32_t uid);
const struct guest	*inventory_by_name(const struct inventory *, const char *);
/* By what name vm= of entries knows it; "": by none. */
const char		*guest_scope(const struct guest *);
/* This host's end of it, which stays the guest's whatever it sends: as its VM manager says,
 * else where it was heard, as long as it runs; "" not known. */
const char		*guest_nic_end(const struct guest_nic *);
/* The bridge it is judged by, else where it was heard; "" not known. */
const char		*guest_nic_bridge(const struct guest_nic *);
const char		*guest_state_name(enum guest_state);
const char		*guest_kind_name(enum guest_kind);

/* The join, without system or clock of its own: what tests drive. */
void	 inventory_merge(struct inventory *, const struct sighting *, size_t n, uint64_t now);

/* What reads files or asks the kernel, and so answers at once: a row in
 * inventory.c's table.  VM managers are asked through priv: ask.h. */
struct provider {
	const char	*name;
	/* Appends to the list; an error (caller frees) costs only this provider's
	 * rows. */
	char	*(*refresh)(const struct conf *, struct sighting *, size_t *n, size_t max);
};

#endif
