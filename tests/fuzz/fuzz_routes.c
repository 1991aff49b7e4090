/* Whatever is in a list of neighbours, only its bytes are read, and what comes of it is
 * fit to be a row. The first byte says whose padding it has. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "inventory/provider.h"
#include "inventory/routes.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct routes_layout layouts[] = {
		{ .header = 152, .flags = 8, .addrs = 12, .expire = 64, .expire_size = 8, .round = 8,
		    .own = 0x100000, .inet = 2, .inet6 = 28, .link = 18 },
		{ .header = 92, .flags = 8, .addrs = 12, .expire = 48, .expire_size = 4, .round = 4,
		    .own = 0x200000, .inet = 2, .inet6 = 30, .link = 18 },
	};
	static struct nl_tables *t;

	if (len == 0)
		return 0;
	if (t == NULL)
		t = netlink_tables_new();
	netlink_tables_clear(t);
	routes_parse(t, &layouts[data[0] % 2], data + 1, len - 1, 5000);
	for (size_t i = 0; i < t->nneighs; i++) {
		const struct nl_neigh *n = &t->neighs[i];

		if (!mac_is_guest(n->mac) || n->age >= NETLINK_FORGOTTEN ||
		    (n->addr.family != 4 && n->addr.family != 6))
			abort();
	}
	return 0;
}
