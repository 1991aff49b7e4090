/*
 * What the console hears of the engine: the status, and the rows of the panes
 * on the screen, for which it subscribes anew whenever place, order or filter
 * of one of them change.
 */
#include "config.h"

#include "console.h"

#include <stdlib.h>
#include <string.h>

/* When the newest alert began; 0 without any. */
static double
newest_alert(const json_t *status)
{
	const json_t *alert;
	double newest = 0, time;
	size_t i;

	json_array_foreach (json_object_get(status, "alerts"), i, alert) {
		time = cell_number(alert, "time");
		newest = time > newest ? time : newest;
	}
	return newest;
}

static double
newest_drop(const json_t *status)
{
	return cell_number(json_object_get(status, "drops"), "news_time");
}

/* A line about it, where no pane has it already. */
static void
drop_tell(struct console *c, const json_t *status)
{
	for (size_t i = 0; i < PANE_COUNT; i++) {
		const struct view *v = &c->views[i];

		if (v->visible && (v->pane == &pane_blocked || v->pane == &pane_timeline))
			return;
	}
	/* What a key did is read to its end. */
	if (c->message == NULL)
		console_tell(c, "%s", cell_string(json_object_get(status, "drops"), "news"));
}

static void
take_status(struct console *c, const json_t *status)
{
	bool drop, alert;

	if (!json_is_object(status))
		return;
	/* Not for what was wrong before this console looked. */
	drop = c->status != NULL && newest_drop(status) != newest_drop(c->status) &&
	    newest_drop(status) != 0;
	alert = c->status != NULL && newest_alert(status) > newest_alert(c->status);
	if (c->bell && (drop || alert))
		screen_bell(c->canvas);
	if (drop)
		drop_tell(c, status);
	json_decref(c->status);
	c->status = json_deep_copy(status);
	c->status_time = now_mono();
	console_dirty(c);
}

static void
take_views(struct console *c, const json_t *views)
{
	for (size_t i = 0; i < PANE_COUNT; i++) {
		const json_t *window = json_object_get(views, c->views[i].pane->view);

		if (window == NULL)
			continue;
		/* What was on its way before the last subscription is older. */
		if (c->asked == 0 && c->views[i].wait == VIEW_ASKED)
			c->views[i].wait = VIEW_CURRENT;
		view_take(&c->views[i], window, i == c->focus);
		detail_refresh(c, &c->views[i]);
	}
	input_release(c);
	console_dirty(c);
}

void
feed_update(const json_t *params, void *arg)
{
	struct console *c = arg;

	take_status(c, json_object_get(params, "status"));
	if (!c->paused)
		take_views(c, json_object_get(params, "views"));
}

static void
status_answered(const json_t *result, const char *error, void *arg)
{
	struct console *c = arg;

	c->status_asked = false;
	take_status(c, result);
}

void
feed_ask_status(struct console *c)
{
	c->status_asked = true;
	link_call(c->link, "status", NULL, status_answered, c);
}

void
feed_link_changed(void *arg)
{
	struct console *c = arg;

	free(c->subscribed);
	c->subscribed = NULL;
	for (size_t i = 0; i < PANE_COUNT; i++)
		view_outdated(&c->views[i]);
	/* What is asked is about rows of a daemon that has gone. */
	if (link_state(c->link) == LINK_DOWN && (c->prompt.kind == PROMPT_QUESTION ||
	    c->prompt.kind == PROMPT_TYPED_QUESTION)) {
		prompt_close(c);
		console_error(c, "not done: the daemon went away");
	}
	/* Before any row: ages and questions need it. */
	if (link_state(c->link) == LINK_UP)
		feed_ask_status(c);
	console_dirty(c);
}

static void
window_answered(const json_t *result, const char *error, void *arg)
{
	struct view *v = arg;

	if (result == NULL)
		return;
	v->wait = VIEW_CURRENT;
	view_take(v, result, true);
}

static void
subscribe_answered(const json_t *result, const char *error, void *arg)
{
	struct console *c = arg;

	c->asked--;
	/* When the connection went, the header says so. */
	if (error != NULL && link_state(c->link) == LINK_UP)
		console_error(c, "%s", error);
}

/* While paused each window is asked for once, and larger. */
static void
fetch_windows(struct console *c, json_t *views)
{
	const char *name;
	json_t *params;

	json_object_foreach(views, name, params) {
		for (size_t i = 0; i < PANE_COUNT; i++) {
			if (strcmp(c->views[i].pane->view, name) != 0)
				continue;
			json_object_set_new(params, "limit", json_integer(CONTROL_ROWS_MAX));
			link_call(c->link, name, json_incref(params), window_answered, &c->views[i]);
		}
	}
}

void
feed_subscribe(struct console *c)
{
	json_t *views;
	char *text;

	if (link_state(c->link) != LINK_UP || c->status == NULL)
		return;
	views = json_object();
	for (size_t i = 0; i < PANE_COUNT; i++) {
		struct view *v = &c->views[i];
		bool visible = c->layout.pane[i].rows > 0;

		if (visible && !v->visible)
			view_outdated(v);
		v->visible = visible;
		if (visible)
			json_object_set_new(views, v->pane->view, view_params(v));
	}
	text = json_dumps(views, JSON_COMPACT);
	if (c->subscribed != NULL && strcmp(text, c->subscribed) == 0) {
		free(text);
		json_decref(views);
		return;
	}
	free(c->subscribed);
	c->subscribed = text;
	for (size_t i = 0; i < PANE_COUNT; i++)
		if (c->views[i].visible && c->views[i].wait == VIEW_UNASKED)
			c->views[i].wait = VIEW_ASKED;
	if (c->paused)
		fetch_windows(c, views);
	else {
		c->asked++;
		link_call(c->link, "subscribe", json_pack("{s:O}", "views", views),
		    subscribe_answered, c);
	}
	json_decref(views);
}

void
feed_pause(struct console *c)
{
	c->paused = !c->paused;
	free(c->subscribed);
	c->subscribed = NULL;
	if (c->paused)
		link_call(c->link, "subscribe", json_pack("{s:{}}", "views"), NULL, NULL);
}
