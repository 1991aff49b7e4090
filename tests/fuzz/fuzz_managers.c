/* Whatever a VM manager prints (the first byte says which, and which of its commands),
 * rows are harmless words within bounds, and the join takes them. */
#include "config.h"

#include <netinet/in.h>

#include <stdlib.h>
#include <string.h>

#include "inventory/custom.h"
#include "inventory/listeners.h"
#include "inventory/guest_row.h"
#include "inventory/manager.h"
#include "inventory/provider.h"
#include "xmalloc.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

enum { ROWS = 64 };

static void
row_check(const struct sighting *s)
{
	if (s->state >= GUEST_STATE_COUNT || s->mode >= NIC_MODE_COUNT || s->naddrs > GUEST_ADDRS ||
	    memchr(s->name, '\0', sizeof(s->name)) == NULL ||
	    memchr(s->key, '\0', sizeof(s->key)) == NULL ||
	    memchr(s->source, '\0', sizeof(s->source)) == NULL || s->key[0] == '-' ||
	    s->name[0] == '-' || strpbrk(s->name, " \t\\*?!@#=/\"'\x1b") != NULL ||
	    strpbrk(s->source, " \t\\*?!@#=/\"'\x1b") != NULL ||
	    strpbrk(s->key, "\t\r\n\x1b\x7f") != NULL || (s->has_mac && !mac_is_guest(s->mac)))
		abort();
}

static void
cause_check(char *cause)
{
	for (const char *p = cause; p != NULL && *p != '\0'; p++) {
		if (*p < ' ' || *p > '~')
			abort();
	}
	free(cause);
}

static bool
is_card(const char *pci)
{
	return pci[0] != '\0' && pci[strlen(pci) - 1] != '1';
}

/* Words with a line end between. */
static void
arguments(const char *text, size_t len, struct sighting *list, size_t *n)
{
	char *copy = xstrndup(text, len), *rest = copy;
	const char *argv[64];
	size_t argc = 0;

	while (argc < 64 && (argv[argc] = strsep(&rest, "\n")) != NULL)
		argc++;
	qemu_args_parse(argv, argc, is_card, list, n, ROWS);
	free(copy);
}

static void
netstat(const char *text, size_t len)
{
	static struct listeners l;

	listeners_netstat(text, len, &l);
	if (listener_has(&l, false, IPPROTO_TCP, 0) || listener_has(&l, true, IPPROTO_UDP, 0))
		abort();
}

static void
on_change(const char *key, size_t len, uint64_t digest, void *arg)
{
	struct sighting list[1];
	size_t n = 0;

	if (guest_row_add(list, &n, 1, key, len) != NULL && virsh_manager.changes_known(list, n) == 0)
		abort();
}

static void
drive(uint8_t which, const char *text, size_t len, struct sighting *list, size_t *n)
{
	static const struct conf_provider provider = { .name = "own", .command = { 1, { "/own" } },
		.rows = "vms.0", .field_name = "name", .field_state = "state", .running = "up",
		.field_mac = "nics.0.mac", .field_address = "nics.0.addresses" };
	static const struct manager *const known[] = { &tart_manager, &lima_manager,
		&container_manager, &utm_manager, &ps_manager, &multipass_manager, &incus_manager,
		&virsh_manager };
	enum { MANAGERS = sizeof(known) / sizeof(known[0]) };
	const struct manager *m = known[which % MANAGERS];
	const unsigned verb = which / MANAGERS % (1 + MANAGER_DETAILS);

	if (which == UINT8_MAX)
		bootpd_leases_parse(text, len, 0, list, n, ROWS);
	else if (which == UINT8_MAX - 1)
		cause_check(custom_parse(&provider, text, len, list, n, ROWS));
	else if (which == UINT8_MAX - 2)
		arguments(text, len, list, n);
	else if (which == UINT8_MAX - 3)
		netstat(text, len);
	else if (which == UINT8_MAX - 4)
		virsh_manager.changes_parse(text, len, on_change, NULL);
	else if (verb == 0)
		cause_check(m->list_parse(text, len, list, n, ROWS));
	else if (m->detail[verb - 1].parse != NULL) {
		sighting_add(list, n, ROWS, m->name);
		copy_string(list[0].source, "office", sizeof(list[0].source));
		cause_check(m->detail[verb - 1].parse(text, len, list, n, ROWS));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct sighting list[ROWS];
	static struct conf conf;
	struct inventory *inv;
	size_t n = 0;

	if (len == 0)
		return 0;
	drive(data[0], (const char *)data + 1, len - 1, list, &n);
	if (n > ROWS)
		abort();
	for (size_t i = 0; i < n; i++) {
		row_check(&list[i]);
		list[i].hint = false;
	}
	inv = inventory_new(NULL, &conf, NULL, NULL);
	inventory_merge(inv, list, n, 1000000);
	inventory_merge(inv, list, n, 2000000);
	if (inventory_count(inv) > n)
		abort();
	inventory_free(inv);
	return 0;
}
