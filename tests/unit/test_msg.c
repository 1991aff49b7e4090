/* The channel between roles: what is sent arrives, what is not allowed ends it. */
#include "config.h"

#include "unit.h"

#include <sys/socket.h>

#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "msg.h"

struct end {
	struct event_base	*base;
	struct msg_channel	*engine;
	int			 raw;		/* net's end, written by hand */
	unsigned		 got[FRAME_COUNT];
	unsigned		 errors;
	char			 why[128];
	int			 fd;
	struct hit		 hit;
	bool			 free_on_message;
};

static void
on_message(enum frame type, const void *body, int fd, void *arg)
{
	struct end *e = arg;

	e->got[type]++;
	if (type == FRAME_HIT)
		memcpy(&e->hit, body, sizeof(e->hit));
	if (fd != -1) {
		if (e->fd != -1)
			close(e->fd);
		e->fd = fd;
	}
	if (e->free_on_message) {
		msg_channel_free(e->engine);
		e->engine = NULL;
	}
}

static void
on_error(const char *why, void *arg)
{
	struct end *e = arg;

	e->errors++;
	strncpy(e->why, why, sizeof(e->why) - 1);
}

static int
setup(void **state)
{
	struct end *e = calloc(1, sizeof(*e));
	int sv[2];

	if (e == NULL || socketpair(AF_UNIX, SOCK_STREAM, 0, sv) == -1)
		return -1;
	e->base = event_base_new();
	e->raw = sv[1];
	e->fd = -1;
	e->engine = msg_channel_new(e->base, sv[0], ROLE_ENGINE, ROLE_NET, on_message, on_error, e);
	*state = e;
	return 0;
}

static int
teardown(void **state)
{
	struct end *e = *state;

	msg_channel_free(e->engine);
	if (e->raw != -1)
		close(e->raw);
	if (e->fd != -1)
		close(e->fd);
	event_base_free(e->base);
	free(e);
	return 0;
}

static void
turn(struct end *e)
{
	for (int i = 0; i < 8; i++)
		event_base_loop(e->base, EVLOOP_NONBLOCK);
}

static void
put(struct end *e, uint32_t type, uint32_t size, const void *body, size_t len)
{
	uint32_t header[2] = { type, size };

	assert_int_equal(write(e->raw, header, sizeof(header)), sizeof(header));
	assert_int_equal(write(e->raw, body, len), len);
	turn(e);
}

static void
a_frame_arrives_whole_however_it_is_cut(void **state)
{
	struct end *e = *state;
	struct hit hit = { .id = 42, .name = "registry.npmjs.org" };
	uint32_t header[2] = { FRAME_HIT, sizeof(hit) };
	uint8_t all[sizeof(header) + sizeof(hit)];

	memcpy(all, header, sizeof(header));
	memcpy(all + sizeof(header), &hit, sizeof(hit));
	for (size_t i = 0; i < sizeof(all); i++) {
		assert_int_equal(e->got[FRAME_HIT], 0);
		assert_int_equal(write(e->raw, all + i, 1), 1);
		turn(e);
	}
	assert_int_equal(e->got[FRAME_HIT], 1);
	assert_memory_equal(&e->hit, &hit, sizeof(hit));
	assert_int_equal(e->errors, 0);
}

static void
an_unknown_type_breaks_the_channel_once(void **state)
{
	struct end *e = *state;
	struct hit hit = { .id = 1 };

	put(e, FRAME_COUNT, 8, "12345678", 8);
	assert_int_equal(e->errors, 1);
	assert_non_null(strstr(e->why, "unknown"));
	put(e, FRAME_HIT, sizeof(hit), &hit, sizeof(hit));
	assert_int_equal(e->errors, 1);
	assert_int_equal(e->got[FRAME_HIT], 0);
}

static void
a_wrong_size_breaks_the_channel(void **state)
{
	struct end *e = *state;

	put(e, FRAME_HIT, sizeof(struct hit) - 1, "", 0);
	assert_int_equal(e->errors, 1);
	assert_non_null(strstr(e->why, "size"));
}

static void
a_type_for_another_direction_breaks_the_channel(void **state)
{
	struct end *e = *state;
	struct msg_fw_request request = { .verb = FW_FLUSH };

	/* net may not ask the engine for what only the engine asks of priv. */
	put(e, FRAME_FW_REQUEST, sizeof(request), &request, sizeof(request));
	assert_int_equal(e->errors, 1);
	assert_non_null(strstr(e->why, "not allowed"));
}

static void
the_end_of_the_stream_is_an_error(void **state)
{
	struct end *e = *state;

	close(e->raw);
	e->raw = -1;
	turn(e);
	assert_int_equal(e->errors, 1);
}

static void
descriptors_ride_along_in_order(void **state)
{
	struct end *e = *state;
	struct msg_proxy proxy = { .run = 1 };
	struct msg_allow allow = { .size = 9 };
	struct end net = { .base = e->base, .fd = -1 };
	int pipes[2], sv[2];
	char c;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	net.engine = msg_channel_new(e->base, sv[0], ROLE_NET, ROLE_ENGINE, on_message, on_error, &net);
	msg_channel_free(e->engine);
	e->engine = msg_channel_new(e->base, sv[1], ROLE_ENGINE, ROLE_NET, on_message, on_error, e);
	assert_int_equal(pipe(pipes), 0);
	assert_true(msg_send(e->engine, FRAME_PROXY, &proxy, -1));
	assert_true(msg_send(e->engine, FRAME_ALLOW, &allow, pipes[1]));
	assert_true(msg_send(e->engine, FRAME_PROXY, &proxy, -1));
	close(pipes[1]);
	turn(e);
	assert_int_equal(net.got[FRAME_PROXY], 2);
	assert_int_equal(net.got[FRAME_ALLOW], 1);
	assert_int_not_equal(net.fd, -1);
	assert_int_equal(write(net.fd, "x", 1), 1);
	assert_int_equal(read(pipes[0], &c, 1), 1);
	close(pipes[0]);
	close(net.fd);
	msg_channel_free(net.engine);
}

static void
a_frame_without_its_descriptor_breaks_the_channel(void **state)
{
	struct end *e = *state;
	struct msg_allow allow = { .size = 9 };
	uint32_t header[2] = { FRAME_ALLOW, sizeof(allow) };
	struct end net = { .base = e->base, .fd = -1 };
	int sv[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	net.engine = msg_channel_new(e->base, sv[0], ROLE_NET, ROLE_ENGINE, on_message, on_error, &net);
	assert_int_equal(write(sv[1], header, sizeof(header)), sizeof(header));
	assert_int_equal(write(sv[1], &allow, sizeof(allow)), sizeof(allow));
	turn(e);
	assert_int_equal(net.errors, 1);
	assert_int_equal(net.got[FRAME_ALLOW], 0);
	msg_channel_free(net.engine);
	close(sv[1]);
}

static void
a_slow_reader_costs_bounded_memory(void **state)
{
	struct end *e = *state;
	struct msg_proxy proxy = { .run = 1 };
	unsigned sent = 0;

	while (msg_send(e->engine, FRAME_PROXY, &proxy, -1)) {
		sent++;
		assert_true(sent < 10u << 20);
	}
	assert_true(msg_queued(e->engine) <= FRAME_QUEUE_MAX);
	assert_int_equal(e->errors, 0);
}

/* What waits only for our own turn is no fault of the reader's. */
static void
a_reader_is_slow_once_its_socket_is_full(void **state)
{
	struct end *e = *state;
	struct msg_proxy proxy = { .run = 1 };
	char bytes[4096];

	assert_true(msg_send(e->engine, FRAME_PROXY, &proxy, -1));
	assert_true(msg_queued(e->engine) > 0);
	assert_int_equal(msg_stuck(e->engine), 0);
	while (msg_send(e->engine, FRAME_PROXY, &proxy, -1))
		;
	turn(e);
	usleep(1000);
	assert_true(msg_stuck(e->engine) > 0);
	while (msg_queued(e->engine) > 0) {
		while (recv(e->raw, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
			;
		turn(e);
	}
	assert_int_equal(msg_stuck(e->engine), 0);
}

static void
the_owner_may_free_the_channel_in_a_callback(void **state)
{
	struct end *e = *state;
	struct hit hit = { .id = 1 };
	uint32_t header[2] = { FRAME_HIT, sizeof(hit) };

	e->free_on_message = true;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(write(e->raw, header, sizeof(header)), sizeof(header));
		assert_int_equal(write(e->raw, &hit, sizeof(hit)), sizeof(hit));
	}
	turn(e);
	assert_int_equal(e->got[FRAME_HIT], 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_frame_arrives_whole_however_it_is_cut, setup, teardown),
		cmocka_unit_test_setup_teardown(an_unknown_type_breaks_the_channel_once, setup, teardown),
		cmocka_unit_test_setup_teardown(a_wrong_size_breaks_the_channel, setup, teardown),
		cmocka_unit_test_setup_teardown(a_type_for_another_direction_breaks_the_channel, setup, teardown),
		cmocka_unit_test_setup_teardown(the_end_of_the_stream_is_an_error, setup, teardown),
		cmocka_unit_test_setup_teardown(descriptors_ride_along_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(a_frame_without_its_descriptor_breaks_the_channel, setup, teardown),
		cmocka_unit_test_setup_teardown(a_slow_reader_costs_bounded_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(a_reader_is_slow_once_its_socket_is_full, setup, teardown),
		cmocka_unit_test_setup_teardown(the_owner_may_free_the_channel_in_a_callback, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
