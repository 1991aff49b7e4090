/* local_addr.c's part that systems do not agree on. */
#ifndef LOCAL_ADDR4_H
#define LOCAL_ADDR4_H

#include "dns/local_addr.h"

void	 local_addr4_want(int fd);
/* False: the message is not of that kind. */
bool	 local_addr4_read(struct local_addr *, struct cmsghdr *);

#endif
