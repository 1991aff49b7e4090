/*
 * Runs of like packets, in memory that is all allocated at the start.
 *
 * A table keeps its runs dense in an array, in order of arrival, and finds
 * them through slots: open addressing, at most half full, hashed with a key
 * that a guest cannot know (SipHash), so that no choice of addresses makes the
 * probing long. Runs are removed only in a flush, which then fills the slots
 * anew.
 *
 * There are three tables. runs: the packets, by everything that tells them
 * apart. origins: how many runs each incoming interface holds, for its quota.
 * folds: what found no room, by interface and label; when even that is full
 * (both are the host's own names, so it takes a very odd host), by nothing.
 */
#include "config.h"

#include <sys/random.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "drops.h"
#include "log.h"
#include "xmalloc.h"

enum {
	RUNS_MIN = 16,
	ORIGINS_MAX = 256,
	FOLDS_MAX = 256,
	ORIGIN_SHARE = 4,	/* no interface holds more than one in so many */
};

/* All that makes packets alike. Hashed and compared as bytes: no padding. */
struct key {
	uint8_t		src[16], dst[16];
	char		in[GH_IFNAME_SIZE], out[GH_IFNAME_SIZE];
	char		label[GH_LABEL_SIZE];
	uint32_t	uid;
	uint16_t	flags, ethertype, port;
	uint8_t		mac[6];
	uint8_t		src_family, dst_family, proto, icmp_type, icmp_code;
	uint8_t		zero[3];
};
_Static_assert(sizeof(struct key) == 120 && sizeof(struct key) % 8 == 0,
    "struct key has padding, or its size is no multiple of eight");

struct run {
	struct key	key;
	uint64_t	hash;
	uint32_t	idle;		/* flushes since it changed */
	uint32_t	held;		/* of an origin: its runs */
	struct drop	drop;
};

struct table {
	struct run	*runs;
	size_t		 n, max;
	uint32_t	*slots;		/* index into runs + 1, 0: free */
	size_t		 mask;
};

struct aggregate {
	struct table	 runs, origins, folds;
	uint64_t	 seed[2];
	uint64_t	 folded;
};

static inline uint64_t
rotate(uint64_t x, unsigned by)
{
	return x << by | x >> (64 - by);
}

static inline void
sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] = rotate(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] = rotate(v[2], 32);
}

/* SipHash-1-3 of a key, in host order: its value never leaves the process. */
static uint64_t
key_hash(const struct key *key, const uint64_t seed[2])
{
	uint64_t v[4] = { seed[0] ^ 0x736f6d6570736575u, seed[1] ^ 0x646f72616e646f6du,
		seed[0] ^ 0x6c7967656e657261u, seed[1] ^ 0x7465646279746573u };
	uint64_t words[sizeof(*key) / 8];

	memcpy(words, key, sizeof(words));
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		v[3] ^= words[i];
		sip_round(v);
		v[0] ^= words[i];
	}
	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static void
table_new(struct table *t, size_t max)
{
	size_t slots = 1;

	while (slots < max * 2)
		slots *= 2;
	t->runs = xcalloc(max, sizeof(*t->runs));
	t->slots = xcalloc(slots, sizeof(*t->slots));
	t->max = max;
	t->mask = slots - 1;
}

static void
table_free(struct table *t)
{
	free(t->runs);
	free(t->slots);
}

/* The run of that key, or NULL and the slot where it would go. */
static struct run *
table_find(const struct table *t, const struct key *key, uint64_t hash, size_t *slot)
{
	size_t i;

	for (i = hash & t->mask; t->slots[i] != 0; i = (i + 1) & t->mask) {
		struct run *r = &t->runs[t->slots[i] - 1];

		if (r->hash == hash && memcmp(&r->key, key, sizeof(*key)) == 0)
			return r;
	}
	*slot = i;
	return NULL;
}

/* The slot is table_find()'s. NULL: full. */
static struct run *
table_add(struct table *t, const struct key *key, uint64_t hash, size_t slot)
{
	struct run *r;

	if (t->n == t->max)
		return NULL;
	r = &t->runs[t->n++];
	t->slots[slot] = (uint32_t)t->n;
	memset(r, 0, sizeof(*r));
	r->key = *key;
	r->hash = hash;
	return r;
}

static void
table_fill_slots(struct table *t)
{
	memset(t->slots, 0, (t->mask + 1) * sizeof(*t->slots));
	for (size_t n = 0; n < t->n; n++) {
		size_t i = t->runs[n].hash & t->mask;

		while (t->slots[i] != 0)
			i = (i + 1) & t->mask;
		t->slots[i] = (uint32_t)n + 1;
	}
}

/* Finds or adds. The last place of the table is kept for the catch-all key,
 * which stands for whatever finds none, so there always is one. */
static struct run *
table_get(struct table *t, const struct key *key, const uint64_t seed[2])
{
	static const struct key catch_all = { .flags = DROP_FOLDED, .label = "others" };
	uint64_t hash = key_hash(key, seed);
	struct run *r;
	size_t slot;

	r = table_find(t, key, hash, &slot);
	if (r == NULL && t->n >= t->max - 1) {
		key = &catch_all;
		hash = key_hash(key, seed);
		r = table_find(t, key, hash, &slot);
	}
	if (r == NULL)
		r = table_add(t, key, hash, slot);
	if (r == NULL)
		fatalx("aggregate: no place for what finds no place");
	return r;
}

/* Hands over what changed and removes what did not for long. What is not
 * taken keeps its place and its counts. */
static void
table_flush(struct table *t, drop_taker take, void *arg)
{
	size_t kept = 0;

	for (size_t i = 0; i < t->n; i++) {
		struct run *r = &t->runs[i];

		if (r->drop.count != 0) {
			if (take(&r->drop, arg))
				r->drop.count = r->drop.bytes = 0;
			r->idle = 0;
		} else if (++r->idle >= AGGREGATE_IDLE)
			continue;
		if (kept != i)
			t->runs[kept] = *r;
		kept++;
	}
	if (kept == t->n)
		return;
	t->n = kept;
	table_fill_slots(t);
}

struct aggregate *
aggregate_new(size_t max_runs)
{
	struct aggregate *a = xcalloc(1, sizeof(*a));

	if (getentropy(a->seed, sizeof(a->seed)) == -1)
		fatal("no random bytes");
	table_new(&a->runs, max_runs > RUNS_MIN ? max_runs : RUNS_MIN);
	table_new(&a->origins, ORIGINS_MAX);
	table_new(&a->folds, FOLDS_MAX);
	return a;
}

void
aggregate_free(struct aggregate *a)
{
	if (a == NULL)
		return;
	table_free(&a->runs);
	table_free(&a->origins);
	table_free(&a->folds);
	free(a);
}

static void
key_of(const struct drop *d, struct key *key)
{
	memset(key, 0, sizeof(*key));
	memcpy(key->src, d->src.bytes, sizeof(key->src));
	memcpy(key->dst, d->dst.bytes, sizeof(key->dst));
	key->src_family = d->src.family;
	key->dst_family = d->dst.family;
	copy_string(key->in, d->in, sizeof(key->in));
	copy_string(key->out, d->out, sizeof(key->out));
	copy_string(key->label, d->label, sizeof(key->label));
	key->flags = d->flags;
	key->ethertype = d->ethertype;
	key->proto = d->proto;
	if ((d->flags & DROP_UID) != 0)
		key->uid = d->uid;
	if ((d->flags & DROP_PORTS) != 0)
		key->port = d->dport;
	if ((d->flags & DROP_MAC) != 0)
		memcpy(key->mac, d->mac, sizeof(key->mac));
	if ((d->flags & DROP_ICMP) != 0) {
		key->icmp_type = d->icmp_type;
		key->icmp_code = d->icmp_code;
	}
}

static void
run_count(struct run *r, const struct drop *d)
{
	r->drop.last = d->last;
	r->drop.count += d->count;
	r->drop.bytes += d->bytes;
}

/* How many runs the interface holds that the packet came in by. */
static struct run *
origin_of(struct aggregate *a, const char in[GH_IFNAME_SIZE])
{
	struct key key = { .flags = 0 };

	copy_string(key.in, in, sizeof(key.in));
	return table_get(&a->origins, &key, a->seed);
}

static void
fold(struct aggregate *a, const struct drop *d)
{
	struct key key = { .flags = DROP_FOLDED };
	struct run *r;

	copy_string(key.in, d->in, sizeof(key.in));
	copy_string(key.label, d->label, sizeof(key.label));
	r = table_get(&a->folds, &key, a->seed);
	if (r->drop.flags == 0) {
		copy_string(r->drop.in, r->key.in, sizeof(r->drop.in));
		copy_string(r->drop.label, r->key.label, sizeof(r->drop.label));
		r->drop.flags = DROP_FOLDED;
		r->drop.first = d->first;
	}
	run_count(r, d);
	a->folded += d->count;
}

void
aggregate_add(struct aggregate *a, const struct drop *d)
{
	struct run *r, *origin;
	struct key key;
	uint64_t hash;
	size_t slot;

	key_of(d, &key);
	hash = key_hash(&key, a->seed);
	r = table_find(&a->runs, &key, hash, &slot);
	if (r != NULL) {
		r->drop.sport = d->sport;
		run_count(r, d);
		return;
	}
	origin = origin_of(a, d->in);
	if (origin->held >= a->runs.max / ORIGIN_SHARE) {
		fold(a, d);
		return;
	}
	r = table_add(&a->runs, &key, hash, slot);
	if (r == NULL) {
		fold(a, d);
		return;
	}
	r->drop = *d;
	origin->held++;
}

void
aggregate_flush(struct aggregate *a, drop_taker take, void *arg)
{
	table_flush(&a->runs, take, arg);
	table_flush(&a->folds, take, arg);
	/* Interfaces come and go with guests: count afresh who holds what. */
	a->origins.n = 0;
	table_fill_slots(&a->origins);
	for (size_t i = 0; i < a->runs.n; i++)
		origin_of(a, a->runs.runs[i].key.in)->held++;
}

uint64_t
aggregate_folded(const struct aggregate *a)
{
	return a->folded;
}

size_t
aggregate_runs(const struct aggregate *a)
{
	return a->runs.n;
}
