/* Whatever pf's log holds, decoding it reads only its bytes, yields a drop that may
 * cross a process border, and words for it that fit. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "drops/drops.h"
#include "drops/pflog.h"
#include "drops/show.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check(const struct drop *d)
{
	char line[DROP_LINE_SIZE];

	if (memchr(d->label, '\0', sizeof(d->label)) == NULL ||
	    memchr(d->in, '\0', sizeof(d->in)) == NULL ||
	    memchr(d->out, '\0', sizeof(d->out)) == NULL)
		abort();
	if ((d->flags & ~DROP_FLAGS_ALL) != 0 || d->count != 1)
		abort();
	drop_format(line, d);
	for (const char *p = line; *p != '\0'; p++) {
		if (*p < ' ' || *p > '~')
			abort();
	}
	json_decref(drop_json(d));
	drop_is_noise(d);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct pflog_rule rules[] = {
		{ .number = 3, .anchor = "gatehouse", .label = "smb" },
	};
	struct drop d;

	pflog_rules_set(rules, sizeof(rules) / sizeof(rules[0]));
	memset(&d, 0xff, sizeof(d));
	pflog_decode(data, len, len, &d);
	check(&d);
	return 0;
}
