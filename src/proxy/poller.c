/* The part of a poller that is the same whatever the kernel offers. */
#include "config.h"

#include "proxy/poller.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proxy/poller_kernel.h"
#include "xmalloc.h"

/* Takes the place of an item that is gone. */
static char forgotten;

struct poller {
	int		 fd;
	void		(*ready)(void *, unsigned, void *);
	void		(*after)(void *);
	void		*arg;
	bool		 woken;
	struct poller_news *news;	/* of the turn that runs, not served yet */
	int		 nnews;
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
poller_forget(struct poller *p, const void *item)
{
	for (int i = 0; i < p->nnews; i++) {
		if (p->news[i].item == item)
			p->news[i].item = &forgotten;
	}
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
	p->news = news;
	for (p->nnews = n; p->nnews > 0;) {
		const struct poller_news *next = p->news++;

		p->nnews--;
		if (next->item == POLLER_ELSEWHERE)
			elsewhere = true;
		else if (next->item != &forgotten)
			p->ready(next->item, next->what, p->arg);
	}
	p->after(p->arg);
	return !elsewhere && (n > 0 || p->woken);
}
