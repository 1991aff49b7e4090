/*
 * Whatever a guest or a server sends as HTTP: heads and bodies end at the
 * same byte however the bytes were cut, and what is kept of a head lies
 * inside it.  The first input byte says whose bytes they are (even: a
 * request's), the second where they are cut.  A request to a proxy is also
 * turned into its server's: that one is for the same host, and framed alike.
 * A response is also read as an upstream proxy's to CONNECT.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "proxy/chain.h"
#include "proxy/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

enum { LIMIT = 8 << 10 };

static enum parse
scan_in_steps(const uint8_t *b, size_t len, size_t step, size_t *head_len, enum reason *why)
{
	struct http_scan scan = { 0 };
	enum parse result = PARSE_MORE;
	const char *what;

	for (size_t at = step; at < len && result == PARSE_MORE; at += step)
		result = http_head_scan(&scan, b, at, LIMIT, head_len, why, &what);
	if (result == PARSE_MORE)
		result = http_head_scan(&scan, b, len, LIMIT, head_len, why, &what);
	return result;
}

static enum parse
feed_in_steps(struct http_body body, const uint8_t *b, size_t len, size_t step, size_t *end)
{
	enum parse result = PARSE_MORE;
	const char *what;
	size_t used;

	*end = 0;
	do {
		size_t n = len - *end < step ? len - *end : step;

		result = http_body_feed(&body, b + *end, n, &used, &what);
		if (used > n)
			abort();
		*end += used;
	} while (result == PARSE_MORE && *end < len);
	return result;
}

static void
check_body(struct http_body body, const uint8_t *b, size_t len, size_t step)
{
	size_t one, many;
	enum parse result = feed_in_steps(body, b, len, len + 1, &one);

	if (feed_in_steps(body, b, len, step, &many) != result || one != many)
		abort();
}

static void
check_view(struct view v, const uint8_t *b, size_t len)
{
	if (v.len > 0 && (v.at < b || v.at + v.len > b + len))
		abort();
}

static bool
is_same(struct view a, struct view b)
{
	return a.len == b.len && memcmp(a.at, b.at, a.len) == 0;
}

static void
check_forward(const uint8_t *b, size_t len, const struct http_request *asked)
{
	uint8_t *head = malloc(len);
	struct http_request got;
	const char *what;
	size_t n;

	if (head == NULL)
		abort();
	memcpy(head, b, len);
	n = http_head_forward(head, len, &what);
	if (n > 0 && (n > len || http_request_parse(head + len - n, n, &got) != NULL ||
	    got.form != HTTP_FORM_PATH || !is_same(got.host, asked->host) ||
	    !is_same(got.method, asked->method) || got.body.kind != asked->body.kind ||
	    got.body.left != asked->body.left || got.websocket != asked->websocket))
		abort();
	free(head);
}

static enum parse
chain_in_steps(const uint8_t *b, size_t len, size_t step, unsigned *status, size_t *end)
{
	struct chain_scan scan = { .at = 0 };
	enum parse result = PARSE_MORE;
	const char *what = NULL;

	*status = 0;
	*end = 0;
	for (size_t at = step; at < len && result == PARSE_MORE; at += step)
		result = chain_answer(&scan, b, at, LIMIT, status, end, &what);
	if (result == PARSE_MORE)
		result = chain_answer(&scan, b, len, LIMIT, status, end, &what);
	if (result == PARSE_REFUSE && what == NULL)
		abort();
	return result;
}

/* As an upstream proxy's answer to CONNECT, with interim ones before it. */
static void
check_chain(const uint8_t *b, size_t len, size_t step)
{
	unsigned status, status_steps;
	size_t end, end_steps;
	enum parse result = chain_in_steps(b, len, len + 1, &status, &end);

	if (chain_in_steps(b, len, step, &status_steps, &end_steps) != result ||
	    status != status_steps || end != end_steps || end > len ||
	    (result == PARSE_DONE && (status < 200 || end == 0)))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct http_request request;
	struct http_response response;
	size_t head = 0, head_steps = 0, step;
	enum reason why = REASON_NONE, why_steps = REASON_NONE;
	enum parse result;

	if (len < 2)
		return 0;
	step = data[1] % 61 + 1u;
	http_detect(data + 2, len - 2);
	if (data[0] % 2 == 1)
		check_chain(data + 2, len - 2, step);
	result = scan_in_steps(data + 2, len - 2, len, &head, &why);
	if (scan_in_steps(data + 2, len - 2, step, &head_steps, &why_steps) != result ||
	    head != head_steps || why != why_steps)
		abort();
	if (result != PARSE_DONE)
		return 0;
	if (data[0] % 2 == 0) {
		if (http_request_parse(data + 2, head, &request) != NULL)
			return 0;
		check_view(request.method, data + 2, head);
		check_view(request.target, data + 2, head);
		check_view(request.host, data + 2, head);
		if (request.form == HTTP_FORM_URI)
			check_forward(data + 2, head, &request);
		check_body(request.body, data + 2 + head, len - 2 - head, step);
	} else if (http_response_parse(data + 2, head, false, &response) == NULL) {
		check_body(response.body, data + 2 + head, len - 2 - head, step);
	}
	return 0;
}
