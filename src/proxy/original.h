/*
 * Where a redirected connection was going before the firewall turned it.  What
 * the question needs is opened before the sandbox, once for all workers.
 */
#ifndef ORIGINAL_H
#define ORIGINAL_H

#include <stdbool.h>
#include <stdint.h>

#include "gatehouse.h"

enum original {
	ORIGINAL_NONE,		/* it was not redirected */
	ORIGINAL_KNOWN,
	ORIGINAL_UNTOLD,	/* the system does not say: only the name decides */
};

/* False and a cause (caller frees): every answer will be ORIGINAL_UNTOLD. */
bool		 original_open(char **cause);
void		 original_close(void);
/* fd: our end.  Any thread. */
enum original	 original_destination(int fd, uint8_t family, struct addr *, uint16_t *port);

#endif
