/*
 * Answers that were had, until they expire.  Bounded: the one that was not
 * asked for the longest makes room.
 */
#ifndef DNS_CACHE_H
#define DNS_CACHE_H

#include "dns/resolver.h"

struct dns_cache;
struct dns_cache	*dns_cache_new(uint32_t max);
void			 dns_cache_free(struct dns_cache *);
void			 dns_cache_clear(struct dns_cache *);
/* Fills in an answer that still holds, its ttl what is left of it.  Times are
 * monotonic milliseconds. */
bool			 dns_cache_get(struct dns_cache *, const char *name, uint16_t type,
			    uint64_t now, struct dns_answer *);
/* Keeps an answer for its ttl, in place of a former one. */
void			 dns_cache_put(struct dns_cache *, const char *name, uint16_t type,
			    uint64_t now, const struct dns_answer *);

#endif
