/*
 * The pf backend: what should be in force (a profile, who is frozen, what is
 * pinned), and the hashes and tables of what the kernel showed right after it was
 * loaded, with which later listings are compared.
 *
 * All of it is done by pfctl, in an anchor of our own.  A load of an anchor is
 * one transaction, with the frozen in the same text; between loads only the
 * table of the frozen is replaced, and the anchor of pins is loaded.  An anchor
 * filters nothing unless the main rules ask it, before anything that could
 * decide first, and pf is enabled: all that is looked at before anything is
 * called in force, and at every check.
 *
 * States outlive rules, so what guests have open ends when the rules change.
 */
#include "config.h"

#include "firewall/pf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "drops/pflog.h"
#include "log.h"
#include "xmalloc.h"

/* ---- opening ---- */

/* Brings the log interface up, and remembers whether it is ours. */
static char *
log_up(struct firewall *pf, unsigned number)
{
	const bool before = pf->keep.made_log && pf->keep.log == number;
	char *cause;
	bool made;

	if (pf->keep.made_log && !before)
		free(pf_log_destroy(pf->host, pf->keep.log));
	cause = pf_log_up(pf->host, number, &made);
	pf->keep.made_log = cause == NULL && (made || before);
	pf->keep.log = number;
	return cause;
}

/* The log interface, or pflog0, which rules log to that name none. */
void
pf_log_open(struct firewall *pf)
{
	char *cause = log_up(pf, pf->conf.pflog), *trouble;

	pf->log_to_any = cause == NULL && pf_log_to_any(pf->host, pf->conf.pflog);
	if (!pf->log_to_any && pf->conf.pflog != 0) {
		log_warnx("%s: blocked packets are logged to pflog0 instead",
		    cause != NULL ? cause : "pf logs to no other interface here");
		free(cause);
		cause = log_up(pf, 0);
	}
	pf->log_is_up = cause == NULL;
	if (cause != NULL)
		log_warnx("%s: no blocked packet shows", cause);
	if ((trouble = pf_keep_save(&pf->conf, &pf->keep)) != NULL)
		log_warnx("%s", trouble);
	free(trouble);
	free(cause);
}

struct firewall *
firewall_open(const struct conf *conf, char **cause)
{
	struct firewall *pf = xcalloc(1, sizeof(*pf));
	char *info = NULL;

	pf->conf = *conf;
	pf->host = pf_host_here();
	pf->profile = PROFILE_NONE;
	pf->pins = pins_new();
	*cause = reach_init(&pf->reach, conf);
	if (*cause == NULL)
		*cause = pf_ctl_show(pf->host, NULL, "info", false, &info);
	free(info);
	if (*cause != NULL) {
		firewall_close(pf);
		return NULL;
	}
	pf_keep_load(conf, &pf->keep);
	pf_log_open(pf);
	return pf;
}

/* Rules that stay in force log to the interface that we made, so it stays too. */
static void
log_close(struct firewall *pf)
{
	char *cause;

	if (!pf->keep.made_log || pf->profile != PROFILE_NONE)
		return;
	cause = pf_log_destroy(pf->host, pf->keep.log);
	if (cause != NULL)
		log_warnx("pflog%u: %s", pf->keep.log, cause);
	free(cause);
	pf->keep.made_log = false;
	free(pf_keep_save(&pf->conf, &pf->keep));
}

void
firewall_close(struct firewall *pf)
{
	if (pf == NULL)
		return;
	log_close(pf);
	pins_free(pf->pins);
	reach_free(&pf->reach);
	free(pf->loaded);
	free(pf->self);
	free(pf->made_self);
	free(pf->pins_loaded);
	free(pf);
}

void
firewall_reconf(struct firewall *pf, const struct conf *conf)
{
	char *cause = reach_reconf(&pf->reach, conf);
	const bool log = conf->pflog != pf->conf.pflog;
	struct fw_pin p;

	/* What cannot be read reaches nothing that is not the internet's. */
	if (cause != NULL)
		log_warnx("%s", cause);
	free(cause);
	pf->conf = *conf;
	if (log)
		pf_log_open(pf);
	for (size_t i = 0; firewall_pins(pf, i, &p); i++) {
		if (!reach_allows(&pf->reach, &p.dst))
			firewall_unpin(pf, &p);
	}
}

/* ---- the main rules ---- */

/* NULL, or why no rule of ours would be asked. */
char *
pf_hook_look(const struct firewall *pf, bool *known)
{
	const struct pf_guarded guarded = { pf->host, &pf->conf, &pf->made_members };
	char *nat = NULL, *rules = NULL, *interfaces = NULL;
	char *cause = pf_ctl_show(pf->host, NULL, "nat", false, &nat);

	if (cause == NULL)
		cause = pf_ctl_show(pf->host, NULL, "rules", false, &rules);
	if (cause == NULL)
		cause = pf_ctl_show(pf->host, NULL, "Interfaces", true, &interfaces);
	*known = cause == NULL;
	if (cause == NULL)
		cause = pf_hook_check(&guarded, nat, rules);
	if (cause == NULL)
		cause = pf_anchors_check(&guarded, nat, rules, known);
	if (cause == NULL)
		cause = pf_bridge_check(pf_bridge_setting);
	if (cause == NULL)
		cause = pf_skip_check(&guarded, interfaces);
	free(nat);
	free(rules);
	free(interfaces);
	return cause;
}

/* ---- states ---- */

static void
kill_net(const char *net, bool v6, void *arg)
{
	const struct firewall *pf = arg;
	char *cause = pf_ctl_kill(pf->host, net, v6);

	if (cause != NULL)
		log_warnx("what %s had open may go on: %s", net, cause);
	free(cause);
}

static void
kill_link(const struct firewall *pf, const char *name)
{
	char *cause = pf_ctl_kill_link(pf->host, name);

	if (cause != NULL)
		log_warnx("what was begun by %s may go on: %s", name, cause);
	free(cause);
}

/* By those interfaces (NULL: all) and the members. */
static void
kill_links(struct firewall *pf, const struct conf_names *bridges)
{
	struct pf_names *links = xmalloc(sizeof(*links));

	*links = pf->members;
	pf_links_add(pf->host, bridges, links);
	for (size_t i = 0; i < links->n; i++)
		kill_link(pf, links->name[i]);
	free(links);
}

/* By the networks of the bridges; and where pf can, by the bridges and their members, for
 * guests may have had other addresses. */
static void
kill_guests(struct firewall *pf)
{
	pf_nets_each(pf->host, &pf->conf.bridges, kill_net, pf);
	if (pf->host->members || pf->host->binds)
		kill_links(pf, &pf->conf.bridges);
}

/* Of guarded users, whose states have addresses of this host like all others'. */
static void
kill_users(struct firewall *pf)
{
	static const char *const labels[] = { "gatehouse:observe", "gatehouse:uid-port" };

	if (pf->conf.nuids == 0)
		return;
	/* Only states of our rules are bound. */
	if (pf->host->binds)
		kill_links(pf, NULL);
	for (size_t i = 0; pf->host->kills_labels && i < sizeof(labels) / sizeof(labels[0]); i++) {
		char *cause = pf_ctl_kill_label(pf->host, labels[i]);

		if (cause != NULL)
			log_warnx("what guarded users had open may go on: %s", cause);
		free(cause);
	}
}

static void
kill_addr(struct firewall *pf, const struct addr *a)
{
	char text[ADDR_TEXT_SIZE];

	kill_net(addr_format(a, text), a->family == 6, pf);
}

enum { LEFT_MAX = 64 };

/* Guests of which something lives on. */
struct left {
	const struct firewall	*pf;
	struct addr		 src[LEFT_MAX];
	size_t			 n;
};

static void
left_add(const struct flow_key *k, void *arg)
{
	struct left *l = arg;
	struct fw_range r;

	for (size_t i = 0; i < l->n; i++) {
		if (addr_equal(&l->src[i], &k->src))
			return;
	}
	for (size_t i = 0; l->n < LEFT_MAX && pins_cut(l->pf->pins, i, &r); i++) {
		if (!addr_equal(&r.src, &k->src) || !addr_equal(&r.first, &k->dst) ||
		    r.proto != k->proto || r.port != k->port || k->nat)
			continue;
		l->src[l->n++] = k->src;
		return;
	}
}

/* Some releases of FreeBSD's pfctl take two addresses for the latter alone, and kill
 * nothing without a word: then all that such a guest has open ends. */
static void
kill_left(struct firewall *pf)
{
	struct left l = { .pf = pf };
	char *states = NULL, *cause = pf_ctl_show(pf->host, NULL, "states", false, &states);
	char text[ADDR_TEXT_SIZE];

	if (cause == NULL)
		pf_states_parse(states, left_add, &l);
	else {
		log_warnx("what is left of what guests had open is not known, so all ends: %s", cause);
		kill_guests(pf);
	}
	for (size_t i = 0; i < l.n; i++) {
		log_warnx("pfctl did not end what %s had open by what was removed: all that it has "
		    "open ends", addr_format(&l.src[i], text));
		kill_addr(pf, &l.src[i]);
	}
	free(states);
	free(cause);
}

/* What lived by a pin or a range that is gone. */
static void
kill_cut(struct firewall *pf)
{
	char src[ADDR_TEXT_SIZE], dst[ADDR_TEXT_SIZE];
	struct fw_range r;
	bool pairs = false;

	for (size_t i = 0; pins_cut(pf->pins, i, &r); i++) {
		char *cause;

		if (!addr_equal(&r.first, &r.last)) {
			kill_addr(pf, &r.src);
			continue;
		}
		cause = pf_ctl_kill_pair(pf->host, addr_format(&r.src, src),
		    addr_format(&r.first, dst));
		if (cause != NULL)
			log_warnx("what %s had open to %s may go on: %s", src, dst, cause);
		free(cause);
		pairs = true;
	}
	if (pairs)
		kill_left(pf);
}

/* ---- pins ---- */

enum { OURS = 1 << PF_NAT | 1 << PF_RULES | 1 << PF_TABLES };

/* With the rules of the same listing. NULL, or what cannot be read. */
static char *
take_tables(struct pf_tables *tables, const char *list, enum pf_section section)
{
	size_t n;
	const char *text = pf_list_section(list, strlen(list), section, &n);
	char *cause = pf_tables_parse(text, n, tables);

	pf_tables_name(tables, list);
	return cause;
}

/* Remembers what the kernel shows of these sections. */
static char *
take_shown(struct firewall *pf, unsigned sections)
{
	char *list, *cause = pf_ctl_list(pf->host, sections, &list);

	if (cause != NULL)
		return cause;
	for (enum pf_section s = 0; s < PF_SECTIONS; s++) {
		if ((sections & 1u << s) != 0)
			pf->hash[s] = pf_list_hash(list, strlen(list), s);
	}
	if ((sections & 1u << PF_RULES) != 0)
		pf->nlabels = pf_labels_parse(list, strlen(list), pf->labels, PF_LABELS_MAX);
	if ((sections & 1u << PF_RULES) != 0 && pf->nlabels == PF_LABELS_MAX)
		log_warnx("more than %d rules log: some blocked packets show without a label; name "
		    "fewer bridges", PF_LABELS_MAX);
	if ((sections & 1u << PF_TABLES) != 0)
		cause = take_tables(&pf->tables, list, PF_TABLES);
	if ((sections & 1u << PF_PINS_TABLES) != 0)
		cause = take_tables(&pf->pins_tables, list, PF_PINS_TABLES);
	else if ((sections & 1u << PF_PINS_RULES) != 0)
		pf->pins_tables.n = 0;
	free(list);
	return cause;
}

/* Makes the kernel's rules of pins what they should be now. */
char *
pf_load_pins(struct firewall *pf, bool anyway)
{
	char *text = pf_pins_text(pf->pins, now_mono()), *cause = NULL;

	if (anyway || pf->pins_loaded == NULL || strcmp(text, pf->pins_loaded) != 0) {
		cause = pf_ctl_load(pf->host, pf->host->pins, text);
		if (cause == NULL)
			cause = take_shown(pf, pf_ctl_sections(PF_OF_PINS, text));
		free(pf->pins_loaded);
		pf->pins_loaded = cause == NULL ? text : NULL;
	}
	if (pf->pins_loaded != text)
		free(text);
	return cause;
}

char *
firewall_pin(struct firewall *pf, const struct fw_pin *p)
{
	char text[ADDR_TEXT_SIZE];

	if (!reach_allows(&pf->reach, &p->dst))
		return xasprintf("%s is no address that a name may lead to",
		    addr_format(&p->dst, text));
	return pins_add(pf->pins, p, now_mono());
}

void
firewall_unpin(struct firewall *pf, const struct fw_pin *p)
{
	pins_remove(pf->pins, p);
}

char *
firewall_ranges(struct firewall *pf, const struct fw_range *ranges, size_t n)
{
	return pins_set_ranges(pf->pins, ranges, n, now_mono());
}

void
firewall_senders(struct firewall *pf, const struct fw_sender *senders, size_t n)
{
	pins_set_senders(pf->pins, senders, n);
}

bool
firewall_sender(const struct firewall *pf, size_t i, struct fw_sender *sender)
{
	return pins_sender(pf->pins, i, sender);
}

bool
firewall_pins(const struct firewall *pf, size_t i, struct fw_pin *p)
{
	return pins_get(pf->pins, i, now_mono(), p);
}

bool
firewall_pin_ended(struct firewall *pf, struct fw_pin *p)
{
	return pins_ended(pf->pins, p);
}

char *
firewall_commit(struct firewall *pf)
{
	char *cause = NULL;
	bool cut;

	if (!pins_changed(pf->pins))
		return NULL;
	/* Settled first: the rules are of those that stay. */
	cut = pins_settle(pf->pins);
	if (pf->profile != PROFILE_NONE)
		cause = pf_load_pins(pf, false);
	if (cut)
		kill_cut(pf);
	if (cause != NULL)
		log_warnx("pins: %s", cause);
	return cause;
}

/* ---- loading ---- */

char *
pf_make_text(struct firewall *pf, enum profile profile, struct pf_text *t)
{
	struct pf_render_options options = { .host = pf->host, .frozen = &pf->frozen,
		.members = &pf->made_members, .log_to_any = pf->log_to_any };

	free(pf->made_self);
	options.self = pf->made_self = pf_self_text(pf->host);
	pf_members_read(pf->host, &pf->conf.bridges, &pf->made_members, pf->addressed);
	return pf_text_make(&pf->conf, profile, &options, t);
}

/*
 * NULL, or why this would cut off more than guests: rules that block, on a bridge that leads to
 * the LAN and has none yet.  After a restart of ours the kernel still has those that held.
 */
static char *
cuts_others(const struct firewall *pf, enum profile profile)
{
	char *cause, *rules = NULL, *failed;

	if (!pf->host->members || profile == PROFILE_OBSERVE)
		return NULL;
	cause = pf_nets_bridged(pf->host, &pf->conf.bridges, &pf->held);
	if (cause == NULL || pf->loaded != NULL)
		return cause;
	failed = pf_ctl_show(pf->host, pf->host->anchor, "rules", false, &rules);
	if (failed == NULL && strstr(rules, "gatehouse:default") != NULL) {
		free(cause);
		cause = NULL;
	}
	free(failed);
	free(rules);
	return cause;
}

/* Loads it all, and looks at it. */
static char *
load(struct firewall *pf, const struct pf_text *t)
{
	const uint64_t token = pf->keep.token;
	char *cause = pf_load_pins(pf, true), *trouble;

	if (cause == NULL && (cause = pf_ctl_load(pf->host, pf->host->anchor, t->text)) != NULL)
		cause = pf_text_locate(t, cause);
	if (cause == NULL)
		cause = take_shown(pf, OURS);
	if (cause == NULL && pf->hash[PF_RULES] == 0)
		cause = xstrdup("the rules were loaded, but pf does not show them");
	if (cause == NULL)
		cause = pf_ctl_enable(pf->host, &pf->keep.token);
	if (pf->keep.token != token && (trouble = pf_keep_save(&pf->conf, &pf->keep)) != NULL) {
		log_warnx("%s", trouble);
		free(trouble);
	}
	if (cause == NULL) {
		free(pf->self);
		pf->self = xstrdup(pf->made_self);
		pf->log_loaded = pf->log_to_any;
		pf->members = pf->made_members;
	}
	return cause;
}

/* But for who is frozen, which the table has. */
static bool
same_rules(const char *a, const char *b)
{
	static const char frozen[] = "table <gh_frozen>";

	while (*a != '\0' && *b != '\0') {
		const size_t na = strcspn(a, "\n"), nb = strcspn(b, "\n");
		const bool same = na == nb && strncmp(a, b, na) == 0;

		if (!same && (strncmp(a, frozen, sizeof(frozen) - 1) != 0 ||
		    strncmp(b, frozen, sizeof(frozen) - 1) != 0))
			return false;
		a += na + (a[na] == '\n');
		b += nb + (b[nb] == '\n');
	}
	return *a == *b;
}

char *
firewall_apply(struct firewall *pf, enum profile profile)
{
	struct pf_text t;
	char *cause;
	bool changes, cut = false, known;

	if (profile == PROFILE_NONE)
		return firewall_flush(pf);
	/* First, for it knows the members by which guests come too. */
	cause = pf_make_text(pf, profile, &t);
	if (cause != NULL)
		return cause;
	cause = pf_hook_look(pf, &known);
	if (cause == NULL)
		cause = cuts_others(pf, profile);
	if (cause == NULL) {
		cut = pins_settle(pf->pins);
		cause = load(pf, &t);
	}
	if (cause != NULL) {
		pf_text_free(&t);
		return cause;
	}
	changes = pf->drifted || pf->loaded == NULL || !same_rules(pf->loaded, t.text);
	free(pf->loaded);
	pf->loaded = t.text;
	t.text = NULL;
	pf_text_free(&t);
	pf->profile = profile;
	pf->held = pf->conf.bridges;
	if (profile == PROFILE_OBSERVE)
		pf->held.n = 0;
	pf->drifted = false;
	if (changes && profile != PROFILE_OBSERVE) {
		kill_guests(pf);
		kill_users(pf);
	} else if (cut)
		kill_cut(pf);
	return NULL;
}

char *
pf_follow_members(struct firewall *pf)
{
	struct pf_names *before;
	struct pf_text t;
	char *cause = NULL, *self;
	bool same;

	pf_members_read(pf->host, &pf->conf.bridges, &pf->made_members, pf->addressed);
	self = pf_self_text(pf->host);
	same = pf->self != NULL && strcmp(self, pf->self) == 0 &&
	    pf->log_to_any == pf->log_loaded && pf_names_same(&pf->made_members, &pf->members);
	free(self);
	if (same || pf->profile == PROFILE_NONE || pf->loaded == NULL)
		return NULL;
	cause = pf_make_text(pf, pf->profile, &t);
	if (cause != NULL)
		return cause;
	before = xmalloc(sizeof(*before));
	*before = pf->members;
	cause = load(pf, &t);
	if (cause == NULL) {
		free(pf->loaded);
		pf->loaded = t.text;
		t.text = NULL;
		/* What came by a new one until now met none of our rules. */
		for (size_t i = 0; i < pf->members.n; i++) {
			if (!pf_names_have(before, pf->members.name[i]))
				kill_link(pf, pf->members.name[i]);
		}
	}
	free(before);
	pf_text_free(&t);
	return cause;
}

/* As it was, for guests are open now. */
static void
open_members(struct firewall *pf)
{
	if (!pf->keep.shut)
		return;
	pf->keep.shut = false;
	if (!pf_bridge_set(PF_MEMBER_ADDRS, 1))
		log_warn(PF_MEMBER_ADDRS " cannot be set to 1 again");
	free(pf_keep_save(&pf->conf, &pf->keep));
}

char *
firewall_flush(struct firewall *pf)
{
	char *cause = pf_ctl_flush(pf->host, pf->host->anchor), *trouble;

	if (cause == NULL)
		cause = pf_ctl_flush(pf->host, pf->host->pins);
	if (cause != NULL)
		return cause;
	pf->profile = PROFILE_NONE;
	pf->held.n = 0;
	free(pf->loaded);
	free(pf->pins_loaded);
	pf->loaded = pf->pins_loaded = NULL;
	memset(pf->hash, 0, sizeof(pf->hash));
	open_members(pf);
	if (pf->keep.token == 0)
		return NULL;
	/* Whether or not it is still held: the rules are gone. */
	if ((trouble = pf_ctl_release(pf->host, pf->keep.token)) != NULL)
		log_warnx("pfctl -X: %s", trouble);
	free(trouble);
	pf->keep.token = 0;
	free(pf_keep_save(&pf->conf, &pf->keep));
	return NULL;
}

char *
firewall_freeze(struct firewall *pf, const struct fw_guest *guest, bool on)
{
	struct frozen_set *before = xmalloc(sizeof(*before));
	char *text, *cause;

	*before = pf->frozen;
	if (on && guest != NULL && guest->naddrs == 0)
		cause = xstrdup("pf knows guests by their addresses, and none of this one's is "
		    "known: freeze all of them (gatehouse freeze), or stop it");
	else
		cause = frozen_set(&pf->frozen, guest, on);
	if (cause == NULL && pf->profile != PROFILE_NONE) {
		text = pf_frozen_text(&pf->frozen);
		cause = pf_ctl_frozen(pf->host, text);
		free(text);
	}
	if (cause != NULL)
		pf->frozen = *before;
	else if (on && pf->profile != PROFILE_NONE) {
		for (uint32_t i = 0; guest != NULL && i < guest->naddrs; i++)
			kill_addr(pf, &guest->addrs[i]);
		if (guest == NULL)
			kill_guests(pf);
	}
	free(before);
	return cause;
}

/* ---- what priv asks beside that ---- */

/* Nothing tells of changes, so looking now and then is left; and rules follow the
 * addresses of interfaces by themselves. */
int
firewall_watch_fd(const struct firewall *pf)
{
	return -1;
}

char *
firewall_links(struct firewall *pf)
{
	return NULL;
}

int
firewall_changes_fd(const struct firewall *pf)
{
	return -1;
}

void
firewall_changes_seen(struct firewall *pf)
{
}

bool
firewall_log_is_new(struct firewall *pf)
{
	const bool is = pf->log_is_new;

	pf->log_is_new = false;
	return is;
}

/* Rules of pins log nothing. */
size_t
firewall_log_rules(struct firewall *pf, struct pflog_rule *rules, size_t max)
{
	const size_t n = pf->nlabels < max ? pf->nlabels : max;

	memset(rules, 0, n * sizeof(*rules));
	for (size_t i = 0; i < n; i++) {
		rules[i].number = pf->labels[i].number;
		/* The last part of the anchor's name, on every host. */
		copy_string(rules[i].anchor, "gatehouse", sizeof(rules[i].anchor));
		copy_string(rules[i].label, pf->labels[i].label, sizeof(rules[i].label));
	}
	return n;
}

size_t
firewall_frozen(const struct firewall *pf, const struct fw_guest **guests, bool *all)
{
	*guests = pf->frozen.guest;
	*all = pf->frozen.all;
	return pf->frozen.n;
}

enum profile
firewall_profile(const struct firewall *pf)
{
	return pf->profile;
}
