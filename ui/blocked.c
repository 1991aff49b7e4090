/* Pane 4: the packets the firewall blocked, runs of like ones folded. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "pane.h"
#include "text.h"

static enum ink
noise_or(const json_t *row, enum ink ink)
{
	return json_is_true(json_object_get(row, "noise")) ? INK_DIM : ink;
}

static enum ink
time_cell(const json_t *row, double now, char *buf, size_t size)
{
	return cell_clock(row, "last", now, buf, size);
}

static enum ink
guest_cell(const json_t *row, double now, char *buf, size_t size)
{
	const json_t *uid = json_object_get(row, "uid");

	cell_text(row, "guest", buf, size);
	if (buf[0] == '\0' && json_is_integer(uid))
		snprintf(buf, size, "uid %lld", (long long)json_integer_value(uid));
	else if (buf[0] == '\0')
		cell_text(row, "src", buf, size);
	return noise_or(row, INK_NAME);
}

static enum ink
target_cell(const json_t *row, double now, char *buf, size_t size)
{
	char proto[32], target[PANE_CELL_SIZE];

	cell_text(row, "proto", proto, sizeof(proto));
	cell_target(row, target, sizeof(target));
	snprintf(buf, size, "%s %s", proto, target);
	return noise_or(row, INK_NORMAL);
}

static enum ink
label_cell(const json_t *row, double now, char *buf, size_t size)
{
	cell_text(row, "label", buf, size);
	return noise_or(row, INK_WARN);
}

static enum ink
count_cell(const json_t *row, double now, char *buf, size_t size)
{
	char text[TEXT_SHORT_SIZE];

	snprintf(buf, size, "x%s", text_count(text, (uint64_t)cell_number(row, "count")));
	return noise_or(row, INK_NORMAL);
}

static enum ink
bytes_cell(const json_t *row, double now, char *buf, size_t size)
{
	return noise_or(row, cell_bytes(row, "bytes", buf, size));
}

static enum ink
source_cell(const json_t *row, double now, char *buf, size_t size)
{
	cell_text(row, "src", buf, size);
	return INK_DIM;
}

static enum ink
in_cell(const json_t *row, double now, char *buf, size_t size)
{
	cell_text(row, "in", buf, size);
	return INK_DIM;
}

static enum ink
note_cell(const json_t *row, double now, char *buf, size_t size)
{
	cell_text(row, "note", buf, size);
	return noise_or(row, INK_NORMAL);
}

static void
title(const json_t *status, char *buf, size_t size)
{
	const json_t *drops = json_object_get(status, "drops");
	char packets[TEXT_SHORT_SIZE], missed[TEXT_SHORT_SIZE];
	double lost = cell_number(drops, "missed");

	if (strcmp(cell_string(drops, "state"), "down") == 0)
		snprintf(buf, size, "CAPTURE DOWN");
	else if (lost > 0)
		snprintf(buf, size, "%s packets, %s not captured",
		    text_count(packets, (uint64_t)cell_number(drops, "packets")),
		    text_count(missed, (uint64_t)lost));
	else
		snprintf(buf, size, "%s packets",
		    text_count(packets, (uint64_t)cell_number(drops, "packets")));
}

/* What the rule is for. Rules of the operator's own explain themselves. */
static const struct {
	const char	*label, *text;
} meanings[] = {
	{ "default", "no rule and no entry lets it through" },
	{ "private", "private networks are open only where an entry lists them" },
	{ "dot", "DNS over TLS or QUIC would go round the names that are judged" },
	{ "dns", "asking for the DNS filter's own port by itself is refused" },
	{ "explicit", "only guests may ask the proxy" },
	{ "frozen", "the guest is frozen; f in VMs thaws it" },
	{ "guest-to-guest", "guests never reach each other" },
	{ "inbound", "nobody behind this host reaches a guest" },
	{ "limit", "more at a time than a guest gets (see gatehouse.conf(5))" },
	{ "llmnr", "names among neighbours; guests have none" },
	{ "mdns", "names among neighbours; guests have none" },
	{ "member", "it came by the bridge's member, past the bridge" },
	{ "multicast", "multicast goes nowhere from here" },
	{ "proxy", "asking for the proxy's own port by itself is refused" },
	{ "quic", "refused at once, so that the client uses TCP, which is judged by name" },
	{ "smb", "SMB and NetBIOS are shut (block-tcp, block-udp)" },
	{ "spoof", "a source address or a message that is not a guest's to send" },
	{ "stale", "nobody knows who began this connection: it is ended" },
	{ "uid", "a guarded user reaches its own ports and nothing else" },
	{ "canary", "gatehouse doctor sent it, to see that drops are told" },
};

static const char *
meaning(const char *label)
{
	for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++) {
		if (strcmp(meanings[i].label, label) == 0)
			return meanings[i].text;
	}
	return "";
}

static void
detail(const json_t *row, double now, struct lines *l)
{
	char buf[PANE_CELL_SIZE], first[32], last[32];
	const json_t *uid = json_object_get(row, "uid");

	lines_field(l, "guest", cell_string(row, "guest"));
	lines_add(l, INK_WARN, "%-12s gatehouse:%s", "rule", cell_string(row, "label"));
	lines_field(l, "that means", meaning(cell_string(row, "label")));
	/* A name opens no private address. */
	if (cell_string(row, "entry")[0] != '\0')
		lines_add(l, INK_NORMAL, "%-12s gatehouse allow %s%s", "to open it",
		    cell_string(row, "entry"), strcmp(cell_string(row, "label"), "private") == 0 ? "" :
		    " (or its NAME:PORT)");
	lines_field(l, "protocol", cell_string(row, "proto"));
	if (cell_number(row, "sport") > 0)
		lines_add(l, INK_NORMAL, "%-12s %s port %.0f", "from", cell_string(row, "src"),
		    cell_number(row, "sport"));
	else
		lines_field(l, "from", cell_string(row, "src"));
	cell_target(row, buf, sizeof(buf));
	lines_field(l, "to", buf);
	snprintf(buf, sizeof(buf), "%.0f", cell_number(row, "dport"));
	if (strcmp(buf, cell_string(row, "service")) != 0)
		lines_field(l, "service", cell_string(row, "service"));
	lines_add(l, INK_NORMAL, "%-12s %s -> %s", "interfaces", cell_string(row, "in"),
	    cell_string(row, "out")[0] == '\0' ? "this host" :
	    strcmp(cell_string(row, "out"), "*") == 0 ? "several" : cell_string(row, "out"));
	lines_field(l, "mac", cell_string(row, "mac"));
	if (json_is_integer(uid))
		lines_add(l, INK_NORMAL, "%-12s %lld", "uid", (long long)json_integer_value(uid));
	lines_add(l, INK_NORMAL, "%-12s %.0f packet%s, %.0f bytes", "counted",
	    cell_number(row, "count"), cell_number(row, "count") == 1 ? "" : "s",
	    cell_number(row, "bytes"));
	cell_clock(row, "first", now, first, sizeof(first));
	cell_clock(row, "last", now, last, sizeof(last));
	lines_add(l, INK_NORMAL, "%-12s %s to %s", "time", first, last);
	lines_field(l, "note", cell_string(row, "note"));
	if (json_is_true(json_object_get(row, "noise")))
		lines_add(l, INK_DIM, "%-12s guests send this all the time; it is no alert", "noise");
}

static const struct column columns[] = {
	{ "TIME", "last", 11, 11, 2, false, time_cell },
	{ "GUEST", "guest", 7, 20, 1, false, guest_cell, CUT_MIDDLE },
	{ "TO", "dst", 24, 72, 1, false, target_cell, CUT_ADDRESS },
	{ "RULE", "label", 7, 16, 2, false, label_cell },
	{ "COUNT", "count", 5, 8, 2, true, count_cell },
	{ "NOTE", NULL, 20, 80, 5, false, note_cell },
	{ "BYTES", "bytes", 5, 7, 6, true, bytes_cell },
	{ "FROM", "src", 15, 46, 7, false, source_cell },
	{ "IN", NULL, 6, 15, 8, false, in_cell },
	{ NULL }
};

const struct pane pane_blocked = {
	.name = "Blocked", .brief = "Blk", .one = "Blocked packets", .view = "drops", .identity = { "id" },
	.columns = columns, .sort = "last", .desc = true, .live = true,
	.empty = "the firewall has blocked nothing yet",
	.title = title, .detail = detail,
};
