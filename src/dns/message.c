#include "config.h"

#include "dns/message.h"

#include <stdlib.h>
#include <string.h>

enum {
	LABEL_MAX = 63,
	POINTER = 0xc0,		/* the two upper bits of a length byte */
	RECORD_FIXED = 10,	/* type, class, TTL, length */
	OPTION_FIXED = 4,
	SOA_NUMBERS = 20,	/* behind its two names; the last is the minimum */
	EDNS_VERSION = 0,
	EDNS_EDE = 15,
	TYPE_HINFO = 13,
	HINFO_TTL = 3600,
	NAME_IS_QUESTION = 0xc000 | DNS_HEADER_SIZE,	/* a pointer to it */
};

enum flag {
	FLAG_RESPONSE = 1 << 15,
	FLAG_TRUNCATED = 1 << 9,
	FLAG_RECURSION_DESIRED = 1 << 8,
	FLAG_RECURSION_AVAILABLE = 1 << 7,
	FLAG_CHECKING_DISABLED = 1 << 4,
	FLAG_OPCODE_SHIFT = 11,
	FLAG_OPCODE = 15,
	FLAG_RCODE = 15,
};

static uint16_t
get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t
get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static uint8_t
lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

/* ---- names ---- */

size_t
dns_name_read(uint8_t dst[DNS_NAME_SIZE], const uint8_t *msg, size_t len, size_t *at)
{
	size_t from = *at, bound = *at, n = 0, size;
	bool jumped = false;

	for (;;) {
		if (from >= len)
			return 0;
		size = msg[from];
		if ((size & POINTER) == POINTER) {
			if (len - from < 2)
				return 0;
			if (!jumped)
				*at = from + 2;
			jumped = true;
			from = get16(msg + from) & ~(POINTER << 8) & 0xffff;
			/* Each pointer leads further back, so there is an end to them. */
			if (from >= bound)
				return 0;
			bound = from;
			continue;
		}
		if (size > LABEL_MAX || size >= len - from || n + 1 + size > DNS_NAME_SIZE)
			return 0;
		memcpy(dst + n, msg + from, size + 1);
		n += size + 1;
		from += size + 1;
		if (size == 0)
			break;
	}
	if (!jumped)
		*at = from;
	return n;
}

size_t
dns_name_text(char dst[DNS_TEXT_SIZE], const uint8_t *wire, size_t len)
{
	size_t n = 0;

	for (size_t at = 0; at < len && wire[at] != 0; at += (size_t)wire[at] + 1) {
		if (memchr(wire + at + 1, '.', wire[at]) != NULL)
			return 0;
		if (n > 0)
			dst[n++] = '.';
		memcpy(dst + n, wire + at + 1, wire[at]);
		n += wire[at];
	}
	dst[n] = '\0';
	return n;
}

/* A canonical name as a wire one; returns its length. */
static size_t
name_write(uint8_t *dst, const char *name)
{
	size_t n = 0, label;

	while (*name != '\0') {
		label = strcspn(name, ".");
		dst[n++] = (uint8_t)label;
		memcpy(dst + n, name, label);
		n += label;
		name += label + (name[label] == '.');
	}
	dst[n++] = 0;
	return n;
}

/* Length bytes are below every letter, so they compare as they are. */
static bool
name_equal(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
	if (a_len != b_len)
		return false;
	for (size_t i = 0; i < a_len; i++) {
		if (lower(a[i]) != lower(b[i]))
			return false;
	}
	return true;
}

/* ---- reading ---- */

static bool
question_read(struct dns_question *q, const uint8_t *msg, size_t len, size_t *at)
{
	const size_t n = dns_name_read(q->name, msg, len, at);

	if (n == 0 || len - *at < 4)
		return false;
	q->name_len = (uint8_t)n;
	q->type = get16(msg + *at);
	q->class = get16(msg + *at + 2);
	*at += 4;
	return true;
}

struct record {
	uint8_t		name[DNS_NAME_SIZE];
	size_t		name_len;
	uint16_t	type, class;
	uint32_t	ttl;
	size_t		data, data_len;		/* where in the message */
};

static bool
record_read(struct record *r, const uint8_t *msg, size_t len, size_t *at)
{
	r->name_len = dns_name_read(r->name, msg, len, at);
	if (r->name_len == 0 || len - *at < RECORD_FIXED)
		return false;
	r->type = get16(msg + *at);
	r->class = get16(msg + *at + 2);
	r->ttl = get32(msg + *at + 4);
	r->data_len = get16(msg + *at + 8);
	r->data = *at + RECORD_FIXED;
	if (len - r->data < r->data_len)
		return false;
	/* RFC 2181 section 8. */
	if (r->type != DNS_TYPE_OPT && r->ttl > INT32_MAX)
		r->ttl = 0;
	*at = r->data + r->data_len;
	return true;
}

/* The options are none of our business, but must be some. */
static bool
options_are_sound(const uint8_t *p, size_t len)
{
	size_t size;

	while (len > 0) {
		if (len < OPTION_FIXED)
			return false;
		size = OPTION_FIXED + (size_t)get16(p + 2);
		if (size > len)
			return false;
		p += size;
		len -= size;
	}
	return true;
}

static bool
edns_read(struct dns_query *q, const uint8_t *msg, size_t len, size_t *at)
{
	struct record opt;

	if (!record_read(&opt, msg, len, at) || opt.type != DNS_TYPE_OPT || opt.name_len != 1 ||
	    !options_are_sound(msg + opt.data, opt.data_len))
		return false;
	q->edns = true;
	q->edns_version = (uint8_t)(opt.ttl >> 16);
	q->udp_size = opt.class < DNS_UDP_PLAIN ? DNS_UDP_PLAIN :
	    opt.class > DNS_UDP_MAX ? DNS_UDP_MAX : opt.class;
	return true;
}

bool
dns_query_read(struct dns_query *q, const uint8_t *msg, size_t len, enum dns_rcode *rcode)
{
	size_t at = DNS_HEADER_SIZE;
	uint16_t flags;

	memset(q, 0, sizeof(*q));
	if (len < DNS_HEADER_SIZE || (get16(msg + 2) & FLAG_RESPONSE))
		return false;
	flags = get16(msg + 2);
	q->id = get16(msg);
	q->opcode = flags >> FLAG_OPCODE_SHIFT & FLAG_OPCODE;
	q->recursion = (flags & FLAG_RECURSION_DESIRED) != 0;
	q->checking_off = (flags & FLAG_CHECKING_DISABLED) != 0;
	q->udp_size = DNS_UDP_PLAIN;
	*rcode = DNS_NOTIMP;
	if (q->opcode != 0)
		return true;
	*rcode = DNS_FORMERR;
	if ((flags & FLAG_TRUNCATED) || get16(msg + 4) != 1 || get16(msg + 6) != 0 ||
	    get16(msg + 8) != 0 || get16(msg + 10) > 1)
		return true;
	q->asked = question_read(&q->question, msg, len, &at);
	/* A pointer could only lead into the header. */
	if (!q->asked || at != DNS_HEADER_SIZE + (size_t)q->question.name_len + 4)
		q->asked = false;
	else if ((get16(msg + 10) == 0 || edns_read(q, msg, len, &at)) && at == len)
		*rcode = q->edns_version == EDNS_VERSION ? DNS_NOERROR : DNS_BADVERS;
	return true;
}

/* ---- reading what servers say ---- */

struct reader {
	const uint8_t	*msg;
	size_t		 len, answers, authority;	/* where they begin */
	unsigned	 nanswers, nauthority;
	uint8_t		 target[DNS_NAME_SIZE];	/* the name at this end of the chain */
	size_t		 target_len;
};

static void
ttl_least(struct dns_reply *a, const struct record *r)
{
	if (r->ttl < a->ttl)
		a->ttl = r->ttl;
}

/* One step along the chain: false if there is none (or, *bad, no sound one). */
static bool
chain_step(struct reader *d, struct dns_reply *a, bool *bad)
{
	size_t at = d->answers, data, n;
	uint8_t name[DNS_NAME_SIZE];
	struct record r;

	for (unsigned i = 0; i < d->nanswers; i++) {
		record_read(&r, d->msg, d->len, &at);
		if (r.type != DNS_TYPE_CNAME || r.class != DNS_CLASS_IN ||
		    !name_equal(r.name, r.name_len, d->target, d->target_len))
			continue;
		data = r.data;
		n = dns_name_read(name, d->msg, r.data + r.data_len, &data);
		*bad = n == 0 || data != r.data + r.data_len;
		if (*bad)
			return false;
		memcpy(d->target, name, n);
		d->target_len = n;
		ttl_least(a, &r);
		return true;
	}
	return false;
}

static void
addresses_read(const struct reader *d, struct dns_reply *a, uint16_t type)
{
	const size_t size = type == DNS_TYPE_A ? 4 : 16;
	size_t at = d->answers;
	struct record r;

	for (unsigned i = 0; i < d->nanswers && a->naddrs < DNS_ADDRS_MAX; i++) {
		record_read(&r, d->msg, d->len, &at);
		if (r.type != type || r.class != DNS_CLASS_IN || r.data_len != size ||
		    !name_equal(r.name, r.name_len, d->target, d->target_len))
			continue;
		a->addrs[a->naddrs].family = type == DNS_TYPE_A ? 4 : 6;
		memcpy(a->addrs[a->naddrs++].bytes, d->msg + r.data, size);
		ttl_least(a, &r);
	}
}

/* Letters, digits, "-" and "_": a name that can be asked for as it is. */
static bool
is_plain(const char *name)
{
	return name[0] != '\0' && name[strspn(name, "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")] == '\0';
}

/* A server that is none for the name at the chain's end says no more of it. */
static void
alias_take(const struct reader *d, struct dns_reply *a)
{
	char text[DNS_TEXT_SIZE];

	dns_name_text(text, d->target, d->target_len);
	if (strlen(text) >= sizeof(a->alias) || !is_plain(text))
		return;
	memcpy(a->alias, text, strlen(text) + 1);
	a->alias_ttl = a->ttl;
}

/* How long "there is none" holds: RFC 2308 section 5.  Without a SOA: not at all.  False
 * without one. */
static bool
negative_read(const struct reader *d, struct dns_reply *a)
{
	size_t at = d->authority, data, end;
	uint8_t name[DNS_NAME_SIZE];
	struct record r;
	uint32_t minimum;

	a->negative = true;
	for (unsigned i = 0; i < d->nauthority; i++) {
		if (!record_read(&r, d->msg, d->len, &at))
			break;
		data = r.data;
		end = r.data + r.data_len;
		if (r.type != DNS_TYPE_SOA || dns_name_read(name, d->msg, end, &data) == 0 ||
		    dns_name_read(name, d->msg, end, &data) == 0 || end - data != SOA_NUMBERS)
			continue;
		minimum = get32(d->msg + data + SOA_NUMBERS - 4);
		if (minimum < r.ttl)
			r.ttl = minimum;
		ttl_least(a, &r);
		return true;
	}
	return false;
}

/* Header and question: are they of an answer to what we asked? */
static bool
reply_begin(struct reader *d, struct dns_reply *a, uint16_t id, const char *name, uint16_t type)
{
	uint8_t wire[DNS_NAME_SIZE];
	struct dns_question q;
	uint16_t flags;

	if (d->len < DNS_HEADER_SIZE || get16(d->msg) != id)
		return false;
	flags = get16(d->msg + 2);
	if (!(flags & FLAG_RESPONSE) || (flags >> FLAG_OPCODE_SHIFT & FLAG_OPCODE) != 0)
		return false;
	a->rcode = flags & FLAG_RCODE;
	a->truncated = (flags & FLAG_TRUNCATED) != 0;
	d->answers = DNS_HEADER_SIZE;
	/* A server that could not read the query cannot repeat it. */
	if (get16(d->msg + 4) == 0)
		return a->rcode != DNS_NOERROR && a->rcode != DNS_NXDOMAIN;
	if (get16(d->msg + 4) != 1 || !question_read(&q, d->msg, d->len, &d->answers))
		return false;
	d->target_len = name_write(wire, name);
	memcpy(d->target, wire, d->target_len);
	return q.type == type && q.class == DNS_CLASS_IN &&
	    name_equal(q.name, q.name_len, wire, d->target_len);
}

/* Where the sections are; false if the answers are not all there. */
static bool
reply_sections(struct reader *d)
{
	struct record r;

	d->nanswers = get16(d->msg + 6);
	d->nauthority = get16(d->msg + 8);
	d->authority = d->answers;
	for (unsigned i = 0; i < d->nanswers; i++) {
		if (!record_read(&r, d->msg, d->len, &d->authority))
			return false;
	}
	return true;
}

bool
dns_reply_read(struct dns_reply *a, const uint8_t *msg, size_t len, uint16_t id, const char *name,
    uint16_t type)
{
	struct reader d = { .msg = msg, .len = len };
	bool bad = false;
	int steps = 0;

	memset(a, 0, sizeof(*a));
	a->ttl = UINT32_MAX;
	if (!reply_begin(&d, a, id, name, type))
		return false;
	if (a->truncated || (a->rcode != DNS_NOERROR && a->rcode != DNS_NXDOMAIN))
		return true;
	if (!reply_sections(&d))
		return false;
	while (chain_step(&d, a, &bad)) {
		/* A loop, or too long to be meant well. */
		if (++steps > DNS_CHAIN_MAX)
			return false;
	}
	if (bad)
		return false;
	if (a->rcode == DNS_NOERROR)
		addresses_read(&d, a, type);
	if (a->naddrs == 0 && !negative_read(&d, a)) {
		if (a->rcode == DNS_NOERROR && steps > 0)
			alias_take(&d, a);
		a->ttl = 0;
	}
	return true;
}

/* ---- writing ---- */

static uint8_t *
put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
	return p + 2;
}

static uint8_t *
put32(uint8_t *p, uint32_t v)
{
	return put16(put16(p, v >> 16), v & 0xffff);
}

static uint8_t *
put_bytes(uint8_t *p, const void *bytes, size_t len)
{
	memcpy(p, bytes, len);
	return p + len;
}

static uint8_t *
put_header(uint8_t *p, uint16_t id, unsigned flags, unsigned questions, unsigned answers,
    unsigned additional)
{
	return put16(put16(put16(put16(put16(put16(p, id), flags), questions), answers), 0),
	    additional);
}

size_t
dns_query_write(uint8_t dst[DNS_QUERY_MAX], uint16_t id, const char *name, uint16_t type, bool edns)
{
	uint8_t *p = put_header(dst, id, FLAG_RECURSION_DESIRED, 1, 0, edns);

	p += name_write(p, name);
	p = put16(put16(p, type), DNS_CLASS_IN);
	if (edns) {
		*p++ = 0;
		p = put16(put32(put16(put16(p, DNS_TYPE_OPT), DNS_UDP_MAX), 0), 0);
	}
	return (size_t)(p - dst);
}

/* The start of a record of the question's name; its data follows. */
static uint8_t *
put_record(uint8_t *p, unsigned type, uint32_t ttl, size_t data_len)
{
	p = put16(put16(put16(p, NAME_IS_QUESTION), type), DNS_CLASS_IN);
	return put16(put32(p, ttl), (unsigned)data_len);
}

static uint8_t *
put_edns(uint8_t *p, const struct dns_response *r)
{
	const size_t text = strlen(r->text);

	*p++ = 0;
	p = put16(put16(p, DNS_TYPE_OPT), DNS_UDP_MAX);
	p = put32(p, (uint32_t)r->rcode >> 4 << 24);
	if (r->ede == DNS_EDE_NONE)
		return put16(p, 0);
	p = put16(p, (unsigned)(OPTION_FIXED + 2 + text));
	p = put16(put16(p, EDNS_EDE), (unsigned)(2 + text));
	return put_bytes(put16(p, (unsigned)r->ede), r->text, text);
}

static uint8_t *
put_answers(uint8_t *p, const struct dns_query *q, const struct dns_response *r)
{
	static const uint8_t hinfo[] = "\7RFC8482";	/* and, for its OS, its NUL: "" */
	const size_t size = q->question.type == DNS_TYPE_A ? 4 : 16;

	if (r->minimal)
		p = put_bytes(put_record(p, TYPE_HINFO, HINFO_TTL, sizeof(hinfo)), hinfo,
		    sizeof(hinfo));
	for (unsigned i = 0; i < r->naddrs; i++)
		p = put_bytes(put_record(p, q->question.type, r->ttl, size), r->addrs[i].bytes,
		    size);
	return p;
}

size_t
dns_response_write(uint8_t *dst, size_t size, const struct dns_query *q,
    const struct dns_response *r)
{
	const size_t each = q->question.type == DNS_TYPE_A ? 16 : 28;
	unsigned flags = FLAG_RESPONSE | FLAG_RECURSION_AVAILABLE, answers;
	size_t need = DNS_HEADER_SIZE + (size_t)q->question.name_len + 4 + r->naddrs * each;
	uint8_t *p;

	need += q->edns ? 11 + OPTION_FIXED + 2 + strlen(r->text) : 0;
	answers = need <= size ? r->naddrs + r->minimal : 0;
	flags |= (unsigned)q->opcode << FLAG_OPCODE_SHIFT | ((unsigned)r->rcode & FLAG_RCODE);
	flags |= q->recursion ? FLAG_RECURSION_DESIRED : 0;
	flags |= q->checking_off ? FLAG_CHECKING_DISABLED : 0;
	flags |= need > size ? FLAG_TRUNCATED : 0;
	p = put_header(dst, q->id, flags, q->asked, answers, q->edns);
	if (q->asked) {
		p = put_bytes(p, q->question.name, q->question.name_len);
		p = put16(put16(p, q->question.type), q->question.class);
	}
	if (answers > 0)
		p = put_answers(p, q, r);
	if (q->edns)
		p = put_edns(p, r);
	return (size_t)(p - dst);
}
