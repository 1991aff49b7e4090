/* FreeBSD's struct pfioc_natlook (net/pfvar.h), with which original_freebsd.c
 * compares it where that header is. */
#include "config.h"

#include "proxy/natlook.h"

struct freebsd_pf_addr {
	uint32_t	words[4];
};

struct freebsd_natlook {
	struct freebsd_pf_addr	saddr, daddr, rsaddr, rdaddr;
	uint16_t		sport, dport, rsport, rdport;
	uint8_t			af, proto, direction;
};

#define AT(field)	offsetof(struct freebsd_natlook, field)

const struct natlook_layout natlook_freebsd = {
	.size = sizeof(struct freebsd_natlook),
	.request = NATLOOK_REQUEST(sizeof(struct freebsd_natlook)),
	.saddr = AT(saddr), .daddr = AT(daddr), .rdaddr = AT(rdaddr),
	.sport = AT(sport), .dport = AT(dport), .rdport = AT(rdport),
	.af = AT(af), .proto = AT(proto), .direction = AT(direction),
	.inet = 2, .inet6 = 28,
};
