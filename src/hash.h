/*
 * A keyed hash for tables whose keys a guest may choose: without the key, which
 * is drawn at start, nobody can make names collide (SipHash-2-4).
 */
#ifndef HASH_H
#define HASH_H

#include <stddef.h>
#include <stdint.h>

struct hash_key {
	uint64_t	k[2];
};

/* Ends the process if the system has no randomness to give. */
void		 hash_key_random(struct hash_key *);
uint64_t	 hash_bytes(const struct hash_key *, const void *, size_t);

#endif
