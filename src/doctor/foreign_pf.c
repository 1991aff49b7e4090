/*
 * pf's main ruleset.  Rules are asked in order, and one that is "quick" ends the
 * asking; of translation, the first that matches decides.  So what stands before our
 * anchor's hook may take guests' packets away from it.
 */
#include "config.h"

#include "doctor/doctor.h"

#include <stdlib.h>
#include <string.h>

#include "xmalloc.h"

enum { RULE_SHOWN = 100 };

/* "WORD "ANCHOR"...": a hook of the anchor, or of the wildcard it is below. */
static bool
is_hook(const char *line, const char *word, const char *anchor)
{
	const size_t len = strlen(word);
	const char *slash = strchr(anchor, '/');
	char *exact, *wild;
	bool found;

	if (strncmp(line, word, len) != 0 || line[len] != ' ')
		return false;
	exact = xasprintf("\"%s\"", anchor);
	wild = slash != NULL ? xasprintf("\"%.*s/*\"", (int)(slash - anchor), anchor) : xstrdup(exact);
	found = strncmp(line + len + 1, exact, strlen(exact)) == 0 ||
	    strncmp(line + len + 1, wild, strlen(wild)) == 0;
	free(wild);
	free(exact);
	return found;
}

static bool
has_word(const char *line, size_t len, const char *word)
{
	const size_t n = strlen(word);

	for (size_t i = 0; i + n <= len; i++) {
		if ((i == 0 || line[i - 1] == ' ') && strncmp(line + i, word, n) == 0 &&
		    (i + n == len || line[i + n] == ' '))
			return true;
	}
	return false;
}

/* What may decide before a hook of this kind is asked. */
static bool
decides(const char *line, size_t len, const char *hook)
{
	if (strcmp(hook, "rdr-anchor") == 0)
		return strncmp(line, "rdr ", 4) == 0 || strncmp(line, "rdr-anchor ", 11) == 0;
	return strncmp(line, "anchor ", 7) == 0 ||
	    ((strncmp(line, "pass ", 5) == 0 || strncmp(line, "block ", 6) == 0) &&
	    has_word(line, len, "quick"));
}

/* The hook's line, NULL if there is none; *before is the first that may decide ahead
 * of it, and its length, 0: none does. */
static const char *
find_hook(const char *rules, const char *hook, const char *anchor, const char **before,
    size_t *before_len)
{
	size_t len;

	*before_len = 0;
	for (const char *line = rules; *line != '\0'; line += len + (line[len] == '\n')) {
		len = strcspn(line, "\n");
		if (is_hook(line, hook, anchor))
			return line;
		if (*before_len == 0 && decides(line, len, hook)) {
			*before = line;
			*before_len = len;
		}
	}
	return NULL;
}

void
foreign_pf(json_t *rows, const char *rules, const char *anchor)
{
	static const char *const hooks[] = { "rdr-anchor", "anchor" };
	bool hooked = true, first = true;
	const char *before = NULL;
	size_t len;

	for (size_t i = 0; i < sizeof(hooks) / sizeof(hooks[0]); i++) {
		if (find_hook(rules, hooks[i], anchor, &before, &len) == NULL) {
			hooked = false;
			doctor_add(rows, "hook", DOCTOR_FAIL, xasprintf("pf's main rules have no %s \"%s\": "
			    "whatever is loaded there is never asked", hooks[i], anchor), "on FreeBSD "
			    "\"gatehouse setup\" adds it to /etc/pf.conf; on macOS: pfctl -f /etc/pf.conf");
		} else if (len > 0) {
			first = false;
			doctor_add(rows, "foreign", DOCTOR_WARN, xasprintf("pf asks another rule before "
			    "gatehouse's (%s): %.*s", hooks[i], (int)(len < RULE_SHOWN ? len : RULE_SHOWN),
			    before), "have it leave the guests' bridges out, or move it behind gatehouse's "
			    "hook in pf.conf");
		}
	}
	if (hooked)
		doctor_add(rows, "hook", DOCTOR_OK, xasprintf("pf's main rules ask the anchor %s", anchor),
		    NULL);
	if (hooked && first)
		doctor_add(rows, "foreign", DOCTOR_OK, xstrdup("nothing in pf's main rules comes before "
		    "it"), NULL);
}
