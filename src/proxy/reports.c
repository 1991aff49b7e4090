/*
 * Positions only grow; modulo the size they are places.  A record begins with
 * a head of eight bytes and is padded to eight; one that would run over the
 * end is preceded by a gap up to it.
 */
#include "config.h"

#include "proxy/reports.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "xmalloc.h"

enum { GAP = REPORT_FLOW + 1, HEAD = 8, CACHE_LINE = 64 };

struct reports {
	/* On lines of their own: each is written by one thread only. */
	_Alignas(CACHE_LINE) _Atomic size_t	written;
	_Alignas(CACHE_LINE) _Atomic size_t	taken;
	_Alignas(CACHE_LINE) uint8_t		bytes[REPORTS_BYTES];
};

struct head {
	uint32_t	type;
	uint32_t	len;	/* of what follows, without padding */
};
_Static_assert(sizeof(struct head) == HEAD, "a head has its place");

struct reports *
reports_new(void)
{
	struct reports *r = aligned_alloc(CACHE_LINE, sizeof(*r));

	if (r == NULL)
		return NULL;
	atomic_init(&r->written, 0);
	atomic_init(&r->taken, 0);
	return r;
}

void
reports_free(struct reports *r)
{
	free(r);
}

static size_t
padded(size_t len)
{
	return (HEAD + len + HEAD - 1) & ~(size_t)(HEAD - 1);
}

static void
put_head(struct reports *r, size_t at, uint32_t type, size_t len)
{
	const struct head h = { type, (uint32_t)len };

	memcpy(r->bytes + at % REPORTS_BYTES, &h, sizeof(h));
}

static bool
reports_put(struct reports *r, enum report type, const void *body, size_t len)
{
	size_t at = atomic_load_explicit(&r->written, memory_order_relaxed);
	const size_t taken = atomic_load_explicit(&r->taken, memory_order_acquire);
	const size_t need = padded(len), left = REPORTS_BYTES - at % REPORTS_BYTES;
	const size_t gap = left < need ? left : 0;

	if (at + gap + need - taken > REPORTS_BYTES)
		return false;
	if (gap != 0)
		put_head(r, at, GAP, gap - HEAD);
	at += gap;
	put_head(r, at, type, len);
	memcpy(r->bytes + at % REPORTS_BYTES + HEAD, body, len);
	/* In one order with crew.c's flag, so that no report is left lying. */
	atomic_store(&r->written, at + need);
	return true;
}

bool
reports_hit(struct reports *r, const struct hit *h)
{
	return reports_put(r, REPORT_HIT, h,
	    offsetof(struct hit, name) + strnlen(h->name, sizeof(h->name) - 1) + 1);
}

bool
reports_flow(struct reports *r, const struct flow *f)
{
	/* Few end with a phrase. */
	return reports_put(r, REPORT_FLOW, f, f->what[0] != '\0' ?
	    offsetof(struct flow, what) + strnlen(f->what, sizeof(f->what) - 1) + 1 :
	    offsetof(struct flow, name) + strnlen(f->name, sizeof(f->name) - 1) + 1);
}

/* The rest of the name's array is zero: it goes on to another process. */
static void
unpack(void *to, size_t size, const uint8_t *from, size_t len)
{
	memcpy(to, from, len);
	memset((uint8_t *)to + len, 0, size - len);
}

enum report
reports_take(struct reports *r, struct hit *hit, struct flow *flow)
{
	size_t at = atomic_load_explicit(&r->taken, memory_order_relaxed);
	const size_t end = atomic_load(&r->written);
	struct head h = { REPORT_NONE, 0 };

	while (at != end) {
		const uint8_t *p = r->bytes + at % REPORTS_BYTES;

		memcpy(&h, p, sizeof(h));
		if (h.type == REPORT_HIT)
			unpack(hit, sizeof(*hit), p + HEAD, h.len);
		else if (h.type == REPORT_FLOW)
			unpack(flow, sizeof(*flow), p + HEAD, h.len);
		at += padded(h.len);
		atomic_store_explicit(&r->taken, at, memory_order_release);
		if (h.type != GAP)
			return (enum report)h.type;
	}
	return REPORT_NONE;
}

void
reports_forget_guests(struct reports *r)
{
	const size_t end = atomic_load(&r->written);
	const uint32_t nobody = 0;
	struct head h;

	for (size_t at = atomic_load(&r->taken); at != end; at += padded(h.len)) {
		uint8_t *p = r->bytes + at % REPORTS_BYTES;

		memcpy(&h, p, sizeof(h));
		if (h.type == REPORT_HIT)
			memcpy(p + HEAD + offsetof(struct hit, guest_id), &nobody, sizeof(nobody));
		else if (h.type == REPORT_FLOW)
			memcpy(p + HEAD + offsetof(struct flow, guest_id), &nobody, sizeof(nobody));
	}
}

bool
reports_half_full(const struct reports *r)
{
	return atomic_load_explicit(&r->written, memory_order_relaxed) -
	    atomic_load_explicit(&r->taken, memory_order_relaxed) > REPORTS_BYTES / 2;
}

bool
reports_empty(struct reports *r)
{
	return atomic_load(&r->written) == atomic_load_explicit(&r->taken, memory_order_relaxed);
}
