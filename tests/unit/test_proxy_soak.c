/*
 * The whole of net, the proxy with both its ports and the guests' DNS, under
 * guests and servers that do anything at any moment: valid and broken requests,
 * bytes in any pieces, half-closes, resets, the list and the guest changing
 * under them.  Whatever happens, no server gets a byte of a name that is not
 * listed or of what was for the proxy alone, no name server is asked for such a
 * name, every session ends, and (under the sanitizers) nothing is leaked or
 * touched after its end.
 *
 * SOAK_SECONDS (2, where CI is set 60) says how long, SOAK_SEED which world.
 */
#include "config.h"

#include "soak.h"

#include <sys/socket.h>

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fds.h"
#include "hello.h"

enum { PEERS = 24, SCRIPT_MAX = 4096 };

static const struct addr loopback = { .family = 4, .bytes = { 127, 0, 0, 1 } };
static uint64_t seed;

static const char *const said[] = {
	"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: b.example\r\nConnection: close\r\n\r\n",
	"HEAD / HTTP/1.1\r\nHost: a.example\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: b.example\r\nContent-Length: 10\r\n\r\n0123456789",
	"POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a.example\r\nUpgrade: websocket\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: SECRET.example\r\nX: SECRET\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a.example\r\nHost: SECRET.example\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: SECRET.example\r\nContent-Length: 3\r\n\r\nabc",
	"GET http://SECRET.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n",
	"SSH-2.0-SECRET\r\n",
	"\r\n",
};

/* What is asked of a proxy. */
static const char *const asked[] = {
	"GET http://a.example:PORT/ HTTP/1.1\r\nHost: a.example:PORT\r\nProxy-Authorization: SECRET\r\n\r\n",
	"POST http://b.example:PORT HTTP/1.1\r\nHost: b.example:PORT\r\nContent-Length: 1\r\nX: SECRET\r\nConnection: x\r\n\r\na",
	"GET http://SECRET.example:PORT/ HTTP/1.1\r\nHost: SECRET.example:PORT\r\n\r\n",
	"CONNECT SECRET.example:PORT HTTP/1.1\r\nHost: SECRET.example:PORT\r\n\r\n",
	"CONNECT a.example:PORT HTTP/1.1\r\nHost: a.example:PORT\r\n\r\n",
	"CONNECT a.example:PORT HTTP/1.1\r\nHost: a.example:PORT\r\nX: SECRET\r\n\r\n",
};

static const char *const answered[] = {
	"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
	"HTTP/1.1 200 OK\r\n\r\nuntil the end",
	"HTTP/1.1 304 Not Modified\r\n\r\n",
	"HTTP/1.1 100 Continue\r\n\r\n",
	"HTTP/1.1 101 Switching Protocols\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
	"nonsense",
};

/* A socket and what it still has to say. */
struct peer {
	int	fd;
	char	script[SCRIPT_MAX];
	size_t	len, at;
};

uint32_t
soak_dice(uint32_t n)
{
	uint64_t z = (seed += 0x9e3779b97f4a7c15u);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return (uint32_t)(z >> 32) % n;
}

static void
append(struct peer *p, const void *bytes, size_t len)
{
	if (p->len + len > sizeof(p->script))
		return;
	memcpy(p->script + p->len, bytes, len);
	p->len += len;
}

static void
guest_script(struct peer *p)
{
	static struct bytes message, wire;
	struct hello_spec spec = { .name = soak_dice(3) != 0 ? "a.example" : "SECRET.example" };

	if (soak_dice(3) == 0) {
		hello_message(&message, &spec);
		hello_records(&wire, &message, 20 + soak_dice(200));
		append(p, wire.b, wire.len);
		append(p, "bytes of a session", 18);
		return;
	}
	for (uint32_t n = soak_dice(5) + 1; n > 0; n--) {
		const char *text = said[soak_dice(sizeof(said) / sizeof(said[0]))];

		append(p, text, strlen(text));
		/* What follows an upgrade is between the two of them. */
		if (strstr(text, "Upgrade:") != NULL)
			return;
	}
}

static void
explicit_script(struct peer *p)
{
	const char *text;

	do {
		text = rig_ported(asked[soak_dice(sizeof(asked) / sizeof(asked[0]))]);
		append(p, text, strlen(text));
	} while (text[0] != 'C' && soak_dice(3) != 0);
	if (soak_dice(4) != 0)
		guest_script(p);
}

static void
server_script(struct peer *p)
{
	for (uint32_t n = soak_dice(4) + 1; n > 0; n--) {
		const char *text = answered[soak_dice(sizeof(answered) / sizeof(answered[0]))];

		append(p, text, strlen(text));
	}
}

static void
peer_close(struct peer *p)
{
	const struct linger linger = { .l_onoff = 1 };

	if (p->fd == -1)
		return;
	if (soak_dice(3) == 0)
		setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(p->fd);
	p->fd = -1;
	p->len = p->at = 0;
}

/* Some bytes, an end, a reset, or nothing. True: it read secret bytes. */
static bool
peer_act(struct peer *p)
{
	char got[2048];
	size_t n;
	ssize_t len;

	if (p->fd == -1)
		return false;
	switch (soak_dice(8)) {
	case 0:
		if (soak_dice(4) == 0)
			shutdown(p->fd, SHUT_WR);
		return false;
	case 1:
		if (soak_dice(4) == 0)
			peer_close(p);
		return false;
	case 2:
	case 3:
		len = recv(p->fd, got, sizeof(got) - 1, 0);
		if (len == 0 || (len == -1 && errno != EAGAIN))
			peer_close(p);
		return len > 0 && memmem(got, (size_t)len, "SECRET", 6) != NULL;
	default:
		n = p->len - p->at;
		if (n == 0)
			return false;
		n = soak_dice(3) == 0 ? n : soak_dice((uint32_t)n) + 1;
		len = send(p->fd, p->script + p->at, n, MSG_NOSIGNAL);
		if (len > 0)
			p->at += (size_t)len;
		return false;
	}
}

static void
world_act(struct rig *r)
{
	switch (soak_dice(200)) {
	case 0:
		world.listed[1] = world.listed[1] == NULL ? "b.example" : NULL;
		proxy_set_allow(r->proxy, NULL);
		break;
	case 1:
		proxy_set_guest(r->proxy, &loopback, soak_dice(3), "agent-1", soak_dice(4) == 0, NULL);
		break;
	case 2:
		assert_null(proxy_run(r->proxy, false));
		assert_null(proxy_run(r->proxy, true));
		break;
	case 3:
		r->proxy->max_open = soak_dice(2) == 0 ? 8 : 1000;
		break;
	case 4:
		proxy_guests_begin(r->proxy);
		proxy_guests_end(r->proxy);
		break;
	default:
		break;
	}
}

static void
peers_act(struct rig *r, struct peer *guests, struct peer *servers)
{
	for (unsigned i = 0; i < PEERS; i++) {
		if (guests[i].fd == -1 && soak_dice(8) == 0) {
			guests[i].fd = rig_connect_explicit(r);
			explicit_script(&guests[i]);
		} else if (guests[i].fd == -1 && soak_dice(4) == 0) {
			guests[i].fd = rig_connect(r);
			guest_script(&guests[i]);
		}
		if (servers[i].fd == -1 &&
		    (servers[i].fd = fds_accept(r->origin, NULL, NULL)) != -1)
			server_script(&servers[i]);
		peer_act(&guests[i]);
		if (peer_act(&servers[i]))
			fail_msg("a server was told what was not for it");
	}
}

static void
whatever_happens_nothing_slips_through_and_nothing_stays(void **state)
{
	static struct peer guests[PEERS], servers[PEERS];
	const char *seconds = getenv("SOAK_SECONDS"), *chosen = getenv("SOAK_SEED");
	time_t end = time(NULL) + (seconds != NULL ? atoi(seconds) : getenv("CI") != NULL ? 60 : 2);
	struct rig *r = *state;

	seed = chosen != NULL ? strtoull(chosen, NULL, 10) : (uint64_t)time(NULL);
	print_message("SOAK_SEED=%llu\n", (unsigned long long)seed);
	r->conf.head_seconds = r->conf.connect_seconds = 1;
	for (unsigned i = 0; i < PEERS; i++)
		guests[i].fd = servers[i].fd = -1;
	soak_dns_open(r);
	while (time(NULL) < end) {
		world_act(r);
		peers_act(r, guests, servers);
		soak_dns_act();
		for (int i = 0; i < 3; i++) {
			event_base_loop(r->base, EVLOOP_NONBLOCK);
			proxy_turn(r->proxy);
		}
	}
	for (unsigned i = 0; i < PEERS; i++) {
		peer_close(&guests[i]);
		peer_close(&servers[i]);
	}
	r->proxy->max_open = 1000;
	/* Also those that reached the origin and were never accepted there. */
	rig_until(r, !rig_origin_waits(r) && r->proxy->nopen == 0);
	soak_dns_close(r);
	assert_int_equal(world.secrets, 0);
	assert_true(r->proxy->stats.allowed > 0 && r->proxy->stats.denied > 0);
	print_message("%llu connections, %llu allowed, %llu denied\n",
	    (unsigned long long)r->proxy->stats.accepted, (unsigned long long)r->proxy->stats.allowed,
	    (unsigned long long)r->proxy->stats.denied);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(whatever_happens_nothing_slips_through_and_nothing_stays,
		    rig_setup, rig_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
