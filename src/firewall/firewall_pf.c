/*
 * priv's way in on hosts whose packet filter is pf.  Nothing there tells of
 * changes, so looking now and then is left; and rules follow the addresses of
 * interfaces by themselves.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "drops/pflog.h"
#include "firewall/pf.h"
#include "xmalloc.h"

struct firewall {
	struct pf	*pf;
};

struct firewall *
firewall_open(const struct conf *conf, char **cause)
{
	struct pf *pf = pf_open(conf, pf_host_here(), cause);
	struct firewall *fw;

	if (pf == NULL)
		return NULL;
	fw = xcalloc(1, sizeof(*fw));
	fw->pf = pf;
	return fw;
}

void
firewall_close(struct firewall *fw)
{
	if (fw == NULL)
		return;
	pf_close(fw->pf);
	free(fw);
}

void
firewall_reconf(struct firewall *fw, const struct conf *conf)
{
	pf_reconf(fw->pf, conf);
}

char *
firewall_apply(struct firewall *fw, enum profile profile)
{
	return pf_apply(fw->pf, profile);
}

char *
firewall_flush(struct firewall *fw)
{
	return pf_flush(fw->pf);
}

char *
firewall_freeze(struct firewall *fw, const struct fw_guest *guest, bool on)
{
	return pf_freeze(fw->pf, guest, on);
}

char *
firewall_pin(struct firewall *fw, const struct fw_pin *p)
{
	return pf_pin(fw->pf, p);
}

void
firewall_unpin(struct firewall *fw, const struct fw_pin *p)
{
	pf_unpin(fw->pf, p);
}

char *
firewall_ranges(struct firewall *fw, const struct fw_range *ranges, size_t n)
{
	return pf_ranges(fw->pf, ranges, n);
}

char *
firewall_commit(struct firewall *fw)
{
	return pf_commit(fw->pf);
}

bool
firewall_pins(const struct firewall *fw, size_t i, struct fw_pin *p)
{
	return pf_pins(fw->pf, i, p);
}

bool
firewall_pin_ended(struct firewall *fw, struct fw_pin *p)
{
	return pf_pin_ended(fw->pf, p);
}

char *
firewall_list(struct firewall *fw, char **cause)
{
	return pf_list(fw->pf, cause);
}

char *
firewall_diff(struct firewall *fw, enum profile profile, char **cause)
{
	return pf_diff(fw->pf, profile, cause);
}

/* Rules of pins log nothing. */
size_t
firewall_log_rules(struct firewall *fw, struct pflog_rule *rules, size_t max)
{
	const size_t n = fw->pf->nlabels < max ? fw->pf->nlabels : max;

	memset(rules, 0, n * sizeof(*rules));
	for (size_t i = 0; i < n; i++) {
		rules[i].number = fw->pf->labels[i].number;
		/* The last part of the anchor's name, on every host. */
		copy_string(rules[i].anchor, "gatehouse", sizeof(rules[i].anchor));
		copy_string(rules[i].label, fw->pf->labels[i].label, sizeof(rules[i].label));
	}
	return n;
}

int
firewall_watch_fd(const struct firewall *fw)
{
	return -1;
}

char *
firewall_links(struct firewall *fw)
{
	return NULL;
}

int
firewall_changes_fd(const struct firewall *fw)
{
	return -1;
}

void
firewall_changes_seen(struct firewall *fw)
{
}

size_t
firewall_frozen(const struct firewall *fw, const struct fw_guest **guests, bool *all)
{
	*guests = fw->pf->frozen.guest;
	*all = fw->pf->frozen.all;
	return fw->pf->frozen.n;
}

enum profile
firewall_profile(const struct firewall *fw)
{
	return fw->pf->profile;
}

void
firewall_check(struct firewall *fw, struct fw_status *status)
{
	pf_check(fw->pf, status);
}
