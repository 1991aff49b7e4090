/*
 * Elements of the sets of pins in nft's JSON.  One looks like this, without its
 * "elem" if it has no timeout:
 *
 *	{"elem": {"val": {"concat": ["10.77.0.11", "8.8.8.8", "tcp", 22]},
 *	    "timeout": 60, "expires": 12}}
 *
 * and in place of the second address may stand {"prefix": {"addr": ..., "len":
 * ...}} or {"range": [..., ...]}.  A sender's key is an address and a hardware address; what
 * is owned is an address alone.
 */
#include "config.h"

#include "firewall/pins.h"

#include <netinet/in.h>

#include <stdlib.h>
#include <string.h>

#include "firewall/nft_json.h"
#include "inventory/provider.h"

static const char *const sets[] = { "pins4", "pins6", "live4", "live6", "ranges4", "ranges6",
	"senders4", "senders6", "owned4", "owned6" };

bool
pins_is_set(const char *family, const char *set)
{
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		if (strcmp(sets[i], set) == 0)
			return strcmp(family, "inet") == 0;
	}
	return false;
}

struct reading {
	void	(*cb)(const struct pins_element *, void *);
	void	*arg;
	bool	 bad;
};

static bool
read_addr(json_t *j, struct addr *a)
{
	return json_is_string(j) && addr_parse(json_string_value(j), a);
}

static bool
read_prefix(json_t *j, struct pins_element *e)
{
	json_t *len = json_object_get(j, "len");
	const json_int_t bits = json_integer_value(len);

	if (!read_addr(json_object_get(j, "addr"), &e->first) || !json_is_integer(len) ||
	    bits < 0 || bits > (e->first.family == 4 ? 32 : 128))
		return false;
	addr_last(&e->first, (unsigned)bits, &e->last);
	return true;
}

static bool
read_target(json_t *j, struct pins_element *e)
{
	json_t *inner;

	if ((inner = json_object_get(j, "prefix")) != NULL)
		return read_prefix(inner, e);
	if ((inner = json_object_get(j, "range")) != NULL)
		return json_array_size(inner) == 2 &&
		    read_addr(json_array_get(inner, 0), &e->first) &&
		    read_addr(json_array_get(inner, 1), &e->last);
	if (!read_addr(j, &e->first))
		return false;
	e->last = e->first;
	return true;
}

/* Protocols by name, where the host knows one. */
static bool
read_proto(json_t *j, uint8_t *proto)
{
	const char *name = json_string_value(j);

	*proto = 0;
	if (json_integer_value(j) == IPPROTO_TCP || (name != NULL && strcmp(name, "tcp") == 0))
		*proto = IPPROTO_TCP;
	else if (json_integer_value(j) == IPPROTO_UDP || (name != NULL && strcmp(name, "udp") == 0))
		*proto = IPPROTO_UDP;
	return *proto != 0;
}

static bool
read_key(json_t *val, struct pins_element *e)
{
	json_t *key = json_object_get(val, "concat");
	const json_int_t port = json_integer_value(json_array_get(key, 3));

	if (json_array_size(key) != 4 || port < 1 || port > UINT16_MAX)
		return false;
	e->port = (uint16_t)port;
	return read_addr(json_array_get(key, 0), &e->src) &&
	    read_target(json_array_get(key, 1), e) && read_proto(json_array_get(key, 2), &e->proto);
}

static bool
read_sender(json_t *j, struct pins_element *e)
{
	json_t *key = json_object_get(j, "concat"), *mac = json_array_get(key, 1);

	return json_array_size(key) == 2 && json_is_string(mac) &&
	    read_addr(json_array_get(key, 0), &e->src) &&
	    mac_parse(json_string_value(mac), json_string_length(mac), e->mac);
}

static bool
read_element(json_t *j, struct pins_element *e)
{
	json_t *elem = json_object_get(j, "elem");
	json_int_t expires;

	if (e->sender)
		return read_sender(j, e);
	if (e->owned)
		return read_addr(j, &e->src);
	if (elem == NULL)
		return read_key(j, e);
	expires = json_integer_value(json_object_get(elem, "expires"));
	/* Without a number it ends within the second; without a timeout of its own it
	 * has that of the set. */
	if (json_object_get(elem, "timeout") != NULL || expires > 0)
		e->expires = expires > 0 && expires < UINT32_MAX ? (uint32_t)expires : 1;
	return read_key(json_object_get(elem, "val"), e);
}

static void
read_set(const char *kind, json_t *object, void *arg)
{
	const char *family = json_string_value(json_object_get(object, "family"));
	const char *table = json_string_value(json_object_get(object, "table"));
	const char *name = json_string_value(json_object_get(object, "name"));
	struct reading *r = arg;
	json_t *j;
	size_t i;

	if (strcmp(kind, "set") != 0 || family == NULL || table == NULL || name == NULL ||
	    strcmp(table, "gatehouse") != 0 || !pins_is_set(family, name))
		return;
	json_array_foreach(json_object_get(object, "elem"), i, j) {
		struct pins_element e = { .live = strncmp(name, "live", 4) == 0,
			.range = strncmp(name, "ranges", 6) == 0,
			.sender = strncmp(name, "senders", 7) == 0,
			.owned = strncmp(name, "owned", 5) == 0 };

		if (read_element(j, &e))
			r->cb(&e, r->arg);
		else
			r->bad = true;
	}
}

bool
pins_read(const char *json, size_t len, void (*cb)(const struct pins_element *, void *), void *arg)
{
	struct reading r = { cb, arg, false };
	char *cause = nft_each_object(json, len, read_set, &r);

	if (cause != NULL)
		r.bad = true;
	free(cause);
	return !r.bad;
}
