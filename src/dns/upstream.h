/* The DNS servers that are asked, in order of preference. */
#ifndef DNS_UPSTREAM_H
#define DNS_UPSTREAM_H

#include <sys/socket.h>

#include "conf.h"

enum { UPSTREAMS_MAX = 8 };

struct upstreams {
	unsigned	n;
	struct {
		struct sockaddr_storage	ss;
		socklen_t		len;
	} at[UPSTREAMS_MAX];
};

/* Those of [dns] upstream, else of [proxy] resolv-conf, else this host. */
void	 upstreams_read(struct upstreams *, const struct conf *);
/* The servers that a resolv.conf(5) names; what else it says does not matter. */
void	 upstreams_parse(struct upstreams *, const char *resolv_conf, size_t len);

#endif
