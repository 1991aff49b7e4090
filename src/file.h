#ifndef FILE_H
#define FILE_H

/* A small file of ours that nobody else reads or writes: a new one beside it
 * (".new"), then its name, so that it is whole whatever happens meanwhile. NULL, or
 * why not (caller frees); then it is as it was. */
char	*file_replace(const char *path, const char *text);

#endif
