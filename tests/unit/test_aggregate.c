/* Runs of like packets: what is one run, and what a flood costs. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "drops/drops.h"
#include "unit.h"
#include "xmalloc.h"

enum { RUNS = 64 };

static struct {
	uint64_t	calls, packets, bytes, folded_runs;
	struct drop	last, folded;
} got;

static bool
take(const struct drop *d, void *arg)
{
	got.calls++;
	got.packets += d->count;
	got.bytes += d->bytes;
	got.last = *d;
	if ((d->flags & DROP_FOLDED) != 0) {
		got.folded_runs++;
		got.folded = *d;
	}
	return true;
}

static bool
take_none(const struct drop *d, void *arg)
{
	return false;
}

static void
flush(struct aggregate *a)
{
	memset(&got, 0, sizeof(got));
	aggregate_flush(a, take, NULL);
}

static struct drop
packet(const char *in, uint32_t dst, uint16_t sport, uint16_t dport)
{
	struct drop d = { .count = 1, .bytes = 40, .first = 1000, .last = 1000, .proto = 6,
		.sport = sport, .dport = dport, .ethertype = 0x0800, .flags = DROP_PORTS,
		.label = "default" };

	d.src = (struct addr){ .family = 4, .bytes = { 10, 77, 0, 11 } };
	d.dst = (struct addr){ .family = 4, .bytes = { (uint8_t)(dst >> 24), (uint8_t)(dst >> 16),
		(uint8_t)(dst >> 8), (uint8_t)dst } };
	copy_string(d.in, in, sizeof(d.in));
	return d;
}

static int
setup(void **state)
{
	*state = aggregate_new(RUNS);
	return 0;
}

static int
teardown(void **state)
{
	aggregate_free(*state);
	return 0;
}

static void
like_packets_are_one_run_with_the_latest_source_port(void **state)
{
	struct aggregate *a = *state;

	for (uint16_t i = 0; i < 10; i++) {
		struct drop d = packet("ghv1", 5, (uint16_t)(40000 + i), 22);

		d.first = d.last = 1000u + i;
		aggregate_add(a, &d);
	}
	flush(a);
	assert_int_equal(got.calls, 1);
	assert_int_equal(got.last.count, 10);
	assert_int_equal(got.last.bytes, 400);
	assert_int_equal(got.last.sport, 40009);
	assert_int_equal(got.last.first, 1000);
	assert_int_equal(got.last.last, 1009);
}

static void
a_flush_hands_over_only_what_changed_and_only_the_new_count(void **state)
{
	struct drop one = packet("ghv1", 5, 1, 22), other = packet("ghv1", 6, 1, 22);
	struct aggregate *a = *state;

	aggregate_add(a, &one);
	aggregate_add(a, &other);
	flush(a);
	assert_int_equal(got.calls, 2);
	flush(a);
	assert_int_equal(got.calls, 0);
	aggregate_add(a, &other);
	flush(a);
	assert_int_equal(got.calls, 1);
	assert_int_equal(got.last.count, 1);
	assert_int_equal(got.last.dst.bytes[3], 6);
}

static void
what_nobody_takes_is_handed_over_later_with_what_came_since(void **state)
{
	struct drop d = packet("ghv1", 5, 1, 22);
	struct aggregate *a = *state;

	aggregate_add(a, &d);
	for (int i = 0; i < 2 * AGGREGATE_IDLE; i++)
		aggregate_flush(a, take_none, NULL);
	d.last = 2000;
	aggregate_add(a, &d);
	flush(a);
	assert_int_equal(got.calls, 1);
	assert_int_equal(got.last.count, 2);
	assert_int_equal(got.last.bytes, 80);
	assert_int_equal(got.last.first, 1000);
	assert_int_equal(got.last.last, 2000);
	flush(a);
	assert_int_equal(got.calls, 0);
}

/* Each change must make another run; what a flag says is unset must not. */
static void
packets_that_differ_in_what_matters_are_apart(void **state)
{
	struct drop d[12];
	struct aggregate *a = *state;
	const size_t n = sizeof(d) / sizeof(d[0]);

	for (size_t i = 0; i < n; i++)
		d[i] = packet("", 5, 1, 22);
	d[1].dport = 23;
	d[2].proto = 17;
	d[3].src.bytes[0] = 11;
	d[4].dst.family = 6;
	copy_string(d[5].label, "smb", sizeof(d[5].label));
	copy_string(d[6].out, "ghv2", sizeof(d[6].out));
	d[7].flags |= DROP_UID;
	d[8].flags |= DROP_UID;
	d[8].uid = 7;
	d[9].flags |= DROP_MAC;
	d[10].flags |= DROP_MAC;
	d[10].mac[5] = 1;
	d[11].flags = DROP_FRAGMENT;
	for (size_t i = 0; i < n; i++)
		aggregate_add(a, &d[i]);
	assert_int_equal(aggregate_runs(a), n);
	d[11].dport = 99;	/* not meaningful without DROP_PORTS */
	d[0].uid = 9;
	aggregate_add(a, &d[11]);
	aggregate_add(a, &d[0]);
	assert_int_equal(aggregate_runs(a), n);
}

static void
a_flood_costs_bounded_memory_and_every_packet_is_counted(void **state)
{
	struct aggregate *a = *state;
	uint64_t packets = 0;

	for (uint32_t round = 0; round < 20; round++) {
		for (uint32_t i = 0; i < 10000; i++) {
			struct drop d = packet("ghv1", i * 2654435761u + round, 1, (uint16_t)i);

			aggregate_add(a, &d);
		}
		assert_true(aggregate_runs(a) <= RUNS);
		flush(a);
		assert_true(got.calls <= RUNS + 1);
		assert_int_equal(got.packets, 10000);
		packets += got.packets;
		assert_int_equal(got.folded_runs, 1);
		assert_string_equal(got.folded.label, "default");
		assert_string_equal(got.folded.in, "ghv1");
		assert_int_equal(got.folded.dst.family, 0);
	}
	assert_int_equal(packets, 200000);
	assert_in_range(aggregate_folded(a), 200000 - 20 * RUNS, 200000);
}

static void
a_flood_from_one_guest_leaves_room_for_the_others(void **state)
{
	struct aggregate *a = *state;
	struct drop other = packet("ghv2", 5, 1, 445);

	for (uint32_t i = 0; i < 10000; i++) {
		struct drop d = packet("ghv1", i, 1, 80);

		aggregate_add(a, &d);
	}
	assert_int_equal(aggregate_runs(a), RUNS / 4);
	aggregate_add(a, &other);
	assert_int_equal(aggregate_runs(a), RUNS / 4 + 1);
}

static void
idle_runs_make_room_and_busy_ones_stay(void **state)
{
	struct aggregate *a = *state;
	struct drop busy = packet("ghv1", 0, 1, 22), late = packet("ghv1", 77777, 1, 22);

	aggregate_add(a, &busy);
	for (uint32_t i = 1; i < RUNS; i++) {
		struct drop d = packet("ghv1", i, 1, 22);

		aggregate_add(a, &d);
	}
	for (int i = 0; i <= AGGREGATE_IDLE; i++) {
		aggregate_add(a, &busy);
		flush(a);
	}
	assert_int_equal(aggregate_runs(a), 1);
	aggregate_add(a, &late);
	aggregate_add(a, &busy);
	assert_int_equal(aggregate_runs(a), 2);
	flush(a);
	assert_int_equal(got.calls, 2);
	assert_int_equal(got.folded_runs, 0);
}

static void
more_interfaces_than_any_host_has_still_count_truly(void **state)
{
	struct aggregate *a = *state;
	uint64_t packets = 0;

	for (uint32_t i = 0; i < 5000; i++) {
		struct drop d = packet("", i, 1, 22);

		snprintf(d.in, sizeof(d.in), "tap%u", i % 1000);
		snprintf(d.label, sizeof(d.label), "label%u", i % 7);
		aggregate_add(a, &d);
	}
	flush(a);
	packets += got.packets;
	assert_int_equal(packets, 5000);
	assert_true(got.folded_runs > 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name)	cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(like_packets_are_one_run_with_the_latest_source_port),
		T(a_flush_hands_over_only_what_changed_and_only_the_new_count),
		T(what_nobody_takes_is_handed_over_later_with_what_came_since),
		T(packets_that_differ_in_what_matters_are_apart),
		T(a_flood_costs_bounded_memory_and_every_packet_is_counted),
		T(a_flood_from_one_guest_leaves_room_for_the_others),
		T(idle_runs_make_room_and_busy_ones_stay),
		T(more_interfaces_than_any_host_has_still_count_truly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
