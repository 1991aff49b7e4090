#include "config.h"

#include "inventory/guard.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "xmalloc.h"

enum { PLACES_MAX = 1024 };

/* Bridges have addresses here, or no guest behind them could be routed. */
static void
bridged_read(struct guard_host *h)
{
	h->nbridged = 0;
	for (size_t i = 0; i < h->nplaces && h->nbridged < BRIDGED_MAX; i++) {
		const char *name = h->places[i].name;
		bool known = i > 0 && strcmp(h->places[i - 1].name, name) == 0;

		for (size_t k = 0; k < h->nbridged; k++)
			known |= strcmp(h->bridged[k], name) == 0;
		if (!known && h->covers != NULL && h->covers(&h->conf->bridges, name) && link_bridged(name))
			copy_string(h->bridged[h->nbridged++], name, GH_IFNAME_SIZE);
	}
}

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
	bridged_read(h);
}

void
guard_host_free(struct guard_host *h)
{
	free(h->places);
}

bool
link_exists(const char *name)
{
	return if_nametoindex(name) != 0;
}
