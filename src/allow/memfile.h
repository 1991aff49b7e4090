/*
 * Memory that is handed to another process by descriptor and can then be
 * changed by nobody: the one thing about the compiled list that differs by
 * operating system.
 */
#ifndef MEMFILE_H
#define MEMFILE_H

#include <stddef.h>

/* Writable memory of that size, zeroed where it was not touched.  The
 * descriptor, or -1 and *cause (caller frees). */
int		 memfile_new(size_t size, void **map, char **cause);
/* Unmaps it, cuts it to its final size and makes it unchangeable for good.
 * 0, or -1 with errno. */
int		 memfile_seal(int fd, void *map, size_t size, size_t final);
/* Maps such a file for reading; NULL and a static phrase if it is another
 * size, or could still be changed by whoever else has it. */
const void	*memfile_map(int fd, size_t size, const char **cause);
void		 memfile_unmap(const void *, size_t size);

#endif
