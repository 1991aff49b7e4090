/* The configuration: what is taken, what is refused and how, and that table,
 * sample and print-back are one and the same. */
#include "config.h"

#include "unit.h"

#include <sys/stat.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "addr.h"
#include "conf.h"
#include "host.h"
#include "xmalloc.h"

/* Parses a text; cause is NULL if it must be taken, else a part of the cause. */
static void
expect(struct conf *c, const char *text, const char *part)
{
	char *cause = conf_parse(c, text, strlen(text), "x.conf");

	if (part == NULL && cause != NULL)
		fail_msg("refused: %s", cause);
	if (part != NULL && (cause == NULL || strstr(cause, part) == NULL))
		fail_msg("\"%s\" is not in \"%s\"", part, cause != NULL ? cause : "(taken)");
	free(cause);
}

static void
defaults_are_those_of_the_design(void **state)
{
	struct conf c;

	conf_defaults(&c);
	assert_string_equal(c.user, GATEHOUSE_USER);
	assert_string_equal(c.group, GATEHOUSE_GROUP);
	assert_string_equal(c.control, RUNSTATEDIR "/gatehouse/control.sock");
	assert_string_equal(c.state, LOCALSTATEDIR "/lib/gatehouse");
	assert_false(c.others_may_watch);
	assert_true(c.bridges.n > 0);
	assert_memory_equal(host_bridges, c.bridges.name[0], strlen(c.bridges.name[0]));
	assert_int_equal(c.nuids, 0);
	assert_int_equal(c.profile, PROFILE_FILTERED);
	assert_int_equal(c.block_tcp.n, 2);
	assert_int_equal(c.block_tcp.port[0], 139);
	assert_int_equal(c.block_tcp.port[1], 445);
	assert_int_equal(c.block_udp.port[0], 137);
	assert_int_equal(c.block_udp.port[1], 138);
	assert_string_equal(c.rules[0], SYSCONFDIR "/gatehouse/rules");
	assert_string_equal(c.rules[1], PKGDATADIR "/rules");
	assert_int_equal(c.check_seconds, 3);
	assert_string_equal(c.allowlist, SYSCONFDIR "/gatehouse/allowlist");
	assert_true(c.proxy_run);
	assert_int_equal(c.proxy_port, 8643);
	assert_int_equal(c.explicit_port, 3128);
	assert_int_equal(c.idle_seconds, 900);
	assert_int_equal(c.hello_bytes, 65536);
	assert_int_equal(c.nreach, 0);
	assert_int_equal(c.dns_port, 8653);
	assert_int_equal(c.nupstreams, 0);
	assert_int_equal(c.nflog_group, 7077);
	assert_int_equal(c.inventory_seconds, 5);
	assert_true(strstr(c.leases, "dnsmasq.leases") != NULL);
}

static void
every_type_is_read(void **state)
{
	struct conf c;

	expect(&c, "# a comment\n"
	    "[daemon]\n"
	    "user = nobody\n"
	    "others-may-watch = yes\n"
	    "[guard]\n"
	    "bridge = br0, my-br.1 ,virbr*\n"
	    "uid = 4000: 3128, 8080\n"
	    "uid = 4001:\n"
	    "profile = lockdown\n"
	    "block-udp =\n"
	    "rules = /r\n"
	    "check-every = 2m\n"
	    "[proxy]\n"
	    "run = no\n"
	    "reach = 10.8.0.0/16, fd00::/8, 192.0.2.7\n"
	    "max-per-guest=7 ; as few as that\n"
	    "[inventory]\n"
	    "leases = /a/*.leases, /b\n", NULL);
	assert_string_equal(c.path, "x.conf");
	assert_string_equal(c.user, "nobody");
	assert_true(c.others_may_watch);
	assert_int_equal(c.bridges.n, 3);
	assert_string_equal(c.bridges.name[1], "my-br.1");
	assert_int_equal(c.nuids, 2);
	assert_int_equal(c.uids[0].uid, 4000);
	assert_int_equal(c.uids[0].ports.n, 2);
	assert_int_equal(c.uids[0].ports.port[1], 8080);
	assert_int_equal(c.uids[1].ports.n, 0);
	assert_int_equal(c.profile, PROFILE_LOCKDOWN);
	assert_int_equal(c.block_udp.n, 0);
	assert_int_equal(c.block_tcp.n, 2);
	assert_string_equal(c.rules[0], "/r");
	assert_string_equal(c.rules[1], "");
	assert_int_equal(c.check_seconds, 120);
	assert_false(c.proxy_run);
	assert_int_equal(c.nreach, 3);
	assert_string_equal(c.reach[2], "192.0.2.7/32");
	assert_int_equal(c.max_per_guest, 7);
	assert_string_equal(c.leases, "/a/*.leases, /b");
}

static void
servers_are_named_with_and_without_port(void **state)
{
	static const struct addr v6 = { .family = 6, .bytes = { 0x20, 1, 0xd, 0xb8, [15] = 1 } };
	struct conf c;

	expect(&c, "[dns]\nupstream = 192.0.2.1, 192.0.2.1:5353\n"
	    "upstream = 2001:db8::1, [2001:db8::1], [2001:db8::1]:5353\n", NULL);
	assert_int_equal(c.nupstreams, 5);
	for (uint32_t i = 0; i < c.nupstreams; i++) {
		assert_int_equal(c.upstreams[i].port, i == 1 || i == 4 ? 5353 : 53);
		if (i >= 2)
			assert_true(addr_equal(&c.upstreams[i].addr, &v6));
	}
}

static void
editors_habits_do_no_harm(void **state)
{
	struct conf c;

	/* A BOM, CRLF, indentation (a continuation line to inih), no last newline. */
	expect(&c, "\xef\xbb\xbf[proxy]\r\n  run = no\r\n\tport = 9000\r\n\r\n; note\r\n"
	    "[dns]\r\nport: 5400", NULL);
	assert_false(c.proxy_run);
	assert_int_equal(c.proxy_port, 9000);
	assert_int_equal(c.dns_port, 5400);
	expect(&c, "", NULL);
	assert_int_equal(c.proxy_port, 8643);
}

static void
lists_add_up_and_the_rest_stands_once(void **state)
{
	struct conf c;

	expect(&c, "[guard]\nbridge = a0\nbridge = b0, a0\nuid = 4000: 1\nuid = 4000: 2, 1\n",
	    NULL);
	assert_int_equal(c.bridges.n, 2);
	assert_int_equal(c.nuids, 1);
	assert_int_equal(c.uids[0].ports.n, 2);
	expect(&c, "[proxy]\nport = 9000\n\nport = 9001\n",
	    "x.conf:4: \"port\" stands on line 2 already");
}

static void
slips_are_named_with_line_and_remedy(void **state)
{
	static const struct {
		const char *text, *part;
	} rows[] = {
		{ "\n[gard]\n", "x.conf:2: there is no section [gard]; the nearest is [guard]" },
		{ "[gard]\nx = 1\n[proxy]\nport = 1\n", "x.conf:1: there is no section [gard]; "
		    "the nearest is [guard]; wrong too is line 4" },
		{ "[proxy]\nport = 1\nprot = 1\n[dns]\nport = 2\nx = 1\nx = 1\nx = 1\nx = 1\n",
		    "x.conf:2: port: \"1\": too small; a number from 1024 to 65535 is wanted; "
		    "wrong too are lines 3, 5, 6, 7, 8 and 1 more" },
		{ "[proxy]\nprot = 1\n", "x.conf:2: there is no option \"prot\" in [proxy]; "
		    "the nearest is \"port\"" },
		{ "[proxy]\nbridge = a\n", "it stands in [guard]" },
		{ "[dns]\nzzzzzzzzzz = a\n", "in [dns]; it has port, upstream" },
		{ "port = 1\n", "x.conf:1: \"port\" stands before the first [section]" },
		{ "[proxy]\nport\n", "x.conf:2: neither" },
		{ "[proxy\nport = 1\n", "x.conf:1: neither" },
		{ "[proxy]\nport = 80\n", "x.conf:2: port: \"80\": too small; a number from 1024" },
		{ "[proxy]\nport = 8643 # web\n", "not a number" },
		{ "[proxy]\nport =\n", "a number is missing" },
		{ "[proxy]\nrun = true\n", "neither yes nor no" },
		{ "[proxy]\nhead-timeout = 0s\n", "from 1s to 5m" },
		{ "[proxy]\nhead-timeout = 6m\n", "from 1s to 5m" },
		{ "[proxy]\nidle-timeout = 1 h\n", "not a duration" },
		{ "[guard]\nprofile = open\n", "filtered, lockdown, observe" },
		{ "[guard]\nbridge = *\n", "every interface" },
		{ "[guard]\nbridge = br*0\n", "one * at the end" },
		{ "[guard]\nbridge = br0\"\n", "is not an interface name" },
		{ "[guard]\nbridge = abcdefghijklmnop\n", "longer than the 15" },
		{ "[guard]\nbridge = a,,b\n", "missing between" },
		{ "[guard]\nbridge = lo\n", "loopback" },
		{ "[guard]\nuid = root: 1\n", "root cannot be guarded" },
		{ "[guard]\nuid = no-such-user-here: 1\n", "there is no user" },
		{ "[guard]\nuid = 4000\n", "has no ports" },
		{ "[guard]\nuid = 4000: 0\n", "too small" },
		{ "[guard]\nblock-tcp = 70000\n", "too large" },
		{ "[guard]\nrules = rules\n", "not an absolute path" },
		{ "[guard]\nrules = /a, /b, /c\n", "more than two" },
		{ "[proxy]\nreach = 10.8.0.1/16\n", "10.8.0.0/16 is meant, or 10.8.0.1/32" },
		{ "[proxy]\nreach = 10.8/16\n", "not an IPv4 or IPv6 address" },
		{ "[proxy]\nreach = ::/0\n", "1 to 128" },
		{ "[dns]\nport = 53\n", "too small; a number from 1024" },
		{ "[dns]\nupstream = dns.example\n", "named by its address" },
		{ "[dns]\nupstream = 192.0.2.1:0\n", "too small" },
		{ "[dns]\nupstream = 2001:db8::1:x\n", "not an IPv4 or IPv6 address" },
		{ "[proxy]\nupstream = proxy.example:3128\n", "does not start with http://" },
		{ "[proxy]\nupstream = https://proxy.example:3128\n", "does not start with http://" },
		{ "[proxy]\nupstream = http://proxy.example\n", "has no port" },
		{ "[inventory]\nmanagers = tart, vmware\n", "\"vmware\" is no VM manager that is known" },
		{ "[inventory]\nmanagers = libvirt\n", "libvirt is virsh" },
		{ "[provider qemu]\ncommand = /bin/x\n", "there is one of that name already" },
		{ "[proxy]\nupstream = http://proxy.example:0\n", "has no port" },
		{ "[proxy]\nupstream = http://:3128\n", "neither an address nor a host name" },
		{ "[proxy]\nupstream = http://a_b:3128\n", "neither an address nor a host name" },
		{ "[proxy]\nupstream = http://127.1:3128\n", "neither an address nor a host name" },
		{ "[proxy]\nupstream = http://[1.2.3.4]:3128\n", "not an IPv6 address" },
		{ "[proxy]\nupstream = http://2001:db8::1:3128\n", "neither an address nor a host name" },
		{ "[proxy]\nupstream = http://me:secret@proxy.example:3128\n",
		    "x.conf:2: upstream: a user and password stand where anyone can read them" },
		{ "[proxy]\nupstream = http://proxy.example:3128/path\n", "has no port" },
		{ "[proxy]\nno-upstream = a..example\n", "not a host name" },
		{ "[proxy]\nno-upstream = *.example\n", "not a host name" },
		{ "[proxy]\nupstream-auth-file = secret\n", "not an absolute path" },
		{ "[proxy]\nmax-lifetime = 400d\n", "not a duration from 0s to 365d" },
		{ "[daemon]\nuser = a b\n", "not a user's name" },
		{ "[daemon]\ngroup =\n", "a group's name has" },
		{ "[daemon]\ncontrol = /\x01\n", "x.conf:2: byte 0x01" },
	};
	struct conf c;
	char *cause;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		expect(&c, rows[i].text, rows[i].part);
	cause = conf_parse(&c, "[dns]\n#\0\n", 9, "x.conf");
	assert_string_equal(cause, "x.conf:2: byte 0x00 is no text");
	free(cause);
}

static void
what_contradicts_itself_is_refused(void **state)
{
	static const struct {
		const char *text, *part;
	} rows[] = {
		{ "[dns]\nport = 8643\n", "x.conf: [proxy] port and [dns] port are both 8643" },
		{ "[proxy]\nexplicit-port = 80\n", "explicit-port 80 is too small; a number from 1024, or 0" },
		{ "[proxy]\nexplicit-port = 8643\n", "explicit-port and [proxy] port are both 8643" },
		{ "[dns]\nport = 3128\n", "explicit-port and [dns] port are both 3128" },
		{ "[guard]\nblock-tcp = 3128\n", "explicit-port 3128 is in [guard] block-tcp" },
		{ "[guard]\nblock-tcp = 8643\n", "no guest would reach the proxy" },
		{ "[guard]\nblock-udp = 8653\n", "could resolve" },
		{ "[guard]\nbridge =\n", "nothing would be guarded" },
		{ "[proxy]\nupstream = http://127.0.0.1:3128\n", "is this proxy itself" },
		{ "[proxy]\nupstream = http://[::1]:3128\n", "is this proxy itself" },
		{ "[proxy]\nupstream = http://localhost:3128\n", "is this proxy itself" },
		{ "[proxy]\nupstream-auth-file = /etc/secret\n", "upstream-auth-file without upstream" },
		{ "[proxy]\nmax-connections = 5\n", "max-per-guest (512) is more" },
		{ "[daemon]\nuser = nobody\n[guard]\nuid = nobody: 1\n", "the proxy runs as" },
		{ "[daemon]\ncontrol = /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n",
		    "a socket's path has at most" },
	};
	struct conf c;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		expect(&c, rows[i].text, rows[i].part);
	expect(&c, "[guard]\nbridge =\nuid = 4000:\n", NULL);
}

static void
a_line_too_long_is_an_error_and_never_cut(void **state)
{
	char text[4096];
	struct conf c;

	snprintf(text, sizeof(text), "[daemon]\nstate = /%0*d\n", 2000, 1);
	expect(&c, text, "x.conf:2: the line is longer than");
	/* Also where nothing but the comment is too long: it may have swallowed a line. */
	snprintf(text, sizeof(text), "#%0*d\n", 2000, 1);
	expect(&c, text, "x.conf:1: the line is longer than");
	snprintf(text, sizeof(text), "[%0*d]\n", 100, 1);
	expect(&c, text, "x.conf:1: there is no section");
}

static void
a_refused_file_changes_nothing(void **state)
{
	struct conf c, before;
	char *cause;

	memset(&c, 0xa5, sizeof(c));
	before = c;
	expect(&c, "[proxy]\nport = 9000\nhead-size = 1\n", "x.conf:3:");
	assert_memory_equal(&c, &before, sizeof(c));
	cause = conf_load(&c, "/no/such/gatehouse.conf");
	assert_non_null(strstr(cause, "/no/such/gatehouse.conf: No such file"));
	assert_non_null(strstr(cause, "-f"));
	free(cause);
	cause = conf_load(&c, "/dev/zero");
	assert_non_null(strstr(cause, "not a plain file"));
	free(cause);
	assert_memory_equal(&c, &before, sizeof(c));
}

static void
root_takes_no_file_that_anyone_can_write(void **state)
{
	char path[] = "/tmp/gatehouse-conf-XXXXXX", *cause;
	const int fd = mkstemp(path);
	struct conf c;

	assert_true(fd != -1);
	assert_int_equal(fchmod(fd, 0644), 0);
	assert_null(conf_load(&c, path));
	assert_string_equal(c.path, path);
	assert_int_equal(fchmod(fd, 0666), 0);
	cause = conf_load(&c, path);
	if (geteuid() == 0)
		assert_non_null(strstr(cause, "anyone can write it"));
	else
		assert_null(cause);
	free(cause);
	close(fd);
	unlink(path);
}

static void
who_only_talks_to_the_daemon_gets_what_can_be_read(void **state)
{
	static const char text[] = "[daemon]\nuser = a b\ncontrol = /x.sock\n[gard]\n\nport\n"
	    "[proxy]\nport = 80\nrun = no\n";
	char path[] = "/tmp/gatehouse-conf-XXXXXX", *cause, *want;
	const int fd = mkstemp(path);
	struct conf c;

	assert_true(fd != -1);
	assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	close(fd);
	cause = conf_load_partly(&c, path);
	want = xasprintf("%s:2: user: \"a b\" is not a user's name; wrong too are lines 4 and 8", path);
	assert_string_equal(cause, want);
	free(cause);
	free(want);
	assert_true(c.partial);
	assert_string_equal(c.control, "/x.sock");
	assert_string_equal(c.user, GATEHOUSE_USER);
	assert_int_equal(c.proxy_port, 8643);
	assert_false(c.proxy_run);
	unlink(path);
	cause = conf_load_partly(&c, path);
	assert_non_null(strstr(cause, "No such file"));
	free(cause);
	assert_string_equal(c.control, RUNSTATEDIR "/gatehouse/control.sock");
}

static char *
printed(const struct conf *c)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	if (c != NULL)
		conf_print(c, f);
	else
		conf_sample(f);
	fclose(f);
	return text;
}

static void
an_upstream_proxy_is_a_host_and_a_port(void **state)
{
	static const struct {
		const char	*value, *host, *printed;
		uint16_t	 port;
	} rows[] = {
		{ "http://Proxy.Corp.Example:3128/", "proxy.corp.example", "http://proxy.corp.example:3128", 3128 },
		{ "http://10.1.2.3:80", "10.1.2.3", "http://10.1.2.3:80", 80 },
		{ "http://[fd00::1]:8080", "fd00::1", "http://[fd00::1]:8080", 8080 },
		{ "http://127.0.0.1:3129", "127.0.0.1", "http://127.0.0.1:3129", 3129 },
	};
	char text[512], *out;
	struct conf c;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(text, sizeof(text), "[proxy]\nupstream = %s\nno-upstream = .corp.example, git.example\n"
		    "upstream-auth-file = /etc/gatehouse/upstream\n", rows[i].value);
		expect(&c, text, NULL);
		assert_string_equal(c.chain_host, rows[i].host);
		assert_int_equal(c.chain_port, rows[i].port);
		assert_int_equal(c.nchain_direct, 2);
		assert_string_equal(c.chain_direct[0], ".corp.example");
		out = printed(&c);
		snprintf(text, sizeof(text), "\nupstream = %s\nupstream-auth-file = /etc/gatehouse/upstream\n"
		    "no-upstream = .corp.example\nno-upstream = git.example\n", rows[i].printed);
		assert_non_null(strstr(out, text));
		free(out);
	}
	expect(&c, "[proxy]\nupstream =\nno-upstream =\nupstream-auth-file =\n", NULL);
	assert_string_equal(c.chain_host, "");
	assert_int_equal(c.nchain_direct, 0);
}

static void
print_back_gives_the_same_configuration(void **state)
{
	struct conf c, again;
	char text[8192], *out;
	size_t n;

	memset(&c, 0, sizeof(c));
	memset(&again, 0, sizeof(again));
	/* The longest of everything: each printed line must stay readable. */
	n = (size_t)snprintf(text, sizeof(text), "[proxy]\nreach = 10.0.0.0/8\n");
	for (int i = 0; i < CONF_NAMES_MAX - 1; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
		    "reach = fd00:1111:2222:3333:4444:5555:6666:%x/128\n", 0x1000 + i);
	n += (size_t)snprintf(text + n, sizeof(text) - n, "[guard]\n");
	for (int i = 0; i < CONF_NAMES_MAX; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
		    "bridge = bridge-name-%02d\nuid = 4000: %d\nuid = 50%02d:\nblock-tcp = %d\n",
		    i, 20000 + i, i % 31, 30000 + i);
	expect(&c, text, NULL);
	out = printed(&c);
	expect(&again, out, NULL);
	assert_memory_equal(&c, &again, sizeof(c));
	free(out);
}

/* The sample names a distribution's directories; make install names ours. */
static void
replace(char *text, size_t size, const char *from, const char *to)
{
	char out[16384], *hit, *at = text;
	size_t n = 0;

	while ((hit = strstr(at, from)) != NULL) {
		n += (size_t)snprintf(out + n, sizeof(out) - n, "%.*s%s", (int)(hit - at), at, to);
		at = hit + strlen(from);
	}
	snprintf(out + n, sizeof(out) - n, "%s", at);
	snprintf(text, size, "%s", out);
}

static void
the_sample_is_the_table(void **state)
{
	const char *srcdir = getenv("abs_srcdir");
	static char want[16384], got[16384];
	char path[4096], bridges[256], *sample = printed(NULL);
	size_t n;
	FILE *f;

	snprintf(want, sizeof(want), "%s", sample);
	free(sample);
	replace(want, sizeof(want), SYSCONFDIR "/gatehouse", "/etc/gatehouse");
	replace(want, sizeof(want), PKGDATADIR, "/usr/share/gatehouse");
	replace(want, sizeof(want), LOCALSTATEDIR "/lib/gatehouse", "/var/lib/gatehouse");
	replace(want, sizeof(want), RUNSTATEDIR "/gatehouse", "/run/gatehouse");
	snprintf(bridges, sizeof(bridges), "#bridge = %s\n", host_bridges);
	replace(want, sizeof(want), bridges, "#bridge = virbr*, incusbr*, lxdbr*, mpqemubr*\n");
	snprintf(path, sizeof(path), "%s/conf/gatehouse.conf", srcdir != NULL ? srcdir : ".");
	if (getenv("UPDATE_GOLDENS") != NULL) {
		assert_non_null(f = fopen(path, "w"));
		fputs(want, f);
		fclose(f);
	}
	assert_non_null(f = fopen(path, "r"));
	n = fread(got, 1, sizeof(got) - 1, f);
	got[n] = '\0';
	fclose(f);
	assert_string_equal(got, want);
}

static void
the_sample_uncommented_is_the_default(void **state)
{
	struct conf defaults, c;
	char *sample = printed(NULL), *out, *want;

	memset(&c, 0, sizeof(c));
	memset(&defaults, 0, sizeof(defaults));
	for (char *s = sample; (s = strstr(s, "\n#")) != NULL; s++) {
		if (s[2] != ' ' && s[2] != '\n')
			s[1] = ' ';
	}
	expect(&c, sample, NULL);
	expect(&defaults, "", NULL);
	/* Compared as text, so that a difference can be read. */
	out = printed(&c);
	want = printed(&defaults);
	assert_string_equal(out, want);
	assert_memory_equal(&c, &defaults, sizeof(c));
	free(out);
	free(want);
	free(sample);
}

static void
the_path_comes_from_the_environment_or_the_build(void **state)
{
	unsetenv("GATEHOUSE_CONF");
	assert_string_equal(conf_default_path(), SYSCONFDIR "/gatehouse/gatehouse.conf");
	setenv("GATEHOUSE_CONF", "/tmp/lab.conf", 1);
	assert_string_equal(conf_default_path(), "/tmp/lab.conf");
	setenv("GATEHOUSE_CONF", "", 1);
	assert_string_equal(conf_default_path(), SYSCONFDIR "/gatehouse/gatehouse.conf");
}

/* Sections of their own, as many as there are names. */
static void
providers_of_an_operators_own_are_read_and_printed_back(void **state)
{
	static const char text[] = "[provider own-one]\ncommand = /opt/own/list --all\nrows = data.vms\n"
	    "mac = nics.0.mac\n[provider two]\ncommand = /two\nname = id\nrunning = up\n";
	struct conf c, again;
	char *printed;
	size_t len;
	FILE *f;

	expect(&c, text, NULL);
	assert_int_equal(c.nproviders, 2);
	assert_string_equal(c.providers[0].name, "own-one");
	assert_int_equal(c.providers[0].command.n, 2);
	assert_string_equal(c.providers[0].command.word[1], "--all");
	assert_string_equal(c.providers[0].field_name, "name");
	assert_string_equal(c.providers[1].field_name, "id");
	f = xmemstream(&printed, &len);
	conf_print(&c, f);
	fclose(f);
	expect(&again, printed, NULL);
	assert_memory_equal(c.providers, again.providers, sizeof(c.providers));
	free(printed);
	expect(&c, "[provider x]\nname = id\n", "has no command");
	expect(&c, "[provider x]\ncommand = list\n", "not an absolute path");
	expect(&c, "[provider x]\ncommand = /x\ncolour = red\n", "it has command, user, rows");
	expect(&c, "[provider X y]\ncommand = /x\n", "small letters");
}

static void
commands_never_run_as_root_and_choices_are_named(void **state)
{
	struct conf c;

	expect(&c, "[inventory]\nuser = nobody\n[guard]\non-unguarded = stop\nflush-when-idle = 5m\n"
	    "auto = no\n[notify]\ncommand = /usr/bin/tell me\ndrops = no\n", NULL);
	assert_int_equal(c.inventory_users.n, 1);
	assert_int_equal(c.on_unguarded, UNGUARDED_STOP);
	assert_int_equal(c.rest_seconds, 300);
	assert_false(c.auto_apply);
	assert_string_equal(c.notify.word[1], "me");
	expect(&c, "[inventory]\nuser = root\n", "never run as root");
	expect(&c, "[inventory]\nuser = no-such-user-here\n", "there is no user");
	expect(&c, "[guard]\non-unguarded = ask\n", "\"ask\" is not tell or stop");
	expect(&c, "[notify]\ncommand = tell\n", "not an absolute path");
	expect(&c, "[notify]\nuser = no-such-user-here\n", "there is no user");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_those_of_the_design),
		cmocka_unit_test(every_type_is_read),
		cmocka_unit_test(servers_are_named_with_and_without_port),
		cmocka_unit_test(editors_habits_do_no_harm),
		cmocka_unit_test(lists_add_up_and_the_rest_stands_once),
		cmocka_unit_test(slips_are_named_with_line_and_remedy),
		cmocka_unit_test(what_contradicts_itself_is_refused),
		cmocka_unit_test(an_upstream_proxy_is_a_host_and_a_port),
		cmocka_unit_test(a_line_too_long_is_an_error_and_never_cut),
		cmocka_unit_test(a_refused_file_changes_nothing),
		cmocka_unit_test(root_takes_no_file_that_anyone_can_write),
		cmocka_unit_test(who_only_talks_to_the_daemon_gets_what_can_be_read),
		cmocka_unit_test(providers_of_an_operators_own_are_read_and_printed_back),
		cmocka_unit_test(commands_never_run_as_root_and_choices_are_named),
		cmocka_unit_test(print_back_gives_the_same_configuration),
		cmocka_unit_test(the_sample_is_the_table),
		cmocka_unit_test(the_sample_uncommented_is_the_default),
		cmocka_unit_test(the_path_comes_from_the_environment_or_the_build),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
