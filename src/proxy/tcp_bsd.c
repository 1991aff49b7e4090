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
