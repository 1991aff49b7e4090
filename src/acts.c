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

bool
act_unguarded(struct engine *e, const struct guest *g, bool told)
{
	if (g->state != GUEST_RUNNING || g->guard < NIC_UNGUARDABLE ||
	    e->conf.on_unguarded != UNGUARDED_STOP)
		return false;
	if (g->manager[0] == '\0' || told)
		return told;
	act_guest(e, g, false, NULL);
	return true;
}
