/* Pane 2: the rules the kernel holds, with their counters. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "pane.h"
#include "text.h"

static enum ink
label_cell(const json_t *row, double now, char *buf, size_t size)
{
	char label[PANE_CELL_SIZE];

	/* As wide as "guest-to-guest", so that sorting does not move columns. */
	cell_text(row, "label", label, sizeof(label));
	snprintf(buf, size, "%-14s", label);
	return INK_NAME;
}

static enum ink
action_cell(const json_t *row, double now, char *buf, size_t size)
{
	cell_text(row, "action", buf, size);
	if (strcmp(buf, "accept") == 0 || strcmp(buf, "pass") == 0)
		return INK_GOOD;
	if (strcmp(buf, "drop") == 0 || strcmp(buf, "block") == 0 || strcmp(buf, "reject") == 0)
		return INK_BAD;
	return INK_NORMAL;
}

static enum ink
rule_cell(const json_t *row, double now, char *buf, size_t size)
{
	return cell_text(row, "rule", buf, size);
}

static enum ink
packets_cell(const json_t *row, double now, char *buf, size_t size)
{
	return cell_count(row, "packets", buf, size);
}

static enum ink
bytes_cell(const json_t *row, double now, char *buf, size_t size)
{
	return cell_bytes(row, "bytes", buf, size);
}

static enum ink
rate_cell(const json_t *row, double now, char *buf, size_t size)
{
	double rate = cell_number(row, "rate");

	if (rate > 0 && rate < 10) {
		snprintf(buf, size, "%.1f", rate);
		return INK_NORMAL;
	}
	return cell_count(row, "rate", buf, size);
}

static enum ink
chain_cell(const json_t *row, double now, char *buf, size_t size)
{
	cell_text(row, "chain", buf, size);
	return INK_DIM;
}

static enum ink
family_cell(const json_t *row, double now, char *buf, size_t size)
{
	cell_text(row, "family", buf, size);
	return INK_DIM;
}

static void
title(const json_t *status, char *buf, size_t size)
{
	const json_t *firewall = json_object_get(status, "firewall");
	const char *state = cell_string(firewall, "state");
	char profile[32];

	draw_clean(profile, sizeof(profile), cell_string(firewall, "profile"));
	if (strcmp(state, "open") == 0 || strcmp(state, "idle") == 0)
		snprintf(buf, size, "no rules");
	else
		snprintf(buf, size, "%s  %s", profile, strcmp(state, "drift") == 0 ? "DRIFT"
		    : strcmp(state, "unknown") == 0 ? "unverified" : "no drift");
}

static void
detail(const json_t *row, double now, struct lines *l)
{
	char buf[PANE_CELL_SIZE];

	lines_field(l, "label", cell_string(row, "label"));
	lines_field(l, "family", cell_string(row, "family"));
	lines_field(l, "chain", cell_string(row, "chain"));
	lines_add(l, action_cell(row, now, buf, sizeof(buf)), "%-12s %s", "action",
	    cell_string(row, "action"));
	lines_field(l, "rule", cell_string(row, "rule"));
	lines_add(l, INK_NORMAL, "%-12s %.0f packets, %.0f bytes, %.1f packets/s", "counted",
	    cell_number(row, "packets"), cell_number(row, "bytes"), cell_number(row, "rate"));
}

static const struct column columns[] = {
	{ "LABEL", "label", 14, 16, 1, false, label_cell },
	{ "ACTION", "action", 6, 10, 3, false, action_cell },
	{ "RULE", "rule", 22, 160, 2, false, rule_cell },
	{ "PKTS", "packets", 5, 7, 1, true, packets_cell },
	{ "BYTES", "bytes", 5, 7, 4, true, bytes_cell },
	{ "/s", "rate", 4, 6, 1, true, rate_cell },
	{ "CHAIN", "chain", 7, 16, 5, false, chain_cell },
	{ "FAMILY", "family", 6, 8, 6, false, family_cell },
	{ NULL }
};

const struct pane pane_rules = {
	.name = "Rules", .brief = "Rule", .one = "Rule", .view = "rules",
	.identity = { "family", "chain", "label", "rule" },
	/* What is hit stands on top; what was never hit keeps the file's order. */
	.columns = columns, .sort = "packets", .desc = true,
	.empty = "no rules of ours are loaded: guests reach anything (A applies a profile)",
	.title = title, .detail = detail,
};
