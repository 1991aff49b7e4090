/*
 * Provider "neighbours" (FreeBSD, macOS): whatever sits behind a guarded bridge, as
 * the kernel knows it: its interfaces, its neighbours of both families, and which
 * member of a bridge a hardware address is behind.  Listing needs no privilege.
 */
#include "config.h"

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/sysctl.h>

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <net/if_dl.h>
#include <net/route.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fds.h"
#include "firewall/firewall.h"
#include "inventory/bridge.h"
#include "inventory/provider.h"
#include "inventory/routes.h"
#include "xmalloc.h"

enum {
	TRIES_MAX = 4,
	LIST_MAX = 32 << 20,
	LIST_MORE = 16 << 10,
	BRIDGE_KEPT = 1200,	/* seconds that a bridge remembers an address it does not hear */
};

/* ---- interfaces ---- */

static char *
links_read(struct nl_tables *t)
{
	struct ifaddrs *all;
	struct sockaddr_dl dl;
	struct nl_link link;

	if (getifaddrs(&all) == -1)
		return xasprintf("interfaces: %s", strerror(errno));
	for (const struct ifaddrs *i = all; i != NULL; i = i->ifa_next) {
		if (i->ifa_addr == NULL || i->ifa_addr->sa_family != AF_LINK)
			continue;
		memset(&dl, 0, sizeof(dl));
		memcpy(&dl, i->ifa_addr, i->ifa_addr->sa_len < sizeof(dl) ? i->ifa_addr->sa_len :
		    sizeof(dl));
		link = (struct nl_link){ .index = dl.sdl_index,
			.carrier = (i->ifa_flags & IFF_UP) != 0 && (i->ifa_flags & IFF_RUNNING) != 0 };
		copy_string(link.name, i->ifa_name, sizeof(link.name));
		netlink_add_link(t, &link);
	}
	freeifaddrs(all);
	return NULL;
}

/* ---- neighbours ---- */

/* What the kernel lists; NULL with *len 0: nothing. Caller frees. */
static uint8_t *
neighs_list(int family, size_t *len)
{
	int mib[] = { CTL_NET, PF_ROUTE, 0, family, NET_RT_FLAGS, RTF_LLINFO };
	const unsigned n = sizeof(mib) / sizeof(mib[0]);
	uint8_t *list = NULL;

	for (int i = 0; i < TRIES_MAX; i++) {
		if (sysctl(mib, n, NULL, len, NULL, 0) == -1 || *len > LIST_MAX)
			break;
		/* It grows while we look. */
		*len += LIST_MORE;
		list = xreallocarray(list, *len, 1);
		if (sysctl(mib, n, list, len, NULL, 0) == 0)
			return list;
		if (errno != ENOMEM)
			break;
	}
	free(list);
	*len = 0;
	return NULL;
}

static char *
neighs_read(struct nl_tables *t, int family)
{
	const char *why = NULL;
	size_t len;
	uint8_t *list;

	errno = 0;
	list = neighs_list(family, &len);
	/* A kernel without IPv6 has no such list. */
	if (list == NULL && family == AF_INET)
		return xasprintf("neighbours: %s", strerror(errno));
	if (list != NULL)
		why = routes_parse(t, &routes_layout, list, len, routes_now());
	free(list);
	return why != NULL ? xstrdup(why) : NULL;
}

/* ---- bridges ---- */

struct walk {
	struct nl_tables	*tables;
	uint32_t		 bridge;
};

static struct nl_link *
link_named(struct nl_tables *t, const char *name)
{
	for (size_t i = 0; i < t->nlinks; i++) {
		if (strcmp(t->links[i].name, name) == 0)
			return &t->links[i];
	}
	return NULL;
}

static void
on_row(const struct bridge_row *r, void *arg)
{
	const struct walk *w = arg;
	struct nl_link *link = link_named(w->tables, r->member);
	struct nl_neigh n = { .fdb = true, .master = w->bridge };

	if (link == NULL)
		return;
	if (r->mac == NULL) {
		link->master = w->bridge;
		return;
	}
	n.link = link->index;
	memcpy(n.mac, r->mac, sizeof(n.mac));
	n.age = r->fixed || r->left > BRIDGE_KEPT ? 0 : (uint32_t)(BRIDGE_KEPT - r->left);
	netlink_add_neigh(w->tables, &n, r->fixed);
}

static char *
bridges_read(struct nl_tables *t, const struct conf_names *names)
{
	const int fd = fds_socket(AF_INET, SOCK_DGRAM, 0);

	if (fd == -1)
		return xasprintf("bridges: %s", strerror(errno));
	for (size_t i = 0; i < t->nlinks; i++) {
		struct walk w = { t, t->links[i].index };

		if (fw_means(names, t->links[i].name))
			bridge_read(fd, t->links[i].name, on_row, &w);
	}
	close(fd);
	return NULL;
}

char *
neighbours_refresh(const struct conf *conf, struct sighting *list, size_t *n, size_t max)
{
	struct nl_tables *t;
	char *cause;

	if (conf->bridges.n == 0)
		return NULL;
	t = netlink_tables_new();
	cause = links_read(t);
	if (cause == NULL)
		cause = neighs_read(t, AF_INET);
	if (cause == NULL)
		cause = neighs_read(t, AF_INET6);
	if (cause == NULL)
		cause = bridges_read(t, &conf->bridges);
	if (cause == NULL) {
		netlink_sightings(t, &conf->bridges, list, n, max);
		if (t->flooded[0] != '\0')
			cause = xasprintf("behind port %s are more hardware addresses than can be "
			    "guests; new ones there are not shown", t->flooded);
	}
	netlink_tables_free(t);
	return cause;
}

bool
neighbours_subscribe(int fds[NEIGHBOURS_FDS])
{
	return (fds[0] = fds_socket_async(PF_ROUTE, SOCK_RAW, 0)) != -1;
}

/* The pass that follows asks for the whole. */
size_t
neighbours_news(int fd, const struct conf_names *bridges, size_t max,
    void (*fn)(const struct addr *, const uint8_t mac[6], void *), void *arg)
{
	char word[2048];
	size_t n = 0;

	while (n < max && recv(fd, word, sizeof(word), MSG_DONTWAIT) > 0)
		n++;
	return n;
}
