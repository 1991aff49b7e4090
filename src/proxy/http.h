/*
 * HTTP/1 (RFC 9110, RFC 9112) as far as a filter must understand it: where
 * each head ends, which host it is for, and where its body ends.  Strict on
 * purpose: what two readers could read in two ways is refused, so that the
 * server never sees another request than the one that was judged.
 */
#ifndef HTTP_H
#define HTTP_H

#include "gatehouse.h"
#include "parse.h"
#include "proxy/view.h"

/* Finds the end of a head; all zero at the start of each. */
struct http_scan {
	size_t	at;		/* bytes looked at */
	size_t	line;		/* length of the line they end in */
	bool	begun;		/* the first line is over */
};

/*
 * Looks at the len bytes of a head received so far (each call the same ones
 * and more).  PARSE_DONE sets *head_len; PARSE_REFUSE sets *why
 * (REASON_MALFORMED or REASON_TOO_LARGE) and *what to a static phrase.
 */
enum parse	 http_head_scan(struct http_scan *, const uint8_t *, size_t len, size_t max,
		    size_t *head_len, enum reason *why, const char **what);

enum http_body_kind {
	HTTP_BODY_NONE,
	HTTP_BODY_LENGTH,
	HTTP_BODY_CHUNKED,
	HTTP_BODY_TO_CLOSE,	/* responses only */
};

/* A body being passed on: how much of what follows still belongs to it. */
struct http_body {
	uint8_t		kind;		/* enum http_body_kind */
	uint8_t		state;		/* of the chunk parser */
	uint16_t	digits;		/* of a chunk's size, or bytes of an extension */
	uint32_t	trailer;	/* bytes of trailers so far */
	uint64_t	left;		/* of the length, or of the chunk */
};

/*
 * Takes the next bytes; *used says how many belong to the body.  PARSE_DONE:
 * the body ends there (for a body of nothing at once).  PARSE_REFUSE sets
 * *what to a static phrase; then *used are still good.
 */
enum parse	 http_body_feed(struct http_body *, const uint8_t *, size_t len, size_t *used,
		    const char **what);

/* How a request names what it is for (RFC 9112 section 3.2). */
enum http_form {
	HTTP_FORM_PATH,			/* "/path", and "*" */
	HTTP_FORM_URI,			/* "http://host/path", as a proxy is asked */
	HTTP_FORM_AUTHORITY,		/* "host:port", of CONNECT */
};

struct http_request {
	struct view	 method, target;
	struct view	 host;		/* without port; brackets kept */
	uint16_t	 host_port;	/* 0: not given */
	uint16_t	 port;		/* of a URI or an authority; else 0 */
	uint8_t		 form;		/* enum http_form */
	uint8_t		 minor;		/* HTTP/1.minor */
	bool		 head, connect;	/* the method is HEAD, CONNECT */
	bool		 keep_alive;
	bool		 websocket;	/* asks to become a WebSocket */
	struct http_body body;
};

struct http_response {
	unsigned	 status;
	uint8_t		 minor;
	bool		 keep_alive;
	struct http_body body;		/* as of a response to other than HEAD */
};

/* Reads a whole head. NULL, or a static phrase that says what is wrong. */
const char	*http_request_parse(const uint8_t *, size_t len, struct http_request *);
/* to_head: it answers a HEAD request, so no body follows whatever it says. */
const char	*http_response_parse(const uint8_t *, size_t len, bool to_head, struct http_response *);

/*
 * Turns a request to a proxy (HTTP_FORM_URI) into the one its server is to
 * get: a path instead of the URI, and without the fields that are for the
 * proxy alone (RFC 9110 section 7.6.1).  In place: the new head ends where the
 * old one did.  Returns its length; 0 and *what, a static phrase, if it cannot
 * be passed on.
 */
size_t		 http_head_forward(uint8_t *, size_t len, const char **what);

/*
 * Tells from its first bytes whether a connection may be HTTP at all:
 * PARSE_MORE while it may, PARSE_DONE when a method and a space were seen.
 */
enum parse	 http_detect(const uint8_t *, size_t len);

#endif
