/* Captures of tests/drops, and the text that they read as. */
#ifndef DROP_GOLDEN_H
#define DROP_GOLDEN_H

#include <stdio.h>

#include "drops/drops.h"
#include "drops/show.h"
#include "unit.h"
#include "xmalloc.h"

enum { TEXT_SIZE = 64 << 10 };

static inline void
append(const struct drop *d, void *arg)
{
	char line[DROP_LINE_SIZE], *text = arg;
	size_t len = strlen(text);

	snprintf(text + len, TEXT_SIZE - len, "%s\n", drop_format(line, d));
}

static inline const char *
fixture(const char *name, char path[512])
{
	const char *srcdir = getenv("abs_srcdir");

	snprintf(path, 512, "%s/tests/drops/%s", srcdir != NULL ? srcdir : ".", name);
	return path;
}

/* REWRITE_GOLDENS in the environment writes the text anew. */
static inline void
compare(const char *pcap, const char *txt)
{
	const bool rewrite = getenv("REWRITE_GOLDENS") != NULL;
	char path[512], *got = xcalloc(1, TEXT_SIZE), *want = xcalloc(1, TEXT_SIZE);
	FILE *f;

	assert_null(capture_read_file(fixture(pcap, path), append, got));
	f = fopen(fixture(txt, path), rewrite ? "w" : "r");
	assert_non_null(f);
	if (rewrite)
		fputs(got, f);
	else {
		want[fread(want, 1, TEXT_SIZE - 1, f)] = '\0';
		assert_string_equal(got, want);
	}
	fclose(f);
	free(got);
	free(want);
}

#endif
