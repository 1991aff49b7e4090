/*
 * Readiness of sockets: edge-triggered, registered once and for as long as
 * the descriptor is open, for writing too where that was ever refused.  That is one system call a
 * socket over its whole life (closing it ends the registration) and no
 * memory of ours per socket; libevent would need two calls and an event of
 * 128 bytes each.  The poller itself is one descriptor in the event base,
 * which makes each wake-up one of two pollers; poller_stay() avoids that.
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
/* out: tell of writing too. One that is writable now would be told so at once. */
bool		 poller_add(struct poller *, int fd, void *item, bool out);
/* From now on news of the descriptor, of writing too, is of this item; what
 * holds now is told again. */
bool		 poller_move(struct poller *, int fd, void *item);
void		 poller_wake(struct poller *);
/*
 * For a thread that does little else: having served a batch, the poller waits
 * for the next one itself, as long as batches keep coming, while alone() says
 * that nothing else on the event base is urgent, and until bell becomes
 * readable; it returns to the event base every few milliseconds all the same.
 */
bool		 poller_stay(struct poller *, int bell, bool (*alone)(void *arg));

#endif
