/*
 * Starting and stopping guests through their VM managers: when somebody says so, and
 * ([guard] on-unguarded = stop) when one runs that our rules do not cover.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "inventory/guard.h"
#include "json_text.h"
#include "log.h"
#include "text.h"
#include "xmalloc.h"

enum {
	SETTLE_SECONDS = 10,	/* two lists of a slow VM manager's */
	STOP_AGAIN_US = 60000000,	/* and twice that, up to eight minutes */
	STANDS_US = 1500000,		/* before a guest is stopped */
	STOP_DOUBLES = 3,
};
static const struct timeval settle_interval = { 0, 100000 };

/* One on its way. */
struct acting {
	struct engine		*engine;
	struct control_call	*call;		/* NULL: nobody asked */
	enum guest_act		 what;
	char			 name[GH_GUEST_SIZE];

	/* While it is not settled what its VM manager calls the guest. */
	uint32_t		 id;
	uint64_t		 since;		/* mono */
	struct event		*again;
	struct acting		*next;
};

static void
act_done(const char *cause, void *arg)
{
	struct acting *a = arg;
	struct engine *e = a->engine;
	/* Managers differ in whether they wait for it. */
	const char *what = a->what == ACT_START ? "start" : "stop";
	char who[WHO_SIZE];

	if (a->call == NULL && cause != NULL)
		event_note(e, EVENT_GUEST, EVENT_ALERTING, a->name, "%s is not guarded, and could not be "
		    "stopped: %s", a->name, cause);
	else if (a->call == NULL)
		event_note(e, EVENT_GUEST, EVENT_NOTICE, a->name, "%s was %s, for it is not guarded",
		    a->name, a->what == ACT_OFF ? "stopped by force" : "told to stop");
	else if (cause != NULL)
		control_fail(a->call, CONTROL_FAILED, xasprintf("%s does not %s: %s", a->name, what,
		    cause));
	else {
		event_note(e, EVENT_GUEST, EVENT_NOTICE, a->name, "%s told %s to %s",
		    who_name(a->call->peer.uid, who), a->name, what);
		control_reply(a->call, json_pack("{s:o, s:s}", "vm", json_guest(a->name), "done", what));
	}
	free(a);
}

static void
act_run(struct acting *a, const struct guest *g)
{
	char *cause = asker_act(a->engine->asker, g, a->what, act_done, a);

	if (cause != NULL)
		act_done(cause, a);
	free(cause);
}

static void
act_wait_end(struct acting *a)
{
	struct acting **p;

	for (p = &a->engine->acts; *p != a; p = &(*p)->next)
		continue;
	*p = a->next;
	event_free(a->again);
	a->again = NULL;
}

/* It cannot be told under which name it would be told to. */
static void
act_unsettled(struct acting *a, const struct guest *g)
{
	const char *trouble = asker_trouble(a->engine->asker, g, a->since);
	char *cause = trouble != NULL ? xasprintf("its VM manager does not answer: %s", trouble) :
	    xstrdup("its VM manager does not list it now; see \"gatehouse vms\" and try again");

	act_done(cause, a);
	free(cause);
}

static void
on_again(evutil_socket_t fd, short what, void *arg)
{
	struct acting *a = arg;
	const struct guest *g = inventory_by_id(a->engine->inventory, a->id);

	(void)fd;
	(void)what;
	if (g != NULL && !asker_settled(a->engine->asker, g) &&
	    now_mono() - a->since <= SETTLE_SECONDS * 1000000ull &&
	    asker_trouble(a->engine->asker, g, a->since) == NULL)
		return;
	act_wait_end(a);
	if (g == NULL)
		act_done("the guest is gone", a);
	else if (asker_settled(a->engine->asker, g))
		act_run(a, g);
	else
		act_unsettled(a, g);
}

void
act_guest(struct engine *e, const struct guest *g, enum guest_act what, struct control_call *call)
{
	struct acting *a = xcalloc(1, sizeof(*a));

	a->engine = e;
	a->call = call;
	a->what = what;
	copy_string(a->name, g->name, sizeof(a->name));
	if (asker_settled(e->asker, g)) {
		act_run(a, g);
		return;
	}
	/* A name that is another guest's by now must not be told to stop. */
	a->id = g->id;
	a->since = now_mono();
	a->again = event_new(e->base, -1, EV_PERSIST, on_again, a);
	if (a->again == NULL)
		fatalx("out of memory (acts)");
	a->next = e->acts;
	e->acts = a;
	event_add(a->again, &settle_interval);
	asker_ask(e->asker, g);
}

void
acts_free(struct engine *e)
{
	struct acting *a;

	while ((a = e->acts) != NULL) {
		act_wait_end(a);
		act_done("the daemon is ending", a);
	}
}

void
act_unguarded(struct engine *e, const struct guest *g, struct stopping *s)
{
	const uint64_t now = now_mono();

	if (g->state != GUEST_RUNNING || g->guard < NIC_UNGUARDABLE ||
	    e->conf.on_unguarded != UNGUARDED_STOP || g->manager[0] == '\0') {
		*s = (struct stopping){ 0 };
		return;
	}
	/* What a process said of a guest stands until the next look, where its manager has its
	 * say. */
	if (s->next == 0) {
		s->next = now + STANDS_US;
		inventory_hurry(e->inventory);
	}
	if (now < s->next)
		return;
	/* Some only ask the guest, which may not listen. */
	act_guest(e, g, s->times > 0 && asker_command(g, ACT_OFF) != COMMAND_NONE ? ACT_OFF : ACT_STOP,
	    NULL);
	s->next = now + ((uint64_t)STOP_AGAIN_US << s->times);
	if (s->times < STOP_DOUBLES)
		s->times++;
}
