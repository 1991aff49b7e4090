/*
 * FreeBSD: a process that is not root has no privilege, so the change of user
 * was the step that counts.
 *
 * Capsicum's capability mode is not entered: in it no socket may connect to an
 * address, and dialling is what net is for.  What needs no such mode is done
 * where the descriptor is opened (original_freebsd.c).
 */
#include "config.h"

#include "privilege.h"

#include <sys/param.h>
#include <sys/procctl.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "host.h"
#include "xmalloc.h"

char *
privilege_bound(void)
{
	return NULL;
}

char *
privilege_drop(bool net)
{
	int off = PROC_TRACE_CTL_DISABLE;

	host_end_with_parent();
	/* Not by a debugger, and not by what it leaves when it dies. */
	if (procctl(P_PID, getpid(), PROC_TRACE_CTL, &off) == -1)
		return xasprintf("cannot keep others from tracing this process: %s",
		    strerror(errno));
	return NULL;
}
