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

enum { PORT_DHCP = 67, PORT_DHCP6 = 547, PORTS_SHOWN = 200 };

static const uint64_t look_every = 3 * 1000000ull;
static const uint64_t softnet_every = 60 * 1000000ull;

struct shield {
	struct engine	*engine;
	uint64_t	 looked;	/* mono */
	bool		 asked;		/* netstat, which has not answered */
	struct listeners listeners;
	/* For a guest that the rules hold or do not, and for one that comes by way of this host's
	 * loopback or does not. */
	json_t		*ports[2][2];
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
is_ours(const struct engine *e, uint8_t proto, uint16_t port)
{
	return port == e->conf.dns_port || (proto == IPPROTO_TCP &&
	    (port == e->conf.proxy_port || port == e->conf.explicit_port));
}

/* What the rules pass so that a guest gets its address. */
static bool
is_dhcp(uint8_t proto, uint16_t port)
{
	return proto == IPPROTO_UDP && (port == PORT_DHCP || port == PORT_DHCP6);
}

/* Low ports first, and those in a row as one: whoever listens on thousands hides no other. */
static json_t *
ports_list(const struct shield *s, bool local, bool (*in)(const struct shield *, uint8_t, uint16_t))
{
	static const uint8_t protos[] = { IPPROTO_TCP, IPPROTO_UDP };
	json_t *list = json_array();

	for (size_t i = 0; i < sizeof(protos) / sizeof(protos[0]); i++) {
		const uint8_t proto = protos[i];
		const char *word = proto == IPPROTO_TCP ? "tcp" : "udp";
		size_t n = 0;

		for (uint32_t port = 1, last; port <= UINT16_MAX; port = last + 1) {
			for (last = port; last <= UINT16_MAX; last++) {
				if ((!listener_has(&s->listeners, false, proto, (uint16_t)last) && (!local ||
				    !listener_has(&s->listeners, true, proto, (uint16_t)last))) ||
				    !in(s, proto, (uint16_t)last))
					break;
			}
			if (last == port)
				continue;
			if (n++ == PORTS_SHOWN) {
				json_array_append_new(list, json_sprintf("%s from %u on, more", word,
				    (unsigned)port));
				break;
			}
			json_array_append_new(list, last == port + 1 ? json_sprintf("%s %u", word,
			    (unsigned)port) : json_sprintf("%s %u-%u", word, (unsigned)port,
			    (unsigned)last - 1));
		}
	}
	return list;
}

static bool
ours(const struct shield *s, uint8_t proto, uint16_t port)
{
	return is_ours(s->engine, proto, port);
}

static bool
others(const struct shield *s, uint8_t proto, uint16_t port)
{
	return !is_ours(s->engine, proto, port);
}

static bool
passed(const struct shield *s, uint8_t proto, uint16_t port)
{
	return !is_ours(s->engine, proto, port) && is_dhcp(proto, port);
}

static json_t *
ports_json(const struct shield *s, bool held, bool local)
{
	return json_pack("{s:o, s:o, s:o}", "if_flushed", ports_list(s, local, others),
	    "in_spite", ports_list(s, local && !held, held ? passed : others),
	    "ours", ports_list(s, local, ours));
}

static void
listeners_take(struct shield *s, bool known)
{
	for (int held = 0; held < 2; held++) {
		for (int local = 0; local < 2; local++) {
			json_decref(s->ports[held][local]);
			s->ports[held][local] = known ? ports_json(s, held, local) : NULL;
		}
	}
}

static void
on_netstat(const struct said *said, void *arg)
{
	struct shield *s = arg;

	s->asked = false;
	s->looked = now_mono();
	memset(&s->listeners, 0, sizeof(s->listeners));
	if (said->cause == NULL && said->how == RAN_EXITED)
		listeners_netstat(said->text, said->len, &s->listeners);
	listeners_take(s, !listeners_none(&s->listeners));
}

static void
listeners_look(struct shield *s)
{
	const uint64_t now = now_mono();

	if (s->asked || (s->looked != 0 && now - s->looked < look_every))
		return;
	if (listeners_read(&s->listeners))
		listeners_take(s, true);
	else
		s->asked = asker_look(s->engine->asker, COMMAND_NETSTAT, on_netstat, s);
	s->looked = now;
}

json_t *
shield_json(struct engine *e, bool held, bool local)
{
	struct shield *s = shield(e);

	listeners_look(s);
	return s->ports[held][local] == NULL ? json_null() : json_incref(s->ports[held][local]);
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
	listeners_take(e->shield, false);
	free(e->shield);
}
