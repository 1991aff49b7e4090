/*
 * Freezing guests: a record for each frozen one of all that it was frozen by.
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
#include "firewall/frozen.h"
#include "inventory/guard.h"
#include "json_text.h"
#include "log.h"
#include "xmalloc.h"

struct frozen {
	struct frozen	*next;
	uint32_t	 guest;		/* 0: an element that fits no guest yet */
	bool		 thawing;	/* priv was asked, and nobody froze it since */
	struct fw_guest	 by;		/* its addresses and its first NIC */
	uint32_t	 nnics;		/* how many NICs priv was told of */
	char			 ends[GUEST_NICS][GH_IFNAME_SIZE];	/* of theirs, on this host */
};

/* One freeze or thaw on its way. */
struct freeze {
	bool			 on, all;
	bool			 idle;		/* a thaw of what was not frozen */
	uint32_t		 guest;
	uint32_t		 turn;		/* of all: which decision about all it is */
	char			 name[GH_GUEST_SIZE];
	char			*cause;
	struct control_call	*call;
};

/* ---- records ---- */

static bool
frozen_fits(const struct fw_guest *by, const struct guest *g)
{
	for (uint32_t i = 0; i < g->nnics; i++) {
		if ((by->has_mac && g->nics[i].has_mac &&
		    memcmp(by->mac, g->nics[i].mac, sizeof(by->mac)) == 0) ||
		    (by->port[0] != '\0' && strcmp(by->port, guest_nic_end(&g->nics[i])) == 0))
			return true;
	}
	for (uint32_t i = 0; i < by->naddrs; i++) {
		if (guest_has_addr(g, &by->addrs[i]))
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

/* Adds an address; where there is no room the oldest goes, for the hardware
 * address and the port hold the guest too. True if it was not there. */
static bool
frozen_add_addr(struct fw_guest *by, const struct addr *a)
{
	for (uint32_t i = 0; i < by->naddrs; i++) {
		if (addr_equal(&by->addrs[i], a))
			return false;
	}
	if (by->naddrs == FW_GUEST_ADDRS)
		memmove(by->addrs, by->addrs + 1, --by->naddrs * sizeof(by->addrs[0]));
	by->addrs[by->naddrs++] = *a;
	return true;
}

/* The port of a guest that has stopped is whoever's has it next. */
static bool
frozen_leave_port(struct fw_guest *by, const struct guest *g)
{
	if (by->port[0] == '\0' || g->state != GUEST_STOPPED || guest_nic_end(&g->nics[0])[0] != '\0' ||
	    (!by->has_mac && by->naddrs == 0))
		return false;
	memset(by->port, 0, sizeof(by->port));
	return true;
}

/* Adds what the guest has now. True if not all of it was there. */
static bool
frozen_add(struct fw_guest *by, const struct guest *g)
{
	const char *end = guest_nic_end(&g->nics[0]);
	bool more = false;

	if (g->has_mac && (!by->has_mac || memcmp(by->mac, g->mac, sizeof(by->mac)) != 0)) {
		by->has_mac = more = true;
		memcpy(by->mac, g->mac, sizeof(by->mac));
	}
	if (*end != '\0' && strcmp(by->port, end) != 0) {
		copy_string(by->port, end, sizeof(by->port));
		more = true;
	}
	for (uint32_t i = 0; i < g->naddrs; i++)
		more = frozen_add_addr(by, &g->addrs[i]) || more;
	return more;
}

/* What its NICs are frozen by. */
static void
ends_keep(struct frozen *r, const struct guest *g)
{
	r->nnics = g->nnics;
	for (uint32_t i = 0; i < g->nnics; i++)
		copy_string(r->ends[i], guest_nic_end(&g->nics[i]), sizeof(r->ends[i]));
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

/* ---- freezing ---- */

/* What no rule of ours holds; NULL: all is held. Caller frees. */
static char *
way_out(const struct engine *e, const struct freeze *f)
{
	for (size_t i = 0; i < inventory_count(e->inventory); i++) {
		const struct guest *g = inventory_guest(e->inventory, i);

		if ((!f->all && g->id != f->guest) || g->state != GUEST_RUNNING ||
		    g->guard < NIC_UNGUARDABLE)
			continue;
		return xasprintf("%s is %s: what goes past the rules goes on; \"gatehouse vms --json\" "
		    "says by which NIC, and %s ends it", g->name,
		    nic_guard_name((enum nic_guard)g->guard), g->manager[0] != '\0' ?
		    "\"gatehouse stop\"" : "stopping its process");
	}
	return NULL;
}

static void
freeze_end(struct engine *e, struct freeze *f)
{
	char who[WHO_SIZE], *warning;
	json_t *vms;

	if (f->call == NULL) {
		if (f->cause != NULL)
			log_warnx("cannot freeze what %s has now: %s", f->name, f->cause);
	} else if (f->cause != NULL && f->on && strcmp(status_firewall(e), "open") == 0)
		control_fail(f->call, CONTROL_FAILED, xasprintf("no rules are in force, so the proxy alone "
		    "refuses %s; \"gatehouse apply\" loads rules, and freezes it whole", f->name));
	else if (f->cause != NULL)
		control_fail(f->call, CONTROL_FAILED, xasprintf("%s%s%s: %s",
		    f->on ? "the proxy refuses, but the firewall did not freeze " :
		    "still frozen: ", f->name, f->on ? "; try again" : "", f->cause));
	else {
		if (!f->idle)
			event_note(e, EVENT_RULES, EVENT_NOTICE, f->all ? "" : f->name, "%s %s %s",
			    who_name(f->call->peer.uid, who), f->on ? "froze" : "thawed", f->name);
		vms = json_array();
		json_array_append_new(vms, json_guest(f->all ? "*" : f->name));
		warning = f->on ? way_out(e, f) : NULL;
		control_reply(f->call, json_pack("{s:o, s:b, s:o}", "vms", vms, "changed", !f->idle,
		    "warning", json_plain_or_null(warning)));
		free(warning);
	}
	free(f->cause);
	free(f);
}

/* The kernel no longer freezes the guest, or all of them: nor do we, unless
 * someone froze again meanwhile. */
static void
freeze_lift(struct engine *e, const struct freeze *f)
{
	const struct guest *g;
	const struct frozen *r = frozen_find(e, f->guest);

	if (f->all && f->turn == e->freeze_turn) {
		e->frozen_all = false;
		freeze_free(e);
		guests_send(e);
	} else if (!f->all && r != NULL && r->thawing) {
		frozen_forget(e, f->guest);
		if ((g = inventory_by_id(e->inventory, f->guest)) != NULL)
			guest_send_all(e, g);
	}
	pinned_judge(e);
	model_touch(e->model, VIEW_VMS);
}

static void
freeze_finish(struct engine *e, struct freeze *f, const char *cause)
{
	struct frozen *r = frozen_find(e, f->guest);

	if (cause != NULL) {
		f->cause = xstrdup(cause);
		if (r != NULL && !f->on)
			r->thawing = false;
	} else if (!f->on)
		freeze_lift(e, f);
	freeze_end(e, f);
}

static void
freeze_done(struct engine *e, struct fw_pending *p, const char *cause)
{
	freeze_finish(e, p->arg, cause);
}

/* priv lets what it is told replace what it knew of the same guest, and takes
 * a thaw of any part for a thaw of the whole.  by: NULL is everyone. */
static void
freeze_ask(struct engine *e, struct freeze *f, const struct fw_guest *by)
{
	struct msg_fw_request m = { .verb = f->on ? FW_FREEZE : FW_THAW, .everyone = by == NULL };

	if (by != NULL)
		m.guest = *by;
	if (by != NULL && frozen_is_nobody(by))
		freeze_finish(e, f, "neither a hardware address nor an address or a port of it is known");
	else if (!rules_request(e, &m, freeze_done, NULL, f))
		freeze_finish(e, f, "too many requests wait for the firewall; try again");
}

static void
nic_done(struct engine *e, struct fw_pending *p, const char *cause)
{
	if (cause != NULL)
		log_warnx("a further NIC could not be %s: %s", p->verb == FW_FREEZE ? "frozen" : "thawed",
		    cause);
}

/* Every NIC but the first is to priv as if it were another guest. */
static void
freeze_nics(struct engine *e, const struct guest *g, bool on, uint32_t from)
{
	for (uint32_t i = from < 1 ? 1 : from; i < g->nnics; i++) {
		struct msg_fw_request m = { .verb = on ? FW_FREEZE : FW_THAW };
		const struct guest_nic *nic = &g->nics[i];

		m.guest.has_mac = nic->has_mac;
		memcpy(m.guest.mac, nic->mac, sizeof(m.guest.mac));
		copy_string(m.guest.port, guest_nic_end(nic), sizeof(m.guest.port));
		if ((nic->has_mac || m.guest.port[0] != '\0') &&
		    !rules_request(e, &m, nic_done, NULL, NULL))
			log_warnx("%s: too many requests wait for the firewall", g->name);
	}
}

static struct freeze *
freeze_new(struct engine *e, const struct guest *g, bool on, struct control_call *call)
{
	struct freeze *f = xcalloc(1, sizeof(*f));

	f->on = on;
	f->all = g == NULL;
	f->turn = f->all ? ++e->freeze_turn : 0;
	f->guest = g != NULL ? g->id : 0;
	f->call = call;
	copy_string(f->name, g != NULL ? g->name : "every guest", sizeof(f->name));
	f->idle = !on && (g != NULL ? !guest_frozen(e, g) : !e->frozen_all && e->frozen == NULL);
	return f;
}

static void
freeze_guest(struct engine *e, const struct guest *g, struct control_call *call)
{
	struct frozen *r = frozen_find(e, g->id);

	if (r == NULL)
		r = frozen_new(e, g->id);
	r->thawing = false;
	frozen_add(&r->by, g);
	/* The proxy first: it takes effect in this turn of the loop. */
	guest_send_all(e, g);
	model_touch(e->model, VIEW_VMS);
	freeze_nics(e, g, true, 0);
	ends_keep(r, g);
	freeze_ask(e, freeze_new(e, g, true, call), &r->by);
	pinned_judge(e);
}

static void
thaw_guest(struct engine *e, const struct guest *g, struct control_call *call)
{
	struct frozen *r = frozen_find(e, g->id);
	struct fw_guest by = { 0 };

	/* Also one that we do not know as frozen: the kernel may. */
	if (r != NULL) {
		r->thawing = true;
		by = r->by;
	}
	frozen_add(&by, g);
	freeze_nics(e, g, false, 0);
	freeze_ask(e, freeze_new(e, g, false, call), &by);
}

static void
freeze_all(struct engine *e, bool on, struct control_call *call)
{
	if (on) {
		e->frozen_all = true;
		guests_send(e);
		model_touch(e->model, VIEW_VMS);
	}
	freeze_ask(e, freeze_new(e, NULL, on, call), NULL);
	pinned_judge(e);
}

void
freeze_guests(struct engine *e, const struct guest *g, bool on, struct control_call *call)
{
	struct fw_guest by = { 0 };

	if (g == NULL) {
		freeze_all(e, on, call);
		return;
	}
	if (g->kind == GUEST_UID) {
		control_fail(call, CONTROL_FAILED, xasprintf("%s is a user of this host, not a VM: "
		    "stop its processes, or apply the profile lockdown", g->name));
		return;
	}
	frozen_add(&by, g);
	if (frozen_is_nobody(&by) && frozen_find(e, g->id) == NULL) {
		control_fail(call, CONTROL_FAILED, g->guard == NIC_UNGUARDABLE ?
		    xasprintf("%s leaves as a process of this host, which no rule of guests holds: "
		    "stop it, or guard the user it runs as ([guard] uid)", g->name) :
		    xasprintf("no rule can tell %s from others: neither a hardware address nor an "
		    "address or a port of it is known; freeze every guest (without a name), or "
		    "stop it", g->name));
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

/* Of nobody who is known: what the kernel had before, or of a guest that has gone. */
static bool
is_loose(const struct engine *e, const struct frozen *f)
{
	return f->guest == 0 ||
	    (f->guest != UINT32_MAX && inventory_by_id(e->inventory, f->guest) == NULL);
}

/* Elements that fit a guest become part of that guest's record. */
static void
frozen_match(struct engine *e, const struct guest *g)
{
	struct frozen *f, *record;
	bool found = false;

	for (f = e->frozen; f != NULL; f = f->next)
		found = found || (is_loose(e, f) && frozen_fits(&f->by, g));
	if (!found)
		return;
	if ((record = frozen_find(e, g->id)) == NULL)
		record = frozen_new(e, g->id);
	for (f = e->frozen; f != NULL; f = f->next) {
		if (!is_loose(e, f) || !frozen_fits(&f->by, g))
			continue;
		if (f->by.has_mac) {
			record->by.has_mac = true;
			memcpy(record->by.mac, f->by.mac, sizeof(record->by.mac));
		}
		if (f->by.port[0] != '\0')
			copy_string(record->by.port, f->by.port, sizeof(record->by.port));
		for (uint32_t i = 0; i < f->by.naddrs; i++)
			frozen_add_addr(&record->by, &f->by.addrs[i]);
		/* Nobody has this number: the record goes below. */
		f->guest = UINT32_MAX;
	}
	frozen_forget(e, UINT32_MAX);
}

/* Lets go of addresses that moved on to a guest that nobody froze. */
static bool
frozen_moved(struct engine *e, struct fw_guest *by, const struct guest *g)
{
	bool moved = false;

	for (uint32_t i = by->naddrs; i > 0; i--) {
		const struct guest *owner = inventory_by_addr(e->inventory, &by->addrs[i - 1]);

		if (owner == NULL || owner->id == g->id || owner->state != GUEST_RUNNING ||
		    frozen_find(e, owner->id) != NULL)
			continue;
		by->addrs[i - 1] = by->addrs[--by->naddrs];
		moved = true;
	}
	return moved;
}

void
freeze_follow(struct engine *e, const struct guest *g)
{
	struct frozen *r;
	bool more;

	frozen_match(e, g);
	if ((r = frozen_find(e, g->id)) == NULL || r->thawing)
		return;
	for (uint32_t i = 1; i < g->nnics; i++) {
		const char *end = guest_nic_end(&g->nics[i]);

		if (i >= r->nnics || strcmp(r->ends[i], end) != 0) {
			freeze_nics(e, g, true, i);
			break;
		}
	}
	ends_keep(r, g);
	more = frozen_add(&r->by, g);
	more = frozen_leave_port(&r->by, g) || more;
	if (frozen_moved(e, &r->by, g) || more)
		freeze_ask(e, freeze_new(e, g, true, NULL), &r->by);
}

void
freeze_again(struct engine *e)
{
	const struct guest *g;

	if (e->frozen_all)
		freeze_all(e, true, NULL);
	for (const struct frozen *f = e->frozen; f != NULL; f = f->next) {
		if (f->thawing || (g = inventory_by_id(e->inventory, f->guest)) == NULL)
			continue;
		freeze_nics(e, g, true, 0);
		freeze_ask(e, freeze_new(e, g, true, NULL), &f->by);
	}
}

void
freeze_adopt(struct engine *e, const struct fw_guest *found, int n, bool all)
{
	e->frozen_known = true;
	e->frozen_all = e->frozen_all || all;
	for (int i = 0; i < n; i++)
		frozen_new(e, 0)->by = found[i];
	for (size_t i = 0; i < inventory_count(e->inventory); i++)
		freeze_follow(e, inventory_guest(e->inventory, i));
	guests_send(e);
	pinned_judge(e);
	model_touch(e->model, VIEW_VMS);
}

void
freeze_free(struct engine *e)
{
	while (e->frozen != NULL)
		frozen_forget(e, e->frozen->guest);
}
