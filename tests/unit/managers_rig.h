/* Rows of a VM manager's list, for the tests of its parsers. */
#ifndef MANAGERS_RIG_H
#define MANAGERS_RIG_H

#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "inventory/manager.h"

enum { ROWS = 64 };
static struct sighting rows[ROWS];
static size_t nrows;

static int
setup(void **state)
{
	memset(rows, 0xa5, sizeof(rows));
	nrows = 0;
	return 0;
}

static void
list(const struct manager *m, const char *text)
{
	char *cause = m->list_parse(text, strlen(text), rows, &nrows, ROWS);

	if (cause != NULL)
		fail_msg("%s", cause);
}

/* Not read, for a reason that says this and is harmless to print. */
static void
refused(const struct manager *m, const char *text, const char *want)
{
	char *cause;

	nrows = 0;
	cause = m->list_parse(text, strlen(text), rows, &nrows, ROWS);
	if (cause == NULL || strstr(cause, want) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", want, cause != NULL ? cause : "");
	for (const char *p = cause; p != NULL && *p != '\0'; p++)
		assert_in_range(*p, ' ', '~');
	free(cause);
}

#endif
