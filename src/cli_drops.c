/*
 * Blocked packets in pcap files: drops -r and drops -w.
 *
 * Only one program can read the log device, and where a daemon serves that is
 * the daemon: it is asked for a copy, which any operator may have.  Without
 * one the device is opened here, which needs root.
 *
 * A copy is a stream of notifications on a connection of its own.  A signal
 * ends it by asking for the end: what had been sent before that is still
 * written, and the answer tells how much was missed.
 */
#include "config.h"

#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base64.h"
#include "cli.h"
#include "drops/drops.h"
#include "drops/show.h"
#include "msg.h"
#include "text.h"
#include "xmalloc.h"

enum {
	LINES_SIZE = 256 << 10,	/* many packets; the longest line is far shorter */
	POLL_MS = 200,
	ANSWER_US = 5000000,
	BEGIN_ID = 1,
	END_ID = 2,
};

struct copy {
	const char	*path;
	uint64_t	 max;
	struct savefile	*file;		/* NULL: the daemon has not agreed yet */
	int		 fd;
	uint64_t	 missed;
	uint64_t	 deadline;	/* mono: of the answer waited for, 0: none */
	bool		 ending, ended;
	enum exit_code	 code;
	char		*cause;
	size_t		 len;
	char		 lines[LINES_SIZE + 1];
};

static volatile int stop;	/* a signal says so */

static void
packet_print(const struct drop *d, void *arg)
{
	const bool *json = arg;
	char line[DROP_LINE_SIZE];
	json_t *row;

	if (!*json) {
		puts(drop_format(line, d));
		return;
	}
	row = drop_json(d);
	cli_print_json(row);
	json_decref(row);
}

static enum exit_code
drops_read(const char *path, bool json)
{
	char *cause = capture_read_file(path, packet_print, &json);

	return cause != NULL ? cli_fail(EXIT_NO, cause) : EXIT_DONE;
}

/* ---- a copy from the daemon ---- */

/* Ends the copy with a cause, unless it has one. */
static void
copy_fail(struct copy *c, enum exit_code code, char *cause)
{
	if (c->cause == NULL) {
		c->cause = cause;
		c->code = code;
	} else
		free(cause);
	c->ended = true;
}

static void
copy_ask(struct copy *c, int id, bool on)
{
	char *line = xasprintf("{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":\"drops.capture\","
	    "\"params\":{\"on\":%s}}\n", id, on ? "true" : "false");
	const size_t len = strlen(line);

	/* It fits the socket's buffer; what the daemon said before it closed is
	 * worth more than the error of one that did. */
	if (send(c->fd, line, len, MSG_NOSIGNAL) != (ssize_t)len && errno != EPIPE)
		copy_fail(c, EXIT_NO_DAEMON, xasprintf("cannot ask the daemon: %s", strerror(errno)));
	c->deadline = now_mono() + ANSWER_US;
	free(line);
}

static void
copy_packet(struct copy *c, const json_t *params)
{
	const char *data = json_string_value(json_object_get(params, "data"));
	const json_int_t len = json_integer_value(json_object_get(params, "len"));
	const double time = json_number_value(json_object_get(params, "time"));
	uint8_t bytes[PACKET_BYTES_MAX];
	size_t caplen;

	if (data == NULL || !base64_decode(data, bytes, sizeof(bytes), &caplen) ||
	    len < (json_int_t)caplen || len > INT32_MAX || !(time >= 0 && time < UINT32_MAX)) {
		copy_fail(c, EXIT_NO, xstrdup("the daemon sent a packet that is none; does it have "
		    "this program's version?"));
		return;
	}
	if (savefile_full(c->file))
		return;
	savefile_add(c->file, (uint64_t)(time * 1e6 + 0.5), bytes, caplen, (size_t)len);
	c->missed = (uint64_t)json_integer_value(json_object_get(params, "missed"));
}

static void
copy_answer(struct copy *c, const json_t *answer)
{
	const json_int_t id = json_integer_value(json_object_get(answer, "id"));
	enum exit_code code = EXIT_DONE;
	char *cause = NULL;
	json_t *result = client_result(answer, &code, &cause);

	c->deadline = 0;
	if (result == NULL)
		copy_fail(c, code, cause);
	else if (id == END_ID) {
		c->missed = (uint64_t)json_integer_value(json_object_get(result, "missed"));
		c->ended = true;
	} else if ((c->file = savefile_open(c->path, c->max, &cause)) == NULL)
		copy_fail(c, EXIT_NO, cause);
	json_decref(result);
}

static void
copy_line(struct copy *c, const char *line, size_t len)
{
	json_t *message = json_loadb(line, len, 0, NULL);
	const char *method = json_string_value(json_object_get(message, "method"));

	if (message == NULL)
		copy_fail(c, EXIT_NO, xstrdup("the daemon's answer is not JSON"));
	else if (method == NULL)
		copy_answer(c, message);
	else if (strcmp(method, "packet") == 0 && c->file != NULL)
		copy_packet(c, json_object_get(message, "params"));
	json_decref(message);
}

/* Takes what has arrived; what is left of lines is the start of the next one. */
static void
copy_read(struct copy *c)
{
	ssize_t n = read(c->fd, c->lines + c->len, LINES_SIZE - c->len);
	char *line = c->lines, *end;

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		copy_fail(c, EXIT_NO_DAEMON, xstrdup("the daemon has gone; start it again with "
		    "\"gatehouse daemon\""));
		return;
	}
	c->len += (size_t)n;
	while (!c->ended && (end = memchr(line, '\n', c->len - (size_t)(line - c->lines))) != NULL) {
		copy_line(c, line, (size_t)(end - line));
		line = end + 1;
	}
	c->len -= (size_t)(line - c->lines);
	memmove(c->lines, line, c->len);
	if (c->len == LINES_SIZE)
		copy_fail(c, EXIT_NO, xstrdup("the daemon's answer is too long"));
}

static void
copy_run(struct copy *c)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };
	char *cause;

	copy_ask(c, BEGIN_ID, true);
	while (!c->ended) {
		if (poll(&p, 1, POLL_MS) > 0)
			copy_read(c);
		if (c->file != NULL && (cause = savefile_flush(c->file)) != NULL)
			copy_fail(c, EXIT_NO, cause);
		if (c->file != NULL && savefile_full(c->file))
			c->ended = true;
		if (stop && !c->ending && !c->ended) {
			c->ending = true;
			copy_ask(c, END_ID, false);
		}
		if (c->deadline != 0 && now_mono() > c->deadline)
			copy_fail(c, EXIT_NO, xstrdup("the daemon does not answer; see its log"));
	}
}

/* ---- writing ---- */

static void
on_signal(int sig)
{
	stop = 1;
}

static void
summary(uint64_t written, uint64_t missed)
{
	fprintf(stderr, "gatehouse: %llu packet%s written, %llu missed\n",
	    (unsigned long long)written, written == 1 ? "" : "s", (unsigned long long)missed);
}

static enum exit_code
write_from_daemon(int fd, const char *path, uint64_t max)
{
	struct copy *c = xcalloc(1, sizeof(*c));
	enum exit_code code;

	c->fd = fd;
	c->path = path;
	c->max = max;
	copy_run(c);
	if (c->file != NULL)
		summary(savefile_written(c->file), c->missed);
	savefile_close(c->file);
	code = c->cause != NULL ? cli_fail(c->code, c->cause) : EXIT_DONE;
	close(fd);
	free(c);
	return code;
}

static enum exit_code
write_from_device(const struct conf *conf, const char *path, uint64_t max)
{
	uint64_t written, missed;
	char *cause = capture_write_file(conf, path, max, &stop, &written, &missed);

	if (cause == NULL || written != 0)
		summary(written, missed);
	return cause != NULL ? cli_fail(EXIT_NO, cause) : EXIT_DONE;
}

static enum exit_code
drops_write(const struct conf *conf, const char *path, uint64_t max)
{
	struct sigaction end = { .sa_handler = on_signal }, ignore = { .sa_handler = SIG_IGN };
	enum exit_code code;
	char *cause;
	int fd;

	if (strcmp(path, "-") == 0 && isatty(STDOUT_FILENO))
		return cli_fail(EXIT_USAGE, xstrdup("drops: packets are not for a terminal: name a "
		    "file, or pipe them: gatehouse drops -w - | tcpdump -r -"));
	sigaction(SIGINT, &end, NULL);
	sigaction(SIGTERM, &end, NULL);
	/* A reader of our output that has seen enough: told by an error instead. */
	sigaction(SIGPIPE, &ignore, NULL);
	fd = client_connect(conf->control, &code, &cause);
	if (fd != -1)
		return write_from_daemon(fd, path, max);
	if (code != EXIT_NO_DAEMON)
		return cli_fail(code, cause);
	free(cause);
	return write_from_device(conf, path, max);
}

/* ---- words ---- */

bool
cli_drops(const struct conf *conf, int argc, char **argv, bool json, enum exit_code *code)
{
	const char *from = NULL, *to = NULL, *count = NULL, *why;
	char *cause = NULL;
	uint64_t max = 0;

	for (int i = 1; i < argc && cause == NULL; i++) {
		const char **value = strcmp(argv[i], "-r") == 0 ? &from :
		    strcmp(argv[i], "-w") == 0 ? &to : strcmp(argv[i], "-c") == 0 ? &count : NULL;

		if (value == NULL && (from != NULL || to != NULL))
			cause = xasprintf("drops: one word too many: %s", argv[i]);
		else if (value == NULL)
			return false;
		else if (i + 1 == argc)
			cause = xasprintf("drops: %s needs %s", argv[i], value == &count ?
			    "a number of packets" : "the name of a pcap file");
		else
			*value = argv[++i];
	}
	if (cause == NULL && from == NULL && to == NULL && count == NULL)
		return false;
	if (cause == NULL && from == NULL && to == NULL)
		cause = xstrdup("drops: -c goes with -w FILE; --limit says how many rows");
	if (cause == NULL && from != NULL && (to != NULL || count != NULL))
		cause = xasprintf("drops: -r takes no %s", to != NULL ? "-w" : "-c");
	if (cause == NULL && count != NULL && !text_number(count, 1, UINT64_MAX, &max, &why))
		cause = xasprintf("drops: -c %s: %s", count, why);
	if (cause != NULL)
		*code = cli_fail(EXIT_USAGE, cause);
	else
		*code = from != NULL ? drops_read(from, json) : drops_write(conf, to, max);
	return true;
}
