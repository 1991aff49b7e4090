#include "config.h"

#include "reach.h"

#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "addr.h"
#include "text.h"
#include "xmalloc.h"

enum { PORT_DISCARD = 9 };

/* "10.0.0.0/8" */
static bool
prefix_parse(const char *s, struct addr *net, unsigned *bits)
{
	char text[CONF_PREFIX_SIZE], *slash;
	const char *why;
	uint64_t v;

	copy_string(text, s, sizeof(text));
	slash = strchr(text, '/');
	if (slash != NULL)
		*slash++ = '\0';
	if (!addr_parse(text, net))
		return false;
	v = net->family == 4 ? 32 : 128;
	if (slash != NULL && !text_number(slash, 0, v, &v, &why))
		return false;
	*bits = (unsigned)v;
	return true;
}

char *
reach_init(struct reach *r, const struct conf *conf)
{
	memset(r, 0, sizeof(*r));
	for (; r->n < conf->nreach; r->n++) {
		if (!prefix_parse(conf->reach[r->n], &r->prefixes[r->n].net,
		    &r->prefixes[r->n].bits))
			return xasprintf("%s: [proxy] reach: \"%s\" is not an address range; "
			    "write it as 10.1.0.0/16", conf->path, conf->reach[r->n]);
	}
	return NULL;
}

/*
 * What this host sends to one of its own addresses comes from that very
 * address: the kernel tells without a list of ours that could be out of date,
 * and no packet leaves.
 */
static bool
is_own(const struct addr *a)
{
	struct sockaddr_storage ss;
	socklen_t len = addr_to_sockaddr(a, PORT_DISCARD, &ss);
	struct addr from, to;
	bool own = false;
	int fd;

	fd = socket(ss.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return true;	/* it cannot be told */
	/* An IPv4 address in IPv6 clothes comes back without them. */
	addr_from_sockaddr(&to, NULL, (const struct sockaddr *)&ss);
	if (connect(fd, (const struct sockaddr *)&ss, len) == 0) {
		len = sizeof(ss);
		if (getsockname(fd, (struct sockaddr *)&ss, &len) == 0 &&
		    addr_from_sockaddr(&from, NULL, (const struct sockaddr *)&ss))
			own = addr_equal(&from, &to);
	}
	close(fd);
	return own;
}

static bool
is_listed(const struct reach *r, const struct addr *a)
{
	for (unsigned i = 0; i < r->n; i++) {
		if (addr_in_prefix(a, &r->prefixes[i].net, r->prefixes[i].bits))
			return true;
	}
	return false;
}

bool
reach_is_own(const struct reach *r, const struct addr *a)
{
	return !is_listed(r, a) && is_own(a);
}

bool
reach_allows(const struct reach *r, const struct addr *a)
{
	if (is_listed(r, a))
		return true;
	return addr_special(a) == NULL && !is_own(a);
}
