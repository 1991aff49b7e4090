/*
 * Heads of requests and responses.
 *
 * A head is first found (http_head_scan: each byte is looked at once, line
 * ends and control bytes are judged on the way), then read as a whole: the
 * start line, then each field, of which only the few that decide about
 * routing and framing are kept.  Nothing is changed or copied; a head that
 * passes is sent on exactly as it came.
 *
 * What refuses a head is a phrase, because the guest and the operator both
 * deserve to know which rule it broke.
 */
#include "config.h"

#include "proxy/http.h"

#include <string.h>
#include <strings.h>

enum {
	METHOD_MAX = 24,	/* the longest registered one has 17 */
	PORT_DIGITS = 5,
	PORT_HTTP = 80,
	LENGTH_DIGITS = 18,	/* of Content-Length: below 2^63 */
	STATUS_DIGITS = 3,
};

/* What the fields of one head add up to, before sense is made of it. */
struct fields {
	bool		 request;		/* what is read, or a response */
	unsigned	 hosts, lengths, codings, upgrades;
	bool		 chunked;
	uint64_t	 length;
	bool		 close, keep_alive;	/* tokens of Connection */
	bool		 takes_away;		/* so does it, what the message was judged by */
	bool		 websocket;
	struct view	 host;
};

/* No registered method has a digit; "SSH-2.0" and the like do. */
static bool
is_method_byte(uint8_t c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '_';
}

/* RFC 9110 section 5.6.2. */
static bool
is_token(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	    (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

enum parse
http_detect(const uint8_t *b, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (b[i] == ' ' && i > 0)
			return PARSE_DONE;
		if (i == METHOD_MAX || !is_method_byte(b[i]))
			return PARSE_REFUSE;
	}
	return PARSE_MORE;
}

static const char *
scan_byte(struct http_scan *scan, const uint8_t *b)
{
	const uint8_t c = b[scan->at];
	const bool after_cr = scan->at > 0 && b[scan->at - 1] == '\r';

	if (c == '\n' && !after_cr)
		return "a line that ends in a bare LF";
	if (c != '\n' && after_cr)
		return "a bare CR";
	if (c == '\0')
		return "a NUL byte in the head";
	if ((c < ' ' && c != '\t' && c != '\r' && c != '\n') || c == 0x7f)
		return "a control byte in the head";
	return NULL;
}

/* So that what only looked like HTTP need not wait for an empty line. */
static const char *
scan_first_line(const uint8_t *b, size_t len)
{
	static const char version[] = "HTTP/1.";
	const size_t n = sizeof(version) - 1;

	if (len == 2)
		return "an empty line where a head should start";
	if (len > n && memcmp(b, version, n) == 0)
		return NULL;
	if (len > n + 3 && memcmp(b + len - n - 3, version, n) == 0)
		return NULL;
	return "a first line that is not one of HTTP/1";
}

enum parse
http_head_scan(struct http_scan *scan, const uint8_t *b, size_t len, size_t max, size_t *head_len,
    enum reason *why, const char **what)
{
	for (; scan->at < len && scan->at < max; scan->at++) {
		const char *bad = scan_byte(scan, b);

		if (bad == NULL && b[scan->at] == '\n' && !scan->begun) {
			scan->begun = true;
			bad = scan_first_line(b, scan->at + 1);
		}
		if (bad != NULL) {
			*why = REASON_MALFORMED;
			*what = bad;
			return PARSE_REFUSE;
		}
		if (b[scan->at] != '\n') {
			scan->line++;
			continue;
		}
		if (scan->line == 1) {	/* nothing but the CR */
			*head_len = scan->at + 1;
			return PARSE_DONE;
		}
		scan->line = 0;
	}
	if (scan->at >= max) {
		*why = REASON_TOO_LARGE;
		*what = "a head larger than allowed";
		return PARSE_REFUSE;
	}
	return PARSE_MORE;
}

/* "HTTP/1.0" or "HTTP/1.1"; nothing later speaks this syntax. */
static bool
parse_version(struct view v, uint8_t *minor)
{
	if (v.len != 8 || memcmp(v.at, "HTTP/1.", 7) != 0 || (v.at[7] != '0' && v.at[7] != '1'))
		return false;
	*minor = (uint8_t)(v.at[7] - '0');
	return true;
}

static const char *
field_coding(struct fields *f, struct view value)
{
	f->codings++;
	if (f->codings > 1 || !view_is(value, "chunked"))
		return "a Transfer-Encoding other than one \"chunked\"";
	f->chunked = true;
	return NULL;
}

static const char *
field_length(struct fields *f, struct view value)
{
	f->lengths++;
	if (f->lengths > 1)
		return "more than one Content-Length";
	if (!view_number(value, LENGTH_DIGITS, &f->length))
		return "a Content-Length that is not one number";
	return NULL;
}

static const char *
field_upgrade(struct fields *f, struct view value)
{
	struct view token, rest = value;

	f->upgrades++;
	/* A server may say what it offers: nobody asked for it. */
	while (f->request && rest.len > 0) {
		token = view_trim(view_until(rest, ',', &rest));
		if (view_starts(token, "h2c"))
			return "an upgrade to HTTP/2, which could not be judged request by request";
	}
	f->websocket = f->upgrades == 1 && view_is(value, "websocket");
	return NULL;
}

static void
field_connection(struct fields *f, struct view value)
{
	static const char *const judged[] = { "Host", "Content-Length", "Transfer-Encoding" };
	struct view token, rest = value;

	while (rest.len > 0) {
		token = view_trim(view_until(rest, ',', &rest));
		f->close |= view_is(token, "close");
		f->keep_alive |= view_is(token, "keep-alive");
		/* The next proxy on the way drops the headers that this one names. */
		for (size_t i = 0; i < sizeof(judged) / sizeof(judged[0]); i++)
			f->takes_away |= view_is(token, judged[i]);
	}
}

static const char *
parse_field(struct fields *f, struct view line)
{
	struct view name, value;

	if (line.at[0] == ' ' || line.at[0] == '\t')
		return "a folded header line";
	if (memchr(line.at, ':', line.len) == NULL)
		return "a header line without a colon";
	name = view_until(line, ':', &value);
	value = view_trim(value);
	if (name.len == 0)
		return "a header without a name";
	for (size_t i = 0; i < name.len; i++) {
		if (!is_token(name.at[i]))
			return name.at[i] == ' ' || name.at[i] == '\t' ?
			    "a space before the colon of a header" :
			    "a header name with bytes that may not be in one";
	}
	if (view_is(name, "Host")) {
		f->hosts++;
		f->host = value;
		return f->hosts > 1 ? "more than one Host" : NULL;
	}
	if (view_is(name, "Content-Length"))
		return field_length(f, value);
	if (view_is(name, "Transfer-Encoding"))
		return field_coding(f, value);
	if (view_is(name, "Upgrade"))
		return field_upgrade(f, value);
	if (view_is(name, "Connection"))
		field_connection(f, value);
	return NULL;
}

static const char *
parse_fields(struct view rest, struct fields *f)
{
	struct view line;
	const char *bad;

	for (;;) {
		line = view_line(&rest);
		if (line.len == 0)
			return NULL;
		bad = parse_field(f, line);
		if (bad != NULL)
			return bad;
	}
}

/* RFC 9112 section 6: what both kinds of message have in common. */
static const char *
parse_framing(const struct fields *f, uint8_t minor, struct http_body *body)
{
	memset(body, 0, sizeof(*body));
	if (f->codings > 0 && f->lengths > 0)
		return "both Transfer-Encoding and Content-Length";
	if (f->codings > 0 && minor == 0)
		return "a Transfer-Encoding in HTTP/1.0";
	if (f->chunked) {
		body->kind = HTTP_BODY_CHUNKED;
	} else if (f->lengths > 0 && f->length > 0) {
		body->kind = HTTP_BODY_LENGTH;
		body->left = f->length;
	}
	return NULL;
}

static bool
keeps_alive(const struct fields *f, uint8_t minor)
{
	return !f->close && (minor == 1 || f->keep_alive);
}

/* "host", "host:port", "[v6]", "[v6]:port" */
static const char *
parse_authority(struct view v, struct view *host, uint16_t *port)
{
	struct view tail;
	uint64_t n;

	*port = 0;
	if (v.len == 0)
		return "an empty Host";
	if (v.at[0] == '[') {
		*host = view_until(v, ']', &tail);
		if (host->len == v.len)
			return "a Host whose bracket does not close";
		host->len++;
		if (tail.len == 0)
			return NULL;
		if (tail.at[0] != ':')
			return "a Host with something behind its bracket";
		tail.at++;
		tail.len--;
	} else {
		*host = view_until(v, ':', &tail);
		if (host->len == v.len)
			return NULL;
	}
	if (host->len == 0)
		return "an empty Host";
	if (!view_number(tail, PORT_DIGITS, &n) || n == 0 || n > UINT16_MAX)
		return "a Host with an impossible port";
	*port = (uint16_t)n;
	return NULL;
}

/* Both name one host and port. */
static bool
is_same_host(const struct http_request *r, struct view host, uint16_t port, uint16_t def)
{
	return view_same(r->host, host) && (r->host_port != 0 ? r->host_port : def) == port;
}

/* The authority of an absolute-form target must be the Host (RFC 9112, 3.2.2). */
static const char *
check_uri(struct http_request *r)
{
	struct view rest = { r->target.at + 7, r->target.len - 7 }, host, ignored;
	size_t len = 0;

	while (len < rest.len && rest.at[len] != '/' && rest.at[len] != '?' && rest.at[len] != '#')
		len++;
	rest.len = len;
	if (view_until(rest, '@', &ignored).len != rest.len)
		return "a user name in the request's URI";
	if (parse_authority(rest, &host, &r->port) != NULL)
		return "a request URI without a proper host";
	if (r->port == 0)
		r->port = PORT_HTTP;
	if (!is_same_host(r, host, r->port, PORT_HTTP))
		return "a Host that differs from the request's URI";
	r->form = HTTP_FORM_URI;
	return NULL;
}

/* Clients of HTTP/1.0 send no Host here, and some of 1.1 one without port. */
static const char *
check_connect(struct http_request *r)
{
	struct view host;

	if (parse_authority(r->target, &host, &r->port) != NULL || r->port == 0)
		return "a CONNECT without host and port";
	if (r->host.len > 0 && !is_same_host(r, host, r->port, r->port))
		return "a Host that differs from what CONNECT asks for";
	if (r->body.kind != HTTP_BODY_NONE)
		return "a body in a CONNECT";
	r->host = host;
	r->form = HTTP_FORM_AUTHORITY;
	return NULL;
}

static const char *
check_target(struct http_request *r)
{
	for (size_t i = 0; i < r->target.len; i++) {
		if (r->target.at[i] <= ' ' || r->target.at[i] == 0x7f)
			return "a request target with bytes that may not be in one";
	}
	if (r->connect)
		return check_connect(r);
	if (r->target.len == 0)
		return "a request line that is not METHOD TARGET HTTP/1.x";
	if (r->target.at[0] == '/')
		return NULL;
	if (view_is(r->target, "*"))
		return view_is(r->method, "OPTIONS") ? NULL : "a target of * that is not for OPTIONS";
	if (view_starts(r->target, "http://"))
		return check_uri(r);
	if (view_starts(r->target, "https://"))
		return "an https URI, which a proxy must be asked for with CONNECT";
	return "a request target that is neither a path nor an http URI";
}

static const char *
parse_request_line(struct view line, struct http_request *r)
{
	struct view rest;

	r->method = view_until(line, ' ', &rest);
	r->target = view_until(rest, ' ', &rest);
	if (r->method.len == 0 || !parse_version(rest, &r->minor))
		return "a request line that is not METHOD TARGET HTTP/1.x";
	for (size_t i = 0; i < r->method.len; i++) {
		if (!is_token(r->method.at[i]))
			return "a method with bytes that may not be in one";
	}
	r->head = r->method.len == 4 && memcmp(r->method.at, "HEAD", 4) == 0;
	r->connect = r->method.len == 7 && memcmp(r->method.at, "CONNECT", 7) == 0;
	return NULL;
}

const char *
http_request_parse(const uint8_t *b, size_t len, struct http_request *r)
{
	struct view rest = { b, len };
	struct fields f = { .request = true };
	const char *bad;

	memset(r, 0, sizeof(*r));
	bad = parse_request_line(view_line(&rest), r);
	if (bad == NULL)
		bad = parse_fields(rest, &f);
	if (bad == NULL && f.hosts == 0 && !(r->connect && r->minor == 0))
		bad = "no Host";
	if (bad == NULL && f.hosts > 0)
		bad = parse_authority(f.host, &r->host, &r->host_port);
	if (bad == NULL && f.takes_away)
		bad = "a Connection that would take away what the request was judged by";
	if (bad == NULL)
		bad = parse_framing(&f, r->minor, &r->body);
	if (bad == NULL)
		bad = check_target(r);
	r->keep_alive = keeps_alive(&f, r->minor);
	r->websocket = f.websocket;
	return bad;
}

static const char *
parse_status_line(struct view line, struct http_response *r)
{
	struct view version, status, rest;
	uint64_t n;

	version = view_until(line, ' ', &rest);
	status = view_until(rest, ' ', &rest);
	if (!parse_version(version, &r->minor) || status.len != STATUS_DIGITS ||
	    !view_number(status, STATUS_DIGITS, &n) || n < 100)
		return "a status line that is not HTTP/1.x NNN";
	r->status = (unsigned)n;
	return NULL;
}

const char *
http_response_parse(const uint8_t *b, size_t len, bool to_head, struct http_response *r)
{
	struct view rest = { b, len };
	struct fields f = { 0 };
	const char *bad;

	memset(r, 0, sizeof(*r));
	bad = parse_status_line(view_line(&rest), r);
	if (bad == NULL)
		bad = parse_fields(rest, &f);
	if (bad == NULL)
		bad = parse_framing(&f, r->minor, &r->body);
	if (bad != NULL)
		return bad;
	r->keep_alive = keeps_alive(&f, r->minor);
	if (to_head || r->status < 200 || r->status == 204 || r->status == 304) {
		memset(&r->body, 0, sizeof(r->body));
	} else if (f.codings == 0 && f.lengths == 0) {
		r->body.kind = HTTP_BODY_TO_CLOSE;
		r->keep_alive = false;
	}
	return NULL;
}
