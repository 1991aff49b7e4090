/*
 * canary ADDRESS...: sends what no rule may let out to the addresses, without
 * a pause, until SIGTERM; then says how many packets it tried to send.  The
 * receiving side counts what arrives: one packet is a hole.
 *
 * Each round, to each address: a UDP datagram to port 7777, one to 443 and one
 * to 53000; an echo request; TCP connections to 7777, 22 and to 80 and 443
 * with a name no list holds, each fourth round, when the former ones are closed.
 */
#include "config.h"

#include <arpa/inet.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <sys/socket.h>

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { ROUND_MICROSECONDS = 5000, CONNECT_ROUNDS = 4, TARGETS_MAX = 8 };

static const uint16_t	tcp_ports[] = { 7777, 22, 80, 443 };
static const uint16_t	udp_ports[] = { 7777, 443, 53000 };

static volatile sig_atomic_t	ending;
static unsigned long		sent;

static void
on_signal(int number)
{
	ending = 1;
}

/* An address of either family; false for text that is none. */
static bool
target_parse(struct sockaddr_storage *to, const char *text)
{
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)to;
	struct sockaddr_in *four = (struct sockaddr_in *)to;

	memset(to, 0, sizeof(*to));
	if (inet_pton(AF_INET, text, &four->sin_addr) == 1)
		to->ss_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &six->sin6_addr) == 1)
		to->ss_family = AF_INET6;
	return to->ss_family != 0;
}

/* Both structs keep the port in the same place. */
static const struct sockaddr *
at_port(struct sockaddr_storage *to, uint16_t port)
{
	((struct sockaddr_in *)to)->sin_port = htons(port);
	return (struct sockaddr *)to;
}

static socklen_t
length_of(const struct sockaddr_storage *to)
{
	return to->ss_family == AF_INET ? sizeof(struct sockaddr_in) :
	                                  sizeof(struct sockaddr_in6);
}

static void
send_datagrams(struct sockaddr_storage *to)
{
	int fd = socket(to->ss_family, SOCK_DGRAM, 0);

	for (size_t i = 0; i < sizeof(udp_ports) / sizeof(*udp_ports); i++, sent++)
		(void)sendto(fd, "canary", 6, 0, at_port(to, udp_ports[i]), length_of(to));
	close(fd);
}

static void
send_echo(struct sockaddr_storage *to)
{
	static const struct icmp6_hdr echo6 = { .icmp6_type = ICMP6_ECHO_REQUEST };
	static const struct icmphdr echo4 = { .type = ICMP_ECHO };
	bool six = to->ss_family == AF_INET6;
	struct icmphdr copy = echo4;
	int fd = socket(to->ss_family, SOCK_RAW, six ? IPPROTO_ICMPV6 : IPPROTO_ICMP);

	copy.checksum = htons(0xf7ff);	/* the complement of 0x0800 */
	(void)sendto(fd, six ? (const void *)&echo6 : (const void *)&copy, sizeof(copy), 0,
	    at_port(to, 0), length_of(to));
	sent++;
	close(fd);
}

/* Starts a connection, or pushes a request into one that came about. */
static void
push_connection(int *fd, struct sockaddr_storage *to, uint16_t port)
{
	static const char request[] = "GET / HTTP/1.1\r\nHost: canary.example\r\n\r\n";

	if (*fd != -1) {
		if (send(*fd, request, sizeof(request) - 1, MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
			sent++;
		close(*fd);
	}
	if ((*fd = socket(to->ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0)) == -1)
		return;
	(void)connect(*fd, at_port(to, port), length_of(to));
	sent++;
}

int
main(int argc, char **argv)
{
	enum { PORTS = sizeof(tcp_ports) / sizeof(*tcp_ports) };
	struct sockaddr_storage targets[TARGETS_MAX];
	int fds[TARGETS_MAX][PORTS], n = argc - 1;

	if (n < 1 || n > TARGETS_MAX) {
		fprintf(stderr, "usage: canary ADDRESS...\n");
		return 2;
	}
	for (int i = 0; i < n; i++)
		if (!target_parse(&targets[i], argv[i + 1])) {
			fprintf(stderr, "canary: %s is not an address\n", argv[i + 1]);
			return 2;
		}
	signal(SIGTERM, on_signal);
	memset(fds, -1, sizeof(fds));
	for (unsigned round = 0; !ending; round++) {
		for (int i = 0; i < n; i++) {
			send_datagrams(&targets[i]);
			send_echo(&targets[i]);
			for (int p = 0; p < PORTS && round % CONNECT_ROUNDS == 0; p++)
				push_connection(&fds[i][p], &targets[i], tcp_ports[p]);
		}
		usleep(ROUND_MICROSECONDS);
	}
	printf("%lu\n", sent);
	return 0;
}
