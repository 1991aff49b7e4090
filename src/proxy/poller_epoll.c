#include "config.h"

#include <sys/epoll.h>

#include <errno.h>
#include <event2/event.h>
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

static unsigned
poller_what(uint32_t events)
{
	unsigned what = 0;

	if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0)
		what |= POLLER_IN;
	if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0)
		what |= POLLER_OUT;
	if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0)
		what |= POLLER_END;
	return what;
}

/* How many sockets had news; 0 also if the bell rang. */
static int
poller_batch(struct poller *p, int wait_ms)
{
	struct epoll_event events[POLLER_BATCH];
	int n = epoll_wait(p->fd, events, POLLER_BATCH, wait_ms);
	bool bell = false;

	p->woken = false;
	for (int i = 0; i < n; i++) {
		if (events[i].data.ptr == NULL)
			bell = true;
		else
			p->ready(events[i].data.ptr, poller_what(events[i].events), p->arg);
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
	/* Nested pollers made a wake-up some 3 microseconds longer, and there are
	 * four of them in a short connection. */
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
	p->fd = epoll_create1(EPOLL_CLOEXEC);
	if (p->fd != -1)
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

static bool
poller_control(struct poller *p, int op, int fd, void *item, bool out)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.ptr = item };

	if (out)
		e.events |= EPOLLOUT;
	return epoll_ctl(p->fd, op, fd, &e) == 0;
}

bool
poller_add(struct poller *p, int fd, void *item, bool out)
{
	return poller_control(p, EPOLL_CTL_ADD, fd, item, out);
}

bool
poller_move(struct poller *p, int fd, void *item)
{
	return poller_control(p, EPOLL_CTL_MOD, fd, item, true);
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
	struct epoll_event e = { .events = EPOLLIN | EPOLLET, .data.ptr = NULL };

	p->alone = alone;
	return epoll_ctl(p->fd, EPOLL_CTL_ADD, bell, &e) == 0;
}
