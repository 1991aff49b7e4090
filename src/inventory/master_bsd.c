/* Members of bridges are found by where a guest is heard: neighbours_bsd.c. */
#include "config.h"

#include "inventory/guard.h"

#include <sys/socket.h>

#include <unistd.h>

#include "fds.h"
#include "firewall/pf.h"
#include "inventory/bridge.h"

bool
link_master(const char *link, char dst[GH_IFNAME_SIZE])
{
	return false;
}

static void
member_take(const struct bridge_row *r, void *arg)
{
	bool *bridged = arg;

	*bridged |= r->mac == NULL && !pf_is_guests_end(pf_host_here(), r->member);
}

bool
link_bridged(const char *bridge)
{
	bool bridged = false;
	int fd;

	/* There rules hold for the members too. */
	if (pf_host_here()->members || (fd = fds_socket(AF_INET, SOCK_DGRAM, 0)) == -1)
		return false;
	bridge_read(fd, bridge, member_take, &bridged);
	close(fd);
	return bridged;
}
