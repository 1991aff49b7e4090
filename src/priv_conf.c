/* What a new configuration changes that cannot change under a running role. */
#include "config.h"

#include "priv.h"

#include <string.h>

#include "addr.h"
#include "xmalloc.h"

static bool
chain_differs(const struct conf *a, const struct conf *b)
{
	return strcmp(a->chain_host, b->chain_host) != 0 || a->chain_port != b->chain_port ||
	    strcmp(a->chain_auth, b->chain_auth) != 0 || a->nchain_direct != b->nchain_direct ||
	    memcmp(a->chain_direct, b->chain_direct, sizeof(a->chain_direct)) != 0;
}

bool
priv_net_differs(const struct conf *a, const struct conf *b)
{
	if (a->proxy_port != b->proxy_port || a->explicit_port != b->explicit_port ||
	    a->workers != b->workers || a->max_connections != b->max_connections ||
	    a->max_per_guest != b->max_per_guest || a->max_new_in_all != b->max_new_in_all ||
	    a->max_new_per_guest != b->max_new_per_guest ||
	    a->handshake_seconds != b->handshake_seconds ||
	    a->lifetime_seconds != b->lifetime_seconds || chain_differs(a, b) ||
	    a->head_seconds != b->head_seconds ||
	    a->connect_seconds != b->connect_seconds || a->idle_seconds != b->idle_seconds ||
	    a->head_bytes != b->head_bytes || a->hello_bytes != b->hello_bytes ||
	    a->dns_port != b->dns_port || a->nflog_group != b->nflog_group ||
	    strcmp(a->resolv_conf, b->resolv_conf) != 0 || a->nreach != b->nreach)
		return true;
	for (uint32_t i = 0; i < a->nreach; i++) {
		if (strcmp(a->reach[i], b->reach[i]) != 0)
			return true;
	}
	/* Whether there are any decides what it opens at its start. */
	if ((a->nuids == 0) != (b->nuids == 0) || a->nupstreams != b->nupstreams)
		return true;
	for (uint32_t i = 0; i < a->nupstreams; i++) {
		if (!addr_equal(&a->upstreams[i].addr, &b->upstreams[i].addr) ||
		    a->upstreams[i].port != b->upstreams[i].port)
			return true;
	}
	return false;
}

char *
priv_fixed_differs(const struct conf *a, const struct conf *b)
{
	if (strcmp(a->state, b->state) == 0 && strcmp(a->control, b->control) == 0 &&
	    strcmp(a->user, b->user) == 0)
		return NULL;
	return xasprintf("%s: control, state and user in section [daemon] change only when the "
	    "daemon is started again; nothing was changed now", b->path);
}
