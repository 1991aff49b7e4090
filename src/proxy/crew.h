/*
 * The workers: threads that each run a proxy (proxy.h) on an event base of
 * their own, with their own listeners, resolver, buffers and pipes, so that
 * nothing is locked while bytes move.  The thread that owns the crew never
 * touches a session: it calls the workers (each call is over when it
 * returns), and takes their reports when it has time.
 *
 * One worker is a thread too: then a burst of blocked packets or of guests'
 * DNS, which the owner serves, does not hold a relayed byte up either.
 */
#ifndef CREW_H
#define CREW_H

#include "allow/allow.h"
#include "conf.h"
#include "gatehouse.h"
#include "proxy/proxy.h"

/* How the owner is told; called on its event loop. */
struct crew_sink {
	void	(*hit)(const struct hit *, void *arg);
	void	(*flow)(const struct flow *, void *arg);
	/* False: no reports now. They wait in the workers, and what there is no
	 * room for is lost and counted. */
	bool	(*ready)(void *arg);
	void	*arg;
};

struct crew;
/* Starts the threads: after privileges were given up, which is a matter of each
 * thread by itself. The resolver is the pattern of theirs. */
struct crew	*crew_new(struct event_base *, const struct resolver *, const struct owner *,
		    const struct conf *, uint32_t generation, const struct crew_sink *, char **cause);
void		 crew_free(struct crew *);
unsigned	 crew_workers(const struct crew *);
uint64_t	 crew_next_id(struct crew *);

/* As the functions of proxy.h of the same names, for all workers. */
char		*crew_run(struct crew *, bool run);
bool		 crew_running(const struct crew *);
/* Takes the image over: the former one is closed before this returns. */
void		 crew_set_allow(struct crew *, struct allow_image *);
void		 crew_set_guest(struct crew *, const struct addr *, uint32_t guest_id,
		    const char *name, bool frozen, const uint8_t mac[6]);
void		 crew_guests_begin(struct crew *);
void		 crew_guests_end(struct crew *);
/* hits_lost: decisions that nobody took in time. */
void		 crew_stats(struct crew *, struct proxy_stats *, uint64_t *hits_lost);

/* How many workers [proxy] workers means on this machine. */
unsigned	 crew_size(const struct conf *);

#endif
