/*
 * Pipes through which the kernel moves the bytes of big streams from one
 * socket to the other without copying them to us (splice).  They are pooled
 * and held only while bytes flow; where there are none (no splice on this
 * system, too many in use, no descriptors), buffers do the same work.
 */
#ifndef PIPE_H
#define PIPE_H

#include <stddef.h>
#include <sys/types.h>

enum {
	PIPE_SIZE = 1 << 20,		/* what an unprivileged process may ask for, */
	PIPE_MAX = 48,			/* and of how many: one user has 64 MiB in all */
	PIPE_MAX_WORKER = 32,
	PIPE_FDS = 2 * PIPE_MAX_WORKER,
};

struct pipe {
	struct pipe	*next;		/* in the pool */
	int		 in, out;	/* bytes go in at one end and out at the other */
	size_t		 held;
};

struct pipe_pool {
	struct pipe	*free;
	unsigned	 open, max;
};

/* For one of so many workers. */
void		 pipe_pool_init(struct pipe_pool *, unsigned workers);
/* NULL: none to be had now. */
struct pipe	*pipe_get(struct pipe_pool *);
/* One that still holds bytes is closed, not used again. */
void		 pipe_put(struct pipe_pool *, struct pipe *);
void		 pipe_pool_free(struct pipe_pool *);
/* Bytes moved from the socket into the pipe, or out of it; else as read(2)
 * and write(2) say it. */
ssize_t		 pipe_fill(struct pipe *, int from);
ssize_t		 pipe_drain(struct pipe *, int to);

#endif
