/* memfd_create(2) and its seals. */
#include "config.h"

#include "allow/memfile.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>

#include "allow/memfile_open.h"

enum { SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL };

int
memfile_open(void)
{
	return memfd_create("gatehouse-allowlist", MFD_CLOEXEC | MFD_ALLOW_SEALING);
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
