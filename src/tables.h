/*
 * Parts of the model: an index of slots by a 64-bit key, a ring of slots that
 * overwrites its oldest, slots that guests share, and an array of counters that grows
 * to a bound.
 *
 * The index chains slots whose keys fall together, so that finding one costs a
 * few steps whatever is stored.  Keys made of guests' bytes must be keyed
 * hashes, so that no guest can make a chain long.
 */
#ifndef TABLES_H
#define TABLES_H

#include "model.h"

static const uint32_t no_slot = UINT32_MAX;

struct index {
	uint32_t	*heads, *next;
	uint64_t	*keys;
	uint32_t	 mask;
};

struct ring {
	uint32_t	 size, used, newest;	/* newest: slot written last */
	uint64_t	 ids;			/* given out so far */
	struct index	 index;
};

/* Slots, each somebody's, from the oldest to the newest of each.  When all are taken
 * whoever holds most loses one, so that nobody takes what others hold.  Some of those
 * many may be one to us: whose ids are the same modulo SHARES. */
enum { SHARES = 512 };
struct shares {
	uint32_t	 size, used;
	uint32_t	 holders;	/* who hold any */
	struct share {
		uint32_t	oldest, newest, n;
	} of[SHARES];
	struct share_slot {
		uint32_t	older, newer, share;
	} *slots;
};

struct tallies {
	struct tally	*row;
	uint32_t	 n, room, max;
	struct index	 index;
};

/* For slots numbered from 0 to slots - 1. */
void			 index_init(struct index *, uint32_t slots);
void			 index_clear(struct index *);
/* Of several slots with one key, index_find() finds the one added last. */
void			 index_add(struct index *, uint32_t slot, uint64_t key);
void			 index_remove(struct index *, uint32_t slot);
uint32_t		 index_find(const struct index *, uint64_t key);

void			 ring_init(struct ring *, uint32_t size);
/* The slot after the newest; whoever was there is no longer indexed. */
uint32_t		 ring_push(struct ring *, uint64_t key);
/* Pointers into the array of records, newest first. */
size_t			 ring_rows(const struct ring *, const void **rows, const void *base,
			    size_t size);

void			 shares_init(struct shares *, uint32_t size);
void			 shares_clear(struct shares *);
/* A slot for that id.  *taken: it was another's, or an older one of its own, and what
 * was in it is gone; of few that are kept() the next is taken instead. */
uint32_t		 shares_take(struct shares *, uint32_t id, bool (*kept)(uint32_t slot, void *),
			    void *arg, bool *taken);
/* It is the newest of its holder's. */
void			 shares_touch(struct shares *, uint32_t slot);

void			 tallies_init(struct tallies *, uint32_t max);
void			 tallies_clear(struct tallies *);
/* Makes one if there is none; NULL for id 0, and when the table is full. */
struct tally		*tallies_get(struct tallies *, uint32_t id);
/* All zero if there is none. */
const struct tally	*tallies_find(const struct tallies *, uint32_t id);
void			 tallies_retain(struct tallies *, bool (*keep)(uint32_t, void *), void *);

#endif
