/*
 * What the files of a dial share: dial.c, its start, names and end; attempts.c,
 * its sockets; chained.c, an upstream proxy.
 */
#ifndef DIAL_H
#define DIAL_H

#include <event2/event.h>
#include <event2/event_struct.h>

#include "proxy/chain.h"
#include "proxy/worker.h"

enum {
	FAMILIES = 2,
	ATTEMPTS = 3,			/* under way at once */
};

struct family {
	struct dns_waiter	 waiter;	/* must be first */
	struct dial		*dial;
	struct addr		 addrs[DIAL_ADDRESSES];
	unsigned		 n, next;
	bool			 pending;	/* its look-up has no answer yet */
};

struct attempt {
	struct conn	 spare;		/* its socket, unless that is the session's */
	struct conn	*conn;
	struct dial	*dial;
	struct addr	 addr;
	uint64_t	 started;	/* milliseconds */
};

struct dial {
	struct session	*session;
	struct hit	 hit;		/* told when we know how it ended */
	struct family	 families[FAMILIES];	/* IPv4, IPv6 */
	struct attempt	 attempts[ATTEMPTS];
	struct event	 step;		/* time for the next attempt */
	unsigned	 turn;		/* which family is next */
	bool		 waited;	/* long enough for the preferred family */
	bool		 refused;	/* an address was one we must not dial */
	bool		 chained;	/* through the upstream proxy */
	bool		 checking;	/* the name's own addresses, before that */
	struct addr	 checked;	/* the one to ask it for; family 0: the name */
	bool		 asked;		/* which got its CONNECT */
	bool		 itself;	/* an address of it was our own port */
	uint64_t	 asked_at;	/* milliseconds */
	struct chain_scan scan;		/* of its answer */
	bool		 tried;		/* to connect, at least once */
	struct addr	 last;		/* the address that failed last, */
	enum outcome	 outcome;	/* and how */
	uint32_t	 generation;	/* of the resolver, when it was asked */
	uint64_t	 deadline;	/* milliseconds */
};

/* dial.c */
/* Ends the dial without a connection. */
void		 dial_refuse(struct session *, enum reason, const char *what);
void		 dial_fail(struct session *, enum reason);
/* It has its connection: neither names nor the clock have a say any more. */
void		 dial_settle(struct dial *);
/* The session's upstream is connected, to the server or to an upstream proxy. */
void		 dial_connected(struct session *);
/* ... and leads to the server. */
void		 dial_done(struct session *);

/* attempts.c */
void		 attempt_close(struct proxy *, struct attempt *);
/* What became of an attempt (errno), for whoever asks why none of them made it. */
void		 attempt_note(struct dial *, const struct addr *, int error);
/* The one that started first, or last; NULL if none is under way. */
struct attempt	*attempt_at(struct dial *, bool last);
void		 attempts_ready(struct session *);
/* Starts on the next address that can be tried at all, or gives up. */
void		 dial_try(struct session *);
/* Sets the time at which the next address is to be tried, if there is one. */
void		 dial_arm(struct dial *);
/* The family to begin with has no answer yet, but the other has: a moment. */
bool		 dial_waits(struct session *);
/* The timer's callback. */
void		 dial_step(int fd, short what, void *dial);

/* chained.c */
void		 chain_ask(struct session *);
void		 chain_read(struct session *);
/* The upstream proxy is of no use, for this name or for any: what says how, as in
 * "does not answer". */
void		 chain_fail(struct session *, bool any, const char *what);
/* It was asked, and there is no more time. */
void		 chain_timeout(struct session *);

#endif
