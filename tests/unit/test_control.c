/* The control socket's server, against clients that do not mean well. */
#include "config.h"

#include "unit.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control.h"
#include "xmalloc.h"

struct rig {
	struct event_base	*base;
	struct control		*control;
	int			 fd;		/* the client's end */
	unsigned		 requests, closed;
	struct control_call	*kept;		/* by the method "later" */
	char			*in;		/* what the client has read */
	size_t			 len;
};

/* Echoes its params; "fail" fails, "later" answers when told, "big" is big. */
static void
on_request(struct control_call *call, const char *method, const json_t *params, void *arg)
{
	struct rig *r = arg;

	r->requests++;
	if (strcmp(method, "fail") == 0)
		control_fail(call, CONTROL_FAILED, xstrdup("no: \xff\x01"));
	else if (strcmp(method, "later") == 0)
		r->kept = call;
	else if (strcmp(method, "big") == 0) {
		char *text = xmalloc(100001);

		memset(text, 'x', 100000);
		text[100000] = '\0';
		control_reply(call, json_string(text));
		free(text);
	} else
		control_reply(call, json_deep_copy(params));
}

static void
on_closed(uint64_t client, void *arg)
{
	struct rig *r = arg;

	r->closed++;
}

static int
connect_client(struct rig *r)
{
	int sv[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	control_adopt(r->control, sv[0]);
	fcntl(sv[1], F_SETFL, O_NONBLOCK);
	return sv[1];
}

static int
setup(void **state)
{
	struct rig *r = xcalloc(1, sizeof(*r));
	struct control_handler handler = { on_request, on_closed, r };

	signal(SIGPIPE, SIG_IGN);
	r->base = event_base_new();
	r->control = control_new(r->base, &handler);
	r->fd = connect_client(r);
	*state = r;
	return 0;
}

static int
teardown(void **state)
{
	struct rig *r = *state;

	control_free(r->control);
	if (r->kept != NULL)
		abort();
	if (r->fd != -1)
		close(r->fd);
	event_base_free(r->base);
	free(r->in);
	free(r);
	return 0;
}

static void
turn(struct rig *r)
{
	for (int i = 0; i < 8; i++)
		event_base_loop(r->base, EVLOOP_NONBLOCK);
}

static void
take_in(struct rig *r)
{
	char part[65536];
	ssize_t n;

	while ((n = read(r->fd, part, sizeof(part))) > 0) {
		r->in = xreallocarray(r->in, r->len + (size_t)n + 1, 1);
		memcpy(r->in + r->len, part, (size_t)n);
		r->len += (size_t)n;
		r->in[r->len] = '\0';
	}
}

/* Sends, lets the server work, and reads all it said. */
static void
put(struct rig *r, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = send(r->fd, bytes, len, MSG_NOSIGNAL);

		if (n > 0) {
			bytes += n;
			len -= (size_t)n;
		}
		turn(r);
		take_in(r);
	}
	turn(r);
	take_in(r);
}

static void
say(struct rig *r, const char *text)
{
	put(r, text, strlen(text));
}

static size_t
lines(const struct rig *r)
{
	size_t n = 0;

	for (size_t i = 0; i < r->len; i++)
		n += r->in[i] == '\n';
	return n;
}

/* The next line as JSON, which it must be. */
static json_t *
next(struct rig *r)
{
	char *end;
	json_t *j;

	assert_non_null(r->in);
	end = memchr(r->in, '\n', r->len);
	assert_non_null(end);
	*end = '\0';
	j = json_loads(r->in, 0, NULL);
	assert_non_null(j);
	r->len -= (size_t)(end + 1 - r->in);
	memmove(r->in, end + 1, r->len + 1);
	return j;
}

static void
expect_error(struct rig *r, int code)
{
	json_t *j = next(r), *error = json_object_get(j, "error");

	assert_int_equal(json_integer_value(json_object_get(error, "code")), code);
	assert_true(json_string_length(json_object_get(error, "message")) > 0);
	assert_non_null(json_object_get(j, "id"));
	json_decref(j);
}

static void
expect_result(struct rig *r, json_int_t id)
{
	json_t *j = next(r);

	assert_int_equal(json_integer_value(json_object_get(j, "id")), id);
	assert_non_null(json_object_get(j, "result"));
	json_decref(j);
}

static void
a_request_is_answered_however_it_is_cut(void **state)
{
	struct rig *r = *state;
	const char *text = "{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"echo\",\"params\":{\"a\":1}}\n";

	for (size_t i = 0; text[i] != '\0'; i++) {
		assert_int_equal(r->requests, 0);
		put(r, text + i, 1);
	}
	expect_result(r, 5);
	say(r, "\n\r\n{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"method\":\"echo\"}\r\n");
	assert_int_equal(lines(r), 1);
	json_decref(next(r));
}

static void
bytes_that_are_no_request_get_an_error_each(void **state)
{
	static const struct {
		const char	*text;
		int		 code;
	} bad[] = {
		{ "hello", CONTROL_PARSE },
		{ "GET / HTTP/1.1", CONTROL_PARSE },
		{ "{\"jsonrpc\":\"2.0\"", CONTROL_PARSE },
		{ "{\"a\":1,\"a\":2}", CONTROL_PARSE },
		{ "\xff\xfe{}", CONTROL_PARSE },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\\u0000b\"}", CONTROL_PARSE },
		{ "{} {}", CONTROL_PARSE },
		{ "null", CONTROL_PARSE },
		{ "{}", CONTROL_INVALID },
		{ "[]", CONTROL_INVALID },
		{ "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\"}]", CONTROL_INVALID },
		{ "{\"jsonrpc\":2.0,\"id\":1,\"method\":\"echo\"}", CONTROL_INVALID },
		{ "{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"echo\"}", CONTROL_INVALID },
		{ "{\"jsonrpc\":\"2.0\",\"id\":[1],\"method\":\"echo\"}", CONTROL_INVALID },
		{ "{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"echo\"}", CONTROL_INVALID },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1}", CONTROL_INVALID },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":7}", CONTROL_INVALID },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\",\"params\":[1]}", CONTROL_INVALID },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\",\"params\":\"x\"}", CONTROL_INVALID },
	};
	struct rig *r = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		say(r, bad[i].text);
		say(r, "\n");
		assert_int_equal(lines(r), 1);
		expect_error(r, bad[i].code);
	}
	assert_int_equal(r->requests, 0);
	say(r, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\"}\n");
	expect_result(r, 1);
}

static void
a_nul_in_a_line_is_an_error_of_that_line_only(void **state)
{
	static const char text[] = "{\"jsonrpc\":\"2.0\",\0\"id\":1,\"method\":\"echo\"}\n"
	    "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"echo\"}\n";
	struct rig *r = *state;

	put(r, text, sizeof(text) - 1);
	expect_error(r, CONTROL_PARSE);
	expect_result(r, 2);
}

static void
nesting_is_bounded(void **state)
{
	struct rig *r = *state;
	char *deep = xmalloc(60001);

	memset(deep, '[', 60000);
	deep[60000] = '\0';
	say(r, deep);
	say(r, "\n");
	expect_error(r, CONTROL_PARSE);
	/* Brackets inside a string are not nesting. */
	say(r, "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"echo\",\"params\":"
	    "{\"a\":\"[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[[[\"}}\n");
	expect_result(r, 2);
	free(deep);
}

static void
a_line_too_long_is_refused_once_and_skipped(void **state)
{
	struct rig *r = *state;
	char *big = xmalloc(CONTROL_REQUEST_MAX * 5);

	memset(big, 'x', CONTROL_REQUEST_MAX * 5);
	put(r, big, CONTROL_REQUEST_MAX * 5);
	assert_int_equal(lines(r), 1);
	expect_error(r, CONTROL_INVALID);
	say(r, "\n{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"echo\"}\n");
	assert_int_equal(lines(r), 1);
	expect_result(r, 2);
	free(big);
}

static void
a_request_of_the_greatest_length_is_taken(void **state)
{
	struct rig *r = *state;
	char *text = xmalloc(CONTROL_REQUEST_MAX + 1);
	int n = snprintf(text, CONTROL_REQUEST_MAX, "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"echo\"");

	memset(text + n, ' ', CONTROL_REQUEST_MAX - (size_t)n);
	text[CONTROL_REQUEST_MAX - 1] = '}';
	text[CONTROL_REQUEST_MAX] = '\n';
	put(r, text, CONTROL_REQUEST_MAX + 1);
	expect_result(r, 2);
	free(text);
}

static void
a_request_cut_off_by_the_end_is_an_error(void **state)
{
	struct rig *r = *state;

	say(r, "{\"jsonrpc\":\"2.0\",\"id\":1,");
	shutdown(r->fd, SHUT_WR);
	turn(r);
	take_in(r);
	expect_error(r, CONTROL_PARSE);
	assert_int_equal(r->closed, 1);
	assert_int_equal(control_clients(r->control), 0);
}

static void
a_thousand_requests_at_once_are_answered_in_order(void **state)
{
	struct rig *r = *state;
	char *all = NULL;

	for (int i = 0; i < 1000; i++) {
		char *more = xasprintf("%s{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":\"echo\"}\n",
		    all != NULL ? all : "", i);

		free(all);
		all = more;
	}
	say(r, all);
	for (int i = 0; i < 200; i++)
		turn(r);
	take_in(r);
	assert_int_equal(lines(r), 1000);
	for (int i = 0; i < 1000; i++)
		expect_result(r, i);
	free(all);
}

static void
who_does_not_read_is_not_read_either(void **state)
{
	static const char request[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"big\"}\n";
	struct rig *r = *state;
	size_t sent = 0;

	/* 100,000 bytes for 40: unread answers must not pile up. */
	for (int i = 0; i < 20000; i++) {
		ssize_t n = send(r->fd, request, sizeof(request) - 1, MSG_NOSIGNAL);

		if (n > 0)
			sent += (size_t)n;
		turn(r);
	}
	assert_true(r->requests < 100);
	assert_true(sent > 0);
	assert_false(control_ready(r->control, 1));
	/* Once it reads, all it asked is answered. */
	for (int i = 0; i < 60000 && r->requests < sent / (sizeof(request) - 1); i++) {
		turn(r);
		take_in(r);
		r->len = 0;
	}
	assert_int_equal(r->requests, sent / (sizeof(request) - 1));
}

static void
an_answer_may_come_later_and_to_nobody(void **state)
{
	struct rig *r = *state;
	struct control_call *call;

	say(r, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"later\"}\n"
	    "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"echo\"}\n");
	expect_result(r, 2);
	call = r->kept;
	r->kept = NULL;
	control_reply(call, json_object());
	turn(r);
	take_in(r);
	expect_result(r, 1);
	say(r, "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"later\"}\n");
	close(r->fd);
	r->fd = -1;
	turn(r);
	call = r->kept;
	r->kept = NULL;
	control_reply(call, json_object());
	turn(r);
	assert_int_equal(control_clients(r->control), 0);
}

static void
a_half_closed_client_still_gets_its_late_answer(void **state)
{
	struct rig *r = *state;
	struct control_call *call;

	say(r, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"later\"}\n");
	shutdown(r->fd, SHUT_WR);
	turn(r);
	assert_int_equal(control_clients(r->control), 1);
	call = r->kept;
	r->kept = NULL;
	control_fail(call, CONTROL_FAILED, xstrdup("late"));
	turn(r);
	take_in(r);
	expect_error(r, CONTROL_FAILED);
	assert_int_equal(control_clients(r->control), 0);
}

static void
a_notification_is_done_but_not_answered(void **state)
{
	struct rig *r = *state;

	say(r, "{\"jsonrpc\":\"2.0\",\"method\":\"echo\"}\n{\"jsonrpc\":\"2.0\",\"method\":\"fail\"}\n");
	assert_int_equal(r->requests, 2);
	assert_int_equal(r->len, 0);
}

static void
a_cause_of_any_bytes_is_still_an_answer(void **state)
{
	struct rig *r = *state;

	say(r, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"fail\"}\n");
	expect_error(r, CONTROL_FAILED);
}

static void
clients_are_bounded_and_the_next_is_told(void **state)
{
	struct rig *r = *state;
	int fds[CONTROL_CLIENTS_MAX];

	for (int i = 0; i < CONTROL_CLIENTS_MAX; i++)
		fds[i] = connect_client(r);
	assert_int_equal(control_clients(r->control), CONTROL_CLIENTS_MAX);
	close(r->fd);
	r->fd = fds[CONTROL_CLIENTS_MAX - 1];
	take_in(r);
	expect_error(r, CONTROL_BUSY);
	for (int i = 0; i < CONTROL_CLIENTS_MAX - 1; i++)
		close(fds[i]);
	turn(r);
	turn(r);
	assert_int_equal(control_clients(r->control), 0);
}

/* A connection of another user than root, which only root can make. */
static int
connect_as_nobody(struct rig *r)
{
	enum { NOBODY = 65534 };
	int sv[2];

	if (geteuid() == 0)
		assert_int_equal(seteuid(NOBODY), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	if (getuid() == 0)
		assert_int_equal(seteuid(0), 0);
	control_adopt(r->control, sv[0]);
	fcntl(sv[1], F_SETFL, O_NONBLOCK);
	return sv[1];
}

static struct conf
conf_at(char *dir, size_t size)
{
	struct conf conf;

	conf_defaults(&conf);
	snprintf(dir, size, "/tmp/test_control.XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(conf.control, sizeof(conf.control), "%s/sock", dir);
	snprintf(conf.group, sizeof(conf.group), "no-such-group");
	return conf;
}

static void
a_stranger_is_told_what_to_become(void **state)
{
	struct rig *r = *state;

	if (getuid() != 0)
		return;
	close(r->fd);
	r->fd = connect_as_nobody(r);
	take_in(r);
	expect_error(r, CONTROL_NOT_PERMITTED);
	assert_int_equal(read(r->fd, &(char){ 0 }, 1), 0);
}

static void
watchers_leave_room_for_operators(void **state)
{
	struct rig *r = *state;
	int fds[CONTROL_WATCHERS_MAX + 1], mine;
	char dir[64];
	struct conf conf = conf_at(dir, sizeof(dir));

	conf.others_may_watch = true;
	assert_null(control_listen(r->control, &conf));
	for (int i = 0; i < CONTROL_WATCHERS_MAX + 1; i++)
		fds[i] = connect_as_nobody(r);
	mine = connect_client(r);
	turn(r);
	/* Root's tests see the last watcher refused; others are operators all. */
	assert_int_equal(control_clients(r->control),
	    CONTROL_WATCHERS_MAX + (getuid() == 0 ? 2 : 3));
	for (int i = 0; i < CONTROL_WATCHERS_MAX + 1; i++)
		close(fds[i]);
	close(mine);
	unlink(conf.control);
	rmdir(dir);
}

static void
a_dead_socket_is_replaced_and_a_living_one_is_not(void **state)
{
	struct rig *r = *state;
	struct control_handler handler = { on_request, NULL, r };
	struct control *second = control_new(r->base, &handler);
	char dir[64], *cause;
	struct conf conf = conf_at(dir, sizeof(dir));
	struct stat st;
	pid_t pid;

	/* A child that serves and dies leaves its file. */
	if ((pid = fork()) == 0)
		_exit(control_listen(second, &conf) != NULL);
	waitpid(pid, NULL, 0);
	assert_int_equal(lstat(conf.control, &st), 0);
	assert_null(control_listen(r->control, &conf));
	assert_int_equal(stat(conf.control, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	cause = control_listen(second, &conf);
	assert_non_null(cause);
	assert_non_null(strstr(cause, "another"));
	free(cause);
	control_free(second);
	unlink(conf.control);
	rmdir(dir);
}

static void
a_call_over_the_socket_brings_result_or_cause(void **state)
{
	struct rig *r = *state;
	char dir[64], *cause = NULL;
	struct conf conf = conf_at(dir, sizeof(dir));
	enum exit_code code = EXIT_DONE;
	int status, fd;
	pid_t pid;

	assert_int_equal(client_connect(conf.control, &code, &cause), -1);
	assert_int_equal(code, EXIT_NO_DAEMON);
	free(cause);
	assert_null(control_listen(r->control, &conf));
	if ((pid = fork()) == 0) {
		json_t *j;

		fd = client_connect(conf.control, &code, &cause);
		if (fd == -1)
			_exit(1);
		j = client_call(fd, "echo", json_pack("{s:i}", "a", 4), 5, &code, &cause);
		if (json_integer_value(json_object_get(j, "a")) != 4)
			_exit(2);
		if (client_call(fd, "fail", NULL, 5, &code, &cause) != NULL || code != EXIT_NO ||
		    strncmp(cause, "no: ", 4) != 0)
			_exit(3);
		_exit(0);
	}
	while (waitpid(pid, &status, WNOHANG) == 0)
		turn(r);
	assert_int_equal(status, 0);
	unlink(conf.control);
	rmdir(dir);
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_request_is_answered_however_it_is_cut),
		TEST(bytes_that_are_no_request_get_an_error_each),
		TEST(a_nul_in_a_line_is_an_error_of_that_line_only),
		TEST(nesting_is_bounded),
		TEST(a_line_too_long_is_refused_once_and_skipped),
		TEST(a_request_of_the_greatest_length_is_taken),
		TEST(a_request_cut_off_by_the_end_is_an_error),
		TEST(a_thousand_requests_at_once_are_answered_in_order),
		TEST(who_does_not_read_is_not_read_either),
		TEST(an_answer_may_come_later_and_to_nobody),
		TEST(a_half_closed_client_still_gets_its_late_answer),
		TEST(a_notification_is_done_but_not_answered),
		TEST(a_cause_of_any_bytes_is_still_an_answer),
		TEST(clients_are_bounded_and_the_next_is_told),
		TEST(a_stranger_is_told_what_to_become),
		TEST(watchers_leave_room_for_operators),
		TEST(a_dead_socket_is_replaced_and_a_living_one_is_not),
		TEST(a_call_over_the_socket_brings_result_or_cause),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
