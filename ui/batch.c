/* The panes without a terminal: drawn by the same code into memory, once. */
#include "config.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "console.h"
#include "ui.h"

enum {
	BATCH_COLUMNS = 120,
	BATCH_SECONDS = 5,	/* for each answer */
	BATCH_ROWS = 40,	/* of panes that can be endless */
};

/* Rows that may be endless are cut: the commands print them all. */
static json_t *
batch_params(const struct view *v)
{
	json_t *params = view_params(v);
	bool all = v->pane != &pane_domains && !v->pane->live;

	json_object_set_new(params, "limit", json_integer(all ? CONTROL_ROWS_MAX : BATCH_ROWS));
	return params;
}

static char *
batch_read(int fd, struct view views[PANE_COUNT], json_t **status, enum exit_code *code)
{
	char *cause = NULL;
	json_t *window;

	*status = client_call(fd, "status", NULL, BATCH_SECONDS, code, &cause);
	if (*status == NULL)
		return cause;
	for (size_t i = 0; i < PANE_COUNT; i++) {
		window = client_call(fd, views[i].pane->view, batch_params(&views[i]), BATCH_SECONDS,
		    code, &cause);
		if (window == NULL)
			return cause;
		view_take(&views[i], window, false);
		json_decref(window);
	}
	return NULL;
}

static void
batch_print(struct view views[PANE_COUNT], const json_t *status, FILE *out, int columns)
{
	struct header h = { .status = status };
	struct layout l = { .tabs_y = -1, .alert_y = -1 };
	struct canvas *c;
	char alert[PANE_CELL_SIZE];
	int rows = 2;

	for (size_t i = 0; i < PANE_COUNT; i++) {
		l.pane[i] = (struct place) { rows, 0, 1 + table_rows(&views[i]), columns };
		rows += l.pane[i].rows + 1;
	}
	c = text_canvas_new(rows, columns, draw_locale_utf8());
	header_draw(c, 0, &h);
	if (header_alert(&h, alert, sizeof(alert))) {
		draw_text(c, 1, 1, 1, INK_BAD, "!");
		draw_text(c, 1, 3, columns - 3, INK_BAD, alert);
	}
	for (size_t i = 0; i < PANE_COUNT; i++)
		frame_draw(c, &l, &views[i], i, false, &h, cell_number(status, "time"));
	text_canvas_print(c, out);
	text_canvas_free(c);
}

int
ui_batch(const struct conf *conf, FILE *out, int columns)
{
	struct view views[PANE_COUNT];
	enum exit_code code;
	json_t *status = NULL;
	char *cause = NULL;
	int fd;

	setlocale(LC_CTYPE, "");
	if (columns < LAYOUT_COLS_MIN)
		columns = columns <= 0 ? BATCH_COLUMNS : LAYOUT_COLS_MIN;
	for (size_t i = 0; i < PANE_COUNT; i++) {
		view_init(&views[i], pane_table[i]);
		views[i].no_cursor = true;
	}
	fd = client_connect(conf->control, &code, &cause);
	if (fd != -1)
		cause = batch_read(fd, views, &status, &code);
	if (cause == NULL) {
		batch_print(views, status, out, columns);
		code = EXIT_DONE;
	} else
		fprintf(stderr, "gatehouse: %s\n", cause);
	if (fd != -1)
		close(fd);
	for (size_t i = 0; i < PANE_COUNT; i++)
		view_clear(&views[i]);
	json_decref(status);
	free(cause);
	return code;
}
