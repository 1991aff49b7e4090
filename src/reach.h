/*
 * Which addresses names may lead to: those of the public internet, but none of
 * this host's own, and what [proxy] reach lists.
 */
#ifndef REACH_H
#define REACH_H

#include "conf.h"
#include "gatehouse.h"

struct own;

struct reach {
	struct own	*own;
	unsigned	n;
	struct {
		struct addr	net;
		unsigned	bits;
	} prefixes[CONF_NAMES_MAX];
};

/* NULL or a cause (caller frees); reach_free() it in any case.  It opens sockets,
 * so in net before the sandbox. */
char	*reach_init(struct reach *, const struct conf *);
void	 reach_free(struct reach *);
/* Takes up [proxy] reach anew: all of it, or what stands before a mistake and a
 * cause (caller frees). */
char	*reach_reconf(struct reach *, const struct conf *);
/* Asks the kernel, so it is nothing for each connection. */
bool	 reach_allows(const struct reach *, const struct addr *);
/* The address, or one that it wraps up, is this host's. */
bool	 reach_is_host(const struct reach *, const struct addr *);
/* It is, and not listed in [proxy] reach. */
bool	 reach_is_own(const struct reach *, const struct addr *);

#endif
