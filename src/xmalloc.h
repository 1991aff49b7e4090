/* Allocation that ends the process rather than returning NULL.  Never for a
 * size that a guest chose: such memory is bounded and allocated up front. */
#ifndef XMALLOC_H
#define XMALLOC_H

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

void	*xmalloc(size_t);
void	*xcalloc(size_t n, size_t size);
void	*xreallocarray(void *, size_t n, size_t size);
char	*xstrdup(const char *);
char	*xstrndup(const char *, size_t);
char	*xasprintf(const char *, ...) __attribute__((format(printf, 1, 2)));
char	*xvasprintf(const char *, va_list) __attribute__((format(printf, 1, 0)));

/* open_memstream(3): text that grows; complete after fclose(), caller frees. */
FILE	*xmemstream(char **text, size_t *size);

/* Copies what fits and always terminates; returns the length of the source. */
size_t	 copy_string(char *dst, const char *src, size_t size);

#endif
