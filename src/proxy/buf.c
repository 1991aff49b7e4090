#include "config.h"

#include "proxy/buf.h"

#include <stdlib.h>
#include <string.h>

static struct buf *
pool_take(struct buf **list, unsigned *n)
{
	struct buf *b = *list;

	if (b != NULL) {
		*list = b->next;
		--*n;
	}
	return b;
}

struct buf *
buf_get(struct buf_pool *pool, size_t size)
{
	struct buf *b = NULL;

	if (size <= BUF_SMALL) {
		size = BUF_SMALL;
		b = pool_take(&pool->small, &pool->nsmall);
	} else if (size <= BUF_LARGE) {
		size = BUF_LARGE;
		b = pool_take(&pool->large, &pool->nlarge);
	}
	if (b == NULL) {
		b = malloc(sizeof(*b) + size);
		if (b == NULL)
			return NULL;
		b->size = (uint32_t)size;
	}
	b->start = b->end = b->pass = 0;
	return b;
}

static void
pool_give(struct buf **list, unsigned *n, struct buf *b)
{
	if (*n == BUF_KEEP) {
		free(b);
		return;
	}
	b->next = *list;
	*list = b;
	++*n;
}

void
buf_put(struct buf_pool *pool, struct buf *b)
{
	if (b == NULL)
		return;
	if (b->size == BUF_SMALL)
		pool_give(&pool->small, &pool->nsmall, b);
	else if (b->size == BUF_LARGE)
		pool_give(&pool->large, &pool->nlarge, b);
	else
		free(b);
}

struct buf *
buf_grow(struct buf_pool *pool, struct buf *old, size_t size)
{
	struct buf *b = buf_get(pool, size);

	if (b == NULL)
		return NULL;
	memcpy(b->data, old->data + old->start, old->end - old->start);
	b->end = old->end - old->start;
	b->pass = old->pass - old->start;
	buf_put(pool, old);
	return b;
}

static void
pool_drop(struct buf *b)
{
	struct buf *next;

	for (; b != NULL; b = next) {
		next = b->next;
		free(b);
	}
}

void
buf_pool_free(struct buf_pool *pool)
{
	pool_drop(pool->small);
	pool_drop(pool->large);
	memset(pool, 0, sizeof(*pool));
}
