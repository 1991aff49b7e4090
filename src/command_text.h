/* The to_text functions of command_table: a result as lines, caller frees. */
#ifndef COMMAND_TEXT_H
#define COMMAND_TEXT_H

#include <jansson.h>

char	*status_text(const json_t *);
char	*apply_text(const json_t *);
char	*flush_text(const json_t *);
char	*freeze_text(const json_t *);
char	*thaw_text(const json_t *);
char	*act_text(const json_t *);
char	*proxy_text(const json_t *);
char	*entry_text(const json_t *);
char	*learned_text(const json_t *);
char	*accept_text(const json_t *);
char	*remove_text(const json_t *);
char	*undo_text(const json_t *);
char	*check_text(const json_t *);
char	*why_text(const json_t *);
char	*reload_text(const json_t *);
char	*shutdown_text(const json_t *);

#endif
