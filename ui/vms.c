/* Pane 1: the guests, whether each is guarded, and what it was let and refused. */
#include "config.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "pane.h"
#include "text.h"

static enum ink
name_cell(const json_t *row, double now, char *buf, size_t size)
{
	cell_text(row, "name", buf, size);
	return strcmp(cell_string(row, "state"), "running") == 0 ? INK_NAME : INK_DIM;
}

static enum ink
by_cell(const json_t *row, double now, char *buf, size_t size)
{
	cell_text(row, "by", buf, size);
	return INK_DIM;
}

static enum ink
state_cell(const json_t *row, double now, char *buf, size_t size)
{
	char state[16];

	cell_text(row, "state", state, sizeof(state));
	/* As its manager said last, which does not answer now. */
	if (json_is_true(json_object_get(row, "stale"))) {
		snprintf(buf, size, "%s?", state);
		return INK_WARN;
	}
	snprintf(buf, size, "%s", state);
	return strcmp(buf, "running") == 0 ? INK_NORMAL : INK_DIM;
}

/* The addresses from one on, up to a number of them, with spaces between. */
static enum ink
addresses(const json_t *row, size_t from, size_t n, char *buf, size_t size)
{
	const json_t *list = json_object_get(row, "addresses");
	size_t used = 0;

	buf[0] = '\0';
	for (size_t i = from; i < json_array_size(list) && i - from < n; i++) {
		const char *text = json_string_value(json_array_get(list, i));

		if (text == NULL || used + 2 >= size)
			continue;
		if (used != 0)
			buf[used++] = ' ';
		draw_clean(buf + used, size - used, text);
		used += strlen(buf + used);
	}
	return INK_NORMAL;
}

static enum ink
address_cell(const json_t *row, double now, char *buf, size_t size)
{
	addresses(row, 0, 1, buf, size);
	if (buf[0] != '\0')
		return INK_NORMAL;
	snprintf(buf, size, "-");
	return INK_DIM;
}

static enum ink
also_cell(const json_t *row, double now, char *buf, size_t size)
{
	return addresses(row, 1, SIZE_MAX, buf, size);
}

static enum ink
guard_cell(const json_t *row, double now, char *buf, size_t size)
{
	cell_text(row, "guard", buf, size);
	if (buf[0] == '\0') {
		snprintf(buf, size, "-");
		return INK_DIM;
	}
	if (strcmp(buf, "full") == 0)
		return INK_GOOD;
	if (strcmp(buf, "frozen") == 0 || strcmp(buf, "observed") == 0 || strcmp(buf, "unseen") == 0)
		return INK_WARN;
	return INK_BAD;
}

static enum ink
dropped_cell(const json_t *row, double now, char *buf, size_t size)
{
	return cell_count(row, "dropped", buf, size) == INK_DIM ? INK_DIM : INK_WARN;
}

static enum ink
connections_cell(const json_t *row, double now, char *buf, size_t size)
{
	return cell_count(row, "connections", buf, size);
}

static enum ink
seen_cell(const json_t *row, double now, char *buf, size_t size)
{
	return cell_ago(row, "last_seen", now, buf, size);
}

static enum ink
mac_cell(const json_t *row, double now, char *buf, size_t size)
{
	cell_text(row, "mac", buf, size);
	return INK_DIM;
}

static enum ink
port_cell(const json_t *row, double now, char *buf, size_t size)
{
	char bridge[32], port[32];

	cell_text(row, "bridge", bridge, sizeof(bridge));
	cell_text(row, "port", port, sizeof(port));
	snprintf(buf, size, "%s%s%s", bridge, port[0] != '\0' ? "/" : "", port);
	return INK_DIM;
}

static void
title(const json_t *status, char *buf, size_t size)
{
	const json_t *counts = json_object_get(status, "counts");

	snprintf(buf, size, "%.0f running", cell_number(counts, "running"));
}

static void
ports_line(const json_t *list, const char *what, enum ink ink, struct lines *l)
{
	char buf[PANE_CELL_SIZE] = "none";
	size_t used = 0;

	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *text = json_string_value(json_array_get(list, i));

		if (text == NULL || used + strlen(text) + 24 > sizeof(buf)) {
			snprintf(buf + used, sizeof(buf) - used, ", and %zu more", json_array_size(list) - i);
			break;
		}
		used += (size_t)snprintf(buf + used, sizeof(buf) - used, "%s%s", used > 0 ? ", " : "", text);
	}
	lines_add(l, ink, "%-12s %s: %s", "host's ports", what, buf);
}

/* What of this host it can reach now, and what is kept from it. */
static void
detail_ports(const json_t *row, struct lines *l)
{
	const json_t *ports = json_object_get(row, "host_ports");
	const json_t *spite = json_object_get(ports, "in_spite");

	if (!json_is_object(ports))
		return;
	ports_line(spite, "reached, besides gatehouse's own", json_array_size(spite) > 2 ? INK_BAD :
	    INK_NORMAL, l);
	ports_line(json_object_get(ports, "if_flushed"), "reached if rules were flushed", INK_NORMAL, l);
}

/* The guard map of one guest, worst first in colour. */
static void
detail_nics(const json_t *row, struct lines *l)
{
	const json_t *nics = json_object_get(row, "nics"), *nic;
	size_t i;

	json_array_foreach (nics, i, nic) {
		const char *guard = cell_string(nic, "guard"), *mac = cell_string(nic, "mac");
		const enum ink ink = strcmp(guard, "leaking") == 0 || strcmp(guard, "unguardable") == 0 ?
		    INK_BAD : INK_NORMAL;

		lines_add(l, ink, "NIC %-8zu %s%s%s%s%s", i + 1, mac, mac[0] != '\0' ? " " : "", guard,
		    cell_string(nic, "why")[0] != '\0' ? ": " : "", cell_string(nic, "why"));
		if (cell_string(nic, "fix")[0] != '\0')
			lines_add(l, INK_NORMAL, "%-12s %s", "", cell_string(nic, "fix"));
	}
}

static void
detail(const json_t *row, double now, struct lines *l)
{
	static const struct {
		const char	*key, *explain;
	} guards[] = {
		{ "full", "behind our rules, IPv4 and IPv6" },
		{ "frozen", "nothing of it passes; f thaws it" },
		{ "open", "no rules are in force: it reaches anything" },
		{ "idle", "no guest runs, so no rules are in force until one does" },
		{ "observed", "its traffic is logged, not blocked" },
		{ "leaking", "a NIC of it is past our rules" },
		{ "unguardable", "a NIC of it leaves as a process of this host" },
		{ "unseen", "a NIC of it was not heard of yet, so where that is is not known" },
		{ "down", "our rules are not verified in the kernel now" },
	};
	const char *guard = cell_string(row, "guard"), *explain = "";
	char buf[PANE_CELL_SIZE], up[TEXT_SHORT_SIZE], down[TEXT_SHORT_SIZE];

	for (size_t i = 0; i < sizeof(guards) / sizeof(guards[0]); i++)
		if (strcmp(guard, guards[i].key) == 0)
			explain = guards[i].explain;
	lines_field(l, "name", cell_string(row, "name"));
	if (json_is_true(json_object_get(row, "own_name")))
		lines_add(l, INK_WARN, "%-12s %s", "", "only it says so: entries with vm= do not go by that");
	lines_field(l, "kind", cell_string(row, "kind"));
	snprintf(buf, sizeof(buf), "%s%s%s%s", cell_string(row, "by"),
	    cell_string(row, "user")[0] != '\0' ? " of " : "", cell_string(row, "user"),
	    json_is_true(json_object_get(row, "stale")) ? ", which does not answer now" : "");
	lines_field(l, "known by", buf);
	snprintf(buf, sizeof(buf), "%s%s", cell_string(row, "state"),
	    json_is_true(json_object_get(row, "frozen")) ? ", frozen" : "");
	lines_field(l, "state", buf);
	if (guard[0] != '\0')
		lines_add(l, guard_cell(row, now, buf, sizeof(buf)), "%-12s %s%s%s", "guard", guard,
		    explain[0] != '\0' ? ": " : "", explain);
	addresses(row, 0, SIZE_MAX, buf, sizeof(buf));
	lines_field(l, "addresses", buf);
	lines_field(l, "mac", cell_string(row, "mac"));
	port_cell(row, now, buf, sizeof(buf));
	lines_field(l, "bridge/port", buf);
	detail_nics(row, l);
	if (cell_string(row, "softnet_says")[0] != '\0')
		lines_field(l, "softnet", cell_string(row, "softnet_says"));
	detail_ports(row, l);
	lines_add(l, INK_NORMAL, "%-12s %.0f allowed, %.0f denied", "names",
	    cell_number(row, "allowed"), cell_number(row, "denied"));
	lines_add(l, INK_NORMAL, "%-12s %.0f blocked", "packets", cell_number(row, "dropped"));
	lines_add(l, INK_NORMAL, "%-12s %s up, %s down, %.0f open now", "traffic",
	    text_bytes(up, (uint64_t)cell_number(row, "bytes_up")),
	    text_bytes(down, (uint64_t)cell_number(row, "bytes_down")),
	    cell_number(row, "connections"));
	cell_clock(row, "first_seen", now, buf, sizeof(buf));
	lines_field(l, "first seen", buf);
	cell_clock(row, "last_seen", now, buf, sizeof(buf));
	lines_field(l, "last seen", buf);
}

static const struct column columns[] = {
	{ "NAME", "name", 16, 28, 1, false, name_cell, CUT_MIDDLE },
	{ "BY", "by", 10, 12, 5, false, by_cell },
	{ "STATE", "state", 8, 9, 3, false, state_cell },
	{ "ADDRESS", "addresses", 15, 39, 4, false, address_cell },
	{ "GUARD", "guard", 11, 11, 1, false, guard_cell },
	{ "OK", "allowed", 5, 7, 2, true, cell_allowed },
	{ "NO", "denied", 5, 7, 2, true, cell_denied },
	{ "DROP", "dropped", 5, 7, 2, true, dropped_cell },
	{ "CONN", "connections", 5, 7, 6, true, connections_cell },
	{ "BYTES", "bytes", 5, 7, 7, true, cell_traffic },
	{ "SEEN", "last_seen", 5, 8, 8, true, seen_cell },
	{ "ALSO", NULL, 12, 80, 11, false, also_cell },
	{ "BRIDGE/PORT", "bridge", 11, 24, 9, false, port_cell },
	{ "MAC", "mac", 17, 17, 10, false, mac_cell },
	{ NULL }
};

const struct pane pane_vms = {
	.name = "VMs", .brief = "VM", .one = "Guest", .view = "vms", .identity = { "id" },
	.columns = columns, .sort = "name",
	.empty = "no guest seen yet behind the guarded bridges",
	.title = title, .detail = detail,
};
