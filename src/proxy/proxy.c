/*
 * One worker: its parts put together, and what the engine tells it.
 *
 * Everything happens in batches: the poller tells of a batch of sockets,
 * each session runs as far as it can, and proxy_settle() then does what
 * must wait until nobody holds a pointer any more: sessions that want
 * another turn, accepting, freeing the dead.
 */
#include "config.h"

#include "proxy/proxy.h"

#include <sys/resource.h>

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "proxy/original.h"
#include "proxy/worker.h"
#include "text.h"
#include "xmalloc.h"

enum {
	RUN_MAX = 256,		/* sessions given another turn in one batch */
	FDS_PER_SESSION = 2,
	/* Channels, the log device; DNS: look-ups under way and guests' connections. */
	FDS_RESERVED = 256,
	FDS_WORKER = PIPE_FDS + SPARES_MAX + 128 + 16,	/* look-ups; pollers and such */
	FLOW_MS = 1000,
	STAY_MS = 4,		/* until the event base gets its turn */
	IDLE_MS = 1000,		/* the same without anything to do: who owns us asks as often */
};

static const struct timeval tick_interval = { .tv_usec = WHEEL_TICK_MS * 1000 };

static void
proxy_tick_needed(struct proxy *p)
{
	const bool needed = p->wheel.armed > 0 || p->paused || !LIST_EMPTY(&p->flows);

	if (needed == p->ticking)
		return;
	p->ticking = needed;
	if (needed)
		event_add(p->tick, &tick_interval);
	else
		event_del(p->tick);
}

void
proxy_enter(struct proxy *p)
{
	p->now = now_mono() / 1000;
	/* An idle wheel stood still; nothing in it can be due. */
	if (p->wheel.armed == 0)
		p->wheel.tick = p->now / WHEEL_TICK_MS;
}

void
proxy_settle(struct proxy *p)
{
	struct session *s;

	for (int n = 0; n < RUN_MAX && (s = STAILQ_FIRST(&p->run)) != NULL; n++) {
		STAILQ_REMOVE_HEAD(&p->run, run_link);
		s->queued = false;
		session_run(s);
	}
	listener_accept(p);
	if (STAILQ_FIRST(&p->run) != NULL)
		poller_wake(p->poller);
	session_reap(p);
	proxy_tick_needed(p);
}

static struct session *
conn_session(struct conn *c)
{
	if (c->kind == CONN_CLIENT)
		return (struct session *)(void *)((char *)c - offsetof(struct session, client));
	if (c->kind == CONN_UPSTREAM)
		return (struct session *)(void *)((char *)c - offsetof(struct session, upstream));
	return dial_session(c);
}

static void
proxy_ready(void *item, unsigned what, void *arg)
{
	struct conn *c = item;

	proxy_enter(arg);
	c->readable |= (what & POLLER_IN) != 0;
	c->writable |= (what & POLLER_OUT) != 0;
	c->ended |= (what & POLLER_END) != 0;
	if (c->kind == CONN_LISTENER)
		return;		/* proxy_settle() accepts */
	session_run(conn_session(c));
}

static void
proxy_after(void *arg)
{
	proxy_enter(arg);
	proxy_settle(arg);
}

static void
proxy_tick(int fd, short what, void *arg)
{
	struct proxy *p = arg;

	(void)fd;
	(void)what;
	p->now = now_mono() / 1000;
	wheel_run(&p->wheel, p->now, session_due, p);
	if (p->now - p->flows_told >= FLOW_MS) {
		p->flows_told = p->now;
		flows_tell(p);
	}
	p->paused = false;	/* others may have closed descriptors too */
	proxy_settle(p);
}

static void
proxy_look(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	proxy_enter(arg);
	lowat_look(arg);
	proxy_settle(arg);
}

/* Those that are no session's, at worst. */
static uint64_t
fds_reserved(unsigned workers)
{
	return FDS_RESERVED + (uint64_t)workers * FDS_WORKER;
}

/* UINT32_MAX: as many as anyone needs. */
static uint32_t
fds_allowed(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1 || limit.rlim_cur > UINT32_MAX)
		return UINT32_MAX;
	return (uint32_t)limit.rlim_cur;
}

uint64_t
proxy_fds_wanted(const struct conf *conf, unsigned workers)
{
	/* Of which one guest gets no more than half. */
	const uint64_t one = UINT64_C(2) * conf->max_per_guest;

	return fds_reserved(workers) +
	    (one > conf->max_connections ? one : conf->max_connections) * FDS_PER_SESSION;
}

unsigned
proxy_workers_fit(unsigned workers)
{
	const uint32_t allowed = fds_allowed();

	while (workers > 1 && fds_reserved(workers) > allowed / 2)
		workers--;
	return workers;
}

/* How many sessions the descriptors of this process are enough for.  What is
 * reserved is rarely in use at once, so some are served even by few: when there
 * are none left, new ones wait. */
static uint32_t
proxy_fd_budget(unsigned workers)
{
	const uint32_t allowed = fds_allowed(), least = allowed / 4;
	const uint64_t reserved = fds_reserved(workers);

	if (allowed == UINT32_MAX)
		return UINT32_MAX;
	return (uint32_t)(allowed > reserved + least ? allowed - reserved : least) / FDS_PER_SESSION;
}

static uint32_t
lesser(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

struct proxy_limits
limits_within(const struct conf *conf, uint32_t max_open)
{
	return (struct proxy_limits){ .in_all = lesser(conf->max_connections, max_open),
		.per_guest = lesser(conf->max_per_guest, max_open > 1 ? max_open / 2 : 1) };
}

struct proxy_limits
proxy_limits(const struct conf *conf, unsigned workers)
{
	return limits_within(conf, proxy_fd_budget(workers));
}

struct proxy_shared *
proxy_shared_new(uint32_t generation, unsigned workers)
{
	struct proxy_shared *shared = xcalloc(1, sizeof(*shared));

	atomic_init(&shared->next_id, (uint64_t)generation << 32 | 1);
	atomic_init(&shared->nopen, 0);
	source_counts_init(&shared->counts);
	pthread_mutex_init(&shared->chain_lock, NULL);
	shared->workers = workers;
	return shared;
}

void
proxy_shared_free(struct proxy_shared *shared)
{
	if (shared == NULL)
		return;
	source_counts_free(&shared->counts);
	pthread_mutex_destroy(&shared->chain_lock);
	free(shared);
}

uint64_t
proxy_next_id(struct proxy_shared *shared)
{
	return atomic_fetch_add_explicit(&shared->next_id, 1, memory_order_relaxed);
}

/* If it fails, the event base gets its turn every STAY_MS all the same. */
static void
proxy_lookup_opened(int fd, bool out, void *arg)
{
	struct proxy *p = arg;

	poller_add(p->poller, fd, POLLER_ELSEWHERE, out);
}

struct proxy *
proxy_new(struct event_base *base, struct resolver *resolver, const struct conf *conf,
    struct proxy_shared *shared, const struct proxy_sink *sink, char **cause)
{
	struct proxy *p = xcalloc(1, sizeof(*p));

	p->base = base;
	p->resolver = resolver;
	p->conf = conf;
	p->sink = *sink;
	p->shared = shared;
	p->original = original_destination;
	p->max_open = proxy_fd_budget(shared->workers);
	for (int i = 0; i < PROXY_LISTENERS; i++)
		conn_init(&p->listeners[i], CONN_LISTENER);
	STAILQ_INIT(&p->run);
	sources_init(&p->sources, &shared->counts);
	pipe_pool_init(&p->pipes, shared->workers);
	p->now = now_mono() / 1000;
	wheel_init(&p->wheel, p->now);
	*cause = NULL;
	p->poller = poller_new(proxy_ready, proxy_after, p, cause);
	resolver_on_open(resolver, proxy_lookup_opened, p);
	p->look = event_new(base, -1, EV_PERSIST, proxy_look, p);
	p->tick = event_new(base, -1, EV_PERSIST, proxy_tick, p);
	if (*cause == NULL && (p->tick == NULL || p->look == NULL))
		*cause = xstrdup("cannot start the clock of the proxy");
	if (*cause != NULL) {
		proxy_free(p);
		return NULL;
	}
	return p;
}

bool
proxy_bell(struct proxy *p, int fd)
{
	return poller_add(p->poller, fd, POLLER_ELSEWHERE, false);
}

/* What the event base does for us by the clock may be so much late. */
static int
proxy_wait_ms(const struct proxy *p)
{
	if (p->ndials > 0 || !resolver_idle(p->resolver))
		return STAY_MS;
	if (!LIST_EMPTY(&p->lowats))
		return LOWAT_MS;
	return p->ticking ? WHEEL_TICK_MS : IDLE_MS;
}

void
proxy_serve(struct proxy *p)
{
	uint64_t until = 0;

	while (poller_turn(p->poller, proxy_wait_ms(p)) && (until == 0 || p->now < until)) {
		if (until == 0)
			until = p->now + STAY_MS;
	}
}

void
proxy_turn(struct proxy *p)
{
	poller_turn(p->poller, 0);
}

void
proxy_free(struct proxy *p)
{
	if (p == NULL)
		return;
	if (p->poller != NULL)
		free(proxy_run(p, false));
	sources_free(&p->sources);
	buf_pool_free(&p->pool);
	pipe_pool_free(&p->pipes);
	if (p->tick != NULL)
		event_free(p->tick);
	if (p->look != NULL)
		event_free(p->look);
	resolver_on_open(p->resolver, NULL, NULL);
	poller_free(p->poller);
	free(p);
}

static void
proxy_end_all(struct proxy *p, enum session_end why)
{
	struct session *s, *next;

	for (s = LIST_FIRST(&p->sessions); s != NULL; s = next) {
		next = LIST_NEXT(s, link);
		session_close(s, why);
	}
}

char *
proxy_run(struct proxy *p, bool run)
{
	char *cause;

	if (run == p->running)
		return NULL;
	proxy_enter(p);
	if (run) {
		cause = listener_open(p);
		if (cause != NULL)
			return cause;
		p->running = true;
	} else {
		p->running = false;
		listener_close(p);
		proxy_end_all(p, SESSION_END_STOPPED);
	}
	proxy_settle(p);
	return NULL;
}

bool
proxy_running(const struct proxy *p)
{
	return p->running;
}

static void
proxy_judge_again(struct proxy *p, const struct source *source)
{
	struct session *s, *next;

	for (s = LIST_FIRST(&p->sessions); s != NULL; s = next) {
		next = LIST_NEXT(s, link);
		if (source == NULL || s->source == source)
			session_judge_again(s);
	}
}

void
proxy_set_allow(struct proxy *p, const struct allow_image *image)
{
	p->allow = image;
	proxy_enter(p);
	proxy_judge_again(p, NULL);
	proxy_settle(p);
}

static void
proxy_source_changed(struct source *source, void *arg)
{
	proxy_judge_again(arg, source);
}

void
proxy_set_guest(struct proxy *p, const struct addr *addr, uint32_t guest_id, const char *name,
    bool frozen, const uint8_t mac[6])
{
	struct source *changed;

	proxy_enter(p);
	changed = source_set(&p->sources, addr, guest_id, name, frozen, mac);
	if (changed != NULL)
		proxy_source_changed(changed, p);
	proxy_settle(p);
}

void
proxy_set_owner(struct proxy *p, const struct owner *owner)
{
	p->owner = owner;
}

void
proxy_guests_begin(struct proxy *p)
{
	struct session *s;

	sources_mark(&p->sources);
	LIST_FOREACH(s, &p->sessions, link)
		s->hit_guest = 0;
}

void
proxy_guests_end(struct proxy *p)
{
	struct session *s;

	proxy_enter(p);
	sources_sweep(&p->sources, proxy_source_changed, p);
	/* Ids are the new engine's. */
	LIST_FOREACH(s, &p->sessions, link)
		s->hit_guest = source_guest(s->source);
	proxy_settle(p);
}

void
proxy_stats(const struct proxy *p, struct proxy_stats *stats)
{
	*stats = p->stats;
	stats->connections = p->nopen;
	stats->accept_paused = p->paused;
	stats->limits = limits_within(p->conf, p->max_open);
	pthread_mutex_lock(&p->shared->chain_lock);
	copy_string(stats->upstream_cause, p->shared->chain_cause, sizeof(stats->upstream_cause));
	pthread_mutex_unlock(&p->shared->chain_lock);
}
