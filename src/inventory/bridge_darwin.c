/* xnu, bsd/net/if_bridgevar.h, for programs of 64 bits: nothing there is aligned to
 * more than four bytes. */
#include "config.h"

#include "inventory/bridge.h"

#pragma pack(push, 4)
struct list {
	uint32_t	len;
	uint64_t	buf;
};

struct member {
	char		name[16];
	uint32_t	flags, stp_flags, path_cost;
	uint8_t		port, priority, proto, role, state;
	uint32_t	addresses, addresses_max, addresses_exceeded;
	uint8_t		pad[32];
};

struct address {
	char		member[16];
	uint64_t	expire;
	uint8_t		flags, mac[6];
	uint16_t	vlan;
};
#pragma pack(pop)

const struct bridge_layout bridge_layout = {
	.list_size = sizeof(struct list),
	.list_buf = offsetof(struct list, buf),
	.member_size = sizeof(struct member),
	.addr_size = sizeof(struct address),
	.addr_expire = offsetof(struct address, expire),
	.addr_flags = offsetof(struct address, flags),
	.addr_mac = offsetof(struct address, mac),
};
