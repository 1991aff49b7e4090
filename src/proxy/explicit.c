/*
 * Explicit mode: clients that know they ask a proxy (http_proxy,
 * https_proxy), on a port of its own.
 *
 * A URI is judged by its host and port, and goes to the server as a path.
 * A CONNECT is judged by its host and port too, but what then comes through
 * the tunnel must name the same host again and is judged again: by the
 * ClientHello, or on port 80 by each request.
 *
 * CONNECT is answered before anything is dialled, since clients wait for the
 * answer before they send their hello; nothing is resolved or dialled before
 * the hello was judged, so that a CONNECT alone makes us say nothing to
 * anyone.  The price is that a server that does not answer is told by the end
 * of the tunnel, and not by the answer to CONNECT; the time that dialling early
 * would gain is that from the client to us, which is next to nothing.
 *
 * A port that an entry lists, other than those of the web, and an address that
 * one lists are different: they are for whatever is spoken there, by whoever
 * speaks first, so such a tunnel is dialled at once and answered then.  Where the
 * entry lists a name and the client begins with a ClientHello, that must name
 * the same host all the same: many a server has others' hosts too (retry.c).
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "proxy/worker.h"
#include "xmalloc.h"

enum { PORT_HTTP = 80 };

static const char established[] = "HTTP/1.1 200 Connection established\r\n\r\n";

const char *
explicit_check(const struct session *s, const struct http_request *r)
{
	if (s->tunnel)
		return r->connect ? "a CONNECT inside a tunnel" : NULL;
	if (!s->explicit)
		return r->connect ? "CONNECT, which is for a proxy's own port" : NULL;
	return r->form == HTTP_FORM_PATH ?
	    "a path alone, where a proxy must be asked for a whole http:// URI" : NULL;
}

const char *
explicit_check_protocol(const struct session *s)
{
	if (!s->explicit)
		return NULL;
	if (s->protocol == PROTOCOL_TLS)
		return s->tunnel ? NULL : "TLS to the proxy itself, which is asked in plain HTTP";
	return s->tunnel && s->port != PORT_HTTP ?
	    "plain HTTP in a tunnel to a port other than 80" : NULL;
}

/* The head was read; what stands behind it is for the other end. */
static void
tunnel_take(struct session *s)
{
	struct buf *in = s->client.in;

	in->start += (uint32_t)s->exchange->head_len;
	in->pass = in->start;
	if (in->start == in->end) {
		buf_put(&s->proxy->pool, in);
		s->client.in = NULL;
	}
	free(s->exchange);
	s->exchange = NULL;
	s->tunnel = true;
	s->protocol = PROTOCOL_UNKNOWN;
}

/* Puts the answer in front of what the server says, the first of which may have
 * come along with an upstream proxy's own. False: no memory. */
static bool
tunnel_answer(struct session *s)
{
	struct buf *said = s->upstream.in;
	const size_t len = sizeof(established) - 1, more = said != NULL ? said->end - said->start : 0;
	struct buf *b = buf_get(&s->proxy->pool, len + more);

	if (b == NULL)
		return false;
	memcpy(b->data, established, len);
	if (said != NULL) {
		memcpy(b->data + len, said->data + said->start, more);
		buf_put(&s->proxy->pool, said);
	}
	b->end = b->pass = (uint32_t)(len + more);
	s->upstream.in = b;
	return true;
}

/* From here on the connection is like one that was redirected to the host. */
static void
tunnel_open(struct session *s, struct hit *h)
{
	tunnel_take(s);
	conn_close(s->proxy, &s->upstream, false);
	flow_end(s);
	free(s->name);
	s->name = xstrdup(h->name);
	s->port = h->port;
	s->entry = h->entry;
	if (!tunnel_answer(s)) {
		session_close(s, SESSION_END_ERROR);
		return;
	}
	s->state = SESSION_TUNNEL;
	session_deadline(s, s->proxy->conf->head_seconds);
}

/* What the client says meanwhile waits behind its head. */
static void
tunnel_dial(struct session *s, struct hit *h)
{
	conn_close(s->proxy, &s->upstream, false);
	flow_end(s);
	free(s->name);
	s->name = xstrdup(h->name);
	s->port = h->port;
	s->raw = true;
	dial_start(s, h);
}

void
tunnel_connected(struct session *s)
{
	/* With an upstream proxy, the server's first words may have come along. */
	const bool server_spoke = s->upstream.in != NULL;

	tunnel_take(s);
	/* Sent before the client's first bytes are looked at: they may get it refused. */
	if (!tunnel_answer(s) || conn_flush(s, &s->upstream, &s->client) == IO_FAILED) {
		session_close(s, SESSION_END_ERROR);
		return;
	}
	relay_start(s);
	if (!server_spoke && !allow_name_is_address(s->name, strlen(s->name)))
		retry_first(s);
}

static void
tunnel_judge(struct session *s, struct hit *h)
{
	const struct allow_answer answer = session_lookup(s, h->name, h->port);

	h->entry = answer.entry;
	h->reason = answer.reason;
	if (answer.verdict == VERDICT_ALLOW && answer.pinned)
		tunnel_dial(s, h);
	else if (answer.verdict == VERDICT_ALLOW)
		tunnel_open(s, h);
	else
		session_refuse(s, h, (enum reason)answer.reason, NULL);
}

void
explicit_request(struct session *s, struct hit *h, uint8_t *head, const struct http_request *r)
{
	struct exchange *x = s->exchange;
	const char *what;
	size_t len;

	h->port = r->port;
	if (r->connect) {
		tunnel_judge(s, h);
		return;
	}
	len = http_head_forward(head, x->head_len, &what);
	if (len == 0) {
		x->head_len = 0;
		session_refuse(s, h, REASON_MALFORMED, what);
		return;
	}
	s->client.in->start += (uint32_t)(x->head_len - len);
	x->head_len = len;
	request_judge(s, h);
}

void
tunnel_run(struct session *s)
{
	enum io io = conn_flush(s, &s->upstream, &s->client);

	if (io == IO_DONE)
		s->state = SESSION_HEAD;
	else if (io != IO_BLOCKED || !conn_watch(s->proxy, &s->client))
		tunnel_close(s, SESSION_END_ERROR);
}

void
tunnel_close(struct session *s, enum session_end why)
{
	struct hit h;

	/* Requests in a tunnel to port 80 were told of each by itself. */
	if (s->tunnel && (s->exchange == NULL || s->exchange->requests == 0)) {
		hit_init(&h, s, VIA_CONNECT);
		copy_string(h.name, s->name, sizeof(h.name));
		h.outcome = OUTCOME_UNUSED;
		hit_tell(s, &h, VERDICT_DENY, REASON_NO_NAME);
	}
	session_close(s, why);
}
