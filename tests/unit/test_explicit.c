/* Clients that know they ask a proxy, on real sockets: URIs and CONNECT,
 * and that what comes through a tunnel is what was asked for. */
#include "config.h"

#include "proxy_rig.h"

#include <sys/socket.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hello.h"

#define ESTABLISHED "HTTP/1.1 200 Connection established\r\n\r\n"
#define OK(body, len) "HTTP/1.1 200 OK\r\nContent-Length: " len "\r\n\r\n" body

static char got[RIG_BUF], text[1024];

static void
expect_hit(const struct rig *r, enum hit_via via, enum verdict verdict, enum reason reason,
    const char *name, uint16_t port)
{
	const struct hit *h;

	assert_true(r->nhits > 0 && r->nhits <= RIG_HITS);
	h = &r->hits[r->nhits - 1];
	assert_string_equal(reason_name(h->reason), reason_name(reason));
	assert_string_equal(via_name(h->via), via_name(via));
	assert_int_equal(h->verdict, verdict);
	assert_string_equal(h->name, name);
	assert_int_equal(h->port, port);
	assert_int_equal(h->wanted.family, 0);
}

static void
expect_page(struct rig *r, int guest, const char *reason)
{
	bool reset;

	rig_read_all(r, guest, got, sizeof(got), &reset);
	assert_false(reset);
	assert_int_equal(strncmp(got, "HTTP/1.1 403 Forbidden\r\n", 24), 0);
	assert_non_null(strstr(got, reason));
	assert_non_null(strstr(got, "gatehouse why 7-"));
	close(guest);
	assert_false(rig_origin_waits(r));
}

static void
expect_alert(struct rig *r, int guest, uint8_t description)
{
	bool reset;

	assert_int_equal(rig_read_all(r, guest, got, sizeof(got), &reset), TLS_ALERT_SIZE);
	assert_int_equal((uint8_t)got[6], description);
	assert_false(reset);
	close(guest);
	assert_false(rig_origin_waits(r));
}

/* The origin must get the hello, every byte of it and nothing else. */
static void
hear_hello(struct rig *r, int origin, const char *name)
{
	static struct bytes message, wire;
	const struct hello_spec spec = { .name = name, .alpn = "h2", .supported = 0x0304 };
	size_t have = 0;
	ssize_t n;

	hello_message(&message, &spec);
	hello_records(&wire, &message, 16384);
	while (have < wire.len) {
		rig_until(r, (n = recv(origin, got + have, sizeof(got) - have, 0)) > 0);
		have += (size_t)n;
	}
	assert_int_equal(have, wire.len);
	assert_memory_equal(got, wire.b, wire.len);
}

static int
open_tunnel(struct rig *r, const char *request)
{
	int guest = rig_connect_explicit(r);

	rig_say(r, guest, request);
	rig_hear(r, guest, ESTABLISHED);
	return guest;
}

static void
a_tunnel_to_a_listed_host_carries_tls_to_it(void **state)
{
	static const char *const requests[] = {
		"CONNECT a.example:PORT HTTP/1.1\r\nHost: a.example:PORT\r\nProxy-Authorization: x\r\n\r\n",
		"CONNECT A.Example.:PORT HTTP/1.0\r\n\r\n",
	};
	struct rig *r = *state;

	for (size_t i = 0; i < 2; i++) {
		int guest = open_tunnel(r, rig_ported(requests[i])), origin;

		assert_int_equal(r->nhits, i);
		assert_false(rig_origin_waits(r));
		rig_send_hello(r, guest, "a.example");
		origin = rig_accept(r);
		hear_hello(r, origin, "a.example");
		expect_hit(r, VIA_CONNECT, VERDICT_ALLOW, REASON_LISTED, "a.example", world.port);
		assert_int_equal(r->hits[i].tls_version, 0x0304);
		rig_say(r, origin, "down");
		rig_hear(r, guest, "down");
		rig_say(r, guest, "up");
		rig_hear(r, origin, "up");
		close(guest);
		close(origin);
		rig_until(r, r->proxy->nopen == 0);
	}
	assert_int_equal(r->down, 8);
}

static void
a_hello_may_be_sent_along_with_connect(void **state)
{
	static struct bytes message, wire;
	const struct hello_spec spec = { .name = "a.example", .alpn = "h2", .supported = 0x0304 };
	struct rig *r = *state;
	int guest = rig_connect_explicit(r), origin;
	const char *request;
	size_t len;

	hello_message(&message, &spec);
	hello_records(&wire, &message, 16384);
	request = rig_ported("CONNECT a.example:PORT HTTP/1.1\r\nHost: a.example\r\n\r\n");
	len = strlen(request);
	memcpy(got, request, len);
	memcpy(got + len, wire.b, wire.len);
	rig_send(r, guest, got, len + wire.len);
	rig_hear(r, guest, ESTABLISHED);
	origin = rig_accept(r);
	hear_hello(r, origin, "a.example");
	close(guest);
	close(origin);
}

static void
a_tunnel_is_put_together_from_single_bytes(void **state)
{
	static struct bytes message, wire;
	const struct hello_spec spec = { .name = "a.example", .alpn = "h2", .supported = 0x0304 };
	struct rig *r = *state;
	int guest = rig_connect_explicit(r), origin;
	const char *at = rig_ported("CONNECT a.example:PORT HTTP/1.1\r\nHost: a.example\r\n\r\n");

	for (; *at != '\0'; at++)
		rig_send(r, guest, at, 1);
	rig_hear(r, guest, ESTABLISHED);
	hello_message(&message, &spec);
	hello_records(&wire, &message, 16384);
	for (size_t i = 0; i < wire.len; i++)
		rig_send(r, guest, wire.b + i, 1);
	origin = rig_accept(r);
	hear_hello(r, origin, "a.example");
	close(guest);
	close(origin);
}

/* For whatever is spoken there, by whoever speaks first. */
static void
a_tunnel_to_a_listed_port_carries_anything(void **state)
{
	struct rig *r = *state;
	int guest = rig_connect_explicit(r), origin;

	world.listed[1] = "pinned.example";
	rig_say(r, guest, rig_ported("CONNECT pinned.example:PORT HTTP/1.1\r\n"
	    "Host: pinned.example:PORT\r\n\r\nSSH-2.0-early\r\n"));
	origin = rig_accept(r);
	rig_say(r, origin, "SSH-2.0-server\r\n");
	rig_hear(r, guest, ESTABLISHED "SSH-2.0-server\r\n");
	rig_hear(r, origin, "SSH-2.0-early\r\n");
	expect_hit(r, VIA_CONNECT, VERDICT_ALLOW, REASON_LISTED, "pinned.example", world.port);
	rig_say(r, guest, "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n");
	rig_hear(r, origin, "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n");
	/* It ends with its entry like any. */
	world.listed[1] = NULL;
	proxy_set_allow(r->proxy, NULL);
	rig_until(r, r->proxy->nopen == 0);
	assert_int_equal(r->nhits, 1);
	close(guest);
	close(origin);
}

/* ---- TLS to a port that an entry pins to a name ---- */

static const struct bytes *
hello_of(const char *name, uint16_t version)
{
	static struct bytes message, wire;
	const struct hello_spec spec = { .name = name, .supported = version };

	hello_message(&message, &spec);
	hello_records(&wire, &message, 100);
	return &wire;
}

/* A tunnel that is dialled, without a word of either side's yet. */
static int
open_pinned(struct rig *r, int *guest)
{
	int origin;

	world.listed[1] = "pinned.example";
	*guest = rig_connect_explicit(r);
	rig_say(r, *guest, rig_ported("CONNECT pinned.example:PORT HTTP/1.1\r\n"
	    "Host: pinned.example:PORT\r\n\r\n"));
	origin = rig_accept(r);
	rig_hear(r, *guest, ESTABLISHED);
	return origin;
}

static void
send_bytes(struct rig *r, int fd, const struct bytes *b, bool one_by_one)
{
	for (size_t i = 0; one_by_one && i < b->len; i++)
		rig_send(r, fd, b->b + i, 1);
	if (!one_by_one)
		rig_send(r, fd, b->b, b->len);
}

static void
hear_bytes(struct rig *r, int fd, const void *p, size_t len)
{
	size_t have = 0;
	ssize_t n;

	while (have < len) {
		rig_until(r, (n = recv(fd, got + have, len - have, 0)) > 0);
		have += (size_t)n;
	}
	assert_memory_equal(got, p, len);
}

/* The guest gets an alert, and the server nothing. */
static void
expect_kept_back(struct rig *r, int guest, int origin, enum reason reason, const char *name)
{
	bool reset;

	assert_int_equal(rig_read_all(r, guest, got, sizeof(got), &reset), TLS_ALERT_SIZE);
	assert_int_equal(got[0], TLS_RECORD_ALERT);
	assert_false(reset);
	expect_hit(r, VIA_CONNECT, VERDICT_DENY, reason, name, world.port);
	close(guest);
	assert_int_equal(rig_read_all(r, origin, got, sizeof(got), &reset), 0);
	close(origin);
	rig_until(r, r->proxy->nopen == 0);
}

static void
a_tunnel_to_a_listed_port_carries_tls_to_its_host(void **state)
{
	struct rig *r = *state;

	for (int i = 0; i < 4; i++) {
		const struct bytes *b = hello_of("Pinned.Example", i < 2 ? 0x0304 : 0);
		int guest, origin = open_pinned(r, &guest);

		send_bytes(r, guest, b, i % 2 != 0);
		hear_bytes(r, origin, b->b, b->len);
		rig_say(r, origin, "down");
		rig_hear(r, guest, "down");
		rig_say(r, guest, "up");
		rig_hear(r, origin, "up");
		expect_hit(r, VIA_CONNECT, VERDICT_ALLOW, REASON_LISTED, "pinned.example", world.port);
		close(guest);
		close(origin);
		rig_until(r, r->proxy->nopen == 0);
	}
}

static void
a_hello_for_another_host_does_not_reach_a_listed_port(void **state)
{
	static const struct {
		const char	*name, *told;
		enum reason	 reason;
	} cases[] = {
		{ "a.example", "a.example", REASON_NAME_MISMATCH },	/* listed too */
		{ "evil.example", "evil.example", REASON_NAME_MISMATCH },
		{ NULL, "pinned.example", REASON_NO_NAME },
		{ "127.0.0.1", "127.0.0.1", REASON_IP_LITERAL },
	};
	struct rig *r = *state;

	for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		int guest, origin = open_pinned(r, &guest);

		send_bytes(r, guest, hello_of(cases[i / 2].name, 0x0304), i % 2 != 0);
		expect_kept_back(r, guest, origin, cases[i / 2].reason, cases[i / 2].told);
	}
	assert_int_equal(r->hits[r->nhits - 1].tls_version, 0x0304);
}

static void
nor_does_one_that_is_sent_along_with_connect(void **state)
{
	const struct bytes *b = hello_of("evil.example", 0x0304);
	struct rig *r = *state;
	int guest = rig_connect_explicit(r);
	const char *request = rig_ported("CONNECT pinned.example:PORT HTTP/1.1\r\n"
	    "Host: pinned.example:PORT\r\n\r\n");
	const size_t len = strlen(request);

	world.listed[1] = "pinned.example";
	memcpy(got, request, len);
	memcpy(got + len, b->b, b->len);
	rig_send(r, guest, got, len + b->len);
	/* Reset before the server took it: who asked is told both all the same. */
	rig_hear(r, guest, ESTABLISHED);
	expect_alert(r, guest, 49);
	expect_hit(r, VIA_CONNECT, VERDICT_DENY, REASON_NAME_MISMATCH, "evil.example", world.port);
}

/* What some server bears ahead of a hello, and would hide it. */
static void
what_only_begins_like_tls_does_not_reach_a_listed_port(void **state)
{
	static const struct {
		const char	*what;
		size_t		 len;
	} cases[] = {
		{ "\x15\x03\x01\0\x02\x01\x5a", 7 },		/* a warning */
		{ "\x16\x03\x01\0\0", 5 },			/* an empty record */
		{ "\x16\x04\x01\0\x04\x01\0\0\0", 9 },	/* a version that is none */
		{ "\x14\x03\x03\0\x01\x01", 6 },
	};
	struct rig *r = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int guest, origin = open_pinned(r, &guest);

		rig_send(r, guest, cases[i].what, cases[i].len);
		expect_kept_back(r, guest, origin, REASON_MALFORMED, "pinned.example");
	}
}

static void
a_hello_to_a_listed_port_must_come_whole(void **state)
{
	const struct bytes *b = hello_of("pinned.example", 0x0304);
	struct rig *r = *state;
	int guest, origin = open_pinned(r, &guest);

	rig_send(r, guest, b->b, b->len - 1);
	shutdown(guest, SHUT_WR);
	expect_kept_back(r, guest, origin, REASON_MALFORMED, "pinned.example");
	r->conf.head_seconds = 1;
	origin = open_pinned(r, &guest);
	rig_send(r, guest, b->b, b->len - 1);
	expect_kept_back(r, guest, origin, REASON_TIMEOUT, "pinned.example");
}

static void
a_second_hello_to_a_listed_port_must_name_its_host_too(void **state)
{
	/* Of a HelloRetryRequest as much as tells that it is one. */
	static const char retry[] = "\x16\x03\x03\x00\x30\x02\x00\x00\x2c\x03\x03"
	    "\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91"
	    "\xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c\x00\x13\x02\x00\x00\x06\x00\x2b\x00";
	struct rig *r = *state;

	for (int i = 0; i < 2; i++) {
		const struct bytes *b = hello_of("pinned.example", 0x0304);
		int guest, origin = open_pinned(r, &guest);

		rig_send(r, guest, b->b, b->len);
		hear_bytes(r, origin, b->b, b->len);
		rig_send(r, origin, retry, sizeof(retry) - 1);
		hear_bytes(r, guest, retry, sizeof(retry) - 1);
		b = hello_of(i == 0 ? "pinned.example" : "evil.example", 0x0304);
		rig_send(r, guest, b->b, b->len);
		if (i == 1) {
			expect_kept_back(r, guest, origin, REASON_NAME_MISMATCH, "evil.example");
			continue;
		}
		hear_bytes(r, origin, b->b, b->len);
		close(guest);
		close(origin);
		rig_until(r, r->proxy->nopen == 0);
	}
}

/* Nothing else waits, however little it is. */
static void
what_is_not_tls_reaches_a_listed_port_at_once(void **state)
{
	static const struct {
		const char	*what;
		size_t		 len;
	} cases[] = {
		{ "S", 1 }, { "\x16\x20", 2 }, { "\x80\x2e\x04", 3 },
		/* Lengths in little endian, as MongoDB's. */
		{ "\x16\x01\0\0\x01\0\0\0\0\0\0\0\xd4\x07", 14 },
		{ "\x16\x03\0\0\x01\0\0\0\0\0\0\0\xd4\x07", 14 },
	};
	struct rig *r = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int guest, origin = open_pinned(r, &guest);
		const struct bytes *b = hello_of("evil.example", 0x0304);

		rig_send(r, guest, cases[i].what, cases[i].len);
		hear_bytes(r, origin, cases[i].what, cases[i].len);
		/* What comes then is that protocol's. */
		rig_send(r, guest, b->b, b->len);
		hear_bytes(r, origin, b->b, b->len);
		close(guest);
		close(origin);
		rig_until(r, r->proxy->nopen == 0);
	}
	assert_int_equal(r->nhits, sizeof(cases) / sizeof(cases[0]));
}

static void
where_the_server_speaks_first_nothing_is_looked_at(void **state)
{
	struct rig *r = *state;
	const struct bytes *b = hello_of("evil.example", 0x0304);
	int guest, origin = open_pinned(r, &guest);

	rig_say(r, origin, "220 mail\r\n");
	rig_hear(r, guest, "220 mail\r\n");
	rig_send(r, guest, b->b, b->len);
	hear_bytes(r, origin, b->b, b->len);
	close(guest);
	close(origin);
}

static void
to_a_listed_address_any_hello_passes(void **state)
{
	const struct bytes *b = hello_of("evil.example", 0x0304);
	struct rig *r = *state;
	int guest = rig_connect_explicit(r), origin;

	world.listed[1] = "127.0.0.1";
	rig_say(r, guest, rig_ported("CONNECT 127.0.0.1:PORT HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"));
	rig_hear(r, guest, ESTABLISHED);
	origin = rig_accept(r);
	rig_send(r, guest, b->b, b->len);
	hear_bytes(r, origin, b->b, b->len);
	close(guest);
	close(origin);
}

static void
a_listed_address_is_reached_in_any_spelling(void **state)
{
	static const char *const spellings[] = { "127.0.0.1", "127.1", "0x7f.1", "2130706433",
		"0177.0.0.1", "127.0.0.1.", "[::ffff:127.0.0.1]", "[::FFFF:7f00:1]" };
	struct rig *r = *state;

	world.listed[1] = "127.0.0.1";
	for (size_t i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++) {
		int guest = rig_connect_explicit(r), origin;

		snprintf(text, sizeof(text), "CONNECT %s:PORT HTTP/1.1\r\nHost: %s:PORT\r\n\r\n",
		    spellings[i], spellings[i]);
		rig_say(r, guest, rig_ported(text));
		rig_hear(r, guest, ESTABLISHED);
		origin = rig_accept(r);
		rig_say(r, guest, "up");
		rig_hear(r, origin, "up");
		expect_hit(r, VIA_CONNECT, VERDICT_ALLOW, REASON_LISTED, "127.0.0.1", world.port);
		assert_int_equal(r->hits[r->nhits - 1].dialled.bytes[0], 127);
		close(guest);
		close(origin);
		rig_until(r, r->proxy->nopen == 0);
	}
}

static void
a_listed_address_is_asked_for_pages_too(void **state)
{
	struct rig *r = *state;
	int guest = rig_connect_explicit(r), origin;

	world.listed[1] = "127.0.0.1";
	rig_say(r, guest, rig_ported("GET http://127.0.0.1:PORT/x HTTP/1.1\r\n"
	    "Host: 127.0.0.1:PORT\r\n\r\n"));
	origin = rig_accept(r);
	rig_hear(r, origin, rig_ported("GET /x HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n"));
	close(guest);
	close(origin);
}

static void
a_listed_address_is_not_listed_on_other_ports(void **state)
{
	struct rig *r = *state;
	int guest = rig_connect_explicit(r);

	world.listed[1] = "127.0.0.1";
	rig_say(r, guest, "CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n");
	expect_page(r, guest, "port");
}

/* Unless [proxy] reach lists it: what listens on the host is not for guests. */
static void
this_hosts_own_addresses_are_not_to_be_had(void **state)
{
	/* "This host" by another name; one that the operator lists, wrapped up. */
	static const char *const own[] = { "0.0.0.0", "::", "64:ff9b::7f00:1", "2002:7f00:1::" };
	struct rig *r = *state;

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		int guest = rig_connect_explicit(r);

		world.listed[1] = own[i];
		snprintf(text, sizeof(text), "CONNECT [%s]:PORT HTTP/1.1\r\nHost: [%s]:PORT\r\n\r\n",
		    own[i], own[i]);
		if (strchr(own[i], ':') == NULL)
			snprintf(text, sizeof(text), "CONNECT %s:PORT HTTP/1.1\r\n"
			    "Host: %s:PORT\r\n\r\n", own[i], own[i]);
		rig_say(r, guest, rig_ported(text));
		expect_page(r, guest, "private-address");
	}
}

static void
a_port_that_nobody_serves_is_told(void **state)
{
	struct rig *r = *state;
	int guest = rig_connect_explicit(r);
	bool reset;

	world.listed[1] = "127.0.0.1";
	close(r->origin);
	r->origin = -1;
	rig_say(r, guest, rig_ported("CONNECT 127.0.0.1:PORT HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"));
	rig_read_all(r, guest, got, sizeof(got), &reset);
	assert_int_equal(strncmp(got, "HTTP/1.1 502 Bad Gateway\r\n", 26), 0);
	expect_hit(r, VIA_CONNECT, VERDICT_DENY, REASON_UNRESOLVABLE, "127.0.0.1", world.port);
	assert_int_equal(r->hits[0].dialled.bytes[0], 127);
	assert_string_equal(outcome_name((enum outcome)r->hits[0].outcome), "refused");
	close(guest);
}

static void
what_connect_may_not_have_gets_a_page(void **state)
{
	static const struct {
		const char	*authority;
		enum reason	 reason;
	} cases[] = {
		{ "evil.example:443", REASON_NOT_LISTED },
		{ "127.0.0.1:443", REASON_IP_LITERAL },
		{ "2130706433:443", REASON_IP_LITERAL },
		{ "0177.0.0.1:443", REASON_IP_LITERAL },
		{ "0x7f.1:443", REASON_IP_LITERAL },
		{ "127.1:443", REASON_IP_LITERAL },
		{ "127.0.0.1.:443", REASON_IP_LITERAL },
		{ "[::1]:443", REASON_IP_LITERAL },
		{ "[::ffff:127.0.0.1]:443", REASON_IP_LITERAL },
		{ "a_b:443", REASON_BAD_NAME },
		{ "user@a.example:443", REASON_BAD_NAME },
		{ "a.example", REASON_MALFORMED },
		{ "a.example:", REASON_MALFORMED },
		{ "a.example:99999", REASON_MALFORMED },
		{ "::1:443", REASON_MALFORMED },
		{ "/", REASON_MALFORMED },
	};
	struct rig *r = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int guest = rig_connect_explicit(r);

		snprintf(text, sizeof(text), "CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n",
		    cases[i].authority, cases[i].authority);
		rig_say(r, guest, text);
		expect_page(r, guest, reason_name(cases[i].reason));
		assert_int_equal(r->hits[i].via, VIA_CONNECT);
		assert_int_equal(r->hits[i].reason, cases[i].reason);
	}
	rig_until(r, r->proxy->nopen == 0);
}

static void
a_tunnel_that_names_another_host_is_refused(void **state)
{
	struct rig *r = *state;
	int guest = open_tunnel(r, rig_ported("CONNECT a.example:PORT HTTP/1.1\r\nHost: a.example\r\n\r\n"));

	/* Listed too, and still not what was asked for. */
	rig_send_hello(r, guest, "b.example");
	expect_alert(r, guest, 49);
	expect_hit(r, VIA_CONNECT, VERDICT_DENY, REASON_NAME_MISMATCH, "b.example", world.port);
}

static void
a_tunnel_without_a_name_in_its_hello_is_refused(void **state)
{
	static struct bytes message, wire;
	const struct hello_spec spec = { .name = NULL };
	struct rig *r = *state;
	int guest = open_tunnel(r, rig_ported("CONNECT a.example:PORT HTTP/1.1\r\nHost: a.example\r\n\r\n"));

	hello_message(&message, &spec);
	hello_records(&wire, &message, 16384);
	rig_send(r, guest, wire.b, wire.len);
	expect_alert(r, guest, 112);
	expect_hit(r, VIA_CONNECT, VERDICT_DENY, REASON_NO_NAME, "a.example", world.port);
}

static void
a_tunnel_carries_nothing_but_tls(void **state)
{
	static const char *const cases[] = { "SSH-2.0-OpenSSH_9.2\r\n", "\x80\x2e\x01", "\r\n" };
	struct rig *r = *state;
	bool reset;
	int guest;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		guest = open_tunnel(r, rig_ported("CONNECT a.example:PORT HTTP/1.1\r\nHost: a.example\r\n\r\n"));
		rig_say(r, guest, cases[i]);
		assert_int_equal(rig_read_all(r, guest, got, sizeof(got), &reset), 0);
		expect_hit(r, VIA_CONNECT, VERDICT_DENY, REASON_MALFORMED, "a.example", world.port);
		close(guest);
	}
	guest = open_tunnel(r, rig_ported("CONNECT a.example:PORT HTTP/1.1\r\nHost: a.example\r\n\r\n"));
	rig_say(r, guest, "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n");
	expect_page(r, guest, "in a tunnel to a port other than 80");
}

/* Its CONNECT was let through: that there was one is told at the end. */
static void
a_tunnel_that_says_nothing_and_leaves_is_told(void **state)
{
	const struct linger linger = { .l_onoff = 1 };
	struct rig *r = *state;

	for (int resets = 0; resets < 2; resets++) {
		int guest = open_tunnel(r, rig_ported("CONNECT a.example:PORT HTTP/1.1\r\n"
		    "Host: a.example\r\n\r\n"));

		assert_int_equal(r->nhits, resets);
		if (resets)
			setsockopt(guest, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
		close(guest);
		rig_until(r, r->proxy->nopen == 0);
		assert_int_equal(r->nhits, resets + 1);
		expect_hit(r, VIA_CONNECT, VERDICT_DENY, REASON_NO_NAME, "a.example", world.port);
		assert_string_equal(outcome_name((enum outcome)r->hits[resets].outcome), "unused");
	}
}

static void
a_tunnel_to_port_80_may_carry_requests_for_its_host(void **state)
{
	struct rig *r = *state;
	int guest = open_tunnel(r, "CONNECT a.example:80 HTTP/1.1\r\nHost: a.example:80\r\n\r\n");

	rig_say(r, guest, "GET / HTTP/1.1\r\nHost: b.example\r\n\r\n");
	expect_page(r, guest, "name-mismatch");
	expect_hit(r, VIA_CONNECT, VERDICT_DENY, REASON_NAME_MISMATCH, "b.example", 80);
	guest = open_tunnel(r, "CONNECT a.example:80 HTTP/1.1\r\nHost: a.example:80\r\n\r\n");
	rig_say(r, guest, "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example\r\n\r\n");
	expect_page(r, guest, "a CONNECT inside a tunnel");
	/* Nobody listens on port 80 here: what matters is that it was tried. */
	guest = open_tunnel(r, "CONNECT a.example:80 HTTP/1.1\r\nHost: a.example:80\r\n\r\n");
	rig_say(r, guest, "GET / HTTP/1.1\r\nHost: A.example\r\n\r\n");
	rig_until(r, r->nhits == 3);
	assert_true(r->hits[2].reason == REASON_LISTED || r->hits[2].reason == REASON_UNRESOLVABLE);
	close(guest);
}

static void
each_uri_is_judged_and_reaches_its_server_as_a_path(void **state)
{
	struct rig *r = *state;
	int guest = rig_connect_explicit(r), one, two;

	rig_say(r, guest, rig_ported("POST http://a.example:PORT/x?y HTTP/1.1\r\nHost: a.example:PORT\r\n"
	    "Proxy-Connection: Keep-Alive\r\nContent-Length: 4\r\nProxy-Authorization: Basic eA==\r\n\r\nbody"
	    "GET http://a.example:PORT HTTP/1.1\r\nHost: a.example:PORT\r\n\r\n"));
	one = rig_accept(r);
	rig_hear(r, one, rig_ported("POST /x?y HTTP/1.1\r\nHost: a.example:PORT\r\nContent-Length: 4\r\n\r\nbody"));
	rig_say(r, one, OK("first", "5"));
	rig_hear(r, guest, OK("first", "5"));
	/* The same host and port: on the same connection. */
	rig_hear(r, one, rig_ported("GET / HTTP/1.1\r\nHost: a.example:PORT\r\n\r\n"));
	rig_say(r, one, OK("", "0"));
	rig_hear(r, guest, OK("", "0"));
	expect_hit(r, VIA_HTTP, VERDICT_ALLOW, REASON_LISTED, "a.example", world.port);
	/* Another host: on one of its own. */
	rig_say(r, guest, rig_ported("GET http://b.example:PORT/ HTTP/1.1\r\nHost: b.example:PORT\r\n\r\n"));
	two = rig_accept(r);
	rig_hear(r, two, rig_ported("GET / HTTP/1.1\r\nHost: b.example:PORT\r\n\r\n"));
	rig_say(r, two, OK("", "0"));
	rig_hear(r, guest, OK("", "0"));
	assert_int_equal(r->nhits, 3);
	rig_say(r, guest, "GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n");
	expect_page(r, guest, "gatehouse allow evil.example");
	expect_hit(r, VIA_HTTP, VERDICT_DENY, REASON_NOT_LISTED, "evil.example", 80);
	close(one);
	close(two);
}

static void
another_port_of_the_same_host_is_another_connection(void **state)
{
	struct rig *r = *state;
	int guest = rig_connect_explicit(r), origin;

	rig_say(r, guest, rig_ported("GET http://a.example:PORT/ HTTP/1.1\r\nHost: a.example:PORT\r\n\r\n"));
	origin = rig_accept(r);
	rig_hear(r, origin, rig_ported("GET / HTTP/1.1\r\nHost: a.example:PORT\r\n\r\n"));
	rig_say(r, origin, OK("", "0"));
	rig_hear(r, guest, OK("", "0"));
	rig_say(r, guest, "GET http://a.example:1/ HTTP/1.1\r\nHost: a.example:1\r\n\r\n");
	rig_until(r, r->nhits == 2);
	expect_hit(r, VIA_HTTP, VERDICT_DENY, REASON_UNRESOLVABLE, "a.example", 1);
	close(guest);
	close(origin);
}

static void
a_tunnel_may_follow_a_request(void **state)
{
	struct rig *r = *state;
	int guest = rig_connect_explicit(r), one, two;

	rig_say(r, guest, rig_ported("GET http://a.example:PORT/ HTTP/1.1\r\nHost: a.example:PORT\r\n\r\n"));
	one = rig_accept(r);
	rig_hear(r, one, rig_ported("GET / HTTP/1.1\r\nHost: a.example:PORT\r\n\r\n"));
	rig_say(r, one, OK("", "0"));
	rig_hear(r, guest, OK("", "0"));
	rig_say(r, guest, rig_ported("CONNECT b.example:PORT HTTP/1.1\r\nHost: b.example\r\n\r\n"));
	rig_hear(r, guest, ESTABLISHED);
	rig_send_hello(r, guest, "b.example");
	two = rig_accept(r);
	hear_hello(r, two, "b.example");
	close(guest);
	close(one);
	close(two);
}

static void
requests_that_no_proxy_is_asked_are_refused(void **state)
{
	static const char *const cases[][2] = {
		{ "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", "whole http:// URI" },
		{ "OPTIONS * HTTP/1.1\r\nHost: a.example\r\n\r\n", "whole http:// URI" },
		{ "GET https://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n", "CONNECT" },
		{ "GET ftp://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n", "neither a path" },
		{ "GET http://u:p@a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n", "user name" },
		{ "GET http://b.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n", "differs" },
		{ "GET http://a.example:81/ HTTP/1.1\r\nHost: a.example\r\n\r\n", "differs" },
		{ "GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\nConnection: Host\r\n\r\n", "take away" },
		{ "GET http://a.example/ HTTP/1.1\r\n\r\n", "no Host" },
		{ "CONNECT a.example:443 HTTP/1.1\r\nHost: b.example\r\n\r\n", "differs" },
		{ "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example\r\nContent-Length: 9\r\n\r\n", "a body" },
	};
	struct rig *r = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int guest = rig_connect_explicit(r);

		rig_say(r, guest, cases[i][0]);
		expect_page(r, guest, cases[i][1]);
		assert_int_equal(r->hits[i].reason, REASON_MALFORMED);
	}
}

static void
tls_to_the_proxy_itself_is_refused(void **state)
{
	struct rig *r = *state;
	int guest = rig_connect_explicit(r);

	rig_send_hello(r, guest, "a.example");
	expect_alert(r, guest, 50);
	expect_hit(r, VIA_OTHER, VERDICT_DENY, REASON_MALFORMED, "", r->proxy->explicit_port);
}

static void
revoking_ends_a_tunnel_before_and_after_its_hello(void **state)
{
	struct rig *r = *state;
	int waiting = open_tunnel(r, rig_ported("CONNECT a.example:PORT HTTP/1.1\r\nHost: a.example\r\n\r\n"));
	int open = open_tunnel(r, rig_ported("CONNECT a.example:PORT HTTP/1.1\r\nHost: a.example\r\n\r\n"));
	int origin;
	bool reset;

	rig_send_hello(r, open, "a.example");
	origin = rig_accept(r);
	hear_hello(r, origin, "a.example");
	world.listed[0] = NULL;
	proxy_set_allow(r->proxy, NULL);
	rig_read_all(r, waiting, got, sizeof(got), &reset);
	assert_true(reset);
	rig_read_all(r, open, got, sizeof(got), &reset);
	assert_true(reset);
	assert_int_equal(r->proxy->nopen, 0);
	close(waiting);
	close(open);
	close(origin);
}

static void
without_the_port_nobody_is_served_there(void **state)
{
	struct rig *r = *state;
	uint16_t port = r->proxy->explicit_port;
	char *cause;

	assert_null(proxy_run(r->proxy, false));
	r->conf.explicit_port = 0;
	assert_null(proxy_run(r->proxy, true));
	for (int i = PROXY_EXPLICIT; i < PROXY_LISTENERS; i++)
		assert_int_equal(r->proxy->listeners[i].fd, -1);
	assert_int_equal(r->proxy->explicit_port, 0);
	assert_null(proxy_run(r->proxy, false));
	r->conf.proxy_port = r->conf.explicit_port = port;
	cause = proxy_run(r->proxy, true);
	assert_non_null(strstr(cause, "[proxy] explicit-port changes it"));
	assert_false(proxy_running(r->proxy));
	free(cause);
}

/* ---- users of this host ---- */

static void
set_user(struct rig *r, uint32_t uid, uint32_t id, const char *name, bool frozen)
{
	const struct addr user = source_uid(uid);

	proxy_set_guest(r->proxy, &user, id, name, frozen, NULL);
}

static void
ask_as_user(struct rig *r, const char *name, const char *status)
{
	int guest = rig_connect_explicit(r), origin = -1;
	char request[256];

	snprintf(request, sizeof(request), "GET http://%s:%u/ HTTP/1.1\r\nHost: %s:%u\r\n\r\n", name,
	    world.port, name, world.port);
	rig_say(r, guest, request);
	if (strcmp(status, "200") == 0) {
		origin = rig_accept(r);
		close(origin);
	} else {
		bool reset;

		rig_read_all(r, guest, got, sizeof(got), &reset);
		assert_non_null(strstr(got, status));
	}
	close(guest);
}

static void
a_guarded_user_is_told_by_its_connection(void **state)
{
	struct rig *r = *state;
	struct owner *owner;
	char *cause;

	owner = owner_open(&cause);
	assert_non_null(owner);
	world.listed[2] = "scoped.example";	/* for agent-1 alone */
	/* Nobody is guarded: it is a stranger. */
	ask_as_user(r, "scoped.example", "403");
	assert_int_equal(r->hits[0].guest_id, 0);
	proxy_set_owner(r->proxy, owner);
	set_user(r, (uint32_t)geteuid(), 7, "agent-1", false);
	ask_as_user(r, "scoped.example", "200");
	assert_int_equal(r->hits[1].guest_id, 7);
	assert_int_equal(r->hits[1].guest.family, 4);
	assert_int_equal(r->hits[1].guest.bytes[0], 127);
	/* Frozen, like any guest. */
	set_user(r, (uint32_t)geteuid(), 7, "agent-1", true);
	ask_as_user(r, "a.example", "403");
	assert_int_equal(r->hits[2].reason, REASON_FROZEN);
	assert_int_equal(r->hits[2].guest_id, 7);
	/* Another user is guarded: this one is a stranger again. */
	set_user(r, (uint32_t)geteuid(), 0, "", false);
	set_user(r, (uint32_t)geteuid() + 1, 8, "agent-2", false);
	ask_as_user(r, "a.example", "200");
	assert_int_equal(r->hits[3].guest_id, 0);
	rig_until(r, r->proxy->nopen == 0);
	proxy_set_owner(r->proxy, NULL);
	owner_free(owner);
}

static void
expect_closed(struct rig *r, int guest)
{
	bool reset;

	assert_int_equal(rig_read_all(r, guest, got, sizeof(got), &reset), 0);
	close(guest);
	assert_int_equal(r->nhits, 0);
	assert_int_equal(r->proxy->nopen, 0);
}

/* Whoever cannot be told is nobody: what holds for a user would not hold. */
static void
who_cannot_be_told_is_not_served(void **state)
{
	struct rig *r = *state;
	struct owner *owner;
	char *cause;
	int guest;

	/* The kernel does not say. */
	set_user(r, (uint32_t)geteuid(), 7, "agent-1", false);
	guest = rig_connect_explicit(r);
	rig_say(r, guest, "GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n");
	expect_closed(r, guest);
	/* Its socket is gone by the time it is asked for. */
	owner = owner_open(&cause);
	proxy_set_owner(r->proxy, owner);
	guest = rig_connect_explicit(r);
	send(guest, "GET http://a.example/ HTTP/1.1\r\n", 32, 0);
	close(guest);
	for (int i = 0; i < 200; i++)
		rig_turn(r);
	/* FreeBSD knows it as long as something of it is to be sent. */
	assert_true(r->nhits == 0 || r->hits[0].guest_id == 7);
	assert_int_equal(r->proxy->nopen, 0);
	proxy_set_owner(r->proxy, NULL);
	owner_free(owner);
}

#define rig_test(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(a_tunnel_to_a_listed_host_carries_tls_to_it),
		rig_test(a_hello_may_be_sent_along_with_connect),
		rig_test(a_tunnel_to_a_listed_port_carries_anything),
		rig_test(a_tunnel_to_a_listed_port_carries_tls_to_its_host),
		rig_test(a_hello_for_another_host_does_not_reach_a_listed_port),
		rig_test(nor_does_one_that_is_sent_along_with_connect),
		rig_test(what_only_begins_like_tls_does_not_reach_a_listed_port),
		rig_test(a_hello_to_a_listed_port_must_come_whole),
		rig_test(a_second_hello_to_a_listed_port_must_name_its_host_too),
		rig_test(what_is_not_tls_reaches_a_listed_port_at_once),
		rig_test(where_the_server_speaks_first_nothing_is_looked_at),
		rig_test(to_a_listed_address_any_hello_passes),
		rig_test(a_listed_address_is_reached_in_any_spelling),
		rig_test(a_listed_address_is_asked_for_pages_too),
		rig_test(a_listed_address_is_not_listed_on_other_ports),
		rig_test(this_hosts_own_addresses_are_not_to_be_had),
		rig_test(a_port_that_nobody_serves_is_told),
		rig_test(a_tunnel_is_put_together_from_single_bytes),
		rig_test(what_connect_may_not_have_gets_a_page),
		rig_test(a_tunnel_that_names_another_host_is_refused),
		rig_test(a_tunnel_without_a_name_in_its_hello_is_refused),
		rig_test(a_tunnel_carries_nothing_but_tls),
		rig_test(a_tunnel_that_says_nothing_and_leaves_is_told),
		rig_test(a_tunnel_to_port_80_may_carry_requests_for_its_host),
		rig_test(each_uri_is_judged_and_reaches_its_server_as_a_path),
		rig_test(another_port_of_the_same_host_is_another_connection),
		rig_test(a_tunnel_may_follow_a_request),
		rig_test(requests_that_no_proxy_is_asked_are_refused),
		rig_test(tls_to_the_proxy_itself_is_refused),
		rig_test(revoking_ends_a_tunnel_before_and_after_its_hello),
		rig_test(without_the_port_nobody_is_served_there),
		rig_test(a_guarded_user_is_told_by_its_connection),
		rig_test(who_cannot_be_told_is_not_served),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
