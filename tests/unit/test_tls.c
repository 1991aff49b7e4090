/* The ClientHello: what it says is read from any segmentation; what could be
 * read in two ways is refused. */
#include "config.h"

#include "unit.h"

#include <stdio.h>

#include "hello.h"
#include "proxy/tls.h"

enum { LIMIT = 64 << 10, RECORD = 16384 };

static struct bytes message, wire;

static const struct {
	const char		*what;
	struct hello_spec	 spec;
	enum parse		 result;
	enum reason		 why;		/* of a refusal */
	size_t			 name_len;	/* 0: the spec's, or none */
} cases[] = {
	{ "an ordinary hello", { .name = "example.com", .alpn = "h2", .supported = 0x0304 }, PARSE_DONE, 0, 0 },
	{ "a hello without a name", { .alpn = "h2" }, PARSE_DONE, 0, 0 },
	{ "a hello without extensions", { .no_extensions = 1 }, PARSE_DONE, 0, 0 },
	{ "a name of one byte", { .name = "a" }, PARSE_DONE, 0, 0 },
	{ "a NUL inside the name", { .name = "evil.com\0.github.com", .name_len = 20 }, PARSE_DONE, 0, 20 },
	{ "a hello of post-quantum size", { .name = "example.com", .padding = 4000 }, PARSE_DONE, 0, 0 },
	{ "ECH", { .name = "outer.example", .ech = 200 }, PARSE_DONE, 0, 0 },
	{ "a hello of 40 KiB", { .name = "example.com", .padding = 40000 }, PARSE_DONE, 0, 0 },
	{ "an empty name", { .name = "", .name_extensions = 1 }, PARSE_REFUSE, REASON_MALFORMED, 0 },
	{ "two names in one list", { .name = "a.com", .second_name = "b.com" }, PARSE_REFUSE, REASON_MALFORMED, 0 },
	{ "two server_name extensions", { .name = "a.com", .name_extensions = 2 }, PARSE_REFUSE, REASON_MALFORMED, 0 },
	{ "a name of another type", { .name = "a.com", .name_type = 1 }, PARSE_REFUSE, REASON_MALFORMED, 0 },
	{ "bytes behind the name list", { .name = "a.com", .name_tail = "xy" }, PARSE_REFUSE, REASON_MALFORMED, 0 },
	{ "bytes behind the extensions", { .name = "a.com", .tail = "xyz" }, PARSE_REFUSE, REASON_MALFORMED, 0 },
};
enum { NCASES = sizeof(cases) / sizeof(cases[0]) };

static enum parse
parse(struct tls_scan *scan, const uint8_t *b, size_t len, struct tls_hello *h, enum reason *why)
{
	const char *what = NULL;
	enum parse result = tls_hello_parse(scan, b, len, LIMIT, h, why, &what);

	if (result == PARSE_REFUSE)
		assert_non_null(what);
	return result;
}

/* The last step of a parse, and whether it came out as the table says. */
static void
check_hello(size_t i, struct tls_scan *scan, const uint8_t *b, size_t n)
{
	struct tls_hello hello, *h = &hello;
	enum reason why = REASON_NONE;
	enum parse result = parse(scan, b, n, h, &why);
	const struct hello_spec *s = &cases[i].spec;
	char alpn[GH_ALPN_SIZE], want[GH_ALPN_SIZE];
	size_t len = cases[i].name_len != 0 ? cases[i].name_len : s->name != NULL ? strlen(s->name) : 0;

	if (result != cases[i].result)
		fail_msg("%s: result %d", cases[i].what, result);
	if (result == PARSE_REFUSE) {
		assert_int_equal(why, cases[i].why);
		return;
	}
	assert_int_equal(h->has_name, s->name != NULL);
	assert_int_equal(h->name_len, len);
	assert_memory_equal(h->name, s->name != NULL ? s->name : "", len);
	assert_int_equal(h->ech, s->ech != 0);
	assert_int_equal(h->version, s->supported != 0 ? s->supported : 0x0303);
	snprintf(want, sizeof(want), "%s%s", s->alpn != NULL ? s->alpn : "",
	    s->alpn != NULL ? ", http/1.1" : "");
	tls_alpn_text(h, alpn, sizeof(alpn));
	assert_string_equal(alpn, want);
}

static void
what_a_hello_says_is_read_or_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < NCASES; i++) {
		struct tls_scan scan = { 0 };

		hello_message(&message, &cases[i].spec);
		hello_records(&wire, &message, RECORD);
		check_hello(i, &scan, wire.b, wire.len);
	}
}

static void
a_hello_may_arrive_one_byte_at_a_time(void **state)
{
	struct tls_hello h;
	enum reason why = REASON_NONE;

	(void)state;
	for (size_t i = 0; i < NCASES; i++) {
		struct tls_scan scan = { 0 };

		hello_message(&message, &cases[i].spec);
		hello_records(&wire, &message, RECORD);
		for (size_t len = 0; len < wire.len; len++)
			assert_int_equal(parse(&scan, wire.b, len, &h, &why), PARSE_MORE);
		check_hello(i, &scan, wire.b, wire.len);
	}
}

static void
a_hello_may_be_cut_into_records_of_any_size(void **state)
{
	static const size_t sizes[] = { 1, 2, 3, 4, 5, 7, 38, 64, 100, 255, 1000, 4096 };
	(void)state;
	for (size_t i = 0; i < NCASES; i++) {
		hello_message(&message, &cases[i].spec);
		for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
			struct tls_scan scan = { 0 };

			hello_records(&wire, &message, sizes[k]);
			if (wire.len > LIMIT)
				continue;
			check_hello(i, &scan, wire.b, wire.len);
		}
	}
}

static void
records_and_segments_may_be_cut_at_once(void **state)
{
	struct tls_hello h;
	enum reason why = REASON_NONE;

	(void)state;
	hello_message(&message, &cases[0].spec);
	for (size_t size = 1; size < message.len; size++) {
		hello_records(&wire, &message, size);
		for (size_t cut = 0; cut < wire.len; cut++) {
			struct tls_scan scan = { 0 };

			assert_int_equal(parse(&scan, wire.b, cut, &h, &why), PARSE_MORE);
			check_hello(0, &scan, wire.b, wire.len);
		}
	}
}

static void
what_follows_the_hello_is_not_looked_at(void **state)
{
	struct tls_scan scan = { 0 };

	(void)state;
	hello_message(&message, &cases[0].spec);
	hello_records(&wire, &message, RECORD);
	put(&wire, "\x14\x03\x03\x00\x01\x01\x17\x03\x03garbage", 16);	/* early data */
	check_hello(0, &scan, wire.b, wire.len);
}

/* Changes one byte of an ordinary hello's wire form and expects a refusal. */
static void
expect_refusal(size_t at, uint8_t value, enum reason reason)
{
	struct tls_scan scan = { 0 };
	struct tls_hello h;
	enum reason why = REASON_NONE;

	hello_message(&message, &cases[0].spec);
	hello_records(&wire, &message, RECORD);
	wire.b[at] = value;
	if (parse(&scan, wire.b, wire.len, &h, &why) != PARSE_REFUSE)
		fail_msg("byte %zu set to %#x was not refused", at, value);
	assert_int_equal(why, reason);
}

static void
broken_records_and_lengths_are_refused(void **state)
{
	const size_t session_id = 5 + 4 + 2 + 32, ciphers = session_id + 33;

	(void)state;
	expect_refusal(0, 23, REASON_MALFORMED);	/* not a handshake record */
	expect_refusal(1, 2, REASON_MALFORMED);		/* SSL 2 */
	expect_refusal(3, 0x41, REASON_MALFORMED);	/* a record above 2^14 */
	expect_refusal(5, 2, REASON_MALFORMED);		/* a ServerHello */
	expect_refusal(6, 0x7f, REASON_TOO_LARGE);	/* a message of 8 MiB */
	expect_refusal(8, 1, REASON_MALFORMED);		/* bytes behind the message */
	expect_refusal(9, 2, REASON_MALFORMED);		/* version 2.3 */
	expect_refusal(session_id, 33, REASON_MALFORMED);
	expect_refusal(session_id, 255, REASON_MALFORMED);
	expect_refusal(ciphers, 0xff, REASON_MALFORMED);
	expect_refusal(ciphers + 1, 3, REASON_MALFORMED);	/* an odd length */
	expect_refusal(ciphers + 6, 0, REASON_MALFORMED);	/* no compression method */
	expect_refusal(ciphers + 8, 0xff, REASON_MALFORMED);	/* extensions too long */
}

static void
an_empty_record_is_refused(void **state)
{
	static const uint8_t empty[] = { 22, 3, 1, 0, 0 };
	struct tls_scan scan = { 0 };
	struct tls_hello h;
	enum reason why = REASON_NONE;

	(void)state;
	assert_int_equal(parse(&scan, empty, sizeof(empty), &h, &why), PARSE_REFUSE);
	assert_int_equal(why, REASON_MALFORMED);
}

static void
another_record_inside_the_hello_is_refused(void **state)
{
	struct tls_scan scan = { 0 };
	struct tls_hello h;
	enum reason why = REASON_NONE;

	(void)state;
	hello_message(&message, &cases[0].spec);
	hello_records(&wire, &message, 50);
	wire.b[55] = 20;
	assert_int_equal(parse(&scan, wire.b, wire.len, &h, &why), PARSE_REFUSE);
	assert_int_equal(why, REASON_MALFORMED);
}

static void
a_hello_above_the_limit_is_refused_before_it_is_read(void **state)
{
	const struct hello_spec spec = { .name = "a.com", .padding = 60000, .ech = 8000 };
	struct tls_scan scan = { 0 };
	struct tls_hello h;
	enum reason why = REASON_NONE;

	(void)state;
	hello_message(&message, &spec);
	hello_records(&wire, &message, RECORD);
	/* The first record tells the size of the whole message. */
	assert_int_equal(parse(&scan, wire.b, 5 + RECORD, &h, &why), PARSE_REFUSE);
	assert_int_equal(why, REASON_TOO_LARGE);
}

static void
offered_protocols_are_told_as_far_as_they_fit(void **state)
{
	static const struct {
		struct tls_hello	 hello;
		const char		*text;
	} lists[] = {
		{ { .alpn_len = 0 }, "" },
		{ { .alpn_len = 3, .alpn = "\2h2" }, "h2" },
		{ { .alpn_len = 12, .alpn = "\2h2\10http/1.1" }, "h2, http/1.1" },
		{ { .alpn_len = 9, .alpn = "\2\x0a\x0a\2h2\2h3" }, "\\x0a\\x0a, h2, h3" },
		{ { .alpn_len = 3, .alpn = "\2h2", .alpn_more = true }, "h2, ..." },
		{ { .alpn_more = true }, "..." },
		{ { .alpn_len = 15, .alpn = "\16\1\2\3\4\5\6\7\1\2\3\4\5\6\7" },
		    "\\x01\\x02\\x03\\x04\\x05\\x06\\x07\\x01\\x02\\x03\\x04\\x05\\x06\\x07" },
		{ { .alpn_len = 18, .alpn = "\2h2\16\1\2\3\4\5\6\7\1\2\3\4\5\6\7" }, "h2, ..." },
	};
	const struct hello_spec spec = { .name = "a.com",
		.alpn = "a-protocol-that-is-longer-than-what-is-kept-of-all-of-them" };
	char text[GH_ALPN_SIZE];
	struct tls_scan scan = { 0 };
	struct tls_hello h;
	enum reason why;

	(void)state;
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		tls_alpn_text(&lists[i].hello, text, sizeof(text));
		assert_string_equal(text, lists[i].text);
	}
	hello_message(&message, &spec);
	hello_records(&wire, &message, RECORD);
	assert_int_equal(parse(&scan, wire.b, wire.len, &h, &why), PARSE_DONE);
	tls_alpn_text(&h, text, sizeof(text));
	assert_string_equal(text, "...");
}

static void
a_name_longer_than_any_host_is_cut_not_overrun(void **state)
{
	static char name[1000];
	const struct hello_spec spec = { .name = name, .name_len = sizeof(name) };
	struct tls_scan scan = { 0 };
	struct tls_hello h;
	enum reason why = REASON_NONE;

	(void)state;
	memset(name, 'a', sizeof(name));
	hello_message(&message, &spec);
	hello_records(&wire, &message, RECORD);
	assert_int_equal(parse(&scan, wire.b, wire.len, &h, &why), PARSE_DONE);
	assert_int_equal(h.name_len, GH_NAME_SIZE - 1);
}

/* As much as some server takes for TLS, and none of what is something else. */
static void
the_beginning_tells_tls_from_what_is_not(void **state)
{
	static const struct {
		const char	*bytes;
		size_t		 len;
		enum parse	 result;
	} rows[] = {
		{ "\x16\x03\x01\x02\x00\x01", 6, PARSE_DONE },
		{ "\x16\x03\x01\x00\x01\x01", 6, PARSE_DONE },	/* cut into records of a byte */
		{ "\x16\x00\x00\x02\x00\x01", 6, PARSE_DONE },	/* no version, which some bear */
		{ "\x16\x0f\xff\x02\x00\x01", 6, PARSE_DONE },
		{ "\x16\x03\x01\x00\x00", 5, PARSE_DONE },		/* an empty record */
		{ "\x15\x03\x01\x00\x02\x01", 6, PARSE_DONE },	/* a warning */
		{ "\x14\x03\x03\x00\x01\x01", 6, PARSE_DONE },	/* change_cipher_spec */
		{ "\x16", 1, PARSE_MORE },
		{ "\x16\x03\x01\x02\x00", 5, PARSE_MORE },
		{ "\x16\x03\x01\x02\x00\x02", 6, PARSE_REFUSE },	/* no server takes a ServerHello */
		{ "\x15\x03\x01\x00\x02\x02", 6, PARSE_REFUSE },	/* nor goes on after an error */
		{ "\x16\x10", 2, PARSE_REFUSE },
		{ "\x17\x03\x03\x00\x01\x01", 6, PARSE_REFUSE },
		{ "\x13", 1, PARSE_REFUSE },
		{ "\x80\x2e\x01\x03", 4, PARSE_DONE },		/* a hello in SSLv2's form */
		{ "\x80\x2e\x01\x00\x02", 5, PARSE_DONE },	/* and one of its own */
		{ "\x80\x2e\x01", 3, PARSE_MORE },
		{ "\x80\x2e\x04", 3, PARSE_REFUSE },
		{ "\x81\x00\x01\x44", 4, PARSE_REFUSE },
		{ "S", 1, PARSE_REFUSE },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (tls_begins((const uint8_t *)rows[i].bytes, rows[i].len) != rows[i].result)
			fail_msg("row %zu", i);
	}
}

static void
every_refusal_has_a_fatal_alert(void **state)
{
	uint8_t alert[TLS_ALERT_SIZE];

	(void)state;
	for (enum reason r = REASON_NOT_LISTED; r < REASON_COUNT; r++) {
		tls_alert(alert, r);
		assert_memory_equal(alert, "\x15\x03\x03\x00\x02\x02", 6);
	}
	tls_alert(alert, REASON_NOT_LISTED);
	assert_int_equal(alert[6], 49);
	tls_alert(alert, REASON_NO_NAME);
	assert_int_equal(alert[6], 112);
	tls_alert(alert, REASON_MALFORMED);
	assert_int_equal(alert[6], 50);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_hello_says_is_read_or_refused),
		cmocka_unit_test(a_hello_may_arrive_one_byte_at_a_time),
		cmocka_unit_test(a_hello_may_be_cut_into_records_of_any_size),
		cmocka_unit_test(records_and_segments_may_be_cut_at_once),
		cmocka_unit_test(what_follows_the_hello_is_not_looked_at),
		cmocka_unit_test(broken_records_and_lengths_are_refused),
		cmocka_unit_test(an_empty_record_is_refused),
		cmocka_unit_test(another_record_inside_the_hello_is_refused),
		cmocka_unit_test(a_hello_above_the_limit_is_refused_before_it_is_read),
		cmocka_unit_test(offered_protocols_are_told_as_far_as_they_fit),
		cmocka_unit_test(a_name_longer_than_any_host_is_cut_not_overrun),
		cmocka_unit_test(the_beginning_tells_tls_from_what_is_not),
		cmocka_unit_test(every_refusal_has_a_fatal_alert),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
