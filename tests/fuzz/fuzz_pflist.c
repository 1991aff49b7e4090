/* Whatever pfctl prints, what is read of it is terminated, printable and bounded. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "firewall/pf.h"
#include "xmalloc.h"
#include "rule_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

enum { RULES_MAX = 64, GUESTS_MAX = 8, LABELS_MAX = 32 };

static void
see_rules(const char *text, size_t len)
{
	static struct fw_rule rules[RULES_MAX];
	static struct pf_label labels[LABELS_MAX];
	char *cause;
	int n = pf_rules_parse(text, len, rules, RULES_MAX, &cause);
	size_t nlabels;

	if (n > RULES_MAX || (n == -1) != (cause != NULL))
		abort();
	free(cause);
	for (int i = 0; i < n; i++)
		rule_check(&rules[i]);
	nlabels = pf_labels_parse(text, len, labels, LABELS_MAX);
	if (nlabels > LABELS_MAX)
		abort();
	for (size_t i = 0; i < nlabels; i++)
		printable(labels[i].label, sizeof(labels[i].label));
	for (enum pf_section s = 0; s < PF_SECTIONS; s++)
		pf_list_hash(text, len, s);
}

/* A table that is read has a name, and is the same as itself. */
static void
see_tables(const char *text, size_t len)
{
	static struct pf_tables tables;
	char *cause = pf_tables_parse(text, len, &tables);

	if (tables.n > PF_TABLES_MAX)
		abort();
	for (size_t i = 0; i < tables.n; i++)
		printable(tables.table[i].name, sizeof(tables.table[i].name));
	if (cause == NULL && tables.n > 0 && tables.table[0].name[0] == '\0')
		abort();
	free(cause);
	pf_list_section(text, len, PF_TABLES, &len);
}

static void
see_frozen(const char *text, size_t len)
{
	static struct fw_guest guests[GUESTS_MAX];
	bool all;
	int n = pf_frozen_parse(text, len, guests, GUESTS_MAX, &all);

	if (n > GUESTS_MAX)
		abort();
	for (int i = 0; i < n; i++) {
		if (guests[i].naddrs != 1 || guests[i].addrs[0].family == 0)
			abort();
	}
	pf_addresses_shown(text, len, PF_FROZEN, "10.77.0.11\nfd77::11\n");
}

static void
see_flow(const struct flow_key *k, void *arg)
{
	(void)arg;
	if (k->src.family == 0 || k->dst.family == 0)
		abort();
}

/* What is read to its NUL. */
static void
see_text(const char *text)
{
	static struct pf_names members;
	static struct conf conf;
	static const struct pf_guarded freebsd = { &pf_host_freebsd, &conf, &members },
	    macos = { &pf_host_macos, &conf, NULL };
	char name[PF_ANCHOR_SIZE];
	struct pf_anchor anchor;
	struct pf_keep keep;
	bool enabled;
	size_t len;

	conf.bridges.n = 1;
	conf.nuids = 1;
	copy_string(conf.bridges.name[0], "bridge*", GH_IFNAME_SIZE);
	free(pf_hook_check(&freebsd, text, text));
	free(pf_foreign_check(&macos, text, true));
	for (const char *rest = text; pf_anchor_next(&macos, &rest, &anchor);)
		continue;
	for (const char *rest = text; pf_anchor_listed(&rest, name);) {
		if (name[0] == '\0' || strnlen(name, sizeof(name)) == sizeof(name))
			abort();
	}
	members.n = 0;
	pf_members_parse(text, &members);
	free(pf_skip_check(&macos, text));
	free(pf_rules_only(text));
	pf_enabled_parse(text, &enabled);
	pf_token_held(text, pf_token_parse(text));
	pf_states_parse(text, see_flow, NULL);
	if (*pf_complaint(text, &len) == '\0' && len != 0)
		abort();
	if (pf_keep_parse(text, &keep) && keep.made_log && keep.log > 15)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *text = xstrndup((const char *)data, len);

	see_rules((const char *)data, len);
	see_tables((const char *)data, len);
	see_frozen((const char *)data, len);
	see_text(text);
	free(text);
	return 0;
}
