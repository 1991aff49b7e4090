/*
 * One run of a program of the system's: never through a shell, with words and an
 * environment of ours alone, text on its stdin; what it prints is bounded, and so
 * is the time it may take.  Whatever happens, it is dead and waited for when this
 * returns.
 */
#include "config.h"

#include "program.h"

#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fds.h"
#include "gatehouse.h"
#include "xmalloc.h"

enum { READ_STEP = 64 << 10, IN = 0, OUT, ERR, PIPES };

/* Text that grows. */
struct gathered {
	char	*text;
	size_t	 len, size;
};

struct running {
	pid_t		 pid;
	int		 fd[PIPES];	/* our ends, -1: closed */
	const char	*input;
	size_t		 left, most;	/* of the input; that it may print */
	struct gathered	 got[PIPES];
};

static void
close_fd(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

static void __attribute__((noreturn))
child(const char *const argv[], char *const env[], int theirs[PIPES])
{
	sigset_t none;

	/* Above what they become, so that none is overwritten. */
	for (int i = 0; i < PIPES; i++) {
		if ((theirs[i] = fcntl(theirs[i], F_DUPFD, PIPES)) == -1)
			_exit(PROGRAM_NOT_RUN);
	}
	for (int i = 0; i < PIPES; i++) {
		if (dup2(theirs[i], i) == -1)
			_exit(PROGRAM_NOT_RUN);
		close(theirs[i]);
	}
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (chdir("/") == 0)
		execve(argv[0], (char *const *)(uintptr_t)argv, env);
	dprintf(STDERR_FILENO, "%s", strerror(errno));
	_exit(PROGRAM_NOT_RUN);
}

static char *
start(struct running *r, const char *const argv[], char *const env[])
{
	int pipes[PIPES][2] = { { -1, -1 }, { -1, -1 }, { -1, -1 } }, theirs[PIPES];
	char *cause = NULL;

	for (int i = 0; i < PIPES; i++) {
		if (cause == NULL && fds_pipe(pipes[i]) == -1)
			cause = xasprintf("cannot run %s: %s", argv[0], strerror(errno));
	}
	if (cause == NULL && (r->pid = fork()) == -1)
		cause = xasprintf("cannot run %s: %s", argv[0], strerror(errno));
	for (int i = 0; i < PIPES; i++)
		theirs[i] = pipes[i][i == IN ? 0 : 1];
	if (cause == NULL && r->pid == 0)
		child(argv, env, theirs);
	for (int i = 0; i < PIPES; i++) {
		close_fd(&theirs[i]);
		r->fd[i] = pipes[i][i == IN ? 1 : 0];
		if (cause != NULL)
			close_fd(&r->fd[i]);
		else
			fcntl(r->fd[i], F_SETFL, O_NONBLOCK);
	}
	return cause;
}

/* What does not read its input has its reasons, which it prints. */
static void
feed(struct running *r)
{
	ssize_t n = write(r->fd[IN], r->input, r->left);

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		r->input += n;
		r->left -= (size_t)n;
	}
	if (n <= 0 || r->left == 0)
		close_fd(&r->fd[IN]);
}

/* False: that was too much. */
static bool
take(struct running *r, int which)
{
	struct gathered *g = &r->got[which];
	ssize_t n;

	if (g->size - g->len < READ_STEP + 1) {
		g->size = g->len + 2 * READ_STEP;
		g->text = xreallocarray(g->text, g->size, 1);
	}
	n = read(r->fd[which], g->text + g->len, READ_STEP);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n <= 0)
		close_fd(&r->fd[which]);
	else
		g->len += (size_t)n;
	return r->got[OUT].len + r->got[ERR].len <= r->most;
}

static int
left_ms(uint64_t end)
{
	const uint64_t now = now_mono();

	return now >= end ? 0 : (int)((end - now) / 1000) + 1;
}

static char *
too_late(const char *program)
{
	return xasprintf("%s took too long and was killed", program);
}

/* Until it has closed both. NULL or a cause. */
static char *
talk(struct running *r, const char *program, uint64_t end)
{
	while (r->fd[OUT] != -1 || r->fd[ERR] != -1) {
		struct pollfd p[PIPES];
		int n;

		for (int i = 0; i < PIPES; i++)
			p[i] = (struct pollfd){ .fd = r->fd[i],
				.events = i == IN ? POLLOUT : POLLIN };
		n = poll(p, PIPES, left_ms(end));
		if (n == 0 && left_ms(end) == 0)
			return too_late(program);
		if (n <= 0)
			continue;
		if (p[IN].revents != 0)
			feed(r);
		for (int i = OUT; i <= ERR; i++) {
			if (p[i].revents != 0 && !take(r, i))
				return xasprintf("%s printed more than %zu KiB and was killed",
				    program, r->most >> 10);
		}
	}
	return NULL;
}

/* Its outputs are closed, which is not yet its end. */
static char *
await(pid_t pid, const char *program, uint64_t end, int *status)
{
	const struct timespec moment = { .tv_nsec = 1000000 };
	pid_t got;

	while ((got = waitpid(pid, status, WNOHANG)) == 0 || (got == -1 && errno == EINTR)) {
		if (left_ms(end) == 0)
			return too_late(program);
		nanosleep(&moment, NULL);
	}
	return got == -1 ? xasprintf("%s: %s", program, strerror(errno)) : NULL;
}

static char *
text_of(struct gathered *g)
{
	if (g->text == NULL)
		return xstrdup("");
	g->text[g->len] = '\0';
	/* A NUL would hide what comes after it. */
	for (size_t i = 0; i < g->len; i++) {
		if (g->text[i] == '\0')
			g->text[i] = '?';
	}
	return g->text;
}

char *
program_run_most(const char *const argv[], char *const env[], const char *input,
    unsigned seconds, size_t most, struct program_said *result)
{
	const uint64_t end = now_mono() + seconds * 1000000ull;
	struct running r = { .fd = { -1, -1, -1 }, .input = input, .most = most };
	char *cause;
	int status;

	memset(result, 0, sizeof(*result));
	cause = start(&r, argv, env);
	if (cause != NULL)
		return cause;
	r.left = input != NULL ? strlen(input) : 0;
	if (r.left == 0)
		close_fd(&r.fd[IN]);
	if ((cause = talk(&r, argv[0], end)) == NULL)
		cause = await(r.pid, argv[0], end, &status);
	if (cause != NULL) {
		kill(r.pid, SIGKILL);
		while (waitpid(r.pid, &status, 0) == -1 && errno == EINTR)
			;
	} else if (WIFSIGNALED(status))
		cause = xasprintf("%s ended by signal %d", argv[0], WTERMSIG(status));
	for (int i = 0; i < PIPES; i++)
		close_fd(&r.fd[i]);
	if (cause == NULL) {
		result->code = WEXITSTATUS(status);
		result->out = text_of(&r.got[OUT]);
		result->err = text_of(&r.got[ERR]);
	} else {
		free(r.got[OUT].text);
		free(r.got[ERR].text);
	}
	return cause;
}

char *
program_run(const char *const argv[], char *const env[], const char *input, unsigned seconds,
    struct program_said *result)
{
	return program_run_most(argv, env, input, seconds, PROGRAM_TEXT_MAX, result);
}

void
program_said_free(struct program_said *r)
{
	free(r->out);
	free(r->err);
	r->out = r->err = NULL;
}
