/* VMs by their processes. */
#include "config.h"

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inventory/manager.h"
#include "inventory/provider.h"
#include "xmalloc.h"

enum { ROWS = 16 };
static struct sighting rows[ROWS];
static size_t nrows;
static char qemu_words[256];

/* Stands in for qemu.c: a row for "-name", none for "-no". */
bool
qemu_args_parse(const char *const *argv, size_t argc, bool (*is_card)(const char *), struct sighting *list,
    size_t *n, size_t max)
{
	struct sighting *s = sighting_add(list, n, max, "");

	for (size_t i = 0; i < argc; i++)
		snprintf(qemu_words + strlen(qemu_words), sizeof(qemu_words) - strlen(qemu_words),
		    "%s|", argv[i]);
	if (s != NULL)
		copy_string(s->name, "from-qemu", sizeof(s->name));
	return argc > 1 && strcmp(argv[1], "-name") == 0;
}

static void
list(const char *text)
{
	char *cause;

	memset(rows, 0xa5, sizeof(rows));
	qemu_words[0] = '\0';
	nrows = 0;
	cause = ps_manager.list_parse(text, strlen(text), rows, &nrows, ROWS);
	if (cause != NULL)
		fail_msg("%s", cause);
}

static void
assert_tart(size_t i, const char *name, enum nic_mode mode, const char *source, bool softnet)
{
	assert_true(i < nrows);
	assert_string_equal(rows[i].name, name);
	assert_int_equal(rows[i].mode, mode);
	assert_string_equal(rows[i].source, source);
	assert_int_equal(rows[i].softnet, softnet);
	assert_int_equal(rows[i].state, GUEST_RUNNING);
	assert_false(rows[i].hint);
}

static void
tart_processes_say_how_their_nic_gets_out(void **state)
{
	list("  101   501 /opt/homebrew/bin/tart run plain --no-graphics\n"
	     "  102   501 tart run --dir=src:~/src --disk /a/b lan --net-bridged=en0\n"
	     "  103   502 tart run --net-softnet soft\n"
	     "  104   502 tart run --net-softnet-allow 10.0.0.0/8 allowed\n"
	     "  105   502 tart run --net-host closed\n"
	     "  106   502 tart run my vm --net-bridged en1 --net-bridged=Wi-Fi\n");
	assert_int_equal(nrows, 7);
	assert_tart(0, "plain", NIC_BRIDGE, "", false);
	assert_int_equal(rows[0].pid, 101);
	assert_int_equal(rows[0].uid, 501);
	assert_string_equal(rows[0].key, "101");
	assert_tart(1, "lan", NIC_LAN, "en0", false);
	assert_tart(2, "soft", NIC_BRIDGE, "", true);
	assert_tart(3, "allowed", NIC_BRIDGE, "", true);
	assert_tart(4, "closed", NIC_BRIDGE, "", true);
	assert_tart(5, "my_vm", NIC_LAN, "en1", false);
	assert_tart(6, "my_vm", NIC_LAN, "Wi-Fi", false);
	assert_string_equal(rows[6].key, "106");
}

static void
softnet_processes_hint_at_the_guest_of_their_mac(void **state)
{
	list("7 501 /opt/homebrew/bin/softnet --vm-fd 0 --vm-mac-address 2:77:0:0:0:9\n"
	     "8 501 softnet --vm-mac-address=02:77:00:00:00:0a\n"
	     "9 501 softnet --vm-mac-address\n"
	     "10 501 softnet --vm-mac-address ff:ff:ff:ff:ff:ff\n");
	assert_int_equal(nrows, 2);
	assert_true(rows[0].hint && rows[0].softnet && rows[0].has_mac);
	assert_int_equal(rows[0].mac[5], 9);
	assert_int_equal(rows[1].mac[5], 10);
	/* Which of several runs is told by that alone. */
	assert_string_equal(rows[0].softnet_at, "/opt/homebrew/bin/softnet");
	assert_string_equal(rows[1].softnet_at, "");
}

static void
qemus_arguments_are_handed_on_in_words(void **state)
{
	list("44 1000 /usr/bin/qemu-system-x86_64 -name a  -nic user\n"
	     "45 1000 qemu-system-aarch64 -no\n"
	     "46 1000 qemu-img -name x\n");
	assert_string_equal(qemu_words, "/usr/bin/qemu-system-x86_64|-name|a|-nic|user|"
	    "qemu-system-aarch64|-no|");
	assert_int_equal(nrows, 1);
	assert_string_equal(rows[0].name, "from-qemu");
	assert_string_equal(rows[0].key, "44");
	assert_int_equal(rows[0].pid, 44);
	assert_int_equal(rows[0].uid, 1000);
	assert_int_equal(rows[0].state, GUEST_RUNNING);
}

/* The program is the first argument there, and a name may be of several words. */
static void
utms_processes_are_qemus(void **state)
{
	list("44 501 /Applications/UTM.app/Contents/MacOS/QEMULauncher "
	     "/U/qemu-aarch64-softmmu.framework/Versions/A/qemu-aarch64-softmmu -name my  old vm -uuid "
	     "0C84D9A2-3B7E-4C1D-9F00-AB12CD34EF56 -nic user\n"
	     "45 501 QEMULauncher\n");
	assert_string_equal(qemu_words, "/U/qemu-aarch64-softmmu.framework/Versions/A/qemu-aarch64-softmmu"
	    "|-name|my  old vm|-uuid|0C84D9A2-3B7E-4C1D-9F00-AB12CD34EF56|-nic|user|");
	assert_int_equal(nrows, 1);
	assert_string_equal(rows[0].key, "0C84D9A2-3B7E-4C1D-9F00-AB12CD34EF56");
	assert_int_equal(rows[0].pid, 44);
}

static void
other_processes_are_no_guests(void **state)
{
	list("1 0 /sbin/launchd\n"
	     "2 501 tart list\n3 501 tart run\n4 501 tart run --net-softnet\n"
	     "5 501 sh -c tart run x\n6 501 grep tart run x\n"
	     "0 0 tart run x\n-7 501 tart run x\n7 99999999999 tart run x\nx 501 tart run x\n"
	     "tart run x\n\n8 501\n9 501 tart run --dir");
	assert_int_equal(nrows, 0);
}

static void
hostile_arguments_stay_within_bounds(void **state)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	fprintf(f, "5 501 tart run \x1b[2Jevil%0100d --net-bridged=\x1b]0;%0100d\n", 1, 2);
	for (int i = 0; i < 20; i++)
		fprintf(f, "6 501 tart run many%s%s\n", " --net-bridged=en0 --net-bridged=en0",
		    " --net-bridged=en0 --net-bridged=en0 --net-bridged=en0 --net-bridged=en0"
		    " --net-bridged=en0 --net-bridged=en0 --net-bridged=en0 --net-bridged=en0");
	fprintf(f, "7 501 tart run");
	for (int i = 0; i < 200000; i++)
		fprintf(f, " -x");
	fputc('\n', f);
	fclose(f);
	list(text);
	assert_int_equal(nrows, ROWS);
	assert_memory_equal(rows[0].name, "__2Jevil00", 10);
	assert_string_equal(rows[0].source, "__0_00000000000");
	/* No more NICs than a guest can have. */
	assert_string_equal(rows[GUEST_NICS].key, "6");
	assert_string_equal(rows[GUEST_NICS + 1].key, "6");
	free(text);
}

static void
what_lists_no_process_is_refused(void **state)
{
	char *cause;

	nrows = 0;
	for (const char *const *bad = (const char *const[]){ "", "\n", "ps: illegal option\n", NULL };
	    *bad != NULL; bad++) {
		cause = ps_manager.list_parse(*bad, strlen(*bad), rows, &nrows, ROWS);
		assert_non_null(cause);
		free(cause);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tart_processes_say_how_their_nic_gets_out),
		cmocka_unit_test(softnet_processes_hint_at_the_guest_of_their_mac),
		cmocka_unit_test(qemus_arguments_are_handed_on_in_words),
		cmocka_unit_test(utms_processes_are_qemus),
		cmocka_unit_test(other_processes_are_no_guests),
		cmocka_unit_test(hostile_arguments_stay_within_bounds),
		cmocka_unit_test(what_lists_no_process_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
