/*
 * The rows of each view: a row of view_table says how to collect them, what
 * they can be sorted by, what a filter looks at, and how one becomes JSON.
 */
#include "config.h"

#include "views.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "addr.h"
#include "drops/show.h"
#include "inventory/guard.h"
#include "json_text.h"
#include "text.h"
#include "xmalloc.h"

/* ---- small parts ---- */

json_t *
json_time(uint64_t micros)
{
	return micros != 0 ? json_real((double)micros / 1e6) : json_null();
}

json_t *
json_hit_id(uint64_t id)
{
	char text[GH_ID_SIZE];

	if (id == 0)
		return json_null();
	hit_id_format(id, text);
	return json_string(text);
}

static json_t *
json_addr(const struct addr *a)
{
	char text[ADDR_TEXT_SIZE];

	return a->family != 0 ? json_string(addr_format(a, text)) : json_null();
}

char
ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Whether lower-case needle stands in s, whatever the case of s. */
static bool
contains(const char *s, const char *needle)
{
	for (; *s != '\0'; s++) {
		size_t i = 0;

		while (needle[i] != '\0' && ascii_lower(s[i]) == needle[i])
			i++;
		if (needle[i] == '\0')
			return true;
	}
	return *needle == '\0';
}

static uint64_t
addr_number(const struct addr *a)
{
	uint64_t v = 0;

	for (int i = 0; i < 8; i++)
		v = v << 8 | a->bytes[i];
	return a->family == 4 ? v >> 32 : v;
}

static const void **
collect_model(struct engine *e, enum view v, size_t *n)
{
	const void **rows = xcalloc(model_count(e->model, v), sizeof(*rows));

	*n = model_rows(e->model, v, rows);
	return rows;
}

/* ---- vms ---- */

enum { VM_NAME, VM_BY, VM_KIND, VM_STATE, VM_ADDRESS, VM_BRIDGE, VM_PORT, VM_GUARD, VM_ALLOWED,
	VM_DENIED, VM_DROPPED, VM_BYTES, VM_CONNECTIONS, VM_FIRST, VM_LAST, VM_ID };

static const char *
vm_guard(const struct engine *e, const struct guest *g)
{
	const char *state = status_firewall(e);

	/* No rule holds what does not pass by it, frozen or not. */
	if (g->state == GUEST_RUNNING && g->guard >= NIC_UNGUARDABLE)
		return nic_guard_name((enum nic_guard)g->guard);
	/* What does not run has nothing to be guarded, and where it will be is not known. */
	if (g->state == GUEST_STOPPED)
		return guest_frozen(e, g) ? "frozen" : "";
	/* Nor is it known to hold one of which nothing was heard. */
	if (g->state == GUEST_RUNNING && g->guard == NIC_UNSEEN)
		return nic_guard_name(NIC_UNSEEN);
	/* Nor where the rules are not ours now. */
	if (guest_frozen(e, g) && strcmp(state, "open") != 0 && strcmp(state, "drift") != 0)
		return "frozen";
	if (strcmp(state, "enforcing") == 0)
		return "full";
	if (strcmp(state, "observing") == 0)
		return "observed";
	if (strcmp(state, "idle") == 0)
		return "idle";
	return strcmp(state, "open") == 0 ? "open" : "down";
}

static const void **
vms_collect(struct engine *e, size_t *n)
{
	const void **rows;

	*n = inventory_count(e->inventory);
	rows = xcalloc(*n, sizeof(*rows));
	for (size_t i = 0; i < *n; i++)
		rows[i] = inventory_guest(e->inventory, i);
	return rows;
}

static void
vms_key(struct engine *e, const void *row, int key, struct sort_row *s)
{
	const struct guest *g = row;
	const struct tally *t = model_guest(e->model, g->id);

	switch (key) {
	case VM_NAME: s->text = g->name; break;
	case VM_BY: s->text = g->by; break;
	case VM_KIND: s->text = guest_kind_name(g->kind); break;
	case VM_STATE: s->text = guest_state_name(g->state); break;
	case VM_ADDRESS: s->number = addr_number(&g->addrs[0]); break;
	case VM_BRIDGE: s->text = g->bridge; break;
	case VM_PORT: s->text = g->port; break;
	case VM_GUARD: s->text = vm_guard(e, g); break;
	case VM_ALLOWED: s->number = t->allowed; break;
	case VM_DENIED: s->number = t->denied; break;
	case VM_DROPPED: s->number = t->dropped; break;
	case VM_BYTES: s->number = t->bytes_up + t->bytes_down; break;
	case VM_CONNECTIONS: s->number = t->connections; break;
	case VM_FIRST: s->number = g->first_seen; break;
	case VM_LAST: s->number = g->last_seen; break;
	default: s->number = g->id; break;
	}
}

static bool
vms_match(struct engine *e, const void *row, const char *filter)
{
	const struct guest *g = row;
	char text[ADDR_TEXT_SIZE];

	for (uint32_t i = 0; i < g->naddrs; i++) {
		if (contains(addr_format(&g->addrs[i], text), filter))
			return true;
	}
	if (g->has_mac && contains(mac_format(g->mac, text), filter))
		return true;
	return contains(g->name, filter) || contains(g->by, filter) || contains(g->bridge, filter) ||
	    contains(g->port, filter) || contains(guest_state_name(g->state), filter) ||
	    contains(vm_guard(e, g), filter);
}

/* What of this host's ports it can reach; null of one that runs nobody knows where. */
static json_t *
host_ports(struct engine *e, const struct guest *g)
{
	bool local = false;

	if (g->state == GUEST_RUNNING && g->guard == NIC_UNSEEN)
		return json_null();
	/* What user-mode networking calls its gateway is the loopback of this host. */
	for (uint32_t i = 0; i < g->nnics; i++)
		local |= g->nics[i].mode == NIC_USER;
	return shield_json(e, strcmp(status_firewall(e), "enforcing") == 0 &&
	    g->guard < NIC_UNGUARDABLE, local);
}

static json_t *
nic_json(struct engine *e, const struct guest *g, const struct guest_nic *nic)
{
	char mac[MAC_TEXT_SIZE], *why, *fix;
	json_t *j;

	guard_explain(inventory_host(e->inventory), g, nic, &why, &fix);
	j = json_pack("{s:o, s:o, s:o, s:s, s:o, s:s, s:o, s:o}",
	    "mac", nic->has_mac ? json_string(mac_format(nic->mac, mac)) : json_null(),
	    "bridge", json_guest(nic->bridge), "port", json_guest(nic->port),
	    "mode", nic_mode_name((enum nic_mode)nic->mode), "source", json_guest(nic->source),
	    "guard", nic_guard_name((enum nic_guard)nic->guard), "why", json_guest(why),
	    "fix", json_guest(fix));
	free(why);
	free(fix);
	return j;
}

static json_t *
nics_json(struct engine *e, const struct guest *g)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < g->nnics; i++)
		json_array_append_new(list, nic_json(e, g, &g->nics[i]));
	if (g->more_nics)
		json_array_append_new(list, json_pack("{s:n, s:n, s:n, s:s, s:n, s:s, s:s, s:s}",
		    "mac", "bridge", "port", "mode", nic_mode_name(NIC_UNKNOWN), "source",
		    "guard", nic_guard_name(NIC_UNSEEN),
		    "why", "it has more NICs than the 8 that are looked at",
		    "fix", "take those out of it that it does not need"));
	return list;
}

static json_t *
vms_json(struct engine *e, const void *row)
{
	const struct guest *g = row;
	const struct tally *t = model_guest(e->model, g->id);
	json_t *addrs = json_array();
	char mac[MAC_TEXT_SIZE];

	for (uint32_t i = 0; i < g->naddrs; i++)
		json_array_append_new(addrs, json_addr(&g->addrs[i]));
	return json_pack("{s:I, s:o, s:s, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:I,"
	    " s:I, s:o, s:o, s:o, s:o, s:o, s:b, s:b, s:b, s:b, s:b, s:I, s:o, s:o, s:b}",
	    "id", (json_int_t)g->id, "name", json_guest(g->name),
	    "kind", guest_kind_name(g->kind), "by", json_guest(g->by),
	    "state", guest_state_name(g->state), "addresses", addrs,
	    "mac", g->has_mac ? json_string(mac_format(g->mac, mac)) : json_null(),
	    "bridge", json_guest(g->bridge), "port", json_guest(g->port), "guard", json_plain_or_null(vm_guard(e, g)),
	    "allowed", (json_int_t)t->allowed, "denied", (json_int_t)t->denied,
	    "dropped", (json_int_t)t->dropped, "bytes_up", (json_int_t)t->bytes_up,
	    "bytes_down", (json_int_t)t->bytes_down, "connections", (json_int_t)t->connections,
	    "first_seen", json_time(g->first_seen), "last_seen", json_time(g->last_seen),
	    "nics", nics_json(e, g), "manager", json_plain_or_null(g->manager),
	    "user", json_plain_or_null(g->user), "stale", g->stale, "frozen", guest_frozen(e, g),
	    "softnet", g->softnet,
	    "can_start", asker_command(g, ACT_START) != COMMAND_NONE,
	    "can_stop", asker_command(g, ACT_STOP) != COMMAND_NONE, "pid", (json_int_t)g->pid,
	    "host_ports", host_ports(e, g), "softnet_says", shield_softnet(e, g), "own_name", g->own_name);
}

/* ---- rules ---- */

enum { RULE_FAMILY, RULE_CHAIN, RULE_LABEL, RULE_ACTION, RULE_TEXT, RULE_PACKETS, RULE_BYTES,
	RULE_RATE };

static const void **
rules_collect(struct engine *e, size_t *n)
{
	const void **rows = xcalloc(e->nrules, sizeof(*rows));

	*n = e->nrules;
	for (size_t i = 0; i < *n; i++)
		rows[i] = &e->rules[i];
	return rows;
}

static void
rules_key(struct engine *e, const void *row, int key, struct sort_row *s)
{
	const struct rule_row *r = row;

	switch (key) {
	case RULE_FAMILY: s->text = r->rule.family; break;
	case RULE_CHAIN: s->text = r->rule.chain; break;
	case RULE_LABEL: s->text = r->rule.label; break;
	case RULE_ACTION: s->text = r->rule.action; break;
	case RULE_TEXT: s->text = r->rule.text; break;
	case RULE_PACKETS: s->number = r->rule.packets; break;
	case RULE_BYTES: s->number = r->rule.bytes; break;
	default: s->number = (uint64_t)(r->rate * 1000); break;
	}
}

static bool
rules_match(struct engine *e, const void *row, const char *filter)
{
	const struct fw_rule *r = &((const struct rule_row *)row)->rule;

	return contains(r->label, filter) || contains(r->text, filter) ||
	    contains(r->chain, filter) || contains(r->action, filter) ||
	    contains(r->family, filter);
}

static json_t *
rules_json(struct engine *e, const void *row)
{
	const struct rule_row *r = row;

	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:f}",
	    "family", json_plain(r->rule.family), "chain", json_plain(r->rule.chain),
	    "label", json_plain(r->rule.label), "action", json_plain(r->rule.action),
	    "rule", json_plain(r->rule.text), "packets", (json_int_t)r->rule.packets,
	    "bytes", (json_int_t)r->rule.bytes, "rate", r->rate);
}

/* ---- domains ---- */

enum { DOMAIN_NAME, DOMAIN_ENTRY, DOMAIN_ALLOWED, DOMAIN_DENIED, DOMAIN_BYTES, DOMAIN_LAST,
	DOMAIN_GUEST, DOMAIN_VERDICT, DOMAIN_REASON };

static const void **
domains_collect(struct engine *e, size_t *n)
{
	return collect_model(e, VIEW_DOMAINS, n);
}

/*
 * The entry that decides about the name now, for the guest and port that asked
 * last; 0 if none.  Looked up once for each state of the allowlist.
 */
static uint32_t
domain_entry(struct engine *e, const void *row)
{
	const char *name = ((const struct domain *)row)->name;
	struct domain *d = model_find_domain(e->model, name);
	const struct guest *g;

	if (d->entry_generation != e->policy.generation) {
		/* Of a hundred thousand names: only where entries tell guests apart. */
		g = allow_image_scopes(e->policy.image) ?
		    inventory_by_name(e->inventory, d->last_guest) : NULL;
		d->entry = allow_lookup(e->policy.image, d->name, strlen(d->name),
		    d->last_port != 0 ? d->last_port : 443, g != NULL ? guest_scope(g) : d->last_guest,
		    (int64_t)time(NULL)).entry;
		d->entry_generation = e->policy.generation;
	}
	return d->entry;
}

static void
domains_key(struct engine *e, const void *row, int key, struct sort_row *s)
{
	const struct domain *d = row;

	switch (key) {
	case DOMAIN_NAME: s->text = d->name; break;
	case DOMAIN_ENTRY: s->number = domain_entry(e, row); break;
	case DOMAIN_ALLOWED: s->number = d->allowed; break;
	case DOMAIN_DENIED: s->number = d->denied; break;
	case DOMAIN_BYTES: s->number = d->bytes_up + d->bytes_down; break;
	case DOMAIN_GUEST: s->text = d->last_guest; break;
	case DOMAIN_VERDICT: s->text = verdict_name(d->last_verdict); break;
	case DOMAIN_REASON: s->text = reason_name(d->last_reason); break;
	default: s->number = d->last; break;
	}
}

static bool
domains_match(struct engine *e, const void *row, const char *filter)
{
	const struct domain *d = row;

	return contains(d->name, filter) || contains(d->last_guest, filter) ||
	    contains(reason_name(d->last_reason), filter) ||
	    contains(verdict_name(d->last_verdict), filter);
}

const char *
entry_state_name(uint8_t state)
{
	static const char *const names[] = {
		[ALLOW_ON] = "on", [ALLOW_OFF] = "off", [ALLOW_ENDED] = "ended",
		[ALLOW_PENDING] = "pending",
	};

	return state < sizeof(names) / sizeof(names[0]) ? names[state] : "unknown";
}

/* An operator's text that was allocated for us. */
static json_t *
json_take(char *text)
{
	json_t *j = json_plain_or_null(text);

	free(text);
	return j;
}

static json_t *
domains_json(struct engine *e, const void *row)
{
	const struct domain *d = row;
	uint32_t id = domain_entry(e, row);
	struct allow_entry entry;
	bool found = id != 0 && allowlist_find(e->policy.list, id, &entry);

	return json_pack("{s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:o, s:s, s:s, s:o, s:o}",
	    "name", json_guest(d->name),
	    "entry", found ? json_take(allow_entry_text(&entry)) : json_null(),
	    "entry_id", found ? json_integer(id) : json_null(),
	    "entry_state", found ? json_string(entry_state_name(entry.state)) : json_null(),
	    "allowed", (json_int_t)d->allowed, "denied", (json_int_t)d->denied,
	    "learned", (json_int_t)d->learned,
	    "bytes_up", (json_int_t)d->bytes_up, "bytes_down", (json_int_t)d->bytes_down,
	    "last", json_time(d->last), "last_verdict", verdict_name(d->last_verdict),
	    "last_reason", reason_name(d->last_reason), "last_guest", json_guest(d->last_guest),
	    "last_id", json_hit_id(d->last_id));
}

/* ---- entries ---- */

enum { ENTRY_LINE, ENTRY_TEXT, ENTRY_KIND, ENTRY_STATE, ENTRY_ACTION, ENTRY_VM, ENTRY_UNTIL,
	ENTRY_ALLOWED, ENTRY_DENIED, ENTRY_LAST, ENTRY_ID };

/* The list fills entries in on demand, so a row is no more than a place in it,
 * counted from one. */
static bool
entry_at(struct engine *e, const void *row, struct allow_entry *entry)
{
	return allowlist_entry(e->policy.list, (size_t)(uintptr_t)row - 1, entry);
}

static const void **
entries_collect(struct engine *e, size_t *n)
{
	const void **rows;

	*n = allowlist_count(e->policy.list);
	rows = xcalloc(*n, sizeof(*rows));
	for (size_t i = 0; i < *n; i++)
		rows[i] = (const void *)(uintptr_t)(i + 1);
	return rows;
}

static const char *
kind_name(uint8_t kind)
{
	static const char *const names[] = {
		[ALLOW_EXACT] = "exact", [ALLOW_TREE] = "tree", [ALLOW_BELOW] = "below",
		[ALLOW_PREFIX] = "prefix", [ALLOW_PRESET] = "preset",
	};

	return kind < sizeof(names) / sizeof(names[0]) ? names[kind] : "unknown";
}

/* Big-endian, so that numbers compare as the texts do, as far as eight bytes
 * tell; the order of the file decides the rest. */
static uint64_t
text_prefix(const char *s)
{
	uint64_t v = 0;

	for (int i = 0; i < 8; i++)
		v = v << 8 | (uint8_t)(*s != '\0' ? *s++ : 0);
	return v;
}

static void
entries_key(struct engine *e, const void *row, int key, struct sort_row *s)
{
	struct allow_entry entry;
	const struct tally *t;

	if (!entry_at(e, row, &entry))
		return;
	t = model_entry(e->model, entry.id);
	switch (key) {
	case ENTRY_TEXT: s->number = text_prefix(entry.name); break;
	case ENTRY_KIND: s->text = kind_name(entry.kind); break;
	case ENTRY_STATE: s->text = entry_state_name(entry.state); break;
	case ENTRY_ACTION: s->number = entry.deny; break;
	case ENTRY_VM: s->number = text_prefix(entry.vm); break;
	case ENTRY_UNTIL: s->number = (uint64_t)entry.until; break;
	case ENTRY_ALLOWED: s->number = t->allowed; break;
	case ENTRY_DENIED: s->number = t->denied; break;
	case ENTRY_LAST: s->number = t->last; break;
	case ENTRY_ID: s->number = entry.id; break;
	default: s->number = entry.line; break;
	}
}

static bool
entries_match(struct engine *e, const void *row, const char *filter)
{
	struct allow_entry entry;
	char *text;
	bool found;

	if (!entry_at(e, row, &entry))
		return false;
	text = allow_entry_text(&entry);
	found = contains(text, filter) || contains(entry_state_name(entry.state), filter);
	free(text);
	return found;
}

/* What a preset stands for, as text; null for any other entry. */
static json_t *
expansion_json(struct engine *e, const struct allow_entry *entry)
{
	struct allow_entry inner;
	json_t *list;

	if (entry->kind != ALLOW_PRESET)
		return json_null();
	list = json_array();
	for (size_t i = 0; allowlist_expansion(e->policy.list, entry, i, &inner); i++)
		if (inner.state == ALLOW_ON)
			json_array_append_new(list, json_take(allow_entry_text(&inner)));
	return list;
}

static json_t *
entries_json(struct engine *e, const void *row)
{
	struct allow_entry entry;
	const struct tally *t;

	if (!entry_at(e, row, &entry))
		return json_object();
	t = model_entry(e->model, entry.id);
	return json_pack("{s:I, s:I, s:o, s:s, s:s, s:s, s:o, s:o, s:o, s:I, s:I, s:o, s:o, s:o}",
	    "id", (json_int_t)entry.id, "line", (json_int_t)entry.line,
	    "text", json_take(allow_entry_text(&entry)), "kind", kind_name(entry.kind),
	    "state", entry_state_name(entry.state), "action", entry.deny ? "deny" : "allow",
	    "explain", json_take(allowlist_explain(e->policy.list, &entry)), "vm", json_plain(entry.vm),
	    "until", entry.until != 0 ? json_integer(entry.until) : json_null(),
	    "allowed", (json_int_t)t->allowed, "denied", (json_int_t)t->denied,
	    "last", json_time(t->last),
	    "warning", json_take(allowlist_warning(e->policy.list, &entry)),
	    "expansion", expansion_json(e, &entry));
}

/* ---- drops ---- */

enum { DROP_BY_LAST, DROP_BY_FIRST, DROP_BY_COUNT, DROP_BY_BYTES, DROP_BY_GUEST, DROP_BY_SRC,
	DROP_BY_DST, DROP_BY_PROTO, DROP_BY_DPORT, DROP_BY_LABEL, DROP_BY_IN, DROP_BY_ID };

static const void **
drops_collect(struct engine *e, size_t *n)
{
	return collect_model(e, VIEW_DROPS, n);
}

static void
drops_key(struct engine *e, const void *row, int key, struct sort_row *s)
{
	const struct drop_record *r = row;

	switch (key) {
	case DROP_BY_FIRST: s->number = r->drop.first; break;
	case DROP_BY_COUNT: s->number = r->drop.count; break;
	case DROP_BY_BYTES: s->number = r->drop.bytes; break;
	case DROP_BY_GUEST: s->text = r->guest; break;
	case DROP_BY_SRC: s->number = addr_number(&r->drop.src); break;
	case DROP_BY_DST: s->number = addr_number(&r->drop.dst); break;
	case DROP_BY_PROTO: s->number = r->drop.proto; break;
	case DROP_BY_DPORT: s->number = r->drop.dport; break;
	case DROP_BY_LABEL: s->text = r->drop.label; break;
	case DROP_BY_IN: s->text = r->drop.in; break;
	case DROP_BY_ID: s->number = r->id; break;
	default: s->number = r->drop.last; break;
	}
}

enum { TARGET_SIZE = ADDR_TEXT_SIZE + 16 };

/* Where one with ports was going: "203.0.113.9:22", "[2001:db8::9]:22". Returns dst. */
static char *
target_text(const struct drop *d, char dst[TARGET_SIZE])
{
	char addr[ADDR_TEXT_SIZE];

	snprintf(dst, TARGET_SIZE, d->dst.family == 6 ? "[%s]:%u" : "%s:%u",
	    addr_format(&d->dst, addr), (unsigned)d->dport);
	return dst;
}

/* As a console shows it: "tcp 203.0.113.9:22". */
static bool
target_matches(const struct drop *d, const char *filter)
{
	char target[TARGET_SIZE], word[DROP_WORD_SIZE], text[TARGET_SIZE + DROP_WORD_SIZE];

	if ((d->flags & DROP_PORTS) == 0)
		return false;
	snprintf(text, sizeof(text), "%s %s", drop_proto(d, word), target_text(d, target));
	return contains(text, filter);
}

static bool
drops_match(struct engine *e, const void *row, const char *filter)
{
	const struct drop_record *r = row;
	char src[ADDR_TEXT_SIZE], dst[ADDR_TEXT_SIZE], word[DROP_WORD_SIZE], note[DROP_NOTE_SIZE];

	return contains(r->guest, filter) || contains(r->drop.label, filter) ||
	    contains(addr_format(&r->drop.src, src), filter) ||
	    contains(addr_format(&r->drop.dst, dst), filter) ||
	    contains(drop_proto(&r->drop, word), filter) ||
	    contains(drop_service(&r->drop, word), filter) ||
	    contains(r->drop.in, filter) || contains(r->drop.out, filter) ||
	    target_matches(&r->drop, filter) || contains(drop_note(&r->drop, note), filter);
}

static bool
is_some_hosts(const struct addr *a)
{
	const char *special = addr_special(a);

	return special == NULL || (strcmp(special, "multicast") != 0 &&
	    strcmp(special, "reserved") != 0 && strcmp(special, "this-network") != 0);
}

/* The entry that would let it through; null: rules refuse it whatever is listed, as
 * they do what is for this host. */
static json_t *
drop_entry(struct engine *e, const struct drop *d)
{
	const bool udp = d->proto == IPPROTO_UDP;
	char target[TARGET_SIZE];

	if ((strcmp(d->label, "default") != 0 && strcmp(d->label, "private") != 0) ||
	    (d->flags & DROP_PORTS) == 0 || (!udp && d->proto != IPPROTO_TCP) ||
	    (d->flags & DROP_UID) != 0 || d->dport == 0 || reach_is_host(&e->reach, &d->dst) ||
	    !is_some_hosts(&d->dst))
		return json_null();
	return json_sprintf("%s%s", target_text(d, target), udp ? "/udp" : "");
}

static json_t *
drops_json(struct engine *e, const void *row)
{
	const struct drop_record *r = row;
	json_t *o = drop_json(&r->drop);

	json_object_set_new(o, "entry", drop_entry(e, &r->drop));
	json_object_set_new(o, "id", json_integer((json_int_t)r->id));
	json_object_set_new(o, "guest", json_guest(r->guest));
	return o;
}

/* ---- events ---- */

enum { EVENT_BY_TIME, EVENT_BY_KIND, EVENT_BY_SEVERITY, EVENT_BY_GUEST, EVENT_BY_TEXT,
	EVENT_BY_COUNT, EVENT_BY_ID };

static const void **
events_collect(struct engine *e, size_t *n)
{
	return collect_model(e, VIEW_EVENTS, n);
}

static void
events_key(struct engine *e, const void *row, int key, struct sort_row *s)
{
	const struct event_record *r = row;

	switch (key) {
	case EVENT_BY_KIND: s->text = event_kind_name(r->kind); break;
	case EVENT_BY_SEVERITY: s->number = r->severity; break;
	case EVENT_BY_GUEST: s->text = r->guest; break;
	case EVENT_BY_TEXT: s->text = r->text; break;
	case EVENT_BY_COUNT: s->number = r->count; break;
	case EVENT_BY_ID: s->number = r->id; break;
	default: s->number = r->time; break;
	}
}

static bool
events_match(struct engine *e, const void *row, const char *filter)
{
	const struct event_record *r = row;

	return contains(r->guest, filter) || contains(r->text, filter) ||
	    contains(event_kind_name(r->kind), filter) ||
	    contains(event_severity_name(r->severity), filter);
}

static json_t *
events_json(struct engine *e, const void *row)
{
	const struct event_record *r = row;

	return json_pack("{s:I, s:o, s:o, s:I, s:s, s:s, s:o, s:o, s:o}",
	    "id", (json_int_t)r->id, "time", json_time(r->time), "first", json_time(r->first),
	    "count", (json_int_t)r->count, "kind", event_kind_name(r->kind),
	    "severity", event_severity_name(r->severity), "guest", json_guest(r->guest),
	    "text", json_guest(r->text), "hit_id", json_hit_id(r->hit_id));
}

const struct view_ops view_table[VIEW_COUNT] = {
	[VIEW_VMS] = { vms_collect, vms_key, vms_match, vms_json, VM_NAME, false,
	    { "name", "by", "kind", "state", "addresses", "bridge", "port", "guard", "allowed",
	    "denied", "dropped", "bytes", "connections", "first_seen", "last_seen", "id" } },
	[VIEW_RULES] = { rules_collect, rules_key, rules_match, rules_json, -1, false,
	    { "family", "chain", "label", "action", "rule", "packets", "bytes", "rate" } },
	[VIEW_DOMAINS] = { domains_collect, domains_key, domains_match, domains_json, -1, false,
	    { "name", "entry", "allowed", "denied", "bytes", "last", "last_guest", "last_verdict",
	    "last_reason" } },
	[VIEW_ENTRIES] = { entries_collect, entries_key, entries_match, entries_json, -1, false,
	    { "line", "text", "kind", "state", "action", "vm", "until", "allowed", "denied", "last",
	    "id" } },
	[VIEW_DROPS] = { drops_collect, drops_key, drops_match, drops_json, DROP_BY_LAST, true,
	    { "last", "first", "count", "bytes", "guest", "src", "dst", "proto", "dport", "label",
	    "in", "id" } },
	[VIEW_EVENTS] = { events_collect, events_key, events_match, events_json, EVENT_BY_TIME, true,
	    { "time", "kind", "severity", "guest", "text", "count", "id" } },
};
