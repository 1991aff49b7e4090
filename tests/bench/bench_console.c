/*
 * What a full house costs a console and the engine it watches: 100,000 names,
 * 500 guests, 8,192 blocked runs and a thousand decisions a second.  First each
 * window by itself, then a real console in a terminal of 120x40: how long from
 * a key to the screen it asks for, and what share of a core each takes.
 */
#include "config.h"

#include "unit.h"

#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine_rig.h"
#include "log.h"
#include "ui.h"
#include "views.h"
#include "xmalloc.h"

enum {
	NAMES = 100000, GUESTS = 500, DROPS = 8192,
	BURST = 10, BURST_MS = 10,	/* a thousand hits a second */
	ROUNDS = 20, KEYS = 15, IDLE_MS = 5000, PATIENCE_MS = 5000,
	SCREEN_SIZE = 1 << 20,
};

struct bench {
	struct rig	*rig;
	int		 terminal;
	uint32_t	 hits;
	char		 seen[SCREEN_SIZE];	/* what the console wrote since the last key */
	size_t		 len;
};

static void
hit(struct bench *b, uint32_t n)
{
	struct hit h = { .time = now_wall(), .port = 443, .via = VIA_TLS, .verdict = VERDICT_DENY,
		.reason = REASON_NOT_LISTED, .id = (uint64_t)1 << 32 | ++b->hits };
	char guest[GH_GUEST_SIZE];

	snprintf(h.name, sizeof(h.name), "host-%05u.example.org", n % NAMES);
	snprintf(guest, sizeof(guest), "agent-%03u", n % GUESTS);
	model_hit(b->rig->engine->model, &h, n % GUESTS + 1, guest);
}

static void
fill(struct bench *b)
{
	struct sighting *s = xcalloc(GUESTS, sizeof(*s));
	char name[32], addr[32];

	for (uint32_t i = 0; i < GUESTS; i++) {
		snprintf(name, sizeof(name), "agent-%03u", i);
		snprintf(addr, sizeof(addr), "10.77.%u.%u", i / 200 + 1, i % 200 + 2);
		s[i] = rig_sighting(name, (uint8_t)i, addr);
		s[i].mac[4] = (uint8_t)(i >> 8);
	}
	rig_guests(b->rig, s, GUESTS);
	free(s);
	for (uint32_t i = 0; i < NAMES; i++)
		hit(b, i);
	for (uint32_t i = 0; i < DROPS; i++) {
		struct drop d = { .first = now_wall(), .last = now_wall(), .count = 1, .bytes = 60,
			.proto = 6, .dport = (uint16_t)i, .flags = DROP_PORTS, .label = "default" };

		addr_parse("10.77.1.2", &d.src);
		addr_parse("198.18.0.1", &d.dst);
		model_drop(b->rig->engine->model, &d, 1, "agent-000");
	}
}

/* ---- windows ---- */

static void
window_cost(struct bench *b, enum view v, const char *params)
{
	json_t *j = json_loads(params, 0, NULL), *rows;
	uint64_t start, best = UINT64_MAX;
	struct window w;
	char *text;

	free(window_parse(v, j, &w));
	for (int i = 0; i < ROUNDS; i++) {
		start = now_mono();
		rows = window_rows(b->rig->engine, v, &w);
		text = json_dumps(rows, JSON_COMPACT);
		free(text);
		json_decref(rows);
		if (now_mono() - start < best)
			best = now_mono() - start;
	}
	printf("%-8s %-52s %8.2f ms\n", view_name(v), params, (double)best / 1000);
	json_decref(j);
}

/* ---- a console ---- */

static void
traffic(evutil_socket_t fd, short what, void *arg)
{
	struct bench *b = arg;

	for (int i = 0; i < BURST; i++)
		hit(b, b->hits * 7919);
}

static void
terminal_readable(evutil_socket_t fd, short what, void *arg)
{
	struct bench *b = arg;
	ssize_t n;

	if (b->len + 65536 > sizeof(b->seen))
		b->len = 0;
	n = read(fd, b->seen + b->len, 65535);
	if (n > 0)
		b->len += (size_t)n;
	b->seen[b->len] = '\0';
}

static bool
shows(const struct bench *b, const char *text)
{
	return memmem(b->seen, b->len, text, strlen(text)) != NULL;
}

/* Milliseconds until the text is on the screen; the key may be NULL. */
static double
await(struct bench *b, const char *key, const char *text, unsigned patience_ms)
{
	uint64_t start = now_mono();

	b->len = 0;
	if (key != NULL && write(b->terminal, key, strlen(key)) == -1)
		return -1;
	while (!shows(b, text) && now_mono() - start < (uint64_t)patience_ms * 1000)
		event_base_loop(b->rig->base, EVLOOP_ONCE);
	return (double)(now_mono() - start) / 1000;
}

static int
compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* One key that shows a text and one that hides it, again and again. */
static void
key_cost(struct bench *b, const char *what, const char *key, const char *text, const char *back)
{
	double ms[KEYS];

	for (int i = 0; i < KEYS; i++) {
		ms[i] = await(b, key, text, PATIENCE_MS);
		await(b, back, "\1", 300);
	}
	qsort(ms, KEYS, sizeof(ms[0]), compare);
	printf("%-61s %8.1f ms, at most %.1f\n", what, ms[KEYS / 2], ms[KEYS - 1]);
}

static double
cpu_seconds(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
load_cost(struct bench *b, clockid_t console, const char *rows)
{
	double engine = cpu_seconds(CLOCK_PROCESS_CPUTIME_ID), other = cpu_seconds(console);
	double seconds = await(b, NULL, "\1", IDLE_MS) / 1000;
	char what[64];

	snprintf(what, sizeof(what), "of a core, 1000 hits/s, %s", rows);
	printf("%-61s %8.1f %% engine, %.1f %% console\n", what,
	    (cpu_seconds(CLOCK_PROCESS_CPUTIME_ID) - engine) / seconds * 100,
	    (cpu_seconds(console) - other) / seconds * 100);
}

static pid_t
console_start(struct bench *b, const char *self)
{
	struct winsize size = { .ws_row = 40, .ws_col = 120 };
	char *path;
	pid_t pid;
	int fd;

	b->terminal = posix_openpt(O_RDWR | O_NOCTTY);
	if (b->terminal == -1 || grantpt(b->terminal) == -1 || unlockpt(b->terminal) == -1 ||
	    (path = ptsname(b->terminal)) == NULL)
		return -1;
	ioctl(b->terminal, TIOCSWINSZ, &size);
	if ((pid = fork()) != 0)
		return pid;
	setsid();
	if ((fd = open(path, O_RDWR)) == -1)
		_exit(1);
	for (int i = 0; i < 3; i++)
		dup2(fd, i);
	setenv("TERM", "xterm-256color", 1);
	execl(self, self, b->rig->conf.control, (char *)NULL);
	_exit(1);
}

static void
console_cost(struct bench *b, const char *self)
{
	static const struct timeval interval = { 0, BURST_MS * 1000 };
	pid_t pid = console_start(b, self);
	struct event *input, *hits;
	clockid_t clock;

	if (pid == -1 || clock_getcpuclockid(pid, &clock) != 0) {
		printf("no terminal here: %s\n", strerror(errno));
		return;
	}
	input = event_new(b->rig->base, b->terminal, EV_READ | EV_PERSIST, terminal_readable, b);
	hits = event_new(b->rig->base, -1, EV_PERSIST, traffic, b);
	event_add(input, NULL);
	event_add(hits, &interval);
	await(b, NULL, "agent-003", PATIENCE_MS);
	load_cost(b, clock, "newest first");
	key_cost(b, "from \"?\" to the keys on the screen", "?", " Keys ", "q");
	/* From the order of time to that of names, of which the last is asked for. */
	await(b, "3sss", "00001", PATIENCE_MS);
	key_cost(b, "from \"G\" to the last name on the screen (the engine is asked)", "G", "9999",
	    "g");
	load_cost(b, clock, "the last by name");
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
	event_free(input);
	event_free(hits);
	close(b->terminal);
}

int
main(int argc, char **argv)
{
	static struct conf conf;
	static struct bench b;

	if (argc == 2) {
		conf_defaults(&conf);
		copy_string(conf.control, argv[1], sizeof(conf.control));
		return ui_run(&conf);
	}
	log_init("bench", true, LOG_LEVEL_WARN);
	b.rig = rig_new(".github.com\n");
	fill(&b);
	window_cost(&b, VIEW_DOMAINS, "{\"limit\":160}");
	window_cost(&b, VIEW_DOMAINS, "{\"limit\":160,\"sort\":\"last\",\"desc\":true}");
	window_cost(&b, VIEW_DOMAINS, "{\"limit\":160,\"sort\":\"name\"}");
	window_cost(&b, VIEW_DOMAINS, "{\"limit\":160,\"sort\":\"entry\"}");
	window_cost(&b, VIEW_DOMAINS, "{\"limit\":160,\"sort\":\"denied\",\"filter\":\"99\"}");
	window_cost(&b, VIEW_VMS, "{\"limit\":160,\"sort\":\"name\"}");
	window_cost(&b, VIEW_DROPS, "{\"limit\":160,\"sort\":\"last\",\"desc\":true}");
	snprintf(b.rig->conf.control, sizeof(b.rig->conf.control), "%s/s", b.rig->dir);
	free(control_listen(b.rig->engine->control, &b.rig->conf));
	fflush(stdout);
	console_cost(&b, argv[0]);
	rig_free(b.rig);
	return 0;
}
