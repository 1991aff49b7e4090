#include "config.h"

#include "dns/pinner.h"

#include <event2/event.h>

#include "log.h"

static uint64_t
now_ms(void)
{
	return now_mono() / 1000;
}

static void
pinner_wait(struct pinner *p)
{
	const struct pin_wait *oldest = TAILQ_FIRST(&p->waiting);
	const uint64_t now = now_ms();
	uint64_t left;

	if (oldest == NULL)
		return;
	left = oldest->until > now ? oldest->until - now : 0;
	event_add(p->timer, &(struct timeval){ .tv_sec = (time_t)(left / 1000),
	    .tv_usec = (suseconds_t)(left % 1000 * 1000) });
}

static void
on_timer(int fd, short what, void *arg)
{
	struct pinner *p = arg;
	struct pin_wait *w;
	const uint64_t now = now_ms();

	(void)fd;
	(void)what;
	while ((w = TAILQ_FIRST(&p->waiting)) != NULL && w->until <= now) {
		pinner_cancel(p, w);
		p->open(w);
	}
	pinner_wait(p);
}

void
pinner_init(struct pinner *p, struct event_base *base, const struct dns_sink *sink,
    void (*open)(struct pin_wait *))
{
	p->sink = *sink;
	p->serial = 0;
	p->open = open;
	TAILQ_INIT(&p->waiting);
	p->timer = evtimer_new(base, on_timer, p);
	if (p->timer == NULL)
		fatalx("out of memory (timer)");
}

void
pinner_free(struct pinner *p)
{
	event_free(p->timer);
}

bool
pinner_hold(struct pinner *p, struct pin_wait *w, const struct dns_answer *a, struct dns_pin *pin)
{
	w->serial = pin->serial = ++p->serial;
	pin->ttl = a->ttl;
	pin->naddrs = a->naddrs;
	pin->addrs = a->addrs;
	if (p->sink.pin == NULL || !p->sink.pin(pin, p->sink.arg))
		return false;
	w->answer = *a;
	w->waits = true;
	w->until = now_ms() + PINNER_MS;
	TAILQ_INSERT_TAIL(&p->waiting, w, link);
	if (!event_pending(p->timer, EV_TIMEOUT, NULL))
		pinner_wait(p);
	return true;
}

void
pinner_cancel(struct pinner *p, struct pin_wait *w)
{
	if (!w->waits)
		return;
	w->waits = false;
	TAILQ_REMOVE(&p->waiting, w, link);
}

void
pinner_opened(struct pinner *p, uint32_t serial)
{
	struct pin_wait *w;

	TAILQ_FOREACH(w, &p->waiting, link) {
		if (w->serial == serial)
			break;
	}
	if (w == NULL)
		return;
	pinner_cancel(p, w);
	p->open(w);
}
