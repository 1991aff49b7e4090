/* No process of ours executes anything while a thread opens descriptors, so
 * that the moment between the two calls matters to nobody. */
#include "config.h"

#include "fds.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* The descriptor, or -1 with it closed. */
static int
set(int fd, bool async)
{
	int flags, error;

	if (fd == -1)
		return -1;
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) != -1 && (!async ||
	    ((flags = fcntl(fd, F_GETFL)) != -1 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) != -1)))
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

/* Both, or neither. */
static int
set_pair(int fds[2])
{
	if (set(fds[0], false) == -1) {
		close(fds[1]);
		return -1;
	}
	if (set(fds[1], false) == -1) {
		close(fds[0]);
		return -1;
	}
	return 0;
}

int
fds_socket(int family, int type, int protocol)
{
	return set(socket(family, type, protocol), false);
}

int
fds_socket_async(int family, int type, int protocol)
{
	return set(socket(family, type, protocol), true);
}

int
fds_accept(int listener, struct sockaddr *sa, socklen_t *len)
{
	return set(accept(listener, sa, len), true);
}

int
fds_pair(int pair[2])
{
	return socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == -1 ? -1 : set_pair(pair);
}

int
fds_pipe(int ends[2])
{
	return pipe(ends) == -1 ? -1 : set_pair(ends);
}

void
fds_close_from(int first)
{
	const int end = getdtablesize();

	for (int fd = first; fd < end; fd++)
		close(fd);
}
