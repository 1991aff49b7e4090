/*
 * What there is to say about an entry beyond its grammar, and entries found
 * by name.  The index is a table of chains over the names of the list.
 */
#include "config.h"

#include "allow/list.h"

#include <netinet/in.h>

#include <stdlib.h>
#include <string.h>

#include "allow/hash.h"
#include "text.h"
#include "xmalloc.h"

struct list_index {
	uint32_t	*head, *next;	/* 1 + item; a chain is in file order */
	size_t		 mask;
	uint32_t	*preset;	/* items that are presets */
	size_t		 npresets;
};

static size_t
name_slot(const struct list_index *x, const char *name)
{
	/* The operator's own names: nobody is to be kept from choosing them. */
	static const uint64_t key[2] = { 0, 0 };

	return name_hash(key, name, strlen(name)) & x->mask;
}

static struct list_index *
index_new(const struct allowlist *l)
{
	struct list_index *x = xcalloc(1, sizeof(*x));
	struct allow_entry e;
	size_t slots = 16, slot;

	while (slots < l->n)
		slots *= 2;
	x->mask = slots - 1;
	x->head = xcalloc(slots, sizeof(*x->head));
	x->next = xcalloc(l->n, sizeof(*x->next));
	for (size_t i = l->n; i-- > 0;) {
		x->npresets += (l->items[i].flags & ITEM_PRESET) != 0;
		list_fill(l, i, &e);
		slot = name_slot(x, e.name);
		x->next[i] = x->head[slot];
		x->head[slot] = (uint32_t)i + 1;
	}
	x->preset = xcalloc(x->npresets, sizeof(*x->preset));
	for (size_t i = 0, n = 0; n < x->npresets; i++)
		if (l->items[i].flags & ITEM_PRESET)
			x->preset[n++] = (uint32_t)i;
	return x;
}

void
index_free(struct list_index *x)
{
	if (x == NULL)
		return;
	free(x->head);
	free(x->next);
	free(x->preset);
	free(x);
}

static const struct list_index *
index_get(const struct allowlist *l)
{
	if (l->lazy->index == NULL)
		l->lazy->index = index_new(l);
	return l->lazy->index;
}

bool
index_visit(const struct allowlist *l, const char *name,
    bool (*visit)(const struct allow_entry *, void *), void *arg)
{
	const struct list_index *x = index_get(l);
	struct allow_entry e;

	for (uint32_t i = x->head[name_slot(x, name)]; i != 0; i = x->next[i - 1]) {
		list_fill(l, i - 1, &e);
		if (strcmp(e.name, name) == 0 && visit(&e, arg))
			return true;
	}
	return false;
}

/* ---- an entry by what an operator types ---- */

struct named {
	const struct allow_entry	*wanted;
	bool				 (*same)(const struct allow_entry *,
					    const struct allow_entry *);
	struct allow_entry		 found;
	unsigned			 n;
};

static bool
count_named(const struct allow_entry *e, void *arg)
{
	struct named *n = arg;

	if (n->same(e, n->wanted) && n->n++ == 0)
		n->found = *e;
	return false;
}

static char *
named_by_text(const struct allowlist *l, const char *text, struct allow_entry *e)
{
	struct named n = { .same = entry_same };
	char why[GH_CAUSE_SIZE], shown[80];
	struct allow_entry wanted;
	struct line_parts p;

	text_escape(shown, sizeof(shown), text, strlen(text));
	if (!line_split(&p, text, strlen(text)))
		return xasprintf(
		    "\"%s\": not an entry; write it as it stands in the list, or its "
		    "number",
		    shown);
	if (!entry_parse(&wanted, p.core, p.core_len, why))
		return xstrdup(why);
	n.wanted = &wanted;
	index_visit(l, wanted.name, count_named, &n);
	if (n.n == 0 && wanted.vm[0] == '\0' && wanted.until == 0) {
		/* ".pypi.org" will do for ".pypi.org vm=agent-*" if it is the only one.
		 */
		n.same = entry_same_target;
		index_visit(l, wanted.name, count_named, &n);
	}
	if (n.n == 0)
		return xasprintf(
		    "\"%s\": no such entry in %s; \"gatehouse entries\" shows them",
		    shown, l->path);
	if (n.n > 1)
		return xasprintf(
		    "\"%s\": %u entries of %s are like that, the first on line %u; "
		    "name one by its number",
		    shown, n.n, l->path, n.found.line);
	*e = n.found;
	return NULL;
}

char *
allowlist_named(const struct allowlist *l, const char *text, struct allow_entry *e)
{
	const char *why;
	uint64_t id;

	if (!text_number(text, 1, UINT32_MAX, &id, &why))
		return named_by_text(l, text, e);
	if (!allowlist_find(l, (uint32_t)id, e))
		return xasprintf(
		    "there is no entry %u in %s; \"gatehouse entries\" shows them",
		    (unsigned)id, l->path);
	return NULL;
}

/* ---- warnings ---- */

/* What decides about an entry's names at one level, other than itself. */
struct level {
	const struct allow_entry	*of;
	bool				 same_name;
	bool differs;	       /* not for every case, or otherwise */
	struct allow_entry by; /* by.id 0: nothing covers all of it */
	const struct allow_entry *preset;	/* whose entries are judged, or NULL */
	struct allow_entry	  by_preset;	/* by stands in it, if its id is set */
};

/* Without a port an entry that denies is for all, another for those of the web. */
static bool
covers_port(const struct allow_entry *e, const struct allow_entry *of)
{
	if (e->port == 0)
		return e->deny || !entry_pinned(of);
	return e->port == of->port && e->proto == of->proto;
}

/* Would an active e, alone, decide all that "of" decides? */
static bool
covers(const struct allow_entry *e, const struct allow_entry *of)
{
	return (e->until == 0 || e->until == of->until) &&
	    (e->vm[0] == '\0' || strcmp(e->vm, of->vm) == 0) && covers_port(e, of);
}

static bool
judge_level(const struct allow_entry *e, void *arg)
{
	struct level *v = arg;

	if (e->id == v->of->id || e->state != ALLOW_ON ||
	    (e->kind == ALLOW_PRESET) != (v->of->kind == ALLOW_PRESET))
		return false;
	if (v->same_name && e->kind != v->of->kind &&
	    !(e->kind == ALLOW_TREE && v->of->kind != ALLOW_TREE))
		return false;
	if (!v->same_name && e->kind == ALLOW_EXACT)
		return false;
	/* At equal specificity a deny entry is not held back by an allow entry. */
	if (v->same_name && v->of->deny && !e->deny && v->of->kind != ALLOW_EXACT)
		return false;
	if (v->preset == NULL && entry_same(e, v->of) && e->line > v->of->line)
		return false;	/* the later of two doubles is told */
	if (!covers(e, v->of) || (v->by.id != 0 && v->by.deny != e->deny)) {
		v->differs = true;
		return false;
	}
	if (v->by.id == 0 || e->deny) {
		v->by = *e;
		v->by_preset = v->preset != NULL ? *v->preset : (struct allow_entry){ 0 };
	}
	return false;
}

/* An entry of a preset, as it counts in the preset's place. */
static bool
judge_inner(const struct allow_entry *inner, void *arg)
{
	struct level *v = arg;
	struct allow_entry e = *inner;

	e.id = v->preset->id;
	e.line = v->preset->line;
	e.until = v->preset->until;
	copy_string(e.vm, v->preset->vm, sizeof(e.vm));
	return judge_level(&e, v);
}

static void
judge_name(const struct allowlist *l, const char *name, struct level *v)
{
	const struct list_index *x = index_get(l);
	const struct allowlist *inner;
	struct allow_entry preset;

	index_visit(l, name, judge_level, v);
	for (size_t i = 0; i < x->npresets && v->of->kind != ALLOW_PRESET; i++) {
		list_fill(l, x->preset[i], &preset);
		if (preset.state != ALLOW_ON || (inner = preset_list(l, &preset)) == NULL)
			continue;
		v->preset = &preset;
		index_visit(inner, name, judge_inner, v);
		v->preset = NULL;
	}
}

/* Of two entries for the same addresses the later is told. */
static bool
find_double(const struct allow_entry *e, void *arg)
{
	struct level *v = arg;

	if (e->state != ALLOW_ON || e->line >= v->of->line || !entry_same(e, v->of))
		return false;
	v->by = *e;
	return true;
}

static char *
addresses_without_effect(const struct allowlist *l, const struct allow_entry *e)
{
	struct level v = { .of = e };

	if (!index_visit(l, e->name, find_double, &v))
		return NULL;
	return xasprintf("the same as line %u; one of them can go", v.by.line);
}

static char *
without_effect(const struct allowlist *l, const struct allow_entry *e)
{
	struct level v = { .of = e, .same_name = true };
	const char *name = e->name, *dot;
	char *text, *warning;

	while (judge_name(l, name, &v), v.by.id == 0 && !v.differs) {
		if ((dot = strchr(name, '.')) == NULL)
			return NULL;
		name = dot + 1;
		v.same_name = false;
	}
	if (v.by.id == 0 || v.differs)
		return NULL;
	if (v.by_preset.id == 0 && entry_same(&v.by, e))
		return xasprintf("the same as line %u; one of them can go", v.by.line);
	/* A less specific entry of the other action is what this one overrides. */
	if (v.by.deny != e->deny && !(v.same_name && v.by.deny && v.by.kind == e->kind))
		return NULL;
	text = allow_entry_text(v.by_preset.id != 0 ? &v.by_preset : &v.by);
	warning = v.by.deny != e->deny ?
	    xasprintf("has no effect: %s on line %u forbids the same", text, v.by.line) :
	    xasprintf("changes nothing: %s on line %u covers it", text, v.by.line);
	free(text);
	return warning;
}

static char *
not_in_force(const struct allowlist *l, const struct allow_entry *e)
{
	char *text = allow_entry_text(e), *warning;

	if (e->kind == ALLOW_PRESET) {
		warning = preset_cause(l, e);
		if (warning == NULL)
			warning = xasprintf("presets are not known here: %s lists nothing", text);
	} else
		warning = xasprintf("what guests send to port 53 always goes to the DNS filter: "
		    "%s %s nothing", text, e->deny ? "closes" : "opens");
	free(text);
	return warning;
}

/* What entries for addresses open beyond what they seem to, or do not; NULL. */
static char *
addresses_warning(const struct allow_entry *e)
{
	char text[ADDR_TEXT_SIZE];
	struct addr net;
	unsigned bits;

	if (e->deny)
		return NULL;
	if (e->proto == IPPROTO_TCP && (e->port == 80 || e->port == 443))
		return xstrdup("goes past the proxy: a guest has there whatever name it asks for");
	if (addr_special_bits(&e->prefix) >= 0 &&
	    addr_special_bits(&e->prefix) <= e->prefix_bits)
		return NULL;
	for (size_t i = 0; addr_special_block(e->prefix.family, i, &net, &bits); i++) {
		if (bits <= e->prefix_bits || !addr_in_prefix(&net, &e->prefix, e->prefix_bits))
			continue;
		return xasprintf("holds addresses that are not the internet's, such as %s/%u; "
		    "they stay closed without an entry of their own", addr_format(&net, text),
		    bits);
	}
	return NULL;
}

/* The first warning about what a preset holds. */
static char *
preset_too_wide(const struct allowlist *l, const struct allow_entry *preset)
{
	const struct allowlist *inner = preset_list(l, preset);
	struct allow_entry e;
	char *why, *text, *warning;

	for (size_t i = 0; inner != NULL && i < inner->n; i++) {
		list_fill(inner, i, &e);
		if (e.state != ALLOW_ON || (why = wide_warning(l, &e)) == NULL)
			continue;
		text = allow_entry_text(&e);
		warning = xasprintf("%s on line %u of %s: %s", text, e.line, inner->path, why);
		free(text);
		free(why);
		return warning;
	}
	return NULL;
}

char *
allowlist_warning(const struct allowlist *l, const struct allow_entry *e)
{
	char *warning;

	if (e->kind == ALLOW_PRESET ? preset_list(l, e) == NULL : !entry_in_force(e))
		return not_in_force(l, e);
	warning = e->kind == ALLOW_PRESET ? preset_too_wide(l, e) :
	    e->kind == ALLOW_PREFIX ? addresses_warning(e) : wide_warning(l, e);
	if (warning != NULL || e->state != ALLOW_ON)
		return warning;
	return e->kind == ALLOW_PREFIX ? addresses_without_effect(l, e) : without_effect(l, e);
}
