/* HTTP/1 heads and bodies: what is understood, and what is refused because
 * two readers could understand it differently. */
#include "config.h"

#include "unit.h"

#include <string.h>

#include "proxy/http.h"

enum { LIMIT = 16 << 10 };

#define BYTES(s) s, sizeof(s) - 1

/* phrase NULL: accepted; else part of what the refusal says. */
static const struct {
	const char	*head;
	size_t		 len;
	const char	*phrase;
	const char	*host;
	uint8_t		 body;		/* enum http_body_kind */
} requests[] = {
	{ BYTES("GET / HTTP/1.1\r\nHost: a.com\r\n\r\n"), NULL, "a.com", HTTP_BODY_NONE },
	{ BYTES("GET / HTTP/1.0\r\nhost:a.com \t\r\n\r\n"), NULL, "a.com", HTTP_BODY_NONE },
	{ BYTES("GET http://a.com/x HTTP/1.1\r\nHost: A.COM:80\r\n\r\n"), NULL, "A.COM", HTTP_BODY_NONE },
	{ BYTES("GET http://a.com?q HTTP/1.1\r\nHost: a.com\r\n\r\n"), NULL, "a.com", HTTP_BODY_NONE },
	{ BYTES("OPTIONS * HTTP/1.1\r\nHost: a.com:8080\r\n\r\n"), NULL, "a.com", HTTP_BODY_NONE },
	{ BYTES("POST / HTTP/1.1\r\nHost: a.com\r\nContent-Length: 5\r\n\r\n"), NULL, "a.com", HTTP_BODY_LENGTH },
	{ BYTES("POST / HTTP/1.1\r\nHost: a.com\r\nContent-Length: 0\r\n\r\n"), NULL, "a.com", HTTP_BODY_NONE },
	{ BYTES("PUT / HTTP/1.1\r\nHost: a.com\r\nTransfer-Encoding: Chunked\r\n\r\n"), NULL, "a.com", HTTP_BODY_CHUNKED },
	{ BYTES("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"), NULL, "[::1]", HTTP_BODY_NONE },
	{ BYTES("GET / HTTP/1.1\r\nHost: a.com\r\nX: \x80\xff\r\n\r\n"), NULL, "a.com", HTTP_BODY_NONE },
	{ BYTES("GET / HTTP/1.1\r\nHost: a.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"), NULL, "a.com", HTTP_BODY_NONE },
	{ BYTES("CONNECT a.com:443 HTTP/1.1\r\nHost: a.com:443\r\n\r\n"), NULL, "a.com", HTTP_BODY_NONE },
	{ BYTES("CONNECT a.com:443 HTTP/1.1\r\nHost: A.COM\r\n\r\n"), NULL, "a.com", HTTP_BODY_NONE },
	{ BYTES("CONNECT a.com:443 HTTP/1.0\r\n\r\n"), NULL, "a.com", HTTP_BODY_NONE },
	{ BYTES("CONNECT [::1]:443 HTTP/1.0\r\n\r\n"), NULL, "[::1]", HTTP_BODY_NONE },
	{ BYTES("GET http://a.com:8080/ HTTP/1.1\r\nHost: a.com:8080\r\n\r\n"), NULL, "a.com", HTTP_BODY_NONE },

	{ BYTES("CONNECT a.com:443 HTTP/1.1\r\n\r\n"), "no Host", NULL, 0 },
	{ BYTES("CONNECT a.com:443 HTTP/1.1\r\nHost: b.com:443\r\n\r\n"), "differs from what CONNECT", NULL, 0 },
	{ BYTES("CONNECT a.com:443 HTTP/1.1\r\nHost: a.com:80\r\n\r\n"), "differs from what CONNECT", NULL, 0 },
	{ BYTES("CONNECT a.com HTTP/1.1\r\nHost: a.com\r\n\r\n"), "without host and port", NULL, 0 },
	{ BYTES("CONNECT a.com:0 HTTP/1.1\r\nHost: a.com\r\n\r\n"), "without host and port", NULL, 0 },
	{ BYTES("CONNECT http://a.com:443 HTTP/1.1\r\nHost: a.com\r\n\r\n"), "without host and port", NULL, 0 },
	{ BYTES("CONNECT a.com:443 HTTP/1.1\r\nHost: a.com\r\nContent-Length: 1\r\n\r\n"), "a body in a CONNECT", NULL, 0 },
	{ BYTES("CONNECT a.com:443 HTTP/1.1\r\nHost: a.com\r\nTransfer-Encoding: chunked\r\n\r\n"), "a body in a CONNECT", NULL, 0 },
	{ BYTES("GET http:///x HTTP/1.1\r\nHost: a.com\r\n\r\n"), "without a proper host", NULL, 0 },
	{ BYTES("GET http://a.com:80x/ HTTP/1.1\r\nHost: a.com\r\n\r\n"), "without a proper host", NULL, 0 },

	{ BYTES("POST / HTTP/1.1\r\nHost: a.com\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"), "both Transfer-Encoding", NULL, 0 },
	{ BYTES("POST / HTTP/1.1\r\nHost: a.com\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n"), "both Transfer-Encoding", NULL, 0 },
	{ BYTES("POST / HTTP/1.1\r\nHost: a.com\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n"), "more than one Content-Length", NULL, 0 },
	{ BYTES("POST / HTTP/1.1\r\nHost: a.com\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n"), "more than one Content-Length", NULL, 0 },
	{ BYTES("POST / HTTP/1.1\r\nHost: a.com\r\nContent-Length: 5, 5\r\n\r\n"), "not one number", NULL, 0 },
	{ BYTES("POST / HTTP/1.1\r\nHost: a.com\r\nContent-Length: +5\r\n\r\n"), "not one number", NULL, 0 },
	{ BYTES("POST / HTTP/1.1\r\nHost: a.com\r\nContent-Length: 0x5\r\n\r\n"), "not one number", NULL, 0 },
	{ BYTES("POST / HTTP/1.1\r\nHost: a.com\r\nContent-Length:\r\n\r\n"), "not one number", NULL, 0 },
	{ BYTES("POST / HTTP/1.1\r\nHost: a.com\r\nContent-Length: 99999999999999999999\r\n\r\n"), "not one number", NULL, 0 },
	{ BYTES("POST / HTTP/1.1\r\nHost: a.com\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"), "Transfer-Encoding other", NULL, 0 },
	{ BYTES("POST / HTTP/1.1\r\nHost: a.com\r\nTransfer-Encoding: xchunked\r\n\r\n"), "Transfer-Encoding other", NULL, 0 },
	{ BYTES("POST / HTTP/1.1\r\nHost: a.com\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"), "Transfer-Encoding other", NULL, 0 },
	{ BYTES("POST / HTTP/1.0\r\nHost: a.com\r\nTransfer-Encoding: chunked\r\n\r\n"), "HTTP/1.0", NULL, 0 },
	{ BYTES("GET / HTTP/1.1\r\nHost: a.com\r\nHost: b.com\r\n\r\n"), "more than one Host", NULL, 0 },
	{ BYTES("GET / HTTP/1.1\r\nHost: a.com\r\nHost: a.com\r\n\r\n"), "more than one Host", NULL, 0 },
	{ BYTES("GET / HTTP/1.1\r\n\r\n"), "no Host", NULL, 0 },
	{ BYTES("GET / HTTP/1.1\r\nHost:\r\n\r\n"), "empty Host", NULL, 0 },
	{ BYTES("GET / HTTP/1.1\r\nHost: :80\r\n\r\n"), "empty Host", NULL, 0 },
	{ BYTES("GET / HTTP/1.1\r\nHost: a.com:\r\n\r\n"), "impossible port", NULL, 0 },
	{ BYTES("GET / HTTP/1.1\r\nHost: a.com:99999\r\n\r\n"), "impossible port", NULL, 0 },
	{ BYTES("GET / HTTP/1.1\r\nHost: a.com:80:80\r\n\r\n"), "impossible port", NULL, 0 },
	{ BYTES("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"), "bracket", NULL, 0 },
	{ BYTES("GET http://b.com/ HTTP/1.1\r\nHost: a.com\r\n\r\n"), "differs", NULL, 0 },
	{ BYTES("GET http://a.com:81/ HTTP/1.1\r\nHost: a.com\r\n\r\n"), "differs", NULL, 0 },
	{ BYTES("GET http://a.com@b.com/ HTTP/1.1\r\nHost: b.com\r\n\r\n"), "user name", NULL, 0 },
	{ BYTES("GET https://a.com/ HTTP/1.1\r\nHost: a.com\r\n\r\n"), "asked for with CONNECT", NULL, 0 },
	{ BYTES("GET * HTTP/1.1\r\nHost: a.com\r\n\r\n"), "OPTIONS", NULL, 0 },
	{ BYTES("GET a.com HTTP/1.1\r\nHost: a.com\r\n\r\n"), "neither a path", NULL, 0 },
	{ BYTES("CONNECT a.com HTTP/1.1\r\nHost: a.com\r\n\r\n"), "CONNECT", NULL, 0 },
	{ BYTES("GET / HTTP/1.1\r\nHost: a.com\r\nX: 1\r\n folded\r\n\r\n"), "folded", NULL, 0 },
	{ BYTES("GET / HTTP/1.1\r\n Host: a.com\r\n\r\n"), "folded", NULL, 0 },
	{ BYTES("GET / HTTP/1.1\r\nHost : a.com\r\n\r\n"), "space before the colon", NULL, 0 },
	{ BYTES("GET / HTTP/1.1\r\nHost: a.com\r\nTransfer-Encoding\t: chunked\r\n\r\n"), "space before the colon", NULL, 0 },
	{ BYTES("GET / HTTP/1.1\r\nHost: a.com\r\nno colon\r\n\r\n"), "without a colon", NULL, 0 },
	{ BYTES("GET / HTTP/1.1\r\nHost: a.com\r\n: x\r\n\r\n"), "without a name", NULL, 0 },
	{ BYTES("GET / HTTP/1.1\r\nHost: a.com\r\nX(: x\r\n\r\n"), "may not be in one", NULL, 0 },
	{ BYTES("GET / HTTP/1.1\nHost: a.com\r\n\r\n"), "bare LF", NULL, 0 },
	{ BYTES("GET / HTTP/1.1\r\nHost: a.com\n\r\n"), "bare LF", NULL, 0 },
	{ BYTES("GET / HTTP/1.1\r\nHost: a.com\r\rX: 1\r\n\r\n"), "bare CR", NULL, 0 },
	{ BYTES("GET / HTTP/1.1\r\nHost: a\r.com\r\n\r\n"), "bare CR", NULL, 0 },
	{ BYTES("GET / HTTP/1.1\r\nHost: a.com\0.b.com\r\n\r\n"), "NUL", NULL, 0 },
	{ BYTES("GET / HTTP/1.1\r\nHost: a.com\r\nX: \x1b[2J\r\n\r\n"), "control byte", NULL, 0 },
	{ BYTES("\r\nGET / HTTP/1.1\r\nHost: a.com\r\n\r\n"), "empty line", NULL, 0 },
	{ BYTES("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "not one of HTTP/1", NULL, 0 },
	{ BYTES("EHLO mail.example\r\n"), "not one of HTTP/1", NULL, 0 },
	{ BYTES("GET / HTTP/1.2\r\nHost: a.com\r\n\r\n"), "METHOD TARGET", NULL, 0 },
	{ BYTES("GET  / HTTP/1.1\r\nHost: a.com\r\n\r\n"), "METHOD TARGET", NULL, 0 },
	{ BYTES("GET / x HTTP/1.1\r\nHost: a.com\r\n\r\n"), "METHOD TARGET", NULL, 0 },
	{ BYTES("GET /\tx HTTP/1.1\r\nHost: a.com\r\n\r\n"), "target with bytes", NULL, 0 },
	{ BYTES("GET / HTTP/1.1\r\nHost: a.com\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQ\r\n\r\n"), "HTTP/2", NULL, 0 },
	{ BYTES("GET / HTTP/1.1\r\nHost: a.com\r\nUpgrade: websocket, h2c\r\n\r\n"), "HTTP/2", NULL, 0 },
	{ BYTES("GET / HTTP/1.1\r\nHost: a.com\r\nConnection: host\r\n\r\n"), "take away", NULL, 0 },
	{ BYTES("GET http://a.com/ HTTP/1.1\r\nHost: a.com\r\nConnection: x, Host\r\n\r\n"), "take away", NULL, 0 },
	{ BYTES("POST / HTTP/1.1\r\nHost: a.com\r\nContent-Length: 3\r\nConnection: close,Content-Length\r\n\r\n"), "take away", NULL, 0 },
	{ BYTES("POST / HTTP/1.1\r\nHost: a.com\r\nTransfer-Encoding: chunked\r\nConnection: transfer-encoding\r\n\r\n"), "take away", NULL, 0 },
};

static const struct {
	const char	*head;
	size_t		 len;
	bool		 to_head;
	const char	*phrase;
	unsigned	 status;
	uint8_t		 body;
	bool		 keep_alive;
} responses[] = {
	{ BYTES("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"), false, NULL, 200, HTTP_BODY_LENGTH, true },
	{ BYTES("HTTP/1.1 200\r\nContent-Length: 5\r\n\r\n"), false, NULL, 200, HTTP_BODY_LENGTH, true },
	{ BYTES("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"), true, NULL, 200, HTTP_BODY_NONE, true },
	{ BYTES("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), false, NULL, 200, HTTP_BODY_CHUNKED, true },
	{ BYTES("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"), false, NULL, 200, HTTP_BODY_NONE, false },
	{ BYTES("HTTP/1.1 200 OK\r\n\r\n"), false, NULL, 200, HTTP_BODY_TO_CLOSE, false },
	{ BYTES("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n"), false, NULL, 200, HTTP_BODY_LENGTH, false },
	{ BYTES("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\n"), false, NULL, 200, HTTP_BODY_LENGTH, true },
	{ BYTES("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n"), false, NULL, 204, HTTP_BODY_NONE, true },
	{ BYTES("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"), false, NULL, 304, HTTP_BODY_NONE, true },
	/* What a server could do besides is no answer to anybody. */
	{ BYTES("HTTP/1.1 200 OK\r\nUpgrade: h2,h2c\r\nConnection: Upgrade\r\nContent-Length: 5\r\n\r\n"), false, NULL, 200, HTTP_BODY_LENGTH, true },
	{ BYTES("HTTP/1.1 100 Continue\r\n\r\n"), false, NULL, 100, HTTP_BODY_NONE, true },
	{ BYTES("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"), false, "both", 0, 0, 0 },
	{ BYTES("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 7\r\n\r\n"), false, "more than one", 0, 0, 0 },
	{ BYTES("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), false, "HTTP/1.0", 0, 0, 0 },
	{ BYTES("HTTP/1.1 20 OK\r\n\r\n"), false, "status line", 0, 0, 0 },
	{ BYTES("HTTP/1.1 099 OK\r\n\r\n"), false, "status line", 0, 0, 0 },
	{ BYTES("HTTP/2.0 200 OK\r\n\r\n"), false, "not one of HTTP/1", 0, 0, 0 },
	{ BYTES("HTTP/1.1 200 OK\r\nX: 1\r\n folded\r\n\r\n"), false, "folded", 0, 0, 0 },
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Scans in two steps; the phrase of a refusal, else NULL and *head_len. */
static const char *
scan_cut(const uint8_t *b, size_t len, size_t cut, size_t *head_len)
{
	struct http_scan scan = { 0 };
	enum reason why = REASON_NONE;
	const char *what = NULL;
	enum parse result;

	result = http_head_scan(&scan, b, cut, LIMIT, head_len, &why, &what);
	if (result == PARSE_MORE)
		result = http_head_scan(&scan, b, len, LIMIT, head_len, &why, &what);
	if (result == PARSE_REFUSE)
		assert_int_equal(why, REASON_MALFORMED);
	else
		assert_int_equal(result, PARSE_DONE);
	return what;
}

static void
check_phrase(const char *head, const char *got, const char *want)
{
	if ((got == NULL) != (want == NULL) || (want != NULL && strstr(got, want) == NULL))
		fail_msg("\"%s\": %s, not %s", head, got != NULL ? got : "accepted",
		    want != NULL ? want : "accepted");
}

static void
each_request_is_understood_or_refused_at_every_split(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(requests); i++) {
		for (size_t cut = 0; cut <= requests[i].len; cut++) {
			const uint8_t *b = (const uint8_t *)requests[i].head;
			struct http_request r;
			const char *what;
			size_t len = 0;

			what = scan_cut(b, requests[i].len, cut, &len);
			if (what == NULL)
				what = http_request_parse(b, len, &r);
			check_phrase(requests[i].head, what, requests[i].phrase);
			if (what != NULL)
				continue;
			assert_int_equal(len, requests[i].len);
			assert_int_equal(r.host.len, strlen(requests[i].host));
			assert_memory_equal(r.host.at, requests[i].host, r.host.len);
			assert_int_equal(r.body.kind, requests[i].body);
		}
	}
}

static void
each_response_is_understood_or_refused_at_every_split(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(responses); i++) {
		for (size_t cut = 0; cut <= responses[i].len; cut++) {
			const uint8_t *b = (const uint8_t *)responses[i].head;
			struct http_response r;
			const char *what;
			size_t len = 0;

			what = scan_cut(b, responses[i].len, cut, &len);
			if (what == NULL)
				what = http_response_parse(b, len, responses[i].to_head, &r);
			check_phrase(responses[i].head, what, responses[i].phrase);
			if (what != NULL)
				continue;
			assert_int_equal(r.status, responses[i].status);
			assert_int_equal(r.body.kind, responses[i].body);
			assert_int_equal(r.keep_alive, responses[i].keep_alive);
		}
	}
}

static void
a_head_ends_where_it_ends_not_where_the_bytes_do(void **state)
{
	static const char two[] = "GET /1 HTTP/1.1\r\nHost: a.com\r\n\r\nGET /2 HTTP/1.1\r\nHost: b.com\r\n\r\n";
	struct http_scan scan = { 0 };
	enum reason why;
	const char *what;
	size_t len = 0;

	(void)state;
	assert_int_equal(http_head_scan(&scan, (const uint8_t *)two, sizeof(two) - 1, LIMIT, &len, &why,
	    &what), PARSE_DONE);
	assert_int_equal(len, (sizeof(two) - 1) / 2);
}

static void
a_head_above_the_limit_is_refused(void **state)
{
	static uint8_t big[LIMIT + 1];
	struct http_scan scan = { 0 };
	enum reason why = REASON_NONE;
	const char *what;
	size_t len;

	(void)state;
	memset(big, 'a', sizeof(big));
	assert_int_equal(http_head_scan(&scan, big, LIMIT - 1, LIMIT, &len, &why, &what), PARSE_MORE);
	assert_int_equal(http_head_scan(&scan, big, LIMIT, LIMIT, &len, &why, &what), PARSE_REFUSE);
	assert_int_equal(why, REASON_TOO_LARGE);
}

static void
keep_alive_and_websocket_follow_the_fields(void **state)
{
	static const struct {
		const char	*head;
		bool		 keep_alive, websocket;
	} cases[] = {
		{ "GET / HTTP/1.1\r\nHost: a\r\n\r\n", true, false },
		{ "GET / HTTP/1.1\r\nHost: a\r\nConnection: foo, Close\r\n\r\n", false, false },
		{ "GET / HTTP/1.0\r\nHost: a\r\n\r\n", false, false },
		{ "GET / HTTP/1.0\r\nHost: a\r\nConnection: Keep-Alive\r\n\r\n", true, false },
		{ "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: WebSocket\r\n\r\n", true, true },
		{ "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket, other\r\n\r\n", true, false },
	};
	struct http_request r;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_null(http_request_parse((const uint8_t *)cases[i].head, strlen(cases[i].head), &r));
		assert_int_equal(r.keep_alive, cases[i].keep_alive);
		assert_int_equal(r.websocket, cases[i].websocket);
	}
}

/* asked of a proxy, and what its server gets; NULL: refused, and it says that. */
static const struct {
	const char	*asked, *got, *phrase;
} forwards[] = {
	{ "GET http://a.com/x?y HTTP/1.1\r\nHost: a.com\r\nAccept: */*\r\nProxy-Connection: Keep-Alive\r\n\r\n",
	    "GET /x?y HTTP/1.1\r\nHost: a.com\r\nAccept: */*\r\n\r\n", NULL },
	{ "GET HTTP://a.com HTTP/1.0\r\nHost: a.com\r\n\r\n", "GET / HTTP/1.0\r\nHost: a.com\r\n\r\n", NULL },
	{ "GET http://a.com:8080?q HTTP/1.1\r\nHost: a.com:8080\r\n\r\n",
	    "GET /?q HTTP/1.1\r\nHost: a.com:8080\r\n\r\n", NULL },
	{ "OPTIONS http://a.com HTTP/1.1\r\nHost: a.com\r\n\r\n",
	    "OPTIONS * HTTP/1.1\r\nHost: a.com\r\n\r\n", NULL },
	{ "OPTIONS http://a.com/ HTTP/1.1\r\nHost: a.com\r\n\r\n",
	    "OPTIONS / HTTP/1.1\r\nHost: a.com\r\n\r\n", NULL },
	{ "POST http://a.com/ HTTP/1.1\r\nX-Hop: 1\r\nHost: a.com\r\nConnection: close, x-hop\r\n"
	    "Content-Length: 3\r\nX-HOP:2\r\nX-Hopper: 3\r\nKeep-Alive: 5\r\n"
	    "Proxy-Authorization: Basic x\r\nconnection: TE\r\nTE: trailers\r\n\r\n",
	    "POST / HTTP/1.1\r\nHost: a.com\r\nContent-Length: 3\r\nX-Hopper: 3\r\n\r\n", NULL },
	{ "GET http://a.com/ HTTP/1.1\r\nHost: a.com\r\nConnection: Upgrade\r\nUpgrade: TLS/1.2\r\n\r\n",
	    "GET / HTTP/1.1\r\nHost: a.com\r\n\r\n", NULL },
	{ "GET http://a.com/ HTTP/1.1\r\nHost: a.com\r\nConnection: Upgrade, X\r\nX: 1\r\nUpgrade: websocket\r\n\r\n",
	    "GET / HTTP/1.1\r\nHost: a.com\r\nConnection: Upgrade, X\r\nUpgrade: websocket\r\n\r\n", NULL },
	{ "GET http://a.com/ HTTP/1.1\r\nHost: a.com\r\nConnection: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q\r\n\r\n",
	    NULL, "too many" },
};

static void
a_server_gets_a_path_and_none_of_the_fields_for_the_proxy(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(forwards); i++) {
		const size_t len = strlen(forwards[i].asked);
		char head[1024];
		const char *what = NULL;
		size_t n;

		memcpy(head, forwards[i].asked, len + 1);
		n = http_head_forward((uint8_t *)head, len, &what);
		if (forwards[i].got != NULL) {
			assert_int_equal(n, strlen(forwards[i].got));
			assert_string_equal(head + len - n, forwards[i].got);
		} else {
			assert_int_equal(n, 0);
			assert_non_null(strstr(what, forwards[i].phrase));
		}
	}
}

static const struct {
	struct http_body body;
	const char	*bytes;
	size_t		 len;
	enum parse	 result;
	size_t		 used;		/* of an accepted body */
} bodies[] = {
	{ { .kind = HTTP_BODY_NONE }, BYTES("next"), PARSE_DONE, 0 },
	{ { .kind = HTTP_BODY_LENGTH, .left = 5 }, BYTES("hellonext"), PARSE_DONE, 5 },
	{ { .kind = HTTP_BODY_LENGTH, .left = 50 }, BYTES("hello"), PARSE_MORE, 5 },
	{ { .kind = HTTP_BODY_TO_CLOSE }, BYTES("anything"), PARSE_MORE, 8 },
	{ { .kind = HTTP_BODY_CHUNKED }, BYTES("5\r\nhello\r\n0\r\n\r\nnext"), PARSE_DONE, 15 },
	{ { .kind = HTTP_BODY_CHUNKED }, BYTES("0\r\n\r\n"), PARSE_DONE, 5 },
	{ { .kind = HTTP_BODY_CHUNKED }, BYTES("000a;x=\"y z\"\r\n0123456789\r\n00;e\r\n\r\n"), PARSE_DONE, 34 },
	{ { .kind = HTTP_BODY_CHUNKED }, BYTES("A\r\n0123456789\r\n0\r\nETag: x\r\nY:\r\n\r\nGET"), PARSE_DONE, 33 },
	{ { .kind = HTTP_BODY_CHUNKED }, BYTES("5\r\nhel"), PARSE_MORE, 6 },
	{ { .kind = HTTP_BODY_CHUNKED }, BYTES("fffffffffffffffff\r\n"), PARSE_REFUSE, 0 },
	{ { .kind = HTTP_BODY_CHUNKED }, BYTES("1000000000000000\r\n"), PARSE_REFUSE, 0 },
	{ { .kind = HTTP_BODY_CHUNKED }, BYTES("-1\r\n"), PARSE_REFUSE, 0 },
	{ { .kind = HTTP_BODY_CHUNKED }, BYTES("0x5\r\nhello\r\n"), PARSE_REFUSE, 0 },
	{ { .kind = HTTP_BODY_CHUNKED }, BYTES(" 5\r\nhello\r\n"), PARSE_REFUSE, 0 },
	{ { .kind = HTTP_BODY_CHUNKED }, BYTES("5 \r\nhello\r\n"), PARSE_REFUSE, 0 },
	{ { .kind = HTTP_BODY_CHUNKED }, BYTES("\r\nhello"), PARSE_REFUSE, 0 },
	{ { .kind = HTTP_BODY_CHUNKED }, BYTES("5\nhello\r\n"), PARSE_REFUSE, 0 },
	{ { .kind = HTTP_BODY_CHUNKED }, BYTES("5\rXhello"), PARSE_REFUSE, 0 },
	{ { .kind = HTTP_BODY_CHUNKED }, BYTES("5;a\nb\r\nhello\r\n"), PARSE_REFUSE, 0 },
	{ { .kind = HTTP_BODY_CHUNKED }, BYTES("5\r\nhelloX\r\n"), PARSE_REFUSE, 0 },
	{ { .kind = HTTP_BODY_CHUNKED }, BYTES("5\r\nhello\n0\r\n\r\n"), PARSE_REFUSE, 0 },
	{ { .kind = HTTP_BODY_CHUNKED }, BYTES("0\r\n folded\r\n\r\n"), PARSE_REFUSE, 0 },
	{ { .kind = HTTP_BODY_CHUNKED }, BYTES("0\r\nno colon\r\n\r\n"), PARSE_REFUSE, 0 },
	{ { .kind = HTTP_BODY_CHUNKED }, BYTES("0\r\nX: a\nY: b\r\n\r\n"), PARSE_REFUSE, 0 },
	{ { .kind = HTTP_BODY_CHUNKED }, BYTES("0\r\nX: \0\r\n\r\n"), PARSE_REFUSE, 0 },
	{ { .kind = HTTP_BODY_CHUNKED }, BYTES("0\r\n\rX"), PARSE_REFUSE, 0 },
};

static void
each_body_ends_where_its_framing_says_at_every_split(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bodies); i++) {
		for (size_t cut = 0; cut <= bodies[i].len; cut++) {
			const uint8_t *b = (const uint8_t *)bodies[i].bytes;
			struct http_body body = bodies[i].body;
			const char *what = NULL;
			size_t first = 0, second = 0;
			enum parse result;

			result = http_body_feed(&body, b, cut, &first, &what);
			if (result == PARSE_MORE)
				result = http_body_feed(&body, b + first, bodies[i].len - first, &second, &what);
			if (result != bodies[i].result)
				fail_msg("\"%s\" cut at %zu: %d", bodies[i].bytes, cut, result);
			if (result != PARSE_REFUSE)
				assert_int_equal(first + second, bodies[i].used);
			else
				assert_non_null(what);
		}
	}
}

static void
endless_extensions_and_trailers_are_refused(void **state)
{
	static uint8_t flood[32 << 10];
	struct http_body body = { .kind = HTTP_BODY_CHUNKED };
	const char *what;
	size_t used;

	(void)state;
	memset(flood, 'a', sizeof(flood));
	assert_int_equal(http_body_feed(&body, (const uint8_t *)"1;", 2, &used, &what), PARSE_MORE);
	assert_int_equal(http_body_feed(&body, flood, sizeof(flood), &used, &what), PARSE_REFUSE);
	body = (struct http_body){ .kind = HTTP_BODY_CHUNKED };
	assert_int_equal(http_body_feed(&body, (const uint8_t *)"0\r\nX:", 5, &used, &what), PARSE_MORE);
	assert_int_equal(http_body_feed(&body, flood, sizeof(flood), &used, &what), PARSE_REFUSE);
}

static void
a_protocol_is_told_from_its_first_bytes(void **state)
{
	static const struct {
		const char	*bytes;
		size_t		 len;
		enum parse	 result;
	} cases[] = {
		{ BYTES("G"), PARSE_MORE },
		{ BYTES("GET "), PARSE_DONE },
		{ BYTES("M-SEARCH *"), PARSE_DONE },
		{ BYTES("SSH-2.0-OpenSSH_9.2\r\n"), PARSE_REFUSE },
		{ BYTES(" GET"), PARSE_REFUSE },
		{ BYTES("\r\n"), PARSE_REFUSE },
		{ BYTES("\0\0\0"), PARSE_REFUSE },
		{ BYTES("\x80\x2e\x01"), PARSE_REFUSE },
		{ BYTES("ABCDEFGHIJKLMNOPQRSTUVWXYZ "), PARSE_REFUSE },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(http_detect((const uint8_t *)cases[i].bytes, cases[i].len),
		    cases[i].result);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_request_is_understood_or_refused_at_every_split),
		cmocka_unit_test(each_response_is_understood_or_refused_at_every_split),
		cmocka_unit_test(a_head_ends_where_it_ends_not_where_the_bytes_do),
		cmocka_unit_test(a_head_above_the_limit_is_refused),
		cmocka_unit_test(keep_alive_and_websocket_follow_the_fields),
		cmocka_unit_test(a_server_gets_a_path_and_none_of_the_fields_for_the_proxy),
		cmocka_unit_test(each_body_ends_where_its_framing_says_at_every_split),
		cmocka_unit_test(endless_extensions_and_trailers_are_refused),
		cmocka_unit_test(a_protocol_is_told_from_its_first_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
