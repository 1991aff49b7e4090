/* memfile.c's one question to the system. */
#ifndef MEMFILE_OPEN_H
#define MEMFILE_OPEN_H

/* A file without a name that can be written, sized, mapped and read; -1 and errno. */
int	 memfile_open(void);

#endif
