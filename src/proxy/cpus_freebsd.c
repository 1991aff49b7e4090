#include "config.h"

#include "proxy/cpus.h"

#include <sys/param.h>
#include <sys/cpuset.h>

unsigned
cpus_usable(void)
{
	cpuset_t set;

	if (cpuset_getaffinity(CPU_LEVEL_WHICH, CPU_WHICH_PID, -1, sizeof(set), &set) == -1)
		return 1;
	return (unsigned)CPU_COUNT(&set);
}
