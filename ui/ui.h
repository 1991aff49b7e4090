/* The console, as main.c sees it. */
#ifndef UI_H
#define UI_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "conf.h"

/* Whether there is a terminal for the console; if not, says so on stderr. */
bool	 ui_has_terminal(void);
/* Runs until the operator leaves; returns an exit code. */
int	 ui_run(const struct conf *);
/* `gatehouse -b`: every pane as text, once, from the daemon at conf's socket. */
int	 ui_batch(const struct conf *, FILE *, int columns);
/* Rows of one view ("vms", "rules", ...) as the pane's table, for the commands
 * of the same name. */
void	 ui_table(const char *view, const json_t *result, FILE *, int columns);
/* The console's keys as items of an mdoc list, for gatehouse.1. */
void	 ui_keys_print(FILE *);

#endif
