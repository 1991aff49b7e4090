#include "config.h"

#include "host.h"

#include <sys/param.h>
#include <sys/procctl.h>
#include <sys/sysctl.h>

#include <signal.h>

#include "xmalloc.h"

const char *
host_exe(void)
{
	static const int mib[] = { CTL_KERN, KERN_PROC, KERN_PROC_PATHNAME, -1 };
	static char path[MAXPATHLEN];
	size_t len = sizeof(path);

	return sysctl(mib, sizeof(mib) / sizeof(mib[0]), path, &len, NULL, 0) == -1 ? NULL : path;
}

void
host_end_with_parent(void)
{
	int signo = SIGKILL;

	procctl(P_PID, 0, PROC_PDEATHSIG_CTL, &signo);
}

char *
host_user_how(const char *user)
{
	return xasprintf("pw useradd %s -d /nonexistent -s /usr/sbin/nologin -c gatehouse", user);
}

const char host_bridges[] = "bridge*";

unsigned
host_first_uid(void)
{
	return 1001;
}
