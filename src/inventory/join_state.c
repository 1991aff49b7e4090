/* Step 4 of the join: who runs, by what a provider says, by its port, or by when it was
 * last heard. */
#include "config.h"

#include "inventory/join.h"

#include <string.h>

#include "xmalloc.h"

static const uint64_t second = 1000000;

/* Seconds: what the kernel heard of a guest it may know a little later. */
enum { HEARD_SINCE = 2 };

/* What this pass says of a guest's port: the bridge was not looked at, or the
 * port has no carrier, or it has one. */
enum port_state { PORT_UNKNOWN, PORT_DOWN, PORT_UP };

void
places_collect(struct places *p, const struct sighting *s, size_t n)
{
	p->at = xcalloc(n + 1, sizeof(*p->at));
	p->n = 0;
	for (size_t i = 0; i < n; i++) {
		if (sighting_is_place(&s[i]))
			p->at[p->n++] = &s[i];
	}
}

static enum port_state
nic_port_state(const struct places *p, const struct guest_nic *nic)
{
	enum port_state state = PORT_UNKNOWN;

	for (size_t i = 0; nic->port[0] != '\0' && i < p->n; i++) {
		if (strcmp(p->at[i]->bridge, nic->bridge) != 0)
			continue;
		if (strcmp(p->at[i]->port, nic->port) == 0 && p->at[i]->state != GUEST_STOPPED)
			return PORT_UP;
		state = PORT_DOWN;
	}
	return state;
}

/* Up if one of its NICs is. */
static enum port_state
port_state(const struct places *p, const struct guest *g)
{
	enum port_state state = PORT_UNKNOWN;

	for (uint32_t i = 0; i < g->nnics && state != PORT_UP; i++) {
		const enum port_state one = nic_port_state(p, &g->nics[i]);

		state = one > state ? one : state;
	}
	return state;
}

static bool
has_port(const struct guest *g, const char *port)
{
	for (uint32_t i = 0; i < g->nnics; i++) {
		if (strcmp(g->nics[i].port, port) == 0)
			return true;
	}
	return false;
}

/* A port that is a guest's alone lives as long as it does. */
static bool
port_sole(const struct join *j, const struct guest *g)
{
	size_t n = 0;

	for (size_t i = 0; i < j->n; i++)
		n += has_port(&j->nodes[i]->g, g->port);
	return n == 1;
}

uint8_t
state_of(const struct join *j, struct node *n, const struct places *places, uint64_t now)
{
	const enum port_state port = port_state(places, &n->g);

	if (n->runs)
		return GUEST_RUNNING;
	if (n->told != GUEST_UNKNOWN)
		return n->told;
	/* Its process has ended, and it was not heard since: whoever has its port is another. */
	if (n->process_seen != 0 && !n->listed && n->g.last_seen <= n->process_seen + HEARD_SINCE * second)
		return GUEST_STOPPED;
	if (port == PORT_DOWN)
		return GUEST_STOPPED;
	if (port == PORT_UP && port_sole(j, &n->g)) {
		n->g.last_seen = now;
		return GUEST_RUNNING;
	}
	if (now > n->g.last_seen && now - n->g.last_seen > GUEST_FRESH * second)
		return GUEST_STOPPED;
	return GUEST_RUNNING;
}
