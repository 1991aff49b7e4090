/* What the two halves of the soak share. */
#ifndef SOAK_H
#define SOAK_H

#include "proxy_rig.h"

/* A number below n; the seed decides which. */
uint32_t	 soak_dice(uint32_t n);

/* The guests' DNS beside the proxy, and guests that ask it anything. */
void	 soak_dns_open(struct rig *);
void	 soak_dns_act(void);
/* Waits until nothing is under way any more, then ends it. */
void	 soak_dns_close(struct rig *);

#endif
