/*
 * Bodies of HTTP/1 messages: how many of the bytes that follow a head belong
 * to it.  Nothing is buffered; a length is counted down, and chunks
 * (RFC 9112 section 7.1) are walked by a small machine that looks at every
 * byte of their framing and skips their data.
 */
#include "config.h"

#include "proxy/http.h"

#include <string.h>

#include "text.h"

enum chunk_state {
	CHUNK_SIZE,		/* hexadecimal digits */
	CHUNK_EXTENSION,
	CHUNK_SIZE_LF,
	CHUNK_DATA,
	CHUNK_DATA_CR,
	CHUNK_DATA_LF,
	TRAILER_START,		/* of a line */
	TRAILER_NAME,
	TRAILER_VALUE,
	TRAILER_LF,
	TRAILER_END_LF,
	CHUNK_END,
};

enum {
	SIZE_DIGITS = 15,	/* below 2^60: no sum of sizes can overflow */
	EXTENSION_MAX = 1024,
	TRAILERS_MAX = 16 << 10,
};

static bool
is_control(uint8_t c)
{
	return (c < ' ' && c != '\t') || c == 0x7f;
}

static const char *
chunk_size_byte(struct http_body *body, uint8_t c)
{
	int digit = text_hex_value(c);

	if (digit != -1) {
		if (++body->digits > SIZE_DIGITS)
			return "a chunk size too large to be one";
		body->left = body->left << 4 | (uint64_t)digit;
		return NULL;
	}
	if (body->digits == 0 || (c != '\r' && c != ';'))
		return "a chunk size that is not a number";
	body->digits = 0;
	body->state = c == '\r' ? CHUNK_SIZE_LF : CHUNK_EXTENSION;
	return NULL;
}

static const char *
chunk_extension_byte(struct http_body *body, uint8_t c)
{
	if (c == '\r') {
		body->digits = 0;
		body->state = CHUNK_SIZE_LF;
		return NULL;
	}
	if (is_control(c))
		return "a chunk extension with a control byte";
	if (++body->digits > EXTENSION_MAX)
		return "a chunk extension larger than allowed";
	return NULL;
}

static const char *
trailer_byte(struct http_body *body, uint8_t c)
{
	if (++body->trailer > TRAILERS_MAX)
		return "trailers larger than allowed";
	switch (body->state) {
	case TRAILER_START:
		if (c == '\r')
			body->state = TRAILER_END_LF;
		else if (c <= ' ' || c == 0x7f || c == ':')
			return "a trailer line without a name";
		else
			body->state = TRAILER_NAME;
		return NULL;
	case TRAILER_NAME:
		if (c <= ' ' || c >= 0x7f)
			return "a trailer name with bytes that may not be in one";
		if (c == ':')
			body->state = TRAILER_VALUE;
		return NULL;
	default:
		if (c == '\r')
			body->state = TRAILER_LF;
		else if (is_control(c))
			return "a trailer with a control byte";
		return NULL;
	}
}

/* CR or LF where nothing else may stand. */
static const char *
chunk_line_end(struct http_body *body, uint8_t c)
{
	static const struct {
		uint8_t	want, next;
	} ends[CHUNK_END] = {
		[CHUNK_SIZE_LF] = { '\n', CHUNK_DATA },
		[CHUNK_DATA_CR] = { '\r', CHUNK_DATA_LF },
		[CHUNK_DATA_LF] = { '\n', CHUNK_SIZE },
		[TRAILER_LF] = { '\n', TRAILER_START },
		[TRAILER_END_LF] = { '\n', CHUNK_END },
	};

	if (c != ends[body->state].want)
		return "a chunk that does not end where its size says, or a bare CR or LF";
	if (body->state == CHUNK_SIZE_LF && body->left == 0)
		body->state = TRAILER_START;
	else
		body->state = ends[body->state].next;
	return NULL;
}

static const char *
chunk_byte(struct http_body *body, uint8_t c)
{
	switch (body->state) {
	case CHUNK_SIZE:
		return chunk_size_byte(body, c);
	case CHUNK_EXTENSION:
		return chunk_extension_byte(body, c);
	case TRAILER_START:
	case TRAILER_NAME:
	case TRAILER_VALUE:
		return trailer_byte(body, c);
	default:
		return chunk_line_end(body, c);
	}
}

/* As much of len as the length or the chunk still has. */
static size_t
take_data(struct http_body *body, size_t len)
{
	size_t n = body->left < len ? (size_t)body->left : len;

	body->left -= n;
	return n;
}

static enum parse
feed_chunked(struct http_body *body, const uint8_t *b, size_t len, size_t *used, const char **what)
{
	while (*used < len && body->state != CHUNK_END) {
		if (body->state == CHUNK_DATA) {
			*used += take_data(body, len - *used);
			if (body->left == 0)
				body->state = CHUNK_DATA_CR;
			continue;
		}
		*what = chunk_byte(body, b[*used]);
		if (*what != NULL)
			return PARSE_REFUSE;
		++*used;
	}
	return body->state == CHUNK_END ? PARSE_DONE : PARSE_MORE;
}

enum parse
http_body_feed(struct http_body *body, const uint8_t *b, size_t len, size_t *used, const char **what)
{
	*used = 0;
	switch (body->kind) {
	case HTTP_BODY_LENGTH:
		*used = take_data(body, len);
		return body->left == 0 ? PARSE_DONE : PARSE_MORE;
	case HTTP_BODY_CHUNKED:
		return feed_chunked(body, b, len, used, what);
	case HTTP_BODY_TO_CLOSE:
		*used = len;
		return PARSE_MORE;
	default:
		return PARSE_DONE;
	}
}
