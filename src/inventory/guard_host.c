#include "config.h"

#include "inventory/guard.h"

#include <sys/socket.h>

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "xmalloc.h"

enum { PLACES_MAX = 1024 };

static uint32_t
mask_bits(const struct sockaddr *mask, int family)
{
	const size_t at = family == AF_INET ? offsetof(struct sockaddr_in, sin_addr) :
	    offsetof(struct sockaddr_in6, sin6_addr);
	const uint8_t *p = (const uint8_t *)mask + at;
	uint32_t bits = 0;

	while (bits < (family == AF_INET ? 32u : 128u) && (p[bits / 8] & 0x80 >> bits % 8) != 0)
		bits++;
	return bits;
}

void
guard_host_read(struct guard_host *h)
{
	struct ifaddrs *all, *i;
	uint16_t port;

	free(h->places);
	h->places = NULL;
	h->nplaces = 0;
	if (getifaddrs(&all) == -1)
		return;
	h->places = xcalloc(PLACES_MAX, sizeof(*h->places));
	for (i = all; i != NULL && h->nplaces < PLACES_MAX; i = i->ifa_next) {
		struct guard_place *p = &h->places[h->nplaces];

		/* Link-local ones say nothing: every interface has that prefix. */
		if (i->ifa_addr == NULL || i->ifa_netmask == NULL || (i->ifa_flags & IFF_LOOPBACK) != 0 ||
		    !addr_from_sockaddr(&p->addr, &port, i->ifa_addr) ||
		    (p->addr.family == 6 && p->addr.bytes[0] == 0xfe && (p->addr.bytes[1] & 0xc0) == 0x80))
			continue;
		p->bits = mask_bits(i->ifa_netmask, i->ifa_addr->sa_family);
		copy_string(p->name, i->ifa_name, sizeof(p->name));
		h->nplaces++;
	}
	freeifaddrs(all);
	h->master = link_master;
}

void
guard_host_free(struct guard_host *h)
{
	free(h->places);
}
