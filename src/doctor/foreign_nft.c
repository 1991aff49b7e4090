/*
 * Tables of others.  In nftables a verdict "accept" ends only the chain that it is
 * in, so another table cannot let by what ours drops.  What it can do:
 *
 *   - NAT before ours: the first chain that translates a connection decides, so that
 *     it never comes to the proxy, and goes where nobody judges it;
 *   - take it out of connection tracking (notrack), which ends NAT, or hand it on
 *     below the rules (flow tables, fwd, tproxy, queue);
 *   - drop what ours would accept: then guests have no network, and nobody sees why.
 */
#include "config.h"

#include "doctor/doctor.h"

#include <stdlib.h>
#include <string.h>

#include "xmalloc.h"

enum { CHAINS_MAX = 512, SUSPECTS_MAX = 8 };

struct chain {
	const char	*family, *table, *name, *type, *hook, *policy;
	json_int_t	 prio;
};

/* What a table of others has in any of its chains. */
struct traits {
	bool	nat, tproxy, notrack, queue, flow, fwd;
};

static const char *
str(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));

	return s != NULL ? s : "";
}

static bool
is_ours(const char *table)
{
	return strncmp(table, "gatehouse", strlen("gatehouse")) == 0;
}

/* Whose it is, as far as names tell. */
static const char *
owner(const char *table, const char *chain)
{
	static const struct { const char *prefix, *owner; } known[] = {
		{ "firewalld", "firewalld" }, { "ufw", "ufw" }, { "DOCKER", "Docker" },
		{ "docker", "Docker" }, { "libvirt", "libvirt" }, { "LIBVIRT", "libvirt" },
		{ "ts-", "Tailscale" }, { "KUBE", "Kubernetes" }, { "cali", "Calico" },
		{ "CILIUM", "Cilium" }, { "lxd", "LXD" }, { "incus", "Incus" },
		{ "wg-quick", "wg-quick" }, { "mullvad", "Mullvad" }, { "f2b", "fail2ban" },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strncmp(table, known[i].prefix, strlen(known[i].prefix)) == 0 ||
		    strncmp(chain, known[i].prefix, strlen(known[i].prefix)) == 0)
			return known[i].owner;
	}
	return NULL;
}

/* The owner of any chain of a table; a base chain has a name that says nothing. */
static const char *
table_owner(const json_t *list, const struct chain *c)
{
	const char *found = owner(c->table, c->name);
	const json_t *item, *chain;
	size_t i;

	json_array_foreach(list, i, item) {
		chain = json_object_get(item, "chain");
		if (found == NULL && chain != NULL && strcmp(str(chain, "table"), c->table) == 0 &&
		    strcmp(str(chain, "family"), c->family) == 0)
			found = owner("", str(chain, "name"));
	}
	return found;
}

static void
statement_traits(const json_t *statement, struct traits *t)
{
	t->nat |= json_object_get(statement, "dnat") != NULL ||
	    json_object_get(statement, "redirect") != NULL;
	t->tproxy |= json_object_get(statement, "tproxy") != NULL;
	t->notrack |= json_object_get(statement, "notrack") != NULL;
	t->queue |= json_object_get(statement, "queue") != NULL;
	t->flow |= json_object_get(statement, "flow") != NULL;
	t->fwd |= json_object_get(statement, "fwd") != NULL;
}

static struct traits
table_traits(const json_t *list, const struct chain *c)
{
	struct traits t = { .nat = false };
	const json_t *item, *rule, *statement;
	size_t i, k;

	json_array_foreach(list, i, item) {
		rule = json_object_get(item, "rule");
		if (rule == NULL || strcmp(str(rule, "table"), c->table) != 0 ||
		    strcmp(str(rule, "family"), c->family) != 0)
			continue;
		json_array_foreach(json_object_get(rule, "expr"), k, statement)
			statement_traits(statement, &t);
	}
	return t;
}

/* Whether a guest's packet comes through it. */
static bool
sees_guests(const struct chain *c)
{
	return strcmp(c->family, "ip") == 0 || strcmp(c->family, "ip6") == 0 ||
	    strcmp(c->family, "inet") == 0 || strcmp(c->family, "bridge") == 0 ||
	    strcmp(c->family, "netdev") == 0;
}

static char *
named(const json_t *list, const struct chain *c)
{
	const char *who = table_owner(list, c);

	return xasprintf("%s%schain %s of table %s %s", who != NULL ? who : "", who != NULL ? ": " : "",
	    c->name, c->family, c->table);
}

/* Why such a chain is in the way, NULL if it is not; *state and *todo with it. */
static const char *
why_in_the_way(const json_t *list, const struct chain *c, enum doctor_state *state,
    const char **todo)
{
	const struct traits t = table_traits(list, c);
	const bool pre = strcmp(c->hook, "prerouting") == 0 || strcmp(c->hook, "ingress") == 0;

	*state = DOCTOR_FAIL;
	*todo = "have it run after priority -105, or leave the guests' bridges out of it";
	if (pre && strcmp(c->type, "nat") == 0 && c->prio <= DOCTOR_NAT_PRIORITY && t.nat)
		return "translates addresses before gatehouse does, so that what it takes never comes "
		    "to the proxy";
	*state = DOCTOR_WARN;
	*todo = "leave the guests' bridges out of it";
	if (pre && (t.tproxy || t.fwd))
		return "hands packets on before gatehouse sees them";
	if (pre && t.notrack)
		return "takes packets out of connection tracking, without which nothing is redirected";
	if (t.flow)
		return "has a flow table: connections in it are forwarded past all rules";
	if (t.queue)
		return "hands packets to a program, which may drop them";
	*todo = "let it accept what comes from the guests' bridges: ports of the proxy and the DNS "
	    "filter (gatehouse.conf), DHCP";
	if ((strcmp(c->hook, "input") == 0 || strcmp(c->hook, "prerouting") == 0) &&
	    strcmp(c->policy, "drop") == 0)
		return "drops what no rule of it accepts: if guests have no network, it is this";
	return NULL;
}

static bool
base_chain(const json_t *item, struct chain *c)
{
	const json_t *chain = json_object_get(item, "chain");

	if (!json_is_object(chain) || json_object_get(chain, "hook") == NULL)
		return false;
	*c = (struct chain){ str(chain, "family"), str(chain, "table"), str(chain, "name"),
		str(chain, "type"), str(chain, "hook"), str(chain, "policy"),
		json_integer_value(json_object_get(chain, "prio")) };
	return !is_ours(c->table) && sees_guests(c);
}

bool
foreign_nft(json_t *rows, const char *json, size_t len)
{
	json_t *root = json_loadb(json, len, 0, NULL), *item;
	const json_t *list = json_object_get(root, "nftables");
	size_t i, found = 0, looked = 0;
	struct chain c;

	if (!json_is_array(list)) {
		json_decref(root);
		return false;
	}
	json_array_foreach(list, i, item) {
		enum doctor_state state;
		const char *todo, *why;
		char *name;

		if (found == SUSPECTS_MAX || looked == CHAINS_MAX || !base_chain(item, &c))
			continue;
		looked++;
		if ((why = why_in_the_way(list, &c, &state, &todo)) == NULL)
			continue;
		found++;
		name = named(list, &c);
		doctor_add(rows, "foreign", state, xasprintf("%s %s", name, why), todo);
		free(name);
	}
	if (found == 0)
		doctor_add(rows, "foreign", DOCTOR_OK, xstrdup("no table of others is in the way"), NULL);
	json_decref(root);
	return true;
}
