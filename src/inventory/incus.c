/*
 * Managers "incus" and "lxd": `incus list --all-projects --format json`, and lxc's of
 * the same shape.  What NICs an instance has stands in its devices; their hardware
 * addresses and this host's ends of them in its "volatile" configuration;
 * addresses in its state, which is null, or has a null network, while it is
 * stopped, and to which whoever is root inside can add interfaces.  A key is
 * PROJECT/NAME.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inventory/guest_row.h"
#include "inventory/manager.h"
#include "inventory/provider.h"
#include "xmalloc.h"

/* The rows of one instance: those from its first one on. */
struct instance {
	struct sighting	*list;
	size_t		*n, max, first;
	char		 key[GUEST_KEY_SIZE];
	const char	*name;
	enum guest_state state;
};

static struct sighting *
row_new(struct instance *in)
{
	struct sighting *s = guest_row_add(in->list, in->n, in->max, in->key, strlen(in->key));

	if (s == NULL)
		return NULL;
	/* Named without its project. */
	sighting_name(s->name, in->name, strlen(in->name));
	s->state = (uint8_t)in->state;
	return s;
}

static enum nic_mode
mode_of(const json_t *dev)
{
	static const struct mode_word types[] = {
		{ "bridged", NIC_BRIDGE }, { "macvlan", NIC_LAN }, { "physical", NIC_LAN },
		{ "sriov", NIC_LAN }, { "ipvlan", NIC_LAN }, { "routed", NIC_ROUTED },
		{ "p2p", NIC_ROUTED }, { "ovn", NIC_LAN }, { NULL, NIC_UNKNOWN }
	};
	const char *type = guest_json_string(dev, "nictype");

	/* A network of the manager's own is a bridge of this host, or its end is none of a
	 * bridge's ports: guard.c. */
	if (type == NULL)
		return guest_json_string(dev, "network") != NULL ? NIC_BRIDGE : NIC_UNKNOWN;
	return guest_row_mode(types, type);
}

static const char *
volatile_string(const json_t *vm, const char *device, const char *what)
{
	char key[128];

	snprintf(key, sizeof(key), "volatile.%s.%s", device, what);
	return guest_json_string(json_object_get(vm, "config"), key);
}

static void
ifname_take(char dst[GH_IFNAME_SIZE], const char *name)
{
	if (name != NULL && dst[0] == '\0')
		guest_row_ifname(dst, name, strlen(name));
}

static bool
is_device(const json_t *dev, const char *type)
{
	const char *is = guest_json_string(dev, "type");

	return is != NULL && strcmp(is, type) == 0;
}

/* What listens inside ("bind=instance", of old "guest" or "container") is connected to by
 * the daemon, from this host: to any address of the internet's, or a socket of this host.
 * What listens on this host leads to the guest, and is no way out. */
static void
proxy_take(struct instance *in, const char *device, const json_t *dev)
{
	const char *bind = guest_json_string(dev, "bind");
	struct sighting *s;

	if (bind == NULL || *bind == '\0' || strcmp(bind, "host") == 0 || (s = row_new(in)) == NULL)
		return;
	s->mode = NIC_PROXY;
	guest_row_ifname(s->source, device, strlen(device));
}

static void
nic_take(struct instance *in, const json_t *vm, const char *device, const json_t *dev)
{
	struct sighting *s = row_new(in);

	if (s == NULL)
		return;
	s->mode = (uint8_t)mode_of(dev);
	guest_row_mac(s, guest_json_string(dev, "hwaddr"));
	if (!s->has_mac)
		guest_row_mac(s, volatile_string(vm, device, "hwaddr"));
	ifname_take(s->source, guest_json_string(dev, "parent"));
	ifname_take(s->source, guest_json_string(dev, "network"));
	ifname_take(s->link, volatile_string(vm, device, "host_name"));
}

static struct sighting *
row_of_mac(struct instance *in, const struct sighting *mac)
{
	for (size_t i = in->first; i < *in->n; i++) {
		if (in->list[i].has_mac && memcmp(in->list[i].mac, mac->mac, sizeof(mac->mac)) == 0)
			return &in->list[i];
	}
	return NULL;
}

/* A NIC as the guest has it now. */
static void
network_take(struct instance *in, const json_t *net)
{
	const char *type = guest_json_string(net, "type"), *scope, *text;
	const char *host = guest_json_string(net, "host_name");
	struct sighting mac = { .has_mac = false }, *s;
	const json_t *addr;
	size_t i;

	guest_row_mac(&mac, guest_json_string(net, "hwaddr"));
	if (!mac.has_mac || (type != NULL && strcmp(type, "loopback") == 0))
		return;
	if ((s = row_of_mac(in, &mac)) == NULL) {
		/* What has no end on this host was made inside, of whatever hardware
		 * address: a bridge of containers, or somebody else's NIC. */
		if (host == NULL || *host == '\0' || (s = row_new(in)) == NULL)
			return;
		guest_row_mac(s, guest_json_string(net, "hwaddr"));
	}
	ifname_take(s->link, host);
	json_array_foreach (json_object_get(net, "addresses"), i, addr) {
		scope = guest_json_string(addr, "scope");
		text = guest_json_string(addr, "address");
		if (scope != NULL && text != NULL && strcmp(scope, "global") == 0)
			guest_row_addr(s, text, strlen(text));
	}
}

static void
instance_take(struct instance *in, const json_t *vm)
{
	const char *project = guest_json_string(vm, "project"), *device;
	const char *status = guest_json_string(vm, "status");
	struct sighting *s;
	json_t *dev, *net;
	int len;

	if ((in->name = guest_json_string(vm, "name")) == NULL || in->name[0] == '\0')
		return;
	len = snprintf(in->key, sizeof(in->key), "%s/%s", project != NULL ? project : "default",
	    in->name);
	if (len >= (int)sizeof(in->key))
		return;
	in->state = status != NULL && strcmp(status, "Running") == 0 ? GUEST_RUNNING : GUEST_STOPPED;
	in->first = *in->n;
	/* NICs first: by them the guest is known, and there is room for so many rows. */
	json_object_foreach (json_object_get(vm, "expanded_devices"), device, dev) {
		if (is_device(dev, "nic"))
			nic_take(in, vm, device, dev);
	}
	json_object_foreach (json_object_get(vm, "expanded_devices"), device, dev) {
		if (is_device(dev, "proxy"))
			proxy_take(in, device, dev);
	}
	json_object_foreach (json_object_get(json_object_get(vm, "state"), "network"), device, net)
		network_take(in, net);
	if (*in->n == in->first && (s = row_new(in)) != NULL)
		s->mode = NIC_NONE;
}

static char *
list_parse(const char *text, size_t len, struct sighting *list, size_t *n, size_t max)
{
	struct instance in = { .list = list, .n = n, .max = max };
	char *cause = NULL;
	json_t *all = guest_json_array(text, len, "list", &cause), *vm;
	size_t i;

	json_array_foreach (all, i, vm)
		instance_take(&in, vm);
	json_decref(all);
	return cause;
}

const struct manager incus_manager = {
	.name = "incus",
	.list = COMMAND_INCUS_LIST,
	.list_parse = list_parse,
	.start = COMMAND_INCUS_START,
	.stop = COMMAND_INCUS_STOP,
	.off = COMMAND_INCUS_OFF,
	.system = true,
};

const struct manager lxd_manager = {
	.name = "lxd",
	.list = COMMAND_LXD_LIST,
	.list_parse = list_parse,
	.start = COMMAND_LXD_START,
	.stop = COMMAND_LXD_STOP,
	.off = COMMAND_LXD_OFF,
	.system = true,
};
