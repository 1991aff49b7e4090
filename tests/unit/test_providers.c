/* What lease files, libvirt and the kernel say, and what a guest may have put
 * into it. */
#include "config.h"

#include "unit.h"

#include <netinet/in.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "inventory/netlink.h"
#include "inventory/provider.h"

enum { ROWS = 64 };
static struct sighting rows[ROWS];
static size_t nrows;

static const int64_t now = 1795370400;

static int
setup(void **state)
{
	memset(rows, 0xa5, sizeof(rows));
	nrows = 0;
	return 0;
}

static void
leases(const char *text)
{
	leases_parse(text, strlen(text), now, rows, &nrows, ROWS);
}

static void
assert_addr(const struct sighting *s, const char *want)
{
	char text[ADDR_TEXT_SIZE];

	assert_int_equal(s->naddrs, 1);
	assert_string_equal(addr_format(&s->addrs[0], text), want);
}

static void
macs_are_numbers(void **state)
{
	static const char *const bad[] = { "", "2", "2:77:0:0:0", "2:77:0:0:0:11:", ":2:77:0:0:0:11",
		"2:77:0:0:0:11:0", "2:77:0:0:0:g", "002:77:0:0:0:11", "2-77-0-0-0-11",
		"06-02:77:00:00:00:11" };
	static const uint8_t want[6] = { 2, 0x77, 0, 0xa, 0, 0x11 };
	char text[MAC_TEXT_SIZE];
	uint8_t mac[6];

	assert_true(mac_parse("2:77:0:A:0:11", 13, mac));
	assert_memory_equal(mac, want, 6);
	assert_true(mac_parse("02:77:00:0a:00:11", 17, mac));
	assert_memory_equal(mac, want, 6);
	assert_string_equal(mac_format(mac, text), "02:77:00:0a:00:11");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(mac_parse(bad[i], strlen(bad[i]), mac));
	assert_false(mac_is_guest((const uint8_t[6]){ 0 }));
	assert_false(mac_is_guest((const uint8_t[6]){ 0x33, 0x33, 0, 0, 0, 1 }));
	assert_true(mac_is_guest(want));
}

static void
names_become_one_harmless_word(void **state)
{
	char name[GH_GUEST_SIZE], wide[300];

	sighting_name(name, "agent-1.example_", 16);
	assert_string_equal(name, "agent-1.example_");
	sighting_name(name, "--all", 5);
	assert_string_equal(name, "_-all");
	sighting_name(name, "a b*\x1b[2J\0c\xc3\xa9", 12);
	assert_string_equal(name, "a_b___2J_c__");
	sighting_name(name, "10.77.0.12", 10);
	assert_string_equal(name, "");
	memset(wide, 'x', sizeof(wide));
	sighting_name(name, wide, sizeof(wide));
	assert_int_equal(strlen(name), GH_GUEST_SIZE - 1);
}

static void
leases_of_both_families_are_read(void **state)
{
	leases("1795370500 2:77:0:0:0:11 10.77.0.11 agent-1 01:02:77:00:00:00:11\n"
	    "0 02:77:00:00:00:12 10.77.0.12 * *\n"
	    "duid 00:01:00:01:2e:aa:bb:cc:02:77:00:00:00:01\n"
	    "1795370500 30408736 fd77::11 agent-1 00:04:aa\n"
	    "1795370500 T30408737 fd77::1:5 * 00:04:aa");
	assert_int_equal(nrows, 4);
	assert_string_equal(rows[0].name, "agent-1");
	assert_string_equal(rows[0].provider, "leases");
	assert_true(rows[0].hint && rows[0].has_mac);
	assert_addr(&rows[0], "10.77.0.11");
	assert_string_equal(rows[1].name, "");
	assert_int_equal(rows[1].mac[5], 0x12);
	assert_string_equal(rows[2].name, "agent-1");
	assert_false(rows[2].has_mac);
	assert_addr(&rows[2], "fd77::11");
	assert_addr(&rows[3], "fd77::1:5");
}

static void
leases_that_ended_or_make_no_sense_are_skipped(void **state)
{
	leases("1795370399 02:77:00:00:00:11 10.77.0.11 ended *\n"
	    "\n\n 0\n"
	    "0 02:77:00:00:00:11 10.77.0.11\n"
	    "-1 02:77:00:00:00:11 10.77.0.11 a *\n"
	    "99999999999999999999 02:77:00:00:00:11 10.77.0.11 a *\n"
	    "0 02:77:00:00:00:11 10.77.0.011 a *\n"
	    "lease {\n"
	    "duid 00:01:02\n");
	assert_int_equal(nrows, 0);
	/* Another kind of network, and a multicast address: no MAC, the rest holds. */
	leases("0 06-02:77:00:00:00:11 10.77.0.11 other *\n"
	    "0 01:00:5e:00:00:11 10.77.0.12 multi *\r\n");
	assert_int_equal(nrows, 2);
	assert_false(rows[0].has_mac);
	assert_false(rows[1].has_mac);
}

static void
a_lease_file_of_any_length_fits(void **state)
{
	static const char line[] = "0 02:77:00:00:00:11 10.77.0.11 agent *\n";
	char text[(sizeof(line) - 1) * ROWS * 2 + 1];

	for (size_t i = 0; i < (size_t)ROWS * 2; i++)
		memcpy(text + i * (sizeof(line) - 1), line, sizeof(line));
	leases(text);
	assert_int_equal(nrows, ROWS);
	nrows = 0;
	/* A field longer than any real one costs its line. */
	memset(text, 'a', 1000);
	memcpy(text, "0 02:77:00:00:00:11 10.77.0.11 ", 31);
	memcpy(text + 1000, " *\n0 02:77:00:00:00:12 10.77.0.12 b *\n", 39);
	leases(text);
	assert_int_equal(nrows, 1);
	assert_string_equal(rows[0].name, "b");
}

static bool
libvirt(const char *text)
{
	return libvirt_parse(text, strlen(text), now, rows, &nrows, ROWS);
}

static void
libvirts_leases_are_read(void **state)
{
	assert_true(libvirt("[ { \"ip-address\": \"10.77.0.11\", \"mac-address\": "
	    "\"02:77:00:00:00:11\", \"hostname\": \"agent-1\", \"client-id\": \"ff:00\", "
	    "\"expiry-time\": 1795370500 }, { \"ip-address\": \"fd77::11\", \"iaid\": \"7\" }, "
	    "{ \"ip-address\": \"10.77.0.12\", \"expiry-time\": 1795370399 } ]"));
	assert_int_equal(nrows, 2);
	assert_string_equal(rows[0].name, "agent-1");
	assert_true(rows[0].has_mac && rows[0].hint);
	assert_addr(&rows[0], "10.77.0.11");
	assert_string_equal(rows[1].name, "");
	assert_false(rows[1].has_mac);
	assert_true(libvirt("") && libvirt("[]\n"));
	assert_int_equal(nrows, 2);
}

static void
libvirts_leases_of_other_shapes_are_refused_or_skipped(void **state)
{
	assert_false(libvirt("{}"));
	assert_false(libvirt("[ {"));
	assert_false(libvirt("[ ] x"));
	assert_true(libvirt("[ 1, null, [], {}, { \"ip-address\": 7 }, "
	    "{ \"ip-address\": \"10.77.0.300\" } ]"));
	assert_int_equal(nrows, 0);
	assert_true(libvirt("[ { \"ip-address\": \"10.77.0.11\", \"mac-address\": [], "
	    "\"hostname\": \"\\u001b]0;x\", \"expiry-time\": \"soon\" } ]"));
	assert_int_equal(nrows, 1);
	assert_false(rows[0].has_mac);
	assert_string_equal(rows[0].name, "__0_x");
}

static void
collect(const char *text, size_t len, void *arg)
{
	leases_parse(text, len, now, rows, &nrows, ROWS);
}

static void
write_file(const char *dir, const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_non_null(f = fopen(path, "w"));
	fputs(text, f);
	fclose(f);
}

static void
bootpds_leases_have_lost_zeros_and_some_have_no_mac(void **state)
{
	static const char text[] =
	    "{\n\tname=build host\n\tip_address=192.168.64.22\n\thw_address=1,2:77:0:b:4:7\n"
	    "\tidentifier=1,2:77:0:b:4:7\n\tlease=0x6b034da0\n}\n"
	    "{\n\tip_address=192.168.64.3\n\thw_address=ff,f1:f5:dd:7f:0:2:0:0:ab:11\n"
	    "\tlease=0x6b034da1\n\tname=box\n}\n"
	    "{\n\tip_address=192.168.64.4\n\tlease=0x6b034da1\n}\n";

	bootpd_leases_parse(text, strlen(text), now, rows, &nrows, ROWS);
	assert_int_equal(nrows, 3);
	assert_string_equal(rows[0].provider, "dhcpd");
	assert_string_equal(rows[0].name, "build_host");
	assert_true(rows[0].hint && rows[0].has_mac);
	assert_int_equal(rows[0].mac[3], 0x0b);
	assert_addr(&rows[0], "192.168.64.22");
	assert_string_equal(rows[1].name, "box");
	assert_false(rows[1].has_mac);
	assert_addr(&rows[1], "192.168.64.3");
	assert_string_equal(rows[2].name, "");
}

static void
bootpds_leases_that_ended_or_make_no_sense_are_skipped(void **state)
{
	static const char *const bad[] = {
		"{\n\tip_address=192.168.64.3\n\tlease=0x1\n}\n",		/* long over */
		"{\n\tip_address=192.168.64.3\n}\n",				/* no end */
		"{\n\tip_address=192.168.64.3\n\tlease=1795370500\n}\n",
		"{\n\tip_address=192.168.64.3\n\tlease=0xffffffffffffffffff\n}\n",
		"{\n\tip_address=192.168.64.3\n\tlease=0x7fffffffg\n}\n",
		"{\n\tip_address=192.168.64.300\n\tlease=0x7fffffff\n}\n",
		"{\n\tname=x\n\tlease=0x7fffffff\n}\n",
		"{\n\tip_address=192.168.64.3\n\tlease=0x7fffffff\n",		/* cut */
		"\tip_address=192.168.64.3\n\tlease=0x7fffffff\n}\n",
		"}\n}\n{\n{\n}\n", "", "\n", "{", "=\n",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		bootpd_leases_parse(bad[i], strlen(bad[i]), now, rows, &nrows, ROWS);
		assert_int_equal(nrows, 0);
	}
	/* The next block starts afresh. */
	bootpd_leases_parse("{\n\tname=a\n{\n\tip_address=192.168.64.3\n\tlease=0x7fffffff\n}\n", 57,
	    now, rows, &nrows, ROWS);
	assert_int_equal(nrows, 1);
	assert_string_equal(rows[0].name, "");
}

static void
lease_files_are_found_by_globs(void **state)
{
	char dir[] = "/tmp/gatehouse-leases-XXXXXX", globs[512], path[256], *cause;

	assert_non_null(mkdtemp(dir));
	write_file(dir, "a.leases", "0 02:77:00:00:00:11 10.77.0.11 a *\n");
	write_file(dir, "b.leases", "0 02:77:00:00:00:12 10.77.0.12 b *\n");
	write_file(dir, "c.other", "0 02:77:00:00:00:13 10.77.0.13 c *\n");
	snprintf(globs, sizeof(globs), "%s/*.leases, %s/none, %s/c.other", dir, dir, dir);
	assert_null(files_each(globs, collect, NULL));
	assert_int_equal(nrows, 3);
	/* A directory is not a lease file, and said so; the others are read. */
	nrows = 0;
	snprintf(globs, sizeof(globs), "%s, %s/b.leases", dir, dir);
	cause = files_each(globs, collect, NULL);
	assert_non_null(strstr(cause, "not a plain file"));
	assert_int_equal(nrows, 1);
	free(cause);
	assert_null(files_each("", collect, NULL));
	for (const char *const *name = (const char *const[]){ "a.leases", "b.leases", "c.other",
		NULL }; *name != NULL; name++) {
		snprintf(path, sizeof(path), "%s/%s", dir, *name);
		unlink(path);
	}
	rmdir(dir);
}

/* A datagram of netlink being built. */
static uint8_t dgram[8192];
static size_t dlen, message;

static void
put(const void *p, size_t len)
{
	assert_true(dlen + len + 4 < sizeof(dgram));
	memcpy(dgram + dlen, p, len);
	dlen += len;
	while (dlen % 4 != 0)
		dgram[dlen++] = 0;
}

static void
put32(uint32_t v)
{
	put(&v, 4);
}

static void
put16s(uint16_t a, uint16_t b)
{
	uint16_t v[2] = { a, b };

	put(v, 4);
}

static void
message_end(void)
{
	uint32_t len = (uint32_t)(dlen - message);

	memcpy(dgram + message, &len, 4);
}

static void
message_begin(uint16_t type)
{
	message = dlen;
	put32(0);
	put16s(type, 0);
	put32(1);
	put32(0);
}

static void
attribute(uint16_t type, const void *p, size_t len)
{
	put16s((uint16_t)(len + 4), type);
	put(p, len);
	message_end();
}

static void
attribute32(uint16_t type, uint32_t v)
{
	attribute(type, &v, 4);
}

static void
a_link(uint32_t index, const char *name, uint32_t master, bool carrier)
{
	message_begin(16);
	put32(0);
	put32(index);
	put32(carrier ? 0x10043 : 0x1003);
	put32(0);
	attribute(3, name, strlen(name) + 1);
	if (master != 0)
		attribute32(10, master);
}

/* family 2, 10, or 7 for a forwarding row; address only for the former. */
static void
a_neigh(uint8_t family, uint32_t link, uint16_t state, const char *address, const char *mac,
    uint32_t age)
{
	const uint32_t cache[4] = { age * 100 + 6000, 0, age * 100, 1 };
	uint8_t bytes[6];
	struct addr a;

	message_begin(28);
	put16s(family, 0);
	put32(link);
	put16s(state, 0);
	if (family != 7) {
		assert_true(addr_parse(address, &a));
		attribute(1, a.bytes, family == 2 ? 4 : 16);
	}
	assert_true(mac_parse(mac, strlen(mac), bytes));
	attribute(2, bytes, sizeof(bytes));
	attribute(3, cache, sizeof(cache));
	if (family == 7)
		attribute32(9, 4);
}

static const struct conf_names bridges = { 1, { "virbr*" } };

static char news[512];

static void
on_news(const struct nl_neigh *n, void *arg)
{
	char address[ADDR_TEXT_SIZE];
	const size_t len = strlen(news);

	snprintf(news + len, sizeof(news) - len, "%u %s %02x;", (unsigned)n->link,
	    addr_format(&n->addr, address), n->mac[5]);
}

/* What tells of no holder of an address is no news: a forwarding row, one that was never
 * answered, a bridge's own address, a link. */
static void
news_of_neighbours_are_who_holds_an_address(void **state)
{
	news[0] = '\0';
	a_link(4, "virbr0", 0, true);
	a_neigh(2, 4, 0x02, "10.9.0.2", "52:54:00:00:00:02", 0);
	a_neigh(10, 5, 0x04, "fd00::3", "52:54:00:00:00:03", 5000);
	a_neigh(7, 6, 0x02, "", "52:54:00:00:00:04", 0);
	a_neigh(2, 4, 0x20, "10.9.0.5", "52:54:00:00:00:05", 0);
	a_neigh(2, 4, 0x02, "10.9.0.6", "01:00:5e:00:00:06", 0);
	netlink_news(dgram, dlen, on_news, NULL);
	assert_string_equal(news, "4 10.9.0.2 02;5 fd00::3 03;");
	/* Cut anywhere it tells less. */
	for (size_t n = 0; n < dlen; n++) {
		news[0] = '\0';
		netlink_news(dgram, n, on_news, NULL);
		assert_true(strncmp(news, "4 10.9.0.2 02;5 fd00::3 03;", strlen(news)) == 0);
	}
	dlen = 0;
}

static enum nl_result
listed(void)
{
	struct nl_tables *t = netlink_tables_new();
	const char *why;
	enum nl_result r = netlink_parse(t, dgram, dlen, &why);

	netlink_sightings(t, &bridges, rows, &nrows, ROWS);
	netlink_tables_free(t);
	dlen = 0;
	return r;
}

static const struct sighting *
seen_with(const char *address)
{
	struct addr a;

	assert_true(addr_parse(address, &a));
	for (size_t i = 0; i < nrows; i++) {
		if (rows[i].naddrs == 1 && addr_equal(&rows[i].addrs[0], &a))
			return &rows[i];
	}
	return NULL;
}

static void
the_kernels_tables_become_sightings(void **state)
{
	const struct sighting *s;

	a_link(4, "virbr0", 0, true);
	a_link(5, "tap0", 4, true);
	a_link(6, "tap1", 4, false);
	a_link(7, "eth0", 0, true);
	a_neigh(2, 4, 0x04, "10.77.0.11", "2:77:0:0:0:11", 40);
	a_neigh(10, 4, 0x02, "fd77::11", "2:77:0:0:0:11", 1);
	a_neigh(2, 7, 0x02, "192.0.2.1", "2:77:0:0:0:99", 1);
	a_neigh(7, 5, 0x02, "", "2:77:0:0:0:11", 2);
	assert_int_equal(listed(), NL_MORE);
	assert_null(seen_with("192.0.2.1"));
	s = seen_with("10.77.0.11");
	assert_true(s->has_mac && !s->hint);
	assert_int_equal(s->age, 40);
	assert_string_equal(s->bridge, "virbr0");
	assert_non_null(seen_with("fd77::11"));
	/* The bridge, its one live port, the forwarding row. */
	assert_int_equal(nrows, 5);
	s = &rows[nrows - 1];
	assert_string_equal(s->port, "tap0");
	assert_int_equal(s->mac[5], 0x11);
	assert_int_equal(s->age, 2);
}

/* A guest says by the state of its own end whether there is a carrier. */
static void
a_container_that_takes_its_link_down_is_there(void **state)
{
	static const uint8_t pair[] = { 9, 0, 1, 0, 'v', 'e', 't', 'h', 0, 0, 0, 0 };

	if (htonl(1) == 1)
		skip();		/* the attribute is in the other order */
	a_link(4, "virbr0", 0, true);
	a_link(5, "veth0", 4, false);
	attribute(18, pair, sizeof(pair));
	a_link(6, "tap1", 4, false);
	a_link(7, "veth1", 4, true);
	attribute(18, pair, sizeof(pair));
	assert_int_equal(listed(), NL_MORE);
	assert_int_equal(nrows, 3);
	assert_string_equal(rows[1].port, "veth0");
	assert_int_equal(rows[1].state, GUEST_STOPPED);
	assert_string_equal(rows[2].port, "veth1");
	assert_int_equal(rows[2].state, GUEST_UNKNOWN);
}

static void
what_is_not_a_guest_is_left_out(void **state)
{
	a_link(4, "virbr0", 0, true);
	a_link(5, "tap0", 4, true);
	a_neigh(2, 4, 0x20, "10.77.0.11", "2:77:0:0:0:11", 1);	/* failed */
	a_neigh(2, 4, 0x40, "10.77.0.255", "2:77:0:0:0:12", 1);	/* needs no neighbour */
	a_neigh(2, 4, 0x02, "224.0.0.251", "2:77:0:0:0:13", 1);
	a_neigh(10, 4, 0x02, "ff02::fb", "2:77:0:0:0:13", 1);
	a_neigh(2, 4, 0x02, "10.77.0.14", "1:0:5e:0:0:1", 1);	/* multicast */
	a_neigh(2, 4, 0x04, "10.77.0.15", "2:77:0:0:0:15", 4000);	/* long ago */
	a_neigh(2, 99, 0x02, "10.77.0.16", "2:77:0:0:0:16", 1);	/* link unknown */
	a_neigh(7, 5, 0x80, "", "2:77:0:0:0:17", 1);	/* the port's own */
	assert_int_equal(listed(), NL_MORE);
	assert_int_equal(nrows, 2);
	/* Set by hand: names nobody as heard, but tells where. */
	nrows = 0;
	a_link(4, "virbr0", 0, true);
	a_link(5, "tap0", 4, true);
	a_neigh(2, 4, 0x80, "10.77.0.11", "2:77:0:0:0:11", 1);
	a_neigh(7, 5, 0x40, "", "2:77:0:0:0:11", 1);
	listed();
	assert_int_equal(nrows, 4);
	assert_true(rows[0].hint);
	assert_true(rows[3].hint);
	assert_string_equal(rows[3].port, "tap0");
}

static void
a_flood_of_hardware_addresses_makes_no_guests(void **state)
{
	char mac[MAC_TEXT_SIZE];
	size_t guests = 0;

	a_link(4, "virbr0", 0, true);
	a_link(5, "tap0", 4, true);
	a_link(6, "tap1", 4, true);
	for (int i = 0; i < 40; i++) {
		snprintf(mac, sizeof(mac), "6:0:0:0:0:%x", i);
		a_neigh(7, 5, 0x02, "", mac, 1);
	}
	/* Another port's guest, and one of the flood, both with addresses. */
	a_neigh(7, 6, 0x02, "", "2:77:0:0:0:12", 1);
	a_neigh(2, 4, 0x02, "10.77.0.12", "2:77:0:0:0:12", 1);
	a_neigh(2, 4, 0x02, "10.77.0.13", "6:0:0:0:0:27", 1);
	a_neigh(2, 4, 0x02, "10.77.0.14", "6:0:0:0:0:1", 1);
	listed();
	assert_true(nrows < ROWS);
	for (size_t i = 0; i < nrows; i++) {
		if (!rows[i].has_mac)
			continue;
		assert_int_equal(rows[i].hint, rows[i].mac[0] == 6);
		guests += !rows[i].hint;
	}
	assert_int_equal(guests, 2);
}

static void
a_datagram_that_lies_is_refused_or_cut(void **state)
{
	struct nl_tables *t = netlink_tables_new();
	uint32_t len;
	const char *why;

	a_link(4, "virbr0", 0, true);
	a_link(5, "tap0", 4, true);
	/* Every prefix of it, in memory of just that size. */
	for (size_t n = 0; n < dlen; n++) {
		uint8_t *copy = malloc(n + 1);

		memcpy(copy, dgram, n);
		netlink_parse(t, copy, n, &why);
		free(copy);
	}
	for (uint32_t lie = 0; lie < 16; lie++) {
		memcpy(dgram, &lie, 4);
		assert_int_equal(netlink_parse(t, dgram, dlen, &why), NL_BROKEN);
	}
	len = UINT32_MAX;
	memcpy(dgram, &len, 4);
	assert_int_equal(netlink_parse(t, dgram, dlen, &why), NL_BROKEN);
	/* An attribute longer than its message. */
	dlen = 0;
	t->nlinks = 0;
	a_link(4, "virbr0", 0, true);
	dgram[32] = 0xff;
	assert_int_equal(netlink_parse(t, dgram, dlen, &why), NL_MORE);
	assert_int_equal(t->nlinks, 0);
	/* A name without its NUL ends within its array. */
	dlen = 0;
	a_link(4, "virbr0", 0, true);
	memcpy(dgram + 36, "virbr0x", 7);
	assert_int_equal(netlink_parse(t, dgram, dlen, &why), NL_MORE);
	assert_string_equal(t->links[0].name, "virbr0");
	dlen = 0;
	message_begin(3);
	message_end();
	assert_int_equal(netlink_parse(t, dgram, dlen, &why), NL_DONE);
	dlen = 0;
	message_begin(2);
	message_end();
	assert_int_equal(netlink_parse(t, dgram, dlen, &why), NL_BROKEN);
	dlen = 0;
	netlink_tables_free(t);
}

static void
this_hosts_tables_can_be_listed(void **state)
{
	struct conf conf;
	char *cause;

	conf_defaults(&conf);
	cause = neighbours_refresh(&conf, rows, &nrows, ROWS);
	assert_null(cause);
	cause = uids_refresh(&conf, rows, &nrows, ROWS);
	assert_null(cause);
}

static void
a_guarded_uid_runs_while_it_has_a_process(void **state)
{
	struct conf conf;

	conf_defaults(&conf);
	conf.nuids = 2;
	conf.uids[0].uid = getuid();
	snprintf(conf.uids[0].user, sizeof(conf.uids[0].user), "me");
	conf.uids[1].uid = 3999999999u;
	snprintf(conf.uids[1].user, sizeof(conf.uids[1].user), "nobody-at-all");
	assert_null(uids_refresh(&conf, rows, &nrows, ROWS));
	assert_int_equal(nrows, 2);
	assert_string_equal(rows[0].name, "me");
	assert_int_equal(rows[0].state, GUEST_RUNNING);
	assert_int_equal(rows[1].state, GUEST_STOPPED);
	assert_int_equal(rows[1].kind, GUEST_UID);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(macs_are_numbers, setup),
		cmocka_unit_test_setup(names_become_one_harmless_word, setup),
		cmocka_unit_test_setup(leases_of_both_families_are_read, setup),
		cmocka_unit_test_setup(leases_that_ended_or_make_no_sense_are_skipped, setup),
		cmocka_unit_test_setup(a_lease_file_of_any_length_fits, setup),
		cmocka_unit_test_setup(libvirts_leases_are_read, setup),
		cmocka_unit_test_setup(libvirts_leases_of_other_shapes_are_refused_or_skipped,
		    setup),
		cmocka_unit_test_setup(bootpds_leases_have_lost_zeros_and_some_have_no_mac, setup),
		cmocka_unit_test_setup(bootpds_leases_that_ended_or_make_no_sense_are_skipped, setup),
		cmocka_unit_test_setup(lease_files_are_found_by_globs, setup),
		cmocka_unit_test_setup(the_kernels_tables_become_sightings, setup),
		cmocka_unit_test_setup(a_container_that_takes_its_link_down_is_there, setup),
		cmocka_unit_test_setup(what_is_not_a_guest_is_left_out, setup),
		cmocka_unit_test_setup(a_flood_of_hardware_addresses_makes_no_guests, setup),
		cmocka_unit_test_setup(a_datagram_that_lies_is_refused_or_cut, setup),
		cmocka_unit_test_setup(news_of_neighbours_are_who_holds_an_address, setup),
		cmocka_unit_test_setup(this_hosts_tables_can_be_listed, setup),
		cmocka_unit_test_setup(a_guarded_uid_runs_while_it_has_a_process, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
