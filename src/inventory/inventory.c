/*
 * The inventory in time: a pass over all providers every [inventory] every, and
 * soon after the kernel says that a link or neighbour changed.  Whose an address is
 * from now on is taken from that word itself: the new holder's first connection may
 * come before the pass.  A guest can cause as many changes as it likes, so that
 * between two passes only so many are listened to.
 */
#include "config.h"

#include "inventory/inventory.h"

#include <sys/socket.h>
#include <sys/time.h>

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "firewall/firewall.h"
#include "inventory/ask.h"
#include "inventory/guard.h"
#include "inventory/join.h"
#include "inventory/provider.h"
#include "log.h"
#include "xmalloc.h"

enum {
	SIGHTINGS_MAX = 16384,
	SETTLE_US = 100 * 1000,		/* from the kernel's word to the pass */
	QUIET_US = 500 * 1000,		/* between passes that changes cause, */
	QUIET_TIMES = 10,		/* and so many times as long as a pass took */
	NEWS_MAX = 4096,		/* between passes; a restart of 1,000 guests is less */
	NEWS_AT_ONCE = 1024,
	NEWS_LATE_US = 100 * 1000,	/* an address may have moved so long before we read of it */
};

static const struct provider providers[] = {
	{ "neighbours", neighbours_refresh },
	{ "uid", uids_refresh },
	{ "leases", leases_refresh },
	{ "libvirt", libvirt_refresh },
	{ "dhcpd", bootpd_leases_refresh },
	{ "qemu", qemu_refresh },
};
enum { PROVIDERS = sizeof(providers) / sizeof(providers[0]) };

struct inventory {
	struct event_base	*base;
	struct conf		 conf;
	struct join		 join;
	struct sighting		*sightings;
	struct asker		*asker;
	struct guard_host	 host;
	void			(*merged)(uint32_t, uint32_t, void *);
	void			*merged_arg;
	size_t			 ports;			/* with a carrier */
	char			*causes[PROVIDERS];	/* told already; NULL: fine */
	int			 fds[NEIGHBOURS_FDS];	/* subscriptions, or -1 */
	struct event		*tick, *soon, *word[NEIGHBOURS_FDS];
	size_t			 news;			/* since the latest pass */
	void			(*moved)(const struct addr *, void *);
	void			*moved_arg;
	uint64_t		 last_pass;		/* now_mono() at its end */
	uint64_t		 quiet;			/* microseconds after it */
	void			(*changed)(void *);
	void			*arg;
};

/* Says what is wrong with a provider once, and once that it is well again. */
static void
provider_report(struct inventory *inv, size_t i, char *cause)
{
	if (cause != NULL && (inv->causes[i] == NULL || strcmp(cause, inv->causes[i]) != 0))
		log_warnx("inventory: %s: %s", providers[i].name, cause);
	else if (cause == NULL && inv->causes[i] != NULL)
		log_info("inventory: %s: well again", providers[i].name);
	free(inv->causes[i]);
	inv->causes[i] = cause;
}

static size_t
ports_count(const struct sighting *s, size_t n)
{
	size_t ports = 0;

	for (size_t i = 0; i < n; i++)
		ports += sighting_is_place(&s[i]) && s[i].port[0] != '\0';
	return ports;
}

/* What was said until now the pass knows itself. */
static void
listen_anew(struct inventory *inv)
{
	for (int i = 0; inv->news >= NEWS_MAX && i < NEIGHBOURS_FDS; i++)
		event_add(inv->word[i], NULL);
	inv->news = 0;
}

/* A user who is guarded is held for hostile, and may call any process QEMU: that makes no
 * guest of another's NIC its own, and takes nobody's name. */
static void
guarded_humble(const struct conf *conf, struct sighting *s)
{
	const bool qemu = strcmp(s->provider, "qemu") == 0 ||
	    (strcmp(s->provider, "ps") == 0 && s->has_mac);
	const char *user = qemu ? conf_guarded_user(conf, s->uid) : NULL;
	char name[GH_GUEST_SIZE * 2];

	if (user == NULL)
		return;
	s->has_mac = false;
	memset(s->mac, 0, sizeof(s->mac));
	s->link[0] = '\0';
	snprintf(name, sizeof(name), "%s:%s", user, s->name);
	copy_string(s->name, name, sizeof(s->name));
}

/* Whom the managers have been asked about.  Never earlier than before: a manager that is asked
 * anew, or does not answer, takes no guest's name away.  Whom we find at first is not who has
 * just come: they go on while managers are asked. */
static void
asked_take(struct inventory *inv, uint64_t now)
{
	uint64_t asked;

	if (inv->asker == NULL)
		return;
	asked = now - (now_mono() - asker_heard(inv->asker));
	if (inv->join.asked == UINT64_MAX)
		inv->join.asked = now;
	else if (asked > inv->join.asked)
		inv->join.asked = asked;
}

static void
pass(struct inventory *inv)
{
	const uint64_t began = now_mono();
	uint64_t now;
	size_t n = 0;

	/* So that who tells of too many takes the place of nobody else's. */
	for (size_t i = 0; i < PROVIDERS; i++)
		provider_report(inv, i, providers[i].refresh(&inv->conf, inv->sightings, &n,
		    n + (SIGHTINGS_MAX - n) / (PROVIDERS + 1 - i)));
	if (inv->asker != NULL)
		asker_sightings(inv->asker, inv->sightings, &n, SIGHTINGS_MAX);
	for (size_t i = 0; i < n; i++)
		guarded_humble(&inv->conf, &inv->sightings[i]);
	guard_host_read(&inv->host);
	now = now_wall();
	asked_take(inv, now);
	inv->ports = ports_count(inv->sightings, n);
	listen_anew(inv);
	inventory_merge(inv, inv->sightings, n, now);
	inv->last_pass = now_mono();
	inv->quiet = (inv->last_pass - began) * QUIET_TIMES;
	if (inv->quiet < QUIET_US)
		inv->quiet = QUIET_US;
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	pass(arg);
}

static void
on_soon(evutil_socket_t fd, short what, void *arg)
{
	pass(arg);
}

void
inventory_look(struct inventory *inv)
{
	if (inv->base != NULL)
		pass(inv);
}

void
inventory_asks(struct inventory *inv, struct asker *asker)
{
	inv->asker = asker;
}

void
inventory_hurry(struct inventory *inv)
{
	const uint64_t since = now_mono() - inv->last_pass;
	uint64_t us = SETTLE_US;
	struct timeval wait;

	if (inv->base == NULL || event_pending(inv->soon, EV_TIMEOUT, NULL))
		return;
	if (since < inv->quiet && inv->quiet - since > us)
		us = inv->quiet - since;
	wait.tv_sec = (time_t)(us / 1000000);
	wait.tv_usec = (suseconds_t)(us % 1000000);
	event_add(inv->soon, &wait);
}

static void
on_heard(const struct addr *a, const uint8_t mac[6], void *arg)
{
	struct inventory *inv = arg;

	if (join_hear(&inv->join, a, mac, now_wall()) && inv->moved != NULL)
		inv->moved(a, inv->moved_arg);
}

/* Links and neighbours are who a VM manager may have something new to say of. */
void
inventory_listen(struct inventory *inv)
{
	const size_t before = inv->news;
	size_t links = 0, n;

	for (int i = 0; inv->news < NEWS_MAX && i < NEIGHBOURS_FDS; i++) {
		if (inv->fds[i] == -1)
			continue;
		n = neighbours_news(inv->fds[i], &inv->conf.bridges, NEWS_AT_ONCE, on_heard, inv);
		inv->news += n;
		if (i == NEIGHBOURS_FDS - 1)
			links = n;
	}
	if (inv->news == before)
		return;
	/* The last of them tells of links, where one does not of both. */
	if (inv->asker != NULL && links > 0)
		asker_links(inv->asker);
	for (int i = 0; inv->news >= NEWS_MAX && i < NEIGHBOURS_FDS; i++)
		event_del(inv->word[i]);
	if (inv->asker != NULL && !event_pending(inv->soon, EV_TIMEOUT, NULL))
		asker_hurry(inv->asker);
	inventory_hurry(inv);
}

static void
on_word(evutil_socket_t fd, short what, void *arg)
{
	inventory_listen(arg);
}

static void
tick_start(struct inventory *inv)
{
	const struct timeval every = { .tv_sec = inv->conf.inventory_seconds };
	const struct timeval at_once = { 0 };

	event_add(inv->tick, &every);
	event_add(inv->soon, &at_once);
}

static void
judge(struct guest *g, void *arg)
{
	struct inventory *inv = arg;

	guard_judge(&inv->host, g);
}

static void
merged(uint32_t id, uint32_t from, void *arg)
{
	struct inventory *inv = arg;

	if (inv->merged != NULL)
		inv->merged(id, from, inv->merged_arg);
}

void
inventory_on_merge(struct inventory *inv, void (*fn)(uint32_t, uint32_t, void *), void *arg)
{
	inv->merged = fn;
	inv->merged_arg = arg;
}

void
inventory_on_move(struct inventory *inv, void (*fn)(const struct addr *, void *), void *arg)
{
	inv->moved = fn;
	inv->moved_arg = arg;
}

const struct guard_host *
inventory_host(const struct inventory *inv)
{
	return &inv->host;
}

struct inventory *
inventory_new(struct event_base *base, const struct conf *conf, void (*changed)(void *),
    void *arg)
{
	struct inventory *inv = xcalloc(1, sizeof(*inv));

	inv->base = base;
	inv->conf = *conf;
	inv->changed = changed;
	inv->arg = arg;
	for (int i = 0; i < NEIGHBOURS_FDS; i++)
		inv->fds[i] = -1;
	inv->host.conf = &inv->conf;
	inv->join.judge = judge;
	inv->join.merged = merged;
	inv->join.arg = inv;
	inv->join.asked = UINT64_MAX;
	if (base == NULL)
		return inv;
	inv->host.master = link_master;
	inv->host.covers = fw_covers;
	inv->host.exists = link_exists;
	inv->sightings = xcalloc(SIGHTINGS_MAX, sizeof(*inv->sightings));
	if (!neighbours_subscribe(inv->fds))
		log_warn("inventory: new guests show late, for the kernel does not tell of changes");
	inv->tick = event_new(base, -1, EV_PERSIST, on_tick, inv);
	inv->soon = event_new(base, -1, 0, on_soon, inv);
	for (int i = 0; i < NEIGHBOURS_FDS; i++)
		inv->word[i] = event_new(base, inv->fds[i], EV_READ | EV_PERSIST, on_word, inv);
	if (inv->tick == NULL || inv->soon == NULL || inv->word[0] == NULL || inv->word[1] == NULL)
		fatalx("inventory: out of memory");
	for (int i = 0; i < NEIGHBOURS_FDS; i++)
		event_add(inv->word[i], NULL);
	tick_start(inv);
	return inv;
}

static void
event_end(struct event *e)
{
	if (e != NULL)
		event_free(e);
}

void
inventory_free(struct inventory *inv)
{
	if (inv == NULL)
		return;
	event_end(inv->tick);
	event_end(inv->soon);
	for (int i = 0; i < NEIGHBOURS_FDS; i++) {
		event_end(inv->word[i]);
		if (inv->fds[i] != -1)
			close(inv->fds[i]);
	}
	for (size_t i = 0; i < PROVIDERS; i++)
		free(inv->causes[i]);
	join_free(&inv->join);
	guard_host_free(&inv->host);
	free(inv->sightings);
	free(inv);
}

void
inventory_reconf(struct inventory *inv, const struct conf *conf)
{
	inv->conf = *conf;
	if (join_forget(&inv->join, &conf->bridges) && inv->changed != NULL)
		inv->changed(inv->arg);
	if (inv->base != NULL)
		tick_start(inv);
}

void
inventory_merge(struct inventory *inv, const struct sighting *s, size_t n, uint64_t now)
{
	if (join_pass(&inv->join, s, n, now) && inv->changed != NULL)
		inv->changed(inv->arg);
}

size_t
inventory_count(const struct inventory *inv)
{
	return inv->join.n;
}

const char *
inventory_trouble(const struct inventory *inv)
{
	for (size_t i = 0; i < PROVIDERS; i++) {
		if (inv->causes[i] != NULL)
			return inv->causes[i];
	}
	return NULL;
}

size_t
inventory_ports(const struct inventory *inv)
{
	return inv->ports;
}

const struct guest *
inventory_guest(const struct inventory *inv, size_t i)
{
	return i < inv->join.n ? &inv->join.nodes[i]->g : NULL;
}

const struct guest *
inventory_by_id(const struct inventory *inv, uint32_t id)
{
	size_t low = 0, high = inv->join.n, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (inv->join.nodes[mid]->g.id == id)
			return &inv->join.nodes[mid]->g;
		if (id < inv->join.nodes[mid]->g.id)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

const struct guest *
inventory_by_addr(const struct inventory *inv, const struct addr *a)
{
	const struct node *n = join_by_addr(&inv->join, a);

	return n != NULL ? &n->g : NULL;
}

const struct guest *
inventory_by_addr_at(const struct inventory *inv, const struct addr *a, uint64_t when,
    uint32_t before)
{
	const struct holding *h = join_holding(&inv->join, a);

	if (before != 0 && (h == NULL || when + NEWS_LATE_US < h->since))
		return inventory_by_id(inv, before);
	if (h == NULL)
		return NULL;
	return h->node != NULL ? &h->node->g : NULL;
}

size_t
inventory_macs(const struct inventory *inv)
{
	return inv->join.nmac;
}

const struct guest *
inventory_mac(const struct inventory *inv, size_t i, uint8_t mac[6])
{
	memcpy(mac, inv->join.by_mac[i].mac, sizeof(inv->join.by_mac[i].mac));
	return &inv->join.by_mac[i].node->g;
}

const struct guest *
inventory_by_mac(const struct inventory *inv, const uint8_t mac[6])
{
	const struct node *n = join_by_mac(&inv->join, mac);

	return n != NULL ? &n->g : NULL;
}

/* Whether the guest has a NIC at that port, whether that has the mac, and whether its
 * manager says that the port is its own: where else it was heard may be the word of
 * another guest, in its name, and what a process says is anybody's. */
static bool
is_at_port(const struct guest *g, const char *port, const uint8_t *mac, bool *same, bool *own)
{
	bool at = false;

	*same = *own = false;
	for (uint32_t i = 0; i < g->nnics; i++) {
		const struct guest_nic *nic = &g->nics[i];

		*own |= nic->link_managed && strcmp(nic->link, port) == 0;
		if (strcmp(nic->link[0] != '\0' ? nic->link : nic->port, port) != 0)
			continue;
		at = true;
		*same |= mac != NULL && nic->has_mac && memcmp(nic->mac, mac, sizeof(nic->mac)) == 0;
	}
	return at;
}

const struct guest *
inventory_by_port(const struct inventory *inv, const char *port, const uint8_t *mac)
{
	const struct guest *running = NULL, *alike = NULL;
	unsigned n = 0;
	bool same, own;

	if (*port == '\0')
		return NULL;
	for (size_t i = 0; i < inv->join.n; i++) {
		const struct guest *g = &inv->join.nodes[i]->g;

		if (!is_at_port(g, port, mac, &same, &own))
			continue;
		if (own && g->state == GUEST_RUNNING)
			return g;
		if (same && alike == NULL)
			alike = g;
		/* A stopped one may have left its port to another. */
		if (g->state != GUEST_STOPPED) {
			running = g;
			n++;
		}
	}
	return alike != NULL ? alike : n == 1 ? running : NULL;
}

const struct guest *
inventory_by_uid(const struct inventory *inv, uint32_t uid)
{
	for (size_t i = 0; i < inv->join.n; i++) {
		const struct guest *g = &inv->join.nodes[i]->g;

		if (g->kind == GUEST_UID && g->uid == uid)
			return g;
	}
	return NULL;
}

const struct guest *
inventory_by_name(const struct inventory *inv, const char *name)
{
	for (size_t i = 0; i < inv->join.n; i++) {
		if (strcmp(inv->join.nodes[i]->g.name, name) == 0)
			return &inv->join.nodes[i]->g;
	}
	return NULL;
}

const char *
guest_scope(const struct guest *g)
{
	return g->own_name ? "" : g->name;
}

const char *
guest_nic_bridge(const struct guest_nic *nic)
{
	return nic->place[0] != '\0' ? nic->place : nic->bridge;
}

const char *
guest_nic_end(const struct guest_nic *nic)
{
	return nic->link_managed ? nic->link : nic->heard ? nic->port : "";
}

const char *
guest_state_name(enum guest_state s)
{
	static const char *const names[GUEST_STATE_COUNT] = {
		[GUEST_UNKNOWN] = "unknown",
		[GUEST_RUNNING] = "running",
		[GUEST_STOPPED] = "stopped",
	};

	return s < GUEST_STATE_COUNT ? names[s] : "unknown";
}

const char *
guest_kind_name(enum guest_kind k)
{
	static const char *const names[GUEST_KIND_COUNT] = {
		[GUEST_VM] = "vm",
		[GUEST_UID] = "uid",
	};

	return k < GUEST_KIND_COUNT ? names[k] : "unknown";
}
