/*
 * The rooms inside the pf backend.  firewall.h is the way in, which pf.c and
 * pf_look.c are on hosts whose packet filter is pf; all else builds on every host.
 *
 *   pf_names.c    interfaces of the configuration to names that pf takes
 *   pf_render.c   conf and rule file to pf text
 *   pf_pins.c     pins and ranges to the rules of an anchor of their own
 *   pf_list.c     what pfctl lists to rules, labels, and a hash
 *   pf_tables.c   the tables that it lists
 *   pf_read.c     what else pfctl prints: the hook, states, tables, tokens
 *   pf_ctl.c      which runs there are
 *   pf_anchors.c  what others have loaded ahead of ours
 *   pf_nets.c     which networks and interfaces there are
 *   pf_log.c      the log interface
 *   pf_keep.c     what must be given back: a token, that interface
 *   pf_hosts.c    how systems with pf differ
 *   pf.c          firewall_*: what should be in force
 *   pf_look.c     and whether it is
 */
#ifndef PF_H
#define PF_H

#include "firewall/diff.h"
#include "firewall/firewall.h"
#include "firewall/frozen.h"
#include "firewall/pins.h"
#include "reach.h"
#include "program.h"

/* ---- pf_hosts.c ---- */
struct pf_host {
	const char	*pfctl, *ifconfig;	/* absolute paths */
	const char	*anchor, *pins;		/* where our rules are; and those of pins */
	const char	*hook;			/* the anchor that the main rules must call */
	const char	*advice;		/* where hooks are missing: what to do */
	bool		 groups;		/* "on bridge" matches bridge0 and bridge1 */
	unsigned	 first;			/* else: number of the first bridge with guests */
	bool		 tokens;		/* pfctl -E and -X */
	bool		 kills_labels;		/* pfctl -k label -k LABEL, -k id -k ID */
	bool		 binds;			/* else: "pfctl -i IF" ends states bound to it */
	bool		 members;		/* what is for the host itself may come by those of a
						 * bridge, past the bridge */
	bool		 self_follows;		/* "(self)" is this host's addresses, whatever they are */
	unsigned	 seconds;		/* that a run of either may take */
};
extern const struct pf_host pf_host_freebsd, pf_host_macos;
/* This host's; on one without pf that of FreeBSD, for rules as text. backend_*.c */
const struct pf_host *pf_host_here(void);
/* A sysctl(8) of FreeBSD's bridges; false: there is none, as while no bridge ever was.
 * backend_*.c */
bool	 pf_bridge_setting(const char *name, int *value);
bool	 pf_bridge_set(const char *name, int value);
/* That of FreeBSD 15 and later by which bridges take in what is for a member's own hardware
 * address. */
#define PF_MEMBER_ADDRS		"net.link.bridge.member_ifaddrs"
/* Whether an interface is in a group, which it stays in when it is renamed; false where there
 * are none. backend_*.c */
bool	 pf_in_group(const char *ifname, const char *group);

/* ---- pf_names.c ---- */
enum { PF_BRIDGES_AHEAD = 8, PF_NAMES_MAX = CONF_NAMES_MAX * PF_BRIDGES_AHEAD };
struct pf_names {
	size_t	n;
	char	name[PF_NAMES_MAX][GH_IFNAME_SIZE];
};
/* NULL or a cause, caller frees: a pattern that pf has no words for. */
char	*pf_names_of(struct pf_names *, const struct pf_host *, const struct conf_names *bridges);
bool	 pf_is_pattern(const char *name);
/* Adds one that is not in it and may be a name, as long as there is room. */
void	 pf_names_add(struct pf_names *, const char *name);
bool	 pf_names_have(const struct pf_names *, const char *name);
/* The same, in the same order. */
bool	 pf_names_same(const struct pf_names *, const struct pf_names *);
/* The ends of guests' NICs that vmnet and others make, by their names or groups. */
bool	 pf_is_guests_end(const struct pf_host *, const char *name);
/* Whether an interface of this name should be guarded: by its name, by a pattern that is not
 * for others' there, or by its group. */
bool	 pf_means(const struct pf_host *, const struct conf_names *bridges, const char *ifname);
/* Whether the rules hold for it. */
bool	 pf_covers(const struct pf_host *, const struct conf_names *bridges, const char *ifname);

/* ---- pf_render.c ---- */
struct pf_text {
	char		*text;		/* prologue, rule file, caller frees */
	size_t		 nlines;
	uint32_t	*line;		/* of the rule file, for each line of it; 0: prologue */
	char		 file[CONF_PATH_SIZE + 32];
};
struct pf_render_options {
	const struct pf_host	*host;
	const struct frozen_set	*frozen;	/* NULL: nobody */
	const struct pf_names	*members;	/* NULL: none */
	const char		*self;		/* this host's addresses, in pf's words; NULL: (self) */
	bool			 log_to_any;	/* pf can log to another interface than pflog0 */
};
/* NULL or a cause; then there is nothing to free. */
char	*pf_text_make(const struct conf *, enum profile, const struct pf_render_options *,
	    struct pf_text *);
void	 pf_text_free(struct pf_text *);
/* The words of "stdin:12: syntax error" with file and line of the rule; takes them over. */
char	*pf_text_locate(const struct pf_text *, char *words);
/* Of struct fw_backend. */
char	*pf_render(const struct conf *, enum profile, char **cause);
/* The addresses of the frozen, one a line and each once; caller frees. */
char	*pf_frozen_text(const struct frozen_set *);
/* What <gh_private> has, likewise. */
extern const char pf_private_text[];
/* ---- pf_pins.c ---- */
/* The rules of pins and ranges in force at that time, for an anchor that is asked for
 * guests' packets alone; caller frees. */
char	*pf_pins_text(const struct pins *, uint64_t now);

/* Of struct fw_backend: the text of a profile, where it calls that anchor. */
char	*pf_opened(char *text, const struct fw_opened *);

/* ---- pf_list.c ---- */
/*
 * A listing is what pfctl prints of rules ("-vvs rules"), translation ("-vvs
 * nat") and the same of pins, of both the tables ("-vvs Tables"), what is in <gh_private>,
 * and the addresses of the frozen, each behind a line of its own that begins with
 * PF_SECTION.
 */
#define PF_SECTION "# "
enum pf_section { PF_NAT, PF_RULES, PF_PINS_NAT, PF_PINS_RULES, PF_TABLES, PF_PINS_TABLES,
	PF_PRIVATE, PF_FROZEN, PF_SECTIONS };
const char *pf_section_name(enum pf_section);
/* What stands in one, "" if it is not there. */
const char *pf_list_section(const char *list, size_t len, enum pf_section, size_t *n);
/* Of struct fw_backend; rules that one line of a file became are one, with their
 * counters summed. */
int	 pf_rules_parse(const char *list, size_t len, struct fw_rule *, int max, char **cause);
int	 pf_frozen_parse(const char *list, size_t len, struct fw_guest *, int max, bool *all);
/* Whether the addresses of such a section are those, one a line and in whatever order. */
bool	 pf_addresses_shown(const char *list, size_t len, enum pf_section, const char *want);
/*
 * One number for what a section says but counters, numbers and how many
 * addresses something stands for at the moment; 0: it has no rules.
 */
uint64_t pf_list_hash(const char *list, size_t len, enum pf_section);
/* The labels of our anchor's rules that log, by the numbers that the log has. */
enum { PF_LABELS_MAX = 2048 };
struct pf_label {
	uint32_t	number;
	char		label[GH_LABEL_SIZE];
};
size_t	 pf_labels_parse(const char *list, size_t len, struct pf_label *, size_t max);
/* The rules of "pfctl -nvf", without the macros and tables that it echoes;
 * caller frees. */
char	*pf_rules_only(const char *text);

/* ---- pf_tables.c ---- */
enum { PF_TABLES_MAX = 512, PF_TABLE_NAME_SIZE = 32 };
struct pf_table {
	char		name[PF_TABLE_NAME_SIZE];
	bool		is_const, persists;
	bool		counted;	/* addresses is how many it has */
	bool		lingers;	/* no rule names it, so it goes with rules of before */
	uint64_t	addresses;
};
struct pf_tables {
	size_t		n;
	struct pf_table	table[PF_TABLES_MAX];
};
/* "pfctl -vvs Tables", as many as there is room for. NULL, or what cannot be read. */
char	*pf_tables_parse(const char *text, size_t len, struct pf_tables *);
/* By a listing of the rules they were loaded with: which of them linger. */
void	 pf_tables_name(struct pf_tables *, const char *rules);
bool	 pf_tables_use(const struct pf_tables *, const char *name);
/* NULL, or how the tables that were loaded are not those that there are now, but for how many
 * addresses are frozen. */
char	*pf_tables_differ(const struct pf_tables *loaded, const struct pf_tables *now);

/* ---- pf_read.c ---- */
/* Whose packets our rules decide about. */
struct pf_guarded {
	const struct pf_host	*host;
	const struct conf	*conf;
	const struct pf_names	*members;	/* NULL: not known */
};
/* What the main ruleset ("pfctl -s nat" or "-s rules") lacks for our anchor to be
 * asked first: NULL, or why not (caller frees). */
char	*pf_hook_check(const struct pf_guarded *, const char *nat, const char *rules);
/* The next anchor of others in a ruleset that may be asked for guests' packets, or guarded
 * users', before ours are; of filter rules none behind the hook of ours. */
enum { PF_ANCHOR_SIZE = 256 };
struct pf_anchor {
	char	name[PF_ANCHOR_SIZE];
	bool	quick;		/* what decides in it is final */
};
bool	 pf_anchor_next(const struct pf_guarded *, const char **text, struct pf_anchor *);
/* The next name of "pfctl -s Anchors". */
bool	 pf_anchor_listed(const char **text, char name[PF_ANCHOR_SIZE]);
/* The first rule of others that lets pass what ours should decide about, NULL: none
 * (caller frees); quick: a pass is final though it does not say so. */
char	*pf_foreign_check(const struct pf_guarded *, const char *text, bool quick);
/* Whether pf is asked for what goes through a bridge at the bridge alone, where our rules
 * are: NULL, or which setting keeps it from that (caller frees). */
char	*pf_bridge_check(bool (*get)(const char *name, int *value));
/* "pfctl -vs Interfaces": NULL, or which one of ours pf is told to skip. */
char	*pf_skip_check(const struct pf_guarded *, const char *interfaces);
/* Adds the members that ifconfig says a bridge has, as long as there is room. */
void	 pf_members_parse(const char *ifconfig, struct pf_names *);
/* "pfctl -s info". False: it cannot be read. */
bool	 pf_enabled_parse(const char *info, bool *enabled);
/* What "pfctl -E" printed; 0: no token. */
uint64_t pf_token_parse(const char *text);
/* Whether "pfctl -s References" lists it. */
bool	 pf_token_held(const char *references, uint64_t token);
/* Calls back for every state of "pfctl -s states" that came in: who began it, to where.
 * False: a line of it cannot be read. */
bool	 pf_states_parse(const char *text, void (*cb)(const struct flow_key *, void *), void *arg);
/* Calls back for every state of "pfctl -vvs states" that went out to an address of the net
 * ("10.77.0.0/24"), with what "-k id" knows it by. */
void	 pf_states_to(const char *text, const char *net, void (*cb)(const char *id, void *),
	    void *arg);
/* The first line that is no harmless warning, "": none. Points into text, *len long. */
const char *pf_complaint(const char *text, size_t *len);

/* ---- pf_ctl.c ---- */
/* One run with an empty environment, as program.h says; one that cannot be run is a cause. */
char	*pf_run(const struct pf_host *, const char *const argv[], const char *input,
	    struct program_said *);
/* NULL, or a cause (caller frees). What they return by pointer the caller frees. */
char	*pf_ctl_load(const struct pf_host *, const char *anchor, const char *rules);
char	*pf_ctl_try(const struct pf_host *, const char *rules, char **normal);
char	*pf_ctl_show(const struct pf_host *, const char *anchor, const char *what, bool counters,
	    char **text);
/* Whether a cause says that the anchor or the table is not there. */
bool	 pf_ctl_absent(const char *cause);
char	*pf_ctl_frozen(const struct pf_host *, const char *addresses);
/* What is in a table of our anchor. */
char	*pf_ctl_table_show(const struct pf_host *, const char *table, char **text);
char	*pf_ctl_flush(const struct pf_host *, const char *anchor);
/* Both directions. */
char	*pf_ctl_kill(const struct pf_host *, const char *net, bool v6);
/* What began or leaves by an interface. */
char	*pf_ctl_kill_link(const struct pf_host *, const char *name);
/* From one to the other, and back. */
char	*pf_ctl_kill_pair(const struct pf_host *, const char *src, const char *dst);
/* What the rules of a label let through. */
char	*pf_ctl_kill_label(const struct pf_host *, const char *label);
/* Enables pf if it is not; *token is kept, or a new one. */
char	*pf_ctl_enable(const struct pf_host *, uint64_t *token);
char	*pf_ctl_release(const struct pf_host *, uint64_t token);
/* A listing with these sections, a set of bits. */
enum { PF_ALL_SECTIONS = (1 << PF_SECTIONS) - 1, PF_OF_PINS = 1 << PF_PINS_NAT |
	1 << PF_PINS_RULES | 1 << PF_PINS_TABLES };
/* Those that it is worth to list: an anchor of pins without rules uses no table. */
unsigned pf_ctl_sections(unsigned sections, const char *pins);
char	*pf_ctl_list(const struct pf_host *, unsigned sections, char **list);

/* ---- pf_anchors.c ---- */
/* Whether an anchor that is asked before ours, of those in the main rules and below them,
 * lets pass what ours should decide about. NULL or a cause (caller frees); not *known:
 * pfctl did not say. */
char	*pf_anchors_check(const struct pf_guarded *, const char *nat, const char *rules,
	    bool *known);

/* ---- pf_nets.c ---- */
/* Calls back for each network behind a guarded interface: "10.77.0.0/24". */
void	 pf_nets_each(const struct pf_host *, const struct conf_names *bridges,
	    void (*cb)(const char *net, bool v6, void *), void *arg);
/* Adds the guarded interfaces that there are; with NULL all that there are. */
void	 pf_links_add(const struct pf_host *, const struct conf_names *bridges, struct pf_names *);
/* This host's addresses as pf has words for them; caller frees. Where "(self)" does not
 * follow them they are listed, but for link-local ones, which are on every interface. */
char	*pf_self_text(const struct pf_host *);
/* The members of guarded bridges that have no address of their own, and one that has, or
 * ""; none where the host has no need of that. */
void	 pf_members_read(const struct pf_host *, const struct conf_names *bridges,
	    struct pf_names *, char addressed[GH_IFNAME_SIZE]);
/* Whether all bridges of this host, of which one has a member, have guests' ends alone, none of
 * them with an address. */
bool	 pf_members_are_guests(const struct pf_host *);
/* NULL, or which interface should be guarded and is not (caller frees). */
char	*pf_nets_uncovered(const struct pf_host *, const struct conf_names *bridges);
/*
 * NULL, or which guarded bridge has a member that leads elsewhere (caller frees).  Where the
 * system does not show pf what a bridge passes between its members, guests get out there past
 * the rules.  Where it does, all that is behind it is guarded as guests are, this host's
 * operators among them: that is meant where the bridge is named itself, and known where it
 * is one of those that held before (NULL: none).
 */
char	*pf_nets_bridged(const struct pf_host *, const struct conf_names *bridges,
	    const struct conf_names *held);

/* ---- pf_log.c ---- */
/* Makes sure that the interface is there and up; *made: it was not there. */
char	*pf_log_up(const struct pf_host *, unsigned number, bool *made);
char	*pf_log_destroy(const struct pf_host *, unsigned number);
bool	 pf_log_is_there(const struct pf_host *, unsigned number);
/* Whether pf takes "log (to pflog7)"; true where that cannot be found out. */
bool	 pf_log_to_any(const struct pf_host *, unsigned number);

/* ---- pf_keep.c ---- */
struct pf_keep {
	uint64_t	token;		/* 0: none */
	bool		shut;		/* we had bridges take in nothing for their members */
	bool		made_log;	/* we made the interface */
	unsigned	log;		/* of this number */
	uint64_t	booted;		/* when the host was started then, since the epoch */
};
/* The file's text and back; pure. False: not understood. */
bool	 pf_keep_parse(const char *text, struct pf_keep *);
void	 pf_keep_load(const struct conf *, struct pf_keep *);
char	*pf_keep_save(const struct conf *, const struct pf_keep *);

/* ---- pf.c, pf_look.c: firewall_*, of firewall.h ---- */
struct firewall {
	struct conf		 conf;
	const struct pf_host	*host;
	enum profile		 profile;
	struct frozen_set	 frozen;
	struct reach		 reach;		/* of pins */
	struct pins		*pins;
	struct pf_keep		 keep;
	struct pf_names		 members;	/* in the text in force */
	char			 addressed[GH_IFNAME_SIZE];	/* a member with addresses, or "" */
	char			*self;		/* in the text in force too; NULL before */
	struct pf_names		 made_members;	/* when they were looked at last */
	char			*made_self;	/* in the text that was made last */
	bool			 log_to_any, log_loaded;	/* the latter in the text in force */
	bool			 log_is_up, log_is_new;
	struct conf_names	 held;	/* bridges whose rules block, of the text in force */
	bool			 drifted;	/* at the latest check */
	char			*loaded;	/* text in force, NULL: none of ours */
	char			*pins_loaded;
	uint64_t		 hash[PF_SECTIONS];	/* after loading */
	struct pf_tables	 tables, pins_tables;	/* likewise */
	size_t			 nlabels;
	struct pf_label		 labels[PF_LABELS_MAX];
};
/* What pf_look.c needs of pf.c: the same rules for other members; the log interface brought
 * up; the text of a profile; pins as they should be now; and whether the main rules ask ours
 * (not *known: pfctl did not say). NULL or a cause. */
char	*pf_follow_members(struct firewall *);
void	 pf_log_open(struct firewall *);
char	*pf_make_text(struct firewall *, enum profile, struct pf_text *);
char	*pf_load_pins(struct firewall *, bool anyway);
char	*pf_hook_look(const struct firewall *, bool *known);

#endif
