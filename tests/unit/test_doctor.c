/* What the doctor reads from listings of others' rules, and how it says so. */
#include "config.h"

#include "unit.h"

#include <sys/socket.h>
#include <sys/syscall.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "doctor/doctor.h"
#include "firewall/pf.h"
#include "xmalloc.h"

#define TABLE(f, t)	"{\"table\":{\"family\":\"" f "\",\"name\":\"" t "\"}}"
#define CHAIN(f, t, n)	"{\"chain\":{\"family\":\"" f "\",\"table\":\"" t "\",\"name\":\"" n "\"}}"
#define BASE(f, t, n, type, hook, prio, policy)						\
	"{\"chain\":{\"family\":\"" f "\",\"table\":\"" t "\",\"name\":\"" n "\",\"type\":\"" type "\"," \
	"\"hook\":\"" hook "\",\"prio\":" prio ",\"policy\":\"" policy "\"}}"
#define RULE(f, t, n, e)	"{\"rule\":{\"family\":\"" f "\",\"table\":\"" t "\",\"chain\":\"" n "\"," \
	"\"expr\":[" e "]}}"
#define LIST(items)	"{\"nftables\":[{\"metainfo\":{}}," items "]}"

/* One row, of that state, that says that much. */
static void
assert_row(json_t *rows, size_t i, const char *check, enum doctor_state state, const char *part)
{
	const json_t *row = json_array_get(rows, i);
	const char *text = json_string_value(json_object_get(row, "text"));

	assert_non_null(row);
	assert_string_equal(json_string_value(json_object_get(row, "check")), check);
	assert_string_equal(json_string_value(json_object_get(row, "state")), doctor_state_name(state));
	if (strstr(text, part) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", text, part);
}

static void
nft_says(const char *list, enum doctor_state state, const char *part)
{
	json_t *rows = json_array();

	assert_true(foreign_nft(rows, list, strlen(list)));
	assert_int_equal(json_array_size(rows), 1);
	assert_row(rows, 0, "foreign", state, part);
	json_decref(rows);
}

static void
test_nft_that_is_not_in_the_way(void **state)
{
	static const char well[] = "no table of others is in the way";

	nft_says("{\"nftables\":[]}", DOCTOR_OK, well);
	/* Ours, whatever it does. */
	nft_says(LIST(BASE("inet", "gatehouse", "input", "filter", "input", "0", "drop")), DOCTOR_OK, well);
	/* Accepting ends nothing but its own chain. */
	nft_says(LIST(BASE("inet", "x", "y", "filter", "forward", "-300", "accept") ","
	    RULE("inet", "x", "y", "{\"accept\":null}")), DOCTOR_OK, well);
	/* Docker's translation comes after ours. */
	nft_says(LIST(BASE("ip", "nat", "PREROUTING", "nat", "prerouting", "-100", "accept") ","
	    CHAIN("ip", "nat", "DOCKER") "," RULE("ip", "nat", "DOCKER", "{\"dnat\":{\"addr\":\"10.0.0.1\"}}")),
	    DOCTOR_OK, well);
	/* Translating what leaves is not translating what comes. */
	nft_says(LIST(BASE("ip", "x", "post", "nat", "postrouting", "-300", "accept") ","
	    RULE("ip", "x", "post", "{\"masquerade\":null}")), DOCTOR_OK, well);
	/* ARP is not for us. */
	nft_says(LIST(BASE("arp", "x", "y", "filter", "input", "0", "drop")), DOCTOR_OK, well);
}

static void
test_nft_that_is_in_the_way(void **state)
{
	nft_says(LIST(BASE("ip", "x", "first", "nat", "prerouting", "-150", "accept") ","
	    RULE("ip", "x", "first", "{\"match\":{}},{\"redirect\":{\"port\":1}}")), DOCTOR_FAIL,
	    "chain first of table ip x translates addresses before gatehouse does");
	nft_says(LIST(BASE("ip", "nat", "PREROUTING", "nat", "prerouting", "-110", "accept") ","
	    CHAIN("ip", "nat", "DOCKER") "," RULE("ip", "nat", "DOCKER", "{\"dnat\":{}}")), DOCTOR_FAIL,
	    "Docker: chain PREROUTING of table ip nat translates");
	nft_says(LIST(BASE("ip", "raw", "PREROUTING", "filter", "prerouting", "-300", "accept") ","
	    RULE("ip", "raw", "PREROUTING", "{\"notrack\":null}")), DOCTOR_WARN, "connection tracking");
	nft_says(LIST(BASE("netdev", "x", "in", "filter", "ingress", "0", "accept") ","
	    RULE("netdev", "x", "in", "{\"fwd\":{\"dev\":\"eth0\"}}")), DOCTOR_WARN, "hands packets on before");
	nft_says(LIST(BASE("inet", "x", "fw", "filter", "forward", "0", "accept") ","
	    RULE("inet", "x", "fw", "{\"flow\":{\"op\":\"add\",\"flowtable\":\"@f\"}}")), DOCTOR_WARN,
	    "flow table");
	nft_says(LIST(BASE("inet", "x", "fw", "filter", "forward", "0", "accept") ","
	    RULE("inet", "x", "fw", "{\"queue\":null}")), DOCTOR_WARN, "hands packets to a program");
	nft_says(LIST(BASE("ip", "filter", "INPUT", "filter", "input", "0", "drop") ","
	    CHAIN("ip", "filter", "ufw-before-input")), DOCTOR_WARN,
	    "ufw: chain INPUT of table ip filter drops what no rule of it accepts");
}

static void
test_nft_names_no_more_than_can_be_read(void **state)
{
	json_t *rows = json_array(), *list = json_array(), *root;
	char *text;

	for (int i = 0; i < 100; i++)
		json_array_append_new(list, json_loads(BASE("ip", "x", "y", "filter", "input", "0", "drop"),
		    0, NULL));
	root = json_pack("{s:o}", "nftables", list);
	text = json_dumps(root, 0);
	assert_true(foreign_nft(rows, text, strlen(text)));
	assert_int_equal(json_array_size(rows), 8);
	free(text);
	json_decref(root);
	json_decref(rows);
}

static void
test_nft_takes_anything(void **state)
{
	static const char *const odd[] = {
		"", "{", "[]", "{}", "null", "{\"nftables\":{}}", "{\"nftables\":1}",
	};
	json_t *rows = json_array();

	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		assert_false(foreign_nft(rows, odd[i], strlen(odd[i])));
	assert_int_equal(json_array_size(rows), 0);
	json_decref(rows);
	nft_says("{\"nftables\":[1,null,\"x\",[],{\"chain\":1},{\"chain\":{\"hook\":1}},{\"rule\":[]},"
	    "{\"chain\":{\"hook\":\"prerouting\",\"prio\":\"first\",\"family\":7,\"table\":[]}},"
	    "{\"rule\":{\"expr\":{\"a\":1}}},{\"rule\":{\"expr\":[1,null,[]]}}]}", DOCTOR_OK, "no table");
}

/* Rows past the first that says the hook is there. */
static void
pf_says(const struct pf_host *host, const char *nat, const char *rules, const char *check,
    enum doctor_state state, const char *part)
{
	json_t *rows = json_array();
	struct conf conf;

	conf_defaults(&conf);
	foreign_pf(rows, host, nat, rules, &conf);
	assert_true(json_array_size(rows) >= 1);
	assert_row(rows, state != DOCTOR_FAIL, check, state, part);
	json_decref(rows);
}

static void
test_pf_main_rules(void **state)
{
	static const char nothing[] = "nothing in pf's main rules", nat[] = "rdr-anchor \"gatehouse\" all\n",
	    rules[] = "anchor \"gatehouse\" all\n";
	const struct pf_host *freebsd = &pf_host_freebsd, *macos = &pf_host_macos;
	json_t *rows = json_array();
	struct conf conf;

	pf_says(freebsd, nat, "anchor \"gatehouse\" all\npass all flags S/SA keep state\n", "foreign",
	    DOCTOR_OK, nothing);
	pf_says(macos, "nat-anchor \"com.apple/*\" all\nrdr-anchor \"com.apple/*\" all\n",
	    "scrub-anchor \"com.apple/*\" all fragment reassemble\nanchor \"com.apple/*\" all\n",
	    "foreign", DOCTOR_OK, nothing);
	/* Not quick: asked, and overruled. */
	pf_says(freebsd, nat, "block drop all\nanchor \"gatehouse\" all\n", "foreign", DOCTOR_OK, nothing);
	pf_says(freebsd, nat, "pass quick on lo0 all\nanchor \"gatehouse\" all\n", "foreign", DOCTOR_WARN,
	    "(anchor): pass quick on lo0 all");
	pf_says(freebsd, "rdr on em0 inet proto tcp from any to any port = http -> 10.0.0.1\n"
	    "rdr-anchor \"gatehouse\" all\n", rules, "foreign", DOCTOR_WARN, "(rdr-anchor): rdr on em0");
	pf_says(freebsd, nat, "anchor \"vpn/*\" all\nanchor \"gatehouse\" all\n", "foreign", DOCTOR_WARN,
	    "anchor \"vpn/*\" all");
	pf_says(freebsd, "", "", "hook", DOCTOR_FAIL, "lack: rdr-anchor \"gatehouse\", anchor");
	pf_says(freebsd, nat, "", "hook", DOCTOR_FAIL, "lack: anchor \"gatehouse\"");
	pf_says(freebsd, "rdr-anchor \"gatehouse-old\" all\n", "anchor \"gatehouse-old\" all", "hook",
	    DOCTOR_FAIL, "lack: rdr-anchor");
	pf_says(macos, "rdr-anchor \"com.apple.internet-sharing\" all\n", "", "hook", DOCTOR_FAIL,
	    "lack: rdr-anchor \"com.apple/*\"");
	/* What keeps rules from being applied is no less for the doctor. */
	pf_says(freebsd, "rdr pass inet proto tcp from any to any port = http -> 10.0.0.1\n"
	    "rdr-anchor \"gatehouse\" all\n", rules, "hook", DOCTOR_FAIL, "decides before");
	conf_defaults(&conf);
	conf.egress.n = 1;
	copy_string(conf.egress.name[0], "em0", GH_IFNAME_SIZE);
	foreign_pf(rows, freebsd, nat, rules, &conf);
	assert_row(rows, 0, "hook", DOCTOR_FAIL, "lack: nat-anchor");
	json_decref(rows);
}

static void
test_a_row_is_a_line(void **state)
{
	json_t *rows = json_array(), *result;
	char *text;

	doctor_add(rows, "drift", DOCTOR_FAIL, strdup("a\nb\033[2J"), "do this");
	doctor_add(rows, "proxy", DOCTOR_OK, strdup("it serves"), NULL);
	result = json_pack("{s:o}", "checks", rows);
	text = doctor_text(result);
	assert_int_equal(strchr(text, '\033') == NULL, 1);
	assert_non_null(strstr(text, "FAIL drift     a"));
	assert_non_null(strstr(text, "; do this\nok   proxy     it serves\n"));
	free(text);
	json_decref(result);
}

#ifdef TCP_SAVE_SYN
static bool old_kernel;

/* In front of libc's: Linux before 5.10 keeps no hardware address. */
int
setsockopt(int fd, int level, int option, const void *value, socklen_t len)
{
	if (old_kernel && level == IPPROTO_TCP && option == TCP_SAVE_SYN) {
		errno = EINVAL;
		return -1;
	}
	return (int)syscall(SYS_setsockopt, fd, level, option, value, len);
}

/* Whether the doctor warns that who takes a guest's address has its entries. */
static bool
warns_of_senders(const char *list)
{
	char path[] = "/tmp/test_doctor.XXXXXX";
	const int fd = mkstemp(path);
	json_t *rows = json_array(), *row;
	struct conf conf;
	bool warns = false;
	size_t i;

	assert_true(fd != -1);
	assert_int_equal(write(fd, list, strlen(list)), strlen(list));
	close(fd);
	conf_defaults(&conf);
	copy_string(conf.allowlist, path, sizeof(conf.allowlist));
	doctor_files(rows, &conf, "/nonexistent/gatehouse.conf");
	json_array_foreach(rows, i, row)
		warns = warns ||
		    strcmp(json_string_value(json_object_get(row, "check")), "senders") == 0;
	json_decref(rows);
	unlink(path);
	return warns;
}

static void
test_a_kernel_that_keeps_no_senders_is_told_where_it_matters(void **state)
{
	old_kernel = true;
	assert_true(warns_of_senders(".a.example\n.b.example vm=agent-1\n"));
	assert_false(warns_of_senders(".a.example\n#off .b.example vm=agent-1\n"));
	old_kernel = false;
	assert_false(warns_of_senders(".b.example vm=agent-1\n"));
}
#endif

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nft_that_is_not_in_the_way),
		cmocka_unit_test(test_nft_that_is_in_the_way),
		cmocka_unit_test(test_nft_names_no_more_than_can_be_read),
		cmocka_unit_test(test_nft_takes_anything),
		cmocka_unit_test(test_pf_main_rules),
		cmocka_unit_test(test_a_row_is_a_line),
#ifdef TCP_SAVE_SYN
		cmocka_unit_test(test_a_kernel_that_keeps_no_senders_is_told_where_it_matters),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
