/* Connections through an upstream proxy, which the rig's origin plays. */
#include "config.h"

#include "proxy_rig.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fds.h"
#include "hello.h"
#include "proxy/chain.h"

static char got[RIG_BUF];

#define ASKED(name, port) "CONNECT " name ":" port " HTTP/1.1\r\nHost: " name ":" port "\r\n\r\n"
#define GRANTED "HTTP/1.1 200 Connection established\r\n\r\n"
#define GET(host) "GET / HTTP/1.1\r\nHost: " host "\r\n\r\n"

static int
setup(void **state)
{
	struct rig *r;

	if (rig_setup(state) == -1)
		return -1;
	r = *state;
	snprintf(r->conf.chain_host, sizeof(r->conf.chain_host), "127.0.0.1");
	r->conf.chain_port = world.port;
	return 0;
}

static const struct hit *
last_hit(const struct rig *r)
{
	assert_true(r->nhits > 0 && r->nhits <= RIG_HITS);
	return &r->hits[r->nhits - 1];
}

static void
expect_hello(struct rig *r, int fd, const char *name)
{
	static struct bytes message, wire;
	const struct hello_spec spec = { .name = name, .alpn = "h2", .supported = 0x0304 };
	size_t have = 0;
	ssize_t n;

	hello_message(&message, &spec);
	hello_records(&wire, &message, 16384);
	while (have < wire.len) {
		rig_until(r, (n = recv(fd, got + have, wire.len - have, 0)) > 0);
		have += (size_t)n;
	}
	assert_memory_equal(got, wire.b, wire.len);
}

static void
tls_goes_through_a_connect(void **state)
{
	struct rig *r = *state;
	int guest = rig_connect(r), upstream;

	rig_send_hello(r, guest, "a.example");
	upstream = rig_accept(r);
	rig_hear(r, upstream, rig_ported(ASKED("a.example", "PORT")));
	/* Nothing is told, and no byte of the guest's sent, before it is granted. */
	for (int i = 0; i < 20; i++)
		rig_turn(r);
	assert_int_equal(r->nhits, 0);
	assert_int_equal(recv(upstream, got, sizeof(got), 0), -1);
	/* What comes along with the answer is the server's first word. */
	rig_say(r, upstream, GRANTED "early");
	rig_hear(r, guest, "early");
	expect_hello(r, upstream, "a.example");
	assert_int_equal(last_hit(r)->verdict, VERDICT_ALLOW);
	assert_int_equal(last_hit(r)->upstream, 200);
	assert_int_equal(last_hit(r)->dialled.bytes[0], 127);
	rig_say(r, guest, "up");
	rig_hear(r, upstream, "up");
	rig_say(r, upstream, "down");
	rig_hear(r, guest, "down");
	close(guest);
	close(upstream);
}

static void
http_does_too_for_each_host(void **state)
{
	struct rig *r = *state;
	int guest = rig_connect(r), one, two;

	rig_say(r, guest, GET("a.example"));
	one = rig_accept(r);
	rig_hear(r, one, rig_ported(ASKED("a.example", "PORT")));
	rig_say(r, one, GRANTED);
	rig_hear(r, one, GET("a.example"));
	rig_say(r, one, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
	rig_hear(r, guest, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
	/* The same host again needs no second CONNECT; another does. */
	rig_say(r, guest, GET("a.example"));
	rig_hear(r, one, GET("a.example"));
	rig_say(r, one, "HTTP/1.1 204 No Content\r\n\r\n");
	rig_hear(r, guest, "HTTP/1.1 204 No Content\r\n\r\n");
	rig_say(r, guest, GET("b.example"));
	two = rig_accept(r);
	rig_hear(r, two, rig_ported(ASKED("b.example", "PORT")));
	rig_say(r, two, GRANTED);
	rig_hear(r, two, GET("b.example"));
	close(guest);
	close(one);
	close(two);
}

static void
who_asks_us_as_a_proxy_is_chained_as_well(void **state)
{
	struct rig *r = *state;
	int guest = rig_connect_explicit(r), upstream;

	rig_say(r, guest, "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n");
	rig_hear(r, guest, GRANTED);
	assert_false(rig_origin_waits(r));
	rig_send_hello(r, guest, "a.example");
	upstream = rig_accept(r);
	rig_hear(r, upstream, ASKED("a.example", "443"));
	rig_say(r, upstream, GRANTED);
	expect_hello(r, upstream, "a.example");
	close(guest);
	close(upstream);
}

/* What comes along with the upstream proxy's answer follows ours. */
static void
a_listed_port_is_asked_for_at_once(void **state)
{
	struct rig *r = *state;
	int guest = rig_connect_explicit(r), upstream;

	world.listed[1] = "pinned.example";
	rig_say(r, guest, "CONNECT pinned.example:22 HTTP/1.1\r\nHost: pinned.example:22\r\n\r\nearly");
	upstream = rig_accept(r);
	rig_hear(r, upstream, ASKED("pinned.example", "22"));
	rig_say(r, upstream, "HTTP/1.0 200\r\n\r\nSSH-2.0-server\r\n");
	rig_hear(r, guest, GRANTED "SSH-2.0-server\r\n");
	rig_hear(r, upstream, "early");
	assert_int_equal(last_hit(r)->via, VIA_CONNECT);
	assert_int_equal(last_hit(r)->upstream, 200);
	close(guest);
	close(upstream);
}

static void
a_listed_address_is_chained_as_a_name_is(void **state)
{
	struct rig *r = *state;
	int guest = rig_connect_explicit(r), upstream;

	world.listed[1] = "2606:4700::1";
	rig_say(r, guest, rig_ported(ASKED("[2606:4700:0::1]", "PORT")));
	upstream = rig_accept(r);
	rig_hear(r, upstream, rig_ported(ASKED("[2606:4700::1]", "PORT")));
	rig_say(r, upstream, GRANTED);
	rig_hear(r, guest, GRANTED);
	rig_say(r, guest, "up");
	rig_hear(r, upstream, "up");
	assert_string_equal(last_hit(r)->name, "2606:4700::1");
	close(guest);
	close(upstream);
}

static void
it_is_told_who_we_are(void **state)
{
	struct rig *r = *state;
	int guest = rig_connect(r), upstream;

	snprintf(r->conf.chain_auth, sizeof(r->conf.chain_auth), "dXNlcjpwYXNz");
	rig_send_hello(r, guest, "a.example");
	upstream = rig_accept(r);
	rig_hear(r, upstream, rig_ported("CONNECT a.example:PORT HTTP/1.1\r\nHost: a.example:PORT\r\n"
	    "Proxy-Authorization: Basic dXNlcjpwYXNz\r\n\r\n"));
	close(guest);
	close(upstream);
}

/* The second time its address comes from the cache. */
static void
it_may_be_known_by_its_name(void **state)
{
	struct rig *r = *state;

	snprintf(r->conf.chain_host, sizeof(r->conf.chain_host), "proxy.example");
	for (int i = 0; i < 2; i++) {
		int guest = rig_connect(r), upstream;

		rig_send_hello(r, guest, "a.example");
		upstream = rig_accept(r);
		rig_hear(r, upstream, rig_ported(ASKED("a.example", "PORT")));
		close(guest);
		close(upstream);
	}
}

/* Names are the upstream proxy's to resolve, except those that do without it. */
static void
names_are_not_resolved_here(void **state)
{
	static const char *const names[] = { "nowhere.example", "private.example", "silent.example" };
	struct rig *r = *state;

	for (size_t i = 0; i < 3; i++) {
		char want[256];
		int guest = rig_connect(r), upstream;

		world.listed[0] = names[i];
		rig_send_hello(r, guest, names[i]);
		upstream = rig_accept(r);
		snprintf(want, sizeof(want), "CONNECT %s:%u HTTP/1.1\r\n", names[i], world.port);
		rig_hear(r, upstream, want);
		close(guest);
		close(upstream);
	}
}

static void
some_names_do_without_it(void **state)
{
	struct rig *r = *state;
	int guest, origin;

	snprintf(r->conf.chain_direct[0], GH_NAME_SIZE, ".example");
	r->conf.nchain_direct = 1;
	guest = rig_connect(r);
	rig_send_hello(r, guest, "a.example");
	origin = rig_accept(r);
	expect_hello(r, origin, "a.example");
	assert_int_equal(last_hit(r)->upstream, 0);
	close(guest);
	close(origin);
}

static void
which_names_do_without_it(void **state)
{
	static const struct {
		const char	*entry, *name;
		bool		 direct;
	} cases[] = {
		{ "corp.example", "corp.example", true },
		{ "corp.example", "a.corp.example", false },
		{ ".corp.example", "corp.example", true },
		{ ".corp.example", "a.corp.example", true },
		{ ".corp.example", "a.b.corp.example", true },
		{ ".corp.example", "xcorp.example", false },
		{ ".corp.example", "example", false },
		{ "a.example", "b.example", false },
	};
	struct conf conf;

	(void)state;
	conf_defaults(&conf);
	assert_false(chain_applies(&conf, "a.example"));
	snprintf(conf.chain_host, sizeof(conf.chain_host), "proxy.example");
	assert_true(chain_applies(&conf, "a.example"));
	conf.nchain_direct = 1;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(conf.chain_direct[0], GH_NAME_SIZE, "%s", cases[i].entry);
		if (chain_applies(&conf, cases[i].name) == cases[i].direct)
			fail_msg("%s and %s", cases[i].entry, cases[i].name);
	}
}

/* What the upstream proxy says, cut at every byte, and what the guest hears. */
static void
answers_are_read_strictly(void **state)
{
	static const struct {
		const char	*answer;
		unsigned	 status;	/* 0: none that counts */
		bool		 alarming;	/* it is of no use for any name */
		const char	*page;		/* in the guest's page; NULL: let through */
	} cases[] = {
		{ "HTTP/1.0 200 OK\r\n\r\n", 200, false, NULL },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 200, false, NULL },
		{ "HTTP/1.1 204 Fine\r\n\r\n", 204, false, NULL },
		{ "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Wait\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", 200, false, NULL },
		{ "HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\nno access", 403, false, "It answered 403" },
		{ "HTTP/1.1 502 Bad Gateway\r\n\r\n", 502, false, "It answered 502" },
		{ "HTTP/1.1 301 Moved\r\nLocation: http://login.example/\r\n\r\n", 301, false, "It answered 301" },
		{ "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n", 407, true,
		    "upstream-auth-file" },
		{ "HTTP/1.1 200 OK\r\nbroken\r\n\r\n", 0, true, "does not answer as a proxy does" },
		{ "HTTP/1.1 200 OK\nA: b\n\n", 0, true, "does not answer as a proxy does" },
		{ "SSH-2.0-OpenSSH_9.2\r\n\r\n", 0, true, "does not answer as a proxy does" },
		{ "HTTP/1.1 999999 OK\r\n\r\n", 0, true, "does not answer as a proxy does" },
	};
	struct rig *r = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (int whole = 0; whole < 2; whole++) {
			const size_t len = strlen(cases[i].answer), step = whole ? len : 1;
			int guest = rig_connect(r), upstream;
			bool reset;

			rig_say(r, guest, GET("a.example"));
			upstream = rig_accept(r);
			rig_hear(r, upstream, rig_ported(ASKED("a.example", "PORT")));
			for (size_t at = 0; at < len; at += step) {
				if (send(upstream, cases[i].answer + at, step, MSG_NOSIGNAL) == -1)
					break;
				rig_turn(r);
			}
			if (cases[i].page == NULL) {
				rig_hear(r, upstream, GET("a.example"));
			} else {
				rig_read_all(r, guest, got, sizeof(got), &reset);
				assert_int_equal(strncmp(got, "HTTP/1.1 502 ", 13), 0);
				assert_non_null(strstr(got, "X-Gatehouse-Reason: upstream\r\n"));
				if (strstr(got, cases[i].page) == NULL)
					fail_msg("%s", got);
				assert_int_equal(last_hit(r)->reason, REASON_UPSTREAM);
			}
			assert_int_equal(last_hit(r)->upstream, cases[i].status);
			assert_int_equal(r->shared->chain_cause[0] != '\0', cases[i].alarming);
			close(guest);
			close(upstream);
			r->nhits = 0;
		}
	}
}

static void
expect_refused(struct rig *r, int guest, const char *cause)
{
	bool reset;

	assert_int_equal(rig_read_all(r, guest, got, sizeof(got), &reset), TLS_ALERT_SIZE);
	assert_false(reset);
	assert_int_equal(last_hit(r)->verdict, VERDICT_DENY);
	assert_int_equal(last_hit(r)->reason, REASON_UPSTREAM);
	if (strstr(r->shared->chain_cause, cause) == NULL)
		fail_msg("%s", r->shared->chain_cause);
	close(guest);
}

static void
one_that_hangs_up_stays_silent_or_never_ends_is_told(void **state)
{
	struct rig *r = *state;
	const uint64_t start = now_mono();
	int guest = rig_connect(r), upstream;

	rig_send_hello(r, guest, "a.example");
	upstream = rig_accept(r);
	rig_hear(r, upstream, rig_ported(ASKED("a.example", "PORT")));
	close(upstream);
	expect_refused(r, guest, "hangs up");
	/* A head without end. */
	guest = rig_connect(r);
	rig_send_hello(r, guest, "a.example");
	upstream = rig_accept(r);
	rig_hear(r, upstream, rig_ported(ASKED("a.example", "PORT")));
	rig_say(r, upstream, "HTTP/1.1 200 OK\r\n");
	for (int i = 0; i < 2000 && r->nhits == 1; i++) {
		send(upstream, "Filler: 0123456789\r\n", 20, MSG_NOSIGNAL);
		rig_turn(r);
	}
	expect_refused(r, guest, "does not answer as a proxy does");
	close(upstream);
	/* Interim answers without end. */
	guest = rig_connect(r);
	rig_send_hello(r, guest, "a.example");
	upstream = rig_accept(r);
	rig_hear(r, upstream, rig_ported(ASKED("a.example", "PORT")));
	for (int i = 0; i < 20; i++)
		send(upstream, "HTTP/1.1 102 Wait\r\n\r\n", 21, MSG_NOSIGNAL);
	expect_refused(r, guest, "interim");
	close(upstream);
	/* Silence. */
	r->conf.connect_seconds = 1;
	guest = rig_connect(r);
	rig_send_hello(r, guest, "a.example");
	upstream = rig_accept(r);
	expect_refused(r, guest, "did not answer in time");
	assert_true(now_mono() - start < 5000000);
	close(upstream);
	/* Nobody there. */
	snprintf(r->conf.chain_host, sizeof(r->conf.chain_host), "127.0.0.77");
	guest = rig_connect(r);
	rig_send_hello(r, guest, "a.example");
	expect_refused(r, guest, "does not answer");
	snprintf(r->conf.chain_host, sizeof(r->conf.chain_host), "nowhere.example");
	guest = rig_connect(r);
	rig_send_hello(r, guest, "a.example");
	expect_refused(r, guest, "without an address");
	/* It is well again. */
	snprintf(r->conf.chain_host, sizeof(r->conf.chain_host), "proxy.example");
	guest = rig_connect(r);
	rig_send_hello(r, guest, "a.example");
	upstream = rig_accept(r);
	rig_hear(r, upstream, rig_ported(ASKED("a.example", "PORT")));
	rig_say(r, upstream, GRANTED);
	expect_hello(r, upstream, "a.example");
	assert_string_equal(r->shared->chain_cause, "");
	close(guest);
	close(upstream);
}

/* One host that does not answer is no fault of a proxy that answers for others. */
static void
one_host_that_does_not_answer_is_no_alarm(void **state)
{
	struct rig *r = *state;
	int one = rig_connect(r), other, upstream[2];
	bool reset;

	r->conf.connect_seconds = 1;
	rig_send_hello(r, one, "a.example");
	upstream[0] = rig_accept(r);
	for (int i = 0; i < 20; i++)
		rig_turn(r);
	other = rig_connect(r);
	rig_send_hello(r, other, "b.example");
	upstream[1] = rig_accept(r);
	rig_say(r, upstream[1], GRANTED);
	rig_read_all(r, one, got, sizeof(got), &reset);
	assert_int_equal(last_hit(r)->reason, REASON_UPSTREAM);
	assert_string_equal(r->shared->chain_cause, "");
	close(one);
	close(other);
	close(upstream[0]);
	close(upstream[1]);
}

/* Whichever worker learns it. */
static void
what_one_worker_learns_of_it_holds_for_all(void **state)
{
	const struct proxy_sink sink = { NULL, NULL, NULL };
	struct rig *r = *state;
	struct proxy_stats stats;
	struct proxy *idle;
	int guest, upstream;
	char *cause;

	idle = proxy_new(r->base, r->resolver, &r->conf, r->shared, &sink, &cause);
	assert_non_null(idle);
	for (int i = 0; i < 2; i++) {
		guest = rig_connect(r);
		rig_send_hello(r, guest, "a.example");
		upstream = rig_accept(r);
		rig_say(r, upstream, i == 0 ? "HTTP/1.1 407 No\r\n\r\n" : GRANTED);
		rig_until(r, r->nhits == (unsigned)i + 1);
		proxy_stats(idle, &stats);
		assert_int_equal(strstr(stats.upstream_cause, "407") != NULL, i == 0);
		close(guest);
		close(upstream);
	}
	assert_string_equal(stats.upstream_cause, "");
	proxy_free(idle);
}

/* By whatever address or name: it would ask itself without end. */
static void
one_that_is_this_proxy_itself_is_not_asked(void **state)
{
	static const char *const hosts[] = { "127.0.0.1", "127.0.0.77", "proxy.example" };
	struct rig *r = *state;
	int guest;

	r->conf.chain_port = r->proxy->explicit_port;
	for (size_t i = 0; i < 3; i++) {
		snprintf(r->conf.chain_host, sizeof(r->conf.chain_host), "%s", hosts[i]);
		guest = rig_connect(r);
		rig_send_hello(r, guest, "a.example");
		expect_refused(r, guest, "is this proxy itself");
		assert_int_equal(r->nhits, i + 1);
	}
}

static int
listen_at(uint8_t last)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(world.port) };
	int fd = fds_socket_async(AF_INET, SOCK_STREAM, 0);

	sin.sin_addr.s_addr = htonl(0x7f000000u | last);
	assert_int_equal(bind(fd, (const struct sockaddr *)&sin, sizeof(sin)), 0);
	assert_int_equal(listen(fd, 8), 0);
	return fd;
}

/* The time for the next address passes, and DNS answers, while it thinks: neither
 * is a reason to go elsewhere. */
static void
one_that_was_asked_is_waited_for(void **state)
{
	static const char interim[] = "HTTP/1.1 102 Wait\r\n\r\n";
	struct rig *r = *state;
	int guest = rig_connect(r), first = listen_at(91), others[3], upstream = -1;
	uint64_t start;

	for (int i = 0; i < 3; i++)
		others[i] = listen_at((uint8_t)(92 + i));
	snprintf(r->conf.chain_host, sizeof(r->conf.chain_host), "slowest.example");
	rig_send_hello(r, guest, "a.example");
	rig_until(r, (upstream = fds_accept(first, NULL, NULL)) != -1);
	rig_hear(r, upstream, rig_ported(ASKED("a.example", "PORT")));
	rig_say(r, upstream, interim);
	for (start = now_mono(); now_mono() - start < 1500000;)
		rig_turn(r);
	for (int i = 0; i < 3; i++)
		assert_int_equal(accept(others[i], NULL, NULL), -1);
	assert_int_equal(r->proxy->nspares, 0);
	rig_say(r, upstream, GRANTED);
	expect_hello(r, upstream, "a.example");
	assert_int_equal(last_hit(r)->dialled.bytes[3], 91);
	close(guest);
	close(upstream);
	close(first);
	for (int i = 0; i < 3; i++)
		close(others[i]);
}

static void
a_late_answer_of_dns_changes_nothing(void **state)
{
	struct rig *r = *state;
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6, .sin6_port = htons(world.port),
		.sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int guest, upstream, other = fds_socket_async(AF_INET6, SOCK_STREAM, 0);

	if (other == -1 || bind(other, (struct sockaddr *)&sin6, sizeof(sin6)) == -1 ||
	    listen(other, 8) == -1)
		skip();
	guest = rig_connect(r);
	snprintf(r->conf.chain_host, sizeof(r->conf.chain_host), "late.example");
	rig_send_hello(r, guest, "a.example");
	upstream = rig_accept(r);
	rig_hear(r, upstream, rig_ported(ASKED("a.example", "PORT")));
	rig_dns_release();
	for (int i = 0; i < 400; i++)
		rig_turn(r);
	assert_int_equal(accept(other, NULL, NULL), -1);
	assert_int_equal(r->proxy->nspares, 0);
	rig_say(r, upstream, GRANTED);
	expect_hello(r, upstream, "a.example");
	assert_int_equal(last_hit(r)->verdict, VERDICT_ALLOW);
	close(guest);
	close(upstream);
	close(other);
}

static void
learn(struct rig *r, const char *name, int *guest)
{
	world.listed[0] = NULL;
	world.learn = true;
	*guest = rig_connect(r);
	rig_send_hello(r, *guest, name);
}

/* A name that nobody listed may not lead the upstream proxy into its own network. */
static void
a_learned_name_is_resolved_and_checked_here(void **state)
{
	static const struct {
		const char	*name;
		enum reason	 reason;
	} cases[] = {
		{ "private.example", REASON_PRIVATE_ADDRESS },
		{ "mixed.example", REASON_PRIVATE_ADDRESS },
		{ "nowhere.example", REASON_UNRESOLVABLE },
		{ "silent.example", REASON_UNRESOLVABLE },
	};
	struct rig *r = *state;
	bool reset;
	int guest;

	r->conf.connect_seconds = 1;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		learn(r, cases[i].name, &guest);
		rig_read_all(r, guest, got, sizeof(got), &reset);
		assert_int_equal(last_hit(r)->verdict, VERDICT_DENY);
		assert_int_equal(last_hit(r)->reason, cases[i].reason);
		assert_false(rig_origin_waits(r));
		/* It is no fault of the upstream proxy's. */
		assert_string_equal(r->shared->chain_cause, "");
		close(guest);
	}
}

/* Which might resolve it to something else. */
static void
a_learned_name_is_asked_for_by_its_address(void **state)
{
	static const char *const cases[][2] = {
		{ "slow.example", ASKED("127.0.0.91", "PORT") },
		{ "six.example", ASKED("[::1]", "PORT") },
	};
	static const char *const hosts[] = { "127.0.0.1", "proxy.example" };
	struct rig *r = *state;
	int guest, upstream;

	for (size_t i = 0; i < 2; i++) {
		snprintf(r->conf.chain_host, sizeof(r->conf.chain_host), "%s", hosts[i]);
		learn(r, cases[i][0], &guest);
		upstream = rig_accept(r);
		rig_hear(r, upstream, rig_ported(cases[i][1]));
		rig_say(r, upstream, GRANTED);
		expect_hello(r, upstream, cases[i][0]);
		assert_int_equal(last_hit(r)->reason, REASON_LEARNED);
		assert_string_equal(last_hit(r)->name, cases[i][0]);
		close(guest);
		close(upstream);
	}
}

static void
expect_cut(struct rig *r, bool learning)
{
	int guest = rig_connect(r), upstream;
	bool reset;

	rig_send_hello(r, guest, "a.example");
	upstream = rig_accept(r);
	rig_hear(r, upstream, rig_ported(ASKED("a.example", "PORT")));
	world.listed[0] = NULL;
	world.learn = learning;
	proxy_set_allow(r->proxy, NULL);
	rig_read_all(r, guest, got, sizeof(got), &reset);
	assert_int_equal(last_hit(r)->reason, REASON_NOT_LISTED);
	rig_read_all(r, upstream, got, sizeof(got), &reset);
	close(guest);
	close(upstream);
}

static void
revoking_while_it_is_asked_ends_it(void **state)
{
	expect_cut(*state, false);
}

/* Its address was not checked, as that of a learned name is. */
static void
revoking_does_too_while_learning(void **state)
{
	expect_cut(*state, true);
}

/* ---- credentials ---- */

static char *
credentials(const char *text, mode_t mode, struct conf *conf)
{
	char path[] = "/tmp/gatehouse-auth-XXXXXX", *cause;
	const int fd = mkstemp(path);

	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	fchmod(fd, mode);
	close(fd);
	conf_defaults(conf);
	snprintf(conf->chain_host, sizeof(conf->chain_host), "proxy.example");
	snprintf(conf->chain_auth_file, sizeof(conf->chain_auth_file), "%s", path);
	cause = chain_credentials(conf);
	unlink(path);
	return cause;
}

static void
credentials_come_from_a_file_that_others_cannot_read(void **state)
{
	static const struct {
		const char	*text;
		mode_t		 mode;
		const char	*cause;		/* NULL: taken */
	} cases[] = {
		{ "user:pass\n", 0640, NULL },
		{ "user:pass", 0600, NULL },
		{ "user:pass\n", 0644, "anyone can read" },
		{ "user:pass\n", 0602, "anyone can read" },
		{ "", 0600, "one line is wanted" },
		{ "nothing\n", 0600, "one line is wanted" },
		{ "user:pass\nX-Other: 1\n", 0600, "one line is wanted" },
		{ "user:pass\r\n", 0600, "one line is wanted" },
	};
	static char longest[CONF_AUTH_MAX + 3];
	struct conf conf;
	char *cause;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cause = credentials(cases[i].text, cases[i].mode, &conf);
		if (cases[i].cause == NULL) {
			assert_null(cause);
			assert_string_equal(conf.chain_auth, "dXNlcjpwYXNz");
			continue;
		}
		assert_non_null(cause);
		if (strstr(cause, cases[i].cause) == NULL)
			fail_msg("%s", cause);
		assert_string_equal(conf.chain_auth, "");
		free(cause);
	}
	memset(longest, ':', CONF_AUTH_MAX + 1);
	cause = credentials(longest, 0600, &conf);
	assert_non_null(cause);
	free(cause);
	longest[CONF_AUTH_MAX] = '\0';
	assert_null(credentials(longest, 0600, &conf));
	assert_true(strlen(conf.chain_auth) < sizeof(conf.chain_auth));
	snprintf(conf.chain_auth_file, sizeof(conf.chain_auth_file), "/no/such/file");
	cause = chain_credentials(&conf);
	assert_non_null(strstr(cause, "/no/such/file"));
	free(cause);
}

#define rig_test(f) cmocka_unit_test_setup_teardown(f, setup, rig_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(tls_goes_through_a_connect),
		rig_test(http_does_too_for_each_host),
		rig_test(who_asks_us_as_a_proxy_is_chained_as_well),
		rig_test(a_listed_port_is_asked_for_at_once),
		rig_test(a_listed_address_is_chained_as_a_name_is),
		rig_test(it_is_told_who_we_are),
		rig_test(it_may_be_known_by_its_name),
		rig_test(names_are_not_resolved_here),
		rig_test(some_names_do_without_it),
		cmocka_unit_test(which_names_do_without_it),
		rig_test(answers_are_read_strictly),
		rig_test(one_that_hangs_up_stays_silent_or_never_ends_is_told),
		rig_test(one_host_that_does_not_answer_is_no_alarm),
		rig_test(what_one_worker_learns_of_it_holds_for_all),
		rig_test(one_that_is_this_proxy_itself_is_not_asked),
		rig_test(one_that_was_asked_is_waited_for),
		rig_test(a_late_answer_of_dns_changes_nothing),
		rig_test(a_learned_name_is_resolved_and_checked_here),
		rig_test(a_learned_name_is_asked_for_by_its_address),
		rig_test(revoking_while_it_is_asked_ends_it),
		rig_test(revoking_does_too_while_learning),
		cmocka_unit_test(credentials_come_from_a_file_that_others_cannot_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
