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

enum { UUID_LENGTH = 36, OF_USER = 1024, USERS = 64 };

struct look {
	struct sighting		*list;
	size_t			*n, max;
	struct {
		uint32_t	uid;
		size_t		rows;
	} users[USERS];
	size_t			 nusers;
	bool			 left_out;	/* of somebody, */
	uint32_t		 of;		/* the last of them */
};

/* "1:00.0" is "0000:01:00.0" to the kernel, and part of a device (mdev) has a name of its
 * own; anything else is no device's name.  What a process gives as a path is looked at
 * nowhere but where the kernel keeps devices, for it may lead anywhere. */
static bool
class_path(char path[128], const char *device)
{
	unsigned domain = 0, bus, slot, function;
	const char *name = strrchr(device, '/');
	int end = 0;

	name = name != NULL ? name + 1 : device;
	if ((sscanf(name, "%x:%x:%x.%x%n", &domain, &bus, &slot, &function, &end) == 4 ||
	    (domain = 0, sscanf(name, "%x:%x.%x%n", &bus, &slot, &function, &end)) == 3) &&
	    name[end] == '\0')
		snprintf(path, 128, "/sys/bus/pci/devices/%04x:%02x:%02x.%x/class", domain, bus, slot,
		    function);
	else if (strlen(name) == UUID_LENGTH && strspn(name, "0123456789abcdefABCDEF-") == UUID_LENGTH)
		/* It is what the device that it is a part of is. */
		snprintf(path, 128, "/sys/bus/mdev/devices/%s/../class", name);
	else
		return false;
	return true;
}

/* The kernel's word for what a device is; of one that it does not tell of the worst counts. */
static bool
is_card(const char *device)
{
	char path[128], class[16] = "";
	FILE *f = NULL;

	if (!class_path(path, device) || (f = fopen(path, "re")) == NULL)
		return true;
	if (fgets(class, sizeof(class), f) == NULL)
		class[0] = '\0';
	fclose(f);
	/* 0x02: network controller. */
	return class[0] == '\0' || strncmp(class, "0x02", 4) == 0;
}

/* Whether that user's processes may tell of more: anybody may start them. */
static bool
may_tell(struct look *l, uint32_t uid, size_t **rows)
{
	size_t i = 0;

	while (i < l->nusers && l->users[i].uid != uid)
		i++;
	if (i == USERS)
		return false;
	if (i == l->nusers)
		l->users[l->nusers++].uid = uid;
	*rows = &l->users[i].rows;
	return l->users[i].rows < OF_USER;
}

static void
process_take(const struct process_args *p, void *arg)
{
	struct look *l = arg;
	const size_t first = *l->n;
	size_t *rows = NULL;

	if (!may_tell(l, p->uid, &rows)) {
		l->left_out = true;
		l->of = p->uid;
		return;
	}
	if (!qemu_args_parse(p->argv, p->argc, is_card, l->list, l->n, l->max))
		return;
	*rows += *l->n - first;
	for (size_t i = first; i < *l->n; i++) {
		struct sighting *s = &l->list[i];

		copy_string(s->provider, "qemu", sizeof(s->provider));
		snprintf(s->key, sizeof(s->key), "%u", p->pid);
		s->pid = p->pid;
		s->uid = p->uid;
		s->state = GUEST_RUNNING;
	}
}

/* The rows of processes that are still the same. */
static struct {
	uint64_t	 serial;
	struct sighting	*rows;
	size_t		 n;
	bool		 left_out;
	uint32_t	 of;
} kept;

char *
qemu_refresh(const struct conf *conf, struct sighting *list, size_t *n, size_t max)
{
	const uint64_t before = kept.serial;
	const size_t had = *n;
	struct look l = { .list = list, .n = n, .max = max };
	char *cause = processes_each(qemu_is_qemu, &kept.serial, process_take, &l);

	if (kept.serial != before) {
		kept.n = *n - had;
		kept.rows = xreallocarray(kept.rows, kept.n + 1, sizeof(*kept.rows));
		memcpy(kept.rows, list + had, kept.n * sizeof(*kept.rows));
		kept.left_out = l.left_out;
		kept.of = l.of;
	} else {
		for (size_t i = 0; i < kept.n && *n < max; i++)
			list[(*n)++] = kept.rows[i];
	}
	if (cause == NULL && kept.left_out)
		cause = xasprintf("more processes of user %u call themselves QEMU than are looked at (%d)",
		    (unsigned)kept.of, OF_USER);
	return cause;
}
