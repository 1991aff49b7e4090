/*
 * One step.  It is looked at before it is done, so that setup can be run as
 * often as one likes; it is recorded as it is done, so that unsetup takes back
 * no more than that.
 */
#include "config.h"

#include "setup/setup.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "firewall/pf.h"
#include "text.h"
#include "xmalloc.h"

static const char backup_suffix[] = ".before-gatehouse";

char *
setup_path(const struct setup_site *site, const char *path)
{
	return xasprintf("%s%s", site->root, path);
}

char *
setup_read(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	char *text;
	size_t len = 0;
	ssize_t n = 0;
	int saved;

	if (fd == -1)
		return NULL;
	text = xmalloc(SETUP_FILE_MAX + 1);
	while (len < SETUP_FILE_MAX && (n = read(fd, text + len, SETUP_FILE_MAX - len)) > 0)
		len += (size_t)n;
	saved = errno;
	close(fd);
	text[len] = '\0';
	if (n >= 0 && len < SETUP_FILE_MAX && strlen(text) == len)
		return text;
	free(text);
	errno = n < 0 ? saved : EFBIG;
	return NULL;
}

/* A plan with a hook in it is FreeBSD's: macOS's own pf.conf has them. */
char *
setup_hooked(const struct setup_site *site, const char *text, char **cause)
{
	return setup_hook_add(text, pf_host_freebsd.hook, site->conf->egress.n > 0, cause);
}

/* ---- accounts ---- */

/* "name:x:ID:..." of a root that is not the running system's. */
static bool
account_in(const char *text, const char *name, uint32_t *id)
{
	const size_t len = strlen(name);
	const char *field;
	char number[16];
	uint64_t n;

	for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
		line += line[0] == '\n';
		if (strncmp(line, name, len) != 0 || line[len] != ':')
			continue;
		if ((field = strchr(line + len + 1, ':')) == NULL)
			return false;
		n = strcspn(++field, ":\n");
		if (n >= sizeof(number))
			return false;
		memcpy(number, field, n);
		number[n] = '\0';
		if (!text_number(number, 0, UINT32_MAX, &n, &(const char *){ NULL }))
			return false;
		*id = (uint32_t)n;
		return true;
	}
	return false;
}

bool
setup_account(const struct setup_site *site, enum setup_kind kind, const char *name, uint32_t *id)
{
	const struct passwd *pw;
	const struct group *gr;
	char *path, *text;
	bool found;

	*id = 0;
	if (site->root[0] == '\0') {
		pw = kind == SETUP_USER ? getpwnam(name) : NULL;
		gr = kind == SETUP_GROUP ? getgrnam(name) : NULL;
		*id = pw != NULL ? pw->pw_uid : gr != NULL ? gr->gr_gid : 0;
		return pw != NULL || gr != NULL;
	}
	path = setup_path(site, kind == SETUP_USER ? "/etc/passwd" : "/etc/group");
	text = setup_read(path);
	found = text != NULL && account_in(text, name, id);
	free(text);
	free(path);
	return found;
}

/* NULL or a cause. A group "root" is whichever has the number 0. */
static char *
ids_of(const struct setup_step *s, const struct setup_site *site, uid_t *uid, gid_t *gid)
{
	uint32_t id = 0;

	*uid = 0;
	*gid = 0;
	if (strcmp(s->owner, "root") != 0) {
		if (!setup_account(site, SETUP_USER, s->owner, &id))
			return xasprintf("there is no user %s to give %s to", s->owner, s->name);
		*uid = id;
	}
	if (strcmp(s->group, "root") != 0 && strcmp(s->group, "wheel") != 0) {
		if (!setup_account(site, SETUP_GROUP, s->group, &id))
			return xasprintf("there is no group %s to give %s to", s->group, s->name);
		*gid = id;
	}
	return NULL;
}

/* ---- looking ---- */

static enum setup_state
look_dir(const struct setup_step *s, const struct setup_site *site, const char *path,
    const char **why)
{
	struct stat st;
	uid_t uid;
	gid_t gid;
	char *cause;

	if (lstat(path, &st) == -1)
		return SETUP_TODO;
	if (!S_ISDIR(st.st_mode)) {
		*why = "is no directory";
		return SETUP_KEPT;
	}
	cause = ids_of(s, site, &uid, &gid);
	if (cause == NULL && (st.st_mode & 07777) == s->mode && st.st_uid == uid && st.st_gid == gid)
		return SETUP_THERE;
	free(cause);
	return SETUP_TODO;
}

/* A file is written anew only if it is as we wrote it. */
static enum setup_state
look_file(const struct setup_step *s, const char *path, struct setup_record *r, const char **why)
{
	const struct setup_done *d = setup_record_find(r, SETUP_FILE, s->name);
	struct stat st;
	char *text;
	bool same, ours;

	if (lstat(path, &st) == -1 && errno == ENOENT)
		return SETUP_TODO;
	if ((text = setup_read(path)) == NULL) {
		*why = "is not a file that can be read";
		return SETUP_KEPT;
	}
	same = s->text != NULL && strcmp(text, s->text) == 0;
	ours = d != NULL && d->hash == setup_hash(text);
	free(text);
	if (same)
		return SETUP_THERE;
	if (ours)
		return SETUP_TODO;
	*why = d != NULL ? "was edited since setup wrote it" : "was there before, and stays as it is";
	return SETUP_KEPT;
}

static enum setup_state
look_hook(const struct setup_site *site, const char *path)
{
	char *text = setup_read(path), *cause = NULL;
	char *want = text != NULL ? setup_hooked(site, text, &cause) : NULL;
	bool there = want != NULL && strcmp(want, text) == 0;

	free(cause);
	free(want);
	free(text);
	return there ? SETUP_THERE : SETUP_TODO;
}

enum setup_state
setup_step_look(const struct setup_step *s, const struct setup_site *site, struct setup_record *r,
    const char **why)
{
	char *path = setup_path(site, s->name), *cause;
	enum setup_state state = SETUP_TODO;
	uint32_t id;

	*why = NULL;
	if (s->kind == SETUP_GROUP || s->kind == SETUP_USER)
		state = setup_account(site, s->kind, s->name, &id) ? SETUP_THERE : SETUP_TODO;
	else if (s->kind == SETUP_DIR)
		state = look_dir(s, site, path, why);
	else if (s->kind == SETUP_FILE)
		state = look_file(s, path, r, why);
	else if (s->kind == SETUP_HOOK)
		state = look_hook(site, path);
	else if (s->make[0].argv[0] == NULL)	/* something to remember for unsetup */
		state = setup_record_find(r, s->kind, s->name) != NULL ? SETUP_THERE : SETUP_TODO;
	else if (s->is.argv[0] != NULL && (cause = setup_tool(site, &s->is, NULL)) == NULL)
		state = SETUP_THERE;
	else if (s->is.argv[0] != NULL)
		free(cause);
	free(path);
	return state;
}

/* ---- doing ---- */

static char *
run_all(const struct setup_site *site, const struct setup_command *c)
{
	char *cause = NULL;

	for (size_t i = 0; i < SETUP_COMMANDS_MAX && c[i].argv[0] != NULL && cause == NULL; i++)
		cause = setup_tool(site, &c[i], NULL);
	return cause;
}

/* mkdir -p of what is above it: such directories are the system's, and stay. */
static void
parents_make(const char *path)
{
	char *copy = xstrdup(path);

	for (char *p = strchr(copy + 1, '/'); p != NULL; p = strchr(p + 1, '/')) {
		*p = '\0';
		(void)!mkdir(copy, 0755);
		*p = '/';
	}
	free(copy);
}

static char *
do_dir(const struct setup_step *s, const struct setup_site *site, const char *path,
    struct setup_record *r)
{
	struct setup_done *d = setup_record_find(r, SETUP_DIR, s->name);
	struct stat st;
	uid_t uid;
	gid_t gid;
	char *cause = ids_of(s, site, &uid, &gid);
	bool made = false;
	int fd;

	if (cause != NULL)
		return cause;
	parents_make(path);
	if (mkdir(path, 0700) == 0)
		made = true;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1 || fstat(fd, &st) == -1 || fchown(fd, uid, gid) == -1 ||
	    fchmod(fd, s->mode) == -1)
		cause = xasprintf("%s: %s", path, strerror(errno));
	if (fd != -1)
		close(fd);
	/* As it was at the first time counts. */
	if (cause == NULL && (d == NULL || made)) {
		d = setup_record_add(r, SETUP_DIR, s->name);
		d->made = made;
		d->mode = st.st_mode & 07777;
		d->uid = st.st_uid;
		d->gid = st.st_gid;
	}
	return cause;
}

/* A new file beside it, then its name: whoever reads it sees the old or the new. */
static char *
write_file(const char *path, const char *text, mode_t mode, uid_t uid, gid_t gid)
{
	char *temp = xasprintf("%s.gatehouse-new", path), *cause = NULL;
	const size_t len = strlen(text);
	int fd;

	unlink(temp);
	fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1 || write(fd, text, len) != (ssize_t)len || fchown(fd, uid, gid) == -1 ||
	    fchmod(fd, mode) == -1 || fsync(fd) == -1 || rename(temp, path) == -1) {
		cause = xasprintf("%s: cannot be written: %s", path, strerror(errno));
		unlink(temp);
	}
	if (fd != -1)
		close(fd);
	free(temp);
	return cause;
}

static char *
do_file(const struct setup_step *s, const struct setup_site *site, const char *path,
    struct setup_record *r)
{
	uid_t uid;
	gid_t gid;
	char *cause = ids_of(s, site, &uid, &gid);

	if (cause != NULL)
		return cause;
	parents_make(path);
	if ((cause = write_file(path, s->text, s->mode, uid, gid)) == NULL)
		setup_record_add(r, SETUP_FILE, s->name)->hash = setup_hash(s->text);
	return cause;
}

/* ---- the hook ---- */

/* Checks the new text as a file beside the old one, then puts it in its place. */
static char *
replace_checked(const struct setup_step *s, const struct setup_site *site, const char *path,
    const char *text, const struct stat *st)
{
	char *try = xasprintf("%s.gatehouse-try", path), *cause, *why;

	cause = write_file(try, text, 0600, st->st_uid, st->st_gid);
	if (cause == NULL && s->check.argv[0] != NULL &&
	    (why = setup_tool(site, &s->check, try)) != NULL) {
		cause = xasprintf("%s was not changed: with gatehouse's lines in it, it would not "
		    "load: %s", path, why);
		free(why);
	}
	unlink(try);
	free(try);
	return cause != NULL ? cause :
	    write_file(path, text, st->st_mode & 07777, st->st_uid, st->st_gid);
}

/* Puts what was there before back if the new file cannot be taken up. */
static char *
load_or_restore(const struct setup_step *s, const struct setup_site *site, const char *path,
    const char *old, const struct stat *st)
{
	char *why, *cause;

	if (!site->now || s->load.argv[0] == NULL || (why = setup_tool(site, &s->load, path)) == NULL)
		return NULL;
	cause = old != NULL ? write_file(path, old, st->st_mode & 07777, st->st_uid, st->st_gid) : NULL;
	if (old == NULL)
		unlink(path);
	else if (cause == NULL)
		cause = setup_tool(site, &s->load, path);
	if (cause == NULL)
		cause = xasprintf("%s is as it was: with gatehouse's lines it did not load: %s", path,
		    why);
	free(why);
	return cause;
}

static char *
do_hook(const struct setup_step *s, const struct setup_site *site, const char *path,
    struct setup_record *r)
{
	char *old = setup_read(path), *backup = xasprintf("%s%s", path, backup_suffix);
	struct stat st = { .st_mode = 0644 };
	char *cause = NULL, *text = NULL, *why = NULL;

	if (old == NULL && errno != ENOENT)
		cause = xasprintf("%s: %s", path, strerror(errno));
	else if ((text = setup_hooked(site, old != NULL ? old : "", &why)) == NULL)
		cause = xasprintf("%s: %s", path, why);
	if (cause == NULL && old != NULL && lstat(path, &st) == 0 && access(backup, F_OK) == -1)
		cause = write_file(backup, old, 0600, st.st_uid, st.st_gid);
	if (cause == NULL)
		cause = replace_checked(s, site, path, text, &st);
	if (cause == NULL)
		cause = load_or_restore(s, site, path, old, &st);
	if (cause == NULL) {
		setup_record_add(r, SETUP_HOOK, s->name);
		if (old == NULL)
			setup_record_add(r, SETUP_FILE, s->name)->hash = setup_hash("");
	} else if (setup_record_find(r, SETUP_HOOK, s->name) == NULL)
		unlink(backup);
	free(why);
	free(text);
	free(old);
	free(backup);
	return cause;
}

char *
setup_step_do(const struct setup_step *s, const struct setup_site *site, struct setup_record *r)
{
	char *path = setup_path(site, s->name), *cause;

	switch (s->kind) {
	case SETUP_DIR:
		cause = do_dir(s, site, path, r);
		break;
	case SETUP_FILE:
		cause = do_file(s, site, path, r);
		break;
	case SETUP_HOOK:
		cause = do_hook(s, site, path, r);
		break;
	default:
		cause = run_all(site, s->make);
		if (cause == NULL && !s->start)
			setup_record_add(r, s->kind, s->name);
		break;
	}
	free(path);
	return cause;
}

/* ---- undoing ---- */

/* What the daemon keeps in its state directory is not worth more than that is. */
static void
state_empty(const char *dir)
{
	static const char *const files[] = { "state", "state.new", "pins", "pins.new",
		"managers", "managers.new", "pid", "pf", "pf.new", "failed", "failed.new", "setup" };
	char *path;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		path = xasprintf("%s/%s", dir, files[i]);
		unlink(path);
		free(path);
	}
	path = xasprintf("%s/empty", dir);
	rmdir(path);
	free(path);
}

/* The daemon gave the allowlist to a user that is about to go. */
static void
allowlist_back(const struct setup_site *site, const struct setup_step *dir,
    const struct setup_done *d)
{
	char *path = setup_path(site, site->conf->allowlist);
	const size_t len = strlen(dir->name);
	struct stat st;
	uint32_t uid;

	if (strncmp(site->conf->allowlist, dir->name, len) == 0 &&
	    site->conf->allowlist[len] == '/' &&
	    setup_account(site, SETUP_USER, site->conf->user, &uid) && lstat(path, &st) == 0 &&
	    st.st_uid == uid)
		(void)!lchown(path, d->uid, (gid_t)-1);
	free(path);
}

static char *
undo_dir(const struct setup_site *site, const struct setup_step *s, const char *path,
    const struct setup_done *d, const char **why)
{
	if (!d->made) {
		allowlist_back(site, s, d);
		if (chown(path, d->uid, d->gid) == -1 || chmod(path, d->mode) == -1)
			return xasprintf("%s: cannot be given back: %s", path, strerror(errno));
		return NULL;
	}
	if (strcmp(s->name, site->conf->state) == 0)
		state_empty(path);
	if (rmdir(path) == -1 && errno != ENOENT)
		*why = errno == ENOTEMPTY || errno == EEXIST ? "is not empty" : strerror(errno);
	return NULL;
}

static char *
undo_file(const char *path, const struct setup_done *d, const char **why)
{
	char *text = setup_read(path);

	if (text == NULL && errno == ENOENT)
		return NULL;
	if (text == NULL || setup_hash(text) != d->hash)
		*why = "was edited since setup wrote it";
	free(text);
	if (*why == NULL && unlink(path) == -1)
		return xasprintf("%s: cannot be removed: %s", path, strerror(errno));
	return NULL;
}

/* The text without our hooks: what was there before, byte for byte, where nobody
 * has touched it since. */
static char *
unhooked(const struct setup_site *site, const char *text, const char *backup, char **cause)
{
	char *before = setup_read(backup), *why = NULL;
	char *then = before != NULL ? setup_hooked(site, before, &why) : NULL;
	bool same = then != NULL && strcmp(then, text) == 0;

	free(then);
	free(why);
	if (same)
		return before;
	free(before);
	return setup_hook_remove(text, cause);
}

static char *
undo_hook(const struct setup_step *s, const struct setup_site *site, const char *path,
    struct setup_record *r)
{
	char *old = setup_read(path), *text, *cause = NULL, *broken = NULL;
	char *backup = xasprintf("%s%s", path, backup_suffix);
	struct setup_done *made = setup_record_find(r, SETUP_FILE, s->name);
	struct stat st = { .st_mode = 0644 };

	text = old != NULL ? unhooked(site, old, backup, &broken) : NULL;
	if (old == NULL && errno != ENOENT)
		cause = xasprintf("%s: %s", path, strerror(errno));
	else if (old != NULL && text == NULL)
		cause = xasprintf("%s: %s", path, broken);
	else if (text != NULL && made != NULL && text[0] == '\0') {
		if (unlink(path) == -1)
			cause = xasprintf("%s: cannot be removed: %s", path, strerror(errno));
	} else if (text != NULL && lstat(path, &st) == 0)
		cause = replace_checked(s, site, path, text, &st);
	if (cause == NULL && made != NULL)
		setup_record_drop(r, made);
	if (cause == NULL)
		unlink(backup);
	free(backup);
	free(broken);
	free(text);
	free(old);
	return cause;
}

char *
setup_step_undo(const struct setup_step *s, const struct setup_site *site, struct setup_record *r,
    const char **why)
{
	struct setup_done *d = setup_record_find(r, s->kind, s->name);
	char *path = setup_path(site, s->name), *cause = NULL, *gone = NULL;

	*why = NULL;
	if (s->kind == SETUP_DIR)
		cause = undo_dir(site, s, path, d, why);
	else if (s->kind == SETUP_FILE)
		cause = undo_file(path, d, why);
	else if (s->kind == SETUP_HOOK)
		cause = undo_hook(s, site, path, r);
	else if (s->still.argv[0] == NULL || (gone = setup_tool(site, &s->still, NULL)) == NULL)
		cause = run_all(site, s->drop);
	free(gone);
	if (cause == NULL && (d = setup_record_find(r, s->kind, s->name)) != NULL)
		setup_record_drop(r, d);
	free(path);
	return cause;
}
