#include "config.h"

#include "proxy/tcp.h"

#include <sys/types.h>
#include <sys/socket.h>

/* Without SO_REUSEPORT the second socket could not be bound; it does not spread
 * anything (cpus_darwin.c). */
void
tcp_share(int listener)
{
	const int on = 1;

	setsockopt(listener, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
}
