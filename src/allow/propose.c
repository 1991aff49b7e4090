/*
 * Entries out of what was learned.
 *
 * Each guest is looked at by itself.  Of the names it reached, those below one
 * registrable domain stay single while they are few; PROPOSE_FOLD or more
 * become one entry for the longest suffix that they share.  That is never done
 * where the suffix would open more than one owner's names: a public suffix, a
 * host that anyone can put data on, one that answers DNS over HTTPS.  Entries
 * alike of several guests are then one.
 *
 * A pattern is a name, or with tree a suffix, and always lies in one of the
 * learned names, so that nothing is copied before the text of an entry.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "allow/list.h"
#include "xmalloc.h"

enum { SCOPES_MAX = 4 };	/* guests that get an entry each, rather than one for all */

struct ask {
	const char	*name;
	const char	*domain;	/* registrable, in name; "" if there is none */
	const char	*pattern;	/* in a name */
	bool		 tree;
	uint32_t	 number;	/* of the name */
	uint32_t	 guest;		/* whose patterns are made together, */
	uint32_t	 who;		/* and who asked */
	uint32_t	 count;
};

struct asks {
	const struct learned	*of;
	struct ask		*ask;
	size_t			 n;
};

/* ---- folding ---- */

static int
by_number(uint32_t a, uint32_t b)
{
	return (a > b) - (a < b);
}

static int
by_domain(const void *pa, const void *pb)
{
	const struct ask *a = pa, *b = pb;
	int c = by_number(a->guest, b->guest);

	if (c == 0)
		c = strcmp(a->domain, b->domain);
	return c != 0 ? c : strcmp(a->name, b->name);
}

/* The longest suffix of whole labels that both have; it lies in a. */
static const char *
common_suffix(const char *a, const char *b)
{
	const char *x = a + strlen(a), *y = b + strlen(b), *best = x;

	while (x > a && y > b && x[-1] == y[-1]) {
		x--;
		y--;
		if (*x == '.')
			best = x + 1;
	}
	if ((x == a || x[-1] == '.') && (y == b || y[-1] == '.'))
		best = x;
	return best;
}

static bool
may_fold(const struct allowlist *l, const char *suffix)
{
	struct allow_entry e = { .kind = ALLOW_TREE, .state = ALLOW_ON };
	char *warning;

	copy_string(e.name, suffix, sizeof(e.name));
	if ((warning = wide_warning(l, &e)) == NULL)
		warning = wide_shared(l, &e);
	free(warning);
	return warning == NULL;
}

/* One guest's names below one domain. */
static void
fold(const struct allowlist *l, struct ask *ask, size_t n)
{
	const char *suffix = ask[0].name;
	size_t names = 1;

	for (size_t i = 1; i < n; i++) {
		names += strcmp(ask[i].name, ask[i - 1].name) != 0;
		suffix = common_suffix(suffix, ask[i].name);
	}
	if (ask[0].domain[0] == '\0' || names < PROPOSE_FOLD || !may_fold(l, suffix))
		return;
	for (size_t i = 0; i < n; i++) {
		ask[i].pattern = suffix;
		ask[i].tree = true;
	}
}

static void
fold_all(const struct allowlist *l, struct asks *a)
{
	size_t end;

	qsort(a->ask, a->n, sizeof(*a->ask), by_domain);
	for (size_t i = 0; i < a->n; i = end) {
		for (end = i + 1; end < a->n && a->ask[end].guest == a->ask[i].guest &&
		    strcmp(a->ask[end].domain, a->ask[i].domain) == 0; end++)
			continue;
		fold(l, &a->ask[i], end - i);
	}
}

/* ---- patterns of several guests ---- */

static int
by_pattern(const void *pa, const void *pb)
{
	const struct ask *a = pa, *b = pb;
	int c = strcmp(a->pattern, b->pattern);

	if (c == 0)
		c = a->tree - b->tree;
	if (c == 0)
		c = by_number(a->guest, b->guest);
	return c != 0 ? c : strcmp(a->name, b->name);
}

/* The end of the asks that have the pattern of the i-th. */
static size_t
pattern_end(const struct asks *a, size_t i)
{
	size_t end = i + 1;

	while (end < a->n && a->ask[end].tree == a->ask[i].tree &&
	    strcmp(a->ask[end].pattern, a->ask[i].pattern) == 0)
		end++;
	return end;
}

/* Whether an entry for the asks in [from, to) is one for every guest. */
static bool
is_for_all(const struct asks *a, size_t from, size_t to)
{
	size_t guests = 0, present = 0;

	if (a->of->vm != NULL)
		return true;	/* they count as one, which has its scope */
	for (size_t i = from; i < to; i++) {
		if (a->ask[i].guest == LEARNED_BY_OTHERS)
			return true;
		if (i > from && a->ask[i].guest == a->ask[i - 1].guest)
			continue;
		guests++;
		present += a->ask[i].guest < a->of->npresent;
	}
	return guests > SCOPES_MAX || (present > 0 && present == a->of->npresent);
}

static int
suffix_order(const void *key, const void *element)
{
	return strcmp(key, *(const char *const *)element);
}

/* What a suffix for every guest covers anyway needs no entry of its own. */
static void
drop_covered(struct asks *a)
{
	const char **wide = xcalloc(a->n, sizeof(*wide)), *at;
	size_t nwide = 0, end;

	for (size_t i = 0; i < a->n; i = end) {
		end = pattern_end(a, i);
		if (a->ask[i].tree && is_for_all(a, i, end))
			wide[nwide++] = a->ask[i].pattern;
	}
	for (size_t i = 0; i < a->n && nwide > 0; i++) {
		for (at = a->ask[i].pattern; at != NULL; at = strchr(at, '.') != NULL ?
		    strchr(at, '.') + 1 : NULL) {
			if (bsearch(at, wide, nwide, sizeof(*wide), suffix_order) == NULL)
				continue;
			a->ask[i].pattern = at;
			a->ask[i].tree = true;
		}
	}
	free(wide);
	qsort(a->ask, a->n, sizeof(*a->ask), by_pattern);
}

/* ---- proposals ---- */

/* A guest's name as a glob that fits it, whatever a guest calls itself. */
static void
vm_option(const struct asks *a, uint32_t guest, char *dst, size_t size)
{
	const char *name = a->of->guests[guest];
	size_t n = 0;

	for (; *name != '\0' && n < size - 1; name++, n++)
		dst[n] = *name < 0x21 || *name > 0x7e || *name == '*' || *name == '#' ? '?' : *name;
	dst[n] = '\0';
}

static char *
entry_of(const struct ask *first, const char *vm)
{
	return xasprintf("%s%s%s%s", first->tree ? "." : "", first->pattern,
	    vm[0] != '\0' ? " vm=" : "", vm);
}

/* Adds a number that is not among the n yet. */
static void
note_number(uint32_t *numbers, size_t *n, uint32_t number)
{
	for (size_t i = 0; i < *n; i++)
		if (numbers[i] == number)
			return;
	numbers[(*n)++] = number;
}

/* The asks of [from, to), all of one pattern, as one entry. */
static void
propose(const struct allowlist *l, const struct asks *a, size_t from, size_t to,
    const char *vm, struct proposal *p)
{
	char why[GH_CAUSE_SIZE];
	struct allow_entry e;

	*p = (struct proposal){ .text = entry_of(&a->ask[from], vm) };
	p->name = xcalloc(to - from, sizeof(*p->name));
	p->guest = xcalloc(to - from, sizeof(*p->guest));
	for (size_t i = from; i < to; i++) {
		p->count += a->ask[i].count;
		note_number(p->name, &p->nnames, a->ask[i].number);
		if (a->ask[i].who != LEARNED_BY_OTHERS)
			note_number(p->guest, &p->nguests, a->ask[i].who);
	}
	/* What is proposed parses: a canonical name, and a glob of printable bytes. */
	if (!entry_parse(&e, p->text, strlen(p->text), why)) {
		p->warning = xstrdup(why);
		return;
	}
	p->explain = allow_entry_explain(&e);
	if ((p->warning = wide_warning(l, &e)) == NULL)
		p->warning = wide_shared(l, &e);
}

struct proposal *
allow_propose(const struct allowlist *l, const struct learned *of, size_t *n)
{
	struct asks a = { .of = of, .n = of->nasks };
	struct proposal *list = xcalloc(of->nasks, sizeof(*list));
	size_t end, own;
	char vm[GH_GUEST_SIZE] = "";

	a.ask = xcalloc(a.n, sizeof(*a.ask));
	for (size_t i = 0; i < a.n; i++) {
		const struct learned_ask *k = &of->asks[i];
		const char *name = of->names[k->name], *domain = wide_registrable(name);

		a.ask[i] = (struct ask){ .name = name, .domain = domain != NULL ? domain : "",
			.pattern = name, .number = k->name, .count = k->count, .who = k->guest,
			.guest = of->vm != NULL ? 0 : k->guest };
	}
	fold_all(l, &a);
	qsort(a.ask, a.n, sizeof(*a.ask), by_pattern);
	drop_covered(&a);
	*n = 0;
	for (size_t i = 0; i < a.n; i = end) {
		end = pattern_end(&a, i);
		if (is_for_all(&a, i, end)) {
			propose(l, &a, i, end, of->vm != NULL ? of->vm : "", &list[(*n)++]);
			continue;
		}
		for (; i < end; i = own) {
			for (own = i + 1; own < end && a.ask[own].guest == a.ask[i].guest; own++)
				continue;
			vm_option(&a, a.ask[i].guest, vm, sizeof(vm));
			propose(l, &a, i, own, vm, &list[(*n)++]);
		}
	}
	free(a.ask);
	return list;
}

void
proposals_free(struct proposal *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(list[i].text);
		free(list[i].explain);
		free(list[i].warning);
		free(list[i].name);
		free(list[i].guest);
	}
	free(list);
}
