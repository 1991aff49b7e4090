/*
 * The allowlist.
 *
 * The engine owns the text: struct allowlist is the file, line by line,
 * comments and all, with an entry for each line that is one.  It is parsed
 * into a fresh struct and swapped; a file that does not parse changes
 * nothing.  Edits change the struct and are saved by write-new, fsync,
 * rename; undo puts the last one back.
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
	ALLOW_PENDING,		/* parsed, but this version cannot enforce it:
				   presets, pinned ports, address ranges */
};

struct allow_entry {
	uint32_t	id;		/* stays while the entry's text (on or off) does */
	uint32_t	line;		/* 1-based */
	uint8_t		kind, state;	/* enum allow_kind, enum allow_state */
	bool		deny;		/* "!..." */
	uint8_t		proto;		/* IPPROTO_TCP or IPPROTO_UDP of a pinned port */
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
const char	*allow_name_canonical(char dst[GH_NAME_SIZE], const char *, size_t len, bool idna);

/* Reading and writing. cause: "FILE:LINE: ..." (caller frees). */
struct allowlist	*allowlist_load(const char *path, const struct allowlist *old, char **cause);
struct allowlist	*allowlist_parse(const char *text, size_t len, const char *path,
			    const struct allowlist *old, char **cause);
void			 allowlist_free(struct allowlist *);
char			*allowlist_save(const struct allowlist *, const char *path);	/* NULL or cause */
char			*allowlist_text(const struct allowlist *, size_t *len);	/* caller frees */

size_t			 allowlist_count(const struct allowlist *);
/* In file order; valid until the list changes. NULL past the end. */
const struct allow_entry *allowlist_entry(const struct allowlist *, size_t i);
const struct allow_entry *allowlist_find(const struct allowlist *, uint32_t id);
/* The entry as written, without "#off ", comment and spaces; caller frees. */
char			*allow_entry_text(const struct allow_entry *);
/* "github.com and every name below it, ports 80 and 443"; caller frees. */
char			*allow_entry_explain(const struct allow_entry *);
/* A warning for an operator, or NULL: shadowed, covers a public suffix (where
 * libpsl is there), not yet in force; caller frees. */
char			*allowlist_warning(const struct allowlist *, const struct allow_entry *);

/*
 * Edits.  NULL when done, else a cause (caller frees).  Each keeps every
 * other line as it was.  *id is the entry concerned.
 */
char	*allowlist_add(struct allowlist *, const char *entry, uint32_t *id);
char	*allowlist_set(struct allowlist *, uint32_t id, bool on);
char	*allowlist_remove(struct allowlist *, uint32_t id);
/* Reverts the newest edit not yet undone; *what says which ("disabled .docker.io"). */
char	*allowlist_undo(struct allowlist *, char **what);
/* An entry by id in digits or by its text; NULL if none or more than one. */
const struct allow_entry *allowlist_named(const struct allowlist *, const char *);

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

struct allow_answer {
	uint8_t		verdict, reason;	/* enum verdict, enum reason */
	uint16_t	pad;
	uint32_t	entry;			/* the deciding entry, 0: none */
};
/*
 * The verdict for a canonical name and port asked for by a guest (guest may
 * be "" when unknown: then only entries without vm= apply).  now in seconds.
 * Allocates nothing, touches at most one bucket chain per label.
 */
struct allow_answer	 allow_lookup(const struct allow_image *, const char *name, size_t len,
			    uint16_t port, const char *guest, int64_t now);

#endif
