/* The pure half of the nftables backend: text that goes in, listings that come out. */
#include "config.h"

#include "unit.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "firewall/nft.h"
#include "xmalloc.h"

enum { RULES = 200, FILE_MAX_READ = 64 << 10 };

static char dir[] = "/tmp/gatehouse-test-nft-XXXXXX";

static char *
slurp(const char *where, const char *name, size_t *len)
{
	char path[512], *text = xcalloc(1, FILE_MAX_READ + 1);
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", where, name);
	f = fopen(path, "r");
	assert_non_null(f);
	*len = fread(text, 1, FILE_MAX_READ, f);
	fclose(f);
	return text;
}

static char *
from_source(const char *name, size_t *len)
{
	const char *srcdir = getenv("abs_srcdir");

	return slurp(srcdir != NULL ? srcdir : ".", name, len);
}

static void
write_rules(const char *text, mode_t mode)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/filtered.nft", dir);
	unlink(path);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(path, mode), 0);
}

static struct conf *
some_conf(void)
{
	struct conf *conf = xcalloc(1, sizeof(*conf));

	conf->proxy_port = 8643;
	conf->explicit_port = 3128;
	conf->dns_port = 8653;
	conf->nflog_group = 7077;
	copy_string(conf->path, "/etc/gatehouse/gatehouse.conf", sizeof(conf->path));
	copy_string(conf->rules[0], "/nonexistent", sizeof(conf->rules[0]));
	copy_string(conf->rules[1], dir, sizeof(conf->rules[1]));
	conf->bridges.n = 2;
	copy_string(conf->bridges.name[0], "ghlab0", GH_IFNAME_SIZE);
	copy_string(conf->bridges.name[1], "virbr*", GH_IFNAME_SIZE);
	conf->block_tcp.n = 2;
	conf->block_tcp.port[0] = 139;
	conf->block_tcp.port[1] = 445;
	return conf;
}

static int
setup(void **state)
{
	(void)state;
	return mkdtemp(dir) != NULL ? 0 : -1;
}

static int
teardown(void **state)
{
	char path[512];

	(void)state;
	snprintf(path, sizeof(path), "%s/filtered.nft", dir);
	unlink(path);
	return rmdir(dir);
}

/* ---- rendering ---- */

/* What was rendered, with the temporary directory given a fixed name. */
static char *
rendered(const struct conf *conf)
{
	char *cause, *text = nft_render(conf, PROFILE_FILTERED, &cause), *at;

	assert_null(cause);
	while ((at = strstr(text, dir)) != NULL) {
		memcpy(at, "/rules", 6);
		memmove(at + 6, at + strlen(dir), strlen(at + strlen(dir)) + 1);
	}
	return text;
}

static void
assert_golden(const char *text, const char *name)
{
	size_t len;
	char *golden;

	if (getenv("UPDATE_GOLDENS") != NULL) {
		char path[512];
		FILE *f;

		snprintf(path, sizeof(path), "%s/%s", getenv("abs_srcdir"), name);
		f = fopen(path, "w");
		assert_non_null(f);
		fputs(text, f);
		fclose(f);
	}
	golden = from_source(name, &len);
	assert_string_equal(text, golden);
	free(golden);
}

static void
definitions_come_first_and_the_file_follows_unchanged(void **state)
{
	struct conf *conf = some_conf();
	char *text;

	(void)state;
	write_rules("# rules\n\tlog group 7077\n", 0644);
	text = rendered(conf);
	assert_golden(text, "tests/goldens/nft_prologue");
	free(text);
	free(conf);
}

static void
users_ports_and_the_log_group_come_from_the_configuration(void **state)
{
	struct conf *conf = some_conf();
	char *text;

	(void)state;
	conf->nuids = 2;
	conf->uids[0] = (struct conf_uid){ .uid = 501, .ports = { 2, { 3128, 8080 } } };
	conf->uids[1] = (struct conf_uid){ .uid = 4294967294u };
	conf->nflog_group = 12;
	conf->block_udp = (struct conf_ports){ 1, { 137 } };
	write_rules("log group 7077 snaplen 1\n# group 70771, group 7077", 0644);
	text = rendered(conf);
	assert_golden(text, "tests/goldens/nft_prologue_uids");
	free(text);
	free(conf);
}

static void
patterns_that_overlap_are_written_once(void **state)
{
	struct conf *conf = some_conf();
	char *text;

	(void)state;
	conf->bridges.n = 5;
	copy_string(conf->bridges.name[2], "virbr0", GH_IFNAME_SIZE);
	copy_string(conf->bridges.name[3], "virbr*", GH_IFNAME_SIZE);
	copy_string(conf->bridges.name[4], "evil\" }", GH_IFNAME_SIZE);
	write_rules("", 0644);
	text = rendered(conf);
	assert_non_null(strstr(text, "elements = { \"ghlab0\", \"virbr*\" }\n"));
	free(text);
	free(conf);
}

static void
assert_refused(const struct conf *conf, const char *why)
{
	char *cause, *text = nft_render(conf, PROFILE_FILTERED, &cause);

	assert_null(text);
	assert_non_null(cause);
	if (strstr(cause, why) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", cause, why);
	free(cause);
}

static void
rules_that_cannot_be_trusted_are_refused(void **state)
{
	struct conf *conf = some_conf();
	char *big = xcalloc(1, (300 << 10) + 1);

	(void)state;
	write_rules("", 0664);
	assert_refused(conf, "others may write");
	write_rules("", 0646);
	assert_refused(conf, "others may write");
	memset(big, '#', 300 << 10);
	write_rules(big, 0644);
	assert_refused(conf, "larger than");
	free(big);
	copy_string(conf->rules[1], "/nonexistent/either", sizeof(conf->rules[1]));
	assert_refused(conf, "no rules for profile filtered");
	free(conf);
}

static void
an_include_is_refused_wherever_it_stands(void **state)
{
	static const char *const bad[] = { "include \"/etc/x\"\n", "\n  include '/x'",
		"table inet x { include \"y\"\n}", "# c\n;include \"y\"" };
	struct conf *conf = some_conf();
	char *text;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		write_rules(bad[i], 0644);
		assert_refused(conf, "include");
	}
	write_rules("# include \"x\"\nlog prefix \"; include \"\nset include_all {\n}\n", 0644);
	text = rendered(conf);
	free(text);
	free(conf);
}

static void
an_interface_name_cannot_end_its_quotes(void **state)
{
	static const char *const good[] = { "virbr0", "ghv1", "tap-a.1@x", "veth_1:2+" };
	static const char *const bad[] = { "", "a\"b", "a b", "a*", "{a}", "a;b", "a\nb", "$a",
		"sixteen-chars-xx" };

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(nft_name_ok(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(nft_name_ok(bad[i]));
}

static void
a_copy_of_the_rules_names_other_tables_and_nothing_else(void **state)
{
	char *text = nft_text_aside("table inet gatehouse\nflush set bridge gatehouse x\n"
	    "# gatehouse's own\n\tlog prefix \"gatehouse:smb\" comment \"a gatehouse b\"\n"
	    "add chain inet gatehouse gatehouse_own\ninclude_gatehouse");

	(void)state;
	assert_string_equal(text, "table inet gatehouse_load\nflush set bridge gatehouse_load x\n"
	    "# gatehouse's own\n\tlog prefix \"gatehouse:smb\" comment \"a gatehouse b\"\n"
	    "add chain inet gatehouse_load gatehouse_own\ninclude_gatehouse");
	free(text);
}

static struct nft_runtime *
some_runtime(void)
{
	struct nft_runtime *r = xcalloc(1, sizeof(*r));

	r->links.nports = 2;
	copy_string(r->links.port[0], "ghv2", GH_IFNAME_SIZE);
	copy_string(r->links.port[1], "ghv1", GH_IFNAME_SIZE);
	r->links.naddrs = 3;
	addr_parse("10.77.0.1", &r->links.addr[0].addr);
	addr_parse("fd77::1", &r->links.addr[1].addr);
	addr_parse("fe80::1:0:1", &r->links.addr[2].addr);
	r->frozen.n = 2;
	r->frozen.guest[0] = (struct fw_guest){ .naddrs = 2, .has_mac = 1, .mac = { 2, 0x77, 0, 0, 0, 0xab },
		.port = "ghv1" };
	addr_parse("10.77.0.11", &r->frozen.guest[0].addrs[0]);
	addr_parse("fd77::11", &r->frozen.guest[0].addrs[1]);
	r->frozen.guest[1] = r->frozen.guest[0];
	return r;
}

static void
sets_are_emptied_and_filled_with_each_element_once(void **state)
{
	struct conf *conf = some_conf();
	struct nft_runtime *r = some_runtime();
	char *text = nft_runtime_text(conf, r);

	(void)state;
	assert_golden(text, "tests/goldens/nft_sets");
	free(text);
	r->frozen.all = true;
	text = nft_runtime_text(conf, r);
	assert_golden(text, "tests/goldens/nft_sets_all_frozen");
	free(text);
	free(r);
	free(conf);
}

/* ---- reading ---- */

static const struct fw_rule *
find(const struct fw_rule *rules, int n, const char *chain, const char *label)
{
	for (int i = 0; i < n; i++) {
		if (strcmp(rules[i].chain, chain) == 0 && strcmp(rules[i].label, label) == 0)
			return &rules[i];
	}
	fail_msg("no rule %s in chain %s", label, chain);
	return NULL;
}

static void
assert_rule(const struct fw_rule *rules, int n, const char *chain, const char *label,
    const char *action, const char *text)
{
	const struct fw_rule *r = find(rules, n, chain, label);

	assert_string_equal(r->action, action);
	assert_string_equal(r->text, text);
}

static void
a_listing_reads_as_rules_for_people(void **state)
{
	struct fw_rule *rules = xcalloc(RULES, sizeof(*rules));
	size_t len;
	char *json = from_source("tests/fuzz/corpus/nftlist/filtered", &len), *cause;
	int n = nft_rules_parse(json, len, rules, RULES, &cause);

	(void)state;
	assert_null(cause);
	assert_true(n > 40);
	assert_rule(rules, n, "redirect_guests", "web", "redirect",
	    "iifname @bridges tcp dport { 80, 443 } -> redirect to :18080");
	assert_rule(rules, n, "by_kind", "smb", "reject",
	    "tcp dport @block_tcp -> reject with tcp reset");
	assert_rule(rules, n, "guest_to_host", "spoof", "drop",
	    "fib saddr . iif oif missing -> drop");
	assert_rule(rules, n, "guest_to_host", "reply", "accept",
	    "ct state established ct direction reply -> accept");
	assert_rule(rules, n, "guarded_uid", "uid-port", "accept",
	    "oifname lo ip daddr 127.0.0.1 meta skuid . tcp dport @uid_ports -> accept");
	assert_rule(rules, n, "forward", "", "jump", "iifname @bridges -> goto guest_to_others");
	assert_string_equal(rules[n - 1].family, "bridge");
	free(json);
	free(rules);
}

static void
rules_that_others_wrote_are_shown_as_far_as_understood(void **state)
{
	struct fw_rule *rules = xcalloc(RULES, sizeof(*rules));
	size_t len;
	char *json = from_source("tests/fuzz/corpus/nftlist/odd", &len), *cause;
	int n = nft_rules_parse(json, len, rules, RULES, &cause);

	(void)state;
	assert_null(cause);
	assert_rule(rules, n, "c", "one", "accept", "ip saddr 10.0.0.0/8 ip daddr != "
	    "10.0.0.1-10.0.0.9 tcp flags & syn, ack == syn limit -> accept");
	assert_true(find(rules, n, "c", "one")->packets == 12);
	assert_true(find(rules, n, "c", "one")->bytes == 3456);
	assert_rule(rules, n, "c", "by hand", "drop", "exthdr exists -> drop");
	assert_string_equal(rules[n - 1].text, "any -> return");
	free(json);
	free(rules);
}

static void
what_is_no_listing_is_refused_with_a_cause(void **state)
{
	static const char *const bad[] = { "", "{", "[]", "{\"nftables\": 5}", "Error: nope" };
	struct fw_rule rules[4];
	struct fw_guest guests[4];
	bool all;
	char *cause;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(nft_rules_parse(bad[i], strlen(bad[i]), rules, 4, &cause), -1);
		assert_non_null(cause);
		free(cause);
		assert_int_equal(nft_frozen_parse(bad[i], strlen(bad[i]), guests, 4, &all), -1);
	}
}

static void
frozen_guests_are_read_from_the_sets(void **state)
{
	struct fw_guest guests[8];
	size_t len;
	char *json = from_source("tests/fuzz/corpus/nftlist/filtered", &len);
	char text[ADDR_TEXT_SIZE];
	bool all = true;

	(void)state;
	assert_int_equal(nft_frozen_parse(json, len, guests, 8, &all), 4);
	assert_false(all);
	assert_int_equal(guests[0].has_mac, 1);
	assert_int_equal(guests[0].mac[5], 0x11);
	assert_string_equal(addr_format(&guests[1].addrs[0], text), "10.77.0.11");
	assert_string_equal(addr_format(&guests[2].addrs[0], text), "fd77::11");
	assert_string_equal(guests[3].port, "ghv1");
	assert_int_equal(nft_frozen_parse(json, len, guests, 2, &all), 2);
	free(json);
}

/* A copy of the listing with one thing changed in it. */
static uint64_t
hash_with(const char *json, const char *from, const char *to, uint64_t *runtime)
{
	const char *at = strstr(json, from);
	char *changed;
	uint64_t hash;

	assert_non_null(at);
	changed = xasprintf("%.*s%s%s", (int)(at - json), json, to, at + strlen(from));
	hash = nft_list_hash(changed, strlen(changed), runtime);
	free(changed);
	return hash;
}

static void
the_hash_changes_with_anything_but_counters_and_handles(void **state)
{
	size_t len;
	char *json = from_source("tests/fuzz/corpus/nftlist/filtered", &len);
	uint64_t runtime, other, hash = nft_list_hash(json, len, &runtime);

	(void)state;
	assert_true(hash != 0);
	assert_true(hash_with(json, "\"packets\": 0", "\"packets\": 7", &other) == hash);
	assert_true(hash_with(json, "\"handle\": 1,", "\"handle\": 99,", &other) == hash);
	assert_true(hash_with(json, "80, 443", "443, 80", &other) == hash);
	assert_true(other == runtime);
	assert_true(hash_with(json, "80, 443", "80, 444", &other) != hash);
	assert_true(hash_with(json, "139, 445", "139", &other) != hash);
	assert_true(hash_with(json, "\"virbr*\"", "\"virbr0\"", &other) != hash);
	assert_true(hash_with(json, "\"policy\": \"accept\"", "\"policy\": \"drop\"", &other) != hash);
	assert_true(hash_with(json, "{\"accept\": null}", "{\"drop\": null}", &other) != hash);
	assert_true(hash_with(json, "\"10.77.0.11\"", "\"10.77.0.12\"", &other) == hash);
	assert_true(other != runtime);
	assert_true(nft_list_hash("{\"nftables\": []}", 16, &runtime) == 0);
	free(json);
}

/* The same with a set of ours in front of another one. */
static uint64_t
hash_with_set(const char *json, const char *members)
{
	static const char next[] = "{\"set\": {\"family\": \"bridge\", \"name\": \"host4\"";
	char *set = xasprintf("{\"set\": {\"family\": \"bridge\", \"name\": \"new_rate\", "
	    "\"table\": \"gatehouse\", \"type\": \"ifname\"%s}}, %s", members, next);
	uint64_t runtime, hash = hash_with(json, next, set, &runtime);

	free(set);
	return hash;
}

static void
what_packets_put_into_sets_is_no_change(void **state)
{
	size_t len;
	char *json = from_source("tests/fuzz/corpus/nftlist/filtered", &len);
	uint64_t none = hash_with_set(json, "");

	(void)state;
	assert_true(hash_with_set(json, ", \"elem\": [{\"elem\": {\"val\": \"ghv1\", \"expires\": 9, "
	    "\"limit\": {\"rate\": 2000}}}]") == none);
	assert_true(hash_with_set(json, ", \"flags\": [\"dynamic\"], \"elem\": [{\"elem\": {\"val\": \"a\"}}]") ==
	    hash_with_set(json, ", \"flags\": [\"dynamic\"]"));
	assert_true(hash_with_set(json, ", \"elem\": [\"ghv1\"]") != none);
	free(json);
}

static void
the_runtime_hash_is_what_the_kernel_would_show(void **state)
{
	struct conf *conf = some_conf();
	struct nft_runtime *r = xcalloc(1, sizeof(*r));
	size_t len;
	char *json = from_source("tests/fuzz/corpus/nftlist/filtered", &len);
	uint64_t runtime;

	(void)state;
	nft_list_hash(json, len, &runtime);
	r->frozen.n = 1;
	r->frozen.guest[0] = (struct fw_guest){ .naddrs = 2, .has_mac = 1, .mac = { 2, 0x77, 0, 0, 0, 0x11 },
		.port = "ghv1" };
	addr_parse("10.77.0.11", &r->frozen.guest[0].addrs[0]);
	addr_parse("fd77::11", &r->frozen.guest[0].addrs[1]);
	assert_true(nft_runtime_hash(conf, r) == runtime);
	r->frozen.all = true;
	assert_true(nft_runtime_hash(conf, r) != runtime);
	free(json);
	free(r);
	free(conf);
}

/* ---- diff ---- */

static void
assert_diff(const char *before, const char *after, const char *want)
{
	char *diff = text_diff("a", before, "b", after);

	assert_string_equal(diff, want);
	free(diff);
}

static void
a_diff_shows_what_changed_with_its_surroundings(void **state)
{
	(void)state;
	assert_diff("same\n", "same\n", "");
	assert_diff("", "x\n", "--- a\n+++ b\n@@ -1,0 +1,1 @@\n+x\n");
	assert_diff("x\n", "", "--- a\n+++ b\n@@ -1,1 +1,0 @@\n-x\n");
	assert_diff("1\n2\n3\n4\n5\n6\n7\n8\n", "1\n2\n3\n4\nfive\n6\n7\n8\n",
	    "--- a\n+++ b\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n");
	assert_diff("a\n1\n2\n3\n4\n5\n6\n7\n8\nb\n", "1\n2\n3\n4\n5\n6\n7\n8\n",
	    "--- a\n+++ b\n@@ -1,4 +1,3 @@\n-a\n 1\n 2\n 3\n@@ -7,4 +6,3 @@\n 6\n 7\n 8\n-b\n");
}

static void
bridges_are_guarded_by_name_or_pattern(void **state)
{
	struct conf *conf = some_conf();

	(void)state;
	assert_true(conf_names_fit(&conf->bridges, "ghlab0"));
	assert_true(conf_names_fit(&conf->bridges, "virbr7"));
	assert_false(conf_names_fit(&conf->bridges, "ghlab01"));
	assert_false(conf_names_fit(&conf->bridges, "docker0"));
	free(conf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(definitions_come_first_and_the_file_follows_unchanged),
		cmocka_unit_test(users_ports_and_the_log_group_come_from_the_configuration),
		cmocka_unit_test(patterns_that_overlap_are_written_once),
		cmocka_unit_test(rules_that_cannot_be_trusted_are_refused),
		cmocka_unit_test(an_include_is_refused_wherever_it_stands),
		cmocka_unit_test(an_interface_name_cannot_end_its_quotes),
		cmocka_unit_test(a_copy_of_the_rules_names_other_tables_and_nothing_else),
		cmocka_unit_test(sets_are_emptied_and_filled_with_each_element_once),
		cmocka_unit_test(a_listing_reads_as_rules_for_people),
		cmocka_unit_test(rules_that_others_wrote_are_shown_as_far_as_understood),
		cmocka_unit_test(what_is_no_listing_is_refused_with_a_cause),
		cmocka_unit_test(frozen_guests_are_read_from_the_sets),
		cmocka_unit_test(the_hash_changes_with_anything_but_counters_and_handles),
		cmocka_unit_test(what_packets_put_into_sets_is_no_change),
		cmocka_unit_test(the_runtime_hash_is_what_the_kernel_would_show),
		cmocka_unit_test(a_diff_shows_what_changed_with_its_surroundings),
		cmocka_unit_test(bridges_are_guarded_by_name_or_pattern),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
