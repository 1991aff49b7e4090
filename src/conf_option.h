/*
 * Between the files of the configuration: conf.c has the table of options and reads
 * files, conf_values.c reads values, conf_print.c writes them.
 */
#ifndef CONF_OPTION_H
#define CONF_OPTION_H

#include "conf.h"

enum {
	MINUTE = 60, HOUR = 3600, DAY = 86400,
};

enum option_type {
	TYPE_BOOL,
	TYPE_ACCOUNT,		/* char[32]: a user or group name */
	TYPE_PATH,		/* char[CONF_PATH_SIZE], absolute */
	TYPE_HOME,		/* the same, or "~/" and a path below a user's home */
	TYPE_GLOBS,		/* the same, several with ", " between, or none */
	TYPE_DIRS,		/* char[2][CONF_PATH_SIZE] */
	TYPE_NUMBER,		/* uint32_t */
	TYPE_NUMBER16,		/* uint16_t */
	TYPE_DURATION,		/* uint32_t, seconds */
	TYPE_PROFILE,		/* uint32_t */
	TYPE_NAMES,		/* struct conf_names: interfaces */
	TYPE_PORTS,		/* struct conf_ports */
	TYPE_UIDS,		/* conf.uids and nuids */
	TYPE_PREFIXES,		/* conf.reach and nreach */
	TYPE_UPSTREAMS,		/* conf.upstreams and nupstreams */
	TYPE_CHAIN,		/* conf.chain_host and chain_port */
	TYPE_CHOICE,		/* uint32_t: which word of the unit, "tell or stop" */
	TYPE_ACCOUNTS,		/* struct conf_accounts: users */
	TYPE_COMMAND,		/* struct conf_command */
	TYPE_DOMAINS,		/* conf.chain_direct and nchain_direct */
	TYPE_COUNT
};

struct option {
	const char		*section, *key;
	enum option_type	 type;
	size_t			 offset;
	uint64_t		 min, max;
	const char		*def;	/* as written in the file */
	const char		*unit;	/* what a value is, for the sample */
	const char		*help;
};

/* ---- conf.c ---- */
extern const struct option option_table[];
extern const int option_count;

/* ---- conf_values.c ---- */
/* Sets a plain option, or adds to a list. NULL or a cause without the option's name. */
char	*option_read(struct conf *, const struct option *, const char *value);
/* Whether it may stand several times and adds up. */
bool	 option_is_list(const struct option *);
/* Empties a list, so that what the file says replaces the default. */
void	 option_clear(struct conf *, const struct option *);
/* In the largest unit that says it exactly. */
void	 duration_format(char *dst, size_t size, uint64_t seconds);

#endif
