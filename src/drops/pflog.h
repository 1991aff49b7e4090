/*
 * What pf's log interface gives for a packet (DLT_PFLOG): a header of FreeBSD, macOS
 * or OpenBSD, then the packet.  Pure; built on every host, for files of others.
 */
#ifndef PFLOG_H
#define PFLOG_H

#include "gatehouse.h"

enum { PFLOG_NAME_SIZE = 16, PFLOG_RULES_MAX = 2048 };

/* The actions that all these systems number alike. */
enum pflog_action { PFLOG_PASS = 0, PFLOG_BLOCK = 1, PFLOG_NAT = 4, PFLOG_BINAT = 6, PFLOG_RDR = 8 };
enum pflog_direction { PFLOG_IN = 1, PFLOG_OUT = 2 };

#define PFLOG_NO_RULE	UINT32_MAX

struct pflog {
	size_t		size;		/* of the header, with its padding */
	uint8_t		family;		/* 4, 6, or 0: another */
	uint8_t		action, reason, direction;
	char		ifname[GH_IFNAME_SIZE];		/* escaped, as is ruleset */
	char		ruleset[PFLOG_NAME_SIZE];	/* last part of an anchor's name, or "" */
	/* A rule's number in its ruleset; in an anchor, number is that of the anchor
	 * in the main one, and sub the rule's.  PFLOG_NO_RULE: none. */
	uint32_t	number, sub;
	uint32_t	uid;
	bool		has_uid;	/* the rule asked whose the packet is */
};

/* False: too short, or of no known shape; the rest of *p is then not to be used. */
bool		 pflog_parse(const uint8_t *, size_t caplen, struct pflog *p);
const char	*pflog_reason_name(uint8_t reason);

/* A rule that logs, as the kernel listed it after it was loaded. */
struct pflog_rule {
	uint32_t	number;		/* "@12" of its ruleset's filter rules */
	char		anchor[PFLOG_NAME_SIZE];	/* the last part of its name, cut */
	char		label[GH_LABEL_SIZE];	/* without "gatehouse:" */
};
/* These and no others from now on, at most PFLOG_RULES_MAX; copied. */
void		 pflog_rules_set(const struct pflog_rule *, size_t n);
/* These too. */
void		 pflog_rules_add(const struct pflog_rule *, size_t n);

/* As nflog_decode(): always fills *drop with what could be read. There are no
 * numbers that would tell what was missed: -1. */
int64_t		 pflog_decode(const uint8_t *, size_t caplen, size_t len, struct drop *);

#endif
