/*
 * The commands: words to a request, a result to text.  Everything that can be
 * typed after "gatehouse" or after ":" in the console is a row here.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control.h"
#include "text.h"
#include "xmalloc.h"

/* What a command may be given: an option with or without a value, or (name
 * NULL) the next word that is no option. */
struct arg {
	const char	*name;
	const char	**value;	/* where the word goes, or */
	bool		*flag;
	bool		 needed;
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
		if (args[i].needed && *args[i].value == NULL)
			return xasprintf("%s: a word is missing", argv[0]);
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
		{ NULL, &filter, NULL, false }, { "--sort", &sort, NULL, false },
		{ "--limit", &limit, NULL, false }, { "--offset", &offset, NULL, false },
		{ "--desc", NULL, &desc, false },
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
	bool dry = false;
	const struct arg args[] = {
		{ NULL, &profile, NULL, false }, { "--dry-run", NULL, &dry, false },
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
	const struct arg args[] = { { "--yes", NULL, &yes, false } };

	*params = NULL;
	return ARGS_PARSE(argc, argv, args);
}

static char *
vm_request(int argc, char **argv, json_t **params)
{
	const char *vm = NULL;
	const struct arg args[] = { { NULL, &vm, NULL, false } };
	char *cause = ARGS_PARSE(argc, argv, args);

	if (cause != NULL)
		return cause;
	*params = json_object();
	set_string(*params, "vm", vm);
	return NULL;
}

static char *
proxy_request(int argc, char **argv, json_t **params)
{
	const char *action = NULL;
	const struct arg args[] = { { NULL, &action, NULL, true } };
	char *cause = ARGS_PARSE(argc, argv, args);

	if (cause == NULL && strcmp(action, "start") != 0 && strcmp(action, "stop") != 0)
		cause = xasprintf("proxy: say start or stop, not %s", action);
	if (cause == NULL)
		*params = json_pack("{s:s}", "action", action);
	return cause;
}

static char *
allow_request(int argc, char **argv, json_t **params)
{
	const char *text = NULL, *vm = NULL, *duration = NULL;
	const struct arg args[] = {
		{ NULL, &text, NULL, true }, { "--vm", &vm, NULL, false },
		{ "--for", &duration, NULL, false },
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
	const struct arg args[] = { { NULL, &entry, NULL, true } };
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

/* HOST, HOST:PORT, ADDRESS, [ADDRESS] or [ADDRESS]:PORT. */
static char *
check_request(int argc, char **argv, json_t **params)
{
	const char *target = NULL, *vm = NULL, *why, *port = NULL;
	const struct arg args[] = { { NULL, &target, NULL, true }, { "--vm", &vm, NULL, false } };
	char *cause = ARGS_PARSE(argc, argv, args), *host, *end;
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
	if (port != NULL && !text_number(port, 1, UINT16_MAX, &number, &why)) {
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
	const struct arg args[] = { { NULL, &id, NULL, true } };
	char *cause = ARGS_PARSE(argc, argv, args);

	if (cause != NULL)
		return cause;
	*params = json_object();
	set_string(*params, "id", id);
	return NULL;
}

/* ---- text ---- */

/* Never NULL, so that it can be printed. */
static const char *
str(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));

	return s != NULL ? s : "";
}

static uint64_t
num(const json_t *j, const char *key)
{
	json_int_t v = json_integer_value(json_object_get(j, key));

	return v > 0 ? (uint64_t)v : 0;
}

static double
real(const json_t *j, const char *key)
{
	return json_number_value(json_object_get(j, key));
}

/* Appends to *text, which may be NULL. */
static void __attribute__((format(printf, 2, 3)))
add(char **text, const char *fmt, ...)
{
	char *more, *all;
	va_list ap;

	va_start(ap, fmt);
	more = xvasprintf(fmt, ap);
	va_end(ap);
	all = xasprintf("%s%s", *text != NULL ? *text : "", more);
	free(more);
	free(*text);
	*text = all;
}

static char *
since(double then, double now, char dst[TEXT_SHORT_SIZE])
{
	return text_age(dst, now > then ? (uint64_t)(now - then) : 0);
}

static void
status_firewall_text(char **t, const json_t *fw, double now)
{
	char age[TEXT_SHORT_SIZE];
	double verified = real(fw, "verified");

	add(t, "firewall   %s, profile %s", str(fw, "state"), str(fw, "profile"));
	if (str(fw, "place")[0] != '\0')
		add(t, ", %s %s", str(fw, "backend"), str(fw, "place"));
	if (verified > 0)
		add(t, ", verified %s ago", since(verified, now, age));
	add(t, "\n");
	if (json_is_true(json_object_get(fw, "frozen_all")))
		add(t, "           every guest is frozen\n");
	else if (num(fw, "frozen") > 0)
		add(t, "           %u frozen\n", (unsigned)num(fw, "frozen"));
	if (str(fw, "cause")[0] != '\0')
		add(t, "           %s\n", str(fw, "cause"));
}

static void
status_proxy_text(char **t, const json_t *proxy, double now)
{
	char age[TEXT_SHORT_SIZE], rate[TEXT_SHORT_SIZE], ok[TEXT_SHORT_SIZE], no[TEXT_SHORT_SIZE];

	add(t, "proxy      %s since %s, %u connections, %s allowed, %s denied, %s/s\n",
	    str(proxy, "state"), since(real(proxy, "since"), now, age),
	    (unsigned)num(proxy, "connections"), text_count(ok, num(proxy, "allowed")),
	    text_count(no, num(proxy, "denied")), text_bytes(rate, num(proxy, "rate")));
	if (str(proxy, "cause")[0] != '\0')
		add(t, "           %s\n", str(proxy, "cause"));
}

static void
status_lists_text(char **t, const json_t *r, double now)
{
	const json_t *row;
	char age[TEXT_SHORT_SIZE];
	size_t i;

	json_array_foreach(json_object_get(r, "roles"), i, row) {
		add(t, "%-10s %-6s pid %-8d", i == 0 ? "roles" : "", str(row, "name"),
		    (int)json_integer_value(json_object_get(row, "pid")));
		add(t, " %s", str(row, "state"));
		if (num(row, "restarts") > 0)
			add(t, ", started again %u times", (unsigned)num(row, "restarts"));
		if (str(row, "last_exit")[0] != '\0')
			add(t, ", last %s", str(row, "last_exit"));
		add(t, "\n");
	}
	json_array_foreach(json_object_get(r, "alerts"), i, row)
		add(t, "%-10s %s ago: %s\n", i == 0 ? "alerts" : "", since(real(row, "time"), now, age),
		    str(row, "text"));
}

static char *
status_text(const json_t *r)
{
	const json_t *drops = json_object_get(r, "drops"), *counts = json_object_get(r, "counts");
	const json_t *list = json_object_get(r, "allowlist");
	char age[TEXT_SHORT_SIZE], packets[TEXT_SHORT_SIZE];
	double now = real(r, "time");
	char *t = NULL;

	add(&t, "gatehouse  %s on %s, up %s, %s\n", str(r, "version"), str(r, "host"),
	    text_age(age, (uint64_t)real(r, "uptime")), str(r, "config"));
	status_firewall_text(&t, json_object_get(r, "firewall"), now);
	status_proxy_text(&t, json_object_get(r, "proxy"), now);
	add(&t, "drops      %s, %s packets", str(drops, "state"),
	    text_count(packets, num(drops, "packets")));
	if (num(drops, "missed") > 0)
		add(&t, ", %s missed", text_count(packets, num(drops, "missed")));
	add(&t, "\n");
	add(&t, "allowlist  %s, %u entries\n", str(list, "path"), (unsigned)num(list, "entries"));
	add(&t, "guests     %u running of %u; %u names, %u blocked, %u events\n",
	    (unsigned)num(counts, "running"), (unsigned)num(counts, "vms"),
	    (unsigned)num(counts, "domains"), (unsigned)num(counts, "drops"),
	    (unsigned)num(counts, "events"));
	status_lists_text(&t, r, now);
	return t;
}

static char *
apply_text(const json_t *r)
{
	const json_t *diff = json_object_get(r, "diff");
	const char *text = str(r, "diff");

	if (diff == NULL)
		return xasprintf("%s is in force\n", str(r, "profile"));
	if (text[0] == '\0')
		return xasprintf("%s would change nothing\n", str(r, "profile"));
	return xasprintf("%s%s", text, text[strlen(text) - 1] == '\n' ? "" : "\n");
}

static char *
flush_text(const json_t *r)
{
	return xstrdup("no rules are in force: every guest reaches everything; "
	    "\"gatehouse apply\" closes\n");
}

static char *
frozen_text(const json_t *r, const char *what)
{
	const char *name = json_string_value(json_array_get(json_object_get(r, "vms"), 0));

	if (name == NULL || strcmp(name, "*") == 0)
		name = "every guest";
	return xasprintf("%s is %s\n", name, what);
}

static char *
freeze_text(const json_t *r)
{
	return frozen_text(r, "frozen");
}

static char *
thaw_text(const json_t *r)
{
	return frozen_text(r, "thawed");
}

static char *
proxy_text(const json_t *r)
{
	return xasprintf("the proxy is %s\n", str(r, "state"));
}

static char *
entry_text(const json_t *r)
{
	char *t = NULL;

	add(&t, "%s %s (line %u): %s\n", strcmp(str(r, "state"), "off") == 0 ? "off:" : "on: ",
	    str(r, "text"), (unsigned)num(r, "line"), str(r, "explain"));
	if (str(r, "warning")[0] != '\0')
		add(&t, "warning: %s\n", str(r, "warning"));
	return t;
}

static char *
remove_text(const json_t *r)
{
	return xasprintf("removed %s; \"gatehouse undo\" puts it back\n", str(r, "removed"));
}

static char *
undo_text(const json_t *r)
{
	return xasprintf("undone: %s\n", str(r, "undone"));
}

/* "  by .npmjs.org (line 5 of the allowlist)", if an entry decided. */
static void
add_entry(char **t, const json_t *r)
{
	if (str(r, "entry")[0] != '\0')
		add(t, "  by %s (line %u of the allowlist)\n", str(r, "entry"),
		    (unsigned)num(r, "line"));
}

static char *
check_text(const json_t *r)
{
	char *t = NULL;

	add(&t, "%s %s%s%u: %s%s%s\n", str(r, "verdict"), str(r, "name"),
	    str(r, "name")[0] != '\0' ? ":" : "port ", (unsigned)num(r, "port"), str(r, "reason"),
	    str(r, "detail")[0] != '\0' ? ", " : "", str(r, "detail"));
	add_entry(&t, r);
	add(&t, "  %s\n", str(r, "advice"));
	if (json_is_false(json_object_get(r, "vm_known")))
		add(&t, "  No guest of that name is known now.\n");
	return t;
}

static char *
why_text(const json_t *r)
{
	char when[32], up[TEXT_SHORT_SIZE], down[TEXT_SHORT_SIZE], *t = NULL;
	time_t time = (time_t)real(r, "time");
	struct tm tm;

	localtime_r(&time, &tm);
	strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm);
	add(&t, "%s  %s  %s %s %s:%u (%s): %s\n", str(r, "id"), when, str(r, "guest"),
	    str(r, "verdict"), str(r, "name")[0] != '\0' ? str(r, "name") : "(no name)",
	    (unsigned)num(r, "port"), str(r, "via"), str(r, "reason"));
	add_entry(&t, r);
	add(&t, "  %s\n", str(r, "advice"));
	if (str(r, "wanted")[0] != '\0')
		add(&t, "  wanted %s", str(r, "wanted"));
	if (str(r, "dialled")[0] != '\0')
		add(&t, "%sdialled %s", str(r, "wanted")[0] != '\0' ? ", " : "  ", str(r, "dialled"));
	if (str(r, "wanted")[0] != '\0' || str(r, "dialled")[0] != '\0')
		add(&t, ", %s up, %s down\n", text_bytes(up, num(r, "bytes_up")),
		    text_bytes(down, num(r, "bytes_down")));
	if (str(r, "tls_version")[0] != '\0')
		add(&t, "  %s%s%s%s\n", str(r, "tls_version"),
		    str(r, "alpn")[0] != '\0' ? ", " : "", str(r, "alpn"),
		    json_is_true(json_object_get(r, "ech")) ? ", with ECH" : "");
	return t;
}

static char *
reload_text(const json_t *r)
{
	return xstrdup("configuration and allowlist are read again\n");
}

static char *
shutdown_text(const json_t *r)
{
	return xstrdup("the daemon ends; its rules stay in force\n");
}

#define VIEW_ARGS	"[FILTER] [--sort KEY] [--desc] [--limit N] [--json] [-f]"

const struct command command_table[] = {
	{ "daemon", "[-dn] [-f FILE]", "guard the guests; -d stays in the foreground, -n only checks "
	    "the configuration", NULL, NULL, NULL },
	{ "demo", "[--batch SECONDS]", "a lab with guests of its own, and the console on it", NULL,
	    NULL, NULL },
	{ "status", "[--json] [-f]", "is it enforcing, is the proxy up, is anything wrong", "status",
	    no_request, status_text },
	{ "vms", VIEW_ARGS, "the guests", "vms", view_request, NULL },
	{ "rules", VIEW_ARGS " | --text [PROFILE]", "the kernel's rules with their counters; --text: "
	    "what would be loaded", "rules", view_request, NULL },
	{ "domains", VIEW_ARGS, "the names that guests asked for", "domains", view_request, NULL },
	{ "entries", VIEW_ARGS, "the allowlist", "entries", view_request, NULL },
	{ "drops", VIEW_ARGS " | -r FILE | -w FILE", "what the firewall blocked; -r reads and -w "
	    "writes a pcap file", "drops", view_request, NULL },
	{ "events", VIEW_ARGS, "what happened", "events", view_request, NULL },
	{ "apply", "[PROFILE] [--dry-run]", "load the rules of a profile: filtered, lockdown, observe",
	    "apply", apply_request, apply_text },
	{ "flush", "[--yes]", "remove all rules: guests reach everything", "flush", flush_request,
	    flush_text },
	{ "freeze", "[VM]", "block everything of one guest, or of all", "freeze", vm_request,
	    freeze_text },
	{ "thaw", "[VM]", "end a freeze", "thaw", vm_request, thaw_text },
	{ "proxy", "start|stop", "start or stop the proxy", "proxy", proxy_request, proxy_text },
	{ "allow", "ENTRY [--vm GLOB] [--for 30m]", "add an entry to the allowlist", "entry.add",
	    allow_request, entry_text },
	{ "disable", "ENTRY", "switch an entry off", "entry.set", disable_request, entry_text },
	{ "enable", "ENTRY", "switch an entry on", "entry.set", enable_request, entry_text },
	{ "remove", "ENTRY", "remove an entry", "entry.remove", entry_request, remove_text },
	{ "undo", "", "take the latest change of the allowlist back", "entry.undo", no_request,
	    undo_text },
	{ "check", "HOST[:PORT] [--vm VM]", "would it be let through, and why", "check", check_request,
	    check_text },
	{ "why", "ID", "why something was allowed or refused", "why", why_request, why_text },
	{ "reload", "", "read configuration and allowlist again", "reload", no_request, reload_text },
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

char *
command_usage(const struct command *c)
{
	return xasprintf("usage: gatehouse %s%s%s", c->name, c->args[0] != '\0' ? " " : "", c->args);
}
