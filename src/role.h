/*
 * The three roles of the daemon.  priv forks and executes the same binary
 * again for the other two, so that each has memory of its own:
 *
 *	gatehouse --role engine|net -f FILE [-d]
 *
 * with the channel to priv (msg.h) as descriptor ROLE_FD and stderr kept.
 * Each role reads the configuration itself, opens what needs privilege, and
 * calls sandbox_enter() before it handles a byte from anyone.  Then it sends
 * FRAME_READY: engine once the control socket takes connections, net once it
 * waits for its peer, and from then on each second: priv ends one that is
 * silent for several.  `gatehouse daemon` returns when both have.  The end of
 * the channel is the end of the role: without priv it exits.
 */
#ifndef ROLE_H
#define ROLE_H

#include "conf.h"
#include "msg.h"

enum { ROLE_FD = 3 };

struct daemon_options {
	const char	*conf_path;
	bool		 foreground;	/* -d */
	const char	*role_exe;	/* NULL: this binary; tests put their own */
	int		 answer_fd;	/* gets "" once it serves, or a cause; -1: none */
};

/* Each returns the process's exit status. */
int	 priv_main(const struct daemon_options *);
int	 engine_main(const struct conf *);
int	 net_main(const struct conf *);

/*
 * Gives up, for good, whatever the role does not need: user and groups (real
 * root only), every capability and the chance to gain one, and for net the
 * file system (chroot into an empty directory) and new descriptors of kinds
 * it has no use for.  NULL or a cause (caller frees): then the role must end.
 */
char	*sandbox_enter(const struct conf *, enum role);

#endif
