/*
 * The methods of the control protocol: one row each, with who may call it.
 * A method answers at once, or hands its call to what it started.  One that edits
 * the allowlist waits while its file is read, and comes after what was changed there.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "json_text.h"
#include "methods.h"
#include "text.h"
#include "xmalloc.h"

/* A listing older than this is asked for anew before it is shown. */
static const uint64_t rules_age = 1000000;

struct method {
	const char	*name;
	bool		 operator;	/* only for those who may act */
	/* NULL: it answers with a window of this view */
	void		(*run)(struct engine *, struct control_call *, const json_t *params);
	enum view	 view;
	bool		 edits;		/* the allowlist */
};

/* A request that waits until the allowlist is read.  Whoever sends many is not read
 * any more, see control.c. */
struct waiting {
	struct waiting		*next;
	const struct method	*method;
	struct control_call	*call;
	json_t			*params;
};

/* ---- looking ---- */

static void
method_hello(struct engine *e, struct control_call *call, const json_t *params)
{
	control_reply(call, json_pack("{s:s, s:i, s:b, s:o}", "version", PACKAGE_VERSION, "protocol",
	    CONTROL_PROTOCOL, "operator", call->peer.operator, "host", json_plain(e->host)));
}

static void
method_status(struct engine *e, struct control_call *call, const json_t *params)
{
	alerts_update(e);
	control_reply(call, status_json(e));
}

static void
method_view(struct engine *e, struct control_call *call, const json_t *params, enum view v)
{
	struct window w;
	char *cause = window_parse(v, params, &w);

	if (cause != NULL)
		bad_params(call, cause);
	else
		control_reply(call, window_rows(e, v, &w));
}

/* Answers with the listing that was asked for, or the former one. */
static void
rules_fresh(struct engine *e, struct fw_pending *p, const char *cause)
{
	struct window *w = p->arg;

	rules_listed(e, p, cause);
	control_reply(p->call, window_rows(e, VIEW_RULES, w));
	free(w);
}

static void
method_rules(struct engine *e, struct control_call *call, const json_t *params)
{
	struct msg_fw_request m = { .verb = FW_LIST };
	struct window *w = xcalloc(1, sizeof(*w));
	char *cause = window_parse(VIEW_RULES, params, w);

	if (cause != NULL)
		bad_params(call, cause);
	else if (now_mono() - e->rules_time > rules_age &&
	    rules_request(e, &m, rules_fresh, call, w))
		return;
	else
		control_reply(call, window_rows(e, VIEW_RULES, w));
	free(w);
}

static void
method_subscribe(struct engine *e, struct control_call *call, const json_t *params)
{
	const json_t *views = json_object_get(params, "views");
	json_t *none = json_object();
	char *cause;

	if (views != NULL && !json_is_object(views))
		cause = xstrdup("\"views\" must be an object of views and their windows");
	else
		cause = subscribe(e, call->peer.client, views != NULL ? views : none);
	json_decref(none);
	if (cause != NULL)
		bad_params(call, cause);
	else
		control_reply(call, json_object());
}

static void
method_capture(struct engine *e, struct control_call *call, const json_t *params)
{
	const json_t *on = json_object_get(params, "on");
	uint64_t packets, missed;
	char *cause;

	if (on != NULL && !json_is_boolean(on)) {
		bad_params(call, xstrdup("\"on\" must be true or false"));
		return;
	}
	if (json_is_false(on)) {
		tee_end(e, call->peer.client, &packets, &missed);
		control_reply(call, json_pack("{s:I, s:I}", "packets", (json_int_t)packets,
		    "missed", (json_int_t)missed));
	} else if ((cause = tee_begin(e, call->peer.client)) != NULL)
		control_fail(call, CONTROL_FAILED, cause);
	else
		control_reply(call, json_object());
}

/* ---- the firewall ---- */

static void
fw_busy(struct control_call *call)
{
	control_fail(call, CONTROL_BUSY,
	    xstrdup("too many requests wait for the firewall; try again in a moment"));
}

static void
apply_done(struct engine *e, struct fw_pending *p, const char *cause)
{
	char who[WHO_SIZE];

	if (cause != NULL) {
		control_fail(p->call, CONTROL_FAILED, xasprintf("cannot apply %s: %s",
		    profile_name(p->profile), cause));
		return;
	}
	event_note(e, EVENT_RULES, EVENT_NOTICE, "", "%s applied %s", who_name(p->call->peer.uid, who),
	    profile_name(p->profile));
	e->life_told = life_resting(e);
	control_reply(p->call, json_pack("{s:s}", "profile", profile_name(p->profile)));
	rules_poll(e, 0);
}

/* Lines that begin with + or -, but not the two that name the sides. */
static json_int_t
diff_changes(const char *diff)
{
	json_int_t n = 0;

	for (const char *p = diff; *p != '\0'; p++) {
		if ((*p == '+' || *p == '-') && strncmp(p, "+++", 3) != 0 && strncmp(p, "---", 3) != 0)
			n++;
		if ((p = strchr(p, '\n')) == NULL)
			break;
	}
	return n;
}

static void
diff_done(struct engine *e, struct fw_pending *p, const char *cause)
{
	const char *diff = p->text != NULL ? p->text : "";

	if (cause != NULL)
		control_fail(p->call, CONTROL_FAILED, xasprintf("cannot compare with %s: %s",
		    profile_name(p->profile), cause));
	else
		control_reply(p->call, json_pack("{s:s, s:o, s:I}", "profile",
		    profile_name(p->profile), "diff", json_plain(diff), "changes", diff_changes(diff)));
}

static void
method_apply(struct engine *e, struct control_call *call, const json_t *params)
{
	const json_t *dry = json_object_get(params, "dry_run");
	struct msg_fw_request m = { .verb = FW_APPLY };
	enum profile profile = e->fw.profile != PROFILE_NONE ? (enum profile)e->fw.profile :
	    (enum profile)e->conf.profile;
	const char *name;
	char *cause = param_string(params, "profile", &name);

	if (cause == NULL && dry != NULL && !json_is_boolean(dry))
		cause = xstrdup("\"dry_run\" must be true or false");
	if (cause == NULL && name != NULL &&
	    (!profile_parse(name, &profile) || profile == PROFILE_NONE))
		cause = xasprintf("there is no profile \"%.32s\"; there is: filtered, lockdown, observe",
		    name);
	if (cause != NULL) {
		bad_params(call, cause);
		return;
	}
	m.profile = profile != PROFILE_NONE ? profile : PROFILE_FILTERED;
	if (json_is_true(dry))
		m.verb = FW_DIFF;
	if (!rules_request(e, &m, json_is_true(dry) ? diff_done : apply_done, call, NULL))
		fw_busy(call);
}

static void
flush_done(struct engine *e, struct fw_pending *p, const char *cause)
{
	char who[WHO_SIZE];

	if (cause != NULL) {
		control_fail(p->call, CONTROL_FAILED, xasprintf("cannot flush: %s", cause));
		return;
	}
	event_note(e, EVENT_RULES, EVENT_NOTICE, "", "%s flushed the rules: guests are open",
	    who_name(p->call->peer.uid, who));
	control_reply(p->call, json_pack("{s:s}", "profile", profile_name(PROFILE_NONE)));
	rules_poll(e, 0);
}

static void
method_flush(struct engine *e, struct control_call *call, const json_t *params)
{
	struct msg_fw_request m = { .verb = FW_FLUSH };

	if (!rules_request(e, &m, flush_done, call, NULL))
		fw_busy(call);
}

static void
method_freezing(struct engine *e, struct control_call *call, const json_t *params, bool on)
{
	const struct guest *g = NULL;
	const char *name;
	char *cause = param_string(params, "vm", &name);

	if (cause != NULL) {
		bad_params(call, cause);
		return;
	}
	if (name != NULL && (cause = guest_named(e, name, &g)) != NULL) {
		control_fail(call, CONTROL_FAILED, cause);
		return;
	}
	freeze_guests(e, g, on, call);
}

static void
method_act(struct engine *e, struct control_call *call, const json_t *params, bool start)
{
	const struct guest *g = NULL;
	const char *name;
	char *cause = param_needed(params, "vm", &name);

	if (cause != NULL) {
		bad_params(call, cause);
		return;
	}
	if ((cause = guest_named(e, name, &g)) != NULL) {
		control_fail(call, CONTROL_FAILED, cause);
		return;
	}
	act_guest(e, g, start ? ACT_START : ACT_STOP, call);
}

static void
method_start(struct engine *e, struct control_call *call, const json_t *params)
{
	method_act(e, call, params, true);
}

static void
method_stop(struct engine *e, struct control_call *call, const json_t *params)
{
	method_act(e, call, params, false);
}

static void
method_freeze(struct engine *e, struct control_call *call, const json_t *params)
{
	method_freezing(e, call, params, true);
}

static void
method_thaw(struct engine *e, struct control_call *call, const json_t *params)
{
	method_freezing(e, call, params, false);
}

/* ---- the proxy ---- */

static void
proxy_run(struct engine *e, struct control_call *call, bool run)
{
	char who[WHO_SIZE];

	if (run != e->proxy_wanted)
		event_note(e, EVENT_PROXY, EVENT_NOTICE, "", "%s %s the proxy",
		    who_name(call->peer.uid, who), run ? "started" : "stopped");
	/* Whoever starts it again need not know that it was learning. */
	if (!run)
		learn_end(e, "the proxy was stopped");
	engine_proxy(e, run, call);
}

static void
proxy_act(struct engine *e, struct control_call *call, enum proxy_goal goal, uint64_t seconds)
{
	char who[WHO_SIZE], why[WHO_SIZE + 16];

	if (goal == PROXY_START || goal == PROXY_STOP) {
		proxy_run(e, call, goal == PROXY_START);
		return;
	}
	if (goal == PROXY_LEARN && !e->proxy_wanted) {
		control_fail(call, CONTROL_FAILED, xstrdup("the proxy is stopped, so that there is "
		    "nothing to learn: \"gatehouse proxy start\" first"));
		return;
	}
	if (goal == PROXY_LEARN)
		learn_begin(e, call->peer.uid, seconds);
	else {
		snprintf(why, sizeof(why), "%s said so", who_name(call->peer.uid, who));
		learn_end(e, why);
	}
	engine_proxy_wait(e, goal, call);
}

static void
method_proxy(struct engine *e, struct control_call *call, const json_t *params)
{
	static const char *const actions[] = {
		[PROXY_START] = "start", [PROXY_STOP] = "stop",
		[PROXY_LEARN] = "learn", [PROXY_ENFORCE] = "enforce",
	};
	const size_t nactions = sizeof(actions) / sizeof(actions[0]);
	const char *action, *duration;
	char *cause = param_needed(params, "action", &action);
	uint64_t seconds = 0;
	size_t goal = 0;

	if (cause == NULL)
		cause = param_string(params, "for", &duration);
	while (cause == NULL && goal < nactions && strcmp(actions[goal], action) != 0)
		goal++;
	if (goal == nactions)
		cause = xasprintf("the proxy cannot \"%.32s\"; it can start, stop, learn and enforce",
		    action);
	else if (cause == NULL && duration != NULL && goal != PROXY_LEARN)
		cause = xasprintf("\"for\" goes with learn, not with %s", action);
	else if (cause == NULL && duration != NULL && !text_duration(duration, &seconds))
		cause = xasprintf("\"%.32s\" is no duration: write 90s, 30m, 2h or 7d, of a year at most", duration);
	if (cause != NULL)
		bad_params(call, cause);
	else
		proxy_act(e, call, (enum proxy_goal)goal, seconds);
}

/* ---- the daemon ---- */

static void
method_reload(struct engine *e, struct control_call *call, const json_t *params)
{
	static const struct msg_empty nothing;

	if (e->reload_call != NULL || e->priv == NULL)
		control_fail(call, CONTROL_BUSY, xstrdup("a reload is under way already"));
	else if (!msg_send(e->priv, FRAME_RELOAD, &nothing, -1))
		fw_busy(call);
	else {
		e->reload_call = call;
		e->reload_told = false;
	}
}

/* Once priv has taken the configuration up, and the engine the allowlist. */
static void
reload_answer(struct engine *e)
{
	struct control_call *call = e->reload_call;

	if (call == NULL || !e->reload_told)
		return;
	e->reload_call = NULL;
	if (e->reload_error != NULL)
		control_fail(call, CONTROL_FAILED, xasprintf("nothing was changed: %s",
		    e->reload_error));
	else if (e->policy.error != NULL)
		control_fail(call, CONTROL_FAILED, xasprintf("the configuration was taken up, but not "
		    "the allowlist: %s", e->policy.error));
	else
		control_reply(call, json_pack("{s:o}", "warning", json_plain_or_null(e->reload_opened)));
}

static void
method_shutdown(struct engine *e, struct control_call *call, const json_t *params)
{
	static const struct msg_empty nothing;

	if (e->priv == NULL || !msg_send(e->priv, FRAME_SHUTDOWN, &nothing, -1))
		fw_busy(call);
	else
		control_reply(call, json_pack("{s:b}", "rules", strcmp(status_firewall(e), "open") != 0));
}

static const struct method method_table[] = {
	{ "hello", false, method_hello },
	{ "status", false, method_status },
	{ "vms", false, NULL, VIEW_VMS },
	{ "rules", false, method_rules },
	{ "domains", false, NULL, VIEW_DOMAINS },
	{ "entries", false, NULL, VIEW_ENTRIES },
	{ "drops", false, NULL, VIEW_DROPS },
	{ "events", false, NULL, VIEW_EVENTS },
	{ "subscribe", false, method_subscribe },
	{ "check", false, method_check },
	{ "why", false, method_why },
	{ "doctor", true, method_doctor },
	{ "drops.capture", true, method_capture },
	{ "apply", true, method_apply },
	{ "flush", true, method_flush },
	{ "freeze", true, method_freeze },
	{ "thaw", true, method_thaw },
	{ "guest.start", true, method_start },
	{ "guest.stop", true, method_stop },
	{ "proxy", true, method_proxy },
	{ "entry.add", true, method_entry_add, .edits = true },
	{ "entry.set", true, method_entry_set, .edits = true },
	{ "entry.remove", true, method_entry_remove, .edits = true },
	{ "entry.undo", true, method_entry_undo, .edits = true },
	{ "entry.learned", false, method_entry_learned },
	{ "entry.accept", true, method_entry_accept, .edits = true },
	{ "reload", true, method_reload },
	{ "shutdown", true, method_shutdown },
};

static void
wait_for_allowlist(struct engine *e, const struct method *m, struct control_call *call,
    const json_t *params)
{
	struct waiting **last = &e->waiting, *w = xcalloc(1, sizeof(*w));

	w->method = m;
	w->call = call;
	w->params = json_deep_copy(params);
	while (*last != NULL)
		last = &(*last)->next;
	*last = w;
}

/* Edits do not look at the file again: one that changes all the time would have them
 * wait for ever.  What was changed since is seen when they save. */
void
methods_allowlist_read(struct engine *e)
{
	struct waiting *w;

	reload_answer(e);
	while ((w = e->waiting) != NULL && e->policy.load == NULL) {
		e->waiting = w->next;
		w->method->run(e, w->call, w->params);
		json_decref(w->params);
		free(w);
	}
}

void
methods_free(struct engine *e)
{
	struct waiting *w;

	while ((w = e->waiting) != NULL) {
		e->waiting = w->next;
		control_fail(w->call, CONTROL_FAILED, xstrdup("the daemon is ending"));
		json_decref(w->params);
		free(w);
	}
}

static void
method_run(struct engine *e, const struct method *m, struct control_call *call,
    const json_t *params)
{
	if (m->edits) {
		policy_poll(e);
		if (e->policy.load != NULL) {
			wait_for_allowlist(e, m, call, params);
			return;
		}
	}
	if (m->run != NULL)
		m->run(e, call, params);
	else
		method_view(e, call, params, m->view);
}

void
methods_request(struct control_call *call, const char *name, const json_t *params, void *arg)
{
	struct engine *e = arg;

	for (size_t i = 0; i < sizeof(method_table) / sizeof(method_table[0]); i++) {
		const struct method *m = &method_table[i];

		if (strcmp(m->name, name) != 0)
			continue;
		if (m->operator && !call->peer.operator)
			control_fail(call, CONTROL_NOT_PERMITTED, xasprintf("user %u may watch but not "
			    "act: become root or a member of group %s to use %s",
			    (unsigned)call->peer.uid, e->conf.group, name));
		else
			method_run(e, m, call, params);
		return;
	}
	control_fail(call, CONTROL_NO_METHOD, xasprintf("there is no method \"%s\"", name));
}
