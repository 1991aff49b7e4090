/*
 * Provider "qemu": QEMU processes of anybody.  One of libvirt's or Lima's is the same
 * guest as theirs, for it has its hardware addresses.
 */
#include "config.h"

#include <stdio.h>

#include "inventory/processes.h"
#include "inventory/provider.h"
#include "xmalloc.h"

struct look {
	struct sighting	*list;
	size_t		*n, max;
};

static void
process_take(const struct process_args *p, void *arg)
{
	struct look *l = arg;
	const size_t first = *l->n;

	if (!qemu_args_parse(p->argv, p->argc, l->list, l->n, l->max))
		return;
	for (size_t i = first; i < *l->n; i++) {
		struct sighting *s = &l->list[i];

		copy_string(s->provider, "qemu", sizeof(s->provider));
		snprintf(s->key, sizeof(s->key), "%u", p->pid);
		s->pid = p->pid;
		s->uid = p->uid;
		s->state = GUEST_RUNNING;
	}
}

char *
qemu_refresh(const struct conf *conf, struct sighting *list, size_t *n, size_t max)
{
	struct look l = { list, n, max };

	processes_each(process_take, &l);
	return NULL;
}
