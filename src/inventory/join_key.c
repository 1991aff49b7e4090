/*
 * Step 1 of the join for what VM managers say: all rows of one provider, user and key
 * are one guest.  Which one it is is told by the hardware addresses of its NICs,
 * then by the key, the process that runs it, an address, and last by its name.
 * A guest that the same provider tells of under another key in the same pass is
 * another one, whatever else they share: hardware addresses can be copied, and
 * names chosen.  A key that is told no more was given up, by a renaming or a restart.
 */
#include "config.h"

#include "inventory/guest_row.h"
#include "inventory/join.h"
#include "inventory/manager.h"

#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "xmalloc.h"

/* Above people's ids some systems have those of services. */
enum { SERVICES_FROM = 60000, SERVICES_TO = 65533 };

/* Rows of one key, in a row of pointers. */
struct group {
	const struct sighting	**rows;
	size_t			  n;
};

/* An address that a row tells of. */
struct told_addr {
	struct addr		 addr;
	const struct sighting	*row;
};

/* What one pass knows of keys. */
struct pass {
	struct join		 *join;
	const struct sighting	**order;	/* rows with a key, sorted by it */
	size_t			  n;
	struct key_holder	 *holders;	/* nodes by key, as they were before the pass */
	size_t			  nholders;
	const struct sighting	 *all;
	struct told_addr	 *addrs;	/* of rows with a key, sorted */
	size_t			  naddrs;
	struct node		**of;
	uint64_t		  now;
};

int
sighting_compare_key(const struct sighting *x, const struct sighting *y)
{
	int c = strcmp(x->key, y->key);

	if (c == 0)
		c = strcmp(x->provider, y->provider);
	return c != 0 ? c : strcmp(x->user, y->user);
}

static int
row_compare(const void *a, const void *b)
{
	const struct sighting *const *x = a, *const *y = b;
	const int c = sighting_compare_key(*x, *y);

	return c != 0 ? c : (*x > *y) - (*x < *y);
}

/* Of the same provider and user. */
static bool
is_beside(const struct node_key *k, const struct sighting *s)
{
	return strcmp(k->provider, s->provider) == 0 && strcmp(k->user, s->user) == 0;
}

static bool
node_has_key(const struct node *n, const struct sighting *s)
{
	for (uint32_t i = 0; i < n->nkeys; i++) {
		if (strcmp(n->keys[i].key, s->key) == 0 && is_beside(&n->keys[i], s))
			return true;
	}
	return false;
}

/* A provider has one key for a guest; a renamed guest has a new one. */
static void
node_take_key(struct node *n, const struct sighting *s)
{
	struct node_key *k = NULL;

	for (uint32_t i = 0; i < n->nkeys && k == NULL; i++) {
		if (is_beside(&n->keys[i], s))
			k = &n->keys[i];
	}
	if (k == NULL)
		k = &n->keys[n->nkeys < NODE_KEYS ? n->nkeys++ : NODE_KEYS - 1];
	copy_string(k->provider, s->provider, sizeof(k->provider));
	copy_string(k->user, s->user, sizeof(k->user));
	copy_string(k->key, s->key, sizeof(k->key));
}

static void
node_lose_key(struct node *n, const struct sighting *s)
{
	for (uint32_t i = 0; i < n->nkeys; i++) {
		if (strcmp(n->keys[i].key, s->key) == 0 && is_beside(&n->keys[i], s)) {
			n->keys[i] = n->keys[--n->nkeys];
			return;
		}
	}
}

/* ---- nodes by key ---- */

struct key_holder {
	const struct node_key	*key;
	struct node		*node;
};

static int
holder_compare(const void *a, const void *b)
{
	const struct key_holder *x = a, *y = b;
	int c = strcmp(x->key->key, y->key->key);

	if (c == 0)
		c = strcmp(x->key->provider, y->key->provider);
	return c != 0 ? c : strcmp(x->key->user, y->key->user);
}

static struct key_holder *
holders_make(const struct join *j, size_t *n)
{
	struct key_holder *all = xcalloc(j->n * NODE_KEYS + 1, sizeof(*all));

	*n = 0;
	for (size_t i = 0; i < j->n; i++) {
		for (uint32_t k = 0; k < j->nodes[i]->nkeys; k++)
			all[(*n)++] = (struct key_holder){ &j->nodes[i]->keys[k], j->nodes[i] };
	}
	qsort(all, *n, sizeof(*all), holder_compare);
	return all;
}

static struct node *
holder_find(const struct key_holder *all, size_t n, const struct sighting *s)
{
	struct node_key want;
	const struct key_holder key = { &want, NULL }, *hit;

	copy_string(want.provider, s->provider, sizeof(want.provider));
	copy_string(want.user, s->user, sizeof(want.user));
	copy_string(want.key, s->key, sizeof(want.key));
	hit = bsearch(&key, all, n, sizeof(*all), holder_compare);
	/* The key may have been given up since. */
	return hit != NULL && node_has_key(hit->node, s) ? hit->node : NULL;
}

/* ---- which guest ---- */

/* Two halves of one guest: the older one lives on, with the NICs of both. */
static struct node *
node_merge(struct join *j, struct node *a, struct node *b)
{
	struct node *keep = a->g.id < b->g.id ? a : b, *lose = keep == a ? b : a;

	for (uint32_t i = 0; i < lose->g.nnics && keep->g.nnics < GUEST_NICS; i++) {
		if (lose->g.nics[i].has_mac && node_nic(keep, lose->g.nics[i].mac) != NULL)
			continue;
		nic_copy(keep, keep->g.nnics++, lose, i);
	}
	for (uint32_t i = 0; i < lose->g.naddrs && keep->g.naddrs < GUEST_ADDRS; i++) {
		keep->addr_seen[keep->g.naddrs] = lose->addr_seen[i];
		keep->addr_since[keep->g.naddrs] = lose->addr_since[i];
		keep->g.addr_told[keep->g.naddrs] = lose->g.addr_told[i];
		keep->g.addrs[keep->g.naddrs++] = lose->g.addrs[i];
	}
	if (keep->g.pid == 0) {
		keep->g.pid = lose->g.pid;
		keep->g.uid = lose->g.uid;
	}
	if (lose->g.last_seen > keep->g.last_seen)
		keep->g.last_seen = lose->g.last_seen;
	lose->gone = true;
	lose->into = keep;
	if (j->merged != NULL)
		j->merged(keep->g.id, lose->g.id, j->arg);
	return keep;
}

/* Whether the provider tells of that key in this pass. */
static bool
key_is_told(const struct pass *p, const struct node_key *k)
{
	struct sighting want;
	const struct sighting *key = &want;
	size_t low = 0, high = p->n;

	copy_string(want.provider, k->provider, sizeof(want.provider));
	copy_string(want.user, k->user, sizeof(want.user));
	copy_string(want.key, k->key, sizeof(want.key));
	while (low < high) {
		const size_t mid = low + (high - low) / 2;
		const int c = sighting_compare_key(key, p->order[mid]);

		if (c == 0)
			return true;
		if (c < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return false;
}

/* A VM manager that we know runs its VMs itself; a provider of the operator's own may
 * tell of another's. */
static bool
runs_guests(const char *provider)
{
	for (size_t i = 0; provider_is_manager(provider) && managers_here[i] != NULL; i++) {
		if (strcmp(managers_here[i]->name, provider) == 0)
			return true;
	}
	return false;
}

/* What a process says of a guest that a manager runs counts if it is of that manager's
 * user, or of no person: any other may claim anything, to have the guest stopped or to
 * hide where it is. */
static bool
may_speak(const struct node *n, const struct sighting *s)
{
	return provider_is_manager(s->provider) || n->g.manager[0] == '\0' ||
	    (n->has_owner && n->owner == s->uid) ||
	    s->uid < host_first_uid() || (s->uid >= SERVICES_FROM && s->uid < SERVICES_TO);
}

/* Another guest: the provider has another key for it, or another manager runs it, or the
 * same one as another user.  Hardware addresses can be copied, and some managers tell
 * those that a guest says it has. */
static bool
is_anothers(const struct pass *p, const struct node *n, const struct sighting *s)
{
	const bool runs = runs_guests(s->provider);

	if (!may_speak(n, s))
		return true;
	for (uint32_t i = 0; i < n->nkeys; i++) {
		const struct node_key *k = &n->keys[i];
		const bool same = is_beside(k, s);

		if ((same ? strcmp(k->key, s->key) != 0 : runs && runs_guests(k->provider)) &&
		    key_is_told(p, k))
			return true;
	}
	return false;
}

/* Some provider tells of both. */
static bool
are_two(const struct pass *p, const struct node *a, const struct node *b)
{
	struct sighting s;

	for (uint32_t i = 0; i < b->nkeys; i++) {
		copy_string(s.provider, b->keys[i].provider, sizeof(s.provider));
		copy_string(s.user, b->keys[i].user, sizeof(s.user));
		copy_string(s.key, b->keys[i].key, sizeof(s.key));
		s.uid = b->g.uid;
		if (key_is_told(p, &b->keys[i]) && is_anothers(p, a, &s))
			return true;
	}
	return false;
}

/* Anybody may run a process that claims the NICs of two guests. */
static bool
may_merge(const struct sighting *s)
{
	return provider_is_manager(s->provider);
}

static struct node *
find_by_nics(const struct pass *p, const struct group *g)
{
	struct node *node = NULL, *other;

	for (size_t i = 0; i < g->n; i++) {
		if (!g->rows[i]->has_mac || (other = mac_holder(p->join, g->rows[i]->mac)) == NULL ||
		    other == node || is_anothers(p, other, g->rows[0]))
			continue;
		if (node == NULL)
			node = other;
		else if (may_merge(g->rows[0]) && !are_two(p, node, other))
			node = node_merge(p->join, node, other);
	}
	return node;
}

static struct node *
find_by_pid(const struct pass *p, const struct sighting *s)
{
	for (size_t i = 0; s->pid != 0 && i < p->join->n; i++) {
		struct node *n = p->join->nodes[i];

		if (n->g.pid == s->pid && !n->gone && n->listed && !is_anothers(p, n, s))
			return n;
	}
	return NULL;
}

static int
told_compare(const void *a, const void *b)
{
	const struct told_addr *x = a, *y = b;

	return addr_compare(&x->addr, &y->addr);
}

static void
told_collect(struct pass *p)
{
	p->addrs = xcalloc(p->n * GUEST_ADDRS + 1, sizeof(*p->addrs));
	for (size_t i = 0; i < p->n; i++) {
		for (uint32_t a = 0; a < p->order[i]->naddrs && !p->order[i]->hint; a++)
			p->addrs[p->naddrs++] = (struct told_addr){ p->order[i]->addrs[a], p->order[i] };
	}
	qsort(p->addrs, p->naddrs, sizeof(*p->addrs), told_compare);
}

/* The same provider tells of it for another guest too: which one has it, a guest that
 * lies about itself must not decide. */
static bool
is_disputed(const struct pass *p, const struct addr *a, const struct sighting *s)
{
	size_t low = 0, high = p->naddrs;

	while (low < high) {
		const size_t mid = low + (high - low) / 2;

		if (addr_compare(&p->addrs[mid].addr, a) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low < p->naddrs && addr_compare(&p->addrs[low].addr, a) == 0; low++) {
		const struct sighting *other = p->addrs[low].row;

		if (strcmp(other->provider, s->provider) == 0 && sighting_compare_key(other, s) != 0)
			return true;
	}
	return false;
}

static struct node *
find_by_addr(const struct pass *p, const struct group *g)
{
	for (size_t i = 0; i < g->n; i++) {
		for (uint32_t a = 0; a < g->rows[i]->naddrs; a++) {
			struct node *n = join_by_addr(p->join, &g->rows[i]->addrs[a]);

			/* Whose hardware address is another is another. */
			if (n != NULL && !n->gone && !is_anothers(p, n, g->rows[i]) &&
			    !(g->rows[i]->has_mac && n->g.has_mac) &&
			    !is_disputed(p, &g->rows[i]->addrs[a], g->rows[i]))
				return n;
		}
	}
	return NULL;
}

/* Another than except. Not by a name that the guest may have chosen, and of two users'
 * VMs not the other's. */
static struct node *
find_by_name(const struct pass *p, const struct sighting *s, const struct node *except)
{
	struct node *hit = NULL;

	for (size_t i = 0; s->name[0] != '\0' && i < p->join->n; i++) {
		struct node *n = p->join->nodes[i];

		if (n == except || n->gone || n->g.kind != s->kind || strcmp(n->wanted, s->name) != 0 ||
		    name_is_guests(n) || (s->uid != 0 && n->g.uid != 0 && s->uid != n->g.uid) ||
		    is_anothers(p, n, s))
			continue;
		if (hit != NULL)
			return NULL;
		hit = n;
	}
	return hit;
}

/* Only processes told of it, without a hardware address. */
static bool
is_process_alone(const struct node *n)
{
	return n->g.manager[0] == '\0' && n->nkeys > 0 && (n->g.nnics == 0 || !n->g.nics[0].has_mac);
}

/* UTM's key for a VM stands among the arguments of the process that runs it. */
static struct node *
find_by_uuid(const struct pass *p, const struct sighting *s, const struct node *except)
{
	for (size_t i = 0; guest_is_uuid(s->key, strlen(s->key)) && i < p->join->n; i++) {
		struct node *n = p->join->nodes[i];

		if (n == except || n->gone || (s->uid != 0 && n->g.uid != 0 && s->uid != n->g.uid))
			continue;
		for (uint32_t k = 0; k < n->nkeys; k++) {
			if (strcmp(n->keys[k].key, s->key) == 0 && !is_beside(&n->keys[k], s) &&
			    !is_anothers(p, n, s))
				return n;
		}
	}
	return NULL;
}

static struct node *
group_node(const struct pass *p, const struct group *g)
{
	const struct sighting *first = g->rows[0];
	struct node *node = find_by_nics(p, g), *other = holder_find(p->holders, p->nholders, first);

	if (other != NULL && other->gone)
		other = NULL;
	/* It had the key before its manager told of it. */
	if (other != NULL && !may_speak(other, first)) {
		node_lose_key(other, first);
		other = NULL;
	}
	/* A process stays who it is, whatever it says later. */
	if (node == NULL || (other != NULL && !may_merge(first)))
		node = other;
	/* Its hardware address was heard before its manager told of it. */
	else if (other != NULL && node != other && !are_two(p, node, other))
		node = node_merge(p->join, node, other);
	if ((other = find_by_uuid(p, first, node)) != NULL && node == NULL)
		node = other;
	else if (other != NULL && may_merge(first) && !are_two(p, node, other))
		node = node_merge(p->join, node, other);
	/* And its process before that. */
	if (node != NULL && may_merge(first) &&
	    (other = find_by_name(p, first, node)) != NULL && is_process_alone(other) &&
	    !are_two(p, node, other))
		node = node_merge(p->join, node, other);
	/* Or its address, which its manager tells once it runs. */
	if (node != NULL && may_merge(first) && !node_has_mac(node) && (other = find_by_addr(p, g)) != NULL &&
	    other != node && other->nkeys == 0 && !are_two(p, node, other))
		node = node_merge(p->join, node, other);
	if (node == NULL)
		node = find_by_pid(p, first);
	if (node == NULL)
		node = find_by_addr(p, g);
	if (node == NULL)
		node = find_by_name(p, first, NULL);
	if (node == NULL && !first->hint)
		node = node_new(p->join, first, p->now);
	return node;
}

static void
group_find(const struct pass *p, const struct group *g)
{
	const struct sighting *first = g->rows[0];
	struct node *node = group_node(p, g);

	if (node == NULL)
		return;
	node_take_key(node, first);
	if (!first->hint && provider_is_manager(first->provider) &&
	    (!first->stale || node->g.manager[0] == '\0')) {
		copy_string(node->g.manager, first->provider, sizeof(node->g.manager));
		copy_string(node->g.user, first->user, sizeof(node->g.user));
		copy_string(node->g.key, first->key, sizeof(node->g.key));
		node->has_owner = first->user[0] != '\0';
		node->owner = first->uid;
	}
	node->listed |= !first->hint;
	if (!provider_is_manager(first->provider) && node->g.manager[0] == '\0')
		node->process_seen = p->now;
	if (first->pid != 0) {
		/* Started anew, it may be elsewhere. */
		for (uint32_t i = 0; node->before.pid != 0 && node->before.pid != first->pid &&
		    i < node->g.nnics; i++)
			nic_moved(node, &node->g.nics[i], p->now);
		node->g.pid = first->pid;
		node->g.uid = node->g.kind == GUEST_UID ? node->g.uid : first->uid;
	}
	for (size_t i = 0; i < g->n; i++) {
		p->of[g->rows[i] - p->all] = node;
		if (!g->rows[i]->has_mac)
			continue;
		/* Whose it is its manager says, whatever a process said first. */
		if (may_merge(first) && !first->hint && node_nic(node, g->rows[i]->mac) == NULL)
			nic_release(p->join, g->rows[i]->mac);
		nic_claim(p->join, node, g->rows[i], p->now);
	}
}

void
keys_find(struct join *j, const struct sighting *s, size_t n, struct node **of, uint64_t now)
{
	struct pass p = { .join = j, .order = xcalloc(n + 1, sizeof(struct sighting *)), .all = s,
		.of = of, .now = now };
	size_t to;

	for (size_t i = 0; i < n; i++) {
		if (s[i].key[0] != '\0')
			p.order[p.n++] = &s[i];
	}
	for (size_t i = 0; i < j->n; i++)
		j->nodes[i]->g.pid = 0;
	qsort(p.order, p.n, sizeof(struct sighting *), row_compare);
	p.holders = holders_make(j, &p.nholders);
	told_collect(&p);
	for (size_t from = 0; from < p.n; from = to) {
		for (to = from + 1; to < p.n && sighting_compare_key(p.order[to], p.order[from]) == 0; to++)
			continue;
		group_find(&p, &(struct group){ p.order + from, to - from });
	}
	/* Whom a later group has taken in. */
	for (size_t i = 0; i < n; i++) {
		while (of[i] != NULL && of[i]->gone)
			of[i] = of[i]->into;
	}
	free(p.addrs);
	free(p.holders);
	free(p.order);
}
