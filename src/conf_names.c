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

const char *
conf_guarded_user(const struct conf *conf, uint32_t uid)
{
	for (uint32_t i = 0; i < conf->nuids; i++) {
		if (conf->uids[i].uid == uid)
			return conf->uids[i].user;
	}
	return NULL;
}
