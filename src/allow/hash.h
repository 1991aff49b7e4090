/*
 * SipHash-1-3 (Aumasson, Bernstein: "SipHash: a fast short-input PRF") of
 * host names, read from their last byte to their first: then every suffix of
 * a name is a beginning of what is read, and one pass, eight bytes at a time,
 * gives the hashes of all of them.
 */
#ifndef HASH_H
#define HASH_H

#include <stddef.h>
#include <stdint.h>

struct name_hash {
	uint64_t	v0, v1, v2, v3;
};

static inline uint64_t
name_hash_rotate(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

static inline void
name_hash_round(struct name_hash *h)
{
	h->v0 += h->v1;
	h->v1 = name_hash_rotate(h->v1, 13) ^ h->v0;
	h->v0 = name_hash_rotate(h->v0, 32);
	h->v2 += h->v3;
	h->v3 = name_hash_rotate(h->v3, 16) ^ h->v2;
	h->v0 += h->v3;
	h->v3 = name_hash_rotate(h->v3, 21) ^ h->v0;
	h->v2 += h->v1;
	h->v1 = name_hash_rotate(h->v1, 17) ^ h->v2;
	h->v2 = name_hash_rotate(h->v2, 32);
}

static inline struct name_hash
name_hash_start(const uint64_t key[2])
{
	return (struct name_hash){ .v0 = key[0] ^ 0x736f6d6570736575u,
		.v1 = key[1] ^ 0x646f72616e646f6du, .v2 = key[0] ^ 0x6c7967656e657261u,
		.v3 = key[1] ^ 0x7465646279746573u };
}

/* Eight bytes, the last one lowest; compilers make one load of it. */
static inline uint64_t
name_hash_load(const char *name)
{
	const uint8_t *p = (const uint8_t *)name;

	return (uint64_t)p[0] << 56 | (uint64_t)p[1] << 48 | (uint64_t)p[2] << 40 |
	    (uint64_t)p[3] << 32 | (uint64_t)p[4] << 24 | (uint64_t)p[5] << 16 |
	    (uint64_t)p[6] << 8 | (uint64_t)p[7];
}

/* The last up to eight bytes of name[0, left), the last one lowest, above
 * them zeroes.  len is that of the whole name: what may be read. */
static inline uint64_t
name_hash_read(const char *name, size_t left, size_t len)
{
	uint64_t word = 0;

	if (left >= 8)
		return name_hash_load(name + left - 8);
	if (left == 0)
		return 0;
	if (len >= 8)
		return name_hash_load(name) >> 8 * (8 - left);
	for (size_t i = 0; i < left; i++)
		word = word << 8 | (uint8_t)name[i];
	return word;
}

static inline void
name_hash_add(struct name_hash *h, uint64_t word)
{
	h->v3 ^= word;
	name_hash_round(h);
	h->v0 ^= word;
}

/* The hash of len bytes: of the words added, and the len % 8 lowest of tail. */
static inline uint64_t
name_hash_end(struct name_hash h, uint64_t tail, size_t len)
{
	const uint64_t mask = (UINT64_C(1) << 8 * (len & 7)) - 1;

	name_hash_add(&h, (uint64_t)len << 56 | (tail & mask));
	h.v2 ^= 0xff;
	for (int i = 0; i < 3; i++)
		name_hash_round(&h);
	return h.v0 ^ h.v1 ^ h.v2 ^ h.v3;
}

static inline uint64_t
name_hash(const uint64_t key[2], const char *name, size_t len)
{
	struct name_hash h = name_hash_start(key);
	size_t left = len;

	for (; left >= 8; left -= 8)
		name_hash_add(&h, name_hash_read(name, left, len));
	return name_hash_end(h, name_hash_read(name, left, len), len);
}

#endif
