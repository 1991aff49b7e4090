/*
 * The terminal: the only file that knows curses.  There is one terminal, so
 * there is one static screen.  It is given back as it was found whatever
 * happens: on return, on exit(), and from the handlers of the signals that
 * a crash raises, which may only write bytes prepared beforehand and restore
 * the saved line settings.
 */
#include "config.h"

#include <curses.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <term.h>
#include <termios.h>
#include <unistd.h>

#include "draw.h"
#include "xmalloc.h"

static struct {
	struct canvas	 canvas;
	SCREEN		*terminal;
	bool		 shown;		/* curses has the terminal now */
	int		 colours;	/* 0: monochrome */
	chtype		 looks[INK_COUNT];
	int		 cursor_y, cursor_x;
	struct termios	 saved;
	bool		 saved_valid;
	char		 restore[256];	/* what brings the terminal back */
	size_t		 restore_len;
} screen = { .cursor_y = -1 };

static const int crash_signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT };
enum { CRASH_SIGNALS = sizeof(crash_signals) / sizeof(crash_signals[0]) };
static struct sigaction crash_before[CRASH_SIGNALS];

static void
text_op(struct canvas *c, int y, int x, enum ink ink, const char *s, int n)
{
	attrset((int)screen.looks[ink]);
	mvaddnstr(y, x, s, n);
}

static void
glyph_op(struct canvas *c, int y, int x, enum ink ink, enum glyph g, int n)
{
	const char *s = glyph_text(g, c->utf8);

	attrset((int)screen.looks[ink]);
	move(y, x);
	while (n-- > 0)
		addstr(s);
}

static attr_t
look_attributes(int attributes)
{
	attr_t a = A_NORMAL;

	if (attributes & LOOK_BOLD)
		a |= A_BOLD;
	if (attributes & LOOK_DIM)
		a |= A_DIM;
	if (attributes & LOOK_REVERSE)
		a |= A_REVERSE;
	if (attributes & LOOK_UNDERLINE)
		a |= A_UNDERLINE;
	return a;
}

void
screen_bell(struct canvas *c)
{
	beep();
}

void
screen_theme(struct canvas *c, size_t theme)
{
	for (int ink = 0; ink < INK_COUNT; ink++) {
		struct look look = theme_look(theme, (enum ink)ink, screen.colours);
		short pair = (short)(ink + 1);

		screen.looks[ink] = look_attributes(look.attributes);
		if (screen.colours == 0 || (look.fg < 0 && look.bg < 0))
			continue;
		if (init_pair(pair, look.fg, look.bg) == OK)
			screen.looks[ink] |= COLOR_PAIR(pair);
	}
	clearok(stdscr, TRUE);
}

/* Colours the terminal has and the user wants: 0, 8, 16 or 256. */
static int
screen_colours(void)
{
	const char *no = getenv("NO_COLOR");

	if ((no != NULL && *no != '\0') || !has_colors())
		return 0;
	start_color();
	if (use_default_colors() != OK || COLOR_PAIRS <= INK_COUNT)
		return 0;
	return COLORS >= 256 ? 256 : COLORS >= 16 ? 16 : COLORS >= 8 ? 8 : 0;
}

/* Appends a capability to what restores the terminal, without its padding. */
static void
restore_add(const char *capability)
{
	const char *s = tigetstr(capability);

	if (s == NULL || s == (char *)-1)
		return;
	while (*s != '\0' && screen.restore_len < sizeof(screen.restore)) {
		if (strncmp(s, "$<", 2) == 0 && strchr(s, '>') != NULL) {
			s = strchr(s, '>') + 1;
			continue;
		}
		screen.restore[screen.restore_len++] = *s++;
	}
}

static void
crashed(int signo)
{
	int saved_errno = errno;
	ssize_t done;

	if (screen.shown) {
		done = write(STDOUT_FILENO, screen.restore, screen.restore_len);
		(void)done;
		if (screen.saved_valid)
			tcsetattr(STDIN_FILENO, TCSANOW, &screen.saved);
		screen.shown = false;
	}
	/* What was there before (the default, or a sanitizer's report) goes on. */
	for (size_t i = 0; i < CRASH_SIGNALS; i++)
		if (crash_signals[i] == signo)
			sigaction(signo, &crash_before[i], NULL);
	errno = saved_errno;
	raise(signo);
}

static void
screen_prepare_crash(void)
{
	static const char mouse_off[] = "\033[?1006l\033[?1002l\033[?1000l";
	static const char *const capabilities[] = { "sgr0", "op", "rmkx", "cnorm", "rmcup" };
	struct sigaction action = { .sa_handler = crashed };

	screen.restore_len = 0;
	if (tigetstr("kmous") != NULL && tigetstr("kmous") != (char *)-1) {
		memcpy(screen.restore, mouse_off, sizeof(mouse_off) - 1);
		screen.restore_len = sizeof(mouse_off) - 1;
	}
	for (size_t i = 0; i < sizeof(capabilities) / sizeof(capabilities[0]); i++)
		restore_add(capabilities[i]);
	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < CRASH_SIGNALS; i++)
		sigaction(crash_signals[i], &action, &crash_before[i]);
}

struct canvas *
screen_open(size_t theme, char **cause)
{
	static const struct canvas_ops ops = { text_op, glyph_op };
	const char *term = getenv("TERM");

	screen.saved_valid = tcgetattr(STDIN_FILENO, &screen.saved) == 0;
	screen.terminal = newterm(NULL, stdout, stdin);
	if (screen.terminal == NULL) {
		*cause = xasprintf("the terminal type \"%s\" (TERM) is not known here; "
		    "set TERM=xterm, or use gatehouse -b for plain text",
		    term == NULL ? "" : term);
		return NULL;
	}
	set_term(screen.terminal);
	screen.shown = true;
	atexit(screen_close);
	cbreak();
	noecho();
	nonl();
	set_escdelay(25);
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	leaveok(stdscr, FALSE);
	curs_set(0);
	mouseinterval(0);
	/* curses folds a press and a release that come together into a click. */
	mousemask(BUTTON1_PRESSED | BUTTON1_RELEASED | BUTTON1_CLICKED | BUTTON1_DOUBLE_CLICKED |
	    BUTTON4_PRESSED | BUTTON5_PRESSED, NULL);
	screen.canvas = (struct canvas) { &ops, LINES, COLS, draw_locale_utf8() };
	screen.colours = screen_colours();
	screen_theme(&screen.canvas, theme);
	screen_prepare_crash();
	return &screen.canvas;
}

void
screen_close(void)
{
	if (!screen.shown)
		return;
	screen.shown = false;
	curs_set(1);
	endwin();
}

void
screen_resume(struct canvas *c)
{
	struct winsize size;

	screen.shown = true;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0)
		resizeterm(size.ws_row, size.ws_col);
	c->rows = LINES;
	c->cols = COLS;
	screen_repaint(c);
}

void
screen_erase(struct canvas *c)
{
	attrset(A_NORMAL);
	erase();
}

void
screen_repaint(struct canvas *c)
{
	clearok(stdscr, TRUE);
}

void
screen_cursor(struct canvas *c, int y, int x)
{
	screen.cursor_y = y;
	screen.cursor_x = x < c->cols ? x : c->cols - 1;
}

void
screen_show(struct canvas *c)
{
	curs_set(screen.cursor_y >= 0);
	if (screen.cursor_y >= 0)
		move(screen.cursor_y, screen.cursor_x);
	refresh();
}

static bool
screen_mouse(struct input *in)
{
	MEVENT event;

	if (getmouse(&event) != OK)
		return false;
	in->y = event.y;
	in->x = event.x;
	if (event.bstate & BUTTON1_DOUBLE_CLICKED)
		in->key = UI_KEY_DOUBLE_CLICK;
	else if (event.bstate & (BUTTON1_PRESSED | BUTTON1_CLICKED))
		in->key = UI_KEY_CLICK;
	else if (event.bstate & BUTTON4_PRESSED)
		in->key = UI_KEY_WHEEL_UP;
	else if (event.bstate & BUTTON5_PRESSED)
		in->key = UI_KEY_WHEEL_DOWN;
	else
		return false;
	return true;
}

bool
screen_input(struct input *in)
{
	static const struct {
		int	curses, key;
	} keys[] = { { KEY_UP, UI_KEY_UP }, { KEY_DOWN, UI_KEY_DOWN }, { KEY_LEFT, UI_KEY_LEFT },
		{ KEY_RIGHT, UI_KEY_RIGHT }, { KEY_PPAGE, UI_KEY_PAGE_UP },
		{ KEY_NPAGE, UI_KEY_PAGE_DOWN }, { KEY_HOME, UI_KEY_HOME },
		{ KEY_END, UI_KEY_END }, { KEY_BTAB, UI_KEY_BACK_TAB }, { '\t', UI_KEY_TAB },
		{ '\r', UI_KEY_ENTER }, { '\n', UI_KEY_ENTER }, { KEY_ENTER, UI_KEY_ENTER },
		{ KEY_BACKSPACE, UI_KEY_BACKSPACE }, { '\b', UI_KEY_BACKSPACE },
		{ 0x7f, UI_KEY_BACKSPACE }, { KEY_DC, UI_KEY_DELETE }, { 'L' & 0x1f, UI_KEY_REDRAW } };
	int ch;

	while ((ch = getch()) != ERR) {
		*in = (struct input) { .key = UI_KEY_NONE };
		if (ch == KEY_MOUSE) {
			if (screen_mouse(in))
				return true;
			continue;
		}
		for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
			if (keys[i].curses == ch)
				in->key = keys[i].key;
		if (in->key == UI_KEY_NONE && ch > 0 && ch < 0x80)
			in->key = ch;
		if (in->key != UI_KEY_NONE)
			return true;
	}
	return false;
}
