/*
 * A datagram holds messages: a header of 16 bytes, a fixed part by type, then
 * attributes (length, type, value), everything padded to four bytes and in the
 * host's byte order.
 */
#include "config.h"

#include "inventory/netlink.h"

#include <stdlib.h>
#include <string.h>

#include "firewall/firewall.h"
#include "inventory/provider.h"
#include "xmalloc.h"

enum {
	MSG_HEADER = 16, MSG_ERROR = 2, MSG_DONE = 3, MSG_NEWLINK = 16, MSG_NEWNEIGH = 28,

	LINK_FIXED = 16, LINK_INDEX = 4, LINK_FLAGS = 8,
	LINK_ATTR_NAME = 3, LINK_ATTR_MASTER = 10, LINK_ATTR_INFO = 18, INFO_ATTR_KIND = 1,
	LINK_UP = 0x1, LINK_LOWER_UP = 0x10000,

	NEIGH_FIXED = 12, NEIGH_INDEX = 4, NEIGH_STATE = 8,
	NEIGH_ATTR_DST = 1, NEIGH_ATTR_LLADDR = 2, NEIGH_ATTR_CACHE = 3, NEIGH_ATTR_MASTER = 9,
	CACHE_CONFIRMED = 0, CACHE_UPDATED = 8, CACHE_SIZE = 16,
	FAMILY_INET = 2, FAMILY_BRIDGE = 7, FAMILY_INET6 = 10,
	STATE_REACHABLE = 0x02, STATE_STALE = 0x04, STATE_DELAY = 0x08, STATE_PROBE = 0x10,
	STATE_NOARP = 0x40, STATE_PERMANENT = 0x80,
	STATE_HEARD = STATE_REACHABLE | STATE_STALE | STATE_DELAY | STATE_PROBE,

	TICKS = 100,		/* a second of USER_HZ */
	PORT_MACS = 32,		/* more behind one port is a flood, or a network */
};

/* A run of bytes being read from the front. */
struct bytes {
	const uint8_t	*p;
	size_t		 len;
};

static uint16_t
get16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static uint32_t
get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

struct nl_tables *
netlink_tables_new(void)
{
	struct nl_tables *t = xcalloc(1, sizeof(*t));

	t->links = xcalloc(NETLINK_LINKS_MAX, sizeof(*t->links));
	t->neighs = xcalloc(NETLINK_NEIGHS_MAX, sizeof(*t->neighs));
	t->fdb = xcalloc(NETLINK_NEIGHS_MAX, sizeof(*t->fdb));
	t->ports = xcalloc(NETLINK_PORTS, sizeof(*t->ports));
	return t;
}

void
netlink_tables_free(struct nl_tables *t)
{
	if (t == NULL)
		return;
	free(t->links);
	free(t->neighs);
	free(t->fdb);
	free(t->ports);
	free(t);
}

void
netlink_tables_clear(struct nl_tables *t)
{
	t->nlinks = t->nneighs = t->nfdb = t->nports = 0;
	t->flooded[0] = '\0';
	memset(t->ports, 0, NETLINK_PORTS * sizeof(*t->ports));
}

/* The port's slot, made if need be; NULL when half of them are taken. */
static struct nl_port *
port_slot(struct nl_tables *t, uint32_t link)
{
	uint32_t i = link * 2654435761u % NETLINK_PORTS;

	while (t->ports[i].link != 0 && t->ports[i].link != link)
		i = (i + 1) % NETLINK_PORTS;
	if (t->ports[i].link == 0) {
		if (t->nports == NETLINK_PORTS / 2)
			return NULL;
		t->nports++;
		t->ports[i].link = link;
	}
	return &t->ports[i];
}

static void
fdb_add(struct nl_tables *t, const struct nl_neigh *n)
{
	struct nl_port *port = n->link != 0 ? port_slot(t, n->link) : NULL;

	if (port == NULL)
		return;
	if (++port->macs <= PORT_MACS && t->nfdb < NETLINK_NEIGHS_MAX)
		t->fdb[t->nfdb++] = *n;
}

/* Takes len bytes and their padding off the front; the last may lack padding. */
static void
skip(struct bytes *b, size_t len)
{
	size_t padded = (len + 3) & ~(size_t)3;

	if (padded > b->len)
		padded = b->len;
	b->p += padded;
	b->len -= padded;
}

/* The next attribute; false at the end or where lengths contradict. */
static bool
attr_next(struct bytes *b, uint16_t *type, struct bytes *value)
{
	size_t len;

	if (b->len < 4 || (len = get16(b->p)) < 4 || len > b->len)
		return false;
	*type = get16(b->p + 2) & 0x3fff;	/* two flag bits on top */
	value->p = b->p + 4;
	value->len = len - 4;
	skip(b, len);
	return true;
}

void
netlink_add_link(struct nl_tables *t, const struct nl_link *link)
{
	if (link->name[0] != '\0' && t->nlinks < NETLINK_LINKS_MAX)
		t->links[t->nlinks++] = *link;
}

static bool
info_is_veth(struct bytes b)
{
	static const char veth[] = "veth";
	struct bytes value;
	uint16_t type;

	while (attr_next(&b, &type, &value)) {
		if (type == INFO_ATTR_KIND)
			return value.len >= sizeof(veth) - 1 && value.len <= sizeof(veth) &&
			    memcmp(value.p, veth, sizeof(veth) - 1) == 0;
	}
	return false;
}

static void
link_parse(struct nl_tables *t, struct bytes b)
{
	struct nl_link link = { 0 };
	struct bytes value;
	uint16_t type;
	uint32_t flags;
	bool veth = false;

	if (b.len < LINK_FIXED)
		return;
	link.index = get32(b.p + LINK_INDEX);
	flags = get32(b.p + LINK_FLAGS);
	link.carrier = (flags & LINK_LOWER_UP) != 0;
	skip(&b, LINK_FIXED);
	while (attr_next(&b, &type, &value)) {
		if (type == LINK_ATTR_NAME && value.len > 0 && value.len <= sizeof(link.name)) {
			memcpy(link.name, value.p, value.len);
			link.name[value.len - 1] = '\0';
		} else if (type == LINK_ATTR_MASTER && value.len >= 4)
			link.master = get32(value.p);
		else if (type == LINK_ATTR_INFO)
			veth = info_is_veth(value);
	}
	link.quiet = veth && (flags & LINK_UP) != 0 && !link.carrier;
	netlink_add_link(t, &link);
}

/* The younger of "confirmed" and "updated": an entry just learned counts as
 * confirmed a minute ago. */
static uint32_t
cache_age(const struct bytes *value)
{
	uint32_t confirmed = get32(value->p + CACHE_CONFIRMED);
	uint32_t updated = get32(value->p + CACHE_UPDATED);

	return (confirmed < updated ? confirmed : updated) / TICKS;
}

static void
neigh_attr(struct nl_neigh *n, uint8_t family, uint16_t type, const struct bytes *value)
{
	const size_t width = family == FAMILY_INET ? 4 : 16;

	if (type == NEIGH_ATTR_LLADDR && value->len == 6)
		memcpy(n->mac, value->p, 6);
	else if (type == NEIGH_ATTR_MASTER && value->len >= 4)
		n->master = get32(value->p);
	else if (type == NEIGH_ATTR_CACHE && value->len >= CACHE_SIZE)
		n->age = cache_age(value);
	else if (type == NEIGH_ATTR_DST && !n->fdb && value->len == width) {
		n->addr.family = family == FAMILY_INET ? 4 : 6;
		memcpy(n->addr.bytes, value->p, width);
	}
}

/* Multicast, unspecified and loopback are nobody's. */
static bool
addr_is_guest(const struct addr *a)
{
	static const uint8_t none[16];

	if (a->family == 4)
		return a->bytes[0] != 0 && a->bytes[0] != 127 && a->bytes[0] < 224;
	return a->family == 6 && a->bytes[0] != 0xff && memcmp(a->bytes, none, 15) != 0;
}

/* The address's holder was heard, or set by hand. */
static bool
neigh_holds(const struct nl_neigh *n)
{
	return (n->state & (STATE_HEARD | STATE_PERMANENT)) != 0 && addr_is_guest(&n->addr);
}

static void
neigh_add(struct nl_tables *t, const struct nl_neigh *n)
{
	if (!mac_is_guest(n->mac) || n->age >= NETLINK_FORGOTTEN)
		return;
	/* A permanent row is the bridge's own; a NOARP one is static: a guest's. */
	if (n->fdb) {
		if (n->master != 0 && (n->state & STATE_PERMANENT) == 0)
			fdb_add(t, n);
	} else if (neigh_holds(n) && t->nneighs < NETLINK_NEIGHS_MAX)
		t->neighs[t->nneighs++] = *n;
}

void
netlink_add_neigh(struct nl_tables *t, const struct nl_neigh *n, bool fixed)
{
	struct nl_neigh row = *n;

	row.state = STATE_REACHABLE;
	if (fixed)
		row.state = n->fdb ? STATE_NOARP : STATE_PERMANENT;
	neigh_add(t, &row);
}

static bool
neigh_parse(struct nl_neigh *n, struct bytes b)
{
	struct bytes value;
	uint16_t type;
	uint8_t family;

	if (b.len < NEIGH_FIXED)
		return false;
	family = b.p[0];
	if (family != FAMILY_INET && family != FAMILY_INET6 && family != FAMILY_BRIDGE)
		return false;
	memset(n, 0, sizeof(*n));
	n->fdb = family == FAMILY_BRIDGE;
	n->link = get32(b.p + NEIGH_INDEX);
	n->state = get16(b.p + NEIGH_STATE);
	skip(&b, NEIGH_FIXED);
	while (attr_next(&b, &type, &value))
		neigh_attr(n, family, type, &value);
	return true;
}

/* The next message; false at the end, and where lengths contradict. */
static bool
message_next(struct bytes *b, uint16_t *type, struct bytes *body)
{
	size_t size;

	if (b->len < MSG_HEADER || (size = get32(b->p)) < MSG_HEADER || size > b->len)
		return false;
	*type = get16(b->p + 4);
	body->p = b->p + MSG_HEADER;
	body->len = size - MSG_HEADER;
	skip(b, size);
	return true;
}

void
netlink_news(const uint8_t *data, size_t len, void (*fn)(const struct nl_neigh *, void *),
    void *arg)
{
	struct bytes b = { data, len }, body;
	struct nl_neigh n;
	uint16_t type;

	while (message_next(&b, &type, &body)) {
		if (type == MSG_NEWNEIGH && neigh_parse(&n, body) && !n.fdb && neigh_holds(&n) &&
		    mac_is_guest(n.mac))
			fn(&n, arg);
	}
}

enum nl_result
netlink_parse(struct nl_tables *t, const uint8_t *data, size_t len, const char **why)
{
	struct bytes b = { data, len }, body;
	struct nl_neigh n;
	uint16_t type;

	while (b.len > 0) {
		if (!message_next(&b, &type, &body)) {
			*why = "a netlink message contradicts its length";
			return NL_BROKEN;
		}
		if (type == MSG_DONE)
			return NL_DONE;
		if (type == MSG_ERROR) {
			*why = "the kernel refused to list it";
			return NL_BROKEN;
		}
		if (type == MSG_NEWLINK)
			link_parse(t, body);
		else if (type == MSG_NEWNEIGH && neigh_parse(&n, body))
			neigh_add(t, &n);
	}
	return NL_MORE;
}

static int
link_compare(const void *a, const void *b)
{
	const struct nl_link *x = a, *y = b;

	return (x->index > y->index) - (x->index < y->index);
}

static int
fdb_compare(const void *a, const void *b)
{
	const struct nl_neigh *x = a, *y = b;

	return memcmp(x->mac, y->mac, sizeof(x->mac));
}

static bool
port_flooded(struct nl_tables *t, uint32_t link)
{
	const struct nl_port *port = port_slot(t, link);

	return port != NULL && port->macs > PORT_MACS;
}

/* Whether a hardware address may make a guest: while a port is flooded, only
 * if it is known to be behind another one. */
static bool
mac_credible(struct nl_tables *t, const uint8_t mac[6])
{
	struct nl_neigh key = { 0 };
	const struct nl_neigh *row;

	if (t->flooded[0] == '\0')
		return true;
	memcpy(key.mac, mac, sizeof(key.mac));
	row = bsearch(&key, t->fdb, t->nfdb, sizeof(key), fdb_compare);
	return row != NULL && !port_flooded(t, row->link);
}

static const struct nl_link *
link_find(const struct nl_tables *t, uint32_t index)
{
	const struct nl_link key = { .index = index };

	return bsearch(&key, t->links, t->nlinks, sizeof(key), link_compare);
}

/* The guarded bridge of that index, or NULL. */
static const struct nl_link *
bridge_find(const struct nl_tables *t, uint32_t index)
{
	const struct nl_link *link = index != 0 ? link_find(t, index) : NULL;

	return link != NULL && link->guarded ? link : NULL;
}

/* Only ports of guarded bridges matter: a busy network elsewhere is no flood. */
static void
flood_find(struct nl_tables *t)
{
	const struct nl_link *port;

	t->flooded[0] = '\0';
	for (size_t i = 0; i < NETLINK_PORTS; i++) {
		if (t->ports[i].macs <= PORT_MACS ||
		    (port = link_find(t, t->ports[i].link)) == NULL ||
		    bridge_find(t, port->master) == NULL)
			continue;
		copy_string(t->flooded, port->name, sizeof(t->flooded));
	}
}

static void
neighs_sight(struct nl_tables *t, struct sighting *list, size_t *n, size_t max)
{
	const struct nl_link *bridge;
	struct sighting *s;

	for (size_t i = 0; i < t->nneighs; i++) {
		const struct nl_neigh *e = &t->neighs[i];
		/* Set by hand: true, but says nothing about when it was heard. */
		const bool fixed = (e->state & STATE_PERMANENT) != 0;

		if ((bridge = bridge_find(t, e->link)) == NULL ||
		    (s = sighting_add(list, n, max, "neighbours")) == NULL)
			continue;
		s->has_mac = true;
		memcpy(s->mac, e->mac, sizeof(s->mac));
		s->addrs[s->naddrs++] = e->addr;
		s->hint = fixed || !mac_credible(t, e->mac);
		s->age = fixed ? NETLINK_FORGOTTEN : e->age;
		copy_string(s->bridge, bridge->name, sizeof(s->bridge));
	}
}

static void
links_sight(const struct nl_tables *t, struct sighting *list, size_t *n, size_t max)
{
	const struct nl_link *link, *bridge;
	struct sighting *s;

	for (size_t i = 0; i < t->nlinks; i++) {
		link = &t->links[i];
		bridge = bridge_find(t, link->master);
		if (bridge != NULL && (link->carrier || link->quiet) &&
		    (s = sighting_add(list, n, max, "neighbours")) != NULL) {
			s->state = link->carrier ? GUEST_UNKNOWN : GUEST_STOPPED;
			copy_string(s->bridge, bridge->name, sizeof(s->bridge));
			copy_string(s->port, link->name, sizeof(s->port));
		}
		if (link->guarded &&
		    (s = sighting_add(list, n, max, "neighbours")) != NULL)
			copy_string(s->bridge, link->name, sizeof(s->bridge));
	}
}

static void
fdb_sight(struct nl_tables *t, struct sighting *list, size_t *n, size_t max)
{
	const struct nl_link *port, *bridge;
	struct sighting *s;

	for (size_t i = 0; i < t->nfdb; i++) {
		const struct nl_neigh *e = &t->fdb[i];
		const bool fixed = (e->state & STATE_NOARP) != 0;

		if ((port = link_find(t, e->link)) == NULL ||
		    (bridge = bridge_find(t, port->master)) == NULL ||
		    (s = sighting_add(list, n, max, "neighbours")) == NULL)
			continue;
		s->has_mac = true;
		memcpy(s->mac, e->mac, sizeof(s->mac));
		s->hint = fixed || port_flooded(t, e->link);
		s->age = fixed ? NETLINK_FORGOTTEN : e->age;
		copy_string(s->bridge, bridge->name, sizeof(s->bridge));
		copy_string(s->port, port->name, sizeof(s->port));
	}
}

void
netlink_sightings(struct nl_tables *t, const struct conf_names *names, struct sighting *list,
    size_t *n, size_t max)
{
	qsort(t->links, t->nlinks, sizeof(*t->links), link_compare);
	qsort(t->fdb, t->nfdb, sizeof(*t->fdb), fdb_compare);
	for (size_t i = 0; i < t->nlinks; i++)
		t->links[i].guarded = fw_means(names, t->links[i].name);
	flood_find(t);
	neighs_sight(t, list, n, max);
	links_sight(t, list, n, max);
	fdb_sight(t, list, n, max);
}
