/*
 * Manager "tart": `tart list --format json`, an array of
 *
 *	{ "Name", "Source": "local"|"oci"|"OCI", "Running": bool, "State": text, ... }
 *
 * of which State and Running are not in every version.  Images from a registry
 * are listed as well, with slashes in their names; they are guests only while
 * they run.  The list says nothing of the network: the address is `tart ip`'s,
 * the MAC the VM's config.json's, and how the NIC gets out stands in the arguments
 * of the VM's process alone (ps.c).
 */
#include "config.h"

#include <string.h>
#include <strings.h>

#include "inventory/guest_row.h"
#include "inventory/manager.h"
#include "xmalloc.h"

static enum guest_state
state_of(const json_t *vm)
{
	const char *state = guest_json_string(vm, "State");
	const json_t *running = json_object_get(vm, "Running");

	if (state != NULL && strcmp(state, "running") == 0)
		return GUEST_RUNNING;
	/* "suspended" has no process either. */
	if (state != NULL || json_is_false(running))
		return GUEST_STOPPED;
	return json_is_true(running) ? GUEST_RUNNING : GUEST_UNKNOWN;
}

static char *
list_parse(const char *text, size_t len, struct sighting *list, size_t *n, size_t max)
{
	char *cause = NULL;
	json_t *all = guest_json_array(text, len, "tart list", &cause), *vm;
	const char *name, *source;
	enum guest_state state;
	struct sighting *s;
	size_t i;

	json_array_foreach (all, i, vm) {
		name = guest_json_string(vm, "Name");
		source = guest_json_string(vm, "Source");
		state = state_of(vm);
		if (name == NULL || *name == '\0' || (source != NULL && strcasecmp(source, "oci") == 0 &&
		    state != GUEST_RUNNING))
			continue;
		if ((s = guest_row_add(list, n, max, name, strlen(name))) == NULL)
			break;
		s->state = (uint8_t)state;
	}
	json_decref(all);
	return cause;
}

static char *
config_parse(const char *text, size_t len, struct sighting *rows, size_t *nrows, size_t max)
{
	json_error_t error;
	json_t *config = json_loadb(text, len, 0, &error);
	const char *mac = guest_json_string(config, "macAddress");
	char *cause = NULL;

	if (*nrows > 0)
		guest_row_mac(&rows[0], mac);
	if (*nrows > 0 && !rows[0].has_mac)
		cause = xstrdup("config.json has no macAddress that a guest can have");
	json_decref(config);
	return cause;
}

static char *
ip_parse(const char *text, size_t len, struct sighting *rows, size_t *nrows, size_t max)
{
	const char *line;
	size_t n;

	if (*nrows == 0)
		return NULL;
	rows[0].naddrs = 0;
	if (guest_line(&text, &len, &line, &n))
		guest_row_addr(&rows[0], line, n);
	return rows[0].naddrs > 0 ? NULL : xstrdup("\"tart ip\" printed no address");
}

const struct manager tart_manager = {
	.name = "tart",
	.list = COMMAND_TART_LIST,
	.list_parse = list_parse,
	.detail = {
		/* An image that runs has its configuration elsewhere. */
		{ COMMAND_TART_CONFIG, .running_only = false, .parse = config_parse },
		{ COMMAND_TART_IP, .running_only = true, .parse = ip_parse },
	},
	.start = COMMAND_TART_START,
	.stop = COMMAND_TART_STOP,
};
