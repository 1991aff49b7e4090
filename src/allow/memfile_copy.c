/*
 * Systems without seals: whoever gets such a file takes a copy that is its own
 * alone, and so cannot be changed any more while it is being looked at.
 */
#include "config.h"

#include "allow/memfile.h"

#include <sys/types.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

int
memfile_seal(int fd, void *map, size_t size, size_t final)
{
	return munmap(map, size) == -1 || ftruncate(fd, (off_t)final) == -1 ? -1 : 0;
}

/* Reads it all, so that one cut short meanwhile is an error and not a signal. */
static bool
copy(int fd, uint8_t *to, size_t size)
{
	size_t done = 0;
	ssize_t n;

	while (done < size) {
		n = pread(fd, to + done, size - done, (off_t)done);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	return true;
}

const void *
memfile_map(int fd, size_t size, const char **cause)
{
	struct stat st;
	void *map;

	if (fstat(fd, &st) == -1 || size == 0 || (uint64_t)st.st_size != size) {
		*cause = "the image has another size than was said";
		return NULL;
	}
	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0);
	if (map == MAP_FAILED) {
		*cause = "there is no memory for the image";
		return NULL;
	}
	if (!copy(fd, map, size) || mprotect(map, size, PROT_READ) == -1) {
		*cause = "the image cannot be read";
		munmap(map, size);
		return NULL;
	}
	return map;
}
