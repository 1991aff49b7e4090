/*
 * The doctor's questions that only the roles can answer.  Each row is about one
 * matter; what is wrong with it is what the alerts say (events.c), so that the
 * console and the doctor are never of two minds.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "doctor/report.h"
#include "methods.h"
#include "xmalloc.h"

enum { ROW_ALERTS = 4 };

static const struct {
	const char	*check;
	const char	*well;			/* where none of the alerts is there */
	const char	*alerts[ROW_ALERTS];	/* failures */
	const char	*warnings[ROW_ALERTS];
} rows[] = {
	{ "firewall", NULL, { "open", "firewall", "listing", "uncovered" }, { "observing" } },
	{ "drift", "the kernel has the rules that were loaded", { "drift" }, { NULL } },
	{ "bridges", "a guarded bridge, or a guarded user, is there", { NULL }, { "bridges" } },
	{ "guests", "none that runs has a way out past the rules", { "leaking" },
	    { "unguardable", "manager", "inventory" } },
	{ "roles", "all three run", { "net" }, { NULL } },
	{ "proxy", "it serves", { "proxy", "paused", "users" }, { "learn", "limit", "lost" } },
	{ "dns", "guests' questions are answered", { "dns" }, { NULL } },
	{ "log", "blocked packets are read", { "capture" }, { NULL } },
	{ "upstream", NULL, { "upstream" }, { NULL } },
	{ "allowlist", "it is in force", { "allowlist", "stale" }, { NULL } },
	{ "pins", "the kernel forwards, or no entry needs it", { "forward", "addresses" }, { NULL } },
	{ "config", "it is in force", { "reload" }, { NULL } },
	{ "notify", NULL, { NULL }, { "notify" } },
};

/* A line for each of these alerts that is there; how many. */
static size_t
add_alerts(const struct engine *e, json_t *out, const char *check, const char *const keys[ROW_ALERTS],
    enum doctor_state level)
{
	size_t n = 0;

	for (size_t i = 0; i < ROW_ALERTS && keys[i] != NULL; i++) {
		for (size_t k = 0; k < e->nalerts; k++) {
			if (strcmp(e->alerts[k].key, keys[i]) != 0)
				continue;
			doctor_add(out, check, level, xstrdup(e->alerts[k].text), NULL);
			n++;
		}
	}
	return n;
}

static char *
firewall_well(const struct engine *e)
{
	if (life_resting(e))
		return xstrdup("no guest runs, so the rules wait for one (flush-when-idle)");
	return xasprintf("%s %s is in force with the profile %s", e->fw.backend, e->fw.place,
	    profile_name(e->fw.profile));
}

/* Of rules that are gone or were changed "in force" would be a lie. */
static bool
has_drift(const struct engine *e)
{
	for (size_t i = 0; i < e->nalerts; i++) {
		if (strcmp(e->alerts[i].key, "drift") == 0)
			return true;
	}
	return false;
}

static void
alert_rows(struct engine *e, json_t *out)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (add_alerts(e, out, rows[i].check, rows[i].alerts, DOCTOR_FAIL) +
		    add_alerts(e, out, rows[i].check, rows[i].warnings, DOCTOR_WARN) > 0)
			continue;
		if (rows[i].well != NULL)
			doctor_add(out, rows[i].check, DOCTOR_OK, xstrdup(rows[i].well), NULL);
		else if (strcmp(rows[i].check, "firewall") == 0 && has_drift(e))
			doctor_add(out, rows[i].check, DOCTOR_FAIL, xstrdup("the kernel does not have the "
			    "rules that were loaded"), "\"gatehouse apply\" loads them; see drift");
		else if (strcmp(rows[i].check, "firewall") == 0)
			doctor_add(out, rows[i].check, DOCTOR_OK, firewall_well(e), NULL);
	}
}

/* Fewer descriptors than [proxy] asks for: nothing fails, but sooner than it says. */
static void
limits_row(const struct engine *e, json_t *out)
{
	const struct msg_net_state *s = &e->net_state;

	if (s->proxy_up == 0 || (s->max_connections >= e->conf.max_connections &&
	    s->max_per_guest >= e->conf.max_per_guest))
		return;
	doctor_add(out, "limits", DOCTOR_WARN, xasprintf("there are descriptors for %u connections at "
	    "once, and %u of one guest: fewer than max-connections (%u) and max-per-guest (%u) say",
	    s->max_connections, s->max_per_guest, e->conf.max_connections, e->conf.max_per_guest),
	    "raise the daemon's limit (ulimit -n, LimitNOFILE=), or lower both");
}

/* The listing that came at last says which labels there are. */
static bool
has_label(const struct engine *e, const char *label)
{
	for (size_t i = 0; i < e->nrules; i++) {
		if (strcmp(e->rules[i].rule.label, label) == 0)
			return true;
	}
	return false;
}

/* ... and which of them refuse: pf's action for that is block. */
static bool
closes(const struct engine *e, const char *label)
{
	for (size_t i = 0; i < e->nrules; i++) {
		const struct fw_rule *r = &e->rules[i].rule;

		if (strcmp(r->label, label) == 0 && (strcmp(r->action, "reject") == 0 ||
		    strcmp(r->action, "drop") == 0 || strncmp(r->action, "block", 5) == 0))
			return true;
	}
	return false;
}

/* Whom the ports of ours are closed to is what their rules say. */
static void
closed_row(struct engine *e, json_t *out)
{
	const char *const labels[] = { "proxy", "dns", e->conf.explicit_port != 0 ? "explicit" : "dns" };

	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
		if (closes(e, labels[i]))
			continue;
		doctor_add(out, "closed", DOCTOR_FAIL, xasprintf("no rule labelled %s closes that "
		    "port of ours to others than guests", labels[i]), "\"gatehouse apply\" loads the "
		    "rules again; a rule file of your own needs such a rule");
		return;
	}
	doctor_add(out, "closed", DOCTOR_OK, xstrdup("only guests and this host reach the ports of the "
	    "proxy and the DNS filter"), NULL);
}

static bool
has_changes(const char *diff)
{
	for (const char *line = diff; line != NULL; line = strchr(line, '\n')) {
		line += *line == '\n';
		if ((*line == '+' || *line == '-') && strncmp(line, "+++", 3) != 0 &&
		    strncmp(line, "---", 3) != 0)
			return true;
	}
	return false;
}

/* The last request: the listing before it has come by now. */
static void
diff_done(struct engine *e, struct fw_pending *p, const char *cause)
{
	json_t *out = json_array();
	char *text;

	alert_rows(e, out);
	limits_row(e, out);
	if (e->fw.profile != PROFILE_NONE)
		closed_row(e, out);
	if (e->fw.profile == PROFILE_NONE)
		;	/* and no rules: "firewall" says so */
	else if (cause != NULL)
		doctor_add(out, "rules", DOCTOR_FAIL, xasprintf("the profile %s cannot be compared with "
		    "the kernel's rules: %s", profile_name(p->profile), cause),
		    "\"gatehouse daemon -n\" says more");
	else if (has_changes(p->text != NULL ? p->text : "")) {
		text = xasprintf("the kernel's rules are not those that the profile %s would be now",
		    profile_name(p->profile));
		doctor_add(out, "rules", DOCTOR_FAIL, text,
		    "\"gatehouse apply --dry-run\" shows how, \"gatehouse apply\" loads them");
	} else
		doctor_add(out, "rules", DOCTOR_OK, xasprintf("they are what the profile %s says",
		    profile_name(p->profile)), NULL);
	control_reply(p->call, json_pack("{s:o, s:s, s:b}", "checks", out, "backend",
	    e->fw.backend, "canary", has_label(e, "canary")));
}

void
method_doctor(struct engine *e, struct control_call *call, const json_t *params)
{
	struct msg_fw_request list = { .verb = FW_LIST }, diff = { .verb = FW_DIFF };

	alerts_update(e);
	diff.profile = e->fw.profile != PROFILE_NONE ? e->fw.profile : PROFILE_FILTERED;
	/* Answered in order; each stands alone. */
	if (!rules_request(e, &list, rules_listed, NULL, NULL) ||
	    !rules_request(e, &diff, diff_done, call, NULL))
		control_fail(call, CONTROL_BUSY, xstrdup("too many requests wait for the firewall; try "
		    "again in a moment"));
}
