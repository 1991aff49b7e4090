/*
 * A whole proxy on the loopback, for test_proxy.c: a DNS server, an origin
 * and guests are sockets of the test itself, driven by hand on one event
 * base.  The allowlist is a fake (the real one has its own tests), and where
 * a connection was going before it was redirected is what the test says.
 */
#ifndef PROXY_RIG_H
#define PROXY_RIG_H

#include "unit.h"

#include "proxy/worker.h"

enum { RIG_HITS = 64, RIG_LISTED = 8, RIG_BUF = 64 << 10, RIG_ADDRS = 4 };

struct rig {
	struct event_base	*base;
	struct resolver		*resolver;
	struct evdns_server_port *dns_server;
	struct proxy_shared	*shared;
	struct proxy		*proxy;
	struct conf		 conf;
	int			 origin;		/* listening */
	int			 dns_fd;
	struct hit		 hits[RIG_HITS];
	unsigned		 nhits;
	uint64_t		 up, down;		/* of all flows */
	unsigned		 ended;
	struct flow		 last_end;		/* the last report of the connection that ended last */
	bool			 refuse_flows;
};

/* What the fake allowlist and the fake redirection say. */
struct rig_world {
	const char	*listed[RIG_LISTED];
	uint16_t	 port;		/* where guests meant to go */
	bool		 learn;		/* what is not listed is let through */
	bool		 redirected;
	bool		 untold;	/* the system does not say where to */
	bool		 wanted6;	/* and that by IPv6 */
	struct evdns_server_request *held;	/* late.example's AAAA, until released */
	unsigned	 secrets;	/* times that DNS was asked for a name with "secret" in it */
};
extern struct rig_world world;

int	 rig_setup(void **);
int	 rig_teardown(void **);
/* Lets DNS answer what it held back. */
void	 rig_dns_release(void);
/* One turn of the event loop, and a moment for the kernel. */
void	 rig_turn(struct rig *);
/* Turns until cond holds; the test fails after a few seconds. */
#define rig_until(r, cond) do {						\
	int turns_ = 0;							\
	while (!(cond)) {						\
		if (turns_++ > 4000)					\
			fail_msg("never came: %s", #cond);		\
		rig_turn(r);						\
	}								\
} while (0)

/* A guest's connection; whoever connects must close it. */
int	 rig_connect(struct rig *);
int	 rig_connect_explicit(struct rig *);	/* to the port for those who ask a proxy */
int	 rig_accept(struct rig *);		/* the origin's end */
bool	 rig_origin_waits(struct rig *);	/* someone reached the origin */
/* One that nobody listens on, TCP or UDP. */
uint16_t rig_free_port(void);
/* Text in which "PORT" stands for the origin's; holds until the next call. */
const char *rig_ported(const char *);
void	 rig_send(struct rig *, int fd, const void *, size_t);
void	 rig_say(struct rig *, int fd, const char *);
/* Reads until all of text came, as the next bytes. */
void	 rig_hear(struct rig *, int fd, const char *text);
/* Reads up to the end of the stream; *reset: it was one. Bytes are terminated. */
size_t	 rig_read_all(struct rig *, int fd, char *, size_t, bool *reset);
void	 rig_send_hello(struct rig *, int fd, const char *name);

#endif
