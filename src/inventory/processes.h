/* Who runs anything on this host: one file an operating system. */
#ifndef PROCESSES_H
#define PROCESSES_H

#include <stdbool.h>

#include "conf.h"

/* Sets running[i] for each guarded user that has a process, as far as it can be seen. */
void	 processes_look(const struct conf *, bool *running);

#endif
