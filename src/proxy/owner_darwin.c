/* A list of struct xtcpcb64 between two of struct xinpgen; each begins with its
 * own length, a u_int32_t. */
#include "config.h"

#include "proxy/owner_bsd.h"

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/socketvar.h>

#include <netinet/in.h>
#include <netinet/in_pcb.h>
#include <netinet/tcp.h>
#include <netinet/tcp_timer.h>
#include <netinet/tcp_var.h>
#include <string.h>

const struct owner_list owner_list = {
	.name = "net.inet.tcp.pcblist64",
	.length_size = sizeof(u_int32_t),
	.head = sizeof(struct xinpgen),
	.entry = sizeof(struct xtcpcb64),
};

void
owner_read(const uint8_t *entry, struct owner_socket *s)
{
	struct xtcpcb64 t;
	const struct xinpcb64 *pcb = &t.xt_inpcb;
	uint8_t family;

	memcpy(&t, entry, sizeof(t));
	family = (pcb->inp_vflag & INP_IPV4) != 0 ? 4 : 6;
	owner_addr(&s->local, family, &pcb->inp_dependladdr.inp46_local.ia46_addr4,
	    &pcb->inp_dependladdr.inp6_local);
	owner_addr(&s->foreign, family, &pcb->inp_dependfaddr.inp46_foreign.ia46_addr4,
	    &pcb->inp_dependfaddr.inp6_foreign);
	s->local_port = ntohs(pcb->inp_lport);
	s->foreign_port = ntohs(pcb->inp_fport);
	s->uid = pcb->xi_socket.so_uid;
	s->closed = pcb->xi_socket.xso_so == 0;
}
