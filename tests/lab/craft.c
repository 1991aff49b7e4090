/*
 * craft KIND HOSTMAC [OTHERMAC]: sends one frame, made by hand, from eth0 of the
 * guest that it runs in (agent-1 of the lab).  Each kind is a way in which a
 * guest with root might try to get a packet past rules that look for ports,
 * interfaces or addresses.  "craft -l" lists the kinds.
 *
 * Where a packet has a port it is 5555, so that whoever waits for it can count.
 */
#include "config.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
	FRAME_MAX = 1514, PORT = 5555,
	ETH_IP4 = 0x0800, ETH_ARP = 0x0806, ETH_VLAN = 0x8100, ETH_IP6 = 0x86dd, ETH_TEST = 0x88b5,
	PROTO_HOPOPTS = 0, PROTO_ICMP = 1, PROTO_TCP = 6, PROTO_UDP = 17, PROTO_FRAGMENT = 44,
	PROTO_ICMP6 = 58, PROTO_DSTOPTS = 60, PROTO_SCTP = 132, PROTO_UDPLITE = 136,
	MORE_FRAGMENTS = 0x2000,
};

static const char *guest4 = "10.77.0.11", *host4 = "10.77.0.1", *other4 = "10.77.0.12";
static const char *guest6 = "fd77::11", *host6 = "fd77::1", *inet4 = "198.18.0.1";

struct frame {
	uint8_t	bytes[FRAME_MAX];
	size_t	len;
};

static uint8_t own_mac[6], host_mac[6], other_mac[6];

static void
put(struct frame *f, const void *bytes, size_t len)
{
	memcpy(f->bytes + f->len, bytes, len);
	f->len += len;
}

static void
put8(struct frame *f, unsigned v)
{
	f->bytes[f->len++] = (uint8_t)v;
}

static void
put16(struct frame *f, unsigned v)
{
	put8(f, v >> 8);
	put8(f, v & 0xff);
}

static void
put32(struct frame *f, uint32_t v)
{
	put16(f, v >> 16);
	put16(f, v & 0xffff);
}

static void
set16(struct frame *f, size_t at, unsigned v)
{
	f->bytes[at] = (uint8_t)(v >> 8);
	f->bytes[at + 1] = (uint8_t)v;
}

static uint32_t
sum(const struct frame *f, size_t at, size_t len, uint32_t s)
{
	for (size_t i = 0; i < len; i++)
		s += (uint32_t)f->bytes[at + i] << (i % 2 == 0 ? 8 : 0);
	return s;
}

static unsigned
fold(uint32_t s)
{
	while (s >> 16 != 0)
		s = (s & 0xffff) + (s >> 16);
	return ~s & 0xffff;
}

static void
eth(struct frame *f, const uint8_t to[6], unsigned type)
{
	put(f, to, 6);
	put(f, own_mac, 6);
	put16(f, type);
}

/* Returns where the header is, for ip4_end(). */
static size_t
ip4(struct frame *f, const char *src, const char *dst, unsigned proto, unsigned fragment,
    const void *options, size_t noptions)
{
	size_t at = f->len;
	struct in_addr a;

	put8(f, 0x40 | (unsigned)(5 + noptions / 4));
	put8(f, 0);
	put16(f, 0);
	put16(f, 0x4747);
	put16(f, fragment);
	put8(f, 64);
	put8(f, proto);
	put16(f, 0);
	inet_pton(AF_INET, src, &a);
	put(f, &a, 4);
	inet_pton(AF_INET, dst, &a);
	put(f, &a, 4);
	if (noptions > 0)
		put(f, options, noptions);
	return at;
}

static void
ip4_end(struct frame *f, size_t at)
{
	set16(f, at + 2, (unsigned)(f->len - at));
	set16(f, at + 10, fold(sum(f, at, (f->bytes[at] & 15u) * 4, 0)));
}

static size_t
ip6(struct frame *f, const char *src, const char *dst, unsigned next, unsigned hops)
{
	size_t at = f->len;
	struct in6_addr a;

	put32(f, 0x60000000);
	put16(f, 0);
	put8(f, next);
	put8(f, hops);
	inet_pton(AF_INET6, src, &a);
	put(f, &a, 16);
	inet_pton(AF_INET6, dst, &a);
	put(f, &a, 16);
	return at;
}

static void
ip6_end(struct frame *f, size_t at)
{
	set16(f, at + 4, (unsigned)(f->len - at - 40));
}

static void
udp(struct frame *f, unsigned port, size_t payload)
{
	put16(f, 40000);
	put16(f, port);
	put16(f, (unsigned)(8 + payload));
	put16(f, 0);	/* no checksum */
	for (size_t i = 0; i < payload; i++)
		put8(f, 'x');
}

/* A SYN, with the checksum over the pseudo-header of the IPv6 header at "at". */
static void
syn6(struct frame *f, size_t at, unsigned port)
{
	size_t tcp = f->len;
	uint32_t s;

	put16(f, 40001);
	put16(f, port);
	put32(f, 1);
	put32(f, 0);
	put16(f, 0x5002);
	put16(f, 1024);
	put32(f, 0);
	s = sum(f, at + 8, 32, 20 + PROTO_TCP);
	set16(f, tcp + 16, fold(sum(f, tcp, 20, s)));
}

/* ---- kinds ---- */

static void
plain(struct frame *f, const uint8_t to[6], const char *src, const char *dst)
{
	size_t at;

	eth(f, to, ETH_IP4);
	at = ip4(f, src, dst, PROTO_UDP, 0, NULL, 0);
	udp(f, PORT, 8);
	ip4_end(f, at);
}

static void
kind_plain(struct frame *f)
{
	plain(f, host_mac, guest4, host4);
}

/* A frame for LLDP's group leaves the bridge at its port. */
static void
kind_link_local_group(struct frame *f)
{
	static const uint8_t group[6] = { 0x01, 0x80, 0xc2, 0, 0, 0x0e };

	plain(f, group, guest4, host4);
}

static void
kind_lacp_group(struct frame *f)
{
	static const uint8_t group[6] = { 0x01, 0x80, 0xc2, 0, 0, 0x03 };

	plain(f, group, guest4, host4);
}

static void
kind_vlan(struct frame *f)
{
	size_t at;

	eth(f, host_mac, ETH_VLAN);
	put16(f, 10);
	put16(f, ETH_IP4);
	at = ip4(f, "10.78.0.11", "10.78.0.1", PROTO_UDP, 0, NULL, 0);
	udp(f, PORT, 8);
	ip4_end(f, at);
}

static void
kind_spoofed(struct frame *f)
{
	plain(f, host_mac, inet4, host4);
}

static void
kind_spoofed_dns(struct frame *f)
{
	size_t at;

	eth(f, host_mac, ETH_IP4);
	at = ip4(f, inet4, host4, PROTO_UDP, 0, NULL, 0);
	udp(f, 53, 12);
	ip4_end(f, at);
}

static void
kind_to_loopback(struct frame *f)
{
	plain(f, host_mac, guest4, "127.0.0.1");
}

static void
kind_to_other_address(struct frame *f)
{
	plain(f, host_mac, guest4, "198.18.0.2");
}

static void
kind_first_fragment(struct frame *f)
{
	size_t at;

	eth(f, host_mac, ETH_IP4);
	at = ip4(f, guest4, host4, PROTO_UDP, MORE_FRAGMENTS, NULL, 0);
	put16(f, 40000);
	put16(f, PORT);
	put16(f, 8 + 16);
	put16(f, 0);
	ip4_end(f, at);
}

static void
kind_last_fragment(struct frame *f)
{
	size_t at;

	eth(f, host_mac, ETH_IP4);
	at = ip4(f, guest4, host4, PROTO_UDP, 1, NULL, 0);
	put(f, "0123456789abcdef", 16);
	ip4_end(f, at);
}

static void
kind_source_route(struct frame *f)
{
	/* Loose source route by way of the host, RFC 791. */
	static const uint8_t route[8] = { 131, 7, 4, 10, 77, 0, 1, 0 };
	size_t at;

	eth(f, host_mac, ETH_IP4);
	at = ip4(f, guest4, host4, PROTO_UDP, 0, route, sizeof(route));
	udp(f, PORT, 8);
	ip4_end(f, at);
}

static void
kind_short_tcp(struct frame *f)
{
	size_t at;

	eth(f, host_mac, ETH_IP4);
	at = ip4(f, guest4, host4, PROTO_TCP, 0, NULL, 0);
	put16(f, 40001);
	ip4_end(f, at);
}

static void
kind_udplite(struct frame *f)
{
	size_t at;

	eth(f, host_mac, ETH_IP4);
	at = ip4(f, guest4, host4, PROTO_UDPLITE, 0, NULL, 0);
	udp(f, PORT, 8);
	ip4_end(f, at);
}

static void
kind_sctp(struct frame *f)
{
	size_t at;

	eth(f, host_mac, ETH_IP4);
	at = ip4(f, guest4, host4, PROTO_SCTP, 0, NULL, 0);
	udp(f, PORT, 24);
	ip4_end(f, at);
}

static void
kind_extension_headers(struct frame *f)
{
	static const uint8_t padding[6] = { 1, 4, 0, 0, 0, 0 };
	size_t at;

	eth(f, host_mac, ETH_IP6);
	at = ip6(f, guest6, host6, PROTO_HOPOPTS, 64);
	put8(f, PROTO_DSTOPTS);
	put8(f, 0);
	put(f, padding, sizeof(padding));
	put8(f, PROTO_TCP);
	put8(f, 0);
	put(f, padding, sizeof(padding));
	syn6(f, at, PORT);
	ip6_end(f, at);
}

static void
kind_atomic_fragment(struct frame *f)
{
	size_t at;

	eth(f, host_mac, ETH_IP6);
	at = ip6(f, guest6, host6, PROTO_FRAGMENT, 64);
	put8(f, PROTO_TCP);
	put8(f, 0);
	put16(f, 0);
	put32(f, 0x4747);
	syn6(f, at, PORT);
	ip6_end(f, at);
}

/* An ICMPv6 message from the guest's link-local address to all nodes. */
static void
icmp6(struct frame *f, const char *dst, const uint8_t *body, size_t len)
{
	static const uint8_t all_nodes[6] = { 0x33, 0x33, 0, 0, 0, 1 };
	size_t at, start;

	eth(f, strcmp(dst, "ff02::1") == 0 ? all_nodes : host_mac, ETH_IP6);
	at = ip6(f, "fe80::77:ff:fe00:11", dst, PROTO_ICMP6, 255);
	start = f->len;
	put(f, body, len);
	ip6_end(f, at);
	set16(f, start + 2, fold(sum(f, start, len, sum(f, at + 8, 32,
	    (uint32_t)len + PROTO_ICMP6))));
}

static void
kind_router_advertisement(struct frame *f)
{
	static const uint8_t ra[16] = { 134, 0, 0, 0, 64, 0, 7, 8 };

	icmp6(f, "ff02::1", ra, sizeof(ra));
}

static void
kind_redirect6(struct frame *f)
{
	static const uint8_t redirect[40] = { 137 };

	icmp6(f, host6, redirect, sizeof(redirect));
}

static void
kind_redirect4(struct frame *f)
{
	size_t at, start;

	eth(f, host_mac, ETH_IP4);
	at = ip4(f, guest4, host4, PROTO_ICMP, 0, NULL, 0);
	start = f->len;
	put8(f, 5);
	put8(f, 1);
	put16(f, 0);
	put(f, "\x0a\x4d\x00\x0b", 4);
	ip4_end(f, ip4(f, host4, inet4, PROTO_UDP, 0, NULL, 0));
	udp(f, 53, 0);
	ip4_end(f, at);
	set16(f, start + 2, fold(sum(f, start, f->len - start, 0)));
}

static void
kind_neighbour(struct frame *f)
{
	plain(f, other_mac, guest4, other4);
}

static void
kind_neighbour_ethertype(struct frame *f)
{
	eth(f, other_mac, ETH_TEST);
	put(f, "anything at all, padded to what Ethernet wants", 46);
}

static void
kind_neighbour_broadcast(struct frame *f)
{
	static const uint8_t everyone[6] = { 255, 255, 255, 255, 255, 255 };

	plain(f, everyone, guest4, "10.77.0.255");
}

static void
kind_neighbour_arp(struct frame *f)
{
	static const uint8_t everyone[6] = { 255, 255, 255, 255, 255, 255 }, nobody[6];
	struct in_addr a;

	eth(f, everyone, ETH_ARP);
	put(f, "\0\1\x08\0\6\4\0\1", 8);
	put(f, own_mac, 6);
	inet_pton(AF_INET, guest4, &a);
	put(f, &a, 4);
	put(f, nobody, 6);
	inet_pton(AF_INET, other4, &a);
	put(f, &a, 4);
}

static const struct {
	const char	*name;
	void		(*make)(struct frame *);
} kinds[] = {
	{ "plain", kind_plain },
	{ "link-local-group", kind_link_local_group },
	{ "lacp-group", kind_lacp_group },
	{ "vlan", kind_vlan },
	{ "spoofed", kind_spoofed },
	{ "spoofed-dns", kind_spoofed_dns },
	{ "to-loopback", kind_to_loopback },
	{ "to-other-address", kind_to_other_address },
	{ "first-fragment", kind_first_fragment },
	{ "last-fragment", kind_last_fragment },
	{ "source-route", kind_source_route },
	{ "short-tcp", kind_short_tcp },
	{ "udplite", kind_udplite },
	{ "sctp", kind_sctp },
	{ "extension-headers", kind_extension_headers },
	{ "atomic-fragment", kind_atomic_fragment },
	{ "router-advertisement", kind_router_advertisement },
	{ "redirect6", kind_redirect6 },
	{ "redirect4", kind_redirect4 },
	{ "neighbour", kind_neighbour },
	{ "neighbour-ethertype", kind_neighbour_ethertype },
	{ "neighbour-broadcast", kind_neighbour_broadcast },
	{ "neighbour-arp", kind_neighbour_arp },
};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

static bool
mac_parse(const char *s, uint8_t mac[6])
{
	return sscanf(s, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx", &mac[0], &mac[1], &mac[2], &mac[3],
	    &mac[4], &mac[5]) == 6;
}

static int
own_address(void)
{
	char text[32] = "";
	FILE *f = fopen("/sys/class/net/eth0/address", "r");
	int ok = f != NULL && fgets(text, sizeof(text), f) != NULL && mac_parse(text, own_mac);

	if (f != NULL)
		fclose(f);
	/* The lab's sysfs may show another namespace's; its addresses are fixed. */
	return ok || mac_parse("02:77:00:00:00:11", own_mac);
}

int
main(int argc, char **argv)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex("eth0") };
	struct frame f = { .len = 0 };
	int fd;

	if (argc == 2 && strcmp(argv[1], "-l") == 0) {
		for (size_t i = 0; i < KINDS; i++)
			printf("%s\n", kinds[i].name);
		return 0;
	}
	if (argc < 3 || !own_address() || !mac_parse(argv[2], host_mac) ||
	    (argc > 3 && !mac_parse(argv[3], other_mac))) {
		fprintf(stderr, "usage: craft -l | KIND HOSTMAC [OTHERMAC]\n");
		return 2;
	}
	for (size_t i = 0; i < KINDS; i++) {
		if (strcmp(argv[1], kinds[i].name) == 0)
			kinds[i].make(&f);
	}
	fd = socket(AF_PACKET, SOCK_RAW, 0);
	if (f.len == 0 || fd == -1 ||
	    sendto(fd, f.bytes, f.len, 0, (struct sockaddr *)&to, sizeof(to)) != (ssize_t)f.len) {
		perror("craft");
		return 1;
	}
	close(fd);
	return 0;
}
