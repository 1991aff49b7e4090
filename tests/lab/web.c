/*
 * The lab's web server: HTTP/1 as far as clients of the stories speak it.
 *
 *	/bytes/N	N bytes
 *	/stream		a line each 100 ms, without end
 *	/sum		what was sent: its bytes and their SHA-256
 *	/files/PATH	a file of DIRECTORY/www, where a story put one
 *	anything else	a line naming what was asked
 *
 * A WebSocket upgrade is taken, and from then on every byte comes back.
 */
#include "config.h"

#include "web.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <openssl/evp.h>

enum {
	HEAD_SIZE = 16 << 10,
	STREAM_MICROSECONDS = 100000,
	SHA256_HEX = 64,
};

/* A connection, and what was read of it but not yet used. */
struct reader {
	struct peer	*peer;
	size_t		 have;
	char		 bytes[HEAD_SIZE + 1];
};

struct request {
	char	method[16], path[1024], host[256], connection[64];
	char	length[32], coding[32], upgrade[32], key[64];
};

ssize_t
peer_read(struct peer *peer, void *bytes, size_t len)
{
	int n;

	if (peer->ssl == NULL)
		return read(peer->fd, bytes, len);
	n = SSL_read(peer->ssl, bytes, (int)len);
	return n > 0 ? n : -1;
}

bool
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

/* ---- reading ---- */

static bool
reader_more(struct reader *r)
{
	ssize_t n;

	if (r->have == HEAD_SIZE ||
	    (n = peer_read(r->peer, r->bytes + r->have, HEAD_SIZE - r->have)) <= 0)
		return false;
	r->have += (size_t)n;
	r->bytes[r->have] = '\0';
	return true;
}

static void
reader_used(struct reader *r, size_t n)
{
	r->have -= n;
	memmove(r->bytes, r->bytes + n, r->have + 1);
}

/* The next line, without its end; false if there is none. */
static bool
reader_line(struct reader *r, char *line, size_t size)
{
	char *end;
	size_t n;

	while ((end = strstr(r->bytes, "\r\n")) == NULL) {
		if (!reader_more(r))
			return false;
	}
	n = (size_t)(end - r->bytes);
	snprintf(line, size, "%.*s", (int)(n < size ? n : size - 1), r->bytes);
	reader_used(r, n + 2);
	return true;
}

/* Feeds n bytes of a body to the sum, or throws them away. */
static bool
reader_sum(struct reader *r, unsigned long long n, EVP_MD_CTX *sum)
{
	for (size_t some; n > 0; n -= some) {
		if (r->have == 0 && !reader_more(r))
			return false;
		some = n < r->have ? (size_t)n : r->have;
		if (sum != NULL)
			EVP_DigestUpdate(sum, r->bytes, some);
		reader_used(r, some);
	}
	return true;
}

/* Its whole body; *total says how much that was. */
static bool
reader_body(struct reader *r, const struct request *q, EVP_MD_CTX *sum, unsigned long long *total)
{
	unsigned long long n;
	char line[256];

	*total = strtoull(q->length, NULL, 10);
	if (strcasecmp(q->coding, "chunked") != 0)
		return reader_sum(r, *total, sum);
	for (*total = 0;; *total += n) {
		if (!reader_line(r, line, sizeof(line)))
			return false;
		if ((n = strtoull(line, NULL, 16)) == 0)
			break;
		if (!reader_sum(r, n, sum) || !reader_line(r, line, sizeof(line)) || *line != '\0')
			return false;
	}
	do {
		if (!reader_line(r, line, sizeof(line)))
			return false;
	} while (*line != '\0');
	return true;
}

static void
take_header(struct request *q, const char *line)
{
	const struct {
		const char	*name;
		char		*value;
		size_t		 size;
	} wanted[] = {
		{ "Host", q->host, sizeof(q->host) },
		{ "Connection", q->connection, sizeof(q->connection) },
		{ "Content-Length", q->length, sizeof(q->length) },
		{ "Transfer-Encoding", q->coding, sizeof(q->coding) },
		{ "Upgrade", q->upgrade, sizeof(q->upgrade) },
		{ "Sec-WebSocket-Key", q->key, sizeof(q->key) },
	};

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		const size_t len = strlen(wanted[i].name);

		if (strncasecmp(line, wanted[i].name, len) == 0 && line[len] == ':')
			snprintf(wanted[i].value, wanted[i].size, "%s",
			    line + len + 1 + strspn(line + len + 1, " \t"));
	}
}

static bool
reader_request(struct reader *r, struct request *q)
{
	char line[2048];

	memset(q, 0, sizeof(*q));
	if (!reader_line(r, line, sizeof(line)) ||
	    sscanf(line, "%15s %1023s", q->method, q->path) != 2)
		return false;
	do {
		if (!reader_line(r, line, sizeof(line)))
			return false;
		take_header(q, line);
	} while (*line != '\0');
	return true;
}

/* ---- answers ---- */

static bool
answer_head(struct peer *peer, const char *status, unsigned long long length)
{
	char head[256];
	int n = snprintf(head, sizeof(head),
	    "HTTP/1.1 %s\r\nServer: gatehouse-lab\r\nContent-Type: text/plain\r\n"
	    "Content-Length: %llu\r\n\r\n", status, length);

	return peer_write(peer, head, (size_t)n);
}

static bool
answer_text(struct peer *peer, const struct request *q, const char *text)
{
	return answer_head(peer, "200 OK", strlen(text)) &&
	    (strcmp(q->method, "HEAD") == 0 || peer_write(peer, text, strlen(text)));
}

static bool
answer_bytes(struct peer *peer, unsigned long long left)
{
	static const char filler[16 << 10] = { 'x' };

	if (!answer_head(peer, "200 OK", left))
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
answer_file(struct peer *peer, const struct request *q, const char *directory)
{
	char path[2048], bytes[16 << 10];
	size_t len = strcspn(q->path, "?"), n;
	bool sent;
	long size;
	FILE *f = NULL;

	snprintf(path, sizeof(path), "%s/www/%.*s", directory, (int)(len - 7), q->path + 7);
	if (strstr(path, "..") == NULL && path[strlen(path) - 1] != '/')
		f = fopen(path, "re");
	if (f == NULL || fseek(f, 0, SEEK_END) == -1 || (size = ftell(f)) == -1) {
		if (f != NULL)
			fclose(f);
		return answer_head(peer, "404 Not Found", 0);
	}
	rewind(f);
	sent = answer_head(peer, "200 OK", (unsigned long long)size);
	while (sent && strcmp(q->method, "HEAD") != 0 && (n = fread(bytes, 1, sizeof(bytes), f)) > 0)
		sent = peer_write(peer, bytes, n);
	fclose(f);
	return sent;
}

/* RFC 6455 section 4.2.2; then whatever comes goes back. */
static void
answer_websocket(struct reader *r, const struct request *q)
{
	unsigned char sum[EVP_MAX_MD_SIZE], text[EVP_MAX_MD_SIZE * 2];
	char bytes[256];
	int n = snprintf(bytes, sizeof(bytes), "%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", q->key);
	unsigned len;

	if (EVP_Digest(bytes, (size_t)n, sum, &len, EVP_sha1(), NULL) != 1)
		return;
	EVP_EncodeBlock(text, sum, (int)len);
	n = snprintf(bytes, sizeof(bytes), "HTTP/1.1 101 Switching Protocols\r\n"
	    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: %s\r\n\r\n", text);
	if (!peer_write(r->peer, bytes, (size_t)n))
		return;
	do {
		if (!peer_write(r->peer, r->bytes, r->have))
			return;
		reader_used(r, r->have);
	} while (reader_more(r));
}

static bool
answer_sum(struct reader *r, const struct request *q)
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	char text[SHA256_HEX + 32];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned long long total;
	unsigned len = 0;
	bool read_it;
	int n;

	read_it = ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
	    reader_body(r, q, ctx, &total) && EVP_DigestFinal_ex(ctx, sum, &len) == 1;
	EVP_MD_CTX_free(ctx);
	if (!read_it)
		return false;
	n = snprintf(text, sizeof(text), "%llu ", total);
	for (unsigned i = 0; i < len; i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "%02x", sum[i]);
	return answer_text(r->peer, q, text);
}

/* False ends the connection. */
static bool
answer(struct reader *r, const struct request *q, const char *directory)
{
	char text[2048];
	unsigned long long n;

	if (strcmp(q->path, "/sum") == 0)
		return answer_sum(r, q);
	if (!reader_body(r, q, NULL, &n))
		return false;
	if (strcasecmp(q->upgrade, "websocket") == 0) {
		answer_websocket(r, q);
		return false;
	}
	if (strcmp(q->path, "/stream") == 0)
		return answer_stream(r->peer);
	if (strncmp(q->path, "/files/", 7) == 0)
		return answer_file(r->peer, q, directory);
	if (sscanf(q->path, "/bytes/%llu", &n) == 1)
		return answer_bytes(r->peer, n);
	snprintf(text, sizeof(text), "%s %.255s %.512s\n", q->method, q->host, q->path);
	return answer_text(r->peer, q, text);
}

void
web_serve(struct peer *peer, const char *directory)
{
	struct reader *r = malloc(sizeof(*r));
	struct request q;

	if (r == NULL)
		return;
	r->peer = peer;
	r->have = 0;
	r->bytes[0] = '\0';
	while (reader_request(r, &q) && answer(r, &q, directory) &&
	    strcasecmp(q.connection, "close") != 0)
		;
	free(r);
}
