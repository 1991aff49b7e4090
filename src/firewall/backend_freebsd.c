#include "config.h"

#include "firewall/pf.h"

#include <sys/param.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/sysctl.h>

#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fds.h"
#include "xmalloc.h"

enum { GROUPS_MAX = 64 };	/* of one interface; a host has a handful */

const struct fw_backend *
fw_backend_here(void)
{
	return fw_backend_find("pf");
}

bool
fw_means(const struct conf_names *bridges, const char *ifname)
{
	return pf_means(pf_host_here(), bridges, ifname);
}

bool
fw_covers(const struct conf_names *bridges, const char *ifname)
{
	return pf_covers(pf_host_here(), bridges, ifname);
}

char *
fw_cuts_others(const struct conf_names *bridges)
{
	return pf_nets_bridged(pf_host_here(), bridges, NULL);
}

const struct pf_host *
pf_host_here(void)
{
	return &pf_host_freebsd;
}

bool
pf_bridge_setting(const char *name, int *value)
{
	uint8_t bytes[sizeof(*value)];
	size_t size = sizeof(bytes);

	if (sysctlbyname(name, bytes, &size, NULL, 0) == -1)
		return false;
	/* Some are of one byte. */
	if (size == sizeof(*value))
		memcpy(value, bytes, sizeof(*value));
	else
		*value = bytes[0];
	return size == sizeof(*value) || size == 1;
}

bool
pf_bridge_set(const char *name, int value)
{
	const uint8_t byte = (uint8_t)value;
	size_t size = 0;

	if (sysctlbyname(name, NULL, &size, NULL, 0) == -1)
		return false;
	return sysctlbyname(name, NULL, NULL, size == 1 ? (const void *)&byte : &value, size) == 0;
}

bool
pf_in_group(const char *ifname, const char *group)
{
	struct ifg_req *list = xcalloc(GROUPS_MAX, sizeof(*list));
	struct ifgroupreq ask = { .ifgr_len = GROUPS_MAX * sizeof(*list) };
	const int fd = fds_socket(AF_LOCAL, SOCK_DGRAM, 0);
	bool is = false;

	copy_string(ask.ifgr_name, ifname, sizeof(ask.ifgr_name));
	ask.ifgr_groups = list;
	if (fd != -1 && ioctl(fd, SIOCGIFGROUP, &ask) == 0) {
		for (size_t i = 0; i < ask.ifgr_len / sizeof(*list) && !is; i++)
			is = strncmp(list[i].ifgrq_group, group, sizeof(list[i].ifgrq_group)) == 0;
	}
	if (fd != -1)
		close(fd);
	free(list);
	return is;
}
