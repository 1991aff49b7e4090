/* The net role without its process: what tests drive over a socket pair. */
#ifndef NET_H
#define NET_H

#include "conf.h"
#include "drops/drops.h"

struct event_base;
struct resolver;
struct net;
struct owner;

/*
 * Takes the channel to priv over, and starts the capture if there is one
 * (NULL: then *capture_cause says why; both stay the caller's, as does the
 * owner, NULL where the kernel does not tell users of this host apart).  lost runs
 * when priv is gone: the role must end.
 */
struct net	*net_new(struct event_base *, struct resolver *, const struct conf *,
		    const struct owner *, int priv_fd, struct capture *, const char *capture_cause, void (*lost)(const char *why, void *),
		    void *arg);
void		 net_free(struct net *);

#endif
