#include "config.h"

#include <sys/epoll.h>

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proxy/poller.h"
#include "xmalloc.h"

/* Enough that a busy worker seldom asks twice, and the control channel waits
 * for no more than this many sockets. */
enum { POLLER_BATCH = 256 };

struct poller {
	int		 fd;
	struct event	*event;
	void		(*ready)(void *, unsigned, void *);
	void		(*after)(void *);
	void		*arg;
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

static void
poller_run(int fd, short what, void *arg)
{
	struct poller *p = arg;
	struct epoll_event events[POLLER_BATCH];
	int n = 0;

	(void)fd;
	if ((what & EV_READ) != 0)
		n = epoll_wait(p->fd, events, POLLER_BATCH, 0);
	for (int i = 0; i < n; i++)
		p->ready(events[i].data.ptr, poller_what(events[i].events), p->arg);
	p->after(p->arg);
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
poller_control(struct poller *p, int op, int fd, void *item)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = item };

	return epoll_ctl(p->fd, op, fd, &e) == 0;
}

bool
poller_add(struct poller *p, int fd, void *item)
{
	return poller_control(p, EPOLL_CTL_ADD, fd, item);
}

bool
poller_move(struct poller *p, int fd, void *item)
{
	return poller_control(p, EPOLL_CTL_MOD, fd, item);
}

void
poller_wake(struct poller *p)
{
	event_active(p->event, EV_TIMEOUT, 0);
}
