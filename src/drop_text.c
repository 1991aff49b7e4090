/* A blocked packet in words: protocol, service, and what was odd about it. */
#include "config.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "engine.h"
#include "xmalloc.h"

struct named {
	uint32_t	number;
	const char	*name;
};

static const struct named protos[] = {
	{ IPPROTO_ICMP, "icmp" }, { IPPROTO_IGMP, "igmp" }, { IPPROTO_TCP, "tcp" },
	{ IPPROTO_UDP, "udp" }, { IPPROTO_IPV6, "ip6-in-ip" }, { IPPROTO_GRE, "gre" },
	{ IPPROTO_ESP, "esp" }, { IPPROTO_AH, "ah" }, { IPPROTO_ICMPV6, "icmp6" },
	{ IPPROTO_SCTP, "sctp" },
};

static const struct named ethertypes[] = {
	{ 0x0806, "arp" }, { 0x8035, "rarp" }, { 0x8100, "vlan" }, { 0x86dd, "ip6" },
	{ 0x8809, "lacp" }, { 0x888e, "eapol" }, { 0x88cc, "lldp" },
};

static const struct named icmp4[] = {
	{ 0, "echo-reply" }, { 3, "unreachable" }, { 4, "source-quench" }, { 5, "redirect" },
	{ 8, "echo-request" }, { 9, "router-advert" }, { 10, "router-solicit" },
	{ 11, "time-exceeded" }, { 12, "parameter-problem" }, { 13, "timestamp" },
	{ 14, "timestamp-reply" },
};

static const struct named icmp6[] = {
	{ 1, "unreachable" }, { 2, "packet-too-big" }, { 3, "time-exceeded" },
	{ 4, "parameter-problem" }, { 128, "echo-request" }, { 129, "echo-reply" },
	{ 130, "mld-query" }, { 131, "mld-report" }, { 132, "mld-done" },
	{ 133, "router-solicit" }, { 134, "router-advert" }, { 135, "neighbour-solicit" },
	{ 136, "neighbour-advert" }, { 137, "redirect" }, { 143, "mld2-report" },
};

#define NAME_OF(table, number)	name_of(table, sizeof(table) / sizeof((table)[0]), number)

static const char *
name_of(const struct named *table, size_t n, uint32_t number)
{
	for (size_t i = 0; i < n; i++) {
		if (table[i].number == number)
			return table[i].name;
	}
	return NULL;
}

const char *
proto_name(const struct drop *d, char dst[16])
{
	const char *name = d->flags & DROP_NOT_IP ? NAME_OF(ethertypes, d->ethertype) :
	    NAME_OF(protos, d->proto);

	if (name != NULL)
		copy_string(dst, name, 16);
	else if (d->flags & DROP_NOT_IP)
		snprintf(dst, 16, "0x%04x", d->ethertype);
	else
		snprintf(dst, 16, "%u", d->proto);
	return dst;
}

const char *
drop_service(const struct drop *d, char dst[32])
{
	const char *name;

	dst[0] = '\0';
	if (d->flags & DROP_PORTS)
		snprintf(dst, 32, "%u", d->dport);
	else if (d->flags & DROP_ICMP) {
		name = d->proto == IPPROTO_ICMPV6 ? NAME_OF(icmp6, d->icmp_type) :
		    NAME_OF(icmp4, d->icmp_type);
		if (name != NULL)
			copy_string(dst, name, 32);
		else
			snprintf(dst, 32, "type %u code %u", d->icmp_type, d->icmp_code);
	}
	return dst;
}

const char *
drop_note(const struct drop *d, char dst[64])
{
	static const struct {
		uint16_t	flag;
		const char	*text;
	} notes[] = {
		{ DROP_TRUNCATED, "truncated" }, { DROP_FRAGMENT, "fragment" },
		{ DROP_MALFORMED, "malformed" }, { DROP_NOT_IP, "not IP" },
	};
	size_t len = 0;

	dst[0] = '\0';
	for (size_t i = 0; i < sizeof(notes) / sizeof(notes[0]); i++) {
		if (d->flags & notes[i].flag)
			len += (size_t)snprintf(dst + len, 64 - len, "%s%s", len > 0 ? ", " : "",
			    notes[i].text);
	}
	return dst;
}

/* What any system sends unasked: discovery of names, neighbours and services. */
bool
drop_is_noise(const struct drop *d)
{
	static const char *const labels[] = { "mdns", "llmnr", "multicast", "dhcp", "nd" };
	static const uint8_t broadcast[4] = { 255, 255, 255, 255 };

	if (d->flags & (DROP_MALFORMED | DROP_TRUNCATED))
		return false;
	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
		if (strcmp(d->label, labels[i]) == 0)
			return true;
	}
	if (d->dst.family == 4)
		return (d->dst.bytes[0] & 0xf0) == 0xe0 ||
		    memcmp(d->dst.bytes, broadcast, sizeof(broadcast)) == 0;
	return d->dst.family == 6 && d->dst.bytes[0] == 0xff;
}
