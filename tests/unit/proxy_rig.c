#include "config.h"

#include "proxy_rig.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <event2/dns.h>
#include <event2/dns_struct.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "fds.h"
#include "hello.h"

struct rig_world world;

/* ---- the allowlist ---- */

struct allow_answer
allow_lookup(const struct allow_image *image, const char *name, size_t len, uint16_t port,
    const char *guest, int64_t now)
{
	struct allow_answer a = { .verdict = VERDICT_DENY, .reason = REASON_NOT_LISTED };

	(void)image;
	(void)port;
	(void)now;
	for (unsigned i = 0; i < RIG_LISTED; i++) {
		if (world.listed[i] == NULL || strlen(world.listed[i]) != len ||
		    memcmp(world.listed[i], name, len) != 0)
			continue;
		/* Only for one guest. */
		if (strcmp(name, "scoped.example") == 0 && strcmp(guest, "agent-1") != 0)
			continue;
		a = (struct allow_answer){ .verdict = VERDICT_ALLOW, .reason = REASON_LISTED, .entry = i + 1,
			.pinned = strcmp(name, "pinned.example") == 0 };
	}
	if (a.verdict == VERDICT_DENY && world.learn)
		a = (struct allow_answer){ .verdict = VERDICT_ALLOW, .reason = REASON_LEARNED };
	return a;
}

/* Addresses stand in the same list, with the origin's port alone. */
struct allow_answer
allow_lookup_addr(const struct allow_image *image, const struct addr *addr, uint8_t proto,
    uint16_t port, const char *guest, int64_t now)
{
	char text[ADDR_TEXT_SIZE];
	struct allow_answer a;

	addr_format(addr, text);
	a = allow_lookup(image, text, strlen(text), port, guest, now);
	a.pinned = a.verdict == VERDICT_ALLOW;
	if (a.pinned && (proto != IPPROTO_TCP || port != world.port))
		a = (struct allow_answer){ .reason = REASON_PORT, .entry = a.entry };
	return a;
}

struct allow_answer
allow_lookup_name(const struct allow_image *image, const char *name, size_t len, const char *guest,
    int64_t now)
{
	return allow_lookup(image, name, len, 443, guest, now);
}

size_t
allow_pinned_ports(const struct allow_image *image, const char *name, size_t len,
    const char *guest, int64_t now, struct allow_port *ports, size_t max)
{
	(void)image;
	(void)name;
	(void)len;
	(void)guest;
	(void)now;
	(void)ports;
	(void)max;
	return 0;
}

void
allow_image_close(struct allow_image *image)
{
	(void)image;
}

/* ---- DNS ---- */

static const struct {
	const char	*name, *addrs[RIG_ADDRS], *addr6;
} zone[] = {
	{ "private.example", { "10.1.2.3" }, NULL },
	{ "mixed.example", { "10.1.2.3", "127.0.0.1" }, NULL },
	{ "dead.example", { "127.0.0.77", "127.0.0.1" }, NULL },
	{ "down.example", { "127.0.0.77" }, NULL },
	{ "nowhere.example", { NULL }, NULL },
	{ "dual.example", { "127.0.0.1" }, "::1" },
	{ "six.example", { NULL }, "::1" },
	{ "late.example", { "127.0.0.1" }, "::1" },
	/* The test makes 127.0.0.9N swallow what is sent there. */
	{ "slow.example", { "127.0.0.91", "127.0.0.1" }, NULL },
	{ "slower.example", { "127.0.0.91", "127.0.0.92" }, NULL },
	{ "slowest.example", { "127.0.0.91", "127.0.0.92", "127.0.0.93", "127.0.0.94" }, NULL },
};

static int
zone_find(const char *name)
{
	for (size_t i = 0; i < sizeof(zone) / sizeof(zone[0]); i++) {
		if (strcasecmp(zone[i].name, name) == 0)
			return (int)i;
	}
	return -1;
}

/* One by one: libevent would put all into one record. */
static void
answer_addrs(struct evdns_server_request *q, const char *const *addrs)
{
	struct in_addr in[RIG_ADDRS];

	for (int i = 0; i < RIG_ADDRS && addrs[i] != NULL; i++) {
		inet_pton(AF_INET, addrs[i], &in[i]);
		evdns_server_request_add_a_reply(q, q->questions[0]->name, 1, &in[i], 60);
	}
}

static void
dns_answer(struct evdns_server_request *q, void *arg)
{
	static const char *const local[RIG_ADDRS] = { "127.0.0.1" };
	const struct evdns_server_question *ask = q->questions[0];
	const int i = zone_find(ask->name);
	const char *const *addrs = i == -1 ? local : zone[i].addrs;
	struct in6_addr in6;

	(void)arg;
	world.secrets += strcasestr(ask->name, "secret") != NULL;
	if (strcasecmp(ask->name, "silent.example") == 0) {
		evdns_server_request_drop(q);
		return;
	}
	if (ask->type == EVDNS_TYPE_A) {
		answer_addrs(q, addrs);
	} else if (ask->type == EVDNS_TYPE_AAAA && i != -1 && zone[i].addr6 != NULL) {
		inet_pton(AF_INET6, zone[i].addr6, &in6);
		evdns_server_request_add_aaaa_reply(q, ask->name, 1, &in6, 60);
		if (strcasecmp(ask->name, "late.example") == 0) {
			world.held = q;
			return;
		}
	}
	evdns_server_request_respond(q, addrs[0] == NULL && (i == -1 || zone[i].addr6 == NULL) ?
	    DNS_ERR_NOTEXIST : 0);
}

void
rig_dns_release(void)
{
	evdns_server_request_respond(world.held, 0);
	world.held = NULL;
}

/* ---- the world around the proxy ---- */

static enum original
fake_original(int fd, uint8_t family, struct addr *addr, uint16_t *port)
{
	(void)fd;
	(void)family;
	*addr = (struct addr){ .family = 4, .bytes = { 203, 0, 113, 9 } };
	if (world.wanted6)
		addr->family = 6;
	*port = world.port;
	if (world.untold)
		return ORIGINAL_UNTOLD;
	return world.redirected ? ORIGINAL_KNOWN : ORIGINAL_NONE;
}

static void
on_hit(const struct hit *h, void *arg)
{
	struct rig *r = arg;

	if (r->nhits < RIG_HITS)
		r->hits[r->nhits] = *h;
	r->nhits++;
}

static bool
on_flow(const struct flow *f, void *arg)
{
	struct rig *r = arg;

	if (r->refuse_flows)
		return false;
	r->up += f->up;
	r->down += f->down;
	r->ended += f->ended;
	if (f->ended)
		r->last_end = *f;
	return true;
}

/* One that nobody uses, and no client is given while the proxy is stopped. */
uint16_t
rig_free_port(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	uint16_t port = (uint16_t)(10000 + getpid() % 20000);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	do {
		sin.sin_port = htons(++port);
	} while (bind(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1 && port < UINT16_MAX);
	close(fd);
	return port;
}

static int
bound_socket(int type, uint16_t *port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof(sin);
	int fd = fds_socket_async(AF_INET, type, 0);

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd == -1 || bind(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1 ||
	    getsockname(fd, (struct sockaddr *)&sin, &len) == -1)
		abort();
	*port = ntohs(sin.sin_port);
	return fd;
}

int
rig_setup(void **state)
{
	/* One by one, as this host's own have to be. */
	static const char *const reach[] = { "127.0.0.1/32", "::1/128", "127.0.0.77/32",
		"127.0.0.91/32", "127.0.0.92/32", "127.0.0.93/32", "127.0.0.94/32", NULL };
	struct rig *r = calloc(1, sizeof(*r));
	struct proxy_sink sink = { on_hit, on_flow, r };
	uint16_t dns_port;
	char *cause;

	memset(&world, 0, sizeof(world));
	world.listed[0] = "a.example";
	world.listed[1] = "b.example";
	world.redirected = true;
	r->base = event_base_new();
	r->dns_fd = bound_socket(SOCK_DGRAM, &dns_port);
	r->dns_server = evdns_add_server_port_with_base(r->base, r->dns_fd, 0, dns_answer, NULL);
	r->origin = bound_socket(SOCK_STREAM, &world.port);
	listen(r->origin, 16);
	conf_defaults(&r->conf);
	r->conf.proxy_port = 0;
	r->conf.explicit_port = rig_free_port();
	for (; reach[r->conf.nreach] != NULL; r->conf.nreach++)
		snprintf(r->conf.reach[r->conf.nreach], sizeof(r->conf.reach[0]), "%s",
		    reach[r->conf.nreach]);
	r->conf.upstreams[0].addr = (struct addr){ .family = 4, .bytes = { 127, 0, 0, 1 } };
	r->conf.upstreams[0].port = dns_port;
	r->conf.nupstreams = 1;
	r->resolver = resolver_new(r->base, &r->conf, &cause);
	if (r->resolver == NULL)
		return -1;
	r->shared = proxy_shared_new(7, 1);
	r->proxy = proxy_new(r->base, r->resolver, &r->conf, r->shared, &sink, &cause);
	if (r->proxy == NULL)
		return -1;
	r->proxy->original = fake_original;
	if ((cause = proxy_run(r->proxy, true)) != NULL)
		return -1;
	*state = r;
	return 0;
}

int
rig_teardown(void **state)
{
	struct rig *r = *state;

	proxy_free(r->proxy);
	proxy_shared_free(r->shared);
	if (world.held != NULL)
		rig_dns_release();
	for (int i = 0; i < 4; i++)
		event_base_loop(r->base, EVLOOP_NONBLOCK);
	resolver_free(r->resolver);
	evdns_close_server_port(r->dns_server);
	for (int i = 0; i < 4; i++)
		event_base_loop(r->base, EVLOOP_NONBLOCK);
	event_base_free(r->base);
	close(r->origin);
	close(r->dns_fd);
	free(r);
	return 0;
}

void
rig_turn(struct rig *r)
{
	event_base_loop(r->base, EVLOOP_NONBLOCK);
	proxy_turn(r->proxy);
	usleep(1000);
}

static int
connect_to(uint16_t port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = fds_socket_async(AF_INET, SOCK_STREAM, 0);

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_not_equal(fd, -1);
	if (connect(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1) {
		struct pollfd p = { .fd = fd, .events = POLLOUT };

		assert_int_equal(errno, EINPROGRESS);
		/* Not done at once on every system, not even over loopback. */
		assert_int_equal(poll(&p, 1, 5000), 1);
	}
	return fd;
}

int
rig_connect(struct rig *r)
{
	return connect_to(r->proxy->port);
}

int
rig_connect_explicit(struct rig *r)
{
	return connect_to(r->proxy->explicit_port);
}

bool
rig_origin_waits(struct rig *r)
{
	int fd = fds_accept(r->origin, NULL, NULL);

	if (fd == -1)
		return false;
	close(fd);
	return true;
}

int
rig_accept(struct rig *r)
{
	int fd = -1;

	rig_until(r, (fd = fds_accept(r->origin, NULL, NULL)) != -1);
	/* The proxy may be the last to hear of it. */
	rig_turn(r);
	return fd;
}

const char *
rig_ported(const char *s)
{
	static char text[1024];
	const char *at;
	size_t len = 0;

	for (; (at = strstr(s, "PORT")) != NULL; s = at + 4)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%.*s%u", (int)(at - s), s,
		    world.port);
	snprintf(text + len, sizeof(text) - len, "%s", s);
	return text;
}

void
rig_send(struct rig *r, int fd, const void *p, size_t len)
{
	const char *b = p;
	ssize_t n = 0;

	for (size_t sent = 0; sent < len; sent += (size_t)n) {
		rig_until(r, (n = send(fd, b + sent, len - sent, MSG_NOSIGNAL)) > 0);
	}
	rig_turn(r);
}

void
rig_say(struct rig *r, int fd, const char *text)
{
	rig_send(r, fd, text, strlen(text));
}

void
rig_hear(struct rig *r, int fd, const char *text)
{
	char got[4096];
	size_t want = strlen(text), have = 0;
	ssize_t n = 0;

	assert_true(want < sizeof(got));
	while (have < want) {
		rig_until(r, (n = recv(fd, got + have, want - have, 0)) > 0);
		have += (size_t)n;
	}
	got[have] = '\0';
	assert_string_equal(got, text);
}

size_t
rig_read_all(struct rig *r, int fd, char *got, size_t size, bool *reset)
{
	size_t have = 0;
	ssize_t n = 0;

	*reset = false;
	for (;;) {
		assert_true(have + 1 < size);
		rig_until(r, (n = recv(fd, got + have, size - have - 1, 0)) != -1 || errno == ECONNRESET);
		if (n <= 0)
			break;
		have += (size_t)n;
	}
	*reset = n == -1;
	got[have] = '\0';
	return have;
}

void
rig_send_hello(struct rig *r, int fd, const char *name)
{
	static struct bytes message, wire;
	const struct hello_spec spec = { .name = name, .alpn = "h2", .supported = 0x0304 };

	hello_message(&message, &spec);
	hello_records(&wire, &message, 16384);
	rig_send(r, fd, wire.b, wire.len);
}
