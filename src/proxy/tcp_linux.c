#include "config.h"

#include "proxy/tcp.h"

#include <sys/socket.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

const unsigned tcp_deferred = 1;
const int tcp_more = MSG_MORE;

void
tcp_defer(int listener)
{
	const int seconds = (int)tcp_deferred;

	setsockopt(listener, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof(seconds));
}

void
tcp_share(int listener)
{
	const int on = 1;

	setsockopt(listener, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
}

void
tcp_late_ack(int fd)
{
	const int off = 0;

	setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &off, sizeof(off));
}
