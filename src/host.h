/* What each system has its own way for: one file an operating system. */
#ifndef HOST_H
#define HOST_H

#include <stdbool.h>

/* What to execute for this binary again, also if it was replaced or the working
 * directory changed; NULL if the system does not say. Static. */
const char	*host_exe(void);
/* This process is killed when the one that started it ends; where the system has
 * no such wish, the end of its channel must do. */
void		 host_end_with_parent(void);
/* getenv(3), but NULL in a program that runs with more privilege than its caller. */
const char	*host_getenv(const char *);
/* Whether the kernel passes packets from one interface to another; true if it does
 * not say. */
bool		 host_forwards(void);
/* The commands that make it do so, for both families. */
const char	*host_forwards_how(void);
/* Where this system's VM managers put their guests: the default of [guard] bridge. */
extern const char host_bridges[];
/* The first uid of somebody who logs in, not of the system. */
unsigned	 host_first_uid(void);
/* The command that makes the user of the roles; caller frees. */
char		*host_user_how(const char *user);

#endif
