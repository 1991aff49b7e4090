/*
 * watch FILE: captures what nflog group 7077 gets as the net role does, writes
 * each aggregated drop as a line to FILE, and at SIGTERM says what it cost:
 *
 *	seen N missed N folded N reported N flushed_max N late_ms N cpu_ms N grown_kib N
 *
 * reported is the sum of the counts in FILE, flushed_max the most drops handed
 * over at once, late_ms by how much a 10 ms timer of the same loop was late at
 * worst: what a proxy beside it would have waited. grown_kib is by how much its
 * memory was larger, at most, than before the first packet.
 */
#include "config.h"

#include <sys/resource.h>

#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "drops/drops.h"
#include "drops/show.h"

enum { GROUP = 7077, TICK_MS = 10 };

static struct {
	struct capture	*capture;
	FILE		*file;
	uint64_t	 reported, at_once, at_once_max;
	uint64_t	 last_tick, late_max;
	long		 rss_kib;	/* at the start */
} w;

static bool
take(const struct drop *d, void *arg)
{
	char line[DROP_LINE_SIZE];

	w.reported += d->count;
	w.at_once++;
	if (w.at_once > w.at_once_max)
		w.at_once_max = w.at_once;
	fprintf(w.file, "%s\n", drop_format(line, d));
	return true;
}

static void
on_tick(int fd, short what, void *arg)
{
	const uint64_t now = now_mono();

	w.at_once = 0;
	if (w.last_tick != 0 && now - w.last_tick > TICK_MS * 1000 &&
	    now - w.last_tick - TICK_MS * 1000 > w.late_max)
		w.late_max = now - w.last_tick - TICK_MS * 1000;
	w.last_tick = now;
}

static void
on_signal(int number, short what, void *arg)
{
	event_base_loopbreak(arg);
}

static long
rss_kib(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_maxrss;
}

static void
say(void)
{
	struct capture_stats s;
	struct rusage usage;
	long cpu;

	capture_stats(w.capture, &s);
	getrusage(RUSAGE_SELF, &usage);
	cpu = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
	    (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
	printf("seen %llu missed %llu folded %llu reported %llu flushed_max %llu late_ms %llu "
	    "cpu_ms %ld grown_kib %ld\n", (unsigned long long)s.seen,
	    (unsigned long long)s.missed, (unsigned long long)s.folded,
	    (unsigned long long)w.reported, (unsigned long long)w.at_once_max,
	    (unsigned long long)w.late_max / 1000, cpu, rss_kib() - w.rss_kib);
}

int
main(int argc, char **argv)
{
	const struct timeval tick = { .tv_usec = TICK_MS * 1000 };
	struct event_base *base = event_base_new();
	struct event *timer, *term;
	static struct conf conf = { .nflog_group = GROUP };
	char *cause;

	w.capture = capture_open(&conf, &cause);
	if (w.capture == NULL) {
		fprintf(stderr, "watch: %s\n", cause);
		return 1;
	}
	w.file = argc == 2 ? fopen(argv[1], "w") : NULL;
	if (w.file == NULL) {
		fprintf(stderr, "usage: watch FILE\n");
		return 2;
	}
	setvbuf(w.file, NULL, _IOLBF, 0);
	timer = event_new(base, -1, EV_PERSIST, on_tick, NULL);
	term = event_new(base, SIGTERM, EV_SIGNAL | EV_PERSIST, on_signal, base);
	event_add(timer, &tick);
	event_add(term, NULL);
	capture_start(w.capture, base, take, NULL);
	w.rss_kib = rss_kib();
	fprintf(w.file, "watching\n");
	event_base_dispatch(base);
	say();
	capture_free(w.capture);
	event_free(timer);
	event_free(term);
	event_base_free(base);
	fclose(w.file);
	return 0;
}
