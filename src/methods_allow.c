/* Methods about the allowlist: editing it, and explaining what it decides. */
#include "config.h"

#include <netinet/in.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host.h"
#include "inventory/guard.h"
#include "json_text.h"
#include "methods.h"
#include "text.h"
#include "xmalloc.h"

enum { PORT_DEFAULT = 443 };

/* ---- parameters ---- */

char *
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

char *
param_needed(const json_t *params, const char *key, const char **value)
{
	char *cause = param_string(params, key, value);

	if (cause == NULL && (*value == NULL || **value == '\0'))
		cause = xasprintf("\"%s\" is missing", key);
	return cause;
}

char *
param_vm(const json_t *params, const char **vm)
{
	char *cause = param_string(params, "vm", vm);

	if (cause == NULL && *vm != NULL && (**vm == '\0' || strpbrk(*vm, " \t\r\n#") != NULL))
		cause = xstrdup("\"vm\" must be a name or a glob without spaces");
	return cause;
}

void
bad_params(struct control_call *call, char *cause)
{
	control_fail(call, CONTROL_BAD_PARAMS, cause);
}

/* ---- editing ---- */

/* TEXT [vm=GLOB] [until=TIME], as the file would have it. */
static char *
entry_compose(const json_t *params, char **entry)
{
	const char *text, *vm, *duration;
	uint64_t seconds = 0;
	char until[32] = "", *cause;

	if ((cause = param_needed(params, "text", &text)) != NULL ||
	    (cause = param_vm(params, &vm)) != NULL ||
	    (cause = param_string(params, "for", &duration)) != NULL)
		return cause;
	if (duration != NULL && !text_duration(duration, &seconds))
		return xasprintf("\"%.32s\" is no duration: write 90s, 30m, 2h or 7d, of a year at most", duration);
	if (strpbrk(text, "\r\n") != NULL)
		return xstrdup("\"text\" must be one line");
	/* The file knows whole seconds: no sooner than asked for. */
	if (seconds != 0)
		text_time_format(until, (int64_t)((now_wall() + 999999) / 1000000 + seconds));
	*entry = xasprintf("%s%s%s%s%s", text, vm != NULL ? " vm=" : "", vm != NULL ? vm : "",
	    until[0] != '\0' ? " until=" : "", until);
	return NULL;
}

/* What is fit for a guest's name matches none: a slip, or for one that is to come. */
static char *
nobody_warning(const struct engine *e, const struct allow_entry *entry)
{
	bool own = false;

	if (entry->vm[0] == '\0')
		return NULL;
	for (size_t i = 0; i < inventory_count(e->inventory); i++) {
		const struct guest *g = inventory_guest(e->inventory, i);

		if (!text_glob(entry->vm, g->name))
			continue;
		if (!g->own_name)
			return NULL;
		own = true;
	}
	if (own)
		return xasprintf("who is called %s is so by its own word alone, which vm= does not go by where "
		    "VM managers tell of a bridge's guests: the entry is for nobody now", entry->vm);
	return xasprintf("no guest that is known now is called %s; * and ? stand for other letters",
	    entry->vm);
}

/* What an entry alone does not open. */
static char *
own_warning(const struct engine *e, const struct allow_entry *entry)
{
	const unsigned all = entry->prefix.family == 4 ? 32 : 128;

	if (entry->kind != ALLOW_PREFIX || entry->deny || entry->prefix_bits != all ||
	    !reach_is_barred(&e->reach, &entry->prefix))
		return NULL;
	return xstrdup("that is this host, or a guest of its own, to which no entry opens the way: "
	    "the proxy goes there if \"reach\" in [proxy] lists the address");
}

static json_t *
entry_json(const struct engine *e, const struct allowlist *list, const struct allow_entry *entry)
{
	char *text = allow_entry_text(entry), *explain = allowlist_explain(list, entry);
	char *warning = allowlist_warning(list, entry), *note = allowlist_note(list, entry);

	if (warning == NULL)
		warning = nobody_warning(e, entry);
	if (warning == NULL)
		warning = own_warning(e, entry);

	json_t *j = json_pack("{s:I, s:I, s:o, s:o, s:s, s:o, s:o}", "id", (json_int_t)entry->id,
	    "line", (json_int_t)entry->line, "text", json_plain(text), "explain",
	    json_plain(explain), "state", entry_state_name(entry->state), "warning",
	    json_plain_or_null(warning), "note", json_plain_or_null(note));

	free(text);
	free(explain);
	free(warning);
	free(note);
	return j;
}

/* With dry_run: what it would mean and what warns of it, before it is in force. */
void
method_entry_add(struct engine *e, struct control_call *call, const json_t *params)
{
	const json_t *dry = json_object_get(params, "dry_run");
	struct allow_entry entry;
	struct allowlist *copy;
	char *text = NULL, *cause = entry_compose(params, &text);

	if (cause == NULL && dry != NULL && !json_is_boolean(dry))
		cause = xstrdup("\"dry_run\" must be true or false");
	if (cause != NULL)
		bad_params(call, cause);
	else if (json_is_true(dry)) {
		if ((copy = policy_try(e, text, &entry, &cause)) == NULL)
			control_fail(call, CONTROL_FAILED, cause);
		else
			control_reply(call, entry_json(e, copy, &entry));
		allowlist_free(copy);
	} else if ((cause = policy_add(e, call->peer.uid, text, &entry)) != NULL)
		control_fail(call, CONTROL_FAILED, cause);
	else
		control_reply(call, entry_json(e, e->policy.list, &entry));
	free(text);
}

/* "entry" as an id (a number) or as allowlist_named() takes it. */
static char *
param_entry(const json_t *params, char **named)
{
	const json_t *j = json_object_get(params, "entry");
	const char *text;
	char *cause;

	if (json_is_integer(j)) {
		if (json_integer_value(j) < 1 || json_integer_value(j) > UINT32_MAX)
			return xstrdup("\"entry\" is no entry's id");
		*named = xasprintf("id=%u", (unsigned)json_integer_value(j));
		return NULL;
	}
	if ((cause = param_needed(params, "entry", &text)) == NULL)
		*named = xstrdup(text);
	return cause;
}

void
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
		control_reply(call, entry_json(e, e->policy.list, &entry));
	free(named);
}

void
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

void
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

/* Which line of a preset speaks for the name, if a preset's entry decided. */
static json_t *
preset_json(struct engine *e, const struct allow_entry *entry, const char *name, uint16_t port)
{
	struct allow_entry inner;
	const char *file;
	char *text;
	json_t *j;

	file = allowlist_preset_line(e->policy.list, entry, name, port, &inner);
	if (file == NULL)
		return json_null();
	text = allow_entry_text(&inner);
	j = json_pack("{s:o, s:o, s:I, s:o}", "name", json_plain(entry->name), "file",
	    json_plain(file), "line", (json_int_t)inner.line, "text", json_plain(text));
	free(text);
	return j;
}

static void
set_entry(struct engine *e, json_t *j, uint32_t id, const char *name, uint16_t port)
{
	struct allow_entry entry;

	if (id != 0 && allowlist_find(e->policy.list, id, &entry)) {
		char *text = allow_entry_text(&entry);

		json_object_set_new(j, "entry", json_plain(text));
		json_object_set_new(j, "entry_id", json_integer(entry.id));
		json_object_set_new(j, "line", json_integer(entry.line));
		json_object_set_new(j, "file", json_plain(e->conf.allowlist));
		json_object_set_new(j, "preset", preset_json(e, &entry, name, port));
		free(text);
		return;
	}
	json_object_set_new(j, "entry", json_null());
	json_object_set_new(j, "entry_id", json_null());
	json_object_set_new(j, "line", json_null());
	json_object_set_new(j, "file", json_null());
	json_object_set_new(j, "preset", json_null());
}

/* The command that lets through what was refused, if one alone does: into the object. */
static void
set_command(struct engine *e, json_t *j, enum verdict verdict, enum reason reason, uint32_t entry, const char *name,
    uint16_t port)
{
	const bool web = port == 0 || port == 80 || port == 443, six = strchr(name, ':') != NULL;
	struct allow_entry is;
	char *command = NULL;

	if (verdict == VERDICT_ALLOW || name[0] == '\0')
		;
	else if (reason == REASON_NOT_LISTED && web)
		command = xasprintf("gatehouse allow %s", name);
	else if (reason == REASON_NOT_LISTED || reason == REASON_PORT ||
	    (reason == REASON_IP_LITERAL && allow_name_is_address(name, strlen(name))))
		command = xasprintf("gatehouse allow %s%s%s:%u", six ? "[" : "", name, six ? "]" : "",
		    port);
	else if (reason == REASON_DISABLED && allowlist_find(e->policy.list, entry, &is))
		command = xasprintf("gatehouse enable id=%u", entry);
	json_object_set_new(j, "command", json_plain_or_null(command));
	free(command);
}

/* What is asked about. */
struct checked {
	const char	*host, *vm;
	const struct guest *guest;	/* that vm is, NULL: none */
	uint16_t	 port;
	uint8_t		 proto;
	struct addr	 addr;		/* that host is, family 0: none */
};

/* What net would say, found the way net finds it. */
static struct allow_answer
check_answer(struct engine *e, const struct checked *c, char name[GH_NAME_SIZE],
    const char **detail)
{
	struct allow_answer answer = { .verdict = VERDICT_DENY };
	const struct guest *g = c->guest;
	const char *vm = g != NULL ? guest_scope(g) : c->vm;
	const int64_t now = (int64_t)time(NULL);

	*detail = allow_name_canonical(name, c->host, strlen(c->host), true);
	if (*detail != NULL)
		name[0] = '\0';
	if (e->frozen_all || (g != NULL && guest_frozen(e, g)))
		answer.reason = REASON_FROZEN;
	else if (c->addr.family != 0) {
		answer = allow_lookup_addr(e->policy.image, &c->addr, c->proto, c->port, vm, now);
		if (answer.entry == 0)
			answer.reason = REASON_IP_LITERAL;
		else if (answer.verdict == VERDICT_ALLOW && reach_is_barred(&e->reach, &c->addr))
			answer = (struct allow_answer){ .verdict = VERDICT_DENY,
			    .reason = REASON_PRIVATE_ADDRESS, .entry = answer.entry };
		*detail = NULL;
		addr_format(&c->addr, name);
	} else if (*detail != NULL)
		answer.reason = REASON_BAD_NAME;
	else
		answer = allow_lookup_port(e->policy.image, name, strlen(name), c->proto, c->port,
		    vm, now);
	return answer;
}

/* "proto": "tcp" (or nothing) or "udp"; "port" as a number. */
static char *
check_port(const json_t *params, struct checked *c)
{
	const json_t *port = json_object_get(params, "port");
	const char *proto;
	char *cause = param_string(params, "proto", &proto);

	if (cause != NULL)
		return cause;
	if (proto != NULL && strcmp(proto, "tcp") != 0 && strcmp(proto, "udp") != 0)
		return xstrdup("\"proto\" must be \"tcp\" or \"udp\"");
	if (proto != NULL && proto[0] == 'u')
		c->proto = IPPROTO_UDP;
	if (port == NULL || json_is_null(port))
		return NULL;
	if (!json_is_integer(port) || json_integer_value(port) < 1 ||
	    json_integer_value(port) > UINT16_MAX)
		return xstrdup("\"port\" must be a number from 1 to 65535");
	c->port = (uint16_t)json_integer_value(port);
	return NULL;
}

static json_t *
addr_or_null(const struct addr *a)
{
	char text[ADDR_TEXT_SIZE];

	return a->family != 0 ? json_string(addr_format(a, text)) : json_null();
}

/* How it went when the name was last asked for, as far as that is remembered. */
static json_t *
last_json(struct engine *e, const char *name)
{
	const struct domain *d = name[0] != '\0' ? model_find_domain(e->model, name) : NULL;
	const struct hit_record *r = d != NULL ? model_find_hit(e->model, d->last_id) : NULL;

	if (r == NULL)
		return json_null();
	return json_pack("{s:o, s:o, s:o, s:s, s:s, s:s, s:o}", "id", json_hit_id(r->hit.id),
	    "time", json_time(r->hit.time), "guest", json_guest(r->guest),
	    "via", via_name(r->hit.via), "verdict", verdict_name(r->hit.verdict),
	    "reason", reason_name(r->hit.reason), "dialled", addr_or_null(&r->hit.dialled));
}

/* What holds for every name, whatever the allowlist says of it. */
struct overall {
	enum verdict	 verdict;
	const char	*reason, *advice;	/* NULL: nothing does */
};

static struct overall
check_overall(const struct engine *e, const struct checked *c, const struct allow_answer *answer)
{
	const struct guest *g = c->guest;
	const char *state = status_firewall(e);

	if (strcmp(state, "open") == 0)
		return (struct overall){ VERDICT_ALLOW, "open", "No rules are in force, so that every "
		    "guest reaches everything: gatehouse apply closes." };
	/* The worst counts where nobody can tell. */
	if (strcmp(state, "drift") == 0)
		return (struct overall){ VERDICT_ALLOW, "drift", "The kernel does not have the rules that "
		    "were loaded, so that guests may reach anything: gatehouse apply loads them." };
	if (g != NULL && g->state == GUEST_RUNNING && g->guard >= NIC_UNGUARDABLE)
		return (struct overall){ VERDICT_ALLOW, nic_guard_name((enum nic_guard)g->guard),
		    "It has a way out past the rules, whatever is listed: gatehouse vms --json says "
		    "which, and what would help." };
	if (answer->reason == REASON_FROZEN)
		return (struct overall){ .reason = NULL };
	if (strcmp(state, "observing") == 0)
		return (struct overall){ VERDICT_ALLOW, "observe", "The profile observe blocks nothing: "
		    "gatehouse apply filtered does." };
	if (e->fw.profile == PROFILE_LOCKDOWN)
		return (struct overall){ VERDICT_DENY, "lockdown", "The profile lockdown lets nothing "
		    "through, whatever is listed: gatehouse apply filtered ends it." };
	if (answer->verdict == VERDICT_ALLOW && !answer->pinned && c->addr.family == 0 &&
	    strcmp(status_proxy(e), "stopped") == 0)
		return (struct overall){ VERDICT_DENY, "proxy-stopped", "The proxy is stopped, and lets "
		    "no name through: gatehouse proxy start starts it." };
	if (answer->verdict == VERDICT_ALLOW && (answer->pinned || c->addr.family != 0) &&
	    !host_forwards())
		return (struct overall){ VERDICT_DENY, "no-forwarding", "Guests reach that port by "
		    "themselves, but this host does not forward: gatehouse doctor says how." };
	return (struct overall){ .reason = NULL };
}

void
method_check(struct engine *e, struct control_call *call, const json_t *params)
{
	struct checked c = { .port = PORT_DEFAULT, .proto = IPPROTO_TCP };
	char name[GH_NAME_SIZE], *cause;
	struct allow_answer answer;
	struct overall all;
	const char *detail;
	json_t *result;

	if ((cause = param_needed(params, "host", &c.host)) != NULL ||
	    (cause = param_string(params, "vm", &c.vm)) != NULL ||
	    (cause = check_port(params, &c)) != NULL) {
		bad_params(call, cause);
		return;
	}
	if (c.vm == NULL)
		c.vm = "";
	c.guest = inventory_by_name(e->inventory, c.vm);
	allow_name_address(c.host, strlen(c.host), &c.addr);
	answer = check_answer(e, &c, name, &detail);
	all = check_overall(e, &c, &answer);
	result = json_pack("{s:s, s:s, s:s, s:o, s:o, s:i, s:s, s:b, s:o, s:b}",
	    "verdict", verdict_name(answer.verdict), "reason", reason_name(answer.reason),
	    "advice", c.addr.family != 0 && answer.reason == REASON_IP_LITERAL ?
	    "No entry lists this address and port; one that does opens it, past the proxy." :
	    reason_advice(answer.reason), "detail", json_plain_or_null(detail),
	    "name", json_plain_or_null(name), "port", c.port,
	    "proto", c.proto == IPPROTO_UDP ? "udp" : "tcp", "pinned", answer.pinned,
	    "vm_known", *c.vm == '\0' ? json_null() : json_boolean(c.guest != NULL),
	    "vm_own_name", c.guest != NULL && c.guest->own_name);
	json_object_set_new(result, "open", answer.pinned && c.addr.family == 0 ?
	    pinned_json(e, name, c.proto, c.port, c.vm) : json_null());
	set_entry(e, result, answer.entry, name, c.port);
	set_command(e, result, all.reason == NULL ? (enum verdict)answer.verdict : VERDICT_ALLOW,
	    (enum reason)answer.reason, answer.entry, name, c.port);
	json_object_set_new(result, "last", last_json(e, name));
	if (all.reason != NULL) {
		json_object_set_new(result, "verdict", json_string(verdict_name(all.verdict)));
		json_object_set_new(result, "reason", json_string(all.reason));
		json_object_set_new(result, "advice", json_string(all.advice));
	}
	control_reply(call, result);
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

/* "The server's answer broke the protocol's rules: a chunk without a size." */
static json_t *
outcome_json(const struct hit_record *r)
{
	const char *text = outcome_text((enum outcome)r->hit.outcome);
	json_t *j;
	char *whole;

	if (r->hit.outcome == OUTCOME_NONE)
		return json_null();
	if (r->what[0] == '\0')
		return json_string(text);
	whole = xasprintf("%.*s: %s.", (int)strlen(text) - 1, text, r->what);
	j = json_guest(whole);
	free(whole);
	return j;
}

static json_t *
hit_json(const struct hit_record *r)
{
	const struct hit *h = &r->hit;

	return json_pack("{s:o, s:o, s:o, s:o, s:s, s:s, s:s, s:s, s:o, s:i, s:o, s:o, s:o, s:b, s:i, "
	    "s:o, s:I, s:I, s:b, s:o, s:o}",
	    "id", json_hit_id(h->id), "time", json_time(h->time), "guest", json_guest(r->guest),
	    "name", json_guest(h->name), "via", via_name(h->via),
	    "verdict", verdict_name(h->verdict), "reason", reason_name(h->reason),
	    "advice", reason_advice(h->reason), "wanted", addr_or_null(&h->wanted),
	    "port", h->port, "dialled", addr_or_null(&h->dialled),
	    "tls_version", h->tls_version != 0 ? json_string(tls_name(h->tls_version)) : json_null(),
	    "alpn", h->alpn[0] != '\0' ? json_guest(h->alpn) : json_null(), "ech", h->ech,
	    "folded", h->folded, "upstream", h->upstream != 0 ? json_integer(h->upstream) : json_null(),
	    "bytes_up", (json_int_t)r->bytes_up, "bytes_down", (json_int_t)r->bytes_down,
	    "open", r->open, "outcome", h->outcome != OUTCOME_NONE ?
	    json_string(outcome_name((enum outcome)h->outcome)) : json_null(),
	    "outcome_text", outcome_json(r));
}

void
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
		    "the latest %u decisions are kept, and none from before the engine started", text,
		    (unsigned)model_limits_default.hits));
		return;
	}
	result = hit_json(r);
	set_entry(e, result, r->hit.entry, r->hit.name, r->hit.port);
	set_command(e, result, (enum verdict)r->hit.verdict, (enum reason)r->hit.reason, r->hit.entry,
	    r->hit.name, r->hit.port);
	control_reply(call, result);
}
