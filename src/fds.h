/*
 * Descriptors that no program executed later inherits: fds_atomic.c where the
 * system makes them so in one call, fds_fcntl.c where it takes two.  Everything
 * fails as the call that it is named after, with -1 and errno.
 */
#ifndef FDS_H
#define FDS_H

#include <sys/socket.h>

#include <stdbool.h>

int	 fds_socket(int family, int type, int protocol);
/* ... that does not block. */
int	 fds_socket_async(int family, int type, int protocol);
/* What it returns does not block either. */
int	 fds_accept(int listener, struct sockaddr *, socklen_t *);
/* A pair of connected stream sockets of this host. */
int	 fds_pair(int pair[2]);
int	 fds_pipe(int ends[2]);
/* Closes every descriptor from that one on. */
void	 fds_close_from(int first);

#endif
