/*
 * The one entry that an operator names.  It must be named exactly: as it
 * stands in the list, or by its id or line.  What fits several entries names
 * none of them, and what fits none is never taken for the next best: both are
 * answered with the entries that may have been meant.
 */
#include "config.h"

#include "allow/list.h"

#include <stdlib.h>
#include <string.h>

#include "text.h"
#include "xmalloc.h"

enum {
	SHOWN_MAX = 8,		/* entries told in one answer */
	TYPOS_MAX = 2,		/* letters that may differ in a near name */
	NEAR_LENGTH = 3,	/* for each of them the name must be longer by so many */
	TYPOS_LIST_MAX = 10000,
};

/* Entries that fit, the first few of them kept. */
struct fits {
	const struct allow_entry	*wanted;
	bool				 (*same)(const struct allow_entry *,
					    const struct allow_entry *);	/* NULL: any */
	struct allow_entry		 entry[SHOWN_MAX];
	size_t				 n;
};

static void
fits_add(struct fits *f, const struct allow_entry *e)
{
	if (f->n < SHOWN_MAX)
		f->entry[f->n] = *e;
	f->n++;
}

static bool
fits_visit(const struct allow_entry *e, void *arg)
{
	struct fits *f = arg;

	if (f->same == NULL || f->same(e, f->wanted))
		fits_add(f, e);
	return false;
}

/* The head, then a line for each entry that fits. Takes head. */
static char *
fits_tell(const struct fits *f, char *head)
{
	for (size_t i = 0; i < f->n && i < SHOWN_MAX; i++) {
		const struct allow_entry *e = &f->entry[i];
		char *text = allow_entry_text(e);
		char *more = xasprintf("%s\n  id=%u  line=%u  %s%s", head, e->id, e->line,
		    e->state == ALLOW_OFF ? "#off " : "", text);

		free(text);
		free(head);
		head = more;
	}
	if (f->n > SHOWN_MAX) {
		char *more = xasprintf("%s\n  and %zu more", head, f->n - SHOWN_MAX);

		free(head);
		head = more;
	}
	return head;
}

/* ---- near ones ---- */

/* Whether so many letters changed, left out or put in make b of a. */
static bool
is_near(const char *a, const char *b, int typos)
{
	while (*a != '\0' && *a == *b) {
		a++;
		b++;
	}
	if (*a == *b)
		return true;
	if (typos == 0)
		return false;
	return (*a != '\0' && *b != '\0' && is_near(a + 1, b + 1, typos - 1)) ||
	    (*a != '\0' && is_near(a + 1, b, typos - 1)) ||
	    (*b != '\0' && is_near(a, b + 1, typos - 1));
}

/* Long lists are left alone: every entry of them would be read. */
static void
find_misspelt(const struct allowlist *l, struct fits *f, int typos)
{
	const char *name = f->wanted->name;
	struct allow_entry e;

	if (l->n > TYPOS_LIST_MAX || strlen(name) <= NEAR_LENGTH * (size_t)typos)
		return;
	for (size_t i = 0; i < l->n; i++) {
		list_fill(l, i, &e);
		if (is_near(name, e.name, typos))
			fits_add(f, &e);
	}
}

/* What may have been meant: the same name in another form, an entry that covers
 * it, a name that is spelt nearly so. */
static void
find_near(const struct allowlist *l, struct fits *f)
{
	const char *name = f->wanted->name, *dot;

	f->same = NULL;
	index_visit(l, name, fits_visit, f);
	for (dot = strchr(name, '.'); f->n == 0 && dot != NULL; dot = strchr(dot + 1, '.'))
		index_visit(l, dot + 1, fits_visit, f);
	for (int typos = 1; f->n == 0 && typos <= TYPOS_MAX; typos++)
		find_misspelt(l, f, typos);
}

/* ---- by text, by number ---- */

static char *
no_such(const struct allowlist *l, const char *shown)
{
	return xasprintf("\"%s\": no such entry in %s; \"gatehouse entries\" shows them", shown,
	    l->path);
}

static char *
named_by_text(const struct allowlist *l, const char *text, struct allow_entry *e)
{
	struct allow_entry wanted;
	struct fits f = { .wanted = &wanted, .same = entry_same };
	char why[GH_CAUSE_SIZE], shown[80];
	struct line_parts p;

	text_escape(shown, sizeof(shown), text, strlen(text));
	if (!line_split(&p, text, strlen(text)))
		return xasprintf("\"%s\": not an entry; write it as it stands in the list, or "
		    "its number, as in id=7 or line=12", shown);
	/* Why it cannot be one is for who would add it. */
	if (!entry_parse(&wanted, p.core, p.core_len, why))
		return no_such(l, shown);
	index_visit(l, wanted.name, fits_visit, &f);
	if (f.n == 1) {
		*e = f.entry[0];
		return NULL;
	}
	if (f.n > 1)
		return fits_tell(&f, xasprintf("\"%s\": %zu entries of %s say that, so nothing was "
		    "done; name one by its id:", shown, f.n, l->path));
	find_near(l, &f);
	if (f.n == 0)
		return no_such(l, shown);
	return fits_tell(&f, xasprintf("\"%s\": no such entry in %s, so nothing was done; name "
	    "what you mean in full or by its id. Near it:", shown, l->path));
}

/* The entry on a line; false if that line has none. */
static bool
entry_on_line(const struct allowlist *l, uint64_t line, struct allow_entry *e)
{
	size_t lo = 0, hi = l->n;

	while (lo < hi) {
		const size_t mid = lo + (hi - lo) / 2;

		if (l->items[mid].line < line)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == l->n || l->items[lo].line != line)
		return false;
	list_fill(l, lo, e);
	return true;
}

/* "7" may be an id or a line, as both are shown: never a guess which. */
static char *
named_by_number(const struct allowlist *l, uint64_t number, bool id, bool line,
    struct allow_entry *e)
{
	struct fits f = { 0 };

	if (id && allowlist_find(l, (uint32_t)number, e))
		fits_add(&f, e);
	if (line && entry_on_line(l, number, e) && (f.n == 0 || f.entry[0].id != e->id))
		fits_add(&f, e);
	if (f.n == 1) {
		*e = f.entry[0];
		return NULL;
	}
	if (f.n > 1)
		return fits_tell(&f, xasprintf("%u is the id of one entry of %s and the line of "
		    "another, so nothing was done; say which:", (unsigned)number, l->path));
	return xasprintf("there is no entry %s%u in %s; \"gatehouse entries\" shows them",
	    id && line ? "" : id ? "id=" : "line=", (unsigned)number, l->path);
}

char *
allowlist_named(const struct allowlist *l, const char *text, struct allow_entry *e)
{
	bool id = strncmp(text, "id=", 3) == 0, line = strncmp(text, "line=", 5) == 0;
	const char *why, *digits = text + (id ? 3 : line ? 5 : 0);
	uint64_t number;

	if (text_number(digits, 1, UINT32_MAX, &number, &why))
		return named_by_number(l, number, id || !line, line || !id, e);
	if (id || line)
		return xasprintf("\"%.32s\": %s; write id=7 or line=12", text, why);
	return named_by_text(l, text, e);
}
