/* The resolver against servers that the test plays by hand. */
#include "config.h"

#include "unit.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "addr.h"
#include "dns/cache.h"
#include "dns/resolver.h"
#include "dns/upstream.h"
#include "fds.h"

enum { SERVERS = 2, MESSAGE_SIZE = 1024, MANY = 3000 };

struct server {
	int			 udp, tcp;
	uint8_t			 query[MESSAGE_SIZE];	/* the latest */
	size_t			 len;
	struct sockaddr_in	 from;
};

struct asker {
	struct dns_waiter	 waiter;	/* must be first */
	unsigned		 told;
	struct dns_answer	 answer;
};

struct rig {
	struct event_base	*base;
	struct conf		 conf;
	struct resolver		*resolver;
	struct server		 servers[SERVERS];
};

static void
told(struct dns_waiter *w, const struct dns_answer *a)
{
	struct asker *k = (struct asker *)(void *)w;

	k->told++;
	k->answer = *a;
}

static int
bound(int type, uint16_t *port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(*port) };
	socklen_t len = sizeof(sin);
	int fd = fds_socket_async(AF_INET, type, 0);

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd == -1 || bind(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1 ||
	    getsockname(fd, (struct sockaddr *)&sin, &len) == -1)
		return -1;
	*port = ntohs(sin.sin_port);
	return fd;
}

static int
setup(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));
	uint16_t port;
	char *cause;

	r->base = event_base_new();
	conf_defaults(&r->conf);
	for (int i = 0; i < SERVERS; i++) {
		struct server *s = &r->servers[i];

		do {
			port = 0;
			s->udp = bound(SOCK_DGRAM, &port);
			s->tcp = bound(SOCK_STREAM, &port);
		} while (s->tcp == -1 && close(s->udp) == 0);
		listen(s->tcp, 4);
		r->conf.upstreams[i].addr = (struct addr){ .family = 4, .bytes = { 127, 0, 0, 1 } };
		r->conf.upstreams[i].port = port;
	}
	r->conf.nupstreams = SERVERS;
	r->resolver = resolver_new(r->base, &r->conf, &cause);
	*state = r;
	return r->resolver == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	struct rig *r = *state;

	resolver_free(r->resolver);
	event_base_free(r->base);
	for (int i = 0; i < SERVERS; i++) {
		close(r->servers[i].udp);
		close(r->servers[i].tcp);
	}
	free(r);
	return 0;
}

static void
turn(struct rig *r)
{
	event_base_loop(r->base, EVLOOP_NONBLOCK);
	usleep(1000);
}

static bool
asks(struct rig *r, struct asker *k, const char *name, uint16_t type)
{
	k->waiter.answered = told;
	return !resolver_ask(r->resolver, name, type, &k->waiter, &k->answer);
}

/* The server has a query. */
static bool
asked(struct server *s)
{
	socklen_t len = sizeof(s->from);
	ssize_t n = recvfrom(s->udp, s->query, sizeof(s->query), 0, (struct sockaddr *)&s->from,
	    &len);

	s->len = n > 0 ? (size_t)n : 0;
	return n > 0;
}

enum { QUESTION_LEN = 17 };	/* of "www.example", with type and class */

/* An answer to the latest query: flags, and this behind the question. */
static size_t
compose(const struct server *s, uint8_t *msg, unsigned flags, unsigned count, const void *answers,
    size_t len)
{
	const size_t head = DNS_HEADER_SIZE + QUESTION_LEN;

	memcpy(msg, s->query, head);
	msg[2] = (uint8_t)(flags >> 8);
	msg[3] = (uint8_t)flags;
	msg[7] = (uint8_t)count;
	msg[11] = 0;
	memcpy(msg + head, answers, len);
	return head + len;
}

static void
says(struct server *s, unsigned flags, unsigned count, const void *answers, size_t len)
{
	uint8_t msg[MESSAGE_SIZE];

	len = compose(s, msg, flags, count, answers, len);
	assert_int_equal(sendto(s->udp, msg, len, 0, (struct sockaddr *)&s->from, sizeof(s->from)),
	    len);
}

enum { OK = 0x8180, FORMAT_ERROR = 0x8181, SERVER_FAILED = 0x8182, NO_SUCH_NAME = 0x8183, CUT = 0x8380 };
#define ADDRESS "\xc0\x0c\0\1\0\1\0\0\0\x64\0\4"
#define PUBLIC ADDRESS "\1\2\3\4"
#define PRIVATE ADDRESS "\x0a\1\2\3"
#define SAYS(s, flags, count, answers) says(s, flags, count, answers, sizeof(answers) - 1)

static void
an_answer_is_told_and_kept(void **state)
{
	struct rig *r = *state;
	struct server *s = &r->servers[0];
	struct asker k = { .told = 0 };

	assert_true(asks(r, &k, "www.example", DNS_TYPE_A));
	until(r, asked(s));
	assert_int_equal(s->query[2], 1);
	assert_memory_equal(s->query + DNS_HEADER_SIZE, "\3www\7example\0\0\1\0\1", QUESTION_LEN);
	SAYS(s, OK, 1, PUBLIC);
	until(r, k.told == 1);
	assert_int_equal(k.answer.status, ANSWER_FOUND);
	assert_int_equal(k.answer.ttl, 100);
	assert_int_equal(k.answer.naddrs, 1);
	assert_memory_equal(k.answer.addrs[0].bytes, "\1\2\3\4", 4);
	memset(&k.answer, 0, sizeof(k.answer));
	assert_false(asks(r, &k, "www.example", DNS_TYPE_A));
	assert_int_equal(k.answer.naddrs, 1);
	assert_memory_equal(k.answer.addrs[0].bytes, "\1\2\3\4", 4);
	assert_true(k.answer.ttl <= 100 && k.answer.ttl > 90);
	assert_true(asks(r, &k, "www.example", DNS_TYPE_AAAA));
	resolver_cancel(&k.waiter);
}

#define ALIAS(to) "\xc0\x0c\0\5\0\1\0\0\0\x32\0\6\3" to "\xc0\x10"

/* A server that is none for the other name tells the alias alone. */
static void
an_alias_that_the_server_does_not_follow_is_asked_for(void **state)
{
	struct rig *r = *state;
	struct server *s = &r->servers[0];
	struct asker k = { .told = 0 };

	assert_true(asks(r, &k, "www.example", DNS_TYPE_A));
	until(r, asked(s));
	SAYS(s, OK, 1, ALIAS("wwx"));
	until(r, asked(s));
	assert_memory_equal(s->query + DNS_HEADER_SIZE, "\3wwx\7example\0\0\1\0\1", QUESTION_LEN);
	assert_int_equal(k.told, 0);
	SAYS(s, OK, 1, PUBLIC);
	until(r, k.told == 1);
	assert_int_equal(k.answer.status, ANSWER_FOUND);
	assert_memory_equal(k.answer.addrs[0].bytes, "\1\2\3\4", 4);
	/* As long as the shortest of both holds, and it is the first name that has it. */
	assert_int_equal(k.answer.ttl, 50);
	assert_false(asks(r, &k, "www.example", DNS_TYPE_A));
	assert_int_equal(k.answer.naddrs, 1);
	assert_true(asks(r, &k, "wwx.example", DNS_TYPE_A));
	resolver_cancel(&k.waiter);
}

static void
what_an_alias_leads_to_is_judged_as_any_address(void **state)
{
	struct rig *r = *state;
	struct server *s = &r->servers[0];
	struct asker k = { .told = 0 };

	assert_true(asks(r, &k, "www.example", DNS_TYPE_A));
	until(r, asked(s));
	SAYS(s, OK, 1, ALIAS("wwx"));
	until(r, asked(s));
	SAYS(s, OK, 1, PRIVATE);
	until(r, k.told == 1);
	assert_int_equal(k.answer.naddrs, 0);
	assert_true(k.answer.refused);
}

static void
aliases_in_a_circle_end(void **state)
{
	struct rig *r = *state;
	struct server *s = &r->servers[0];
	struct asker k = { .told = 0 };
	unsigned n = 0;

	assert_true(asks(r, &k, "www.example", DNS_TYPE_A));
	until(r, asked(s) && ++n);
	for (; k.told == 0 && n < 100; turn(r)) {
		if (n % 2 != 0)
			SAYS(s, OK, 1, ALIAS("wwx"));
		else
			SAYS(s, OK, 1, ALIAS("www"));
		until(r, k.told == 1 || (asked(s) && ++n));
	}
	assert_int_equal(k.told, 1);
	assert_int_equal(k.answer.naddrs, 0);
	assert_int_equal(n, DNS_CHAIN_MAX + 1);
}

static void
who_asks_the_same_meanwhile_waits_for_the_same_answer(void **state)
{
	struct rig *r = *state;
	struct server *s = &r->servers[0];
	struct asker a = { .told = 0 }, b = a, gone = a;

	assert_true(asks(r, &a, "www.example", DNS_TYPE_A));
	assert_true(asks(r, &gone, "www.example", DNS_TYPE_A));
	assert_true(asks(r, &b, "www.example", DNS_TYPE_A));
	until(r, asked(s));
	resolver_cancel(&gone.waiter);
	resolver_cancel(&gone.waiter);
	SAYS(s, OK, 1, PUBLIC);
	until(r, a.told == 1 && b.told == 1);
	assert_int_equal(gone.told, 0);
	assert_false(asked(s));
}

static void
an_answer_nobody_waits_for_any_more_is_kept_all_the_same(void **state)
{
	struct rig *r = *state;
	struct server *s = &r->servers[0];
	struct asker k = { .told = 0 };

	assert_true(asks(r, &k, "www.example", DNS_TYPE_A));
	until(r, asked(s));
	resolver_cancel(&k.waiter);
	SAYS(s, OK, 1, PUBLIC);
	for (int i = 0; i < 20; i++)
		turn(r);
	assert_false(asks(r, &k, "www.example", DNS_TYPE_A));
	assert_int_equal(k.answer.naddrs, 1);
}

static void
each_query_has_an_id_and_a_port_of_its_own(void **state)
{
	struct rig *r = *state;
	struct server *s = &r->servers[0];
	struct asker k[3] = { { .told = 0 } };
	static const char *const names[] = { "a.example", "b.example", "c.example" };
	uint16_t ids[3], ports[3];

	for (int i = 0; i < 3; i++) {
		assert_true(asks(r, &k[i], names[i], DNS_TYPE_A));
		until(r, asked(s));
		ids[i] = (uint16_t)(s->query[0] << 8 | s->query[1]);
		ports[i] = ntohs(s->from.sin_port);
	}
	/* One pair of ids may be equal by chance, once in twenty thousand runs. */
	assert_false(ids[0] == ids[1] && ids[1] == ids[2]);
	assert_false(ports[0] == ports[1] || ports[1] == ports[2] || ports[0] == ports[2]);
	for (int i = 0; i < 3; i++)
		resolver_cancel(&k[i].waiter);
}

static void
what_is_not_the_answer_is_waited_out(void **state)
{
	struct rig *r = *state;
	struct server *s = &r->servers[0];
	struct asker k = { .told = 0 };
	uint8_t msg[MESSAGE_SIZE];
	size_t len;

	assert_true(asks(r, &k, "www.example", DNS_TYPE_A));
	until(r, asked(s));
	/* Right in every way, but from elsewhere. */
	len = compose(s, msg, OK, 1, ADDRESS "\6\6\6\6", 16);
	sendto(r->servers[1].udp, msg, len, 0, (struct sockaddr *)&s->from, sizeof(s->from));
	s->query[0] ^= 1;
	SAYS(s, OK, 1, ADDRESS "\6\6\6\6");
	s->query[0] ^= 1;
	s->query[DNS_HEADER_SIZE + 1] = 'x';
	SAYS(s, OK, 1, ADDRESS "\6\6\6\6");
	s->query[DNS_HEADER_SIZE + 1] = 'w';
	SAYS(s, OK, 2, ADDRESS "\6\6\6\6");
	for (int i = 0; i < 20; i++)
		turn(r);
	assert_int_equal(k.told, 0);
	SAYS(s, OK, 1, PUBLIC);
	until(r, k.told == 1);
	assert_memory_equal(k.answer.addrs[0].bytes, "\1\2\3\4", 4);
}

static void
addresses_that_must_not_be_dialled_are_left_out(void **state)
{
	struct rig *r = *state;
	struct server *s = &r->servers[0];
	struct asker k = { .told = 0 };

	assert_true(asks(r, &k, "www.example", DNS_TYPE_A));
	until(r, asked(s));
	SAYS(s, OK, 4, PRIVATE ADDRESS "\x7f\0\0\1" PUBLIC ADDRESS "\xa9\xfe\xa9\xfe");
	until(r, k.told == 1);
	assert_int_equal(k.answer.status, ANSWER_FOUND);
	assert_int_equal(k.answer.naddrs, 1);
	assert_memory_equal(k.answer.addrs[0].bytes, "\1\2\3\4", 4);
	assert_true(k.answer.refused);
}

/* Of a host that the operator named; kept apart from what a guest may ask for. */
static void
the_operators_hosts_may_have_any_address(void **state)
{
	struct rig *r = *state;
	struct server *s = &r->servers[0];
	struct asker k = { .told = 0 }, guest = { .told = 0 };

	assert_true(asks(r, &k, "www.example", DNS_TYPE_A | RESOLVE_OPERATORS));
	until(r, asked(s));
	SAYS(s, OK, 1, PRIVATE);
	until(r, k.told == 1);
	assert_int_equal(k.answer.naddrs, 1);
	assert_false(k.answer.refused);
	assert_true(asks(r, &guest, "www.example", DNS_TYPE_A));
	until(r, asked(s));
	SAYS(s, OK, 1, PRIVATE);
	until(r, guest.told == 1);
	assert_int_equal(guest.answer.naddrs, 0);
	assert_true(guest.answer.refused);
}

static void
that_there_is_none_is_kept_too(void **state)
{
	struct rig *r = *state;
	struct server *s = &r->servers[0];
	struct asker k = { .told = 0 };

	assert_true(asks(r, &k, "www.example", DNS_TYPE_A));
	until(r, asked(s));
	SAYS(s, NO_SUCH_NAME, 0, "");
	until(r, k.told == 1);
	assert_int_equal(k.answer.status, ANSWER_NO_NAME);
	assert_false(asks(r, &k, "www.example", DNS_TYPE_A));
	assert_int_equal(k.answer.status, ANSWER_NO_NAME);
	assert_int_equal(k.answer.ttl, 5);
	assert_true(asks(r, &k, "www.example", DNS_TYPE_AAAA));
	until(r, asked(s));
	SAYS(s, OK, 0, "");
	until(r, k.told == 2);
	assert_int_equal(k.answer.status, ANSWER_FOUND);
	assert_int_equal(k.answer.naddrs, 0);
}

static void
a_server_that_fails_makes_room_for_another_at_once(void **state)
{
	struct rig *r = *state;
	struct asker k = { .told = 0 };

	assert_true(asks(r, &k, "www.example", DNS_TYPE_A));
	until(r, asked(&r->servers[0]));
	SAYS(&r->servers[0], SERVER_FAILED, 0, "");
	until(r, asked(&r->servers[1]));
	SAYS(&r->servers[1], SERVER_FAILED, 0, "");
	until(r, k.told == 1);
	assert_int_equal(k.answer.status, ANSWER_FAILED);
	assert_false(asks(r, &k, "www.example", DNS_TYPE_A));
}

static void
a_silent_server_is_left_for_the_next_one(void **state)
{
	struct rig *r = *state;
	struct asker k = { .told = 0 };

	assert_true(asks(r, &k, "www.example", DNS_TYPE_A));
	until(r, asked(&r->servers[0]));
	until(r, asked(&r->servers[1]));
	SAYS(&r->servers[1], OK, 1, PUBLIC);
	until(r, k.told == 1);
	assert_int_equal(k.answer.naddrs, 1);
	/* Which is asked first from now on. */
	assert_true(asks(r, &k, "b.example", DNS_TYPE_A));
	until(r, asked(&r->servers[1]));
	resolver_cancel(&k.waiter);
}

static void
a_port_where_nobody_listens_costs_no_time(void **state)
{
	struct rig *r = *state;
	struct asker k = { .told = 0 };

	close(r->servers[0].udp);
	assert_true(asks(r, &k, "www.example", DNS_TYPE_A));
	for (int i = 0; i < 200 && !asked(&r->servers[1]); i++)
		turn(r);
	assert_int_not_equal(r->servers[1].len, 0);
	resolver_cancel(&k.waiter);
}

static void
a_server_that_knows_no_edns_is_asked_without(void **state)
{
	struct rig *r = *state;
	struct server *s = &r->servers[0];
	struct asker k = { .told = 0 };

	assert_true(asks(r, &k, "www.example", DNS_TYPE_A));
	until(r, asked(s));
	assert_int_equal(s->query[11], 1);
	SAYS(s, FORMAT_ERROR, 0, "");
	until(r, asked(s));
	assert_int_equal(s->query[11], 0);
	SAYS(s, OK, 1, PUBLIC);
	until(r, k.told == 1);
	assert_int_equal(k.answer.naddrs, 1);
}

/* The server's end of a connection, with the query read from it. */
static int
accept_query(struct rig *r, struct server *s)
{
	uint8_t size[2];
	ssize_t n = 0;
	int fd = -1;

	until(r, (fd = fds_accept(s->tcp, NULL, NULL)) != -1);
	until(r, recv(fd, size, 2, 0) == 2);
	until(r, (n = recv(fd, s->query, sizeof(s->query), 0)) > 0);
	assert_int_equal(n, size[0] << 8 | size[1]);
	return fd;
}

static void
an_answer_cut_short_is_fetched_over_tcp(void **state)
{
	struct rig *r = *state;
	struct server *s = &r->servers[0];
	struct asker k = { .told = 0 };
	uint8_t msg[MESSAGE_SIZE];
	size_t len;
	int fd;

	assert_true(asks(r, &k, "www.example", DNS_TYPE_A));
	until(r, asked(s));
	SAYS(s, CUT, 1, "\xc0");
	fd = accept_query(r, s);
	len = compose(s, msg + 2, OK, 2, PUBLIC PUBLIC, 32);
	msg[0] = 0;
	msg[1] = (uint8_t)len;
	for (size_t i = 0; i < len + 2; i++) {		/* byte by byte */
		assert_int_equal(k.told, 0);
		assert_int_equal(send(fd, msg + i, 1, MSG_NOSIGNAL), 1);
		turn(r);
	}
	until(r, k.told == 1);
	assert_int_equal(k.answer.naddrs, 2);
	close(fd);
}

static void
a_connection_that_brings_nothing_makes_room_for_another_server(void **state)
{
	struct rig *r = *state;
	struct asker k = { .told = 0 };

	assert_true(asks(r, &k, "www.example", DNS_TYPE_A));
	until(r, asked(&r->servers[0]));
	SAYS(&r->servers[0], CUT, 0, "");
	close(accept_query(r, &r->servers[0]));
	until(r, asked(&r->servers[1]));
	SAYS(&r->servers[1], OK, 1, PUBLIC);
	until(r, k.told == 1);
	assert_int_equal(k.answer.naddrs, 1);
}

static void
too_many_at_once_are_told_so(void **state)
{
	struct rig *r = *state;
	struct asker *k = calloc(MANY, sizeof(*k));
	unsigned waiting = 0, busy = 0;
	char name[32];

	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "n%d.example", i);
		k[i].waiter.guest = (uint32_t)i;
		if (asks(r, &k[i], name, DNS_TYPE_A))
			waiting++;
		else
			busy += k[i].answer.status == ANSWER_BUSY;
	}
	assert_int_equal(waiting, 2048);
	assert_int_equal(busy, MANY - 2048);
	for (int i = 0; i < MANY; i++)
		resolver_cancel(&k[i].waiter);
	free(k);
}

/* True once a server was asked for this name. */
static bool
asked_for(struct rig *r, const char *label)
{
	bool found = false;

	while (asked(&r->servers[0]))
		found = found || memmem(r->servers[0].query, r->servers[0].len, label,
		    strlen(label)) != NULL;
	return found;
}

static void
a_guest_whose_names_nobody_answers_for_makes_no_other_wait(void **state)
{
	struct rig *r = *state;
	struct asker *slow = calloc(MANY, sizeof(*slow));
	struct asker good = { .waiter = { .guest = 2 } }, same = { .waiter = { .guest = 2 } };
	unsigned waiting = 0;
	char name[32];

	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "slow%d.example", i);
		slow[i].waiter.guest = 1;
		waiting += asks(r, &slow[i], name, DNS_TYPE_A);
	}
	assert_int_equal(waiting, 512);
	turn(r);
	assert_true(asked_for(r, "slow31"));
	assert_true(asks(r, &good, "good.example", DNS_TYPE_A));
	until(r, asked_for(r, "good"));
	/* Nor does one that happens to want what waits there. */
	assert_true(asks(r, &same, "slow511.example", DNS_TYPE_A));
	until(r, asked_for(r, "slow511"));
	for (int i = 0; i < MANY; i++)
		resolver_cancel(&slow[i].waiter);
	resolver_cancel(&good.waiter);
	resolver_cancel(&same.waiter);
	free(slow);
}

static void
the_cache_forgets_what_is_old_and_what_was_not_used(void **state)
{
	struct dns_answer a = { .status = ANSWER_FOUND, .ttl = 10, .naddrs = 1,
		.addrs = { { .family = 4, .bytes = { 192, 0, 2, 7 } } } }, got;
	struct dns_cache *c = dns_cache_new(2);

	(void)state;
	dns_cache_put(c, "a.example", DNS_TYPE_A, 1000, &a);
	dns_cache_put(c, "b.example", DNS_TYPE_A, 1000, &a);
	assert_true(dns_cache_get(c, "a.example", DNS_TYPE_A, 5000, &got));
	assert_int_equal(got.ttl, 6);
	a.addrs[0] = (struct addr){ .family = 6, .bytes = { 0x20, 1, [15] = 7 } };
	dns_cache_put(c, "c.example", DNS_TYPE_AAAA, 5000, &a);
	assert_false(dns_cache_get(c, "b.example", DNS_TYPE_A, 5000, &got));
	assert_false(dns_cache_get(c, "c.example", DNS_TYPE_A, 5000, &got));
	assert_true(dns_cache_get(c, "c.example", DNS_TYPE_AAAA, 5000, &got));
	assert_true(addr_equal(&got.addrs[0], &a.addrs[0]));
	assert_true(dns_cache_get(c, "a.example", DNS_TYPE_A, 10999, &got));
	assert_false(dns_cache_get(c, "a.example", DNS_TYPE_A, 11000, &got));
	dns_cache_free(c);
}

static void
servers_are_read_from_resolv_conf(void **state)
{
	char text[256], loopback[IF_NAMESIZE];
	struct upstreams u = { .n = 0 };
	const struct sockaddr_in6 *sin6;

	(void)state;
	assert_non_null(if_indextoname(1, loopback));
	snprintf(text, sizeof(text), "# nameserver 192.0.2.9\nsearch example\n"
	    "nameserver\t192.0.2.1 \r\nnameserver 2001:db8::1\nnameserver x.example\n"
	    "nameserver192.0.2.2\nnameserver\nnameserver fe80::1%%%s", loopback);
	upstreams_parse(&u, text, strlen(text));
	assert_int_equal(u.n, 3);
	assert_int_equal(u.at[0].ss.ss_family, AF_INET);
	assert_int_equal(u.at[1].ss.ss_family, AF_INET6);
	sin6 = (const struct sockaddr_in6 *)&u.at[2].ss;
	assert_int_equal(sin6->sin6_scope_id, 1);
	assert_int_equal(ntohs(sin6->sin6_port), 53);
}

#define resolver_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		resolver_test(an_answer_is_told_and_kept),
		resolver_test(an_alias_that_the_server_does_not_follow_is_asked_for),
		resolver_test(what_an_alias_leads_to_is_judged_as_any_address),
		resolver_test(aliases_in_a_circle_end),
		resolver_test(who_asks_the_same_meanwhile_waits_for_the_same_answer),
		resolver_test(an_answer_nobody_waits_for_any_more_is_kept_all_the_same),
		resolver_test(each_query_has_an_id_and_a_port_of_its_own),
		resolver_test(what_is_not_the_answer_is_waited_out),
		resolver_test(addresses_that_must_not_be_dialled_are_left_out),
		resolver_test(the_operators_hosts_may_have_any_address),
		resolver_test(that_there_is_none_is_kept_too),
		resolver_test(a_server_that_fails_makes_room_for_another_at_once),
		resolver_test(a_silent_server_is_left_for_the_next_one),
		resolver_test(a_port_where_nobody_listens_costs_no_time),
		resolver_test(a_server_that_knows_no_edns_is_asked_without),
		resolver_test(an_answer_cut_short_is_fetched_over_tcp),
		resolver_test(a_connection_that_brings_nothing_makes_room_for_another_server),
		resolver_test(too_many_at_once_are_told_so),
		resolver_test(a_guest_whose_names_nobody_answers_for_makes_no_other_wait),
		cmocka_unit_test(the_cache_forgets_what_is_old_and_what_was_not_used),
		cmocka_unit_test(servers_are_read_from_resolv_conf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
