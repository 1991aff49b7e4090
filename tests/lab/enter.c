/*
 * enter [--user] COMMAND [ARG...]: runs COMMAND as root of a small world of
 * its own (network, mounts, processes, host name) and leaves nothing behind.
 *
 * Real root keeps its user ids, so that a daemon inside can really switch to
 * another user; an ordinary user (or --user) gets a user namespace, with the
 * id range of /etc/subuid where newuidmap can map it, else with one id.
 *
 * Three processes: the outer one, which waits; an init, process 1 inside,
 * which reaps; and COMMAND.  Whatever ends init, a signal or the death of the
 * outer process by kill -9 included, makes the kernel kill everything inside,
 * and with the last process go the interfaces, the rules and the mounts.
 */
#include "config.h"

#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What the machine lacks is a reason to skip a test, so says automake by 77. */
enum { STATUS_TROUBLE = 77, STATUS_SIGNAL = 128 };

static volatile sig_atomic_t	ending;
static volatile sig_atomic_t	watched;	/* the outer process's init */

static _Noreturn void
die(const char *what, const char *next)
{
	fprintf(stderr, "lab: %s: %s%s%s\n", what, strerror(errno), *next != '\0' ? "; " : "",
	    next);
	exit(STATUS_TROUBLE);
}

static void
on_signal(int number)
{
	/* Here and now: a flag would be seen too late by a waitpid() that had not
	 * quite begun when the signal came. */
	if (getpid() == 1)
		_exit(STATUS_SIGNAL + number);
	ending = number;
	if (watched != 0)
		kill(watched, SIGKILL);
}

static void
catch_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	sigemptyset(&action.sa_mask);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	/* A terminal sends this to COMMAND as well, which decides. */
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
}

static bool
write_file(const char *path, const char *text)
{
	size_t len = strlen(text);
	ssize_t n;
	int fd;

	if ((fd = open(path, O_WRONLY | O_CLOEXEC)) == -1)
		return false;
	n = write(fd, text, len);
	close(fd);
	return n == (ssize_t)len;
}

/* Runs newuidmap or newgidmap quietly; false when it is absent or refuses. */
static bool
map_with(const char *tool, pid_t target, uid_t id, unsigned long first)
{
	char pid[16], own[16], sub[16];
	int status;
	pid_t child;

	snprintf(pid, sizeof(pid), "%d", (int)target);
	snprintf(own, sizeof(own), "%u", (unsigned)id);
	snprintf(sub, sizeof(sub), "%lu", first);
	if ((child = fork()) == 0) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		execlp(tool, tool, pid, "0", own, "1", "1", sub, "65535", (char *)NULL);
		_exit(STATUS_TROUBLE);
	}
	return child != -1 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
	    WEXITSTATUS(status) == 0;
}

/* The first id that /etc/subuid or /etc/subgid gives to the user, 0: none. */
static unsigned long
subordinate(const char *path, const char *user)
{
	char line[256], name[128];
	unsigned long first = 0, from, count;
	FILE *f;

	if ((f = fopen(path, "re")) == NULL)
		return 0;
	while (first == 0 && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "%127[^:]:%lu:%lu", name, &from, &count) == 3 &&
		    strcmp(name, user) == 0 && count >= 65535)
			first = from;
	fclose(f);
	return first;
}

/* From outside the new user namespace: all of a subordinate range, if any. */
static bool
map_range(pid_t target)
{
	struct passwd *pw = getpwuid(getuid());
	unsigned long uids, gids;

	if (pw == NULL || geteuid() == 0)
		return false;
	uids = subordinate("/etc/subuid", pw->pw_name);
	gids = subordinate("/etc/subgid", pw->pw_name);
	return uids != 0 && gids != 0 && map_with("newgidmap", target, getgid(), gids) &&
	    map_with("newuidmap", target, getuid(), uids);
}

static void
map_one(uid_t uid, gid_t gid)
{
	char map[32];

	snprintf(map, sizeof(map), "0 %u 1", (unsigned)uid);
	if (!write_file("/proc/self/uid_map", map))
		die("cannot map the user", "");
	snprintf(map, sizeof(map), "0 %u 1", (unsigned)gid);
	if (!write_file("/proc/self/setgroups", "deny") ||
	    !write_file("/proc/self/gid_map", map))
		die("cannot map the group", "");
}

/* A helper outside maps the ids of its parent once that has left. */
static void
enter_user(void)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	pid_t self = getpid(), helper;
	int go[2], status;
	char byte = 0;

	if (pipe(go) == -1 || (helper = fork()) == -1)
		die("cannot start", "");
	if (helper == 0) {
		close(go[1]);
		_exit(read(go[0], &byte, 1) == 1 && map_range(self) ? 0 : 1);
	}
	if (unshare(CLONE_NEWUSER) == -1)
		die("this machine does not let you make a user namespace",
		    "see sysctl kernel.unprivileged_userns_clone, "
		    "kernel.apparmor_restrict_unprivileged_userns and "
		    "user.max_user_namespaces, or run it as root");
	if (write(go[1], &byte, 1) != 1)
		die("cannot map ids", "");
	close(go[0]);
	close(go[1]);
	if (waitpid(helper, &status, 0) != helper || status != 0)
		map_one(uid, gid);
	if (setresgid(0, 0, 0) == -1 || setresuid(0, 0, 0) == -1)
		die("cannot become root of the namespace", "");
}

/* Everything mutable sits on a tmpfs over /run, so it goes with the mounts. */
static void
make_mounts(void)
{
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1)
		die("cannot make mounts private", "");
	if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == -1)
		die("cannot mount /proc", "inside a container, give it --privileged");
	if (mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") == -1)
		die("cannot mount a tmpfs on /run", "");
	/* Only for what reads /sys/class/net; nothing here needs it. */
	if (mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == -1)
		(void)errno;
}

static int
status_of(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : STATUS_SIGNAL + WTERMSIG(status);
}

/* Process 1: starts COMMAND, reaps, and ends with COMMAND or by a signal. */
static _Noreturn void
run_init(char **argv, int outer)
{
	struct pollfd gone = { .fd = outer };
	int status;
	pid_t child, pid;

	/* Was the outer process killed before this took hold? */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 || poll(&gone, 1, 0) != 0)
		exit(STATUS_TROUBLE);
	make_mounts();
	if ((child = fork()) == -1)
		die("cannot fork", "");
	if (child == 0) {
		close(outer);
		signal(SIGINT, SIG_DFL);
		signal(SIGQUIT, SIG_DFL);
		signal(SIGTERM, SIG_DFL);
		signal(SIGHUP, SIG_DFL);
		execvp(argv[0], argv);
		fprintf(stderr, "lab: %s: %s\n", argv[0], strerror(errno));
		_exit(127);
	}
	for (;;) {
		pid = waitpid(-1, &status, 0);
		if (pid == child)
			_exit(status_of(status));
	}
}

int
main(int argc, char **argv)
{
	bool user = geteuid() != 0;
	int alive[2], status;
	pid_t init;

	if (argc > 1 && strcmp(argv[1], "--user") == 0) {
		user = true;
		argv++, argc--;
	}
	if (argc < 2) {
		fprintf(stderr, "usage: enter [--user] COMMAND [ARG...]\n");
		return 2;
	}
	if (user)
		enter_user();
	if (unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC) ==
	    -1)
		die("cannot make namespaces", "inside a container, give it --privileged");
	catch_signals();
	/* After a change of ids a process is not dumpable, and its /proc files
	 * belong to nobody; init has to write there. */
	prctl(PR_SET_DUMPABLE, 1);
	if (pipe2(alive, O_CLOEXEC) == -1 || (init = fork()) == -1)
		die("cannot fork", "");
	if (init == 0) {
		close(alive[1]);
		run_init(argv + 1, alive[0]);
	}
	close(alive[0]);
	watched = init;
	if (ending != 0)
		kill(init, SIGKILL);
	while (waitpid(init, &status, 0) == -1 && errno == EINTR)
		continue;
	return ending != 0 ? STATUS_SIGNAL + ending : status_of(status);
}
