/* What every unit test includes: cmocka, with the headers it wants first. */
#ifndef UNIT_H
#define UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Turns the test's own event loop (its turn()) until something is so. */
#define until(r, cond) do {						\
	int turns_ = 0;							\
	while (!(cond)) {						\
		if (turns_++ > 4000)					\
			fail_msg("never came: %s", #cond);		\
		turn(r);						\
	}								\
} while (0)

/* A cause was given and says that much; frees it. */
static inline void
assert_cause(char *cause, const char *part)
{
	assert_non_null(cause);
	if (strstr(cause, part) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", cause, part);
	free(cause);
}

#endif
