/* memfd_create(2) and its seals. */
#include "config.h"

#include "allow/memfile.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "xmalloc.h"

enum { SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL };

int
memfile_new(size_t size, void **map, char **cause)
{
	const int fd =
	    memfd_create("gatehouse-allowlist", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	*map = MAP_FAILED;
	if (fd != -1 && ftruncate(fd, (off_t)size) == 0)
		*map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (*map == MAP_FAILED) {
		*cause = xasprintf(
		    "no memory file of %zu bytes for the compiled allowlist: %s", size,
		    strerror(errno));
		if (fd != -1)
			close(fd);
		return -1;
	}
	return fd;
}

int
memfile_seal(int fd, void *map, size_t size, size_t final)
{
	if (munmap(map, size) == -1 || ftruncate(fd, (off_t)final) == -1)
		return -1;
	return fcntl(fd, F_ADD_SEALS, SEALS);
}

const void *
memfile_map(int fd, size_t size, const char **cause)
{
	const int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;
	void *map;

	if (seals == -1 || (seals & SEALS) != SEALS) {
		*cause = "the image is not a sealed memory file";
		return NULL;
	}
	if (fstat(fd, &st) == -1 || size == 0 || (uint64_t)st.st_size != size) {
		*cause = "the image has another size than was said";
		return NULL;
	}
	map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED) {
		*cause = "the image cannot be mapped";
		return NULL;
	}
	return map;
}

void
memfile_unmap(const void *map, size_t size)
{
	/* munmap() takes what mmap() gave; it writes nothing there. */
	munmap((void *)(uintptr_t)map, size);
}
