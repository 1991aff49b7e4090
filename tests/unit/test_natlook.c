/*
 * The question for a connection's destination before pf turned it: the places of its
 * fields and its number, by the systems' own headers (net/pfvar.h), and what an answer
 * means; and who asks it where only root may.
 */
#include "config.h"

#include "unit.h"

#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <unistd.h>

#include "addr.h"
#include "proxy/asroot.h"
#include "proxy/natlook.h"
#include "proxy/original.h"
#include "proxy/original_pf.h"

static void
freebsds_struct_has_76_bytes(void **state)
{
	const struct natlook_layout *l = &natlook_freebsd;

	assert_int_equal(l->size, 76);
	assert_int_equal(l->request, 0xc04c4417UL);
	assert_int_equal(l->saddr, 0);
	assert_int_equal(l->daddr, 16);
	assert_int_equal(l->rdaddr, 48);
	assert_int_equal(l->sport, 64);
	assert_int_equal(l->dport, 66);
	assert_int_equal(l->rdport, 70);
	assert_int_equal(l->af, 72);
	assert_int_equal(l->proto, 73);
	assert_int_equal(l->direction, 74);
	assert_int_equal(l->inet6, 28);
}

static void
macoss_struct_has_84_bytes(void **state)
{
	const struct natlook_layout *l = &natlook_darwin;

	assert_int_equal(l->size, 84);
	assert_int_equal(l->request, 0xc0544417UL);
	assert_int_equal(l->saddr, 0);
	assert_int_equal(l->daddr, 16);
	assert_int_equal(l->rdaddr, 48);
	assert_int_equal(l->sport, 64);
	assert_int_equal(l->dport, 68);
	assert_int_equal(l->rdport, 76);
	assert_int_equal(l->af, 80);
	assert_int_equal(l->proto, 81);
	assert_int_equal(l->direction, 83);
	assert_int_equal(l->inet6, 30);
}

static struct addr
addr(const char *text)
{
	struct addr a;

	assert_true(addr_parse(text, &a));
	return a;
}

static void
a_question_names_both_ends(void **state)
{
	static const struct natlook_layout *const layouts[] = { &natlook_freebsd, &natlook_darwin };
	const struct addr peer = addr("10.77.0.11"), local = addr("127.0.0.1");
	uint8_t b[NATLOOK_SIZE_MAX], want[NATLOOK_SIZE_MAX];

	for (size_t i = 0; i < 2; i++) {
		const struct natlook_layout *l = layouts[i];

		assert_true(l->size <= sizeof(b));
		memset(b, 0xff, sizeof(b));
		natlook_ask(l, b, &peer, 40001, &local, 8643);
		memset(want, 0, sizeof(want));
		memcpy(want + l->saddr, "\x0a\x4d\x00\x0b", 4);
		memcpy(want + l->daddr, "\x7f\x00\x00\x01", 4);
		memcpy(want + l->sport, "\x9c\x41", 2);
		memcpy(want + l->dport, "\x21\xc3", 2);
		want[l->af] = 2;
		want[l->proto] = 6;
		want[l->direction] = 2;
		assert_memory_equal(b, want, sizeof(b));
	}
}

static void
an_answer_is_the_destination(void **state)
{
	const struct natlook_layout *l = &natlook_freebsd;
	const struct addr peer = addr("fd77::11"), local = addr("fd77::1"), far = addr("2001:db8::7");
	uint8_t b[NATLOOK_SIZE_MAX];
	struct addr got;
	uint16_t port;

	natlook_ask(l, b, &peer, 40001, &local, 8643);
	assert_int_equal(b[l->af], 28);
	memcpy(b + l->rdaddr, far.bytes, 16);
	memcpy(b + l->rdport, "\x01\xbb", 2);
	assert_true(natlook_answer(l, b, &got, &port));
	assert_true(addr_equal(&got, &far));
	assert_int_equal(port, 443);
}

static void
an_answer_without_sense_is_none(void **state)
{
	const struct natlook_layout *l = &natlook_darwin;
	const struct addr peer = addr("10.77.0.11"), local = addr("127.0.0.1");
	uint8_t b[NATLOOK_SIZE_MAX];
	struct addr got;
	uint16_t port;

	natlook_ask(l, b, &peer, 40001, &local, 8643);
	assert_false(natlook_answer(l, b, &got, &port));	/* no port */
	memcpy(b + l->rdport, "\x01\xbb", 2);
	b[l->af] = 28;						/* another system's family */
	assert_false(natlook_answer(l, b, &got, &port));
}

enum { QUESTION = 4 };

/* Adds one to what it is asked; an 'e' is an error, and a 'd' the end. */
static int
add_one(int subject, uint8_t *question)
{
	if (fcntl(subject, F_GETFD) == -1)
		return EBADF;
	if (question[0] == 'e')
		return ENOENT;
	if (question[0] == 'd')
		_exit(0);
	question[QUESTION - 1]++;
	return 0;
}

static void
another_process_asks(void **state)
{
	const int null = open("/dev/null", O_RDONLY), asker = asroot_start(null, add_one, QUESTION);
	uint8_t q[QUESTION] = "abc";

	assert_int_not_equal(asker, -1);
	close(null);
	for (int i = 1; i < 100; i++) {
		assert_int_equal(asroot_ask(asker, q, sizeof(q)), 0);
		assert_int_equal(q[0], 'a');
		assert_int_equal(q[QUESTION - 1], i);
	}
	q[0] = 'e';
	assert_int_equal(asroot_ask(asker, q, sizeof(q)), ENOENT);
	assert_int_equal(q[0], 'e');
	q[0] = 'a';
	assert_int_equal(asroot_ask(asker, q, sizeof(q)), 0);
	/* It ends when nobody can ask it any more. */
	close(asker);
	assert_true(wait(NULL) > 0);
}

static void
one_that_is_gone_answers_nothing(void **state)
{
	const int null = open("/dev/null", O_RDONLY), asker = asroot_start(null, add_one, QUESTION);
	uint8_t q[QUESTION] = "dbc";

	close(null);
	for (int i = 0; i < 3; i++)
		assert_int_equal(asroot_ask(asker, q, sizeof(q)), EPIPE);
	close(asker);
	assert_true(wait(NULL) > 0);
}

/* ---- what it is asked for ---- */

/* A system's own file: pf, and what it says. */
const char original_device[] = "/dev/null";
static int says, asked;

const struct natlook_layout *
original_layout(void)
{
	return &natlook_freebsd;
}

int
original_keep(int fd)
{
	return fd;
}

int
original_ask(int fd, uint8_t question[NATLOOK_SIZE_MAX])
{
	const struct natlook_layout *l = original_layout();

	(void)fd;
	asked++;
	memset(question + l->rdaddr, 8, 4);
	question[l->rdport] = 0;
	question[l->rdport + 1] = 80;
	return says;
}

/* Our end of a connection to 127.0.0.1 from that address. */
static int
connection_from(const char *text, int *client)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in from = { .sin_family = AF_INET };
	const struct addr a = addr(text);
	socklen_t len = sizeof(sin);
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd;

	memcpy(&from.sin_addr, a.bytes, 4);
	*client = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&sin, sizeof(sin)), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&sin, &len), 0);
	assert_int_equal(bind(*client, (struct sockaddr *)&from, sizeof(from)), 0);
	assert_int_equal(connect(*client, (struct sockaddr *)&sin, len), 0);
	fd = accept(listener, NULL, NULL);
	close(listener);
	return fd;
}

static enum original
destination_from(const char *text, uint16_t *port)
{
	struct addr a;
	int client, fd = connection_from(text, &client);
	const enum original o = original_destination(fd, 4, &a, port);

	close(fd);
	close(client);
	return o;
}

static void
what_pf_never_turned_has_no_other_destination(void **state)
{
	char *cause;
	uint16_t port;

	assert_true(original_open(&cause));
	says = 0;
	assert_int_equal(destination_from("127.0.0.2", &port), ORIGINAL_KNOWN);
	assert_int_equal(port, 80);
	/* There is no state of it. */
	says = ENOENT;
	assert_int_equal(destination_from("127.0.0.2", &port), ORIGINAL_NONE);
	/* This host's own way to the proxy's port is not even asked for. */
	says = 0;
	asked = 0;
	assert_int_equal(destination_from("127.0.0.1", &port), ORIGINAL_NONE);
	assert_int_equal(asked, 0);
	says = EPERM;
	assert_int_equal(destination_from("127.0.0.2", &port), ORIGINAL_UNTOLD);
	original_close();
	assert_int_equal(destination_from("127.0.0.2", &port), ORIGINAL_UNTOLD);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(freebsds_struct_has_76_bytes),
		cmocka_unit_test(macoss_struct_has_84_bytes),
		cmocka_unit_test(a_question_names_both_ends),
		cmocka_unit_test(an_answer_is_the_destination),
		cmocka_unit_test(an_answer_without_sense_is_none),
		cmocka_unit_test(another_process_asks),
		cmocka_unit_test(one_that_is_gone_answers_nothing),
		cmocka_unit_test(what_pf_never_turned_has_no_other_destination),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
