/*
 * Whatever a file holds, it is refused with a cause or taken; what is taken
 * says the same when its entries are written out and read again, comes back
 * byte for byte after edits and their undo, and compiles into an image that
 * can be opened and asked.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "allow/allow.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

enum { ENTRIES_TRIED = 64 };

static void
must(bool ok)
{
	if (!ok)
		abort();
}

static void
same_text(const struct allowlist *l, const uint8_t *data, size_t len)
{
	size_t now;
	char *text = allowlist_text(l, &now);

	must(now == len && memcmp(text, data, len) == 0);
	free(text);
}

static void
written_and_read_again(const struct allow_entry *e)
{
	char *text = allow_entry_text(e), *explain = allow_entry_explain(e), *cause, *again;
	struct allowlist *l = allowlist_parse(text, strlen(text), "again", NULL, &cause);
	struct allow_entry back;

	must(l != NULL && allowlist_entry(l, 0, &back));
	again = allow_entry_text(&back);
	must(strcmp(text, again) == 0);
	free(again);
	free(text);
	free(explain);
	allowlist_free(l);
}

/* Whatever prefixes are listed, the packet filter can take what becomes of them. */
static bool
ranges_are_apart(const struct allow_image *image)
{
	struct allow_range r[32];
	size_t n = allow_ranges(image, "agent-1", 1, r, 32);

	for (size_t i = 0; i < n && i < 32; i++) {
		if (addr_compare(&r[i].first, &r[i].last) > 0)
			return false;
		if (i > 0 && r[i].first.family == r[i - 1].first.family &&
		    r[i].port == r[i - 1].port && r[i].proto == r[i - 1].proto &&
		    addr_compare(&r[i - 1].last, &r[i].first) >= 0)
			return false;
	}
	return true;
}

static void
ask(const struct allowlist *l, const uint8_t *data, size_t len)
{
	const char *phrase, *name = (const char *)data;
	struct allow_image *image;
	struct allow_entry e;
	char *cause;
	size_t size;
	const int fd = allow_compile(l, &size, &cause);

	must(fd != -1);
	image = allow_image_open(fd, size, &phrase);
	must(image != NULL);
	close(fd);
	for (size_t i = 0; i < ENTRIES_TRIED && allowlist_entry(l, i, &e); i++)
		allow_lookup(image, e.name, strlen(e.name), 443, e.vm, e.until);
	must(ranges_are_apart(image));
	allow_lookup(image, name, len < GH_NAME_MAX ? len : GH_NAME_MAX, 80, "agent-1", 0);
	allow_image_close(image);
}

/* Every entry switched over, the first removed, one added: then all undone. */
static void
edited_and_undone(struct allowlist *l)
{
	struct allow_entry e;
	uint32_t id;
	char *cause, *what;

	for (size_t i = 0; i < ENTRIES_TRIED / 2 && allowlist_entry(l, i, &e); i++)
		free(allowlist_set(l, e.id, e.state == ALLOW_OFF));
	if (allowlist_entry(l, 0, &e))
		free(allowlist_remove(l, e.id));
	free(allowlist_add(l, ".fuzz.example # x", &id));
	while ((cause = allowlist_undo(l, &what)) == NULL)
		free(what);
	free(cause);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *text = (const char *)data;
	struct allow_entry e;
	struct allowlist *l, *after;
	char *cause, *warning;

	l = allowlist_parse(text, len, "fuzz", NULL, &cause);
	if (l == NULL) {
		must(cause != NULL && strncmp(cause, "fuzz:", 5) == 0);
		free(cause);
		return 0;
	}
	for (size_t i = 0; i < ENTRIES_TRIED && allowlist_entry(l, i, &e); i++) {
		written_and_read_again(&e);
		warning = allowlist_warning(l, &e);
		free(warning);
	}
	edited_and_undone(l);
	same_text(l, data, len);
	ask(l, data, len);
	/* What follows the list: a beginning of it. */
	after = allowlist_parse(text, len / 2, "fuzz", l, &cause);
	if (after != NULL)
		edited_and_undone(after);
	else
		free(cause);
	allowlist_free(after);
	allowlist_free(l);
	return 0;
}
