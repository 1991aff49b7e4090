/*
 * The join's NICs: what the rows say they are, and those whose hardware address was
 * heard.  What a NIC is, and where, is said anew in each pass: by the guest's VM manager,
 * else by a process, which may be anybody's; what nobody says any more does not hold.
 * A hardware address is one guest's.
 */
#include "config.h"

#include "inventory/join.h"

#include <string.h>

#include "xmalloc.h"

enum { NIC_FRESH = 60 };	/* seconds: one that was heard within is there */

/* Processes tell of a guest, but nobody could start or stop it by them; and whoever
 * may run one may give it any arguments. */
bool
provider_is_manager(const char *provider)
{
	return strcmp(provider, "qemu") != 0 && strcmp(provider, "ps") != 0;
}

struct guest_nic *
node_nic(struct node *n, const uint8_t mac[6])
{
	for (uint32_t i = 0; i < n->g.nnics; i++) {
		if (n->g.nics[i].has_mac && memcmp(n->g.nics[i].mac, mac, 6) == 0)
			return &n->g.nics[i];
	}
	return NULL;
}

bool
node_has_mac(const struct node *n)
{
	for (uint32_t i = 0; i < n->g.nnics; i++) {
		if (n->g.nics[i].has_mac)
			return true;
	}
	return false;
}

/* What was heard of a NIC until now was heard where it is no more. */
void
nic_moved(struct node *n, const struct guest_nic *nic, uint64_t now)
{
	const size_t i = (size_t)(nic - n->g.nics);

	n->g.nics[i].heard = false;
	n->nic_since[i] = now;
}

/* Of a NIC that its manager has spoken of a process's word is not asked. */
static void
nic_say(struct node *n, struct guest_nic *nic, const struct sighting *s)
{
	struct nic_said *said = &n->nic_said[nic - n->g.nics];
	const bool manager = provider_is_manager(s->provider);

	if (said->manager && !manager)
		return;
	said->now |= s->mode != NIC_UNKNOWN || s->source[0] != '\0' || s->link[0] != '\0';
	said->manager |= s->mode != NIC_UNKNOWN && manager;
	if (s->mode != NIC_UNKNOWN)
		nic->mode = s->mode;
	if (s->source[0] != '\0')
		copy_string(nic->source, s->source, sizeof(nic->source));
	if (s->link[0] != '\0') {
		copy_string(nic->link, s->link, sizeof(nic->link));
		nic->link_managed = manager;
	}
}

static struct guest_nic *
nic_new(struct node *n, uint64_t now)
{
	if (n->g.nnics == GUEST_NICS) {
		n->g.more_nics = true;
		return NULL;
	}
	memset(&n->g.nics[n->g.nnics], 0, sizeof(n->g.nics[0]));
	n->nic_seen[n->g.nnics] = now;
	n->nic_since[n->g.nnics] = 0;
	n->nic_listed[n->g.nnics] = n->nic_managed[n->g.nnics] = false;
	n->nic_said[n->g.nnics] = (struct nic_said){ .now = false };
	return &n->g.nics[n->g.nnics++];
}

struct node *
mac_holder(const struct join *j, const uint8_t mac[6])
{
	struct node *n = join_by_mac(j, mac);

	while (n != NULL && n->gone)
		n = n->into;
	return n != NULL && node_nic(n, mac) != NULL ? n : NULL;
}

void
nic_copy(struct node *to, uint32_t at, const struct node *from, uint32_t i)
{
	to->g.nics[at] = from->g.nics[i];
	to->nic_seen[at] = from->nic_seen[i];
	to->nic_since[at] = from->nic_since[i];
	to->nic_said[at] = from->nic_said[i];
	to->nic_listed[at] = from->nic_listed[i];
	to->nic_managed[at] = from->nic_managed[i];
}

void
nic_release(struct join *j, const uint8_t mac[6])
{
	struct node *n = mac_holder(j, mac);
	uint32_t i = n != NULL ? (uint32_t)(node_nic(n, mac) - n->g.nics) : 0;

	if (n == NULL || n->nic_managed[i])
		return;
	for (n->g.nnics--; i < n->g.nnics; i++)
		nic_copy(n, i, n, i + 1);
	memset(&n->g.nics[i], 0, sizeof(n->g.nics[i]));
	index_macs(j);
}

struct guest_nic *
nic_claim(struct join *j, struct node *n, const struct sighting *s, uint64_t now)
{
	struct guest_nic *nic = node_nic(n, s->mac);

	if (nic == NULL && (s->hint || mac_holder(j, s->mac) != NULL))
		return NULL;
	if (nic == NULL && (nic = nic_new(n, now)) == NULL)
		return NULL;
	if (!nic->has_mac) {
		nic->has_mac = true;
		memcpy(nic->mac, s->mac, sizeof(nic->mac));
		index_mac(j, n, s->mac);
	}
	n->nic_seen[nic - n->g.nics] = now;
	return nic;
}

/*
 * Those without hardware address are said anew in each pass.  Others are forgotten
 * where nobody has spoken of them for long, or, of those that the guest's VM manager
 * told of once, where it tells of others now and nobody else of them.
 */
static void
nics_forget(struct node *n, uint64_t now)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < n->g.nnics; i++) {
		const bool old = now > n->nic_seen[i] &&
		    now - n->nic_seen[i] > (uint64_t)GUEST_KEEP * 1000000 && n->g.nnics > 1;
		const bool taken_out = n->tells_nics && n->nic_listed[i] && n->nic_seen[i] != now;
		/* A process may have claimed the NICs of several guests. */
		const bool orphan = kept > 0 && n->nic_listed[i] && !n->nic_managed[i] && !n->listed;

		if (old || taken_out || orphan || (!n->g.nics[i].has_mac && (n->listed || n->nic_said[i].now)))
			continue;
		nic_copy(n, kept++, n, i);
	}
	for (uint32_t i = kept; i < n->g.nnics; i++)
		memset(&n->g.nics[i], 0, sizeof(n->g.nics[i]));
	n->g.nnics = kept;
}

/* Which NICs of known guests there still are. */
static void
nics_keep(struct join *j, const struct sighting *s, size_t n, struct node **of, uint64_t now)
{
	struct guest_nic *nic;

	for (size_t i = 0; i < j->n; i++)
		j->nodes[i]->tells_nics = false;
	for (size_t i = 0; i < n; i++) {
		if (of[i] == NULL || !s[i].has_mac || (nic = node_nic(of[i], s[i].mac)) == NULL)
			continue;
		/* The kernel remembers for long who was there once. */
		if (s[i].key[0] == '\0' && s[i].age > NIC_FRESH)
			continue;
		of[i]->nic_seen[nic - of[i]->g.nics] = now;
		if (s[i].key[0] != '\0' && !s[i].hint && !s[i].stale)
			of[i]->nic_listed[nic - of[i]->g.nics] = of[i]->tells_nics = true;
		if (s[i].key[0] != '\0' && !s[i].hint && provider_is_manager(s[i].provider))
			of[i]->nic_managed[nic - of[i]->g.nics] = true;
	}
	for (size_t i = 0; i < j->n; i++)
		nics_forget(j->nodes[i], now);
}

/* Of which only the way out is known.  Where the guest has one NIC that we know, and
 * its manager tells of one, it is that. */
static void
nic_without_mac(struct node *n, const struct sighting *s, bool only, uint64_t now)
{
	struct guest_nic *nic;

	if (s->mode == NIC_NONE && n->g.nnics > 0)
		return;
	/* No NIC, but a way beside them. */
	if (only && n->g.nnics == 1 && s->mode != NIC_PROXY) {
		nic_say(n, &n->g.nics[0], s);
		return;
	}
	if (s->hint || (s->mode == NIC_UNKNOWN && n->g.nnics > 0))
		return;
	for (uint32_t i = 0; i < n->g.nnics; i++) {
		nic = &n->g.nics[i];
		if (nic->mode == s->mode && strcmp(nic->source, s->source) == 0 && !nic->has_mac &&
		    nic->link[0] == '\0')
			return;		/* another provider's word for it */
	}
	if ((nic = nic_new(n, now)) != NULL)
		nic_say(n, nic, s);
}

/* Rows of one guest stand together in what its manager said. */
static bool
is_only_row(const struct sighting *s, size_t n, size_t i)
{
	return !(i > 0 && sighting_compare_key(&s[i - 1], &s[i]) == 0) &&
	    !(i + 1 < n && sighting_compare_key(&s[i + 1], &s[i]) == 0);
}

void
node_sum(struct node *n)
{
	struct guest *g = &n->g;

	g->has_mac = g->nnics > 0 && g->nics[0].has_mac;
	memcpy(g->mac, g->nics[0].mac, sizeof(g->mac));
	copy_string(g->bridge, g->nics[0].bridge, sizeof(g->bridge));
	copy_string(g->port, g->nics[0].port, sizeof(g->port));
}

/* Before anybody has spoken in this pass. */
static void
nics_open(struct node *n)
{
	for (uint32_t i = 0; i < n->g.nnics; i++) {
		struct guest_nic *nic = &n->g.nics[i];
		struct nic_said *said = &n->nic_said[i];

		said->before = said->now;
		said->now = said->manager = false;
		said->mode = nic->mode;
		memcpy(said->source, nic->source, sizeof(said->source));
		memcpy(said->link, nic->link, sizeof(said->link));
		nic->mode = NIC_UNKNOWN;
		nic->link_managed = false;
		memset(nic->source, 0, sizeof(nic->source));
		memset(nic->link, 0, sizeof(nic->link));
	}
}

/* After all have: what says something else than before is elsewhere. */
static void
nics_close(struct node *n, uint64_t now)
{
	for (uint32_t i = 0; i < n->g.nnics; i++) {
		const struct guest_nic *nic = &n->g.nics[i];
		const struct nic_said *said = &n->nic_said[i];

		if (said->before && said->now && (said->mode != nic->mode ||
		    strcmp(said->source, nic->source) != 0 || strcmp(said->link, nic->link) != 0))
			nic_moved(n, nic, now);
	}
}

/* What one row says, if it has its say in this round. */
static void
row_take(struct join *j, const struct sighting *s, size_t n, size_t i, struct node *node,
    bool macs, uint64_t now)
{
	struct guest_nic *nic = NULL;

	if (s[i].has_mac != macs)
		return;
	/* Heard of a guest that its manager knows, with a hardware address of its own making. */
	if (macs && s[i].key[0] == '\0' && node_nic(node, s[i].mac) == NULL)
		return;
	if (macs && (nic = nic_claim(j, node, &s[i], now)) != NULL) {
		nic_say(node, nic, &s[i]);
		return;
	}
	/* One with the hardware address of another guest is a NIC all the same, if it is all
	 * that is known of this one. */
	if (s[i].key[0] != '\0' && !(macs && node_has_mac(node)))
		nic_without_mac(node, &s[i], !macs && is_only_row(s, n, i), now);
}

void
nics_settle(struct join *j, const struct sighting *s, size_t n, struct node **of, uint64_t now)
{
	nics_keep(j, s, n, of, now);
	for (size_t i = 0; i < j->n; i++)
		nics_open(j->nodes[i]);
	/* Hardware addresses first, for they say which NIC is meant; and managers first. */
	for (unsigned round = 0; round < 4; round++) {
		for (size_t i = 0; i < n; i++) {
			if (of[i] != NULL && provider_is_manager(s[i].provider) == (round % 2 == 0))
				row_take(j, s, n, i, of[i], round < 2, now);
		}
	}
	for (size_t i = 0; i < j->n; i++)
		nics_close(j->nodes[i], now);
	for (size_t i = 0; i < n; i++) {
		if (of[i] == NULL)
			continue;
		of[i]->g.softnet |= s[i].softnet;
		if (s[i].softnet_at[0] != '\0')
			copy_string(of[i]->g.softnet_at, s[i].softnet_at, sizeof(s[i].softnet_at));
		if (s[i].key[0] != '\0')
			of[i]->g.stale |= s[i].stale;
	}
}
