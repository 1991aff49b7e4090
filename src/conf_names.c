#include "config.h"

#include "conf.h"

#include "text.h"

bool
conf_names_fit(const struct conf_names *names, const char *name)
{
	for (uint32_t i = 0; i < names->n; i++) {
		if (text_glob(names->name[i], name))
			return true;
	}
	return false;
}
