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
	unsigned domain = 0, bus, device, function;
	char path[512], class[16] = "";
	FILE *f = NULL;

	/* QEMU takes addresses without their domain, and without zeros in front. */
	if (strncmp(pci, "/sys/", 5) == 0)
		snprintf(path, sizeof(path), "%s/class", pci);
	else if (sscanf(pci, "%x:%x:%x.%x", &domain, &bus, &device, &function) == 4 ||
	    (domain = 0, sscanf(pci, "%x:%x.%x", &bus, &device, &function)) == 3)
		snprintf(path, sizeof(path), "/sys/bus/pci/devices/%04x:%02x:%02x.%x/class", domain, bus,
		    device, function);
	else
		return true;
	f = fopen(path, "re");
	/* A part of a device (mdev) is what the device is. */
	if (f == NULL && strncmp(pci, "/sys/", 5) == 0) {
		snprintf(path, sizeof(path), "%s/../class", pci);
		f = fopen(path, "re");
	}
	if (f == NULL)
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
