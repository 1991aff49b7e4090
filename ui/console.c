#include "config.h"

#include "console.h"

#include <errno.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "text.h"
#include "ui.h"
#include "xmalloc.h"

enum {
	REDRAW_US = 50 * 1000,		/* between two drawings */
	TICK_US = 200 * 1000,
	STATUS_US = 450 * 1000,		/* a status older than this is asked for */
	SILENT_US = 1200 * 1000,	/* what is older is not shown as live */
	MESSAGE_US = 10 * 1000 * 1000,
};

/* ---- telling ---- */

void
console_tell(struct console *c, const char *format, ...)
{
	char clean[PANE_CELL_SIZE], *text;
	va_list ap;

	va_start(ap, format);
	text = xvasprintf(format, ap);
	va_end(ap);
	free(c->message);
	c->message = xstrdup(draw_clean(clean, sizeof(clean), text));
	c->message_time = now_mono();
	free(text);
	console_dirty(c);
}

void
console_error(struct console *c, const char *format, ...)
{
	char clean[2048], *text;
	struct lines lines = { 0 };
	va_list ap;

	va_start(ap, format);
	text = xvasprintf(format, ap);
	va_end(ap);
	draw_clean(clean, sizeof(clean), text);
	/* What does not fit in one line gets a popup: it must be read whole. */
	if (c->nerrors == 0 && !c->popup.open &&
	    (strchr(text, '\n') != NULL || (int)strlen(clean) > c->canvas->cols - 4)) {
		lines_text(&lines, INK_BAD, text);
		popup_open(c, "Error", &lines);
	} else if (c->nerrors < ERRORS_MAX)
		c->errors[c->nerrors++] = xstrdup(clean);
	free(text);
	console_dirty(c);
}

void
console_read(struct console *c)
{
	free(c->message);
	c->message = NULL;
	if (c->nerrors == 0)
		return;
	free(c->errors[0]);
	memmove(c->errors, c->errors + 1, (ERRORS_MAX - 1) * sizeof(c->errors[0]));
	c->nerrors--;
	console_dirty(c);
}

/* ---- state ---- */

struct view *
console_focused(struct console *c)
{
	return &c->views[c->focus];
}

double
console_now(const struct console *c)
{
	return cell_number(c->status, "time");
}

int
console_silence(const struct console *c)
{
	uint64_t heard = link_heard(c->link), now = now_mono();

	if (link_state(c->link) == LINK_DOWN)
		return -1;
	if (heard == 0 || now - heard < SILENT_US)
		return 0;
	return (int)((now - heard) / 1000000);
}

static void
console_layout(struct console *c)
{
	layout_make(&c->layout, c->canvas->rows, c->canvas->cols, c->focus, c->zoom,
	    link_state(c->link) != LINK_DOWN &&
	    json_array_size(json_object_get(c->status, "alerts")) > 0);
	for (size_t i = 0; i < PANE_COUNT; i++) {
		struct place p = layout_table(&c->layout, i);

		if (p.rows > 0)
			view_resize(&c->views[i], p.rows - 1);
	}
}

void
console_focus(struct console *c, size_t pane)
{
	c->focus = pane;
	if (!c->views[pane].visible)
		view_outdated(&c->views[pane]);
	console_dirty(c);
}

void
console_leave(struct console *c, int exit_code)
{
	c->exit_code = exit_code;
	event_base_loopbreak(c->base);
}

/* ---- drawing ---- */

static void
bottom_draw(struct console *c)
{
	struct canvas *canvas = c->canvas;
	int y = c->layout.bar_y, x = 1;

	if (c->prompt.kind != PROMPT_NONE)
		prompt_draw(c);
	else if (c->nerrors > 0) {
		draw_clear(canvas, y, 0, 1, canvas->cols, INK_ERROR);
		x += draw_text(canvas, y, x, canvas->cols - x, INK_ERROR, c->errors[0]);
		if (c->nerrors > 1)
			draw_text(canvas, y, x, canvas->cols - x, INK_ERROR, "  (more: press a key)");
	} else if (c->message != NULL) {
		draw_clear(canvas, y, 0, 1, canvas->cols, INK_MESSAGE);
		draw_text(canvas, y, x, canvas->cols - x, INK_MESSAGE, c->message);
	} else
		keys_bar(canvas, y);
}

static void
too_small_draw(struct canvas *c)
{
	char text[96];

	snprintf(text, sizeof(text), "too small: %dx%d, needs %dx%d", c->cols, c->rows,
	    LAYOUT_COLS_MIN, LAYOUT_ROWS_MIN);
	draw_text(c, 0, 0, c->cols, INK_BAD, text);
	draw_text(c, 1, 0, c->cols, INK_NORMAL, "enforcement goes on");
}

static void
panes_draw(struct console *c)
{
	struct header h = { c->status, console_silence(c), c->paused, link_cause(c->link) };
	char alert[PANE_CELL_SIZE];

	header_draw(c->canvas, 0, &h);
	if (c->layout.alert_y >= 0 && header_alert(&h, alert, sizeof(alert))) {
		draw_clear(c->canvas, c->layout.alert_y, 0, 1, c->canvas->cols, INK_NORMAL);
		draw_text(c->canvas, c->layout.alert_y, 1, c->canvas->cols - 1, INK_BAD, "!");
		draw_text(c->canvas, c->layout.alert_y, 3, c->canvas->cols - 3, INK_BAD, alert);
	}
	frame_tabs(c->canvas, &c->layout, c->focus);
	for (size_t i = 0; i < PANE_COUNT; i++)
		if (c->layout.pane[i].rows > 0)
			frame_draw(c->canvas, &c->layout, &c->views[i], i, i == c->focus, &h,
			    console_now(c));
}

static void
console_draw(struct console *c)
{
	c->drawn = now_mono();
	console_layout(c);
	feed_subscribe(c);
	screen_erase(c->canvas);
	screen_cursor(c->canvas, -1, 0);
	if (c->layout.too_small)
		too_small_draw(c->canvas);
	else {
		panes_draw(c);
		bottom_draw(c);
		if (c->popup.open)
			popup_draw(c);
	}
	screen_show(c->canvas);
}

static void
redraw_due(evutil_socket_t unused, short what, void *arg)
{
	struct console *c = arg;

	c->redraw_pending = false;
	console_draw(c);
}

void
console_dirty(struct console *c)
{
	uint64_t since = now_mono() - c->drawn;
	struct timeval delay = { 0, since < REDRAW_US ? (suseconds_t)(REDRAW_US - since) : 0 };

	if (c->redraw_pending)
		return;
	c->redraw_pending = true;
	evtimer_add(c->redraw, &delay);
}

/* ---- events ---- */

static void
stdin_readable(evutil_socket_t fd, short what, void *arg)
{
	struct console *c = arg;
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	struct input in;
	bool any = false;

	while (screen_input(&in)) {
		any = true;
		input_take(c, &in);
	}
	/* A terminal that has gone is readable for ever and gives nothing. */
	if (!any && poll(&poll_fd, 1, 0) > 0 &&
	    (poll_fd.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0)
		console_leave(c, EXIT_NO);
}

static void
console_stop(struct console *c)
{
	screen_close();
	kill(getpid(), SIGSTOP);
	/* Here again after SIGCONT. */
	screen_resume(c->canvas);
	console_dirty(c);
}

static void
signal_arrived(evutil_socket_t signo, short what, void *arg)
{
	static const struct input interrupt = { .key = 'C' & 0x1f };
	struct console *c = arg;

	switch (signo) {
	case SIGWINCH:
	case SIGCONT:
		screen_resume(c->canvas);
		console_dirty(c);
		break;
	case SIGTSTP:
		console_stop(c);
		break;
	case SIGINT:
		if (c->prompt.kind != PROMPT_NONE || c->popup.open)
			input_key(c, &interrupt);
		else
			console_leave(c, EXIT_DONE);
		break;
	default:
		console_leave(c, EXIT_NO);
	}
}

static void
tick(evutil_socket_t unused, short what, void *arg)
{
	static const struct timeval interval = { 0, TICK_US };
	struct console *c = arg;
	uint64_t now = now_mono();

	evtimer_add(c->tick, &interval);
	if (link_state(c->link) == LINK_UP && !c->status_asked &&
	    now - c->status_time >= STATUS_US)
		feed_ask_status(c);
	if (c->message != NULL && now - c->message_time > MESSAGE_US) {
		free(c->message);
		c->message = NULL;
		console_dirty(c);
	}
	if (console_silence(c) != 0)
		console_dirty(c);
	input_release(c);
}

/* ---- beginning and end ---- */

static void
console_start_events(struct console *c)
{
	static const int signals[] = { SIGWINCH, SIGCONT, SIGTSTP, SIGINT, SIGTERM, SIGHUP,
		SIGQUIT };

	c->stdin_event = event_new(c->base, STDIN_FILENO, EV_READ | EV_PERSIST, stdin_readable, c);
	event_add(c->stdin_event, NULL);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		c->signals[i] = evsignal_new(c->base, signals[i], signal_arrived, c);
		event_add(c->signals[i], NULL);
	}
	tick(-1, 0, c);
}

static void
console_free(struct console *c)
{
	link_free(c->link);
	for (size_t i = 0; i < PANE_COUNT; i++)
		view_clear(&c->views[i]);
	popup_close(c);
	prompt_free(&c->prompt);
	while (c->nerrors > 0)
		free(c->errors[--c->nerrors]);
	free(c->message);
	free(c->subscribed);
	json_decref(c->status);
	if (c->stdin_event != NULL)
		event_free(c->stdin_event);
	for (size_t i = 0; i < sizeof(c->signals) / sizeof(c->signals[0]); i++)
		if (c->signals[i] != NULL)
			event_free(c->signals[i]);
	event_free(c->redraw);
	event_free(c->tick);
	event_base_free(c->base);
}

/* What goes on without the console, said on the shell's screen. */
static void
console_farewell(const struct console *c)
{
	const json_t *firewall = json_object_get(c->status, "firewall");
	const char *state = cell_string(firewall, "state");
	char profile[32];

	draw_clean(profile, sizeof(profile), cell_string(firewall, "profile"));
	/* Its daemon goes with the lab that it made. */
	if (getenv("GATEHOUSE_DEMO") != NULL)
		printf("gatehouse: console left; the demo has ended, and nothing of it stays\n");
	else if (link_state(c->link) != LINK_UP)
		printf("gatehouse: console left; the daemon does not answer: gatehouse status\n");
	else if (strcmp(state, "enforcing") == 0)
		printf("gatehouse: console left; enforcement goes on (%s)\n", profile);
	else
		printf("gatehouse: console left; the daemon goes on, but guests are not confined "
		    "now (%s)\n", state);
}

static void
be_quiet(int severity, const char *message)
{
}

bool
ui_has_terminal(void)
{
	if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))
		return true;
	fprintf(stderr, "gatehouse: the console needs a terminal; "
	    "gatehouse -b prints the same as text\n");
	return false;
}

int
ui_run(const struct conf *conf)
{
	static const struct link_handlers handlers = { feed_link_changed, feed_update };
	struct console c = { 0 };
	enum exit_code code;
	char *cause = NULL;
	int fd;

	setlocale(LC_CTYPE, "");
	if (!ui_has_terminal())
		return EXIT_USAGE;
	if ((fd = client_connect(conf->control, &code, &cause)) == -1) {
		fprintf(stderr, "gatehouse: %s\n", cause);
		free(cause);
		return code;
	}
	close(fd);
	c.theme = theme_find(getenv("GATEHOUSE_THEME"));
	if ((c.canvas = screen_open(c.theme, &cause)) == NULL) {
		fprintf(stderr, "gatehouse: %s\n", cause);
		free(cause);
		return EXIT_NO;
	}
	/* A daemon that dies while it is written to is an error, not the end. */
	signal(SIGPIPE, SIG_IGN);
	/* Nothing may write to the terminal but the screen. */
	event_set_log_callback(be_quiet);
	for (size_t i = 0; i < PANE_COUNT; i++)
		view_init(&c.views[i], pane_table[i]);
	c.base = event_base_new();
	c.redraw = evtimer_new(c.base, redraw_due, &c);
	c.tick = evtimer_new(c.base, tick, &c);
	c.link = link_new(c.base, conf->control, &handlers, &c);
	console_start_events(&c);
	console_dirty(&c);
	event_base_dispatch(c.base);
	screen_close();
	console_farewell(&c);
	console_free(&c);
	return c.exit_code;
}
