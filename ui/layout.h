/* Where everything stands on a screen of some size: pure arithmetic. */
#ifndef LAYOUT_H
#define LAYOUT_H

#include <stdbool.h>
#include <stddef.h>

#include "pane.h"

enum {
	LAYOUT_ROWS_MIN = 12,	/* below this there is no sense in drawing */
	LAYOUT_COLS_MIN = 40,
	LAYOUT_GRID_ROWS = 24,	/* from here on four panes fit */
	LAYOUT_GRID_COLS = 100,
	LAYOUT_GRID_PANES = 4,
	LAYOUT_ALERT_ROWS = 20,	/* from here on an alert gets a line of its own */
};

struct place {
	int	y, x, rows, cols;	/* rows 0: not on the screen */
};

struct layout {
	bool		too_small;
	bool		grid;		/* four panes with borders; else one, with tabs */
	int		alert_y;	/* -1: no such line */
	int		tabs_y;		/* -1 */
	int		bar_y;		/* the header is row 0 */
	struct place	pane[PANE_COUNT];
};

void	layout_make(struct layout *, int rows, int cols, size_t focus, bool zoom, bool alerts);
/* The pane at a point, or PANE_COUNT. */
size_t	layout_pane_at(const struct layout *, int y, int x);
/* The rectangle of a pane's table: column titles and rows, without borders. */
struct place layout_table(const struct layout *, size_t pane);

#endif
