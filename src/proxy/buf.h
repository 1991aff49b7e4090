/*
 * Buffers that sessions hold only while bytes wait in them.  Two sizes are
 * kept for the next taker, newest first so that they are still in cache:
 * small ones in which nearly every hello and head fits, and large ones to
 * relay through.  What does not fit either is allocated as asked, up to the
 * limits of [proxy].
 */
#ifndef BUF_H
#define BUF_H

#include <stddef.h>
#include <stdint.h>

enum {
	BUF_SMALL = 4 << 10,
	BUF_LARGE = 32 << 10,
	BUF_KEEP = 64,			/* of each size, when nobody needs them */
};

struct buf {
	struct buf	*next;		/* in the pool */
	uint32_t	 size;		/* of data */
	uint32_t	 start, end;	/* what waits is between them */
	uint32_t	 pass;		/* what may be sent ends here: start <= pass <= end */
	uint8_t		 data[];
};

struct buf_pool {
	struct buf	*small, *large;
	unsigned	 nsmall, nlarge;
};

/* Room for at least size bytes; NULL if there is no memory. */
struct buf	*buf_get(struct buf_pool *, size_t size);
void		 buf_put(struct buf_pool *, struct buf *);
/* A buffer with room for size bytes and the same contents; takes the old one
 * over, unless there is no memory: then NULL, and the old one stays. */
struct buf	*buf_grow(struct buf_pool *, struct buf *, size_t size);
void		 buf_pool_free(struct buf_pool *);

#endif
