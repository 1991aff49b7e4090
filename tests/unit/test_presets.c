/* Presets: what an entry @NAME stands for, where it is read from, and when. */
#include "config.h"

#include <sys/stat.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "allow/allow.h"
#include "unit.h"
#include "xmalloc.h"

enum { NOW = 1700000000 };

/* Two directories of presets, the first overriding the second. */
struct dirs {
	char		top[64], own[96], shipped[96];
	struct presets	*presets;
};

static void
write_preset(const char *dir, const char *name, const char *text)
{
	char path[160], next[160];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	snprintf(next, sizeof(next), "%s/.next", dir);
	assert_non_null(f = fopen(next, "w"));
	fputs(text, f);
	fclose(f);
	assert_int_equal(rename(next, path), 0);
}

static void
read_again(struct dirs *d)
{
	const char *const dirs[] = { d->own, d->shipped };

	presets_free(d->presets);
	d->presets = presets_new(dirs, 2);
}

static int
setup(void **state)
{
	struct dirs *d = xcalloc(1, sizeof(*d));

	snprintf(d->top, sizeof(d->top), "/tmp/test_presets.XXXXXX");
	assert_non_null(mkdtemp(d->top));
	snprintf(d->own, sizeof(d->own), "%s/own", d->top);
	snprintf(d->shipped, sizeof(d->shipped), "%s/shipped", d->top);
	assert_int_equal(mkdir(d->own, 0755) | mkdir(d->shipped, 0755), 0);
	write_preset(d->shipped, "pypi",
	    "# packages\npypi.org\n\n.pythonhosted.org  # files\n#off test.pypi.org\n");
	write_preset(d->shipped, "npm", ".npmjs.org\n!old.npmjs.org\nplain.npmjs.com:80\n");
	read_again(d);
	*state = d;
	return 0;
}

static void
empty(const char *dir)
{
	char path[512];
	struct dirent *file;
	DIR *d = opendir(dir);

	while (d != NULL && (file = readdir(d)) != NULL) {
		snprintf(path, sizeof(path), "%s/%s", dir, file->d_name);
		unlink(path);
	}
	if (d != NULL)
		closedir(d);
	rmdir(dir);
}

static int
teardown(void **state)
{
	struct dirs *d = *state;

	presets_free(d->presets);
	empty(d->own);
	empty(d->shipped);
	rmdir(d->top);
	free(d);
	return 0;
}

static struct allowlist *
list_of(struct dirs *d, const char *text)
{
	char *cause;
	struct allowlist *l = allowlist_parse(text, strlen(text), "list", NULL, &cause);

	if (l == NULL)
		fail_msg("%s", cause);
	allowlist_use_presets(l, d->presets);
	return l;
}

static struct allow_image *
compile(const struct allowlist *l)
{
	const char *why;
	char *cause = NULL;
	size_t size;
	int fd = allow_compile(l, &size, &cause);
	struct allow_image *image;

	if (fd == -1)
		fail_msg("%s", cause);
	assert_non_null(image = allow_image_open(fd, size, &why));
	close(fd);
	return image;
}

/* Why the list cannot be compiled. */
static void
assert_refused(struct dirs *d, const char *text, const char *part)
{
	struct allowlist *l = list_of(d, text);
	char *cause = NULL;
	size_t size;

	assert_int_equal(allow_compile(l, &size, &cause), -1);
	assert_cause(cause, part);
	allowlist_free(l);
}

static void
assert_answer(const struct allow_image *image, const char *name, uint16_t port,
    const char *guest, enum reason reason, uint32_t entry)
{
	struct allow_answer a = allow_lookup(image, name, strlen(name), port, guest, NOW);

	if (a.reason != reason || a.entry != entry)
		fail_msg("%s:%u %s: %s by entry %u", name, port, guest, reason_name(a.reason),
		    a.entry);
	assert_int_equal(a.verdict,
	    reason == REASON_PRESET || reason == REASON_LISTED ? VERDICT_ALLOW : VERDICT_DENY);
}

static void
a_preset_stands_for_the_entries_of_its_file(void **state)
{
	struct allowlist *l = list_of(*state, ".example.org\n@pypi\n@npm\n");
	struct allow_image *image = compile(l);
	struct allow_entry e;

	assert_true(allowlist_entry(l, 1, &e));
	assert_int_equal(e.state, ALLOW_ON);
	assert_answer(image, "example.org", 443, "", REASON_LISTED, 1);
	assert_answer(image, "pypi.org", 443, "", REASON_PRESET, 2);
	assert_answer(image, "pypi.org", 22, "", REASON_PORT, 2);
	assert_answer(image, "www.pypi.org", 443, "", REASON_NOT_LISTED, 0);
	assert_answer(image, "files.pythonhosted.org", 80, "", REASON_PRESET, 2);
	assert_answer(image, "test.pypi.org", 443, "", REASON_DISABLED, 2);
	assert_answer(image, "registry.npmjs.org", 443, "", REASON_PRESET, 3);
	assert_answer(image, "old.npmjs.org", 443, "", REASON_DENY_ENTRY, 3);
	assert_answer(image, "plain.npmjs.com", 80, "", REASON_PRESET, 3);
	assert_answer(image, "plain.npmjs.com", 443, "", REASON_PORT, 3);
	allow_image_close(image);
	allowlist_free(l);
}

static void
what_stands_behind_a_preset_counts_for_each_of_its_entries(void **state)
{
	struct allowlist *l = list_of(*state,
	    "@pypi vm=agent-*\n@npm until=2001-01-01T00:00Z\n#off @npm vm=x\n");
	struct allow_image *image = compile(l);
	struct allow_entry e;

	assert_answer(image, "pypi.org", 443, "agent-1", REASON_PRESET, 1);
	assert_answer(image, "pypi.org", 443, "build", REASON_NOT_LISTED, 0);
	assert_answer(image, "a.npmjs.org", 443, "y", REASON_EXPIRED, 2);
	assert_true(allowlist_entry(l, 1, &e));
	assert_int_equal(e.state, ALLOW_ENDED);
	assert_true(allowlist_entry(l, 2, &e));
	assert_int_equal(e.state, ALLOW_OFF);
	allow_image_close(image);
	allowlist_free(l);
}

static void
a_preset_is_switched_as_one_entry(void **state)
{
	struct allowlist *l = list_of(*state, "@pypi\n");
	struct allow_image *image;
	char *what;

	assert_null(allowlist_set(l, 1, false));
	image = compile(l);
	assert_answer(image, "pypi.org", 443, "", REASON_DISABLED, 1);
	assert_answer(image, "files.pythonhosted.org", 443, "", REASON_DISABLED, 1);
	allow_image_close(image);
	assert_null(allowlist_undo(l, &what));
	assert_string_equal(what, "disabled @pypi");
	free(what);
	image = compile(l);
	assert_answer(image, "pypi.org", 443, "", REASON_PRESET, 1);
	allow_image_close(image);
	allowlist_free(l);
}

static void
entries_of_the_list_and_of_presets_compete_by_the_usual_rules(void **state)
{
	struct allowlist *l = list_of(*state,
	    "@pypi\n@npm\n!pypi.org\n!evil.pythonhosted.org\n!.npmjs.org\nregistry.npmjs.org\n"
	    "*.pythonhosted.org\n");
	struct allow_image *image = compile(l);

	assert_answer(image, "pypi.org", 443, "", REASON_DENY_ENTRY, 3);
	assert_answer(image, "evil.pythonhosted.org", 443, "", REASON_DENY_ENTRY, 4);
	assert_answer(image, "files.pythonhosted.org", 443, "", REASON_PRESET, 1);
	assert_answer(image, "www.npmjs.org", 443, "", REASON_DENY_ENTRY, 5);
	assert_answer(image, "registry.npmjs.org", 443, "", REASON_LISTED, 6);
	allow_image_close(image);
	allowlist_free(l);
}

static void
the_first_directory_with_such_a_file_wins(void **state)
{
	struct dirs *d = *state;
	struct allowlist *l;
	struct allow_image *image;

	write_preset(d->own, "pypi", "pypi.example\n");
	l = list_of(d, "@pypi\n@npm\n");
	image = compile(l);
	assert_answer(image, "pypi.example", 443, "", REASON_PRESET, 1);
	assert_answer(image, "pypi.org", 443, "", REASON_NOT_LISTED, 0);
	assert_answer(image, "a.npmjs.org", 443, "", REASON_PRESET, 2);
	allow_image_close(image);
	allowlist_free(l);
}

static void
an_unknown_preset_is_told_with_the_nearest(void **state)
{
	struct dirs *d = *state;
	struct allowlist *l;
	uint32_t id;

	assert_refused(d, "# x\n@pipy\n", "list:2: \"@pipy\": there is no such preset in ");
	assert_refused(d, "@pipy\n", "the nearest is @pypi");
	assert_refused(d, "@something\n", "make a file something there");
	l = list_of(d, "@pypi\n#off @gone\n");
	assert_cause(allowlist_add(l, "@npn", &id), "the nearest is @npm");
	assert_int_equal(allowlist_count(l), 2);
	allow_image_close(compile(l));	/* what is off does no harm */
	assert_null(allowlist_add(l, "@npm vm=a", &id));
	allow_image_close(compile(l));
	allowlist_free(l);
}

static void
a_preset_that_does_not_parse_is_told_with_its_line(void **state)
{
	static const struct {
		const char	*text, *why;
	} bad[] = {
		{ "# x\nnot a name\n", "/bad:2: \"a\": not an option" },
		{ "@npm\n", "/bad:1: \"@npm\": a preset cannot hold another" },
		{ "a.example\nb.example vm=x\n", "/bad:2: \"b.example vm=x\": vm= and until= stand" },
		{ "a.example until=2096-01-01T00:00Z\n", "vm= and until= stand behind the @ entry" },
		{ "git.example:22\n", "a preset holds names for the web" },
		{ "203.0.113.0/24:443\n", "a preset holds names for the web" },
		{ ".com\n", "a top-level domain" },
	};
	struct dirs *d = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		write_preset(d->own, "bad", bad[i].text);
		read_again(d);
		assert_refused(d, ".a.example\n@bad\n", "list:2: \"@bad\": ");
		assert_refused(d, "@bad\n", bad[i].why);
	}
}

static void
a_change_on_disk_is_seen_but_not_mixed_in(void **state)
{
	struct dirs *d = *state;
	struct allowlist *l = list_of(d, "@pypi\n#off @later\n");
	struct allow_image *image = compile(l);

	allow_image_close(image);
	assert_false(presets_changed(d->presets));
	write_preset(d->shipped, "npm", "other.example\n");
	assert_false(presets_changed(d->presets));	/* nobody asked for it */
	write_preset(d->shipped, "pypi", "new.pypi.example\n");
	assert_true(presets_changed(d->presets));
	image = compile(l);
	assert_answer(image, "pypi.org", 443, "", REASON_PRESET, 1);
	allow_image_close(image);
	read_again(d);
	allowlist_use_presets(l, d->presets);
	image = compile(l);
	assert_answer(image, "pypi.org", 443, "", REASON_NOT_LISTED, 0);
	assert_answer(image, "new.pypi.example", 443, "", REASON_PRESET, 1);
	allow_image_close(image);
	assert_false(presets_changed(d->presets));
	write_preset(d->own, "later", "later.example\n");
	assert_true(presets_changed(d->presets));	/* one that was missed */
	allowlist_free(l);
}

static void
a_preset_is_explained_by_its_number_and_first_names(void **state)
{
	static const char *const want[] = { "pypi.org", ".pythonhosted.org", "test.pypi.org" };
	static const uint32_t lines[] = { 2, 4, 5 };
	struct allowlist *l = list_of(*state, "@pypi vm=a\n.example.org\n");
	struct allow_entry e, inner;
	char *text;

	assert_true(allowlist_entry(l, 0, &e));
	text = allowlist_explain(l, &e);
	assert_string_equal(text, "the names of the preset pypi, for guests a (2: pypi.org, "
	    ".pythonhosted.org)");
	free(text);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		assert_true(allowlist_expansion(l, &e, i, &inner));
		text = allow_entry_text(&inner);
		assert_string_equal(text, want[i]);
		assert_int_equal(inner.line, lines[i]);
		assert_int_equal(inner.state, i == 2 ? ALLOW_OFF : ALLOW_ON);
		free(text);
	}
	assert_false(allowlist_expansion(l, &e, 3, &inner));
	assert_true(allowlist_entry(l, 1, &e));
	text = allowlist_explain(l, &e);
	assert_string_equal(text, "example.org and every name below it, ports 80 and 443");
	free(text);
	assert_false(allowlist_expansion(l, &e, 0, &inner));
	allowlist_free(l);
}

static void
the_line_of_a_preset_that_decided_is_found(void **state)
{
	struct allowlist *l = list_of(*state, "@pypi vm=agent-1\n@npm\n");
	struct allow_entry e, inner;
	const char *path;

	assert_true(allowlist_entry(l, 0, &e));
	path = allowlist_preset_line(l, &e, "a.b.pythonhosted.org", 443, &inner);
	assert_non_null(path);
	assert_non_null(strstr(path, "/shipped/pypi"));
	assert_int_equal(inner.line, 4);
	assert_null(allowlist_preset_line(l, &e, "other.example", 443, &inner));
	assert_true(allowlist_entry(l, 1, &e));
	assert_non_null(allowlist_preset_line(l, &e, "old.npmjs.org", 443, &inner));
	assert_true(inner.deny);
	allowlist_free(l);
}

/* ---- suggesting ---- */

/* "@one: a b\n" of what is suggested. */
static void
suggested(struct dirs *d, const char *const *names, size_t n, size_t max, const char *want)
{
	const char *const dirs[] = { d->own, d->shipped };
	struct preset_hint hints[8];
	char got[512] = "";
	size_t used = 0, found = presets_suggest(dirs, 2, names, n, hints, max);

	for (size_t i = 0; i < found; i++) {
		used += (size_t)snprintf(got + used, sizeof(got) - used, "%s:", hints[i].preset);
		for (size_t k = 0; k < hints[i].nnames; k++)
			used += (size_t)snprintf(got + used, sizeof(got) - used, " %s",
			    names[hints[i].name[k]]);
		used += (size_t)snprintf(got + used, sizeof(got) - used, "\n");
	}
	preset_hints_free(hints, found);
	assert_string_equal(got, want);
}

static void
presets_that_list_the_names_needed_are_suggested(void **state)
{
	static const char *const names[] = { "registry.npmjs.org", "pypi.org", "unknown.example",
		"files.pythonhosted.org", "old.npmjs.org", "test.pypi.org" };
	struct dirs *d = *state;

	suggested(d, names, 6, 8,
	    "@pypi: pypi.org files.pythonhosted.org\n@npm: registry.npmjs.org\n");
	suggested(d, names, 6, 1, "@pypi: pypi.org files.pythonhosted.org\n");
	suggested(d, names + 2, 1, 8, "");
	suggested(d, names, 0, 8, "");
	/* One that lists all of it is enough; of equals the smaller, of those the first. */
	write_preset(d->own, "all", ".npmjs.org\n.pypi.org\n.pythonhosted.org\n.b.example\n");
	suggested(d, names, 4, 8, "@all: registry.npmjs.org pypi.org files.pythonhosted.org\n");
	suggested(d, names, 1, 8, "@npm: registry.npmjs.org\n");
	write_preset(d->own, "abc", "!old.npmjs.org\n.npmjs.org\na.example\n");
	suggested(d, names, 1, 8, "@abc: registry.npmjs.org\n");
	/* The file that is in force counts; one with a mistake, or no preset, does not. */
	write_preset(d->own, "npm", "other.example\n");
	write_preset(d->own, "abc", "no name!\n");
	write_preset(d->own, "abc~", "registry.npmjs.org\n");
	suggested(d, names, 1, 8, "@all: registry.npmjs.org\n");
}

/* ---- lint ---- */

static char *
warning_of(struct dirs *d, const char *text)
{
	struct allowlist *l = list_of(d, text);
	struct allow_entry e;
	char *warning;

	assert_true(allowlist_entry(l, 0, &e));
	warning = allowlist_warning(l, &e);
	allowlist_free(l);
	return warning;
}

static void
what_a_preset_lists_already_is_told(void **state)
{
	static const struct {
		const char	*text;		/* the first entry is asked about */
		const char	*warning;	/* NULL: none */
	} cases[] = {
		{ "pypi.org\n@pypi\n", "changes nothing: @pypi on line 2 covers it" },
		{ "files.pythonhosted.org\n@npm\n@pypi\n",
		    "changes nothing: @pypi on line 3 covers it" },
		{ ".pypi.org\n@pypi\n", NULL },
		{ "test.pypi.org\n@pypi\n", NULL },
		{ "pypi.org\n#off @pypi\n", NULL },
		{ "pypi.org\n@pypi vm=a\n", NULL },
		{ "pypi.org vm=a\n@pypi vm=a\n", "changes nothing: @pypi vm=a on line 2 covers it" },
		{ "!pypi.org\n@pypi\n", NULL },
		{ ".old.npmjs.org\n@npm\n", "changes nothing: @npm on line 2 covers it" },
		{ "old.npmjs.org\n@npm\n", "has no effect: @npm on line 2 forbids the same" },
		{ "@pypi vm=a\n@pypi\n", "changes nothing: @pypi on line 2 covers it" },
		{ "@pypi\n@npm\n", NULL },
		{ "x.pypi\n@pypi\n", NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *warning = warning_of(*state, cases[i].text);

		if ((warning == NULL) != (cases[i].warning == NULL) ||
		    (warning != NULL && strcmp(warning, cases[i].warning) != 0))
			fail_msg("%s: %s", cases[i].text, warning != NULL ? warning : "none");
		free(warning);
	}
}

static void
wide_names_in_a_preset_are_told_with_their_line(void **state)
{
	struct dirs *d = *state;

	write_preset(d->own, "wide", "a.example\n.dns.google\n");
	assert_cause(warning_of(d, "@wide\n"), ".dns.google on line 2 of ");
	read_again(d);
	assert_null(warning_of(d, "@wide\n!.dns.google\n"));
	assert_cause(warning_of(d, "@gone\n"), "there is no such preset");
}

/* ---- what is shipped ---- */

/* Shipped names that are wide on purpose, each with a note in its file: none. */
static void
check_shipped(struct presets *presets, const char *dir, const char *name)
{
	char entry[80], line[256], path[512], *warning;
	struct dirs d = { .presets = presets };
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_non_null(f = fopen(path, "r"));
	assert_non_null(fgets(line, sizeof(line), f));
	if (strncmp(line, "# ", 2) != 0 || strlen(line) < 20)
		fail_msg("%s: does not begin with what it is for", path);
	while (strncmp(line, "# Wide: ", 8) != 0 && strncmp(line, "# Nothing wide", 14) != 0 &&
	    strncmp(line, "# ", 2) == 0)
		assert_non_null(fgets(line, sizeof(line), f));
	fclose(f);
	if (strstr(line, "ide") == NULL)
		fail_msg("%s: does not say whether it holds wide names", path);

	snprintf(entry, sizeof(entry), "@%s\n", name);
	warning = warning_of(&d, entry);
	if (warning != NULL)
		fail_msg("@%s: %s", name, warning);
}

static void
check_lines(struct presets *presets, const char *name)
{
	struct dirs d = { .presets = presets };
	struct allow_entry e, inner;
	struct allowlist *l, *alone;
	char entry[80], *text, *warning, *whole = xstrdup(""), *more, *cause;

	snprintf(entry, sizeof(entry), "@%s\n", name);
	l = list_of(&d, entry);
	allow_image_close(compile(l));
	assert_true(allowlist_entry(l, 0, &e));
	for (size_t i = 0; allowlist_expansion(l, &e, i, &inner); i++) {
		text = allow_entry_text(&inner);
		more = xasprintf("%s%s\n", whole, text);
		free(whole);
		free(text);
		whole = more;
	}
	alone = allowlist_parse(whole, strlen(whole), name, NULL, &cause);
	assert_non_null(alone);
	assert_true(allowlist_count(alone) > 0);
	for (size_t i = 0; allowlist_entry(alone, i, &inner); i++) {
		if ((warning = allowlist_warning(alone, &inner)) != NULL)
			fail_msg("%s: entry %zu, %s: %s", name, i + 1, inner.name, warning);
	}
	free(whole);
	allowlist_free(alone);
	allowlist_free(l);
}

static void
every_shipped_preset_is_sound_and_says_what_it_is_for(void **state)
{
	const char *srcdir = getenv("abs_srcdir");
	char dir[4096];
	const char *const dirs[] = { dir };
	struct presets *presets;
	struct dirent *file;
	unsigned n = 0;
	DIR *d;

	snprintf(dir, sizeof(dir), "%s/conf/presets", srcdir != NULL ? srcdir : ".");
	presets = presets_new(dirs, 1);
	assert_non_null(d = opendir(dir));
	while ((file = readdir(d)) != NULL) {
		if (file->d_name[0] == '.')
			continue;
		check_shipped(presets, dir, file->d_name);
		check_lines(presets, file->d_name);
		n++;
	}
	closedir(d);
	assert_true(n >= 12);
	presets_free(presets);
}

/* Hosts that the usual commands ask for, in the order in which they do. */
static void
the_usual_install_commands_find_their_hosts(void **state)
{
	static const char *const needs[][8] = {
		{ "pypi", "pypi.org", "files.pythonhosted.org" },
		{ "npm", "registry.npmjs.org", "registry.yarnpkg.com" },
		{ "crates", "index.crates.io", "static.crates.io", "crates.io" },
		{ "rust", "sh.rustup.rs", "static.rust-lang.org" },
		{ "github", "github.com", "codeload.github.com", "objects.githubusercontent.com",
		    "release-assets.githubusercontent.com", "raw.githubusercontent.com",
		    "api.github.com", "ghcr.io" },
		{ "debian", "deb.debian.org", "security.debian.org" },
		{ "ubuntu", "archive.ubuntu.com", "de.archive.ubuntu.com", "security.ubuntu.com",
		    "ports.ubuntu.com" },
		{ "docker", "auth.docker.io", "registry-1.docker.io",
		    "production.cloudflare.docker.com", "production.cloudfront.docker.com",
		    "download.docker.com" },
		{ "go", "proxy.golang.org", "sum.golang.org", "storage.googleapis.com", "go.dev",
		    "dl.google.com" },
		{ "homebrew", "formulae.brew.sh", "ghcr.io", "pkg-containers.githubusercontent.com" },
		{ "anthropic", "api.anthropic.com", "claude.ai", "downloads.claude.ai" },
		{ "openai", "api.openai.com", "auth.openai.com", "chatgpt.com" },
		{ "google", "generativelanguage.googleapis.com", "oauth2.googleapis.com" },
		{ "maven", "repo.maven.apache.org", "repo1.maven.org", "plugins.gradle.org" },
		{ "rubygems", "rubygems.org", "index.rubygems.org" },
		{ "nix", "cache.nixos.org", "channels.nixos.org", "releases.nixos.org" },
		{ "huggingface", "huggingface.co", "cas-server.xethub.hf.co",
		    "us.aws.cdn.hf.co" },
		{ "vscode", "update.code.visualstudio.com", "marketplace.visualstudio.com",
		    "ms-python.gallerycdn.vsassets.io" },
	};
	const char *srcdir = getenv("abs_srcdir");
	char dir[4096], entry[80];
	const char *const dirs[] = { dir };
	struct dirs d = { 0 };

	snprintf(dir, sizeof(dir), "%s/conf/presets", srcdir != NULL ? srcdir : ".");
	d.presets = presets_new(dirs, 1);
	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
		struct allowlist *l;
		struct allow_image *image;

		snprintf(entry, sizeof(entry), "@%s\n", needs[i][0]);
		image = compile(l = list_of(&d, entry));
		for (size_t k = 1; k < 8 && needs[i][k] != NULL; k++)
			assert_answer(image, needs[i][k], 443, "", REASON_PRESET, 1);
		allow_image_close(image);
		allowlist_free(l);
	}
	presets_free(d.presets);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_preset_stands_for_the_entries_of_its_file),
		TEST(what_stands_behind_a_preset_counts_for_each_of_its_entries),
		TEST(a_preset_is_switched_as_one_entry),
		TEST(entries_of_the_list_and_of_presets_compete_by_the_usual_rules),
		TEST(the_first_directory_with_such_a_file_wins),
		TEST(an_unknown_preset_is_told_with_the_nearest),
		TEST(a_preset_that_does_not_parse_is_told_with_its_line),
		TEST(a_change_on_disk_is_seen_but_not_mixed_in),
		TEST(a_preset_is_explained_by_its_number_and_first_names),
		TEST(the_line_of_a_preset_that_decided_is_found),
		TEST(presets_that_list_the_names_needed_are_suggested),
		TEST(what_a_preset_lists_already_is_told),
		TEST(wide_names_in_a_preset_are_told_with_their_line),
		cmocka_unit_test(every_shipped_preset_is_sound_and_says_what_it_is_for),
		cmocka_unit_test(the_usual_install_commands_find_their_hosts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
