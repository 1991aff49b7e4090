/* nftables; pf rules as text are those of FreeBSD. */
#include "config.h"

#include "firewall/pf.h"

const struct fw_backend *
fw_backend_here(void)
{
	return fw_backend_find("nft");
}

bool
fw_means(const struct conf_names *bridges, const char *ifname)
{
	return conf_names_fit(bridges, ifname);
}

bool
fw_covers(const struct conf_names *bridges, const char *ifname)
{
	return conf_names_fit(bridges, ifname);
}

char *
fw_cuts_others(const struct conf_names *bridges)
{
	(void)bridges;
	return NULL;
}

const struct pf_host *
pf_host_here(void)
{
	return &pf_host_freebsd;
}

bool
pf_bridge_setting(const char *name, int *value)
{
	(void)name;
	(void)value;
	return false;
}

bool
pf_bridge_set(const char *name, int value)
{
	(void)name;
	(void)value;
	return false;
}

bool
pf_in_group(const char *ifname, const char *group)
{
	(void)ifname;
	(void)group;
	return false;
}
