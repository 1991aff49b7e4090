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

/* The number of the next process, and who it is; NULL past the last. */
static const char *
process_next(DIR *proc, uint32_t *uid)
{
	struct dirent *e;
	struct stat st;

	while ((e = readdir(proc)) != NULL) {
		if (e->d_name[0] < '1' || e->d_name[0] > '9' ||
		    fstatat(dirfd(proc), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == -1)
			continue;
		*uid = (uint32_t)st.st_uid;
		return e->d_name;
	}
	return NULL;
}

void
processes_look(const struct conf *conf, bool *running)
{
	DIR *proc = opendir("/proc");
	uint32_t uid;

	if (proc == NULL)
		return;
	while (process_next(proc, &uid) != NULL) {
		for (uint32_t i = 0; i < conf->nuids; i++) {
			if (conf->uids[i].uid == uid)
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
	struct process_args p = { .argv = argv };
	DIR *proc = opendir("/proc");
	const char *pid;

	if (proc == NULL)
		return;
	while ((pid = process_next(proc, &p.uid)) != NULL) {
		if ((p.argc = args_read(dirfd(proc), pid, buf, argv)) == 0)
			continue;
		p.pid = (uint32_t)strtoul(pid, NULL, 10);
		fn(&p, arg);
	}
	closedir(proc);
}
