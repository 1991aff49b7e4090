#include "config.h"

#include "dns/local_addr4.h"

#include <string.h>

void
local_addr4_want(int fd)
{
	const int on = 1;

	setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
}

bool
local_addr4_read(struct local_addr *l, struct cmsghdr *c)
{
	struct in_pktinfo info;

	if (c->cmsg_type != IP_PKTINFO)
		return false;
	memcpy(&info, CMSG_DATA(c), sizeof(info));
	info.ipi_spec_dst = info.ipi_addr;
	info.ipi_ifindex = 0;
	l->level = IPPROTO_IP;
	l->type = IP_PKTINFO;
	l->len = sizeof(info);
	memcpy(l->bytes, &info, sizeof(info));
	return true;
}
