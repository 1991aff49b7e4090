/*
 * The join.  A pass takes all sightings of all providers at once:
 *
 *   1. each sighting finds its guest: those of VM managers by key (join_key.c),
 *      others by hardware address, else (uids) by uid, else by address or
 *      name; one that is no hint makes a new guest
 *   2. addresses go to who was heard with them last: an address has one
 *      holder, and a guest keeps its own until another is heard with it
 *   3. names: the best claim wins (a lease over libvirt, a hardware address
 *      over an address), then they are made unique
 *   4. states, and who is gone
 *
 * Ids are never reused, so counters and history follow a guest through a new
 * address, a new name and a move to another port.
 */
#include "config.h"

#include "inventory/join.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firewall/firewall.h"
#include "inventory/provider.h"
#include "xmalloc.h"

static const uint64_t second = 1000000;

static int
holding_compare(const void *a, const void *b)
{
	const struct holding *x = a, *y = b;
	const int c = addr_compare(&x->addr, &y->addr);

	if (c != 0)
		return c;
	if (x->weight != y->weight)
		return x->weight < y->weight ? -1 : 1;
	if (x->seen != y->seen)
		return x->seen > y->seen ? -1 : 1;
	if (x->node == NULL || y->node == NULL)
		return (x->node != NULL) - (y->node != NULL);
	return (x->node->g.id > y->node->g.id) - (x->node->g.id < y->node->g.id);
}

static int
mac_compare(const void *a, const void *b)
{
	const struct mac_holder *x = a, *y = b;
	const int c = memcmp(x->mac, y->mac, sizeof(x->mac));

	/* Of two that say they have it the older is found. */
	return c != 0 ? c : (x->node->g.id > y->node->g.id) - (x->node->g.id < y->node->g.id);
}

static int
sighting_compare(const void *a, const void *b)
{
	const struct sighting *const *x = a, *const *y = b;
	const int c = memcmp((*x)->mac, (*y)->mac, sizeof((*x)->mac));

	return c != 0 ? c : (*x > *y) - (*x < *y);
}

/* Where it is in the index, or would be. */
static size_t
mac_place(const struct join *j, const uint8_t mac[6])
{
	size_t low = 0, high = j->nmac, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (memcmp(mac, j->by_mac[mid].mac, 6) <= 0)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

static bool
mac_is_at(const struct join *j, size_t at, const uint8_t mac[6])
{
	return at < j->nmac && memcmp(mac, j->by_mac[at].mac, 6) == 0;
}

struct node *
join_by_mac(const struct join *j, const uint8_t mac[6])
{
	const size_t at = mac_place(j, mac);

	return mac_is_at(j, at, mac) ? j->by_mac[at].node : NULL;
}

static size_t
addr_place(const struct join *j, const struct addr *a)
{
	size_t low = 0, high = j->naddr, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (addr_compare(a, &j->by_addr[mid].addr) <= 0)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

const struct holding *
join_holding(const struct join *j, const struct addr *a)
{
	const size_t at = addr_place(j, a);

	return at < j->naddr && addr_equal(&j->by_addr[at].addr, a) ? &j->by_addr[at] : NULL;
}

struct node *
join_by_addr(const struct join *j, const struct addr *a)
{
	const struct holding *h = join_holding(j, a);

	return h != NULL ? h->node : NULL;
}

void
join_free(struct join *j)
{
	for (size_t i = 0; i < j->n; i++)
		free(j->nodes[i]);
	free(j->nodes);
	free(j->by_mac);
	free(j->others);
	free(j->by_addr);
}

struct node *
node_new(struct join *j, const struct sighting *s, uint64_t now)
{
	struct node *n = xcalloc(1, sizeof(*n));

	if (j->n == j->size) {
		j->size = j->size != 0 ? j->size * 2 : 16;
		j->nodes = xreallocarray(j->nodes, j->size, sizeof(struct node *));
	}
	n->g.id = ++j->last_id;
	n->g.kind = s->kind;
	n->g.uid = s->uid;
	/* A hardware address is one guest's. */
	if (s->has_mac && join_by_mac(j, s->mac) == NULL) {
		n->g.nics[0].has_mac = true;
		memcpy(n->g.nics[0].mac, s->mac, sizeof(s->mac));
		n->nic_seen[0] = now;
		n->g.nnics = 1;
		index_mac(j, n, s->mac);
	}
	n->g.first_seen = now;
	j->nodes[j->n++] = n;
	return n;
}

bool
sighting_is_place(const struct sighting *s)
{
	return !s->has_mac && s->naddrs == 0 && s->name[0] == '\0' && s->key[0] == '\0' &&
	    s->kind == GUEST_VM;
}

/* The guest of a sighting without hardware address, or NULL. */
static struct node *
node_find(const struct join *j, const struct sighting *s)
{
	struct node *n = NULL;

	for (uint32_t i = 0; s->kind == GUEST_VM && n == NULL && i < s->naddrs; i++)
		n = join_by_addr(j, &s->addrs[i]);
	for (size_t i = 0; n == NULL && i < j->n; i++) {
		const struct node *k = j->nodes[i];

		if (k->g.kind != s->kind)
			continue;
		if (s->kind == GUEST_UID ? k->g.uid == s->uid :
		    s->naddrs == 0 && strcmp(k->wanted, s->name) == 0)
			n = j->nodes[i];
	}
	return n;
}

/* Where a NIC was heard; without hardware address it is the first. */
static void
nic_place(struct node *n, const struct sighting *s, uint64_t now)
{
	struct guest_nic *nic = s->has_mac ? node_nic(n, s->mac) : &n->g.nics[0];
	size_t i;

	if (nic == NULL)
		return;
	if (n->g.nnics == 0)
		n->g.nnics = 1;
	i = (size_t)(nic - n->g.nics);
	if ((n->placed[i] && s->age > n->place_age[i]) ||
	    now - (uint64_t)s->age * second <= n->nic_since[i])
		return;
	/* A neighbour knows the bridge, a forwarding row the port as well. */
	if (s->port[0] != '\0' || strcmp(nic->bridge, s->bridge) != 0)
		copy_string(nic->port, s->port, sizeof(nic->port));
	copy_string(nic->bridge, s->bridge, sizeof(nic->bridge));
	nic->heard = true;
	if (s->port[0] != '\0') {
		n->placed[i] = true;
		n->place_age[i] = s->age;
	}
}

static void
node_see(struct node *n, const struct sighting *s, uint64_t now)
{
	const uint64_t age = (uint64_t)s->age * second;

	if (s->bridge[0] != '\0')
		nic_place(n, s, now);
	n->seen |= !s->hint;
	/* A lease is old or new whether its guest runs or not. */
	if (s->hint && s->bridge[0] == '\0')
		return;
	/* That it was stopped when its manager last answered is no news, and a process
	 * that runs it is. */
	n->runs |= s->pid != 0 && s->state == GUEST_RUNNING && !s->stale;
	if (s->state != GUEST_UNKNOWN && !s->stale)
		n->told = s->state;
	n->listed |= s->key[0] != '\0' && !s->hint;
	if (s->state != GUEST_STOPPED && age < now && now - age > n->g.last_seen)
		n->g.last_seen = now - age;
}

/* Step 1, for sightings with a hardware address: each run of the same one. */
static void
find_by_mac(struct join *j, const struct sighting *s, size_t n, struct node **of, uint64_t now)
{
	const struct sighting **order = xcalloc(n + 1, sizeof(struct sighting *));
	struct node *node;
	size_t m = 0, to;

	for (size_t i = 0; i < n; i++) {
		if (s[i].has_mac)
			order[m++] = &s[i];
	}
	qsort(order, m, sizeof(struct sighting *), sighting_compare);
	for (size_t from = 0; from < m; from = to) {
		node = join_by_mac(j, order[from]->mac);
		for (to = from; to < m && memcmp(order[to]->mac, order[from]->mac, 6) == 0; to++) {
			if (node == NULL && !order[to]->hint && of[order[to] - s] == NULL)
				node = node_new(j, order[to], now);
		}
		for (size_t i = from; node != NULL && i < to; i++) {
			if (of[order[i] - s] == NULL)
				of[order[i] - s] = node;
		}
	}
	free(order);
}

/* What a lease or a VM manager says was so some time ago, or is what the guest says. */
static bool
is_first_hand(const struct sighting *s)
{
	return !s->hint && s->key[0] == '\0';
}

/* Steps 1, and 2 without its end: every claim on an address. */
static size_t
claims_collect(struct join *j, const struct sighting *s, size_t n, struct node **of,
    struct holding *claims, uint64_t now)
{
	size_t m = 0;

	for (size_t i = 0; i < j->n; i++) {
		struct node *k = j->nodes[i];

		for (uint32_t a = 0; a < k->g.naddrs; a++) {
			if (now < k->addr_seen[a] ||
			    now - k->addr_seen[a] <= GUEST_KEEP * second)
				claims[m++] = (struct holding){ k->g.addrs[a], k,
					k->addr_seen[a], k->addr_since[a], 1 };
		}
	}
	for (size_t i = 0; i < n; i++) {
		const uint64_t age = (uint64_t)s[i].age * second;

		const bool heard = s[i].bridge[0] != '\0';

		if (of[i] != NULL && s[i].key[0] != '\0' && !s[i].hint && !s[i].stale)
			of[i]->tells_addrs |= s[i].naddrs > 0;
		/* Who is heard without being a guest takes the address from whoever
		 * had it: it is not that guest who uses it now. */
		for (uint32_t a = 0; a < s[i].naddrs && a < GUEST_ADDRS; a++) {
			if (of[i] != NULL || heard)
				claims[m++] = (struct holding){ s[i].addrs[a], of[i],
					age < now ? now - age : 0, now,
					heard || is_first_hand(&s[i]) ? 0 : 2,
					s[i].key[0] != '\0' && !s[i].hint && !s[i].stale };
		}
	}
	return m;
}

/* Addresses arrive sorted, so they stand sorted: IPv4 first, link-local last.
 * A full guest loses the one not seen for longest. */
static void
address_take(struct node *n, uint32_t i)
{
	for (n->g.naddrs--; i < n->g.naddrs; i++) {
		n->g.addrs[i] = n->g.addrs[i + 1];
		n->g.addr_told[i] = n->g.addr_told[i + 1];
		n->addr_seen[i] = n->addr_seen[i + 1];
		n->addr_since[i] = n->addr_since[i + 1];
	}
	memset(&n->g.addrs[n->g.naddrs], 0, sizeof(n->g.addrs[0]));
	n->g.addr_told[n->g.naddrs] = false;
}

static void
address_give(struct node *n, const struct holding *h)
{
	uint32_t oldest = 0;

	if (n->g.naddrs == GUEST_ADDRS) {
		for (uint32_t i = 1; i < GUEST_ADDRS; i++) {
			if (n->addr_seen[i] < n->addr_seen[oldest])
				oldest = i;
		}
		if (h->seen <= n->addr_seen[oldest])
			return;
		address_take(n, oldest);
	}
	n->g.addrs[n->g.naddrs] = h->addr;
	n->g.addr_told[n->g.naddrs] = h->told;
	n->addr_since[n->g.naddrs] = h->since;
	n->addr_seen[n->g.naddrs++] = h->seen;
}

static void
index_addresses(struct join *j)
{
	free(j->by_addr);
	j->by_addr = xcalloc(j->n * GUEST_ADDRS + 1, sizeof(*j->by_addr));
	j->naddr = 0;
	for (size_t i = 0; i < j->n; i++) {
		for (uint32_t a = 0; a < j->nodes[i]->g.naddrs; a++)
			j->by_addr[j->naddr++] = (struct holding){ j->nodes[i]->g.addrs[a],
				j->nodes[i], 0, j->nodes[i]->addr_since[a], 0 };
	}
	qsort(j->by_addr, j->naddr, sizeof(*j->by_addr), holding_compare);
}

/* The index's row for the address, a new one if need be. */
static struct holding *
holding_get(struct join *j, const struct addr *a)
{
	const size_t at = addr_place(j, a);

	if (at == j->naddr || !addr_equal(&j->by_addr[at].addr, a)) {
		j->by_addr = xreallocarray(j->by_addr, j->naddr + 1, sizeof(*j->by_addr));
		memmove(&j->by_addr[at + 1], &j->by_addr[at], (j->naddr - at) * sizeof(*j->by_addr));
		j->by_addr[at] = (struct holding){ .addr = *a };
		j->naddr++;
	}
	return &j->by_addr[at];
}

bool
join_hear(struct join *j, const struct addr *a, const uint8_t mac[6], uint64_t now)
{
	struct node *to = join_by_mac(j, mac), *from = join_by_addr(j, a);
	struct holding *h;

	/* One that nobody knows yet is the next pass's to make. */
	if (from == to)
		return false;
	for (uint32_t i = 0; from != NULL && i < from->g.naddrs; i++) {
		if (addr_equal(&from->g.addrs[i], a)) {
			address_take(from, i);
			break;
		}
	}
	h = holding_get(j, a);
	h->node = to;
	h->seen = h->since = now;
	j->heard = true;
	if (to != NULL)
		address_give(to, h);
	return true;
}

void
index_macs(struct join *j)
{
	free(j->by_mac);
	j->by_mac = xcalloc(j->n * GUEST_NICS + j->nothers + 1, sizeof(*j->by_mac));
	j->nmac = 0;
	for (size_t i = 0; i < j->n; i++) {
		const struct guest *g = &j->nodes[i]->g;

		for (uint32_t k = 0; k < g->nnics; k++) {
			if (!g->nics[k].has_mac)
				continue;
			memcpy(j->by_mac[j->nmac].mac, g->nics[k].mac, 6);
			j->by_mac[j->nmac++].node = j->nodes[i];
		}
	}
	qsort(j->by_mac, j->nmac, sizeof(*j->by_mac), mac_compare);
	for (size_t i = 0; i < j->nothers; i++) {
		if (join_by_mac(j, j->others[i].mac) == NULL)
			index_mac(j, j->others[i].node, j->others[i].mac);
	}
}

void
index_mac(struct join *j, struct node *n, const uint8_t mac[6])
{
	const size_t at = mac_place(j, mac);

	if (mac_is_at(j, at, mac)) {
		j->by_mac[at].node = n;
		return;
	}
	j->by_mac = xreallocarray(j->by_mac, j->nmac + 1, sizeof(*j->by_mac));
	memmove(&j->by_mac[at + 1], &j->by_mac[at], (j->nmac - at) * sizeof(*j->by_mac));
	memcpy(j->by_mac[at].mac, mac, 6);
	j->by_mac[at].node = n;
	j->nmac++;
}

/* Of claims on one address the first, unless its manager tells of other addresses now, and
 * another guest's of this one. */
static struct holding *
claim_best(struct holding *claims, size_t n)
{
	struct holding *other = NULL;

	if (claims[0].weight != 1 || !claims[0].node->tells_addrs)
		return &claims[0];
	for (size_t i = 1; i < n; i++) {
		if (claims[i].weight != 2)
			continue;
		if (claims[i].node == claims[0].node)
			return &claims[0];
		if (other == NULL)
			other = &claims[i];
	}
	return other != NULL ? other : &claims[0];
}

static void
addresses_settle(struct join *j, struct holding *claims, size_t m, uint64_t now)
{
	qsort(claims, m, sizeof(*claims), holding_compare);
	for (size_t i = 0; i < j->n; i++) {
		memset(j->nodes[i]->g.addrs, 0, sizeof(j->nodes[i]->g.addrs));
		memset(j->nodes[i]->g.addr_told, 0, sizeof(j->nodes[i]->g.addr_told));
		j->nodes[i]->g.naddrs = 0;
	}
	for (size_t i = 0, to; i < m; i = to) {
		struct holding *best;

		for (to = i + 1; to < m && addr_compare(&claims[to].addr, &claims[i].addr) == 0; to++)
			continue;
		best = claim_best(&claims[i], to - i);
		if (best->node == NULL)
			continue;
		if (best->weight == 2)
			best->seen = now;
		for (size_t k = i; k < to; k++) {
			if (claims[k].node == best->node && claims[k].weight == 1)
				best->since = claims[k].since;
			best->told |= claims[k].node == best->node && claims[k].told;
		}
		address_give(best->node, best);
	}
	index_addresses(j);
}

static bool
is_gone(const struct node *n, uint64_t now)
{
	if (n->g.kind == GUEST_UID)
		return !n->seen;
	return n->g.state == GUEST_STOPPED && !n->listed && now > n->g.last_seen &&
	    now - n->g.last_seen > GUEST_KEEP * second;
}

/* Removes what the callback says; keeps the order. */
static bool
nodes_remove(struct join *j, bool (*remove)(const struct node *, const void *), const void *arg)
{
	size_t kept = 0;
	bool any;

	for (size_t i = 0; i < j->n; i++) {
		if (remove(j->nodes[i], arg))
			free(j->nodes[i]);
		else
			j->nodes[kept++] = j->nodes[i];
	}
	any = kept != j->n;
	j->n = kept;
	return any;
}

static bool
remove_merged(const struct node *n, const void *unused)
{
	return n->gone;
}

static bool
remove_gone(const struct node *n, const void *now)
{
	return is_gone(n, *(const uint64_t *)now);
}

static int
recent_compare(const void *a, const void *b)
{
	const struct node *const *x = a, *const *y = b;

	if (((*x)->g.kind == GUEST_UID) != ((*y)->g.kind == GUEST_UID))
		return (*x)->g.kind == GUEST_UID ? -1 : 1;
	if ((*x)->g.last_seen != (*y)->g.last_seen)
		return (*x)->g.last_seen > (*y)->g.last_seen ? -1 : 1;
	return ((*x)->g.id > (*y)->g.id) - ((*x)->g.id < (*y)->g.id);
}

static int
id_compare(const void *a, const void *b)
{
	const struct node *const *x = a, *const *y = b;

	return ((*x)->g.id > (*y)->g.id) - ((*x)->g.id < (*y)->g.id);
}

/* Those of one VM manager and user together; in each the most recent first. */
static int
source_compare(const void *a, const void *b)
{
	const struct node *const *x = a, *const *y = b;
	int c = strcmp((*x)->g.manager, (*y)->g.manager);

	if (c == 0)
		c = strcmp((*x)->g.user, (*y)->g.user);
	return c != 0 ? c : recent_compare(a, b);
}

static int
share_compare(const void *a, const void *b)
{
	const struct node *const *x = a, *const *y = b;

	if ((*x)->share != (*y)->share)
		return (*x)->share < (*y)->share ? -1 : 1;
	return recent_compare(a, b);
}

/* Who tells of most guests loses most: a flood of one user's pushes out its own. Of
 * equally recent ones the newest go, so that it does not push out who was there before. */
static bool
nodes_trim(struct join *j)
{
	if (j->n <= GUESTS_MAX)
		return false;
	qsort(j->nodes, j->n, sizeof(struct node *), source_compare);
	for (size_t i = 0; i < j->n; i++) {
		const struct node *before = i > 0 ? j->nodes[i - 1] : NULL;

		j->nodes[i]->share = before != NULL &&
		    strcmp(before->g.manager, j->nodes[i]->g.manager) == 0 &&
		    strcmp(before->g.user, j->nodes[i]->g.user) == 0 ? before->share + 1 : 0;
	}
	qsort(j->nodes, j->n, sizeof(struct node *), share_compare);
	while (j->n > GUESTS_MAX)
		free(j->nodes[--j->n]);
	qsort(j->nodes, j->n, sizeof(struct node *), id_compare);
	return true;
}

/* Ports that a VM manager calls a running guest's own, sorted. */
struct owned_port {
	const char	*port;
	struct node	*node;
};

static int
port_compare(const void *a, const void *b)
{
	const struct owned_port *x = a, *y = b;

	return strcmp(x->port, y->port);
}

static struct owned_port *
ports_collect(const struct join *j, size_t *n)
{
	struct owned_port *ports = xcalloc(j->n * GUEST_NICS + 1, sizeof(*ports));

	*n = 0;
	for (size_t i = 0; i < j->n; i++) {
		struct node *k = j->nodes[i];

		for (uint32_t c = 0; k->listed && k->g.state == GUEST_RUNNING && c < k->g.nnics; c++) {
			if (k->g.nics[c].link_managed)
				ports[(*n)++] = (struct owned_port){ k->g.nics[c].link, k };
		}
	}
	qsort(ports, *n, sizeof(*ports), port_compare);
	return ports;
}

/* It had a row of its own, which ends; hits and addresses go on as the other guest's. */
static void
node_absorb(struct join *j, struct node *to, struct node *from)
{
	for (uint32_t i = 0; i < from->g.naddrs; i++)
		address_give(to, &(struct holding){ from->g.addrs[i], to, from->addr_seen[i],
			from->addr_since[i], 1, false });
	from->gone = true;
	from->into = to;
	if (j->merged != NULL)
		j->merged(to->g.id, from->g.id, j->arg);
}

/* Of what was heard at a port that a manager calls a guest's own, and is nobody's yet or of
 * one that only was heard, which is that guest then. */
static void
others_find(struct join *j, const struct sighting *s, size_t n)
{
	struct owned_port *ports, *hit;
	struct node *from;
	size_t nports;

	free(j->others);
	j->others = xcalloc(n + 1, sizeof(*j->others));
	j->nothers = 0;
	index_macs(j);
	ports = ports_collect(j, &nports);
	for (size_t i = 0; nports > 0 && i < n; i++) {
		const struct owned_port key = { s[i].port, NULL };

		if (!s[i].has_mac || s[i].key[0] != '\0' || s[i].hint || s[i].port[0] == '\0' ||
		    (hit = bsearch(&key, ports, nports, sizeof(*ports), port_compare)) == NULL)
			continue;
		from = join_by_mac(j, s[i].mac);
		if (from == hit->node || (from != NULL && from->nkeys > 0))
			continue;
		if (from != NULL)
			node_absorb(j, hit->node, from);
		memcpy(j->others[j->nothers].mac, s[i].mac, sizeof(s[i].mac));
		j->others[j->nothers++].node = hit->node;
		index_mac(j, hit->node, s[i].mac);
	}
	free(ports);
	if (nodes_remove(j, remove_merged, NULL))
		index_addresses(j);
}

/* Some of them may be gone. */
static void
others_keep(struct join *j, uint32_t *ids)
{
	size_t kept = 0;

	for (size_t i = 0; i < j->nothers; i++) {
		const struct node want = { .g.id = ids[i] }, *key = &want;
		struct node **hit = bsearch(&key, j->nodes, j->n, sizeof(struct node *), id_compare);

		if (hit != NULL) {
			j->others[kept] = j->others[i];
			j->others[kept++].node = *hit;
		}
	}
	j->nothers = kept;
}

/* Anything that a console shows, but the time it was last seen. */
static bool
node_changed(struct node *n)
{
	n->before.last_seen = n->g.last_seen;
	return memcmp(&n->before, &n->g, sizeof(n->g)) != 0;
}

/* A guest that does not run may start elsewhere: where it was says nothing then. */
static void
state_settle(const struct join *j, struct node *n, const struct places *places, uint64_t now)
{
	n->g.state = state_of(j, n, places, now);
	for (uint32_t i = 0; n->g.state == GUEST_STOPPED && i < n->g.nnics; i++)
		nic_moved(n, &n->g.nics[i], now);
}

bool
join_pass(struct join *j, const struct sighting *s, size_t n, uint64_t now)
{
	struct node **of = xcalloc(n + 1, sizeof(struct node *));
	struct holding *claims;
	struct places places;
	uint32_t *ids;		/* of those that others are of */
	bool changed;

	for (size_t i = 0; i < j->n; i++) {
		struct node *k = j->nodes[i];

		memcpy(&k->before, &k->g, sizeof(k->g));
		k->seen = k->listed = k->tells_addrs = false;
		memset(k->placed, 0, sizeof(k->placed));
		k->told = GUEST_UNKNOWN;
		k->runs = false;
		k->rank = 0;
		k->g.stale = k->g.softnet = k->g.more_nics = false;
		memset(k->g.softnet_at, 0, sizeof(k->g.softnet_at));
	}
	keys_find(j, s, n, of, now);
	changed = nodes_remove(j, remove_merged, NULL);
	if (changed)
		index_addresses(j);
	changed |= j->heard;
	j->heard = false;
	others_find(j, s, n);
	index_macs(j);
	find_by_mac(j, s, n, of, now);
	nics_settle(j, s, n, of, now);
	for (size_t i = 0; i < n; i++) {
		if (of[i] == NULL && !s[i].has_mac && !sighting_is_place(&s[i]) && !s[i].hint &&
		    (of[i] = node_find(j, &s[i])) == NULL)
			of[i] = node_new(j, &s[i], now);
		if (of[i] != NULL)
			node_see(of[i], &s[i], now);
	}
	for (size_t i = 0; i < j->n; i++)
		node_sum(j->nodes[i]);
	claims = xcalloc((j->n + n) * GUEST_ADDRS + 1, sizeof(*claims));
	addresses_settle(j, claims, claims_collect(j, s, n, of, claims, now), now);
	for (size_t i = 0; i < n; i++) {
		if (of[i] == NULL && s[i].hint && !s[i].has_mac)
			of[i] = node_find(j, &s[i]);
		if (of[i] != NULL)
			name_claim(of[i], &s[i]);
	}
	places_collect(&places, s, n);
	for (size_t i = 0; i < j->n; i++)
		state_settle(j, j->nodes[i], &places, now);
	ids = xcalloc(j->nothers + 1, sizeof(*ids));
	for (size_t i = 0; i < j->nothers; i++)
		ids[i] = j->others[i].node->g.id;
	changed |= nodes_remove(j, remove_gone, &now);
	changed |= nodes_trim(j);
	others_keep(j, ids);
	free(ids);
	index_addresses(j);
	index_macs(j);
	names_settle(j);
	for (size_t i = 0; i < j->n; i++) {
		if (j->judge != NULL)
			j->judge(&j->nodes[i]->g, j->arg);
	}
	names_judge(j);
	for (size_t i = 0; i < j->n; i++)
		changed |= node_changed(j->nodes[i]);
	free(places.at);
	free(claims);
	free(of);
	return changed;
}

static bool
remove_unguarded(const struct node *n, const void *arg)
{
	const struct conf_names *bridges = arg;

	/* What a VM manager tells of stays, and is judged. */
	return n->g.kind == GUEST_VM && n->g.bridge[0] != '\0' && !n->listed &&
	    !fw_means(bridges, n->g.bridge);
}

bool
join_forget(struct join *j, const struct conf_names *bridges)
{
	if (!nodes_remove(j, remove_unguarded, bridges))
		return false;
	index_addresses(j);
	index_macs(j);
	return true;
}
