/*
 * How a role gives up its privilege for good, in an order that leaves no step
 * which a later one could undo: limits, root directory, the chance to gain
 * capabilities, groups and user, capabilities, system calls.
 *
 * In the lab, and for a user who tries gatehouse, root is the root of an
 * unprivileged user namespace that may hold one id only.  There is no other
 * user to become then, and none is needed: that root has no power outside.
 *
 * What the roles may write is a matter of files' owners: the allowlist's
 * directory is root:_gatehouse, mode 1775, so that the engine can save the
 * allowlist by renaming a new file over its old one, but, because of the
 * sticky bit, cannot replace what root owns beside it (gatehouse.conf, rules/).
 */
#include "config.h"

#include "sandbox.h"

#include <sys/types.h>
#include <sys/resource.h>

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host.h"
#include "privilege.h"
#include "proxy/crew.h"
#include "role.h"
#include "userns.h"
#include "xmalloc.h"

enum { FILES_ALWAYS = 10240 };	/* macOS's OPEN_MAX */

static char *
no_user(const struct conf *conf)
{
	char *how = host_user_how(conf->user);
	char *cause = xasprintf("there is no user \"%s\" for the roles that face guests; create it: "
	    "%s", conf->user, how);

	free(how);
	return cause;
}

char *
sandbox_account(const struct conf *conf, struct account *a)
{
	const struct passwd *pw;

	*a = (struct account){ .change = false, .uid = geteuid(), .gid = getegid() };
	if (geteuid() != 0)
		return NULL;
	errno = 0;
	pw = getpwnam(conf->user);
	if (pw == NULL && !userns_is_initial())
		return NULL;
	if (pw == NULL)
		return no_user(conf);
	if (pw->pw_uid == 0)
		return xasprintf("user \"%s\" is root: the roles that face guests need a user "
		    "without privilege", conf->user);
	if (!userns_has_uid(pw->pw_uid) || !userns_has_gid(pw->pw_gid))
		return NULL;
	*a = (struct account){ .change = true, .uid = pw->pw_uid, .gid = pw->pw_gid };
	return NULL;
}

/* For net also beyond the hard limit, while that may be done, if it is too low for
 * max-connections; what cannot be had is made do without. */
static void
limit_files(const struct conf *conf, enum role role)
{
	struct rlimit files;
	rlim_t wanted, before;

	if (getrlimit(RLIMIT_NOFILE, &files) == -1)
		return;
	wanted = role == ROLE_NET ? (rlim_t)proxy_fds_wanted(conf, crew_size(conf)) : 0;
	if (files.rlim_max < wanted) {
		const struct rlimit more = { wanted, wanted };

		if (setrlimit(RLIMIT_NOFILE, &more) == 0)
			return;
	}
	before = files.rlim_cur;
	files.rlim_cur = files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files) == 0 || before >= FILES_ALWAYS)
		return;
	/* macOS may have no hard limit, but take no number above that of all its files. */
	files.rlim_cur = FILES_ALWAYS;
	setrlimit(RLIMIT_NOFILE, &files);
}

static char *
limits(const struct conf *conf, enum role role)
{
	const struct rlimit none = { 0, 0 };

	/* A core would hold guests' bytes and the operator's list. */
	if (setrlimit(RLIMIT_CORE, &none) == -1)
		return xasprintf("cannot switch core files off: %s", strerror(errno));
	limit_files(conf, role);
	return NULL;
}

static char *
empty_root(const struct conf *conf)
{
	char path[CONF_PATH_SIZE + 8];

	snprintf(path, sizeof(path), "%s/empty", conf->state);
	if (chroot(path) == -1 || chdir("/") == -1)
		return xasprintf("cannot make %s the root directory: %s", path, strerror(errno));
	return NULL;
}

static char *
become(const struct account *a)
{
	if (!a->change)
		return NULL;
	/* Root's setuid() and setgid() set the real and the saved id too. */
	if (setgroups(1, &a->gid) == -1 || setgid(a->gid) == -1 || setuid(a->uid) == -1)
		return xasprintf("cannot become uid %lu: %s", (unsigned long)a->uid, strerror(errno));
	if (setuid(0) == 0 || seteuid(0) == 0)
		return xstrdup("root could be had back after it was given up");
	return NULL;
}

char *
sandbox_enter(const struct conf *conf, enum role role)
{
	struct account account;
	char *cause;

	cause = sandbox_account(conf, &account);
	if (cause == NULL)
		cause = limits(conf, role);
	if (geteuid() == 0) {
		if (cause == NULL && role == ROLE_NET)
			cause = empty_root(conf);
		if (cause == NULL)
			cause = privilege_bound();
		if (cause == NULL)
			cause = become(&account);
	}
	return cause != NULL ? cause : privilege_drop(role == ROLE_NET);
}
