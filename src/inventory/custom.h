/* Guests from what the command of a [provider NAME] section prints. Pure. */
#ifndef CUSTOM_H
#define CUSTOM_H

#include "inventory/inventory.h"

/* JSON, or a JSON object a line.  NULL, or why it makes no sense (caller frees): then
 * what was appended does not count. */
char	*custom_parse(const struct conf_provider *, const char *text, size_t len,
	    struct sighting *, size_t *n, size_t max);

#endif
