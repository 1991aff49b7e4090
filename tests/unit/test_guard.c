/* Guests of VM managers in the join, and the guard map. */
#include "config.h"

#include "unit.h"

#include <netinet/in.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inventory/guard.h"
#include "inventory/join.h"
#include "inventory/listeners.h"
#include "inventory/provider.h"
#include "xmalloc.h"

static const uint64_t second = 1000000;
static const uint64_t start = 1795370400ull * 1000000;

enum { ROWS = 2048 };
static struct sighting rows[ROWS];
static size_t nrows;
static struct inventory *inv;
static struct conf conf;
static uint32_t merged_id, merged_from;

static void
on_merge(uint32_t id, uint32_t from, void *arg)
{
	merged_id = id;
	merged_from = from;
}

static int
setup(void **state)
{
	conf_defaults(&conf);
	conf.bridges = (struct conf_names){ 1, { "virbr*" } };
	copy_string(conf.path, "/etc/gatehouse.conf", sizeof(conf.path));
	inv = inventory_new(NULL, &conf, NULL, NULL);
	inventory_on_merge(inv, on_merge, NULL);
	nrows = 0;
	merged_id = merged_from = 0;
	return 0;
}

static int
teardown(void **state)
{
	inventory_free(inv);
	return 0;
}

static void
merge(uint64_t seconds)
{
	inventory_merge(inv, rows, nrows, start + seconds * second);
	nrows = 0;
}

/* No compound literal in memcpy()'s arguments: where it is a macro, its commas part them. */
static void
set_mac(struct sighting *s, uint8_t kind, uint8_t last)
{
	const uint8_t mac[6] = { 2, kind, 0, 0, 0, last };

	memcpy(s->mac, mac, sizeof(mac));
}

/* A manager's row; mac 0: none. */
static struct sighting *
told(const char *provider, const char *key, enum guest_state state, uint8_t mac)
{
	struct sighting *s = sighting_add(rows, &nrows, ROWS, provider);

	copy_string(s->key, key, sizeof(s->key));
	sighting_name(s->name, key, strlen(key));
	s->state = state;
	s->has_mac = mac != 0;
	if (mac != 0)
		set_mac(s, 0, mac);
	return s;
}

static struct sighting *
heard(uint8_t mac, const char *address, const char *bridge)
{
	struct sighting *s = sighting_add(rows, &nrows, ROWS, "neighbours");

	s->has_mac = true;
	set_mac(s, 0, mac);
	if (*address != '\0')
		assert_true(addr_parse(address, &s->addrs[s->naddrs++]));
	copy_string(s->bridge, bridge, sizeof(s->bridge));
	return s;
}

static const struct guest *
only(void)
{
	assert_int_equal(inventory_count(inv), 1);
	return inventory_guest(inv, 0);
}

static const struct guest *
of_key(const char *key)
{
	for (size_t i = 0; i < inventory_count(inv); i++) {
		if (strcmp(inventory_guest(inv, i)->key, key) == 0)
			return inventory_guest(inv, i);
	}
	fail_msg("no guest has the key %s", key);
	return NULL;
}

static void
rows_of_one_key_are_one_guest_of_several_nics(void **state)
{
	told("virsh", "web", GUEST_RUNNING, 1);
	told("virsh", "web", GUEST_RUNNING, 2);
	heard(2, "10.9.0.2", "virbr0");
	merge(0);
	assert_int_equal(only()->nnics, 2);
	assert_string_equal(only()->name, "web");
	assert_string_equal(only()->manager, "virsh");
	assert_int_equal(only()->naddrs, 1);
	assert_non_null(inventory_by_mac(inv, (uint8_t[6]){ 2, 0, 0, 0, 0, 1 }));
	assert_non_null(inventory_by_mac(inv, (uint8_t[6]){ 2, 0, 0, 0, 0, 2 }));
}

static void
a_nic_that_was_taken_out_goes(void **state)
{
	told("virsh", "web", GUEST_RUNNING, 1);
	told("virsh", "web", GUEST_RUNNING, 2);
	merge(0);
	told("virsh", "web", GUEST_RUNNING, 1);
	heard(2, "10.9.0.2", "virbr0");
	merge(1);
	assert_int_equal(only()->nnics, 2);
	told("virsh", "web", GUEST_RUNNING, 1);
	merge(2);
	assert_int_equal(only()->nnics, 1);
	/* One that tells of no NIC takes none out. */
	told("virsh", "web", GUEST_STOPPED, 0);
	merge(3);
	assert_non_null(inventory_by_mac(inv, (uint8_t[6]){ 2, 0, 0, 0, 0, 1 }));
}

static void
several_providers_tell_of_one_guest(void **state)
{
	told("virsh", "web", GUEST_RUNNING, 1);
	told("qemu", "4711", GUEST_RUNNING, 1)->pid = 4711;
	heard(1, "10.9.0.2", "virbr0");
	merge(0);
	assert_string_equal(only()->name, "web");
	assert_string_equal(only()->manager, "virsh");
	assert_int_equal(only()->pid, 4711);
}

static void
a_guest_keeps_its_id_through_a_rename_and_a_restart(void **state)
{
	uint32_t id;

	told("virsh", "web", GUEST_RUNNING, 1);
	merge(0);
	id = only()->id;
	told("virsh", "shop", GUEST_RUNNING, 1);
	merge(1);
	assert_int_equal(only()->id, id);
	assert_string_equal(only()->name, "shop");
	told("virsh", "shop", GUEST_STOPPED, 0);
	merge(2);
	assert_int_equal(only()->id, id);
	assert_int_equal(only()->state, GUEST_STOPPED);
	/* And comes with another hardware address. */
	told("virsh", "shop", GUEST_RUNNING, 7);
	merge(3);
	assert_int_equal(only()->id, id);
}

static void
a_stopped_guest_stays_as_long_as_its_manager_lists_it(void **state)
{
	told("tart", "base", GUEST_STOPPED, 0);
	merge(0);
	told("tart", "base", GUEST_STOPPED, 0);
	merge(3 * 3600);
	assert_int_equal(only()->state, GUEST_STOPPED);
	merge(6 * 3600);
	assert_int_equal(inventory_count(inv), 0);
}

static void
two_guests_that_turn_out_to_be_one_are_one_and_told_so(void **state)
{
	heard(1, "10.9.0.1", "virbr0");
	heard(2, "10.9.0.2", "virbr0");
	merge(0);
	assert_int_equal(inventory_count(inv), 2);
	told("virsh", "web", GUEST_RUNNING, 1);
	told("virsh", "web", GUEST_RUNNING, 2);
	heard(1, "10.9.0.1", "virbr0");
	heard(2, "10.9.0.2", "virbr0");
	merge(1);
	assert_int_equal(only()->id, 1);
	assert_int_equal(only()->nnics, 2);
	assert_int_equal(only()->naddrs, 2);
	assert_int_equal(merged_id, 1);
	assert_int_equal(merged_from, 2);
}

static void
guests_of_one_manager_are_never_taken_for_each_other(void **state)
{
	/* Both claim the address that was heard of one. */
	heard(1, "10.9.0.1", "virbr0");
	merge(0);
	heard(1, "10.9.0.1", "virbr0");
	assert_true(addr_parse("10.9.0.1", &told("multipass", "a", GUEST_RUNNING, 0)->addrs[0]));
	rows[nrows - 1].naddrs = 1;
	assert_true(addr_parse("10.9.0.1", &told("multipass", "b", GUEST_RUNNING, 0)->addrs[0]));
	rows[nrows - 1].naddrs = 1;
	merge(1);
	/* Who of them has it nobody knows, so neither is who was heard. */
	assert_int_equal(inventory_count(inv), 3);
	assert_string_equal(inventory_by_addr(inv, &inventory_guest(inv, 0)->addrs[0])->name, "10.9.0.1");
}

/* One of them, by what its agent says of it, would be taken for the other, and stopped
 * in its place. */
static void
guests_of_two_managers_or_users_are_two_whatever_they_share(void **state)
{
	told("virsh", "victim", GUEST_RUNNING, 1);
	merge(0);
	told("virsh", "victim", GUEST_RUNNING, 1);
	told("incus", "evil", GUEST_RUNNING, 2);
	told("incus", "evil", GUEST_RUNNING, 1);
	merge(1);
	assert_int_equal(inventory_count(inv), 2);
	assert_string_equal(of_key("victim")->manager, "virsh");
	assert_string_equal(of_key("victim")->name, "victim");
	assert_string_equal(of_key("evil")->manager, "incus");
	told("tart", "agent", GUEST_RUNNING, 5);
	copy_string(rows[nrows - 1].user, "alice", GUEST_USER_SIZE);
	merge(2);
	told("tart", "agent", GUEST_RUNNING, 5);
	copy_string(rows[nrows - 1].user, "alice", GUEST_USER_SIZE);
	told("lima", "mine", GUEST_RUNNING, 5);
	copy_string(rows[nrows - 1].user, "bob", GUEST_USER_SIZE);
	merge(3);
	assert_string_equal(of_key("agent")->user, "alice");
	assert_string_equal(of_key("mine")->user, "bob");
}

/* Multipass and UTM tell of a guest first, of its address when it runs, and never of its
 * hardware address. */
static void
a_guest_that_was_listed_before_it_had_an_address_is_one(void **state)
{
	told("multipass", "agent", GUEST_STOPPED, 0);
	merge(0);
	told("multipass", "agent", GUEST_RUNNING, 0);
	heard(7, "10.9.0.7", "virbr0");
	merge(10);
	told("multipass", "agent", GUEST_RUNNING, 0)->naddrs = 1;
	assert_true(addr_parse("10.9.0.7", &rows[nrows - 1].addrs[0]));
	heard(7, "10.9.0.7", "virbr0");
	merge(20);
	assert_string_equal(only()->name, "agent");
	assert_int_equal(only()->guard, NIC_GUARDED);
	assert_string_equal(inventory_by_mac(inv, (uint8_t[6]){ 2, 0, 0, 0, 0, 7 })->name, "agent");
}

static void
addresses_that_only_managers_tell_of_move_with_their_word(void **state)
{
	for (unsigned i = 0; i < 3; i++) {
		told("utm", "a", GUEST_RUNNING, 0)->naddrs = 1;
		assert_true(addr_parse(i % 2 == 0 ? "10.9.0.1" : "10.9.0.2", &rows[nrows - 1].addrs[0]));
		told("utm", "b", GUEST_RUNNING, 0)->naddrs = 1;
		assert_true(addr_parse(i % 2 == 0 ? "10.9.0.2" : "10.9.0.1", &rows[nrows - 1].addrs[0]));
		merge(i);
		assert_int_equal(of_key("a")->naddrs, 1);
		assert_int_equal(of_key("a")->addrs[0].bytes[3], i % 2 == 0 ? 1 : 2);
		assert_int_equal(of_key("b")->addrs[0].bytes[3], i % 2 == 0 ? 2 : 1);
	}
}

static void
a_name_stays_with_the_guest_that_has_it(void **state)
{
	static const struct {
		enum guest_state alice, bob;
	} days[] = { { GUEST_RUNNING, GUEST_RUNNING }, { GUEST_STOPPED, GUEST_RUNNING },
		{ GUEST_RUNNING, GUEST_STOPPED } };

	for (size_t i = 0; i < 3; i++) {
		told("tart", "agent", days[i].alice, 1);
		copy_string(rows[nrows - 1].user, "alice", GUEST_USER_SIZE);
		told("tart", "agent", days[i].bob, 2);
		copy_string(rows[nrows - 1].user, "bob", GUEST_USER_SIZE);
		merge(10 * i);
		assert_string_equal(inventory_by_name(inv, "agent")->user, "alice");
		assert_string_equal(inventory_by_name(inv, "agent-2")->user, "bob");
	}
}

static void
what_a_guest_says_of_itself_takes_no_neighbours_address(void **state)
{
	struct sighting *s;

	heard(1, "10.9.0.1", "virbr0");
	merge(0);
	heard(1, "10.9.0.1", "virbr0");
	s = told("utm", "liar", GUEST_RUNNING, 5);
	assert_true(addr_parse("10.9.0.1", &s->addrs[s->naddrs++]));
	merge(1);
	assert_int_equal(inventory_count(inv), 2);
	assert_int_equal(inventory_by_addr(inv, &inventory_guest(inv, 0)->addrs[0])->id, 1);
}

static void
a_manager_that_does_not_answer_is_told_of_its_guests(void **state)
{
	told("virsh", "web", GUEST_RUNNING, 1)->stale = true;
	merge(0);
	assert_true(only()->stale);
	told("virsh", "web", GUEST_RUNNING, 1);
	merge(1);
	assert_false(only()->stale);
}

/* ---- who lies, or is copied ---- */

static void
by_lease(uint8_t mac, const char *name)
{
	struct sighting *s = sighting_add(rows, &nrows, ROWS, "leases");

	s->hint = s->has_mac = true;
	set_mac(s, 0, mac);
	copy_string(s->name, name, sizeof(s->name));
}

/* vm= is not for whom only it itself calls so, where there is a manager that would know. */
static void
a_guest_that_names_itself_beside_a_managers_has_no_name_for_entries(void **state)
{
	const struct guest *g;

	heard(7, "10.9.0.7", "virbr0");
	by_lease(7, "agent-7");
	merge(0);
	assert_string_equal(guest_scope(only()), "agent-7");
	for (unsigned again = 1; again < 3; again++) {
		told("virsh", "agent-1", GUEST_RUNNING, 1);
		heard(1, "10.9.0.1", again == 1 ? "virbr0" : "virbr1");
		by_lease(1, "calls-itself-so");
		heard(7, "10.9.0.7", "virbr0");
		by_lease(7, "agent-7");
		merge(again * 100);
		assert_string_equal(guest_scope(of_key("agent-1")), "agent-1");
		g = inventory_by_name(inv, "agent-7");
		assert_non_null(g);
		/* Also when the others have gone elsewhere. */
		assert_true(g->own_name);
		assert_string_equal(guest_scope(g), "");
	}
}

static struct sighting *
process(const char *provider, uint32_t pid, const char *name, uint8_t mac)
{
	char key[16];
	struct sighting *s;

	snprintf(key, sizeof(key), "%u", (unsigned)pid);
	s = told(provider, key, GUEST_RUNNING, mac);
	copy_string(s->name, name, sizeof(s->name));
	s->pid = (int32_t)pid;
	return s;
}

/* A lease names it as it named itself. */
static void
calls_itself(uint8_t mac, const char *name)
{
	struct sighting *s = heard(mac, "", "");

	copy_string(s->provider, "leases", sizeof(s->provider));
	copy_string(s->name, name, sizeof(s->name));
	s->hint = true;
}

static void
guests_that_share_a_hardware_address_stay_two(void **state)
{
	told("virsh", "a", GUEST_RUNNING, 1)->mode = NIC_LAN;
	told("virsh", "b", GUEST_STOPPED, 1);
	merge(0);
	assert_int_equal(inventory_count(inv), 2);
	assert_int_equal(of_key("a")->state, GUEST_RUNNING);
	assert_int_equal(of_key("a")->guard, NIC_LEAKING);
	assert_int_equal(of_key("b")->state, GUEST_STOPPED);
}

static void
a_guest_that_says_it_has_anothers_nic_does_not_become_that_one(void **state)
{
	for (int i = 0; i < 3; i++) {
		told("incus", "default/victim", GUEST_RUNNING, 1);
		told("incus", "default/evil", GUEST_RUNNING, 2);
		if (i > 0)
			told("incus", "default/evil", GUEST_RUNNING, 1);
		heard(1, "10.9.0.1", "virbr0");
		merge((uint64_t)i);
		assert_int_equal(inventory_count(inv), 2);
		assert_string_equal(inventory_by_mac(inv, (uint8_t[6]){ 2, 0, 0, 0, 0, 1 })->key,
		    "default/victim");
	}
	assert_int_equal(merged_id, 0);
}

static void
a_process_with_the_nics_of_two_guests_makes_them_no_one(void **state)
{
	told("virsh", "a", GUEST_RUNNING, 1);
	told("virsh", "b", GUEST_RUNNING, 2);
	merge(0);
	told("virsh", "a", GUEST_RUNNING, 1);
	told("virsh", "b", GUEST_RUNNING, 2);
	process("qemu", 900, "x", 1);
	process("qemu", 900, "x", 2);
	merge(1);
	assert_int_equal(inventory_count(inv), 2);
	assert_string_equal(of_key("a")->name, "a");
	assert_string_equal(of_key("b")->name, "b");
}

static void
a_process_makes_no_managers_guest_look_unguardable(void **state)
{
	told("virsh", "a", GUEST_RUNNING, 1)->mode = NIC_BRIDGE;
	process("qemu", 900, "x", 1)->mode = NIC_USER;
	merge(0);
	assert_int_equal(only()->nics[0].mode, NIC_BRIDGE);
	/* Where no manager speaks, the worse of what a process and a frame say. */
	heard(7, "10.9.0.7", "virbr0");
	process("qemu", 901, "y", 7)->mode = NIC_USER;
	told("virsh", "a", GUEST_RUNNING, 1)->mode = NIC_BRIDGE;
	merge(1);
	assert_int_equal(inventory_by_mac(inv, (uint8_t[6]){ 2, 0, 0, 0, 0, 7 })->guard,
	    NIC_UNGUARDABLE);
}

/* As in the pass in which a guest that others still point at was taken in by another. */
static void
what_was_merged_is_not_looked_at_again(void **state)
{
	struct sighting *s;

	told("lima", "x", GUEST_RUNNING, 1);
	merge(0);
	told("lima", "x", GUEST_RUNNING, 1);
	heard(2, "10.9.0.9", "virbr0");
	merge(1);
	assert_int_equal(inventory_count(inv), 2);
	told("lima", "x", GUEST_RUNNING, 1);
	told("lima", "x", GUEST_RUNNING, 2);
	s = sighting_add(rows, &nrows, ROWS, "mine");
	assert_true(addr_parse("10.9.0.9", &s->addrs[s->naddrs++]));
	merge(2);
	assert_int_equal(only()->id, 1);
	assert_int_equal(only()->nnics, 2);
}

static void
a_guest_that_moved_past_the_rules_is_not_guarded_by_where_it_was(void **state)
{
	told("virsh", "vm", GUEST_RUNNING, 1)->mode = NIC_BRIDGE;
	heard(1, "10.9.0.1", "virbr0");
	merge(1);
	assert_int_equal(only()->guard, NIC_GUARDED);
	told("virsh", "vm", GUEST_STOPPED, 1)->mode = NIC_BRIDGE;
	merge(2);
	/* The kernel remembers for some time where it was heard. */
	for (uint64_t t = 4; t < 8; t++) {
		told("virsh", "vm", GUEST_RUNNING, 1)->mode = NIC_LAN;
		heard(1, "10.9.0.1", "virbr0")->age = (uint32_t)t - 1;
		merge(t);
		assert_int_equal(only()->guard, NIC_LEAKING);
	}
	/* And without having been seen stopped. */
	told("virsh", "vm", GUEST_RUNNING, 1)->mode = NIC_BRIDGE;
	heard(1, "10.9.0.1", "virbr0");
	merge(10);
	told("virsh", "vm", GUEST_RUNNING, 1)->mode = NIC_BRIDGE;
	heard(1, "10.9.0.1", "virbr0");
	merge(12);
	assert_int_equal(only()->guard, NIC_GUARDED);
	told("virsh", "vm", GUEST_RUNNING, 1)->mode = NIC_LAN;
	heard(1, "10.9.0.1", "virbr0")->age = 1;
	merge(13);
	assert_int_equal(only()->guard, NIC_LEAKING);
}

/* tart tells of no process, ps of no hardware address. */
static void
a_vm_that_is_started_again_and_again_is_one_guest(void **state)
{
	uint64_t t = 0;

	for (uint32_t pid = 100; pid < 500; pid += 100) {
		told("tart", "mac", GUEST_RUNNING, 1);
		process("ps", pid, "mac", 0)->mode = pid < 400 ? NIC_BRIDGE : NIC_LAN;
		merge(t++);
		told("tart", "mac", GUEST_RUNNING, 1);
		process("ps", pid, "mac", 0)->mode = pid < 400 ? NIC_BRIDGE : NIC_LAN;
		merge(t++);
		assert_string_equal(only()->manager, "tart");
		assert_int_equal(only()->pid, pid);
		assert_int_equal(only()->guard, pid < 400 ? NIC_UNSEEN : NIC_LEAKING);
		told("tart", "mac", GUEST_STOPPED, 1);
		merge(t++);
		assert_int_equal(only()->state, GUEST_STOPPED);
	}
}

static void
a_guest_whose_parts_were_told_one_by_one_is_one(void **state)
{
	heard(1, "10.9.0.1", "virbr0");
	process("ps", 500, "mac", 0)->softnet = true;
	merge(0);
	heard(1, "10.9.0.1", "virbr0");
	process("ps", 500, "mac", 0)->softnet = true;
	told("tart", "mac", GUEST_RUNNING, 1);
	merge(1);
	assert_string_equal(only()->name, "mac");
	assert_int_equal(only()->pid, 500);
	assert_true(only()->softnet);
	assert_int_equal(only()->guard, NIC_GUARDED);
}

static void
vms_of_one_name_of_two_users_are_two(void **state)
{
	static const char *const users[] = { "ann", "bob" };

	for (int i = 0; i < 2; i++) {
		for (uint8_t u = 0; u < 2; u++) {
			struct sighting *s = told("tart", "dev", GUEST_RUNNING, (uint8_t)(u + 1));

			copy_string(s->user, users[u], sizeof(s->user));
			s->uid = 501 + u;
		}
		process("ps", 300, "dev", 0)->mode = NIC_LAN;
		rows[nrows - 1].uid = 502;
		merge((uint64_t)i);
	}
	assert_int_equal(inventory_count(inv), 2);
	for (size_t i = 0; i < 2; i++) {
		const struct guest *g = inventory_guest(inv, i);

		assert_int_equal(g->guard, strcmp(g->user, "bob") == 0 ? NIC_LEAKING : NIC_UNSEEN);
	}
}

static void
a_guest_that_runs_is_not_stopped_by_old_news(void **state)
{
	told("virsh", "vm", GUEST_STOPPED, 1);
	merge(0);
	told("virsh", "vm", GUEST_STOPPED, 1)->stale = true;
	heard(1, "10.9.0.1", "virbr0");
	merge(5);
	assert_int_equal(only()->state, GUEST_RUNNING);
	/* Nor by a list that is seconds old. */
	process("qemu", 77, "vm", 1)->mode = NIC_USER;
	told("virsh", "vm", GUEST_STOPPED, 1);
	merge(7);
	assert_int_equal(only()->state, GUEST_RUNNING);
}

static void
a_guest_is_not_who_it_calls_itself(void **state)
{
	heard(6, "10.9.0.66", "virbr0");
	calls_itself(6, "prod");
	merge(0);
	heard(6, "10.9.0.66", "virbr0");
	calls_itself(6, "prod");
	told("multipass", "prod", GUEST_STOPPED, 0);
	merge(1);
	assert_int_equal(inventory_count(inv), 2);
	assert_string_equal(of_key("prod")->name, "prod");
	assert_int_equal(of_key("prod")->state, GUEST_STOPPED);
	assert_string_equal(inventory_by_mac(inv, (uint8_t[6]){ 2, 0, 0, 0, 0, 6 })->name, "prod-2");
	assert_int_equal(inventory_by_mac(inv, (uint8_t[6]){ 2, 0, 0, 0, 0, 6 })->state, GUEST_RUNNING);
}

/* ---- the guard map ---- */

static struct guard_place places[] = {
	{ .name = "virbr0", .bits = 24 }, { .name = "mpqemubr0", .bits = 24 },
};

static bool
master_of(const char *link, char dst[GH_IFNAME_SIZE])
{
	if (strcmp(link, "vnet0") != 0 && strcmp(link, "vnet1") != 0)
		return false;
	copy_string(dst, link[4] == '0' ? "virbr0" : "br-lan", GH_IFNAME_SIZE);
	return true;
}

static bool is_told;	/* the address, by the manager */

static void
assert_nic(struct guest_nic nic, const char *address, const char *guard, const char *in_why,
    const char *in_fix)
{
	struct guard_host host = { .conf = &conf, .places = places, .nplaces = 2, .master = master_of };
	struct guest g = { .state = GUEST_RUNNING, .nnics = 1, .manager = "virsh", .pid = 9, .uid = 1000 };
	char *why, *fix;

	assert_true(addr_parse("10.9.0.1", &places[0].addr));
	assert_true(addr_parse("10.8.0.1", &places[1].addr));
	if (*address != '\0')
		assert_true(addr_parse(address, &g.addrs[g.naddrs++]));
	g.nics[0] = nic;
	g.addr_told[0] = is_told;
	guard_judge(&host, &g);
	assert_string_equal(nic_guard_name(g.nics[0].guard), guard);
	assert_int_equal(g.guard, g.nics[0].guard);
	guard_explain(&host, &g, &g.nics[0], &why, &fix);
	if (strstr(why, in_why) == NULL || strstr(fix, in_fix) == NULL)
		fail_msg("%s / %s", why, fix);
	free(why);
	free(fix);
}

static bool
covers_none_but_virbr0(const struct conf_names *bridges, const char *ifname)
{
	return strcmp(ifname, "virbr0") == 0;
}

/* As where pf cannot hold every name of a kind. */
static void
a_bridge_that_is_named_but_not_covered_guards_nobody(void **state)
{
	struct guard_host host = { .conf = &conf, .covers = covers_none_but_virbr0 };
	struct guest g = { .state = GUEST_RUNNING, .nnics = 1 };

	g.nics[0].heard = true;
	copy_string(g.nics[0].bridge, "virbr0", GH_IFNAME_SIZE);
	guard_judge(&host, &g);
	assert_int_equal(g.guard, NIC_GUARDED);
	copy_string(g.nics[0].bridge, "virbr9", GH_IFNAME_SIZE);
	guard_judge(&host, &g);
	assert_int_equal(g.guard, NIC_LEAKING);
	host.covers = NULL;
	guard_judge(&host, &g);
	assert_int_equal(g.guard, NIC_GUARDED);
	/* As where vmnet bridges it to the LAN. */
	copy_string(host.bridged[host.nbridged++], "virbr9", GH_IFNAME_SIZE);
	guard_judge(&host, &g);
	assert_int_equal(g.guard, NIC_LEAKING);
}

static void
each_nic_is_judged_by_where_it_is(void **state)
{
	assert_nic((struct guest_nic){ .heard = true, .bridge = "virbr7" }, "", "guarded", "virbr7", "");
	assert_nic((struct guest_nic){ .mode = NIC_BRIDGE, .link = "vnet0" }, "", "guarded", "virbr0", "");
	assert_nic((struct guest_nic){ .mode = NIC_BRIDGE }, "10.9.0.77", "guarded", "virbr0", "");
	assert_nic((struct guest_nic){ .mode = NIC_BRIDGE }, "10.8.0.77", "leaking", "mpqemubr0",
	    "add mpqemubr0 to \"bridge\" in [guard] of /etc/gatehouse.conf");
	assert_nic((struct guest_nic){ .mode = NIC_BRIDGE, .source = "br0" }, "", "leaking", "br0",
	    "add br0");
	assert_nic((struct guest_nic){ .mode = NIC_LAN, .source = "eno1" }, "", "leaking", "LAN by eno1",
	    "type \"network\"");
	assert_nic((struct guest_nic){ .mode = NIC_USER }, "", "unguardable", "process 9",
	    "\"uid\" in [guard]");
	assert_nic((struct guest_nic){ .mode = NIC_BRIDGE }, "", "unseen", "not been heard", "");
	assert_nic((struct guest_nic){ .mode = NIC_ROUTED }, "10.9.0.77", "leaking", "routed", "");
	assert_nic((struct guest_nic){ .mode = NIC_PROXY, .source = "api" }, "10.9.0.77", "unguardable",
	    "device api", "config device remove");
	/* Any guest can send a frame with its hardware address behind our bridge. */
	assert_nic((struct guest_nic){ .mode = NIC_LAN, .source = "eno1", .heard = true,
	    .bridge = "virbr0" }, "", "leaking", "LAN by eno1", "type \"network\"");
	assert_nic((struct guest_nic){ .mode = NIC_USER, .heard = true, .bridge = "virbr0" }, "",
	    "unguardable", "process 9", "\"uid\" in [guard]");
	/* The kernel knows better, and also where its port has been moved to since. */
	assert_nic((struct guest_nic){ .mode = NIC_LAN, .link = "vnet0" }, "", "guarded", "virbr0", "");
	assert_nic((struct guest_nic){ .heard = true, .bridge = "virbr0", .port = "vnet1" }, "",
	    "leaking", "on br-lan", "add br-lan");
	/* What a guest says of its addresses counts against it alone. */
	assert_nic((struct guest_nic){ .mode = NIC_UNKNOWN }, "10.9.0.77", "unseen", "not been heard",
	    "");
	assert_nic((struct guest_nic){ .mode = NIC_UNKNOWN }, "10.8.0.77", "leaking", "mpqemubr0", "");
	assert_nic((struct guest_nic){ .heard = true, .bridge = "virbr0" }, "10.8.0.77", "leaking",
	    "mpqemubr0", "");
	assert_nic((struct guest_nic){ .heard = true, .bridge = "virbr0" }, "10.8.0.1", "guarded",
	    "virbr0", "");
	/* What its manager tells says of one that is known by its port alone that it has another
	 * NIC; what was heard may be from anybody. */
	assert_nic((struct guest_nic){ .heard = true, .bridge = "virbr0", .port = "vnet0" }, "10.8.0.77",
	    "guarded", "virbr0", "");
	is_told = true;
	assert_nic((struct guest_nic){ .heard = true, .bridge = "virbr0", .port = "vnet0" }, "10.8.0.77",
	    "leaking", "mpqemubr0", "");
	assert_nic((struct guest_nic){ .heard = true, .bridge = "virbr0", .port = "vnet0",
	    .link = "vnet0", .link_managed = true }, "10.8.0.77", "guarded", "virbr0", "");
	/* A port that a process names is anybody's word. */
	assert_nic((struct guest_nic){ .heard = true, .bridge = "virbr0", .port = "vnet0",
	    .link = "vnet0" }, "10.8.0.77", "leaking", "mpqemubr0", "");
	is_told = false;
}

static bool
is_here(const char *name)
{
	return strncmp(name, "virbr", strlen("virbr")) == 0 || strcmp(name, "vnet0") == 0;
}

/* A network of LXD's of type macvlan, physical or sriov has a name like any other. */
static void
a_network_that_is_no_bridge_of_this_host_is_a_leak(void **state)
{
	struct guard_host host = { .conf = &conf, .master = master_of, .exists = is_here };
	struct guest g = { .state = GUEST_RUNNING, .nnics = 1, .manager = "lxd", .key = "work/c" };
	char *why, *fix;

	g.nics[0] = (struct guest_nic){ .mode = NIC_BRIDGE, .source = "virbr-no", .link = "mac1",
		.link_managed = true };
	guard_judge(&host, &g);
	assert_int_equal(g.guard, NIC_GUARDED);
	copy_string(g.nics[0].source, "macnet0", GH_IFNAME_SIZE);
	guard_judge(&host, &g);
	assert_int_equal(g.guard, NIC_LEAKING);
	guard_explain(&host, &g, &g.nics[0], &why, &fix);
	assert_non_null(strstr(why, "macnet0 is no bridge of this host"));
	free(why);
	free(fix);
	/* One whose end is here is judged by that; one that does not run not at all. */
	copy_string(g.nics[0].link, "vnet0", GH_IFNAME_SIZE);
	guard_judge(&host, &g);
	assert_int_equal(g.guard, NIC_GUARDED);
	/* What leads out beside it names whose device it is. */
	g.nics[1] = (struct guest_nic){ .mode = NIC_PROXY, .source = "api" };
	g.nnics = 2;
	guard_judge(&host, &g);
	assert_int_equal(g.guard, NIC_UNGUARDABLE);
	guard_explain(&host, &g, &g.nics[1], &why, &fix);
	assert_non_null(strstr(fix, "lxc config device remove c api --project work"));
	free(why);
	free(fix);
}

/* As where a VPN has all of 10.0.0.0/8. */
static void
an_address_is_where_the_longest_prefix_has_it(void **state)
{
	struct guard_place two[] = { { .name = "tun0", .bits = 8 }, { .name = "virbr0", .bits = 24 } };
	struct guard_host host = { .conf = &conf, .places = two, .nplaces = 2, .master = master_of };
	struct guest g = { .state = GUEST_RUNNING, .nnics = 1, .naddrs = 1 };

	assert_true(addr_parse("10.1.0.1", &two[0].addr) && addr_parse("10.9.0.1", &two[1].addr));
	g.nics[0] = (struct guest_nic){ .heard = true, .bridge = "virbr0", .port = "vnet0" };
	assert_true(addr_parse("10.9.0.77", &g.addrs[0]));
	g.addr_told[0] = true;
	guard_judge(&host, &g);
	assert_int_equal(g.guard, NIC_GUARDED);
	assert_true(addr_parse("10.7.0.77", &g.addrs[0]));
	g.addr_told[0] = true;
	guard_judge(&host, &g);
	assert_int_equal(g.guard, NIC_LEAKING);
}

static void
a_process_of_a_guarded_user_is_guarded(void **state)
{
	conf.nuids = 1;
	conf.uids[0].uid = 1000;
	assert_nic((struct guest_nic){ .mode = NIC_USER }, "", "guarded", "guarded user", "");
	/* But not what it hands to another process, whoever runs that. */
	assert_nic((struct guest_nic){ .mode = NIC_SOCKET }, "", "unguardable", "another process",
	    "type \"network\"");
}

static void
the_worst_nic_counts(void **state)
{
	struct guard_host host = { .conf = &conf };
	struct guest g = { .state = GUEST_RUNNING, .nnics = 2 };

	copy_string(g.nics[0].bridge, "virbr0", sizeof(g.nics[0].bridge));
	g.nics[0].heard = true;
	g.nics[1].mode = NIC_LAN;
	guard_judge(&host, &g);
	assert_int_equal(g.guard, NIC_LEAKING);
}

/* One that ran at a guarded bridge and is started again at another, with the same hardware
 * address: nothing of where it was holds. */
static void
where_a_nic_was_ends_with_who_said_so(void **state)
{
	struct sighting *s = process("qemu", 900, "vm", 5);

	copy_string(s->link, "tap0", sizeof(s->link));
	s->mode = NIC_BRIDGE;
	heard(5, "", "virbr0");
	merge(0);
	assert_string_equal(only()->nics[0].link, "tap0");
	assert_int_equal(only()->guard, NIC_GUARDED);
	s = process("qemu", 901, "vm", 5);
	s->mode = NIC_BRIDGE;
	heard(5, "", "virbr0")->age = 20;
	merge(10);
	assert_string_equal(only()->nics[0].link, "");
	assert_int_equal(only()->guard, NIC_UNSEEN);
	s = process("qemu", 901, "vm", 5);
	s->mode = NIC_BRIDGE;
	copy_string(s->source, "br7", sizeof(s->source));
	merge(20);
	assert_int_equal(only()->guard, NIC_LEAKING);
	/* And what nobody says any more does not hold: it is heard behind a guarded one. */
	heard(5, "", "virbr0");
	merge(30);
	assert_string_equal(only()->nics[0].source, "");
	assert_int_equal(only()->guard, NIC_GUARDED);
}

/* Anybody may start a process and call it QEMU. */
static void
a_process_makes_no_two_guests_one(void **state)
{
	heard(5, "10.9.0.5", "virbr0");
	heard(6, "10.9.0.6", "virbr0");
	merge(0);
	for (int i = 1; i < 4; i++) {
		heard(5, "10.9.0.5", "virbr0");
		heard(6, "10.9.0.6", "virbr0");
		/* Both at once, then one, then the other. */
		if (i != 3)
			process("qemu", 900, "x", 5);
		if (i != 2)
			process("qemu", 900, "x", 6);
		merge((uint64_t)i);
		assert_int_equal(inventory_count(inv), 2);
		assert_true(inventory_guest(inv, 0)->naddrs == 1 && inventory_guest(inv, 1)->naddrs == 1);
	}
	assert_int_equal(merged_from, 0);
}

/* It is there first, as when the engine starts, and the manager answers later. */
static void
what_a_process_claimed_first_is_its_managers_guests(void **state)
{
	for (int i = 0; i < 3; i++) {
		heard(5, "10.9.0.5", "virbr0");
		heard(6, "10.9.0.6", "virbr0");
		process("qemu", 900, "wily", 5);
		process("qemu", 900, "wily", 6);
		if (i > 0) {
			told("virsh", "a", GUEST_RUNNING, 5);
			told("virsh", "b", GUEST_RUNNING, 6);
		}
		merge((uint64_t)i);
	}
	assert_true(inventory_by_mac(inv, (uint8_t[6]){ 2, 0, 0, 0, 0, 5 }) == of_key("a"));
	assert_true(inventory_by_mac(inv, (uint8_t[6]){ 2, 0, 0, 0, 0, 6 }) == of_key("b"));
	assert_true(inventory_by_addr(inv, &(struct addr){ .family = 4, .bytes = { 10, 9, 0, 5 } }) ==
	    of_key("a"));
	assert_true(inventory_by_addr(inv, &(struct addr){ .family = 4, .bytes = { 10, 9, 0, 6 } }) ==
	    of_key("b"));
}

/* Whoever is at its tap now. */
static void
a_guest_whose_process_has_ended_has_stopped(void **state)
{
	struct sighting *s;

	for (int i = 0; i < 2; i++) {
		s = heard(5, "10.9.0.5", "virbr0");
		copy_string(s->port, "tap2", sizeof(s->port));
		process("qemu", 900, "old", 5);
		merge((uint64_t)i);
	}
	assert_int_equal(inventory_by_name(inv, "old")->state, GUEST_RUNNING);
	/* The tap is there again, with another guest; the kernel remembers the one before. */
	s = told("neighbours", "", GUEST_RUNNING, 0);
	s->state = GUEST_UNKNOWN;
	copy_string(s->bridge, "virbr0", sizeof(s->bridge));
	copy_string(s->port, "tap2", sizeof(s->port));
	s = heard(5, "10.9.0.5", "virbr0");
	copy_string(s->port, "tap2", sizeof(s->port));
	s->age = 20;
	process("qemu", 901, "new", 6);
	merge(20);
	assert_int_equal(inventory_by_name(inv, "old")->state, GUEST_STOPPED);
	assert_int_equal(inventory_by_name(inv, "new")->state, GUEST_RUNNING);
}

/* Of a guest that a manager runs only its user's processes, and the system's, are heard. */
static void
a_strangers_process_says_nothing_of_a_managers_guest(void **state)
{
	static const uint32_t uids[] = { 501, 1500, 65534, 0 };

	for (size_t u = 0; u < 4; u++) {
		for (int i = 0; i < 3; i++) {
			struct sighting *s = told("tart", "mac", GUEST_RUNNING, 5);

			copy_string(s->user, "w", sizeof(s->user));
			s->uid = 501;
			heard(5, "10.9.0.5", "virbr0");
			/* As if it had been there before the manager told, too. */
			if (i == 0)
				nrows = 0;
			s = process("qemu", 900 + (uint32_t)u, "x", 5);
			s->mode = NIC_LAN;
			s->uid = uids[u];
			merge(u * 10 + (uint64_t)i);
		}
		assert_int_equal(of_key("mac")->guard, u == 0 || u == 3 ? NIC_LEAKING : NIC_GUARDED);
		teardown(state);
		setup(state);
	}
}

/* Whatever hardware address and name it gives itself: the port is its manager's word. */
static void
a_guest_that_changes_its_hardware_address_is_who_it_is(void **state)
{
	for (int i = 0; i < 4; i++) {
		struct sighting *s = told("virsh", "a", GUEST_RUNNING, 5);

		copy_string(s->link, "vnet0", sizeof(s->link));
		s = told("virsh", "b", GUEST_RUNNING, 6);
		copy_string(s->link, "vnet1", sizeof(s->link));
		heard(6, "10.9.0.6", "virbr0");
		if (i >= 1) {
			s = heard(9, "10.9.0.99", "virbr0");
			/* Before its port is known it may be anybody. */
			if (i >= 2)
				copy_string(s->port, "vnet0", sizeof(s->port));
		}
		if (i == 3) {
			/* With b's it takes nothing from b. */
			s = heard(6, "", "virbr0");
			copy_string(s->port, "vnet0", sizeof(s->port));
		}
		merge((uint64_t)i);
		assert_int_equal(inventory_count(inv), i == 1 ? 3 : 2);
	}
	assert_int_equal(of_key("a")->naddrs, 1);
	assert_int_equal(of_key("a")->nnics, 1);
	assert_true(inventory_by_addr(inv, &(struct addr){ .family = 4, .bytes = { 10, 9, 0, 99 } }) ==
	    of_key("a"));
	assert_true(inventory_by_addr(inv, &(struct addr){ .family = 4, .bytes = { 10, 9, 0, 6 } }) ==
	    of_key("b"));
	assert_true(inventory_by_mac(inv, (uint8_t[6]){ 2, 0, 0, 0, 0, 9 }) == of_key("a"));
	assert_string_equal(guest_nic_end(&of_key("a")->nics[0]), "vnet0");
}

/* As UTM does; its list has no hardware addresses, and its processes have. */
static void
a_process_that_bears_its_managers_key_is_its_guests(void **state)
{
	static const char uuid[] = "0C84D9A2-3B7E-4C1D-9F00-AB12CD34EF56";
	struct sighting *s;

	for (int i = 0; i < 2; i++) {
		heard(5, "10.9.0.5", "virbr0");
		s = told("utm", uuid, GUEST_RUNNING, 0);
		copy_string(s->user, "w", sizeof(s->user));
		s->uid = 501;
		if (i > 0) {
			/* One of another user is not. */
			s = process("ps", 10, "forged", 6);
			copy_string(s->key, uuid, sizeof(s->key));
			copy_string(s->user, "eve", sizeof(s->user));
			s->uid = 502;
			s = process("ps", 9, "other name", 5);
			copy_string(s->key, uuid, sizeof(s->key));
			s->mode = NIC_BRIDGE;
			s->uid = 501;
		}
		merge(i);
		assert_int_equal(inventory_count(inv), 2);
	}
	assert_int_equal(of_key(uuid)->pid, 9);
	assert_int_equal(of_key(uuid)->nnics, 1);
	assert_string_equal(of_key(uuid)->manager, "utm");
	assert_int_equal(of_key(uuid)->naddrs, 1);
	assert_int_equal(of_key(uuid)->guard, NIC_GUARDED);
}

/* As with QEMU's own, which is the same in each that is given none. */
static void
two_of_one_hardware_address_are_both_judged(void **state)
{
	for (int i = 0; i < 2; i++) {
		for (uint32_t pid = 900; pid < 902; pid++) {
			struct sighting *s = process("qemu", pid, pid == 900 ? "one" : "two", 5);

			s->mode = NIC_BRIDGE;
			copy_string(s->source, pid == 900 ? "virbr0" : "br8", sizeof(s->source));
		}
		merge(i);
		assert_int_equal(inventory_count(inv), 2);
		assert_int_equal(inventory_guest(inv, 0)->guard, NIC_GUARDED);
		assert_int_equal(inventory_guest(inv, 1)->nnics, 1);
		assert_int_equal(inventory_guest(inv, 1)->guard, NIC_LEAKING);
	}
}

/* A VM manager that knows all NICs says that there is none. */
static void
a_guest_without_a_nic_has_no_way_out(void **state)
{
	told("virsh", "cell", GUEST_RUNNING, 0)->mode = NIC_NONE;
	merge(0);
	assert_int_equal(only()->guard, NIC_GUARDED);
	/* But what was heard counts. */
	told("virsh", "cell", GUEST_RUNNING, 0)->mode = NIC_NONE;
	process("qemu", 900, "cell", 5)->mode = NIC_LAN;
	merge(1);
	assert_int_equal(only()->guard, NIC_LEAKING);
}

static void
a_row_without_hardware_address_completes_the_only_nic(void **state)
{
	struct sighting *s;

	heard(1, "10.9.0.1", "virbr0");
	merge(0);
	heard(1, "10.9.0.1", "virbr0");
	s = told("tart", "mac", GUEST_RUNNING, 0);
	s->mode = NIC_BRIDGE;
	assert_true(addr_parse("10.9.0.1", &s->addrs[s->naddrs++]));
	merge(1);
	assert_int_equal(only()->nnics, 1);
	assert_int_equal(only()->nics[0].mode, NIC_BRIDGE);
	assert_string_equal(only()->name, "mac");
	assert_int_equal(only()->guard, NIC_GUARDED);
}

static void
a_user_mode_nic_beside_a_guarded_one_is_told(void **state)
{
	told("lima", "box", GUEST_RUNNING, 0)->mode = NIC_USER;
	told("lima", "box", GUEST_RUNNING, 3)->mode = NIC_BRIDGE;
	heard(3, "10.9.0.3", "virbr0");
	merge(0);
	assert_int_equal(only()->nnics, 2);
	assert_int_equal(only()->guard, NIC_UNGUARDABLE);
	/* And is no second one at the next look. */
	told("lima", "box", GUEST_RUNNING, 0)->mode = NIC_USER;
	told("lima", "box", GUEST_RUNNING, 3)->mode = NIC_BRIDGE;
	heard(3, "10.9.0.3", "virbr0");
	merge(5);
	assert_int_equal(only()->nnics, 2);
}

static struct addr
an_address(const char *text)
{
	struct addr a;

	assert_true(addr_parse(text, &a));
	return a;
}

/* Between two passes, by the kernel's word alone: when they may use it already. */
static void
an_address_is_its_new_holders_at_once(void **state)
{
	const uint8_t first[6] = { 2, 0, 0, 0, 0, 1 }, second_mac[6] = { 2, 0, 0, 0, 0, 2 };
	const uint8_t stranger[6] = { 2, 0, 0, 0, 0, 9 };
	const struct addr a = an_address("10.9.0.1"), b = an_address("10.9.0.2");
	const struct addr fresh = an_address("10.9.0.3"), nobodys = an_address("10.9.0.4");
	struct join j = { 0 };

	heard(1, "10.9.0.1", "virbr0");
	heard(2, "10.9.0.2", "virbr0");
	join_pass(&j, rows, nrows, start);
	assert_int_equal(join_holding(&j, &a)->since, start);
	assert_false(join_hear(&j, &a, first, start + second));
	assert_int_equal(join_holding(&j, &a)->since, start);
	assert_false(join_hear(&j, &nobodys, stranger, start + second));

	/* They swap. */
	assert_true(join_hear(&j, &a, second_mac, start + 2 * second));
	assert_true(join_hear(&j, &b, first, start + 2 * second));
	assert_ptr_equal(join_by_addr(&j, &a), join_by_mac(&j, second_mac));
	assert_ptr_equal(join_by_addr(&j, &b), join_by_mac(&j, first));
	assert_int_equal(join_holding(&j, &a)->since, start + 2 * second);
	assert_int_equal(join_by_mac(&j, first)->g.naddrs, 1);
	/* One more, and one that a guest takes that nobody knows yet. */
	assert_true(join_hear(&j, &fresh, first, start + 3 * second));
	assert_true(join_hear(&j, &a, stranger, start + 3 * second));
	assert_null(join_by_addr(&j, &a));
	assert_int_equal(join_by_mac(&j, second_mac)->g.naddrs, 0);

	/* The pass that follows says the same, and that something changed. */
	nrows = 0;
	heard(1, "10.9.0.2", "virbr0");
	heard(1, "10.9.0.3", "virbr0");
	heard(9, "10.9.0.1", "virbr0");
	assert_true(join_pass(&j, rows, nrows, start + 4 * second));
	assert_int_equal(join_holding(&j, &b)->since, start + 2 * second);
	assert_ptr_equal(join_by_addr(&j, &a), join_by_mac(&j, stranger));
	/* Back where it was heard first: since now. */
	assert_true(join_hear(&j, &b, stranger, start + 5 * second));
	assert_true(join_pass(&j, rows, nrows, start + 6 * second));
	assert_int_equal(join_holding(&j, &b)->since, start + 6 * second);
	join_free(&j);
	nrows = 0;
}

/* A guest has so many addresses and no more, of which it loses the oldest. */
static void
an_address_too_many_is_heard_too(void **state)
{
	const uint8_t mac[6] = { 2, 0, 0, 0, 0, 1 };
	struct join j = { 0 };
	char text[32];

	heard(1, "10.9.0.1", "virbr0");
	join_pass(&j, rows, nrows, start);
	for (unsigned i = 2; i < 4 * GUEST_ADDRS; i++) {
		struct addr a;

		snprintf(text, sizeof(text), "10.9.0.%u", i);
		a = an_address(text);
		assert_true(join_hear(&j, &a, mac, start + i * second));
		assert_ptr_equal(join_by_addr(&j, &a), join_by_mac(&j, mac));
	}
	assert_int_equal(join_by_mac(&j, mac)->g.naddrs, GUEST_ADDRS);
	join_pass(&j, rows, nrows, start + 100 * second);
	assert_int_equal(join_by_mac(&j, mac)->g.naddrs, GUEST_ADDRS);
	join_free(&j);
	nrows = 0;
}

/* A user who makes up VMs pushes out those of his own, not another's. */
static void
a_flood_of_one_users_vms_costs_that_user(void **state)
{
	enum { HIS = GUESTS_MAX + 100, HERS = 20 };
	struct sighting *list = xcalloc(HIS + HERS, sizeof(*list));
	size_t n = 0, his = 0, hers = 0;

	for (unsigned i = 0; i < HIS + HERS; i++) {
		struct sighting *s = sighting_add(list, &n, HIS + HERS, "tart");

		copy_string(s->user, i < HIS ? "he" : "she", sizeof(s->user));
		snprintf(s->key, sizeof(s->key), "vm%u", i);
		snprintf(s->name, sizeof(s->name), "vm%u", i);
		s->state = GUEST_RUNNING;
	}
	inventory_merge(inv, list, n, start);
	for (size_t i = 0; i < inventory_count(inv); i++) {
		his += strcmp(inventory_guest(inv, i)->user, "he") == 0;
		hers += strcmp(inventory_guest(inv, i)->user, "she") == 0;
	}
	assert_int_equal(hers, HERS);
	assert_int_equal(his, GUESTS_MAX - HERS);
	free(list);
}

static void
with_nics(uint8_t n, uint64_t at)
{
	for (uint8_t i = 1; i <= n; i++) {
		struct sighting *s = told("virsh", "many", GUEST_RUNNING, i);

		s->mode = NIC_BRIDGE;
		copy_string(s->source, "virbr0", sizeof(s->source));
	}
	merge(at);
	assert_int_equal(only()->nnics, GUEST_NICS);
}

static void
of_nics_that_are_too_many_to_keep_nobody_says_they_are_guarded(void **state)
{
	with_nics(GUEST_NICS, 1);
	assert_int_equal(only()->guard, NIC_GUARDED);
	with_nics(GUEST_NICS + 1, 2);
	assert_int_equal(only()->guard, NIC_UNSEEN);
	with_nics(GUEST_NICS, 3);
	assert_int_equal(only()->guard, NIC_GUARDED);
}

/* 200 guests come, go and swap addresses for a minute: whoever had an address when
 * it was heard is who it is found by. */
static void
attribution_holds_through_churn(void **state)
{
	enum { GUESTS = 200, SECONDS = 60 };
	uint32_t ids[GUESTS] = { 0 };
	char key[16], address[32];
	struct addr a;

	for (uint64_t t = 0; t < SECONDS; t++) {
		for (unsigned i = 0; i < GUESTS; i++) {
			struct sighting *s;
			/* Some are stopped now and then; addresses go round. */
			const bool runs = (i + t) % 7 != 0;
			const unsigned host = (unsigned)((i + t * 3) % GUESTS);

			snprintf(key, sizeof(key), "vm%u", i);
			s = told("virsh", key, runs ? GUEST_RUNNING : GUEST_STOPPED, 0);
			s->has_mac = true;
			set_mac(s, 1, (uint8_t)i);
			if (!runs)
				continue;
			snprintf(address, sizeof(address), "10.9.0.%u", host + 1);
			s = heard(1, address, "virbr0");
			set_mac(s, 1, (uint8_t)i);
		}
		merge(t);
		assert_int_equal(inventory_count(inv), GUESTS);
		for (unsigned i = 0; i < GUESTS; i++) {
			const struct guest *g;

			snprintf(key, sizeof(key), "vm%u", i);
			assert_non_null(g = inventory_by_name(inv, key));
			if (ids[i] == 0)
				ids[i] = g->id;
			assert_int_equal(g->id, ids[i]);
			if ((i + t) % 7 == 0)
				continue;
			snprintf(address, sizeof(address), "10.9.0.%u", (unsigned)((i + t * 3) % GUESTS) + 1);
			assert_true(addr_parse(address, &a));
			assert_int_equal(inventory_by_addr(inv, &a)->id, g->id);
		}
	}
}

static void
assert_ports(const struct listeners *l, bool local, uint8_t proto, const char *want)
{
	char got[256] = "";

	for (uint32_t port = 0; port <= UINT16_MAX; port++) {
		if (listener_has(l, local, proto, (uint16_t)port))
			snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%u", *got != '\0' ? " " : "",
			    (unsigned)port);
	}
	assert_string_equal(got, want);
}

static void
ports_of_this_host_are_read_and_those_of_the_loopback(void **state)
{
	static const char tcp[] =
	    "  sl  local_address rem_address   st tx_queue rx_queue tr\n"
	    "   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 0 0 0\n"
	    "   1: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 0 0 0\n"
	    "   2: 017AA8C0:01BD 00000000:0000 0A 00000000:00000000 00:00000000 0 0 0\n"
	    "   3: 017AA8C0:0016 027AA8C0:C350 01 00000000:00000000 00:00000000 0 0 0\n"
	    "   4: nonsense\n   5:\n";
	static const char tcp6[] = "head\n"
	    "   0: 00000000000000000000000001000000:0019 00000000000000000000000000000000:0000 0A 0\n"
	    "   1: 00000000000000000000000000000000:0016 00000000000000000000000000000000:0000 0A 0\n";
	struct listeners *l = xcalloc(1, sizeof(*l));

	if (htonl(1) == 1)
		skip();		/* the table is in this host's order, and this one is not */
	listeners_parse(tcp, IPPROTO_TCP, l);
	listeners_parse(tcp6, IPPROTO_TCP, l);
	listeners_parse("head\n 7: 00000000:0043 00000000:0000 07 0\n"
	    " 8: 00000000:D431 0100007F:0035 01 0\n", IPPROTO_UDP, l);
	assert_ports(l, false, IPPROTO_TCP, "22 445");
	assert_ports(l, true, IPPROTO_TCP, "25 8080");
	assert_ports(l, false, IPPROTO_UDP, "67");
	assert_ports(l, true, IPPROTO_UDP, "");
	free(l);
}

static void
netstat_tells_which_ports_a_guest_could_reach(void **state)
{
	static const char text[] = "Active Internet connections (including servers)\n"
	    "Proto Recv-Q Send-Q  Local Address          Foreign Address        (state)    \n"
	    "tcp46      0      0  *.445                  *.*                    LISTEN     \n"
	    "tcp4       0      0  192.0.2.7.49152        198.51.100.4.443       ESTABLISHED\n"
	    "tcp4       0      0  127.0.0.1.631          *.*                    LISTEN     \n"
	    "tcp6       0      0  ::1.631                *.*                    LISTEN     \n"
	    "tcp6       0      0  fe80::1%lo0.7000       *.*                    LISTEN     \n"
	    "tcp4       0      0  *.445                  *.*                    LISTEN     \n"
	    "tcp4       0      0  *.*                    *.*                    CLOSED     \n"
	    "udp4       0      0  *.137                  *.*                               \n"
	    "udp6       0      0  2001:db8:1:2:3:4.5353  *.*\n"
	    "udp4       0      0  192.0.2.7.5000         198.51.100.4.53\n"
	    "udp46      0      0  *.*                    *.*\n"
	    "tcp4 0 0 *.99999 *.* LISTEN\ntcp4 0 0 x *.* LISTEN\ntcp4\n"
	    "Active LOCAL (UNIX) domain sockets\n"
	    "ffff0 stream 0 0 0 ffff1 0 0 /var/run/a.445 *.* LISTEN\n";
	struct listeners *l = xcalloc(1, sizeof(*l));

	assert_true(listeners_none(l));
	listeners_netstat(text, sizeof(text) - 1, l);
	assert_ports(l, false, IPPROTO_TCP, "445");
	assert_ports(l, true, IPPROTO_TCP, "631 7000");
	assert_ports(l, false, IPPROTO_UDP, "137 5353");
	assert_false(listeners_none(l));
	free(l);
}

int
main(void)
{
#define TEST(t)	cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(rows_of_one_key_are_one_guest_of_several_nics),
		TEST(a_nic_that_was_taken_out_goes),
		TEST(several_providers_tell_of_one_guest),
		TEST(a_guest_keeps_its_id_through_a_rename_and_a_restart),
		TEST(a_stopped_guest_stays_as_long_as_its_manager_lists_it),
		TEST(two_guests_that_turn_out_to_be_one_are_one_and_told_so),
		TEST(guests_of_one_manager_are_never_taken_for_each_other),
		TEST(guests_that_share_a_hardware_address_stay_two),
		TEST(a_guest_that_says_it_has_anothers_nic_does_not_become_that_one),
		TEST(a_process_with_the_nics_of_two_guests_makes_them_no_one),
		TEST(a_process_makes_no_managers_guest_look_unguardable),
		TEST(what_was_merged_is_not_looked_at_again),
		TEST(a_guest_that_moved_past_the_rules_is_not_guarded_by_where_it_was),
		TEST(a_vm_that_is_started_again_and_again_is_one_guest),
		TEST(a_guest_whose_parts_were_told_one_by_one_is_one),
		TEST(vms_of_one_name_of_two_users_are_two),
		TEST(a_guest_that_runs_is_not_stopped_by_old_news),
		TEST(a_guest_is_not_who_it_calls_itself),
		TEST(a_guest_that_names_itself_beside_a_managers_has_no_name_for_entries),
		TEST(guests_of_two_managers_or_users_are_two_whatever_they_share),
		TEST(a_guest_that_was_listed_before_it_had_an_address_is_one),
		TEST(addresses_that_only_managers_tell_of_move_with_their_word),
		TEST(a_name_stays_with_the_guest_that_has_it),
		TEST(what_a_guest_says_of_itself_takes_no_neighbours_address),
		TEST(a_manager_that_does_not_answer_is_told_of_its_guests),
		TEST(a_bridge_that_is_named_but_not_covered_guards_nobody),
		TEST(a_network_that_is_no_bridge_of_this_host_is_a_leak),
		TEST(an_address_is_where_the_longest_prefix_has_it),
		TEST(each_nic_is_judged_by_where_it_is),
		TEST(a_process_of_a_guarded_user_is_guarded),
		TEST(the_worst_nic_counts),
		TEST(where_a_nic_was_ends_with_who_said_so),
		TEST(two_of_one_hardware_address_are_both_judged),
		TEST(a_process_makes_no_two_guests_one),
		TEST(what_a_process_claimed_first_is_its_managers_guests),
		TEST(a_guest_whose_process_has_ended_has_stopped),
		TEST(a_guest_that_changes_its_hardware_address_is_who_it_is),
		TEST(a_strangers_process_says_nothing_of_a_managers_guest),
		TEST(a_process_that_bears_its_managers_key_is_its_guests),
		TEST(a_guest_without_a_nic_has_no_way_out),
		TEST(a_row_without_hardware_address_completes_the_only_nic),
		TEST(a_user_mode_nic_beside_a_guarded_one_is_told),
		TEST(an_address_is_its_new_holders_at_once),
		TEST(an_address_too_many_is_heard_too),
		TEST(a_flood_of_one_users_vms_costs_that_user),
		TEST(of_nics_that_are_too_many_to_keep_nobody_says_they_are_guarded),
		TEST(attribution_holds_through_churn),
		TEST(ports_of_this_host_are_read_and_those_of_the_loopback),
		TEST(netstat_tells_which_ports_a_guest_could_reach),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
