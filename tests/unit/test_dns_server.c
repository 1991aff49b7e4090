/* The guests' DNS over real sockets, with a server behind it that the test
 * plays, and lists compiled by the real allowlist. */
#include "config.h"

#include "unit.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "addr.h"
#include "dns/filter.h"
#include "dns/resolver.h"
#include "dns/server.h"
#include "fds.h"

enum { MESSAGE_SIZE = 1232, HITS = 64, ID = 0x1234, PORTS_TRIED = 1000 };

struct rig {
	struct event_base	*base;
	struct conf		 conf;
	struct resolver		*resolver;
	struct dns_server	*server;
	struct allow_image	*image;
	int			 upstream, guest;
	unsigned		 asked;		/* queries the upstream got */
	bool			 held;		/* it reads none for now */
	struct hit		 hits[HITS];
	unsigned		 nhits;
	uint64_t		 ids;
	bool			 deaf;		/* nobody opens ports */
	unsigned		 npins;
	uint32_t		 pin_serial;
	struct addr		 pin_guest, pin_addr;
	uint32_t		 pin_ttl;
	char			 pin_name[64];
	uint8_t			 msg[MESSAGE_SIZE];	/* the latest answer */
	size_t			 len;
};

static const struct addr loopback = { .family = 4, .bytes = { 127, 0, 0, 1 } };

static uint64_t
next_id(void *arg)
{
	struct rig *r = arg;

	return (uint64_t)7 << 32 | ++r->ids;
}

static void
on_hit(const struct hit *h, void *arg)
{
	struct rig *r = arg;

	if (r->nhits < HITS)
		r->hits[r->nhits] = *h;
	r->nhits++;
}

static bool
on_pin(const struct dns_pin *pin, void *arg)
{
	struct rig *r = arg;

	if (r->deaf)
		return false;
	r->npins++;
	r->pin_serial = pin->serial;
	r->pin_guest = *pin->guest;
	r->pin_addr = pin->addrs[0];
	r->pin_ttl = pin->ttl;
	snprintf(r->pin_name, sizeof(r->pin_name), "%s", pin->name);
	return true;
}

static int
bound(uint16_t *port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof(sin);
	int fd = fds_socket_async(AF_INET, SOCK_DGRAM, 0);

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1 ||
	    getsockname(fd, (struct sockaddr *)&sin, &len) == -1)
		return -1;
	*port = ntohs(sin.sin_port);
	return fd;
}

static void
set_list(struct rig *r, const char *text)
{
	const char *phrase;
	struct allowlist *list;
	size_t size;
	char *cause;
	int fd;

	list = allowlist_parse(text, strlen(text), "test", NULL, &cause);
	assert_non_null(list);
	fd = allow_compile(list, &size, &cause);
	dns_server_set_allow(r->server, NULL);
	allow_image_close(r->image);
	r->image = allow_image_open(fd, size, &phrase);
	assert_non_null(r->image);
	close(fd);
	allowlist_free(list);
	dns_server_set_allow(r->server, r->image);
}

static int
setup(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));
	const struct dns_sink sink = { next_id, on_hit, r, on_pin };
	uint16_t port;
	char *cause;

	r->base = event_base_new();
	conf_defaults(&r->conf);
	r->upstream = bound(&r->conf.upstreams[0].port);
	r->conf.upstreams[0].addr = loopback;
	r->conf.nupstreams = 1;
	r->resolver = resolver_new(r->base, &r->conf, &cause);
	/* A port that is free for both, and still is a moment later. */
	for (int tries = 0;; tries++) {
		close(bound(&r->conf.dns_port));
		r->server = dns_server_new(r->base, r->resolver, &r->conf, &sink);
		if ((cause = dns_server_listen(r->server)) == NULL)
			break;
		dns_server_free(r->server);
		if (tries == PORTS_TRIED)
			fail_msg("%s", cause);
		free(cause);
	}
	r->guest = bound(&port);
	set_list(r, ".example\n!bad.example\n.scoped.test vm=agent-1\n");
	*state = r;
	return 0;
}

static int
teardown(void **state)
{
	struct rig *r = *state;

	dns_server_free(r->server);
	resolver_free(r->resolver);
	allow_image_close(r->image);
	event_base_free(r->base);
	close(r->upstream);
	close(r->guest);
	free(r);
	return 0;
}

/* The upstream: every name has 1.2.3.4, but private.* only 10.1.2.3 and none.*
 * does not exist; slow.* is not answered at all. */
static void
upstream_answer(struct rig *r)
{
	static const uint8_t address[] = { 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 1, 2, 3, 4 };
	uint8_t msg[MESSAGE_SIZE];
	struct sockaddr_storage from;
	socklen_t from_len = sizeof(from);
	struct dns_query q;
	enum dns_rcode rcode;
	size_t len;
	ssize_t n;

	n = recvfrom(r->upstream, msg, sizeof(msg), 0, (struct sockaddr *)&from, &from_len);
	if (n == -1)
		return;
	assert_true(dns_query_read(&q, msg, (size_t)n, &rcode) && rcode == DNS_NOERROR);
	r->asked++;
	if (memcmp(q.question.name + 1, "slow", 4) == 0)
		return;
	len = DNS_HEADER_SIZE + (size_t)q.question.name_len + 4;
	msg[2] = 0x81;
	msg[3] = memcmp(q.question.name + 1, "none", 4) == 0 ? 0x83 : 0x80;
	msg[11] = 0;
	if (msg[3] == 0x80 && q.question.type == DNS_TYPE_A) {
		msg[7] = 1;
		memcpy(msg + len, address, sizeof(address));
		if (memcmp(q.question.name + 1, "private", 7) == 0)
			memcpy(msg + len + 12, "\x0a\1\2\3", 4);
		len += sizeof(address);
	}
	sendto(r->upstream, msg, len, 0, (struct sockaddr *)&from, from_len);
}

static void
turn(struct rig *r)
{
	event_base_loop(r->base, EVLOOP_NONBLOCK);
	if (!r->held)
		upstream_answer(r);
	usleep(500);
}

static struct sockaddr_in
server_address(const struct rig *r)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(r->conf.dns_port) };

	/* An answer must come from the address that was asked, not from the first. */
	inet_pton(AF_INET, "127.0.0.53", &sin.sin_addr);
	return sin;
}

/* A query with EDNS: its bytes, and its length. */
static size_t
query(uint8_t *msg, const char *name, uint16_t type)
{
	return dns_query_write(msg, ID, name, type, true);
}

static void
send_query(struct rig *r, const void *msg, size_t len)
{
	const struct sockaddr_in sin = server_address(r);

	assert_int_equal(sendto(r->guest, msg, len, 0, (const struct sockaddr *)&sin, sizeof(sin)),
	    len);
}

static bool
receive(struct rig *r)
{
	struct sockaddr_in from, sin = server_address(r);
	socklen_t len = sizeof(from);
	ssize_t n = recvfrom(r->guest, r->msg, sizeof(r->msg), 0, (struct sockaddr *)&from, &len);

	if (n == -1)
		return false;
	assert_int_equal(from.sin_addr.s_addr, sin.sin_addr.s_addr);
	assert_int_equal(from.sin_port, sin.sin_port);
	r->len = (size_t)n;
	return true;
}

static int
ask(struct rig *r, const char *name, uint16_t type)
{
	uint8_t msg[DNS_QUERY_MAX];

	send_query(r, msg, query(msg, name, type));
	until(r, receive(r));
	assert_int_equal(r->msg[0] << 8 | r->msg[1], ID);
	return r->msg[3] & 15;
}

static unsigned
answers(const struct rig *r)
{
	return r->msg[7];
}

/* What the extended error says, or "". */
static const char *
error_text(const struct rig *r)
{
	static char text[128];
	const uint8_t *p = r->msg, *end = r->msg + r->len;

	text[0] = '\0';
	for (; p + 6 <= end; p++) {
		if (memcmp(p, "\0\x0f\0", 3) == 0 && p[4] == 0 && p + 4 + p[3] == end) {
			snprintf(text, sizeof(text), "%u %.*s", p[5], p[3] - 2, (const char *)p + 6);
			break;
		}
	}
	return text;
}

static void
a_listed_name_has_addresses_and_is_no_hit(void **state)
{
	struct rig *r = *state;

	assert_int_equal(ask(r, "www.example", DNS_TYPE_A), DNS_NOERROR);
	assert_int_equal(answers(r), 1);
	assert_int_equal(ask(r, "www.example", DNS_TYPE_AAAA), DNS_NOERROR);
	assert_int_equal(answers(r), 0);
	assert_int_equal(r->nhits, 0);
	assert_int_equal(r->asked, 2);
	assert_int_equal(ask(r, "www.example", DNS_TYPE_A), DNS_NOERROR);
	assert_int_equal(r->asked, 2);
}

static void
an_unlisted_name_does_not_exist_and_nobody_is_asked(void **state)
{
	struct rig *r = *state;

	assert_int_equal(ask(r, "www.other", DNS_TYPE_A), DNS_NXDOMAIN);
	assert_string_equal(error_text(r), "15 gatehouse 7-1 not-listed");
	assert_int_equal(ask(r, "bad.example", DNS_TYPE_A), DNS_NXDOMAIN);
	assert_string_equal(error_text(r), "15 gatehouse 7-2 deny-entry");
	assert_int_equal(r->asked, 0);
	assert_int_equal(r->nhits, 2);
	assert_int_equal(r->hits[1].via, VIA_DNS);
	assert_int_equal(r->hits[1].verdict, VERDICT_DENY);
	assert_int_equal(r->hits[1].reason, REASON_DENY_ENTRY);
	assert_int_not_equal(r->hits[1].entry, 0);
	assert_string_equal(r->hits[1].name, "bad.example");
	assert_true(addr_equal(&r->hits[1].guest, &loopback));
}

static void
the_types_of_one_look_up_are_one_refusal(void **state)
{
	struct rig *r = *state;

	ask(r, "www.other", DNS_TYPE_A);
	ask(r, "www.other", DNS_TYPE_AAAA);
	ask(r, "WWW.other", 65);
	assert_string_equal(error_text(r), "15 gatehouse 7-1 not-listed");
	assert_int_equal(r->nhits, 1);
	ask(r, "ww.other", DNS_TYPE_A);
	assert_int_equal(r->nhits, 2);
}

static void
other_types_are_empty_and_nobody_is_asked(void **state)
{
	static const uint16_t types[] = { 2, 5, 6, 12, 15, 16, 33, 64, 65, 257, 65535 };
	struct rig *r = *state;

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		assert_int_equal(ask(r, "www.example", types[i]), DNS_NOERROR);
		assert_int_equal(answers(r), 0);
	}
	assert_int_equal(ask(r, "_https._tcp.www.example", DNS_TYPE_A), DNS_NOERROR);
	assert_int_equal(answers(r), 0);
	assert_int_equal(ask(r, "www.example", DNS_TYPE_ANY), DNS_NOERROR);
	assert_int_equal(answers(r), 1);
	for (uint16_t type = 128; type < 255; type++)
		assert_int_equal(ask(r, "www.example", type), DNS_REFUSED);
	assert_int_equal(ask(r, "www.example", DNS_TYPE_OPT), DNS_REFUSED);
	assert_int_equal(r->asked, 0);
	assert_int_equal(r->nhits, 0);
}

static void
what_is_no_host_name_does_not_exist(void **state)
{
	static const struct {
		const char	*name;
		enum reason	 reason;
		const char	*told;
	} cases[] = {
		{ "a b.example", REASON_BAD_NAME, "a b.example" },
		{ "w\x01w.example", REASON_BAD_NAME, "w\\x01w.example" },
		{ "www.ex_ample", REASON_BAD_NAME, "www.ex_ample" },
		{ "-www.example", REASON_BAD_NAME, "-www.example" },
		{ "127.0.0.1", REASON_IP_LITERAL, "127.0.0.1" },
		{ "_x._y", REASON_BAD_NAME, "" },
		{ "_data.www.other", REASON_NOT_LISTED, "www.other" },
	};
	struct rig *r = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(ask(r, cases[i].name, DNS_TYPE_A), DNS_NXDOMAIN);
		assert_int_equal(r->nhits, i + 1);
		assert_int_equal(r->hits[i].reason, cases[i].reason);
		assert_string_equal(r->hits[i].name, cases[i].told);
	}
	assert_int_equal(r->asked, 0);
}

static void
private_addresses_are_not_given_out(void **state)
{
	struct rig *r = *state;

	assert_int_equal(ask(r, "private.example", DNS_TYPE_A), DNS_NOERROR);
	assert_int_equal(answers(r), 0);
	assert_string_equal(error_text(r), "15 gatehouse 7-1 private-address");
	assert_int_equal(r->hits[0].reason, REASON_PRIVATE_ADDRESS);
}

static void
a_listed_name_that_does_not_exist_is_told_as_unresolvable(void **state)
{
	struct rig *r = *state;

	assert_int_equal(ask(r, "none.example", DNS_TYPE_A), DNS_NXDOMAIN);
	assert_int_equal(r->nhits, 1);
	assert_int_equal(r->hits[0].reason, REASON_UNRESOLVABLE);
}

static void
an_entry_for_one_guest_holds_for_its_addresses(void **state)
{
	struct rig *r = *state;

	assert_int_equal(ask(r, "a.scoped.test", DNS_TYPE_A), DNS_NXDOMAIN);
	dns_server_set_guest(r->server, &loopback, 3, "agent-1", false, NULL);
	assert_int_equal(ask(r, "a.scoped.test", DNS_TYPE_A), DNS_NOERROR);
	dns_server_set_guest(r->server, &loopback, 4, "agent-2", false, NULL);
	assert_int_equal(ask(r, "a.scoped.test", DNS_TYPE_A), DNS_NXDOMAIN);
	assert_int_equal(r->hits[1].guest_id, 4);
	dns_server_set_guest(r->server, &loopback, 3, "agent-1", false, NULL);
	dns_server_guests_begin(r->server);
	dns_server_guests_end(r->server);
	assert_int_equal(ask(r, "b.scoped.test", DNS_TYPE_A), DNS_NXDOMAIN);
}

static void
while_learning_an_unlisted_name_is_looked_up_and_told_once(void **state)
{
	struct rig *r = *state;

	allow_image_learn(r->image, true);
	assert_int_equal(ask(r, "www.other", DNS_TYPE_A), DNS_NOERROR);
	assert_int_equal(answers(r), 1);
	assert_int_equal(ask(r, "www.other", DNS_TYPE_AAAA), DNS_NOERROR);
	assert_int_equal(r->nhits, 1);
	assert_int_equal(r->hits[0].verdict, VERDICT_ALLOW);
	assert_int_equal(r->hits[0].reason, REASON_LEARNED);
	assert_int_equal(r->hits[0].via, VIA_DNS);
	assert_string_equal(r->hits[0].name, "www.other");
	/* What is listed is no hit, and what is refused stays so. */
	assert_int_equal(ask(r, "www.example", DNS_TYPE_A), DNS_NOERROR);
	assert_int_equal(r->nhits, 1);
	assert_int_equal(ask(r, "bad.example", DNS_TYPE_A), DNS_NXDOMAIN);
	assert_int_equal(r->hits[1].reason, REASON_DENY_ENTRY);
	assert_int_equal(ask(r, "private.other", DNS_TYPE_A), DNS_NOERROR);
	assert_int_equal(answers(r), 0);
	assert_int_equal(r->hits[3].reason, REASON_PRIVATE_ADDRESS);
	/* A type that nobody is asked for is no look-up. */
	assert_int_equal(ask(r, "mail.other", 15), DNS_NOERROR);
	assert_int_equal(ask(r, "_https._tcp.mail.other", DNS_TYPE_A), DNS_NOERROR);
	assert_int_equal(r->nhits, 4);
	assert_int_equal(r->asked, 4);
	dns_server_set_guest(r->server, &loopback, 3, "agent-1", true, NULL);
	assert_int_equal(ask(r, "ww.other", DNS_TYPE_A), DNS_REFUSED);
}

static void
a_frozen_guest_is_refused(void **state)
{
	struct rig *r = *state;

	dns_server_set_guest(r->server, &loopback, 3, "agent-1", true, NULL);
	assert_int_equal(ask(r, "www.example", DNS_TYPE_A), DNS_REFUSED);
	assert_string_equal(error_text(r), "15 gatehouse 7-1 frozen");
	assert_int_equal(r->asked, 0);
}

static void
without_a_list_every_query_fails(void **state)
{
	struct rig *r = *state;

	dns_server_set_allow(r->server, NULL);
	assert_int_equal(ask(r, "www.example", DNS_TYPE_A), DNS_SERVFAIL);
	assert_string_equal(error_text(r), "14 ");
	assert_int_equal(r->nhits, 0);
}

static void
what_cannot_be_read_gets_an_error_or_nothing(void **state)
{
	struct rig *r = *state;

	send_query(r, "\x12\x34\x28\0\0\1\0\0\0\0\0\0", 12);
	until(r, receive(r));
	assert_int_equal(r->msg[3] & 15, DNS_NOTIMP);
	send_query(r, "\x12\x34\x81\x80\0\1\0\0\0\0\0\0", 12);
	send_query(r, "\x12", 1);
	send_query(r, "\x12\x34\1\0\0\1\0\0\0\0\0\0", 12);
	until(r, receive(r));
	assert_int_equal(r->msg[3] & 15, DNS_FORMERR);
	for (int i = 0; i < 20; i++)
		turn(r);
	assert_false(receive(r));
}

static void
a_guest_asks_so_much_and_no_more(void **state)
{
	struct rig *r = *state;
	uint8_t msg[DNS_QUERY_MAX];
	unsigned told = 0;
	bool limited = false;
	char name[32];

	for (int i = 0; i < 2 * FILTER_BURST; i++) {
		snprintf(name, sizeof(name), "n%d.other", i % 8);
		send_query(r, msg, query(msg, name, DNS_TYPE_A));
		event_base_loop(r->base, EVLOOP_NONBLOCK);
		while (receive(r))
			told++;
	}
	assert_in_range(told, FILTER_BURST, FILTER_BURST + FILTER_RATE);
	/* Once a name; of two that share a place among those told, more often. */
	assert_in_range(r->nhits, 9, told);
	for (unsigned i = 0; i < r->nhits && i < HITS; i++)
		limited |= r->hits[i].reason == REASON_LIMIT;
	assert_true(limited || r->nhits > HITS);
	/* Those that were not told are counted with the next that is. */
	usleep(2100000);
	for (int i = 0; i < 2 * FILTER_BURST; i++) {
		send_query(r, msg, query(msg, "n1.other", DNS_TYPE_A));
		event_base_loop(r->base, EVLOOP_NONBLOCK);
		while (receive(r))
			continue;
	}
	limited = false;
	for (unsigned i = 0; i < r->nhits && i < HITS; i++)
		limited |= r->hits[i].reason == REASON_LIMIT && r->hits[i].folded > FILTER_BURST / 4;
	assert_true(limited);
}

static void
so_many_wait_for_a_slow_server_and_no_more(void **state)
{
	struct rig *r = *state;
	uint8_t msg[DNS_QUERY_MAX];
	char name[32];

	for (int i = 0; i <= FILTER_WAITING_GUEST; i++) {
		snprintf(name, sizeof(name), "slow%d.example", i);
		send_query(r, msg, query(msg, name, DNS_TYPE_A));
	}
	until(r, receive(r));
	assert_int_equal(r->msg[3] & 15, DNS_SERVFAIL);
	assert_int_equal(r->nhits, 1);
	assert_int_equal(r->hits[0].reason, REASON_LIMIT);
}

/* ---- TCP ---- */

/* From 127.0.0.HOST, or (0) from wherever it is. */
static int
connected_from(struct rig *r, uint8_t host)
{
	const struct sockaddr_in sin = server_address(r);
	struct sockaddr_in from = { .sin_family = AF_INET };
	int fd = fds_socket_async(AF_INET, SOCK_STREAM, 0);

	from.sin_addr.s_addr = htonl(host != 0 ? 0x7f000000u | host : 0);
	/* All of 127.0.0.0/8 is the loopback's on Linux alone. */
	if (bind(fd, (const struct sockaddr *)&from, sizeof(from)) == -1) {
		assert_int_equal(errno, EADDRNOTAVAIL);
		skip();
	}
	if (connect(fd, (const struct sockaddr *)&sin, sizeof(sin)) == -1) {
		struct pollfd p = { .fd = fd, .events = POLLOUT };

		assert_int_equal(errno, EINPROGRESS);
		/* Not done at once on every system, not even over loopback. */
		assert_int_equal(poll(&p, 1, 5000), 1);
	}
	turn(r);
	return fd;
}

static int
connected(struct rig *r)
{
	return connected_from(r, 0);
}

static void
stream_send(int fd, const uint8_t *msg, size_t len)
{
	const uint8_t head[2] = { (uint8_t)(len >> 8), (uint8_t)len };

	assert_int_equal(send(fd, head, 2, MSG_NOSIGNAL), 2);
	assert_int_equal(send(fd, msg, len, MSG_NOSIGNAL), len);
}

static int
stream_rcode(struct rig *r, int fd)
{
	size_t have = 0, want = 2;
	uint8_t msg[2 + MESSAGE_SIZE];
	ssize_t n = 0;

	while (have < want) {
		until(r, (n = recv(fd, msg + have, want - have, 0)) != -1);
		if (n == 0)
			return -1;
		have += (size_t)n;
		if (have == 2)
			want = 2 + ((size_t)msg[0] << 8 | msg[1]);
	}
	return msg[5] & 15;
}

static void
queries_over_tcp_are_answered_one_after_the_other(void **state)
{
	struct rig *r = *state;
	uint8_t msg[DNS_QUERY_MAX];
	int fd = connected(r);

	/* All sent at once. */
	stream_send(fd, msg, query(msg, "www.example", DNS_TYPE_A));
	stream_send(fd, msg, query(msg, "www.other", DNS_TYPE_A));
	stream_send(fd, msg, query(msg, "none.example", DNS_TYPE_A));
	stream_send(fd, msg, query(msg, "www.example", DNS_TYPE_A));
	assert_int_equal(stream_rcode(r, fd), DNS_NOERROR);
	assert_int_equal(stream_rcode(r, fd), DNS_NXDOMAIN);
	assert_int_equal(stream_rcode(r, fd), DNS_NXDOMAIN);
	assert_int_equal(stream_rcode(r, fd), DNS_NOERROR);
	close(fd);
}

static void
a_query_may_come_byte_by_byte(void **state)
{
	struct rig *r = *state;
	uint8_t msg[2 + DNS_QUERY_MAX];
	const size_t len = query(msg + 2, "www.example", DNS_TYPE_A);
	int fd = connected(r);

	msg[0] = 0;
	msg[1] = (uint8_t)len;
	for (size_t i = 0; i < len + 2; i++) {
		assert_int_equal(send(fd, msg + i, 1, MSG_NOSIGNAL), 1);
		turn(r);
	}
	assert_int_equal(stream_rcode(r, fd), DNS_NOERROR);
	close(fd);
}

static void
a_guest_that_goes_while_it_waits_leaves_nothing_behind(void **state)
{
	struct rig *r = *state;
	const struct linger reset = { .l_onoff = 1 };
	uint8_t msg[DNS_QUERY_MAX];
	char name[32];
	int fd;

	for (unsigned i = 0; i < 2 * FILTER_STREAMS_GUEST; i++) {
		snprintf(name, sizeof(name), "n%u.example", i);
		fd = connected(r);
		r->held = true;
		stream_send(fd, msg, query(msg, name, DNS_TYPE_A));
		for (int k = 0; k < 5; k++)
			turn(r);
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		close(fd);
		r->held = false;
		until(r, r->asked == i + 1);
		turn(r);
	}
	fd = connected(r);
	stream_send(fd, msg, query(msg, "www.example", DNS_TYPE_A));
	assert_int_equal(stream_rcode(r, fd), DNS_NOERROR);
	close(fd);
}

static void
a_message_too_long_or_empty_ends_its_connection(void **state)
{
	static const uint8_t heads[][2] = { { 0xff, 0xff }, { 4, 1 }, { 0, 0 } };
	struct rig *r = *state;

	for (int i = 0; i < 3; i++) {
		int fd = connected(r);

		assert_int_equal(send(fd, heads[i], 2, MSG_NOSIGNAL), 2);
		assert_int_equal(stream_rcode(r, fd), -1);
		close(fd);
	}
}

/* Eight guests with eight connections each have every place: the ninth gets one of
 * theirs, and each of the eight keeps all but one at most. */
static void
no_guests_keep_another_from_its_connection(void **state)
{
	enum { GUESTS = 8, ALL = GUESTS * FILTER_STREAMS_GUEST };
	struct rig *r = *state;
	uint8_t msg[DNS_QUERY_MAX];
	int fds[ALL], last;
	unsigned ended = 0;
	char byte;

	for (uint8_t g = 0; g <= GUESTS; g++) {
		const struct addr a = { .family = 4, .bytes = { 127, 0, 0, (uint8_t)(20 + g) } };

		dns_server_set_guest(r->server, &a, 20u + g, "agent", false, NULL);
	}
	for (int i = 0; i < ALL; i++)
		fds[i] = connected_from(r, (uint8_t)(20 + i % GUESTS));
	last = connected_from(r, 20 + GUESTS);
	stream_send(last, msg, query(msg, "www.example", DNS_TYPE_A));
	assert_int_equal(stream_rcode(r, last), DNS_NOERROR);
	for (int i = 0; i < ALL; i++) {
		ended += recv(fds[i], &byte, 1, 0) == 0;
		close(fds[i]);
	}
	assert_int_equal(ended, 1);
	close(last);
}

static void
a_guest_gets_so_many_connections_and_no_more(void **state)
{
	struct rig *r = *state;
	uint8_t msg[DNS_QUERY_MAX];
	int fds[FILTER_STREAMS_GUEST + 1];

	for (int i = 0; i <= FILTER_STREAMS_GUEST; i++)
		fds[i] = connected(r);
	assert_int_equal(stream_rcode(r, fds[FILTER_STREAMS_GUEST]), -1);
	/* Which is told. */
	assert_int_equal(r->nhits, 1);
	assert_int_equal(r->hits[0].reason, REASON_LIMIT);
	close(fds[0]);
	for (int i = 0; i < 10; i++)
		turn(r);
	close(fds[FILTER_STREAMS_GUEST]);
	fds[0] = connected(r);
	stream_send(fds[0], msg, query(msg, "www.example", DNS_TYPE_A));
	assert_int_equal(stream_rcode(r, fds[0]), DNS_NOERROR);
	for (int i = 0; i < FILTER_STREAMS_GUEST; i++)
		close(fds[i]);
}

static void
silence_ends_a_connection(void **state)
{
	struct rig *r = *state;
	int fd = connected(r);
	char byte;

	assert_int_equal(send(fd, "", 1, MSG_NOSIGNAL), 1);
	for (int i = 0; i < 60 && recv(fd, &byte, 1, 0) == -1; i++) {
		usleep(100000);
		turn(r);
	}
	assert_int_equal(recv(fd, &byte, 1, 0), 0);
	close(fd);
}

#define server_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* ---- ports that entries list ---- */

static void
an_answer_waits_until_the_names_ports_are_open(void **state)
{
	struct rig *r = *state;
	uint8_t msg[DNS_QUERY_MAX];

	set_list(r, ".example\ngit.example:22\n");
	assert_int_equal(ask(r, "www.example", DNS_TYPE_A), DNS_NOERROR);
	assert_int_equal(r->npins, 0);
	/* Fresh, and from the cache. */
	for (unsigned i = 1; i <= 2; i++) {
		send_query(r, msg, query(msg, "git.example", DNS_TYPE_A));
		until(r, r->npins == i);
		for (int k = 0; k < 20; k++) {
			turn(r);
			assert_false(receive(r));
		}
		assert_string_equal(r->pin_name, "git.example");
		assert_int_equal(r->pin_guest.bytes[0], 127);
		assert_int_equal(r->pin_addr.bytes[3], 4);
		assert_in_range(r->pin_ttl, 50, 60);
		dns_server_pinned(r->server, r->pin_serial + 1);	/* another's */
		assert_false(receive(r));
		dns_server_pinned(r->server, r->pin_serial);
		until(r, receive(r));
		assert_int_equal(answers(r), 1);
		dns_server_pinned(r->server, r->pin_serial);	/* again: nobody waits */
	}
	assert_int_equal(r->nhits, 0);
}

static void
an_answer_does_not_wait_for_long(void **state)
{
	struct rig *r = *state;
	uint8_t msg[DNS_QUERY_MAX];
	const uint64_t began = now_mono();

	set_list(r, "git.example:22\n");
	send_query(r, msg, query(msg, "git.example", DNS_TYPE_A));
	until(r, receive(r));
	assert_int_equal(answers(r), 1);
	assert_in_range(now_mono() - began, 900000, 3000000);
}

static void
where_nobody_opens_ports_nobody_waits(void **state)
{
	struct rig *r = *state;
	const uint64_t began = now_mono();

	set_list(r, "git.example:22\n");
	r->deaf = true;
	assert_int_equal(ask(r, "git.example", DNS_TYPE_A), DNS_NOERROR);
	assert_int_equal(answers(r), 1);
	assert_true(now_mono() - began < 900000);
}

static void
what_is_no_address_to_reach_opens_nothing(void **state)
{
	struct rig *r = *state;

	set_list(r, "private.example:22\nnone.example:22\ngit.example:22\nscoped.test:22 vm=other\n");
	assert_int_equal(ask(r, "private.example", DNS_TYPE_A), DNS_NOERROR);
	assert_int_equal(answers(r), 0);
	assert_int_equal(ask(r, "none.example", DNS_TYPE_A), DNS_NXDOMAIN);
	assert_int_equal(ask(r, "git.example", DNS_TYPE_AAAA), DNS_NOERROR);
	assert_int_equal(ask(r, "git.example", 16), DNS_NOERROR);
	assert_int_equal(ask(r, "scoped.test", DNS_TYPE_A), DNS_NXDOMAIN);
	assert_int_equal(r->npins, 0);
}

static void
who_waits_may_go_with_the_server(void **state)
{
	struct rig *r = *state;
	uint8_t msg[DNS_QUERY_MAX];

	set_list(r, "git.example:22\n");
	for (unsigned i = 1; i <= 3; i++) {
		send_query(r, msg, query(msg, "git.example", DNS_TYPE_A));
		until(r, r->npins == i);
	}
	/* teardown frees it, which the sanitizers watch */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		server_test(an_answer_waits_until_the_names_ports_are_open),
		server_test(an_answer_does_not_wait_for_long),
		server_test(where_nobody_opens_ports_nobody_waits),
		server_test(what_is_no_address_to_reach_opens_nothing),
		server_test(who_waits_may_go_with_the_server),
		server_test(a_listed_name_has_addresses_and_is_no_hit),
		server_test(an_unlisted_name_does_not_exist_and_nobody_is_asked),
		server_test(the_types_of_one_look_up_are_one_refusal),
		server_test(other_types_are_empty_and_nobody_is_asked),
		server_test(what_is_no_host_name_does_not_exist),
		server_test(private_addresses_are_not_given_out),
		server_test(a_listed_name_that_does_not_exist_is_told_as_unresolvable),
		server_test(an_entry_for_one_guest_holds_for_its_addresses),
		server_test(while_learning_an_unlisted_name_is_looked_up_and_told_once),
		server_test(a_frozen_guest_is_refused),
		server_test(without_a_list_every_query_fails),
		server_test(what_cannot_be_read_gets_an_error_or_nothing),
		server_test(a_guest_asks_so_much_and_no_more),
		server_test(so_many_wait_for_a_slow_server_and_no_more),
		server_test(queries_over_tcp_are_answered_one_after_the_other),
		server_test(a_query_may_come_byte_by_byte),
		server_test(a_guest_that_goes_while_it_waits_leaves_nothing_behind),
		server_test(a_message_too_long_or_empty_ends_its_connection),
		server_test(a_guest_gets_so_many_connections_and_no_more),
		server_test(no_guests_keep_another_from_its_connection),
		server_test(silence_ends_a_connection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
