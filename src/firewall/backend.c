/* Both packet filters' text, and the host's own. */
#include "config.h"

#include <string.h>

#include "firewall/nft.h"
#include "firewall/pf.h"

static const struct fw_backend backends[] = {
	{ "nft", nft_render, nft_opened, nft_rules_parse, nft_frozen_parse },
	{ "pf", pf_render, pf_opened, pf_rules_parse, pf_frozen_parse },
};

const struct fw_backend *
fw_backend_find(const char *name)
{
	for (size_t i = 0; i < sizeof(backends) / sizeof(backends[0]); i++) {
		if (strcmp(backends[i].name, name) == 0)
			return &backends[i];
	}
	return NULL;
}

char *
fw_render(const struct conf *conf, enum profile profile, char **cause)
{
	return fw_backend_here()->render(conf, profile, cause);
}
