#include "config.h"

#include "peer.h"

#include <sys/socket.h>

#include <stdlib.h>

#include "xmalloc.h"

/* asm-generic/socket.h since Linux 4.13; the C library may be older. */
#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59
#endif

bool
peer_uid(int fd, uid_t *uid)
{
	struct ucred who;
	socklen_t len = sizeof(who);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == -1)
		return false;
	*uid = who.uid;
	return true;
}

bool
peer_in_group(int fd, gid_t gid)
{
	enum { GROUPS_MAX = 65536 };	/* NGROUPS_MAX of Linux */
	struct ucred who;
	socklen_t len = sizeof(who);
	gid_t *groups;
	bool found = false;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 && who.gid == gid)
		return true;
	len = GROUPS_MAX * sizeof(*groups);
	groups = xmalloc(len);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) == 0) {
		for (size_t i = 0; i < len / sizeof(*groups) && !found; i++)
			found = groups[i] == gid;
	}
	free(groups);
	return found;
}
