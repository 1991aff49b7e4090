#include "config.h"

#include "addr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "xmalloc.h"

/* A block of addresses that is never the public internet. */
struct special {
	uint8_t		bytes[16];
	uint8_t		bits;
	const char	*what;
};

/* IANA IPv4 Special-Purpose Address Registry, and multicast. */
static const struct special special4[] = {
	{ { 0 }, 8, "this-network" },
	{ { 10 }, 8, "private" },
	{ { 100, 64 }, 10, "carrier-grade NAT" },
	{ { 127 }, 8, "loopback" },
	{ { 169, 254 }, 16, "link-local" },
	{ { 172, 16 }, 12, "private" },
	{ { 192, 0, 0 }, 24, "protocol assignment" },
	{ { 192, 0, 2 }, 24, "documentation" },
	{ { 192, 88, 99 }, 24, "6to4 relay" },
	{ { 192, 168 }, 16, "private" },
	{ { 198, 18 }, 15, "benchmarking" },
	{ { 198, 51, 100 }, 24, "documentation" },
	{ { 203, 0, 113 }, 24, "documentation" },
	{ { 224 }, 4, "multicast" },
	{ { 240 }, 4, "reserved" },
};

/* IANA IPv6 Special-Purpose Address Registry; what lies outside 2000::/3 is
 * not the internet at all and falls to the last line. */
static const struct special special6[] = {
	{ { 0x20, 0x01, 0x0d, 0xb8 }, 32, "documentation" },
	{ { 0x20, 0x01, 0x00, 0x00 }, 23, "protocol assignment" },
	{ { 0x3f, 0xff }, 20, "documentation" },
	{ { 0xfc }, 7, "private" },
	{ { 0xfe, 0x80 }, 10, "link-local" },
	{ { 0xfe, 0xc0 }, 10, "site-local" },
	{ { 0xff }, 8, "multicast" },
	{ { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 }, 128, "loopback" },
};

/* ::ffff:0:0/96, an IPv4 address in IPv6 clothes (RFC 4291, 2.5.5.2). */
static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

bool
addr_parse(const char *s, struct addr *a)
{
	memset(a, 0, sizeof(*a));
	if (inet_pton(AF_INET, s, a->bytes) == 1)
		a->family = 4;
	else if (inet_pton(AF_INET6, s, a->bytes) == 1)
		a->family = 6;
	else
		memset(a, 0, sizeof(*a));
	return a->family != 0;
}

const char *
addr_format(const struct addr *a, char dst[ADDR_TEXT_SIZE])
{
	int af = a->family == 4 ? AF_INET : AF_INET6;

	if (a->family == 0 || inet_ntop(af, a->bytes, dst, ADDR_TEXT_SIZE) == NULL)
		copy_string(dst, "-", ADDR_TEXT_SIZE);
	return dst;
}

const char *
mac_format(const uint8_t mac[6], char dst[MAC_TEXT_SIZE])
{
	snprintf(dst, MAC_TEXT_SIZE, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
	    mac[3], mac[4], mac[5]);
	return dst;
}

bool
mac_is_known(const uint8_t mac[6])
{
	static const uint8_t none[6];

	return memcmp(mac, none, sizeof(none)) != 0;
}

bool
addr_equal(const struct addr *a, const struct addr *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

static bool
prefix_equal(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	if (memcmp(a, b, whole) != 0)
		return false;
	return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

bool
addr_in_prefix(const struct addr *a, const struct addr *net, unsigned bits)
{
	unsigned width = a->family == 4 ? 32 : 128;

	if (a->family == 0 || a->family != net->family || bits > width)
		return false;
	return prefix_equal(a->bytes, net->bytes, bits);
}

bool
addr_is_link_local6(const struct addr *a)
{
	return a->family == 6 && a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80;
}

/* How many bytes there are of a mask, which some systems cut short behind its last
 * that is not 0. */
static size_t
mask_len(const struct sockaddr *mask, size_t all)
{
#ifdef HAVE_STRUCT_SOCKADDR_SA_LEN
	return mask->sa_len < all ? mask->sa_len : all;
#else
	(void)mask;
	return all;
#endif
}

unsigned
addr_mask(struct addr *a, const struct sockaddr *mask)
{
	const size_t at = a->family == 4 ? offsetof(struct sockaddr_in, sin_addr) :
	    offsetof(struct sockaddr_in6, sin6_addr);
	const unsigned width = a->family == 4 ? 32 : 128;
	const size_t len = mask_len(mask, at + width / 8);
	const uint8_t *p = (const uint8_t *)mask;
	unsigned bits = 0;

	while (bits < width && at + bits / 8 < len && (p[at + bits / 8] & 0x80 >> bits % 8) != 0)
		bits++;
	for (unsigned i = bits; i < width; i++)
		a->bytes[i / 8] &= ~(0x80 >> i % 8);
	return bits;
}

/* The IPv4 address that starts at the given byte of an IPv6 one. */
static struct addr
embedded4(const struct addr *a, unsigned at)
{
	struct addr v4 = { .family = 4 };

	for (unsigned i = 0; i < 4; i++)
		v4.bytes[i] = a->bytes[at + i];
	return v4;
}

bool
addr_from_sockaddr(struct addr *a, uint16_t *port, const struct sockaddr *sa)
{
	struct sockaddr_in sin;
	struct sockaddr_in6 sin6;
	struct addr wide;

	memset(a, 0, sizeof(*a));
	if (sa->sa_family == AF_INET) {
		memcpy(&sin, sa, sizeof(sin));
		a->family = 4;
		memcpy(a->bytes, &sin.sin_addr, 4);
		if (port != NULL)
			*port = ntohs(sin.sin_port);
	} else if (sa->sa_family == AF_INET6) {
		memcpy(&sin6, sa, sizeof(sin6));
		a->family = 6;
		memcpy(a->bytes, &sin6.sin6_addr, 16);
		if (port != NULL)
			*port = ntohs(sin6.sin6_port);
		if (memcmp(a->bytes, mapped, sizeof(mapped)) == 0) {
			wide = *a;
			*a = embedded4(&wide, 12);
		}
	}
	return a->family != 0;
}

socklen_t
addr_to_sockaddr(const struct addr *a, uint16_t port, struct sockaddr_storage *ss)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };

	memset(ss, 0, sizeof(*ss));
	if (a->family == 4) {
		memcpy(&sin.sin_addr, a->bytes, 4);
		memcpy(ss, &sin, sizeof(sin));
		return sizeof(sin);
	}
	if (a->family == 6) {
		memcpy(&sin6.sin6_addr, a->bytes, 16);
		memcpy(ss, &sin6, sizeof(sin6));
		return sizeof(sin6);
	}
	return 0;
}

static const char *
special_find(const struct special *table, size_t n, const struct addr *a)
{
	for (size_t i = 0; i < n; i++) {
		if (prefix_equal(a->bytes, table[i].bytes, table[i].bits))
			return table[i].what;
	}
	return NULL;
}

bool
addr_embedded(const struct addr *a, struct addr *v4)
{
	static const uint8_t nat64[12] = { 0x00, 0x64, 0xff, 0x9b };

	if (a->family != 6)
		return false;
	if (memcmp(a->bytes, mapped, sizeof(mapped)) == 0 ||
	    memcmp(a->bytes, nat64, sizeof(nat64)) == 0)
		*v4 = embedded4(a, 12);
	else if (a->bytes[0] == 0x20 && a->bytes[1] == 0x02)
		*v4 = embedded4(a, 2);
	else
		return false;
	return true;
}

const char *
addr_special(const struct addr *a)
{
	struct addr v4;
	const char *what;

	if (a->family == 4)
		return special_find(special4, sizeof(special4) / sizeof(special4[0]), a);
	if (a->family != 6)
		return "no address";
	if (addr_embedded(a, &v4))
		return special_find(special4, sizeof(special4) / sizeof(special4[0]), &v4);
	what = special_find(special6, sizeof(special6) / sizeof(special6[0]), a);
	if (what == NULL && (a->bytes[0] & 0xe0) != 0x20)
		what = "reserved";
	return what;
}

/* What addr_special() knows without a table: blocks that embed IPv4 addresses,
 * and the eighths of the address space that are not 2000::/3. */
static const struct special blocks6[] = {
	{ { [10] = 0xff, [11] = 0xff }, 96, NULL },
	{ { 0x00, 0x64, 0xff, 0x9b }, 96, NULL },
	{ { 0x20, 0x02 }, 16, NULL },
	{ { 0x00 }, 3, NULL },
	{ { 0x40 }, 3, NULL },
	{ { 0x60 }, 3, NULL },
	{ { 0x80 }, 3, NULL },
	{ { 0xa0 }, 3, NULL },
	{ { 0xc0 }, 3, NULL },
	{ { 0xe0 }, 3, NULL },
};

bool
addr_special_block(uint8_t family, size_t i, struct addr *net, unsigned *bits)
{
	const size_t n4 = sizeof(special4) / sizeof(special4[0]);
	const size_t n6 = sizeof(special6) / sizeof(special6[0]);
	const struct special *s;

	if (family == 4 && i < n4)
		s = &special4[i];
	else if (family == 6 && i < n6)
		s = &special6[i];
	else if (family == 6 && i < n6 + sizeof(blocks6) / sizeof(blocks6[0]))
		s = &blocks6[i - n6];
	else
		return false;
	*net = (struct addr){ .family = family };
	memcpy(net->bytes, s->bytes, sizeof(net->bytes));
	*bits = s->bits;
	return true;
}

int
addr_special_bits(const struct addr *a)
{
	struct addr net;
	unsigned bits;
	int most = -1;

	for (size_t i = 0; addr_special_block(a->family, i, &net, &bits); i++) {
		if ((int)bits > most && addr_in_prefix(a, &net, bits))
			most = (int)bits;
	}
	return most;
}

void
addr_last(const struct addr *net, unsigned bits, struct addr *last)
{
	const unsigned width = net->family == 4 ? 32 : 128;

	*last = *net;
	for (unsigned i = bits; i < width; i++)
		last->bytes[i / 8] |= (uint8_t)(0x80u >> i % 8);
}

bool
addr_next(struct addr *a)
{
	for (unsigned i = a->family == 4 ? 4 : 16; i-- > 0;) {
		if (++a->bytes[i] != 0)
			return true;
	}
	return false;
}

int
addr_compare(const struct addr *a, const struct addr *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}
