/*
 * The control protocol: newline-delimited JSON-RPC 2.0 on a Unix socket.
 * control.c serves it (in the engine), client.c speaks it (console and
 * command line), command.c maps commands onto it.  The man page gatehouse.8
 * lists methods and keys.
 */
#ifndef CONTROL_H
#define CONTROL_H

#include <jansson.h>

#include "conf.h"
#include "gatehouse.h"

enum {
	CONTROL_PROTOCOL = 1,
	CONTROL_REQUEST_MAX = 64 << 10,	/* one request line */
	CONTROL_REPLY_MAX = 4 << 20,	/* one reply line */
	CONTROL_ROWS_MAX = 1000,	/* rows in one window */
	CONTROL_CLIENTS_MAX = 64,
};

enum control_error {
	CONTROL_PARSE = -32700,
	CONTROL_INVALID = -32600,
	CONTROL_NO_METHOD = -32601,
	CONTROL_BAD_PARAMS = -32602,
	CONTROL_FAILED = -32000,	/* the answer is no; message says why */
	CONTROL_NOT_PERMITTED = -32001,
	CONTROL_BUSY = -32002,
};

/* Exit codes of every command. */
enum exit_code { EXIT_DONE, EXIT_NO, EXIT_USAGE, EXIT_NO_DAEMON, EXIT_NOT_PERMITTED };

/* ---- client.c ---- */
/* Connects. -1 and *cause (what, why, what to do next), *code the exit code. */
int	 client_connect(const char *path, enum exit_code *code, char **cause);
/* One request, one reply, within seconds. The result (caller decrefs), or NULL
 * with *cause and *code. params may be NULL; its reference is taken. */
json_t	*client_call(int fd, const char *method, json_t *params, int seconds,
	    enum exit_code *code, char **cause);

/* ---- command.c ---- */
/*
 * A command is one row: the command line, the console's ":" prompt, its keys
 * and the help all refer to rows.  to_request turns words into a request;
 * nothing here does I/O.
 */
struct command {
	const char	*name;
	const char	*args;		/* "ENTRY [--vm GLOB] [--for TIME]" */
	const char	*help;		/* one line */
	const char	*method;	/* NULL: handled by main.c itself */
	/* NULL: done, *params set (or NULL); else a cause, caller frees. */
	char		*(*to_request)(int argc, char **argv, json_t **params);
	/* A result as text for people; caller frees. NULL: print nothing. */
	char		*(*to_text)(const json_t *result);
};
extern const struct command	 command_table[];	/* ends with name NULL */
const struct command		*command_find(const char *name);

#endif
