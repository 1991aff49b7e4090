/*
 * A dial through an upstream proxy, once that one took the connection: it gets
 * its CONNECT, and until the head of its answer is there nobody is told
 * anything.  No byte of the guest's goes to it before.
 */
#include "config.h"

#include <sys/socket.h>

#include <stdio.h>

#include "proxy/chain.h"
#include "proxy/dial.h"

enum { STATUS_WANTS_PASSWORD = 407 };

/* It is of no use, to anyone. */
static void
chain_alarm(struct proxy *p, const char *what)
{
	struct proxy_shared *shared = p->shared;

	pthread_mutex_lock(&shared->chain_lock);
	snprintf(shared->chain_cause, sizeof(shared->chain_cause), "the upstream proxy %s:%u %s",
	    p->conf->chain_host, p->conf->chain_port, what);
	pthread_mutex_unlock(&shared->chain_lock);
}

/* It works, whatever it says of this name. */
static void
chain_works(struct proxy *p)
{
	struct proxy_shared *shared = p->shared;

	pthread_mutex_lock(&shared->chain_lock);
	shared->chain_cause[0] = '\0';
	shared->chain_heard = p->now;
	pthread_mutex_unlock(&shared->chain_lock);
}

void
chain_fail(struct session *s, bool any, const char *what)
{
	if (any)
		chain_alarm(s->proxy, what);
	dial_refuse(s, REASON_UPSTREAM, what);
}

void
chain_timeout(struct session *s)
{
	struct proxy_shared *shared = s->proxy->shared;
	bool heard;

	pthread_mutex_lock(&shared->chain_lock);
	heard = shared->chain_heard > s->dial->asked_at;
	pthread_mutex_unlock(&shared->chain_lock);
	/* A good one tries a host that does not answer for longer than we wait. */
	chain_fail(s, !heard, "took a connection but did not answer in time");
}

void
chain_ask(struct session *s)
{
	const struct addr *checked = &s->dial->checked;
	char request[CHAIN_REQUEST_MAX], text[ADDR_TEXT_SIZE];
	size_t len;

	len = chain_request(s->proxy->conf, checked->family != 0 ? addr_format(checked, text) :
	    s->name, s->port, request);
	/* The first bytes of a connection always fit. */
	if (send(s->upstream.fd, request, len, MSG_NOSIGNAL) != (ssize_t)len) {
		chain_fail(s, true, "does not take a request");
		return;
	}
	s->dial->asked = true;
	s->dial->asked_at = s->proxy->now;
}

/* The answer's head is there: the connection, or what it says instead. */
static void
chain_answered(struct session *s, unsigned status, size_t end)
{
	struct buf *b = s->upstream.in;
	char what[128];

	s->dial->hit.upstream = (uint16_t)status;
	if (status == STATUS_WANTS_PASSWORD) {
		chain_fail(s, true, s->proxy->conf->chain_auth[0] != '\0' ?
		    "answered 407: it does not take the user and password of upstream-auth-file" :
		    "answered 407: it wants a user and password, see upstream-auth-file");
		return;
	}
	chain_works(s->proxy);
	if (status / 100 != 2) {
		snprintf(what, sizeof(what), "answered %u to a CONNECT for this host and port", status);
		chain_fail(s, false, what);
		return;
	}
	/* What came along is the server's. */
	b->start = b->pass = b->start + (uint32_t)end;
	if (b->start == b->end) {
		buf_put(&s->proxy->pool, b);
		s->upstream.in = NULL;
	}
	dial_done(s);
}

void
chain_read(struct session *s)
{
	unsigned status;
	const char *bad;
	char what[128];
	struct buf *b;
	enum io io;
	size_t end;

	while ((io = conn_fill(s, &s->upstream, BUF_SMALL)) == IO_DONE) {
		b = s->upstream.in;
		switch (chain_answer(&s->dial->scan, b->data + b->start, b->end - b->start,
		    s->proxy->conf->head_bytes, &status, &end, &bad)) {
		case PARSE_MORE:
			continue;
		case PARSE_DONE:
			chain_answered(s, status, end);
			return;
		case PARSE_REFUSE:
			snprintf(what, sizeof(what), "does not answer as a proxy does: it sent %s", bad);
			chain_fail(s, true, what);
			return;
		}
	}
	if (io != IO_BLOCKED)
		chain_fail(s, true, "hangs up when it is asked");
}
