/* Pane 5: the allowlist, entry by entry, as the file has it. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "pane.h"
#include "text.h"

static enum ink
state_ink(const json_t *row)
{
	const char *state = cell_string(row, "state");

	if (strcmp(state, "on") == 0)
		return INK_GOOD;
	return strcmp(state, "pending") == 0 ? INK_WARN : INK_DIM;
}

static enum ink
state_cell(const json_t *row, double now, char *buf, size_t size)
{
	cell_text(row, "state", buf, size);
	return state_ink(row);
}

static enum ink
entry_cell(const json_t *row, double now, char *buf, size_t size)
{
	enum ink ink = state_ink(row);

	cell_text(row, "text", buf, size);
	if (ink == INK_GOOD)
		return strcmp(cell_string(row, "action"), "deny") == 0 ? INK_WARN : INK_NAME;
	return ink;
}

static enum ink
ends_cell(const json_t *row, double now, char *buf, size_t size)
{
	double until = cell_number(row, "until");
	char text[TEXT_SHORT_SIZE];

	if (until == 0) {
		buf[0] = '\0';
		return INK_DIM;
	}
	if (until <= now) {
		snprintf(buf, size, "ended");
		return INK_DIM;
	}
	snprintf(buf, size, "in %s", text_age(text, (uint64_t)(until - now)));
	return INK_WARN;
}

static enum ink
meaning_cell(const json_t *row, double now, char *buf, size_t size)
{
	char warning[PANE_CELL_SIZE];

	cell_text(row, "warning", warning, sizeof(warning));
	if (warning[0] != '\0') {
		/* Marked also where there are no colours. */
		snprintf(buf, size, "! %.*s", (int)size - 3, warning);
		return INK_WARN;
	}
	cell_text(row, "explain", buf, size);
	return INK_DIM;
}

static enum ink
line_cell(const json_t *row, double now, char *buf, size_t size)
{
	snprintf(buf, size, "%.0f", cell_number(row, "line"));
	return INK_DIM;
}

static enum ink
id_cell(const json_t *row, double now, char *buf, size_t size)
{
	snprintf(buf, size, "%.0f", cell_number(row, "id"));
	return INK_DIM;
}

static void
title(const json_t *status, char *buf, size_t size)
{
	const json_t *list = json_object_get(status, "allowlist");

	if (cell_string(list, "error")[0] != '\0')
		snprintf(buf, size, "FILE NOT TAKEN UP");
	else
		draw_clean(buf, size, cell_string(list, "path"));
}

static void
detail(const json_t *row, double now, struct lines *l)
{
	char buf[PANE_CELL_SIZE];

	lines_field(l, "entry", cell_string(row, "text"));
	lines_add(l, state_ink(row), "%-12s %s", "state", cell_string(row, "state"));
	lines_add(l, INK_NORMAL, "%-12s %s", "means",
	    cell_string(row, "explain")[0] != '\0' ? cell_string(row, "explain") : "-");
	lines_field(l, "only for", cell_string(row, "vm"));
	ends_cell(row, now, buf, sizeof(buf));
	lines_field(l, "ends", buf);
	lines_add(l, INK_NORMAL, "%-12s %.0f, id %.0f", "line", cell_number(row, "line"),
	    cell_number(row, "id"));
	lines_add(l, INK_NORMAL, "%-12s %.0f allowed, %.0f denied", "decided",
	    cell_number(row, "allowed"), cell_number(row, "denied"));
	cell_clock(row, "last", now, buf, sizeof(buf));
	lines_field(l, "last time", buf);
	if (cell_string(row, "warning")[0] != '\0')
		lines_add(l, INK_WARN, "%-12s %s", "warning", cell_string(row, "warning"));
}

static const struct column columns[] = {
	{ "STATE", "state", 5, 8, 1, false, state_cell },
	{ "ENTRY", "text", 16, 80, 1, false, entry_cell, CUT_NAME },
	{ "OK", "allowed", 5, 7, 2, true, cell_allowed },
	{ "NO", "denied", 5, 7, 2, true, cell_denied },
	{ "LAST", "last", 5, 8, 2, true, cell_last },
	{ "ENDS", "until", 7, 10, 3, false, ends_cell },
	{ "MEANS", NULL, 12, 300, 4, false, meaning_cell },
	{ "LINE", "line", 4, 6, 5, true, line_cell },
	{ "ID", "id", 3, 6, 6, true, id_cell },
	{ NULL }
};

const struct pane pane_allowlist = {
	.name = "Allowlist", .brief = "All", .one = "Entry", .view = "entries", .identity = { "id" },
	.columns = columns, .sort = "line",
	.empty = "the allowlist has no entry: every name is refused (a adds one)",
	.title = title, .detail = detail,
};
