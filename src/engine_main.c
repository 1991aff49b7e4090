/* The engine as a process: what it gives up, which signals it hears. */
#include "config.h"

#include <event2/event.h>
#include <signal.h>

#include "engine.h"
#include "log.h"
#include "role.h"

static void
main_lost(const char *why, struct engine *e)
{
	log_info("priv is gone (%s), so the engine ends", why);
	event_base_loopbreak(e->base);
}

static void
on_term(int sig, short what, void *arg)
{
	event_base_loopbreak(arg);
}

int
engine_main(const struct conf *conf)
{
	struct event_base *base;
	struct event *term;
	struct engine *e;
	char *cause;

	if ((cause = sandbox_enter(conf, ROLE_ENGINE)) != NULL)
		fatalx("%s", cause);
	signal(SIGPIPE, SIG_IGN);
	/* The terminal's Ctrl-C and a reload are priv's to hear. */
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	if ((base = event_base_new()) == NULL)
		fatalx("cannot make an event base");
	e = engine_new(base, conf, ROLE_FD, main_lost);
	engine_start(e, true);
	if ((term = evsignal_new(base, SIGTERM, on_term, base)) == NULL ||
	    event_add(term, NULL) == -1)
		fatalx("cannot watch for signals");
	event_base_dispatch(base);
	/* Answers that wait, such as that to a shutdown. */
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_free(term);
	engine_free(e);
	event_base_free(base);
	return 0;
}
