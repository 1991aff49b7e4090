/*
 * Sockets of the guests' DNS: one for UDP and one for TCP of each family.
 *
 * Queries come redirected from whatever server the guest believes in.  An
 * answer leaves from the address of ours that its query came to: connection
 * tracking knows it by that and gives it the address that the guest expects.
 */
#include "config.h"

#include "dns/server.h"

#include <sys/socket.h>

#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "addr.h"
#include "dns/filter.h"
#include "dns/local_addr.h"
#include "dns/stream.h"
#include "fds.h"
#include "xmalloc.h"

enum {
	FAMILIES = 2,
	DATAGRAM_MAX = 4096,
	DATAGRAM_BATCH = 64,	/* read in one go */
	STREAM_BACKLOG = 64,
};

/* A query that came over UDP, while it waits. */
struct datagram {
	struct inquiry		 inquiry;	/* must be first */
	LIST_ENTRY(datagram)	 link;
	struct dns_server	*server;
	int			 fd;
	struct sockaddr_storage	 from;
	socklen_t		 from_len;
	struct local_addr	 to;		/* where it came to, to answer from there */
};

struct dns_server {
	struct event_base	*base;
	const struct conf	*conf;
	struct filter		 filter;
	struct streams		 streams;
	struct datagram		*spare;		/* for the next query */
	LIST_HEAD(, datagram)	 waiting;
	struct event		*udp[FAMILIES], *tcp[FAMILIES];
};

/* ---- UDP ---- */

static void
datagram_send(const struct datagram *d, const uint8_t *msg, size_t len)
{
	_Alignas(struct cmsghdr) char control[LOCAL_ADDR_CONTROL] = { 0 };
	struct sockaddr_storage to = d->from;
	uint8_t copy[DNS_UDP_MAX];
	struct iovec iov = { copy, len };
	struct msghdr m = { .msg_name = &to, .msg_namelen = d->from_len, .msg_iov = &iov,
		.msg_iovlen = 1 };

	memcpy(copy, msg, len);
	local_addr_write(&d->to, &m, control);
	/* What cannot be sent now is asked for again. */
	sendmsg(d->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void
datagram_done(struct inquiry *q, const uint8_t *msg, size_t len)
{
	struct datagram *d = (struct datagram *)(void *)q;

	datagram_send(d, msg, len);
	LIST_REMOVE(d, link);
	free(d);
}

/* Reads one query and sees to it. False: there is none. */
static bool
datagram_read(struct dns_server *s, int fd)
{
	_Alignas(struct cmsghdr) char control[LOCAL_ADDR_CONTROL];
	uint8_t query[DATAGRAM_MAX], msg[DNS_UDP_MAX];
	struct iovec iov = { query, sizeof(query) };
	struct datagram *d = s->spare;
	struct msghdr m = { .msg_name = &d->from, .msg_namelen = sizeof(d->from), .msg_iov = &iov,
		.msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };
	size_t len;
	ssize_t n;

	n = recvmsg(fd, &m, MSG_DONTWAIT);
	if (n == -1)
		return false;
	d->fd = fd;
	d->from_len = m.msg_namelen;
	if ((m.msg_flags & MSG_TRUNC) || !local_addr_read(&d->to, &m) ||
	    !addr_from_sockaddr(&d->inquiry.addr, &d->inquiry.port, (const struct sockaddr *)&d->from))
		return true;
	d->inquiry.done = datagram_done;
	switch (filter_ask(&s->filter, &d->inquiry, query, (size_t)n, msg, &len)) {
	case FILTER_ANSWER:
		datagram_send(d, msg, len);
		break;
	case FILTER_WAIT:
		LIST_INSERT_HEAD(&s->waiting, d, link);
		s->spare = xcalloc(1, sizeof(*d));
		break;
	case FILTER_SILENCE:
		break;
	}
	return true;
}

static void
udp_ready(int fd, short what, void *arg)
{
	(void)what;
	for (int i = 0; i < DATAGRAM_BATCH && datagram_read(arg, fd); i++)
		;
}

/* ---- TCP ---- */

static void
tcp_ready(int fd, short what, void *arg)
{
	struct dns_server *s = arg;

	(void)what;
	/* Out of descriptors: until the next dns_server_listen(). */
	if (!streams_accept(&s->streams, fd)) {
		for (int i = 0; i < FAMILIES; i++) {
			if (s->tcp[i] != NULL)
				event_del(s->tcp[i]);
		}
	}
}

/* ---- listening ---- */

static int
bound_socket(int family, int type, uint16_t port)
{
	const struct addr any = { .family = family == AF_INET ? 4 : 6 };
	struct sockaddr_storage ss;
	socklen_t len = addr_to_sockaddr(&any, port, &ss);
	const int on = 1;
	int fd, error;

	fd = fds_socket_async(family, type, 0);
	if (fd == -1)
		return -1;
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (type == SOCK_STREAM)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	else
		local_addr_want(fd, family);
	if (bind(fd, (const struct sockaddr *)&ss, len) == -1 ||
	    (type == SOCK_STREAM && listen(fd, STREAM_BACKLOG) == -1)) {
		error = errno;
		close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

static void
event_close(struct event **ev)
{
	if (*ev == NULL)
		return;
	close(event_get_fd(*ev));
	event_free(*ev);
	*ev = NULL;
}

/* NULL, or a cause. */
static char *
socket_open(struct dns_server *s, struct event **ev, int family, int type)
{
	const uint16_t port = s->conf->dns_port;
	int fd;

	if (*ev != NULL) {
		event_add(*ev, NULL);
		return NULL;
	}
	fd = bound_socket(family, type, port);
	/* A host without IPv6 has no guests that could use it either. */
	if (fd == -1 && family == AF_INET6 && errno == EAFNOSUPPORT)
		return NULL;
	if (fd == -1)
		return xasprintf("cannot answer DNS on %s port %u (%s): %s; is another program using "
		    "it? [dns] port changes it", type == SOCK_STREAM ? "TCP" : "UDP", port,
		    family == AF_INET ? "IPv4" : "IPv6", strerror(errno));
	*ev = event_new(s->base, fd, EV_READ | EV_PERSIST, type == SOCK_STREAM ? tcp_ready : udp_ready,
	    s);
	if (*ev == NULL || event_add(*ev, NULL) == -1) {
		if (*ev != NULL)
			event_free(*ev);
		*ev = NULL;
		close(fd);
		return xstrdup("cannot watch the sockets of DNS");
	}
	return NULL;
}

char *
dns_server_listen(struct dns_server *s)
{
	static const int families[FAMILIES] = { AF_INET, AF_INET6 };
	char *cause = NULL;

	for (int i = 0; i < FAMILIES && cause == NULL; i++) {
		cause = socket_open(s, &s->udp[i], families[i], SOCK_DGRAM);
		if (cause == NULL)
			cause = socket_open(s, &s->tcp[i], families[i], SOCK_STREAM);
	}
	return cause;
}

bool
dns_server_listening(const struct dns_server *s)
{
	return s->udp[0] != NULL && s->tcp[0] != NULL;
}

struct dns_server *
dns_server_new(struct event_base *base, struct resolver *resolver, const struct conf *conf,
    const struct dns_sink *sink)
{
	struct dns_server *s = xcalloc(1, sizeof(*s));

	s->base = base;
	s->conf = conf;
	s->spare = xcalloc(1, sizeof(*s->spare));
	filter_init(&s->filter, base, resolver, sink);
	streams_init(&s->streams, base, &s->filter);
	return s;
}

void
dns_server_free(struct dns_server *s)
{
	struct datagram *d;

	if (s == NULL)
		return;
	for (int i = 0; i < FAMILIES; i++) {
		event_close(&s->udp[i]);
		event_close(&s->tcp[i]);
	}
	while ((d = LIST_FIRST(&s->waiting)) != NULL) {
		filter_cancel(&d->inquiry);
		LIST_REMOVE(d, link);
		free(d);
	}
	streams_free(&s->streams);
	filter_free(&s->filter);
	free(s->spare);
	free(s);
}

/* ---- what the engine says ---- */

void
dns_server_pinned(struct dns_server *s, uint32_t serial)
{
	pinner_opened(&s->filter.pinner, serial);
}

void
dns_server_set_allow(struct dns_server *s, const struct allow_image *image)
{
	s->filter.allow = image;
}

void
dns_server_set_guest(struct dns_server *s, const struct addr *addr, uint32_t guest_id,
    const char *name, bool frozen, const uint8_t mac[6])
{
	source_set(&s->filter.sources, addr, guest_id, name, frozen, mac);
}

void
dns_server_guests_begin(struct dns_server *s)
{
	sources_mark(&s->filter.sources);
}

/* No source is held longer than a query takes to be judged. */
static void
source_changed(struct source *source, void *arg)
{
	(void)source;
	(void)arg;
}

void
dns_server_guests_end(struct dns_server *s)
{
	sources_sweep(&s->filter.sources, source_changed, NULL);
}
