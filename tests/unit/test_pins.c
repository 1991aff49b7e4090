/* Pins: priv's record of them, the text for the kernel's sets, and what the
 * kernel itself makes of it. */
#include "config.h"

#include "unit.h"

#include <netinet/in.h>

#include <stdlib.h>
#include <string.h>

#include "firewall/nft.h"
#include "firewall/pins.h"
#include "ns.h"
#include "xmalloc.h"

static const uint64_t second = 1000000, now = 1000 * 1000000ull;

static struct fw_pin
pin(const char *src, const char *dst, uint16_t port, uint32_t seconds)
{
	struct fw_pin p = { .port = port, .proto = IPPROTO_TCP, .seconds = seconds };

	assert_true(addr_parse(src, &p.src) && addr_parse(dst, &p.dst));
	copy_string(p.guest, "agent-1", sizeof(p.guest));
	copy_string(p.name, "git.example.org", sizeof(p.name));
	return p;
}

static struct fw_range
range(const char *src, const char *first, const char *last, uint16_t port, uint32_t seconds)
{
	struct fw_range r = { .port = port, .proto = IPPROTO_TCP, .seconds = seconds };

	assert_true(addr_parse(src, &r.src) && addr_parse(first, &r.first) &&
	    addr_parse(last, &r.last));
	return r;
}

static struct flow_key
flow(const char *src, const char *dst, uint16_t port)
{
	struct flow_key k = { .port = port, .proto = IPPROTO_TCP };

	assert_true(addr_parse(src, &k.src) && addr_parse(dst, &k.dst));
	return k;
}

static void
add(struct pins *s, struct fw_pin p, uint64_t when)
{
	char *cause = pins_add(s, &p, when);

	if (cause != NULL)
		fail_msg("%s", cause);
}

static void
set_ranges(struct pins *s, const struct fw_range *r, size_t n)
{
	char *cause = pins_set_ranges(s, r, n, now);

	if (cause != NULL)
		fail_msg("%s", cause);
}

#define GUEST "10.77.0.11"
#define GUEST6 "fd77::11"

static void
what_is_staged_becomes_commands(void **state)
{
	struct pins *s = pins_new();
	const struct fw_range ranges[] = {
		range(GUEST, "203.0.113.0", "203.0.113.6", 5432, 0),
		range(GUEST6, "2600::", "2600::ff", 5432, 90),
	};
	struct fw_pin udp = pin(GUEST, "8.8.8.8", 53, 10);
	char *text;

	assert_false(pins_changed(s));
	udp.proto = IPPROTO_UDP;
	add(s, pin(GUEST, "8.8.8.8", 22, 60), now);
	add(s, udp, now);
	add(s, pin(GUEST6, "2600::1", 22, 60), now);
	set_ranges(s, ranges, 2);
	assert_true(pins_changed(s));
	text = pins_changes(s, now);
	assert_string_equal(text,
	    "add element inet gatehouse pins4 { " GUEST " . 8.8.8.8 . 6 . 22 timeout 1s, "
	    GUEST " . 8.8.8.8 . 17 . 53 timeout 1s }\n"
	    "delete element inet gatehouse pins4 { " GUEST " . 8.8.8.8 . 6 . 22, "
	    GUEST " . 8.8.8.8 . 17 . 53 }\n"
	    "add element inet gatehouse pins4 { " GUEST " . 8.8.8.8 . 6 . 22 timeout 60s, "
	    GUEST " . 8.8.8.8 . 17 . 53 timeout 10s }\n"
	    "flush set inet gatehouse ranges4\n"
	    "add element inet gatehouse ranges4 { " GUEST " . 203.0.113.0-203.0.113.6 . 6 . 5432 }\n"
	    "add element inet gatehouse pins6 { " GUEST6 " . 2600::1 . 6 . 22 timeout 1s }\n"
	    "delete element inet gatehouse pins6 { " GUEST6 " . 2600::1 . 6 . 22 }\n"
	    "add element inet gatehouse pins6 { " GUEST6 " . 2600::1 . 6 . 22 timeout 60s }\n"
	    "flush set inet gatehouse ranges6\n"
	    "add element inet gatehouse ranges6 { " GUEST6 " . 2600::-2600::ff . 6 . 5432 "
	    "timeout 90s }\n");
	free(text);
	assert_false(pins_settle(s));
	assert_false(pins_changed(s));
	/* A load fills empty sets, with what is left. */
	text = pins_text(s, now + 30 * second);
	assert_string_equal(text,
	    "add element inet gatehouse pins4 { " GUEST " . 8.8.8.8 . 6 . 22 timeout 30s }\n"
	    "add element inet gatehouse ranges4 { " GUEST " . 203.0.113.0-203.0.113.6 . 6 . 5432 }\n"
	    "add element inet gatehouse pins6 { " GUEST6 " . 2600::1 . 6 . 22 timeout 30s }\n"
	    "add element inet gatehouse ranges6 { " GUEST6 " . 2600::-2600::ff . 6 . 5432 "
	    "timeout 60s }\n");
	free(text);
	udp = pin(GUEST, "8.8.8.8", 22, 0);
	pins_remove(s, &udp);
	text = pins_changes(s, now);
	assert_string_equal(text,
	    "add element inet gatehouse live4 { " GUEST " . 8.8.8.8 . 6 . 22 timeout 1s }\n"
	    "delete element inet gatehouse live4 { " GUEST " . 8.8.8.8 . 6 . 22 }\n"
	    "add element inet gatehouse pins4 { " GUEST " . 8.8.8.8 . 6 . 22 timeout 1s }\n"
	    "delete element inet gatehouse pins4 { " GUEST " . 8.8.8.8 . 6 . 22 }\n");
	free(text);
	pins_free(s);
}

static struct fw_sender
sender(const char *addr, uint8_t last)
{
	struct fw_sender s = { .mac = { 0x52, 0x54, 0, 0, 0, last } };

	assert_true(addr_parse(addr, &s.addr));
	return s;
}

static void
senders_are_told_whole(void **state)
{
	const struct fw_sender three[] = { sender(GUEST6, 0x11), sender(GUEST, 0x12),
		sender(GUEST, 0x11) };
	static const char four[] = "add element inet gatehouse senders4 { " GUEST
	    " . 52:54:00:00:00:11, " GUEST " . 52:54:00:00:00:12 }\n"
	    "add element inet gatehouse owned4 { " GUEST " }\n";
	static const char six[] = "add element inet gatehouse senders6 { " GUEST6
	    " . 52:54:00:00:00:11 }\nadd element inet gatehouse owned6 { " GUEST6 " }\n";
	struct pins *s = pins_new();
	struct fw_sender got;
	char *text, *want;

	(void)state;
	pins_set_senders(s, three, 3);
	assert_true(pins_changed(s));
	text = pins_changes(s, now);
	want = xasprintf("flush set inet gatehouse senders4\nflush set inet gatehouse owned4\n%s"
	    "flush set inet gatehouse senders6\nflush set inet gatehouse owned6\n%s", four, six);
	assert_string_equal(text, want);
	free(text);
	free(want);
	pins_settle(s);
	/* The same in another order is no change. */
	pins_set_senders(s, (const struct fw_sender[]){ three[1], three[2], three[0], three[1] }, 4);
	assert_false(pins_changed(s));
	assert_true(pins_sender(s, 2, &got));
	assert_false(pins_sender(s, 3, &got));
	text = pins_text(s, now);
	want = xasprintf("%s%s", four, six);
	assert_string_equal(text, want);
	free(text);
	free(want);
	pins_set_senders(s, NULL, 0);
	text = pins_changes(s, now);
	assert_string_equal(text, "flush set inet gatehouse senders4\nflush set inet gatehouse owned4\n"
	    "flush set inet gatehouse senders6\nflush set inet gatehouse owned6\n");
	free(text);
	pins_free(s);
}

static void
a_pin_is_made_longer_and_never_shorter(void **state)
{
	struct pins *s = pins_new();
	struct fw_pin p;

	add(s, pin(GUEST, "8.8.8.8", 22, 60), now);
	pins_settle(s);
	add(s, pin(GUEST, "8.8.8.8", 22, 50), now + 5 * second);
	assert_false(pins_changed(s));
	add(s, pin(GUEST, "8.8.8.8", 22, 60), now + 5 * second);
	assert_true(pins_changed(s));
	assert_true(pins_get(s, 0, now, &p));
	assert_int_equal(p.seconds, 65);
	assert_string_equal(p.name, "git.example.org");
	assert_string_equal(p.guest, "agent-1");
	assert_false(pins_get(s, 1, now, &p));
	/* One that was taken away begins anew. */
	pins_settle(s);
	pins_remove(s, &p);
	add(s, pin(GUEST, "8.8.8.8", 22, 10), now);
	assert_true(pins_get(s, 0, now, &p));
	assert_int_equal(p.seconds, 10);
	pins_free(s);
}

static void
there_are_no_more_than_fit(void **state)
{
	struct pins *s = pins_new();
	struct fw_pin p = pin(GUEST, "8.8.8.8", 1, 60);
	char *cause;

	for (uint32_t i = 0; i < FW_PINS_MAX; i++) {
		p.port = (uint16_t)(1 + i);
		add(s, p, now);
	}
	p.port++;
	cause = pins_add(s, &p, now);
	assert_non_null(strstr(cause, "open already"));
	free(cause);
	add(s, pin(GUEST, "8.8.8.8", 1, 90), now);	/* it is there */
	/* What could not be loaded makes room again. */
	pins_unsettle(s);
	add(s, p, now);
	assert_true(pins_get(s, 0, now, &p));
	assert_false(pins_get(s, 1, now, &p));
	pins_free(s);
}

static void
connections_lose_what_they_lived_by(void **state)
{
	struct pins *s = pins_new();
	const struct fw_range r[] = { range(GUEST, "9.0.0.0", "9.0.0.9", 5432, 0),
		range(GUEST, "9.0.0.20", "9.0.0.29", 5432, 0) };
	struct flow_key a = flow(GUEST, "8.8.8.8", 22), b = flow(GUEST, "9.0.0.5", 5432),
	    c = flow(GUEST, "9.0.0.25", 5432), other = flow("10.77.0.12", "8.8.8.8", 22);
	struct fw_pin p = pin(GUEST, "8.8.8.8", 22, 60);

	add(s, p, now);
	set_ranges(s, r, 2);
	assert_false(pins_settle(s));
	assert_true(pins_hold(s, &a) && pins_hold(s, &b) && pins_hold(s, &c));
	assert_false(pins_hold(s, &other));
	a.proto = IPPROTO_UDP;
	assert_false(pins_hold(s, &a));
	a.proto = IPPROTO_TCP;

	pins_remove(s, &p);
	set_ranges(s, r + 1, 1);
	assert_true(pins_settle(s));
	assert_true(pins_doom(s, &a) && pins_doom(s, &b));
	assert_false(pins_doom(s, &c));
	assert_false(pins_doom(s, &other));
	a.nat = true;
	assert_false(pins_doom(s, &a));
	/* The next change is about others. */
	add(s, pin(GUEST, "7.7.7.7", 22, 60), now);
	assert_false(pins_settle(s));
	assert_false(pins_doom(s, &b));
	/* The same ranges again are no change. */
	set_ranges(s, r + 1, 1);
	assert_false(pins_changed(s));
	pins_free(s);
}

static void
ranges_that_overlap_are_refused(void **state)
{
	struct pins *s = pins_new();
	const struct fw_range r[] = { range(GUEST, "9.0.0.0", "9.0.0.9", 5432, 0),
		range(GUEST, "9.0.0.9", "9.0.0.29", 5432, 0),
		range("10.77.0.12", "9.0.0.9", "9.0.0.29", 5432, 0) };
	char *cause = pins_set_ranges(s, r, 3, now);

	assert_non_null(cause);
	free(cause);
	assert_false(pins_changed(s));
	set_ranges(s, r + 1, 2);
	pins_free(s);
}

/* ---- the kernel ---- */

/* The filtered rules with what the pins say. */
static char *
loaded(const struct pins *s, uint64_t when)
{
	struct conf *conf = xcalloc(1, sizeof(*conf));
	const char *srcdir = getenv("abs_srcdir");
	char *rules, *pins = pins_text(s, when), *all, *cause;

	conf_defaults(conf);
	snprintf(conf->rules[0], sizeof(conf->rules[0]), "%s/rules", srcdir != NULL ? srcdir : ".");
	rules = nft_render(conf, PROFILE_FILTERED, &cause);
	if (rules == NULL)
		fail_msg("%s", cause);
	all = xasprintf("%s%s", rules, pins);
	free(rules);
	free(pins);
	free(conf);
	return all;
}

static void
run(char *commands)
{
	char *cause = nft_run(commands, 0, NULL);

	if (cause != NULL)
		fail_msg("%s", cause);
	free(commands);
}

static const char *
seen(struct pins *s, uint64_t when)
{
	char *list, *cause = nft_run(NULL, NFT_RUN_LIST | NFT_RUN_JSON, &list);
	const char *why;

	if (cause != NULL)
		fail_msg("%s", cause);
	why = pins_see(s, list, strlen(list), when);
	free(list);
	return why;
}

static uint64_t
rules_hash(void)
{
	char *list, *cause = nft_run(NULL, NFT_RUN_LIST | NFT_RUN_JSON, &list);
	uint64_t runtime, hash;

	if (cause != NULL)
		fail_msg("%s", cause);
	hash = nft_list_hash(list, strlen(list), &runtime);
	free(list);
	return hash;
}

static void
the_kernel_holds_what_was_said(void **state)
{
	const struct fw_range r[] = { range(GUEST, "9.0.0.0", "9.0.0.9", 5432, 0),
		range(GUEST, "10.0.0.0", "10.255.255.255", 5432, 0),
		range(GUEST, "0.0.0.0", "255.255.255.255", 80, 100),
		range(GUEST6, "2600::1", "2600::1", 5432, 0),
		range(GUEST6, "2600::8", "2600::ffff", 5432, 50) };
	struct pins *s = pins_new();
	struct fw_pin p = pin(GUEST, "8.8.8.8", 22, 60);
	uint64_t t = now_mono(), hash;
	char *cause;

	if (*(bool *)*state == false)
		skip();
	run(loaded(s, t));
	hash = rules_hash();
	assert_null(seen(s, t));
	add(s, p, t);
	add(s, pin(GUEST6, "2600::9", 9418, 60), t);
	cause = pins_set_ranges(s, r, 5, t);
	assert_null(cause);
	run(pins_changes(s, t));
	pins_settle(s);
	assert_null(seen(s, now_mono()));
	/* Pins are no drift. */
	assert_true(rules_hash() == hash);
	/* Longer, then gone. */
	p.seconds = 90;
	add(s, p, t);
	run(pins_changes(s, t));
	pins_settle(s);
	assert_null(seen(s, now_mono()));
	/* The same by a load. */
	run(loaded(s, now_mono()));
	assert_null(seen(s, now_mono()));
	pins_remove(s, &p);
	run(pins_changes(s, t));
	assert_true(pins_settle(s));
	assert_null(seen(s, now_mono()));
	assert_false(pins_ended(s, &p));
	pins_free(s);
}

static void
what_others_do_to_the_sets_is_seen(void **state)
{
	static const struct {
		const char	*command, *why;
	} cases[] = {
		{ "add element inet gatehouse pins4 { " GUEST " . 8.8.4.4 . 6 . 22 timeout 9s }",
		    "someone opened addresses in our sets that DNS did not give out" },
		{ "add element inet gatehouse live6 { " GUEST6 " . 2600::5 . 6 . 22 timeout 9s }",
		    "someone opened addresses in our sets that DNS did not give out" },
		{ "add element inet gatehouse ranges4 { " GUEST " . 9.9.9.0/24 . 6 . 5432 }",
		    "someone opened addresses in our sets that no entry lists" },
		{ "delete element inet gatehouse pins4 { " GUEST " . 8.8.8.8 . 6 . 22 }\n"
		    "add element inet gatehouse pins4 { " GUEST " . 8.8.8.8 . 6 . 22 timeout 1d }",
		    "someone opened addresses in our sets that DNS did not give out" },
		{ "flush set inet gatehouse pins4",
		    "someone closed addresses in our sets that were opened" },
		{ "flush set inet gatehouse ranges4",
		    "someone closed addresses in our sets that entries list" },
		{ "add element inet gatehouse senders4 { " GUEST " . 52:54:00:00:00:12 }",
		    "someone lets another use an address that our sets open something to" },
		{ "flush set inet gatehouse owned4",
		    "someone changed who may use the addresses that our sets open something to" },
		{ "delete element inet gatehouse senders4 { " GUEST " . 52:54:00:00:00:11 }",
		    "someone changed who may use the addresses that our sets open something to" },
	};
	const struct fw_sender own = sender(GUEST, 0x11);
	const struct fw_range r = range(GUEST, "9.0.0.0", "9.0.0.9", 5432, 0);
	struct pins *s = pins_new();
	uint64_t t = now_mono();
	char *cause;

	if (*(bool *)*state == false)
		skip();
	add(s, pin(GUEST, "8.8.8.8", 22, 60), t);
	cause = pins_set_ranges(s, &r, 1, t);
	assert_null(cause);
	pins_set_senders(s, &own, 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		run(loaded(s, t));
		pins_settle(s);
		assert_null(seen(s, now_mono()));
		run(xstrdup(cases[i].command));
		assert_non_null(seen(s, now_mono()));
		assert_string_equal(seen(s, now_mono()), cases[i].why);
	}
	pins_free(s);
}

static void
a_pin_ends_when_nothing_lives_by_it(void **state)
{
	struct pins *s = pins_new();
	struct fw_pin p = pin(GUEST, "8.8.8.8", 22, 1);
	const struct fw_sender own = sender(GUEST, 0x11);
	uint64_t t = now_mono();
	char *text;

	if (*(bool *)*state == false)
		skip();
	add(s, p, t);
	pins_set_senders(s, &own, 1);
	run(loaded(s, t));
	pins_settle(s);
	/* As a packet of the guest would. */
	run(xstrdup("add element inet gatehouse live4 { " GUEST " . 8.8.8.8 . 6 . 22 }"));
	assert_null(seen(s, now_mono()));
	assert_false(pins_ended(s, &p));
	usleep(1100000);
	/* What is open by then goes on, after a load too. */
	text = pins_text(s, now_mono());
	assert_null(strstr(text, "pins4"));
	assert_non_null(strstr(text, "live4 { " GUEST " . 8.8.8.8 . 6 . 22 timeout 7"));
	free(text);
	assert_null(seen(s, t + 10 * second));
	assert_false(pins_ended(s, &p));
	run(xstrdup("flush set inet gatehouse live4"));
	assert_null(seen(s, t + 10 * second));
	assert_true(pins_ended(s, &p));
	assert_int_equal(p.port, 22);
	assert_false(pins_ended(s, &p));
	assert_null(seen(s, t + 10 * second));
	pins_free(s);
}

static void
an_odd_listing_is_no_listing(void **state)
{
	static const char *const odd[] = {
		"[\"" GUEST "\"]", "[7]", "[{\"concat\": [\"" GUEST "\", \"8.8.8.8\", \"tcp\"]}]",
		"[{\"concat\": [\"" GUEST "\", \"8.8.8.8\", \"sctp\", 22]}]",
		"[{\"concat\": [\"" GUEST "\", \"8.8.8.8\", \"tcp\", 0]}]",
		"[{\"concat\": [\"" GUEST "\", \"8.8.8.8\", \"tcp\", 65536]}]",
		"[{\"concat\": [\"" GUEST "\", \"dns.google\", \"tcp\", 22]}]",
		"[{\"concat\": [\"" GUEST "\", {\"prefix\": {\"addr\": \"8.0.0.0\", \"len\": 33}}, "
		    "\"tcp\", 22]}]",
		"[{\"concat\": [\"" GUEST "\", {\"range\": [\"8.0.0.0\"]}, \"tcp\", 22]}]",
		"[{\"elem\": 5}]",
	};
	struct pins *s = pins_new();

	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		char *list = xasprintf("{\"nftables\": [{\"set\": {\"family\": \"inet\", "
		    "\"table\": \"gatehouse\", \"name\": \"pins4\", \"elem\": %s}}]}", odd[i]);

		if (pins_see(s, list, strlen(list), now) == NULL)
			fail_msg("%s is taken", odd[i]);
		free(list);
	}
	pins_free(s);
}

int
main(void)
{
	static bool world;
	struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_staged_becomes_commands),
		cmocka_unit_test(senders_are_told_whole),
		cmocka_unit_test(a_pin_is_made_longer_and_never_shorter),
		cmocka_unit_test(there_are_no_more_than_fit),
		cmocka_unit_test(connections_lose_what_they_lived_by),
		cmocka_unit_test(ranges_that_overlap_are_refused),
		cmocka_unit_test_prestate(the_kernel_holds_what_was_said, &world),
		cmocka_unit_test_prestate(what_others_do_to_the_sets_is_seen, &world),
		cmocka_unit_test_prestate(a_pin_ends_when_nothing_lives_by_it, &world),
		cmocka_unit_test(an_odd_listing_is_no_listing),
	};

	world = ns_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
