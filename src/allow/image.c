/*
 * Reading the image (image.h): checking that it holds what it says, and
 * verdicts.  What allow_image_open() has let pass, a look-up may trust: the
 * memory is sealed, and every length and reference in it stays inside.
 */
#include "config.h"

#include "allow/allow.h"

#include <stdlib.h>
#include <string.h>

#include "allow/hash.h"
#include "allow/image.h"
#include "allow/memfile.h"
#include "text.h"
#include "xmalloc.h"

enum { LABELS_MAX = 127, PORT_HTTP = 80, PORT_HTTPS = 443 };

struct allow_image {
	struct image_header		 h;
	const uint8_t			*map;
	const struct image_bucket	*buckets;
	const uint8_t			*keys;
	const struct image_rule		*rules;
	const char			*vms;
	size_t				 labels_max;	/* of a listed name */
	bool				 learn;		/* see allow_image_learn() */
};

static bool
bit(const uint64_t *set, size_t n)
{
	return set[n / 64] >> n % 64 & 1;
}

/* ---- checking ---- */

static const char *
check_header(struct allow_image *im, size_t size)
{
	struct image_layout at;

	if (size < IMAGE_HEADER_SIZE)
		return "the image is shorter than its header";
	memcpy(&im->h, im->map, sizeof(im->h));
	if (memcmp(im->h.magic, IMAGE_MAGIC, sizeof(im->h.magic)) != 0)
		return "the image is of another kind or version";
	at = image_layout(&im->h);
	if (im->h.size != size || at.size != size || im->h.nbuckets == 0)
		return "the parts of the image do not add up to its size";
	im->buckets =
	    (const struct image_bucket *)(const void *)(im->map + IMAGE_HEADER_SIZE);
	im->keys = im->map + at.keys;
	im->rules = (const struct image_rule *)(const void *)(im->map + at.rules);
	im->vms = (const char *)im->map + at.vms;
	for (size_t n = 1; n <= LABELS_MAX; n++)
		if (bit(im->h.depths, n))
			im->labels_max = n;
	return NULL;
}

static bool
flags_are_good(unsigned flags, unsigned known)
{
	return (flags & ~known) == 0 && (flags & IMAGE_KIND) <= ALLOW_BELOW;
}

static const char *
check_key(const struct allow_image *im, uint32_t at)
{
	const uint8_t *key = im->keys + at;
	uint32_t ref;

	if (im->h.keys_len < IMAGE_KEY_HEAD || at > im->h.keys_len - IMAGE_KEY_HEAD)
		return "a bucket of the image refers to a key outside";
	if (key[5] == 0 || key[5] > GH_NAME_MAX ||
	    key[5] > im->h.keys_len - IMAGE_KEY_HEAD - at)
		return "a key of the image has a wrong length";
	memcpy(&ref, key, sizeof(ref));
	if (key[4] == IMAGE_CHAIN)
		return ref < im->h.nrules ? NULL
					  : "a key of the image refers to a rule outside";
	if (!flags_are_good(key[4], IMAGE_KEY_FLAGS))
		return "a key of the image has wrong flags";
	return NULL;
}

static const char *
check_buckets(const struct allow_image *im)
{
	bool room = false;
	const char *why;

	for (uint32_t n = 0; n < im->h.nbuckets; n++) {
		const struct image_bucket *b = &im->buckets[n];

		if (b->used > IMAGE_SLOTS || b->full > 1)
			return "a bucket of the image is overfull";
		room = room || !b->full;
		for (unsigned i = 0; i < b->used; i++)
			if ((why = check_key(im, b->key[i])) != NULL)
				return why;
	}
	return room ? NULL : "the buckets of the image never end";
}

static const char *
check_rules(const struct allow_image *im)
{
	for (uint32_t n = 0; n < im->h.nrules; n++) {
		const struct image_rule *r = &im->rules[n];

		if (r->next > n)
			return "a chain of rules in the image does not end";
		if (!flags_are_good(r->flags, IMAGE_RULE_FLAGS))
			return "a rule of the image has wrong flags";
		if (r->vm > im->h.vms_len)
			return "a rule of the image refers to a guest outside";
	}
	if (im->h.vms_len != 0 && im->vms[im->h.vms_len - 1] != '\0')
		return "the guests' names in the image do not end";
	return NULL;
}

struct allow_image *
image_over(const void *bytes, size_t size, const char **cause)
{
	struct allow_image *im = xcalloc(1, sizeof(*im));

	im->map = bytes;
	if ((*cause = check_header(im, size)) != NULL ||
	    (*cause = check_buckets(im)) != NULL || (*cause = check_rules(im)) != NULL) {
		free(im);
		return NULL;
	}
	return im;
}

struct allow_image *
allow_image_open(int fd, size_t size, const char **cause)
{
	const void *map = memfile_map(fd, size, cause);
	struct allow_image *im;

	if (map == NULL)
		return NULL;
	if ((im = image_over(map, size, cause)) == NULL)
		memfile_unmap(map, size);
	return im;
}

void
allow_image_close(struct allow_image *im)
{
	if (im == NULL)
		return;
	memfile_unmap(im->map, im->h.size);
	free(im);
}

void
allow_image_learn(struct allow_image *im, bool on)
{
	if (im != NULL)
		im->learn = on;
}

/* ---- verdicts ---- */

struct question {
	const struct allow_image	*im;
	const char			*guest;
	int64_t				 now;
	uint16_t			 port;
	bool				 any_port;
};

/*
 * What one level of specificity says.  The entry named is the first in the
 * file: rules come last to first, so each overwrites the one before.
 */
struct level {
	uint32_t	deny, allow;
	uint32_t	no_port;	/* lists the name, but not for such a port */
	uint32_t	explains;	/* would have listed it: off, ended, other port */
	uint8_t		reason;		/* of explains */
	uint8_t		why;		/* of allow: listed, or by a preset */
};

static bool
is_web(const struct question *q)
{
	return q->any_port || q->port == PORT_HTTP || q->port == PORT_HTTPS;
}

static void
judge_rule(struct level *v, const struct question *q, const struct image_rule *r)
{
	const bool ended = r->until != 0 && r->until <= q->now;
	uint8_t explains = REASON_NONE;

	if (r->vm != 0 &&
	    (q->guest[0] == '\0' || !text_glob(q->im->vms + r->vm - 1, q->guest)))
		return;
	if (r->flags & IMAGE_OFF)
		explains = REASON_DISABLED;
	else if (ended)
		explains = REASON_EXPIRED;
	else if (r->port != 0 && r->port != q->port && !q->any_port)
		explains = REASON_PORT;
	else if (r->flags & IMAGE_PENDING)
		explains = REASON_DISABLED;
	else if (r->flags & IMAGE_DENY) {
		/* One port of a name says nothing of the others. */
		if (r->port == 0 || !q->any_port)
			v->deny = r->id;
	} else if (r->port != 0 || is_web(q)) {
		v->allow = r->id;
		v->why = r->flags & IMAGE_PRESET ? REASON_PRESET : REASON_LISTED;
	} else
		v->no_port = r->id;
	/* A deny entry that does not count would not have helped if it did. */
	if (explains != REASON_NONE && !(r->flags & IMAGE_DENY)) {
		v->explains = r->id;
		v->reason = explains;
	}
}

/* True when this level decides; else it may have explained. */
static bool
decide(const struct level *v, struct allow_answer *a)
{
	if (v->deny != 0)
		*a = (struct allow_answer){ .reason = REASON_DENY_ENTRY,
			.entry = v->deny };
	else if (v->allow != 0)
		*a = (struct allow_answer){ .verdict = VERDICT_ALLOW,
			.reason = v->why, .entry = v->allow };
	else if (v->no_port != 0)
		*a = (struct allow_answer){ .reason = REASON_PORT, .entry = v->no_port };
	else {
		if (v->explains != 0 && a->entry == 0)
			*a = (struct allow_answer){ .reason = v->reason,
				.entry = v->explains };
		return false;
	}
	return true;
}

/* The exact entries of the whole name come first, then .name; of a suffix of
 * it, .suffix and *.suffix count alike. */
static bool
judge_key(const struct question *q, const uint8_t *key, bool whole,
    struct allow_answer *a)
{
	struct level exact = { 0 }, wide = { 0 };
	struct image_rule only = { .flags = key[4] };
	const struct image_rule *r = &only;
	uint32_t ref;

	memcpy(&ref, key, sizeof(ref));
	if (key[4] == IMAGE_CHAIN)
		r = &q->im->rules[ref];
	else
		only.id = ref;
	for (;;) {
		const unsigned kind = r->flags & IMAGE_KIND;

		if (whole && kind == ALLOW_EXACT)
			judge_rule(&exact, q, r);
		else if (kind == ALLOW_TREE || (!whole && kind == ALLOW_BELOW))
			judge_rule(&wide, q, r);
		if (r->next == 0)
			break;
		r = &q->im->rules[r->next - 1];
	}
	return decide(&exact, a) || decide(&wide, a);
}

/* The key of a name, or NULL. */
static const uint8_t *
find_key(const struct allow_image *im, uint64_t hash, const char *name, size_t len)
{
	const uint8_t tag = image_tag_of(hash), *key;
	const struct image_bucket *b;
	uint32_t n = image_bucket_of(hash, im->h.nbuckets);

	for (;; n = n + 1 < im->h.nbuckets ? n + 1 : 0) {
		b = &im->buckets[n];
		for (unsigned i = 0; i < b->used; i++) {
			if (b->tag[i] != tag)
				continue;
			key = im->keys + b->key[i];
			if (key[5] == len && memcmp(key + IMAGE_KEY_HEAD, name, len) == 0)
				return key;
		}
		if (!b->full)
			return NULL;
	}
}

struct probe {
	uint64_t	hash;
	size_t		start;	/* of the suffix in the name */
};

/* A bit in each byte that is a dot. */
static uint64_t
dots_in(uint64_t word)
{
	const uint64_t low = UINT64_C(0x7f7f7f7f7f7f7f7f);
	const uint64_t x = word ^ UINT64_C(0x2e2e2e2e2e2e2e2e);

	return ~(((x & low) + low) | x | low);
}

/*
 * One pass from the last byte to the first gives the hash of every suffix
 * that can be listed at all; their buckets are on the way from memory while
 * the rest is hashed.  The most specific suffix comes last.
 */
static size_t
find_probes(const struct allow_image *im, const char *name, size_t len,
    struct probe probes[LABELS_MAX])
{
	struct name_hash h = name_hash_start(im->h.key);
	size_t labels = 0, n = 0, size;
	uint64_t word, ends;

	for (size_t done = 0; done <= len; done += 8) {
		word = name_hash_read(name, len - done, len);
		ends = dots_in(word);
		if (len - done < 8)	/* the name ends as a label does */
			ends = (ends & ((UINT64_C(1) << 8 * (len - done)) - 1)) |
			    UINT64_C(0x80) << 8 * (len - done);
		for (; ends != 0; ends &= ends - 1) {
			/* No listed name has more labels. */
			if (++labels > im->labels_max)
				return n;
			size = done + (size_t)__builtin_ctzll(ends) / 8;
			if (!bit(im->h.depths, labels) || !bit(im->h.lengths, size))
				continue;
			probes[n].hash = name_hash_end(h, word, size);
			probes[n].start = len - size;
			__builtin_prefetch(&im->buckets[image_bucket_of(probes[n].hash,
			    im->h.nbuckets)]);
			n++;
		}
		name_hash_add(&h, word);
	}
	return n;
}

static struct allow_answer
judge(const struct question *q, const char *name, size_t len)
{
	struct allow_answer a = { .verdict = VERDICT_DENY, .reason = REASON_NOT_LISTED };
	struct probe probes[LABELS_MAX];
	const uint8_t *key;

	if (q->im == NULL || len == 0 || len > GH_NAME_MAX)
		return a;
	for (size_t n = find_probes(q->im, name, len, probes); n-- > 0;) {
		const struct probe *p = &probes[n];

		key = find_key(q->im, p->hash, name + p->start, len - p->start);
		if (key != NULL && judge_key(q, key, p->start == 0, &a))
			break;
	}
	if (a.reason == REASON_NOT_LISTED && q->im->learn && is_web(q))
		a = (struct allow_answer){ .verdict = VERDICT_ALLOW,
			.reason = REASON_LEARNED };
	return a;
}

struct allow_answer
allow_lookup(const struct allow_image *im, const char *name, size_t len, uint16_t port,
    const char *guest, int64_t now)
{
	const struct question q = { .im = im, .guest = guest, .now = now, .port = port };

	return judge(&q, name, len);
}

struct allow_answer
allow_lookup_name(const struct allow_image *im, const char *name, size_t len,
    const char *guest, int64_t now)
{
	const struct question q = { .im = im, .guest = guest, .now = now, .any_port = true };

	return judge(&q, name, len);
}
