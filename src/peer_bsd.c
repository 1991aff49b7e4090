#include "config.h"

#include "peer.h"

#include <sys/param.h>
#include <sys/socket.h>
#include <sys/ucred.h>
#include <sys/un.h>

#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

/* sys/un.h has it in some versions, only under this number in all. */
enum { LEVEL_LOCAL = 0 };

bool
peer_uid(int fd, uid_t *uid)
{
	gid_t gid;

	return getpeereid(fd, uid, &gid) == 0;
}

/* Whether the group's own list has the user. */
static bool
group_lists(gid_t gid, uid_t uid)
{
	char name[MAXLOGNAME];
	const struct passwd *pw = getpwuid(uid);
	const struct group *gr;

	if (pw == NULL || strlcpy(name, pw->pw_name, sizeof(name)) >= sizeof(name) ||
	    (gr = getgrgid(gid)) == NULL)
		return false;
	for (char **member = gr->gr_mem; *member != NULL; member++) {
		if (strcmp(*member, name) == 0)
			return true;
	}
	return false;
}

bool
peer_in_group(int fd, gid_t gid)
{
	struct xucred who;
	const int room = sizeof(who.cr_groups) / sizeof(who.cr_groups[0]);
	socklen_t len = sizeof(who);

	if (getsockopt(fd, LEVEL_LOCAL, LOCAL_PEERCRED, &who, &len) == -1 ||
	    len != sizeof(who) || who.cr_version != XUCRED_VERSION)
		return false;
	for (int i = 0; i < who.cr_ngroups && i < room; i++) {
		if (who.cr_groups[i] == gid)
			return true;
	}
	/* There is room for 16, and users of macOS have more than that. */
	return who.cr_ngroups >= room && group_lists(gid, who.cr_uid);
}
