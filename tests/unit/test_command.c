/* Commands: words to requests, results to text. */
#include "config.h"

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control.h"

enum { WORDS_MAX = 8 };

/* The request of a command line as JSON text, or the cause after "! ". */
static char *
request_of(const char *line)
{
	char *words[WORDS_MAX + 1], *copy = strdup(line), *save = NULL, *cause, *text;
	const struct command *c;
	json_t *params = NULL;
	int n = 0;

	for (char *w = strtok_r(copy, " ", &save); w != NULL && n < WORDS_MAX;
	    w = strtok_r(NULL, " ", &save))
		words[n++] = strcmp(w, "''") == 0 ? strchr(w, '\0') : w;
	words[n] = NULL;
	c = command_of(n, words);
	assert_non_null(c);
	cause = c->to_request(n, words, &params);
	if (cause != NULL) {
		assert_null(params);
		text = malloc(strlen(cause) + 3);
		assert_non_null(text);
		snprintf(text, strlen(cause) + 3, "! %s", cause);
		free(cause);
	} else
		text = params != NULL ? json_dumps(params, JSON_COMPACT | JSON_SORT_KEYS) : strdup("-");
	json_decref(params);
	free(copy);
	return text;
}

static void
words_become_requests(void **state)
{
	static const struct {
		const char	*line, *request;
	} rows[] = {
		{ "status", "-" },
		{ "status now", "! status takes no words: now" },
		{ "vms", "{}" },
		{ "domains npm --sort bytes --desc --limit 20",
		    "{\"desc\":true,\"filter\":\"npm\",\"limit\":20,\"sort\":\"bytes\"}" },
		{ "domains --limit many", "! domains: --limit many: not a number" },
		{ "domains --limit", "! domains: --limit needs a value" },
		{ "domains --frobnicate", "! domains: unknown option --frobnicate" },
		{ "domains a b", "! domains: one word too many: b" },
		{ "apply", "{\"dry_run\":false}" },
		{ "apply lockdown --dry-run", "{\"dry_run\":true,\"profile\":\"lockdown\"}" },
		{ "flush --yes", "-" },
		{ "freeze", "{}" },
		{ "freeze agent-1", "{\"vm\":\"agent-1\"}" },
		{ "proxy start", "{\"action\":\"start\"}" },
		{ "proxy", "! proxy: start, stop, learn or enforce is missing" },
		{ "proxy sideways", "! proxy: say start, stop, learn or enforce, not sideways" },
		{ "allow .pypi.org --vm agent-* --for 30m",
		    "{\"for\":\"30m\",\"text\":\".pypi.org\",\"vm\":\"agent-*\"}" },
		{ "allow", "! allow: ENTRY is missing" },
		{ "allow ''", "! allow: ENTRY is missing" },
		{ "check", "! check: HOST is missing" },
		{ "check ''", "! check: HOST is missing" },
		{ "check :443", "! check: HOST is missing" },
		{ "proxy learn", "{\"action\":\"learn\"}" },
		{ "proxy learn --for 30m", "{\"action\":\"learn\",\"for\":\"30m\"}" },
		{ "proxy enforce", "{\"action\":\"enforce\"}" },
		{ "proxy start --for 30m", "! proxy: --for goes with learn, not with start" },
		{ "entries --learned", "{}" },
		{ "entries --vm agent-* --learned", "{\"vm\":\"agent-*\"}" },
		{ "entries --learned npm", "! entries: one word too many: npm" },
		{ "entries -- --learned", "{\"filter\":\"--learned\"}" },
		{ "allow --learned", "{\"dry_run\":false}" },
		{ "allow --learned --vm a --dry-run", "{\"dry_run\":true,\"vm\":\"a\"}" },
		{ "allow --learned .pypi.org", "! allow: one word too many: .pypi.org" },
		{ "disable .docker.io", "{\"entry\":\".docker.io\",\"state\":\"off\"}" },
		{ "enable 7", "{\"entry\":\"7\",\"state\":\"on\"}" },
		{ "remove .docker.io", "{\"entry\":\".docker.io\"}" },
		{ "remove -- -odd", "{\"entry\":\"-odd\"}" },
		{ "undo", "-" },
		{ "check github.com", "{\"host\":\"github.com\"}" },
		{ "check github.com:8443 --vm a", "{\"host\":\"github.com\",\"port\":8443,\"vm\":\"a\"}" },
		{ "check 10.0.0.1:80", "{\"host\":\"10.0.0.1\",\"port\":80}" },
		{ "check fd00::1", "{\"host\":\"fd00::1\"}" },
		{ "check [fd00::1]:443", "{\"host\":\"fd00::1\",\"port\":443}" },
		{ "check github.com:0", "! check: 0 is no port: too small" },
		{ "check https://github.com/", "! check: https://github.com/: write the host alone, "
		    "without http:// or a path" },
		{ "check github.com:", "! check:  is no port: a number is missing" },
		{ "why 3-1042", "{\"id\":\"3-1042\"}" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *text = request_of(rows[i].line);

		assert_string_equal(text, rows[i].request);
		free(text);
	}
}

static void
every_command_has_help_and_fits_its_row(void **state)
{
	for (const struct command *c = command_table; c->name != NULL; c++) {
		char *usage = command_usage(c);

		assert_ptr_equal(command_find(c->name), c);
		assert_true(strlen(c->help) > 0);
		assert_true(c->method == NULL || c->to_request != NULL);
		assert_memory_equal(usage, "usage: gatehouse ", 17);
		free(usage);
	}
	assert_null(command_find("frobnicate"));
}

static void
results_become_text_and_never_crash_on_odd_ones(void **state)
{
	static const char *const odd[] = { "{}", "{\"diff\":5,\"entry\":[],\"roles\":7,\"alerts\":{}}",
		"{\"firewall\":[],\"proxy\":\"x\",\"time\":\"then\",\"vms\":[{}],\"line\":-1}" };

	for (const struct command *c = command_table; c->name != NULL; c++) {
		for (size_t i = 0; c->to_text != NULL && i < sizeof(odd) / sizeof(odd[0]); i++) {
			json_t *j = json_loads(odd[i], 0, NULL);

			free(c->to_text(j));
			json_decref(j);
		}
	}
}

static void
what_was_learned_is_told_as_entries(void **state)
{
	json_t *j = json_loads("{\"mode\":\"learn\",\"left\":0,\"forgotten\":2,\"entries\":["
	    "{\"text\":\".example.org vm=a\",\"asked\":12,\"names\":4,\"guests\":[\"a\"],"
	    "\"covers\":[\"x.example.org\",\"y.example.org\"]},"
	    "{\"text\":\"dns.google\",\"asked\":1,\"names\":1,\"guests\":[],"
	    "\"covers\":[\"dns.google\"],\"warning\":\"it answers\"}]}", 0, NULL);
	char *text = command_find("entries --learned")->to_text(j);

	assert_string_equal(text, ".example.org vm=a\n"
	    "  asked for 12 times by a; covers x.example.org, y.example.org and 2 more\n"
	    "dns.google\n  asked for 1 time\n"
	    "  warning, so it is not taken with the others: it answers\n"
	    "2 learned names were forgotten, for more were asked for than can be kept\n\n"
	    "\"gatehouse allow --learned\" adds them, \"gatehouse undo\" takes that back\n");
	free(text);
	json_decref(j);
	j = json_loads("{\"added\":[\"a.com\"],\"left_out\":[{\"text\":\"b.com\",\"warning\":"
	    "\"so\"}],\"dry_run\":false}", 0, NULL);
	text = command_find("allow --learned")->to_text(j);
	assert_string_equal(text, "added a.com\nleft out b.com: so; add it by name if it is needed\n");
	free(text);
	json_decref(j);
}

static void
a_verdict_is_told_with_the_entry_that_decided(void **state)
{
	json_t *j = json_loads("{\"verdict\":\"allow\",\"name\":\"registry.npmjs.org\",\"port\":443,"
	    "\"reason\":\"listed\",\"entry\":\".npmjs.org\",\"line\":5,\"advice\":\"An entry.\"}", 0, NULL);
	char *text = command_find("check")->to_text(j);

	assert_string_equal(text, "allow registry.npmjs.org:443: listed\n"
	    "  by .npmjs.org (line 5 of the allowlist)\n  An entry.\n");
	free(text);
	json_decref(j);
	j = json_loads("{\"verdict\":\"allow\",\"name\":\"registry.npmjs.org\",\"port\":443,"
	    "\"reason\":\"listed\",\"entry\":\".npmjs.org\",\"line\":5,\"advice\":\"An entry.\","
	    "\"file\":\"/etc/list\",\"last\":{\"id\":\"3-7\",\"guest\":\"agent-1\",\"verdict\":"
	    "\"allow\",\"reason\":\"listed\",\"dialled\":\"198.51.100.7\"}}", 0, NULL);
	text = command_find("check")->to_text(j);
	assert_string_equal(text, "allow registry.npmjs.org:443: listed\n"
	    "  by .npmjs.org (line 5 of /etc/list)\n  An entry.\n"
	    "  last asked for by agent-1: allow, listed, dialled 198.51.100.7 (3-7)\n");
	free(text);
	json_decref(j);
}

static void
what_opens_or_ends_something_is_asked_about_and_nothing_else(void **state)
{
	static const struct {
		const char	*method, *params, *question;	/* NULL: not asked */
		bool		 typed;
	} rows[] = {
		{ "flush", "{}", "Flush: 3 running guests will reach anything, unfiltered.", true },
		{ "apply", "{\"profile\":\"observe\"}",
		    "Observe: 3 running guests will reach anything, only logged.", true },
		{ "apply", "{\"profile\":\"observe\",\"dry_run\":true}", NULL, false },
		{ "apply", "{\"profile\":\"filtered\"}", NULL, false },
		{ "apply", "{}", NULL, false },
		{ "apply", "{\"profile\":\"lockdown\"}",
		    "Lockdown: no guest reaches anything, 7 open connections end.", false },
		{ "proxy", "{\"action\":\"stop\"}",
		    "Stop the proxy: no name is let through, 7 open connections end.", false },
		{ "proxy", "{\"action\":\"start\"}", NULL, false },
		{ "proxy", "{\"action\":\"learn\"}", "Learn: 3 running guests will reach every web site "
		    "that no entry forbids, until told otherwise.", false },
		{ "proxy", "{\"action\":\"learn\",\"for\":\"10m\"}", "Learn: 3 running guests will reach "
		    "every web site that no entry forbids, for 10m.", false },
		{ "freeze", "{}", "Freeze all: no packet of 3 running guests passes.", false },
		{ "freeze", "{\"vm\":\"agent-1\"}", NULL, false },
		{ "entry.set", "{\"entry\":1,\"state\":\"off\"}", NULL, false },
	};
	json_t *status = json_pack("{s:{s:i}, s:{s:i}}", "counts", "running", 3, "proxy",
	    "connections", 7);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *params = json_loads(rows[i].params, 0, NULL);
		bool typed = !rows[i].typed;
		char *question = command_danger(status, rows[i].method, params, &typed);

		if (rows[i].question == NULL)
			assert_null(question);
		else
			assert_string_equal(question, rows[i].question);
		assert_int_equal(typed, rows[i].typed);
		free(question);
		question = command_danger(NULL, rows[i].method, params, &typed);
		assert_int_equal(question != NULL, rows[i].question != NULL);
		free(question);
		json_decref(params);
	}
	json_decref(status);
}

static void
what_the_proxy_was_told_is_said(void **state)
{
	static const struct {
		const char	*answer, *text;
	} rows[] = {
		{ "{\"state\":\"up\",\"mode\":\"enforce\"}",
		    "the proxy is up, enforcing: only listed names pass\n" },
		{ "{\"state\":\"stopped\",\"mode\":\"enforce\"}", "the proxy is stopped\n" },
		{ "{\"state\":\"up\",\"mode\":\"learn\",\"learn_by\":\"root (0)\",\"learn_until\":null}",
		    "the proxy is up, LEARNING by root (0): names that no entry lists are let through\n" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *j = json_loads(rows[i].answer, 0, NULL);
		char *text = command_find("proxy")->to_text(j);

		assert_string_equal(text, rows[i].text);
		free(text);
		json_decref(j);
	}
}

static void
one_of_a_kind_is_told_in_the_singular(void **state)
{
	json_t *j = json_loads("{\"version\":\"1\",\"host\":\"h\",\"time\":10.0,\"uptime\":4.0,"
	    "\"proxy\":{\"state\":\"up\",\"since\":6.0,\"connections\":1},\"drops\":{\"packets\":1},"
	    "\"allowlist\":{\"entries\":1},\"counts\":{\"domains\":1,\"events\":1},"
	    "\"roles\":[{\"name\":\"net\",\"restarts\":1}]}", 0, NULL);
	static const char *const said[] = { "up for 4s, 1 connection,", "1 packet\n", "1 entry\n",
		"; 1 name, 0 blocked, 1 event\n", "started again 1 time\n" };
	char *text = command_find("status")->to_text(j);

	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++)
		assert_non_null(strstr(text, said[i]));
	free(text);
	json_decref(j);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_become_requests),
		cmocka_unit_test(what_opens_or_ends_something_is_asked_about_and_nothing_else),
		cmocka_unit_test(every_command_has_help_and_fits_its_row),
		cmocka_unit_test(results_become_text_and_never_crash_on_odd_ones),
		cmocka_unit_test(what_was_learned_is_told_as_entries),
		cmocka_unit_test(what_the_proxy_was_told_is_said),
		cmocka_unit_test(one_of_a_kind_is_told_in_the_singular),
		cmocka_unit_test(a_verdict_is_told_with_the_entry_that_decided),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
