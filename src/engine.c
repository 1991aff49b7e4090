/*
 * The engine's channels, timers and life.
 *
 * priv is there from start to end; without it the engine ends, and priv starts
 * another.  net comes and goes: each time priv brings a channel to a new one
 * (FRAME_PEER), and it is told everything again.  Nothing that must outlive
 * the engine is only here: the profile, who is frozen and whether the proxy
 * runs come back from priv and the kernel, the allowlist from its file.
 *
 * net holds what guests sent, so of the two it is the one that may have been
 * taken over: every field of its frames is checked or brought into bounds.
 */
#include "config.h"

#include "engine.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"
#include "text.h"
#include "xmalloc.h"

/* How old the listing of the rules may get: while it is shown, when it cannot be had,
 * and else, for it is asked for whenever priv says that they changed. */
static const uint64_t rules_shown_age = 1000000, rules_failed_age = 5000000,
    rules_idle_age = 60000000;
/* How long the proxy may take to start or stop. */
static const uint64_t proxy_limit = 3000000;
static const struct timeval tick_interval = { 0, 500000 };
static const struct timeval update_interval = { 0, 100000 };

#define TERMINATE(array)	((array)[sizeof(array) - 1] = '\0')

/* ---- the proxy ---- */

static bool
proxy_reached(const struct engine *e)
{
	const struct msg_net_state *s = &e->net_state;
	const bool up = strcmp(status_proxy(e), "up") == 0;
	const bool told = s->allow_generation == e->policy.generation;

	switch (e->proxy_goal) {
	case PROXY_START:
		/* While no guest runs it is the wish that counts. */
		return up || life_resting(e);
	case PROXY_STOP:
		return e->net_state_time == 0 || !s->proxy_up;
	case PROXY_LEARN:
		return up && told && s->learning;
	case PROXY_ENFORCE:
		return e->net_state_time == 0 || (told && !s->learning);
	}
	return false;
}

/* Answers who wants something of it, once it is so or will not be soon. */
static void
proxy_answer(struct engine *e)
{
	static const char *const verbs[] = {
		[PROXY_START] = "start", [PROXY_STOP] = "stop",
		[PROXY_LEARN] = "learn", [PROXY_ENFORCE] = "enforce",
	};
	struct control_call *call = e->proxy_call;
	const char *cause = e->net_state.cause;
	json_t *result;

	if (call == NULL)
		return;
	if (proxy_reached(e)) {
		result = json_pack("{s:s}", "state", status_proxy(e));
		learn_json(e, result);
		e->proxy_call = NULL;
		control_reply(call, result);
	} else if (now_mono() - e->proxy_asked >= proxy_limit) {
		e->proxy_call = NULL;
		/* Nor shall it later, when nobody looks. */
		if (e->proxy_goal == PROXY_LEARN)
			learn_end(e, "the proxy did not take it up");
		control_fail(call, CONTROL_FAILED, xasprintf("the proxy does not %s: %s",
		    verbs[e->proxy_goal], cause[0] != '\0' ? cause :
		    e->net == NULL ? "net is not running; it is started again" :
		    "net does not say why; see the daemon's log"));
	}
}

static void
proxy_look(struct engine *e)
{
	const char *state = status_proxy(e);

	proxy_answer(e);
	if (e->proxy_state != NULL && strcmp(e->proxy_state, state) == 0)
		return;
	e->proxy_state = state;
	e->proxy_since = now_wall();
	e->proxy_changed = now_mono();
}

static void
proxy_send(struct engine *e)
{
	struct msg_proxy m = { .run = e->proxy_wanted && !life_resting(e) };

	if (e->proxy_known)
		engine_to_net(e, FRAME_PROXY, &m, -1);
}

void
engine_proxy_wait(struct engine *e, enum proxy_goal goal, struct control_call *call)
{
	if (e->proxy_call != NULL)
		control_fail(e->proxy_call, CONTROL_BUSY, xstrdup("someone else decided otherwise"));
	e->proxy_call = call;
	e->proxy_goal = goal;
	e->proxy_asked = now_mono();
	proxy_look(e);
}

void
engine_proxy(struct engine *e, bool run, struct control_call *call)
{
	struct msg_proxy m = { .run = run };

	e->proxy_wanted = run;
	e->proxy_known = true;
	proxy_send(e);
	if (e->priv != NULL && !msg_send(e->priv, FRAME_PROXY_SAVE, &m, -1))
		log_warnx("whether the proxy runs could not be saved");
	engine_proxy_wait(e, run ? PROXY_START : PROXY_STOP, call);
}

/* ---- net ---- */

/* A net that is started again counts from nothing; what is told goes on. */
static void
totals_add(struct msg_net_state *to, const struct msg_net_state *from)
{
	to->accepted += from->accepted;
	to->allowed += from->allowed;
	to->denied += from->denied;
	to->limited += from->limited;
	to->bytes_up += from->bytes_up;
	to->bytes_down += from->bytes_down;
	to->hits_lost += from->hits_lost;
	to->drops_seen += from->drops_seen;
	to->drops_missed += from->drops_missed;
	to->drops_folded += from->drops_folded;
}

static void
net_forget(struct engine *e, const char *why)
{
	struct msg_net_state totals = { 0 };


	if (e->net == NULL)
		return;
	log_warnx("net is gone: %s", why);
	msg_channel_free(e->net);
	e->net = NULL;
	totals_add(&totals, &e->net_state);
	e->net_state = e->net_before = totals;
	e->net_state_time = 0;
	e->limited_last = e->lost_last = 0;
	e->limited[0] = '\0';
	e->limited_by = OUTCOME_NONE;
	e->rate = 0;
	model_net_ended(e->model);
	proxy_look(e);
}

static void
net_lost(const char *why, void *arg)
{
	net_forget(arg, why);
}

void
engine_to_net(struct engine *e, enum frame type, const void *body, int fd)
{
	/* What net is told must not be lost: one that does not read is closed,
	 * ends for that, and is started again. */
	if (e->net != NULL && !msg_send(e->net, type, body, fd))
		net_forget(e, "it does not read what it is told");
}

/* Bytes a second since the latest measure. Reports on a change come close
 * together and say little, so that one is taken at most twice a second. */
static void
rate_measure(struct engine *e, uint64_t bytes, uint64_t now)
{
	uint64_t passed = now - e->rate_time;

	if (e->net_state_time != 0 && bytes >= e->rate_bytes) {
		if (passed < 500000)
			return;
		e->rate = (uint64_t)((double)(bytes - e->rate_bytes) * 1e6 / (double)passed);
	}
	e->rate_time = now;
	e->rate_bytes = bytes;
}

static void
net_state(struct engine *e, const struct msg_net_state *m)
{
	const uint64_t now = now_mono(), limited = e->net_state.limited, lost = e->net_state.hits_lost;

	rate_measure(e, m->bytes_up + m->bytes_down, now);
	e->net_state = *m;
	totals_add(&e->net_state, &e->net_before);
	/* What net counted before this engine was here may be of long ago. */
	if (e->net_state.limited > limited && e->net_state_time != 0)
		e->limited_last = now;
	if (e->net_state.hits_lost > lost && e->net_state_time != 0)
		e->lost_last = now;
	TERMINATE(e->net_state.cause);
	TERMINATE(e->net_state.upstream_cause);
	if (m->learn_lost != 0 && e->net_state_time == 0)
		event_note(e, EVENT_PROXY, EVENT_ALERTING, "", "learning has ended, and what it let "
		    "through is cut: the engine that was told to learn is gone");
	tee_missed(e, m->packets_missed);
	e->net_state_time = now;
	proxy_look(e);
}

static void
net_hit(struct engine *e, const struct hit *from_net)
{
	struct hit h = *from_net;
	const struct guest *g;
	char addr[ADDR_TEXT_SIZE];
	unsigned found;

	TERMINATE(h.name);
	TERMINATE(h.alpn);
	if (h.verdict >= VERDICT_COUNT || h.reason >= REASON_COUNT || h.via >= VIA_COUNT ||
	    h.outcome >= OUTCOME_COUNT)
		return;
	/* That its address is its now the kernel said before the guest could ask. */
	inventory_listen(e->inventory);
	g = guest_of_hit(e, &h);
	found = model_hit(e->model, &h, g != NULL ? g->id : 0,
	    g != NULL ? g->name : addr_format(&h.guest, addr));
	event_of_hit(e, &h, g, found);
	if (h.reason == REASON_LIMIT) {
		copy_string(e->limited, g != NULL ? g->name : addr_format(&h.guest, addr),
		    sizeof(e->limited));
		e->limited_by = (enum outcome)h.outcome;
	}
}

static void
net_flow(struct engine *e, const struct flow *from_net)
{
	struct flow f = *from_net;
	const struct guest *g;

	TERMINATE(f.name);
	TERMINATE(f.what);
	if (f.outcome >= OUTCOME_COUNT)
		return;
	if ((g = inventory_by_mac(e->inventory, f.mac)) == NULL)
		g = inventory_by_id(e->inventory, f.guest_id);
	model_flow(e->model, &f, g != NULL ? g->id : 0);
}

static void
net_drop(struct engine *e, const struct drop *from_net)
{
	struct drop d = *from_net;
	const struct guest *g;

	TERMINATE(d.label);
	TERMINATE(d.in);
	TERMINATE(d.out);
	if (d.count == 0)
		return;
	g = guest_of_drop(e, &d);
	event_of_drop(e, model_drop(e->model, &d, g != NULL ? g->id : 0, g != NULL ? g->name : ""),
	    d.count);
}

static void
net_frame(enum frame type, const void *body, int fd, void *arg)
{
	struct engine *e = arg;

	switch (type) {
	case FRAME_NET_STATE:
		net_state(e, body);
		break;
	case FRAME_HIT:
		net_hit(e, body);
		break;
	case FRAME_FLOW:
		net_flow(e, body);
		break;
	case FRAME_DROP:
		net_drop(e, body);
		break;
	case FRAME_PACKET:
		tee_packet(e, body);
		break;
	case FRAME_PIN:
		pinned_asked(e, body);
		break;
	default:
		break;
	}
	if (fd != -1)
		close(fd);
}

/* A new net: it knows nothing yet. */
static void
net_arrived(struct engine *e, const struct msg_peer *m, int fd)
{
	net_forget(e, "another takes its place");
	e->net = msg_channel_new(e->base, fd, ROLE_ENGINE, ROLE_NET, net_frame, net_lost, e);
	e->net_generation = m->generation;
	e->tee_missed = 0;
	policy_send(e);
	guests_send(e);
	proxy_send(e);
	tee_send(e);
}

/* ---- priv ---- */

static void
fw_status(struct engine *e, const struct fw_status *m)
{
	struct fw_status was = e->fw;
	bool changed;

	e->fw = *m;
	TERMINATE(e->fw.backend);
	TERMINATE(e->fw.place);
	TERMINATE(e->fw.cause);
	if (e->fw.profile >= PROFILE_COUNT)
		e->fw.profile = PROFILE_NONE;
	if (e->fw.resting >= PROFILE_COUNT)
		e->fw.resting = PROFILE_NONE;
	changed = !e->fw_known || was.profile != e->fw.profile || was.loaded != e->fw.loaded ||
	    was.drift != e->fw.drift || was.hash != e->fw.hash || was.resting != e->fw.resting;
	e->fw_known = true;
	if (!changed)
		return;
	if (was.profile == PROFILE_NONE && e->fw.profile != PROFILE_NONE)
		freeze_again(e);
	if (was.resting != e->fw.resting) {
		proxy_send(e);
		proxy_look(e);
		if (e->fw.profile != PROFILE_NONE)
			life_woken(e);
	}
	model_touch(e->model, VIEW_VMS);
	rules_poll(e, 0);
	alerts_update(e);
}

/* "exited with status 1", "killed by signal 9". */
static void
status_text(char *dst, size_t size, int status)
{
	if (WIFSIGNALED(status))
		snprintf(dst, size, "killed by signal %d", WTERMSIG(status));
	else
		snprintf(dst, size, "exited with status %d", WEXITSTATUS(status));
}

static void
role_changed(struct engine *e, const struct msg_role *m)
{
	struct role_state *r;
	bool was_up;

	if (m->role >= ROLE_COUNT)
		return;
	r = &e->roles[m->role];
	was_up = r->pid == 0 || r->up;
	r->up = m->up;
	r->pid = m->pid;
	r->restarts = m->restarts;
	if (m->why[0] != '\0' || !m->up) {
		memcpy(r->last_exit, m->why, sizeof(r->last_exit));
		TERMINATE(r->last_exit);
	}
	if (m->up) {
		/* An engine that is new itself is told of all; only its own start is news. */
		if (m->restarts > 0 && (!was_up || m->role == ROLE_ENGINE))
			event_note(e, EVENT_ROLE, EVENT_NOTICE, "", "%s was started again (%u)",
			    role_name(m->role), m->restarts);
		return;
	}
	if (r->last_exit[0] == '\0')
		status_text(r->last_exit, sizeof(r->last_exit), m->status);
	if (m->wanted)
		event_note(e, EVENT_ROLE, EVENT_NOTICE, "", "%s is %s, and what was open by it ends",
		    role_name(m->role), r->last_exit);
	else
		event_note(e, EVENT_ROLE, EVENT_ALERTING, "", "%s ended: %s; it is started again in "
		    "%u ms", role_name(m->role), r->last_exit, m->delay_ms);
}

/* What cannot be read reaches nothing that is not the internet's. */
static void
reach_taken(char *cause)
{
	if (cause != NULL)
		log_warnx("%s", cause);
	free(cause);
}

/* What priv took up, we take up too. */
static char *
conf_take(struct engine *e)
{
	struct conf fresh = e->conf;
	char *cause;

	if (e->conf.path[0] == '\0')
		return NULL;
	if ((cause = conf_load(&fresh, e->conf.path)) != NULL)
		return cause;
	/* The socket stays where it was bound. */
	copy_string(fresh.control, e->conf.control, sizeof(fresh.control));
	/* What was wrong with another command says nothing of this one. */
	if (memcmp(&fresh.notify, &e->conf.notify, sizeof(fresh.notify)) != 0) {
		free(e->notify_error);
		e->notify_error = NULL;
	}
	if ((e->reload_opened = opened_by(e, &fresh)) != NULL)
		event_note(e, EVENT_CONFIG, EVENT_ALERTING, "", "%s", e->reload_opened);
	e->conf = fresh;
	reach_taken(reach_reconf(&e->reach, &e->conf));
	asker_reconf(e->asker, &e->conf);
	inventory_reconf(e->inventory, &e->conf);
	control_reconf(e->control, &e->conf);
	return NULL;
}

static void
reloaded(struct engine *e, const struct msg_reloaded *m)
{
	char cause[GH_CAUSE_SIZE];

	memcpy(cause, m->cause, sizeof(cause));
	TERMINATE(cause);
	free(e->reload_error);
	free(e->reload_opened);
	e->reload_opened = NULL;
	e->reload_error = m->ok ? conf_take(e) : xstrdup(cause);
	e->reload_told = true;
	if (m->ok)
		e->reloaded = now_mono();
	if (e->reload_error == NULL)
		event_note(e, EVENT_CONFIG, EVENT_NOTICE, "", "read the configuration again");
	policy_reload(e);
	alerts_update(e);
	if (e->policy.load == NULL)
		methods_allowlist_read(e);
}

static void
notified(struct engine *e, const struct msg_notified *m)
{
	char cause[GH_CAUSE_SIZE];

	memcpy(cause, m->cause, sizeof(cause));
	TERMINATE(cause);
	free(e->notify_error);
	e->notify_error = cause[0] != '\0' ? xstrdup(cause) : NULL;
	notify_told(e);
	alerts_update(e);
}

/* Only now that priv has said which roles run: who asks before is told of none. */
static void
serve(struct engine *e)
{
	static const struct msg_empty nothing;
	char *cause = control_listen(e->control, &e->conf);

	e->serve = false;
	if (cause != NULL)
		fatalx("%s", cause);
	if (!msg_send(e->priv, FRAME_READY, &nothing, -1))
		fatalx("cannot tell priv that the engine is ready");
}

static void
proxy_saved(struct engine *e, const struct msg_proxy *m)
{
	e->proxy_wanted = m->run != 0;
	e->proxy_known = true;
	proxy_send(e);
	proxy_look(e);
	if (e->serve)
		serve(e);
}

static void
priv_frame(enum frame type, const void *body, int fd, void *arg)
{
	struct engine *e = arg;

	switch (type) {
	case FRAME_PEER:
		net_arrived(e, body, fd);
		return;
	case FRAME_FW_STATUS:
		fw_status(e, body);
		break;
	case FRAME_FW_RESULT:
		if (!pinned_result(e, body))
			rules_result(e, body);
		break;
	case FRAME_FW_PINNED:
		pinned_told(e, body);
		break;
	case FRAME_FW_TEXT:
		rules_text(e, body);
		break;
	case FRAME_ROLE:
		role_changed(e, body);
		break;
	case FRAME_OUTPUT:
		asker_output(e->asker, body, fd);
		return;
	case FRAME_KEPT:
		kept_take(e, body, fd);
		break;
	case FRAME_RAN:
		asker_ran(e->asker, body);
		break;
	case FRAME_NOTIFIED:
		notified(e, body);
		break;
	case FRAME_RELOADED:
		reloaded(e, body);
		break;
	case FRAME_PROXY_SAVED:
		/* Who the guests are is known before net is told of them. */
		inventory_look(e->inventory);
		proxy_saved(e, body);
		pinned_judge(e);
		break;
	default:
		break;
	}
	if (fd != -1)
		close(fd);
}

static void
priv_lost(const char *why, void *arg)
{
	struct engine *e = arg;

	msg_channel_free(e->priv);
	e->priv = NULL;
	e->lost(why, e);
}

/* ---- time ---- */

static void
on_tick(int fd, short what, void *arg)
{
	struct engine *e = arg;

	learn_poll(e);
	policy_poll(e);
	rules_expire(e);
	pinned_tick(e);
	life_judge(e);
	guests_stop_unguarded(e);
	rules_poll(e, subscribed_to(e, VIEW_RULES) ? rules_shown_age :
	    e->rules_cause != NULL ? rules_failed_age : rules_idle_age);
	proxy_look(e);
	alerts_update(e);
	notify_poll(e);
	kept_poll(e);
	/* Not before all of the above was done. */
	if (e->priv != NULL)
		msg_send(e->priv, FRAME_READY, &(struct msg_empty){ 0 }, -1);
}

static void
on_update(int fd, short what, void *arg)
{
	struct engine *e = arg;

	if (e->subscribers != NULL)
		subscribe_update(e);
	else
		event_del(e->update);
}

void
engine_watched(struct engine *e)
{
	if (!event_pending(e->update, EV_TIMEOUT, NULL))
		event_add(e->update, &update_interval);
}

/* ---- the inventory ---- */

static bool
asker_run(const struct msg_run *m, void *arg)
{
	struct engine *e = arg;

	return e->priv != NULL && msg_send(e->priv, FRAME_RUN, m, -1);
}

static void
asker_changed(void *arg)
{
	struct engine *e = arg;

	e->kept_stale = true;
	inventory_hurry(e->inventory);
	model_touch(e->model, VIEW_VMS);
}

/* ---- life ---- */

static void
client_closed(uint64_t client, void *arg)
{
	uint64_t packets, missed;

	unsubscribe(client, arg);
	tee_end(arg, client, &packets, &missed);
}

struct engine *
engine_new(struct event_base *base, const struct conf *conf, int priv_fd,
    void (*lost)(const char *, struct engine *))
{
	struct engine *e = xcalloc(1, sizeof(*e));
	const struct asker_events asks = { asker_run, asker_changed, e };
	struct control_handler handler = { methods_request, client_closed, e };
	char host[64] = "";

	e->base = base;
	e->conf = *conf;
	reach_taken(reach_init(&e->reach, &e->conf));
	e->lost = lost;
	e->policy.fd = -1;
	e->started = now_wall();
	e->started_mono = now_mono();
	if (gethostname(host, sizeof(host) - 1) == 0)
		text_escape(e->host, sizeof(e->host), host, strlen(host));
	e->model = model_new(NULL);
	e->inventory = inventory_new(base, &e->conf, guests_changed, e);
	e->asker = asker_new(base, &e->conf, &asks);
	inventory_asks(e->inventory, e->asker);
	inventory_on_merge(e->inventory, guests_merged, e);
	inventory_on_move(e->inventory, guest_moved, e);
	e->control = control_new(base, &handler);
	e->proxy_wanted = conf->proxy_run;
	e->priv = msg_channel_new(base, priv_fd, ROLE_ENGINE, ROLE_PRIV, priv_frame, priv_lost, e);
	e->tick = event_new(base, -1, EV_PERSIST, on_tick, e);
	e->update = event_new(base, -1, EV_PERSIST, on_update, e);
	if (e->tick == NULL || e->update == NULL)
		fatalx("out of memory (engine)");
	return e;
}

void
engine_start(struct engine *e, bool serve)
{
	policy_start(e);
	guests_changed(e);
	e->serve = serve;
	event_add(e->tick, &tick_interval);
	rules_poll(e, 0);
}

void
engine_free(struct engine *e)
{
	if (e == NULL)
		return;
	if (e->proxy_call != NULL)
		control_fail(e->proxy_call, CONTROL_FAILED, xstrdup("the daemon is ending"));
	if (e->reload_call != NULL)
		control_fail(e->reload_call, CONTROL_FAILED, xstrdup("the daemon is ending"));
	methods_free(e);
	acts_free(e);
	inventory_asks(e->inventory, NULL);
	asker_free(e->asker);
	rules_free(e);
	control_free(e->control);
	inventory_free(e->inventory);
	policy_stop(e);
	guests_free(e);
	freeze_free(e);
	notify_free(e);
	shield_free(e);
	pinned_free(e);
	addresses_free(e);
	senders_free(e);
	reach_free(&e->reach);
	msg_channel_free(e->net);
	msg_channel_free(e->priv);
	model_free(e->model);
	event_free(e->tick);
	event_free(e->update);
	free(e->reload_opened);
	free(e->reload_error);
	free(e->notify_error);
	free(e);
}
