/* Builds ClientHellos, honest and otherwise, for the tests of TLS. */
#ifndef HELLO_H
#define HELLO_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { HELLO_MAX = 512 << 10 };

struct bytes {
	size_t	len;
	uint8_t	b[HELLO_MAX];
};

/* What a hello says; zero values are those of an ordinary one without name. */
struct hello_spec {
	const char	*name;
	size_t		 name_len;	/* 0: strlen(name) */
	const char	*second_name;	/* in the same list */
	uint8_t		 name_type;
	unsigned	 name_extensions;	/* 0: one, if there is a name */
	const char	*alpn;
	uint16_t	 supported;	/* in supported_versions; 0: none */
	unsigned	 ech;		/* bytes of its payload; 0: none */
	unsigned	 padding;	/* bytes of a padding extension */
	const char	*name_tail;	/* bytes behind the list, inside the extension */
	const char	*tail;		/* bytes behind the extensions */
	int		 no_extensions;
};

static inline void
put(struct bytes *o, const void *p, size_t n)
{
	memcpy(o->b + o->len, p, n);
	o->len += n;
}

static inline void
put8(struct bytes *o, unsigned v)
{
	o->b[o->len++] = (uint8_t)v;
}

static inline void
put16(struct bytes *o, size_t v)
{
	put8(o, (unsigned)(v >> 8 & 0xff));
	put8(o, (unsigned)(v & 0xff));
}

/* Closes a vector whose two length bytes are at `at`. */
static inline void
close16(struct bytes *o, size_t at)
{
	size_t n = o->len - at - 2;

	o->b[at] = (uint8_t)(n >> 8);
	o->b[at + 1] = (uint8_t)n;
}

static inline size_t
open16(struct bytes *o)
{
	put16(o, 0);
	return o->len - 2;
}

static inline void
put_name(struct bytes *o, unsigned type, const char *name, size_t len)
{
	put8(o, type);
	put16(o, len);
	put(o, name, len);
}

static inline void
put_server_name(struct bytes *o, const struct hello_spec *s)
{
	size_t ext, list, len = s->name_len != 0 ? s->name_len : strlen(s->name);

	put16(o, 0);
	ext = open16(o);
	list = open16(o);
	put_name(o, s->name_type, s->name, len);
	if (s->second_name != NULL)
		put_name(o, 0, s->second_name, strlen(s->second_name));
	close16(o, list);
	if (s->name_tail != NULL)
		put(o, s->name_tail, strlen(s->name_tail));
	close16(o, ext);
}

static inline void
put_extensions(struct bytes *o, const struct hello_spec *s)
{
	unsigned names = s->name == NULL ? 0 : s->name_extensions != 0 ? s->name_extensions : 1;
	size_t ext, list;

	put16(o, 0x1a1a);	/* GREASE comes first in browsers */
	put16(o, 0);
	for (unsigned i = 0; i < names; i++)
		put_server_name(o, s);
	if (s->alpn != NULL) {
		put16(o, 16);
		ext = open16(o);
		list = open16(o);
		put8(o, (unsigned)strlen(s->alpn));
		put(o, s->alpn, strlen(s->alpn));
		put8(o, 8);
		put(o, "http/1.1", 8);
		close16(o, list);
		close16(o, ext);
	}
	if (s->supported != 0) {
		put16(o, 43);
		put16(o, 7);
		put8(o, 6);
		put16(o, 0xfafa);
		put16(o, 0x0303);
		put16(o, s->supported);
	}
	if (s->ech != 0) {
		put16(o, 0xfe0d);
		put16(o, s->ech);
		memset(o->b + o->len, 0x5a, s->ech);
		o->len += s->ech;
	}
	if (s->padding != 0) {
		put16(o, 21);
		put16(o, s->padding);
		memset(o->b + o->len, 0, s->padding);
		o->len += s->padding;
	}
}

/* The handshake message, without records. */
static inline void
hello_message(struct bytes *o, const struct hello_spec *s)
{
	size_t n, ext;

	o->len = 0;
	put(o, "\x01\0\0\0", 4);
	put16(o, 0x0303);
	memset(o->b + o->len, 0xab, 32);
	o->len += 32;
	put8(o, 32);
	memset(o->b + o->len, 0xcd, 32);
	o->len += 32;
	put16(o, 4);
	put16(o, 0x1301);
	put16(o, 0xc02f);
	put16(o, 0x0100);	/* one compression method: none */
	if (!s->no_extensions) {
		ext = open16(o);
		put_extensions(o, s);
		close16(o, ext);
	}
	if (s->tail != NULL)
		put(o, s->tail, strlen(s->tail));
	n = o->len - 4;
	o->b[1] = (uint8_t)(n >> 16);
	o->b[2] = (uint8_t)(n >> 8);
	o->b[3] = (uint8_t)n;
}

/* Cuts a message into records of at most size bytes. */
static inline void
hello_records(struct bytes *o, const struct bytes *message, size_t size)
{
	size_t at = 0, n;

	o->len = 0;
	while (at < message->len) {
		n = message->len - at < size ? message->len - at : size;
		put(o, "\x16\x03\x01", 3);
		put16(o, n);
		put(o, message->b + at, n);
		at += n;
	}
}

#endif
