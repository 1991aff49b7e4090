/* What goes on while the engine reads the allowlist: consoles are answered, the
 * former list is in force, and edits wait for the one that is read. */
#include "config.h"

#include "unit.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine_rig.h"
#include "xmalloc.h"

enum { LONG = 60000 };

static const char former[] = "# ours\n.former.example\nhost.example vm=agent-*\n";

static int
setup(void **state)
{
	*state = rig_new(former);
	rig_net(*state, 1);
	return 0;
}

static int
teardown(void **state)
{
	rig_free(*state);
	return 0;
}

static void
check_is(struct rig *r, const char *host, const char *reason)
{
	char *params = xasprintf("{'host':'%s'}", host);
	json_t *j = rig_call(r, "check", params);

	assert_string_equal(json_string_value(json_object_get(j, "reason")), reason);
	json_decref(j);
	free(params);
}

static uint8_t
net_says(struct rig *r, const char *name)
{
	struct rig_frame *f = rig_net_got(r, FRAME_ALLOW);
	struct allow_image *image;
	const char *why;
	uint8_t reason;

	assert_non_null(f);
	image = allow_image_open(f->fd, f->body.allow.size, &why);
	assert_non_null(image);
	reason = allow_lookup(image, name, strlen(name), 443, "", (int64_t)time(NULL)).reason;
	allow_image_close(image);
	return reason;
}

static void
assert_file(const struct rig *r, const char *want)
{
	FILE *f = fopen(r->conf.allowlist, "r");
	char text[1024];

	assert_non_null(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	assert_string_equal(text, want);
}

static void
assert_answered(struct rig *r, bool done, const char *part)
{
	json_t *answer = rig_answer(r);
	char *text;

	assert_non_null(answer);
	assert_int_equal(json_object_get(answer, "result") != NULL, done);
	text = json_dumps(answer, 0);
	if (strstr(text, part) == NULL)
		fail_msg("\"%s\" is not in %s", part, text);
	free(text);
	json_decref(answer);
}

static void
consoles_are_answered_by_the_former_list_until_the_new_one_is_read(void **state)
{
	struct rig *r = *state;
	json_t *j;

	rig_write_allowlist(r, ".new.example\n");
	rig_hold(r);
	json_decref(rig_call(r, "status", NULL));
	check_is(r, "www.former.example", "listed");
	check_is(r, "www.new.example", "not-listed");
	j = rig_call(r, "entries", NULL);
	assert_int_equal(json_integer_value(json_object_get(j, "total")), 2);
	json_decref(j);
	assert_int_equal(net_says(r, "www.former.example"), REASON_LISTED);
	rig_release(r);
	check_is(r, "www.former.example", "not-listed");
	check_is(r, "www.new.example", "listed");
	assert_int_equal(net_says(r, "www.new.example"), REASON_LISTED);
}

static void
edits_meanwhile_come_after_what_is_read_in_their_order(void **state)
{
	struct rig *r = *state;

	rig_write_allowlist(r, "# by hand\n.new.example");
	rig_hold(r);
	rig_ask(r, "entry.add", "{'text':'.one.example'}");
	rig_ask(r, "entry.set", "{'entry':'.one.example','state':'off'}");
	rig_ask(r, "entry.add", "{'text':'.two.example','dry_run':true}");
	rig_ask(r, "entry.remove", "{'entry':'.former.example'}");
	rig_ask(r, "entry.undo", NULL);
	rig_ask(r, "entry.accept", NULL);
	assert_null(rig_answer(r));
	/* Others are not held up behind them. */
	check_is(r, "www.one.example", "not-listed");
	assert_file(r, "# by hand\n.new.example");
	rig_release(r);
	assert_answered(r, true, "\"state\": \"on\"");
	assert_answered(r, true, "\"state\": \"off\"");
	assert_answered(r, true, ".two.example");
	assert_answered(r, false, "no such entry");
	assert_answered(r, true, "disabled .one.example");
	assert_answered(r, true, "added");
	assert_file(r, "# by hand\n.new.example\n.one.example");
	check_is(r, "www.one.example", "listed");
	check_is(r, "www.new.example", "listed");
}

/* Also one that comes before the tick has seen the change. */
static void
an_edit_of_a_file_that_was_changed_waits_until_it_is_read(void **state)
{
	struct rig *r = *state;

	rig_write_allowlist(r, ".new.example\n");
	json_decref(rig_call(r, "entry.add", "{'text':'.one.example'}"));
	assert_file(r, ".new.example\n.one.example\n");
}

static void
an_edit_is_refused_after_a_file_that_does_not_parse(void **state)
{
	struct rig *r = *state;

	rig_write_allowlist(r, ".new.example\nno name!\n");
	rig_hold(r);
	rig_ask(r, "entry.add", "{'text':'.one.example'}");
	assert_null(rig_answer(r));
	rig_release(r);
	assert_answered(r, false, "allowlist:2");
	assert_file(r, ".new.example\nno name!\n");
	check_is(r, "www.former.example", "listed");
	check_is(r, "www.one.example", "not-listed");
}

/* The engine's own commands never come to that; an edit by some other way would. */
static void
an_edit_that_does_not_wait_is_refused(void **state)
{
	struct rig *r = *state;
	struct allow_entry entry;
	char *cause;

	rig_write_allowlist(r, ".new.example\n");
	rig_hold(r);
	cause = policy_add(r->engine, 0, ".one.example", &entry);
	assert_non_null(cause);
	assert_non_null(strstr(cause, "is being read; try again"));
	free(cause);
	rig_release(r);
	check_is(r, "www.one.example", "not-listed");
}

static void
a_change_meanwhile_is_read_after_it(void **state)
{
	struct rig *r = *state;

	rig_write_allowlist(r, ".new.example\n");
	rig_hold(r);
	rig_write_allowlist(r, ".newer.example\n");
	policy_poll(r->engine);
	rig_release(r);
	policy_poll(r->engine);
	rig_turn(r);
	check_is(r, "www.new.example", "not-listed");
	check_is(r, "www.newer.example", "listed");
}

static void
a_file_that_goes_meanwhile_is_missed_after_it(void **state)
{
	struct rig *r = *state;

	rig_write_allowlist(r, ".new.example\n");
	rig_hold(r);
	assert_int_equal(unlink(r->conf.allowlist), 0);
	for (int i = 0; i < 3; i++)
		policy_poll(r->engine);
	check_is(r, "www.former.example", "listed");
	/* It may be read by now, or not have been found any more. */
	rig_release(r);
	for (int i = 0; i < 3; i++)
		policy_poll(r->engine);
	check_is(r, "www.former.example", "not-listed");
	check_is(r, "www.new.example", "not-listed");
}

static void
a_reload_is_answered_when_the_list_is_in_force(void **state)
{
	struct rig *r = *state;
	struct msg_reloaded m = { .ok = 1 };

	rig_write_allowlist(r, ".new.example\n");
	rig_hold(r);
	rig_ask(r, "reload", NULL);
	rig_write_allowlist(r, ".newer.example\n");
	assert_true(msg_send(r->priv, FRAME_RELOADED, &m, -1));
	rig_turn(r);
	assert_null(rig_answer(r));
	rig_release(r);
	assert_answered(r, true, "\"warning\": null");
	check_is(r, "www.newer.example", "listed");
	/* A load that ends before priv answers says nothing of the reload. */
	rig_write_allowlist(r, "no name!\n");
	rig_ask(r, "reload", NULL);
	policy_poll(r->engine);
	rig_turn(r);
	assert_null(rig_answer(r));
	assert_true(msg_send(r->priv, FRAME_RELOADED, &m, -1));
	rig_turn(r);
	assert_answered(r, false, "but not the allowlist");
}

static void
what_waits_is_answered_when_the_engine_ends(void **state)
{
	struct rig *r = *state;

	rig_write_allowlist(r, ".new.example\n");
	rig_hold(r);
	rig_ask(r, "entry.add", "{'text':'.one.example'}");
	r->held = false;
	rig_restart(r);
	assert_file(r, ".new.example\n");
	check_is(r, "www.new.example", "listed");
}

/* Presets, entries that need a look at each word, and a name alone. */
static char *
long_list(const char *label)
{
	char *text = xmalloc(LONG * 64), *at = text;

	for (unsigned i = 0; i < LONG; i++)
		at += sprintf(at, i % 3 == 0 ? "%s%u.example vm=agent-*\n" : ".%s%u.example\n", label, i);
	sprintf(at, "@own\n");
	return text;
}

static void
take_up(struct rig *r, const char *text)
{
	unsigned turns = 0;

	rig_write_allowlist(r, text);
	policy_poll(r->engine);
	assert_non_null(r->engine->policy.load);
	/* Not rig_call(), which would wait. */
	for (; r->engine->policy.load != NULL; turns++) {
		struct allow_entry e;

		assert_true(allowlist_entry(r->engine->policy.list, turns %
		    allowlist_count(r->engine->policy.list), &e));
		free(allowlist_warning(r->engine->policy.list, &e));
		free(allowlist_explain(r->engine->policy.list, &e));
		allowlist_find(r->engine->policy.list, e.id, &e);
		event_base_loop(r->base, EVLOOP_NONBLOCK);
	}
	assert_int_not_equal(turns, 0);
}

/* Whatever consoles ask, they look at the list that the thread follows. */
static void
a_long_list_is_read_while_consoles_look_at_the_former_one(void **state)
{
	struct rig *r = *state;
	char *one = long_list("one"), *two = long_list("two"), path[CONF_PATH_SIZE + 8];
	FILE *f;

	snprintf(path, sizeof(path), "%s/own", r->conf.presets[0]);
	assert_non_null(f = fopen(path, "w"));
	fputs("preset.example\n", f);
	fclose(f);
	take_up(r, one);
	check_is(r, "www.one1.example", "listed");
	check_is(r, "preset.example", "preset");
	/* One to undo, which the next list carries over; ids stay with entries. */
	json_decref(rig_call(r, "entry.add", "{'text':'.undone.example'}"));
	take_up(r, two);
	take_up(r, one);
	check_is(r, "www.one1.example", "listed");
	check_is(r, "www.two1.example", "not-listed");
	unlink(path);
	free(one);
	free(two);
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(consoles_are_answered_by_the_former_list_until_the_new_one_is_read),
		TEST(edits_meanwhile_come_after_what_is_read_in_their_order),
		TEST(an_edit_of_a_file_that_was_changed_waits_until_it_is_read),
		TEST(an_edit_is_refused_after_a_file_that_does_not_parse),
		TEST(an_edit_that_does_not_wait_is_refused),
		TEST(a_change_meanwhile_is_read_after_it),
		TEST(a_file_that_goes_meanwhile_is_missed_after_it),
		TEST(a_reload_is_answered_when_the_list_is_in_force),
		TEST(what_waits_is_answered_when_the_engine_ends),
		TEST(a_long_list_is_read_while_consoles_look_at_the_former_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
