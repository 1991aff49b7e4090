/*
 * The maps in /proc: lines of "first id inside, first id outside, count"
 * (user_namespaces(7)).  The initial namespace maps every id to itself.
 */
#include "config.h"

#include "userns.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>

enum { OVERFLOW_ID = 65534 };

static bool
map_has(const char *path, uint32_t id, bool *identity)
{
	uint32_t inside, outside, count;
	bool found = false;
	FILE *f = fopen(path, "re");

	*identity = true;
	if (f == NULL)
		return true;
	while (fscanf(f, "%" SCNu32 " %" SCNu32 " %" SCNu32, &inside, &outside, &count) == 3) {
		if (inside != 0 || outside != 0 || count != UINT32_MAX)
			*identity = false;
		if (id >= inside && id - inside < count)
			found = true;
	}
	fclose(f);
	return found;
}

bool
userns_is_initial(void)
{
	bool identity;

	map_has("/proc/self/uid_map", 0, &identity);
	return identity;
}

bool
userns_is_real_root(uid_t uid)
{
	return uid == 0 && userns_is_initial();
}

bool
userns_has_uid(uid_t uid)
{
	bool identity;

	return map_has("/proc/self/uid_map", uid, &identity);
}

bool
userns_has_gid(gid_t gid)
{
	bool identity;

	return map_has("/proc/self/gid_map", gid, &identity);
}

bool
userns_is_outsider(uid_t uid)
{
	return uid == OVERFLOW_ID && !userns_is_initial();
}
