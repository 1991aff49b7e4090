/*
 * Programs that priv runs as somebody else, without waiting for them: never as
 * root, never through a shell, with an environment of ours, in a process group of
 * their own that is killed as a whole when its time is over.
 */
#ifndef RUNNER_H
#define RUNNER_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

struct event_base;

/* Whom to become. */
struct runner_user {
	uid_t		 uid;
	gid_t		 gid;
	const char	*name, *home;
};

struct runner_job {
	struct runner_user	 user;
	const char *const	*argv;		/* argv[0] without "/": looked up in command_path() */
	const char		*marker;	/* must exist below the home, or NULL */
	const char		*input;		/* for its stdin, at most 64 KiB, or NULL */
	unsigned		 seconds;	/* it may take; then its group is killed */
	bool			 lasting;	/* what it leaves behind is left alone */
	/* Called once, never from within runner_start(): how is enum ran. */
	void			(*ended)(uint32_t serial, int how, int status, const char *cause, void *arg);
	void			*arg;
	uint32_t		 serial;
};

enum { RUNNER_JOBS_MAX = 16 };
struct runner;
struct runner	*runner_new(struct event_base *);
void		 runner_free(struct runner *);		/* kills what still runs, unless it lasts */
/* out and err are set to the reading ends of its outputs (or where they are NULL it
 * writes to /dev/null); the caller closes them. NULL or a cause, caller frees. */
char		*runner_start(struct runner *, const struct runner_job *, int *out, int *err);
/* priv's reaper found that this child ended: true if it was one of these. */
bool		 runner_reaped(struct runner *, pid_t, int status);

#endif
