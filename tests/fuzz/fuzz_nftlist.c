/* Whatever a listing holds, its rules come out terminated and printable. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "firewall/nft.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

enum { RULES_MAX = 64, GUESTS_MAX = 8 };

static void
printable(const char *s, size_t size)
{
	size_t len = strnlen(s, size);

	if (len == size)
		abort();
	for (size_t i = 0; i < len; i++) {
		if (s[i] < 0x20 || s[i] > 0x7e)
			abort();
	}
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
	for (int i = 0; i < n; i++) {
		printable(rules[i].family, sizeof(rules[i].family));
		printable(rules[i].chain, sizeof(rules[i].chain));
		printable(rules[i].label, sizeof(rules[i].label));
		printable(rules[i].action, sizeof(rules[i].action));
		printable(rules[i].text, sizeof(rules[i].text));
	}
	n = nft_frozen_parse(text, len, guests, GUESTS_MAX, &all);
	for (int i = 0; i < n; i++) {
		if (guests[i].naddrs > FW_GUEST_ADDRS)
			abort();
		printable(guests[i].port, sizeof(guests[i].port));
	}
	nft_list_hash(text, len, &runtime);
	return 0;
}
