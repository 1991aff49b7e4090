/* What the VM managers of macOS print, in each version's shape, and what a guest or a
 * broken tool may have put into it. */
#include "config.h"

#include "managers_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inventory/guard.h"
#include "inventory/provider.h"

/* One row: "KEY NAME STATE MODE MAC ADDRESS,... SOURCE". */
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
	snprintf(got, sizeof(got), "%s|%s|%s|%s|%s|%s|%s", s->key, s->name,
	    guest_state_name(s->state), nic_mode_name(s->mode), mac, addrs, s->source);
	assert_string_equal(got, want);
	assert_int_equal(s->kind, GUEST_VM);
	assert_false(s->hint);
}

/* ---- tart ---- */

static void
tart_lists_of_all_ages_are_read(void **state)
{
	list(&tart_manager, "[\n  {\n    \"Source\" : \"local\",\n    \"State\" : \"running\",\n"
	    "    \"Size\" : 12,\n    \"Accessed\" : \"2026-05-01T01:02:03Z\",\n"
	    "    \"Name\" : \"build-1\",\n    \"Running\" : true\n  },\n"
	    "  { \"Running\" : false, \"Name\" : \"old one\", \"Source\" : \"local\", \"Disk\" : 30 },\n"
	    "  { \"Name\" : \"asleep\", \"State\" : \"suspended\", \"Running\" : false },\n"
	    "  { \"Name\" : \"older\", \"Source\" : \"local\", \"Running\" : true },\n"
	    "  { \"Name\" : \"oldest\", \"Source\" : \"local\" }\n]\n");
	assert_int_equal(nrows, 5);
	assert_row(0, "build-1|build-1|running|unknown|-||");
	assert_row(1, "old one|old_one|stopped|unknown|-||");
	assert_row(2, "asleep|asleep|stopped|unknown|-||");
	assert_row(3, "older|older|running|unknown|-||");
	assert_row(4, "oldest|oldest|unknown|unknown|-||");
}

static void
tart_images_are_guests_only_while_they_run(void **state)
{
	list(&tart_manager, "[{\"Name\":\"reg.example\\/base\\/linux:latest\",\"Source\":\"oci\","
	    "\"State\":\"stopped\"},"
	    "{\"Name\":\"reg.example\\/base\\/mac@sha256:00ff\",\"Source\":\"OCI\",\"Running\":false},"
	    "{\"Name\":\"reg.example\\/base\\/mac:latest\",\"Source\":\"OCI\",\"State\":\"running\"}]");
	assert_int_equal(nrows, 1);
	assert_row(0, "reg.example/base/mac:latest|reg.example_base_mac_latest|running|unknown|-||");
}

static void
tart_tells_mac_and_address_of_one_guest(void **state)
{
	static const char config[] = "{ \"arch\" : \"arm64\", \"macAddress\" : \"2:77:0:a:0:11\", "
	    "\"version\" : 1 }";
	static const char ip[] = "192.168.64.9\n";
	char *cause;

	list(&tart_manager, "[{\"Name\":\"a\",\"State\":\"running\"}]");
	assert_int_equal(tart_manager.detail[0].command, COMMAND_TART_CONFIG);
	assert_null(tart_manager.detail[0].parse(config, strlen(config), rows, &nrows, ROWS));
	assert_int_equal(tart_manager.detail[1].command, COMMAND_TART_IP);
	assert_null(tart_manager.detail[1].parse(ip, strlen(ip), rows, &nrows, ROWS));
	assert_row(0, "a|a|running|unknown|02:77:00:0a:00:11|192.168.64.9|");
	/* Asked again it does not pile up. */
	assert_null(tart_manager.detail[1].parse("192.168.64.10", 13, rows, &nrows, ROWS));
	assert_row(0, "a|a|running|unknown|02:77:00:0a:00:11|192.168.64.10|");
	for (const char *const *bad = (const char *const[]){ "", "\n", "no IP address found\n",
		"192.168.64.9 x\n", "127.0.0.1\n", "\x1b[2J", NULL }; *bad != NULL; bad++) {
		cause = tart_manager.detail[1].parse(*bad, strlen(*bad), rows, &nrows, ROWS);
		assert_non_null(cause);
		free(cause);
	}
	for (const char *const *bad = (const char *const[]){ "", "[]", "{}", "{\"macAddress\":1}",
		"{\"macAddress\":\"ff:ff:ff:ff:ff:ff\"}", "{\"macAddress\":\"2:77\"}", NULL };
	    *bad != NULL; bad++) {
		cause = tart_manager.detail[0].parse(*bad, strlen(*bad), rows, &nrows, ROWS);
		assert_non_null(cause);
		assert_false(rows[0].has_mac);
		free(cause);
	}
	assert_int_equal(nrows, 1);
}

/* ---- lima ---- */

static void
lima_instances_have_a_nic_of_user_mode_beside_their_networks(void **state)
{
	list(&lima_manager, "{\"name\":\"plain\",\"status\":\"Running\",\"vmType\":\"vz\",\"cpus\":4,"
	    "\"driverPID\":4711,\"hostAgentPID\":4710}\n"
	    "{\"status\":\"Running\",\"network\":["
	    "{\"lima\":\"shared\",\"macAddress\":\"52:55:55:0:1:2\",\"interface\":\"lima0\"},"
	    "{\"vzNAT\":true,\"macAddress\":\"52:55:55:00:01:03\",\"interface\":\"lima1\"},"
	    "{\"lima\":\"bridged\",\"macAddress\":\"52:55:55:00:01:04\"},"
	    "{\"lima\":\"host\"},{\"socket\":\"/run/some.sock\"}],\"name\":\"many\","
	    "\"hostAgentPID\":12}\n"
	    "{\"name\":\"halted\",\"status\":\"Stopped\",\"network\":null,\"driverPID\":9}\n"
	    "{\"name\":\"torn\",\"status\":\"Broken\",\"config\":{\"networks\":"
	    "[{\"lima\":\"shared\"}]}}\n");
	assert_int_equal(nrows, 10);
	assert_row(0, "plain|plain|running|user|-||");
	assert_int_equal(rows[0].pid, 4711);
	assert_row(1, "many|many|running|user|-||");
	assert_int_equal(rows[1].pid, 12);
	assert_row(2, "many|many|running|bridge|52:55:55:00:01:02||");
	assert_row(3, "many|many|running|bridge|52:55:55:00:01:03||");
	assert_row(4, "many|many|running|lan|52:55:55:00:01:04||");
	assert_row(5, "many|many|running|bridge|-||");
	assert_row(6, "many|many|running|unknown|-||");
	assert_row(7, "halted|halted|stopped|user|-||");
	assert_int_equal(rows[7].pid, 0);
	assert_row(8, "torn|torn|unknown|user|-||");
	assert_row(9, "torn|torn|unknown|bridge|-||");
}

static void
lima_first_user_network_takes_the_place_of_the_default_nic(void **state)
{
	list(&lima_manager, "{\"name\":\"u\",\"status\":\"Running\",\"network\":["
	    "{\"lima\":\"user-v2\",\"macAddress\":\"52:55:55:00:01:02\"},"
	    "{\"lima\":\"user-v2\",\"macAddress\":\"52:55:55:00:01:03\"}]}");
	assert_int_equal(nrows, 2);
	assert_row(0, "u|u|running|user|-||");
	assert_row(1, "u|u|running|user|52:55:55:00:01:03||");
}

static void
lima_networks_of_other_names_are_what_the_network_list_says(void **state)
{
	static const char networks[] =
	    "{\"name\":\"office\",\"mode\":\"bridged\",\"interface\":\"en7\"}\n"
	    "{\"name\":\"lab\",\"mode\":\"shared\",\"gateway\":\"192.168.107.1\"}\n"
	    "{\"mode\":\"host\"}\n";

	list(&lima_manager, "{\"name\":\"x\",\"status\":\"Running\",\"network\":[{\"lima\":\"office\"},"
	    "{\"lima\":\"lab\"},{\"lima\":\"gone\"}]}");
	assert_row(1, "x|x|running|unknown|-||office");
	assert_null(lima_manager.detail[0].parse(networks, strlen(networks), rows, &nrows, ROWS));
	assert_int_equal(nrows, 4);
	assert_row(0, "x|x|running|user|-||");
	assert_row(1, "x|x|running|lan|-||en7");
	assert_row(2, "x|x|running|bridge|-||");
	assert_row(3, "x|x|running|unknown|-||gone");
}

static void
lima_prints_nothing_where_there_is_no_instance(void **state)
{
	list(&lima_manager, "");
	list(&lima_manager, "\n");
	assert_int_equal(nrows, 0);
	list(&lima_manager, "{\n  \"name\": \"spread\",\n  \"status\": \"Stopped\"\n}\n{\"name\":\"b\"}");
	assert_int_equal(nrows, 2);
	refused(&lima_manager, "{\"name\":\"a\"}\n{\"name\":\"b\",\"sta", "limactl list");
	refused(&lima_manager, "[]", "limactl list");
	refused(&lima_manager, "NAME STATUS\n", "limactl list");
	/* A guest of more NICs than fit is one of as many as fit. */
	nrows = 0;
	list(&lima_manager, "{\"name\":\"a\",\"network\":[{},{},{},{},{},{},{},{},{},{},{}]}");
	assert_int_equal(nrows, GUEST_NICS);
}

/* ---- container ---- */

static void
containers_of_both_schemas_are_read(void **state)
{
	list(&container_manager, "[{\"networks\":[{\"gateway\":\"192.168.64.1\","
	    "\"address\":\"192.168.64.7/24\",\"network\":\"default\"}],\"status\":\"running\","
	    "\"configuration\":{\"id\":\"web-old\"}},"
	    "{\"configuration\":{\"id\":\"none\"},\"status\":\"stopped\",\"networks\":null}]");
	assert_row(0, "web-old|web-old|running|bridge|-|192.168.64.7|");
	assert_row(1, "none|none|stopped|unknown|-||");
	nrows = 0;
	list(&container_manager, "[{\"status\":{\"networks\":[],\"state\":\"stopped\"},\"id\":\"off\"},"
	    "{\"id\":\"two\",\"status\":{\"state\":\"running\",\"networks\":["
	    "{\"ipv4Address\":\"192.168.64.8\\/24\",\"ipv6Address\":\"fd12:3:4:5::8/64\"},"
	    "{\"ipv4Address\":\"192.168.70.2/24\",\"macAddress\":\"fe:77:0:0:0:8\"}]}},"
	    "{\"id\":\"nulls\",\"status\":{\"state\":null,\"networks\":null}}]");
	assert_int_equal(nrows, 4);
	assert_row(0, "off|off|stopped|unknown|-||");
	assert_row(1, "two|two|running|bridge|-|192.168.64.8,fd12:3:4:5::8|");
	assert_row(2, "two|two|running|bridge|fe:77:00:00:00:08|192.168.70.2|");
	assert_row(3, "nulls|nulls|unknown|unknown|-||");
}

/* ---- utm ---- */

static void
utm_names_may_hold_blanks(void **state)
{
	static const char addresses[] = "192.168.64.12\nfe80::1:2\n127.0.0.1\n::1\nnone\n192.168.64.12\n";

	list(&utm_manager, "UUID                                 Status   Name\n"
	    "01234567-89AB-CDEF-0123-456789ABCDEF started  One Two  Three\n"
	    "11234567-89ab-cdef-0123-456789abcdef stopped  x\r\n"
	    "21234567-89AB-CDEF-0123-456789ABCDEF resuming y\n"
	    "31234567-89AB-CDEF-0123-456789ABCDEF mystery  z\n"
	    "a name's second line\n"
	    "41234567-89AB-CDEF-0123-456789ABCDEF \n"
	    "51234567-89AB-CDEF-0123-456789AB");
	assert_int_equal(nrows, 4);
	assert_row(0, "01234567-89AB-CDEF-0123-456789ABCDEF|One_Two__Three|running|unknown|-||");
	assert_row(1, "11234567-89ab-cdef-0123-456789abcdef|x|stopped|unknown|-||");
	assert_row(2, "21234567-89AB-CDEF-0123-456789ABCDEF|y|running|unknown|-||");
	assert_row(3, "31234567-89AB-CDEF-0123-456789ABCDEF|z|unknown|unknown|-||");
	nrows = 1;
	assert_null(utm_manager.detail[0].parse(addresses, strlen(addresses), rows, &nrows, ROWS));
	assert_row(0, "01234567-89AB-CDEF-0123-456789ABCDEF|One_Two__Three|running|unknown|-|"
	    "192.168.64.12,fe80::1:2|");
}

static void
utm_without_vms_prints_a_heading(void **state)
{
	list(&utm_manager, "UUID                                 Status   Name\n");
	assert_int_equal(nrows, 0);
	refused(&utm_manager, "", "utmctl list");
	refused(&utm_manager, "Error: not allowed to send Apple events\n", "utmctl list");
}

/* ---- all ---- */

static const struct manager *const json_managers[] = { &tart_manager, &container_manager };

static void
nonsense_is_refused_with_a_reason(void **state)
{
	char *deep = malloc(100001);

	memset(deep, '[', 100000);
	deep[100000] = '\0';
	for (size_t i = 0; i < 2; i++) {
		refused(json_managers[i], "", "no JSON");
		refused(json_managers[i], "[{\"Name\":\"a\",", "no JSON");
		refused(json_managers[i], "{}", "no list");
		refused(json_managers[i], "[1e999999]", "no JSON");
		refused(json_managers[i], "[99999999999999999999999]", "no JSON");
		refused(json_managers[i], "\x1b]0;owned\x07", "no JSON");
		refused(json_managers[i], deep, "no JSON");
		nrows = 0;
		list(json_managers[i], "[]");
		list(json_managers[i], "[null, 1, \"x\", [], {}, {\"Name\":7,\"id\":[]}, {\"Name\":\"\"}]");
		assert_int_equal(nrows, 0);
	}
	refused(&lima_manager, deep, "JSON");
	free(deep);
}

static void
hostile_names_are_shown_and_never_become_keys(void **state)
{
	char text[400];

	list(&tart_manager, "[{\"Name\":\"a\\u001b[2Jb\"},{\"Name\":\"--help\"},"
	    "{\"Name\":\"192.168.64.1\"}]");
	assert_row(0, "|a__2Jb|unknown|unknown|-||");
	assert_row(1, "|_-help|unknown|unknown|-||");
	assert_row(2, "192.168.64.1||unknown|unknown|-||");
	nrows = 0;
	snprintf(text, sizeof(text), "[{\"id\":\"%0200d\"}]", 7);
	list(&container_manager, text);
	assert_string_equal(rows[0].key, "");
	assert_int_equal(strlen(rows[0].name), GH_GUEST_SIZE - 1);
}

static void
lists_of_any_length_fit(void **state)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	fputc('[', f);
	for (int i = 0; i < 5000; i++)
		fprintf(f, "%s{\"Name\":\"same\",\"id\":\"same\"}", i > 0 ? "," : "");
	fputc(']', f);
	fclose(f);
	for (size_t i = 0; i < 2; i++) {
		nrows = 0;
		list(json_managers[i], text);
		assert_int_equal(nrows, ROWS);
	}
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(tart_lists_of_all_ages_are_read, setup),
		cmocka_unit_test_setup(tart_images_are_guests_only_while_they_run, setup),
		cmocka_unit_test_setup(tart_tells_mac_and_address_of_one_guest, setup),
		cmocka_unit_test_setup(lima_instances_have_a_nic_of_user_mode_beside_their_networks,
		    setup),
		cmocka_unit_test_setup(lima_first_user_network_takes_the_place_of_the_default_nic,
		    setup),
		cmocka_unit_test_setup(lima_networks_of_other_names_are_what_the_network_list_says,
		    setup),
		cmocka_unit_test_setup(lima_prints_nothing_where_there_is_no_instance, setup),
		cmocka_unit_test_setup(containers_of_both_schemas_are_read, setup),
		cmocka_unit_test_setup(utm_names_may_hold_blanks, setup),
		cmocka_unit_test_setup(utm_without_vms_prints_a_heading, setup),
		cmocka_unit_test_setup(nonsense_is_refused_with_a_reason, setup),
		cmocka_unit_test_setup(hostile_names_are_shown_and_never_become_keys, setup),
		cmocka_unit_test_setup(lists_of_any_length_fit, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
