#include "config.h"

#include "host.h"

#include <sys/prctl.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "xmalloc.h"

const char *
host_exe(void)
{
	return "/proc/self/exe";
}

void
host_end_with_parent(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
}

const char *
host_getenv(const char *name)
{
	return secure_getenv(name);
}

bool
host_forwards(void)
{
	FILE *f = fopen("/proc/sys/net/ipv4/ip_forward", "re");
	int c = f != NULL ? fgetc(f) : '1';

	if (f != NULL)
		fclose(f);
	return c != '0';
}

const char *
host_forwards_how(void)
{
	return "\"sysctl -w net.ipv4.ip_forward=1\", and for IPv6 net.ipv6.conf.all.forwarding";
}

char *
host_user_how(const char *user)
{
	return xasprintf("useradd --system --user-group --no-create-home "
	    "--shell /usr/sbin/nologin %s", user);
}

const char host_bridges[] = "virbr*, incusbr*, lxdbr*, mpqemubr*";

unsigned
host_first_uid(void)
{
	return 1000;
}
