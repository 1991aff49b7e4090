/*
 * Which addresses names may lead to: those of the public internet, but none of
 * this host's own, and what [proxy] reach lists.
 */
#ifndef REACH_H
#define REACH_H

#include "conf.h"
#include "gatehouse.h"

struct reach {
	unsigned	n;
	struct {
		struct addr	net;
		unsigned	bits;
	} prefixes[CONF_NAMES_MAX];
};

/* NULL or a cause (caller frees). */
char	*reach_init(struct reach *, const struct conf *);
bool	 reach_allows(const struct reach *, const struct addr *);
/* It is one of this host's own, and not listed. */
bool	 reach_is_own(const struct reach *, const struct addr *);

#endif
