/*
 * Deadlines: one wheel a worker instead of a timer event a connection.
 * A timer is three words; moving a deadline further away, which is what
 * activity does, costs one store and no list work: the timer is looked at
 * when its old slot comes round and put where it now belongs.
 */
#ifndef WHEEL_H
#define WHEEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

enum {
	WHEEL_SLOTS = 512,
	WHEEL_TICK_MS = 128,	/* how late a deadline may be noticed */
};

struct timer {
	LIST_ENTRY(timer)	link;
	uint64_t		when;	/* milliseconds, 0: not set */
};

LIST_HEAD(timer_list, timer);

struct wheel {
	struct timer_list	slots[WHEEL_SLOTS];
	uint64_t		tick;	/* the last one that was run */
	size_t			armed;
};

void	 wheel_init(struct wheel *, uint64_t now_ms);
void	 wheel_set(struct wheel *, struct timer *, uint64_t when_ms);
void	 wheel_clear(struct wheel *, struct timer *);
/* Calls due for each timer whose time has come; it is no longer set then. */
void	 wheel_run(struct wheel *, uint64_t now_ms, void (*due)(struct timer *, void *), void *);

#endif
