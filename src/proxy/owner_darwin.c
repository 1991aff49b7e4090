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

const char *const owner_list = "net.inet.tcp.pcblist64";

static bool
is_address(const struct addr *a, const struct in_addr *v4, const struct in6_addr *v6)
{
	return memcmp(a->bytes, a->family == 4 ? (const void *)v4 : (const void *)v6,
	    a->family == 4 ? sizeof(*v4) : sizeof(*v6)) == 0;
}

static bool
is_socket(const struct xinpcb64 *pcb, const struct owner_socket *s)
{
	const uint8_t family = (pcb->inp_vflag & INP_IPV4) != 0 ? 4 : 6;
	const struct in6_addr local6 = pcb->inp_dependladdr.inp6_local;
	const struct in6_addr foreign6 = pcb->inp_dependfaddr.inp6_foreign;
	const struct in_addr local4 = pcb->inp_dependladdr.inp46_local.ia46_addr4;
	const struct in_addr foreign4 = pcb->inp_dependfaddr.inp46_foreign.ia46_addr4;

	return family == s->local.family && pcb->inp_lport == htons(s->local_port) &&
	    pcb->inp_fport == htons(s->foreign_port) &&
	    is_address(&s->local, &local4, &local6) && is_address(&s->foreign, &foreign4, &foreign6);
}

enum owner_answer
owner_find(const uint8_t *list, size_t len, const struct owner_socket *s, uint32_t *uid)
{
	struct xtcpcb64 t;
	u_int32_t size;

	if (len < sizeof(struct xinpgen))
		return OWNER_UNKNOWN;
	for (size_t at = sizeof(struct xinpgen); at < len && len - at >= sizeof(size); at += size) {
		memcpy(&size, list + at, sizeof(size));
		if (size == sizeof(struct xinpgen))
			break;		/* the last */
		if (size != sizeof(t) || len - at < sizeof(t))
			return OWNER_UNKNOWN;
		memcpy(&t, list + at, sizeof(t));
		if (!is_socket(&t.xt_inpcb, s))
			continue;
		/* One that its process has closed belongs to nobody. */
		if (t.xt_inpcb.xi_socket.xso_so == 0)
			return OWNER_GONE;
		*uid = t.xt_inpcb.xi_socket.so_uid;
		return OWNER_KNOWN;
	}
	return OWNER_GONE;
}
