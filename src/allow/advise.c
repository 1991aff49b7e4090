/*
 * What there is to say about an entry beyond its grammar, and the entries that
 * have a name.  The index is a table of chains over the names of the list.
 */
#include "config.h"

#include "allow/list.h"

#include <netinet/in.h>

#include <stdlib.h>
#include <string.h>

#include "allow/hash.h"
#include "text.h"
#include "xmalloc.h"

enum { PORT_DOT = 853 };

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
		x->npresets += item_is_preset(&l->items[i]);
		list_fill(l, i, &e);
		slot = name_slot(x, e.name);
		x->next[i] = x->head[slot];
		x->head[slot] = (uint32_t)i + 1;
	}
	x->preset = xcalloc(x->npresets, sizeof(*x->preset));
	for (size_t i = 0, n = 0; n < x->npresets; i++)
		if (item_is_preset(&l->items[i]))
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

/* ---- warnings ---- */

/*
 * What the other entries say at one level of specificity: whether any allows or
 * forbids some of what the entry in question is about, and which one does so for
 * all of it, whoever asks and as long as that entry lasts.
 */
struct level {
	const struct allow_entry	*of;
	bool				 same_name;
	bool				 exact;		/* of the name, those for it alone */
	bool				 allows, denies;
	struct allow_entry		 by[2];		/* by deny; id 0: none for all of it */
	struct allow_entry		 inner[2];	/* in a preset, where by is one */
	const struct allow_entry	*preset;	/* whose entries are judged, or NULL */
};

/* Without a port an entry that denies is for all, another for those of the web. */
static bool
covers_port(const struct allow_entry *e, const struct allow_entry *of)
{
	if (e->port == 0)
		return e->deny || !allow_entry_pinned(of);
	return e->port == of->port && e->proto == of->proto;
}

/* What two entries are for is disjoint, or one of them has all of the other's. */
static bool
shares_port(const struct allow_entry *e, const struct allow_entry *of)
{
	return covers_port(e, of) || covers_port(of, e);
}

/* Every guest that the glob "of" fits, the other fits too. */
static bool
covers_guests(const char *vm, const char *of)
{
	if (vm[0] == '\0' || strcmp(vm, of) == 0)
		return true;
	/* A star may stand for what no question mark does. */
	return of[0] != '\0' && text_glob(vm, of) &&
	    (strchr(vm, '?') == NULL || strchr(of, '*') == NULL);
}

/* Would an active e, alone, decide all that "of" decides? */
static bool
covers(const struct allow_entry *e, const struct allow_entry *of)
{
	return (e->until == 0 || (of->until != 0 && e->until >= of->until)) &&
	    covers_guests(e->vm, of->vm) && covers_port(e, of);
}

/* The entry's kind has a say at that level; *all: in every name of the other's. */
static bool
is_of_level(const struct level *v, const struct allow_entry *e, bool *all)
{
	*all = true;
	if (v->of->kind == ALLOW_PRESET || e->kind == ALLOW_PRESET)
		return e->kind == v->of->kind;
	if (v->exact || e->kind == ALLOW_EXACT)
		return v->exact && e->kind == ALLOW_EXACT;
	/* Of the name itself only its tree speaks, and of what is below it both do. */
	if (v->same_name && e->kind == ALLOW_BELOW) {
		*all = v->of->kind == ALLOW_BELOW;
		return v->of->kind != ALLOW_EXACT;
	}
	return true;
}

static bool
judge_level(const struct allow_entry *e, void *arg)
{
	struct level *v = arg;
	bool all;

	if (e->id == v->of->id || e->state != ALLOW_ON || !is_of_level(v, e, &all) ||
	    !shares_port(e, v->of))
		return false;
	if (v->preset == NULL && entry_same(e, v->of) && e->line > v->of->line)
		return false;	/* the later of two doubles is told */
	if (e->deny)
		v->denies = true;
	else
		v->allows = true;
	if (all && covers(e, v->of) && v->by[e->deny].id == 0) {
		v->by[e->deny] = *e;
		if (v->preset != NULL)
			v->inner[e->deny] = *v->preset;
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

/*
 * Whether this level shows that the entry in question decides nothing: -1 if it
 * shows that it does, 1 and *deny for the entry that makes it needless, 0 if less
 * specific ones must be asked.
 */
static int
level_says(const struct level *v, bool *deny)
{
	const bool same = v->same_name && v->exact == (v->of->kind == ALLOW_EXACT);

	*deny = true;
	/* Where two are equally specific, the one that forbids wins. */
	if (v->by[true].id != 0 && (v->of->deny || same))
		return 1;
	if (v->of->deny ? v->allows : v->denies && !same)
		return -1;
	*deny = false;
	return !v->of->deny && v->by[false].id != 0;
}

static char *
needless(const struct level *v, bool deny)
{
	const struct allow_entry *by = &v->by[deny];
	char *text, *warning;

	if (v->inner[deny].id == 0 && entry_same(by, v->of))
		return xasprintf("the same as line %u; one of them can go", by->line);
	text = allow_entry_text(v->inner[deny].id != 0 ? &v->inner[deny] : by);
	warning = deny != v->of->deny ?
	    xasprintf("has no effect: %s on line %u forbids the same", text, by->line) :
	    xasprintf("changes nothing: %s on line %u covers it", text, by->line);
	free(text);
	return warning;
}

static char *
without_effect(const struct allowlist *l, const struct allow_entry *e)
{
	struct level v = { .of = e, .same_name = true, .exact = e->kind == ALLOW_EXACT };
	const char *name = e->name;
	bool deny;
	int says;

	for (;;) {
		judge_name(l, name, &v);
		if ((says = level_says(&v, &deny)) > 0)
			return needless(&v, deny);
		if (says < 0)
			return NULL;
		if (!v.exact) {
			if ((name = strchr(name, '.')) == NULL)
				return NULL;
			name++;
		}
		v = (struct level){ .of = e, .same_name = v.exact };
	}
}

/* Of two entries for the same addresses the later is told. */
static bool
find_double(const struct allow_entry *e, void *arg)
{
	struct level *v = arg;

	if (e->state != ALLOW_ON || e->line >= v->of->line || !entry_same(e, v->of))
		return false;
	v->by[e->deny] = *e;
	return true;
}

static char *
addresses_without_effect(const struct allowlist *l, const struct allow_entry *e)
{
	struct level v = { .of = e };

	if (!index_visit(l, e->name, find_double, &v))
		return NULL;
	return needless(&v, e->deny);
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
	if (e->proto == IPPROTO_TCP && (e->port == 80 || e->port == 443) && e->prefix_bits < 8)
		return xstrdup("opens the web of the whole internet, past the proxy: no name is "
		    "filtered any more");
	if (e->proto == IPPROTO_TCP && (e->port == 80 || e->port == 443))
		return xstrdup("goes past the proxy: a guest has there whatever name it asks for");
	if (e->proto == IPPROTO_UDP && (e->port == 80 || e->port == 443))
		return xstrdup("opens HTTP/3 past the proxy: a guest has there whatever name it asks for");
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

/* RFC 7858, 9250: the port on which nothing else is spoken. */
static bool
opens_dns(const struct allow_entry *e)
{
	return !e->deny && e->kind != ALLOW_PRESET && e->port == PORT_DOT;
}

char *
allowlist_note(const struct allowlist *l, const struct allow_entry *e)
{
	/* Of a whole domain one host of many says little. */
	return e->kind == ALLOW_EXACT && e->state == ALLOW_ON ? wide_shared(l, e) : NULL;
}

char *
allowlist_warning(const struct allowlist *l, const struct allow_entry *e)
{
	char *warning;

	if (e->kind == ALLOW_PRESET ? preset_list(l, e) == NULL : !entry_in_force(e))
		return not_in_force(l, e);
	warning = opens_dns(e) ? xstrdup("opens DNS over TLS, where a guest can look up any name "
	    "unseen; switch it off unless a guest must have it") :
	    e->kind == ALLOW_PRESET ? preset_too_wide(l, e) :
	    e->kind == ALLOW_PREFIX ? addresses_warning(e) : wide_warning(l, e);
	if (warning != NULL || e->state != ALLOW_ON)
		return warning;
	return e->kind == ALLOW_PREFIX ? addresses_without_effect(l, e) : without_effect(l, e);
}
