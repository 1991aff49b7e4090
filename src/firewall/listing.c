/* What the engine does with a listing: the host's packet filter knows how. */
#include "config.h"

#include "firewall/firewall.h"

int
fw_rules_parse(const char *list, size_t len, struct fw_rule *rules, int max, char **cause)
{
	return fw_backend_here()->rules_parse(list, len, rules, max, cause);
}

int
fw_frozen_parse(const char *list, size_t len, struct fw_guest *guests, int max, bool *all)
{
	return fw_backend_here()->frozen_parse(list, len, guests, max, all);
}
