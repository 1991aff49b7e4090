#include "config.h"

#include "inventory/softnet.h"

#include <sys/stat.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "text.h"
#include "xmalloc.h"

enum { SHOWN_SIZE = 1024 };

/* What it does not do, wherever it is spoken of: the bridge's own address is the one
 * private address that it lets a guest reach. */
#define PORTS_OPEN "softnet alone leaves this host's own ports open to the guest, file sharing " \
	"(SMB, tcp 445) too"

/* ---- facts ---- */

static void
version_of(struct softnet_binary *b)
{
	static const char cellar[] = "/Cellar/softnet/";
	const char *at = strstr(b->path, cellar), *end;
	size_t len;

	if (at == NULL)
		return;
	at += strlen(cellar);
	end = strchr(at, '/');
	len = end != NULL ? (size_t)(end - at) : 0;
	if (len > 0 && len < sizeof(b->version))
		text_escape(b->version, sizeof(b->version), at, len);
}

static bool
known(const struct softnet_facts *f, const char *path)
{
	for (size_t i = 0; i < f->n; i++) {
		if (strcmp(f->found[i].path, path) == 0)
			return true;
	}
	return false;
}

/* False: there is none at that path. */
static bool
binary_read(const char *path, struct softnet_binary *b)
{
	char *real = realpath(path, NULL);
	struct stat st;
	bool is;

	memset(b, 0, sizeof(*b));
	is = real != NULL && strlen(real) < sizeof(b->path) && stat(real, &st) == 0 &&
	    S_ISREG(st.st_mode);
	if (is) {
		copy_string(b->path, real, sizeof(b->path));
		version_of(b);
		b->setuid = st.st_uid == 0 && (st.st_mode & S_ISUID) != 0;
		b->writable = (st.st_mode & (S_IWGRP | S_IWOTH)) != 0;
	}
	free(real);
	return is;
}

static void
binary_look(const char *dir, bool users, struct softnet_facts *f)
{
	char *path = xasprintf("%s/softnet", dir);

	if (f->n < SOFTNET_BINARIES && binary_read(path, &f->found[f->n]) &&
	    !known(f, f->found[f->n].path))
		f->found[f->n++].users = users;
	free(path);
}

void
softnet_look(const char *path, struct softnet_facts *f)
{
	char *copy = xstrdup(path), *rest = copy, *dir, *tart;

	memset(f, 0, sizeof(*f));
	while ((dir = strsep(&rest, ":")) != NULL) {
		if (*dir != '/')
			continue;
		tart = xasprintf("%s/tart", dir);
		f->tart |= access(tart, F_OK) == 0;
		free(tart);
		binary_look(dir, false, f);
	}
	free(copy);
}

void
softnet_look_home(const char *home, struct softnet_facts *f)
{
	char *dir = xasprintf("%s/.cargo/bin", home);

	binary_look(dir, true, f);
	free(dir);
}

/* ---- judgement ---- */

/* The packaged one that the first, which is not packaged, keeps from being used. */
static const struct softnet_binary *
shadowed(const struct softnet_facts *f)
{
	if (f->n == 0 || f->found[0].users || f->found[0].version[0] != '\0')
		return NULL;
	for (size_t i = 1; i < f->n; i++) {
		if (f->found[i].version[0] != '\0')
			return &f->found[i];
	}
	return NULL;
}

static const struct softnet_binary *
users_own(const struct softnet_facts *f)
{
	for (size_t i = 0; i < f->n; i++) {
		if (f->found[i].users)
			return &f->found[i];
	}
	return NULL;
}

enum softnet_matter
softnet_judge(const struct softnet_facts *f)
{
	if (f->n == 0)
		return SOFTNET_NONE;
	if (f->found[0].writable)
		return SOFTNET_WRITABLE;
	if (shadowed(f) != NULL)
		return SOFTNET_SHADOWED;
	if (users_own(f) != NULL)
		return SOFTNET_USERS;
	return f->found[0].setuid ? SOFTNET_WELL : SOFTNET_NO_SETUID;
}

/* "/path/softnet (0.9.0, SUID root)". */
static char *
binary_text(const struct softnet_binary *b)
{
	char path[SHOWN_SIZE];

	text_escape(path, sizeof(path), b->path, strlen(b->path));
	return xasprintf("%s (%s%s, %s)", path, b->version[0] != '\0' ? "version " : "",
	    b->version[0] != '\0' ? b->version : "built from source, version unknown",
	    b->setuid ? "SUID root" : "not SUID root");
}

static char *
todo_of(const struct softnet_facts *f, enum softnet_matter matter)
{
	const struct softnet_binary *own = users_own(f);
	const char *of = matter == SOFTNET_USERS ? own->path : f->found[0].path;
	char path[SHOWN_SIZE];

	text_escape(path, sizeof(path), of, strlen(of));
	switch (matter) {
	case SOFTNET_WRITABLE:
		return xasprintf("chmod go-w '%s'", path);
	case SOFTNET_NO_SETUID:
		return xasprintf("chown root '%s' && chmod u+s '%s', or let sudo run it without a "
		    "password", path, path);
	case SOFTNET_USERS:
		return xasprintf("take '%s' away, or keep its directory behind others in the PATH of who "
		    "runs tart", path);
	case SOFTNET_SHADOWED:
		return xasprintf("take '%s' away, or move its directory behind Homebrew's in PATH", path);
	default:
		return NULL;
	}
}

char *
softnet_text(const struct softnet_facts *f, char **todo)
{
	const enum softnet_matter matter = softnet_judge(f);
	const struct softnet_binary *hidden = shadowed(f), *own = users_own(f);
	char *first, *second = NULL, *third = NULL, *text;

	*todo = todo_of(f, matter);
	if (matter == SOFTNET_NONE)
		return xstrdup("there is no softnet: no guest of tart's can be behind it");
	first = binary_text(&f->found[0]);
	if (hidden != NULL)
		second = binary_text(hidden);
	if (own != NULL)
		third = own == &f->found[0] ? xstrdup(", where its directory is in PATH") :
		    xasprintf(", or %s where its directory comes first in PATH", own->path);
	text = xasprintf("tart uses %s%s%s%s%s; " PORTS_OPEN, first,
	    matter == SOFTNET_WRITABLE ? ", which others than its owner can replace" : "",
	    second != NULL ? ", which shadows " : "", second != NULL ? second : "",
	    third != NULL ? third : "");
	free(first);
	free(second);
	free(third);
	return text;
}

char *
softnet_guest_text(const struct softnet_facts *f, bool behind, const char *at)
{
	struct softnet_binary runs;
	char *binary, *text;

	if (!behind)
		return xstrdup("not behind softnet (\"tart run --net-softnet\"): it can forge ARP towards "
		    "guests of the same bridge");
	if (*at != '\0' ? !binary_read(at, &runs) : f->n == 0)
		return xstrdup("behind a softnet that is not on the path; " PORTS_OPEN
		    ": the rules have to cover its bridge");
	binary = binary_text(*at != '\0' ? &runs : &f->found[0]);
	text = xasprintf("behind softnet, %s; " PORTS_OPEN ": the rules have to cover its bridge",
	    binary);
	free(binary);
	return text;
}
