/*
 * The lab's internet: an HTTP server on port 80, the same behind TLS on 443,
 * and an echo on port 7 (TCP and UDP), to which the namespace redirects every
 * other port.  It is whoever it is asked to be: a certificate is made for each
 * name in a ClientHello, signed by an authority made at the start, so that a
 * guest can tell that it really talks to that name and nobody in between.
 *
 *	internet DIRECTORY	writes DIRECTORY/ca.pem once it serves
 *
 * What HTTP/1 answers says web.c; names that begin with "h2." speak HTTP/2 in
 * TLS.  One thread per connection: clear, and quick enough for three guests.
 */
#include "config.h"

#include "web.h"

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
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

enum {
	PORT_ECHO = 7,
	STACK_SIZE = 256 << 10,
	VALID_SECONDS = 7 * 24 * 3600,
	BACKLOG = 1024,
};

struct server {
	int	fd;
	void	*(*serve)(void *);
};

static EVP_PKEY	*key;	/* one for all certificates: only the lab trusts it */
static X509	*authority;
static SSL_CTX	*context;
static const char *directory;

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
	static const unsigned char http[] = "\x02h2\x08http/1.1";
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	const unsigned skip = name != NULL && strncmp(name, "h2.", 3) == 0 ? 0 : 3;
	unsigned char *chosen;

	if (SSL_select_next_proto(&chosen, outlen, http + skip, sizeof(http) - 1 - skip, in, inlen) !=
	    OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_NOACK;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static void
make_authority(void)
{
	/* Not const, as OpenSSL's macro takes the const away. */
	static char groups[] = "X25519:P-256";

	if ((key = EVP_EC_gen("P-256")) == NULL || (authority = make_certificate("")) == NULL ||
	    (context = SSL_CTX_new(TLS_server_method())) == NULL)
		die("cannot make a certificate");
	SSL_CTX_set_cert_cb(context, on_hello, NULL);
	SSL_CTX_set_alpn_select_cb(context, on_alpn, NULL);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	/* Whoever offers a share of neither is asked for a second hello. */
	SSL_CTX_set1_groups_list(context, groups);
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

static void *
serve_http(void *arg)
{
	struct peer peer = { .fd = (int)(intptr_t)arg };

	web_serve(&peer, directory);
	close(peer.fd);
	return NULL;
}

static void *
serve_tls(void *arg)
{
	struct peer peer = { .fd = (int)(intptr_t)arg, .ssl = SSL_new(context) };
	const unsigned char *protocol;
	unsigned len;

	if (peer.ssl != NULL && SSL_set_fd(peer.ssl, peer.fd) == 1 &&
	    SSL_accept(peer.ssl) == 1) {
		SSL_get0_alpn_selected(peer.ssl, &protocol, &len);
		if (len == 2)
			http2_serve(&peer);
		else
			web_serve(&peer, directory);
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
	directory = argv[1];
	signal(SIGPIPE, SIG_IGN);
	echo = bind_port(SOCK_DGRAM, PORT_ECHO);
	serve(80, serve_http);
	serve(PORT_ECHO, serve_echo);
	make_authority();
	serve(443, serve_tls);
	publish_authority(directory);
	for (;;) {
		len = sizeof(from);
		n = recvfrom(echo, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &len);
		if (n >= 0)
			(void)sendto(echo, bytes, (size_t)n, 0, (struct sockaddr *)&from, len);
	}
}
