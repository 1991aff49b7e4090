/* What FreeBSD and macOS have in common. */
#include "config.h"

#include "host.h"

#include <sys/types.h>
#include <sys/sysctl.h>

#include <stdlib.h>
#include <unistd.h>

const char *
host_getenv(const char *name)
{
	return issetugid() ? NULL : getenv(name);
}

bool
host_forwards(void)
{
	int on = 1;
	size_t len = sizeof(on);

	return sysctlbyname("net.inet.ip.forwarding", &on, &len, NULL, 0) == -1 || on != 0;
}

const char *
host_forwards_how(void)
{
	return "\"sysctl net.inet.ip.forwarding=1\", and for IPv6 net.inet6.ip6.forwarding";
}
