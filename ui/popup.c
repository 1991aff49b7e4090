#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "xmalloc.h"

void
popup_close(struct console *c)
{
	struct popup *p = &c->popup;

	lines_free(&p->lines);
	free(p->title);
	free(p->about);
	*p = (struct popup) { .serial = p->serial };
	console_dirty(c);
}

unsigned
popup_open(struct console *c, const char *title, struct lines *lines)
{
	struct popup *p = &c->popup;

	popup_close(c);
	p->open = true;
	p->serial++;
	p->title = xstrdup(title);
	p->lines = *lines;
	*lines = (struct lines) { 0 };
	return p->serial;
}

void
popup_menu(struct console *c, const char *title, struct lines *lines, size_t items,
    const char *about, void (*choose)(struct console *, const char *, size_t, int))
{
	popup_open(c, title, lines);
	c->popup.items = items;
	c->popup.choose = choose;
	c->popup.about = xstrdup(about);
}

static void
popup_scroll(struct popup *p, long by)
{
	size_t last = p->total > p->shown ? p->total - p->shown : 0;

	if (by < 0)
		p->top = p->top > (size_t)-by ? p->top - (size_t)-by : 0;
	else
		p->top += (size_t)by;
	if (p->top > last)
		p->top = last;
}

static void
popup_move(struct popup *p, long by)
{
	if (p->items == 0)
		popup_scroll(p, by);
	else if (by < 0)
		p->item -= p->item > 0;
	else
		p->item += p->item + 1 < p->items;
}

/* The popup ends before its choice is acted on, which may open another. */
static void
popup_choose(struct console *c, size_t item, int key)
{
	void (*choose)(struct console *, const char *, size_t, int) = c->popup.choose;
	char *about = c->popup.about;

	c->popup.about = NULL;
	popup_close(c);
	choose(c, about, item, key);
	free(about);
}

void
popup_key(struct console *c, int key)
{
	struct popup *p = &c->popup;
	long page = p->shown > 1 ? (long)p->shown - 1 : 1;

	console_dirty(c);
	if (key == UI_KEY_UP || key == 'k' || key == UI_KEY_WHEEL_UP)
		popup_move(p, -1);
	else if (key == UI_KEY_DOWN || key == 'j' || key == UI_KEY_WHEEL_DOWN)
		popup_move(p, 1);
	else if (key == UI_KEY_PAGE_UP)
		popup_scroll(p, -page);
	else if (key == UI_KEY_PAGE_DOWN || (key == ' ' && p->items == 0))
		popup_scroll(p, page);
	else if (key == UI_KEY_HOME || key == 'g')
		popup_scroll(p, -(long)p->total);
	else if (key == UI_KEY_END || key == 'G')
		popup_scroll(p, (long)p->total);
	else if (p->items > 0 && (key == UI_KEY_ENTER || key == ' ' || key == 'd'))
		popup_choose(c, p->item, key);
	else if (p->items > 0 && key >= '1' && key < '1' + (int)p->items)
		popup_choose(c, (size_t)(key - '1'), UI_KEY_ENTER);
	else if (key == UI_KEY_ESCAPE || key == UI_KEY_ENTER || key == 'q' || key == '?' ||
	    key == UI_KEY_CLICK || key == ('C' & 0x1f))
		popup_close(c);
	else
		console_tell(c, "keys are for what is shown above; q closes it");
}

static int
widest(const struct lines *l)
{
	int width = 0;

	for (size_t i = 0; i < l->n; i++)
		if ((int)strlen(l->line[i].text) > width)
			width = (int)strlen(l->line[i].text);
	return width;
}

void
popup_draw(struct console *c)
{
	struct popup *p = &c->popup;
	struct canvas *canvas = c->canvas;
	/* Items are numbered lines, one row each: wrapping would part them. */
	int width = widest(&p->lines) + 4, rows, y, x;
	struct lines wrapped;
	char text[96];

	if (width < (int)strlen(p->title) + 6)
		width = (int)strlen(p->title) + 6;
	if (width > canvas->cols - 2)
		width = canvas->cols - 2;
	wrapped = lines_wrap(&p->lines, p->items > 0 ? 4096 : width - 4);
	rows = (int)wrapped.n + 2;
	if (rows > canvas->rows - 2)
		rows = canvas->rows - 2;
	p->total = wrapped.n;
	p->shown = (size_t)(rows - 2);
	popup_scroll(p, 0);
	y = (canvas->rows - rows) / 2;
	x = (canvas->cols - width) / 2;
	draw_clear(canvas, y, x, rows, width, INK_NORMAL);
	draw_box(canvas, y, x, rows, width, INK_FOCUS);
	draw_glyph(canvas, y, x + 1, INK_FOCUS, GLYPH_SPACE, 1);
	draw_glyph(canvas, y, x + 2 + draw_cut(canvas, y, x + 2, width - 4, INK_FOCUS, p->title, CUT_NAME),
	    INK_FOCUS, GLYPH_SPACE, 1);
	for (size_t i = 0; i < p->shown && p->top + i < wrapped.n; i++) {
		const struct line *line = &wrapped.line[p->top + i];
		bool chosen = p->items > 0 && p->top + i == p->item;

		if (chosen)
			draw_clear(canvas, y + 1 + (int)i, x + 1, 1, width - 2, INK_CURSOR);
		draw_text(canvas, y + 1 + (int)i, x + 1, 1, chosen ? INK_CURSOR : INK_NORMAL,
		    chosen ? ">" : " ");
		draw_cut(canvas, y + 1 + (int)i, x + 2, width - 4, chosen ? INK_CURSOR : line->ink,
		    line->text, chosen || p->items > 0 ? CUT_NAME : CUT_END);
	}
	if (p->total > p->shown)
		snprintf(text, sizeof(text), " %zu-%zu of %zu  %s, q closes ", p->top + 1,
		    p->top + p->shown, p->total, p->top + p->shown < p->total ? "PgDn for more" :
		    "PgUp for the start");
	else
		snprintf(text, sizeof(text), "%s", p->items > 0 ? " enter chooses, esc leaves "
		    : " q closes ");
	draw_text(canvas, y + rows - 1, x + 1, width - 2, INK_FOCUS, text);
	lines_free(&wrapped);
}
