/* What the files of methods share. */
#ifndef METHODS_H
#define METHODS_H

#include "engine.h"

enum { PARAM_SIZE = 512 };

/* A string of at most PARAM_SIZE bytes into *value, NULL if it is absent or
 * null.  NULL or a cause, caller frees. */
char	*param_string(const json_t *params, const char *key, const char **value);
/* The same, but absent or empty is wrong. */
char	*param_needed(const json_t *params, const char *key, const char **value);
/* "vm", a glob of guests' names. NULL or a cause, caller frees. */
char	*param_vm(const json_t *params, const char **vm);
/* Takes the cause over. */
void	 bad_params(struct control_call *, char *cause);

/* ---- learn.c: what learning has shown ---- */
void	 method_entry_learned(struct engine *, struct control_call *, const json_t *params);
void	 method_entry_accept(struct engine *, struct control_call *, const json_t *params);

/* ---- methods_allow.c: the allowlist's part ---- */
void	 method_entry_add(struct engine *, struct control_call *, const json_t *params);
void	 method_entry_set(struct engine *, struct control_call *, const json_t *params);
void	 method_entry_remove(struct engine *, struct control_call *, const json_t *params);
void	 method_entry_undo(struct engine *, struct control_call *, const json_t *params);
void	 method_check(struct engine *, struct control_call *, const json_t *params);
void	 method_why(struct engine *, struct control_call *, const json_t *params);

/* ---- methods_doctor.c ---- */
void	 method_doctor(struct engine *, struct control_call *, const json_t *params);

#endif
