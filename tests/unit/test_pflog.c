/*
 * pf's log: a file made by tests/drops/pflog.py with the expected lines beside it
 * (REWRITE_GOLDENS=1 writes the lines anew), rule numbers that become labels, and
 * headers that no kernel sends.
 */
#include "config.h"

#include "unit.h"

#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "drops/drops.h"
#include "drops/pflog.h"
#include "drops/show.h"
#include "drop_golden.h"
#include "xmalloc.h"

enum { HEADER = 64, RECORD = 64 + 40 };

/* The rules of one profile, as the kernel numbered them. */
static const struct pflog_rule some_rules[] = {
	{ .number = 3, .anchor = "gatehouse", .label = "smb" },
	{ .number = 4, .anchor = "gatehouse", .label = "smb" },
	{ .number = 6, .anchor = "gatehouse", .label = "quic" },
	{ .number = 7, .anchor = "gatehouse", .label = "inbound" },
	{ .number = 8, .anchor = "gatehouse", .label = "inbound6" },
	{ .number = 9, .anchor = "gatehouse", .label = "default" },
	{ .number = 11, .anchor = "gatehouse", .label = "uid" },
	{ .number = 2, .anchor = "pins", .label = "pinned" },
};

static int
setup(void **state)
{
	pflog_rules_set(NULL, 0);
	return 0;
}

static void
logs_of_three_systems_read_as_the_text_beside_them(void **state)
{
	compare("pflog.pcap", "pflog.txt");
}

static void
with_the_rules_at_hand_numbers_become_labels(void **state)
{
	pflog_rules_set(some_rules, sizeof(some_rules) / sizeof(some_rules[0]));
	compare("pflog.pcap", "pflog-labels.txt");
}

/* ---- beside tcpdump ---- */

/* "198.51.100.7.25", or without a port where there is none. */
static void
end_text(char text[64], const struct addr *a, const struct drop *d, uint16_t port)
{
	char base[ADDR_TEXT_SIZE];

	if ((d->flags & DROP_PORTS) != 0)
		snprintf(text, 64, "%s.%u", addr_format(a, base), port);
	else
		snprintf(text, 64, "%s", addr_format(a, base));
}

/* Up to the packet's own bytes: "rule 0.gatehouse.3/0(match): block in on bridge7: A > B:". */
static void
tcpdump_text(char text[256], const struct pflog *p, const struct drop *d)
{
	static const char *const actions[] = { [PFLOG_PASS] = "pass", [PFLOG_BLOCK] = "block",
		[PFLOG_RDR] = "rdr" };
	char rule[64], src[64], dst[64];

	if (p->sub == PFLOG_NO_RULE)
		snprintf(rule, sizeof(rule), "%u", p->number);
	else
		snprintf(rule, sizeof(rule), "%u.%s.%u", p->number, p->ruleset, p->sub);
	end_text(src, &d->src, d, d->sport);
	end_text(dst, &d->dst, d, d->dport);
	snprintf(text, 256, " rule %s/0(match): %s %s on %s: %s > %s: ", rule, actions[p->action],
	    p->direction == PFLOG_IN ? "in" : "out", p->ifname, src, dst);
}

struct beside {
	FILE		*f;
	unsigned	 n;
	uint32_t	 uid;	/* of the last one */
};

static void
beside_one(struct beside *b, const struct pcap_pkthdr *h, const uint8_t *bytes)
{
	char line[512], want[256];
	struct pflog p;
	struct drop d;

	assert_non_null(fgets(line, sizeof(line), b->f));
	assert_true(pflog_parse(bytes, h->caplen, &p));
	memset(&d, 0, sizeof(d));
	pflog_decode(bytes, h->caplen, h->len, &d);
	tcpdump_text(want, &p, &d);
	if (strncmp(strchr(line, ' '), want, strlen(want)) != 0)
		fail_msg("packet %u is not \"%s\" but%s", b->n + 1, want, strchr(line, ' '));
	/* What follows is of TCP and ICMP alike in both. */
	assert_int_equal(d.proto == 6, strstr(line, ": Flags [S]") != NULL);
	assert_int_equal((d.flags & (DROP_FRAGMENT | DROP_ICMP)) == DROP_FRAGMENT,
	    strstr(line, "ip-proto-1") != NULL);
	b->uid = p.has_uid ? p.uid : 0;
	b->n++;
}

/* A guest tries what guests try; and as a guarded user, something by IPv6. */
static void
a_log_reads_as_tcpdump_reads_it(void **state)
{
	char path[512], line[8];
	char error[PCAP_ERRBUF_SIZE];
	struct beside b = { .n = 0 };
	struct pcap_pkthdr *h;
	const u_char *bytes;
	pcap_t *pcap;

	compare("pflog-guest.pcap", "pflog-guest.txt");
	pflog_rules_set(some_rules, sizeof(some_rules) / sizeof(some_rules[0]));
	assert_non_null(b.f = fopen(fixture("pflog-guest.tcpdump", path), "r"));
	assert_non_null(pcap = pcap_open_offline(fixture("pflog-guest.pcap", path), error));
	while (pcap_next_ex(pcap, &h, &bytes) == 1)
		beside_one(&b, h, bytes);
	pcap_close(pcap);
	assert_null(fgets(line, sizeof(line), b.f));
	fclose(b.f);
	assert_int_equal(b.n, 25);
	assert_int_equal(b.uid, 1001);
}

/* 10.77.0.11:40001 > 198.51.100.7:25 behind a header of FreeBSD's. */
static void
make(uint8_t b[RECORD])
{
	static const uint8_t head[] = { 61, 2, 1, 0, 'b', 'r', 'i', 'd', 'g', 'e', '0' };
	static const uint8_t packet[] = { 0x45, 0, 0, 40, 0, 1, 0, 0, 64, 6, 0, 0, 10, 77, 0, 11,
		198, 51, 100, 7, 0x9c, 0x41, 0, 25, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 4, 0, 0, 0, 0, 0 };

	memset(b, 0, RECORD);
	memcpy(b, head, sizeof(head));
	memcpy(b + 20, "gatehouse", 9);
	b[43] = 9;			/* rule 9 of it */
	memset(b + 44, 0xff, 4);	/* nobody's */
	b[60] = PFLOG_IN;
	memcpy(b + HEADER, packet, sizeof(packet));
}

/* In memory of its exact size. */
static void
decode(const uint8_t *b, size_t len, struct drop *d)
{
	uint8_t *exact = malloc(len != 0 ? len : 1);

	assert_non_null(exact);
	memcpy(exact, b, len);
	memset(d, 0xff, sizeof(*d));
	assert_int_equal(pflog_decode(exact, len, len, d), -1);
	free(exact);
}

static void
every_field_of_the_header_is_told(void **state)
{
	uint8_t b[RECORD];
	struct pflog p;

	make(b);
	b[3] = 3;
	b[60] = PFLOG_OUT;
	memcpy(b + 44, &(uint32_t){ 1001 }, 4);
	assert_true(pflog_parse(b, sizeof(b), &p));
	assert_int_equal(p.size, HEADER);
	assert_int_equal(p.family, 4);
	assert_int_equal(p.action, PFLOG_BLOCK);
	assert_string_equal(pflog_reason_name(p.reason), "short");
	assert_int_equal(p.direction, PFLOG_OUT);
	assert_string_equal(p.ifname, "bridge0");
	assert_string_equal(p.ruleset, "gatehouse");
	assert_int_equal(p.number, 0);
	assert_int_equal(p.sub, 9);
	assert_true(p.has_uid);
	assert_int_equal(p.uid, 1001);
	assert_string_equal(pflog_reason_name(255), "other");
}

static void
a_user_is_the_senders_only(void **state)
{
	uint8_t b[RECORD];
	struct drop d;

	make(b);
	memcpy(b + 44, &(uint32_t){ 1001 }, 4);
	decode(b, sizeof(b), &d);
	assert_false(d.flags & DROP_UID);
	assert_int_equal(d.uid, 0);
	b[60] = PFLOG_OUT;
	decode(b, sizeof(b), &d);
	assert_true(d.flags & DROP_UID);
	assert_int_equal(d.uid, 1001);
	memcpy(b + 44, &(uint32_t){ 0x7fffffff }, 4);	/* macOS's word for none */
	decode(b, sizeof(b), &d);
	assert_false(d.flags & DROP_UID);
	assert_string_equal(d.out, "bridge0");
	assert_string_equal(d.in, "");
}

static void
new_rules_replace_the_old_ones(void **state)
{
	const struct pflog_rule one = { .number = 9, .anchor = "gatehouse", .label = "smtp" };
	struct pflog_rule *many = xcalloc(PFLOG_RULES_MAX + 1, sizeof(*many));
	uint8_t b[RECORD];
	struct drop d;

	make(b);
	pflog_rules_set(some_rules, sizeof(some_rules) / sizeof(some_rules[0]));
	decode(b, sizeof(b), &d);
	assert_string_equal(d.label, "default");
	pflog_rules_set(&one, 1);
	decode(b, sizeof(b), &d);
	assert_string_equal(d.label, "smtp");
	many[PFLOG_RULES_MAX] = one;
	pflog_rules_set(many, PFLOG_RULES_MAX + 1);
	decode(b, sizeof(b), &d);
	assert_string_equal(d.label, "gatehouse.9");
	free(many);
}

/* The rule of another ruleset has nothing to do with ours of the same number. */
static void
a_number_is_one_of_its_ruleset(void **state)
{
	uint8_t b[RECORD];
	struct drop d;

	make(b);
	pflog_rules_set(some_rules, sizeof(some_rules) / sizeof(some_rules[0]));
	memset(b + 20, 0, 16);
	decode(b, sizeof(b), &d);
	assert_string_equal(d.label, "rule-9");
	memset(b + 40, 0xff, 4);	/* not in an anchor: the number of the main rules */
	b[39] = 3;
	decode(b, sizeof(b), &d);
	assert_string_equal(d.label, "rule-3");
}

static void
what_has_passed_is_called_so(void **state)
{
	const struct pflog_rule observe = { .number = 9, .anchor = "gatehouse", .label = "observe" };
	uint8_t b[RECORD];
	struct drop d;

	make(b);
	decode(b, sizeof(b), &d);
	assert_false(drop_has_passed(&d));
	b[2] = PFLOG_PASS;
	decode(b, sizeof(b), &d);
	assert_true(drop_has_passed(&d));
	b[2] = PFLOG_RDR;
	decode(b, sizeof(b), &d);
	assert_true(drop_has_passed(&d));
	/* Also with a label at hand: it is of a rule that blocks. */
	pflog_rules_set(some_rules, sizeof(some_rules) / sizeof(some_rules[0]));
	decode(b, sizeof(b), &d);
	assert_true(drop_has_passed(&d));
	b[2] = PFLOG_PASS;
	pflog_rules_set(&observe, 1);
	decode(b, sizeof(b), &d);
	assert_string_equal(d.label, "observe");
}

/* However it is cut, and whatever length it claims, nothing is read beyond its end. */
static void
no_length_leads_out_of_a_record(void **state)
{
	uint8_t b[RECORD];
	struct drop d;

	make(b);
	for (size_t len = 0; len <= sizeof(b); len++) {
		decode(b, len, &d);
		assert_int_equal(d.count, 1);
		assert_int_equal((d.flags & DROP_TRUNCATED) != 0, len < sizeof(b));
	}
	for (unsigned length = 0; length < 256; length++) {
		b[0] = (uint8_t)length;
		decode(b, sizeof(b), &d);
		assert_int_equal((d.flags & DROP_MALFORMED) != 0 || (d.flags & DROP_TRUNCATED) != 0,
		    length < 61 || length > 64);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(logs_of_three_systems_read_as_the_text_beside_them, setup),
		cmocka_unit_test_setup(with_the_rules_at_hand_numbers_become_labels, setup),
		cmocka_unit_test_setup(a_log_reads_as_tcpdump_reads_it, setup),
		cmocka_unit_test_setup(every_field_of_the_header_is_told, setup),
		cmocka_unit_test_setup(a_user_is_the_senders_only, setup),
		cmocka_unit_test_setup(new_rules_replace_the_old_ones, setup),
		cmocka_unit_test_setup(a_number_is_one_of_its_ruleset, setup),
		cmocka_unit_test_setup(what_has_passed_is_called_so, setup),
		cmocka_unit_test_setup(no_length_leads_out_of_a_record, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
