/* Which user namespace this process lives in: the lab's root is no real one. */
#ifndef USERNS_H
#define USERNS_H

#include <stdbool.h>
#include <sys/types.h>

/* In the initial namespace (or on a system that knows no others). */
bool	 userns_is_initial(void);
/* The root who has power over this host: uid 0, of no namespace that a user made. */
bool	 userns_is_real_root(uid_t);
/* Whether the id means anything here, so that a process can become it. */
bool	 userns_has_uid(uid_t);
bool	 userns_has_gid(gid_t);
/* Whether a file with this owner belongs to someone outside the namespace, as
 * the real root's files do when seen from an unprivileged one. */
bool	 userns_is_outsider(uid_t);

#endif
