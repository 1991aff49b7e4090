/*
 * The bottom line while something is typed: a command, a filter, or the
 * answer to a question.  A dangerous request waits here, whole, until the
 * answer is yes; any other answer drops it and says so.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "control.h"
#include "xmalloc.h"

void
prompt_open(struct console *c, enum prompt_kind kind, const char *label, const char *text)
{
	struct prompt *p = &c->prompt;

	p->kind = kind;
	copy_string(p->label, label, sizeof(p->label));
	copy_string(p->text, text, sizeof(p->text));
	p->len = p->at = strlen(p->text);
	p->history_at = p->nhistory;
	console_dirty(c);
}

void
prompt_close(struct console *c)
{
	struct prompt *p = &c->prompt;

	p->kind = PROMPT_NONE;
	free(p->method);
	free(p->what);
	json_decref(p->params);
	p->method = p->what = NULL;
	p->params = NULL;
	console_dirty(c);
}

void
prompt_free(struct prompt *p)
{
	free(p->method);
	free(p->what);
	json_decref(p->params);
	for (size_t i = 0; i < p->nhistory; i++)
		free(p->history[i]);
}

void
prompt_ask(struct console *c, bool typed, const char *question, const char *method,
    json_t *params, const char *what)
{
	char label[sizeof(c->prompt.label)], clean[sizeof(label) - 16];

	if (c->prompt.kind != PROMPT_NONE) {
		json_decref(params);
		console_error(c, "not done, for something else was being typed: %s", question);
		return;
	}
	/* The question may be cut; what to answer never. */
	snprintf(label, sizeof(label), "%s %s", draw_clean(clean, sizeof(clean), question),
	    typed ? "Type yes: " : "[y/N] ");
	prompt_open(c, typed ? PROMPT_TYPED_QUESTION : PROMPT_QUESTION, label, "");
	c->prompt.method = xstrdup(method);
	c->prompt.params = params;
	c->prompt.what = xstrdup(what);
}

static void
prompt_answer(struct console *c, bool yes)
{
	struct prompt *p = &c->prompt;

	if (yes) {
		request_send(c, p->what, p->method, p->params);
		p->params = NULL;
	} else
		console_tell(c, "not done");
	prompt_close(c);
}

static void
prompt_remember(struct prompt *p, const char *line)
{
	if (p->nhistory > 0 && strcmp(p->history[p->nhistory - 1], line) == 0)
		return;
	if (p->nhistory == HISTORY_MAX) {
		free(p->history[0]);
		memmove(p->history, p->history + 1, (HISTORY_MAX - 1) * sizeof(p->history[0]));
		p->nhistory--;
	}
	p->history[p->nhistory++] = xstrdup(line);
}

static void
prompt_recall(struct prompt *p, int step)
{
	if (p->kind != PROMPT_COMMAND || (step < 0 && p->history_at == 0) ||
	    (step > 0 && p->history_at >= p->nhistory))
		return;
	p->history_at = step < 0 ? p->history_at - 1 : p->history_at + 1;
	copy_string(p->text, p->history_at < p->nhistory ? p->history[p->history_at] : "",
	    sizeof(p->text));
	p->len = p->at = strlen(p->text);
}

static void
prompt_filter(struct console *c, const char *text)
{
	struct view *v = console_focused(c);

	if (strcmp(v->filter, text) == 0)
		return;
	copy_string(v->filter, text, sizeof(v->filter));
	view_reset(v);
}

static void
prompt_enter(struct console *c)
{
	struct prompt *p = &c->prompt;
	char line[PROMPT_SIZE];

	if (p->kind == PROMPT_TYPED_QUESTION) {
		prompt_answer(c, strcmp(p->text, "yes") == 0);
		return;
	}
	if (p->kind == PROMPT_COMMAND) {
		copy_string(line, p->text, sizeof(line));
		prompt_close(c);
		if (line[strspn(line, " ")] != '\0') {
			prompt_remember(p, line);
			request_line(c, line);
		}
		return;
	}
	/* Typed nothing: all rows again. */
	if (p->text[0] == '\0')
		prompt_filter(c, "");
	prompt_close(c);
}

static void
prompt_cancel(struct console *c)
{
	struct prompt *p = &c->prompt;

	if (p->kind == PROMPT_QUESTION || p->kind == PROMPT_TYPED_QUESTION) {
		prompt_answer(c, false);
		return;
	}
	if (p->kind == PROMPT_FILTER)
		prompt_filter(c, "");
	prompt_close(c);
}

static void
prompt_erase(struct prompt *p, size_t from, size_t to)
{
	memmove(p->text + from, p->text + to, p->len - to + 1);
	p->len -= to - from;
	p->at = from;
}

/* As many letters as all commands have in common that begin like this. */
static void
prompt_complete(struct prompt *p)
{
	const char *found = NULL;
	size_t common = 0, n = 0;

	if (p->kind != PROMPT_COMMAND || p->at != p->len || strchr(p->text, ' ') != NULL)
		return;
	for (const struct command *k = command_table; k->name != NULL; k++) {
		size_t same = 0;

		if (k->method == NULL || strncmp(k->name, p->text, p->len) != 0 ||
		    strchr(k->name, ' ') != NULL)
			continue;
		if (found == NULL)
			common = strlen(k->name);
		while (found != NULL && same < common && found[same] == k->name[same])
			same++;
		if (found != NULL)
			common = same;
		found = k->name;
		n++;
	}
	if (found == NULL || common + 2 > sizeof(p->text))
		return;
	snprintf(p->text, sizeof(p->text), "%.*s%s", (int)common, found, n == 1 ? " " : "");
	p->len = p->at = strlen(p->text);
}

/* Editing keys as readline has them. */
static void
prompt_edit(struct prompt *p, int key)
{
	size_t word = p->at;

	switch (key) {
	case UI_KEY_LEFT:
	case 'B' & 0x1f:
		p->at -= p->at > 0;
		break;
	case UI_KEY_RIGHT:
	case 'F' & 0x1f:
		p->at += p->at < p->len;
		break;
	case UI_KEY_HOME:
	case 'A' & 0x1f:
		p->at = 0;
		break;
	case UI_KEY_END:
	case 'E' & 0x1f:
		p->at = p->len;
		break;
	case UI_KEY_BACKSPACE:
		if (p->at > 0)
			prompt_erase(p, p->at - 1, p->at);
		break;
	case UI_KEY_DELETE:
	case 'D' & 0x1f:
		if (p->at < p->len)
			prompt_erase(p, p->at, p->at + 1);
		break;
	case 'U' & 0x1f:
		prompt_erase(p, 0, p->at);
		break;
	case 'K' & 0x1f:
		prompt_erase(p, p->at, p->len);
		break;
	case 'W' & 0x1f:
		while (word > 0 && p->text[word - 1] == ' ')
			word--;
		while (word > 0 && p->text[word - 1] != ' ')
			word--;
		prompt_erase(p, word, p->at);
		break;
	default:
		if (key < 0x20 || key > 0x7e || p->len + 1 >= sizeof(p->text))
			return;
		memmove(p->text + p->at + 1, p->text + p->at, p->len - p->at + 1);
		p->text[p->at++] = (char)key;
		p->len++;
	}
}

void
prompt_key(struct console *c, int key)
{
	struct prompt *p = &c->prompt;

	console_dirty(c);
	if (key == UI_KEY_ESCAPE || key == ('C' & 0x1f) || key == ('G' & 0x1f)) {
		prompt_cancel(c);
		return;
	}
	if (p->kind == PROMPT_QUESTION) {
		prompt_answer(c, key == 'y' || key == 'Y');
		return;
	}
	if (key == UI_KEY_ENTER) {
		prompt_enter(c);
		return;
	}
	if (key == UI_KEY_UP || key == UI_KEY_DOWN)
		prompt_recall(p, key == UI_KEY_UP ? -1 : 1);
	else if (key == UI_KEY_BACKSPACE && p->len == 0 && p->kind != PROMPT_TYPED_QUESTION)
		prompt_cancel(c);
	else if (key == UI_KEY_TAB)
		prompt_complete(p);
	else
		prompt_edit(p, key);
	if (p->kind == PROMPT_FILTER)
		prompt_filter(c, p->text);
}

/* A question too long for the bottom line takes lines above it: it must be read
 * whole.  Returns what is left for the bottom line. */
static const char *
prompt_draw_above(struct console *c, const char *label, int room)
{
	const char *at[sizeof(c->prompt.label)];
	char line[sizeof(c->prompt.label)];
	int n = 0, len, y = c->layout.bar_y;

	for (at[0] = label; (int)strlen(at[n]) > room; n++) {
		for (len = room; len > 0 && at[n][len] != ' '; len--)
			continue;
		at[n + 1] = at[n] + (len > 0 ? len + 1 : room);
	}
	for (int i = 0; i < n; i++) {
		draw_clear(c->canvas, y - n + i, 0, 1, c->canvas->cols, INK_PROMPT);
		snprintf(line, sizeof(line), "%.*s", (int)(at[i + 1] - at[i]), at[i]);
		draw_text(c->canvas, y - n + i, 1, c->canvas->cols - 1, INK_PROMPT, line);
	}
	return at[n];
}

void
prompt_draw(struct console *c)
{
	const struct prompt *p = &c->prompt;
	int y = c->layout.bar_y, x = 1, room, from = 0;
	const char *label = prompt_draw_above(c, p->label, c->canvas->cols - 12);

	draw_clear(c->canvas, y, 0, 1, c->canvas->cols, INK_PROMPT);
	x += draw_text(c->canvas, y, x, c->canvas->cols - x, INK_PROMPT, label);
	/* A long line scrolls, so that the cursor stays in sight. */
	room = c->canvas->cols - x - 1;
	if (room > 0 && (int)p->at > room)
		from = (int)p->at - room;
	draw_text(c->canvas, y, x, room, INK_PROMPT, p->text + from);
	screen_cursor(c->canvas, y, x + (int)p->at - from);
}
