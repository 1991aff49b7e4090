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
/* Nothing where the system shows us no other's: "ps" is asked there (ps.c). */
void	 processes_each(void (*fn)(const struct process_args *, void *), void *arg);

#endif
