/*
 * What a server gets of a request to a proxy.
 *
 * The head was parsed and judged; here it only loses bytes.  What decided
 * about its framing and its host stays as it was judged: a client that called
 * those fields the connection's own was refused (http.c).
 */
#include "config.h"

#include "proxy/http.h"

#include <stdlib.h>
#include <string.h>

enum { OPTIONS_MAX = 16 };	/* tokens of Connection; real ones have one or two */

struct options {
	struct view	name[OPTIONS_MAX];
	unsigned	n;
	bool		websocket;
};

struct output {
	uint8_t	*at;
	size_t	 len;
};

static void
put(struct output *out, struct view v)
{
	memcpy(out->at + out->len, v.at, v.len);
	out->len += v.len;
}

static void
put_text(struct output *out, const char *s)
{
	put(out, (struct view){ (const uint8_t *)s, strlen(s) });
}

static const char *
read_connection(struct options *o, struct view value)
{
	while (value.len > 0) {
		struct view token = view_trim(view_until(value, ',', &value));

		if (token.len == 0)
			continue;
		if (o->n == OPTIONS_MAX)
			return "a Connection with too many options";
		o->name[o->n++] = token;
	}
	return NULL;
}

/* rest: the head behind its first line. */
static const char *
read_options(struct options *o, struct view rest)
{
	struct view line, name, value;
	const char *bad = NULL;

	while (bad == NULL && (line = view_line(&rest)).len > 0) {
		name = view_until(line, ':', &value);
		if (view_is(name, "Connection"))
			bad = read_connection(o, value);
		else if (view_is(name, "Upgrade"))
			o->websocket = view_is(view_trim(value), "websocket");
	}
	return bad;
}

/* A field between the client and us, which the server is not to get. */
static bool
is_ours(const struct options *o, struct view name)
{
	static const char *const ours[] = { "Connection", "Proxy-Connection", "Keep-Alive",
		"Proxy-Authorization", "Proxy-Authenticate", "Upgrade" };

	/* The only upgrade that passes needs both. */
	if (o->websocket && (view_is(name, "Connection") || view_is(name, "Upgrade")))
		return false;
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		if (view_is(name, ours[i]))
			return true;
	}
	for (unsigned i = 0; i < o->n; i++) {
		if (view_same(name, o->name[i]))
			return true;
	}
	return false;
}

/* "GET http://host/path HTTP/1.1": never shorter than what becomes of it. */
static void
put_request_line(struct output *out, struct view line)
{
	static const char scheme[] = "http://";
	struct view method, target, rest;

	method = view_until(line, ' ', &rest);
	target = view_until(rest, ' ', &rest);
	target.at += sizeof(scheme) - 1;
	target.len -= sizeof(scheme) - 1;
	while (target.len > 0 && strchr("/?#", target.at[0]) == NULL) {
		target.at++;
		target.len--;
	}
	put(out, method);
	put_text(out, " ");
	if (target.len == 0 && view_is(method, "OPTIONS"))
		put_text(out, "*");
	else if (target.len == 0 || target.at[0] != '/')
		put_text(out, "/");
	put(out, target);
	put_text(out, " ");
	put(out, rest);
	put_text(out, "\r\n");
}

size_t
http_head_forward(uint8_t *head, size_t len, const char **what)
{
	uint8_t *copy = malloc(len);
	struct options options = { .n = 0 };
	struct output out = { head, 0 };
	struct view rest = { copy, len }, first, line, ignored;

	*what = "no room to be passed on";
	if (copy == NULL)
		return 0;
	memcpy(copy, head, len);
	first = view_line(&rest);
	*what = read_options(&options, rest);
	if (*what != NULL)
		goto out;
	put_request_line(&out, first);
	while ((line = view_line(&rest)).len > 0) {
		if (is_ours(&options, view_until(line, ':', &ignored)))
			continue;
		put(&out, line);
		put_text(&out, "\r\n");
	}
	put_text(&out, "\r\n");
	memmove(head + len - out.len, head, out.len);
out:
	free(copy);
	return out.len;
}
