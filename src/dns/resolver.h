/*
 * Names to addresses, for the proxy and for the guests' DNS: a stub resolver
 * with a cache.  One struct resolver belongs to one event base.
 *
 * What it gives out may be dialled: addresses that reach.h does not allow were
 * left out, and it says so.
 */
#ifndef DNS_RESOLVER_H
#define DNS_RESOLVER_H

#include <sys/queue.h>

#include "conf.h"
#include "dns/message.h"

struct event_base;
struct resolver;
struct lookup;

enum answer_status {
	ANSWER_FOUND,		/* of naddrs addresses, or of none for this type */
	ANSWER_NO_NAME,		/* the name does not exist */
	ANSWER_FAILED,		/* no server gave a usable answer in time */
	ANSWER_BUSY,		/* too many look-ups wait already */
};

struct dns_answer {
	enum answer_status	 status;
	bool			 refused;	/* there were addresses not to be dialled */
	uint32_t		 ttl;		/* seconds it holds from now */
	unsigned		 naddrs;
	struct addr		 addrs[DNS_ADDRS_MAX];
};

/* Who waits for an answer; part of the waiter's own struct. */
struct dns_waiter {
	TAILQ_ENTRY(dns_waiter)	 link;
	struct lookup		*lookup;	/* NULL: does not wait */
	uint32_t		 guest;		/* whose question it is, by its id; 0: a stranger's */
	void			(*answered)(struct dns_waiter *, const struct dns_answer *);
};

/*
 * Reads whom to ask, so it comes before the file system is given up.  Warns,
 * and asks 127.0.0.1, if nobody is named.  NULL and a cause (caller frees).
 */
struct resolver	*resolver_new(struct event_base *, const struct conf *, char **cause);
/* Another one, for another thread's event base, that asks the same servers; the
 * first one must outlive it. */
struct resolver	*resolver_like(const struct resolver *, struct event_base *);
/* Tells of each socket that the event base watches from now on, to who waits elsewhere;
 * out: for writing. Closing it is all that ends it. */
void		 resolver_on_open(struct resolver *, void (*opened)(int fd, bool out, void *arg),
		    void *arg);
/* Nobody may be waiting any more. */
void		 resolver_free(struct resolver *);

/* With a type: of a host that the operator named, whose addresses are given out
 * whatever they are. */
enum { RESOLVE_OPERATORS = 0x8000 };

/*
 * Asks for the addresses (type DNS_TYPE_A or DNS_TYPE_AAAA) of a canonical
 * name.  True: *answer is filled in now.  False: w->answered runs later, once,
 * unless resolver_cancel() comes before; w stays where it is until then.
 */
bool		 resolver_ask(struct resolver *, const char *name, uint16_t type, struct dns_waiter *,
		    struct dns_answer *);
void		 resolver_cancel(struct dns_waiter *);
/* reach_is_barred(), for addresses that no name led to. */
bool		 resolver_is_barred(const struct resolver *, const struct addr *);
/* No look-up is under way. */
bool		 resolver_idle(const struct resolver *);

/*
 * What was answered was checked when it was.  The generation changes when this
 * host got or lost an address since; then who still holds an answer asks again
 * whether an address of it may be dialled.
 */
uint32_t	 resolver_generation(const struct resolver *);
bool		 resolver_allows(const struct resolver *, const struct addr *);
/* reach_is_host(). */
bool		 resolver_is_host(const struct resolver *, const struct addr *);

#endif
