/*
 * The console's connection to the engine's control socket: asynchronous, and
 * made anew by itself whenever it is lost.  Requests are answered through
 * callbacks, always exactly once: by the reply, or by a cause when none came
 * in time or the connection went.
 */
#ifndef LINK_H
#define LINK_H

#include <event2/event.h>
#include <jansson.h>

#include "control.h"

enum link_state {
	LINK_DOWN,		/* nobody to talk to; link_cause() says why */
	LINK_GREETING,		/* connected, hello not yet answered */
	LINK_UP,
};

struct link;
struct link_handlers {
	void	(*changed)(void *arg);		/* link_state() did */
	void	(*update)(const json_t *params, void *arg);
};
/* Exactly one of result and error is given.  error is for a person. */
typedef void (*link_reply)(const json_t *result, const char *error, void *arg);

/* Tries at once, and then again for ever. path must outlive it. */
struct link	*link_new(struct event_base *, const char *path, const struct link_handlers *,
		    void *arg);
/* Callbacks that wait are not called any more; their args are the caller's. */
void		 link_free(struct link *);
enum link_state	 link_state(const struct link *);
/* Why it is down, or NULL. */
const char	*link_cause(const struct link *);
/* The exit code that tells the same. */
enum exit_code	 link_exit_code(const struct link *);
/* What hello answered, NULL before. */
const json_t	*link_hello(const struct link *);
/* now_mono() when the engine last sent anything, 0: never. */
uint64_t	 link_heard(const struct link *);
/* params may be NULL, its reference is taken; reply may be NULL. */
void		 link_call(struct link *, const char *method, json_t *params, link_reply,
		    void *arg);

#endif
