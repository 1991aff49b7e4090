/* What original_pf.c wants of the system's own file. */
#ifndef ORIGINAL_PF_H
#define ORIGINAL_PF_H

#include "proxy/natlook.h"

const struct natlook_layout	*original_layout(void);
extern const char		 original_device[];
/* Leaves a descriptor of /dev/pf good for that one question, if the system can, also once
 * we are not root: takes it over and gives what to ask through, or -1 and errno. */
int				 original_keep(int fd);
/* Answered in place: 0 or an errno. Any thread. */
int				 original_ask(int fd, uint8_t question[NATLOOK_SIZE_MAX]);

#endif
