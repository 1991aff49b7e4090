/* A list of struct xtcpcb between two of struct xinpgen; each begins with its own
 * length, a ksize_t. */
#include "config.h"

#include "proxy/owner_bsd.h"

#include <sys/param.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/socketvar.h>

#include <netinet/in.h>
#include <netinet/in_pcb.h>
#include <netinet/tcp.h>
#include <netinet/tcp_var.h>
#include <string.h>

const struct owner_list owner_list = {
	.name = "net.inet.tcp.pcblist",
	.length_size = sizeof(ksize_t),
	.head = sizeof(struct xinpgen),
	.entry = sizeof(struct xtcpcb),
};

void
owner_read(const uint8_t *entry, struct owner_socket *s)
{
	const struct in_endpoints *e;
	struct xtcpcb t;
	uint8_t family;

	memcpy(&t, entry, sizeof(t));
	e = &t.xt_inp.inp_inc.inc_ie;
	family = (t.xt_inp.inp_vflag & INP_IPV4) != 0 ? 4 : 6;
	owner_addr(&s->local, family, &e->ie_laddr, &e->ie6_laddr);
	owner_addr(&s->foreign, family, &e->ie_faddr, &e->ie6_faddr);
	s->local_port = ntohs(e->ie_lport);
	s->foreign_port = ntohs(e->ie_fport);
	s->uid = t.xt_inp.xi_socket.so_uid;
	s->closed = t.xt_inp.xi_socket.xso_so == 0;
}
