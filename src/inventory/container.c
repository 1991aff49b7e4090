/*
 * Manager "container" (Apple's): `container list --all --format json`, an array.
 * Before version 1 of
 *
 *	{ "status": text, "networks": [{ "address": "A/BITS", ... }],
 *	  "configuration": { "id": text } }
 *
 * and since then of
 *
 *	{ "id": text, "status": { "state": text, "networks": [{ "ipv4Address": "A/BITS",
 *	  "ipv6Address", "macAddress", ... }] } }
 *
 * Each container is a VM, each of its networks a NIC on a bridge of vmnet's.
 */
#include "config.h"

#include <string.h>

#include "inventory/guest_row.h"
#include "inventory/manager.h"

static enum guest_state
state_of(const char *word)
{
	if (word == NULL)
		return GUEST_UNKNOWN;
	if (strcmp(word, "running") == 0 || strcmp(word, "stopping") == 0)
		return GUEST_RUNNING;
	return strcmp(word, "stopped") == 0 ? GUEST_STOPPED : GUEST_UNKNOWN;
}

static void
nic_take(struct sighting *s, const json_t *network)
{
	static const char *const keys[] = { "ipv4Address", "ipv6Address", "address" };
	const char *address;

	s->mode = NIC_BRIDGE;
	guest_row_mac(s, guest_json_string(network, "macAddress"));
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if ((address = guest_json_string(network, keys[i])) != NULL)
			guest_row_addr(s, address, strlen(address));
	}
}

static void
guest_take(const json_t *c, struct sighting *list, size_t *n, size_t max)
{
	const json_t *status = json_object_get(c, "status"), *network;
	const json_t *networks = json_object_get(json_is_object(status) ? status : c, "networks");
	const char *id = guest_json_string(c, "id"), *state = json_string_value(status);
	struct sighting *guest, *s;
	size_t i;

	if (id == NULL)
		id = guest_json_string(json_object_get(c, "configuration"), "id");
	if (id == NULL || *id == '\0' || (guest = guest_row_add(list, n, max, id, strlen(id))) == NULL)
		return;
	if (state == NULL)
		state = guest_json_string(status, "state");
	guest->state = (uint8_t)state_of(state);
	if (guest->state == GUEST_RUNNING && json_is_array(networks) && json_array_size(networks) == 0)
		guest->mode = NIC_NONE;
	json_array_foreach (networks, i, network) {
		if (i == GUEST_NICS)
			break;
		s = i == 0 ? guest : guest_row_nic(guest, list, n, max);
		if (s != NULL)
			nic_take(s, network);
	}
}

static char *
list_parse(const char *text, size_t len, struct sighting *list, size_t *n, size_t max)
{
	char *cause = NULL;
	json_t *all = guest_json_array(text, len, "container list", &cause), *c;
	size_t i;

	json_array_foreach (all, i, c)
		guest_take(c, list, n, max);
	json_decref(all);
	return cause;
}

const struct manager container_manager = {
	.name = "container",
	.list = COMMAND_CONTAINER_LIST,
	.list_parse = list_parse,
	.start = COMMAND_CONTAINER_START,
	.stop = COMMAND_CONTAINER_STOP,
	.off = COMMAND_CONTAINER_OFF,
};
