/*
 * What setup has done, in the state directory, so that unsetup takes back just
 * that:
 *
 *	gatehouse-setup 1
 *	group gatehouse
 *	dir made /var/lib/gatehouse
 *	dir 755:0:0 /etc/gatehouse
 *	file 9f3a6c0d2b7e1850 /etc/systemd/system/gatehouse.service
 *	run enable
 *	end
 *
 * Saved after each step, so that one that failed half-way can be undone too.
 */
#include "config.h"

#include "setup/setup.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "log.h"
#include "xmalloc.h"

static const char first_line[] = "gatehouse-setup 1";
static const char *const kind_names[SETUP_KINDS] = {
	[SETUP_GROUP] = "group", [SETUP_USER] = "user", [SETUP_DIR] = "dir",
	[SETUP_FILE] = "file", [SETUP_HOOK] = "hook", [SETUP_RUN] = "run",
};

/* FNV-1a: tells an edited file from one that is as it was written, nothing more. */
uint64_t
setup_hash(const char *text)
{
	uint64_t h = 0xcbf29ce484222325;

	for (; *text != '\0'; text++)
		h = (h ^ (unsigned char)*text) * 0x100000001b3;
	return h;
}

/* ---- text ---- */

/* "made" or "MODE:UID:GID" */
static bool
dir_parse(struct setup_done *d, const char *word)
{
	int end = 0;

	d->made = strcmp(word, "made") == 0;
	return d->made || (sscanf(word, "%8" SCNo32 ":%10" SCNu32 ":%10" SCNu32 "%n", &d->mode,
	    &d->uid, &d->gid, &end) == 3 && word[end] == '\0' && d->mode <= 07777);
}

static bool
line_parse(struct setup_record *r, char *line)
{
	struct setup_done d = { .kind = SETUP_GROUP };
	char *rest = line, *word = strsep(&rest, " "), *detail;
	int end = 0;

	while (d.kind < SETUP_KINDS && strcmp(kind_names[d.kind], word) != 0)
		d.kind++;
	if (d.kind == SETUP_KINDS || rest == NULL || r->n == SETUP_STEPS_MAX)
		return false;
	if (d.kind == SETUP_DIR) {
		detail = strsep(&rest, " ");
		if (!dir_parse(&d, detail))
			return false;
	} else if (d.kind == SETUP_FILE) {
		detail = strsep(&rest, " ");
		if (sscanf(detail, "%16" SCNx64 "%n", &d.hash, &end) != 1 || detail[end] != '\0')
			return false;
	}
	if (rest == NULL || rest[0] == '\0')
		return false;
	d.name = xstrdup(rest);
	r->done[r->n++] = d;
	return true;
}

bool
setup_record_parse(struct setup_record *r, const char *text)
{
	char *copy = xstrdup(text), *rest = copy, *line = strsep(&rest, "\n");
	bool ok = strcmp(line, first_line) == 0, end = false;

	memset(r, 0, sizeof(*r));
	while (ok && (line = strsep(&rest, "\n")) != NULL) {
		if (end)
			ok = line[0] == '\0' && rest == NULL;
		else if (strcmp(line, "end") == 0)
			end = true;
		else
			ok = line_parse(r, line);
	}
	free(copy);
	if (!ok || !end)
		setup_record_free(r);
	return ok && end;
}

char *
setup_record_format(const struct setup_record *r)
{
	size_t size;
	char *text;
	FILE *f = xmemstream(&text, &size);

	fprintf(f, "%s\n", first_line);
	for (size_t i = 0; i < r->n; i++) {
		const struct setup_done *d = &r->done[i];

		fprintf(f, "%s ", kind_names[d->kind]);
		if (d->kind == SETUP_DIR && d->made)
			fprintf(f, "made ");
		else if (d->kind == SETUP_DIR)
			fprintf(f, "%" PRIo32 ":%" PRIu32 ":%" PRIu32 " ", d->mode, d->uid, d->gid);
		else if (d->kind == SETUP_FILE)
			fprintf(f, "%016" PRIx64 " ", d->hash);
		fprintf(f, "%s\n", d->name);
	}
	fprintf(f, "end\n");
	fclose(f);
	return text;
}

/* ---- file ---- */

static char *
record_path(const struct setup_site *site)
{
	return xasprintf("%s%s/setup", site->root, site->conf->state);
}

char *
setup_record_load(struct setup_record *r, const struct setup_site *site)
{
	char *path = record_path(site), *text = setup_read(path), *cause = NULL;

	memset(r, 0, sizeof(*r));
	if (text == NULL && errno != ENOENT)
		cause = xasprintf("%s: %s", path, strerror(errno));
	else if (text != NULL && !setup_record_parse(r, text))
		cause = xasprintf("%s: is not what setup wrote; with it moved away, what is there "
		    "now counts as having been there before", path);
	free(text);
	free(path);
	return cause;
}

char *
setup_record_save(const struct setup_record *r, const struct setup_site *site)
{
	char *path = record_path(site), *text = setup_record_format(r), *cause = NULL;

	if (r->n > 0)
		cause = file_replace(path, text);
	else if (unlink(path) == -1 && errno != ENOENT)
		cause = xasprintf("%s: cannot be removed: %s", path, strerror(errno));
	free(text);
	free(path);
	return cause;
}

/* ---- rows ---- */

struct setup_done *
setup_record_find(struct setup_record *r, enum setup_kind kind, const char *name)
{
	for (size_t i = 0; i < r->n; i++) {
		if (r->done[i].kind == kind && strcmp(r->done[i].name, name) == 0)
			return &r->done[i];
	}
	return NULL;
}

struct setup_done *
setup_record_add(struct setup_record *r, enum setup_kind kind, const char *name)
{
	struct setup_done *d = setup_record_find(r, kind, name);

	if (d != NULL)
		return d;
	if (r->n == SETUP_STEPS_MAX)
		fatalx("setup: the record has more than %d lines", SETUP_STEPS_MAX);
	d = &r->done[r->n++];
	*d = (struct setup_done){ .kind = kind, .name = xstrdup(name) };
	return d;
}

void
setup_record_drop(struct setup_record *r, struct setup_done *d)
{
	free(d->name);
	memmove(d, d + 1, (size_t)(r->done + r->n - (d + 1)) * sizeof(*d));
	r->n--;
}

void
setup_record_free(struct setup_record *r)
{
	for (size_t i = 0; i < r->n; i++)
		free(r->done[i].name);
	memset(r, 0, sizeof(*r));
}
