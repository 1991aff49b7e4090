/* Bytes looked at where they lie: lines, tokens and numbers of a head. */
#include "config.h"

#include "proxy/view.h"

#include <string.h>
#include <strings.h>

bool
view_is(struct view v, const char *s)
{
	return v.len == strlen(s) && strncasecmp((const char *)v.at, s, v.len) == 0;
}

bool
view_starts(struct view v, const char *s)
{
	return v.len >= strlen(s) && strncasecmp((const char *)v.at, s, strlen(s)) == 0;
}

bool
view_same(struct view a, struct view b)
{
	return a.len == b.len && strncasecmp((const char *)a.at, (const char *)b.at, a.len) == 0;
}

struct view
view_until(struct view v, uint8_t c, struct view *rest)
{
	const uint8_t *p = v.len > 0 ? memchr(v.at, c, v.len) : NULL;
	struct view head = v;

	*rest = (struct view){ v.at + v.len, 0 };
	if (p != NULL) {
		head.len = (size_t)(p - v.at);
		*rest = (struct view){ p + 1, v.len - head.len - 1 };
	}
	return head;
}

struct view
view_trim(struct view v)
{
	while (v.len > 0 && (v.at[0] == ' ' || v.at[0] == '\t')) {
		v.at++;
		v.len--;
	}
	while (v.len > 0 && (v.at[v.len - 1] == ' ' || v.at[v.len - 1] == '\t'))
		v.len--;
	return v;
}

bool
view_number(struct view v, size_t max_digits, uint64_t *out)
{
	uint64_t n = 0;

	if (v.len == 0 || v.len > max_digits)
		return false;
	for (size_t i = 0; i < v.len; i++) {
		if (v.at[i] < '0' || v.at[i] > '9')
			return false;
		n = n * 10 + (uint64_t)(v.at[i] - '0');
	}
	*out = n;
	return true;
}

struct view
view_line(struct view *rest)
{
	struct view line = view_until(*rest, '\n', rest);

	if (line.len > 0)
		line.len--;
	return line;
}
