/* What FreeBSD and macOS have no way for. An accept filter would have no limit of
 * time, and is a module to be loaded. */
#include "config.h"

#include "proxy/tcp.h"

const unsigned tcp_deferred = 0;
const int tcp_more = 0;

void
tcp_defer(int listener)
{
}

void
tcp_late_ack(int fd)
{
}

bool
tcp_keep_sender(int listener)
{
	return false;
}

bool
tcp_sender(int fd, uint8_t mac[6])
{
	return false;
}
