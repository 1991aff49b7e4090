/*
 * The methods of the control protocol: one row each, with who may call it.
 * A method answers at once, or hands its call to what it started.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine.h"
#include "json_text.h"
#include "text.h"
#include "xmalloc.h"

enum { PARAM_SIZE = 512, PORT_DEFAULT = 443 };

/* A listing older than this is asked for anew before it is shown. */
static const uint64_t rules_age = 1000000;

struct method {
	const char	*name;
	bool		 operator;	/* only for those who may act */
	void		(*run)(struct engine *, struct control_call *, const json_t *params);
};

/* ---- parameters ---- */

/* A string of at most PARAM_SIZE bytes; NULL if it is absent or null. */
static char *
param_string(const json_t *params, const char *key, const char **value)
{
	const json_t *j = json_object_get(params, key);

	*value = NULL;
	if (j == NULL || json_is_null(j))
		return NULL;
	if (!json_is_string(j))
		return xasprintf("\"%s\" must be a string", key);
	if (json_string_length(j) > PARAM_SIZE)
		return xasprintf("\"%s\" is longer than %d bytes", key, PARAM_SIZE);
	*value = json_string_value(j);
	return NULL;
}

static char *
param_needed(const json_t *params, const char *key, const char **value)
{
	char *cause = param_string(params, key, value);

	if (cause == NULL && (*value == NULL || **value == '\0'))
		cause = xasprintf("\"%s\" is missing", key);
	return cause;
}

static void
bad_params(struct control_call *call, char *cause)
{
	control_fail(call, CONTROL_BAD_PARAMS, cause);
}

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

static void
method_vms(struct engine *e, struct control_call *call, const json_t *params)
{
	method_view(e, call, params, VIEW_VMS);
}

static void
method_domains(struct engine *e, struct control_call *call, const json_t *params)
{
	method_view(e, call, params, VIEW_DOMAINS);
}

static void
method_entries(struct engine *e, struct control_call *call, const json_t *params)
{
	method_view(e, call, params, VIEW_ENTRIES);
}

static void
method_drops(struct engine *e, struct control_call *call, const json_t *params)
{
	method_view(e, call, params, VIEW_DROPS);
}

static void
method_events(struct engine *e, struct control_call *call, const json_t *params)
{
	method_view(e, call, params, VIEW_EVENTS);
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
	guests_freeze(e, g, on, call);
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

/* ---- the proxy and the allowlist ---- */

static void
method_proxy(struct engine *e, struct control_call *call, const json_t *params)
{
	const char *action;
	char *cause = param_needed(params, "action", &action);
	char who[WHO_SIZE];
	bool run;

	if (cause == NULL && strcmp(action, "start") != 0 && strcmp(action, "stop") != 0)
		cause = xasprintf("the proxy cannot \"%.32s\"; it can start and stop", action);
	if (cause != NULL) {
		bad_params(call, cause);
		return;
	}
	run = strcmp(action, "start") == 0;
	if (run != e->proxy_wanted)
		event_note(e, EVENT_PROXY, EVENT_NOTICE, "", "%s %s the proxy",
		    who_name(call->peer.uid, who), run ? "started" : "stopped");
	engine_proxy(e, run, call);
}

/* TEXT [vm=GLOB] [until=TIME], as the file would have it. */
static char *
entry_compose(const json_t *params, char **entry)
{
	const char *text, *vm, *duration;
	uint64_t seconds = 0;
	char until[32] = "", *cause;

	if ((cause = param_needed(params, "text", &text)) != NULL ||
	    (cause = param_string(params, "vm", &vm)) != NULL ||
	    (cause = param_string(params, "for", &duration)) != NULL)
		return cause;
	if (duration != NULL && !text_duration(duration, &seconds))
		return xasprintf("\"%.32s\" is no duration: write 90s, 30m, 2h or 7d", duration);
	if (vm != NULL && (*vm == '\0' || strpbrk(vm, " \t\r\n#") != NULL))
		return xstrdup("\"vm\" must be a name or a glob without spaces");
	if (strpbrk(text, "\r\n") != NULL)
		return xstrdup("\"text\" must be one line");
	if (seconds != 0)
		text_time_format(until, (int64_t)time(NULL) + (int64_t)seconds);
	*entry = xasprintf("%s%s%s%s%s", text, vm != NULL ? " vm=" : "", vm != NULL ? vm : "",
	    until[0] != '\0' ? " until=" : "", until);
	return NULL;
}

static json_t *
entry_json(struct engine *e, const struct allow_entry *entry)
{
	char *text = allow_entry_text(entry), *explain = allow_entry_explain(entry);
	char *warning = allowlist_warning(e->policy.list, entry);
	json_t *j = json_pack("{s:I, s:I, s:o, s:o, s:s, s:o}", "id", (json_int_t)entry->id,
	    "line", (json_int_t)entry->line, "text", json_plain(text), "explain",
	    json_plain(explain), "state", entry_state_name(entry->state), "warning",
	    json_plain_or_null(warning));

	free(text);
	free(explain);
	free(warning);
	return j;
}

static void
method_entry_add(struct engine *e, struct control_call *call, const json_t *params)
{
	struct allow_entry entry;
	char *text = NULL, *cause = entry_compose(params, &text);

	if (cause != NULL)
		bad_params(call, cause);
	else if ((cause = policy_add(e, call->peer.uid, text, &entry)) != NULL)
		control_fail(call, CONTROL_FAILED, cause);
	else
		control_reply(call, entry_json(e, &entry));
	free(text);
}

/* "entry" as an id (a number, or digits) or as the entry's text. */
static char *
param_entry(const json_t *params, char **named)
{
	const json_t *j = json_object_get(params, "entry");
	const char *text;
	char *cause;

	if (json_is_integer(j)) {
		if (json_integer_value(j) < 1 || json_integer_value(j) > UINT32_MAX)
			return xstrdup("\"entry\" is no entry's id");
		*named = xasprintf("%u", (unsigned)json_integer_value(j));
		return NULL;
	}
	if ((cause = param_needed(params, "entry", &text)) == NULL)
		*named = xstrdup(text);
	return cause;
}

static void
method_entry_set(struct engine *e, struct control_call *call, const json_t *params)
{
	struct allow_entry entry;
	const char *state;
	char *named = NULL, *cause = param_entry(params, &named);

	if (cause == NULL)
		cause = param_needed(params, "state", &state);
	if (cause == NULL && strcmp(state, "on") != 0 && strcmp(state, "off") != 0)
		cause = xstrdup("\"state\" must be \"on\" or \"off\"");
	if (cause != NULL)
		bad_params(call, cause);
	else if ((cause = policy_set(e, call->peer.uid, named, strcmp(state, "on") == 0,
	    &entry)) != NULL)
		control_fail(call, CONTROL_FAILED, cause);
	else
		control_reply(call, entry_json(e, &entry));
	free(named);
}

static void
method_entry_remove(struct engine *e, struct control_call *call, const json_t *params)
{
	struct allow_entry entry;
	char *named = NULL, *cause = param_entry(params, &named), *text;

	if (cause != NULL)
		bad_params(call, cause);
	else if ((cause = policy_remove(e, call->peer.uid, named, &entry)) != NULL)
		control_fail(call, CONTROL_FAILED, cause);
	else {
		text = allow_entry_text(&entry);
		control_reply(call, json_pack("{s:o}", "removed", json_plain(text)));
		free(text);
	}
	free(named);
}

static void
method_entry_undo(struct engine *e, struct control_call *call, const json_t *params)
{
	char *what = NULL, *cause = policy_undo(e, call->peer.uid, &what);

	if (cause != NULL)
		control_fail(call, CONTROL_FAILED, cause);
	else
		control_reply(call, json_pack("{s:o}", "undone", json_plain(what)));
	free(what);
}

/* ---- explaining ---- */

static void
set_entry(struct engine *e, json_t *j, uint32_t id)
{
	struct allow_entry entry;

	if (id != 0 && allowlist_find(e->policy.list, id, &entry)) {
		char *text = allow_entry_text(&entry);

		json_object_set_new(j, "entry", json_plain(text));
		json_object_set_new(j, "entry_id", json_integer(entry.id));
		json_object_set_new(j, "line", json_integer(entry.line));
		free(text);
		return;
	}
	json_object_set_new(j, "entry", json_null());
	json_object_set_new(j, "entry_id", json_null());
	json_object_set_new(j, "line", json_null());
}

/* What net would say, found the way net finds it. */
static struct allow_answer
check_answer(struct engine *e, const char *host, uint16_t port, const char *vm,
    char name[GH_NAME_SIZE], const char **detail)
{
	struct allow_answer answer = { .verdict = VERDICT_DENY };
	const struct guest *g = inventory_by_name(e->inventory, vm);
	struct addr literal;

	*detail = allow_name_canonical(name, host, strlen(host), true);
	if (e->frozen_all || (g != NULL && guest_frozen(e, g)))
		answer.reason = REASON_FROZEN;
	else if (addr_parse(host, &literal))
		answer.reason = REASON_IP_LITERAL;
	else if (*detail != NULL)
		answer.reason = REASON_BAD_NAME;
	else
		answer = allow_lookup(e->policy.image, name, strlen(name), port, vm,
		    (int64_t)time(NULL));
	if (*detail != NULL)
		name[0] = '\0';
	return answer;
}

static void
method_check(struct engine *e, struct control_call *call, const json_t *params)
{
	const json_t *port = json_object_get(params, "port");
	const char *host, *vm, *detail;
	char name[GH_NAME_SIZE], *cause;
	struct allow_answer answer;
	uint16_t number = PORT_DEFAULT;
	json_t *result;

	if ((cause = param_needed(params, "host", &host)) == NULL)
		cause = param_string(params, "vm", &vm);
	if (cause == NULL && port != NULL && !json_is_null(port)) {
		if (!json_is_integer(port) || json_integer_value(port) < 1 ||
		    json_integer_value(port) > UINT16_MAX)
			cause = xstrdup("\"port\" must be a number from 1 to 65535");
		else
			number = (uint16_t)json_integer_value(port);
	}
	if (cause != NULL) {
		bad_params(call, cause);
		return;
	}
	if (vm == NULL)
		vm = "";
	answer = check_answer(e, host, number, vm, name, &detail);
	result = json_pack("{s:s, s:s, s:s, s:o, s:o, s:i, s:o}",
	    "verdict", verdict_name(answer.verdict), "reason", reason_name(answer.reason),
	    "advice", reason_advice(answer.reason), "detail", json_plain_or_null(detail),
	    "name", json_plain_or_null(name), "port", number,
	    "vm_known", *vm == '\0' ? json_null() :
	    json_boolean(inventory_by_name(e->inventory, vm) != NULL));
	set_entry(e, result, answer.entry);
	control_reply(call, result);
}

static json_t *
addr_or_null(const struct addr *a)
{
	char text[ADDR_TEXT_SIZE];

	return a->family != 0 ? json_string(addr_format(a, text)) : json_null();
}

static const char *
tls_name(uint16_t version)
{
	switch (version) {
	case 0x0300: return "SSL 3.0";
	case 0x0301: return "TLS 1.0";
	case 0x0302: return "TLS 1.1";
	case 0x0303: return "TLS 1.2";
	case 0x0304: return "TLS 1.3";
	default: return "unknown";
	}
}

static json_t *
hit_json(const struct hit_record *r)
{
	const struct hit *h = &r->hit;

	return json_pack("{s:o, s:o, s:o, s:o, s:s, s:s, s:s, s:s, s:o, s:i, s:o, s:o, s:o, s:b, s:I, "
	    "s:I, s:b}",
	    "id", json_hit_id(h->id), "time", json_time(h->time), "guest", json_guest(r->guest),
	    "name", json_guest(h->name), "via", via_name(h->via),
	    "verdict", verdict_name(h->verdict), "reason", reason_name(h->reason),
	    "advice", reason_advice(h->reason), "wanted", addr_or_null(&h->wanted),
	    "port", h->port, "dialled", addr_or_null(&h->dialled),
	    "tls_version", h->tls_version != 0 ? json_string(tls_name(h->tls_version)) : json_null(),
	    "alpn", h->alpn[0] != '\0' ? json_guest(h->alpn) : json_null(), "ech", h->ech,
	    "bytes_up", (json_int_t)r->bytes_up, "bytes_down", (json_int_t)r->bytes_down,
	    "open", r->open);
}

static void
method_why(struct engine *e, struct control_call *call, const json_t *params)
{
	const struct hit_record *r;
	const char *text;
	char *cause = param_needed(params, "id", &text);
	uint64_t id = 0;
	json_t *result;

	if (cause == NULL && !hit_id_parse(text, &id))
		cause = xasprintf("\"%.32s\" is no id: it is two numbers, as in 3-1042, and stands in "
		    "the page the guest saw, in \"gatehouse events\" and in the log", text);
	if (cause != NULL) {
		bad_params(call, cause);
		return;
	}
	if ((r = model_find_hit(e->model, id)) == NULL) {
		control_fail(call, CONTROL_FAILED, xasprintf("nothing is remembered about %.32s: only "
		    "the latest %u decisions are kept, and none from before the daemon started", text,
		    (unsigned)model_limits_default.hits));
		return;
	}
	result = hit_json(r);
	set_entry(e, result, r->hit.entry);
	control_reply(call, result);
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
	else
		e->reload_call = call;
}

static void
method_shutdown(struct engine *e, struct control_call *call, const json_t *params)
{
	static const struct msg_empty nothing;

	if (e->priv == NULL || !msg_send(e->priv, FRAME_SHUTDOWN, &nothing, -1))
		fw_busy(call);
	else
		control_reply(call, json_object());
}

static const struct method method_table[] = {
	{ "hello", false, method_hello },
	{ "status", false, method_status },
	{ "vms", false, method_vms },
	{ "rules", false, method_rules },
	{ "domains", false, method_domains },
	{ "entries", false, method_entries },
	{ "drops", false, method_drops },
	{ "events", false, method_events },
	{ "subscribe", false, method_subscribe },
	{ "check", false, method_check },
	{ "why", false, method_why },
	{ "apply", true, method_apply },
	{ "flush", true, method_flush },
	{ "freeze", true, method_freeze },
	{ "thaw", true, method_thaw },
	{ "proxy", true, method_proxy },
	{ "entry.add", true, method_entry_add },
	{ "entry.set", true, method_entry_set },
	{ "entry.remove", true, method_entry_remove },
	{ "entry.undo", true, method_entry_undo },
	{ "reload", true, method_reload },
	{ "shutdown", true, method_shutdown },
};

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
			m->run(e, call, params);
		return;
	}
	control_fail(call, CONTROL_NO_METHOD, xasprintf("there is no method \"%s\"", name));
}
