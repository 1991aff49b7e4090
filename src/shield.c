/*
 * The host-port shield: which ports of this host a guest could reach if the rules were
 * flushed, and which it can reach in spite of them; and what softnet does of that for a
 * guest of tart's.
 */
#include "config.h"

#include <netinet/in.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "inventory/listeners.h"
#include "inventory/softnet.h"
#include "json_text.h"
#include "xmalloc.h"

enum { PORT_DHCP = 67, PORT_DHCP6 = 547 };

static const uint64_t look_every = 3 * 1000000ull;
static const uint64_t softnet_every = 60 * 1000000ull;

struct shield {
	struct engine	*engine;
	uint64_t	 looked;	/* mono */
	bool		 asked;		/* netstat, which has not answered */
	json_t		*held, *open;	/* for a guest that the rules hold, and for one they do not */
	uint64_t	 softnet_looked;
	struct softnet_facts softnet;
};

static struct shield *
shield(struct engine *e)
{
	if (e->shield == NULL) {
		e->shield = xcalloc(1, sizeof(*e->shield));
		e->shield->engine = e;
	}
	return e->shield;
}

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

/* n 0 with list NULL: not known. */
static void
listeners_take(struct shield *s, const struct listener *list, size_t n)
{
	json_decref(s->held);
	json_decref(s->open);
	s->held = list != NULL ? ports_json(s->engine, list, n, true) : NULL;
	s->open = list != NULL ? ports_json(s->engine, list, n, false) : NULL;
}

static void
on_netstat(const struct said *said, void *arg)
{
	struct listener list[LISTENERS_MAX];
	struct shield *s = arg;
	size_t n = 0;

	s->asked = false;
	s->looked = now_mono();
	if (said->cause == NULL && said->how == RAN_EXITED)
		listeners_netstat(said->text, said->len, list, &n);
	listeners_sort(list, n);
	listeners_take(s, n > 0 ? list : NULL, n);
}

static void
listeners_look(struct shield *s)
{
	struct listener list[LISTENERS_MAX];
	const uint64_t now = now_mono();
	size_t n;

	if (s->asked || (s->looked != 0 && now - s->looked < look_every))
		return;
	if (listeners_read(list, &n))
		listeners_take(s, list, n);
	else
		s->asked = asker_look(s->engine->asker, COMMAND_NETSTAT, on_netstat, s);
	s->looked = now;
}

json_t *
shield_json(struct engine *e, bool held)
{
	struct shield *s = shield(e);

	listeners_look(s);
	return s->held == NULL ? json_null() : json_incref(held ? s->held : s->open);
}

json_t *
shield_softnet(struct engine *e, const struct guest *g)
{
	const uint64_t now = now_mono();
	struct shield *s = shield(e);
	char path[CONF_PATH_SIZE], *text;
	json_t *j;

	if (strcmp(g->manager, "tart") != 0 || g->state == GUEST_STOPPED)
		return json_null();
	if (s->softnet_looked == 0 || now - s->softnet_looked > softnet_every) {
		softnet_look(command_path(&e->conf, path), &s->softnet);
		s->softnet_looked = now;
	}
	text = softnet_guest_text(&s->softnet, g->softnet, g->softnet_at);
	j = json_guest(text);
	free(text);
	return j;
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
