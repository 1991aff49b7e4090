/*
 * Subscriptions: a client's windows, and what it was last sent of each.
 *
 * Ten times a second every subscriber whose socket is empty is brought up to
 * date: a view is looked at if its version moved, and sent if its rows are not
 * what was sent before (told by a hash of their text).  A view that is costly
 * to make is made less often, so that consoles never take more than a share
 * of the engine's time, and a console that does not read is not written to.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "hash.h"
#include "xmalloc.h"

enum {
	COST_SHARE = 20,	/* a view may take one part in so many of the time */
	COST_SHARE_ALL = 4,	/* all of them together */
};

static const uint64_t status_interval = 1000000;

struct shown {
	bool		wanted, sent;
	struct window	window;
	uint64_t	version, hash;	/* of what was sent */
	uint64_t	not_before;	/* mono: when it may be made again */
};

struct subscriber {
	struct subscriber	*next;
	uint64_t		 client;
	struct hash_key		 key;
	struct shown		 views[VIEW_COUNT];
	uint64_t		 status_hash, status_sent;
};

static struct subscriber *
subscriber_find(const struct engine *e, uint64_t client)
{
	struct subscriber *s;

	for (s = e->subscribers; s != NULL && s->client != client; s = s->next)
		continue;
	return s;
}

void
unsubscribe(uint64_t client, void *arg)
{
	struct engine *e = arg;
	struct subscriber **p;

	for (p = &e->subscribers; *p != NULL; p = &(*p)->next) {
		struct subscriber *s = *p;

		if (s->client == client) {
			*p = s->next;
			free(s);
			return;
		}
	}
}

char *
subscribe(struct engine *e, uint64_t client, const json_t *views)
{
	struct subscriber *s, fresh = { .client = client };
	const char *name;
	json_t *params;
	char *cause;

	json_object_foreach((json_t *)(uintptr_t)views, name, params) {
		enum view v;

		if (!view_parse(name, &v))
			return xasprintf("there is no view \"%.32s\"; there is: vms, rules, domains, "
			    "entries, drops, events", name);
		if (!json_is_object(params))
			return xasprintf("\"%s\" must be an object with offset, limit, sort, desc or "
			    "filter, or an empty one", name);
		if ((cause = window_parse(v, params, &fresh.views[v].window)) != NULL)
			return cause;
		fresh.views[v].wanted = true;
	}
	if ((s = subscriber_find(e, client)) == NULL) {
		s = xcalloc(1, sizeof(*s));
		fresh.next = e->subscribers;
		e->subscribers = s;
	} else
		fresh.next = s->next;
	hash_key_random(&fresh.key);
	*s = fresh;
	engine_watched(e);
	return NULL;
}

bool
subscribed_to(const struct engine *e, enum view v)
{
	for (const struct subscriber *s = e->subscribers; s != NULL; s = s->next) {
		if (s->views[v].wanted)
			return true;
	}
	return false;
}

/* Adds "name":text to the members collected so far; takes text. */
static void
member_add(char **members, const char *name, char *text)
{
	char *longer = xasprintf("%s%s\"%s\":%s", *members != NULL ? *members : "",
	    *members != NULL ? "," : "", name, text);

	free(*members);
	free(text);
	*members = longer;
}

static char *
json_text(json_t *j)
{
	char *text = json_dumps(j, JSON_COMPACT);

	json_decref(j);
	if (text == NULL)
		text = xstrdup("null");
	return text;
}

/* The view's rows if they are not what was sent; NULL otherwise. */
static char *
view_changed(struct engine *e, struct subscriber *s, enum view v, unsigned share)
{
	struct shown *w = &s->views[v];
	uint64_t version = model_version(e->model, v), start = now_mono(), hash;
	char *text;

	if (!w->wanted || start < w->not_before || (w->sent && w->version == version))
		return NULL;
	text = json_text(window_rows(e, v, &w->window));
	hash = hash_bytes(&s->key, text, strlen(text));
	w->version = version;
	w->not_before = start + (now_mono() - start) * share;
	if (w->sent && hash == w->hash) {
		free(text);
		return NULL;
	}
	w->sent = true;
	w->hash = hash;
	return text;
}

/* The status if anything but the clock moved in it, and each second. */
static char *
status_changed(struct engine *e, struct subscriber *s)
{
	json_t *status = status_json(e);
	json_t *timeless = json_copy(status);
	uint64_t hash, now = now_mono();
	char *text;

	json_object_del(timeless, "time");
	json_object_del(timeless, "uptime");
	text = json_text(timeless);
	hash = hash_bytes(&s->key, text, strlen(text));
	free(text);
	if (hash == s->status_hash && now - s->status_sent < status_interval) {
		json_decref(status);
		return NULL;
	}
	s->status_hash = hash;
	s->status_sent = now;
	return json_text(status);
}

static void
subscriber_update(struct engine *e, struct subscriber *s, unsigned share)
{
	char *views = NULL, *members = NULL, *text, *line;

	if (!control_ready(e->control, s->client))
		return;
	for (enum view v = 0; v < VIEW_COUNT; v++) {
		if ((text = view_changed(e, s, v, share)) != NULL)
			member_add(&views, view_name(v), text);
	}
	if ((text = status_changed(e, s)) != NULL)
		member_add(&members, "status", text);
	if (views != NULL) {
		member_add(&members, "views", xasprintf("{%s}", views));
		free(views);
	}
	if (members == NULL)
		return;
	line = xasprintf("{\"jsonrpc\":\"2.0\",\"method\":\"update\",\"params\":{%s}}", members);
	control_notify(e->control, s->client, line, strlen(line));
	free(line);
	free(members);
}

void
subscribe_update(struct engine *e)
{
	unsigned n = 0, share;

	for (struct subscriber *s = e->subscribers; s != NULL; s = s->next)
		n++;
	share = n * COST_SHARE_ALL > COST_SHARE ? n * COST_SHARE_ALL : COST_SHARE;
	for (struct subscriber *s = e->subscribers, *next; s != NULL; s = next) {
		next = s->next;
		subscriber_update(e, s, share);
	}
}
