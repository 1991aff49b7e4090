/*
 * A job is a child that leads a session.  What goes wrong between fork and exec
 * comes back through a pipe that the exec closes, so that a program that is not
 * there is told from one that fails.
 *
 * In an unprivileged user namespace (the lab, and who tries gatehouse) there may
 * be no other user to become; root there has no power outside, so that it may
 * run a job as itself.  The real root never does.
 */
#include "config.h"

#include "runner.h"

#include <sys/resource.h>
#include <sys/wait.h>

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fds.h"
#include "gatehouse.h"
#include "log.h"
#include "userns.h"
#include "xmalloc.h"

enum { IN = 0, OUT, ERR, STREAMS, PATH_SIZE = 1024, ARGS_MAX = 64 };

enum step { STEP_BECOME = 1, STEP_MARKER, STEP_EXEC, STEP_STREAMS };

/* What the child says before it ends without having become the program. */
struct trouble {
	int	step, error;
};

struct running {
	struct running	*next;
	struct runner	*runner;
	pid_t		 pid;
	int		 report;	/* reads a struct trouble, or nothing */
	struct event	*deadline;
	bool		 lasting, late;
	bool		 told;		/* a lasting one: its caller has been answered */
	char		 name[64];
	uint32_t	 serial;
	void		(*ended)(uint32_t, enum ran, int, const char *, void *);
	void		*arg;
};

struct runner {
	struct event_base	*base;
	struct event		*sigchld;
	struct running		*list;
	unsigned		 n;	/* not told */
};

/* ---- the child ---- */

static void __attribute__((noreturn))
give_up(int report, enum step step)
{
	const struct trouble t = { step, errno };
	ssize_t n = write(report, &t, sizeof(t));

	_exit(n == (ssize_t)sizeof(t) ? 127 : 126);
}

static bool
become(const struct runner_user *u)
{
	if (u->uid == geteuid())
		return !userns_is_real_root(u->uid);
	if (initgroups(u->name, u->gid) == -1 || setgid(u->gid) == -1 || setuid(u->uid) == -1)
		return false;
	return setuid(0) == -1 && seteuid(0) == -1;
}

static void
set_env(const struct runner_job *job, char *env[], char space[][PATH_SIZE])
{
	const struct runner_user *u = &job->user;

	snprintf(space[0], PATH_SIZE, "HOME=%s", u->home);
	snprintf(space[1], PATH_SIZE, "USER=%s", u->name);
	snprintf(space[2], PATH_SIZE, "LOGNAME=%s", u->name);
	snprintf(space[3], PATH_SIZE, "PATH=%s", job->path);
	snprintf(space[4], PATH_SIZE, "LANG=C.UTF-8");
	for (int i = 0; i < 5; i++)
		env[i] = space[i];
	env[5] = job->env != NULL ? space[5] : NULL;
	env[6] = NULL;
	if (job->env != NULL)
		snprintf(space[5], PATH_SIZE, "%s", job->env);
}

/* Tries each directory; errno of the first that is more than "not there". */
static void
exec_on_path(const struct runner_job *job, char *const env[])
{
	char *const *argv = (char *const *)(uintptr_t)job->argv;
	char file[PATH_SIZE];
	int error = ENOENT;

	if (strchr(job->argv[0], '/') != NULL) {
		execve(job->argv[0], argv, env);
		return;
	}
	for (const char *dir = job->path; *dir != '\0';) {
		const size_t len = strcspn(dir, ":");

		if (len > 0 && snprintf(file, sizeof(file), "%.*s/%s", (int)len, dir,
		    job->argv[0]) < (int)sizeof(file)) {
			execve(file, argv, env);
			if (errno != ENOENT && errno != ENOTDIR && error == ENOENT)
				error = errno;
		}
		dir += len + (dir[len] == ':');
	}
	errno = error;
}

/*
 * A program that lasts outlives who reads what it prints, and must not end by that at
 * its next word.  So a process of its user's stands between: it hands on what comes as
 * long as somebody wants it, and throws away the rest.
 */
static void __attribute__((noreturn))
drain(const int from[2])
{
	struct pollfd p[2] = { { .fd = from[0], .events = POLLIN }, { .fd = from[1], .events = POLLIN } };
	bool wanted[2] = { true, true };
	char buf[4096];
	ssize_t n;

	signal(SIGPIPE, SIG_IGN);
	while (p[0].fd != -1 || p[1].fd != -1) {
		if (poll(p, 2, -1) == -1 && errno != EINTR)
			break;
		for (int i = 0; i < 2; i++) {
			if (p[i].fd == -1 || p[i].revents == 0)
				continue;
			n = read(p[i].fd, buf, sizeof(buf));
			if (n == 0 || (n == -1 && errno != EINTR))
				p[i].fd = -1;
			if (n > 0 && wanted[i])
				wanted[i] = write(OUT + i, buf, (size_t)n) == n;
		}
	}
	_exit(0);
}

/* False and errno, or stdout and stderr go to one. */
static bool
drain_start(int report)
{
	int pipes[2][2];
	pid_t pid;

	if (pipe(pipes[0]) == -1 || pipe(pipes[1]) == -1 || (pid = fork()) == -1)
		return false;
	if (pid == 0) {
		close(report);
		close(pipes[0][1]);
		close(pipes[1][1]);
		drain((const int[]){ pipes[0][0], pipes[1][0] });
	}
	for (int i = 0; i < 2; i++) {
		if (dup2(pipes[i][1], OUT + i) == -1)
			return false;
		close(pipes[i][0]);
		close(pipes[i][1]);
	}
	return true;
}

static bool
marker_is_there(const struct runner_job *job)
{
	char path[PATH_SIZE];

	if (job->marker == NULL)
		return true;
	if (job->marker[0] != '/') {
		snprintf(path, sizeof(path), "%s/%s", job->user.home, job->marker);
		return access(path, F_OK) == 0;
	}
	for (const char *p = job->marker; *p != '\0';) {
		const size_t len = strcspn(p, ":");

		snprintf(path, sizeof(path), "%.*s", (int)len, p);
		if (access(path, F_OK) == 0)
			return true;
		p += len + (p[len] == ':');
	}
	return false;
}

static void __attribute__((noreturn))
child(const struct runner_job *job, const int theirs[STREAMS], int report)
{
	static char space[6][PATH_SIZE];
	const struct rlimit none = { 0, 0 };
	char *env[7];
	sigset_t empty;

	setsid();
	sigemptyset(&empty);
	for (int s = 1; s < NSIG; s++)
		signal(s, SIG_DFL);
	sigprocmask(SIG_SETMASK, &empty, NULL);
	setrlimit(RLIMIT_CORE, &none);
	/* All of ours are above these three, which the daemon keeps open. */
	for (int i = 0; i < STREAMS; i++) {
		if (dup2(theirs[i], i) == -1)
			give_up(report, STEP_STREAMS);
	}
	if (dup2(report, STREAMS) == -1 || fcntl(STREAMS, F_SETFD, FD_CLOEXEC) == -1)
		give_up(report, STEP_STREAMS);
	fds_close_from(STREAMS + 1);
	report = STREAMS;
	if (!become(&job->user))
		give_up(report, STEP_BECOME);
	/* As the user: what is in the home is for it alone to see. */
	if (!marker_is_there(job))
		give_up(report, STEP_MARKER);
	if (chdir(job->user.home) == -1 && chdir("/") == -1)
		give_up(report, STEP_BECOME);
	if (job->lasting && !drain_start(report))
		give_up(report, STEP_STREAMS);
	set_env(job, env, space);
	exec_on_path(job, env);
	give_up(report, STEP_EXEC);
}

/* ---- the end of a job ---- */

static void
answer(struct running *r, enum ran end, int status, const char *cause)
{
	if (r->told)
		return;
	r->told = true;
	r->runner->n--;
	r->ended(r->serial, end, status, cause, r->arg);
}

static void
running_free(struct running *r)
{
	struct running **p = &r->runner->list;

	while (*p != r)
		p = &(*p)->next;
	*p = r->next;
	event_free(r->deadline);
	close(r->report);
	free(r);
}

static void
tell_end(struct running *r, int status)
{
	struct trouble t;
	char cause[GH_CAUSE_SIZE] = "";

	if (read(r->report, &t, sizeof(t)) == (ssize_t)sizeof(t)) {
		snprintf(cause, sizeof(cause), "%s cannot be run%s: %s", r->name,
		    t.step == STEP_BECOME ? " as that user" : "", strerror(t.error));
		answer(r, t.step == STEP_MARKER || (t.step == STEP_EXEC && t.error == ENOENT) ?
		    RAN_ABSENT : RAN_FAILED, 0, cause);
	} else if (r->late) {
		snprintf(cause, sizeof(cause), "%s took too long and was killed", r->name);
		answer(r, RAN_KILLED, 0, cause);
	} else if (WIFSIGNALED(status)) {
		snprintf(cause, sizeof(cause), "%s ended by signal %d", r->name, WTERMSIG(status));
		answer(r, RAN_KILLED, 0, cause);
	} else
		answer(r, RAN_EXITED, WEXITSTATUS(status), "");
}

static void
on_sigchld(int signo, short what, void *arg)
{
	struct runner *runner = arg;
	struct running *next;
	int status;

	for (struct running *r = runner->list; r != NULL; r = next) {
		next = r->next;
		if (waitpid(r->pid, &status, WNOHANG) != r->pid)
			continue;
		/* What it left behind would hold the pipes. */
		if (!r->lasting)
			kill(-r->pid, SIGKILL);
		tell_end(r, status);
		running_free(r);
	}
}

static void
on_deadline(int fd, short what, void *arg)
{
	struct running *r = arg;

	if (r->lasting) {
		answer(r, RAN_EXITED, 0, "");
		return;
	}
	r->late = true;
	kill(-r->pid, SIGKILL);
}

/* ---- its start ---- */

static void
close_pair(int pair[2])
{
	for (int i = 0; i < 2; i++) {
		if (pair[i] != -1)
			close(pair[i]);
		pair[i] = -1;
	}
}

/* Its stdin holds the whole input already; an output that nobody wants is
 * /dev/null. */
static bool
make_streams(const struct runner_job *job, int *out, int *err, int pipes[STREAMS][2])
{
	int *const wanted[STREAMS] = { NULL, out, err };
	size_t len = job->input != NULL ? strlen(job->input) : 0;

	for (int i = 0; i < STREAMS; i++) {
		const int theirs = i == IN ? 0 : 1;

		if (i == IN ? len > 0 : wanted[i] != NULL) {
			if (fds_pipe(pipes[i]) == -1)
				return false;
		} else if ((pipes[i][theirs] = open("/dev/null", O_RDWR | O_CLOEXEC)) == -1)
			return false;
	}
	if (len > 0) {
		if (write(pipes[IN][1], job->input, len) != (ssize_t)len)
			return false;
		close(pipes[IN][1]);
		pipes[IN][1] = -1;
	}
	return true;
}

static struct running *
running_new(struct runner *runner, const struct runner_job *job, pid_t pid, int report)
{
	const struct timeval wait = { .tv_sec = job->seconds };
	struct running *r = xcalloc(1, sizeof(*r));

	r->runner = runner;
	r->pid = pid;
	r->report = report;
	r->lasting = job->lasting;
	r->serial = job->serial;
	r->ended = job->ended;
	r->arg = job->arg;
	copy_string(r->name, job->argv[0], sizeof(r->name));
	r->deadline = evtimer_new(runner->base, on_deadline, r);
	if (r->deadline == NULL || event_add(r->deadline, &wait) == -1)
		fatalx("out of memory (runner)");
	r->next = runner->list;
	runner->list = r;
	runner->n++;
	return r;
}

char *
runner_start(struct runner *runner, const struct runner_job *job, int *out, int *err)
{
	int pipes[STREAMS][2] = { { -1, -1 }, { -1, -1 }, { -1, -1 } }, report[2] = { -1, -1 };
	char *cause = NULL;
	pid_t pid = -1;

	if (userns_is_real_root(job->user.uid))
		return xasprintf("%s is never run as root", job->argv[0]);
	if (runner->n >= RUNNER_JOBS_MAX)
		return xasprintf("%d programs are running already", RUNNER_JOBS_MAX);
	if (job->input != NULL && strlen(job->input) > RUNNER_INPUT_MAX)
		return xasprintf("the input for %s is too long", job->argv[0]);
	if (!make_streams(job, out, err, pipes) || fds_pipe(report) == -1 || (pid = fork()) == -1)
		cause = xasprintf("cannot run %s: %s", job->argv[0], strerror(errno));
	if (pid == 0) {
		const int theirs[STREAMS] = { pipes[IN][0], pipes[OUT][1], pipes[ERR][1] };

		child(job, theirs, report[1]);
	}
	if (cause == NULL) {
		fcntl(report[0], F_SETFL, O_NONBLOCK);
		running_new(runner, job, pid, report[0]);
		report[0] = -1;
		if (out != NULL)
			*out = pipes[OUT][0];
		if (err != NULL)
			*err = pipes[ERR][0];
		pipes[OUT][0] = pipes[ERR][0] = -1;
	}
	for (int i = 0; i < STREAMS; i++)
		close_pair(pipes[i]);
	close_pair(report);
	return cause;
}

struct runner *
runner_new(struct event_base *base)
{
	struct runner *r = xcalloc(1, sizeof(*r));

	r->base = base;
	r->sigchld = evsignal_new(base, SIGCHLD, on_sigchld, r);
	if (r->sigchld == NULL || event_add(r->sigchld, NULL) == -1)
		fatalx("cannot watch for children");
	return r;
}

void
runner_free(struct runner *runner)
{
	int status;

	if (runner == NULL)
		return;
	while (runner->list != NULL) {
		struct running *r = runner->list;

		if (!r->lasting) {
			kill(-r->pid, SIGKILL);
			waitpid(r->pid, &status, 0);
		}
		running_free(r);
	}
	event_free(runner->sigchld);
	free(runner);
}
