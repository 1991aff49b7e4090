#include "config.h"

#include <stdio.h>
#include <string.h>

#include "control.h"
#include "pane.h"
#include "xmalloc.h"

enum { WINDOW_PAGES = 4, WINDOW_ROWS_MIN = 64 };

const struct pane *const pane_table[PANE_COUNT] = { &pane_vms, &pane_rules, &pane_domains,
	&pane_blocked, &pane_allowlist, &pane_timeline };

const struct pane *
pane_find(const char *view)
{
	for (size_t i = 0; i < PANE_COUNT; i++)
		if (strcmp(pane_table[i]->view, view) == 0)
			return pane_table[i];
	return NULL;
}

void
view_init(struct view *v, const struct pane *pane)
{
	*v = (struct view) { .pane = pane, .rows = json_array(), .height = 1,
		.sort = pane->sort, .desc = pane->desc };
	view_outdated(v);
}

void
view_clear(struct view *v)
{
	json_decref(v->rows);
	v->rows = NULL;
}

static void
row_identity(const struct pane *pane, const json_t *row, char dst[PANE_IDENTITY_SIZE])
{
	size_t used = 0;

	dst[0] = '\0';
	for (size_t i = 0; i < 4 && pane->identity[i] != NULL; i++) {
		const json_t *value = json_object_get(row, pane->identity[i]);
		int n;

		if (json_is_integer(value))
			n = snprintf(dst + used, PANE_IDENTITY_SIZE - used, "%lld\n",
			    (long long)json_integer_value(value));
		else
			n = snprintf(dst + used, PANE_IDENTITY_SIZE - used, "%s\n",
			    json_is_string(value) ? json_string_value(value) : "");
		used += (size_t)n;
		if (used >= PANE_IDENTITY_SIZE)
			return;
	}
}

const json_t *
view_row(const struct view *v, size_t number)
{
	return number < v->offset ? NULL : json_array_get(v->rows, number - v->offset);
}

const json_t *
view_current(const struct view *v)
{
	return view_row(v, v->cursor);
}

/* Keeps cursor and top within the rows and the cursor on the screen. */
static void
view_clamp(struct view *v)
{
	size_t height = v->height < 1 ? 1 : (size_t)v->height;
	size_t last_top = v->total > height ? v->total - height : 0;

	if (v->cursor >= v->total)
		v->cursor = v->total == 0 ? 0 : v->total - 1;
	if (v->cursor < v->top)
		v->top = v->cursor;
	if (v->cursor >= v->top + height)
		v->top = v->cursor - height + 1;
	if (v->top > last_top)
		v->top = last_top;
}

static void
view_remember(struct view *v)
{
	const json_t *row = view_current(v);

	if (row == NULL)
		v->identity[0] = '\0';
	else
		row_identity(v->pane, row, v->identity);
}

const json_t *
view_identified(const struct view *v, const char *identity)
{
	char other[PANE_IDENTITY_SIZE];
	const json_t *row;
	size_t i;

	json_array_foreach(v->rows, i, row) {
		row_identity(v->pane, row, other);
		if (strcmp(other, identity) == 0)
			return row;
	}
	return NULL;
}

/* Moves the cursor to where its row is now, and the rows around it along; but who
 * did not move it from the first goes on seeing what comes in before that. */
static bool
view_find_again(struct view *v)
{
	size_t above = v->cursor - v->top, i;
	char identity[PANE_IDENTITY_SIZE];
	const json_t *row;

	json_array_foreach(v->rows, i, row) {
		row_identity(v->pane, row, identity);
		if (strcmp(identity, v->identity) != 0)
			continue;
		v->cursor = v->offset + i;
		if (v->touched || v->top > 0)
			v->top = v->cursor > above ? v->cursor - above : 0;
		return true;
	}
	return false;
}

void
view_take(struct view *v, const json_t *window, bool focused)
{
	json_t *rows = json_object_get(window, "rows");
	bool follows = !v->touched && (v->pane->live || !focused);
	char before[PANE_IDENTITY_SIZE];

	if (!json_is_array(rows))
		return;
	if (v->remeasure && v->wait == VIEW_CURRENT) {
		memset(v->widest, 0, sizeof(v->widest));
		v->remeasure = false;
	}
	json_decref(v->rows);
	v->rows = json_incref(rows);
	v->total = (size_t)cell_number(window, "total");
	v->offset = (size_t)cell_number(window, "offset");
	if (v->total < v->offset + json_array_size(rows))
		v->total = v->offset + json_array_size(rows);
	v->loaded = true;
	if (follows)
		v->top = v->cursor = 0;
	else if (v->identity[0] != '\0')
		view_find_again(v);
	copy_string(before, v->identity, sizeof(before));
	view_clamp(v);
	view_remember(v);
	if (strcmp(before, v->identity) != 0)
		v->chosen = false;
}

void
view_resize(struct view *v, int height)
{
	if (height != v->height)
		memset(v->widest, 0, sizeof(v->widest));
	v->height = height < 1 ? 1 : height;
	view_clamp(v);
}

void
view_select(struct view *v, size_t number)
{
	v->touched = true;
	v->cursor = number;
	view_clamp(v);
	view_remember(v);
	v->chosen = v->identity[0] != '\0';
}

void
view_move(struct view *v, long delta)
{
	size_t to = v->cursor;

	if (delta < 0)
		to = to > (size_t)-delta ? to - (size_t)-delta : 0;
	else
		to += (size_t)delta;
	view_select(v, to);
}

void
view_first(struct view *v)
{
	view_select(v, 0);
	v->touched = false;
}

void
view_last(struct view *v)
{
	view_select(v, v->total == 0 ? 0 : v->total - 1);
}

void
view_reset(struct view *v)
{
	v->touched = v->chosen = false;
	v->top = v->cursor = 0;
	v->identity[0] = '\0';
	v->remeasure = true;
	view_outdated(v);
}

void
view_outdated(struct view *v)
{
	v->wait = VIEW_UNASKED;
	v->wait_since = now_mono();
}

void
view_sort_next(struct view *v)
{
	const struct column *columns = v->pane->columns;
	size_t at = 0, n = 0;

	while (columns[n].title != NULL) {
		if (v->sort != NULL && columns[n].sort != NULL &&
		    strcmp(columns[n].sort, v->sort) == 0)
			at = n + 1;
		n++;
	}
	for (size_t tried = 0; tried <= n; tried++, at++) {
		at %= n;
		if (columns[at].sort == NULL)
			continue;
		v->sort = columns[at].sort;
		v->desc = columns[at].right;	/* numbers: the largest first */
		break;
	}
	view_reset(v);
}

json_t *
view_params(const struct view *v)
{
	size_t height = (size_t)v->height;
	size_t limit = height * WINDOW_PAGES, offset;
	json_t *params = json_object();

	if (limit < WINDOW_ROWS_MIN)
		limit = WINDOW_ROWS_MIN;
	if (limit > CONTROL_ROWS_MAX)
		limit = CONTROL_ROWS_MAX;
	/* In steps of a quarter window, so that scrolling seldom asks anew. */
	offset = v->top / (limit / 4) * (limit / 4);
	offset = offset > limit / 4 ? offset - limit / 4 : 0;
	json_object_set_new(params, "offset", json_integer((json_int_t)offset));
	json_object_set_new(params, "limit", json_integer((json_int_t)limit));
	if (v->sort != NULL) {
		json_object_set_new(params, "sort", json_string(v->sort));
		json_object_set_new(params, "desc", json_boolean(v->desc));
	}
	if (v->filter[0] != '\0')
		json_object_set_new(params, "filter", json_string(v->filter));
	return params;
}
