/*
 * What it costs to take up an allowlist of 100, 10,000 and 1,000,000 suffix
 * entries: reading and compiling it in the engine, opening the image in the
 * engine and in net.
 *
 *	make bench, or bench_load [ROUNDS]
 *
 * Beside it stands a floor: a program that reads the file and puts the hash of
 * each line into a table that is large enough, and knows nothing of grammar,
 * ids or edits.  Each load runs in a process of its own, floor and ours in
 * turn, so that whatever else the machine does falls on both alike; CPU time
 * counts, and of it the median round.
 */
#include "config.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "allow/allow.h"
#include "allow/hash.h"
#include "xmalloc.h"

enum { LISTS = 3, ROUNDS = 7, ROUNDS_MAX = 99 };

static const size_t sizes[LISTS] = { 100, 10000, 1000000 };

/* What one load took: CPU seconds and resident MiB. */
struct cost {
	double	read, compile, open, all;
	double	peak, net;
};

static double
cpu(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static double
peak_mib(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)usage.ru_maxrss / 1024;
}

/* What is resident now. */
static double
resident_mib(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	unsigned long pages = 0;

	if (f != NULL && fscanf(f, "%*u %lu", &pages) != 1)
		pages = 0;
	if (f != NULL)
		fclose(f);
	return (double)pages * (double)sysconf(_SC_PAGESIZE) / (1 << 20);
}

static void __attribute__((noreturn))
fail(const char *why)
{
	fprintf(stderr, "bench_load: %s\n", why);
	exit(1);
}

/* The i-th domain, random to look at. */
static void
write_line(FILE *f, uint64_t i)
{
	static const char *const tld[] = { "com", "net", "org", "io", "dev", "co.uk", "de", "app" };
	uint64_t z = (i + 1) * 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 29) * 0xbf58476d1ce4e5b9u;
	putc('.', f);
	for (size_t n = 6 + z % 9; n > 0; n--, z = z * 6364136223846793005u + 1)
		putc((char)('a' + (z >> 40) % 26), f);
	fprintf(f, "%u.%s\n", (unsigned)(i % 100), tld[z >> 61]);
}

static void
write_list(const char *path, size_t n)
{
	FILE *f = fopen(path, "w");

	if (f == NULL)
		fail("cannot write a list");
	for (size_t i = 0; i < n; i++)
		write_line(f, i);
	fclose(f);
}

static char *
read_whole(const char *path, size_t *len)
{
	const int fd = open(path, O_RDONLY);
	struct stat st;
	char *text;

	if (fd == -1 || fstat(fd, &st) == -1)
		fail("cannot read a list");
	*len = (size_t)st.st_size;
	text = xmalloc(*len);
	if (read(fd, text, *len) != st.st_size)
		fail("cannot read a list");
	close(fd);
	return text;
}

static void
floor_load(const char *path, size_t n, struct cost *c)
{
	static const uint64_t key[2] = { 1, 2 };
	uint64_t *table, hash;
	size_t len, size, slots = 16, slot;
	char *text;

	while (slots < 2 * n)
		slots *= 2;
	table = xcalloc(slots, sizeof(*table));
	text = read_whole(path, &len);
	c->read = cpu();
	for (const char *s = text, *end = text + len, *nl; s < end; s = nl + 1) {
		if ((nl = memchr(s, '\n', (size_t)(end - s))) == NULL)
			break;
		size = (size_t)(nl - s);
		hash = name_hash(key, s, size);
		for (slot = hash & (slots - 1); table[slot] != 0; slot = (slot + 1) & (slots - 1))
			;
		table[slot] = (uint64_t)(s - text) << 8 | size;
	}
	c->compile = cpu();
	c->open = c->all = c->compile;
	c->peak = peak_mib();
	free(text);
	free(table);
}

static void
our_load(const char *path, size_t n, struct cost *c)
{
	struct allow_image *engine, *net;
	struct allowlist *list;
	const char *why;
	char *cause = NULL;
	size_t size;
	double before;
	int fd = -1;

	list = allowlist_load(path, NULL, &cause);
	c->read = cpu();
	if (list == NULL || allowlist_count(list) != n ||
	    (fd = allow_compile(list, &size, &cause)) == -1)
		fail(cause != NULL ? cause : "the list has other entries than it should");
	c->compile = cpu();
	if ((engine = allow_image_open(fd, size, &why)) == NULL)
		fail(why);
	c->open = cpu();
	c->peak = peak_mib();
	before = resident_mib();
	if ((net = allow_image_open(fd, size, &why)) == NULL)
		fail(why);
	c->all = cpu();
	c->net = resident_mib() - before;
	allow_image_close(engine);
	allow_image_close(net);
	allowlist_free(list);
	close(fd);
}

/* In a process of its own. */
static struct cost
measure(void (*load)(const char *, size_t, struct cost *), const char *path, size_t n)
{
	struct cost c = { 0 };
	int fd[2], status;
	double start, peak;
	pid_t pid;

	if (pipe(fd) == -1 || (pid = fork()) == -1)
		fail("cannot start a process");
	if (pid == 0) {
		peak = peak_mib();
		start = cpu();
		load(path, n, &c);
		c.peak -= peak;
		c.all -= start;
		c.open -= c.compile;
		c.compile -= c.read;
		c.read -= start;
		_exit(write(fd[1], &c, sizeof(c)) == sizeof(c) ? 0 : 1);
	}
	close(fd[1]);
	if (read(fd[0], &c, sizeof(c)) != sizeof(c) || waitpid(pid, &status, 0) == -1 || status != 0)
		fail("a load failed");
	close(fd[0]);
	return c;
}

static int
compare(const void *a, const void *b)
{
	const struct cost *x = a, *y = b;

	return (x->all > y->all) - (x->all < y->all);
}

/* Of the round that took the median time in all. */
static struct cost
median(struct cost *c, int n)
{
	qsort(c, (size_t)n, sizeof(*c), compare);
	return c[n / 2];
}

static void
bench(const char *path, size_t n, int rounds)
{
	static struct cost floors[ROUNDS_MAX], ours[ROUNDS_MAX];
	struct cost f, o;

	write_list(path, n);
	for (int i = 0; i < rounds; i++) {
		floors[i] = measure(floor_load, path, n);
		ours[i] = measure(our_load, path, n);
	}
	f = median(floors, rounds);
	o = median(ours, rounds);
	printf("%9zu  %7.1f %7.1f %7.1f %7.1f  %7.1f %6.2f  %6.1f %6.1f %6.2f %6.1f\n", n,
	    f.all * 1e3, o.read * 1e3, o.compile * 1e3, (o.all - o.read - o.compile) * 1e3,
	    o.all * 1e3, o.all / f.all, f.peak, o.peak, o.peak / f.peak, o.net);
}

int
main(int argc, char **argv)
{
	const int rounds = argc > 1 ? atoi(argv[1]) : ROUNDS;
	char path[] = "/tmp/bench_load.XXXXXX";
	const int fd = mkstemp(path);

	if (fd == -1 || rounds < 1 || rounds > ROUNDS_MAX)
		fail("usage: bench_load [ROUNDS], at most 99");
	close(fd);
	printf("%9s  %7s %7s %7s %7s  %7s %6s  %6s %6s %6s %6s\n", "", "floor", "read", "compile",
	    "open", "all", "x", "floor", "engine", "x", "net");
	printf("%9s  %7s %7s %7s %7s  %7s %6s  %6s %6s %6s %6s\n", "entries", "ms", "ms", "ms", "ms",
	    "ms", "floor", "MiB", "MiB", "floor", "MiB");
	for (int i = 0; i < LISTS; i++)
		bench(path, sizes[i], rounds);
	unlink(path);
	return 0;
}
