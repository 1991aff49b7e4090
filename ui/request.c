/*
 * Requests to the engine, as a script could make them; what they changed comes
 * back as new rows.  A request that opens the way or ends what works asks
 * first, in one line that names the consequence: command_danger() is the one
 * place that knows which.  Keys make requests, and so do the lines typed at ":".
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "xmalloc.h"

enum { WORDS_MAX = 32 };

/* What waits for a reply. */
struct waiting {
	struct console	*console;
	const struct command *command;	/* makes text of the result; NULL */
	char		*what;		/* "disabled .npmjs.org": told when done */
	json_t		*params;	/* to send if nothing warns of it */
};

static struct waiting *
waiting_new(struct console *c, const struct command *command, const char *what)
{
	struct waiting *w = xcalloc(1, sizeof(*w));

	w->console = c;
	w->command = command;
	w->what = xstrdup(what);
	return w;
}

static void
waiting_free(struct waiting *w)
{
	json_decref(w->params);
	free(w->what);
	free(w);
}

/* A result in words: one line to the bottom, more into a popup. */
static void
result_show(struct console *c, const char *title, const char *text)
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
request_done(const json_t *result, const char *error, void *arg)
{
	struct waiting *w = arg;
	struct console *c = w->console;
	const char *undone = json_string_value(json_object_get(result, "undone"));
	const char *warning = cell_string(result, "warning");
	char *text = NULL;

	if (error != NULL)
		console_error(c, "%s", error);
	else if (warning[0] != '\0' && json_object_get(result, "vms") != NULL)
		console_error(c, "frozen, but %s", warning);	/* an entry's was asked about */
	else if (w->command != NULL && w->command->to_text != NULL &&
	    (text = w->command->to_text(result)) != NULL && text[0] != '\0')
		result_show(c, w->what, text);
	else if (undone != NULL)
		console_tell(c, "undone: %s", undone);
	else
		console_tell(c, "%s", w->what);
	free(text);
	waiting_free(w);
}

void
request_send(struct console *c, const char *what, const char *method, json_t *params)
{
	link_call(c->link, method, params, request_done, waiting_new(c, NULL, what));
}

/* The engine said what an entry would mean: where it warns, the operator decides. */
static void
entry_tried(const json_t *result, const char *error, void *arg)
{
	struct waiting *w = arg;
	const char *warning = cell_string(result, "warning");
	char *question;

	if (error != NULL)
		console_error(w->console, "%s", error);
	else if (warning[0] != '\0') {
		question = xasprintf("Add %s: %s.", cell_string(result, "text"), warning);
		prompt_ask(w->console, false, question, "entry.add", json_incref(w->params), w->what);
		free(question);
	} else {
		link_call(w->console->link, "entry.add", json_incref(w->params), request_done,
		    waiting_new(w->console, w->command, w->what));
	}
	waiting_free(w);
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
request_ask_or_make(struct console *c, const struct command *command, const char *what,
    const char *method, json_t *params)
{
	bool typed;
	char *question = command_danger(c->status, method, params, &typed);
	struct waiting *w;

	if (question != NULL)
		prompt_ask(c, typed, question, method, params, what);
	else if (strcmp(method, "entry.add") == 0) {
		w = waiting_new(c, command, what);
		w->params = params;
		link_call(c->link, method, dry_run(params), entry_tried, w);
	} else
		link_call(c->link, method, params, request_done, waiting_new(c, command, what));
	free(question);
}

void
request_make(struct console *c, const char *what, const char *method, json_t *params)
{
	request_ask_or_make(c, NULL, what, method, params);
}

void
request_shown(struct console *c, const struct command *command, const char *title, json_t *params)
{
	link_call(c->link, command->method, params, request_done, waiting_new(c, command, title));
}

/* ---- a line typed at ":" ---- */

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
request_line(struct console *c, const char *line)
{
	char *copy = xstrdup(line), *words[WORDS_MAX], *cause;
	int n = split_words(copy, words);
	const struct command *command;
	json_t *params = NULL;

	if (n == 0)
		goto out;
	command = command_of(n, words);
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
		request_ask_or_make(c, command, line, command->method, params);
out:
	free(copy);
}
