/* The part of a poller that is the same whatever the kernel offers. */
#include "config.h"

#include "proxy/poller.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proxy/poller_kernel.h"
#include "xmalloc.h"

struct poller {
	int		 fd;
	void		(*ready)(void *, unsigned, void *);
	void		(*after)(void *);
	void		*arg;
	bool		 woken;
};

struct poller *
poller_new(void (*ready)(void *, unsigned, void *), void (*after)(void *), void *arg, char **cause)
{
	struct poller *p = xcalloc(1, sizeof(*p));

	p->ready = ready;
	p->after = after;
	p->arg = arg;
	p->fd = poller_kernel_open();
	if (p->fd == -1) {
		*cause = xasprintf("cannot watch sockets: %s", strerror(errno));
		free(p);
		return NULL;
	}
	return p;
}

void
poller_free(struct poller *p)
{
	if (p == NULL)
		return;
	close(p->fd);
	free(p);
}

bool
poller_add(struct poller *p, int fd, void *item, bool out)
{
	return poller_kernel_add(p->fd, fd, item, out);
}

bool
poller_move(struct poller *p, int fd, void *item)
{
	return poller_kernel_move(p->fd, fd, item);
}

void
poller_wake(struct poller *p)
{
	p->woken = true;
}

bool
poller_turn(struct poller *p, int wait_ms)
{
	struct poller_news news[POLLER_BATCH];
	const int n = poller_kernel_wait(p->fd, news, p->woken ? 0 : wait_ms);
	bool elsewhere = false;

	p->woken = false;
	for (int i = 0; i < n; i++) {
		if (news[i].item == POLLER_ELSEWHERE)
			elsewhere = true;
		else
			p->ready(news[i].item, news[i].what, p->arg);
	}
	p->after(p->arg);
	return !elsewhere && (n > 0 || p->woken);
}
