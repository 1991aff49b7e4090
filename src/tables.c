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

uint32_t
ring_victim(const struct ring *r)
{
	return r->used < r->size ? no_slot : (r->newest + 1) % r->size;
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
