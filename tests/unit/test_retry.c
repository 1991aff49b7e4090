/* A server of TLS 1.3 that asks for a second hello, whose name is the one that counts. */
#include "config.h"

#include "unit.h"

#include <sys/socket.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "hello.h"
#include "proxy_rig.h"

/* Of a HelloRetryRequest as much as tells that it is one, and of another ServerHello. */
#define SERVER_HELLO "\x16\x03\x03\x00\x30\x02\x00\x00\x2c\x03\x03"
static const char retry[] = SERVER_HELLO
    "\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91"
    "\xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c\x00\x13\x02\x00\x00\x06\x00\x2b\x00";
static const char warning[] = "\x15\x03\x03\x00\x02\x01\x70";
static const char change_cipher[] = "\x14\x03\x03\x00\x01\x01", data[] = "\x17\x03\x03\x00\x03" "abc";

static char got[1 << 16];

static struct bytes *
hello_of(const char *name, uint16_t version)
{
	static struct bytes message, wire[2];
	static int turn;
	const struct hello_spec spec = { .name = name, .supported = version };

	turn = !turn;
	hello_message(&message, &spec);
	hello_records(&wire[turn], &message, 100);
	return &wire[turn];
}

static void
say(struct rig *r, int fd, const void *p, size_t n, bool by_bytes)
{
	for (size_t i = 0; by_bytes && i + 1 < n; i++) {
		rig_send(r, fd, (const char *)p + i, 1);
		rig_turn(r);
	}
	if (by_bytes)
		rig_send(r, fd, (const char *)p + n - 1, 1);
	else
		rig_send(r, fd, p, n);
}

static void
hear(struct rig *r, int fd, const void *p, size_t n)
{
	size_t have = 0;
	ssize_t k;

	while (have < n) {
		rig_until(r, (k = recv(fd, got + have, n - have, 0)) > 0);
		have += (size_t)k;
	}
	assert_memory_equal(got, p, n);
}

static void
hears_nothing(struct rig *r, int fd)
{
	for (int i = 0; i < 30; i++)
		rig_turn(r);
	assert_int_equal(recv(fd, got, sizeof(got), 0), -1);
}

/* A guest whose first hello has arrived at the origin. */
static int
open_first(struct rig *r, int *guest)
{
	const struct bytes *b = hello_of("a.example", 0x0304);
	int origin;

	*guest = rig_connect(r);
	rig_send(r, *guest, b->b, b->len);
	origin = rig_accept(r);
	hear(r, origin, b->b, b->len);
	assert_int_equal(r->hits[r->nhits - 1].verdict, VERDICT_ALLOW);
	return origin;
}

static void
expect_refused(struct rig *r, int guest, enum reason reason, const char *name)
{
	const struct hit *h;
	bool reset;

	assert_int_equal(rig_read_all(r, guest, got, sizeof(got), &reset), TLS_ALERT_SIZE);
	assert_int_equal(got[0], TLS_RECORD_ALERT);
	assert_false(reset);
	h = &r->hits[r->nhits - 1];
	assert_int_equal(h->verdict, VERDICT_DENY);
	assert_string_equal(reason_name(h->reason), reason_name(reason));
	assert_string_equal(h->name, name);
	close(guest);
}

/* None of the second hello arrives: the connection is reset. */
static void
expect_cut(struct rig *r, int origin)
{
	bool reset;

	assert_int_equal(rig_read_all(r, origin, got, sizeof(got), &reset), 0);
	close(origin);
	rig_until(r, r->proxy->nopen == 0);
}

static void
a_second_hello_for_the_same_host_passes(void **state)
{
	struct rig *r = *state;

	for (int by_bytes = 0; by_bytes < 2; by_bytes++) {
		const struct bytes *b;
		int guest, origin = open_first(r, &guest);

		say(r, origin, retry, sizeof(retry) - 1, by_bytes);
		hear(r, guest, retry, sizeof(retry) - 1);
		say(r, guest, change_cipher, sizeof(change_cipher) - 1, by_bytes);
		say(r, guest, data, sizeof(data) - 1, by_bytes);
		b = hello_of("A.Example", 0x0304);
		say(r, guest, b->b, b->len, by_bytes);
		hear(r, origin, change_cipher, sizeof(change_cipher) - 1);
		hear(r, origin, data, sizeof(data) - 1);
		hear(r, origin, b->b, b->len);
		rig_say(r, origin, "down");
		rig_hear(r, guest, "down");
		rig_say(r, guest, "whatever it is");
		rig_hear(r, origin, "whatever it is");
		assert_int_equal(r->nhits, by_bytes + 1);
		close(guest);
		close(origin);
		rig_until(r, r->proxy->nopen == 0);
	}
}

static void
a_second_hello_for_another_host_is_refused(void **state)
{
	struct rig *r = *state;

	for (int by_bytes = 0; by_bytes < 2; by_bytes++) {
		const struct bytes *b = hello_of("b.example", 0x0304);
		int guest, origin = open_first(r, &guest);

		/* Listed too, but it was not what was dialled. */
		say(r, origin, retry, sizeof(retry) - 1, by_bytes);
		hear(r, guest, retry, sizeof(retry) - 1);
		b = hello_of("b.example", 0x0304);
		say(r, guest, b->b, b->len, by_bytes);
		expect_refused(r, guest, REASON_NAME_MISMATCH, "b.example");
		expect_cut(r, origin);
	}
}

/* One that does not wait for the answer: none of it leaves before that is there. */
static void
a_second_hello_sent_ahead_waits_for_the_answer(void **state)
{
	struct rig *r = *state;
	const struct bytes *b;
	int guest, origin = open_first(r, &guest);

	b = hello_of("evil.example", 0x0304);
	rig_send(r, guest, b->b, b->len);
	hears_nothing(r, origin);
	rig_send(r, origin, warning, sizeof(warning) - 1);
	hears_nothing(r, origin);
	rig_send(r, origin, retry, sizeof(retry) - 1);
	expect_refused(r, guest, REASON_NAME_MISMATCH, "evil.example");
	expect_cut(r, origin);
}

static void
what_was_sent_ahead_of_an_ordinary_answer_passes(void **state)
{
	struct rig *r = *state;
	int guest, origin = open_first(r, &guest);
	static const char answer[] = SERVER_HELLO "0123456789abcdef0123456789abcdef";

	rig_send(r, guest, data, sizeof(data) - 1);
	hears_nothing(r, origin);
	rig_send(r, origin, answer, sizeof(answer) - 2);
	hears_nothing(r, guest);
	rig_send(r, origin, answer + sizeof(answer) - 2, 1);
	hear(r, guest, answer, sizeof(answer) - 1);
	hear(r, origin, data, sizeof(data) - 1);
	close(guest);
	close(origin);
	rig_until(r, r->proxy->nopen == 0);
	assert_int_equal(r->nhits, 1);
}

static void
a_second_hello_that_is_none_is_refused(void **state)
{
	static const struct {
		const char	*name;
		enum reason	 reason;
	} rows[] = {
		{ NULL, REASON_NO_NAME }, { "192.0.2.1", REASON_IP_LITERAL }, { "a_\x01.example", REASON_BAD_NAME },
	};
	struct rig *r = *state;
	const struct bytes *b;
	int guest, origin;
	bool reset;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		origin = open_first(r, &guest);
		rig_send(r, origin, retry, sizeof(retry) - 1);
		hear(r, guest, retry, sizeof(retry) - 1);
		b = hello_of(rows[i].name, 0x0304);
		rig_send(r, guest, b->b, b->len);
		assert_int_equal(rig_read_all(r, guest, got, sizeof(got), &reset), TLS_ALERT_SIZE);
		assert_string_equal(reason_name(r->hits[r->nhits - 1].reason), reason_name(rows[i].reason));
		close(guest);
		expect_cut(r, origin);
	}
	origin = open_first(r, &guest);
	rig_send(r, origin, retry, sizeof(retry) - 1);
	hear(r, guest, retry, sizeof(retry) - 1);
	rig_say(r, guest, "GET / HTTP/1.1\r\n");
	expect_refused(r, guest, REASON_MALFORMED, "a.example");
	expect_cut(r, origin);

	origin = open_first(r, &guest);
	rig_send(r, origin, retry, sizeof(retry) - 1);
	hear(r, guest, retry, sizeof(retry) - 1);
	b = hello_of("a.example", 0x0304);
	rig_send(r, guest, b->b, b->len - 1);
	shutdown(guest, SHUT_WR);
	expect_refused(r, guest, REASON_MALFORMED, "a.example");
	expect_cut(r, origin);
}

/* Before TLS 1.3 there is no such answer, and nothing to wait for. */
static void
nothing_waits_where_the_hello_is_an_older_one(void **state)
{
	struct rig *r = *state;
	const struct bytes *b = hello_of("a.example", 0);
	int guest = rig_connect(r), origin;

	rig_send(r, guest, b->b, b->len);
	origin = rig_accept(r);
	hear(r, origin, b->b, b->len);
	rig_say(r, guest, "at once");
	rig_hear(r, origin, "at once");
	close(guest);
	close(origin);
}

/* A guest that leaves takes its connection along, and so does a server. */
static void
either_may_leave_before_the_answer(void **state)
{
	struct rig *r = *state;
	bool reset;
	int guest, origin = open_first(r, &guest);

	close(guest);
	assert_int_equal(rig_read_all(r, origin, got, sizeof(got), &reset), 0);
	close(origin);
	rig_until(r, r->proxy->nopen == 0);

	origin = open_first(r, &guest);
	rig_send(r, origin, retry, 20);
	rig_send(r, guest, data, sizeof(data) - 1);
	hears_nothing(r, guest);
	close(origin);
	hear(r, guest, retry, 20);
	close(guest);
	rig_until(r, r->proxy->nopen == 0);
}

/* The server's end is all that there will be of an answer: what waited for one waits no
 * more, and the connection is over at once. */
static void
a_server_that_ends_without_a_word_is_not_waited_for(void **state)
{
	struct rig *r = *state;
	int guest, origin = open_first(r, &guest);

	rig_send(r, guest, change_cipher, sizeof(change_cipher) - 1);
	for (int i = 0; i < 10; i++)
		rig_turn(r);
	close(origin);
	close(guest);
	for (int i = 0; i < 100 && r->proxy->nopen != 0; i++)
		rig_turn(r);
	assert_int_equal(r->proxy->nopen, 0);
}

/* Who does not like what it was asked for says so, or leaves: neither is a hello. */
static void
an_alert_or_an_end_in_place_of_a_second_hello_passes(void **state)
{
	struct rig *r = *state;
	bool reset;

	for (int says = 0; says < 2; says++) {
		int guest, origin = open_first(r, &guest);
		const unsigned hits = r->nhits;

		rig_send(r, origin, retry, sizeof(retry) - 1);
		hear(r, guest, retry, sizeof(retry) - 1);
		if (says) {
			rig_send(r, guest, warning, sizeof(warning) - 1);
			hear(r, origin, warning, sizeof(warning) - 1);
		}
		shutdown(guest, SHUT_WR);
		assert_int_equal(rig_read_all(r, origin, got, sizeof(got), &reset), 0);
		assert_false(reset);
		close(origin);
		close(guest);
		rig_until(r, r->proxy->nopen == 0);
		assert_int_equal(r->nhits, hits);
	}
}

#define rig_test(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(a_second_hello_for_the_same_host_passes),
		rig_test(a_second_hello_for_another_host_is_refused),
		rig_test(a_second_hello_sent_ahead_waits_for_the_answer),
		rig_test(what_was_sent_ahead_of_an_ordinary_answer_passes),
		rig_test(a_second_hello_that_is_none_is_refused),
		rig_test(nothing_waits_where_the_hello_is_an_older_one),
		rig_test(either_may_leave_before_the_answer),
		rig_test(a_server_that_ends_without_a_word_is_not_waited_for),
		rig_test(an_alert_or_an_end_in_place_of_a_second_hello_passes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
