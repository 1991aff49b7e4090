/*
 * `gatehouse setup` and `unsetup`: from an installed binary to a service that
 * guards at boot, and back.
 *
 *   setup.c      the verb: its words, walking a plan
 *   plan.c       a plan is a list of steps; the steps that every system shares
 *   linux.c freebsd.c darwin.c
 *                the steps of one system; all of them built everywhere, so that
 *                any host can show them and every test can walk them
 *   step.c       one step: is it done already, do it, undo it
 *   tool.c       running a command
 *   fill.c       templates, filled in
 *   hook.c       pf.conf, edited between markers
 *   record.c     what was done, so that just that is undone
 *
 * What was there before setup is never changed, but for owner and mode of
 * gatehouse's own directories, which are put back.
 */
#ifndef SETUP_H
#define SETUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "conf.h"

enum {
	SETUP_ARGS_MAX = 20,	/* words of a command, with its NULL */
	SETUP_COMMANDS_MAX = 8,
	SETUP_STEPS_MAX = 32,
	SETUP_FILE_MAX = 1 << 20,
};

/* Where and for whom. Strings are borrowed. */
struct setup_site {
	const char	*root;		/* "", or the directory that will be a system's root */
	const char	*exe;		/* of an installed gatehouse */
	const char	*conf_path;
	const struct conf *conf;
	const char	*tools;		/* NULL: commands where they belong; else all here */
	bool		 now;		/* start the service too */
	bool		 undo;		/* the plan is for unsetup: it needs no texts */
	bool		 systemd;	/* is what starts this system (Linux) */
	uint32_t	 free_id;	/* a uid and gid nobody has (macOS) */
};

struct setup_command {
	char	*argv[SETUP_ARGS_MAX];	/* [0] NULL: no command */
};

enum setup_kind {
	SETUP_GROUP,
	SETUP_USER,
	SETUP_DIR,
	SETUP_FILE,
	SETUP_HOOK,	/* lines of another's file, between markers */
	SETUP_RUN,	/* commands with an effect of their own */
	SETUP_KINDS
};

struct setup_step {
	enum setup_kind		 kind;
	char			*name;	/* account, path, or of a run a word of our own */
	char			*text;	/* of a file; of a run what it is for */
	mode_t			 mode;
	const char		*owner, *group;	/* "root" or an account that a step made */
	struct setup_command	 is;	/* of a run: exits 0 where it is done already */
	struct setup_command	 check;	/* of a hook: the new file's path is added */
	struct setup_command	 load;	/* of a hook, with --now: takes the file up */
	struct setup_command	 still;	/* of a run: exits 0 where there is something to drop */
	struct setup_command	 make[SETUP_COMMANDS_MAX], drop[SETUP_COMMANDS_MAX];
	bool			 start;	/* of a run: for this once, not recorded */
};

struct setup_plan {
	struct setup_step	step[SETUP_STEPS_MAX];
	size_t			n;
	char			*next;	/* what is left to do by hand, lines */
};

/* ---- plan.c ---- */
struct setup_step *setup_plan_add(struct setup_plan *, enum setup_kind, const char *name);
/* Adds words to a command, up to a NULL. */
void	 setup_words(struct setup_command *, ...) __attribute__((sentinel));
/* Begins one with the tool and, where it is to work on another root, with the option
 * that says so. */
void	 setup_tool_words(struct setup_command *, const struct setup_site *, const char *tool,
	    const char *root_option);
/* With pf: how what the daemon took is given back once the rules are flushed, a line that
 * begins with "; ", or "". Caller frees. */
char	*setup_plan_give_back(const struct setup_site *);
/* The state directory: the first step of every plan. */
void	 setup_plan_state(struct setup_plan *, const struct setup_site *, const char *admin_group);
/* The directories and the files below sysconfdir. NULL or a cause. */
char	*setup_plan_files(struct setup_plan *, const struct setup_site *, const char *admin_group);
void	 setup_plan_free(struct setup_plan *);

/* Fills in the plan of one system. NULL or a cause. */
typedef char	*(*setup_plan_fn)(struct setup_plan *, const struct setup_site *);
char	*setup_linux(struct setup_plan *, const struct setup_site *);
char	*setup_freebsd(struct setup_plan *, const struct setup_site *);
char	*setup_darwin(struct setup_plan *, const struct setup_site *);

/* ---- fill.c ---- */
/* @exe@, @conf@, @confdir@, @state@, @run@, @user@ and @group@ filled in. NULL and
 * *cause for another word, or a value that no service file can hold as it is. */
char	*setup_fill(const char *text, const struct setup_site *, char **cause);
/* Of PKGDATADIR/setup below the root, filled in. */
char	*setup_template(const struct setup_site *, const char *name, char **cause);

/* ---- hook.c: pure ---- */
/*
 * The pf.conf with the hooks of our anchor: translation (with nat, of both kinds)
 * before any other, the filter before any other filter rule, each between markers.  What is hooked
 * already comes back as it was.  NULL and *cause where markers are broken.
 */
char	*setup_hook_add(const char *text, const char *anchor, bool nat, char **cause);
/* Without them. */
char	*setup_hook_remove(const char *text, char **cause);

/* ---- record.c ---- */
struct setup_done {
	enum setup_kind	kind;
	char		*name;
	uint64_t	hash;		/* of a file's bytes as they were written */
	bool		made;		/* of a directory; else it was there, as below */
	uint32_t	mode, uid, gid;
};

struct setup_record {
	struct setup_done	done[SETUP_STEPS_MAX];
	size_t			n;
};

uint64_t setup_hash(const char *text);
/* Pure. False: not understood. */
bool	 setup_record_parse(struct setup_record *, const char *text);
char	*setup_record_format(const struct setup_record *);
/* NULL or a cause. Without a file the record is empty. */
char	*setup_record_load(struct setup_record *, const struct setup_site *);
/* An empty one removes the file. */
char	*setup_record_save(const struct setup_record *, const struct setup_site *);
struct setup_done *setup_record_find(struct setup_record *, enum setup_kind, const char *name);
struct setup_done *setup_record_add(struct setup_record *, enum setup_kind, const char *name);
void	 setup_record_drop(struct setup_record *, struct setup_done *);
void	 setup_record_free(struct setup_record *);

/* ---- tool.c ---- */
enum { SETUP_TOOL_SECONDS = 90 };
/* Runs it with a fixed environment and no input. NULL if it exits 0, else a cause
 * with what it said. */
char	*setup_tool(const struct setup_site *, const struct setup_command *, const char *more);
/* The same as text, for people. */
void	 setup_tool_print(const struct setup_command *, const char *more, FILE *);

/* ---- step.c ---- */
/* The pf.conf with the hooks that this configuration needs, as setup_hook_add(). */
char	*setup_hooked(const struct setup_site *, const char *text, char **cause);
enum setup_state {
	SETUP_TODO,
	SETUP_THERE,	/* nothing to do */
	SETUP_KEPT,	/* differs from what it would be, and is somebody's: *why says so */
};
enum setup_state setup_step_look(const struct setup_step *, const struct setup_site *,
		    struct setup_record *, const char **why);
/* NULL or a cause. The record is told what is to be undone. */
char	*setup_step_do(const struct setup_step *, const struct setup_site *, struct setup_record *);
/* Undoes what the record has of it. *why: what was left as it is, or NULL. */
char	*setup_step_undo(const struct setup_step *, const struct setup_site *,
	    struct setup_record *, const char **why);
/* A file's text, at most SETUP_FILE_MAX; NULL and errno. Never follows a link. */
char	*setup_read(const char *path);
char	*setup_path(const struct setup_site *, const char *path);
bool	 setup_account(const struct setup_site *, enum setup_kind, const char *name, uint32_t *id);

/* ---- setup.c ---- */
/* Walks a plan; says what it does on f. NULL or a cause. */
char	*setup_walk(const struct setup_plan *, const struct setup_site *, bool dry, FILE *f);
char	*setup_unwalk(const struct setup_plan *, const struct setup_site *, bool dry, FILE *f);
/* argv[0] is "setup" or "unsetup". Returns an exit code. */
int	 setup_main(const char *conf_path, int argc, char **argv);

#endif
