/* What the VM managers of Linux, QEMU's arguments and providers of an operator's own say,
 * in each one's shape, and what a guest or a broken tool may have put into it. */
#include "config.h"

#include "managers_rig.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "inventory/custom.h"
#include "inventory/guard.h"
#include "inventory/provider.h"
#include "xmalloc.h"

/* One row: "KEY|NAME|STATE|MODE|MAC|ADDRESS,...|SOURCE|LINK". */
static void
assert_row(size_t i, const char *want)
{
	char got[512], mac[MAC_TEXT_SIZE] = "-", addrs[256] = "", text[ADDR_TEXT_SIZE];
	const struct sighting *s = &rows[i];

	assert_true(i < nrows);
	if (s->has_mac)
		mac_format(s->mac, mac);
	for (uint32_t k = 0; k < s->naddrs; k++)
		snprintf(addrs + strlen(addrs), sizeof(addrs) - strlen(addrs), "%s%s", k > 0 ? "," : "",
		    addr_format(&s->addrs[k], text));
	snprintf(got, sizeof(got), "%s|%s|%s|%s|%s|%s|%s|%s", s->key, s->name,
	    guest_state_name(s->state), nic_mode_name(s->mode), mac, addrs, s->source, s->link);
	assert_string_equal(got, want);
}

static void
multipass_lists_its_instances(void **state)
{
	list(&multipass_manager, "{\"list\": [ {\"state\": \"Running\", \"zone\": {\"name\": \"z\"}, "
	    "\"ipv4\": [\"10.44.0.7\", \"127.0.0.1\", \"192.0.2.9\"], \"name\": \"tidy-ant\"}, "
	    "{\"name\": \"old\", \"state\": \"Deleted\", \"ipv4\": []}, {\"name\": \"\"}, {} ] }");
	assert_int_equal(nrows, 2);
	assert_row(0, "tidy-ant|tidy-ant|running|unknown|-|10.44.0.7,192.0.2.9||");
	assert_row(1, "old|old|stopped|unknown|-|||");
	nrows = 0;
	list(&multipass_manager, "{\"list\": [\n    ]\n}");
	assert_int_equal(nrows, 0);
	list(&multipass_manager, "{\"errors\": [], \"info\": {\"ant\": {\"state\": \"Running\", "
	    "\"ipv4\": [\"10.44.0.8\"]}}}");
	assert_row(0, "ant|ant|running|unknown|-|10.44.0.8||");
	/* In between one may send, and in none of them is it running or stopped for sure. */
	nrows = 0;
	list(&multipass_manager, "{\"list\": [{\"name\": \"a\", \"state\": \"Starting\"}, {\"name\": \"b\", "
	    "\"state\": \"Delayed Shutdown\"}, {\"name\": \"c\", \"state\": \"Suspended\"}, {\"name\": \"d\"}]}");
	assert_row(0, "a|a|unknown|unknown|-|||");
	assert_row(1, "b|b|unknown|unknown|-|||");
	assert_row(2, "c|c|stopped|unknown|-|||");
	assert_row(3, "d|d|unknown|unknown|-|||");
	nrows = 0;
	refused(&multipass_manager, "[]", "");
	refused(&multipass_manager, "launch failed: \x1b[31mno", "");
}

static void
an_instance_of_incus_has_the_nics_of_its_devices(void **state)
{
	list(&incus_manager, "[{\"name\": \"c7\", \"status\": \"Running\", \"project\": \"default\", "
	    "\"config\": {\"volatile.eth0.hwaddr\": \"00:16:3e:1:2:3\", \"volatile.eth0.host_name\": "
	    "\"veth1a\"}, \"expanded_devices\": {\"eth0\": {\"type\": \"nic\", \"nictype\": \"bridged\", "
	    "\"parent\": \"incusbr0\"}, \"root\": {\"type\": \"disk\"}}, \"state\": {\"network\": "
	    "{\"eth0\": {\"hwaddr\": \"00:16:3e:01:02:03\", \"type\": \"broadcast\", \"addresses\": "
	    "[{\"address\": \"10.3.0.9\", \"scope\": \"global\"}, {\"address\": \"fe80::1\", \"scope\": "
	    "\"link\"}]}, \"lo\": {\"hwaddr\": \"\", \"type\": \"loopback\", \"addresses\": null}}}}]");
	assert_int_equal(nrows, 1);
	assert_row(0, "default/c7|c7|running|bridge|00:16:3e:01:02:03|10.3.0.9|incusbr0|veth1a");
}

/* Root inside can make interfaces of any hardware address. */
static void
what_was_made_inside_an_instance_is_no_nic_of_it(void **state)
{
	list(&incus_manager, "[{\"name\": \"c7\", \"status\": \"Running\", \"config\": "
	    "{\"volatile.eth0.hwaddr\": \"00:16:3e:1:2:3\"}, \"expanded_devices\": {\"eth0\": "
	    "{\"type\": \"nic\", \"nictype\": \"bridged\", \"parent\": \"incusbr0\"}}, \"state\": "
	    "{\"network\": {\"eth0\": {\"hwaddr\": \"00:16:3e:01:02:03\", \"host_name\": \"veth1a\"}, "
	    "\"docker0\": {\"hwaddr\": \"02:42:00:00:00:01\", \"host_name\": \"\", \"addresses\": "
	    "[{\"address\": \"172.17.0.1\", \"scope\": \"global\"}]}, "
	    "\"dummy0\": {\"hwaddr\": \"00:16:3e:09:09:09\"}}}}]");
	assert_int_equal(nrows, 1);
	assert_row(0, "default/c7|c7|running|bridge|00:16:3e:01:02:03||incusbr0|veth1a");
}

static void
a_nic_past_the_bridge_is_on_the_lan_and_projects_are_in_keys(void **state)
{
	list(&incus_manager, "[{\"name\": \"v\", \"status\": \"Stopped\", \"project\": \"work\", "
	    "\"config\": {}, \"expanded_devices\": {\"a\": {\"type\": \"nic\", \"nictype\": \"macvlan\", "
	    "\"parent\": \"eno1\"}, \"b\": {\"type\": \"nic\", \"network\": \"lab0\", \"hwaddr\": "
	    "\"00:16:3e:00:00:02\"}}, \"state\": {\"network\": null}}, "
	    "{\"name\": \"bare\", \"status\": \"Stopped\", \"state\": null}]");
	assert_int_equal(nrows, 3);
	assert_row(0, "work/v|v|stopped|lan|-||eno1|");
	assert_row(1, "work/v|v|stopped|bridge|00:16:3e:00:00:02||lab0|");
	assert_row(2, "default/bare|bare|stopped|none|-|||");
	refused(&lxd_manager, "{\"error\": \"not authorized\"}", "");
	refused(&lxd_manager, "", "");
}

/* The daemon connects from this host for what listens inside. */
static void
a_proxy_device_of_an_instance_is_a_way_of_its_own(void **state)
{
	list(&lxd_manager, "[{\"name\": \"c\", \"status\": \"Running\", \"config\": {}, "
	    "\"expanded_devices\": {\"api\": {\"type\": \"proxy\", \"bind\": \"instance\", \"listen\": "
	    "\"tcp:127.0.0.1:80\", \"connect\": \"tcp:198.51.100.1:80\"}, \"eth0\": {\"type\": \"nic\", "
	    "\"network\": \"lxdbr0\", \"hwaddr\": \"00:16:3e:00:00:02\"}, \"old\": {\"type\": \"proxy\", "
	    "\"bind\": \"guest\"}, \"ssh\": {\"type\": \"proxy\", \"listen\": \"tcp:0.0.0.0:2222\"}, "
	    "\"sock\": {\"type\": \"proxy\", \"bind\": \"instance\", \"listen\": \"unix:/a\", \"connect\": "
	    "\"unix:/run/docker.sock\"}, \"web\": {\"type\": \"proxy\", \"bind\": \"host\"}}}]");
	/* Those that listen on this host ("ssh", "web") are no way out. */
	assert_int_equal(nrows, 4);
	assert_row(0, "default/c|c|running|bridge|00:16:3e:00:00:02||lxdbr0|");
	assert_row(1, "default/c|c|running|proxy|-||api|");
	assert_row(2, "default/c|c|running|proxy|-||old|");
	assert_row(3, "default/c|c|running|proxy|-||sock|");
}

static void
each_nictype_of_an_instance_is_known(void **state)
{
	static const struct {
		const char	*type, *mode;
	} types[] = { { "bridged", "bridge" }, { "macvlan", "lan" }, { "ipvlan", "lan" },
		{ "sriov", "lan" }, { "physical", "lan" }, { "routed", "routed" }, { "p2p", "routed" },
		{ "ovn", "lan" }, { "later", "unknown" } };
	char *text, row[128];

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		text = xasprintf("[{\"name\": \"c\", \"status\": \"Running\", \"expanded_devices\": "
		    "{\"eth0\": {\"type\": \"nic\", \"nictype\": \"%s\"}}}]", types[i].type);
		nrows = 0;
		list(&incus_manager, text);
		snprintf(row, sizeof(row), "default/c|c|running|%s|-|||", types[i].mode);
		assert_row(0, row);
		free(text);
	}
}

static void
virsh_lists_names_with_spaces_and_states_of_two_words(void **state)
{
	list(&virsh_manager, " 4    build one           running\n -    x                   shut off\n"
	    " 12   y   in shutdown\n\n");
	assert_int_equal(nrows, 3);
	assert_row(0, "build one|build_one|running|unknown|-|||");
	assert_row(1, "x|x|stopped|unknown|-|||");
	assert_row(2, "y|y|running|unknown|-|||");
	nrows = 0;
	list(&virsh_manager, "\n");
	assert_int_equal(nrows, 0);
	refused(&virsh_manager, "error: failed to connect to the hypervisor\n", "");
}

static void
virsh_tells_of_a_domains_nics(void **state)
{
	static const char text[] = " vnet3      network   guests   virtio   52:54:00:aa:bb:01\n"
	    " -          user      -        e1000    52:54:00:aa:bb:02\n"
	    " macvtap0   direct    eno1     virtio   52:54:00:aa:bb:03\n"
	    " vnet4      bridge    br0      virtio   52:54:00:aa:bb:04\n nonsense\n";
	char *cause;

	list(&virsh_manager, " 4 vm running\n");
	cause = virsh_manager.detail[0].parse(text, strlen(text), rows, &nrows, GUEST_NICS);
	assert_null(cause);
	assert_int_equal(nrows, 4);
	assert_row(0, "vm|vm|running|bridge|52:54:00:aa:bb:01|||vnet3");
	assert_row(1, "vm|vm|running|user|52:54:00:aa:bb:02|||");
	assert_row(2, "vm|vm|running|lan|52:54:00:aa:bb:03||eno1|macvtap0");
	assert_row(3, "vm|vm|running|bridge|52:54:00:aa:bb:04||br0|vnet4");
	/* Asked again it has what is said then, and no more. */
	assert_null(virsh_manager.detail[0].parse("", 0, rows, &nrows, GUEST_NICS));
	assert_int_equal(nrows, 1);
	assert_row(0, "vm|vm|running|none|-|||");
}

/* In the test one function of each device is. */
static bool
is_card(const char *pci)
{
	return pci[strlen(pci) - 1] == '0';
}

#define QEMU(...)	do {							\
	const char *const argv[] = { __VA_ARGS__ };				\
										\
	nrows = 0;								\
	assert_true(qemu_args_parse(argv, sizeof(argv) / sizeof(argv[0]), is_card, rows, &nrows, ROWS)); \
} while (0)

static char changes[256];

static void
on_change(const char *key, size_t len, uint64_t digest, void *arg)
{
	uint64_t *sum = arg;

	snprintf(changes + strlen(changes), sizeof(changes) - strlen(changes), "%.*s|", (int)len, key);
	*sum = digest;
}

static uint64_t
changes_of(const char *text)
{
	uint64_t sum = 0;

	changes[0] = '\0';
	virsh_manager.changes_parse(text, strlen(text), on_change, &sum);
	return sum;
}

static void
virsh_tells_at_once_whose_nics_are_others(void **state)
{
	const uint64_t one = changes_of("Domain: 'it's one'\n  net.count=1\n  net.0.name=vnet3\n"
	    "  net.0.rx.bytes=10\n\n");

	assert_string_equal(changes, "it's one|");
	assert_true(changes_of("Domain: 'a'\n  net.count=1\n  net.0.name=vnet3\n  net.0.rx.bytes=9999\n") ==
	    one);
	/* One of user-mode has no name here. */
	assert_true(changes_of("Domain: 'a'\n  net.count=2\n  net.0.name=vnet3\n") != one);
	assert_true(changes_of("Domain: 'a'\n  net.count=1\n  net.0.name=vnet4\n") != one);
	changes_of("Domain: 'a'\nDomain: 'b'\n\nDomain: \nDomain: '\nnet.count=1");
	assert_string_equal(changes, "a|b|");
	changes_of("");
	assert_string_equal(changes, "");
}

static void
qemu_says_how_its_nics_get_out(void **state)
{
	QEMU("qemu-system-x86_64", "-name", "box", "-nic", "user,mac=52:54:00:0:0:1,hostfwd=tcp::1-:22");
	assert_int_equal(nrows, 1);
	assert_row(0, "box|box|unknown|user|52:54:00:00:00:01|||");
}

static void
qemu_without_a_word_has_a_user_nic(void **state)
{
	QEMU("/usr/bin/qemu-system-aarch64", "-m", "1G");
	assert_int_equal(nrows, 1);
	assert_int_equal(rows[0].mode, NIC_USER);
	/* Nor one that says only of what make it is. */
	QEMU("kvm", "-nic", "model=virtio,mac=52:54:00:0:0:1");
	assert_int_equal(nrows, 1);
	assert_int_equal(rows[0].mode, NIC_USER);
	QEMU("kvm", "-nic", "model=virtio,type=tap,ifname=tap3");
	assert_int_equal(rows[0].mode, NIC_BRIDGE);
	QEMU("qemu-kvm", "-nic", "none");
	assert_int_equal(nrows, 1);
	assert_int_equal(rows[0].mode, NIC_NONE);
	QEMU("kvm", "-nodefaults");
	assert_int_equal(rows[0].mode, NIC_NONE);
	/* What stands in a file nobody knows here. */
	QEMU("kvm", "-readconfig", "vm.cfg");
	assert_int_equal(rows[0].mode, NIC_UNKNOWN);
	QEMU("kvm", "-netdev", "af-xdp,id=n0,ifname=eth0", "-netdev", "vhost-user,id=n1,chardev=c");
	assert_true(rows[0].mode == NIC_LAN && rows[1].mode == NIC_SOCKET);
	QEMU("kvm", "-netdev", "stream,id=n0,addr.type=unix,addr.path=/s", "-nic", "vde,sock=/s");
	assert_true(rows[0].mode == NIC_SOCKET && rows[1].mode == NIC_SOCKET);
	QEMU("kvm", "-netdev", "type=user,id=n0", "-device", "e1000,netdev=n0");
	assert_int_equal(rows[0].mode, NIC_USER);
}

static void
qemu_as_libvirt_starts_it(void **state)
{
	QEMU("qemu-system-x86_64", "-name", "guest=web,,1,debug-threads=on", "-netdev",
	    "{\"type\":\"tap\",\"fd\":\"32\",\"vhost\":true,\"id\":\"hostnet0\"}", "-device",
	    "{\"driver\":\"virtio-net-pci\",\"netdev\":\"hostnet0\",\"mac\":\"52:54:00:ab:cd:ef\"}",
	    "-netdev", "bridge,id=n1,br=br7", "-device", "e1000,mac=52:54:00:00:00:09,netdev=n1",
	    "-netdev", "tap,id=n2,ifname=tap4,script=no");
	assert_int_equal(nrows, 3);
	assert_string_equal(rows[0].name, "web_1");
	assert_true(rows[0].mode == NIC_BRIDGE && rows[0].has_mac && rows[0].mac[5] == 0xef);
	assert_true(rows[1].mode == NIC_BRIDGE && rows[1].mac[5] == 9);
	assert_string_equal(rows[1].source, "br7");
	assert_string_equal(rows[2].link, "tap4");
	assert_false(rows[2].has_mac);
}

/* As in the README, where nobody says a hardware address. */
static void
qemu_gives_a_bridged_nic_its_own_hardware_address(void **state)
{
	QEMU("qemu-system-x86_64", "-name", "agent", "-nic", "user", "-nic", "bridge,br=virbr10,model=virtio");
	assert_int_equal(nrows, 2);
	assert_false(rows[0].has_mac);
	assert_true(rows[1].has_mac && memcmp(rows[1].mac, (uint8_t[6]){ 0x52, 0x54, 0, 0x12, 0x34, 0x57 }, 6) == 0);
	QEMU("qemu-system-x86_64", "-netdev", "bridge,id=n1,br=br7", "-device", "e1000,netdev=n1");
	assert_int_equal(rows[0].mac[5], 0x56);
}

static void
qemu_has_other_names(void **state)
{
	/* UTM's, and NixOS's. */
	QEMU("/Lib/qemu-aarch64-softmmu", "-netdev", "vmnet-bridged,id=n,ifname=en0");
	assert_int_equal(rows[0].mode, NIC_LAN);
	QEMU("/nix/store/x/bin/.qemu-system-x86_64-wrapped", "-nic", "user");
	assert_int_equal(rows[0].mode, NIC_USER);
}

static void
what_is_no_qemu_is_none(void **state)
{
	const char *const argv[] = { "/bin/sh", "-c", "qemu-system-x86_64 -nic user" };
	const char *const other[] = { "qemu-softmmu-img" };
	const char *many[4000] = { "qemu-system-x86_64" };

	assert_false(qemu_args_parse(argv, 3, is_card, rows, &nrows, ROWS));
	assert_false(qemu_args_parse(other, 1, is_card, rows, &nrows, ROWS));
	assert_false(qemu_args_parse(argv, 0, is_card, rows, &nrows, ROWS));
	for (size_t i = 1; i < 4000; i++)
		many[i] = i % 2 ? "-nic" : "tap";
	assert_true(qemu_args_parse(many, 4000, is_card, rows, &nrows, ROWS));
	/* One more than are kept, so that it shows that there are more. */
	assert_int_equal(nrows, GUEST_NICS + 1);
}

static void
a_network_card_that_qemu_has_for_itself_is_a_nic(void **state)
{
	QEMU("kvm", "-nic", "none", "-device", "vfio-pci,host=0000:01:00.0", "-device",
	    "{\"driver\":\"vfio-pci\",\"host\":\"0000:01:00.1\",\"id\":\"gpu\"}", "-device",
	    "vfio-pci-nohotplug,sysfsdev=/sys/bus/pci/devices/0000:02:00.0,id=x", "-device",
	    "vfio-pci,host=\033[2J0");
	assert_int_equal(nrows, 3);
	assert_true(rows[0].mode == NIC_LAN && rows[1].mode == NIC_LAN && rows[2].mode == NIC_LAN);
	assert_string_equal(rows[0].source, "0000:01:00.0");
	assert_string_equal(rows[1].source, "0000:02:00.0");
	assert_string_equal(rows[2].source, "\\x1b[2J0");
	/* Another one's hardware address is not its own. */
	QEMU("kvm", "-net", "nic,macaddr=52:54:00:00:00:09", "-net", "user", "-device",
	    "vfio-pci,host=1:00.0");
	assert_int_equal(nrows, 2);
	for (size_t i = 0; i < nrows; i++)
		assert_int_equal(rows[i].has_mac, rows[i].mode == NIC_USER);
}

/* What a process says is a device of this host's may lead anywhere: here to a pipe, where
 * who opens it waits for ever. */
static void
what_a_process_calls_a_device_is_not_opened(void **state)
{
	char dir[] = "/tmp/gatehouse-qemu-XXXXXX", fifo[64], device[128];
	struct sighting *many = xcalloc(4096, sizeof(*many));
	size_t n = 0, hits = 0;
	pid_t pid;

	assert_non_null(mkdtemp(dir));
	snprintf(fifo, sizeof(fifo), "%s/class", dir);
	snprintf(device, sizeof(device), "vfio-pci,sysfsdev=/sys/..%s", dir);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_not_equal(pid = fork(), -1);
	if (pid == 0) {
		execl("/bin/sh", "qemu-system-x86_64", "-c", "sleep 20; :", "-name", dir + 5, "-device",
		    device, (char *)NULL);
		_exit(1);
	}
	alarm(10);
	for (int i = 0; i < 100 && hits == 0; i++) {
		usleep(20000);
		n = 0;
		assert_null(qemu_refresh(NULL, many, &n, 4096));
		for (size_t k = 0; k < n; k++)
			hits += many[k].pid == (uint32_t)pid && many[k].mode == NIC_LAN;
	}
	alarm(0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	unlink(fifo);
	rmdir(dir);
	free(many);
	/* Of what the kernel does not know the worst counts. */
	assert_int_equal(hits, 1);
}

static const struct conf_provider own = { .name = "own", .command = { 1, { "/own" } },
	.rows = "data.vms", .field_name = "id", .field_state = "on", .running = "up",
	.field_mac = "nics.0.mac", .field_address = "nics.0.ips" };

static char *
custom(const struct conf_provider *p, const char *text)
{
	nrows = 0;
	return custom_parse(p, text, strlen(text), rows, &nrows, ROWS);
}

static void
an_operators_own_provider_is_read_by_field_paths(void **state)
{
	struct conf_provider flat = own;
	char *cause;

	assert_null(custom(&own, "{\"data\": {\"vms\": [{\"id\": \"a b\", \"on\": \"up\", \"nics\": "
	    "[{\"mac\": \"2:0:0:0:0:1\", \"ips\": [\"10.1.1.1\", \"fd00::1/64\"]}]}, "
	    "{\"id\": \"c\", \"on\": false}, {\"id\": 7}, null]}}"));
	assert_int_equal(nrows, 2);
	assert_row(0, "a b|a_b|running|unknown|02:00:00:00:00:01|10.1.1.1,fd00::1||");
	assert_row(1, "c|c|stopped|unknown|-|||");
	flat.rows[0] = '\0';
	assert_null(custom(&flat, "{\"id\": \"a\", \"on\": true}\n{\"id\": \"b\", \"on\": \"down\"}\n"));
	assert_int_equal(nrows, 2);
	assert_row(1, "b|b|stopped|unknown|-|||");
	assert_null(custom(&flat, "{\"x\": {\"on\": true}, \"y\": {\"on\": false}}"));
	assert_row(0, "x|x|running|unknown|-|||");
	assert_non_null(cause = custom(&own, "{\"data\": {\"vms\": 7}}"));
	free(cause);
	assert_non_null(cause = custom(&own, "{\"data\": "));
	free(cause);
}

/* Deep, cut short, and with what would be an option or an escape. */
static void
hostile_output_makes_harmless_rows(void **state)
{
	static char deep[8192];

	memset(deep, '[', sizeof(deep) - 1);
	refused(&incus_manager, deep, "");
	refused(&incus_manager, "[{\"name\": \"a\", \"status\": ", "");
	nrows = 0;
	list(&incus_manager, "[{\"name\": \"-rf\\u001b[2J\", \"status\": \"Running\"}, {\"name\": "
	    "\"10.0.0.1\", \"status\": 99999999999999999999e9}]");
	assert_row(0, "|_rf__2J|running|none|-|||");
	assert_row(1, "default/10.0.0.1||stopped|none|-|||");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(multipass_lists_its_instances, setup),
		cmocka_unit_test_setup(an_instance_of_incus_has_the_nics_of_its_devices, setup),
		cmocka_unit_test_setup(what_was_made_inside_an_instance_is_no_nic_of_it, setup),
		cmocka_unit_test_setup(a_nic_past_the_bridge_is_on_the_lan_and_projects_are_in_keys,
		    setup),
		cmocka_unit_test_setup(a_proxy_device_of_an_instance_is_a_way_of_its_own, setup),
		cmocka_unit_test_setup(each_nictype_of_an_instance_is_known, setup),
		cmocka_unit_test_setup(virsh_lists_names_with_spaces_and_states_of_two_words, setup),
		cmocka_unit_test_setup(virsh_tells_of_a_domains_nics, setup),
		cmocka_unit_test_setup(virsh_tells_at_once_whose_nics_are_others, setup),
		cmocka_unit_test_setup(qemu_says_how_its_nics_get_out, setup),
		cmocka_unit_test_setup(qemu_without_a_word_has_a_user_nic, setup),
		cmocka_unit_test_setup(qemu_as_libvirt_starts_it, setup),
		cmocka_unit_test_setup(qemu_gives_a_bridged_nic_its_own_hardware_address, setup),
		cmocka_unit_test_setup(qemu_has_other_names, setup),
		cmocka_unit_test_setup(what_is_no_qemu_is_none, setup),
		cmocka_unit_test_setup(what_a_process_calls_a_device_is_not_opened, setup),
		cmocka_unit_test_setup(a_network_card_that_qemu_has_for_itself_is_a_nic, setup),
		cmocka_unit_test_setup(an_operators_own_provider_is_read_by_field_paths, setup),
		cmocka_unit_test_setup(hostile_output_makes_harmless_rows, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
