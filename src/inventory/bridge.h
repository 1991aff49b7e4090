/*
 * A bridge's members, and behind which of them a hardware address is (if_bridge(4),
 * FreeBSD and macOS).  Both systems take the same questions; their structs are
 * padded in different ways.
 */
#ifndef BRIDGE_H
#define BRIDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bridge_layout {
	size_t	list_size, list_buf;	/* struct ifbifconf and ifbaconf */
	size_t	member_size;		/* struct ifbreq; its name comes first */
	size_t	addr_size;		/* struct ifbareq; its member's name comes first */
	size_t	addr_expire, addr_flags, addr_mac;
};
/* This system's. */
extern const struct bridge_layout bridge_layout;

struct bridge_row {
	const char	*member;
	const uint8_t	*mac;		/* NULL: the member itself */
	bool		 fixed;
	uint64_t	 left;		/* seconds until it is forgotten */
};

/* Members first, then addresses; fd is any socket. Nothing of what is no bridge. */
void	 bridge_read(int fd, const char *bridge, void (*row)(const struct bridge_row *, void *),
	    void *arg);

#endif
