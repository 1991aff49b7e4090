/* Learning as the engine sees it: who may begin it, what ends it, and what it
 * has shown as entries. */
#include "config.h"

#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "engine_rig.h"
#include "xmalloc.h"

static const char list[] = "# packages\n.npmjs.org\n#off .docker.io\n!evil.npmjs.org\n";

static int
setup(void **state)
{
	struct rig *r = *state = rig_new(list);
	const struct sighting guests[] = {
		rig_sighting("agent-1", 0x11, "10.77.0.11"),
		rig_sighting("agent-2", 0x12, "10.77.0.12"),
	};

	rig_guests(r, guests, 2);
	rig_net(r, 1);
	rig_saved(r);
	return 0;
}

static int
teardown(void **state)
{
	rig_free(*state);
	return 0;
}

static const char *
str(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));

	return s != NULL ? s : "";
}

static json_int_t
num(const json_t *j, const char *key)
{
	return json_integer_value(json_object_get(j, key));
}

/* net took up what it was told last. */
static void
net_state(struct rig *r, bool up, bool learning, bool lost)
{
	struct msg_net_state m = { .proxy_up = up, .capture_up = 1, .dns_up = 1,
		.allow_generation = r->engine->policy.generation, .learning = learning,
		.learn_lost = lost };

	assert_true(msg_send(r->net, FRAME_NET_STATE, &m, -1));
	rig_turn(r);
}

/* Says it, has net take it up, and returns the result. */
static json_t *
proxy(struct rig *r, const char *params)
{
	json_t *answer, *result;

	rig_ask(r, "proxy", params);
	assert_null(rig_answer(r));
	net_state(r, true, rig_net_got(r, FRAME_ALLOW)->body.allow.learn != 0, false);
	answer = rig_answer(r);
	assert_non_null(answer);
	result = json_incref(json_object_get(answer, "result"));
	assert_non_null(result);
	json_decref(answer);
	return result;
}

static void
learn(struct rig *r)
{
	json_decref(proxy(r, "{'action':'learn'}"));
}

static void
hit(struct rig *r, const char *name, enum reason reason, const char *guest)
{
	static uint64_t id = 1ull << 32;
	struct hit h = { .id = ++id, .time = now_wall(), .verdict = VERDICT_ALLOW, .port = 443,
		.via = VIA_TLS, .reason = (uint8_t)reason };

	assert_true(addr_parse(guest, &h.guest));
	copy_string(h.name, name, sizeof(h.name));
	assert_true(msg_send(r->net, FRAME_HIT, &h, -1));
	rig_turn(r);
}

static void
learned(struct rig *r, const char *name, const char *guest)
{
	hit(r, name, REASON_LEARNED, guest);
}

static void
mode_is(struct rig *r, const char *mode)
{
	json_t *j = rig_call(r, "status", NULL), *alert;
	bool alerted = false;
	size_t i;

	assert_string_equal(str(json_object_get(j, "proxy"), "mode"), mode);
	json_array_foreach(json_object_get(j, "alerts"), i, alert)
		alerted = alerted || strcmp(str(alert, "key"), "learn") == 0;
	assert_int_equal(alerted, strcmp(mode, "learn") == 0);
	json_decref(j);
}

static bool
has_event(struct rig *r, const char *part)
{
	json_t *events = rig_call(r, "events", "{'limit':1000}"), *event;
	bool found = false;
	size_t i;

	json_array_foreach(json_object_get(events, "rows"), i, event)
		found = found || strstr(str(event, "text"), part) != NULL;
	json_decref(events);
	return found;
}

static bool
net_learns(struct rig *r)
{
	const struct rig_frame *f = rig_net_got(r, FRAME_ALLOW);

	assert_non_null(f);
	assert_int_equal(f->body.allow.generation, r->engine->policy.generation);
	return f->body.allow.learn != 0;
}

static void
check_is(struct rig *r, const char *params, const char *verdict, const char *reason)
{
	json_t *j = rig_call(r, "check", params);

	assert_string_equal(str(j, "verdict"), verdict);
	assert_string_equal(str(j, "reason"), reason);
	json_decref(j);
}

/* ---- the mode ---- */

static void
learning_begins_and_ends_when_somebody_says_so(void **state)
{
	struct rig *r = *state;
	json_t *j;

	mode_is(r, "enforce");
	assert_false(net_learns(r));
	j = proxy(r, "{'action':'learn'}");
	assert_string_equal(str(j, "mode"), "learn");
	assert_string_equal(str(j, "state"), "up");
	assert_true(json_is_null(json_object_get(j, "learn_until")));
	assert_true(json_is_string(json_object_get(j, "learn_by")));
	json_decref(j);
	assert_true(net_learns(r));
	assert_int_equal(rig_net_got(r, FRAME_ALLOW)->body.allow.learn_for, 0);
	mode_is(r, "learn");
	assert_true(has_event(r, "lets the proxy learn until told otherwise"));
	check_is(r, "{'host':'new.example'}", "allow", "learned");
	check_is(r, "{'host':'new.example','port':8443}", "deny", "not-listed");
	check_is(r, "{'host':'evil.npmjs.org'}", "deny", "deny-entry");
	check_is(r, "{'host':'docker.io'}", "deny", "disabled");
	j = proxy(r, "{'action':'enforce'}");
	assert_string_equal(str(j, "mode"), "enforce");
	json_decref(j);
	assert_false(net_learns(r));
	mode_is(r, "enforce");
	check_is(r, "{'host':'new.example'}", "deny", "not-listed");
	assert_true(has_event(r, "learning has ended: "));
}

static void
learning_for_a_time_ends_by_itself(void **state)
{
	struct rig *r = *state;
	json_t *j = proxy(r, "{'action':'learn','for':'30m'}");
	double until = json_number_value(json_object_get(j, "learn_until"));

	assert_true(until > (double)now_wall() / 1e6 + 1700);
	json_decref(j);
	assert_in_range(rig_net_got(r, FRAME_ALLOW)->body.allow.learn_for, 1790000000, 1800000000);
	learn_poll(r->engine);
	assert_true(r->engine->policy.learn);
	/* Sent again it is for what is left. */
	r->engine->policy.learn_end -= 600000000;
	policy_send(r->engine);
	rig_turn(r);
	assert_in_range(rig_net_got(r, FRAME_ALLOW)->body.allow.learn_for, 1190000000, 1200000000);
	r->engine->policy.learn_end = 1;
	learn_poll(r->engine);
	rig_turn(r);
	assert_false(net_learns(r));
	assert_true(has_event(r, "learning has ended: its time is over"));
	net_state(r, true, false, false);
	mode_is(r, "enforce");
	/* Learning without an end is not ended by the former one's. */
	learn(r);
	learn_poll(r->engine);
	assert_true(r->engine->policy.learn);
}

static void
a_list_that_changes_and_a_new_net_go_on_learning(void **state)
{
	struct rig *r = *state;

	learn(r);
	json_decref(rig_call(r, "entry.add", "{'text':'added.example'}"));
	assert_true(net_learns(r));
	rig_forget(r);
	rig_net(r, 2);
	assert_true(net_learns(r));
}

static void
learning_does_not_outlive_the_engine(void **state)
{
	struct rig *r = *state;

	learn(r);
	rig_restart(r);
	rig_net(r, 2);
	assert_false(net_learns(r));
	net_state(r, true, false, true);
	assert_true(has_event(r, "the engine that was told to learn is gone"));
	mode_is(r, "enforce");
}

static void
what_the_proxy_does_not_take_up_is_given_up(void **state)
{
	struct rig *r = *state;
	json_t *answer;

	rig_ask(r, "proxy", "{'action':'learn'}");
	r->engine->proxy_asked -= 60000000;
	net_state(r, false, false, false);
	answer = rig_answer(r);
	assert_non_null(json_object_get(answer, "error"));
	json_decref(answer);
	assert_false(net_learns(r));
	mode_is(r, "enforce");
}

static void
a_net_that_goes_on_learning_is_no_secret(void **state)
{
	struct rig *r = *state;

	net_state(r, true, true, false);
	mode_is(r, "learn");
}

static void
stopping_the_proxy_ends_learning(void **state)
{
	struct rig *r = *state;
	char *cause;

	learn(r);
	rig_ask(r, "proxy", "{'action':'stop'}");
	assert_false(net_learns(r));
	net_state(r, false, false, false);
	json_decref(rig_answer(r));
	mode_is(r, "enforce");
	cause = rig_error(r, "proxy", "{'action':'learn'}");
	assert_non_null(strstr(cause, "gatehouse proxy start"));
	free(cause);
	assert_false(net_learns(r));
}

static void
what_makes_no_sense_is_said(void **state)
{
	struct rig *r = *state;

	free(rig_error(r, "proxy", "{'action':'learn','for':'soon'}"));
	free(rig_error(r, "proxy", "{'action':'enforce','for':'5m'}"));
	free(rig_error(r, "proxy", "{'action':'learn','for':5}"));
	free(rig_error(r, "entry.learned", "{'vm':''}"));
	free(rig_error(r, "entry.accept", "{'dry_run':'yes'}"));
	assert_false(r->engine->policy.learn);
}

static void
enforcing_where_nothing_is_learned_is_done_at_once(void **state)
{
	struct rig *r = *state;

	net_state(r, true, false, false);
	json_decref(rig_call(r, "proxy", "{'action':'enforce'}"));
	assert_false(has_event(r, "learning has ended"));
}

/* ---- what it has shown ---- */

/* "entry\n" of each that is proposed; caller frees. */
static char *
proposals(struct rig *r, const char *params)
{
	json_t *j = rig_call(r, "entry.learned", params), *p;
	char *all = xstrdup(""), *longer;
	size_t i;

	json_array_foreach(json_object_get(j, "entries"), i, p) {
		longer = xasprintf("%s%s%s\n", all, json_is_null(json_object_get(p, "warning")) ? "" :
		    "! ", str(p, "text"));
		free(all);
		all = longer;
	}
	json_decref(j);
	return all;
}

static void
proposed(struct rig *r, const char *params, const char *want)
{
	char *got = proposals(r, params);

	assert_string_equal(got, want);
	free(got);
}

static void
what_was_learned_is_proposed_and_accepted_in_one_step(void **state)
{
	struct rig *r = *state;
	json_t *j, *p;

	learn(r);
	proposed(r, NULL, "");
	learned(r, "one.example.org", "10.77.0.11");
	learned(r, "one.example.org", "10.77.0.11");
	learned(r, "two.example.org", "10.77.0.11");
	learned(r, "three.example.org", "10.77.0.11");
	learned(r, "both.example.com", "10.77.0.11");
	learned(r, "both.example.com", "10.77.0.12");
	learned(r, "dns.google", "10.77.0.12");
	hit(r, "registry.npmjs.org", REASON_LISTED, "10.77.0.11");
	assert_true(has_event(r, "allowed one.example.org:443 (learned), for the first time"));
	proposed(r, NULL, "both.example.com\n! dns.google vm=agent-2\n.example.org vm=agent-1\n");
	proposed(r, "{'vm':'agent-2'}", "both.example.com vm=agent-2\n! dns.google vm=agent-2\n");
	j = rig_call(r, "entry.learned", NULL);
	p = json_array_get(json_object_get(j, "entries"), 2);
	assert_int_equal(num(p, "asked"), 4);
	assert_int_equal(num(p, "names"), 3);
	assert_int_equal(json_array_size(json_object_get(p, "covers")), 3);
	assert_string_equal(json_string_value(json_array_get(json_object_get(p, "guests"), 0)),
	    "agent-1");
	assert_int_equal(num(j, "forgotten"), 0);
	json_decref(j);

	j = rig_call(r, "entry.accept", "{'dry_run':true}");
	assert_int_equal(json_array_size(json_object_get(j, "added")), 2);
	json_decref(j);
	proposed(r, "{'vm':'agent-1'}", "both.example.com vm=agent-1\n.example.org vm=agent-1\n");
	j = rig_call(r, "entry.accept", NULL);
	assert_int_equal(json_array_size(json_object_get(j, "added")), 2);
	p = json_array_get(json_object_get(j, "left_out"), 0);
	assert_string_equal(str(p, "text"), "dns.google vm=agent-2");
	assert_true(strlen(str(p, "warning")) > 0);
	json_decref(j);
	assert_true(has_event(r, "added 2 learned entries: both.example.com, .example.org vm=agent-1"));
	check_is(r, "{'host':'any.example.org','vm':'agent-1'}", "allow", "listed");
	check_is(r, "{'host':'any.example.org','vm':'agent-2'}", "allow", "learned");
	proposed(r, NULL, "! dns.google vm=agent-2\n");
	/* Enforcing or not, it is still known. */
	json_decref(proxy(r, "{'action':'enforce'}"));
	proposed(r, NULL, "! dns.google vm=agent-2\n");

	j = rig_call(r, "entry.undo", NULL);
	assert_non_null(strstr(str(j, "undone"), "added 2 learned entries"));
	json_decref(j);
	j = rig_call(r, "entries", NULL);
	assert_int_equal(num(j, "total"), 3);
	json_decref(j);
	check_is(r, "{'host':'any.example.org','vm':'agent-1'}", "deny", "not-listed");
	proposed(r, NULL, "both.example.com\n! dns.google vm=agent-2\n.example.org vm=agent-1\n");
}

static void
what_the_list_says_already_is_not_proposed(void **state)
{
	struct rig *r = *state;

	learn(r);
	learned(r, "one.example", "10.77.0.11");
	learned(r, "two.example", "10.77.0.11");
	learned(r, "two.example", "10.77.0.12");
	learned(r, "three.example", "10.77.0.11");
	rig_write_allowlist(r, "!one.example\ntwo.example vm=agent-1\n#off three.example\n");
	policy_poll(r->engine);
	proposed(r, NULL, "two.example vm=agent-2\n");
	json_decref(rig_call(r, "entry.accept", NULL));
	proposed(r, NULL, "");
	/* Nothing more to add is no edit. */
	json_decref(rig_call(r, "entry.accept", NULL));
	json_decref(rig_call(r, "entry.undo", NULL));
	proposed(r, NULL, "two.example vm=agent-2\n");
}

static void
a_guest_that_is_gone_or_unknown_counts_as_it_must(void **state)
{
	struct rig *r = *state;
	const struct sighting only = rig_sighting("agent-2", 0x12, "10.77.0.12");
	const struct sighting later[] = { only, rig_sighting("agent-9", 0x19, "10.77.0.99") };

	learn(r);
	learned(r, "old.example", "10.77.0.11");
	learned(r, "stranger.example", "10.77.0.99");
	rig_guests(r, &only, 1);
	proposed(r, "{'vm':'agent-*'}", "old.example vm=agent-*\n");
	proposed(r, NULL, "old.example vm=agent-1\nstranger.example\n");
	/* Known by now, and then it is told apart from the others. */
	rig_guests(r, later, 2);
	proposed(r, NULL, "old.example vm=agent-1\nstranger.example vm=agent-9\n");
}

static void
more_names_than_are_looked_at_are_told(void **state)
{
	struct rig *r = *state;
	char name[64];
	json_t *answer = NULL, *j;

	learn(r);
	for (unsigned i = 0; i < 1004; i++) {
		snprintf(name, sizeof(name), "h%u.test%u.example", i, i);
		learned(r, name, "10.77.0.11");
	}
	/* More than the socket holds at once. */
	rig_ask(r, "entry.learned", NULL);
	for (int i = 0; i < 100 && (answer = rig_answer(r)) == NULL; i++)
		rig_turn(r);
	j = json_object_get(answer, "result");
	assert_int_equal(num(j, "names"), 1000);
	assert_int_equal(json_array_size(json_object_get(j, "entries")), 1000);
	assert_int_equal(num(j, "left"), 4);
	json_decref(answer);
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(learning_begins_and_ends_when_somebody_says_so),
		TEST(learning_for_a_time_ends_by_itself),
		TEST(a_list_that_changes_and_a_new_net_go_on_learning),
		TEST(learning_does_not_outlive_the_engine),
		TEST(what_the_proxy_does_not_take_up_is_given_up),
		TEST(a_net_that_goes_on_learning_is_no_secret),
		TEST(stopping_the_proxy_ends_learning),
		TEST(what_makes_no_sense_is_said),
		TEST(enforcing_where_nothing_is_learned_is_done_at_once),
		TEST(what_was_learned_is_proposed_and_accepted_in_one_step),
		TEST(what_the_list_says_already_is_not_proposed),
		TEST(a_guest_that_is_gone_or_unknown_counts_as_it_must),
		TEST(more_names_than_are_looked_at_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
