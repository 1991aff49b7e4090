/*
 * From an allowed name to a connected socket.
 *
 * We resolve the name ourselves (A and AAAA at once) and dial what we
 * resolved and checked: where the guest meant to connect is only recorded.
 * Addresses are tried one after the other, the families taking turns,
 * beginning with the one the guest used; each try gets its share of the
 * time that is left, so that one dead address does not use it up.
 */
#include "config.h"

#include <sys/socket.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proxy/worker.h"

enum { FAMILIES = 2, TRY_MS_MIN = 1000 };

struct family {
	struct dns_waiter	 waiter;	/* must be first */
	struct dial		*dial;
	struct addr		 addrs[DIAL_ADDRESSES];
	unsigned		 n, next;
};

struct dial {
	struct session	*session;
	struct hit	 hit;		/* told when we know how it ended */
	struct family	 families[FAMILIES];	/* IPv4, IPv6 */
	unsigned	 turn;		/* which family is next */
	unsigned	 pending;	/* look-ups without an answer */
	bool		 refused;	/* an address was one we must not dial */
	uint64_t	 deadline;	/* milliseconds */
};

struct hit *
dial_hit(struct dial *d)
{
	return &d->hit;
}

void
dial_abandon(struct dial *d)
{
	if (d == NULL)
		return;
	for (int i = 0; i < FAMILIES; i++)
		resolver_cancel(&d->families[i].waiter);
	free(d);
}

/* Ends the dial without a connection. */
static void
dial_fail(struct session *s, enum reason reason)
{
	struct hit h = s->dial->hit;

	dial_abandon(s->dial);
	s->dial = NULL;
	session_refuse(s, &h, reason, NULL);
}

static void
dial_connected(struct session *s)
{
	struct hit h = s->dial->hit;

	dial_abandon(s->dial);
	s->dial = NULL;
	if (!conn_watch(s->proxy, &s->client)) {
		session_close(s, SESSION_END_ERROR);
		return;
	}
	hit_tell(s, &h, VERDICT_ALLOW, (enum reason)h.reason);
	if (s->raw) {
		tunnel_connected(s);
	} else if (s->protocol == PROTOCOL_HTTP) {
		s->exchange->dialled = h.dialled;
		exchange_start(s);
	} else {
		relay_start(s);
	}
}

/* The next address that was not tried; the other family's if it has one. */
static const struct addr *
dial_next(struct dial *d)
{
	for (int i = 0; i < FAMILIES; i++) {
		struct family *f = &d->families[d->turn];

		d->turn = (d->turn + 1) % FAMILIES;
		if (f->next < f->n)
			return &f->addrs[f->next++];
	}
	return NULL;
}

static unsigned
dial_left(const struct dial *d)
{
	unsigned n = d->pending;

	for (int i = 0; i < FAMILIES; i++)
		n += d->families[i].n - d->families[i].next;
	return n;
}

/* When to give up on what is under way, if anything else could be tried. */
static void
dial_set_timer(struct session *s)
{
	struct proxy *p = s->proxy;
	const struct dial *d = s->dial;
	uint64_t rest = d->deadline > p->now ? d->deadline - p->now : 0, share = rest;

	if (s->upstream.fd != -1) {
		share = rest / (dial_left(d) + 1);
		if (share < TRY_MS_MIN)
			share = TRY_MS_MIN < rest ? TRY_MS_MIN : rest;
	}
	wheel_clear(&p->wheel, &s->timer);
	wheel_set(&p->wheel, &s->timer, p->now + share);
}

/* A socket on its way to the address, or false (errno). */
static bool
dial_connect(struct session *s, const struct addr *a)
{
	struct sockaddr_storage ss;
	const socklen_t len = addr_to_sockaddr(a, s->port, &ss);
	const int on = 1;
	int fd, error;

	fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return false;
	s->upstream.fd = fd;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	/* Watched only now: an unconnected socket would report itself as hung up. */
	if ((connect(fd, (const struct sockaddr *)&ss, len) == -1 && errno != EINPROGRESS) ||
	    !conn_watch(s->proxy, &s->upstream)) {
		error = errno;
		conn_close(s->proxy, &s->upstream, false);
		errno = error;
		return false;
	}
	s->dial->hit.dialled = *a;
	return true;
}

/* Starts on the next address that can be tried at all, or gives up. */
static void
dial_try(struct session *s)
{
	struct dial *d = s->dial;
	const struct addr *a;

	while ((a = dial_next(d)) != NULL) {
		if (dial_connect(s, a)) {
			dial_set_timer(s);
			return;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			s->proxy->paused = true;
			dial_fail(s, REASON_LIMIT);
			return;
		}
	}
	if (d->pending > 0) {
		dial_set_timer(s);
		return;
	}
	memset(&d->hit.dialled, 0, sizeof(d->hit.dialled));
	dial_fail(s, d->refused && d->families[0].n + d->families[1].n == 0 ?
	    REASON_PRIVATE_ADDRESS : REASON_UNRESOLVABLE);
}

void
dial_ready(struct session *s)
{
	struct conn *c = &s->upstream;
	socklen_t len = sizeof(int);
	int error = 0;

	if (c->fd == -1 || !c->writable)
		return;
	if (c->ended && getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len) == -1)
		error = errno;
	if (error == 0) {
		dial_connected(s);
		return;
	}
	conn_close(s->proxy, c, false);
	dial_try(s);
}

void
dial_timeout(struct session *s)
{
	if (s->proxy->now < s->dial->deadline && s->upstream.fd != -1) {
		conn_close(s->proxy, &s->upstream, false);
		dial_try(s);
		return;
	}
	conn_close(s->proxy, &s->upstream, false);
	dial_fail(s, REASON_UNRESOLVABLE);
}

static void
family_take(struct family *f, const struct dns_answer *a)
{
	f->dial->refused |= a->refused;
	for (unsigned i = 0; i < a->naddrs && f->n < DIAL_ADDRESSES; i++)
		f->addrs[f->n++] = a->addrs[i];
}

static void
family_answered(struct dns_waiter *w, const struct dns_answer *a)
{
	struct family *f = (struct family *)(void *)w;
	struct dial *d = f->dial;
	struct session *s = d->session;

	d->pending--;
	proxy_enter(s->proxy);
	family_take(f, a);
	if (s->upstream.fd == -1)
		dial_try(s);
	else
		dial_set_timer(s);
	session_run(s);
	proxy_settle(s->proxy);
}

/* An address that is listed itself is all the answer there is. */
static bool
dial_literal(const struct session *s, uint16_t type, struct dns_answer *a)
{
	struct addr addr;

	if (!allow_name_is_address(s->name, strlen(s->name)) || !addr_parse(s->name, &addr))
		return false;
	*a = (struct dns_answer){ .status = ANSWER_FOUND,
		.naddrs = addr.family == (type == DNS_TYPE_A ? 4 : 6), .addrs = { addr } };
	return true;
}

void
dial_start(struct session *s, const struct hit *h)
{
	static const uint16_t types[FAMILIES] = { DNS_TYPE_A, DNS_TYPE_AAAA };
	struct dial *d = calloc(1, sizeof(*d));
	struct dns_answer a;

	if (d == NULL) {
		session_close(s, SESSION_END_ERROR);
		return;
	}
	s->dial = d;
	s->state = SESSION_DIAL;
	d->session = s;
	d->hit = *h;
	d->turn = s->wanted.family == 6;
	d->deadline = s->proxy->now + s->proxy->conf->connect_seconds * UINT64_C(1000);
	for (int i = 0; i < FAMILIES; i++) {
		struct family *f = &d->families[i];

		f->dial = d;
		f->waiter.answered = family_answered;
		if (dial_literal(s, types[i], &a) ||
		    resolver_ask(s->proxy->resolver, s->name, types[i], &f->waiter, &a))
			family_take(f, &a);
		else
			d->pending++;
	}
	/* What is known already can be dialled; and if that is nothing, it ends. */
	dial_try(s);
}
