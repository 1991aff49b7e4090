/*
 * DIOCNATLOOK, pf's question for the destination before a redirection, as bytes.
 * Each system has a struct of its own: here it is a table of offsets, so that all
 * of them can be built and tested on any host.  Pure.
 */
#ifndef NATLOOK_H
#define NATLOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gatehouse.h"

enum { NATLOOK_SIZE_MAX = 96 };

struct natlook_layout {
	size_t		size;
	unsigned long	request;	/* of ioctl(2) */
	size_t		saddr, daddr, rdaddr;
	size_t		sport, dport, rdport;	/* two bytes each, in network order */
	size_t		af, proto, direction;	/* a byte each */
	uint8_t		inet, inet6;	/* the system's AF_INET and AF_INET6 */
};

/* The number that _IOWR('D', 23, struct of that size) is. */
#define NATLOOK_REQUEST(size)	(0xc0000000UL | ((unsigned long)(size) & 0x1fff) << 16 | 'D' << 8 | 23)

extern const struct natlook_layout natlook_freebsd, natlook_darwin;

/* A connection as the proxy sees it: from whom, to which address of ours. */
void	 natlook_ask(const struct natlook_layout *, uint8_t[NATLOOK_SIZE_MAX],
	    const struct addr *peer, uint16_t peer_port, const struct addr *local,
	    uint16_t local_port);
/* The kernel's answer: where it was going. False if it holds no address. */
bool	 natlook_answer(const struct natlook_layout *, const uint8_t[NATLOOK_SIZE_MAX],
	    struct addr *, uint16_t *port);

#endif
