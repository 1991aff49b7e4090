/*
 * The grammar of one allowlist line, and an entry as text again.
 *
 *	line	= [ "#off" blank ] entry [ blank "#" comment ] | "#" comment | ""
 *	entry	= [ "!" ] target *( blank option )
 *	target	= [ "." | "*." ] name [ ":" port ] | address [ "/" bits ] ":" port
 *		| "@" preset
 *	port	= 1..65535 [ "/tcp" | "/udp" ]
 *	option	= "vm=" glob | "until=" time
 */
#include "config.h"

#include <netinet/in.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "allow/list.h"
#include "text.h"
#include "xmalloc.h"

enum { TOKEN_SHOWN = 80, PORT_DNS = 53 };

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* A phrase about a piece of the line, which is shown escaped and bounded. */
__attribute__((format(printf, 4, 5))) static bool
wrong(char why[GH_CAUSE_SIZE], const char *token, size_t len, const char *fmt, ...)
{
	char shown[TOKEN_SHOWN];
	va_list ap;
	int n;

	text_escape(shown, sizeof(shown), token, len);
	n = snprintf(why, GH_CAUSE_SIZE, "\"%s\": ", shown);
	va_start(ap, fmt);
	vsnprintf(why + n, GH_CAUSE_SIZE - (size_t)n, fmt, ap);
	va_end(ap);
	return false;
}

bool
line_split(struct line_parts *p, const char *line, size_t len)
{
	static const char bom[] = "\xef\xbb\xbf";
	const char *s = line, *end = line + len, *hash;

	if (len >= 3 && memcmp(s, bom, 3) == 0)
		s += 3;
	while (s < end && is_blank(*s))
		s++;
	p->mark = NULL;
	if (end - s > 4 && memcmp(s, "#off", 4) == 0 && is_blank(s[4])) {
		p->mark = s;
		for (s += 4; s < end && is_blank(*s); s++)
			;
	}
	for (hash = s; (hash = memchr(hash, '#', (size_t)(end - hash))) != NULL; hash++) {
		if (hash == s || is_blank(hash[-1])) {
			end = hash;
			break;
		}
	}
	while (end > s && (is_blank(end[-1]) || end[-1] == '\r'))
		end--;
	p->core = s;
	p->core_len = (size_t)(end - s);
	return end > s;
}

/* "22", "22/tcp", "53/udp". */
static bool
parse_port(struct allow_entry *e, const char *s, size_t len, char why[GH_CAUSE_SIZE])
{
	const char *slash = memchr(s, '/', len), *phrase;
	const size_t n = slash != NULL ? (size_t)(slash - s) : len;
	uint64_t port;
	char digits[8];

	e->proto = IPPROTO_TCP;
	if (slash != NULL && len - n == 4 && memcmp(slash, "/udp", 4) == 0)
		e->proto = IPPROTO_UDP;
	else if (slash != NULL && (len - n != 4 || memcmp(slash, "/tcp", 4) != 0))
		return wrong(
		    why, slash, len - n, "after a port stands /tcp, /udp or nothing");
	snprintf(digits, sizeof(digits), "%.*s", n < sizeof(digits) ? (int)n : 7, s);
	if (n >= sizeof(digits) || !text_number(digits, 1, UINT16_MAX, &port, &phrase))
		return wrong(why, s, len, "a port is a number from 1 to 65535");
	e->port = (uint16_t)port;
	return true;
}

/* The first address of the prefix; false if a is not it. */
static bool
network_of(const struct addr *a, unsigned bits, struct addr *net)
{
	*net = *a;
	for (unsigned i = 0; i < sizeof(net->bytes); i++) {
		const unsigned first = i * 8;

		if (first >= bits)
			net->bytes[i] = 0;
		else if (first + 8 > bits)
			net->bytes[i] &= (uint8_t)(0xffu << (first + 8 - bits));
	}
	return addr_equal(a, net);
}

/* "203.0.113.0/24", "203.0.113.7", "2001:db8::/32", "[2001:db8::1]", "[..]/32". */
static bool
parse_prefix(struct allow_entry *e, const char *s, size_t len, char why[GH_CAUSE_SIZE])
{
	const char *slash = memchr(s, '/', len), *phrase;
	size_t n = slash != NULL ? (size_t)(slash - s) : len;
	const char *host = s;
	char text[ADDR_TEXT_SIZE], bits[4];
	struct addr net;
	uint64_t v;

	if (n >= 2 && s[0] == '[' && s[n - 1] == ']') {
		host++;
		n -= 2;
	} else if (slash == NULL && memchr(s, ':', len) != NULL)
		return wrong(why, s, len,
		    "an IPv6 address stands in brackets, with a port "
		    "behind: [2001:db8::1]:5432");
	snprintf(text, sizeof(text), "%.*s", n < sizeof(text) ? (int)n : 0, host);
	if (!addr_parse(text, &e->prefix))
		return wrong(why, s, len, "neither a host name nor an address");
	v = e->prefix.family == 4 ? 32 : 128;
	if (slash != NULL) {
		n = len - (size_t)(slash + 1 - s);
		snprintf(
		    bits, sizeof(bits), "%.*s", n < sizeof(bits) ? (int)n : 0, slash + 1);
		if (!text_number(bits, 0, v, &v, &phrase))
			return wrong(why, s, len,
			    "after the / stands a number of bits, at most %u",
			    (unsigned)v);
	}
	e->prefix_bits = (uint8_t)v;
	e->kind = ALLOW_PREFIX;
	if (!network_of(&e->prefix, e->prefix_bits, &net))
		return wrong(why, s, len, "has bits set behind its /%u; write %s/%u",
		    e->prefix_bits, addr_format(&net, text), e->prefix_bits);
	return true;
}

static bool
parse_preset(struct allow_entry *e, const char *s, size_t len, char why[GH_CAUSE_SIZE])
{
	if (e->deny)
		return wrong(why, s, len, "a preset cannot be denied; deny the names");
	for (size_t i = 1; i < len; i++) {
		if (!(s[i] >= 'a' && s[i] <= 'z') && !(s[i] >= '0' && s[i] <= '9') &&
		    (s[i] != '-' || i == 1))
			return wrong(why, s, len,
			    "a preset is @ and a name of lower-case "
			    "letters, digits and hyphens");
	}
	if (len < 2 || len > 64)
		return wrong(why, s, len, "a preset is @ and a name of at most 63 bytes");
	e->kind = ALLOW_PRESET;
	memcpy(e->name, s + 1, len - 1);
	e->name[len - 1] = '\0';
	return true;
}

static bool
parse_name(struct allow_entry *e, const char *s, size_t len, char why[GH_CAUSE_SIZE])
{
	const char *phrase, *name = s;
	size_t n = len;

	e->kind = ALLOW_EXACT;
	if (n >= 1 && name[0] == '.') {
		e->kind = ALLOW_TREE;
		name++, n--;
	} else if (n >= 2 && name[0] == '*' && name[1] == '.') {
		e->kind = ALLOW_BELOW;
		name += 2, n -= 2;
	}
	if (n == 0 || (n == 1 && name[0] == '*'))
		return wrong(why, s, len,
		    "would list every name there is; name a domain, "
		    "as in .example.org");
	if ((phrase = allow_name_canonical(e->name, name, n, true)) != NULL)
		return wrong(why, s, len, "%s", phrase);
	if (!e->deny && strchr(e->name, '.') == NULL && wide_is_suffix(e->name))
		return wrong(why, s, len, "a top-level domain, below which anyone can have "
		    "a name; name a domain, as in .example.%s", e->name);
	return true;
}

static bool
parse_target(struct allow_entry *e, const char *s, size_t len, char why[GH_CAUSE_SIZE])
{
	const char *colon = NULL;
	size_t n = len;

	if (len > 0 && s[0] == '@')
		return parse_preset(e, s, len, why);
	for (size_t i = 0; i < len; i++)
		if (s[i] == ':')
			colon = s + i;
	if (colon != NULL && (size_t)(colon - s) + 2 < len && colon[1] == '/' &&
	    colon[2] == '/')
		return wrong(why, s, len, "write the host alone, without %.*s or a path",
		    (int)(colon - s) + 3, s);
	if (colon != NULL) {
		n = (size_t)(colon - s);
		if (memchr(s, ':', n) != NULL && s[0] != '[' && memchr(s, '/', n) == NULL)
			return wrong(why, s, len,
			    "an IPv6 address stands in brackets, or has its "
			    "/bits, and a port behind: [2001:db8::1]:5432");
		if (!parse_port(e, colon + 1, len - n - 1, why))
			return false;
	}
	if (memchr(s, '/', n) != NULL || allow_name_is_address(s, n)) {
		if (colon == NULL && !parse_prefix(e, s, n, why) &&
		    memchr(s, '/', n) != NULL)
			return false;
		if (colon == NULL)
			return wrong(why, s, len, "an address needs a port, as in "
			    "203.0.113.0/24:5432");
		return parse_prefix(e, s, n, why);
	}
	return parse_name(e, s, n, why);
}

static bool
parse_vm(struct allow_entry *e, const char *s, size_t len, char why[GH_CAUSE_SIZE])
{
	if (e->vm[0] != '\0')
		return wrong(why, s, len, "vm= stands twice");
	if (len == 0)
		return wrong(
		    why, s, len, "after vm= stands a guest's name, * and ? for the rest");
	if (len >= sizeof(e->vm))
		return wrong(why, s, len, "a guest's name has at most %zu bytes",
		    sizeof(e->vm) - 1);
	for (size_t i = 0; i < len; i++)
		if (s[i] < 0x21 || s[i] > 0x7e)
			return wrong(why, s, len, "a guest's name is printable ASCII");
	memcpy(e->vm, s, len);
	e->vm[len] = '\0';
	return true;
}

static bool
parse_until(struct allow_entry *e, const char *s, size_t len, char why[GH_CAUSE_SIZE])
{
	char text[32];

	if (e->until != 0)
		return wrong(why, s, len, "until= stands twice");
	snprintf(text, sizeof(text), "%.*s", len < sizeof(text) ? (int)len : 0, s);
	if (!text_time_parse(text, &e->until) || e->until <= 0)
		return wrong(why, s, len, "after until= stands a time in UTC, as in "
		    "2026-11-22T18:00Z");
	return true;
}

static bool
parse_option(struct allow_entry *e, const char *s, size_t len, char why[GH_CAUSE_SIZE])
{
	if (len >= 3 && memcmp(s, "vm=", 3) == 0)
		return parse_vm(e, s + 3, len - 3, why);
	if (len >= 6 && memcmp(s, "until=", 6) == 0)
		return parse_until(e, s + 6, len - 6, why);
	return wrong(why, s, len, "not an option; behind an entry may stand vm=GUEST, "
	    "until=TIME and a # comment");
}

/* Not all of it: clearing 400 bytes is a tenth of reading a long list. */
static void
entry_clear(struct allow_entry *e)
{
	memset(e, 0, offsetof(struct allow_entry, name));
	e->name[0] = e->vm[0] = '\0';
}

bool
entry_parse(struct allow_entry *e, const char *core, size_t len, char why[GH_CAUSE_SIZE])
{
	const char *s = core, *end = core + len, *token;
	bool first = true;

	entry_clear(e);
	if (len > 0 && *s == '!') {
		e->deny = true;
		s++;
	}
	if (s == end || is_blank(*s))
		return wrong(
		    why, core, len, "behind ! stands what is never to be reached");
	while (s < end) {
		for (token = s; s < end && !is_blank(*s); s++)
			;
		if (!(first ? parse_target : parse_option)(
			e, token, (size_t)(s - token), why))
			return false;
		first = false;
		while (s < end && is_blank(*s))
			s++;
	}
	return true;
}

void
entry_plain(struct allow_entry *e, const struct item *it, const char *line)
{
	entry_clear(e);
	e->kind = it->flags & ITEM_KIND;
	memcpy(e->name, line + item_front(it), it->name_len);
	e->name[it->name_len] = '\0';
}

bool
entry_in_force(const struct allow_entry *e)
{
	return e->port != PORT_DNS;
}

bool
allow_entry_pinned(const struct allow_entry *e)
{
	return e->kind == ALLOW_PREFIX ||
	    (e->port != 0 && !(e->proto == IPPROTO_TCP && (e->port == 80 || e->port == 443)));
}

void
item_note(struct item *it, const struct allow_entry *e)
{
	it->name_len = (uint8_t)strlen(e->name);
	it->flags = (uint8_t)(e->kind | (e->until != 0 ? ITEM_UNTIL : 0));
}

size_t
item_plain(struct item *it, const char *line, const char *end)
{
	const char *name = line, *p;
	unsigned kind = ALLOW_EXACT, labels;

	if (end - line > 1 && line[0] == '.') {
		kind = ALLOW_TREE;
		name = line + 1;
	} else if (end - line > 2 && line[0] == '*' && line[1] == '.') {
		kind = ALLOW_BELOW;
		name = line + 2;
	}
	p = name_scan(name, end, &labels);
	/* One label may be a top-level domain. */
	if (p == NULL || (p < end && *p != '\n') || labels == 1)
		return 0;
	it->name_len = (uint8_t)(p - name);
	it->labels = (uint8_t)labels;
	it->flags = (uint8_t)(kind | ITEM_PLAIN);
	return (size_t)(p - line);
}

bool
entry_ended(const struct allow_entry *e)
{
	return e->until != 0 && e->until <= (int64_t)(now_wall() / 1000000);
}

bool
entry_same_target(const struct allow_entry *a, const struct allow_entry *b)
{
	return a->kind == b->kind && a->deny == b->deny && a->port == b->port &&
	    a->proto == b->proto && a->prefix_bits == b->prefix_bits &&
	    addr_equal(&a->prefix, &b->prefix) && strcmp(a->name, b->name) == 0;
}

bool
entry_same(const struct allow_entry *a, const struct allow_entry *b)
{
	return entry_same_target(a, b) && a->until == b->until &&
	       strcmp(a->vm, b->vm) == 0;
}

static void
target_text(const struct allow_entry *e, char *dst, size_t size)
{
	static const char *const front[] = { [ALLOW_EXACT] = "", [ALLOW_TREE] = ".",
		[ALLOW_BELOW] = "*.", [ALLOW_PREFIX] = "", [ALLOW_PRESET] = "@" };
	char addr[ADDR_TEXT_SIZE];

	if (e->kind != ALLOW_PREFIX) {
		snprintf(dst, size, "%s%s", front[e->kind], e->name);
		return;
	}
	addr_format(&e->prefix, addr);
	if (e->prefix_bits == (e->prefix.family == 4 ? 32 : 128))
		snprintf(dst, size, e->prefix.family == 4 ? "%s" : "[%s]", addr);
	else
		snprintf(dst, size, "%s/%u", addr, e->prefix_bits);
}

char *
allow_entry_text(const struct allow_entry *e)
{
	char target[GH_NAME_SIZE + 4], port[16] = "", until[32] = "";

	target_text(e, target, sizeof(target));
	if (e->port != 0)
		snprintf(port, sizeof(port), ":%u%s", e->port,
		    e->proto == IPPROTO_UDP ? "/udp" : "");
	if (e->until != 0)
		text_time_format(until, e->until);
	return xasprintf("%s%s%s%s%s%s%s", e->deny ? "!" : "", target, port,
	    e->vm[0] != '\0' ? " vm=" : "", e->vm, until[0] != '\0' ? " until=" : "",
	    until);
}

char *
allow_entry_explain(const struct allow_entry *e)
{
	char what[2 * GH_NAME_SIZE + 64], port[40] = "", until[32] = "",
					  target[GH_NAME_SIZE + 4];

	target_text(e, target, sizeof(target));
	if (e->kind == ALLOW_EXACT)
		snprintf(what, sizeof(what), "%s alone", e->name);
	else if (e->kind == ALLOW_TREE)
		snprintf(what, sizeof(what), "%s and every name below it", e->name);
	else if (e->kind == ALLOW_BELOW)
		snprintf(what, sizeof(what), "every name below %s, not %s itself",
		    e->name, e->name);
	else if (e->kind == ALLOW_PREFIX)
		snprintf(what, sizeof(what), "the address%s %s",
		    strchr(target, '/') != NULL ? "es" : "", target);
	else
		snprintf(what, sizeof(what), "the names of the preset %s", e->name);
	if (e->port != 0)
		snprintf(port, sizeof(port), ", %s port %u",
		    e->proto == IPPROTO_UDP ? "UDP" : "TCP", e->port);
	else if (e->kind != ALLOW_PRESET && !e->deny)
		snprintf(port, sizeof(port), ", ports 80 and 443");
	if (e->until != 0)
		text_time_format(until, e->until);
	return xasprintf("%s%s%s%s%s%s%s", e->deny ? "never " : "", what, port,
	    e->vm[0] != '\0' ? ", for guests " : "", e->vm,
	    until[0] != '\0' ? ", until " : "", until);
}
