/*
 * What files say, without a daemon: the configuration and the list, who could
 * change them under us, and whether the clock can be right.
 */
#include "config.h"

#include "doctor/doctor.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <grp.h>
#include <libgen.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "allow/allow.h"
#include "fds.h"
#include "proxy/chain.h"
#include "proxy/tcp.h"
#include "userns.h"
#include "xmalloc.h"

enum {
	LINTS_MAX = 5,		/* rows of warnings about entries */
	ENTRIES_LOOKED = 20000,
	AHEAD_SECONDS = 300,	/* a file's time may be ahead of the clock by so much */
};
/* No clock was right that showed less: 2026-01-01. */
static const time_t earliest = 1767225600;

/* ---- the configuration ---- */

/* NULL or why the daemon could not use it. */
static char *
conf_cause(const char *path)
{
	static struct conf fresh;
	char *cause;

	conf_defaults(&fresh);
	cause = conf_load(&fresh, path);
	if (cause == NULL && geteuid() == 0)
		cause = chain_credentials(&fresh);
	return cause;
}

static void
config_row(json_t *rows, const char *path)
{
	char *cause = conf_cause(path);

	if (cause == NULL)
		doctor_add(rows, "file", DOCTOR_OK, xasprintf("%s is sound", path), NULL);
	else
		doctor_add(rows, "file", DOCTOR_FAIL, cause, access(path, F_OK) == -1 ?
		    "\"gatehouse setup\" makes one" : "mend the line, then \"gatehouse reload\"");
}

static void
accounts_row(json_t *rows, const struct conf *conf)
{
	if (!userns_is_initial())
		return;
	if (getpwnam(conf->user) == NULL)
		doctor_add(rows, "accounts", DOCTOR_FAIL, xasprintf("there is no user %s for the roles "
		    "that face guests", conf->user), "\"gatehouse setup\" makes it");
	else if (getgrnam(conf->group) == NULL)
		doctor_add(rows, "accounts", DOCTOR_WARN, xasprintf("there is no group %s, so only root "
		    "may operate it", conf->group), "\"gatehouse setup\" makes it");
	else
		doctor_add(rows, "accounts", DOCTOR_OK, xasprintf("user %s and group %s are there",
		    conf->user, conf->group), NULL);
}

/* ---- owners and modes ---- */

struct modes {
	json_t	*rows;
	uid_t	 roles;		/* who may own what the engine writes */
	bool	 has_roles;
	bool	 wrong;
	size_t	 looked, unseen;
};

static bool
is_root(uid_t uid)
{
	return uid == 0 || uid == geteuid() || userns_is_outsider(uid);
}

/*
 * Others must not write it, and it must belong to root (or, where that is how it
 * works, to the roles' user). bits: those that are one too many.
 */
static void
mode_look(struct modes *m, const char *path, bool of_roles, mode_t bits)
{
	struct stat st;
	const struct passwd *pw;

	if (stat(path, &st) == -1) {
		m->unseen += errno == EACCES;
		return;
	}
	m->looked++;
	if (!is_root(st.st_uid) && !(of_roles && m->has_roles && st.st_uid == m->roles)) {
		pw = getpwuid(st.st_uid);
		m->wrong = true;
		doctor_add(m->rows, "modes", DOCTOR_FAIL, xasprintf("%s belongs to %s, who can change "
		    "what gatehouse does", path, pw != NULL ? pw->pw_name : "somebody"),
		    "chown it to root");
	} else if ((st.st_mode & bits) != 0) {
		char *todo = xasprintf("chmod %04o %s", (unsigned)(st.st_mode & 07777 & ~bits), path);

		m->wrong = true;
		doctor_add(m->rows, "modes", DOCTOR_FAIL, xasprintf("%s has mode %04o, so that others "
		    "%s it", path, (unsigned)(st.st_mode & 07777),
		    (bits & ~(mode_t)0022) == 0 ? "can change" : "may use"), todo);
		free(todo);
	}
}

static char *
parent(const char *path)
{
	char *copy = xstrdup(path), *dir = xstrdup(dirname(copy));

	free(copy);
	return dir;
}

static void
parent_look(struct modes *m, const char *path, bool of_roles, mode_t bits)
{
	char *dir = parent(path);

	mode_look(m, dir, of_roles, bits);
	free(dir);
}

static bool
same_parent(const char *a, const char *b)
{
	char *one = parent(a), *other = parent(b);
	const bool same = strcmp(one, other) == 0;

	free(one);
	free(other);
	return same;
}

static void
rules_look(struct modes *m, const char *dir)
{
	static const char *const names[] = { "", "/filtered.nft", "/lockdown.nft", "/observe.nft",
		"/filtered.pf", "/lockdown.pf", "/observe.pf" };

	for (size_t i = 0; dir[0] != '\0' && i < sizeof(names) / sizeof(names[0]); i++) {
		char *path = xasprintf("%s%s", dir, names[i]);

		mode_look(m, path, false, 0022);
		free(path);
	}
}

static void
modes_rows(json_t *rows, const struct conf *conf, const char *conf_path)
{
	const struct passwd *pw = getpwnam(conf->user);
	struct modes m = { .rows = rows, .has_roles = pw != NULL, .roles = pw != NULL ? pw->pw_uid : 0 };

	mode_look(&m, conf_path, false, 0022);
	parent_look(&m, conf_path, false, 0002);
	/* The engine saves the list by a new file beside it: its directory is the
	 * roles' group's to write, with the sticky bit. */
	mode_look(&m, conf->allowlist, true, 0022);
	if (!same_parent(conf->allowlist, conf_path))
		parent_look(&m, conf->allowlist, false, 0002);
	for (size_t i = 0; i < 2; i++) {
		rules_look(&m, conf->rules[i]);
		if (conf->presets[i][0] != '\0')
			mode_look(&m, conf->presets[i], false, 0022);
	}
	mode_look(&m, conf->state, false, 0022);
	mode_look(&m, conf->control, true, conf->others_may_watch ? 0 : 0007);
	parent_look(&m, conf->control, true, 0022);
	if (conf->chain_auth_file[0] != '\0')
		mode_look(&m, conf->chain_auth_file, false, 0077);
	if (m.wrong)
		return;
	doctor_add(rows, "modes", m.unseen > 0 ? DOCTOR_SKIP : DOCTOR_OK, m.unseen > 0 ?
	    xstrdup("not every file can be looked at") :
	    xstrdup("nobody but root and the roles can change its files"),
	    m.unseen > 0 ? "run \"gatehouse doctor\" as root" : NULL);
}

/* ---- the allowlist ---- */

static size_t
lint(json_t *rows, const struct allowlist *list)
{
	struct allow_entry e;
	size_t found = 0;

	for (size_t i = 0; i < ENTRIES_LOOKED && allowlist_entry(list, i, &e); i++) {
		char *warning = e.state == ALLOW_OFF ? NULL : allowlist_warning(list, &e), *text;

		if (warning == NULL)
			continue;
		if (found++ < LINTS_MAX) {
			text = allow_entry_text(&e);
			doctor_add(rows, "entries", DOCTOR_WARN, xasprintf("line %u, %s: %s", e.line, text,
			    warning), NULL);
			free(text);
		}
		free(warning);
	}
	return found;
}

/* Does the kernel keep who sent the first packet of a connection? */
static bool
senders_are_kept(void)
{
	const int fd = fds_socket(AF_INET, SOCK_STREAM, 0);
	bool kept = fd != -1 && tcp_keep_sender(fd);

	if (fd != -1)
		close(fd);
	return kept;
}

static void
senders_row(json_t *rows, const struct allowlist *list)
{
	struct allow_entry e;

	for (size_t i = 0; i < ENTRIES_LOOKED && allowlist_entry(list, i, &e); i++) {
		if (e.vm[0] == '\0' || e.state == ALLOW_OFF)
			continue;
		if (!senders_are_kept())
			doctor_add(rows, "senders", DOCTOR_WARN, xasprintf("line %u has vm=, and this kernel "
			    "tells the proxy a guest by its address alone: who takes a guest's address has its "
			    "entries", e.line), "nothing else than Linux 5.10 or later tells more; "
			    "give such guests a bridge of their own");
		return;
	}
}

static void
entries_rows(json_t *rows, const struct conf *conf)
{
	const char *const dirs[] = { conf->presets[0], conf->presets[1] };
	struct presets *presets = presets_new(dirs, sizeof(dirs) / sizeof(dirs[0]));
	char *cause = NULL;
	struct allowlist *list = allowlist_load(conf->allowlist, NULL, &cause);
	size_t found;

	if (list == NULL && access(conf->allowlist, F_OK) == -1 && errno == ENOENT) {
		free(cause);
		doctor_add(rows, "entries", DOCTOR_FAIL, xasprintf("there is no %s: every name is refused",
		    conf->allowlist), "create it; an empty file lists nothing");
	} else if (list == NULL)
		doctor_add(rows, "entries", DOCTOR_FAIL, cause, "what was in force stays so; mend the "
		    "line, it is taken up as it is saved");
	else {
		allowlist_use_presets(list, presets);
		found = lint(rows, list);
		if (found > LINTS_MAX)
			doctor_add(rows, "entries", DOCTOR_WARN, xasprintf("%zu more entries have a "
			    "warning", found - LINTS_MAX), "\"gatehouse entries\" shows them all");
		else if (found == 0)
			doctor_add(rows, "entries", DOCTOR_OK, xasprintf("%zu, none with a warning",
			    allowlist_count(list)), NULL);
		senders_row(rows, list);
	}
	allowlist_free(list);
	presets_free(presets);
}

/* ---- the clock ---- */

/* A file from the future shows that the clock went back, or was wrong before. */
static void
clock_row(json_t *rows, const struct conf *conf, const char *conf_path)
{
	const char *const files[] = { conf_path, conf->allowlist, conf->state };
	const time_t now = time(NULL);
	struct stat st;

	if (now < earliest) {
		doctor_add(rows, "clock", DOCTOR_FAIL, xstrdup("it shows a time that is long over: entries "
		    "with until= would never end"), "set it, by NTP");
		return;
	}
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (stat(files[i], &st) == -1 || st.st_mtime <= now + AHEAD_SECONDS)
			continue;
		doctor_add(rows, "clock", DOCTOR_FAIL, xasprintf("%s was changed in the future: the clock "
		    "is wrong, or was", files[i]), "set it, by NTP; entries with until= go by it");
		return;
	}
	doctor_add(rows, "clock", DOCTOR_OK, xstrdup("it is later than all it has to be later than"), NULL);
}

void
doctor_files(json_t *rows, const struct conf *conf, const char *conf_path)
{
	config_row(rows, conf_path);
	accounts_row(rows, conf);
	modes_rows(rows, conf, conf_path);
	entries_rows(rows, conf);
	clock_row(rows, conf, conf_path);
}
