/* macOS's shared memory can neither be read nor sized twice, so it is a file that
 * loses its name at once. */
#include "config.h"

#include "allow/memfile_open.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

int
memfile_open(void)
{
	char path[] = "/tmp/gatehouse.XXXXXXXXXX";
	int fd = mkostemp(path, O_CLOEXEC), error;

	if (fd != -1 && unlink(path) == -1) {
		error = errno;
		close(fd);
		errno = error;
		return -1;
	}
	return fd;
}
