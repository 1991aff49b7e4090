/* Whatever a record holds, decoding it reads only its bytes, yields a drop that
 * may cross a process border, and words for it that fit. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "drop_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static bool
check(const struct drop *d, void *arg)
{
	drop_check(d);
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
	drop_check(&d);
	aggregate_add(runs, &d);
	if (len % 16 == 0)
		aggregate_flush(runs, check, NULL);
	return 0;
}
