/* The workers' threads and their reports, over real sockets: the port for
 * clients that ask a proxy, because no test can redirect a connection. */
#include "config.h"

#include "unit.h"

#include <sys/resource.h>
#include <sys/socket.h>

#include <event2/event.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "allow/list.h"
#include "dns/resolver.h"
#include "proxy/crew.h"
#include "proxy/reports.h"

enum { WORKERS = 3, HITS = 4096 };

struct world {
	struct event_base	*base;
	struct resolver		*resolver;
	struct crew		*crew;
	struct conf		 conf;
	bool			 ready;
	unsigned		 nhits, nflows;
	struct hit		 hits[HITS];
};

static void
on_hit(const struct hit *h, void *arg)
{
	struct world *w = arg;

	if (w->nhits < HITS)
		w->hits[w->nhits] = *h;
	w->nhits++;
}

static void
on_flow(const struct flow *f, void *arg)
{
	struct world *w = arg;

	(void)f;
	w->nflows++;
}

static bool
on_ready(void *arg)
{
	struct world *w = arg;

	return w->ready;
}

static uint16_t
free_port(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof(sin);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd == -1 || bind(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1 ||
	    getsockname(fd, (struct sockaddr *)&sin, &len) == -1)
		abort();
	close(fd);
	return ntohs(sin.sin_port);
}

static int
start(void **state, unsigned workers)
{
	static const struct crew_sink sink = { on_hit, on_flow, on_ready, NULL };
	struct world *w = calloc(1, sizeof(*w));
	struct crew_sink mine = sink;
	char *cause;

	if (w == NULL)
		return -1;
	w->ready = true;
	w->base = event_base_new();
	conf_defaults(&w->conf);
	w->conf.workers = workers;
	w->conf.proxy_port = 0;
	w->conf.explicit_port = free_port();
	w->conf.max_per_guest = 1000;
	w->conf.max_new_per_guest = w->conf.max_new_in_all = 0;
	w->resolver = resolver_new(w->base, &w->conf, &cause);
	mine.arg = w;
	w->crew = crew_new(w->base, w->resolver, NULL, &w->conf, 7, &mine, &cause);
	if (w->crew == NULL)
		return -1;
	/* A port that was free may be somebody's by now. */
	for (int tries = 5; (cause = crew_run(w->crew, true)) != NULL; tries--) {
		free(cause);
		if (tries == 0)
			return -1;
		w->conf.explicit_port = free_port();
	}
	*state = w;
	return 0;
}

static int
setup(void **state)
{
	return start(state, WORKERS);
}

static int
teardown(void **state)
{
	struct world *w = *state;

	crew_free(w->crew);
	resolver_free(w->resolver);
	event_base_free(w->base);
	free(w);
	return 0;
}

static void
turn(struct world *w)
{
	event_base_loop(w->base, EVLOOP_NONBLOCK);
	usleep(1000);
}

static int
client(struct world *w, const char *text)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(w->conf.explicit_port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(connect(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
	return fd;
}

/* Whether it ends, or says anything, within a moment. */
static bool
has_news(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ms) == 1;
}

static uint32_t
connections(struct world *w)
{
	struct proxy_stats s;
	uint64_t lost;

	crew_stats(w->crew, &s, &lost);
	return s.connections;
}

/* A limit's refusals, of which not each is told. */
static uint64_t
limited(struct world *w)
{
	struct proxy_stats s;
	uint64_t lost;

	crew_stats(w->crew, &s, &lost);
	return s.limited;
}

static const char refused[] = "GET http://unlisted.example/ HTTP/1.1\r\nHost: unlisted.example\r\n\r\n";

/* ---- reports ---- */

static void
reports_come_out_as_they_went_in(void **state)
{
	struct reports *r = reports_new();
	struct hit hit = { 0 }, got_hit;
	struct flow flow = { 0 }, got_flow;
	uint64_t in = 0, out = 0;

	(void)state;
	/* Names of every length, around the ring's end many times. */
	for (unsigned round = 0; round < 20000; round++) {
		const size_t len = round % (GH_NAME_MAX + 1);

		hit.id = flow.id = in;
		memset(hit.name, 0, sizeof(hit.name));
		memset(hit.name, 'a' + (int)(round % 26), len);
		memcpy(flow.name, hit.name, sizeof(flow.name));
		if (round % 3 == 0 ? reports_flow(r, &flow) : reports_hit(r, &hit))
			in++;
		while (round % 1000 > 800 && out < in) {
			enum report type = reports_take(r, &got_hit, &got_flow);

			assert_int_not_equal(type, REPORT_NONE);
			assert_int_equal(type == REPORT_HIT ? got_hit.id : got_flow.id, out);
			assert_int_equal(strlen(got_hit.name) <= GH_NAME_MAX, 1);
			out++;
		}
	}
	assert_true(out > 10000);
	reports_free(r);
}

static void
the_phrase_of_an_end_comes_along_and_goes_with_it(void **state)
{
	struct reports *r = reports_new();
	struct flow flow = { .name = "a.example", .ended = 1, .outcome = OUTCOME_BROKEN,
		.what = "a status line that is none" }, got;
	struct hit hit;

	(void)state;
	assert_true(reports_flow(r, &flow));
	flow.what[0] = '\0';
	assert_true(reports_flow(r, &flow));
	assert_int_equal(reports_take(r, &hit, &got), REPORT_FLOW);
	assert_string_equal(got.name, "a.example");
	assert_string_equal(got.what, "a status line that is none");
	assert_int_equal(reports_take(r, &hit, &got), REPORT_FLOW);
	assert_string_equal(got.name, "a.example");
	for (size_t i = 0; i < sizeof(got.what); i++)
		assert_int_equal(got.what[i], '\0');
	reports_free(r);
}

static void
a_full_ring_refuses_and_loses_nothing_it_took(void **state)
{
	struct reports *r = reports_new();
	struct hit hit = { .name = "a.example" }, got = { 0 };
	struct flow flow;
	uint64_t n = 0;

	(void)state;
	while (hit.id = n, reports_hit(r, &hit))
		n++;
	assert_true(n > 1000);
	for (uint64_t i = 0; i < n; i++) {
		assert_int_equal(reports_take(r, &got, &flow), REPORT_HIT);
		assert_int_equal(got.id, i);
		assert_string_equal(got.name, "a.example");
	}
	assert_int_equal(reports_take(r, &got, &flow), REPORT_NONE);
	assert_true(reports_empty(r));
	assert_true(reports_hit(r, &hit));
	reports_free(r);
}

enum { MANY = 200000 };

static void *
writer(void *arg)
{
	struct hit hit = { .name = "b.example" };

	while (hit.id < MANY) {
		if (reports_hit(arg, &hit))
			hit.id++;
		else
			sched_yield();
	}
	return NULL;
}

static void
a_writer_and_a_reader_need_no_lock(void **state)
{
	struct reports *r = reports_new();
	struct hit got;
	struct flow flow;
	pthread_t thread;
	uint64_t n = 0;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, writer, r), 0);
	while (n < MANY) {
		if (reports_take(r, &got, &flow) != REPORT_HIT) {
			sched_yield();
			continue;
		}
		assert_int_equal(got.id, n);
		assert_string_equal(got.name, "b.example");
		n++;
	}
	pthread_join(thread, NULL);
	reports_free(r);
}

/* ---- the crew ---- */

static void
every_decision_is_told_once_with_an_id_of_its_own(void **state)
{
	enum { CLIENTS = 60 };
	struct world *w = *state;
	int fd[CLIENTS];
	char answer[16];

	for (int i = 0; i < CLIENTS; i++)
		fd[i] = client(w, refused);
	for (int i = 0; i < CLIENTS; i++) {
		assert_int_equal(recv(fd[i], answer, 12, MSG_WAITALL), 12);
		assert_memory_equal(answer, "HTTP/1.1 403", 12);
		close(fd[i]);
	}
	until(w, w->nhits == CLIENTS);
	for (int i = 0; i < CLIENTS; i++) {
		assert_int_equal(w->hits[i].reason, REASON_NOT_LISTED);
		assert_string_equal(w->hits[i].name, "unlisted.example");
		assert_int_equal(w->hits[i].id >> 32, 7);
		for (int j = 0; j < i; j++)
			assert_int_not_equal(w->hits[i].id, w->hits[j].id);
	}
}

static void
decisions_wait_for_an_owner_that_is_not_ready_and_the_rest_is_counted(void **state)
{
	struct world *w = *state;
	struct proxy_stats stats;
	uint64_t lost = 0;
	char answer[16];
	unsigned n = 0;

	w->ready = false;
	/* Guests are answered all the same. */
	while (lost == 0 && n < 20000) {
		int fd = client(w, refused);

		assert_int_equal(recv(fd, answer, 12, MSG_WAITALL), 12);
		close(fd);
		if (++n % 256 == 0)
			crew_stats(w->crew, &stats, &lost);
	}
	assert_true(lost > 0);
	assert_int_equal(w->nhits, 0);
	w->ready = true;
	until(w, w->nhits > 0);
	for (int i = 0; i < 50; i++)
		turn(w);
	crew_stats(w->crew, &stats, &lost);
	assert_int_equal(stats.denied, n);
	assert_int_equal(w->nhits + lost, n);
}

static void
the_limit_of_all_holds_for_all_workers_together(void **state)
{
	enum { LIMIT = 9, CLIENTS = 60 };
	struct world *w = *state;
	int fd[CLIENTS], open = 0;

	w->conf.max_connections = LIMIT;
	assert_int_equal(connections(w), 0);	/* a call: all of them see it now */
	for (int i = 0; i < CLIENTS; i++)
		fd[i] = client(w, "GET ");
	until(w, limited(w) == CLIENTS - LIMIT);
	for (int i = 0; i < CLIENTS; i++)
		open += !has_news(fd[i], i == 0 ? 100 : 0);
	assert_int_equal(open, LIMIT);
	assert_int_equal(connections(w), LIMIT);
	for (int i = 0; i < CLIENTS; i++)
		close(fd[i]);
	until(w, connections(w) == 0);
	fd[0] = client(w, "GET ");
	until(w, connections(w) == 1);
	close(fd[0]);
}

static void
the_limit_of_a_guest_holds_for_all_workers_together(void **state)
{
	enum { LIMIT = 5, CLIENTS = 40 };
	const struct addr loopback = { .family = 4, .bytes = { 127, 0, 0, 1 } };
	struct world *w = *state;
	int fd[CLIENTS];

	w->conf.max_per_guest = LIMIT;
	crew_set_guest(w->crew, &loopback, 3, "agent-1", false, NULL);
	for (int i = 0; i < CLIENTS; i++) {
		fd[i] = client(w, "GET ");
		/* One after the other: two that come at once may both be refused. */
		until(w, connections(w) + limited(w) == (unsigned)i + 1);
	}
	assert_int_equal(connections(w), LIMIT);
	until(w, w->nhits > 0);
	assert_int_equal(w->hits[0].reason, REASON_LIMIT);
	assert_int_equal(w->hits[0].guest_id, 3);
	for (int i = 0; i < CLIENTS; i++)
		close(fd[i]);
	until(w, connections(w) == 0);
}

static struct allow_image *
image_of(const char *text)
{
	struct allowlist *list;
	struct allow_image *image;
	const char *why;
	size_t size;
	char *cause;
	int fd;

	list = allowlist_parse(text, strlen(text), "test", NULL, &cause);
	assert_non_null(list);
	fd = allow_compile(list, &size, &cause);
	assert_int_not_equal(fd, -1);
	image = allow_image_open(fd, size, &why);
	assert_non_null(image);
	close(fd);
	allowlist_free(list);
	return image;
}

static void
a_revoked_entry_cuts_in_every_worker_before_the_call_returns(void **state)
{
	enum { CLIENTS = 30 };
	struct world *w = *state;
	char answer[40];
	int fd[CLIENTS];

	crew_set_allow(w->crew, image_of(".example\n"));
	/* Tunnels that wait for the hello in them. */
	for (int i = 0; i < CLIENTS; i++)
		fd[i] = client(w, "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n");
	for (int i = 0; i < CLIENTS; i++) {
		assert_int_equal(recv(fd[i], answer, 12, MSG_WAITALL), 12);
		assert_memory_equal(answer, "HTTP/1.1 200", 12);
	}
	assert_int_equal(connections(w), CLIENTS);
	crew_set_allow(w->crew, image_of("b.example\n"));
	assert_int_equal(connections(w), 0);
	for (int i = 0; i < CLIENTS; i++) {
		assert_true(has_news(fd[i], 1000));
		close(fd[i]);
	}
}

static void
a_stopped_crew_refuses_connections_and_starts_again(void **state)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	struct world *w = *state;
	char answer[16];
	int fd;

	fd = client(w, "GET ");
	until(w, connections(w) == 1);
	assert_null(crew_run(w->crew, false));
	assert_false(crew_running(w->crew));
	assert_int_equal(connections(w), 0);
	assert_true(has_news(fd, 1000));
	close(fd);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sin.sin_port = htons(w->conf.explicit_port);
	assert_int_equal(connect(fd, (struct sockaddr *)&sin, sizeof(sin)), -1);
	close(fd);
	assert_null(crew_run(w->crew, true));
	fd = client(w, refused);
	assert_int_equal(recv(fd, answer, 12, MSG_WAITALL), 12);
	close(fd);
}

static void
a_taken_port_is_told_and_nobody_listens(void **state)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	struct world *w = *state;
	char *cause;
	int fd;

	assert_null(crew_run(w->crew, false));
	fd = socket(AF_INET, SOCK_STREAM, 0);
	sin.sin_port = htons(w->conf.explicit_port);
	assert_int_equal(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	assert_int_equal(listen(fd, 1), 0);
	cause = crew_run(w->crew, true);
	assert_non_null(cause);
	assert_non_null(strstr(cause, "explicit-port"));
	assert_false(crew_running(w->crew));
	free(cause);
	close(fd);
	assert_null(crew_run(w->crew, true));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* Many processors, and a limit of descriptors that was made for few: what workers
 * may need must not be all there is. */
static void
few_descriptors_make_fewer_workers(void **state)
{
	struct rlimit limit, few;
	int held[8], fd;
	struct world *w;

	getrlimit(RLIMIT_NOFILE, &limit);
	few = (struct rlimit){ 4096, limit.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	assert_int_equal(start(state, 16), 0);
	w = *state;
	assert_in_range(crew_workers(w->crew), 2, 8);
	for (int i = 0; i < 8; i++)
		held[i] = client(w, "GET ");
	fd = client(w, refused);
	assert_true(has_news(fd, 3000));
	close(fd);
	for (int i = 0; i < 8; i++)
		close(held[i]);
	teardown(state);
	/* Without enough for one there is still one, and it serves. */
	few.rlim_cur = 256;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	assert_int_equal(start(state, 16), 0);
	w = *state;
	assert_int_equal(crew_workers(w->crew), 1);
	held[0] = client(w, "GET ");
	fd = client(w, refused);
	assert_true(has_news(fd, 3000));
	close(fd);
	close(held[0]);
	teardown(state);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reports_come_out_as_they_went_in),
		cmocka_unit_test(the_phrase_of_an_end_comes_along_and_goes_with_it),
		cmocka_unit_test(a_full_ring_refuses_and_loses_nothing_it_took),
		cmocka_unit_test(a_writer_and_a_reader_need_no_lock),
		T(every_decision_is_told_once_with_an_id_of_its_own),
		T(decisions_wait_for_an_owner_that_is_not_ready_and_the_rest_is_counted),
		T(the_limit_of_all_holds_for_all_workers_together),
		T(the_limit_of_a_guest_holds_for_all_workers_together),
		T(a_revoked_entry_cuts_in_every_worker_before_the_call_returns),
		T(a_stopped_crew_refuses_connections_and_starts_again),
		T(a_taken_port_is_told_and_nobody_listens),
		cmocka_unit_test(few_descriptors_make_fewer_workers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
