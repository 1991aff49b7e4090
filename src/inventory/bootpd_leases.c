/*
 * Provider "dhcpd": /var/db/dhcpd_leases, where macOS's bootpd keeps what it gave to
 * the guests of vmnet, for the names that they gave when they asked:
 *
 *	{
 *		name=NAME
 *		ip_address=IPV4
 *		hw_address=1,MAC | ff,DUID
 *		lease=0xSECONDS		since the epoch: when it ends
 *	}
 *
 * Octets have lost their leading zeros.  A guest that asked with a DUID, which it
 * made up, is joined by its address.
 */
#include "config.h"

#include <string.h>

#include "inventory/guest_row.h"
#include "inventory/provider.h"

struct block {
	struct sighting	s;
	int64_t		ends;		/* seconds since the epoch; -1: not said */
};

/* "0x" and up to fifteen digits; -1 for anything else. */
static int64_t
hex_time(const char *s, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	const char *digit;
	int64_t n = 0;

	if (len < 3 || len > 17 || s[0] != '0' || s[1] != 'x')
		return -1;
	for (size_t i = 2; i < len; i++) {
		if (s[i] == '\0' || (digit = strchr(digits, s[i])) == NULL)
			return -1;
		n = n << 4 | (digit - digits);
	}
	return n;
}

/* The value of a line "\tKEY=VALUE", if that is its key. */
static bool
value_of(const char *line, size_t len, const char *key, const char **value, size_t *n)
{
	const size_t k = strlen(key);

	while (len > 0 && (*line == '\t' || *line == ' ')) {
		line++;
		len--;
	}
	if (len <= k || memcmp(line, key, k) != 0 || line[k] != '=')
		return false;
	*value = line + k + 1;
	*n = len - k - 1;
	return true;
}

static void
line_take(struct block *b, const char *line, size_t len)
{
	const char *value;
	size_t n;

	if (value_of(line, len, "name", &value, &n))
		sighting_name(b->s.name, value, n);
	else if (value_of(line, len, "ip_address", &value, &n))
		guest_row_addr(&b->s, value, n);
	else if (value_of(line, len, "lease", &value, &n))
		b->ends = hex_time(value, n);
	else if (value_of(line, len, "hw_address", &value, &n) && n > 2 && memcmp(value, "1,", 2) == 0)
		b->s.has_mac = mac_parse(value + 2, n - 2, b->s.mac) && mac_is_guest(b->s.mac);
}

static void
block_end(const struct block *b, int64_t now, struct sighting *list, size_t *n, size_t max)
{
	struct sighting *s;

	if (b->s.naddrs == 0 || b->ends < now || (s = sighting_add(list, n, max, "dhcpd")) == NULL)
		return;
	s->hint = true;
	s->naddrs = 1;
	s->addrs[0] = b->s.addrs[0];
	memcpy(s->name, b->s.name, sizeof(s->name));
	if ((s->has_mac = b->s.has_mac))
		memcpy(s->mac, b->s.mac, sizeof(s->mac));
}

void
bootpd_leases_parse(const char *text, size_t len, int64_t now, struct sighting *list, size_t *n,
    size_t max)
{
	const char *line;
	struct block b;
	bool open = false;
	size_t k;

	while (guest_line(&text, &len, &line, &k)) {
		if (k == 1 && *line == '{') {
			memset(&b, 0, sizeof(b));
			b.ends = -1;
			open = true;
		} else if (open && k == 1 && *line == '}') {
			block_end(&b, now, list, n, max);
			open = false;
		} else if (open)
			line_take(&b, line, k);
	}
}

char *
bootpd_leases_refresh(const struct conf *conf, struct sighting *list, size_t *n, size_t max)
{
	return leases_each(conf->dhcpd_leases, bootpd_leases_parse, list, n, max);
}
