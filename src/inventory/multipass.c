/*
 * Manager "multipass": `multipass list --format json`, and what "info" prints of the
 * same guests:
 *
 *	{ "list": [ { "name", "state", "ipv4": [text, ...] }, ... ] }
 *	{ "info": { NAME: { "state", "ipv4": [text, ...] }, ... } }
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inventory/guest_row.h"
#include "inventory/manager.h"
#include "xmalloc.h"

/* In "Starting", "Restarting", "Delayed Shutdown" and "Unknown" a guest may send. */
static uint8_t
state_of(const char *state)
{
	static const char *const stopped[] = { "Stopped", "Suspended", "Deleted" };

	for (size_t i = 0; state != NULL && i < sizeof(stopped) / sizeof(stopped[0]); i++) {
		if (strcmp(state, stopped[i]) == 0)
			return GUEST_STOPPED;
	}
	return state != NULL && strcmp(state, "Running") == 0 ? GUEST_RUNNING : GUEST_UNKNOWN;
}

static void
guest_take(const char *name, const json_t *vm, struct sighting *list, size_t *n, size_t max)
{
	const char *state = guest_json_string(vm, "state");
	struct sighting *s;
	const json_t *addr;
	size_t i;

	if (name == NULL || *name == '\0' ||
	    (s = guest_row_add(list, n, max, name, strlen(name))) == NULL)
		return;
	s->state = state_of(state);
	json_array_foreach (json_object_get(vm, "ipv4"), i, addr) {
		if (json_is_string(addr))
			guest_row_addr(s, json_string_value(addr), json_string_length(addr));
	}
}

static char *
list_parse(const char *text, size_t len, struct sighting *list, size_t *n, size_t max)
{
	json_error_t error;
	json_t *all = json_loadb(text, len, 0, &error), *vms = json_object_get(all, "list"), *vm;
	json_t *info = json_object_get(all, "info");
	char *cause = NULL;
	const char *name;
	size_t i;

	if (!json_is_array(vms) && !json_is_object(info))
		cause = xstrdup("\"multipass list\" printed what is no list of guests");
	json_array_foreach (vms, i, vm)
		guest_take(guest_json_string(vm, "name"), vm, list, n, max);
	json_object_foreach (info, name, vm)
		guest_take(name, vm, list, n, max);
	json_decref(all);
	return cause;
}

const struct manager multipass_manager = {
	.name = "multipass",
	.list = COMMAND_MULTIPASS_LIST,
	.list_parse = list_parse,
	.start = COMMAND_MULTIPASS_START,
	.stop = COMMAND_MULTIPASS_STOP,
	.off = COMMAND_MULTIPASS_OFF,
	.system = true,
};
