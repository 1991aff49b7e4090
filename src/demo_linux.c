/*
 * `gatehouse demo` is a script of the lab, kept with the lab's programs: below
 * the directory of this binary in a build tree, else where it was installed.
 */
#include "config.h"

#include "demo.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control.h"
#include "xmalloc.h"

enum { SELF_SIZE = 4096 };

/* The path of the running binary, so that the demo shows it and no other. */
static const char *
demo_self(char path[SELF_SIZE])
{
	ssize_t n = readlink("/proc/self/exe", path, SELF_SIZE - 1);

	if (n <= 0)
		return NULL;
	path[n] = '\0';
	return path;
}

int
demo_main(int argc, char **argv)
{
	char self[SELF_SIZE], *script;
	const char *end;

	if (demo_self(self) == NULL || (end = strrchr(self, '/')) == NULL) {
		fprintf(stderr, "gatehouse demo: cannot tell where this binary is: %s\n",
		    strerror(errno));
		return EXIT_NO;
	}
	script = xasprintf("%.*s/tests/lab/demo", (int)(end - self), self);
	if (access(script, X_OK) == -1) {
		free(script);
		script = xstrdup(PKGLIBEXECDIR "/lab/demo");
	}
	if (setenv("GATEHOUSE", self, 1) == -1 || (argv[0] = script, execv(script, argv)) == -1)
		fprintf(stderr, "gatehouse demo: %s: %s (was the lab built and installed? "
		                "configure needs OpenSSL for it)\n", script, strerror(errno));
	free(script);
	return EXIT_NO;
}
