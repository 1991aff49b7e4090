/*
 * A look-up is one question under way, however many wait for its answer.  It
 * has one socket at a time: a new one, with a random id, for every datagram,
 * so that its port is one more thing that who would forge an answer must guess
 * (the kernel chooses it at random); connected, so that only the server that
 * was asked is heard.  An answer cut short is asked for again over TCP.
 *
 * Look-ups for which there is no socket left wait in a queue.  Each guest has a
 * share of sockets and of the queue, so that one that asks for names which nobody
 * answers for does not make the others wait.
 */
#include "config.h"

#include "dns/resolver.h"

#include <sys/random.h>
#include <sys/socket.h>

#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dns/cache.h"
#include "dns/upstream.h"
#include "fds.h"
#include "hash.h"
#include "log.h"
#include "own.h"
#include "reach.h"
#include "xmalloc.h"

enum {
	LOOKUPS_MAX = 2048,	/* under way and in the queue */
	SOCKETS_MAX = 128,	/* net's budget of descriptors counts on it */
	SHARES = 256,		/* guests whose numbers meet in one have it together */
	LOOKUPS_SHARE = 512,
	SOCKETS_SHARE = 32,
	CACHE_MAX = 8192,
	BUCKETS = 512,
	TRIES_MAX = 3,
	TRY_MS = 1500,		/* until another server is asked, or the same again */
	QUEUE_MS = 5000,
	DATAGRAM_MAX = 4096,
	DATAGRAM_BATCH = 16,	/* read in one go, sound or not */
	STREAM_MAX = 16 << 10,
	STREAM_HEAD = 2,	/* a message's length in front of it */
	TTL_MIN = 5,
	TTL_MAX = 3600,
	TTL_NEGATIVE_MAX = 300,
	TTL_FAILED = 1,
};

TAILQ_HEAD(lookups, lookup);

struct lookup {
	LIST_ENTRY(lookup)	 link;
	TAILQ_ENTRY(lookup)	 queue;
	TAILQ_HEAD(, dns_waiter) waiters;
	struct resolver		*resolver;
	struct event		*timer, *io;
	uint8_t			*stream;	/* over TCP: what came, from its length on */
	size_t			 have;
	int			 fd;		/* -1: none */
	uint16_t		 type, id;
	uint8_t			 share;		/* whose it is: who asked first, or waits with room */
	bool			 queued, edns;
	uint8_t			 tries, errors, server;
	uint8_t			 aliases;	/* that were followed by asking again */
	uint32_t		 ttl;		/* the least of theirs */
	char			 name[GH_NAME_SIZE];
	char			 alias[GH_NAME_SIZE];	/* what is asked for now, if not the name */
};

struct resolver {
	struct event_base	*base;
	struct reach		 reach;
	struct upstreams	 servers;
	unsigned		 preferred;	/* the server that is asked first */
	struct dns_cache	*cache;
	struct event		*changes;	/* of this host's addresses */
	_Atomic uint32_t	 generation;	/* of them, as this resolver knows */
	const struct resolver	*first;		/* the one that is told of changes */
	struct hash_key		 key;
	unsigned		 nlookups, nsockets;
	uint16_t		 lookups_of[SHARES], sockets_of[SHARES];
	void			(*opened)(int fd, bool out, void *);	/* NULL: nobody wants to know */
	void			*opened_arg;
	bool			 draining;
	LIST_HEAD(, lookup)	 lookups[BUCKETS];
	struct lookups		 queue;
};

static bool	 lookup_try(struct lookup *);

/* The name in the query. */
static const char *
lookup_asks(const struct lookup *l)
{
	return l->alias[0] != '\0' ? l->alias : l->name;
}

/* ---- one look-up's end ---- */

static void
lookup_close(struct lookup *l)
{
	if (l->io != NULL)
		event_free(l->io);
	l->io = NULL;
	if (l->fd != -1) {
		close(l->fd);
		l->resolver->nsockets--;
		l->resolver->sockets_of[l->share]--;
	}
	l->fd = -1;
	free(l->stream);
	l->stream = NULL;
}

static void
lookup_remove(struct lookup *l)
{
	lookup_close(l);
	if (l->queued)
		TAILQ_REMOVE(&l->resolver->queue, l, queue);
	LIST_REMOVE(l, link);
	l->resolver->nlookups--;
	l->resolver->lookups_of[l->share]--;
}

static void
lookup_free(struct lookup *l)
{
	event_free(l->timer);
	free(l);
}

static void	 queue_run(struct resolver *);

/* Tells everyone who waits; nobody new can come to wait meanwhile. */
static void
lookup_finish(struct lookup *l, const struct dns_answer *a)
{
	struct resolver *r = l->resolver;
	struct dns_waiter *w;

	lookup_remove(l);
	while ((w = TAILQ_FIRST(&l->waiters)) != NULL) {
		TAILQ_REMOVE(&l->waiters, w, link);
		w->lookup = NULL;
		w->answered(w, a);
	}
	lookup_free(l);
	queue_run(r);
}

static void
lookup_fail(struct lookup *l)
{
	const struct dns_answer a = { .status = ANSWER_FAILED, .ttl = TTL_FAILED };

	dns_cache_put(l->resolver->cache, l->name, l->type, now_mono() / 1000, &a);
	lookup_finish(l, &a);
}

static bool
has_room(const struct resolver *r, uint8_t share)
{
	return r->nsockets < SOCKETS_MAX && r->sockets_of[share] < SOCKETS_SHARE;
}

static void
queue_leave(struct lookup *l)
{
	TAILQ_REMOVE(&l->resolver->queue, l, queue);
	l->queued = false;
}

/* The next that may have a socket. */
static struct lookup *
queue_next(const struct resolver *r)
{
	struct lookup *l;

	TAILQ_FOREACH(l, &r->queue, queue) {
		if (has_room(r, l->share))
			return l;
	}
	return NULL;
}

/* Those that waited for a socket get theirs. */
static void
queue_run(struct resolver *r)
{
	struct lookup *l;

	if (r->draining)
		return;
	r->draining = true;
	while (r->nsockets < SOCKETS_MAX && (l = queue_next(r)) != NULL) {
		queue_leave(l);
		if (!lookup_try(l))
			lookup_fail(l);
	}
	r->draining = false;
}

/* ---- answers ---- */

static uint32_t
clamp(uint32_t v, uint32_t min, uint32_t max)
{
	return v < min ? min : v > max ? max : v;
}

/* The rest of a chain that the server did not follow. False: it is too long. */
static bool
lookup_follow(struct lookup *l, const struct dns_reply *reply)
{
	if (l->aliases == DNS_CHAIN_MAX)
		return false;
	l->aliases++;
	if (reply->alias_ttl < l->ttl)
		l->ttl = reply->alias_ttl;
	copy_string(l->alias, reply->alias, sizeof(l->alias));
	l->tries = l->errors = 0;
	return true;
}

static void
lookup_answered(struct lookup *l, const struct dns_reply *reply)
{
	struct resolver *r = l->resolver;
	struct dns_answer a = { .status = ANSWER_FOUND };

	if (reply->rcode == DNS_NXDOMAIN)
		a.status = ANSWER_NO_NAME;
	a.ttl = clamp(reply->ttl < l->ttl ? reply->ttl : l->ttl, TTL_MIN, reply->negative ? TTL_NEGATIVE_MAX : TTL_MAX);
	for (unsigned i = 0; i < reply->naddrs; i++) {
		if ((l->type & RESOLVE_OPERATORS) != 0 || reach_allows(&r->reach, &reply->addrs[i]))
			a.addrs[a.naddrs++] = reply->addrs[i];
		else
			a.refused = true;
	}
	dns_cache_put(r->cache, l->name, l->type, now_mono() / 1000, &a);
	lookup_finish(l, &a);
}

static void
lookup_again(struct lookup *l)
{
	if (!lookup_try(l))
		lookup_fail(l);
}

static void	 lookup_stream(struct lookup *);

/* A sound reply: an answer, or a reason to ask again otherwise or elsewhere. */
static void
lookup_reply(struct lookup *l, const struct dns_reply *reply)
{
	if (reply->truncated && l->stream == NULL) {
		lookup_stream(l);
	} else if (reply->truncated) {
		lookup_again(l);
	} else if (reply->alias[0] != '\0' && lookup_follow(l, reply)) {
		lookup_again(l);
	} else if (reply->rcode == DNS_NOERROR || reply->rcode == DNS_NXDOMAIN) {
		lookup_answered(l, reply);
	} else if (l->edns && (reply->rcode == DNS_FORMERR || reply->rcode == DNS_NOTIMP)) {
		l->edns = false;	/* a server of the last century */
		l->tries--;
		lookup_again(l);
	} else if (++l->errors >= l->resolver->servers.n) {
		lookup_fail(l);
	} else {
		lookup_again(l);
	}
}

/* ---- sockets ---- */

static uint16_t
wire_type(const struct lookup *l)
{
	return l->type & (uint16_t)~RESOLVE_OPERATORS;
}

static void
lookup_timeout(int fd, short what, void *arg)
{
	struct lookup *l = arg;
	struct resolver *r = l->resolver;

	(void)fd;
	(void)what;
	if (l->queued) {
		lookup_fail(l);
		return;
	}
	if (r->preferred == l->server)
		r->preferred = (r->preferred + 1) % r->servers.n;
	lookup_again(l);
}

static void
lookup_datagram(int fd, short what, void *arg)
{
	uint8_t msg[DATAGRAM_MAX];
	struct lookup *l = arg;
	struct dns_reply reply;
	ssize_t n;

	(void)what;
	for (int i = 0; i < DATAGRAM_BATCH; i++) {
		n = recv(fd, msg, sizeof(msg), 0);
		if (n == -1 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n == -1) {		/* no server there: ECONNREFUSED and the like */
			lookup_again(l);
			return;
		}
		/* What is no sound answer to this query may be forged: wait on. */
		if (dns_reply_read(&reply, msg, (size_t)n, l->id, lookup_asks(l), wire_type(l))) {
			lookup_reply(l, &reply);
			return;
		}
	}
}

static void
lookup_timer(struct lookup *l, unsigned ms)
{
	const struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	event_add(l->timer, &tv);
}

/* A socket on its way to the server; false (and none) if that is impossible. */
static bool
lookup_open(struct lookup *l, int type, short what, event_callback_fn cb)
{
	struct resolver *r = l->resolver;
	const struct sockaddr *sa = (const struct sockaddr *)&r->servers.at[l->server].ss;

	lookup_close(l);
	l->fd = fds_socket_async(sa->sa_family, type, 0);
	if (l->fd == -1)
		return false;
	r->nsockets++;
	r->sockets_of[l->share]++;
	if ((connect(l->fd, sa, r->servers.at[l->server].len) == -1 && errno != EINPROGRESS) ||
	    (l->io = event_new(r->base, l->fd, what | EV_PERSIST, cb, l)) == NULL ||
	    event_add(l->io, NULL) == -1) {
		lookup_close(l);
		return false;
	}
	if (r->opened != NULL)
		r->opened(l->fd, type == SOCK_STREAM, r->opened_arg);
	/* From the kernel: libevent's generator is not made for threads. */
	if (getentropy(&l->id, sizeof(l->id)) == -1)
		fatal("cannot draw the id of a query");
	lookup_timer(l, TRY_MS);
	return true;
}

/* Asks the next server that can be asked at all; false when it was enough. */
static bool
lookup_try(struct lookup *l)
{
	struct resolver *r = l->resolver;
	uint8_t msg[DNS_QUERY_MAX];
	size_t len;

	while (l->tries < TRIES_MAX) {
		l->server = (uint8_t)((r->preferred + l->tries++) % r->servers.n);
		if (!lookup_open(l, SOCK_DGRAM, EV_READ, lookup_datagram))
			continue;
		len = dns_query_write(msg, l->id, lookup_asks(l), wire_type(l), l->edns);
		if (send(l->fd, msg, len, MSG_NOSIGNAL) == (ssize_t)len)
			return true;
	}
	lookup_close(l);
	return false;
}

/* ---- over TCP ---- */

static void
stream_read(struct lookup *l)
{
	struct dns_reply reply;
	size_t want;
	ssize_t n;

	for (;;) {
		want = STREAM_HEAD;
		if (l->have >= STREAM_HEAD)
			want += (size_t)l->stream[0] << 8 | l->stream[1];
		if (want > STREAM_MAX)
			break;
		if (l->have == want) {
			if (!dns_reply_read(&reply, l->stream + STREAM_HEAD, want - STREAM_HEAD,
			    l->id, lookup_asks(l), wire_type(l)))
				break;
			lookup_reply(l, &reply);
			return;
		}
		n = recv(l->fd, l->stream + l->have, want - l->have, 0);
		if (n == -1 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0)
			break;
		l->have += (size_t)n;
	}
	lookup_again(l);
}

static void
lookup_stream_ready(int fd, short what, void *arg)
{
	uint8_t msg[STREAM_HEAD + DNS_QUERY_MAX];
	struct lookup *l = arg;
	size_t len;

	if (what & EV_READ) {
		stream_read(l);
		return;
	}
	len = dns_query_write(msg + STREAM_HEAD, l->id, lookup_asks(l), wire_type(l), l->edns);
	msg[0] = (uint8_t)(len >> 8);
	msg[1] = (uint8_t)len;
	len += STREAM_HEAD;
	/* The first bytes of a connection always fit. */
	if (send(fd, msg, len, MSG_NOSIGNAL) != (ssize_t)len) {
		lookup_again(l);
		return;
	}
	event_del(l->io);
	if (event_assign(l->io, l->resolver->base, fd, EV_READ | EV_PERSIST, lookup_stream_ready,
	    l) == -1 || event_add(l->io, NULL) == -1)
		lookup_again(l);
}

static void
lookup_stream(struct lookup *l)
{
	if (!lookup_open(l, SOCK_STREAM, EV_WRITE, lookup_stream_ready) ||
	    (l->stream = malloc(STREAM_MAX)) == NULL) {
		lookup_again(l);
		return;
	}
	l->have = 0;
}

/* ---- asking ---- */

static size_t
bucket_of(const struct resolver *r, const char *name)
{
	return (size_t)(hash_bytes(&r->key, name, strlen(name)) % BUCKETS);
}

static struct lookup *
lookup_find(struct resolver *r, const char *name, uint16_t type)
{
	struct lookup *l;

	LIST_FOREACH(l, &r->lookups[bucket_of(r, name)], link) {
		if (l->type == type && strcmp(l->name, name) == 0)
			return l;
	}
	return NULL;
}

static struct lookup *
lookup_new(struct resolver *r, const char *name, uint16_t type, uint8_t share)
{
	struct lookup *l = calloc(1, sizeof(*l));

	if (l == NULL || (l->timer = evtimer_new(r->base, lookup_timeout, l)) == NULL) {
		free(l);
		return NULL;
	}
	l->resolver = r;
	l->fd = -1;
	l->type = type;
	l->share = share;
	l->edns = true;
	copy_string(l->name, name, sizeof(l->name));
	l->ttl = UINT32_MAX;
	TAILQ_INIT(&l->waiters);
	LIST_INSERT_HEAD(&r->lookups[bucket_of(r, name)], l, link);
	r->nlookups++;
	r->lookups_of[share]++;
	return l;
}

static bool
lookup_start(struct lookup *l)
{
	struct resolver *r = l->resolver;

	if (has_room(r, l->share))
		return lookup_try(l);
	l->queued = true;
	TAILQ_INSERT_TAIL(&r->queue, l, queue);
	lookup_timer(l, QUEUE_MS);
	return true;
}

/* It waits in the queue of who asked for it, and somebody else wants it too who need
 * not wait. */
static void
lookup_hasten(struct lookup *l, uint8_t share)
{
	struct resolver *r = l->resolver;

	if (!l->queued || !has_room(r, share))
		return;
	r->lookups_of[l->share]--;
	r->lookups_of[share]++;
	l->share = share;
	queue_leave(l);
	/* What fails is told when the caller waits for it. */
	if (!lookup_try(l))
		lookup_timer(l, 0);
}

bool
resolver_ask(struct resolver *r, const char *name, uint16_t type, struct dns_waiter *w,
    struct dns_answer *a)
{
	const uint8_t share = (uint8_t)(w->guest % SHARES);
	struct lookup *l;

	w->lookup = NULL;
	if (r->generation != r->first->generation) {
		r->generation = r->first->generation;
		dns_cache_clear(r->cache);
	}
	if (dns_cache_get(r->cache, name, type, now_mono() / 1000, a))
		return true;
	l = lookup_find(r, name, type);
	if (l != NULL)
		lookup_hasten(l, share);
	else {
		*a = (struct dns_answer){ .status = ANSWER_BUSY };
		if (r->nlookups >= LOOKUPS_MAX || r->lookups_of[share] >= LOOKUPS_SHARE ||
		    (l = lookup_new(r, name, type, share)) == NULL)
			return true;
		if (!lookup_start(l)) {
			*a = (struct dns_answer){ .status = ANSWER_FAILED, .ttl = TTL_FAILED };
			lookup_remove(l);
			lookup_free(l);
			return true;
		}
	}
	w->lookup = l;
	TAILQ_INSERT_TAIL(&l->waiters, w, link);
	return false;
}

/* The look-up goes on: its answer is likely to be asked for again. */
void
resolver_cancel(struct dns_waiter *w)
{
	if (w->lookup == NULL)
		return;
	TAILQ_REMOVE(&w->lookup->waiters, w, link);
	w->lookup = NULL;
}

bool
resolver_is_barred(const struct resolver *r, const struct addr *a)
{
	return reach_is_barred(&r->reach, a);
}

uint32_t
resolver_generation(const struct resolver *r)
{
	return r->first->generation;
}

bool
resolver_allows(const struct resolver *r, const struct addr *a)
{
	return reach_allows(&r->reach, a);
}

bool
resolver_is_host(const struct resolver *r, const struct addr *a)
{
	return reach_is_host(&r->reach, a);
}

/* What was fit to be dialled may be this host's own now. */
static void
resolver_readdressed(int fd, short what, void *arg)
{
	struct resolver *r = arg;

	(void)fd;
	(void)what;
	if (!own_drain(r->reach.own))
		return;
	r->generation++;
	dns_cache_clear(r->cache);
}

void
resolver_on_open(struct resolver *r, void (*opened)(int, bool, void *), void *arg)
{
	r->opened = opened;
	r->opened_arg = arg;
}

bool
resolver_idle(const struct resolver *r)
{
	return r->nlookups == 0;
}

static void
resolver_init(struct resolver *r)
{
	r->cache = dns_cache_new(CACHE_MAX);
	hash_key_random(&r->key);
	TAILQ_INIT(&r->queue);
}

struct resolver *
resolver_new(struct event_base *base, const struct conf *conf, char **cause)
{
	struct resolver *r = xcalloc(1, sizeof(*r));

	*cause = reach_init(&r->reach, conf);
	if (*cause == NULL) {
		r->changes = event_new(base, own_fd(r->reach.own), EV_READ | EV_PERSIST,
		    resolver_readdressed, r);
		if (r->changes == NULL || event_add(r->changes, NULL) == -1)
			*cause = xstrdup("cannot watch this host's addresses");
	}
	if (*cause != NULL) {
		resolver_free(r);
		return NULL;
	}
	r->base = base;
	r->first = r;
	upstreams_read(&r->servers, conf);
	resolver_init(r);
	return r;
}

struct resolver *
resolver_like(const struct resolver *other, struct event_base *base)
{
	struct resolver *r = xcalloc(1, sizeof(*r));

	r->base = base;
	r->first = other->first;
	r->generation = resolver_generation(other);
	r->reach = other->reach;
	r->servers = other->servers;
	resolver_init(r);
	return r;
}

void
resolver_free(struct resolver *r)
{
	struct lookup *l;

	if (r == NULL)
		return;
	for (size_t i = 0; i < BUCKETS; i++) {
		while ((l = LIST_FIRST(&r->lookups[i])) != NULL) {
			lookup_remove(l);
			lookup_free(l);
		}
	}
	dns_cache_free(r->cache);
	if (r->changes != NULL)
		event_free(r->changes);
	if (r->first == r || r->first == NULL)
		reach_free(&r->reach);
	free(r);
}
