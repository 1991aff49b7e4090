/* Verbs and roles: what the words after "gatehouse" start. */
#include "config.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "conf.h"
#include "control.h"
#include "daemon.h"
#include "demo.h"
#include "log.h"
#include "role.h"
#include "setup/setup.h"
#include "ui.h"

static int
usage(void)
{
	fprintf(stderr, "usage: gatehouse [-f FILE] [-b | COMMAND [ARG ...]]\n"
	    "       gatehouse --help lists the commands\n");
	return EXIT_USAGE;
}

/* The configuration, or an exit code other than EXIT_DONE. */
static int
load(struct conf *conf, const char *path)
{
	char *cause;

	conf_defaults(conf);
	cause = conf_load(conf, path);
	if (cause == NULL)
		return EXIT_DONE;
	fprintf(stderr, "gatehouse: %s\n", cause);
	free(cause);
	return EXIT_NO;
}

/* The same for who only talks to the daemon: an error in the file must not keep
 * an operator from freezing a guest.  A file that nobody asked for by name may
 * be missing; without one that was named, another daemon might be meant.  quiet: the
 * daemon will say the same. */
static int
load_partly(struct conf *conf, const char *path, bool named, bool quiet)
{
	char *cause = conf_load_partly(conf, path);

	if (cause != NULL && !quiet && (named || access(path, F_OK) == 0))
		fprintf(stderr, "gatehouse: %s\n", cause);
	free(cause);
	return named && conf->unread ? EXIT_USAGE : EXIT_DONE;
}

/* --role NAME -f FILE [-d], as priv executes it (role.h). */
static int
role_verb(int argc, char **argv)
{
	static struct conf conf;
	const bool foreground = argc == 6 && strcmp(argv[5], "-d") == 0;
	int code;

	if ((argc != 5 && !foreground) || strcmp(argv[3], "-f") != 0)
		return usage();
	log_init(argv[2], foreground, LOG_LEVEL_INFO);
	if ((code = load(&conf, argv[4])) != EXIT_DONE)
		return code;
	if (strcmp(argv[2], "engine") == 0)
		return engine_main(&conf);
	if (strcmp(argv[2], "net") == 0)
		return net_main(&conf);
	return usage();
}

/* The console; as tmux does, root's first call starts the daemon. */
static int
console(const struct conf *conf, const char *conf_path)
{
	enum exit_code code;
	char *cause;
	int fd;

	/* Before a daemon is started for it. */
	if (!ui_has_terminal())
		return EXIT_USAGE;
	fd = client_connect(conf->control, &code, &cause);
	if (fd != -1)
		close(fd);
	else {
		free(cause);
		if (code == EXIT_NO_DAEMON && geteuid() == 0 &&
		    daemon_start(conf_path) != EXIT_DONE)
			return EXIT_NO;
	}
	return ui_run(conf);
}

/* Of the terminal that -b writes to; what fits a page where it is none. */
static int
columns(void)
{
	enum { PAGE = 120 };
	struct winsize ws;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == -1 || ws.ws_col == 0)
		return PAGE;
	return ws.ws_col;
}

static bool
is_help(const char *word)
{
	return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

int
main(int argc, char **argv)
{
	static struct conf conf;
	const char *path = conf_default_path();
	bool batch = false, named = strcmp(path, SYSCONFDIR "/gatehouse/gatehouse.conf") != 0;
	int opt, code;

	if (argc > 2 && strcmp(argv[1], "--role") == 0)
		return role_verb(argc, argv);
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		printf("gatehouse %s\n", PACKAGE_VERSION);
		return EXIT_DONE;
	}
	if (argc == 2 && (is_help(argv[1]) || strcmp(argv[1], "help") == 0)) {
		cli_help(stdout);
		return EXIT_DONE;
	}
	/* "+": what follows the verb is the verb's own. */
	while ((opt = getopt(argc, argv, "+bf:")) != -1) {
		if (opt == 'f') {
			path = optarg;
			named = true;
		} else if (opt == 'b')
			batch = true;
		else
			return usage();
	}
	argc -= optind;
	argv += optind;
	if (argc == 2 && is_help(argv[1]) && cli_help_of(stdout, argv[0]))
		return EXIT_DONE;
	if (argc == 2 && strcmp(argv[0], "help") == 0 && cli_help_of(stdout, argv[1]))
		return EXIT_DONE;
	if (argc > 0 && strcmp(argv[0], "daemon") == 0)
		return batch ? usage() : daemon_verb(path, argc, argv);
	if (argc > 0 && strcmp(argv[0], "demo") == 0)
		return batch ? usage() : demo_main(argc, argv);
	if (argc > 0 && (strcmp(argv[0], "setup") == 0 || strcmp(argv[0], "unsetup") == 0))
		return batch ? usage() : setup_main(path, argc, argv);
	if ((code = load_partly(&conf, path, named, argc > 0 && strcmp(argv[0], "reload") == 0)) !=
	    EXIT_DONE)
		return code;
	if (argc > 0)
		return batch ? usage() : cli_main(&conf, argc, argv);
	return batch ? ui_batch(&conf, stdout, columns()) : console(&conf, path);
}
