/*
 * A unified diff of two short texts, by the longest common subsequence of
 * their lines: a table of (lines left before) x (lines left after) lengths.
 * What both begin and end with is taken off first, so that the table only
 * covers the part that changed.
 */
#include "config.h"

#include "firewall/diff.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xmalloc.h"

enum { LINES_MAX = 4000, CONTEXT = 3 };

struct lines {
	size_t		 n;
	const char	*at[LINES_MAX];
	size_t		 len[LINES_MAX];
};

/* One line of the result: ' ', '-' or '+'. */
struct edit {
	char		 kind;
	const char	*at;
	size_t		 len;
};

struct edits {
	size_t		 n;
	struct edit	 all[2 * LINES_MAX];
};

/* What lies beyond LINES_MAX becomes one last line. */
static struct lines *
lines_split(const char *text)
{
	struct lines *l = xcalloc(1, sizeof(*l));

	while (*text != '\0') {
		const char *end = strchr(text, '\n');
		size_t len = end != NULL ? (size_t)(end - text) : strlen(text);

		if (l->n == LINES_MAX - 1)
			len = strlen(text);
		l->at[l->n] = text;
		l->len[l->n++] = len;
		text += len;
		if (*text == '\n')
			text++;
	}
	return l;
}

static bool
same(const struct lines *a, size_t i, const struct lines *b, size_t k)
{
	return a->len[i] == b->len[k] && memcmp(a->at[i], b->at[k], a->len[i]) == 0;
}

static void
add(struct edits *e, char kind, const struct lines *l, size_t i)
{
	e->all[e->n++] = (struct edit){ kind, l->at[i], l->len[i] };
}

/* The middle: lines a0..a1 of a against b0..b1 of b. */
static void
diff_middle(struct edits *e, const struct lines *a, size_t a0, size_t a1, const struct lines *b,
    size_t b0, size_t b1)
{
	const size_t rows = a1 - a0 + 1, cols = b1 - b0 + 1;
	uint16_t *common = xcalloc(rows * cols, sizeof(*common));
	size_t i, k;

	for (i = rows - 1; i-- > 0;) {
		for (k = cols - 1; k-- > 0;) {
			const uint16_t *down = &common[(i + 1) * cols + k];
			const uint16_t *right = &common[i * cols + k + 1];

			if (same(a, a0 + i, b, b0 + k))
				common[i * cols + k] = (uint16_t)(down[1] + 1);
			else
				common[i * cols + k] = *down > *right ? *down : *right;
		}
	}
	for (i = 0, k = 0; i + 1 < rows || k + 1 < cols;) {
		if (i + 1 < rows && k + 1 < cols && same(a, a0 + i, b, b0 + k)) {
			add(e, ' ', a, a0 + i);
			i++;
			k++;
		} else if (k + 1 == cols || (i + 1 < rows &&
		    common[(i + 1) * cols + k] >= common[i * cols + k + 1]))
			add(e, '-', a, a0 + i++);
		else
			add(e, '+', b, b0 + k++);
	}
	free(common);
}

static void
diff_lines(struct edits *e, const struct lines *a, const struct lines *b)
{
	size_t head = 0, tail = 0;

	while (head < a->n && head < b->n && same(a, head, b, head))
		add(e, ' ', a, head++);
	while (tail < a->n - head && tail < b->n - head &&
	    same(a, a->n - tail - 1, b, b->n - tail - 1))
		tail++;
	diff_middle(e, a, head, a->n - tail, b, head, b->n - tail);
	for (size_t i = a->n - tail; i < a->n; i++)
		add(e, ' ', a, i);
}

/* The end of the hunk that begins at edit i: after it come more than twice
 * CONTEXT unchanged lines, or none. */
static size_t
hunk_end(const struct edits *e, size_t i)
{
	size_t quiet = 0;

	for (; i < e->n && quiet <= 2 * CONTEXT; i++)
		quiet = e->all[i].kind == ' ' ? quiet + 1 : 0;
	i -= quiet;
	return i + (quiet < CONTEXT ? quiet : CONTEXT);
}

static void
put_hunk(FILE *f, const struct edits *e, size_t from, size_t to, size_t a, size_t b)
{
	size_t na = 0, nb = 0;

	for (size_t i = from; i < to; i++) {
		na += e->all[i].kind != '+';
		nb += e->all[i].kind != '-';
	}
	fprintf(f, "@@ -%zu,%zu +%zu,%zu @@\n", a, na, b, nb);
	for (size_t i = from; i < to; i++)
		fprintf(f, "%c%.*s\n", e->all[i].kind, (int)e->all[i].len, e->all[i].at);
}

static void
put_hunks(FILE *f, const struct edits *e)
{
	size_t a = 1, b = 1, at = 0;	/* lines before edit "at" */

	for (size_t i = 0; i < e->n; i++) {
		size_t from, to;

		if (e->all[i].kind == ' ')
			continue;
		from = i - at < CONTEXT ? at : i - CONTEXT;
		to = hunk_end(e, i);
		a += from - at;
		b += from - at;
		put_hunk(f, e, from, to, a, b);
		for (; from < to; from++) {
			a += e->all[from].kind != '+';
			b += e->all[from].kind != '-';
		}
		at = to;
		i = to - 1;
	}
}

char *
text_diff(const char *before_name, const char *before, const char *after_name, const char *after)
{
	struct lines *a, *b;
	struct edits *e;
	size_t size;
	char *text;
	FILE *f;

	if (strcmp(before, after) == 0)
		return xstrdup("");
	a = lines_split(before);
	b = lines_split(after);
	e = xcalloc(1, sizeof(*e));
	diff_lines(e, a, b);
	f = xmemstream(&text, &size);
	fprintf(f, "--- %s\n+++ %s\n", before_name, after_name);
	put_hunks(f, e);
	fclose(f);
	free(a);
	free(b);
	free(e);
	return text;
}
