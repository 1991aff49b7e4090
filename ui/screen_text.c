/*
 * A canvas in memory: a byte a cell, where a value below GLYPH_COUNT is a
 * glyph and anything else is itself (text is printable ASCII, so the two
 * cannot meet).  Roles leave no trace here.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "draw.h"
#include "xmalloc.h"

struct text_canvas {
	struct canvas	 canvas;	/* first, so that one pointer is both */
	unsigned char	*cells;		/* rows * cols */
};

static unsigned char *
cell_at(struct canvas *c, int y, int x)
{
	struct text_canvas *t = (struct text_canvas *)c;

	return t->cells + (size_t)y * (size_t)c->cols + (size_t)x;
}

static void
text_op(struct canvas *c, int y, int x, enum ink ink, const char *s, int n)
{
	memcpy(cell_at(c, y, x), s, (size_t)n);
}

static void
glyph_op(struct canvas *c, int y, int x, enum ink ink, enum glyph g, int n)
{
	memset(cell_at(c, y, x), g, (size_t)n);
}

struct canvas *
text_canvas_new(int rows, int cols, bool utf8)
{
	static const struct canvas_ops ops = { text_op, glyph_op };
	struct text_canvas *t = xcalloc(1, sizeof(*t));

	t->canvas = (struct canvas) { &ops, rows, cols, utf8 };
	t->cells = xcalloc((size_t)rows * (size_t)cols + 1, 1);
	return &t->canvas;
}

void
text_canvas_free(struct canvas *c)
{
	struct text_canvas *t = (struct text_canvas *)c;

	if (t == NULL)
		return;
	free(t->cells);
	free(t);
}

/* Columns of a row up to its last one that is not a space. */
static int
row_used(const unsigned char *row, int cols)
{
	while (cols > 0 && (row[cols - 1] == GLYPH_SPACE || row[cols - 1] == ' '))
		cols--;
	return cols;
}

void
text_canvas_print(const struct canvas *c, FILE *out)
{
	const struct text_canvas *t = (const struct text_canvas *)c;
	int rows = c->rows;

	while (rows > 0 && row_used(t->cells + (size_t)(rows - 1) * (size_t)c->cols, c->cols) == 0)
		rows--;
	for (int y = 0; y < rows; y++) {
		const unsigned char *row = t->cells + (size_t)y * (size_t)c->cols;
		int used = row_used(row, c->cols);

		for (int x = 0; x < used; x++) {
			if (row[x] < GLYPH_COUNT)
				fputs(glyph_text((enum glyph)row[x], c->utf8), out);
			else
				putc(row[x], out);
		}
		putc('\n', out);
	}
}
