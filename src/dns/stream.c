#include "config.h"

#include "dns/stream.h"

#include <sys/socket.h>

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "addr.h"
#include "fds.h"

enum {
	STREAMS_MAX = 64,
	ACCEPT_BATCH = 16,
	HEAD_SIZE = 2,		/* a message's length in front of it */
	QUERY_MAX = 1024,	/* with room for cookies and padding */
	DEADLINE_MS = 5000,	/* for a whole query, and for taking an answer */
	LIFETIME_MS = 60000,	/* whatever it asks: its place is for others too */
};

struct stream {
	struct inquiry		 inquiry;	/* must be first */
	LIST_ENTRY(stream)	 link;
	struct streams		*streams;
	struct dns_guest	*guest;
	struct event		*reading, *writing;
	int			 fd;
	uint64_t		 deadline, ends;	/* monotonic milliseconds */
	size_t			 have;		/* of the query */
	size_t			 sent, out_len;	/* of the answer; 0: there is none */
	uint8_t			 in[HEAD_SIZE + QUERY_MAX], out[HEAD_SIZE + DNS_UDP_MAX];
};

static uint64_t
now_ms(void)
{
	return now_mono() / 1000;
}

static void
stream_close(struct stream *c)
{
	filter_cancel(&c->inquiry);
	filter_stream_close(c->guest);
	if (c->reading != NULL)
		event_free(c->reading);
	if (c->writing != NULL)
		event_free(c->writing);
	close(c->fd);
	LIST_REMOVE(c, link);
	c->streams->n--;
	free(c);
}

/* It has so long from now, but not past its end. */
static void
stream_renew(struct stream *c)
{
	c->deadline = now_ms() + DEADLINE_MS;
	if (c->deadline > c->ends)
		c->deadline = c->ends;
}

/* Waits for its socket, but not past the deadline. */
static void
stream_wait(struct stream *c, struct event *ev)
{
	const uint64_t now = now_ms(), left = c->deadline > now ? c->deadline - now : 0;
	const struct timeval tv = { .tv_sec = (time_t)(left / 1000),
		.tv_usec = (suseconds_t)(left % 1000 * 1000) };

	if (event_add(ev, &tv) == -1)
		stream_close(c);
}

/* Sends what is left of the answer; false if the stream is gone or must wait. */
static bool
stream_flush(struct stream *c)
{
	ssize_t n;

	while (c->sent < c->out_len) {
		n = send(c->fd, c->out + c->sent, c->out_len - c->sent, MSG_NOSIGNAL);
		if (n == -1 && errno == EAGAIN) {
			stream_wait(c, c->writing);
			return false;
		}
		if (n == -1) {
			stream_close(c);
			return false;
		}
		c->sent += (size_t)n;
	}
	c->out_len = c->sent = 0;
	stream_renew(c);
	return true;
}

static bool
stream_answer(struct stream *c, const uint8_t *msg, size_t len)
{
	c->out[0] = (uint8_t)(len >> 8);
	c->out[1] = (uint8_t)len;
	memcpy(c->out + HEAD_SIZE, msg, len);
	c->out_len = HEAD_SIZE + len;
	stream_renew(c);
	return stream_flush(c);
}

/* A whole query is in: true if it was answered and the next may come. */
static bool
stream_query(struct stream *c)
{
	uint8_t msg[DNS_UDP_MAX];
	const size_t len = c->have - HEAD_SIZE;
	size_t answer;

	c->have = 0;
	switch (filter_ask(c->streams->filter, &c->inquiry, c->in + HEAD_SIZE, len, msg, &answer)) {
	case FILTER_ANSWER:
		return stream_answer(c, msg, answer);
	case FILTER_WAIT:
		return false;
	case FILTER_SILENCE:
		stream_close(c);
		return false;
	}
	return false;
}

static void
stream_read(struct stream *c)
{
	size_t want;
	ssize_t n;

	for (;;) {
		want = HEAD_SIZE;
		if (c->have >= HEAD_SIZE)
			want += (size_t)c->in[0] << 8 | c->in[1];
		if (want > sizeof(c->in))
			break;
		if (c->have > HEAD_SIZE && c->have == want) {
			if (!stream_query(c))
				return;
			continue;
		}
		if (c->have == want)	/* an empty message */
			break;
		n = recv(c->fd, c->in + c->have, want - c->have, 0);
		if (n == -1 && errno == EAGAIN) {
			stream_wait(c, c->reading);
			return;
		}
		if (n <= 0)
			break;
		c->have += (size_t)n;
	}
	stream_close(c);
}

static void
stream_ready(int fd, short what, void *arg)
{
	struct stream *c = arg;

	(void)fd;
	if (what & EV_TIMEOUT)
		stream_close(c);
	else if (stream_flush(c))
		stream_read(c);
}

static void
stream_done(struct inquiry *q, const uint8_t *msg, size_t len)
{
	struct stream *c = (struct stream *)(void *)q;

	if (stream_answer(c, msg, len))
		stream_read(c);
}

/* Of who has most places the one that was idle for longest. */
static struct stream *
stream_to_end(struct streams *all)
{
	struct stream *c, *end = NULL;

	LIST_FOREACH(c, &all->all, link) {
		if (end == NULL || c->guest->streams > end->guest->streams ||
		    (c->guest == end->guest && c->deadline < end->deadline))
			end = c;
	}
	return end;
}

static void
stream_new(struct streams *all, int fd, const struct addr *addr, uint16_t port)
{
	struct stream *c = NULL, *end = all->n >= STREAMS_MAX ? stream_to_end(all) : NULL;
	struct dns_guest *guest = filter_stream_open(all->filter, addr, port,
	    end != NULL ? end->guest->streams : UINT32_MAX);

	if (guest == NULL) {
		close(fd);
		return;
	}
	if (end != NULL)
		stream_close(end);
	if ((c = calloc(1, sizeof(*c))) == NULL) {
		filter_stream_close(guest);
		close(fd);
		return;
	}
	c->streams = all;
	c->fd = fd;
	c->guest = guest;
	c->inquiry.filter = all->filter;
	c->inquiry.addr = *addr;
	c->inquiry.port = port;
	c->inquiry.stream = true;
	c->inquiry.done = stream_done;
	c->ends = now_ms() + LIFETIME_MS;
	stream_renew(c);
	LIST_INSERT_HEAD(&all->all, c, link);
	all->n++;
	c->reading = event_new(all->base, fd, EV_READ, stream_ready, c);
	c->writing = event_new(all->base, fd, EV_WRITE, stream_ready, c);
	if (c->reading == NULL || c->writing == NULL)
		stream_close(c);
	else
		stream_read(c);
}

bool
streams_accept(struct streams *all, int listener)
{
	struct sockaddr_storage ss;
	struct addr addr;
	socklen_t len;
	uint16_t port;
	int fd;

	for (int i = 0; i < ACCEPT_BATCH; i++) {
		len = sizeof(ss);
		fd = fds_accept(listener, (struct sockaddr *)&ss, &len);
		if (fd == -1)
			return errno != EMFILE && errno != ENFILE && errno != ENOMEM &&
			    errno != ENOBUFS;
		if (addr_from_sockaddr(&addr, &port, (const struct sockaddr *)&ss))
			stream_new(all, fd, &addr, port);
		else
			close(fd);
	}
	return true;
}

void
streams_init(struct streams *all, struct event_base *base, struct filter *filter)
{
	all->base = base;
	all->filter = filter;
	all->n = 0;
	LIST_INIT(&all->all);
}

void
streams_free(struct streams *all)
{
	struct stream *c;

	while ((c = LIST_FIRST(&all->all)) != NULL)
		stream_close(c);
}
