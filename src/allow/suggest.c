/*
 * Which presets list names that somebody has come to need.  Every preset file
 * is looked at as an allowlist of that one preset; then the one that lists the
 * most of what no other lists yet is taken, again and again, so that few are
 * named.  Of equals the smaller one fits better.
 */
#include "config.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "allow/allow.h"
#include "xmalloc.h"

enum { FILES_MAX = 256 };

struct candidate {
	char	*name;
	size_t	 entries;
	bool	*lists;		/* which of the names */
};

/* The preset alone, compiled; NULL where it is none, or has a mistake. */
static struct allow_image *
preset_image(struct presets *presets, const char *name, size_t *entries)
{
	char *text = xasprintf("@%s\n", name), *cause = NULL;
	struct allowlist *l = allowlist_parse(text, strlen(text), "presets", NULL, &cause);
	struct allow_image *image = NULL;
	struct allow_entry preset, inner;
	const char *phrase;
	size_t size;
	int fd = -1;

	if (l != NULL) {
		allowlist_use_presets(l, presets);
		fd = allow_compile(l, &size, &cause);
	}
	if (fd != -1) {
		image = allow_image_open(fd, size, &phrase);
		close(fd);
	}
	*entries = 0;
	while (image != NULL && allowlist_entry(l, 0, &preset) &&
	    allowlist_expansion(l, &preset, *entries, &inner))
		++*entries;
	allowlist_free(l);
	free(cause);
	free(text);
	return image;
}

/* False: it lists none of the names. */
static bool
candidate_make(struct candidate *c, struct presets *presets, const char *file,
    const char *const *names, size_t n)
{
	struct allow_image *image = preset_image(presets, file, &c->entries);
	bool any = false;

	if (image == NULL)
		return false;
	c->lists = xcalloc(n, sizeof(*c->lists));
	for (size_t i = 0; i < n; i++) {
		c->lists[i] = allow_lookup(image, names[i], strlen(names[i]), 443, "", 0).verdict ==
		    VERDICT_ALLOW;
		any = any || c->lists[i];
	}
	allow_image_close(image);
	if (any)
		c->name = xstrdup(file);
	else
		free(c->lists);
	return any;
}

static bool
is_among(const struct candidate *list, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(list[i].name, name) == 0)
			return true;
	return false;
}

/* Backups of editors and the like are no presets. */
static bool
is_preset_name(const char *file)
{
	return file[strspn(file, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0';
}

static size_t
candidates_find(const char *const dirs[], size_t ndirs, const char *const *names, size_t n,
    struct candidate list[FILES_MAX])
{
	struct presets *presets = presets_new(dirs, ndirs);
	struct dirent *file;
	size_t found = 0;
	DIR *dir;

	for (size_t i = 0; i < ndirs; i++) {
		if (dirs[i][0] == '\0' || (dir = opendir(dirs[i])) == NULL)
			continue;
		while (found < FILES_MAX && (file = readdir(dir)) != NULL) {
			if (is_preset_name(file->d_name) && !is_among(list, found, file->d_name) &&
			    candidate_make(&list[found], presets, file->d_name, names, n))
				found++;
		}
		closedir(dir);
	}
	presets_free(presets);
	return found;
}

/* How many of the names that are not taken yet it lists. */
static size_t
gain(const struct candidate *c, const bool *taken, size_t n)
{
	size_t more = 0;

	for (size_t i = 0; i < n; i++)
		more += c->lists[i] && !taken[i];
	return more;
}

static const struct candidate *
best(const struct candidate *list, size_t n, const bool *taken, size_t nnames)
{
	const struct candidate *b = NULL;
	size_t most = 0, more;

	for (size_t i = 0; i < n; i++) {
		more = gain(&list[i], taken, nnames);
		if (more > most || (more == most && more > 0 && (list[i].entries < b->entries ||
		    (list[i].entries == b->entries && strcmp(list[i].name, b->name) < 0)))) {
			b = &list[i];
			most = more;
		}
	}
	return b;
}

size_t
presets_suggest(const char *const dirs[], size_t ndirs, const char *const *names, size_t n,
    struct preset_hint *hints, size_t max)
{
	struct candidate *list = xcalloc(FILES_MAX, sizeof(*list));
	const struct candidate *b;
	bool *taken = xcalloc(n, sizeof(*taken));
	size_t found = candidates_find(dirs, ndirs, names, n, list), nhints = 0;

	while (nhints < max && (b = best(list, found, taken, n)) != NULL) {
		struct preset_hint *h = &hints[nhints++];

		*h = (struct preset_hint){ .preset = xasprintf("@%s", b->name) };
		h->name = xcalloc(n, sizeof(*h->name));
		for (size_t i = 0; i < n; i++) {
			if (b->lists[i])
				h->name[h->nnames++] = (uint32_t)i;
			taken[i] = taken[i] || b->lists[i];
		}
	}
	for (size_t i = 0; i < found; i++) {
		free(list[i].name);
		free(list[i].lists);
	}
	free(list);
	free(taken);
	return nhints;
}

void
preset_hints_free(struct preset_hint *hints, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(hints[i].preset);
		free(hints[i].name);
	}
}
