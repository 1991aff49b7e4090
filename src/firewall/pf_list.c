/*
 * What pfctl lists.  With "-vv" a rule is a line that begins with its number,
 * followed by indented lines of counters:
 *
 *	@4 block drop in log quick on bridge100 ... label "gatehouse:smb"
 *	  [ Evaluations: 5         Packets: 2         Bytes: 120         States: 0     ]
 *
 * The kernel's rules are those of the file expanded: one for each interface,
 * port and address of a list, all with the label that was written once.  How
 * many addresses a table or an interface has at the moment stands in the text of
 * a rule, and is left out of everything here.
 */
#include "config.h"

#include "firewall/pf.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "text.h"
#include "xmalloc.h"

enum { LINE_SIZE = 1024 };

static const char *const section_names[PF_SECTIONS] = { "nat", "rules", "pins nat", "pins rules",
	"tables", "pins tables", "private", "frozen" };

const char *
pf_section_name(enum pf_section s)
{
	return section_names[s];
}

/* ---- lines ---- */

struct reading {
	const char	*at, *end;
	enum pf_section	 section;	/* PF_SECTIONS: none yet */
};

/* A line without its newline. */
struct line {
	const char	*at;
	size_t		 len;
};

static void
reading_section(struct reading *r, const struct line *l)
{
	const size_t mark = sizeof(PF_SECTION) - 1;

	r->section = PF_SECTIONS;
	for (enum pf_section s = 0; s < PF_SECTIONS; s++) {
		if (strlen(section_names[s]) == l->len - mark &&
		    memcmp(section_names[s], l->at + mark, l->len - mark) == 0)
			r->section = s;
	}
}

/* The next line of content; sections are taken note of. */
static bool
line_next(struct reading *r, struct line *l)
{
	const size_t mark = sizeof(PF_SECTION) - 1;

	while (r->at < r->end) {
		const char *nl = memchr(r->at, '\n', (size_t)(r->end - r->at));

		l->at = r->at;
		l->len = (size_t)((nl != NULL ? nl : r->end) - r->at);
		r->at = nl != NULL ? nl + 1 : r->end;
		if (l->len >= mark && memcmp(l->at, PF_SECTION, mark) == 0)
			reading_section(r, l);
		else if (l->len > 0)
			return true;
	}
	return false;
}

const char *
pf_list_section(const char *list, size_t len, enum pf_section section, size_t *n)
{
	struct reading r = { list, list + len, PF_SECTIONS };
	const char *first = "", *last = first;
	struct line l;

	while (line_next(&r, &l)) {
		if (r.section != section)
			continue;
		if (last == first)
			first = l.at;
		last = r.at;
	}
	*n = (size_t)(last - first);
	return first;
}

static void
line_trim(struct line *l)
{
	while (l->len > 0 && (*l->at == ' ' || *l->at == '\t')) {
		l->at++;
		l->len--;
	}
}

static bool
is_rule(const struct line *l)
{
	return l->at[0] != ' ' && l->at[0] != '\t';
}

static const char drawn[] = "__automatic_";

/* A table that pfctl makes of many addresses has a name with a number drawn by lot. */
static bool
name_is_drawn(const char *p, const char *end)
{
	return (size_t)(end - p) >= sizeof(drawn) - 1 && memcmp(p, drawn, sizeof(drawn) - 1) == 0;
}

static size_t
name_drawn_len(const char *p, const char *end)
{
	const char *q = p + sizeof(drawn) - 1;

	while (q < end && (isxdigit((unsigned char)*q) || *q == '_'))
		q++;
	return (size_t)(q - p);
}

/*
 * A rule as it is compared and shown: printable, without its number, and without
 * ":3>" and ":3)" of a listing that has numbers, or what was drawn by lot.
 */
static void
line_normal(const struct line *l, char text[LINE_SIZE], uint32_t *number)
{
	const char *p = l->at, *end = l->at + l->len;
	const bool numbered = *p == '@';
	size_t n = 0;

	*number = UINT32_MAX;
	if (numbered) {
		uint64_t v = 0;

		for (p++; p < end && isdigit((unsigned char)*p); p++)
			v = v < UINT32_MAX ? v * 10 + (uint64_t)(*p - '0') : v;
		*number = v < UINT32_MAX ? (uint32_t)v : UINT32_MAX;
		while (p < end && *p == ' ')
			p++;
	}
	while (p < end && n < LINE_SIZE - 1) {
		const char *q = p + 1;

		while (*p == ':' && q < end && (isdigit((unsigned char)*q) || *q == '*'))
			q++;
		if (numbered && q > p + 1 && q < end && (*q == '>' || *q == ')'))
			p = q;
		else if (name_is_drawn(p, end))
			p += name_drawn_len(p, end);
		else {
			text[n++] = isprint((unsigned char)*p) ? *p : '?';
			p++;
		}
	}
	text[n] = '\0';
}

/* The number behind a word in a line of counters. */
static bool
counter_read(const struct line *l, const char *word, uint64_t *value)
{
	const size_t len = strlen(word);
	uint64_t v = 0;
	size_t i = 0;

	while (i + len <= l->len && memcmp(l->at + i, word, len) != 0)
		i++;
	if (i + len > l->len)
		return false;
	for (i += len; i < l->len && l->at[i] == ' '; i++)
		continue;
	if (i == l->len || !isdigit((unsigned char)l->at[i]))
		return false;
	for (; i < l->len && isdigit((unsigned char)l->at[i]); i++)
		v = v * 10 + (uint64_t)(l->at[i] - '0');
	*value = v;
	return true;
}

/* ---- a rule's parts ---- */

/* Cuts label "gatehouse:NAME" out of the text; "": there is none. */
static void
label_cut(char *text, char label[GH_LABEL_SIZE])
{
	static const char mark[] = " label \"", ours[] = "gatehouse:";
	char *at = strstr(text, mark), *name, *end;

	label[0] = '\0';
	if (at == NULL)
		return;
	name = at + sizeof(mark) - 1;
	end = strchr(name, '"');
	if (end == NULL)
		return;
	*end = '\0';
	if (strncmp(name, ours, sizeof(ours) - 1) == 0)
		name += sizeof(ours) - 1;
	copy_string(label, name, GH_LABEL_SIZE);
	memmove(at, end + 1, strlen(end + 1) + 1);
}

static bool
has_word(const char *text, const char *word)
{
	const size_t len = strlen(word);

	for (const char *at = text; (at = strstr(at, word)) != NULL; at += len) {
		if ((at == text || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0'))
			return true;
	}
	return false;
}

static bool
begins(const char *text, const char *word)
{
	const size_t len = strlen(word);

	return strncmp(text, word, len) == 0 && (text[len] == ' ' || text[len] == '\0');
}

static const struct {
	const char	*begins, *action;
} actions[] = {
	{ "pass", "accept" },
	{ "block return", "reject" },
	{ "block return-rst", "reject" },
	{ "block return-icmp", "reject" },
	{ "block", "drop" },
	{ "no", "accept" },
	{ "rdr", "redirect" },
	{ "nat", "masquerade" },
	{ "anchor", "jump" },
	{ "rdr-anchor", "jump" },
	{ "nat-anchor", "jump" },
};

static const char *
action_of(const char *text)
{
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (begins(text, actions[i].begins))
			return actions[i].action;
	}
	return "";
}

/* Translation has no labels in the kernel: what it leads to tells. */
static const char *
nat_label(const char *text)
{
	if (has_word(text, "GATEHOUSE_WEB"))
		return "web";
	if (has_word(text, "GATEHOUSE_DNS"))
		return "dns";
	if (begins(text, "no"))
		return "address";
	return begins(text, "nat") ? "pinned" : "";
}

static const char *
chain_of(const char *text, enum pf_section section)
{
	if (section == PF_NAT)
		return begins(text, "nat") || begins(text, "nat-anchor") ? "nat" : "rdr";
	if (section == PF_PINS_NAT || section == PF_PINS_RULES)
		return "pins";
	return has_word(text, "out") ? "out" : "in";
}

static void
rule_read(const struct line *l, enum pf_section section, struct fw_rule *r)
{
	char text[LINE_SIZE];
	uint32_t number;

	memset(r, 0, sizeof(*r));
	line_normal(l, text, &number);
	label_cut(text, r->label);
	if (r->label[0] == '\0' && (section == PF_NAT || section == PF_PINS_NAT))
		copy_string(r->label, nat_label(text), sizeof(r->label));
	copy_string(r->family, has_word(text, "inet6") ? "inet6" : has_word(text, "inet") ? "inet" :
	    "", sizeof(r->family));
	copy_string(r->chain, chain_of(text, section), sizeof(r->chain));
	copy_string(r->action, action_of(text), sizeof(r->action));
	copy_string(r->text, text, sizeof(r->text));
}

/* ---- rules ---- */

struct gathering {
	struct fw_rule	*rules;
	int		 n, max;
	unsigned	 more;		/* like the last one, summed up in it */
	bool		 full;		/* the last one is not in there */
};

/* Says in the last rule's text how many it stands for. */
static void
gather_end(struct gathering *g)
{
	struct fw_rule *r;
	char tail[32];
	size_t len, fits;

	if (g->n == 0 || g->more == 0)
		return;
	r = &g->rules[g->n - 1];
	snprintf(tail, sizeof(tail), ", and %u like it", g->more);
	len = strlen(r->text);
	fits = sizeof(r->text) - 1 - strlen(tail);
	if (len > fits)
		len = fits;
	copy_string(r->text + len, tail, sizeof(r->text) - len);
	g->more = 0;
}

static bool
alike(const struct fw_rule *a, const struct fw_rule *b)
{
	return a->label[0] != '\0' && strcmp(a->label, b->label) == 0 &&
	    strcmp(a->chain, b->chain) == 0 && strcmp(a->action, b->action) == 0;
}

static void
gather(struct gathering *g, const struct fw_rule *r)
{
	if (g->n > 0 && !g->full && alike(&g->rules[g->n - 1], r)) {
		if (strcmp(g->rules[g->n - 1].family, r->family) != 0)
			g->rules[g->n - 1].family[0] = '\0';
		g->more++;
		return;
	}
	gather_end(g);
	g->full = g->n == g->max;
	if (!g->full)
		g->rules[g->n++] = *r;
}

static void
gather_counters(struct gathering *g, const struct line *l)
{
	struct fw_rule *r;
	uint64_t v;

	if (g->n == 0 || g->full)
		return;
	r = &g->rules[g->n - 1];
	if (counter_read(l, "Packets:", &v))
		r->packets += v;
	if (counter_read(l, "Bytes:", &v))
		r->bytes += v;
}

int
pf_rules_parse(const char *list, size_t len, struct fw_rule *rules, int max, char **cause)
{
	struct reading r = { list, list + len, PF_SECTIONS };
	struct gathering g = { .rules = rules, .max = max };
	bool sections = false;
	struct fw_rule rule;
	struct line l;

	*cause = NULL;
	while (line_next(&r, &l)) {
		sections = sections || r.section != PF_SECTIONS;
		if (r.section > PF_PINS_RULES)
			continue;
		if (!is_rule(&l))
			gather_counters(&g, &l);
		else {
			rule_read(&l, r.section, &rule);
			gather(&g, &rule);
		}
	}
	gather_end(&g);
	if (sections || r.section != PF_SECTIONS)
		return g.n;
	*cause = xstrdup("what pfctl printed is no listing of rules");
	return -1;
}

int
pf_frozen_parse(const char *list, size_t len, struct fw_guest *guests, int max, bool *all)
{
	struct reading r = { list, list + len, PF_SECTIONS };
	bool sections = false;
	struct line l;
	int n = 0;

	*all = false;
	while (line_next(&r, &l)) {
		char text[ADDR_TEXT_SIZE];
		struct addr a;

		sections = sections || r.section != PF_SECTIONS;
		if (r.section != PF_FROZEN)
			continue;
		line_trim(&l);
		if (l.len >= sizeof(text))
			continue;
		memcpy(text, l.at, l.len);
		text[l.len] = '\0';
		if (strcmp(text, "0.0.0.0/0") == 0 || strcmp(text, "::/0") == 0)
			*all = true;
		else if (n < max && addr_parse(text, &a)) {
			guests[n] = (struct fw_guest){ .naddrs = 1 };
			guests[n++].addrs[0] = a;
		}
	}
	return sections || r.section != PF_SECTIONS ? n : -1;
}

bool
pf_addresses_shown(const char *list, size_t len, enum pf_section section, const char *want)
{
	struct reading r = { list, list + len, PF_SECTIONS };
	size_t left = 0;
	struct line l;

	for (const char *p = want; *p != '\0'; p++)
		left += *p == '\n';
	while (line_next(&r, &l)) {
		const char *p = want;

		if (r.section != section)
			continue;
		line_trim(&l);
		while (*p != '\0' && (strcspn(p, "\n") != l.len || memcmp(p, l.at, l.len) != 0))
			p += strcspn(p, "\n") + 1;
		if (*p == '\0' || left-- == 0)
			return false;
	}
	return left == 0;
}

/* ---- a number for it all ---- */

uint64_t
pf_list_hash(const char *list, size_t len, enum pf_section section)
{
	/* FNV-1a; its basis is never 0, and neither is what follows from text. */
	const uint64_t basis = 0xcbf29ce484222325u, prime = 0x100000001b3u;
	struct reading r = { list, list + len, PF_SECTIONS };
	uint64_t hash = basis;
	char text[LINE_SIZE];
	bool any = false;
	uint32_t number;
	struct line l;

	while (line_next(&r, &l)) {
		if (r.section != section || !is_rule(&l))
			continue;
		line_normal(&l, text, &number);
		for (const char *p = text; *p != '\0'; p++)
			hash = (hash ^ (uint8_t)*p) * prime;
		hash = (hash ^ '\n') * prime;
		any = true;
	}
	return any ? hash : 0;
}

size_t
pf_labels_parse(const char *list, size_t len, struct pf_label *labels, size_t max)
{
	struct reading r = { list, list + len, PF_RULES };
	char text[LINE_SIZE];
	struct line l;
	size_t n = 0;

	while (n < max && line_next(&r, &l)) {
		struct pf_label *to = &labels[n];

		if (r.section != PF_RULES || l.at[0] != '@')
			continue;
		memset(to, 0, sizeof(*to));
		line_normal(&l, text, &to->number);
		label_cut(text, to->label);
		n += has_word(text, "log") && to->label[0] != '\0' && to->number != UINT32_MAX;
	}
	return n;
}

char *
pf_rules_only(const char *text)
{
	struct reading r = { text, text + strlen(text), PF_RULES };
	char normal[LINE_SIZE], *out;
	uint32_t number;
	struct line l;
	size_t size;
	FILE *f = xmemstream(&out, &size);

	while (line_next(&r, &l)) {
		line_normal(&l, normal, &number);
		if (is_rule(&l) && action_of(normal)[0] != '\0')
			fprintf(f, "%s\n", normal);
	}
	fclose(f);
	return out;
}
