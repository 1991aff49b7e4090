/*
 * Guests as the engine sees them: the inventory, compared with what net was
 * last told, and a record for each frozen one of all that it was frozen by.
 *
 * The record outlives changes of the guest: an address it takes later is
 * frozen too, and thawing gives back every address it ever had.  After a
 * restart of the engine the records come from the kernel's own sets; an
 * element that fits no guest waits until one comes that it fits.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "json_text.h"
#include "log.h"
#include "xmalloc.h"

enum {
	FROZEN_ADDRS = 32,
	NAMES_SHOWN = 6,	/* in "did you mean" */
};

struct frozen {
	struct frozen	*next;
	uint32_t	 guest;		/* 0: an element that fits no guest yet */
	bool		 has_mac;
	uint8_t		 mac[6];
	char		 port[GH_IFNAME_SIZE];
	uint32_t	 naddrs;
	struct addr	 addrs[FROZEN_ADDRS];
};

struct seen_guest {
	struct guest	guest;
	bool		frozen;
};

/* One freeze or thaw on its way, maybe in several requests. */
struct freeze {
	unsigned		 waiting;
	bool			 on, all;
	bool			 part;		/* one address only: the guest stays frozen */
	uint32_t		 guest;
	char			 name[GH_GUEST_SIZE];
	char			*cause;
	struct control_call	*call;
};

/* ---- who is who ---- */

static bool
guest_has_addr(const struct guest *g, const struct addr *a)
{
	for (uint32_t i = 0; i < g->naddrs; i++) {
		if (addr_equal(&g->addrs[i], a))
			return true;
	}
	return false;
}

const struct guest *
guest_of_addr(struct engine *e, const struct addr *a, uint32_t hint)
{
	const struct guest *hinted = hint != 0 ? inventory_by_id(e->inventory, hint) : NULL;
	const struct guest *g;

	/* net's word counts where it can be true: its ids may be those of an
	 * engine that ran before this one. */
	if (hinted != NULL && (a->family == 0 || guest_has_addr(hinted, a)))
		return hinted;
	g = a->family != 0 ? inventory_by_addr(e->inventory, a) : NULL;
	return g != NULL ? g : hinted;
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

/* ---- records ---- */

static bool
frozen_fits(const struct frozen *f, const struct guest *g)
{
	if (f->has_mac && g->has_mac && memcmp(f->mac, g->mac, sizeof(f->mac)) == 0)
		return true;
	if (f->port[0] != '\0' && strcmp(f->port, g->port) == 0)
		return true;
	for (uint32_t i = 0; i < f->naddrs; i++) {
		if (guest_has_addr(g, &f->addrs[i]))
			return true;
	}
	return false;
}

static struct frozen *
frozen_find(const struct engine *e, uint32_t guest)
{
	struct frozen *f;

	for (f = e->frozen; f != NULL && f->guest != guest; f = f->next)
		continue;
	return f;
}

bool
guest_frozen(const struct engine *e, const struct guest *g)
{
	return e->frozen_all || frozen_find(e, g->id) != NULL;
}

/* Adds what the guest has now. True if the record did not have all of it. */
static bool
frozen_add(struct frozen *f, const struct guest *g)
{
	bool more = false;

	if (g->has_mac && (!f->has_mac || memcmp(f->mac, g->mac, sizeof(f->mac)) != 0)) {
		f->has_mac = more = true;
		memcpy(f->mac, g->mac, sizeof(f->mac));
	}
	if (g->port[0] != '\0' && strcmp(f->port, g->port) != 0) {
		copy_string(f->port, g->port, sizeof(f->port));
		more = true;
	}
	for (uint32_t i = 0; i < g->naddrs; i++) {
		uint32_t at;

		for (at = 0; at < f->naddrs && !addr_equal(&f->addrs[at], &g->addrs[i]); at++)
			continue;
		if (at < f->naddrs)
			continue;
		more = true;
		if (f->naddrs == FROZEN_ADDRS)
			memmove(f->addrs, f->addrs + 1, --f->naddrs * sizeof(f->addrs[0]));
		f->addrs[f->naddrs++] = g->addrs[i];
	}
	return more;
}

static struct frozen *
frozen_new(struct engine *e, uint32_t guest)
{
	struct frozen *f = xcalloc(1, sizeof(*f));

	f->guest = guest;
	f->next = e->frozen;
	e->frozen = f;
	return f;
}

static void
frozen_forget(struct engine *e, uint32_t guest)
{
	struct frozen **p = &e->frozen;

	while (*p != NULL) {
		struct frozen *f = *p;

		if (f->guest != guest) {
			p = &f->next;
			continue;
		}
		*p = f->next;
		free(f);
	}
}

/* ---- telling net ---- */

static void
guest_send(struct engine *e, const struct guest *g, const struct addr *a)
{
	struct msg_guest m = { .addr = *a };

	if (g != NULL) {
		m.guest_id = g->id;
		m.frozen = guest_frozen(e, g);
		copy_string(m.name, g->name, sizeof(m.name));
	}
	engine_to_net(e, FRAME_GUEST, &m, -1);
}

/* Every address of the guest that is not another's by now. */
static void
guest_send_all(struct engine *e, const struct guest *g)
{
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

/* ---- freezing ---- */

static void
freeze_end(struct engine *e, struct freeze *f)
{
	char who[WHO_SIZE];
	json_t *vms;

	if (f->call == NULL) {
		if (f->cause != NULL)
			log_warnx("cannot %s %s: %s", f->on ? "freeze" : "thaw an address of",
			    f->name, f->cause);
	} else if (f->cause != NULL)
		control_fail(f->call, CONTROL_FAILED, xasprintf("%s%s%s: %s",
		    f->on ? "the proxy refuses, but the firewall did not freeze " :
		    "still frozen: ", f->name, f->on ? "; try again" : "", f->cause));
	else {
		event_note(e, EVENT_RULES, EVENT_NOTICE, f->all ? "" : f->name, "%s %s %s",
		    who_name(f->call->peer.uid, who), f->on ? "froze" : "thawed", f->name);
		vms = json_array();
		json_array_append_new(vms, json_guest(f->all ? "*" : f->name));
		control_reply(f->call, json_pack("{s:o}", "vms", vms));
	}
	free(f->cause);
	free(f);
}

/* The kernel no longer freezes the guest, or all of them: nor do we. */
static void
freeze_lift(struct engine *e, const struct freeze *f)
{
	const struct guest *g;

	if (f->all) {
		e->frozen_all = false;
		while (e->frozen != NULL)
			frozen_forget(e, e->frozen->guest);
		guests_send(e);
	} else {
		frozen_forget(e, f->guest);
		if ((g = inventory_by_id(e->inventory, f->guest)) != NULL)
			guest_send_all(e, g);
	}
	model_touch(e->model, VIEW_VMS);
}

/* One answer less to wait for; the last one ends it. */
static void
freeze_step(struct engine *e, struct freeze *f, const char *cause)
{
	if (cause != NULL && f->cause == NULL)
		f->cause = xstrdup(cause);
	if (--f->waiting > 0)
		return;
	if (!f->on && !f->part && f->cause == NULL)
		freeze_lift(e, f);
	freeze_end(e, f);
}

static void
freeze_done(struct engine *e, struct fw_pending *p, const char *cause)
{
	freeze_step(e, p->arg, cause);
}

static void
freeze_ask(struct engine *e, struct freeze *f, const struct fw_guest *g)
{
	struct msg_fw_request m = { .verb = f->on ? FW_FREEZE : FW_THAW, .guest = *g };

	if (rules_request(e, &m, freeze_done, NULL, f))
		f->waiting++;
	else if (f->cause == NULL)
		f->cause = xstrdup("too many requests wait for the firewall; try again");
}

/* All that the record holds, as many addresses to a request as fit. */
static void
freeze_ask_record(struct engine *e, struct freeze *f, const struct frozen *r)
{
	uint32_t at = 0;

	do {
		struct fw_guest g = { .has_mac = r->has_mac };

		memcpy(g.mac, r->mac, sizeof(g.mac));
		copy_string(g.port, r->port, sizeof(g.port));
		while (at < r->naddrs && g.naddrs < FW_GUEST_ADDRS)
			g.addrs[g.naddrs++] = r->addrs[at++];
		freeze_ask(e, f, &g);
	} while (at < r->naddrs);
}

static struct freeze *
freeze_new(const struct guest *g, bool on, struct control_call *call)
{
	struct freeze *f = xcalloc(1, sizeof(*f));

	f->on = on;
	f->all = g == NULL;
	f->guest = g != NULL ? g->id : 0;
	f->call = call;
	copy_string(f->name, g != NULL ? g->name : "every guest", sizeof(f->name));
	/* One for ourselves, so that it does not end before all is asked. */
	f->waiting = 1;
	return f;
}

static void
freeze_guest(struct engine *e, const struct guest *g, struct control_call *call)
{
	struct frozen *r = frozen_find(e, g->id);
	struct freeze *f = freeze_new(g, true, call);

	if (r == NULL)
		r = frozen_new(e, g->id);
	frozen_add(r, g);
	/* The proxy first: it takes effect in this turn of the loop. */
	guest_send_all(e, g);
	freeze_ask_record(e, f, r);
	freeze_step(e, f, NULL);
	model_touch(e->model, VIEW_VMS);
}

static void
thaw_guest(struct engine *e, const struct guest *g, struct control_call *call)
{
	struct frozen *r = frozen_find(e, g->id);
	struct freeze *f = freeze_new(g, false, call);

	if (r != NULL)
		freeze_ask_record(e, f, r);
	freeze_step(e, f, NULL);
}

static void
freeze_all(struct engine *e, bool on, struct control_call *call)
{
	static const struct fw_guest everyone;
	struct freeze *f = freeze_new(NULL, on, call);

	if (on) {
		e->frozen_all = true;
		guests_send(e);
	}
	freeze_ask(e, f, &everyone);
	for (struct frozen *r = e->frozen; !on && r != NULL; r = r->next)
		freeze_ask_record(e, f, r);
	freeze_step(e, f, NULL);
	model_touch(e->model, VIEW_VMS);
}

void
guests_freeze(struct engine *e, const struct guest *g, bool on, struct control_call *call)
{
	if (g == NULL) {
		freeze_all(e, on, call);
		return;
	}
	if (g->kind == GUEST_UID) {
		control_fail(call, CONTROL_FAILED, xasprintf("%s is a user of this host, not a VM: "
		    "stop its processes, or apply the profile lockdown", g->name));
		return;
	}
	if (e->frozen_all && !on) {
		control_fail(call, CONTROL_FAILED, xasprintf("every guest is frozen: thaw them all "
		    "with \"gatehouse thaw\", then freeze the others one by one"));
		return;
	}
	if (on)
		freeze_guest(e, g, call);
	else
		thaw_guest(e, g, call);
}

/* An element that fits a guest becomes part of that guest's record. */
static void
frozen_match(struct engine *e, const struct guest *g)
{
	struct frozen *f, *record = NULL;
	bool found = false;

	for (f = e->frozen; f != NULL; f = f->next)
		found = found || (f->guest == 0 && frozen_fits(f, g));
	if (!found)
		return;
	if ((record = frozen_find(e, g->id)) == NULL)
		record = frozen_new(e, g->id);
	for (f = e->frozen; f != NULL; f = f->next) {
		if (f->guest != 0 || !frozen_fits(f, g))
			continue;
		if (f->has_mac) {
			record->has_mac = true;
			memcpy(record->mac, f->mac, sizeof(record->mac));
		}
		if (f->port[0] != '\0')
			copy_string(record->port, f->port, sizeof(record->port));
		for (uint32_t i = 0; i < f->naddrs && record->naddrs < FROZEN_ADDRS; i++)
			record->addrs[record->naddrs++] = f->addrs[i];
		/* Nobody has this number: the record goes below. */
		f->guest = UINT32_MAX;
	}
	frozen_forget(e, UINT32_MAX);
}

/* Gives back what the record holds at a place: another guest has it now. */
static void
frozen_release(struct engine *e, struct frozen *r, uint32_t at, const struct guest *g)
{
	struct fw_guest one = { .naddrs = 1, .addrs = { r->addrs[at] } };
	struct freeze *f = freeze_new(g, false, NULL);

	r->addrs[at] = r->addrs[--r->naddrs];
	f->part = true;
	freeze_ask(e, f, &one);
	freeze_step(e, f, NULL);
}

/* Addresses that moved on to a guest that nobody froze must not freeze that. */
static void
frozen_moved(struct engine *e, struct frozen *r, const struct guest *g)
{
	for (uint32_t i = r->naddrs; i > 0; i--) {
		const struct guest *owner = inventory_by_addr(e->inventory, &r->addrs[i - 1]);

		if (owner != NULL && owner->id != g->id && owner->state == GUEST_RUNNING &&
		    frozen_find(e, owner->id) == NULL)
			frozen_release(e, r, i - 1, g);
	}
}

/* A frozen guest that got something new is frozen by that too. */
static void
frozen_follow(struct engine *e, const struct guest *g)
{
	struct frozen *r;
	struct freeze *f;
	bool more;

	frozen_match(e, g);
	if ((r = frozen_find(e, g->id)) == NULL)
		return;
	more = frozen_add(r, g);
	frozen_moved(e, r, g);
	if (!more)
		return;
	f = freeze_new(g, true, NULL);
	freeze_ask_record(e, f, r);
	freeze_step(e, f, NULL);
}

void
guests_adopt_frozen(struct engine *e, const struct fw_guest *found, int n, bool all)
{
	e->frozen_known = true;
	e->frozen_all = e->frozen_all || all;
	for (int i = 0; i < n; i++) {
		struct frozen *f = frozen_new(e, 0);

		f->has_mac = found[i].has_mac;
		memcpy(f->mac, found[i].mac, sizeof(f->mac));
		copy_string(f->port, found[i].port, sizeof(f->port));
		for (uint32_t k = 0; k < found[i].naddrs && k < FW_GUEST_ADDRS; k++)
			f->addrs[f->naddrs++] = found[i].addrs[k];
	}
	for (size_t i = 0; i < inventory_count(e->inventory); i++)
		frozen_follow(e, inventory_guest(e->inventory, i));
	guests_send(e);
	model_touch(e->model, VIEW_VMS);
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
	return a->state == b->state && strcmp(a->name, b->name) == 0 && a->naddrs == b->naddrs &&
	    memcmp(a->addrs, b->addrs, a->naddrs * sizeof(a->addrs[0])) == 0;
}

/* Addresses that nobody has any more. */
static void
forget_addrs(struct engine *e)
{
	for (size_t i = 0; i < e->nseen; i++) {
		const struct guest *was = &e->seen[i].guest;

		for (uint32_t k = 0; k < was->naddrs; k++) {
			if (inventory_by_addr(e->inventory, &was->addrs[k]) == NULL)
				guest_send(e, NULL, &was->addrs[k]);
		}
	}
}

static bool
guest_is_known(uint32_t id, void *arg)
{
	return id == UINT32_MAX || inventory_by_id(arg, id) != NULL;
}

void
guests_changed(void *arg)
{
	struct engine *e = arg;
	size_t n = inventory_count(e->inventory);
	struct seen_guest *seen = xcalloc(n, sizeof(*seen));

	forget_addrs(e);
	for (size_t i = 0; i < n; i++) {
		const struct guest *g = inventory_guest(e->inventory, i);
		const struct seen_guest *was = seen_find(e, i, g->id);

		frozen_follow(e, g);
		seen[i].guest = *g;
		seen[i].frozen = guest_frozen(e, g);
		if (was != NULL && guest_same(&was->guest, g) && was->frozen == seen[i].frozen)
			continue;
		guest_send_all(e, g);
		note_change(e, was != NULL ? &was->guest : NULL, g);
	}
	free(e->seen);
	e->seen = seen;
	e->nseen = n;
	model_retain_guests(e->model, guest_is_known, e->inventory);
	model_touch(e->model, VIEW_VMS);
}

void
guests_free(struct engine *e)
{
	while (e->frozen != NULL)
		frozen_forget(e, e->frozen->guest);
	free(e->seen);
}
