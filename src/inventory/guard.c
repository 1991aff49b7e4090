#include "config.h"

#include "inventory/guard.h"

#include <stdlib.h>
#include <string.h>

#include "xmalloc.h"

static bool
uid_is_guarded(const struct guard_host *h, const struct guest *g)
{
	return g->pid != 0 && conf_guarded_user(h->conf, g->uid) != NULL;
}

static bool
is_bridged(const struct guard_host *h, const char *place)
{
	for (size_t i = 0; i < h->nbridged; i++) {
		if (strcmp(h->bridged[i], place) == 0)
			return true;
	}
	return false;
}

static bool
is_covered(const struct guard_host *h, const char *place)
{
	return !is_bridged(h, place) && (h->covers != NULL ? h->covers : conf_names_fit)(&h->conf->bridges, place);
}

/* The interface with the longest prefix that has the address in it, or NULL.  An address
 * that this host has itself is one of some network inside the guest that has the same
 * numbers. */
static const struct guard_place *
place_of_addr(const struct guard_host *h, const struct addr *a)
{
	const struct guard_place *best = NULL;

	for (size_t i = 0; i < h->nplaces; i++) {
		const struct guard_place *p = &h->places[i];

		if (addr_compare(a, &p->addr) == 0)
			return NULL;
		if (p->addr.family == a->family && p->bits > 0 && addr_in_prefix(a, &p->addr, p->bits) &&
		    (best == NULL || p->bits > best->bits))
			best = p;
	}
	return best;
}

/* The interface behind which one of the guest's addresses is, of those that our rules
 * cover or of the others; or "".  told: of addresses that its manager tells. */
static const char *
place_of_addrs(const struct guard_host *h, const struct guest *g, bool covered, bool told)
{
	for (uint32_t i = 0; i < g->naddrs; i++) {
		const struct guard_place *p = place_of_addr(h, &g->addrs[i]);

		if (p != NULL && is_covered(h, p->name) == covered && (!told || g->addr_told[i]))
			return p->name;
	}
	return "";
}

/* Of one that its manager bridges to the LAN only the kernel knows better. */
static bool
heard_counts(const struct guest_nic *nic)
{
	return nic->heard && nic->mode != NIC_LAN;
}

/* What an interface of this host belongs to now. */
static bool
place_of_port(const struct guard_host *h, const char *port, char buf[GH_IFNAME_SIZE])
{
	return port[0] != '\0' && h->master != NULL && h->master(port, buf);
}

static bool
is_nic(const struct guest_nic *nic)
{
	return nic->mode != NIC_PROXY;
}

/* Of one NIC, or none, all that is known of the guest is of that. */
static bool
has_one_nic(const struct guest *g)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < g->nnics; i++)
		n += is_nic(&g->nics[i]);
	return n <= 1;
}

/* Its manager names a network that is no interface of this host, and this host's end of it
 * is none either: macvlan, a card, or one of another kind that carries the name of a network. */
static bool
is_nowhere(const struct guard_host *h, const struct guest *g, const struct guest_nic *nic)
{
	return g->state == GUEST_RUNNING && nic->mode == NIC_BRIDGE && nic->source[0] != '\0' &&
	    nic->link_managed && h->exists != NULL && !h->exists(nic->source) &&
	    !h->exists(nic->link);
}

/*
 * Where a NIC is, "" if that is not known.  What the kernel says of its end on this host
 * comes first, if its manager told which that is.  Where it was heard is less: of a guest whose only NIC is known by that
 * alone, an address that its manager tells, on an interface that no rule covers, says that
 * it has another; one that was heard does not, for any guest can send in its name.  Then
 * what the kernel says of the port that it was heard at, and what its manager says: that
 * it was heard behind a bridge is a guest's word, which can send frames with the hardware
 * address of another NIC.  Addresses are the guest's word too, so where nothing else says
 * where a guest's only NIC is, one on an interface that no rule covers counts against it,
 * and one behind a guarded bridge for it only where its manager says that it is bridged.
 */
static const char *
place_of(const struct guard_host *h, const struct guest *g, const struct guest_nic *nic,
    char buf[GH_IFNAME_SIZE])
{
	const bool one = has_one_nic(g);
	const char *other;

	if (!is_nic(nic))
		return "";
	if (nic->link_managed && place_of_port(h, nic->link, buf))
		return buf;
	if (is_nowhere(h, g, nic))
		return "";
	if (one && *(other = place_of_addrs(h, g, false, true)) != '\0')
		return other;
	if (place_of_port(h, nic->link, buf))
		return buf;
	if (nic->link[0] == '\0' && heard_counts(nic) && place_of_port(h, nic->port, buf))
		return buf;
	if (one && *(other = place_of_addrs(h, g, false, false)) != '\0')
		return other;
	if (nic->mode == NIC_BRIDGE && nic->source[0] != '\0')
		return nic->source;
	if (heard_counts(nic))
		return nic->bridge;
	return one && nic->mode == NIC_BRIDGE ? place_of_addrs(h, g, true, false) : "";
}

static enum nic_guard
nic_judge(const struct guard_host *h, const struct guest *g, const struct guest_nic *nic)
{
	if (g->kind == GUEST_UID)
		return NIC_GUARDED;
	if (nic->mode == NIC_USER)
		return uid_is_guarded(h, g) ? NIC_GUARDED : NIC_UNGUARDABLE;
	if (nic->mode == NIC_SOCKET || nic->mode == NIC_PROXY)
		return NIC_UNGUARDABLE;
	if (nic->mode == NIC_NONE)
		return NIC_GUARDED;
	if (nic->place[0] == '\0')
		return nic->mode == NIC_LAN || nic->mode == NIC_ROUTED || is_nowhere(h, g, nic) ?
		    NIC_LEAKING : NIC_UNSEEN;
	return is_covered(h, nic->place) ? NIC_GUARDED : NIC_LEAKING;
}

/* Where the guest's first NIC is shown to be: as the kernel says now of its end, which is
 * judged by, else where it was heard. */
static void
shown_place(struct guest *g)
{
	const struct guest_nic *nic = &g->nics[0];

	if (g->nnics == 0 || g->state != GUEST_RUNNING || !nic->link_managed ||
	    nic->place[0] == '\0' || strcmp(nic->place, nic->link) == 0)
		return;
	copy_string(g->port, nic->link, sizeof(g->port));
	copy_string(g->bridge, nic->place, sizeof(g->bridge));
}

void
guard_judge(const struct guard_host *h, struct guest *g)
{
	/* Of one whose NICs are not known, the first stands for what its addresses say. */
	const uint32_t n = g->nnics > 0 ? g->nnics : 1;
	char buf[GH_IFNAME_SIZE];

	/* Of those that are not kept nobody knows. */
	g->guard = g->more_nics ? NIC_UNSEEN : NIC_GUARDED;
	for (uint32_t i = 0; i < n; i++) {
		struct guest_nic *nic = &g->nics[i];

		copy_string(nic->place, place_of(h, g, nic, buf), sizeof(nic->place));
		nic->guard = (uint8_t)nic_judge(h, g, nic);
		if (nic->guard > g->guard)
			g->guard = nic->guard;
	}
	shown_place(g);
}

/* What to change in the VM manager's own words. */
static const char *
manager_fix(const struct guest *g, bool user)
{
	static const struct {
		const char	*manager, *user, *lan;
	} fixes[] = {
		{ "lima", "\"networks: [{vzNAT: true}]\" or \"[{lima: shared}]\" in its YAML gives it a "
		    "guarded NIC, but Lima's own stays beside it", "take \"lima: bridged\" out of "
		    "\"networks:\" in its YAML; \"vzNAT: true\" or \"lima: shared\" is guarded" },
		{ "tart", "run it without --net-host", "run it without --net-bridged" },
		{ "virsh", "make its interface one of type \"network\" (virsh edit)",
		    "make its interface one of type \"network\" (virsh edit)" },
		{ "incus", "attach it to a bridge (incus config device)",
		    "attach it to a bridge of nictype bridged (incus config device)" },
		{ "lxd", "attach it to a bridge (lxc config device)",
		    "attach it to a bridge of nictype bridged (lxc config device)" },
		{ "utm", "choose \"Shared Network\" in the settings of its network",
		    "choose \"Shared Network\" in the settings of its network" },
		{ "", "start QEMU with -nic bridge,br=BRIDGE, on macOS -nic vmnet-shared",
		    "attach it to a guarded bridge" },
	};
	size_t i;

	for (i = 0; *fixes[i].manager != '\0' && strcmp(fixes[i].manager, g->manager) != 0; i++)
		continue;
	return user ? fixes[i].user : fixes[i].lan;
}

/* Incus's and LXD's keys are PROJECT/NAME. */
static char *
device_fix(const struct guest *g, const struct guest_nic *nic)
{
	const char *tool = strcmp(g->manager, "incus") == 0 ? "incus" : "lxc";
	const char *slash = strchr(g->key, '/'), *name = slash != NULL ? slash + 1 : g->name;
	const int project = slash != NULL ? (int)(slash - g->key) : 0;

	return xasprintf("take the device out of it: %s config device remove %s %s --project %.*s; if a "
	    "profile has it: %s profile device remove", tool, name, nic->source,
	    project > 0 ? project : (int)strlen("default"), project > 0 ? g->key : "default", tool);
}

/* Of one that is at no guarded bridge. */
static void
leak_explain(const struct guard_host *h, const struct guest *g, const struct guest_nic *nic,
    char **why, char **fix)
{
	const char *place = nic->place[0] != '\0' ? nic->place : NULL;

	if (place != NULL && is_bridged(h, place)) {
		*why = xasprintf("on %s, a member of which leads out past our rules", place);
		*fix = xstrdup("use a shared (NAT) network instead of a bridged one");
	} else if (place != NULL && strcmp(place, "ovs-system") == 0) {
		*why = xstrdup("on a switch of Open vSwitch, which no rule of ours sees");
		*fix = xstrdup(manager_fix(g, false));
	} else if (place != NULL && nic->mode != NIC_LAN) {
		*why = xasprintf("on %s, which no rule of ours covers", place);
		*fix = xasprintf("add %s to \"bridge\" in [guard] of %s and reload, or move it to a "
		    "guarded bridge", place, h->conf->path);
	} else if (is_nowhere(h, g, nic)) {
		*why = xasprintf("its network %s is no bridge of this host, so no rule of ours sees it",
		    nic->source);
		*fix = xstrdup(manager_fix(g, false));
	} else if (nic->mode == NIC_ROUTED) {
		*why = xstrdup("routed by this host itself, behind no bridge");
		*fix = xstrdup(manager_fix(g, false));
	} else if (strchr(nic->source, ':') != NULL) {
		*why = xasprintf("has this host's network card %s for itself, past our rules",
		    nic->source);
		*fix = xstrdup("take that device out of it and give it an interface of a guarded "
		    "bridge");
	} else {
		*why = xasprintf("bridged to the LAN%s%s, past our rules", nic->source[0] != '\0' ?
		    " by " : "", nic->source);
		*fix = xstrdup(manager_fix(g, false));
	}
}

void
guard_explain(const struct guard_host *h, const struct guest *g, const struct guest_nic *nic,
    char **why, char **fix)
{
	const char *place = nic->place[0] != '\0' ? nic->place : NULL;

	*why = *fix = NULL;
	switch ((enum nic_guard)nic->guard) {
	case NIC_GUARDED:
		if (nic->mode == NIC_USER)
			*why = xasprintf("leaves as a process of a guarded user (%u)", (unsigned)g->uid);
		else if (nic->mode == NIC_NONE)
			*why = xstrdup("it has no network interface");
		else if (place != NULL)
			*why = xasprintf("behind %s", place);
		break;
	case NIC_LEAKING:
		leak_explain(h, g, nic, why, fix);
		break;
	case NIC_UNGUARDABLE:
		if (nic->mode == NIC_PROXY) {
			*why = xasprintf("device %s: its VM manager's daemon connects for it from this host, "
			    "past our rules", nic->source);
			*fix = device_fix(g, nic);
			break;
		}
		if (nic->mode == NIC_SOCKET) {
			*why = xstrdup("by a socket to another process of this host, whose way out rules for "
			    "guests do not see");
			*fix = xstrdup(manager_fix(g, true));
			break;
		}
		*why = g->pid != 0 ? xasprintf("user-mode: leaves as process %u of this host (user %u), "
		    "which rules for guests do not see", (unsigned)g->pid, (unsigned)g->uid) :
		    xstrdup("user-mode: leaves as a process of this host, which rules for guests do not "
		    "see");
		*fix = xasprintf("%s; or run it as a user of its own, listed as \"uid\" in [guard] of %s",
		    manager_fix(g, true), h->conf->path);
		break;
	case NIC_UNSEEN:
		if (g->state != GUEST_RUNNING) {
			*why = xstrdup("it does not run");
			break;
		}
		*why = xstrdup("it has not been heard of yet, so where it is is not known");
		*fix = xstrdup("have the guest send something (ping its gateway); if that changes nothing, "
		    "it is not behind a guarded bridge");
		break;
	case NIC_GUARD_COUNT:
		break;
	}
	if (*why == NULL)
		*why = xstrdup("");
	if (*fix == NULL)
		*fix = xstrdup("");
}

const char *
nic_guard_name(enum nic_guard g)
{
	static const char *const names[NIC_GUARD_COUNT] = {
		[NIC_GUARDED] = "guarded", [NIC_UNSEEN] = "unseen",
		[NIC_UNGUARDABLE] = "unguardable", [NIC_LEAKING] = "leaking",
	};

	return g < NIC_GUARD_COUNT ? names[g] : "unknown";
}

const char *
nic_mode_name(enum nic_mode m)
{
	static const char *const names[NIC_MODE_COUNT] = {
		[NIC_UNKNOWN] = "unknown", [NIC_BRIDGE] = "bridge", [NIC_LAN] = "lan",
		[NIC_USER] = "user", [NIC_NONE] = "none", [NIC_SOCKET] = "socket",
		[NIC_ROUTED] = "routed", [NIC_PROXY] = "proxy",
	};

	return m < NIC_MODE_COUNT ? names[m] : "unknown";
}
