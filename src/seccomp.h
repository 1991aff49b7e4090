/* A bar on system calls that a role has no use for (Linux). */
#ifndef SECCOMP_H
#define SECCOMP_H

#include <stdbool.h>

/* For good. net: of the role that meets the guests' bytes. NULL or a cause
 * (caller frees). */
char	*seccomp_enter(bool net);

#endif
