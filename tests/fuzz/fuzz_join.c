/*
 * Whatever guests and VM managers do with hardware addresses, addresses, names and
 * keys: names are unique and never empty, an address and a hardware address have one
 * holder, ids only grow, and every look-up finds what the list shows.  Eight bytes of
 * input are one sighting, of few distinct ones, so that they meet; a zero byte ends a
 * pass.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inventory/provider.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

enum { ROWS = 128, STEP = 8 };
static struct sighting rows[ROWS];

static void
require(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

static void
sighting_of(struct sighting *s, const uint8_t *b)
{
	static const char *const providers[] = { "neighbours", "leases", "libvirt", "uid", "virsh",
		"tart", "lima", "multipass", "qemu", "neighbours", "own", "ps", "neighbours", "virsh",
		"lima", "neighbours" };
	static const char *const keys[] = { "a", "b", "c", "d", "e", "1", "2", "3" };
	static const char *const names[] = { "", "a", "a-2", "b", "a-2-2", "02:00:00:00:00:01", "",
		"x123456789012345678901234567890123456789012345678901234567890ab" };

	snprintf(s->provider, sizeof(s->provider), "%s", providers[b[0] % 16]);
	s->kind = b[0] % 16 == 3 ? GUEST_UID : GUEST_VM;
	s->uid = b[1] % 4;
	s->hint = b[0] & 0x10;
	s->has_mac = s->kind == GUEST_VM && (b[0] & 0x20);
	if (s->has_mac) {
		s->mac[0] = 2;
		s->mac[5] = b[1] % 8;
	}
	s->naddrs = s->kind == GUEST_VM ? b[2] % (GUEST_ADDRS + 1) : 0;
	for (uint32_t i = 0; i < s->naddrs; i++) {
		s->addrs[i].family = b[3] & 1 << i ? 6 : 4;
		s->addrs[i].bytes[0] = s->addrs[i].family == 6 && b[3] & 0x80 ? 0xfe : 10;
		s->addrs[i].bytes[1] = s->addrs[i].bytes[0] == 0xfe ? 0x80 : 0;
		s->addrs[i].bytes[3] = (uint8_t)(b[4] + i) % 16;
	}
	sighting_name(s->name, names[b[5] % 8], strlen(names[b[5] % 8]));
	if (s->kind == GUEST_UID && s->name[0] == '\0')
		snprintf(s->name, sizeof(s->name), "u");
	s->state = b[6] % GUEST_STATE_COUNT;
	s->age = (uint32_t)b[7] * 20;
	if (b[6] & 0x10)
		snprintf(s->bridge, sizeof(s->bridge), "br%d", b[6] >> 5 & 1);
	if ((b[6] & 0x18) == 0x18)
		snprintf(s->port, sizeof(s->port), "tap%d", b[6] >> 6);
	if (b[0] % 16 < 4 || strcmp(s->provider, "neighbours") == 0)
		return;
	/* A manager's row, or a process's. */
	memset(s->bridge, 0, sizeof(s->bridge));
	memset(s->port, 0, sizeof(s->port));
	snprintf(s->key, sizeof(s->key), "%s", keys[b[5] % 8]);
	if (b[5] & 0x10)
		snprintf(s->user, sizeof(s->user), "%s", b[5] & 0x20 ? "u" : "w");
	s->mode = (b[5] >> 5) % NIC_MODE_COUNT;
	s->pid = b[6] & 0x20 ? b[1] % 5 : 0;
	s->stale = b[6] & 0x40;
	s->age = 0;
	if (b[6] & 0x80)
		snprintf(s->source, sizeof(s->source), "%s", b[3] & 0x40 ? "eno1" : "br0");
	if (b[7] & 1)
		snprintf(s->link, sizeof(s->link), "vnet%d", b[7] >> 1 & 3);
}

static void
check_guest(const struct inventory *inv, size_t i)
{
	const struct guest *g = inventory_guest(inv, i);

	require(g->name[0] != '\0' && memchr(g->name, '\0', sizeof(g->name)) != NULL, "name");
	require(i == 0 || inventory_guest(inv, i - 1)->id < g->id, "ids out of order");
	require(inventory_by_id(inv, g->id) == g, "by id");
	require(inventory_by_name(inv, g->name) == g, "a name is used twice");
	require(!g->has_mac || inventory_by_mac(inv, g->mac) == g, "by MAC");
	require(g->naddrs <= GUEST_ADDRS && g->state < GUEST_STATE_COUNT, "bounds");
	require(g->nnics <= GUEST_NICS, "NICs");
	for (uint32_t k = 0; k < g->nnics; k++)
		require(!g->nics[k].has_mac || inventory_by_mac(inv, g->nics[k].mac) == g,
		    "a hardware address has two holders");
	for (uint32_t a = 0; a < g->naddrs; a++)
		require(inventory_by_addr(inv, &g->addrs[a]) == g, "an address has two holders");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct conf conf;
	struct inventory *inv = inventory_new(NULL, &conf, NULL, NULL);
	uint64_t now = (uint64_t)1 << 50;
	size_t n = 0;

	for (;;) {
		if (len >= STEP + 1 && data[0] != 0 && n < ROWS) {
			memset(&rows[n], 0, sizeof(rows[n]));
			sighting_of(&rows[n++], data + 1);
			data += STEP + 1;
			len -= STEP + 1;
			continue;
		}
		inventory_merge(inv, rows, n, now);
		for (size_t i = 0; i < inventory_count(inv); i++)
			check_guest(inv, i);
		n = 0;
		if (len < STEP + 1)
			break;
		now += (uint64_t)data[1] * 20 * 1000000;
		data++;
		len--;
	}
	inventory_free(inv);
	return 0;
}
