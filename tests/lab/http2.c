/*
 * As much HTTP/2 (RFC 9113) as shows that a client's passes a proxy untouched:
 * frames are read, what they ask for is not, and each request is answered
 * alike.  So no header needs to be unpacked, and the two that are sent are
 * written as HPACK (RFC 7541) by hand.
 */
#include "config.h"

#include "web.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum {
	PREFACE_SIZE = 24,
	HEAD_SIZE = 9,		/* of a frame */
	PAYLOAD_MAX = 16384,	/* unless settings say more, which they do not */

	FRAME_DATA = 0,
	FRAME_HEADERS = 1,
	FRAME_SETTINGS = 4,
	FRAME_PING = 6,
	FRAME_GOAWAY = 7,
	FLAG_ACK = 1,
	FLAG_END_STREAM = 1,
	FLAG_END_HEADERS = 4,
};

static bool
read_all(struct peer *peer, uint8_t *bytes, size_t len)
{
	ssize_t n;

	for (; len > 0; bytes += n, len -= (size_t)n) {
		if ((n = peer_read(peer, bytes, len)) <= 0)
			return false;
	}
	return true;
}

static bool
send_frame(struct peer *peer, unsigned type, unsigned flags, uint32_t stream, const void *payload,
    size_t len)
{
	uint8_t head[HEAD_SIZE] = { (uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len,
		(uint8_t)type, (uint8_t)flags, (uint8_t)(stream >> 24), (uint8_t)(stream >> 16),
		(uint8_t)(stream >> 8), (uint8_t)stream };

	return peer_write(peer, head, sizeof(head)) && peer_write(peer, payload, len);
}

static bool
answer(struct peer *peer, uint32_t stream)
{
	/* :status 200, content-type: text/plain */
	static const uint8_t headers[] = "\x88\x0f\x10\x0atext/plain";
	const char *name = SSL_get_servername(peer->ssl, TLSEXT_NAMETYPE_host_name);
	char body[300];
	int n = snprintf(body, sizeof(body), "h2 %s\n", name != NULL ? name : "");

	return send_frame(peer, FRAME_HEADERS, FLAG_END_HEADERS, stream, headers,
	    sizeof(headers) - 1) &&
	    send_frame(peer, FRAME_DATA, FLAG_END_STREAM, stream, body, (size_t)n);
}

/* False ends the connection. */
static bool
take_frame(struct peer *peer)
{
	uint8_t head[HEAD_SIZE], payload[PAYLOAD_MAX];
	size_t len;
	uint32_t stream;

	if (!read_all(peer, head, sizeof(head)))
		return false;
	len = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
	stream = (uint32_t)(head[5] & 0x7f) << 24 | (uint32_t)head[6] << 16 |
	    (uint32_t)head[7] << 8 | head[8];
	if (len > sizeof(payload) || !read_all(peer, payload, len))
		return false;
	switch (head[3]) {
	case FRAME_DATA:
	case FRAME_HEADERS:
		return !(head[4] & FLAG_END_STREAM) || answer(peer, stream);
	case FRAME_SETTINGS:
		return (head[4] & FLAG_ACK) || send_frame(peer, FRAME_SETTINGS, FLAG_ACK, 0, NULL, 0);
	case FRAME_PING:
		return (head[4] & FLAG_ACK) ||
		    send_frame(peer, FRAME_PING, FLAG_ACK, 0, payload, len);
	default:
		return head[3] != FRAME_GOAWAY;
	}
}

void
http2_serve(struct peer *peer)
{
	uint8_t preface[PREFACE_SIZE];

	if (!read_all(peer, preface, sizeof(preface)) || memcmp(preface, "PRI * HTTP/2.0", 14) != 0 ||
	    !send_frame(peer, FRAME_SETTINGS, 0, 0, NULL, 0))
		return;
	while (take_frame(peer))
		;
}
