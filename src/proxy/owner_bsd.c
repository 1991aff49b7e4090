/*
 * FreeBSD and macOS: the kernel's list of TCP sockets, with their owners, as
 * netstat(1) reads it.  The question for one connection alone (tcp.getcred) is
 * root's to ask, which net has stopped being.  Only connections over loopback are
 * asked about, of which there are few.
 */
#include "config.h"

#include "proxy/owner.h"

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/sysctl.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "addr.h"
#include "fds.h"
#include "proxy/owner_bsd.h"
#include "xmalloc.h"

enum { TRIES_MAX = 4, LIST_MAX = 256 << 20, LIST_MORE = 64 << 10 };

struct owner {
	char	none;		/* every question is a new list */
};

/* The list; NULL if it cannot be had. Caller frees. */
static uint8_t *
list_read(size_t *len)
{
	uint8_t *list = NULL;

	*len = 0;
	for (int i = 0; i < TRIES_MAX; i++) {
		if (sysctlbyname(owner_list.name, NULL, len, NULL, 0) == -1 || *len > LIST_MAX)
			break;
		/* It grows while we look. */
		*len += LIST_MORE;
		list = xreallocarray(list, *len, 1);
		if (sysctlbyname(owner_list.name, list, len, NULL, 0) == 0)
			return list;
		if (errno != ENOMEM)
			break;
	}
	free(list);
	return NULL;
}

void
owner_addr(struct addr *a, uint8_t family, const void *v4, const void *v6)
{
	memset(a, 0, sizeof(*a));
	a->family = family;
	memcpy(a->bytes, family == 4 ? v4 : v6, family == 4 ? 4 : 16);
}

static uint64_t
length_read(const uint8_t *p)
{
	uint64_t wide;
	uint32_t narrow;

	if (owner_list.length_size == sizeof(wide)) {
		memcpy(&wide, p, sizeof(wide));
		return wide;
	}
	memcpy(&narrow, p, sizeof(narrow));
	return narrow;
}

static bool
is_socket(const struct owner_socket *a, const struct owner_socket *b)
{
	return a->local_port == b->local_port && a->foreign_port == b->foreign_port &&
	    addr_equal(&a->local, &b->local) && addr_equal(&a->foreign, &b->foreign);
}

/* OWNER_UNKNOWN: the list is of another version. */
static enum owner_answer
list_find(const uint8_t *list, size_t len, const struct owner_socket *wanted, uint32_t *uid)
{
	struct owner_socket s;
	uint64_t size;

	if (len < owner_list.head)
		return OWNER_UNKNOWN;
	for (size_t at = owner_list.head; at < len && len - at >= owner_list.length_size;
	    at += owner_list.entry) {
		size = length_read(list + at);
		if (size == owner_list.head)
			break;		/* the last */
		if (size != owner_list.entry || len - at < owner_list.entry)
			return OWNER_UNKNOWN;
		owner_read(list + at, &s);
		if (!is_socket(&s, wanted))
			continue;
		if (s.closed)
			return OWNER_GONE;
		*uid = s.uid;
		return OWNER_KNOWN;
	}
	return OWNER_GONE;
}

static enum owner_answer
owner_look(const struct owner_socket *s, uint32_t *uid)
{
	enum owner_answer answer = OWNER_UNKNOWN;
	size_t len;
	uint8_t *list = list_read(&len);

	if (list != NULL)
		answer = list_find(list, len, s, uid);
	free(list);
	return answer;
}

enum owner_answer
owner_ask(const struct owner *o, int fd, const struct addr *peer, uint16_t port, uint32_t *uid)
{
	struct owner_socket s = { .local = *peer, .local_port = port };
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	if (getsockname(fd, (struct sockaddr *)&ss, &len) == -1 ||
	    !addr_from_sockaddr(&s.foreign, &s.foreign_port, (const struct sockaddr *)&ss))
		return OWNER_UNKNOWN;
	return owner_look(&s, uid);
}

/* A question whose answer we know. */
static bool
owner_works(void)
{
	struct owner_socket s = { .local = { .family = 4, .bytes = { 127, 0, 0, 1 } },
		.foreign = { .family = 4 } };
	struct sockaddr_storage ss;
	socklen_t len = addr_to_sockaddr(&s.local, 0, &ss);
	const int fd = fds_socket(AF_INET, SOCK_STREAM, 0);
	uint32_t uid;
	bool works;

	works = fd != -1 && bind(fd, (const struct sockaddr *)&ss, len) == 0 && listen(fd, 1) == 0 &&
	    getsockname(fd, (struct sockaddr *)&ss, &len) == 0 &&
	    addr_from_sockaddr(&s.local, &s.local_port, (const struct sockaddr *)&ss) &&
	    owner_look(&s, &uid) == OWNER_KNOWN && uid == geteuid();
	if (fd != -1)
		close(fd);
	return works;
}

/* False only if the system says that users may not see each other's sockets; root,
 * who we still are, sees them all the same. */
static bool
others_are_seen(void)
{
	int on = 1;
	size_t len = sizeof(on);

	return sysctlbyname("security.bsd.see_other_uids", &on, &len, NULL, 0) == -1 || on != 0;
}

struct owner *
owner_open(char **cause)
{
	*cause = NULL;
	if (!others_are_seen())
		*cause = xstrdup("users may not see each other's sockets here, so nobody is served "
		    "over loopback; sysctl security.bsd.see_other_uids=1, and start the daemon again");
	else if (!owner_works())
		*cause = xasprintf("the kernel does not tell whose a connection over loopback is (%s), "
		    "so nobody is served there", owner_list.name);
	return *cause == NULL ? xcalloc(1, sizeof(struct owner)) : NULL;
}

void
owner_free(struct owner *o)
{
	free(o);
}
