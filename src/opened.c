/*
 * What a reload opens: bridges and users that were guarded, and that the fresh
 * configuration does not name any more.  Who reloads is told in the answer.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "firewall/firewall.h"
#include "inventory/guard.h"
#include "xmalloc.h"

enum { BRIDGES_MAX = 64, GUESTS_SHOWN = 6 };

struct opened {
	const struct conf	*was, *now;
	char			 names[BRIDGES_MAX][GH_IFNAME_SIZE];
	size_t			 n;
};

static void
bridge_take(struct opened *o, const char *name)
{
	if (name[0] == '\0' || o->n == BRIDGES_MAX || !fw_covers(&o->was->bridges, name) ||
	    fw_covers(&o->now->bridges, name))
		return;
	for (size_t i = 0; i < o->n; i++) {
		if (strcmp(o->names[i], name) == 0)
			return;
	}
	copy_string(o->names[o->n++], name, GH_IFNAME_SIZE);
}

static bool
is_behind(const struct guest *g, const char *bridge)
{
	for (uint32_t i = 0; g->kind == GUEST_VM && g->state == GUEST_RUNNING && i < g->nnics; i++) {
		if (strcmp(guest_nic_bridge(&g->nics[i]), bridge) == 0)
			return true;
	}
	return false;
}

/* Takes text over. */
static char *
append(char *text, const char *separator, char *more)
{
	char *both = xasprintf("%s%s%s", text != NULL ? text : "", text != NULL ? separator : "", more);

	free(text);
	free(more);
	return both;
}

static char *
bridge_text(struct engine *e, const char *bridge)
{
	char *names = NULL, *text;
	size_t n = 0;

	for (size_t i = 0; i < inventory_count(e->inventory); i++) {
		const struct guest *g = inventory_guest(e->inventory, i);

		if (!is_behind(g, bridge))
			continue;
		if (n++ < GUESTS_SHOWN)
			names = append(names, ", ", xstrdup(g->name));
	}
	if (n == 0)
		return xasprintf("bridge %s is no longer guarded: what starts behind it is open", bridge);
	text = xasprintf("bridge %s is no longer guarded: %zu guest%s behind it %s open: %s%s", bridge, n,
	    n > 1 ? "s" : "", n > 1 ? "are" : "is", names, n > GUESTS_SHOWN ? ", ..." : "");
	free(names);
	return text;
}

char *
opened_by(struct engine *e, const struct conf *fresh)
{
	struct opened o = { .was = &e->conf, .now = fresh };
	const struct guard_host *host = inventory_host(e->inventory);
	char *text = NULL;

	if (strcmp(status_firewall(e), "open") == 0)
		return NULL;
	for (size_t i = 0; i < host->nplaces; i++)
		bridge_take(&o, host->places[i].name);
	for (size_t i = 0; i < inventory_count(e->inventory); i++) {
		const struct guest *g = inventory_guest(e->inventory, i);

		for (uint32_t k = 0; k < g->nnics; k++) {
			bridge_take(&o, g->nics[k].place);
			bridge_take(&o, g->nics[k].bridge);
		}
	}
	for (size_t i = 0; i < o.n; i++)
		text = append(text, "; ", bridge_text(e, o.names[i]));
	for (uint32_t i = 0; i < e->conf.nuids; i++) {
		if (conf_guarded_user(fresh, e->conf.uids[i].uid) == NULL)
			text = append(text, "; ", xasprintf("user %s is no longer guarded: what its processes "
			    "do is open", e->conf.uids[i].user));
	}
	return text;
}
