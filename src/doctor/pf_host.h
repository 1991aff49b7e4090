/* What the systems with pf share. */
#ifndef PF_HOST_H
#define PF_HOST_H

#include <jansson.h>

/* Lists pf's main rules with pfctl, which root may, and looks at them. */
void	 pf_host(json_t *rows, const char *anchor);

#endif
