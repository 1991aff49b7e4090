/* Whatever bytes a broken role writes, the channel delivers only frames of the
 * table or reports an error once. */
#include "config.h"

#include <sys/socket.h>

#include <event2/event.h>
#include <stdlib.h>
#include <unistd.h>

#include "msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static int errors;

static void
deliver(enum frame type, const void *body, int fd, void *arg)
{
	(void)body;
	(void)arg;
	if (type <= FRAME_NONE || type >= FRAME_COUNT || errors != 0)
		abort();
	if (fd != -1)
		close(fd);
}

static void
broken(const char *why, void *arg)
{
	(void)why;
	(void)arg;
	if (++errors > 1)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct event_base *base = event_base_new();
	struct msg_channel *c;
	int sv[2];

	errors = 0;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sv) == -1)
		abort();
	c = msg_channel_new(base, sv[0], ROLE_ENGINE, ROLE_NET, deliver, broken, NULL);
	if (len > 0 && write(sv[1], data, len) != (ssize_t)len)
		abort();
	event_base_loop(base, EVLOOP_NONBLOCK);
	close(sv[1]);
	for (int i = 0; i < 4; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
	if (errors != 1)
		abort();
	msg_channel_free(c);
	event_base_free(base);
	return 0;
}
