/*
 * FreeBSD and macOS: getifaddrs(3), asked anew each time, which needs neither a
 * file nor privilege; and a routing socket (route(4)), which tells of every change
 * of routes, neighbours and addresses, but not what it had no room for.
 */
#include "config.h"

#include "own.h"

#include <sys/types.h>
#include <sys/socket.h>

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "addr.h"
#include "fds.h"
#include "firewall/firewall.h"
#include "xmalloc.h"

enum { MESSAGE_SIZE = 2048 };

struct own {
	int	changes;
};

struct own *
own_open(char **cause)
{
	struct own *o = xcalloc(1, sizeof(*o));

	*cause = NULL;
	o->changes = fds_socket_async(PF_ROUTE, SOCK_RAW, 0);
	if (o->changes == -1) {
		*cause = xasprintf("cannot ask the kernel for this host's addresses: %s",
		    strerror(errno));
		own_free(o);
		return NULL;
	}
	return o;
}

void
own_free(struct own *o)
{
	if (o == NULL)
		return;
	if (o->changes != -1)
		close(o->changes);
	free(o);
}

int
own_fd(const struct own *o)
{
	return o->changes;
}

bool
own_drain(const struct own *o)
{
	uint8_t buf[MESSAGE_SIZE];
	bool changed = false;
	ssize_t n;

	/* Guests make neighbours come and go, which says nothing of us. */
	while ((n = recv(o->changes, buf, sizeof(buf), 0)) > 0) {
		if (n > (ssize_t)offsetof(struct rt_msghdr, rtm_type) &&
		    (buf[offsetof(struct rt_msghdr, rtm_type)] == RTM_NEWADDR ||
		    buf[offsetof(struct rt_msghdr, rtm_type)] == RTM_DELADDR))
			changed = true;
	}
	return changed || (n == -1 && errno == ENOBUFS);
}

/* The kernel keeps the number of its interface in a link-local address. */
static void
scope_clear(struct addr *a)
{
	if (addr_is_link_local6(a))
		a->bytes[2] = a->bytes[3] = 0;
}

static bool
is_same(const struct addr *a, const struct sockaddr *sa)
{
	struct addr b;
	uint16_t port;

	if (sa == NULL || !addr_from_sockaddr(&b, &port, sa))
		return false;
	scope_clear(&b);
	return addr_equal(a, &b);
}

bool
own_has(const struct own *o, const struct addr *a)
{
	struct addr plain = *a;
	struct ifaddrs *all;
	bool has = false;

	if (o == NULL || getifaddrs(&all) == -1)
		return true;
	scope_clear(&plain);
	for (const struct ifaddrs *i = all; i != NULL && !has; i = i->ifa_next)
		has = is_same(&plain, i->ifa_addr) || ((i->ifa_flags & IFF_BROADCAST) != 0 &&
		    is_same(&plain, i->ifa_broadaddr));
	freeifaddrs(all);
	return has;
}

/* By the bits that the netmask has. */
static bool
is_within(const struct addr *a, const struct ifaddrs *i)
{
	struct addr net;
	uint16_t port;
	unsigned bits;

	if (i->ifa_addr == NULL || i->ifa_netmask == NULL ||
	    !addr_from_sockaddr(&net, &port, i->ifa_addr))
		return false;
	bits = addr_mask(&net, i->ifa_netmask);
	return addr_in_prefix(a, &net, bits);
}

bool
own_is_behind(const struct own *o, const struct addr *a, const struct conf_names *interfaces)
{
	struct ifaddrs *all;
	bool is = false;

	if (o == NULL || getifaddrs(&all) == -1)
		return true;
	for (const struct ifaddrs *i = all; i != NULL && !is; i = i->ifa_next)
		is = fw_means(interfaces, i->ifa_name) && is_within(a, i);
	freeifaddrs(all);
	return is || own_has(o, a);
}
