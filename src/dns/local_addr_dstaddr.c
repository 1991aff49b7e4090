#include "config.h"

#include "dns/local_addr4.h"

#include <string.h>

void
local_addr4_want(int fd)
{
	const int on = 1;

	setsockopt(fd, IPPROTO_IP, IP_RECVDSTADDR, &on, sizeof(on));
}

bool
local_addr4_read(struct local_addr *l, struct cmsghdr *c)
{
	struct in_addr to;

	if (c->cmsg_type != IP_RECVDSTADDR)
		return false;
	memcpy(&to, CMSG_DATA(c), sizeof(to));
	l->level = IPPROTO_IP;
	l->type = IP_SENDSRCADDR;
	l->len = sizeof(to);
	memcpy(l->bytes, &to, sizeof(to));
	return true;
}
