/*
 * The life of the other two roles.  Each is a child process with a channel;
 * whatever goes wrong with either ends in the same place: the process is
 * killed, reaped, told about, and started again after a delay that doubles
 * from 100 ms to 5 s and is forgotten after half a minute of good life.
 *
 * Engine and net talk to each other over a socket pair that is made here
 * each time one of them starts: one end to each, by FRAME_PEER.
 */
#include "config.h"

#include "priv.h"

#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fds.h"
#include "host.h"
#include "log.h"
#include "priv_check.h"
#include "xmalloc.h"

enum {
	DELAY_FIRST_MS = 100,
	DELAY_MAX_MS = 5000,
	GOOD_LIFE_US = 30 * 1000 * 1000,
	SLOW_READER_US = 10 * 1000 * 1000,
	END_SECONDS = 3,	/* to end after SIGTERM */
};

/* Without a word from a role, which says one each second; engine's one thread may have an
 * inventory of thousands or a list of a million to go through. */
static const unsigned silent_seconds[ROLE_COUNT] = { [ROLE_ENGINE] = 10, [ROLE_NET] = 5 };

struct child {
	struct roles		*roles;
	enum role		 role;
	pid_t			 pid;		/* 0: not running */
	struct msg_channel	*channel;
	struct event		*timer;		/* to the next start, or to a kill */
	bool			 ready;
	unsigned		 silent;	/* seconds of ours, which stand still as we do */
	uint32_t		 generation;	/* of net's run */
	uint32_t		 restarts, delay_ms;
	bool			 wanted;	/* it is to end, and be started again */
	uint64_t		 started;	/* mono */
	char			 why[GH_CAUSE_SIZE];	/* we ended it for this */
	char			 last[GH_CAUSE_SIZE];	/* how the run before ended */
};

struct roles {
	struct event_base	*base;
	const char		*exe, *conf_path;
	bool			 foreground, stopping, was_ready;
	struct roles_events	 events;
	struct event		*sigchld, *second;
	struct child		 child[ROLE_COUNT];	/* [ROLE_PRIV] is unused */
};

static void	 child_start(struct child *);

static struct child *
other(const struct child *c)
{
	return &c->roles->child[c->role == ROLE_NET ? ROLE_ENGINE : ROLE_NET];
}

/* ---- trouble ---- */

/* The reaper does the rest. */
static void
child_kill(struct child *c, int signo, const char *why)
{
	if (c->pid == 0)
		return;
	if (c->why[0] == '\0')
		copy_string(c->why, why, sizeof(c->why));
	kill(c->pid, signo);
}

void
roles_punish(struct roles *r, enum role role, const char *why)
{
	char text[GH_CAUSE_SIZE];

	snprintf(text, sizeof(text), "killed: %s", why);
	if (r->child[role].pid != 0 && r->child[role].why[0] == '\0')
		log_warnx("%s %s", role_name(role), text);
	child_kill(&r->child[role], SIGKILL, text);
}

void
roles_restart(struct roles *r, enum role role, const char *why)
{
	const struct timeval patience = { .tv_sec = END_SECONDS };
	struct child *c = &r->child[role];

	/* Asked for, so it does not have to wait. */
	c->delay_ms = 0;
	c->wanted = true;
	child_kill(c, SIGTERM, why);
	if (c->pid != 0)
		event_add(c->timer, &patience);
}

bool
roles_send(struct roles *r, enum role role, enum frame type, const void *body)
{
	return roles_send_fd(r, role, type, body, -1);
}

bool
roles_send_fd(struct roles *r, enum role role, enum frame type, const void *body, int fd)
{
	struct child *c = &r->child[role];

	if (c->channel == NULL)
		return false;
	if (msg_send(c->channel, type, body, fd))
		return true;
	roles_punish(r, role, "does not read what it is sent");
	return false;
}

/* A net that hangs would go on by the allowlist that it has, whatever the operator
 * closes: without it guests reach nothing, and the next one has the new list.  With an
 * engine that hangs nobody could close anything. */
static void
on_second(int fd, short what, void *arg)
{
	struct roles *r = arg;

	(void)fd;
	(void)what;
	for (enum role i = ROLE_ENGINE; i < ROLE_COUNT; i++) {
		struct child *c = &r->child[i];

		if (c->channel != NULL && msg_stuck(c->channel) > SLOW_READER_US)
			roles_punish(r, i, "does not read what it is sent");
		else if (c->ready && ++c->silent > silent_seconds[i])
			roles_punish(r, i, "does nothing any more");
	}
}

bool
roles_up(const struct roles *r, enum role role)
{
	return r->child[role].pid != 0;
}

bool
roles_stopping(const struct roles *r)
{
	return r->stopping;
}

/* ---- frames ---- */

static void
on_frame(enum frame type, const void *body, int fd, void *arg)
{
	struct child *c = arg;
	struct roles *r = c->roles;
	const bool is_ready = type == FRAME_READY && frame_check(type, body) == NULL;

	if (!is_ready)
		r->events.frame(c->role, type, body, fd, r->events.arg);
	if (fd != -1)
		close(fd);
	if (!is_ready)
		return;
	if (!c->ready)
		log_info("%s is ready", role_name(c->role));
	c->ready = true;
	c->silent = 0;
	if (!r->was_ready && other(c)->ready) {
		r->was_ready = true;
		r->events.ready(r->events.arg);
	}
}

static void
on_broken(const char *why, void *arg)
{
	const struct timeval grace = { .tv_sec = 1 };
	struct child *c = arg;
	char text[GH_CAUSE_SIZE];

	msg_channel_free(c->channel);
	c->channel = NULL;
	/* A role that ends closes its channel first: its status will say more. */
	if (strcmp(why, "closed its channel") == 0 || strcmp(why, strerror(EPIPE)) == 0 ||
	    strcmp(why, strerror(ECONNRESET)) == 0) {
		event_add(c->timer, &grace);
		return;
	}
	snprintf(text, sizeof(text), "broke the frame protocol: %s", why);
	roles_punish(c->roles, c->role, text);
}

/* A new pair of ends for engine and net, if both are there. */
static void
introduce(struct roles *r)
{
	struct child *engine = &r->child[ROLE_ENGINE], *net = &r->child[ROLE_NET];
	const struct msg_peer peer = { .generation = net->generation };
	int pair[2];

	if (engine->channel == NULL || net->channel == NULL)
		return;
	if (fds_pair(pair) == -1) {
		log_warn("cannot connect engine and net");
		return;
	}
	if (!msg_send(engine->channel, FRAME_PEER, &peer, pair[0]))
		roles_punish(r, ROLE_ENGINE, "does not read what it is sent");
	if (!msg_send(net->channel, FRAME_PEER, &peer, pair[1]))
		roles_punish(r, ROLE_NET, "does not read what it is sent");
	close(pair[0]);
	close(pair[1]);
}

static void
tell(const struct child *c, bool up, int status)
{
	struct msg_role m = { .role = c->role, .up = up, .pid = c->pid, .status = status,
		.restarts = c->restarts, .delay_ms = up ? 0 : c->delay_ms,
		.wanted = !up && c->wanted };

	/* An engine that has just started was not told how the former one ended. */
	copy_string(m.why, up ? c->last : c->why, sizeof(m.why));
	if (c->roles->child[ROLE_ENGINE].channel != NULL)
		roles_send(c->roles, ROLE_ENGINE, FRAME_ROLE, &m);
	c->roles->events.changed(&m, c->roles->events.arg);
}

/* ---- starting ---- */

/* In the child, up to exec. */
static void __attribute__((noreturn))
child_exec(const struct child *c, int channel, pid_t parent)
{
	const struct roles *r = c->roles;
	const char *argv[] = { "gatehouse", "--role", role_name(c->role), "-f", r->conf_path,
		r->foreground ? "-d" : NULL, NULL };
	sigset_t none;
	int null;

	/* A key pressed at priv's terminal is for priv. */
	setsid();
	host_end_with_parent();
	if (getppid() != parent)
		_exit(1);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	null = open("/dev/null", O_RDWR);
	if (null == -1 || dup2(null, STDIN_FILENO) == -1 || dup2(null, STDOUT_FILENO) == -1)
		_exit(1);
	if (channel == ROLE_FD ? fcntl(channel, F_SETFD, 0) == -1 : dup2(channel, ROLE_FD) == -1)
		_exit(1);
	fds_close_from(ROLE_FD + 1);
	/* execv() takes what it does not change as not const, for history's sake. */
	execv(r->exe, (char *const *)(uintptr_t)argv);
	_exit(127);
}

static void
child_retry(struct child *c)
{
	struct timeval tv = { c->delay_ms / 1000, c->delay_ms % 1000 * 1000 };

	event_add(c->timer, &tv);
}

static void
child_started(struct child *c, int channel)
{
	c->started = now_mono();
	c->ready = false;
	c->why[0] = '\0';
	c->wanted = false;
	c->channel = msg_channel_new(c->roles->base, channel, ROLE_PRIV, c->role, on_frame,
	    on_broken, c);
	log_info("%s started, pid %ld", role_name(c->role), (long)c->pid);
	/* Which ran before it came up, the new engine does not know. */
	if (c->role == ROLE_ENGINE && other(c)->pid != 0)
		tell(other(c), true, 0);
	tell(c, true, 0);
	introduce(c->roles);
}

static void
child_start(struct child *c)
{
	pid_t self = getpid();
	int pair[2];

	if (c->role == ROLE_NET)
		c->generation = c->roles->events.generation(c->roles->events.arg);
	if (fds_pair(pair) == -1) {
		log_warn("cannot start %s", role_name(c->role));
		child_retry(c);
		return;
	}
	c->pid = fork();
	if (c->pid == 0)
		child_exec(c, pair[1], self);
	close(pair[1]);
	if (c->pid == -1) {
		log_warn("cannot start %s", role_name(c->role));
		close(pair[0]);
		c->pid = 0;
		child_retry(c);
		return;
	}
	child_started(c, pair[0]);
}

static void
on_timer(int fd, short what, void *arg)
{
	struct child *c = arg;

	if (c->pid != 0)
		roles_punish(c->roles, c->role, c->channel == NULL ?
		    "closed its channel and went on" : "did not end when asked to");
	else if (!c->roles->stopping)
		child_start(c);
}

/* ---- ending ---- */

static void
describe_end(struct child *c, int status)
{
	if (c->why[0] != '\0')
		return;
	if (WIFSIGNALED(status))
		snprintf(c->why, sizeof(c->why), "killed by signal %d (%s)", WTERMSIG(status),
		    strsignal(WTERMSIG(status)));
	else
		snprintf(c->why, sizeof(c->why), "ended with exit status %d", WEXITSTATUS(status));
}

static void
child_ended(struct child *c, int status)
{
	event_del(c->timer);
	describe_end(c, status);
	copy_string(c->last, c->why, sizeof(c->last));
	c->pid = 0;
	c->ready = false;
	msg_channel_free(c->channel);
	c->channel = NULL;
	if (c->roles->stopping) {
		tell(c, false, status);
		return;
	}
	if (now_mono() - c->started > GOOD_LIFE_US)
		c->delay_ms = DELAY_FIRST_MS;
	log_warnx("%s %s; it is started again in %u ms", role_name(c->role), c->why, c->delay_ms);
	c->restarts++;
	tell(c, false, status);
	child_retry(c);
	c->delay_ms = c->delay_ms == 0 ? DELAY_FIRST_MS : c->delay_ms * 2;
	if (c->delay_ms > DELAY_MAX_MS)
		c->delay_ms = DELAY_MAX_MS;
}

/* Only our roles: libnftables' children are waited for where they are made. */
static void
on_sigchld(int signo, short what, void *arg)
{
	struct roles *r = arg;
	int status;

	for (enum role i = ROLE_ENGINE; i < ROLE_COUNT; i++) {
		struct child *c = &r->child[i];

		if (c->pid != 0 && waitpid(c->pid, &status, WNOHANG) == c->pid)
			child_ended(c, status);
	}
}

bool
roles_stop(struct roles *r, int signo)
{
	bool left = false;

	r->stopping = true;
	for (enum role i = ROLE_ENGINE; i < ROLE_COUNT; i++) {
		child_kill(&r->child[i], signo, "the daemon ends");
		left |= r->child[i].pid != 0;
	}
	return !left;
}

/* ---- all of them ---- */

struct roles *
roles_new(struct event_base *base, const char *exe, const char *conf_path, bool foreground,
    const struct roles_events *events)
{
	static const struct timeval second = { .tv_sec = 1 };
	struct roles *r = xcalloc(1, sizeof(*r));

	r->base = base;
	r->exe = exe;
	r->conf_path = conf_path;
	r->foreground = foreground;
	r->events = *events;
	r->sigchld = evsignal_new(base, SIGCHLD, on_sigchld, r);
	if (r->sigchld == NULL || event_add(r->sigchld, NULL) == -1)
		fatalx("cannot watch for children");
	r->second = event_new(base, -1, EV_PERSIST, on_second, r);
	if (r->second == NULL || event_add(r->second, &second) == -1)
		fatalx("cannot start the clock of the roles");
	for (enum role i = ROLE_ENGINE; i < ROLE_COUNT; i++) {
		struct child *c = &r->child[i];

		c->roles = r;
		c->role = i;
		c->delay_ms = DELAY_FIRST_MS;
		c->timer = evtimer_new(base, on_timer, c);
		if (c->timer == NULL)
			fatalx("out of memory (timer)");
	}
	return r;
}

void
roles_start(struct roles *r)
{
	for (enum role i = ROLE_ENGINE; i < ROLE_COUNT; i++)
		child_start(&r->child[i]);
}

void
roles_free(struct roles *r)
{
	int status;

	if (r == NULL)
		return;
	for (enum role i = ROLE_ENGINE; i < ROLE_COUNT; i++) {
		struct child *c = &r->child[i];

		if (c->pid != 0) {
			kill(c->pid, SIGKILL);
			waitpid(c->pid, &status, 0);
		}
		msg_channel_free(c->channel);
		event_free(c->timer);
	}
	event_free(r->sigchld);
	event_free(r->second);
	free(r);
}
