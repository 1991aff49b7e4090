/*
 * Guests as the engine sees them: the inventory, compared with what net was
 * last told.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "log.h"
#include "xmalloc.h"

enum {
	NAMES_SHOWN = 6,	/* in "did you mean" */
	MOVED_US = 20 * 1000,	/* an address moves once in that, as far as net hears of it */
	UNSEEN_US = 60 * 1000000,	/* enough to boot and be heard of */
};

struct seen_guest {
	struct guest	guest;
	bool		frozen;
	struct stopping	stopping;	/* for it is not guarded */
	bool		leaks;		/* as was told of */
	uint64_t	unseen;		/* mono: since when it runs nobody knows where; 0: it does not */
};

struct seen_mac {
	uint8_t		mac[6];
	uint32_t	id;
};

/* ---- who is who ---- */

const struct guest *
guest_leak_news(struct engine *e, enum nic_guard guard)
{
	for (size_t i = 0; i < e->nseen; i++) {
		struct seen_guest *s = &e->seen[i];

		if (s->leaks || s->guest.state != GUEST_RUNNING || s->guest.guard != guard)
			continue;
		s->leaks = true;
		return &s->guest;
	}
	return NULL;
}

const struct guest *
guest_unseen(const struct engine *e, size_t *n)
{
	const struct guest *first = NULL;
	const uint64_t now = now_mono();

	*n = 0;
	for (size_t i = 0; i < e->nseen; i++) {
		const struct seen_guest *s = &e->seen[i];

		if (s->unseen == 0 || now - s->unseen < UNSEEN_US)
			continue;
		if ((*n)++ == 0)
			first = &s->guest;
	}
	return first;
}

bool
guest_has_addr(const struct guest *g, const struct addr *a)
{
	for (uint32_t i = 0; i < g->naddrs; i++) {
		if (addr_equal(&g->addrs[i], a))
			return true;
	}
	return false;
}

const struct guest *
guest_of_addr(struct engine *e, const struct addr *a, uint32_t hint, uint64_t when)
{
	/* net's word counts where nobody else's does: it may not have heard yet that the
	 * address is another's, and its ids may be those of an engine that ran before. */
	return inventory_by_addr_at(e->inventory, a, when, hint);
}

const struct guest *
guest_of_hit(struct engine *e, const struct hit *h)
{
	const struct guest *by_mac = mac_is_known(h->mac) ?
	    inventory_by_mac(e->inventory, h->mac) : NULL;
	const struct guest *g;

	/* Whose address it has the kernel says, not net. */
	if (h->reason == REASON_SPOOF)
		return guest_of_addr(e, &h->guest, 0, h->time);
	if (by_mac != NULL && h->mac_sent)
		return by_mac;
	g = guest_of_addr(e, &h->guest, h->guest_id, h->time);
	if (h->time < e->started && g != NULL && mac_is_known(h->mac) && g != by_mac)
		return NULL;
	return g;
}

const struct guest *
guest_of_drop(struct engine *e, const struct drop *d)
{
	const struct guest *g;

	g = inventory_by_port(e->inventory, d->in, d->flags & DROP_MAC ? d->mac : NULL);
	if (g == NULL && d->flags & DROP_MAC)
		g = inventory_by_mac(e->inventory, d->mac);
	if (g == NULL && d->src.family != 0)
		g = inventory_by_addr(e->inventory, &d->src);
	if (g == NULL && d->flags & DROP_UID)
		g = inventory_by_uid(e->inventory, d->uid);
	return g;
}

/* How many letters differ, at most 3: enough to see a typing error. */
static unsigned
distance(const char *a, const char *b)
{
	unsigned d = 0;

	while (*a != '\0' && *b != '\0' && d < 3) {
		if (*a == *b) {
			a++;
			b++;
			continue;
		}
		d++;
		if (a[1] == b[1] || a[1] == b[0]) {
			b += a[1] == b[1];
			a++;
		} else
			b++;
	}
	return d + (*a != '\0') + (*b != '\0');
}

static char *
names_like(const struct engine *e, const char *name)
{
	char *list = NULL;
	size_t n = inventory_count(e->inventory), shown = 0;

	/* Near ones only; where none is near, the first few. */
	for (int near = 1; near >= 0 && shown == 0; near--) {
		for (size_t i = 0; i < n && shown < NAMES_SHOWN; i++) {
			const char *other = inventory_guest(e->inventory, i)->name;
			char *longer;

			if (near && distance(name, other) > 2 && strstr(other, name) == NULL)
				continue;
			longer = xasprintf("%s%s%s", list != NULL ? list : "", list != NULL ? ", " : "",
			    other);
			free(list);
			list = longer;
			shown++;
		}
	}
	return list;
}

char *
guest_named(struct engine *e, const char *name, const struct guest **g)
{
	char *like, *cause;

	if ((*g = inventory_by_name(e->inventory, name)) != NULL)
		return NULL;
	like = names_like(e, name);
	cause = like != NULL ?
	    xasprintf("no guest is called \"%s\"; there is: %s", name, like) :
	    xasprintf("no guest is called \"%s\", and no guest is known; see \"gatehouse vms\"", name);
	free(like);
	return cause;
}

/* ---- telling net ---- */

/* NULL: nobody's any more. */
static void
guest_tell(struct engine *e, const struct guest *g, struct msg_guest m)
{
	if (g != NULL) {
		m.guest_id = g->id;
		m.frozen = guest_frozen(e, g);
		copy_string(m.name, guest_scope(g), sizeof(m.name));
		if (m.by == GUEST_BY_ADDR && g->has_mac)
			memcpy(m.mac, g->mac, sizeof(m.mac));
	}
	engine_to_net(e, FRAME_GUEST, &m, -1);
}

static void
guest_send(struct engine *e, const struct guest *g, const struct addr *a)
{
	guest_tell(e, g, (struct msg_guest){ .addr = *a });
}

static void
user_send(struct engine *e, const struct guest *g, uint32_t uid)
{
	guest_tell(e, g, (struct msg_guest){ .by = GUEST_BY_USER, .uid = uid });
}

static void
mac_send(struct engine *e, const struct guest *g, const uint8_t mac[6])
{
	struct msg_guest m = { .by = GUEST_BY_MAC };

	memcpy(m.mac, mac, sizeof(m.mac));
	guest_tell(e, g, m);
}

/*
 * Who has an address now may ask for something at once, and be taken for who had it
 * before: net is told with the kernel's word, not with the pass that judges all.  Guests
 * can have the kernel say as much as they like, so what moves again a moment later is
 * nobody's for that moment, which lets nothing pass, and so is what there is no room for
 * until the pass.
 */
static void
moved_tell(struct engine *e, bool all)
{
	for (uint32_t i = 0; i < e->nmoved; i++) {
		if (all || e->moved[i].hidden)
			guest_send(e, inventory_by_addr(e->inventory, &e->moved[i].addr),
			    &e->moved[i].addr);
		e->moved[i].fresh = e->moved[i].hidden = false;
	}
}

static void
on_moved_due(evutil_socket_t fd, short what, void *arg)
{
	moved_tell(arg, false);
}

static void
moved_soon(struct engine *e)
{
	static const struct timeval soon = { .tv_usec = MOVED_US };

	if (e->moved_due == NULL)
		e->moved_due = evtimer_new(e->base, on_moved_due, e);
	if (e->moved_due != NULL && !event_pending(e->moved_due, EV_TIMEOUT, NULL))
		event_add(e->moved_due, &soon);
}

void
guest_moved(const struct addr *a, void *arg)
{
	struct engine *e = arg;
	uint32_t i = 0;

	pinned_moved(e, a);
	while (i < e->nmoved && !addr_equal(&e->moved[i].addr, a))
		i++;
	if (i == MOVED_MAX) {
		guest_send(e, NULL, a);
		e->moved_more = true;
		return;
	}
	if (i == e->nmoved) {
		e->nmoved++;
		e->moved[i].addr = *a;
		e->moved[i].fresh = e->moved[i].hidden = false;
	}
	if (!e->moved[i].fresh)
		guest_send(e, inventory_by_addr(e->inventory, a), a);
	else if (!e->moved[i].hidden)
		guest_send(e, NULL, a);
	e->moved[i].hidden = e->moved[i].fresh;
	e->moved[i].fresh = true;
	moved_soon(e);
}

/* Its user, or every hardware address of it, and then every address that is not
 * another's by now. */
void
guest_send_all(struct engine *e, const struct guest *g)
{
	if (g->kind == GUEST_UID)
		user_send(e, g, g->uid);
	for (size_t i = 0; i < e->nseen_macs; i++) {
		if (e->seen_macs[i].id == g->id)
			mac_send(e, g, e->seen_macs[i].mac);
	}
	for (uint32_t i = 0; i < g->naddrs; i++) {
		const struct guest *owner = inventory_by_addr(e->inventory, &g->addrs[i]);

		if (owner == NULL || owner->id == g->id)
			guest_send(e, g, &g->addrs[i]);
	}
}

void
guests_send(struct engine *e)
{
	for (size_t i = 0; i < inventory_count(e->inventory); i++)
		guest_send_all(e, inventory_guest(e->inventory, i));
}

/* ---- changes ---- */

static struct seen_guest *
seen_find(struct engine *e, size_t hint, uint32_t id)
{
	if (hint < e->nseen && e->seen[hint].guest.id == id)
		return &e->seen[hint];
	for (size_t i = 0; i < e->nseen; i++) {
		if (e->seen[i].guest.id == id)
			return &e->seen[i];
	}
	return NULL;
}

static void
note_change(struct engine *e, const struct guest *was, const struct guest *g)
{
	char addr[ADDR_TEXT_SIZE] = "no address yet";

	if (g->naddrs > 0)
		addr_format(&g->addrs[0], addr);
	if (was == NULL && g->state != GUEST_STOPPED)
		event_note(e, EVENT_GUEST, EVENT_NOTICE, g->name, "%s appeared: %s on %s", g->name, addr,
		    g->bridge[0] != '\0' ? g->bridge : "this host");
	else if (was != NULL && was->state != g->state)
		event_note(e, EVENT_GUEST, EVENT_NOTICE, g->name, "%s is %s", g->name,
		    guest_state_name(g->state));
	if (was != NULL && strcmp(was->name, g->name) != 0)
		event_note(e, EVENT_GUEST, EVENT_NOTICE, g->name, "%s is called %s now", was->name,
		    g->name);
	for (uint32_t i = 0; was != NULL && i < g->naddrs; i++) {
		if (!guest_has_addr(was, &g->addrs[i]))
			event_note(e, EVENT_GUEST, EVENT_INFO, g->name, "%s has the address %s now",
			    g->name, addr_format(&g->addrs[i], addr));
	}
}

static bool
guest_same(const struct guest *a, const struct guest *b)
{
	return a->state == b->state && strcmp(a->name, b->name) == 0 && a->own_name == b->own_name &&
	    a->naddrs == b->naddrs &&
	    memcmp(a->addrs, b->addrs, a->naddrs * sizeof(a->addrs[0])) == 0;
}

/* Addresses that nobody has any more, and users that are guarded no more. */
static void
forget_addrs(struct engine *e)
{
	for (size_t i = 0; i < e->nseen; i++) {
		const struct guest *was = &e->seen[i].guest;

		if (was->kind == GUEST_UID && inventory_by_uid(e->inventory, was->uid) == NULL)
			user_send(e, NULL, was->uid);
		for (uint32_t k = 0; k < was->naddrs; k++) {
			if (inventory_by_addr(e->inventory, &was->addrs[k]) == NULL)
				guest_send(e, NULL, &was->addrs[k]);
		}
	}
}

/* Hardware addresses that are another's than they were, or nobody's. */
static void
macs_changed(struct engine *e)
{
	const size_t all = inventory_macs(e->inventory);
	struct seen_mac *now = xcalloc(all + 1, sizeof(*now)), *was = e->seen_macs;
	const struct guest *g;
	size_t n = 0, k = 0;
	int c;

	for (size_t i = 0; i < all; i++) {
		g = inventory_mac(e->inventory, i, now[n].mac);
		if (n > 0 && memcmp(now[n].mac, now[n - 1].mac, sizeof(now[n].mac)) == 0)
			continue;
		for (; k < e->nseen_macs &&
		    (c = memcmp(was[k].mac, now[n].mac, sizeof(was[k].mac))) <= 0; k++) {
			if (c == 0)
				now[n].id = was[k].id;
			else
				mac_send(e, NULL, was[k].mac);
		}
		if (now[n].id != g->id)
			mac_send(e, g, now[n].mac);
		now[n++].id = g->id;
	}
	for (; k < e->nseen_macs; k++)
		mac_send(e, NULL, was[k].mac);
	free(was);
	e->seen_macs = now;
	e->nseen_macs = n;
}

static bool
guest_is_known(uint32_t id, void *arg)
{
	return id == UINT32_MAX || inventory_by_id(arg, id) != NULL;
}

void
guests_stop_unguarded(struct engine *e)
{
	for (size_t i = 0; i < e->nseen; i++)
		act_unguarded(e, &e->seen[i].guest, &e->seen[i].stopping);
}

void
guests_changed(void *arg)
{
	struct engine *e = arg;
	size_t n = inventory_count(e->inventory);
	struct seen_guest *seen = xcalloc(n, sizeof(*seen));

	macs_changed(e);
	forget_addrs(e);
	for (size_t i = 0; i < n; i++) {
		const struct guest *g = inventory_guest(e->inventory, i);
		const struct seen_guest *was = seen_find(e, i, g->id);

		freeze_follow(e, g);
		seen[i].guest = *g;
		seen[i].frozen = guest_frozen(e, g);
		if (was != NULL)
			seen[i].stopping = was->stopping;
		seen[i].leaks = was != NULL && was->leaks && g->state == GUEST_RUNNING &&
		    g->guard == was->guest.guard;
		if (g->state == GUEST_RUNNING && g->guard == NIC_UNSEEN)
			seen[i].unseen = was != NULL && was->unseen != 0 ? was->unseen : now_mono();
		if (was != NULL && guest_same(&was->guest, g) && was->frozen == seen[i].frozen)
			continue;
		guest_send_all(e, g);
		note_change(e, was != NULL ? &was->guest : NULL, g);
	}
	free(e->seen);
	e->seen = seen;
	e->nseen = n;
	if (e->moved_more)
		guests_send(e);
	moved_tell(e, true);
	e->moved_more = false;
	e->nmoved = 0;
	pinned_judge(e);
	life_judge(e);
	guests_stop_unguarded(e);
	kept_poll(e);
	model_retain_guests(e->model, guest_is_known, e->inventory);
	model_touch(e->model, VIEW_VMS);
}

void
guests_merged(uint32_t id, uint32_t from, void *arg)
{
	struct engine *e = arg;

	model_merge_guests(e->model, id, from);
}

void
guests_free(struct engine *e)
{
	free(e->seen);
	free(e->seen_macs);
	if (e->moved_due != NULL)
		event_free(e->moved_due);
}
