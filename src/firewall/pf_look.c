/* What the kernel holds, and whether it is what should be in force. */
#include "config.h"

#include "firewall/pf.h"

#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "log.h"
#include "xmalloc.h"

/* ---- for people ---- */

char *
firewall_list(struct firewall *pf, char **cause)
{
	const unsigned tables = 1u << PF_TABLES | 1u << PF_PINS_TABLES | 1u << PF_PRIVATE;
	char *list;

	*cause = pf_ctl_list(pf->host, PF_ALL_SECTIONS & ~tables, &list);
	return *cause == NULL ? list : NULL;
}

/* What the kernel holds now, as "pfctl -nvf" would print it. */
static char *
show_now(struct firewall *pf, char **text)
{
	char *nat = NULL, *rules = NULL, *both;
	char *cause = pf_ctl_show(pf->host, pf->host->anchor, "nat", false, &nat);

	if (cause == NULL)
		cause = pf_ctl_show(pf->host, pf->host->anchor, "rules", false, &rules);
	if (cause == NULL) {
		both = xasprintf("%s%s", nat, rules);
		*text = pf_rules_only(both);
		free(both);
	}
	free(nat);
	free(rules);
	return cause;
}

char *
firewall_diff(struct firewall *pf, enum profile profile, char **cause)
{
	char *before = NULL, *normal = NULL, *after, *name, *diff = NULL;
	struct pf_text t = { .text = NULL };

	*cause = show_now(pf, &before);
	if (*cause == NULL)
		*cause = pf_make_text(pf, profile, &t);
	if (*cause == NULL && (*cause = pf_ctl_try(pf->host, t.text, &normal)) != NULL)
		*cause = pf_text_locate(&t, *cause);
	if (*cause == NULL) {
		after = pf_rules_only(normal);
		name = xasprintf("kernel (%s)", before[0] != '\0' ? profile_name(pf->profile) :
		    "no rules of ours");
		diff = text_diff(name, before, t.file, after);
		free(name);
		free(after);
	}
	pf_text_free(&t);
	free(before);
	free(normal);
	return diff;
}

/* ---- what lives by a pin whose time is over ---- */

struct living {
	size_t		 n;
	struct flow_key	*all;
};

static void
living_add(const struct flow_key *k, void *arg)
{
	struct living *l = arg;

	if (k->nat)
		return;
	l->all = xreallocarray(l->all, l->n + 1, sizeof(*l->all));
	l->all[l->n++] = *k;
}

static bool
lives(const struct fw_pin *p, void *arg)
{
	const struct living *l = arg;

	for (size_t i = 0; i < l->n; i++) {
		const struct flow_key *k = &l->all[i];

		if (k->port == p->port && k->proto == p->proto && addr_equal(&k->src, &p->src) &&
		    addr_equal(&k->dst, &p->dst))
			return true;
	}
	return false;
}

static bool
some_are_over(const struct firewall *pf)
{
	struct fw_pin p;

	for (size_t i = 0; firewall_pins(pf, i, &p); i++) {
		if (p.seconds == 0)
			return true;
	}
	return false;
}

/* Rules of what is over go; the pin itself is kept until nothing lives by it. */
static void
expire_pins(struct firewall *pf)
{
	struct living l = { 0, NULL };
	char *states, *cause;

	if (pf->profile == PROFILE_NONE || pins_changed(pf->pins))
		return;
	if ((cause = pf_load_pins(pf, false)) == NULL && some_are_over(pf)) {
		cause = pf_ctl_show(pf->host, NULL, "states", false, &states);
		if (cause == NULL && !pf_states_parse(states, living_add, &l))
			cause = xstrdup("what lives by them is not known: a line of \"pfctl -s states\" "
			    "cannot be read");
		else if (cause == NULL)
			pins_expire(pf->pins, now_mono(), lives, &l);
		free(states);
		free(l.all);
	}
	if (cause != NULL)
		log_warnx("pins: %s", cause);
	free(cause);
}

/* ---- whether it is in force ---- */

/* NULL, or why what is loaded does not hold for guests. Caller frees. Not *known: pfctl
 * did not say. */
static char *
not_asked(const struct firewall *pf, bool *known)
{
	bool enabled = false;
	char *info, *cause = pf_ctl_show(pf->host, NULL, "info", false, &info);

	*known = cause == NULL;
	if (cause == NULL && !pf_enabled_parse(info, &enabled))
		cause = xstrdup("pfctl -s info does not say whether pf is enabled");
	else if (cause == NULL && !enabled)
		cause = xstrdup("pf is disabled, and guests are open: someone ran \"pfctl -d\"");
	free(info);
	return cause != NULL ? cause : pf_hook_look(pf, known);
}

static bool
frozen_match(const struct firewall *pf, const char *list)
{
	char *want = pf_frozen_text(&pf->frozen);
	const bool same = pf_addresses_shown(list, strlen(list), PF_FROZEN, want);

	free(want);
	return same;
}

/* NULL, or how the tables of a section differ. Not *known: they cannot be read. */
static char *
tables_difference(const struct pf_tables *loaded, const char *list, enum pf_section section,
    bool *known)
{
	struct pf_tables *now = xmalloc(sizeof(*now));
	size_t n;
	const char *text = pf_list_section(list, strlen(list), section, &n);
	char *cause = pf_tables_parse(text, n, now);

	*known = cause == NULL;
	if (cause == NULL)
		cause = pf_tables_differ(loaded, now);
	free(now);
	return cause;
}

/* A profile that has no use for it has no such table. */
static bool
private_match(const struct firewall *pf, const char *list)
{
	return !pf_tables_use(&pf->tables, "gh_private") ||
	    pf_addresses_shown(list, strlen(list), PF_PRIVATE, pf_private_text);
}

/* NULL, or how the listing differs from what should be there. Caller frees. */
static char *
difference(const struct firewall *pf, const char *list, bool *known)
{
	uint64_t hash[PF_SECTIONS];
	char *cause;

	*known = true;
	for (enum pf_section s = 0; s < PF_SECTIONS; s++)
		hash[s] = pf_list_hash(list, strlen(list), s);
	if (pf->profile == PROFILE_NONE)
		return hash[PF_RULES] == 0 && hash[PF_NAT] == 0 ? NULL :
		    xstrdup("our anchor has rules, though they were flushed");
	if (hash[PF_RULES] == 0)
		return xstrdup("our rules are gone: someone flushed them, and guests are open");
	if ((cause = not_asked(pf, known)) != NULL)
		return cause;
	if (hash[PF_RULES] != pf->hash[PF_RULES] || hash[PF_NAT] != pf->hash[PF_NAT])
		return xstrdup("someone changed them; \"gatehouse apply --dry-run\" shows what");
	if (hash[PF_PINS_RULES] != pf->hash[PF_PINS_RULES] ||
	    hash[PF_PINS_NAT] != pf->hash[PF_PINS_NAT])
		return xstrdup("someone changed the rules of pinned addresses in our anchor");
	if (!frozen_match(pf, list))
		return xstrdup("someone changed the frozen guests in our table");
	if (!private_match(pf, list))
		return xstrdup("someone changed what is in our table gh_private, of addresses that are not "
		    "the internet's");
	cause = tables_difference(&pf->tables, list, PF_TABLES, known);
	return cause != NULL ? cause :
	    tables_difference(&pf->pins_tables, list, PF_PINS_TABLES, known);
}

/* pf logs into nothing where the interface is gone, and says nothing of it. */
static void
look_at_log(struct firewall *pf)
{
	if (!pf->log_is_up || pf_log_is_there(pf->host, pf->keep.log))
		return;
	log_warnx("pflog%u was taken away: it is made again", pf->keep.log);
	pf_log_open(pf);
	pf->log_is_new = pf->log_is_up;
}

/*
 * What a guest sends to the hardware address of a member that nobody has looked at yet meets
 * none of our rules.  Newer releases can leave it alone, and then refuse members with
 * addresses of their own: so only where there is no other member than guests' ends, and
 * once, for who sets it back wants it so.
 */
static void
shut_members(struct firewall *pf)
{
	char *trouble;
	int on;

	if (!pf->host->members || pf->profile == PROFILE_NONE || pf->keep.shut ||
	    !pf_bridge_setting(PF_MEMBER_ADDRS, &on) || on == 0 || !pf_members_are_guests(pf->host))
		return;
	if (!pf_bridge_set(PF_MEMBER_ADDRS, 0)) {
		log_debug(PF_MEMBER_ADDRS " cannot be set");
		return;
	}
	log_info("bridges take nothing in for their members' own addresses now ("
	    PF_MEMBER_ADDRS "=0), until the rules are flushed");
	pf->keep.shut = true;
	if ((trouble = pf_keep_save(&pf->conf, &pf->keep)) != NULL)
		log_warnx("%s", trouble);
	free(trouble);
}

/* On a bridge with a way to the LAN they would be shut to the LAN as well. */
static char *
addressed_cause(const struct firewall *pf)
{
	return xasprintf("%s, a member of a guarded bridge, has addresses of its own: what guests "
	    "send to them passes by our rules; %s", pf->addressed,
	    pf_is_guests_end(pf->host, pf->addressed) ? "give the addresses to the bridge" :
	    "have the guests on a bridge without it, and route or translate to it");
}

void
firewall_check(struct firewall *pf, struct fw_status *status)
{
	char *list, *cause;
	bool known;

	memset(status, 0, sizeof(*status));
	copy_string(status->backend, "pf", sizeof(status->backend));
	copy_string(status->place, pf->host->anchor, sizeof(status->place));
	status->profile = pf->profile;
	status->frozen_all = pf->frozen.all;
	status->frozen = pf->frozen.n;
	status->hash = pf->hash[PF_RULES];
	expire_pins(pf);
	look_at_log(pf);
	if ((cause = pf_follow_members(pf)) != NULL)
		log_warnx("members of bridges: %s", cause);
	free(cause);
	shut_members(pf);
	cause = pf_ctl_list(pf->host, pf_ctl_sections(PF_ALL_SECTIONS, pf->pins_loaded), &list);
	if (cause == NULL) {
		status->loaded = pf_list_hash(list, strlen(list), PF_RULES) != 0;
		cause = difference(pf, list, &known);
		if (known) {
			status->verified = now_wall();
			status->drift = pf->drifted = cause != NULL;
		}
		status->uncovered = cause == NULL;
		if (cause == NULL)
			cause = pf_nets_uncovered(pf->host, &pf->conf.bridges);
		if (cause == NULL)
			cause = pf_nets_bridged(pf->host, &pf->conf.bridges, NULL);
		/* FreeBSD takes in what a guest sends to it there: neither at the bridge nor at
		 * the guest's own member. */
		if (cause == NULL && pf->addressed[0] != '\0')
			cause = addressed_cause(pf);
		status->uncovered = status->uncovered && cause != NULL;
	}
	copy_string(status->cause, cause != NULL ? cause : "", sizeof(status->cause));
	free(cause);
	free(list);
}
