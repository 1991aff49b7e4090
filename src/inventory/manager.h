/*
 * VM managers that are known by their commands: what to run, and what its output
 * says.  One manager a file (tart.c, lima.c, ...), pure, so that tests and fuzzers
 * drive it on any host; commands.c has the argument vectors, ask.c the timing.
 */
#ifndef MANAGER_H
#define MANAGER_H

#include "inventory/commands.h"
#include "inventory/inventory.h"

/* The text of a command's stdout to sightings.  Provider and user of each are set
 * by who calls.  NULL, or why it makes no sense (caller frees): then what was
 * appended does not count. */
typedef char	*(*manager_list_fn)(const char *text, size_t len, struct sighting *, size_t *n,
		    size_t max);
/* The same for one guest, whose rows (nrows of one key) it may complete; more
 * NICs are appended as rows with the same key. */
typedef char	*(*manager_detail_fn)(const char *text, size_t len, struct sighting *rows,
		    size_t *nrows, size_t max);

/* Calls fn for each guest with a number that is another one whenever what the text says of
 * the guest is. */
typedef void	 (*manager_changes_fn)(const char *text, size_t len, void (*fn)(const char *key,
		    size_t len, uint64_t digest, void *), void *arg);

enum { MANAGER_DETAILS = 2 };
struct manager {
	const char		*name;
	enum inventory_command	 list;
	manager_list_fn		 list_parse;
	/*
	 * Asked for each guest: when it is new or its state changed, and in turn.  One
	 * that fails is no trouble of the manager's.
	 */
	struct manager_detail {
		enum inventory_command	command;	/* COMMAND_NONE: no more */
		bool			running_only;
		manager_detail_fn	parse;
	} detail[MANAGER_DETAILS];
	/*
	 * What of all guests tells at once that a detail is another now: a NIC was plugged
	 * in.  COMMAND_NONE: nothing does.
	 */
	enum inventory_command	 changes;
	manager_changes_fn	 changes_parse;
	/* The same number, of what the details have said. */
	uint64_t		 (*changes_known)(const struct sighting *rows, size_t n);
	enum inventory_command	 start, stop;	/* COMMAND_NONE: it cannot */
	enum inventory_command	 off;		/* stops one that does not listen; the same */
	bool			 system;	/* asked once, not for each user */
};

/* Those that are asked on this kind of system, NULL behind them. managers_*.c */
enum { MANAGERS_MAX = 12 };
extern const struct manager *const managers_here[MANAGERS_MAX];
extern const struct manager tart_manager, lima_manager, colima_manager, container_manager,
    utm_manager, multipass_manager, incus_manager, lxd_manager, virsh_manager, ps_manager;

#endif
