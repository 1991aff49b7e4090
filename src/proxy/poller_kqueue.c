/*
 * kqueue(2).  Reading and writing are a filter each, so a socket with news of
 * both is told of twice in a batch.  EV_CLEAR makes an edge of either: it is told
 * again once more bytes came, or room was made, and not before.
 */
#include "config.h"

#include <sys/types.h>
#include <sys/event.h>
#include <sys/time.h>

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gatehouse.h"
#include "proxy/poller.h"
#include "xmalloc.h"

/* Enough that a busy worker seldom asks twice, and the control channel waits
 * for no more than this many sockets. */
enum {
	POLLER_BATCH = 256,
	STAY_MS = 4,		/* until the event base gets its turn */
};

struct poller {
	int		 fd;
	struct event	*event;
	void		(*ready)(void *, unsigned, void *);
	void		(*after)(void *);
	bool		(*alone)(void *);	/* NULL: never stays */
	void		*arg;
	bool		 running, woken;
};

/* The end of the writing filter is also our own end of the stream, which is no
 * news; with an error it is the connection's. */
static unsigned
poller_what(const struct kevent *e)
{
	const bool end = (e->flags & EV_EOF) != 0, error = end && e->fflags != 0;
	unsigned what = e->filter == EVFILT_READ ? POLLER_IN : POLLER_OUT;

	if (error)
		what |= POLLER_IN | POLLER_OUT;
	if (error || (end && e->filter == EVFILT_READ))
		what |= POLLER_END;
	return what;
}

/* How many sockets had news; 0 also if the bell rang. */
static int
poller_batch(struct poller *p, int wait_ms)
{
	const struct timespec wait = { .tv_nsec = wait_ms * 1000000L };
	struct kevent events[POLLER_BATCH];
	int n = kevent(p->fd, NULL, 0, events, POLLER_BATCH, &wait);
	bool bell = false;

	p->woken = false;
	for (int i = 0; i < n; i++) {
		if (events[i].udata == NULL)
			bell = true;
		else
			p->ready((void *)events[i].udata, poller_what(&events[i]), p->arg);
	}
	p->after(p->arg);
	return bell || n < 0 ? 0 : n;
}

static void
poller_run(int fd, short what, void *arg)
{
	struct poller *p = arg;
	const uint64_t until = p->alone != NULL ? now_mono() / 1000 + STAY_MS : 0;
	int n;

	(void)fd;
	(void)what;
	p->running = true;
	n = poller_batch(p, 0);
	while (p->alone != NULL && (n > 0 || p->woken) && p->alone(p->arg) &&
	    now_mono() / 1000 < until)
		n = poller_batch(p, p->woken ? 0 : STAY_MS);
	p->running = false;
	if (p->woken)
		poller_wake(p);
}

struct poller *
poller_new(struct event_base *base, void (*ready)(void *, unsigned, void *), void (*after)(void *),
    void *arg, char **cause)
{
	struct poller *p = xcalloc(1, sizeof(*p));

	p->ready = ready;
	p->after = after;
	p->arg = arg;
	p->fd = kqueue();
	if (p->fd != -1 && fcntl(p->fd, F_SETFD, FD_CLOEXEC) != -1)
		p->event = event_new(base, p->fd, EV_READ | EV_PERSIST, poller_run, p);
	if (p->event == NULL || event_add(p->event, NULL) == -1) {
		*cause = xasprintf("cannot watch sockets: %s", strerror(errno));
		poller_free(p);
		return NULL;
	}
	return p;
}

void
poller_free(struct poller *p)
{
	if (p == NULL)
		return;
	if (p->event != NULL)
		event_free(p->event);
	if (p->fd != -1)
		close(p->fd);
	free(p);
}

/* What holds already is told at once, also of a filter that was there. */
static bool
poller_control(struct poller *p, int fd, void *item, bool out)
{
	struct kevent changes[2];

	EV_SET(&changes[0], (uintptr_t)fd, EVFILT_READ, EV_ADD | EV_CLEAR, 0, 0, item);
	EV_SET(&changes[1], (uintptr_t)fd, EVFILT_WRITE, EV_ADD | EV_CLEAR, 0, 0, item);
	return kevent(p->fd, changes, out ? 2 : 1, NULL, 0, NULL) != -1;
}

bool
poller_add(struct poller *p, int fd, void *item, bool out)
{
	return poller_control(p, fd, item, out);
}

bool
poller_move(struct poller *p, int fd, void *item)
{
	return poller_control(p, fd, item, true);
}

void
poller_wake(struct poller *p)
{
	p->woken = true;
	if (!p->running)
		event_active(p->event, EV_TIMEOUT, 0);
}

bool
poller_stay(struct poller *p, int bell, bool (*alone)(void *))
{
	p->alone = alone;
	return poller_control(p, bell, NULL, false);
}
