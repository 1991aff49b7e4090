/*
 * Entries for addresses: for each address of each guest the ranges that it may
 * reach, which priv is told whole whenever they are others than before.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine.h"
#include "log.h"
#include "xmalloc.h"

enum { RANGES_TRIED = 4 * FW_RANGES_MAX };

/* A range as it was sent: seconds count down, the end does not. */
struct sent_range {
	struct fw_range	r;
	int64_t		until;
};

struct addresses {
	size_t			 n;
	struct sent_range	*ranges;
	size_t			 too_many;	/* all there would be, if not all fit */
};

struct collected {
	size_t			 n, all;	/* all: also those without room */
	struct sent_range	*ranges;	/* FW_RANGES_MAX */
	struct allow_range	*tried;		/* RANGES_TRIED */
};

static void
collect_range(struct collected *c, const struct addr *src, const struct allow_range *r)
{
	if (src->family != r->first.family)
		return;
	c->all++;
	if (c->n < FW_RANGES_MAX)
		c->ranges[c->n++] = (struct sent_range){ .until = r->until, .r = { .src = *src,
			.first = r->first, .last = r->last, .port = r->port, .proto = r->proto } };
}

static void
collect_guest(struct engine *e, const struct guest *g, struct collected *c)
{
	size_t n;

	if (guest_frozen(e, g) || g->kind == GUEST_UID || g->naddrs == 0)
		return;
	n = allow_ranges(e->policy.image, guest_scope(g), (int64_t)time(NULL), c->tried, RANGES_TRIED);
	if (n > RANGES_TRIED) {
		c->all += n - RANGES_TRIED;
		n = RANGES_TRIED;
	}
	for (uint32_t i = 0; i < g->naddrs; i++) {
		if (inventory_by_addr(e->inventory, &g->addrs[i]) != g)
			continue;
		for (size_t k = 0; k < n; k++)
			collect_range(c, &g->addrs[i], &c->tried[k]);
	}
}

static bool
ranges_same(const struct sent_range *a, const struct sent_range *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (a[i].until != b[i].until || !addr_equal(&a[i].r.src, &b[i].r.src) ||
		    !addr_equal(&a[i].r.first, &b[i].r.first) ||
		    !addr_equal(&a[i].r.last, &b[i].r.last) || a[i].r.port != b[i].r.port ||
		    a[i].r.proto != b[i].r.proto)
			return false;
	}
	return true;
}

static void
send_ranges(struct engine *e, const struct sent_range *ranges, size_t n)
{
	const int64_t now = (int64_t)time(NULL);
	struct msg_fw_ranges *m = xcalloc(1, sizeof(*m));
	size_t at = 0;

	do {
		memset(m, 0, sizeof(*m));
		m->first = at == 0;
		for (; at < n && m->n < FRAME_RANGES_MAX; at++) {
			struct fw_range *r = &m->range[m->n];

			/* One that ends now is judged again at once. */
			if (ranges[at].until != 0 && ranges[at].until <= now)
				continue;
			*r = ranges[at].r;
			r->seconds = ranges[at].until == 0 ? 0 : ranges[at].until - now < UINT32_MAX ?
			    (uint32_t)(ranges[at].until - now) : UINT32_MAX;
			m->n++;
		}
		m->last = at == n;
		if (e->priv != NULL && !msg_send(e->priv, FRAME_FW_RANGES, m, -1))
			log_warnx("the list of open addresses could not be sent");
	} while (at < n);
	free(m);
}

void
addresses_judge(struct engine *e)
{
	struct addresses *o = e->addresses;
	struct collected c = { .n = 0 };

	c.ranges = xcalloc(FW_RANGES_MAX, sizeof(*c.ranges));
	c.tried = xcalloc(RANGES_TRIED, sizeof(*c.tried));
	for (size_t i = 0; i < inventory_count(e->inventory); i++)
		collect_guest(e, inventory_guest(e->inventory, i), &c);
	free(c.tried);
	if (o != NULL && o->n == c.n && ranges_same(o->ranges, c.ranges, c.n)) {
		free(c.ranges);
	} else {
		send_ranges(e, c.ranges, c.n);
		addresses_free(e);
		o = e->addresses = xcalloc(1, sizeof(*o));
		o->ranges = c.ranges;
		o->n = c.n;
	}
	o->too_many = c.all > c.n ? c.all : 0;
}

bool
addresses_open_to(const struct engine *e, const struct addr *a)
{
	for (size_t i = 0; e->addresses != NULL && i < e->addresses->n; i++) {
		if (addr_equal(&e->addresses->ranges[i].r.src, a))
			return true;
	}
	return false;
}

size_t
addresses_sources(const struct engine *e, struct addr *list, size_t max)
{
	size_t n = 0;

	for (; e->addresses != NULL && n < e->addresses->n && n < max; n++)
		list[n] = e->addresses->ranges[n].r.src;
	return n;
}

size_t
addresses_too_many(const struct engine *e)
{
	return e->addresses != NULL ? e->addresses->too_many : 0;
}

void
addresses_free(struct engine *e)
{
	if (e->addresses != NULL)
		free(e->addresses->ranges);
	free(e->addresses);
	e->addresses = NULL;
}
