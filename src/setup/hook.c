/*
 * Hooks in a pf.conf.  pf wants its sections in order (options, normalization,
 * queueing, translation, filtering), and in each of them the first rule that is
 * "quick", or the first of translation at all, decides.  So the hook of our
 * translation goes before any other translation or filter rule, that of our
 * filter before any other filter rule, wherever these begin in the file.
 *
 * Statements are told by their first word; a statement goes on over a line that
 * ends in a backslash and within braces.  What an include holds is not known:
 * the hooks go before it, and where that is wrong pfctl says so before anything
 * is changed.
 */
#include "config.h"

#include "setup/setup.h"

#include <stdlib.h>
#include <string.h>

#include "xmalloc.h"

#define MARK_BEGIN	"# gatehouse begin: added by \"gatehouse setup\", removed by unsetup"
#define MARK_END	"# gatehouse end"

enum section { OTHER, TRANSLATION, FILTER, UNKNOWN };

static const struct {
	const char	*word;
	enum section	 section;
} words[] = {
	{ "nat", TRANSLATION }, { "rdr", TRANSLATION }, { "binat", TRANSLATION },
	{ "nat-anchor", TRANSLATION }, { "rdr-anchor", TRANSLATION },
	{ "binat-anchor", TRANSLATION }, { "no", TRANSLATION },
	{ "pass", FILTER }, { "block", FILTER }, { "match", FILTER }, { "anchor", FILTER },
	{ "antispoof", FILTER }, { "include", UNKNOWN },
};

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static bool
is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' ||
	    (c >= '0' && c <= '9');
}

static enum section
section_of(const char *line)
{
	size_t len = 0;
	const char *after;

	while (is_space(*line))
		line++;
	while (is_word(line[len]))
		len++;
	/* A macro may have any name. */
	for (after = line + len; is_space(*after); after++)
		;
	if (*after == '=')
		return OTHER;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strlen(words[i].word) == len && strncmp(words[i].word, line, len) == 0)
			return words[i].section;
	}
	return OTHER;
}

/* The next line, its newline included; "" past the last. */
static const char *
line_end(const char *line)
{
	const char *nl = strchr(line, '\n');

	return nl != NULL ? nl + 1 : line + strlen(line);
}

/* Whether a statement goes on after this line; *depth counts its braces. */
static bool
goes_on(const char *line, const char *end, unsigned *depth)
{
	bool quoted = false, backslash = false;

	for (const char *p = line; p < end && *p != '\n'; p++) {
		if (*p == '#' && !quoted)
			break;
		if (*p == '"')
			quoted = !quoted;
		else if (*p == '{' && !quoted)
			++*depth;
		else if (*p == '}' && !quoted && *depth > 0)
			--*depth;
		if (!is_space(*p))
			backslash = *p == '\\';
	}
	return backslash || *depth > 0;
}

/* Where the first statement of such a section begins; the end if there is none. */
static const char *
find_section(const char *text, bool (*wanted)(enum section))
{
	unsigned depth = 0;
	bool inside = false;

	for (const char *line = text, *end; *line != '\0'; line = end) {
		end = line_end(line);
		if (!inside && wanted(section_of(line)))
			return line;
		inside = goes_on(line, end, &depth);
	}
	return text + strlen(text);
}

static bool
not_before_translation(enum section s)
{
	return s != OTHER;
}

static bool
not_before_filter(enum section s)
{
	return s == FILTER || s == UNKNOWN;
}

/* Whether nothing narrows a hook down: "all" and a remark may stand behind its name. */
static bool
is_whole(const char *p)
{
	static const char all[] = "all";

	p += *p == '"';
	while (is_space(*p))
		p++;
	if (strncmp(p, all, sizeof(all) - 1) == 0 && !is_word(p[sizeof(all) - 1]))
		p += sizeof(all) - 1;
	while (is_space(*p))
		p++;
	return *p == '\n' || *p == '#' || *p == '\0';
}

/* Whether a statement `WORD "ANCHOR"` is there, as a person may have written it. */
static bool
has_hook(const char *text, const char *word, const char *anchor)
{
	const size_t len = strlen(word), alen = strlen(anchor);
	unsigned depth = 0;
	bool inside = false;

	for (const char *line = text, *end; *line != '\0'; line = end) {
		const char *p = line;

		end = line_end(line);
		while (is_space(*p))
			p++;
		if (!inside && strncmp(p, word, len) == 0 && is_space(p[len])) {
			for (p += len; is_space(*p) || *p == '"'; p++)
				;
			if (strncmp(p, anchor, alen) == 0 && !is_word(p[alen]) && is_whole(p + alen))
				return true;
		}
		inside = goes_on(line, end, &depth);
	}
	return false;
}

static bool
is_line(const char *line, const char *wanted)
{
	const size_t len = strlen(wanted);

	return strncmp(line, wanted, len) == 0 && (line[len] == '\n' || line[len] == '\0');
}

char *
setup_hook_remove(const char *text, char **cause)
{
	bool inside = false;
	size_t size;
	char *out;
	FILE *f = xmemstream(&out, &size);

	*cause = NULL;
	for (const char *line = text, *end; *line != '\0' && *cause == NULL; line = end) {
		end = line_end(line);
		if (is_line(line, MARK_BEGIN)) {
			if (inside)
				*cause = xstrdup("a line \"" MARK_BEGIN "\" stands within such "
				    "lines; remove them by hand");
			inside = true;
		} else if (is_line(line, MARK_END) && inside)
			inside = false;
		else if (!inside)
			fwrite(line, 1, (size_t)(end - line), f);
	}
	fclose(f);
	if (*cause == NULL && inside)
		*cause = xstrdup("the line \"" MARK_END "\" is missing; write it after gatehouse's "
		    "lines");
	if (*cause == NULL)
		return out;
	free(out);
	return NULL;
}

static void
put_hook(FILE *f, const char *word, const char *anchor)
{
	fprintf(f, "%s\n%s \"%s\"\n%s\n", MARK_BEGIN, word, anchor, MARK_END);
}

char *
setup_hook_add(const char *text, const char *anchor, bool nat, char **cause)
{
	char *clean = setup_hook_remove(text, cause), *out;
	bool rdr, filter;
	const char *at, *end;
	size_t size;
	FILE *f;

	if (clean == NULL)
		return NULL;
	rdr = has_hook(clean, "rdr-anchor", anchor);
	filter = has_hook(clean, "anchor", anchor);
	at = find_section(clean, not_before_translation);
	end = find_section(clean, not_before_filter);
	f = xmemstream(&out, &size);
	fwrite(clean, 1, (size_t)(at - clean), f);
	/* A last line without its end must not become a part of ours. */
	if (at > clean && at[-1] != '\n')
		fputc('\n', f);
	if (nat && !has_hook(clean, "nat-anchor", anchor))
		put_hook(f, "nat-anchor", anchor);
	if (!rdr)
		put_hook(f, "rdr-anchor", anchor);
	fwrite(at, 1, (size_t)(end - at), f);
	if (end > at && end[-1] != '\n')
		fputc('\n', f);
	if (!filter)
		put_hook(f, "anchor", anchor);
	fputs(end, f);
	fclose(f);
	free(clean);
	return out;
}
