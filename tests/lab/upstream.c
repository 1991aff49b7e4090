/*
 * A proxy of a company's network, for one story: CONNECT and nothing else.
 *
 *	upstream PORT USER:PASSWORD-IN-BASE64
 *
 * Says "serving" once it does, then a line for each request: its status and
 * what was asked for.  Names below forbidden.example get 403.  One process a
 * connection.
 */
#include "config.h"

#include <sys/socket.h>

#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HEAD_SIZE = 4096, CHUNK = 16 << 10 };

static const char *credentials;

/* The whole head, terminated, byte by byte so that nothing behind it is taken. */
static bool
read_head(int fd, char head[HEAD_SIZE])
{
	size_t n = 0;

	while (n + 1 < HEAD_SIZE && read(fd, head + n, 1) == 1) {
		head[++n] = '\0';
		if (n >= 4 && strcmp(head + n - 4, "\r\n\r\n") == 0)
			return true;
	}
	return false;
}

static int
connect_to(const char *host, const char *port)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list, *a;
	int fd = -1;

	if (getaddrinfo(host, port, &hints, &list) != 0)
		return -1;
	for (a = list; a != NULL && fd == -1; a = a->ai_next) {
		fd = socket(a->ai_family, a->ai_socktype, a->ai_protocol);
		if (fd != -1 && connect(fd, a->ai_addr, a->ai_addrlen) == -1) {
			close(fd);
			fd = -1;
		}
	}
	freeaddrinfo(list);
	return fd;
}

/* The status of the answer; the server's connection in *fd if that is 200. */
static int
judge(const char *head, char target[256], int *fd)
{
	char host[256], port[8], want[128];

	if (sscanf(head, "CONNECT %255s HTTP/1.1\r\n", target) != 1 ||
	    sscanf(target, "%255[^:]:%7[0-9]", host, port) != 2)
		return 400;
	snprintf(want, sizeof(want), "\r\nProxy-Authorization: Basic %s\r\n", credentials);
	if (strstr(head, want) == NULL)
		return 407;
	if (strstr(host, "forbidden.example") != NULL)
		return 403;
	*fd = connect_to(host, port);
	return *fd == -1 ? 502 : 200;
}

/* Until either side ends. */
static void
relay(int a, int b)
{
	struct pollfd p[2] = { { .fd = a, .events = POLLIN }, { .fd = b, .events = POLLIN } };
	static char bytes[CHUNK];
	ssize_t n;

	while (poll(p, 2, -1) > 0) {
		for (int i = 0; i < 2; i++) {
			if (p[i].revents == 0)
				continue;
			n = read(p[i].fd, bytes, sizeof(bytes));
			if (n <= 0 || write(p[1 - i].fd, bytes, (size_t)n) != n)
				return;
		}
	}
}

static void
serve(int fd)
{
	char head[HEAD_SIZE], target[256] = "-", answer[64];
	int server = -1, status, n;

	if (!read_head(fd, head))
		return;
	status = judge(head, target, &server);
	printf("%d %s\n", status, target);
	fflush(stdout);
	n = snprintf(answer, sizeof(answer), "HTTP/1.1 %d As It Is\r\n\r\n", status);
	if (write(fd, answer, (size_t)n) == n && status == 200)
		relay(fd, server);
}

int
main(int argc, char **argv)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	const int on = 1, listening = socket(AF_INET, SOCK_STREAM, 0);
	int fd;

	if (argc != 3)
		return 1;
	credentials = argv[2];
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sin.sin_port = htons((uint16_t)atoi(argv[1]));
	setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listening, (struct sockaddr *)&sin, sizeof(sin)) == -1 || listen(listening, 64) == -1) {
		perror("upstream");
		return 1;
	}
	signal(SIGCHLD, SIG_IGN);
	printf("serving\n");
	fflush(stdout);
	while ((fd = accept(listening, NULL, NULL)) != -1) {
		if (fork() == 0) {
			serve(fd);
			_exit(0);
		}
		close(fd);
	}
	return 0;
}
