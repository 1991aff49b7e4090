/*
 * Commands of the system: never through a shell, with an environment and words
 * of ours alone, without input, and not for longer than is reasonable.  What one
 * says is shown only if it fails.
 */
#include "config.h"

#include "setup/setup.h"

#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gatehouse.h"
#include "xmalloc.h"

enum { SAID_MAX = 256 << 10, SAID_SHOWN = 2000 };

static char *const environment[] = { (char[]){ "PATH=/usr/sbin:/usr/bin:/sbin:/bin" },
	(char[]){ "LC_ALL=C" }, NULL };

static void __attribute__((noreturn))
child(const char *path, char *const *argv, int out)
{
	int null = open("/dev/null", O_RDONLY);

	if (null == -1 || dup2(null, STDIN_FILENO) == -1 || dup2(out, STDOUT_FILENO) == -1 ||
	    dup2(out, STDERR_FILENO) == -1)
		_exit(127);
	execve(path, argv, environment);
	dprintf(STDERR_FILENO, "%s", strerror(errno));
	_exit(127);
}

/* What it says, up to its end, and no more than SAID_MAX. False: it took too long. */
static bool
listen_to(int fd, char *said)
{
	const uint64_t end = now_mono() + SETUP_TOOL_SECONDS * 1000000ull;
	size_t len = 0;
	bool in_time = true;

	for (;;) {
		const uint64_t now = now_mono();
		struct pollfd p = { .fd = fd, .events = POLLIN };
		char rest[256];
		ssize_t n;

		if (now >= end || poll(&p, 1, (int)((end - now) / 1000) + 1) == 0) {
			in_time = false;
			break;
		}
		n = len < SAID_MAX - 1 ? read(fd, said + len, SAID_MAX - 1 - len) :
		    read(fd, rest, sizeof(rest));
		if (n == 0 || (n == -1 && errno != EINTR))
			break;
		if (n > 0 && len < SAID_MAX - 1)
			len += (size_t)n;
	}
	while (len > 0 && said[len - 1] == '\n')
		len--;
	said[len] = '\0';
	return in_time;
}

static char *
why_failed(const char *name, int status, bool in_time, const char *said)
{
	const char *colon = said[0] != '\0' ? ": " : "";
	const int len = (int)strnlen(said, SAID_SHOWN);

	if (!in_time)
		return xasprintf("%s took longer than %d s and was ended%s%.*s", name,
		    SETUP_TOOL_SECONDS, colon, len, said);
	if (WIFSIGNALED(status))
		return xasprintf("%s was ended by signal %d%s%.*s", name, WTERMSIG(status), colon,
		    len, said);
	if (WEXITSTATUS(status) != 0)
		return xasprintf("%s exited with %d%s%.*s", name, WEXITSTATUS(status), colon, len,
		    said);
	return NULL;
}

/* The words, with one more at the end; both belong to others. */
static void
words_with(const struct setup_command *c, const char *more, char *argv[SETUP_ARGS_MAX + 1])
{
	size_t n = 0;

	while (n + 1 < SETUP_ARGS_MAX && c->argv[n] != NULL) {
		argv[n] = c->argv[n];
		n++;
	}
	if (more != NULL)
		argv[n++] = (char *)(uintptr_t)more;
	argv[n] = NULL;
}

static char *
run(const struct setup_site *site, const struct setup_command *c, const char *more, char *said)
{
	char *argv[SETUP_ARGS_MAX + 1], *path, *cause;
	const char *base = strrchr(c->argv[0], '/');
	int fds[2], status = 0;
	bool in_time;
	pid_t pid;

	words_with(c, more, argv);
	path = site->tools != NULL ? xasprintf("%s%s", site->tools, base) : xstrdup(argv[0]);
	if (pipe(fds) == -1 || (pid = fork()) == -1) {
		cause = xasprintf("cannot run %s: %s", path, strerror(errno));
		free(path);
		return cause;
	}
	if (pid == 0) {
		close(fds[0]);
		child(path, argv, fds[1]);
	}
	close(fds[1]);
	in_time = listen_to(fds[0], said);
	close(fds[0]);
	if (!in_time)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	cause = why_failed(path, status, in_time, said);
	free(path);
	return cause;
}

char *
setup_tool_said(const struct setup_site *site, const struct setup_command *c, char **said)
{
	*said = xcalloc(1, SAID_MAX);
	return run(site, c, NULL, *said);
}

char *
setup_tool(const struct setup_site *site, const struct setup_command *c, const char *more)
{
	char *said = xcalloc(1, SAID_MAX), *cause = run(site, c, more, said);

	free(said);
	return cause;
}

void
setup_tool_print(const struct setup_command *c, const char *more, FILE *f)
{
	char *argv[SETUP_ARGS_MAX + 1];

	words_with(c, more, argv);
	for (size_t i = 0; argv[i] != NULL; i++) {
		const char *quote = argv[i][0] == '\0' || strpbrk(argv[i], " ()'\"*$") != NULL ?
		    "'" : "";

		fprintf(f, "%s%s%s%s", i > 0 ? " " : "", quote, argv[i], quote);
	}
	fputc('\n', f);
}
