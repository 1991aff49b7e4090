#include "config.h"

#include "firewall/nlsock.h"

#include <sys/socket.h>
#include <sys/time.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { REQUEST_MAX = 1024, RECEIVE_SIZE = 64 << 10, RECEIVE_SECONDS = 5 };

int
nlsock_open(int protocol, uint32_t groups)
{
	struct sockaddr_nl sa = { .nl_family = AF_NETLINK, .nl_groups = groups };
	struct timeval limit = { .tv_sec = RECEIVE_SECONDS };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);

	if (fd == -1)
		return -1;
	if (bind(fd, (const struct sockaddr *)&sa, sizeof(sa)) == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) == -1) {
		int error = errno;

		close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

void
nlsock_drain(int fd)
{
	char buf[16 << 10];

	while (recv(fd, buf, sizeof(buf), MSG_DONTWAIT) > 0 || errno == ENOBUFS)
		errno = 0;
}

static bool
request_send(int fd, uint16_t type, uint16_t flags, const void *body, size_t len)
{
	_Alignas(8) uint8_t buf[REQUEST_MAX];
	struct nlmsghdr nh = { .nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | flags,
		.nlmsg_len = (uint32_t)(NLMSG_HDRLEN + len), .nlmsg_seq = 1 };

	if (len > sizeof(buf) - NLMSG_HDRLEN) {
		errno = EMSGSIZE;
		return false;
	}
	memcpy(buf, &nh, sizeof(nh));
	memcpy(buf + NLMSG_HDRLEN, body, len);
	return send(fd, buf, nh.nlmsg_len, 0) == (ssize_t)nh.nlmsg_len;
}

/* The error code of an NLMSG_ERROR or NLMSG_DONE message; 0 is success. */
static int
message_error(const struct nlmsghdr *nh)
{
	int error = 0;

	if (nh->nlmsg_len >= NLMSG_HDRLEN + sizeof(error))
		memcpy(&error, (const uint8_t *)nh + NLMSG_HDRLEN, sizeof(error));
	return error < 0 ? -error : error;
}

/* Receives until the dump is done or acknowledged: 0 or an errno. */
static int
receive(int fd, void (*cb)(const struct nlmsghdr *, void *), void *arg)
{
	static _Alignas(8) uint8_t buf[RECEIVE_SIZE];

	for (;;) {
		ssize_t n = recv(fd, buf, sizeof(buf), 0);
		size_t at = 0, left;

		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0 ? EPIPE : errno;
		left = (size_t)n;
		while (left >= NLMSG_HDRLEN) {
			/* The buffer is aligned, and so is every message in it. */
			const struct nlmsghdr *nh = (const void *)(buf + at);
			size_t step = NLMSG_ALIGN(nh->nlmsg_len);

			if (nh->nlmsg_len < NLMSG_HDRLEN || nh->nlmsg_len > left)
				return EBADMSG;
			if (nh->nlmsg_type == NLMSG_ERROR || nh->nlmsg_type == NLMSG_DONE)
				return message_error(nh);
			if (cb != NULL)
				cb(nh, arg);
			if (step >= left)
				break;
			at += step;
			left -= step;
		}
	}
}

bool
nlsock_dump(int fd, uint16_t type, const void *body, size_t len,
    void (*cb)(const struct nlmsghdr *, void *), void *arg)
{
	int error;

	if (!request_send(fd, type, NLM_F_DUMP, body, len))
		return false;
	error = receive(fd, cb, arg);
	errno = error;
	return error == 0;
}

int
nlsock_request(int fd, uint16_t type, uint16_t flags, const void *body, size_t len)
{
	if (!request_send(fd, type, flags | NLM_F_ACK, body, len))
		return errno;
	return receive(fd, NULL, NULL);
}

int
nlsock_get(int fd, uint16_t type, const void *body, size_t len,
    void (*cb)(const struct nlmsghdr *, void *), void *arg)
{
	if (!request_send(fd, type, NLM_F_ACK, body, len))
		return errno;
	return receive(fd, cb, arg);
}

bool
nlsock_body(const struct nlmsghdr *nh, void *fixed, size_t size, const uint8_t **rest,
    size_t *left)
{
	const size_t start = NLMSG_HDRLEN + NLMSG_ALIGN(size);

	if (nh->nlmsg_len < NLMSG_HDRLEN + size)
		return false;
	memcpy(fixed, (const uint8_t *)nh + NLMSG_HDRLEN, size);
	*rest = (const uint8_t *)nh + (nh->nlmsg_len < start ? nh->nlmsg_len : start);
	*left = nh->nlmsg_len < start ? 0 : nh->nlmsg_len - start;
	return true;
}

bool
nlsock_attr_next(const uint8_t **p, size_t *left, struct nlsock_attr *a)
{
	struct nlattr na;
	size_t step;

	if (*left < NLA_HDRLEN)
		return false;
	memcpy(&na, *p, sizeof(na));
	if (na.nla_len < NLA_HDRLEN || na.nla_len > *left)
		return false;
	a->type = na.nla_type & NLA_TYPE_MASK;
	a->len = na.nla_len - NLA_HDRLEN;
	a->data = *p + NLA_HDRLEN;
	step = NLA_ALIGN(na.nla_len);
	step = step > *left ? *left : step;
	*p += step;
	*left -= step;
	return true;
}

uint32_t
nlsock_u32(const struct nlsock_attr *a)
{
	uint32_t v = 0;

	if (a->len >= sizeof(v))
		memcpy(&v, a->data, sizeof(v));
	return v;
}

uint32_t
nlsock_be32(const struct nlsock_attr *a)
{
	if (a->len < 4)
		return 0;
	return (uint32_t)a->data[0] << 24 | (uint32_t)a->data[1] << 16 |
	    (uint32_t)a->data[2] << 8 | a->data[3];
}

void
nlsock_string(const struct nlsock_attr *a, char *dst, size_t size)
{
	size_t len = strnlen((const char *)a->data, a->len);

	if (len >= size)
		len = size - 1;
	memcpy(dst, a->data, len);
	dst[len] = '\0';
}
