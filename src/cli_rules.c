/*
 * `gatehouse rules --text`: what would be loaded, as native text, without a daemon.
 * That is the rule file with its definitions, which ask for nothing but the
 * configuration, and what entries of the allowlist open beside the web.  A range of
 * addresses is opened to each address of a guest that there is, so the text has it
 * for all that may be one.  What a name leads to our DNS filter knows, and which
 * guests vm= means the inventory: of those the text has a comment.
 */
#include "config.h"

#include "cli.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "allow/allow.h"
#include "firewall/firewall.h"
#include "xmalloc.h"

enum { NOTES_MAX = 1000 };

/* ---- what a daemon alone can tell ---- */

struct notes {
	FILE	*f;
	size_t	 n;
};

static void
note(struct notes *notes, const struct allow_entry *entry)
{
	const bool range = entry->kind == ALLOW_PREFIX;
	char *text;

	if (entry->state != ALLOW_ON || entry->deny || !allow_entry_pinned(entry) ||
	    (range && entry->vm[0] == '\0') || notes->n++ >= NOTES_MAX)
		return;
	text = allow_entry_text(entry);
	fprintf(notes->f, "# %s: %s\n", text, range ? "to the addresses of those guests" :
	    "the addresses that our DNS gives a guest for it, to that guest");
	free(text);
}

static void
notes_collect(struct notes *notes, const struct allowlist *list)
{
	struct allow_entry entry;

	/* A preset is for the web. */
	for (size_t i = 0; allowlist_entry(list, i, &entry); i++)
		note(notes, &entry);
	if (notes->n > NOTES_MAX)
		fprintf(notes->f, "# and %zu more\n", notes->n - NOTES_MAX);
}

/* ---- what is open to every guest ---- */

/* Caller frees. */
static struct fw_range *
ranges_of(const struct allow_image *image, struct notes *notes, size_t *n)
{
	struct allow_range *found = xcalloc(FW_RANGES_MAX, sizeof(*found));
	struct fw_range *ranges = xcalloc(FW_RANGES_MAX, sizeof(*ranges));

	*n = allow_ranges(image, "", (int64_t)time(NULL), found, FW_RANGES_MAX);
	if (*n > FW_RANGES_MAX) {
		fprintf(notes->f, "# %zu ranges of addresses more than there is room for\n",
		    *n - FW_RANGES_MAX);
		*n = FW_RANGES_MAX;
	}
	for (size_t i = 0; i < *n; i++)
		ranges[i] = (struct fw_range){ .first = found[i].first, .last = found[i].last,
			.port = found[i].port, .proto = found[i].proto };
	free(found);
	return ranges;
}

/* NULL and *cause where the list is not taken up. */
static struct allow_image *
image_of(const struct allowlist *list, char **cause)
{
	struct allow_image *image = NULL;
	const char *why;
	size_t size;
	const int fd = allow_compile(list, &size, cause);

	if (fd == -1)
		return NULL;
	if ((image = allow_image_open(fd, size, &why)) == NULL)
		*cause = xstrdup(why);
	close(fd);
	return image;
}

/* Takes the text over. */
static char *
list_put(const struct fw_backend *backend, const struct allowlist *list, char *text, char **cause)
{
	struct allow_image *image = image_of(list, cause);
	struct fw_opened opened = { .n = 0 };
	struct fw_range *ranges;
	struct notes notes = { .n = 0 };
	char *lines;
	size_t size;

	if (image == NULL)
		return text;
	notes.f = xmemstream(&lines, &size);
	notes_collect(&notes, list);
	ranges = ranges_of(image, &notes, &opened.n);
	fclose(notes.f);
	opened.ranges = ranges;
	opened.notes = lines;
	text = backend->opened(text, &opened);
	allow_image_close(image);
	free(ranges);
	free(lines);
	return text;
}

/* With what the allowlist opens; a list that is not there opens nothing.  Takes the text over. */
static char *
opened_put(const struct conf *conf, const struct fw_backend *backend, char *text)
{
	const char *const dirs[] = { conf->presets[0], conf->presets[1] };
	struct presets *presets = presets_new(dirs, sizeof(dirs) / sizeof(dirs[0]));
	struct allowlist *list;
	char *cause = NULL;

	if (access(conf->allowlist, F_OK) == -1 && errno == ENOENT)
		list = NULL;
	else
		list = allowlist_load(conf->allowlist, NULL, &cause);
	if (list != NULL) {
		allowlist_use_presets(list, presets);
		text = list_put(backend, list, text, &cause);
	}
	if (cause != NULL)
		fprintf(stderr, "gatehouse: %s; the rules have nothing of what its entries open\n", cause);
	free(cause);
	allowlist_free(list);
	presets_free(presets);
	return text;
}

/* ---- the command ---- */

enum exit_code
cli_rules_text(const struct conf *conf, int argc, char **argv)
{
	enum profile profile = (enum profile)conf->profile;
	const struct fw_backend *backend = fw_backend_here();
	const char *name = NULL, *filter = backend->name;
	char *cause = NULL, *text;

	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], "--backend") == 0 && i + 1 < argc)
			filter = argv[++i];
		else if (name == NULL && argv[i][0] != '-')
			name = argv[i];
		else
			return cli_fail(EXIT_USAGE, xasprintf("rules: one word too many: %s", argv[i]));
	}
	if ((backend = fw_backend_find(filter)) == NULL)
		return cli_fail(EXIT_USAGE, xasprintf("there is no backend %s; there is: nft, pf",
		    filter));

	/* What would be loaded is nothing, unless there is nothing yet to load it by. */
	if (conf->unread && access(conf->path, F_OK) == -1 && errno == ENOENT)
		fprintf(stderr, "gatehouse: there is no %s: these are the rules of what is set without "
		    "one\n", conf->path);
	else if (conf->partial)
		return cli_fail(EXIT_NO, xstrdup("no rules are shown until the configuration is mended"));
	if (name != NULL && (!profile_parse(name, &profile) || profile == PROFILE_NONE))
		return cli_fail(EXIT_USAGE, xasprintf("there is no profile %s; there is: filtered, lockdown, "
		    "observe", name));
	if ((text = backend->render(conf, profile != PROFILE_NONE ? profile : PROFILE_FILTERED,
	    &cause)) == NULL)
		return cli_fail(EXIT_NO, cause);
	text = opened_put(conf, backend, text);
	fputs(text, stdout);
	free(text);
	return EXIT_DONE;
}
