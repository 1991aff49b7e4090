/*
 * HTTP/1: one request and its response at a time.
 *
 * The request's head was judged and is sent on as it came; then both bodies
 * move at once, each only as far as its framing says, so that neither side
 * can slip a second message past the next judgement.  What a guest sends
 * ahead (pipelining) stays in its socket until the response is over.  The
 * response's framing is followed as strictly: if we and the guest disagreed
 * on where it ends, so might we and the server on where the next begins.
 */
#include "config.h"

#include <sys/socket.h>

#include <errno.h>
#include <string.h>

#include "proxy/worker.h"
#include "xmalloc.h"

enum {
	EXCHANGE_STEPS = 32,	/* buffers moved before others get a turn */
	STATUS_SWITCHING = 101,
};

void
exchange_start(struct session *s)
{
	struct exchange *x = s->exchange;
	struct buf *b = s->client.in;

	memset(&x->scan_up, 0, sizeof(x->scan_up));
	memset(&x->scan_down, 0, sizeof(x->scan_down));
	x->down_head = x->down_done = x->answered = false;
	x->up_done = x->body_up.kind == HTTP_BODY_NONE;
	b->pass = b->start + (uint32_t)x->head_len;
	s->state = SESSION_EXCHANGE;
	session_touch(s);
}

static bool
has_unread(const struct conn *c)
{
	return c->in != NULL && c->in->pass < c->in->end;
}

static bool
has_passed(const struct conn *c)
{
	return c->in != NULL && c->in->start < c->in->pass;
}

/* The server took the connection down, or talks nonsense. */
static void
exchange_broken(struct session *s, const char *what)
{
	if (!s->exchange->answered) {
		session_bad_gateway(s, what);
		return;
	}
	flow_end_as(s, OUTCOME_BROKEN, what);
	session_close(s, SESSION_END_BROKEN);
}

/* The guest's body breaks the rules after its head was let through.  Once the
 * answer has begun there is no room left in it for a page. */
static void
exchange_refuse(struct session *s, const char *what)
{
	struct hit h;

	hit_init(&h, s, s->tunnel ? VIA_CONNECT : VIA_HTTP);
	h.entry = s->entry;
	h.dialled = s->exchange->dialled;
	copy_string(h.name, s->name, sizeof(h.name));
	if (!s->exchange->answered) {
		s->exchange->head_len = 0;	/* so that what still comes is waited for */
		session_refuse(s, &h, REASON_MALFORMED, what);
		return;
	}
	flow_end(s);
	hit_tell(s, &h, VERDICT_DENY, REASON_MALFORMED);
	session_close(s, SESSION_END_BROKEN);
}

/* Gives the framing what was received; true if it took any. */
static bool
feed(struct session *s, struct conn *from, struct http_body *body, bool *done)
{
	struct buf *b = from->in;
	const char *what;
	size_t used;

	switch (http_body_feed(body, b->data + b->pass, b->end - b->pass, &used, &what)) {
	case PARSE_DONE:
		*done = true;
		break;
	case PARSE_MORE:
		break;
	case PARSE_REFUSE:
		if (from == &s->client)
			exchange_refuse(s, what);
		else
			exchange_broken(s, what);
		return false;
	}
	b->pass += (uint32_t)used;
	return used > 0 || *done;
}

/* The guest's side. True: something moved, ask again. */
static bool
exchange_up(struct session *s)
{
	struct exchange *x = s->exchange;
	struct conn *c = &s->client;

	switch (conn_flush(s, c, &s->upstream)) {
	case IO_BLOCKED:
		return false;
	case IO_DONE:
		break;
	default:
		/* It may have answered before it stopped listening. */
		if (c->in != NULL)
			c->in->start = c->in->pass = c->in->end;
		x->up_done = true;
		x->keep_alive = false;
		s->upstream.readable = true;	/* no event will tell it again */
		return false;
	}
	if (x->up_done)
		return false;
	if (has_unread(c))
		return feed(s, c, &x->body_up, &x->up_done);
	switch (conn_fill(s, c, BUF_LARGE)) {
	case IO_DONE:
		session_touch(s);
		return true;
	case IO_BLOCKED:
		return false;
	default:
		session_close(s, SESSION_END_BROKEN);
		return false;
	}
}

static bool
switch_protocols(struct session *s)
{
	struct exchange *x = s->exchange;

	if (!x->websocket || !x->up_done) {
		exchange_broken(s, "an answer that changes to a protocol nobody asked for");
		return false;
	}
	relay_start(s);
	return true;
}

/* The head at upstream.in->pass is whole. */
static bool
response_head(struct session *s, size_t len)
{
	struct exchange *x = s->exchange;
	struct buf *b = s->upstream.in;
	struct http_response r;
	const char *bad;

	bad = http_response_parse(b->data + b->pass, len, x->to_head, &r);
	if (bad != NULL) {
		exchange_broken(s, bad);
		return false;
	}
	if (r.status == STATUS_SWITCHING)
		return switch_protocols(s);
	memset(&x->scan_down, 0, sizeof(x->scan_down));
	b->pass += (uint32_t)len;
	x->answered = true;
	if (r.status < 200)
		return true;	/* 100, 103: the final one is still to come */
	x->down_head = true;
	x->down_done = r.body.kind == HTTP_BODY_NONE;
	x->body_down = r.body;
	x->keep_alive = x->keep_alive && r.keep_alive;
	return true;
}

static bool
response_scan(struct session *s)
{
	struct buf *b = s->upstream.in;
	enum reason why;
	const char *what;
	size_t len;

	switch (http_head_scan(&s->exchange->scan_down, b->data + b->pass, b->end - b->pass,
	    s->proxy->conf->head_bytes, &len, &why, &what)) {
	case PARSE_DONE:
		return response_head(s, len);
	case PARSE_REFUSE:
		exchange_broken(s, what);
		return false;
	case PARSE_MORE:
		return false;
	}
	return false;
}

static bool
response_ended(struct session *s)
{
	static const char hung_up[] = "a server that hung up before its answer was whole";
	struct exchange *x = s->exchange;

	if (x->down_head && x->body_down.kind == HTTP_BODY_TO_CLOSE) {
		x->down_done = true;
		return true;
	}
	/* It may have hung up on an idle connection before it saw the request: clients
	 * know that of servers, and ask again, but not after an answer. */
	if (x->reuses && !x->answered && !has_unread(&s->upstream)) {
		flow_end_as(s, OUTCOME_BROKEN, hung_up);
		session_close(s, SESSION_END_BROKEN);
	} else
		exchange_broken(s, hung_up);
	return false;
}

/* The server's side. True: something moved, ask again. */
static bool
exchange_down(struct session *s)
{
	struct exchange *x = s->exchange;
	struct conn *c = &s->upstream;

	if (c->in != NULL && has_passed(c)) {
		switch (conn_flush(s, c, &s->client)) {
		case IO_BLOCKED:
			return false;
		case IO_DONE:
			break;
		default:
			session_close(s, SESSION_END_ERROR);
			return false;
		}
	}
	if (x->down_done)
		return false;
	if (has_unread(c)) {
		bool moved = x->down_head ? feed(s, c, &x->body_down, &x->down_done) : response_scan(s);

		if (moved || s->state != SESSION_EXCHANGE)
			return moved;
	}
	switch (conn_fill(s, c, BUF_LARGE)) {
	case IO_DONE:
		session_touch(s);
		return true;
	case IO_BLOCKED:
		return false;
	default:
		return response_ended(s);
	}
}

/* Both messages went through: the next request, or the end. */
static void
exchange_finish(struct session *s)
{
	struct exchange *x = s->exchange;

	if (!x->keep_alive) {
		session_finish(s);
		return;
	}
	/* Bytes behind a response that nobody asked for end its connection. */
	if (s->upstream.in != NULL)
		conn_close(s->proxy, &s->upstream, false);
	flow_end(s);
	x->begun = s->client.in != NULL;
	x->pipelines = x->pipelines || x->begun;
	x->head_len = 0;
	x->to_head = false;
	s->state = SESSION_HEAD;
	session_deadline(s, x->begun ? s->proxy->conf->head_seconds : s->proxy->conf->idle_seconds);
}

static bool
exchange_is_over(const struct session *s)
{
	const struct exchange *x = s->exchange;

	return x->down_done && !has_passed(&s->upstream) &&
	    (!x->keep_alive || (x->up_done && !has_passed(&s->client)));
}

/* A guest that reset its connection while it waits for the answer. */
static bool
guest_is_gone(struct session *s)
{
	uint8_t byte;

	if (!s->client.ended || !s->exchange->up_done)
		return false;
	/* An end of its stream alone is fine: it still listens. */
	return recv(s->client.fd, &byte, sizeof(byte), MSG_PEEK) == -1 && errno != EAGAIN;
}

void
exchange_run(struct session *s)
{
	int steps = 0;
	bool moved = true;

	if (guest_is_gone(s)) {
		session_close(s, SESSION_END_ERROR);
		return;
	}
	while (moved && steps++ < EXCHANGE_STEPS) {
		moved = exchange_up(s);
		if (s->state == SESSION_EXCHANGE)
			moved |= exchange_down(s);
		if (s->state != SESSION_EXCHANGE)
			return;
		if (exchange_is_over(s)) {
			exchange_finish(s);
			return;
		}
	}
	if (moved)
		session_queue(s);
}
