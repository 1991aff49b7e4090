/*
 * kqueue(2).  Reading and writing are a filter each, so a socket with news of
 * both is told of twice in a batch.  EV_CLEAR makes an edge of either: it is told
 * again once more bytes came, or room was made, and not before.
 */
#include "config.h"

#include <sys/types.h>
#include <sys/event.h>
#include <sys/time.h>

#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>

#include "proxy/poller.h"
#include "proxy/poller_kernel.h"

/* The end of the writing filter is also our own end of the stream, which is no
 * news; with an error it is the connection's. */
static unsigned
poller_what(const struct kevent *e)
{
	const bool end = (e->flags & EV_EOF) != 0, error = end && e->fflags != 0;
	unsigned what = e->filter == EVFILT_READ ? POLLER_IN : POLLER_OUT;

	if (error)
		what |= POLLER_IN | POLLER_OUT;
	if (error || (end && e->filter == EVFILT_READ))
		what |= POLLER_END;
	return what;
}

int
poller_kernel_open(void)
{
	const int fd = kqueue();

	if (fd != -1 && fcntl(fd, F_SETFD, FD_CLOEXEC) == -1) {
		close(fd);
		return -1;
	}
	return fd;
}

int
poller_kernel_wait(int poller, struct poller_news news[POLLER_BATCH], int wait_ms)
{
	const struct timespec wait = { .tv_sec = wait_ms / 1000, .tv_nsec = wait_ms % 1000 * 1000000L };
	struct kevent events[POLLER_BATCH];
	const int n = kevent(poller, NULL, 0, events, POLLER_BATCH, wait_ms == -1 ? NULL : &wait);

	for (int i = 0; i < n; i++)
		news[i] = (struct poller_news){ (void *)events[i].udata, poller_what(&events[i]) };
	return n;
}

/* What holds already is told at once, also of a filter that was there. */
bool
poller_kernel_add(int poller, int fd, void *item, bool out)
{
	struct kevent changes[2];

	/* Who serves it elsewhere reads it there, all of it or not: it is told again. That
	 * one may be written to would be told for ever. */
	const unsigned short flags = item != POLLER_ELSEWHERE || out ? EV_ADD | EV_CLEAR : EV_ADD;

	EV_SET(&changes[0], (uintptr_t)fd, EVFILT_READ, flags, 0, 0, item);
	EV_SET(&changes[1], (uintptr_t)fd, EVFILT_WRITE, flags, 0, 0, item);
	return kevent(poller, changes, out ? 2 : 1, NULL, 0, NULL) != -1;
}

bool
poller_kernel_move(int poller, int fd, void *item)
{
	return poller_kernel_add(poller, fd, item, true);
}
