/*
 * Frames between the roles: the table of types, and a channel that reads and
 * writes them on one socket.
 *
 * What waits to be sent is one run of bytes, so that many small frames leave
 * in one system call; a frame with a descriptor is sent by itself, because
 * SCM_RIGHTS belongs to the bytes of one sendmsg().  What was received is
 * another run, parsed in place; descriptors wait in their order of arrival
 * for the frames that claim them.
 */
#include "config.h"

#include "msg.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "xmalloc.h"

enum {
	FRAME_SIZE_MAX = 8192,	/* header and body of the largest type */
	READ_SIZE = 64 << 10,
	WRITE_MAX = 256 << 10,	/* per system call */
	FDS_MAX = 64,		/* waiting either way: two for each command of the inventory */
	READS_MAX = 4,		/* per event, so that one peer cannot starve others */
};

struct frame_header {
	uint32_t	type;
	uint32_t	size;
};

#define FROM(role)	(1u << ROLE_##role)

static const struct {
	const char	*name;
	uint32_t	 size;
	unsigned	 from, to;	/* masks of roles */
	bool		 fd;
} frame_table[FRAME_COUNT] = {
	[FRAME_PEER] = { "peer", sizeof(struct msg_peer), FROM(PRIV), FROM(ENGINE) | FROM(NET), true },
	[FRAME_FW_STATUS] = { "fw-status", sizeof(struct fw_status), FROM(PRIV), FROM(ENGINE), false },
	[FRAME_FW_RESULT] = { "fw-result", sizeof(struct msg_fw_result), FROM(PRIV), FROM(ENGINE), false },
	[FRAME_FW_TEXT] = { "fw-text", sizeof(struct msg_fw_text), FROM(PRIV), FROM(ENGINE), false },
	[FRAME_ROLE] = { "role", sizeof(struct msg_role), FROM(PRIV), FROM(ENGINE), false },
	[FRAME_RELOADED] = { "reloaded", sizeof(struct msg_reloaded), FROM(PRIV), FROM(ENGINE), false },
	[FRAME_PROXY_SAVED] = { "proxy-saved", sizeof(struct msg_proxy), FROM(PRIV), FROM(ENGINE), false },
	[FRAME_FW_PINNED] = { "fw-pinned", sizeof(struct msg_fw_pinned), FROM(PRIV), FROM(ENGINE), false },
	[FRAME_RAN] = { "ran", sizeof(struct msg_ran), FROM(PRIV), FROM(ENGINE), false },
	[FRAME_OUTPUT] = { "output", sizeof(struct msg_output), FROM(PRIV), FROM(ENGINE), true },
	[FRAME_KEPT] = { "kept", sizeof(struct msg_kept), FROM(PRIV), FROM(ENGINE), true },
	[FRAME_NOTIFIED] = { "notified", sizeof(struct msg_notified), FROM(PRIV), FROM(ENGINE), false },
	[FRAME_LOG_RULES] = { "log-rules", sizeof(struct msg_log_rules), FROM(PRIV), FROM(NET), false },
	[FRAME_READY] = { "ready", sizeof(struct msg_empty), FROM(ENGINE) | FROM(NET), FROM(PRIV), false },
	[FRAME_FW_REQUEST] = { "fw-request", sizeof(struct msg_fw_request), FROM(ENGINE), FROM(PRIV), false },
	[FRAME_FW_PIN] = { "fw-pin", sizeof(struct msg_fw_pin), FROM(ENGINE), FROM(PRIV), false },
	[FRAME_FW_RANGES] = { "fw-ranges", sizeof(struct msg_fw_ranges), FROM(ENGINE), FROM(PRIV), false },
	[FRAME_FW_SENDERS] = { "fw-senders", sizeof(struct msg_fw_senders), FROM(ENGINE), FROM(PRIV), false },
	[FRAME_KEEP] = { "keep", sizeof(struct msg_kept), FROM(ENGINE), FROM(PRIV), true },
	[FRAME_RELOAD] = { "reload", sizeof(struct msg_empty), FROM(ENGINE), FROM(PRIV), false },
	[FRAME_SHUTDOWN] = { "shutdown", sizeof(struct msg_empty), FROM(ENGINE), FROM(PRIV), false },
	[FRAME_PROXY_SAVE] = { "proxy-save", sizeof(struct msg_proxy), FROM(ENGINE), FROM(PRIV), false },
	[FRAME_RUN] = { "run", sizeof(struct msg_run), FROM(ENGINE), FROM(PRIV), false },
	[FRAME_NOTIFY] = { "notify", sizeof(struct msg_notify), FROM(ENGINE), FROM(PRIV), false },
	[FRAME_NET_STATE] = { "net-state", sizeof(struct msg_net_state), FROM(NET), FROM(ENGINE), false },
	[FRAME_HIT] = { "hit", sizeof(struct hit), FROM(NET), FROM(ENGINE), false },
	[FRAME_FLOW] = { "flow", sizeof(struct flow), FROM(NET), FROM(ENGINE), false },
	[FRAME_DROP] = { "drop", sizeof(struct drop), FROM(NET), FROM(ENGINE), false },
	[FRAME_PACKET] = { "packet", sizeof(struct msg_packet), FROM(NET), FROM(ENGINE), false },
	[FRAME_PIN] = { "pin", sizeof(struct msg_pin), FROM(NET), FROM(ENGINE), false },
	[FRAME_ALLOW] = { "allow", sizeof(struct msg_allow), FROM(ENGINE), FROM(NET), true },
	[FRAME_GUEST] = { "guest", sizeof(struct msg_guest), FROM(ENGINE), FROM(NET), false },
	[FRAME_PROXY] = { "proxy", sizeof(struct msg_proxy), FROM(ENGINE), FROM(NET), false },
	[FRAME_TEE] = { "tee", sizeof(struct msg_tee), FROM(ENGINE), FROM(NET), false },
	[FRAME_PINNED] = { "pinned", sizeof(struct msg_pinned), FROM(ENGINE), FROM(NET), false },
};

_Static_assert(sizeof(struct msg_fw_text) + sizeof(struct frame_header) <= FRAME_SIZE_MAX &&
    sizeof(struct msg_fw_request) + sizeof(struct frame_header) <= FRAME_SIZE_MAX &&
    sizeof(struct msg_fw_senders) + sizeof(struct frame_header) <= FRAME_SIZE_MAX &&
    sizeof(struct msg_fw_ranges) + sizeof(struct frame_header) <= FRAME_SIZE_MAX &&
    sizeof(struct hit) + sizeof(struct frame_header) <= FRAME_SIZE_MAX, "FRAME_SIZE_MAX is too small");

struct waiting_fd {
	int	fd;
	size_t	at;	/* where its frame starts in out */
};

struct msg_channel {
	int		 fd;
	enum role	 self, peer;
	msg_cb		 deliver;
	msg_error_cb	 error;
	void		*arg;
	struct event	*readable, *writable;
	bool		 broken;
	bool		*freed;		/* set if freed during a callback */

	uint8_t		*out;
	size_t		 out_start, out_end, out_size;
	struct waiting_fd out_fds[FDS_MAX];
	size_t		 out_nfds;
	uint64_t	 stuck;		/* since when the socket has no room, mono; 0: it has */

	uint8_t		*in;		/* READ_SIZE + FRAME_SIZE_MAX bytes */
	size_t		 in_len;
	int		 in_fds[FDS_MAX];
	size_t		 in_nfds;
};

const char *
frame_name(enum frame type)
{
	return type > FRAME_NONE && type < FRAME_COUNT ? frame_table[type].name : "unknown";
}

const char *
role_name(enum role role)
{
	static const char *const names[ROLE_COUNT] = { "priv", "engine", "net" };

	return role < ROLE_COUNT ? names[role] : "unknown";
}

const char *
msg_check(enum role from, enum role to, uint32_t type, uint32_t size)
{
	if (type <= FRAME_NONE || type >= FRAME_COUNT)
		return "unknown frame type";
	if ((frame_table[type].from & 1u << from) == 0 || (frame_table[type].to & 1u << to) == 0)
		return "frame type not allowed from this role";
	if (size != frame_table[type].size)
		return "wrong frame size";
	return NULL;
}

static void
channel_break(struct msg_channel *c, const char *why)
{
	if (c->broken)
		return;
	c->broken = true;
	event_del(c->readable);
	event_del(c->writable);
	c->error(why, c->arg);
}

static int
channel_take_fd(struct msg_channel *c)
{
	int fd;

	if (c->in_nfds == 0)
		return -1;
	fd = c->in_fds[0];
	c->in_nfds--;
	memmove(c->in_fds, c->in_fds + 1, c->in_nfds * sizeof(c->in_fds[0]));
	return fd;
}

/* Delivers every whole frame of c->in. False: the channel is gone or broken. */
static bool
channel_parse(struct msg_channel *c)
{
	struct frame_header h;
	_Alignas(8) uint8_t body[FRAME_SIZE_MAX];
	size_t at = 0;
	bool freed = false;
	const char *why;
	char text[128];
	int fd;

	while (c->in_len - at >= sizeof(h)) {
		memcpy(&h, c->in + at, sizeof(h));
		why = msg_check(c->peer, c->self, h.type, h.size);
		if (why != NULL) {
			snprintf(text, sizeof(text), "%s (type %u, %u bytes)", why, h.type, h.size);
			channel_break(c, text);
			return false;
		}
		if (c->in_len - at - sizeof(h) < h.size)
			break;
		fd = -1;
		if (frame_table[h.type].fd && (fd = channel_take_fd(c)) == -1) {
			channel_break(c, "a frame came without its descriptor");
			return false;
		}
		memcpy(body, c->in + at + sizeof(h), h.size);
		at += sizeof(h) + h.size;
		c->freed = &freed;
		c->deliver((enum frame)h.type, body, fd, c->arg);
		if (freed)
			return false;
		c->freed = NULL;
		if (c->broken)
			return false;
	}
	c->in_len -= at;
	memmove(c->in, c->in + at, c->in_len);
	return true;
}

/* Keeps the descriptors of one received message. False: more than we take. */
static bool
channel_keep_fds(struct msg_channel *c, struct msghdr *mh)
{
	struct cmsghdr *cm;
	bool fits = true;

	for (cm = CMSG_FIRSTHDR(mh); cm != NULL; cm = CMSG_NXTHDR(mh, cm)) {
		size_t n;

		if (cm->cmsg_level != SOL_SOCKET || cm->cmsg_type != SCM_RIGHTS)
			continue;
		n = (cm->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(cm) + i * sizeof(fd), sizeof(fd));
			if (c->in_nfds == FDS_MAX) {
				close(fd);
				fits = false;
			} else {
				fcntl(fd, F_SETFD, FD_CLOEXEC);
				c->in_fds[c->in_nfds++] = fd;
			}
		}
	}
	return fits && (mh->msg_flags & MSG_CTRUNC) == 0;
}

static void
channel_readable(int fd, short what, void *arg)
{
	struct msg_channel *c = arg;

	(void)what;
	for (int i = 0; i < READS_MAX; i++) {
		union {
			struct cmsghdr	align;
			char		bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
		} control;
		struct iovec iov = { c->in + c->in_len, READ_SIZE + FRAME_SIZE_MAX - c->in_len };
		struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1,
			.msg_control = control.bytes, .msg_controllen = sizeof(control.bytes) };
		size_t room = iov.iov_len;
		ssize_t n;

		n = recvmsg(fd, &mh, 0);
		if (n == -1 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			channel_break(c, n == 0 ? "closed its channel" : strerror(errno));
			return;
		}
		c->in_len += (size_t)n;
		if (!channel_keep_fds(c, &mh)) {
			channel_break(c, "sent too many descriptors");
			return;
		}
		if (!channel_parse(c) || (size_t)n < room)
			return;
	}
}

/* Forgets the n bytes just sent and, with fd, the descriptor that went along. */
static void
channel_sent(struct msg_channel *c, size_t n, bool fd)
{
	if (fd) {
		close(c->out_fds[0].fd);
		c->out_nfds--;
		memmove(c->out_fds, c->out_fds + 1, c->out_nfds * sizeof(c->out_fds[0]));
	}
	c->out_start += n;
	if (c->out_start == c->out_end)
		c->out_start = c->out_end = 0;
	c->stuck = 0;
}

static void
channel_writable(int sock, short what, void *arg)
{
	struct msg_channel *c = arg;

	(void)what;
	while (c->out_start < c->out_end) {
		union {
			struct cmsghdr	align;
			char		bytes[CMSG_SPACE(sizeof(int))];
		} control = { .bytes = { 0 } };
		struct iovec iov = { c->out + c->out_start, c->out_end - c->out_start };
		struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
		bool with_fd = c->out_nfds > 0 && c->out_fds[0].at == c->out_start;
		ssize_t n;

		if (with_fd) {
			struct cmsghdr *cm;

			mh.msg_control = control.bytes;
			mh.msg_controllen = sizeof(control.bytes);
			cm = CMSG_FIRSTHDR(&mh);
			cm->cmsg_len = CMSG_LEN(sizeof(int));
			cm->cmsg_level = SOL_SOCKET;
			cm->cmsg_type = SCM_RIGHTS;
			memcpy(CMSG_DATA(cm), &c->out_fds[0].fd, sizeof(int));
		}
		/* Stop short of the next frame that brings a descriptor. */
		if (c->out_nfds > (with_fd ? 1u : 0u))
			iov.iov_len = c->out_fds[with_fd ? 1 : 0].at - c->out_start;
		if (iov.iov_len > WRITE_MAX)
			iov.iov_len = WRITE_MAX;
		n = sendmsg(sock, &mh, MSG_NOSIGNAL);
		if (n == -1 && (errno == EAGAIN || errno == EINTR || errno == ENOBUFS)) {
			if (c->stuck == 0)
				c->stuck = now_mono();
			break;
		}
		if (n == -1) {
			channel_break(c, strerror(errno));
			return;
		}
		channel_sent(c, (size_t)n, with_fd);
	}
	if (c->out_start < c->out_end)
		event_add(c->writable, NULL);
}

struct msg_channel *
msg_channel_new(struct event_base *base, int fd, enum role self, enum role peer, msg_cb deliver,
    msg_error_cb error, void *arg)
{
	struct msg_channel *c = xcalloc(1, sizeof(*c));

	evutil_make_socket_nonblocking(fd);
	evutil_make_socket_closeonexec(fd);
	c->fd = fd;
	c->self = self;
	c->peer = peer;
	c->deliver = deliver;
	c->error = error;
	c->arg = arg;
	c->in = xmalloc(READ_SIZE + FRAME_SIZE_MAX);
	c->readable = event_new(base, fd, EV_READ | EV_PERSIST, channel_readable, c);
	c->writable = event_new(base, fd, EV_WRITE, channel_writable, c);
	if (c->readable == NULL || c->writable == NULL || event_add(c->readable, NULL) == -1)
		fatalx("cannot watch the channel to %s", role_name(peer));
	return c;
}

void
msg_channel_free(struct msg_channel *c)
{
	if (c == NULL)
		return;
	if (c->freed != NULL)
		*c->freed = true;
	event_free(c->readable);
	event_free(c->writable);
	for (size_t i = 0; i < c->out_nfds; i++)
		close(c->out_fds[i].fd);
	for (size_t i = 0; i < c->in_nfds; i++)
		close(c->in_fds[i]);
	close(c->fd);
	free(c->out);
	free(c->in);
	free(c);
}

static void
channel_reserve(struct msg_channel *c, size_t need)
{
	if (c->out_start > 0 && c->out_end + need > c->out_size) {
		for (size_t i = 0; i < c->out_nfds; i++)
			c->out_fds[i].at -= c->out_start;
		c->out_end -= c->out_start;
		memmove(c->out, c->out + c->out_start, c->out_end);
		c->out_start = 0;
	}
	if (c->out_end + need > c->out_size) {
		c->out_size = (c->out_end + need) * 2;
		c->out = xreallocarray(c->out, c->out_size, 1);
	}
}

bool
msg_send(struct msg_channel *c, enum frame type, const void *body, int fd)
{
	struct frame_header h = { .type = type };
	const char *why;
	size_t need;

	if (type > FRAME_NONE && type < FRAME_COUNT)
		h.size = frame_table[type].size;
	why = msg_check(c->self, c->peer, h.type, h.size);
	if (why != NULL || frame_table[type].fd != (fd != -1))
		fatalx("cannot send frame %s to %s: %s", frame_name(type), role_name(c->peer),
		    why != NULL ? why : "descriptor missing or not expected");
	need = sizeof(h) + h.size;
	if (c->broken || msg_queued(c) + need > FRAME_QUEUE_MAX ||
	    (fd != -1 && c->out_nfds == FDS_MAX))
		return false;
	channel_reserve(c, need);
	if (fd != -1) {
		int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

		if (copy == -1)
			return false;
		c->out_fds[c->out_nfds++] = (struct waiting_fd){ copy, c->out_end };
	}
	memcpy(c->out + c->out_end, &h, sizeof(h));
	memcpy(c->out + c->out_end + sizeof(h), body, h.size);
	c->out_end += need;
	/* Sent when the callbacks under way are done, so that what they tell leaves
	 * in one go; the socket is watched only once it took no more, which would
	 * cost two calls each time. */
	if (!event_pending(c->writable, EV_WRITE, NULL))
		event_active(c->writable, EV_WRITE, 0);
	return true;
}

size_t
msg_queued(const struct msg_channel *c)
{
	return c->out_end - c->out_start;
}

uint64_t
msg_stuck(const struct msg_channel *c)
{
	struct pollfd room = { .fd = c->fd, .events = POLLOUT };

	/* Room that we had no time to use yet is not the peer's fault. */
	if (c->stuck == 0 || (poll(&room, 1, 0) == 1 && (room.revents & POLLOUT) != 0))
		return 0;
	return now_mono() - c->stuck;
}
