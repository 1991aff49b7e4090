/* Addresses: text and back, prefixes, and which ones are never the internet. */
#ifndef ADDR_H
#define ADDR_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "gatehouse.h"

enum { ADDR_TEXT_SIZE = 46 };	/* INET6_ADDRSTRLEN */
enum { MAC_TEXT_SIZE = 18 };

/* Strict text (inet_pton: no octal, hex or short forms) to an address. */
bool		 addr_parse(const char *, struct addr *);
/* Always NUL terminates; family 0 becomes "-".  Returns its argument. */
const char	*addr_format(const struct addr *, char[ADDR_TEXT_SIZE]);
/* "52:54:00:0a:0b:0c".  Returns its second argument. */
const char	*mac_format(const uint8_t[6], char[MAC_TEXT_SIZE]);
/* Not all zero, which stands for none. */
bool		 mac_is_known(const uint8_t[6]);
bool		 addr_equal(const struct addr *, const struct addr *);
/* fe80::/10, which every interface has. */
bool		 addr_is_link_local6(const struct addr *);
/* Clears what an interface's mask leaves out of its address, and returns the
 * mask's bits; some systems leave the family of a mask out. */
unsigned	 addr_mask(struct addr *, const struct sockaddr *mask);
bool		 addr_in_prefix(const struct addr *, const struct addr *net, unsigned bits);
/* False (and *a zeroed) for any family but AF_INET and AF_INET6.
 * A v4-mapped IPv6 address becomes the IPv4 one. */
bool		 addr_from_sockaddr(struct addr *, uint16_t *port, const struct sockaddr *);
/* Returns the length to hand to connect(2) or bind(2), 0 for family 0. */
socklen_t	 addr_to_sockaddr(const struct addr *, uint16_t port, struct sockaddr_storage *);
/*
 * NULL for an address of the public internet, else what it is ("private",
 * "loopback", ...).  Special-purpose registries RFC 6890, and addresses
 * that embed an IPv4 one (v4-mapped, NAT64 RFC 6052, 6to4 RFC 3056), judged
 * by what they embed.
 */
const char	*addr_special(const struct addr *);
/* Whether an IPv6 address stands for an IPv4 one in such a way; then which. */
bool		 addr_embedded(const struct addr *, struct addr *v4);
/*
 * The same blocks as blocks: how many bits the smallest one around the address
 * has, -1 for none.  One whose addresses embed IPv4 ones counts whole.
 */
int		 addr_special_bits(const struct addr *);
/* The i-th such block of a family; false past the last. */
bool		 addr_special_block(uint8_t family, size_t i, struct addr *net, unsigned *bits);
/* The last address of a prefix. */
void		 addr_last(const struct addr *net, unsigned bits, struct addr *last);
/* The one after it; false after the last of all. */
bool		 addr_next(struct addr *);
/* By family, then by value: negative, 0 or positive. */
int		 addr_compare(const struct addr *, const struct addr *);

#endif
