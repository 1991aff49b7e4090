#include "config.h"

#include "proxy/cpus.h"

#include <sched.h>

unsigned
cpus_usable(void)
{
	cpu_set_t set;

	/* Asked of the kernel: /sys is out of sight in an empty root. */
	if (sched_getaffinity(0, sizeof(set), &set) == -1)
		return 1;
	return (unsigned)CPU_COUNT(&set);
}
