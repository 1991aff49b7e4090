/*
 * Interfaces as pf takes them.  It knows no patterns, so "bridge*" is the group
 * of all bridges; where there are no groups, it is a few that may come.
 */
#include "config.h"

#include "firewall/pf.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"
#include "xmalloc.h"

bool
pf_is_pattern(const char *name)
{
	const size_t len = strlen(name);

	return len > 0 && name[len - 1] == '*';
}

bool
pf_names_have(const struct pf_names *names, const char *name)
{
	for (size_t i = 0; i < names->n; i++) {
		if (strcmp(names->name[i], name) == 0)
			return true;
	}
	return false;
}

bool
pf_names_same(const struct pf_names *a, const struct pf_names *b)
{
	size_t i;

	for (i = 0; i < a->n && i < b->n && strcmp(a->name[i], b->name[i]) == 0; i++)
		continue;
	return i == a->n && i == b->n;
}

void
pf_names_add(struct pf_names *names, const char *name)
{
	const size_t len = strlen(name);

	if (names->n == PF_NAMES_MAX || len == 0 || len >= GH_IFNAME_SIZE ||
	    strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != len)
		return;
	if (pf_names_have(names, name))
		return;
	copy_string(names->name[names->n++], name, GH_IFNAME_SIZE);
}

/* "bridge" of "bridge*". */
static void
stem_of(const char *pattern, char stem[GH_IFNAME_SIZE])
{
	const size_t len = copy_string(stem, pattern, GH_IFNAME_SIZE) - 1;

	stem[len] = '\0';
}

/* What a pattern stands for. NULL or a cause. */
static char *
names_add_pattern(struct pf_names *names, const struct pf_host *host, const char *pattern)
{
	char stem[GH_IFNAME_SIZE], name[GH_IFNAME_SIZE + 12];

	stem_of(pattern, stem);
	for (const char *p = stem; *p != '\0'; p++) {
		if (!isalpha((unsigned char)*p))
			return xasprintf("bridge = %s: pf knows interfaces by their names or by "
			    "their kind (\"bridge*\"): name each", pattern);
	}
	if (host->groups) {
		pf_names_add(names, stem);
		return NULL;
	}
	for (unsigned i = 0; i < PF_BRIDGES_AHEAD; i++) {
		snprintf(name, sizeof(name), "%s%u", stem,
		    (strcmp(stem, "bridge") == 0 ? host->first : 0) + i);
		if (strlen(name) < GH_IFNAME_SIZE)
			pf_names_add(names, name);
	}
	return NULL;
}

char *
pf_names_of(struct pf_names *names, const struct pf_host *host, const struct conf_names *bridges)
{
	char *cause = NULL;

	names->n = 0;
	for (uint32_t i = 0; i < bridges->n && cause == NULL; i++) {
		if (pf_is_pattern(bridges->name[i]))
			cause = names_add_pattern(names, host, bridges->name[i]);
		else
			pf_names_add(names, bridges->name[i]);
	}
	return cause;
}

/* macOS has a bridge0 of its own, which "bridge*" does not mean. */
static bool
is_anothers(const struct pf_host *host, const char *ifname)
{
	static const char kind[] = "bridge";
	const char *digits = ifname + sizeof(kind) - 1;

	return host->first > 0 && strncmp(ifname, kind, sizeof(kind) - 1) == 0 &&
	    isdigit((unsigned char)*digits) && strtoul(digits, NULL, 10) < host->first;
}

bool
pf_means(const struct pf_host *host, const struct conf_names *bridges, const char *ifname)
{
	char stem[GH_IFNAME_SIZE];

	for (uint32_t i = 0; i < bridges->n; i++) {
		const char *name = bridges->name[i];

		if (strcmp(name, ifname) == 0 ||
		    (text_glob(name, ifname) && !is_anothers(host, ifname)))
			return true;
		if (!host->groups || !pf_is_pattern(name))
			continue;
		/* One that was renamed is in its group still, which the rules are for. */
		stem_of(name, stem);
		if (pf_in_group(ifname, stem))
			return true;
	}
	return false;
}

bool
pf_covers(const struct pf_host *host, const struct conf_names *bridges, const char *ifname)
{
	struct pf_names *names = xmalloc(sizeof(*names));
	char *cause = pf_names_of(names, host, bridges);
	bool covered = host->groups && pf_means(host, bridges, ifname);

	for (size_t i = 0; i < names->n; i++)
		covered = covered || strcmp(names->name[i], ifname) == 0;
	free(cause);
	free(names);
	return covered;
}

bool
pf_is_guests_end(const struct pf_host *host, const char *name)
{
	/* The last two are jails'; a renamed one is in the group of its kind still. */
	static const char *const kinds[] = { "vmenet", "feth", "tap", "vmnet", "vnet", "ngeth",
		"epair" };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strncmp(name, kinds[i], strlen(kinds[i])) == 0 ||
		    (host->groups && pf_in_group(name, kinds[i])))
			return true;
	}
	return false;
}
