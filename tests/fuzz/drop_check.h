/* What holds of every drop, whatever it was decoded from. */
#ifndef DROP_CHECK_H
#define DROP_CHECK_H

#include <stdlib.h>
#include <string.h>

#include "drops/drops.h"
#include "drops/show.h"

static inline void
drop_check(const struct drop *d)
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
}

#endif
