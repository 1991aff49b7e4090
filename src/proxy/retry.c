/*
 * ClientHellos that come when the server is dialled already.
 *
 * A server of TLS 1.3 may answer the ClientHello with HelloRetryRequest (RFC 8446
 * section 4.1.4), and gets a second one, in the clear as the first was, whose name is
 * the one that counts for it.  So what a guest says behind its first hello waits until
 * the server's answer shows which of both it is; and a second hello must name
 * the same host.
 *
 * A tunnel to a port that an entry pins to a name is for whatever is spoken there. What
 * its guest says first is looked at before it passes: a ClientHello must name the
 * host that the tunnel is for, and anything else passes at once.  Where the server speaks
 * first it is not TLS, and nothing is looked at.
 *
 *	GATE_FIRST	the guest's first bytes are awaited; the server's pass
 *	GATE_ANSWER	the server's answer is awaited: nothing of the guest's passes
 *	GATE_HELLO	it asked again: the second hello is
 *	GATE_OPEN	whatever it is passes
 */
#include "config.h"

#include <string.h>

#include "proxy/worker.h"

void
retry_start(struct session *s)
{
	struct buf *b = s->client.in;

	if (s->gate == GATE_OPEN)
		return;
	/* The first hello goes; what came along behind it does not yet. */
	if (b != NULL)
		b->pass = b->start + (uint32_t)s->scan.next;
	memset(&s->scan, 0, sizeof(s->scan));
}

/* False: the guest's next bytes are no matter until the server has answered. */
bool
retry_reads(const struct session *s, const struct conn *from)
{
	return s->gate != GATE_ANSWER || from != &s->client || from->in == NULL;
}

static void
gate_open(struct session *s)
{
	s->gate = GATE_OPEN;
	if (s->client.in != NULL) {
		s->client.in->pass = s->client.in->end;
		session_queue(s);
	}
}

/* Records that may stand before the second hello, or in its place: change_cipher_spec, an
 * alert, and early data that the server passes over.  False: one is not whole yet. */
static bool
skip_records(struct buf *b)
{
	while (b->end - b->pass >= TLS_RECORD_HEADER) {
		const uint8_t *at = b->data + b->pass;
		const uint32_t size = TLS_RECORD_HEADER + ((uint32_t)at[3] << 8 | at[4]);

		if (at[0] != TLS_RECORD_CHANGE_CIPHER && at[0] != TLS_RECORD_ALERT &&
		    at[0] != TLS_RECORD_DATA)
			return true;
		if (b->end - b->pass < size)
			return false;
		b->pass += size;
	}
	return false;
}

/* Is a whole hello at client.in->pass, for the host that was dialled? If it is for another
 * or none, the guest is refused. */
static bool
read_hello(struct session *s, struct tls_hello *hello)
{
	const struct buf *b = s->client.in;
	enum reason why;
	const char *what;

	switch (tls_hello_parse(&s->scan, b->data + b->pass, b->end - b->pass,
	    s->proxy->conf->hello_bytes, hello, &why, &what)) {
	case PARSE_MORE:
		return false;
	case PARSE_REFUSE:
		request_refuse_hello(s, why, what);
		return false;
	case PARSE_DONE:
		break;
	}
	return request_names_host(s, hello);
}

static void
look_at_hello(struct session *s)
{
	struct tls_hello hello;

	if (s->client.in == NULL)
		return;
	if (skip_records(s->client.in) && read_hello(s, &hello))
		gate_open(s);
	else if (s->client.in != NULL && s->client.in->pass > s->client.in->start)
		session_queue(s);	/* what was skipped goes on */
}

/* True once it shows that the guest begins with TLS. */
static bool
begins_with_tls(struct session *s)
{
	const struct buf *b = s->client.in;

	if (s->protocol == PROTOCOL_TLS)
		return true;
	switch (tls_begins(b->data + b->pass, b->end - b->pass)) {
	case PARSE_MORE:
		return false;
	case PARSE_REFUSE:
		gate_open(s);
		return false;
	case PARSE_DONE:
		break;
	}
	s->protocol = PROTOCOL_TLS;
	session_deadline(s, s->proxy->conf->head_seconds);
	return true;
}

static void
look_at_first(struct session *s)
{
	struct tls_hello hello;

	if (!begins_with_tls(s) || !read_hello(s, &hello))
		return;
	/* From here on as if it had been read before the server was dialled. */
	s->heard = false;
	session_deadline(s, s->proxy->conf->handshake_seconds);
	if (hello.version < TLS_VERSION_1_3) {
		gate_open(s);
		return;
	}
	s->gate = GATE_ANSWER;
	retry_start(s);
}

void
retry_first(struct session *s)
{
	s->gate = GATE_FIRST;
	if (s->client.in == NULL)
		return;
	s->client.in->pass = s->client.in->start;
	look_at_first(s);
}

bool
retry_awaits_hello(const struct session *s)
{
	return s->gate == GATE_FIRST && s->protocol == PROTOCOL_TLS;
}

/* How much of what the server has said may pass. */
static void
look_at_answer(struct session *s)
{
	struct buf *b = s->upstream.in;

	switch (tls_answer_parse(b->data + b->start, b->end - b->start)) {
	case TLS_ANSWER_MORE:
		return;
	case TLS_ANSWER_RETRY:
		s->gate = GATE_HELLO;
		look_at_hello(s);
		/* That the guest is refused now, its answer is in this buffer's place. */
		if (s->state != SESSION_RELAY)
			return;
		break;
	case TLS_ANSWER_OTHER:
		gate_open(s);
		break;
	}
	b->pass = b->end;
}

void
retry_look(struct session *s, struct conn *from)
{
	if (from == &s->client && s->gate == GATE_FIRST)
		look_at_first(s);
	else if (from == &s->client && s->gate == GATE_HELLO)
		look_at_hello(s);
	else if (from == &s->upstream && s->gate == GATE_ANSWER)
		look_at_answer(s);
	else if (s->gate == GATE_OPEN || from == &s->upstream)
		from->in->pass = from->in->end;
	if (from == &s->upstream && s->gate == GATE_FIRST && s->client.in == NULL)
		gate_open(s);
}

void
retry_ended(struct session *s, const struct conn *from)
{
	/* Without a byte of a second hello it is an end like any. */
	if (from == &s->client && ((s->gate == GATE_HELLO && from->in->pass < from->in->end) ||
	    retry_awaits_hello(s))) {
		request_refuse_hello(s, REASON_MALFORMED, "an end in the middle of its hello");
	} else if (from == &s->client) {
		gate_open(s);
	} else {
		if (s->upstream.in != NULL)
			s->upstream.in->pass = s->upstream.in->end;
		gate_open(s);
	}
}
