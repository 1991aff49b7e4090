/*
 * nftables text: definitions made from the configuration (the prologue), the
 * operator's rule file as it is, and the commands that fill the sets whose
 * contents change while the rules stay.
 *
 * Everything that goes into the text from elsewhere is a number, an address
 * that we formatted, or an interface name that nft_name_ok() let through, so
 * no value can end a string or start a statement.
 */
#include "config.h"

#include "firewall/nft.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "firewall/rules_file.h"
#include "xmalloc.h"

enum { NFLOG_GROUP_WRITTEN = 7077, ELEMENT_SIZE = 64 };

bool
nft_name_ok(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len >= GH_IFNAME_SIZE)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!isalnum((unsigned char)name[i]) && strchr("._-:@+", name[i]) == NULL)
			return false;
	}
	return true;
}

/* An interface as the configuration names it: a name, or its start and "*". */
static bool
pattern_ok(const char *pattern)
{
	char name[GH_IFNAME_SIZE];
	size_t len = copy_string(name, pattern, sizeof(name));

	if (len > 1 && len < sizeof(name) && name[len - 1] == '*')
		name[len - 1] = '\0';
	return nft_name_ok(name);
}

/* Whether pattern i says nothing that another one does not say already: nft
 * refuses intervals that overlap. */
static bool
pattern_covered(const struct conf_names *names, uint32_t i)
{
	for (uint32_t k = 0; k < names->n; k++) {
		const char *other = names->name[k];
		size_t len = strlen(other);

		if (k == i || len == 0)
			continue;
		if (strcmp(other, names->name[i]) == 0) {
			if (k < i)
				return true;
		} else if (other[len - 1] == '*' && strncmp(other, names->name[i], len - 1) == 0)
			return true;
	}
	return false;
}

/* ---- the prologue ---- */

static void
put_set(FILE *f, const char *name, const char *type, const char *elements)
{
	fprintf(f, "\tset %s {\n\t\ttype %s\n", name, type);
	if (elements != NULL && elements[0] != '\0')
		fprintf(f, "\t\telements = { %s }\n", elements);
	fprintf(f, "\t}\n");
}

/* How often something comes by a port; the rules say how often it may. */
static const char rate_set[] = "ifname; size 65535; flags dynamic,timeout; timeout 10s";

static char *
names_text(const struct conf_names *names)
{
	size_t size;
	char *text;
	FILE *f = xmemstream(&text, &size);
	const char *comma = "";

	for (uint32_t i = 0; i < names->n; i++) {
		if (!pattern_ok(names->name[i]) || pattern_covered(names, i))
			continue;
		fprintf(f, "%s\"%s\"", comma, names->name[i]);
		comma = ", ";
	}
	fclose(f);
	return text;
}

static void
put_ports(FILE *f, const char *name, const struct conf_ports *ports)
{
	size_t size;
	char *text;
	FILE *elements = xmemstream(&text, &size);

	for (uint32_t i = 0; i < ports->n; i++)
		fprintf(elements, "%s%u", i > 0 ? ", " : "", ports->port[i]);
	fclose(elements);
	put_set(f, name, "inet_service", text);
	free(text);
}

static void
put_uids(FILE *f, const struct conf *conf)
{
	size_t size;
	char *uids, *ports;
	const char *comma = "";
	FILE *fu = xmemstream(&uids, &size), *fp = xmemstream(&ports, &size);

	for (uint32_t i = 0; i < conf->nuids; i++) {
		const struct conf_uid *u = &conf->uids[i];

		fprintf(fu, "%s%" PRIu32, i > 0 ? ", " : "", u->uid);
		for (uint32_t k = 0; k < u->ports.n; k++) {
			fprintf(fp, "%s%" PRIu32 " . %u", comma, u->uid, u->ports.port[k]);
			comma = ", ";
		}
	}
	fclose(fu);
	fclose(fp);
	put_set(f, "uids", "uid", uids);
	put_set(f, "uid_ports", "uid . inet_service", ports);
	free(uids);
	free(ports);
}

/*
 * Guest's address, address, protocol, port.  A connection that says nothing for
 * as long as a client's keepalive waits (two hours, tcp(7)) is over.
 */
static void
put_pins(FILE *f, unsigned family)
{
	char name[16], type[160];

	snprintf(type, sizeof(type), "ipv%u_addr . ipv%u_addr . inet_proto . inet_service; size %d; "
	    "flags timeout", family, family, FW_PINS_MAX);
	snprintf(name, sizeof(name), "pins%u", family);
	put_set(f, name, type, NULL);
	snprintf(type, sizeof(type), "ipv%u_addr . ipv%u_addr . inet_proto . inet_service; size %d; "
	    "flags dynamic, timeout; timeout 125m", family, family, FW_PINS_MAX);
	snprintf(name, sizeof(name), "live%u", family);
	put_set(f, name, type, NULL);
	snprintf(type, sizeof(type), "ipv%u_addr . ipv%u_addr . inet_proto . inet_service; "
	    "flags interval, timeout", family, family);
	snprintf(name, sizeof(name), "ranges%u", family);
	put_set(f, name, type, NULL);
	snprintf(type, sizeof(type), "ipv%u_addr . ether_addr", family);
	snprintf(name, sizeof(name), "senders%u", family);
	put_set(f, name, type, NULL);
	snprintf(type, sizeof(type), "ipv%u_addr", family);
	snprintf(name, sizeof(name), "owned%u", family);
	put_set(f, name, type, NULL);
}

static char *
prologue(const struct conf *conf, enum profile profile, const char *file)
{
	size_t size;
	char *text, *bridges = names_text(&conf->bridges);
	FILE *f = xmemstream(&text, &size);
	/* A set, because there may be none. */
	const struct conf_ports explicit = { .n = conf->explicit_port != 0,
		.port = { conf->explicit_port } };

	fprintf(f, "# Definitions that gatehouse makes from %s.\n"
	    "# After them stands the rule file as it is.\n",
	    conf->path[0] != '\0' ? conf->path : "its defaults");
	/* A load leaves nothing of what was there. */
	fputs(NFT_DELETE_TABLES, f);
	fprintf(f, "define proxy_port = %u\ndefine dns_port = %u\n", conf->proxy_port,
	    conf->dns_port);
	fprintf(f, "table inet gatehouse {\n");
	put_set(f, "bridges", "ifname; flags interval", bridges);
	put_uids(f, conf);
	put_ports(f, "explicit_port", &explicit);
	put_ports(f, "block_tcp", &conf->block_tcp);
	put_ports(f, "block_udp", &conf->block_udp);
	put_set(f, "guest_ports", "ifname", NULL);
	put_set(f, "frozen_all", "ifname; flags interval", NULL);
	put_set(f, "frozen_mac", "ether_addr", NULL);
	put_set(f, "frozen4", "ipv4_addr", NULL);
	put_set(f, "frozen6", "ipv6_addr", NULL);
	put_pins(f, 4);
	put_pins(f, 6);
	put_set(f, "loaded", "nf_proto . inet_proto; flags interval", NULL);
	fprintf(f, "}\ntable bridge gatehouse {\n");
	put_set(f, "guest_ports", "ifname", NULL);
	put_set(f, "frozen_ports", "ifname", NULL);
	put_set(f, "host4", "ipv4_addr", NULL);
	put_set(f, "host6_groups", "ipv6_addr", NULL);
	put_set(f, "new_rate", rate_set, NULL);
	put_set(f, "dns_rate", rate_set, NULL);
	fprintf(f, "}\n# ---- %s: %s ----\n", profile_name(profile), file);
	fclose(f);
	free(bridges);
	return text;
}

/* ---- the rule file ---- */

/* The line of an include statement, 0: none.  What an include brings in would
 * escape the checks above. */
static unsigned
include_line(const char *text)
{
	unsigned line = 1;
	bool start = true, quoted = false;

	for (const char *p = text; *p != '\0'; p++) {
		if (*p == '\n') {
			line++;
			start = true;
			quoted = false;
		} else if (quoted) {
			quoted = *p != '"';
		} else if (*p == '"') {
			quoted = true;
		} else if (*p == '#') {
			while (p[1] != '\0' && p[1] != '\n')
				p++;
		} else if (*p == ';' || *p == '{' || *p == '}') {
			start = true;
		} else if (start && !isspace((unsigned char)*p)) {
			if (strncmp(p, "include", 7) == 0 && !isalnum((unsigned char)p[7]) &&
			    p[7] != '_')
				return line;
			start = false;
		}
	}
	return 0;
}

/* Writes the file with "group 7077" made the group of the configuration. */
static void
put_rules(FILE *f, const char *rules, uint16_t group)
{
	static const char written[] = "group 7077";
	const size_t len = sizeof(written) - 1;
	const char *next;

	while (group != NFLOG_GROUP_WRITTEN && (next = strstr(rules, written)) != NULL) {
		if (isdigit((unsigned char)next[len]))
			fwrite(rules, 1, (size_t)(next - rules) + len, f);
		else
			fprintf(f, "%.*sgroup %u", (int)(next - rules), rules, group);
		rules = next + len;
	}
	fputs(rules, f);
	if (rules[0] != '\0' && rules[strlen(rules) - 1] != '\n')
		fputc('\n', f);
}

static unsigned
count_lines(const char *text)
{
	unsigned n = 0;

	for (; *text != '\0'; text++)
		n += *text == '\n';
	return n;
}

char *
nft_text_make(const struct conf *conf, enum profile profile, struct nft_text *out)
{
	char *rules, *head, *cause;
	unsigned line;
	size_t size;
	FILE *f;

	memset(out, 0, sizeof(*out));
	if (profile == PROFILE_NONE || profile >= PROFILE_COUNT)
		return xasprintf("there are no rules for profile %s", profile_name(profile));
	rules = rules_file_find(conf, profile, "nft", out->file, sizeof(out->file), &cause);
	if (rules == NULL)
		return cause;
	line = include_line(rules);
	if (line != 0) {
		cause = xasprintf("%s:%u: include is not taken here: put the rules into this file",
		    out->file, line);
		free(rules);
		return cause;
	}
	head = prologue(conf, profile, out->file);
	out->prologue = count_lines(head);
	f = xmemstream(&out->text, &size);
	fputs(head, f);
	put_rules(f, rules, conf->nflog_group);
	fclose(f);
	free(head);
	free(rules);
	return NULL;
}

char *
nft_render(const struct conf *conf, enum profile profile, char **cause)
{
	struct nft_text t;

	*cause = nft_text_make(conf, profile, &t);
	return *cause == NULL ? t.text : NULL;
}

/* In comments: an element is of one address of a guest. */
char *
nft_opened(char *text, const struct fw_opened *o)
{
	char target[FW_TARGET_SIZE], *out;
	size_t size;
	FILE *f = xmemstream(&out, &size);

	fputs(text, f);
	free(text);
	if (o->n > 0)
		fputs("# The daemon puts these into sets, each for every address of a guest:\n", f);
	for (size_t i = 0; i < o->n; i++) {
		const struct fw_range *r = &o->ranges[i];

		fprintf(f, "# @ranges%c: %s, %s port %u\n", r->first.family == 4 ? '4' : '6',
		    fw_range_target(r, target), r->proto == IPPROTO_TCP ? "tcp" : "udp", r->port);
	}
	if (o->notes[0] != '\0')
		fprintf(f, "# And what it alone can tell:\n%s", o->notes);
	fclose(f);
	return out;
}

static bool
word_char(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '.' || c == '-' || c == '/';
}

char *
nft_text_aside(const char *text)
{
	static const char name[] = "gatehouse";
	const size_t len = sizeof(name) - 1;
	bool quoted = false, comment = false;
	size_t size;
	char *out, before = '\n';
	FILE *f = xmemstream(&out, &size);

	for (const char *p = text; *p != '\0'; before = *p++) {
		if (*p == '\n')
			comment = quoted = false;
		else if (*p == '"' && !comment)
			quoted = !quoted;
		else if (*p == '#' && !quoted)
			comment = true;
		if (!quoted && !comment && !word_char(before) && strncmp(p, name, len) == 0 &&
		    !word_char(p[len])) {
			fputs(NFT_ASIDE, f);
			p += len - 1;
		} else
			fputc(*p, f);
	}
	fclose(f);
	return out;
}

/* ---- sets that change at run time ---- */

static const struct runtime_set {
	const char	*family, *name;
	bool		 quoted;
} runtime_sets[] = {
	{ "inet", "guest_ports", true },
	{ "inet", "frozen_all", true },
	{ "inet", "frozen_mac", false },
	{ "inet", "frozen4", false },
	{ "inet", "frozen6", false },
	{ "bridge", "guest_ports", true },
	{ "bridge", "frozen_ports", true },
	{ "bridge", "host4", false },
	{ "bridge", "host6_groups", false },
};
enum runtime_set_id {
	SET_PORTS, SET_FROZEN_ALL, SET_FROZEN_MAC, SET_FROZEN4, SET_FROZEN6,
	SET_BRIDGE_PORTS, SET_FROZEN_PORTS, SET_HOST4, SET_HOST6_GROUPS, SET_COUNT
};
_Static_assert(sizeof(runtime_sets) / sizeof(runtime_sets[0]) == SET_COUNT, "one row a set");

struct element {
	enum runtime_set_id	set;
	char			text[ELEMENT_SIZE];
};

struct elements {
	size_t		 n, size;
	struct element	*all;
};

bool
nft_set_is_runtime(const char *family, const char *set)
{
	for (size_t i = 0; i < SET_COUNT; i++) {
		if (strcmp(runtime_sets[i].family, family) == 0 &&
		    strcmp(runtime_sets[i].name, set) == 0)
			return true;
	}
	return false;
}

static void
elements_add(struct elements *e, enum runtime_set_id set, const char *text)
{
	if (e->n == e->size) {
		e->size = e->size != 0 ? e->size * 2 : 64;
		e->all = xreallocarray(e->all, e->size, sizeof(*e->all));
	}
	e->all[e->n].set = set;
	copy_string(e->all[e->n++].text, text, ELEMENT_SIZE);
}

static void
elements_add_frozen(struct elements *e, const struct fw_guest *g)
{
	char text[ELEMENT_SIZE];

	if (g->has_mac) {
		snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", g->mac[0], g->mac[1],
		    g->mac[2], g->mac[3], g->mac[4], g->mac[5]);
		elements_add(e, SET_FROZEN_MAC, text);
	}
	for (uint32_t i = 0; i < g->naddrs; i++)
		elements_add(e, g->addrs[i].family == 4 ? SET_FROZEN4 : SET_FROZEN6,
		    addr_format(&g->addrs[i], text));
	if (g->port[0] != '\0')
		elements_add(e, SET_FROZEN_PORTS, g->port);
}

static void
elements_add_links(struct elements *e, const struct links *l, bool frozen)
{
	/* ff02::1:ff00:0/104, RFC 4291 2.7.1: where neighbours ask for the host. */
	static const uint8_t solicited[13] = { 0xff, 0x02, [11] = 0x01, [12] = 0xff };
	char text[ELEMENT_SIZE];

	for (uint32_t i = 0; i < l->nports; i++) {
		elements_add(e, SET_PORTS, l->port[i]);
		elements_add(e, SET_BRIDGE_PORTS, l->port[i]);
		if (frozen)
			elements_add(e, SET_FROZEN_PORTS, l->port[i]);
	}
	for (uint32_t i = 0; i < l->naddrs; i++) {
		struct addr a = l->addr[i].addr;

		if (a.family == 6)
			memcpy(a.bytes, solicited, sizeof(solicited));
		elements_add(e, a.family == 4 ? SET_HOST4 : SET_HOST6_GROUPS,
		    addr_format(&a, text));
	}
}

static int
element_order(const void *a, const void *b)
{
	const struct element *x = a, *y = b;

	if (x->set != y->set)
		return x->set < y->set ? -1 : 1;
	return strcmp(x->text, y->text);
}

/* What the sets should hold, by set, each element once. */
static struct elements
elements_collect(const struct conf *conf, const struct nft_runtime *r)
{
	struct elements e = { 0, 0, NULL };
	size_t kept = 0;

	elements_add_links(&e, &r->links, r->frozen.all);
	for (uint32_t i = 0; r->frozen.all && i < conf->bridges.n; i++) {
		if (pattern_ok(conf->bridges.name[i]) && !pattern_covered(&conf->bridges, i))
			elements_add(&e, SET_FROZEN_ALL, conf->bridges.name[i]);
	}
	for (uint32_t i = 0; i < r->frozen.n; i++)
		elements_add_frozen(&e, &r->frozen.guest[i]);
	if (e.n > 0)
		qsort(e.all, e.n, sizeof(*e.all), element_order);
	for (size_t i = 0; i < e.n; i++) {
		if (i == 0 || element_order(&e.all[i], &e.all[kept - 1]) != 0)
			e.all[kept++] = e.all[i];
	}
	e.n = kept;
	return e;
}

char *
nft_runtime_text(const struct conf *conf, const struct nft_runtime *r)
{
	struct elements e = elements_collect(conf, r);
	size_t size;
	char *text;
	FILE *f = xmemstream(&text, &size);

	for (size_t i = 0; i < SET_COUNT; i++)
		fprintf(f, "flush set %s gatehouse %s\n", runtime_sets[i].family,
		    runtime_sets[i].name);
	for (size_t i = 0; i < e.n; i++) {
		const struct runtime_set *set = &runtime_sets[e.all[i].set];
		const char *quote = set->quoted ? "\"" : "";

		if (i == 0 || e.all[i].set != e.all[i - 1].set)
			fprintf(f, "add element %s gatehouse %s { ", set->family, set->name);
		fprintf(f, "%s%s%s", quote, e.all[i].text, quote);
		fputs(i + 1 < e.n && e.all[i + 1].set == e.all[i].set ? ", " : " }\n", f);
	}
	fclose(f);
	free(e.all);
	return text;
}

uint64_t
nft_runtime_hash(const struct conf *conf, const struct nft_runtime *r)
{
	struct elements e = elements_collect(conf, r);
	uint64_t sum = 0;

	for (size_t i = 0; i < e.n; i++)
		sum += nft_element_hash(runtime_sets[e.all[i].set].family,
		    runtime_sets[e.all[i].set].name, e.all[i].text);
	free(e.all);
	return sum;
}
