/*
 * Which addresses names may lead to: those of the public internet and what [proxy]
 * reach lists, but none of this host's own and of guests behind its guarded bridges,
 * unless it lists the very address.
 */
#ifndef REACH_H
#define REACH_H

#include "conf.h"
#include "gatehouse.h"

struct own;

struct reach {
	struct own	*own;
	struct conf_names bridges;
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
/* It is, or is one of a guest of this host's, and [proxy] reach does not list it by itself. */
bool	 reach_is_barred(const struct reach *, const struct addr *);

#endif
