/*
 * The commands and how their words become requests.  Everything that can be
 * typed after "gatehouse" or after ":" in the console is a row here.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "command_text.h"
#include "control.h"
#include "doctor/report.h"
#include "text.h"
#include "xmalloc.h"

/* What a command may be given: an option with or without a value, or (name
 * NULL) the next word that is no option. */
struct arg {
	const char	*name;
	const char	**value;	/* where the word goes, or */
	bool		*flag;
	const char	*needed;	/* what the usage calls it, or NULL: may be left out */
};

/* ---- words ---- */

static const struct arg *
arg_find(const struct arg *args, size_t n, const char *word)
{
	for (size_t i = 0; i < n; i++) {
		if (args[i].name != NULL && strcmp(args[i].name, word) == 0)
			return &args[i];
	}
	return NULL;
}

static const struct arg *
arg_next(const struct arg *args, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (args[i].name == NULL && *args[i].value == NULL)
			return &args[i];
	}
	return NULL;
}

/* NULL or a cause. A word "--" ends the options. */
static char *
args_parse(int argc, char **argv, const struct arg *args, size_t n)
{
	bool options = true;

	for (int i = 1; i < argc; i++) {
		const struct arg *a;

		if (options && strcmp(argv[i], "--") == 0) {
			options = false;
			continue;
		}
		if (options && argv[i][0] == '-' && argv[i][1] != '\0') {
			if ((a = arg_find(args, n, argv[i])) == NULL)
				return xasprintf("%s: unknown option %s", argv[0], argv[i]);
			if (a->flag != NULL)
				*a->flag = true;
			else if (i + 1 == argc)
				return xasprintf("%s: %s needs a value", argv[0], argv[i]);
			else
				*a->value = argv[++i];
			continue;
		}
		if ((a = arg_next(args, n)) == NULL)
			return xasprintf("%s: one word too many: %s", argv[0], argv[i]);
		*a->value = argv[i];
	}
	for (size_t i = 0; i < n; i++) {
		if (args[i].needed != NULL && (*args[i].value == NULL || **args[i].value == '\0'))
			return xasprintf("%s: %s is missing", argv[0], args[i].needed);
	}
	return NULL;
}

#define ARGS_PARSE(argc, argv, args)	args_parse(argc, argv, args, sizeof(args) / sizeof((args)[0]))

/* Leaves out what was not given. */
static void
set_string(json_t *j, const char *key, const char *value)
{
	if (value != NULL)
		json_object_set_new(j, key, json_string(value));
}

static char *
no_request(int argc, char **argv, json_t **params)
{
	*params = NULL;
	return argc > 1 ? xasprintf("%s takes no words: %s", argv[0], argv[1]) : NULL;
}

static char *
set_number(json_t *j, const char *command, const char *key, const char *text, uint64_t max)
{
	const char *why;
	uint64_t v;

	if (text == NULL)
		return NULL;
	if (!text_number(text, 0, max, &v, &why))
		return xasprintf("%s: --%s %s: %s", command, key, text, why);
	json_object_set_new(j, key, json_integer((json_int_t)v));
	return NULL;
}

static char *
view_request(int argc, char **argv, json_t **params)
{
	const char *filter = NULL, *sort = NULL, *limit = NULL, *offset = NULL;
	bool desc = false;
	const struct arg args[] = {
		{ NULL, &filter, NULL, NULL }, { "--sort", &sort, NULL, NULL },
		{ "--limit", &limit, NULL, NULL }, { "--offset", &offset, NULL, NULL },
		{ "--desc", NULL, &desc, NULL },
	};
	char *cause = ARGS_PARSE(argc, argv, args);

	if (cause != NULL)
		return cause;
	*params = json_object();
	set_string(*params, "filter", filter);
	set_string(*params, "sort", sort);
	if (desc)
		json_object_set_new(*params, "desc", json_true());
	if ((cause = set_number(*params, argv[0], "limit", limit, INT32_MAX)) == NULL)
		cause = set_number(*params, argv[0], "offset", offset, INT32_MAX);
	if (cause != NULL) {
		json_decref(*params);
		*params = NULL;
	}
	return cause;
}

static char *
apply_request(int argc, char **argv, json_t **params)
{
	const char *profile = NULL;
	bool dry = false, yes = false;
	const struct arg args[] = {
		{ NULL, &profile, NULL, NULL }, { "--dry-run", NULL, &dry, NULL },
		{ "--yes", NULL, &yes, NULL },
	};
	char *cause = ARGS_PARSE(argc, argv, args);

	if (cause != NULL)
		return cause;
	*params = json_object();
	set_string(*params, "profile", profile);
	json_object_set_new(*params, "dry_run", json_boolean(dry));
	return NULL;
}

/* Whoever calls has asked already; --yes says that nobody needs to be. */
static char *
flush_request(int argc, char **argv, json_t **params)
{
	bool yes = false;
	const struct arg args[] = { { "--yes", NULL, &yes, NULL } };

	*params = NULL;
	return ARGS_PARSE(argc, argv, args);
}

static char *
vm_request(int argc, char **argv, json_t **params)
{
	const char *vm = NULL;
	const struct arg args[] = { { NULL, &vm, NULL, NULL } };
	char *cause = ARGS_PARSE(argc, argv, args);

	if (cause != NULL)
		return cause;
	*params = json_object();
	set_string(*params, "vm", vm);
	return NULL;
}

static char *
guest_request(int argc, char **argv, json_t **params)
{
	const char *vm = NULL;
	const struct arg args[] = { { NULL, &vm, NULL, "VM" } };
	char *cause = ARGS_PARSE(argc, argv, args);

	if (cause == NULL)
		*params = json_pack("{s:s}", "vm", vm);
	return cause;
}

static char *
proxy_request(int argc, char **argv, json_t **params)
{
	static const char *const actions[] = { "start", "stop", "learn", "enforce" };
	const char *action = NULL, *duration = NULL;
	const struct arg args[] = {
		{ NULL, &action, NULL, "start, stop, learn or enforce" }, { "--for", &duration, NULL, NULL },
	};
	char *cause = ARGS_PARSE(argc, argv, args);
	bool known = false;

	if (cause != NULL)
		return cause;
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		known = known || strcmp(action, actions[i]) == 0;
	if (!known)
		return xasprintf("proxy: say start, stop, learn or enforce, not %s", action);
	if (duration != NULL && strcmp(action, "learn") != 0)
		return xasprintf("proxy: --for goes with learn, not with %s", action);
	*params = json_pack("{s:s}", "action", action);
	set_string(*params, "for", duration);
	return NULL;
}

/* What learning has shown, of guests that a glob fits. */
static char *
learned_request(int argc, char **argv, json_t **params)
{
	const char *vm = NULL;
	bool learned = false;
	const struct arg args[] = {
		{ "--learned", NULL, &learned, NULL }, { "--vm", &vm, NULL, NULL },
	};
	char *cause = ARGS_PARSE(argc, argv, args);

	if (cause != NULL)
		return cause;
	*params = json_object();
	set_string(*params, "vm", vm);
	return NULL;
}

static char *
accept_request(int argc, char **argv, json_t **params)
{
	const char *vm = NULL;
	bool learned = false, dry = false;
	const struct arg args[] = {
		{ "--learned", NULL, &learned, NULL }, { "--vm", &vm, NULL, NULL },
		{ "--dry-run", NULL, &dry, NULL },
	};
	char *cause = ARGS_PARSE(argc, argv, args);

	if (cause != NULL)
		return cause;
	*params = json_object();
	set_string(*params, "vm", vm);
	json_object_set_new(*params, "dry_run", json_boolean(dry));
	return NULL;
}

static char *
allow_request(int argc, char **argv, json_t **params)
{
	const char *text = NULL, *vm = NULL, *duration = NULL;
	const struct arg args[] = {
		{ NULL, &text, NULL, "ENTRY" }, { "--vm", &vm, NULL, NULL },
		{ "--for", &duration, NULL, NULL },
	};
	char *cause = ARGS_PARSE(argc, argv, args);

	if (cause != NULL)
		return cause;
	*params = json_object();
	set_string(*params, "text", text);
	set_string(*params, "vm", vm);
	set_string(*params, "for", duration);
	return NULL;
}

static char *
entry_request(int argc, char **argv, json_t **params)
{
	const char *entry = NULL;
	const struct arg args[] = { { NULL, &entry, NULL, "ENTRY" } };
	char *cause = ARGS_PARSE(argc, argv, args);

	if (cause != NULL)
		return cause;
	*params = json_object();
	set_string(*params, "entry", entry);
	return NULL;
}

static char *
enable_request(int argc, char **argv, json_t **params)
{
	char *cause = entry_request(argc, argv, params);

	if (cause == NULL)
		set_string(*params, "state", "on");
	return cause;
}

static char *
disable_request(int argc, char **argv, json_t **params)
{
	char *cause = entry_request(argc, argv, params);

	if (cause == NULL)
		set_string(*params, "state", "off");
	return cause;
}

/* Takes "/udp" or "/tcp" off a port, and sets "proto". */
static void
check_proto(char *port, json_t *params)
{
	char *slash = port != NULL ? strchr(port, '/') : NULL;

	if (slash == NULL || (strcmp(slash, "/udp") != 0 && strcmp(slash, "/tcp") != 0))
		return;
	*slash = '\0';
	set_string(params, "proto", slash + 1);
}

/* HOST, HOST:PORT, ADDRESS, [ADDRESS] or [ADDRESS]:PORT. */
static char *
check_request(int argc, char **argv, json_t **params)
{
	const char *target = NULL, *vm = NULL, *why;
	const struct arg args[] = { { NULL, &target, NULL, "HOST" }, { "--vm", &vm, NULL, NULL } };
	char *cause = ARGS_PARSE(argc, argv, args), *host, *end, *port = NULL;
	uint64_t number;

	if (cause != NULL)
		return cause;
	host = xstrdup(target[0] == '[' ? target + 1 : target);
	if (target[0] == '[' && (end = strchr(host, ']')) != NULL) {
		*end = '\0';
		port = end[1] == ':' ? end + 2 : NULL;
	} else if ((end = strchr(host, ':')) != NULL && strchr(end + 1, ':') == NULL) {
		*end = '\0';
		port = end + 1;
	}
	*params = json_object();
	set_string(*params, "host", host);
	set_string(*params, "vm", vm);
	check_proto(port, *params);
	if (host[0] == '\0') {
		cause = xstrdup("check: HOST is missing");
		json_decref(*params);
		*params = NULL;
	} else if (strstr(target, "://") != NULL) {
		cause = xasprintf("check: %s: write the host alone, without http:// or a path",
		    target);
		json_decref(*params);
		*params = NULL;
	} else if (port != NULL && !text_number(port, 1, UINT16_MAX, &number, &why)) {
		cause = xasprintf("check: %s is no port: %s", port, why);
		json_decref(*params);
		*params = NULL;
	} else if (port != NULL)
		json_object_set_new(*params, "port", json_integer((json_int_t)number));
	free(host);
	return cause;
}

static char *
why_request(int argc, char **argv, json_t **params)
{
	const char *id = NULL;
	const struct arg args[] = { { NULL, &id, NULL, "ID" } };
	char *cause = ARGS_PARSE(argc, argv, args);

	if (cause != NULL)
		return cause;
	*params = json_object();
	set_string(*params, "id", id);
	return NULL;
}

#define VIEW_ARGS	"[FILTER] [--sort KEY] [--desc] [--limit N] [--json] [-f]"

const struct command command_table[] = {
	{ "daemon", "[-dn] [-f FILE]", "guard the guests; -d stays in the foreground, -n only checks "
	    "the configuration", NULL, NULL, NULL },
	{ "demo", "[--batch SECONDS | --shell [COMMAND...]]", "a lab with guests of its own, and the console on it", NULL,
	    NULL, NULL },
	{ "status", "[--json] [-f]", "is it enforcing, is the proxy up, is anything wrong", "status",
	    no_request, status_text },
	{ "vms", VIEW_ARGS, "the guests", "vms", view_request, NULL },
	{ "rules", VIEW_ARGS " | --text [PROFILE] [--backend nft|pf]", "the kernel's rules with their counters; --text: "
	    "what would be loaded", "rules", view_request, NULL },
	{ "domains", VIEW_ARGS, "the names that guests asked for", "domains", view_request, NULL },
	{ "entries", VIEW_ARGS, "the allowlist", "entries", view_request, NULL },
	{ "entries --learned", "[--vm GLOB] [--json]", "entries for what only learning let through",
	    "entry.learned", learned_request, learned_text },
	{ "drops", VIEW_ARGS " | -r FILE | -w FILE [-c COUNT]", "what the firewall blocked; -r reads and -w "
	    "writes a pcap file", "drops", view_request, NULL },
	{ "events", VIEW_ARGS, "what happened", "events", view_request, NULL },
	{ "apply", "[PROFILE] [--dry-run] [--yes]", "load the rules of a profile: filtered, lockdown, observe",
	    "apply", apply_request, apply_text },
	{ "flush", "[--yes]", "remove all rules: guests reach everything", "flush", flush_request,
	    flush_text },
	{ "freeze", "[VM]", "block everything of one guest, or of all", "freeze", vm_request,
	    freeze_text },
	{ "thaw", "[VM]", "end a freeze", "thaw", vm_request, thaw_text },
	{ "start", "VM", "start a guest, where its VM manager can", "guest.start", guest_request,
	    act_text },
	{ "stop", "VM", "stop a guest, where its VM manager can", "guest.stop", guest_request, act_text },
	{ "proxy", "start|stop|learn [--for 30m]|enforce", "start or stop the proxy; let it learn: names "
	    "that no entry lists pass", "proxy", proxy_request, proxy_text },
	{ "allow", "ENTRY [--vm GLOB] [--for 30m]", "add an entry to the allowlist", "entry.add",
	    allow_request, entry_text },
	{ "allow --learned", "[--vm GLOB] [--dry-run]", "add all that entries --learned proposes without "
	    "a warning", "entry.accept", accept_request, accept_text },
	{ "disable", "ENTRY", "switch an entry off", "entry.set", disable_request, entry_text },
	{ "enable", "ENTRY", "switch an entry on", "entry.set", enable_request, entry_text },
	{ "remove", "ENTRY", "remove an entry", "entry.remove", entry_request, remove_text },
	{ "undo", "", "take the latest change of the allowlist back", "entry.undo", no_request,
	    undo_text },
	{ "check", "HOST[:PORT[/udp]] [--vm VM]", "would it be let through, and why", "check", check_request,
	    check_text },
	{ "why", "ID", "why something was allowed or refused", "why", why_request, why_text },
	{ "reload", "", "read configuration and allowlist again", "reload", no_request, reload_text },
	{ "doctor", "[--json]", "look for what is wrong with this host and the daemon, and say what to "
	    "do", "doctor", no_request, doctor_text },
	{ "setup", "[--dry-run] [--now] [--root DIR] [--system NAME]", "make the service: user, "
	    "directories, files; --dry-run shows them", NULL, NULL, NULL },
	{ "unsetup", "[--dry-run] [--root DIR]", "undo what setup has done", NULL, NULL, NULL },
	{ "shutdown", "", "end the daemon; its rules stay", "shutdown", no_request, shutdown_text },
	{ NULL, NULL, NULL, NULL, NULL, NULL },
};

const struct command *
command_find(const char *name)
{
	for (const struct command *c = command_table; c->name != NULL; c++) {
		if (strcmp(c->name, name) == 0)
			return c;
	}
	return NULL;
}

const struct command *
command_of(int argc, char **argv)
{
	const size_t len = argc > 0 ? strlen(argv[0]) : 0;

	for (const struct command *c = command_table; c->name != NULL && argc > 0; c++) {
		if (strncmp(c->name, argv[0], len) != 0 || c->name[len] != ' ')
			continue;
		for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
			if (strcmp(c->name + len + 1, argv[i]) == 0)
				return c;
	}
	return argc > 0 ? command_find(argv[0]) : NULL;
}

char *
command_usage(const struct command *c)
{
	return xasprintf("usage: gatehouse %s%s%s", c->name, c->args[0] != '\0' ? " " : "", c->args);
}
