#include "config.h"

#include "dns/local_addr.h"

#include <string.h>

#include "dns/local_addr4.h"

_Static_assert(LOCAL_ADDR_CONTROL >= CMSG_SPACE(sizeof(struct in6_pktinfo)), "there is room for it");

void
local_addr_want(int fd, int family)
{
	const int on = 1;

	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));
	else
		local_addr4_want(fd);
}

static void
read6(struct local_addr *l, struct cmsghdr *c)
{
	struct in6_pktinfo info;

	memcpy(&info, CMSG_DATA(c), sizeof(info));
	/* Only a link-local address means nothing without its link. */
	if (!IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr))
		info.ipi6_ifindex = 0;
	l->level = IPPROTO_IPV6;
	l->type = IPV6_PKTINFO;
	l->len = sizeof(info);
	memcpy(l->bytes, &info, sizeof(info));
}

bool
local_addr_read(struct local_addr *l, struct msghdr *m)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == IPPROTO_IP && local_addr4_read(l, c))
			return true;
		if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			read6(l, c);
			return true;
		}
	}
	return false;
}

void
local_addr_write(const struct local_addr *l, struct msghdr *m, void *control)
{
	struct cmsghdr *c = control;	/* CMSG_FIRSTHDR() once it is set */

	m->msg_control = control;
	m->msg_controllen = CMSG_SPACE(l->len);
	c->cmsg_level = l->level;
	c->cmsg_type = l->type;
	c->cmsg_len = CMSG_LEN(l->len);
	memcpy(CMSG_DATA(c), l->bytes, l->len);
}
