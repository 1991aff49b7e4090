/*
 * pf text: macros and tables made from the configuration (the prologue), the
 * operator's rule file as it is but for lines with nothing to be said in them,
 * and the rules of pins.
 *
 * pf knows no empty list and no rule for each of several things.  So a line of
 * the file with a macro that is empty becomes a comment, and one with $uid, $egress
 * or $bridge is there once for each of them.
 *
 * Everything that goes into the text from elsewhere is a number, an address
 * that we formatted, or an interface name made of letters, digits, "._-".
 */
#include "config.h"

#include "firewall/pf.h"

#include <ctype.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firewall/rules_file.h"
#include "xmalloc.h"

/* ---- the prologue ---- */

/* Macros of ours; those that are empty are not there. */
enum macro {
	MACRO_BRIDGES, MACRO_GUESTS, MACRO_PROXY_PORT, MACRO_DNS_PORT,
	MACRO_EXPLICIT_PORT, MACRO_BLOCK_TCP, MACRO_BLOCK_UDP, MACRO_UIDS, MACRO_MEMBERS, MACRO_THIS_HOST,
	MACRO_USERLESS, MACRO_BOUND,
	MACRO_DEFINED,
	/* One for each line that they make, so they are put in and not defined. */
	MACRO_UID = MACRO_DEFINED, MACRO_UID_PORTS, MACRO_EGRESS, MACRO_BRIDGE,
	MACRO_COUNT
};
static const char *const macro_names[MACRO_COUNT] = { "bridges", "guests",
	"proxy_port", "dns_port", "explicit_port", "block_tcp", "block_udp", "uids", "members", "this_host",
	"userless", "bound",
	"uid", "uid_ports", "egress", "bridge" };

struct rendering {
	const struct conf	*conf;
	const struct pf_render_options *options;
	struct pf_names		 names;
	char			*value[MACRO_DEFINED];	/* "": empty */
	struct pf_text		*out;
	FILE			*f;
};

static char *
ports_text(const struct conf_ports *ports)
{
	size_t size;
	char *text;
	FILE *f = xmemstream(&text, &size);

	for (uint32_t i = 0; i < ports->n; i++)
		fprintf(f, "%s%u", i > 0 ? " " : "", ports->port[i]);
	fclose(f);
	return text;
}

static char *
port_text(uint16_t port)
{
	return port != 0 ? xasprintf("%u", port) : xstrdup("");
}

/* "(bridge100:network) (bridge101:network)" */
static char *
names_text(const struct pf_names *names, const char *before, const char *after)
{
	size_t size;
	char *text;
	FILE *f = xmemstream(&text, &size);

	for (size_t i = 0; i < names->n; i++)
		fprintf(f, "%s%s%s%s", i > 0 ? " " : "", before, names->name[i], after);
	fclose(f);
	return text;
}

static char *
uids_text(const struct conf *conf)
{
	size_t size;
	char *text;
	FILE *f = xmemstream(&text, &size);

	for (uint32_t i = 0; i < conf->nuids; i++)
		fprintf(f, "%s%" PRIu32, i > 0 ? " " : "", conf->uids[i].uid);
	fclose(f);
	return text;
}

static void
values_make(struct rendering *r)
{
	const struct conf *conf = r->conf;

	r->value[MACRO_BRIDGES] = names_text(&r->names, "", "");
	r->value[MACRO_GUESTS] = names_text(&r->names, "(", ":network)");
	r->value[MACRO_PROXY_PORT] = port_text(conf->proxy_port);
	r->value[MACRO_DNS_PORT] = port_text(conf->dns_port);
	r->value[MACRO_EXPLICIT_PORT] = port_text(conf->explicit_port);
	r->value[MACRO_BLOCK_TCP] = ports_text(&conf->block_tcp);
	r->value[MACRO_BLOCK_UDP] = ports_text(&conf->block_udp);
	r->value[MACRO_UIDS] = uids_text(conf);
	r->value[MACRO_MEMBERS] = r->options->members != NULL ?
	    names_text(r->options->members, "", "") : xstrdup("");
	/* SCTP and UDP-Lite. */
	r->value[MACRO_USERLESS] = xstrdup(conf->nuids > 0 ? "132 136" : "");
	r->value[MACRO_BOUND] = xstrdup(r->options->host->binds ? "(if-bound)" : "(floating)");
	r->value[MACRO_THIS_HOST] = xstrdup(r->options->self != NULL ? r->options->self : "(self)");
}

static int
compare_line(const void *a, const void *b)
{
	return strcmp(a, b);
}

char *
pf_frozen_text(const struct frozen_set *frozen)
{
	char (*all)[ADDR_TEXT_SIZE] = xcalloc((size_t)FW_FROZEN_MAX * FW_GUEST_ADDRS + 2,
	    sizeof(*all));
	size_t n = 0, size;
	char *text;
	FILE *f = xmemstream(&text, &size);

	if (frozen->all) {
		copy_string(all[n++], "0.0.0.0/0", ADDR_TEXT_SIZE);
		copy_string(all[n++], "::/0", ADDR_TEXT_SIZE);
	}
	for (uint32_t i = 0; i < frozen->n; i++) {
		for (uint32_t k = 0; k < frozen->guest[i].naddrs; k++)
			addr_format(&frozen->guest[i].addrs[k], all[n++]);
	}
	qsort(all, n, sizeof(*all), compare_line);
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || strcmp(all[i], all[i - 1]) != 0)
			fprintf(f, "%s\n", all[i]);
	}
	fclose(f);
	free(all);
	return text;
}

const char pf_private_text[] = "0.0.0.0/8\n10.0.0.0/8\n100.64.0.0/10\n127.0.0.0/8\n169.254.0.0/16\n"
    "172.16.0.0/12\n192.168.0.0/16\n::/127\nfc00::/7\nfe80::/10\n";

/* Addresses that stand one a line. */
static void
put_table(FILE *f, const char *name, const char *kind, const char *addresses)
{
	fprintf(f, "table <%s> %s { ", name, kind);
	for (const char *p = addresses; *p != '\0'; p++)
		fputc(*p == '\n' ? ' ' : *p, f);
	fputs("}\n", f);
}

static void
put_frozen(FILE *f, const struct frozen_set *frozen)
{
	char *text = pf_frozen_text(frozen);

	put_table(f, "gh_frozen", "persist", text);
	free(text);
}

static void
put_prologue(struct rendering *r, enum profile profile)
{
	static const struct frozen_set nobody;
	const struct conf *conf = r->conf;

	fprintf(r->f, "# Definitions that gatehouse makes from %s.\n"
	    "# After them stands the rule file, but for lines without a use.\n",
	    conf->path[0] != '\0' ? conf->path : "its defaults");
	for (enum macro m = 0; m < MACRO_DEFINED; m++) {
		if (r->value[m][0] != '\0')
			fprintf(r->f, "%s = \"%s\"\n", macro_names[m], r->value[m]);
	}
	put_frozen(r->f, r->options->frozen != NULL ? r->options->frozen : &nobody);
	put_table(r->f, "gh_private", "const", pf_private_text);
	fprintf(r->f, "# ---- %s: %s ----\n", profile_name(profile), r->out->file);
}

/* ---- the rule file ---- */

/* A line of the file, with those that a backslash joins to it. */
struct line {
	const char	*at;
	size_t		 len;		/* with its last newline, if it has one */
	uint32_t	 number, n;	/* of its first line; how many it is */
};

static bool
line_next(const char **rest, uint32_t *number, struct line *l)
{
	const char *p = *rest;

	if (*p == '\0')
		return false;
	l->at = p;
	l->number = *number;
	l->n = 0;
	for (;;) {
		const char *end = p + strcspn(p, "\n");
		const bool joined = end > p && end[-1] == '\\';

		l->n++;
		p = *end == '\n' ? end + 1 : end;
		if (!joined || *p == '\0')
			break;
	}
	l->len = (size_t)(p - l->at);
	*number += l->n;
	*rest = p;
	return true;
}

static bool
name_char(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* The macro of ours that begins at p ("$..."), MACRO_COUNT: none. */
static enum macro
macro_at(const char *p, size_t left, size_t *len)
{
	size_t n = 1;

	while (n < left && name_char(p[n]))
		n++;
	*len = n;
	for (enum macro m = 0; p[0] == '$' && m < MACRO_COUNT; m++) {
		if (strlen(macro_names[m]) == n - 1 && strncmp(macro_names[m], p + 1, n - 1) == 0)
			return m;
	}
	return MACRO_COUNT;
}

/* How much of a line is no comment. */
static size_t
code_length(const struct line *l)
{
	bool quoted = false;

	for (size_t i = 0; i < l->len; i++) {
		if (l->at[i] == '"')
			quoted = !quoted;
		else if (l->at[i] == '#' && !quoted)
			return i;
	}
	return l->len;
}

/* Which macros the line has, as a set of bits. */
static unsigned
line_macros(const struct line *l)
{
	const size_t code = code_length(l);
	unsigned macros = 0;
	size_t len;

	for (size_t i = 0; i < code; i++) {
		const enum macro m = macro_at(l->at + i, code - i, &len);

		if (m != MACRO_COUNT)
			macros |= 1u << m;
	}
	return macros;
}

static void
note_lines(struct rendering *r, const struct line *l)
{
	struct pf_text *t = r->out;

	t->line = xreallocarray(t->line, t->nlines + l->n, sizeof(*t->line));
	for (uint32_t i = 0; i < l->n; i++)
		t->line[t->nlines++] = l->number + i;
}

/* A line that has no use now: a comment, so that a reader sees what is missing. */
static void
put_comment(struct rendering *r, const struct line *l)
{
	bool start = true;

	for (size_t i = 0; i < l->len; i++) {
		if (start)
			fputc('#', r->f);
		start = l->at[i] == '\n';
		/* A comment goes on behind a backslash, too. */
		if (l->at[i] != '\\' || i + 1 == l->len || l->at[i + 1] != '\n')
			fputc(l->at[i], r->f);
	}
	if (l->at[l->len - 1] != '\n')
		fputc('\n', r->f);
	note_lines(r, l);
}

/* "to pflog7": the number of the configuration, or nothing where pf cannot. */
static size_t
put_log(struct rendering *r, const char *p, size_t left)
{
	static const char *const written[] = { " (to pflog7)", ", to pflog7)" };

	for (size_t i = 0; i < sizeof(written) / sizeof(written[0]); i++) {
		const size_t len = strlen(written[i]);

		if (left < len || strncmp(p, written[i], len) != 0)
			continue;
		if (r->options->log_to_any)
			fprintf(r->f, "%.*s%u)", (int)len - 2, written[i], r->conf->pflog);
		else if (i == 1)
			fputc(')', r->f);
		return len;
	}
	return 0;
}

/* One rule, for one user or interface where it has a macro for that. */
struct each {
	const struct conf_uid	*user;
	const char		*egress, *bridge;
};

static void
put_line(struct rendering *r, const struct line *l, const struct each *one)
{
	const struct conf_uid *user = one->user;
	const size_t code = code_length(l);
	size_t i = 0, len;
	char *ports;

	while (i < l->len) {
		const enum macro m = i < code ? macro_at(l->at + i, code - i, &len) : MACRO_COUNT;

		if (m == MACRO_UID && user != NULL)
			fprintf(r->f, "%" PRIu32, user->uid);
		else if (m == MACRO_UID_PORTS && user != NULL) {
			ports = ports_text(&user->ports);
			fputs(ports, r->f);
			free(ports);
		} else if (m == MACRO_EGRESS && one->egress != NULL)
			fputs(one->egress, r->f);
		else if (m == MACRO_BRIDGE && one->bridge != NULL)
			fputs(one->bridge, r->f);
		else if (i >= code || (len = put_log(r, l->at + i, code - i)) == 0) {
			len = 1;
			fputc(l->at[i], r->f);
		}
		i += len;
	}
	if (l->at[l->len - 1] != '\n')
		fputc('\n', r->f);
	note_lines(r, l);
}

static void
put_users(struct rendering *r, const struct line *l, bool ports)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < r->conf->nuids; i++) {
		if (ports && r->conf->uids[i].ports.n == 0)
			continue;
		put_line(r, l, &(struct each){ .user = &r->conf->uids[i] });
		n++;
	}
	if (n == 0)
		put_comment(r, l);
}

static void
put_rule(struct rendering *r, const struct line *l)
{
	const unsigned macros = line_macros(l);

	for (enum macro m = 0; m < MACRO_DEFINED; m++) {
		if ((macros & 1u << m) != 0 && r->value[m][0] == '\0') {
			put_comment(r, l);
			return;
		}
	}
	if ((macros & (1u << MACRO_UID | 1u << MACRO_UID_PORTS)) != 0)
		put_users(r, l, (macros & 1u << MACRO_UID_PORTS) != 0);
	else if ((macros & 1u << MACRO_EGRESS) != 0) {
		for (uint32_t i = 0; i < r->conf->egress.n; i++)
			put_line(r, l, &(struct each){ .egress = r->conf->egress.name[i] });
		if (r->conf->egress.n == 0)
			put_comment(r, l);
	} else if ((macros & 1u << MACRO_BRIDGE) != 0) {
		for (size_t i = 0; i < r->names.n; i++)
			put_line(r, l, &(struct each){ .bridge = r->names.name[i] });
		if (r->names.n == 0)
			put_comment(r, l);
	} else
		put_line(r, l, &(struct each){ .user = NULL });
}

/* Statements that reach beyond our anchor, or bring in what nobody checked. */
static char *
line_refused(const struct line *l, const char *file)
{
	static const char *const refused[] = { "include", "load", "set" };
	const char *p = l->at + strspn(l->at, " \t\\\n");

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		const size_t len = strlen(refused[i]);

		if (strncmp(p, refused[i], len) == 0 && !name_char(p[len]))
			return xasprintf("%s:%" PRIu32 ": %s is not taken here: this file is for "
			    "rules of one anchor", file, l->number, refused[i]);
	}
	return NULL;
}

static char *
put_file(struct rendering *r, const char *rules)
{
	uint32_t number = 1;
	struct line l;
	char *cause;

	while (line_next(&rules, &number, &l)) {
		if ((cause = line_refused(&l, r->out->file)) != NULL)
			return cause;
		put_rule(r, &l);
	}
	return NULL;
}

/* ---- all of it ---- */

static char *
names_check(struct rendering *r)
{
	char *cause = pf_names_of(&r->names, r->options->host, &r->conf->bridges);

	for (uint32_t i = 0; cause == NULL && i < r->conf->egress.n; i++) {
		if (pf_is_pattern(r->conf->egress.name[i]))
			cause = xasprintf("egress = %s: name each interface",
			    r->conf->egress.name[i]);
	}
	return cause;
}

static void
count_prologue(struct pf_text *t, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] != '\n')
			continue;
		t->line = xreallocarray(t->line, t->nlines + 1, sizeof(*t->line));
		t->line[t->nlines++] = 0;
	}
}

char *
pf_text_make(const struct conf *conf, enum profile profile, const struct pf_render_options *options,
    struct pf_text *out)
{
	struct rendering *r;
	char *rules, *cause = NULL;
	size_t size;

	memset(out, 0, sizeof(*out));
	if (profile == PROFILE_NONE || profile >= PROFILE_COUNT)
		return xasprintf("there are no rules for profile %s", profile_name(profile));
	rules = rules_file_find(conf, profile, "pf", out->file, sizeof(out->file), &cause);
	if (rules == NULL)
		return cause;
	r = xcalloc(1, sizeof(*r));
	r->conf = conf;
	r->options = options;
	r->out = out;
	if ((cause = names_check(r)) == NULL) {
		values_make(r);
		r->f = xmemstream(&out->text, &size);
		put_prologue(r, profile);
		fflush(r->f);
		count_prologue(out, out->text, size);
		cause = put_file(r, rules);
		fclose(r->f);
	}
	if (cause != NULL)
		pf_text_free(out);
	for (enum macro m = 0; m < MACRO_DEFINED; m++)
		free(r->value[m]);
	free(r);
	free(rules);
	return cause;
}

void
pf_text_free(struct pf_text *t)
{
	free(t->text);
	free(t->line);
	t->text = NULL;
	t->line = NULL;
	t->nlines = 0;
}

char *
pf_text_locate(const struct pf_text *t, char *words)
{
	static const char mark[] = "stdin:";
	const char *at = strstr(words, mark);
	char *end, *cause;
	unsigned long n;
	int len;

	if (at == NULL)
		return words;
	n = strtoul(at + sizeof(mark) - 1, &end, 10);
	len = (int)strcspn(end, "\n");
	if (n >= 1 && n <= t->nlines && t->line[n - 1] != 0)
		cause = xasprintf("%s:%" PRIu32 "%.*s", t->file, t->line[n - 1], len, end);
	else
		cause = xasprintf("the definitions put in front of %s do not load (line %lu of "
		    "\"gatehouse rules --text --backend pf\")%.*s", t->file, n, len, end);
	free(words);
	return cause;
}

char *
pf_render(const struct conf *conf, enum profile profile, char **cause)
{
	struct pf_names *members = xcalloc(1, sizeof(*members));
	char *self = pf_self_text(pf_host_here()), *text;
	const struct pf_render_options options = { .host = pf_host_here(), .members = members,
		.self = self, .log_to_any = true };
	char addressed[GH_IFNAME_SIZE];
	struct pf_text t;

	pf_members_read(options.host, &conf->bridges, members, addressed);
	*cause = pf_text_make(conf, profile, &options, &t);
	free(members);
	free(self);
	if (*cause != NULL)
		return NULL;
	text = t.text;
	t.text = NULL;
	pf_text_free(&t);
	return text;
}
