#include "config.h"

#include "firewall/frozen.h"

#include <string.h>

#include "addr.h"
#include "xmalloc.h"

bool
frozen_is_nobody(const struct fw_guest *g)
{
	return g->naddrs == 0 && !g->has_mac && g->port[0] == '\0';
}

/* Whether the two name something in common: then they are one guest. */
static bool
guest_overlaps(const struct fw_guest *a, const struct fw_guest *b)
{
	if (a->has_mac && b->has_mac && memcmp(a->mac, b->mac, sizeof(a->mac)) == 0)
		return true;
	if (a->port[0] != '\0' && strcmp(a->port, b->port) == 0)
		return true;
	for (uint32_t i = 0; i < a->naddrs; i++) {
		for (uint32_t k = 0; k < b->naddrs; k++) {
			if (addr_equal(&a->addrs[i], &b->addrs[k]))
				return true;
		}
	}
	return false;
}

static void
frozen_thaw(struct frozen_set *f, const struct fw_guest *guest)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < f->n; i++) {
		if (!guest_overlaps(&f->guest[i], guest))
			f->guest[kept++] = f->guest[i];
	}
	f->n = kept;
}

static char *
frozen_add(struct frozen_set *f, const struct fw_guest *guest)
{
	frozen_thaw(f, guest);
	if (f->n == FW_FROZEN_MAX)
		return xasprintf("%d guests are frozen already: freeze all instead", FW_FROZEN_MAX);
	f->guest[f->n++] = *guest;
	return NULL;
}

char *
frozen_set(struct frozen_set *f, const struct fw_guest *guest, bool on)
{
	if (guest == NULL) {
		f->all = on;
		if (!on)
			f->n = 0;
		return NULL;
	}
	if (frozen_is_nobody(guest))
		return xstrdup("neither a hardware address nor an address or a port of the guest is known");
	if (on)
		return frozen_add(f, guest);
	frozen_thaw(f, guest);
	return NULL;
}
