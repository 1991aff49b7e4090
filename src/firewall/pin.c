/* A pin by itself, for whoever keeps some. */
#include "config.h"

#include "firewall/firewall.h"

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
