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
reach_init(struct reach *r, const struct conf *conf)
{
	char *cause;

	memset(r, 0, sizeof(*r));
	for (; r->n < conf->nreach; r->n++) {
		if (!prefix_parse(conf->reach[r->n], &r->prefixes[r->n].net,
		    &r->prefixes[r->n].bits))
			return xasprintf("%s: [proxy] reach: \"%s\" is not an address range; "
			    "write it as 10.1.0.0/16", conf->path, conf->reach[r->n]);
	}
	r->own = own_open(&cause);
	return cause;
}

void
reach_free(struct reach *r)
{
	own_free(r->own);
	r->own = NULL;
}

bool
reach_is_own(const struct reach *r, const struct addr *a)
{
	struct addr v4;

	/* A way around the question would be to wrap the address up. */
	return own_has(r->own, a) || (addr_embedded(a, &v4) && own_has(r->own, &v4));
}

bool
reach_allows(const struct reach *r, const struct addr *a)
{
	for (unsigned i = 0; i < r->n; i++) {
		if (addr_in_prefix(a, &r->prefixes[i].net, r->prefixes[i].bits))
			return true;
	}
	return addr_special(a) == NULL && !reach_is_own(r, a);
}
