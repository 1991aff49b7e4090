/* Where a redirected connection was going before the firewall turned it. */
#ifndef ORIGINAL_H
#define ORIGINAL_H

#include <stdbool.h>
#include <stdint.h>

#include "gatehouse.h"

/* False if the connection was not redirected. One file an operating system. */
bool	 original_destination(int fd, uint8_t family, struct addr *, uint16_t *port);

#endif
