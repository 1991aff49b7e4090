/*
 * The allowlist as a file in memory: reading it, its entries, their ids.
 *
 * An id belongs to what an entry says, on or off, for as long as the file
 * says it: a list that follows another (a hand edit, a reload) takes over the
 * ids of the entries that both have, wherever they stand.
 */
#include "config.h"

#include "allow/list.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "allow/hash.h"
#include "text.h"
#include "xmalloc.h"

void
list_line(const struct allowlist *l, const struct item *it, const char **line,
    size_t *len)
{
	const char *nl = memchr(l->text + it->off, '\n', l->len - it->off);

	*line = l->text + it->off;
	*len = nl != NULL ? (size_t)(nl - *line) : l->len - it->off;
}

void
list_parts(const struct allowlist *l, const struct item *it, struct line_parts *p)
{
	const char *line;
	size_t len;

	if (it->flags & ITEM_PLAIN) {
		*p = (struct line_parts){ .core = l->text + it->off,
			.core_len = item_front(it) + it->name_len };
		return;
	}
	list_line(l, it, &line, &len);
	line_split(p, line, len);
}

/* All but the state; returns whether it is off. */
static bool
list_read(const struct allowlist *l, size_t i, struct allow_entry *e)
{
	const struct item *it = &l->items[i];
	char why[GH_CAUSE_SIZE];
	struct line_parts p;

	list_parts(l, it, &p);
	if (it->flags & ITEM_PLAIN)
		entry_plain(e, it, p.core);
	else
		entry_parse(e, p.core, p.core_len, why);
	e->id = it->id;
	e->line = it->line;
	return p.mark != NULL;
}

void
list_fill(const struct allowlist *l, size_t i, struct allow_entry *e)
{
	if (list_read(l, i, e))
		e->state = ALLOW_OFF;
	else if (entry_ended(e))
		e->state = ALLOW_ENDED;
	else if (e->kind == ALLOW_PRESET)
		e->state = preset_list(l, e) != NULL ? ALLOW_ON : ALLOW_PENDING;
	else
		e->state = entry_in_force(e) ? ALLOW_ON : ALLOW_PENDING;
}

size_t
list_item_at(const struct allowlist *l, size_t off)
{
	size_t lo = 0, hi = l->n;

	while (lo < hi) {
		const size_t mid = lo + (hi - lo) / 2;

		if (l->items[mid].off < off)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int
compare_u64(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Ids ascend with the lines until somebody edits by hand; then a sorted copy. */
static uint64_t
id_at(const struct allowlist *l, size_t i)
{
	if (l->lazy->by_id != NULL)
		return l->lazy->by_id[i];
	return (uint64_t)l->items[i].id << 32 | i;
}

size_t
list_item(const struct allowlist *l, uint32_t id)
{
	size_t lo = 0, hi = l->n;

	if (!l->ids_ascend && l->lazy->by_id == NULL) {
		uint64_t *sorted = xreallocarray(NULL, l->n, sizeof(*sorted));

		for (size_t i = 0; i < l->n; i++)
			sorted[i] = (uint64_t)l->items[i].id << 32 | i;
		qsort(sorted, l->n, sizeof(*sorted), compare_u64);
		l->lazy->by_id = sorted;
	}
	while (lo < hi) {
		const size_t mid = lo + (hi - lo) / 2;

		if (id_at(l, mid) >> 32 < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == l->n || id_at(l, lo) >> 32 != id)
		return SIZE_MAX;
	return id_at(l, lo) & UINT32_MAX;
}

void
list_changed(struct allowlist *l)
{
	index_free(l->lazy->index);
	l->lazy->index = NULL;
	free(l->lazy->by_id);
	l->lazy->by_id = NULL;
	l->ids_ascend = true;
	for (size_t i = 1; i < l->n && l->ids_ascend; i++)
		l->ids_ascend = l->items[i - 1].id < l->items[i].id;
}

/* ---- ids that outlive an edit by hand ---- */

/* Old entries by what they say; each is taken once, the first in the file first. */
struct old_entries {
	const struct allowlist	*list;
	size_t			 first, n;
	uint32_t		*head, *next;	/* 1 + number within [first, first + n) */
	size_t			 mask;
};

static uint64_t
entry_hash(const struct allow_entry *e)
{
	static const uint64_t key[2] = { 0, 0 }, vm_key[2] = { 1, 0 };

	return name_hash(key, e->name, strlen(e->name)) ^
	    name_hash(vm_key, e->vm, strlen(e->vm)) ^
	    name_hash(key, (const char *)e->prefix.bytes, sizeof(e->prefix.bytes));
}

static void
old_entries_make(struct old_entries *o, const struct allowlist *old, size_t first,
    size_t n)
{
	struct allow_entry e;
	size_t slots = 16;

	while (slots < n)
		slots *= 2;
	o->list = old;
	o->first = first;
	o->n = n;
	o->mask = slots - 1;
	o->head = xcalloc(slots, sizeof(*o->head));
	o->next = xcalloc(n, sizeof(*o->next));
	for (size_t i = n; i-- > 0;) {
		size_t slot;

		list_read(old, first + i, &e);
		slot = entry_hash(&e) & o->mask;
		o->next[i] = o->head[slot];
		o->head[slot] = (uint32_t)i + 1;
	}
}

/* The id of an equal entry that was not taken yet, or 0. */
static uint32_t
old_entries_take(struct old_entries *o, const struct allow_entry *e)
{
	uint32_t *link = &o->head[entry_hash(e) & o->mask];
	struct allow_entry was;

	for (; *link != 0; link = &o->next[*link - 1]) {
		list_read(o->list, o->first + *link - 1, &was);
		if (entry_same(&was, e)) {
			*link = o->next[*link - 1];
			return was.id;
		}
	}
	return 0;
}

static bool
same_entry_line(const struct allowlist *a, size_t i, const struct allowlist *b, size_t k)
{
	struct line_parts pa, pb;

	list_parts(a, &a->items[i], &pa);
	list_parts(b, &b->items[k], &pb);
	return pa.core_len == pb.core_len && memcmp(pa.core, pb.core, pa.core_len) == 0;
}

/* Hand edits are small: what is alike at both ends needs no look-up. */
static void
take_ids(struct allowlist *l, const struct allowlist *old)
{
	size_t first = 0, l_end = l->n, old_end = old != NULL ? old->n : 0;
	struct old_entries o = { 0 };
	struct allow_entry e;

	l->next_id = old != NULL ? old->next_id : 1;
	while (first < l_end && first < old_end &&
	    same_entry_line(l, first, old, first)) {
		l->items[first].id = old->items[first].id;
		first++;
	}
	while (l_end > first && old_end > first &&
	    same_entry_line(l, l_end - 1, old, old_end - 1))
		l->items[--l_end].id = old->items[--old_end].id;
	if (old_end > first)
		old_entries_make(&o, old, first, old_end - first);
	for (size_t i = first; i < l_end; i++) {
		if (o.n > 0) {
			list_read(l, i, &e);
			l->items[i].id = old_entries_take(&o, &e);
		}
		if (l->items[i].id == 0)
			l->items[i].id = l->next_id++;
	}
	free(o.head);
	free(o.next);
}

/* ---- reading ---- */

/* The next item, not yet counted. */
static struct item *
next_item(struct allowlist *l, size_t off, uint32_t line)
{
	if (l->n == l->items_room) {
		l->items_room = l->items_room != 0 ? l->items_room * 2 : 64;
		l->items = xreallocarray(l->items, l->items_room, sizeof(*l->items));
	}
	l->items[l->n] = (struct item){ .off = (uint32_t)off, .line = line };
	return &l->items[l->n];
}

static char *
bad_entry(const struct allowlist *l, uint32_t line, const char *why, bool off)
{
	return xasprintf("%s:%u: %s%s", l->path, line, why, off ? " (behind #off stands "
	    "an entry; start a comment with \"# off\")" : "");
}

static char *
too_large(const char *path)
{
	return xasprintf("%s: the file is larger than %u MiB; list domains "
	    "(.example.org) instead of hosts", path, ALLOW_FILE_MAX >> 20);
}

/* Reads a line that is not plain; *is_entry unless it is blank or a comment. */
static char *
parse_line(const struct allowlist *l, struct item *it, size_t len, bool *is_entry)
{
	const char *text = l->text + it->off;
	char why[GH_CAUSE_SIZE];
	struct line_parts p;
	struct allow_entry e;

	if (len > ALLOW_LINE_MAX)
		return xasprintf("%s:%u: the line has %zu bytes, more than %u; "
		    "shorten or split it", l->path, it->line, len, ALLOW_LINE_MAX);
	if (memchr(text, '\0', len) != NULL)
		return xasprintf(
		    "%s:%u: a NUL byte; this is not a text file", l->path, it->line);
	*is_entry = line_split(&p, text, len);
	if (!*is_entry)
		return NULL;
	if (!entry_parse(&e, p.core, p.core_len, why))
		return bad_entry(l, it->line, why, p.mark != NULL);
	item_note(it, &e);
	return NULL;
}

/* Takes cause over. */
static char *
with_wrong(char *cause, const struct text_lines *wrong)
{
	char *more = text_lines_wrong(wrong), *all = xasprintf("%s%s", cause, more);

	free(more);
	free(cause);
	return all;
}

static char *
parse_lines(struct allowlist *l)
{
	const char *end = l->text + l->len, *nl;
	struct text_lines wrong = { .n = 0 };
	char *first = NULL;
	uint32_t line = 1;
	size_t len;

	for (size_t off = 0; off < l->len && wrong.n < TEXT_LINES_MAX; off += len + 1, line++) {
		struct item *it = next_item(l, off, line);
		bool is_entry = true;
		char *cause;

		if ((len = item_plain(it, l->text + off, end)) == 0) {
			nl = memchr(l->text + off, '\n', l->len - off);
			len = nl != NULL ? (size_t)(nl - (l->text + off)) : l->len - off;
			cause = parse_line(l, it, len, &is_entry);
			if (cause != NULL && first != NULL)
				text_lines_add(&wrong, line);
			if (cause != NULL && first == NULL)
				first = cause;
			else
				free(cause);
		}
		if (is_entry && l->n == ALLOW_ENTRIES_MAX && first == NULL)
			return xasprintf("%s:%u: more than %u entries; list domains "
			    "(.example.org) instead of hosts", l->path, line,
			    ALLOW_ENTRIES_MAX);
		l->n += is_entry && first == NULL;
	}
	if (first != NULL)
		return with_wrong(first, &wrong);
	/* A million items should not hold room for two. */
	if (l->n != 0 && l->n < l->items_room) {
		l->items = xreallocarray(l->items, l->n, sizeof(*l->items));
		l->items_room = l->n;
	}
	return NULL;
}

/* Takes text over. */
static struct allowlist *
parse_owned(char *text, size_t len, const char *path, const struct allowlist *old,
    char **cause)
{
	struct allowlist *l = xcalloc(1, sizeof(*l));

	l->lazy = xcalloc(1, sizeof(*l->lazy));
	l->path = xstrdup(path);
	l->text = text;
	l->len = l->room = len;
	if (len > ALLOW_FILE_MAX)
		*cause = too_large(path);
	else
		*cause = parse_lines(l);
	if (*cause != NULL) {
		allowlist_free(l);
		return NULL;
	}
	take_ids(l, old);
	list_changed(l);
	if (old != NULL)
		undo_carry(l, old);
	return l;
}

struct allowlist *
allowlist_parse(const char *text, size_t len, const char *path,
    const struct allowlist *old, char **cause)
{
	char *copy = xmalloc(len);

	if (len != 0)
		memcpy(copy, text, len);
	return parse_owned(copy, len, path, old, cause);
}

static char *
read_file(int fd, const char *path, char **text, size_t *len)
{
	size_t room, got = 0;
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) == -1)
		return xasprintf("%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return xasprintf(
		    "%s: not a regular file; an allowlist is a text file", path);
	if (st.st_size > ALLOW_FILE_MAX)
		return too_large(path);
	/* A byte more than it has, so that growth meanwhile is seen. */
	room = (size_t)st.st_size + 1;
	*text = xmalloc(room);
	while (got < room && (n = read(fd, *text + got, room - got)) != 0) {
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1) {
			const int error = errno;

			free(*text);
			return xasprintf("%s: cannot read it: %s", path, strerror(error));
		}
		got += (size_t)n;
	}
	if (got != (size_t)st.st_size) {
		free(*text);
		return xasprintf(
		    "%s: the file changed while it was read; try again", path);
	}
	*len = got;
	return NULL;
}

struct allowlist *
allowlist_load(const char *path, const struct allowlist *old, char **cause)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct allowlist *l = NULL;
	struct stamp stamp;
	size_t len = 0;
	char *text = NULL;

	if (fd == -1) {
		*cause = xasprintf(
		    "%s: cannot open it: %s; create it (an empty file "
		    "lists nothing) or let the daemon read it",
		    path, strerror(errno));
		return NULL;
	}
	stamp_take(&stamp, fd);
	*cause = read_file(fd, path, &text, &len);
	if (*cause == NULL)
		l = parse_owned(text, len, path, old, cause);
	if (l != NULL)
		l->stamp = stamp;
	close(fd);
	return l;
}

void
allowlist_free(struct allowlist *l)
{
	if (l == NULL)
		return;
	for (size_t i = 0; i < l->nundo; i++)
		undo_free(&l->undo[i]);
	index_free(l->lazy->index);
	free(l->lazy->by_id);
	free(l->lazy);
	presets_free(l->presets);
	free(l->items);
	free(l->text);
	free(l->path);
	free(l);
}

/* ---- asking ---- */

char *
allowlist_text(const struct allowlist *l, size_t *len)
{
	char *copy = xmalloc(l->len + 1);

	if (l->len != 0)
		memcpy(copy, l->text, l->len);
	copy[l->len] = '\0';
	*len = l->len;
	return copy;
}

size_t
allowlist_count(const struct allowlist *l)
{
	return l->n;
}

bool
allowlist_entry(const struct allowlist *l, size_t i, struct allow_entry *e)
{
	if (i >= l->n)
		return false;
	list_fill(l, i, e);
	return true;
}

bool
allowlist_find(const struct allowlist *l, uint32_t id, struct allow_entry *e)
{
	return allowlist_entry(l, list_item(l, id), e);
}

int64_t
allowlist_next_end(const struct allowlist *l, int64_t now)
{
	struct allow_entry e;
	int64_t next = 0;

	for (size_t i = 0; i < l->n; i++) {
		if (!(l->items[i].flags & ITEM_UNTIL))
			continue;
		list_fill(l, i, &e);
		if (e.state != ALLOW_OFF && e.until > now &&
		    (next == 0 || e.until < next))
			next = e.until;
	}
	return next;
}
