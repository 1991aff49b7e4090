/* The pure half of the pf backend: text that goes in, and all that pfctl prints. */
#include "config.h"

#include "unit.h"

#include <sys/stat.h>

#include <ctype.h>
#include <dirent.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "addr.h"
#include "firewall/pf.h"
#include "xmalloc.h"

enum { RULES = 400, FILE_MAX_READ = 256 << 10, PATH_SIZE = 512 };

static char dir[] = "/tmp/gatehouse-test-pf-XXXXXX";

/* ---- files ---- */

static const char *
source_path(const char *name)
{
	static char path[PATH_SIZE];
	const char *src = getenv("abs_srcdir");

	snprintf(path, sizeof(path), "%s/%s", src != NULL ? src : ".", name);
	return path;
}

static char *
slurp(const char *path)
{
	char *text = xcalloc(1, FILE_MAX_READ + 1);
	FILE *f = fopen(path, "r");

	if (f == NULL)
		fail_msg("%s is not there", path);
	text[fread(text, 1, FILE_MAX_READ, f)] = '\0';
	fclose(f);
	return text;
}

static void
assert_golden(const char *text, const char *name)
{
	char *golden;
	FILE *f;

	if (getenv("UPDATE_GOLDENS") != NULL) {
		assert_non_null(f = fopen(source_path(name), "w"));
		fputs(text, f);
		fclose(f);
	}
	golden = slurp(source_path(name));
	assert_string_equal(text, golden);
	free(golden);
}

static void
write_rules(const char *text)
{
	char path[PATH_SIZE];
	FILE *f;

	snprintf(path, sizeof(path), "%s/filtered.pf", dir);
	assert_non_null(f = fopen(path, "w"));
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(path, 0644), 0);
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
	char path[PATH_SIZE];

	(void)state;
	snprintf(path, sizeof(path), "%s/filtered.pf", dir);
	unlink(path);
	return rmdir(dir);
}

/* ---- rendering ---- */

static void
add_name(struct conf_names *names, const char *name)
{
	copy_string(names->name[names->n++], name, GH_IFNAME_SIZE);
}

static struct conf *
some_conf(const char *rules)
{
	struct conf *c = xcalloc(1, sizeof(*c));

	c->proxy_port = 8643;
	c->explicit_port = 3128;
	c->dns_port = 8653;
	c->pflog = 7;
	c->block_tcp = (struct conf_ports){ 2, { 139, 445 } };
	c->block_udp = (struct conf_ports){ 2, { 137, 138 } };
	copy_string(c->path, "/etc/gatehouse/gatehouse.conf", sizeof(c->path));
	copy_string(c->rules[0], rules, sizeof(c->rules[0]));
	add_name(&c->bridges, "bridge100");
	add_name(&c->bridges, "vm-public");
	return c;
}

static void
add_uids(struct conf *c)
{
	c->nuids = 3;
	c->uids[0] = (struct conf_uid){ .uid = 1001, .ports = { 2, { 3128, 8080 } } };
	c->uids[1] = (struct conf_uid){ .uid = 1002, .ports = { 1, { 9000 } } };
	c->uids[2] = (struct conf_uid){ .uid = 1003 };
}

/* With the folder of the rules given a fixed name. */
static char *
rendered(const struct conf *c, enum profile profile, const struct pf_host *host,
    const struct frozen_set *frozen)
{
	const struct pf_render_options o = { .host = host, .frozen = frozen, .log_to_any = true };
	const size_t len = strlen(c->rules[0]);
	struct pf_text t;
	char *cause = pf_text_make(c, profile, &o, &t), *text, *at;

	if (cause != NULL)
		fail_msg("not rendered: %s", cause);
	text = xstrdup(t.text);
	pf_text_free(&t);
	at = strstr(text, c->rules[0]);
	assert_non_null(at);
	memmove(at + 6, at + len, strlen(at + len) + 1);
	memcpy(at, "/rules", 6);
	return text;
}

static void
assert_rendered(const struct conf *c, enum profile profile, const struct pf_host *host,
    const struct frozen_set *frozen, const char *golden)
{
	char *text = rendered(c, profile, host, frozen);

	assert_golden(text, golden);
	free(text);
}

static void
filtered_for_two_bridges_users_and_an_egress(void **state)
{
	struct conf *c = some_conf(source_path("rules"));

	add_uids(c);
	add_name(&c->egress, "em0");
	add_name(&c->egress, "em1");
	c->pflog = 3;
	assert_rendered(c, PROFILE_FILTERED, &pf_host_freebsd, NULL, "tests/goldens/pf_filtered");
	free(c);
}

static void
lockdown_for_every_bridge_of_macos(void **state)
{
	struct conf *c = some_conf(source_path("rules"));

	c->bridges.n = 0;
	add_name(&c->bridges, "bridge*");
	c->explicit_port = 0;
	assert_rendered(c, PROFILE_LOCKDOWN, &pf_host_macos, NULL, "tests/goldens/pf_lockdown");
	free(c);
}

static void
observe_for_every_bridge_of_freebsd(void **state)
{
	struct conf *c = some_conf(source_path("rules"));
	struct frozen_set *f = xcalloc(1, sizeof(*f));

	c->bridges.n = 0;
	add_name(&c->bridges, "bridge*");
	add_uids(c);
	f->n = 2;
	f->guest[0].naddrs = 2;
	assert_true(addr_parse("10.77.0.12", &f->guest[0].addrs[0]));
	assert_true(addr_parse("fd77::12", &f->guest[0].addrs[1]));
	f->guest[1].naddrs = 1;
	f->guest[1].addrs[0] = f->guest[0].addrs[0];
	assert_rendered(c, PROFILE_OBSERVE, &pf_host_freebsd, f, "tests/goldens/pf_observe");
	free(f);
	free(c);
}

/* ---- what every rule of ours keeps to ---- */

static bool
starts(const char *line, const char *word)
{
	return strncmp(line, word, strlen(word)) == 0;
}

static bool
is_silent(const char *line)
{
	return strstr(line, "proto igmp") != NULL || strstr(line, "on { $members } inet") != NULL ||
	    strstr(line, "{ 130, 131, 132, 143 }") != NULL ||
	    strstr(line, "port 67 label") != NULL || strstr(line, "port 547 label") != NULL;
}

static void
check_rule(const char *line, enum profile profile)
{
	const bool block = starts(line, "block");

	if (!block && !starts(line, "pass"))
		return;
	if (strstr(line, " quick ") == NULL || strstr(line, " label \"gatehouse:") == NULL)
		fail_msg("neither quick nor labelled: %s", line);
	if (block && strstr(line, " log (") == NULL && !is_silent(line))
		fail_msg("blocks without a word: %s", line);
	/* A fragment has neither a port nor a type. */
	if (starts(line, "pass in") && profile != PROFILE_OBSERVE &&
	    strstr(line, " port ") == NULL && strstr(line, "icmp6-type") == NULL)
		fail_msg("lets fragments in: %s", line);
	if (starts(line, "pass in") && strstr(line, "on { $bridges }") == NULL &&
	    strstr(line, "on $bridge ") == NULL)
		fail_msg("lets in from anywhere: %s", line);
}

static void
every_rule_is_quick_labelled_and_logged(void **state)
{
	static const char *const names[] = { "", "rules/filtered.pf", "rules/lockdown.pf",
		"rules/observe.pf" };

	for (enum profile p = PROFILE_FILTERED; p < PROFILE_COUNT; p++) {
		char *text = slurp(source_path(names[p])), *rest = text, *line;
		bool filtering = false, guests = false;

		while ((line = strsep(&rest, "\n")) != NULL) {
			const bool filter = starts(line, "block") || starts(line, "pass");

			check_rule(line, p);
			filtering = filtering || filter;
			if ((starts(line, "rdr") || starts(line, "nat")) && filtering)
				fail_msg("translation after filter: %s", line);
			guests = guests || (filter && strstr(line, "$bridges") != NULL);
			if (p != PROFILE_OBSERVE && filter && guests &&
			    strstr(line, "$uid") != NULL)
				fail_msg("after a rule that lets users by: %s", line);
			if (starts(line, "set") || starts(line, "scrub"))
				fail_msg("an option: %s", line);
		}
		free(text);
	}
}

/* ---- lines ---- */

static char *
lines_rendered(const struct conf *c, const char *rules)
{
	char *text, *at;

	write_rules(rules);
	text = rendered(c, PROFILE_FILTERED, &pf_host_freebsd, NULL);
	at = strstr(text, "filtered.pf ----\n");
	assert_non_null(at);
	at = xstrdup(at + strlen("filtered.pf ----\n"));
	free(text);
	return at;
}

static void
assert_lines(const struct conf *c, const char *rules, const char *want)
{
	char *got = lines_rendered(c, rules);

	assert_string_equal(got, want);
	free(got);
}

static void
lines_without_a_use_are_comments(void **state)
{
	struct conf *c = some_conf(dir);

	assert_lines(c, "pass on $egress\npass on { $bridges }", "#pass on $egress\n"
	    "pass on { $bridges }\n");
	assert_lines(c, "pass user $uid\npass user { $uids } # of $bridges\n", "#pass user $uid\n"
	    "#pass user { $uids } # of $bridges\n");
	assert_lines(c, "# for $uids\npass label \"$uids\"\n",
	    "# for $uids\n#pass label \"$uids\"\n");
	assert_lines(c, "pass port $mine\npass port $uidss\n",
	    "pass port $mine\npass port $uidss\n");
	assert_lines(c, "pass \\\n  on $egress\npass\n", "#pass \n#  on $egress\npass\n");
	assert_lines(c, "pass\npass on $egress", "pass\n#pass on $egress\n");
	add_uids(c);
	assert_lines(c, "a $uid b\n", "a 1001 b\na 1002 b\na 1003 b\n");
	assert_lines(c, "a { $uid_ports } $uid # $uid\n", "a { 3128 8080 } 1001 # $uid\n"
	    "a { 9000 } 1002 # $uid\n");
	add_name(&c->egress, "em0");
	assert_lines(c, "nat on $egress -> ($egress:0)\n", "nat on em0 -> (em0:0)\n");
	free(c);
}

static void
the_log_is_that_of_the_configuration(void **state)
{
	struct conf *c = some_conf(dir);

	c->pflog = 12;
	assert_lines(c, "block log (to pflog7)\nblock log (user, to pflog7)\n# (to pflog7)\n"
	    "block log (to pflog77)\n", "block log (to pflog12)\nblock log (user, to pflog12)\n"
	    "# (to pflog7)\nblock log (to pflog77)\n");
	free(c);
}

static void
what_reaches_beyond_the_anchor_is_refused(void **state)
{
	static const char *const bad[] = { "set skip on lo0\n", " \tset limit\n", "include \"x\"\n",
		"load anchor x from \"y\"\n", "pass\n\\\nset skip on lo0\n" };
	const struct pf_render_options o = { .host = &pf_host_freebsd, .log_to_any = true };
	struct conf *c = some_conf(dir);
	struct pf_text t;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		write_rules(bad[i]);
		assert_cause(pf_text_make(c, PROFILE_FILTERED, &o, &t), "is not taken here");
	}
	assert_lines(c, "settle = \"1\"\n", "settle = \"1\"\n");
	free(c);
}

static void
interfaces_that_pf_has_no_words_for_are_refused(void **state)
{
	const struct pf_render_options o = { .host = &pf_host_freebsd, .log_to_any = true };
	struct conf *c = some_conf(dir);
	struct pf_text t;

	write_rules("pass\n");
	c->bridges.n = 1;
	copy_string(c->bridges.name[0], "vm-*", GH_IFNAME_SIZE);
	assert_cause(pf_text_make(c, PROFILE_FILTERED, &o, &t),
	    "bridge = vm-*: pf knows interfaces");
	c->bridges.n = 0;
	add_name(&c->egress, "em*");
	assert_cause(pf_text_make(c, PROFILE_FILTERED, &o, &t), "egress = em*: name each");
	c->egress.n = 0;
	assert_cause(pf_text_make(c, PROFILE_LOCKDOWN, &o, &t), "has lockdown.pf");
	assert_cause(pf_text_make(c, PROFILE_NONE, &o, &t), "no rules for profile");
	free(c);
}

static void
a_kind_of_interface_covers_what_is_of_it(void **state)
{
	struct conf_names names = { 0 };

	add_name(&names, "bridge*");
	add_name(&names, "vm-public");
	assert_true(pf_covers(&pf_host_freebsd, &names, "bridge0"));
	assert_true(pf_covers(&pf_host_freebsd, &names, "vm-public"));
	assert_false(pf_covers(&pf_host_freebsd, &names, "em0"));
	assert_true(pf_covers(&pf_host_macos, &names, "bridge100"));
	assert_true(pf_covers(&pf_host_macos, &names, "bridge107"));
	assert_false(pf_covers(&pf_host_macos, &names, "bridge108"));
	assert_false(pf_covers(&pf_host_macos, &names, "bridge0"));
	/* Nor should they: it is another's, and who is behind it is no guest. */
	assert_false(pf_means(&pf_host_macos, &names, "bridge0"));
	assert_true(pf_means(&pf_host_macos, &names, "bridge100"));
	assert_true(pf_means(&pf_host_macos, &names, "bridge108"));
	assert_true(pf_means(&pf_host_freebsd, &names, "bridge0"));
	add_name(&names, "bridge0");
	assert_true(pf_means(&pf_host_macos, &names, "bridge0"));
	assert_true(pf_covers(&pf_host_macos, &names, "bridge0"));
}

static void
an_error_is_where_the_file_has_it(void **state)
{
	const struct pf_render_options o = { .host = &pf_host_freebsd, .log_to_any = true };
	struct conf *c = some_conf(dir);
	struct pf_text t;
	char words[64];
	unsigned line;

	add_uids(c);
	write_rules("# one\npass user $uid\npass \\\n  all\nwrong\n");
	assert_null(pf_text_make(c, PROFILE_FILTERED, &o, &t));
	for (line = 1; t.line[line - 1] == 0; line++)
		continue;
	snprintf(words, sizeof(words), "stdin:%u: syntax error\nmore", line + 6);
	assert_cause(pf_text_locate(&t, xstrdup(words)), "/filtered.pf:5: syntax error");
	snprintf(words, sizeof(words), "stdin:%u: syntax error", line + 3);
	assert_cause(pf_text_locate(&t, xstrdup(words)), "/filtered.pf:2: syntax error");
	assert_cause(pf_text_locate(&t, xstrdup("stdin:2: bad")),
	    "the definitions put in front of");
	assert_cause(pf_text_locate(&t, xstrdup("stdin:99999: bad")), "the definitions put in");
	assert_cause(pf_text_locate(&t, xstrdup("other")), "other");
	pf_text_free(&t);
	free(c);
}

/* ---- pins ---- */

static struct fw_range
range(const char *src, const char *first, const char *last, uint8_t proto, uint16_t port)
{
	struct fw_range r = { .proto = proto, .port = port };

	assert_true(addr_parse(src, &r.src) && addr_parse(first, &r.first) &&
	    addr_parse(last, &r.last));
	return r;
}

static void
pins_become_rules(void **state)
{
	const struct fw_range ranges[] = {
		range("10.77.0.11", "9.0.0.0", "9.0.0.255", IPPROTO_TCP, 5432),
		range("10.77.0.11", "9.0.1.1", "9.0.1.1", IPPROTO_TCP, 443),
		range("10.77.0.11", "9.0.2.3", "9.0.2.9", IPPROTO_UDP, 53),
		range("10.77.0.11", "0.0.0.0", "255.255.255.255", IPPROTO_UDP, 123),
		range("fd77::11", "2001:db8::", "2001:db8::ffff", IPPROTO_TCP, 22),
	};
	const uint64_t second = 1000000;
	struct fw_pin p = { .seconds = 60, .port = 22, .proto = IPPROTO_TCP };
	struct pins *s = pins_new();
	char *text;

	assert_true(addr_parse("10.77.0.11", &p.src) && addr_parse("8.8.8.8", &p.dst));
	assert_null(pins_add(s, &p, second));
	p.proto = IPPROTO_UDP;
	p.seconds = 10;
	assert_null(pins_add(s, &p, second));
	assert_true(addr_parse("fd77::11", &p.src) && addr_parse("2600::1", &p.dst));
	p.seconds = 60;
	assert_null(pins_add(s, &p, second));
	assert_null(pins_set_ranges(s, ranges, sizeof(ranges) / sizeof(ranges[0]), second));
	text = pf_pins_text(s, second);
	assert_golden(text, "tests/goldens/pf_pins");
	free(text);
	/* What is over is not there any more. */
	text = pf_pins_text(s, 12 * second);
	assert_null(strstr(text, "udp from 10.77.0.11 to 8.8.8.8"));
	assert_non_null(strstr(text, "tcp from 10.77.0.11 to 8.8.8.8"));
	free(text);
	pins_free(s);
}

/* As a text has them that is shown. */
static void
what_entries_open_stands_where_the_anchor_is_called(void **state)
{
	const struct fw_range ranges[] = {
		range("10.77.0.11", "9.0.0.0", "9.0.0.255", IPPROTO_TCP, 5432),
		range("10.77.0.11", "9.0.1.1", "9.0.1.1", IPPROTO_TCP, 443),
		range("10.77.0.11", "9.0.2.3", "9.0.2.9", IPPROTO_UDP, 53),
		range("fd77::11", "2001:db8::", "2001:db8::ffff", IPPROTO_UDP, 22),
	};
	const struct fw_opened all = { ranges, 4, "# git.example.org:22: why\n" },
	    none = { ranges, 0, "" };
	static const char text[] = "rdr-anchor \"pins\" on { $bridges }\nrdr on { $bridges } all\n"
	    "anchor \"others\"\n#anchor \"pins\" in on em0\nanchor \"pins\" in on { $bridges }\nblock\n";
	char *got = pf_opened(xstrdup(text), &none);

	assert_string_equal(got, text);
	free(got);
	got = pf_opened(xstrdup(text), &all);
	assert_golden(got, "tests/goldens/pf_opened");
	free(got);
	/* Where no rule calls it, as in lockdown, there is nothing of it. */
	got = pf_opened(xstrdup("block\n"), &all);
	assert_string_equal(got, "block\n");
	free(got);
}

/* ---- recordings, each with what is read from it beside it ---- */

static void
put_rules(FILE *f, const char *section, const char *out)
{
	struct fw_rule *rules = xcalloc(RULES, sizeof(*rules));
	struct pf_label *labels = xcalloc(RULES, sizeof(*labels));
	char *list = xasprintf(PF_SECTION "%s\n%s", section, out), *cause;
	int n = pf_rules_parse(list, strlen(list), rules, RULES, &cause);
	size_t nlabels = pf_labels_parse(list, strlen(list), labels, RULES);

	assert_null(cause);
	for (int i = 0; i < n; i++)
		fprintf(f, "%s|%s|%s|%s|%" PRIu64 "|%" PRIu64 "|%s\n", rules[i].chain,
		    rules[i].family, rules[i].label, rules[i].action, rules[i].packets,
		    rules[i].bytes, rules[i].text);
	for (size_t i = 0; i < nlabels; i++)
		fprintf(f, "@%u %s\n", labels[i].number, labels[i].label);
	free(list);
	free(labels);
	free(rules);
}

static void
put_flow(const struct flow_key *k, void *arg)
{
	char src[ADDR_TEXT_SIZE], dst[ADDR_TEXT_SIZE];

	fprintf(arg, "%u %s %s %u%s\n", k->proto, addr_format(&k->src, src),
	    addr_format(&k->dst, dst), k->port, k->nat ? " redirected" : "");
}

static void
put_hook(FILE *f, const char *nat, const char *rules)
{
	struct conf *c = xcalloc(1, sizeof(*c));
	char *cause;

	add_name(&c->bridges, "bridge100");
	cause = pf_hook_check(&(struct pf_guarded){ &pf_host_freebsd, c, NULL }, nat, rules);
	free(c);
	fprintf(f, "%s\n", cause != NULL ? cause : "hooked");
	free(cause);
}

static void
put_table(FILE *f, const char *out)
{
	char *list = xasprintf(PF_SECTION "frozen\n%s", out), text[ADDR_TEXT_SIZE];
	struct fw_guest guests[8];
	bool all;
	int n = pf_frozen_parse(list, strlen(list), guests, 8, &all);

	fprintf(f, "%d%s\n", n, all ? " and everyone" : "");
	for (int i = 0; i < n; i++)
		fprintf(f, "%s\n", addr_format(&guests[i].addrs[0], text));
	free(list);
}

static void
put_tables(FILE *f, const char *out)
{
	struct pf_tables *t = xcalloc(1, sizeof(*t));
	char *cause = pf_tables_parse(out, strlen(out), t);

	for (size_t i = 0; i < t->n; i++)
		fprintf(f, "%s %" PRIu64 "%s%s%s\n", t->table[i].name, t->table[i].addresses,
		    t->table[i].counted ? "" : " (rules)", t->table[i].is_const ? " const" : "", t->table[i].persists ? " persist" : "");
	fprintf(f, "%s\n", cause != NULL ? cause : "all");
	free(cause);
	free(t);
}

static void
put_interfaces(FILE *f, const char *out)
{
	struct conf *c = xcalloc(1, sizeof(*c));
	char *cause;

	add_name(&c->bridges, "bridge*");
	c->nuids = 1;
	cause = pf_skip_check(&(struct pf_guarded){ &pf_host_freebsd, c, NULL }, out);
	free(c);
	fprintf(f, "%s\n", cause != NULL ? cause : "none is skipped");
	free(cause);
}

static void
put_anchors(FILE *f, const char *out)
{
	char name[PF_ANCHOR_SIZE];

	while (pf_anchor_listed(&out, name))
		fprintf(f, "%s\n", name);
}

static void
put_members(FILE *f, const char *out)
{
	struct pf_names *names = xcalloc(1, sizeof(*names));

	pf_members_parse(out, names);
	for (size_t i = 0; i < names->n; i++)
		fprintf(f, "%s\n", names->name[i]);
	fprintf(f, "%zu\n", names->n);
	free(names);
}

static void
put_id(const char *id, void *arg)
{
	fprintf(arg, "%s\n", id);
}

/* What was begun to guests. */
static void
put_states(FILE *f, const char *out)
{
	static const char *const nets[] = { "10.77.0.0/24", "fd77::/64", "192.168.64.0/24",
		"fd00:64::/64" };

	for (size_t i = 0; i < sizeof(nets) / sizeof(nets[0]); i++) {
		fprintf(f, "to %s:\n", nets[i]);
		pf_states_to(out, nets[i], put_id, f);
	}
}

/* "gatehouse:smb 15 2 120 2 120 0 0 0": what pfctl counts by label, each rule a line. */
static void
put_labels(FILE *f, const char *out)
{
	unsigned long long packets, bytes;
	char label[64];
	int used;

	for (; sscanf(out, "%63s %*u %llu %llu %*[^\n]%n", label, &packets, &bytes, &used) == 3;
	    out += used)
		fprintf(f, "%s %llu %llu\n", label, packets, bytes);
}

static void
put_complaint(FILE *f, const char *out)
{
	size_t len;
	const char *at = pf_complaint(out, &len);

	fprintf(f, "%.*s\n", len > 0 ? (int)len : 9, len > 0 ? at : "(nothing)");
}

static bool
ends(const char *command, const char *words)
{
	const size_t a = strlen(command), b = strlen(words);

	return a >= b && strcmp(command + a - b, words) == 0;
}

static void
put_model(FILE *f, const char *command, const char *out)
{
	const bool anchor = strstr(command, " -a ") != NULL;
	bool enabled;

	if (ends(command, "s rules") && anchor)
		put_rules(f, "rules", out);
	else if (ends(command, "s nat") && anchor)
		put_rules(f, "nat", out);
	else if (ends(command, "s rules"))
		put_hook(f, "rdr-anchor \"gatehouse\" all\n", out);
	else if (ends(command, "s nat"))
		put_hook(f, out, "anchor \"gatehouse\" all\n");
	else if (ends(command, "s info"))
		fprintf(f, "%s\n", !pf_enabled_parse(out, &enabled) ? "unclear" :
		    enabled ? "enabled" : "disabled");
	else if (ends(command, "vvs states"))
		put_states(f, out);
	else if (ends(command, "s Anchors"))
		put_anchors(f, out);
	else if (ends(command, "s labels"))
		put_labels(f, out);
	else if (starts(command, "$ ifconfig"))
		put_members(f, out);
	else if (ends(command, "s states"))
		fprintf(f, "%s\n", pf_states_parse(out, put_flow, f) ? "all" : "not all");
	else if (ends(command, "T show"))
		put_table(f, out);
	else if (ends(command, "s Tables"))
		put_tables(f, out);
	else if (ends(command, "s Interfaces"))
		put_interfaces(f, out);
	else if (ends(command, " -E"))
		fprintf(f, "%" PRIu64 "\n", pf_token_parse(out));
	else if (ends(command, "s References"))
		fprintf(f, "%d %d\n", pf_token_held(out, 15453987012345u), pf_token_held(out, 66));
	else if (strstr(command, "-nvf") != NULL) {
		char *rules = pf_rules_only(out);

		fputs(rules, f);
		free(rules);
	} else
		put_complaint(f, out);
}

/* "$ command", what it printed, "rc=0". */
static void
check_recording(const char *name)
{
	char path[PATH_SIZE], *text, *out, *end, *model;
	size_t size;
	FILE *f;

	snprintf(path, sizeof(path), "tests/firewall/recorded/%s.txt", name);
	text = slurp(source_path(path));
	assert_true(starts(text, "$ "));
	out = strchr(text, '\n');
	assert_non_null(out);
	*out++ = '\0';
	end = strstr(out, "rc=");
	assert_non_null(end);
	*end = '\0';
	f = xmemstream(&model, &size);
	put_model(f, text, out);
	fclose(f);
	snprintf(path, sizeof(path), "tests/firewall/recorded/%s.model", name);
	assert_golden(model, path);
	free(model);
	free(text);
}

static void
recordings_are_read_as_their_models_say(void **state)
{
	DIR *d = opendir(source_path("tests/firewall/recorded"));
	struct dirent *e;
	int n = 0;

	assert_non_null(d);
	while ((e = readdir(d)) != NULL) {
		if (!ends(e->d_name, ".txt"))
			continue;
		e->d_name[strlen(e->d_name) - 4] = '\0';
		check_recording(e->d_name);
		n++;
	}
	closedir(d);
	assert_true(n > 20);
}

/* Their sums by label, of all rules that one line of a file became. */
static void
counters_are_those_that_pfctl_has_by_label(void **state)
{
	char *list = slurp(source_path("tests/firewall/recorded/rules-vv.txt"));
	char *labels = slurp(source_path("tests/firewall/recorded/labels.txt"));
	struct fw_rule *rules = xcalloc(RULES, sizeof(*rules));
	char *whole = xasprintf(PF_SECTION "rules\n%s", strchr(list, '\n') + 1), *cause;
	const int n = pf_rules_parse(whole, strlen(whole), rules, RULES, &cause);

	assert_true(n > 5);
	for (int i = 0; i < n; i++) {
		uint64_t packets = 0, bytes = 0;
		unsigned long long p, b;
		char label[64];
		int used;

		if (rules[i].label[0] == '\0')
			continue;
		/* A label may be of several lines of the file. */
		for (int k = 0; k < n; k++) {
			if (strcmp(rules[k].label, rules[i].label) == 0) {
				packets += rules[k].packets;
				bytes += rules[k].bytes;
			}
		}
		for (const char *at = strchr(labels, '\n') + 1;
		    sscanf(at, "gatehouse:%63s %*u %llu %llu %*[^\n]%n", label, &p, &b, &used) == 3;
		    at += used + (at[used] == '\n')) {
			if (strcmp(label, rules[i].label) == 0) {
				packets -= p;
				bytes -= b;
			}
		}
		if (packets != 0 || bytes != 0)
			fail_msg("%s does not count as pfctl does", rules[i].label);
	}
	free(rules);
	free(whole);
	free(list);
	free(labels);
}

/* ---- hostile and odd ---- */

static void
a_listing_without_sections_is_none(void **state)
{
	static const char *const bad[] = { "", "pass all\n", "# what\npass\n", "#", "# rule" };
	struct fw_rule rules[2];
	struct fw_guest guests[2];
	char *cause;
	bool all;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(pf_rules_parse(bad[i], strlen(bad[i]), rules, 2, &cause), -1);
		assert_cause(cause, "no listing of rules");
		assert_int_equal(pf_frozen_parse(bad[i], strlen(bad[i]), guests, 2, &all), -1);
	}
	assert_int_equal(pf_rules_parse("# rules\n", 8, rules, 2, &cause), 0);
}

static void
more_rules_than_fit_are_left_out(void **state)
{
	static const char list[] = "# rules\n@0 pass in all label \"gatehouse:a\"\n"
	    "  [ Packets: 1 Bytes: 10 ]\n@1 pass in all label \"gatehouse:b\"\n"
	    "  [ Packets: 2 Bytes: 20 ]\n@2 pass in all label \"gatehouse:b\"\n"
	    "  [ Packets: 4 Bytes: 40 ]\n";
	struct fw_rule rules[2];
	char *cause;

	assert_int_equal(pf_rules_parse(list, strlen(list), rules, 1, &cause), 1);
	assert_true(rules[0].packets == 1);
	assert_int_equal(pf_rules_parse(list, strlen(list), rules, 2, &cause), 2);
	assert_true(rules[1].packets == 6 && rules[1].bytes == 60);
	assert_string_equal(rules[1].text, "pass in all, and 1 like it");
}

static uint64_t
hash_of(const char *rules)
{
	char *list = xasprintf("# nat\nrdr\n# rules\n%s# frozen\n   10.0.0.1\n", rules);
	uint64_t hash = pf_list_hash(list, strlen(list), PF_RULES);

	free(list);
	return hash;
}

static void
the_hash_is_of_rules_alone(void **state)
{
	static const char base[] =
	    "@0 pass in quick on bridge100 from any to <gh_frozen:1> label \"x\"\n"
	    "  [ Evaluations: 1 Packets: 2 Bytes: 3 States: 0 ]\n@1 block in from (self:3) to any\n";
	static const char same[] =
	    "@0 pass in quick on bridge100 from any to <gh_frozen:99> label \"x\"\n"
	    "  [ Evaluations: 9 Packets: 9 Bytes: 9 States: 9 ]\n@1 block in from (self:*) to any\n";
	static const char *const others[] = {
		"@0 pass in quick on bridge100 from any to <gh_frozen:1> label \"x\"\n",
		"@0 pass in quick on bridge101 from any to <gh_frozen:1> label \"x\"\n"
		    "@1 block in from (self:3) to any\n",
		"@0 block in from (self:3) to any\n"
		    "@1 pass in quick on bridge100 from any to <gh_frozen:1> label \"x\"\n",
	};

	assert_true(hash_of(base) != 0);
	assert_true(hash_of("") == 0);
	assert_true(hash_of(base) == hash_of(same));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_true(hash_of(base) != hash_of(others[i]));
}

static void
shown_and_wanted_addresses_are_compared_whole(void **state)
{
	static const char list[] = "# frozen\n   10.0.0.1\n   fd77::1\n";
	const size_t len = sizeof(list) - 1;

	assert_true(pf_addresses_shown(list, len, PF_FROZEN, "10.0.0.1\nfd77::1\n"));
	assert_false(pf_addresses_shown(list, len, PF_FROZEN, "10.0.0.1\n"));
	assert_false(pf_addresses_shown(list, len, PF_FROZEN, "10.0.0.11\nfd77::1\n"));
	assert_false(pf_addresses_shown(list, len, PF_FROZEN, "10.0.0.1\nfd77::1\nfd77::2\n"));
	assert_false(pf_addresses_shown(list, len, PF_FROZEN, ""));
	assert_true(pf_addresses_shown("# frozen\n", 9, PF_FROZEN, ""));
}

static char *
tables_parsed(const char *text, struct pf_tables *t)
{
	return pf_tables_parse(text, strlen(text), t);
}

static void
a_list_of_tables_is_read_whole_or_not_at_all(void **state)
{
	static const char *const bad[] = {
		"\tAddresses:   1\n", "x\n", "-pa-r--\n", "-pa-r--\t\tgatehouse\n\tAddresses: 1\n",
		"-pa-r---\tt\tg\n\tAddresses: 1\n", "-pa-r\tt\tg\n\tAddresses: 1\n",
		"p-a-r--\tt\tg\n\tAddresses: 1\n", "-pa-r--\ta b\tg\n\tAddresses: 1\n",
		"-pa-r--\tt\tg\n", "-pa-r--\tt\tg\n\tCleared: now\n",
		"-pa-r--\tt\tg\n\tAddresses: \n", "-pa-r--\tt\tg\n\tAddresses: 1x\n",
		"-pa-r--\tt\tg\n\tAddresses: 4294967296\n",
		"-pa-r--\tt\tg\n\tAddresses: 1\n\tAddresses: 1\n",
		"-pa-r--\tabcdefghijabcdefghijabcdefghijab\tg\n\tAddresses: 1\n",
		"-pa-r--\tt\tg\n\tAddresses: 1\n-pa-r",
	};
	struct pf_tables *t = xcalloc(1, sizeof(*t));

	assert_null(tables_parsed("", t));
	assert_int_equal(t->n, 0);
	/* Without an anchor, as in the main rules; without a last newline. */
	assert_null(tables_parsed("--a----\tt\n\tAddresses: 3", t));
	assert_true(t->n == 1 && t->table[0].addresses == 3);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char *cause = tables_parsed(bad[i], t);

		if (cause == NULL)
			fail_msg("read: %s", bad[i]);
		free(cause);
	}
	assert_cause(tables_parsed("-pa-r--\tt\tg\n\tAddresses: 1\n\033[2J\n", t),
	    "line 3 of \"pfctl -vvs Tables\" cannot be read: \"\\x1b[2J\"");
	free(t);
}

static void
tables_differ_by_name_number_and_kind(void **state)
{
	static const char base[] = "-pa-r--\tgh_frozen\tg\n\tAddresses: 1\n"
	    "c-a-r--\tgh_private\tg\n\tAddresses: 10\n\tReferences: [ Anchors: 0 Rules: 2 ]\n";
	static const struct {
		const char	*now, *why;
	} rows[] = {
		{ "-pa-r--\tgh_frozen\tg\n\tAddresses: 1\n", "took the table gh_private out" },
		{ "-pa-r--\tgh_frozen\tg\n\tAddresses: 1\nc-a-r--\tgh_private\tg\n\tAddresses: 0\n\tReferences: [ Anchors: 0 Rules: 1 ]\n",
		    "the table gh_private in our anchor: it has 0 addresses and not 10" },
		{ "-pa-r--\tgh_frozen\tg\n\tAddresses: 1\n--a-r--\tgh_private\tg\n\tAddresses: 10\n",
		    "the table gh_private in our anchor: it was loaded const" },
		{ "--a-r--\tgh_frozen\tg\n\tAddresses: 1\nc-a-r--\tgh_private\tg\n\tAddresses: 10\n",
		    "it was loaded persist" },
	};
	struct pf_tables *a = xcalloc(1, sizeof(*a)), *b = xcalloc(1, sizeof(*b));

	assert_null(tables_parsed(base, a));
	/* Who is frozen is another's matter, and references come and go with rules. */
	assert_null(tables_parsed("-pa----\tgh_frozen\tg\n\tAddresses: 5\n"
	    "c-a----\tgh_private\tg\n\tAddresses: 10\n", b));
	assert_null(pf_tables_differ(a, b));
	/* Where that number is of something else. */
	assert_null(tables_parsed("-pa-r--\tgh_frozen\tg\n\tAddresses: 5\n"
	    "c-a-r--\tgh_private\tg\n\tAddresses: 1\n\tReferences: [ Anchors: 0 Rules: 0 ]\n", b));
	assert_null(pf_tables_differ(a, b));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_null(tables_parsed(rows[i].now, b));
		assert_cause(pf_tables_differ(a, b), rows[i].why);
	}
	assert_null(tables_parsed(base, b));
	a->n = 1;
	assert_cause(pf_tables_differ(a, b), "put a table gh_private into our anchor");
	/* Those of rules of before go some seconds after a load: names that none has now. */
	assert_null(tables_parsed("c-a-r--\t__automatic_ee63_0\tg\n\tAddresses: 1\n"
	    "c-a-r--\t__automatic_ee63_01\tg\n\tAddresses: 1\n"
	    "-pa-r--\tgh_frozen\tg\n\tAddresses: 1\n"
	    "c-a-r--\tgh_private\tg\n\tAddresses: 10\n", a));
	pf_tables_name(a, "@0 block in from any to ! <gh_private:10>\n@1 pass to <__automatic_ee63_01>\n<");
	assert_true(pf_tables_use(a, "gh_private") && pf_tables_use(a, "__automatic_ee63_01"));
	assert_false(pf_tables_use(a, "__automatic_ee63_0") || pf_tables_use(a, "gh"));
	assert_null(tables_parsed("c-a-r--\t__automatic_ee63_01\tg\n\tAddresses: 1\n"
	    "-pa-r--\tgh_frozen\tg\n\tAddresses: 1\nc-a-r--\tgh_private\tg\n\tAddresses: 10\n", b));
	assert_null(pf_tables_differ(a, b));
	assert_null(pf_tables_differ(a, a));
	assert_null(tables_parsed("c-a-r--\t__automatic_ee63_01\tg\n\tAddresses: 1\n", b));
	assert_cause(pf_tables_differ(a, b), "took the table gh_frozen out");
	assert_null(tables_parsed("-pa-r--\tgh_frozen\tg\n\tAddresses: 1\n"
	    "c-a-r--\tgh_private\tg\n\tAddresses: 10\n", b));
	assert_cause(pf_tables_differ(a, b), "took the table __automatic_ee63_01 out");
	free(a);
	free(b);
}

static void
what_is_kept_is_read_back_or_not_at_all(void **state)
{
	static const char *const bad[] = { "", "gatehouse-pf 1\n", "gatehouse-pf 2\nend\n",
		"gatehouse-pf 1\ntoken\nend\n", "gatehouse-pf 1\ntoken 0\nend\n",
		"gatehouse-pf 1\nlog 16\nend\n", "gatehouse-pf 1\nend\nlog 7\n",
		"gatehouse-pf 1\nlog 7 x\nend\n", "gatehouse-pf 1\nlog 7 1 1\nend\n",
		"gatehouse-pf 1\nlog 7\n\nend\n", "gatehouse-pf 1\nhello 7\nend\n",
		"gatehouse-pf 1\nshut 0 7\nend\n", "gatehouse-pf 1\nshut 2\nend\n" };
	struct pf_keep k;

	assert_true(pf_keep_parse("gatehouse-pf 1\ntoken 18446744073709551615\nlog 7\nend\n", &k));
	assert_true(k.token == UINT64_MAX && k.made_log && k.log == 7);
	assert_true(pf_keep_parse("gatehouse-pf 1\nlog 7 90\nshut 1 90\nend\n", &k));
	assert_true(k.shut && k.made_log && k.log == 7 && k.booted == 90);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(pf_keep_parse(bad[i], &k));
		assert_true(k.token == 0 && !k.made_log && !k.shut);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(filtered_for_two_bridges_users_and_an_egress),
		cmocka_unit_test(lockdown_for_every_bridge_of_macos),
		cmocka_unit_test(observe_for_every_bridge_of_freebsd),
		cmocka_unit_test(every_rule_is_quick_labelled_and_logged),
		cmocka_unit_test(lines_without_a_use_are_comments),
		cmocka_unit_test(the_log_is_that_of_the_configuration),
		cmocka_unit_test(what_reaches_beyond_the_anchor_is_refused),
		cmocka_unit_test(interfaces_that_pf_has_no_words_for_are_refused),
		cmocka_unit_test(a_kind_of_interface_covers_what_is_of_it),
		cmocka_unit_test(an_error_is_where_the_file_has_it),
		cmocka_unit_test(pins_become_rules),
		cmocka_unit_test(what_entries_open_stands_where_the_anchor_is_called),
		cmocka_unit_test(recordings_are_read_as_their_models_say),
		cmocka_unit_test(counters_are_those_that_pfctl_has_by_label),
		cmocka_unit_test(a_listing_without_sections_is_none),
		cmocka_unit_test(more_rules_than_fit_are_left_out),
		cmocka_unit_test(the_hash_is_of_rules_alone),
		cmocka_unit_test(shown_and_wanted_addresses_are_compared_whole),
		cmocka_unit_test(a_list_of_tables_is_read_whole_or_not_at_all),
		cmocka_unit_test(tables_differ_by_name_number_and_kind),
		cmocka_unit_test(what_is_kept_is_read_back_or_not_at_all),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
