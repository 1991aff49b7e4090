/*
 * Answers that wait until the ports that entries list with their name are open
 * to who asked, so that its first packet finds them so.
 *
 * Not for long: after PINNER_MS the guest is told all the same.  What is not open
 * by then stays closed until it asks again, and the name's web ports, which are
 * the proxy's, work meanwhile.
 */
#ifndef DNS_PINNER_H
#define DNS_PINNER_H

#include <sys/queue.h>

#include "dns/resolver.h"
#include "dns/server.h"

struct event;
struct event_base;

enum { PINNER_MS = 1000 };

/* One answer that waits; part of its query's struct. */
struct pin_wait {
	TAILQ_ENTRY(pin_wait)	 link;
	bool			 waits;
	uint32_t		 serial;
	uint64_t		 until;		/* monotonic milliseconds */
	struct dns_answer	 answer;
};

struct pinner {
	struct event		*timer;
	struct dns_sink		 sink;
	uint32_t		 serial;
	TAILQ_HEAD(, pin_wait)	 waiting;	/* the oldest first */
	void			(*open)(struct pin_wait *);	/* it need not wait any more */
};

void	 pinner_init(struct pinner *, struct event_base *, const struct dns_sink *,
	    void (*open)(struct pin_wait *));
/* Nothing may be waiting any more. */
void	 pinner_free(struct pinner *);
/* Asks for the answer's addresses. False: there is nobody to ask. */
bool	 pinner_hold(struct pinner *, struct pin_wait *, const struct dns_answer *,
	    struct dns_pin *);
void	 pinner_cancel(struct pinner *, struct pin_wait *);
void	 pinner_opened(struct pinner *, uint32_t serial);

#endif
