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

struct event_base;

enum {
	CONTROL_PROTOCOL = 1,
	CONTROL_REQUEST_MAX = 64 << 10,	/* one request line */
	CONTROL_REPLY_MAX = 4 << 20,	/* one reply line */
	CONTROL_DEPTH_MAX = 16,		/* nesting of a request */
	CONTROL_ROWS_MAX = 1000,	/* rows in one window */
	CONTROL_CLIENTS_MAX = 64,
	CONTROL_WATCHERS_MAX = 32,	/* of those, who may not act */
	/* A client that does not read gets no more requests read than this much
	 * of replies, and no updates while any of them waits. */
	CONTROL_UNREAD_MAX = 1 << 20,
	/* ... and no packets while this much waits: one more batch of them leaves
	 * its requests readable. */
	CONTROL_STREAM_MAX = CONTROL_UNREAD_MAX / 2,
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

/* ---- control.c: the server ---- */

/* Who is at the other end of a connection. */
struct control_peer {
	uint64_t	client;		/* never given out twice */
	uint32_t	uid;
	bool		operator;	/* may act, not only watch */
};

/*
 * One request on its way to its answer, which control_reply() or
 * control_fail() gives, now or later; either frees the call.  A client that
 * has gone meanwhile is not missed.
 */
struct control_call {
	struct control		*control;
	struct control_peer	 peer;
	json_t			*id;	/* NULL: a notification, not answered */
};

struct control_handler {
	/* Takes the call over, borrows the rest. params: an object, maybe empty. */
	void	(*request)(struct control_call *, const char *method, const json_t *params,
		    void *arg);
	void	(*closed)(uint64_t client, void *arg);
	void	*arg;
};

struct control;
struct control	*control_new(struct event_base *, const struct control_handler *);
void		 control_free(struct control *);
/* Binds the socket: -rw-rw---- of the conf's group, or for all where others
 * may watch.  A socket that a dead daemon left is replaced, that of a living
 * one is not.  NULL or a cause, caller frees. */
char		*control_listen(struct control *, const struct conf *);
/* Group and mode again, after a reload. The path stays. */
void		 control_reconf(struct control *, const struct conf *);
/* Takes a connected socket over. The peer's credentials decide what it may. */
void		 control_adopt(struct control *, int fd);
/* Takes both over. */
void		 control_reply(struct control_call *, json_t *result);
/* Takes both over. */
void		 control_fail(struct control_call *, enum control_error, char *cause);
/* False while the client has not read what it was sent before. */
bool		 control_ready(struct control *, uint64_t client);
/* False while more than CONTROL_STREAM_MAX waits: for what comes in a stream. */
bool		 control_room(struct control *, uint64_t client);
/* Sends one line (without newline) that answers nothing. */
void		 control_notify(struct control *, uint64_t client, const char *line, size_t len);
size_t		 control_clients(const struct control *);

/* ---- client.c ---- */
/* Connects. -1 and *cause (what, why, what to do next), *code the exit code. */
int	 client_connect(const char *path, enum exit_code *code, char **cause);
/* The result of an answer, whose reference is the caller's; NULL with *cause
 * and *code for an error. */
json_t	*client_result(const json_t *answer, enum exit_code *code, char **cause);
/* One request, one reply, within seconds. The result (caller decrefs), or NULL
 * with *cause and *code. params may be NULL; its reference is taken. Not for a
 * connection that has subscribed: what comes in between is dropped. */
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
	const char	*method;	/* NULL: handled by cli.c itself */
	/* NULL: done, *params set (or NULL); else a cause, caller frees.
	 * argv[0] is the command's name. */
	char		*(*to_request)(int argc, char **argv, json_t **params);
	/* A result as text for people; caller frees. NULL: print nothing. */
	char		*(*to_text)(const json_t *result);
};
extern const struct command	 command_table[];	/* ends with name NULL */
/* A name may be two words, of which the second is an option: "entries --learned". */
const struct command		*command_find(const char *name);
/* The row for a line of words: that of two words if they are among them. */
const struct command		*command_of(int argc, char **argv);
/* "usage: gatehouse allow ENTRY [--vm GLOB] [--for TIME]"; caller frees. */
char				*command_usage(const struct command *);
/* The question to ask before a request, naming what it opens or ends; NULL if it
 * harms nobody.  *typed: the answer must be written out, as "yes".  status is
 * what the engine last said, or NULL; caller frees. */
char				*command_danger(const json_t *status, const char *method,
				    const json_t *params, bool *typed);

/* ---- cli.c ---- */
/* Runs the command that argv[0] names; returns an exit code. */
int	 cli_main(const struct conf *, int argc, char **argv);
/* Every command, one a line. */
void	 cli_help(FILE *);
/* The usage of one, in all its forms; false if there is none of that name. */
bool	 cli_help_of(FILE *, const char *name);

#endif
