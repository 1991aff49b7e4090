/* The console's parts that need no terminal: what is shown where, and why. */
#include "config.h"

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "ui.h"

/* A window of rows named NAME-from to NAME-(from + n - 1) out of total. */
static json_t *
window(const char *name, size_t from, size_t n, size_t total)
{
	json_t *rows = json_array();
	char text[64];

	for (size_t i = 0; i < n; i++) {
		snprintf(text, sizeof(text), "%s-%zu", name, from + i);
		json_array_append_new(rows, json_pack("{s:s, s:s, s:i}", "name", text, "id", text,
		    "allowed", (int)i));
	}
	return json_pack("{s:I, s:I, s:o}", "total", (json_int_t)total, "offset", (json_int_t)from,
	    "rows", rows);
}

static void
take(struct view *v, json_t *w, bool focused)
{
	view_take(v, w, focused);
	json_decref(w);
}

static const char *
current_name(const struct view *v)
{
	return cell_string(view_current(v), "name");
}

static void
the_cursor_stays_on_its_row_when_rows_come_above_it(void **state)
{
	struct view v;

	view_init(&v, &pane_domains);
	view_resize(&v, 10);
	take(&v, window("d", 10, 30, 100), true);
	view_select(&v, 15);
	assert_string_equal(current_name(&v), "d-15");
	assert_int_equal(v.top, 6);
	/* Three rows came before: the same names now begin at 13. */
	json_t *w = window("d", 10, 30, 103);
	json_object_set_new(w, "offset", json_integer(13));
	take(&v, w, true);
	assert_string_equal(current_name(&v), "d-15");
	assert_int_equal(v.cursor, 18);
	assert_int_equal(v.cursor - v.top, 9);
	view_clear(&v);
}

static void
a_row_that_went_leaves_the_cursor_in_its_place(void **state)
{
	struct view v;

	view_init(&v, &pane_domains);
	view_resize(&v, 10);
	take(&v, window("d", 0, 5, 5), true);
	view_select(&v, 4);
	assert_true(v.chosen);
	take(&v, window("d", 0, 5, 5), true);
	assert_true(v.chosen);
	take(&v, window("e", 0, 3, 3), true);
	assert_int_equal(v.cursor, 2);
	/* Nobody went to that one. */
	assert_false(v.chosen);
	assert_string_equal(current_name(&v), "e-2");
	take(&v, window("e", 0, 0, 0), true);
	assert_null(view_current(&v));
	assert_int_equal(v.cursor, 0);
	view_clear(&v);
}

static void
an_untouched_live_pane_follows_its_newest_row(void **state)
{
	struct view v;

	view_init(&v, &pane_blocked);
	view_resize(&v, 4);
	take(&v, window("old", 0, 8, 8), true);
	take(&v, window("new", 0, 8, 9), true);
	assert_string_equal(current_name(&v), "new-0");
	view_move(&v, 1);
	json_t *w = window("new", 0, 8, 10);
	json_object_set_new(w, "offset", json_integer(1));
	take(&v, w, true);
	assert_string_equal(current_name(&v), "new-1");
	view_first(&v);
	take(&v, window("newer", 0, 8, 11), true);
	assert_string_equal(current_name(&v), "newer-0");
	assert_false(v.chosen);
	view_clear(&v);
}

static void
moving_never_leaves_the_list(void **state)
{
	struct view v;

	view_init(&v, &pane_domains);
	view_resize(&v, 10);
	view_move(&v, -5);
	view_move(&v, 5);
	view_last(&v);
	assert_int_equal(v.cursor, 0);
	take(&v, window("d", 0, 30, 30), true);
	view_move(&v, 1000);
	assert_int_equal(v.cursor, 29);
	assert_int_equal(v.top, 20);
	view_move(&v, -1000);
	assert_int_equal(v.cursor, 0);
	assert_int_equal(v.top, 0);
	view_clear(&v);
}

static void
the_window_asked_for_covers_the_screen_at_every_position(void **state)
{
	struct view v;

	view_init(&v, &pane_domains);
	for (int height = 1; height < 200; height += 13) {
		view_resize(&v, height);
		for (size_t top = 0; top < 3000; top += 7) {
			v.total = 5000;
			v.top = v.cursor = top;
			json_t *p = view_params(&v);
			size_t offset = (size_t)cell_number(p, "offset");
			size_t limit = (size_t)cell_number(p, "limit");

			assert_true(offset <= top && offset + limit >= top + (size_t)height);
			assert_true(limit <= CONTROL_ROWS_MAX);
			json_decref(p);
		}
	}
	view_clear(&v);
}

static void
sorting_goes_through_the_columns_and_numbers_fall(void **state)
{
	struct view v;

	view_init(&v, &pane_domains);
	assert_string_equal(v.sort, "last");
	view_sort_next(&v);
	assert_string_equal(v.sort, "last_reason");
	assert_false(v.desc);
	for (size_t i = 0; i < 3; i++)
		view_sort_next(&v);
	assert_string_equal(v.sort, "entry");
	view_sort_next(&v);
	assert_string_equal(v.sort, "allowed");
	assert_true(v.desc);
	view_clear(&v);
}

static void
columns_share_the_width_by_priority_and_never_exceed_it(void **state)
{
	for (size_t i = 0; i < PANE_COUNT; i++) {
		const struct column *columns = pane_table[i]->columns;
		int want[PANE_COLUMNS_MAX], widths[PANE_COLUMNS_MAX], n = 0;

		for (; columns[n].title != NULL; n++)
			want[n] = 30;
		assert_true(n <= PANE_COLUMNS_MAX);
		for (int width = 1; width < 300; width++) {
			int used = -1, first = 0;

			table_fit(columns, want, width, widths);
			for (int k = 0; k < n; k++) {
				if (widths[k] == 0)
					continue;
				used += widths[k] + 1;
				first += columns[k].priority == 1;
				assert_true(widths[k] <= columns[k].max);
			}
			assert_true(used <= width);
			assert_true(first > 0);
		}
	}
}

static void
panes_never_overlap_or_leave_the_screen(void **state)
{
	for (int rows = 1; rows <= 100; rows++) {
		for (int cols = 1; cols <= 300; cols += 3) {
			size_t focus = (size_t)(rows + cols) % PANE_COUNT;
			struct layout l;
			int cells = 0;

			layout_make(&l, rows, cols, focus, rows % 5 == 0, rows % 2 == 0);
			assert_int_equal(l.too_small, rows < 12 || cols < 40);
			if (l.too_small)
				continue;
			assert_true(l.pane[focus].rows >= 4);
			for (size_t i = 0; i < PANE_COUNT; i++) {
				const struct place *p = &l.pane[i];

				if (p->rows == 0)
					continue;
				cells += p->rows * p->cols;
				assert_true(p->y >= 1 && p->y + p->rows <= l.bar_y);
				assert_true(p->x >= 0 && p->x + p->cols <= cols);
				assert_int_equal(layout_pane_at(&l, p->y, p->x), i);
				assert_int_equal(layout_pane_at(&l, p->y + p->rows - 1,
				    p->x + p->cols - 1), i);
			}
			/* All of what the header, alert, tabs and bar leave. */
			assert_int_equal(cells, (rows - 2 - (l.alert_y >= 0) - (l.tabs_y >= 0)) * cols);
		}
	}
}

/* What a drawing of 1 row shows, as text. */
static char *
header_text(const char *status, int silence, int cols, bool utf8)
{
	json_t *j = status == NULL ? NULL : json_loads(status, 0, NULL);
	struct header h = { j, silence, false, "no daemon: nobody listens" };
	struct canvas *c = text_canvas_new(1, cols, utf8);
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	header_draw(c, 0, &h);
	text_canvas_print(c, out);
	fclose(out);
	text_canvas_free(c);
	json_decref(j);
	return text;
}

#define STATUS(firewall, proxy, alerts) "{\"host\":\"h\",\"time\":1000.5,\"firewall\":{" firewall \
	"},\"proxy\":{" proxy "},\"alerts\":[" alerts "]}"

static void
the_header_answers_in_words_at_every_width(void **state)
{
	static const struct {
		const char	*status;
		int		 silence;
		const char	*must[3];
	} cases[] = {
		{ STATUS("\"state\":\"enforcing\",\"profile\":\"filtered\",\"verified\":998",
		    "\"state\":\"up\"", ""), 0, { "FILTERED", "proxy UP" } },
		{ STATUS("\"state\":\"enforcing\",\"profile\":\"lockdown\"", "\"state\":\"up\"", ""), 0,
		    { "LOCKDOWN", "proxy UP" } },
		{ STATUS("\"state\":\"open\",\"profile\":\"none\"", "\"state\":\"stopped\"",
		    "{\"text\":\"a\"},{\"text\":\"b\"}"), 0, { "OPEN", "proxy STOPPED", "! 2" } },
		{ STATUS("\"state\":\"drift\",\"profile\":\"filtered\"", "\"state\":\"down\"", ""), 0,
		    { "DRIFT", "proxy DOWN" } },
		{ STATUS("\"state\":\"observing\",\"profile\":\"observe\"", "\"state\":\"up\"", ""), 0,
		    { "OBSERVE" } },
		{ STATUS("\"state\":\"unknown\"", "", ""), 0, { "UNKNOWN", "proxy DOWN" } },
		{ STATUS("\"state\":\"enforcing\",\"profile\":\"filtered\"", "\"state\":\"up\"", ""), 5,
		    { "STALE 5s" } },
		{ STATUS("\"state\":\"enforcing\",\"profile\":\"filtered\"", "\"state\":\"up\"", ""), -1,
		    { "NO DAEMON" } },
		{ NULL, -1, { "NO DAEMON" } },
		{ NULL, 0, { "CONNECTING" } },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (int cols = 40; cols < 200; cols += 7) {
			char *text = header_text(cases[i].status, cases[i].silence, cols, false);

			assert_true(strlen(text) <= (size_t)cols + 1);
			for (size_t k = 0; k < 3 && cases[i].must[k] != NULL; k++)
				assert_non_null(strstr(text, cases[i].must[k]));
			free(text);
		}
	}
}

static void
a_dead_connection_is_never_shown_as_enforcing(void **state)
{
	char *text = header_text(STATUS("\"state\":\"enforcing\",\"profile\":\"filtered\","
	    "\"verified\":998", "\"state\":\"up\"", ""), -1, 200, false);

	assert_null(strstr(text, "proxy UP"));
	assert_null(strstr(text, "verified 2s"));
	assert_non_null(strstr(text, "FILTERED when last heard, not verified now"));
	assert_non_null(strstr(text, "nobody listens"));
	free(text);
}

static void
guest_bytes_become_harmless_and_are_escaped_once(void **state)
{
	char buf[64];

	assert_string_equal(draw_clean(buf, sizeof(buf), "a\x1b[31m\x7f\xc3\xa9"),
	    "a\\x1b[31m\\x7f\\xc3\\xa9");
	assert_string_equal(draw_clean(buf, sizeof(buf), "already \\x00 escaped\\"),
	    "already \\x00 escaped\\");
	assert_string_equal(draw_clean(buf, 6, "ab\x1b\x1b"), "ab");
	assert_string_equal(draw_clean(buf, 1, "ab"), "");
}

static void
text_that_does_not_fit_is_marked_as_cut(void **state)
{
	static const char *const expected[] = { "abc\xe2\x80\xa6 \xe2\x94\x80\n", "abc~ -\n" };

	for (int ascii = 0; ascii < 2; ascii++) {
		struct canvas *c = text_canvas_new(3, 8, !ascii);
		char *text = NULL;
		size_t len;
		FILE *out = open_memstream(&text, &len);

		assert_int_equal(draw_text(c, 0, 0, 4, INK_NORMAL, "abcdef"), 4);
		draw_glyph(c, 0, 5, INK_NORMAL, GLYPH_HLINE, 1);
		/* Outside: nothing, and no harm. */
		draw_text(c, 3, 0, 4, INK_NORMAL, "x");
		draw_text(c, 0, 8, 4, INK_NORMAL, "x");
		draw_text(c, -1, 0, 4, INK_NORMAL, "x");
		draw_glyph(c, 2, 7, INK_NORMAL, GLYPH_SPACE, 99);
		text_canvas_print(c, out);
		fclose(out);
		assert_string_equal(text, expected[ascii]);
		free(text);
		text_canvas_free(c);
	}
}

static void
what_tells_a_text_from_others_is_not_cut(void **state)
{
	static const struct {
		enum cut	 cut;
		int		 width;
		const char	*text, *shown;
	} rows[] = {
		{ CUT_NAME, 22, "registry.npmjs.org.evil.example", "~pmjs.org.evil.example" },
		{ CUT_NAME, 31, "registry.npmjs.org.evil.example", "registry.npmjs.org.evil.example" },
		{ CUT_NAME, 16, "off .registry.npmjs.org", "off .~.npmjs.org" },
		{ CUT_NAME, 14, "!*.gist.github.com", "!*.~github.com" },
		{ CUT_NAME, 16, "crates.io  until=2026-11-22T17:34Z", "crates.io  unti~" },
		{ CUT_NAME, 9, "crates.io  until=2026-11-22T17:34Z", "~ates.io~" },
		{ CUT_NAME, 14, "off .docker.io vm=agent-*", "off .~cker.io~" },
		{ CUT_NAME, 4, "example.org", "exa~" },
		{ CUT_NAME, 1, "example.org", "~" },
		{ CUT_ADDRESS, 20, "tcp [2001:db8:0:1::77]:4444", "tcp [2001:d~77]:4444" },
		{ CUT_ADDRESS, 20, "icmp6 2001:2::7777 echo-request", "icmp6 2001:2::7777 ~" },
		{ CUT_MIDDLE, 20, "meta l4proto tcp -> reject", "meta l4proto ~reject" },
		{ CUT_END, 6, "example.org", "examp~" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct canvas *c = text_canvas_new(1, 40, false);
		char *text = NULL;
		size_t len;
		FILE *out = open_memstream(&text, &len);

		assert_int_equal(draw_cut(c, 0, 3, rows[i].width, INK_NORMAL, rows[i].text, rows[i].cut),
		    strlen(rows[i].shown));
		/* At the edge, what is left counts; outside, nothing is drawn. */
		draw_cut(c, 0, 38, 30, INK_NORMAL, "", rows[i].cut);
		draw_cut(c, 0, 45, 30, INK_NORMAL, rows[i].text, rows[i].cut);
		draw_cut(c, 7, 0, 4, INK_NORMAL, rows[i].text, rows[i].cut);
		text_canvas_print(c, out);
		fclose(out);
		text[len - 1] = '\0';
		assert_string_equal(text + 3, rows[i].shown);
		free(text);
		text_canvas_free(c);
	}
}

static void
rows_of_nonsense_are_drawn_without_harm(void **state)
{
	static const char nonsense[] = "{\"total\":7,\"offset\":0,\"rows\":[null,{},[],\"x\",3,"
	    "{\"name\":5,\"id\":{},\"allowed\":-1,\"last\":1e300,\"addresses\":[7,null,\"\\u001b\"],"
	    "\"dst\":[],\"dport\":\"x\",\"count\":1e99,\"until\":-5,\"rate\":1e-9},"
	    "{\"text\":\"\\u0007\\u0000\"}]}";
	json_t *j = json_loads(nonsense, JSON_ALLOW_NUL, NULL);

	assert_non_null(j);
	for (size_t i = 0; i < PANE_COUNT; i++) {
		char *text = NULL;
		size_t len;
		FILE *out = open_memstream(&text, &len);
		struct lines lines = { 0 };

		ui_table(pane_table[i]->view, j, out, 100);
		ui_table(pane_table[i]->view, j, out, 0);
		ui_table(pane_table[i]->view, json_null(), out, 1);
		fclose(out);
		assert_null(memchr(text, 0x1b, len));
		assert_null(memchr(text, 0x07, len));
		free(text);
		for (size_t k = 0; k < 7; k++)
			pane_table[i]->detail(json_array_get(json_object_get(j, "rows"), k), 1e9, &lines);
		lines_free(&lines);
	}
	json_decref(j);
}

/* None shown is not none there. */
static void
a_table_of_no_rows_says_whether_there_are_any(void **state)
{
	static const struct {
		const char	*window, *text;
	} rows[] = {
		{ "{\"total\":3,\"offset\":0,\"rows\":[]}", "none of 3 shown" },
		{ "{\"total\":0,\"offset\":0,\"rows\":[]}", "no guest seen yet" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *j = json_loads(rows[i].window, 0, NULL);
		char *text = NULL;
		size_t len;
		FILE *out = open_memstream(&text, &len);

		ui_table("vms", j, out, 100);
		fclose(out);
		assert_non_null(strstr(text, rows[i].text));
		free(text);
		json_decref(j);
	}
}

static void
popup_text_is_wrapped_at_spaces(void **state)
{
	struct lines l = { 0 }, w;

	lines_add(&l, INK_NORMAL, "a quick brown fox jumps over the lazy dog, twice");
	lines_add(&l, INK_NORMAL, "%s", "");
	lines_text(&l, INK_NORMAL, "one\n\ttwo\n");
	w = lines_wrap(&l, 20);
	assert_string_equal(w.line[0].text, "a quick brown fox");
	assert_string_equal(w.line[1].text, "  jumps over the");
	assert_string_equal(w.line[w.n - 1].text, " two");
	for (size_t i = 0; i < w.n; i++)
		assert_true(strlen(w.line[i].text) <= 20);
	lines_free(&w);
	lines_free(&l);
}

static void
every_key_has_one_row_and_each_row_is_told(void **state)
{
	for (const struct key_row *a = key_table; a->shown != NULL; a++) {
		assert_non_null(a->run);
		assert_true(strlen(a->help) > 0 && strlen(a->help) <= 47);
		assert_null(strpbrk(a->command, " "));
		for (const struct key_row *b = key_table; b < a; b++)
			for (size_t i = 0; i < 4 && a->keys[i] != 0; i++)
				for (size_t k = 0; k < 4 && b->keys[k] != 0; k++)
					assert_int_not_equal(a->keys[i], b->keys[k]);
	}
}

static void
every_ink_of_every_theme_has_a_look_without_colours(void **state)
{
	assert_int_equal(theme_find("no such"), 0);
	assert_int_equal(theme_find(NULL), 0);
	for (size_t t = 0; t < theme_count(); t++) {
		assert_int_equal(theme_find(theme_name(t)), t);
		for (int ink = 0; ink < INK_COUNT; ink++) {
			struct look none = theme_look(t, (enum ink)ink, 0);

			assert_true(none.fg == -1 && none.bg == -1);
			assert_true(theme_look(t, (enum ink)ink, 8).fg < 8);
		}
		/* What is loud must stay loud. */
		assert_true(theme_look(t, INK_BADGE_BAD, 0).attributes & LOOK_REVERSE);
		assert_true(theme_look(t, INK_ERROR, 0).attributes & LOOK_REVERSE);
		assert_true(theme_look(t, INK_CURSOR, 0).attributes & LOOK_REVERSE);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_cursor_stays_on_its_row_when_rows_come_above_it),
		cmocka_unit_test(a_row_that_went_leaves_the_cursor_in_its_place),
		cmocka_unit_test(an_untouched_live_pane_follows_its_newest_row),
		cmocka_unit_test(moving_never_leaves_the_list),
		cmocka_unit_test(the_window_asked_for_covers_the_screen_at_every_position),
		cmocka_unit_test(sorting_goes_through_the_columns_and_numbers_fall),
		cmocka_unit_test(columns_share_the_width_by_priority_and_never_exceed_it),
		cmocka_unit_test(panes_never_overlap_or_leave_the_screen),
		cmocka_unit_test(the_header_answers_in_words_at_every_width),
		cmocka_unit_test(a_dead_connection_is_never_shown_as_enforcing),
		cmocka_unit_test(guest_bytes_become_harmless_and_are_escaped_once),
		cmocka_unit_test(text_that_does_not_fit_is_marked_as_cut),
		cmocka_unit_test(what_tells_a_text_from_others_is_not_cut),
		cmocka_unit_test(rows_of_nonsense_are_drawn_without_harm),
		cmocka_unit_test(a_table_of_no_rows_says_whether_there_are_any),
		cmocka_unit_test(popup_text_is_wrapped_at_spaces),
		cmocka_unit_test(every_key_has_one_row_and_each_row_is_told),
		cmocka_unit_test(every_ink_of_every_theme_has_a_look_without_colours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
