/* A system that cannot move bytes from socket to socket in the kernel: there are
 * no pipes to be had, and relay.c's buffers carry every stream. */
#include "config.h"

#include "proxy/pipe.h"

#include <errno.h>

void
pipe_pool_init(struct pipe_pool *pool, unsigned workers)
{
	*pool = (struct pipe_pool){ .max = 0 };
}

struct pipe *
pipe_get(struct pipe_pool *pool)
{
	return NULL;
}

void
pipe_put(struct pipe_pool *pool, struct pipe *p)
{
}

void
pipe_pool_free(struct pipe_pool *pool)
{
}

ssize_t
pipe_fill(struct pipe *p, int from)
{
	errno = ENOSYS;
	return -1;
}

ssize_t
pipe_drain(struct pipe *p, int to)
{
	errno = ENOSYS;
	return -1;
}
