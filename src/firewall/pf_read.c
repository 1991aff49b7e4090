/* What else pfctl prints. */
#include "config.h"

#include "firewall/pf.h"

#include <ctype.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "text.h"
#include "xmalloc.h"

enum { LINE_SIZE = 1024, WORDS_MAX = 16 };

/* Copies the next line into line, cut short if it must be; false at the end. */
static bool
line_next(const char **text, char line[LINE_SIZE])
{
	const size_t len = strcspn(*text, "\n");

	if (**text == '\0')
		return false;
	snprintf(line, LINE_SIZE, "%.*s", len < LINE_SIZE ? (int)len : LINE_SIZE - 1, *text);
	*text += len;
	if (**text == '\n')
		(*text)++;
	return true;
}

/* Cuts the line up at its spaces. */
static size_t
words_cut(char *line, char *words[WORDS_MAX])
{
	size_t n = 0;
	char *word;

	while (n < WORDS_MAX && (word = strsep(&line, " \t")) != NULL) {
		if (*word != '\0')
			words[n++] = word;
	}
	return n;
}

/* ---- the hook ---- */

/* An interface, or what a pattern stands for in a rule: "bridge". What guests send to a member
 * itself comes by that one. */
static bool
is_guarded(const struct pf_guarded *g, const char *on)
{
	const struct conf_names *bridges = &g->conf->bridges;

	for (size_t i = 0; g->members != NULL && i < g->members->n; i++) {
		if (strcmp(g->members->name[i], on) == 0 ||
		    (g->host->groups && pf_in_group(g->members->name[i], on)))
			return true;
	}
	for (uint32_t i = 0; i < bridges->n; i++) {
		const char *name = bridges->name[i];
		const size_t len = strlen(name);

		if (pf_is_pattern(name) && len > 1 && strlen(on) == len - 1 &&
		    strncmp(name, on, len - 1) == 0)
			return true;
	}
	return pf_means(g->host, bridges, on);
}

/* Whether a rule may be for packets of guests: for every interface, for all but one,
 * for one of ours, or for a group, which is a name without a number. */
static bool
is_for_guests(const struct pf_guarded *g, char *const words[], size_t n)
{
	for (size_t i = 0; i + 1 < n; i++) {
		const char *on = words[i + 1];

		if (strcmp(words[i], "on") != 0)
			continue;
		return *on == '!' || is_guarded(g, on) ||
		    (g->host->groups && !isdigit((unsigned char)on[strlen(on) - 1]));
	}
	return true;
}

static bool
has_word(char *const words[], size_t n, const char *word)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(words[i], word) == 0)
			return true;
	}
	return false;
}

/* A rule of the host's that decides about packets of guests, or of guarded users on
 * their way out, before ours can. */
static bool
is_ahead(const struct pf_guarded *g, char *const words[], size_t n)
{
	if (n == 0 || strcmp(words[0], "pass") != 0 || !has_word(words, n, "quick"))
		return false;
	return is_for_guests(g, words, n) || (g->conf->nuids > 0 && !has_word(words, n, "in"));
}

/* One that lets pass what it translates, and no filter rule sees: wherever it is. */
static bool
is_past(const struct pf_guarded *g, char *const words[], size_t n)
{
	return n > 1 && strcmp(words[1], "pass") == 0 && (strcmp(words[0], "rdr") == 0 ||
	    strcmp(words[0], "binat") == 0 || strcmp(words[0], "nat") == 0) &&
	    (g->conf->nuids > 0 || is_for_guests(g, words, n));
}

/* anchor "NAME" all, and nothing that narrows it down. */
static bool
is_hook(char *const words[], size_t n, const char *kind, const char *name)
{
	const size_t len = strlen(name);

	return n == 3 && strcmp(words[0], kind) == 0 && strcmp(words[2], "all") == 0 &&
	    strlen(words[1]) == len + 2 && words[1][0] == '"' && words[1][len + 1] == '"' &&
	    strncmp(words[1] + 1, name, len) == 0;
}

/* Looks for the hook of that kind. NULL, or the rule that comes before it. */
static char *
hook_find(const struct pf_guarded *g, const char *text, const char *kind, bool *found)
{
	char line[LINE_SIZE], whole[LINE_SIZE], *words[WORDS_MAX];

	*found = false;
	while (line_next(&text, line)) {
		size_t n;

		memcpy(whole, line, sizeof(whole));
		n = words_cut(line, words);
		if (is_hook(words, n, kind, g->host->hook)) {
			*found = true;
			continue;
		}
		if ((!*found && is_ahead(g, words, n)) || is_past(g, words, n))
			return xasprintf("the host's own rule \"%.90s\" decides before gatehouse "
			    "does: in /etc/pf.conf, put it behind our anchor, for other "
			    "interfaces, or without \"pass\"", whole);
	}
	return NULL;
}

char *
pf_hook_check(const struct pf_guarded *g, const char *nat, const char *rules)
{
	static const char *const kinds[] = { "nat-anchor", "rdr-anchor", "anchor" };
	char *cause = NULL, missing[128] = "";

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && cause == NULL; i++) {
		const size_t len = strlen(missing);
		bool found;

		cause = hook_find(g, i < 2 ? nat : rules, kinds[i], &found);
		if (cause == NULL && !found && (i > 0 || g->conf->egress.n > 0))
			snprintf(missing + len, sizeof(missing) - len, "%s%s \"%s\"",
			    len > 0 ? ", " : "", kinds[i], g->host->hook);
	}
	if (cause == NULL && missing[0] != '\0')
		cause = xasprintf("pf is not told to ask our anchor; its main rules lack: %s (%s)",
		    missing, g->host->advice);
	return cause;
}

static bool
is_anchor(const char *word)
{
	static const char *const kinds[] = { "anchor", "nat-anchor", "rdr-anchor", "binat-anchor" };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(word, kinds[i]) == 0)
			return true;
	}
	return false;
}

bool
pf_anchor_next(const struct pf_guarded *g, const char **text, struct pf_anchor *a)
{
	char line[LINE_SIZE], *words[WORDS_MAX], *name;

	while (line_next(text, line)) {
		const size_t n = words_cut(line, words);

		if (n < 2 || !is_anchor(words[0]) || words[1][0] != '"')
			continue;
		name = words[1] + 1;
		name[strcspn(name, "\"")] = '\0';
		if (strcmp(name, g->host->hook) == 0) {
			/* Filter rules behind it come too late. */
			if (strcmp(words[0], "anchor") == 0)
				return false;
			continue;
		}
		if (g->conf->nuids == 0 && !is_for_guests(g, words, n))
			continue;
		copy_string(a->name, name, sizeof(a->name));
		a->quick = has_word(words, n, "quick");
		return true;
	}
	return false;
}

bool
pf_anchor_listed(const char **text, char name[PF_ANCHOR_SIZE])
{
	char line[LINE_SIZE], *words[WORDS_MAX];

	while (line_next(text, line)) {
		if (words_cut(line, words) == 0)
			continue;
		copy_string(name, words[0], PF_ANCHOR_SIZE);
		return true;
	}
	return false;
}

char *
pf_foreign_check(const struct pf_guarded *g, const char *text, bool quick)
{
	char line[LINE_SIZE], whole[LINE_SIZE], *words[WORDS_MAX];
	static char quick_word[] = "quick";

	while (line_next(&text, line)) {
		size_t n;

		memcpy(whole, line, sizeof(whole));
		n = words_cut(line, words);
		/* An anchor that is quick makes what decides in it final. */
		if (quick && n > 0 && n < WORDS_MAX)
			words[n++] = quick_word;
		if (is_ahead(g, words, n) || is_past(g, words, n))
			return xasprintf("%.90s", whole + strspn(whole, " \t"));
	}
	return NULL;
}

/*
 * FreeBSD asks pf for a packet on its way through a bridge at the interface it came by,
 * too, and first.  No rule of ours is for that one, so what the host passes there makes
 * a state by which everything that follows passes ours.
 */
char *
pf_bridge_check(bool (*get)(const char *, int *))
{
	static const struct {
		const char	*name;
		int		 want;
		const char	*why;
	} rows[] = {
		{ "net.link.bridge.pfil_member", 0, "pf decides about guests' packets at the bridges' "
		    "members, before our rules" },
		{ "net.link.bridge.pfil_bridge", 1, "pf does not see what guests of one bridge send each "
		    "other" },
		{ "net.link.bridge.pfil_local_phys", 0, "pf is asked at the members about what is for "
		    "this host, and our rules let nothing in there" },
		{ "net.link.bridge.pfil_onlyip", 1, "guests of one bridge send each other what is not "
		    "IP" },
	};
	int value;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (get(rows[i].name, &value) && value != rows[i].want)
			return xasprintf("%s is %d, so %s: run \"sysctl %s=%d\"; gatehouse's rc.d script does "
			    "so each time before it starts", rows[i].name, value, rows[i].why, rows[i].name,
			    rows[i].want);
	}
	return NULL;
}

void
pf_members_parse(const char *ifconfig, struct pf_names *names)
{
	char line[LINE_SIZE], *words[WORDS_MAX];

	while (line_next(&ifconfig, line)) {
		const size_t n = words_cut(line, words);

		if (n >= 2 && strcmp(words[0], "member:") == 0)
			pf_names_add(names, words[1]);
	}
}

char *
pf_skip_check(const struct pf_guarded *g, const char *interfaces)
{
	char line[LINE_SIZE], *words[WORDS_MAX];

	while (line_next(&interfaces, line)) {
		const bool indented = line[0] == ' ' || line[0] == '\t';
		const size_t n = words_cut(line, words);

		if (indented || n < 2 || !has_word(words, n, "(skip)"))
			continue;
		/* Guarded users are stopped wherever their packets leave. */
		if (g->conf->nuids > 0 || is_guarded(g, words[0]))
			return xasprintf("/etc/pf.conf says \"set skip on %s\", so pf looks at no "
			    "packet there: take that line out and run \"pfctl -f /etc/pf.conf\"",
			    words[0]);
	}
	return NULL;
}

/* ---- pf itself ---- */

bool
pf_enabled_parse(const char *info, bool *enabled)
{
	static const char mark[] = "Status: ";
	char line[LINE_SIZE];

	while (line_next(&info, line)) {
		if (strncmp(line, mark, sizeof(mark) - 1) != 0)
			continue;
		*enabled = strncmp(line + sizeof(mark) - 1, "Enabled", 7) == 0;
		return *enabled || strncmp(line + sizeof(mark) - 1, "Disabled", 8) == 0;
	}
	return false;
}

uint64_t
pf_token_parse(const char *text)
{
	char line[LINE_SIZE], *words[WORDS_MAX];
	const char *why;
	uint64_t token;

	while (line_next(&text, line)) {
		if (words_cut(line, words) == 3 && strcmp(words[0], "Token") == 0 &&
		    strcmp(words[1], ":") == 0 &&
		    text_number(words[2], 1, UINT64_MAX, &token, &why))
			return token;
	}
	return 0;
}

bool
pf_token_held(const char *references, uint64_t token)
{
	char line[LINE_SIZE], *words[WORDS_MAX];
	const char *why;
	uint64_t number;

	while (line_next(&references, line)) {
		const size_t n = words_cut(line, words);

		/* Of a process's id, its name, the token and a time. */
		for (size_t i = 1; i < n; i++) {
			if (text_number(words[i], 1, UINT64_MAX, &number, &why) && number == token)
				return true;
		}
	}
	return false;
}

/* ---- states ---- */

/* "192.168.64.2:22", "fd00:64::2[22]", or either without a port. */
static bool
end_parse(char *word, struct addr *a, uint16_t *port)
{
	const char *why;
	uint64_t number = 0;
	char *at = strchr(word, '[');

	if (at != NULL) {
		char *end = strchr(at, ']');

		if (end == NULL || end[1] != '\0')
			return false;
		*end = '\0';
		*at++ = '\0';
	} else if ((at = strchr(word, ':')) != NULL && strchr(at + 1, ':') == NULL)
		*at++ = '\0';
	else
		at = NULL;
	if (at != NULL && !text_number(at, 0, UINT16_MAX, &number, &why))
		return false;
	*port = (uint16_t)number;
	/* "fe80::1%bridge100" */
	word[strcspn(word, "%")] = '\0';
	return addr_parse(word, a);
}

static bool
is_arrow(const char *word)
{
	return strcmp(word, "<-") == 0 || strcmp(word, "->") == 0;
}

/*
 *	all tcp 198.51.100.7:22 <- 192.168.64.2:51514       ESTABLISHED:ESTABLISHED
 *	all tcp 127.0.0.1:8643 (203.0.113.7:443) <- 192.168.64.2:45048       ...
 *
 * where the address in parentheses is the one that was asked for; macOS has
 *
 *	ALL tcp 127.0.0.1:8643 <- 203.0.113.7:443 <- 192.168.64.2:45048       ...
 */
static bool
state_parse(char *words[], size_t n, struct flow_key *k, bool *in)
{
	uint16_t port;
	size_t i;

	memset(k, 0, sizeof(*k));
	for (i = 2; i < n && !is_arrow(words[i]); i++)
		continue;
	if (i + 2 < n && is_arrow(words[i + 2])) {
		i += 2;
		k->nat = true;
	}
	if (i < 3 || i + 1 >= n)
		return false;
	k->proto = strcmp(words[1], "tcp") == 0 ? IPPROTO_TCP :
	    strcmp(words[1], "udp") == 0 ? IPPROTO_UDP : 0;
	/* Others' ends may have no ports, or what is none. */
	*in = strcmp(words[i], "<-") == 0 && k->proto != 0;
	if (!*in)
		return true;
	if (words[i - 1][0] == '(') {
		k->nat = true;
		words[i - 1]++;
		words[i - 1][strcspn(words[i - 1], ")")] = '\0';
	}
	return end_parse(words[i - 1], &k->dst, &k->port) &&
	    end_parse(words[i + 1], &k->src, &port);
}

bool
pf_states_parse(const char *text, void (*cb)(const struct flow_key *, void *), void *arg)
{
	char line[LINE_SIZE], *words[WORDS_MAX];
	struct flow_key k;
	bool good = true, in;

	while (line_next(&text, line)) {
		const size_t n = words_cut(line, words);

		if (n == 0)
			continue;
		if (!state_parse(words, n, &k, &in))
			good = false;
		else if (in)
			cb(&k, arg);
	}
	return good;
}

/* "10.77.0.0/24", or an address. */
static bool
net_parse(const char *text, struct addr *net, unsigned *bits)
{
	const char *slash = strchr(text, '/'), *why;
	char base[ADDR_TEXT_SIZE];
	uint64_t number;

	snprintf(base, sizeof(base), "%.*s", (int)strcspn(text, "/"), text);
	if (!addr_parse(base, net))
		return false;
	*bits = net->family == 4 ? 32 : 128;
	if (slash == NULL)
		return true;
	if (!text_number(slash + 1, 0, *bits, &number, &why))
		return false;
	*bits = (unsigned)number;
	return true;
}

/*
 *	all tcp 10.77.0.1:40022 -> 10.77.0.11:22       ESTABLISHED:ESTABLISHED
 *	   [0 + 65535]  [3073216159 + 1]
 *	   age 00:00:25, expires in 23:59:58, 2:1 pkts, 120:60 bytes, anchor 0, rule 71
 *	   id: 000000006b024dce creatorid: 2a8855ee
 */
void
pf_states_to(const char *text, const char *net, void (*cb)(const char *, void *), void *arg)
{
	char line[LINE_SIZE], id[64], *words[WORDS_MAX];
	struct addr prefix, a;
	bool wanted = false;
	unsigned bits;
	uint16_t port;

	if (!net_parse(net, &prefix, &bits))
		return;
	while (line_next(&text, line)) {
		const bool indented = line[0] == ' ' || line[0] == '\t';
		const size_t n = words_cut(line, words);
		size_t i = 2;

		if (indented && wanted && n >= 4 && strcmp(words[0], "id:") == 0) {
			snprintf(id, sizeof(id), "%.20s/%.20s", words[1], words[3]);
			cb(id, arg);
		}
		if (indented)
			continue;
		while (i < n && strcmp(words[i], "->") != 0)
			i++;
		wanted = i + 1 < n && end_parse(words[i + 1], &a, &port) &&
		    addr_in_prefix(&a, &prefix, bits);
	}
}

/* ---- warnings ---- */

/* What pfctl says whether or not anything is wrong, or of what it has done. */
static const char *const harmless[] = {
	"killed ",
	"rules cleared",
	"Ethernet rules cleared",
	"nat cleared",
	"dummynet cleared",
	"no changes.",
	"No ALTQ support in kernel",
	"ALTQ related functions disabled",
	"pfctl: Use of -f option, could result in flushing of rules",
	"present in the main ruleset added by the system at startup.",
	"See /etc/pf.conf for further details.",
	"pf enabled",
	"pf already enabled",
	"pf disabled",
	"disable request successful.",
	"Token : ",
};

static bool
is_harmless(const char *line, size_t len)
{
	for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++) {
		if (strncmp(line, harmless[i], strlen(harmless[i])) == 0)
			return true;
	}
	/* "2 addresses added.", "1/1 addresses added.", "3 tables deleted." */
	return isdigit((unsigned char)line[0]) && line[len - 1] == '.';
}

const char *
pf_complaint(const char *text, size_t *len)
{
	while (*text != '\0') {
		*len = strcspn(text, "\n");
		if (*len > 0 && !is_harmless(text, *len))
			return text;
		text += *len;
		if (*text == '\n')
			text++;
	}
	*len = 0;
	return "";
}
