/*
 * What keys do to the guard.  A key acts on the row that the operator chose; a
 * row that only happens to be under the cursor is asked about, by name.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "xmalloc.h"

/*
 * The row under the cursor, to act on it; NULL when there is none, which is told
 * here.  *chosen: the operator went to this very row.  Rows move by themselves
 * until someone goes to one, and a row that goes leaves its place to another:
 * then what is acted on is asked about by name.
 */
static const json_t *
row_to_act_on(struct console *c, bool *chosen)
{
	struct view *v = console_focused(c);
	const json_t *row = view_current(v);

	*chosen = v->chosen;
	if (row != NULL && link_state(c->link) == LINK_UP && v->wait != VIEW_CURRENT) {
		/* Ids of a daemon that was started again are others. */
		console_tell(c, "these rows are out of date; try again when new ones have come");
		return NULL;
	}
	if (row == NULL)
		console_tell(c, "no row here");
	else
		view_select(v, v->cursor);
	return row;
}

/* ---- space ---- */

/* decided: the name whose row is acted on, or "" for the entry's own. */
static void
entry_switch(struct console *c, const json_t *id, const char *text, const char *state,
    const char *decided, bool chosen)
{
	char what[PANE_CELL_SIZE], *question;
	bool on = strcmp(state, "off") != 0;
	json_t *params;

	if (strcmp(state, "ended") == 0) {
		console_error(c, "%s has ended; remove it (:remove) or add it anew (a)", text);
		return;
	}
	snprintf(what, sizeof(what), "%s %s  (u takes it back)", on ? "disabled" : "enabled", text);
	params = json_pack("{s:O, s:s}", "entry", id, "state", on ? "off" : "on");
	if (chosen) {
		request_make(c, what, "entry.set", params);
		return;
	}
	question = xasprintf("Switch %s %s%s%s%s.", text, on ? "off" : "on",
	    decided[0] != '\0' ? " (it decided " : "", decided, decided[0] != '\0' ? ")" : "");
	prompt_ask(c, false, question, "entry.set", params, what);
	free(question);
}

void
action_toggle(struct console *c)
{
	const struct view *v = console_focused(c);
	const json_t *row, *id;
	bool chosen;

	if (v->pane != &pane_domains && v->pane != &pane_allowlist) {
		console_tell(c, "space switches an entry: go to Domains (3) or Allowlist (5)");
		return;
	}
	if ((row = row_to_act_on(c, &chosen)) == NULL)
		return;
	if (v->pane == &pane_allowlist) {
		entry_switch(c, json_object_get(row, "id"), cell_string(row, "text"),
		    cell_string(row, "state"), "", chosen);
		return;
	}
	id = json_object_get(row, "entry_id");
	if (strcmp(cell_string(row, "name"), "(no name)") == 0)
		console_tell(c, "no entry can list what has no name; enter shows the last of it");
	else if (id != NULL && !json_is_null(id) && cell_string(row, "entry")[0] != '\0')
		entry_switch(c, id, cell_string(row, "entry"), cell_string(row, "entry_state"),
		    cell_string(row, "name"), chosen);
	else
		offer_entries(c, cell_string(row, "name"), cell_string(row, "last_guest"));
}

/* ---- other keys ---- */

static void
allow_prompt(struct console *c, const char *target)
{
	char line[PROMPT_SIZE];

	/* An entry's options are one word with it. */
	snprintf(line, sizeof(line), strchr(target, ' ') != NULL ? "allow '%s'" : "allow %s", target);
	prompt_open(c, PROMPT_COMMAND, ":", line);
}

/* The engine has said which name an event of the timeline is about. */
static void
allow_answered(const json_t *result, const char *error, void *arg)
{
	char target[PANE_CELL_SIZE];
	struct console *c = arg;

	if (c->prompt.kind == PROMPT_NONE && !c->popup.open)
		allow_prompt(c, draw_clean(target, sizeof(target), cell_string(result, "name")));
}

void
action_allow(struct console *c)
{
	const struct view *v = console_focused(c);
	const json_t *row = view_current(v);
	char target[PANE_CELL_SIZE] = "";

	if (row != NULL && v->pane == &pane_timeline && cell_string(row, "hit_id")[0] != '\0') {
		link_call(c->link, "why", json_pack("{s:s}", "id", cell_string(row, "hit_id")),
		    allow_answered, c);
		return;
	}
	if (row != NULL && v->pane == &pane_domains)
		draw_clean(target, sizeof(target), cell_string(row, "name"));
	else if (row != NULL && v->pane == &pane_allowlist)
		draw_clean(target, sizeof(target), cell_string(row, "text"));
	else if (row != NULL && v->pane == &pane_blocked)
		draw_clean(target, sizeof(target), cell_string(row, "entry"));
	allow_prompt(c, target);
}

static const struct {
	const char	*profile, *help;
} profiles[] = {
	{ "filtered", "names on the allowlist pass, all else is blocked" },
	{ "lockdown", "nothing passes" },
	{ "observe", "everything passes and is logged" },
};

static void
profile_chosen(struct console *c, const char *about, size_t item, int key)
{
	const char *profile = profiles[item].profile;
	char what[96];

	if (key == 'd') {
		request_shown(c, command_find("apply"), "What would change",
		    json_pack("{s:s, s:b}", "profile", profile, "dry_run", 1));
		return;
	}
	snprintf(what, sizeof(what), "applied %s", profile);
	request_make(c, what, "apply", json_pack("{s:s}", "profile", profile));
}

void
action_apply(struct console *c)
{
	const size_t n = sizeof(profiles) / sizeof(profiles[0]);
	struct lines lines = { 0 };

	for (size_t i = 0; i < n; i++)
		lines_add(&lines, INK_NORMAL, "%zu  %-10s %s", i + 1, profiles[i].profile,
		    profiles[i].help);
	lines_add(&lines, INK_DIM, "d shows what would change, and changes nothing");
	popup_menu(c, "Apply a profile", &lines, n, "", profile_chosen);
	for (size_t i = 0; i < n; i++)
		if (strcmp(cell_string(json_object_get(c->status, "firewall"), "profile"),
		    profiles[i].profile) == 0)
			c->popup.item = i;
}

void
action_flush(struct console *c)
{
	request_make(c, "flushed: guests reach anything (A applies a profile)", "flush", NULL);
}

void
action_proxy(struct console *c)
{
	const char *state = cell_string(json_object_get(c->status, "proxy"), "state");
	bool stopped = strcmp(state, "stopped") == 0;

	request_make(c, stopped ? "proxy started" : "proxy stopped", "proxy",
	    json_pack("{s:s}", "action", stopped ? "start" : "stop"));
}

void
action_learn(struct console *c)
{
	const char *mode = cell_string(json_object_get(c->status, "proxy"), "mode");
	bool learning = strcmp(mode, "learn") == 0;

	request_make(c, learning ? "enforcing: only listed names pass" :
	    "learning: unlisted names pass (L ends it; :entries --learned shows them)", "proxy",
	    json_pack("{s:s}", "action", learning ? "enforce" : "learn"));
}

/* ---- f ---- */

/* A guest that the engine is asked about first. */
struct freezing {
	struct console	*console;
	char		*name;
};

/* The guest a row is about, "" if none. */
static const char *
row_guest(const struct view *v, const json_t *row)
{
	return cell_string(row, v->pane == &pane_vms ? "name"
	    : v->pane == &pane_domains ? "last_guest" : "guest");
}

static bool
is_frozen(const json_t *guest)
{
	return json_is_true(json_object_get(guest, "frozen"));
}

static void
freeze_or_thaw(struct console *c, const char *name, const json_t *guest, bool ask)
{
	const char *guard = cell_string(guest, "guard");
	const bool frozen = is_frozen(guest);
	char what[PANE_CELL_SIZE], *question;
	json_t *params = json_pack("{s:s}", "vm", name);

	snprintf(what, sizeof(what), frozen ? "thawed %s: the rules hold for it again"
	    : "froze %s: nothing of it passes (f thaws it)", name);
	if (!ask) {
		request_make(c, what, frozen ? "thaw" : "freeze", params);
		return;
	}
	if (!frozen && (strcmp(guard, "leaking") == 0 || strcmp(guard, "unguardable") == 0))
		question = xasprintf("Freeze %s, which is %s: what goes past the rules goes on.",
		    name, guard);
	else
		question = xasprintf(frozen ? "Thaw %s: what the rules let through passes again."
		    : "Freeze %s: nothing of it passes, what is open ends.", name);
	prompt_ask(c, false, question, frozen ? "thaw" : "freeze", params, what);
	free(question);
}

/* The engine's guests of about that name have come. */
static void
freeze_answered(const json_t *result, const char *error, void *arg)
{
	struct freezing *f = arg;
	const json_t *rows = json_object_get(result, "rows"), *row;
	size_t i;

	if (error != NULL) {
		console_error(f->console, "%s", error);
		goto out;
	}
	json_array_foreach(rows, i, row) {
		if (strcmp(cell_string(row, "name"), f->name) != 0)
			continue;
		freeze_or_thaw(f->console, f->name, row, true);
		goto out;
	}
	console_error(f->console, "there is no guest %s now: nothing was done", f->name);
out:
	free(f->name);
	free(f);
}

/*
 * At once only where the guest is plainly the one that was chosen: in VMs, and
 * what is shown of it is so now.  Elsewhere a row tells of a guest, but not
 * whether it is frozen.
 */
void
action_freeze(struct console *c)
{
	const struct view *v = console_focused(c);
	const json_t *row = view_current(v);
	struct freezing *f;
	const char *name;
	bool chosen;

	if (row != NULL && row_guest(v, row)[0] == '\0') {
		console_tell(c, "no guest in this row: go to VMs (1); :freeze freezes all");
		return;
	}
	if ((row = row_to_act_on(c, &chosen)) == NULL)
		return;
	name = row_guest(v, row);
	if (v->pane == &pane_vms && chosen && !c->paused) {
		freeze_or_thaw(c, name, row, false);
		return;
	}
	f = xcalloc(1, sizeof(*f));
	f->console = c;
	f->name = xstrdup(name);
	link_call(c->link, "vms", json_pack("{s:s, s:i}", "filter", name, "limit", CONTROL_ROWS_MAX),
	    freeze_answered, f);
}

/* ---- r ---- */

void
action_run(struct console *c)
{
	const struct view *v = console_focused(c);
	char what[PANE_CELL_SIZE];
	const char *name;
	const json_t *row;
	bool chosen, running;

	if (v->pane != &pane_vms) {
		console_tell(c, "guests are started and stopped in VMs (1)");
		return;
	}
	if ((row = row_to_act_on(c, &chosen)) == NULL)
		return;
	name = cell_string(row, "name");
	running = strcmp(cell_string(row, "state"), "running") == 0;
	if (!json_is_true(json_object_get(row, running ? "can_stop" : "can_start"))) {
		console_tell(c, "%s cannot be %s from here: no VM manager that could is known for it", name,
		    running ? "stopped" : "started");
		return;
	}
	snprintf(what, sizeof(what), "told %s to %s", name, running ? "stop" : "start");
	request_make(c, what, running ? "guest.stop" : "guest.start", json_pack("{s:s}", "vm", name));
}

void
action_undo(struct console *c)
{
	request_make(c, "undone", "entry.undo", NULL);
}

