/*
 * The compiled form of the allowlist, in this order and without gaps but
 * where said:
 *
 *	header		IMAGE_HEADER_SIZE bytes
 *	buckets		nbuckets of 64 bytes, one cache line each
 *	keys		keys_len bytes: a key for each name that is listed
 *	rules		nrules of 24 bytes, aligned to 8
 *	vms		vms_len bytes: globs, each with its NUL
 *
 * A name's hash chooses a bucket, and a tag that weeds out all but 1 in 256
 * of the others there; the bucket refers to keys by their offset.  A bucket
 * that is full says so, and the next one (the first after the last) goes on.
 *
 * A key is its entry, if it has one without options:
 *	u32 id, u8 flags, u8 length, name
 * (an entry of a preset has the id of the entry that names the preset)
 * or the number of its first rule (flag IMAGE_CHAIN).  Rules of a name are
 * chained from the last in the file to the first; each refers only to rules
 * before itself, so a chain ends.
 *
 * A prefix of addresses is a key too, always with rules, since it has a port.
 * In the place of the name stand family (4 or 6), bits and the 4 or 16 bytes of
 * its first address, which no name can be: none has such bytes.
 *
 * Integers are in host order: the image never leaves the machine.
 */
#ifndef IMAGE_H
#define IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "allow/allow.h"

#define IMAGE_MAGIC "GHALLOW2"

enum {
	IMAGE_HEADER_SIZE = 128,
	IMAGE_SLOTS = 12,
	IMAGE_SLOTS_USED = 8,	/* of them, on average, in a new image */
	IMAGE_KEY_HEAD = 6,
	IMAGE_ADDR4 = 6,	/* bytes of a prefix's key, without head */
	IMAGE_ADDR6 = 18,
};

enum image_flag {
	IMAGE_KIND = 3,			/* mask: ALLOW_EXACT, _TREE, _BELOW, _PREFIX */
	IMAGE_DENY = 1 << 2,
	IMAGE_OFF = 1 << 3,
	IMAGE_PENDING = 1 << 4,		/* rules only */
	IMAGE_CHAIN = 1 << 5,		/* keys only, and alone */
	IMAGE_PRESET = 1 << 6,		/* stands in a preset */
	IMAGE_UDP = 1 << 7,		/* rules only: the port is one of UDP */
	IMAGE_KEY_FLAGS = IMAGE_KIND | IMAGE_DENY | IMAGE_OFF | IMAGE_PRESET,
	IMAGE_RULE_FLAGS = IMAGE_KEY_FLAGS | IMAGE_PENDING | IMAGE_UDP,
};

struct image_header {
	char		magic[8];
	uint64_t	size;		/* of the whole image */
	uint64_t	key[2];		/* of the hash, random for each image */
	/* Which names cannot be listed, told without a look at a bucket: */
	uint64_t	depths[2];	/* bit n: a name of n labels is */
	uint64_t	lengths[4];	/* bit n: a name of n bytes is */
	uint64_t	bits4, bits6[3];	/* bit n: a prefix of n bits is */
	uint32_t	nbuckets;
	uint32_t	nrules;
	uint32_t	keys_len;
	uint32_t	vms_len;
};

struct image_bucket {
	uint8_t		tag[IMAGE_SLOTS];
	uint8_t		used;
	uint8_t		full;		/* the next bucket goes on */
	uint8_t		pad[2];
	uint32_t	key[IMAGE_SLOTS];
};

struct image_rule {
	uint32_t	id;
	uint32_t	next;		/* 1 + number of the next rule; 0: the last */
	int64_t		until;		/* 0: none */
	uint32_t	vm;		/* 1 + offset of its glob; 0: every guest */
	uint16_t	port;		/* 0: 80 and 443 */
	uint8_t		flags;		/* enum image_flag */
	uint8_t		pad;
};

_Static_assert(sizeof(struct image_header) <= IMAGE_HEADER_SIZE, "it has its place");
_Static_assert(sizeof(struct image_bucket) == 64, "a bucket is a cache line");
_Static_assert(sizeof(struct image_rule) == 24, "no padding in a rule");

struct image_layout {
	uint64_t	keys, rules, vms, size;
};

static inline struct image_layout
image_layout(const struct image_header *h)
{
	struct image_layout at;

	at.keys = IMAGE_HEADER_SIZE + (uint64_t)h->nbuckets * sizeof(struct image_bucket);
	at.rules = (at.keys + h->keys_len + 7) & ~(uint64_t)7;
	at.vms = at.rules + (uint64_t)h->nrules * sizeof(struct image_rule);
	at.size = at.vms + h->vms_len;
	return at;
}

struct allow_image;
/*
 * Checks an image that lies in memory, aligned to 8, and makes a handle on
 * it, which one free() ends; the bytes must outlive it and not change.  NULL
 * and a static phrase if the image lies.
 */
struct allow_image	*image_over(const void *, size_t size, const char **cause);
/* Calls visit with every rule for addresses, in no order. */
void			 image_prefixes(const struct allow_image *,
			    void (*visit)(const struct addr *net, unsigned bits,
			    const struct image_rule *, void *), void *arg);
/* allow_lookup_addr(), and when the deciding rule ends (0: never). */
struct allow_answer	 image_judge_addr(const struct allow_image *, const struct addr *,
			    uint8_t proto, uint16_t port, const char *guest, int64_t now,
			    int64_t *until);

/* The key of a prefix; returns its length. */
static inline uint8_t
image_addr_key(uint8_t key[IMAGE_ADDR6], const struct addr *net, unsigned bits)
{
	const uint8_t len = net->family == 4 ? IMAGE_ADDR4 : IMAGE_ADDR6;

	key[0] = net->family;
	key[1] = (uint8_t)bits;
	for (uint8_t i = 2; i < len; i++)
		key[i] = net->bytes[i - 2];
	return len;
}

static inline uint32_t
image_bucket_of(uint64_t hash, uint32_t nbuckets)
{
	return (uint32_t)((hash >> 32) * nbuckets >> 32);
}

static inline uint8_t
image_tag_of(uint64_t hash)
{
	return (uint8_t)hash;
}

#endif
