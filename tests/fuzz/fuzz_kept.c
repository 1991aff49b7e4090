/* Whatever stands in what was kept of VM managers, rows that are taken are sound. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "xmalloc.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	void *bytes = xmalloc(len + 1);
	const struct sighting *rows;
	size_t n;

	memcpy(bytes, data, len);
	rows = kept_rows(bytes, len, &n);
	if (rows == NULL && n != 0)
		abort();
	for (size_t i = 0; i < n; i++) {
		if (rows[i].naddrs > GUEST_ADDRS || rows[i].state >= GUEST_STATE_COUNT ||
		    memchr(rows[i].name, '\0', sizeof(rows[i].name)) == NULL)
			abort();
	}
	free(bytes);
	return 0;
}
