/* What original_pf.c wants of the system's own file. */
#ifndef ORIGINAL_PF_H
#define ORIGINAL_PF_H

#include "proxy/natlook.h"

const struct natlook_layout	*original_layout(void);
/* Leaves a descriptor of /dev/pf good for that one question, if the system can. */
void				 original_limit(int fd);

#endif
