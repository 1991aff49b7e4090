/* The model: bounded tables, joined runs, counters that add up. */
#include "config.h"

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"
#include "xmalloc.h"

static const struct model_limits small = { .domains = 8, .hits = 16, .drops = 8, .events = 8,
	.guests = 4, .entries = 4 };

static int
setup(void **state)
{
	*state = model_new(&small);
	return 0;
}

static int
teardown(void **state)
{
	model_free(*state);
	return 0;
}

static struct hit
hit_of(uint64_t id, const char *name, enum verdict verdict)
{
	struct hit h = { .id = id, .time = id * 1000, .verdict = verdict, .port = 443,
		.reason = verdict == VERDICT_ALLOW ? REASON_LISTED : REASON_NOT_LISTED };

	snprintf(h.name, sizeof(h.name), "%s", name);
	return h;
}

static void
hit_names(struct model *m, uint64_t id, unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++) {
		char name[32];
		struct hit h;

		snprintf(name, sizeof(name), "host%u.example.org", i);
		h = hit_of(id++, name, VERDICT_DENY);
		model_hit(m, &h, 1, "agent-1");
	}
}

static struct hit
learned_hit(uint64_t id, const char *name)
{
	struct hit h = hit_of(id, name, VERDICT_ALLOW);

	h.reason = REASON_LEARNED;
	return h;
}

static void
what_was_learned_is_told_with_the_guests_that_asked(void **state)
{
	struct model *m = *state;
	struct hit h = learned_hit(1, "new.example");
	const struct domain *d;
	char name[32];

	model_hit(m, &h, 1, "agent-1");
	model_hit(m, &h, 2, "agent-2");
	model_hit(m, &h, 1, "agent-1");
	h = hit_of(2, "new.example", VERDICT_ALLOW);
	model_hit(m, &h, 3, "agent-3");
	d = model_find_domain(m, "new.example");
	assert_int_equal(d->allowed, 4);
	assert_int_equal(d->learned, 3);
	assert_int_equal(d->nlearners, 2);
	assert_string_equal(model_learner_name(m, &d->learners[0]), "agent-1");
	assert_int_equal(d->learners[0].count, 2);
	assert_string_equal(model_learner_name(m, &d->learners[1]), "agent-2");
	assert_int_equal(d->learned_by_others, 0);
	/* Nobody we know, though somebody calls itself so, and more than are told apart. */
	h = learned_hit(3, "new.example");
	model_hit(m, &h, 0, "10.77.0.99");
	model_hit(m, &h, 4, "10.77.0.99");
	assert_int_equal(d->nlearners, 4);
	assert_true(d->learners[2].by_address);
	assert_false(d->learners[3].by_address);
	assert_string_equal(model_learner_name(m, &d->learners[2]), "10.77.0.99");
	assert_int_equal(d->learned_by_others, 0);
	for (unsigned i = 0; i < LEARNERS_MAX; i++) {
		snprintf(name, sizeof(name), "build-%u", i);
		model_hit(m, &h, 10 + i, name);
	}
	assert_int_equal(d->nlearners, LEARNERS_MAX);
	assert_int_equal(d->learned_by_others, 4);
	assert_int_equal(d->learned, 5 + LEARNERS_MAX);
}

static void
learned_names_that_are_forgotten_are_counted(void **state)
{
	struct model *m = *state;
	struct hit h = learned_hit(1, "first.example");

	model_hit(m, &h, 1, "agent-1");
	hit_names(m, 2, 0, 7);
	assert_int_equal(model_learned_evicted(m), 0);
	/* What was refused makes room first. */
	hit_names(m, 20, 7, 20);
	assert_non_null(model_find_domain(m, "first.example"));
	assert_int_equal(model_learned_evicted(m), 0);
	assert_int_equal(model_domains_evicted(m), 13);
	for (unsigned i = 0; i < 8; i++) {
		char name[32];

		snprintf(name, sizeof(name), "learned%u.example", i);
		h = learned_hit(100 + i, name);
		model_hit(m, &h, 1, "agent-1");
	}
	assert_int_equal(model_learned_evicted(m), 1);
}

static void
two_guests_that_ask_at_once_are_counted_once_each(void **state)
{
	struct model *m = *state;
	struct hit lookup = hit_of(1, "refused.example", VERDICT_DENY), h = lookup;

	lookup.via = VIA_DNS;
	h.via = VIA_TLS;
	h.time += 1000;
	model_hit(m, &lookup, 1, "agent-1");
	model_hit(m, &lookup, 2, "agent-2");
	assert_int_equal(model_hit(m, &h, 1, "agent-1"), MODEL_FOLLOWS);
	assert_int_equal(model_hit(m, &h, 2, "agent-2"), MODEL_FOLLOWS);
	assert_int_equal(model_find_domain(m, "refused.example")->denied, 2);
	assert_int_equal(model_guest(m, 1)->denied, 1);
	assert_int_equal(model_guest(m, 2)->denied, 1);
}

/* The one attempt that both are is counted once. */
static void
a_refused_connection_after_its_refused_look_up_is_the_same_attempt(void **state)
{
	struct model *m = *state;
	struct hit lookup = hit_of(1, "refused.example", VERDICT_DENY), h = lookup;

	lookup.via = VIA_DNS;
	h.via = VIA_TLS;
	assert_int_equal(model_hit(m, &lookup, 1, "agent-1"), MODEL_FIRST_DENY);
	h.id = 2;
	h.time += 1000000;
	assert_int_equal(model_hit(m, &h, 1, "agent-1"), MODEL_FOLLOWS);
	assert_int_equal(model_find_domain(m, "refused.example")->denied, 1);
	assert_int_equal(model_guest(m, 1)->denied, 1);
	assert_non_null(model_find_hit(m, 2));
	/* The next is another, and so is that of somebody else, or much later. */
	assert_int_equal(model_hit(m, &h, 1, "agent-1"), 0);
	model_hit(m, &lookup, 1, "agent-1");
	assert_int_equal(model_hit(m, &h, 2, "agent-2"), 0);
	model_hit(m, &lookup, 1, "agent-1");
	h.time = lookup.time + 11000000;
	assert_int_equal(model_hit(m, &h, 1, "agent-1"), 0);
	assert_int_equal(model_find_domain(m, "refused.example")->denied, 6);
	/* What stands for many does not follow, nor what is over a limit. */
	model_hit(m, &lookup, 1, "agent-1");
	h.time = lookup.time + 1000000;
	h.folded = 5;
	assert_int_equal(model_hit(m, &h, 1, "agent-1"), 0);
	assert_int_equal(model_find_domain(m, "refused.example")->denied, 6 + 1 + 6);
	lookup.reason = h.reason = REASON_LIMIT;
	h.folded = 0;
	model_hit(m, &lookup, 1, "agent-1");
	assert_int_equal(model_hit(m, &h, 1, "agent-1"), 0);
	lookup.reason = h.reason = REASON_NOT_LISTED;
	h.time = lookup.time + 11000000;
	/* And some that were only counted count. */
	h.folded = 9;
	model_hit(m, &h, 1, "agent-1");
	assert_int_equal(model_find_domain(m, "refused.example")->denied, 25);
}

/* One guest asks for as many names as it likes: another's stay. */
static void
names_of_one_guest_do_not_push_out_anothers(void **state)
{
	struct model *m = *state;
	struct hit h = hit_of(1, "refused.example", VERDICT_DENY);

	model_hit(m, &h, 2, "agent-2");
	hit_names(m, 10, 0, 100);
	assert_int_equal(model_count(m, VIEW_DOMAINS), 8);
	assert_non_null(model_find_domain(m, "refused.example"));
	assert_non_null(model_find_domain(m, "host99.example.org"));
	/* Nor does who comes later find no room. */
	for (unsigned i = 0; i < 3; i++) {
		char name[32];

		snprintf(name, sizeof(name), "third%u.example", i);
		h = hit_of(200 + i, name, VERDICT_DENY);
		model_hit(m, &h, 3, "agent-3");
	}
	hit_names(m, 300, 100, 200);
	assert_non_null(model_find_domain(m, "refused.example"));
	assert_non_null(model_find_domain(m, "third1.example"));
	assert_non_null(model_find_domain(m, "third2.example"));
}

static void
decisions_of_one_guest_do_not_push_out_anothers(void **state)
{
	struct model *m = *state;
	struct hit h = hit_of(5, "refused.example", VERDICT_DENY);

	model_hit(m, &h, 2, "agent-2");
	hit_names(m, 10, 0, 1000);
	assert_non_null(model_find_hit(m, 5));
	assert_null(model_find_hit(m, 10));
	assert_non_null(model_find_hit(m, 1009));
}

static void
a_look_up_that_was_answered_is_a_row_but_counts_as_nothing(void **state)
{
	struct model *m = *state;
	struct hit h = learned_hit(1, "new.example");
	const struct domain *d;

	h.via = VIA_DNS;
	assert_int_equal(model_hit(m, &h, 1, "agent-1"), MODEL_FIRST_LOOKUP);
	assert_int_equal(model_hit(m, &h, 1, "agent-1"), 0);
	d = model_find_domain(m, "new.example");
	assert_non_null(d);
	assert_int_equal(d->allowed, 0);
	assert_int_equal(d->learned, 0);
	assert_int_equal(d->last_reason, REASON_LEARNED);
	assert_int_equal(model_guest(m, 1)->allowed, 0);
	h = learned_hit(2, "new.example");
	h.via = VIA_TLS;
	assert_int_equal(model_hit(m, &h, 1, "agent-1"), MODEL_FIRST_ALLOW);
	assert_int_equal(d->allowed, 1);
	assert_int_equal(model_guest(m, 1)->allowed, 1);
}

static void
a_hit_counts_for_its_domain_its_guest_and_its_entry(void **state)
{
	struct model *m = *state;
	struct hit h = hit_of(7, "registry.npmjs.org", VERDICT_ALLOW);
	const struct domain *d;

	h.entry = 3;
	assert_int_equal(model_hit(m, &h, 1, "agent-1"), MODEL_FIRST_ALLOW);
	assert_int_equal(model_hit(m, &h, 1, "agent-1"), 0);
	h.verdict = VERDICT_DENY;
	assert_int_equal(model_hit(m, &h, 2, "agent-2"), MODEL_FIRST_DENY);
	d = model_find_domain(m, "registry.npmjs.org");
	assert_non_null(d);
	assert_int_equal(d->allowed, 2);
	assert_int_equal(d->denied, 1);
	assert_string_equal(d->last_guest, "agent-2");
	assert_int_equal(model_guest(m, 1)->allowed, 2);
	assert_int_equal(model_guest(m, 2)->denied, 1);
	assert_int_equal(model_entry(m, 3)->allowed, 2);
	assert_int_equal(model_entry(m, 3)->denied, 1);
}

static void
the_name_not_seen_for_longest_makes_room(void **state)
{
	struct model *m = *state;
	struct hit again = hit_of(100, "host0.example.org", VERDICT_DENY);

	hit_names(m, 1, 0, 8);
	model_hit(m, &again, 1, "agent-1");
	hit_names(m, 200, 8, 9);
	assert_int_equal(model_count(m, VIEW_DOMAINS), 8);
	assert_int_equal(model_domains_evicted(m), 1);
	assert_non_null(model_find_domain(m, "host0.example.org"));
	assert_null(model_find_domain(m, "host1.example.org"));
	assert_non_null(model_find_domain(m, "host8.example.org"));
}

static void
domains_come_newest_first(void **state)
{
	struct model *m = *state;
	const void *rows[8];
	const struct domain *first, *last;

	hit_names(m, 1, 0, 5);
	assert_int_equal(model_rows(m, VIEW_DOMAINS, rows), 5);
	first = rows[0];
	last = rows[4];
	assert_string_equal(first->name, "host4.example.org");
	assert_string_equal(last->name, "host0.example.org");
}

static void
only_the_latest_hits_are_remembered(void **state)
{
	struct model *m = *state;

	hit_names(m, 1, 0, 40);
	assert_null(model_find_hit(m, 24));
	assert_non_null(model_find_hit(m, 25));
	assert_non_null(model_find_hit(m, 40));
	assert_null(model_find_hit(m, 41));
	assert_string_equal(model_find_hit(m, 40)->guest, "agent-1");
}

static void
a_flow_adds_to_all_that_its_hit_belongs_to(void **state)
{
	struct model *m = *state;
	struct hit h = hit_of(5, "pypi.org", VERDICT_ALLOW);
	struct flow f = { .id = 5, .up = 10, .down = 1000, .entry = 2, .name = "pypi.org" };

	h.entry = 2;
	model_hit(m, &h, 1, "agent-1");
	model_flow(m, &f, 0);
	assert_int_equal(model_guest(m, 1)->connections, 1);
	model_flow(m, &f, 0);
	assert_int_equal(model_guest(m, 1)->connections, 1);
	f.ended = 1;
	model_flow(m, &f, 0);
	assert_int_equal(model_guest(m, 1)->connections, 0);
	assert_int_equal(model_guest(m, 1)->bytes_down, 3000);
	assert_int_equal(model_find_domain(m, "pypi.org")->bytes_up, 30);
	assert_int_equal(model_find_hit(m, 5)->bytes_down, 3000);
	assert_int_equal(model_entry(m, 2)->bytes_up, 30);
}

static void
a_hit_keeps_how_its_connection_ended(void **state)
{
	struct model *m = *state;
	struct hit h = hit_of(5, "pypi.org", VERDICT_ALLOW);
	struct flow f = { .id = 5, .name = "pypi.org", .outcome = OUTCOME_BROKEN, .what = "a phrase" };

	model_hit(m, &h, 1, "agent-1");
	model_flow(m, &f, 1);
	assert_int_equal(model_find_hit(m, 5)->hit.outcome, OUTCOME_NONE);
	f.ended = 1;
	model_flow(m, &f, 1);
	assert_int_equal(model_find_hit(m, 5)->hit.outcome, OUTCOME_BROKEN);
	assert_string_equal(model_find_hit(m, 5)->what, "a phrase");
}

static void
no_connection_outlives_net_or_its_hit(void **state)
{
	struct model *m = *state;
	struct hit h = hit_of(5, "pypi.org", VERDICT_ALLOW);
	struct flow f = { .id = 5, .name = "pypi.org" };

	model_hit(m, &h, 1, "agent-1");
	model_flow(m, &f, 1);
	model_net_ended(m);
	assert_int_equal(model_guest(m, 1)->connections, 0);
	model_flow(m, &f, 1);
	assert_int_equal(model_guest(m, 1)->connections, 1);
	/* Others of the guest make room, as long as not all are open. */
	hit_names(m, 10, 0, 100);
	assert_non_null(model_find_hit(m, 5));
	assert_int_equal(model_guest(m, 1)->connections, 1);
	for (unsigned i = 0; i < 100; i++) {
		h = hit_of(1000 + i, "pypi.org", VERDICT_ALLOW);
		f.id = 1000 + i;
		model_hit(m, &h, 1, "agent-1");
		model_flow(m, &f, 1);
	}
	assert_null(model_find_hit(m, 5));
	assert_int_equal(model_guest(m, 1)->connections, 16);
}

static struct drop
drop_of(uint64_t time, uint16_t dport)
{
	return (struct drop){ .first = time, .last = time, .count = 1, .bytes = 60, .proto = 6,
		.src = { .family = 4, .bytes = { 10, 77, 0, 11 } },
		.dst = { .family = 4, .bytes = { 10, 0, 0, 5 } }, .dport = dport,
		.flags = DROP_PORTS, .label = "default" };
}

static void
like_drops_become_one_run(void **state)
{
	struct model *m = *state;
	struct drop d = drop_of(1000000, 22);
	const struct drop_record *r;

	d.sport = 4000;
	model_drop(m, &d, 1, "agent-1");
	d.sport = 4001;
	d.first = d.last = 2000000;
	d.count = 49999;
	r = model_drop(m, &d, 1, "agent-1");
	assert_int_equal(model_count(m, VIEW_DROPS), 1);
	assert_int_equal(r->drop.count, 50000);
	assert_int_equal(r->drop.first, 1000000);
	assert_int_equal(r->drop.last, 2000000);
	assert_int_equal(r->drop.sport, 4001);
	assert_int_equal(model_guest(m, 1)->dropped, 50000);
	/* What a bridge floods leaves by each of its ports. */
	assert_string_equal(r->drop.out, "");
	copy_string(d.out, "port2", sizeof(d.out));
	r = model_drop(m, &d, 1, "agent-1");
	assert_int_equal(model_count(m, VIEW_DROPS), 1);
	assert_string_equal(r->drop.out, "*");
}

static void
another_port_guest_or_minute_is_another_run(void **state)
{
	struct model *m = *state;
	struct drop a = drop_of(1000000, 22), b = drop_of(1000000, 23), late = drop_of(99000000, 22);

	model_drop(m, &a, 1, "agent-1");
	model_drop(m, &b, 1, "agent-1");
	model_drop(m, &a, 2, "agent-2");
	model_drop(m, &late, 1, "agent-1");
	assert_int_equal(model_count(m, VIEW_DROPS), 4);
	assert_int_equal(model_drop(m, &late, 1, "agent-1")->drop.count, 2);
}

static void
drops_are_bounded(void **state)
{
	struct model *m = *state;
	const void *rows[8];

	for (uint16_t i = 0; i < 1000; i++) {
		struct drop d = drop_of(1000000 + i, i);

		model_drop(m, &d, 1, "agent-1");
	}
	assert_int_equal(model_rows(m, VIEW_DROPS, rows), 8);
	assert_int_equal(((const struct drop_record *)rows[0])->drop.dport, 999);
	assert_int_equal(((const struct drop_record *)rows[0])->id, 1000);
	assert_int_equal(model_guest(m, 1)->dropped, 1000);
}

static void
events_of_one_key_count_up_and_others_do_not(void **state)
{
	struct model *m = *state;
	struct event_record e = { .time = 1000000, .count = 1, .text = "first" };
	const void *rows[8];
	const struct event_record *r;

	model_event(m, &e, "k", 1);
	snprintf(e.text, sizeof(e.text), "second");
	e.time = 2000000;
	model_event(m, &e, "k", 1);
	assert_int_equal(model_rows(m, VIEW_EVENTS, rows), 1);
	r = rows[0];
	assert_int_equal(r->count, 2);
	assert_int_equal(r->first, 1000000);
	assert_string_equal(r->text, "second");
	model_event(m, &e, NULL, 0);
	model_event(m, &e, NULL, 0);
	e.time = 90000000;
	model_event(m, &e, "k", 1);
	assert_int_equal(model_count(m, VIEW_EVENTS), 4);
	for (int i = 0; i < 100; i++)
		model_event(m, &e, NULL, 0);
	assert_int_equal(model_count(m, VIEW_EVENTS), 8);
}

static void
counters_are_bounded_and_can_be_forgotten(void **state)
{
	struct model *m = *state;

	for (uint32_t id = 1; id <= 100; id++) {
		struct hit h = hit_of(id, "a.example", VERDICT_ALLOW);

		h.entry = id;
		model_hit(m, &h, id, "guest");
	}
	assert_int_equal(model_guest(m, 4)->allowed, 1);
	assert_int_equal(model_guest(m, 5)->allowed, 0);
	assert_int_equal(model_entry(m, 99)->allowed, 0);
}

static bool
keep_even(uint32_t id, void *arg)
{
	return id % 2 == 0;
}

static void
forgetting_some_keeps_the_counts_of_the_rest(void **state)
{
	struct model *m = *state;
	struct hit h = hit_of(1, "a.example", VERDICT_ALLOW);

	for (uint32_t id = 1; id <= 4; id++)
		model_hit(m, &h, id, "guest");
	model_retain_guests(m, keep_even, NULL);
	assert_int_equal(model_guest(m, 1)->allowed, 0);
	assert_int_equal(model_guest(m, 2)->allowed, 1);
	assert_int_equal(model_guest(m, 4)->allowed, 1);
	model_hit(m, &h, 9, "guest");
	assert_int_equal(model_guest(m, 9)->allowed, 1);
}

static void
a_guest_may_say_only_so_much_in_a_minute(void **state)
{
	struct model *m = *state;

	for (int i = 0; i < 10; i++)
		assert_true(model_guest_may_speak(m, 1, 10, 60000000));
	assert_false(model_guest_may_speak(m, 1, 10, 119000000));
	assert_true(model_guest_may_speak(m, 2, 10, 119000000));
	assert_true(model_guest_may_speak(m, 1, 10, 120000000));
}

static void
versions_move_with_what_they_stand_for(void **state)
{
	struct model *m = *state;
	struct hit h = hit_of(1, "a.example", VERDICT_ALLOW);
	uint64_t domains = model_version(m, VIEW_DOMAINS), drops = model_version(m, VIEW_DROPS);

	model_hit(m, &h, 1, "guest");
	assert_true(model_version(m, VIEW_DOMAINS) > domains);
	assert_int_equal(model_version(m, VIEW_DROPS), drops);
}

static void
hits_without_a_name_share_a_row(void **state)
{
	struct model *m = *state;
	struct hit h = hit_of(1, "", VERDICT_DENY);

	model_hit(m, &h, 1, "guest");
	assert_int_equal(model_count(m, VIEW_DOMAINS), 1);
	assert_int_equal(model_find_domain(m, model_no_name)->denied, 1);
	assert_int_equal(model_find_domain(m, model_no_name)->last_id, 1);
	assert_int_equal(model_guest(m, 1)->denied, 1);
	assert_non_null(model_find_hit(m, 1));
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_hit_counts_for_its_domain_its_guest_and_its_entry),
		TEST(what_was_learned_is_told_with_the_guests_that_asked),
		TEST(learned_names_that_are_forgotten_are_counted),
		TEST(a_refused_connection_after_its_refused_look_up_is_the_same_attempt),
		TEST(two_guests_that_ask_at_once_are_counted_once_each),
		TEST(names_of_one_guest_do_not_push_out_anothers),
		TEST(decisions_of_one_guest_do_not_push_out_anothers),
		TEST(a_look_up_that_was_answered_is_a_row_but_counts_as_nothing),
		TEST(the_name_not_seen_for_longest_makes_room),
		TEST(domains_come_newest_first),
		TEST(only_the_latest_hits_are_remembered),
		TEST(a_flow_adds_to_all_that_its_hit_belongs_to),
		TEST(a_hit_keeps_how_its_connection_ended),
		TEST(no_connection_outlives_net_or_its_hit),
		TEST(like_drops_become_one_run),
		TEST(another_port_guest_or_minute_is_another_run),
		TEST(drops_are_bounded),
		TEST(events_of_one_key_count_up_and_others_do_not),
		TEST(counters_are_bounded_and_can_be_forgotten),
		TEST(forgetting_some_keeps_the_counts_of_the_rest),
		TEST(a_guest_may_say_only_so_much_in_a_minute),
		TEST(versions_move_with_what_they_stand_for),
		TEST(hits_without_a_name_share_a_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
