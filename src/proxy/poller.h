/*
 * Readiness of sockets: edge-triggered, both directions, registered once
 * and for as long as the descriptor is open.  That is one system call a
 * socket over its whole life (closing it ends the registration) and no
 * memory of ours per socket; libevent would need two calls and an event of
 * 128 bytes each.  The poller itself is one descriptor in the event base.
 *
 * An edge is told once: the owner must go on until EAGAIN, or remember that
 * it did not.
 */
#ifndef POLLER_H
#define POLLER_H

#include <stdbool.h>

struct event_base;

enum {
	POLLER_IN = 1 << 0,
	POLLER_OUT = 1 << 1,
	POLLER_END = 1 << 2,	/* the peer ended its side, or an error is pending */
};

struct poller;
/* ready runs for each descriptor with news; after runs at the end of each
 * batch, and soon after poller_wake(). */
struct poller	*poller_new(struct event_base *, void (*ready)(void *item, unsigned what, void *arg),
		    void (*after)(void *arg), void *arg, char **cause);
void		 poller_free(struct poller *);
bool		 poller_add(struct poller *, int fd, void *item);
/* From now on news of the descriptor is of this item; what holds now is told again. */
bool		 poller_move(struct poller *, int fd, void *item);
void		 poller_wake(struct poller *);

#endif
