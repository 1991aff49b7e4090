/*
 * The neighbours that route(4) lists (sysctl NET_RT_FLAGS) on FreeBSD and macOS, as
 * the rows of netlink.h.  A message is the system's struct rt_msghdr, of which
 * a table gives the places, then socket addresses that tell their own length:
 * the neighbour's, and one of the link.  Pure, so that it is tested on any host.
 */
#ifndef ROUTES_H
#define ROUTES_H

#include "inventory/netlink.h"

struct routes_layout {
	size_t		header;			/* sizeof(struct rt_msghdr) */
	size_t		flags, addrs;		/* ints */
	size_t		expire, expire_size;	/* 4 or 8 bytes */
	size_t		round;			/* to so many bytes addresses are padded */
	uint32_t	own;			/* a flag: it is this host's */
	uint8_t		inet, inet6, link;	/* the system's AF_* */
};

/* This system's. */
extern const struct routes_layout routes_layout;
/* The clock by which its rows expire, in seconds. */
int64_t		 routes_now(void);

/* Adds what the list says. NULL, or a static phrase: it contradicts itself, and what
 * stands before that was taken. */
const char	*routes_parse(struct nl_tables *, const struct routes_layout *, const uint8_t *,
		    size_t len, int64_t now);

#endif
