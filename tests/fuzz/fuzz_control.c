/* Whatever bytes a console writes, every line that comes back is a JSON-RPC
 * answer or update, and the engine goes on serving others. */
#include "config.h"

#include <sys/socket.h>

#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine.h"
#include "log.h"
#include "xmalloc.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct event_base *base;
static struct engine *engine;
static struct msg_channel *priv;
static char dir[] = "/tmp/fuzz_control.XXXXXX";
static struct conf conf;

/* priv refuses whatever it is asked. */
static void
priv_frame(enum frame type, const void *body, int fd, void *arg)
{
	const struct msg_fw_request *m = body;
	struct msg_fw_result result = { .cause = "no" };
	struct msg_reloaded reloaded = { .cause = "no" };

	if (type == FRAME_FW_REQUEST) {
		result.serial = m->serial;
		msg_send(priv, FRAME_FW_RESULT, &result, -1);
	} else if (type == FRAME_RELOAD)
		msg_send(priv, FRAME_RELOADED, &reloaded, -1);
}

static void
broken(const char *why, void *arg)
{
	abort();
}

static void
lost(const char *why, struct engine *e)
{
	abort();
}

static void
clean(void)
{
	engine_free(engine);
	msg_channel_free(priv);
	event_base_free(base);
	unlink(conf.allowlist);
	rmdir(dir);
}

static void
fill(void)
{
	struct hit h = { .id = 1ull << 32 | 1, .time = 1000000, .port = 443,
		.name = "registry.npmjs.org" };
	struct drop d = { .first = 1, .last = 2, .count = 3, .proto = 6, .flags = DROP_PORTS };
	struct sighting s = { .provider = "leases", .name = "agent-1", .state = GUEST_RUNNING,
		.naddrs = 1, .addrs = { { .family = 4, .bytes = { 10, 77, 0, 11 } } } };

	inventory_merge(engine->inventory, &s, 1, now_wall());
	model_hit(engine->model, &h, 1, "agent-1");
	h = (struct hit){ .id = 1ull << 32 | 2, .time = 1000000, .port = 443, .name = "new.example",
		.verdict = VERDICT_ALLOW, .reason = REASON_LEARNED };
	model_hit(engine->model, &h, 1, "agent-1");
	model_hit(engine->model, &h, 0, "10.77.0.99");
	model_drop(engine->model, &d, 1, "agent-1");
}

static void
setup(void)
{
	int sv[2];

	signal(SIGPIPE, SIG_IGN);
	/* Quiet: to syslog, which is nobody's here. */
	log_init("fuzz", 0, LOG_LEVEL_WARN);
	base = event_base_new();
	conf_defaults(&conf);
	conf.path[0] = '\0';
	if (mkdtemp(dir) == NULL || socketpair(AF_UNIX, SOCK_STREAM, 0, sv) == -1)
		abort();
	snprintf(conf.allowlist, sizeof(conf.allowlist), "%s/allowlist", dir);
	priv = msg_channel_new(base, sv[1], ROLE_PRIV, ROLE_ENGINE, priv_frame, broken, NULL);
	engine = engine_new(base, &conf, sv[0], lost);
	inventory_free(engine->inventory);
	engine->inventory = inventory_new(NULL, &conf, guests_changed, engine);
	engine_start(engine, false);
	fill();
	atexit(clean);
}

static void
check_line(const char *line, size_t len)
{
	json_t *j = json_loadb(line, len, 0, NULL);

	if (j == NULL || strcmp(json_string_value(json_object_get(j, "jsonrpc")), "2.0") != 0)
		abort();
	if (json_object_get(j, "method") == NULL && json_object_get(j, "id") == NULL)
		abort();
	json_decref(j);
}

/* Reads what there is; checks each line that is whole. */
static void
take(int fd, char **in, size_t *len)
{
	char part[65536], *end;
	size_t at = 0;
	ssize_t n;

	while ((n = read(fd, part, sizeof(part))) > 0) {
		*in = xreallocarray(*in, *len + (size_t)n, 1);
		memcpy(*in + *len, part, (size_t)n);
		*len += (size_t)n;
	}
	while (*len > at && (end = memchr(*in + at, '\n', *len - at)) != NULL) {
		check_line(*in + at, (size_t)(end - *in) - at);
		at = (size_t)(end - *in) + 1;
	}
	if (at > 0) {
		*len -= at;
		memmove(*in, *in + at, *len);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t sent = 0, len = 0;
	char *in = NULL;
	int sv[2];

	if (base == NULL)
		setup();
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sv) == -1)
		abort();
	control_adopt(engine->control, sv[0]);
	fcntl(sv[1], F_SETFL, O_NONBLOCK);
	for (int idle = 0; idle < 4; idle++) {
		ssize_t n = send(sv[1], data + sent, size - sent, MSG_NOSIGNAL);

		if (n > 0) {
			sent += (size_t)n;
			idle = 0;
		}
		if (sent == size && idle == 1)
			shutdown(sv[1], SHUT_WR);
		event_base_loop(base, EVLOOP_NONBLOCK);
		take(sv[1], &in, &len);
	}
	close(sv[1]);
	for (int i = 0; i < 4; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
	free(in);
	return 0;
}
