/*
 * The table of sources: chained buckets, keyed with a random seed because
 * guests choose their IPv6 addresses.  It holds what the engine told plus
 * one source for each open connection of a stranger, so connection limits
 * bound it.  A table is its worker's alone; what limits count is common to all
 * workers, and atomic: one such addition a connection, next to some twenty
 * system calls.
 */
#include "config.h"

#include "proxy/sources.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "addr.h"
#include "log.h"
#include "xmalloc.h"

enum { FOLD_MS = 1000 };

void
source_counts_init(struct source_counts *c)
{
	memset(c, 0, sizeof(*c));
	pthread_mutex_init(&c->lock, NULL);
	LIST_INIT(&c->guests);
}

void
source_counts_free(struct source_counts *c)
{
	pthread_mutex_destroy(&c->lock);
}

void
sources_init(struct sources *t, struct source_counts *counts)
{
	memset(t, 0, sizeof(*t));
	t->counts = counts;
	if (getentropy(&t->seed, sizeof(t->seed)) == -1)
		fatal("cannot draw a hash key");
}

static size_t
source_bucket(const struct sources *t, const struct addr *a)
{
	uint64_t h = t->seed ^ a->family;

	for (size_t i = 0; i < sizeof(a->bytes); i++) {
		h = (h ^ a->bytes[i]) * 0x9e3779b97f4a7c15u;
		h ^= h >> 29;
	}
	return (size_t)(h >> 32) % SOURCE_BUCKETS;
}

static struct source *
source_find(const struct sources *t, const struct addr *a)
{
	struct source *s;

	LIST_FOREACH(s, &t->buckets[source_bucket(t, a)], link) {
		if (addr_equal(&s->addr, a))
			return s;
	}
	return NULL;
}

static struct source *
source_new(struct sources *t, const struct addr *a)
{
	struct source *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->table = t;
	s->addr = *a;
	LIST_INSERT_HEAD(&t->buckets[source_bucket(t, a)], s, link);
	return s;
}

struct addr
source_uid(uint32_t uid)
{
	struct addr a = { .family = SOURCE_UID };

	memcpy(a.bytes, &uid, sizeof(uid));
	return a;
}

struct addr
source_mac(const uint8_t mac[6])
{
	struct addr a = { .family = SOURCE_MAC };

	memcpy(a.bytes, mac, 6);
	return a;
}

bool
source_has_macs(const struct source *s)
{
	return s->guest != NULL && s->guest->macs > 0;
}

const struct source *
source_of_mac(const struct sources *t, const uint8_t mac[6])
{
	const struct addr a = source_mac(mac);

	return source_find(t, &a);
}

bool
source_known(struct sources *t, const struct addr *a)
{
	const struct source *s = source_find(t, a);

	return s != NULL && s->guest != NULL;
}

/* The count of a guest, which has one source more now. */
static struct guest_count *
guest_join(struct source_counts *c, uint32_t id, uint8_t family)
{
	struct guest_count *g;

	LIST_FOREACH(g, &c->guests, link) {
		if (g->id == id)
			break;
	}
	if (g == NULL) {
		g = xcalloc(1, sizeof(*g));
		g->id = id;
		LIST_INSERT_HEAD(&c->guests, g, link);
	}
	g->sources++;
	g->macs += family == SOURCE_MAC;
	return g;
}

static void
guest_leave(struct guest_count *g, uint8_t family)
{
	g->macs -= family == SOURCE_MAC;
	if (--g->sources > 0)
		return;
	LIST_REMOVE(g, link);
	free(g);
}

/* Gives the source, and what it has open, to another guest (0: to nobody). */
static void
source_assign(struct sources *t, struct source *s, uint32_t id)
{
	struct source_counts *c = t->counts;

	pthread_mutex_lock(&c->lock);
	if (s->guest != NULL) {
		s->guest->open -= s->open;
		guest_leave(s->guest, s->addr.family);
		s->guest = NULL;
		t->nuids -= s->addr.family == SOURCE_UID;
		c->strangers += s->open;
	}
	if (id != 0) {
		s->guest = guest_join(c, id, s->addr.family);
		t->nuids += s->addr.family == SOURCE_UID;
		s->guest->open += s->open;
		c->strangers -= s->open;
	}
	pthread_mutex_unlock(&c->lock);
}

static void
source_free(struct source *s)
{
	LIST_REMOVE(s, link);
	free(s);
}

static void
source_forget(struct sources *t, struct source *s)
{
	source_assign(t, s, 0);
	s->name[0] = '\0';
	s->frozen = s->stale = false;
	memset(s->mac, 0, sizeof(s->mac));
}

struct source *
source_open(struct sources *t, const struct addr *a)
{
	struct source *s = source_find(t, a);

	if (s == NULL)
		s = source_new(t, a);
	if (s == NULL)
		return NULL;
	s->open++;
	if (s->guest != NULL)
		s->guest->open++;
	else
		t->counts->strangers++;
	return s;
}

void
source_close(struct source *s)
{
	s->open--;
	if (s->guest != NULL) {
		s->guest->open--;
		return;
	}
	s->table->counts->strangers--;
	if (s->open == 0)
		source_free(s);
}

uint32_t
source_load(const struct source *s)
{
	return s->guest != NULL ? s->guest->open : s->table->counts->strangers;
}

static bool
rate_take(struct rate *r, uint64_t now, uint32_t per_second)
{
	const uint64_t us = now * 1000;
	uint64_t was = r->next, next;

	if (per_second == 0)
		return true;
	do {
		next = was > us ? was : us;
		if (next - us > RATE_BURST_SECONDS * UINT64_C(1000000))
			return false;
	} while (!atomic_compare_exchange_weak(&r->next, &was, next + 1000000 / per_second));
	return true;
}

enum outcome
source_opens(struct source *s, uint64_t now, uint32_t per_guest, uint32_t in_all)
{
	struct rate *r = s->guest != NULL ? &s->guest->rate : &s->table->counts->strangers_rate;

	if (!rate_take(r, now, per_guest))
		return OUTCOME_MAX_NEW;
	return rate_take(&s->table->counts->rate, now, in_all) ? OUTCOME_NONE : OUTCOME_MAX_NEW_IN_ALL;
}

bool
source_tells(struct source *s, uint64_t now, uint16_t *more)
{
	struct fold *f = s->guest != NULL ? &s->guest->fold : &s->table->counts->strangers_fold;

	uint64_t told = f->told;
	uint32_t n;

	/* Only one of several workers tells. */
	if ((told != 0 && now < told + FOLD_MS) ||
	    !atomic_compare_exchange_strong(&f->told, &told, now)) {
		f->more++;
		return false;
	}
	n = atomic_exchange(&f->more, 0);
	*more = (uint16_t)(n < UINT16_MAX ? n : UINT16_MAX);
	return true;
}

uint32_t
source_guest(const struct source *s)
{
	return s->guest != NULL && !s->stale ? s->guest->id : 0;
}

struct source *
source_set(struct sources *t, const struct addr *a, uint32_t id, const char *name, bool frozen,
    const uint8_t mac[6])
{
	struct source *s = source_find(t, a);
	bool changed;

	if (id == 0) {
		if (s == NULL || s->guest == NULL)
			return NULL;
		source_forget(t, s);
		if (s->open > 0)
			return s;
		source_free(s);
		return NULL;
	}
	if (s == NULL && (s = source_new(t, a)) == NULL)
		return NULL;
	changed = s->guest == NULL || s->guest->id != id || s->frozen != frozen ||
	    strcmp(s->name, name) != 0;
	if (s->guest == NULL || s->guest->id != id)
		source_assign(t, s, id);
	copy_string(s->name, name, sizeof(s->name));
	if (mac != NULL)
		memcpy(s->mac, mac, sizeof(s->mac));
	s->frozen = frozen;
	s->stale = false;
	return changed && s->open > 0 ? s : NULL;
}

void
sources_mark(struct sources *t)
{
	struct source *s;

	for (size_t i = 0; i < SOURCE_BUCKETS; i++)
		LIST_FOREACH(s, &t->buckets[i], link)
			s->stale = s->guest != NULL;
}

void
sources_sweep(struct sources *t, void (*changed)(struct source *, void *), void *arg)
{
	struct source *s, *next;

	for (size_t i = 0; i < SOURCE_BUCKETS; i++) {
		for (s = LIST_FIRST(&t->buckets[i]); s != NULL; s = next) {
			next = LIST_NEXT(s, link);
			if (!s->stale)
				continue;
			source_forget(t, s);
			if (s->open > 0)
				changed(s, arg);
			else
				source_free(s);
		}
	}
}

void
sources_free(struct sources *t)
{
	struct source *s;

	for (size_t i = 0; i < SOURCE_BUCKETS; i++) {
		while ((s = LIST_FIRST(&t->buckets[i])) != NULL) {
			source_assign(t, s, 0);
			source_free(s);
		}
	}
}
