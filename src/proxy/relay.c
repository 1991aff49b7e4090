/*
 * Moving bytes between the two sockets of a session.
 *
 * A buffer is taken when bytes are there to be read and given back as soon
 * as they were sent, so at rest a connection holds none; what the other
 * side does not take stays in it, and nothing more is read meanwhile: that
 * is the back-pressure, and the bound (one buffer a direction).
 */
#include "config.h"

#include <sys/socket.h>

#include <errno.h>
#include <string.h>

#include "proxy/worker.h"

/* Bytes moved one way before others get a turn. */
enum { RELAY_BUDGET = 512 << 10 };

static struct buf *
conn_room(struct proxy *p, struct conn *c, size_t size)
{
	struct buf *b = c->in, *grown;

	if (b == NULL)
		return c->in = buf_get(&p->pool, size);
	if (b->end < b->size)
		return b;
	if (b->start > 0) {
		memmove(b->data, b->data + b->start, b->end - b->start);
		b->end -= b->start;
		b->pass -= b->start;
		b->start = 0;
		return b;
	}
	grown = buf_grow(&p->pool, b, (size_t)b->size * 4);
	if (grown != NULL)
		c->in = grown;
	return grown;
}

enum io
conn_fill(struct session *s, struct conn *from, size_t size)
{
	struct buf *b;
	size_t room;
	ssize_t n;

	if (!from->readable)
		return IO_BLOCKED;
	b = conn_room(s->proxy, from, size);
	if (b == NULL)
		return IO_FAILED;
	room = b->size - b->end;
	n = recv(from->fd, b->data + b->end, room, 0);
	if (n > 0) {
		b->end += (uint32_t)n;
		/* Less than asked for: that was all, unless an end is behind it. */
		if ((size_t)n < room && !from->ended)
			from->readable = false;
		return IO_DONE;
	}
	if (b->start == b->end) {
		buf_put(&s->proxy->pool, b);
		from->in = NULL;
	}
	if (n == 0) {
		from->eof = true;
		from->readable = false;
		return IO_EOF;
	}
	if (errno == EAGAIN || errno == EINTR) {
		from->readable = errno == EINTR;
		return IO_BLOCKED;
	}
	return IO_FAILED;
}

enum io
conn_flush(struct session *s, struct conn *from, struct conn *to)
{
	struct buf *b = from->in;
	ssize_t n;

	while (b != NULL && b->start < b->pass) {
		if (!to->writable)
			return IO_BLOCKED;
		n = send(to->fd, b->data + b->start, b->pass - b->start, MSG_NOSIGNAL);
		if (n == -1 && errno == EAGAIN) {
			to->writable = false;
			return IO_BLOCKED;
		}
		if (n == -1 && errno != EINTR)
			return IO_FAILED;
		if (n == -1)
			continue;
		b->start += (uint32_t)n;
		if (s->state != SESSION_LINGER)
			flow_count(s, from->kind == CONN_CLIENT, (size_t)n);
	}
	if (b != NULL && b->start == b->end) {
		buf_put(&s->proxy->pool, b);
		from->in = NULL;
	}
	return IO_DONE;
}

bool
conn_shutdown(struct conn *c)
{
	if (c->shut)
		return true;
	c->shut = true;
	return shutdown(c->fd, SHUT_WR) == 0;
}

void
relay_start(struct session *s)
{
	if (s->client.in != NULL)
		s->client.in->pass = s->client.in->end;
	if (s->upstream.in != NULL)
		s->upstream.in->pass = s->upstream.in->end;
	s->state = SESSION_RELAY;
	session_touch(s);
}

/* One way, until it blocks or had its share. False: the session is over. */
static bool
relay_way(struct session *s, struct conn *from, struct conn *to, bool *again)
{
	size_t moved = 0;
	enum io io;

	for (;;) {
		io = conn_flush(s, from, to);
		if (io == IO_FAILED)
			return false;
		if (io == IO_BLOCKED)
			return true;
		if (from->eof)
			return conn_shutdown(to);
		if (moved >= RELAY_BUDGET) {
			*again = true;
			return true;
		}
		io = conn_fill(s, from, BUF_LARGE);
		if (io == IO_FAILED)
			return false;
		if (io == IO_BLOCKED)
			return true;
		if (io == IO_DONE) {
			from->in->pass = from->in->end;
			moved += from->in->end - from->in->start;
			session_touch(s);
		}
	}
}

void
relay_run(struct session *s)
{
	bool again = false;

	if (!relay_way(s, &s->client, &s->upstream, &again) ||
	    !relay_way(s, &s->upstream, &s->client, &again)) {
		session_close(s, SESSION_END_ERROR);
		return;
	}
	if (s->client.shut && s->upstream.shut) {
		session_close(s, SESSION_END_DONE);
		return;
	}
	if (again)
		session_queue(s);
}
