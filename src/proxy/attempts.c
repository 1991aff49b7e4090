/*
 * The connection attempts of a dial: which address is next, when, and which of
 * them made it.
 */
#include "config.h"

#include <sys/socket.h>

#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "fds.h"
#include "proxy/dial.h"
#include "proxy/tcp.h"

enum {
	ATTEMPT_DELAY_MS = 250,		/* RFC 8305 section 5 */
	RESOLUTION_DELAY_MS = 50,	/* section 3: for the family that comes first */
	TRY_MS_MIN = 1000,		/* before an attempt must make room for another */
};

void
attempt_close(struct proxy *p, struct attempt *a)
{
	if (a->conn->fd == -1)
		return;
	if (a->conn == &a->spare)
		p->nspares--;
	conn_close(p, a->conn, false);
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
struct attempt *
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
	const struct timeval tv = { .tv_sec = (time_t)(ms / 1000),
		.tv_usec = (suseconds_t)(ms % 1000 * 1000) };

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
void
dial_arm(struct dial *d)
{
	const struct attempt *latest = attempt_at(d, true);

	if (latest == NULL || dial_left(d) == 0)
		return;
	dial_step_in(d, attempt_free(d) != NULL ? latest->started + ATTEMPT_DELAY_MS :
	    attempt_ends(d, attempt_at(d, false)));
}

/* ---- attempts ---- */

void
attempt_note(struct dial *d, const struct addr *a, int error)
{
	d->last = *a;
	switch (error) {
	case ECONNREFUSED:
		d->outcome = OUTCOME_REFUSED;
		break;
	case ETIMEDOUT:
		d->outcome = OUTCOME_TIMED_OUT;
		break;
	case ENETUNREACH:
	case EHOSTUNREACH:
	case ENETDOWN:
	case EHOSTDOWN:
	case EADDRNOTAVAIL:
		d->outcome = OUTCOME_NO_ROUTE;
		break;
	default:
		d->outcome = OUTCOME_FAILED;
	}
}

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
	int fd, error;

	fd = fds_socket_async(ss.ss_family, SOCK_STREAM, 0);
	if (fd == -1)
		return false;
	a->conn->fd = fd;
	a->started = p->now;
	if (a->conn == &a->spare)
		p->nspares++;
	/* What the guest sent goes out at once and takes the ACK along. */
	tcp_late_ack(fd);
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

/* Whether an upstream proxy of that address is this one, which would ask itself
 * without end.  The kernel is asked once as long as nothing changes. */
static bool
is_itself(struct proxy *p, const struct addr *a)
{
	const uint32_t generation = resolver_generation(p->resolver);

	if (p->explicit_port == 0 || p->conf->chain_port != p->explicit_port)
		return false;
	if (p->chain_generation == generation && addr_equal(a, &p->chain_other))
		return false;
	if (resolver_is_host(p->resolver, a))
		return true;
	p->chain_generation = generation;
	p->chain_other = *a;
	return false;
}

/* False if the address has become this host's own since it was resolved, or is the
 * one that we listen on ourselves. */
static bool
still_allowed(struct dial *d, const struct addr *a)
{
	const struct resolver *r = d->session->proxy->resolver;

	if (d->chained && is_itself(d->session->proxy, a)) {
		d->itself = true;
		return false;
	}
	if (d->chained || d->generation == resolver_generation(r) || resolver_allows(r, a))
		return true;
	d->refused = true;
	return false;
}

/* Starts on the next address that can be tried at all, or gives up. */
void
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
		attempt_note(d, &a->addr, errno);
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
bool
dial_waits(struct session *s)
{
	struct dial *d = s->dial;

	if (d->waited || dial_left(d) == 0 || !d->families[d->turn].pending)
		return false;
	dial_step_in(d, s->proxy->now + RESOLUTION_DELAY_MS);
	return true;
}

void
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
	if (oldest != NULL && attempt_free(d) == NULL && attempt_ends(d, oldest) <= p->now) {
		attempt_note(d, &oldest->addr, ETIMEDOUT);
		attempt_close(p, oldest);
	}
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
	/* The dial may stay for an upstream proxy's answer: no further attempt. */
	dial_settle(d);
	for (struct attempt *a = d->attempts; a < &d->attempts[ATTEMPTS]; a++) {
		if (a != won)
			attempt_close(p, a);
	}
	if (won->conn == &won->spare) {
		poller_forget(p->poller, &won->spare);
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

/* Did it end, and how: 0 while it is under way, 1 connected, -1 failed (errno). */
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
	if (error == 0)
		return 1;
	errno = error;
	return -1;
}

void
attempts_ready(struct session *s)
{
	struct dial *d = s->dial;
	bool failed = false;

	for (struct attempt *a = d->attempts; a < &d->attempts[ATTEMPTS]; a++) {
		switch (attempt_result(a->conn)) {
		case 1:
			attempt_won(s, a);
			return;
		case -1:
			attempt_note(d, &a->addr, errno);
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
