/*
 * churn BRIDGE GUESTS SECONDS LIST LOG: so many guests behind the bridge, for so long.
 * Each is a network namespace with an interface of its own.  It begins when it is given
 * a line.  Once a second some are stopped, some started with an address that is free, and
 * some swap addresses by twos; then every one that runs asks at once for a name that
 * nobody else ever asks for (cGUEST-STEP.npmjs.org or cGUEST-STEP.churn.test), and in
 * every other step sends datagrams to a port of its own, 20000 + GUEST, of an address of
 * its step, 198.19.0.STEP.
 *
 * LIST is what a VM manager would print of them, JSON, renewed at each step; LOG gets a
 * line "GUEST NAME" for each name that was answered, and "GUEST ADDRESS PORT" for the
 * datagram that followed.
 */
#include "config.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { GUESTS_MAX = 200, FIRST_HOST = 20, HOSTS = 230, SWAPS = 20, STOPS = 10, ANSWER_MS = 700 };

struct guest {
	int		 ns;		/* its namespace */
	unsigned	 host;		/* the last byte of its address */
	bool		 runs, asked, answered;	/* in this step */
	int		 fd;		/* its connection, or -1 */
	char		 name[64];
};

static struct guest guests[GUESTS_MAX];
static unsigned nguests;
static int own_ns;
static uint64_t state = 1;

static _Noreturn void __attribute__((format(printf, 1, 2)))
die(const char *format, ...)
{
	const int error = errno;
	va_list ap;

	fputs("churn: ", stderr);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fprintf(stderr, ": %s\n", strerror(error));
	exit(1);
}

static unsigned
below(unsigned n)
{
	/* SplitMix64, the same churn in each run. */
	uint64_t z = (state += 0x9e3779b97f4a7c15u);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	return (unsigned)(z >> 32) % n;
}

static uint64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void
enter(int ns)
{
	if (setns(ns, CLONE_NEWNET) == -1)
		die("setns");
}

static int
namespace_open(void)
{
	const int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	if (fd == -1)
		die("/proc/self/ns/net");
	return fd;
}

/* The address of a host of the lab's network, 1 being the bridge's. */
static struct sockaddr_in
lab_address(unsigned host)
{
	return (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x0a4d0000 + host) };
}

static void
make_guests(const char *bridge)
{
	FILE *ip;

	own_ns = namespace_open();
	for (unsigned i = 0; i < nguests; i++) {
		if (unshare(CLONE_NEWNET) == -1)
			die("a namespace for guest %u", i);
		guests[i] = (struct guest){ .ns = namespace_open(), .fd = -1 };
	}
	enter(own_ns);
	if ((ip = popen("ip -batch -", "w")) == NULL)
		die("ip");
	for (unsigned i = 0; i < nguests; i++)
		fprintf(ip, "link add ghc%u type veth peer name eth0 address 02:77:01:00:00:%02x "
		    "netns /proc/%d/fd/%d\nlink set ghc%u master %s up\n", i, i, (int)getpid(),
		    guests[i].ns, i, bridge);
	if (pclose(ip) != 0)
		die("ip -batch");
}

/* With its address, or down.  In its namespace. */
static void
set_interface(const struct guest *g, bool up)
{
	struct ifreq r = { .ifr_name = "eth0" };
	struct sockaddr_in a = lab_address(g->host);
	struct rtentry route = { .rt_flags = RTF_UP | RTF_GATEWAY };
	const struct sockaddr_in any = { .sin_family = AF_INET }, gateway = lab_address(1);
	const struct sockaddr_in mask = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0xffffff00) };
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd == -1)
		die("socket");
	if (up) {
		memcpy(&r.ifr_addr, &a, sizeof(a));
		if (ioctl(fd, SIOCSIFADDR, &r) == -1)
			die("SIOCSIFADDR");
		memcpy(&r.ifr_netmask, &mask, sizeof(mask));
		if (ioctl(fd, SIOCSIFNETMASK, &r) == -1)
			die("SIOCSIFNETMASK");
	}
	r.ifr_flags = up ? IFF_UP : 0;
	if (ioctl(fd, SIOCSIFFLAGS, &r) == -1)
		die("SIOCSIFFLAGS");
	memcpy(&route.rt_dst, &any, sizeof(any));
	memcpy(&route.rt_genmask, &any, sizeof(any));
	memcpy(&route.rt_gateway, &gateway, sizeof(gateway));
	if (up && ioctl(fd, SIOCADDRT, &route) == -1)
		die("SIOCADDRT");
	close(fd);
}

static void
stop(struct guest *g)
{
	enter(g->ns);
	set_interface(g, false);
	g->runs = g->answered = false;
}

static void
start(struct guest *g, unsigned host)
{
	g->host = host;
	enter(g->ns);
	set_interface(g, true);
	g->runs = true;
}

static unsigned
free_host(void)
{
	for (;;) {
		const unsigned host = FIRST_HOST + below(HOSTS);
		bool taken = false;

		for (unsigned i = 0; i < nguests; i++)
			taken |= guests[i].runs && guests[i].host == host;
		if (!taken)
			return host;
	}
}

static void
swap(struct guest *a, struct guest *b)
{
	const unsigned host = a->host;

	if (a == b || !a->runs || !b->runs)
		return;
	stop(a);
	stop(b);
	start(a, b->host);
	start(b, host);
}

static void
churn(void)
{
	for (unsigned i = 0; i < nguests; i++) {
		if (!guests[i].runs)
			start(&guests[i], free_host());
	}
	for (unsigned i = 0; i < STOPS; i++)
		stop(&guests[below(nguests)]);
	for (unsigned i = 0; i < SWAPS; i++)
		swap(&guests[below(nguests)], &guests[below(nguests)]);
}

/* As a whole or not at all, for it is read at any time. */
static void
write_list(const char *path)
{
	char fresh[512];
	FILE *f;

	snprintf(fresh, sizeof(fresh), "%s.new", path);
	if ((f = fopen(fresh, "w")) == NULL)
		die("%s", fresh);
	fputs("{\"vms\": [", f);
	for (unsigned i = 0; i < nguests; i++)
		fprintf(f, "%s{\"id\": \"c%u\", \"up\": %s, \"nic\": {\"mac\": \"02:77:01:00:00:%02x\"}}",
		    i > 0 ? ",\n" : "", i, guests[i].runs ? "true" : "false", i);
	fputs("]}\n", f);
	if (fclose(f) != 0 || rename(fresh, path) == -1)
		die("%s", path);
}

/* In the guest's namespace, where a socket stays that was made there. */
static void
ask(struct guest *g, unsigned step)
{
	const unsigned i = (unsigned)(g - guests);
	struct sockaddr_in a = { .sin_family = AF_INET };

	enter(g->ns);
	if ((g->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) == -1)
		die("socket");
	snprintf(g->name, sizeof(g->name), "c%u-%u.%s", i, step, i % 2 == 0 ? "npmjs.org" : "churn.test");
	g->asked = g->answered = false;
	a.sin_addr.s_addr = htonl(0xc6120001);		/* 198.18.0.1 */
	a.sin_port = htons(80);
	if (connect(g->fd, (struct sockaddr *)&a, sizeof(a)) == -1 && errno != EINPROGRESS)
		die("connect");
}

/* log NULL: it may be lost on its way, as one that nobody has answered yet. */
static void
send_datagram(const struct guest *g, unsigned step, FILE *log)
{
	const unsigned i = (unsigned)(g - guests);
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)(20000 + i)) };
	int fd;

	enter(g->ns);
	if ((fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) == -1)
		die("socket");
	a.sin_addr.s_addr = htonl(0xc6130000 + step);	/* 198.19.0.STEP */
	if (sendto(fd, "churn", 5, 0, (struct sockaddr *)&a, sizeof(a)) == 5 && log != NULL)
		fprintf(log, "c%u 198.19.0.%u %u\n", i, step, 20000 + i);
	close(fd);
}

/* One event of its connection; true at its end. */
static bool
go_on(struct guest *g, short events, FILE *log)
{
	char buf[512];
	int n;

	if (!g->asked) {
		n = snprintf(buf, sizeof(buf), "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", g->name);
		g->asked = true;
		return (events & (POLLERR | POLLHUP)) != 0 || send(g->fd, buf, (size_t)n, MSG_NOSIGNAL) != n;
	}
	g->answered = recv(g->fd, buf, sizeof(buf), 0) > 0;
	if (g->answered)
		fprintf(log, "c%u %s\n", (unsigned)(g - guests), g->name);
	return true;
}

static void
answers(FILE *log)
{
	const uint64_t end = now_ms() + ANSWER_MS;
	struct pollfd fds[GUESTS_MAX];
	unsigned of[GUESTS_MAX], n;
	uint64_t now;

	for (;;) {
		n = 0;
		for (unsigned i = 0; i < nguests; i++) {
			if (guests[i].fd == -1)
				continue;
			fds[n] = (struct pollfd){ guests[i].fd, guests[i].asked ? POLLIN : POLLOUT, 0 };
			of[n++] = i;
		}
		if (n == 0 || (now = now_ms()) >= end || poll(fds, n, (int)(end - now)) == -1)
			break;
		for (unsigned k = 0; k < n; k++) {
			struct guest *g = &guests[of[k]];

			if (fds[k].revents == 0 || !go_on(g, fds[k].revents, log))
				continue;
			close(g->fd);
			g->fd = -1;
		}
	}
	for (unsigned i = 0; i < nguests; i++) {
		if (guests[i].fd != -1)
			close(guests[i].fd);
		guests[i].fd = -1;
	}
}

int
main(int argc, char **argv)
{
	unsigned steps;
	FILE *log;

	nguests = argc == 6 ? (unsigned)atoi(argv[2]) : 0;
	if (nguests == 0 || nguests > GUESTS_MAX) {
		fprintf(stderr, "usage: churn BRIDGE GUESTS SECONDS LIST LOG\n");
		return 2;
	}
	steps = (unsigned)atoi(argv[3]);
	if ((log = fopen(argv[5], "w")) == NULL)
		die("%s", argv[5]);
	make_guests(argv[1]);
	write_list(argv[4]);
	getchar();
	for (unsigned step = 1; step <= steps; step++) {
		const uint64_t began = now_ms();
		uint64_t took;

		churn();
		write_list(argv[4]);
		for (unsigned i = 0; i < nguests; i++) {
			if (!guests[i].runs)
				continue;
			ask(&guests[i], step);
			/* More blocked packets than these would not be kept apart. */
			if (i % 2 == step % 2)
				send_datagram(&guests[i], step, NULL);
		}
		answers(log);
		for (unsigned i = 0; i < nguests; i++) {
			if (guests[i].answered && i % 2 == step % 2)
				send_datagram(&guests[i], step, log);
		}
		if ((took = now_ms() - began) < 1000)
			usleep((useconds_t)(1000 - took) * 1000);
	}
	return fclose(log) == 0 ? 0 : 1;
}
