#include "config.h"

#include "reach.h"

#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "own.h"
#include "text.h"
#include "xmalloc.h"

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
reach_reconf(struct reach *r, const struct conf *conf)
{
	r->bridges = conf->bridges;
	for (r->n = 0; r->n < conf->nreach; r->n++) {
		if (!prefix_parse(conf->reach[r->n], &r->prefixes[r->n].net,
		    &r->prefixes[r->n].bits))
			return xasprintf("%s: [proxy] reach: \"%s\" is not an address range; "
			    "write it as 10.1.0.0/16", conf->path, conf->reach[r->n]);
	}
	return NULL;
}

char *
reach_init(struct reach *r, const struct conf *conf)
{
	char *cause;

	memset(r, 0, sizeof(*r));
	r->own = own_open(&cause);
	return cause != NULL ? cause : reach_reconf(r, conf);
}

void
reach_free(struct reach *r)
{
	own_free(r->own);
	r->own = NULL;
}

/* By itself: only as the one address that it is. */
static bool
is_listed(const struct reach *r, const struct addr *a, bool by_itself)
{
	const unsigned all = a->family == 4 ? 32 : 128;

	for (unsigned i = 0; i < r->n; i++) {
		if (addr_in_prefix(a, &r->prefixes[i].net, r->prefixes[i].bits) &&
		    (!by_itself || r->prefixes[i].bits == all))
			return true;
	}
	return false;
}

bool
reach_is_host(const struct reach *r, const struct addr *a)
{
	const struct addr none = { .family = a->family };
	struct addr v4;

	/* Who connects to no address gets to the host itself, whatever its routes. */
	if (addr_equal(a, &none) || own_has(r->own, a))
		return true;
	/* A way around the question would be to wrap the address up. */
	return addr_embedded(a, &v4) && own_has(r->own, &v4);
}

/* A guest, seen from the host. */
static bool
is_guest(const struct reach *r, const struct addr *a)
{
	struct addr v4;

	return own_is_behind(r->own, a, &r->bridges) ||
	    (addr_embedded(a, &v4) && own_is_behind(r->own, &v4, &r->bridges));
}

bool
reach_is_barred(const struct reach *r, const struct addr *a)
{
	return !is_listed(r, a, true) && (reach_is_host(r, a) || is_guest(r, a));
}

bool
reach_allows(const struct reach *r, const struct addr *a)
{
	return (is_listed(r, a, false) || addr_special(a) == NULL) && !reach_is_barred(r, a);
}
