#include "config.h"

#include "allow/memfile.h"

#include <sys/types.h>
#include <sys/mman.h>

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "allow/memfile_open.h"
#include "xmalloc.h"

int
memfile_new(size_t size, void **map, char **cause)
{
	const int fd = memfile_open();

	*map = MAP_FAILED;
	if (fd != -1 && ftruncate(fd, (off_t)size) == 0)
		*map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (*map == MAP_FAILED) {
		*cause = xasprintf("no memory file of %zu bytes for the compiled allowlist: %s",
		    size, strerror(errno));
		if (fd != -1)
			close(fd);
		return -1;
	}
	return fd;
}

void
memfile_unmap(const void *map, size_t size)
{
	/* munmap() takes what mmap() gave; it writes nothing there. */
	munmap((void *)(uintptr_t)map, size);
}
