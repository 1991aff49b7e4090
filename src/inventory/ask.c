/*
 * A seat is one manager asked as one user.  It runs one command at a time: the list
 * of its guests, then what the list does not say of those that are new, that
 * changed their state, or, one after each list, whose turn it is.  So a seat
 * that hangs holds up nobody but itself.
 */
#include "config.h"

#include "inventory/ask.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "inventory/custom.h"
#include "inventory/provider.h"
#include "inventory/talk.h"
#include "log.h"
#include "text.h"
#include "xmalloc.h"

enum {
	ROWS_MAX = 4096,		/* of one list */
	RUNNING_MAX = 8,		/* of all seats, so that acts find room at priv */
	REST = 20,			/* times as long as a command took nobody runs it again */
	AGAIN_FIRST_US = 5000000, AGAIN_MAX_SHIFT = 6,	/* after a failure, doubling to 5 min */
};
static const uint64_t absent_us = 60 * 1000000ull;
static const uint64_t again_max_us = 300 * 1000000ull;
static const uint64_t keep_us = 3600 * 1000000ull;	/* what a silent manager said */
static const uint64_t refresh_us = 30 * 1000000ull;	/* details at the earliest */
static const uint64_t hurry_us = 1000000;		/* between lists at the least */
static const struct timeval tick = { 0, 250000 };

/* A guest as its manager tells it. */
struct told {
	char		key[GUEST_KEY_SIZE];
	uint8_t		state;
	uint8_t		step;		/* the next detail to ask for */
	uint64_t	asked;		/* mono: when the last of them was asked */
	uint32_t	n;
	struct sighting	rows[GUEST_NICS];
};

struct seat {
	struct asker	*asker;
	const struct manager *manager;	/* NULL: provider is set */
	uint32_t	 provider;	/* number of the [provider] section */
	struct inventory_user user;
	struct talk	*talk;
	uint32_t	 at;		/* of the told that a detail is asked of */
	struct told	*told;
	size_t		 ntold;
	uint64_t	 began, due;	/* mono, of the list */
	uint64_t	 took;
	unsigned	 failures;
	bool		 absent, known;	/* known: it has been asked */
	char		*cause;
	uint64_t	 answered;	/* mono, 0: never */
	uint64_t	 time;		/* wall, the same */
};

/* A start or stop on its way. */
struct act {
	struct act	*next;
	struct asker	*asker;
	struct talk	*talk;
	void		(*done)(const char *, void *);
	void		*arg;
};

struct asker {
	struct event_base	*base;
	struct conf		 conf;
	struct asker_events	 events;
	struct event		*tick;
	struct talks		*talks;
	struct seat		*seats;
	size_t			 nseats;
	struct act		*acts;
	struct sighting		*rows;		/* ROWS_MAX, for parsing */
	unsigned		 running;
};

static void	 seat_go(struct seat *);

static const char *
seat_name(const struct seat *s)
{
	return s->manager != NULL ? s->manager->name : s->asker->conf.providers[s->provider].name;
}

static const char *
seat_user(const struct seat *s)
{
	return s->manager != NULL && s->manager->system ? "" : s->user.name;
}

static bool
has_detail(const struct seat *s, unsigned step)
{
	return s->manager != NULL && step < MANAGER_DETAILS &&
	    s->manager->detail[step].command != COMMAND_NONE;
}

/* ---- what came of it ---- */

static void
seat_forget(struct seat *s)
{
	free(s->told);
	s->told = NULL;
	s->ntold = 0;
}

/* Takes the cause over. */
static void
seat_failed(struct seat *s, char *cause)
{
	const unsigned shift = s->failures < AGAIN_MAX_SHIFT ? s->failures : AGAIN_MAX_SHIFT;
	uint64_t wait = (uint64_t)AGAIN_FIRST_US << shift;

	if (s->cause == NULL || strcmp(s->cause, cause) != 0)
		log_warnx("inventory: %s%s%s: %s", seat_name(s), seat_user(s)[0] != '\0' ? " of " : "",
		    seat_user(s), cause);
	free(s->cause);
	s->cause = cause;
	s->failures++;
	s->absent = false;
	s->due = now_mono() + (wait < again_max_us ? wait : again_max_us);
	s->asker->events.changed(s->asker->events.arg);
}

static void
seat_absent(struct seat *s)
{
	const bool had = s->ntold > 0 || s->cause != NULL;

	free(s->cause);
	s->cause = NULL;
	s->failures = 0;
	s->absent = true;
	s->due = now_mono() + absent_us;
	seat_forget(s);
	if (had)
		s->asker->events.changed(s->asker->events.arg);
}

static struct told *
told_find(struct told *told, size_t n, const char *key)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(told[i].key, key) == 0)
			return &told[i];
	}
	return NULL;
}

/* Keeps what details said, while the list says nothing else. */
static void
told_keep(struct told *t, const struct told *was)
{
	const struct sighting *said = &t->rows[0];
	struct told fresh = *was;

	for (uint32_t i = 0; i < fresh.n; i++) {
		copy_string(fresh.rows[i].name, said->name, sizeof(fresh.rows[i].name));
		fresh.rows[i].state = said->state;
	}
	*t = fresh;
}

/* The rows of a list to guests; rows without key are no guest that could be asked
 * or acted on, and are one by one. */
static void
seat_listed(struct seat *s, const struct sighting *rows, size_t n)
{
	struct told *told = xcalloc(n, sizeof(*told)), *t;
	const struct told *was;
	size_t ntold = 0;

	for (size_t i = 0; i < n; i++) {
		t = rows[i].key[0] != '\0' ? told_find(told, ntold, rows[i].key) : NULL;
		if (t == NULL) {
			t = &told[ntold++];
			copy_string(t->key, rows[i].key, sizeof(t->key));
			t->state = rows[i].state;
		}
		if (t->n < GUEST_NICS)
			t->rows[t->n++] = rows[i];
	}
	for (size_t i = 0; i < ntold; i++) {
		t = &told[i];
		was = t->key[0] != '\0' ? told_find(s->told, s->ntold, t->key) : NULL;
		if (was != NULL && was->state == t->state && has_detail(s, 0))
			told_keep(t, was);
	}
	seat_forget(s);
	s->told = told;
	s->ntold = ntold;
}

/* The one that was asked longest ago is asked again. */
static void
seat_refresh(struct seat *s)
{
	const uint64_t now = now_mono();
	struct told *oldest = NULL;

	for (size_t i = 0; i < s->ntold; i++) {
		struct told *t = &s->told[i];

		if (has_detail(s, t->step))
			return;		/* enough to do */
		if (t->asked != 0 && (oldest == NULL || t->asked < oldest->asked))
			oldest = t;
	}
	if (oldest != NULL && now - oldest->asked > refresh_us)
		oldest->step = 0;
}

static void
list_done(struct seat *s, const char *text, size_t len)
{
	struct asker *a = s->asker;
	const uint64_t now = now_mono(), every = a->conf.inventory_seconds * 1000000ull;
	char *cause;
	size_t n = 0;

	cause = s->manager != NULL ? s->manager->list_parse(text, len, a->rows, &n, ROWS_MAX) :
	    custom_parse(&a->conf.providers[s->provider], text, len, a->rows, &n, ROWS_MAX);
	if (cause != NULL) {
		seat_failed(s, cause);
		return;
	}
	if (s->cause != NULL)
		log_info("inventory: %s: well again", seat_name(s));
	free(s->cause);
	s->cause = NULL;
	s->failures = 0;
	s->absent = false;
	s->answered = now;
	s->time = now_wall();
	s->took = now - s->began;
	s->due = now + (s->took * REST > every ? s->took * REST : every);
	seat_listed(s, a->rows, n);
	seat_refresh(s);
	a->events.changed(a->events.arg);
}

static void
detail_done(struct seat *s, const char *text, size_t len)
{
	struct told *t = &s->told[s->at];
	const struct manager_detail *d = &s->manager->detail[t->step];
	struct sighting rows[GUEST_NICS];
	size_t n = t->n;
	char *cause;

	memcpy(rows, t->rows, sizeof(rows));
	cause = d->parse(text, len, rows, &n, GUEST_NICS);
	if (cause == NULL && n > 0) {
		memcpy(t->rows, rows, sizeof(rows));
		t->n = (uint32_t)n;
		s->asker->events.changed(s->asker->events.arg);
	}
	free(cause);
}

static void
on_said(const struct said *said, void *arg)
{
	struct seat *s = arg;
	const bool detail = s->at != UINT32_MAX;
	const uint64_t now = now_mono();

	s->talk = NULL;
	s->asker->running--;
	s->known = true;
	if (said->how == RAN_ABSENT) {
		seat_absent(s);
		return;
	}
	/* A detail that is refused is one of a guest that has just gone. */
	if (said->cause != NULL && (!detail || said->how != RAN_EXITED)) {
		seat_failed(s, xstrdup(said->cause));
		return;
	}
	if (!detail)
		list_done(s, said->text, said->len);
	else {
		if (said->cause == NULL)
			detail_done(s, said->text, said->len);
		s->told[s->at].asked = now;
		s->told[s->at].step++;
	}
	seat_go(s);
}

/* ---- what to ask next ---- */

static bool
seat_ask(struct seat *s, enum inventory_command command, const char *key, unsigned seconds,
    const char *name)
{
	struct msg_run m = { .command = command, .uid = s->user.uid };
	struct asker *a = s->asker;

	copy_string(m.key, key, sizeof(m.key));
	if (command == COMMAND_CUSTOM)
		m.custom = s->provider;
	if ((s->talk = talk_begin(a->talks, &m, name, seconds, on_said, s)) == NULL)
		return false;
	a->running++;
	return true;
}

static const char *
detail_key(const struct manager_detail *d, const struct told *t)
{
	return command_row(d->command)->guest ? t->key : "";
}

/* Skips the details that a guest has no need of. */
static bool
told_wants(const struct seat *s, struct told *t)
{
	while (has_detail(s, t->step)) {
		const struct manager_detail *d = &s->manager->detail[t->step];

		if ((!d->running_only || t->state == GUEST_RUNNING) &&
		    command_key_ok(d->command, detail_key(d, t)))
			return true;
		t->step++;
	}
	return false;
}

static void
seat_go(struct seat *s)
{
	struct asker *a = s->asker;
	const struct manager_command *row;
	const uint64_t now = now_mono();

	if (s->talk != NULL || a->running >= RUNNING_MAX)
		return;
	for (uint32_t i = 0; s->cause == NULL && now < s->due && i < s->ntold; i++) {
		const struct manager_detail *d;

		if (!told_wants(s, &s->told[i]))
			continue;
		d = &s->manager->detail[s->told[i].step];
		row = command_row(d->command);
		s->at = i;
		seat_ask(s, d->command, detail_key(d, &s->told[i]), row->seconds, row->name);
		return;
	}
	if (now < s->due)
		return;
	row = s->manager != NULL ? command_row(s->manager->list) : NULL;
	s->at = UINT32_MAX;
	s->began = now;
	seat_ask(s, row != NULL ? s->manager->list : COMMAND_CUSTOM, "",
	    row != NULL ? row->seconds : COMMAND_CUSTOM_SECONDS, row != NULL ? row->name :
	    a->conf.providers[s->provider].command.word[0]);
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct asker *a = arg;
	const uint64_t now = now_mono();

	for (size_t i = 0; i < a->nseats; i++) {
		struct seat *s = &a->seats[i];

		if (s->cause != NULL && s->ntold > 0 && now - s->answered > keep_us) {
			seat_forget(s);
			a->events.changed(a->events.arg);
		}
		seat_go(s);
	}
}

void
asker_hurry(struct asker *a)
{
	for (size_t i = 0; i < a->nseats; i++) {
		struct seat *s = &a->seats[i];
		const uint64_t rest = s->took * REST > hurry_us ? s->took * REST : hurry_us;

		if (!s->absent && s->failures == 0 && s->began + rest < s->due)
			s->due = s->began + rest;
	}
}

/* ---- seats ---- */

static bool
is_wanted(const struct conf *c, const char *name)
{
	for (uint32_t i = 0; i < c->managers.n; i++) {
		if (text_glob(c->managers.name[i], name))
			return true;
	}
	return false;
}

static struct seat *
seat_add(struct asker *a, const struct inventory_user *u)
{
	struct seat *s = &a->seats[a->nseats++];

	s->asker = a;
	s->user = *u;
	return s;
}

static const struct inventory_user *
user_named(const struct inventory_user *users, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (*name == '\0' || strcmp(users[i].name, name) == 0)
			return &users[i];
	}
	return NULL;
}

static void
seats_make(struct asker *a)
{
	struct inventory_user users[INVENTORY_USERS_MAX];
	const size_t n = inventory_users(&a->conf, users);
	const struct inventory_user *u;

	a->seats = xcalloc(MANAGERS_MAX * INVENTORY_USERS_MAX + CONF_PROVIDERS_MAX, sizeof(*a->seats));
	for (size_t m = 0; managers_here[m] != NULL; m++) {
		for (size_t i = 0; is_wanted(&a->conf, managers_here[m]->name) && i < n; i++) {
			if (managers_here[m]->system ? i == 0 : !users[i].system_only)
				seat_add(a, &users[i])->manager = managers_here[m];
		}
	}
	for (uint32_t i = 0; i < a->conf.nproviders; i++) {
		if ((u = user_named(users, n, a->conf.providers[i].user)) != NULL)
			seat_add(a, u)->provider = i;
	}
}

static void
seats_end(struct asker *a)
{
	for (size_t i = 0; i < a->nseats; i++) {
		struct seat *s = &a->seats[i];

		talk_end(s->talk);
		free(s->told);
		free(s->cause);
	}
	free(a->seats);
	a->seats = NULL;
	a->nseats = 0;
	a->running = 0;
}

struct asker *
asker_new(struct event_base *base, const struct conf *conf, const struct asker_events *events)
{
	struct asker *a = xcalloc(1, sizeof(*a));

	a->base = base;
	a->conf = *conf;
	a->events = *events;
	a->rows = xcalloc(ROWS_MAX, sizeof(*a->rows));
	a->talks = talks_new(base, events->run, events->arg);
	a->tick = event_new(base, -1, EV_PERSIST, on_tick, a);
	if (a->tick == NULL || event_add(a->tick, &tick) == -1)
		fatalx("out of memory (inventory)");
	seats_make(a);
	return a;
}

void
asker_free(struct asker *a)
{
	if (a == NULL)
		return;
	seats_end(a);
	while (a->acts != NULL) {
		struct act *next = a->acts->next;

		talk_end(a->acts->talk);
		free(a->acts);
		a->acts = next;
	}
	talks_free(a->talks);
	event_free(a->tick);
	free(a->rows);
	free(a);
}

void
asker_reconf(struct asker *a, const struct conf *c)
{
	const bool same = memcmp(&a->conf.inventory_users, &c->inventory_users,
	    sizeof(c->inventory_users)) == 0 &&
	    memcmp(&a->conf.managers, &c->managers, sizeof(c->managers)) == 0 &&
	    memcmp(a->conf.providers, c->providers, sizeof(c->providers)) == 0 &&
	    strcmp(a->conf.command_path, c->command_path) == 0;

	/* A seat that goes on must not look at another section by its number. */
	if (!same)
		seats_end(a);
	a->conf = *c;
	if (!same)
		seats_make(a);
}

void
asker_output(struct asker *a, const struct msg_output *m, int fd)
{
	talks_output(a->talks, m, fd);
}

void
asker_ran(struct asker *a, const struct msg_ran *m)
{
	talks_ran(a->talks, m);
}

void
asker_sightings(struct asker *a, struct sighting *list, size_t *n, size_t max)
{
	for (size_t i = 0; i < a->nseats; i++) {
		const struct seat *s = &a->seats[i];

		for (size_t t = 0; t < s->ntold; t++) {
			for (uint32_t r = 0; r < s->told[t].n && *n < max; r++) {
				struct sighting *row = &list[(*n)++];

				*row = s->told[t].rows[r];
				copy_string(row->provider, seat_name(s), sizeof(row->provider));
				copy_string(row->user, seat_user(s), sizeof(row->user));
				row->stale = s->cause != NULL;
				/* A user's VMs run as the user; whose else's, the row says. */
				if (s->manager == NULL || !s->manager->system)
					row->uid = s->user.uid;
			}
		}
	}
}

bool
asker_state(const struct asker *a, size_t i, struct asker_state *st)
{
	for (size_t k = 0; k < a->nseats; k++) {
		const struct seat *s = &a->seats[k];

		if (!s->known || s->absent || i-- > 0)
			continue;
		*st = (struct asker_state){ seat_name(s), seat_user(s), s->answered != 0, s->cause, s->time,
			s->ntold };
		return true;
	}
	return false;
}

/* ---- starting and stopping ---- */

static const struct seat *
seat_of(const struct asker *a, const struct guest *g)
{
	for (size_t i = 0; i < a->nseats; i++) {
		const struct seat *s = &a->seats[i];

		if (strcmp(seat_name(s), g->manager) == 0 && strcmp(seat_user(s), g->user) == 0)
			return s;
	}
	return NULL;
}

enum inventory_command
asker_command(const struct guest *g, bool start)
{
	for (size_t i = 0; managers_here[i] != NULL; i++) {
		if (strcmp(managers_here[i]->name, g->manager) == 0)
			return start ? managers_here[i]->start : managers_here[i]->stop;
	}
	return COMMAND_NONE;
}

static void
on_acted(const struct said *said, void *arg)
{
	struct act *act = arg, **p;

	for (p = &act->asker->acts; *p != act; p = &(*p)->next)
		continue;
	*p = act->next;
	asker_hurry(act->asker);
	act->done(said->how == RAN_ABSENT ? "its VM manager's command is not there any more" :
	    said->cause, act->arg);
	free(act);
}

char *
asker_act(struct asker *a, const struct guest *g, bool start, void (*done)(const char *, void *),
    void *arg)
{
	const enum inventory_command c = asker_command(g, start);
	const struct manager_command *row = command_row(c);
	const struct seat *s = seat_of(a, g);
	struct msg_run m = { .command = c };
	struct act *act;

	if (row == NULL || s == NULL || !command_key_ok(c, g->key))
		return xasprintf("%s cannot be %s from here: %s", g->name, start ? "started" : "stopped",
		    g->manager[0] == '\0' ? "no VM manager that could is known for it" :
		    "its VM manager has no command for that");
	m.uid = s->user.uid;
	copy_string(m.key, g->key, sizeof(m.key));
	act = xcalloc(1, sizeof(*act));
	act->asker = a;
	act->done = done;
	act->arg = arg;
	if ((act->talk = talk_begin(a->talks, &m, row->name, row->seconds, on_acted, act)) == NULL) {
		free(act);
		return xstrdup("the privileged part of the daemon takes no command now");
	}
	act->next = a->acts;
	a->acts = act;
	return NULL;
}
