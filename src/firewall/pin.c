/* A pin by itself, and a range, for whoever keeps some. */
#include "config.h"

#include "firewall/firewall.h"

#include <stdio.h>

#include "addr.h"

int
fw_pin_compare(const struct fw_pin *a, const struct fw_pin *b)
{
	int c = addr_compare(&a->src, &b->src);

	if (c == 0)
		c = addr_compare(&a->dst, &b->dst);
	if (c == 0)
		c = (a->port > b->port) - (a->port < b->port);
	if (c == 0)
		c = (a->proto > b->proto) - (a->proto < b->proto);
	return c;
}

/* Nothing is set behind the first bits. */
static bool
is_network(const struct addr *a, unsigned bits)
{
	const unsigned whole = a->family == 4 ? 32 : 128;

	for (unsigned i = bits; i < whole; i++) {
		if ((a->bytes[i / 8] & 0x80 >> i % 8) != 0)
			return false;
	}
	return true;
}

char *
fw_range_target(const struct fw_range *r, char text[FW_TARGET_SIZE])
{
	const unsigned whole = r->first.family == 4 ? 32 : 128;
	char a[ADDR_TEXT_SIZE], z[ADDR_TEXT_SIZE];
	struct addr end;

	addr_format(&r->first, a);
	addr_format(&r->last, z);
	if (addr_equal(&r->first, &r->last)) {
		snprintf(text, FW_TARGET_SIZE, "%s", a);
		return text;
	}
	for (unsigned bits = 0; bits < whole; bits++) {
		addr_last(&r->first, bits, &end);
		if (is_network(&r->first, bits) && addr_equal(&end, &r->last)) {
			snprintf(text, FW_TARGET_SIZE, "%s/%u", a, bits);
			return text;
		}
	}
	snprintf(text, FW_TARGET_SIZE, "%s - %s", a, z);
	return text;
}
