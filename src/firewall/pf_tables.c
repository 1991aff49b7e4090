/*
 * What "pfctl -vvs Tables" lists: for each table a line of its flags, its name and
 * its anchor, set apart by tabs, and indented lines with what there is of it:
 *
 *	c-a-r--	gh_private	gatehouse
 *		Addresses:   10
 *		Cleared:     Sun Nov 22 02:04:58 2026
 *		References:  [ Anchors: 0                  Rules: 4                  ]
 *
 * macOS has six flags, for it knows no tables with counters.  A rule shows only the
 * name of a table, so who empties one, or adds to it, changes what a rule of ours
 * is for without changing the rule.  pfctl makes tables too, of rules that differ
 * in one address alone; they have names drawn by lot.
 *
 * FreeBSD 15's pfctl prints how many rules use a table as the number of its addresses, and 0 as
 * the number of those (lib/libpfctl, ap_tstats).  That is seen by the flag "r", of a table
 * that is used; what ours holds is looked at itself (PF_PRIVATE).
 *
 * FreeBSD forgets the rules of before only some ten seconds after a load, and tables that they
 * alone used stay listed until then.
 */
#include "config.h"

#include "firewall/pf.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "text.h"
#include "xmalloc.h"

/* A flag is its letter or a dash. The last one is not everywhere. */
static const char letters[] = "cpairhC";
enum { FLAGS = sizeof(letters) - 1, LINE_SIZE = 256 };

static bool
flags_read(const char *text, size_t len, struct pf_table *t)
{
	if (len != FLAGS && len != FLAGS - 1)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] != '-' && text[i] != letters[i])
			return false;
	}
	t->is_const = text[0] != '-';
	t->counted = text[4] == '-';
	t->persists = text[1] != '-';
	return true;
}

static bool
name_read(const char *text, size_t len, struct pf_table *t)
{
	if (len == 0 || len >= sizeof(t->name))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!isgraph((unsigned char)text[i]))
			return false;
	}
	memcpy(t->name, text, len);
	t->name[len] = '\0';
	return true;
}

/* "-pa-r--	gh_frozen	gatehouse" */
static bool
head_read(const char *line, struct pf_table *t)
{
	const size_t flags = strcspn(line, "\t");
	const char *name = line + flags + 1;

	memset(t, 0, sizeof(*t));
	return line[flags] == '\t' && flags_read(line, flags, t) &&
	    name_read(name, strcspn(name, "\t"), t);
}

/* "	Addresses:   10". Not *is: another line of a table. */
static bool
addresses_read(const char *line, bool *is, uint64_t *addresses)
{
	static const char mark[] = "Addresses:";
	const char *why;

	line += strspn(line, " \t");
	*is = strncmp(line, mark, sizeof(mark) - 1) == 0;
	if (!*is)
		return true;
	line += sizeof(mark) - 1;
	return text_number(line + strspn(line, " \t"), 0, UINT32_MAX, addresses, &why);
}

/* "	References:  [ Anchors: 0                  Rules: 4                  ]" */
static void
references_read(const char *line, struct pf_table *t)
{
	unsigned long anchors, rules;

	if (sscanf(line, " References: [ Anchors: %lu Rules: %lu ]", &anchors, &rules) == 2)
		t->counted = t->counted || anchors != 0 || rules != 0;
}

static char *
unread(const char *line, unsigned number)
{
	char shown[LINE_SIZE];

	text_escape(shown, 80, line, strlen(line));
	return xasprintf("line %u of \"pfctl -vvs Tables\" cannot be read: \"%s\"; which addresses "
	    "our rules are for is not known", number, shown);
}

char *
pf_tables_parse(const char *text, size_t len, struct pf_tables *tables)
{
	const char *end = text + len;
	struct pf_table *t = NULL;
	bool counted = true, is;
	char line[LINE_SIZE];

	tables->n = 0;
	for (unsigned number = 1; text < end; number++) {
		const char *nl = memchr(text, '\n', (size_t)(end - text));
		const size_t n = (size_t)((nl != NULL ? nl : end) - text);

		snprintf(line, sizeof(line), "%.*s", n < sizeof(line) ? (int)n : LINE_SIZE - 1, text);
		text = nl != NULL ? nl + 1 : end;
		if (line[0] == ' ' || line[0] == '\t') {
			if (t == NULL || !addresses_read(line, &is, &t->addresses) || (is && counted))
				return unread(line, number);
			counted = counted || is;
			references_read(line, t);
			continue;
		}
		/* The last one was without the number of its addresses. */
		if (!counted)
			return unread(line, number);
		if (tables->n == PF_TABLES_MAX)
			return NULL;
		t = &tables->table[tables->n];
		if (!head_read(line, t))
			return unread(line, number);
		tables->n++;
		counted = false;
	}
	return counted ? NULL : xstrdup("\"pfctl -vvs Tables\" broke off");
}

static const struct pf_table *
find(const struct pf_tables *tables, const char *name)
{
	for (size_t i = 0; i < tables->n; i++) {
		if (strcmp(tables->table[i].name, name) == 0)
			return &tables->table[i];
	}
	return NULL;
}

/* "... to <gh_private:10>", "<gh_private>" */
static bool
names(const char *at, const char *name)
{
	const size_t len = strlen(name);

	return strncmp(at, name, len) == 0 && (at[len] == ':' || at[len] == '>');
}

void
pf_tables_name(struct pf_tables *tables, const char *rules)
{
	for (size_t i = 0; i < tables->n; i++)
		tables->table[i].lingers = !tables->table[i].persists;
	while ((rules = strchr(rules, '<')) != NULL) {
		rules++;
		for (size_t i = 0; i < tables->n; i++) {
			if (names(rules, tables->table[i].name))
				tables->table[i].lingers = false;
		}
	}
}

bool
pf_tables_use(const struct pf_tables *tables, const char *name)
{
	const struct pf_table *t = find(tables, name);

	return t != NULL && !t->lingers;
}

/* Who is frozen changes without a load, and is compared address by address. */
static bool
is_compared(const struct pf_table *t)
{
	return strcmp(t->name, "gh_frozen") != 0;
}

char *
pf_tables_differ(const struct pf_tables *loaded, const struct pf_tables *now)
{
	for (size_t i = 0; i < loaded->n; i++) {
		const struct pf_table *a = &loaded->table[i], *b = find(now, a->name);

		if (a->lingers)
			continue;
		if (b == NULL)
			return xasprintf("someone took the table %s out of our anchor", a->name);
		if (is_compared(a) && a->counted && b->counted && a->addresses != b->addresses)
			return xasprintf("someone changed the table %s in our anchor: it has %" PRIu64
			    " addresses and not %" PRIu64, a->name, b->addresses, a->addresses);
		if (a->is_const != b->is_const || a->persists != b->persists)
			return xasprintf("someone changed the table %s in our anchor: it was loaded %s",
			    a->name, a->is_const ? "const" : a->persists ? "persist" : "as neither const "
			    "nor persist");
	}
	for (size_t i = 0; i < now->n; i++) {
		if (find(loaded, now->table[i].name) == NULL)
			return xasprintf("someone put a table %s into our anchor", now->table[i].name);
	}
	return NULL;
}
