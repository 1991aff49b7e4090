/* One file an operating system. */
#ifndef CPUS_H
#define CPUS_H

/* Processors that this process may run on: in a container fewer than there are. */
unsigned	 cpus_usable(void);

#endif
