/* The results of commands as text for people. */
#include "config.h"

#include "command_text.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gatehouse.h"
#include "text.h"
#include "xmalloc.h"

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

/* What makes a word mean more than one. */
static const char *
plural(uint64_t n)
{
	return n == 1 ? "" : "s";
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
	if (strcmp(str(fw, "state"), "idle") == 0)
		add(t, "           no guest runs; the rules are loaded when one comes\n");
	if (json_is_true(json_object_get(fw, "frozen_all")))
		add(t, "           every guest is frozen\n");
	else if (num(fw, "frozen") > 0)
		add(t, "           %u frozen%s\n", (unsigned)num(fw, "frozen"),
		    strcmp(str(fw, "state"), "open") == 0 ? ", but open until rules are in force" : "");
	if (str(fw, "cause")[0] != '\0')
		add(t, "           %s\n", str(fw, "cause"));
}

/* ", LEARNING by root (0), 29m more: names that no entry lists are let through" */
static void
add_mode(char **t, const json_t *proxy, double now)
{
	const double until = real(proxy, "learn_until");
	char left[TEXT_SHORT_SIZE];

	if (strcmp(str(proxy, "mode"), "learn") != 0)
		return;
	add(t, ", LEARNING");
	if (str(proxy, "learn_by")[0] != '\0')
		add(t, " by %s", str(proxy, "learn_by"));
	if (until > 0)
		add(t, ", %s more", text_age(left, until > now ? (uint64_t)(until - now + 0.5) : 0));
	add(t, ": names that no entry lists are let through");
}

static void
status_proxy_text(char **t, const json_t *proxy, double now)
{
	char age[TEXT_SHORT_SIZE], rate[TEXT_SHORT_SIZE], ok[TEXT_SHORT_SIZE], no[TEXT_SHORT_SIZE];

	add(t, "proxy      %s for %s, %u connection%s, %s allowed, %s denied, %s/s",
	    str(proxy, "state"), since(real(proxy, "since"), now, age),
	    (unsigned)num(proxy, "connections"), plural(num(proxy, "connections")),
	    text_count(ok, num(proxy, "allowed")),
	    text_count(no, num(proxy, "denied")), text_bytes(rate, num(proxy, "rate")));
	add_mode(t, proxy, now);
	add(t, "\n");
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
			add(t, ", started again %u time%s", (unsigned)num(row, "restarts"),
			    plural(num(row, "restarts")));
		if (str(row, "last_exit")[0] != '\0')
			add(t, ", last %s", str(row, "last_exit"));
		add(t, "\n");
	}
	json_array_foreach(json_object_get(r, "alerts"), i, row)
		add(t, "%-10s %s ago: %s\n", i == 0 ? "alerts" : "", since(real(row, "time"), now, age),
		    str(row, "text"));
}

char *
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
	add(&t, "drops      %s, %s packet%s", str(drops, "state"),
	    text_count(packets, num(drops, "packets")), plural(num(drops, "packets")));
	if (num(drops, "missed") > 0)
		add(&t, ", %s missed", text_count(packets, num(drops, "missed")));
	add(&t, "\n");
	add(&t, "allowlist  %s, %u entr%s\n", str(list, "path"), (unsigned)num(list, "entries"),
	    num(list, "entries") == 1 ? "y" : "ies");
	add(&t, "guests     %u running of %u; %u name%s, %u %s, %u event%s\n",
	    (unsigned)num(counts, "running"), (unsigned)num(counts, "vms"),
	    (unsigned)num(counts, "domains"), plural(num(counts, "domains")),
	    (unsigned)num(counts, "drops"), strcmp(str(json_object_get(r, "firewall"), "state"),
	    "observing") == 0 ? "seen" : "blocked", (unsigned)num(counts, "events"),
	    plural(num(counts, "events")));
	status_lists_text(&t, r, now);
	return t;
}

char *
apply_text(const json_t *r)
{
	const json_t *diff = json_object_get(r, "diff");
	const char *text = str(r, "diff");

	if (diff == NULL)
		return xasprintf("%s is in force%s\n", str(r, "profile"),
		    strcmp(str(r, "profile"), "observe") == 0 ?
		    ": guests reach anything, and it is only logged" : "");
	if (text[0] == '\0')
		return xasprintf("%s would change nothing\n", str(r, "profile"));
	return xasprintf("%s%s", text, text[strlen(text) - 1] == '\n' ? "" : "\n");
}

char *
flush_text(const json_t *r)
{
	return xstrdup("no rules are in force: every guest reaches everything; "
	    "\"gatehouse apply\" closes\n");
}

static char *
frozen_text(const json_t *r, const char *what)
{
	const char *name = json_string_value(json_array_get(json_object_get(r, "vms"), 0));

	const bool all = name == NULL || strcmp(name, "*") == 0;

	if (json_is_false(json_object_get(r, "changed")))
		return all ? xstrdup("no guest was frozen\n") : xasprintf("%s was not frozen\n", name);
	return xasprintf("%s is %s%s%s\n", all ? "every guest" : name, what,
	    str(r, "warning")[0] != '\0' ? "\n  warning: " : "", str(r, "warning"));
}

char *
freeze_text(const json_t *r)
{
	return frozen_text(r, "frozen");
}

char *
thaw_text(const json_t *r)
{
	return frozen_text(r, "thawed");
}

char *
act_text(const json_t *r)
{
	return xasprintf("%s was told to %s\n", str(r, "vm"), str(r, "done"));
}

char *
proxy_text(const json_t *r)
{
	char *t = NULL;

	add(&t, "the proxy is %s", str(r, "state"));
	if (strcmp(str(r, "state"), "stopped") != 0 && strcmp(str(r, "mode"), "enforce") == 0)
		add(&t, ", enforcing: only listed names pass");
	add_mode(&t, r, (double)now_wall() / 1e6);
	add(&t, "\n");
	return t;
}

char *
entry_text(const json_t *r)
{
	char *t = NULL;

	add(&t, "%s %s (line %u): %s\n", strcmp(str(r, "state"), "off") == 0 ? "off:" : "on: ",
	    str(r, "text"), (unsigned)num(r, "line"), str(r, "explain"));
	if (str(r, "warning")[0] != '\0')
		add(&t, "warning: %s\n", str(r, "warning"));
	if (str(r, "note")[0] != '\0')
		add(&t, "note: %s\n", str(r, "note"));
	return t;
}

/* "a.example, b.example and 3 more" of an array whose rows are strings. */
static void
add_list(char **t, const json_t *list, size_t total)
{
	const json_t *j;
	size_t i;

	json_array_foreach(list, i, j)
		add(t, "%s%s", i > 0 ? ", " : "", json_string_value(j) != NULL ? json_string_value(j) : "");
	if (total > json_array_size(list))
		add(t, " and %zu more", total - json_array_size(list));
}

static void
add_proposal(char **t, const json_t *p)
{
	const json_t *guests = json_object_get(p, "guests"), *covers = json_object_get(p, "covers");
	const size_t n = json_array_size(guests);

	add(t, "%s\n  asked for %u time%s", str(p, "text"), (unsigned)num(p, "asked"),
	    plural(num(p, "asked")));
	if (n > 0) {
		add(t, " by ");
		add_list(t, guests, n);
	}
	if (num(p, "names") > 1) {
		add(t, "; covers ");
		add_list(t, covers, num(p, "names"));
	}
	add(t, "\n");
	if (str(p, "warning")[0] != '\0')
		add(t, "  warning, so it is not taken with the others: %s\n", str(p, "warning"));
}

char *
learned_text(const json_t *r)
{
	const json_t *entries = json_object_get(r, "entries"), *p;
	const json_t *presets = json_object_get(r, "presets");
	const bool learning = strcmp(str(r, "mode"), "learn") == 0;
	char *t = NULL;
	size_t i, k;

	json_array_foreach(entries, i, p)
		add_proposal(&t, p);
	json_array_foreach(presets, k, p) {
		add(&t, "%sthe preset %s lists ", k == 0 ? "\n" : "", str(p, "text"));
		add_list(&t, json_object_get(p, "covers"), num(p, "names"));
		add(&t, "\n");
	}
	if (num(r, "lookup_names") > 0) {
		add(&t, "%slooked up without a connection, so no entry is proposed for: ", i > 0 ? "\n" : "");
		add_list(&t, json_object_get(r, "lookups"), num(r, "lookup_names"));
		add(&t, "\n");
	} else if (i == 0)
		add(&t, "nothing was learned that the allowlist does not say already%s\n", learning ? "" :
		    "; \"gatehouse proxy learn --for 30m\" begins it");
	if (num(r, "left") > 0)
		add(&t, "%u learned name%s more: take these first\n", (unsigned)num(r, "left"),
		    plural(num(r, "left")));
	if (num(r, "forgotten") > 0)
		add(&t, "%u learned name%s forgotten, for more were asked for than can be kept\n",
		    (unsigned)num(r, "forgotten"), num(r, "forgotten") == 1 ? " was" : "s were");
	if (i > 0)
		add(&t, "\n\"gatehouse allow --learned\" adds them, \"gatehouse undo\" takes that back\n");
	return t;
}

char *
accept_text(const json_t *r)
{
	const json_t *added = json_object_get(r, "added"), *left = json_object_get(r, "left_out"), *p;
	const bool dry = json_is_true(json_object_get(r, "dry_run"));
	char *t = NULL;
	size_t i;

	json_array_foreach(added, i, p)
		add(&t, "%s %s\n", dry ? "would add" : "added",
		    json_string_value(p) != NULL ? json_string_value(p) : "");
	json_array_foreach(left, i, p)
		add(&t, "left out %s: %s; add it by name if it is needed\n", str(p, "text"),
		    str(p, "warning"));
	if (t == NULL)
		add(&t, "nothing was learned that the allowlist does not say already\n");
	if (num(r, "left") > 0)
		add(&t, "%u learned name%s more: do it again\n", (unsigned)num(r, "left"),
		    plural(num(r, "left")));
	return t;
}

char *
remove_text(const json_t *r)
{
	return xasprintf("removed %s; \"gatehouse undo\" puts it back\n", str(r, "removed"));
}

char *
undo_text(const json_t *r)
{
	return xasprintf("undone: %s\n", str(r, "undone"));
}

/*
 * "  by .npmjs.org (line 5 of /etc/gatehouse/allowlist)", if an entry decided, and
 * where in a preset the name stands.
 */
static void
add_entry(char **t, const json_t *r)
{
	const json_t *preset = json_object_get(r, "preset");

	if (str(r, "entry")[0] != '\0')
		add(t, "  by %s (line %u of %s)\n", str(r, "entry"), (unsigned)num(r, "line"),
		    str(r, "file")[0] != '\0' ? str(r, "file") : "the allowlist");
	if (json_is_object(preset))
		add(t, "  with %s (line %u of %s)\n", str(preset, "text"),
		    (unsigned)num(preset, "line"), str(preset, "file"));
}

static void
add_advice(char **t, const json_t *r)
{
	add(t, "  %s\n", str(r, "advice"));
	if (str(r, "command")[0] != '\0')
		add(t, "  To let it through: %s\n", str(r, "command"));
}

/* How a port or an address that is not for the proxy is opened. */
static void
add_open(char **t, const json_t *r)
{
	const json_t *open = json_object_get(r, "open"), *item;
	size_t i;

	if (!json_is_true(json_object_get(r, "pinned")))
		return;
	if (!json_is_array(open))
		add(t, "  The packet filter lets the guest through by itself.\n");
	else if (json_array_size(open) == 0)
		add(t, "  It opens to the addresses that the guest looks up; none is open now.\n");
	else {
		json_array_foreach(open, i, item)
			add(t, "%s%s", i > 0 ? ", " : "  Open now: ", json_string_value(item));
		add(t, "\n");
	}
}

/* "  last asked for by agent-1: allow, dialled 198.51.100.7 (3-1042)" */
static void
add_last(char **t, const json_t *last)
{
	if (!json_is_object(last))
		return;
	add(t, "  last asked for by %s: %s, %s", str(last, "guest"), str(last, "verdict"),
	    str(last, "reason"));
	if (str(last, "dialled")[0] != '\0')
		add(t, ", dialled %s", str(last, "dialled"));
	add(t, " (%s)\n", str(last, "id"));
}

char *
check_text(const json_t *r)
{
	const bool six = strchr(str(r, "name"), ':') != NULL;
	char *t = NULL;

	add(&t, "%s %s%s%s%s%u%s: %s%s%s\n", str(r, "verdict"), six ? "[" : "", str(r, "name"),
	    six ? "]" : "", str(r, "name")[0] != '\0' ? ":" : "port ", (unsigned)num(r, "port"),
	    strcmp(str(r, "proto"), "udp") == 0 ? "/udp" : "", str(r, "reason"),
	    str(r, "detail")[0] != '\0' ? ", " : "", str(r, "detail"));
	add_entry(&t, r);
	add_advice(&t, r);
	add_open(&t, r);
	add_last(&t, json_object_get(r, "last"));
	if (json_is_false(json_object_get(r, "vm_known")))
		add(&t, "  No guest of that name is known now.\n");
	if (json_is_true(json_object_get(r, "vm_own_name")))
		add(&t, "  Entries with vm= do not go by that name: only the guest itself says it, and no VM\n"
		    "  manager that tells of its bridge's guests does.\n");
	return t;
}

char *
why_text(const json_t *r)
{
	char when[32], port[8] = "", up[TEXT_SHORT_SIZE], down[TEXT_SHORT_SIZE], *t = NULL;
	time_t time = (time_t)real(r, "time");
	struct tm tm;

	localtime_r(&time, &tm);
	strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm);
	/* A look-up by DNS is for no port. */
	if (num(r, "port") != 0)
		snprintf(port, sizeof(port), ":%u", (unsigned)num(r, "port"));
	add(&t, "%s  %s  %s %s %s%s (%s): %s\n", str(r, "id"), when, str(r, "guest"),
	    str(r, "verdict"), str(r, "name")[0] != '\0' ? str(r, "name") : "(no name)", port,
	    str(r, "via"), str(r, "reason"));
	add_entry(&t, r);
	add_advice(&t, r);
	if (num(r, "upstream") != 0)
		add(&t, "  the upstream proxy answered %u\n", (unsigned)num(r, "upstream"));
	if (num(r, "folded") != 0)
		add(&t, "  and %s more like it before, which were only counted\n",
		    text_count(up, num(r, "folded")));
	if (str(r, "wanted")[0] != '\0')
		add(&t, "  wanted %s", str(r, "wanted"));
	if (str(r, "dialled")[0] != '\0')
		add(&t, "%sdialled %s", str(r, "wanted")[0] != '\0' ? ", " : "  ", str(r, "dialled"));
	if (str(r, "wanted")[0] != '\0' || str(r, "dialled")[0] != '\0')
		add(&t, ", %s up, %s down\n", text_bytes(up, num(r, "bytes_up")),
		    text_bytes(down, num(r, "bytes_down")));
	if (str(r, "outcome_text")[0] != '\0')
		add(&t, "  %s\n", str(r, "outcome_text"));
	if (str(r, "tls_version")[0] != '\0')
		add(&t, "  %s%s%s%s\n", str(r, "tls_version"),
		    str(r, "alpn")[0] != '\0' ? ", " : "", str(r, "alpn"),
		    json_is_true(json_object_get(r, "ech")) ? ", with ECH" : "");
	return t;
}

char *
reload_text(const json_t *r)
{
	const char *warning = str(r, "warning");

	return xasprintf("configuration and allowlist are read again\n%s%s%s",
	    warning[0] != '\0' ? "warning: " : "", warning, warning[0] != '\0' ? "\n" : "");
}

char *
shutdown_text(const json_t *r)
{
	return xstrdup(json_is_false(json_object_get(r, "rules")) ?
	    "the daemon ends; no rules are in force, and guests stay open\n" :
	    "the daemon ends; its rules stay in force\n");
}
