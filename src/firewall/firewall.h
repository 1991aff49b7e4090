/*
 * The firewall seam: nftables (nft.h) and pf (pf.h).  What each makes of text is
 * pure, built on every host, and used by the command line and the engine too;
 * firewall_*() is priv's, and there are those of the host's own packet filter
 * alone: nft.c, or pf.c and pf_look.c.
 *
 * Rules are native files of the rules folder, behind a generated prologue of
 * definitions.  Everything of ours lives in "table inet gatehouse" and "table
 * bridge gatehouse", or in an anchor of pf's, and is replaced in one transaction.
 */
#ifndef FIREWALL_H
#define FIREWALL_H

#include "addr.h"
#include "conf.h"
#include "drops/pflog.h"
#include "gatehouse.h"

enum fw_verb {
	FW_NONE,
	FW_APPLY,	/* load a profile and make it the one to keep in force */
	FW_FLUSH,	/* remove our tables; the guests are open */
	FW_LIST,	/* listing with counters, for fw_rules_parse() */
	FW_DIFF,	/* what FW_APPLY of a profile would change, as text */
	FW_FREEZE,	/* block everything of one guest, or of all */
	FW_THAW,
	FW_REST,	/* flush until FW_APPLY; a restart puts the profile back in force */
	FW_VERB_COUNT
};

/* What a freeze names: every address, the hardware address and the host-side
 * port of one guest, as far as known.  All empty: every guest. */
enum { FW_GUEST_ADDRS = 8, FW_FROZEN_MAX = 256 };
struct fw_guest {
	uint32_t	naddrs;
	uint8_t		has_mac;
	uint8_t		mac[6];
	uint8_t		pad;
	struct addr	addrs[FW_GUEST_ADDRS];
	char		port[GH_IFNAME_SIZE];	/* "" if not known */
};

/* A port of an address that is open to one address of a guest, because our DNS
 * gave it out for the name to the guest. Both are of one family. */
enum {
	FW_PINS_MAX = 2048,		/* of all guests */
	FW_PIN_SECONDS_MAX = 2 * 3600,
	FW_RANGES_MAX = 1024,
};
struct fw_pin {
	struct addr	src, dst;
	uint32_t	seconds;	/* it opens for */
	uint16_t	port;
	uint8_t		proto;		/* IPPROTO_TCP, IPPROTO_UDP */
	uint8_t		pad;
	char		guest[GH_GUEST_SIZE];	/* whose src is, "" if not known */
	char		name[GH_NAME_SIZE];
};
/* By all but guest, name and seconds. */
int	 fw_pin_compare(const struct fw_pin *, const struct fw_pin *);

/* A port of a range of addresses that an entry opens to an address of a guest. */
struct fw_range {
	struct addr	src, first, last;
	uint32_t	seconds;	/* 0: no end */
	uint16_t	port;
	uint8_t		proto;
	uint8_t		pad;
};

/* "198.51.100.7", "198.51.100.0/24" or "198.51.100.7 - 198.51.100.9". Returns text. */
enum { FW_TARGET_SIZE = 2 * ADDR_TEXT_SIZE + 8 };
char	*fw_range_target(const struct fw_range *, char text[FW_TARGET_SIZE]);

/* A hardware address that an address is used with, by the guest whose it is: from others
 * pins and ranges of the address let nothing pass, where the packet filter knows them. An
 * address of none is used with any. */
enum { FW_SENDERS_MAX = 4096 };
struct fw_sender {
	struct addr	addr;
	uint8_t		mac[6];
	uint8_t		pad[2];
};

struct fw_status {
	uint32_t	profile;	/* enum profile that should be in force */
	uint32_t	loaded;		/* our tables are in the kernel */
	uint32_t	drift;		/* the kernel's rules are not what we loaded */
	uint32_t	frozen_all;
	uint32_t	frozen;		/* guests frozen one by one */
	uint32_t	repaired;	/* they were not, and have been loaded again */
	uint32_t	resting;	/* enum profile that FW_REST flushed, 0: none; priv's */
	uint32_t	uncovered;	/* they hold, but not for all that is to be guarded: cause */
	uint64_t	verified;	/* when the kernel was last asked (wall) */
	uint64_t	hash;		/* of what was loaded, 0: nothing */
	char		backend[16];	/* "nftables", "pf" */
	char		place[48];	/* "inet gatehouse", "com.apple/gatehouse" */
	char		cause[GH_CAUSE_SIZE];	/* why the last check or load failed */
};

/* One rule of the kernel's listing. */
struct fw_rule {
	char		family[8];	/* "inet", "inet6", "bridge", "" for any */
	char		chain[32];	/* pf's: "nat", "rdr", "in", "out", "pins" */
	char		label[GH_LABEL_SIZE];	/* comment without "gatehouse:" */
	char		action[16];	/* accept, drop, reject, redirect, jump, "" */
	char		text[192];	/* readable, without counter and comment */
	uint64_t	packets, bytes;
};

/* What an allowlist opens beside the web, for text that is shown. */
struct fw_opened {
	const struct fw_range	*ranges;	/* to whoever is a guest: src is not set */
	size_t			 n;
	const char		*notes;		/* what is not known without a daemon: lines of "# ..." */
};

/* One of the two packet filters, as far as it is text. */
struct fw_backend {
	const char	*name;		/* "nft", "pf" */
	/*
	 * The native text of a profile: prologue and rule file, as it would be
	 * loaded.  No privilege, no kernel.  The configuration's directories of
	 * rules are tried in order.  NULL and *cause (caller frees) on failure.
	 * Caller frees the text.
	 */
	char	*(*render)(const struct conf *, enum profile, char **cause);
	/* The same text with that in it, which the daemon puts there by itself; takes it over. */
	char	*(*opened)(char *text, const struct fw_opened *);
	/*
	 * A listing of firewall_list() to rules: what is not understood is kept
	 * with what could be read of it.  Returns the number of rules (at most
	 * max), or -1 and *cause for text that is no listing.
	 */
	int	 (*rules_parse)(const char *list, size_t len, struct fw_rule *, int max,
		    char **cause);
	/*
	 * Who is frozen, from the same listing: each element of the frozen sets
	 * becomes one struct fw_guest with that one field set.  Returns how many
	 * (at most max), -1 for text that is no listing; *all says that everyone
	 * is.
	 */
	int	 (*frozen_parse)(const char *list, size_t len, struct fw_guest *, int max,
		    bool *all);
};
/* By its name; NULL: there is none. */
const struct fw_backend *fw_backend_find(const char *name);
/* That of this host. backend_*.c */
const struct fw_backend *fw_backend_here(void);
/* Whether an interface is one of those bridges: by its name, or what the system knows of it
 * beside that. backend_*.c */
bool	 fw_means(const struct conf_names *bridges, const char *ifname);
/* Whether its rules hold for an interface of that name, where those bridges are to be
 * guarded: pf's can hold only so many of a kind. backend_*.c */
bool	 fw_covers(const struct conf_names *bridges, const char *ifname);
/* NULL, or why rules for those bridges would cut off more than guests (caller frees).
 * backend_*.c */
char	*fw_cuts_others(const struct conf_names *bridges);
/* Its functions. */
char	*fw_render(const struct conf *, enum profile, char **cause);
int	 fw_rules_parse(const char *list, size_t len, struct fw_rule *, int max, char **cause);
int	 fw_frozen_parse(const char *list, size_t len, struct fw_guest *, int max, bool *all);

/* priv's side. NULL cause means done; else why not, caller frees. */
struct firewall;
struct firewall	*firewall_open(const struct conf *, char **cause);
void		 firewall_close(struct firewall *);
void		 firewall_reconf(struct firewall *, const struct conf *);
char		*firewall_apply(struct firewall *, enum profile);
char		*firewall_flush(struct firewall *);
/* A guest, or with NULL all of them. */
char		*firewall_freeze(struct firewall *, const struct fw_guest *, bool on);
/*
 * Pins and ranges: what is said here is in force after firewall_commit(), all
 * of it or nothing.  A pin to an address that reach.h does not allow is
 * refused.  firewall_ranges() says all of them, without overlaps.
 */
char		*firewall_pin(struct firewall *, const struct fw_pin *);
void		 firewall_unpin(struct firewall *, const struct fw_pin *);
char		*firewall_ranges(struct firewall *, const struct fw_range *, size_t n);
char		*firewall_commit(struct firewall *);
/* All of them, in the same way. */
void		 firewall_senders(struct firewall *, const struct fw_sender *, size_t n);
/* The i-th; false past the last. */
bool		 firewall_sender(const struct firewall *, size_t i, struct fw_sender *);
/* The i-th pin; false past the last. */
bool		 firewall_pins(const struct firewall *, size_t i, struct fw_pin *);
/* Forgets one that is over, found by firewall_check(); false: there is none. */
bool		 firewall_pin_ended(struct firewall *, struct fw_pin *);
/* Bounded by FW_TEXT_MAX; caller frees. NULL and *cause on failure. */
enum { FW_TEXT_MAX = 2 << 20 };
char		*firewall_list(struct firewall *, char **cause);
char		*firewall_diff(struct firewall *, enum profile, char **cause);
/* Readable when firewall_links() has something to do; -1 if it never will. */
int		 firewall_watch_fd(const struct firewall *);
/* Takes up bridge ports and addresses that came or went. */
char		*firewall_links(struct firewall *);
/* Readable when anyone changed the kernel's rules and firewall_check() should
 * look; -1 if it never will.  _seen() makes it wait for the next change. */
int		 firewall_changes_fd(const struct firewall *);
void		 firewall_changes_seen(struct firewall *);
/* Whether what rules log to was made anew by a check since the last time this was asked: who
 * reads it has to open it again. */
bool		 firewall_log_is_new(struct firewall *);
/* The rules that log, by the numbers that the log has for them; 0 where it has their
 * labels itself. At most max; returns how many. */
size_t		 firewall_log_rules(struct firewall *, struct pflog_rule *, size_t max);
/* Who is frozen, to be remembered over restarts. Valid until the next change. */
size_t		 firewall_frozen(const struct firewall *, const struct fw_guest **, bool *all);
enum profile	 firewall_profile(const struct firewall *);
/* Asks the kernel, compares with what was loaded. */
void		 firewall_check(struct firewall *, struct fw_status *);

#endif
