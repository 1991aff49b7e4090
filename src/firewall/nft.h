/*
 * The rooms inside the nftables backend.  firewall.h is the way in.
 *
 *   render.c     conf and rule file to nft text; what sets hold at run time
 *   nft_list.c   nft's JSON to rules, frozen guests, and a hash
 *   nft_run.c    one libnftables run in a child of its own
 *   links.c      which ports and addresses the guarded bridges have
 *   pins.c       what guests may reach beyond the proxy; nft_pins.c reads it
 *   conntrack.c  forgets connections that the rules no longer allow
 *   nft.c        firewall_*: what should be in force, and whether it is
 */
#ifndef NFT_H
#define NFT_H

#include "firewall/diff.h"
#include "firewall/firewall.h"
#include "firewall/frozen.h"
#include "firewall/pins.h"

enum { LINKS_PORTS_MAX = 1024, LINKS_ADDRS_MAX = 128 };

/* What hangs on the guarded bridges right now. */
struct links {
	uint32_t	nports;
	char		port[LINKS_PORTS_MAX][GH_IFNAME_SIZE];
	uint32_t	naddrs;		/* of the bridges themselves */
	struct {
		struct addr	addr;
		uint32_t	bits;
	} addr[LINKS_ADDRS_MAX];
};

/* What our sets hold beyond the configuration. */
struct nft_runtime {
	struct links	links;
	struct frozen_set frozen;
};

/* The tables that stand in for ours during a load; there at no other time. */
#define NFT_ASIDE "gatehouse_load"
/* Naming a table makes it, so that deleting it cannot fail. */
#define NFT_DELETE_TABLES "table inet gatehouse\ndelete table inet gatehouse\n" \
	"table bridge gatehouse\ndelete table bridge gatehouse\n"

/* ---- of struct fw_backend: render.c, nft_list.c ---- */
char	*nft_render(const struct conf *, enum profile, char **cause);
char	*nft_opened(char *text, const struct fw_opened *);
int	 nft_rules_parse(const char *json, size_t len, struct fw_rule *, int max, char **cause);
int	 nft_frozen_parse(const char *json, size_t len, struct fw_guest *, int max, bool *all);

/* ---- render.c ---- */
struct nft_text {
	char		*text;		/* prologue, rule file, caller frees */
	unsigned	 prologue;	/* lines before the file's first */
	char		 file[CONF_PATH_SIZE + 32];
};
/* NULL, or a cause. */
char	*nft_text_make(const struct conf *, enum profile, struct nft_text *);
/* The same commands for the tables NFT_ASIDE, line by line; caller frees. */
char	*nft_text_aside(const char *commands);
/* The commands that make the sets hold what runtime says; caller frees. */
char	*nft_runtime_text(const struct conf *, const struct nft_runtime *);
/* Sum of nft_element_hash() over what those commands put into the sets. */
uint64_t nft_runtime_hash(const struct conf *, const struct nft_runtime *);
/* Names an nft text may carry in quotes, without a meaning of their own. */
bool	 nft_name_ok(const char *);

/* ---- nft_list.c ---- */
/*
 * One number for everything that a listing says but counters and handles; the
 * elements of sets that change at run time are left out of it and summed up
 * in *runtime.  0: no listing, or none of our tables in it.  What a load that
 * was cut short left behind (NFT_ASIDE) counts as rules that differ.
 */
uint64_t nft_list_hash(const char *json, size_t len, uint64_t *runtime);
uint64_t nft_element_hash(const char *family, const char *set, const char *element);
/* Whether the set's contents change without a load. */
bool	 nft_set_is_runtime(const char *family, const char *set);

/* ---- nft_run.c ---- */
enum nft_run_flag {
	NFT_RUN_JSON = 1 << 0,		/* list as JSON, with counters; else text without */
	NFT_RUN_LIST = 1 << 1,		/* list our tables afterwards */
	NFT_RUN_APART = 1 << 2,		/* in a network namespace that ends with the run */
};
/*
 * Runs the commands (NULL: none), all or nothing.  The listing goes to *list
 * (caller frees; "" if our tables are not there).  NULL, or libnftables' own
 * words (caller frees), in which "NFT_RUN_FILE:LINE:" stands for a line of the
 * commands.
 */
enum { NFT_RUN_FD = 100 };
#define NFT_RUN_FILE "/proc/self/fd/100"
char	*nft_run(const char *commands, unsigned flags, char **list);

/* ---- links.c ---- */
/* A socket that becomes readable when links or addresses change; -1 and errno. */
int	 links_watch(void);
/* NULL or a cause; what does not fit is a cause too, with the rest in *l. */
char	*links_read(const struct conf_names *bridges, struct links *l);
/* Whether a guest could have this address: behind a bridge, and not the host's. */
bool	 links_guest(const struct links *, const struct addr *);

/* ---- conntrack.c ---- */
/* Forgets the connections that doomed() chooses. NULL or a cause. */
char	*conntrack_forget(bool (*doomed)(const struct flow_key *, void *), void *arg);

#endif
