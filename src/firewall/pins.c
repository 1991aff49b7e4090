#include "config.h"

#include "firewall/pins.h"

#include <netinet/in.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "xmalloc.h"

static const uint64_t second = 1000000;

/* The kernel's timers start when the commands run, ours a little earlier. */
static const uint64_t skew = 2000000;

struct pin {
	struct fw_pin	p;
	uint64_t	until;		/* opens new connections */
	uint64_t	live;		/* and what is open goes on until then, 0: nothing is */
	bool		loaded;		/* the kernel has it */
	bool		staged;		/* the kernel is to be told: of it, or that it is gone */
	bool		gone;
	bool		over, seen;	/* of the latest listing */
};

struct range {
	struct fw_range	r;
	uint64_t	until;		/* 0: no end */
};

struct ranges {
	size_t		 n;
	struct range	*all;
};

struct pins {
	size_t		 n;
	struct pin	*all[FW_PINS_MAX];	/* by fw_pin_compare() */
	size_t		 nremoved;
	struct fw_pin	*removed;	/* by the latest change that was settled, in order */
	struct ranges	 ranges, former;	/* former: before it */
	bool		 ranges_staged;
	size_t		 nsenders;
	struct fw_sender *senders;	/* in order */
	bool		 senders_staged;
};

/* Where the pin is, or would be. */
static size_t
pin_place(const struct pins *s, const struct fw_pin *p, bool *found)
{
	size_t low = 0, high = s->n;

	*found = false;
	while (low < high) {
		const size_t mid = low + (high - low) / 2;
		const int c = fw_pin_compare(&s->all[mid]->p, p);

		if (c == 0) {
			*found = true;
			return mid;
		}
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct pin *
pin_find(const struct pins *s, const struct fw_pin *p)
{
	bool found;
	const size_t i = pin_place(s, p, &found);

	return found ? s->all[i] : NULL;
}

static struct pin *
pin_find_key(const struct pins *s, const struct addr *src, const struct addr *dst, uint8_t proto,
    uint16_t port)
{
	const struct fw_pin p = { .src = *src, .dst = *dst, .proto = proto, .port = port };

	return pin_find(s, &p);
}

/* ---- changes ---- */

struct pins *
pins_new(void)
{
	return xcalloc(1, sizeof(struct pins));
}

void
pins_free(struct pins *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->n; i++)
		free(s->all[i]);
	free(s->removed);
	free(s->ranges.all);
	free(s->former.all);
	free(s->senders);
	free(s);
}

char *
pins_add(struct pins *s, const struct fw_pin *p, uint64_t now)
{
	const uint64_t until = now + p->seconds * second;
	bool found;
	const size_t i = pin_place(s, p, &found);
	struct pin *pin;

	if (!found) {
		if (s->n == FW_PINS_MAX)
			return xasprintf("%d pins are open already", FW_PINS_MAX);
		memmove(s->all + i + 1, s->all + i, (s->n - i) * sizeof(s->all[0]));
		s->all[i] = xcalloc(1, sizeof(*pin));
		s->n++;
	}
	pin = s->all[i];
	if (!pin->gone && until <= pin->until) {
		copy_string(pin->p.guest, p->guest, sizeof(pin->p.guest));
		return NULL;
	}
	pin->p = *p;
	pin->until = until;
	pin->gone = pin->over = false;
	pin->staged = true;
	return NULL;
}

void
pins_remove(struct pins *s, const struct fw_pin *p)
{
	struct pin *pin = pin_find(s, p);

	if (pin != NULL)
		pin->staged = pin->gone = true;
}

static int
range_compare(const void *a, const void *b)
{
	const struct fw_range *x = &((const struct range *)a)->r, *y = &((const struct range *)b)->r;
	int c = addr_compare(&x->src, &y->src);

	if (c == 0)
		c = (x->proto > y->proto) - (x->proto < y->proto);
	if (c == 0)
		c = (x->port > y->port) - (x->port < y->port);
	return c != 0 ? c : addr_compare(&x->first, &y->first);
}

static bool
ranges_overlap(const struct ranges *r)
{
	for (size_t i = 1; i < r->n; i++) {
		const struct fw_range *a = &r->all[i - 1].r, *b = &r->all[i].r;

		if (addr_equal(&a->src, &b->src) && a->proto == b->proto && a->port == b->port &&
		    a->first.family == b->first.family && addr_compare(&a->last, &b->first) >= 0)
			return true;
	}
	return false;
}

static bool
ranges_same(const struct ranges *a, const struct ranges *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		const struct range *x = &a->all[i], *y = &b->all[i];
		const uint64_t apart = x->until > y->until ? x->until - y->until :
		    y->until - x->until;

		if (range_compare(x, y) != 0 || !addr_equal(&x->r.last, &y->r.last) ||
		    (x->until == 0) != (y->until == 0) || apart > skew)
			return false;
	}
	return true;
}

char *
pins_set_ranges(struct pins *s, const struct fw_range *ranges, size_t n, uint64_t now)
{
	struct ranges next = { .n = n, .all = xcalloc(n > 0 ? n : 1, sizeof(*next.all)) };

	for (size_t i = 0; i < n; i++)
		next.all[i] = (struct range){ ranges[i], ranges[i].seconds == 0 ? 0 :
			now + ranges[i].seconds * second };
	qsort(next.all, n, sizeof(*next.all), range_compare);
	if (ranges_overlap(&next)) {
		free(next.all);
		return xstrdup("ranges of addresses overlap");
	}
	if (ranges_same(&next, &s->ranges)) {
		free(next.all);
		return NULL;
	}
	/* Of several changes in a row the first knows what is in the kernel. */
	if (s->ranges_staged)
		free(s->ranges.all);
	else {
		free(s->former.all);
		s->former = s->ranges;
	}
	s->ranges = next;
	s->ranges_staged = true;
	return NULL;
}

static int
sender_compare(const void *a, const void *b)
{
	const struct fw_sender *x = a, *y = b;
	const int c = addr_compare(&x->addr, &y->addr);

	return c != 0 ? c : memcmp(x->mac, y->mac, sizeof(x->mac));
}

void
pins_set_senders(struct pins *s, const struct fw_sender *senders, size_t n)
{
	struct fw_sender *next = xcalloc(n + 1, sizeof(*next));
	size_t kept = 0;

	if (n > 0)
		memcpy(next, senders, n * sizeof(*next));
	qsort(next, n, sizeof(*next), sender_compare);
	for (size_t i = 0; i < n; i++) {
		if (kept == 0 || sender_compare(&next[kept - 1], &next[i]) != 0)
			next[kept++] = next[i];
	}
	s->senders_staged |= kept != s->nsenders ||
	    (kept > 0 && memcmp(next, s->senders, kept * sizeof(*next)) != 0);
	free(s->senders);
	s->senders = next;
	s->nsenders = kept;
}

bool
pins_sender(const struct pins *s, size_t i, struct fw_sender *sender)
{
	if (i >= s->nsenders)
		return false;
	*sender = s->senders[i];
	return true;
}

bool
pins_changed(const struct pins *s)
{
	for (size_t i = 0; i < s->n; i++) {
		if (s->all[i]->staged)
			return true;
	}
	return s->ranges_staged || s->senders_staged;
}

/* ---- text ---- */

/* Elements of one set go into one command. */
struct command {
	FILE		*f;
	const char	*verb, *set;
	uint8_t		 family;
	bool		 begun;
};

static void
command_key(struct command *c, const struct addr *src, const struct addr *first,
    const struct addr *last, uint8_t proto, uint16_t port)
{
	char a[ADDR_TEXT_SIZE], b[ADDR_TEXT_SIZE], z[ADDR_TEXT_SIZE];

	if (!c->begun)
		fprintf(c->f, "%s element inet gatehouse %s%u { ", c->verb, c->set, c->family);
	fprintf(c->f, "%s%s . %s", c->begun ? ", " : "", addr_format(src, a),
	    addr_format(first, b));
	if (last != NULL)
		fprintf(c->f, "-%s", addr_format(last, z));
	fprintf(c->f, " . %u . %u", proto, port);
	c->begun = true;
}

static void
command_end(struct command *c)
{
	if (c->begun)
		fputs(" }\n", c->f);
	c->begun = false;
}

/* 0 for what is over: nft takes no such timeout. */
static uint64_t
seconds_left(uint64_t until, uint64_t now)
{
	return until > now ? (until - now + second - 1) / second : 0;
}

static void
put_pins(FILE *f, const struct pins *s, uint8_t family, uint64_t now, bool staged)
{
	struct command c = { .f = f, .verb = "add", .set = "pins", .family = family };

	for (size_t i = 0; i < s->n; i++) {
		const struct pin *pin = s->all[i];
		const uint64_t left = seconds_left(pin->until, now);

		if (pin->gone || pin->p.src.family != family || left == 0 ||
		    (staged && !pin->staged))
			continue;
		command_key(&c, &pin->p.src, &pin->p.dst, NULL, pin->p.proto, pin->p.port);
		fprintf(f, " timeout %" PRIu64 "s", left);
	}
	command_end(&c);
}

static void
put_live(FILE *f, const struct pins *s, uint8_t family, uint64_t now)
{
	struct command c = { .f = f, .verb = "add", .set = "live", .family = family };

	for (size_t i = 0; i < s->n; i++) {
		const struct pin *pin = s->all[i];
		const uint64_t left = seconds_left(pin->live, now);

		if (pin->gone || pin->p.src.family != family || left == 0)
			continue;
		command_key(&c, &pin->p.src, &pin->p.dst, NULL, pin->p.proto, pin->p.port);
		fprintf(f, " timeout %" PRIu64 "s", left);
	}
	command_end(&c);
}

/* Takes elements away, there or not: one that is not there cannot be deleted,
 * and one that is there cannot be given another time. */
static void
put_clear(FILE *f, const struct pins *s, const char *set, uint8_t family, bool gone_only)
{
	struct command add = { .f = f, .verb = "add", .set = set, .family = family };
	struct command del = { .f = f, .verb = "delete", .set = set, .family = family };

	for (size_t i = 0; i < s->n; i++) {
		const struct pin *pin = s->all[i];

		if (pin->staged && (pin->gone || !gone_only) && pin->p.src.family == family) {
			command_key(&add, &pin->p.src, &pin->p.dst, NULL, pin->p.proto,
			    pin->p.port);
			fprintf(f, " timeout 1s");
		}
	}
	command_end(&add);
	for (size_t i = 0; i < s->n; i++) {
		const struct pin *pin = s->all[i];

		if (pin->staged && (pin->gone || !gone_only) && pin->p.src.family == family)
			command_key(&del, &pin->p.src, &pin->p.dst, NULL, pin->p.proto,
			    pin->p.port);
	}
	command_end(&del);
}

static void
put_ranges(FILE *f, const struct ranges *r, uint8_t family, uint64_t now)
{
	struct command c = { .f = f, .verb = "add", .set = "ranges", .family = family };

	for (size_t i = 0; i < r->n; i++) {
		const struct fw_range *x = &r->all[i].r;
		const uint64_t until = r->all[i].until, left = seconds_left(until, now);

		if (x->src.family != family || (until != 0 && left == 0))
			continue;
		command_key(&c, &x->src, &x->first, &x->last, x->proto, x->port);
		if (until != 0)
			fprintf(f, " timeout %" PRIu64 "s", left);
	}
	command_end(&c);
}

static void
put_element(FILE *f, const char *set, uint8_t family, bool *begun)
{
	if (*begun)
		fputs(", ", f);
	else
		fprintf(f, "add element inet gatehouse %s%u { ", set, family);
	*begun = true;
}

static void
put_senders(FILE *f, const struct pins *s, uint8_t family)
{
	char a[ADDR_TEXT_SIZE], mac[MAC_TEXT_SIZE];
	const struct fw_sender *x;
	bool begun = false;

	for (size_t i = 0; i < s->nsenders; i++) {
		x = &s->senders[i];
		if (x->addr.family != family)
			continue;
		put_element(f, "senders", family, &begun);
		fprintf(f, "%s . %s", addr_format(&x->addr, a), mac_format(x->mac, mac));
	}
	if (begun)
		fputs(" }\n", f);
	begun = false;
	for (size_t i = 0; i < s->nsenders; i++) {
		x = &s->senders[i];
		if (x->addr.family != family || (i > 0 && addr_equal(&x->addr, &x[-1].addr)))
			continue;
		put_element(f, "owned", family, &begun);
		fputs(addr_format(&x->addr, a), f);
	}
	if (begun)
		fputs(" }\n", f);
}

char *
pins_changes(const struct pins *s, uint64_t now)
{
	size_t size;
	char *text;
	FILE *f = xmemstream(&text, &size);

	for (uint8_t family = 4; family <= 6; family += 2) {
		put_clear(f, s, "live", family, true);
		put_clear(f, s, "pins", family, false);
		put_pins(f, s, family, now, true);
		if (s->ranges_staged) {
			fprintf(f, "flush set inet gatehouse ranges%u\n", family);
			put_ranges(f, &s->ranges, family, now);
		}
		if (s->senders_staged) {
			fprintf(f, "flush set inet gatehouse senders%u\n"
			    "flush set inet gatehouse owned%u\n", family, family);
			put_senders(f, s, family);
		}
	}
	fclose(f);
	return text;
}

char *
pins_text(const struct pins *s, uint64_t now)
{
	size_t size;
	char *text;
	FILE *f = xmemstream(&text, &size);

	for (uint8_t family = 4; family <= 6; family += 2) {
		put_pins(f, s, family, now, false);
		put_live(f, s, family, now);
		put_ranges(f, &s->ranges, family, now);
		put_senders(f, s, family);
	}
	fclose(f);
	return text;
}

/* ---- after a change ---- */

static void
note_removed(struct pins *s, const struct fw_pin *p)
{
	s->removed = xreallocarray(s->removed, s->nremoved + 1, sizeof(*s->removed));
	s->removed[s->nremoved++] = *p;
}

bool
pins_settle(struct pins *s)
{
	const bool ranges = s->ranges_staged;
	size_t kept = 0;

	s->nremoved = 0;
	for (size_t i = 0; i < s->n; i++) {
		struct pin *pin = s->all[i];

		if (pin->gone) {
			note_removed(s, &pin->p);
			free(pin);
			continue;
		}
		pin->loaded = true;
		pin->staged = false;
		s->all[kept++] = pin;
	}
	s->n = kept;
	if (!ranges)
		s->former.n = 0;
	s->ranges_staged = s->senders_staged = false;
	return s->nremoved > 0 || s->former.n > 0;
}

void
pins_unsettle(struct pins *s)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->n; i++) {
		struct pin *pin = s->all[i];

		if (!pin->loaded)
			free(pin);
		else
			s->all[kept++] = pin;
	}
	s->n = kept;
}

/* ---- connections ---- */

static bool
ranges_have(const struct ranges *r, const struct flow_key *k)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct fw_range *x = &r->all[i].r;

		if (x->port == k->port && x->proto == k->proto && addr_equal(&x->src, &k->src) &&
		    k->dst.family == x->first.family && addr_compare(&x->first, &k->dst) <= 0 &&
		    addr_compare(&k->dst, &x->last) <= 0)
			return true;
	}
	return false;
}

bool
pins_hold(const struct pins *s, const struct flow_key *k)
{
	return pin_find_key(s, &k->src, &k->dst, k->proto, k->port) != NULL ||
	    ranges_have(&s->ranges, k);
}

static int
compare_pin(const void *a, const void *b)
{
	return fw_pin_compare(a, b);
}

bool
pins_doom(const struct pins *s, const struct flow_key *k)
{
	const struct fw_pin p = { .src = k->src, .dst = k->dst, .port = k->port, .proto = k->proto };

	if (k->nat || pins_hold(s, k))
		return false;
	return ranges_have(&s->former, k) || (s->nremoved > 0 &&
	    bsearch(&p, s->removed, s->nremoved, sizeof(p), compare_pin) != NULL);
}

/* ---- what the kernel shows ---- */

struct seeing {
	struct pins	*pins;
	uint64_t	 asked;
	size_t		 nranges, nsenders, nowned;
	const char	*why;
};

static void
see_range(struct seeing *see, const struct pins_element *e)
{
	const struct range want = { .r = { .src = e->src, .first = e->first, .proto = e->proto,
		.port = e->port } };
	const struct ranges *r = &see->pins->ranges;
	const struct range *found = r->n == 0 ? NULL :
	    bsearch(&want, r->all, r->n, sizeof(want), range_compare);

	see->nranges++;
	if (found == NULL || !addr_equal(&found->r.last, &e->last) ||
	    (found->until != 0) != (e->expires != 0))
		see->why = "someone opened addresses in our sets that no entry lists";
}

static void
see_sender(struct seeing *see, const struct pins_element *e)
{
	const struct pins *s = see->pins;
	struct fw_sender want = { .addr = e->src };

	memcpy(want.mac, e->mac, sizeof(want.mac));
	see->nsenders++;
	if (s->nsenders == 0 ||
	    bsearch(&want, s->senders, s->nsenders, sizeof(want), sender_compare) == NULL)
		see->why = "someone lets another use an address that our sets open something to";
}

static void
see_element(const struct pins_element *e, void *arg)
{
	struct seeing *see = arg;
	struct pin *pin;

	if (e->range) {
		see_range(see, e);
		return;
	}
	if (e->sender) {
		see_sender(see, e);
		return;
	}
	if (e->owned) {
		see->nowned++;
		return;
	}
	pin = pin_find_key(see->pins, &e->src, &e->first, e->proto, e->port);
	if (pin != NULL && e->live)
		pin->live = see->asked + e->expires * second;
	else if (pin != NULL)
		pin->seen = true;
	if (pin == NULL || e->expires == 0 || (!e->live &&
	    see->asked + e->expires * second > pin->until + skew))
		see->why = "someone opened addresses in our sets that DNS did not give out";
}

const char *
pins_see(struct pins *s, const char *json, size_t len, uint64_t asked)
{
	struct seeing see = { .pins = s, .asked = asked };
	size_t ranges = 0, owned = 0;

	for (size_t i = 0; i < s->n; i++) {
		s->all[i]->seen = false;
		s->all[i]->live = 0;
	}
	if (!pins_read(json, len, see_element, &see))
		return "the pins cannot be read in the kernel's listing";
	for (size_t i = 0; i < s->n; i++) {
		struct pin *pin = s->all[i];

		if (!pin->seen && pin->until > asked + skew)
			see.why = "someone closed addresses in our sets that were opened";
		pin->over = pin->live == 0 && pin->until + skew < asked;
	}
	for (size_t i = 0; i < s->ranges.n; i++)
		ranges += s->ranges.all[i].until == 0 || s->ranges.all[i].until > asked + skew;
	if (see.nranges < ranges)
		see.why = "someone closed addresses in our sets that entries list";
	for (size_t i = 0; i < s->nsenders; i++)
		owned += i == 0 || !addr_equal(&s->senders[i].addr, &s->senders[i - 1].addr);
	if (see.why == NULL && (see.nsenders != s->nsenders || see.nowned != owned))
		see.why = "someone changed who may use the addresses that our sets open something to";
	return see.why;
}

bool
pins_ended(struct pins *s, struct fw_pin *p)
{
	for (size_t i = 0; i < s->n; i++) {
		if (!s->all[i]->over)
			continue;
		*p = s->all[i]->p;
		p->seconds = 0;
		free(s->all[i]);
		s->n--;
		memmove(s->all + i, s->all + i + 1, (s->n - i) * sizeof(s->all[0]));
		return true;
	}
	return false;
}

bool
pins_get(const struct pins *s, size_t i, uint64_t now, struct fw_pin *p)
{
	if (i >= s->n)
		return false;
	*p = s->all[i]->p;
	p->seconds = (uint32_t)seconds_left(s->all[i]->until, now);
	return true;
}

bool
pins_range(const struct pins *s, size_t i, uint64_t now, struct fw_range *r)
{
	for (size_t k = 0; k < s->ranges.n; k++) {
		const uint64_t until = s->ranges.all[k].until, left = seconds_left(until, now);

		if ((until != 0 && left == 0) || i-- > 0)
			continue;
		*r = s->ranges.all[k].r;
		r->seconds = (uint32_t)left;
		return true;
	}
	return false;
}

/* Whether the very same range is one now. */
static bool
range_stays(const struct ranges *now, const struct range *r)
{
	for (size_t i = 0; i < now->n; i++) {
		if (range_compare(&now->all[i], r) == 0 && addr_equal(&now->all[i].r.last, &r->r.last))
			return true;
	}
	return false;
}

bool
pins_cut(const struct pins *s, size_t i, struct fw_range *r)
{
	if (i < s->nremoved) {
		const struct fw_pin *p = &s->removed[i];

		*r = (struct fw_range){ .src = p->src, .first = p->dst, .last = p->dst,
			.port = p->port, .proto = p->proto };
		return true;
	}
	i -= s->nremoved;
	for (size_t k = 0; k < s->former.n; k++) {
		if (range_stays(&s->ranges, &s->former.all[k]) || i-- > 0)
			continue;
		*r = s->former.all[k].r;
		return true;
	}
	return false;
}

void
pins_expire(struct pins *s, uint64_t now, bool (*lives)(const struct fw_pin *, void *), void *arg)
{
	for (size_t i = 0; i < s->n; i++) {
		struct pin *pin = s->all[i];

		pin->over = pin->until <= now && !lives(&pin->p, arg);
	}
}
