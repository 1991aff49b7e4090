/*
 * The top line: is it enforcing, is the proxy up, is anything wrong.  Each
 * answer is a word first and a colour second, and says how old it is; what
 * was heard from an engine that no longer answers is never shown as if it
 * were so now.  The line is made of pieces with a rank; where room is short
 * the pieces of the last rank go first.
 */
#include "config.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "console.h"
#include "text.h"

enum { PIECES_MAX = 16, PIECE_SIZE = 256, VERIFIED_OLD = 30, REST_LEAST = 16 };

struct piece {
	char		text[PIECE_SIZE];
	enum ink	ink;
	int		rank;		/* 1 is never left out */
	bool		rest;		/* takes what room is left, and is cut */
};

struct pieces {
	struct piece	piece[PIECES_MAX];
	size_t		n;
};

static void add(struct pieces *, int rank, enum ink, const char *, ...)
    __attribute__((format(printf, 4, 5)));

static void
add(struct pieces *ps, int rank, enum ink ink, const char *format, ...)
{
	char text[PIECE_SIZE];
	va_list ap;

	if (ps->n == PIECES_MAX)
		return;
	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	draw_clean(ps->piece[ps->n].text, PIECE_SIZE, text);
	ps->piece[ps->n].ink = ink;
	ps->piece[ps->n].rest = false;
	ps->piece[ps->n++].rank = rank;
}

/* The word for what the firewall does, in capitals, and how loud it is. */
static enum ink
firewall_word(const json_t *firewall, char *word, size_t size)
{
	const char *state = cell_string(firewall, "state");

	if (strcmp(state, "enforcing") == 0) {
		snprintf(word, size, "%s", cell_string(firewall, "profile"));
		for (char *p = word; *p != '\0'; p++)
			*p = (char)toupper((unsigned char)*p);
		return INK_BADGE_GOOD;
	}
	if (strcmp(state, "observing") == 0) {
		snprintf(word, size, "OBSERVE");
		return INK_BADGE_WARN;
	}
	if (strcmp(state, "idle") == 0) {
		snprintf(word, size, "IDLE");
		return INK_BADGE_WARN;
	}
	snprintf(word, size, "%s", strcmp(state, "open") == 0 ? "OPEN"
	    : strcmp(state, "drift") == 0 ? "DRIFT" : "UNKNOWN");
	return INK_BADGE_BAD;
}

static void
add_firewall(struct pieces *ps, const json_t *status)
{
	const json_t *firewall = json_object_get(status, "firewall");
	const char *state = cell_string(firewall, "state"), *cause = cell_string(firewall, "cause");
	double now = cell_number(status, "time"), verified = cell_number(firewall, "verified");
	double age = now > verified ? now - verified : 0;
	char word[32], text[TEXT_SHORT_SIZE];
	enum ink ink = firewall_word(firewall, word, sizeof(word));

	add(ps, 1, ink, " %s ", word);
	if (strcmp(state, "open") == 0)
		add(ps, 4, INK_BAD, "guests reach anything");
	else if (strcmp(state, "idle") == 0)
		add(ps, 4, INK_WARN, "no guest runs, rules wait for one");
	else if (strcmp(state, "observing") == 0)
		add(ps, 4, INK_WARN, "logs only, blocks nothing");
	if (verified > 0)
		add(ps, 3, age > VERIFIED_OLD ? INK_BAD : INK_HEADER, "verified %s ago",
		    text_age(text, (uint64_t)age));
	else
		add(ps, 3, INK_BAD, "never verified");
	if (cause[0] != '\0')
		add(ps, 9, INK_BAD, "%s", cause);
	/* Who was frozen is so again once there are rules. */
	if (strcmp(state, "open") == 0)
		return;
	if (json_is_true(json_object_get(firewall, "frozen_all")))
		add(ps, 1, INK_BADGE_WARN, " ALL FROZEN ");
	else if (cell_number(firewall, "frozen") > 0)
		add(ps, 4, INK_WARN, "%.0f frozen", cell_number(firewall, "frozen"));
}

/* A guest that our rules do not cover makes the rest of the line half the truth. */
static void
add_unguarded(struct pieces *ps, const json_t *status)
{
	const json_t *counts = json_object_get(status, "counts");

	if (cell_number(counts, "leaking") > 0)
		add(ps, 1, INK_BADGE_BAD, " %.0f LEAKING ", cell_number(counts, "leaking"));
	if (cell_number(counts, "unguardable") > 0)
		add(ps, 2, INK_BADGE_WARN, " %.0f UNGUARDABLE ", cell_number(counts, "unguardable"));
}

/* As loud as what is wrong: guests reach what no entry lists. */
static void
add_learning(struct pieces *ps, const json_t *proxy, double now)
{
	double until = cell_number(proxy, "learn_until");
	char text[TEXT_SHORT_SIZE];

	if (strcmp(cell_string(proxy, "mode"), "learn") != 0)
		return;
	if (until > now)
		add(ps, 1, INK_BADGE_BAD, " LEARN %s ", text_age(text, (uint64_t)(until - now + 0.5)));
	else
		add(ps, 1, INK_BADGE_BAD, " LEARN ");
}

static void
add_proxy(struct pieces *ps, const json_t *status)
{
	const json_t *proxy = json_object_get(status, "proxy");
	const char *state = cell_string(proxy, "state");
	double now = cell_number(status, "time"), since = cell_number(proxy, "since");
	char text[TEXT_SHORT_SIZE];

	add_learning(ps, proxy, now);
	if (strcmp(cell_string(json_object_get(status, "firewall"), "state"), "idle") == 0) {
		add(ps, 4, INK_WARN, "proxy stopped with them");
		return;
	}
	if (strcmp(state, "up") != 0) {
		add(ps, 1, INK_BADGE_BAD, " proxy %s ", strcmp(state, "stopped") == 0 ? "STOPPED"
		    : "DOWN");
		if (cell_string(proxy, "cause")[0] != '\0')
			add(ps, 6, INK_BAD, "%s", cell_string(proxy, "cause"));
		return;
	}
	add(ps, 1, INK_HEADER, "proxy UP");
	if (since > 0)
		add(ps, 5, INK_HEADER, "%s", text_age(text, now > since ? (uint64_t)(now - since) : 0));
	add(ps, 6, INK_HEADER, "%s conn",
	    text_count(text, (uint64_t)cell_number(proxy, "connections")));
	add(ps, 6, INK_HEADER, "%s/s", text_bytes(text, (uint64_t)cell_number(proxy, "rate")));
}

static void
add_absence(struct pieces *ps, const struct header *h)
{
	const json_t *firewall = json_object_get(h->status, "firewall");
	char word[32];

	add(ps, 1, INK_BADGE_BAD, " NO DAEMON ");
	if (h->status != NULL) {
		firewall_word(firewall, word, sizeof(word));
		add(ps, 2, INK_BAD, "%s when last heard, not verified now", word);
	}
	add(ps, 3, INK_HEADER, "trying again");
	if (h->cause != NULL) {
		add(ps, 3, INK_HEADER, "%s", h->cause);
		ps->piece[ps->n - 1].rest = true;
	}
}

static void
header_pieces(struct pieces *ps, const struct header *h)
{
	size_t alerts = json_array_size(json_object_get(h->status, "alerts"));
	const json_t *firewall = json_object_get(h->status, "firewall");
	char text[TEXT_SHORT_SIZE];

	ps->n = 0;
	add(ps, 7, INK_HEADER, "gatehouse");
	if (h->status != NULL)
		add(ps, 8, INK_HEADER, "%s", cell_string(h->status, "host"));
	if (h->paused)
		add(ps, 1, INK_BADGE_WARN, " PAUSED ");
	if (h->silence < 0) {
		add_absence(ps, h);
		return;
	}
	if (h->status == NULL) {
		add(ps, 1, INK_BADGE_WARN, " CONNECTING ");
		return;
	}
	if (h->silence > 0)
		add(ps, 1, INK_BADGE_BAD, " STALE %s ", text_age(text, (uint64_t)h->silence));
	add(ps, 9, INK_HEADER, "%s %s", cell_string(firewall, "backend"),
	    cell_string(firewall, "place"));
	add_firewall(ps, h->status);
	add_unguarded(ps, h->status);
	add_proxy(ps, h->status);
	if (alerts > 0)
		add(ps, 1, INK_BADGE_BAD, " ! %zu ", alerts);
}

bool
header_alert(const struct header *h, char *buf, size_t size)
{
	const json_t *alerts = json_object_get(h->status, "alerts");
	const json_t *first = json_array_get(alerts, 0);
	size_t n = json_array_size(alerts), used;

	if (n == 0 || h->silence < 0)
		return false;
	draw_clean(buf, size, cell_string(first, "text"));
	used = strlen(buf);
	if (n > 1)
		snprintf(buf + used, size - used, "  (and %zu more: ! lists them)", n - 1);
	return true;
}

void
header_draw(struct canvas *c, int y, const struct header *h)
{
	struct pieces ps;
	int rank, width, x = 1;

	header_pieces(&ps, h);
	draw_clear(c, y, 0, 1, c->cols, INK_HEADER);
	/* The largest rank at which everything up to it fits, two spaces between. */
	for (rank = 10; rank > 1; rank--) {
		width = 1;
		for (size_t i = 0; i < ps.n; i++)
			if (ps.piece[i].rank <= rank && !ps.piece[i].rest)
				width += (int)strlen(ps.piece[i].text) + 2;
		if (width - 2 <= c->cols)
			break;
	}
	for (size_t i = 0; i < ps.n; i++) {
		if (ps.piece[i].rank > rank || ps.piece[i].text[0] == '\0')
			continue;
		if (ps.piece[i].rest && c->cols - x < REST_LEAST)
			continue;
		x += draw_text(c, y, x, c->cols - x, ps.piece[i].ink, ps.piece[i].text) + 2;
	}
}
