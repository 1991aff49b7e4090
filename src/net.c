/*
 * The role that meets the guests' bytes: proxy, DNS and drop capture, and the
 * channel on which it tells the engine and is told by it.  The proxy's workers
 * are threads of their own (crew.h); all the rest happens in this one.
 *
 * priv hands over a channel to the engine, and a new one each time the
 * engine starts again.  Between two engines the last allowlist and the last
 * guests stay in force: nothing opens, nobody is cut off but by the end of
 * learning, which never outlives the engine that asked for it, and the decisions
 * taken meanwhile wait for the next engine, as many as there is room for; the
 * rest is counted.  The proxy listens once there is an allowlist and the
 * engine has said so; DNS from the first engine on, and for as long as net
 * runs.
 */
#include "config.h"

#include "net.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dns/resolver.h"
#include "dns/server.h"
#include "drops/pflog.h"
#include "log.h"
#include "msg.h"
#include "proxy/crew.h"
#include "proxy/sources.h"
#include "xmalloc.h"

enum {
	UNTOLD_MAX = 256,	/* DNS's hits kept while there is no engine */
	/* What may wait for the engine when a packet joins it, so that there is
	 * always room for decisions; and packets it is sent in a second. */
	TEE_QUEUE_MAX = FRAME_QUEUE_MAX / 4,
	/* More than this, and the workers keep their reports for now. */
	REPORT_QUEUE_MAX = FRAME_QUEUE_MAX / 4 * 3,
	TEE_PER_SECOND = 20000,
};

struct net {
	struct event_base	*base;
	struct resolver		*resolver;
	const struct conf	*conf;
	const struct owner	*owner;
	struct msg_channel	*priv;
	struct msg_channel	*engine;	/* NULL: none now */
	struct crew		*proxy;		/* NULL: before the first engine */
	struct dns_server	*dns;		/* the same */
	struct capture		*capture;
	struct event		*second;
	void			(*lost)(const char *, void *);
	void			*arg;
	bool			 run;		/* the engine wants the proxy to run */
	bool			 syncing;	/* a new engine is telling its guests */
	uint32_t		 allow_generation;	/* 0: no allowlist yet */
	int			 allow_fd;	/* of the allowlist in force, -1: none */
	size_t			 allow_size;
	bool			 learning;
	uint64_t		 learn_end;	/* mono, 0: when the engine says so */
	bool			 learn_lost;	/* to be told to the next engine */
	uint64_t		 hits_lost, dns_denied, dns_limited;
	unsigned		 tee_budget;	/* packets until the next second */
	uint64_t		 tee_refused;	/* since the tee began: no room for them */
	uint64_t		 tee_missed, tee_missed_before;	/* by the device too; ever */
	unsigned		 nuntold;
	struct hit		 untold[UNTOLD_MAX];
	char			 capture_cause[GH_CAUSE_SIZE];
	char			 proxy_cause[GH_CAUSE_SIZE];
	char			 dns_cause[GH_CAUSE_SIZE];
};

static bool
net_tell(struct net *n, enum frame type, const void *body)
{
	return n->engine != NULL && msg_send(n->engine, type, body, -1);
}

static void
on_hit(const struct hit *hit, void *arg)
{
	struct net *n = arg;

	if (hit->via == VIA_DNS && hit->verdict == VERDICT_DENY)
		n->dns_denied += 1 + hit->folded;
	if (hit->via == VIA_DNS && hit->reason == REASON_LIMIT)
		n->dns_limited += 1 + hit->folded;
	if (net_tell(n, FRAME_HIT, hit))
		return;
	if (n->engine == NULL && n->nuntold < UNTOLD_MAX)
		n->untold[n->nuntold++] = *hit;
	else
		n->hits_lost++;
}

/* Without an engine nothing can be opened, and nobody need wait. */
static bool
on_pin(const struct dns_pin *pin, void *arg)
{
	struct msg_pin m = { .serial = pin->serial, .guest_id = pin->guest_id, .guest = *pin->guest,
		.ttl = pin->ttl, .naddrs = pin->naddrs };

	_Static_assert((int)FRAME_PIN_ADDRS == (int)DNS_ADDRS_MAX, "an answer fits a frame");
	memcpy(m.addrs, pin->addrs, pin->naddrs * sizeof(m.addrs[0]));
	copy_string(m.name, pin->name, sizeof(m.name));
	return net_tell(arg, FRAME_PIN, &m);
}

static void
net_tell_untold(struct net *n)
{
	for (unsigned i = 0; i < n->nuntold; i++) {
		if (!net_tell(n, FRAME_HIT, &n->untold[i]))
			n->hits_lost++;
	}
	n->nuntold = 0;
}

static void
on_flow(const struct flow *flow, void *arg)
{
	net_tell(arg, FRAME_FLOW, flow);
}

/* Without an engine they wait where they are: each worker has room for some. */
static bool
on_ready(void *arg)
{
	const struct net *n = arg;

	return n->engine != NULL && !n->syncing && msg_queued(n->engine) < REPORT_QUEUE_MAX;
}

static bool
on_drop(const struct drop *drop, void *arg)
{
	return net_tell(arg, FRAME_DROP, drop);
}

static void
on_packet(const struct capture_packet *p, void *arg)
{
	struct net *n = arg;
	struct msg_packet m = { .time = p->time, .len = (uint32_t)p->len,
		.caplen = (uint32_t)(p->caplen < PACKET_BYTES_MAX ? p->caplen : PACKET_BYTES_MAX) };

	m.missed = n->tee_missed = n->tee_missed_before + p->missed + n->tee_refused;
	memcpy(m.bytes, p->bytes, m.caplen);
	if (n->tee_budget > 0 && msg_queued(n->engine) < TEE_QUEUE_MAX &&
	    net_tell(n, FRAME_PACKET, &m)) {
		n->tee_budget--;
		return;
	}
	n->tee_refused++;
	n->tee_missed++;
}

static void
net_tee(struct net *n, bool on)
{
	if (n->capture == NULL)
		return;
	n->tee_budget = TEE_PER_SECOND;
	n->tee_refused = 0;
	n->tee_missed_before = n->tee_missed;
	capture_tee(n->capture, on ? on_packet : NULL, n);
}

static void
state_capture(const struct net *n, struct msg_net_state *state)
{
	struct capture_stats stats = { 0 };

	if (n->capture == NULL) {
		copy_string(state->cause, n->capture_cause, sizeof(state->cause));
		return;
	}
	capture_stats(n->capture, &stats);
	state->drops_seen = stats.seen;
	state->drops_missed = stats.missed;
	state->drops_folded = stats.folded;
	state->capture_up = stats.up;
	if (!stats.up)
		copy_string(state->cause, stats.cause, sizeof(state->cause));
}

static void
state_proxy(const struct net *n, struct msg_net_state *state)
{
	struct proxy_stats stats;
	uint64_t hits_lost;

	crew_stats(n->proxy, &stats, &hits_lost);
	state->hits_lost += hits_lost;
	state->proxy_up = crew_running(n->proxy);
	state->connections = stats.connections;
	state->accepted = stats.accepted;
	state->allowed = stats.allowed;
	state->denied = stats.denied + n->dns_denied;
	state->limited = stats.limited + n->dns_limited;
	state->bytes_up = stats.bytes_up;
	state->bytes_down = stats.bytes_down;
	state->accept_paused = stats.accept_paused;
	state->max_connections = stats.limits.in_all;
	state->max_per_guest = stats.limits.per_guest;
	state->users_unknown = n->owner == NULL && n->conf->explicit_port != 0 && n->conf->nuids != 0;
	copy_string(state->upstream_cause, stats.upstream_cause, sizeof(state->upstream_cause));
	/* A proxy that cannot run matters more than a log that cannot be read. */
	if (n->run && !state->proxy_up && n->proxy_cause[0] != '\0')
		copy_string(state->cause, n->proxy_cause, sizeof(state->cause));
	state->dns_up = dns_server_listening(n->dns);
	if (n->dns_cause[0] != '\0')
		copy_string(state->cause, n->dns_cause, sizeof(state->cause));
}

static void
net_tell_state(struct net *n)
{
	struct msg_net_state state = { .hits_lost = n->hits_lost,
		.packets_missed = n->tee_missed, .allow_generation = n->allow_generation,
		.learning = n->learning, .learn_lost = n->learn_lost };

	state_capture(n, &state);
	if (n->proxy != NULL)
		state_proxy(n, &state);
	if (net_tell(n, FRAME_NET_STATE, &state))
		n->learn_lost = false;
}

/* Tells a cause once, and keeps it for the engine; takes it over. */
static void
note_cause(char kept[GH_CAUSE_SIZE], char *cause)
{
	if (cause != NULL && strcmp(cause, kept) != 0)
		log_warnx("%s", cause);
	copy_string(kept, cause != NULL ? cause : "", GH_CAUSE_SIZE);
	free(cause);
}

/* Makes the proxy run or not, as the engine wants and as far as it can. */
static void
net_run_proxy(struct net *n)
{
	const bool run = n->run && n->allow_generation != 0;

	if (crew_running(n->proxy) != run)
		note_cause(n->proxy_cause, crew_run(n->proxy, run));
}

/* ---- the allowlist ---- */

/* Takes the image over; NULL: nothing is listed. */
static void
net_put_in_force(struct net *n, struct allow_image *image)
{
	allow_image_learn(image, n->learning);
	/* The proxy owns it, and ends the one before. */
	dns_server_set_allow(n->dns, image);
	crew_set_allow(n->proxy, image);
}

/* Ends learning, and with it what only learning let through. */
static void
net_enforce(struct net *n, const char *why)
{
	const char *cause = NULL;
	struct allow_image *image;

	if (!n->learning)
		return;
	n->learning = false;
	image = allow_image_open(n->allow_fd, n->allow_size, &cause);
	log_info("learning ends: %s", why);
	if (image == NULL)
		log_warnx("the allowlist in force cannot be opened again (%s); every name is refused",
		    cause);
	net_put_in_force(n, image);
}

/* Learning is of the engine that asked for it: without it nobody would end it. */
static void
net_enforce_alone(struct net *n)
{
	n->learn_lost = n->learn_lost || n->learning;
	net_enforce(n, "the engine that asked for it is gone");
}

static void
on_second(int fd, short what, void *arg)
{
	struct net *n = arg;

	(void)fd;
	(void)what;
	if (n->proxy != NULL) {
		/* Again, if a port was taken. */
		net_run_proxy(n);
		note_cause(n->dns_cause, dns_server_listen(n->dns));
	}
	if (n->learn_end != 0 && now_mono() >= n->learn_end)
		net_enforce(n, "its time is over");
	n->tee_budget = TEE_PER_SECOND;
	net_tell_state(n);
	/* Not before all of the above was done, in which each worker had its part. If
	 * priv does not read, it is its channel that breaks. */
	msg_send(n->priv, FRAME_READY, &(struct msg_empty){ 0 }, -1);
}

/* ---- what the engine says ---- */

static void
engine_allow(struct net *n, const struct msg_allow *allow, int fd)
{
	const char *cause = NULL;
	struct allow_image *image = allow_image_open(fd, allow->size, &cause);

	if (image == NULL) {
		close(fd);
		log_warnx("the engine sent an allowlist that cannot be used (%s); the old one stays "
		    "in force", cause);
		if (allow->learn == 0)
			net_enforce(n, "the engine says so");
		return;
	}
	if (n->allow_fd != -1)
		close(n->allow_fd);
	n->allow_fd = fd;
	n->allow_size = allow->size;
	n->allow_generation = allow->generation;
	n->learning = allow->learn != 0;
	n->learn_end = n->learning && allow->learn_for != 0 ? now_mono() + allow->learn_for : 0;
	net_put_in_force(n, image);
}

static void
engine_guest(struct net *n, const struct msg_guest *guest)
{
	struct addr who = guest->addr;

	if (guest->by >= GUEST_BY_COUNT ||
	    (guest->by == GUEST_BY_ADDR && who.family != 4 && who.family != 6) ||
	    memchr(guest->name, '\0', sizeof(guest->name)) == NULL) {
		log_warnx("the engine told of a guest that cannot be one");
		return;
	}
	if (guest->by == GUEST_BY_USER)
		who = source_uid(guest->uid);
	else if (guest->by == GUEST_BY_MAC)
		who = source_mac(guest->mac);
	else
		dns_server_set_guest(n->dns, &who, guest->guest_id, guest->name,
		    guest->frozen != 0, guest->mac);
	crew_set_guest(n->proxy, &who, guest->guest_id, guest->name, guest->frozen != 0,
	    guest->mac);
}

static void
on_engine(enum frame type, const void *body, int fd, void *arg)
{
	const struct msg_pinned *pinned;
	const struct msg_proxy *proxy;
	const struct msg_tee *tee;
	struct net *n = arg;

	switch (type) {
	case FRAME_ALLOW:
		engine_allow(n, body, fd);
		break;
	case FRAME_GUEST:
		engine_guest(n, body);
		return;
	case FRAME_PROXY:
		/* The last of what a new engine tells. */
		if (n->syncing) {
			crew_guests_end(n->proxy);
			dns_server_guests_end(n->dns);
			net_tell_untold(n);
		}
		n->syncing = false;
		proxy = body;
		n->run = proxy->run != 0;
		break;
	case FRAME_PINNED:
		pinned = body;
		dns_server_pinned(n->dns, pinned->serial);
		return;
	case FRAME_TEE:
		tee = body;
		net_tee(n, tee->on != 0);
		return;
	default:
		return;
	}
	net_run_proxy(n);
	net_tell_state(n);
}

static void
on_engine_lost(const char *why, void *arg)
{
	struct net *n = arg;

	log_info("the engine is gone (%s); its last allowlist stays in force", why);
	net_tee(n, false);
	msg_channel_free(n->engine);
	n->engine = NULL;
	net_enforce_alone(n);
}

static uint64_t
next_id(void *arg)
{
	struct net *n = arg;

	return crew_next_id(n->proxy);
}

/* What serves guests, from the first engine on. */
static void
net_serve(struct net *n, uint32_t generation)
{
	const struct crew_sink sink = { on_hit, on_flow, on_ready, n };
	const struct dns_sink dns_sink = { next_id, on_hit, n, on_pin };
	char *cause;

	n->proxy = crew_new(n->base, n->resolver, n->owner, n->conf, generation, &sink, &cause);
	if (n->proxy == NULL)
		fatalx("%s", cause);
	n->dns = dns_server_new(n->base, n->resolver, n->conf, &dns_sink);
	note_cause(n->dns_cause, dns_server_listen(n->dns));
}

static void
priv_peer(struct net *n, const struct msg_peer *peer, int fd)
{
	net_tee(n, false);
	msg_channel_free(n->engine);
	n->engine = msg_channel_new(n->base, fd, ROLE_NET, ROLE_ENGINE, on_engine, on_engine_lost, n);
	if (n->proxy == NULL)
		net_serve(n, peer->generation);
	net_enforce_alone(n);
	n->syncing = true;
	/* The ids of the engine before mean others to this one. */
	for (unsigned i = 0; i < n->nuntold; i++)
		n->untold[i].guest_id = 0;
	crew_guests_begin(n->proxy);
	dns_server_guests_begin(n->dns);
	net_tell_state(n);
}

static void
priv_log_rules(const struct msg_log_rules *m)
{
	const size_t n = m->n < MSG_LOG_RULES_MAX ? m->n : MSG_LOG_RULES_MAX;

	if (m->first != 0)
		pflog_rules_set(m->rules, n);
	else
		pflog_rules_add(m->rules, n);
}

static void
on_priv(enum frame type, const void *body, int fd, void *arg)
{
	if (type == FRAME_PEER)
		priv_peer(arg, body, fd);
	if (type == FRAME_LOG_RULES)
		priv_log_rules(body);
}

static void
on_priv_lost(const char *why, void *arg)
{
	struct net *n = arg;

	n->lost(why, n->arg);
}

struct net *
net_new(struct event_base *base, struct resolver *resolver, const struct conf *conf,
    const struct owner *owner, int priv_fd, struct capture *capture, const char *capture_cause,
    void (*lost)(const char *, void *), void *arg)
{
	static const struct timeval interval = { .tv_sec = 1 };
	struct net *n = xcalloc(1, sizeof(*n));

	n->base = base;
	n->resolver = resolver;
	n->conf = conf;
	n->owner = owner;
	n->capture = capture;
	n->lost = lost;
	n->arg = arg;
	n->allow_fd = -1;
	if (capture == NULL)
		copy_string(n->capture_cause, capture_cause, sizeof(n->capture_cause));
	else
		capture_start(capture, base, on_drop, n);
	n->priv = msg_channel_new(base, priv_fd, ROLE_NET, ROLE_PRIV, on_priv, on_priv_lost, n);
	n->second = event_new(base, -1, EV_PERSIST, on_second, n);
	if (n->second == NULL || event_add(n->second, &interval) == -1)
		fatalx("cannot start the clock of net");
	if (!msg_send(n->priv, FRAME_READY, &(struct msg_empty){ 0 }, -1))
		fatalx("cannot tell priv that net is ready");
	return n;
}

void
net_free(struct net *n)
{
	if (n == NULL)
		return;
	dns_server_free(n->dns);
	crew_free(n->proxy);
	event_free(n->second);
	if (n->allow_fd != -1)
		close(n->allow_fd);
	msg_channel_free(n->engine);
	msg_channel_free(n->priv);
	free(n);
}
