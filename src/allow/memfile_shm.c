/* FreeBSD: shared memory that never has a name. */
#include "config.h"

#include "allow/memfile_open.h"

#include <sys/types.h>
#include <sys/mman.h>

#include <fcntl.h>

int
memfile_open(void)
{
	/* The descriptor ends with exec(2), as shm_open(2) has it. */
	return shm_open(SHM_ANON, O_RDWR, 0600);
}
