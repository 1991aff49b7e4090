/*
 * The first bytes of a connection, and the head of every HTTP request: which
 * name is asked for, and whether this guest may have it.  The bytes wait in
 * client.in until that is known; not one goes anywhere before.
 */
#include "config.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/worker.h"
#include "text.h"
#include "xmalloc.h"

enum { PORT_HTTP = 80, PORT_HTTPS = 443 };

/* "0x7f.1", "2130706433", "127.0.0.1.", "[::1]": whatever some resolver would
 * take for an address is one. */
static bool
is_ip_literal(const uint8_t *raw, size_t len)
{
	char text[GH_NAME_SIZE];
	struct in_addr in;
	struct addr addr;

	if (len > 0 && raw[len - 1] == '.')
		len--;
	if (len == 0 || len >= sizeof(text) || memchr(raw, '\0', len) != NULL)
		return false;
	if (raw[0] == '[')
		return true;
	memcpy(text, raw, len);
	text[len] = '\0';
	return inet_aton(text, &in) != 0 || addr_parse(text, &addr);
}

/* The one form in which the name is judged, dialled and told. */
static enum reason
read_name(const uint8_t *raw, size_t len, char name[GH_NAME_SIZE])
{
	if (is_ip_literal(raw, len)) {
		text_escape(name, GH_NAME_SIZE, raw, len);
		return REASON_IP_LITERAL;
	}
	if (allow_name_canonical(name, (const char *)raw, len, false) != NULL) {
		text_escape(name, GH_NAME_SIZE, raw, len);
		return REASON_BAD_NAME;
	}
	return REASON_NONE;
}

/* What every hit about this connection starts from. */
static void
request_hit(struct hit *h, const struct session *s, enum hit_via via)
{
	hit_init(h, s, s->tunnel ? VIA_CONNECT : via);
	if (s->tunnel)
		copy_string(h->name, s->name, sizeof(h->name));
}

/* The same host as the request before: its connection will do. */
static bool
may_reuse(const struct session *s, const struct hit *h)
{
	return s->upstream.fd != -1 && s->name != NULL && strcmp(s->name, h->name) == 0 &&
	    s->port == h->port;
}

void
request_judge(struct session *s, struct hit *h)
{
	const struct allow_answer answer = session_lookup(s, h->name, h->port);
	const bool reuses = may_reuse(s, h);

	h->entry = answer.entry;
	h->reason = answer.reason;
	if (answer.verdict != VERDICT_ALLOW) {
		session_refuse(s, h, (enum reason)answer.reason, NULL);
		return;
	}
	if (s->exchange != NULL)
		s->exchange->reuses = reuses;
	if (reuses) {
		h->dialled = s->exchange->dialled;
		hit_tell(s, h, VERDICT_ALLOW, (enum reason)h->reason);
		exchange_start(s);
		return;
	}
	conn_close(s->proxy, &s->upstream, false);
	flow_end(s);
	free(s->name);
	s->name = xstrdup(h->name);
	s->port = h->port;
	dial_start(s, h);
}

/* False: it was refused. */
static bool
request_name(struct session *s, struct hit *h, const uint8_t *raw, size_t len)
{
	enum reason bad = read_name(raw, len, h->name);
	struct addr addr;

	/* Who asks for an address by a proxy's own port may have one that is listed. */
	if (bad == REASON_IP_LITERAL && s->explicit && !s->tunnel &&
	    allow_name_address((const char *)raw, len, &addr)) {
		addr_format(&addr, h->name);
		bad = REASON_NONE;
	}
	if (bad == REASON_NONE && s->tunnel && strcmp(h->name, s->name) != 0)
		bad = REASON_NAME_MISMATCH;
	if (bad != REASON_NONE)
		session_refuse(s, h, bad, NULL);
	return bad == REASON_NONE;
}

static void
hello_hit(struct hit *h, const struct session *s, const struct tls_hello *hello)
{
	request_hit(h, s, VIA_TLS);
	h->tls_version = hello->version;
	h->ech = hello->ech;
	tls_alpn_text(hello, h->alpn, sizeof(h->alpn));
}

static bool
read_tls(struct session *s)
{
	const struct buf *b = s->client.in;
	struct tls_hello hello;
	enum reason why;
	const char *what;
	struct hit h;

	switch (tls_hello_parse(&s->scan, b->data + b->start, b->end - b->start,
	    s->proxy->conf->hello_bytes, &hello, &why, &what)) {
	case PARSE_MORE:
		return false;
	case PARSE_REFUSE:
		request_hit(&h, s, VIA_TLS);
		session_refuse(s, &h, why, what);
		return true;
	case PARSE_DONE:
		break;
	}
	hello_hit(&h, s, &hello);
	s->gate = hello.version >= TLS_VERSION_1_3 ? GATE_ANSWER : GATE_OPEN;
	if (!hello.has_name)
		session_refuse(s, &h, REASON_NO_NAME, NULL);
	else if (request_name(s, &h, hello.name, hello.name_len))
		request_judge(s, &h);
	return true;
}

bool
request_names_host(struct session *s, const struct tls_hello *hello)
{
	enum reason bad = REASON_NO_NAME;
	struct hit h;

	hello_hit(&h, s, hello);
	if (hello->has_name)
		bad = read_name(hello->name, hello->name_len, h.name);
	if (bad == REASON_NONE && strcmp(h.name, s->name) == 0)
		return true;
	session_refuse(s, &h, bad != REASON_NONE ? bad : REASON_NAME_MISMATCH, NULL);
	return false;
}

void
request_refuse_hello(struct session *s, enum reason why, const char *what)
{
	struct hit h;

	request_hit(&h, s, VIA_TLS);
	copy_string(h.name, s->name, sizeof(h.name));
	session_refuse(s, &h, why, what);
}

static void
request_http(struct session *s, uint8_t *head)
{
	struct exchange *x = s->exchange;
	struct http_request r;
	const char *bad;
	struct hit h;

	bad = http_request_parse(head, x->head_len, &r);
	request_hit(&h, s, r.connect ? VIA_CONNECT : VIA_HTTP);
	x->requests++;
	x->body_up = r.body;
	x->to_head = r.head;
	x->websocket = r.websocket;
	x->keep_alive = r.keep_alive;
	if (bad == NULL)
		bad = explicit_check(s, &r);
	if (bad != NULL) {
		x->head_len = 0;	/* who knows what of it was the body */
		text_escape(h.name, sizeof(h.name), r.host.at, r.host.len);
		session_refuse(s, &h, REASON_MALFORMED, bad);
		return;
	}
	if (!request_name(s, &h, r.host.at, r.host.len))
		return;
	if (s->explicit && !s->tunnel)
		explicit_request(s, &h, head, &r);
	else
		request_judge(s, &h);
}

static bool
read_http(struct session *s)
{
	struct buf *b = s->client.in;
	struct exchange *x = s->exchange;
	enum reason why;
	const char *what;
	struct hit h;

	if (!x->begun) {
		x->begun = true;
		session_deadline(s, s->proxy->conf->head_seconds);
	}
	switch (http_head_scan(&x->scan_up, b->data + b->start, b->end - b->start,
	    s->proxy->conf->head_bytes, &x->head_len, &why, &what)) {
	case PARSE_MORE:
		return false;
	case PARSE_REFUSE:
		request_hit(&h, s, VIA_HTTP);
		session_refuse(s, &h, why, what);
		return true;
	case PARSE_DONE:
		request_http(s, b->data + b->start);
		return true;
	}
	return true;
}

static void
refuse_protocol(struct session *s, const char *what)
{
	struct hit h;

	request_hit(&h, s, VIA_OTHER);
	session_refuse(s, &h, REASON_MALFORMED, what);
}

/* Where the firewall does not say which port it was, it is the protocol's own: the
 * rules redirect no others. */
static void
set_protocol(struct session *s, uint8_t protocol)
{
	s->protocol = protocol;
	if (s->port == 0)
		s->port = protocol == PROTOCOL_TLS ? PORT_HTTPS : PORT_HTTP;
}

/* TLS, HTTP, or neither. False: the bytes so far do not tell. */
static bool
detect(struct session *s)
{
	const struct buf *b = s->client.in;
	const char *bad;

	if (b->data[b->start] == TLS_RECORD_HANDSHAKE) {
		set_protocol(s, PROTOCOL_TLS);
		bad = explicit_check_protocol(s);
		if (bad != NULL)
			refuse_protocol(s, bad);
		return bad == NULL;
	}
	switch (http_detect(b->data + b->start, b->end - b->start)) {
	case PARSE_MORE:
		return false;
	case PARSE_DONE:
		s->exchange = calloc(1, sizeof(*s->exchange));
		if (s->exchange == NULL) {
			session_close(s, SESSION_END_ERROR);
			return false;
		}
		s->exchange->begun = true;
		set_protocol(s, PROTOCOL_HTTP);
		bad = explicit_check_protocol(s);
		if (bad != NULL)
			refuse_protocol(s, bad);
		return bad == NULL;
	case PARSE_REFUSE:
		refuse_protocol(s, "neither TLS nor HTTP");
		return false;
	}
	return false;
}

/* What is there already. True: a decision was taken. */
static bool
request_parse(struct session *s)
{
	const struct buf *b = s->client.in;

	if (b == NULL || b->start == b->end)
		return false;
	if (s->protocol == PROTOCOL_UNKNOWN && !detect(s))
		return s->state != SESSION_HEAD;
	return s->protocol == PROTOCOL_TLS ? read_tls(s) : read_http(s);
}

static enum hit_via
protocol_via(const struct session *s)
{
	static const enum hit_via via[] = {
		[PROTOCOL_UNKNOWN] = VIA_OTHER,
		[PROTOCOL_TLS] = VIA_TLS,
		[PROTOCOL_HTTP] = VIA_HTTP,
	};

	return via[s->protocol];
}

/* Between two requests a guest may leave, or fall silent, without a word. */
static bool
between_requests(const struct session *s)
{
	return s->client.in == NULL && s->exchange != NULL && s->exchange->requests > 0;
}

static void
request_ended(struct session *s)
{
	struct hit h;

	if (s->client.in == NULL) {
		tunnel_close(s, SESSION_END_DONE);
		return;
	}
	request_hit(&h, s, protocol_via(s));
	session_refuse(s, &h, REASON_MALFORMED, "an end in the middle of a request");
}

void
request_timeout(struct session *s)
{
	struct hit h;

	if (between_requests(s)) {
		session_close(s, SESSION_END_DONE);
		return;
	}
	request_hit(&h, s, protocol_via(s));
	session_refuse(s, &h, REASON_TIMEOUT, NULL);
}

/* A server has nothing to say between two exchanges: an end, or bytes that
 * nobody asked for, and the next request gets a connection of its own. */
static void
check_idle_upstream(struct session *s)
{
	uint8_t byte;
	ssize_t n;

	if (s->upstream.fd == -1 || !s->upstream.readable)
		return;
	n = recv(s->upstream.fd, &byte, sizeof(byte), MSG_PEEK);
	s->upstream.readable = false;
	if (n != -1 || errno != EAGAIN)
		conn_close(s->proxy, &s->upstream, false);
}

void
request_read(struct session *s)
{
	enum io io;

	check_idle_upstream(s);
	while (!request_parse(s)) {
		if (s->state != SESSION_HEAD)
			return;
		io = conn_fill(s, &s->client, BUF_SMALL);
		if (io == IO_DONE)
			continue;
		if (io == IO_EOF)
			request_ended(s);
		else if (io == IO_FAILED || !conn_watch(s->proxy, &s->client))
			tunnel_close(s, SESSION_END_ERROR);
		return;
	}
}
