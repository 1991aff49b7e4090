/*
 * Calls go to a worker by a slot and a byte in a pipe: the worker runs the function
 * between two batches of events and says so on a condition.  They are rare (a
 * change of the list, of a guest; the numbers once a second) and short, and a
 * worker never waits for its owner, so waiting for it is bounded by one batch
 * and cannot lock up.  That is what makes a new allowlist simple: when the
 * call is over, nobody looks at the old one any more.
 *
 * Reports go the other way through rings (reports.h).  The owner sleeps until
 * a worker, finding the flag "asleep" set, wakes it; from then on it looks by
 * itself every REPORT_MS until it finds nothing, and less often where it finds
 * many.  So an idle gatehouse costs nothing and shows a decision at once, while
 * under load telling the engine costs twenty wake-ups a second, and more only
 * where a ring is half full before.
 */
#include "config.h"

#include "proxy/crew.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/util.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dns/resolver.h"
#include "log.h"
#include "proxy/cpus.h"
#include "proxy/reports.h"
#include "proxy/worker.h"
#include "xmalloc.h"

enum {
	REPORT_MS = 10, REPORT_BUSY_MS = 50,
	REPORT_FEW = 2,
	REPORTS_TURN = 4096,	/* taken from one worker before the owner's other work */
};

struct bell {
	int		 fd[2];		/* -1: none */
	struct event	*event;
};

static const struct bell no_bell = { .fd = { -1, -1 } };

struct member;
typedef void	(*member_fn)(struct member *, void *);

struct member {
	struct crew		*crew;
	pthread_t		 thread;
	bool			 started, quits;
	struct event_base	*base;
	struct resolver		*resolver;
	struct proxy		*proxy;
	struct reports		*reports;
	struct bell		 called;
	member_fn		 fn;		/* under crew->lock */
	void			*arg;
	uint64_t		 hits_lost;	/* the worker's */
};

struct crew {
	struct crew_sink	 sink;
	struct proxy_shared	*shared;
	const struct owner	*owner;
	struct allow_image	*allow;
	bool			 running;
	unsigned		 n;
	struct member		 members[PROXY_WORKERS_MAX];
	pthread_mutex_t		 lock;		/* of calls */
	pthread_cond_t		 done;
	unsigned		 pending;
	_Atomic bool		 asleep;	/* the owner wants to be woken */
	_Atomic bool		 pressed;	/* it was, though it will look by itself */
	struct bell		 woken;
	struct event		*again;
};

unsigned
crew_size(const struct conf *conf)
{
	const unsigned n = conf->workers != 0 ? conf->workers : cpus_usable();

	return n < PROXY_WORKERS_MAX ? n : PROXY_WORKERS_MAX;
}

unsigned
crew_workers(const struct crew *c)
{
	return c->n;
}

uint64_t
crew_next_id(struct crew *c)
{
	return proxy_next_id(c->shared);
}

/* As many workers as there are descriptors for, which may be fewer than wanted. */
static unsigned
crew_fit(const struct conf *conf)
{
	const unsigned wanted = crew_size(conf), n = proxy_workers_fit(wanted);
	struct proxy_limits limits;

	if (n < wanted)
		log_warnx("%u worker%s instead of %u: this process may not have enough descriptors "
		    "for more; raise its limit (ulimit -n, LimitNOFILE=)", n, n == 1 ? "" : "s", wanted);
	limits = proxy_limits(conf, n);
	if (limits.in_all < conf->max_connections || limits.per_guest < conf->max_per_guest)
		log_warnx("this process has descriptors for %u connections at once, %u of one guest: "
		    "fewer than max-connections (%u) and max-per-guest (%u) say; raise its limit "
		    "(ulimit -n, LimitNOFILE=)", limits.in_all, limits.per_guest,
		    conf->max_connections, conf->max_per_guest);
	return n;
}

/* ---- bells: pipes that wake who sleeps in an event loop ---- */

static bool
bell_open(struct bell *b, struct event_base *base, event_callback_fn cb, void *arg)
{
	if (pipe(b->fd) == -1) {
		b->fd[0] = b->fd[1] = -1;
		return false;
	}
	for (int i = 0; i < 2; i++) {
		evutil_make_socket_nonblocking(b->fd[i]);
		evutil_make_socket_closeonexec(b->fd[i]);
	}
	b->event = event_new(base, b->fd[0], EV_READ | EV_PERSIST, cb, arg);
	return b->event != NULL && event_add(b->event, NULL) == 0;
}

static void
bell_close(struct bell *b)
{
	if (b->event != NULL)
		event_free(b->event);
	for (int i = 0; i < 2 && b->fd[i] != -1; i++)
		close(b->fd[i]);
}

static void
bell_ring(const struct bell *b)
{
	/* Full (EAGAIN) means it rings already. */
	while (write(b->fd[1], "", 1) == -1 && errno == EINTR)
		;
}

static void
bell_hush(const struct bell *b)
{
	char bytes[64];

	while (read(b->fd[0], bytes, sizeof(bytes)) == -1 && errno == EINTR)
		;
}

/* ---- a worker's thread ---- */

static void
owner_wake(struct member *m)
{
	struct crew *c = m->crew;

	if (atomic_load(&c->asleep) && atomic_exchange(&c->asleep, false))
		bell_ring(&c->woken);
	else if (reports_half_full(m->reports) && !atomic_exchange(&c->pressed, true))
		bell_ring(&c->woken);
}

static void
member_hit(const struct hit *h, void *arg)
{
	struct member *m = arg;

	if (!reports_hit(m->reports, h))
		m->hits_lost++;
	owner_wake(m);
}

static bool
member_flow(const struct flow *f, void *arg)
{
	struct member *m = arg;
	const bool told = reports_flow(m->reports, f);

	owner_wake(m);
	return told;
}

static void
member_called(evutil_socket_t fd, short what, void *arg)
{
	struct member *m = arg;
	struct crew *c = m->crew;
	member_fn fn;

	(void)fd;
	(void)what;
	bell_hush(&m->called);
	pthread_mutex_lock(&c->lock);
	fn = m->fn;
	m->fn = NULL;
	pthread_mutex_unlock(&c->lock);
	if (fn == NULL)
		return;
	fn(m, m->arg);
	pthread_mutex_lock(&c->lock);
	if (--c->pending == 0)
		pthread_cond_signal(&c->done);
	pthread_mutex_unlock(&c->lock);
}

static void *
member_main(void *arg)
{
	struct member *m = arg;

	while (!m->quits) {
		event_base_loop(m->base, EVLOOP_NONBLOCK);
		if (!m->quits)
			proxy_serve(m->proxy);
	}
	return NULL;
}

/* ---- calls ---- */

/* Runs fn in one worker, or (NULL) in all of them at once; over on return. */
static void
crew_call(struct crew *c, struct member *only, member_fn fn, void *arg)
{
	pthread_mutex_lock(&c->lock);
	for (unsigned i = 0; i < c->n; i++) {
		struct member *m = &c->members[i];

		if ((only != NULL && m != only) || !m->started)
			continue;
		m->fn = fn;
		m->arg = arg;
		c->pending++;
		bell_ring(&m->called);
	}
	while (c->pending > 0)
		pthread_cond_wait(&c->done, &c->lock);
	pthread_mutex_unlock(&c->lock);
}

struct run_call {
	bool	 run;
	char	*cause;
};

static void
member_run(struct member *m, void *arg)
{
	struct run_call *call = arg;

	call->cause = proxy_run(m->proxy, call->run);
	if (call->run && call->cause == NULL) {
		m->crew->shared->port = m->proxy->port;
		m->crew->shared->explicit_port = m->proxy->explicit_port;
	}
}

char *
crew_run(struct crew *c, bool run)
{
	struct run_call call = { .run = run };

	if (c->running == run)
		return NULL;
	/* One by one: the first finds out whether the ports are free. */
	for (unsigned i = 0; i < c->n && call.cause == NULL; i++)
		crew_call(c, &c->members[i], member_run, &call);
	c->running = run;
	if (call.cause != NULL)
		free(crew_run(c, false));
	if (!c->running)
		c->shared->port = c->shared->explicit_port = 0;
	return call.cause;
}

bool
crew_running(const struct crew *c)
{
	return c->running;
}

static void
member_set_allow(struct member *m, void *image)
{
	proxy_set_allow(m->proxy, image);
}

void
crew_set_allow(struct crew *c, struct allow_image *image)
{
	struct allow_image *former = c->allow;

	c->allow = image;
	crew_call(c, NULL, member_set_allow, image);
	allow_image_close(former);
}

struct guest_call {
	const struct addr	*addr;
	uint32_t		 id;
	const char		*name;
	bool			 frozen;
	const uint8_t		*mac;
};

static void
member_set_guest(struct member *m, void *arg)
{
	const struct guest_call *call = arg;

	proxy_set_guest(m->proxy, call->addr, call->id, call->name, call->frozen, call->mac);
}

void
crew_set_guest(struct crew *c, const struct addr *addr, uint32_t id, const char *name, bool frozen,
    const uint8_t mac[6])
{
	struct guest_call call = { addr, id, name, frozen, mac };

	crew_call(c, NULL, member_set_guest, &call);
}

static void
member_guests_begin(struct member *m, void *arg)
{
	(void)arg;
	proxy_guests_begin(m->proxy);
	/* Whoever takes them waits for this call. */
	reports_forget_guests(m->reports);
}

void
crew_guests_begin(struct crew *c)
{
	crew_call(c, NULL, member_guests_begin, NULL);
}

static void
member_guests_end(struct member *m, void *arg)
{
	(void)arg;
	proxy_guests_end(m->proxy);
}

void
crew_guests_end(struct crew *c)
{
	crew_call(c, NULL, member_guests_end, NULL);
}

struct stats_call {
	struct proxy_stats	sum;
	uint64_t		hits_lost;
};

static void
member_stats(struct member *m, void *arg)
{
	struct stats_call *call = arg;
	struct proxy_stats s;

	proxy_stats(m->proxy, &s);
	call->sum.connections += s.connections;
	call->sum.accepted += s.accepted;
	call->sum.allowed += s.allowed;
	call->sum.denied += s.denied;
	call->sum.limited += s.limited;
	/* The same in all. */
	copy_string(call->sum.upstream_cause, s.upstream_cause, sizeof(s.upstream_cause));
	call->sum.limits = s.limits;
	call->sum.bytes_up += s.bytes_up;
	call->sum.bytes_down += s.bytes_down;
	call->sum.accept_paused |= s.accept_paused;
	call->hits_lost += m->hits_lost;
}

void
crew_stats(struct crew *c, struct proxy_stats *stats, uint64_t *hits_lost)
{
	struct stats_call call = { .hits_lost = 0 };

	/* One by one, since they add to one sum. */
	for (unsigned i = 0; i < c->n; i++)
		crew_call(c, &c->members[i], member_stats, &call);
	*stats = call.sum;
	*hits_lost = call.hits_lost;
}

/* ---- reports ---- */

/* How many there were: more may come soon. */
static int
reports_tell(struct crew *c, struct reports *r)
{
	struct hit hit;
	struct flow flow;
	int n = 0;

	for (; n < REPORTS_TURN && c->sink.ready(c->sink.arg); n++) {
		switch (reports_take(r, &hit, &flow)) {
		case REPORT_HIT:
			c->sink.hit(&hit, c->sink.arg);
			break;
		case REPORT_FLOW:
			c->sink.flow(&flow, c->sink.arg);
			break;
		case REPORT_NONE:
			return n;
		}
	}
	return n;
}

static bool
crew_waits(struct crew *c)
{
	for (unsigned i = 0; i < c->n; i++) {
		if (!reports_empty(c->members[i].reports))
			return true;
	}
	return false;
}

static void
crew_report(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval soon = { .tv_usec = REPORT_MS * 1000 },
	    later = { .tv_usec = REPORT_BUSY_MS * 1000 };
	struct crew *c = arg;
	int n = 0;

	(void)fd;
	if (what & EV_READ)
		bell_hush(&c->woken);
	else
		atomic_store(&c->pressed, false);
	for (unsigned i = 0; i < c->n; i++)
		n += reports_tell(c, c->members[i].reports);
	if (n == 0) {
		/* A report put before the flag was seen set is found here. */
		atomic_store(&c->asleep, true);
		if (!crew_waits(c) || !atomic_exchange(&c->asleep, false))
			return;
	}
	event_add(c->again, n <= REPORT_FEW ? &soon : &later);
}

/* ---- beginning and end ---- */

static char *
member_start(struct crew *c, struct member *m, const struct resolver *like, const struct conf *conf)
{
	const struct proxy_sink sink = { member_hit, member_flow, m };
	sigset_t all, former;
	char *cause = NULL;
	int error;

	m->crew = c;
	m->base = event_base_new();
	m->reports = reports_new();
	if (m->base == NULL || m->reports == NULL ||
	    !bell_open(&m->called, m->base, member_called, m))
		return xasprintf("cannot make a worker: %s", strerror(errno));
	m->resolver = resolver_like(like, m->base);
	m->proxy = proxy_new(m->base, m->resolver, conf, c->shared, &sink, &cause);
	if (m->proxy == NULL)
		return cause;
	if (!proxy_bell(m->proxy, m->called.fd[0]))
		return xasprintf("cannot watch a worker's bell: %s", strerror(errno));
	proxy_set_owner(m->proxy, c->owner);
	/* Signals are the owner's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &former);
	error = pthread_create(&m->thread, NULL, member_main, m);
	pthread_sigmask(SIG_SETMASK, &former, NULL);
	if (error != 0)
		return xasprintf("cannot start a worker: %s", strerror(error));
	m->started = true;
	return NULL;
}

struct crew *
crew_new(struct event_base *base, const struct resolver *like, const struct owner *owner,
    const struct conf *conf, uint32_t generation, const struct crew_sink *sink, char **cause)
{
	struct crew *c = xcalloc(1, sizeof(*c));

	*cause = NULL;
	c->sink = *sink;
	c->owner = owner;
	c->n = crew_fit(conf);
	c->shared = proxy_shared_new(generation, c->n);
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->done, NULL);
	atomic_init(&c->asleep, true);
	for (unsigned i = 0; i < c->n; i++)
		c->members[i].called = no_bell;
	c->woken = no_bell;
	c->again = event_new(base, -1, 0, crew_report, c);
	if (c->again == NULL || !bell_open(&c->woken, base, crew_report, c))
		*cause = xasprintf("cannot listen to workers: %s", strerror(errno));
	for (unsigned i = 0; i < c->n && *cause == NULL; i++)
		*cause = member_start(c, &c->members[i], like, conf);
	if (*cause != NULL) {
		crew_free(c);
		return NULL;
	}
	return c;
}

static void
member_quit(struct member *m, void *arg)
{
	(void)arg;
	m->quits = true;
}

static void
member_free(struct member *m)
{
	if (m->started)
		pthread_join(m->thread, NULL);
	proxy_free(m->proxy);
	resolver_free(m->resolver);
	reports_free(m->reports);
	bell_close(&m->called);
	if (m->base != NULL)
		event_base_free(m->base);
}

void
crew_free(struct crew *c)
{
	if (c == NULL)
		return;
	free(crew_run(c, false));
	crew_call(c, NULL, member_quit, NULL);
	for (unsigned i = 0; i < c->n; i++)
		member_free(&c->members[i]);
	allow_image_close(c->allow);
	bell_close(&c->woken);
	if (c->again != NULL)
		event_free(c->again);
	proxy_shared_free(c->shared);
	pthread_cond_destroy(&c->done);
	pthread_mutex_destroy(&c->lock);
	free(c);
}
