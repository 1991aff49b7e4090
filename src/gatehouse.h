/*
 * The words every room of gatehouse shares: an address, a verdict and its
 * reason, a hit (one decision of the proxy about a name) and a drop (one
 * packet, or a run of like packets, that the firewall blocked and logged).
 *
 * These structs cross process borders inside frames (msg.h), so they are
 * plain, fixed in size, hold no pointers, and every string in them is NUL
 * terminated within its array.  Times are microseconds since the epoch,
 * ports are in host order, addresses in network order.
 */
#ifndef GATEHOUSE_H
#define GATEHOUSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	GH_NAME_MAX = 253,	/* a host name without trailing dot, RFC 1035 */
	GH_NAME_SIZE = 256,	/* room for one, and its NUL */
	GH_GUEST_SIZE = 64,	/* a guest's name */
	GH_LABEL_SIZE = 32,	/* a rule's label, without "gatehouse:" */
	GH_IFNAME_SIZE = 16,	/* IFNAMSIZ on every system we know */
	GH_CAUSE_SIZE = 256,	/* a reason told to an operator */
	GH_ALPN_SIZE = 64,	/* application protocols, as text */
	GH_PHRASE_SIZE = 96,	/* which rule of a protocol was broken */
	GH_ID_SIZE = 24,	/* a hit's id as text */
};

/* An IPv4 or IPv6 address.  All zero (family 0) means none. */
struct addr {
	uint8_t	family;		/* 0, 4 or 6 */
	uint8_t	pad[3];
	uint8_t	bytes[16];	/* network order; IPv4 uses the first four */
};

enum verdict {
	VERDICT_DENY,		/* zero, so that what is forgotten is denied */
	VERDICT_ALLOW,
	VERDICT_COUNT
};

/* Why a verdict came out as it did: a closed list, see reason_table[]. */
enum reason {
	REASON_NONE,		/* no verdict yet; never shown */
	REASON_LISTED,
	REASON_PRESET,
	REASON_LEARNED,
	REASON_NOT_LISTED,
	REASON_DENY_ENTRY,
	REASON_DISABLED,
	REASON_EXPIRED,
	REASON_NO_NAME,
	REASON_BAD_NAME,
	REASON_NAME_MISMATCH,
	REASON_IP_LITERAL,
	REASON_PORT,
	REASON_PRIVATE_ADDRESS,
	REASON_UNRESOLVABLE,
	REASON_UPSTREAM,
	REASON_MALFORMED,
	REASON_TOO_LARGE,
	REASON_TIMEOUT,
	REASON_LIMIT,
	REASON_FROZEN,
	REASON_SPOOF,
	REASON_COUNT
};

/* What happened beside the verdict, or after it: see outcome_table[]. */
enum outcome {
	OUTCOME_NONE,		/* nothing that explains anything */
	OUTCOME_REFUSED,	/* of the last address that was dialled */
	OUTCOME_TIMED_OUT,
	OUTCOME_NO_ROUTE,
	OUTCOME_FAILED,
	OUTCOME_UNUSED,
	OUTCOME_SILENT,
	OUTCOME_BROKEN,
	OUTCOME_IDLE,
	OUTCOME_OLD,
	OUTCOME_REVOKED,
	OUTCOME_MAX_PER_GUEST,	/* which limit, where the reason is one */
	OUTCOME_MAX_CONNECTIONS,
	OUTCOME_MAX_NEW,
	OUTCOME_MAX_NEW_IN_ALL,
	OUTCOME_DESCRIPTORS,
	OUTCOME_LOOKUPS,
	OUTCOME_LOOKUP_RATE,
	OUTCOME_LOOKUP_STREAMS,
	OUTCOME_COUNT
};

/* How a guest asked for a name. */
enum hit_via {
	VIA_NONE,
	VIA_TLS,		/* SNI of a redirected connection */
	VIA_HTTP,		/* host of a request, redirected or to the proxy */
	VIA_CONNECT,		/* of a CONNECT, and of what came through it */
	VIA_DNS,
	VIA_OTHER,		/* neither TLS nor HTTP */
	VIA_COUNT
};

/* The profiles of rules/; PROFILE_NONE is "flushed". */
enum profile {
	PROFILE_NONE,
	PROFILE_FILTERED,
	PROFILE_LOCKDOWN,
	PROFILE_OBSERVE,
	PROFILE_COUNT
};

/* One decision about a name. */
struct hit {
	uint64_t	id;		/* generation << 32 | sequence */
	uint64_t	time;
	struct addr	guest;		/* who asked */
	struct addr	wanted;		/* where the guest meant to connect */
	struct addr	dialled;	/* where we connected, or tried to last; family 0: nowhere */
	uint16_t	guest_port;
	uint16_t	port;		/* the port the guest asked for */
	uint8_t		via;		/* enum hit_via */
	uint8_t		verdict;	/* enum verdict */
	uint8_t		reason;		/* enum reason */
	uint8_t		ech;		/* the hello carried ECH (or GREASE) */
	uint16_t	tls_version;	/* highest offered, 0x0304 is TLS 1.3 */
	uint16_t	folded;		/* refusals like it that were not told, only counted */
	uint32_t	entry;		/* id of the deciding entry, 0: none */
	uint32_t	guest_id;	/* 0: not known */
	uint16_t	upstream;	/* status that an upstream proxy answered, 0: none */
	uint8_t		outcome;	/* enum outcome, as far as it is known with the verdict */
	uint8_t		mac_sent;	/* it came from a hardware address of who has guest */
	uint8_t		mac[6];		/* that guest's first, as net was told; zeroes: none */
	uint8_t		pad[6];
	char		alpn[GH_ALPN_SIZE];	/* protocols offered: "h2, http/1.1", or "" */
	char		name[GH_NAME_SIZE];	/* canonical, or escaped if bad */
};

/* Bytes of an open or ended connection, since the last such report. */
struct flow {
	uint64_t	id;		/* of its hit */
	uint64_t	up, down;	/* bytes from and to the guest */
	uint32_t	guest_id;
	uint32_t	entry;
	uint8_t		ended;		/* this was the last report, and how it came to it: */
	uint8_t		outcome;	/* enum outcome */
	uint8_t		mac[6];		/* of its hit, where that was sent */
	char		name[GH_NAME_SIZE];
	char		what[GH_PHRASE_SIZE];	/* with OUTCOME_BROKEN: the rule; else "" */
};

/* What made a packet unlike an ordinary one. */
enum drop_flag {
	DROP_TRUNCATED = 1 << 0,	/* captured shorter than its headers */
	DROP_FRAGMENT = 1 << 1,		/* a fragment; ports only in the first */
	DROP_MALFORMED = 1 << 2,	/* headers contradict themselves */
	DROP_PORTS = 1 << 3,		/* sport and dport are meaningful */
	DROP_ICMP = 1 << 4,		/* icmp_type and icmp_code are */
	DROP_UID = 1 << 5,		/* uid is: sent by a process of this host */
	DROP_MAC = 1 << 6,		/* mac is */
	DROP_NOT_IP = 1 << 7,		/* ethertype says what it was */
	DROP_VLAN = 1 << 8,		/* came with a VLAN tag */
	DROP_FOLDED = 1 << 9,		/* packets of many kinds, counted together:
					 * only label, in and out are meaningful */
	DROP_FLAGS_ALL = (1 << 10) - 1
};

/* A run of like packets that the firewall blocked. */
struct drop {
	uint64_t	first, last;
	uint64_t	count;		/* packets since the last report of this run */
	uint64_t	bytes;
	struct addr	src, dst;
	uint32_t	uid;
	uint32_t	guest_id;	/* set by the engine */
	uint16_t	sport, dport;	/* sport: of the latest packet */
	uint16_t	ethertype;
	uint16_t	flags;		/* enum drop_flag */
	uint8_t		proto;		/* IP protocol number */
	uint8_t		icmp_type, icmp_code;
	uint8_t		mac[6];
	uint8_t		pad[7];
	/* A bridge's port where it is known (that tells the guest), else the
	 * interface; "#7" where only its number is known. */
	char		in[GH_IFNAME_SIZE], out[GH_IFNAME_SIZE];
	char		label[GH_LABEL_SIZE];	/* the rule, "default" */
};

/* names.c: one table for each closed list above, used by log, JSON and console. */
const char	*verdict_name(enum verdict);
const char	*reason_name(enum reason);
const char	*reason_advice(enum reason);	/* one sentence for an operator */
bool		 reason_parse(const char *, enum reason *);
const char	*outcome_name(enum outcome);
const char	*outcome_text(enum outcome);	/* one sentence, "" for OUTCOME_NONE */
const char	*via_name(enum hit_via);
const char	*profile_name(enum profile);
bool		 profile_parse(const char *, enum profile *);

/* A hit's id as an operator types it ("3-1042"), and back. */
void		 hit_id_format(uint64_t, char[GH_ID_SIZE]);
bool		 hit_id_parse(const char *, uint64_t *);

/* The time now in microseconds: of the wall, and of a clock that only grows. */
uint64_t	 now_wall(void);
uint64_t	 now_mono(void);

#endif
