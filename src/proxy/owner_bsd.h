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
	uint32_t	uid;
	bool		closed;		/* by its process, and so nobody's */
};

/* The list that sysctl(3) gives of every TCP socket: entries between two heads, each
 * of which begins with its own length. */
struct owner_list {
	const char	*name;
	size_t		 length_size;	/* 4 or 8 */
	size_t		 head, entry;
};
extern const struct owner_list owner_list;
/* Reads one entry, which need not be aligned. */
void	 owner_read(const uint8_t *entry, struct owner_socket *);
/* The family that is used; both point to what the kernel has there for it. */
void	 owner_addr(struct addr *, uint8_t family, const void *v4, const void *v6);

#endif
