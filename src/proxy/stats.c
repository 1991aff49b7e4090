/*
 * What the engine is told: a hit for each decision, and of each connection
 * that was let through its bytes, at most once a second and at its end.
 * Sessions whose bytes are not told yet are in proxy->flows; idle ones cost
 * nothing.
 */
#include "config.h"

#include <string.h>

#include "proxy/worker.h"
#include "xmalloc.h"

/* Where a user of this host came from. */
static const struct addr loopback4 = { .family = 4, .bytes = { 127, 0, 0, 1 } };
static const struct addr loopback6 = { .family = 6, .bytes = { [15] = 1 } };

void
hit_init(struct hit *h, const struct session *s, enum hit_via via)
{
	memset(h, 0, sizeof(*h));
	h->via = (uint8_t)via;
	h->guest = s->source->addr.family != SOURCE_UID ? s->source->addr :
	    s->loop6 ? loopback6 : loopback4;
	h->guest_port = s->guest_port;
	h->wanted = s->wanted;
	h->port = s->port;
	h->guest_id = source_guest(s->source);
	memcpy(h->mac, s->source->mac, sizeof(h->mac));
	h->mac_sent = s->sender == SENDER_SAME;
}

void
hit_tell(struct session *s, struct hit *h, enum verdict verdict, enum reason reason)
{
	struct proxy *p = s->proxy;

	h->id = proxy_next_id(p->shared);
	h->time = now_wall();
	h->verdict = (uint8_t)verdict;
	h->reason = (uint8_t)reason;
	if (verdict == VERDICT_ALLOW) {
		flow_end(s);
		s->hit_id = h->id;
		s->hit_guest = h->guest_id;
		s->entry = h->entry;
		p->stats.allowed++;
	} else {
		p->stats.denied++;
	}
	p->sink.hit(h, p->sink.arg);
}

void
flow_count(struct session *s, bool up, size_t bytes)
{
	struct proxy *p = s->proxy;

	if (up) {
		s->up += bytes;
		p->stats.bytes_up += bytes;
	} else {
		s->down += bytes;
		p->stats.bytes_down += bytes;
	}
	if (!s->flowing && s->hit_id != 0) {
		s->flowing = true;
		LIST_INSERT_HEAD(&p->flows, s, flow_link);
	}
}

static bool
flow_tell(struct session *s, bool ended, enum outcome outcome, const char *what)
{
	struct flow flow = { .id = s->hit_id, .up = s->up, .down = s->down,
		.guest_id = s->hit_guest, .entry = s->entry, .ended = ended,
		.outcome = (uint8_t)outcome };

	if (s->sender == SENDER_SAME)
		memcpy(flow.mac, s->source->mac, sizeof(flow.mac));
	copy_string(flow.what, what != NULL ? what : "", sizeof(flow.what));
	copy_string(flow.name, s->name != NULL ? s->name : "", sizeof(flow.name));
	return s->proxy->sink.flow(&flow, s->proxy->sink.arg);
}

void
flow_end_as(struct session *s, enum outcome outcome, const char *what)
{
	if (s->flowing)
		LIST_REMOVE(s, flow_link);
	s->flowing = false;
	if (s->hit_id != 0)
		flow_tell(s, true, outcome, what);
	s->hit_id = s->up = s->down = 0;
}

void
flow_end(struct session *s)
{
	flow_end_as(s, OUTCOME_NONE, NULL);
}

void
flows_tell(struct proxy *p)
{
	struct session *s, *next;

	for (s = LIST_FIRST(&p->flows); s != NULL; s = next) {
		next = LIST_NEXT(s, flow_link);
		if (!flow_tell(s, false, OUTCOME_NONE, NULL))
			return;		/* the engine is busy: later */
		s->up = s->down = 0;
		s->flowing = false;
		LIST_REMOVE(s, flow_link);
	}
}
