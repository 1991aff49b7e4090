/*
 * A pf.conf and a record of setup, as anyone may have left them.  What a hook
 * was added to keeps it when it is added again, and loses it when it is removed.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "setup/setup.h"
#include "xmalloc.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
hooks(const char *text, bool nat)
{
	char *cause, *once = setup_hook_add(text, "gatehouse", nat, &cause), *twice, *none, *clean;

	if (once == NULL) {
		free(cause);
		return;
	}
	twice = setup_hook_add(once, "gatehouse", nat, &cause);
	if (twice == NULL || strcmp(once, twice) != 0)
		abort();
	none = setup_hook_remove(once, &cause);
	clean = setup_hook_remove(text, &cause);
	if (none == NULL || clean == NULL || strncmp(none, clean, strlen(clean)) != 0 ||
	    strlen(none) > strlen(clean) + 1)
		abort();
	free(clean);
	free(none);
	free(twice);
	free(once);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *text = xstrndup((const char *)data, len), *back;
	struct setup_record r, again;

	hooks(text, len % 2 == 0);
	if (setup_record_parse(&r, text)) {
		back = setup_record_format(&r);
		if (!setup_record_parse(&again, back) || again.n != r.n)
			abort();
		setup_record_free(&again);
		setup_record_free(&r);
		free(back);
	}
	free(text);
	return 0;
}
