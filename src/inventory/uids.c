/*
 * Provider "uid": the host users of [guard] uid.  They are always there; they
 * run when a process of theirs does, as far as the system lets us see.
 */
#include "config.h"

#include <string.h>

#include "inventory/processes.h"
#include "inventory/provider.h"
#include "xmalloc.h"

char *
uids_refresh(const struct conf *conf, struct sighting *list, size_t *n, size_t max)
{
	bool running[CONF_NAMES_MAX] = { false };
	struct sighting *s;

	if (conf->nuids == 0)
		return NULL;
	processes_look(conf, running);
	for (uint32_t i = 0; i < conf->nuids; i++) {
		if ((s = sighting_add(list, n, max, "uid")) == NULL)
			return xstrdup("too many guests");
		s->kind = GUEST_UID;
		s->uid = conf->uids[i].uid;
		s->state = running[i] ? GUEST_RUNNING : GUEST_STOPPED;
		sighting_name(s->name, conf->uids[i].user, strlen(conf->uids[i].user));
	}
	return NULL;
}
