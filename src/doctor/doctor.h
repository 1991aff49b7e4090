/*
 * `gatehouse doctor`: looks at this host and the daemon, and says of each matter in
 * one line whether it is well and what to do.
 *
 *   doctor.c        the verb
 *   report.h        rows
 *   files.c         configuration, accounts, owners and modes, allowlist, clock
 *   wire.c          what only packets show: ports, DNS, the canary, the route out
 *   foreign_nft.c   other tables of nftables, from their listing (pure)
 *   foreign_pf.c    other rules of pf's main ruleset, from its listing (pure)
 *   softnet.c       the packet filter that tart may put before a VM
 *   host_*.c        how this system lists them
 *
 * What must be asked of the roles is methods_doctor.c's.
 */
#ifndef DOCTOR_H
#define DOCTOR_H

#include "conf.h"
#include "doctor/report.h"

struct pf_host;

/* ---- doctor.c ---- */
/* The words after "doctor". Returns an exit code. */
int	 doctor_main(const struct conf *, const char *conf_path, bool json);

/* ---- files.c ---- */
void	 doctor_files(json_t *rows, const struct conf *, const char *conf_path);

/* ---- wire.c ---- */
/* Which way out packets of this host take. */
void	 doctor_route(json_t *rows);
/* The ports of the daemon, from this host; whether its DNS works. */
void	 doctor_ports(json_t *rows, const struct conf *);
/*
 * Sends one packet that the rules drop, and looks whether it comes up in the log.
 * It goes to an address of the loopback (pf: of a network for documentation), so
 * that it reaches nobody even where no rule stops it.
 */
void	 doctor_canary(json_t *rows, const struct conf *, const char *backend);

/* ---- foreign_nft.c ---- */
/*
 * Of `nft -j list ruleset`: what in tables of others may keep guests' packets from
 * us, or from the internet.  prio is that of our own NAT.  Adds a row for each, or
 * one that says there is none.  False for text that is no listing.
 */
enum { DOCTOR_NAT_PRIORITY = -105 };	/* dstnat - 5, as in the rule files */
bool	 foreign_nft(json_t *rows, const char *json, size_t len);

/* ---- foreign_pf.c ---- */
/* The same of `pfctl -s nat` and `pfctl -s rules`, and whether our anchor is hooked as
 * it must be before rules are applied. */
void	 foreign_pf(json_t *rows, const struct pf_host *, const char *nat, const char *rules,
	    const struct conf *);

/* ---- softnet.c ---- */
/* Where tart is on the inventory's path: which softnet it uses, and what that leaves
 * open. */
void	 doctor_softnet(json_t *rows, const struct conf *);

/* ---- host_SYSTEM.c ---- */
void	 doctor_host(json_t *rows, const struct conf *);

#endif
