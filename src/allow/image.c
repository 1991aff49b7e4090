/*
 * Reading the image (image.h): checking that it holds what it says, and
 * verdicts.  What allow_image_open() has let pass, a look-up may trust: the
 * memory is sealed, and every length and reference in it stays inside.
 */
#include "config.h"

#include "allow/allow.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "allow/hash.h"
#include "allow/image.h"
#include "allow/memfile.h"
#include "text.h"
#include "xmalloc.h"

enum { LABELS_MAX = 127, PORT_HTTP = 80, PORT_HTTPS = 443 };

struct allow_image {
	struct image_header		 h;
	const uint8_t			*map;
	const struct image_bucket	*buckets;
	const uint8_t			*keys;
	const struct image_rule		*rules;
	const char			*vms;
	size_t				 labels_max;	/* of a listed name */
	bool				 learn;		/* see allow_image_learn() */
};

static bool
bit(const uint64_t *set, size_t n)
{
	return set[n / 64] >> n % 64 & 1;
}

/* ---- checking ---- */

static const char *
check_header(struct allow_image *im, size_t size)
{
	struct image_layout at;

	if (size < IMAGE_HEADER_SIZE)
		return "the image is shorter than its header";
	memcpy(&im->h, im->map, sizeof(im->h));
	if (memcmp(im->h.magic, IMAGE_MAGIC, sizeof(im->h.magic)) != 0)
		return "the image is of another kind or version";
	at = image_layout(&im->h);
	if (im->h.size != size || at.size != size || im->h.nbuckets == 0)
		return "the parts of the image do not add up to its size";
	im->buckets =
	    (const struct image_bucket *)(const void *)(im->map + IMAGE_HEADER_SIZE);
	im->keys = im->map + at.keys;
	im->rules = (const struct image_rule *)(const void *)(im->map + at.rules);
	im->vms = (const char *)im->map + at.vms;
	for (size_t n = 1; n <= LABELS_MAX; n++)
		if (bit(im->h.depths, n))
			im->labels_max = n;
	return NULL;
}

static bool
flags_are_good(unsigned flags, unsigned known)
{
	return (flags & ~known) == 0;
}

static const char *
check_key(const struct allow_image *im, uint32_t at)
{
	const uint8_t *key = im->keys + at;
	uint32_t ref;

	if (im->h.keys_len < IMAGE_KEY_HEAD || at > im->h.keys_len - IMAGE_KEY_HEAD)
		return "a bucket of the image refers to a key outside";
	if (key[5] == 0 || key[5] > GH_NAME_MAX ||
	    key[5] > im->h.keys_len - IMAGE_KEY_HEAD - at)
		return "a key of the image has a wrong length";
	memcpy(&ref, key, sizeof(ref));
	if (key[4] == IMAGE_CHAIN)
		return ref < im->h.nrules ? NULL
					  : "a key of the image refers to a rule outside";
	if (!flags_are_good(key[4], IMAGE_KEY_FLAGS) || (key[4] & IMAGE_KIND) > ALLOW_BELOW)
		return "a key of the image has wrong flags";
	return NULL;
}

static const char *
check_buckets(const struct allow_image *im)
{
	bool room = false;
	const char *why;

	for (uint32_t n = 0; n < im->h.nbuckets; n++) {
		const struct image_bucket *b = &im->buckets[n];

		if (b->used > IMAGE_SLOTS || b->full > 1)
			return "a bucket of the image is overfull";
		room = room || !b->full;
		for (unsigned i = 0; i < b->used; i++)
			if ((why = check_key(im, b->key[i])) != NULL)
				return why;
	}
	return room ? NULL : "the buckets of the image never end";
}

static const char *
check_rules(const struct allow_image *im)
{
	for (uint32_t n = 0; n < im->h.nrules; n++) {
		const struct image_rule *r = &im->rules[n];

		if (r->next > n)
			return "a chain of rules in the image does not end";
		if (!flags_are_good(r->flags, IMAGE_RULE_FLAGS))
			return "a rule of the image has wrong flags";
		if (r->vm > im->h.vms_len)
			return "a rule of the image refers to a guest outside";
	}
	if (im->h.vms_len != 0 && im->vms[im->h.vms_len - 1] != '\0')
		return "the guests' names in the image do not end";
	return NULL;
}

struct allow_image *
image_over(const void *bytes, size_t size, const char **cause)
{
	struct allow_image *im = xcalloc(1, sizeof(*im));

	im->map = bytes;
	if ((*cause = check_header(im, size)) != NULL ||
	    (*cause = check_buckets(im)) != NULL || (*cause = check_rules(im)) != NULL) {
		free(im);
		return NULL;
	}
	return im;
}

struct allow_image *
allow_image_open(int fd, size_t size, const char **cause)
{
	const void *map = memfile_map(fd, size, cause);
	struct allow_image *im;

	if (map == NULL)
		return NULL;
	if ((im = image_over(map, size, cause)) == NULL)
		memfile_unmap(map, size);
	return im;
}

void
allow_image_close(struct allow_image *im)
{
	if (im == NULL)
		return;
	memfile_unmap(im->map, im->h.size);
	free(im);
}

bool
allow_image_scopes(const struct allow_image *im)
{
	return im != NULL && im->h.vms_len != 0;
}

void
allow_image_learn(struct allow_image *im, bool on)
{
	if (im != NULL)
		im->learn = on;
}

/* ---- verdicts ---- */

struct question {
	const struct allow_image	*im;
	const char			*guest;
	int64_t				 now;
	uint16_t			 port;
	uint8_t				 proto;		/* IPPROTO_TCP, IPPROTO_UDP */
	bool				 any_port;
};

/*
 * What one level of specificity says.  The entry named is the first in the
 * file: rules come last to first, so each overwrites the one before.
 */
struct level {
	uint32_t	deny, allow;
	uint32_t	explains;	/* would have listed it: off, ended, other port */
	int64_t		until;		/* of allow */
	uint8_t		reason;		/* of explains */
	uint8_t		why;		/* of allow: listed, or by a preset */
	bool		pinned;		/* of allow */
};

static bool
is_web(uint8_t proto, uint16_t port)
{
	return proto == IPPROTO_TCP && (port == PORT_HTTP || port == PORT_HTTPS);
}

static uint8_t
rule_proto(const struct image_rule *r)
{
	return r->flags & IMAGE_UDP ? IPPROTO_UDP : IPPROTO_TCP;
}

/* An entry without a port is one for 80 and 443, and says nothing of others;
 * but one that denies is for all of them. */
static bool
rule_has_port(const struct question *q, const struct image_rule *r)
{
	if (q->any_port)
		return true;
	if (r->port != 0)
		return r->port == q->port && rule_proto(r) == q->proto;
	return (r->flags & IMAGE_DENY) != 0 || is_web(q->proto, q->port);
}

/* One whose name is not known yet may be any of those that are denied something,
 * and none of those that are let through. */
static bool
rule_is_for(const struct question *q, const struct image_rule *r)
{
	if (r->vm == 0)
		return true;
	if (q->guest[0] == '\0')
		return (r->flags & IMAGE_DENY) != 0;
	return text_glob(q->im->vms + r->vm - 1, q->guest);
}

static void
judge_rule(struct level *v, const struct question *q, const struct image_rule *r)
{
	const bool ended = r->until != 0 && r->until <= q->now;
	uint8_t explains = REASON_NONE;

	if (!rule_is_for(q, r))
		return;
	if (r->flags & IMAGE_OFF)
		explains = REASON_DISABLED;
	else if (ended)
		explains = REASON_EXPIRED;
	else if (!rule_has_port(q, r))
		explains = REASON_PORT;
	else if (r->flags & IMAGE_PENDING)
		explains = REASON_DISABLED;
	else if (r->flags & IMAGE_DENY) {
		/* One port of a name says nothing of the others. */
		if (r->port == 0 || !q->any_port)
			v->deny = r->id;
	} else {
		v->allow = r->id;
		v->until = r->until;
		v->why = r->flags & IMAGE_PRESET ? REASON_PRESET : REASON_LISTED;
		v->pinned = r->port != 0 && !is_web(rule_proto(r), r->port);
	}
	/* A deny entry that does not count would not have helped if it did. */
	if (explains != REASON_NONE && !(r->flags & IMAGE_DENY)) {
		v->explains = r->id;
		v->reason = explains;
	}
}

/* True when this level decides; else it may have explained. */
static bool
decide(const struct level *v, struct allow_answer *a)
{
	if (v->deny != 0)
		*a = (struct allow_answer){ .reason = REASON_DENY_ENTRY,
			.entry = v->deny };
	else if (v->allow != 0)
		*a = (struct allow_answer){ .verdict = VERDICT_ALLOW,
			.reason = v->why, .pinned = v->pinned, .entry = v->allow };
	else {
		if (v->explains != 0 && a->entry == 0)
			*a = (struct allow_answer){ .reason = v->reason,
				.entry = v->explains };
		return false;
	}
	return true;
}

/* The exact entries of the whole name come first, then .name; of a suffix of
 * it, .suffix and *.suffix count alike. */
static bool
judge_key(const struct question *q, const uint8_t *key, bool whole,
    struct allow_answer *a)
{
	struct level exact = { 0 }, wide = { 0 };
	struct image_rule only = { .flags = key[4] };
	const struct image_rule *r = &only;
	uint32_t ref;

	memcpy(&ref, key, sizeof(ref));
	if (key[4] == IMAGE_CHAIN)
		r = &q->im->rules[ref];
	else
		only.id = ref;
	for (;;) {
		const unsigned kind = r->flags & IMAGE_KIND;

		if (whole && kind == ALLOW_EXACT)
			judge_rule(&exact, q, r);
		else if (kind == ALLOW_TREE || (!whole && kind == ALLOW_BELOW))
			judge_rule(&wide, q, r);
		if (r->next == 0)
			break;
		r = &q->im->rules[r->next - 1];
	}
	return decide(&exact, a) || decide(&wide, a);
}

/* The key of a name, or NULL. */
static const uint8_t *
find_key(const struct allow_image *im, uint64_t hash, const char *name, size_t len)
{
	const uint8_t tag = image_tag_of(hash), *key;
	const struct image_bucket *b;
	uint32_t n = image_bucket_of(hash, im->h.nbuckets);

	for (;; n = n + 1 < im->h.nbuckets ? n + 1 : 0) {
		b = &im->buckets[n];
		for (unsigned i = 0; i < b->used; i++) {
			if (b->tag[i] != tag)
				continue;
			key = im->keys + b->key[i];
			if (key[5] == len && memcmp(key + IMAGE_KEY_HEAD, name, len) == 0)
				return key;
		}
		if (!b->full)
			return NULL;
	}
}

struct probe {
	uint64_t	hash;
	size_t		start;	/* of the suffix in the name */
};

/* A bit in each byte that is a dot. */
static uint64_t
dots_in(uint64_t word)
{
	const uint64_t low = UINT64_C(0x7f7f7f7f7f7f7f7f);
	const uint64_t x = word ^ UINT64_C(0x2e2e2e2e2e2e2e2e);

	return ~(((x & low) + low) | x | low);
}

/*
 * One pass from the last byte to the first gives the hash of every suffix
 * that can be listed at all; their buckets are on the way from memory while
 * the rest is hashed.  The most specific suffix comes last.
 */
static size_t
find_probes(const struct allow_image *im, const char *name, size_t len,
    struct probe probes[LABELS_MAX])
{
	struct name_hash h = name_hash_start(im->h.key);
	size_t labels = 0, n = 0, size;
	uint64_t word, ends;

	for (size_t done = 0; done <= len; done += 8) {
		word = name_hash_read(name, len - done, len);
		ends = dots_in(word);
		if (len - done < 8)	/* the name ends as a label does */
			ends = (ends & ((UINT64_C(1) << 8 * (len - done)) - 1)) |
			    UINT64_C(0x80) << 8 * (len - done);
		for (; ends != 0; ends &= ends - 1) {
			/* No listed name has more labels. */
			if (++labels > im->labels_max)
				return n;
			size = done + (size_t)__builtin_ctzll(ends) / 8;
			if (!bit(im->h.depths, labels) || !bit(im->h.lengths, size))
				continue;
			probes[n].hash = name_hash_end(h, word, size);
			probes[n].start = len - size;
			__builtin_prefetch(&im->buckets[image_bucket_of(probes[n].hash,
			    im->h.nbuckets)]);
			n++;
		}
		name_hash_add(&h, word);
	}
	return n;
}

static struct allow_answer
judge(const struct question *q, const char *name, size_t len)
{
	struct allow_answer a = { .verdict = VERDICT_DENY, .reason = REASON_NOT_LISTED };
	struct probe probes[LABELS_MAX];
	const uint8_t *key;

	if (q->im == NULL || len == 0 || len > GH_NAME_MAX)
		return a;
	for (size_t n = find_probes(q->im, name, len, probes); n-- > 0;) {
		const struct probe *p = &probes[n];

		key = find_key(q->im, p->hash, name + p->start, len - p->start);
		if (key != NULL && judge_key(q, key, p->start == 0, &a))
			break;
	}
	if (a.reason == REASON_NOT_LISTED && q->im->learn &&
	    (q->any_port || is_web(q->proto, q->port)))
		a = (struct allow_answer){ .verdict = VERDICT_ALLOW,
			.reason = REASON_LEARNED };
	return a;
}

struct allow_answer
allow_lookup_port(const struct allow_image *im, const char *name, size_t len, uint8_t proto,
    uint16_t port, const char *guest, int64_t now)
{
	const struct question q = { .im = im, .guest = guest, .now = now, .port = port,
		.proto = proto };

	return judge(&q, name, len);
}

struct allow_answer
allow_lookup(const struct allow_image *im, const char *name, size_t len, uint16_t port,
    const char *guest, int64_t now)
{
	return allow_lookup_port(im, name, len, IPPROTO_TCP, port, guest, now);
}

struct allow_answer
allow_lookup_name(const struct allow_image *im, const char *name, size_t len,
    const char *guest, int64_t now)
{
	const struct question q = { .im = im, .guest = guest, .now = now, .any_port = true };

	return judge(&q, name, len);
}

/* ---- ports of a name ---- */

static bool
port_is_new(const struct allow_port *ports, size_t n, const struct image_rule *r)
{
	for (size_t i = 0; i < n; i++) {
		if (ports[i].port == r->port && ports[i].proto == rule_proto(r))
			return false;
	}
	return true;
}

/* Each port that a rule of the key opens, if all that is listed lets it. */
static size_t
collect_ports(const struct question *q, const uint8_t *key, const char *name, size_t len,
    struct allow_port *ports, size_t n, size_t max)
{
	const struct image_rule *r;
	uint32_t ref;

	memcpy(&ref, key, sizeof(ref));
	if (key[4] != IMAGE_CHAIN)
		return n;
	for (r = &q->im->rules[ref];; r = &q->im->rules[r->next - 1]) {
		if (n < max && r->port != 0 && !(r->flags & IMAGE_DENY) &&
		    !is_web(rule_proto(r), r->port) && port_is_new(ports, n, r) &&
		    allow_lookup_port(q->im, name, len, rule_proto(r), r->port, q->guest,
		    q->now).verdict == VERDICT_ALLOW)
			ports[n++] = (struct allow_port){ .port = r->port,
				.proto = rule_proto(r) };
		if (r->next == 0)
			return n;
	}
}

size_t
allow_pinned_ports(const struct allow_image *im, const char *name, size_t len,
    const char *guest, int64_t now, struct allow_port *ports, size_t max)
{
	const struct question q = { .im = im, .guest = guest, .now = now };
	struct probe probes[LABELS_MAX];
	const uint8_t *key;
	size_t n = 0;

	if (im == NULL || len == 0 || len > GH_NAME_MAX)
		return 0;
	for (size_t i = find_probes(im, name, len, probes); i-- > 0;) {
		const struct probe *p = &probes[i];

		key = find_key(im, p->hash, name + p->start, len - p->start);
		if (key != NULL)
			n = collect_ports(&q, key, name, len, ports, n, max);
	}
	return n;
}

bool
allow_opens_ports(const struct allow_image *im)
{
	for (uint32_t i = 0; im != NULL && i < im->h.nrules; i++) {
		const struct image_rule *r = &im->rules[i];

		if (r->port != 0 && !(r->flags & (IMAGE_DENY | IMAGE_OFF | IMAGE_PENDING)) &&
		    ((r->flags & IMAGE_KIND) == ALLOW_PREFIX || !is_web(rule_proto(r), r->port)))
			return true;
	}
	return false;
}

/* ---- addresses ---- */

/* True when the rules of this prefix decide. */
static bool
judge_prefix(const struct question *q, const uint8_t *key, struct level *v,
    struct allow_answer *a)
{
	const struct image_rule *r;
	uint32_t ref;

	memcpy(&ref, key, sizeof(ref));
	if (key[4] != IMAGE_CHAIN)
		return false;
	for (r = &q->im->rules[ref];; r = &q->im->rules[r->next - 1]) {
		if ((r->flags & IMAGE_KIND) == ALLOW_PREFIX && r->port != 0)
			judge_rule(v, q, r);
		if (r->next == 0)
			return decide(v, a);
	}
}

static bool
prefix_is_listed(const struct allow_image *im, const struct addr *a, unsigned bits)
{
	return a->family == 4 ? bits <= 32 && (im->h.bits4 >> bits & 1) != 0 :
	    bit(im->h.bits6, bits);
}

/* The first address of the prefix around a. */
static struct addr
prefix_of(const struct addr *a, unsigned bits)
{
	struct addr net = { .family = a->family };

	memcpy(net.bytes, a->bytes, bits / 8);
	if (bits % 8 != 0)
		net.bytes[bits / 8] = (uint8_t)(a->bytes[bits / 8] & (0xff00u >> bits % 8));
	return net;
}

struct allow_answer
image_judge_addr(const struct allow_image *im, const struct addr *addr, uint8_t proto,
    uint16_t port, const char *guest, int64_t now, int64_t *until)
{
	const struct question q = { .im = im, .guest = guest, .now = now, .port = port,
		.proto = proto };
	struct allow_answer a = { .verdict = VERDICT_DENY, .reason = REASON_NOT_LISTED };
	const int special = addr_special_bits(addr);
	uint8_t key[IMAGE_ADDR6];

	*until = 0;
	if (im == NULL || (addr->family != 4 && addr->family != 6))
		return a;
	for (unsigned bits = addr->family == 4 ? 33 : 129; bits-- > 0;) {
		struct level v = { 0 };
		struct addr net;
		const uint8_t *found;
		uint8_t len;

		if (!prefix_is_listed(im, addr, bits))
			continue;
		net = prefix_of(addr, bits);
		len = image_addr_key(key, &net, bits);
		found = find_key(im, name_hash(im->h.key, (const char *)key, len),
		    (const char *)key, len);
		if (found == NULL || !judge_prefix(&q, found, &v, &a))
			continue;
		*until = v.until;
		a.pinned = a.verdict == VERDICT_ALLOW;
		if (a.verdict == VERDICT_ALLOW && special > (int)bits)
			a = (struct allow_answer){ .reason = REASON_PRIVATE_ADDRESS,
				.entry = a.entry };
		break;
	}
	return a;
}

struct allow_answer
allow_lookup_addr(const struct allow_image *im, const struct addr *addr, uint8_t proto,
    uint16_t port, const char *guest, int64_t now)
{
	int64_t until;

	return image_judge_addr(im, addr, proto, port, guest, now, &until);
}

static void
visit_key(const struct allow_image *im, const uint8_t *key, void (*visit)(const struct addr *,
    unsigned, const struct image_rule *, void *), void *arg)
{
	const uint8_t *prefix = key + IMAGE_KEY_HEAD;
	struct addr net = { .family = prefix[0] };
	const struct image_rule *r;
	uint32_t ref;

	if (key[4] != IMAGE_CHAIN || (key[5] != IMAGE_ADDR4 && key[5] != IMAGE_ADDR6) ||
	    prefix[0] != (key[5] == IMAGE_ADDR4 ? 4 : 6) ||
	    prefix[1] > (key[5] == IMAGE_ADDR4 ? 32 : 128))
		return;
	memcpy(net.bytes, prefix + 2, key[5] - 2u);
	memcpy(&ref, key, sizeof(ref));
	for (r = &im->rules[ref];; r = &im->rules[r->next - 1]) {
		if ((r->flags & IMAGE_KIND) == ALLOW_PREFIX && r->port != 0)
			visit(&net, prefix[1], r, arg);
		if (r->next == 0)
			return;
	}
}

void
image_prefixes(const struct allow_image *im, void (*visit)(const struct addr *, unsigned,
    const struct image_rule *, void *), void *arg)
{
	if (im == NULL || (im->h.bits4 | im->h.bits6[0] | im->h.bits6[1] | im->h.bits6[2]) == 0)
		return;
	for (uint32_t n = 0; n < im->h.nbuckets; n++) {
		for (unsigned i = 0; i < im->buckets[n].used; i++)
			visit_key(im, im->keys + im->buckets[n].key[i], visit, arg);
	}
}
