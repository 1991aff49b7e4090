/*
 * What keys and commands do.  Each is a request to the engine, as a script
 * could make it; what it changed comes back as new rows.  A request that
 * opens the way or ends what works asks first, in one line that names the
 * consequence: request_danger() is the one place that knows which.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "text.h"
#include "xmalloc.h"

enum { CANDIDATES_MAX = 3, WORDS_MAX = 32 };

/* What waits for a reply. */
struct action {
	struct console	*console;
	const struct command *command;	/* makes text of the result; NULL */
	char		*what;		/* "disabled .npmjs.org": told when done */
	unsigned	 popup;		/* the popup to fill, 0: none */
	size_t		 item;		/* its line, */
	int		 width;		/* whose first word has this width */
	json_t		*params;	/* to send if nothing warns of it */
};

static struct action *
action_new(struct console *c, const struct command *command, const char *what)
{
	struct action *a = xcalloc(1, sizeof(*a));

	a->console = c;
	a->command = command;
	a->what = xstrdup(what);
	return a;
}

static void
action_free(struct action *a)
{
	json_decref(a->params);
	free(a->what);
	free(a);
}

/* A result in words: one line to the bottom, more into a popup. */
static void
action_show(struct console *c, const char *title, const char *text)
{
	struct lines lines = { 0 };

	lines_text(&lines, INK_NORMAL, text);
	if (lines.n == 1 && (int)strlen(lines.line[0].text) < c->canvas->cols - 2)
		console_tell(c, "%s", lines.line[0].text);
	else if (lines.n > 0)
		popup_open(c, title, &lines);
	lines_free(&lines);
}

static void
action_done(const json_t *result, const char *error, void *arg)
{
	struct action *a = arg;
	struct console *c = a->console;
	const char *undone = json_string_value(json_object_get(result, "undone"));
	char *text = NULL;

	if (error != NULL)
		console_error(c, "%s", error);
	else if (a->command != NULL && a->command->to_text != NULL &&
	    (text = a->command->to_text(result)) != NULL && text[0] != '\0')
		action_show(c, a->what, text);
	else if (undone != NULL)
		console_tell(c, "undone: %s", undone);
	else
		console_tell(c, "%s", a->what);
	free(text);
	action_free(a);
}

void
action_send(struct console *c, const char *what, const char *method, json_t *params)
{
	link_call(c->link, method, params, action_done, action_new(c, NULL, what));
}

/*
 * The question to ask before a request, or NULL if it harms nobody.  *typed
 * when the answer must be written out.
 */
static char *
request_danger(const struct console *c, const char *method, const json_t *params, bool *typed)
{
	double running = cell_number(json_object_get(c->status, "counts"), "running");
	double open = cell_number(json_object_get(c->status, "proxy"), "connections");
	const char *profile = cell_string(params, "profile");
	bool dry = json_is_true(json_object_get(params, "dry_run"));
	char guests[48];

	/* How many is known only once the engine has said so. */
	if (c->status == NULL)
		snprintf(guests, sizeof(guests), "every guest");
	else
		snprintf(guests, sizeof(guests), "%.0f running guest%s", running,
		    running == 1 ? "" : "s");
	*typed = false;
	if (strcmp(method, "flush") == 0) {
		*typed = true;
		return xasprintf("Flush: %s will reach anything, unfiltered.", guests);
	}
	if (strcmp(method, "apply") == 0 && strcmp(profile, "observe") == 0 && !dry) {
		*typed = true;
		return xasprintf("Observe: %s will reach anything, only logged.", guests);
	}
	if (strcmp(method, "apply") == 0 && strcmp(profile, "lockdown") == 0 && !dry)
		return xasprintf("Lockdown: no guest reaches anything, %.0f open connections end.", open);
	if (strcmp(method, "proxy") == 0 && strcmp(cell_string(params, "action"), "stop") == 0)
		return xasprintf("Stop the proxy: no name is let through, %.0f open connections end.",
		    open);
	if (strcmp(method, "shutdown") == 0)
		return xasprintf("Shut the daemon down: rules stay, but no name is let through.");
	if (strcmp(method, "freeze") == 0 && cell_string(params, "vm")[0] == '\0')
		return xasprintf("Freeze all: no packet of %s passes.", guests);
	return NULL;
}

/* The engine said what an entry would mean: where it warns, the operator decides. */
static void
entry_tried(const json_t *result, const char *error, void *arg)
{
	struct action *a = arg;
	const char *warning = cell_string(result, "warning");
	char clean[PANE_CELL_SIZE], *question;

	if (error != NULL)
		console_error(a->console, "%s", error);
	else if (warning[0] != '\0') {
		question = xasprintf("Add %s: %s.", cell_string(result, "text"), warning);
		prompt_ask(a->console, false, draw_clean(clean, sizeof(clean), question), "entry.add",
		    json_incref(a->params), a->what);
		free(question);
	} else {
		link_call(a->console->link, "entry.add", json_incref(a->params), action_done,
		    action_new(a->console, a->command, a->what));
	}
	action_free(a);
}

static json_t *
dry_run(json_t *params)
{
	json_t *copy = json_copy(params);

	json_object_set_new(copy, "dry_run", json_true());
	return copy;
}

/* Takes params. */
static void
action_ask_or_send(struct console *c, const struct command *command, const char *what,
    const char *method, json_t *params)
{
	bool typed;
	char *question = request_danger(c, method, params, &typed);
	struct action *a;

	if (question != NULL)
		prompt_ask(c, typed, question, method, params, what);
	else if (strcmp(method, "entry.add") == 0) {
		a = action_new(c, command, what);
		a->params = params;
		link_call(c->link, method, dry_run(params), entry_tried, a);
	} else
		link_call(c->link, method, params, action_done, action_new(c, command, what));
	free(question);
}

void
action_request(struct console *c, const char *what, const char *method, json_t *params)
{
	action_ask_or_send(c, NULL, what, method, params);
}

/* Splits a line into words at spaces; quotes keep a word together. In place. */
static int
split_words(char *line, char *words[WORDS_MAX])
{
	int n = 0;
	char *out, quote;

	while (*(line += strspn(line, " ")) != '\0' && n < WORDS_MAX) {
		words[n++] = out = line;
		for (quote = '\0'; *line != '\0' && (quote != '\0' || *line != ' '); line++) {
			if (quote != '\0' ? *line == quote : *line == '"' || *line == '\'')
				quote = quote != '\0' ? '\0' : *line;
			else
				*out++ = *line;
		}
		if (*line != '\0')
			line++;
		*out = '\0';
	}
	return n;
}

/* The row of the key table with that command, run as if its key were typed. */
static bool
run_key_command(struct console *c, const char *name)
{
	for (const struct key_row *row = key_table; row->shown != NULL; row++)
		if (strcmp(row->command, name) == 0)
			return keys_run(c, row->keys[0]);
	return strcmp(name, "quit") == 0 && keys_run(c, 'q');
}

/* A command that prints rows shows them in their pane instead. Takes params. */
static void
show_view(struct console *c, const struct pane *pane, json_t *params)
{
	for (size_t i = 0; i < PANE_COUNT; i++) {
		struct view *v = &c->views[i];

		if (v->pane != pane)
			continue;
		copy_string(v->filter, cell_string(params, "filter"), sizeof(v->filter));
		view_reset(v);
		console_focus(c, i);
	}
	json_decref(params);
}

void
action_command(struct console *c, const char *line)
{
	char *copy = xstrdup(line), *words[WORDS_MAX], *cause;
	int n = split_words(copy, words);
	const struct command *command;
	json_t *params = NULL;

	if (n == 0)
		goto out;
	command = command_find(words[0]);
	if (command == NULL || command->method == NULL) {
		if (n == 1 && run_key_command(c, words[0]))
			goto out;
		if (command == NULL)
			console_error(c, "%s: no such command; ? lists the keys, "
			    "gatehouse --help the commands", words[0]);
		else
			console_error(c, "%s: only from a shell: gatehouse %s %s", words[0],
			    command->name, command->args);
		goto out;
	}
	cause = command->to_request(n, words, &params);
	if (cause != NULL) {
		console_error(c, "%s", cause);
		free(cause);
	} else if (pane_find(command->method) != NULL)
		show_view(c, pane_find(command->method), params);
	else
		action_ask_or_send(c, command, line, command->method, params);
out:
	free(copy);
}

/* ---- space ---- */

/* What can be added for a name: itself, its parent, its last two labels. */
static size_t
candidates(const char *name, char out[CANDIDATES_MAX][PANE_CELL_SIZE])
{
	const char *parent = strchr(name, '.'), *suffix = name + strlen(name);
	size_t n = 0, dots = 0;

	while (suffix > name && dots < 2)
		if (*--suffix == '.')
			dots++;
	if (*suffix == '.')
		suffix++;
	snprintf(out[n++], PANE_CELL_SIZE, "%s", name);
	if (parent != NULL && strchr(parent + 1, '.') != NULL)
		snprintf(out[n++], PANE_CELL_SIZE, "%s", parent);
	else
		snprintf(out[n++], PANE_CELL_SIZE, ".%s", name);
	if (strcmp(suffix, out[n - 1] + 1) != 0 && strcmp(suffix, name) != 0)
		snprintf(out[n++], PANE_CELL_SIZE, ".%s", suffix);
	return n;
}

static void
entry_add(struct console *c, const char *name, size_t item, int key)
{
	char choice[CANDIDATES_MAX][PANE_CELL_SIZE], what[PANE_CELL_SIZE + 16];

	if (item >= candidates(name, choice) || key == 'd')
		return;
	snprintf(what, sizeof(what), "added %s", choice[item]);
	action_request(c, what, "entry.add", json_pack("{s:s}", "text", choice[item]));
}

/* The engine explained an item of the offer, or warns of it. */
static void
offer_explained(const json_t *result, const char *error, void *arg)
{
	struct action *a = arg;
	struct popup *p = &a->console->popup;
	char clean[PANE_CELL_SIZE], *text;

	if (p->open && p->serial == a->popup && a->item < p->items) {
		text = xasprintf("%zu  %-*s  %s", a->item + 1, a->width, a->what,
		    error != NULL ? error : cell_string(result, "explain"));
		free(p->lines.line[a->item].text);
		p->lines.line[a->item].text = xstrdup(draw_clean(clean, sizeof(clean), text));
		free(text);
		if (cell_string(result, "warning")[0] != '\0')
			lines_add(&p->lines, INK_WARN, "! %s %s", a->what, cell_string(result, "warning"));
		console_dirty(a->console);
	}
	action_free(a);
}

static void
offer_entries(struct console *c, const char *name)
{
	char choice[CANDIDATES_MAX][PANE_CELL_SIZE], title[PANE_CELL_SIZE + 16];
	size_t n = candidates(name, choice);
	struct lines lines = { 0 };
	struct action *a;
	int width = 0;

	for (size_t i = 0; i < n; i++) {
		lines_add(&lines, INK_NORMAL, "%zu  %s", i + 1, choice[i]);
		if ((int)strlen(choice[i]) > width)
			width = (int)strlen(choice[i]);
	}
	snprintf(title, sizeof(title), "Allow %s", name);
	popup_menu(c, title, &lines, n, name, entry_add);
	for (size_t i = 0; i < n; i++) {
		a = action_new(c, NULL, choice[i]);
		a->popup = c->popup.serial;
		a->item = i;
		a->width = width;
		link_call(c->link, "entry.add", json_pack("{s:s, s:b}", "text", choice[i],
		    "dry_run", 1), offer_explained, a);
	}
}

static void
entry_switch(struct console *c, const json_t *id, const char *text, const char *state)
{
	char what[PANE_CELL_SIZE];
	bool on = strcmp(state, "off") != 0;

	if (strcmp(state, "ended") == 0) {
		console_error(c, "%s has ended; remove it (:remove) or add it anew (a)", text);
		return;
	}
	snprintf(what, sizeof(what), "%s %s  (u takes it back)", on ? "disabled" : "enabled", text);
	action_request(c, what, "entry.set",
	    json_pack("{s:O, s:s}", "entry", id, "state", on ? "off" : "on"));
}

void
action_toggle(struct console *c)
{
	const struct view *v = console_focused(c);
	const json_t *row = view_current(v), *id;

	if (v->pane != &pane_domains && v->pane != &pane_allowlist) {
		console_tell(c, "space switches an entry: go to Domains (3) or Allowlist (5)");
		return;
	}
	if (row == NULL) {
		console_tell(c, "no row here");
		return;
	}
	view_select(console_focused(c), v->cursor);
	row = view_current(v);
	if (v->pane == &pane_allowlist) {
		entry_switch(c, json_object_get(row, "id"), cell_string(row, "text"),
		    cell_string(row, "state"));
		return;
	}
	id = json_object_get(row, "entry_id");
	if (id != NULL && !json_is_null(id) && cell_string(row, "entry")[0] != '\0')
		entry_switch(c, id, cell_string(row, "entry"), cell_string(row, "entry_state"));
	else
		offer_entries(c, cell_string(row, "name"));
}

/* ---- other keys ---- */

void
action_allow(struct console *c)
{
	const struct view *v = console_focused(c);
	const json_t *row = view_current(v);
	char line[PROMPT_SIZE], target[PANE_CELL_SIZE] = "";

	if (row != NULL && v->pane == &pane_domains)
		draw_clean(target, sizeof(target), cell_string(row, "name"));
	else if (row != NULL && v->pane == &pane_allowlist)
		draw_clean(target, sizeof(target), cell_string(row, "text"));
	else if (row != NULL && v->pane == &pane_blocked && cell_number(row, "dport") > 0)
		cell_target(row, target, sizeof(target));
	snprintf(line, sizeof(line), "allow %s", target);
	prompt_open(c, PROMPT_COMMAND, ":", line);
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
		link_call(c->link, "apply",
		    json_pack("{s:s, s:b}", "profile", profile, "dry_run", 1), action_done,
		    action_new(c, command_find("apply"), "What would change"));
		return;
	}
	snprintf(what, sizeof(what), "applied %s", profile);
	action_request(c, what, "apply", json_pack("{s:s}", "profile", profile));
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
	action_request(c, "flushed: guests reach anything (A applies a profile)", "flush", NULL);
}

void
action_proxy(struct console *c)
{
	const char *state = cell_string(json_object_get(c->status, "proxy"), "state");
	bool stopped = strcmp(state, "stopped") == 0;

	action_request(c, stopped ? "proxy started" : "proxy stopped", "proxy",
	    json_pack("{s:s}", "action", stopped ? "start" : "stop"));
}

/* The guest a row is about, "" if none. */
static const char *
row_guest(const struct view *v, const json_t *row)
{
	return cell_string(row, v->pane == &pane_vms ? "name"
	    : v->pane == &pane_domains ? "last_guest" : "guest");
}

static bool
guest_frozen(const struct console *c, const char *name)
{
	size_t i;
	const json_t *row;

	json_array_foreach(c->views[0].rows, i, row)
		if (strcmp(cell_string(row, "name"), name) == 0)
			return strcmp(cell_string(row, "guard"), "frozen") == 0;
	return false;
}

void
action_freeze(struct console *c)
{
	struct view *v = console_focused(c);
	const json_t *row = view_current(v);
	const char *name = row_guest(v, row);
	char what[PANE_CELL_SIZE];
	bool frozen;

	if (name[0] == '\0') {
		console_tell(c, "no guest in this row: go to VMs (1); :freeze freezes all");
		return;
	}
	frozen = guest_frozen(c, name);
	snprintf(what, sizeof(what), frozen ? "thawed %s: the rules hold for it again"
	    : "froze %s: nothing of it passes (f thaws it)", name);
	action_request(c, what, frozen ? "thaw" : "freeze", json_pack("{s:s}", "vm", name));
}

void
action_undo(struct console *c)
{
	action_request(c, "undone", "entry.undo", NULL);
}

/* ---- enter ---- */

static void
why_lines(const json_t *hit, double now, struct lines *l)
{
	char buf[PANE_CELL_SIZE], up[TEXT_SHORT_SIZE], down[TEXT_SHORT_SIZE];
	bool allowed = strcmp(cell_string(hit, "verdict"), "allow") == 0;

	lines_add(l, allowed ? INK_GOOD : INK_BAD, "%-12s %s: %s", "decision",
	    cell_string(hit, "verdict"), cell_string(hit, "reason"));
	lines_field(l, "advice", cell_string(hit, "advice"));
	lines_field(l, "hit", cell_string(hit, "id"));
	cell_clock(hit, "time", now, buf, sizeof(buf));
	lines_field(l, "time", buf);
	lines_field(l, "guest", cell_string(hit, "guest"));
	/* A look-up by DNS is for no port. */
	if (cell_number(hit, "port") != 0)
		snprintf(buf, sizeof(buf), ", port %.0f", cell_number(hit, "port"));
	else
		buf[0] = '\0';
	lines_add(l, INK_NORMAL, "%-12s %s%s, by %s", "asked for", cell_string(hit, "name"), buf,
	    cell_string(hit, "via"));
	if (cell_string(hit, "entry")[0] != '\0')
		lines_add(l, INK_NORMAL, "%-12s %s (line %.0f)", "entry", cell_string(hit, "entry"),
		    cell_number(hit, "line"));
	lines_field(l, "guest chose", cell_string(hit, "wanted"));
	if (cell_number(hit, "upstream") != 0)
		lines_add(l, INK_NORMAL, "%-12s answered %.0f", "upstream", cell_number(hit, "upstream"));
	lines_field(l, "we dialled", cell_string(hit, "dialled"));
	if (cell_string(hit, "tls_version")[0] != '\0')
		lines_add(l, INK_NORMAL, "%-12s %s%s%s%s", "tls", cell_string(hit, "tls_version"),
		    cell_string(hit, "alpn")[0] != '\0' ? ", " : "", cell_string(hit, "alpn"),
		    json_is_true(json_object_get(hit, "ech")) ? ", with ECH" : "");
	lines_add(l, INK_NORMAL, "%-12s %s up, %s down", "traffic",
	    text_bytes(up, (uint64_t)cell_number(hit, "bytes_up")),
	    text_bytes(down, (uint64_t)cell_number(hit, "bytes_down")));
}

static void
why_answered(const json_t *result, const char *error, void *arg)
{
	struct action *a = arg;
	struct console *c = a->console;
	struct popup *p = &c->popup;

	if (p->open && p->serial == a->popup) {
		lines_add(&p->lines, INK_NORMAL, "%s", "");
		if (error != NULL)
			lines_add(&p->lines, INK_BAD, "%-12s %s", "why", error);
		else
			why_lines(result, console_now(c), &p->lines);
		console_dirty(c);
	}
	action_free(a);
}

void
action_detail(struct console *c)
{
	const struct view *v = console_focused(c);
	const json_t *row = view_current(v);
	struct lines lines = { 0 };
	const char *hit;
	struct action *a;

	if (row == NULL)
		return;
	hit = cell_string(row, v->pane == &pane_domains ? "last_id" : "hit_id");
	v->pane->detail(row, console_now(c), &lines);
	a = action_new(c, NULL, "why");
	a->popup = popup_open(c, v->pane->one, &lines);
	if (hit[0] != '\0')
		link_call(c->link, "why", json_pack("{s:s}", "id", hit), why_answered, a);
	else
		action_free(a);
}

/* ---- ! ---- */

void
action_alerts(struct console *c)
{
	const json_t *alerts = json_object_get(c->status, "alerts"), *alert;
	struct lines lines = { 0 };
	char when[32];
	size_t i;

	json_array_foreach(alerts, i, alert) {
		cell_clock(alert, "time", console_now(c), when, sizeof(when));
		lines_add(&lines, INK_BAD, "%-12s %s", when, cell_string(alert, "text"));
	}
	if (lines.n == 0)
		console_tell(c, "nothing is wrong that the daemon knows of");
	else
		popup_open(c, "What is wrong now", &lines);
	lines_free(&lines);
}
