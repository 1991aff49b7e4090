/*
 * From the list to its image (image.h).  Everything is written straight into
 * the memory file but rules and globs, which are few and whose number is not
 * known before the end.
 */
#include "config.h"

#include "allow/list.h"

#include <sys/random.h>

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "allow/hash.h"
#include "allow/image.h"
#include "allow/memfile.h"
#include "xmalloc.h"

enum { BATCH = 16 };

/* An entry on its way into the image.  rule says all that its line does; next is
 * not known yet. */
struct pending {
	uint64_t		hash;
	const char		*name;		/* in the text, or own; or a prefix's key */
	size_t			name_len;
	struct image_rule	rule;
	char			own[GH_NAME_SIZE];
};

struct builder {
	struct image_header	 h;
	uint8_t			*map;
	size_t			 map_size;
	struct image_bucket	*buckets;
	uint8_t			*keys;
	struct image_rule	*rules;
	size_t			 rules_room;
	char			*vms;
	size_t			 vms_room;
	size_t			 nbatch;
	struct pending		 batch[BATCH];
};

static void
note_name(struct image_header *h, unsigned labels, unsigned len)
{
	h->depths[labels / 64] |= UINT64_C(1) << labels % 64;
	h->lengths[len / 64] |= UINT64_C(1) << len % 64;
}

static uint32_t
add_vm(struct builder *b, const char *vm)
{
	const size_t len = strlen(vm) + 1, at = b->h.vms_len;

	if (len == 1)
		return 0;
	if (at + len > b->vms_room) {
		b->vms_room = 2 * b->vms_room + GH_GUEST_SIZE;
		b->vms = xreallocarray(b->vms, b->vms_room, 1);
	}
	memcpy(b->vms + at, vm, len);
	b->h.vms_len += (uint32_t)len;
	return (uint32_t)at + 1;
}

static uint32_t
add_rule(struct builder *b, const struct image_rule *r)
{
	if (b->h.nrules == b->rules_room) {
		b->rules_room = b->rules_room != 0 ? b->rules_room * 2 : 64;
		b->rules = xreallocarray(b->rules, b->rules_room, sizeof(*b->rules));
	}
	b->rules[b->h.nrules] = *r;
	return b->h.nrules++;
}

static void
new_key(struct builder *b, const struct pending *p, uint32_t at)
{
	const struct image_rule *r = &p->rule;
	uint8_t *key = b->keys + at, flags = r->flags;
	uint32_t ref = r->id;

	if (r->until != 0 || r->vm != 0 || r->port != 0) {
		ref = add_rule(b, r);
		flags = IMAGE_CHAIN;
	}
	memcpy(key, &ref, sizeof(ref));
	key[4] = flags;
	key[5] = (uint8_t)p->name_len;
	memcpy(key + IMAGE_KEY_HEAD, p->name, p->name_len);
}

/* One more entry for a name that has some. */
static void
extend_key(struct builder *b, const struct pending *p, uint32_t at)
{
	struct image_rule r = p->rule;
	uint8_t *key = b->keys + at;
	uint32_t ref;

	memcpy(&ref, key, sizeof(ref));
	if (key[4] != IMAGE_CHAIN) {
		const struct image_rule first = { .id = ref, .flags = key[4] };

		ref = add_rule(b, &first);
		key[4] = IMAGE_CHAIN;
	}
	r.next = ref + 1;
	ref = add_rule(b, &r);
	memcpy(key, &ref, sizeof(ref));
}

static bool
key_is(const struct builder *b, uint32_t at, const struct pending *p)
{
	const uint8_t *key = b->keys + at;

	return key[5] == p->name_len &&
	       memcmp(key + IMAGE_KEY_HEAD, p->name, p->name_len) == 0;
}

static void
insert(struct builder *b, const struct pending *p)
{
	const uint8_t tag = image_tag_of(p->hash);
	uint32_t n = image_bucket_of(p->hash, b->h.nbuckets);
	struct image_bucket *k;

	for (;; n = n + 1 < b->h.nbuckets ? n + 1 : 0) {
		k = &b->buckets[n];
		for (unsigned i = 0; i < k->used; i++) {
			if (k->tag[i] == tag && key_is(b, k->key[i], p)) {
				extend_key(b, p, k->key[i]);
				return;
			}
		}
		if (k->used < IMAGE_SLOTS)
			break;
		k->full = 1;
	}
	new_key(b, p, b->h.keys_len);
	k->tag[k->used] = tag;
	k->key[k->used++] = b->h.keys_len;
	b->h.keys_len += (uint32_t)(IMAGE_KEY_HEAD + p->name_len);
}

/* In batches, so that the buckets are on their way while names are hashed. */
static void
insert_batch(struct builder *b)
{
	for (size_t i = 0; i < b->nbatch; i++)
		insert(b, &b->batch[i]);
	b->nbatch = 0;
}

/* b->batch[b->nbatch] was filled in, but for the hash. */
static void
take(struct builder *b)
{
	struct pending *p = &b->batch[b->nbatch];

	p->hash = name_hash(b->h.key, p->name, p->name_len);
	__builtin_prefetch(&b->buckets[image_bucket_of(p->hash, b->h.nbuckets)], 1);
	if (++b->nbatch == BATCH)
		insert_batch(b);
}

static void
take_plain(struct builder *b, const struct allowlist *l, const struct item *it)
{
	struct pending *p = &b->batch[b->nbatch];

	p->name = l->text + it->off + item_front(it);
	p->name_len = it->name_len;
	p->rule = (struct image_rule){ .id = it->id, .flags = it->flags & ITEM_KIND };
	note_name(&b->h, it->labels, it->name_len);
	take(b);
}

static void
own_name(struct builder *b, struct pending *p, const char *name)
{
	unsigned labels = 1;

	p->name_len = strlen(name);
	memcpy(p->own, name, p->name_len);
	for (size_t i = 0; i < p->name_len; i++)
		labels += name[i] == '.';
	note_name(&b->h, labels, (unsigned)p->name_len);
}

/* Its key takes the place of the name, of which there is none. */
static void
own_prefix(struct builder *b, struct pending *p, const struct addr *net, unsigned bits)
{
	p->name_len = image_addr_key((uint8_t *)p->own, net, bits);
	if (net->family == 4)
		b->h.bits4 |= UINT64_C(1) << bits;
	else
		b->h.bits6[bits / 64] |= UINT64_C(1) << bits % 64;
}

static void
take_entry(struct builder *b, const struct allow_entry *e, uint8_t flags)
{
	struct pending *p = &b->batch[b->nbatch];

	if (e->kind == ALLOW_PRESET)
		return;
	p->name = p->own;
	if (e->kind == ALLOW_PREFIX)
		own_prefix(b, p, &e->prefix, e->prefix_bits);
	else
		own_name(b, p, e->name);
	p->rule = (struct image_rule){ .id = e->id, .until = e->until, .vm = add_vm(b, e->vm),
		.port = e->port, .flags = (uint8_t)(flags | e->kind | (e->deny ? IMAGE_DENY : 0) |
		    (e->state == ALLOW_OFF ? IMAGE_OFF : 0) |
		    (entry_in_force(e) ? 0 : IMAGE_PENDING) |
		    (e->port != 0 && e->proto == IPPROTO_UDP ? IMAGE_UDP : 0)) };
	take(b);
}

static void
take_preset(struct builder *b, const struct allowlist *inner,
    const struct allow_entry *preset)
{
	struct allow_entry e;

	for (size_t i = 0; i < inner->n; i++) {
		preset_fill(inner, i, preset, &e);
		take_entry(b, &e, IMAGE_PRESET);
	}
}

static void
insert_all(struct builder *b, const struct allowlist *l)
{
	const struct allowlist *inner;
	struct allow_entry e;

	for (size_t i = 0; i < l->n; i++) {
		if (l->items[i].flags & ITEM_PLAIN) {
			take_plain(b, l, &l->items[i]);
			continue;
		}
		list_fill(l, i, &e);
		if ((inner = preset_list(l, &e)) != NULL)
			take_preset(b, inner, &e);
		else
			take_entry(b, &e, 0);
	}
	insert_batch(b);
}

/* How many entries there are, and how many bytes their keys can take. */
struct extent {
	size_t	n, keys;
};

static void
measure_items(struct extent *x, const struct allowlist *l)
{
	x->n += l->n;
	for (size_t i = 0; i < l->n; i++)
		x->keys += (size_t)IMAGE_KEY_HEAD + (l->items[i].name_len != 0 ?
		    l->items[i].name_len : IMAGE_ADDR6);
}

/* With what presets stand for.  NULL, or a cause: one that is on stands for
 * nothing, which is never what was meant. */
static char *
measure(struct extent *x, const struct allowlist *l)
{
	struct allow_entry e;
	char *why, *cause;

	measure_items(x, l);
	for (size_t i = 0; i < l->n; i++) {
		if (!item_is_preset(&l->items[i]))
			continue;
		list_fill(l, i, &e);
		if (preset_list(l, &e) != NULL)
			measure_items(x, preset_list(l, &e));
		else if (e.state == ALLOW_PENDING && (why = preset_cause(l, &e)) != NULL) {
			cause = xasprintf("%s:%u: %s", l->path, e.line, why);
			free(why);
			return cause;
		}
		if (x->n > 2 * ALLOW_ENTRIES_MAX)
			return xasprintf("%s:%u: with its presets the list has more than %u "
			    "entries; list fewer", l->path, e.line, 2 * ALLOW_ENTRIES_MAX);
	}
	return NULL;
}

/* Room for each entry to become two rules with a glob: only what is used is
 * ever touched. */
static size_t
most_size(const struct extent *x, uint32_t nbuckets)
{
	return IMAGE_HEADER_SIZE + nbuckets * sizeof(struct image_bucket) + x->keys + 8 +
	       x->n * (2 * sizeof(struct image_rule) + GH_GUEST_SIZE);
}

int
allow_compile(const struct allowlist *l, size_t *size, char **cause)
{
	struct builder b = { .h = { .magic = IMAGE_MAGIC } };
	struct extent extent = { 0 };
	struct image_layout at;
	void *map;
	int fd;

	if ((*cause = measure(&extent, l)) != NULL)
		return -1;
	if (getentropy(b.h.key, sizeof(b.h.key)) == -1) {
		*cause = xasprintf("no random numbers for the compiled allowlist: %s",
		    strerror(errno));
		return -1;
	}
	/* One more, so that a bucket with room is always found. */
	b.h.nbuckets = (uint32_t)(extent.n / IMAGE_SLOTS_USED) + 1;
	b.map_size = most_size(&extent, b.h.nbuckets);
	if ((fd = memfile_new(b.map_size, &map, cause)) == -1)
		return -1;
	b.map = map;
	b.buckets = (struct image_bucket *)(void *)(b.map + IMAGE_HEADER_SIZE);
	b.keys = b.map + image_layout(&b.h).keys;
	insert_all(&b, l);
	at = image_layout(&b.h);
	b.h.size = at.size;
	memcpy(b.map, &b.h, sizeof(b.h));
	if (b.h.nrules != 0)
		memcpy(b.map + at.rules, b.rules, b.h.nrules * sizeof(*b.rules));
	if (b.h.vms_len != 0)
		memcpy(b.map + at.vms, b.vms, b.h.vms_len);
	free(b.rules);
	free(b.vms);
	if (memfile_seal(fd, map, b.map_size, at.size) == -1) {
		*cause =
		    xasprintf("cannot seal the compiled allowlist: %s", strerror(errno));
		close(fd);
		return -1;
	}
	*size = at.size;
	return fd;
}
