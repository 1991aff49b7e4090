/* A system without user namespaces: every id means the same to everyone. */
#include "config.h"

#include "userns.h"

bool
userns_is_initial(void)
{
	return true;
}

bool
userns_is_real_root(uid_t uid)
{
	return uid == 0;
}

bool
userns_has_uid(uid_t uid)
{
	return true;
}

bool
userns_has_gid(gid_t gid)
{
	return true;
}

bool
userns_is_outsider(uid_t uid)
{
	return false;
}
