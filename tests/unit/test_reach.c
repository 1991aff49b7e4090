/*
 * Which addresses may be dialled, asked of a real kernel: in a network
 * namespace with an interface that has public addresses, and gets more of them.
 */
#include "config.h"

#include "unit.h"

#include <sys/ioctl.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "addr.h"
#include "dns/resolver.h"
#include "ns.h"
#include "reach.h"

/* struct in6_ifreq, whose header does not go together with net/if.h. */
struct address6 {
	struct in6_addr	addr;
	uint32_t	prefix;
	int		index;
};

static bool have_ns;
static struct conf_names bridges;	/* guarded */

static struct addr
address(const char *text)
{
	struct addr a;

	assert_true(addr_parse(text, &a));
	return a;
}

/* A bridge, because all of a network on lo is the host's own. */
static bool
interface_make(void)
{
	struct ifreq ifr = { .ifr_name = "gh" }, lo = { .ifr_name = "lo" };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	bool made;

	ifr.ifr_flags = lo.ifr_flags = IFF_UP;
	made = ioctl(fd, SIOCBRADDBR, ifr.ifr_name) == 0 && ioctl(fd, SIOCSIFFLAGS, &ifr) == 0 &&
	    ioctl(fd, SIOCSIFFLAGS, &lo) == 0;
	close(fd);
	return made;
}

/* As another address of the interface; with a label of its own. */
static void
add4(const char *label, const char *text, const char *mask)
{
	struct ifreq ifr = { .ifr_name = "" };
	struct sockaddr_in sin = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	strncpy(ifr.ifr_name, label, sizeof(ifr.ifr_name) - 1);
	inet_pton(AF_INET, text, &sin.sin_addr);
	memcpy(&ifr.ifr_addr, &sin, sizeof(sin));
	assert_int_equal(ioctl(fd, SIOCSIFADDR, &ifr), 0);
	inet_pton(AF_INET, mask, &sin.sin_addr);
	memcpy(&ifr.ifr_netmask, &sin, sizeof(sin));
	assert_int_equal(ioctl(fd, SIOCSIFNETMASK, &ifr), 0);
	close(fd);
}

/* On lo, where nobody else can have it. */
static bool
add6(const char *text)
{
	struct address6 ifr = { .prefix = 128, .index = (int)if_nametoindex("lo") };
	int fd = socket(AF_INET6, SOCK_DGRAM, 0);
	bool added;

	inet_pton(AF_INET6, text, &ifr.addr);
	added = fd != -1 && ioctl(fd, SIOCSIFADDR, &ifr) == 0;
	if (fd != -1)
		close(fd);
	return added;
}

static struct reach
reach_of(const char *reach)
{
	struct conf conf;
	struct reach r;
	char *cause;

	conf_defaults(&conf);
	conf.bridges = bridges;
	if (reach != NULL) {
		conf.nreach = 1;
		strncpy(conf.reach[0], reach, sizeof(conf.reach[0]) - 1);
	}
	cause = reach_init(&r, &conf);
	assert_null(cause);
	return r;
}

static void
what_is_not_the_internet_is_refused(void **state)
{
	static const char *const refused[] = {
		/* private, carrier-grade NAT, loopback, link-local */
		"10.0.0.0", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1",
		"192.168.255.255", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.255.254",
		"169.254.169.254",
		/* this network, protocol assignments, documentation, benchmarking */
		"0.0.0.0", "0.1.2.3", "192.0.0.170", "192.0.2.1", "198.51.100.1", "203.0.113.1",
		"198.18.0.1", "198.19.255.255", "192.88.99.1",
		/* multicast, reserved, broadcast */
		"224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
		/* the same in IPv6 */
		"::", "::1", "fe80::1", "febf::1", "fec0::1", "feff::1", "fc00::1", "fdff::1", "ff00::1",
		"ff02::fb", "2001:db8::1", "3fff::1", "100::1", "2001:2::1", "5f00::1",
		/* IPv4 inside: mapped, compatible, translated, NAT64, 6to4, Teredo */
		"::ffff:10.0.0.1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:0.0.0.0",
		"::10.0.0.1", "::8.8.8.8", "::ffff:0:10.0.0.1",
		"64:ff9b::10.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::192.168.1.1", "64:ff9b::224.0.0.1",
		"64:ff9b:1::10.0.0.1", "64:ff9b:1::8.8.8.8", "64:ff9b:1:2:3::1",
		"2002:a00:1::1", "2002:7f00:1::1", "2002:c0a8:101::1", "2002:a9fe:a9fe::1",
		"2001::1", "2001:0:a00:1::f5ff:fffe", "2001:0:4136:e378:8000:63bf:3fff:fdd2",
	};
	static const char *const fine[] = { "8.8.8.8", "1.1.1.1", "223.255.255.255", "100.128.0.1",
		"172.32.0.1", "198.20.0.1", "2606:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8",
		"64:ff9b::8.8.8.8", "2002:808:808::1" };
	struct reach r = reach_of(NULL);
	struct addr a;

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		a = address(refused[i]);
		if (reach_allows(&r, &a))
			fail_msg("%s may be dialled", refused[i]);
	}
	for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
		a = address(fine[i]);
		if (!reach_allows(&r, &a))
			fail_msg("%s may not be dialled", fine[i]);
	}
	reach_free(&r);
}

static void
own_addresses_of_any_interface_are_refused(void **state)
{
	static const char *const own[] = { "9.9.9.2", "9.9.9.3", "9.9.9.255", "::ffff:9.9.9.2",
		"64:ff9b::9.9.9.3", "2002:909:902::1" };
	static const char *const others[] = { "9.9.9.4", "9.9.8.2", "2600::6", "::ffff:9.9.9.4" };
	struct reach r;
	struct addr a;

	(void)state;
	if (!have_ns)
		skip();
	add4("gh:1", "9.9.9.2", "255.255.255.0");
	add4("gh:2", "9.9.9.3", "255.255.255.0");	/* a secondary one */
	r = reach_of(NULL);
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		a = address(own[i]);
		if (reach_allows(&r, &a))
			fail_msg("%s may be dialled, though it is our own", own[i]);
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		a = address(others[i]);
		if (!reach_allows(&r, &a))
			fail_msg("%s may not be dialled", others[i]);
	}
	a = address("2600::5");
	assert_true(reach_allows(&r, &a));
	if (add6("2600::5")) {
		/* The kernel makes it ready in a moment of its own. */
		for (int i = 0; i < 1000 && reach_allows(&r, &a); i++)
			usleep(1000);
		assert_false(reach_allows(&r, &a));
	}
	reach_free(&r);
}

static void
those_that_come_later_are_refused_at_once(void **state)
{
	struct addr a = address("9.8.7.6");
	struct reach r;

	(void)state;
	if (!have_ns)
		skip();
	r = reach_of(NULL);
	assert_true(reach_allows(&r, &a));
	add4("gh:3", "9.8.7.6", "255.255.255.255");
	assert_false(reach_allows(&r, &a));
	reach_free(&r);
}

static void
what_the_operator_lists_is_allowed(void **state)
{
	struct reach r = reach_of("10.1.0.0/16");
	struct addr in = address("10.1.255.9"), out = address("10.2.0.1");
	struct addr wrapped = address("::ffff:10.1.0.1");

	(void)state;
	assert_true(reach_allows(&r, &in));
	assert_false(reach_allows(&r, &out));
	assert_false(reach_allows(&r, &wrapped));
	reach_free(&r);
}

static void
an_own_address_that_the_operator_lists_is_allowed(void **state)
{
	struct addr a = address("9.7.7.7");
	struct reach r;

	(void)state;
	if (!have_ns)
		skip();
	add4("gh:4", "9.7.7.7", "255.255.255.255");
	r = reach_of("9.7.7.7/32");
	assert_true(reach_allows(&r, &a));
	reach_free(&r);
}

/* A range says nothing of what is in it of this host's: that must be listed by itself. */
static void
a_range_opens_neither_own_addresses_nor_guests(void **state)
{
	struct addr own = address("10.5.0.1"), guest = address("10.5.0.7"), beyond = address("10.6.0.7");
	struct addr wrapped = address("64:ff9b::10.5.0.7"), public_guest = address("9.5.5.7");
	struct reach r;

	(void)state;
	if (!have_ns)
		skip();
	add4("gh:6", "10.5.0.1", "255.255.255.0");
	add4("gh:7", "9.5.5.1", "255.255.255.0");
	r = reach_of("10.0.0.0/8");
	assert_true(reach_allows(&r, &guest));
	assert_true(reach_allows(&r, &public_guest));
	assert_true(reach_is_barred(&r, &own));
	reach_free(&r);

	bridges = (struct conf_names){ 1, { "gh" } };
	r = reach_of("10.0.0.0/8");
	assert_true(reach_allows(&r, &beyond));
	assert_false(reach_allows(&r, &own));
	assert_false(reach_allows(&r, &guest));
	assert_false(reach_allows(&r, &wrapped));
	assert_false(reach_allows(&r, &public_guest));
	assert_true(reach_is_barred(&r, &guest));
	assert_false(reach_is_barred(&r, &beyond));
	reach_free(&r);
	r = reach_of("10.5.0.7/32");
	assert_true(reach_allows(&r, &guest));
	assert_false(reach_is_barred(&r, &guest));
	reach_free(&r);
	bridges.n = 0;
}

/* Answers that were checked before are no longer good. */
static void
the_resolver_notices(void **state)
{
	struct event_base *base = event_base_new();
	struct resolver *r;
	struct addr a = address("9.6.6.6");
	struct conf conf;
	uint32_t before;
	char *cause;

	(void)state;
	if (!have_ns)
		skip();
	conf_defaults(&conf);
	conf.nupstreams = 1;
	conf.upstreams[0].addr = address("127.0.0.1");
	conf.upstreams[0].port = 53;
	r = resolver_new(base, &conf, &cause);
	assert_non_null(r);
	before = resolver_generation(r);
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(resolver_generation(r), before);
	assert_true(resolver_allows(r, &a));
	add4("gh:5", "9.6.6.6", "255.255.255.255");
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_not_equal(resolver_generation(r), before);
	assert_false(resolver_allows(r, &a));
	resolver_free(r);
	event_base_free(base);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_the_internet_is_refused),
		cmocka_unit_test(own_addresses_of_any_interface_are_refused),
		cmocka_unit_test(those_that_come_later_are_refused_at_once),
		cmocka_unit_test(what_the_operator_lists_is_allowed),
		cmocka_unit_test(an_own_address_that_the_operator_lists_is_allowed),
		cmocka_unit_test(a_range_opens_neither_own_addresses_nor_guests),
		cmocka_unit_test(the_resolver_notices),
	};

	have_ns = ns_enter() && interface_make();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
