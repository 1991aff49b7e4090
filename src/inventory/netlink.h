/*
 * rtnetlink's answers as tables.  Pure: bytes in, rows out, so that it can be
 * tested with recorded bytes and fuzzed on any host.  The numbers of the kernel's
 * interface are ours here for the same reason.
 */
#ifndef NETLINK_H
#define NETLINK_H

#include "inventory/inventory.h"

enum {
	NETLINK_FORGOTTEN = 3600,	/* seconds: heard so long ago is not heard */
	NETLINK_LINKS_MAX = 4096,
	NETLINK_NEIGHS_MAX = 4096,
	NETLINK_PORTS = 8192,		/* slots, more than links */
};

struct nl_link {
	uint32_t	index, master;	/* master 0: none */
	bool		carrier;
	bool		quiet;		/* up and without a carrier, of a pair whose other end a
					 * container has, and has taken down */
	bool		guarded;	/* one of the bridges that netlink_sightings() was given */
	char		name[GH_IFNAME_SIZE];
};

/* An address's neighbour, or (fdb) a hardware address behind a bridge's port. */
struct nl_neigh {
	uint32_t	link, master;
	bool		fdb;
	uint16_t	state;
	uint8_t		mac[6];
	uint32_t	age;		/* seconds since it was heard */
	struct addr	addr;
};

/* How many hardware addresses are behind a port. */
struct nl_port {
	uint32_t	link;		/* 0: a free slot */
	uint32_t	macs;
};

/* Of a port's hardware addresses only the first few are kept: a guest can make
 * up as many as it likes, and must not crowd out those of other ports. */
struct nl_tables {
	struct nl_link	*links;
	struct nl_neigh	*neighs, *fdb;
	size_t		 nlinks, nneighs, nfdb;
	struct nl_port	*ports;		/* a hash table of NETLINK_PORTS */
	size_t		 nports;
	char		 flooded[GH_IFNAME_SIZE];	/* a guest's port with too many, or "" */
};

enum nl_result { NL_MORE, NL_DONE, NL_BROKEN };

struct nl_tables	*netlink_tables_new(void);
void			 netlink_tables_free(struct nl_tables *);
void			 netlink_tables_clear(struct nl_tables *);
/* Adds what one datagram says. NL_BROKEN sets *why to a static phrase. What is
 * beyond the tables' size is left out. */
enum nl_result		 netlink_parse(struct nl_tables *, const uint8_t *, size_t, const char **why);
/* Calls fn for each address that a notification's datagram gives to a hardware address,
 * on whatever link. */
void			 netlink_news(const uint8_t *, size_t, void (*fn)(const struct nl_neigh *, void *),
			    void *arg);
/* The same rows from a system without netlink. fixed: set by hand, so it does not
 * say when it was heard. */
void			 netlink_add_link(struct nl_tables *, const struct nl_link *);
void			 netlink_add_neigh(struct nl_tables *, const struct nl_neigh *, bool fixed);
/* Guests behind interfaces that the names mean. Sorts the tables, sets flooded. */
void			 netlink_sightings(struct nl_tables *, const struct conf_names *,
			    struct sighting *, size_t *n, size_t max);

#endif
