/* The net role without its process: what tests drive over a socket pair. */
#ifndef NET_H
#define NET_H

#include "conf.h"
#include "drops/drops.h"

struct event_base;
struct resolver;
struct net;

/*
 * Takes the channel to priv over, and starts the capture if there is one
 * (NULL: then *capture_cause says why; both stay the caller's).  lost runs
 * when priv is gone: the role must end.
 */
struct net	*net_new(struct event_base *, struct resolver *, const struct conf *, int priv_fd,
		    struct capture *, const char *capture_cause, void (*lost)(const char *why, void *),
		    void *arg);
void		 net_free(struct net *);

#endif
