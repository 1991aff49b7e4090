/* What is told in full: the row under the cursor, and all that is wrong. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "text.h"
#include "xmalloc.h"

/* A popup that waits for what the engine says of a hit. */
struct asked {
	struct console	*console;
	unsigned	 popup;		/* serial */
};

static void
why_lines(const json_t *hit, double now, struct lines *l)
{
	char buf[PANE_CELL_SIZE], up[TEXT_SHORT_SIZE], down[TEXT_SHORT_SIZE];
	bool allowed = strcmp(cell_string(hit, "verdict"), "allow") == 0;

	lines_add(l, allowed ? INK_GOOD : INK_BAD, "%-12s %s: %s", "decision",
	    cell_string(hit, "verdict"), cell_string(hit, "reason"));
	lines_field(l, "advice", cell_string(hit, "advice"));
	lines_field(l, "to open it", cell_string(hit, "command"));
	lines_field(l, "hit", cell_string(hit, "id"));
	cell_clock(hit, "time", now, buf, sizeof(buf));
	lines_field(l, "time", buf);
	lines_field(l, "guest", cell_string(hit, "guest"));
	/* A look-up by DNS is for no port. */
	if (cell_number(hit, "port") != 0)
		snprintf(buf, sizeof(buf), ", port %.0f", cell_number(hit, "port"));
	else
		buf[0] = '\0';
	lines_add(l, INK_NORMAL, "%-12s %s%s, by %s", "asked for", cell_string(hit, "name"), buf,
	    cell_string(hit, "via"));
	if (cell_string(hit, "entry")[0] != '\0')
		lines_add(l, INK_NORMAL, "%-12s %s (line %.0f)", "entry", cell_string(hit, "entry"),
		    cell_number(hit, "line"));
	lines_field(l, "guest chose", cell_string(hit, "wanted"));
	if (cell_number(hit, "upstream") != 0)
		lines_add(l, INK_NORMAL, "%-12s answered %.0f", "upstream", cell_number(hit, "upstream"));
	lines_field(l, "we dialled", cell_string(hit, "dialled"));
	lines_field(l, "and then", cell_string(hit, "outcome_text"));
	if (cell_string(hit, "tls_version")[0] != '\0')
		lines_add(l, INK_NORMAL, "%-12s %s%s%s%s", "tls", cell_string(hit, "tls_version"),
		    cell_string(hit, "alpn")[0] != '\0' ? ", " : "", cell_string(hit, "alpn"),
		    json_is_true(json_object_get(hit, "ech")) ? ", with ECH" : "");
	lines_add(l, INK_NORMAL, "%-12s %s up, %s down", "traffic",
	    text_bytes(up, (uint64_t)cell_number(hit, "bytes_up")),
	    text_bytes(down, (uint64_t)cell_number(hit, "bytes_down")));
}

static void
why_answered(const json_t *result, const char *error, void *arg)
{
	struct asked *a = arg;
	struct console *c = a->console;
	struct popup *p = &c->popup;

	if (p->open && p->serial == a->popup) {
		lines_add(&p->lines, INK_NORMAL, "%s", "");
		if (error != NULL)
			lines_add(&p->lines, INK_BAD, "%-12s %s", "why", error);
		else
			why_lines(result, console_now(c), &p->lines);
		console_dirty(c);
	}
	free(a);
}

/* The row's own lines take the place of those before; what was added stays. */
void
detail_refresh(struct console *c, const struct view *v)
{
	struct popup *p = &c->popup;
	const json_t *row = p->open && p->of == v ? view_identified(v, p->identity) : NULL;
	struct lines lines = { 0 };

	if (row == NULL)
		return;
	v->pane->detail(row, console_now(c), &lines);
	for (size_t i = 0; i < p->lines.n; i++) {
		if (i >= p->nrow)
			lines_add(&lines, p->lines.line[i].ink, "%s", p->lines.line[i].text);
		else if (i + 1 == p->nrow)
			p->nrow = lines.n;
	}
	lines_free(&p->lines);
	p->lines = lines;
	console_dirty(c);
}

static unsigned
detail_open(struct console *c, const struct view *v, struct lines *lines)
{
	const size_t nrow = lines->n;
	const unsigned serial = popup_open(c, v->pane->one, lines);

	c->popup.of = v;
	c->popup.nrow = nrow;
	copy_string(c->popup.identity, v->identity, sizeof(c->popup.identity));
	return serial;
}

void
action_detail(struct console *c)
{
	const struct view *v = console_focused(c);
	const json_t *row = view_current(v);
	struct lines lines = { 0 };
	const char *hit;
	struct asked *a;

	if (row == NULL)
		return;
	hit = cell_string(row, v->pane == &pane_domains ? "last_id" : "hit_id");
	v->pane->detail(row, console_now(c), &lines);
	if (hit[0] == '\0') {
		detail_open(c, v, &lines);
		return;
	}
	a = xcalloc(1, sizeof(*a));
	*a = (struct asked) { c, detail_open(c, v, &lines) };
	link_call(c->link, "why", json_pack("{s:s}", "id", hit), why_answered, a);
}

void
action_alerts(struct console *c)
{
	const json_t *alerts = json_object_get(c->status, "alerts"), *alert;
	struct lines lines = { 0 };
	char when[32];
	size_t i;

	json_array_foreach(alerts, i, alert) {
		cell_clock(alert, "time", console_now(c), when, sizeof(when));
		lines_add(&lines, INK_BAD, "%-12s %s", when, cell_string(alert, "text"));
	}
	if (lines.n == 0)
		console_tell(c, "nothing is wrong that the daemon knows of");
	else
		popup_open(c, "What is wrong now", &lines);
	lines_free(&lines);
}
