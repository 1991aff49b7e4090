#include "config.h"

#include <sys/epoll.h>

#include <stdint.h>

#include "proxy/poller.h"
#include "proxy/poller_kernel.h"

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

int
poller_kernel_open(void)
{
	return epoll_create1(EPOLL_CLOEXEC);
}

int
poller_kernel_wait(int poller, struct poller_news news[POLLER_BATCH], int wait_ms)
{
	struct epoll_event events[POLLER_BATCH];
	const int n = epoll_wait(poller, events, POLLER_BATCH, wait_ms);

	for (int i = 0; i < n; i++)
		news[i] = (struct poller_news){ events[i].data.ptr, poller_what(events[i].events) };
	return n;
}

static bool
control(int poller, int op, int fd, void *item, bool out)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLRDHUP, .data.ptr = item };

	/* Who serves it elsewhere reads it there, all of it or not: it is told again. That
	 * one may be written to would be told for ever. */
	if (item != POLLER_ELSEWHERE || out)
		e.events |= EPOLLET;
	if (out)
		e.events |= EPOLLOUT;
	return epoll_ctl(poller, op, fd, &e) == 0;
}

bool
poller_kernel_add(int poller, int fd, void *item, bool out)
{
	return control(poller, EPOLL_CTL_ADD, fd, item, out);
}

bool
poller_kernel_move(int poller, int fd, void *item)
{
	return control(poller, EPOLL_CTL_MOD, fd, item, true);
}
