/*
 * Inside the room: how an allowlist is kept.  text is the file; items[] has
 * one element for each line that is an entry, in file order, so its offsets
 * ascend.  Whatever else is to know about an entry is read from its line
 * when it is asked for.  index and by_id are made when first needed and thrown
 * away by the next edit.
 */
#ifndef LIST_H
#define LIST_H

#include <sys/types.h>

#include "allow/allow.h"

enum { UNDO_MAX = 64 };

enum item_flag {
	ITEM_KIND = 7,		/* mask: enum allow_kind */
	ITEM_UNTIL = 1 << 3,	/* has until= */
	ITEM_PLAIN = 1 << 4,	/* the line is one name, as it is matched */
};

struct item {
	uint32_t	off;		/* of its line in the text */
	uint32_t	id;
	uint32_t	line;		/* 1-based */
	uint8_t		name_len;
	uint8_t		labels;		/* of the name of a plain line */
	uint8_t		flags;		/* enum item_flag */
	uint8_t		pad;
};

/* One edit: at became after where before was.  Only entries that were added may
 * be more than one. */
struct undo {
	size_t		at;		/* in the text as the edit left it */
	char		*before, *after;
	size_t		before_len, after_len;
	uint32_t	id;		/* of the entry, or of the first */
	bool		line_start;	/* at is the start of a line */
	bool		stale;		/* at is not known any more */
	char		*what;
};

/* Which file the text is, to notice that somebody else replaced it. */
struct stamp {
	bool		known;
	dev_t		dev;
	ino_t		ino;
	off_t		size;
	int64_t		mtime_ns;
};

struct list_index;	/* advise.c */

struct list_lazy {
	struct list_index	*index;
	uint64_t		*by_id;	/* id << 32 | item, ascending */
};

struct allowlist {
	char			*path;	/* for messages */
	char			*text;
	size_t			 len, room;
	struct item		*items;
	size_t			 n, items_room;
	uint32_t		 next_id;
	bool			 ids_ascend;
	struct undo		 undo[UNDO_MAX];
	size_t			 nundo;
	struct stamp		 stamp;
	struct presets		*presets;	/* NULL: none are known */
	struct list_lazy	*lazy;
};

/* A line taken apart: [core, core + core_len) is the entry itself. */
struct line_parts {
	const char	*mark;		/* "#off ...", or NULL when it is on */
	const char	*core;
	size_t		 core_len;
};

/* ---- entry.c ---- */
/* False: blank or a comment. */
bool	 line_split(struct line_parts *, const char *line, size_t len);
/* Reads the core of a line. False with a phrase in why. id, line and state
 * are left 0. */
bool	 entry_parse(struct allow_entry *, const char *core, size_t len,
	    char why[GH_CAUSE_SIZE]);
/* The entry of a plain line, the same way. */
void	 entry_plain(struct allow_entry *, const struct item *, const char *line);
/* False for port 53: what guests send there goes to the DNS filter. */
bool	 entry_in_force(const struct allow_entry *);
/* Its until= has passed. */
bool	 entry_ended(const struct allow_entry *);
/* Fills in name_len and flags. */
void	 item_note(struct item *, const struct allow_entry *);
/*
 * The same, and labels, for a line that is a name in canonical form and no more, as nearly all
 * lines of a long list are: a look at each byte is enough then.  Returns the
 * length of the line; 0: the line is none, or has to be taken apart to be sure.
 */
size_t	 item_plain(struct item *, const char *line, const char *end);
static inline bool
item_is_preset(const struct item *it)
{
	return (it->flags & ITEM_KIND) == ALLOW_PRESET;
}

/* Where the name of a plain line begins. */
static inline size_t
item_front(const struct item *it)
{
	const unsigned kind = it->flags & ITEM_KIND;

	return kind == ALLOW_TREE ? 1 : kind == ALLOW_BELOW ? 2 : 0;
}
/* Same meaning, on or off. */
bool	 entry_same(const struct allow_entry *, const struct allow_entry *);
/* Same names or addresses and action, whatever the options. */
bool	 entry_same_target(const struct allow_entry *, const struct allow_entry *);

/* ---- name.c ---- */
/* The end of a name that stands at s in canonical form, and how many labels it has;
 * NULL: there is none, or one whose last label may be a number. */
const char	*name_scan(const char *s, const char *end, unsigned *labels);

/* ---- list.c ---- */
void	 list_line(const struct allowlist *, const struct item *, const char **line,
	    size_t *len);
/* Its core, and where "#off" stands, if it does. */
void	 list_parts(const struct allowlist *, const struct item *, struct line_parts *);
void	 list_fill(const struct allowlist *, size_t i, struct allow_entry *);
/* The item with an id, or SIZE_MAX. */
size_t	 list_item(const struct allowlist *, uint32_t id);
/* The first item at or after an offset of the text. */
size_t	 list_item_at(const struct allowlist *, size_t off);
/* To be called by each edit. */
void	 list_changed(struct allowlist *);

/* ---- edit.c ---- */
void	 undo_free(struct undo *);
/* Brings old's edits over to a text that followed old's. */
void	 undo_carry(struct allowlist *, const struct allowlist *old);

/* ---- advise.c ---- */
void	 index_free(struct list_index *);
/*
 * Calls visit for each entry with that name, in file order; stops at the
 * first true and returns it.
 */
bool	 index_visit(const struct allowlist *, const char *name,
	    bool (*visit)(const struct allow_entry *, void *), void *arg);

/* ---- preset.c ---- */
struct presets	*presets_keep(struct presets *);
/* The entries that a preset's entry stands for, or NULL: see preset_cause(). */
const struct allowlist	*preset_list(const struct allowlist *, const struct allow_entry *);
/* Why it stands for nothing (caller frees), or NULL; also where no presets are
 * known at all. */
char	*preset_cause(const struct allowlist *, const struct allow_entry *);
/* The i-th entry of preset_list() as it counts in the place of the preset. */
void	 preset_fill(const struct allowlist *inner, size_t i,
	    const struct allow_entry *preset, struct allow_entry *);

/* ---- wide.c ---- */
/* Anyone, or a registry's every customer, can have a name below it. */
bool	 wide_is_suffix(const char *name);
/* What an entry opens beyond what it says, and what would be narrower, or
 * NULL; caller frees. */
char	*wide_warning(const struct allowlist *, const struct allow_entry *);

/* The domain that one owner registered, as a part of name; NULL if there is none. */
const char	*wide_registrable(const char *name);
/* An entry that is or covers a host where anyone can leave data and fetch it: what
 * to know of it, or NULL; caller frees. */
char	*wide_shared(const struct allowlist *, const struct allow_entry *);

/* ---- save.c ---- */
void	 stamp_take(struct stamp *, int fd);
void	 stamp_at(struct stamp *, const char *path);
bool	 stamp_equal(const struct stamp *, const struct stamp *);

#endif
