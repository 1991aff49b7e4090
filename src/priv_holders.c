/* Tells the engine which processes have a virtual machine: see inventory/holders.h. */
#include "config.h"

#include "priv.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "inventory/holders.h"
#include "log.h"
#include "xmalloc.h"

struct priv_holders {
	struct holders	*holders;
	struct event	*tick;
	void		(*send)(enum frame, const void *body, void *arg);
	void		*arg;
};

static void
on_holder(const struct holder *h, void *arg)
{
	struct priv_holders *p = arg;

	p->send(FRAME_HOLDER, h, p->arg);
}

static void
on_tick(int fd, short what, void *arg)
{
	struct priv_holders *p = arg;

	holders_look(p->holders, now_mono());
}

struct priv_holders *
priv_holders_new(struct event_base *base, void (*send)(enum frame, const void *body, void *arg),
    void *arg)
{
	static const struct timeval every = { .tv_sec = 2 };
	struct priv_holders *p = xcalloc(1, sizeof(*p));

	p->send = send;
	p->arg = arg;
	if ((p->holders = holders_new(on_holder, p)) == NULL)
		return p;
	p->tick = event_new(base, -1, EV_PERSIST, on_tick, p);
	if (p->tick == NULL || event_add(p->tick, &every) == -1)
		fatalx("out of memory (holders)");
	return p;
}

void
priv_holders_tell(struct priv_holders *p)
{
	if (p->holders != NULL)
		holders_tell(p->holders);
}

void
priv_holders_free(struct priv_holders *p)
{
	if (p == NULL)
		return;
	if (p->tick != NULL)
		event_free(p->tick);
	holders_free(p->holders);
	free(p);
}
