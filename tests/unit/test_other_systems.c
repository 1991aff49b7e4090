/*
 * Files of other systems that build here as well: descriptors set by fcntl(2), and the
 * compiled list as a copy of a file without a name.  They stand in for this system's.
 */
#include "config.h"

#include "unit.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <unistd.h>

#include "allow/memfile.h"
#include "fds.h"

static void
assert_flags(int fd, bool async)
{
	assert_int_not_equal(fd, -1);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0, async);
}

static void
descriptors_end_with_exec(void **state)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sin);
	int fds[2], listener, client, fd;

	assert_int_equal(fds_pipe(fds), 0);
	assert_flags(fds[0], false);
	assert_flags(fds[1], false);
	close(fds[0]);
	close(fds[1]);
	assert_int_equal(fds_pair(fds), 0);
	assert_flags(fds[0], false);
	assert_flags(fds[1], false);
	close(fds[0]);
	close(fds[1]);
	listener = fds_socket(AF_INET, SOCK_STREAM, 0);
	assert_flags(listener, false);
	assert_int_equal(bind(listener, (struct sockaddr *)&sin, len), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&sin, &len), 0);
	client = fds_socket_async(AF_INET, SOCK_STREAM, 0);
	assert_flags(client, true);
	(void)connect(client, (struct sockaddr *)&sin, len);
	fd = fds_accept(listener, NULL, NULL);
	assert_flags(fd, true);
	assert_int_equal(fds_accept(-1, NULL, NULL), -1);
	close(fd);
	close(client);
	close(listener);
}

static void
a_copy_does_not_change_with_its_file(void **state)
{
	const char *cause = NULL, *copy;
	char *why = NULL;
	void *map;
	int fd = memfile_new(4096, &map, &why);

	assert_int_not_equal(fd, -1);
	memcpy(map, "listed", 7);
	assert_int_equal(memfile_seal(fd, map, 4096, 7), 0);
	assert_null(memfile_map(fd, 4096, &cause));
	assert_non_null(strstr(cause, "another size"));
	assert_null(memfile_map(fd, 0, &cause));
	copy = memfile_map(fd, 7, &cause);
	assert_non_null(copy);
	assert_int_equal(pwrite(fd, "others", 7, 0), 7);
	assert_string_equal(copy, "listed");
	memfile_unmap(copy, 7);
	close(fd);
}

/* Whoever wrote it may cut it while it is read. */
static void
what_cannot_be_read_is_no_image(void **state)
{
	const char *cause = NULL;
	int fds[2];

	assert_int_equal(fds_pipe(fds), 0);
	assert_null(memfile_map(fds[0], 7, &cause));
	assert_non_null(cause);
	close(fds[0]);
	close(fds[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(descriptors_end_with_exec),
		cmocka_unit_test(a_copy_does_not_change_with_its_file),
		cmocka_unit_test(what_cannot_be_read_is_no_image),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
