/*
 * What the files of the proxy share: one worker (struct proxy) and its
 * sessions.
 *
 *	listener.c  accepts, and pauses when descriptors run out
 *	session.c   one connection of a guest: its states and its end
 *	request.c   the name in its first bytes, the verdict
 *	explicit.c  what is asked of us as a proxy: URIs and CONNECT
 *	dial.c      from a name to a connected socket (attempts.c, chained.c)
 *	relay.c     moving bytes
 *	retry.c     ... but not those of a later ClientHello for another host
 *	lowat.c     big streams, with fewer wake-ups
 *	exchange.c  HTTP/1: request after request, each judged
 *	refuse.c    what a refused guest is told
 *	stats.c     what the engine is told
 *
 * A session is two sockets and what little must be remembered while bytes
 * move; all that is only needed on the way there (struct dial, struct
 * exchange, buffers) hangs off it and goes as soon as it may.  A session
 * that ends is marked SESSION_DEAD and freed at the end of the batch of
 * events, so that whoever holds a pointer to it can look.
 */
#ifndef WORKER_H
#define WORKER_H

#include <sys/queue.h>

#include <pthread.h>

#include "addr.h"
#include "dns/resolver.h"
#include "proxy/buf.h"
#include "proxy/http.h"
#include "proxy/original.h"
#include "proxy/owner.h"
#include "proxy/pipe.h"
#include "proxy/poller.h"
#include "proxy/proxy.h"
#include "proxy/sources.h"
#include "proxy/tls.h"
#include "proxy/wheel.h"

struct event;
struct dial;

enum {
	PROXY_WORKERS_MAX = 16,
	PROXY_LISTENERS = 4,		/* 0.0.0.0 and [::] for redirected connections, */
	PROXY_EXPLICIT = 2,		/* and from here on for clients that ask a proxy */
	DIAL_ADDRESSES = 8,
	LOWAT_MS = 8,			/* between looks at big streams */
	SPARES_MAX = 64,		/* sockets of dials beyond one a session, of one worker */
};

enum conn_kind { CONN_LISTENER, CONN_CLIENT, CONN_UPSTREAM, CONN_SPARE };

/* A socket, as the poller hands it back. */
struct conn {
	int		 fd;		/* -1: none */
	uint8_t		 kind;		/* enum conn_kind */
	bool		 readable : 1;	/* a read may bring something */
	bool		 writable : 1;
	bool		 ended : 1;	/* the peer announced its end: read on until it shows */
	bool		 eof : 1;	/* and it did */
	bool		 shut : 1;	/* we ended our side */
	bool		 watched : 1;	/* known to the poller */
	bool		 watched_out : 1;	/* for writing too */
	bool		 sent : 1;	/* upstream: the first bytes */
	bool		 prompt : 1;	/* and TCP_NODELAY was set for the rest */
	bool		 lowat : 1;	/* reports itself only with many bytes */
	uint8_t		 bulk;		/* full reads in a row */
	uint32_t	 streamed;	/* bytes without a pause; with lowat: since the last look */
	uint32_t	 moved;		/* when the last ones were: low half of milliseconds */
	struct buf	*in;		/* received, not yet sent to the other side */
	struct pipe	*pipe;		/* the same, of a big stream */
};

enum session_state {
	SESSION_HEAD,		/* reading until the name is known */
	SESSION_TUNNEL,		/* the answer to a CONNECT is on its way */
	SESSION_DIAL,		/* resolving and connecting */
	SESSION_RELAY,		/* bytes both ways, whatever they are */
	SESSION_EXCHANGE,	/* one HTTP request and its response */
	SESSION_LINGER,		/* refused: the guest takes its answer */
	SESSION_DEAD,
};

/* What may pass of a connection that is, or may be, TLS: retry.c. */
enum gate { GATE_OPEN, GATE_FIRST, GATE_ANSWER, GATE_HELLO };

enum protocol { PROTOCOL_UNKNOWN, PROTOCOL_TLS, PROTOCOL_HTTP };

/* HTTP state of a session: from its first request to its end or upgrade. */
struct exchange {
	struct http_scan scan_up, scan_down;
	struct http_body body_up, body_down;
	size_t		 head_len;	/* of the request at client.in->start */
	bool		 begun;		/* a byte of the head at hand was received */
	bool		 up_done;	/* the request was received whole */
	bool		 down_head;	/* the final response's head was received */
	bool		 down_done;
	bool		 answered;	/* the guest got a byte of the response */
	bool		 to_head;	/* the request's method is HEAD */
	bool		 websocket;
	bool		 keep_alive;
	bool		 reuses;	/* the server's connection is that of the request before */
	bool		 pipelines;	/* a request came before the answer to the last */
	uint32_t	 requests;	/* judged so far */
	struct addr	 dialled;
};

/* Whether a connection came from a hardware address of the guest whose address it has. */
enum sender {
	SENDER_UNTOLD,	/* the kernel does not say, or the guest has none that is known */
	SENDER_SAME,
	SENDER_OTHER	/* from another: a guest that took the address, or forged its own */
};

struct session {
	struct conn		 client, upstream;
	struct proxy		*proxy;
	LIST_ENTRY(session)	 link;		/* in proxy->sessions, or dead */
	STAILQ_ENTRY(session)	 run_link;
	LIST_ENTRY(session)	 flow_link;
	LIST_ENTRY(session)	 lowat_link;	/* if either socket has lowat */
	struct timer		 timer;
	struct source		*source;
	char			*name;		/* canonical; NULL: not yet known. Of a tunnel: its own */
	struct dial		*dial;
	struct exchange		*exchange;
	struct tls_scan		 scan;		/* of the hello being read, the first or second */
	uint64_t		 hit_id;	/* 0: none yet */
	uint64_t		 up, down;	/* bytes not yet told to the engine */
	uint32_t		 entry;
	uint32_t		 hit_guest;	/* the guest's id as its hit told it */
	uint32_t		 ends;		/* monotonic seconds, whatever it does; 0: open */
	uint16_t		 guest_port, port;
	struct addr		 wanted;
	uint8_t			 state;		/* enum session_state */
	uint8_t			 protocol;	/* enum protocol */
	uint8_t			 gate;		/* enum gate */
	uint8_t			 sender;	/* enum sender */
	uint8_t			 mac[6];	/* that it came from, unless that is untold */
	bool			 queued : 1;	/* in the run queue */
	bool			 flowing : 1;	/* in proxy->flows */
	bool			 heard : 1;	/* the server has sent something */
	bool			 loop6 : 1;	/* of a user of this host: it came from ::1 */
	bool			 explicit : 1;	/* the client knows that it asks a proxy */
	bool			 tunnel : 1;	/* and had a CONNECT accepted */
	bool			 raw : 1;	/* to what an entry lists with this very port: for
						 * whatever is spoken there */
	bool			 by_name : 1;	/* an upstream proxy resolves its name */
};

LIST_HEAD(session_list, session);

/* What all workers share. Nothing of it is locked on the way of a byte. */
struct proxy_shared {
	_Atomic uint64_t	 next_id;
	_Atomic uint32_t	 nopen;		/* sessions, of max-connections */
	struct source_counts	 counts;
	unsigned		 workers;
	/* Of the upstream proxy, whichever worker learned it last. */
	pthread_mutex_t		 chain_lock;
	char			 chain_cause[GH_CAUSE_SIZE];	/* why it is of no use, or "" */
	uint64_t		 chain_heard;	/* when it answered, milliseconds */
	/* Where the first worker listens; the others follow. 0: as configured. */
	uint16_t		 port, explicit_port;
};

struct proxy {
	struct event_base	*base;
	struct resolver		*resolver;
	const struct conf	*conf;
	struct proxy_sink	 sink;
	struct poller		*poller;
	struct event		*tick, *look;
	struct wheel		 wheel;
	struct buf_pool		 pool;
	struct pipe_pool	 pipes;
	struct sources		 sources;
	struct proxy_shared	*shared;
	const struct allow_image *allow;
	struct conn		 listeners[PROXY_LISTENERS];
	uint16_t		 port, explicit_port;	/* the latter 0: none */
	bool			 running;
	bool			 senders;	/* the kernel says who a connection came from */
	bool			 paused;	/* accept waits for a free descriptor */
	bool			 ticking;
	uint32_t		 max_open;	/* by descriptors, of all workers */
	uint32_t		 nopen;		/* of this one */
	uint32_t		 ndials;
	uint32_t		 nspares;	/* sockets of dials beyond the sessions' own */
	struct session_list	 sessions, dead, flows, lowats;
	STAILQ_HEAD(, session)	 run;
	uint64_t		 now;		/* of this batch: monotonic, milliseconds */
	uint64_t		 flows_told;	/* when, milliseconds */
	uint64_t		 no_route[2];	/* when IPv4, IPv6 had none, milliseconds */
	struct proxy_stats	 stats;
	struct addr		 chain_other;	/* of an upstream proxy that is not this one */
	uint32_t		 chain_generation;	/* of the resolver, when that was seen */
	const struct owner	*owner;		/* NULL: the kernel does not tell */
	enum original		(*original)(int fd, uint8_t family, struct addr *, uint16_t *);
};

/* proxy.c */
/* Around whatever does not come from the poller: the time, and the aftermath. */
void		 proxy_enter(struct proxy *);
void		 proxy_settle(struct proxy *);
/* Where max_open are all there may be, one guest gets no more than half of them, so that
 * the others are served too. */
struct proxy_limits limits_within(const struct conf *, uint32_t max_open);

/* listener.c */
char		*listener_open(struct proxy *);
void		 listener_close(struct proxy *);
/* Takes what waits, a batch at a time. */
void		 listener_accept(struct proxy *);

/* session.c */
/* Counted as open already by listener.c, which takes that back if this gives
 * NULL. wanted NULL: it is for us, on our port for clients that ask a proxy. loop6: of
 * a user of this host, it came from ::1. */
struct session	*session_new(struct proxy *, int fd, struct source *, bool loop6,
		    uint16_t guest_port, const struct addr *wanted, uint16_t port);
/* Goes on as far as its sockets allow. */
void		 session_run(struct session *);
/* Runs it again after everyone else had a turn. */
void		 session_queue(struct session *);
/* The one end of every session; why is for the debug log. abort: with resets,
 * so that both sides notice and nothing queued still leaves. */
enum session_end {
	SESSION_END_DONE, SESSION_END_REFUSED, SESSION_END_IDLE, SESSION_END_ERROR,
	SESSION_END_BROKEN, SESSION_END_REVOKED, SESSION_END_STOPPED, SESSION_END_SILENT,
	SESSION_END_OLD, SESSION_END_COUNT
};
void		 session_close(struct session *, enum session_end);
void		 session_due(struct timer *, void *proxy);
/* Idle from now on means from now on. Neither this nor a deadline outlasts
 * [proxy] max-lifetime. */
void		 session_touch(struct session *);
void		 session_deadline(struct session *, uint32_t seconds);
/* May whoever is behind the session have the name, or the address in its
 * ordinary form? */
struct allow_answer session_lookup(const struct session *, const char *name, uint16_t port);
/* Asks the allowlist again and closes the session if it says no. */
void		 session_judge_again(struct session *);
void		 session_reap(struct proxy *);

void		 conn_init(struct conn *, enum conn_kind);
bool		 conn_watch(struct proxy *, struct conn *);
/* It took no more just now. */
void		 conn_blocked(struct proxy *, struct conn *);
/* Closes the socket and gives its buffer back. */
void		 conn_close(struct proxy *, struct conn *, bool abort);

/* request.c */
void		 request_read(struct session *);
void		 request_timeout(struct session *);
/* Whether a hello names the session's host, a second one or that of a tunnel that is
 * dialled already; false: the guest was refused. */
bool		 request_names_host(struct session *, const struct tls_hello *);
/* Such a hello is none. */
void		 request_refuse_hello(struct session *, enum reason, const char *what);
/* The name is known and sound; h->port says which port. */
void		 request_judge(struct session *, struct hit *);

/* explicit.c */
/* Which kinds of request fit this connection; NULL or a phrase. */
const char	*explicit_check(const struct session *, const struct http_request *);
/* The request of exchange->head_len bytes at head, whose host is h->name. */
void		 explicit_request(struct session *, struct hit *, uint8_t *head,
		    const struct http_request *);
/* What only an explicit client gets wrong in its first bytes; NULL or a phrase. */
const char	*explicit_check_protocol(const struct session *);
void		 tunnel_run(struct session *);
/* Ends a session whose head never came, and tells of a CONNECT that had no use. */
void		 tunnel_close(struct session *, enum session_end);
/* A raw tunnel's other end is there. */
void		 tunnel_connected(struct session *);

/* dial.c */
/* Takes the hit's details over; ends in session_connected() or a refusal. */
void		 dial_start(struct session *, const struct hit *);
void		 dial_abandon(struct dial *);
/* Whose a socket of CONN_SPARE is. */
struct session	*dial_session(struct conn *);
void		 dial_ready(struct session *);
void		 dial_timeout(struct session *);
/* The hit that waits for its connection. */
struct hit	*dial_hit(struct dial *);

/* relay.c */
enum io { IO_DONE, IO_BLOCKED, IO_EOF, IO_FAILED };
/* Receives into from->in, taking a buffer of at least size if it has none. */
enum io		 conn_fill(struct session *, struct conn *from, size_t size);
/* Sends what may pass of from->in. IO_DONE: all of it. */
enum io		 conn_flush(struct session *, struct conn *from, struct conn *to);
bool		 conn_shutdown(struct conn *);
void		 relay_start(struct session *);
void		 relay_run(struct session *);

/* retry.c */
/* The first hello was judged, and what is received of the session goes on to the server. */
void		 retry_start(struct session *);
/* The other end of a raw tunnel to a name is there, and the relay started: if TLS is what
 * the guest begins with, its hello must name the same host.  May refuse the guest. */
void		 retry_first(struct session *);
/* The guest has begun such a hello, and the rest is to come. */
bool		 retry_awaits_hello(const struct session *);
/* Whether bytes from there are of use now. */
bool		 retry_reads(const struct session *, const struct conn *from);
/* Something was received from there: how far it may pass. May refuse the guest. */
void		 retry_look(struct session *, struct conn *from);
/* No more comes from there, and what is held has not passed. */
void		 retry_ended(struct session *, const struct conn *from);

/* lowat.c */
/* Bytes were relayed in one turn. */
void		 lowat_moved(struct session *, struct conn *, size_t bytes);
/* Each few milliseconds, while there are such streams. */
void		 lowat_look(struct proxy *);
void		 lowat_end(struct session *);

/* exchange.c */
void		 exchange_start(struct session *);
void		 exchange_run(struct session *);

/* refuse.c */
/* Tells the engine (hit is completed here) and the guest, and ends. */
void		 session_refuse(struct session *, struct hit *, enum reason, const char *what);
/* The server broke the rules after its request was let through. */
void		 session_bad_gateway(struct session *, const char *what);
/* All is said: ends without cutting off what the guest has yet to receive. */
void		 session_finish(struct session *);
void		 linger_run(struct session *);

/* stats.c */
/* Fills in what every hit of the session has in common; no id yet. */
void		 hit_init(struct hit *, const struct session *, enum hit_via);
/* Gives it its id and verdict and tells it. */
void		 hit_tell(struct session *, struct hit *, enum verdict, enum reason);
void		 flow_count(struct session *, bool up, size_t bytes);
void		 flow_end(struct session *);
/* ... and why it ended; what: with OUTCOME_BROKEN the rule, else NULL. */
void		 flow_end_as(struct session *, enum outcome, const char *what);
void		 flows_tell(struct proxy *);

#endif
