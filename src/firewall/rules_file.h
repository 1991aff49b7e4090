/* The operator's rule files, as they are. */
#ifndef RULES_FILE_H
#define RULES_FILE_H

#include <stddef.h>

#include "conf.h"

/*
 * The text of PROFILE.SUFFIX from the first of the configured directories that
 * has it, and where that was.  Caller frees; NULL and *cause: there is none, or
 * others could have written it.
 */
char	*rules_file_find(const struct conf *, enum profile, const char *suffix, char *path,
	    size_t size, char **cause);

#endif
