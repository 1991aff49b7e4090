/*
 * Commands of the system: with an environment and words of ours alone, without
 * input.  What one says is shown only if it fails.
 */
#include "config.h"

#include "setup/setup.h"

#include <stdlib.h>
#include <string.h>

#include "program.h"
#include "xmalloc.h"

enum { SAID_SHOWN = 2000 };

static char *const environment[] = { (char[]){ "PATH=/usr/sbin:/usr/bin:/sbin:/bin" },
	(char[]){ "LC_ALL=C" }, NULL };

/* The words, with one more at the end; both belong to others. */
static void
words_with(const struct setup_command *c, const char *more, char *argv[SETUP_ARGS_MAX + 1])
{
	size_t n = 0;

	while (n + 1 < SETUP_ARGS_MAX && c->argv[n] != NULL) {
		argv[n] = c->argv[n];
		n++;
	}
	if (more != NULL)
		argv[n++] = (char *)(uintptr_t)more;
	argv[n] = NULL;
}

static char *
why_failed(const char *path, const struct program_said *r)
{
	const char *said = r->err[0] != '\0' ? r->err : r->out;
	size_t len = strnlen(said, SAID_SHOWN);

	while (len > 0 && said[len - 1] == '\n')
		len--;
	return xasprintf("%s exited with %d%s%.*s", path, r->code, len > 0 ? ": " : "", (int)len,
	    said);
}

char *
setup_tool(const struct setup_site *site, const struct setup_command *c, const char *more)
{
	char *argv[SETUP_ARGS_MAX + 1], *path, *cause;
	const char *base = strrchr(c->argv[0], '/');
	struct program_said r;

	words_with(c, more, argv);
	path = site->tools != NULL ? xasprintf("%s%s", site->tools, base) : xstrdup(argv[0]);
	argv[0] = path;
	cause = program_run((const char *const *)(uintptr_t)argv, environment, NULL,
	    SETUP_TOOL_SECONDS, &r);
	if (cause == NULL && r.code != 0)
		cause = why_failed(path, &r);
	program_said_free(&r);
	free(path);
	return cause;
}

void
setup_tool_print(const struct setup_command *c, const char *more, FILE *f)
{
	char *argv[SETUP_ARGS_MAX + 1];

	words_with(c, more, argv);
	for (size_t i = 0; argv[i] != NULL; i++) {
		const char *quote = argv[i][0] == '\0' || strpbrk(argv[i], " ()'\"*$") != NULL ?
		    "'" : "";

		fprintf(f, "%s%s%s%s", i > 0 ? " " : "", quote, argv[i], quote);
	}
	fputc('\n', f);
}
