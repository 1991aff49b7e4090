/*
 * In the background the daemon is a child of the one that was called, which
 * waits for its answer on a pipe: an empty string once the control socket
 * serves and the rules are in force, or the cause why not.  So the exit code
 * of `gatehouse daemon` means what a boot script needs it to mean.
 */
#include "config.h"

#include "daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "allow/allow.h"
#include "conf.h"
#include "control.h"
#include "fds.h"
#include "firewall/firewall.h"
#include "log.h"
#include "proxy/chain.h"
#include "role.h"
#include "xmalloc.h"

enum { ANSWER_MAX = 4096 };

/* Takes the cause over. */
static int
refuse(char *cause)
{
	fprintf(stderr, "gatehouse: %s\n", cause);
	free(cause);
	return EXIT_NO;
}

/* NULL, or what keeps the daemon from taking the allowlist up: then it would start
 * all the same, and refuse every name. */
static char *
allowlist_cause(const struct conf *conf)
{
	const char *const dirs[] = { conf->presets[0], conf->presets[1] };
	struct presets *presets = presets_new(dirs, sizeof(dirs) / sizeof(dirs[0]));
	char *cause = NULL;
	struct allowlist *list = allowlist_load(conf->allowlist, NULL, &cause);
	size_t size;
	int image;

	if (list != NULL) {
		allowlist_use_presets(list, presets);
		image = allow_compile(list, &size, &cause);
		if (image != -1)
			close(image);
	}
	allowlist_free(list);
	presets_free(presets);
	return cause;
}

/* -n: the effective configuration, and whether its rules and its list can be made. */
static int
check(const char *conf_path)
{
	struct conf conf;
	char *cause, *text;

	conf_defaults(&conf);
	cause = conf_load(&conf, conf_path);
	/* Only root is sure to be able to read that file. */
	if (cause == NULL && geteuid() == 0)
		cause = chain_credentials(&conf);
	if (cause != NULL)
		return refuse(cause);
	for (enum profile p = PROFILE_NONE + 1; p < PROFILE_COUNT; p++) {
		text = fw_render(&conf, p, &cause);
		if (text == NULL)
			return refuse(cause);
		free(text);
	}
	cause = allowlist_cause(&conf);
	if (cause != NULL)
		return refuse(cause);
	conf_print(&conf, stdout);
	return EXIT_DONE;
}

static int
not_root(void)
{
	if (geteuid() == 0)
		return EXIT_DONE;
	fprintf(stderr, "gatehouse: the daemon must be started by root, because it loads firewall "
	    "rules (sudo gatehouse daemon); to try it without, run \"gatehouse demo\"\n");
	return EXIT_NOT_PERMITTED;
}

static void __attribute__((noreturn))
background(const char *conf_path, int answer)
{
	struct daemon_options options = { .conf_path = conf_path, .answer_fd = answer };
	int null = open("/dev/null", O_RDWR);

	if (setsid() == -1 || null == -1)
		_exit(1);
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		dup2(null, fd);
	if (null > STDERR_FILENO)
		close(null);
	umask(022);
	log_init("priv", 0, LOG_LEVEL_INFO);
	exit(priv_main(&options));
}

/* Waits for the answer: an exit code. */
static int
await(int fd)
{
	char answer[ANSWER_MAX];
	size_t len = 0;
	ssize_t n;

	while (len < sizeof(answer) - 1 &&
	    (n = read(fd, answer + len, sizeof(answer) - 1 - len)) != 0) {
		if (n == -1 && errno != EINTR)
			break;
		len += n > 0 ? (size_t)n : 0;
	}
	answer[len] = '\0';
	if (len == 0)
		return refuse(xstrdup("the daemon ended while it started; the system's log says more "
		    "(or run \"gatehouse daemon -d\")"));
	return answer[0] == '\0' ? EXIT_DONE : refuse(xstrdup(answer));
}

/* The daemon runs, but its list is as good as empty. */
static void
warn_of_allowlist(const char *conf_path)
{
	struct conf conf;
	char *cause;

	conf_defaults(&conf);
	if ((cause = conf_load(&conf, conf_path)) == NULL &&
	    (cause = allowlist_cause(&conf)) != NULL)
		fprintf(stderr, "gatehouse: %s\ngatehouse: until that is mended every name is "
		    "refused\n", cause);
	free(cause);
}

int
daemon_start(const char *conf_path)
{
	int code = not_root(), fds[2];
	char *path;
	pid_t pid;

	if (code != EXIT_DONE)
		return code;
	/* The background has another working directory. */
	path = realpath(conf_path, NULL);
	if (path == NULL)
		return refuse(xasprintf("%s: %s", conf_path, strerror(errno)));
	if (fds_pipe(fds) == -1 || (pid = fork()) == -1) {
		free(path);
		return refuse(xasprintf("cannot start the daemon: %s", strerror(errno)));
	}
	if (pid == 0) {
		close(fds[0]);
		if (chdir("/") == -1)
			_exit(1);
		background(path, fds[1]);
	}
	close(fds[1]);
	free(path);
	code = await(fds[0]);
	close(fds[0]);
	if (code == EXIT_DONE)
		warn_of_allowlist(conf_path);
	return code;
}

static int
usage(void)
{
	fprintf(stderr, "usage: gatehouse daemon [-dn] [-f FILE]\n");
	return EXIT_USAGE;
}

int
daemon_verb(const char *conf_path, int argc, char **argv)
{
	struct daemon_options options = { .conf_path = conf_path, .foreground = true,
		.answer_fd = -1 };
	bool foreground = false, check_only = false;
	int opt;

	optind = 1;
	opterr = 0;
	while ((opt = getopt(argc, argv, "dnf:")) != -1) {
		switch (opt) {
		case 'd':
			foreground = true;
			break;
		case 'n':
			check_only = true;
			break;
		case 'f':
			options.conf_path = optarg;
			break;
		default:
			fprintf(stderr, "gatehouse: daemon: %s cannot be understood\n", argv[optind - 1]);
			return usage();
		}
	}
	if (optind != argc) {
		fprintf(stderr, "gatehouse: daemon: one word too many: %s\n", argv[optind]);
		return usage();
	}
	if (check_only)
		return check(options.conf_path);
	if (!foreground)
		return daemon_start(options.conf_path);
	if (geteuid() != 0)
		return not_root();
	umask(022);
	log_init("priv", 1, LOG_LEVEL_INFO);
	return priv_main(&options);
}
