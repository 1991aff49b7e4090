/*
 * Linux: rtnetlink(7).  A question is RTM_GETROUTE for the one address, which
 * the kernel has answered when send() returns: the type of the route tells,
 * whereas the source address that a socket would get does not (for a secondary
 * address of an interface it is the first one).
 */
#include "config.h"

#include "own.h"

#include <sys/ioctl.h>
#include <sys/socket.h>

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fds.h"
#include "xmalloc.h"

enum { ANSWER_SIZE = 4096, ANSWERS_MAX = 8 };

struct own {
	int	ask, changes;
};

struct question {
	struct nlmsghdr	head;
	struct rtmsg	route;
	struct rtattr	attr;
	uint8_t		dst[16];
};

/* What the kernel says of an address. */
struct answer {
	bool		own;		/* true also where it cannot be told */
	bool		gateway;	/* behind another router */
	uint32_t	link;		/* which it is behind, 0: none */
};

static int
route_socket(uint32_t groups)
{
	const struct sockaddr_nl sa = { .nl_family = AF_NETLINK, .nl_groups = groups };
	int fd = fds_socket_async(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE), error;

	if (fd != -1 && bind(fd, (const struct sockaddr *)&sa, sizeof(sa)) == -1) {
		error = errno;
		close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

struct own *
own_open(char **cause)
{
	struct own *o = xcalloc(1, sizeof(*o));

	*cause = NULL;
	o->changes = -1;
	o->ask = route_socket(0);
	if (o->ask != -1)
		o->changes = route_socket(RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR);
	if (o->changes == -1) {
		*cause = xasprintf("cannot ask the kernel for this host's addresses: %s",
		    strerror(errno));
		own_free(o);
		return NULL;
	}
	return o;
}

void
own_free(struct own *o)
{
	if (o == NULL)
		return;
	if (o->ask != -1)
		close(o->ask);
	if (o->changes != -1)
		close(o->changes);
	free(o);
}

int
own_fd(const struct own *o)
{
	return o->changes;
}

bool
own_drain(const struct own *o)
{
	uint8_t buf[ANSWER_SIZE];

	/* ENOBUFS: there was more than there was room for, which says no less. */
	while (recv(o->changes, buf, sizeof(buf), MSG_TRUNC) > 0 || errno == ENOBUFS)
		errno = 0;
	return true;
}

/* Nothing is asked about two addresses at once, but an answer may be a late one. */
static bool
ask_route(const struct own *o, const struct addr *a, uint32_t seq)
{
	const size_t len = a->family == 4 ? 4 : 16;
	struct question q = {
		.head = { .nlmsg_type = RTM_GETROUTE, .nlmsg_flags = NLM_F_REQUEST, .nlmsg_seq = seq },
		.route = { .rtm_family = a->family == 4 ? AF_INET : AF_INET6,
		    .rtm_dst_len = (uint8_t)(len * 8) },
	};
	const struct rtattr dst = { .rta_type = RTA_DST, .rta_len = (uint16_t)(RTA_LENGTH(0) + len) };
	uint8_t *at = (uint8_t *)&q + NLMSG_LENGTH(sizeof(q.route));

	memcpy(at, &dst, sizeof(dst));
	memcpy(at + sizeof(dst), a->bytes, len);
	q.head.nlmsg_len = (uint32_t)(NLMSG_LENGTH(sizeof(q.route)) + sizeof(dst) + len);
	return send(o->ask, &q, q.head.nlmsg_len, 0) == (ssize_t)q.head.nlmsg_len;
}

static bool
type_is_own(uint8_t type)
{
	return type == RTN_LOCAL || type == RTN_BROADCAST || type == RTN_ANYCAST ||
	    type == RTN_MULTICAST;
}

/* An address that there is no way to is not ours. */
static bool
error_is_own(int error)
{
	return error != ENETUNREACH && error != EHOSTUNREACH && error != ENETDOWN &&
	    error != EAFNOSUPPORT && error != EOPNOTSUPP && error != EACCES;
}

static void
read_attrs(struct answer *r, const uint8_t *at, size_t len)
{
	struct rtattr attr;

	while (len >= sizeof(attr)) {
		size_t step;

		memcpy(&attr, at, sizeof(attr));
		if (attr.rta_len < sizeof(attr) || attr.rta_len > len)
			return;
		if (attr.rta_type == RTA_OIF && attr.rta_len == RTA_LENGTH(sizeof(r->link)))
			memcpy(&r->link, at + RTA_LENGTH(0), sizeof(r->link));
		else if (attr.rta_type == RTA_GATEWAY || attr.rta_type == RTA_VIA)
			r->gateway = true;
		step = RTA_ALIGN(attr.rta_len) < len ? RTA_ALIGN(attr.rta_len) : len;
		at += step;
		len -= step;
	}
}

/* The one message of an answer. */
static void
read_answer(struct answer *r, const uint8_t *buf, size_t len)
{
	struct nlmsghdr head;
	struct rtmsg route;
	int error;

	memcpy(&head, buf, sizeof(head));
	if (head.nlmsg_len < len)
		len = head.nlmsg_len;
	if (head.nlmsg_type == RTM_NEWROUTE && len >= NLMSG_LENGTH(sizeof(route))) {
		memcpy(&route, buf + NLMSG_HDRLEN, sizeof(route));
		r->own = type_is_own(route.rtm_type);
		read_attrs(r, buf + NLMSG_LENGTH(sizeof(route)), len - NLMSG_LENGTH(sizeof(route)));
	} else if (head.nlmsg_type == NLMSG_ERROR && len >= NLMSG_LENGTH(sizeof(error))) {
		memcpy(&error, buf + NLMSG_HDRLEN, sizeof(error));
		r->own = error_is_own(-error);
	}
}

/* False: there is none. */
static bool
take_answer(const struct own *o, uint32_t seq, struct answer *r)
{
	_Alignas(8) uint8_t buf[ANSWER_SIZE];
	struct nlmsghdr head;
	ssize_t n;

	for (int i = 0; i < ANSWERS_MAX; i++) {
		n = recv(o->ask, buf, sizeof(buf), 0);
		if (n < (ssize_t)sizeof(head))
			return false;
		memcpy(&head, buf, sizeof(head));
		if (head.nlmsg_seq != seq)
			continue;
		read_answer(r, buf, (size_t)n);
		return true;
	}
	return false;
}

static void
look(const struct own *o, const struct addr *a, struct answer *r)
{
	/* Workers share the socket, and an answer must reach who asked. It takes
	 * microseconds, and nothing is asked for each connection. */
	static pthread_mutex_t asking = PTHREAD_MUTEX_INITIALIZER;
	static uint32_t seq;

	*r = (struct answer){ .own = true };
	if (o == NULL)
		return;
	pthread_mutex_lock(&asking);
	if (!ask_route(o, a, ++seq) || !take_answer(o, seq, r))
		r->own = true;
	pthread_mutex_unlock(&asking);
}

bool
own_has(const struct own *o, const struct addr *a)
{
	struct answer r;

	look(o, a, &r);
	return r.own;
}

/* By ioctl(2), which does not wait as rtnetlink does while others change links; one
 * whose name is not known counts as any. */
static bool
link_fits(const struct own *o, uint32_t link, const struct conf_names *interfaces)
{
	struct ifreq ifr = { .ifr_ifindex = (int)link };

	return ioctl(o->ask, SIOCGIFNAME, &ifr) == -1 ||
	    memchr(ifr.ifr_name, '\0', sizeof(ifr.ifr_name)) == NULL ||
	    conf_names_fit(interfaces, ifr.ifr_name);
}

bool
own_is_behind(const struct own *o, const struct addr *a, const struct conf_names *interfaces)
{
	struct answer r;

	look(o, a, &r);
	/* What there is no way to is behind none. */
	return r.own || (r.link != 0 && !r.gateway && link_fits(o, r.link, interfaces));
}
