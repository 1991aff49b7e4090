/* What stands around a pane's table: border, name, state, place in the list. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "console.h"
#include "text.h"

/* "3 Domains", in brackets where it has the keys: also seen without colours. */
static int
frame_name(struct canvas *c, int y, int x, int width, size_t pane, bool focused, bool brief)
{
	const struct pane *p = pane_table[pane];
	char text[64];

	snprintf(text, sizeof(text), "%s%zu%s%s%s", focused ? "[" : " ", pane + 1,
	    brief ? "" : " ", brief ? p->brief : p->name, focused ? "]" : " ");
	return draw_text(c, y, x, width, focused ? INK_FOCUS : INK_NORMAL, text);
}

/* What is said beside the name: how old, what of the engine, which filter. */
static void
frame_state(const struct view *v, const struct header *h, char *buf, size_t size)
{
	char of_engine[128] = "", total[TEXT_SHORT_SIZE];
	size_t used;

	if (v->pane->title != NULL && h->status != NULL)
		v->pane->title(h->status, of_engine, sizeof(of_engine));
	snprintf(buf, size, "%s%s%s%s%s", h->silence != 0 ? "NOT LIVE" : h->paused ? "PAUSED" : "",
	    (h->silence != 0 || h->paused) && of_engine[0] != '\0' ? "  " : "", of_engine,
	    of_engine[0] != '\0' && v->filter[0] != '\0' ? "  " : "",
	    v->filter[0] != '\0' ? "/" : "");
	used = strlen(buf);
	if (v->filter[0] != '\0')
		snprintf(buf + used, size - used, "%s: %s", v->filter, text_count(total, v->total));
}

/* "1-12 of 1,204", what of the list is on the screen. */
static void
frame_range(const struct view *v, char *buf, size_t size)
{
	char first[TEXT_SHORT_SIZE], last[TEXT_SHORT_SIZE], total[TEXT_SHORT_SIZE];
	size_t end = v->top + (size_t)v->height;

	if (end > v->total)
		end = v->total;
	if (v->total == 0)
		buf[0] = '\0';
	else if (v->top == 0 && end == v->total)
		snprintf(buf, size, " all %s ", text_count(total, v->total));
	else
		snprintf(buf, size, " %s-%s of %s ", text_count(first, v->top + 1),
		    text_count(last, end), text_count(total, v->total));
}

void
frame_draw(struct canvas *c, const struct layout *l, struct view *v, size_t pane, bool focused,
    const struct header *h, double now)
{
	const struct place *p = &l->pane[pane];
	struct place inner = layout_table(l, pane);
	struct table_place table = { .y = inner.y, .x = inner.x, .rows = inner.rows,
		.cols = inner.cols, .focused = focused, .live = h->silence == 0, .now = now };
	enum ink border = focused ? INK_FOCUS : INK_BORDER;
	char state[256], range[96], text[300];
	int x = p->x + 1, end = p->x + p->cols - 1;

	if (l->grid)
		draw_box(c, p->y, p->x, p->rows, p->cols, border);
	else
		draw_glyph(c, p->y, p->x, border, GLYPH_HLINE, p->cols);
	table_draw(c, v, &table);
	frame_state(v, h, state, sizeof(state));
	frame_range(v, range, sizeof(range));
	if (l->tabs_y < 0)
		x += frame_name(c, p->y, x, end - x, pane, focused, false);
	if (end - x > (int)strlen(range) + 1) {
		end -= (int)strlen(range) + 1;
		draw_text(c, p->y, end, (int)strlen(range), INK_NORMAL, range);
	}
	if (state[0] != '\0' && end - x > 6) {
		snprintf(text, sizeof(text), " %s ", state);
		draw_text(c, p->y, x + 1, end - x - 2,
		    h->silence != 0 ? INK_BAD : h->paused ? INK_WARN : INK_NORMAL, text);
	}
}

/* Draws the tabs, or (canvas NULL) finds the one at a column; PANE_COUNT: none. */
static size_t
tabs_walk(struct canvas *c, int cols, int y, size_t focus, int at)
{
	int full = 0, x = 0, width;

	for (size_t i = 0; i < PANE_COUNT; i++)
		full += (int)strlen(pane_table[i]->name) + 4;
	for (size_t i = 0; i < PANE_COUNT; i++) {
		width = full > cols ? (int)strlen(pane_table[i]->brief) + 3
		    : (int)strlen(pane_table[i]->name) + 4;
		if (c != NULL)
			frame_name(c, y, x, cols - x, i, i == focus, full > cols);
		else if (at >= x && at < x + width)
			return i;
		x += width;
	}
	return PANE_COUNT;
}

void
frame_tabs(struct canvas *c, const struct layout *l, size_t focus)
{
	if (l->tabs_y < 0)
		return;
	draw_clear(c, l->tabs_y, 0, 1, c->cols, INK_NORMAL);
	tabs_walk(c, c->cols, l->tabs_y, focus, 0);
}

size_t
frame_tab_at(const struct layout *l, int cols, int y, int x)
{
	return y == l->tabs_y ? tabs_walk(NULL, cols, y, 0, x) : PANE_COUNT;
}
