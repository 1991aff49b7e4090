/*
 * NFLOG records (DLT_NFLOG): a four-byte header (family, version, big-endian
 * group), then TLVs, each padded to four bytes. Length and type of a TLV are
 * in host order (libpcap has swapped those of a file from elsewhere); its value
 * is big-endian, or bytes. https://www.tcpdump.org/linktypes/LINKTYPE_NFLOG.html
 * and the kernel's net/netfilter/nfnetlink_log.c, which decides:
 *
 *  - the payload starts behind the Ethernet header, also in the bridge family;
 *    a VLAN tag that the kernel took off is a TLV, further ones are in the payload;
 *  - INDEV and OUTDEV are the bridge where PHYSINDEV and PHYSOUTDEV are its ports;
 *  - UID is there whenever a socket is: also that of a process in a container
 *    guest, or of the receiver. Only in the output hook is it the sender's.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "drops.h"
#include "ethertype.h"
#include "text.h"
#include "xmalloc.h"

enum {
	HEADER_SIZE = 4,
	TLV_SIZE = 4,		/* length and type */
	TLV_TYPE_MASK = 0x3fff,	/* the two high bits say "nested" and "big-endian" */
	TLVS_MAX = 64,		/* the kernel sends at most one of each */

	/* Types; pcap/nflog.h stops at 17 and is missing on other systems. */
	TLV_PACKET_HDR = 1,
	TLV_INDEV = 4,
	TLV_OUTDEV = 5,
	TLV_PHYSINDEV = 6,
	TLV_PHYSOUTDEV = 7,
	TLV_HWADDR = 8,
	TLV_PAYLOAD = 9,
	TLV_PREFIX = 10,
	TLV_UID = 11,
	TLV_SEQ = 12,
	TLV_VLAN = 20,

	FAMILY_INET = 2,	/* the kernel's NFPROTO_* of Linux, on any host */
	FAMILY_INET6 = 10,
	HOOK_OUTPUT = 3,
};

/* What is needed of a record before the packet itself can be decoded. */
struct record {
	uint8_t		 hook;
	bool		 has_uid;
	uint32_t	 in, out, physin, physout;	/* 0: none */
	int64_t		 seq;
	const uint8_t	*payload;
	size_t		 payload_len;
};

static const char label_prefix[] = "gatehouse:";

static void	(*lookup_name)(uint32_t, char[GH_IFNAME_SIZE]);

void
nflog_names(void (*lookup)(uint32_t, char[GH_IFNAME_SIZE]))
{
	lookup_name = lookup;
}

static uint16_t
host16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static uint32_t
get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* The rule's label: what follows "gatehouse:"; of a foreign rule all of it. */
static void
take_prefix(const uint8_t *value, size_t len, struct drop *d)
{
	const uint8_t *nul = memchr(value, '\0', len);
	const size_t skip = sizeof(label_prefix) - 1;

	if (nul != NULL)
		len = (size_t)(nul - value);
	if (len >= skip && memcmp(value, label_prefix, skip) == 0) {
		value += skip;
		len -= skip;
	}
	while (len > 0 && value[len - 1] == ' ')
		len--;
	text_escape(d->label, sizeof(d->label), value, len);
}

static void
take_hwaddr(const uint8_t *value, size_t len, struct drop *d)
{
	enum { HWADDR_AT = 4 };

	if (len < HWADDR_AT + sizeof(d->mac) || value[0] != 0 || value[1] != sizeof(d->mac))
		return;
	memcpy(d->mac, value + HWADDR_AT, sizeof(d->mac));
	d->flags |= DROP_MAC;
}

static uint32_t
value32(const uint8_t *value, size_t len)
{
	return len >= 4 ? get32(value) : 0;
}

static void
take_tlv(unsigned type, const uint8_t *value, size_t len, struct record *r, struct drop *d)
{
	switch (type) {
	case TLV_PACKET_HDR:
		if (len >= 3) {
			d->ethertype = (uint16_t)(value[0] << 8 | value[1]);
			r->hook = value[2];
		}
		break;
	case TLV_INDEV:
		r->in = value32(value, len);
		break;
	case TLV_OUTDEV:
		r->out = value32(value, len);
		break;
	case TLV_PHYSINDEV:
		r->physin = value32(value, len);
		break;
	case TLV_PHYSOUTDEV:
		r->physout = value32(value, len);
		break;
	case TLV_HWADDR:
		take_hwaddr(value, len, d);
		break;
	case TLV_PAYLOAD:
		r->payload = value;
		r->payload_len = len;
		break;
	case TLV_PREFIX:
		take_prefix(value, len, d);
		break;
	case TLV_UID:
		r->has_uid = len >= 4;
		d->uid = value32(value, len);
		break;
	case TLV_SEQ:
		if (len >= 4)
			r->seq = get32(value);
		break;
	case TLV_VLAN:
		d->flags |= DROP_VLAN;
		break;
	}
}

/* Walks the TLVs. A last one that was cut is taken only if it is the payload. */
static void
walk(const uint8_t *p, size_t left, struct record *r, struct drop *d)
{
	for (unsigned n = 0; left > 0; n++) {
		size_t size, padded;
		unsigned type;

		if (left < TLV_SIZE) {
			d->flags |= DROP_TRUNCATED;
			return;
		}
		size = host16(p);
		type = host16(p + 2) & TLV_TYPE_MASK;
		if (size < TLV_SIZE || n == TLVS_MAX) {
			d->flags |= DROP_MALFORMED;
			return;
		}
		if (size > left) {
			d->flags |= DROP_TRUNCATED;
			if (type == TLV_PAYLOAD)
				take_tlv(type, p + TLV_SIZE, left - TLV_SIZE, r, d);
			return;
		}
		take_tlv(type, p + TLV_SIZE, size - TLV_SIZE, r, d);
		padded = (size + 3) & ~(size_t)3;
		if (padded > left)
			padded = left;
		p += padded;
		left -= padded;
	}
}

static void
name_interface(uint32_t port, uint32_t interface, char name[GH_IFNAME_SIZE])
{
	const uint32_t index = port != 0 ? port : interface;

	if (index == 0)
		return;
	if (lookup_name != NULL)
		lookup_name(index, name);
	if (name[0] == '\0')
		snprintf(name, GH_IFNAME_SIZE, "#%u", index);
}

int64_t
nflog_decode(const uint8_t *bytes, size_t caplen, size_t len, struct drop *d)
{
	struct record r = { .seq = -1 };

	memset(d, 0, sizeof(*d));
	d->count = 1;
	if (caplen < HEADER_SIZE) {
		d->flags |= DROP_TRUNCATED;
		return -1;
	}
	if (bytes[1] != 0) {
		d->flags |= DROP_MALFORMED;
		return -1;
	}
	walk(bytes + HEADER_SIZE, caplen - HEADER_SIZE, &r, d);
	name_interface(r.physin, r.in, d->in);
	name_interface(r.physout, r.out, d->out);
	if (r.has_uid && r.hook == HOOK_OUTPUT && r.in == 0)
		d->flags |= DROP_UID;
	else
		d->uid = 0;
	/* A raw socket's packet may have no type yet; the table's family tells. */
	if (d->ethertype == 0 && bytes[0] == FAMILY_INET)
		d->ethertype = ETHERTYPE_IPV4;
	else if (d->ethertype == 0 && bytes[0] == FAMILY_INET6)
		d->ethertype = ETHERTYPE_IPV6;
	if (r.payload == NULL)
		d->flags |= DROP_TRUNCATED;
	packet_decode(r.payload, r.payload_len, r.payload_len, d);
	return r.seq;
}
