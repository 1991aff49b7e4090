/*
 * Which of a name's addresses is connected to, and when, on real sockets.
 * An address that does not answer is a listening socket whose queue is full:
 * the kernel drops what else comes for it.
 */
#include "config.h"

#include "proxy_rig.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "addr.h"
#include "fds.h"
#include "proxy/dial.h"

static const struct addr loopback = { .family = 4, .bytes = { 127, 0, 0, 1 } };
static const struct addr loopback6 = { .family = 6, .bytes = { [15] = 1 } };

/* Full of one connection that nobody takes. */
struct hole {
	int	listening, filler;
};

static struct sockaddr_in
hole_address(uint8_t last)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(world.port) };

	sin.sin_addr.s_addr = htonl(0x7f000000u | last);
	return sin;
}

/* FreeBSD says yes in the name of a listener whose queue is full: no hole can be had so. */
static bool
is_silent(const struct sockaddr_in *sin)
{
	const int fd = fds_socket_async(AF_INET, SOCK_STREAM, 0);
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	const bool silent = connect(fd, (const struct sockaddr *)sin, sizeof(*sin)) == -1 &&
	    errno == EINPROGRESS && poll(&p, 1, 50) == 0;

	close(fd);
	return silent;
}

static struct hole
hole_dig(uint8_t last)
{
	const struct sockaddr_in sin = hole_address(last);
	struct hole h = { socket(AF_INET, SOCK_STREAM, 0), socket(AF_INET, SOCK_STREAM, 0) };

	assert_int_equal(bind(h.listening, (const struct sockaddr *)&sin, sizeof(sin)), 0);
	assert_int_equal(listen(h.listening, 0), 0);
	assert_int_equal(connect(h.filler, (const struct sockaddr *)&sin, sizeof(sin)), 0);
	if (!is_silent(&sin)) {
		close(h.listening);
		close(h.filler);
		skip();
	}
	return h;
}

static void
hole_close(struct hole *h)
{
	close(h->listening);
	close(h->filler);
}

/* An origin at the same port of ::1; -1 where there is no IPv6. */
static int
origin6(void)
{
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6, .sin6_port = htons(world.port),
		.sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int fd = fds_socket_async(AF_INET6, SOCK_STREAM, 0);

	if (fd == -1 || bind(fd, (struct sockaddr *)&sin6, sizeof(sin6)) == -1 || listen(fd, 8) == -1) {
		close(fd);
		return -1;
	}
	return fd;
}

static int
ask(struct rig *r, const char *name)
{
	int guest = rig_connect(r);

	world.listed[0] = name;
	rig_send_hello(r, guest, name);
	return guest;
}

static const struct hit *
wait_hit(struct rig *r)
{
	rig_until(r, r->nhits > 0);
	return &r->hits[0];
}

static uint64_t
ms(void)
{
	return now_mono() / 1000;
}

static void
the_next_address_is_tried_after_a_quarter_of_a_second(void **state)
{
	struct rig *r = *state;
	struct hole hole = hole_dig(91);
	const uint64_t start = ms();
	int guest = ask(r, "slow.example"), origin = rig_accept(r);
	const uint64_t took = ms() - start;
	static char hello[RIG_BUF];
	ssize_t n = 0;

	if (took < 245 || took > 900)
		fail_msg("it took %llu ms", (unsigned long long)took);
	assert_true(addr_equal(&wait_hit(r)->dialled, &loopback));
	assert_int_equal(r->proxy->nspares, 0);
	/* The connection is as good as any: bytes and ends pass both ways. */
	rig_until(r, (n = recv(origin, hello, sizeof(hello), 0)) > 0);
	rig_say(r, origin, "down");
	rig_hear(r, guest, "down");
	rig_say(r, guest, "up");
	rig_hear(r, origin, "up");
	close(origin);
	rig_until(r, recv(guest, hello, sizeof(hello), 0) == 0);
	close(guest);
	rig_until(r, r->proxy->nopen == 0);
	hole_close(&hole);
}

/* The guest asks another server in the moment in which the one before ends: the end
 * of that connection is no news of the next one. */
static void
the_end_of_one_server_does_not_make_the_next_answer(void **state)
{
	static const char first[] = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n",
	    next[] = "GET / HTTP/1.1\r\nHost: slow.example\r\n\r\n",
	    answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
	struct rig *r = *state;
	struct hole hole = hole_dig(91);
	int guest, origin;

	/* Both names are known, so that what is next begins in the same turn. */
	world.listed[1] = "slow.example";
	guest = ask(r, "slow.example");
	origin = rig_accept(r);
	close(guest);
	close(origin);
	rig_until(r, r->proxy->nopen == 0);

	world.listed[0] = "a.example";
	guest = rig_connect(r);
	rig_say(r, guest, first);
	origin = rig_accept(r);
	rig_hear(r, origin, first);
	rig_say(r, origin, answer);
	rig_hear(r, guest, answer);
	for (int i = 0; i < 20; i++)
		rig_turn(r);
	assert_int_equal(send(guest, next, strlen(next), 0), strlen(next));
	usleep(5000);
	close(origin);
	usleep(5000);
	origin = rig_accept(r);
	rig_hear(r, origin, next);
	assert_int_equal(r->nhits, 3);
	assert_true(addr_equal(&r->hits[2].dialled, &loopback));
	close(guest);
	close(origin);
	hole_close(&hole);
}

static void
the_first_attempt_goes_on_meanwhile(void **state)
{
	struct rig *r = *state;
	struct hole one = hole_dig(91), two = hole_dig(92);
	int guest = ask(r, "slower.example"), taken;

	rig_until(r, r->proxy->nspares == 1);
	/* Room for the first: its next SYN gets through. */
	taken = accept(one.listening, NULL, NULL);
	assert_int_equal(wait_hit(r)->verdict, VERDICT_ALLOW);
	assert_int_equal(r->hits[0].dialled.bytes[3], 91);
	assert_int_equal(r->proxy->nspares, 0);
	close(taken);
	close(guest);
	hole_close(&one);
	hole_close(&two);
}

static void
a_later_attempt_may_win_against_two(void **state)
{
	struct rig *r = *state;
	struct hole one = hole_dig(91), two = hole_dig(92);
	int guest = ask(r, "slower.example"), taken;

	rig_until(r, r->proxy->nspares == 1);
	taken = accept(two.listening, NULL, NULL);
	assert_int_equal(wait_hit(r)->verdict, VERDICT_ALLOW);
	assert_int_equal(r->hits[0].dialled.bytes[3], 92);
	assert_int_equal(r->proxy->nspares, 0);
	close(taken);
	close(guest);
	hole_close(&one);
	hole_close(&two);
}

static void
no_more_than_three_are_under_way_and_none_is_left_over(void **state)
{
	struct rig *r = *state;
	struct hole holes[] = { hole_dig(91), hole_dig(92), hole_dig(93), hole_dig(94) };
	const uint64_t start = ms();
	uint32_t most = 0;
	int guest;

	r->conf.connect_seconds = 2;
	guest = ask(r, "slowest.example");
	while (r->nhits == 0) {
		rig_turn(r);
		if (r->proxy->nspares > most)
			most = r->proxy->nspares;
		assert_true(ms() - start < 3000);
	}
	assert_int_equal(most, 2);
	assert_int_equal(r->hits[0].reason, REASON_UNRESOLVABLE);
	/* The last that was tried, and what of it. */
	assert_int_equal(r->hits[0].dialled.bytes[3], 94);
	assert_string_equal(outcome_name((enum outcome)r->hits[0].outcome), "timed-out");
	assert_int_equal(r->proxy->nspares, 0);
	close(guest);
	for (int i = 0; i < 4; i++)
		hole_close(&holes[i]);
}

/* When nothing beyond the sessions' own may be used, each has its turn. */
static void
how_an_attempt_failed_is_told_apart(void **state)
{
	static const struct {
		int		 error;
		const char	*told;
	} rows[] = {
		{ ECONNREFUSED, "refused" }, { ETIMEDOUT, "timed-out" }, { ENETUNREACH, "no-route" },
		{ EHOSTUNREACH, "no-route" }, { ECONNRESET, "failed" },
	};
	struct dial d = { .outcome = OUTCOME_NONE };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		attempt_note(&d, &loopback, rows[i].error);
		assert_string_equal(outcome_name(d.outcome), rows[i].told);
		assert_true(addr_equal(&d.last, &loopback));
	}
}

static void
without_sockets_to_spare_addresses_are_tried_in_turn(void **state)
{
	struct rig *r = *state;
	struct hole hole = hole_dig(91);
	const uint64_t start = ms();
	int guest, origin;

	r->conf.connect_seconds = 3;
	r->proxy->nspares = SPARES_MAX;
	guest = ask(r, "slow.example");
	origin = rig_accept(r);
	assert_true(ms() - start >= 995);
	assert_true(addr_equal(&wait_hit(r)->dialled, &loopback));
	assert_int_equal(r->proxy->nspares, SPARES_MAX);
	close(guest);
	close(origin);
	hole_close(&hole);
}

static void
a_dial_that_ends_early_leaves_no_socket(void **state)
{
	struct rig *r = *state;
	struct hole one = hole_dig(91), two = hole_dig(92);
	int guest = ask(r, "slower.example");

	rig_until(r, r->proxy->nspares == 1);
	world.listed[0] = NULL;
	proxy_set_allow(r->proxy, NULL);
	assert_int_equal(wait_hit(r)->reason, REASON_NOT_LISTED);
	assert_int_equal(r->proxy->nspares, 0);
	close(guest);
	hole_close(&one);
	hole_close(&two);
}

static void
the_guests_family_comes_first_and_ipv6_for_those_who_ask_a_proxy(void **state)
{
	static const struct {
		bool			 explicit, wanted6;
		const struct addr	*dialled;
	} cases[] = {
		{ false, false, &loopback },
		{ false, true, &loopback6 },
		{ true, false, &loopback6 },
	};
	struct rig *r = *state;
	const int six = origin6();

	if (six == -1)
		skip();
	world.listed[0] = "dual.example";
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int guest = cases[i].explicit ? rig_connect_explicit(r) : rig_connect(r);

		world.wanted6 = cases[i].wanted6;
		rig_say(r, guest, cases[i].explicit ?
		    rig_ported("GET http://dual.example:PORT/ HTTP/1.1\r\nHost: dual.example:PORT\r\n\r\n") :
		    "GET / HTTP/1.1\r\nHost: dual.example\r\n\r\n");
		rig_until(r, r->nhits == i + 1);
		assert_true(addr_equal(&r->hits[i].dialled, cases[i].dialled));
		close(guest);
	}
	close(six);
}

static void
a_late_answer_for_the_first_family_is_waited_for_a_moment(void **state)
{
	struct rig *r = *state;
	const int six = origin6();
	uint64_t asked;
	int guest;

	if (six == -1)
		skip();
	/* Longer than a moment: the other family it is. */
	world.wanted6 = true;
	asked = ms();
	guest = ask(r, "late.example");
	assert_true(addr_equal(&wait_hit(r)->dialled, &loopback));
	/* Timers and this clock are rounded, each to its milliseconds. */
	assert_true(ms() - asked >= 45);
	/* What comes even later changes nothing. */
	rig_dns_release();
	for (int i = 0; i < 20; i++)
		rig_turn(r);
	assert_int_equal(r->nhits, 1);
	assert_int_equal(r->proxy->nspares, 0);
	close(guest);
	close(six);
}

static void
and_is_used_if_it_comes_in_time(void **state)
{
	struct rig *r = *state;
	const int six = origin6();
	int guest;

	if (six == -1)
		skip();
	world.wanted6 = true;
	guest = ask(r, "late.example");
	rig_until(r, world.held != NULL);
	assert_int_equal(r->nhits, 0);
	rig_dns_release();
	assert_true(addr_equal(&wait_hit(r)->dialled, &loopback6));
	close(guest);
	close(six);
}

static void
a_family_without_a_route_comes_second_for_a_while(void **state)
{
	struct rig *r = *state;
	const int six = origin6();
	int guest;

	if (six == -1)
		skip();
	world.wanted6 = true;
	r->proxy->no_route[1] = ms();
	guest = ask(r, "dual.example");
	assert_true(addr_equal(&wait_hit(r)->dialled, &loopback));
	close(guest);
	close(six);
}

#define rig_test(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(the_next_address_is_tried_after_a_quarter_of_a_second),
		rig_test(the_end_of_one_server_does_not_make_the_next_answer),
		rig_test(the_first_attempt_goes_on_meanwhile),
		rig_test(a_later_attempt_may_win_against_two),
		rig_test(no_more_than_three_are_under_way_and_none_is_left_over),
		cmocka_unit_test(how_an_attempt_failed_is_told_apart),
		rig_test(without_sockets_to_spare_addresses_are_tried_in_turn),
		rig_test(a_dial_that_ends_early_leaves_no_socket),
		rig_test(the_guests_family_comes_first_and_ipv6_for_those_who_ask_a_proxy),
		rig_test(a_late_answer_for_the_first_family_is_waited_for_a_moment),
		rig_test(and_is_used_if_it_comes_in_time),
		rig_test(a_family_without_a_route_comes_second_for_a_while),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
