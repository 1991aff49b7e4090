/*
 * SipHash-1-3 (Aumasson, Bernstein: "SipHash: a fast short-input PRF"), fed
 * byte by byte so that it can be finished at any point and go on.  Host names
 * are fed from their last byte to their first: then every suffix of a name
 * is a beginning of what is fed, and one pass gives the hashes of all of them.
 */
#ifndef HASH_H
#define HASH_H

#include <stdint.h>

struct name_hash {
	uint64_t	v0, v1, v2, v3;
	uint64_t	word;		/* bytes not yet mixed in, the first lowest */
	unsigned	len;
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

static inline void
name_hash_start(struct name_hash *h, const uint64_t key[2])
{
	*h = (struct name_hash){ .v0 = key[0] ^ 0x736f6d6570736575u,
		.v1 = key[1] ^ 0x646f72616e646f6du, .v2 = key[0] ^ 0x6c7967656e657261u,
		.v3 = key[1] ^ 0x7465646279746573u };
}

static inline void
name_hash_add(struct name_hash *h, uint8_t byte)
{
	h->word |= (uint64_t)byte << 8 * (h->len & 7);
	if ((++h->len & 7) != 0)
		return;
	h->v3 ^= h->word;
	name_hash_round(h);
	h->v0 ^= h->word;
	h->word = 0;
}

/* The hash of what was fed so far; feeding may go on. */
static inline uint64_t
name_hash_end(const struct name_hash *so_far)
{
	struct name_hash h = *so_far;
	const uint64_t last = (uint64_t)h.len << 56 | h.word;

	h.v3 ^= last;
	name_hash_round(&h);
	h.v0 ^= last;
	h.v2 ^= 0xff;
	for (int i = 0; i < 3; i++)
		name_hash_round(&h);
	return h.v0 ^ h.v1 ^ h.v2 ^ h.v3;
}

#endif
