#include "config.h"

#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "xmalloc.h"

/* The name itself is on disk only with its folder. */
static void
sync_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder = xstrndup(path, slash != NULL ? (size_t)(slash - path) : 0);
	const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd != -1) {
		fsync(fd);
		close(fd);
	}
	free(folder);
}

char *
file_replace(const char *path, const char *text)
{
	char *temp = xasprintf("%s.new", path), *cause = NULL;
	const size_t len = strlen(text);
	const int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd == -1 || write(fd, text, len) != (ssize_t)len || fsync(fd) == -1 ||
	    rename(temp, path) == -1)
		cause = xasprintf("%s: cannot be saved: %s", path, strerror(errno));
	if (fd != -1)
		close(fd);
	sync_folder(path);
	free(temp);
	return cause;
}
