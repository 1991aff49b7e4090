#include "config.h"

#include "tables.h"

#include <stdlib.h>
#include <string.h>

#include "xmalloc.h"

/* ---- index ---- */

void
index_init(struct index *x, uint32_t slots)
{
	uint32_t heads = 16;

	while (heads < slots && heads < 1u << 30)
		heads *= 2;
	x->mask = heads - 1;
	x->heads = xreallocarray(NULL, heads, sizeof(*x->heads));
	memset(x->heads, 0xff, heads * sizeof(*x->heads));
	x->next = xcalloc(slots, sizeof(*x->next));
	x->keys = xcalloc(slots, sizeof(*x->keys));
}

void
index_clear(struct index *x)
{
	free(x->heads);
	free(x->next);
	free(x->keys);
}

/* Small ids as keys must spread too, so every key is stirred. */
static uint32_t
index_head(const struct index *x, uint64_t key)
{
	return (uint32_t)(key * 0x9e3779b97f4a7c15u >> 32) & x->mask;
}

void
index_add(struct index *x, uint32_t slot, uint64_t key)
{
	uint32_t *head = &x->heads[index_head(x, key)];

	x->keys[slot] = key;
	x->next[slot] = *head;
	*head = slot;
}

void
index_remove(struct index *x, uint32_t slot)
{
	uint32_t *p = &x->heads[index_head(x, x->keys[slot])];

	while (*p != no_slot && *p != slot)
		p = &x->next[*p];
	if (*p == slot)
		*p = x->next[slot];
}

uint32_t
index_find(const struct index *x, uint64_t key)
{
	uint32_t slot = x->heads[index_head(x, key)];

	while (slot != no_slot && x->keys[slot] != key)
		slot = x->next[slot];
	return slot;
}

/* ---- rings ---- */

void
ring_init(struct ring *r, uint32_t size)
{
	r->size = size;
	r->newest = size - 1;
	index_init(&r->index, size);
}

uint32_t
ring_push(struct ring *r, uint64_t key)
{
	r->newest = (r->newest + 1) % r->size;
	if (r->used < r->size)
		r->used++;
	else
		index_remove(&r->index, r->newest);
	index_add(&r->index, r->newest, key);
	r->ids++;
	return r->newest;
}

size_t
ring_rows(const struct ring *r, const void **rows, const void *base, size_t size)
{
	for (uint32_t i = 0; i < r->used; i++) {
		uint32_t slot = (r->newest + r->size - i) % r->size;

		rows[i] = (const char *)base + slot * size;
	}
	return r->used;
}

/* ---- shares ---- */

/* So many are passed over in favour of others before one is taken all the same. */
enum { KEPT_MAX = 32 };

void
shares_init(struct shares *s, uint32_t size)
{
	s->size = size;
	s->slots = xcalloc(size, sizeof(*s->slots));
	for (uint32_t i = 0; i < SHARES; i++)
		s->of[i] = (struct share){ no_slot, no_slot, 0 };
}

void
shares_clear(struct shares *s)
{
	free(s->slots);
}

static void
share_remove(struct shares *s, uint32_t slot)
{
	const struct share_slot *at = &s->slots[slot];
	struct share *of = &s->of[at->share];

	if (at->older != no_slot)
		s->slots[at->older].newer = at->newer;
	else
		of->oldest = at->newer;
	if (at->newer != no_slot)
		s->slots[at->newer].older = at->older;
	else
		of->newest = at->older;
	s->holders -= --of->n == 0;
}

static void
share_add(struct shares *s, uint32_t share, uint32_t slot)
{
	struct share *of = &s->of[share];

	s->slots[slot] = (struct share_slot){ of->newest, no_slot, share };
	if (of->newest != no_slot)
		s->slots[of->newest].newer = slot;
	else
		of->oldest = slot;
	of->newest = slot;
	s->holders += of->n++ == 0;
}

void
shares_touch(struct shares *s, uint32_t slot)
{
	const uint32_t share = s->slots[slot].share;

	share_remove(s, slot);
	share_add(s, share, slot);
}

/* Who has a fair share already loses of its own; else who holds most does. */
static struct share *
share_to_cut(struct shares *s, uint32_t share)
{
	struct share *most = &s->of[share];

	if ((uint64_t)most->n * s->holders >= s->size)
		return most;
	for (uint32_t i = 0; i < SHARES; i++) {
		if (s->of[i].n > most->n)
			most = &s->of[i];
	}
	return most;
}

uint32_t
shares_take(struct shares *s, uint32_t id, bool (*kept)(uint32_t, void *), void *arg, bool *taken)
{
	const uint32_t share = id % SHARES;
	struct share *from;
	uint32_t slot;

	*taken = s->used == s->size;
	if (!*taken) {
		slot = s->used++;
		share_add(s, share, slot);
		return slot;
	}
	from = share_to_cut(s, share);
	for (int i = 0; i < KEPT_MAX && kept(from->oldest, arg); i++)
		shares_touch(s, from->oldest);
	slot = from->oldest;
	share_remove(s, slot);
	share_add(s, share, slot);
	return slot;
}

/* ---- counters ---- */

void
tallies_init(struct tallies *t, uint32_t max)
{
	t->max = max;
	t->room = max < 64 ? max : 64;
	t->row = xcalloc(t->room, sizeof(*t->row));
	index_init(&t->index, t->room);
}

void
tallies_clear(struct tallies *t)
{
	free(t->row);
	index_clear(&t->index);
}

static void
tallies_reindex(struct tallies *t)
{
	index_clear(&t->index);
	index_init(&t->index, t->room);
	for (uint32_t i = 0; i < t->n; i++)
		index_add(&t->index, i, t->row[i].id);
}

struct tally *
tallies_get(struct tallies *t, uint32_t id)
{
	uint32_t slot;

	if (id == 0)
		return NULL;
	if ((slot = index_find(&t->index, id)) != no_slot)
		return &t->row[slot];
	if (t->n == t->room) {
		if (t->room == t->max)
			return NULL;
		t->room = t->room > t->max / 2 ? t->max : t->room * 2;
		t->row = xreallocarray(t->row, t->room, sizeof(*t->row));
		tallies_reindex(t);
	}
	slot = t->n++;
	t->row[slot] = (struct tally){ .id = id };
	index_add(&t->index, slot, id);
	return &t->row[slot];
}

const struct tally *
tallies_find(const struct tallies *t, uint32_t id)
{
	static const struct tally none;
	uint32_t slot = id != 0 ? index_find(&t->index, id) : no_slot;

	return slot != no_slot ? &t->row[slot] : &none;
}

void
tallies_retain(struct tallies *t, bool (*keep)(uint32_t, void *), void *arg)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < t->n; i++) {
		if (keep(t->row[i].id, arg))
			t->row[n++] = t->row[i];
	}
	if (n == t->n)
		return;
	t->n = n;
	tallies_reindex(t);
}
