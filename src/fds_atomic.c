#include "config.h"

#include "fds.h"

#include <fcntl.h>
#include <unistd.h>

int
fds_socket(int family, int type, int protocol)
{
	return socket(family, type | SOCK_CLOEXEC, protocol);
}

int
fds_socket_async(int family, int type, int protocol)
{
	return socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
}

int
fds_accept(int listener, struct sockaddr *sa, socklen_t *len)
{
	return accept4(listener, sa, len, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

int
fds_pair(int pair[2])
{
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair);
}

int
fds_pipe(int ends[2])
{
	return pipe2(ends, O_CLOEXEC);
}

void
fds_close_from(int first)
{
	closefrom(first);
}
