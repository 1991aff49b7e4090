/*
 * The verbs setup and unsetup: a plan for this system (or for another one, to be
 * shown or put under --root), walked forward or back.
 */
#include "config.h"

#include "setup/setup.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control.h"
#include "firewall/firewall.h"
#include "xmalloc.h"

/* macOS keeps numbers up to 500 for the system's accounts. */
enum { FREE_ID_FIRST = 300, FREE_ID_LAST = 498 };

static const struct {
	const char	*name;
	setup_plan_fn	 plan;
} systems[] = {
	{ "linux", setup_linux }, { "freebsd", setup_freebsd }, { "darwin", setup_darwin },
};

static const char *const kind_words[SETUP_KINDS] = {
	[SETUP_GROUP] = "group", [SETUP_USER] = "user", [SETUP_DIR] = "directory",
	[SETUP_FILE] = "file", [SETUP_HOOK] = "hook in", [SETUP_RUN] = "step",
};

/* ---- telling ---- */

static void
print_text(const char *text, FILE *f)
{
	for (const char *line = text; *line != '\0';) {
		const size_t len = strcspn(line, "\n");

		fprintf(f, "        | %.*s\n", (int)len, line);
		line += len + (line[len] == '\n');
	}
}

static void
print_commands(const struct setup_command *c, FILE *f)
{
	for (size_t i = 0; i < SETUP_COMMANDS_MAX && c[i].argv[0] != NULL; i++) {
		fprintf(f, "        $ ");
		setup_tool_print(&c[i], NULL, f);
	}
}

static void
print_step(const char *word, const struct setup_step *s, const char *why, FILE *f)
{
	fprintf(f, "%-7s %s %s", word, kind_words[s->kind], s->name);
	if (s->kind == SETUP_DIR || s->kind == SETUP_FILE)
		fprintf(f, ", %s:%s %04o", s->owner, s->group, (unsigned)s->mode);
	if (s->kind == SETUP_RUN && s->text != NULL)
		fprintf(f, ": %s", s->text);
	fprintf(f, "%s%s\n", why != NULL ? ": " : "", why != NULL ? why : "");
}

/* All that doing it would run and write. */
static void
print_doing(const struct setup_step *s, const struct setup_site *site, FILE *f)
{
	char *path = setup_path(site, s->name), *old, *text, *cause = NULL;

	if (s->kind == SETUP_FILE)
		print_text(s->text, f);
	else if (s->kind == SETUP_HOOK) {
		old = setup_read(path);
		text = setup_hooked(site, old != NULL ? old : "", &cause);
		print_text(text != NULL ? text : cause, f);
		fprintf(f, "        $ ");
		setup_tool_print(&s->check, "FILE.gatehouse-try", f);
		if (site->now) {
			fprintf(f, "        $ ");
			setup_tool_print(&s->load, path, f);
		}
		free(cause);
		free(text);
		free(old);
	} else
		print_commands(s->make, f);
	free(path);
}

/* ---- walking ---- */

char *
setup_walk(const struct setup_plan *p, const struct setup_site *site, bool dry, FILE *f)
{
	struct setup_record record;
	char *cause = setup_record_load(&record, site);
	const char *why;

	for (size_t i = 0; i < p->n && cause == NULL; i++) {
		const struct setup_step *s = &p->step[i];
		enum setup_state state = setup_step_look(s, site, &record, &why);

		if (state != SETUP_TODO) {
			print_step(state == SETUP_THERE ? "there" : "keep", s, why, f);
			continue;
		}
		if (dry) {
			print_step("would", s, NULL, f);
			print_doing(s, site, f);
			continue;
		}
		cause = setup_step_do(s, site, &record);
		if (cause == NULL)
			cause = setup_record_save(&record, site);
		if (cause == NULL)
			print_step("done", s, NULL, f);
	}
	setup_record_free(&record);
	if (cause == NULL && p->next != NULL)
		fprintf(f, "\n%s", p->next);
	return cause;
}

static void
print_undoing(const struct setup_step *s, FILE *f)
{
	print_step("would", s, s->kind == SETUP_HOOK ? "take our lines out" : "undo", f);
	print_commands(s->drop, f);
}

static bool
plan_has(const struct setup_plan *p, const struct setup_done *d)
{
	for (size_t i = 0; i < p->n; i++) {
		if (strcmp(p->step[i].name, d->name) != 0)
			continue;
		/* A file that there was not before its hook is the hook's to undo. */
		if (p->step[i].kind == d->kind ||
		    (p->step[i].kind == SETUP_HOOK && d->kind == SETUP_FILE))
			return true;
	}
	return false;
}

/* A daemon holds a lock on its pid file in the state directory, the first step's. */
static bool
daemon_runs(const struct setup_plan *p, const struct setup_site *site)
{
	char *path = xasprintf("%s%s/pid", site->root, p->step[0].name);
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	const bool held = fd != -1 && flock(fd, LOCK_EX | LOCK_NB) == -1 && errno == EWOULDBLOCK;

	if (fd != -1)
		close(fd);
	free(path);
	return held;
}

/* Goes on after what cannot be undone, so that as little as may be stays. */
char *
setup_unwalk(const struct setup_plan *p, const struct setup_site *site, bool dry, FILE *f)
{
	struct setup_record record;
	char *cause = setup_record_load(&record, site), *failed;
	const char *why;
	const bool nothing = cause == NULL && record.n == 0;

	if (nothing)
		fprintf(f, "setup has done nothing here that could be undone\n");
	/* What the configuration names otherwise now stays, and so does the record of it. */
	for (size_t i = 0; i < record.n; i++) {
		const struct setup_done *d = &record.done[i];

		if (plan_has(p, d))
			continue;
		fprintf(f, "keep    %s %s (the configuration does not name it any more)\n",
		    kind_words[d->kind], d->name);
		if (cause == NULL)
			cause = xasprintf("not all is undone; have %s say again what it said when setup ran, "
			    "and run \"gatehouse unsetup\" again", site->conf_path);
	}
	for (size_t i = p->n; i-- > 0 && record.n > 0;) {
		const struct setup_step *s = &p->step[i];

		if (setup_record_find(&record, s->kind, s->name) == NULL)
			continue;
		/* The first step holds the record of what is still to be undone. */
		if (i == 0 && cause != NULL)
			break;
		if (dry) {
			print_undoing(s, f);
			continue;
		}
		/* Its account could not go, and half of the rest would have gone. */
		if ((s->kind == SETUP_USER || s->kind == SETUP_GROUP) && daemon_runs(p, site)) {
			free(cause);
			cause = xstrdup("a daemon runs still, which no service started: \"gatehouse "
			    "shutdown\" ends it (its rules stay); then run \"gatehouse unsetup\" again");
			break;
		}
		failed = setup_step_undo(s, site, &record, &why);
		print_step(failed != NULL ? "FAILED" : why != NULL ? "keep" : "undone", s,
		    failed != NULL ? failed : why, f);
		if (cause == NULL && failed != NULL)
			cause = xstrdup("not all was undone; mend what is said above and run "
			    "\"gatehouse unsetup\" again");
		free(failed);
		if (i > 0 && (failed = setup_record_save(&record, site)) != NULL) {
			free(cause);
			cause = failed;
			break;
		}
	}
	setup_record_free(&record);
	if (cause == NULL && p->next != NULL && !nothing)
		fprintf(f, "\n%s", p->next);
	return cause;
}

/* ---- the verb ---- */

struct words {
	const char	*root, *system;
	bool		 dry, now;
};

static int
usage(bool undo)
{
	fprintf(stderr, undo ? "usage: gatehouse unsetup [--dry-run] [--root DIR]\n" :
	    "usage: gatehouse setup [--dry-run] [--now] [--root DIR] [--system NAME]\n");
	return EXIT_USAGE;
}

static bool
words_parse(int argc, char **argv, bool undo, struct words *w)
{
	static const struct option options[] = {
		{ "dry-run", no_argument, NULL, 'n' }, { "now", no_argument, NULL, 's' },
		{ "root", required_argument, NULL, 'r' }, { "system", required_argument, NULL, 'o' },
		{ NULL, 0, NULL, 0 },
	};
	int opt;

	*w = (struct words){ .root = "", .system = GATEHOUSE_PLATFORM };
	optind = 1;
	opterr = 0;
	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt == 'n')
			w->dry = true;
		else if (opt == 's' && !undo)
			w->now = true;
		else if (opt == 'r')
			w->root = optarg;
		else if (opt == 'o')
			w->system = optarg;
		else {
			fprintf(stderr, "gatehouse: %s: %s cannot be understood\n", argv[0],
			    argv[optind - 1]);
			return false;
		}
	}
	if (optind != argc)
		fprintf(stderr, "gatehouse: %s: one word too many: %s\n", argv[0], argv[optind]);
	return optind == argc;
}

/* A number for the roles' user and group, the next one for the operators' group. */
static uint32_t
free_id(void)
{
	for (uint32_t id = FREE_ID_LAST; id > FREE_ID_FIRST; id -= 2) {
		if (getpwuid(id) == NULL && getgrgid(id) == NULL && getgrgid(id + 1) == NULL)
			return id;
	}
	return FREE_ID_FIRST;
}

static bool
has_systemd(const char *root)
{
	const char *const places[] = { "/usr/lib/systemd/systemd", "/lib/systemd/systemd" };
	bool found = root[0] == '\0' && access("/run/systemd/system", F_OK) == 0;

	for (size_t i = 0; root[0] != '\0' && i < sizeof(places) / sizeof(places[0]); i++) {
		char *path = xasprintf("%s%s", root, places[i]);

		found = found || access(path, F_OK) == 0;
		free(path);
	}
	return found;
}

static setup_plan_fn
system_named(const char *name)
{
	for (size_t i = 0; i < sizeof(systems) / sizeof(systems[0]); i++) {
		if (strcmp(systems[i].name, name) == 0)
			return systems[i].plan;
	}
	return NULL;
}

/* NULL if it can be done, else why not; the code is for that. */
static char *
words_check(const struct words *w, const char *verb, int *code)
{
	const bool here = strcmp(w->system, GATEHOUSE_PLATFORM) == 0;
	struct stat st;

	*code = EXIT_USAGE;
	if (system_named(w->system) == NULL)
		return xasprintf("%s: there is no system %s; there is: linux, freebsd, darwin", verb,
		    w->system);
	if (!here && !w->dry)
		return xasprintf("%s: this is no %s: only --dry-run can say what would be done there",
		    verb, w->system);
	if (w->root[0] != '\0' && (w->root[0] != '/' || stat(w->root, &st) == -1 ||
	    !S_ISDIR(st.st_mode)))
		return xasprintf("%s: --root %s: give the absolute path of a directory", verb, w->root);
	if (w->root[0] != '\0' && strcmp(w->system, "darwin") == 0)
		return xasprintf("%s: macOS keeps its accounts in the running system, so that --root "
		    "cannot be used", verb);
	*code = EXIT_NOT_PERMITTED;
	if (!w->dry && geteuid() != 0)
		return xasprintf("%s: only root may; \"gatehouse %s --dry-run\" shows what it would "
		    "do", verb, verb);
	return NULL;
}

/* The configuration there, if there is one; a service that cannot start is no help. */
static char *
site_conf(struct conf *conf, const struct setup_site *site)
{
	char *path = xasprintf("%s%s", site->root, site->conf_path), *cause = NULL;

	conf_defaults(conf);
	if (site->undo)
		free(conf_load_partly(conf, path));
	else if (access(path, F_OK) == 0)
		cause = conf_load(conf, path);
	free(path);
	return cause;
}

int
setup_main(const char *conf_path, int argc, char **argv)
{
	static struct conf conf;
	const bool undo = strcmp(argv[0], "unsetup") == 0;
	struct setup_site site = { .exe = BINDIR "/gatehouse", .conf_path = conf_path, .conf = &conf,
		.undo = undo };
	static struct setup_plan plan;
	struct words w;
	char *cause;
	int code;

	if (!words_parse(argc, argv, undo, &w))
		return usage(undo);
	cause = words_check(&w, argv[0], &code);
	if (cause == NULL) {
		code = EXIT_NO;
		site.root = strcmp(w.root, "/") == 0 ? "" : w.root;
		site.now = w.now;
		site.free_id = free_id();
		site.systemd = undo || strcmp(w.system, GATEHOUSE_PLATFORM) != 0 ||
		    has_systemd(site.root);
		cause = site_conf(&conf, &site);
	}
	/* Before the rules that would do it are so much as hooked. */
	if (cause == NULL && site.now && site.root[0] == '\0' &&
	    strcmp(w.system, GATEHOUSE_PLATFORM) == 0)
		cause = fw_cuts_others(&conf.bridges);
	if (cause == NULL)
		cause = system_named(w.system)(&plan, &site);
	if (cause == NULL)
		cause = (undo ? setup_unwalk : setup_walk)(&plan, &site, w.dry, stdout);
	setup_plan_free(&plan);
	if (cause == NULL)
		return EXIT_DONE;
	fflush(stdout);
	fprintf(stderr, "gatehouse: %s\n", cause);
	free(cause);
	return code;
}
