/*
 * Windows of rows.  Only rows inside the window become JSON, and only as much
 * is sorted as the window needs (a quicksort that leaves alone what lies
 * outside), so a window of 100,000 names costs a few milliseconds.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "views.h"
#include "xmalloc.h"

enum { LIMIT_DEFAULT = 100 };

static char *
keys_list(const struct view_ops *ops)
{
	char *list = xstrdup(ops->keys[0]);

	for (size_t i = 1; i < VIEW_KEYS_MAX && ops->keys[i] != NULL; i++) {
		char *longer = xasprintf("%s, %s", list, ops->keys[i]);

		free(list);
		list = longer;
	}
	return list;
}

static char *
sort_parse(enum view v, const json_t *j, struct window *w)
{
	const struct view_ops *ops = &view_table[v];
	char *list, *cause;

	w->sort = ops->sort;
	w->desc = ops->desc;
	if (j == NULL || json_is_null(j))
		return NULL;
	if (!json_is_string(j))
		return xstrdup("\"sort\" must be a string");
	w->desc = false;
	for (w->sort = 0; w->sort < VIEW_KEYS_MAX && ops->keys[w->sort] != NULL; w->sort++) {
		if (strcmp(ops->keys[w->sort], json_string_value(j)) == 0)
			return NULL;
	}
	list = keys_list(ops);
	cause = xasprintf("%s cannot be sorted by %s; there is: %s", view_name(v),
	    json_string_value(j), list);
	free(list);
	return cause;
}

static char *
number_parse(const json_t *params, const char *key, uint32_t max, uint32_t *out)
{
	const json_t *j = json_object_get(params, key);

	if (j == NULL || json_is_null(j))
		return NULL;
	if (!json_is_integer(j) || json_integer_value(j) < 0 || json_integer_value(j) > max)
		return xasprintf("\"%s\" must be a number from 0 to %u", key, (unsigned)max);
	*out = (uint32_t)json_integer_value(j);
	return NULL;
}

char *
window_parse(enum view v, const json_t *params, struct window *w)
{
	const json_t *desc = json_object_get(params, "desc");
	const json_t *filter = json_object_get(params, "filter");
	char *cause;

	*w = (struct window){ .limit = LIMIT_DEFAULT };
	if ((cause = number_parse(params, "offset", INT32_MAX, &w->offset)) != NULL ||
	    (cause = number_parse(params, "limit", CONTROL_ROWS_MAX, &w->limit)) != NULL ||
	    (cause = sort_parse(v, json_object_get(params, "sort"), w)) != NULL)
		return cause;
	if (desc != NULL && !json_is_boolean(desc) && !json_is_null(desc))
		return xstrdup("\"desc\" must be true or false");
	if (json_is_boolean(desc))
		w->desc = json_is_true(desc);
	if (filter == NULL || json_is_null(filter))
		return NULL;
	if (!json_is_string(filter) || json_string_length(filter) >= FILTER_SIZE)
		return xasprintf("\"filter\" must be a string of less than %d bytes", FILTER_SIZE);
	copy_string(w->filter, json_string_value(filter), sizeof(w->filter));
	for (char *p = w->filter; *p != '\0'; p++)
		*p = ascii_lower(*p);
	return NULL;
}

/* Whether a stands before b; never equal, since each has its own order. */
static bool
before(const struct sort_row *a, const struct sort_row *b, bool desc)
{
	int c = 0;

	if (a->text != NULL && b->text != NULL)
		c = strcmp(a->text, b->text);
	else if (a->number != b->number)
		c = a->number < b->number ? -1 : 1;
	if (c == 0)
		return a->order < b->order;
	return desc ? c > 0 : c < 0;
}

static void
swap(struct sort_row *a, struct sort_row *b)
{
	struct sort_row t = *a;

	*a = *b;
	*b = t;
}

/* Puts the row at a drawn place where it belongs in [from, to); returns where. */
static size_t
partition(struct sort_row *r, size_t from, size_t to, bool desc, uint64_t *draw)
{
	size_t at = from;

	/* Drawn, so that no order of the rows is a bad one (xorshift64). */
	*draw ^= *draw << 13;
	*draw ^= *draw >> 7;
	*draw ^= *draw << 17;
	swap(&r[from + *draw % (to - from)], &r[to - 1]);
	for (size_t i = from; i < to - 1; i++) {
		if (before(&r[i], &r[to - 1], desc))
			swap(&r[i], &r[at++]);
	}
	swap(&r[at], &r[to - 1]);
	return at;
}

/* Sorts [from, to) as far as [lo, hi) needs it. */
static void
sort_window(struct sort_row *r, size_t from, size_t to, size_t lo, size_t hi, bool desc,
    uint64_t *draw)
{
	while (to - from > 1 && from < hi && lo < to) {
		size_t at = partition(r, from, to, desc, draw);

		if (at - from < to - at) {
			sort_window(r, from, at, lo, hi, desc, draw);
			from = at + 1;
		} else {
			sort_window(r, at + 1, to, lo, hi, desc, draw);
			to = at;
		}
		if (from >= to)
			return;
	}
}

/* The rows that pass the filter, with their keys. */
static struct sort_row *
rows_select(struct engine *e, const struct view_ops *ops, const struct window *w,
    const void **rows, size_t *n)
{
	struct sort_row *s = xcalloc(*n, sizeof(*s));
	size_t kept = 0;

	for (size_t i = 0; i < *n; i++) {
		if (w->filter[0] != '\0' && !ops->matches(e, rows[i], w->filter))
			continue;
		s[kept].row = rows[i];
		s[kept].order = i;
		if (w->sort >= 0)
			ops->key(e, rows[i], w->sort, &s[kept]);
		kept++;
	}
	*n = kept;
	return s;
}

json_t *
window_rows(struct engine *e, enum view v, const struct window *w)
{
	const struct view_ops *ops = &view_table[v];
	size_t total = 0, lo, hi;
	const void **rows = ops->collect(e, &total);
	struct sort_row *s = NULL;
	json_t *list = json_array();
	uint64_t draw = now_mono() | 1;

	if (w->sort >= 0 || w->filter[0] != '\0')
		s = rows_select(e, ops, w, rows, &total);
	lo = w->offset < total ? w->offset : total;
	hi = total - lo < w->limit ? total : lo + w->limit;
	if (w->sort >= 0)
		sort_window(s, 0, total, lo, hi, w->desc, &draw);
	for (size_t i = lo; i < hi; i++) {
		/* As kept, backwards, needs no sorting. */
		size_t at = w->sort < 0 && w->desc ? total - 1 - i : i;

		json_array_append_new(list, ops->json(e, s != NULL ? s[at].row : rows[at]));
	}
	free(s);
	free(rows);
	return json_pack("{s:I, s:I, s:o}", "total", (json_int_t)total, "offset",
	    (json_int_t)w->offset, "rows", list);
}
