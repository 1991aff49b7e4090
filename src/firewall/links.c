/*
 * What the kernel knows about the guarded bridges (rtnetlink(7)): the links
 * whose master is one of them, and the bridges' own addresses.
 *
 * Read whole each time something changes, by one dump of links and one of
 * addresses: a few thousand links take about a millisecond, and a dump
 * cannot go out of step as a log of changes can.
 */
#include "config.h"

#include "firewall/nft.h"

#include <sys/socket.h>

#include <errno.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "firewall/nlsock.h"
#include "text.h"
#include "xmalloc.h"

enum { LINKS_SEEN_MAX = 8192 };

struct link {
	uint32_t	index, master;
	char		name[GH_IFNAME_SIZE];
};

struct scan {
	const struct conf_names	*bridges;
	struct links		*links;
	struct link		*seen;
	uint32_t		 nseen;
	bool			 too_many;
	char			 bad_name[4 * GH_IFNAME_SIZE];	/* escaped */
};

static void
see_link(const struct nlmsghdr *nh, void *arg)
{
	struct scan *s = arg;
	struct ifinfomsg ifi;
	struct link link = { 0, 0, "" };
	struct nlsock_attr a;
	const uint8_t *p;
	size_t left;

	if (nh->nlmsg_type != RTM_NEWLINK || !nlsock_body(nh, &ifi, sizeof(ifi), &p, &left))
		return;
	link.index = (uint32_t)ifi.ifi_index;
	while (nlsock_attr_next(&p, &left, &a)) {
		if (a.type == IFLA_IFNAME)
			nlsock_string(&a, link.name, sizeof(link.name));
		else if (a.type == IFLA_MASTER)
			link.master = nlsock_u32(&a);
	}
	if (s->nseen == LINKS_SEEN_MAX)
		s->too_many = true;
	else
		s->seen[s->nseen++] = link;
}

static const struct link *
link_find(const struct scan *s, uint32_t index)
{
	for (uint32_t i = 0; index != 0 && i < s->nseen; i++) {
		if (s->seen[i].index == index)
			return &s->seen[i];
	}
	return NULL;
}

static void
keep_ports(struct scan *s)
{
	struct links *l = s->links;

	for (uint32_t i = 0; i < s->nseen; i++) {
		const struct link *port = &s->seen[i], *master = link_find(s, port->master);

		if (master == NULL || !conf_names_fit(s->bridges, master->name))
			continue;
		if (!nft_name_ok(port->name))
			text_escape(s->bad_name, sizeof(s->bad_name), port->name, strlen(port->name));
		else if (l->nports == LINKS_PORTS_MAX)
			s->too_many = true;
		else
			copy_string(l->port[l->nports++], port->name, GH_IFNAME_SIZE);
	}
}

static void
see_address(const struct nlmsghdr *nh, void *arg)
{
	struct scan *s = arg;
	struct ifaddrmsg ifa;
	struct nlsock_attr a;
	struct addr addr = { 0 };
	const struct link *link;
	const uint8_t *p;
	size_t left, want;

	if (nh->nlmsg_type != RTM_NEWADDR || !nlsock_body(nh, &ifa, sizeof(ifa), &p, &left))
		return;
	link = link_find(s, ifa.ifa_index);
	if (link == NULL || !conf_names_fit(s->bridges, link->name))
		return;
	want = ifa.ifa_family == AF_INET ? 4 : 16;
	while (nlsock_attr_next(&p, &left, &a)) {
		/* IFA_LOCAL is our own end where IFA_ADDRESS is a peer's. */
		if ((a.type == IFA_LOCAL || (a.type == IFA_ADDRESS && addr.family == 0)) &&
		    a.len == want) {
			addr.family = ifa.ifa_family == AF_INET ? 4 : 6;
			memcpy(addr.bytes, a.data, want);
		}
	}
	if (addr.family == 0)
		return;
	if (s->links->naddrs == LINKS_ADDRS_MAX) {
		s->too_many = true;
		return;
	}
	s->links->addr[s->links->naddrs].addr = addr;
	s->links->addr[s->links->naddrs++].bits = ifa.ifa_prefixlen;
}

int
links_watch(void)
{
	return nlsock_open(NETLINK_ROUTE, RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR);
}

char *
links_read(const struct conf_names *bridges, struct links *l)
{
	struct scan s = { .bridges = bridges, .links = l };
	const struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC };
	const struct ifaddrmsg ifa = { .ifa_family = AF_UNSPEC };
	char *cause = NULL;
	int fd;

	memset(l, 0, sizeof(*l));
	fd = nlsock_open(NETLINK_ROUTE, 0);
	if (fd == -1)
		return xasprintf("cannot ask the kernel for network interfaces: %s",
		    strerror(errno));
	s.seen = xcalloc(LINKS_SEEN_MAX, sizeof(*s.seen));
	if (!nlsock_dump(fd, RTM_GETLINK, &ifi, sizeof(ifi), see_link, &s) ||
	    (keep_ports(&s), !nlsock_dump(fd, RTM_GETADDR, &ifa, sizeof(ifa), see_address, &s)))
		cause = xasprintf("cannot list network interfaces: %s", strerror(errno));
	else if (s.bad_name[0] != '\0')
		cause = xasprintf("bridge port \"%s\" has a name that nft rules cannot hold: rename "
		    "it; until then guests behind it are not kept apart", s.bad_name);
	else if (s.too_many)
		cause = xasprintf("more than %d bridge ports or %d bridge addresses: not all are "
		    "covered", LINKS_PORTS_MAX, LINKS_ADDRS_MAX);
	free(s.seen);
	close(fd);
	return cause;
}

bool
links_guest(const struct links *l, const struct addr *a)
{
	bool behind = false;

	for (uint32_t i = 0; i < l->naddrs; i++) {
		if (addr_equal(a, &l->addr[i].addr))
			return false;
		if (addr_in_prefix(a, &l->addr[i].addr, l->addr[i].bits))
			behind = true;
	}
	return behind;
}
