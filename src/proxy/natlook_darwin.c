/* macOS's struct pfioc_natlook (xnu, bsd/net/pfvar.h), which is not in its SDK: a
 * port shares its place with other protocols' wider numbers, and one byte more
 * stands before the direction. */
#include "config.h"

#include "proxy/natlook.h"

struct darwin_pf_addr {
	uint32_t	words[4];
};

union darwin_xport {
	uint16_t	port, call_id;
	uint32_t	spi;
};

struct darwin_natlook {
	struct darwin_pf_addr	saddr, daddr, rsaddr, rdaddr;
	union darwin_xport	sxport, dxport, rsxport, rdxport;
	uint8_t			af, proto, proto_variant, direction;
};

#define AT(field)	offsetof(struct darwin_natlook, field)

const struct natlook_layout natlook_darwin = {
	.size = sizeof(struct darwin_natlook),
	.request = NATLOOK_REQUEST(sizeof(struct darwin_natlook)),
	.saddr = AT(saddr), .daddr = AT(daddr), .rdaddr = AT(rdaddr),
	.sport = AT(sxport), .dport = AT(dxport), .rdport = AT(rdxport),
	.af = AT(af), .proto = AT(proto), .direction = AT(direction),
	.inet = 2, .inet6 = 30,
};
