/*
 * pf's log header.  All three systems begin alike, and its first byte is its length
 * without what pads it to four bytes:
 *
 *	 61	FreeBSD up to 13, macOS: ends behind the direction
 *	 69	FreeBSD since 14: an identifier of the rule and a byte in reserve
 *	100	OpenBSD: the addresses and ports before they were rewritten
 *
 * Rule numbers are in network order, users and processes in that of the host
 * (libpcap has swapped those of a file from elsewhere).  The family is a number of
 * the system that wrote it: AF_INET is 2 in all, AF_INET6 is 24, 28 or 30.
 *
 * A user is known only where a rule asked, and of a packet that comes in it is
 * the one who would receive it.  The process is not to be trusted at all.
 */
#include "config.h"

#include "drops/pflog.h"

#include <stdio.h>
#include <string.h>

#include "drops/drops.h"
#include "drops/ethertype.h"
#include "text.h"
#include "xmalloc.h"

enum {
	LENGTH = 0, FAMILY = 1, ACTION = 2, REASON = 3, IFNAME = 4, RULESET = 20,
	NUMBER = 36, SUB = 40, UID = 44, DIRECTION = 60,
	LENGTH_MIN = 61,
	NO_UID_DARWIN = 0x7fffffff,	/* its UID_MAX; others have -1 for none */
	NAME_BYTES = 16,	/* of ifname and ruleset */

	INET = 2, INET6_LINUX = 10, INET6_OPENBSD = 24, INET6_FREEBSD = 28, INET6_DARWIN = 30,
};

/* By number; the first ten are the same everywhere. */
static const char *const reasons[] = {
	"match", "bad-offset", "fragment", "short", "normalize", "memory", "bad-timestamp",
	"congestion", "ip-option", "proto-cksum", "state-mismatch", "state-insert", "state-limit",
	"src-limit", "synproxy",
};

static struct pflog_rule rules[PFLOG_RULES_MAX];
static size_t nrules;

void
pflog_rules_add(const struct pflog_rule *list, size_t n)
{
	for (size_t i = 0; i < n && nrules < PFLOG_RULES_MAX; i++)
		rules[nrules++] = list[i];
}

void
pflog_rules_set(const struct pflog_rule *list, size_t n)
{
	nrules = 0;
	pflog_rules_add(list, n);
}

const char *
pflog_reason_name(uint8_t reason)
{
	return reason < sizeof(reasons) / sizeof(reasons[0]) ? reasons[reason] : "other";
}

static uint32_t
get_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint8_t
family(uint8_t af)
{
	switch (af) {
	case INET:
		return 4;
	case INET6_LINUX:
	case INET6_OPENBSD:
	case INET6_FREEBSD:
	case INET6_DARWIN:
		return 6;
	default:
		return 0;
	}
}

bool
pflog_parse(const uint8_t *bytes, size_t caplen, struct pflog *p)
{
	memset(p, 0, sizeof(*p));
	if (caplen < LENGTH_MIN || bytes[LENGTH] < LENGTH_MIN)
		return false;
	p->size = ((size_t)bytes[LENGTH] + 3) & ~(size_t)3;
	if (p->size > caplen)
		return false;
	p->family = family(bytes[FAMILY]);
	p->action = bytes[ACTION];
	p->reason = bytes[REASON];
	p->direction = bytes[DIRECTION];
	text_escape(p->ifname, sizeof(p->ifname), bytes + IFNAME,
	    strnlen((const char *)bytes + IFNAME, NAME_BYTES));
	text_escape(p->ruleset, sizeof(p->ruleset), bytes + RULESET,
	    strnlen((const char *)bytes + RULESET, NAME_BYTES));
	p->number = get_be32(bytes + NUMBER);
	p->sub = get_be32(bytes + SUB);
	memcpy(&p->uid, bytes + UID, sizeof(p->uid));
	p->has_uid = p->uid != UINT32_MAX && p->uid != NO_UID_DARWIN;
	return true;
}

static const struct pflog_rule *
rule_find(const struct pflog *p, uint32_t number)
{
	for (size_t i = 0; i < nrules; i++) {
		if (rules[i].number == number && strcmp(rules[i].anchor, p->ruleset) == 0)
			return &rules[i];
	}
	return NULL;
}

static const char *
passed_name(uint8_t action)
{
	switch (action) {
	case PFLOG_PASS:
		return "pass";
	case PFLOG_NAT:
	case PFLOG_BINAT:
		return "nat";
	case PFLOG_RDR:
		return "rdr";
	default:
		return NULL;
	}
}

/*
 * The rule's own; else what is known of why it was logged.  What has passed is not
 * called by a rule's name but that of the profile that only looks on, so that it
 * never looks as if it was blocked.  (And a translation's number is one of another
 * list, in an anchor that its header does not tell.)
 */
static void
set_label(const struct pflog *p, struct drop *d)
{
	const uint32_t number = p->sub != PFLOG_NO_RULE ? p->sub : p->number;
	const struct pflog_rule *rule = rule_find(p, number);
	const char *passed = passed_name(p->action);

	if (passed != NULL && (p->action != PFLOG_PASS || rule == NULL ||
	    strcmp(rule->label, "observe") != 0))
		copy_string(d->label, passed, sizeof(d->label));
	else if (rule != NULL)
		copy_string(d->label, rule->label, sizeof(d->label));
	else if (p->reason != 0)
		copy_string(d->label, pflog_reason_name(p->reason), sizeof(d->label));
	else if (number == PFLOG_NO_RULE)
		copy_string(d->label, "default", sizeof(d->label));
	else
		snprintf(d->label, sizeof(d->label), "%s%s%u", p->ruleset,
		    p->ruleset[0] != '\0' ? "." : "rule-", number);
}

int64_t
pflog_decode(const uint8_t *bytes, size_t caplen, size_t len, struct drop *d)
{
	struct pflog p;

	memset(d, 0, sizeof(*d));
	d->count = 1;
	if (!pflog_parse(bytes, caplen, &p)) {
		d->flags |= caplen < LENGTH_MIN || bytes[LENGTH] >= LENGTH_MIN ? DROP_TRUNCATED :
		    DROP_MALFORMED;
		return -1;
	}
	copy_string(p.direction == PFLOG_OUT ? d->out : d->in, p.ifname, GH_IFNAME_SIZE);
	if (p.has_uid && p.direction == PFLOG_OUT) {
		d->uid = p.uid;
		d->flags |= DROP_UID;
	}
	set_label(&p, d);
	if (p.family != 0)
		d->ethertype = p.family == 4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6;
	/* A file may say that a packet was shorter than what it has of it. */
	if (len < caplen)
		len = caplen;
	packet_decode(bytes + p.size, caplen - p.size, len - p.size, d);
	return -1;
}
