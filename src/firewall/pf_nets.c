#include "config.h"

#include "firewall/pf.h"

#include <sys/socket.h>

#include <ifaddrs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "xmalloc.h"

static bool
net_text(const struct ifaddrs *ifa, char *text, size_t size, bool *v6)
{
	char base[ADDR_TEXT_SIZE];
	struct addr a;
	unsigned bits;
	uint16_t port;

	if (ifa->ifa_addr == NULL || ifa->ifa_netmask == NULL ||
	    !addr_from_sockaddr(&a, &port, ifa->ifa_addr))
		return false;
	*v6 = a.family == 6;
	if (addr_is_link_local6(&a)) {
		/* Which interface it is on is in some systems' form of the address. */
		snprintf(text, size, "fe80::/10");
		return true;
	}
	bits = addr_mask(&a, ifa->ifa_netmask);
	snprintf(text, size, "%s/%u", addr_format(&a, base), bits);
	return true;
}

void
pf_nets_each(const struct pf_host *host, const struct conf_names *bridges,
    void (*cb)(const char *, bool, void *), void *arg)
{
	char text[ADDR_TEXT_SIZE + 8];
	struct ifaddrs *all;
	bool v6;

	if (getifaddrs(&all) == -1)
		return;
	for (const struct ifaddrs *ifa = all; ifa != NULL; ifa = ifa->ifa_next) {
		if (pf_means(host, bridges, ifa->ifa_name) &&
		    net_text(ifa, text, sizeof(text), &v6))
			cb(text, v6, arg);
	}
	freeifaddrs(all);
}

void
pf_links_add(const struct pf_host *host, const struct conf_names *bridges, struct pf_names *names)
{
	struct ifaddrs *all;

	if (getifaddrs(&all) == -1)
		return;
	for (const struct ifaddrs *ifa = all; ifa != NULL; ifa = ifa->ifa_next) {
		if (bridges == NULL || pf_means(host, bridges, ifa->ifa_name))
			pf_names_add(names, ifa->ifa_name);
	}
	freeifaddrs(all);
}

static void
members_of(const struct pf_host *host, const char *bridge, struct pf_names *names)
{
	const char *const argv[] = { host->ifconfig, bridge, NULL };
	struct program_said said;
	char *cause = pf_run(host, argv, NULL, &said);

	if (cause == NULL) {
		if (said.code == 0)
			pf_members_parse(said.out, names);
		program_said_free(&said);
	}
	free(cause);
}

/* One with an address is the host's way to somewhere, which its own rules are for. */
static bool
has_address(const struct ifaddrs *all, const char *name)
{
	struct addr a;
	uint16_t port;

	for (; all != NULL; all = all->ifa_next) {
		if (strcmp(all->ifa_name, name) == 0 && all->ifa_addr != NULL &&
		    addr_from_sockaddr(&a, &port, all->ifa_addr) && !addr_is_link_local6(&a))
			return true;
	}
	return false;
}

void
pf_members_read(const struct pf_host *host, const struct conf_names *bridges,
    struct pf_names *names, char addressed[GH_IFNAME_SIZE])
{
	struct pf_names *found, *seen;
	struct ifaddrs *all;

	names->n = 0;
	addressed[0] = '\0';
	if (!host->members || getifaddrs(&all) == -1)
		return;
	found = xcalloc(1, sizeof(*found));
	seen = xcalloc(1, sizeof(*seen));
	for (const struct ifaddrs *ifa = all; ifa != NULL; ifa = ifa->ifa_next) {
		const size_t before = seen->n;

		if (pf_means(host, bridges, ifa->ifa_name))
			pf_names_add(seen, ifa->ifa_name);
		if (seen->n > before)
			members_of(host, ifa->ifa_name, found);
	}
	for (size_t i = 0; i < found->n; i++) {
		if (!has_address(all, found->name[i]))
			pf_names_add(names, found->name[i]);
		else if (addressed[0] == '\0')
			copy_string(addressed, found->name[i], GH_IFNAME_SIZE);
	}
	freeifaddrs(all);
	free(found);
	free(seen);
}

bool
pf_members_are_guests(const struct pf_host *host)
{
	static const struct conf_names bridges = { .n = 1, .name = { "bridge*" } };
	struct pf_names *members = xcalloc(1, sizeof(*members));
	char addressed[GH_IFNAME_SIZE];
	bool are;

	pf_members_read(host, &bridges, members, addressed);
	are = members->n > 0 && addressed[0] == '\0';
	for (size_t i = 0; i < members->n && are; i++)
		are = pf_is_guests_end(host, members->name[i]);
	free(members);
	return are;
}

enum { SELF_MAX = 128 };	/* addresses; a host that has more is no host of guests */

static int
self_compare(const void *a, const void *b)
{
	return addr_compare(a, b);
}

/* macOS keeps a table for "(self)", but puts nothing into it. */
char *
pf_self_text(const struct pf_host *host)
{
	struct addr addrs[SELF_MAX] = { { .family = 4, .bytes = { 127, 0, 0, 1 } } };
	char base[ADDR_TEXT_SIZE], *text;
	struct ifaddrs *all;
	size_t n = 1, size;
	uint16_t port;
	FILE *f;

	if (host->self_follows)
		return xstrdup("(self)");
	if (getifaddrs(&all) == -1)
		all = NULL;
	for (const struct ifaddrs *ifa = all; ifa != NULL && n < SELF_MAX; ifa = ifa->ifa_next) {
		if (ifa->ifa_addr != NULL && addr_from_sockaddr(&addrs[n], &port, ifa->ifa_addr) &&
		    !addr_is_link_local6(&addrs[n]))
			n++;
	}
	if (all != NULL)
		freeifaddrs(all);
	qsort(addrs, n, sizeof(addrs[0]), self_compare);
	f = xmemstream(&text, &size);
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || addr_compare(&addrs[i], &addrs[i - 1]) != 0)
			fprintf(f, "%s%s", i > 0 ? " " : "", addr_format(&addrs[i], base));
	}
	fclose(f);
	return text;
}

char *
pf_nets_uncovered(const struct pf_host *host, const struct conf_names *bridges)
{
	struct ifaddrs *all;
	char *cause = NULL;

	if (getifaddrs(&all) == -1)
		return NULL;
	for (const struct ifaddrs *ifa = all; ifa != NULL && cause == NULL; ifa = ifa->ifa_next) {
		if (pf_means(host, bridges, ifa->ifa_name) &&
		    !pf_covers(host, bridges, ifa->ifa_name))
			cause = xasprintf("%s is not guarded: pf rules cannot hold every name of "
			    "that kind ahead; name it in \"bridge\" of section [guard]",
			    ifa->ifa_name);
	}
	freeifaddrs(all);
	return cause;
}

static char *
bridged_cause(const struct pf_host *host, const char *bridge, const char *member)
{
	if (!host->members)
		return xasprintf("%s has %s as a member: what guests behind it send there never "
		    "comes by pf; use a shared (NAT) network instead of a bridged one", bridge, member);
	return xasprintf("%s in %s leads to others, whom \"bridge\" of [guard] makes guests, your ssh "
	    "too: name there the guests' own bridges, or %s itself if that is meant", member, bridge,
	    bridge);
}

/* The first member that is no guest's end, or "". */
static void
uplink_of(const struct pf_host *host, const char *bridge, char uplink[GH_IFNAME_SIZE])
{
	struct pf_names *members = xcalloc(1, sizeof(*members));

	uplink[0] = '\0';
	members_of(host, bridge, members);
	for (size_t i = 0; i < members->n && uplink[0] == '\0'; i++) {
		if (!pf_is_guests_end(host, members->name[i]))
			copy_string(uplink, members->name[i], GH_IFNAME_SIZE);
	}
	free(members);
}

static bool
is_named(const struct conf_names *bridges, const char *ifname)
{
	for (uint32_t i = 0; i < bridges->n; i++) {
		if (strcmp(bridges->name[i], ifname) == 0)
			return true;
	}
	return false;
}

char *
pf_nets_bridged(const struct pf_host *host, const struct conf_names *bridges,
    const struct conf_names *held)
{
	char uplink[GH_IFNAME_SIZE];
	struct pf_names *seen;
	struct ifaddrs *all;
	char *cause = NULL;

	if (getifaddrs(&all) == -1)
		return NULL;
	seen = xcalloc(1, sizeof(*seen));
	for (const struct ifaddrs *ifa = all; ifa != NULL && cause == NULL; ifa = ifa->ifa_next) {
		const char *name = ifa->ifa_name;
		const size_t before = seen->n;

		if (pf_covers(host, bridges, name) && !(host->members && is_named(bridges, name)) &&
		    (held == NULL || !pf_covers(host, held, name)))
			pf_names_add(seen, name);
		if (seen->n == before)
			continue;
		uplink_of(host, name, uplink);
		if (uplink[0] != '\0')
			cause = bridged_cause(host, name, uplink);
	}
	freeifaddrs(all);
	free(seen);
	return cause;
}
