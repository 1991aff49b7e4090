/*
 * Messages for [notify] command: what is wrong now, and guests' packets that were
 * blocked and are no noise.
 *
 * An alert is told at once, drops that are alike are gathered for a moment and told
 * together; after that like ones come no sooner than [notify] every.  So a port scan
 * is one message.  What guests can cause is also limited in all, and never takes the
 * place of an alert.
 */
#include "config.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drops/show.h"
#include "engine.h"
#include "json_text.h"
#include "text.h"
#include "xmalloc.h"

/* Messages that priv has and not answered for: it keeps eight.  Drops may be some of them. */
enum { UNDER_WAY_MAX = 7, UNDER_WAY_DROPS = 2 };

enum { TOPICS_MAX = 64, DROP_TOPICS_MAX = 32, KEY_SIZE = GH_GUEST_SIZE + GH_LABEL_SIZE + 16 };

/* Messages of drops in a minute: in all; of one guest, which leaves some to the others; and in
 * all if it is the first of its guest. */
enum { DROPS_A_MINUTE = 10, DROPS_OF_GUEST = 5, DROPS_FIRST = 30 };

static const uint64_t gather = 2 * 1000000ull;
static const uint64_t minute = 60 * 1000000ull;

/* What messages of one kind are about. */
struct topic {
	char		key[KEY_SIZE];
	bool		is_drop;
	uint64_t	due;		/* mono: when what waits may be told, 0: nothing waits */
	uint64_t	told;		/* mono: latest message, 0: never */
	uint64_t	sent;		/* the same, but for what was held */
	uint64_t	count;		/* packets that wait */
	bool		over;		/* of an alert that waits */
	char		state[8];	/* what was told of an alert: "alert", "over" */
	char		kind[16], guest[GH_GUEST_SIZE], text[EVENT_TEXT_SIZE];
};

struct notifier {
	struct topic	topics[TOPICS_MAX];
	size_t		n;
	uint64_t	minute;		/* when the count began */
	unsigned	drops;		/* messages of drops since */
	uint64_t	held;		/* that were not told */
	unsigned	under_way;
};

static struct notifier *
notifier(struct engine *e)
{
	if (e->notifier == NULL)
		e->notifier = xcalloc(1, sizeof(*e->notifier));
	return e->notifier;
}

/* What has been told goes for what has not, an alert that is over before one that stands. */
static bool
is_older(const struct topic *a, const struct topic *b)
{
	const bool over = strcmp(a->state, "over") == 0;

	return b == NULL || (over != (strcmp(b->state, "over") == 0) ? over : a->told < b->told);
}

/* Where there is no room one of drops goes: at best one that was told.  What waits in it
 * is counted as held. Drops never take the last of the room; of alerts the one that was
 * told longest ago makes room for another, and one of a guest for one of gatehouse's own. */
static struct topic *
topic_of(struct notifier *n, const char *key, bool is_drop, bool of_guest)
{
	struct topic *t = NULL, *waiting = NULL, *alert = NULL, *guests = NULL;
	size_t drops = 0;

	for (size_t i = 0; i < n->n; i++) {
		if (strcmp(n->topics[i].key, key) == 0)
			return &n->topics[i];
		if (!n->topics[i].is_drop) {
			if (n->topics[i].due == 0 && is_older(&n->topics[i], alert))
				alert = &n->topics[i];
			if (n->topics[i].guest[0] != '\0')
				guests = &n->topics[i];
			continue;
		}
		drops++;
		if (n->topics[i].due != 0)
			waiting = &n->topics[i];
		else if (t == NULL || n->topics[i].told < t->told)
			t = &n->topics[i];
	}
	if (n->n < TOPICS_MAX && (!is_drop || drops < DROP_TOPICS_MAX))
		t = &n->topics[n->n++];
	else if (t == NULL && !is_drop)
		t = waiting != NULL ? waiting : alert != NULL || of_guest ? alert : guests;
	if (t == NULL) {
		n->held++;
		return NULL;
	}
	n->held += t->due != 0;
	memset(t, 0, sizeof(*t));
	copy_string(t->key, key, sizeof(t->key));
	t->is_drop = is_drop;
	return t;
}

/* False: priv does not take it now. */
static bool
topic_send(struct engine *e, const struct topic *t)
{
	struct notifier *n = e->notifier;
	struct msg_notify m = { .len = 0 };
	char when[32], *line;
	json_t *j;

	j = json_pack("{s:s, s:o, s:s, s:o, s:o, s:I, s:I}",
	    "time", text_time_format(when, (int64_t)(now_wall() / 1000000)),
	    "host", json_plain(e->host), "kind", t->over ? "over" : t->kind,
	    "guest", json_guest(t->guest), "text", json_guest(t->text),
	    "count", (json_int_t)(t->count != 0 ? t->count : 1), "held", (json_int_t)n->held);
	line = json_dumps(j, JSON_COMPACT | JSON_ENSURE_ASCII);
	json_decref(j);
	if (line == NULL || strlen(line) + 2 > sizeof(m.text)) {
		free(line);
		return true;
	}
	m.len = (uint32_t)snprintf(m.text, sizeof(m.text), "%s\n", line);
	free(line);
	if (e->priv == NULL || !msg_send(e->priv, FRAME_NOTIFY, &m, -1))
		return false;
	n->held = 0;
	n->under_way++;
	return true;
}

static bool
may_tell_drops(struct notifier *n, const struct topic *t, uint64_t now)
{
	unsigned own = 0;

	if (n->minute == 0 || now - n->minute >= minute) {
		n->minute = now;
		n->drops = 0;
	}
	for (size_t i = 0; i < n->n; i++)
		own += n->topics[i].is_drop && n->topics[i].sent >= n->minute &&
		    strcmp(n->topics[i].guest, t->guest) == 0;
	if (own >= DROPS_OF_GUEST || n->drops >= (own == 0 ? DROPS_FIRST : DROPS_A_MINUTE))
		return false;
	return true;
}

static void
topic_tell(struct engine *e, struct topic *t, uint64_t now)
{
	const char *state = t->over ? "over" : "alert";

	/* A slow command is waited for, by drops sooner than by alerts. */
	if (e->notifier->under_way >= (t->is_drop ? UNDER_WAY_DROPS : UNDER_WAY_MAX))
		return;
	/* Over before it was told, or there again: nothing is new. */
	if (!t->is_drop && ((strcmp(t->state, state) == 0 && strcmp(t->kind, "alert") == 0) ||
	    (t->state[0] == '\0' && t->over))) {
		t->due = 0;
		return;
	}
	if (t->is_drop && !may_tell_drops(e->notifier, t, now))
		e->notifier->held++;
	else if (!topic_send(e, t))
		return;
	else {
		t->sent = now;
		e->notifier->drops += t->is_drop;
	}
	t->due = 0;
	copy_string(t->state, state, sizeof(t->state));
	t->told = now;
	t->count = 0;
}

/* When what has come may be told. */
static void
topic_wait(const struct engine *e, struct topic *t, uint64_t now)
{
	const uint64_t every = e->conf.notify_seconds * 1000000ull;
	const uint64_t first = now + (t->is_drop ? gather : 0);

	if (t->due == 0)
		t->due = t->told != 0 && t->told + every > first ? t->told + every : first;
}

void
notify_poll(struct engine *e)
{
	const uint64_t now = now_mono();

	for (size_t i = 0; e->notifier != NULL && i < e->notifier->n; i++) {
		struct topic *t = &e->notifier->topics[i];

		if (t->due != 0 && t->due <= now)
			topic_tell(e, t, now);
	}
}

void
notify_told(struct engine *e)
{
	if (e->notifier == NULL || e->notifier->under_way == 0)
		return;
	e->notifier->under_way--;
	notify_poll(e);
}

void
notify_alert(struct engine *e, const char *kind, const char *key, const char *guest,
    const char *text, bool over)
{
	struct topic *t;
	char full[KEY_SIZE];

	if (e->conf.notify.n == 0)
		return;
	snprintf(full, sizeof(full), "%s|%s|%s", kind, key, guest);
	if ((t = topic_of(notifier(e), full, false, *guest != '\0')) == NULL)
		return;
	copy_string(t->kind, kind, sizeof(t->kind));
	copy_string(t->guest, guest, sizeof(t->guest));
	copy_string(t->text, text, sizeof(t->text));
	t->over = over;
	topic_wait(e, t, now_mono());
	notify_poll(e);
}

void
notify_drop(struct engine *e, const struct drop_record *d, uint64_t packets, const char *text)
{
	char key[KEY_SIZE], count[TEXT_SHORT_SIZE];
	struct topic *t;

	if (e->conf.notify.n == 0 || !e->conf.notify_drops)
		return;
	snprintf(key, sizeof(key), "d|%s|%s", d->guest, d->drop.label);
	if ((t = topic_of(notifier(e), key, true, true)) == NULL)
		return;
	copy_string(t->kind, "drops", sizeof(t->kind));
	copy_string(t->guest, d->guest, sizeof(t->guest));
	t->count += packets;
	snprintf(t->text, sizeof(t->text), "%s packet%s; the latest: %s",
	    text_count(count, t->count), t->count == 1 ? "" : "s", text);
	topic_wait(e, t, now_mono());
}

void
notify_free(struct engine *e)
{
	free(e->notifier);
}
