/*
 * A guest is told at once what can be told at once: everything but the
 * addresses of a listed name, which may have to be asked for.
 *
 * A refusal is a hit.  What a client does for one connection (A and AAAA, and
 * both again) is one refusal with one id: for a moment, like queries join it.
 * A query that is answered is no hit: the connection that follows will be.
 * Only while the proxy learns it is one too, since a name that no entry lists
 * is asked of a server then, whether or not a connection follows.
 */
#include "config.h"

#include "dns/filter.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "text.h"
#include "xmalloc.h"

enum {
	TOKEN = 1000,
	TOLD_MS = 2000,
	GUESTS_MAX = 1024,	/* beyond that, those with nothing open are forgotten */
};

static uint64_t
now_ms(void)
{
	return now_mono() / 1000;
}

static void	 inquiry_open(struct pin_wait *);

void
filter_init(struct filter *f, struct event_base *base, struct resolver *resolver,
    const struct dns_sink *sink)
{
	memset(f, 0, sizeof(*f));
	f->resolver = resolver;
	f->sink = *sink;
	source_counts_init(&f->counts);
	sources_init(&f->sources, &f->counts);
	hash_key_random(&f->key);
	pinner_init(&f->pinner, base, sink, inquiry_open);
}

void
filter_free(struct filter *f)
{
	struct dns_guest *g;

	for (int i = 0; i < FILTER_BUCKETS; i++) {
		while ((g = LIST_FIRST(&f->guests[i])) != NULL) {
			LIST_REMOVE(g, link);
			free(g);
		}
	}
	sources_free(&f->sources);
	source_counts_free(&f->counts);
	pinner_free(&f->pinner);
}

/* ---- guests ---- */

static void
guests_trim(struct filter *f)
{
	struct dns_guest *g, *next;

	for (int i = 0; i < FILTER_BUCKETS; i++) {
		for (g = LIST_FIRST(&f->guests[i]); g != NULL; g = next) {
			next = LIST_NEXT(g, link);
			if (g->waiting > 0 || g->streams > 0)
				continue;
			LIST_REMOVE(g, link);
			f->nguests--;
			free(g);
		}
	}
}

static struct dns_guest *
guest_get(struct filter *f, uint32_t id)
{
	struct dns_guest *g;

	LIST_FOREACH(g, &f->guests[id % FILTER_BUCKETS], link) {
		if (g->id == id)
			return g;
	}
	if (f->nguests >= GUESTS_MAX)
		guests_trim(f);
	g = xcalloc(1, sizeof(*g));
	g->id = id;
	g->since = now_ms();
	g->tokens = FILTER_BURST * TOKEN;
	LIST_INSERT_HEAD(&f->guests[id % FILTER_BUCKETS], g, link);
	f->nguests++;
	return g;
}

/* Takes one query from what the guest may ask. */
static bool
guest_may_ask(struct dns_guest *g)
{
	const uint64_t now = now_ms(), had = g->tokens + (now - g->since) * FILTER_RATE;

	g->since = now;
	g->tokens = had > FILTER_BURST * TOKEN ? FILTER_BURST * TOKEN : (uint32_t)had;
	if (g->tokens < TOKEN)
		return false;
	g->tokens -= TOKEN;
	return true;
}

void
filter_stream_close(struct dns_guest *g)
{
	g->streams--;
}

/* ---- refusals ---- */

/* Tells of a decision, or finds the one it belongs to; returns its id. */
static uint64_t
tell(struct filter *f, const struct inquiry *q, enum verdict verdict, enum reason reason,
    enum outcome outcome, uint32_t entry)
{
	char text[GH_NAME_SIZE + 32];
	struct hit h = { .time = now_wall(), .guest = q->addr, .guest_port = q->port, .via = VIA_DNS,
		.verdict = (uint8_t)verdict, .reason = (uint8_t)reason, .entry = entry,
		.guest_id = q->guest_id, .outcome = (uint8_t)outcome };
	const uint64_t now = now_ms();
	struct told *d;
	uint64_t key;
	int n;

	n = snprintf(text, sizeof(text), "%u %u %s", (unsigned)q->guest_id, (unsigned)reason, q->name);
	key = hash_bytes(&f->key, text, (size_t)n);
	d = &f->told[key % FILTER_TOLD];
	if (d->key == key && d->until > now) {
		/* The two queries of one look-up are one; what is too much is counted. */
		d->more += reason == REASON_LIMIT && d->more < UINT16_MAX;
		return d->id;
	}
	h.id = f->sink.next_id(f->sink.arg);
	h.folded = d->key == key ? d->more : 0;
	*d = (struct told){ .key = key, .until = now + TOLD_MS, .id = h.id };
	copy_string(h.name, q->name, sizeof(h.name));
	memcpy(h.mac, q->mac, sizeof(h.mac));
	f->sink.hit(&h, f->sink.arg);
	return h.id;
}

static uint64_t
deny(struct filter *f, const struct inquiry *q, enum reason reason, uint32_t entry)
{
	return tell(f, q, VERDICT_DENY, reason, OUTCOME_NONE, entry);
}

/* For a limit: which. */
static void
deny_more(struct filter *f, const struct inquiry *q, enum outcome limit)
{
	tell(f, q, VERDICT_DENY, REASON_LIMIT, limit, 0);
}

struct dns_guest *
filter_stream_open(struct filter *f, const struct addr *addr, uint16_t port, uint32_t most)
{
	struct inquiry q = { .addr = *addr, .port = port };
	struct source *s = source_open(&f->sources, addr);
	struct dns_guest *g;

	if (s == NULL)
		return NULL;
	q.guest_id = source_guest(s);
	memcpy(q.mac, s->mac, sizeof(q.mac));
	g = guest_get(f, q.guest_id);
	source_close(s);
	if (g->streams >= most || g->streams >= FILTER_STREAMS_GUEST) {
		deny_more(f, &q, OUTCOME_LOOKUP_STREAMS);
		return NULL;
	}
	g->streams++;
	return g;
}

/* The same, and says so in the answer. */
static void
deny_saying(struct filter *f, const struct inquiry *q, struct dns_response *r, enum reason reason,
    uint32_t entry)
{
	char id[GH_ID_SIZE];

	hit_id_format(deny(f, q, reason, entry), id);
	r->ede = DNS_EDE_BLOCKED;
	snprintf(r->text, sizeof(r->text), "gatehouse %s %s", id, reason_name(reason));
}

/* ---- one query ---- */

static size_t
inquiry_write(const struct inquiry *q, const struct dns_response *r, uint8_t msg[DNS_UDP_MAX])
{
	return dns_response_write(msg, q->stream ? DNS_UDP_MAX : q->query.udp_size, &q->query, r);
}

/*
 * The name that is judged.  Services and the like stand below names with an
 * underscore in front (_https._tcp.example.org), which no host has: the host's
 * name behind them counts, and *service is set.
 */
static enum reason
name_read(struct inquiry *q, bool *service)
{
	const struct dns_question *ask = &q->query.question;
	const uint8_t *wire = ask->name;
	size_t left = ask->name_len, len;
	char text[DNS_TEXT_SIZE];

	while (wire[0] > 0 && wire[1] == '_') {
		left -= (size_t)wire[0] + 1;
		wire += (size_t)wire[0] + 1;
	}
	*service = wire != ask->name;
	len = dns_name_text(text, wire, left);
	if (allow_name_canonical(q->name, text, len, false) == NULL)
		return REASON_NONE;
	text_escape(q->name, sizeof(q->name), text, len);
	return len > 0 && allow_name_is_address(text, len) ? REASON_IP_LITERAL : REASON_BAD_NAME;
}

static void
answer_addresses(struct filter *f, const struct inquiry *q, const struct dns_answer *a,
    struct dns_response *r)
{
	r->ttl = a->ttl;
	r->naddrs = a->naddrs;
	r->addrs = a->addrs;
	switch (a->status) {
	case ANSWER_FOUND:
		if (a->naddrs == 0 && a->refused)
			deny_saying(f, q, r, REASON_PRIVATE_ADDRESS, 0);
		break;
	case ANSWER_NO_NAME:
		r->rcode = DNS_NXDOMAIN;
		deny(f, q, REASON_UNRESOLVABLE, 0);
		break;
	case ANSWER_FAILED:
		r->rcode = DNS_SERVFAIL;
		r->ede = DNS_EDE_UNREACHABLE;
		deny(f, q, REASON_UNRESOLVABLE, 0);
		break;
	case ANSWER_BUSY:
		r->rcode = DNS_SERVFAIL;
		deny_more(f, q, OUTCOME_LOOKUPS);
		break;
	}
}

void
filter_cancel(struct inquiry *q)
{
	resolver_cancel(&q->waiter);
	pinner_cancel(&q->filter->pinner, &q->pin);
	if (q->guest != NULL) {
		q->guest->waiting--;
		q->filter->waiting--;
	}
	q->guest = NULL;
}

static void
inquiry_waits(struct inquiry *q, struct dns_guest *g)
{
	q->guest = g;
	g->waiting++;
	q->filter->waiting++;
}

static bool
may_wait(const struct filter *f, const struct dns_guest *g)
{
	return g->waiting < FILTER_WAITING_GUEST && f->waiting < FILTER_WAITING_MAX;
}

/* Holds addresses back until the name's ports are open on them: true if it
 * does.  A guest who has too many queries waiting is told at once. */
static bool
hold(struct inquiry *q, struct dns_guest *g, const struct dns_answer *a)
{
	struct dns_pin pin = { .guest_id = q->guest_id, .guest = &q->addr, .name = q->name };

	if (!q->pinned || a->status != ANSWER_FOUND || a->naddrs == 0 || !may_wait(q->filter, g) ||
	    !pinner_hold(&q->filter->pinner, &q->pin, a, &pin))
		return false;
	inquiry_waits(q, g);
	return true;
}

static void
inquiry_answer(struct inquiry *q, const struct dns_answer *a)
{
	struct dns_response r = { .rcode = DNS_NOERROR, .ede = DNS_EDE_NONE };
	uint8_t msg[DNS_UDP_MAX];

	answer_addresses(q->filter, q, a, &r);
	q->done(q, msg, inquiry_write(q, &r, msg));
}

static void
inquiry_open(struct pin_wait *w)
{
	struct inquiry *q = (struct inquiry *)(void *)((char *)w - offsetof(struct inquiry, pin));
	const struct dns_answer a = w->answer;

	filter_cancel(q);
	inquiry_answer(q, &a);
}

static void
inquiry_answered(struct dns_waiter *w, const struct dns_answer *a)
{
	struct inquiry *q = (struct inquiry *)(void *)w;
	struct dns_guest *g = q->guest;

	filter_cancel(q);
	if (!hold(q, g, a))
		inquiry_answer(q, a);
}

/* A listed name's addresses: true if r is the answer. */
static bool
resolve(struct filter *f, struct inquiry *q, struct dns_guest *g, struct dns_answer *a)
{
	if (!may_wait(f, g)) {
		*a = (struct dns_answer){ .status = ANSWER_BUSY };
		return true;
	}
	q->waiter.answered = inquiry_answered;
	q->waiter.guest = q->guest_id;
	if (resolver_ask(f->resolver, q->name, q->query.question.type, &q->waiter, a))
		return true;
	inquiry_waits(q, g);
	return false;
}

/* What needs no look at the name; true: r is the answer. */
static bool
query_refused(const struct filter *f, const struct dns_query *query, struct dns_response *r)
{
	const uint16_t type = query->question.type;

	if (query->question.class != DNS_CLASS_IN || type == DNS_TYPE_OPT ||
	    (type >= DNS_TYPE_META && type < DNS_TYPE_ANY)) {
		r->rcode = DNS_REFUSED;
		return true;
	}
	if (f->allow == NULL) {
		r->rcode = DNS_SERVFAIL;
		r->ede = DNS_EDE_NOT_READY;
		return true;
	}
	return false;
}

/* The verdict on the name; true: it is refused, and r says so. */
static bool
name_refused(struct filter *f, struct inquiry *q, const struct source *s, bool *service,
    struct dns_response *r)
{
	struct allow_answer a = { .reason = REASON_FROZEN };
	enum reason bad = name_read(q, service);
	struct allow_port port;

	r->rcode = DNS_NXDOMAIN;
	if (s->frozen)
		r->rcode = DNS_REFUSED;
	else if (bad != REASON_NONE)
		a.reason = (uint8_t)bad;
	else
		a = allow_lookup_name(f->allow, q->name, strlen(q->name), s->name,
		    (int64_t)time(NULL));
	q->learned = a.reason == REASON_LEARNED;
	if (a.verdict != VERDICT_ALLOW) {
		deny_saying(f, q, r, (enum reason)a.reason, a.entry);
		return true;
	}
	r->rcode = DNS_NOERROR;
	q->pinned = allow_pinned_ports(f->allow, q->name, strlen(q->name), s->name,
	    (int64_t)time(NULL), &port, 1) > 0;
	return false;
}

static enum filter_result
inquire(struct filter *f, struct inquiry *q, const struct source *s, struct dns_guest *g,
    uint8_t msg[DNS_UDP_MAX], size_t *len)
{
	const uint16_t type = q->query.question.type;
	struct dns_response r = { .rcode = DNS_NOERROR, .ede = DNS_EDE_NONE };
	struct dns_answer a;
	bool service;

	if (query_refused(f, &q->query, &r) || name_refused(f, q, s, &service, &r)) {
		*len = inquiry_write(q, &r, msg);
		return FILTER_ANSWER;
	}
	r.minimal = type == DNS_TYPE_ANY;
	if (!service && (type == DNS_TYPE_A || type == DNS_TYPE_AAAA)) {
		if (q->learned)
			tell(f, q, VERDICT_ALLOW, REASON_LEARNED, OUTCOME_NONE, 0);
		if (!resolve(f, q, g, &a) || hold(q, g, &a))
			return FILTER_WAIT;
		answer_addresses(f, q, &a, &r);
	}
	*len = inquiry_write(q, &r, msg);
	return FILTER_ANSWER;
}

enum filter_result
filter_ask(struct filter *f, struct inquiry *q, const uint8_t *query, size_t query_len,
    uint8_t msg[DNS_UDP_MAX], size_t *len)
{
	struct dns_response r = { .ede = DNS_EDE_NONE };
	enum filter_result result = FILTER_SILENCE;
	struct source *s = source_open(&f->sources, &q->addr);
	struct dns_guest *g;

	if (s == NULL)
		return FILTER_SILENCE;
	q->filter = f;
	q->guest = NULL;
	q->waiter.lookup = NULL;
	q->pin.waits = q->pinned = false;
	q->name[0] = '\0';
	q->guest_id = source_guest(s);
	memcpy(q->mac, s->mac, sizeof(q->mac));
	g = guest_get(f, q->guest_id);
	if (!guest_may_ask(g)) {
		deny_more(f, q, OUTCOME_LOOKUP_RATE);
		goto out;
	}
	if (!dns_query_read(&q->query, query, query_len, &r.rcode))
		goto out;
	if (r.rcode == DNS_NOERROR) {
		result = inquire(f, q, s, g, msg, len);
		goto out;
	}
	if (r.rcode == DNS_FORMERR)
		deny(f, q, REASON_MALFORMED, 0);
	*len = inquiry_write(q, &r, msg);
	result = FILTER_ANSWER;
out:
	source_close(s);
	return result;
}
