/*
 * Presets.  An entry @NAME stands for the entries of a file DIR/NAME, as if
 * each stood in its place, with its vm= and until=: they carry its id.  The
 * first directory that has such a file wins, so an operator's copy overrides
 * a shipped one.
 *
 * A file is read when an entry first names it, and then kept, also when it is
 * missing or wrong; the stamps tell whether looking again would find another.
 */
#include "config.h"

#include "allow/list.h"

#include <sys/stat.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "text.h"
#include "xmalloc.h"

enum {
	DIRS_MAX = 2,
	PRESETS_MAX = 1024,	/* names asked for; that many files nobody writes */
	ENTRIES_MAX = 10000,	/* of one preset */
	EXPLAINED = 3,		/* names told of one */
};

struct preset {
	char			*name;
	char			*path;		/* of the file read, or NULL */
	struct allowlist	*list;		/* NULL: see cause */
	char			*cause;
	struct stamp		 stamp[DIRS_MAX];
};

struct presets {
	unsigned	 refs;
	size_t		 ndirs, n;
	char		*dir[DIRS_MAX];
	struct preset	*preset;
};

struct presets *
presets_new(const char *const dirs[], size_t n)
{
	struct presets *p = xcalloc(1, sizeof(*p));

	p->refs = 1;
	for (size_t i = 0; i < n && i < DIRS_MAX; i++)
		if (dirs[i][0] != '\0')
			p->dir[p->ndirs++] = xstrdup(dirs[i]);
	return p;
}

struct presets *
presets_keep(struct presets *p)
{
	if (p != NULL)
		p->refs++;
	return p;
}

void
presets_free(struct presets *p)
{
	if (p == NULL || --p->refs > 0)
		return;
	for (size_t i = 0; i < p->n; i++) {
		free(p->preset[i].name);
		free(p->preset[i].path);
		free(p->preset[i].cause);
		allowlist_free(p->preset[i].list);
	}
	for (size_t i = 0; i < p->ndirs; i++)
		free(p->dir[i]);
	free(p->preset);
	free(p);
}

static char *
preset_path(const struct presets *p, size_t dir, const char *name)
{
	return xasprintf("%s/%s", p->dir[dir], name);
}

bool
presets_changed(const struct presets *p)
{
	bool changed = false;
	struct stamp now;
	char *path;

	for (size_t i = 0; i < p->n && !changed; i++) {
		for (size_t k = 0; k < p->ndirs && !changed; k++) {
			path = preset_path(p, k, p->preset[i].name);
			stamp_at(&now, path);
			changed = !stamp_equal(&now, &p->preset[i].stamp[k]);
			free(path);
		}
	}
	return changed;
}

/* ---- reading ---- */

/* The name most like it in the directories; "" if none is much like it. */
static void
nearest(const struct presets *p, const char *name, char best[GH_NAME_SIZE])
{
	enum { LIKE = 3 };	/* so many letters off is still a slip */
	unsigned far = LIKE + 1, d;
	struct dirent *file;
	DIR *dir;

	best[0] = '\0';
	for (size_t i = 0; i < p->ndirs; i++) {
		if ((dir = opendir(p->dir[i])) == NULL)
			continue;
		while ((file = readdir(dir)) != NULL) {
			d = text_distance(name, file->d_name);
			if (file->d_name[0] == '.' || d >= far || d >= strlen(name))
				continue;
			far = d;
			copy_string(best, file->d_name, GH_NAME_SIZE);
		}
		closedir(dir);
	}
}

static char *
no_such(const struct presets *p, const char *name)
{
	char best[GH_NAME_SIZE];

	if (p->ndirs == 0)
		return xasprintf("\"@%s\": no directory of presets is configured; name one "
		    "in [allow] presets, or list the names themselves", name);
	nearest(p, name, best);
	return xasprintf("\"@%s\": there is no such preset in %s%s%s; %s%s%s", name, p->dir[0],
	    p->ndirs > 1 ? " or " : "", p->ndirs > 1 ? p->dir[1] : "",
	    best[0] != '\0' ? "the nearest is @" : "make a file ",
	    best[0] != '\0' ? best : name,
	    best[0] != '\0' ? "" : " there, or list the names themselves");
}

/* An entry that only an allowlist can have: a phrase that says so, or NULL. */
static const char *
out_of_place(const struct allow_entry *e)
{
	if (e->kind == ALLOW_PRESET)
		return "a preset cannot hold another; write out its names";
	if (allow_entry_pinned(e))
		return "a preset holds names for the web; addresses and other ports stand "
		    "in the allowlist";
	if (e->vm[0] != '\0' || e->until != 0)
		return "vm= and until= stand behind the @ entry of the allowlist";
	return NULL;
}

static char *
check_entries(const struct preset *s)
{
	struct allow_entry e;
	const char *wrong;
	char *text, *cause;

	if (s->list->n > ENTRIES_MAX)
		return xasprintf("\"@%s\": %s: more than %u entries; list domains "
		    "(.example.org) instead of hosts", s->name, s->path, ENTRIES_MAX);
	for (size_t i = 0; i < s->list->n; i++) {
		list_fill(s->list, i, &e);
		if ((wrong = out_of_place(&e)) == NULL)
			continue;
		text = allow_entry_text(&e);
		cause = xasprintf("\"@%s\": %s:%u: \"%s\": %s", s->name, s->path, e.line,
		    text, wrong);
		free(text);
		return cause;
	}
	return NULL;
}

static void
preset_read(const struct presets *p, struct preset *s)
{
	char *path, *cause;

	/* Stamps first: a change while it is read is then seen later. */
	for (size_t i = p->ndirs; i-- > 0;) {
		path = preset_path(p, i, s->name);
		stamp_at(&s->stamp[i], path);
		if (s->stamp[i].known) {
			free(s->path);
			s->path = path;
		} else
			free(path);
	}
	if (s->path == NULL) {
		s->cause = no_such(p, s->name);
		return;
	}
	if ((s->list = allowlist_load(s->path, NULL, &cause)) == NULL) {
		s->cause = xasprintf("\"@%s\": %s", s->name, cause);
		free(cause);
	} else if ((s->cause = check_entries(s)) != NULL) {
		allowlist_free(s->list);
		s->list = NULL;
	}
}

/* What is known about a name, read if need be; NULL where too many are. */
static const struct preset *
preset_get(struct presets *p, const char *name)
{
	struct preset *s;

	for (size_t i = 0; i < p->n; i++)
		if (strcmp(p->preset[i].name, name) == 0)
			return &p->preset[i];
	if (p->n == PRESETS_MAX)
		return NULL;
	p->preset = xreallocarray(p->preset, p->n + 1, sizeof(*p->preset));
	s = &p->preset[p->n++];
	*s = (struct preset){ .name = xstrdup(name) };
	preset_read(p, s);
	return s;
}

const struct allowlist *
preset_list(const struct allowlist *l, const struct allow_entry *e)
{
	const struct preset *s;

	if (l->presets == NULL || e->kind != ALLOW_PRESET)
		return NULL;
	s = preset_get(l->presets, e->name);
	return s != NULL ? s->list : NULL;
}

char *
preset_cause(const struct allowlist *l, const struct allow_entry *e)
{
	const struct preset *s;

	if (l->presets == NULL || e->kind != ALLOW_PRESET)
		return NULL;
	if ((s = preset_get(l->presets, e->name)) == NULL)
		return xasprintf("\"@%s\": more than %u presets are named; name fewer",
		    e->name, PRESETS_MAX);
	return s->cause != NULL ? xstrdup(s->cause) : NULL;
}

void
allowlist_use_presets(struct allowlist *l, struct presets *p)
{
	presets_keep(p);
	presets_free(l->presets);
	l->presets = p;
	list_changed(l);
}

/* ---- asking ---- */

void
preset_fill(const struct allowlist *inner, size_t i, const struct allow_entry *preset,
    struct allow_entry *e)
{
	list_fill(inner, i, e);
	e->id = preset->id;
	e->until = preset->until;
	copy_string(e->vm, preset->vm, sizeof(e->vm));
	if (e->state == ALLOW_ON)
		e->state = preset->state;
}

bool
allowlist_expansion(const struct allowlist *l, const struct allow_entry *preset, size_t i,
    struct allow_entry *e)
{
	const struct allowlist *inner = preset_list(l, preset);

	return inner != NULL && allowlist_entry(inner, i, e);
}

char *
allowlist_explain(const struct allowlist *l, const struct allow_entry *e)
{
	const struct allowlist *inner = preset_list(l, e);
	char *explain = allow_entry_explain(e), *text;
	char names[EXPLAINED * (GH_NAME_SIZE + 16)] = "";
	struct allow_entry one;
	size_t n = 0, len = 0;

	if (inner == NULL)
		return explain;
	for (size_t i = 0; i < inner->n; i++) {
		list_fill(inner, i, &one);
		if (one.state == ALLOW_OFF || ++n > EXPLAINED)
			continue;
		text = allow_entry_text(&one);
		len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s", n > 1 ? ", " : "",
		    text);
		free(text);
	}
	text = xasprintf("%s (%zu: %s%s)", explain, n, names, n > EXPLAINED ? ", ..." : "");
	free(explain);
	return text;
}

/* The preset is compiled and asked as the whole list is: what decides inside
 * it can then be no other entry than the one that decided. */
const char *
allowlist_preset_line(const struct allowlist *l, const struct allow_entry *preset,
    const char *name, uint16_t port, struct allow_entry *e)
{
	const struct allowlist *inner = preset_list(l, preset);
	struct allow_answer answer = { 0 };
	struct allow_image *image;
	const char *phrase;
	char *cause = NULL;
	size_t size;
	int fd;

	if (inner == NULL)
		return NULL;
	if ((fd = allow_compile(inner, &size, &cause)) == -1) {
		free(cause);
		return NULL;
	}
	if ((image = allow_image_open(fd, size, &phrase)) != NULL)
		answer = allow_lookup(image, name, strlen(name), port, "", 0);
	allow_image_close(image);
	close(fd);
	if (answer.entry == 0 || !allowlist_find(inner, answer.entry, e))
		return NULL;
	return inner->path;
}
