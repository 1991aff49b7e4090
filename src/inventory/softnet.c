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

static void
binary_look(const char *dir, struct softnet_facts *f)
{
	char *path = xasprintf("%s/softnet", dir), *real = realpath(path, NULL);
	struct softnet_binary *b;
	struct stat st;

	if (real != NULL && strlen(real) < sizeof(b->path) && stat(real, &st) == 0 &&
	    S_ISREG(st.st_mode) && f->n < SOFTNET_BINARIES && !known(f, real)) {
		b = &f->found[f->n++];
		copy_string(b->path, real, sizeof(b->path));
		version_of(b);
		b->setuid = st.st_uid == 0 && (st.st_mode & S_ISUID) != 0;
		b->writable = (st.st_mode & (S_IWGRP | S_IWOTH)) != 0;
	}
	free(real);
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
		binary_look(dir, f);
	}
	free(copy);
}

/* ---- judgement ---- */

/* The packaged one that the first, which is not packaged, keeps from being used. */
static const struct softnet_binary *
shadowed(const struct softnet_facts *f)
{
	if (f->n == 0 || f->found[0].version[0] != '\0')
		return NULL;
	for (size_t i = 1; i < f->n; i++) {
		if (f->found[i].version[0] != '\0')
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
	char path[SHOWN_SIZE];

	text_escape(path, sizeof(path), f->found[0].path, strlen(f->found[0].path));
	switch (matter) {
	case SOFTNET_WRITABLE:
		return xasprintf("chmod go-w '%s'", path);
	case SOFTNET_NO_SETUID:
		return xasprintf("chown root '%s' && chmod u+s '%s', or let sudo run it without a "
		    "password", path, path);
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
	const struct softnet_binary *hidden = shadowed(f);
	char *first, *second = NULL, *text;

	*todo = todo_of(f, matter);
	if (matter == SOFTNET_NONE)
		return xstrdup("there is no softnet: no guest of tart's can be behind it");
	first = binary_text(&f->found[0]);
	if (hidden != NULL)
		second = binary_text(hidden);
	text = xasprintf("tart uses %s%s%s%s; " PORTS_OPEN, first,
	    matter == SOFTNET_WRITABLE ? ", which others than its owner can replace" : "",
	    second != NULL ? ", which shadows " : "", second != NULL ? second : "");
	free(first);
	free(second);
	return text;
}

char *
softnet_guest_text(const struct softnet_facts *f, bool behind)
{
	char *binary, *text;

	if (!behind)
		return xstrdup("not behind softnet (\"tart run --net-softnet\"): it can forge ARP towards "
		    "guests of the same bridge");
	if (f->n == 0)
		return xstrdup("behind a softnet that is not on the path; " PORTS_OPEN
		    ": the rules have to cover its bridge");
	binary = binary_text(&f->found[0]);
	text = xasprintf("behind softnet, %s; " PORTS_OPEN ": the rules have to cover its bridge",
	    binary);
	free(binary);
	return text;
}
