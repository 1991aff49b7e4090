/*
 * Connections that began under other rules (conntrack over nfnetlink).  The
 * rules stop them by themselves; forgetting them too makes the next packet a
 * new flow, so that a client which keeps its ports (DNS, a reconnect) is
 * redirected at once instead of being refused until the old entry times out.
 *
 * A pass dumps the table, keeps the tuples to be forgotten up to a bound, and
 * deletes them; passes repeat while a pass was full.
 */
#include "config.h"

#include "firewall/nft.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "firewall/nlsock.h"
#include "xmalloc.h"

enum { FORGET_MAX = 4096, PASSES_MAX = 64, TUPLE_MAX = 160 };

struct tuple {
	uint8_t		family;		/* AF_INET, AF_INET6 */
	uint16_t	len;
	uint8_t		attrs[TUPLE_MAX];	/* CTA_TUPLE_ORIG and CTA_ZONE, as received */
};

struct pass {
	bool		 (*doomed)(const struct flow_key *, void *);
	void		*arg;
	struct tuple	*tuples;
	uint32_t	 n;
};

static void
tuple_addr(const struct nlsock_attr *a, struct addr *addr)
{
	if (a->len != 4 && a->len != 16)
		return;
	addr->family = a->len == 4 ? 4 : 6;
	memcpy(addr->bytes, a->data, a->len);
}

/* CTA_TUPLE_IP and CTA_TUPLE_PROTO inside CTA_TUPLE_ORIG: who began the flow, and
 * to where. */
static void
tuple_read(const struct nlsock_attr *orig, struct flow_key *k)
{
	const uint8_t *p = orig->data, *q;
	size_t left = orig->len, inner;
	struct nlsock_attr a, b;

	while (nlsock_attr_next(&p, &left, &a)) {
		q = a.data;
		inner = a.len;
		while (nlsock_attr_next(&q, &inner, &b)) {
			if (a.type == CTA_TUPLE_IP && (b.type == CTA_IP_V4_SRC || b.type == CTA_IP_V6_SRC))
				tuple_addr(&b, &k->src);
			else if (a.type == CTA_TUPLE_IP &&
			    (b.type == CTA_IP_V4_DST || b.type == CTA_IP_V6_DST))
				tuple_addr(&b, &k->dst);
			else if (a.type == CTA_TUPLE_PROTO && b.type == CTA_PROTO_NUM && b.len >= 1)
				k->proto = b.data[0];
			else if (a.type == CTA_TUPLE_PROTO && b.type == CTA_PROTO_DST_PORT && b.len >= 2)
				k->port = (uint16_t)(b.data[0] << 8 | b.data[1]);
		}
	}
}

static void
tuple_append(struct tuple *t, const struct nlsock_attr *a, uint16_t flags)
{
	struct nlattr na = { .nla_type = (uint16_t)(a->type | flags),
		.nla_len = (uint16_t)(NLA_HDRLEN + a->len) };
	size_t step = NLA_ALIGN(na.nla_len);

	if (t->len + step > sizeof(t->attrs))
		return;
	memcpy(t->attrs + t->len, &na, sizeof(na));
	memcpy(t->attrs + t->len + NLA_HDRLEN, a->data, a->len);
	t->len = (uint16_t)(t->len + step);
}

static void
see_flow(const struct nlmsghdr *nh, void *arg)
{
	struct pass *pass = arg;
	struct nfgenmsg nfg;
	struct nlsock_attr a;
	struct flow_key key = { .nat = false };
	struct tuple t = { 0 };
	const uint8_t *p;
	size_t left;

	if (pass->n == FORGET_MAX || !nlsock_body(nh, &nfg, sizeof(nfg), &p, &left))
		return;
	t.family = nfg.nfgen_family;
	while (nlsock_attr_next(&p, &left, &a)) {
		if (a.type == CTA_TUPLE_ORIG) {
			tuple_read(&a, &key);
			tuple_append(&t, &a, NLA_F_NESTED);
		} else if (a.type == CTA_ZONE)
			tuple_append(&t, &a, 0);
		else if (a.type == CTA_STATUS)
			key.nat = (nlsock_be32(&a) & IPS_DST_NAT) != 0;
	}
	if (pass->doomed(&key, pass->arg))
		pass->tuples[pass->n++] = t;
}

static int
forget(int fd, const struct tuple *t)
{
	const struct nfgenmsg nfg = { .nfgen_family = t->family };
	uint8_t body[NLMSG_ALIGN(sizeof(nfg)) + TUPLE_MAX] = { 0 };
	int error;

	memcpy(body, &nfg, sizeof(nfg));
	memcpy(body + NLMSG_ALIGN(sizeof(nfg)), t->attrs, t->len);
	error = nlsock_request(fd, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE, 0, body,
	    NLMSG_ALIGN(sizeof(nfg)) + t->len);
	return error == ENOENT ? 0 : error;	/* it ended by itself meanwhile */
}

char *
conntrack_forget(bool (*doomed)(const struct flow_key *, void *), void *arg)
{
	const struct nfgenmsg all = { .nfgen_family = AF_UNSPEC };
	struct pass pass = { .doomed = doomed, .arg = arg };
	char *cause = NULL;
	int fd, error = 0;

	fd = nlsock_open(NETLINK_NETFILTER, 0);
	if (fd == -1)
		return xasprintf("cannot ask the kernel for open connections: %s", strerror(errno));
	pass.tuples = xcalloc(FORGET_MAX, sizeof(*pass.tuples));
	for (int i = 0; i < PASSES_MAX && error == 0; i++) {
		pass.n = 0;
		if (!nlsock_dump(fd, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET, &all,
		    sizeof(all), see_flow, &pass))
			error = errno;
		for (uint32_t k = 0; k < pass.n && error == 0; k++)
			error = forget(fd, &pass.tuples[k]);
		if (pass.n < FORGET_MAX)
			break;
	}
	if (error != 0)
		cause = xasprintf("cannot end connections that were open before: %s "
		    "(the rules block them all the same)", strerror(error));
	free(pass.tuples);
	close(fd);
	return cause;
}
