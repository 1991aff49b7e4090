/*
 * The embedded proxy: listener, sessions, relay.  One struct proxy is one
 * worker with its own event base; what it shares with the others is in
 * struct proxy_shared.  A worker is used from one thread at a time (crew.h).
 */
#ifndef PROXY_H
#define PROXY_H

#include "allow/allow.h"
#include "conf.h"
#include "gatehouse.h"

struct event_base;
struct resolver;

/* How the proxy tells the world; called on the worker's event loop. */
struct proxy_sink {
	void	(*hit)(const struct hit *, void *arg);
	/* False: not taken. Of an open connection the bytes are told again later. */
	bool	(*flow)(const struct flow *, void *arg);
	void	*arg;
};

/* How many connections may be open. */
struct proxy_limits {
	uint32_t	in_all, per_guest;
};

struct proxy_stats {
	uint32_t	connections;
	uint64_t	accepted, allowed, denied;
	uint64_t	limited;	/* of those denied, by a limit of [proxy] */
	uint64_t	bytes_up, bytes_down;
	bool		accept_paused;
	struct proxy_limits limits;	/* that hold: by the configuration or by descriptors */
	char		upstream_cause[GH_CAUSE_SIZE];	/* "" while the upstream proxy works */
};

struct proxy;
struct proxy_shared;
/* What the workers count together; generation: upper half of hits' ids. */
struct proxy_shared	*proxy_shared_new(uint32_t generation, unsigned workers);
/* After the last worker. */
void		 proxy_shared_free(struct proxy_shared *);
/* Ids of hits, also for others who decide beside the proxy; any thread. */
uint64_t	 proxy_next_id(struct proxy_shared *);

/* Descriptors for max-connections and max-per-guest, and what the workers need besides. */
uint64_t	 proxy_fds_wanted(const struct conf *, unsigned workers);
/* So many of these workers that half of the process's descriptors, or what one
 * worker leaves, are for connections. */
unsigned	 proxy_workers_fit(unsigned workers);

/* How many connections there may be, since this process has descriptors for no more. */
struct proxy_limits proxy_limits(const struct conf *, unsigned workers);

/* Does not listen before proxy_run(); binding needs no privilege. */
struct proxy	*proxy_new(struct event_base *, struct resolver *, const struct conf *,
		    struct proxy_shared *, const struct proxy_sink *, char **cause);
void		 proxy_free(struct proxy *);
/* Readable when the event base has something to do that is not the proxy's. */
bool		 proxy_bell(struct proxy *, int fd);
/* Waits for connections and serves them, until the event base is due its turn; who runs
 * the proxy gives it that and comes back. */
void		 proxy_serve(struct proxy *);
/* Serves what is there, and waits for nothing. */
void		 proxy_turn(struct proxy *);
/* NULL or a cause. Stopping closes the listener and every session. */
char		*proxy_run(struct proxy *, bool run);
bool		 proxy_running(const struct proxy *);
/* The image stays the caller's; NULL: refuse everything. Sessions that it no
 * longer allows are cut before this returns. */
void		 proxy_set_allow(struct proxy *, const struct allow_image *);
/* Who sits behind an address, sends from a hardware address (source_mac()) or is a user
 * of this host (source_uid()); guest_id 0 forgets it. Frozen: its sessions are cut and
 * new ones refused. mac is the guest's, or NULL. */
void		 proxy_set_guest(struct proxy *, const struct addr *, uint32_t guest_id,
		    const char *name, bool frozen, const uint8_t mac[6]);
/* What tells users of this host apart; stays the caller's. */
struct owner;
void		 proxy_set_owner(struct proxy *, const struct owner *);
/* An engine tells every guest anew after it started: begin before the first of
 * them; end forgets the addresses that were not told again. */
void		 proxy_guests_begin(struct proxy *);
void		 proxy_guests_end(struct proxy *);
void		 proxy_stats(const struct proxy *, struct proxy_stats *);

#endif
