/*
 * Provider "neighbours" (Linux): whatever sits behind a guarded bridge, as the
 * kernel knows it: links and their masters, the neighbour tables of both
 * families, and the bridges' forwarding tables for the port of each guest.
 * Listing needs no privilege.
 *
 * The kernel fills a dump while we read it, so reading never waits for anyone
 * else; deadline and table sizes bound what a flooded table can cost.
 */
#include "config.h"

#include <sys/socket.h>
#include <sys/time.h>

#include <errno.h>
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "inventory/netlink.h"
#include "inventory/provider.h"
#include "xmalloc.h"

enum {
	DATAGRAM_SIZE = 64 << 10,
	DEADLINE_US = 200 * 1000,	/* for one table */
	RECEIVE_US = 50 * 1000,
};

static int
dump_ask(int fd, uint16_t type, uint8_t family)
{
	struct {
		struct nlmsghdr	h;
		union {
			struct ifinfomsg	link;
			struct ndmsg		neigh;
		} body;
	} ask;

	memset(&ask, 0, sizeof(ask));
	ask.h.nlmsg_type = type;
	ask.h.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	if (type == RTM_GETLINK) {
		ask.h.nlmsg_len = NLMSG_LENGTH(sizeof(ask.body.link));
		ask.body.link.ifi_family = family;
	} else {
		/* The kernel takes a dump of AF_BRIDGE only with the size of ifinfomsg
		 * or of ndmsg; this is the latter, for all bridges. */
		ask.h.nlmsg_len = NLMSG_LENGTH(sizeof(ask.body.neigh));
		ask.body.neigh.ndm_family = family;
	}
	return send(fd, &ask, ask.h.nlmsg_len, 0) == -1 ? -1 : 0;
}

/* Reads one dump into the tables. NULL or a cause. */
static char *
dump(int fd, struct nl_tables *t, uint16_t type, uint8_t family, uint8_t *buf)
{
	const uint64_t end = now_mono() + DEADLINE_US;
	const char *why = "";
	struct sockaddr_nl from;
	socklen_t len;
	ssize_t n;

	if (dump_ask(fd, type, family) == -1)
		return xasprintf("netlink: %s", strerror(errno));
	for (;;) {
		len = sizeof(from);
		n = recvfrom(fd, buf, DATAGRAM_SIZE, 0, (struct sockaddr *)&from, &len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return xasprintf("netlink: %s", strerror(errno));
		if (len != sizeof(from) || from.nl_pid != 0)
			continue;
		switch (netlink_parse(t, buf, (size_t)n, &why)) {
		case NL_DONE:
			return NULL;
		case NL_BROKEN:
			return xasprintf("netlink: %s", why);
		case NL_MORE:
			break;
		}
		/* Forwarding rows are as many as guests like: some must do. */
		if (now_mono() > end)
			return family == AF_BRIDGE ? NULL :
			    xstrdup("netlink: listing took too long");
	}
}

static int
route_socket(int flags, uint32_t groups)
{
	struct sockaddr_nl self = { .nl_family = AF_NETLINK, .nl_groups = groups };
	const struct timeval patience = { .tv_usec = RECEIVE_US };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | flags, NETLINK_ROUTE);

	if (fd == -1)
		return -1;
	if (bind(fd, (struct sockaddr *)&self, sizeof(self)) == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == -1) {
		close(fd);
		return -1;
	}
	return fd;
}

char *
neighbours_refresh(const struct conf *conf, struct sighting *list, size_t *n, size_t max)
{
	static const struct {
		uint16_t	type;
		uint8_t		family;
	} dumps[] = {
		{ RTM_GETLINK, AF_UNSPEC },
		{ RTM_GETNEIGH, AF_INET },
		{ RTM_GETNEIGH, AF_INET6 },
		{ RTM_GETNEIGH, AF_BRIDGE },
	};
	struct nl_tables *t;
	uint8_t *buf;
	char *cause = NULL;
	int fd;

	if (conf->bridges.n == 0)
		return NULL;
	t = netlink_tables_new();
	buf = xmalloc(DATAGRAM_SIZE);
	for (size_t i = 0; cause == NULL && i < sizeof(dumps) / sizeof(dumps[0]); i++) {
		/* A socket each: what a broken dump left unread is gone with it. */
		if ((fd = route_socket(0, 0)) == -1) {
			cause = xasprintf("netlink: %s", strerror(errno));
			break;
		}
		cause = dump(fd, t, dumps[i].type, dumps[i].family, buf);
		close(fd);
	}
	if (cause == NULL) {
		netlink_sightings(t, &conf->bridges, list, n, max);
		if (t->flooded[0] != '\0')
			cause = xasprintf("behind port %s are more hardware addresses than can be "
			    "guests; new ones there are not shown", t->flooded);
	}
	free(buf);
	netlink_tables_free(t);
	return cause;
}

int
neighbours_subscribe(void)
{
	return route_socket(SOCK_NONBLOCK, RTMGRP_NEIGH | RTMGRP_LINK);
}
