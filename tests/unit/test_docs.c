/* The manual says what the program does: every option with its default. */
#include "config.h"

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf.h"
#include "control.h"
#include "gatehouse.h"
#include "host.h"
#include "ui.h"

enum { PAGE_SIZE = 256 << 10, WORD = 512 };

/* A page of man/, or fails. */
static const char *
page(const char *name)
{
	static char text[PAGE_SIZE];
	const char *srcdir = getenv("abs_srcdir");
	char path[4096];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "%s/man/%s", srcdir != NULL ? srcdir : ".", name);
	if ((f = fopen(path, "r")) == NULL)
		fail_msg("%s is missing", path);
	n = fread(text, 1, sizeof(text) - 1, f);
	assert_true(n < sizeof(text) - 1);
	fclose(f);
	text[n] = '\0';
	return text;
}

/* The sample with a distribution's directories, as the pages name them. */
static char *
sample(void)
{
	static const char *const dirs[][2] = {
		{ SYSCONFDIR "/gatehouse", "/etc/gatehouse" },
		{ PKGDATADIR, "/usr/share/gatehouse" },
		{ LOCALSTATEDIR "/lib/gatehouse", "/var/lib/gatehouse" },
		{ RUNSTATEDIR "/gatehouse", "/run/gatehouse" },
	};
	char *text = NULL, *out, *hit, *at;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	conf_sample(f);
	fclose(f);
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		assert_non_null(f = open_memstream(&out, &size));
		for (at = text; (hit = strstr(at, dirs[i][0])) != NULL;
		    at = hit + strlen(dirs[i][0]))
			fprintf(f, "%.*s%s", (int)(hit - at), at, dirs[i][1]);
		fputs(at, f);
		fclose(f);
		free(text);
		text = out;
	}
	return text;
}

/* The text between a mark and the next of the same kind, cut out in place. */
static char *
part(char *text, const char *mark, const char *next)
{
	char *start = strstr(text, mark), *end;

	if (start == NULL)
		fail_msg("there is no \"%s\"", mark);
	start += strlen(mark);
	if ((end = strstr(start, next)) != NULL)
		*end = '\0';
	return start;
}

static void
option_is_documented(const char *section, const char *key, const char *def)
{
	char copy[PAGE_SIZE], mark[WORD], *text;

	/* The page has Linux's first. */
	if (strcmp(def, host_bridges) == 0)
		def = "virbr*, incusbr*, lxdbr*, mpqemubr*";
	snprintf(copy, sizeof(copy), "%s", page("gatehouse.conf.5"));
	snprintf(mark, sizeof(mark), "\n.Ss [%s]\n", section);
	text = part(copy, mark, "\n.Ss ");
	snprintf(mark, sizeof(mark), "\n.It Cm %s = ", key);
	text = part(text, mark, "\n.It ");
	snprintf(mark, sizeof(mark), "The default is\n.");
	if (*def == '\0') {
		assert_non_null(strstr(text, "none by default"));
		return;
	}
	text = part(text, mark, "\n");
	/* After the macro, "Cm" or "Pa": the value itself. */
	if (strncmp(text + 3, def, strlen(def)) != 0 || strchr(" \0", text[3 + strlen(def)]) == NULL)
		fail_msg("[%s] %s: \"%s\" is not the default, \"%s\" is", section, key, text + 3,
		    def);
}

static void
every_option_is_in_the_manual_with_its_default(void **state)
{
	char *text = sample(), *rest = text, *line, *equals, section[WORD] = "";
	int n = 0;

	while ((line = strsep(&rest, "\n")) != NULL) {
		if (line[0] == '[')
			snprintf(section, sizeof(section), "%.*s", (int)strcspn(line + 1, "]"),
			    line + 1);
		if (line[0] != '#' || line[1] == ' ' || section[0] == '\0' ||
		    (equals = strstr(line, " =")) == NULL)
			continue;
		*equals = '\0';
		option_is_documented(section, line + 1, equals[2] == ' ' ? equals + 3 : "");
		n++;
	}
	assert_true(n > 20);
	free(text);
}

static void
the_manual_has_no_option_of_its_own(void **state)
{
	char *text = sample(), copy[PAGE_SIZE], key[WORD], *at = copy;
	const char *name;

	snprintf(copy, sizeof(copy), "%s", page("gatehouse.conf.5"));
	while ((at = strstr(at, "\n.It Cm ")) != NULL) {
		at += 8;
		name = at;
		snprintf(key, sizeof(key), "\n#%.*s =", (int)strcspn(name, " "), name);
		if (strstr(text, key) == NULL)
			fail_msg("there is no option %s", key + 2);
	}
	free(text);
}

static void
every_reason_is_in_the_manual_with_its_meaning(void **state)
{
	const char *text = page("gatehouse.8");
	char want[WORD];

	for (enum reason r = REASON_NONE + 1; r < REASON_COUNT; r++) {
		snprintf(want, sizeof(want), "\n.It Cm %s\n%s\n", reason_name(r),
		    reason_advice(r));
		if (strstr(text, want) == NULL)
			fail_msg("gatehouse.8 lacks%s", want);
	}
}

static void
every_outcome_is_in_the_manual_with_its_meaning(void **state)
{
	const char *text = page("gatehouse.8");
	char want[WORD];

	for (enum outcome o = OUTCOME_NONE + 1; o < OUTCOME_COUNT; o++) {
		snprintf(want, sizeof(want), "\n.It Cm %s\n%s\n", outcome_name(o), outcome_text(o));
		if (strstr(text, want) == NULL)
			fail_msg("gatehouse.8 lacks%s", want);
	}
}

/* The options in a command's arguments: "--json", "-r". */
static void
options_are_documented(const char *section, const struct command *c)
{
	char want[WORD];
	size_t len;

	for (const char *at = c->args; (at = strchr(at, '-')) != NULL; at += len) {
		len = strspn(at, "-abcdefghijklmnopqrstuvwxyz");
		if (at != c->args && strchr(" [|", at[-1]) == NULL)
			continue;
		snprintf(want, sizeof(want), "Fl %.*s", (int)len - 1, at + 1);
		if (strstr(section, want) == NULL)
			fail_msg("gatehouse.1 lacks %.*s of %s", (int)len, at, c->name);
	}
}

static void
every_command_is_in_the_manual_and_no_other(void **state)
{
	char copy[PAGE_SIZE], want[WORD], *section;
	const char *at;

	snprintf(copy, sizeof(copy), "%s", page("gatehouse.1"));
	section = part(copy, "\n.Sh COMMANDS\n", "\n.Sh ");
	for (const struct command *c = command_table; c->name != NULL; c++) {
		/* "entries --learned" stands there as mdoc has options. */
		at = strchr(c->name, ' ');
		if (at != NULL)
			snprintf(want, sizeof(want), "\n.It Ic %.*s Fl %s", (int)(at - c->name), c->name,
			    at + 2);
		else
			snprintf(want, sizeof(want), "\n.It Ic %s", c->name);
		at = strstr(section, want);
		if (at == NULL || strchr(" \n", at[strlen(want)]) == NULL)
			fail_msg("gatehouse.1 lacks %s", c->name);
		options_are_documented(section, c);
	}
	for (at = section; (at = strstr(at, "\n.It Ic ")) != NULL;) {
		at += 8;
		snprintf(want, sizeof(want), "%.*s", (int)strcspn(at, " \n"), at);
		if (command_find(want) == NULL)
			fail_msg("there is no command %s", want);
	}
}

/* Without "\\&", which a page needs before a key that is punctuation. */
static void
unescape(char *text)
{
	char *to = text;

	for (const char *from = text; *from != '\0'; from++) {
		if (from[0] == '\\' && from[1] == '&')
			from++;
		else
			*to++ = *from;
	}
	*to = '\0';
}

static void
the_keys_in_the_manual_are_those_of_the_table(void **state)
{
	char copy[PAGE_SIZE], *keys = NULL, *section;
	size_t size;
	FILE *f = open_memstream(&keys, &size);

	assert_non_null(f);
	ui_keys_print(f);
	fclose(f);
	unescape(keys);
	snprintf(copy, sizeof(copy), "%s", page("gatehouse.1"));
	section = part(copy, "\n.\\\" Keys, as the program has them.\n", "\n.El");
	section = strchr(section, '\n') + 1;
	unescape(section);
	/* part() took the last newline. */
	keys[strlen(keys) - 1] = '\0';
	assert_string_equal(section, keys);
	free(keys);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_option_is_in_the_manual_with_its_default),
		cmocka_unit_test(the_manual_has_no_option_of_its_own),
		cmocka_unit_test(every_command_is_in_the_manual_and_no_other),
		cmocka_unit_test(the_keys_in_the_manual_are_those_of_the_table),
		cmocka_unit_test(every_reason_is_in_the_manual_with_its_meaning),
		cmocka_unit_test(every_outcome_is_in_the_manual_with_its_meaning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
