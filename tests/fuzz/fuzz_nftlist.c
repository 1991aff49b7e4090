/* Whatever a listing holds, its rules come out terminated and printable. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "firewall/nft.h"
#include "rule_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

enum { RULES_MAX = 64, GUESTS_MAX = 8 };

/* What is read of an element makes sense by itself. */
static void
see_element(const struct pins_element *e, void *arg)
{
	(void)arg;
	if ((e->src.family != 4 && e->src.family != 6) || e->port == 0 || e->proto == 0 ||
	    (e->first.family != 4 && e->first.family != 6) ||
	    (e->last.family != 4 && e->last.family != 6))
		abort();
}

/* And compared with a record of one pin and one range, whatever it says. */
static void
see_pins(const char *text, size_t len)
{
	struct fw_pin p = { .seconds = 60, .port = 22, .proto = 6 };
	struct fw_range r = { .port = 5432, .proto = 6 };
	struct pins *s = pins_new();

	addr_parse("10.77.0.11", &p.src);
	addr_parse("8.8.8.8", &p.dst);
	r.src = p.src;
	addr_parse("9.0.0.0", &r.first);
	addr_parse("9.0.0.9", &r.last);
	free(pins_add(s, &p, 1000000));
	free(pins_set_ranges(s, &r, 1, 1000000));
	pins_settle(s);
	pins_see(s, text, len, 2000000);
	free(pins_text(s, 2000000));
	while (pins_ended(s, &p))
		;
	pins_free(s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct fw_rule rules[RULES_MAX];
	static struct fw_guest guests[GUESTS_MAX];
	const char *text = (const char *)data;
	uint64_t runtime;
	char *cause;
	bool all;
	int n;

	n = nft_rules_parse(text, len, rules, RULES_MAX, &cause);
	if (n > RULES_MAX || (n == -1) != (cause != NULL))
		abort();
	free(cause);
	for (int i = 0; i < n; i++)
		rule_check(&rules[i]);
	n = nft_frozen_parse(text, len, guests, GUESTS_MAX, &all);
	for (int i = 0; i < n; i++) {
		if (guests[i].naddrs > FW_GUEST_ADDRS)
			abort();
		printable(guests[i].port, sizeof(guests[i].port));
	}
	nft_list_hash(text, len, &runtime);
	pins_read(text, len, see_element, NULL);
	see_pins(text, len);
	return 0;
}
