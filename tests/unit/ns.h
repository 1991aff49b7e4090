/*
 * For tests of the real kernel: a user and network namespace of their own, in
 * which an ordinary user is root and nothing of the machine is touched.
 */
#ifndef NS_H
#define NS_H

#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool
ns_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok = fd != -1 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd != -1)
		close(fd);
	return ok;
}

/* False where user namespaces are not to be had. */
static bool
ns_enter(void)
{
	char uid[64], gid[64];

	snprintf(uid, sizeof(uid), "0 %lu 1", (unsigned long)geteuid());
	snprintf(gid, sizeof(gid), "0 %lu 1", (unsigned long)getegid());
	return unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0 &&
	    ns_write("/proc/self/setgroups", "deny") && ns_write("/proc/self/uid_map", uid) &&
	    ns_write("/proc/self/gid_map", gid);
}

#endif
