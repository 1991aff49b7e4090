/* What poller.c asks of the kernel: one file a kernel. */
#ifndef POLLER_KERNEL_H
#define POLLER_KERNEL_H

#include <stdbool.h>

/* Enough that a busy worker seldom asks twice, and the control channel waits
 * for no more than this many sockets. */
enum { POLLER_BATCH = 256 };

struct poller_news {
	void		*item;
	unsigned	 what;		/* POLLER_* */
};

/* A descriptor that ends with exec(2), or -1 and errno. */
int	 poller_kernel_open(void);
/* How many came within so long (-1: however long), -1 on error. */
int	 poller_kernel_wait(int poller, struct poller_news news[POLLER_BATCH], int wait_ms);
/* As poller_add() and poller_move(). */
bool	 poller_kernel_add(int poller, int fd, void *item, bool out);
bool	 poller_kernel_move(int poller, int fd, void *item);

#endif
