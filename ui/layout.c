#include "config.h"

#include "layout.h"

#include <string.h>

/* VMs and rules are few, names and drops many: the lower row gets more. */
enum { UPPER_FIFTHS = 2 };

static void
layout_grid(struct layout *l, int y, int rows, int cols)
{
	int upper = rows * UPPER_FIFTHS / 5, left = cols / 2;

	for (size_t i = 0; i < LAYOUT_GRID_PANES; i++) {
		bool below = i >= 2, beside = i % 2 == 1;

		l->pane[i] = (struct place) {
			.y = below ? y + upper : y,
			.x = beside ? left : 0,
			.rows = below ? rows - upper : upper,
			.cols = beside ? cols - left : left,
		};
	}
}

void
layout_make(struct layout *l, int rows, int cols, size_t focus, bool zoom, bool alerts)
{
	int y = 1;

	memset(l, 0, sizeof(*l));
	l->alert_y = l->tabs_y = -1;
	l->bar_y = rows - 1;
	if (rows < LAYOUT_ROWS_MIN || cols < LAYOUT_COLS_MIN) {
		l->too_small = true;
		return;
	}
	if (alerts && rows >= LAYOUT_ALERT_ROWS)
		l->alert_y = y++;
	l->grid = rows >= LAYOUT_GRID_ROWS && cols >= LAYOUT_GRID_COLS && !zoom &&
	    focus < LAYOUT_GRID_PANES;
	if (l->grid) {
		layout_grid(l, y, l->bar_y - y, cols);
		return;
	}
	l->tabs_y = y++;
	l->pane[focus] = (struct place) { y, 0, l->bar_y - y, cols };
}

size_t
layout_pane_at(const struct layout *l, int y, int x)
{
	for (size_t i = 0; i < PANE_COUNT; i++) {
		const struct place *p = &l->pane[i];

		if (p->rows > 0 && y >= p->y && y < p->y + p->rows && x >= p->x &&
		    x < p->x + p->cols)
			return i;
	}
	return PANE_COUNT;
}

struct place
layout_table(const struct layout *l, size_t pane)
{
	struct place p = l->pane[pane];

	if (p.rows == 0)
		return p;
	p.y++;
	p.rows--;
	if (l->grid) {
		p.x++;
		p.cols -= 2;
		p.rows--;
	}
	return p;
}
