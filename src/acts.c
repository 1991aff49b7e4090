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

/* One on its way. */
struct acting {
	struct engine		*engine;
	struct control_call	*call;		/* NULL: nobody asked */
	bool			 start;
	char			 name[GH_GUEST_SIZE];
};

/* A guest that has been told to stop, until it has. */
struct stopped {
	struct stopped	*next;
	uint32_t	 guest;
};

static void
act_done(const char *cause, void *arg)
{
	struct acting *a = arg;
	struct engine *e = a->engine;
	/* Managers differ in whether they wait for it. */
	const char *what = a->start ? "start" : "stop";
	char who[WHO_SIZE];

	if (a->call == NULL && cause != NULL)
		event_note(e, EVENT_GUEST, EVENT_ALERTING, a->name, "%s is not guarded, and could not be "
		    "stopped: %s", a->name, cause);
	else if (a->call == NULL)
		event_note(e, EVENT_GUEST, EVENT_NOTICE, a->name, "%s was told to stop, for it is not "
		    "guarded", a->name);
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

void
act_guest(struct engine *e, const struct guest *g, bool start, struct control_call *call)
{
	struct acting *a = xcalloc(1, sizeof(*a));
	char *cause;

	a->engine = e;
	a->call = call;
	a->start = start;
	copy_string(a->name, g->name, sizeof(a->name));
	cause = asker_act(e->asker, g, start, act_done, a);
	if (cause != NULL)
		act_done(cause, a);
	free(cause);
}

static bool
was_stopped(struct engine *e, uint32_t id, bool forget)
{
	for (struct stopped **p = &e->stopped, *s; (s = *p) != NULL; p = &s->next) {
		if (s->guest != id)
			continue;
		if (forget) {
			*p = s->next;
			free(s);
		}
		return true;
	}
	return false;
}

void
acts_judge(struct engine *e)
{
	for (size_t i = 0; i < inventory_count(e->inventory); i++) {
		const struct guest *g = inventory_guest(e->inventory, i);
		struct stopped *s;

		if (g->state != GUEST_RUNNING || g->guard < NIC_UNGUARDABLE ||
		    e->conf.on_unguarded != UNGUARDED_STOP) {
			was_stopped(e, g->id, true);
			continue;
		}
		if (g->manager[0] == '\0' || was_stopped(e, g->id, false))
			continue;
		s = xcalloc(1, sizeof(*s));
		s->guest = g->id;
		s->next = e->stopped;
		e->stopped = s;
		act_guest(e, g, false, NULL);
	}
}

void
acts_free(struct engine *e)
{
	while (e->stopped != NULL) {
		struct stopped *next = e->stopped->next;

		free(e->stopped);
		e->stopped = next;
	}
}
