/*
 * Keys and the mouse: to the prompt, the popup or the pane that has them, in the
 * order they were typed, though never before the rows they are meant for.
 */
#include "config.h"

#include "console.h"

#include <string.h>

enum {
	WHEEL_ROWS = 3,
	HOLD_US = 1000 * 1000,		/* keys typed ahead of the rows */
};

static void
input_mouse(struct console *c, const struct input *in)
{
	size_t tab = frame_tab_at(&c->layout, c->canvas->cols, in->y, in->x);
	size_t pane = layout_pane_at(&c->layout, in->y, in->x);
	struct place table;
	struct view *v;

	if (tab < PANE_COUNT)
		console_focus(c, tab);
	if (pane >= PANE_COUNT)
		return;
	v = &c->views[pane];
	if (in->key == UI_KEY_WHEEL_UP || in->key == UI_KEY_WHEEL_DOWN) {
		view_move(v, in->key == UI_KEY_WHEEL_UP ? -WHEEL_ROWS : WHEEL_ROWS);
		console_dirty(c);
		return;
	}
	console_focus(c, pane);
	table = layout_table(&c->layout, pane);
	if (in->y > table.y && v->top + (size_t)(in->y - table.y - 1) < v->total)
		view_select(v, v->top + (size_t)(in->y - table.y - 1));
	if (in->key == UI_KEY_DOUBLE_CLICK)
		action_detail(c);
}

void
input_key(struct console *c, const struct input *in)
{
	bool mouse = in->key >= UI_KEY_CLICK && in->key <= UI_KEY_WHEEL_DOWN;

	console_read(c);
	/* What cannot be seen is not answered; leaving is the one key. */
	if (c->layout.too_small && in->key != 'q')
		return;
	if (c->layout.too_small)
		keys_run(c, in->key);
	else if (c->prompt.kind != PROMPT_NONE) {
		if (!mouse)
			prompt_key(c, in->key);
	} else if (c->popup.open)
		popup_key(c, in->key);
	else if (mouse)
		input_mouse(c, in);
	else
		keys_run(c, in->key);
	console_dirty(c);
}

/*
 * Keys typed before the rows they are meant for have come wait for these:
 * else a quick "filter, enter, space" would switch the entry of a row that
 * the operator never saw.  Not for long, though: then the header tells what
 * is wrong, and the rows are what they are.
 */
static bool
must_hold_keys(const struct console *c)
{
	const struct view *v = &c->views[c->focus];

	return link_state(c->link) == LINK_UP && c->prompt.kind == PROMPT_NONE && !c->popup.open &&
	    !c->layout.too_small && v->wait != VIEW_CURRENT &&
	    now_mono() - v->wait_since < HOLD_US && c->nheld < HELD_MAX;
}

void
input_release(struct console *c)
{
	struct input in;

	while (c->nheld > 0 && !must_hold_keys(c)) {
		in = c->held[0];
		memmove(c->held, c->held + 1, --c->nheld * sizeof(c->held[0]));
		input_key(c, &in);
	}
}

void
input_take(struct console *c, const struct input *in)
{
	if (c->nheld == 0 && !must_hold_keys(c))
		input_key(c, in);
	else {
		c->held[c->nheld++] = *in;
		input_release(c);
	}
}
