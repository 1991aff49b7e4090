/*
 * The guard map: whether our rules cover each NIC of a guest, and if not why and what
 * would help.  Pure, given what this host's interfaces are.
 */
#ifndef GUARD_H
#define GUARD_H

#include "inventory/inventory.h"

/* An address of an interface of this host, or (family 0) just its name. */
struct guard_place {
	char		name[GH_IFNAME_SIZE];
	struct addr	addr;
	uint32_t	bits;
};

enum { BRIDGED_MAX = 16 };
struct guard_host {
	const struct conf	*conf;
	struct guard_place	*places;
	size_t			 nplaces;
	/* The bridge that an interface is a port of, into dst; false: none. */
	bool			(*master)(const char *link, char dst[GH_IFNAME_SIZE]);
	/* Whether our rules hold for an interface; NULL: for those of the names given. */
	bool			(*covers)(const struct conf_names *bridges, const char *ifname);
	/* Whether this host has such an interface; NULL: nobody can say. */
	bool			(*exists)(const char *name);
	/* Bridges from which guests get out by a member, past the rules. */
	char			 bridged[BRIDGED_MAX][GH_IFNAME_SIZE];
	size_t			 nbridged;
};

/* Sets guard of the guest, and guard and place of its NICs, the first even if nnics is 0. */
void	 guard_judge(const struct guard_host *, struct guest *);
/* One sentence each, "" where there is nothing to say. Caller frees both. */
void	 guard_explain(const struct guard_host *, const struct guest *, const struct guest_nic *,
	    char **why, char **fix);
/* "guarded", "unseen", "unguardable", "leaking"; of modes "none", "bridge", "lan",
 * "user", "socket", "routed", "proxy", "unknown". */
const char *nic_guard_name(enum nic_guard);
const char *nic_mode_name(enum nic_mode);

/* ---- guard_host.c ---- */
/* Reads this host's interfaces anew. */
void	 guard_host_read(struct guard_host *);
void	 guard_host_free(struct guard_host *);

/* ---- master_*.c ---- */
bool	 link_master(const char *link, char dst[GH_IFNAME_SIZE]);
bool	 link_exists(const char *name);
/* Whether a bridge has a member that is no guest's end, and rules do not see what leaves by
 * it. */
bool	 link_bridged(const char *bridge);

#endif
