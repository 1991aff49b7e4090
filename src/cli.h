/* What the files of the command line share. */
#ifndef CLI_H
#define CLI_H

#include <jansson.h>

#include "conf.h"
#include "control.h"

/* Says why on stderr, frees the cause, and returns the code. */
enum exit_code	 cli_fail(enum exit_code, char *cause);
/* One line on stdout. */
void		 cli_print_json(const json_t *);

/* ---- cli_drops.c ---- */
/* drops -r FILE, drops -w FILE: false if the words say neither. */
bool		 cli_drops(const struct conf *, int argc, char **argv, bool json,
		    enum exit_code *);

/* ---- cli_rules.c ---- */
/* What follows "rules --text": [PROFILE] [--backend nft|pf]. */
enum exit_code	 cli_rules_text(const struct conf *, int argc, char **argv);

#endif
