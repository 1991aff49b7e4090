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
 * Freezes one guest or thaws it; an empty one stands for all.  A guest that is
 * frozen again replaces what was known of it.  NULL or a cause (caller frees):
 * there are too many.
 */
char	*frozen_set(struct frozen_set *, const struct fw_guest *, bool on);

/* Nothing in it that a rule could tell a guest by: to frozen_set() that means every one. */
bool	 frozen_is_everyone(const struct fw_guest *);

#endif
