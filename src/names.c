/*
 * The closed lists of gatehouse.h as text: one table each, so that the log,
 * JSON, console and man pages cannot disagree.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "gatehouse.h"
#include "text.h"

static const struct {
	const char	*name;
	const char	*advice;
} reason_table[REASON_COUNT] = {
	[REASON_NONE] = { "none", "No decision was taken yet." },
	[REASON_LISTED] = { "listed", "An entry of the allowlist names it." },
	[REASON_PRESET] = { "preset", "A preset of the allowlist names it." },
	[REASON_LEARNED] = { "learned", "Let through and recorded, because the proxy is learning." },
	[REASON_NOT_LISTED] = { "not-listed", "No entry names it; allow it if the guest needs it." },
	[REASON_DENY_ENTRY] = { "deny-entry", "An entry that starts with ! forbids it." },
	[REASON_DISABLED] = { "disabled", "The entry that names it is switched off." },
	[REASON_EXPIRED] = { "expired", "The entry that names it has passed its until= time." },
	[REASON_NO_NAME] = { "no-name", "The client did not say which host it wants (no SNI)." },
	[REASON_BAD_NAME] = { "bad-name", "The name asked for is not a valid host name." },
	[REASON_NAME_MISMATCH] = { "name-mismatch", "The client named two different hosts." },
	[REASON_IP_LITERAL] = { "ip-literal", "An address was asked for instead of a name." },
	[REASON_PORT] = { "port", "The name is listed, but not for this port." },
	[REASON_PRIVATE_ADDRESS] = { "private-address",
	    "It is, or leads to, an address that is not the internet's; [proxy] reach opens such." },
	[REASON_UNRESOLVABLE] = { "unresolvable", "The name has no address, or none that answers." },
	[REASON_UPSTREAM] = { "upstream",
	    "The upstream proxy did not let it through, or did not answer." },
	[REASON_MALFORMED] = { "malformed", "The request breaks the protocol's rules." },
	[REASON_TOO_LARGE] = { "too-large", "The request's head is larger than allowed." },
	[REASON_TIMEOUT] = { "timeout", "The client was too slow to say what it wants." },
	[REASON_LIMIT] = { "limit", "The guest has too many connections open, or opens too many at once." },
	[REASON_SPOOF] = { "spoof", "It has the address of another guest than it comes from, so it gets what all have." },
	[REASON_FROZEN] = { "frozen", "The guest is frozen; thaw it to let it go on." },
};

static const struct {
	const char	*name, *text;
} outcome_table[OUTCOME_COUNT] = {
	[OUTCOME_NONE] = { "none", "" },
	[OUTCOME_REFUSED] = { "refused", "The address that was dialled last refused the connection." },
	[OUTCOME_TIMED_OUT] = { "timed-out", "The address that was dialled last did not answer in time." },
	[OUTCOME_NO_ROUTE] = { "no-route", "There is no route from this host to the address that was dialled last." },
	[OUTCOME_FAILED] = { "failed", "The connection to the address that was dialled last failed." },
	[OUTCOME_UNUSED] = { "unused", "The tunnel ended before anything in it named a host." },
	[OUTCOME_SILENT] = { "silent", "The server took the connection and never answered the handshake." },
	[OUTCOME_BROKEN] = { "broken", "The server's answer broke the protocol's rules." },
	[OUTCOME_IDLE] = { "idle", "It was ended after idle-timeout without a byte." },
	[OUTCOME_OLD] = { "old", "It was ended when it had been open for max-lifetime." },
	[OUTCOME_REVOKED] = { "revoked", "It was cut when it was no longer allowed." },
	[OUTCOME_MAX_PER_GUEST] = { "max-per-guest", "One guest may have no more connections open "
	    "(max-per-guest, or its share of what the host has descriptors for)." },
	[OUTCOME_MAX_CONNECTIONS] = { "max-connections", "No more connections may be open in all "
	    "(max-connections)." },
	[OUTCOME_MAX_NEW] = { "max-new-per-second", "One guest may open no more connections a "
	    "second (max-new-per-second)." },
	[OUTCOME_MAX_NEW_IN_ALL] = { "max-new-in-all", "Guests may open no more connections a second "
	    "in all (max-new-in-all)." },
	[OUTCOME_DESCRIPTORS] = { "descriptors", "The proxy had no descriptor or memory left to dial "
	    "with." },
	[OUTCOME_LOOKUPS] = { "look-ups", "No more names may be looked up at once, for one guest or for "
	    "all of them." },
	[OUTCOME_LOOKUP_RATE] = { "look-ups-per-second", "One guest may ask for no more names a second." },
	[OUTCOME_LOOKUP_STREAMS] = { "look-up-connections", "One guest may have no more connections to "
	    "the DNS filter open." },
};

static const char *const verdict_table[VERDICT_COUNT] = {
	[VERDICT_DENY] = "deny",
	[VERDICT_ALLOW] = "allow",
};

static const char *const via_table[VIA_COUNT] = {
	[VIA_NONE] = "none",
	[VIA_TLS] = "tls",
	[VIA_HTTP] = "http",
	[VIA_CONNECT] = "connect",
	[VIA_DNS] = "dns",
	[VIA_OTHER] = "other",
};

static const char *const profile_table[PROFILE_COUNT] = {
	[PROFILE_NONE] = "none",
	[PROFILE_FILTERED] = "filtered",
	[PROFILE_LOCKDOWN] = "lockdown",
	[PROFILE_OBSERVE] = "observe",
};

const char *
verdict_name(enum verdict v)
{
	return v < VERDICT_COUNT ? verdict_table[v] : "unknown";
}

const char *
reason_name(enum reason r)
{
	return r < REASON_COUNT ? reason_table[r].name : "unknown";
}

const char *
reason_advice(enum reason r)
{
	return r < REASON_COUNT ? reason_table[r].advice : "";
}

bool
reason_parse(const char *s, enum reason *out)
{
	for (enum reason r = REASON_NONE; r < REASON_COUNT; r++) {
		if (strcmp(s, reason_table[r].name) == 0) {
			*out = r;
			return true;
		}
	}
	return false;
}

const char *
outcome_name(enum outcome o)
{
	return o < OUTCOME_COUNT ? outcome_table[o].name : "unknown";
}

const char *
outcome_text(enum outcome o)
{
	return o < OUTCOME_COUNT ? outcome_table[o].text : "";
}

const char *
via_name(enum hit_via v)
{
	return v < VIA_COUNT ? via_table[v] : "unknown";
}

const char *
profile_name(enum profile p)
{
	return p < PROFILE_COUNT ? profile_table[p] : "unknown";
}

bool
profile_parse(const char *s, enum profile *out)
{
	for (enum profile p = PROFILE_NONE; p < PROFILE_COUNT; p++) {
		if (strcmp(s, profile_table[p]) == 0) {
			*out = p;
			return true;
		}
	}
	return false;
}

void
hit_id_format(uint64_t id, char dst[GH_ID_SIZE])
{
	snprintf(dst, GH_ID_SIZE, "%u-%u", (unsigned)(id >> 32), (unsigned)(id & UINT32_MAX));
}

bool
hit_id_parse(const char *s, uint64_t *id)
{
	const char *dash = strchr(s, '-'), *why;
	uint64_t generation, sequence;
	char part[12];

	if (dash == NULL || (size_t)(dash - s) >= sizeof(part))
		return false;
	memcpy(part, s, (size_t)(dash - s));
	part[dash - s] = '\0';
	if (!text_number(part, 0, UINT32_MAX, &generation, &why) ||
	    !text_number(dash + 1, 0, UINT32_MAX, &sequence, &why))
		return false;
	*id = generation << 32 | sequence;
	return true;
}

static uint64_t
now_of(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

uint64_t
now_wall(void)
{
	return now_of(CLOCK_REALTIME);
}

uint64_t
now_mono(void)
{
	return now_of(CLOCK_MONOTONIC);
}
