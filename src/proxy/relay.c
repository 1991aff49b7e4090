/*
 * Moving bytes between the two sockets of a session.
 *
 * A buffer is taken when bytes are there to be read and given back as soon
 * as they were sent, so at rest a connection holds none; what the other
 * side does not take stays in it, and nothing more is read meanwhile: that
 * is the back-pressure, and the bound (one buffer a direction).
 *
 * Most flights are small, and for them a read and a write are the cheapest
 * way.  A direction that fills its buffer several times in a row is a big
 * stream: it goes through a pipe (half the work per byte, and the bytes stay
 * in the kernel) until its source runs dry.
 */
#include "config.h"

#include <sys/socket.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "proxy/tcp.h"
#include "proxy/worker.h"

enum {
	RELAY_BUDGET = 1 << 20,		/* bytes moved one way before others get a turn */
	BULK_READS = 3,			/* full buffers in a row that make a big stream */
	BULK_KEEPS = 64 << 10,		/* bytes in one turn that let it remain one */
};

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
	/* Else macOS keeps what is less than SO_RCVLOWAT, though the socket does not block. */
	n = recv(from->fd, b->data + b->end, room, MSG_DONTWAIT);
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

/*
 * True when our end of the stream comes right behind these bytes: held back
 * for it, they leave in one packet with it instead of two, and a
 * packet through all of a host's rules costs more than most calls do.
 */
static bool
end_follows(const struct session *s, const struct conn *from)
{
	return s->state == SESSION_LINGER || (s->state == SESSION_RELAY && from->ended);
}

/*
 * Before each write. What is written first leaves at once, since nothing is in
 * flight that Nagle's algorithm would wait for; TCP_NODELAY is for what
 * follows. (The answer to our CONNECT, where there was one, took its bytes out of
 * flight.) A guest's socket has it from its listener.
 */
static void
conn_prompt(struct conn *to)
{
	const int on = 1;

	if (to->kind != CONN_UPSTREAM || to->prompt)
		return;
	if (to->sent) {
		setsockopt(to->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		to->prompt = true;
	}
	to->sent = true;
}

enum io
conn_flush(struct session *s, struct conn *from, struct conn *to)
{
	const int flags = MSG_NOSIGNAL | (end_follows(s, from) ? tcp_more : 0);
	struct buf *b = from->in;
	ssize_t n;

	while (b != NULL && b->start < b->pass) {
		if (!to->writable)
			return IO_BLOCKED;
		conn_prompt(to);
		n = send(to->fd, b->data + b->start, b->pass - b->start, flags);
		if (n == -1 && errno == EAGAIN) {
			conn_blocked(s->proxy, to);
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
	s->state = SESSION_RELAY;
	/* A server of TLS owes the next word; of anything else, who knows. */
	s->heard = s->protocol != PROTOCOL_TLS;
	if (s->heard)
		session_touch(s);
	else
		session_deadline(s, s->proxy->conf->handshake_seconds);
	if (s->client.in != NULL)
		s->client.in->pass = s->client.in->end;
	retry_start(s);
	/* An upstream proxy may have sent it along with its own answer. */
	if (s->upstream.in != NULL)
		retry_look(s, &s->upstream);
}

static enum io
relay_pipe_fill(struct session *s, struct conn *from, size_t *moved)
{
	ssize_t n;

	if (!from->readable)
		return IO_BLOCKED;
	n = pipe_fill(from->pipe, from->fd);
	if (n > 0) {
		*moved += (size_t)n;
		return IO_DONE;
	}
	/* Dry, for now at least: the pipe goes to whoever needs it. */
	pipe_put(&s->proxy->pipes, from->pipe);
	from->pipe = NULL;
	from->bulk = *moved >= BULK_KEEPS ? BULK_READS : 0;
	if (n == 0) {
		from->eof = true;
		from->readable = false;
		return IO_EOF;
	}
	if (errno != EAGAIN && errno != EINTR)
		return IO_FAILED;
	from->readable = errno == EINTR;
	return IO_BLOCKED;
}

static enum io
relay_pipe_flush(struct session *s, struct conn *from, struct conn *to)
{
	ssize_t n;

	while (from->pipe->held > 0) {
		if (!to->writable)
			return IO_BLOCKED;
		conn_prompt(to);
		n = pipe_drain(from->pipe, to->fd);
		if (n > 0) {
			flow_count(s, from->kind == CONN_CLIENT, (size_t)n);
			continue;
		}
		if (n == 0 || (errno != EAGAIN && errno != EINTR))
			return IO_FAILED;
		if (errno == EAGAIN) {
			conn_blocked(s->proxy, to);
			return IO_BLOCKED;
		}
	}
	return IO_DONE;
}

static enum io
relay_flush(struct session *s, struct conn *from, struct conn *to)
{
	return from->pipe != NULL ? relay_pipe_flush(s, from, to) : conn_flush(s, from, to);
}

/* Nothing is held of this direction: what comes next. */
static enum io
relay_fill(struct session *s, struct conn *from, size_t *moved)
{
	enum io io;

	if (from->pipe == NULL && from->bulk >= BULK_READS && s->gate == GATE_OPEN) {
		from->pipe = pipe_get(&s->proxy->pipes);
		from->bulk = 0;
	}
	if (from->pipe != NULL)
		return relay_pipe_fill(s, from, moved);
	io = conn_fill(s, from, BUF_LARGE);
	if (io == IO_DONE) {
		from->bulk = from->in->end == from->in->size ? from->bulk + 1 : 0;
		*moved += from->in->end;
		retry_look(s, from);
	}
	return io;
}

/* Everything for this side was sent, and no more will come. */
static bool
relay_end(struct conn *to)
{
	/* With both ways at their end, closing says the same with one call less. */
	if (to->eof && to->in == NULL && to->pipe == NULL) {
		to->shut = true;
		return true;
	}
	return conn_shutdown(to);
}

/* One way, until it blocks or had its share. False: the session is over. */
static bool
relay_way(struct session *s, struct conn *from, struct conn *to, bool *again)
{
	size_t moved = 0;
	enum io io = IO_DONE;

	while (io == IO_DONE) {
		io = relay_flush(s, from, to);
		if (io != IO_DONE || !retry_reads(s, from))
			break;
		/* A server that ended without an answer gives none any more. */
		if (from->eof && (from->in != NULL ||
		    (from == &s->upstream && s->gate == GATE_ANSWER))) {
			retry_ended(s, from);
			if (s->state != SESSION_RELAY)
				return true;
			continue;
		}
		if (from->eof)
			return relay_end(to);
		if (moved >= RELAY_BUDGET) {
			*again = true;
			break;
		}
		io = relay_fill(s, from, &moved);
		if (s->state != SESSION_RELAY)
			return true;
		if (io == IO_EOF)
			io = IO_DONE;	/* once more round, to pass the end on */
	}
	if (moved > 0 && from == &s->upstream)
		s->heard = true;
	if (moved > 0) {
		if (s->heard && s->gate == GATE_OPEN)
			session_touch(s);
		lowat_moved(s, from, moved);
	}
	return io != IO_FAILED;
}

void
relay_run(struct session *s)
{
	bool again = false;

	if (!relay_way(s, &s->client, &s->upstream, &again) || (s->state == SESSION_RELAY &&
	    !relay_way(s, &s->upstream, &s->client, &again))) {
		session_close(s, SESSION_END_ERROR);
		return;
	}
	if (s->state != SESSION_RELAY)
		return;
	if (s->client.shut && s->upstream.shut) {
		session_close(s, SESSION_END_DONE);
		return;
	}
	if (again)
		session_queue(s);
}
