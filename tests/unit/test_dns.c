/* DNS messages as byte tables: what is read, what is refused, what is written. */
#include "config.h"

#include "unit.h"

#include <string.h>

#include "dns/message.h"

/* ---- queries ---- */

#define HEAD(flags, counts) "\x12\x34" flags counts
#define ONE "\0\1\0\0\0\0\0\0"
#define ONE_OPT "\0\1\0\0\0\0\0\1"
#define WWW "\3wWw\7eXample\0"
#define A_IN "\0\1\0\1"
#define OPT "\0\0\x29\x10\0\0\0\0\0\0\0"

struct query_case {
	const char	*what;
	const char	*bytes;
	size_t		 len;
	int		 rcode;		/* -1: silence */
};
#define Q(what, bytes, rcode) { what, bytes, sizeof(bytes) - 1, rcode }

static const struct query_case queries[] = {
	Q("plain", HEAD("\1\0", ONE) WWW A_IN, DNS_NOERROR),
	Q("with EDNS", HEAD("\1\0", ONE_OPT) WWW A_IN OPT, DNS_NOERROR),
	Q("with an option", HEAD("\1\0", ONE_OPT) WWW A_IN
	    "\0\0\x29\x10\0\0\0\0\0\0\6\0\x0a\0\2ab", DNS_NOERROR),
	Q("of the root", HEAD("\1\0", ONE) "\0" A_IN, DNS_NOERROR),
	Q("nothing at all", "", -1),
	Q("half a header", "\x12\x34\1\0\0\1\0\0\0\0\0", -1),
	Q("a response", HEAD("\x81\0", ONE) WWW A_IN, -1),
	Q("a header alone", HEAD("\1\0", ONE), DNS_FORMERR),
	Q("no question", HEAD("\1\0", "\0\0\0\0\0\0\0\0"), DNS_FORMERR),
	Q("two questions", HEAD("\1\0", "\0\2\0\0\0\0\0\0") WWW A_IN WWW A_IN, DNS_FORMERR),
	Q("with an answer", HEAD("\1\0", "\0\1\0\1\0\0\0\0") WWW A_IN, DNS_FORMERR),
	Q("with an authority", HEAD("\1\0", "\0\1\0\0\0\1\0\0") WWW A_IN, DNS_FORMERR),
	Q("with two additional records", HEAD("\1\0", "\0\1\0\0\0\0\0\2") WWW A_IN OPT OPT,
	    DNS_FORMERR),
	Q("cut short and saying so", HEAD("\3\0", ONE) WWW A_IN, DNS_FORMERR),
	Q("bytes behind its end", HEAD("\1\0", ONE) WWW A_IN "x", DNS_FORMERR),
	Q("a name without its end", HEAD("\1\0", ONE) "\3www", DNS_FORMERR),
	Q("a label longer than the rest", HEAD("\1\0", ONE) "\x3fwww\0" A_IN, DNS_FORMERR),
	Q("a label of an unknown kind", HEAD("\1\0", ONE) "\x41www\0" A_IN, DNS_FORMERR),
	Q("a pointer to itself", HEAD("\1\0", ONE) "\xc0\x0c" A_IN, DNS_FORMERR),
	Q("a pointer into the header", HEAD("\1\0", ONE) "\3www\xc0\x04" A_IN, DNS_FORMERR),
	Q("a pointer forward", HEAD("\1\0", ONE) "\xc0\x10" A_IN WWW, DNS_FORMERR),
	Q("half a pointer", HEAD("\1\0", ONE) "\xc0", DNS_FORMERR),
	Q("no type", HEAD("\1\0", ONE) WWW "\0", DNS_FORMERR),
	Q("no class", HEAD("\1\0", ONE) WWW "\0\1\0", DNS_FORMERR),
	Q("an additional record that is no OPT", HEAD("\1\0", ONE_OPT) WWW A_IN
	    "\0\0\1\0\1\0\0\0\0\0\4abcd", DNS_FORMERR),
	Q("an OPT of a name", HEAD("\1\0", ONE_OPT) WWW A_IN "\1x" OPT, DNS_FORMERR),
	Q("an OPT cut short", HEAD("\1\0", ONE_OPT) WWW A_IN "\0\0\x29\x10\0\0\0\0\0\0",
	    DNS_FORMERR),
	Q("an OPT that claims more", HEAD("\1\0", ONE_OPT) WWW A_IN
	    "\0\0\x29\x10\0\0\0\0\0\0\1", DNS_FORMERR),
	Q("an option that claims more", HEAD("\1\0", ONE_OPT) WWW A_IN
	    "\0\0\x29\x10\0\0\0\0\0\0\4\0\x0a\0\1", DNS_FORMERR),
	Q("an OPT announced and missing", HEAD("\1\0", ONE_OPT) WWW A_IN, DNS_FORMERR),
	Q("EDNS of another version", HEAD("\1\0", ONE_OPT) WWW A_IN
	    "\0\0\x29\x10\0\0\1\0\0\0\0", DNS_BADVERS),
	Q("an update", HEAD("\x28\0", ONE) WWW A_IN, DNS_NOTIMP),
	Q("a notify", HEAD("\x20\0", ONE) WWW A_IN, DNS_NOTIMP),
	Q("a status, and nothing more", HEAD("\x10\0", "\0\0\0\0\0\0\0\0"), DNS_NOTIMP),
};

static void
each_query_is_read_or_refused_as_it_deserves(void **state)
{
	struct dns_query q;
	enum dns_rcode rcode;

	(void)state;
	for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
		const struct query_case *c = &queries[i];
		const bool answer = dns_query_read(&q, (const uint8_t *)c->bytes, c->len, &rcode);

		if (answer != (c->rcode >= 0) || (answer && (int)rcode != c->rcode))
			fail_msg("%s: %d", c->what, answer ? (int)rcode : -1);
		if (answer)
			assert_int_equal(q.id, 0x1234);
	}
}

static void
a_query_cut_anywhere_is_never_taken_for_whole(void **state)
{
	const struct query_case *c = &queries[2];
	struct dns_query q;
	enum dns_rcode rcode;

	(void)state;
	for (size_t len = 0; len < c->len; len++) {
		if (dns_query_read(&q, (const uint8_t *)c->bytes, len, &rcode))
			assert_int_equal(rcode, DNS_FORMERR);
	}
}

static void
a_query_tells_what_its_client_can_take(void **state)
{
	static const char tiny[] = HEAD("\1\x10", ONE_OPT) WWW A_IN "\0\0\x29\0\x64\0\0\0\0\0\0";
	struct dns_query q;
	enum dns_rcode rcode;

	(void)state;
	assert_true(dns_query_read(&q, (const uint8_t *)queries[0].bytes, queries[0].len, &rcode));
	assert_int_equal(q.udp_size, DNS_UDP_PLAIN);
	assert_true(q.recursion);
	assert_false(q.edns || q.checking_off);
	assert_true(dns_query_read(&q, (const uint8_t *)queries[1].bytes, queries[1].len, &rcode));
	assert_int_equal(q.udp_size, DNS_UDP_MAX);	/* it said 4096 */
	assert_true(q.edns);
	assert_true(dns_query_read(&q, (const uint8_t *)tiny, sizeof(tiny) - 1, &rcode));
	assert_int_equal(q.udp_size, DNS_UDP_PLAIN);	/* it said 100 */
	assert_true(q.checking_off);
}

static void
a_name_has_at_most_255_bytes(void **state)
{
	uint8_t msg[DNS_HEADER_SIZE + 4 * 64 + 5] = "\x12\x34\1\0\0\1\0\0\0\0\0";
	struct dns_query q;
	enum dns_rcode rcode;
	size_t at = DNS_HEADER_SIZE;

	(void)state;
	for (int i = 0; i < 4; i++, at += 64) {
		msg[at] = i < 3 ? 63 : 61;
		memset(msg + at + 1, 'a', 63);
	}
	at -= 2;
	memcpy(msg + at, "\0\0\1\0\1", 5);
	assert_true(dns_query_read(&q, msg, at + 5, &rcode));
	assert_int_equal(rcode, DNS_NOERROR);
	assert_int_equal(q.question.name_len, 255);
	msg[DNS_HEADER_SIZE + 3 * 64] = 62;
	memcpy(msg + at, "a\0\0\1\0\1", 6);
	assert_true(dns_query_read(&q, msg, at + 6, &rcode));
	assert_int_equal(rcode, DNS_FORMERR);
}

static void
a_name_becomes_text_unless_a_dot_is_in_a_label(void **state)
{
	char text[DNS_TEXT_SIZE];

	(void)state;
	assert_int_equal(dns_name_text(text, (const uint8_t *)"\3wWw\2de", 8), 6);
	assert_string_equal(text, "wWw.de");
	assert_int_equal(dns_name_text(text, (const uint8_t *)"", 1), 0);
	assert_int_equal(dns_name_text(text, (const uint8_t *)"\3a.b\2de", 8), 0);
	assert_int_equal(dns_name_text(text, (const uint8_t *)"\3a\0b\2de", 8), 6);
	assert_memory_equal(text, "a\0b.de", 7);
}

/* ---- responses ---- */

static void
query(struct dns_query *q, int which)
{
	enum dns_rcode rcode;

	assert_true(dns_query_read(q, (const uint8_t *)queries[which].bytes, queries[which].len,
	    &rcode));
}

#define assert_bytes(dst, n, expected) do {				\
	assert_int_equal(n, sizeof(expected) - 1);			\
	assert_memory_equal(dst, expected, sizeof(expected) - 1);	\
} while (0)

static void
an_answer_repeats_the_question_in_its_own_case(void **state)
{
	const struct addr addrs[2] = {
		{ .family = 4, .bytes = { 192, 0, 2, 1 } }, { .family = 4, .bytes = { 192, 0, 2, 2 } },
	};
	const struct dns_response r = { .ttl = 300, .naddrs = 2, .addrs = addrs,
		.ede = DNS_EDE_NONE };
	uint8_t dst[DNS_UDP_MAX];
	struct dns_query q;

	(void)state;
	query(&q, 0);
	assert_bytes(dst, dns_response_write(dst, q.udp_size, &q, &r),
	    HEAD("\x81\x80", "\0\1\0\2\0\0\0\0") WWW A_IN
	    "\xc0\x0c\0\1\0\1\0\0\1\x2c\0\4\xc0\0\2\1"
	    "\xc0\x0c\0\1\0\1\0\0\1\x2c\0\4\xc0\0\2\2");
}

static void
a_refusal_says_why_to_those_who_speak_edns(void **state)
{
	const struct dns_response r = { .rcode = DNS_NXDOMAIN, .ede = DNS_EDE_BLOCKED,
		.text = "why" };
	uint8_t dst[DNS_UDP_MAX];
	struct dns_query q;

	(void)state;
	query(&q, 1);
	assert_bytes(dst, dns_response_write(dst, q.udp_size, &q, &r),
	    HEAD("\x81\x83", "\0\1\0\0\0\0\0\1") WWW A_IN
	    "\0\0\x29\x04\xd0\0\0\0\0\0\x09\0\x0f\0\5\0\x0fwhy");
	query(&q, 0);
	assert_bytes(dst, dns_response_write(dst, q.udp_size, &q, &r),
	    HEAD("\x81\x83", ONE) WWW A_IN);
}

static void
an_error_repeats_what_could_be_read(void **state)
{
	struct dns_response r = { .rcode = DNS_NOTIMP, .ede = DNS_EDE_NONE };
	uint8_t dst[DNS_UDP_MAX];
	struct dns_query q;

	(void)state;
	query(&q, 31);
	assert_bytes(dst, dns_response_write(dst, q.udp_size, &q, &r),
	    HEAD("\xa8\x84", "\0\0\0\0\0\0\0\0"));
	query(&q, 30);
	r.rcode = DNS_BADVERS;
	assert_bytes(dst, dns_response_write(dst, q.udp_size, &q, &r),
	    HEAD("\x81\x80", ONE_OPT) WWW A_IN "\0\0\x29\x04\xd0\1\0\0\0\0\0");
}

static void
an_answer_to_any_is_minimal(void **state)
{
	static const char any[] = HEAD("\1\0", ONE) WWW "\0\xff\0\1";
	const struct dns_response r = { .minimal = true, .ede = DNS_EDE_NONE };
	uint8_t dst[DNS_UDP_MAX];
	struct dns_query q;
	enum dns_rcode rcode;

	(void)state;
	assert_true(dns_query_read(&q, (const uint8_t *)any, sizeof(any) - 1, &rcode));
	assert_bytes(dst, dns_response_write(dst, q.udp_size, &q, &r),
	    HEAD("\x81\x80", "\0\1\0\1\0\0\0\0") WWW "\0\xff\0\1"
	    "\xc0\x0c\0\x0d\0\1\0\0\x0e\x10\0\x09\7RFC8482\0");
}

static void
what_does_not_fit_is_left_out_and_said_so(void **state)
{
	static struct addr addrs[DNS_ADDRS_MAX];
	struct dns_response r = { .ttl = 1, .naddrs = DNS_ADDRS_MAX, .addrs = addrs,
		.ede = DNS_EDE_NONE };
	static const char aaaa[] = HEAD("\1\0", ONE) WWW "\0\x1c\0\1";
	uint8_t dst[DNS_UDP_MAX];
	struct dns_query q;
	enum dns_rcode rcode;

	(void)state;
	assert_true(dns_query_read(&q, (const uint8_t *)aaaa, sizeof(aaaa) - 1, &rcode));
	assert_true(dns_response_write(dst, sizeof(dst), &q, &r) == 29 + 16 * 28);
	assert_int_equal(dst[2], 0x81);
	q.udp_size = 470;
	assert_bytes(dst, dns_response_write(dst, 470, &q, &r),
	    HEAD("\x83\x80", ONE) WWW "\0\x1c\0\1");
}

/* ---- what servers answer ---- */

static void
our_query_is_plain_and_lower_case(void **state)
{
	uint8_t dst[DNS_QUERY_MAX];

	(void)state;
	assert_bytes(dst, dns_query_write(dst, 0x1234, "www.example", DNS_TYPE_AAAA, false),
	    HEAD("\1\0", ONE) "\3www\7example\0\0\x1c\0\1");
	assert_bytes(dst, dns_query_write(dst, 0x1234, "www.example", DNS_TYPE_A, true),
	    HEAD("\1\0", ONE_OPT) "\3www\7example\0" A_IN "\0\0\x29\x04\xd0\0\0\0\0\0\0");
}

#define ANSWERS(n, m) "\0\1\0" n "\0" m "\0\0"
#define IS_A(name, ttl, last) name "\0\1\0\1\0\0\0" ttl "\0\4\xc6\x33\x64" last
#define ASKED "\xc0\x0c"
#define SOA "\xc0\x10\0\6\0\1\0\0\0\x64\0\x18\1a\0\0" "\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\x32"

struct reply_case {
	const char	*what;
	const char	*bytes;
	size_t		 len;
	int		 naddrs;	/* -1: no sound answer */
	unsigned	 ttl;
};
#define R(what, bytes, naddrs, ttl) { what, bytes, sizeof(bytes) - 1, naddrs, ttl }

static const struct reply_case replies[] = {
	R("one address", HEAD("\x81\x80", ANSWERS("\1", "\0")) WWW A_IN IS_A(ASKED, "\x3c", "\1"), 1, 60),
	R("two, the shorter TTL counts", HEAD("\x81\x80", ANSWERS("\2", "\0")) WWW A_IN
	    IS_A(ASKED, "\x3c", "\1") IS_A(ASKED, "\x1e", "\2"), 2, 30),
	R("of another name", HEAD("\x81\x80", ANSWERS("\2", "\0")) WWW A_IN
	    IS_A("\5other\0", "\x3c", "\1") IS_A(ASKED, "\x1e", "\2"), 1, 30),
	R("behind an alias", HEAD("\x81\x80", ANSWERS("\2", "\0")) WWW A_IN
	    ASKED "\0\5\0\1\0\0\0\x0a\0\5\3cdn\0" IS_A("\3CDN\0", "\x3c", "\1"), 1, 10),
	R("behind two aliases, out of order", HEAD("\x81\x80", ANSWERS("\3", "\0")) WWW A_IN
	    IS_A("\1b\0", "\x3c", "\1") "\1a\0" "\0\5\0\1\0\0\0\x0a\0\3\1b\0"
	    ASKED "\0\5\0\1\0\0\0\x14\0\3\1a\0", 1, 10),
	R("an alias in a compressed name", HEAD("\x81\x80", ANSWERS("\2", "\0")) WWW A_IN
	    ASKED "\0\5\0\1\0\0\0\x0a\0\4\1a\xc0\x10" IS_A("\1a\xc0\x10", "\x3c", "\1"), 1, 10),
	R("an alias to nowhere", HEAD("\x81\x80", ANSWERS("\1", "\0")) WWW A_IN
	    ASKED "\0\5\0\1\0\0\0\x0a\0\3\1a\0", 0, 0),
	R("aliases in a circle", HEAD("\x81\x80", ANSWERS("\2", "\0")) WWW A_IN
	    ASKED "\0\5\0\1\0\0\0\x0a\0\3\1a\0" "\1a\0" "\0\5\0\1\0\0\0\x0a\0\2\xc0\x0c", -1, 0),
	R("an alias longer than its record", HEAD("\x81\x80", ANSWERS("\1", "\0")) WWW A_IN
	    ASKED "\0\5\0\1\0\0\0\x0a\0\2\1a\0", -1, 0),
	R("an alias shorter than its record", HEAD("\x81\x80", ANSWERS("\1", "\0")) WWW A_IN
	    ASKED "\0\5\0\1\0\0\0\x0a\0\4\1a\0x", -1, 0),
	R("an address of five bytes", HEAD("\x81\x80", ANSWERS("\1", "\0")) WWW A_IN
	    ASKED "\0\1\0\1\0\0\0\x0a\0\5" "abcde", 0, 0),
	R("an address of another type", HEAD("\x81\x80", ANSWERS("\1", "\0")) WWW A_IN
	    ASKED "\0\x1c\0\1\0\0\0\x0a\0\x10" "abcdefghijklmnop", 0, 0),
	R("an address of another class", HEAD("\x81\x80", ANSWERS("\1", "\0")) WWW A_IN
	    ASKED "\0\1\0\3\0\0\0\x0a\0\4" "abcd", 0, 0),
	R("a TTL with its top bit set", HEAD("\x81\x80", ANSWERS("\1", "\0")) WWW A_IN
	    ASKED "\0\1\0\1\x80\0\0\x0a\0\4" "abcd", 1, 0),
	R("none, for as long as the zone says", HEAD("\x81\x80", ANSWERS("\0", "\1")) WWW A_IN SOA,
	    0, 50),
	R("no such name", HEAD("\x81\x83", ANSWERS("\0", "\1")) WWW A_IN SOA, 0, 50),
	R("no such name, but an address", HEAD("\x81\x83", ANSWERS("\1", "\0")) WWW A_IN
	    IS_A(ASKED, "\x3c", "\1"), 0, 0),
	R("a server that fails", HEAD("\x81\x82", ONE) WWW A_IN, 0, UINT32_MAX),
	R("a server that cannot read", HEAD("\x81\x81", "\0\0\0\0\0\0\0\0"), 0, UINT32_MAX),
	R("an answer to nothing", HEAD("\x81\x80", "\0\0\0\0\0\0\0\0"), -1, 0),
	R("another id", "\x12\x35\x81\x80" ONE WWW A_IN, -1, 0),
	R("a query", HEAD("\1\0", ONE) WWW A_IN, -1, 0),
	R("another name", HEAD("\x81\x80", ONE) "\3wwv\7example\0" A_IN, -1, 0),
	R("another type", HEAD("\x81\x80", ONE) WWW "\0\x1c\0\1", -1, 0),
	R("another class", HEAD("\x81\x80", ONE) WWW "\0\1\0\3", -1, 0),
	R("fewer answers than announced", HEAD("\x81\x80", ANSWERS("\2", "\0")) WWW A_IN
	    IS_A(ASKED, "\x3c", "\1"), -1, 0),
	R("an answer cut short", HEAD("\x81\x80", ANSWERS("\1", "\0")) WWW A_IN
	    ASKED "\0\1\0\1\0\0\0\x0a\0\4" "abc", -1, 0),
	R("a pointer in a circle", HEAD("\x81\x80", ANSWERS("\1", "\0")) WWW A_IN
	    IS_A("\xc0\x1d", "\x3c", "\1"), -1, 0),
};

static void
each_reply_is_taken_for_what_it_is(void **state)
{
	struct dns_reply a;

	(void)state;
	for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
		const struct reply_case *c = &replies[i];
		const bool sound = dns_reply_read(&a, (const uint8_t *)c->bytes, c->len, 0x1234,
		    "www.example", DNS_TYPE_A);

		if (sound != (c->naddrs >= 0) ||
		    (sound && ((int)a.naddrs != c->naddrs || a.ttl != c->ttl)))
			fail_msg("%s: %d, %u addresses, TTL %u", c->what, sound, a.naddrs,
			    (unsigned)a.ttl);
	}
}

static void
a_chain_of_aliases_is_followed_so_far_and_no_further(void **state)
{
	uint8_t msg[1024] = "\x12\x34\x81\x80\0\1\0\0\0\0\0\0\1a\0\0\1\0\1";
	struct dns_reply a;
	size_t at = 19;

	(void)state;
	for (uint8_t n = 0; n < DNS_CHAIN_MAX + 1; n++) {
		const uint8_t alias[] = { 1, (uint8_t)('a' + n), 0, 0, 5, 0, 1, 0, 0, 0, 9, 0, 3, 1,
			(uint8_t)('b' + n), 0 };
		const uint8_t address[] = { 1, (uint8_t)('b' + n), 0, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4,
			192, 0, 2, 1 };

		memcpy(msg + at, alias, sizeof(alias));
		at += sizeof(alias);
		memcpy(msg + at, address, sizeof(address));
		msg[7] = n + 2;
		assert_int_equal(dns_reply_read(&a, msg, at + sizeof(address), 0x1234, "a",
		    DNS_TYPE_A), n < DNS_CHAIN_MAX);
	}
}

static void
a_truncated_reply_is_known_as_such_however_little_came(void **state)
{
	static const char cut[] = HEAD("\x83\x80", ANSWERS("\x10", "\0")) WWW A_IN "\xc0";
	struct dns_reply a;

	(void)state;
	assert_true(dns_reply_read(&a, (const uint8_t *)cut, sizeof(cut) - 1, 0x1234,
	    "www.example", DNS_TYPE_A));
	assert_true(a.truncated);
	assert_int_equal(a.naddrs, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_query_is_read_or_refused_as_it_deserves),
		cmocka_unit_test(a_query_cut_anywhere_is_never_taken_for_whole),
		cmocka_unit_test(a_query_tells_what_its_client_can_take),
		cmocka_unit_test(a_name_has_at_most_255_bytes),
		cmocka_unit_test(a_name_becomes_text_unless_a_dot_is_in_a_label),
		cmocka_unit_test(an_answer_repeats_the_question_in_its_own_case),
		cmocka_unit_test(a_refusal_says_why_to_those_who_speak_edns),
		cmocka_unit_test(an_error_repeats_what_could_be_read),
		cmocka_unit_test(an_answer_to_any_is_minimal),
		cmocka_unit_test(what_does_not_fit_is_left_out_and_said_so),
		cmocka_unit_test(our_query_is_plain_and_lower_case),
		cmocka_unit_test(each_reply_is_taken_for_what_it_is),
		cmocka_unit_test(a_chain_of_aliases_is_followed_so_far_and_no_further),
		cmocka_unit_test(a_truncated_reply_is_known_as_such_however_little_came),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
