/*
 * The nftables backend: what should be in force (a profile, who is frozen,
 * which ports and addresses the bridges have), and the hash of what the
 * kernel showed right after it was loaded, with which later listings are
 * compared.
 *
 * Prologue, rule file and set contents go into the kernel as one transaction,
 * so there is no moment with half of them.  Between loads only set contents
 * change, also in one transaction.
 */
#include "config.h"

#include "firewall/nft.h"

#include <sys/socket.h>

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "firewall/nlsock.h"
#include "log.h"
#include "reach.h"
#include "xmalloc.h"

struct firewall {
	struct conf		conf;
	enum profile		profile;
	struct nft_runtime	runtime;
	uint64_t		hash;		/* of the loaded rules, 0: none */
	char			trouble[GH_CAUSE_SIZE];	/* of the links, or "" */
	int			watch;
	int			changes;	/* told of every change of rules */
	struct reach		reach;		/* of pins */
	struct pins		*pins;

	/* When all was last found as it should be: the kernel's count of changes. 0: it
	 * is to be looked at. */
	uint32_t		sound;
	uint64_t		sound_time;	/* mono */
};

/* A listing costs 20 ms of CPU time; with the kernel's count of changes unchanged it
 * would say what it said last time, and so is asked for now and then only. */
static const uint64_t sound_us = 60 * 1000000ull;

/* A socket that becomes readable when anyone changes nftables' rules. */
static int
changes_watch(void)
{
	const int group = NFNLGRP_NFTABLES;
	int fd = nlsock_open(NETLINK_NETFILTER, 0);

	if (fd != -1 && setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group,
	    sizeof(group)) == -1) {
		close(fd);
		fd = -1;
	}
	return fd;
}

struct firewall *
firewall_open(const struct conf *conf, char **cause)
{
	struct firewall *fw = xcalloc(1, sizeof(*fw));
	char *list = NULL;

	fw->conf = *conf;
	fw->profile = PROFILE_NONE;
	fw->watch = links_watch();
	if (fw->watch == -1)
		log_warn("cannot watch network interfaces");
	fw->changes = changes_watch();
	if (fw->changes == -1)
		log_warn("cannot watch for changes of rules; looking now and then is left");
	fw->pins = pins_new();
	*cause = reach_init(&fw->reach, conf);
	if (*cause == NULL)
		*cause = nft_run(NULL, NFT_RUN_LIST | NFT_RUN_JSON, &list);
	free(list);
	if (*cause != NULL) {
		firewall_close(fw);
		return NULL;
	}
	return fw;
}

void
firewall_close(struct firewall *fw)
{
	if (fw == NULL)
		return;
	if (fw->watch != -1)
		close(fw->watch);
	if (fw->changes != -1)
		close(fw->changes);
	pins_free(fw->pins);
	reach_free(&fw->reach);
	free(fw);
}

void
firewall_reconf(struct firewall *fw, const struct conf *conf)
{
	char *cause = reach_reconf(&fw->reach, conf);
	struct fw_pin p;

	/* What cannot be read reaches nothing that is not the internet's. */
	if (cause != NULL)
		log_warnx("%s", cause);
	free(cause);
	fw->conf = *conf;
	for (size_t i = 0; firewall_pins(fw, i, &p); i++) {
		if (!reach_allows(&fw->reach, &p.dst))
			firewall_unpin(fw, &p);
	}
}

enum profile
firewall_profile(const struct firewall *fw)
{
	return fw->profile;
}

int
firewall_watch_fd(const struct firewall *fw)
{
	return fw->watch;
}

int
firewall_changes_fd(const struct firewall *fw)
{
	return fw->changes;
}

/* A group of netlink's is there as long as somebody reads it. */
bool
firewall_log_is_new(struct firewall *fw)
{
	return false;
}

void
firewall_changes_seen(struct firewall *fw)
{
	nlsock_drain(fw->changes);
}

/* NFLOG's prefix is the label. */
size_t
firewall_log_rules(struct firewall *fw, struct pflog_rule *rules, size_t max)
{
	return 0;
}

size_t
firewall_frozen(const struct firewall *fw, const struct fw_guest **guests, bool *all)
{
	*guests = fw->runtime.frozen.guest;
	*all = fw->runtime.frozen.all;
	return fw->runtime.frozen.n;
}

/* ---- loading ---- */

/*
 * libnftables counts lines from the first of the whole text; an operator wants
 * the line of the rule file.  Takes words over.
 */
static char *
map_lines(char *words, const struct nft_text *t)
{
	static const char mark[] = NFT_RUN_FILE ":";
	const char *at = strstr(words, mark);
	char *end, *cause;
	unsigned long line;
	int len;

	if (at == NULL)
		return words;
	line = strtoul(at + sizeof(mark) - 1, &end, 10);
	/* The first line says it all; then come the rule and a row of carets. */
	len = (int)strcspn(end, "\n");
	if (line > t->prologue)
		cause = xasprintf("%s:%lu%.*s", t->file, line - t->prologue, len, end);
	else
		cause = xasprintf("the definitions put in front of %s do not load (line %lu of "
		    "\"gatehouse rules --text\")%.*s", t->file, line, len, end);
	free(words);
	return cause;
}

static void
read_links(struct firewall *fw)
{
	struct links *now = xmalloc(sizeof(*now));
	char *cause = links_read(&fw->conf.bridges, now);

	copy_string(fw->trouble, cause != NULL ? cause : "", sizeof(fw->trouble));
	fw->runtime.links = *now;
	free(now);
	free(cause);
}

/* The whole of what is to be loaded, and where its parts came from. */
static char *
load_text(struct firewall *fw, enum profile profile, struct nft_text *t, char **commands)
{
	char *cause = nft_text_make(&fw->conf, profile, t), *sets, *pins;

	*commands = NULL;
	if (cause != NULL)
		return cause;
	sets = nft_runtime_text(&fw->conf, &fw->runtime);
	pins = pins_text(fw->pins, now_mono());
	/* Last, for the kernel gets to the sets in this order: see chain loading. */
	*commands = xasprintf("%s%s%sadd element inet gatehouse loaded { 0-255 . 0-255 }\n", t->text,
	    sets, pins);
	free(sets);
	free(pins);
	return NULL;
}

/*
 * The kernel hooks a new base chain in before it unhooks the old one, and gives
 * each chain its rules by itself: a packet on its way at that moment could run
 * the new chain before it has its rules and the old one after it lost them.
 * So the rules are loaded beside the old ones first, under another name, then
 * in the old ones' place, and only then is the copy taken away: at each change
 * another whole ruleset stands, and what either refuses is refused.
 */
static const char aside_down[] = "table inet " NFT_ASIDE "\ndelete table inet " NFT_ASIDE "\n"
    "table bridge " NFT_ASIDE "\ndelete table bridge " NFT_ASIDE "\n";

static char *
load(const char *commands)
{
	char *aside = nft_text_aside(commands), *cause = nft_run(aside, 0, NULL), *left;

	free(aside);
	if (cause != NULL)
		return cause;
	cause = nft_run(commands, 0, NULL);
	left = nft_run(aside_down, 0, NULL);
	if (cause == NULL)
		return left;
	free(left);
	return cause;
}

/* What the profile in force does not let pass, of what guests began. */
static bool
flow_is_refused(const struct flow_key *k, void *arg)
{
	const struct firewall *fw = arg;

	if (!links_guest(&fw->runtime.links, &k->src))
		return false;
	if (fw->profile == PROFILE_LOCKDOWN)
		return true;
	/* What went to our proxy or resolver may go on.  One to another host's port of
	 * that number may stay known here: the rules stop it. */
	return !k->nat && !pins_hold(fw->pins, k) &&
	    (k->proto != IPPROTO_TCP || k->port != fw->conf.explicit_port);
}

static void
forget_flows(struct firewall *fw)
{
	char *trouble = fw->profile == PROFILE_OBSERVE ? NULL :
	    conntrack_forget(flow_is_refused, fw);

	if (trouble != NULL)
		log_warnx("%s", trouble);
	free(trouble);
}

/* What lives by pins now must go on living by them after a load. */
static void
look_at_pins(struct firewall *fw)
{
	const uint64_t asked = now_mono();
	char *list = NULL, *cause;

	if (fw->profile == PROFILE_NONE || pins_changed(fw->pins))
		return;
	cause = nft_run(NULL, NFT_RUN_LIST | NFT_RUN_JSON, &list);
	if (cause == NULL)
		pins_see(fw->pins, list, strlen(list), asked);
	free(cause);
	free(list);
}

char *
firewall_apply(struct firewall *fw, enum profile profile)
{
	struct nft_text t;
	char *commands, *list = NULL, *cause;
	uint64_t hash, runtime;

	if (profile == PROFILE_NONE)
		return firewall_flush(fw);
	fw->sound = 0;
	read_links(fw);
	look_at_pins(fw);
	cause = load_text(fw, profile, &t, &commands);
	if (cause != NULL)
		return cause;
	cause = load(commands);
	if (cause == NULL)
		cause = nft_run(NULL, NFT_RUN_LIST | NFT_RUN_JSON, &list);
	if (cause != NULL) {
		cause = map_lines(cause, &t);
		goto out;
	}
	hash = nft_list_hash(list, strlen(list), &runtime);
	if (hash == 0) {
		cause = xstrdup("the rules were loaded, but the kernel does not show them");
		goto out;
	}
	fw->hash = hash;
	fw->profile = profile;
	pins_settle(fw->pins);
	forget_flows(fw);
out:
	free(t.text);
	free(commands);
	free(list);
	return cause;
}

char *
firewall_flush(struct firewall *fw)
{
	char *commands = xasprintf("%s%s", aside_down, NFT_DELETE_TABLES), *cause;

	fw->sound = 0;
	cause = nft_run(commands, 0, NULL);
	free(commands);
	if (cause == NULL) {
		fw->profile = PROFILE_NONE;
		fw->hash = 0;
	}
	return cause;
}

/* ---- sets ---- */

/* Makes the kernel's sets hold what runtime says, if rules are loaded. */
static char *
put_sets(struct firewall *fw)
{
	char *commands, *cause;

	fw->sound = 0;
	if (fw->profile == PROFILE_NONE)
		return NULL;
	commands = nft_runtime_text(&fw->conf, &fw->runtime);
	cause = nft_run(commands, 0, NULL);
	free(commands);
	return cause;
}

char *
firewall_links(struct firewall *fw)
{
	struct links *before = xmalloc(sizeof(*before));
	char *cause = NULL;

	*before = fw->runtime.links;
	nlsock_drain(fw->watch);
	read_links(fw);
	/* Both come from links_read(), which clears what it does not fill. */
	if (memcmp(before, &fw->runtime.links, sizeof(*before)) != 0)
		cause = put_sets(fw);
	if (cause != NULL)
		copy_string(fw->trouble, cause, sizeof(fw->trouble));
	free(before);
	return cause;
}

char *
firewall_freeze(struct firewall *fw, const struct fw_guest *guest, bool on)
{
	struct nft_runtime *before = xmalloc(sizeof(*before));
	char *cause;

	*before = fw->runtime;
	cause = frozen_set(&fw->runtime.frozen, guest, on);
	if (cause == NULL)
		cause = put_sets(fw);
	if (cause != NULL)
		fw->runtime = *before;
	free(before);
	return cause;
}

/* ---- pins ---- */

char *
firewall_pin(struct firewall *fw, const struct fw_pin *p)
{
	char text[ADDR_TEXT_SIZE];

	if (!reach_allows(&fw->reach, &p->dst))
		return xasprintf("%s is no address that a name may lead to",
		    addr_format(&p->dst, text));
	return pins_add(fw->pins, p, now_mono());
}

void
firewall_unpin(struct firewall *fw, const struct fw_pin *p)
{
	pins_remove(fw->pins, p);
}

char *
firewall_ranges(struct firewall *fw, const struct fw_range *ranges, size_t n)
{
	return pins_set_ranges(fw->pins, ranges, n, now_mono());
}

static bool
flow_is_doomed(const struct flow_key *k, void *pins)
{
	return pins_doom(pins, k);
}

char *
firewall_commit(struct firewall *fw)
{
	char *commands, *cause = NULL;

	if (!pins_changed(fw->pins))
		return NULL;
	if (fw->profile != PROFILE_NONE) {
		commands = pins_changes(fw->pins, now_mono());
		cause = nft_run(commands, 0, NULL);
		free(commands);
	}
	/* Sets that do not take it are not ours any more: load them again, for what
	 * was taken away must not stay. */
	if (cause != NULL) {
		log_warnx("pins: %s", cause);
		pins_unsettle(fw->pins);
		free(firewall_apply(fw, fw->profile));
		return cause;
	}
	if (pins_settle(fw->pins)) {
		char *trouble = conntrack_forget(flow_is_doomed, fw->pins);

		if (trouble != NULL)
			log_warnx("%s", trouble);
		free(trouble);
	}
	return NULL;
}

void
firewall_senders(struct firewall *fw, const struct fw_sender *senders, size_t n)
{
	pins_set_senders(fw->pins, senders, n);
}

bool
firewall_sender(const struct firewall *fw, size_t i, struct fw_sender *sender)
{
	return pins_sender(fw->pins, i, sender);
}

bool
firewall_pins(const struct firewall *fw, size_t i, struct fw_pin *p)
{
	return pins_get(fw->pins, i, now_mono(), p);
}

bool
firewall_pin_ended(struct firewall *fw, struct fw_pin *p)
{
	return pins_ended(fw->pins, p);
}

/* ---- looking ---- */

char *
firewall_list(struct firewall *fw, char **cause)
{
	char *list;

	(void)fw;
	*cause = nft_run(NULL, NFT_RUN_LIST | NFT_RUN_JSON, &list);
	if (*cause != NULL)
		return NULL;
	if (list[0] != '\0')
		return list;
	free(list);
	return xstrdup("{\"nftables\": []}");
}

/* Pins, and what packets put into sets, come and go by themselves: these sets are
 * shown empty. */
static void
without_passing(char *list)
{
	static const char elements[] = "\t\telements = {";
	char *set = list, *from, *to, *dynamic, name[32];

	while ((set = strstr(set, "\tset ")) != NULL) {
		set += 5;
		copy_string(name, set, sizeof(name));
		name[strcspn(name, " ")] = '\0';
		from = strstr(set, elements);
		to = strstr(set, "\n\t}");
		if (from == NULL || to == NULL || from > to)
			continue;
		dynamic = strstr(set, "\t\tflags dynamic");
		if (!pins_is_set("inet", name) && (dynamic == NULL || dynamic > from))
			continue;
		to++;
		memmove(from, to, strlen(to) + 1);
	}
}

char *
firewall_diff(struct firewall *fw, enum profile profile, char **cause)
{
	struct nft_text t = { .text = NULL };
	char *commands = NULL, *before = NULL, *after = NULL, *diff = NULL, *name = NULL;

	*cause = nft_run(NULL, NFT_RUN_LIST, &before);
	if (*cause != NULL)
		goto out;
	read_links(fw);
	*cause = load_text(fw, profile, &t, &commands);
	if (*cause != NULL)
		goto out;
	*cause = nft_run(commands, NFT_RUN_APART | NFT_RUN_LIST, &after);
	if (*cause != NULL) {
		*cause = map_lines(*cause, &t);
		goto out;
	}
	without_passing(before);
	without_passing(after);
	name = xasprintf("kernel (%s)", before[0] != '\0' ? profile_name(fw->profile) :
	    "no rules of ours");
	diff = text_diff(name, before, t.file, after);
out:
	free(name);
	free(t.text);
	free(commands);
	free(before);
	free(after);
	return diff;
}

/* Compares the listing, asked for at that time, with what should be there: true,
 * or false and why. */
static bool
matches(const struct firewall *fw, const char *list, uint64_t asked, const char **why)
{
	uint64_t runtime, hash = nft_list_hash(list, strlen(list), &runtime);

	if (fw->profile == PROFILE_NONE)
		*why = hash != 0 ? "our tables are there, though they were flushed" : NULL;
	else if (hash == 0)
		*why = "our tables are gone: someone flushed the ruleset, and guests are open";
	else if (hash != fw->hash)
		*why = "someone changed them; \"gatehouse apply --dry-run\" shows what";
	else if (runtime != nft_runtime_hash(&fw->conf, &fw->runtime))
		*why = "someone changed the guests' ports, the host's addresses or the frozen "
		    "guests in our sets";
	else
		*why = pins_see(fw->pins, list, strlen(list), asked);
	return *why == NULL;
}

static void
generation_take(const struct nlmsghdr *nh, void *arg)
{
	struct nlsock_attr a;
	struct nfgenmsg head;
	const uint8_t *p;
	size_t left;

	if (!nlsock_body(nh, &head, sizeof(head), &p, &left))
		return;
	while (nlsock_attr_next(&p, &left, &a)) {
		if (a.type == NFTA_GEN_ID)
			*(uint32_t *)arg = nlsock_be32(&a);
	}
}

/* How often rules were changed here, by whomever; 0: the kernel does not say. */
static uint32_t
generation(void)
{
	const struct nfgenmsg head = { .nfgen_family = AF_UNSPEC };
	const int fd = nlsock_open(NETLINK_NETFILTER, 0);
	uint32_t n = 0;

	if (fd == -1)
		return 0;
	if (nlsock_get(fd, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN, &head, sizeof(head),
	    generation_take, &n) != 0)
		n = 0;
	close(fd);
	return n;
}

/* Nothing can have changed since all was as it should be. Pins end by themselves. */
static bool
still_sound(const struct firewall *fw, uint32_t now)
{
	struct fw_range range;
	struct fw_pin pin;

	return fw->sound != 0 && now == fw->sound && now_mono() - fw->sound_time < sound_us &&
	    !pins_get(fw->pins, 0, now_mono(), &pin) && !pins_range(fw->pins, 0, now_mono(), &range);
}

void
firewall_check(struct firewall *fw, struct fw_status *status)
{
	const uint32_t now = generation();
	char *list, *cause;
	const char *why = NULL;
	uint64_t asked;

	memset(status, 0, sizeof(*status));
	copy_string(status->backend, "nftables", sizeof(status->backend));
	copy_string(status->place, "inet gatehouse", sizeof(status->place));
	status->profile = fw->profile;
	status->frozen_all = fw->runtime.frozen.all;
	status->frozen = fw->runtime.frozen.n;
	status->hash = fw->hash;
	copy_string(status->cause, fw->trouble, sizeof(status->cause));
	asked = now_mono();
	if (still_sound(fw, now)) {
		status->verified = now_wall();
		status->loaded = fw->profile != PROFILE_NONE;
		return;
	}
	fw->sound = 0;
	cause = nft_run(NULL, NFT_RUN_LIST | NFT_RUN_JSON, &list);
	if (cause != NULL) {
		copy_string(status->cause, cause, sizeof(status->cause));
		free(cause);
		return;
	}
	status->verified = now_wall();
	status->loaded = list[0] != '\0';
	status->drift = !matches(fw, list, asked, &why);
	if (why != NULL)
		copy_string(status->cause, why, sizeof(status->cause));
	else if (generation() == now) {
		fw->sound = now;
		fw->sound_time = asked;
	}
	free(list);
}
