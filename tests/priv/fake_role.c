/*
 * A role that misbehaves when told to: what tests/unit/test_priv.c lets priv
 * execute as engine and net.  It logs each frame it gets to $FAKE_DIR/ROLE.log
 * and, at its start and at each SIGUSR1, does what $FAKE_DIR/ROLE.do says and
 * removes that file.
 */
#include "config.h"

#include <sys/socket.h>

#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "msg.h"
#include "role.h"

static const char *dir, *name;
static enum role self;
static struct msg_channel *channel;
static struct event_base *base;
static bool silent;

static void __attribute__((format(printf, 1, 2)))
note(const char *fmt, ...)
{
	char path[512];
	va_list ap;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s.log", dir, name);
	f = fopen(path, "a");
	if (f == NULL)
		exit(9);
	va_start(ap, fmt);
	vfprintf(f, fmt, ap);
	va_end(ap);
	fputc('\n', f);
	fclose(f);
}

/* All of it, though the channel made the socket non-blocking. */
static void
put(const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	struct pollfd writable = { .fd = ROLE_FD, .events = POLLOUT };

	while (len > 0) {
		ssize_t n = write(ROLE_FD, p, len);

		if (n == -1 && errno == EAGAIN)
			poll(&writable, 1, -1);
		else if (n == -1)
			exit(7);
		else {
			p += n;
			len -= (size_t)n;
		}
	}
}

static void
raw(uint32_t type, uint32_t size, const void *body, size_t len)
{
	uint32_t head[2] = { type, size };

	put(head, sizeof(head));
	put(body, len);
}

static void
request(enum fw_verb verb, enum profile profile, const char *freeze)
{
	struct msg_fw_request r = { .verb = verb, .serial = 7, .profile = profile };

	if (freeze != NULL) {
		r.guest.naddrs = 1;
		if (!addr_parse(freeze, &r.guest.addrs[0]))
			exit(8);
	}
	if (!msg_send(channel, FRAME_FW_REQUEST, &r, -1))
		note("queue full");
}

static void
ask_without_reading(void)
{
	struct msg_fw_request r = { .verb = FW_LIST };

	for (int i = 0; i < 400; i++)
		raw(FRAME_FW_REQUEST, sizeof(r), &r, sizeof(r));
	for (;;)
		pause();
}

static void
pin(uint32_t serial, const char *dst, bool on)
{
	struct msg_fw_pin m = { .serial = serial, .on = on, .pin = { .seconds = on ? 600 : 0,
		.port = 22, .proto = 6, .guest = "agent-1", .name = "git.example.org" } };

	if (!addr_parse("10.77.0.11", &m.pin.src) || !addr_parse(dst, &m.pin.dst))
		exit(8);
	msg_send(channel, FRAME_FW_PIN, &m, -1);
}

static void
pins(void)
{
	struct msg_fw_ranges m = { .serial = 23, .first = 1, .last = 1, .n = 1 };
	struct fw_range *r = &m.range[0];

	pin(0, "8.8.8.8", true);
	pin(21, "8.8.4.4", true);
	pin(22, "10.0.0.1", true);
	r->port = 5432;
	r->proto = 6;
	if (!addr_parse("10.77.0.11", &r->src) || !addr_parse("9.0.0.0", &r->first) ||
	    !addr_parse("9.0.0.6", &r->last))
		exit(8);
	msg_send(channel, FRAME_FW_RANGES, &m, -1);
}

static void
obey(const char *what)
{
	static const struct msg_empty nothing;
	struct msg_proxy save = { .run = 0 };
	struct msg_fw_request wrong = { .verb = 99 };

	if (strcmp(what, "unknown-type") == 0)
		raw(4711, 8, &nothing, sizeof(nothing));
	else if (strcmp(what, "wrong-size") == 0)
		raw(FRAME_READY, 7, &nothing, 7);
	else if (strcmp(what, "wrong-direction") == 0)
		raw(FRAME_FW_REQUEST, sizeof(wrong), &wrong, sizeof(wrong));
	else if (strcmp(what, "wrong-field") == 0)
		raw(FRAME_FW_REQUEST, sizeof(wrong), &wrong, sizeof(wrong));
	else if (strcmp(what, "ask-without-reading") == 0)
		ask_without_reading();
	else if (strcmp(what, "silent") == 0)
		silent = true;
	else if (strcmp(what, "exit") == 0)
		exit(3);
	else if (strcmp(what, "lockdown") == 0)
		request(FW_APPLY, PROFILE_LOCKDOWN, NULL);
	else if (strcmp(what, "filtered") == 0)
		request(FW_APPLY, PROFILE_FILTERED, NULL);
	else if (strcmp(what, "pins") == 0)
		pins();
	else if (strcmp(what, "unpin") == 0)
		pin(24, "8.8.8.8", false);
	else if (strcmp(what, "freeze") == 0)
		request(FW_FREEZE, PROFILE_NONE, "10.77.0.11");
	else if (strcmp(what, "list") == 0)
		request(FW_LIST, PROFILE_NONE, NULL);
	else if (strcmp(what, "diff") == 0)
		request(FW_DIFF, PROFILE_LOCKDOWN, NULL);
	else if (strcmp(what, "save") == 0)
		msg_send(channel, FRAME_PROXY_SAVE, &save, -1);
	else if (strcmp(what, "shutdown") == 0)
		msg_send(channel, FRAME_SHUTDOWN, &nothing, -1);
}

static void
on_second(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	if (!silent)
		msg_send(channel, FRAME_READY, &(struct msg_empty){ 0 }, -1);
}

static void
on_usr1(int signo, short what, void *arg)
{
	char path[512], line[64];
	FILE *f;

	(void)signo;
	(void)what;
	(void)arg;
	snprintf(path, sizeof(path), "%s/%s.do", dir, name);
	f = fopen(path, "r");
	if (f == NULL)
		return;
	if (fgets(line, sizeof(line), f) == NULL)
		line[0] = '\0';
	fclose(f);
	unlink(path);
	line[strcspn(line, "\n")] = '\0';
	obey(line);
}

static void
on_frame(enum frame type, const void *body, int fd, void *arg)
{
	const struct msg_role *role = body;
	const struct msg_peer *peer = body;
	const struct fw_status *status = body;
	const struct msg_fw_result *result = body;
	const struct msg_reloaded *reloaded = body;
	const struct msg_proxy *proxy = body;
	const struct msg_fw_text *text = body;
	const struct msg_fw_pinned *pinned = body;
	char addr[ADDR_TEXT_SIZE];

	(void)arg;
	if (fd != -1)
		close(fd);
	switch (type) {
	case FRAME_ROLE:
		note("role %s %s restarts %" PRIu32 " %s", role_name((enum role)role->role),
		    role->up ? "up" : "down", role->restarts, role->why);
		break;
	case FRAME_PEER:
		note("peer %" PRIu32, peer->generation);
		break;
	case FRAME_FW_STATUS:
		note("status %s loaded %" PRIu32 " drift %" PRIu32 " frozen %" PRIu32 " all %" PRIu32
		    " %s", profile_name((enum profile)status->profile), status->loaded,
		    status->drift, status->frozen, status->frozen_all, status->cause);
		break;
	case FRAME_FW_RESULT:
		note("result %" PRIu32 " ok %" PRIu32 " %s", result->serial, result->ok, result->cause);
		break;
	case FRAME_FW_TEXT:
		note("text %" PRIu32 " len %" PRIu32 " last %" PRIu32, text->serial, text->len,
		    text->last);
		break;
	case FRAME_FW_PINNED:
		note("pinned %s gone %" PRIu32 " %s %s", addr_format(&pinned->pin.dst, addr),
		    pinned->gone, pinned->pin.name, pinned->pin.guest);
		break;
	case FRAME_RELOADED:
		note("reloaded ok %" PRIu32 " %s", reloaded->ok, reloaded->cause);
		break;
	case FRAME_PROXY_SAVED:
		note("saved %" PRIu32, proxy->run);
		break;
	default:
		break;
	}
}

static void
on_broken(const char *why, void *arg)
{
	(void)arg;
	note("lost %s", why);
	exit(0);
}

int
main(int argc, char **argv)
{
	static const struct msg_empty ready;
	static const struct timeval second = { .tv_sec = 1 };
	struct event *usr1, *alive;

	dir = getenv("FAKE_DIR");
	if (argc < 5 || dir == NULL || strcmp(argv[1], "--role") != 0)
		return 2;
	name = argv[2];
	self = strcmp(name, "net") == 0 ? ROLE_NET : ROLE_ENGINE;
	base = event_base_new();
	channel = msg_channel_new(base, ROLE_FD, self, ROLE_PRIV, on_frame, on_broken, NULL);
	usr1 = evsignal_new(base, SIGUSR1, on_usr1, NULL);
	event_add(usr1, NULL);
	alive = event_new(base, -1, EV_PERSIST, on_second, NULL);
	event_add(alive, &second);
	note("started %ld", (long)getpid());
	on_usr1(0, 0, NULL);
	msg_send(channel, FRAME_READY, &ready, -1);
	event_base_dispatch(base);
	return 0;
}
