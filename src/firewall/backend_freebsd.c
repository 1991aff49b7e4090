#include "config.h"

#include <sys/types.h>
#include <sys/sysctl.h>

#include "firewall/pf.h"

const struct fw_backend *
fw_backend_here(void)
{
	return fw_backend_find("pf");
}

bool
fw_covers(const struct conf_names *bridges, const char *ifname)
{
	return pf_covers(pf_host_here(), bridges, ifname);
}

const struct pf_host *
pf_host_here(void)
{
	return &pf_host_freebsd;
}

bool
pf_bridge_setting(const char *name, int *value)
{
	size_t size = sizeof(*value);

	return sysctlbyname(name, value, &size, NULL, 0) == 0 && size == sizeof(*value);
}
