/*
 * Templates: files of PKGDATADIR/setup in which @word@ stands for a place.
 *
 * A place is put in as it is, without quotes of any kind: a unit, a property
 * list and a shell script would each want others.  So what would need some is
 * refused.
 */
#include "config.h"

#include "setup/setup.h"

#include <ctype.h>
#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>

#include "xmalloc.h"

enum { WORD_MAX = 16 };

static bool
plain(const char *value)
{
	for (const char *c = value; *c != '\0'; c++) {
		if (!isalnum((unsigned char)*c) && strchr("/._+-", *c) == NULL)
			return false;
	}
	return value[0] != '\0';
}

/* The value of a word; caller frees. NULL: there is no such word. */
static char *
value_of(const char *word, const struct setup_site *site)
{
	const struct conf *conf = site->conf;
	const struct { const char *word, *value; bool parent; } values[] = {
		{ "exe", site->exe, false }, { "conf", site->conf_path, false },
		{ "confdir", conf->allowlist, true }, { "state", conf->state, false },
		{ "run", conf->control, true }, { "user", conf->user, false },
		{ "group", conf->group, false },
	};

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		char *value;

		if (strcmp(values[i].word, word) != 0)
			continue;
		value = xstrdup(values[i].value);
		if (values[i].parent) {
			char *dir = xstrdup(dirname(value));

			free(value);
			value = dir;
		}
		return value;
	}
	return NULL;
}

/* "@word@" at text: its length, 0 if it is none, and the word. */
static size_t
word_at(const char *text, char word[WORD_MAX])
{
	size_t n = 0;

	if (text[0] != '@')
		return 0;
	while (n + 1 < WORD_MAX && text[1 + n] >= 'a' && text[1 + n] <= 'z') {
		word[n] = text[1 + n];
		n++;
	}
	word[n] = '\0';
	return n > 0 && text[1 + n] == '@' ? n + 2 : 0;
}

char *
setup_fill(const char *text, const struct setup_site *site, char **cause)
{
	char *out, word[WORD_MAX], *value;
	size_t size, len;
	FILE *f = xmemstream(&out, &size);

	*cause = NULL;
	for (const char *p = text; *p != '\0' && *cause == NULL; p += len) {
		if ((len = word_at(p, word)) == 0) {
			fputc(*p, f);
			len = 1;
			continue;
		}
		if ((value = value_of(word, site)) == NULL)
			*cause = xasprintf("@%s@ stands for nothing", word);
		else if (!plain(value))
			*cause = xasprintf("\"%s\" has a character that a service's file cannot "
			    "hold as it is; use letters, digits and /._+- alone", value);
		else
			fputs(value, f);
		free(value);
	}
	fclose(f);
	if (*cause == NULL)
		return out;
	free(out);
	return NULL;
}

char *
setup_template(const struct setup_site *site, const char *name, char **cause)
{
	char *path = xasprintf("%s%s/setup/%s", site->root, PKGDATADIR, name), *text, *filled = NULL;
	char *why = NULL;

	if ((text = setup_read(path)) == NULL)
		*cause = xasprintf("%s: %s; was gatehouse installed (make install)?", path,
		    strerror(errno));
	else if ((filled = setup_fill(text, site, &why)) == NULL)
		*cause = xasprintf("%s: %s", path, why);
	free(why);
	free(text);
	free(path);
	return filled;
}
