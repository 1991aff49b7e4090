/*
 * Decoding: recorded pcap files with the expected lines beside them
 * (tests/drops, REWRITE_GOLDENS=1 writes the lines anew), and records built
 * here for what no kernel sends.
 */
#include "config.h"

#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "addr.h"
#include "drops/drops.h"
#include "drops/show.h"
#include "drop_golden.h"
#include "unit.h"
#include "xmalloc.h"

enum {
	RECORD_SIZE = 2048,
	PACKET_HDR = 1,
	INDEV = 4,
	PHYSINDEV = 6,
	HWADDR = 8,
	PAYLOAD = 9,
	PREFIX = 10,
	UID = 11,
	SEQ = 12,
	HOOK_INPUT = 1,
	HOOK_OUTPUT = 3,
};

/* A record under construction, in memory of its exact size when decoded. */
struct record {
	uint8_t	bytes[RECORD_SIZE];
	size_t	len;
};

static void
begin(struct record *r, uint8_t family, uint16_t ethertype, uint8_t hook)
{
	const uint8_t header[] = { family, 0, 0x1b, 0xa5 };

	memset(r, 0, sizeof(*r));
	memcpy(r->bytes, header, sizeof(header));
	r->len = sizeof(header);
	if (ethertype != 0) {
		const uint8_t value[] = { (uint8_t)(ethertype >> 8), (uint8_t)ethertype, hook, 0 };
		const uint16_t tlv[] = { 8, PACKET_HDR };

		memcpy(r->bytes + r->len, tlv, sizeof(tlv));
		memcpy(r->bytes + r->len + 4, value, sizeof(value));
		r->len += 8;
	}
}

static void
add(struct record *r, uint16_t type, const void *value, size_t len)
{
	const uint16_t tlv[] = { (uint16_t)(len + 4), type };

	memcpy(r->bytes + r->len, tlv, sizeof(tlv));
	if (len != 0)
		memcpy(r->bytes + r->len + 4, value, len);
	r->len += 4 + ((len + 3) & ~(size_t)3);
}

static int64_t
decode(const struct record *r, struct drop *d)
{
	uint8_t *exact = malloc(r->len != 0 ? r->len : 1);
	int64_t seq;

	assert_non_null(exact);
	memcpy(exact, r->bytes, r->len);
	memset(d, 0xff, sizeof(*d));
	seq = nflog_decode(exact, r->len, r->len, d);
	free(exact);
	return seq;
}

/* 10.9.0.11:40000 > 10.0.0.5:22, a SYN */
static const uint8_t syn4[] = { 0x45, 0, 0, 40, 0, 1, 0, 0, 64, 6, 0, 0, 10, 9, 0, 11, 10, 0, 0,
	5, 0x9c, 0x40, 0, 22, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 4, 0, 0, 0, 0, 0 };

static void
recorded_packets_read_as_the_text_beside_them(void **state)
{
	compare("ordinary.pcap", "ordinary.txt");
	compare("frames.pcap", "frames.txt");
	compare("hostile.pcap", "hostile.txt");
}

static uint32_t
get_le(const uint8_t *p, size_t n)
{
	uint32_t v = 0;

	while (n-- > 0)
		v = v << 8 | p[n];
	return v;
}

static void
reverse(uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n / 2; i++) {
		const uint8_t first = p[i];

		p[i] = p[n - 1 - i];
		p[n - 1 - i] = first;
	}
}

/* Turns a little-endian NFLOG file into the one that a big-endian host writes:
 * file and record headers, and length and type of each TLV. */
static void
to_big_endian(uint8_t *b, size_t len)
{
	static const size_t file_fields[] = { 4, 2, 2, 4, 4, 4, 4 };
	size_t at = 0;

	for (size_t i = 0; i < 7; at += file_fields[i++])
		reverse(b + at, file_fields[i]);
	while (at + 16 <= len) {
		const size_t end = at + 16 + get_le(b + at + 8, 4);

		for (int i = 0; i < 4; i++, at += 4)
			reverse(b + at, 4);
		for (at += 4; at < end;) {
			const size_t size = get_le(b + at, 2);

			reverse(b + at, 2);
			reverse(b + at + 2, 2);
			at += (size + 3) & ~(size_t)3;
		}
		at = end;
	}
}

static void
a_file_from_a_host_of_the_other_byte_order_reads_the_same(void **state)
{
	char path[512], copy[] = "/tmp/test_drops.XXXXXX";
	char *got = xcalloc(1, TEXT_SIZE), *want = xcalloc(1, TEXT_SIZE);
	uint8_t *bytes = xmalloc(TEXT_SIZE);
	FILE *f = fopen(fixture("ordinary.pcap", path), "rb");
	size_t len;

	assert_non_null(f);
	len = fread(bytes, 1, TEXT_SIZE, f);
	fclose(f);
	assert_null(capture_read_file(path, append, want));
	to_big_endian(bytes, len);
	f = fdopen(mkstemp(copy), "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, len, f), len);
	fclose(f);
	assert_null(capture_read_file(copy, append, got));
	unlink(copy);
	assert_true(strlen(want) > 1000);
	assert_string_equal(got, want);
	free(bytes);
	free(want);
	free(got);
}

/* Cuts a record at every byte: what is left is never read past its end, says
 * so, and names no other ports, addresses or type than the whole one. */
static void
cut_everywhere(u_char *arg, const struct pcap_pkthdr *h, const u_char *bytes)
{
	struct drop whole, part;
	struct record r = { .len = 0 };

	assert_true(h->caplen <= sizeof(r.bytes));
	nflog_decode(bytes, h->caplen, h->caplen, &whole);
	for (size_t len = 0; len < h->caplen; len++) {
		memcpy(r.bytes, bytes, len);
		r.len = len;
		decode(&r, &part);
		if ((part.flags & DROP_PORTS) != 0) {
			assert_int_equal(part.sport, whole.sport);
			assert_int_equal(part.dport, whole.dport);
		}
		if ((part.flags & DROP_ICMP) != 0)
			assert_int_equal(part.icmp_type, whole.icmp_type);
		if (part.dst.family != 0)
			assert_memory_equal(&part.dst, &whole.dst, sizeof(part.dst));
		assert_true(part.flags != 0);
	}
}

static void
a_record_cut_at_any_byte_claims_nothing_that_is_not_there(void **state)
{
	static const char *const names[] = { "ordinary.pcap", "frames.pcap", "hostile.pcap" };
	char path[512], error[PCAP_ERRBUF_SIZE];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		pcap_t *p = pcap_open_offline(fixture(names[i], path), error);

		assert_non_null(p);
		assert_int_equal(pcap_loop(p, -1, cut_everywhere, NULL), 0);
		pcap_close(p);
	}
}

static void
a_record_gives_label_mac_and_sequence(void **state)
{
	const uint8_t hwaddr[] = { 0, 6, 0, 0, 2, 9, 0, 0, 0, 17, 0, 0 };
	const uint8_t seq[] = { 0xff, 0xff, 0xff, 0xfe };
	struct record r;
	struct drop d;

	begin(&r, 2, 0x0800, HOOK_INPUT);
	add(&r, PREFIX, "gatehouse:default", sizeof("gatehouse:default"));
	add(&r, HWADDR, hwaddr, sizeof(hwaddr));
	add(&r, SEQ, seq, sizeof(seq));
	add(&r, PAYLOAD, syn4, sizeof(syn4));
	assert_int_equal(decode(&r, &d), 0xfffffffe);
	assert_string_equal(d.label, "default");
	assert_int_equal(d.flags, DROP_MAC | DROP_PORTS);
	assert_memory_equal(d.mac, hwaddr + 4, 6);
	assert_int_equal(d.dport, 22);
	assert_int_equal(d.count, 1);
	assert_int_equal(d.bytes, sizeof(syn4));
}

static void
a_foreign_prefix_is_the_label_and_no_byte_of_it_reaches_a_terminal(void **state)
{
	static const char long_prefix[] = "a prefix of somebody else that is longer than a label";
	struct record r;
	struct drop d;

	begin(&r, 2, 0x0800, HOOK_INPUT);
	add(&r, PREFIX, "ufw \x1b[2J ", sizeof("ufw \x1b[2J "));
	decode(&r, &d);
	assert_string_equal(d.label, "ufw \\x1b[2J");
	begin(&r, 2, 0x0800, HOOK_INPUT);
	add(&r, PREFIX, long_prefix, sizeof(long_prefix) - 1);
	decode(&r, &d);
	assert_int_equal(strlen(d.label), GH_LABEL_SIZE - 1);
	begin(&r, 2, 0x0800, HOOK_INPUT);
	add(&r, PREFIX, "", 0);
	decode(&r, &d);
	assert_string_equal(d.label, "");
}

static void
a_uid_counts_only_where_this_host_sent_the_packet(void **state)
{
	const uint8_t uid[] = { 0, 0, 3, 0xe9 }, index[] = { 0, 0, 0, 2 };
	struct record r;
	struct drop d;

	begin(&r, 2, 0x0800, HOOK_OUTPUT);
	add(&r, UID, uid, sizeof(uid));
	add(&r, PAYLOAD, syn4, sizeof(syn4));
	decode(&r, &d);
	assert_true(d.flags & DROP_UID);
	assert_int_equal(d.uid, 1001);
	begin(&r, 7, 0x0800, HOOK_INPUT);
	add(&r, UID, uid, sizeof(uid));
	add(&r, INDEV, index, sizeof(index));
	add(&r, PAYLOAD, syn4, sizeof(syn4));
	decode(&r, &d);
	assert_false(d.flags & DROP_UID);
	assert_int_equal(d.uid, 0);
}

static void
lookup(uint32_t index, char name[GH_IFNAME_SIZE])
{
	copy_string(name, index == 3 ? "ghv1" : "", GH_IFNAME_SIZE);
}

static void
the_bridge_port_names_where_a_packet_came_in(void **state)
{
	const uint8_t bridge[] = { 0, 0, 0, 2 }, port[] = { 0, 0, 0, 3 };
	struct record r;
	struct drop d;

	begin(&r, 2, 0x0800, HOOK_INPUT);
	add(&r, PHYSINDEV, port, sizeof(port));
	add(&r, INDEV, bridge, sizeof(bridge));
	decode(&r, &d);
	assert_string_equal(d.in, "#3");
	nflog_names(lookup);
	decode(&r, &d);
	assert_string_equal(d.in, "ghv1");
	begin(&r, 2, 0x0800, HOOK_INPUT);
	add(&r, INDEV, bridge, sizeof(bridge));
	decode(&r, &d);
	assert_string_equal(d.in, "#2");
	nflog_names(NULL);
}

static void
records_that_contradict_themselves_are_malformed(void **state)
{
	struct record r;
	struct drop d;

	begin(&r, 2, 0x0800, HOOK_INPUT);
	add(&r, PAYLOAD, syn4, sizeof(syn4));
	r.bytes[1] = 1;		/* a version we do not know */
	assert_int_equal(decode(&r, &d), -1);
	assert_int_equal(d.flags, DROP_MALFORMED);
	begin(&r, 2, 0x0800, HOOK_INPUT);
	r.len += 8;		/* a TLV of length 0 would never end */
	decode(&r, &d);
	assert_true(d.flags & DROP_MALFORMED);
	begin(&r, 2, 0x0800, HOOK_INPUT);
	for (int i = 0; i < 200; i++)
		add(&r, 99, NULL, 0);
	decode(&r, &d);
	assert_true(d.flags & DROP_MALFORMED);
}

static void
an_unknown_ethertype_is_judged_by_the_family_of_the_table(void **state)
{
	struct record r;
	struct drop d;

	begin(&r, 2, 0, 0);
	add(&r, PAYLOAD, syn4, sizeof(syn4));
	decode(&r, &d);
	assert_int_equal(d.src.family, 4);
	begin(&r, 10, 0, 0);
	add(&r, PAYLOAD, syn4, sizeof(syn4));
	decode(&r, &d);
	assert_int_equal(d.src.family, 0);
	assert_true(d.flags & DROP_MALFORMED);
}

/* A file of the given link type with one record, and some bytes cut off. */
static char *
temporary_pcap(int link, size_t cut)
{
	struct pcap_pkthdr h = { .caplen = sizeof(syn4), .len = sizeof(syn4) };
	char *path = xstrdup("/tmp/test_drops.XXXXXX");
	pcap_t *p = pcap_open_dead(link, 65535);
	int fd = mkstemp(path);
	pcap_dumper_t *f;
	long size;

	assert_int_not_equal(fd, -1);
	f = pcap_dump_open(p, path);
	assert_non_null(f);
	pcap_dump((u_char *)f, &h, syn4);
	size = pcap_dump_ftell(f);
	pcap_dump_close(f);
	pcap_close(p);
	assert_int_equal(ftruncate(fd, size - (long)cut), 0);
	close(fd);
	return path;
}

static void
count_packets(const struct drop *d, void *arg)
{
	++*(int *)arg;
}

static void
assert_unreadable(char *path, const char *why)
{
	char *cause;
	int n = 0;

	cause = capture_read_file(path, count_packets, &n);
	assert_non_null(cause);
	assert_non_null(strstr(cause, path));
	if (strstr(cause, why) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", cause, why);
	assert_int_equal(n, 0);
	free(cause);
	unlink(path);
	free(path);
}

static void
a_file_that_cannot_be_read_says_why(void **state)
{
	assert_unreadable(temporary_pcap(DLT_EN10MB, 0), "link type EN10MB (Ethernet)");
	assert_unreadable(temporary_pcap(DLT_NFLOG, 1), "after packet 0");
	assert_unreadable(temporary_pcap(DLT_NFLOG, sizeof(syn4) + 30), "truncated");
	assert_unreadable(xstrdup("/nonexistent/file.pcap"), "No such file");
}

static struct drop
packet(const char *src, const char *dst, uint8_t proto, uint16_t dport)
{
	struct drop d = { .count = 1, .proto = proto, .dport = dport, .ethertype = 0x0800,
		.flags = DROP_PORTS };

	assert_true(addr_parse(src, &d.src));
	assert_true(addr_parse(dst, &d.dst));
	return d;
}

static struct drop
icmp6(const char *dst, uint8_t type)
{
	struct drop d = packet("fe80::1", dst, 58, 0);

	d.flags = DROP_ICMP;
	d.icmp_type = type;
	return d;
}

static void
what_every_system_sends_by_itself_is_noise(void **state)
{
	const struct drop noise[] = {
		packet("10.0.0.2", "224.0.0.251", 17, 5353),
		packet("fe80::1", "ff02::fb", 17, 5353),
		packet("10.0.0.2", "239.255.255.250", 17, 1900),
		packet("10.0.0.2", "224.0.0.252", 17, 5355),
		packet("10.0.0.2", "10.0.0.255", 17, 137),
		packet("10.0.0.2", "255.255.255.255", 17, 67),
		packet("10.0.0.2", "224.0.0.22", 2, 0),
		icmp6("ff02::2", 133),
		icmp6("ff02::16", 143),
	};

	for (size_t i = 0; i < sizeof(noise) / sizeof(noise[0]); i++)
		assert_true(drop_is_noise(&noise[i]));
}

static void
what_a_guest_means_is_not_noise(void **state)
{
	struct drop loud[] = {
		packet("10.0.0.2", "10.0.0.1", 17, 137),
		packet("10.0.0.2", "10.0.0.1", 6, 445),
		packet("10.0.0.2", "10.0.0.255", 17, 9999),
		packet("10.0.0.2", "224.0.0.251", 6, 5353),
		icmp6("ff02::1", 134),		/* would make itself the router */
		icmp6("ff02::1", 136),
		icmp6("fd00::1", 143),
		packet("10.0.0.2", "224.0.0.251", 17, 5353),	/* a fragment, below */
		packet("10.0.0.2", "224.0.0.251", 17, 5353),	/* malformed */
	};
	const size_t n = sizeof(loud) / sizeof(loud[0]);

	loud[n - 2].flags |= DROP_FRAGMENT;
	loud[n - 1].flags |= DROP_MALFORMED;
	for (size_t i = 0; i < n; i++)
		assert_false(drop_is_noise(&loud[i]));
}

static void
words_say_what_a_packet_is(void **state)
{
	struct drop d = packet("10.0.0.2", "10.0.0.1", 6, 445);
	char word[DROP_WORD_SIZE], note[DROP_NOTE_SIZE];

	assert_string_equal(drop_proto(&d, word), "tcp");
	assert_string_equal(drop_service(&d, word), "445");
	assert_string_equal(drop_note(&d, note), "SMB");
	d.flags |= DROP_FRAGMENT | DROP_VLAN;
	assert_string_equal(drop_note(&d, note), "fragment, vlan, SMB");
	d.proto = 253;
	d.flags = DROP_FRAGMENT;
	assert_string_equal(drop_proto(&d, word), "proto-253");
	assert_string_equal(drop_service(&d, word), "");
	d = icmp6("ff02::1", 200);
	d.icmp_code = 7;
	assert_string_equal(drop_service(&d, word), "type 200 code 7");
	memset(&d, 0, sizeof(d));
	d.flags = DROP_TRUNCATED;
	assert_string_equal(drop_proto(&d, word), "unknown");
	d.flags = DROP_FOLDED;
	assert_string_equal(drop_proto(&d, word), "many");
}

static void
json_keys_are_always_all_there(void **state)
{
	struct drop d = packet("10.0.0.2", "10.0.0.1", 6, 445), none = { .count = 1 };
	json_t *o = drop_json(&d), *empty = drop_json(&none);

	assert_string_equal(json_string_value(json_object_get(o, "src")), "10.0.0.2");
	assert_int_equal(json_integer_value(json_object_get(o, "dport")), 445);
	assert_string_equal(json_string_value(json_object_get(o, "service")), "445");
	assert_true(json_is_null(json_object_get(o, "uid")));
	assert_true(json_is_false(json_object_get(o, "noise")));
	assert_true(json_is_null(json_object_get(empty, "src")));
	assert_int_equal(json_object_size(o), json_object_size(empty));
	json_decref(o);
	json_decref(empty);
}

static void
the_longest_line_fits(void **state)
{
	struct drop d;
	char line[DROP_LINE_SIZE];

	memset(&d, 0xff, sizeof(d));
	d.src.family = d.dst.family = 6;
	memset(d.label, 'l', sizeof(d.label) - 1);
	memset(d.in, 'i', sizeof(d.in) - 1);
	memset(d.out, 'o', sizeof(d.out) - 1);
	d.label[sizeof(d.label) - 1] = d.in[sizeof(d.in) - 1] = d.out[sizeof(d.out) - 1] = '\0';
	d.first = d.last = 1763793810000000;
	drop_format(line, &d);
	assert_true(strlen(line) < DROP_LINE_SIZE - 1);
	d.last = UINT64_MAX;
	drop_format(line, &d);
	assert_true(strlen(line) < DROP_LINE_SIZE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recorded_packets_read_as_the_text_beside_them),
		cmocka_unit_test(a_file_from_a_host_of_the_other_byte_order_reads_the_same),
		cmocka_unit_test(a_record_cut_at_any_byte_claims_nothing_that_is_not_there),
		cmocka_unit_test(a_record_gives_label_mac_and_sequence),
		cmocka_unit_test(
		    a_foreign_prefix_is_the_label_and_no_byte_of_it_reaches_a_terminal),
		cmocka_unit_test(a_uid_counts_only_where_this_host_sent_the_packet),
		cmocka_unit_test(the_bridge_port_names_where_a_packet_came_in),
		cmocka_unit_test(records_that_contradict_themselves_are_malformed),
		cmocka_unit_test(an_unknown_ethertype_is_judged_by_the_family_of_the_table),
		cmocka_unit_test(a_file_that_cannot_be_read_says_why),
		cmocka_unit_test(what_every_system_sends_by_itself_is_noise),
		cmocka_unit_test(what_a_guest_means_is_not_noise),
		cmocka_unit_test(words_say_what_a_packet_is),
		cmocka_unit_test(json_keys_are_always_all_there),
		cmocka_unit_test(the_longest_line_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
