/*
 * Linux: conntrack keeps the destination, SO_ORIGINAL_DST reads it (level
 * SOL_IP for IPv4, SOL_IPV6 for IPv6; the option has the same number).  For
 * a connection that conntrack knows but did not turn, it gives our own
 * address back; the caller tells those by the port.
 */
#include "config.h"

#include "proxy/original.h"

#include <sys/socket.h>

#include <netinet/in.h>

#include "addr.h"

enum { ORIGINAL_DST = 80 };	/* SO_ORIGINAL_DST, IP6T_SO_ORIGINAL_DST */

bool
original_open(char **cause)
{
	*cause = NULL;
	return true;
}

void
original_close(void)
{
}

enum original
original_destination(int fd, uint8_t family, struct addr *addr, uint16_t *port)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	int level = family == 4 ? IPPROTO_IP : IPPROTO_IPV6;

	if (getsockopt(fd, level, ORIGINAL_DST, &ss, &len) == -1)
		return ORIGINAL_NONE;
	return addr_from_sockaddr(addr, port, (const struct sockaddr *)&ss) ? ORIGINAL_KNOWN :
	    ORIGINAL_NONE;
}
