/* Linux: capabilities, no_new_privs, and a bar on system calls (seccomp.c). */
#include "config.h"

#include "privilege.h"

#include <sys/prctl.h>
#include <sys/syscall.h>

#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <unistd.h>

#include "host.h"
#include "seccomp.h"
#include "xmalloc.h"

/* Also for whatever would be executed: nothing can give a capability back. */
char *
privilege_bound(void)
{
	for (unsigned long cap = 0; cap < 64; cap++) {
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == -1) {
			if (errno == EINVAL)	/* past the last one this kernel knows */
				break;
			return xasprintf("cannot drop capability %lu: %s", cap, strerror(errno));
		}
	}
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return NULL;
}

static char *
drop_capabilities(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { { 0, 0, 0 } };

	if (syscall(SYS_capset, &head, none) == -1)
		return xasprintf("cannot drop capabilities: %s", strerror(errno));
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return xasprintf("cannot set no_new_privs: %s", strerror(errno));
	return NULL;
}

char *
privilege_drop(bool net)
{
	char *cause = drop_capabilities();

	/* Executed as /proc/self/exe, it would be "exe" in ps and in messages. */
	prctl(PR_SET_NAME, "gatehouse", 0, 0, 0);
	if (cause == NULL)
		cause = seccomp_enter(net);
	/* Nobody reads our memory; and a change of user took the wish back to
	 * end with priv. */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	host_end_with_parent();
	return cause;
}
