/*
 * The ClientHello parser.
 *
 * A hello may be cut into several records, and each record into any number
 * of segments.  tls_scan walks record headers as they arrive and remembers
 * where the next one is due, so no byte is walked twice.  Once the whole
 * message is there, a cursor reads it in place, stepping over the record
 * headers in between: nothing is copied but the name and the first ALPN
 * protocol, and no second buffer is needed.
 *
 * The cursor latches: a read past the end of the innermost vector gives
 * zero and sets bad, which is looked at where it matters.
 */
#include "config.h"

#include "proxy/tls.h"

#include <stdio.h>
#include <string.h>

#include "text.h"

enum {
	RECORD_MAX = 1 << 14,		/* RFC 8446 section 5.1 */
	VERSION_MAJOR_MAX = 15,		/* that any server is known to bear in a first record */
	HANDSHAKE_HEADER = 4,
	CLIENT_HELLO = 1, SERVER_HELLO = 2,
	RANDOM_SIZE = 32,
	SESSION_ID_MAX = 32,
	NAME_TYPE_HOST = 0,

	EXT_SERVER_NAME = 0,
	EXT_ALPN = 16,
	EXT_SUPPORTED_VERSIONS = 43,
	EXT_ECH = 0xfe0d,

	ALERT_WARNING = 1, ALERT_FATAL = 2,
	ALERT_ACCESS_DENIED = 49,
	ALERT_DECODE_ERROR = 50,
	ALERT_UNRECOGNIZED_NAME = 112,
};

enum seen {
	SEEN_NAME = 1 << 0,
	SEEN_ALPN = 1 << 1,
	SEEN_VERSIONS = 1 << 2,
	SEEN_ECH = 1 << 3,
};

struct cursor {
	const uint8_t	*at;
	size_t		 record;	/* bytes left of the record at is in */
	size_t		 left;		/* bytes left of the innermost vector */
	bool		 bad;
};

/* Steps over a record header; the scan made sure that it and its body are there. */
static void
cursor_record(struct cursor *c)
{
	while (c->record == 0) {
		c->record = (size_t)c->at[3] << 8 | c->at[4];
		c->at += TLS_RECORD_HEADER;
	}
}

static uint8_t
cursor_u8(struct cursor *c)
{
	if (c->left == 0) {
		c->bad = true;
		return 0;
	}
	cursor_record(c);
	c->record--;
	c->left--;
	return *c->at++;
}

static uint16_t
cursor_u16(struct cursor *c)
{
	uint16_t high = cursor_u8(c);

	return (uint16_t)(high << 8 | cursor_u8(c));
}

static void
cursor_skip(struct cursor *c, size_t n)
{
	if (n > c->left) {
		c->bad = true;
		n = c->left;
	}
	c->left -= n;
	while (n > 0) {
		size_t part;

		cursor_record(c);
		part = n < c->record ? n : c->record;
		c->at += part;
		c->record -= part;
		n -= part;
	}
}

/* Enters a vector of n bytes; returns what vector_close() needs. */
static size_t
vector_open(struct cursor *c, size_t n)
{
	size_t outer;

	if (n > c->left) {
		c->bad = true;
		n = c->left;
	}
	outer = c->left - n;
	c->left = n;
	return outer;
}

static void
vector_close(struct cursor *c, size_t outer)
{
	cursor_skip(c, c->left);
	c->left = outer;
}

/* server_name: a list of exactly one host_name, and nothing after it. */
static void
parse_server_name(struct cursor *c, struct tls_hello *h)
{
	size_t list, name;

	list = vector_open(c, cursor_u16(c));
	if (list != 0 || cursor_u8(c) != NAME_TYPE_HOST)
		c->bad = true;
	name = vector_open(c, cursor_u16(c));
	if (name != 0 || c->left == 0)
		c->bad = true;
	h->has_name = true;
	h->name_len = 0;
	while (c->left > 0 && h->name_len < sizeof(h->name) - 1)
		h->name[h->name_len++] = cursor_u8(c);
	vector_close(c, name);
	vector_close(c, list);
}

/* Whole ones, in their order; the first that does not fit ends it. */
static void
keep_protocol(struct cursor *c, struct tls_hello *h)
{
	if (h->alpn_more || c->left + 1 > sizeof(h->alpn) - h->alpn_len) {
		h->alpn_more = true;
		return;
	}
	h->alpn[h->alpn_len++] = (uint8_t)c->left;
	while (c->left > 0)
		h->alpn[h->alpn_len++] = cursor_u8(c);
}

static void
parse_alpn(struct cursor *c, struct tls_hello *h)
{
	size_t list, protocol;

	list = vector_open(c, cursor_u16(c));
	if (list != 0 || c->left == 0)
		c->bad = true;
	while (c->left > 0 && !c->bad) {
		protocol = vector_open(c, cursor_u8(c));
		if (c->left == 0)
			c->bad = true;
		keep_protocol(c, h);
		vector_close(c, protocol);
	}
	vector_close(c, list);
}

/* GREASE values (RFC 8701) have the form 0x?A?A and mean nothing. */
static void
parse_versions(struct cursor *c, struct tls_hello *h)
{
	size_t list;
	uint16_t version, best = 0;

	list = vector_open(c, cursor_u8(c));
	if (list != 0 || c->left == 0 || c->left % 2 != 0)
		c->bad = true;
	while (c->left > 0 && !c->bad) {
		version = cursor_u16(c);
		if ((version & 0x0f0f) != 0x0a0a && version > best)
			best = version;
	}
	if (best != 0)
		h->version = best;
	vector_close(c, list);
}

static void
parse_extension(struct cursor *c, struct tls_hello *h, unsigned *seen)
{
	uint16_t type = cursor_u16(c);
	size_t outer = vector_open(c, cursor_u16(c));
	unsigned bit = 0;

	switch (type) {
	case EXT_SERVER_NAME:
		bit = SEEN_NAME;
		parse_server_name(c, h);
		break;
	case EXT_ALPN:
		bit = SEEN_ALPN;
		parse_alpn(c, h);
		break;
	case EXT_SUPPORTED_VERSIONS:
		bit = SEEN_VERSIONS;
		parse_versions(c, h);
		break;
	case EXT_ECH:
		bit = SEEN_ECH;
		h->ech = true;
		break;
	default:
		break;
	}
	/* A second one could make the server see another name than we did. */
	if ((*seen & bit) != 0)
		c->bad = true;
	*seen |= bit;
	vector_close(c, outer);
}

static void
parse_message(struct cursor *c, struct tls_hello *h)
{
	size_t outer;
	unsigned seen = 0;

	memset(h, 0, sizeof(*h));
	h->version = cursor_u16(c);
	if (h->version >> 8 != 3)
		c->bad = true;
	cursor_skip(c, RANDOM_SIZE);
	outer = vector_open(c, cursor_u8(c));	/* session id */
	if (c->left > SESSION_ID_MAX)
		c->bad = true;
	vector_close(c, outer);
	outer = vector_open(c, cursor_u16(c));	/* cipher suites */
	if (c->left < 2 || c->left % 2 != 0)
		c->bad = true;
	vector_close(c, outer);
	outer = vector_open(c, cursor_u8(c));	/* compression methods */
	if (c->left == 0)
		c->bad = true;
	vector_close(c, outer);
	if (c->left == 0)
		return;		/* no extensions at all: legal before TLS 1.3 */
	outer = vector_open(c, cursor_u16(c));
	if (outer != 0)
		c->bad = true;	/* bytes after the extensions */
	while (c->left > 0 && !c->bad)
		parse_extension(c, h, &seen);
	vector_close(c, outer);
}

/* Byte i of the handshake message; it must lie in a whole record. */
static uint8_t
message_byte(const uint8_t *b, size_t i)
{
	size_t record = (size_t)b[3] << 8 | b[4];

	while (i >= record) {
		i -= record;
		b += TLS_RECORD_HEADER + record;
		record = (size_t)b[3] << 8 | b[4];
	}
	return b[TLS_RECORD_HEADER + i];
}

static const char *
check_record(const uint8_t *header)
{
	size_t size = (size_t)header[3] << 8 | header[4];

	if (header[0] != TLS_RECORD_HANDSHAKE)
		return "a record of another kind inside the hello";
	if (header[1] != 3)
		return "a record of no known TLS version";
	if (size == 0 || size > RECORD_MAX)
		return "a record of impossible size";
	return NULL;
}

/* After each new whole record: is the hello's own header there, and sane? */
static const char *
check_message(struct tls_scan *scan, const uint8_t *b)
{
	if (message_byte(b, 0) != CLIENT_HELLO)
		return "a handshake that does not start with a hello";
	if (scan->have >= HANDSHAKE_HEADER)
		scan->need = HANDSHAKE_HEADER + ((size_t)message_byte(b, 1) << 16 |
		    (size_t)message_byte(b, 2) << 8 | message_byte(b, 3));
	if (scan->need != 0 && scan->have > scan->need)
		return "bytes behind the hello in its last record";
	return NULL;
}

static enum parse
refuse(enum reason *why, enum reason reason, const char **what, const char *phrase)
{
	*why = reason;
	*what = phrase;
	return PARSE_REFUSE;
}

static enum parse
scan_records(struct tls_scan *scan, const uint8_t *b, size_t len, size_t max, enum reason *why,
    const char **what)
{
	while (scan->need == 0 || scan->have < scan->need) {
		const uint8_t *header = b + scan->next;
		const char *bad;
		size_t size;

		if (len - scan->next < TLS_RECORD_HEADER)
			return PARSE_MORE;
		bad = check_record(header);
		if (bad != NULL)
			return refuse(why, REASON_MALFORMED, what, bad);
		size = (size_t)header[3] << 8 | header[4];
		if (scan->next + TLS_RECORD_HEADER + size > max)
			return refuse(why, REASON_TOO_LARGE, what, "a hello larger than allowed");
		/* The kind of handshake is told before its record is whole. */
		if (scan->next == 0 && len > TLS_RECORD_HEADER && b[TLS_RECORD_HEADER] != CLIENT_HELLO)
			return refuse(why, REASON_MALFORMED, what,
			    "a handshake that does not start with a hello");
		if (len - scan->next - TLS_RECORD_HEADER < size)
			return PARSE_MORE;
		scan->next += TLS_RECORD_HEADER + size;
		scan->have += size;
		bad = check_message(scan, b);
		if (bad != NULL)
			return refuse(why, REASON_MALFORMED, what, bad);
		if (scan->need > max)
			return refuse(why, REASON_TOO_LARGE, what, "a hello larger than allowed");
	}
	return PARSE_DONE;
}

/* A hello in SSLv2's form (RFC 5246 appendix E.2), which some servers still take:
 * two bytes of length, 1, and the version. */
static enum parse
sslv2_begins(const uint8_t *b, size_t len)
{
	static const uint8_t client_hello = 1, version_max = 3;

	if (len > 2 && b[2] != client_hello)
		return PARSE_REFUSE;
	if (len > 3 && b[3] != version_max && b[3] != 0)
		return PARSE_REFUSE;
	return len > 3 ? PARSE_DONE : PARSE_MORE;
}

enum parse
tls_begins(const uint8_t *b, size_t len)
{
	const bool is_record = len == 0 || (b[0] >= TLS_RECORD_CHANGE_CIPHER &&
	    b[0] <= TLS_RECORD_HANDSHAKE);

	if (len > 0 && (b[0] & 0x80) != 0)
		return sslv2_begins(b, len);
	if (!is_record || (len > 1 && b[1] > VERSION_MAJOR_MAX))
		return PARSE_REFUSE;
	if (len < TLS_RECORD_HEADER)
		return PARSE_MORE;
	if (b[3] == 0 && b[4] == 0)
		return PARSE_DONE;
	if (len == TLS_RECORD_HEADER)
		return PARSE_MORE;
	/* A ClientHello, a warning and the one byte of change_cipher_spec begin alike. */
	_Static_assert((int)CLIENT_HELLO == (int)ALERT_WARNING, "one look at both");
	return b[TLS_RECORD_HEADER] == CLIENT_HELLO ? PARSE_DONE : PARSE_REFUSE;
}

enum parse
tls_hello_parse(struct tls_scan *scan, const uint8_t *b, size_t len, size_t max,
    struct tls_hello *hello, enum reason *why, const char **what)
{
	struct cursor c = { .at = b };
	enum parse result;

	result = scan_records(scan, b, len, max, why, what);
	if (result != PARSE_DONE)
		return result;
	c.left = scan->need;
	cursor_skip(&c, HANDSHAKE_HEADER);
	parse_message(&c, hello);
	if (c.bad)
		return refuse(why, REASON_MALFORMED, what, "a hello whose lengths contradict each other");
	return PARSE_DONE;
}

enum tls_answer
tls_answer_parse(const uint8_t *b, size_t len)
{
	/* SHA-256 of "HelloRetryRequest". */
	static const uint8_t retry[RANDOM_SIZE] = {
		0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
		0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
	};
	const size_t before = HANDSHAKE_HEADER + 2;	/* the version */

	/* A warning, of a name that it does not know, may come first. */
	while (len >= TLS_ALERT_SIZE && b[0] == TLS_RECORD_ALERT && b[3] == 0 && b[4] == 2 &&
	    b[5] == ALERT_WARNING) {
		b += TLS_ALERT_SIZE;
		len -= TLS_ALERT_SIZE;
	}
	if (len == 0)
		return TLS_ANSWER_MORE;
	if (b[0] == TLS_RECORD_ALERT && len < TLS_ALERT_SIZE)
		return TLS_ANSWER_MORE;
	if (b[0] != TLS_RECORD_HANDSHAKE)
		return TLS_ANSWER_OTHER;
	if (len <= TLS_RECORD_HEADER)
		return TLS_ANSWER_MORE;
	if (b[TLS_RECORD_HEADER] != SERVER_HELLO)
		return TLS_ANSWER_OTHER;
	if (((size_t)b[3] << 8 | b[4]) < before + RANDOM_SIZE)
		return TLS_ANSWER_RETRY;
	if (len < TLS_RECORD_HEADER + before + RANDOM_SIZE)
		return TLS_ANSWER_MORE;
	return memcmp(b + TLS_RECORD_HEADER + before, retry, RANDOM_SIZE) == 0 ? TLS_ANSWER_RETRY :
	    TLS_ANSWER_OTHER;
}

void
tls_alpn_text(const struct tls_hello *h, char *dst, size_t size)
{
	static const char more[] = "...", comma[] = ", ";
	char one[4 * TLS_ALPN_MAX];
	size_t used = 0, n;

	dst[0] = '\0';
	for (size_t at = 0; at < h->alpn_len; at += 1u + h->alpn[at]) {
		text_escape(one, sizeof(one), &h->alpn[at + 1], h->alpn[at]);
		n = strlen(one) + (used > 0 ? sizeof(comma) - 1 : 0);
		/* Room for what says that there is more. */
		if (used + n + sizeof(comma) - 1 + sizeof(more) > size) {
			snprintf(dst + used, size - used, "%s%s", used > 0 ? comma : "", more);
			return;
		}
		used += (size_t)snprintf(dst + used, size - used, "%s%s", used > 0 ? comma : "", one);
	}
	if (h->alpn_more)
		snprintf(dst + used, size - used, "%s%s", used > 0 ? comma : "", more);
}

void
tls_alert(uint8_t dst[TLS_ALERT_SIZE], enum reason reason)
{
	uint8_t description;

	switch (reason) {
	case REASON_MALFORMED:
	case REASON_TOO_LARGE:
		description = ALERT_DECODE_ERROR;
		break;
	case REASON_NO_NAME:
	case REASON_BAD_NAME:
	case REASON_IP_LITERAL:
	case REASON_UNRESOLVABLE:
		description = ALERT_UNRECOGNIZED_NAME;
		break;
	default:
		description = ALERT_ACCESS_DENIED;
		break;
	}
	dst[0] = TLS_RECORD_ALERT;
	dst[1] = 3;
	dst[2] = 3;
	dst[3] = 0;
	dst[4] = 2;
	dst[5] = ALERT_FATAL;
	dst[6] = description;
}
