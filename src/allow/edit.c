/*
 * Edits of the allowlist.  Each is one splice of the text: some bytes at one
 * place become others, and everything else stays as it is.  The splice and
 * its opposite are all that undo needs.
 *
 * A splice covers whole lines, with or without their line ending, so the
 * entries in it can be read again by themselves.
 */
#include "config.h"

#include "allow/list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"
#include "xmalloc.h"

enum { LINE_ENDING_MAX = 2 };

static size_t
count_newlines(const char *s, size_t len)
{
	const char *end = s + len;
	size_t n = 0;

	while ((s = memchr(s, '\n', (size_t)(end - s))) != NULL) {
		s++;
		n++;
	}
	return n;
}

static void
splice_text(struct allowlist *l, size_t at, size_t cut, const char *new, size_t new_len)
{
	const size_t len = l->len - cut + new_len;

	if (len > l->room) {
		l->room = len + 4096;
		l->text = xreallocarray(l->text, l->room, 1);
	}
	memmove(l->text + at + new_len, l->text + at + cut, l->len - at - cut);
	if (new_len != 0)
		memcpy(l->text + at, new, new_len);
	l->len = len;
}

/* Reads the entries within [at, end) of the text, which have ids from id on.
 * Returns how many; items NULL: only counts them. */
static size_t
read_items(const struct allowlist *l, size_t at, size_t end, uint32_t line, uint32_t id,
    struct item *items)
{
	char why[GH_CAUSE_SIZE];
	struct line_parts p;
	struct allow_entry e;
	const char *nl;
	size_t len, n = 0;

	for (; at < end; at += len + 1, line++) {
		nl = memchr(l->text + at, '\n', end - at);
		len = nl != NULL ? (size_t)(nl - (l->text + at)) : end - at;
		if (!line_split(&p, l->text + at, len) ||
		    !entry_parse(&e, p.core, p.core_len, why))
			continue;
		if (items != NULL) {
			items[n] = (struct item){ .off = (uint32_t)at, .id = id + (uint32_t)n,
				.line = line };
			item_note(&items[n], &e);
		}
		n++;
	}
	return n;
}

/* cut bytes at become new ones; the entries in them, if any, have ids from id on. */
static void
splice(struct allowlist *l, size_t at, size_t cut, const char *new, size_t new_len,
    uint32_t id)
{
	const size_t first = list_item_at(l, at), after = list_item_at(l, at + cut);
	const size_t from = first > 0 ? l->items[first - 1].off : 0;
	const uint32_t line = (first > 0 ? l->items[first - 1].line : 1) +
	    (uint32_t)count_newlines(l->text + from, at - from);
	const uint32_t lines_cut = (uint32_t)count_newlines(l->text + at, cut);
	const uint32_t lines_new = (uint32_t)count_newlines(new, new_len);
	size_t found;

	splice_text(l, at, cut, new, new_len);
	found = read_items(l, at, at + new_len, line, id, NULL);
	if (l->n + found > l->items_room) {
		l->items_room = l->n + found + 64;
		l->items = xreallocarray(l->items, l->items_room, sizeof(*l->items));
	}
	for (size_t i = after; i < l->n; i++) {
		l->items[i].off += (uint32_t)(new_len - cut);
		l->items[i].line += lines_new - lines_cut;
	}
	memmove(l->items + first + found, l->items + after,
	    (l->n - after) * sizeof(*l->items));
	l->n = l->n - (after - first) + found;
	read_items(l, at, at + new_len, line, id, l->items + first);
	list_changed(l);
}

void
undo_free(struct undo *u)
{
	free(u->before);
	free(u->after);
	free(u->what);
	memset(u, 0, sizeof(*u));
}

/* Does it, and remembers it; the oldest edit is forgotten where there are many. */
static void
edit(struct allowlist *l, size_t at, size_t cut, const char *new, size_t new_len,
    uint32_t id, char *what)
{
	struct undo *u;

	if (l->nundo == UNDO_MAX) {
		undo_free(&l->undo[0]);
		memmove(&l->undo[0], &l->undo[1], (UNDO_MAX - 1) * sizeof(l->undo[0]));
		l->nundo--;
	}
	u = &l->undo[l->nundo++];
	*u = (struct undo){ .at = at, .before_len = cut, .after_len = new_len, .id = id,
		.line_start = at == 0 || l->text[at - 1] == '\n', .what = what };
	u->before = xmalloc(cut);
	memcpy(u->before, l->text + at, cut);
	u->after = xmalloc(new_len);
	memcpy(u->after, new, new_len);
	splice(l, at, cut, new, new_len, id);
}

static char *
what_text(const char *verb, const struct allow_entry *e)
{
	char *text = allow_entry_text(e), *what = xasprintf("%s %s", verb, text);

	free(text);
	return what;
}

char *
allowlist_set(struct allowlist *l, uint32_t id, bool on)
{
	const size_t i = list_item(l, id);
	struct allow_entry e;
	struct line_parts p;
	const char *line;
	char *new, *text, until[32];
	size_t len, front, new_len;

	if (!allowlist_entry(l, i, &e))
		return xasprintf("%s: there is no entry %u any more", l->path, id);
	if (on && entry_ended(&e))
		return xasprintf(
		    "%s:%u: the entry ended at %s; add it again with another "
		    "until=, or without",
		    l->path, e.line, text_time_format(until, e.until));
	if (on == (e.state != ALLOW_OFF))
		return NULL;
	list_line(l, &l->items[i], &line, &len);
	line_split(&p, line, len);
	front = (size_t)((on ? p.mark : p.core) - line);
	text = xasprintf("%s", on ? "" : "#off ");
	new_len = front + strlen(text) + len - (size_t)(p.core - line);
	if (new_len > ALLOW_LINE_MAX) {
		free(text);
		return xasprintf(
		    "%s:%u: with \"#off \" the line would have more than %u bytes; "
		    "shorten its comment",
		    l->path, e.line, ALLOW_LINE_MAX);
	}
	new = xmalloc(new_len);
	memcpy(new, line, front);
	memcpy(new + front, text, strlen(text));
	memcpy(new + front + strlen(text), p.core, len - (size_t)(p.core - line));
	edit(l, l->items[i].off, len, new, new_len, id,
	    what_text(on ? "enabled" : "disabled", &e));
	free(new);
	free(text);
	return NULL;
}

char *
allowlist_remove(struct allowlist *l, uint32_t id)
{
	const size_t i = list_item(l, id);
	struct allow_entry e;
	const char *line;
	size_t len;

	if (!allowlist_entry(l, i, &e))
		return xasprintf("%s: there is no entry %u any more", l->path, id);
	list_line(l, &l->items[i], &line, &len);
	if (l->items[i].off + len < l->len)
		len++;	/* its newline */
	edit(l, l->items[i].off, len, "", 0, id, what_text("removed", &e));
	return NULL;
}

struct same_entry {
	const struct allow_entry	*wanted;
	uint32_t			 id;	/* 0: none yet */
};

/* Prefers one that is on, so that its double stays off. */
static bool
find_same(const struct allow_entry *e, void *arg)
{
	struct same_entry *s = arg;

	if (!entry_same(e, s->wanted))
		return false;
	if (s->id == 0 || e->state != ALLOW_OFF)
		s->id = e->id;
	return e->state != ALLOW_OFF;
}

/* How the lines of the file end. */
static const char *
line_ending(const struct allowlist *l)
{
	const char *first = memchr(l->text, '\n', l->len);

	return first != NULL && first > l->text && first[-1] == '\r' ? "\r\n" : "\n";
}

/* Reads what is to be added: one line that is an entry, spaces trimmed. */
static char *
read_new(const char **text, size_t *len, struct allow_entry *e)
{
	char why[GH_CAUSE_SIZE], shown[80];
	struct line_parts p;

	while (**text == ' ' || **text == '\t')
		(*text)++;
	*len = strlen(*text);
	while (*len > 0 && strchr(" \t\r\n", (*text)[*len - 1]) != NULL)
		(*len)--;
	text_escape(shown, sizeof(shown), *text, *len);
	if (*len > ALLOW_LINE_MAX || memchr(*text, '\n', *len) != NULL ||
	    memchr(*text, '\r', *len) != NULL)
		return xasprintf("\"%s\": an entry is one line of at most %u bytes",
		    shown, ALLOW_LINE_MAX);
	if (!line_split(&p, *text, *len))
		return xasprintf(
		    "\"%s\": not an entry; write a name, as in .example.org", shown);
	if (p.mark != NULL)
		return xasprintf(
		    "\"%s\": add the entry without #off, then disable it", shown);
	if (!entry_parse(e, p.core, p.core_len, why))
		return xstrdup(why);
	if (entry_ended(e))
		return xasprintf("\"%s\": its until= has passed already", shown);
	return NULL;
}

/* Whether so many more entries of so many bytes fit. */
static char *
check_room(const struct allowlist *l, size_t n, size_t bytes)
{
	if (n <= ALLOW_ENTRIES_MAX && l->n <= ALLOW_ENTRIES_MAX - n &&
	    l->len + bytes <= ALLOW_FILE_MAX)
		return NULL;
	return xasprintf("%s: the list is full (%u entries, %u MiB); remove entries, or "
	    "list domains instead of hosts", l->path, ALLOW_ENTRIES_MAX, ALLOW_FILE_MAX >> 20);
}

/* Puts lines behind the last, n entries in them, each but the last line ended.
 * A file that ends without a newline goes on doing so. */
static void
append(struct allowlist *l, const char *lines, size_t n, char *what)
{
	const bool open_end = l->len > 0 && l->text[l->len - 1] != '\n';
	const char *ending = line_ending(l);
	char *new = xasprintf("%s%s%s", open_end ? ending : "", lines, open_end ? "" : ending);

	edit(l, l->len, 0, new, strlen(new), l->next_id, what);
	l->next_id += (uint32_t)n;
	free(new);
}

char *
allowlist_add(struct allowlist *l, const char *entry, uint32_t *id)
{
	struct allow_entry e;
	struct same_entry same = { .wanted = &e };
	char *cause, *line;
	size_t len;

	if ((cause = read_new(&entry, &len, &e)) != NULL ||
	    (cause = preset_cause(l, &e)) != NULL)
		return cause;
	index_visit(l, e.name, find_same, &same);
	if (same.id != 0) {
		*id = same.id;
		return allowlist_set(l, same.id, true);
	}
	if ((cause = check_room(l, 1, len + LINE_ENDING_MAX)) != NULL)
		return cause;
	*id = l->next_id;
	line = xasprintf("%.*s", (int)len, entry);
	append(l, line, 1, what_text("added", &e));
	free(line);
	return NULL;
}

/* An entry that is to be added, at the end of lines. */
static char *
gather(const struct allowlist *l, const char *entry, char *lines, size_t *used)
{
	struct allow_entry e;
	struct same_entry same = { .wanted = &e };
	char *cause, *text;
	size_t len;

	if ((cause = read_new(&entry, &len, &e)) != NULL || (cause = preset_cause(l, &e)) != NULL)
		return cause;
	if (index_visit(l, e.name, find_same, &same) || same.id != 0) {
		text = allow_entry_text(&e);
		cause = xasprintf("%s: %s is there already", l->path, text);
		free(text);
		return cause;
	}
	if (*used != 0) {
		const char *ending = line_ending(l);

		memcpy(lines + *used, ending, strlen(ending));
		*used += strlen(ending);
	}
	memcpy(lines + *used, entry, len);
	*used += len;
	lines[*used] = '\0';
	return NULL;
}

char *
allowlist_add_all(struct allowlist *l, const char *const *entries, size_t n, const char *what)
{
	size_t room = 1, used = 0;
	char *lines, *cause;

	for (size_t i = 0; i < n; i++)
		room += strlen(entries[i]) + LINE_ENDING_MAX;
	if (n == 0 || (cause = check_room(l, n, room)) != NULL)
		return n == 0 ? xasprintf("%s: there is nothing to add", l->path) : cause;
	lines = xmalloc(room);
	for (size_t i = 0; i < n && cause == NULL; i++)
		cause = gather(l, entries[i], lines, &used);
	if (cause == NULL)
		append(l, lines, n, xstrdup(what));
	free(lines);
	return cause;
}

/*
 * Where the edit stands now.  Its place is known unless the file was changed
 * around it; then its entry tells, if its line is still as the edit left it.
 */
static bool
undo_place(const struct allowlist *l, const struct undo *u, size_t *at)
{
	const size_t i = list_item(l, u->id);
	size_t end;

	*at = u->at;
	if (!u->stale)
		return u->at <= l->len && u->after_len <= l->len - u->at &&
		    memcmp(l->text + u->at, u->after, u->after_len) == 0;
	if (i == SIZE_MAX || u->after_len == 0 || !u->line_start)
		return false;
	*at = l->items[i].off;
	end = *at + u->after_len;
	return end <= l->len && memcmp(l->text + *at, u->after, u->after_len) == 0 &&
	    (end == l->len || l->text[end] == '\n' || l->text[end - 1] == '\n');
}

char *
allowlist_undo(struct allowlist *l, char **what)
{
	struct undo *u;
	size_t at;

	*what = NULL;
	if (l->nundo == 0)
		return xasprintf("%s: there is no edit to undo; those from before the engine "
		    "started are not kept", l->path);
	u = &l->undo[l->nundo - 1];
	if (!undo_place(l, u, &at))
		return xasprintf(
		    "%s: cannot undo \"%s\": the file was changed in that place "
		    "since; edit the file",
		    l->path, u->what);
	splice(l, at, u->after_len, u->before, u->before_len, u->id);
	*what = u->what;
	u->what = NULL;
	undo_free(u);
	l->nundo--;
	return NULL;
}

/*
 * What a hand edit changed: [from, to) of the old text became [from, new_to)
 * of the new one.  from and to move along as older edits are looked at, whose
 * places are those of an older text.
 */
struct hand_edit {
	size_t	from, to;
	ssize_t	delta;
	bool	ends_line;	/* what follows it starts a line */
};

static struct hand_edit
hand_edit_between(const struct allowlist *old, const struct allowlist *new)
{
	const size_t shorter = old->len < new->len ? old->len : new->len;
	size_t front = 0, back = 0;

	while (front < shorter && old->text[front] == new->text[front])
		front++;
	while (back < shorter - front &&
	    old->text[old->len - 1 - back] == new->text[new->len - 1 - back])
		back++;
	return (struct hand_edit){ .from = front, .to = old->len - back,
		.delta = (ssize_t)new->len - (ssize_t)old->len,
		.ends_line = new->len == back || new->text[new->len - back - 1] == '\n' };
}

/* False if its place is lost, and so are those of the older ones. */
static bool
undo_move(struct undo *u, struct hand_edit *h)
{
	const size_t end = u->at + u->after_len;
	const bool ends_line = u->after_len != 0 ? u->after[u->after_len - 1] == '\n' :
	    u->line_start;

	if (h->from == h->to && h->delta == 0)
		return true;
	if (h->to < u->at || (h->to == u->at && u->line_start && h->ends_line)) {
		u->at = (size_t)((ssize_t)u->at + h->delta);
		return true;
	}
	if (h->from > end || (h->from == end && ends_line)) {
		h->from = h->from - u->after_len + u->before_len;
		h->to = h->to - u->after_len + u->before_len;
		return true;
	}
	return false;
}

/* The newest edit is not in the new text, and nothing else is different: it
 * was taken back some other way, as after a save that failed. */
static bool
is_taken_back(const struct allowlist *new, const struct allowlist *old)
{
	const struct undo *u = &old->undo[old->nundo - 1];
	const size_t end = u->at + u->after_len;

	return !u->stale &&
	       new->len ==
		   old->len - u->after_len +
		       u->before_len &&memcmp(new->text, old->text, u->at) ==
		   0 &&
	       memcmp(new->text + u->at, u->before, u->before_len) == 0 &&
	       memcmp(new->text + u->at + u->before_len, old->text + end,
		   old->len - end) == 0;
}

void
undo_carry(struct allowlist *l, const struct allowlist *old)
{
	struct hand_edit h = { 0 };
	bool good = true;

	if ((l->nundo = old->nundo) == 0)
		return;
	if (is_taken_back(l, old))
		l->nundo--;
	else
		h = hand_edit_between(old, l);
	for (size_t i = l->nundo; i-- > 0;) {
		struct undo *u = &l->undo[i];

		*u = old->undo[i];
		u->before = xmalloc(u->before_len);
		memcpy(u->before, old->undo[i].before, u->before_len);
		u->after = xmalloc(u->after_len);
		memcpy(u->after, old->undo[i].after, u->after_len);
		u->what = xstrdup(old->undo[i].what);
		good = good && !u->stale && undo_move(u, &h);
		u->stale = !good;
	}
}
