/* `gatehouse rules --text`: what it prints, with what an allowlist opens. */
#include "config.h"

#include "unit.h"

#include <stdio.h>
#include <unistd.h>

#include "cli.h"
#include "conf.h"
#include "xmalloc.h"

enum { PATH_SIZE = 512, TEXT_SIZE = 64 << 10 };

static char dir[] = "/tmp/gatehouse-test-rules-XXXXXX", list[64], out[64], err[64];
static struct conf *conf;

static void
put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static const char *
get(const char *path)
{
	static char text[TEXT_SIZE];
	FILE *f = fopen(path, "r");

	assert_non_null(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	return text;
}

static int
setup(void **state)
{
	const char *src = getenv("abs_srcdir");

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(list, sizeof(list), "%s/list", dir);
	snprintf(out, sizeof(out), "%s/out", dir);
	snprintf(err, sizeof(err), "%s/err", dir);
	conf = xcalloc(1, sizeof(*conf));
	conf_defaults(conf);
	snprintf(conf->rules[0], sizeof(conf->rules[0]), "%s/rules", src != NULL ? src : ".");
	snprintf(conf->presets[0], sizeof(conf->presets[0]), "%s", dir);
	snprintf(conf->allowlist, sizeof(conf->allowlist), "%s", list);
	conf->bridges.n = 1;
	snprintf(conf->bridges.name[0], sizeof(conf->bridges.name[0]), "bridge100");
	return 0;
}

static int
teardown(void **state)
{
	char preset[64];

	(void)state;
	snprintf(preset, sizeof(preset), "%s/tools", dir);
	unlink(preset);
	unlink(list);
	unlink(out);
	unlink(err);
	free(conf);
	return rmdir(dir);
}

/* Both streams go to files meanwhile. */
static enum exit_code
printed(const char *profile, const char *backend)
{
	char words[4][16];
	char *argv[] = { words[0], words[1], words[2] };
	const int was_out = dup(STDOUT_FILENO), was_err = dup(STDERR_FILENO);
	enum exit_code code;

	snprintf(words[0], sizeof(words[0]), "%s", profile);
	snprintf(words[1], sizeof(words[1]), "--backend");
	snprintf(words[2], sizeof(words[2]), "%s", backend);
	fflush(stdout);
	assert_non_null(freopen(out, "w", stdout));
	assert_non_null(freopen(err, "w", stderr));
	code = cli_rules_text(conf, 3, argv);
	fflush(stdout);
	fflush(stderr);
	dup2(was_out, STDOUT_FILENO);
	dup2(was_err, STDERR_FILENO);
	close(was_out);
	close(was_err);
	return code;
}

static void
assert_has(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("nothing of \"%s\" in:\n%s", part, text);
}

static void
entries_for_addresses_are_there_and_others_are_told(void **state)
{
	char preset[64];

	snprintf(preset, sizeof(preset), "%s/tools", dir);
	put(preset, "ssh.example.net\n");
	put(list, ".example.com\n203.0.113.0/24:5432\n!203.0.113.128/25:5432\n"
	    "198.51.100.9:443\n#off 192.0.2.0/24:25\ngit.example.org:22\nweb.example.org:443\n"
	    "9.9.9.9:123/udp vm=clock-*\n!bad.example.org:22\n@tools vm=dev-1\n");
	assert_int_equal(printed("filtered", "pf"), EXIT_DONE);
	assert_string_equal(get(err), "");
	assert_has(get(out), "\nrdr-anchor \"pins\" on { $bridges }\n"
	    "no rdr on { $bridges } inet proto tcp from { $guests } to 198.51.100.9 port 443\n");
	assert_has(get(out), "# The daemon loads these by themselves, each for every address of a guest.\n"
	    "# And what it alone can tell:\n"
	    "# git.example.org:22: the addresses that our DNS gives a guest for it, to that guest\n"
	    "# 9.9.9.9:123/udp vm=clock-*: to the addresses of those guests\n"
	    "anchor \"pins\" in on { $bridges } {\n"
	    "\tpass in quick inet proto tcp from { $guests } to 198.51.100.9 port 443 flags S/SA "
	    "keep state label \"gatehouse:address\"\n"
	    "\tpass in quick inet proto tcp from { $guests } to 203.0.113.0/25 port 5432 flags S/SA "
	    "keep state label \"gatehouse:address\"\n}\n");
	assert_null(strstr(get(out), "192.0.2.0/24"));
	assert_int_equal(printed("lockdown", "pf"), EXIT_DONE);
	assert_null(strstr(get(out), "203.0.113.0"));
	assert_int_equal(printed("filtered", "nft"), EXIT_DONE);
	assert_has(get(out), "\n# @ranges4: 203.0.113.0/25, tcp port 5432\n");
}

static void
without_a_list_or_with_a_wrong_one_the_rules_are_there(void **state)
{
	unlink(list);
	assert_int_equal(printed("filtered", "pf"), EXIT_DONE);
	assert_string_equal(get(err), "");
	assert_has(get(out), "\nanchor \"pins\" in on { $bridges }\n");
	put(list, "fine.example.com\nnot a name\n");
	assert_int_equal(printed("filtered", "pf"), EXIT_DONE);
	assert_has(get(err), "/list:2: ");
	assert_has(get(err), "; the rules have nothing of what its entries open\n");
	assert_has(get(out), "\nanchor \"pins\" in on { $bridges }\n");
	put(list, "@nowhere\n203.0.113.0/24:5432\n");
	assert_int_equal(printed("filtered", "pf"), EXIT_DONE);
	assert_has(get(err), "nowhere");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries_for_addresses_are_there_and_others_are_told),
		cmocka_unit_test(without_a_list_or_with_a_wrong_one_the_rules_are_there),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
