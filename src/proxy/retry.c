/*
 * A server of TLS 1.3 may answer the ClientHello with HelloRetryRequest (RFC 8446
 * section 4.1.4), and gets a second one, in the clear as the first was, whose name is
 * the one that counts for it.  So what a guest says behind its first hello waits until
 * the server's answer shows which of both it is; and a second hello must name
 * the same host.
 *
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

/* Records that may stand before the second hello: change_cipher_spec, and early data that
 * the server passes over.  False: one of them is not whole yet. */
static bool
skip_records(struct buf *b)
{
	while (b->end - b->pass >= TLS_RECORD_HEADER) {
		const uint8_t *at = b->data + b->pass;
		const uint32_t size = TLS_RECORD_HEADER + ((uint32_t)at[3] << 8 | at[4]);

		if (at[0] != TLS_RECORD_CHANGE_CIPHER && at[0] != TLS_RECORD_DATA)
			return true;
		if (b->end - b->pass < size)
			return false;
		b->pass += size;
	}
	return false;
}

static void
look_at_hello(struct session *s)
{
	struct buf *b = s->client.in;
	struct tls_hello hello;
	enum reason why;
	const char *what;

	if (b == NULL || !skip_records(b))
		return;
	switch (tls_hello_parse(&s->scan, b->data + b->pass, b->end - b->pass,
	    s->proxy->conf->hello_bytes, &hello, &why, &what)) {
	case PARSE_MORE:
		break;
	case PARSE_REFUSE:
		request_refuse_again(s, why, what);
		break;
	case PARSE_DONE:
		if (request_names_again(s, &hello))
			gate_open(s);
		break;
	}
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
	if (from == &s->client && s->gate == GATE_HELLO)
		look_at_hello(s);
	else if (from == &s->upstream && s->gate == GATE_ANSWER)
		look_at_answer(s);
	else if (s->gate == GATE_OPEN || from == &s->upstream)
		from->in->pass = from->in->end;
}

void
retry_ended(struct session *s, const struct conn *from)
{
	if (from == &s->client && s->gate == GATE_HELLO)
		request_refuse_again(s, REASON_MALFORMED, "an end in the middle of its second hello");
	else {
		s->upstream.in->pass = s->upstream.in->end;
		gate_open(s);
	}
}
