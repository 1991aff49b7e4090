#include "config.h"

#include "inventory/routes.h"

#include <sys/types.h>
#include <sys/socket.h>

#include <net/if.h>
#include <net/route.h>
#include <stddef.h>
#include <time.h>

const struct routes_layout routes_layout = {
	.header = sizeof(struct rt_msghdr),
	.flags = offsetof(struct rt_msghdr, rtm_flags),
	.addrs = offsetof(struct rt_msghdr, rtm_addrs),
	.expire = offsetof(struct rt_msghdr, rtm_rmx.rmx_expire),
	.expire_size = sizeof(u_long),
	.round = sizeof(long),
	.own = RTF_PINNED,
	.inet = AF_INET, .inet6 = AF_INET6, .link = AF_LINK,
};

int64_t
routes_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}
