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

/* proc: the directory; pid: the process's within it. */
typedef void	(*each_fn)(int proc, const char *pid, uint32_t uid, void *arg);

static void
each(each_fn fn, void *arg)
{
	DIR *proc = opendir("/proc");
	struct dirent *e;
	struct stat st;

	if (proc == NULL)
		return;
	while ((e = readdir(proc)) != NULL) {
		if (e->d_name[0] >= '1' && e->d_name[0] <= '9' &&
		    fstatat(dirfd(proc), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			fn(dirfd(proc), e->d_name, (uint32_t)st.st_uid, arg);
	}
	closedir(proc);
}

struct look {
	const struct conf	*conf;
	bool			*running;
};

static void
look(int proc, const char *pid, uint32_t uid, void *arg)
{
	const struct look *l = arg;

	(void)proc;
	(void)pid;
	for (uint32_t i = 0; i < l->conf->nuids; i++) {
		if (l->conf->uids[i].uid == uid)
			l->running[i] = true;
	}
}

void
processes_look(const struct conf *conf, bool *running)
{
	struct look l = { conf, running };

	each(look, &l);
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

struct call {
	void	(*fn)(const struct process_args *, void *);
	void	*arg;
};

static void
call(int proc, const char *pid, uint32_t uid, void *arg)
{
	static char buf[ARGS_SIZE];
	static const char *argv[ARGS_MAX];
	const struct call *c = arg;
	struct process_args p = { .argv = argv, .uid = uid };

	if ((p.argc = args_read(proc, pid, buf, argv)) == 0)
		return;
	p.pid = (uint32_t)strtoul(pid, NULL, 10);
	c->fn(&p, c->arg);
}

void
processes_each(void (*fn)(const struct process_args *, void *), void *arg)
{
	struct call c = { fn, arg };

	each(call, &c);
}
