/*
 * Rows as a table.  Which columns are shown depends on the room and on their
 * priority; how wide they are, on what they hold: a column starts as narrow
 * as its contents and its minimum allow, and what room is left goes to the
 * columns in order of priority, up to what they need.  A view remembers the
 * widest contents it has shown, so that columns do not dance as rows pass.
 */
#include "config.h"

#include <limits.h>
#include <string.h>
#include <time.h>

#include "pane.h"
#include "ui.h"

enum {
	GAP = 1,		/* between columns */
	MARK = 1,		/* of the cursor, before them */
	COLUMNS_LEAST = 120,	/* of a table that is for nobody's screen */
	CHIEF = 2, LESSER = 6,	/* priorities: up to here, and from here on */
	WORD = 8,
};

static int
at_most(int a, int b)
{
	return a < b ? a : b;
}

/* Lets the columns of one priority have what they need, if that is no more than most. */
static void
grow(const struct column *columns, const int *want, int priority, int most, int *widths, int *left)
{
	for (int i = 0; columns[i].title != NULL; i++) {
		int more = at_most(want[i], columns[i].max) - widths[i];

		if (columns[i].priority != priority || widths[i] == 0 || more <= 0 || more > most)
			continue;
		more = at_most(more, *left + GAP);
		if (more > 0) {
			widths[i] += more;
			*left -= more;
		}
	}
}

void
table_fit(const struct column *columns, const int *want, int width, int *widths)
{
	int n = 0, left = width, priority = 0, next;
	bool whole = false;

	for (; columns[n].title != NULL; n++)
		widths[n] = 0;
	/* Take columns in as long as each can have its least. */
	for (next = 1; next != INT_MAX; priority = next) {
		/* A word of what matters is whole before what matters least comes in. */
		for (int i = 1; priority >= LESSER && !whole && i <= CHIEF; i++)
			grow(columns, want, i, WORD, widths, &left);
		whole = priority >= LESSER;
		next = INT_MAX;
		for (int i = 0; i < n; i++) {
			int least = at_most(want[i], columns[i].min);

			if (columns[i].priority > priority && columns[i].priority < next)
				next = columns[i].priority;
			if (columns[i].priority != priority)
				continue;
			if (least > left && priority == 1)
				least = left;	/* the first is cut rather than left out */
			if (least <= 0 || least > left)
				continue;
			widths[i] = least;
			left -= least + GAP;
		}
	}
	/* Then let them grow. */
	for (priority = 1; left + GAP > 0 && priority <= n; priority++)
		grow(columns, want, priority, INT_MAX, widths, &left);
}

void
table_measure(struct view *v, double now)
{
	const struct column *columns = v->pane->columns;
	char cell[PANE_CELL_SIZE];

	for (int i = 0; columns[i].title != NULL; i++) {
		int widest = (int)strlen(columns[i].title);

		if (v->sort != NULL && columns[i].sort != NULL && strcmp(v->sort, columns[i].sort) == 0)
			widest++;
		if (widest > v->widest[i])
			v->widest[i] = widest;
		for (int y = 0; y < v->height; y++) {
			const json_t *row = view_row(v, v->top + (size_t)y);

			if (row == NULL)
				continue;
			columns[i].cell(row, now, cell, sizeof(cell));
			widest = (int)strlen(cell);
			if (widest > v->widest[i])
				v->widest[i] = widest;
		}
	}
}

static void
table_cell(struct canvas *c, int y, int x, int width, const struct column *column,
    enum ink ink, const char *text)
{
	int pad = width - (int)strlen(text);

	draw_cut(c, y, column->right && pad > 0 ? x + pad : x, width, ink, text, column->cut);
}

static void
table_titles(struct canvas *c, const struct view *v, const struct table_place *p,
    const int *widths)
{
	const struct column *columns = v->pane->columns;
	int x = p->x + MARK;

	draw_clear(c, p->y, p->x, 1, p->cols, INK_NORMAL);
	for (int i = 0; columns[i].title != NULL; i++) {
		const struct column *column = &columns[i];
		bool sorted = v->sort != NULL && column->sort != NULL &&
		    strcmp(v->sort, column->sort) == 0;
		int len = (int)strlen(column->title);

		if (widths[i] == 0)
			continue;
		if (sorted && len + 1 <= widths[i]) {
			int at = column->right ? x + widths[i] - len - 1 : x;

			draw_text(c, p->y, at, len, INK_HEAD, column->title);
			draw_glyph(c, p->y, at + len, INK_HEAD,
			    v->desc ? GLYPH_DESCENDING : GLYPH_ASCENDING, 1);
		} else
			table_cell(c, p->y, x, widths[i], column, INK_HEAD, column->title);
		x += widths[i] + GAP;
	}
}

static void
table_row(struct canvas *c, const struct view *v, const struct table_place *p,
    const int *widths, int y, size_t number)
{
	const struct column *columns = v->pane->columns;
	const json_t *row = view_row(v, number);
	bool here = number == v->cursor && !v->no_cursor;
	enum ink base = !p->live ? INK_DIM : here && p->focused ? INK_CURSOR : INK_NORMAL;
	char cell[PANE_CELL_SIZE];
	int x = p->x + MARK;

	draw_clear(c, y, p->x, 1, p->cols, here && p->focused ? base : INK_NORMAL);
	if (here)
		draw_text(c, y, p->x, 1, base, ">");
	if (row == NULL) {
		draw_glyph(c, y, x, INK_DIM, GLYPH_CUT, 1);
		return;
	}
	for (int i = 0; columns[i].title != NULL; i++) {
		enum ink ink;

		if (widths[i] == 0)
			continue;
		ink = columns[i].cell(row, p->now, cell, sizeof(cell));
		table_cell(c, y, x, widths[i], &columns[i], base == INK_NORMAL ? ink : base, cell);
		x += widths[i] + GAP;
	}
}

void
table_draw(struct canvas *c, struct view *v, const struct table_place *p)
{
	int widths[PANE_COLUMNS_MAX];

	view_resize(v, p->rows - 1);
	table_measure(v, p->now);
	if (p->whole)
		memcpy(widths, v->widest, sizeof(widths));
	else
		table_fit(v->pane->columns, v->widest, p->cols - MARK, widths);
	table_titles(c, v, p, widths);
	for (int i = 0; i < p->rows - 1; i++) {
		size_t number = v->top + (size_t)i;

		if (number < v->total)
			table_row(c, v, p, widths, p->y + 1 + i, number);
		else
			draw_clear(c, p->y + 1 + i, p->x, 1, p->cols, INK_NORMAL);
	}
	if (v->total == 0 && p->rows > 1)
		draw_text(c, p->y + 1, p->x + MARK, p->cols - MARK, INK_DIM,
		    !v->loaded ? "waiting for the engine"
		    : v->filter[0] != '\0' ? "nothing matches the filter" : v->pane->empty);
}

int
table_rows(const struct view *v)
{
	size_t n = json_array_size(v->rows);

	return 1 + (n == 0 ? 1 : (int)n);
}

void
ui_table(const char *view, const json_t *result, FILE *out, int columns)
{
	const struct pane *pane = pane_find(view);
	struct view v;
	struct canvas *c;
	struct table_place place = { .live = true };
	size_t all;
	int width = 1;

	if (pane == NULL)
		return;
	view_init(&v, pane);
	v.no_cursor = true;
	/* The order is the request's; there is no mark to draw for it. */
	v.sort = NULL;
	view_take(&v, result, false);
	/* The rows given are the table, wherever in the engine's list they begin. */
	all = (size_t)cell_number(result, "total");
	v.offset = 0;
	v.total = json_array_size(v.rows);
	if (v.total == 0 && all != 0) {
		fprintf(out, " none of %zu shown\n", all);
		view_clear(&v);
		return;
	}
	place.rows = table_rows(&v);
	place.now = (double)time(NULL);
	view_resize(&v, place.rows - 1);
	if (columns <= 0) {
		/* Nobody's screen: every column whole. */
		table_measure(&v, place.now);
		for (int i = 0; pane->columns[i].title != NULL; i++)
			width += v.widest[i] + 1;
		columns = width < COLUMNS_LEAST ? COLUMNS_LEAST : width;
		place.whole = true;
	}
	place.cols = columns;
	c = text_canvas_new(place.rows, columns, draw_locale_utf8());
	table_draw(c, &v, &place);
	text_canvas_print(c, out);
	text_canvas_free(c);
	view_clear(&v);
}
