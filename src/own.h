/*
 * Which addresses are this host's own, as the kernel's routing tables say:
 * those of every interface (secondary ones and those that came a moment ago
 * too), the broadcast addresses of its networks, and what else is routed to
 * the host itself.  The sockets are opened before a role gives up the right
 * to open any.
 */
#ifndef OWN_H
#define OWN_H

#include "conf.h"
#include "gatehouse.h"

struct own;
/* NULL and a cause (caller frees). */
struct own	*own_open(char **cause);
void		 own_free(struct own *);
/* True also where it cannot be told, as without sockets (NULL). */
bool		 own_has(const struct own *, const struct addr *);
/* An address of a network behind one of those interfaces, without a router between. True
 * also for the host's own, and where it cannot be told. */
bool		 own_is_behind(const struct own *, const struct addr *, const struct conf_names *);
/* Readable once an interface may have got or lost an address; own_drain() takes
 * note, and says whether one did. */
int		 own_fd(const struct own *);
bool		 own_drain(const struct own *);

#endif
