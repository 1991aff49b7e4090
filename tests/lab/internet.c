/*
 * The lab's internet: an HTTP server on port 80, the same behind TLS on 443,
 * and an echo on port 7 (TCP and UDP), to which the namespace redirects every
 * other port.  It is whoever it is asked to be: a certificate is made for each
 * name in a ClientHello, signed by an authority made at the start, so that a
 * guest can tell that it really talks to that name and nobody in between.
 *
 *	internet DIRECTORY	writes DIRECTORY/ca.pem once it serves
 *
 * GET /bytes/N answers N bytes, /stream a line each 100 ms without end, any
 * other path a line naming what was asked.  One thread per connection: clear,
 * and quick enough for three guests.
 */
#include "config.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

enum {
	PORT_ECHO = 7,
	HEAD_SIZE = 16 << 10,
	STACK_SIZE = 256 << 10,
	VALID_SECONDS = 7 * 24 * 3600,
	STREAM_MICROSECONDS = 100000,
	BACKLOG = 1024,
};

struct server {
	int	fd;
	void	*(*serve)(void *);
};

/* One open connection; ssl is NULL in clear text. */
struct peer {
	int	fd;
	SSL	*ssl;
};

static EVP_PKEY	*key;	/* one for all certificates: only the lab trusts it */
static X509	*authority;
static SSL_CTX	*context;

static _Noreturn void
die(const char *what)
{
	fprintf(stderr, "internet: %s: %s\n", what, strerror(errno));
	exit(1);
}

static bool
add_extension(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *extension;
	X509V3_CTX ctx;
	bool done;

	X509V3_set_ctx(&ctx, authority != NULL ? authority : cert, cert, NULL, NULL, 0);
	if ((extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value)) == NULL)
		return false;
	done = X509_add_ext(cert, extension, -1) == 1;
	X509_EXTENSION_free(extension);
	return done;
}

/* A certificate for a name, or the authority's own while there is none.
 * Caller frees; NULL if the name does not fit in one. */
static X509 *
make_certificate(const char *name)
{
	static unsigned long serial = 1;
	char alt[300];
	X509_NAME *subject;
	X509 *cert;

	if ((cert = X509_new()) == NULL)
		return NULL;
	X509_set_version(cert, X509_VERSION_3);
	ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert),
	    __atomic_fetch_add(&serial, 1, __ATOMIC_RELAXED));
	X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), VALID_SECONDS);
	X509_set_pubkey(cert, key);
	subject = X509_get_subject_name(cert);
	/* A common name ends at 64 bytes; the alternative name is what counts. */
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
	    (const unsigned char *)(authority == NULL ? "gatehouse lab" : "lab"), -1, -1, 0);
	X509_set_issuer_name(cert,
	    authority == NULL ? subject : X509_get_subject_name(authority));
	snprintf(alt, sizeof(alt), "DNS:%s", name);
	if ((authority == NULL ?
	            !add_extension(cert, NID_basic_constraints, "critical,CA:TRUE") ||
	                !add_extension(cert, NID_key_usage, "critical,keyCertSign") :
	            !add_extension(cert, NID_subject_alt_name, alt)) ||
	    X509_sign(cert, key, EVP_sha256()) == 0) {
		X509_free(cert);
		return NULL;
	}
	return cert;
}

/* OpenSSL asks once it has read the hello. */
static int
on_hello(SSL *ssl, void *arg)
{
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	X509 *cert;
	int done;

	/* A comma would start another field of the extension. */
	if (name == NULL || strpbrk(name, ",\n") != NULL)
		name = "no-name.invalid";
	if ((cert = make_certificate(name)) == NULL)
		return 0;
	done = SSL_use_certificate(ssl, cert) == 1 && SSL_use_PrivateKey(ssl, key) == 1;
	X509_free(cert);
	return done;
}

static int
on_alpn(SSL *ssl, const unsigned char **out, unsigned char *outlen,
    const unsigned char *in, unsigned inlen, void *arg)
{
	static const unsigned char http[] = "\x08http/1.1";
	unsigned char *chosen;

	if (SSL_select_next_proto(&chosen, outlen, http, sizeof(http) - 1, in, inlen) !=
	    OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_NOACK;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static void
make_authority(void)
{
	if ((key = EVP_EC_gen("P-256")) == NULL || (authority = make_certificate("")) == NULL ||
	    (context = SSL_CTX_new(TLS_server_method())) == NULL)
		die("cannot make a certificate");
	SSL_CTX_set_cert_cb(context, on_hello, NULL);
	SSL_CTX_set_alpn_select_cb(context, on_alpn, NULL);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
}

/* By rename, since its presence says that the internet serves. */
static void
publish_authority(const char *dir)
{
	char path[512], part[520];
	FILE *f;

	snprintf(path, sizeof(path), "%s/ca.pem", dir);
	snprintf(part, sizeof(part), "%s.part", path);
	if ((f = fopen(part, "we")) == NULL || PEM_write_X509(f, authority) != 1 ||
	    fclose(f) != 0 || rename(part, path) == -1)
		die(path);
}

static ssize_t
peer_read(struct peer *peer, void *bytes, size_t len)
{
	int n;

	if (peer->ssl == NULL)
		return read(peer->fd, bytes, len);
	n = SSL_read(peer->ssl, bytes, (int)len);
	return n > 0 ? n : -1;
}

static bool
peer_write(struct peer *peer, const void *bytes, size_t len)
{
	const char *at = bytes;
	ssize_t n;

	while (len > 0) {
		n = peer->ssl != NULL ? SSL_write(peer->ssl, at, (int)len) :
		                        write(peer->fd, at, len);
		if (n <= 0)
			return false;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

/* The value of a header as text, "" without one. */
static void
header_value(const char *head, const char *name, char *value, size_t size)
{
	size_t len = strlen(name), n;
	const char *line;

	*value = '\0';
	for (line = strstr(head, "\r\n"); line != NULL; line = strstr(line, "\r\n")) {
		line += 2;
		if (strncasecmp(line, name, len) != 0 || line[len] != ':')
			continue;
		line += len + 1;
		line += strspn(line, " \t");
		n = strcspn(line, "\r\n");
		snprintf(value, size, "%.*s", (int)(n < size ? n : size - 1), line);
		return;
	}
}

static bool
answer_bytes(struct peer *peer, unsigned long long left)
{
	static const char filler[16 << 10] = { 'x' };
	char head[128];
	int n = snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %llu\r\n\r\n",
	    left);

	if (!peer_write(peer, head, (size_t)n))
		return false;
	for (size_t some; left > 0; left -= some) {
		some = left < sizeof(filler) ? (size_t)left : sizeof(filler);
		if (!peer_write(peer, filler, some))
			return false;
	}
	return true;
}

static bool
answer_stream(struct peer *peer)
{
	static const char head[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
	static const char line[] = "5\r\ntick\n\r\n";

	if (!peer_write(peer, head, sizeof(head) - 1))
		return false;
	while (peer_write(peer, line, sizeof(line) - 1))
		usleep(STREAM_MICROSECONDS);
	return false;
}

static bool
answer_line(struct peer *peer, const char *method, const char *host, const char *path)
{
	char body[1024], head[256];
	int blen = snprintf(body, sizeof(body), "%s %.255s %.512s\n", method, host, path);
	int hlen = snprintf(head, sizeof(head),
	    "HTTP/1.1 200 OK\r\nServer: gatehouse-lab\r\nContent-Type: text/plain\r\n"
	    "Content-Length: %d\r\n\r\n", blen);

	return peer_write(peer, head, (size_t)hlen) &&
	    (strcmp(method, "HEAD") == 0 || peer_write(peer, body, (size_t)blen));
}

/* One request whose head is all there; false ends the connection. */
static bool
answer(struct peer *peer, const char *head)
{
	char method[16], path[1024], host[256], connection[64];
	unsigned long long n;

	if (sscanf(head, "%15s %1023s", method, path) != 2)
		return false;
	header_value(head, "Host", host, sizeof(host));
	header_value(head, "Connection", connection, sizeof(connection));
	if (strcmp(path, "/stream") == 0)
		return answer_stream(peer);
	if (sscanf(path, "/bytes/%llu", &n) == 1 ? !answer_bytes(peer, n) :
	                                           !answer_line(peer, method, host, path))
		return false;
	return strcasecmp(connection, "close") != 0;
}

/* Requests one after the other until the peer or an answer ends it. */
static void
serve_requests(struct peer *peer)
{
	char head[HEAD_SIZE + 1], length[32], *end;
	unsigned long long body;
	size_t have = 0, used, some;
	ssize_t n;

	for (;;) {
		head[have] = '\0';
		while ((end = strstr(head, "\r\n\r\n")) == NULL) {
			if (have == HEAD_SIZE ||
			    (n = peer_read(peer, head + have, HEAD_SIZE - have)) <= 0)
				return;
			have += (size_t)n;
			head[have] = '\0';
		}
		used = (size_t)(end - head) + 4;
		*end = '\0';
		header_value(head, "Content-Length", length, sizeof(length));
		if (!answer(peer, head))
			return;
		have -= used;
		memmove(head, head + used, have);
		for (body = strtoull(length, NULL, 10); body > 0; body -= some) {
			if (have == 0) {
				if ((n = peer_read(peer, head, HEAD_SIZE)) <= 0)
					return;
				have = (size_t)n;
			}
			some = body < have ? (size_t)body : have;
			have -= some;
			memmove(head, head + some, have);
		}
	}
}

static void *
serve_http(void *arg)
{
	struct peer peer = { .fd = (int)(intptr_t)arg };

	serve_requests(&peer);
	close(peer.fd);
	return NULL;
}

static void *
serve_tls(void *arg)
{
	struct peer peer = { .fd = (int)(intptr_t)arg, .ssl = SSL_new(context) };

	if (peer.ssl != NULL && SSL_set_fd(peer.ssl, peer.fd) == 1 &&
	    SSL_accept(peer.ssl) == 1) {
		serve_requests(&peer);
		SSL_shutdown(peer.ssl);
	}
	SSL_free(peer.ssl);
	ERR_clear_error();
	close(peer.fd);
	return NULL;
}

static void *
serve_echo(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char bytes[4096];
	ssize_t n;

	while ((n = read(fd, bytes, sizeof(bytes))) > 0)
		if (write(fd, bytes, (size_t)n) != n)
			break;
	close(fd);
	return NULL;
}

static void *
accept_loop(void *arg)
{
	struct server *server = arg;
	pthread_attr_t attr;
	pthread_t thread;
	int fd, on = 1;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	for (;;) {
		if ((fd = accept(server->fd, NULL, NULL)) == -1) {
			usleep(1000);	/* out of descriptors, for a moment */
			continue;
		}
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		if (pthread_create(&thread, &attr, server->serve, (void *)(intptr_t)fd) != 0)
			close(fd);
	}
	return NULL;
}

/* Both families on one socket. */
static int
bind_port(int type, uint16_t port)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int fd, on = 1, off = 0;

	if ((fd = socket(AF_INET6, type, 0)) == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1 ||
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) == -1 ||
	    bind(fd, (struct sockaddr *)&any, sizeof(any)) == -1 ||
	    (type == SOCK_STREAM && listen(fd, BACKLOG) == -1))
		die("cannot listen");
	return fd;
}

static void
serve(uint16_t port, void *(*handler)(void *))
{
	struct server *server = malloc(sizeof(*server));
	pthread_t thread;

	if (server == NULL)
		die("malloc");
	server->fd = bind_port(SOCK_STREAM, port);
	server->serve = handler;
	if (pthread_create(&thread, NULL, accept_loop, server) != 0)
		die("cannot start a thread");
}

int
main(int argc, char **argv)
{
	struct sockaddr_storage from;
	socklen_t len;
	char bytes[2048];
	ssize_t n;
	int echo;

	if (argc != 2) {
		fprintf(stderr, "usage: internet DIRECTORY\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	echo = bind_port(SOCK_DGRAM, PORT_ECHO);
	serve(80, serve_http);
	serve(PORT_ECHO, serve_echo);
	make_authority();
	serve(443, serve_tls);
	publish_authority(argv[1]);
	for (;;) {
		len = sizeof(from);
		n = recvfrom(echo, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &len);
		if (n >= 0)
			(void)sendto(echo, bytes, (size_t)n, 0, (struct sockaddr *)&from, len);
	}
}
