/* Of sockets that listen on one port, all connections go to one: a second worker
 * would have nothing to do. */
#include "config.h"

#include "proxy/cpus.h"

unsigned
cpus_usable(void)
{
	return 1;
}
