/* The other end of the control socket: one request, one answer, in time. */
#include "config.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control.h"
#include "fds.h"
#include "xmalloc.h"

enum { READ_SIZE = 64 << 10 };

static char *
connect_cause(const char *path, int error, enum exit_code *code)
{
	*code = EXIT_NO_DAEMON;
	switch (error) {
	case ENOENT:
		return xasprintf("no daemon is running: there is no %s; start it as root with "
		    "\"gatehouse daemon\"; until then rules stay as they are", path);
	case ECONNREFUSED:
		return xasprintf("no daemon is running: nobody answers at %s; start it as root with "
		    "\"gatehouse daemon\"; until then rules stay as they are", path);
	case EACCES:
	case EPERM:
		*code = EXIT_NOT_PERMITTED;
		return xasprintf("%s: you may not use this daemon; become root, or a member of group "
		    "%s (\"usermod -aG %s USER\", then log in again)", path, GATEHOUSE_GROUP,
		    GATEHOUSE_GROUP);
	default:
		return xasprintf("%s: cannot connect to the daemon: %s", path, strerror(error));
	}
}

int
client_connect(const char *path, enum exit_code *code, char **cause)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd;

	if (copy_string(sun.sun_path, path, sizeof(sun.sun_path)) >= sizeof(sun.sun_path)) {
		*code = EXIT_USAGE;
		*cause = xasprintf("%s: the path is too long for a socket; change [daemon] control",
		    path);
		return -1;
	}
	fd = fds_socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd == -1 || connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1) {
		*cause = connect_cause(path, errno, code);
		if (fd != -1)
			close(fd);
		return -1;
	}
	return fd;
}

/* Waits until fd is ready for what; false when the time is over. */
static bool
wait_for(int fd, short what, uint64_t deadline)
{
	struct pollfd p = { .fd = fd, .events = what };
	uint64_t now;
	int n;

	for (;;) {
		now = now_mono();
		if (now >= deadline)
			return false;
		n = poll(&p, 1, (int)((deadline - now) / 1000 + 1));
		if (n > 0)
			return true;
		if (n == -1 && errno != EINTR)
			return false;
	}
}

static char *
send_all(int fd, const char *p, size_t len, uint64_t deadline)
{
	while (len > 0) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n == -1 && (errno == EAGAIN || errno == EINTR)) {
			if (!wait_for(fd, POLLOUT, deadline))
				return xstrdup("the daemon does not read what it is asked");
			continue;
		}
		/* What it said before it closed is worth more than the error. */
		if (n == -1)
			return NULL;
		p += n;
		len -= (size_t)n;
	}
	return NULL;
}

/* One line, without its newline; NULL and *cause. Caller frees. */
static char *
read_line(int fd, uint64_t deadline, char **cause)
{
	size_t len = 0, size = 0;
	char *line = NULL, *end;

	for (;;) {
		ssize_t n;

		if (size - len < READ_SIZE) {
			size = size * 2 + READ_SIZE;
			line = xreallocarray(line, size, 1);
		}
		if (!wait_for(fd, POLLIN, deadline)) {
			*cause = xstrdup("the daemon does not answer; see its log");
			break;
		}
		n = read(fd, line + len, size - len - 1);
		if (n == -1 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0) {
			*cause = xstrdup("the daemon closed the connection; see its log");
			break;
		}
		line[len + (size_t)n] = '\0';
		end = memchr(line + len, '\n', (size_t)n);
		len += (size_t)n;
		if (end != NULL) {
			*end = '\0';
			return line;
		}
		if (len > CONTROL_REPLY_MAX * 2) {
			*cause = xstrdup("the daemon's answer is too long");
			break;
		}
	}
	free(line);
	return NULL;
}

static enum exit_code
error_exit(json_int_t code)
{
	switch (code) {
	case CONTROL_NOT_PERMITTED:
		return EXIT_NOT_PERMITTED;
	case CONTROL_BAD_PARAMS:
	case CONTROL_NO_METHOD:
		return EXIT_USAGE;
	default:
		return EXIT_NO;
	}
}

json_t *
client_result(const json_t *answer, enum exit_code *code, char **cause)
{
	json_t *error = json_object_get(answer, "error"), *result = json_object_get(answer, "result");
	const char *message = json_string_value(json_object_get(error, "message"));

	if (error != NULL) {
		*code = error_exit(json_integer_value(json_object_get(error, "code")));
		*cause = xstrdup(message != NULL ? message : "the daemon refused and did not say why");
		return NULL;
	}
	if (result == NULL) {
		*code = EXIT_NO;
		*cause = xstrdup("the daemon's answer has no result");
	}
	return json_incref(result);
}

json_t *
client_call(int fd, const char *method, json_t *params, int seconds, enum exit_code *code,
    char **cause)
{
	uint64_t deadline = now_mono() + (uint64_t)seconds * 1000000;
	json_t *request, *answer = NULL, *result = NULL;
	char *line = NULL, *reply;

	*cause = NULL;
	*code = EXIT_NO_DAEMON;
	request = json_pack("{s:s, s:i, s:s, s:o}", "jsonrpc", "2.0", "id", 1, "method", method,
	    "params", params != NULL ? params : json_object());
	line = json_dumps(request, JSON_COMPACT);
	json_decref(request);
	if (line == NULL) {
		*code = EXIT_USAGE;
		*cause = xstrdup("the words are not UTF-8");
		return NULL;
	}
	reply = xasprintf("%s\n", line);
	*cause = send_all(fd, reply, strlen(reply), deadline);
	free(reply);
	while (*cause == NULL && result == NULL) {
		if ((reply = read_line(fd, deadline, cause)) == NULL)
			break;
		answer = json_loads(reply, 0, NULL);
		free(reply);
		if (answer == NULL)
			*cause = xstrdup("the daemon's answer is not JSON");
		else if (json_object_get(answer, "method") == NULL)
			result = client_result(answer, code, cause);
		json_decref(answer);
	}
	free(line);
	if (result != NULL)
		*code = EXIT_DONE;
	return result;
}
