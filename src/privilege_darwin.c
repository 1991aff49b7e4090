/* macOS: a process that is not root has no privilege, so the change of user was
 * the step that counts. */
#include "config.h"

#include "privilege.h"

#include <sys/types.h>
#include <sys/ptrace.h>

#include <errno.h>
#include <string.h>

#include "xmalloc.h"

char *
privilege_bound(void)
{
	return NULL;
}

char *
privilege_drop(bool net)
{
	if (ptrace(PT_DENY_ATTACH, 0, NULL, 0) == -1)
		return xasprintf("cannot keep others from tracing this process: %s",
		    strerror(errno));
	return NULL;
}
