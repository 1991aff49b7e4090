/* Who is at the other end of a Unix socket: a file for each system. */
#ifndef PEER_H
#define PEER_H

#include <sys/types.h>

#include <stdbool.h>

/* False with errno if the system does not say. */
bool	 peer_uid(int fd, uid_t *);
/* Whether the peer was a member of the group when it connected. */
bool	 peer_in_group(int fd, gid_t);

#endif
