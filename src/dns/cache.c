#include "config.h"

#include "dns/cache.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "xmalloc.h"

enum { BUCKETS = 4096 };

/* An address takes four or sixteen bytes here, so most entries are small; all of
 * an entry are of one family. */
struct entry {
	LIST_ENTRY(entry)	 link;
	TAILQ_ENTRY(entry)	 use;
	uint64_t		 until;
	uint16_t		 type;
	uint8_t			 status, naddrs, family;
	bool			 refused;
	char			*name;		/* behind the addresses */
	uint8_t			 addrs[];
};

struct dns_cache {
	struct hash_key		 key;
	uint32_t		 n, max;
	LIST_HEAD(, entry)	 buckets[BUCKETS];
	TAILQ_HEAD(use, entry)	 use;	/* the one used last comes first */
};

struct dns_cache *
dns_cache_new(uint32_t max)
{
	struct dns_cache *c = xcalloc(1, sizeof(*c));

	hash_key_random(&c->key);
	c->max = max;
	TAILQ_INIT(&c->use);
	return c;
}

static void
entry_drop(struct dns_cache *c, struct entry *e)
{
	LIST_REMOVE(e, link);
	TAILQ_REMOVE(&c->use, e, use);
	c->n--;
	free(e);
}

void
dns_cache_clear(struct dns_cache *c)
{
	struct entry *e;

	while ((e = TAILQ_FIRST(&c->use)) != NULL)
		entry_drop(c, e);
}

void
dns_cache_free(struct dns_cache *c)
{
	if (c == NULL)
		return;
	dns_cache_clear(c);
	free(c);
}

static size_t
bucket_of(const struct dns_cache *c, const char *name)
{
	return (size_t)(hash_bytes(&c->key, name, strlen(name)) % BUCKETS);
}

static struct entry *
entry_find(struct dns_cache *c, const char *name, uint16_t type)
{
	struct entry *e;

	LIST_FOREACH(e, &c->buckets[bucket_of(c, name)], link) {
		if (e->type == type && strcmp(e->name, name) == 0)
			return e;
	}
	return NULL;
}

static size_t
address_size(uint8_t family)
{
	return family == 4 ? 4 : 16;
}

bool
dns_cache_get(struct dns_cache *c, const char *name, uint16_t type, uint64_t now,
    struct dns_answer *a)
{
	struct entry *e = entry_find(c, name, type);

	if (e == NULL)
		return false;
	if (e->until <= now) {
		entry_drop(c, e);
		return false;
	}
	TAILQ_REMOVE(&c->use, e, use);
	TAILQ_INSERT_HEAD(&c->use, e, use);
	memset(a, 0, sizeof(*a));
	a->status = (enum answer_status)e->status;
	a->refused = e->refused;
	a->ttl = (uint32_t)((e->until - now + 999) / 1000);
	a->naddrs = e->naddrs;
	for (unsigned i = 0; i < a->naddrs; i++) {
		a->addrs[i].family = e->family;
		memcpy(a->addrs[i].bytes, e->addrs + i * address_size(e->family),
		    address_size(e->family));
	}
	return true;
}

void
dns_cache_put(struct dns_cache *c, const char *name, uint16_t type, uint64_t now,
    const struct dns_answer *a)
{
	const uint8_t family = a->naddrs > 0 ? a->addrs[0].family : 0;
	const size_t size = address_size(family), all = a->naddrs * size, len = strlen(name) + 1;
	struct entry *e = entry_find(c, name, type);

	if (e != NULL)
		entry_drop(c, e);
	if (c->n == c->max)
		entry_drop(c, TAILQ_LAST(&c->use, use));
	e = malloc(sizeof(*e) + all + len);
	if (e == NULL)
		return;
	*e = (struct entry){ .until = now + a->ttl * UINT64_C(1000), .type = type,
		.status = (uint8_t)a->status, .naddrs = (uint8_t)a->naddrs, .family = family,
		.refused = a->refused };
	for (unsigned i = 0; i < a->naddrs; i++)
		memcpy(e->addrs + i * size, a->addrs[i].bytes, size);
	e->name = (char *)e->addrs + all;
	memcpy(e->name, name, len);
	LIST_INSERT_HEAD(&c->buckets[bucket_of(c, name)], e, link);
	TAILQ_INSERT_HEAD(&c->use, e, use);
	c->n++;
}
