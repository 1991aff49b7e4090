#include "config.h"

#include "proxy/tcp.h"

#include <sys/types.h>
#include <sys/socket.h>

/* SO_REUSEPORT alone gives every connection to one of them. */
void
tcp_share(int listener)
{
	const int on = 1;

	setsockopt(listener, SOL_SOCKET, SO_REUSEPORT_LB, &on, sizeof(on));
}
