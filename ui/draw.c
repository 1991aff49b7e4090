#include "config.h"

#include "draw.h"

#include <langinfo.h>
#include <string.h>

#include "text.h"

enum { CUT_LEAST = 4 };	/* columns of a name that are worth cutting it for */

static const struct {
	const char	*utf8, *ascii;
} glyph_table[GLYPH_COUNT] = {
	[GLYPH_SPACE] = { " ", " " },
	[GLYPH_HLINE] = { "─", "-" },
	[GLYPH_VLINE] = { "│", "|" },
	[GLYPH_UPPER_LEFT] = { "┌", "+" },
	[GLYPH_UPPER_RIGHT] = { "┐", "+" },
	[GLYPH_LOWER_LEFT] = { "└", "+" },
	[GLYPH_LOWER_RIGHT] = { "┘", "+" },
	[GLYPH_CUT] = { "…", "~" },
	[GLYPH_ASCENDING] = { "▲", "^" },
	[GLYPH_DESCENDING] = { "▼", "v" },
};

const char *
glyph_text(enum glyph g, bool utf8)
{
	return utf8 ? glyph_table[g].utf8 : glyph_table[g].ascii;
}

bool
draw_locale_utf8(void)
{
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

char *
draw_clean(char *dst, size_t size, const char *bytes)
{
	size_t used = 0, run;

	dst[0] = '\0';
	while (*bytes != '\0' && used + 1 < size) {
		if (*bytes == '\\') {
			dst[used++] = *bytes++;
			dst[used] = '\0';
			continue;
		}
		run = strcspn(bytes, "\\");
		used += text_escape(dst + used, size - used, bytes, run);
		bytes += run;
	}
	return dst;
}

int
draw_text(struct canvas *c, int y, int x, int width, enum ink ink, const char *s)
{
	size_t len = strlen(s);
	int n;

	if (y < 0 || y >= c->rows || x < 0 || x >= c->cols || width <= 0)
		return 0;
	if (width > c->cols - x)
		width = c->cols - x;
	if (len <= (size_t)width) {
		n = (int)len;
		if (n > 0)
			c->ops->text(c, y, x, ink, s, n);
		return n;
	}
	n = width - 1;
	if (n > 0)
		c->ops->text(c, y, x, ink, s, n);
	c->ops->glyph(c, y, x + n, ink, GLYPH_CUT, 1);
	return width;
}

/* The first bytes, the mark, the bytes from a place on, and maybe the mark. */
static int
draw_parts(struct canvas *c, int y, int x, enum ink ink, const char *s, int front, int from,
    int back, bool more)
{
	if (front > 0)
		c->ops->text(c, y, x, ink, s, front);
	c->ops->glyph(c, y, x + front, ink, GLYPH_CUT, 1);
	c->ops->text(c, y, x + front + 1, ink, s + from, back);
	if (more)
		c->ops->glyph(c, y, x + front + 1 + back, ink, GLYPH_CUT, 1);
	return front + 1 + back + more;
}

/* Where the name in a text begins: behind a word that is none, and its marks. */
static int
name_begin(const char *s)
{
	size_t word = strcspn(s, " "), begin = 0;

	if (s[word] == ' ' && memchr(s, '.', word) == NULL)
		begin = word + strspn(s + word, " ");
	return (int)(begin + strspn(s + begin, "!*."));
}

int
draw_cut(struct canvas *c, int y, int x, int width, enum ink ink, const char *s, enum cut cut)
{
	int len = (int)strlen(s), begin = 0, end = len, room, front;
	bool more;

	if (width > c->cols - x)
		width = c->cols - x;
	if (cut == CUT_NAME || cut == CUT_ADDRESS) {
		begin = name_begin(s);
		end = begin + (int)strcspn(s + begin, " ");
	}
	more = end < len;
	room = width - begin - 1 - more;
	if (cut == CUT_END || end + more <= width || room < CUT_LEAST || y < 0 || y >= c->rows ||
	    x < 0)
		return draw_text(c, y, x, width, ink, s);
	front = cut == CUT_NAME ? 0 : cut == CUT_ADDRESS ? room / 2 : room - room / 3;
	return draw_parts(c, y, x, ink, s, begin + front, end - (room - front), room - front, more);
}

void
draw_glyph(struct canvas *c, int y, int x, enum ink ink, enum glyph g, int n)
{
	if (y < 0 || y >= c->rows || x < 0 || x >= c->cols)
		return;
	if (n > c->cols - x)
		n = c->cols - x;
	if (n > 0)
		c->ops->glyph(c, y, x, ink, g, n);
}

void
draw_clear(struct canvas *c, int y, int x, int rows, int cols, enum ink ink)
{
	for (int i = 0; i < rows; i++)
		draw_glyph(c, y + i, x, ink, GLYPH_SPACE, cols);
}

void
draw_box(struct canvas *c, int y, int x, int rows, int cols, enum ink ink)
{
	if (rows < 2 || cols < 2)
		return;
	draw_glyph(c, y, x, ink, GLYPH_UPPER_LEFT, 1);
	draw_glyph(c, y, x + 1, ink, GLYPH_HLINE, cols - 2);
	draw_glyph(c, y, x + cols - 1, ink, GLYPH_UPPER_RIGHT, 1);
	for (int i = 1; i < rows - 1; i++) {
		draw_glyph(c, y + i, x, ink, GLYPH_VLINE, 1);
		draw_glyph(c, y + i, x + cols - 1, ink, GLYPH_VLINE, 1);
	}
	draw_glyph(c, y + rows - 1, x, ink, GLYPH_LOWER_LEFT, 1);
	draw_glyph(c, y + rows - 1, x + 1, ink, GLYPH_HLINE, cols - 2);
	draw_glyph(c, y + rows - 1, x + cols - 1, ink, GLYPH_LOWER_RIGHT, 1);
}
