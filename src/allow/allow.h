/*
 * The allowlist.
 *
 * The engine owns the text: struct allowlist is the file, byte for byte,
 * comments and all, with a few words of index for each line that is an entry;
 * struct allow_entry is such a line taken apart, filled in on demand, so that
 * a list of a million stays small.  It is parsed into a fresh struct and
 * swapped; a file that does not parse changes nothing.  Edits change the
 * struct and are saved by write-new, fsync, rename; undo puts them back, the
 * newest first.
 *
 * net sees only the compiled form: an image, one flat run of bytes with
 * offsets instead of pointers, built in a sealed memory file by the engine
 * and mapped read-only by net.  A look-up walks the labels of a name from
 * the most specific suffix to the least, one hash probe each, so its cost
 * does not depend on the number of entries.
 */
#ifndef ALLOW_H
#define ALLOW_H

#include "addr.h"
#include "gatehouse.h"

enum allow_kind {
	ALLOW_EXACT,		/* api.anthropic.com */
	ALLOW_TREE,		/* .github.com: apex and every subdomain */
	ALLOW_BELOW,		/* *.npmjs.org: subdomains, not the apex */
	ALLOW_PREFIX,		/* 203.0.113.0/24:5432 */
	ALLOW_PRESET,		/* @pypi */
};

enum allow_state {
	ALLOW_ON,
	ALLOW_OFF,		/* "#off ..." */
	ALLOW_ENDED,		/* until= has passed */
	ALLOW_PENDING,		/* parsed, but stands for nothing: port 53, which always
				   goes to our filter, a preset that is not there */
};

enum {
	ALLOW_FILE_MAX = 128 << 20,	/* bytes of an allowlist */
	ALLOW_LINE_MAX = 4096,		/* bytes of a line of it */
	ALLOW_ENTRIES_MAX = 2000000,
};

struct allow_entry {
	uint32_t	id;		/* stays while its text, on or off, does */
	uint32_t	line;		/* 1-based */
	uint8_t		kind;		/* enum allow_kind */
	uint8_t		state;		/* enum allow_state, when it was filled in */
	bool		deny;		/* "!..." */
	uint8_t		proto;		/* IPPROTO_TCP or IPPROTO_UDP if port is set */
	uint16_t	port;		/* 0: the default set, 80 and 443 */
	uint8_t		prefix_bits;
	struct addr	prefix;
	int64_t		until;		/* seconds since the epoch, 0: no end */
	char		name[GH_NAME_SIZE];	/* canonical, without ".", "*." or "@" */
	char		vm[GH_GUEST_SIZE];	/* glob, "" for every guest */
};

struct allowlist;

/*
 * Brings a host name to the one canonical form: lower case, A-labels, no
 * trailing dot, LDH (and "_" inside labels is refused), labels of 1 to 63,
 * at most 253 bytes, not an address in any spelling.  U-labels are accepted
 * only where an operator wrote them (idna true).  Returns NULL and fills
 * dst, or says in a static phrase what is wrong.
 */
const char	*allow_name_canonical(char dst[GH_NAME_SIZE], const char *, size_t len,
		    bool idna);
/* True for an address in any spelling that a client may take for one (127.1,
 * 0x7f.1, 2130706433, [::1], fe80::1%eth0): never a name. */
bool		 allow_name_is_address(const char *, size_t len);
/* Which one, an IPv4 address in IPv6 clothes without them.  False for what is
 * none, or only on one link (fe80::1%eth0), or is written in no known way. */
bool		 allow_name_address(const char *, size_t len, struct addr *);

/*
 * Reading and writing.  cause: "FILE:LINE: ..." (caller frees).  old, if not
 * NULL, is the list that the new one follows: entries found in both keep their
 * ids, and edits that the change has left alone can still be undone.  Of old only
 * the text, the ids and the edits are looked at, so that another thread may ask it
 * meanwhile.
 */
struct allowlist	*allowlist_load(const char *path, const struct allowlist *old,
			    char **cause);
struct allowlist	*allowlist_parse(const char *text, size_t len, const char *path,
			    const struct allowlist *old, char **cause);
void			 allowlist_free(struct allowlist *);
/* NULL or a cause (caller frees): then the file is as it was, unless the cause
 * says that it is saved but may not outlive the machine.  Refuses when the file
 * was changed by someone else since it was loaded or saved. */
char			*allowlist_save(struct allowlist *, const char *path);
/* The file's bytes; caller frees. */
char			*allowlist_text(const struct allowlist *, size_t *len);

size_t			 allowlist_count(const struct allowlist *);
/* Fills in the i-th entry in file order; false past the end. */
bool			 allowlist_entry(const struct allowlist *, size_t i,
			    struct allow_entry *);
bool			 allowlist_find(const struct allowlist *, uint32_t id,
			    struct allow_entry *);
/* The one entry named exactly: by its text, or as id=7, line=12, or 7 where it
 * is only one of the two.  A cause (caller frees), of several lines where there
 * are near ones or more than one. */
char			*allowlist_named(const struct allowlist *, const char *,
			    struct allow_entry *);
/* The entry as an operator would write it, without "#off "; caller frees. */
char			*allow_entry_text(const struct allow_entry *);
/* "github.com and every name below it, ports 80 and 443"; caller frees. */
char			*allow_entry_explain(const struct allow_entry *);
/* For the packet filter to open: a port other than those of the web, or
 * addresses. */
bool			 allow_entry_pinned(const struct allow_entry *);
/* A warning for an operator, or NULL: double, without effect, covers a public
 * suffix (where libpsl is there) or a name that answers DNS over HTTPS, goes
 * past the proxy, not in force; caller frees. */
char			*allowlist_warning(const struct allowlist *,
			    const struct allow_entry *);
/* What to know of an entry that is as it should be, or NULL: a host where anyone can
 * leave data and fetch it; caller frees. */
char			*allowlist_note(const struct allowlist *, const struct allow_entry *);

/*
 * Edits.  NULL when done, else a cause (caller frees).  Each keeps every
 * other byte as it was.  *id is the entry concerned.  They change the list in
 * memory; where a save fails after one, the file holds the truth: load it.
 */
/* An entry that is there already is switched on, if need be, not doubled. */
char	*allowlist_add(struct allowlist *, const char *entry, uint32_t *id);
/* Adds n entries, of which none is there yet, in one edit that what names for undo.
 * Where one of them is wrong, none is added. */
char	*allowlist_add_all(struct allowlist *, const char *const *entries, size_t n,
	    const char *what);
char	*allowlist_set(struct allowlist *, uint32_t id, bool on);
char	*allowlist_remove(struct allowlist *, uint32_t id);
/* Reverts the newest edit not yet undone; *what (caller frees) says which:
 * "disabled .docker.io". */
char	*allowlist_undo(struct allowlist *, char **what);

/*
 * Presets: an entry @NAME stands for the entries of DIR/NAME, the first of at
 * most two directories that has such a file.  Files are read when an entry
 * names them; counted, so a list keeps those it was given.
 */
struct presets	*presets_new(const char *const dirs[], size_t n);
void		 presets_free(struct presets *);
/* Looking again would find other files for the names asked for so far. */
bool		 presets_changed(const struct presets *);
/* Until then the presets of a list stand for nothing; from then on one that
 * is not there, or does not parse, keeps the list from being compiled. */
void		 allowlist_use_presets(struct allowlist *, struct presets *);
/* The i-th entry of the file that a preset's entry stands for, with its line
 * there; false past the end. */
bool		 allowlist_expansion(const struct allowlist *,
		    const struct allow_entry *preset, size_t i, struct allow_entry *);
/* allow_entry_explain(), and how many entries a preset has, and the first. */
char		*allowlist_explain(const struct allowlist *, const struct allow_entry *);
/* Which entry of a preset speaks for a name, once the preset did: fills it in
 * and returns the file it stands in (of the list), or NULL. */
const char	*allowlist_preset_line(const struct allowlist *,
		    const struct allow_entry *preset, const char *name, uint16_t port,
		    struct allow_entry *);

/*
 * Entries for names that were reached though no entry lists them: as few as
 * there can be without opening what is somebody else's.  See propose.c for the
 * rule, which gatehouse.8 tells operators.
 */
enum { PROPOSE_FOLD = 3 };	/* so many names below one domain become one entry */

static const uint32_t LEARNED_BY_OTHERS = UINT32_MAX;	/* guests not told apart */

struct learned_ask {
	uint32_t	name, guest;	/* numbers; guest may be LEARNED_BY_OTHERS */
	uint32_t	count;		/* how often */
};

struct learned {
	const char *const		*names;		/* canonical, each once */
	const char *const		*guests;	/* those that are there now come first */
	size_t				 npresent;	/* of them */
	const struct learned_ask	*asks;
	size_t				 nasks;
	const char			*vm;	/* a glob for every entry, and then guests
						 * are one; NULL: as the rule says */
};

struct proposal {
	char		*text;		/* the entry */
	char		*explain;	/* in words */
	char		*warning;	/* why it should not be taken unseen, or NULL */
	uint64_t	 count;		/* how often what it covers was asked for */
	uint32_t	*name, *guest;	/* numbers of what it covers, and for whom */
	size_t		 nnames, nguests;
};

/* *n of them, ordered by name; caller frees with proposals_free(). */
struct proposal	*allow_propose(const struct allowlist *, const struct learned *, size_t *n);
void		 proposals_free(struct proposal *, size_t n);

/* A preset that lists some of the names asked about. */
struct preset_hint {
	char		*preset;	/* "@npm" */
	uint32_t	*name;		/* numbers of them */
	size_t		 nnames;
};

/* Fills in at most max, which together list as many of the names as may be, and
 * returns how many; preset_hints_free() frees what is in them. */
size_t		 presets_suggest(const char *const dirs[], size_t ndirs,
		    const char *const *names, size_t n, struct preset_hint *, size_t max);
void		 preset_hints_free(struct preset_hint *, size_t n);

/* When the next until= passes, seconds since the epoch; 0: never. */
int64_t	 allowlist_next_end(const struct allowlist *, int64_t now);

/* ---- the compiled form ---- */

/* A memory file holding the image, sealed where the system can; -1 and *cause. */
int	 allow_compile(const struct allowlist *, size_t *size, char **cause);

struct allow_image;
/* Maps and validates every offset: an image that lies is refused. NULL, *cause
 * a static phrase. Does not keep the fd. */
struct allow_image	*allow_image_open(int fd, size_t size, const char **cause);
void			 allow_image_close(struct allow_image *);
/* While on, a name of which no entry says anything is let through on the web's
 * ports, for the reason learned. A new image does not learn. */
void			 allow_image_learn(struct allow_image *, bool on);

/* Whether an entry is for some guests only (vm=). NULL: none is. */
bool			 allow_image_scopes(const struct allow_image *);

struct allow_answer {
	uint8_t		verdict, reason;	/* enum verdict, enum reason */
	uint8_t		pinned;			/* by an entry for this very port, no web port */
	uint8_t		pad;
	uint32_t	entry;			/* the deciding entry, 0: none */
};
/*
 * The verdict for a canonical name and TCP port asked for by a guest (guest
 * may be "" when unknown: then only entries without vm= apply).  now in
 * seconds.  Allocates nothing, touches at most one bucket chain per label.
 * Without an image (NULL) nothing is listed.
 */
struct allow_answer	 allow_lookup(const struct allow_image *, const char *name,
			    size_t len, uint16_t port, const char *guest, int64_t now);
/* The same for a look-up of the name: may the guest have it on any port? */
struct allow_answer	 allow_lookup_name(const struct allow_image *, const char *name,
			    size_t len, const char *guest, int64_t now);
/* The same for a port of TCP or UDP (IPPROTO_*). */
struct allow_answer	 allow_lookup_port(const struct allow_image *, const char *name,
			    size_t len, uint8_t proto, uint16_t port, const char *guest, int64_t now);
/*
 * The verdict for an address, by the entries for addresses alone: of the
 * prefixes around it the longest decides.  An address that is never the
 * internet's (addr_special()) is let through by an entry for its kind, and not
 * by a wider one.  Costs a probe for each length of prefix that is listed.
 */
struct allow_answer	 allow_lookup_addr(const struct allow_image *, const struct addr *,
			    uint8_t proto, uint16_t port, const char *guest, int64_t now);

/*
 * The ports of a name, other than TCP 80 and 443, that the guest may have.
 * Fills in at most max, and returns how many were: 0 without a look at more
 * than the name's keys for nearly every name.
 */
struct allow_port {
	uint16_t	port;
	uint8_t		proto;			/* IPPROTO_TCP, IPPROTO_UDP */
	uint8_t		pad;
};
size_t			 allow_pinned_ports(const struct allow_image *, const char *name,
			    size_t len, const char *guest, int64_t now, struct allow_port *, size_t max);

/* Whether any entry lists a port that is not the web's, or an address. */
bool			 allow_opens_ports(const struct allow_image *);

/*
 * All that allow_lookup_addr() lets a guest have, as ranges that do not
 * overlap, in the order of family, protocol, port and address.
 * Returns how many there are, which may be more than the max filled in.
 */
struct allow_range {
	struct addr	first, last;
	int64_t		until;			/* seconds since the epoch, 0: no end */
	uint16_t	port;
	uint8_t		proto;
	uint8_t		pad[5];
};
size_t			 allow_ranges(const struct allow_image *, const char *guest, int64_t now,
			    struct allow_range *, size_t max);

#endif
