/*
 * Step 3 of the join: what guests are called.  The best claim wins (a lease over
 * libvirt, a hardware address over an address), then names are made unique; who
 * is given none is called by its address.
 */
#include "config.h"

#include "inventory/join.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "inventory/provider.h"
#include "xmalloc.h"

/* How much a claim on a name is worth, by provider. */
static const struct {
	const char	*provider;
	uint8_t		 rank;
} ranks[] = { { "uid", 9 }, { "qemu", 5 }, { "ps", 5 }, { "leases", 2 }, { "dhcpd", 2 },
	{ "libvirt", 1 } };
enum { RANK_BY_MAC = 2, RANK_MANAGER = 8 };

bool
name_is_guests(const struct node *n)
{
	static const char *const leases[] = { "leases", "dhcpd", "libvirt" };

	for (size_t i = 0; i < sizeof(leases) / sizeof(leases[0]); i++) {
		if (strcmp(n->wanted_by, leases[i]) == 0)
			return true;
	}
	return false;
}

void
name_claim(struct node *n, const struct sighting *s)
{
	uint8_t rank = RANK_MANAGER;

	if (s->name[0] == '\0')
		return;
	for (size_t i = 0; i < sizeof(ranks) / sizeof(ranks[0]); i++) {
		if (strcmp(ranks[i].provider, s->provider) == 0)
			rank = ranks[i].rank;
	}
	if (s->has_mac)
		rank += RANK_BY_MAC;
	if (rank <= n->rank)
		return;
	n->rank = rank;
	copy_string(n->wanted, s->name, sizeof(n->wanted));
	copy_string(n->wanted_by, s->provider, sizeof(n->wanted_by));
}

/* Without a claim: the address, never a link-local one, else the MAC.  All of
 * them hold what sighting_name() lets into no name, so they stay unique. */
static void
name_own(struct node *n)
{
	char mac[MAC_TEXT_SIZE], text[ADDR_TEXT_SIZE];
	const struct addr *a = &n->g.addrs[0];
	const bool local = n->g.naddrs == 0 || addr_is_link_local6(a);

	if (!local)
		copy_string(n->g.name, addr_format(a, text), sizeof(n->g.name));
	else if (n->g.has_mac)
		copy_string(n->g.name, mac_format(n->g.mac, mac), sizeof(n->g.name));
	else
		snprintf(n->g.name, sizeof(n->g.name), "guest:%u", (unsigned)n->g.id);
	copy_string(n->g.by, "neighbours", sizeof(n->g.by));
}

/* Names that are given out, in a table that is at most half full. */
struct given {
	struct hash_key	  key;
	const char	**at;
	unsigned	 *next;		/* the number to put behind it for who wants it too */
	size_t		  mask;
};

static size_t
given_place(const struct given *t, const char *name)
{
	size_t i = (size_t)hash_bytes(&t->key, name, strlen(name)) & t->mask;

	while (t->at[i] != NULL && strcmp(t->at[i], name) != 0)
		i = (i + 1) & t->mask;
	return i;
}

enum { SUFFIX = 8 };	/* "-123456" */

/* What it wanted is another's, and it was given this instead. */
static bool
has_number(const struct node *n)
{
	const char *name = n->before.name;
	size_t len = strlen(n->wanted);

	if (len > GH_GUEST_SIZE - SUFFIX)
		len = GH_GUEST_SIZE - SUFFIX;
	return strncmp(name, n->wanted, len) == 0 && name[len] == '-' && name[len + 1] != '\0' &&
	    name[len + 1 + strspn(name + len + 1, "0123456789")] == '\0';
}

/* The wanted name, or with -2, -3, ... behind it: the same for as long as it is there. */
static void
name_unique(struct node *n, struct given *t)
{
	const size_t wanted = given_place(t, n->wanted);
	size_t at = wanted;

	copy_string(n->g.name, n->wanted, sizeof(n->g.name));
	copy_string(n->g.by, n->wanted_by, sizeof(n->g.by));
	if (t->at[at] != NULL && has_number(n)) {
		copy_string(n->g.name, n->before.name, sizeof(n->g.name));
		at = given_place(t, n->g.name);
	}
	while (t->at[at] != NULL) {
		snprintf(n->g.name, sizeof(n->g.name), "%.*s-%u", GH_GUEST_SIZE - SUFFIX,
		    n->wanted, 2 + t->next[wanted]++);
		at = given_place(t, n->g.name);
	}
	t->at[at] = n->g.name;
}

/* A VM that was made anew takes over the name of one that is no more. */
static bool
keeps_name(const struct node *n)
{
	return strcmp(n->before.name, n->wanted) == 0 &&
	    (n->listed || n->g.state == GUEST_RUNNING);
}

/* Who is asked first: uids are ours, then who did not name itself, then who has the name
 * already, then whoever runs, then who came first. */
static int
claim_compare(const void *a, const void *b)
{
	const struct node *const *x = a, *const *y = b;
	const bool has = keeps_name(*x);

	if ((*x)->g.kind != (*y)->g.kind)
		return (*x)->g.kind == GUEST_UID ? -1 : 1;
	if (name_is_guests(*x) != name_is_guests(*y))
		return name_is_guests(*x) ? 1 : -1;
	/* Anybody may run a process of any name. */
	if (provider_is_manager((*x)->wanted_by) != provider_is_manager((*y)->wanted_by))
		return provider_is_manager((*x)->wanted_by) ? -1 : 1;
	if (has != keeps_name(*y))
		return has ? -1 : 1;
	if ((*x)->g.state != (*y)->g.state)
		return (*x)->g.state == GUEST_RUNNING ? -1 : 1;
	return ((*x)->g.id > (*y)->g.id) - ((*x)->g.id < (*y)->g.id);
}

void
names_settle(struct join *j)
{
	struct node **named = xcalloc(j->n + 1, sizeof(struct node *));
	struct given given = { .mask = 1 };
	size_t n = 0;

	for (size_t i = 0; i < j->n; i++) {
		if (j->nodes[i]->wanted[0] != '\0')
			named[n++] = j->nodes[i];
		else
			name_own(j->nodes[i]);
	}
	qsort(named, n, sizeof(struct node *), claim_compare);
	while (given.mask < 2 * n)
		given.mask = 2 * given.mask + 1;
	hash_key_random(&given.key);
	given.at = xcalloc(given.mask + 1, sizeof(*given.at));
	given.next = xcalloc(given.mask + 1, sizeof(*given.next));
	for (size_t i = 0; i < n; i++)
		name_unique(named[i], &given);
	free(given.next);
	free(given.at);
	free(named);
}

enum { BRIDGES_MAX = 64 };
struct bridges {
	const char	*at[BRIDGES_MAX];
	size_t		 n;
	bool		 more;		/* than there is room for */
};

static bool
bridges_have(const struct bridges *b, const char *name)
{
	for (size_t i = 0; i < b->n; i++) {
		if (strcmp(b->at[i], name) == 0)
			return true;
	}
	return false;
}

static void
bridges_add(struct bridges *b, const struct guest *g)
{
	for (uint32_t i = 0; i < g->nnics; i++) {
		const char *name = guest_nic_bridge(&g->nics[i]);

		if (*name == '\0' || bridges_have(b, name))
			continue;
		if (b->n < BRIDGES_MAX)
			b->at[b->n++] = name;
		else
			b->more = true;
	}
}

/* It is at a bridge whose guests a VM manager tells of, and it does not tell of this one. */
static bool
is_beside_others(const struct bridges *b, const struct guest *g)
{
	for (uint32_t i = 0; i < g->nnics; i++) {
		if (b->more || bridges_have(b, guest_nic_bridge(&g->nics[i])))
			return true;
	}
	return false;
}

/*
 * A guest may call itself as it likes when it asks for an address.  So where VM managers
 * tell of guests, what none of them tells of has no name that entries go by; nor has one
 * that is so new that they had no time to.
 */
void
names_judge(struct join *j)
{
	struct bridges told = { .n = 0 };

	for (size_t i = 0; i < j->n; i++) {
		const struct node *n = j->nodes[i];

		if (n->g.manager[0] != '\0' && n->listed && n->g.state == GUEST_RUNNING)
			bridges_add(&told, &n->g);
	}
	for (size_t i = 0; i < j->n; i++) {
		struct node *n = j->nodes[i];
		const bool own = name_is_guests(n);

		/* It stays so while they do not answer, or have stopped. */
		n->beside = own && (n->beside || is_beside_others(&told, &n->g));
		n->g.own_name = own && n->wanted[0] != '\0' && n->g.kind == GUEST_VM &&
		    (n->g.first_seen > j->asked || n->beside);
	}
}
