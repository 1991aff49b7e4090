/*
 * Host names in their one canonical form: lower case, A-labels, no trailing
 * dot, letters, digits and hyphens only.  Everything that is compared, looked
 * up, dialled or shown is this form and no other, so a name cannot be one
 * thing to the allowlist and another to the resolver.
 */
#include "config.h"

#include "allow/list.h"

#include <arpa/inet.h>

#include <stdlib.h>
#include <string.h>

#ifdef HAVE_LIBIDN2
#include <idn2.h>
#endif

#include "xmalloc.h"

enum { LABEL_MAX = 63 };

/* What a byte becomes inside a label; 0: it may not stand in one. */
static const char label_byte[256] = {
	['-'] = '-',
	['0'] = '0', ['1'] = '1', ['2'] = '2', ['3'] = '3', ['4'] = '4',
	['5'] = '5', ['6'] = '6', ['7'] = '7', ['8'] = '8', ['9'] = '9',
	['a'] = 'a', ['b'] = 'b', ['c'] = 'c', ['d'] = 'd', ['e'] = 'e', ['f'] = 'f',
	['g'] = 'g', ['h'] = 'h', ['i'] = 'i', ['j'] = 'j', ['k'] = 'k', ['l'] = 'l',
	['m'] = 'm', ['n'] = 'n', ['o'] = 'o', ['p'] = 'p', ['q'] = 'q', ['r'] = 'r',
	['s'] = 's', ['t'] = 't', ['u'] = 'u', ['v'] = 'v', ['w'] = 'w', ['x'] = 'x',
	['y'] = 'y', ['z'] = 'z',
	['A'] = 'a', ['B'] = 'b', ['C'] = 'c', ['D'] = 'd', ['E'] = 'e', ['F'] = 'f',
	['G'] = 'g', ['H'] = 'h', ['I'] = 'i', ['J'] = 'j', ['K'] = 'k', ['L'] = 'l',
	['M'] = 'm', ['N'] = 'n', ['O'] = 'o', ['P'] = 'p', ['Q'] = 'q', ['R'] = 'r',
	['S'] = 's', ['T'] = 't', ['U'] = 'u', ['V'] = 'v', ['W'] = 'w', ['X'] = 'x',
	['Y'] = 'y', ['Z'] = 'z',
};

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/*
 * inet_aton() and every browser take a name whose last label is a number
 * ("127.1", "2130706433", "0x7f.1") for an IPv4 address, so it never is one.
 */
static bool
ends_in_number(const char *s, size_t len)
{
	size_t start = len, i;

	while (start > 0 && s[start - 1] != '.')
		start--;
	if (start == len)
		return false;
	i = start;
	if (len - i >= 2 && s[i] == '0' && (s[i + 1] == 'x' || s[i + 1] == 'X')) {
		for (i += 2; i < len && is_hex(s[i]); i++)
			;
		return i == len;
	}
	while (i < len && is_digit(s[i]))
		i++;
	return i == len;
}

bool
allow_name_is_address(const char *s, size_t len)
{
	size_t colons = 0;

	if (len > 0 && s[len - 1] == '.')
		len--;
	if (len > 0 && s[0] == '[')
		return true;
	for (size_t i = 0; i < len; i++) {
		if (s[i] == ':')
			colons++;
		else if (s[i] == '%' && colons >= 2)
			return true;	/* a zone follows: fe80::1%eth0 */
		else if (!is_hex(s[i]) && s[i] != '.')
			return ends_in_number(s, len);
	}
	return colons >= 2 || ends_in_number(s, len);
}

bool
allow_name_address(const char *s, size_t len, struct addr *a)
{
	char text[ADDR_TEXT_SIZE];
	struct sockaddr_storage ss;
	struct in_addr in;

	memset(a, 0, sizeof(*a));
	if (len > 0 && s[len - 1] == '.')
		len--;
	if (len > 2 && s[0] == '[' && s[len - 1] == ']') {
		s++;
		len -= 2;
		if (memchr(s, ':', len) == NULL)
			return false;
	}
	if (len == 0 || len >= sizeof(text))
		return false;
	for (size_t i = 0; i < len; i++) {
		/* inet_aton() takes whatever stands behind a space. */
		if (s[i] <= ' ' || s[i] >= 0x7f)
			return false;
	}
	memcpy(text, s, len);
	text[len] = '\0';
	if (addr_parse(text, a) && a->family == 6) {
		addr_to_sockaddr(a, 0, &ss);
		addr_from_sockaddr(a, NULL, (const struct sockaddr *)&ss);
	} else if (a->family == 0 && inet_aton(text, &in) != 0) {
		a->family = 4;
		memcpy(a->bytes, &in, sizeof(in));
	}
	return a->family != 0;
}

static const char *
wrong_byte(unsigned char c)
{
	if (c == '_')
		return "an underscore cannot stand in a host name";
	if (c == '*')
		return "a * stands only in front, as in *.example.org";
	if (c >= 0x80)
		return "not ASCII";
	if (c == '\0')
		return "a NUL byte";
	return "only letters, digits, hyphens and dots may stand in a host name";
}

static const char *
ldh_canonical(char dst[GH_NAME_SIZE], const char *src, size_t len)
{
	size_t label = 0;	/* bytes of the label so far */

	if (len > 0 && src[len - 1] == '.')
		len--;
	if (len == 0)
		return "the name is empty";
	if (len > GH_NAME_MAX)
		return "longer than 253 bytes";
	for (size_t i = 0; i < len; i++) {
		const char c = label_byte[(unsigned char)src[i]];

		if (c != 0) {
			if (++label > LABEL_MAX)
				return "a label is longer than 63 bytes";
			if (c == '-' && label == 1)
				return "a label starts with a hyphen";
			dst[i] = c;
			continue;
		}
		if (src[i] != '.')
			return wrong_byte((unsigned char)src[i]);
		if (label == 0)
			return "a label is empty";
		if (dst[i - 1] == '-')
			return "a label ends with a hyphen";
		label = 0;
		dst[i] = '.';
	}
	if (label == 0)
		return "a label is empty";
	if (dst[len - 1] == '-')
		return "a label ends with a hyphen";
	dst[len] = '\0';
	return ends_in_number(dst, len) ? "an address, not a name" : NULL;
}

#ifdef HAVE_LIBIDN2
/* IDNA 2008, nontransitional, as browsers do it (UTS 46). */
static const char *
idna_canonical(char dst[GH_NAME_SIZE], const char *src, size_t len)
{
	char *utf8 = xstrndup(src, len), *ascii = NULL;
	const char *why;
	int error;

	error = idn2_to_ascii_8z(utf8, &ascii, IDN2_NONTRANSITIONAL);
	if (error != IDN2_OK)
		why = idn2_strerror(error);
	else
		why = ldh_canonical(dst, ascii, strlen(ascii));
	idn2_free(ascii);
	free(utf8);
	return why;
}
#else
static const char *
idna_canonical(char dst[GH_NAME_SIZE], const char *src, size_t len)
{
	return "not ASCII, and this gatehouse is built without libidn2; write its xn-- "
	       "form";
}
#endif

const char *
name_scan(const char *s, const char *end, unsigned *labels)
{
	const char *label = s, *p = s;

	for (*labels = 1;; (*labels)++, label = ++p) {
		while (p < end && *p != '\0' && label_byte[(unsigned char)*p] == *p)
			p++;
		if (p == label || *label == '-' || p[-1] == '-' || p - label > LABEL_MAX ||
		    p - s > GH_NAME_MAX)
			return NULL;
		if (p == end || *p != '.')
			return is_digit(*label) ? NULL : p;
	}
}

const char *
allow_name_canonical(char dst[GH_NAME_SIZE], const char *src, size_t len, bool idna)
{
	if (idna && memchr(src, '\0', len) == NULL) {
		for (size_t i = 0; i < len; i++)
			if ((unsigned char)src[i] >= 0x80)
				return idna_canonical(dst, src, len);
	}
	return ldh_canonical(dst, src, len);
}
