/* Whatever pf's log holds, decoding it reads only its bytes, yields a drop that may
 * cross a process border, and words for it that fit. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "drops/pflog.h"
#include "drop_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct pflog_rule rules[] = {
		{ .number = 3, .anchor = "gatehouse", .label = "smb" },
	};
	struct drop d;

	pflog_rules_set(rules, sizeof(rules) / sizeof(rules[0]));
	memset(&d, 0xff, sizeof(d));
	pflog_decode(data, len, len, &d);
	drop_check(&d);
	if (d.count != 1)
		abort();
	return 0;
}
