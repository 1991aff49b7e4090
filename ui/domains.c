/* Pane 3: the names guests asked for, and the entry that decided each. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "pane.h"
#include "text.h"

/* The last who asked for it reached it, but only because the proxy learns. */
static bool
is_learned(const json_t *row)
{
	return strcmp(cell_string(row, "last_reason"), "learned") == 0;
}

static enum ink
name_cell(const json_t *row, double now, char *buf, size_t size)
{
	cell_text(row, "name", buf, size);
	if (is_learned(row))
		return INK_WARN;
	return strcmp(cell_string(row, "last_verdict"), "allow") == 0 ? INK_NAME : INK_BAD;
}

static enum ink
entry_cell(const json_t *row, double now, char *buf, size_t size)
{
	const char *state = cell_string(row, "entry_state");
	char text[PANE_CELL_SIZE];

	cell_text(row, "entry", text, sizeof(text));
	if (text[0] == '\0') {
		snprintf(buf, size, "%s", is_learned(row) ? "learned" : "-");
		return is_learned(row) ? INK_WARN : INK_DIM;
	}
	if (strcmp(state, "on") == 0 || state[0] == '\0') {
		snprintf(buf, size, "%s", text);
		return text[0] == '!' ? INK_WARN : INK_GOOD;
	}
	draw_clean(buf, size, state);
	snprintf(buf + strlen(buf), size - strlen(buf), " %s", text);
	return INK_DIM;
}

static enum ink
why_cell(const json_t *row, double now, char *buf, size_t size)
{
	cell_text(row, "last_reason", buf, size);
	if (is_learned(row))
		return INK_WARN;
	return strcmp(cell_string(row, "last_verdict"), "allow") == 0 ? INK_GOOD : INK_BAD;
}

static enum ink
guest_cell(const json_t *row, double now, char *buf, size_t size)
{
	return cell_text(row, "last_guest", buf, size);
}

static void
title(const json_t *status, char *buf, size_t size)
{
	const char *mode = cell_string(json_object_get(status, "proxy"), "mode");

	if (strcmp(mode, "learn") == 0)
		snprintf(buf, size, "LEARN: unlisted names pass");
	else
		draw_clean(buf, size, mode);
}

static void
detail(const json_t *row, double now, struct lines *l)
{
	char buf[PANE_CELL_SIZE], up[TEXT_SHORT_SIZE], down[TEXT_SHORT_SIZE];
	const char *state = cell_string(row, "entry_state");

	lines_field(l, "name", cell_string(row, "name"));
	lines_add(l, why_cell(row, now, buf, sizeof(buf)), "%-12s %s (%s)", "last verdict",
	    cell_string(row, "last_verdict"), cell_string(row, "last_reason"));
	lines_field(l, "last guest", cell_string(row, "last_guest"));
	cell_clock(row, "last", now, buf, sizeof(buf));
	lines_field(l, "last time", buf);
	if (cell_string(row, "entry")[0] != '\0')
		lines_add(l, INK_NORMAL, "%-12s %s (%s)", "entry", cell_string(row, "entry"), state);
	else
		lines_field(l, "entry", is_learned(row) ?
		    "none, only learning let it through; space offers to add one" :
		    "none names it; space offers to add one");
	lines_add(l, INK_NORMAL, "%-12s %.0f allowed, %.0f denied", "asked",
	    cell_number(row, "allowed"), cell_number(row, "denied"));
	lines_add(l, INK_NORMAL, "%-12s %s up, %s down", "traffic",
	    text_bytes(up, (uint64_t)cell_number(row, "bytes_up")),
	    text_bytes(down, (uint64_t)cell_number(row, "bytes_down")));
}

static const struct column columns[] = {
	{ "DOMAIN", "name", 22, 96, 1, false, name_cell, CUT_NAME },
	{ "ENTRY", "entry", 14, 40, 3, false, entry_cell, CUT_NAME },
	{ "OK", "allowed", 5, 7, 2, true, cell_allowed },
	{ "NO", "denied", 5, 7, 2, true, cell_denied },
	{ "BYTES", "bytes", 5, 7, 4, true, cell_traffic },
	{ "LAST", "last", 5, 8, 2, true, cell_last },
	{ "WHY", "last_reason", 10, 16, 5, false, why_cell },
	{ "GUEST", "last_guest", 7, 20, 6, false, guest_cell, CUT_MIDDLE },
	{ NULL }
};

const struct pane pane_domains = {
	.name = "Domains", .brief = "Dom", .one = "Domain", .view = "domains", .identity = { "name" },
	.columns = columns, .sort = "last", .desc = true,
	.empty = "no guest has asked for a name yet",
	.title = title, .detail = detail,
};
