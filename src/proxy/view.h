/* Bytes inside a head, neither copied nor terminated. */
#ifndef VIEW_H
#define VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct view {
	const uint8_t	*at;
	size_t		 len;
};

/* Without regard to case. */
bool		 view_is(struct view, const char *);
bool		 view_starts(struct view, const char *);
bool		 view_same(struct view, struct view);
/* The bytes up to c; *rest is what follows it. Without c: all, and no rest. */
struct view	 view_until(struct view, uint8_t c, struct view *rest);
/* Without spaces and tabs around it. */
struct view	 view_trim(struct view);
bool		 view_number(struct view, size_t max_digits, uint64_t *);
/* The next line of a head without its CR LF, which the scan made sure is there. */
struct view	 view_line(struct view *rest);

#endif
