/* Who is frozen: every guest, or some, each by what is known of it. */
#ifndef FROZEN_H
#define FROZEN_H

#include "firewall/firewall.h"

struct frozen_set {
	bool		all;
	uint32_t	n;
	struct fw_guest	guest[FW_FROZEN_MAX];
};

/*
 * Freezes a guest or thaws it; with NULL all of them.  A guest that is frozen again
 * replaces what was known of it.  NULL or a cause (caller frees): there are too many,
 * or nothing is known of it.
 */
char	*frozen_set(struct frozen_set *, const struct fw_guest *, bool on);

/* Nothing in it that a rule could tell a guest by. */
bool	 frozen_is_nobody(const struct fw_guest *);

#endif
