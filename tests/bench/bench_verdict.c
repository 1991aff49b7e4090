/*
 * What a verdict costs at 100, 10,000 and 1,000,000 entries, and what it
 * costs to get there: reading, compiling, opening, memory.
 *
 *	make bench
 *
 * All three lists are held at once and asked in turn, round after round, so
 * that whatever else the machine does falls on each alike; the median round
 * counts.  Two kinds of questions: "busy" asks 1,000 names again and again, as
 * guests do; "spread" asks anything, half of it not listed, so that nearly
 * every look-up of the long list has to go to memory.
 */
#include "config.h"

#include <sys/resource.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "allow/allow.h"
#include "xmalloc.h"

enum { LISTS = 3, ROUNDS = 15, LOADS = 5, ASKED = 1 << 16, BUSY = 1000, NAME_MAX_LEN = 48 };

static const size_t sizes[LISTS] = { 100, 10000, 1000000 };

struct question {
	char	name[NAME_MAX_LEN];
	uint8_t	len;
};

struct list {
	struct allow_image	*image;
	struct question		*busy, *spread;
	size_t			 image_size, text_len;
	double			 read_s[LOADS], compile_s[LOADS], open_s[LOADS];
	double			 busy_ns[ROUNDS], spread_ns[ROUNDS];
};

static uint64_t seed = 1;
static volatile uint32_t sink;	/* so that no look-up is optimised away */

static uint32_t
next(void)
{
	uint64_t z = (seed += 0x9e3779b97f4a7c15u);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return (uint32_t)(z >> 32);
}

static double
seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* The i-th domain: the same for each list, random to look at. */
static int
domain(char *dst, size_t size, uint64_t i)
{
	static const char *const tld[] = { "com", "net", "org", "io", "dev", "co.uk", "de", "app" };
	uint64_t z = (i + 1) * 0x9e3779b97f4a7c15u;
	char word[16];
	size_t n = 0;

	z = (z ^ z >> 29) * 0xbf58476d1ce4e5b9u;
	for (size_t len = 6 + z % 9; n < len; n++, z = z * 6364136223846793005u + 1)
		word[n] = (char)('a' + (z >> 40) % 26);
	word[n] = '\0';
	return snprintf(dst, size, "%s%u.%s", word, (unsigned)(i % 100), tld[z >> 61]);
}

static char *
make_text(size_t n, size_t *len)
{
	char *text = xmalloc(n * NAME_MAX_LEN);

	*len = 0;
	for (size_t i = 0; i < n; i++) {
		text[(*len)++] = '.';
		*len += (size_t)domain(text + *len, NAME_MAX_LEN - 2, i);
		text[(*len)++] = '\n';
	}
	return text;
}

/* Names below listed domains; with misses, every other one is below none. */
static struct question *
make_questions(size_t entries, size_t choice, bool misses)
{
	static const char *const sub[] = { "", "www.", "api.", "registry.", "a.b." };
	struct question *q = xcalloc(ASKED, sizeof(*q));

	for (size_t i = 0; i < ASKED; i++) {
		uint64_t which = next() % entries * 7919 % entries;
		char name[NAME_MAX_LEN];

		if (choice != 0)
			which = which % choice * (entries / choice != 0 ? entries / choice : 1) % entries;
		if (misses && i % 2 != 0)
			which += UINT64_C(1) << 32;
		domain(name, sizeof(name) - 16, which);
		q[i].len = (uint8_t)snprintf(q[i].name, sizeof(q[i].name), "%s%s",
		    sub[next() % 5], name);
	}
	return q;
}

static int
compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double
median(double *v, size_t n)
{
	qsort(v, n, sizeof(*v), compare);
	return v[n / 2];
}

/* Reads, compiles and opens the list; the last image stays. */
static void
load_once(struct list *l, const char *text, int round)
{
	const double start = seconds();
	struct allowlist *list;
	const char *phrase;
	double read, compiled;
	char *cause;
	int fd;

	list = allowlist_parse(text, l->text_len, "bench", NULL, &cause);
	read = seconds();
	if (list == NULL || (fd = allow_compile(list, &l->image_size, &cause)) == -1) {
		fprintf(stderr, "%s\n", cause);
		exit(1);
	}
	compiled = seconds();
	allow_image_close(l->image);
	l->image = allow_image_open(fd, l->image_size, &phrase);
	if (l->image == NULL) {
		fprintf(stderr, "%s\n", phrase);
		exit(1);
	}
	l->read_s[round] = read - start;
	l->compile_s[round] = compiled - read;
	l->open_s[round] = seconds() - compiled;
	close(fd);
	allowlist_free(list);
}

static void
load(struct list *l, size_t entries)
{
	char *text = make_text(entries, &l->text_len);

	for (int round = 0; round < LOADS; round++)
		load_once(l, text, round);
	free(text);
	l->busy = make_questions(entries, BUSY, false);
	l->spread = make_questions(entries, 0, true);
}

static double
ask(const struct list *l, const struct question *q)
{
	const double start = seconds();

	for (size_t i = 0; i < ASKED; i++)
		sink += allow_lookup(l->image, q[i].name, q[i].len, 443, "agent-1", 1).entry;
	return (seconds() - start) * 1e9 / ASKED;
}

int
main(void)
{
	static struct list lists[LISTS];
	double busy[LISTS], spread[LISTS];
	struct rusage usage;

	for (int i = 0; i < LISTS; i++)
		load(&lists[i], sizes[i]);
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < LISTS; i++) {
			lists[i].busy_ns[round] = ask(&lists[i], lists[i].busy);
			lists[i].spread_ns[round] = ask(&lists[i], lists[i].spread);
		}
	}
	printf("%9s %9s %9s %9s %9s %9s  %9s %6s  %9s %6s\n", "entries", "text MiB", "image MiB",
	    "read s", "compile s", "open s", "busy ns", "ratio", "spread ns", "ratio");
	for (int i = 0; i < LISTS; i++) {
		struct list *l = &lists[i];

		busy[i] = median(l->busy_ns, ROUNDS);
		spread[i] = median(l->spread_ns, ROUNDS);
		printf("%9zu %9.2f %9.2f %9.3f %9.3f %9.3f  %9.1f %6.2f  %9.1f %6.2f\n", sizes[i],
		    (double)l->text_len / (1 << 20), (double)l->image_size / (1 << 20),
		    median(l->read_s, LOADS), median(l->compile_s, LOADS),
		    median(l->open_s, LOADS), busy[i], busy[i] / busy[0], spread[i],
		    spread[i] / spread[0]);
	}
	getrusage(RUSAGE_SELF, &usage);
	printf("peak resident %ld MiB, all three lists and the questions\n", usage.ru_maxrss >> 10);
	for (int i = 0; i < LISTS; i++) {
		allow_image_close(lists[i].image);
		free(lists[i].busy);
		free(lists[i].spread);
	}
	return 0;
}
