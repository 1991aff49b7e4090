/* Who runs anything on this host: one file an operating system. */
#ifndef PROCESSES_H
#define PROCESSES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf.h"

/* Sets running[i] for each guarded user that has a process, as far as it can be seen. */
void	 processes_look(const struct conf *, bool *running);

/* One process of anybody's, as far as it can be seen. */
struct process_args {
	uint32_t		 pid, uid;
	const char *const	*argv;		/* argc words; any user may give it any */
	size_t			 argc;
};
/* Those of which wanted says so by their first word, which is run by another thread; nothing where the system
 * shows us no other's: "ps" is asked there (ps.c).  *serial is 0 at first, and tells one list
 * from another: where it is still the same, fn is not called.  NULL, or why not all are there
 * (caller frees). */
char	*processes_each(bool (*wanted)(const char *const *argv, size_t argc), uint64_t *serial,
	    void (*fn)(const struct process_args *, void *), void *arg);

#endif
