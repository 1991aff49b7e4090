/*
 * libnftables' JSON (libnftables-json(5)) read in two ways: as rules for
 * people, and as one number that changes when anything but counters does.
 *
 * A listing is one or more documents {"nftables": [ {"rule": {...}}, ... ]},
 * one for each table asked for.  A rule's "expr" is an array of objects with
 * one key each, the statement's name.  Nothing here trusts the shape: what is
 * not understood is shown by its key, and the depth is bounded.
 */
#include "config.h"

#include "firewall/nft.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "firewall/nft_json.h"
#include "firewall/pins.h"
#include "text.h"
#include "xmalloc.h"

enum { DEPTH_MAX = 12, DOCUMENTS_MAX = 16, TEXT_SIZE = 512 };

/* Text that grows until it is full and then only stops growing. */
struct line {
	char	text[TEXT_SIZE];
	size_t	len;
};

static void	 put_value(struct line *, json_t *, unsigned depth);

/* ---- documents and their objects ---- */

char *
nft_each_object(const char *json, size_t len, void (*cb)(const char *, json_t *, void *), void *arg)
{
	size_t at = 0, i;
	json_error_t error;
	json_t *doc, *item;

	for (int n = 0; n < DOCUMENTS_MAX; n++) {
		while (at < len && (json[at] == '\n' || json[at] == ' '))
			at++;
		if (at == len && n > 0)
			return NULL;
		doc = json_loadb(json + at, len - at, JSON_DISABLE_EOF_CHECK, &error);
		if (doc == NULL || !json_is_array(json_object_get(doc, "nftables"))) {
			json_decref(doc);
			return xasprintf("this is no listing of nft: %s", doc == NULL ?
			    error.text : "it has no array \"nftables\"");
		}
		json_array_foreach(json_object_get(doc, "nftables"), i, item) {
			const char *kind;
			json_t *object;

			json_object_foreach(item, kind, object)
				cb(kind, object, arg);
		}
		json_decref(doc);
		at += (size_t)error.position;
	}
	return NULL;
}

static const char *
string_of(json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s != NULL ? s : "";
}

static bool
is_ours(json_t *object)
{
	const char *family = string_of(object, "family");

	return strcmp(string_of(object, "table"), "gatehouse") == 0 &&
	    (strcmp(family, "inet") == 0 || strcmp(family, "bridge") == 0);
}

/* ---- a rule as text ---- */

static void
put(struct line *l, const char *s)
{
	if (s != NULL)
		l->len += text_escape(l->text + l->len, sizeof(l->text) - l->len, s, strlen(s));
}

static void
put_list(struct line *l, json_t *array, const char *comma, unsigned depth)
{
	json_t *item;
	size_t i;

	json_array_foreach(array, i, item) {
		if (i > 0)
			put(l, comma);
		put_value(l, item, depth);
	}
}

/* {"meta": {"key": "iifname"}} and the like: the last words of an operand. */
static bool
put_selector(struct line *l, const char *kind, json_t *v, unsigned depth)
{
	if (strcmp(kind, "meta") == 0) {
		const char *key = string_of(v, "key");

		/* nft itself leaves out "meta" where the word stands by itself. */
		if (strncmp(key, "iif", 3) != 0 && strncmp(key, "oif", 3) != 0)
			put(l, "meta ");
		put(l, key);
	} else if (strcmp(kind, "payload") == 0) {
		const char *protocol = string_of(v, "protocol");

		put(l, protocol[0] != '\0' ? protocol : "payload");
		put(l, " ");
		put(l, string_of(v, "field"));
	} else if (strcmp(kind, "ct") == 0) {
		put(l, "ct ");
		put(l, string_of(v, "key"));
	} else if (strcmp(kind, "fib") == 0) {
		put(l, "fib ");
		if (json_is_array(json_object_get(v, "flags")))
			put_list(l, json_object_get(v, "flags"), " . ", depth);
		else
			put_value(l, json_object_get(v, "flags"), depth);
		put(l, " ");
		put(l, string_of(v, "result"));
	} else
		return false;
	return true;
}

static void
put_object(struct line *l, const char *kind, json_t *v, unsigned depth)
{
	if (put_selector(l, kind, v, depth))
		return;
	if (strcmp(kind, "prefix") == 0) {
		put_value(l, json_object_get(v, "addr"), depth);
		put(l, "/");
		put_value(l, json_object_get(v, "len"), depth);
	} else if (strcmp(kind, "range") == 0)
		put_list(l, v, "-", depth);
	else if (strcmp(kind, "set") == 0) {
		put(l, "{ ");
		put_list(l, v, ", ", depth);
		put(l, " }");
	} else if (strcmp(kind, "concat") == 0)
		put_list(l, v, " . ", depth);
	else if (strcmp(kind, "&") == 0 || strcmp(kind, "|") == 0 || strcmp(kind, "^") == 0) {
		char op[] = { ' ', kind[0], ' ', '\0' };

		put_list(l, v, op, depth);
	} else if (strcmp(kind, "elem") == 0)
		put_value(l, json_object_get(v, "val"), depth);
	else
		put(l, kind);
}

static void
put_value(struct line *l, json_t *v, unsigned depth)
{
	char number[32];
	const char *kind;
	json_t *inner;

	if (depth >= DEPTH_MAX) {
		put(l, "...");
		return;
	}
	switch (v != NULL ? json_typeof(v) : JSON_NULL) {
	case JSON_STRING:
		put(l, json_string_value(v));
		break;
	case JSON_INTEGER:
		snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(v));
		put(l, number);
		break;
	case JSON_TRUE:
		put(l, "exists");
		break;
	case JSON_FALSE:
		put(l, "missing");
		break;
	case JSON_ARRAY:
		put_list(l, v, ", ", depth + 1);
		break;
	case JSON_OBJECT:
		json_object_foreach(v, kind, inner)
			put_object(l, kind, inner, depth + 1);
		break;
	default:
		put(l, "?");
		break;
	}
}

static void
put_match(struct line *l, json_t *match)
{
	const char *op = string_of(match, "op");
	json_t *left = json_object_get(match, "left");

	put_value(l, left, 0);
	put(l, " ");
	/* As in rule files: equality goes without saying, but after a mask. */
	if (strcmp(op, "in") != 0 && (strcmp(op, "==") != 0 || json_object_get(left, "&") != NULL)) {
		put(l, op);
		put(l, " ");
	}
	put_value(l, json_object_get(match, "right"), 0);
}

struct reading {
	struct fw_rule	*rules;
	int		 n, max;
};

/* What the statement does to the packet: into rule->action, and as text. */
static bool
read_verdict(struct fw_rule *rule, struct line *verdict, const char *kind, json_t *v)
{
	static const char *const plain[] = { "accept", "drop", "reject", "return", "redirect",
		"jump", "goto", "queue", "dnat", "snat", "masquerade", "tproxy" };
	size_t i, n = sizeof(plain) / sizeof(plain[0]);

	for (i = 0; i < n && strcmp(kind, plain[i]) != 0; i++)
		;
	if (i == n)
		return false;
	copy_string(rule->action, strcmp(kind, "goto") == 0 ? "jump" : kind, sizeof(rule->action));
	put(verdict, kind);
	if (json_object_get(v, "target") != NULL) {
		put(verdict, " ");
		put_value(verdict, json_object_get(v, "target"), 0);
	} else if (json_object_get(v, "port") != NULL) {
		put(verdict, " to :");
		put_value(verdict, json_object_get(v, "port"), 0);
	} else if (strcmp(kind, "reject") == 0 &&
	    strcmp(string_of(v, "type"), "tcp reset") == 0)
		put(verdict, " with tcp reset");
	return true;
}

static void
read_statement(struct fw_rule *rule, struct line *match, struct line *verdict, const char *kind,
    json_t *v)
{
	if (strcmp(kind, "counter") == 0) {
		json_int_t packets = json_integer_value(json_object_get(v, "packets"));
		json_int_t bytes = json_integer_value(json_object_get(v, "bytes"));

		rule->packets = packets > 0 ? (uint64_t)packets : 0;
		rule->bytes = bytes > 0 ? (uint64_t)bytes : 0;
		return;
	}
	/* A set that the rule keeps up is no condition of it. */
	if (strcmp(kind, "log") == 0 || strcmp(kind, "set") == 0 ||
	    read_verdict(rule, verdict, kind, v))
		return;
	if (match->len > 0)
		put(match, " ");
	if (strcmp(kind, "match") == 0)
		put_match(match, v);
	else
		put(match, kind);
}

static void
read_label(struct fw_rule *rule, const char *comment)
{
	static const char prefix[] = "gatehouse:";

	if (strncmp(comment, prefix, sizeof(prefix) - 1) == 0)
		comment += sizeof(prefix) - 1;
	text_escape(rule->label, sizeof(rule->label), comment, strlen(comment));
}

static void
read_rule(const char *kind, json_t *object, void *arg)
{
	struct reading *r = arg;
	struct line match = { "", 0 }, verdict = { "", 0 };
	struct fw_rule *rule;
	json_t *expr, *v;
	const char *statement;
	size_t i;

	if (strcmp(kind, "rule") != 0 || !is_ours(object) || r->n == r->max)
		return;
	rule = &r->rules[r->n++];
	memset(rule, 0, sizeof(*rule));
	copy_string(rule->family, string_of(object, "family"), sizeof(rule->family));
	text_escape(rule->chain, sizeof(rule->chain), string_of(object, "chain"),
	    strlen(string_of(object, "chain")));
	read_label(rule, string_of(object, "comment"));
	expr = json_object_get(object, "expr");
	json_array_foreach(expr, i, v) {
		json_t *inner;

		json_object_foreach(v, statement, inner)
			read_statement(rule, &match, &verdict, statement, inner);
	}
	snprintf(rule->text, sizeof(rule->text), "%s%s%s", match.len > 0 ? match.text : "any",
	    verdict.len > 0 ? " -> " : "", verdict.text);
}

int
nft_rules_parse(const char *json, size_t len, struct fw_rule *rules, int max, char **cause)
{
	struct reading r = { rules, 0, max };

	*cause = nft_each_object(json, len, read_rule, &r);
	return *cause == NULL ? r.n : -1;
}

/* ---- who is frozen ---- */

struct frozen_reading {
	struct fw_guest	*guests;
	int		 n, max;
	bool		 all;
};

static bool
mac_parse(const char *s, uint8_t mac[6])
{
	unsigned b[6];
	char end;

	if (sscanf(s, "%2x:%2x:%2x:%2x:%2x:%2x%c", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5],
	    &end) != 6)
		return false;
	for (int i = 0; i < 6; i++)
		mac[i] = (uint8_t)b[i];
	return true;
}

static bool
read_frozen_element(struct fw_guest *g, const char *set, const char *element)
{
	memset(g, 0, sizeof(*g));
	if (strcmp(set, "frozen_mac") == 0) {
		g->has_mac = mac_parse(element, g->mac);
		return g->has_mac;
	}
	if (strcmp(set, "frozen_ports") == 0)
		return nft_name_ok(element) &&
		    copy_string(g->port, element, sizeof(g->port)) < sizeof(g->port);
	if (strcmp(set, "frozen4") == 0 || strcmp(set, "frozen6") == 0) {
		g->naddrs = 1;
		return addr_parse(element, &g->addrs[0]);
	}
	return false;
}

static void
read_frozen(const char *kind, json_t *object, void *arg)
{
	struct frozen_reading *r = arg;
	const char *set = string_of(object, "name");
	json_t *elements, *e;
	size_t i;

	if (strcmp(kind, "set") != 0 || !is_ours(object))
		return;
	elements = json_object_get(object, "elem");
	if (strcmp(set, "frozen_all") == 0 && json_array_size(elements) > 0)
		r->all = true;
	json_array_foreach(elements, i, e) {
		if (r->n < r->max && json_is_string(e) &&
		    read_frozen_element(&r->guests[r->n], set, json_string_value(e)))
			r->n++;
	}
}

int
nft_frozen_parse(const char *json, size_t len, struct fw_guest *guests, int max, bool *all)
{
	struct frozen_reading r = { guests, 0, max, false };
	char *cause = nft_each_object(json, len, read_frozen, &r);

	*all = r.all;
	if (cause == NULL)
		return r.n;
	free(cause);
	return -1;
}

/* ---- one number for all of it ---- */

/* FNV-1a, 64 bits: it has to notice changes, not to withstand root. */
static uint64_t
hash_bytes(uint64_t h, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 0x100000001b3u;
	return h;
}

static uint64_t
hash_string(const char *s)
{
	return hash_bytes(0xcbf29ce484222325u, s, strlen(s));
}

static uint64_t
hash_pair(uint64_t a, uint64_t b)
{
	uint64_t both[2] = { a, b };

	return hash_bytes(0xcbf29ce484222325u, both, sizeof(both));
}

uint64_t
nft_element_hash(const char *family, const char *set, const char *element)
{
	return hash_pair(hash_pair(hash_string(family), hash_string(set)), hash_string(element));
}

static bool
hash_leaves_out(const char *key)
{
	return strcmp(key, "handle") == 0 || strcmp(key, "packets") == 0 ||
	    strcmp(key, "bytes") == 0;
}

/* Objects and the members of sets have no order; everything else has. */
static uint64_t
hash_value(json_t *v, bool ordered, unsigned depth)
{
	json_t *item;
	const char *key;
	uint64_t h = 0;
	size_t i;

	if (depth >= DEPTH_MAX)
		return hash_string("deep");
	switch (json_typeof(v)) {
	case JSON_OBJECT:
		json_object_foreach(v, key, item) {
			bool set = strcmp(key, "set") == 0 || strcmp(key, "elem") == 0;

			if (!hash_leaves_out(key))
				h += hash_pair(hash_string(key), hash_value(item, !set, depth + 1));
		}
		return hash_pair(1, h);
	case JSON_ARRAY:
		json_array_foreach(v, i, item) {
			uint64_t one = hash_value(item, true, depth + 1);

			h = ordered ? hash_pair(h, one) : h + one;
		}
		return hash_pair(2, h);
	case JSON_STRING:
		return hash_string(json_string_value(v));
	case JSON_INTEGER:
		return hash_pair(3, (uint64_t)json_integer_value(v));
	default:
		return hash_pair(4, (uint64_t)json_typeof(v));
	}
}

struct hashing {
	uint64_t	rules, runtime;
	bool		seen;
};

/* What packets put into a set ends by itself, and is nothing that was loaded. */
static bool
set_is_passing(json_t *set)
{
	json_t *e = json_array_get(json_object_get(set, "elem"), 0), *flags, *flag;
	size_t i;

	flags = json_object_get(set, "flags");
	/* Of one alone newer versions print no list. */
	if (json_is_string(flags) && strcmp(json_string_value(flags), "dynamic") == 0)
		return true;
	json_array_foreach(flags, i, flag) {
		if (json_is_string(flag) && strcmp(json_string_value(flag), "dynamic") == 0)
			return true;
	}
	return json_object_get(json_object_get(e, "elem"), "expires") != NULL;
}

static void
hash_object(const char *kind, json_t *object, void *arg)
{
	struct hashing *h = arg;
	const char *family = string_of(object, "family"), *name = string_of(object, "name");
	json_t *e;
	json_t *copy;
	size_t i;

	if (strcmp(kind, "metainfo") == 0)
		return;
	h->seen = true;
	if (strcmp(kind, "set") == 0 && set_is_passing(object))
		json_object_del(object, "elem");
	if (strcmp(kind, "set") == 0 && (nft_set_is_runtime(family, name) ||
	    pins_is_set(family, name))) {
		/* Pins come and go by themselves: pins_see() compares them. */
		if (pins_is_set(family, name))
			json_object_del(object, "elem");
		json_array_foreach(json_object_get(object, "elem"), i, e)
			h->runtime += json_is_string(e) ?
			    nft_element_hash(family, name, json_string_value(e)) : 1;
		copy = json_copy(object);
		json_object_del(copy, "elem");
		h->rules = hash_pair(h->rules, hash_value(copy, true, 0));
		json_decref(copy);
		return;
	}
	h->rules = hash_pair(h->rules, hash_pair(hash_string(kind), hash_value(object, true, 0)));
}

uint64_t
nft_list_hash(const char *json, size_t len, uint64_t *runtime)
{
	struct hashing h = { 0, 0, false };
	char *cause = nft_each_object(json, len, hash_object, &h);

	*runtime = h.runtime;
	if (cause != NULL || !h.seen) {
		free(cause);
		return 0;
	}
	return h.rules != 0 ? h.rules : 1;
}
