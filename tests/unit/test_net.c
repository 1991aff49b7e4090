/* net between priv and the engine: when it listens, what it keeps when one of
 * them goes away. */
#include "config.h"

#include "unit.h"

#include <sys/socket.h>

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "allow/allow.h"
#include "dns/resolver.h"
#include "drops/drops.h"
#include "drops/pflog.h"
#include "msg.h"
#include "net.h"

struct world {
	struct event_base	*base;
	struct resolver		*resolver;
	struct conf		 conf;
	struct net		*net;
	struct msg_channel	*priv, *engine;
	unsigned		 ready, states, lost;
	struct msg_net_state	 state, first_state;	/* latest, and first of an engine */
	bool			 first;			/* there was one */
	uint32_t		 learn;			/* for send_allow() */
	uint64_t		 learn_for;
};

static void
on_frame(enum frame type, const void *body, int fd, void *arg)
{
	struct world *w = arg;

	assert_int_equal(fd, -1);
	w->ready += type == FRAME_READY;
	if (type == FRAME_NET_STATE) {
		w->states++;
		memcpy(&w->state, body, sizeof(w->state));
		if (!w->first)
			w->first_state = w->state;
		w->first = true;
	}
}

static void
on_error(const char *why, void *arg)
{
	(void)arg;
	fail_msg("net broke its channel: %s", why);
}

static void
on_lost(const char *why, void *arg)
{
	struct world *w = arg;

	(void)why;
	w->lost++;
}

static void
turn(struct world *w)
{
	for (int i = 0; i < 8; i++)
		event_base_loop(w->base, EVLOOP_NONBLOCK);
}

/* What priv does when an engine starts. */
static void
start_engine(struct world *w)
{
	const struct msg_peer peer = { .generation = 9 };
	int sv[2];

	msg_channel_free(w->engine);
	w->first = false;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	w->engine = msg_channel_new(w->base, sv[0], ROLE_ENGINE, ROLE_NET, on_frame, on_error, w);
	assert_true(msg_send(w->priv, FRAME_PEER, &peer, sv[1]));
	close(sv[1]);
	turn(w);
}

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	char *cause;
	int sv[2];

	if (w == NULL || socketpair(AF_UNIX, SOCK_STREAM, 0, sv) == -1)
		return -1;
	w->base = event_base_new();
	conf_defaults(&w->conf);
	w->resolver = resolver_new(w->base, &w->conf, &cause);
	w->conf.proxy_port = w->conf.explicit_port = w->conf.dns_port = 0;
	w->priv = msg_channel_new(w->base, sv[0], ROLE_PRIV, ROLE_NET, on_frame, on_error, w);
	w->net = net_new(w->base, w->resolver, &w->conf, NULL, sv[1], NULL, "no log device here", on_lost, w);
	start_engine(w);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	net_free(w->net);
	msg_channel_free(w->priv);
	msg_channel_free(w->engine);
	resolver_free(w->resolver);
	event_base_free(w->base);
	free(w);
	return 0;
}

static void
send_allow(struct world *w, uint32_t generation, size_t lie)
{
	static const char text[] = ".github.com\n";
	struct msg_allow allow = { .generation = generation, .learn = w->learn,
		.learn_for = w->learn_for };
	struct allowlist *list;
	size_t size;
	char *cause;
	int fd;

	list = allowlist_parse(text, strlen(text), "test", NULL, &cause);
	assert_non_null(list);
	fd = allow_compile(list, &size, &cause);
	assert_int_not_equal(fd, -1);
	allow.size = size + lie;
	assert_true(msg_send(w->engine, FRAME_ALLOW, &allow, fd));
	close(fd);
	allowlist_free(list);
	turn(w);
}

static void
send_run(struct world *w, uint32_t run)
{
	const struct msg_proxy proxy = { .run = run };

	assert_true(msg_send(w->engine, FRAME_PROXY, &proxy, -1));
	turn(w);
}

static void
net_says_that_it_is_ready_and_what_is_down(void **state)
{
	struct world *w = *state;

	assert_true(w->ready > 0);
	assert_true(w->states > 0);
	assert_false(w->state.capture_up);
	assert_string_equal(w->state.cause, "no log device here");
}

static void
it_listens_only_with_an_allowlist_and_when_told(void **state)
{
	struct world *w = *state;

	send_run(w, 1);
	assert_false(w->state.proxy_up);
	send_allow(w, 5, 0);
	assert_true(w->state.proxy_up);
	assert_int_equal(w->state.allow_generation, 5);
	send_run(w, 0);
	assert_false(w->state.proxy_up);
}

static void
an_allowlist_that_lies_changes_nothing(void **state)
{
	struct world *w = *state;

	send_allow(w, 5, 0);
	send_run(w, 1);
	send_allow(w, 6, 4096);
	assert_int_equal(w->state.allow_generation, 5);
	assert_true(w->state.proxy_up);
}

static void
what_is_in_force_stays_when_the_engine_dies(void **state)
{
	struct world *w = *state;

	send_allow(w, 5, 0);
	send_run(w, 1);
	start_engine(w);
	assert_true(w->state.proxy_up);
	assert_int_equal(w->state.allow_generation, 5);
	assert_int_equal(w->lost, 0);
}

static void
send_learn(struct world *w, uint32_t generation, uint32_t learn, uint64_t learn_for)
{
	w->learn = learn;
	w->learn_for = learn_for;
	send_allow(w, generation, 0);
	w->learn = 0;
	w->learn_for = 0;
}

static void
it_learns_as_long_as_the_engine_that_said_so_is_there(void **state)
{
	struct world *w = *state;

	send_learn(w, 5, 1, 0);
	assert_true(w->state.learning);
	assert_false(w->state.learn_lost);
	send_allow(w, 6, 0);
	assert_false(w->state.learning);
	send_learn(w, 7, 1, 0);
	msg_channel_free(w->engine);
	w->engine = NULL;
	turn(w);
	/* The next one hears of it once, and that the list is as it was. */
	start_engine(w);
	assert_true(w->first);
	assert_true(w->first_state.learn_lost);
	assert_false(w->first_state.learning);
	assert_int_equal(w->state.allow_generation, 7);
	send_allow(w, 8, 0);
	assert_false(w->state.learn_lost);
	/* Also when the new one comes before the old one's end was seen. */
	send_learn(w, 9, 1, 0);
	start_engine(w);
	assert_true(w->first_state.learn_lost);
	assert_false(w->state.learning);
}

static void
it_ends_learning_by_itself_when_the_time_is_over(void **state)
{
	struct world *w = *state;

	send_learn(w, 5, 1, 200000);
	assert_true(w->state.learning);
	/* The engine says no more. */
	for (int i = 0; i < 30 && w->state.learning; i++) {
		usleep(100000);
		turn(w);
	}
	assert_false(w->state.learning);
	assert_false(w->state.learn_lost);
}

static void
a_list_that_lies_does_not_keep_it_learning(void **state)
{
	struct world *w = *state;

	send_learn(w, 5, 1, 0);
	send_allow(w, 6, 4096);
	assert_int_equal(w->state.allow_generation, 5);
	send_run(w, 1);
	assert_false(w->state.learning);
}

static void
a_guest_that_cannot_be_one_is_ignored(void **state)
{
	struct world *w = *state;
	struct msg_guest guest = { .addr = { .family = 9 }, .guest_id = 1 };

	assert_true(msg_send(w->engine, FRAME_GUEST, &guest, -1));
	guest.addr.family = 4;
	memset(guest.name, 'x', sizeof(guest.name));
	assert_true(msg_send(w->engine, FRAME_GUEST, &guest, -1));
	turn(w);
	assert_int_equal(w->lost, 0);
}

static void
without_priv_it_ends(void **state)
{
	struct world *w = *state;

	msg_channel_free(w->priv);
	w->priv = NULL;
	turn(w);
	assert_int_equal(w->lost, 1);
}

#define net_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* The label of rule number of the anchor, by pf's log. */
static const char *
label_of(uint8_t number, struct drop *d)
{
	uint8_t b[64] = { 61, 2, 1 };

	memcpy(b + 20, "gatehouse", 9);
	b[43] = number;
	pflog_decode(b, sizeof(b), sizeof(b), d);
	return d->label;
}

static void
priv_says_which_rule_a_number_of_the_log_is(void **state)
{
	struct msg_log_rules m = { .first = 1, .n = 1,
		.rules = { { .number = 3, .anchor = "gatehouse", .label = "smb" } } };
	struct world *w = *state;
	struct drop d;

	assert_true(msg_send(w->priv, FRAME_LOG_RULES, &m, -1));
	m.first = 0;
	m.rules[0] = (struct pflog_rule){ .number = 4, .anchor = "gatehouse", .label = "quic" };
	assert_true(msg_send(w->priv, FRAME_LOG_RULES, &m, -1));
	turn(w);
	assert_string_equal(label_of(3, &d), "smb");
	assert_string_equal(label_of(4, &d), "quic");
	m = (struct msg_log_rules){ .first = 1 };
	assert_true(msg_send(w->priv, FRAME_LOG_RULES, &m, -1));
	turn(w);
	assert_string_equal(label_of(3, &d), "gatehouse.3");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		net_test(net_says_that_it_is_ready_and_what_is_down),
		net_test(it_listens_only_with_an_allowlist_and_when_told),
		net_test(an_allowlist_that_lies_changes_nothing),
		net_test(what_is_in_force_stays_when_the_engine_dies),
		net_test(it_learns_as_long_as_the_engine_that_said_so_is_there),
		net_test(it_ends_learning_by_itself_when_the_time_is_over),
		net_test(a_list_that_lies_does_not_keep_it_learning),
		net_test(a_guest_that_cannot_be_one_is_ignored),
		net_test(priv_says_which_rule_a_number_of_the_log_is),
		net_test(without_priv_it_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
