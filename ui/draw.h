/*
 * What a pane draws with: a canvas of rows and columns, a handful of
 * operations on it, and inks (what text is for) instead of colours.  Two
 * backends implement the operations: a terminal (screen_curses.c), and memory
 * (screen_text.c) for `gatehouse -b`, the tables of the commands, and tests.
 *
 * Text given to a canvas is printable ASCII, one column a byte; what comes
 * from the engine passes draw_clean() first.  Everything else (lines, marks)
 * is a glyph, which each backend shows in UTF-8 or in ASCII.
 */
#ifndef DRAW_H
#define DRAW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum ink {
	INK_NORMAL,
	INK_DIM,		/* of less weight; all of a pane that is not live */
	INK_GOOD,
	INK_WARN,
	INK_BAD,
	INK_NAME,		/* what a row is about */
	INK_HEAD,		/* column titles */
	INK_BORDER,
	INK_FOCUS,		/* border and title of the pane that has the keys */
	INK_CURSOR,		/* the row under the cursor there */
	INK_HEADER,		/* the top line */
	INK_BADGE_GOOD,	/* its loud words */
	INK_BADGE_WARN,
	INK_BADGE_BAD,
	INK_BAR,		/* the bottom line */
	INK_BAR_KEY,
	INK_PROMPT,		/* a question or a command line there */
	INK_MESSAGE,
	INK_ERROR,
	INK_COUNT
};

enum glyph {
	GLYPH_SPACE,
	GLYPH_HLINE,
	GLYPH_VLINE,
	GLYPH_UPPER_LEFT,
	GLYPH_UPPER_RIGHT,
	GLYPH_LOWER_LEFT,
	GLYPH_LOWER_RIGHT,
	GLYPH_CUT,		/* text was cut off here */
	GLYPH_ASCENDING,
	GLYPH_DESCENDING,
	GLYPH_COUNT
};

struct canvas;
struct canvas_ops {
	/* Within bounds, n bytes of printable ASCII. */
	void	(*text)(struct canvas *, int y, int x, enum ink, const char *, int n);
	/* Within bounds, the glyph n times to the right. */
	void	(*glyph)(struct canvas *, int y, int x, enum ink, enum glyph, int n);
};

struct canvas {
	const struct canvas_ops	*ops;
	int			 rows, cols;
	bool			 utf8;
};

/* The glyph as this canvas shows it: UTF-8 or one ASCII character. */
const char	*glyph_text(enum glyph, bool utf8);
/* Whether the locale (LC_CTYPE) is UTF-8. */
bool		 draw_locale_utf8(void);

/*
 * Writes bytes as printable ASCII: what is not becomes \xNN.  Unlike
 * text_escape, a backslash stays one, since names come from the engine
 * already escaped and must not be so twice.  Returns dst.
 */
char		*draw_clean(char *dst, size_t size, const char *bytes);

/*
 * Where text that is too long is cut, and marked with GLYPH_CUT: so that what
 * tells it from others stays.  A word before a name ("off ", "tcp ") stays too,
 * as do the marks that begin an entry.
 */
enum cut {
	CUT_END,
	CUT_NAME,		/* a name's beginning: whose it is stands at its end */
	CUT_ADDRESS,		/* an address's middle: its network and its port stay */
	CUT_MIDDLE,		/* the middle, rather behind it */
};
/* Clipped to the canvas and cut to the width.  Returns the columns used. */
int		 draw_text(struct canvas *, int y, int x, int width, enum ink, const char *);
int		 draw_cut(struct canvas *, int y, int x, int width, enum ink, const char *,
		    enum cut);
void		 draw_glyph(struct canvas *, int y, int x, enum ink, enum glyph, int n);
/* Spaces over a rectangle. */
void		 draw_clear(struct canvas *, int y, int x, int rows, int cols, enum ink);
void		 draw_box(struct canvas *, int y, int x, int rows, int cols, enum ink);

/* ---- screen_text.c: a canvas in memory ---- */
struct canvas	*text_canvas_new(int rows, int cols, bool utf8);
void		 text_canvas_free(struct canvas *);
/* Every row without the spaces at its end; the empty rows at the end are left out. */
void		 text_canvas_print(const struct canvas *, FILE *);

/* ---- theme.c ---- */
/* How an ink looks.  Colours are -1 (the terminal's own) or 0 to 255. */
enum { LOOK_BOLD = 1, LOOK_DIM = 2, LOOK_REVERSE = 4, LOOK_UNDERLINE = 8 };
struct look {
	short	fg, bg;
	int	attributes;
};
/* The theme's look of an ink at so many colours (0: monochrome). */
struct look	 theme_look(size_t theme, enum ink, int colours);
/* By name; 0, the first theme, when there is none of that name. */
size_t		 theme_find(const char *name);
const char	*theme_name(size_t theme);
size_t		 theme_count(void);

/* ---- screen_curses.c: the terminal ---- */
/* Keys other than characters. */
enum {
	UI_KEY_NONE,
	UI_KEY_ESCAPE = 27,
	UI_KEY_UP = 0x1000,
	UI_KEY_DOWN,
	UI_KEY_LEFT,
	UI_KEY_RIGHT,
	UI_KEY_PAGE_UP,
	UI_KEY_PAGE_DOWN,
	UI_KEY_HOME,
	UI_KEY_END,
	UI_KEY_TAB,
	UI_KEY_BACK_TAB,
	UI_KEY_ENTER,
	UI_KEY_BACKSPACE,
	UI_KEY_DELETE,
	UI_KEY_REDRAW,
	UI_KEY_CLICK,		/* y and x say where */
	UI_KEY_DOUBLE_CLICK,
	UI_KEY_WHEEL_UP,
	UI_KEY_WHEEL_DOWN,
};
struct input {
	int	key;		/* UI_KEY_* or a character */
	int	y, x;
};

/* Takes the terminal over.  NULL and *cause (caller frees) if it cannot. */
struct canvas	*screen_open(size_t theme, char **cause);
/* Gives it back as it was; may be called at any time, and twice. */
void		 screen_close(void);
/* Takes it over again after screen_close(), or after the size may have changed. */
void		 screen_resume(struct canvas *);
void		 screen_theme(struct canvas *, size_t theme);
/* Rings, or flashes where the terminal cannot. */
void		 screen_bell(struct canvas *);
void		 screen_erase(struct canvas *);
void		 screen_show(struct canvas *);
/* Makes the next screen_show() paint every cell anew. */
void		 screen_repaint(struct canvas *);
/* Where the terminal's cursor stands at the next screen_show(); y < 0 hides it. */
void		 screen_cursor(struct canvas *, int y, int x);
/* The next key typed, or false when there is none for now. */
bool		 screen_input(struct input *);

#endif
