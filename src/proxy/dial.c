/*
 * From an allowed name to a connected socket.
 *
 * We resolve the name ourselves (A and AAAA at once) and dial what we
 * resolved and checked: where the guest meant to connect is only recorded.
 *
 * Addresses are tried as RFC 8305 says: the families take turns, the next
 * address is tried when the one before failed or did not answer for a quarter
 * of a second, and goes on beside it; the first that connects wins.  The
 * family to begin with is the one the guest used, since its own choice was
 * made among the same addresses; who asks us as a proxy has made none, and
 * gets IPv6 first.  A family without a route comes second for a while, so that
 * a host without IPv6 does not pay for a failing connect() each time.
 *
 * With an upstream proxy it is that one's address that is looked for and
 * dialled, whatever it is, and the name goes to it by CONNECT: then the proxy
 * resolves it, and which addresses it may lead to is in the proxy's hands.
 *
 * An ordinary dial has one socket, the session's, and costs what it did
 * without all that: the sockets of later attempts, their timer and the
 * farewell to them exist only where the first one did not answer at once.
 */
#include "config.h"

#include <sys/socket.h>

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proxy/chain.h"
#include "proxy/worker.h"

enum {
	FAMILIES = 2,
	ATTEMPTS = 3,			/* under way at once */
	ATTEMPT_DELAY_MS = 250,		/* RFC 8305 section 5 */
	RESOLUTION_DELAY_MS = 50,	/* section 3: for the family that comes first */
	TRY_MS_MIN = 1000,		/* before an attempt must make room for another */
	NO_ROUTE_MS = 30000,
};

struct family {
	struct dns_waiter	 waiter;	/* must be first */
	struct dial		*dial;
	struct addr		 addrs[DIAL_ADDRESSES];
	unsigned		 n, next;
	bool			 pending;	/* its look-up has no answer yet */
};

struct attempt {
	struct conn	 spare;		/* its socket, unless that is the session's */
	struct conn	*conn;
	struct dial	*dial;
	struct addr	 addr;
	uint64_t	 started;	/* milliseconds */
};

struct dial {
	struct session	*session;	/* NULL: over, freed after this batch */
	SLIST_ENTRY(dial) link;		/* in proxy->dials */
	struct hit	 hit;		/* told when we know how it ended */
	struct family	 families[FAMILIES];	/* IPv4, IPv6 */
	struct attempt	 attempts[ATTEMPTS];
	struct event	 step;		/* time for the next attempt */
	unsigned	 turn;		/* which family is next */
	bool		 waited;	/* long enough for the preferred family */
	bool		 refused;	/* an address was one we must not dial */
	bool		 chained;	/* through the upstream proxy */
	bool		 asked;		/* which got its CONNECT */
	struct chain_scan scan;		/* of its answer */
	bool		 tried;		/* to connect, at least once */
	bool		 raced;		/* had more sockets than the session's */
	uint32_t	 generation;	/* of the resolver, when it was asked */
	uint64_t	 deadline;	/* milliseconds */
};

struct hit *
dial_hit(struct dial *d)
{
	return &d->hit;
}

struct session *
dial_session(struct conn *c)
{
	struct attempt *a = (struct attempt *)(void *)((char *)c - offsetof(struct attempt, spare));

	return a->dial->session;
}

static void
attempt_close(struct proxy *p, struct attempt *a)
{
	if (a->conn->fd == -1)
		return;
	if (a->conn == &a->spare)
		p->nspares--;
	conn_close(p, a->conn, false);
}

void
dial_abandon(struct dial *d)
{
	struct proxy *p;

	if (d == NULL)
		return;
	p = d->session->proxy;
	for (int i = 0; i < FAMILIES; i++)
		resolver_cancel(&d->families[i].waiter);
	event_del(&d->step);
	if (!d->raced) {
		free(d);
		return;
	}
	/* The poller may still name one of its sockets in this batch. */
	for (int i = 1; i < ATTEMPTS; i++)
		attempt_close(p, &d->attempts[i]);
	d->session = NULL;
	SLIST_INSERT_HEAD(&p->dials, d, link);
}

void
dials_reap(struct proxy *p)
{
	struct dial *d;

	while ((d = SLIST_FIRST(&p->dials)) != NULL) {
		SLIST_REMOVE_HEAD(&p->dials, link);
		free(d);
	}
}

/* Ends the dial without a connection. */
static void
dial_refuse(struct session *s, enum reason reason, const char *what)
{
	struct hit h = s->dial->hit;

	dial_abandon(s->dial);
	s->dial = NULL;
	session_refuse(s, &h, reason, what);
}

/* The upstream proxy is of no use, for this name or for any: what says how, as
 * in "it does not answer". */
static void
chain_fail(struct session *s, bool any, const char *what)
{
	struct proxy *p = s->proxy;

	if (any)
		snprintf(p->chain_cause, sizeof(p->chain_cause), "the upstream proxy %s:%u %s",
		    p->conf->chain_host, p->conf->chain_port, what);
	dial_refuse(s, REASON_UPSTREAM, what);
}

static void
dial_fail(struct session *s, enum reason reason)
{
	if (s->dial->chained && reason != REASON_LIMIT)
		chain_fail(s, true, s->dial->tried ? "does not answer" : "has a name without an address");
	else
		dial_refuse(s, reason, NULL);
}

static void
dial_done(struct session *s)
{
	struct hit h = s->dial->hit;

	dial_abandon(s->dial);
	s->dial = NULL;
	if (!conn_watch(s->proxy, &s->client)) {
		session_close(s, SESSION_END_ERROR);
		return;
	}
	hit_tell(s, &h, VERDICT_ALLOW, (enum reason)h.reason);
	if (s->protocol == PROTOCOL_HTTP) {
		s->exchange->dialled = h.dialled;
		exchange_start(s);
	} else {
		relay_start(s);
	}
}

/* ---- the upstream proxy ---- */

static void
chain_ask(struct session *s)
{
	char request[CHAIN_REQUEST_MAX];
	const size_t len = chain_request(s->proxy->conf, s->name, s->port, request);

	/* The first bytes of a connection always fit. */
	if (send(s->upstream.fd, request, len, MSG_NOSIGNAL) != (ssize_t)len)
		chain_fail(s, true, "does not take a request");
	else
		s->dial->asked = true;
}

/* The answer's head is there: the connection, or what it says instead. */
static void
chain_answered(struct session *s, unsigned status, size_t end)
{
	struct buf *b = s->upstream.in;
	char what[128];

	s->dial->hit.upstream = (uint16_t)status;
	if (status == 407) {
		chain_fail(s, true, s->proxy->conf->chain_auth[0] != '\0' ?
		    "answered 407: it does not take the user and password of upstream-auth-file" :
		    "answered 407: it wants a user and password, see upstream-auth-file");
		return;
	}
	s->proxy->chain_cause[0] = '\0';
	if (status / 100 != 2) {
		snprintf(what, sizeof(what), "answered %u to a CONNECT for this host and port", status);
		chain_fail(s, false, what);
		return;
	}
	/* What came along is the server's. */
	b->start = b->pass = b->start + (uint32_t)end;
	if (b->start == b->end) {
		buf_put(&s->proxy->pool, b);
		s->upstream.in = NULL;
	}
	dial_done(s);
}

static void
chain_read(struct session *s)
{
	unsigned status;
	const char *bad;
	char what[128];
	struct buf *b;
	enum io io;
	size_t end;

	while ((io = conn_fill(s, &s->upstream, BUF_SMALL)) == IO_DONE) {
		b = s->upstream.in;
		switch (chain_answer(&s->dial->scan, b->data + b->start, b->end - b->start,
		    s->proxy->conf->head_bytes, &status, &end, &bad)) {
		case PARSE_MORE:
			continue;
		case PARSE_DONE:
			chain_answered(s, status, end);
			return;
		case PARSE_REFUSE:
			snprintf(what, sizeof(what), "does not answer as a proxy does: it sent %s", bad);
			chain_fail(s, true, what);
			return;
		}
	}
	if (io != IO_BLOCKED)
		chain_fail(s, true, "hangs up when it is asked");
}

static void
dial_connected(struct session *s)
{
	if (s->dial->chained)
		chain_ask(s);
	else
		dial_done(s);
}

/* ---- what to try, and when ---- */

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
	unsigned n = 0;

	for (int i = 0; i < FAMILIES; i++)
		n += d->families[i].n - d->families[i].next;
	return n;
}

static bool
dial_pending(const struct dial *d)
{
	return d->families[0].pending || d->families[1].pending;
}

/* One that is free for a further attempt; NULL if none is. */
static struct attempt *
attempt_free(struct dial *d)
{
	struct attempt *a = &d->attempts[0];

	if (a->conn->fd == -1)
		return a;
	if (d->session->proxy->nspares == SPARES_MAX)
		return NULL;
	for (a++; a < &d->attempts[ATTEMPTS]; a++) {
		if (a->conn->fd == -1)
			return a;
	}
	return NULL;
}

/* The one that started first, or last; NULL if none is under way. */
static struct attempt *
attempt_at(struct dial *d, bool last)
{
	struct attempt *found = NULL;

	for (struct attempt *a = d->attempts; a < &d->attempts[ATTEMPTS]; a++) {
		if (a->conn->fd != -1 && (found == NULL ||
		    (last ? a->started >= found->started : a->started < found->started)))
			found = a;
	}
	return found;
}

static void
dial_step_in(struct dial *d, uint64_t when)
{
	const uint64_t now = d->session->proxy->now, ms = when > now ? when - now : 0;
	const struct timeval tv = { .tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000) };

	event_add(&d->step, &tv);
}

/* The time at which an attempt must make room: what is left is shared. */
static uint64_t
attempt_ends(const struct dial *d, const struct attempt *a)
{
	const uint64_t rest = d->deadline > a->started ? d->deadline - a->started : 0,
		share = rest / (dial_left(d) + 1);

	return a->started + (share < TRY_MS_MIN ? TRY_MS_MIN : share);
}

/* When the next address is to be tried, if there is one. */
static void
dial_arm(struct dial *d)
{
	const struct attempt *latest = attempt_at(d, true);

	if (latest == NULL || dial_left(d) == 0)
		return;
	dial_step_in(d, attempt_free(d) != NULL ? latest->started + ATTEMPT_DELAY_MS :
	    attempt_ends(d, attempt_at(d, false)));
}

/* ---- attempts ---- */

static bool
out_of_resources(void)
{
	return errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
}

/* A socket on its way to the address, or false (errno). */
static bool
attempt_connect(struct session *s, struct attempt *a)
{
	struct proxy *p = s->proxy;
	struct sockaddr_storage ss;
	const uint16_t port = a->dial->chained ? p->conf->chain_port : s->port;
	const socklen_t len = addr_to_sockaddr(&a->addr, port, &ss);
	const int on = 1;
	int fd, error;

	fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return false;
	a->conn->fd = fd;
	a->started = p->now;
	if (a->conn == &a->spare) {
		p->nspares++;
		a->dial->raced = true;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	/* Watched only now: an unconnected socket would report itself as hung up. */
	if ((connect(fd, (const struct sockaddr *)&ss, len) == -1 && errno != EINPROGRESS) ||
	    !conn_watch(p, a->conn)) {
		error = errno;
		attempt_close(p, a);
		errno = error;
		return false;
	}
	return true;
}

/* False if the address has become this host's own since it was resolved. */
static bool
still_allowed(struct dial *d, const struct addr *a)
{
	const struct resolver *r = d->session->proxy->resolver;

	if (d->chained || d->generation == resolver_generation(r) || resolver_allows(r, a))
		return true;
	d->refused = true;
	return false;
}

/* Starts on the next address that can be tried at all, or gives up. */
static void
dial_try(struct session *s)
{
	struct dial *d = s->dial;
	struct proxy *p = s->proxy;
	struct attempt *a = attempt_free(d);
	const struct addr *next;

	while (a != NULL && (next = dial_next(d)) != NULL) {
		if (!still_allowed(d, next))
			continue;
		a->addr = *next;
		d->tried = true;
		if (attempt_connect(s, a))
			break;
		if (errno == ENETUNREACH || errno == EADDRNOTAVAIL)
			p->no_route[a->addr.family == 6] = p->now;
		if (!out_of_resources())
			continue;
		p->paused = true;
		if (attempt_at(d, false) != NULL)
			break;		/* what is under way may still connect */
		dial_fail(s, REASON_LIMIT);
		return;
	}
	dial_arm(d);
	if (attempt_at(d, false) != NULL || dial_pending(d))
		return;
	dial_fail(s, d->refused && !d->tried ?
	    REASON_PRIVATE_ADDRESS : REASON_UNRESOLVABLE);
}

/* The family to begin with has no answer yet, but the other has: a moment. */
static bool
dial_waits(struct session *s)
{
	struct dial *d = s->dial;

	if (d->waited || dial_left(d) == 0 || !d->families[d->turn].pending)
		return false;
	dial_step_in(d, s->proxy->now + RESOLUTION_DELAY_MS);
	return true;
}

static void
dial_step(int fd, short what, void *arg)
{
	struct dial *d = arg;
	struct session *s = d->session;
	struct proxy *p = s->proxy;
	struct attempt *oldest;

	(void)fd;
	(void)what;
	proxy_enter(p);
	d->waited = true;
	oldest = attempt_at(d, false);
	if (oldest != NULL && attempt_free(d) == NULL && attempt_ends(d, oldest) <= p->now)
		attempt_close(p, oldest);
	dial_try(s);
	session_run(s);
	proxy_settle(p);
}

/* The session goes on with this one, and the others end. */
static void
attempt_won(struct session *s, struct attempt *won)
{
	struct dial *d = s->dial;
	struct proxy *p = s->proxy;

	d->hit.dialled = won->addr;
	for (struct attempt *a = d->attempts; a < &d->attempts[ATTEMPTS]; a++) {
		if (a != won)
			attempt_close(p, a);
	}
	if (won->conn == &won->spare) {
		s->upstream = won->spare;
		s->upstream.kind = CONN_UPSTREAM;
		conn_init(&won->spare, CONN_SPARE);
		p->nspares--;
		if (!poller_move(p->poller, s->upstream.fd, &s->upstream)) {
			session_close(s, SESSION_END_ERROR);
			return;
		}
	}
	dial_connected(s);
}

/* Did it end, and how: 0 while it is under way, 1 connected, -1 failed. */
static int
attempt_result(const struct conn *c)
{
	socklen_t len = sizeof(int);
	int error = 0;

	if (c->fd == -1 || !c->writable)
		return 0;
	/* Nothing but an error ends a connection that was not made yet. */
	if (c->ended && getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len) == -1)
		error = errno;
	return error == 0 ? 1 : -1;
}

void
dial_ready(struct session *s)
{
	struct dial *d = s->dial;
	bool failed = false;

	if (d->asked) {
		chain_read(s);
		return;
	}

	for (struct attempt *a = d->attempts; a < &d->attempts[ATTEMPTS]; a++) {
		switch (attempt_result(a->conn)) {
		case 1:
			attempt_won(s, a);
			return;
		case -1:
			attempt_close(s->proxy, a);
			failed = true;
			break;
		default:
			break;
		}
	}
	if (failed)
		dial_try(s);
}

void
dial_timeout(struct session *s)
{
	if (s->dial->asked)
		chain_fail(s, true, "took a connection but did not answer in time");
	else
		dial_fail(s, REASON_UNRESOLVABLE);
}

/* ---- names ---- */

static void
family_take(struct family *f, const struct dns_answer *a)
{
	f->pending = false;
	f->dial->refused |= a->refused;
	for (unsigned i = 0; i < a->naddrs && f->n < DIAL_ADDRESSES; i++)
		f->addrs[f->n++] = a->addrs[i];
}

static void
family_answered(struct dns_waiter *w, const struct dns_answer *a)
{
	struct family *f = (struct family *)(void *)w;
	struct session *s = f->dial->session;

	proxy_enter(s->proxy);
	family_take(f, a);
	if (attempt_at(f->dial, false) != NULL)
		dial_arm(f->dial);
	else if (!dial_waits(s))
		dial_try(s);
	session_run(s);
	proxy_settle(s->proxy);
}

static unsigned
preferred_family(const struct session *s)
{
	const struct proxy *p = s->proxy;
	const unsigned first = s->wanted.family != 4;
	const uint64_t failed = p->no_route[first];

	return failed != 0 && p->now - failed < NO_ROUTE_MS ? !first : first;
}

static struct dial *
dial_new(struct session *s, const struct hit *h)
{
	struct dial *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	d->session = s;
	d->hit = *h;
	d->turn = preferred_family(s);
	d->generation = resolver_generation(s->proxy->resolver);
	d->deadline = s->proxy->now + s->proxy->conf->connect_seconds * UINT64_C(1000);
	event_assign(&d->step, s->proxy->base, -1, 0, dial_step, d);
	for (struct attempt *a = d->attempts; a < &d->attempts[ATTEMPTS]; a++) {
		conn_init(&a->spare, CONN_SPARE);
		a->conn = a == d->attempts ? &s->upstream : &a->spare;
		a->dial = d;
	}
	return d;
}

/* Asks for the addresses of one family. */
static void
family_ask(struct dial *d, unsigned i, const char *name, uint16_t type)
{
	struct family *f = &d->families[i];
	struct dns_answer a;

	f->dial = d;
	f->waiter.answered = family_answered;
	f->pending = true;
	if (resolver_ask(d->session->proxy->resolver, name, type, &f->waiter, &a))
		family_take(f, &a);
}

static void
dial_resolve(struct dial *d, const char *name)
{
	static const uint16_t types[FAMILIES] = { DNS_TYPE_A, DNS_TYPE_AAAA };
	const char *host = d->session->proxy->conf->chain_host;
	struct addr addr;

	if (d->chained && addr_parse(host, &addr)) {
		struct family *f = &d->families[addr.family == 6];

		f->addrs[f->n++] = addr;
		return;
	}
	for (unsigned i = 0; i < FAMILIES; i++)
		family_ask(d, i, d->chained ? host : name,
		    d->chained ? types[i] | RESOLVE_OPERATORS : types[i]);
}

void
dial_start(struct session *s, const struct hit *h)
{
	struct dial *d = dial_new(s, h);

	if (d == NULL) {
		session_close(s, SESSION_END_ERROR);
		return;
	}
	s->dial = d;
	s->state = SESSION_DIAL;
	d->chained = chain_applies(s->proxy->conf, s->name);
	dial_resolve(d, s->name);
	session_deadline(s, s->proxy->conf->connect_seconds);
	/* What is known already can be dialled; and if that is nothing, it ends. */
	if (!dial_waits(s))
		dial_try(s);
}
