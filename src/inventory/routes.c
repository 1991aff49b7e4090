#include "config.h"

#include "inventory/routes.h"

#include <string.h>

enum {
	DST = 0x1, GATEWAY = 0x2,	/* of rtm_addrs; they come in this order */
	STATIC = 0x800,			/* RTF_STATIC */

	/* Of every struct sockaddr: length, family; then by family. */
	SIN_ADDR = 4, SIN6_ADDR = 8,
	SDL_INDEX = 2, SDL_NAME_LEN = 5, SDL_ADDR_LEN = 6, SDL_DATA = 8,

	/* Seconds, as both systems have them unless someone changed that: how long
	 * a neighbour is kept after it was heard; one of IPv6 that is not being
	 * asked for is kept for a day. */
	ARP_KEPT = 1200,
	ND_KEPT = 24 * 3600,
};

struct span {
	const uint8_t	*p;
	size_t		 len;
};

static uint32_t
get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static int64_t
get_expire(const uint8_t *p, size_t size)
{
	int64_t wide;
	int32_t narrow;

	if (size == sizeof(wide)) {
		memcpy(&wide, p, sizeof(wide));
		return wide;
	}
	memcpy(&narrow, p, sizeof(narrow));
	return narrow;
}

/* Takes one socket address off the front. One of length 0 is only padding. */
static bool
take_sockaddr(struct span *rest, size_t round, struct span *sa)
{
	size_t size;

	if (rest->len < 2)
		return false;
	*sa = (struct span){ rest->p, rest->p[0] };
	size = sa->len == 0 ? round : (sa->len + round - 1) / round * round;
	if (sa->len > rest->len)
		return false;
	if (size > rest->len)
		size = rest->len;
	rest->p += size;
	rest->len -= size;
	return true;
}

static bool
read_addr(const struct routes_layout *l, const struct span *sa, struct addr *a)
{
	memset(a, 0, sizeof(*a));
	if (sa->len >= SIN_ADDR + 4 && sa->p[1] == l->inet) {
		a->family = 4;
		memcpy(a->bytes, sa->p + SIN_ADDR, 4);
		return true;
	}
	if (sa->len < SIN6_ADDR + 16 || sa->p[1] != l->inet6)
		return false;
	a->family = 6;
	memcpy(a->bytes, sa->p + SIN6_ADDR, 16);
	/* The kernel keeps the number of the interface in a link-local address. */
	if (addr_is_link_local6(a))
		a->bytes[2] = a->bytes[3] = 0;
	return true;
}

/* Its interface and hardware address; false while the latter is not known. */
static bool
read_link(const struct routes_layout *l, const struct span *sa, struct nl_neigh *n)
{
	uint16_t index;
	size_t at;

	if (sa->len < SDL_DATA || sa->p[1] != l->link || sa->p[SDL_ADDR_LEN] != sizeof(n->mac))
		return false;
	at = SDL_DATA + (size_t)sa->p[SDL_NAME_LEN];
	if (sa->len < at + sizeof(n->mac))
		return false;
	memcpy(&index, sa->p + SDL_INDEX, sizeof(index));
	n->link = index;
	memcpy(n->mac, sa->p + at, sizeof(n->mac));
	return true;
}

/* Seconds since it was heard, by how long it is still kept. */
static uint32_t
age(uint8_t family, int64_t left)
{
	const int64_t kept = family == 6 && left > ARP_KEPT ? ND_KEPT : ARP_KEPT;

	/* One of IPv6 that is in use has a short time, which says nothing more. */
	if (left >= kept || (family == 6 && kept == ARP_KEPT))
		return 0;
	return (uint32_t)(kept - left);
}

static void
message(struct nl_tables *t, const struct routes_layout *l, const uint8_t *p, size_t len, int64_t now)
{
	struct nl_neigh n = { 0 };
	struct span rest = { p + l->header, len - l->header }, dst, gateway;
	const uint32_t flags = get32(p + l->flags);
	const int64_t expire = get_expire(p + l->expire, l->expire_size);

	if ((get32(p + l->addrs) & (DST | GATEWAY)) != (DST | GATEWAY) || (flags & l->own) != 0)
		return;
	if (!take_sockaddr(&rest, l->round, &dst) || !take_sockaddr(&rest, l->round, &gateway) ||
	    !read_addr(l, &dst, &n.addr) || !read_link(l, &gateway, &n))
		return;
	if (expire != 0)
		n.age = age(n.addr.family, expire > now ? expire - now : 0);
	netlink_add_neigh(t, &n, expire == 0 || (flags & STATIC) != 0);
}

const char *
routes_parse(struct nl_tables *t, const struct routes_layout *l, const uint8_t *p, size_t len,
    int64_t now)
{
	uint16_t size;

	while (len > 0) {
		if (len < sizeof(size))
			return "a list of neighbours ends in the middle of a message";
		memcpy(&size, p, sizeof(size));
		if (size < l->header || size > len)
			return "a message about a neighbour contradicts its length";
		message(t, l, p, size, now);
		p += size;
		len -= size;
	}
	return NULL;
}
