#include "config.h"

#include "json_text.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "text.h"
#include "xmalloc.h"

static json_t *
json_escaped(const char *s)
{
	size_t len = strlen(s), size = len * 4 + 1;
	char *text = xmalloc(size);
	json_t *j;

	text_escape(text, size, s, len);
	if ((j = json_string(text)) == NULL)
		fatalx("out of memory (json)");
	free(text);
	return j;
}

/* C0, DEL, and C1 in its UTF-8 form (U+0080 to U+009F). */
static bool
has_controls(const char *s)
{
	const uint8_t *p = (const uint8_t *)s;

	for (; *p != '\0'; p++) {
		if (*p == 0x7f || (*p < 0x20 && *p != '\n' && *p != '\t'))
			return true;
		if (p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0)
			return true;
	}
	return false;
}

json_t *
json_plain(const char *s)
{
	json_t *j = has_controls(s) ? NULL : json_string(s);

	return j != NULL ? j : json_escaped(s);
}

json_t *
json_guest(const char *s)
{
	for (const char *p = s; *p != '\0'; p++) {
		if (*p < 0x20 || *p > 0x7e)
			return json_escaped(s);
	}
	return json_plain(s);
}

json_t *
json_plain_or_null(const char *s)
{
	return s != NULL && *s != '\0' ? json_plain(s) : json_null();
}
