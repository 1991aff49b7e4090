#include "config.h"

#include "inventory/guard.h"

#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "xmalloc.h"

/* Rules of the bridge hold for all its ports. */
bool
link_bridged(const char *bridge)
{
	return false;
}

bool
link_master(const char *link, char dst[GH_IFNAME_SIZE])
{
	char path[64], target[256];
	const char *name;
	ssize_t n;

	if (strchr(link, '/') != NULL || link[0] == '.')
		return false;
	snprintf(path, sizeof(path), "/sys/class/net/%.15s/master", link);
	if ((n = readlink(path, target, sizeof(target) - 1)) <= 0) {
		/* One that is no bridge's is where its guest is. */
		if (if_nametoindex(link) == 0)
			return false;
		copy_string(dst, link, GH_IFNAME_SIZE);
		return true;
	}
	target[n] = '\0';
	name = strrchr(target, '/');
	name = name != NULL ? name + 1 : target;
	return copy_string(dst, name, GH_IFNAME_SIZE) < GH_IFNAME_SIZE && *name != '\0';
}
