/* The entries that can be added for a name, each with what it would mean. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "xmalloc.h"

enum { CANDIDATES_MAX = 4 };

/* An item of the offer that waits to be explained. */
struct explain {
	struct console	*console;
	unsigned	 popup;		/* serial */
	size_t		 item;
	int		 width;		/* of the widest candidate */
	char		*text;		/* the candidate */
};

/* A guest's name that an entry can name and that fits that guest alone. */
static bool
can_be_named(const char *guest)
{
	size_t len = 0;

	while (guest[len] > ' ' && guest[len] <= '~' && guest[len] != '*' && guest[len] != '?')
		len++;
	return len > 0 && len < GH_GUEST_SIZE && guest[len] == '\0';
}

/* What can be added for a name: itself, its parent, its last two labels, and itself for
 * the guest that asked. */
static size_t
candidates(const char *name, const char *guest, char out[CANDIDATES_MAX][PANE_CELL_SIZE])
{
	const char *parent = strchr(name, '.'), *suffix = name + strlen(name);
	size_t n = 0, dots = 0;

	while (suffix > name && dots < 2)
		if (*--suffix == '.')
			dots++;
	if (*suffix == '.')
		suffix++;
	snprintf(out[n++], PANE_CELL_SIZE, "%s", name);
	if (parent != NULL && strchr(parent + 1, '.') != NULL)
		snprintf(out[n++], PANE_CELL_SIZE, "%s", parent);
	else
		snprintf(out[n++], PANE_CELL_SIZE, ".%s", name);
	if (strcmp(suffix, out[n - 1] + 1) != 0 && strcmp(suffix, name) != 0)
		snprintf(out[n++], PANE_CELL_SIZE, ".%s", suffix);
	if (can_be_named(guest))
		snprintf(out[n++], PANE_CELL_SIZE, "%s vm=%s", name, guest);
	return n;
}

/* about: the name and the guest, a space between them. */
static void
entry_add(struct console *c, const char *about, size_t item, int key)
{
	char choice[CANDIDATES_MAX][PANE_CELL_SIZE], what[PANE_CELL_SIZE + 16], name[PANE_CELL_SIZE];
	const size_t len = strcspn(about, " ");

	snprintf(name, sizeof(name), "%.*s", (int)len, about);
	if (item >= candidates(name, about + len + 1, choice) || key == 'd')
		return;
	snprintf(what, sizeof(what), "added %s", choice[item]);
	request_make(c, what, "entry.add", json_pack("{s:s}", "text", choice[item]));
}

/* The engine explained an item of the offer, or warns of it. */
static void
offer_explained(const json_t *result, const char *error, void *arg)
{
	struct explain *x = arg;
	struct popup *p = &x->console->popup;
	const char *means = strchr(x->text, ' ') != NULL ? "that name, for this guest alone"
	    : cell_string(result, "explain");
	char clean[PANE_CELL_SIZE], *text;

	if (p->open && p->serial == x->popup && x->item < p->items) {
		text = xasprintf("%zu  %-*s  %s", x->item + 1, x->width, x->text,
		    error != NULL ? error : means);
		free(p->lines.line[x->item].text);
		p->lines.line[x->item].text = xstrdup(draw_clean(clean, sizeof(clean), text));
		free(text);
		if (cell_string(result, "warning")[0] != '\0')
			lines_add(&p->lines, INK_WARN, "! %s %s", x->text, cell_string(result, "warning"));
		console_dirty(x->console);
	}
	free(x->text);
	free(x);
}

void
offer_entries(struct console *c, const char *name, const char *guest)
{
	char choice[CANDIDATES_MAX][PANE_CELL_SIZE], title[PANE_CELL_SIZE + 16], *about;
	size_t n = candidates(name, guest, choice);
	struct lines lines = { 0 };
	struct explain *x;
	int width = 0;

	for (size_t i = 0; i < n; i++) {
		lines_add(&lines, INK_NORMAL, "%zu  %s", i + 1, choice[i]);
		/* That of one guest stands out: what all mean is to be read too. */
		if (strchr(choice[i], ' ') == NULL && (int)strlen(choice[i]) > width)
			width = (int)strlen(choice[i]);
	}
	snprintf(title, sizeof(title), "Allow %s", name);
	about = xasprintf("%s %s", name, guest);
	popup_menu(c, title, &lines, n, about, entry_add);
	free(about);
	for (size_t i = 0; i < n; i++) {
		x = xcalloc(1, sizeof(*x));
		*x = (struct explain) { c, c->popup.serial, i, width, xstrdup(choice[i]) };
		link_call(c->link, "entry.add", json_pack("{s:s, s:b}", "text", choice[i],
		    "dry_run", 1), offer_explained, x);
	}
}
