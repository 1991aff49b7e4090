/*
 * What priv runs for the inventory, as the user whose VMs they are: a closed list
 * of argument vectors, in which only a guest's key varies.  No shell, no path and
 * no option ever comes from another role.
 */
#ifndef COMMANDS_H
#define COMMANDS_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

#include "conf.h"

enum inventory_command {
	COMMAND_NONE,
	COMMAND_TART_LIST, COMMAND_TART_IP, COMMAND_TART_CONFIG, COMMAND_TART_START, COMMAND_TART_STOP,
	COMMAND_LIMA_LIST, COMMAND_LIMA_NETWORKS, COMMAND_LIMA_START, COMMAND_LIMA_STOP,
	COMMAND_COLIMA_LIST, COMMAND_COLIMA_NETWORKS, COMMAND_COLIMA_START, COMMAND_COLIMA_STOP,
	COMMAND_CONTAINER_LIST, COMMAND_CONTAINER_START, COMMAND_CONTAINER_STOP,
	COMMAND_UTM_LIST, COMMAND_UTM_ADDRESS, COMMAND_UTM_START, COMMAND_UTM_STOP,
	COMMAND_MULTIPASS_LIST, COMMAND_MULTIPASS_START, COMMAND_MULTIPASS_STOP,
	COMMAND_INCUS_LIST, COMMAND_INCUS_START, COMMAND_INCUS_STOP,
	COMMAND_LXD_LIST, COMMAND_LXD_START, COMMAND_LXD_STOP,
	COMMAND_VIRSH_LIST, COMMAND_VIRSH_NICS, COMMAND_VIRSH_START, COMMAND_VIRSH_STOP,
	COMMAND_PS, COMMAND_NETSTAT,
	/* Of those whose ordinary way asks the guest, which may not listen. */
	COMMAND_LIMA_OFF, COMMAND_COLIMA_OFF, COMMAND_INCUS_OFF, COMMAND_LXD_OFF, COMMAND_VIRSH_OFF,
	COMMAND_CONTAINER_OFF, COMMAND_UTM_OFF, COMMAND_MULTIPASS_OFF,
	COMMAND_VIRSH_CHANGES,
	COMMAND_CUSTOM,		/* of a [provider NAME] section, by its number */
	COMMAND_COUNT
};

enum { COMMAND_ARGS = 12, COMMAND_ARG_SIZE = 512, COMMAND_OUTPUT_MAX = 4 << 20, COMMAND_CUSTOM_SECONDS = 15 };

/* Where a manager keeps a user's VMs, as its environment says and as [inventory] has it. */
struct command_home {
	const char	*variable;
	size_t		 offset;	/* of a path in struct conf */
};

struct manager_command {
	const char	*name;		/* for messages: "tart list" */
	/* argv[0] is looked up unless it is absolute; "%k" in a word stands for the
	 * guest's key, "%p" and "%n" for what is before and behind its "/", "%h" for
	 * the manager's home, or without one the user's. */
	const char	*argv[COMMAND_ARGS];
	const char	*marker;	/* see runner.h: without it there are no such VMs; NULL: any */
	unsigned	 seconds;	/* it may take */
	bool		 guest;		/* takes a key */
	bool		 lasting;	/* starts a guest: its process goes on, and is left alone */
	const struct command_home *home;	/* which is its marker too; NULL: it has none */
};

/* NULL for COMMAND_NONE and COMMAND_CUSTOM. */
const struct manager_command	*command_row(enum inventory_command);
/* The manager's home for that user, and the variable that says so; false: it has none of
 * its own, and the path is the user's. */
struct command_place {
	char	path[CONF_PATH_SIZE * 2], env[CONF_PATH_SIZE * 2 + 16];
};
bool			 command_home(const struct conf *, enum inventory_command, const char *user_home,
			    struct command_place *);
/* [inventory] path as the environment has it, with ":" between. */
const char		*command_path(const struct conf *, char dst[CONF_PATH_SIZE]);
/* Starts or stops a guest. */
bool			 command_acts(enum inventory_command);
/*
 * Whether a key may stand in that command's argument vector: no control
 * character, no leading "-", where it is part of a path no "/" and neither "." nor
 * "..", where it is two words one "/" between them; and for virsh, which takes a
 * number or a UUID for that of whatever domain has it, something else.
 */
bool			 command_key_ok(enum inventory_command, const char *);

/* An argument vector, filled in. */
struct command_line {
	const char	*argv[CONF_COMMAND_WORDS + 1];
	char		 words[CONF_COMMAND_WORDS][COMMAND_ARG_SIZE];
};
/* False: it does not fit. */
bool			 command_fill(struct command_line *, enum inventory_command, const char *key,
			    const char *home);

/* ---- users.c: who runs them ---- */
enum { INVENTORY_USERS_MAX = 16 };
struct inventory_user {
	uid_t	uid;
	gid_t	gid;
	char	name[32], home[256];
	bool	system_only;	/* nobody's VMs are asked for, only the system's */
};
/*
 * Those of [inventory] user; without it those who can log in here, or where there
 * are none the daemon's own user.  Never root, but in a user namespace that has
 * nobody else.  The first of them that may asks for the system's VMs.  Returns how many.
 */
size_t			 inventory_users(const struct conf *, struct inventory_user[INVENTORY_USERS_MAX]);

#endif
