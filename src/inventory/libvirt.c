/*
 * Provider "libvirt": what libvirt's helper writes next to its dnsmasq, an
 * array of leases as JSON objects.  Only ip-address is always there; hostname
 * is what the guest called itself.
 */
#include "config.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "inventory/provider.h"
#include "xmalloc.h"

static void
lease_take(json_t *lease, int64_t now, struct sighting *list, size_t *n, size_t max)
{
	const char *address = json_string_value(json_object_get(lease, "ip-address"));
	const char *mac = json_string_value(json_object_get(lease, "mac-address"));
	json_t *name = json_object_get(lease, "hostname");
	json_t *expiry = json_object_get(lease, "expiry-time");
	struct sighting *s;
	struct addr a;

	if (address == NULL || !addr_parse(address, &a))
		return;
	if (json_integer_value(expiry) != 0 && json_integer_value(expiry) < now)
		return;
	if ((s = sighting_add(list, n, max, "libvirt")) == NULL)
		return;
	s->hint = true;
	s->addrs[s->naddrs++] = a;
	s->has_mac = mac != NULL && mac_parse(mac, strlen(mac), s->mac) && mac_is_guest(s->mac);
	if (json_is_string(name))
		sighting_name(s->name, json_string_value(name), json_string_length(name));
}

bool
libvirt_parse(const char *text, size_t len, int64_t now, struct sighting *list, size_t *n,
    size_t max)
{
	json_error_t error;
	json_t *all, *lease;
	size_t i;

	/* An empty file is what a network without leases has. */
	if (len == 0)
		return true;
	all = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	if (!json_is_array(all)) {
		json_decref(all);
		return false;
	}
	json_array_foreach (all, i, lease)
		lease_take(lease, now, list, n, max);
	json_decref(all);
	return true;
}

struct take {
	struct sighting	*list;
	size_t		*n, max;
	bool		 bad;
};

static void
take_file(const char *text, size_t len, void *arg)
{
	struct take *t = arg;

	if (!libvirt_parse(text, len, time(NULL), t->list, t->n, t->max))
		t->bad = true;
}

char *
libvirt_refresh(const struct conf *conf, struct sighting *list, size_t *n, size_t max)
{
	struct take t = { list, n, max, false };
	char *cause = files_each(conf->libvirt_status, take_file, &t);

	if (cause == NULL && t.bad)
		cause = xasprintf("%s: a file is not libvirt's list of leases",
		    conf->libvirt_status);
	return cause;
}
