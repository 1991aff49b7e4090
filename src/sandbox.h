/* What sandbox.c tells priv about the account that roles run as. */
#ifndef SANDBOX_H
#define SANDBOX_H

#include <sys/types.h>

#include "conf.h"

struct account {
	bool	change;		/* false: stay who we are */
	uid_t	uid;
	gid_t	gid;
};

/*
 * Who the roles should be.  Real root must have somebody to become: a missing
 * user is a cause that names the command to create it.  The root of a user
 * namespace that has no such id stays itself.
 */
char	*sandbox_account(const struct conf *, struct account *);

#endif
