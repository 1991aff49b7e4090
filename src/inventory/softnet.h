/*
 * softnet, the packet filter that tart puts before a VM on request: which binary that
 * is, whether it can work, and what it leaves open.  softnet_look() collects the
 * facts, the rest judges them.
 */
#ifndef SOFTNET_H
#define SOFTNET_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

enum { SOFTNET_BINARIES = 8, SOFTNET_VERSION_SIZE = 32 };

struct softnet_binary {
	char	path[PATH_MAX];			/* links followed */
	char	version[SOFTNET_VERSION_SIZE];	/* of Homebrew's directory for it; "" not packaged */
	bool	setuid;				/* mode u+s and root's, as it needs */
	bool	writable;			/* by others than its owner */
	bool	users;				/* in a user's own directory, off the path */
};

/* In the order in which they are found: tart takes the first in the PATH of who runs it. */
struct softnet_facts {
	bool			tart;		/* tart is on the path */
	struct softnet_binary	found[SOFTNET_BINARIES];
	size_t			n;
};

enum softnet_matter {
	SOFTNET_NONE,		/* there is no binary */
	SOFTNET_WRITABLE,	/* others than its owner may replace what runs as root */
	SOFTNET_SHADOWED,	/* one that is not packaged stands before one that is */
	SOFTNET_USERS,		/* or does where a user has its directory first in PATH */
	SOFTNET_NO_SETUID,	/* it cannot work without asking for a password */
	SOFTNET_WELL,
};

/* Of the directories of a path ("/a:/b"), by stat(2) alone: softnet has no option that
 * prints its version, and what root's bit is on is not run to look at it. */
void			 softnet_look(const char *path, struct softnet_facts *);
/* The same for what cargo has built for the user of that home, once the path was looked at. */
void			 softnet_look_home(const char *home, struct softnet_facts *);
/* The worst that can be said of it. */
enum softnet_matter	 softnet_judge(const struct softnet_facts *);
/* One line on the binary, and what to do (NULL: nothing). Caller frees both. */
char			*softnet_text(const struct softnet_facts *, char **todo);
/* One line for the guard map on a guest of tart's: behind softnet or not; at: the binary
 * that runs for it, "" if that is not known.  Caller frees. */
char			*softnet_guest_text(const struct softnet_facts *, bool behind, const char *at);

#endif
