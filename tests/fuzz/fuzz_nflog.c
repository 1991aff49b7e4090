/* Whatever a record holds, decoding it reads only its bytes, yields a drop that
 * may cross a process border, and words for it that fit. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "drops/drops.h"
#include "drops/show.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static bool
check(const struct drop *d, void *arg)
{
	char line[DROP_LINE_SIZE];

	if (memchr(d->label, '\0', sizeof(d->label)) == NULL ||
	    memchr(d->in, '\0', sizeof(d->in)) == NULL ||
	    memchr(d->out, '\0', sizeof(d->out)) == NULL)
		abort();
	if ((d->flags & ~DROP_FLAGS_ALL) != 0 || d->count == 0)
		abort();
	if ((d->flags & (DROP_PORTS | DROP_ICMP)) != 0 && d->dst.family == 0)
		abort();
	drop_format(line, d);
	for (const char *p = line; *p != '\0'; p++) {
		if (*p < ' ' || *p > '~')
			abort();
	}
	json_decref(drop_json(d));
	drop_is_noise(d);
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct aggregate *runs;
	struct drop d;

	if (runs == NULL)
		runs = aggregate_new(64);
	memset(&d, 0xff, sizeof(d));
	nflog_decode(data, len, len, &d);
	check(&d, NULL);
	aggregate_add(runs, &d);
	if (len % 16 == 0)
		aggregate_flush(runs, check, NULL);
	return 0;
}
