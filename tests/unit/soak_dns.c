/*
 * Guests that ask the DNS filter: whole queries and broken ones, over UDP and
 * in pieces over TCP, and nobody may be told the address of a name that is not
 * listed.  That the servers are asked for none sees to it the rig.
 */
#include "config.h"

#include "soak.h"

#include <sys/socket.h>

#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "dns/server.h"
#include "fds.h"

enum {
	ASKERS = 12,
	STREAMS = 8,
	MESSAGE_MAX = 512,
	HEADER = 12,
	ANSWERS = 6,		/* where their number is in a header */
};

/* One connection, and what it still has to say. */
struct stream {
	int	fd;
	uint8_t	out[MESSAGE_MAX + 2];
	size_t	len, at;
};

static struct dns_server *dns;
static struct rig *rig;
static int askers[ASKERS];
static struct stream streams[STREAMS];
static uint64_t ids = 1, hits, answers;
static int image;	/* an address for one: the rig's list does not look at it */

static uint64_t
next_id(void *arg)
{
	return ids++;
}

static void
on_hit(const struct hit *h, void *arg)
{
	assert_int_equal(h->via, VIA_DNS);
	assert_int_equal(h->verdict, VERDICT_DENY);
	hits++;
}

/* A socket of one of several guests, on its way to the filter. */
static int
asker_open(int type)
{
	struct sockaddr_in from = { .sin_family = AF_INET }, to = { .sin_family = AF_INET,
		.sin_port = htons(rig->conf.dns_port) };
	int fd = fds_socket_async(AF_INET, type, 0);

	from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + soak_dice(4));
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof(from)), 0);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == -1)
		assert_int_equal(errno, EINPROGRESS);
	return fd;
}

void
soak_dns_open(struct rig *r)
{
	static const struct dns_sink sink = { next_id, on_hit, NULL };

	rig = r;
	r->conf.dns_port = rig_free_port();
	dns = dns_server_new(r->base, r->resolver, &r->conf, &sink);
	assert_null(dns_server_listen(dns));
	dns_server_set_allow(dns, (void *)&image);
	for (int i = 0; i < ASKERS; i++)
		askers[i] = asker_open(SOCK_DGRAM);
	for (int i = 0; i < STREAMS; i++)
		streams[i].fd = -1;
}

static size_t
put_name(uint8_t *dst, const char *name)
{
	size_t n = 0, label;

	for (; *name != '\0'; name += label + (name[label] == '.')) {
		label = strcspn(name, ".");
		dst[n++] = (uint8_t)label;
		memcpy(dst + n, name, label);
		n += label;
	}
	dst[n++] = 0;
	return n;
}

/* Mostly a sound query; each now and then with a few bytes of it wrong. */
static size_t
make_query(uint8_t *dst)
{
	static const char *const names[] = { "a.example", "b.example", "A.eXample", "SECRET.example",
		"SECRET.a.example", "private.example", "silent.example", "nowhere.example",
		"_https._tcp.a.example", "127.0.0.1", "" };
	static const uint8_t types[] = { 1, 1, 28, 28, 16, 65, 255, 252, 0 };
	static const uint8_t edns[] = { 0, 0, 41, 4, 0xd0, 0, 0, 0, 0, 0, 0 };
	size_t len = HEADER;

	memset(dst, 0, HEADER);
	dst[0] = (uint8_t)soak_dice(256);
	dst[1] = (uint8_t)soak_dice(256);
	dst[2] = 1;
	dst[5] = 1;
	len += put_name(dst + len, names[soak_dice(sizeof(names) / sizeof(names[0]))]);
	dst[len] = 0;
	dst[len + 1] = types[soak_dice(sizeof(types))];
	dst[len + 2] = 0;
	dst[len + 3] = 1;
	len += 4;
	if (soak_dice(2) == 0) {
		memcpy(dst + len, edns, sizeof(edns));
		len += sizeof(edns);
		dst[11] = 1;
	}
	if (soak_dice(4) == 0) {
		for (uint32_t n = soak_dice(4) + 1; n > 0; n--)
			dst[2 + soak_dice((uint32_t)len - 2)] = (uint8_t)soak_dice(256);
		len -= soak_dice(8);
	}
	return len;
}

static void
check_answer(const uint8_t *b, size_t len)
{
	if (len < HEADER)
		fail_msg("an answer of %zu bytes", len);
	if ((b[ANSWERS] | b[ANSWERS + 1]) != 0 && memmem(b, len, "SECRET", 6) != NULL)
		fail_msg("a name that is not listed has an address");
	answers++;
}

static void
asker_act(int fd)
{
	uint8_t b[2048];
	ssize_t n;

	if (soak_dice(4) == 0)
		send(fd, b, make_query(b), MSG_NOSIGNAL);
	while ((n = recv(fd, b, sizeof(b), 0)) >= 0)
		check_answer(b, (size_t)n);
}

static void
stream_end(struct stream *s)
{
	const struct linger linger = { .l_onoff = 1 };

	if (soak_dice(2) == 0)
		setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(s->fd);
	s->fd = -1;
	s->len = s->at = 0;
}

static void
stream_act(struct stream *s)
{
	uint8_t b[4096];
	ssize_t n;

	if (s->fd == -1) {
		if (soak_dice(16) == 0)
			s->fd = asker_open(SOCK_STREAM);
		return;
	}
	if (s->at == s->len) {
		s->at = 0;
		s->len = make_query(s->out + 2) + 2;
		s->out[0] = (uint8_t)((s->len - 2) >> 8);
		s->out[1] = (uint8_t)((s->len - 2) ^ (soak_dice(32) == 0));
	}
	n = send(s->fd, s->out + s->at, soak_dice((uint32_t)(s->len - s->at)) + 1, MSG_NOSIGNAL);
	if (n > 0)
		s->at += (size_t)n;
	n = soak_dice(2) == 0 ? recv(s->fd, b, sizeof(b), 0) : -1;
	if (n == 0 || soak_dice(64) == 0 || (n == -1 && errno == ECONNRESET))
		stream_end(s);
}

static void
world_act(void)
{
	struct addr guest = { .family = 4, .bytes = { 127, 0, 0, (uint8_t)(1 + soak_dice(4)) } };

	switch (soak_dice(300)) {
	case 0:
		/* Without a list nothing is answered. */
		dns_server_set_allow(dns, soak_dice(4) == 0 ? NULL : (void *)&image);
		break;
	case 1:
		dns_server_set_guest(dns, &guest, soak_dice(3), "agent-1", soak_dice(4) == 0, NULL);
		break;
	case 2:
		dns_server_guests_begin(dns);
		dns_server_guests_end(dns);
		break;
	case 3:
		assert_null(dns_server_listen(dns));
		break;
	default:
		break;
	}
}

void
soak_dns_act(void)
{
	world_act();
	for (int i = 0; i < ASKERS; i++)
		asker_act(askers[i]);
	for (int i = 0; i < STREAMS; i++)
		stream_act(&streams[i]);
}

void
soak_dns_close(struct rig *r)
{
	for (int i = 0; i < STREAMS; i++) {
		if (streams[i].fd != -1)
			stream_end(&streams[i]);
	}
	/* With queries under way or not: either way nothing may be left of them. */
	for (int i = 0; i < 20; i++)
		rig_turn(r);
	for (int i = 0; i < ASKERS; i++)
		close(askers[i]);
	dns_server_free(dns);
	assert_true(hits > 0 && answers > 0);
	print_message("%llu answers, %llu refusals of names\n", (unsigned long long)answers,
	    (unsigned long long)hits);
}
