#include "config.h"

#include "inventory/bridge.h"

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/sockio.h>

#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_bridgevar.h>
#include <stddef.h>

_Static_assert(BRDGGIFS == 6 && BRDGRTS == 7, "bridge_bsd.c asks these");
_Static_assert(sizeof(struct ifbifconf) == sizeof(struct ifbaconf), "both are asked alike");
_Static_assert(sizeof(struct ifdrv) == 40, "bridge_bsd.c has the same struct");

const struct bridge_layout bridge_layout = {
	.list_size = sizeof(struct ifbaconf),
	.list_buf = offsetof(struct ifbaconf, ifbac_buf),
	.member_size = sizeof(struct ifbreq),
	.addr_size = sizeof(struct ifbareq),
	.addr_expire = offsetof(struct ifbareq, ifba_expire),
	.addr_flags = offsetof(struct ifbareq, ifba_flags),
	.addr_mac = offsetof(struct ifbareq, ifba_dst),
};
