/*
 * The TLS ClientHello (RFC 8446 section 4.1.2, RFC 6066 section 3), read
 * without touching it: what it says goes to the verdict, the bytes
 * themselves go on to the server as they came.
 */
#ifndef TLS_H
#define TLS_H

#include "gatehouse.h"
#include "parse.h"

enum {
	TLS_RECORD_HANDSHAKE = 22,	/* the first byte of every TLS connection */
	TLS_RECORD_CHANGE_CIPHER = 20, TLS_RECORD_ALERT = 21, TLS_RECORD_DATA = 23,
	TLS_RECORD_HEADER = 5,
	TLS_VERSION_1_3 = 0x0304,
	TLS_ALERT_SIZE = 7,
	TLS_ALPN_MAX = 48,
};

/* How far the records of a hello were walked; all zero at the start. */
struct tls_scan {
	size_t	next;		/* where the next record header starts */
	size_t	have;		/* handshake bytes in the whole records before it */
	size_t	need;		/* size of the hello with its header, 0: not known */
};

struct tls_hello {
	bool		has_name;
	bool		ech;		/* Encrypted Client Hello, real or GREASE: made so
					 * that nobody in between can tell them apart */
	uint16_t	version;	/* the highest offered */
	size_t		name_len;	/* at most GH_NAME_SIZE - 1 of it are kept */
	uint8_t		name[GH_NAME_SIZE];	/* as sent: any bytes at all */
	bool		alpn_more;	/* protocols that did not fit */
	uint8_t		alpn_len;
	uint8_t		alpn[TLS_ALPN_MAX];	/* protocols offered, a length before each */
};

/*
 * Whether a server would take what begins so for TLS: PARSE_DONE, or PARSE_REFUSE if it is
 * something else.  Wider than what tls_hello_parse() lets through, since servers differ in
 * what they bear: other versions, empty records, a warning first.
 */
enum parse	 tls_begins(const uint8_t *, size_t len);

/*
 * Looks at all bytes received so far (len of them, each call the same ones
 * and more); each is walked once however they arrive.  PARSE_DONE fills
 * *hello; PARSE_REFUSE sets *why to REASON_MALFORMED or REASON_TOO_LARGE
 * and *what to a static phrase.  max bounds records and hello together.
 */
enum parse	 tls_hello_parse(struct tls_scan *, const uint8_t *, size_t len, size_t max,
		    struct tls_hello *, enum reason *why, const char **what);

/*
 * The first bytes of a server's answer to a hello that offers TLS 1.3: whether it is
 * HelloRetryRequest, which is a ServerHello with a certain random value (RFC 8446
 * section 4.1.3).  One that is cut before that by the end of its record counts as it.
 */
enum tls_answer { TLS_ANSWER_MORE, TLS_ANSWER_RETRY, TLS_ANSWER_OTHER };
enum tls_answer	 tls_answer_parse(const uint8_t *, size_t len);

/* The protocols as text: "h2, http/1.1", with bytes that are none of it escaped,
 * and "..." where there are more than fit. */
void		 tls_alpn_text(const struct tls_hello *, char *dst, size_t size);

/* The fatal alert that fits a refusal (RFC 8446 section 6.2). */
void		 tls_alert(uint8_t dst[TLS_ALERT_SIZE], enum reason);

#endif
