#include "config.h"

#include "inventory/processes.h"

#include <sys/stat.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ARGS_SIZE = 128 << 10, ARGS_MAX = 2048 };

void
processes_look(const struct conf *conf, bool *running)
{
	DIR *proc = opendir("/proc");
	struct dirent *e;
	struct stat st;

	if (proc == NULL)
		return;
	while ((e = readdir(proc)) != NULL) {
		if (e->d_name[0] < '1' || e->d_name[0] > '9' ||
		    fstatat(dirfd(proc), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == -1)
			continue;
		for (uint32_t i = 0; i < conf->nuids; i++) {
			if (conf->uids[i].uid == st.st_uid)
				running[i] = true;
		}
	}
	closedir(proc);
}

/* What one process was started with, cut into words in buf. */
static size_t
args_read(int proc, const char *pid, char *buf, const char **argv)
{
	char path[64];
	size_t len = 0, n = 0;
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), "%.16s/cmdline", pid);
	if ((fd = openat(proc, path, O_RDONLY | O_CLOEXEC)) == -1)
		return 0;
	while (len < ARGS_SIZE - 1 && (got = read(fd, buf + len, ARGS_SIZE - 1 - len)) > 0)
		len += (size_t)got;
	close(fd);
	buf[len] = '\0';
	for (size_t i = 0; i < len && n < ARGS_MAX; i += strlen(buf + i) + 1)
		argv[n++] = buf + i;
	return n;
}

void
processes_each(void (*fn)(const struct process_args *, void *), void *arg)
{
	static char buf[ARGS_SIZE];
	static const char *argv[ARGS_MAX];
	DIR *proc = opendir("/proc");
	struct dirent *e;
	struct stat st;

	if (proc == NULL)
		return;
	while ((e = readdir(proc)) != NULL) {
		struct process_args p = { .argv = argv };

		if (e->d_name[0] < '1' || e->d_name[0] > '9' ||
		    (p.argc = args_read(dirfd(proc), e->d_name, buf, argv)) == 0 ||
		    fstatat(dirfd(proc), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == -1)
			continue;
		p.pid = (uint32_t)strtoul(e->d_name, NULL, 10);
		p.uid = (uint32_t)st.st_uid;
		fn(&p, arg);
	}
	closedir(proc);
}
