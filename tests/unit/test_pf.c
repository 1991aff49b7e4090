/*
 * The pf backend by way of firewall.h, with a pfctl that plays the kernel
 * (tests/firewall/pfctl): what it is called with, and what is believed of it.
 */
#include "config.h"

#include "unit.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "addr.h"
#include "firewall/pf.h"
#include "xmalloc.h"

enum { PATH_SIZE = 512, FILE_SIZE = 1 << 20 };

static char dir[64], pfctl[PATH_SIZE], ifconfig[PATH_SIZE];
static struct pf_host host;
static struct conf conf;
static struct firewall *fw;

/* This test's host, in place of the one it runs on. */
const struct pf_host *
pf_host_here(void)
{
	return &host;
}

/* -1: there is no such setting. */
static int pfil_member, pfil_bridge, pfil_local_phys, pfil_onlyip, member_addrs;

bool
pf_bridge_setting(const char *name, int *value)
{
	static const struct {
		const char	*name;
		const int	*value;
	} rows[] = {
		{ "net.link.bridge.pfil_member", &pfil_member },
		{ "net.link.bridge.pfil_bridge", &pfil_bridge },
		{ "net.link.bridge.pfil_local_phys", &pfil_local_phys },
		{ "net.link.bridge.pfil_onlyip", &pfil_onlyip },
		{ PF_MEMBER_ADDRS, &member_addrs },
	};

	*value = -1;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strcmp(name, rows[i].name) == 0)
			*value = *rows[i].value;
	}
	return *value != -1;
}

static unsigned times_set;

bool
pf_bridge_set(const char *name, int value)
{
	assert_string_equal(name, PF_MEMBER_ADDRS);
	times_set++;
	member_addrs = value;
	return true;
}

/* The interface that is in a group of this name. */
static const char *grouped, *group_of_it;

bool
pf_in_group(const char *ifname, const char *group)
{
	return grouped != NULL && strcmp(ifname, grouped) == 0 && strcmp(group, group_of_it) == 0;
}

bool
fw_means(const struct conf_names *bridges, const char *ifname)
{
	return pf_means(pf_host_here(), bridges, ifname);
}

bool
fw_covers(const struct conf_names *bridges, const char *ifname)
{
	return pf_covers(pf_host_here(), bridges, ifname);
}

char *
fw_cuts_others(const struct conf_names *bridges)
{
	return pf_nets_bridged(pf_host_here(), bridges, NULL);
}

const struct fw_backend *
fw_backend_here(void)
{
	return fw_backend_find("pf");
}

/* ---- the kernel's folder ---- */

static char *
path_of(const char *name)
{
	static char path[PATH_SIZE];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void
put(const char *name, const char *text)
{
	FILE *f = fopen(path_of(name), "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

/* "" where it is not there; valid until the next call. */
static const char *
get(const char *name)
{
	static char text[FILE_SIZE];
	FILE *f = fopen(path_of(name), "r");
	size_t n = 0;

	if (f != NULL) {
		n = fread(text, 1, sizeof(text) - 1, f);
		fclose(f);
	}
	text[n] = '\0';
	return text;
}

static bool
is_there(const char *name)
{
	return access(path_of(name), F_OK) == 0;
}

static void
gone(const char *name)
{
	unlink(path_of(name));
}

/* Since the last time, without the folder's name. */
static void
assert_calls(const char *want)
{
	assert_string_equal(get("calls"), want);
	gone("calls");
}

static void
assert_call(const char *line)
{
	const char *calls = get("calls");

	if (strstr(calls, line) == NULL)
		fail_msg("never called with \"%s\", but:\n%s", line, calls);
}

static void
assert_no_call(const char *line)
{
	const char *calls = get("calls");

	if (strstr(calls, line) != NULL)
		fail_msg("called with \"%s\":\n%s", line, calls);
}

static void
links_of(const char *from, const char *to)
{
	const char *src = getenv("abs_srcdir");
	char path[PATH_SIZE];

	snprintf(path, sizeof(path), "%s/tests/firewall/pfctl", src != NULL ? src : ".");
	snprintf(pfctl, sizeof(pfctl), "%s/%s", dir, from);
	snprintf(ifconfig, sizeof(ifconfig), "%s/%s", dir, to);
	assert_int_equal(symlink(path, pfctl), 0);
	assert_int_equal(symlink(path, ifconfig), 0);
}

static void
conf_make(void)
{
	const char *src = getenv("abs_srcdir");

	memset(&conf, 0, sizeof(conf));
	conf.proxy_port = 8643;
	conf.explicit_port = 3128;
	conf.dns_port = 8653;
	conf.pflog = 7;
	snprintf(conf.state, sizeof(conf.state), "%s", dir);
	snprintf(conf.rules[0], sizeof(conf.rules[0]), "%s/rules", src != NULL ? src : ".");
	copy_string(conf.path, "/etc/gatehouse/gatehouse.conf", sizeof(conf.path));
	/* One that is there on the host of this test, for its networks. */
	conf.bridges.n = 1;
	copy_string(conf.bridges.name[0], "lo", GH_IFNAME_SIZE);
}

static int
setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/gatehouse-test-pf-XXXXXX");
	assert_non_null(mkdtemp(dir));
	assert_int_equal(mkdir(path_of("anchors"), 0700), 0);
	assert_int_equal(mkdir(path_of("tables"), 0700), 0);
	links_of("pfctl", "ifconfig");
	put("main.rules", "anchor \"gatehouse\" all\npass all flags S/SA keep state\n");
	put("main.nat", "nat-anchor \"gatehouse\" all\nrdr-anchor \"gatehouse\" all\n");
	put("interfaces", "em0\n\tCleared:     Sun Nov 22 02:04:58 2026\nlo0 (skip)\n");
	put("states", "");
	put("enabled", "");
	host = pf_host_freebsd;
	host.pfctl = pfctl;
	host.ifconfig = ifconfig;
	host.seconds = 5;
	host.members = false;
	pfil_member = pfil_bridge = pfil_local_phys = pfil_onlyip = member_addrs = -1;
	grouped = NULL;
	conf_make();
	return 0;
}

static int
teardown(void **state)
{
	char command[PATH_SIZE + 16];

	(void)state;
	firewall_close(fw);
	fw = NULL;
	snprintf(command, sizeof(command), "rm -r '%s'", dir);
	return system(command);
}

/* ---- helpers ---- */

static void
opened(void)
{
	char *cause;

	fw = firewall_open(&conf, &cause);
	assert_null(cause);
	assert_non_null(fw);
}

static void
applied(enum profile profile)
{
	char *cause = firewall_apply(fw, profile);

	if (cause != NULL)
		fail_msg("not applied: %s", cause);
	assert_int_equal(firewall_profile(fw), profile);
}

/* In force, and nothing to be said. */
static void
assert_well(void)
{
	struct fw_status s;

	firewall_check(fw, &s);
	assert_string_equal(s.cause, "");
	assert_true(s.loaded && !s.drift && s.verified != 0);
}

static void
assert_drift(const char *part)
{
	struct fw_status s;

	firewall_check(fw, &s);
	if (strstr(s.cause, part) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", s.cause, part);
	assert_true(s.drift);
}

static struct addr
addr(const char *text)
{
	struct addr a;

	assert_true(addr_parse(text, &a));
	return a;
}

static struct fw_guest
guest(const char *a, const char *b)
{
	struct fw_guest g = { .naddrs = 1 };

	g.addrs[0] = addr(a);
	if (b != NULL)
		g.addrs[g.naddrs++] = addr(b);
	return g;
}

/* What is remembered to be given back; log -1: no interface. */
static void
assert_kept(uint64_t token, int log)
{
	struct pf_keep k;

	assert_true(pf_keep_parse(get("pf"), &k));
	assert_true(k.token == token);
	assert_int_equal(k.made_log ? (int)k.log : -1, log);
}

/* ---- what it is called with ---- */

static void
it_opens_the_log_interface_it_needs(void **state)
{
	opened();
	assert_calls("pfctl -s info env=0\n"
	    "ifconfig pflog7 env=0\n"
	    "ifconfig pflog7 create env=0\n"
	    "ifconfig pflog7 up env=0\n"
	    "pfctl -a gatehouse -nvf - env=0\n");
	assert_kept(0, 7);
	firewall_close(fw);
	fw = NULL;
	assert_calls("ifconfig pflog7 destroy env=0\n");
	assert_kept(0, -1);
}

static void
an_interface_of_somebody_elses_stays(void **state)
{
	put("pflog7", "");
	opened();
	firewall_close(fw);
	fw = NULL;
	assert_no_call("create");
	assert_no_call("destroy");
	assert_true(is_there("pflog7"));
}

static void
what_rules_in_force_log_to_stays(void **state)
{
	opened();
	applied(PROFILE_FILTERED);
	firewall_close(fw);
	assert_true(is_there("pflog7"));
	/* And is known for ours when the daemon comes again. */
	opened();
	assert_null(firewall_flush(fw));
	firewall_close(fw);
	fw = NULL;
	assert_false(is_there("pflog7"));
}

static void
a_log_interface_that_is_taken_away_is_made_again(void **state)
{
	opened();
	applied(PROFILE_FILTERED);
	assert_well();
	assert_false(firewall_log_is_new(fw));
	gone("pflog7");
	gone("calls");
	assert_well();
	assert_call("ifconfig pflog7 create env=0\nifconfig pflog7 up env=0\n");
	assert_kept(0, 7);
	/* The rules log to it by its name, and whoever reads it is told once. */
	assert_no_call("-f -");
	assert_true(firewall_log_is_new(fw));
	assert_false(firewall_log_is_new(fw));
	/* Where that cannot be done, rules log to the one that there is, as net then reads. */
	put("pflog0", "");
	gone("pflog7");
	put("no-pflog", "");
	assert_well();
	assert_non_null(strstr(get("anchors/gatehouse"), "\nblock return in log quick"));
	assert_true(firewall_log_is_new(fw));
	gone("no-pflog");
}

static void
an_interface_that_we_made_before_the_host_was_started_anew_is_another(void **state)
{
	opened();
	applied(PROFILE_FILTERED);
	firewall_close(fw);
	fw = NULL;
	/* It is there again, and not by us: these rules are gone with ours. */
	put("pf", "gatehouse-pf 1\nlog 7 1000\nend\n");
	opened();
	firewall_close(fw);
	fw = NULL;
	assert_no_call("pflog7 destroy");
	assert_true(is_there("pflog7"));
}

static void
a_load_is_one_run_for_each_anchor(void **state)
{
	opened();
	gone("calls");
	applied(PROFILE_FILTERED);
	assert_calls("pfctl -s nat env=0\n"
	    "pfctl -s rules env=0\n"
	    "pfctl -vvs Interfaces env=0\n"
	    "pfctl -a gatehouse/pins -f - env=0\n"
	    "pfctl -a gatehouse/pins -vvs nat env=0\n"
	    "pfctl -a gatehouse/pins -vvs rules env=0\n"
	    "pfctl -a gatehouse -f - env=0\n"
	    "pfctl -a gatehouse -vvs nat env=0\n"
	    "pfctl -a gatehouse -vvs rules env=0\n"
	    "pfctl -a gatehouse -vvs Tables env=0\n"
	    "pfctl -s info env=0\n"
	    "pfctl -k 127.0.0.0/8 env=0\n"
	    "pfctl -vvs states env=0\n"
	    "pfctl -k ::1/128 env=0\n"
	    "pfctl -vvs states env=0\n");
	assert_well();
}

static void
what_is_loaded_is_what_is_shown_as_text(void **state)
{
	char *cause, *text;

	opened();
	applied(PROFILE_LOCKDOWN);
	text = fw_render(&conf, PROFILE_LOCKDOWN, &cause);
	assert_null(cause);
	assert_string_equal(get("anchors/gatehouse"), text);
	free(text);
}

static void
only_what_changes_something_cuts(void **state)
{
	opened();
	applied(PROFILE_FILTERED);
	gone("calls");
	applied(PROFILE_FILTERED);
	assert_no_call("-k ");
	applied(PROFILE_LOCKDOWN);
	assert_call("pfctl -k 127.0.0.0/8 ");
	gone("calls");
	applied(PROFILE_OBSERVE);
	assert_no_call("-k ");
	applied(PROFILE_FILTERED);
	assert_call("pfctl -k 127.0.0.0/8 ");
}

static void
a_flush_leaves_nothing_of_ours(void **state)
{
	opened();
	applied(PROFILE_FILTERED);
	gone("calls");
	assert_null(firewall_flush(fw));
	assert_calls("pfctl -a gatehouse -F all env=0\npfctl -a gatehouse/pins -F all env=0\n");
	assert_false(is_there("anchors/gatehouse"));
	assert_true(is_there("enabled"));
	assert_int_equal(firewall_profile(fw), PROFILE_NONE);
}

/* ---- enabling ---- */

static void
pf_is_enabled_where_it_is_not(void **state)
{
	gone("enabled");
	opened();
	applied(PROFILE_FILTERED);
	assert_call("pfctl -e env=0\n");
	assert_well();
	gone("calls");
	applied(PROFILE_FILTERED);
	assert_no_call("pfctl -e");
}

static void
a_token_is_taken_once_and_given_back(void **state)
{
	host = pf_host_macos;
	host.pfctl = pfctl;
	host.ifconfig = ifconfig;
	host.seconds = 5;
	put("main.rules", "scrub-anchor \"com.apple/*\" all fragment reassemble\n"
	    "anchor \"com.apple/*\" all\n");
	put("main.nat", "nat-anchor \"com.apple/*\" all\nrdr-anchor \"com.apple/*\" all\n");
	put("references", "No ALTQ\n");
	put("macos", "");
	put("warns", "pfctl: Use of -f option, could result in flushing of rules\n"
	    "present in the main ruleset added by the system at startup.\n"
	    "See /etc/pf.conf for further details.\n\n");
	gone("enabled");
	opened();
	applied(PROFILE_FILTERED);
	assert_call("pfctl -a com.apple/gatehouse -f - env=0\n");
	assert_call("pfctl -E env=0\n");
	assert_kept(15453987012345, 7);
	assert_well();
	/* Over a restart it is the same, */
	firewall_close(fw);
	gone("calls");
	opened();
	applied(PROFILE_FILTERED);
	assert_no_call("-E");
	/* unless the host was started anew. */
	put("references", "");
	applied(PROFILE_FILTERED);
	assert_call("pfctl -E env=0\n");
	assert_null(firewall_flush(fw));
	assert_call("pfctl -X 15453987012345 env=0\n");
	assert_no_call("pfctl -d");
	assert_kept(0, 7);
}

/* ---- nothing is claimed ---- */

static void
without_a_hook_nothing_is_loaded(void **state)
{
	opened();
	put("main.nat", "");
	assert_cause(firewall_apply(fw, PROFILE_FILTERED), "its main rules lack: rdr-anchor "
	    "\"gatehouse\" (\"gatehouse setup\" adds");
	assert_false(is_there("anchors/gatehouse"));
	put("main.nat", "rdr-anchor \"gatehouse\" all\n");
	put("main.rules", "pass all flags S/SA keep state\n");
	assert_cause(firewall_apply(fw, PROFILE_FILTERED), "lack: anchor \"gatehouse\"");
	put("main.rules", "anchor \"gatehouse\" in on em0 all\n");
	assert_cause(firewall_apply(fw, PROFILE_FILTERED), "lack: anchor \"gatehouse\"");
	assert_int_equal(firewall_profile(fw), PROFILE_NONE);
	/* Where guests are masqueraded, a third is needed. */
	put("main.rules", "anchor \"gatehouse\" all\n");
	conf.egress.n = 1;
	copy_string(conf.egress.name[0], "em0", GH_IFNAME_SIZE);
	firewall_reconf(fw, &conf);
	assert_cause(firewall_apply(fw, PROFILE_FILTERED), "lack: nat-anchor \"gatehouse\"");
}

static void
a_host_that_decides_first_is_told(void **state)
{
	opened();
	put("main.rules", "pass quick on em0 all flags S/SA keep state\n"
	    "anchor \"gatehouse\" all\n");
	applied(PROFILE_FILTERED);
	put("main.rules", "pass quick all flags S/SA keep state\nanchor \"gatehouse\" all\n");
	assert_drift("\"pass quick all flags S/SA keep state\" decides before gatehouse");
	put("main.rules", "pass in quick on lo proto tcp all\nanchor \"gatehouse\" all\n");
	assert_drift("decides before gatehouse");
	/* What guests never use may go first, but not where users are guarded. */
	put("main.rules", "pass in quick on em0 all\npass out quick on em0 all\n"
	    "anchor \"gatehouse\" all\n");
	assert_well();
	conf.nuids = 1;
	conf.uids[0].uid = 1001;
	firewall_reconf(fw, &conf);
	assert_drift("\"pass out quick on em0 all\" decides before gatehouse");
	put("main.rules", "anchor \"gatehouse\" all\npass quick all\n");
	put("main.nat", "rdr-anchor \"gatehouse\" all\n"
	    "rdr pass on lo inet proto tcp from any to any port = 22 -> 10.0.0.1\n");
	assert_drift("decides before gatehouse");
}

static void
a_skipped_interface_is_told(void **state)
{
	opened();
	applied(PROFILE_FILTERED);
	put("interfaces", "lo (skip)\n");
	assert_drift("set skip on lo\"");
	put("interfaces", "lo0 (skip)\n");
	assert_well();
	conf.nuids = 1;
	conf.uids[0].uid = 1001;
	firewall_reconf(fw, &conf);
	assert_drift("set skip on lo0\"");
	/* A guarded user is stopped wherever its packets leave, but not there. */
	put("interfaces", "em0\nwg0 (skip)\n");
	assert_drift("set skip on wg0\"");
}

/* What guests send to a member's own hardware address is asked there, or nowhere. */
static void
a_member_that_is_skipped_or_passed_ahead_is_told(void **state)
{
	host.members = true;
	put("interfaces", "em0\n");
	put("lo.members", "\tmember: tap3 flags=143<LEARNING>\n");
	opened();
	put("interfaces", "tap3 (skip)\n");
	assert_cause(firewall_apply(fw, PROFILE_FILTERED), "set skip on tap3\"");
	put("interfaces", "tap4 (skip)\n");
	applied(PROFILE_FILTERED);
	assert_well();
	/* A member that comes later is one, too. */
	put("lo.members", "\tmember: tap3 flags=143<LEARNING>\n\tmember: tap4 flags=143<LEARNING>\n");
	assert_drift("set skip on tap4\"");
	/* Also after a load that was looked at with other bridges, and failed. */
	conf.bridges.n = 0;
	put("mode", "-f refuse");
	firewall_reconf(fw, &conf);
	assert_cause(firewall_apply(fw, PROFILE_FILTERED), "Operation not permitted");
	gone("mode");
	conf.bridges.n = 1;
	firewall_reconf(fw, &conf);
	assert_drift("set skip on tap4\"");
	/* By its group. */
	put("interfaces", "tap (skip)\n");
	assert_well();
	grouped = "tap3";
	group_of_it = "tap";
	assert_drift("set skip on tap\"");
	put("interfaces", "em0\n");
	put("main.rules", "pass in quick on tap4 all\nanchor \"gatehouse\" all\n");
	assert_drift("\"pass in quick on tap4 all\" decides before gatehouse");
	put("main.rules", "pass in quick on tap9 all\nanchor \"gatehouse\" all\n");
	assert_well();
	gone("lo.members");
}

static void
what_is_translated_past_the_filter_is_told(void **state)
{
	opened();
	applied(PROFILE_FILTERED);
	put("main.nat", "nat-anchor \"gatehouse\" all\nrdr-anchor \"gatehouse\" all\n"
	    "nat pass on em0 inet all -> 192.0.2.1\n");
	assert_well();
	conf.nuids = 1;
	conf.uids[0].uid = 1001;
	put("interfaces", "em0\n");
	firewall_reconf(fw, &conf);
	assert_drift("nat pass on em0");
	conf.nuids = 0;
	firewall_reconf(fw, &conf);
	put("main.nat", "nat pass on lo inet all -> 192.0.2.1\nrdr-anchor \"gatehouse\" all\n");
	assert_drift("nat pass on lo");
}

static void
a_rule_for_a_group_of_interfaces_may_be_for_a_bridge(void **state)
{
	copy_string(conf.bridges.name[0], "lo0", GH_IFNAME_SIZE);
	put("interfaces", "em0\n");
	opened();
	put("main.rules", "pass in quick on vms all\nanchor \"gatehouse\" all\n");
	assert_cause(firewall_apply(fw, PROFILE_FILTERED), "pass in quick on vms");
	/* Where there are no groups it is the name of one. */
	host.groups = false;
	applied(PROFILE_FILTERED);
}

/* As on macOS, where pf sees nothing of what passes a bridge between its members. */
static void
a_guarded_bridge_with_a_way_to_the_lan_is_told(void **state)
{
	struct fw_status status;

	opened();
	put("lo.members", "\tmember: vmenet0 flags=3<LEARNING,DISCOVER>\n");
	applied(PROFILE_FILTERED);
	firewall_check(fw, &status);
	assert_int_equal(status.uncovered, 0);
	assert_string_equal(status.cause, "");
	put("lo.members", "\tmember: vmenet0 flags=3<LEARNING,DISCOVER>\n"
	    "\tmember: en0 flags=3<LEARNING,DISCOVER>\n");
	firewall_check(fw, &status);
	assert_int_equal(status.uncovered, 1);
	assert_int_equal(status.drift, 0);
	assert_non_null(strstr(status.cause, "lo has en0 as a member"));
	gone("lo.members");
}

/* As vm-bhyve renames bridges: "on bridge" is for it still, and so is all else. */
static void
a_renamed_bridge_is_one_of_its_group(void **state)
{
	copy_string(conf.bridges.name[0], "bridge*", GH_IFNAME_SIZE);
	put("interfaces", "em0\n");
	host.members = true;
	put("lo.members", "\tmember: tap3 flags=3<LEARNING,DISCOVER>\n");
	opened();
	gone("calls");
	applied(PROFILE_FILTERED);
	assert_no_call("-k 127.0.0.0/8");
	grouped = "lo";
	group_of_it = "bridge";
	assert_well();
	assert_call("ifconfig lo env=0\n");
	assert_non_null(strstr(get("anchors/gatehouse"), "tap3"));
	gone("calls");
	applied(PROFILE_LOCKDOWN);
	assert_call("pfctl -k 127.0.0.0/8 env=0\n");
	assert_call("pfctl -i lo -k 0.0.0.0/0 env=0\n");
	put("interfaces", "lo (skip)\n");
	assert_drift("set skip on lo\"");
	gone("lo.members");
}

/* As on FreeBSD, where rules hold for what is behind an uplink of a bridge too. */
static void
a_bridge_with_an_uplink_is_guarded_only_if_it_is_named(void **state)
{
	static const char why[] = "em0 in lo leads to others, whom \"bridge\" of [guard] makes guests, "
	    "your ssh too: name there the guests' own bridges, or lo itself if that is meant";
	struct fw_status status;

	copy_string(conf.bridges.name[0], "lo*", GH_IFNAME_SIZE);
	put("interfaces", "em0\n");
	host.members = true;
	put("lo.members", "\tmember: tap3 flags=3<LEARNING,DISCOVER>\n"
	    "\tmember: em0 flags=3<LEARNING,DISCOVER>\n");
	opened();
	assert_cause(fw_cuts_others(&conf.bridges), why);
	assert_cause(firewall_apply(fw, PROFILE_FILTERED), why);
	assert_false(is_there("anchors/gatehouse"));
	/* What blocks nothing cuts nobody off, but the next profile would. */
	applied(PROFILE_OBSERVE);
	firewall_check(fw, &status);
	assert_int_equal(status.uncovered, 1);
	assert_string_equal(status.cause, why);
	assert_cause(firewall_apply(fw, PROFILE_LOCKDOWN), why);
	/* Named itself it is meant. */
	copy_string(conf.bridges.name[0], "lo", GH_IFNAME_SIZE);
	firewall_reconf(fw, &conf);
	assert_null(fw_cuts_others(&conf.bridges));
	applied(PROFILE_FILTERED);
	assert_well();
	/* What holds already goes on, over a restart of ours too, and is told. */
	copy_string(conf.bridges.name[0], "lo*", GH_IFNAME_SIZE);
	firewall_reconf(fw, &conf);
	applied(PROFILE_LOCKDOWN);
	firewall_close(fw);
	opened();
	applied(PROFILE_LOCKDOWN);
	firewall_check(fw, &status);
	assert_string_equal(status.cause, why);
	gone("lo.members");
}

static void
ends_of_guests_are_no_uplink(void **state)
{
	static const char *const ends[] = { "tap0", "vmnet1", "epair3a", "vnet0.4", "ngeth0" };

	host.members = true;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		assert_true(pf_is_guests_end(&host, ends[i]));
	assert_false(pf_is_guests_end(&host, "em0"));
	assert_false(pf_is_guests_end(&host, "e0a_web"));
	/* As a jail's, made by jib(8): it was an epair. */
	grouped = "e0a_web";
	group_of_it = "epair";
	assert_true(pf_is_guests_end(&host, "e0a_web"));
}

/* pfctl says of it on stderr alone that it broke off. */
static void
half_a_listing_is_not_taken_for_the_rules(void **state)
{
	struct fw_status status;

	opened();
	applied(PROFILE_FILTERED);
	put("mode", "info half\n");
	firewall_check(fw, &status);
	assert_int_equal(status.drift, 0);
	assert_non_null(strstr(status.cause, "DIOCGETRULE: Device busy"));
	gone("mode");
	assert_well();
}

static void
a_bridge_that_asks_pf_at_its_members_is_told(void **state)
{
	opened();
	pfil_member = 1;
	pfil_bridge = 1;
	assert_cause(firewall_apply(fw, PROFILE_FILTERED), "sysctl net.link.bridge.pfil_member=0");
	pfil_member = 0;
	applied(PROFILE_FILTERED);
	assert_well();
	pfil_bridge = 0;
	assert_drift("sysctl net.link.bridge.pfil_bridge=1");
	pfil_bridge = 1;
	pfil_local_phys = 1;
	assert_drift("sysctl net.link.bridge.pfil_local_phys=0");
	pfil_local_phys = 0;
	pfil_onlyip = 0;
	assert_drift("sysctl net.link.bridge.pfil_onlyip=1");
	pfil_onlyip = 1;
	assert_well();
}

/* On macOS the table behind "(self)" stays empty: rules with it would match nothing. */
static void
where_self_follows_nothing_this_hosts_addresses_are_listed(void **state)
{
	const char *line, *at;

	host.self_follows = false;
	opened();
	applied(PROFILE_FILTERED);
	/* This host may have others that go before it. */
	line = strstr(get("anchors/gatehouse"), "\nthis_host = \"");
	assert_non_null(line);
	at = strstr(line, "127.0.0.1");
	assert_true(at != NULL && at < strchr(line + 1, '\n'));
	host.self_follows = true;
	applied(PROFILE_FILTERED);
	assert_non_null(strstr(get("anchors/gatehouse"), "\nthis_host = \"(self)\"\n"));
}

static void
members_of_a_bridge_are_followed(void **state)
{
	struct fw_status status;
	char *cause = NULL;

	host.members = true;
	put("lo.members", "lo: flags=8843<UP> metric 0 mtu 1500\n\tmember: tap0 flags=143<LEARNING>\n"
	    "\t        ifmaxaddr 0 port 5\n\tmember: bad;name flags=143<LEARNING>\n");
	opened();
	applied(PROFILE_FILTERED);
	assert_non_null(strstr(get("anchors/gatehouse"), "\nmembers = \"tap0\"\n"));
	assert_well();
	put("lo.members", "\tmember: tap0 flags=143<LEARNING>\n\tmember: tap1 flags=143<LEARNING>\n");
	gone("calls");
	/* Also if somebody asked what a load would change. */
	free(firewall_diff(fw, PROFILE_FILTERED, &cause));
	assert_null(cause);
	assert_well();
	assert_non_null(strstr(get("anchors/gatehouse"), "\nmembers = \"tap0 tap1\"\n"));
	/* Nobody's connections end for that but what began by the new one. */
	assert_call("pfctl -i tap1 -k 0.0.0.0/0 env=0\n");
	assert_call("pfctl -i tap1 -k ::/0 env=0\n");
	assert_no_call("pfctl -i tap0");
	assert_no_call("pfctl -k ");
	gone("calls");
	assert_well();
	assert_no_call("-f -");
	gone("lo.members");
	assert_well();
	assert_null(strstr(get("anchors/gatehouse"), "\nmembers = "));
	assert_null(strstr(get("anchors/gatehouse"), "\nblock drop in log (to pflog7) quick on { $members }"));
	/* One with addresses takes in what is for them, and no rule is asked. */
	put("lo.members", "\tmember: lo flags=143<LEARNING>\n");
	firewall_check(fw, &status);
	assert_non_null(strstr(status.cause, "lo, a member of a guarded bridge, has addresses of its own"));
	assert_non_null(strstr(status.cause, "have the guests on a bridge without it"));
	assert_int_equal(status.uncovered, 1);
}

/* A new member is then no way to the host's own addresses before anyone has looked at it. */
static void
bridges_take_nothing_in_for_members_that_are_guests_ends(void **state)
{
	host.members = true;
	grouped = "lo";
	group_of_it = "bridge";
	times_set = 0;
	opened();
	applied(PROFILE_FILTERED);
	/* Where there is no such setting, no member, or one that may be this host's own. */
	put("lo.members", "\tmember: tap0 flags=143<LEARNING>\n");
	assert_well();
	member_addrs = 1;
	put("lo.members", "");
	assert_well();
	put("lo.members", "\tmember: tap0 flags=143<LEARNING>\n\tmember: em0 flags=143<LEARNING>\n");
	assert_well();
	put("lo.members", "\tmember: lo flags=143<LEARNING>\n");
	firewall_check(fw, &(struct fw_status){ 0 });
	assert_int_equal(times_set, 0);
	put("lo.members", "\tmember: tap0 flags=143<LEARNING>\n");
	assert_well();
	assert_true(times_set == 1 && member_addrs == 0);
	assert_non_null(strstr(get("pf"), "\nshut 1 "));
	/* Who sets it back wants it so. */
	member_addrs = 1;
	assert_well();
	assert_int_equal(times_set, 1);
	member_addrs = 0;
	/* Over a restart of ours it is ours to set back. */
	firewall_close(fw);
	opened();
	applied(PROFILE_LOCKDOWN);
	assert_null(firewall_flush(fw));
	assert_true(times_set == 2 && member_addrs == 1);
	assert_null(strstr(get("pf"), "shut"));
	assert_null(firewall_flush(fw));
	assert_int_equal(times_set, 2);
	/* That which another has set is left alone. */
	member_addrs = 0;
	applied(PROFILE_FILTERED);
	firewall_check(fw, &(struct fw_status){ 0 });
	assert_null(firewall_flush(fw));
	assert_int_equal(times_set, 2);
	gone("lo.members");
}

/* ---- anchors of others ---- */

static void
an_anchor_ahead_of_ours_that_decides_is_told(void **state)
{
	opened();
	put("main.rules", "anchor \"vpn\" all\nanchor \"gatehouse\" all\nanchor \"late\" all\n");
	put("anchors/vpn", "block drop in all\npass in quick on em0 all\n");
	put("anchors/late", "pass quick all\n");
	applied(PROFILE_FILTERED);
	assert_well();
	put("anchors/vpn", "pass out all\npass quick all\n");
	assert_drift("the rule \"pass quick all\" in the anchor vpn decides before");
	assert_cause(firewall_apply(fw, PROFILE_FILTERED), "in the anchor vpn");
	/* One that is itself quick makes any pass in it final. */
	put("anchors/vpn", "pass in all\n");
	assert_well();
	put("main.rules", "anchor \"vpn\" quick all\nanchor \"gatehouse\" all\n");
	assert_drift("in the anchor vpn");
	/* Of what it asks in turn, too. */
	put("main.rules", "anchor \"vpn\" all\nanchor \"gatehouse\" all\n");
	put("anchors/vpn", "anchor \"sub\" all\n");
	put("anchors/vpn+sub", "pass quick all\n");
	assert_drift("in the anchor vpn/sub");
	/* One for another interface is not asked for guests. */
	put("main.rules", "anchor \"vpn\" on em0 all\nanchor \"gatehouse\" all\n");
	assert_well();
}

static void
siblings_of_ours_are_looked_into_by_their_order(void **state)
{
	host.anchor = "com.apple/gatehouse";
	host.pins = "com.apple/gatehouse/pins";
	host.hook = "com.apple/*";
	put("main.rules", "anchor \"com.apple/*\" all\n");
	put("main.nat", "nat-anchor \"com.apple/*\" all\nrdr-anchor \"com.apple/*\" all\n");
	put("anchors/com.apple+200.AirDrop", "pass in on awdl0 all\n");
	put("anchors/com.apple+zlast", "pass quick all\n");
	opened();
	applied(PROFILE_FILTERED);
	assert_well();
	put("anchors/com.apple+000", "pass quick all\n");
	assert_drift("in the anchor com.apple/000 decides before");
	gone("anchors/com.apple+000");
	/* What redirects past the filter does so wherever it is. */
	put("anchors/com.apple+zlast", "rdr pass inet proto tcp all -> 10.0.0.1\n");
	assert_drift("in the anchor com.apple/zlast");
}

static void
anchors_in_circles_have_an_end(void **state)
{
	opened();
	put("main.rules", "anchor \"a\" all\nanchor \"gatehouse\" all\n");
	put("anchors/a", "anchor \"/a\" all\n");
	assert_cause(firewall_apply(fw, PROFILE_FILTERED), "more anchors are asked");
}

static void
a_disabled_pf_is_told(void **state)
{
	opened();
	applied(PROFILE_FILTERED);
	gone("enabled");
	assert_drift("pf is disabled, and guests are open");
	applied(PROFILE_FILTERED);
	assert_well();
}

static void
a_file_that_does_not_load_names_its_line(void **state)
{
	copy_string(conf.rules[0], dir, sizeof(conf.rules[0]));
	put("filtered.pf", "# a comment\n\npass in quick on { $bridges } all\nnonsense here\n");
	opened();
	put("anchors/gatehouse", "pass all label \"old\"\n");
	assert_cause(firewall_apply(fw, PROFILE_FILTERED), "/filtered.pf:4: syntax error");
	assert_string_equal(get("anchors/gatehouse"), "pass all label \"old\"\n");
	assert_int_equal(firewall_profile(fw), PROFILE_NONE);
}

static void
a_pfctl_that_misbehaves_is_believed_nothing(void **state)
{
	static const struct {
		const char	*mode, *cause;
	} rows[] = {
		{ "-f refuse", "Operation not permitted" },
		{ "-f hang", "took too long and was killed" },
		{ "-f flood", "printed more than 2048 KiB and was killed" },
		{ "-f deaf", "cannot read" },
		{ "-f die", "ended by signal 9" },
		{ "rules refuse", "Operation not permitted" },
		{ "rules flood", "printed more than" },
		{ "nat die", "ended by signal 9" },
		{ "Interfaces hang", "took too long" },
		{ "Tables hang", "took too long" },
		{ "Tables die", "ended by signal 9" },
		{ "Tables flood", "printed more than" },
	};

	host.seconds = 1;
	opened();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		put("mode", rows[i].mode);
		assert_cause(firewall_apply(fw, PROFILE_FILTERED), rows[i].cause);
		assert_int_equal(firewall_profile(fw), PROFILE_NONE);
	}
	gone("mode");
	applied(PROFILE_FILTERED);
	assert_well();
}

/* What a real pfctl said, in the place where it did. */
static void
what_was_recorded_is_taken_as_it_was_meant(void **state)
{
	static const struct {
		const char	*mode, *cause;
	} rows[] = {
		{ "gatehouse replay-load-bad", "/rules/filtered.pf:" },
		{ "gatehouse replay-load-macos-bad", "syntax error" },
		{ "-f replay-not-root", "is this root, and pf in the kernel?" },
		{ "nat replay-main-nat-none", "its main rules lack: rdr-anchor" },
		{ "rules replay-main-rules-none", "its main rules lack: anchor" },
		{ "Interfaces replay-interfaces-skip-lo0", NULL },
		{ "-f replay-load-macos", NULL },
		{ "-f replay-load", NULL },
	};
	char *cause;

	opened();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		/* So that a load that only says something has loaded something. */
		put("anchors/gatehouse", "pass in quick all label \"gatehouse:default\"\n");
		put("mode", rows[i].mode);
		cause = firewall_apply(fw, PROFILE_FILTERED);
		if (rows[i].cause != NULL)
			assert_cause(cause, rows[i].cause);
		else if (cause != NULL)
			fail_msg("%s: %s", rows[i].mode, cause);
	}
	gone("mode");
	applied(PROFILE_FILTERED);
	put("mode", "info replay-info-disabled");
	assert_drift("pf is disabled, and guests are open");
	put("mode", "info replay-info-macos");
	assert_well();
	put("mode", "rules replay-rules-flushed");
	assert_drift("our rules are gone");
	put("mode", "Tables replay-tables");
	assert_drift("someone put a table __automatic_3f8a1c02_0 into our anchor");
}

static void
one_that_cannot_be_asked_is_no_drift(void **state)
{
	struct fw_status s;

	opened();
	applied(PROFILE_FILTERED);
	put("mode", "rules die");
	firewall_check(fw, &s);
	assert_false(s.drift);
	assert_true(s.verified == 0);
	assert_non_null(strstr(s.cause, "ended by signal 9"));
}

static void
one_question_that_gets_no_answer_is_no_drift(void **state)
{
	static const char *const modes[] = { "info die", "Interfaces refuse", "nat die", "Tables half",
		"Tables refuse" };
	struct fw_status s;

	opened();
	applied(PROFILE_FILTERED);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		put("mode", modes[i]);
		firewall_check(fw, &s);
		assert_false(s.drift);
		assert_true(s.verified == 0);
		assert_string_not_equal(s.cause, "");
	}
	gone("mode");
	gone("calls");
	applied(PROFILE_FILTERED);
	assert_no_call("-k ");
}

static void
a_program_that_is_not_there_is_named(void **state)
{
	char *cause;

	gone("pfctl");
	assert_null(firewall_open(&conf, &cause));
	assert_cause(cause, "/pfctl: cannot be run: is it there?");
}

static void
where_pf_logs_to_one_interface_alone_that_is_used(void **state)
{
	put("no-log", "");
	opened();
	applied(PROFILE_FILTERED);
	assert_null(strstr(get("anchors/gatehouse"), "\nblock drop in log (to pflog"));
	assert_non_null(strstr(get("anchors/gatehouse"), "block drop in log quick on"));
	assert_well();
	assert_true(is_there("pflog0"));
	assert_false(is_there("pflog7"));
	firewall_close(fw);
	gone("no-log");
	put("no-pflog", "");
	opened();
	applied(PROFILE_FILTERED);
	assert_null(strstr(get("anchors/gatehouse"), "\nblock drop in log (to pflog"));
}

/* ---- drift ---- */

static void
changes_in_the_kernel_are_seen(void **state)
{
	static const char *const files[] = { "anchors/gatehouse", "anchors/gatehouse+pins" };

	opened();
	applied(PROFILE_FILTERED);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char *text = xstrdup(get(files[i])), *more;

		more = xasprintf("%spass in quick all label \"mine\"\n", text);
		put(files[i], more);
		assert_drift("someone changed the");
		put(files[i], text);
		assert_well();
		free(more);
		free(text);
	}
	put("tables/gatehouse.gh_frozen", "10.0.0.1\n");
	assert_drift("someone changed the frozen guests");
	put("tables/gatehouse.gh_frozen", "");
	assert_well();
	/* A table that is emptied, filled, taken away or put there changes what rules are for. */
	put("tables/gatehouse.gh_private", "");
	assert_drift("someone changed what is in our table gh_private");
	gone("tables/gatehouse.gh_private");
	assert_drift("someone changed what is in our table gh_private");
	applied(PROFILE_FILTERED);
	assert_well();
	put("tables/gatehouse.gh_private", "10.0.0.0/8\n");
	assert_drift("someone changed what is in our table gh_private");
	applied(PROFILE_FILTERED);
	gone("anchors/gatehouse");
	assert_drift("our rules are gone");
	gone("calls");
	applied(PROFILE_FILTERED);
	/* What came in while they were gone goes. */
	assert_call("pfctl -k 127.0.0.0/8 ");
	assert_well();
}

/* FreeBSD lists tables of the rules of before for some seconds. */
static void
a_table_that_goes_with_rules_of_before_is_no_drift(void **state)
{
	opened();
	applied(PROFILE_FILTERED);
	put("tables/gatehouse.__automatic_ee631c95_0", "192.0.2.1\n");
	applied(PROFILE_LOCKDOWN);
	assert_well();
	gone("tables/gatehouse.gh_private");
	assert_well();
	gone("tables/gatehouse.__automatic_ee631c95_0");
	assert_well();
	gone("tables/gatehouse.gh_frozen");
	assert_drift("someone took the table gh_frozen out");
}

static void
rules_after_a_flush_are_drift(void **state)
{
	struct fw_status s;

	opened();
	firewall_check(fw, &s);
	assert_false(s.drift || s.loaded);
	put("anchors/gatehouse", "pass in quick all label \"mine\"\n");
	assert_drift("though they were flushed");
}

/* ---- freezing ---- */

static void
freezing_one_cuts_nobody_else_at_the_next_load(void **state)
{
	const struct fw_guest one = guest("10.77.0.11", NULL);

	opened();
	applied(PROFILE_FILTERED);
	assert_null(firewall_freeze(fw, &one, true));
	gone("calls");
	applied(PROFILE_FILTERED);
	assert_no_call("-k ");
	assert_well();
	assert_null(firewall_freeze(fw, &one, false));
	gone("calls");
	applied(PROFILE_FILTERED);
	assert_no_call("-k ");
	applied(PROFILE_LOCKDOWN);
	assert_call("pfctl -k 127.0.0.0/8 ");
}

static void
what_guarded_users_had_open_ends_with_the_rules_that_let_it_out(void **state)
{
	conf.nuids = 1;
	conf.uids[0].uid = 1001;
	put("interfaces", "em0\n");
	opened();
	applied(PROFILE_OBSERVE);
	assert_no_call("-k ");
	applied(PROFILE_FILTERED);
	assert_call("pfctl -k label -k gatehouse:observe env=0");
	assert_call("pfctl -k label -k gatehouse:uid-port env=0");
	gone("calls");
	applied(PROFILE_LOCKDOWN);
	assert_call("pfctl -k label -k gatehouse:uid-port env=0");
	/* A pf that has no words for it holds them by interface, and whichever that is. */
	host.kills_labels = false;
	host.binds = true;
	gone("calls");
	applied(PROFILE_OBSERVE);
	assert_non_null(strstr(get("anchors/gatehouse"), "\nbound = \"(if-bound)\"\n"));
	assert_no_call("-k ");
	conf.bridges.n = 0;
	firewall_reconf(fw, &conf);
	applied(PROFILE_FILTERED);
	assert_no_call("-k label");
	assert_call("pfctl -i lo -k 0.0.0.0/0 env=0");
	assert_call("pfctl -i lo -k ::/0 env=0");
	assert_no_call("pfctl -k ");
}

/* Of a guest that had taken an address outside its bridge's networks, too. */
static void
what_was_let_through_by_a_bridge_ends_by_the_bridge(void **state)
{
	host.kills_labels = false;
	host.binds = true;
	opened();
	applied(PROFILE_OBSERVE);
	assert_no_call("-k ");
	applied(PROFILE_FILTERED);
	assert_call("pfctl -k 127.0.0.0/8 env=0");
	assert_call("pfctl -i lo -k 0.0.0.0/0 env=0\npfctl -i lo -k ::/0 env=0\n");
	gone("calls");
	applied(PROFILE_FILTERED);
	assert_no_call("-k ");
}

static void
freezing_replaces_a_table_and_cuts(void **state)
{
	const struct fw_guest one = guest("10.77.0.11", "fd77::11");

	opened();
	applied(PROFILE_FILTERED);
	gone("calls");
	assert_null(firewall_freeze(fw, &one, true));
	assert_calls("pfctl -a gatehouse -t gh_frozen -T replace -f - env=0\n"
	    "pfctl -k 10.77.0.11 env=0\n"
	    "pfctl -vvs states env=0\n"
	    "pfctl -k fd77::11 env=0\n"
	    "pfctl -vvs states env=0\n");
	assert_string_equal(get("tables/gatehouse.gh_frozen"), "10.77.0.11\nfd77::11\n");
	assert_well();
	assert_null(firewall_freeze(fw, NULL, true));
	assert_string_equal(get("tables/gatehouse.gh_frozen"),
	    "0.0.0.0/0\n10.77.0.11\n::/0\nfd77::11\n");
	assert_well();
	gone("calls");
	assert_null(firewall_freeze(fw, NULL, false));
	assert_string_equal(get("tables/gatehouse.gh_frozen"), "");
	assert_no_call("-k ");
	assert_well();
}

static void
who_is_frozen_is_so_from_the_load_on(void **state)
{
	const struct fw_guest one = guest("10.77.0.11", NULL);

	opened();
	assert_null(firewall_freeze(fw, &one, true));
	assert_no_call("gh_frozen");
	applied(PROFILE_FILTERED);
	assert_non_null(strstr(get("anchors/gatehouse"),
	    "table <gh_frozen> persist { 10.77.0.11 }\n"));
	assert_well();
}

static void
a_guest_without_an_address_cannot_be_frozen(void **state)
{
	const struct fw_guest one = { .has_mac = 1, .mac = { 2, 0x77 } }, *frozen;
	bool all;

	opened();
	applied(PROFILE_FILTERED);
	assert_cause(firewall_freeze(fw, &one, true), "none of this one's is known");
	assert_int_equal(firewall_frozen(fw, &frozen, &all), 0);
}

static void
a_freeze_that_fails_is_not_remembered(void **state)
{
	const struct fw_guest one = guest("10.77.0.11", NULL), *frozen;
	bool all;

	opened();
	applied(PROFILE_FILTERED);
	put("mode", "replace refuse");
	assert_cause(firewall_freeze(fw, &one, true), "Operation not permitted");
	assert_int_equal(firewall_frozen(fw, &frozen, &all), 0);
}

/* ---- pins ---- */

static struct fw_pin
pin(const char *dst, uint32_t seconds)
{
	struct fw_pin p = { .src = addr("10.77.0.11"), .dst = addr(dst), .seconds = seconds,
		.port = 22, .proto = IPPROTO_TCP };

	return p;
}

static void
pins_are_rules_of_their_own(void **state)
{
	const struct fw_pin p = pin("8.8.8.8", 60);
	const struct fw_range r = { .src = addr("10.77.0.11"), .first = addr("9.0.0.0"),
		.last = addr("9.0.0.255"), .port = 5432, .proto = IPPROTO_TCP };

	opened();
	applied(PROFILE_FILTERED);
	gone("calls");
	assert_null(firewall_pin(fw, &p));
	assert_null(firewall_ranges(fw, &r, 1));
	assert_calls("");
	assert_null(firewall_commit(fw));
	assert_calls("pfctl -a gatehouse/pins -f - env=0\n"
	    "pfctl -a gatehouse/pins -vvs nat env=0\n"
	    "pfctl -a gatehouse/pins -vvs rules env=0\n"
	    "pfctl -a gatehouse/pins -vvs Tables env=0\n");
	assert_string_equal(get("anchors/gatehouse+pins"),
	    "pass in quick inet proto tcp from 10.77.0.11 to 8.8.8.8 port 22 flags S/SA keep state "
	    "label \"gatehouse:pinned\"\n"
	    "pass in quick inet proto tcp from 10.77.0.11 to 9.0.0.0/24 port 5432 flags S/SA "
	    "keep state label \"gatehouse:address\"\n");
	assert_well();
	put("tables/gatehouse+pins.mine", "9.9.9.9\n");
	assert_drift("someone put a table mine into our anchor");
	gone("tables/gatehouse+pins.mine");
	assert_well();
	gone("calls");
	assert_null(firewall_commit(fw));
	assert_calls("");
}

static void
what_lived_by_a_pin_that_goes_is_cut(void **state)
{
	const struct fw_pin p = pin("8.8.8.8", 60), q = pin("8.8.4.4", 60);

	opened();
	applied(PROFILE_FILTERED);
	assert_null(firewall_pin(fw, &p));
	assert_null(firewall_pin(fw, &q));
	assert_null(firewall_commit(fw));
	gone("calls");
	firewall_unpin(fw, &p);
	assert_null(firewall_commit(fw));
	assert_calls("pfctl -a gatehouse/pins -f - env=0\n"
	    "pfctl -a gatehouse/pins -vvs nat env=0\n"
	    "pfctl -a gatehouse/pins -vvs rules env=0\n"
	    "pfctl -a gatehouse/pins -vvs Tables env=0\n"
	    "pfctl -k 10.77.0.11 -k 8.8.8.8 env=0\n"
	    "pfctl -k 8.8.8.8 -k 10.77.0.11 env=0\n"
	    "pfctl -s states env=0\n");
	assert_null(strstr(get("anchors/gatehouse+pins"), "8.8.8.8"));
	assert_well();
}

/* As some releases of pfctl kill nothing by two addresses, without a word. */
static void
what_is_not_cut_by_two_addresses_is_by_one(void **state)
{
	const struct fw_pin p = pin("8.8.8.8", 60), q = pin("8.8.4.4", 60);

	opened();
	applied(PROFILE_FILTERED);
	assert_null(firewall_pin(fw, &p));
	assert_null(firewall_pin(fw, &q));
	assert_null(firewall_commit(fw));
	/* Only the other one's, and one by the proxy. */
	put("states", "all tcp 8.8.4.4:22 <- 10.77.0.11:51514       ESTABLISHED:ESTABLISHED\n"
	    "all tcp 127.0.0.1:8643 (8.8.8.8:22) <- 10.77.0.11:51515       ESTABLISHED:ESTABLISHED\n"
	    "all tcp 8.8.8.8:22 <- 10.77.0.12:51514       ESTABLISHED:ESTABLISHED\n");
	gone("calls");
	firewall_unpin(fw, &p);
	assert_null(firewall_commit(fw));
	assert_no_call("pfctl -k 10.77.0.11 env=0\n");
	assert_null(firewall_pin(fw, &p));
	assert_null(firewall_commit(fw));
	put("states", "all tcp 8.8.8.8:22 <- 10.77.0.11:51514       ESTABLISHED:ESTABLISHED\n");
	gone("calls");
	firewall_unpin(fw, &p);
	assert_null(firewall_commit(fw));
	assert_call("pfctl -k 10.77.0.11 env=0\n");
	assert_call("pfctl -vvs states env=0\n");
	assert_well();
	/* Nor is it where pfctl does not say what is left. */
	assert_null(firewall_pin(fw, &p));
	assert_null(firewall_commit(fw));
	put("mode", "states half");
	gone("calls");
	firewall_unpin(fw, &p);
	assert_null(firewall_commit(fw));
	assert_call("pfctl -k 127.0.0.0/8 env=0\n");
}

/* Nor by any network and that of the guest. */
static void
what_was_begun_to_a_guest_ends_one_by_one(void **state)
{
	const struct fw_guest one = guest("10.77.0.11", "fd77::11");

	opened();
	applied(PROFILE_FILTERED);
	put("states", "all tcp 10.77.0.1:40022 -> 10.77.0.11:22       ESTABLISHED:ESTABLISHED\n"
	    "   [0 + 65535]  [3073216159 + 1]\n"
	    "   age 00:00:25, expires in 23:59:58, 2:1 pkts, 120:60 bytes, anchor 0, rule 71\n"
	    "   id: 000000006b024dce creatorid: 2a8855ee\n"
	    "all tcp 10.77.0.1:40023 -> 10.77.0.12:22       ESTABLISHED:ESTABLISHED\n"
	    "   id: 000000006b024dcf creatorid: 2a8855ee\n"
	    "all tcp 127.0.0.1:8643 (8.8.8.8:80) <- 10.77.0.11:51515       ESTABLISHED:ESTABLISHED\n"
	    "   id: 000000006b024dd0 creatorid: 2a8855ee\n"
	    "all udp fd77::1[53] -> fd77::11[1053]       SINGLE:NO_TRAFFIC\n"
	    "   id: 000000006b024dd1 creatorid: 2a8855ee gateway: ::\n");
	gone("calls");
	assert_null(firewall_freeze(fw, &one, true));
	assert_calls("pfctl -a gatehouse -t gh_frozen -T replace -f - env=0\n"
	    "pfctl -k 10.77.0.11 env=0\n"
	    "pfctl -vvs states env=0\n"
	    "pfctl -k id -k 000000006b024dce/2a8855ee env=0\n"
	    "pfctl -k fd77::11 env=0\n"
	    "pfctl -vvs states env=0\n"
	    "pfctl -k id -k 000000006b024dd1/2a8855ee env=0\n");
	/* macOS has no such pfctl, and no such words. */
	host.kills_labels = false;
	assert_null(firewall_freeze(fw, &one, false));
	gone("calls");
	assert_null(firewall_freeze(fw, &one, true));
	assert_call("pfctl -k 0.0.0.0/0 -k 10.77.0.11 env=0\n");
	assert_no_call("pfctl -vvs states");
	assert_no_call("-k id");
	assert_well();
}

static void
of_ranges_only_what_goes_is_cut(void **state)
{
	const struct fw_range r[] = {
		{ .src = addr("10.77.0.11"), .first = addr("9.0.0.0"), .last = addr("9.0.0.255"),
		    .port = 5432, .proto = IPPROTO_TCP },
		{ .src = addr("10.77.0.11"), .first = addr("9.0.1.1"), .last = addr("9.0.1.1"),
		    .port = 5432, .proto = IPPROTO_TCP },
	};

	opened();
	applied(PROFILE_FILTERED);
	assert_null(firewall_ranges(fw, r, 2));
	assert_null(firewall_commit(fw));
	gone("calls");
	assert_null(firewall_ranges(fw, r, 1));
	assert_null(firewall_commit(fw));
	assert_call("pfctl -k 10.77.0.11 -k 9.0.1.1 env=0\n");
	assert_no_call("pfctl -k 10.77.0.11 env=0\n");
	/* For a range pf has no words here: all of the guest's is cut. */
	assert_null(firewall_ranges(fw, NULL, 0));
	assert_null(firewall_commit(fw));
	assert_call("pfctl -k 10.77.0.11 env=0\n");
	assert_well();
}

static void
a_pin_whose_time_is_over_lets_nothing_new_through(void **state)
{
	const struct fw_pin p = pin("8.8.8.8", 1);
	struct fw_pin ended;

	opened();
	applied(PROFILE_FILTERED);
	assert_null(firewall_pin(fw, &p));
	assert_null(firewall_commit(fw));
	assert_non_null(strstr(get("anchors/gatehouse+pins"), "8.8.8.8"));
	usleep(1100000);
	put("states", "all tcp 8.8.8.8:22 <- 10.77.0.11:51514       ESTABLISHED:ESTABLISHED\n");
	assert_well();
	assert_string_equal(get("anchors/gatehouse+pins"), "");
	/* What is open goes on, and so it is not over. */
	assert_false(firewall_pin_ended(fw, &ended));
	assert_no_call("-k 10.77.0.11");
	put("states", "");
	assert_well();
	assert_true(firewall_pin_ended(fw, &ended));
	assert_true(fw_pin_compare(&p, &ended) == 0);
	assert_false(firewall_pin_ended(fw, &ended));
}

static void
a_pin_to_where_no_name_may_lead_is_refused(void **state)
{
	const struct fw_pin p = pin("10.0.0.1", 60);

	opened();
	assert_cause(firewall_pin(fw, &p), "10.0.0.1 is no address that a name may lead to");
}

/* ---- for people ---- */

static void
a_diff_compares_what_pf_makes_of_both(void **state)
{
	char *cause, *diff;

	opened();
	applied(PROFILE_FILTERED);
	diff = firewall_diff(fw, PROFILE_FILTERED, &cause);
	assert_null(cause);
	assert_string_equal(diff, "");
	free(diff);
	diff = firewall_diff(fw, PROFILE_LOCKDOWN, &cause);
	assert_null(cause);
	assert_non_null(strstr(diff, "--- kernel (filtered)\n"));
	assert_non_null(strstr(diff, "\n-rdr-anchor \"pins\""));
	assert_null(strstr(diff, "gh_private> const"));
	free(diff);
}

static void
a_listing_has_rules_and_counters(void **state)
{
	const struct fw_guest one = guest("10.77.0.11", NULL);
	struct fw_rule *rules = xcalloc(200, sizeof(*rules));
	struct fw_guest frozen[4];
	char *cause, *list;
	bool all;
	int n;

	opened();
	applied(PROFILE_FILTERED);
	assert_null(firewall_freeze(fw, &one, true));
	list = firewall_list(fw, &cause);
	assert_null(cause);
	n = fw_rules_parse(list, strlen(list), rules, 200, &cause);
	assert_null(cause);
	assert_true(n > 20 && n < 60);
	assert_int_equal(fw_frozen_parse(list, strlen(list), frozen, 4, &all), 1);
	assert_true(addr_equal(&frozen[0].addrs[0], &one.addrs[0]));
	assert_false(all);
	free(list);
	free(rules);
}

#define pf_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		pf_test(it_opens_the_log_interface_it_needs),
		pf_test(an_interface_of_somebody_elses_stays),
		pf_test(what_rules_in_force_log_to_stays),
		pf_test(an_interface_that_we_made_before_the_host_was_started_anew_is_another),
		pf_test(a_log_interface_that_is_taken_away_is_made_again),
		pf_test(a_load_is_one_run_for_each_anchor),
		pf_test(what_is_loaded_is_what_is_shown_as_text),
		pf_test(only_what_changes_something_cuts),
		pf_test(a_flush_leaves_nothing_of_ours),
		pf_test(pf_is_enabled_where_it_is_not),
		pf_test(a_token_is_taken_once_and_given_back),
		pf_test(without_a_hook_nothing_is_loaded),
		pf_test(a_host_that_decides_first_is_told),
		pf_test(a_skipped_interface_is_told),
		pf_test(where_self_follows_nothing_this_hosts_addresses_are_listed),
		pf_test(members_of_a_bridge_are_followed),
		pf_test(bridges_take_nothing_in_for_members_that_are_guests_ends),
		pf_test(a_guarded_bridge_with_a_way_to_the_lan_is_told),
		pf_test(a_renamed_bridge_is_one_of_its_group),
		pf_test(a_bridge_with_an_uplink_is_guarded_only_if_it_is_named),
		pf_test(ends_of_guests_are_no_uplink),
		pf_test(half_a_listing_is_not_taken_for_the_rules),
		pf_test(a_bridge_that_asks_pf_at_its_members_is_told),
		pf_test(a_member_that_is_skipped_or_passed_ahead_is_told),
		pf_test(what_is_translated_past_the_filter_is_told),
		pf_test(a_rule_for_a_group_of_interfaces_may_be_for_a_bridge),
		pf_test(an_anchor_ahead_of_ours_that_decides_is_told),
		pf_test(siblings_of_ours_are_looked_into_by_their_order),
		pf_test(anchors_in_circles_have_an_end),
		pf_test(a_disabled_pf_is_told),
		pf_test(a_file_that_does_not_load_names_its_line),
		pf_test(a_pfctl_that_misbehaves_is_believed_nothing),
		pf_test(what_was_recorded_is_taken_as_it_was_meant),
		pf_test(one_that_cannot_be_asked_is_no_drift),
		pf_test(one_question_that_gets_no_answer_is_no_drift),
		pf_test(a_program_that_is_not_there_is_named),
		pf_test(where_pf_logs_to_one_interface_alone_that_is_used),
		pf_test(changes_in_the_kernel_are_seen),
		pf_test(a_table_that_goes_with_rules_of_before_is_no_drift),
		pf_test(rules_after_a_flush_are_drift),
		pf_test(freezing_replaces_a_table_and_cuts),
		pf_test(freezing_one_cuts_nobody_else_at_the_next_load),
		pf_test(what_guarded_users_had_open_ends_with_the_rules_that_let_it_out),
		pf_test(what_was_let_through_by_a_bridge_ends_by_the_bridge),
		pf_test(who_is_frozen_is_so_from_the_load_on),
		pf_test(a_guest_without_an_address_cannot_be_frozen),
		pf_test(a_freeze_that_fails_is_not_remembered),
		pf_test(pins_are_rules_of_their_own),
		pf_test(what_lived_by_a_pin_that_goes_is_cut),
		pf_test(what_is_not_cut_by_two_addresses_is_by_one),
		pf_test(what_was_begun_to_a_guest_ends_one_by_one),
		pf_test(of_ranges_only_what_goes_is_cut),
		pf_test(a_pin_whose_time_is_over_lets_nothing_new_through),
		pf_test(a_pin_to_where_no_name_may_lead_is_refused),
		pf_test(a_diff_compares_what_pf_makes_of_both),
		pf_test(a_listing_has_rules_and_counters),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
