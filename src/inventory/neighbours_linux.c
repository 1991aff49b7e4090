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
#include <net/if.h>
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
	NOTIFICATION_SIZE = 16 << 10,
	NEWS_BUFFER = 4 << 20,
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

/* With a socket of its own: what a broken dump left unread is gone with it. */
static char *
dump_alone(struct nl_tables *t, uint16_t type, uint8_t family, uint8_t *buf)
{
	const int fd = route_socket(0, 0);
	char *cause;

	if (fd == -1)
		return xasprintf("netlink: %s", strerror(errno));
	cause = dump(fd, t, type, family, buf);
	close(fd);
	return cause;
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

	if (conf->bridges.n == 0)
		return NULL;
	t = netlink_tables_new();
	buf = xmalloc(DATAGRAM_SIZE);
	for (size_t i = 0; cause == NULL && i < sizeof(dumps) / sizeof(dumps[0]); i++)
		cause = dump_alone(t, dumps[i].type, dumps[i].family, buf);
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

/* A change of a link is a long word, and there may be many: they must not crowd out
 * who has which address. */
bool
neighbours_subscribe(int fds[NEIGHBOURS_FDS])
{
	const int most = NEWS_BUFFER;

	fds[0] = route_socket(SOCK_NONBLOCK, RTMGRP_NEIGH);
	fds[1] = route_socket(SOCK_NONBLOCK, RTMGRP_LINK);
	/* What it allows is good too. */
	if (fds[0] != -1)
		setsockopt(fds[0], SOL_SOCKET, SO_RCVBUF, &most, sizeof(most));
	return fds[0] != -1 && fds[1] != -1;
}

struct news {
	const struct conf_names	*bridges;
	uint32_t		 link;		/* looked up last */
	bool			 fits;
	void			(*fn)(const struct addr *, const uint8_t mac[6], void *);
	void			*arg;
};

static void
on_news(const struct nl_neigh *row, void *arg)
{
	struct news *news = arg;
	char name[IF_NAMESIZE];

	if (row->link != news->link) {
		news->link = row->link;
		news->fits = if_indextoname(row->link, name) != NULL &&
		    conf_names_fit(news->bridges, name);
	}
	if (news->fits)
		news->fn(&row->addr, row->mac, news->arg);
}

/* Whose each address is now: some words were lost.  How many words that counts for. */
static size_t
neighbours_all(struct news *news)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	struct nl_tables *t = netlink_tables_new();
	uint8_t *buf = xmalloc(DATAGRAM_SIZE);
	size_t n;

	for (size_t i = 0; i < sizeof(families); i++)
		free(dump_alone(t, RTM_GETNEIGH, families[i], buf));
	for (size_t i = 0; i < t->nneighs; i++)
		on_news(&t->neighs[i], news);
	n = t->nneighs;
	free(buf);
	netlink_tables_free(t);
	return n;
}

size_t
neighbours_news(int fd, const struct conf_names *bridges, size_t max,
    void (*fn)(const struct addr *, const uint8_t mac[6], void *), void *arg)
{
	struct news news = { .bridges = bridges, .fn = fn, .arg = arg };
	struct sockaddr_nl from;
	uint8_t word[NOTIFICATION_SIZE];
	socklen_t len;
	bool lost = false;
	ssize_t got;
	size_t n;

	for (n = 0; n < max; n++) {
		len = sizeof(from);
		got = recvfrom(fd, word, sizeof(word), MSG_DONTWAIT, (struct sockaddr *)&from, &len);
		if (got == -1 && errno == ENOBUFS) {
			lost = true;
			continue;
		}
		if (got == -1)
			break;
		if (len == sizeof(from) && from.nl_pid == 0)
			netlink_news(word, (size_t)got, on_news, &news);
	}
	if (lost)
		n += neighbours_all(&news);
	return n;
}
