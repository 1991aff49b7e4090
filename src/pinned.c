/*
 * What guests may reach beyond the proxy: the engine's side of it.
 *
 * net says which addresses it is about to give a guest for a name.  If entries
 * list ports of the name that are not the web's, those ports of those addresses
 * are opened to the guest (all of its addresses, for who asks by one family
 * may connect by the other), and net waits for that before it answers.
 *
 * net may have been taken over by a guest, so its word counts for no more than
 * which addresses a name has: whose guest it is, which ports, and whether an
 * address may be reached at all is decided here and again in priv.
 *
 * e->pinned mirrors what priv has.  Whenever the allowlist, the guests or who is
 * frozen change, all of it is judged again, and what no longer passes is taken
 * away.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine.h"
#include "log.h"
#include "xmalloc.h"

enum {
	GUEST_PINS_MAX = 512,		/* of one guest at a time */
	PORTS_MAX = 32,			/* of a name */
	WAITING_MAX = 256,		/* answers that net waits for */
	TTL_MAX = 3600,
	/* A client that was told a time uses the name up to its end, and then tries
	 * for a moment. */
	TTL_GRACE = 10,
};

static const uint64_t second = 1000000;
static const uint64_t waiting_limit = 30 * second, told_again = 60 * second;
/* Who the guests are is known by then. */
static const uint64_t settled = 2 * second;

struct open_pin {
	struct fw_pin	p;
	uint32_t	id;		/* of the guest, 0: not known yet */
	uint64_t	until;		/* mono */
};

/* Pins of one answer, on their way into the kernel. */
struct pin_waiting {
	struct pin_waiting	*next;
	uint32_t		 serial, net_serial;
	bool			 all;	/* that the answer asked for */
	uint64_t		 since;	/* mono */
	size_t			 n;
	struct fw_pin		*pins;
};

struct pinned {
	size_t			 n, room;
	struct open_pin		*all;
	struct pin_waiting	*waiting;
	unsigned		 nwaiting;
	uint64_t		 full_told;	/* mono, that pins have no room */
};

static struct pinned *
pinned_get(struct engine *e)
{
	if (e->pinned == NULL)
		e->pinned = xcalloc(1, sizeof(*e->pinned));
	return e->pinned;
}

/* ---- the mirror ---- */

static struct open_pin *
open_find(const struct pinned *o, const struct fw_pin *p)
{
	for (size_t i = 0; i < o->n; i++) {
		if (fw_pin_compare(&o->all[i].p, p) == 0)
			return &o->all[i];
	}
	return NULL;
}

static void
open_put(struct pinned *o, const struct fw_pin *p, uint32_t id, uint64_t until)
{
	struct open_pin *pin = open_find(o, p);

	if (pin == NULL) {
		if (o->n == o->room) {
			o->room = o->room != 0 ? 2 * o->room : 64;
			o->all = xreallocarray(o->all, o->room, sizeof(*o->all));
		}
		pin = &o->all[o->n++];
	}
	pin->p = *p;
	pin->id = id;
	pin->until = until;
}

static void
open_forget(struct pinned *o, const struct fw_pin *p)
{
	struct open_pin *pin = open_find(o, p);

	if (pin != NULL)
		*pin = o->all[--o->n];
}

static size_t
open_count(const struct pinned *o, const char *guest)
{
	size_t n = 0;

	for (size_t i = 0; i < o->n; i++)
		n += strcmp(o->all[i].p.guest, guest) == 0;
	return n;
}

static void
send_pin(struct engine *e, const struct fw_pin *p, bool on, uint32_t serial)
{
	const struct msg_fw_pin m = { .serial = serial, .on = on, .pin = *p };

	if (e->priv != NULL && !msg_send(e->priv, FRAME_FW_PIN, &m, -1))
		log_warnx("a pin could not be %s", on ? "asked for" : "taken away");
}

static void
take_away(struct engine *e, const struct fw_pin *p)
{
	const struct fw_pin gone = *p;

	send_pin(e, &gone, false, 0);
	open_forget(e->pinned, &gone);
}

void
pinned_told(struct engine *e, const struct msg_fw_pinned *m)
{
	struct fw_pin p = m->pin;

	p.guest[sizeof(p.guest) - 1] = p.name[sizeof(p.name) - 1] = '\0';
	if (m->gone)
		open_forget(pinned_get(e), &p);
	else
		open_put(pinned_get(e), &p, 0, now_mono() + p.seconds * second);
}

/* ---- opening ---- */

/* Pins to be asked for in one go. */
struct batch {
	struct engine		*e;
	const struct guest	*guest;		/* NULL: not known */
	const char		*name;
	size_t			 n, mine;	/* mine: that the guest has already */
	bool			 full;
	struct fw_pin		*pins;
};

static void
tell_full(struct engine *e, const char *guest, const char *name)
{
	struct pinned *o = e->pinned;
	const uint64_t now = now_mono();

	if (o->full_told != 0 && now - o->full_told < told_again)
		return;
	o->full_told = now;
	event_note(e, EVENT_RULES, EVENT_ALERTING, guest, "%s has as many addresses open as fit "
	    "(%u of its own, %u of all guests), so %s stays closed", guest[0] != '\0' ? guest :
	    "a guest", GUEST_PINS_MAX, FW_PINS_MAX, name);
}

static void
want(struct batch *b, const struct addr *src, const struct addr *dst,
    const struct allow_port *port, uint32_t seconds)
{
	struct fw_pin p = { .src = *src, .dst = *dst, .seconds = seconds, .port = port->port,
		.proto = port->proto };
	struct pinned *o = b->e->pinned;
	const uint64_t until = now_mono() + seconds * second;
	const struct open_pin *old = open_find(o, &p);

	if (src->family != dst->family || (old != NULL && old->until + second >= until))
		return;
	copy_string(p.name, b->name, sizeof(p.name));
	copy_string(p.guest, b->guest != NULL ? b->guest->name : "", sizeof(p.guest));
	if (old == NULL && (o->n >= FW_PINS_MAX || b->mine >= GUEST_PINS_MAX)) {
		b->full = true;
		return;
	}
	b->mine += old == NULL;
	open_put(o, &p, b->guest != NULL ? b->guest->id : 0, until);
	b->pins = xreallocarray(b->pins, b->n + 1, sizeof(*b->pins));
	b->pins[b->n++] = p;
}

/* Each address of the guest that is no other's; that of who asked at least. */
static void
want_sources(struct batch *b, const struct addr *asking, const struct addr *dst,
    const struct allow_port *port, uint32_t seconds)
{
	const struct guest *g = b->guest;

	for (uint32_t i = 0; g != NULL && i < g->naddrs; i++) {
		const struct guest *owner = inventory_by_addr(b->e->inventory, &g->addrs[i]);

		if (owner == g)
			want(b, &g->addrs[i], dst, port, seconds);
	}
	want(b, asking, dst, port, seconds);
}

/* How long the port may stay open: as long as the answer and the entry say. */
static uint32_t
port_seconds(struct engine *e, const struct batch *b, const struct allow_port *port, uint32_t ttl)
{
	const int64_t now = (int64_t)time(NULL);
	const char *guest = b->guest != NULL ? guest_scope(b->guest) : "";
	const struct allow_answer a = allow_lookup_port(e->policy.image, b->name, strlen(b->name),
	    port->proto, port->port, guest, now);
	uint32_t seconds = (ttl < TTL_MAX ? ttl : TTL_MAX) + TTL_GRACE;
	struct allow_entry entry;

	if (allowlist_find(e->policy.list, a.entry, &entry) && entry.until != 0 &&
	    entry.until - now < seconds)
		seconds = entry.until > now ? (uint32_t)(entry.until - now) : 0;
	return seconds;
}

static void
answer_net(struct engine *e, uint32_t serial, bool ok)
{
	const struct msg_pinned m = { .serial = serial, .ok = ok };

	engine_to_net(e, FRAME_PINNED, &m, -1);
}

/* Sends the batch; its last asks for an answer.  Takes the pins over. */
static void
batch_send(struct engine *e, struct batch *b, uint32_t net_serial)
{
	struct pinned *o = e->pinned;
	struct pin_waiting *w;

	if (b->n == 0 || o->nwaiting >= WAITING_MAX) {
		for (size_t i = 0; i < b->n; i++)
			send_pin(e, &b->pins[i], true, 0);
		answer_net(e, net_serial, b->n == 0 && !b->full);
		free(b->pins);
		return;
	}
	w = xcalloc(1, sizeof(*w));
	w->serial = ++e->serial;
	w->net_serial = net_serial;
	w->all = !b->full;
	w->since = now_mono();
	w->n = b->n;
	w->pins = b->pins;
	w->next = o->waiting;
	o->waiting = w;
	o->nwaiting++;
	for (size_t i = 0; i < b->n; i++)
		send_pin(e, &b->pins[i], true, i + 1 == b->n ? w->serial : 0);
}

static void
waiting_free(struct pinned *o, struct pin_waiting **link)
{
	struct pin_waiting *w = *link;

	*link = w->next;
	o->nwaiting--;
	free(w->pins);
	free(w);
}

bool
pinned_result(struct engine *e, const struct msg_fw_result *m)
{
	struct pinned *o = pinned_get(e);
	struct pin_waiting **link;

	for (link = &o->waiting; *link != NULL && (*link)->serial != m->serial;)
		link = &(*link)->next;
	if (*link == NULL)
		return false;
	/* Some of it may be in force: none of it may be, unknown to us. */
	for (size_t i = 0; !m->ok && i < (*link)->n; i++)
		take_away(e, &(*link)->pins[i]);
	if (m->ok)
		event_of_pins(e, (*link)->pins, (*link)->n);
	answer_net(e, (*link)->net_serial, m->ok && (*link)->all);
	waiting_free(o, link);
	return true;
}

/* False: net sent what it cannot mean. */
static bool
asked_soundly(const struct msg_pin *m)
{
	char name[GH_NAME_SIZE];

	return (m->guest.family == 4 || m->guest.family == 6) && m->naddrs <= FRAME_PIN_ADDRS &&
	    memchr(m->name, '\0', sizeof(m->name)) != NULL &&
	    allow_name_canonical(name, m->name, strlen(m->name), false) == NULL &&
	    strcmp(name, m->name) == 0;
}

void
pinned_asked(struct engine *e, const struct msg_pin *m)
{
	struct allow_port ports[PORTS_MAX];
	struct batch b = { .e = e, .name = m->name };
	struct pinned *o = pinned_get(e);
	const char *guest;
	size_t n;

	if (!asked_soundly(m))
		return;
	inventory_listen(e->inventory);
	b.guest = guest_of_addr(e, &m->guest, m->guest_id, now_wall());
	guest = b.guest != NULL ? b.guest->name : "";
	if (e->frozen_all || (b.guest != NULL && guest_frozen(e, b.guest))) {
		answer_net(e, m->serial, false);
		return;
	}
	b.mine = open_count(o, guest);
	n = allow_pinned_ports(e->policy.image, m->name, strlen(m->name),
	    b.guest != NULL ? guest_scope(b.guest) : "",
	    (int64_t)time(NULL), ports, PORTS_MAX);
	for (size_t i = 0; i < n; i++) {
		const uint32_t seconds = port_seconds(e, &b, &ports[i], m->ttl);

		for (uint32_t k = 0; seconds > 0 && k < m->naddrs; k++) {
			if ((m->addrs[k].family == 4 || m->addrs[k].family == 6) &&
			    reach_allows(&e->reach, &m->addrs[k]))
				want_sources(&b, &m->guest, &m->addrs[k], &ports[i], seconds);
		}
	}
	if (b.full)
		tell_full(e, guest, m->name);
	/* Before they are open. */
	senders_judge(e);
	batch_send(e, &b, m->serial);
}

/* ---- judging again ---- */

/* It is called otherwise than when it was given the pin: so it is where pins outlive us. */
static void
pin_rename(struct engine *e, struct open_pin *pin, const struct guest *g)
{
	const uint64_t now = now_mono();

	copy_string(pin->p.guest, g->name, sizeof(pin->p.guest));
	pin->p.seconds = pin->until > now + second ? (uint32_t)((pin->until - now) / second) : 1;
	send_pin(e, &pin->p, true, 0);
}

static bool
pin_passes(struct engine *e, struct open_pin *pin)
{
	struct fw_pin *p = &pin->p;
	const struct guest *owner = inventory_by_addr(e->inventory, &p->src);

	/* A guest that was not known then is by now. */
	if (owner != NULL && p->guest[0] == '\0')
		copy_string(p->guest, owner->name, sizeof(p->guest));
	if (owner != NULL && pin->id == 0 && strcmp(owner->name, p->guest) == 0)
		pin->id = owner->id;
	if (owner != NULL && pin->id == owner->id && strcmp(owner->name, p->guest) != 0)
		pin_rename(e, pin, owner);
	/* The address is another's now, who looked up nothing. */
	if (owner != NULL && strcmp(owner->name, p->guest) != 0)
		return false;
	if (owner == NULL)
		owner = inventory_by_name(e->inventory, p->guest);
	/* Or somebody's who is no guest that is known. */
	if (owner != NULL && !guest_has_addr(owner, &p->src))
		return false;
	if (e->frozen_all || (owner != NULL && guest_frozen(e, owner)) ||
	    !reach_allows(&e->reach, &p->dst))
		return false;
	return allow_lookup_port(e->policy.image, p->name, strlen(p->name), p->proto, p->port,
	    owner != NULL ? guest_scope(owner) : p->guest, (int64_t)time(NULL)).verdict == VERDICT_ALLOW;
}

/* What a guest looked up is open to an address that it took later, too. */
static void
follow_guests(struct engine *e)
{
	struct pinned *o = e->pinned;
	const uint64_t now = now_mono();
	const size_t n = o->n;

	for (size_t i = 0; i < n; i++) {
		const struct open_pin pin = o->all[i];
		const struct allow_port port = { .port = pin.p.port, .proto = pin.p.proto };
		struct batch b = { .e = e, .name = pin.p.name,
			.guest = pin.p.guest[0] != '\0' && pin.until > now + second ?
			    inventory_by_name(e->inventory, pin.p.guest) : NULL };

		if (b.guest == NULL)
			continue;
		b.mine = open_count(o, pin.p.guest);
		want_sources(&b, &pin.p.src, &pin.p.dst, &port,
		    (uint32_t)((pin.until - now) / second));
		for (size_t k = 0; k < b.n; k++)
			send_pin(e, &b.pins[k], true, 0);
		free(b.pins);
	}
}

/* Those of one address, or of all. */
static void
pins_judge(struct engine *e, const struct addr *src)
{
	struct pinned *o = pinned_get(e);

	for (size_t i = 0; i < o->n;) {
		if ((src != NULL && !addr_equal(&o->all[i].p.src, src)) || pin_passes(e, &o->all[i]))
			i++;
		else
			take_away(e, &o->all[i].p);
	}
}

/* A new engine that knows no guest yet, or has not heard what the one before it knew and
 * takes a guest for another, would cut what is open. */
static bool
knows_guests(const struct engine *e)
{
	return (e->proxy_known && (e->addresses != NULL || inventory_count(e->inventory) > 0)) ||
	    now_mono() - e->started_mono >= settled;
}

void
pinned_judge(struct engine *e)
{
	if (!knows_guests(e))
		return;
	pins_judge(e, NULL);
	follow_guests(e);
	addresses_judge(e);
	senders_judge(e);
}

void
pinned_moved(struct engine *e, const struct addr *a)
{
	if (!knows_guests(e))
		return;
	pins_judge(e, a);
	if (addresses_open_to(e, a))
		addresses_judge(e);
}

size_t
pinned_sources(const struct engine *e, struct addr *list, size_t max)
{
	size_t n = 0;

	for (; e->pinned != NULL && n < e->pinned->n && n < max; n++)
		list[n] = e->pinned->all[n].p.src;
	return n;
}

void
pinned_tick(struct engine *e)
{
	struct pinned *o = pinned_get(e);
	const uint64_t now = now_mono();

	if (e->addresses == NULL)
		pinned_judge(e);
	for (struct pin_waiting **link = &o->waiting; *link != NULL;) {
		if (now - (*link)->since > waiting_limit)
			waiting_free(o, link);
		else
			link = &(*link)->next;
	}
}

/* The addresses that are open to a guest by that name and port, each once. */
json_t *
pinned_json(const struct engine *e, const char *name, uint8_t proto, uint16_t port,
    const char *guest)
{
	json_t *list = json_array(), *item;
	char text[ADDR_TEXT_SIZE];
	size_t k;

	for (size_t i = 0; e->pinned != NULL && i < e->pinned->n; i++) {
		const struct fw_pin *p = &e->pinned->all[i].p;
		bool known = false;

		if (p->port != port || p->proto != proto || strcmp(p->name, name) != 0 ||
		    (*guest != '\0' && strcmp(p->guest, guest) != 0))
			continue;
		addr_format(&p->dst, text);
		json_array_foreach(list, k, item)
			known = known || strcmp(json_string_value(item), text) == 0;
		if (!known)
			json_array_append_new(list, json_string(text));
	}
	return list;
}

void
pinned_free(struct engine *e)
{
	struct pinned *o = e->pinned;

	if (o == NULL)
		return;
	while (o->waiting != NULL)
		waiting_free(o, &o->waiting);
	free(o->all);
	free(o);
	e->pinned = NULL;
}
