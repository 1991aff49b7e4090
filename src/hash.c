/* SipHash-2-4 as Aumasson and Bernstein give it (INDOCRYPT 2012). */
#include "config.h"

#include "hash.h"

#include <sys/random.h>

#include <unistd.h>

#include "log.h"

struct sip {
	uint64_t	v0, v1, v2, v3;
};

static uint64_t
rotate(uint64_t x, unsigned bits)
{
	return x << bits | x >> (64 - bits);
}

static void
sip_round(struct sip *s)
{
	s->v0 += s->v1;
	s->v1 = rotate(s->v1, 13) ^ s->v0;
	s->v0 = rotate(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = rotate(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = rotate(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = rotate(s->v1, 17) ^ s->v2;
	s->v2 = rotate(s->v2, 32);
}

static void
sip_word(struct sip *s, uint64_t m)
{
	s->v3 ^= m;
	sip_round(s);
	sip_round(s);
	s->v0 ^= m;
}

void
hash_key_random(struct hash_key *key)
{
	if (getentropy(key, sizeof(*key)) == -1)
		fatal("cannot draw a hash key");
}

uint64_t
hash_bytes(const struct hash_key *key, const void *bytes, size_t len)
{
	struct sip s = { key->k[0] ^ 0x736f6d6570736575u, key->k[1] ^ 0x646f72616e646f6du,
		key->k[0] ^ 0x6c7967656e657261u, key->k[1] ^ 0x7465646279746573u };
	const uint8_t *p = bytes;
	uint64_t word = 0;

	for (size_t i = 0; i < len; i++) {
		word |= (uint64_t)p[i] << i % 8 * 8;
		if (i % 8 == 7) {
			sip_word(&s, word);
			word = 0;
		}
	}
	sip_word(&s, word | (uint64_t)(len & 0xff) << 56);
	s.v2 ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(&s);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
