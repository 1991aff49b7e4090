/* Text of several lines, for popups: each line owned, clean, with an ink. */
#include "config.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "pane.h"
#include "xmalloc.h"

enum { LINE_MAX_BYTES = 4096, FIELD_WIDTH = 12 };

static void
lines_push(struct lines *l, enum ink ink, char *text)
{
	l->line = xreallocarray(l->line, l->n + 1, sizeof(*l->line));
	l->line[l->n++] = (struct line) { text, ink };
}

void
lines_add(struct lines *l, enum ink ink, const char *format, ...)
{
	char clean[LINE_MAX_BYTES], *text;
	va_list ap;

	va_start(ap, format);
	text = xvasprintf(format, ap);
	va_end(ap);
	draw_clean(clean, sizeof(clean), text);
	free(text);
	lines_push(l, ink, xstrdup(clean));
}

void
lines_field(struct lines *l, const char *name, const char *value)
{
	if (value[0] != '\0')
		lines_add(l, INK_NORMAL, "%-*s %s", FIELD_WIDTH, name, value);
}

void
lines_text(struct lines *l, enum ink ink, const char *text)
{
	char clean[LINE_MAX_BYTES];

	while (*text != '\0') {
		size_t len = strcspn(text, "\n");
		char *line = xstrndup(text, len), *tab;

		/* The one control character that listings use. */
		while ((tab = strchr(line, '\t')) != NULL)
			*tab = ' ';
		lines_push(l, ink, xstrdup(draw_clean(clean, sizeof(clean), line)));
		free(line);
		text += len;
		if (*text == '\n')
			text++;
	}
}

void
lines_free(struct lines *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->line[i].text);
	free(l->line);
	*l = (struct lines) { 0 };
}

/* Bytes of s that fit into width, ending at a space if there is one. */
static size_t
line_break(const char *s, size_t width)
{
	size_t at = width;

	if (strlen(s) <= width)
		return strlen(s);
	while (at > width / 2 && s[at] != ' ')
		at--;
	return at > width / 2 ? at : width;
}

struct lines
lines_wrap(const struct lines *l, int width)
{
	size_t room = width < 8 ? 8 : (size_t)width;
	struct lines out = { 0 };

	for (size_t i = 0; i < l->n; i++) {
		const char *s = l->line[i].text;
		size_t indent = 0;

		do {
			size_t len = line_break(s, room - indent);

			lines_push(&out, l->line[i].ink,
			    xasprintf("%*s%.*s", (int)indent, "", (int)len, s));
			s += len;
			while (*s == ' ')
				s++;
			/* What goes on stands under its field's value. */
			indent = room > 2 * (FIELD_WIDTH + 1) ? FIELD_WIDTH + 1 : 2;
		} while (*s != '\0');
	}
	return out;
}
