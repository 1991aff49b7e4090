/*
 * Provider "leases": the lease files of dnsmasq, for the names that guests
 * gave when they asked for an address.  One lease a line:
 *
 *	EXPIRY MAC IPV4 NAME|* CLIENT-ID|*
 *	duid DUID
 *	EXPIRY [T]IAID IPV6 NAME|* DUID|*
 *
 * EXPIRY is in seconds since the epoch, 0 is never.  The MAC of a network that
 * is not Ethernet starts with its type ("06-...") and is of no use here, nor is
 * the DUID, which the guest made up: a DHCPv6 lease is joined by its address.
 */
#include "config.h"

#include <string.h>

#include "inventory/provider.h"
#include "text.h"
#include "xmalloc.h"

enum { FIELD_EXPIRY, FIELD_WHO, FIELD_ADDRESS, FIELD_NAME, FIELDS };
enum { FIELD_SIZE = 256 };

/* Up to FIELDS words of a line; false if it has fewer, or one too long. */
static bool
line_split(const char *line, size_t len, char field[FIELDS][FIELD_SIZE])
{
	size_t i = 0, n;

	for (int k = 0; k < FIELDS; k++) {
		while (i < len && line[i] == ' ')
			i++;
		for (n = 0; i < len && line[i] != ' ' && n < FIELD_SIZE - 1; n++)
			field[k][n] = line[i++];
		field[k][n] = '\0';
		if (n == 0 || memchr(field[k], '\0', n) != NULL || (i < len && line[i] != ' '))
			return false;
	}
	return true;
}

static void
line_parse(const char *line, size_t len, int64_t now, struct sighting *list, size_t *n,
    size_t max)
{
	char field[FIELDS][FIELD_SIZE];
	struct sighting *s, new = { .hint = true };
	const char *why;
	uint64_t expiry;

	if (!line_split(line, len, field) ||
	    !text_number(field[FIELD_EXPIRY], 0, INT64_MAX, &expiry, &why) ||
	    (expiry != 0 && (int64_t)expiry < now) ||
	    !addr_parse(field[FIELD_ADDRESS], &new.addrs[0]))
		return;
	new.naddrs = 1;
	if (new.addrs[0].family == 4)
		new.has_mac = mac_parse(field[FIELD_WHO], strlen(field[FIELD_WHO]), new.mac) &&
		    mac_is_guest(new.mac);
	if (strcmp(field[FIELD_NAME], "*") != 0)
		sighting_name(new.name, field[FIELD_NAME], strlen(field[FIELD_NAME]));
	if ((s = sighting_add(list, n, max, "leases")) == NULL)
		return;
	copy_string(new.provider, s->provider, sizeof(new.provider));
	*s = new;
}

void
leases_parse(const char *text, size_t len, int64_t now, struct sighting *list, size_t *n,
    size_t max)
{
	const char *end;
	size_t line;

	while (len > 0) {
		end = memchr(text, '\n', len);
		line = end != NULL ? (size_t)(end - text) : len;
		line_parse(text, line, now, list, n, max);
		line += end != NULL;
		text += line;
		len -= line;
	}
}

char *
leases_refresh(const struct conf *conf, struct sighting *list, size_t *n, size_t max)
{
	return leases_each(conf->leases, leases_parse, list, n, max);
}
