/* Whatever stands in libvirt's list of leases, sightings are whole and few. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "inventory/provider.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct sighting list[16];
	size_t n = 0;

	if (!libvirt_parse((const char *)data, len, 0, list, &n, 16) && n != 0)
		abort();
	for (size_t i = 0; i < n; i++) {
		if (!list[i].hint || list[i].naddrs != 1 || list[i].addrs[0].family == 0 ||
		    strpbrk(list[i].name, " \\*?!@#=/\"'\x1b") != NULL ||
		    memchr(list[i].name, '\0', sizeof(list[i].name)) == NULL)
			abort();
	}
	return 0;
}
