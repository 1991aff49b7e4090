/*
 * pf's main ruleset.  Rules are asked in order, and one that is "quick" ends the
 * asking; of translation, the first that matches decides.  So what stands before our
 * anchor's hook may take guests' packets away from it.
 */
#include "config.h"

#include "doctor/doctor.h"

#include <string.h>

#include "firewall/pf.h"
#include "xmalloc.h"

enum { RULE_SHOWN = 100 };

/* "WORD "HOOK"...". */
static bool
is_hook(const char *line, const char *word, const char *hook)
{
	const size_t len = strlen(word), n = strlen(hook);

	return strncmp(line, word, len) == 0 && strncmp(line + len, " \"", 2) == 0 &&
	    strncmp(line + len + 2, hook, n) == 0 && line[len + 2 + n] == '"';
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
decides(const char *line, size_t len, const char *word)
{
	if (strcmp(word, "rdr-anchor") == 0)
		return strncmp(line, "rdr ", 4) == 0 || strncmp(line, "rdr-anchor ", 11) == 0;
	return strncmp(line, "anchor ", 7) == 0 ||
	    ((strncmp(line, "pass ", 5) == 0 || strncmp(line, "block ", 6) == 0) &&
	    has_word(line, len, "quick"));
}

/* The first rule that may decide ahead of the hook, and its length; NULL: none does. */
static const char *
before_hook(const char *rules, const char *word, const char *hook, size_t *len)
{
	for (const char *line = rules; *line != '\0'; line += *len + (line[*len] == '\n')) {
		*len = strcspn(line, "\n");
		if (is_hook(line, word, hook))
			return NULL;
		if (decides(line, *len, word))
			return line;
	}
	return NULL;
}

void
foreign_pf(json_t *rows, const struct pf_host *host, const char *nat, const char *rules,
    const struct conf *conf)
{
	static const char *const hooks[] = { "rdr-anchor", "anchor" };
	const struct pf_guarded guarded = { host, conf, NULL };
	char *cause = pf_hook_check(&guarded, nat, rules);
	bool first = true;

	if (cause != NULL) {
		doctor_add(rows, "hook", DOCTOR_FAIL, cause, NULL);
		return;
	}
	doctor_add(rows, "hook", DOCTOR_OK, xasprintf("pf's main rules ask the anchor %s",
	    host->anchor), NULL);
	for (size_t i = 0; i < sizeof(hooks) / sizeof(hooks[0]); i++) {
		size_t len;
		const char *before = before_hook(i == 0 ? nat : rules, hooks[i], host->hook, &len);

		if (before == NULL)
			continue;
		first = false;
		doctor_add(rows, "foreign", DOCTOR_WARN, xasprintf("pf asks another rule before "
		    "gatehouse's (%s): %.*s", hooks[i], (int)(len < RULE_SHOWN ? len : RULE_SHOWN),
		    before), "have it leave the guests' bridges out, or move it behind gatehouse's "
		    "hook in pf.conf");
	}
	if (first)
		doctor_add(rows, "foreign", DOCTOR_OK, xstrdup("nothing in pf's main rules comes before "
		    "it"), NULL);
}
