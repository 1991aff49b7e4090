/*
 * Linux: sock_diag(7), one question for one pair of addresses and ports.  The
 * kernel has answered when send() returns.
 *
 * A socket that its process has closed belongs to nobody, and the kernel gives
 * its owner as 0.  It has no inode then, which tells it from one of root.
 */
#include "config.h"

#include "proxy/owner.h"

#include <sys/socket.h>

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "addr.h"
#include "xmalloc.h"

enum { ANSWER_SIZE = 4096, ANSWERS_MAX = 8 };

struct owner {
	int	fd;
};

struct question {
	struct nlmsghdr			head;
	struct inet_diag_req_v2		req;
};

/* The socket that has the address from and is connected to the other. */
static bool
question_send(const struct owner *o, const struct addr *from, uint16_t from_port,
    const struct addr *to, uint16_t to_port, uint32_t seq)
{
	struct question q = {
		.head = { .nlmsg_len = sizeof(q), .nlmsg_type = SOCK_DIAG_BY_FAMILY,
		    .nlmsg_flags = NLM_F_REQUEST, .nlmsg_seq = seq },
		.req = { .sdiag_family = from->family == 4 ? AF_INET : AF_INET6,
		    .sdiag_protocol = IPPROTO_TCP, .idiag_states = UINT32_MAX },
	};

	q.req.id.idiag_sport = htons(from_port);
	q.req.id.idiag_dport = htons(to_port);
	memcpy(q.req.id.idiag_src, from->bytes, sizeof(q.req.id.idiag_src));
	memcpy(q.req.id.idiag_dst, to->bytes, sizeof(q.req.id.idiag_dst));
	q.req.id.idiag_cookie[0] = q.req.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
	return send(o->fd, &q, sizeof(q), 0) == (ssize_t)sizeof(q);
}

/* The answer to the question of this number; false if there is none. */
static bool
answer_receive(const struct owner *o, uint32_t seq, struct nlmsghdr *head, struct inet_diag_msg *msg)
{
	_Alignas(8) uint8_t buf[ANSWER_SIZE];
	ssize_t n;

	for (int i = 0; i < ANSWERS_MAX; i++) {
		n = recv(o->fd, buf, sizeof(buf), 0);
		if (n < (ssize_t)sizeof(*head))
			return false;
		memcpy(head, buf, sizeof(*head));
		if (head->nlmsg_seq != seq)
			continue;
		if (head->nlmsg_type == SOCK_DIAG_BY_FAMILY && n >= (ssize_t)NLMSG_LENGTH(sizeof(*msg)))
			memcpy(msg, buf + NLMSG_HDRLEN, sizeof(*msg));
		else if (head->nlmsg_type == SOCK_DIAG_BY_FAMILY)
			return false;
		return true;
	}
	return false;
}

static enum owner_answer
owner_look(const struct owner *o, const struct addr *from, uint16_t from_port,
    const struct addr *to, uint16_t to_port, bool listening, uint32_t *uid)
{
	/* Workers share the socket, and an answer must reach who asked. */
	static pthread_mutex_t asking = PTHREAD_MUTEX_INITIALIZER;
	static uint32_t seq;
	struct nlmsghdr head;
	struct inet_diag_msg msg;
	bool answered;

	pthread_mutex_lock(&asking);
	answered = question_send(o, from, from_port, to, to_port, ++seq) &&
	    answer_receive(o, seq, &head, &msg);
	pthread_mutex_unlock(&asking);
	if (!answered)
		return OWNER_UNKNOWN;
	if (head.nlmsg_type != SOCK_DIAG_BY_FAMILY)
		return head.nlmsg_type == NLMSG_ERROR ? OWNER_GONE : OWNER_UNKNOWN;
	/* Where there is no such connection, a listener of that port is given. */
	if ((msg.idiag_state == TCP_LISTEN) != listening || msg.idiag_inode == 0)
		return OWNER_GONE;
	*uid = msg.idiag_uid;
	return OWNER_KNOWN;
}

enum owner_answer
owner_ask(const struct owner *o, int fd, const struct addr *peer, uint16_t port, uint32_t *uid)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	struct addr local;
	uint16_t local_port;

	if (getsockname(fd, (struct sockaddr *)&ss, &len) == -1 ||
	    !addr_from_sockaddr(&local, &local_port, (const struct sockaddr *)&ss))
		return OWNER_UNKNOWN;
	return owner_look(o, peer, port, &local, local_port, false, uid);
}

/* A question whose answer we know: that the kernel has no module for it looks
 * the same as that there is no such connection. */
static bool
owner_works(const struct owner *o)
{
	static const struct addr none = { .family = 4 };
	struct sockaddr_storage ss;
	struct addr a = { .family = 4, .bytes = { 127, 0, 0, 1 } };
	socklen_t len = addr_to_sockaddr(&a, 0, &ss);
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	uint16_t port;
	uint32_t uid;
	bool works;

	works = fd != -1 && bind(fd, (const struct sockaddr *)&ss, len) == 0 && listen(fd, 1) == 0 &&
	    getsockname(fd, (struct sockaddr *)&ss, &len) == 0 &&
	    addr_from_sockaddr(&a, &port, (const struct sockaddr *)&ss) &&
	    owner_look(o, &a, port, &none, 0, true, &uid) == OWNER_KNOWN && uid == geteuid();
	if (fd != -1)
		close(fd);
	return works;
}

struct owner *
owner_open(char **cause)
{
	struct owner *o = xcalloc(1, sizeof(*o));

	*cause = NULL;
	o->fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG);
	if (o->fd != -1 && owner_works(o))
		return o;
	*cause = xstrdup("the kernel does not tell whose a connection over loopback is, so nobody is "
	    "served there; modprobe tcp_diag, and start the daemon again");
	owner_free(o);
	return NULL;
}

void
owner_free(struct owner *o)
{
	if (o == NULL)
		return;
	if (o->fd != -1)
		close(o->fd);
	free(o);
}
