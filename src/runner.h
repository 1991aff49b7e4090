/*
 * Programs that priv runs as somebody else, without waiting for them: never as
 * root, never through a shell, with an environment of ours, in a session of their
 * own that is killed as a whole when its time is over.
 */
#ifndef RUNNER_H
#define RUNNER_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "msg.h"

struct event_base;

/* Whom to become. */
struct runner_user {
	uid_t		 uid;
	gid_t		 gid;
	const char	*name, *home;
};

struct runner_job {
	struct runner_user	 user;
	const char *const	*argv;		/* argv[0] without "/": looked up in path */
	const char		*path;		/* "/usr/local/bin:/usr/bin" */
	const char		*marker;	/* must exist: below the home, or one of some
						 * absolute paths with ":" between; NULL: none */
	const char		*env;		/* one more variable, "NAME=value", or NULL */
	const char		*input;		/* for its stdin, at most RUNNER_INPUT_MAX, or NULL */
	unsigned		 seconds;	/* it may take; then its session is killed */
	bool			 lasting;	/* or, of those, it is left alone */
	uint32_t		 serial;
	/* Called once, never from within runner_start(). cause is "" or a line. */
	void			(*ended)(uint32_t serial, enum ran, int status,
				    const char *cause, void *arg);
	void			*arg;
};

enum {
	RUNNER_JOBS_MAX = 16,		/* at a time, beside those that last */
	RUNNER_INPUT_MAX = 4096,	/* fits into a pipe, so nobody waits */
};
struct runner;
struct runner	*runner_new(struct event_base *);
/* Kills what still runs, unless it lasts. */
void		 runner_free(struct runner *);
/* Nothing that job points to is needed after the call.  out and err are set to
 * the reading ends of its outputs, which the caller closes; where they are NULL it
 * prints to /dev/null. NULL or a cause, caller frees. */
char		*runner_start(struct runner *, const struct runner_job *, int *out, int *err);

#endif
