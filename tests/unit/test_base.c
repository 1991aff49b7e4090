/* Addresses, text and names: the small things that every room relies on. */
#include "config.h"

#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "base64.h"
#include "gatehouse.h"
#include "text.h"

static void
addresses_are_read_strictly(void **state)
{
	static const char *const bad[] = { "", "10.1", "010.0.0.1", "0x7f.0.0.1", "2130706433",
		"1.2.3.4 ", "1.2.3.256", "[::1]", "fe80::1%eth0", "::g", "1.2.3.4.5" };
	struct addr a;
	char text[ADDR_TEXT_SIZE];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(addr_parse(bad[i], &a));
		assert_int_equal(a.family, 0);
	}
	assert_true(addr_parse("203.0.113.9", &a));
	assert_string_equal(addr_format(&a, text), "203.0.113.9");
	assert_true(addr_parse("2001:DB8::9", &a));
	assert_string_equal(addr_format(&a, text), "2001:db8::9");
	memset(&a, 0, sizeof(a));
	assert_string_equal(addr_format(&a, text), "-");
}

static void
special_addresses_are_told_from_the_internet(void **state)
{
	static const char *const special[] = { "0.1.2.3", "10.0.0.1", "100.64.0.1", "127.0.0.1",
		"169.254.169.254", "172.31.255.255", "192.0.2.1", "192.168.64.1", "198.18.0.1",
		"198.51.100.7", "203.0.113.1", "224.0.0.251", "255.255.255.255", "::", "::1",
		"fe80::1", "fec0::1", "fc00::1", "fd77::1", "ff02::fb", "2001:db8::1", "2001::1",
		"3fff::1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::1", "2002:0a00:1::",
		"100::1", "::8.8.8.8" };
	static const char *const open[] = { "1.1.1.1", "9.255.255.255", "11.0.0.1", "100.63.0.1",
		"100.128.0.1", "172.15.0.1", "172.32.0.1", "198.17.0.1", "198.20.0.1",
		"223.255.255.255", "2606:4700::1111", "2a00:1450::1", "64:ff9b::808:808",
		"2002:808:808::1", "::ffff:8.8.8.8" };
	struct addr a;

	for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++) {
		assert_true(addr_parse(special[i], &a));
		if (addr_special(&a) == NULL)
			fail_msg("%s passes as the internet", special[i]);
	}
	for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++) {
		assert_true(addr_parse(open[i], &a));
		if (addr_special(&a) != NULL)
			fail_msg("%s is called %s", open[i], addr_special(&a));
	}
	memset(&a, 0, sizeof(a));
	assert_non_null(addr_special(&a));
}

static void
prefixes_match_by_bits_and_family(void **state)
{
	struct addr a, net;

	assert_true(addr_parse("10.77.3.9", &a) && addr_parse("10.77.0.0", &net));
	assert_true(addr_in_prefix(&a, &net, 22));
	assert_false(addr_in_prefix(&a, &net, 24));
	assert_true(addr_in_prefix(&a, &net, 0));
	assert_false(addr_in_prefix(&a, &net, 33));
	assert_true(addr_parse("::", &net));
	assert_false(addr_in_prefix(&a, &net, 0));
}

static void
sockaddrs_go_both_ways(void **state)
{
	struct sockaddr_storage ss;
	struct addr a, b, four;
	uint16_t port = 0;

	assert_true(addr_parse("fd77::11", &a));
	assert_int_equal(addr_to_sockaddr(&a, 443, &ss), sizeof(struct sockaddr_in6));
	assert_true(addr_from_sockaddr(&b, &port, (struct sockaddr *)&ss));
	assert_true(addr_equal(&a, &b));
	assert_int_equal(port, 443);
	/* A dual-stack socket reports IPv4 peers as mapped: one guest, one address. */
	assert_true(addr_parse("::ffff:10.77.0.11", &a) && addr_parse("10.77.0.11", &four));
	assert_true(addr_to_sockaddr(&a, 80, &ss) != 0);
	assert_true(addr_from_sockaddr(&b, &port, (struct sockaddr *)&ss));
	assert_true(addr_equal(&b, &four));
	ss.ss_family = AF_UNIX;
	assert_false(addr_from_sockaddr(&b, &port, (struct sockaddr *)&ss));
	memset(&a, 0, sizeof(a));
	assert_int_equal(addr_to_sockaddr(&a, 80, &ss), 0);
}

static void
guest_bytes_are_made_harmless(void **state)
{
	char out[32];

	assert_int_equal(text_escape(out, sizeof(out), "a\x1b[2Jb\\\0c", 8), 17);
	assert_string_equal(out, "a\\x1b[2Jb\\x5c\\x00");
	/* Never half an escape, always an end. */
	assert_int_equal(text_escape(out, 6, "ab\n", 3), 2);
	assert_string_equal(out, "ab");
	assert_int_equal(text_escape(out, 1, "ab", 2), 0);
	assert_string_equal(out, "");
	assert_int_equal(text_escape(out, sizeof(out), "\xc3\xa9", 2), 8);
	assert_string_equal(out, "\\xc3\\xa9");
}

static void
bytes_go_through_base64_and_nothing_else_comes_back(void **state)
{
	static const char *const rows[][2] = { { "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" },
		{ "foo", "Zm9v" }, { "foob", "Zm9vYg==" }, { "\xff\xfe\xfd", "//79" } };
	static const char *const wrong[] = { "Z", "Zg=", "Zg", "Zh==", "Zm9=", "====", "Zg==Zg==",
		"Zm9 ", "Zm9v\n" };
	uint8_t back[8];
	char text[16];
	size_t len;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		base64_encode(text, (const uint8_t *)rows[i][0], strlen(rows[i][0]));
		assert_string_equal(text, rows[i][1]);
		assert_true(base64_decode(text, back, sizeof(back), &len));
		assert_int_equal(len, strlen(rows[i][0]));
		assert_memory_equal(back, rows[i][0], len);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(base64_decode(wrong[i], back, sizeof(back), &len));
	assert_false(base64_decode("Zm9v", back, 2, &len));
}

static void
numbers_are_short_and_true(void **state)
{
	static const struct {
		uint64_t	v;
		const char	*bytes, *count;
	} rows[] = {
		{ 0, "0", "0" }, { 999, "999", "999" }, { 1204, "1.1K", "1,204" },
		{ 10240, "10.0K", "10.2K" }, { 1048576, "1.0M", "1.0M" },
		{ 50541363, "48.1M", "50.5M" }, { 999999, "976K", "999K" },
		{ UINT64_MAX, "15.9E", "18.4E" },
	};
	char s[TEXT_SHORT_SIZE];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_string_equal(text_bytes(s, rows[i].v), rows[i].bytes);
		assert_string_equal(text_count(s, rows[i].v), rows[i].count);
	}
	assert_string_equal(text_age(s, 7), "7s");
	assert_string_equal(text_age(s, 299), "4m");
	assert_string_equal(text_age(s, 4 * 3600 + 12 * 60), "4h12m");
	assert_string_equal(text_age(s, 3 * 86400 + 4 * 3600), "3d4h");
}

static void
numbers_are_read_whole_or_refused(void **state)
{
	static const char *const bad[] = { "", "-1", "+1", " 1", "1 ", "0x10", "1e3",
		"18446744073709551616", "99999999999999999999999", "4", "101" };
	static const char *const bad_time[] = { "", "s", "0s", "1w", "-1m", "400d", "9999999999d" };
	const char *why;
	uint64_t v = 7;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		why = NULL;
		assert_false(text_number(bad[i], 5, 100, &v, &why));
		assert_non_null(why);
		assert_int_equal(v, 7);
	}
	assert_true(text_number("100", 5, 100, &v, &why));
	assert_int_equal(v, 100);
	for (size_t i = 0; i < sizeof(bad_time) / sizeof(bad_time[0]); i++)
		assert_false(text_duration(bad_time[i], &v));
	assert_true(text_duration("30m", &v));
	assert_int_equal(v, 1800);
	assert_true(text_duration("90", &v));
	assert_int_equal(v, 90);
}

static void
globs_match_whole_strings(void **state)
{
	assert_true(text_glob("agent-*", "agent-12"));
	assert_true(text_glob("*", ""));
	assert_true(text_glob("a?c*e", "abcde"));
	assert_true(text_glob("*a*b*c", "xxaxxbxxbc"));
	assert_false(text_glob("agent-*", "my-agent-1"));
	assert_false(text_glob("agent", "agent-1"));
	assert_false(text_glob("", "a"));
}

static void
times_are_real_ones(void **state)
{
	static const char *const bad[] = { "2026-11-22", "2026-11-22T18:00", "2026-13-01T00:00Z",
		"2026-02-30T00:00Z", "2026-11-22T24:00Z", "2026-11-22T18:60Z", "2026-11-22 18:00Z",
		"2026-11-22T18:00Zx", "1969-12-31T23:59Z", "" };
	char text[32];
	int64_t t;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(text_time_parse(bad[i], &t));
	assert_true(text_time_parse("2026-11-22T18:00Z", &t));
	assert_int_equal(t, 1795370400);
	assert_string_equal(text_time_format(text, t), "2026-11-22T18:00:00Z");
	assert_true(text_time_parse("2024-02-29T00:00:59Z", &t));
}

static void
ids_go_both_ways(void **state)
{
	static const char *const bad[] = { "", "-", "1", "1-", "-1", "1-2-3", "4294967296-1", "a-b" };
	char text[GH_ID_SIZE];
	uint64_t id = 0;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(hit_id_parse(bad[i], &id));
	assert_true(hit_id_parse("3-1042", &id));
	hit_id_format(id, text);
	assert_string_equal(text, "3-1042");
	hit_id_format(UINT64_MAX, text);
	assert_true(hit_id_parse(text, &id));
	assert_true(id == UINT64_MAX);
}

static void
every_reason_has_a_name_and_advice(void **state)
{
	enum reason found;

	for (enum reason r = REASON_NONE; r < REASON_COUNT; r++) {
		assert_true(reason_parse(reason_name(r), &found));
		assert_int_equal(found, r);
		assert_true(strlen(reason_advice(r)) > 10);
	}
	assert_false(reason_parse("because", &found));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_read_strictly),
		cmocka_unit_test(special_addresses_are_told_from_the_internet),
		cmocka_unit_test(prefixes_match_by_bits_and_family),
		cmocka_unit_test(sockaddrs_go_both_ways),
		cmocka_unit_test(guest_bytes_are_made_harmless),
		cmocka_unit_test(bytes_go_through_base64_and_nothing_else_comes_back),
		cmocka_unit_test(numbers_are_short_and_true),
		cmocka_unit_test(numbers_are_read_whole_or_refused),
		cmocka_unit_test(globs_match_whole_strings),
		cmocka_unit_test(times_are_real_ones),
		cmocka_unit_test(ids_go_both_ways),
		cmocka_unit_test(every_reason_has_a_name_and_advice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
