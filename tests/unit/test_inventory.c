/* The join: who is who, through new addresses, names, ports and restarts. */
#include "config.h"

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inventory/join.h"
#include "inventory/provider.h"
#include "xmalloc.h"

static const uint64_t second = 1000000;
static const uint64_t start = 1795370400ull * 1000000;

enum { ROWS = 8192 };
static struct sighting rows[ROWS];
static size_t nrows;
static struct inventory *inv;
static int changes;

static void
on_change(void *arg)
{
	changes++;
}

static int
setup(void **state)
{
	static struct conf conf;

	conf_defaults(&conf);
	inv = inventory_new(NULL, &conf, on_change, NULL);
	nrows = 0;
	changes = 0;
	return 0;
}

static int
teardown(void **state)
{
	inventory_free(inv);
	return 0;
}

static struct sighting *
row(const char *provider)
{
	struct sighting *s = sighting_add(rows, &nrows, ROWS, provider);

	assert_non_null(s);
	return s;
}

/* A neighbour on br0; "" leaves a part out. */
static struct sighting *
heard(const char *mac, const char *address, uint32_t age)
{
	struct sighting *s = row("neighbours");

	s->has_mac = *mac != '\0';
	if (s->has_mac)
		assert_true(mac_parse(mac, strlen(mac), s->mac));
	if (*address != '\0')
		assert_true(addr_parse(address, &s->addrs[s->naddrs++]));
	s->age = age;
	snprintf(s->bridge, sizeof(s->bridge), "br0");
	return s;
}

static void
on_port(const char *mac, const char *port)
{
	struct sighting *s = heard(mac, "", 0);

	snprintf(s->port, sizeof(s->port), "%s", port);
}

static void
lease(const char *provider, const char *mac, const char *address, const char *name)
{
	struct sighting *s = heard(mac, address, 0);

	s->hint = true;
	s->bridge[0] = '\0';
	snprintf(s->provider, sizeof(s->provider), "%s", provider);
	snprintf(s->name, sizeof(s->name), "%s", name);
}

static void
merge(uint64_t seconds)
{
	inventory_merge(inv, rows, nrows, start + seconds * second);
	nrows = 0;
}

static const struct guest *
named(const char *name)
{
	const struct guest *g = inventory_by_name(inv, name);

	if (g == NULL) {
		for (size_t i = 0; i < inventory_count(inv); i++)
			print_message("there is %s\n", inventory_guest(inv, i)->name);
		fail_msg("there is no guest %s", name);
	}
	return g;
}

static uint32_t
holder(const char *address)
{
	const struct guest *g;
	struct addr a;

	assert_true(addr_parse(address, &a));
	g = inventory_by_addr(inv, &a);
	return g != NULL ? g->id : 0;
}

#define MAC1 "02:77:00:00:00:11"
#define MAC2 "02:77:00:00:00:12"

static void
sightings_of_one_mac_are_one_guest(void **state)
{
	const struct guest *g;

	heard(MAC1, "fe80::77:ff:fe00:11", 1);
	heard(MAC1, "fd77::11", 2);
	heard("2:77:0:0:0:11", "10.77.0.11", 3);
	on_port(MAC1, "tap0");
	lease("leases", MAC1, "10.77.0.11", "agent-1");
	merge(0);
	assert_int_equal(inventory_count(inv), 1);
	g = named("agent-1");
	assert_string_equal(g->by, "leases");
	assert_int_equal(g->state, GUEST_RUNNING);
	assert_string_equal(g->bridge, "br0");
	assert_string_equal(g->port, "tap0");
	assert_int_equal(g->naddrs, 3);
	/* IPv4 first, link-local last, whatever came in first. */
	assert_int_equal(g->addrs[0].family, 4);
	assert_int_equal(g->addrs[1].bytes[0], 0xfd);
	assert_int_equal(g->addrs[2].bytes[0], 0xfe);
	assert_true(g->first_seen == start);
	assert_int_equal(holder("fd77::11"), g->id);
	assert_ptr_equal(inventory_by_mac(inv, g->mac), g);
	assert_ptr_equal(inventory_by_id(inv, g->id), g);
	assert_null(inventory_by_id(inv, g->id + 1));
	assert_int_equal(changes, 1);
}

static void
nothing_new_is_no_change(void **state)
{
	for (uint64_t t = 0; t < 3; t++) {
		heard(MAC1, "10.77.0.11", 0);
		merge(t);
	}
	assert_int_equal(changes, 1);
	assert_true(inventory_guest(inv, 0)->last_seen == start + 2 * second);
}

static void
addresses_swap_and_guests_stay(void **state)
{
	uint32_t one, two;

	heard(MAC1, "10.77.0.11", 0);
	heard(MAC2, "10.77.0.12", 0);
	merge(0);
	one = holder("10.77.0.11");
	two = holder("10.77.0.12");
	heard(MAC1, "10.77.0.12", 0);
	heard(MAC2, "10.77.0.11", 0);
	merge(5);
	assert_int_equal(inventory_count(inv), 2);
	assert_int_equal(holder("10.77.0.11"), two);
	assert_int_equal(holder("10.77.0.12"), one);
	assert_int_equal(inventory_by_id(inv, one)->naddrs, 1);
	assert_string_equal(inventory_by_id(inv, one)->name, "10.77.0.12");
}

static void
a_quiet_guest_keeps_its_address_until_another_is_heard_with_it(void **state)
{
	uint32_t one;

	heard(MAC1, "10.77.0.11", 0);
	heard(MAC1, "10.77.0.99", 0);
	merge(0);
	one = holder("10.77.0.99");
	heard(MAC1, "10.77.0.11", 0);
	merge(60);
	assert_int_equal(holder("10.77.0.99"), one);
	/* A lease is only somebody's word. */
	heard(MAC1, "10.77.0.11", 0);
	heard(MAC2, "", 0);
	lease("leases", MAC2, "10.77.0.99", "agent-2");
	merge(120);
	assert_int_equal(holder("10.77.0.99"), one);
	heard(MAC1, "10.77.0.11", 0);
	heard(MAC2, "10.77.0.99", 0);
	merge(180);
	assert_int_equal(holder("10.77.0.99"), named("agent-2")->id);
	assert_int_equal(inventory_by_id(inv, one)->naddrs, 1);
}

static void
an_address_heard_with_a_stranger_is_nobodys(void **state)
{
	struct sighting *s;

	heard(MAC1, "10.77.0.11", 0);
	heard(MAC1, "10.77.0.12", 0);
	merge(0);
	/* Of a flooded port: makes no guest, but it is not the first one either. */
	heard(MAC1, "10.77.0.12", 0);
	s = heard(MAC2, "10.77.0.11", 0);
	s->hint = true;
	merge(1);
	assert_int_equal(inventory_count(inv), 1);
	assert_int_equal(holder("10.77.0.11"), 0);
	assert_int_equal(holder("10.77.0.12"), 1);
}

static void
addresses_are_kept_for_an_hour_and_the_latest_eight(void **state)
{
	char text[ADDR_TEXT_SIZE];

	for (int i = 0; i < 12; i++) {
		heard(MAC1, "10.77.0.11", 0);
		snprintf(text, sizeof(text), "2a00::%x", 0x10 - i);
		heard(MAC1, text, 0);
		merge((uint64_t)i);
	}
	assert_int_equal(inventory_guest(inv, 0)->naddrs, GUEST_ADDRS);
	assert_int_not_equal(holder("10.77.0.11"), 0);
	assert_int_not_equal(holder("2a00::5"), 0);
	assert_int_not_equal(holder("2a00::b"), 0);
	assert_int_equal(holder("2a00::10"), 0);
	heard(MAC1, "10.77.0.11", 0);
	merge(3700);
	assert_int_equal(inventory_guest(inv, 0)->naddrs, 1);
}

static void
a_lease_gives_an_address_to_a_guest_not_yet_heard_with_one(void **state)
{
	on_port(MAC1, "tap0");
	lease("leases", MAC1, "10.77.0.11", "agent-1");
	merge(0);
	assert_int_equal(holder("10.77.0.11"), named("agent-1")->id);
}

static void
leases_alone_make_no_guest(void **state)
{
	lease("leases", MAC1, "10.77.0.11", "agent-1");
	lease("leases", "", "fd77::11", "agent-1");
	merge(0);
	assert_int_equal(inventory_count(inv), 0);
	assert_int_equal(changes, 0);
}

static void
names_follow_the_best_claim(void **state)
{
	uint32_t id;

	heard(MAC1, "fd77::11", 0);
	merge(0);
	id = named("fd77::11")->id;
	/* A DHCPv6 lease has no MAC of use: joined by address. */
	heard(MAC1, "fd77::11", 0);
	lease("leases", "", "fd77::11", "by-address");
	merge(1);
	assert_int_equal(named("by-address")->id, id);
	heard(MAC1, "fd77::11", 0);
	lease("leases", "", "fd77::11", "by-address");
	lease("libvirt", MAC1, "10.77.0.11", "by-libvirt");
	merge(2);
	assert_int_equal(named("by-libvirt")->id, id);
	heard(MAC1, "fd77::11", 0);
	lease("libvirt", MAC1, "10.77.0.11", "by-libvirt");
	lease("leases", MAC1, "10.77.0.11", "by-lease");
	merge(3);
	assert_int_equal(named("by-lease")->id, id);
	/* A lease that ends does not take the name away. */
	heard(MAC1, "fd77::11", 0);
	merge(4);
	assert_int_equal(named("by-lease")->id, id);
	/* Renamed. */
	heard(MAC1, "fd77::11", 0);
	lease("leases", MAC1, "10.77.0.11", "new");
	merge(5);
	assert_int_equal(named("new")->id, id);
	assert_null(inventory_by_name(inv, "by-lease"));
}

static void
a_link_local_address_is_no_name(void **state)
{
	heard(MAC1, "fe80::77:ff:fe00:11", 0);
	merge(0);
	assert_string_equal(inventory_guest(inv, 0)->name, MAC1);
	assert_int_not_equal(holder("fe80::77:ff:fe00:11"), 0);
}

static void
two_guests_never_share_a_name(void **state)
{
	uint32_t one, two;

	heard(MAC1, "10.77.0.11", 0);
	lease("leases", MAC1, "10.77.0.11", "agent");
	merge(0);
	one = named("agent")->id;
	heard(MAC1, "10.77.0.11", 0);
	heard(MAC2, "10.77.0.12", 0);
	lease("leases", MAC2, "10.77.0.12", "agent");
	merge(1);
	two = named("agent-2")->id;
	assert_int_equal(named("agent")->id, one);
	/* The VM made anew, with another MAC, is the one that runs. */
	heard(MAC2, "10.77.0.12", 0);
	merge(1000);
	assert_int_equal(named("agent")->id, two);
	assert_int_equal(named("agent-2")->id, one);
	assert_int_equal(named("agent-2")->state, GUEST_STOPPED);
}

static void
a_uids_name_is_its_own(void **state)
{
	struct sighting *s;

	heard(MAC1, "10.77.0.11", 0);
	lease("leases", MAC1, "10.77.0.11", "sandbox");
	merge(0);
	heard(MAC1, "10.77.0.11", 0);
	s = row("uid");
	s->kind = GUEST_UID;
	s->uid = 4000;
	s->state = GUEST_RUNNING;
	snprintf(s->name, sizeof(s->name), "sandbox");
	merge(1);
	assert_int_equal(named("sandbox")->kind, GUEST_UID);
	assert_string_equal(named("sandbox")->by, "uid");
	assert_ptr_equal(inventory_by_uid(inv, 4000), named("sandbox"));
	assert_int_equal(named("sandbox-2")->kind, GUEST_VM);
	/* Out of the configuration, out of the list. */
	heard(MAC1, "10.77.0.11", 0);
	merge(2);
	assert_null(inventory_by_uid(inv, 4000));
}

static void
a_port_lives_as_long_as_its_only_guest(void **state)
{
	struct sighting *s;

	/* Silent for ten minutes, but the tap has a carrier. */
	on_port(MAC1, "tap0");
	merge(0);
	s = heard("", "", 0);
	snprintf(s->port, sizeof(s->port), "tap0");
	heard("", "", 0);
	merge(600);
	assert_int_equal(inventory_guest(inv, 0)->state, GUEST_RUNNING);
	assert_true(inventory_guest(inv, 0)->last_seen == start + 600 * second);
	/* The bridge was looked at, the tap is gone; a young neighbour is no life. */
	heard(MAC1, "10.77.0.11", 3);
	heard("", "", 0);
	merge(605);
	assert_int_equal(inventory_guest(inv, 0)->state, GUEST_STOPPED);
	assert_string_equal(inventory_guest(inv, 0)->port, "tap0");
	/* Plugged in elsewhere. */
	on_port(MAC1, "tap1");
	merge(610);
	assert_int_equal(inventory_guest(inv, 0)->state, GUEST_RUNNING);
	assert_string_equal(inventory_guest(inv, 0)->port, "tap1");
}

static void
a_shared_port_says_nothing_of_one_guest(void **state)
{
	struct sighting *s;

	on_port(MAC1, "tap0");
	on_port(MAC2, "tap0");
	merge(0);
	on_port(MAC2, "tap0");
	s = heard("", "", 0);
	snprintf(s->port, sizeof(s->port), "tap0");
	merge(600);
	assert_int_equal(inventory_guest(inv, 0)->state, GUEST_STOPPED);
	assert_int_equal(inventory_guest(inv, 1)->state, GUEST_RUNNING);
}

static void
a_port_tells_its_guest_whatever_mac_a_packet_bears(void **state)
{
	const uint8_t mac2[6] = { 0x02, 0x77, 0, 0, 0, 0x12 }, forged[6] = { 0x02, 1 };

	heard(MAC1, "10.77.0.11", 0);
	on_port(MAC1, "tap0");
	heard(MAC2, "10.77.0.12", 0);
	on_port(MAC2, "tap1");
	merge(0);
	assert_int_equal(inventory_by_port(inv, "tap0", mac2)->id, holder("10.77.0.11"));
	assert_int_equal(inventory_by_port(inv, "tap0", NULL)->id, holder("10.77.0.11"));
	assert_int_equal(inventory_by_port(inv, "tap1", forged)->id, holder("10.77.0.12"));
	assert_null(inventory_by_port(inv, "tap2", mac2));
	assert_null(inventory_by_port(inv, "", mac2));
}

static void
says_it_is_at(const char *provider, const char *port)
{
	struct sighting *s = heard("", "", 0);

	memset(s, 0, sizeof(*s));
	copy_string(s->provider, provider, sizeof(s->provider));
	copy_string(s->key, provider, sizeof(s->key));
	copy_string(s->name, provider, sizeof(s->name));
	copy_string(s->link, port, sizeof(s->link));
	s->state = GUEST_RUNNING;
	s->mode = NIC_BRIDGE;
}

/* Any process can call itself QEMU, and name any port; a VM manager knows. */
static void
a_port_is_not_whose_process_says_so(void **state)
{
	const uint8_t mac1[6] = { 0x02, 0x77, 0, 0, 0, 0x11 };

	heard(MAC1, "10.77.0.11", 0);
	on_port(MAC1, "tap0");
	says_it_is_at("qemu", "tap0");
	merge(0);
	assert_int_equal(inventory_by_port(inv, "tap0", mac1)->id, holder("10.77.0.11"));
	heard(MAC1, "10.77.0.11", 0);
	on_port(MAC1, "tap0");
	says_it_is_at("virsh", "tap0");
	merge(1);
	assert_string_equal(inventory_by_port(inv, "tap0", mac1)->name, "virsh");
}

static void
guests_stop_then_go_and_ids_are_never_reused(void **state)
{
	uint32_t one;

	heard(MAC1, "10.77.0.11", 0);
	merge(0);
	one = inventory_guest(inv, 0)->id;
	merge(299);
	assert_int_equal(inventory_guest(inv, 0)->state, GUEST_RUNNING);
	merge(301);
	assert_int_equal(inventory_guest(inv, 0)->state, GUEST_STOPPED);
	assert_int_equal(changes, 2);
	/* The kernel's stale row does not keep it alive, nor bring it back. */
	heard(MAC1, "10.77.0.11", 3599);
	merge(3599);
	assert_int_equal(inventory_count(inv), 1);
	merge(3601);
	assert_int_equal(inventory_count(inv), 0);
	assert_int_equal(holder("10.77.0.11"), 0);
	heard(MAC1, "10.77.0.11", 0);
	merge(4000);
	assert_true(inventory_guest(inv, 0)->id > one);
}

static void
a_guest_that_comes_back_within_the_hour_is_the_same(void **state)
{
	uint32_t one;

	heard(MAC1, "10.77.0.11", 0);
	merge(0);
	one = inventory_guest(inv, 0)->id;
	merge(1800);
	heard(MAC1, "10.77.0.200", 0);
	merge(1805);
	assert_int_equal(inventory_count(inv), 1);
	assert_int_equal(inventory_guest(inv, 0)->id, one);
	assert_int_equal(inventory_guest(inv, 0)->state, GUEST_RUNNING);
	assert_int_equal(holder("10.77.0.200"), one);
}

static void
a_clock_set_back_loses_nobody(void **state)
{
	heard(MAC1, "10.77.0.11", 0);
	merge(86400);
	heard(MAC1, "10.77.0.11", 0);
	merge(0);
	assert_int_equal(inventory_count(inv), 1);
	assert_int_equal(inventory_guest(inv, 0)->state, GUEST_RUNNING);
	assert_int_not_equal(holder("10.77.0.11"), 0);
}

static void
a_flood_is_bounded_and_spares_who_came_first(void **state)
{
	char mac[MAC_TEXT_SIZE], address[ADDR_TEXT_SIZE];

	heard(MAC1, "10.77.0.11", 0);
	merge(0);
	heard(MAC1, "10.77.0.11", 0);
	for (int i = 0; i < 6000; i++) {
		snprintf(mac, sizeof(mac), "06:00:00:00:%02x:%02x", i >> 8, i & 0xff);
		snprintf(address, sizeof(address), "10.%d.%d.7", 100 + (i >> 8), i & 0xff);
		heard(mac, address, 0);
	}
	merge(1);
	assert_int_equal(inventory_count(inv), GUESTS_MAX);
	assert_int_equal(holder("10.77.0.11"), 1);
	assert_non_null(inventory_by_id(inv, 1));
}

static void
guests_of_a_bridge_no_longer_guarded_go_at_once(void **state)
{
	struct conf conf;

	conf_defaults(&conf);
	snprintf(conf.bridges.name[0], GH_IFNAME_SIZE, "br*");
	heard(MAC1, "10.77.0.11", 0);
	merge(0);
	inventory_reconf(inv, &conf);
	assert_int_equal(inventory_count(inv), 1);
	conf_defaults(&conf);
	inventory_reconf(inv, &conf);
	assert_int_equal(inventory_count(inv), 0);
	assert_int_equal(holder("10.77.0.11"), 0);
	assert_int_equal(changes, 2);
}

#define IN_INVENTORY(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		IN_INVENTORY(sightings_of_one_mac_are_one_guest),
		IN_INVENTORY(nothing_new_is_no_change),
		IN_INVENTORY(addresses_swap_and_guests_stay),
		IN_INVENTORY(a_quiet_guest_keeps_its_address_until_another_is_heard_with_it),
		IN_INVENTORY(an_address_heard_with_a_stranger_is_nobodys),
		IN_INVENTORY(addresses_are_kept_for_an_hour_and_the_latest_eight),
		IN_INVENTORY(a_lease_gives_an_address_to_a_guest_not_yet_heard_with_one),
		IN_INVENTORY(leases_alone_make_no_guest),
		IN_INVENTORY(names_follow_the_best_claim),
		IN_INVENTORY(a_link_local_address_is_no_name),
		IN_INVENTORY(two_guests_never_share_a_name),
		IN_INVENTORY(a_uids_name_is_its_own),
		IN_INVENTORY(a_port_lives_as_long_as_its_only_guest),
		IN_INVENTORY(a_shared_port_says_nothing_of_one_guest),
		IN_INVENTORY(a_port_tells_its_guest_whatever_mac_a_packet_bears),
		IN_INVENTORY(a_port_is_not_whose_process_says_so),
		IN_INVENTORY(guests_stop_then_go_and_ids_are_never_reused),
		IN_INVENTORY(a_guest_that_comes_back_within_the_hour_is_the_same),
		IN_INVENTORY(a_clock_set_back_loses_nobody),
		IN_INVENTORY(a_flood_is_bounded_and_spares_who_came_first),
		IN_INVENTORY(guests_of_a_bridge_no_longer_guarded_go_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
