/*
 * Tables of fixed size.  Drops and events are rings: the newest overwrites the oldest.
 * Hits and domains are slots that guests share, for a guest makes as many as it likes: a
 * new one takes the slot of the oldest of whoever holds most, but rather not that of an
 * open connection, or of a name that was let through.  Domains are in a list by last use
 * besides.  Counters of guests and entries are arrays that grow to a bound.  Each has an
 * index beside it.
 */
#include "config.h"

#include "model.h"

#include <stdlib.h>
#include <string.h>

#include "drops/show.h"
#include "hash.h"
#include "tables.h"
#include "xmalloc.h"

enum {
	LEARNER_NAMES_MAX = 4096,	/* whom learning tells apart, in all */
	LEARNER_ADDRS_MAX = 1024,	/* of them by address; a guest can take many */
};

/* A like drop or event this much later starts a row of its own. */
static const uint64_t run_gap = 60 * 1000000ull;
/* A client that was refused a look-up has tried an address of its own by then. */
static const uint64_t attempt_gap = 10 * 1000000ull;

/* Refused look-ups that are remembered so long, a power of two.  Two that fall in one
 * place cost the earlier one its memory, and what it asked for is two lines. */
enum { REFUSALS = 4096 };

/* A refused look-up, by which its connection is known. */
struct refusal {
	uint64_t	who_and_what;	/* hash of guest and name, 0: none */
	uint64_t	time;
	uint8_t		reason;
};

const struct model_limits model_limits_default = {
	.domains = 100000, .hits = 16384, .drops = 8192, .events = 8192, .guests = 4096,
	.entries = 1 << 20,
};

const char model_no_name[] = "(no name)";

struct model {
	struct hash_key		 key;
	struct hit_record	*hits;
	struct shares		 hit_shares;
	struct index		 hit_index;
	struct drop_record	*drops;
	struct ring		 drop_ring;
	struct event_record	*events;
	struct ring		 event_ring;
	struct domain		*domains;
	struct shares		 domain_shares;
	struct index		 domain_index;
	uint32_t		 newest;
	uint64_t		 domains_evicted, learned_evicted;
	char			(*learners)[GH_GUEST_SIZE];	/* names of guests, each once */
	struct index		 learner_index;
	uint32_t		 nlearners, nlearner_addrs;
	struct tallies		 guests, entries;
	struct refusal		 refusals[REFUSALS];
	uint64_t		 version[VIEW_COUNT];
};

static const char *const view_names[VIEW_COUNT] = {
	[VIEW_VMS] = "vms",
	[VIEW_RULES] = "rules",
	[VIEW_DOMAINS] = "domains",
	[VIEW_ENTRIES] = "entries",
	[VIEW_DROPS] = "drops",
	[VIEW_EVENTS] = "events",
};

static const char *const kind_names[EVENT_KIND_COUNT] = {
	[EVENT_HIT] = "hit",
	[EVENT_DROP] = "drop",
	[EVENT_RULES] = "rules",
	[EVENT_PROXY] = "proxy",
	[EVENT_ROLE] = "role",
	[EVENT_ENTRY] = "entry",
	[EVENT_GUEST] = "guest",
	[EVENT_CONFIG] = "config",
	[EVENT_ALERT] = "alert",
};

static const char *const severity_names[EVENT_SEVERITY_COUNT] = {
	[EVENT_INFO] = "info",
	[EVENT_NOTICE] = "notice",
	[EVENT_ALERTING] = "alert",
};

const char *
view_name(enum view v)
{
	return v < VIEW_COUNT ? view_names[v] : "unknown";
}

bool
view_parse(const char *s, enum view *out)
{
	for (enum view v = 0; v < VIEW_COUNT; v++) {
		if (strcmp(s, view_names[v]) == 0) {
			*out = v;
			return true;
		}
	}
	return false;
}

const char *
event_kind_name(enum event_kind k)
{
	return k < EVENT_KIND_COUNT ? kind_names[k] : "unknown";
}

const char *
event_severity_name(enum event_severity s)
{
	return s < EVENT_SEVERITY_COUNT ? severity_names[s] : "unknown";
}

/* ---- the model ---- */

struct model *
model_new(const struct model_limits *limits)
{
	struct model *m = xcalloc(1, sizeof(*m));

	if (limits == NULL)
		limits = &model_limits_default;
	hash_key_random(&m->key);
	m->hits = xcalloc(limits->hits, sizeof(*m->hits));
	shares_init(&m->hit_shares, limits->hits);
	index_init(&m->hit_index, limits->hits);
	m->drops = xcalloc(limits->drops, sizeof(*m->drops));
	ring_init(&m->drop_ring, limits->drops);
	m->events = xcalloc(limits->events, sizeof(*m->events));
	ring_init(&m->event_ring, limits->events);
	m->domains = xcalloc(limits->domains, sizeof(*m->domains));
	shares_init(&m->domain_shares, limits->domains);
	index_init(&m->domain_index, limits->domains);
	m->learners = xcalloc(LEARNER_NAMES_MAX, sizeof(*m->learners));
	index_init(&m->learner_index, LEARNER_NAMES_MAX);
	m->newest = no_slot;
	tallies_init(&m->guests, limits->guests);
	tallies_init(&m->entries, limits->entries);
	return m;
}

void
model_free(struct model *m)
{
	if (m == NULL)
		return;
	free(m->hits);
	shares_clear(&m->hit_shares);
	index_clear(&m->hit_index);
	free(m->drops);
	index_clear(&m->drop_ring.index);
	free(m->events);
	index_clear(&m->event_ring.index);
	free(m->domains);
	shares_clear(&m->domain_shares);
	index_clear(&m->domain_index);
	free(m->learners);
	index_clear(&m->learner_index);
	tallies_clear(&m->guests);
	tallies_clear(&m->entries);
	free(m);
}

void
model_touch(struct model *m, enum view v)
{
	m->version[v]++;
}

uint64_t
model_version(const struct model *m, enum view v)
{
	return m->version[v];
}

uint64_t
model_domains_evicted(const struct model *m)
{
	return m->domains_evicted;
}

uint64_t
model_learned_evicted(const struct model *m)
{
	return m->learned_evicted;
}

/* ---- domains ---- */

static uint64_t
domain_key(const struct model *m, const char *name)
{
	return hash_bytes(&m->key, name, strlen(name));
}

static void
domain_unlink(struct model *m, uint32_t slot)
{
	const struct domain *d = &m->domains[slot];

	if (d->newer != no_slot)
		m->domains[d->newer].older = d->older;
	else
		m->newest = d->older;
	if (d->older != no_slot)
		m->domains[d->older].newer = d->newer;
}

static void
domain_link_newest(struct model *m, uint32_t slot)
{
	struct domain *d = &m->domains[slot];

	d->newer = no_slot;
	d->older = m->newest;
	if (m->newest != no_slot)
		m->domains[m->newest].newer = slot;
	m->newest = slot;
}

/* What was let through, learned names above all, is what an operator comes back for. */
static bool
domain_kept(uint32_t slot, void *arg)
{
	const struct model *m = arg;

	return m->domains[slot].allowed != 0;
}

static struct domain *
domain_get(struct model *m, const char *name, uint32_t guest)
{
	uint64_t key = domain_key(m, name);
	uint32_t slot = index_find(&m->domain_index, key);
	bool taken;

	if (slot != no_slot) {
		domain_unlink(m, slot);
		domain_link_newest(m, slot);
		shares_touch(&m->domain_shares, slot);
		return &m->domains[slot];
	}
	slot = shares_take(&m->domain_shares, guest, domain_kept, m, &taken);
	if (taken) {
		domain_unlink(m, slot);
		index_remove(&m->domain_index, slot);
		m->domains_evicted++;
		m->learned_evicted += m->domains[slot].learned != 0;
	}
	memset(&m->domains[slot], 0, sizeof(m->domains[slot]));
	copy_string(m->domains[slot].name, name, sizeof(m->domains[slot].name));
	index_add(&m->domain_index, slot, key);
	domain_link_newest(m, slot);
	return &m->domains[slot];
}

struct domain *
model_find_domain(struct model *m, const char *name)
{
	uint32_t slot = index_find(&m->domain_index, domain_key(m, name));

	return slot != no_slot ? &m->domains[slot] : NULL;
}

/* The number under which a guest's name or address is kept, or no_slot. */
static uint32_t
learner_number(struct model *m, bool by_address, const char *name)
{
	const uint64_t key = hash_bytes(&m->key, name, strlen(name));
	uint32_t slot = index_find(&m->learner_index, key);

	if (slot != no_slot || m->nlearners == LEARNER_NAMES_MAX ||
	    (by_address && m->nlearner_addrs == LEARNER_ADDRS_MAX))
		return slot;
	m->nlearner_addrs += by_address;
	slot = m->nlearners++;
	copy_string(m->learners[slot], name, sizeof(m->learners[slot]));
	index_add(&m->learner_index, slot, key);
	return slot;
}

const char *
model_learner_name(const struct model *m, const struct learner *l)
{
	return l->guest < m->nlearners ? m->learners[l->guest] : "";
}

/* known: guest_name is a guest's name, not an address. */
static void
domain_learn(struct model *m, struct domain *d, bool known, const char *guest_name)
{
	const uint32_t number = learner_number(m, !known, guest_name);
	uint8_t i = 0;

	d->learned++;
	while (i < d->nlearners && (d->learners[i].guest != number ||
	    d->learners[i].by_address == known))
		i++;
	if (number == no_slot || i == LEARNERS_MAX) {
		d->learned_by_others++;
		return;
	}
	if (i == d->nlearners)
		d->learners[d->nlearners++] = (struct learner){ .guest = (uint16_t)number,
			.by_address = !known };
	d->learners[i].count++;
}

/* A look-up that was answered: the connection that follows is what counts. */
static bool
is_lookup(const struct hit *hit)
{
	return hit->via == VIA_DNS && hit->verdict == VERDICT_ALLOW;
}

/* Who was told that there is no such name goes to an address it knows: one attempt, by
 * whomever else the name is asked for meanwhile.  What is over a limit is each for itself,
 * and what has no name stands for many. */
static bool
follows_lookup(struct model *m, const struct hit *hit, const char *guest_name)
{
	char who_and_what[GH_GUEST_SIZE + GH_NAME_SIZE];
	struct refusal *r, asked = { .time = hit->time, .reason = hit->reason };
	bool follows;

	if (hit->verdict == VERDICT_ALLOW || hit->name[0] == '\0' ||
	    hit->reason == REASON_LIMIT || hit->folded != 0)
		return false;
	snprintf(who_and_what, sizeof(who_and_what), "%s|%s", guest_name, hit->name);
	asked.who_and_what = hash_bytes(&m->key, who_and_what, strlen(who_and_what));
	r = &m->refusals[asked.who_and_what & (REFUSALS - 1)];
	if (hit->via == VIA_DNS) {
		*r = asked;
		return false;
	}
	follows = r->who_and_what == asked.who_and_what && r->reason == hit->reason &&
	    hit->time < r->time + attempt_gap;
	if (r->who_and_what == asked.who_and_what)
		r->who_and_what = 0;
	return follows;
}

static unsigned
domain_count(struct model *m, struct domain *d, const struct hit *hit, bool known,
    const char *guest_name)
{
	const uint64_t before = d->denied;

	if (is_lookup(hit))
		return d->first == 0 ? MODEL_FIRST_LOOKUP : 0;
	if (follows_lookup(m, hit, guest_name))
		return MODEL_FOLLOWS;
	if (hit->verdict != VERDICT_ALLOW) {
		d->denied += 1 + hit->folded;
		return before == 0 ? MODEL_FIRST_DENY : 0;
	}
	if (hit->reason == REASON_LEARNED)
		domain_learn(m, d, known, guest_name);
	return d->allowed++ == 0 ? MODEL_FIRST_ALLOW : 0;
}

static unsigned
domain_hit(struct model *m, const struct hit *hit, uint32_t guest, const char *guest_name)
{
	struct domain *d;
	unsigned found;

	d = domain_get(m, hit->name[0] != '\0' ? hit->name : model_no_name, guest);
	found = domain_count(m, d, hit, guest != 0, guest_name);
	if (d->first == 0)
		d->first = hit->time;
	d->last = hit->time;
	d->last_id = hit->id;
	d->last_verdict = hit->verdict;
	d->lookup_learned |= is_lookup(hit) && hit->reason == REASON_LEARNED;
	d->last_reason = hit->reason;
	d->last_port = hit->port;
	copy_string(d->last_guest, guest_name, sizeof(d->last_guest));
	m->version[VIEW_DOMAINS]++;
	return found;
}

/* ---- hits and flows ---- */

static void
tally_hit(struct tally *t, const struct hit *hit)
{
	if (t == NULL || is_lookup(hit))
		return;
	if (hit->verdict == VERDICT_ALLOW)
		t->allowed++;
	else
		t->denied += 1 + hit->folded;
	t->last = hit->time;
}

/* Its connection no longer counts as open in its guest's row. */
static void
hit_close(struct model *m, struct hit_record *r)
{
	struct tally *t;

	if (!r->open)
		return;
	r->open = false;
	t = tallies_get(&m->guests, r->hit.guest_id);
	if (t != NULL && t->connections > 0)
		t->connections--;
}

/* Why it is open, and that it is, is told by its record alone. */
static bool
hit_kept(uint32_t slot, void *arg)
{
	const struct model *m = arg;

	return m->hits[slot].open;
}

unsigned
model_hit(struct model *m, const struct hit *hit, uint32_t guest, const char *guest_name)
{
	struct hit_record *r;
	unsigned found;
	bool taken;
	const uint32_t slot = shares_take(&m->hit_shares, guest, hit_kept, m, &taken);

	r = &m->hits[slot];
	if (taken) {
		hit_close(m, r);
		index_remove(&m->hit_index, slot);
	}
	index_add(&m->hit_index, slot, hit->id);
	*r = (struct hit_record){ .hit = *hit };
	r->hit.guest_id = guest;
	copy_string(r->guest, guest_name, sizeof(r->guest));
	found = domain_hit(m, hit, guest, guest_name);
	if ((found & MODEL_FOLLOWS) == 0) {
		tally_hit(tallies_get(&m->guests, guest), hit);
		tally_hit(tallies_get(&m->entries, hit->entry), hit);
	}
	m->version[VIEW_VMS]++;
	m->version[VIEW_ENTRIES]++;
	return found;
}

static void
tally_flow(struct tally *t, const struct flow *flow)
{
	if (t == NULL)
		return;
	t->bytes_up += flow->up;
	t->bytes_down += flow->down;
}

/* A connection counts as open from its first report that is not its last. */
static void
flow_open(struct model *m, const struct flow *flow, struct hit_record *r)
{
	struct tally *t;

	if (flow->ended)
		hit_close(m, r);
	else if (!r->open && (t = tallies_get(&m->guests, r->hit.guest_id)) != NULL) {
		r->open = true;
		t->connections++;
	}
}

void
model_flow(struct model *m, const struct flow *flow, uint32_t guest)
{
	uint32_t slot = index_find(&m->hit_index, flow->id);
	struct domain *d = model_find_domain(m, flow->name);

	if (slot != no_slot) {
		struct hit_record *r = &m->hits[slot];

		r->bytes_up += flow->up;
		r->bytes_down += flow->down;
		flow_open(m, flow, r);
		if (flow->ended && flow->outcome != OUTCOME_NONE) {
			r->hit.outcome = flow->outcome;
			copy_string(r->what, flow->what, sizeof(r->what));
		}
		/* The guest that had the address when it connected. */
		guest = r->hit.guest_id;
	}
	if (d != NULL) {
		d->bytes_up += flow->up;
		d->bytes_down += flow->down;
		m->version[VIEW_DOMAINS]++;
	}
	tally_flow(tallies_get(&m->guests, guest), flow);
	tally_flow(tallies_get(&m->entries, flow->entry), flow);
	m->version[VIEW_VMS]++;
}

const struct hit_record *
model_find_hit(const struct model *m, uint64_t id)
{
	uint32_t slot = index_find(&m->hit_index, id);

	return slot != no_slot ? &m->hits[slot] : NULL;
}

void
model_net_ended(struct model *m)
{
	for (uint32_t i = 0; i < m->hit_shares.used; i++)
		m->hits[i].open = false;
	for (uint32_t i = 0; i < m->guests.n; i++)
		m->guests.row[i].connections = 0;
	m->version[VIEW_VMS]++;
}

/* ---- drops ---- */

/* What makes two packets the same run: everything but size, time, the sender's
 * port, and where it was going to leave (a bridge floods to each of its ports). */
static uint64_t
drop_key(const struct model *m, const struct drop *d, uint32_t guest)
{
	struct drop same = *d;

	same.first = same.last = same.count = same.bytes = 0;
	same.sport = 0;
	same.guest_id = guest;
	memset(same.out, 0, sizeof(same.out));
	memset(same.pad, 0, sizeof(same.pad));
	return hash_bytes(&m->key, &same, sizeof(same));
}

const struct drop_record *
model_drop(struct model *m, const struct drop *drop, uint32_t guest, const char *guest_name)
{
	uint64_t key = drop_key(m, drop, guest);
	uint32_t slot = index_find(&m->drop_ring.index, key);
	struct tally *t = tallies_get(&m->guests, guest);
	struct drop_record *r;

	if (t != NULL && !drop_has_passed(drop))
		t->dropped += drop->count;
	m->version[VIEW_VMS]++;
	m->version[VIEW_DROPS]++;
	if (slot != no_slot && drop->first < m->drops[slot].drop.last + run_gap) {
		r = &m->drops[slot];
		r->drop.count += drop->count;
		r->drop.bytes += drop->bytes;
		r->drop.last = drop->last;
		r->drop.sport = drop->sport;
		if (strcmp(r->drop.out, drop->out) != 0)
			copy_string(r->drop.out, "*", sizeof(r->drop.out));
		return r;
	}
	r = &m->drops[ring_push(&m->drop_ring, key)];
	r->id = m->drop_ring.ids;
	r->drop = *drop;
	r->drop.guest_id = guest;
	copy_string(r->guest, guest_name, sizeof(r->guest));
	return r;
}

/* ---- events ---- */

void
model_event(struct model *m, const struct event_record *e, const void *key, size_t key_len)
{
	/* Without a key of its own an event is like no other. */
	uint64_t k = key_len != 0 ? hash_bytes(&m->key, key, key_len) : m->event_ring.ids + 1;
	uint32_t slot = key_len != 0 ? index_find(&m->event_ring.index, k) : no_slot;
	struct event_record *r;

	m->version[VIEW_EVENTS]++;
	if (slot != no_slot && e->time < m->events[slot].time + run_gap) {
		r = &m->events[slot];
		r->count += e->count;
		r->time = e->time;
		r->hit_id = e->hit_id;
		memcpy(r->text, e->text, sizeof(r->text));
		return;
	}
	r = &m->events[ring_push(&m->event_ring, k)];
	*r = *e;
	r->count = e->count != 0 ? e->count : 1;
	r->id = m->event_ring.ids;
	r->first = e->time;
}

bool
model_guest_may_speak(struct model *m, uint32_t guest, uint32_t max, uint64_t now)
{
	const uint64_t minute = now / 60000000;
	/* Whoever is not known shares one allowance. */
	struct tally *t = tallies_get(&m->guests, guest != 0 ? guest : UINT32_MAX);

	if (t == NULL)
		return false;
	if (t->minute != minute) {
		t->minute = minute;
		t->minute_events = 0;
	}
	return t->minute_events++ < max;
}

/* ---- reading ---- */

const struct tally *
model_guest(const struct model *m, uint32_t id)
{
	return tallies_find(&m->guests, id);
}

const struct tally *
model_entry(const struct model *m, uint32_t id)
{
	return tallies_find(&m->entries, id);
}

void
model_retain_guests(struct model *m, bool (*keep)(uint32_t, void *), void *arg)
{
	tallies_retain(&m->guests, keep, arg);
}

void
model_merge_guests(struct model *m, uint32_t id, uint32_t from)
{
	/* A copy: making room for the other may move it. */
	const struct tally was = *model_guest(m, from);
	struct tally *t = tallies_get(&m->guests, id);

	if (t != NULL) {
		t->connections += was.connections;
		t->allowed += was.allowed;
		t->denied += was.denied;
		t->dropped += was.dropped;
		t->bytes_up += was.bytes_up;
		t->bytes_down += was.bytes_down;
		t->last = was.last > t->last ? was.last : t->last;
	}
	for (uint32_t i = 0; i < m->hit_shares.used; i++) {
		if (m->hits[i].hit.guest_id == from)
			m->hits[i].hit.guest_id = id;
	}
	for (uint32_t i = 0; i < m->drop_ring.used; i++) {
		if (m->drops[i].drop.guest_id == from)
			m->drops[i].drop.guest_id = id;
	}
}

void
model_retain_entries(struct model *m, bool (*keep)(uint32_t, void *), void *arg)
{
	tallies_retain(&m->entries, keep, arg);
}

size_t
model_count(const struct model *m, enum view v)
{
	switch (v) {
	case VIEW_DOMAINS:
		return m->domain_shares.used;
	case VIEW_DROPS:
		return m->drop_ring.used;
	case VIEW_EVENTS:
		return m->event_ring.used;
	default:
		return 0;
	}
}

size_t
model_rows(const struct model *m, enum view v, const void **rows)
{
	size_t n = 0;

	switch (v) {
	case VIEW_DOMAINS:
		for (uint32_t slot = m->newest; slot != no_slot; slot = m->domains[slot].older)
			rows[n++] = &m->domains[slot];
		return n;
	case VIEW_DROPS:
		return ring_rows(&m->drop_ring, rows, m->drops, sizeof(*m->drops));
	case VIEW_EVENTS:
		return ring_rows(&m->event_ring, rows, m->events, sizeof(*m->events));
	default:
		return 0;
	}
}
