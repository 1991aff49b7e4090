/*
 * One run of libnftables, in a child process: the library may end the process
 * that calls it (netlink_init_error), leaks what failed, and knows no time
 * limit, none of which may happen to priv.  The child also is what can enter
 * a network namespace of its own to try rules without loading them.
 *
 * The child answers on a pipe: one letter, 'o' with the listing or 'e' with
 * the library's error text, up to the end of the stream.
 */
#include "config.h"

#include "firewall/nft.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <nftables/libnftables.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "xmalloc.h"

enum { RUN_SECONDS = 20, READ_STEP = 64 << 10 };

static const char *const our_tables[] = { "table inet gatehouse", "table bridge gatehouse",
	"table inet " NFT_ASIDE, "table bridge " NFT_ASIDE };

/* ---- the child ---- */

static void
say(int fd, const char *text, size_t len)
{
	ssize_t n;

	for (; len > 0; text += n, len -= (size_t)n) {
		n = write(fd, text, len);
		if (n <= 0)
			_exit(1);
	}
}

static void __attribute__((noreturn))
fail(int fd, const char *text)
{
	say(fd, "e", 1);
	say(fd, text, strlen(text));
	_exit(0);
}

static struct nft_ctx *
run_context(int fd)
{
	struct nft_ctx *ctx = nft_ctx_new(NFT_CTX_DEFAULT);

	if (ctx == NULL || nft_ctx_buffer_output(ctx) != 0 || nft_ctx_buffer_error(ctx) != 0)
		fail(fd, "cannot set up libnftables");
	return ctx;
}

static void
run_commands(struct nft_ctx *ctx, int fd, const char *commands)
{
	if (nft_run_cmd_from_buffer(ctx, commands) != 0)
		fail(fd, nft_ctx_get_error_buffer(ctx));
}

/*
 * Loads the commands from a file without a name rather than from a string:
 * only for a file does libnftables say in which line an error is.
 */
static void
run_load(int fd, const char *commands)
{
	struct nft_ctx *ctx = run_context(fd);
	int file = memfd_create("rules", 0);
	size_t len = strlen(commands);

	if (file == -1 || write(file, commands, len) != (ssize_t)len)
		fail(fd, "cannot hand the rules to libnftables: out of memory");
	if (dup2(file, NFT_RUN_FD) == -1)
		fail(fd, "cannot hand the rules to libnftables");
	lseek(NFT_RUN_FD, 0, SEEK_SET);
	if (nft_run_cmd_from_filename(ctx, NFT_RUN_FILE) != 0)
		fail(fd, nft_ctx_get_error_buffer(ctx));
	nft_ctx_free(ctx);
}

/* Whether the list of tables has this line. */
static bool
list_has(const char *tables, const char *line)
{
	const size_t len = strlen(line);

	for (const char *at = tables; (at = strstr(at, line)) != NULL; at += len) {
		if (at[len] == '\n' || at[len] == '\0')
			return true;
	}
	return false;
}

/*
 * Lists those of our tables that are there, each with a context of its own:
 * nft 1.0.6 keeps only what the last command of a batch needs in its cache,
 * and then does not find the tables of the others.
 */
static void
run_list(int fd, unsigned flags)
{
	struct nft_ctx *all = run_context(fd);
	const char *found;
	char command[64];

	run_commands(all, fd, "list tables");
	found = nft_ctx_get_output_buffer(all);
	say(fd, "o", 1);
	for (size_t i = 0; i < sizeof(our_tables) / sizeof(our_tables[0]); i++) {
		const char *text;
		struct nft_ctx *ctx;

		if (!list_has(found, our_tables[i]))
			continue;
		ctx = run_context(fd);
		nft_ctx_output_set_flags(ctx, (flags & NFT_RUN_JSON) != 0 ?
		    NFT_CTX_OUTPUT_JSON : NFT_CTX_OUTPUT_STATELESS);
		snprintf(command, sizeof(command), "list %s", our_tables[i]);
		/* Gone since: as good as not there. */
		if (nft_run_cmd_from_buffer(ctx, command) != 0)
			continue;
		text = nft_ctx_get_output_buffer(ctx);
		say(fd, text, strlen(text));
		say(fd, "\n", 1);
	}
	_exit(0);
}

static void __attribute__((noreturn))
run_child(int fd, const char *commands, unsigned flags)
{
	/* Nothing of priv's outlives it here, least of all its lock: who starts a
	 * daemon right after one was killed would find it still taken. */
	if (fd > STDERR_FILENO + 1)
		close_range(STDERR_FILENO + 1, (unsigned)fd - 1, 0);
	close_range((unsigned)fd + 1, ~0U, 0);
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if ((flags & NFT_RUN_APART) != 0 && unshare(CLONE_NEWNET) == -1)
		fail(fd, "cannot make a network namespace to try the rules in");
	if (commands != NULL)
		run_load(fd, commands);
	if ((flags & NFT_RUN_LIST) != 0)
		run_list(fd, flags);
	say(fd, "o", 1);
	_exit(0);
}

/* ---- the parent ---- */

static int64_t
now_ms(void)
{
	return (int64_t)(now_mono() / 1000);
}

/* Reads to the end of the stream. NULL or a cause. */
static char *
read_answer(int fd, char **text)
{
	const int64_t end = now_ms() + RUN_SECONDS * 1000;
	size_t len = 0, size = READ_STEP;
	char *buf = xmalloc(size + 1), *cause = NULL;
	ssize_t n;

	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int64_t left = end - now_ms();

		if (left <= 0 || poll(&p, 1, (int)left) == 0) {
			cause = xasprintf("libnftables took longer than %d s", RUN_SECONDS);
			break;
		}
		n = read(fd, buf + len, size - len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		len += (size_t)n;
		if (len == size) {
			if (size > FW_TEXT_MAX) {
				cause = xasprintf("the listing is longer than %d KiB", FW_TEXT_MAX >> 10);
				break;
			}
			size *= 2;
			buf = xreallocarray(buf, size + 1, 1);
		}
	}
	buf[len] = '\0';
	if (cause == NULL && len == 0)
		cause = xstrdup("libnftables ended without an answer: is the kernel's nf_tables "
		    "there (modprobe nf_tables), and is this process root?");
	if (cause == NULL && buf[0] == 'e')
		cause = xstrdup(buf[1] != '\0' ? buf + 1 : "libnftables failed and did not say why");
	if (cause == NULL)
		*text = xstrdup(buf + 1);
	free(buf);
	return cause;
}

char *
nft_run(const char *commands, unsigned flags, char **list)
{
	char *cause, *text = NULL;
	int fds[2], status;
	pid_t pid;

	if (list != NULL)
		*list = NULL;
	if (pipe2(fds, O_CLOEXEC) == -1)
		return xasprintf("cannot run libnftables: %s", strerror(errno));
	pid = fork();
	if (pid == -1) {
		cause = xasprintf("cannot run libnftables: %s", strerror(errno));
		close(fds[0]);
		close(fds[1]);
		return cause;
	}
	if (pid == 0) {
		close(fds[0]);
		run_child(fds[1], commands, flags);
	}
	close(fds[1]);
	cause = read_answer(fds[0], &text);
	close(fds[0]);
	if (cause != NULL)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	if (cause == NULL && (!WIFEXITED(status) || WEXITSTATUS(status) != 0))
		cause = xstrdup("libnftables ended in the middle of its answer");
	if (cause == NULL && list != NULL)
		*list = text;
	else
		free(text);
	return cause;
}
