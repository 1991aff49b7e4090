/*
 * pf's log knows a rule by its number only, which changes with every load.  So net is
 * told which label that is, whenever the list of the kernel's rules has changed.
 */
#include "config.h"

#include "priv.h"

#include <stdlib.h>
#include <string.h>

#include "xmalloc.h"

static struct pflog_rule told[PFLOG_RULES_MAX];
static size_t ntold;

static void
send_all(struct roles *r)
{
	struct msg_log_rules m = { .first = 1 };
	size_t at = 0;

	do {
		m.n = (uint8_t)(ntold - at < MSG_LOG_RULES_MAX ? ntold - at : MSG_LOG_RULES_MAX);
		memset(m.rules, 0, sizeof(m.rules));
		memcpy(m.rules, told + at, m.n * sizeof(m.rules[0]));
		if (!roles_send(r, ROLE_NET, FRAME_LOG_RULES, &m))
			return;
		m.first = 0;
		at += m.n;
	} while (at < ntold);
}

void
log_rules_tell(struct roles *r, struct firewall *fw, bool anew)
{
	struct pflog_rule *now = xcalloc(PFLOG_RULES_MAX, sizeof(*now));
	const size_t n = firewall_log_rules(fw, now, PFLOG_RULES_MAX);

	if ((anew && n > 0) || n != ntold || memcmp(now, told, n * sizeof(*now)) != 0) {
		ntold = n;
		memcpy(told, now, n * sizeof(*now));
		if (roles_up(r, ROLE_NET))
			send_all(r);
	}
	free(now);
}
