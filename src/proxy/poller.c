/*
 * The part of a poller that is the same whatever the kernel offers: when to wait,
 * and for whom the event base has to wait meanwhile.
 */
#include "config.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gatehouse.h"
#include "proxy/poller.h"
#include "proxy/poller_kernel.h"
#include "xmalloc.h"

enum { STAY_MS = 4 };		/* until the event base gets its turn */

struct poller {
	int		 fd;
	struct event	*event;
	void		(*ready)(void *, unsigned, void *);
	void		(*after)(void *);
	bool		(*alone)(void *);	/* NULL: never stays */
	void		*arg;
	bool		 running, woken;
};

/* How many sockets had news; 0 also if the bell rang. */
static int
poller_batch(struct poller *p, int wait_ms)
{
	struct poller_news news[POLLER_BATCH];
	int n = poller_kernel_wait(p->fd, news, wait_ms);
	bool bell = false;

	p->woken = false;
	for (int i = 0; i < n; i++) {
		if (news[i].item == NULL)
			bell = true;
		else
			p->ready(news[i].item, news[i].what, p->arg);
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
	/* Nested pollers make a wake-up longer, and there are four of them in a short
	 * connection: so we wait in the inner one, and the outer is not told meanwhile. */
	if (p->alone != NULL && (n > 0 || p->woken) && p->alone(p->arg)) {
		event_del(p->event);
		while ((n > 0 || p->woken) && p->alone(p->arg) && now_mono() / 1000 < until)
			n = poller_batch(p, p->woken ? 0 : STAY_MS);
		event_add(p->event, NULL);
	}
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
	p->fd = poller_kernel_open();
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
	if (!p->running)
		event_active(p->event, EV_TIMEOUT, 0);
}

bool
poller_stay(struct poller *p, int bell, bool (*alone)(void *))
{
	p->alone = alone;
	return poller_kernel_add(p->fd, bell, NULL, false);
}
