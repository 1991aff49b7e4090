#include "config.h"

#include "proxy/natlook.h"

#include <netinet/in.h>

#include <string.h>

/* pf.h has PF_INOUT, PF_IN and PF_OUT.  The state is looked up from our side of
 * it, where it left the translation behind it. */
enum { DIRECTION_OUT = 2 };

static size_t
width(const struct addr *a)
{
	return a->family == 4 ? 4 : 16;
}

static void
put_port(uint8_t *p, uint16_t port)
{
	p[0] = (uint8_t)(port >> 8);
	p[1] = (uint8_t)port;
}

void
natlook_ask(const struct natlook_layout *l, uint8_t buf[NATLOOK_SIZE_MAX], const struct addr *peer,
    uint16_t peer_port, const struct addr *local, uint16_t local_port)
{
	memset(buf, 0, NATLOOK_SIZE_MAX);
	memcpy(buf + l->saddr, peer->bytes, width(peer));
	memcpy(buf + l->daddr, local->bytes, width(local));
	put_port(buf + l->sport, peer_port);
	put_port(buf + l->dport, local_port);
	buf[l->af] = peer->family == 4 ? l->inet : l->inet6;
	buf[l->proto] = IPPROTO_TCP;
	buf[l->direction] = DIRECTION_OUT;
}

bool
natlook_answer(const struct natlook_layout *l, const uint8_t buf[NATLOOK_SIZE_MAX], struct addr *a,
    uint16_t *port)
{
	*a = (struct addr){ .family = buf[l->af] == l->inet ? 4 : 6 };
	if (buf[l->af] != l->inet && buf[l->af] != l->inet6)
		return false;
	memcpy(a->bytes, buf + l->rdaddr, width(a));
	*port = (uint16_t)(buf[l->rdport] << 8 | buf[l->rdport + 1]);
	return *port != 0;
}
