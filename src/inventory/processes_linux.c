#include "config.h"

#include "inventory/processes.h"

#include <sys/stat.h>

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "xmalloc.h"

enum {
	ARGS_SIZE = 128 << 10,
	ARGS_MAX = 2048,
	LIST_SIZE = 8 << 20,
	PATIENCE_MS = 100,	/* that who asks waits */
	SILENT_US = 2000000,
	KEPT_MAX = 16,
};

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

/* What one process was started with, words with a NUL behind each; how many bytes. */
static size_t
args_read(int proc, const char *pid, char *buf)
{
	char path[64];
	size_t len = 0;
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), "%.16s/cmdline", pid);
	if ((fd = openat(proc, path, O_RDONLY | O_CLOEXEC)) == -1)
		return 0;
	while (len < ARGS_SIZE - 1 && (got = read(fd, buf + len, ARGS_SIZE - 1 - len)) > 0)
		len += (size_t)got;
	close(fd);
	/* A program may have overwritten them, and left the rest empty. */
	while (len > 0 && buf[len - 1] == '\0')
		len--;
	buf[len] = '\0';
	return len > 0 ? len + 1 : 0;
}

/*
 * What a process was started with stands in its own memory, and to read it the kernel
 * waits for whoever changes that: a process can keep a reader for as long as it likes.
 * So a thread reads, and who asks goes on with what was read last.  One that is kept is
 * left to itself, and another reads on without that process.
 */
static struct {
	pthread_mutex_t	 lock;
	pthread_cond_t	 changed;
	bool		 there;		/* the thread is */
	bool		 reads;		/* or is to */
	unsigned	 turn;		/* of which thread it is: others are kept */
	uint32_t	 at;		/* the process that it reads */
	uint32_t	 kept[KEPT_MAX];	/* processes that kept one */
	size_t		 nkept;
	uint64_t	 began;		/* mono */
	uint8_t		*list;		/* records: struct record, then its words */
	size_t		 len;
	uint64_t	 serial;	/* of the list */
	bool		 (*wanted)(const char *const *, size_t);
} reader = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

struct record {
	uint32_t	pid, uid;
	size_t		len;
};

/* Whether it may be read; under the lock it is said that it is. */
static bool
reader_goes_to(uint32_t pid, unsigned turn)
{
	bool may = true;

	pthread_mutex_lock(&reader.lock);
	for (size_t i = 0; i < reader.nkept; i++)
		may = may && reader.kept[i] != pid;
	if (turn == reader.turn)
		reader.at = pid;
	pthread_mutex_unlock(&reader.lock);
	return may;
}

/* One after the other, as long as there is room. */
static size_t
list_read(uint8_t *list, unsigned turn)
{
	char *buf = xmalloc(ARGS_SIZE);
	const char *const argv[] = { buf };
	DIR *proc = opendir("/proc");
	struct record r;
	const char *pid;
	size_t len = 0;

	while (proc != NULL && (pid = process_next(proc, &r.uid)) != NULL) {
		r.pid = (uint32_t)strtoul(pid, NULL, 10);
		if (!reader_goes_to(r.pid, turn) ||
		    (r.len = args_read(dirfd(proc), pid, buf)) == 0 || !reader.wanted(argv, 1))
			continue;
		if (len + sizeof(r) + r.len > LIST_SIZE)
			break;
		memcpy(list + len, &r, sizeof(r));
		memcpy(list + len + sizeof(r), buf, r.len);
		len += sizeof(r) + r.len;
	}
	if (proc != NULL)
		closedir(proc);
	free(buf);
	return len;
}

static void *
reader_run(void *arg)
{
	const unsigned turn = *(unsigned *)arg;
	uint8_t *list = xmalloc(LIST_SIZE), *before;
	size_t len;

	free(arg);
	for (;;) {
		pthread_mutex_lock(&reader.lock);
		while (!reader.reads && turn == reader.turn)
			pthread_cond_wait(&reader.changed, &reader.lock);
		pthread_mutex_unlock(&reader.lock);
		len = list_read(list, turn);
		pthread_mutex_lock(&reader.lock);
		if (turn != reader.turn) {
			pthread_mutex_unlock(&reader.lock);
			free(list);
			return NULL;
		}
		if (len != reader.len || memcmp(list, reader.list, len) != 0)
			reader.serial++;
		before = reader.list;
		reader.list = list;
		reader.len = len;
		list = before;
		reader.reads = false;
		pthread_cond_broadcast(&reader.changed);
		pthread_mutex_unlock(&reader.lock);
	}
	return NULL;
}

static bool
reader_start(void)
{
	pthread_attr_t attr;
	pthread_t thread;
	unsigned *turn;

	if (reader.there)
		return true;
	if (reader.list == NULL)
		reader.list = xmalloc(LIST_SIZE);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	turn = xmalloc(sizeof(*turn));
	*turn = reader.turn;
	reader.there = pthread_create(&thread, &attr, reader_run, turn) == 0;
	pthread_attr_destroy(&attr);
	if (!reader.there)
		free(turn);
	return reader.there;
}

/* The one that is kept is on its own from now on. */
static void
reader_leave(void)
{
	if (reader.nkept == KEPT_MAX)
		return;
	reader.kept[reader.nkept++] = reader.at;
	reader.turn++;
	reader.there = reader.reads = false;
	pthread_cond_broadcast(&reader.changed);
}

/* Those that have ended keep nobody. */
static void
kept_forget(void)
{
	char path[32];
	size_t n = 0;

	for (size_t i = 0; i < reader.nkept; i++) {
		snprintf(path, sizeof(path), "/proc/%u", (unsigned)reader.kept[i]);
		if (access(path, F_OK) == 0)
			reader.kept[n++] = reader.kept[i];
	}
	reader.nkept = n;
}

/* Has it read anew, and waits a little; false: it has not come to the end of it. */
static bool
reader_ask(void)
{
	struct timespec until;

	if (!reader.reads) {
		reader.reads = true;
		reader.began = now_mono();
		pthread_cond_broadcast(&reader.changed);
	}
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += PATIENCE_MS * 1000000l;
	until.tv_sec += until.tv_nsec / 1000000000l;
	until.tv_nsec %= 1000000000l;
	while (reader.reads && now_mono() - reader.began < PATIENCE_MS * 1000ull &&
	    pthread_cond_timedwait(&reader.changed, &reader.lock, &until) == 0)
		continue;
	return !reader.reads;
}

static void
list_tell(const uint8_t *list, size_t len, void (*fn)(const struct process_args *, void *), void *arg)
{
	static const char *argv[ARGS_MAX];
	struct process_args p = { .argv = argv };
	struct record r;

	for (size_t at = 0; at < len; at += sizeof(r) + r.len) {
		const char *words = (const char *)list + at + sizeof(r);

		memcpy(&r, list + at, sizeof(r));
		p.pid = r.pid;
		p.uid = r.uid;
		p.argc = 0;
		for (size_t i = 0; i < r.len && p.argc < ARGS_MAX; i += strlen(words + i) + 1)
			argv[p.argc++] = words + i;
		fn(&p, arg);
	}
}

char *
processes_each(bool (*wanted)(const char *const *argv, size_t argc), uint64_t *serial,
    void (*fn)(const struct process_args *, void *), void *arg)
{
	char *cause = NULL;

	pthread_mutex_lock(&reader.lock);
	reader.wanted = wanted;
	kept_forget();
	if (!reader_start())
		cause = xstrdup("no thread can be made that reads what processes were started with");
	else if (!reader_ask() && now_mono() - reader.began > SILENT_US)
		reader_leave();
	if (cause == NULL && reader.nkept > 0)
		cause = xasprintf("process %u does not let it be read what it was started with%s",
		    (unsigned)reader.kept[0], reader.nkept == KEPT_MAX ? ", nor do others: new ones are not "
		    "seen until they end" : "; what it is is not known");
	if (*serial != reader.serial)
		list_tell(reader.list, reader.list != NULL ? reader.len : 0, fn, arg);
	*serial = reader.serial;
	pthread_mutex_unlock(&reader.lock);
	return cause;
}
