#include "config.h"

#include "inventory/guard.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <stdlib.h>

#include "xmalloc.h"

enum { PLACES_MAX = 1024 };

void
guard_host_read(struct guard_host *h)
{
	struct ifaddrs *all;
	uint16_t port;

	h->nplaces = 0;
	if (getifaddrs(&all) == -1)
		return;
	if (h->places == NULL)
		h->places = xcalloc(PLACES_MAX, sizeof(*h->places));
	for (struct ifaddrs *i = all; i != NULL && h->nplaces < PLACES_MAX; i = i->ifa_next) {
		struct guard_place *p = &h->places[h->nplaces];

		/* Link-local ones say nothing: every interface has that prefix. */
		if (i->ifa_addr == NULL || i->ifa_netmask == NULL || (i->ifa_flags & IFF_LOOPBACK) != 0 ||
		    !addr_from_sockaddr(&p->addr, &port, i->ifa_addr) || addr_is_link_local6(&p->addr))
			continue;
		p->bits = addr_mask(&p->addr, i->ifa_netmask);
		copy_string(p->name, i->ifa_name, sizeof(p->name));
		h->nplaces++;
	}
	freeifaddrs(all);
}

void
guard_host_free(struct guard_host *h)
{
	free(h->places);
}
