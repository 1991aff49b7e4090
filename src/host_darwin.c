#include "config.h"

#include "host.h"

#include <mach-o/dyld.h>
#include <stdint.h>
#include <stdlib.h>

#include "xmalloc.h"

enum { PATH_SIZE = 4096 };

const char *
host_exe(void)
{
	static char *path;
	char given[PATH_SIZE];
	uint32_t size = sizeof(given);

	/* As it was called, so links are followed here. */
	if (path == NULL && _NSGetExecutablePath(given, &size) == 0)
		path = realpath(given, NULL);
	return path;
}

/* The system knows no such wish. */
void
host_end_with_parent(void)
{
}

char *
host_user_how(const char *user)
{
	return xasprintf("gatehouse setup (which makes %s)", user);
}

const char host_bridges[] = "bridge*";

unsigned
host_first_uid(void)
{
	return 501;
}
