/*
 * Listening sockets, one for each family: for connections that the firewall
 * redirected, and on another port for clients that know they ask a proxy.
 *
 * Where the system can (tcp.h), a connection reaches us with its first bytes, so
 * that most are judged, and a refused one is done with, in one go without ever
 * being registered with the poller.  A silent one still arrives after a
 * retransmission, about a second, and meets the head's deadline.
 */
#include "config.h"

#include <sys/socket.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "fds.h"
#include "log.h"
#include "proxy/tcp.h"
#include "proxy/worker.h"
#include "xmalloc.h"

enum {
	ACCEPT_BATCH = 64,	/* per turn and listener, so that open sessions get theirs */
	BACKLOG = 4096,		/* the kernel lowers it to net.core.somaxconn */
};

static int
listener_socket(int family, uint16_t port, bool shared, bool *senders)
{
	const struct addr any = { .family = family == AF_INET ? 4 : 6 };
	struct sockaddr_storage ss;
	socklen_t len = addr_to_sockaddr(&any, port, &ss);
	const int on = 1;
	int fd, error;

	fd = fds_socket_async(family, SOCK_STREAM, 0);
	if (fd == -1)
		return -1;
	/* What accept() returns inherits TCP_NODELAY: one call instead of one each. */
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	tcp_defer(fd);
	*senders = tcp_keep_sender(fd);
	/* Each worker has a socket, and the kernel spreads connections over them.
	 * Only processes of our own user could add one: the engine, which says
	 * what is allowed anyhow. */
	if (shared)
		tcp_share(fd);
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, (const struct sockaddr *)&ss, len) == -1 || listen(fd, BACKLOG) == -1) {
		error = errno;
		close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

/* The port in use, for a configured one of 0. */
static uint16_t
listener_port(int fd)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	struct addr addr;
	uint16_t port = 0;

	if (getsockname(fd, (struct sockaddr *)&ss, &len) == 0)
		addr_from_sockaddr(&addr, &port, (const struct sockaddr *)&ss);
	return port;
}

/* Both families of one port. */
static char *
listener_pair(struct proxy *p, struct conn pair[2], uint16_t *port, const char *option)
{
	static const int families[2] = { AF_INET, AF_INET6 };

	for (int i = 0; i < 2; i++) {
		struct conn *c = &pair[i];

		conn_init(c, CONN_LISTENER);
		c->fd = listener_socket(families[i], *port, p->shared->workers > 1,
		    &p->senders);
		/* A host without IPv6 has no guests that could use it either. */
		if (c->fd == -1 && families[i] == AF_INET6 && errno == EAFNOSUPPORT)
			continue;
		if (c->fd == -1 || !conn_watch(p, c))
			return xasprintf("cannot listen on TCP port %u (%s): %s; is another program "
			    "using it? [proxy] %s changes it", *port,
			    families[i] == AF_INET ? "IPv4" : "IPv6", strerror(errno), option);
		if (*port == 0)
			*port = listener_port(c->fd);
	}
	return NULL;
}

char *
listener_open(struct proxy *p)
{
	char *cause;

	p->port = p->shared->port != 0 ? p->shared->port : p->conf->proxy_port;
	p->explicit_port = p->shared->explicit_port != 0 ? p->shared->explicit_port :
	    p->conf->explicit_port;
	cause = listener_pair(p, p->listeners, &p->port, "port");
	if (cause == NULL && p->explicit_port != 0)
		cause = listener_pair(p, &p->listeners[PROXY_EXPLICIT], &p->explicit_port,
		    "explicit-port");
	if (cause != NULL)
		listener_close(p);
	return cause;
}

void
listener_close(struct proxy *p)
{
	for (int i = 0; i < PROXY_LISTENERS; i++)
		conn_close(p, &p->listeners[i], false);
	p->paused = false;
}

/* Which limit a new connection is over, or OUTCOME_NONE. */
static enum outcome
over_limit(struct proxy *p, struct source *source)
{
	const struct conf *conf = p->conf;

	if (source_load(source) > limits_within(conf, p->max_open).per_guest)
		return OUTCOME_MAX_PER_GUEST;
	if (p->shared->nopen > conf->max_connections)
		return OUTCOME_MAX_CONNECTIONS;
	return source_opens(source, p->now, conf->max_new_per_guest, conf->max_new_in_all);
}

/* Over a limit: closed without a word, since nothing of what the guest wants has
 * been read, and told to the engine, though not each of many. */
static void
listener_refuse(struct proxy *p, int fd, struct source *source, bool loop6, uint16_t guest_port,
    const struct addr *wanted, uint16_t port, enum outcome limit)
{
	struct session nobody = { .proxy = p, .source = source, .loop6 = loop6,
		.guest_port = guest_port, .port = port };
	struct hit hit;

	if (wanted != NULL)
		nobody.wanted = *wanted;
	p->stats.limited++;
	hit_init(&hit, &nobody, VIA_OTHER);
	hit.outcome = (uint8_t)limit;
	if (source_tells(source, p->now, &hit.folded))
		hit_tell(&nobody, &hit, VERDICT_DENY, REASON_LIMIT);
	else
		p->stats.denied++;
	p->shared->nopen--;
	source_close(source);
	close(fd);
}

static bool
is_loopback(const struct addr *a)
{
	static const uint8_t one[16] = { [15] = 1 };

	return a->family == 4 ? a->bytes[0] == 127 : memcmp(a->bytes, one, sizeof(one)) == 0;
}

/* By what the guest is known: its address, or on loopback the user that it is.
 * False if that cannot be told, so that nobody escapes what holds for it. */
static bool
listener_who(struct proxy *p, int fd, const struct addr *from, uint16_t port, struct addr *who)
{
	struct addr user;
	uint32_t uid;

	*who = *from;
	if (p->sources.nuids == 0 || !is_loopback(from))
		return true;
	if (p->owner == NULL || owner_ask(p->owner, fd, from, port, &uid) != OWNER_KNOWN)
		return false;
	user = source_uid(uid);
	if (source_known(&p->sources, &user))
		*who = user;
	return true;
}

/* Where it was going; port 0: untold, and what is spoken there will say. False if
 * it was on its way to us. */
static bool
listener_original(struct proxy *p, int fd, uint8_t family, struct addr *wanted, uint16_t *port)
{
	switch (p->original(fd, family, wanted, port)) {
	case ORIGINAL_KNOWN:
		return *port != p->port;
	case ORIGINAL_UNTOLD:
		*wanted = (struct addr){ .family = 0 };
		*port = 0;
		return true;
	case ORIGINAL_NONE:
		break;
	}
	return false;
}

static void
listener_take(struct proxy *p, int fd, const struct sockaddr *sa, bool explicit)
{
	struct addr guest, who, original, *wanted = explicit ? NULL : &original;
	uint16_t guest_port = 0, port = p->explicit_port;
	struct source *source;
	enum outcome limit;

	/* What was not redirected to the other port is none of our business. */
	if (!addr_from_sockaddr(&guest, &guest_port, sa) ||
	    (!explicit && !listener_original(p, fd, guest.family, wanted, &port))) {
		close(fd);
		return;
	}
	p->stats.accepted++;
	if (!listener_who(p, fd, &guest, guest_port, &who)) {
		close(fd);
		return;
	}
	if ((source = source_open(&p->sources, &who)) == NULL) {
		p->paused = true;
		close(fd);
		return;
	}
	/* Counted first and asked then, so that no two workers take the last place. */
	p->shared->nopen++;
	if ((limit = over_limit(p, source)) != OUTCOME_NONE) {
		listener_refuse(p, fd, source, guest.family == 6, guest_port, wanted, port, limit);
		return;
	}
	if (session_new(p, fd, source, guest.family == 6, guest_port, wanted, port) == NULL) {
		p->shared->nopen--;
		p->paused = true;
		source_close(source);
		close(fd);
	}
}

static void
listener_accept_one(struct proxy *p, struct conn *c, bool explicit)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	int fd;

	fd = fds_accept(c->fd, (struct sockaddr *)&ss, &len);
	if (fd != -1) {
		listener_take(p, fd, (const struct sockaddr *)&ss, explicit);
		return;
	}
	switch (errno) {
	case EAGAIN:
		c->readable = false;
		break;
	case EMFILE:
	case ENFILE:
	case ENOMEM:
	case ENOBUFS:
		p->paused = true;
		break;
	default:
		break;		/* ECONNABORTED and the like concern one connection */
	}
}

void
listener_accept(struct proxy *p)
{
	bool more = false;

	for (int i = 0; i < PROXY_LISTENERS; i++) {
		struct conn *c = &p->listeners[i];

		for (int n = 0; n < ACCEPT_BATCH && c->readable && !p->paused; n++) {
			/* Those who wait do so in the kernel, at no cost to who is in. */
			if (p->shared->nopen >= p->max_open)
				p->paused = true;
			else
				listener_accept_one(p, c, i >= PROXY_EXPLICIT);
		}
		more |= c->fd != -1 && c->readable && !p->paused;
	}
	if (more)
		poller_wake(p->poller);
}
