/*
 * Whose hardware addresses the addresses of guests are used with.  priv is told of those
 * that something is open to beyond the proxy, whole whenever it is other than before, so that
 * who takes such an address gets nothing of it.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "log.h"
#include "xmalloc.h"

struct senders {
	size_t			 n;
	struct fw_sender	*all;
};

static void
send_list(struct engine *e, const struct senders *s)
{
	struct msg_fw_senders *m = xcalloc(1, sizeof(*m));
	size_t at = 0;

	do {
		memset(m, 0, sizeof(*m));
		m->first = at == 0;
		for (; at < s->n && m->n < FRAME_SENDERS_MAX; at++)
			m->sender[m->n++] = s->all[at];
		m->last = at == s->n;
		if (e->priv != NULL && !msg_send(e->priv, FRAME_FW_SENDERS, m, -1))
			log_warnx("the list of guests' hardware addresses could not be sent");
	} while (at < s->n);
	free(m);
}

static int
compare_addr(const void *a, const void *b)
{
	return addr_compare(a, b);
}

/* With each address of the guest that something is open to, and that is no other's. */
static void
collect(struct engine *e, struct senders *s, const struct addr *open, size_t nopen,
    const struct guest *g, const uint8_t mac[6])
{
	for (uint32_t i = 0; i < g->naddrs && s->n < FW_SENDERS_MAX; i++) {
		struct fw_sender *x = &s->all[s->n];

		if (bsearch(&g->addrs[i], open, nopen, sizeof(*open), compare_addr) == NULL ||
		    inventory_by_addr(e->inventory, &g->addrs[i]) != g)
			continue;
		memset(x, 0, sizeof(*x));
		x->addr = g->addrs[i];
		memcpy(x->mac, mac, sizeof(x->mac));
		s->n++;
	}
}

void
senders_judge(struct engine *e)
{
	struct senders *was = e->senders, *now = xcalloc(1, sizeof(*now));
	const size_t max = FW_PINS_MAX + FW_RANGES_MAX, n = inventory_macs(e->inventory);
	struct addr *open = xcalloc(max, sizeof(*open));
	const struct guest *g;
	uint8_t mac[6];
	size_t nopen = 0;

	/* Where all guests have the same nobody gains by an address of another. */
	if (allow_image_scopes(e->policy.image)) {
		nopen = pinned_sources(e, open, max);
		nopen += addresses_sources(e, open + nopen, max - nopen);
	}
	qsort(open, nopen, sizeof(*open), compare_addr);
	now->all = xcalloc(FW_SENDERS_MAX, sizeof(*now->all));
	for (size_t i = 0; nopen > 0 && i < n; i++) {
		g = inventory_mac(e->inventory, i, mac);
		collect(e, now, open, nopen, g, mac);
	}
	free(open);
	now->all = xreallocarray(now->all, now->n + 1, sizeof(*now->all));
	if (now->n == (was != NULL ? was->n : 0) &&
	    (was == NULL || memcmp(now->all, was->all, now->n * sizeof(*now->all)) == 0)) {
		free(now->all);
		free(now);
		return;
	}
	send_list(e, now);
	senders_free(e);
	e->senders = now;
}

void
senders_free(struct engine *e)
{
	if (e->senders != NULL)
		free(e->senders->all);
	free(e->senders);
	e->senders = NULL;
}
