/*
 * One connection of a guest, from accept to its end.
 *
 *	HEAD ──▶ TUNNEL ──▶ HEAD                   CONNECT: what is in it is judged too
 *	HEAD ──▶ DIAL ──▶ RELAY                    TLS, and HTTP after a 101
 *	  ▲  └──────┴───▶ EXCHANGE ─┐              HTTP
 *	  └─────────────────────────┘              the next request
 *	any ──▶ LINGER ──▶ DEAD                    refused
 *	any ──▶ DEAD
 *
 * Each state's file sets the next state and returns; session_run() goes on
 * from there, so nothing recurses, however many requests a guest lines up.
 */
#include "config.h"

#include <sys/socket.h>

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "proxy/tcp.h"
#include "proxy/worker.h"

enum { TURNS_MAX = 16 };	/* changes of state before others get a turn */

static const char *const end_names[SESSION_END_COUNT] = {
	[SESSION_END_DONE] = "done",
	[SESSION_END_REFUSED] = "refused",
	[SESSION_END_IDLE] = "idle for too long",
	[SESSION_END_ERROR] = "a socket failed",
	[SESSION_END_BROKEN] = "a peer broke the protocol",
	[SESSION_END_REVOKED] = "no longer allowed",
	[SESSION_END_STOPPED] = "the proxy was stopped",
	[SESSION_END_SILENT] = "the server never answered",
	[SESSION_END_OLD] = "open for too long",
};

static const enum outcome end_outcomes[SESSION_END_COUNT] = {
	[SESSION_END_IDLE] = OUTCOME_IDLE,
	[SESSION_END_REVOKED] = OUTCOME_REVOKED,
	[SESSION_END_SILENT] = OUTCOME_SILENT,
	[SESSION_END_OLD] = OUTCOME_OLD,
};

void
conn_init(struct conn *c, enum conn_kind kind)
{
	memset(c, 0, sizeof(*c));
	c->fd = -1;
	c->kind = (uint8_t)kind;
}

bool
conn_watch(struct proxy *p, struct conn *c)
{
	/* A guest's socket can nearly always be written to: to be told so would be
	 * a wake-up in each connection. Upstream that means: connected. */
	const bool out = c->kind == CONN_UPSTREAM || !c->writable;

	if (!c->watched) {
		c->watched = poller_add(p->poller, c->fd, c, out);
		c->watched_out = c->watched && out;
	}
	return c->watched;
}

void
conn_blocked(struct proxy *p, struct conn *c)
{
	c->writable = false;
	if (c->watched && !c->watched_out)
		c->watched_out = poller_move(p->poller, c->fd, c);
}

void
conn_close(struct proxy *p, struct conn *c, bool reset)
{
	const struct linger linger = { .l_onoff = 1 };

	if (c->fd != -1) {
		if (reset)
			setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
		close(c->fd);
		if (c->watched)
			poller_forget(p->poller, c);
	}
	buf_put(&p->pool, c->in);
	pipe_put(&p->pipes, c->pipe);
	conn_init(c, c->kind);
}

/* The engine hears that an address is another guest's a moment after it is, and nothing may
 * pass by it meanwhile.  A connection made by a SYN cookie has no packet that would tell. */
static enum sender
session_sender(struct session *s)
{
	struct proxy *p = s->proxy;
	const struct source *owner;

	if (!p->senders || !source_has_macs(s->source) || !tcp_sender(s->client.fd, s->mac))
		return SENDER_UNTOLD;
	owner = source_of_mac(&p->sources, s->mac);
	return owner != NULL && owner->guest == s->source->guest ? SENDER_SAME : SENDER_OTHER;
}

struct session *
session_new(struct proxy *p, int fd, struct source *source, bool loop6, uint16_t guest_port,
    const struct addr *wanted, uint16_t port)
{
	struct session *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->proxy = p;
	conn_init(&s->client, CONN_CLIENT);
	conn_init(&s->upstream, CONN_UPSTREAM);
	s->client.fd = fd;
	s->client.readable = s->client.writable = true;
	s->source = source;
	s->loop6 = loop6;
	s->sender = session_sender(s);
	s->guest_port = guest_port;
	s->explicit = wanted == NULL;
	if (wanted != NULL)
		s->wanted = *wanted;
	s->port = port;
	s->state = SESSION_HEAD;
	if (p->conf->lifetime_seconds != 0)
		s->ends = (uint32_t)((p->now + 999) / 1000) + p->conf->lifetime_seconds;
	p->nopen++;
	LIST_INSERT_HEAD(&p->sessions, s, link);
	session_deadline(s, p->conf->head_seconds);
	session_run(s);
	/* One that came without a byte has waited in the kernel already. */
	if (s->state == SESSION_HEAD && s->client.in == NULL && p->conf->head_seconds > tcp_deferred)
		session_deadline(s, p->conf->head_seconds - tcp_deferred);
	return s;
}

static uint64_t
session_when(const struct session *s, uint32_t seconds)
{
	const uint64_t when = s->proxy->now + seconds * UINT64_C(1000), ends = s->ends * UINT64_C(1000);

	return ends != 0 && ends < when ? ends : when;
}

void
session_deadline(struct session *s, uint32_t seconds)
{
	wheel_clear(&s->proxy->wheel, &s->timer);
	wheel_set(&s->proxy->wheel, &s->timer, session_when(s, seconds));
}

void
session_touch(struct session *s)
{
	wheel_set(&s->proxy->wheel, &s->timer, session_when(s, s->proxy->conf->idle_seconds));
}

void
session_queue(struct session *s)
{
	if (s->queued || s->state == SESSION_DEAD)
		return;
	s->queued = true;
	STAILQ_INSERT_TAIL(&s->proxy->run, s, run_link);
	poller_wake(s->proxy->poller);
}

static void
session_step(struct session *s)
{
	switch ((enum session_state)s->state) {
	case SESSION_HEAD:
		request_read(s);
		break;
	case SESSION_TUNNEL:
		tunnel_run(s);
		break;
	case SESSION_DIAL:
		dial_ready(s);
		break;
	case SESSION_RELAY:
		relay_run(s);
		break;
	case SESSION_EXCHANGE:
		exchange_run(s);
		break;
	case SESSION_LINGER:
		linger_run(s);
		break;
	case SESSION_DEAD:
		break;
	}
}

void
session_run(struct session *s)
{
	uint8_t before;
	int turns = 0;

	do {
		before = s->state;
		session_step(s);
		if (++turns == TURNS_MAX && s->state != before) {
			session_queue(s);
			return;
		}
	} while (s->state != before);
}

void
session_due(struct timer *t, void *arg)
{
	struct session *s = (struct session *)(void *)((char *)t - offsetof(struct session, timer));

	(void)arg;
	if (s->ends != 0 && s->proxy->now >= s->ends * UINT64_C(1000)) {
		session_close(s, SESSION_END_OLD);
		return;
	}
	switch ((enum session_state)s->state) {
	case SESSION_HEAD:
		request_timeout(s);
		session_run(s);
		break;
	case SESSION_DIAL:
		dial_timeout(s);
		session_run(s);
		break;
	case SESSION_RELAY:
		if (!retry_awaits_hello(s)) {
			session_close(s, s->heard ? SESSION_END_IDLE : SESSION_END_SILENT);
			break;
		}
		request_refuse_hello(s, REASON_TIMEOUT, NULL);
		session_run(s);
		break;
	case SESSION_TUNNEL:
		tunnel_close(s, SESSION_END_IDLE);
		break;
	case SESSION_EXCHANGE:
		session_close(s, SESSION_END_IDLE);
		break;
	case SESSION_LINGER:
		session_close(s, SESSION_END_REFUSED);
		break;
	case SESSION_DEAD:
		break;
	}
}

void
session_close(struct session *s, enum session_end why)
{
	struct proxy *p = s->proxy;
	const bool reset = why != SESSION_END_DONE && why != SESSION_END_REFUSED;

	if (s->state == SESSION_DEAD)
		return;
	log_debug("session of %s to %s ends: %s", s->source->name[0] != '\0' ? s->source->name : "?",
	    s->name != NULL ? s->name : "?", end_names[why]);
	flow_end_as(s, end_outcomes[why], NULL);
	lowat_end(s);
	dial_abandon(s->dial);
	s->dial = NULL;
	conn_close(p, &s->client, reset);
	conn_close(p, &s->upstream, reset);
	wheel_clear(&p->wheel, &s->timer);
	if (s->queued)
		STAILQ_REMOVE(&p->run, s, session, run_link);
	source_close(s->source);
	s->source = NULL;
	s->state = SESSION_DEAD;
	LIST_REMOVE(s, link);
	LIST_INSERT_HEAD(&p->dead, s, link);
	p->nopen--;
	p->shared->nopen--;
	p->paused = false;
}

/* Addresses are listed by entries of their own, and never the host's. */
static struct allow_answer
lookup_addr(const struct session *s, const struct addr *a, uint16_t port, const char *guest)
{
	struct allow_answer answer = allow_lookup_addr(s->proxy->allow, a, IPPROTO_TCP, port,
	    guest, (int64_t)time(NULL));

	if (answer.entry == 0)
		answer.reason = REASON_IP_LITERAL;
	else if (answer.verdict == VERDICT_ALLOW && resolver_is_barred(s->proxy->resolver, a))
		answer = (struct allow_answer){ .verdict = VERDICT_DENY,
			.reason = REASON_PRIVATE_ADDRESS, .entry = answer.entry };
	return answer;
}

static struct allow_answer
lookup_as(const struct session *s, const char *name, uint16_t port, const char *guest)
{
	struct addr addr;

	if (allow_name_is_address(name, strlen(name)) && addr_parse(name, &addr))
		return lookup_addr(s, &addr, port, guest);
	return allow_lookup(s->proxy->allow, name, strlen(name), port, guest, (int64_t)time(NULL));
}

/* Of two guests that it may be, by its address and by its hardware address: it has what
 * everybody has, and neither may be denied it. */
static bool
is_everybodys(const struct session *s, const char *name, uint16_t port)
{
	const struct source *sender = source_of_mac(&s->proxy->sources, s->mac);

	return lookup_as(s, name, port, "").verdict == VERDICT_ALLOW && (sender == NULL ||
	    (!sender->frozen && lookup_as(s, name, port, sender->name).verdict == VERDICT_ALLOW));
}

struct allow_answer
session_lookup(const struct session *s, const char *name, uint16_t port)
{
	struct allow_answer answer;

	if (s->source->frozen)
		return (struct allow_answer){ .verdict = VERDICT_DENY, .reason = REASON_FROZEN };
	answer = lookup_as(s, name, port, s->source->name);
	if (answer.verdict == VERDICT_ALLOW && s->sender == SENDER_OTHER &&
	    !is_everybodys(s, name, port))
		return (struct allow_answer){ .verdict = VERDICT_DENY, .reason = REASON_SPOOF };
	return answer;
}

void
session_judge_again(struct session *s)
{
	struct allow_answer answer;
	struct hit h;

	/* Without a name there is nothing to judge yet; lingerers were refused. */
	if (s->name == NULL || s->state == SESSION_LINGER)
		return;
	answer = session_lookup(s, s->name, s->port);
	/* Where it leads was checked by nobody, which is fit for what is listed only. */
	if (answer.reason == REASON_LEARNED && s->by_name)
		answer = (struct allow_answer){ .verdict = VERDICT_DENY,
			.reason = REASON_NOT_LISTED };
	s->entry = answer.entry;
	if (answer.verdict == VERDICT_ALLOW)
		return;
	if (s->state != SESSION_DIAL) {
		session_close(s, SESSION_END_REVOKED);
		return;
	}
	/* Nothing was told of it yet, neither to the engine nor to the guest. */
	h = *dial_hit(s->dial);
	h.entry = answer.entry;
	dial_abandon(s->dial);
	s->dial = NULL;
	session_refuse(s, &h, (enum reason)answer.reason, NULL);
	session_queue(s);
}

void
session_reap(struct proxy *p)
{
	struct session *s;

	while ((s = LIST_FIRST(&p->dead)) != NULL) {
		LIST_REMOVE(s, link);
		free(s->name);
		free(s->exchange);
		free(s);
	}
}
