/* Whatever a guest sends as its hello: the parser stays inside it, and says
 * the same however the bytes were cut. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "proxy/tls.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

enum { LIMIT = 16 << 10 };

/* As text it stays within any room for it. */
static bool
alpn_fits(const struct tls_hello *hello)
{
	char text[GH_ALPN_SIZE], small[8];

	tls_alpn_text(hello, text, sizeof(text));
	tls_alpn_text(hello, small, sizeof(small));
	for (const char *s = text; *s != '\0'; s++) {
		if (*s < ' ' || *s > '~')
			return false;
	}
	return strlen(text) < sizeof(text) && strlen(small) < sizeof(small);
}

static enum parse
parse_to(struct tls_scan *scan, const uint8_t *data, size_t len, struct tls_hello *hello,
    enum reason *why)
{
	const char *what = NULL;
	enum parse result = tls_hello_parse(scan, data, len, LIMIT, hello, why, &what);

	if (result == PARSE_REFUSE && (what == NULL ||
	    (*why != REASON_MALFORMED && *why != REASON_TOO_LARGE)))
		abort();
	if (result == PARSE_DONE && (hello->name_len >= GH_NAME_SIZE ||
	    hello->alpn_len > sizeof(hello->alpn) || !alpn_fits(hello) || (hello->has_name && hello->name_len == 0)))
		abort();
	return result;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct tls_scan whole = { 0 }, pieces = { 0 };
	struct tls_hello a, b;
	enum reason why_a = REASON_NONE, why_b = REASON_NONE;
	enum parse result, piece = PARSE_MORE;
	size_t step = len > 0 ? data[len - 1] % 61 + 1 : 1;
	const enum tls_answer answer = tls_answer_parse(data, len);

	/* What an answer is does not change by what follows. */
	for (size_t n = 0; n < len; n++) {
		const enum tls_answer part = tls_answer_parse(data, n);

		if (part != TLS_ANSWER_MORE && part != answer)
			abort();
	}
	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	result = parse_to(&whole, data, len, &a, &why_a);
	for (size_t at = step; at < len && piece == PARSE_MORE; at += step)
		piece = parse_to(&pieces, data, at, &b, &why_b);
	if (piece == PARSE_MORE)
		piece = parse_to(&pieces, data, len, &b, &why_b);
	if (result != piece || (result == PARSE_DONE && memcmp(&a, &b, sizeof(a)) != 0))
		abort();
	return 0;
}
