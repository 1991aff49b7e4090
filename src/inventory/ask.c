/*
 * A seat is one manager asked as one user.  It runs one command at a time: the list
 * of its guests, then what the list does not say of those that are new, that
 * changed their state, or, one after each list, whose turn it is.  So a seat
 * that hangs holds up nobody but itself.
 */
#include "config.h"

#include "inventory/ask_seat.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "xmalloc.h"

enum { RUNNING_MAX = 8 };	/* of all seats, so that acts find room at priv */
static const uint64_t keep_us = 3600 * 1000000ull;	/* what a silent manager said */
static const uint64_t hurry_us = 1000000;		/* between lists at the least */
static const struct timeval tick = { 0, 250000 };

/* A start or stop on its way. */
struct act {
	struct act	*next;
	struct asker	*asker;
	struct talk	*talk;
	struct msg_run	 request;
	size_t		 others;	/* users who may be asked to do it if this one may not */
	void		(*done)(const char *, void *);
	void		*arg;
};

static void	 seats_go(struct asker *, size_t from);

static void
on_said(const struct said *said, void *arg)
{
	struct seat *s = arg;
	const bool list = s->at == AT_LIST;
	const uint64_t now = now_mono();

	s->talk = NULL;
	s->asker->running--;
	s->known = true;
	if (said->how == RAN_ABSENT) {
		seat_absent(s);
		return;
	}
	if (list && said->cause != NULL) {
		seat_failed(s, xstrdup(said->cause));
		return;
	}
	/* A detail that is refused is one of a guest that has just gone; one that hangs or
	 * floods costs its guest alone. */
	if (list)
		seat_list_done(s, said->text, said->len);
	else if (s->at == AT_CHANGES)
		seat_changes_said(s, said, now);
	else
		seat_detail_said(s, said, now);
	/* It comes last itself: whose commands hang keeps no turn from others. */
	seats_go(s->asker, (size_t)(s - s->asker->seats) + 1);
}

/* ---- what to ask next ---- */

static void
seat_ask(struct seat *s, enum inventory_command command, const char *key, unsigned seconds,
    const char *name)
{
	struct msg_run m = { .command = command, .uid = s->user.uid };
	struct asker *a = s->asker;

	copy_string(m.key, key, sizeof(m.key));
	if (command == COMMAND_CUSTOM)
		m.custom = s->provider;
	if ((s->talk = talk_begin(a->talks, &m, name, seconds, on_said, s)) != NULL)
		a->running++;
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

static bool
has_changes(const struct seat *s)
{
	return s->manager != NULL && s->manager->changes != COMMAND_NONE;
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
	if (s->cause == NULL && now < s->due && has_changes(s) && s->ntold > 0 && now >= s->changes_due) {
		row = command_row(s->manager->changes);
		s->at = AT_CHANGES;
		s->changes_began = now;
		seat_ask(s, s->manager->changes, "", row->seconds, row->name);
		return;
	}
	if (now < s->due)
		return;
	row = s->manager != NULL ? command_row(s->manager->list) : NULL;
	s->at = AT_LIST;
	s->began = now;
	seat_ask(s, row != NULL ? s->manager->list : COMMAND_CUSTOM, "",
	    row != NULL ? row->seconds : COMMAND_CUSTOM_SECONDS, row != NULL ? row->name :
	    a->conf.providers[s->provider].command.word[0]);
}

/* All that have something to ask, from this one on. */
static void
seats_go(struct asker *a, size_t from)
{
	for (size_t i = 0; i < a->nseats; i++)
		seat_go(&a->seats[(from + i) % a->nseats]);
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct asker *a = arg;
	const uint64_t now = now_mono();

	for (size_t i = 0; i < a->nseats; i++) {
		struct seat *s = &a->seats[i];

		if ((s->cause != NULL || s->recalled) && s->ntold > 0 &&
		    now - s->answered > keep_us) {
			seat_forget(s);
			a->events.changed(a->events.arg);
		}
	}
	seats_go(a, a->turn++);
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

void
asker_links(struct asker *a)
{
	const uint64_t now = now_mono();

	for (size_t i = 0; i < a->nseats; i++) {
		struct seat *s = &a->seats[i];
		const uint64_t rest = s->changes_began + s->changes_took * REST;

		if (s->changes_failed || !has_changes(s))
			continue;
		if (s->changes_due > rest)
			s->changes_due = rest > now ? rest : now;
	}
}

/* ---- seats ---- */

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
	const struct inventory_user *users = a->users, *u;
	const size_t n = a->nusers = inventory_users(&a->conf, a->users);

	a->seats = xcalloc(MANAGERS_MAX * INVENTORY_USERS_MAX + CONF_PROVIDERS_MAX, sizeof(*a->seats));
	for (size_t m = 0; managers_here[m] != NULL; m++) {
		if (!conf_names_fit(&a->conf.managers, managers_here[m]->name))
			continue;
		for (size_t i = 0; i < n; i++) {
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

	a->conf = *conf;
	a->events = *events;
	a->rows = xcalloc(ASK_ROWS_MAX, sizeof(*a->rows));
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
		struct act *act = a->acts;

		a->acts = act->next;
		talk_end(act->talk);
		act->done("the daemon is ending", act->arg);
		free(act);
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

/* A new name whose hardware address is being asked for may be an old guest's: said
 * too soon it would be a guest of its own for a moment. */
static bool
told_is_whole(const struct seat *s, const struct told *t)
{
	return t->asked != 0 || t->recalled || !has_detail(s, t->step);
}

void
asker_recall(struct asker *a, const struct sighting *rows, size_t n)
{
	struct sighting *own = xcalloc(n + 1, sizeof(*own));

	for (size_t i = 0; i < a->nseats; i++) {
		struct seat *s = &a->seats[i];
		size_t k = 0;

		for (size_t r = 0; r < n; r++) {
			if (strcmp(rows[r].provider, seat_name(s)) == 0 &&
			    strcmp(rows[r].user, seat_user(s)) == 0)
				own[k++] = rows[r];
		}
		seat_recall(s, own, k);
	}
	free(own);
}

void
asker_sightings(struct asker *a, struct sighting *list, size_t *n, size_t max)
{
	for (size_t i = 0; i < a->nseats; i++) {
		const struct seat *s = &a->seats[i];
		/* So that who tells of too many takes the place of nobody else's. */
		const size_t end = *n + (max - *n) / (a->nseats - i);

		for (size_t t = 0; t < s->ntold; t++) {
			if (s->cause == NULL && !s->recalled && !told_is_whole(s, &s->told[t]))
				continue;
			for (uint32_t r = 0; r < s->told[t].n && *n < end; r++) {
				struct sighting *row = &list[(*n)++];

				*row = s->told[t].rows[r];
				copy_string(row->provider, seat_name(s), sizeof(row->provider));
				copy_string(row->user, seat_user(s), sizeof(row->user));
				row->stale = s->cause != NULL || s->recalled;
				/* A user's VMs run as the user; whose else's, the row says. */
				if (s->manager == NULL || !s->manager->system)
					row->uid = s->user.uid;
			}
		}
	}
}

uint64_t
asker_heard(struct asker *a)
{
	uint64_t heard = now_mono();

	for (size_t i = 0; i < a->nseats; i++) {
		struct seat *s = &a->seats[i];
		bool whole = s->known && !s->recalled;

		/* Nothing is to be had of it. */
		if (s->absent || s->cause != NULL)
			continue;
		for (size_t t = 0; t < s->ntold && whole; t++)
			whole = told_is_whole(s, &s->told[t]);
		if (whole)
			s->whole = s->listed;
		if (s->whole < heard)
			heard = s->whole;
	}
	return heard;
}

bool
asker_state(const struct asker *a, size_t i, struct asker_state *st)
{
	for (size_t k = 0; k < a->nseats; k++) {
		const struct seat *s = &a->seats[k];

		if (!s->known || s->absent || i-- > 0)
			continue;
		*st = (struct asker_state){ seat_name(s), seat_user(s),
			s->answered != 0 && !s->recalled, s->cause, s->time, s->ntold };
		return true;
	}
	return false;
}

bool
asker_look(struct asker *a, enum inventory_command c, void (*said)(const struct said *, void *),
    void *arg)
{
	const struct manager_command *row = command_row(c);
	const struct msg_run m = { .command = c, .uid = a->users[0].uid };

	return a->nusers > 0 && talk_begin(a->talks, &m, row->name, row->seconds, said, arg) != NULL;
}

/* ---- starting and stopping ---- */

static struct seat *
seat_of(const struct asker *a, const struct guest *g)
{
	for (size_t i = 0; i < a->nseats; i++) {
		struct seat *s = &a->seats[i];

		if (strcmp(seat_name(s), g->manager) == 0 && strcmp(seat_user(s), g->user) == 0)
			return s;
	}
	return NULL;
}

enum inventory_command
asker_command(const struct guest *g, enum guest_act act)
{
	for (size_t i = 0; managers_here[i] != NULL; i++) {
		const struct manager *m = managers_here[i];

		if (strcmp(m->name, g->manager) == 0)
			return act == ACT_START ? m->start : act == ACT_OFF ? m->off : m->stop;
	}
	return COMMAND_NONE;
}

bool
asker_settled(const struct asker *a, const struct guest *g)
{
	const struct seat *s = seat_of(a, g);

	if (s == NULL || s->absent)
		return true;
	if (s->cause != NULL)
		return false;
	for (size_t i = 0; i < s->ntold; i++) {
		if (strcmp(s->told[i].key, g->key) == 0)
			return told_is_whole(s, &s->told[i]);
	}
	return false;
}

void
asker_ask(struct asker *a, const struct guest *g)
{
	struct seat *s = seat_of(a, g);

	if (s != NULL && s->began + hurry_us < s->due)
		s->due = s->began + hurry_us;
}

const char *
asker_trouble(const struct asker *a, const struct guest *g, uint64_t since)
{
	const struct seat *s = seat_of(a, g);

	return s != NULL && s->talk == NULL && s->began >= since ? s->cause : NULL;
}

static void	 on_acted(const struct said *, void *);

/* Of the system's VMs whoever is in a group may, or whom a rule of the system's lets. */
static bool
act_as_next(struct act *act)
{
	const struct asker *a = act->asker;
	const struct manager_command *row = command_row((enum inventory_command)act->request.command);
	size_t at = 0;

	while (at < a->nusers && a->users[at].uid != act->request.uid)
		at++;
	act->others--;
	act->request.uid = a->users[(at + 1) % a->nusers].uid;
	act->talk = talk_begin(a->talks, &act->request, row->name, row->seconds, on_acted, act);
	return act->talk != NULL;
}

static void
on_acted(const struct said *said, void *arg)
{
	struct act *act = arg, **p;

	act->talk = NULL;
	if (said->cause != NULL && said->how == RAN_EXITED && act->others > 0 && act_as_next(act))
		return;
	for (p = &act->asker->acts; *p != act; p = &(*p)->next)
		continue;
	*p = act->next;
	asker_hurry(act->asker);
	act->done(said->how == RAN_ABSENT ? "its VM manager's command is not there any more" :
	    said->cause, act->arg);
	free(act);
}

char *
asker_act(struct asker *a, const struct guest *g, enum guest_act what,
    void (*done)(const char *, void *), void *arg)
{
	const enum inventory_command c = asker_command(g, what);
	const struct manager_command *row = command_row(c);
	const struct seat *s = seat_of(a, g);
	struct msg_run m = { .command = c };
	struct act *act;

	if (row == NULL || s == NULL || !command_key_ok(c, g->key))
		return xstrdup(g->manager[0] == '\0' ? "no VM manager that could is known for it" :
		    row == NULL ? "its VM manager has no command for that" :
		    "its VM manager would take its name for something else; give it another");
	m.uid = s->user.uid;
	copy_string(m.key, g->key, sizeof(m.key));
	act = xcalloc(1, sizeof(*act));
	act->asker = a;
	act->done = done;
	act->arg = arg;
	act->request = m;
	act->others = s->manager != NULL && s->manager->system ? a->nusers - 1 : 0;
	if ((act->talk = talk_begin(a->talks, &m, row->name, row->seconds, on_acted, act)) == NULL) {
		free(act);
		return xstrdup("the privileged part of the daemon takes no command now");
	}
	act->next = a->acts;
	a->acts = act;
	return NULL;
}
