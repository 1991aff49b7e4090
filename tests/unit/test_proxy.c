/* The whole proxy on real sockets: who gets through, who does not, what each
 * is told, and that nothing is left behind. */
#include "config.h"

#include "proxy_rig.h"

#include <sys/resource.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hello.h"

static char got[RIG_BUF];
static const struct addr loopback = { .family = 4, .bytes = { 127, 0, 0, 1 } };

static const struct hit *
last_hit(const struct rig *r)
{
	assert_true(r->nhits > 0 && r->nhits <= RIG_HITS);
	return &r->hits[r->nhits - 1];
}

static void
expect_hit(const struct rig *r, enum hit_via via, enum verdict verdict, enum reason reason,
    const char *name)
{
	const struct hit *h = last_hit(r);

	assert_string_equal(via_name(h->via), via_name(via));
	assert_string_equal(reason_name(h->reason), reason_name(reason));
	assert_int_equal(h->verdict, verdict);
	assert_string_equal(h->name, name);
	assert_int_equal(h->port, world.port);
	assert_int_equal(h->id >> 32, 7);
}

/* Hello to the origin: it must get every byte of it. Returns both ends. */
static int
open_silent(struct rig *r, const char *name, int *guest)
{
	static struct bytes message, wire;
	const struct hello_spec spec = { .name = name, .alpn = "h2", .supported = 0x0304 };
	size_t have = 0;
	ssize_t n;
	int fd;

	*guest = rig_connect(r);
	rig_send_hello(r, *guest, name);
	fd = rig_accept(r);
	hello_message(&message, &spec);
	hello_records(&wire, &message, 16384);
	while (have < wire.len) {
		rig_until(r, (n = recv(fd, got + have, sizeof(got) - have, 0)) > 0);
		have += (size_t)n;
	}
	assert_int_equal(have, wire.len);
	assert_memory_equal(got, wire.b, wire.len);
	return fd;
}

/* The same, and the origin has answered with a byte. */
static int
open_tls(struct rig *r, const char *name, int *guest)
{
	const int fd = open_silent(r, name, guest);

	rig_say(r, fd, "!");
	rig_hear(r, *guest, "!");
	return fd;
}

static void
a_listed_tls_host_is_reached_and_both_sides_may_close_halves(void **state)
{
	struct rig *r = *state;
	const struct hit *h;
	bool reset;
	int guest, origin;

	origin = open_tls(r, "a.example", &guest);
	expect_hit(r, VIA_TLS, VERDICT_ALLOW, REASON_LISTED, "a.example");
	h = last_hit(r);
	assert_int_equal(h->tls_version, 0x0304);
	assert_string_equal(h->alpn, "h2, http/1.1");
	assert_int_equal(h->ech, 0);
	assert_int_equal(h->wanted.bytes[0], 203);
	assert_true(addr_equal(&h->dialled, &loopback));
	rig_say(r, guest, "up");
	rig_hear(r, origin, "up");
	rig_say(r, origin, "down");
	rig_hear(r, guest, "down");
	assert_int_equal(shutdown(guest, SHUT_WR), 0);
	rig_read_all(r, origin, got, sizeof(got), &reset);
	assert_false(reset);
	rig_say(r, origin, "still here");
	rig_hear(r, guest, "still here");
	close(origin);
	rig_read_all(r, guest, got, sizeof(got), &reset);
	assert_false(reset);
	rig_until(r, r->proxy->nopen == 0);
	assert_int_equal(r->ended, 1);
	assert_true(r->up > 2 && r->down == 15);
	close(guest);
}

static void
expect_alert(struct rig *r, int guest, uint8_t description)
{
	bool reset;

	assert_int_equal(rig_read_all(r, guest, got, sizeof(got), &reset), TLS_ALERT_SIZE);
	assert_int_equal(got[0], 21);
	assert_int_equal(got[6], description);
	assert_false(reset);
	close(guest);
	assert_false(rig_origin_waits(r));
}

static void
an_unlisted_tls_host_gets_an_alert_at_once(void **state)
{
	struct rig *r = *state;
	int guest = rig_connect(r);

	rig_send_hello(r, guest, "evil.example");
	expect_alert(r, guest, 49);
	expect_hit(r, VIA_TLS, VERDICT_DENY, REASON_NOT_LISTED, "evil.example");
	assert_int_equal(r->proxy->nopen, 0);
}

static void
the_rest_of_a_refused_hello_does_not_overtake_its_alert(void **state)
{
	static const uint8_t begun[] = { 22, 3, 1, 0, 4, 2, 0, 0, 0 };
	struct rig *r = *state;
	int guest = rig_connect(r);
	bool reset;

	rig_send(r, guest, begun, sizeof(begun));
	expect_hit(r, VIA_TLS, VERDICT_DENY, REASON_MALFORMED, "");
	/* A socket closed now would answer what still comes with a reset. */
	rig_say(r, guest, "more of it");
	assert_int_equal(r->proxy->nopen, 1);
	assert_int_equal(rig_read_all(r, guest, got, sizeof(got), &reset), TLS_ALERT_SIZE);
	assert_false(reset);
	close(guest);
	rig_until(r, r->proxy->nopen == 0);
}

static void
hellos_that_name_no_proper_host_are_refused(void **state)
{
	static const struct {
		const char	*name;
		size_t		 len;
		enum reason	 reason;
		uint8_t		 alert;
		const char	*told;
	} cases[] = {
		{ NULL, 0, REASON_NO_NAME, 112, "" },
		{ "a.example\0.b", 12, REASON_BAD_NAME, 112, "a.example\\x00.b" },
		{ "a_b.example", 11, REASON_BAD_NAME, 112, "a_b.example" },
		{ "127.0.0.1", 9, REASON_IP_LITERAL, 112, "127.0.0.1" },
		{ "0x7f000001", 10, REASON_IP_LITERAL, 112, "0x7f000001" },
		{ "::1", 3, REASON_IP_LITERAL, 112, "::1" },
		{ "", 0, REASON_MALFORMED, 50, "" },
	};
	static struct bytes message, wire;
	struct rig *r = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct hello_spec spec = { .name = cases[i].name, .name_len = cases[i].len };
		int guest = rig_connect(r);

		hello_message(&message, &spec);
		hello_records(&wire, &message, 16384);
		rig_send(r, guest, wire.b, wire.len);
		expect_alert(r, guest, cases[i].alert);
		expect_hit(r, VIA_TLS, VERDICT_DENY, cases[i].reason, cases[i].told);
	}
}

static void
a_hello_is_put_together_from_single_bytes_and_records(void **state)
{
	static struct bytes message, wire;
	const struct hello_spec spec = { .name = "A.Example.", .padding = 2000 };
	struct rig *r = *state;
	size_t have = 0;
	ssize_t n;
	int guest, origin;

	hello_message(&message, &spec);
	hello_records(&wire, &message, 700);
	guest = rig_connect(r);
	for (size_t i = 0; i < wire.len; i++) {
		assert_int_equal(r->nhits, 0);
		assert_int_equal(send(guest, wire.b + i, 1, 0), 1);
		if (i % 16 == 0)
			rig_turn(r);
	}
	origin = rig_accept(r);
	expect_hit(r, VIA_TLS, VERDICT_ALLOW, REASON_LISTED, "a.example");
	while (have < wire.len) {
		rig_until(r, (n = recv(origin, got + have, sizeof(got) - have, 0)) > 0);
		have += (size_t)n;
	}
	assert_memory_equal(got, wire.b, wire.len);
	close(guest);
	close(origin);
}

/* Real or GREASE, the outer name is judged like any other. */
static void
a_hello_with_ech_is_judged_by_its_outer_name_and_recorded(void **state)
{
	static struct bytes message, wire;
	static const struct {
		const char	*name;
		enum verdict	 verdict;
	} cases[] = { { "a.example", VERDICT_ALLOW }, { "evil.example", VERDICT_DENY } };
	struct rig *r = *state;

	for (size_t i = 0; i < 2; i++) {
		const struct hello_spec spec = { .name = cases[i].name, .ech = 200, .supported = 0x0304 };
		int guest = rig_connect(r);

		hello_message(&message, &spec);
		hello_records(&wire, &message, 16384);
		rig_send(r, guest, wire.b, wire.len);
		rig_until(r, r->nhits == i + 1);
		assert_int_equal(r->hits[i].verdict, cases[i].verdict);
		assert_string_equal(r->hits[i].name, cases[i].name);
		assert_int_equal(r->hits[i].ech, 1);
		assert_int_equal(r->hits[i].tls_version, 0x0304);
		close(guest);
	}
}

/* Post-quantum size, many records, one byte at a time: within the limits. */
static void
a_hello_that_never_ends_meets_a_limit(void **state)
{
	static struct bytes message, wire;
	const struct hello_spec large = { .name = "a.example", .padding = 9000 };
	struct rig *r = *state;
	const uint64_t start = now_mono();
	int guest = rig_connect(r);
	size_t i;

	r->conf.hello_bytes = 8192;
	hello_message(&message, &large);
	hello_records(&wire, &message, 100);
	for (i = 0; i < wire.len && r->nhits == 0; i++) {
		if (send(guest, wire.b + i, 1, MSG_NOSIGNAL) == -1)
			break;
		if (i % 64 == 0)
			rig_turn(r);
	}
	rig_until(r, r->nhits > 0);
	expect_hit(r, VIA_TLS, VERDICT_DENY, REASON_TOO_LARGE, "");
	close(guest);
	/* Bytes that keep coming do not move the deadline. */
	r->conf.hello_bytes = 65536;
	r->conf.head_seconds = 1;
	guest = rig_connect(r);
	for (i = 0; i < wire.len && r->nhits == 1; i++) {
		send(guest, wire.b + i, 1, MSG_NOSIGNAL);
		rig_turn(r);
		assert_true(now_mono() - start < 8000000);
	}
	expect_hit(r, VIA_TLS, VERDICT_DENY, REASON_TIMEOUT, "");
	assert_true(i < wire.len);
	close(guest);
}

#define GET(host) "GET / HTTP/1.1\r\nHost: " host "\r\n\r\n"
#define OK(body, len) "HTTP/1.1 200 OK\r\nContent-Length: " len "\r\n\r\n" body

/* The guest asks, and its server hears it: that one's socket. */
static int
asked_origin(struct rig *r, int guest)
{
	int origin;

	rig_say(r, guest, GET("a.example"));
	origin = rig_accept(r);
	rig_hear(r, origin, GET("a.example"));
	return origin;
}

static void
expect_page(struct rig *r, int guest, const char *status, const char *reason)
{
	bool reset;

	rig_read_all(r, guest, got, sizeof(got), &reset);
	assert_false(reset);
	assert_int_equal(strncmp(got, "HTTP/1.1 ", 9), 0);
	assert_int_equal(strncmp(got + 9, status, strlen(status)), 0);
	assert_non_null(strstr(got, "Connection: close\r\n"));
	assert_non_null(strstr(got, reason));
	close(guest);
}

static void
every_request_of_a_connection_is_judged(void **state)
{
	struct rig *r = *state;
	int guest = rig_connect(r), one, two;

	one = asked_origin(r, guest);
	rig_say(r, one, OK("first", "5"));
	rig_hear(r, guest, OK("first", "5"));
	/* The same host again: on the same connection. */
	rig_say(r, guest, GET("A.EXAMPLE:80"));
	rig_hear(r, one, GET("A.EXAMPLE:80"));
	rig_say(r, one, OK("second", "6"));
	rig_hear(r, guest, OK("second", "6"));
	/* Another listed host: on one of its own. */
	rig_say(r, guest, GET("b.example"));
	two = rig_accept(r);
	rig_hear(r, two, GET("b.example"));
	rig_say(r, two, OK("", "0"));
	rig_hear(r, guest, OK("", "0"));
	assert_int_equal(r->nhits, 3);
	expect_hit(r, VIA_HTTP, VERDICT_ALLOW, REASON_LISTED, "b.example");
	/* One that is not listed: refused, and the connection ends. */
	rig_say(r, guest, GET("evil.example"));
	expect_page(r, guest, "403", "not-listed");
	assert_non_null(strstr(got, "gatehouse why 7-4"));
	assert_non_null(strstr(got, "gatehouse allow evil.example"));
	expect_hit(r, VIA_HTTP, VERDICT_DENY, REASON_NOT_LISTED, "evil.example");
	assert_false(rig_origin_waits(r));
	close(one);
	close(two);
}

static void
pipelined_requests_wait_for_their_turn(void **state)
{
	struct rig *r = *state;
	int guest = rig_connect(r), one, two;

	rig_say(r, guest, GET("a.example") GET("b.example") GET("evil.example"));
	one = rig_accept(r);
	rig_hear(r, one, GET("a.example"));
	for (int i = 0; i < 20; i++)
		rig_turn(r);
	assert_int_equal(recv(one, got, 1, 0), -1);
	assert_int_equal(r->nhits, 1);
	rig_say(r, one, OK("first", "5"));
	two = rig_accept(r);
	rig_hear(r, two, GET("b.example"));
	rig_say(r, two, OK("second", "6"));
	rig_hear(r, guest, OK("first", "5") OK("second", "6"));
	expect_page(r, guest, "403", "not-listed");
	close(one);
	close(two);
}

static void
a_refused_guest_that_runs_ahead_still_gets_its_page(void **state)
{
	static const char *const ahead[] = {
		GET("evil.example") "GET / HT",		/* the next one begun */
		GET("a.example") GET("evil.example"),	/* lined up once */
	};
	struct rig *r = *state;

	for (size_t i = 0; i < sizeof(ahead) / sizeof(ahead[0]); i++) {
		int guest = rig_connect(r), server = -1;

		rig_say(r, guest, ahead[i]);
		if (i == 1) {
			server = rig_accept(r);
			rig_hear(r, server, GET("a.example"));
			rig_say(r, server, OK("", "0"));
			rig_hear(r, guest, OK("", "0"));
		}
		rig_until(r, r->nhits == i * 2 + 1);
		/* A socket closed now would answer what still comes with a reset. */
		assert_int_equal(r->proxy->nopen, 1);
		rig_say(r, guest, "more of it");
		expect_page(r, guest, "403", "not-listed");
		rig_until(r, r->proxy->nopen == 0);
		close(server);
	}
}

static void
requests_that_break_the_rules_never_reach_a_server(void **state)
{
	static const char *const cases[] = {
		"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd",
		"GET / HTTP/1.1\r\nHost: a.example\r\nHost: evil.example\r\n\r\n",
		"GET / HTTP/1.1\r\n\r\n",
		"GET http://b.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a.example\r\nX: 1\r\n folded\r\n\r\n",
		"GET / HTTP/1.1\nHost: a.example\n\n",
		"GET / HTTP/1.1\r\nHost : a.example\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"EHLO mail.example\r\n",
	};
	struct rig *r = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int guest = rig_connect(r);

		rig_say(r, guest, cases[i]);
		expect_page(r, guest, "403", "malformed");
		assert_int_equal(last_hit(r)->reason, REASON_MALFORMED);
		assert_int_equal(last_hit(r)->via, VIA_HTTP);
		assert_false(rig_origin_waits(r));
	}
	rig_until(r, r->proxy->nopen == 0);
}

static void
hosts_that_are_no_names_are_refused(void **state)
{
	static const struct {
		const char	*request;
		enum reason	 reason;
	} cases[] = {
		{ GET("127.0.0.1"), REASON_IP_LITERAL },
		{ GET("2130706433"), REASON_IP_LITERAL },
		{ GET("0177.0.0.1"), REASON_IP_LITERAL },
		{ GET("[::1]:80"), REASON_IP_LITERAL },
		{ GET("[::ffff:127.0.0.1]"), REASON_IP_LITERAL },
		{ GET("a.example b.example"), REASON_BAD_NAME },
		{ GET("a.example,b.example"), REASON_BAD_NAME },
		{ GET("<script>"), REASON_BAD_NAME },
	};
	struct rig *r = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int guest = rig_connect(r);

		rig_say(r, guest, cases[i].request);
		expect_page(r, guest, "403", reason_name(cases[i].reason));
		assert_int_equal(last_hit(r)->reason, cases[i].reason);
	}
}

static void
what_is_neither_tls_nor_http_is_closed_at_once(void **state)
{
	static const char *const cases[] = { "SSH-2.0-OpenSSH_9.2\r\n", "\x80\x2e\x01", "\r\n", "{\"a\":1}" };
	struct rig *r = *state;
	bool reset;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int guest = rig_connect(r);

		rig_say(r, guest, cases[i]);
		assert_int_equal(rig_read_all(r, guest, got, sizeof(got), &reset), 0);
		assert_false(reset);
		close(guest);
		expect_hit(r, VIA_OTHER, VERDICT_DENY, REASON_MALFORMED, "");
	}
}

static void
silence_and_slowness_end_at_the_deadline(void **state)
{
	struct rig *r = *state;
	int silent, slow;
	bool reset;

	r->conf.head_seconds = 1;
	silent = rig_connect(r);
	slow = rig_connect(r);
	rig_say(r, slow, "GET / HTTP/1.1\r\nHo");
	expect_page(r, slow, "403", "timeout");
	expect_hit(r, VIA_HTTP, VERDICT_DENY, REASON_TIMEOUT, "");
	assert_int_equal(rig_read_all(r, silent, got, sizeof(got), &reset), 0);
	expect_hit(r, VIA_OTHER, VERDICT_DENY, REASON_TIMEOUT, "");
	close(silent);
}

static void
bodies_and_special_responses_pass_untouched(void **state)
{
	static const struct {
		const char	*request, *response;
	} cases[] = {
		{ "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\nhello", OK("x", "1") },
		{ "POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n",
		    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\nT: z\r\n\r\n" },
		{ "HEAD / HTTP/1.1\r\nHost: a.example\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" },
		{ GET("a.example"), "HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\n\r\n" },
		{ GET("a.example"), "HTTP/1.1 204 No Content\r\n\r\n" },
		{ GET("a.example"), "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" OK("", "0") },
		{ GET("a.example"), OK("last", "4") },
	};
	struct rig *r = *state;
	int guest = rig_connect(r), origin = -1;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rig_say(r, guest, cases[i].request);
		if (origin == -1)
			origin = rig_accept(r);
		rig_hear(r, origin, cases[i].request);
		rig_say(r, origin, cases[i].response);
		rig_hear(r, guest, cases[i].response);
	}
	assert_int_equal(r->nhits, 7);
	assert_false(rig_origin_waits(r));
	close(guest);
	close(origin);
}

static void
a_body_that_breaks_the_rules_is_refused_and_told(void **state)
{
	static const char head[] = "POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n";
	static const char begun[] = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n";
	struct rig *r = *state;
	bool reset;

	for (int answered = 0; answered < 2; answered++) {
		int guest = rig_connect(r), origin;

		rig_say(r, guest, head);
		origin = rig_accept(r);
		rig_hear(r, origin, head);
		if (answered) {
			rig_say(r, origin, begun);
			rig_hear(r, guest, begun);
		}
		rig_say(r, guest, "ffffffffffffffff5\r\nhello\r\n");
		/* Where the answer has begun, a page would be a part of it. */
		if (answered)
			assert_int_equal(rig_read_all(r, guest, got, sizeof(got), &reset), 0);
		else
			expect_page(r, guest, "403", "malformed");
		expect_hit(r, VIA_HTTP, VERDICT_DENY, REASON_MALFORMED, "a.example");
		rig_read_all(r, origin, got, sizeof(got), &reset);
		assert_true(reset);
		assert_null(strstr(got, "hello"));
		close(origin);
		if (answered)
			close(guest);
	}
	rig_until(r, r->proxy->nopen == 0);
}

static void
a_guest_may_wait_for_100_continue(void **state)
{
	static const char head[] = "PUT / HTTP/1.1\r\nHost: a.example\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
	struct rig *r = *state;
	int guest = rig_connect(r), origin;

	rig_say(r, guest, head);
	origin = rig_accept(r);
	rig_hear(r, origin, head);
	rig_say(r, origin, "HTTP/1.1 100 Continue\r\n\r\n");
	rig_hear(r, guest, "HTTP/1.1 100 Continue\r\n\r\n");
	rig_say(r, guest, "body");
	rig_hear(r, origin, "body");
	rig_say(r, origin, OK("", "0"));
	rig_hear(r, guest, OK("", "0"));
	close(guest);
	close(origin);
}

static void
a_response_may_end_with_its_connection(void **state)
{
	struct rig *r = *state;
	int guest = rig_connect(r), origin;
	bool reset;

	origin = asked_origin(r, guest);
	rig_say(r, origin, "HTTP/1.1 200 OK\r\n\r\nall of it");
	close(origin);
	rig_read_all(r, guest, got, sizeof(got), &reset);
	assert_false(reset);
	assert_string_equal(got, "HTTP/1.1 200 OK\r\n\r\nall of it");
	close(guest);
	rig_until(r, r->proxy->nopen == 0);
}

static void
a_websocket_becomes_a_plain_relay(void **state)
{
	static const char ask[] = "GET /ws HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
	static const char yes[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";
	struct rig *r = *state;
	int guest = rig_connect(r), origin;

	rig_say(r, guest, ask);
	origin = rig_accept(r);
	rig_hear(r, origin, ask);
	rig_say(r, origin, yes);
	rig_hear(r, guest, yes);
	rig_say(r, guest, "\x81\x02hi");
	rig_hear(r, origin, "\x81\x02hi");
	rig_say(r, origin, "\x81\x02yo");
	rig_hear(r, guest, "\x81\x02yo");
	close(guest);
	close(origin);
}

static void
answers_that_break_the_rules_do_not_reach_the_guest(void **state)
{
	static const char *const cases[] = {
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n",
		"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
		"nonsense\r\n\r\n",
	};
	struct rig *r = *state;
	struct flow *end = &r->last_end;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int guest = rig_connect(r), origin;

		rig_say(r, guest, GET("a.example"));
		origin = rig_accept(r);
		rig_say(r, origin, cases[i]);
		expect_page(r, guest, "502", "malformed");
		assert_int_equal(last_hit(r)->verdict, VERDICT_ALLOW);
		/* The id on the page leads to the same phrase. */
		assert_int_equal(end->id, last_hit(r)->id);
		assert_string_equal(outcome_name((enum outcome)end->outcome), "broken");
		assert_int_not_equal(end->what[0], '\0');
		assert_non_null(strstr(got, end->what));
		close(origin);
	}
}

static void
bytes_behind_a_response_end_its_connection(void **state)
{
	struct rig *r = *state;
	int guest = rig_connect(r), one, two;

	rig_say(r, guest, GET("a.example"));
	one = rig_accept(r);
	rig_say(r, one, OK("", "0") OK("smuggled", "8"));
	rig_hear(r, guest, OK("", "0"));
	rig_say(r, guest, GET("a.example"));
	two = rig_accept(r);
	rig_say(r, two, OK("", "0"));
	rig_hear(r, guest, OK("", "0"));
	assert_int_equal(recv(guest, got, 1, 0), -1);
	close(guest);
	close(one);
	close(two);
}

static void
a_server_that_reset_an_idle_connection_is_dialled_afresh(void **state)
{
	const struct linger linger = { .l_onoff = 1 };
	struct rig *r = *state;
	int guest = rig_connect(r), one, two;

	one = asked_origin(r, guest);
	rig_say(r, one, OK("", "0"));
	rig_hear(r, guest, OK("", "0"));
	assert_int_equal(setsockopt(one, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
	close(one);
	two = asked_origin(r, guest);
	rig_say(r, two, OK("", "0"));
	rig_hear(r, guest, OK("", "0"));
	close(guest);
	close(two);
}

/* Its end and the next request cross each other: whoever asks a server again when
 * that hangs up must see it hang up. A server that was just dialled broke its word. */
static void
a_server_that_hangs_up_on_a_connection_used_before_is_no_bad_gateway(void **state)
{
	struct rig *r = *state;
	int guest = rig_connect(r), origin;
	bool reset;

	origin = asked_origin(r, guest);
	rig_say(r, origin, OK("", "0"));
	rig_hear(r, guest, OK("", "0"));
	rig_say(r, guest, GET("a.example"));
	rig_hear(r, origin, GET("a.example"));
	close(origin);
	assert_int_equal(rig_read_all(r, guest, got, sizeof(got), &reset), 0);
	assert_string_equal(r->last_end.what, "a server that hung up before its answer was whole");
	close(guest);

	guest = rig_connect(r);
	origin = asked_origin(r, guest);
	close(origin);
	expect_page(r, guest, "502", "malformed");
}

static void
a_server_that_answers_and_resets_while_the_guest_still_sends_is_heard(void **state)
{
	static char body[RIG_BUF];
	const struct linger linger = { .l_onoff = 1 };
	struct rig *r = *state;
	int guest = rig_connect(r), origin;
	bool reset;

	rig_say(r, guest, "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 900000000\r\n\r\n");
	origin = rig_accept(r);
	rig_say(r, origin, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
	assert_int_equal(setsockopt(origin, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
	close(origin);
	for (int i = 0; i < 8; i++) {
		send(guest, body, sizeof(body), MSG_NOSIGNAL);
		rig_turn(r);
	}
	rig_until(r, r->proxy->nopen == 0 ||
	    LIST_FIRST(&r->proxy->sessions)->state == SESSION_LINGER);
	rig_read_all(r, guest, got, sizeof(got), &reset);
	assert_int_equal(strncmp(got, "HTTP/1.1 413", 12), 0);
	close(guest);
	rig_until(r, r->proxy->nopen == 0);
}

static void
where_a_name_leads_decides_too(void **state)
{
	static const struct {
		const char	*name, *status;
		enum reason	 reason;
		enum outcome	 outcome;
		uint8_t		 dialled;	/* how it ends, 0: none was */
	} cases[] = {
		{ "private.example", "403", REASON_PRIVATE_ADDRESS, OUTCOME_NONE, 0 },
		{ "nowhere.example", "502", REASON_UNRESOLVABLE, OUTCOME_NONE, 0 },
		{ "down.example", "502", REASON_UNRESOLVABLE, OUTCOME_REFUSED, 77 },
	};
	struct rig *r = *state;
	char request[128];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int guest = rig_connect(r);

		world.listed[0] = cases[i].name;
		snprintf(request, sizeof(request), GET("%s"), cases[i].name);
		rig_say(r, guest, request);
		expect_page(r, guest, cases[i].status, reason_name(cases[i].reason));
		assert_non_null(strstr(got, outcome_text(cases[i].outcome)));
		expect_hit(r, VIA_HTTP, VERDICT_DENY, cases[i].reason, cases[i].name);
		assert_int_equal(last_hit(r)->dialled.bytes[3], cases[i].dialled);
		assert_string_equal(outcome_name((enum outcome)last_hit(r)->outcome),
		    outcome_name(cases[i].outcome));
	}
}

static void
a_dead_address_and_a_private_one_are_passed_over(void **state)
{
	static const char *const names[] = { "dead.example", "mixed.example" };
	struct rig *r = *state;

	for (size_t i = 0; i < 2; i++) {
		int guest, origin;

		world.listed[0] = names[i];
		origin = open_tls(r, names[i], &guest);
		assert_true(addr_equal(&last_hit(r)->dialled, &loopback));
		assert_int_equal(last_hit(r)->outcome, OUTCOME_NONE);
		close(guest);
		close(origin);
	}
}

static void
revoking_an_entry_cuts_its_connections_and_no_others(void **state)
{
	struct rig *r = *state;
	int a, b, origin_a, origin_b;
	bool reset;

	origin_a = open_tls(r, "a.example", &a);
	origin_b = open_tls(r, "b.example", &b);
	world.listed[0] = NULL;
	proxy_set_allow(r->proxy, NULL);
	rig_read_all(r, a, got, sizeof(got), &reset);
	assert_true(reset);
	rig_read_all(r, origin_a, got, sizeof(got), &reset);
	assert_true(reset);
	rig_say(r, b, "goes on");
	rig_hear(r, origin_b, "goes on");
	assert_int_equal(r->proxy->nopen, 1);
	close(a);
	close(b);
	close(origin_a);
	close(origin_b);
}

static void
a_frozen_guest_is_cut_and_refused_until_it_is_thawed(void **state)
{
	struct rig *r = *state;
	int guest, origin;
	bool reset;

	origin = open_tls(r, "a.example", &guest);
	proxy_set_guest(r->proxy, &loopback, 3, "agent-1", true, NULL);
	rig_read_all(r, guest, got, sizeof(got), &reset);
	assert_true(reset);
	close(guest);
	close(origin);
	guest = rig_connect(r);
	rig_say(r, guest, GET("a.example"));
	expect_page(r, guest, "403", "frozen");
	assert_int_equal(last_hit(r)->guest_id, 3);
	proxy_set_guest(r->proxy, &loopback, 3, "agent-1", false, NULL);
	origin = open_tls(r, "a.example", &guest);
	close(guest);
	close(origin);
}

static void
an_entry_for_one_guest_follows_the_guest(void **state)
{
	struct rig *r = *state;
	int guest = rig_connect(r), origin;
	bool reset;

	world.listed[0] = "scoped.example";
	rig_send_hello(r, guest, "scoped.example");
	expect_alert(r, guest, 49);
	proxy_set_guest(r->proxy, &loopback, 3, "agent-1", false, NULL);
	origin = open_tls(r, "scoped.example", &guest);
	/* The address now belongs to another one. */
	proxy_set_guest(r->proxy, &loopback, 4, "agent-2", false, NULL);
	rig_read_all(r, guest, got, sizeof(got), &reset);
	assert_true(reset);
	close(guest);
	close(origin);
}

static void
what_is_frozen_while_it_is_dialled_is_dialled_no_more(void **state)
{
	struct rig *r = *state;
	const struct session *s;
	int guest = rig_connect(r);

	world.listed[0] = "silent.example";
	/* The rest of its body is awaited, so the session outlives the refusal. */
	rig_say(r, guest, "POST / HTTP/1.1\r\nHost: silent.example\r\nContent-Length: 5\r\n\r\n");
	rig_until(r, (s = LIST_FIRST(&r->proxy->sessions)) != NULL && s->state == SESSION_DIAL);
	proxy_set_guest(r->proxy, &loopback, 3, "agent-1", true, NULL);
	assert_int_equal(s->state, SESSION_LINGER);
	assert_null(s->dial);
	expect_page(r, guest, "403", "frozen");
	assert_int_equal(r->nhits, 1);
}

static void
addresses_of_nobody_share_one_limit(void **state)
{
	struct addr addr[3] = { loopback, loopback, loopback };
	struct source *s[3];
	struct source_counts counts;
	struct sources t;

	(void)state;
	source_counts_init(&counts);
	sources_init(&t, &counts);
	for (unsigned i = 0; i < 3; i++) {
		addr[i].bytes[3] = (uint8_t)(i + 2);
		s[i] = source_open(&t, &addr[i]);
	}
	assert_int_equal(source_load(s[0]), 3);
	source_set(&t, &addr[0], 7, "agent-1", false, NULL);
	assert_int_equal(source_load(s[0]), 1);
	assert_int_equal(source_load(s[1]), 2);
	source_close(s[2]);
	assert_int_equal(source_load(s[1]), 1);
	source_set(&t, &addr[0], 0, "", false, NULL);
	assert_int_equal(source_load(s[0]), 2);
	source_close(s[0]);
	source_close(s[1]);
	assert_int_equal(counts.strangers, 0);
	sources_free(&t);
	source_counts_free(&counts);
}

static void
hardware_addresses_are_a_guests_own(void **state)
{
	static const uint8_t mac[6] = { 0x52, 0x54, 0, 0, 0, 1 };
	const struct addr by_mac = source_mac(mac);
	struct source_counts counts;
	struct source *s;
	struct sources t;

	(void)state;
	source_counts_init(&counts);
	sources_init(&t, &counts);
	source_set(&t, &loopback, 7, "agent-1", false, NULL);
	s = source_open(&t, &loopback);
	assert_false(source_has_macs(s));
	assert_null(source_of_mac(&t, mac));
	source_set(&t, &by_mac, 7, "agent-1", false, NULL);
	assert_true(source_has_macs(s));
	assert_ptr_equal(source_of_mac(&t, mac)->guest, s->guest);
	/* It is another's now. */
	source_set(&t, &by_mac, 8, "agent-2", false, NULL);
	assert_false(source_has_macs(s));
	assert_ptr_not_equal(source_of_mac(&t, mac)->guest, s->guest);
	source_set(&t, &by_mac, 0, "", false, NULL);
	assert_null(source_of_mac(&t, mac));
	source_close(s);
	sources_free(&t);
	source_counts_free(&counts);
}

static void
guests_not_told_again_are_forgotten(void **state)
{
	struct rig *r = *state;
	int guest, origin;

	proxy_set_guest(r->proxy, &loopback, 3, "agent-1", true, NULL);
	proxy_guests_begin(r->proxy);
	guest = rig_connect(r);
	rig_say(r, guest, GET("a.example"));
	expect_page(r, guest, "403", "frozen");		/* until the end is told */
	proxy_guests_end(r->proxy);
	origin = open_tls(r, "a.example", &guest);
	assert_int_equal(last_hit(r)->guest_id, 0);
	close(guest);
	close(origin);
}

static void
a_guest_gets_so_many_connections_and_no_more(void **state)
{
	struct rig *r = *state;
	int a, b, c, origin_a, origin_b;
	bool reset;

	r->conf.max_per_guest = 2;
	origin_a = open_tls(r, "a.example", &a);
	origin_b = open_tls(r, "a.example", &b);
	c = rig_connect(r);
	rig_send_hello(r, c, "a.example");
	rig_read_all(r, c, got, sizeof(got), &reset);
	expect_hit(r, VIA_OTHER, VERDICT_DENY, REASON_LIMIT, "");
	close(c);
	close(a);
	close(origin_a);
	rig_until(r, r->proxy->nopen == 1);
	origin_a = open_tls(r, "a.example", &a);
	close(a);
	close(b);
	close(origin_a);
	close(origin_b);
}

/* ... nor more than half of what there is, so that another finds a place. */
static void
no_guest_gets_the_last_descriptors(void **state)
{
	struct rig *r = *state;
	struct proxy_stats stats;
	int a, b, c, origin_a, origin_b;
	bool reset;

	r->proxy->max_open = 4;
	proxy_stats(r->proxy, &stats);
	assert_int_equal(stats.limits.in_all, 4);
	assert_int_equal(stats.limits.per_guest, 2);
	origin_a = open_tls(r, "a.example", &a);
	origin_b = open_tls(r, "a.example", &b);
	c = rig_connect(r);
	rig_send_hello(r, c, "a.example");
	rig_read_all(r, c, got, sizeof(got), &reset);
	expect_hit(r, VIA_OTHER, VERDICT_DENY, REASON_LIMIT, "");
	proxy_stats(r->proxy, &stats);
	assert_false(stats.accept_paused);
	close(a);
	close(b);
	close(c);
	close(origin_a);
	close(origin_b);
}

static void
limits_are_what_descriptors_are_enough_for(void **state)
{
	struct rlimit limit, few;
	struct conf conf;

	(void)state;
	conf_defaults(&conf);
	getrlimit(RLIMIT_NOFILE, &limit);
	few = (struct rlimit){ 1024, limit.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	assert_true(proxy_limits(&conf, 1).in_all < 512);
	assert_int_equal(proxy_limits(&conf, 1).per_guest, proxy_limits(&conf, 1).in_all / 2);
	conf.max_connections = 100;
	conf.max_per_guest = 20;
	assert_int_equal(proxy_limits(&conf, 1).in_all, 100);
	assert_int_equal(proxy_limits(&conf, 1).per_guest, 20);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void
out_of_descriptors_accept_waits_and_goes_on_when_one_closes(void **state)
{
	struct rig *r = *state;
	struct proxy_stats stats;
	int a, b, origin_a, origin_b;

	r->proxy->max_open = 1;
	origin_a = open_tls(r, "a.example", &a);
	b = rig_connect(r);
	rig_send_hello(r, b, "a.example");
	proxy_stats(r->proxy, &stats);
	rig_until(r, (proxy_stats(r->proxy, &stats), stats.accept_paused));
	assert_false(rig_origin_waits(r));
	rig_say(r, a, "goes on");
	rig_hear(r, origin_a, "goes on");
	close(a);
	close(origin_a);
	origin_b = rig_accept(r);
	close(b);
	close(origin_b);
}

/* The kernel's own limit, and nothing of ours before it. */
static void
when_the_kernel_gives_no_descriptor_what_is_open_goes_on(void **state)
{
	struct rig *r = *state;
	struct rlimit limit, none;
	struct proxy_stats stats;
	int a, b, origin_a, origin_b;
	bool reset;

	origin_a = open_tls(r, "a.example", &a);
	b = rig_connect(r);
	getrlimit(RLIMIT_NOFILE, &limit);
	none = (struct rlimit){ (rlim_t)b + 1, limit.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	rig_send_hello(r, b, "a.example");
	rig_until(r, (proxy_stats(r->proxy, &stats), stats.accept_paused));
	assert_int_equal(stats.connections, 1);
	rig_say(r, a, "goes on");
	rig_hear(r, origin_a, "goes on");
	rig_say(r, origin_a, "both ways");
	rig_hear(r, a, "both ways");
	/* One is enough for the guest's side and not for the server's. */
	none.rlim_cur++;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(rig_read_all(r, b, got, sizeof(got), &reset), TLS_ALERT_SIZE);
	expect_hit(r, VIA_TLS, VERDICT_DENY, REASON_LIMIT, "a.example");
	close(b);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	rig_say(r, a, "still");
	rig_hear(r, origin_a, "still");
	origin_b = open_tls(r, "a.example", &b);
	rig_until(r, (proxy_stats(r->proxy, &stats), !stats.accept_paused));
	close(a);
	close(b);
	close(origin_a);
	close(origin_b);
}

/* Connections that are closed at once, without a word. */
static unsigned
knock(struct rig *r, unsigned times)
{
	unsigned refused = 0;
	struct proxy_stats before, after;

	for (unsigned i = 0; i < times; i++) {
		int guest = rig_connect(r);
		bool reset;

		proxy_stats(r->proxy, &before);
		rig_say(r, guest, "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n");
		rig_read_all(r, guest, got, sizeof(got), &reset);
		proxy_stats(r->proxy, &after);
		refused += after.limited > before.limited;
		close(guest);
	}
	return refused;
}

static void
new_connections_come_at_a_rate_and_a_burst(void **state)
{
	struct rig *r = *state;
	uint64_t start = now_mono();
	unsigned refused, hits = 0, folded = 0;
	struct proxy_stats stats;

	r->conf.max_new_per_guest = 5;
	proxy_set_guest(r->proxy, &loopback, 7, "agent-1", false, NULL);
	/* Two seconds' worth at once, and what comes while we try. */
	refused = knock(r, 30);
	assert_in_range(refused, 30 - 12 - 5 * (now_mono() - start) / 1000000, 19);
	for (unsigned i = 0; i < r->nhits; i++) {
		if (r->hits[i].reason != REASON_LIMIT)
			continue;
		hits++;
		folded += r->hits[i].folded;
		assert_int_equal(r->hits[i].guest_id, 7);
	}
	/* A hit a second, not one each; all of them counted. */
	assert_in_range(hits, 1, 1 + (now_mono() - start) / 1000000);
	proxy_stats(r->proxy, &stats);
	assert_int_equal(stats.limited, refused);
	assert_int_equal(stats.denied, 30);
	/* The next to be told stands for those. */
	usleep(1100000);
	r->conf.max_per_guest = 0;
	assert_int_equal(knock(r, 1), 1);
	assert_int_equal(last_hit(r)->folded, refused - hits - folded);
	r->conf.max_per_guest = 100;
	/* After a while as many again. */
	assert_int_equal(knock(r, 4), 0);
}

static void
one_guests_rate_is_not_anothers_but_all_share_one(void **state)
{
	struct rig *r = *state;
	const struct addr other = { .family = 4, .bytes = { 127, 0, 0, 2 } };

	r->conf.max_new_per_guest = 1;
	proxy_set_guest(r->proxy, &loopback, 7, "agent-1", false, NULL);
	assert_true(knock(r, 8) >= 4);
	/* The same address under another guest: with a rate of its own. */
	proxy_set_guest(r->proxy, &loopback, 8, "agent-2", false, NULL);
	assert_int_equal(knock(r, 1), 0);
	/* A second address brings no second rate. */
	proxy_set_guest(r->proxy, &other, 8, "agent-2", false, NULL);
	assert_true(knock(r, 8) >= 4);
	r->conf.max_new_per_guest = 0;
	assert_int_equal(knock(r, 8), 0);
	r->conf.max_new_in_all = 1;
	assert_true(knock(r, 8) >= 4);
}

static void
a_tls_server_that_says_nothing_is_given_up(void **state)
{
	struct rig *r = *state;
	int guest, origin;
	bool reset;

	r->conf.handshake_seconds = 1;
	origin = open_silent(r, "a.example", &guest);
	/* The guest's own bytes are no answer. */
	rig_say(r, guest, "early data");
	rig_read_all(r, guest, got, sizeof(got), &reset);
	assert_true(reset);
	assert_int_equal(r->proxy->nopen, 0);
	assert_int_equal(r->last_end.id, last_hit(r)->id);
	assert_string_equal(outcome_name((enum outcome)r->last_end.outcome), "silent");
	close(guest);
	close(origin);
	/* One that has answered may be silent as long as any. */
	origin = open_silent(r, "a.example", &guest);
	rig_say(r, origin, "hello");
	rig_hear(r, guest, "hello");
	for (int i = 0; i < 1500; i++)
		rig_turn(r);
	assert_int_equal(r->proxy->nopen, 1);
	close(guest);
	close(origin);
}

static void
a_connection_ends_at_its_lifetime_however_busy(void **state)
{
	struct rig *r = *state;
	const uint64_t start = now_mono();
	int guest, origin;

	r->conf.lifetime_seconds = 1;
	origin = open_tls(r, "a.example", &guest);
	while (r->proxy->nopen == 1) {
		send(origin, "x", 1, MSG_NOSIGNAL);
		rig_turn(r);
		(void)!read(guest, got, sizeof(got));
		assert_true(now_mono() - start < 4000000);
	}
	assert_true(now_mono() - start >= 1000000);
	close(guest);
	close(origin);
}

/* pf may not say: then the name decides, for the protocol's own port. */
static void
where_the_system_does_not_say_the_name_decides(void **state)
{
	struct rig *r = *state;
	bool reset;
	int fd;

	world.untold = true;
	fd = rig_connect(r);
	rig_say(r, fd, GET("never.example"));
	rig_read_all(r, fd, got, sizeof(got), &reset);
	close(fd);
	world.untold = false;
	rig_until(r, r->nhits == 1);
	assert_int_equal(r->hits[0].verdict, VERDICT_DENY);
	assert_int_equal(r->hits[0].port, 80);
	assert_int_equal(r->hits[0].wanted.family, 0);
}

static void
who_was_not_redirected_is_not_served(void **state)
{
	struct rig *r = *state;
	uint16_t port = world.port;
	bool reset;
	int fd;

	world.redirected = false;
	fd = rig_connect(r);
	rig_say(r, fd, GET("a.example"));
	assert_int_equal(rig_read_all(r, fd, got, sizeof(got), &reset), 0);
	close(fd);
	world.redirected = true;
	world.port = r->proxy->port;	/* conntrack knows it, but did not turn it */
	fd = rig_connect(r);
	rig_say(r, fd, GET("a.example"));
	assert_int_equal(rig_read_all(r, fd, got, sizeof(got), &reset), 0);
	close(fd);
	world.port = port;
	assert_int_equal(r->nhits, 0);
	assert_false(rig_origin_waits(r));
}

static void
a_stopped_proxy_ends_all_and_its_port_is_closed(void **state)
{
	struct rig *r = *state;
	int guest, origin, error = 0;
	socklen_t len = sizeof(error);
	bool reset;

	origin = open_tls(r, "a.example", &guest);
	assert_null(proxy_run(r->proxy, false));
	assert_false(proxy_running(r->proxy));
	rig_read_all(r, guest, got, sizeof(got), &reset);
	assert_true(reset);
	close(guest);
	close(origin);
	guest = rig_connect(r);
	rig_turn(r);
	getsockopt(guest, SOL_SOCKET, SO_ERROR, &error, &len);
	assert_int_equal(error, ECONNREFUSED);
	close(guest);
	assert_null(proxy_run(r->proxy, true));
	origin = open_tls(r, "a.example", &guest);
	close(guest);
	close(origin);
}

/* The byte at a place of a long stream. */
static char
pattern(size_t at)
{
	return (char)(at * 31 + (at >> 11));
}

/* Sends and receives so many bytes of the pattern, from a place on. */
static void
stream(struct rig *r, int origin, int guest, size_t from, size_t len)
{
	const uint64_t limit = now_mono() + 10 * 1000000;
	size_t sent = from, received = from;
	ssize_t n;

	while (received < from + len) {
		size_t part = from + len - sent < sizeof(got) ? from + len - sent : sizeof(got);

		if (now_mono() > limit)
			fail_msg("%zu bytes never came", from + len - received);
		for (size_t i = 0; i < part; i++)
			got[i] = pattern(sent + i);
		n = part > 0 ? send(origin, got, part, MSG_NOSIGNAL) : 0;
		sent += n > 0 ? (size_t)n : 0;
		event_base_loop(r->base, EVLOOP_NONBLOCK);
		proxy_turn(r->proxy);
		while ((n = recv(guest, got, sizeof(got), 0)) > 0) {
			for (size_t i = 0; i < (size_t)n; i++) {
				if (got[i] != pattern(received + i))
					fail_msg("byte %zu is wrong", received + i);
			}
			received += (size_t)n;
		}
	}
}

static void
a_big_stream_wakes_us_less_and_a_pause_in_it_holds_nothing_back(void **state)
{
	enum { BIG = 16 << 20, FLIGHT = 1000 };
	struct rig *r = *state;
	const struct session *s;
	size_t at = 0;
	int guest, origin, value = 0;
	socklen_t len = sizeof(value);

	origin = open_tls(r, "a.example", &guest);
	s = LIST_FIRST(&r->proxy->sessions);
	while (!s->upstream.lowat && at < 8 * (size_t)BIG) {
		stream(r, origin, guest, at, BIG);
		at += BIG;
	}
	assert_true(s->upstream.lowat);
	assert_int_equal(getsockopt(s->upstream.fd, SOL_SOCKET, SO_RCVLOWAT, &value, &len), 0);
	assert_true(value > FLIGHT);
	/* Less than that arrives all the same, now and after a while. */
	for (int i = 0; i < 20; i++) {
		stream(r, origin, guest, at, FLIGHT);
		at += FLIGHT;
		usleep(2000);
	}
	rig_until(r, !s->upstream.lowat);
	assert_int_equal(getsockopt(s->upstream.fd, SOL_SOCKET, SO_RCVLOWAT, &value, &len), 0);
	assert_int_equal(value, 1);
	assert_true(LIST_EMPTY(&r->proxy->lowats));
	stream(r, origin, guest, at, BIG);
	close(origin);
	rig_until(r, recv(guest, got, sizeof(got), 0) == 0);
	close(guest);
}

static void
a_slow_reader_holds_back_the_sender_and_loses_nothing(void **state)
{
	enum { TOTAL = 24 << 20 };
	struct rig *r = *state;
	size_t sent = 0, received = 0, stalled;
	int guest, origin, idle = 0;
	ssize_t n;

	origin = open_tls(r, "a.example", &guest);
	while (idle < 100 && sent < TOTAL) {
		for (size_t i = 0; i < sizeof(got); i++)
			got[i] = pattern(sent + i);
		n = send(origin, got, sizeof(got), MSG_NOSIGNAL);
		sent += n > 0 ? (size_t)n : 0;
		idle = n > 0 ? 0 : idle + 1;
		rig_turn(r);
	}
	stalled = sent;
	assert_true(stalled < TOTAL);		/* only the kernel's buffers filled up */
	while (received < TOTAL) {
		if (sent < TOTAL) {
			size_t len = TOTAL - sent < sizeof(got) ? TOTAL - sent : sizeof(got);

			for (size_t i = 0; i < len; i++)
				got[i] = pattern(sent + i);
			n = send(origin, got, len, MSG_NOSIGNAL);
			sent += n > 0 ? (size_t)n : 0;
		}
		while ((n = recv(guest, got, sizeof(got), 0)) > 0) {
			for (size_t i = 0; i < (size_t)n; i++) {
				if (got[i] != pattern(received + i))
					fail_msg("byte %zu is wrong", received + i);
			}
			received += (size_t)n;
		}
		rig_turn(r);
	}
	rig_until(r, r->down == TOTAL + 1);
	close(guest);
	close(origin);
}

static void
an_idle_relay_holds_no_buffer(void **state)
{
	struct rig *r = *state;
	const struct session *s;
	int guest, origin;

	origin = open_tls(r, "a.example", &guest);
	rig_say(r, guest, "x");
	rig_hear(r, origin, "x");
	s = LIST_FIRST(&r->proxy->sessions);
	assert_non_null(s);
	assert_null(s->client.in);
	assert_null(s->upstream.in);
	assert_null(s->dial);
	assert_null(s->exchange);
	assert_true(sizeof(*s) <= 320);
	close(guest);
	close(origin);
}

static void
bytes_are_told_each_second_and_again_if_not_taken(void **state)
{
	struct rig *r = *state;
	int guest, origin;
	uint64_t hello;

	origin = open_silent(r, "a.example", &guest);
	r->refuse_flows = true;
	rig_say(r, origin, "four");
	rig_hear(r, guest, "four");
	for (int i = 0; i < 1200; i++)
		rig_turn(r);
	assert_int_equal(r->down, 0);
	r->refuse_flows = false;
	rig_until(r, r->down == 4);
	assert_int_equal(r->ended, 0);
	hello = r->up;
	rig_say(r, guest, "three");
	rig_hear(r, origin, "three");
	close(guest);
	rig_until(r, r->up == hello + 5);
	close(origin);
	rig_until(r, r->ended == 1);
}

#define rig_test(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(a_listed_tls_host_is_reached_and_both_sides_may_close_halves),
		rig_test(an_unlisted_tls_host_gets_an_alert_at_once),
		rig_test(the_rest_of_a_refused_hello_does_not_overtake_its_alert),
		rig_test(hellos_that_name_no_proper_host_are_refused),
		rig_test(a_hello_is_put_together_from_single_bytes_and_records),
		rig_test(every_request_of_a_connection_is_judged),
		rig_test(pipelined_requests_wait_for_their_turn),
		rig_test(a_refused_guest_that_runs_ahead_still_gets_its_page),
		rig_test(requests_that_break_the_rules_never_reach_a_server),
		rig_test(hosts_that_are_no_names_are_refused),
		rig_test(what_is_neither_tls_nor_http_is_closed_at_once),
		rig_test(silence_and_slowness_end_at_the_deadline),
		rig_test(bodies_and_special_responses_pass_untouched),
		rig_test(a_body_that_breaks_the_rules_is_refused_and_told),
		rig_test(a_guest_may_wait_for_100_continue),
		rig_test(a_response_may_end_with_its_connection),
		rig_test(a_websocket_becomes_a_plain_relay),
		rig_test(answers_that_break_the_rules_do_not_reach_the_guest),
		rig_test(bytes_behind_a_response_end_its_connection),
		rig_test(a_server_that_reset_an_idle_connection_is_dialled_afresh),
		rig_test(a_server_that_hangs_up_on_a_connection_used_before_is_no_bad_gateway),
		rig_test(a_server_that_answers_and_resets_while_the_guest_still_sends_is_heard),
		rig_test(where_a_name_leads_decides_too),
		rig_test(a_dead_address_and_a_private_one_are_passed_over),
		rig_test(revoking_an_entry_cuts_its_connections_and_no_others),
		rig_test(a_frozen_guest_is_cut_and_refused_until_it_is_thawed),
		rig_test(what_is_frozen_while_it_is_dialled_is_dialled_no_more),
		rig_test(addresses_of_nobody_share_one_limit),
		rig_test(an_entry_for_one_guest_follows_the_guest),
		rig_test(hardware_addresses_are_a_guests_own),
		rig_test(guests_not_told_again_are_forgotten),
		rig_test(a_guest_gets_so_many_connections_and_no_more),
		rig_test(no_guest_gets_the_last_descriptors),
		cmocka_unit_test(limits_are_what_descriptors_are_enough_for),
		rig_test(out_of_descriptors_accept_waits_and_goes_on_when_one_closes),
		rig_test(where_the_system_does_not_say_the_name_decides),
		rig_test(who_was_not_redirected_is_not_served),
		rig_test(a_stopped_proxy_ends_all_and_its_port_is_closed),
		rig_test(a_big_stream_wakes_us_less_and_a_pause_in_it_holds_nothing_back),
		rig_test(a_slow_reader_holds_back_the_sender_and_loses_nothing),
		rig_test(an_idle_relay_holds_no_buffer),
		rig_test(bytes_are_told_each_second_and_again_if_not_taken),
		rig_test(when_the_kernel_gives_no_descriptor_what_is_open_goes_on),
		rig_test(new_connections_come_at_a_rate_and_a_burst),
		rig_test(one_guests_rate_is_not_anothers_but_all_share_one),
		rig_test(a_tls_server_that_says_nothing_is_given_up),
		rig_test(a_connection_ends_at_its_lifetime_however_busy),
		rig_test(a_hello_with_ech_is_judged_by_its_outer_name_and_recorded),
		rig_test(a_hello_that_never_ends_meets_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
