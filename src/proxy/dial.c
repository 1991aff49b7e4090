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
 * resolves it, and which addresses it may lead to is in the proxy's hands.  Not
 * so a name that is only learned: nobody answered for it, so it is resolved here
 * first, refused as without an upstream proxy, and CONNECT asks for the address
 * that was checked, since the same name might lead the proxy elsewhere.
 *
 * Who asked for an address that an entry lists gets that one, though no name
 * may lead to it: it is dialled in the turn in which it was judged.
 *
 * An ordinary dial has one socket, the session's, and costs what it did
 * without all that: the sockets of later attempts, their timer and the
 * farewell to them exist only where the first one did not answer at once.
 */
#include "config.h"

#include "proxy/dial.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

enum { NO_ROUTE_MS = 30000 };

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

void
dial_settle(struct dial *d)
{
	for (int i = 0; i < FAMILIES; i++)
		resolver_cancel(&d->families[i].waiter);
	event_del(&d->step);
}

void
dial_abandon(struct dial *d)
{
	struct proxy *p;

	if (d == NULL)
		return;
	p = d->session->proxy;
	p->ndials--;
	dial_settle(d);
	for (int i = 1; i < ATTEMPTS; i++)
		attempt_close(p, &d->attempts[i]);
	free(d);
}

void
dial_refuse(struct session *s, enum reason reason, const char *what)
{
	struct hit h = s->dial->hit;

	dial_abandon(s->dial);
	s->dial = NULL;
	session_refuse(s, &h, reason, what);
}

void
dial_fail(struct session *s, enum reason reason)
{
	struct dial *d = s->dial;

	if (reason == REASON_UNRESOLVABLE) {
		d->hit.dialled = d->last;
		d->hit.outcome = (uint8_t)d->outcome;
	} else if (reason == REASON_LIMIT)
		d->hit.outcome = OUTCOME_DESCRIPTORS;
	if (d->chained && !d->checking && reason != REASON_LIMIT)
		chain_fail(s, true, d->tried ? "does not answer" :
		    d->itself ? "is this proxy itself (explicit-port)" :
		    "has a name without an address");
	else
		dial_refuse(s, reason, NULL);
}

void
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
	if (s->raw) {
		tunnel_connected(s);
	} else if (s->protocol == PROTOCOL_HTTP) {
		s->exchange->dialled = h.dialled;
		exchange_start(s);
	} else {
		relay_start(s);
	}
}

void
dial_connected(struct session *s)
{
	if (s->dial->chained)
		chain_ask(s);
	else
		dial_done(s);
}

void
dial_ready(struct session *s)
{
	if (s->dial->asked)
		chain_read(s);
	else
		attempts_ready(s);
}

void
dial_timeout(struct session *s)
{
	const struct attempt *latest = attempt_at(s->dial, true);

	if (s->dial->asked) {
		chain_timeout(s);
		return;
	}
	if (latest != NULL)
		attempt_note(s->dial, &latest->addr, ETIMEDOUT);
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

static void	 dial_go(struct session *);

static void
family_answered(struct dns_waiter *w, const struct dns_answer *a)
{
	struct family *f = (struct family *)(void *)w;
	struct session *s = f->dial->session;

	proxy_enter(s->proxy);
	family_take(f, a);
	if (attempt_at(f->dial, false) != NULL)
		dial_arm(f->dial);
	else
		dial_go(s);
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
	s->proxy->ndials++;
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
	f->waiter.guest = source_guest(d->session->source);
	f->pending = true;
	if (resolver_ask(d->session->proxy->resolver, name, type, &f->waiter, &a))
		family_take(f, &a);
}

static void
dial_resolve(struct dial *d, const char *name)
{
	static const uint16_t types[FAMILIES] = { DNS_TYPE_A, DNS_TYPE_AAAA };
	const bool chained = d->chained && !d->checking;
	const char *host = chained ? d->session->proxy->conf->chain_host : name;
	struct addr addr;

	if (addr_parse(host, &addr)) {
		struct family *f = &d->families[addr.family == 6];

		f->addrs[f->n++] = addr;
		return;
	}
	for (unsigned i = 0; i < FAMILIES; i++)
		family_ask(d, i, host, chained ? types[i] | RESOLVE_OPERATORS : types[i]);
}

/* Both families of a name that is checked were answered: goes on to the upstream
 * proxy, or (false) refuses.  One address that must not be dialled is enough. */
static bool
dial_check(struct session *s)
{
	struct dial *d = s->dial;

	for (int i = 0; i < FAMILIES && d->checked.family == 0; i++) {
		if (d->families[i].n > 0)
			d->checked = d->families[i].addrs[0];
	}
	if (d->refused || d->checked.family == 0) {
		dial_fail(s, d->refused ? REASON_PRIVATE_ADDRESS : REASON_UNRESOLVABLE);
		return false;
	}
	d->checking = false;
	memset(d->families, 0, sizeof(d->families));
	dial_resolve(d, s->name);
	return true;
}

/* Goes on with what is known by now. */
static void
dial_go(struct session *s)
{
	struct dial *d = s->dial;

	if (d->checking && (d->families[0].pending || d->families[1].pending || !dial_check(s)))
		return;
	/* What is known already can be dialled; and if that is nothing, it ends. */
	if (!dial_waits(s))
		dial_try(s);
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
	d->checking = d->chained && h->reason == REASON_LEARNED;
	s->by_name = d->chained && !d->checking;
	dial_resolve(d, s->name);
	session_deadline(s, s->proxy->conf->connect_seconds);
	dial_go(s);
}
