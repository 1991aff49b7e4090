/* Whatever the kernel is made to list, no read leaves the datagram, and no
 * sighting is of a multicast or made up hardware address. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "inventory/netlink.h"
#include "inventory/provider.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
on_news(const struct nl_neigh *n, void *arg)
{
	if (!mac_is_guest(n->mac) || (n->addr.family != 4 && n->addr.family != 6))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct conf_names names = { 2, { "ghlab*", "br0" } };
	static struct sighting list[256];
	static struct nl_tables *t;
	const char *why = NULL;
	size_t n = 0;

	if (t == NULL)
		t = netlink_tables_new();
	netlink_tables_clear(t);
	if (netlink_parse(t, data, len, &why) == NL_BROKEN && why == NULL)
		abort();
	netlink_sightings(t, &names, list, &n, 256);
	netlink_news(data, len, on_news, NULL);
	for (size_t i = 0; i < n; i++) {
		if ((list[i].has_mac && !mac_is_guest(list[i].mac)) ||
		    memchr(list[i].bridge, '\0', GH_IFNAME_SIZE) == NULL ||
		    memchr(list[i].port, '\0', GH_IFNAME_SIZE) == NULL ||
		    (strncmp(list[i].bridge, "ghlab", 5) != 0 && strcmp(list[i].bridge, "br0") != 0))
			abort();
	}
	return 0;
}
