/* What holds of every rule that was read from a listing. */
#ifndef RULE_CHECK_H
#define RULE_CHECK_H

#include <stdlib.h>
#include <string.h>

#include "firewall/firewall.h"

static inline void
printable(const char *s, size_t size)
{
	size_t len = strnlen(s, size);

	if (len == size)
		abort();
	for (size_t i = 0; i < len; i++) {
		if (s[i] < 0x20 || s[i] > 0x7e)
			abort();
	}
}

static inline void
rule_check(const struct fw_rule *r)
{
	printable(r->family, sizeof(r->family));
	printable(r->chain, sizeof(r->chain));
	printable(r->label, sizeof(r->label));
	printable(r->action, sizeof(r->action));
	printable(r->text, sizeof(r->text));
}

#endif
