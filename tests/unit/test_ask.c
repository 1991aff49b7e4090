/* Asking VM managers in time, with a priv of the test's that answers as it likes. */
#include "config.h"

#include "unit.h"

#include <event2/event.h>
#include <event2/util.h>
#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fds.h"
#include "inventory/ask.h"
#include "xmalloc.h"

enum { ROWS = 64, REQUESTS = 64 };
static struct event_base *base;
static struct asker *asker;
static struct conf conf;
static struct msg_run requests[REQUESTS];
static size_t nrequests;
static int changes;
static struct sighting rows[ROWS];
static size_t nrows;

static bool
on_run(const struct msg_run *m, void *arg)
{
	assert_true(nrequests < REQUESTS);
	requests[nrequests++] = *m;
	return true;
}

static void
on_change(void *arg)
{
	changes++;
}

/* Two providers of an operator's own: their parser is the simplest. */
static int
setup(void **state)
{
	const struct asker_events events = { on_run, on_change, NULL };

	conf_defaults(&conf);
	conf.managers.n = 0;
	conf.inventory_users = (struct conf_accounts){ 1, { "nobody" } };
	conf.inventory_seconds = 1;
	assert_null(conf_provider_take(&conf, "one", "command", "/own/one list"));
	assert_null(conf_provider_take(&conf, "one", "state", "state"));
	assert_null(conf_provider_take(&conf, "two", "command", "/own/two"));
	nrequests = 0;
	changes = 0;
	base = event_base_new();
	asker = asker_new(base, &conf, &events);
	return 0;
}

static int
teardown(void **state)
{
	asker_free(asker);
	event_base_free(base);
	return 0;
}

static void
turn(unsigned ms)
{
	const struct timeval wait = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	event_base_loopexit(base, &wait);
	event_base_dispatch(base);
}

/* Waits until that has been asked so often in all; its latest request. custom: of which
 * provider of an operator's own, else 0. */
static const struct msg_run *
ran(enum inventory_command c, uint32_t custom, size_t times)
{
	for (int i = 0; i < 400; i++) {
		size_t n = 0;

		for (size_t k = 0; k < nrequests; k++) {
			n += requests[k].command == c && requests[k].custom == custom;
			if (requests[k].command == c && requests[k].custom == custom && n == times)
				return &requests[k];
		}
		turn(25);
	}
	fail_msg("command %u of %u was not run %zu times", (unsigned)c, (unsigned)custom, times);
	return NULL;
}

static const struct msg_run *
asked(uint32_t provider, size_t times)
{
	return ran(COMMAND_CUSTOM, provider, times);
}

/* A manager that is known, in place of an operator's own providers. */
static void
ask_managers(void)
{
	struct conf c;

	conf_defaults(&c);
	c.inventory_users = conf.inventory_users;
	c.inventory_seconds = 1;
	c.managers = (struct conf_names){ 1, { "virsh" } };
	asker_reconf(asker, &c);
}

static void
answer(const struct msg_run *m, enum ran how, uint32_t status, const char *out, const char *err)
{
	const char *const texts[] = { out, err };
	struct msg_ran ran = { .serial = m->serial, .how = how, .status = status };

	for (uint32_t i = 0; i < 2; i++) {
		const struct msg_output o = { .serial = m->serial, .error = i };
		int fd[2];

		assert_int_equal(fds_pipe(fd), 0);
		assert_int_equal(write(fd[1], texts[i], strlen(texts[i])), strlen(texts[i]));
		close(fd[1]);
		asker_output(asker, &o, fd[0]);
	}
	if (how != RAN_EXITED)
		copy_string(ran.cause, "it was killed", sizeof(ran.cause));
	asker_ran(asker, &ran);
	turn(25);
}

static size_t
sightings(void)
{
	nrows = 0;
	asker_sightings(asker, rows, &nrows, ROWS);
	return nrows;
}

static void
answers_become_sightings(void **state)
{
	const struct msg_run *m = asked(0, 1);
	struct asker_state st;

	assert_int_equal(m->command, COMMAND_CUSTOM);
	assert_int_equal(m->uid, getpwnam("nobody")->pw_uid);
	answer(m, RAN_EXITED, 0, "[{\"name\": \"a\", \"state\": \"running\"}, {\"name\": \"b\"}]", "");
	assert_int_equal(sightings(), 2);
	assert_string_equal(rows[0].provider, "one");
	assert_string_equal(rows[0].user, "nobody");
	assert_string_equal(rows[0].key, "a");
	assert_int_equal(rows[0].state, GUEST_RUNNING);
	assert_false(rows[0].stale);
	assert_true(changes > 0);
	assert_true(asker_state(asker, 0, &st));
	assert_string_equal(st.manager, "one");
	assert_int_equal(st.guests, 2);
	assert_null(st.cause);
}

static void
a_failure_keeps_the_rows_marks_them_and_says_why(void **state)
{
	struct asker_state st;

	answer(asked(0, 1), RAN_EXITED, 0, "[{\"name\": \"a\"}]", "");
	answer(asked(0, 2), RAN_EXITED, 5, "", "\n  no \x1b[31mdaemon\nmore\n");
	assert_int_equal(sightings(), 1);
	assert_true(rows[0].stale);
	assert_true(asker_state(asker, 0, &st));
	assert_true(st.answered);
	assert_non_null(strstr(st.cause, "exit status 5"));
	assert_non_null(strstr(st.cause, "no \\x1b[31mdaemon"));
	assert_null(strstr(st.cause, "more"));
}

static void
nonsense_is_a_failure(void **state)
{
	struct asker_state st;

	answer(asked(0, 1), RAN_EXITED, 0, "[{\"name\": \"a\"}]", "");
	answer(asked(0, 2), RAN_EXITED, 0, "no JSON at all", "");
	assert_int_equal(sightings(), 1);
	assert_true(rows[0].stale);
	assert_true(asker_state(asker, 0, &st));
	assert_non_null(strstr(st.cause, "no JSON"));
}

/* As where only some are in the group that may see the system's VMs. */
static void
the_system_is_asked_as_whom_it_answers(void **state)
{
	const struct msg_run *m;

	conf.inventory_users = (struct conf_accounts){ 2, { "nobody", "daemon" } };
	ask_managers();
	m = ran(COMMAND_VIRSH_LIST, 0, 1);
	assert_int_equal(m->uid, getpwnam("nobody")->pw_uid);
	answer(m, RAN_EXITED, 1, "", "permission denied\n");
	m = ran(COMMAND_VIRSH_LIST, 0, 2);
	assert_int_equal(m->uid, getpwnam("daemon")->pw_uid);
	answer(m, RAN_EXITED, 0, "\n", "");
	assert_int_equal(ran(COMMAND_VIRSH_LIST, 0, 3)->uid, m->uid);
}

static void
one_that_was_killed_is_asked_again_later_and_later(void **state)
{
	answer(asked(0, 1), RAN_KILLED, 0, "", "");
	assert_int_equal(sightings(), 0);
	turn(2500);
	/* Five seconds at first, though a second is the rule. */
	for (size_t i = 1; i < nrequests; i++)
		assert_int_not_equal(requests[i].custom, 0);
}

static void
a_slow_one_delays_no_other(void **state)
{
	asked(0, 1);
	/* It never answers. */
	answer(asked(1, 1), RAN_EXITED, 0, "[{\"name\": \"x\"}]", "");
	answer(asked(1, 2), RAN_EXITED, 0, "[{\"name\": \"x\"}]", "");
	answer(asked(1, 3), RAN_EXITED, 0, "[{\"name\": \"x\"}, {\"name\": \"y\"}]", "");
	assert_int_equal(sightings(), 2);
	assert_string_equal(rows[0].provider, "two");
}

static void
one_that_is_not_there_costs_nothing(void **state)
{
	struct asker_state st;

	answer(asked(0, 1), RAN_ABSENT, 0, "", "");
	answer(asked(1, 1), RAN_ABSENT, 0, "", "");
	assert_false(asker_state(asker, 0, &st));
	turn(2500);
	assert_int_equal(nrequests, 2);
}

static void
a_flood_is_cut_off_and_a_failure(void **state)
{
	const struct msg_run *m = asked(0, 1);
	const struct msg_output o = { .serial = m->serial };
	struct msg_ran ran = { .serial = m->serial, .how = RAN_EXITED };
	struct asker_state st;
	static char block[65536];
	size_t sent = 0;
	int fd[2];

	memset(block, ' ', sizeof(block));
	assert_int_equal(fds_pipe(fd), 0);
	/* Not every system's pipes have room for a block. */
	evutil_make_socket_nonblocking(fd[1]);
	asker_output(asker, &o, fd[0]);
	while (sent < (size_t)COMMAND_OUTPUT_MAX * 4) {
		const ssize_t n = write(fd[1], block, sizeof(block));

		if (n == 0 || (n == -1 && errno != EAGAIN))
			break;		/* nobody reads any more */
		sent += n > 0 ? (size_t)n : 0;
		turn(1);
	}
	assert_true(sent < (size_t)COMMAND_OUTPUT_MAX * 2);
	close(fd[1]);
	asker_ran(asker, &ran);
	turn(25);
	assert_true(asker_state(asker, 0, &st));
	assert_non_null(strstr(st.cause, "prints more than"));
}

static void
frames_that_belong_to_nothing_are_dropped(void **state)
{
	const struct msg_output o = { .serial = 999 };
	const struct msg_ran ran = { .serial = 999, .how = RAN_EXITED };
	int fd[2];

	assert_int_equal(fds_pipe(fd), 0);
	asker_output(asker, &o, fd[0]);
	asker_ran(asker, &ran);
	/* Its end was closed. */
	assert_int_equal(write(fd[1], "x", 1), -1);
	close(fd[1]);
}

static void
who_has_no_manager_is_not_acted_on(void **state)
{
	struct guest g = { .name = "box" };
	char *cause = asker_act(asker, &g, ACT_START, NULL, NULL);

	assert_non_null(cause);
	assert_non_null(strstr(cause, "no VM manager"));
	free(cause);
	copy_string(g.manager, "virsh", sizeof(g.manager));
	copy_string(g.key, "-x", sizeof(g.key));
	assert_non_null(cause = asker_act(asker, &g, ACT_START, NULL, NULL));
	free(cause);
	assert_int_equal(asker_command(&g, ACT_STOP), COMMAND_VIRSH_STOP);
}

/* Another guest may have the old name by then. */
static void
a_renamed_guest_is_settled_when_its_manager_has_told_which_it_is(void **state)
{
	const char *const nic = "vnet0 network default virtio 52:54:00:00:00:01\n";
	struct guest g = { .name = "old", .key = "old", .manager = "virsh" };

	ask_managers();
	assert_false(asker_settled(asker, &g));		/* not a word yet */
	answer(ran(COMMAND_VIRSH_LIST, 0, 1), RAN_EXITED, 0, " 1 old running\n", "");
	assert_false(asker_settled(asker, &g));
	answer(ran(COMMAND_VIRSH_NICS, 0, 1), RAN_EXITED, 0, nic, "");
	assert_true(asker_settled(asker, &g));
	answer(ran(COMMAND_VIRSH_LIST, 0, 2), RAN_EXITED, 0, " 2 new running\n", "");
	assert_false(asker_settled(asker, &g));
	copy_string(g.key, "new", sizeof(g.key));
	assert_false(asker_settled(asker, &g));
	answer(ran(COMMAND_VIRSH_NICS, 0, 2), RAN_EXITED, 0, nic, "");
	assert_true(asker_settled(asker, &g));
	/* What one that does not answer said last may be an hour old. */
	assert_null(asker_trouble(asker, &g, 0));
	answer(ran(COMMAND_VIRSH_LIST, 0, 3), RAN_EXITED, 1, "", "no daemon\n");
	assert_false(asker_settled(asker, &g));
	assert_non_null(strstr(asker_trouble(asker, &g, 0), "no daemon"));
	assert_null(asker_trouble(asker, &g, now_mono()));
	/* It is left alone for some time, but not if somebody wants something of it. */
	asker_ask(asker, &g);
	answer(ran(COMMAND_VIRSH_LIST, 0, 4), RAN_EXITED, 0, " 2 new running\n", "");
	assert_true(asker_settled(asker, &g));
}

static void
who_was_there_when_all_were_asked_is_told_of(void **state)
{
	const uint64_t start = now_mono();
	uint64_t began;

	ask_managers();
	assert_true(asker_heard(asker) < start);
	ran(COMMAND_VIRSH_LIST, 0, 1);
	began = now_mono();
	assert_true(asker_heard(asker) < start);
	answer(ran(COMMAND_VIRSH_LIST, 0, 1), RAN_EXITED, 0, " 1 a running\n", "");
	/* Not before it is known which one that is. */
	assert_true(asker_heard(asker) < start);
	answer(ran(COMMAND_VIRSH_NICS, 0, 1), RAN_EXITED, 0, "", "");
	assert_true(asker_heard(asker) >= start && asker_heard(asker) <= began);
	answer(ran(COMMAND_VIRSH_LIST, 0, 2), RAN_EXITED, 0, " 1 a running\n 2 b running\n", "");
	assert_true(asker_heard(asker) <= began);
	answer(ran(COMMAND_VIRSH_NICS, 0, 2), RAN_EXITED, 0, "", "");
	assert_true(asker_heard(asker) > began);
	/* Of one that does not answer nothing is waited for, nor of one that is not there. */
	answer(ran(COMMAND_VIRSH_LIST, 0, 3), RAN_EXITED, 1, "", "no daemon\n");
	began = now_mono();
	assert_true(asker_heard(asker) >= began);
	answer(ran(COMMAND_VIRSH_LIST, 0, 4), RAN_ABSENT, 0, "", "");
	assert_true(asker_heard(asker) >= began);
}

static void
a_nic_that_is_plugged_in_is_asked_for_at_once(void **state)
{
	const char *const nics = "vnet0 network default virtio 52:54:00:00:00:01\n",
		*const more = "vnet0 network default virtio 52:54:00:00:00:01\n"
		    "vnet9 bridge plain0 virtio 52:54:00:00:00:02\n",
		*const before = "Domain: 'a'\n  net.count=1\n  net.0.name=vnet0\n  net.0.rx.bytes=7\n\n",
		*const after = "Domain: 'a'\n  net.count=2\n  net.0.name=vnet0\n  net.1.name=vnet9\n\n";
	const struct msg_run *m;

	ask_managers();
	answer(ran(COMMAND_VIRSH_LIST, 0, 1), RAN_EXITED, 0, " 1 a running\n 2 b running\n", "");
	answer(ran(COMMAND_VIRSH_NICS, 0, 1), RAN_EXITED, 0, nics, "");
	answer(ran(COMMAND_VIRSH_NICS, 0, 2), RAN_EXITED, 0, "", "");
	asker_links(asker);
	answer(ran(COMMAND_VIRSH_CHANGES, 0, 1), RAN_EXITED, 0, before, "");
	answer(ran(COMMAND_VIRSH_LIST, 0, 2), RAN_EXITED, 0, " 1 a running\n 2 b running\n", "");
	asker_links(asker);
	answer(ran(COMMAND_VIRSH_CHANGES, 0, 2), RAN_EXITED, 0, after, "");
	/* Of that one alone. */
	m = ran(COMMAND_VIRSH_NICS, 0, 3);
	assert_string_equal(m->key, "a");
	answer(m, RAN_EXITED, 0, more, "");
	assert_int_equal(sightings(), 3);
	answer(ran(COMMAND_VIRSH_LIST, 0, 3), RAN_EXITED, 0, " 1 a running\n 2 b running\n", "");
	/* The same again is no news; one that cannot tell is left alone. */
	asker_links(asker);
	answer(ran(COMMAND_VIRSH_CHANGES, 0, 3), RAN_EXITED, 1, "", "error: unknown command\n");
	asker_links(asker);
	answer(ran(COMMAND_VIRSH_LIST, 0, 4), RAN_EXITED, 0, " 1 a running\n 2 b running\n", "");
	ran(COMMAND_VIRSH_LIST, 0, 5);
	for (size_t i = 0, n = 0; i < nrequests; i++) {
		n += requests[i].command == COMMAND_VIRSH_CHANGES || requests[i].command == COMMAND_VIRSH_NICS;
		assert_true(n <= 6);
	}
}

static void
a_detail_that_hangs_costs_its_guest_alone(void **state)
{
	const char *const two = " 1 a running\n 2 b running\n";
	struct asker_state st;
	size_t asked_a = 0;

	ask_managers();
	answer(ran(COMMAND_VIRSH_LIST, 0, 1), RAN_EXITED, 0, two, "");
	assert_string_equal(ran(COMMAND_VIRSH_NICS, 0, 1)->key, "a");
	answer(ran(COMMAND_VIRSH_NICS, 0, 1), RAN_KILLED, 0, "", "");
	assert_string_equal(ran(COMMAND_VIRSH_NICS, 0, 2)->key, "b");
	answer(ran(COMMAND_VIRSH_NICS, 0, 2), RAN_EXITED, 0,
	    "vnet0 network default virtio 52:54:00:00:00:02\n", "");
	for (size_t i = 2; i < 5; i++)
		answer(ran(COMMAND_VIRSH_LIST, 0, i), RAN_EXITED, 0, two, "");
	for (size_t i = 0; i < nrequests; i++)
		asked_a += requests[i].command == COMMAND_VIRSH_NICS && strcmp(requests[i].key, "a") == 0;
	assert_int_equal(asked_a, 1);
	assert_int_equal(sightings(), 2);
	for (size_t i = 0; i < nrows; i++) {
		assert_false(rows[i].stale);
		assert_int_equal(rows[i].has_mac, strcmp(rows[i].key, "b") == 0);
	}
	assert_true(asker_state(asker, 0, &st));
	assert_null(st.cause);
}

/* What a detail said of a guest goes on while the list says the same of it, and is asked
 * for anew when it says something else. */
static void
details_hold_as_long_as_the_list_says_the_same(void **state)
{
	static const char one[] = "[{\"name\":\"a\",\"status\":\"Running\",\"vmType\":\"vz\",\"network\":"
	    "[{\"lima\":\"lan\",\"macAddress\":\"52:54:00:00:00:01\"}]}]\n";
	static const char networks[] = "{\"name\":\"lan\",\"mode\":\"bridged\",\"interface\":\"en0\"}\n";
	char object[256], other[256];
	struct conf c;

	conf_defaults(&c);
	c.inventory_users = conf.inventory_users;
	c.inventory_seconds = 1;
	c.managers = (struct conf_names){ 1, { "lima" } };
	asker_reconf(asker, &c);
	/* Lima prints an object a line. */
	snprintf(object, sizeof(object), "%.*s\n", (int)strlen(one) - 3, one + 1);
	answer(ran(COMMAND_LIMA_LIST, 0, 1), RAN_EXITED, 0, object, "");
	answer(ran(COMMAND_LIMA_NETWORKS, 0, 1), RAN_EXITED, 0, networks, "");
	for (size_t i = 2; i < 4; i++)
		answer(ran(COMMAND_LIMA_LIST, 0, i), RAN_EXITED, 0, object, "");
	assert_true(sightings() > 0);
	for (size_t i = 0; i < nrows; i++) {
		if (rows[i].has_mac)
			assert_int_equal(rows[i].mode, NIC_LAN);
	}
	for (size_t i = 0, n = 0; i < nrequests; i++) {
		n += requests[i].command == COMMAND_LIMA_NETWORKS;
		assert_true(n <= 1);
	}
	/* Another hardware address is another NIC. */
	snprintf(other, sizeof(other), "%s", object);
	*strstr(other, ":01\"") = '-';
	memcpy(strchr(other, '-'), ":02", 3);
	answer(ran(COMMAND_LIMA_LIST, 0, 4), RAN_EXITED, 0, other, "");
	ran(COMMAND_LIMA_NETWORKS, 0, 2);
}

/* Many users' managers, and few commands at a time: each has its turn. */
static void
each_has_its_turn(void **state)
{
	enum { MANY = CONF_PROVIDERS_MAX };
	unsigned asked_of[MANY] = { 0 };
	struct conf c = conf;

	c.nproviders = MANY;
	for (uint32_t i = 0; i < MANY; i++) {
		c.providers[i] = conf.providers[0];
		snprintf(c.providers[i].name, sizeof(c.providers[i].name), "p%u", (unsigned)i);
	}
	asker_reconf(asker, &c);
	/* The first never answers, the others always want more. */
	for (size_t seen = 0, turns = 0; turns < 200; turns++) {
		for (; seen < nrequests; seen++) {
			asked_of[requests[seen].custom]++;
			if (requests[seen].custom != 0)
				answer(&requests[seen], RAN_EXITED, 0, "[]", "");
		}
		turn(25);
	}
	assert_int_equal(asked_of[0], 1);
	for (uint32_t i = 1; i < MANY; i++)
		assert_in_range(asked_of[i], 2, 8);
}

int
main(void)
{
#define TEST(t)	cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(answers_become_sightings),
		TEST(a_failure_keeps_the_rows_marks_them_and_says_why),
		TEST(nonsense_is_a_failure),
		TEST(the_system_is_asked_as_whom_it_answers),
		TEST(one_that_was_killed_is_asked_again_later_and_later),
		TEST(a_slow_one_delays_no_other),
		TEST(one_that_is_not_there_costs_nothing),
		TEST(a_flood_is_cut_off_and_a_failure),
		TEST(frames_that_belong_to_nothing_are_dropped),
		TEST(who_has_no_manager_is_not_acted_on),
		TEST(a_renamed_guest_is_settled_when_its_manager_has_told_which_it_is),
		TEST(who_was_there_when_all_were_asked_is_told_of),
		TEST(a_nic_that_is_plugged_in_is_asked_for_at_once),
		TEST(a_detail_that_hangs_costs_its_guest_alone),
		TEST(details_hold_as_long_as_the_list_says_the_same),
		TEST(each_has_its_turn),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
