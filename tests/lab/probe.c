/*
 * probe: asks one thing of the network and says in one word how it went.
 *
 *	probe [-h] [-t SECONDS] tcp|udp HOST PORT	line sent, echo awaited
 *	probe [-t SECONDS] icmp HOST			echo request
 *	probe [-hu] [-p PATH] [-t SECONDS] tls|http NAME [PORT [ADDRESS]]
 *	probe [-h] serve PORT...			echo, TCP and UDP, until killed
 *
 * Words: reached; denied (a TLS alert, an HTTP 403, not an echo: somebody decided);
 * refused (reset or port unreachable); rejected (an ICMP error other than that); closed
 * (ended without an answer); blocked (silence until the deadline); unresolved.
 * Exits 0 for "reached", else 1.  TLS is reached only if the certificate is
 * the lab internet's ($SSL_CERT_FILE) for the very name.  With -h it says
 * "reached", keeps the connection open with a line each 100 ms, and says
 * "cut" when that ends.  With -p it fetches PATH whole.  With -u it goes to
 * an address it knows when the name does not resolve, as one would who wants
 * to get round DNS.
 * A server with -h speaks by itself over TCP, and tells what it hears.
 */
#include "config.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <sys/socket.h>

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

enum { DEFAULT_MS = 1000, HOLD_MS = 100, USAGE = 2 };

#define KNOWN_ADDRESS "8.8.8.8"		/* one is as good as another in the lab */

static int	 deadline_ms = DEFAULT_MS;
static bool	 hold, undeterred;
static const char *path;	/* to fetch whole, or NULL */

static _Noreturn void
say(const char *word)
{
	puts(word);
	fflush(stdout);
	_exit(strcmp(word, "reached") == 0 ? 0 : 1);
}

static _Noreturn void
usage(void)
{
	fprintf(stderr, "usage: probe [-hu] [-p PATH] [-t SECONDS] tcp|udp HOST PORT |\n"
	                "       icmp HOST | tls|http NAME [PORT [ADDRESS]] | serve PORT...\n");
	exit(USAGE);
}

static _Noreturn void
say_errno(int error)
{
	switch (error) {
	case ECONNREFUSED:
	case ECONNRESET:
	case EPIPE:
		say("refused");
	case EHOSTUNREACH:
	case ENETUNREACH:
	case EACCES:
	case ENOPROTOOPT:
		say("rejected");
	case EAGAIN:
	case ETIMEDOUT:
	case EINPROGRESS:
		say("blocked");
	default:
		fprintf(stderr, "probe: %s\n", strerror(error));
		say("failed");
	}
}

static struct addrinfo *
resolve(const char *host, const char *port, int type)
{
	struct addrinfo hints = { .ai_socktype = type }, *found;

	if (getaddrinfo(host, port, &hints, &found) != 0 &&
	    (!undeterred || getaddrinfo(KNOWN_ADDRESS, port, &hints, &found) != 0))
		say("unresolved");
	return found;
}

/* A connected socket whose reads and writes end at the deadline. */
static int
dial(const char *host, const char *port, int type)
{
	struct addrinfo *to = resolve(host, port, type);
	struct timeval limit = { deadline_ms / 1000, deadline_ms % 1000 * 1000 };
	int fd;

	if ((fd = socket(to->ai_family, type, 0)) == -1)
		say_errno(errno);
	/* SO_SNDTIMEO bounds connect() too. */
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (connect(fd, to->ai_addr, to->ai_addrlen) == -1)
		say_errno(errno);
	freeaddrinfo(to);
	return fd;
}

/* Says "reached", then sends and reads until either fails. */
static _Noreturn void
keep(int fd)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	char bytes[4096];

	puts("reached");
	fflush(stdout);
	for (;;) {
		if (send(fd, "tick\n", 5, MSG_NOSIGNAL) == -1)
			break;
		if (poll(&ready, 1, HOLD_MS) == 0)
			continue;
		if (read(fd, bytes, sizeof(bytes)) <= 0)
			break;
		usleep(HOLD_MS * 1000);
	}
	say("cut");
}

static _Noreturn void
probe_echo(const char *host, const char *port, int type)
{
	int fd = dial(host, port, type);
	char bytes[64];
	ssize_t n;

	if (send(fd, "probe\n", 6, MSG_NOSIGNAL) == -1 ||
	    (n = read(fd, bytes, sizeof(bytes))) == -1)
		say_errno(errno);
	if (n == 0)
		say("closed");
	if (n != 6 || memcmp(bytes, "probe\n", 6) != 0)
		say("denied");
	if (hold)
		keep(fd);
	say("reached");
}

static _Noreturn void
probe_icmp(const char *host)
{
	struct addrinfo *to = resolve(host, NULL, SOCK_DGRAM);
	bool six = to->ai_family == AF_INET6;
	struct timeval limit = { deadline_ms / 1000, deadline_ms % 1000 * 1000 };
	struct icmp6_hdr echo6 = { .icmp6_type = ICMP6_ECHO_REQUEST };
	/* Checksum by hand: 0x0800 alone, so its complement. */
	struct icmphdr echo4 = { .type = ICMP_ECHO, .checksum = htons(0xf7ff) };
	unsigned char bytes[256];
	ssize_t n;
	int fd;

	if ((fd = socket(to->ai_family, SOCK_RAW, six ? IPPROTO_ICMPV6 : IPPROTO_ICMP)) == -1)
		say_errno(errno);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (connect(fd, to->ai_addr, to->ai_addrlen) == -1 ||
	    send(fd, six ? (void *)&echo6 : (void *)&echo4, sizeof(echo4), 0) == -1)
		say_errno(errno);
	while ((n = read(fd, bytes, sizeof(bytes))) > 0) {
		/* A raw IPv4 socket gives the header too. */
		if (six ? bytes[0] == ICMP6_ECHO_REPLY : n > 20 && bytes[20] == ICMP_ECHOREPLY)
			say("reached");
	}
	say_errno(errno);
}

/* Asks to be sent off when a path is to be read to its end. */
static int
request_make(char *bytes, size_t size, const char *name)
{
	return snprintf(bytes, size, "GET %.128s HTTP/1.1\r\nHost: %.255s\r\n%s\r\n",
	    hold ? "/stream" : path != NULL ? path : "/", name,
	    hold ? "" : "Connection: close\r\n");
}

static _Noreturn void
probe_tls(const char *name, const char *port, const char *address)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	int fd = dial(address, port, SOCK_STREAM), n, error;
	char bytes[512], sni[256];
	SSL *ssl;

	if (context == NULL || SSL_CTX_set_default_verify_paths(context) != 1 ||
	    (ssl = SSL_new(context)) == NULL)
		say("failed");
	SSL_set_verify(ssl, SSL_VERIFY_PEER, NULL);
	/* The macro casts const away, so it gets a copy. */
	snprintf(sni, sizeof(sni), "%s", name);
	SSL_set_tlsext_host_name(ssl, sni);
	SSL_set1_host(ssl, name);
	SSL_set_fd(ssl, fd);
	errno = 0;
	if ((n = SSL_connect(ssl)) != 1) {
		error = errno;
		if (SSL_get_verify_result(ssl) != X509_V_OK)
			say("impostor");
		if (SSL_get_error(ssl, n) == SSL_ERROR_SSL)
			say(ERR_GET_REASON(ERR_peek_error()) >= SSL_AD_REASON_OFFSET ?
			        "denied" : "failed");
		if (error == 0)
			say("closed");
		say_errno(error);
	}
	if (!hold && path == NULL)
		say("reached");
	n = request_make(bytes, sizeof(bytes), name);
	SSL_write(ssl, bytes, n);
	if (hold) {
		puts("reached");
		fflush(stdout);
	}
	while (SSL_read(ssl, bytes, sizeof(bytes)) > 0)
		continue;
	say(hold ? "cut" : "reached");
}

static _Noreturn void
probe_http(const char *name, const char *port, const char *address)
{
	int fd = dial(address, port, SOCK_STREAM), len, status;
	char bytes[1024];
	ssize_t n;

	len = request_make(bytes, sizeof(bytes), name);
	if (send(fd, bytes, (size_t)len, MSG_NOSIGNAL) == -1 ||
	    (n = read(fd, bytes, sizeof(bytes) - 1)) == -1)
		say_errno(errno);
	bytes[n] = '\0';
	if (n == 0)
		say("closed");
	if (sscanf(bytes, "HTTP/1.%*c %d", &status) != 1)
		say("failed");
	if (status != 200)
		say(status == 403 ? "denied" : "failed");
	if (hold) {
		puts("reached");
		fflush(stdout);
	}
	while ((hold || path != NULL) && read(fd, bytes, sizeof(bytes)) > 0)
		continue;
	say(hold ? "cut" : "reached");
}

static int
bind_port(int type, const char *port)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6 };
	int fd, on = 1, off = 0;

	any.sin6_port = htons((uint16_t)atoi(port));
	if ((fd = socket(AF_INET6, type, 0)) == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1 ||
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) == -1 ||
	    bind(fd, (struct sockaddr *)&any, sizeof(any)) == -1 ||
	    (type == SOCK_STREAM && listen(fd, 16) == -1)) {
		perror("probe: cannot listen");
		exit(1);
	}
	return fd;
}

static void *
serve_connection(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char bytes[4096];
	ssize_t n;

	while ((n = read(fd, bytes, sizeof(bytes))) > 0)
		if (send(fd, bytes, (size_t)n, MSG_NOSIGNAL) != n)
			break;
	close(fd);
	return NULL;
}

/* A line each 100 ms, asked or not; what comes is told, not echoed. */
static void *
serve_talking(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char bytes[4096];
	ssize_t n;

	while (send(fd, "tick\n", 5, MSG_NOSIGNAL) == 5) {
		usleep(HOLD_MS * 1000);
		n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
		if (n > 0) {
			fwrite(bytes, 1, (size_t)n, stdout);
			fflush(stdout);
		}
	}
	close(fd);
	return NULL;
}

static _Noreturn void
serve(char **ports, int n)
{
	enum { MAX = 32 };
	struct pollfd fds[2 * MAX];
	struct sockaddr_storage from;
	char bytes[2048];
	pthread_t thread;
	socklen_t len;
	ssize_t got;
	int i, fd;

	for (i = 0; i < n && i < MAX; i++) {
		fds[2 * i] = (struct pollfd){ bind_port(SOCK_STREAM, ports[i]), POLLIN, 0 };
		fds[2 * i + 1] = (struct pollfd){ bind_port(SOCK_DGRAM, ports[i]), POLLIN, 0 };
	}
	n = i;
	puts("serving");
	fflush(stdout);
	while (poll(fds, (nfds_t)n * 2, -1) > 0)
		for (i = 0; i < 2 * n; i++) {
			if (fds[i].revents == 0)
				continue;
			len = sizeof(from);
			if (i % 2 == 0) {
				fd = accept(fds[i].fd, NULL, NULL);
				if (fd != -1 && pthread_create(&thread, NULL,
				        hold ? serve_talking : serve_connection,
				        (void *)(intptr_t)fd) == 0)
					pthread_detach(thread);
				continue;
			}
			got = recvfrom(fds[i].fd, bytes, sizeof(bytes), 0,
			    (struct sockaddr *)&from, &len);
			if (got >= 0)
				(void)sendto(fds[i].fd, bytes, (size_t)got, 0,
				    (struct sockaddr *)&from, len);
		}
	exit(1);
}

int
main(int argc, char **argv)
{
	const char *what, *name, *port;
	int c;

	while ((c = getopt(argc, argv, "+hp:t:u")) != -1) {
		if (c == 'h')
			hold = true;
		else if (c == 'p')
			path = optarg;
		else if (c == 't')
			deadline_ms = (int)(atof(optarg) * 1000);
		else if (c == 'u')
			undeterred = true;
		else
			usage();
	}
	argc -= optind;
	argv += optind;
	if (argc < 2)
		usage();
	what = argv[0];
	name = argv[1];
	port = argc > 2 ? argv[2] : strcmp(what, "http") == 0 ? "80" : "443";
	if (strcmp(what, "serve") == 0)
		serve(argv + 1, argc - 1);
	if (strcmp(what, "icmp") == 0)
		probe_icmp(name);
	if (strcmp(what, "tls") == 0)
		probe_tls(name, port, argc > 3 ? argv[3] : name);
	if (strcmp(what, "http") == 0)
		probe_http(name, port, argc > 3 ? argv[3] : name);
	if (argc > 2 && strcmp(what, "tcp") == 0)
		probe_echo(name, port, SOCK_STREAM);
	if (argc > 2 && strcmp(what, "udp") == 0)
		probe_echo(name, port, SOCK_DGRAM);
	usage();
}
