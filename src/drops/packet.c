/*
 * One packet, from behind its Ethernet header to the fields of struct drop.
 *
 * A view is the captured bytes and two ends: cap, how many were captured, and
 * end, where the packet says that it ends (END_UNKNOWN until its IP header was
 * read: NFLOG does not tell whether it cut a packet). What lies past end
 * contradicts the packet's own headers (DROP_MALFORMED); what lies before it
 * but past cap was not captured (DROP_TRUNCATED). Every access asks has() first.
 *
 * What a packet is cannot be told from a fragment that is not the first, from
 * behind ESP, or from an unknown header: such a packet keeps its protocol
 * number and gets no ports.
 */
#include "config.h"

#include <netinet/in.h>

#include <string.h>

#include "drops.h"
#include "ethertype.h"

enum {
	VLAN_TAGS_MAX = 4,
	VLAN_TAG_SIZE = 4,
	IP4_SIZE = 20,
	IP6_SIZE = 40,
	/* A chain any longer is there to tire us. Linux itself takes 8 of each. */
	IP6_HEADERS_MAX = 16,
	ARP_SIZE = 28,		/* for Ethernet and IPv4, RFC 826 */

	PROTO_DCCP = 33,
	PROTO_MOBILITY = 135,
	PROTO_UDPLITE = 136,
	PROTO_HIP = 139,
	PROTO_SHIM6 = 140,
};

#define END_UNKNOWN	SIZE_MAX

struct view {
	const uint8_t	*bytes;
	size_t		 cap;
	size_t		 end;
};

static uint16_t
get16(const struct view *v, size_t at)
{
	return (uint16_t)(v->bytes[at] << 8 | v->bytes[at + 1]);
}

/* May bytes [at, at + n) be read? If not, flags say why. */
static bool
has(const struct view *v, size_t at, size_t n, struct drop *d)
{
	if (at > v->end || n > v->end - at) {
		d->flags |= DROP_MALFORMED;
		return false;
	}
	if (at > v->cap || n > v->cap - at) {
		d->flags |= DROP_TRUNCATED;
		return false;
	}
	return true;
}

static void
set_addr(struct addr *a, const struct view *v, size_t at, uint8_t family)
{
	a->family = family;
	memcpy(a->bytes, v->bytes + at, family == 4 ? 4 : 16);
}

/* The first four bytes of all of these are the two ports. */
static void
decode_ports(const struct view *v, size_t at, size_t header, struct drop *d)
{
	if (!has(v, at, 4, d))
		return;
	d->sport = get16(v, at);
	d->dport = get16(v, at + 2);
	d->flags |= DROP_PORTS;
	/* A first fragment may hold less than the whole header. */
	if ((d->flags & DROP_FRAGMENT) == 0)
		has(v, at, header, d);
}

static void
decode_tcp(const struct view *v, size_t at, struct drop *d)
{
	enum { TCP_SIZE = 20, TCP_OFFSET = 12 };
	size_t size;

	decode_ports(v, at, TCP_SIZE, d);
	if (at + TCP_OFFSET >= v->end || at + TCP_OFFSET >= v->cap)
		return;
	size = (size_t)(v->bytes[at + TCP_OFFSET] >> 4) * 4;
	if (size < TCP_SIZE || ((d->flags & DROP_FRAGMENT) == 0 && size > v->end - at))
		d->flags |= DROP_MALFORMED;
}

static void
decode_udp(const struct view *v, size_t at, struct drop *d)
{
	enum { UDP_SIZE = 8, UDP_LENGTH = 4 };
	size_t len;

	decode_ports(v, at, UDP_SIZE, d);
	if (at + UDP_SIZE > v->end || at + UDP_SIZE > v->cap)
		return;
	len = get16(v, at + UDP_LENGTH);
	if (len < UDP_SIZE || ((d->flags & DROP_FRAGMENT) == 0 && len > v->end - at))
		d->flags |= DROP_MALFORMED;
}

static void
decode_icmp(const struct view *v, size_t at, struct drop *d)
{
	enum { ICMP_SIZE = 8 };

	if (!has(v, at, 2, d))
		return;
	d->icmp_type = v->bytes[at];
	d->icmp_code = v->bytes[at + 1];
	d->flags |= DROP_ICMP;
	if ((d->flags & DROP_FRAGMENT) == 0)
		has(v, at, ICMP_SIZE, d);
}

static void
decode_transport(const struct view *v, size_t at, struct drop *d)
{
	enum { SCTP_SIZE = 12, DCCP_SIZE = 12, UDPLITE_SIZE = 8 };

	switch (d->proto) {
	case IPPROTO_TCP:
		decode_tcp(v, at, d);
		break;
	case IPPROTO_UDP:
		decode_udp(v, at, d);
		break;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		/* Each means something only in its own family. */
		if ((d->proto == IPPROTO_ICMP) == (d->src.family == 4))
			decode_icmp(v, at, d);
		break;
	case IPPROTO_SCTP:
		decode_ports(v, at, SCTP_SIZE, d);
		break;
	case PROTO_DCCP:
		decode_ports(v, at, DCCP_SIZE, d);
		break;
	case PROTO_UDPLITE:
		decode_ports(v, at, UDPLITE_SIZE, d);
		break;
	}
}

/* RFC 791 */
static void
decode_ip4(struct view *v, struct drop *d)
{
	enum { OFFSET_MASK = 0x1fff, MORE_FRAGMENTS = 0x2000 };
	size_t header, total;
	uint16_t fragment;

	if (!has(v, 0, 1, d))
		return;
	if (v->bytes[0] >> 4 != 4) {
		d->flags |= DROP_MALFORMED;
		return;
	}
	if (!has(v, 0, IP4_SIZE, d))
		return;
	header = (size_t)(v->bytes[0] & 0xf) * 4;
	total = get16(v, 2);
	fragment = get16(v, 6);
	d->proto = v->bytes[9];
	set_addr(&d->src, v, 12, 4);
	set_addr(&d->dst, v, 16, 4);
	if (header < IP4_SIZE || total < header) {
		d->flags |= DROP_MALFORMED;
		return;
	}
	d->bytes = total;
	v->end = total;
	if ((fragment & (OFFSET_MASK | MORE_FRAGMENTS)) != 0)
		d->flags |= DROP_FRAGMENT;
	if ((fragment & OFFSET_MASK) == 0)
		decode_transport(v, header, d);
}

/* Bytes of the extension header at the given place, 0 if it cannot be told. */
static size_t
ip6_header_size(const struct view *v, size_t at, struct drop *d)
{
	enum { FRAGMENT_SIZE = 8, AH_SIZE_MIN = 12 };
	size_t size;

	if (!has(v, at, 2, d))
		return 0;
	if (d->proto == IPPROTO_FRAGMENT)
		size = FRAGMENT_SIZE;
	else if (d->proto == IPPROTO_AH)
		size = ((size_t)v->bytes[at + 1] + 2) * 4;	/* RFC 4302, 2.2 */
	else
		size = ((size_t)v->bytes[at + 1] + 1) * 8;
	if (d->proto == IPPROTO_AH && size < AH_SIZE_MIN) {
		d->flags |= DROP_MALFORMED;
		return 0;
	}
	return has(v, at, size, d) ? size : 0;
}

static bool
ip6_is_extension(uint8_t proto)
{
	switch (proto) {
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_FRAGMENT:
	case IPPROTO_AH:
	case IPPROTO_DSTOPTS:
	case PROTO_MOBILITY:
	case PROTO_HIP:
	case PROTO_SHIM6:
		return true;
	}
	return false;
}

/* RFC 8200, section 4. d->proto is the header that the walk has reached. */
static void
decode_ip6_headers(const struct view *v, struct drop *d)
{
	enum { OFFSET_MASK = 0xfff8 };
	size_t at = IP6_SIZE, size;
	uint8_t proto;

	for (unsigned n = 0; ip6_is_extension(d->proto); n++) {
		if (n == IP6_HEADERS_MAX || (d->proto == IPPROTO_HOPOPTS && n > 0)) {
			d->flags |= DROP_MALFORMED;
			return;
		}
		size = ip6_header_size(v, at, d);
		if (size == 0)
			return;
		proto = v->bytes[at];
		if (d->proto == IPPROTO_FRAGMENT) {
			d->flags |= DROP_FRAGMENT;
			if ((get16(v, at + 2) & OFFSET_MASK) != 0) {
				d->proto = proto;
				return;
			}
		}
		d->proto = proto;
		at += size;
	}
	decode_transport(v, at, d);
}

/* RFC 8200, section 3 */
static void
decode_ip6(struct view *v, struct drop *d)
{
	size_t payload;

	if (!has(v, 0, 1, d))
		return;
	if (v->bytes[0] >> 4 != 6) {
		d->flags |= DROP_MALFORMED;
		return;
	}
	if (!has(v, 0, IP6_SIZE, d))
		return;
	payload = get16(v, 4);
	d->proto = v->bytes[6];
	set_addr(&d->src, v, 8, 6);
	set_addr(&d->dst, v, 24, 6);
	/* 0 before hop-by-hop options is a jumbogram, RFC 2675. */
	if (payload != 0 || d->proto != IPPROTO_HOPOPTS)
		v->end = d->bytes = IP6_SIZE + payload;
	decode_ip6_headers(v, d);
}

/* Who asks (or answers) for whom; other kinds of ARP keep only their type. */
static void
decode_arp(const struct view *v, struct drop *d)
{
	enum { ARP_ETHERNET = 1, ARP_SENDER = 14, ARP_TARGET = 24 };

	if (!has(v, 0, ARP_SIZE, d))
		return;
	if (get16(v, 0) != ARP_ETHERNET || get16(v, 2) != ETHERTYPE_IPV4 ||
	    v->bytes[4] != sizeof(d->mac) || v->bytes[5] != 4)
		return;
	set_addr(&d->src, v, ARP_SENDER, 4);
	set_addr(&d->dst, v, ARP_TARGET, 4);
}

/* Steps over VLAN tags that the kernel left in the packet (IEEE 802.1Q, 802.1ad). */
static bool
untag(struct view *v, struct drop *d)
{
	for (unsigned n = 0; ethertype_is_vlan(d->ethertype); n++) {
		d->flags |= DROP_VLAN;
		if (n == VLAN_TAGS_MAX) {
			d->flags |= DROP_MALFORMED | DROP_NOT_IP;
			return false;
		}
		if (!has(v, 0, VLAN_TAG_SIZE, d)) {
			d->flags |= DROP_NOT_IP;
			return false;
		}
		d->ethertype = get16(v, 2);
		v->bytes += VLAN_TAG_SIZE;
		v->cap -= VLAN_TAG_SIZE;
		d->bytes -= VLAN_TAG_SIZE;
	}
	return true;
}

void
packet_decode(const uint8_t *bytes, size_t caplen, size_t len, struct drop *d)
{
	struct view v = { bytes, caplen, END_UNKNOWN };

	d->bytes = len > caplen ? len : caplen;
	if (d->ethertype == 0 && caplen > 0)
		d->ethertype = bytes[0] >> 4 == 6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4;
	if (!untag(&v, d))
		return;
	switch (d->ethertype) {
	case ETHERTYPE_IPV4:
		decode_ip4(&v, d);
		break;
	case ETHERTYPE_IPV6:
		decode_ip6(&v, d);
		break;
	default:
		d->flags |= DROP_NOT_IP;
		if (d->ethertype == ETHERTYPE_ARP)
			decode_arp(&v, d);
		break;
	}
}
