#include "config.h"

#include "proxy/wheel.h"

void
wheel_init(struct wheel *w, uint64_t now)
{
	for (size_t i = 0; i < WHEEL_SLOTS; i++)
		LIST_INIT(&w->slots[i]);
	w->tick = now / WHEEL_TICK_MS;
	w->armed = 0;
}

/* Under the tick after the deadline, so that no timer fires early. */
static void
wheel_file(struct wheel *w, struct timer *t)
{
	uint64_t slot = t->when / WHEEL_TICK_MS + 1;

	if (slot <= w->tick)
		slot = w->tick + 1;
	LIST_INSERT_HEAD(&w->slots[slot % WHEEL_SLOTS], t, link);
}

void
wheel_set(struct wheel *w, struct timer *t, uint64_t when)
{
	const bool set = t->when != 0;

	if (set && when >= t->when) {
		t->when = when;
		return;
	}
	if (set)
		LIST_REMOVE(t, link);
	else
		w->armed++;
	t->when = when;
	wheel_file(w, t);
}

void
wheel_clear(struct wheel *w, struct timer *t)
{
	if (t->when == 0)
		return;
	LIST_REMOVE(t, link);
	t->when = 0;
	w->armed--;
}

static void
wheel_run_slot(struct wheel *w, uint64_t now, void (*due)(struct timer *, void *), void *arg)
{
	struct timer_list *slot = &w->slots[w->tick % WHEEL_SLOTS];
	struct timer_list mine = { LIST_FIRST(slot) };
	struct timer *t;

	/* Taken off first: what is filed meanwhile may belong to this slot again. */
	if (LIST_FIRST(&mine) != NULL)
		LIST_FIRST(&mine)->link.le_prev = &LIST_FIRST(&mine);
	LIST_INIT(slot);
	while ((t = LIST_FIRST(&mine)) != NULL) {
		LIST_REMOVE(t, link);
		if (t->when > now) {
			wheel_file(w, t);
			continue;
		}
		t->when = 0;
		w->armed--;
		due(t, arg);
	}
}

void
wheel_run(struct wheel *w, uint64_t now, void (*due)(struct timer *, void *), void *arg)
{
	const uint64_t target = now / WHEEL_TICK_MS;

	/* After a long sleep one turn of the wheel reaches every timer. */
	if (target > w->tick + WHEEL_SLOTS)
		w->tick = target - WHEEL_SLOTS;
	while (w->tick < target) {
		w->tick++;
		wheel_run_slot(w, now, due, arg);
	}
}
