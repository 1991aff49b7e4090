/*
 * DNS messages (RFC 1035), with EDNS (RFC 6891) and extended errors (RFC 8914):
 * bytes to structs and back, nothing else.
 *
 * A name here is "wire": labels with their length bytes and the root's zero at
 * the end, never compressed.  Its readers take messages from guests and from
 * servers and trust neither: every length is checked, a compression pointer may
 * only lead further back than the last one did, so that none can loop.
 */
#ifndef DNS_MESSAGE_H
#define DNS_MESSAGE_H

#include "gatehouse.h"

enum {
	DNS_HEADER_SIZE = 12,
	DNS_NAME_SIZE = 255,	/* of a wire name, RFC 1035 section 3.1 */
	DNS_UDP_PLAIN = 512,	/* what every client takes over UDP */
	DNS_UDP_MAX = 1232,	/* what fits every path unfragmented */
	DNS_PORT = 53,
	DNS_CLASS_IN = 1,
	DNS_EDE_TEXT_SIZE = 96,
};

enum dns_type {
	DNS_TYPE_A = 1,
	DNS_TYPE_CNAME = 5,
	DNS_TYPE_SOA = 6,
	DNS_TYPE_AAAA = 28,
	DNS_TYPE_OPT = 41,
	/* From here to 255 they are not data but what to do (RFC 6895). */
	DNS_TYPE_META = 128,
	DNS_TYPE_ANY = 255,
};

enum dns_rcode {
	DNS_NOERROR,
	DNS_FORMERR,
	DNS_SERVFAIL,
	DNS_NXDOMAIN,
	DNS_NOTIMP,
	DNS_REFUSED,
	DNS_BADVERS = 16,	/* its upper bits travel in EDNS */
};

/* Why, for those who read it: RFC 8914. */
enum dns_ede {
	DNS_EDE_NONE = -1,
	DNS_EDE_NOT_READY = 14,
	DNS_EDE_BLOCKED = 15,
	DNS_EDE_UNREACHABLE = 22,
};

struct dns_question {
	uint8_t		name[DNS_NAME_SIZE];	/* wire, in the case it came in */
	uint8_t		name_len;
	uint16_t	type, class;
};

/* What a guest asks. */
struct dns_query {
	uint16_t		id;
	uint8_t			opcode;
	bool			recursion;	/* RD, which the answer repeats */
	bool			checking_off;	/* CD, the same */
	bool			asked;		/* question is there */
	bool			edns;
	uint8_t			edns_version;
	uint16_t		udp_size;	/* what the client takes over UDP */
	struct dns_question	question;
};

/*
 * Reads a query.  False: it deserves no answer (not even a header, or itself an
 * answer).  Else *rcode is DNS_NOERROR, or the error to answer with, and as
 * much of q is filled in as could be read.
 */
bool	 dns_query_read(struct dns_query *, const uint8_t *, size_t len, enum dns_rcode *);

/* What a guest is told. */
struct dns_response {
	enum dns_rcode		 rcode;
	uint32_t		 ttl;
	unsigned		 naddrs;
	const struct addr	*addrs;	/* of the family that was asked for */
	bool			 minimal;	/* the answer to ANY, RFC 8482 section 4.2 */
	enum dns_ede		 ede;	/* DNS_EDE_NONE: none */
	char			 text[DNS_EDE_TEXT_SIZE];	/* of the ede */
};

/*
 * Writes the answer to a query into dst, the question as it was asked.  What
 * does not fit into size bytes (at least DNS_UDP_PLAIN) is left out and the
 * answer marked as truncated.  Returns its length.
 */
size_t	 dns_response_write(uint8_t *dst, size_t size, const struct dns_query *,
	    const struct dns_response *);

/* Our own query to a server, for a canonical name; returns its length. */
enum { DNS_QUERY_MAX = DNS_HEADER_SIZE + DNS_NAME_SIZE + 4 + 11 };
size_t	 dns_query_write(uint8_t dst[DNS_QUERY_MAX], uint16_t id, const char *name,
	    uint16_t type, bool edns);

enum { DNS_ADDRS_MAX = 16 };
enum { DNS_CHAIN_MAX = 16 };	/* aliases that are followed in one answer */

/* What a server answered. */
struct dns_reply {
	uint8_t		rcode;
	bool		truncated;
	bool		negative;	/* ttl is of a negative answer, RFC 2308 */
	uint32_t	ttl;		/* the least of all records that led here */
	unsigned	naddrs;
	struct addr	addrs[DNS_ADDRS_MAX];
	char		alias[GH_NAME_SIZE];	/* the name at the end of a chain of which the
						 * server does not say what it has, or "" */
	uint32_t	alias_ttl;	/* the least of the chain's */
};

/*
 * Reads a server's answer to dns_query_write(): the addresses at the end of the
 * chain of aliases that begins at the name.  False if it is not a sound answer
 * to this very query.
 */
bool	 dns_reply_read(struct dns_reply *, const uint8_t *, size_t len, uint16_t id,
	    const char *name, uint16_t type);

/*
 * Reads a name at *at, which then is behind it (behind the pointer, if it ends
 * in one).  Returns the length of the wire name in dst, 0 if it is no name.
 */
size_t	 dns_name_read(uint8_t dst[DNS_NAME_SIZE], const uint8_t *, size_t len, size_t *at);
/*
 * A wire name as text.  A label with a dot in it is refused, for it would read
 * as two.  Returns the length, 0 if it is no such name; the root is "".
 */
enum { DNS_TEXT_SIZE = 256 };
size_t	 dns_name_text(char dst[DNS_TEXT_SIZE], const uint8_t *wire, size_t len);

#endif
