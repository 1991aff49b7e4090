/*
 * Entries for addresses as the packet filter needs them: not nested prefixes
 * of which the longest decides, but ranges that do not overlap.
 *
 * The verdict can change only where some prefix begins or has ended, so one
 * look-up for each of these points gives all of them.  What the proxy is told
 * of an address and what the packet filter holds come from the same judge.
 */
#include "config.h"

#include "allow/allow.h"

#include <stdlib.h>
#include <string.h>

#include "allow/image.h"
#include "xmalloc.h"

enum { PREFIXES_MAX = 1 << 16 };	/* beyond that, the rest stays closed */

/* One rule's prefix, port and protocol. */
struct prefix {
	struct addr	net;
	uint8_t		bits, proto;
	uint16_t	port;
};

struct prefixes {
	size_t		 n, room;
	struct prefix	*all;
};

struct points {
	size_t		 n;
	struct addr	*all;
};

struct output {
	size_t			 n, max;
	struct allow_range	*ranges, *open;	/* open: may still grow */
	struct allow_range	 spare;		/* what has no place in ranges */
};

static void
take_prefix(const struct addr *net, unsigned bits, const struct image_rule *r, void *arg)
{
	struct prefixes *p = arg;

	if (p->n == PREFIXES_MAX)
		return;
	if (p->n == p->room) {
		p->room = p->room != 0 ? 2 * p->room : 16;
		p->all = xreallocarray(p->all, p->room, sizeof(*p->all));
	}
	p->all[p->n++] = (struct prefix){ .net = *net, .bits = (uint8_t)bits, .port = r->port,
		.proto = r->flags & IMAGE_UDP ? IPPROTO_UDP : IPPROTO_TCP };
}

/* Prefixes that are judged together stand together. */
static int
compare_group(const struct prefix *a, const struct prefix *b)
{
	if (a->net.family != b->net.family)
		return a->net.family < b->net.family ? -1 : 1;
	if (a->proto != b->proto)
		return a->proto < b->proto ? -1 : 1;
	return (a->port > b->port) - (a->port < b->port);
}

static int
compare_prefix(const void *a, const void *b)
{
	return compare_group(a, b);
}

static int
compare_point(const void *a, const void *b)
{
	return addr_compare(a, b);
}

/* Where the prefix begins, and where it has ended. */
static void
add_points(struct points *p, const struct addr *net, unsigned bits)
{
	struct addr end;

	p->all[p->n++] = *net;
	addr_last(net, bits, &end);
	if (addr_next(&end))
		p->all[p->n++] = end;
}

static struct points
points_of(const struct prefix *group, size_t n)
{
	struct points p = { 0 };
	struct addr net;
	unsigned bits;
	size_t special = 0, kept = 0;

	while (addr_special_block(group->net.family, special, &net, &bits))
		special++;
	p.all = xreallocarray(NULL, 2 * (n + special), sizeof(*p.all));
	for (size_t i = 0; i < n; i++)
		add_points(&p, &group[i].net, group[i].bits);
	for (size_t i = 0; addr_special_block(group->net.family, i, &net, &bits); i++)
		add_points(&p, &net, bits);
	qsort(p.all, p.n, sizeof(*p.all), compare_point);
	for (size_t i = 0; i < p.n; i++) {
		if (kept == 0 || addr_compare(&p.all[i], &p.all[kept - 1]) != 0)
			p.all[kept++] = p.all[i];
	}
	p.n = kept;
	return p;
}

/* The addresses from first up to next, or up to the last of all. */
static void
put_range(struct output *o, const struct addr *first, const struct addr *next,
    const struct prefix *of, int64_t until)
{
	static const struct addr all_zero;
	struct addr last = next != NULL ? *next : all_zero;

	last.family = first->family;
	/* The one before it; before 0 is the last of all. */
	for (unsigned i = first->family == 4 ? 4 : 16; i-- > 0;) {
		if (last.bytes[i]-- != 0)
			break;
	}
	if (o->open != NULL && o->open->until == until) {
		o->open->last = last;
		return;
	}
	o->open = o->n < o->max ? &o->ranges[o->n] : &o->spare;
	*o->open = (struct allow_range){ .first = *first, .last = last, .until = until,
		.port = of->port, .proto = of->proto };
	o->n++;
}

static void
judge_group(const struct allow_image *im, const struct prefix *group, size_t n,
    const char *guest, int64_t now, struct output *o)
{
	struct points p = points_of(group, n);
	struct allow_answer a;
	int64_t until;

	o->open = NULL;
	for (size_t i = 0; i < p.n; i++) {
		a = image_judge_addr(im, &p.all[i], group->proto, group->port, guest, now,
		    &until);
		if (a.verdict == VERDICT_ALLOW)
			put_range(o, &p.all[i], i + 1 < p.n ? &p.all[i + 1] : NULL, group,
			    until);
		else
			o->open = NULL;
	}
	free(p.all);
}

size_t
allow_ranges(const struct allow_image *im, const char *guest, int64_t now,
    struct allow_range *ranges, size_t max)
{
	struct output o = { .ranges = ranges, .max = max };
	struct prefixes p = { 0 };
	size_t end;

	image_prefixes(im, take_prefix, &p);
	if (p.n > 0)
		qsort(p.all, p.n, sizeof(*p.all), compare_prefix);
	for (size_t i = 0; i < p.n; i = end) {
		for (end = i; end < p.n && compare_group(&p.all[i], &p.all[end]) == 0; end++)
			;
		judge_group(im, &p.all[i], end - i, guest, now, &o);
	}
	free(p.all);
	return o.n;
}
