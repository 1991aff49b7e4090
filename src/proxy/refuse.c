/*
 * What a refused guest is told: at once, in its own protocol, with the id
 * under which the operator finds the same decision.  Then the connection
 * ends.  If the guest may still be sending, its bytes are read and thrown
 * away for a moment first, because closing a socket with unread bytes sends
 * a reset that can overtake the answer.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "proxy/worker.h"
#include "xmalloc.h"

enum {
	LINGER_SECONDS = 2,
	LINGER_BYTES = 1 << 20,		/* read and thrown away in one turn at most */
	PAGE_SIZE = 3072,
	BODY_SIZE = 2048,
};

/* Would a new entry help? Then say which. */
static bool
entry_helps(enum reason reason)
{
	return reason == REASON_NOT_LISTED || reason == REASON_DISABLED || reason == REASON_EXPIRED;
}

/* what: the rule that was broken, or NULL. */
static size_t
page_body(char *body, size_t size, const struct hit *h, const char *what)
{
	const enum reason reason = (enum reason)h->reason;
	const bool server = h->verdict == VERDICT_ALLOW;
	const char *outcome = server ? "" : outcome_text((enum outcome)h->outcome);
	char id[GH_ID_SIZE], allow[GH_NAME_SIZE + 64] = "";
	int n;

	hit_id_format(h->id, id);
	if (!server && entry_helps(reason))
		snprintf(allow, sizeof(allow), " To let it through: gatehouse allow %s", h->name);
	n = snprintf(body, size,
	    "%s\n\nid:     %s\nhost:   %s\nreason: %s\n\n%s%s%s%s%s%s\n"
	    "Ask the operator of this machine's host: gatehouse why %s%s%s\n",
	    server ? "gatehouse could not pass on the server's answer." :
	    "gatehouse refused this request.",
	    id, h->name[0] != '\0' ? h->name : "-", reason_name(reason),
	    server ? "The answer breaks the protocol's rules." : reason_advice(reason),
	    outcome[0] != '\0' ? " " : "", outcome,
	    what == NULL ? "" : reason == REASON_UPSTREAM ? " It " : " It has ",
	    what != NULL ? what : "", what != NULL ? "." : "", id,
	    allow[0] != '\0' ? "\n" : "", allow[0] != '\0' ? allow + 1 : "");
	return n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1;
}

/* Fills the buffer with a whole response (RFC 9110 sections 15.5.4, 15.6.3). */
static void
page_write(struct buf *b, const struct hit *h, const char *what, bool to_head)
{
	const bool dead_end = h->verdict == VERDICT_ALLOW || h->reason == REASON_UNRESOLVABLE ||
		h->reason == REASON_UPSTREAM;
	char body[BODY_SIZE], id[GH_ID_SIZE];
	size_t len = page_body(body, sizeof(body), h, what);
	int n;

	hit_id_format(h->id, id);
	n = snprintf((char *)b->data, b->size,
	    "HTTP/1.1 %s\r\n"
	    "Content-Type: text/plain; charset=us-ascii\r\n"
	    "Content-Length: %zu\r\n"
	    "Cache-Control: no-store\r\n"
	    "Connection: close\r\n"
	    "X-Gatehouse-Id: %s\r\n"
	    "X-Gatehouse-Reason: %s\r\n"
	    "\r\n%s",
	    dead_end ? "502 Bad Gateway" : "403 Forbidden", len, id,
	    reason_name((enum reason)h->reason), to_head ? "" : body);
	if (n > 0)
		b->end = b->pass = (uint32_t)n < b->size ? (uint32_t)n : b->size - 1;
}

/* The answer to send, in upstream.in, from where it goes to the guest like any. */
static struct buf *
answer_buf(struct session *s)
{
	struct proxy *p = s->proxy;

	conn_close(p, &s->upstream, true);
	return s->upstream.in = buf_get(&p->pool, PAGE_SIZE);
}

/* True if it said something behind what was judged, and so does not wait for answers. */
static bool
guest_runs_ahead(const struct session *s)
{
	const struct buf *b = s->client.in;
	size_t judged = 0;

	if (s->exchange != NULL && s->exchange->pipelines)
		return true;
	if (b != NULL && s->state == SESSION_EXCHANGE)
		judged = b->pass;
	else if (b != NULL)
		judged = b->start + (s->exchange != NULL ? s->exchange->head_len : s->scan.next);
	return b != NULL && b->end > judged;
}

/* True if the guest has nothing more to say that we did not read. */
static bool
guest_is_done(const struct session *s)
{
	if (s->client.eof)
		return true;
	if (s->client.readable || s->client.ended || guest_runs_ahead(s))
		return false;
	/* A hello refused before it was whole may still be on its way. */
	if (s->protocol == PROTOCOL_TLS)
		return s->scan.need > 0 && s->scan.have >= s->scan.need;
	/* So may one that does not wait for the answer to its CONNECT. */
	if (s->explicit && !s->tunnel)
		return false;
	return s->exchange != NULL && s->exchange->body_up.kind == HTTP_BODY_NONE &&
	    s->exchange->head_len > 0;
}

static void
linger_start(struct session *s)
{
	const bool done = guest_is_done(s);

	buf_put(&s->proxy->pool, s->client.in);
	s->client.in = NULL;
	s->state = SESSION_LINGER;
	if (done && conn_flush(s, &s->upstream, &s->client) != IO_BLOCKED) {
		session_close(s, SESSION_END_REFUSED);
		return;
	}
	session_deadline(s, LINGER_SECONDS);
}

void
session_refuse(struct session *s, struct hit *h, enum reason reason, const char *what)
{
	struct buf *b;

	flow_end(s);
	hit_tell(s, h, VERDICT_DENY, reason);
	b = answer_buf(s);
	if (b != NULL && s->protocol == PROTOCOL_TLS) {
		tls_alert(b->data, reason);
		b->end = b->pass = TLS_ALERT_SIZE;
	} else if (b != NULL && s->protocol == PROTOCOL_HTTP) {
		page_write(b, h, what, s->exchange->to_head);
	}
	linger_start(s);
}

void
session_bad_gateway(struct session *s, const char *what)
{
	struct hit h;
	struct buf *b;

	hit_init(&h, s, VIA_HTTP);
	h.id = s->hit_id;
	h.verdict = VERDICT_ALLOW;
	h.reason = REASON_MALFORMED;
	copy_string(h.name, s->name, sizeof(h.name));
	flow_end_as(s, OUTCOME_BROKEN, what);
	b = answer_buf(s);
	if (b != NULL)
		page_write(b, &h, what, s->exchange->to_head);
	linger_start(s);
}

void
session_finish(struct session *s)
{
	conn_close(s->proxy, &s->upstream, false);
	linger_start(s);
}

/* Reads and forgets. False: the guest is gone. */
static bool
linger_drain(struct session *s)
{
	size_t dropped = 0;

	while (dropped < LINGER_BYTES) {
		enum io io = conn_fill(s, &s->client, BUF_LARGE);

		if (io == IO_BLOCKED)
			return true;
		if (io != IO_DONE)
			return false;
		dropped += s->client.in->end;
		buf_put(&s->proxy->pool, s->client.in);
		s->client.in = NULL;
	}
	session_queue(s);
	return true;
}

void
linger_run(struct session *s)
{
	enum io io = conn_flush(s, &s->upstream, &s->client);

	if (io == IO_DONE && !conn_shutdown(&s->client))
		io = IO_FAILED;
	if (io == IO_FAILED || !linger_drain(s) || !conn_watch(s->proxy, &s->client))
		session_close(s, SESSION_END_REFUSED);
}
