/* Whatever stands in a lease file, sightings are names of one harmless word and
 * addresses, and the join takes them. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "inventory/provider.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct sighting list[64];
	static struct conf conf;
	struct inventory *inv;
	size_t n = 0;

	leases_parse((const char *)data, len, 0, list, &n, 64);
	if (n > 64)
		abort();
	for (size_t i = 0; i < n; i++) {
		if (!list[i].hint || list[i].naddrs != 1 || list[i].addrs[0].family == 0 ||
		    strpbrk(list[i].name, " \t\\*?!@#=/\"'\x1b") != NULL || list[i].name[0] == '-' ||
		    memchr(list[i].name, '\0', sizeof(list[i].name)) == NULL)
			abort();
		/* As if all of them had been heard. */
		list[i].hint = false;
	}
	inv = inventory_new(NULL, &conf, NULL, NULL);
	inventory_merge(inv, list, n, 1000000);
	inventory_merge(inv, list, n, 2000000);
	if (inventory_count(inv) > n)
		abort();
	inventory_free(inv);
	return 0;
}
