/*
 * The host-port shield: which ports of this host a guest could reach if the rules were
 * flushed, and which it can reach in spite of them.
 */
#include "config.h"

#include <netinet/in.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "inventory/listeners.h"
#include "xmalloc.h"

enum { PORT_DHCP = 67, PORT_DHCP6 = 547 };

static const uint64_t look_every = 3 * 1000000ull;

struct shield {
	uint64_t	 looked;	/* mono */
	json_t		*held, *open;	/* for a guest that the rules hold, and for one they do not */
};

static bool
is_ours(const struct engine *e, const struct listener *l)
{
	return l->port == e->conf.dns_port || (l->proto == IPPROTO_TCP &&
	    (l->port == e->conf.proxy_port || l->port == e->conf.explicit_port));
}

/* What the rules pass so that a guest gets its address. */
static bool
is_dhcp(const struct listener *l)
{
	return l->proto == IPPROTO_UDP && (l->port == PORT_DHCP || l->port == PORT_DHCP6);
}

static void
port_add(json_t *list, const struct listener *l)
{
	char text[16];

	snprintf(text, sizeof(text), "%s %u", l->proto == IPPROTO_TCP ? "tcp" : "udp", l->port);
	json_array_append_new(list, json_string(text));
}

static json_t *
ports_json(const struct engine *e, const struct listener *list, size_t n, bool held)
{
	json_t *flushed = json_array(), *spite = json_array(), *ours = json_array();

	for (size_t i = 0; i < n; i++) {
		if (is_ours(e, &list[i])) {
			port_add(ours, &list[i]);
			continue;
		}
		port_add(flushed, &list[i]);
		if (!held || is_dhcp(&list[i]))
			port_add(spite, &list[i]);
	}
	return json_pack("{s:o, s:o, s:o}", "if_flushed", flushed, "in_spite", spite, "ours", ours);
}

json_t *
shield_json(struct engine *e, bool held)
{
	struct listener list[LISTENERS_MAX];
	const uint64_t now = now_mono();
	struct shield *s;
	size_t n;

	if (e->shield == NULL)
		e->shield = xcalloc(1, sizeof(*e->shield));
	s = e->shield;
	if (s->looked == 0 || now - s->looked > look_every) {
		json_decref(s->held);
		json_decref(s->open);
		s->held = s->open = NULL;
		s->looked = now;
		if (listeners_read(list, &n)) {
			s->held = ports_json(e, list, n, true);
			s->open = ports_json(e, list, n, false);
		}
	}
	return s->held == NULL ? json_null() : json_incref(held ? s->held : s->open);
}

void
shield_free(struct engine *e)
{
	if (e->shield == NULL)
		return;
	json_decref(e->shield->held);
	json_decref(e->shield->open);
	free(e->shield);
}
