/*
 * Manager "lima": `limactl list --json`, an object for each instance, one after the
 * other:
 *
 *	{ "name", "status", "driverPID", "hostAgentPID", "network": [N, ...],
 *	  "config": { "networks": [N, ...] } }
 *	N: { "lima": name | "vzNAT": true | "socket": path, "macAddress", "interface" }
 *
 * Every instance has a first NIC besides those, which leaves as a process of this
 * host (slirp or gvisor); its MAC is not told.  The first network of mode user-v2
 * takes that NIC's place rather than adding one.  vzNAT, shared and host are bridges
 * of vmnet's.  Behind a socket may be anything.
 *
 * What a named network is stands in networks.yaml: the four that Lima comes with are
 * taken by their names; for one with a name of the user's own, source holds that
 * name until `limactl network list --json` has told its mode.
 */
#include "config.h"

#include <string.h>

#include "inventory/guest_row.h"
#include "inventory/manager.h"
#include "xmalloc.h"

static enum guest_state
state_of(const char *word)
{
	if (word == NULL)
		return GUEST_UNKNOWN;
	if (strcmp(word, "Running") == 0)
		return GUEST_RUNNING;
	return strcmp(word, "Stopped") == 0 ? GUEST_STOPPED : GUEST_UNKNOWN;
}

/* The modes of networks.yaml, which are also the names of the networks there. */
static const struct mode_word modes[] = {
	{ "shared", NIC_BRIDGE }, { "host", NIC_BRIDGE }, { "bridged", NIC_LAN },
	{ "user-v2", NIC_USER }, { NULL, NIC_UNKNOWN }
};

static void
nic_take(struct sighting *s, const json_t *network)
{
	const char *name = guest_json_string(network, "lima");

	s->mode = json_is_true(json_object_get(network, "vzNAT")) ? NIC_BRIDGE :
	    (uint8_t)guest_row_mode(modes, name);
	if (s->mode == NIC_UNKNOWN && name != NULL)
		guest_row_source(s, name, strlen(name));
	guest_row_mac(s, guest_json_string(network, "macAddress"));
}

static void
nics_take(const json_t *vm, const struct sighting *guest, struct sighting *list, size_t *n,
    size_t max)
{
	const json_t *networks = json_object_get(vm, "network"), *network;
	bool first_user = true;
	struct sighting *s;
	size_t i, nics = 1;

	if (!json_is_array(networks))
		networks = json_object_get(json_object_get(vm, "config"), "networks");
	json_array_foreach (networks, i, network) {
		const char *name = guest_json_string(network, "lima");

		if (first_user && guest_row_mode(modes, name) == NIC_USER) {
			first_user = false;
			continue;
		}
		if (nics++ == GUEST_NICS || (s = guest_row_nic(guest, list, n, max)) == NULL)
			return;
		nic_take(s, network);
	}
}

static void
guest_take(const json_t *vm, struct sighting *list, size_t *n, size_t max)
{
	const char *name = guest_json_string(vm, "name");
	struct sighting *s;

	if (name == NULL || *name == '\0' ||
	    (s = guest_row_add(list, n, max, name, strlen(name))) == NULL)
		return;
	s->state = (uint8_t)state_of(guest_json_string(vm, "status"));
	if (s->state == GUEST_RUNNING && (s->pid = guest_json_pid(vm, "driverPID")) == 0)
		s->pid = guest_json_pid(vm, "hostAgentPID");
	s->mode = NIC_USER;
	nics_take(vm, s, list, n, max);
}

static json_t *
object_next(const char **text, size_t *len, const char *command, char **cause)
{
	json_t *j = guest_json_next(text, len, command, cause);

	if (j == NULL || json_is_object(j))
		return j;
	*cause = xasprintf("\"%s\" printed JSON that is no list of objects", command);
	json_decref(j);
	return NULL;
}

static char *
list_parse(const char *text, size_t len, struct sighting *list, size_t *n, size_t max)
{
	char *cause = NULL;
	json_t *vm;

	while ((vm = object_next(&text, &len, "limactl list", &cause)) != NULL) {
		guest_take(vm, list, n, max);
		json_decref(vm);
	}
	return cause;
}

/* What one named network is, for the NICs that wait for it. */
static void
network_take(const json_t *network, struct sighting *rows, size_t nrows)
{
	const char *name = guest_json_string(network, "name");
	const char *interface = guest_json_string(network, "interface");
	const enum nic_mode mode = guest_row_mode(modes, guest_json_string(network, "mode"));
	struct sighting word = { 0 };

	if (name == NULL || mode == NIC_UNKNOWN)
		return;
	guest_row_source(&word, name, strlen(name));
	for (size_t i = 0; i < nrows; i++) {
		if (rows[i].mode != NIC_UNKNOWN || word.source[0] == '\0' ||
		    strcmp(rows[i].source, word.source) != 0)
			continue;
		rows[i].mode = (uint8_t)mode;
		rows[i].source[0] = '\0';
		if (mode == NIC_LAN && interface != NULL)
			guest_row_source(&rows[i], interface, strlen(interface));
	}
}

static char *
networks_parse(const char *text, size_t len, struct sighting *rows, size_t *nrows, size_t max)
{
	char *cause = NULL;
	json_t *network;

	while ((network = object_next(&text, &len, "limactl network list", &cause)) != NULL) {
		network_take(network, rows, *nrows);
		json_decref(network);
	}
	return cause;
}

const struct manager lima_manager = {
	.name = "lima",
	.list = COMMAND_LIMA_LIST,
	.list_parse = list_parse,
	/* Lima has that command since 2.0. */
	.detail = { { COMMAND_LIMA_NETWORKS, .running_only = false, .parse = networks_parse } },
	.start = COMMAND_LIMA_START,
	.stop = COMMAND_LIMA_STOP,
	.off = COMMAND_LIMA_OFF,
};

const struct manager colima_manager = {
	.name = "colima",
	.list = COMMAND_COLIMA_LIST,
	.list_parse = list_parse,
	.detail = { { COMMAND_COLIMA_NETWORKS, .running_only = false, .parse = networks_parse } },
	.start = COMMAND_COLIMA_START,
	.stop = COMMAND_COLIMA_STOP,
	.off = COMMAND_COLIMA_OFF,
};
