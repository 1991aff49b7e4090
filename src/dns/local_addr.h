/*
 * To which of this host's addresses a datagram came, so that the answer leaves
 * from there: pktinfo on most systems, IP_RECVDSTADDR for FreeBSD's IPv4.
 */
#ifndef LOCAL_ADDR_H
#define LOCAL_ADDR_H

#include <sys/types.h>
#include <sys/socket.h>

#include <netinet/in.h>
#include <stdbool.h>

/* As the system's control messages have it. */
struct local_addr {
	int		level, type;
	socklen_t	len;
	_Alignas(8) unsigned char bytes[sizeof(struct in6_pktinfo)];
};

/* Of a control message's room. */
enum { LOCAL_ADDR_CONTROL = 128 };

/* Asks the kernel to tell it, for a socket of that family. */
void	 local_addr_want(int fd, int family);
/* What came with a datagram; false: nothing. */
bool	 local_addr_read(struct local_addr *, struct msghdr *);
/* Sets the control message of an answer; control is of LOCAL_ADDR_CONTROL bytes,
 * aligned, and zeroed. */
void	 local_addr_write(const struct local_addr *, struct msghdr *, void *control);

#endif
