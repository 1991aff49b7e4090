/* The steps of sandbox.c that each system has its own way for. NULL or a cause
 * (caller frees). */
#ifndef PRIVILEGE_H
#define PRIVILEGE_H

#include <stdbool.h>

/* As root, before the change of user: nothing executed later can gain privilege. */
char	*privilege_bound(void);
/* After it: what is left goes, and nobody may look into our memory. net: of the
 * role that meets the guests' bytes. */
char	*privilege_drop(bool net);

#endif
