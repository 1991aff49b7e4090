/*
 * Readiness of sockets: edge-triggered, registered once and for as long as the
 * descriptor is open, for writing too where that was ever refused.  That is one system
 * call a socket over its whole life (closing it ends the registration) and no memory
 * of ours per socket; libevent would need two calls and an event of 128 bytes each.
 *
 * A worker waits in its poller alone.  Were the poller watched by libevent instead,
 * each wake-up would be one of two pollers, and registering a socket would take a lock
 * that all of the kernel shares and walk over all that are registered: of a TLS
 * connection's CPU time that was 5 % on the bench.  So what libevent
 * watches for the worker is registered here as well (POLLER_ELSEWHERE), and the
 * worker gives it its turn.
 *
 * An edge is told once: the owner must go on until EAGAIN, or remember that
 * it did not.  What is served elsewhere is told as long as it is there.
 */
#ifndef POLLER_H
#define POLLER_H

#include <stdbool.h>
#include <stddef.h>

enum {
	POLLER_IN = 1 << 0,
	POLLER_OUT = 1 << 1,
	POLLER_END = 1 << 2,	/* the peer ended its side, or an error is pending */
};

/* The item of a descriptor that is served elsewhere. */
#define POLLER_ELSEWHERE	NULL

struct poller;
/* ready runs for each descriptor with news, after at the end of each turn. NULL and a
 * cause (caller frees). */
struct poller	*poller_new(void (*ready)(void *item, unsigned what, void *arg),
		    void (*after)(void *arg), void *arg, char **cause);
void		 poller_free(struct poller *);
/* out: tell of writing too. One that is writable now would be told so at once. */
bool		 poller_add(struct poller *, int fd, void *item, bool out);
/* From now on news of the descriptor, of writing too, is of this item; what
 * holds now is told again. */
bool		 poller_move(struct poller *, int fd, void *item);
/* The descriptor of this item is closed, or another's: what this turn still has to tell
 * would be taken for news of the next one, or is of an item that is no more. */
void		 poller_forget(struct poller *, const void *item);
/* The next turn, or the one that runs, does not wait. */
void		 poller_wake(struct poller *);
/* Waits for news so long (-1: until there is some) and serves it. False: there was none,
 * or some that is served elsewhere. */
bool		 poller_turn(struct poller *, int wait_ms);

#endif
