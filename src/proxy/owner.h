/*
 * Whose process is at the other end of a connection that came over loopback:
 * the address says nothing there, and guarded users are told by their number.
 */
#ifndef OWNER_H
#define OWNER_H

#include "gatehouse.h"

struct owner;

enum owner_answer {
	OWNER_KNOWN,
	OWNER_GONE,		/* whoever it was has let go of its socket */
	OWNER_UNKNOWN,		/* the kernel does not say */
};

/* Opens a socket, so it comes before the sandbox. NULL and a cause (caller frees)
 * where the kernel cannot tell. */
struct owner	*owner_open(char **cause);
void		 owner_free(struct owner *);
/* fd: our end; peer: the other's address. */
enum owner_answer owner_ask(const struct owner *, int fd, const struct addr *peer, uint16_t port,
		    uint32_t *uid);

#endif
