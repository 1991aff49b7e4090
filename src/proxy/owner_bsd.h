/* What owner_bsd.c wants of the system's own file. */
#ifndef OWNER_BSD_H
#define OWNER_BSD_H

#include <stddef.h>

#include "proxy/owner.h"

/* A socket: its own address, and whom it is connected to (of one that listens,
 * port 0). */
struct owner_socket {
	struct addr	local, foreign;
	uint16_t	local_port, foreign_port;
};

/* The sysctl(3) that lists every TCP socket. */
extern const char *const owner_list;
/* Finds it in the list. OWNER_UNKNOWN: the list is of another version. */
enum owner_answer	 owner_find(const uint8_t *, size_t, const struct owner_socket *, uint32_t *uid);

#endif
