/*
 * What every key does: one table.  The dispatcher, help and the bottom bar are
 * made from it, and the list in gatehouse.1 is held to it by a test.
 */
#include "config.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "ui.h"

enum { HELP_WIDE = 80 };	/* from here on help has a column for the commands */

static void
move_up(struct console *c)
{
	view_move(console_focused(c), -1);
}

static void
move_down(struct console *c)
{
	view_move(console_focused(c), 1);
}

static void
move_page_up(struct console *c)
{
	view_move(console_focused(c), -(long)console_focused(c)->height);
}

static void
move_page_down(struct console *c)
{
	view_move(console_focused(c), console_focused(c)->height);
}

static void
move_first(struct console *c)
{
	view_first(console_focused(c));
}

static void
move_last(struct console *c)
{
	view_last(console_focused(c));
}

static void
pane_next(struct console *c)
{
	console_focus(c, (c->focus + 1) % PANE_COUNT);
}

static void
pane_previous(struct console *c)
{
	console_focus(c, (c->focus + PANE_COUNT - 1) % PANE_COUNT);
}

static void pane_1(struct console *c) { console_focus(c, 0); }
static void pane_2(struct console *c) { console_focus(c, 1); }
static void pane_3(struct console *c) { console_focus(c, 2); }
static void pane_4(struct console *c) { console_focus(c, 3); }
static void pane_5(struct console *c) { console_focus(c, 4); }
static void pane_6(struct console *c) { console_focus(c, 5); }

static void
filter(struct console *c)
{
	prompt_open(c, PROMPT_FILTER, "/", "");
}

static void
filter_clear(struct console *c)
{
	struct view *v = console_focused(c);

	if (v->filter[0] == '\0')
		return;
	v->filter[0] = '\0';
	view_reset(v);
}

static void
sort(struct console *c)
{
	view_sort_next(console_focused(c));
}

static void
reverse(struct console *c)
{
	struct view *v = console_focused(c);

	if (v->sort == NULL) {
		view_sort_next(v);
		return;
	}
	v->desc = !v->desc;
	view_reset(v);
}

static void
zoom(struct console *c)
{
	c->zoom = !c->zoom;
}

static void
command_line(struct console *c)
{
	prompt_open(c, PROMPT_COMMAND, ":", "");
}

static void
theme(struct console *c)
{
	c->theme = (c->theme + 1) % theme_count();
	screen_theme(c->canvas, c->theme);
	console_tell(c, "theme: %s", theme_name(c->theme));
}

static void
bell(struct console *c)
{
	c->bell = !c->bell;
	console_tell(c, c->bell ? "bell: it rings for an alert, and for a kind of blocked packets "
	    "that is new" : "bell: off");
}

static void
redraw(struct console *c)
{
	screen_repaint(c->canvas);
}

static void
help(struct console *c)
{
	struct lines lines = { 0 };

	keys_help(&lines, c->canvas->cols);
	popup_open(c, "Keys", &lines);
}

static void
detach(struct console *c)
{
	console_leave(c, EXIT_DONE);
}

const struct key_row key_table[] = {
	{ { ' ' }, "space", "toggle",
	    "switch the deciding entry, or offer to add one", 2, action_toggle },
	{ { 'a' }, "a", "allow", "add an entry, prefilled from the row", 3, action_allow },
	{ { 'A' }, "A", "apply", "apply a profile: filtered, lockdown or observe", 7, action_apply },
	{ { 'F' }, "F", "flush", "open everything; asks first", 8, action_flush },
	{ { 'P' }, "P", "proxy", "stop the proxy (asks first) or start it", 9, action_proxy },
	{ { 'L' }, "L", "learn", "let unlisted names pass (asks first), or stop", 0, action_learn },
	{ { 'f' }, "f", "freeze", "freeze or thaw the row's guest; may ask first", 5, action_freeze },
	{ { 'r' }, "r", "run", "start the row's guest, or stop it; asks first", 0, action_run },
	{ { 'u' }, "u", "undo", "take back the last change of the allowlist", 6, action_undo },
	{ { UI_KEY_ENTER }, "enter", "detail", "all about the row, and why it was decided so", 4,
	    action_detail },
	{ { '!' }, "!", "alerts", "all that is wrong now", 0, action_alerts },
	{ { '/' }, "/", "filter", "show only rows that contain a text", 10, filter },
	{ { UI_KEY_ESCAPE }, "esc", "unfilter", "show all rows again", 0, filter_clear },
	{ { 's' }, "s", "sort", "sort by the next column", 11, sort },
	{ { 'S' }, "S", "reverse", "sort the other way round", 0, reverse },
	{ { 'z' }, "z", "zoom", "give the pane the whole screen, and back", 12, zoom },
	{ { 'p' }, "p", "pause", "hold the rows still, and let them go on", 13, feed_pause },
	{ { ':' }, ":", "command", "type a command, as on the command line", 14, command_line },
	{ { UI_KEY_UP, 'k' }, "up k", "up", "one row up", 0, move_up },
	{ { UI_KEY_DOWN, 'j' }, "down j", "down", "one row down", 0, move_down },
	{ { UI_KEY_PAGE_UP, 'B' & 0x1f }, "pgup ^B", "page-up", "one page up", 0, move_page_up },
	{ { UI_KEY_PAGE_DOWN, 'F' & 0x1f }, "pgdn ^F", "page-down", "one page down", 0,
	    move_page_down },
	{ { UI_KEY_HOME, 'g' }, "home g", "first", "to the first row, and follow it", 0, move_first },
	{ { UI_KEY_END, 'G' }, "end G", "last", "to the last row", 0, move_last },
	{ { UI_KEY_TAB, 'l', UI_KEY_RIGHT }, "tab l right", "next", "to the next pane", 0, pane_next },
	{ { UI_KEY_BACK_TAB, 'h', UI_KEY_LEFT }, "S-tab h left", "previous",
	    "to the pane before", 0, pane_previous },
	{ { '1' }, "1", "vms", "to the guests", 0, pane_1 },
	{ { '2' }, "2", "rules", "to the firewall's rules", 0, pane_2 },
	{ { '3' }, "3", "domains", "to the names asked for", 0, pane_3 },
	{ { '4' }, "4", "drops", "to the packets blocked", 0, pane_4 },
	{ { '5' }, "5", "entries", "to the allowlist", 0, pane_5 },
	{ { '6' }, "6", "events", "to the timeline", 0, pane_6 },
	{ { 't' }, "t", "theme", "the next colour theme: dark, light, mono", 0, theme },
	{ { 'b' }, "b", "bell", "ring for an alert or a new kind of drop, or not", 0, bell },
	{ { UI_KEY_REDRAW }, "^L", "redraw", "paint the screen anew", 0, redraw },
	{ { '?' }, "?", "help", "this list", 1, help },
	{ { 'q' }, "q", "detach", "leave; enforcement goes on", 1, detach },
	{ { 0 }, NULL, NULL, NULL, 0, NULL }
};

bool
keys_run(struct console *c, int key)
{
	for (const struct key_row *row = key_table; row->shown != NULL; row++) {
		for (size_t i = 0; i < 4 && row->keys[i] != 0; i++) {
			if (row->keys[i] != key)
				continue;
			row->run(c);
			console_dirty(c);
			return true;
		}
	}
	return false;
}

/* The demo's daemon and guests go with its console. */
static bool
ends_demo(const struct key_row *row)
{
	return row->run == detach && getenv("GATEHOUSE_DEMO") != NULL;
}

static const char *
row_command(const struct key_row *row)
{
	return ends_demo(row) ? "end demo" : row->command;
}

static const char *
row_help(const struct key_row *row)
{
	return ends_demo(row) ? "leave, which ends the demo and its guests" : row->help;
}

/* Columns the rows up to a rank take in the bottom bar. */
static int
bar_width(int rank)
{
	int width = 1;

	for (const struct key_row *row = key_table; row->shown != NULL; row++)
		if (row->bar > 0 && row->bar <= rank)
			width += (int)(strlen(row->shown) + strlen(row_command(row))) + 3;
	return width - 2;
}

void
keys_bar(struct canvas *c, int y)
{
	int rank = 1, x = 1;

	while (rank < 32 && bar_width(rank + 1) <= c->cols)
		rank++;
	draw_clear(c, y, 0, 1, c->cols, INK_BAR);
	for (const struct key_row *row = key_table; row->shown != NULL; row++) {
		if (row->bar == 0 || row->bar > rank)
			continue;
		x += draw_text(c, y, x, c->cols - x, INK_BAR_KEY, row->shown) + 1;
		x += draw_text(c, y, x, c->cols - x, INK_BAR, row_command(row)) + 2;
	}
}

void
keys_help(struct lines *l, int cols)
{
	static const char mouse[] = "click selects, wheel scrolls";

	for (const struct key_row *row = key_table; row->shown != NULL; row++) {
		if (cols < HELP_WIDE)
			lines_add(l, INK_NORMAL, "%-12s %s", row->shown, row_help(row));
		else
			lines_add(l, INK_NORMAL, "%-15s %-10s %s", row->shown, row_command(row),
			    row_help(row));
	}
	if (cols < HELP_WIDE)
		lines_add(l, INK_NORMAL, "%-12s %s", "mouse", mouse);
	else
		lines_add(l, INK_NORMAL, "%-15s %-10s %s", "mouse", "", mouse);
}

void
ui_keys_print(FILE *out)
{
	/* mdoc takes punctuation as such unless it is told not to. */
	for (const struct key_row *row = key_table; row->shown != NULL; row++)
		fprintf(out, ".It Ic %s%s\n%s:\n%s.\n",
		    row->shown[1] == '\0' && ispunct((unsigned char)row->shown[0]) ? "\\&" : "",
		    row->shown, row->command, row->help);
}
