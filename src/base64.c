#include "config.h"

#include "base64.h"

#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void
base64_encode(char *dst, const uint8_t *p, size_t len)
{
	for (; len > 0; p += 3, dst += 4) {
		const size_t n = len < 3 ? len : 3;
		const uint32_t v = (uint32_t)p[0] << 16 | (n > 1 ? (uint32_t)p[1] << 8 : 0) |
		    (n > 2 ? p[2] : 0);

		dst[0] = alphabet[v >> 18];
		dst[1] = alphabet[v >> 12 & 63];
		dst[2] = n > 1 ? alphabet[v >> 6 & 63] : '=';
		dst[3] = n > 2 ? alphabet[v & 63] : '=';
		len -= n;
	}
	*dst = '\0';
}

bool
base64_decode(const char *text, uint8_t *dst, size_t max, size_t *len)
{
	const size_t length = strlen(text);
	size_t pad = 0, n = 0;
	uint32_t v = 0;

	if (length % 4 != 0)
		return false;
	while (pad < 2 && pad < length && text[length - 1 - pad] == '=')
		pad++;
	for (size_t i = 0; i < length - pad; i++) {
		const char *digit = strchr(alphabet, text[i]);

		if (digit == NULL)
			return false;
		v = v << 6 | (uint32_t)(digit - alphabet);
		/* A byte is whole with the second, third and fourth digit of four. */
		if (i % 4 == 0)
			continue;
		if (n == max)
			return false;
		dst[n++] = (uint8_t)(v >> (6 - i % 4 * 2));
	}
	/* Bits that belong to no byte are 0. */
	if (pad != 0 && (v & ((1u << pad * 2) - 1)) != 0)
		return false;
	*len = n;
	return true;
}
