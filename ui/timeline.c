/* Pane 6: everything that happened, newest first. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "pane.h"

static enum ink
severity_ink(const json_t *row)
{
	const char *severity = cell_string(row, "severity");

	if (strcmp(severity, "alert") == 0)
		return INK_BAD;
	return strcmp(severity, "notice") == 0 ? INK_WARN : INK_NORMAL;
}

static enum ink
time_cell(const json_t *row, double now, char *buf, size_t size)
{
	return cell_clock(row, "time", now, buf, size);
}

static enum ink
kind_cell(const json_t *row, double now, char *buf, size_t size)
{
	cell_text(row, "kind", buf, size);
	return INK_DIM;
}

/* Severity as a word, so that it is there without colours. */
static enum ink
severity_cell(const json_t *row, double now, char *buf, size_t size)
{
	cell_text(row, "severity", buf, size);
	if (strcmp(buf, "alert") == 0)
		snprintf(buf, size, "ALERT");
	else if (strcmp(buf, "info") == 0)
		buf[0] = '\0';
	return severity_ink(row);
}

static enum ink
guest_cell(const json_t *row, double now, char *buf, size_t size)
{
	cell_text(row, "guest", buf, size);
	return INK_NAME;
}

/* Texts begin with the guest they are about, who stands beside them here. */
static enum ink
text_cell(const json_t *row, double now, char *buf, size_t size)
{
	char guest[PANE_CELL_SIZE];
	size_t len;

	cell_text(row, "text", buf, size);
	cell_text(row, "guest", guest, sizeof(guest));
	len = strlen(guest);
	if (len > 0 && strncmp(buf, guest, len) == 0 && buf[len] == ' ')
		memmove(buf, buf + len + 1, strlen(buf + len + 1) + 1);
	return severity_ink(row);
}

static enum ink
hit_cell(const json_t *row, double now, char *buf, size_t size)
{
	cell_text(row, "hit_id", buf, size);
	return INK_DIM;
}

static void
detail(const json_t *row, double now, struct lines *l)
{
	char buf[PANE_CELL_SIZE];

	cell_clock(row, "time", now, buf, sizeof(buf));
	lines_field(l, "time", buf);
	lines_field(l, "kind", cell_string(row, "kind"));
	lines_field(l, "severity", cell_string(row, "severity"));
	lines_field(l, "guest", cell_string(row, "guest"));
	lines_field(l, "hit", cell_string(row, "hit_id"));
	lines_add(l, severity_ink(row), "%s", cell_string(row, "text"));
}

static const struct column columns[] = {
	{ "TIME", "time", 11, 11, 2, false, time_cell },
	{ "", NULL, 6, 8, 3, false, severity_cell },
	{ "KIND", "kind", 6, 8, 4, false, kind_cell },
	{ "GUEST", "guest", 7, 20, 3, false, guest_cell, CUT_MIDDLE },
	{ "EVENT", NULL, 20, 200, 1, false, text_cell },
	{ "HIT", NULL, 6, 14, 5, false, hit_cell },
	{ NULL }
};

const struct pane pane_timeline = {
	.name = "Timeline", .brief = "Time", .one = "Event", .view = "events", .identity = { "id" },
	.columns = columns, .sort = "time", .desc = true, .live = true,
	.empty = "nothing has happened yet",
	.detail = detail,
};
