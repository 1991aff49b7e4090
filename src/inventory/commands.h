/*
 * What priv runs for the inventory, as the user whose VMs they are: a closed list
 * of argument vectors, in which only a guest's key varies.  No shell, no path and
 * no option ever comes from another role.
 */
#ifndef COMMANDS_H
#define COMMANDS_H

#include <stdbool.h>
#include <stddef.h>

enum inventory_command {
	COMMAND_NONE,
	COMMAND_TART_LIST, COMMAND_TART_IP, COMMAND_TART_CONFIG, COMMAND_TART_START, COMMAND_TART_STOP,
	COMMAND_LIMA_LIST, COMMAND_LIMA_START, COMMAND_LIMA_STOP,
	COMMAND_CONTAINER_LIST, COMMAND_CONTAINER_START, COMMAND_CONTAINER_STOP,
	COMMAND_UTM_LIST, COMMAND_UTM_ADDRESS, COMMAND_UTM_START, COMMAND_UTM_STOP,
	COMMAND_MULTIPASS_LIST, COMMAND_MULTIPASS_START, COMMAND_MULTIPASS_STOP,
	COMMAND_INCUS_LIST, COMMAND_INCUS_START, COMMAND_INCUS_STOP,
	COMMAND_LXD_LIST, COMMAND_LXD_START, COMMAND_LXD_STOP,
	COMMAND_VIRSH_LIST, COMMAND_VIRSH_NICS, COMMAND_VIRSH_START, COMMAND_VIRSH_STOP,
	COMMAND_PS,
	COMMAND_CUSTOM,		/* of a [provider NAME] section, by its number */
	COMMAND_LIMA_NETWORKS,
	COMMAND_COUNT
};

enum { COMMAND_ARGS = 12, COMMAND_OUTPUT_MAX = 4 << 20 };

struct command {
	const char	*name;		/* for messages: "tart list" */
	/* argv[0] is looked up in command_path() unless absolute; "%k" alone stands
	 * for the guest's key, "%h" at the start of a word for the user's home. */
	const char	*argv[COMMAND_ARGS];
	const char	*marker;	/* below the home: without it the user has no such VMs; NULL: any */
	unsigned	 seconds;	/* it may take */
	bool		 guest;		/* takes a key */
	bool		 lasting;	/* starts a guest: its process goes on, and is left alone */
};

/* NULL for COMMAND_NONE and COMMAND_CUSTOM. */
const struct command	*command_row(enum inventory_command);
/* "/opt/homebrew/bin:/usr/local/bin:...", of this kind of system. */
const char		*command_path(void);
/* Whether a key may stand in an argument vector: 1 to GUEST_KEY_SIZE - 1 bytes,
 * no control character, no leading "-". strict: and no "/" and not "." or "..". */
bool			 command_key_ok(const char *, bool strict);

#endif
