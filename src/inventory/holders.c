/* Processes that hold a virtual machine: what stands in /proc of them, and what is made of
 * it.  Pure. */
#include "config.h"

#include "inventory/holders.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inventory/guest_row.h"
#include "inventory/provider.h"
#include "xmalloc.h"

enum { TABLE_MAX = 4096 };

/* "0100007F", or four such words: each is in the host's order. */
static bool
addr_take(const char *hex, struct addr *a)
{
	const size_t len = strlen(hex);
	char word[9];

	if (len != 8 && len != 32)
		return false;
	memset(a, 0, sizeof(*a));
	a->family = len == 8 ? 4 : 6;
	for (size_t i = 0; i < len / 8; i++) {
		uint32_t v;

		memcpy(word, hex + i * 8, 8);
		word[8] = '\0';
		v = (uint32_t)strtoul(word, NULL, 16);
		memcpy(a->bytes + i * 4, &v, sizeof(v));
	}
	return true;
}

bool
holder_socket_parse(const char *line, struct holder_socket *s)
{
	char local[33], peer[33];
	unsigned lport, pport, state, uid;
	unsigned long long inode;

	if (sscanf(line, " %*u: %32[0-9A-Fa-f]:%4x %32[0-9A-Fa-f]:%4x %2x %*s %*s %*s %u %*u %llu",
	    local, &lport, peer, &pport, &state, &uid, &inode) != 7)
		return false;
	if (!addr_take(local, &s->local) || !addr_take(peer, &s->peer))
		return false;
	s->local_port = (uint16_t)lport;
	s->peer_port = (uint16_t)pport;
	s->state = state;
	s->uid = uid;
	s->inode = inode;
	return true;
}

/* The rest of the line that begins with word, or NULL. */
static const char *
line_of(const char *text, const char *word)
{
	const size_t len = strlen(word);

	while (text != NULL && strncmp(text, word, len) != 0) {
		text = strchr(text, '\n');
		text += text != NULL;
	}
	return text != NULL ? text + len + strspn(text + len, " \t") : NULL;
}

bool
holder_status_parse(const char *text, struct holder *h)
{
	const char *n = line_of(text, "Name:"), *u = line_of(text, "Uid:");
	const char *p = line_of(text, "PPid:");
	unsigned uid, parent = 0;

	if (n == NULL || u == NULL || sscanf(u, "%u", &uid) != 1)
		return false;
	snprintf(h->name, sizeof(h->name), "%.*s", (int)strcspn(n, "\n"), n);
	h->uid = uid;
	h->parent = p != NULL && sscanf(p, "%u", &parent) == 1 ? parent : 0;
	return true;
}

bool
holder_link_parse(const char *text, char link[GH_IFNAME_SIZE])
{
	const char *name = line_of(text, "iff:");
	const size_t len = name != NULL ? strcspn(name, "\n") : 0;

	if (len == 0 || len >= GH_IFNAME_SIZE)
		return false;
	memcpy(link, name, len);
	link[len] = '\0';
	return true;
}

void
holder_table_take(struct holder_table *t, const struct holder *h)
{
	size_t i = 0;

	while (i < t->n && t->all[i].pid != h->pid)
		i++;
	if ((h->flags & HOLDER_GONE) != 0) {
		if (i < t->n)
			t->all[i] = t->all[--t->n];
		return;
	}
	if (i == TABLE_MAX)
		return;
	if (i == t->size) {
		t->size = t->size != 0 ? t->size * 2 : 16;
		t->all = xreallocarray(t->all, t->size, sizeof(*t->all));
	}
	t->n += i == t->n;
	t->all[i] = *h;
	t->all[i].nlinks = h->nlinks < HOLDER_LINKS ? h->nlinks : HOLDER_LINKS;
	t->all[i].name[HOLDER_NAME_SIZE - 1] = '\0';
	for (uint32_t k = 0; k < t->all[i].nlinks; k++)
		t->all[i].links[k][GH_IFNAME_SIZE - 1] = '\0';
}

/* The first row of the process's guest as others tell it, or NULL: by its number, or one
 * that has a link that it holds. */
static struct sighting *
row_of(const struct holder *h, struct sighting *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (list[i].pid == h->pid && list[i].key[0] != '\0')
			return &list[i];
	}
	for (size_t i = 0; (h->flags & HOLDER_AWAY) == 0 && i < n; i++) {
		for (uint32_t k = 0; list[i].key[0] != '\0' && !list[i].stale && k < h->nlinks; k++) {
			if (strcmp(list[i].link, h->links[k]) == 0)
				return &list[i];
		}
	}
	return NULL;
}

/* The address alone, for what there is room; of IPv6 that it is one. */
static void
own_row(const struct holder *h, const struct sighting *guest, struct sighting *list, size_t *n,
    size_t max)
{
	const struct sighting base = *guest;
	struct sighting *s = guest_row_nic(&base, list, n, max);
	char text[ADDR_TEXT_SIZE];

	if (s == NULL)
		return;
	s->mode = NIC_OWN;
	s->netdisk = base.netdisk;
	s->pid = h->pid;
	s->uid = h->uid;
	copy_string(s->source, h->peer.family == 4 ? addr_format(&h->peer, text) :
	    h->peer.family == 6 ? "IPv6" : "", sizeof(s->source));
}

static void
guest_rows(const struct holder *h, struct sighting *list, size_t *n, size_t max)
{
	const uint32_t links = (h->flags & HOLDER_AWAY) == 0 ? h->nlinks : 0;
	struct sighting *guest = NULL, *s;
	char key[16];

	for (uint32_t i = 0; i < links || i == 0; i++) {
		if ((s = sighting_add(list, n, max, "process")) == NULL)
			return;
		snprintf(key, sizeof(key), "%u", (unsigned)h->pid);
		copy_string(s->key, key, sizeof(s->key));
		sighting_name(s->name, h->name, strlen(h->name));
		s->state = GUEST_RUNNING;
		s->pid = h->pid;
		s->uid = h->uid;
		s->mode = links > 0 ? NIC_BRIDGE : NIC_HIDDEN;
		if (links > 0)
			guest_row_ifname(s->link, h->links[i], strlen(h->links[i]));
		/* One that has many may be a switch of several guests. */
		s->link_seen = links > 0 && ((h->flags & HOLDER_VM) != 0 || links == 1);
		guest = guest != NULL ? guest : s;
	}
	if ((h->flags & HOLDER_OWN) != 0 && links > 0)
		own_row(h, guest, list, n, max);
}

/* What a VM's process has started has its files open too. */
static bool
is_part(const struct holder_table *t, const struct holder *h)
{
	for (size_t i = 0; i < t->n; i++) {
		if (t->all[i].pid == h->parent && (t->all[i].flags & (HOLDER_VM | HOLDER_QEMU)) != 0)
			return true;
	}
	return false;
}

/* Without a virtual machine to show for it, only who is at a bridge is taken for a guest:
 * a VPN has links too. */
static bool
is_guest(const struct holder *h, bool (*is_port)(const char *))
{
	if ((h->flags & HOLDER_VM) != 0)
		return true;
	for (uint32_t i = 0; (h->flags & (HOLDER_QEMU | HOLDER_AWAY)) == 0 && i < h->nlinks; i++) {
		if (is_port(h->links[i]))
			return true;
	}
	return false;
}

static bool
is_same(const struct sighting *a, const struct sighting *b)
{
	return strcmp(a->key, b->key) == 0 && strcmp(a->provider, b->provider) == 0 &&
	    strcmp(a->user, b->user) == 0;
}

/* One of its ways out is user-mode anyway, or nobody knows. */
static bool
leaves_by_itself(const struct sighting *guest, const struct sighting *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (is_same(&list[i], guest) && (list[i].mode == NIC_USER || list[i].mode == NIC_SOCKET))
			return true;
	}
	return false;
}

/* Of a guest whose manager does not say which process it is. */
static void
pid_take(const struct holder *h, const struct sighting *guest, struct sighting *list, size_t n)
{
	const struct sighting of = *guest;

	for (size_t i = 0; i < n; i++) {
		if (is_same(&list[i], &of)) {
			list[i].pid = h->pid;
			list[i].uid = h->uid;
		}
	}
}

void
holder_table_sightings(const struct holder_table *t, bool (*is_port)(const char *link),
    struct sighting *list, size_t *n, size_t max)
{
	const size_t told = *n;

	for (size_t i = 0; i < t->n; i++) {
		const struct holder *h = &t->all[i];
		const struct sighting *guest = row_of(h, list, told);

		if (guest != NULL && guest->pid == 0 && (h->flags & (HOLDER_VM | HOLDER_QEMU)) != 0)
			pid_take(h, guest, list, told);
		if (guest == NULL && !is_part(t, h) && is_guest(h, is_port))
			guest_rows(h, list, n, max);
		else if (guest != NULL && (h->flags & HOLDER_OWN) != 0 &&
		    !leaves_by_itself(guest, list, told))
			own_row(h, guest, list, n, max);
	}
}
