#include "config.h"

#include "proxy/tcp.h"

#include <sys/types.h>
#include <sys/socket.h>

const unsigned tcp_deferred = 0;
const int tcp_more = 0;

/* An accept filter would have no limit of time, and is a module to be loaded. */
void
tcp_defer(int listener)
{
}

/* SO_REUSEPORT alone gives every connection to one of them. */
void
tcp_share(int listener)
{
	const int on = 1;

	setsockopt(listener, SOL_SOCKET, SO_REUSEPORT_LB, &on, sizeof(on));
}

void
tcp_late_ack(int fd)
{
}
