/*
 * Provider "qemu": QEMU processes of anybody.  One of libvirt's or Lima's is the same
 * guest as theirs, for it has its hardware addresses.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "inventory/processes.h"
#include "inventory/provider.h"
#include "xmalloc.h"

struct look {
	struct sighting	*list;
	size_t		*n, max;
};

/* The kernel's word for what a device is; of one that it does not tell of the worst counts. */
static bool
is_card(const char *pci)
{
	char path[128], class[16] = "";
	FILE *f;

	/* QEMU takes addresses without their domain. */
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s%s/class", strlen(pci) > 7 ? "" : "0000:",
	    pci);
	if ((f = fopen(path, "re")) == NULL)
		return true;
	if (fgets(class, sizeof(class), f) == NULL)
		class[0] = '\0';
	fclose(f);
	/* 0x02: network controller. */
	return class[0] == '\0' || strncmp(class, "0x02", 4) == 0;
}

static void
process_take(const struct process_args *p, void *arg)
{
	struct look *l = arg;
	const size_t first = *l->n;

	if (!qemu_args_parse(p->argv, p->argc, is_card, l->list, l->n, l->max))
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
