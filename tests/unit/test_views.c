/* Windows of rows: filtered, sorted, paged, and cheap however many there are. */
#include "config.h"

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine_rig.h"
#include "xmalloc.h"

enum { MANY = 100000 };

static int
setup(void **state)
{
	*state = rig_new("# web\n.npmjs.org\n#off .docker.io\n!evil.npmjs.org\ncrates.io vm=agent-*\n");
	return 0;
}

static int
teardown(void **state)
{
	rig_free(*state);
	return 0;
}

/* Names n0, n1 ...: n7 was asked for 7 times. */
static void
fill(struct rig *r, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct hit h = { .id = i + 1, .time = 1000000ull * (i + 1), .port = 443,
			.verdict = i % 3 == 0 ? VERDICT_ALLOW : VERDICT_DENY };

		snprintf(h.name, sizeof(h.name), "n%u.example.org", i);
		for (unsigned k = 0; k < (n < 100 ? i + 1 : 1); k++)
			model_hit(r->engine->model, &h, 1, i % 2 == 0 ? "even" : "odd");
	}
}

static struct window
window_of(enum view v, const char *params)
{
	json_t *j = json_loads(params, 0, NULL);
	struct window w;

	assert_non_null(j);
	assert_null(window_parse(v, j, &w));
	json_decref(j);
	return w;
}

/* The values of a key in the rows, with spaces between; caller frees. */
static char *
column(struct rig *r, enum view v, const char *params, const char *key)
{
	struct window w = window_of(v, params);
	json_t *j = window_rows(r->engine, v, &w), *row;
	char *text = xstrdup("");
	size_t i;

	json_array_foreach(json_object_get(j, "rows"), i, row) {
		const json_t *value = json_object_get(row, key);
		char *word = json_dumps(value, JSON_ENCODE_ANY), *more;

		if (json_is_string(value)) {
			free(word);
			word = xstrdup(json_string_value(value));
		}
		more = xasprintf("%s%s%s", text, i > 0 ? " " : "", word);
		free(word);
		free(text);
		text = more;
	}
	json_decref(j);
	return text;
}

static void
expect(struct rig *r, enum view v, const char *params, const char *key, const char *values)
{
	char *text = column(r, v, params, key);

	assert_string_equal(text, values);
	free(text);
}

static void
rows_come_sorted_either_way(void **state)
{
	struct rig *r = *state;

	fill(r, 12);
	expect(r, VIEW_DOMAINS, "{\"limit\":3}", "name",
	    "n11.example.org n10.example.org n9.example.org");
	expect(r, VIEW_DOMAINS, "{\"limit\":3,\"desc\":true}", "name",
	    "n0.example.org n1.example.org n2.example.org");
	expect(r, VIEW_DOMAINS, "{\"limit\":3,\"sort\":\"name\"}", "name",
	    "n0.example.org n1.example.org n10.example.org");
	expect(r, VIEW_DOMAINS, "{\"limit\":3,\"sort\":\"denied\",\"desc\":true}", "denied", "12 11 9");
	expect(r, VIEW_DOMAINS, "{\"limit\":4,\"sort\":\"allowed\",\"desc\":true}", "allowed", "10 7 4 1");
	expect(r, VIEW_ENTRIES, "{}", "line", "2 3 4 5");
	expect(r, VIEW_ENTRIES, "{\"sort\":\"text\"}", "text",
	    "crates.io vm=agent-* .docker.io !evil.npmjs.org .npmjs.org");
	expect(r, VIEW_ENTRIES, "{\"sort\":\"state\"}", "state", "off on on on");
}

static void
equal_rows_keep_their_order_on_every_page(void **state)
{
	struct rig *r = *state;
	char *whole, *pages = xstrdup("");

	fill(r, 60);
	whole = column(r, VIEW_DOMAINS, "{\"sort\":\"last_guest\"}", "name");
	for (int offset = 0; offset < 60; offset += 7) {
		char *params = xasprintf("{\"sort\":\"last_guest\",\"offset\":%d,\"limit\":7}", offset);
		char *page = column(r, VIEW_DOMAINS, params, "name");
		char *more = xasprintf("%s%s%s", pages, offset > 0 ? " " : "", page);

		free(params);
		free(page);
		free(pages);
		pages = more;
	}
	assert_string_equal(pages, whole);
	free(pages);
	free(whole);
}

static void
a_window_past_the_end_is_empty(void **state)
{
	struct rig *r = *state;
	struct window w = window_of(VIEW_DOMAINS, "{\"offset\":500,\"limit\":10}");
	json_t *j;

	fill(r, 12);
	j = window_rows(r->engine, VIEW_DOMAINS, &w);
	assert_int_equal(json_integer_value(json_object_get(j, "total")), 12);
	assert_int_equal(json_integer_value(json_object_get(j, "offset")), 500);
	assert_int_equal(json_array_size(json_object_get(j, "rows")), 0);
	json_decref(j);
	expect(r, VIEW_DOMAINS, "{\"limit\":0}", "name", "");
	expect(r, VIEW_DOMAINS, "{\"offset\":11,\"limit\":10}", "name", "n0.example.org");
}

static void
a_filter_looks_at_what_is_seen_whatever_the_case(void **state)
{
	struct rig *r = *state;
	struct sighting guests[] = { rig_sighting("agent-1", 0x11, "10.77.0.11"),
		rig_sighting("agent-2", 0x12, "10.77.0.12") };

	fill(r, 12);
	rig_guests(r, guests, 2);
	expect(r, VIEW_DOMAINS, "{\"filter\":\"N1\",\"sort\":\"name\"}", "name",
	    "n1.example.org n10.example.org n11.example.org");
	expect(r, VIEW_DOMAINS, "{\"filter\":\"even\",\"limit\":2}", "name",
	    "n10.example.org n8.example.org");
	expect(r, VIEW_DOMAINS, "{\"filter\":\"nothing like it\"}", "name", "");
	expect(r, VIEW_ENTRIES, "{\"filter\":\"agent\"}", "text", "crates.io vm=agent-*");
	expect(r, VIEW_ENTRIES, "{\"filter\":\"off\"}", "text", ".docker.io");
	expect(r, VIEW_VMS, "{\"filter\":\"0.12\"}", "name", "agent-2");
	expect(r, VIEW_VMS, "{\"filter\":\"02:77:00:00:00:11\"}", "name", "agent-1");
	expect(r, VIEW_VMS, "{\"sort\":\"addresses\",\"desc\":true}", "name", "agent-2 agent-1");
}

static void
what_cannot_be_asked_for_is_said(void **state)
{
	static const char *const bad[] = {
		"{\"limit\":1001}", "{\"limit\":-1}", "{\"limit\":\"x\"}", "{\"offset\":-1}",
		"{\"offset\":1.5}", "{\"sort\":\"nonsense\"}", "{\"sort\":3}", "{\"desc\":1}",
		"{\"filter\":5}",
	};
	struct window w;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		json_t *j = json_loads(bad[i], 0, NULL);
		char *cause = window_parse(VIEW_DOMAINS, j, &w);

		assert_non_null(cause);
		free(cause);
		json_decref(j);
	}
}

static void
every_key_of_every_view_sorts(void **state)
{
	static const char *const keys[VIEW_COUNT] = {
		[VIEW_VMS] = ("name by kind state addresses bridge port guard allowed denied dropped "
		    "bytes connections first_seen last_seen id"),
		[VIEW_RULES] = "family chain label action rule packets bytes rate",
		[VIEW_DOMAINS] = "name entry allowed denied bytes last last_guest last_verdict last_reason",
		[VIEW_ENTRIES] = "line text kind state action vm until allowed denied last id",
		[VIEW_DROPS] = "last first count bytes guest src dst proto dport label in id",
		[VIEW_EVENTS] = "time kind severity guest text count id",
	};
	struct rig *r = *state;
	struct drop d = { .first = 1, .last = 2, .count = 3, .proto = 17, .flags = DROP_PORTS };

	fill(r, 5);
	rig_guest(r, "agent-1", 0x11, "10.77.0.11");
	model_drop(r->engine->model, &d, 1, "agent-1");
	for (enum view v = 0; v < VIEW_COUNT; v++) {
		char *list = xstrdup(keys[v]), *save = NULL;

		for (char *key = strtok_r(list, " ", &save); key != NULL;
		    key = strtok_r(NULL, " ", &save)) {
			char *params = xasprintf("{\"sort\":\"%s\",\"desc\":true}", key);
			struct window w = window_of(v, params);
			json_t *j = window_rows(r->engine, v, &w);

			assert_true(json_array_size(json_object_get(j, "rows")) > 0);
			json_decref(j);
			free(params);
		}
		free(list);
	}
}

static void
a_window_of_many_names_costs_little(void **state)
{
	struct rig *r = *state;
	struct window w = window_of(VIEW_DOMAINS, "{\"sort\":\"name\",\"filter\":\"example\",\"limit\":50}");
	uint64_t start;
	clock_t began;

	fill(r, MANY);
	assert_int_equal(model_count(r->engine->model, VIEW_DOMAINS), MANY);
	began = clock();
	start = 0;
	for (int i = 0; i < 5; i++) {
		json_t *j = window_rows(r->engine, VIEW_DOMAINS, &w);

		start += json_array_size(json_object_get(j, "rows"));
		json_decref(j);
	}
	assert_int_equal(start, 250);
	/* Some 20 ms each; a full sort and JSON of all would take seconds. A
	 * sanitizer or a busy machine may take ten times as long. */
	assert_true(clock() - began < 5 * CLOCKS_PER_SEC / 2);
}

static void
what_becomes_of_an_entry_shows_in_its_names(void **state)
{
	struct rig *r = *state;
	struct hit h = { .id = 1, .time = 1, .port = 443, .name = "registry.npmjs.org" };

	model_hit(r->engine->model, &h, 1, "agent-1");
	expect(r, VIEW_DOMAINS, "{}", "entry_state", "on");
	json_decref(rig_call(r, "entry.set", "{'entry':'.npmjs.org','state':'off'}"));
	expect(r, VIEW_DOMAINS, "{}", "entry_state", "off");
	expect(r, VIEW_DOMAINS, "{\"sort\":\"entry\"}", "entry", ".npmjs.org");
	json_decref(rig_call(r, "entry.remove", "{'entry':'.npmjs.org'}"));
	expect(r, VIEW_DOMAINS, "{}", "entry", "null");
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(rows_come_sorted_either_way),
		TEST(equal_rows_keep_their_order_on_every_page),
		TEST(a_window_past_the_end_is_empty),
		TEST(a_filter_looks_at_what_is_seen_whatever_the_case),
		TEST(what_cannot_be_asked_for_is_said),
		TEST(every_key_of_every_view_sorts),
		TEST(a_window_of_many_names_costs_little),
		TEST(what_becomes_of_an_entry_shows_in_its_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
