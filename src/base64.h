/* Base64 as of RFC 4648, section 4: bytes in JSON. */
#ifndef BASE64_H
#define BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The text's length with its end, for so many bytes. */
#define BASE64_SIZE(len)	(((len) + 2) / 3 * 4 + 1)

/* dst holds BASE64_SIZE(len). */
void	 base64_encode(char *dst, const uint8_t *, size_t len);
/* False unless the text is what base64_encode() makes of at most max bytes. */
bool	 base64_decode(const char *, uint8_t *dst, size_t max, size_t *len);

#endif
