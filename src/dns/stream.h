/* Guests that ask over TCP (RFC 7766): one query after the other. */
#ifndef DNS_STREAM_H
#define DNS_STREAM_H

#include <sys/queue.h>

#include "dns/filter.h"

struct event_base;

struct streams {
	struct event_base	*base;
	struct filter		*filter;
	unsigned		 n;
	LIST_HEAD(, stream)	 all;
};

void	 streams_init(struct streams *, struct event_base *, struct filter *);
void	 streams_free(struct streams *);
/* Takes who waits at a listening socket; false if there is no descriptor left. */
bool	 streams_accept(struct streams *, int fd);

#endif
