/*
 * A pane: a const struct of columns and functions over the rows of one view
 * of the engine; and a view: what this console knows of those rows just now.
 *
 * The engine owns the rows, sorts and filters them.  A view holds the last
 * window of them that arrived, and where the cursor is: on a row, told by
 * its identity, not its number.  When rows come and go above it, the cursor
 * and the rows around it stay where they are on the screen.  Only a view
 * that the operator has not touched follows its first row.
 */
#ifndef PANE_H
#define PANE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "draw.h"

enum {
	PANE_COLUMNS_MAX = 16,
	PANE_CELL_SIZE = 512,
	PANE_IDENTITY_SIZE = 600,
	PANE_FILTER_SIZE = 128,
	PANE_COUNT = 6,
};

struct column {
	const char	*title;
	const char	*sort;		/* the engine's key, NULL: cannot be sorted by it */
	int		 min, max;	/* columns wide, as contents need */
	int		 priority;	/* 1 is shown first, larger ones as room allows */
	bool		 right;		/* flush right */
	/* The cell's text, safe to draw, into buf; returns its ink. */
	enum ink	(*cell)(const json_t *row, double now, char *buf, size_t size);
	enum cut	 cut;
};

struct lines;			/* text of several lines, below */

struct pane {
	const char		*name;		/* "Domains" */
	const char		*brief;		/* "Dom", where room is short */
	const char		*one;		/* "Domain", one row of it */
	const char		*view;		/* the engine's name of the rows */
	const char		*identity[4];	/* keys that together tell a row */
	const struct column	*columns;	/* ends with title NULL */
	const char		*sort;		/* at first; NULL: the engine's order */
	bool			 desc;
	bool			 live;		/* newest first: follows it while focused too */
	const char		*empty;		/* said where there is no row */
	/* What stands beside the name ("filtered  no drift"), from the status. */
	void			 (*title)(const json_t *status, char *buf, size_t size);
	/* The row told in full, for the popup. */
	void			 (*detail)(const json_t *row, double now, struct lines *);
};

extern const struct pane	 pane_vms, pane_rules, pane_domains, pane_blocked,
				 pane_allowlist, pane_timeline;
extern const struct pane *const	 pane_table[PANE_COUNT];
/* By the engine's name of its rows; NULL if there is none. */
const struct pane		*pane_find(const char *view);

/* Whether the rows are what order, filter and place ask for. */
enum view_wait {
	VIEW_CURRENT,
	VIEW_ASKED,		/* the engine was told, its answer is on the way */
	VIEW_UNASKED,
};

struct view {
	const struct pane	*pane;
	json_t			*rows;		/* the window, an array */
	size_t			 total, offset;	/* all rows, and the window's first */
	bool			 loaded;	/* a window has arrived */
	bool			 visible;	/* when last asked for */
	enum view_wait		 wait;
	uint64_t		 wait_since;	/* now_mono() */
	size_t			 top, cursor;	/* row numbers among all rows */
	int			 height;	/* rows on the screen */
	bool			 touched;	/* the operator moved or acted here */
	bool			 chosen;	/* and to the very row under the cursor */
	bool			 no_cursor;	/* only to be read: batch, tables */
	char			 identity[PANE_IDENTITY_SIZE];	/* of the cursor's row */
	const char		*sort;
	bool			 desc;
	char			 filter[PANE_FILTER_SIZE];
	int			 widest[PANE_COLUMNS_MAX];	/* so far, for a steady layout */
	bool			 remeasure;	/* forget widest with the rows that come */
};

/* ---- view.c ---- */
void		 view_init(struct view *, const struct pane *);
void		 view_clear(struct view *);
/* Takes {"total","offset","rows"} in.  focused: this pane has the keys. */
void		 view_take(struct view *, const json_t *window, bool focused);
/* The row of that number, borrowed; NULL if it is not in the window. */
const json_t	*view_row(const struct view *, size_t number);
const json_t	*view_current(const struct view *);
/* The row of that identity, borrowed; NULL if it is not in the window. */
const json_t	*view_identified(const struct view *, const char *identity);
void		 view_resize(struct view *, int height);
void		 view_move(struct view *, long delta);
void		 view_select(struct view *, size_t number);
/* To the first row, which it follows again. */
void		 view_first(struct view *);
void		 view_last(struct view *);
/* To the top, after the order or the filter has changed. */
void		 view_reset(struct view *);
/* What has arrived is not what is wanted any more. */
void		 view_outdated(struct view *);
/* The next column that can be sorted by. */
void		 view_sort_next(struct view *);
/* The window to ask the engine for; the caller owns it. */
json_t		*view_params(const struct view *);

/* ---- table.c ---- */
/* How the columns of a pane share `width` screen columns: widths[i] is 0 for
 * one that is left out.  want[i] is what its contents need. */
void		 table_fit(const struct column *, const int *want, int width, int *widths);
/* What the cells of the rows in sight need, no less than they needed before. */
void		 table_measure(struct view *, double now);
/* Draws column titles and rows into a rectangle; the first screen row is the titles'. */
struct table_place {
	int	y, x, rows, cols;
	bool	focused, live;		/* live: false dims it */
	bool	whole;			/* no cell is cut; cols must do */
	double	now;
};
void		 table_draw(struct canvas *, struct view *, const struct table_place *);
/* Screen rows that hold the whole window: titles, then rows or why there are none. */
int		 table_rows(const struct view *);

/* ---- cells.c: getters that panes share ---- */
const char	*cell_string(const json_t *row, const char *key);	/* "" if absent */
double		 cell_number(const json_t *row, const char *key);	/* 0 if absent */
enum ink	 cell_text(const json_t *row, const char *key, char *buf, size_t);
enum ink	 cell_count(const json_t *row, const char *key, char *buf, size_t);
enum ink	 cell_bytes(const json_t *row, const char *key, char *buf, size_t);
/* "2s", how long ago; "-" if absent. */
enum ink	 cell_ago(const json_t *row, const char *key, double now, char *buf, size_t);
/* "12:04:11", the console's local time; with the date where it is not today's. */
enum ink	 cell_clock(const json_t *row, const char *key, double now, char *buf, size_t);
/* Cells of columns that several panes have: how often allowed and denied,
 * bytes_up and bytes_down together, how long ago the last time was. */
enum ink	 cell_allowed(const json_t *row, double now, char *buf, size_t);
enum ink	 cell_denied(const json_t *row, double now, char *buf, size_t);
enum ink	 cell_traffic(const json_t *row, double now, char *buf, size_t);
enum ink	 cell_last(const json_t *row, double now, char *buf, size_t);
/* "tcp 10.0.0.5:22", "udp [ff02::fb]:5353": where a drop was going. */
void		 cell_target(const json_t *drop, char *buf, size_t);

/* ---- lines.c: text for popups ---- */
struct line {
	char		*text;
	enum ink	 ink;
};
struct lines {
	struct line	*line;
	size_t		 n;
};
void		 lines_add(struct lines *, enum ink, const char *, ...)
		    __attribute__((format(printf, 3, 4)));
/* "name      value", left out when the value is empty; the value is cleaned. */
void		 lines_field(struct lines *, const char *name, const char *value);
/* Text of the engine, broken at newlines, each line cleaned. */
void		 lines_text(struct lines *, enum ink, const char *text);
void		 lines_free(struct lines *);
/* A copy of the lines in which none is wider; broken at spaces where possible. */
struct lines	 lines_wrap(const struct lines *, int width);

#endif
