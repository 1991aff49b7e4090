/*
 * Writing the allowlist: a new file in the same directory, fsync, rename,
 * fsync of the directory.  Whoever reads the file, and whatever stops the
 * machine, there is the old list or the new one, never a part of one.
 */
#include "config.h"

#include "allow/list.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "xmalloc.h"

enum { MODE_NEW = 0644 };

static struct stamp
stamp_of(const struct stat *st)
{
	return (struct stamp){ .known = true, .dev = st->st_dev, .ino = st->st_ino,
		.size = st->st_size,
		.mtime_ns = (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec };
}

void
stamp_take(struct stamp *s, int fd)
{
	struct stat st;

	*s = (struct stamp){ 0 };
	if (fstat(fd, &st) == 0)
		*s = stamp_of(&st);
}

void
stamp_at(struct stamp *s, const char *path)
{
	struct stat st;

	*s = (struct stamp){ 0 };
	if (stat(path, &st) == 0)
		*s = stamp_of(&st);
}

bool
stamp_equal(const struct stamp *a, const struct stamp *b)
{
	return a->known == b->known && a->dev == b->dev && a->ino == b->ino &&
	    a->size == b->size && a->mtime_ns == b->mtime_ns;
}

static char *
failed(const char *what, const char *path, const char *todo)
{
	return xasprintf("%s: cannot %s: %s; nothing was saved%s%s", path, what,
	    strerror(errno), *todo != '\0' ? "; " : "", todo);
}

/* What the file that is to be replaced is like; a new one gets defaults. */
static char *
look_at_old(const struct allowlist *l, const char *path, struct stat *st, bool *exists)
{
	struct stamp now;
	char *cause = NULL;
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	*exists = false;
	if (fd == -1)
		return errno == ENOENT ? NULL : failed("open it", path,
		    "the daemon must be able to read the allowlist");
	if (fstat(fd, st) == -1)
		cause = failed("look at it", path, "");
	else if (!S_ISREG(st->st_mode))
		cause = xasprintf("%s: not a regular file; nothing was saved", path);
	stamp_take(&now, fd);
	if (cause == NULL && l->stamp.known && !stamp_equal(&l->stamp, &now))
		cause =
		    xasprintf("%s: somebody else changed the file just now; nothing was "
			      "saved; look at it and try again",
			path);
	close(fd);
	*exists = true;
	return cause;
}

static bool
write_all(int fd, const char *s, size_t len)
{
	ssize_t n;

	while (len > 0) {
		n = write(fd, s, len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return false;
		s += n;
		len -= (size_t)n;
	}
	return true;
}

static bool
sync_directory(const char *dir)
{
	const int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool ok;

	if (fd == -1)
		return false;
	/* Some file systems cannot do it (EINVAL) and need no such thing. */
	ok = fsync(fd) == 0 || errno == EINVAL;
	close(fd);
	return ok;
}

/* Owner and group stay where we may keep them; the mode always does. */
static bool
keep_owner_and_mode(int fd, const struct stat *st)
{
	if (fchown(fd, st->st_uid, st->st_gid) == -1 &&
	    fchown(fd, (uid_t)-1, st->st_gid) == -1 && errno != EPERM)
		return false;
	return fchmod(fd, st->st_mode & 0777) == 0;
}

static char *
write_new(struct allowlist *l, const char *path, const char *dir)
{
	char *cause = NULL, *new = xasprintf("%s/.allowlist.XXXXXX", dir);
	struct stat st = { .st_mode = MODE_NEW };
	bool exists = false;
	int fd = -1;

	if ((cause = look_at_old(l, path, &st, &exists)) != NULL)
		goto out;
	if ((fd = mkostemp(new, O_CLOEXEC)) == -1) {
		cause = failed("write a new file beside it", path,
		    "its directory must be "
		    "writable for the daemon's user; or edit the file by hand, it is "
		    "taken up "
		    "at once");
		goto out;
	}
	if (exists ? !keep_owner_and_mode(fd, &st) : fchmod(fd, MODE_NEW) == -1)
		cause = failed("keep its mode", path, "");
	else if (!write_all(fd, l->text, l->len) || fsync(fd) == -1)
		cause = failed("write it", path, errno == ENOSPC || errno == EDQUOT ?
		    "make room on the disk and try again" : "look at the disk");
	else if (rename(new, path) == -1)
		cause = failed("put the new file in its place", path,
		    exists && st.st_uid != geteuid() ? "it belongs to somebody else: give "
		    "it to the daemon's user with chown, or restart the daemon, which "
		    "does so" : "");
	if (cause != NULL) {
		unlink(new);
		goto out;
	}
	stamp_take(&l->stamp, fd);
	if (!sync_directory(dir))
		cause = xasprintf(
		    "%s: saved, but the directory cannot be written to disk: %s; "
		    "the edit may be lost if the machine stops now",
		    path, strerror(errno));
out:
	if (fd != -1)
		close(fd);
	free(new);
	return cause;
}

char *
allowlist_save(struct allowlist *l, const char *path)
{
	/* A link stays one: what it leads to is replaced. */
	char *target = realpath(path, NULL), *copy, *cause;

	if (target == NULL && errno == ENOENT)
		target = xstrdup(path);
	if (target == NULL)
		return failed("find it", path, "");
	copy = xstrdup(target);
	cause = write_new(l, target, dirname(copy));
	free(copy);
	free(target);
	return cause;
}
