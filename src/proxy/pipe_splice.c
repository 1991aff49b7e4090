#include "config.h"

#include "proxy/pipe.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

void
pipe_pool_init(struct pipe_pool *pool, unsigned workers)
{
	const unsigned share = PIPE_MAX / workers;

	*pool = (struct pipe_pool){ .max = share < PIPE_MAX_WORKER ? share : PIPE_MAX_WORKER };
}

struct pipe *
pipe_get(struct pipe_pool *pool)
{
	struct pipe *p = pool->free;
	int fds[2];

	if (p != NULL) {
		pool->free = p->next;
		return p;
	}
	if (pool->open >= pool->max || (p = calloc(1, sizeof(*p))) == NULL)
		return NULL;
	if (pipe2(fds, O_NONBLOCK | O_CLOEXEC) == -1) {
		free(p);
		return NULL;
	}
	p->out = fds[0];
	p->in = fds[1];
	/* A smaller one would do, in more calls. */
	fcntl(p->in, F_SETPIPE_SZ, PIPE_SIZE);
	pool->open++;
	return p;
}

static void
pipe_close(struct pipe_pool *pool, struct pipe *p)
{
	close(p->in);
	close(p->out);
	free(p);
	pool->open--;
}

void
pipe_put(struct pipe_pool *pool, struct pipe *p)
{
	if (p == NULL)
		return;
	if (p->held > 0) {
		pipe_close(pool, p);
		return;
	}
	p->next = pool->free;
	pool->free = p;
}

void
pipe_pool_free(struct pipe_pool *pool)
{
	struct pipe *p;

	while ((p = pool->free) != NULL) {
		pool->free = p->next;
		pipe_close(pool, p);
	}
}

ssize_t
pipe_fill(struct pipe *p, int from)
{
	ssize_t n = splice(from, NULL, p->in, NULL, PIPE_SIZE, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

	if (n > 0)
		p->held += (size_t)n;
	return n;
}

ssize_t
pipe_drain(struct pipe *p, int to)
{
	ssize_t n = splice(p->out, NULL, to, NULL, p->held, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

	if (n > 0)
		p->held -= (size_t)n;
	return n;
}
