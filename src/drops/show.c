/*
 * A drop in words. Numbers become names only where a registry says so (IANA,
 * IEEE); an unknown number stays a number.
 */
#include "config.h"

#include "drops/show.h"

#include <netinet/in.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "addr.h"
#include "drops/ethertype.h"
#include "json_text.h"
#include "xmalloc.h"

#define N(table)	(sizeof(table) / sizeof((table)[0]))

struct word {
	unsigned	 number;
	const char	*text;
};

static const struct word protocols[] = {
	{ 0, "hop-by-hop" }, { 1, "icmp" }, { 2, "igmp" }, { 4, "ipip" }, { 6, "tcp" },
	{ 17, "udp" }, { 33, "dccp" }, { 41, "ipv6" }, { 43, "routing" }, { 44, "fragment" },
	{ 47, "gre" }, { 50, "esp" }, { 51, "ah" }, { 58, "icmp6" }, { 59, "no-next" },
	{ 60, "dest-opts" }, { 89, "ospf" }, { 103, "pim" }, { 112, "vrrp" },
	{ 115, "l2tp" }, { 132, "sctp" }, { 135, "mobility" }, { 136, "udplite" },
	{ 139, "hip" }, { 140, "shim6" },
};

static const struct word ethertypes[] = {
	{ ETHERTYPE_IPV4, "ip" }, { ETHERTYPE_ARP, "arp" }, { ETHERTYPE_VLAN, "vlan" },
	{ ETHERTYPE_IPV6, "ip6" }, { ETHERTYPE_QINQ, "vlan" }, { ETHERTYPE_EAPOL, "eapol" },
	{ ETHERTYPE_LLDP, "lldp" }, { 0x0842, "wake-on-lan" }, { 0x8035, "rarp" },
	{ 0x8847, "mpls" }, { 0x8863, "pppoe" }, { 0x8864, "pppoe" }, { 0x88a2, "aoe" },
	{ 0x88f7, "ptp" }, { 0x8906, "fcoe" }, { 0x9000, "loopback" },
};

static const struct word icmp4_types[] = {
	{ 0, "echo-reply" }, { 3, "unreachable" }, { 4, "source-quench" }, { 5, "redirect" },
	{ 8, "echo-request" }, { 9, "router-advert" }, { 10, "router-solicit" },
	{ 11, "time-exceeded" }, { 12, "parameter-problem" }, { 13, "timestamp-request" },
	{ 14, "timestamp-reply" }, { 17, "mask-request" }, { 18, "mask-reply" },
	{ 42, "ext-echo-request" }, { 43, "ext-echo-reply" },
};

enum { RS = 133, MLD_QUERY = 130, MLD_REPORT = 131, MLD_DONE = 132, MLD2_REPORT = 143, NS = 135 };
static const struct word icmp6_types[] = {
	{ 1, "unreachable" }, { 2, "packet-too-big" }, { 3, "time-exceeded" },
	{ 4, "parameter-problem" }, { 128, "echo-request" }, { 129, "echo-reply" },
	{ MLD_QUERY, "mld-query" }, { MLD_REPORT, "mld-report" }, { MLD_DONE, "mld-done" },
	{ RS, "router-solicit" }, { 134, "router-advert" }, { NS, "neighbour-solicit" },
	{ 136, "neighbour-advert" }, { 137, "redirect" }, { 139, "node-query" },
	{ MLD2_REPORT, "mld2-report" }, { 160, "ext-echo-request" }, { 161, "ext-echo-reply" },
};

/* Ports that tell an operator something at a glance. */
static const struct word tcp_ports[] = {
	{ 20, "FTP data" }, { 21, "FTP" }, { 22, "SSH" }, { 23, "telnet" }, { 25, "SMTP" },
	{ 53, "DNS" }, { 80, "HTTP" }, { 88, "Kerberos" }, { 110, "POP3" }, { 111, "portmap" },
	{ 135, "MS-RPC" }, { 139, "NetBIOS session" }, { 143, "IMAP" }, { 179, "BGP" },
	{ 389, "LDAP" }, { 443, "HTTPS" }, { 445, "SMB" }, { 465, "SMTPS" }, { 548, "AFP" },
	{ 587, "submission" }, { 631, "IPP" }, { 636, "LDAPS" }, { 853, "DNS over TLS" },
	{ 873, "rsync" }, { 993, "IMAPS" }, { 995, "POP3S" }, { 1433, "MS-SQL" },
	{ 1723, "PPTP" }, { 1883, "MQTT" }, { 2049, "NFS" }, { 2375, "Docker" },
	{ 2376, "Docker" }, { 3128, "proxy" }, { 3306, "MySQL" }, { 3389, "RDP" },
	{ 5000, "AirPlay" }, { 5432, "PostgreSQL" }, { 5900, "VNC" }, { 6379, "Redis" },
	{ 6443, "Kubernetes" }, { 6667, "IRC" }, { 8080, "HTTP" }, { 9418, "git" },
	{ 11211, "memcached" }, { 27017, "MongoDB" },
};

enum { DNS = 53, DHCP_SERVER = 67, DHCP_CLIENT = 68, NETBIOS_NS = 137, NETBIOS_DGM = 138 };
static const struct word udp_ports[] = {
	{ DNS, "DNS" }, { DHCP_SERVER, "DHCP" }, { DHCP_CLIENT, "DHCP" }, { 69, "TFTP" },
	{ 111, "portmap" }, { 123, "NTP" }, { NETBIOS_NS, "NetBIOS name" },
	{ NETBIOS_DGM, "NetBIOS datagram" }, { 161, "SNMP" }, { 162, "SNMP" }, { 389, "LDAP" },
	{ 443, "QUIC" }, { 500, "IKE" }, { 514, "syslog" }, { 546, "DHCPv6" },
	{ 547, "DHCPv6" }, { 853, "DNS over QUIC" }, { 1194, "OpenVPN" }, { 1701, "L2TP" },
	{ 1900, "SSDP" }, { 2049, "NFS" }, { 3478, "STUN" }, { 3702, "WS-Discovery" },
	{ 4500, "IPsec NAT-T" }, { 4789, "VXLAN" }, { 5353, "mDNS" }, { 5355, "LLMNR" },
	{ 11211, "memcached" }, { 41641, "Tailscale" }, { 51820, "WireGuard" },
};

static const char *
word_find(const struct word *table, size_t n, unsigned number)
{
	for (size_t i = 0; i < n; i++) {
		if (table[i].number == number)
			return table[i].text;
	}
	return NULL;
}

/* Was an IP header read, so that proto means something? */
static bool
is_ip(const struct drop *d)
{
	return (d->flags & DROP_NOT_IP) == 0 && d->src.family != 0;
}

const char *
drop_proto(const struct drop *d, char word[DROP_WORD_SIZE])
{
	const char *text;

	if ((d->flags & DROP_FOLDED) != 0)
		text = "many";
	else if (is_ip(d))
		text = word_find(protocols, N(protocols), d->proto);
	else if (d->ethertype == 0)
		text = "unknown";
	else if (d->ethertype < ETHERTYPE_FIRST)
		text = "llc";
	else
		text = word_find(ethertypes, N(ethertypes), d->ethertype);
	if (text != NULL)
		copy_string(word, text, DROP_WORD_SIZE);
	else if (is_ip(d))
		snprintf(word, DROP_WORD_SIZE, "proto-%u", d->proto);
	else
		snprintf(word, DROP_WORD_SIZE, "0x%04x", d->ethertype);
	return word;
}

const char *
drop_service(const struct drop *d, char word[DROP_WORD_SIZE])
{
	const char *text;

	word[0] = '\0';
	if ((d->flags & DROP_PORTS) != 0)
		snprintf(word, DROP_WORD_SIZE, "%u", d->dport);
	if ((d->flags & DROP_ICMP) == 0)
		return word;
	if (d->proto == IPPROTO_ICMP)
		text = word_find(icmp4_types, N(icmp4_types), d->icmp_type);
	else
		text = word_find(icmp6_types, N(icmp6_types), d->icmp_type);
	if (text != NULL)
		copy_string(word, text, DROP_WORD_SIZE);
	else
		snprintf(word, DROP_WORD_SIZE, "type %u code %u", d->icmp_type, d->icmp_code);
	return word;
}

static const char *
port_name(const struct drop *d)
{
	if ((d->flags & DROP_PORTS) == 0)
		return NULL;
	if (d->proto == IPPROTO_TCP)
		return word_find(tcp_ports, N(tcp_ports), d->dport);
	if (d->proto == IPPROTO_UDP)
		return word_find(udp_ports, N(udp_ports), d->dport);
	return NULL;
}

const char *
drop_note(const struct drop *d, char note[DROP_NOTE_SIZE])
{
	static const struct word flags[] = {
		{ DROP_FOLDED, "too many to tell apart" },
		{ DROP_MALFORMED, "malformed" },
		{ DROP_TRUNCATED, "truncated" },
		{ DROP_FRAGMENT, "fragment" },
		{ DROP_VLAN, "vlan" },
	};
	const char *port = port_name(d);
	size_t len = 0;

	note[0] = '\0';
	for (size_t i = 0; i < N(flags); i++) {
		if ((d->flags & flags[i].number) == 0)
			continue;
		snprintf(note + len, DROP_NOTE_SIZE - len, "%s%s", len != 0 ? ", " : "",
		    flags[i].text);
		len = strlen(note);
	}
	if (port != NULL)
		snprintf(note + len, DROP_NOTE_SIZE - len, "%s%s", len != 0 ? ", " : "", port);
	return note;
}

static bool
is_multicast(const struct addr *a)
{
	return (a->family == 4 && a->bytes[0] >> 4 == 0xe) ||
	    (a->family == 6 && a->bytes[0] == 0xff);
}

/* The netmask is not known here; nearly every guest network is a /24. */
static bool
is_broadcast(const struct addr *a)
{
	return a->family == 4 && a->bytes[3] == 0xff;
}

static bool
noise_icmp6(const struct drop *d)
{
	switch (d->icmp_type) {
	case RS:
	case NS:
	case MLD_QUERY:
	case MLD_REPORT:
	case MLD_DONE:
	case MLD2_REPORT:
		return true;
	}
	return false;
}

static bool
noise_not_ip(const struct drop *d)
{
	/* A host that announces its own address asks for it. */
	if (d->ethertype == ETHERTYPE_ARP)
		return d->src.family != 0 && addr_equal(&d->src, &d->dst);
	return d->ethertype == ETHERTYPE_LLDP || d->ethertype < ETHERTYPE_FIRST;
}

bool
drop_has_passed(const struct drop *d)
{
	static const char *const labels[] = { "observe", "pass", "rdr", "nat" };

	for (size_t i = 0; i < N(labels); i++) {
		if (strcmp(d->label, labels[i]) == 0)
			return true;
	}
	return false;
}

bool
drop_is_noise(const struct drop *d)
{
	if ((d->flags & (DROP_MALFORMED | DROP_TRUNCATED | DROP_FRAGMENT | DROP_FOLDED)) != 0)
		return false;
	if ((d->flags & DROP_NOT_IP) != 0)
		return noise_not_ip(d);
	switch (d->proto) {
	case IPPROTO_IGMP:
		return is_multicast(&d->dst);
	case IPPROTO_ICMPV6:
		return is_multicast(&d->dst) && noise_icmp6(d);
	case IPPROTO_UDP:
		if ((d->flags & DROP_PORTS) == 0)
			return false;
		if (is_multicast(&d->dst))
			return true;
		return is_broadcast(&d->dst) && (d->dport == NETBIOS_NS ||
		    d->dport == NETBIOS_DGM || d->dport == DHCP_SERVER);
	}
	return false;
}

struct line {
	char	*text;
	size_t	 len;
};

static void __attribute__((format(printf, 2, 3)))
line_add(struct line *l, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(l->text + l->len, DROP_LINE_SIZE - l->len, fmt, ap);
	va_end(ap);
	if (n > 0)
		l->len += (size_t)n;
	if (l->len >= DROP_LINE_SIZE)
		l->len = DROP_LINE_SIZE - 1;
}

static void
line_time(struct line *l, uint64_t us)
{
	const time_t when = (time_t)(us / 1000000);
	char text[32] = "";
	struct tm tm;

	if (gmtime_r(&when, &tm) != NULL)
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	line_add(l, "%s.%06uZ", text, (unsigned)(us % 1000000));
}

static void
line_endpoint(struct line *l, const struct drop *d, const struct addr *a, uint16_t port)
{
	char text[ADDR_TEXT_SIZE];

	addr_format(a, text);
	if ((d->flags & DROP_PORTS) == 0)
		line_add(l, "%s", text);
	else if (a->family == 6)
		line_add(l, "[%s]:%u", text, port);
	else
		line_add(l, "%s:%u", text, port);
}

char *
drop_format(char text[DROP_LINE_SIZE], const struct drop *d)
{
	char word[DROP_WORD_SIZE], note[DROP_NOTE_SIZE], mac[MAC_TEXT_SIZE];
	struct line l = { .text = text };

	line_time(&l, d->last);
	line_add(&l, " %s %s", d->label[0] != '\0' ? d->label : "-", drop_proto(d, word));
	if (d->src.family != 0) {
		line_add(&l, " ");
		line_endpoint(&l, d, &d->src, d->sport);
		line_add(&l, " > ");
		line_endpoint(&l, d, &d->dst, d->dport);
	}
	if ((d->flags & DROP_ICMP) != 0)
		line_add(&l, " %s", drop_service(d, word));
	line_add(&l, " %llu bytes", (unsigned long long)d->bytes);
	if (d->in[0] != '\0')
		line_add(&l, " in %s", d->in);
	if (d->out[0] != '\0')
		line_add(&l, " out %s", d->out);
	if ((d->flags & DROP_MAC) != 0)
		line_add(&l, " mac %s", mac_format(d->mac, mac));
	if ((d->flags & DROP_UID) != 0)
		line_add(&l, " uid %u", d->uid);
	if (*drop_note(d, note) != '\0')
		line_add(&l, " (%s)", note);
	if (d->count > 1)
		line_add(&l, " x%llu", (unsigned long long)d->count);
	return text;
}

static json_t *
json_addr(const struct addr *a)
{
	char text[ADDR_TEXT_SIZE];

	return a->family != 0 ? json_string(addr_format(a, text)) : json_null();
}

json_t *
drop_json(const struct drop *d)
{
	const bool ports = (d->flags & DROP_PORTS) != 0;
	char word[DROP_WORD_SIZE], note[DROP_NOTE_SIZE], mac[MAC_TEXT_SIZE];
	json_t *o = json_object();

	json_object_set_new(o, "first", json_real((double)d->first / 1e6));
	json_object_set_new(o, "last", json_real((double)d->last / 1e6));
	json_object_set_new(o, "count", json_integer((json_int_t)d->count));
	json_object_set_new(o, "bytes", json_integer((json_int_t)d->bytes));
	json_object_set_new(o, "src", json_addr(&d->src));
	json_object_set_new(o, "dst", json_addr(&d->dst));
	json_object_set_new(o, "proto", json_string(drop_proto(d, word)));
	json_object_set_new(o, "sport", ports ? json_integer(d->sport) : json_null());
	json_object_set_new(o, "dport", ports ? json_integer(d->dport) : json_null());
	json_object_set_new(o, "service", json_string(drop_service(d, word)));
	json_object_set_new(o, "label", json_guest(d->label));
	json_object_set_new(o, "in", json_guest(d->in));
	json_object_set_new(o, "out", json_guest(d->out));
	json_object_set_new(o, "mac", (d->flags & DROP_MAC) != 0 ?
	    json_string(mac_format(d->mac, mac)) : json_null());
	json_object_set_new(o, "uid", (d->flags & DROP_UID) != 0 ?
	    json_integer(d->uid) : json_null());
	json_object_set_new(o, "note", json_plain_or_null(drop_note(d, note)));
	json_object_set_new(o, "noise", json_boolean(drop_is_noise(d)));
	return o;
}
