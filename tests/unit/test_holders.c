/* Processes that have a virtual machine: what the kernel writes of them, and what is made of
 * it. */
#include "config.h"

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inventory/guard.h"
#include "inventory/holders.h"
#include "inventory/provider.h"
#include "xmalloc.h"

enum { ROWS = 32 };
static struct sighting rows[ROWS];
static size_t nrows;
static struct holder_table table;

static int
setup(void **state)
{
	memset(&table, 0, sizeof(table));
	nrows = 0;
	return 0;
}

static int
teardown(void **state)
{
	free(table.all);
	return 0;
}

static bool
is_port(const char *link)
{
	return strncmp(link, "tap", strlen("tap")) == 0;
}

static void
see(struct holder h)
{
	holder_table_take(&table, &h);
}

static void
look(void)
{
	holder_table_sightings(&table, is_port, rows, &nrows, ROWS);
}

static void
a_line_of_the_tables_of_sockets_is_read(void **state)
{
	struct holder_socket s;
	char text[ADDR_TEXT_SIZE];

	assert_true(holder_socket_parse("   1: 0B4D000A:CE3A 090000C6 :0050", &s) == false);
	assert_true(holder_socket_parse("   1: 0B4D000A:CE3A 090012C6:0050 01 00000000:00000000 "
	    "02:000A1B2C 00000000 64055        0 81234 2 ffff8881 20 4 30 10 -1\n", &s));
	assert_string_equal(addr_format(&s.local, text), "10.0.77.11");
	assert_string_equal(addr_format(&s.peer, text), "198.18.0.9");
	assert_int_equal(s.local_port, 0xce3a);
	assert_int_equal(s.peer_port, 80);
	assert_int_equal(s.state, 1);
	assert_int_equal(s.uid, 64055);
	assert_int_equal(s.inode, 81234);
	assert_true(holder_socket_parse(" 12: 00000000000000000000000001000000:0016 "
	    "00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0"
	    "        0 19 1 0 100 0 0 10 0\n", &s));
	assert_string_equal(addr_format(&s.local, text), "::1");
	assert_false(holder_socket_parse("  sl  local_address rem_address   st tx_queue", &s));
	assert_false(holder_socket_parse(" 1: 0B4D00:CE3A 090012C6:0050 01 0:0 0:0 0 1 0 1", &s));
	assert_false(holder_socket_parse("", &s));
}

static void
a_processs_name_user_and_links_are_read(void **state)
{
	struct holder h = { .pid = 1 };
	char link[GH_IFNAME_SIZE];

	assert_true(holder_status_parse("Name:\tfire cracker\nUmask:\t0022\nState:\tS\nPPid:\t77\n"
	    "Uid:\t1000\t1001\t1001\t1001\n", &h));
	assert_string_equal(h.name, "fire cracker");
	assert_int_equal(h.uid, 1000);
	assert_int_equal(h.parent, 77);
	/* A name may be anything but a line. */
	assert_true(holder_status_parse("Name:\tUid:\\n0 and long enough to be cut\nUid:\t7\n", &h));
	assert_int_equal(h.uid, 7);
	assert_int_equal(h.parent, 0);
	assert_int_equal(strlen(h.name), HOLDER_NAME_SIZE - 1);
	assert_false(holder_status_parse("Name:\tx\n", &h));
	assert_false(holder_status_parse("", &h));
	assert_true(holder_link_parse("pos:\t0\nflags:\t02\nmnt_id:\t9\niff:\tvnet3\n", link));
	assert_string_equal(link, "vnet3");
	assert_false(holder_link_parse("pos:\t0\niff:\t\n", link));
	assert_false(holder_link_parse("iff:\tsixteen-letters-x\n", link));
	assert_false(holder_link_parse("pos:\t0\n", link));
}

static void
who_has_a_vm_or_a_port_of_a_bridge_is_a_guest(void **state)
{
	see((struct holder){ .pid = 10, .uid = 5, .flags = HOLDER_VM, .name = "firecracker", .nlinks = 2,
	    .links = { "tap1", "tap2" } });
	see((struct holder){ .pid = 11, .flags = HOLDER_VM, .name = "kvmtool" });
	see((struct holder){ .pid = 12, .name = "vpn", .nlinks = 1, .links = { "vpn0" } });
	see((struct holder){ .pid = 13, .name = "vde\x1b", .nlinks = 1, .links = { "tap3" } });
	/* Links of another network namespace are none of ours. */
	see((struct holder){ .pid = 14, .flags = HOLDER_AWAY, .name = "slirp4netns", .nlinks = 1,
	    .links = { "tap0" } });
	see((struct holder){ .pid = 15, .flags = HOLDER_VM | HOLDER_AWAY, .name = "away", .nlinks = 1,
	    .links = { "tap1" } });
	/* A part of another; and QEMU, which tells of itself. */
	see((struct holder){ .pid = 16, .parent = 10, .flags = HOLDER_VM, .name = "device" });
	see((struct holder){ .pid = 17, .flags = HOLDER_QEMU, .name = "qemu-system-x86", .nlinks = 1,
	    .links = { "tap9" } });
	look();
	assert_int_equal(nrows, 5);
	assert_string_equal(rows[0].key, "10");
	assert_string_equal(rows[0].name, "firecracker");
	assert_string_equal(rows[1].link, "tap2");
	assert_true(rows[1].mode == NIC_BRIDGE && rows[1].link_seen && rows[1].uid == 5);
	assert_true(rows[2].mode == NIC_HIDDEN && rows[2].pid == 11);
	assert_string_equal(rows[3].name, "vde_");
	assert_true(rows[4].mode == NIC_HIDDEN && rows[4].pid == 15);
	for (uint32_t pid = 10; pid < 18; pid++)
		see((struct holder){ .pid = pid, .flags = HOLDER_GONE });
	nrows = 0;
	look();
	assert_int_equal(nrows, 0);
}

/* As libvirt tells of a domain, and QEMU of itself. */
static struct sighting *
told(const char *provider, const char *key, uint32_t pid, const char *link)
{
	struct sighting *s = sighting_add(rows, &nrows, ROWS, provider);

	copy_string(s->key, key, sizeof(s->key));
	copy_string(s->link, link, sizeof(s->link));
	s->pid = pid;
	s->mode = NIC_BRIDGE;
	return s;
}

static void
one_that_others_tell_of_is_not_told_twice(void **state)
{
	told("virsh", "a", 0, "vnet0");
	told("qemu", "21", 21, "");
	see((struct holder){ .pid = 20, .flags = HOLDER_VM, .name = "renamed", .nlinks = 1,
	    .links = { "vnet0" } });
	see((struct holder){ .pid = 21, .flags = HOLDER_VM | HOLDER_QEMU, .name = "qemu" });
	look();
	assert_int_equal(nrows, 2);
	/* Which process it is its manager does not say. */
	assert_int_equal(rows[0].pid, 20);
}

static void
connections_of_its_own_are_a_way_out_beside_the_others(void **state)
{
	struct holder h = { .pid = 20, .flags = HOLDER_QEMU | HOLDER_OWN, .name = "qemu" };

	assert_true(addr_parse("198.18.0.9", &h.peer));
	told("qemu", "20", 20, "")->netdisk = true;
	see(h);
	look();
	assert_int_equal(nrows, 2);
	assert_true(rows[1].mode == NIC_OWN && !rows[1].has_mac && rows[1].netdisk);
	assert_string_equal(rows[1].key, "20");
	assert_string_equal(rows[1].provider, "qemu");
	assert_string_equal(rows[1].source, "198.18.0.9");
	/* Of one that leaves as a process anyway nothing is news. */
	nrows = 0;
	told("qemu", "20", 20, "")->mode = NIC_USER;
	look();
	assert_int_equal(nrows, 1);
}

static void
too_many_are_left_out(void **state)
{
	for (uint32_t pid = 1; pid < 10000; pid++)
		see((struct holder){ .pid = pid, .flags = HOLDER_VM, .nlinks = UINT32_MAX });
	look();
	assert_int_equal(nrows, ROWS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_line_of_the_tables_of_sockets_is_read, setup, teardown),
		cmocka_unit_test_setup_teardown(a_processs_name_user_and_links_are_read, setup, teardown),
		cmocka_unit_test_setup_teardown(who_has_a_vm_or_a_port_of_a_bridge_is_a_guest, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(one_that_others_tell_of_is_not_told_twice, setup, teardown),
		cmocka_unit_test_setup_teardown(connections_of_its_own_are_a_way_out_beside_the_others,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(too_many_are_left_out, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
