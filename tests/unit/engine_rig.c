#include "config.h"

#include "unit.h"

#include "engine_rig.h"

#include <sys/socket.h>

#include <event2/event.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "xmalloc.h"

/* The listing is this test's own: a line for each rule, "label packets", and
 * "frozen ADDRESS" or "frozen all". */
int
fw_rules_parse(const char *text, size_t len, struct fw_rule *rules, int max, char **cause)
{
	int n = 0;

	if (len >= 3 && strncmp(text, "bad", 3) == 0) {
		*cause = xstrdup("this is no listing");
		return -1;
	}
	while (n < max && len > 0 && sscanf(text, "%31s %" SCNu64, rules[n].label,
	    &rules[n].packets) == 2 && strcmp(rules[n].label, "frozen") != 0) {
		copy_string(rules[n].text, "a rule", sizeof(rules[n].text));
		n++;
		if ((text = strchr(text, '\n')) == NULL)
			break;
		text++;
	}
	return n;
}

int
fw_frozen_parse(const char *text, size_t len, struct fw_guest *guests, int max, bool *all)
{
	const char *at = len > 0 ? strstr(text, "frozen ") : NULL;
	char word[64];

	*all = false;
	if (at == NULL || sscanf(at, "frozen %63s", word) != 1)
		return 0;
	if (strcmp(word, "all") == 0) {
		*all = true;
		return 0;
	}
	guests[0] = (struct fw_guest){ .naddrs = 1 };
	assert_true(addr_parse(word, &guests[0].addrs[0]));
	return 1;
}

static void
on_lost(const char *why, struct engine *e)
{
}

static void
keep(struct rig_frame *frames, unsigned *n, enum frame type, const void *body, size_t size, int fd)
{
	struct rig_frame *f = &frames[(*n)++ % RIG_FRAMES];

	f->type = type;
	f->fd = fd;
	memcpy(&f->body, body, size);
}

static size_t
frame_size(enum frame type)
{
	switch (type) {
	case FRAME_FW_REQUEST: return sizeof(struct msg_fw_request);
	case FRAME_FW_PIN: return sizeof(struct msg_fw_pin);
	case FRAME_FW_RANGES: return sizeof(struct msg_fw_ranges);
	case FRAME_ALLOW: return sizeof(struct msg_allow);
	case FRAME_GUEST: return sizeof(struct msg_guest);
	case FRAME_PINNED: return sizeof(struct msg_pinned);
	default: return sizeof(struct msg_proxy);
	}
}

static void
priv_frame(enum frame type, const void *body, int fd, void *arg)
{
	struct rig *r = arg;
	const struct msg_fw_request *fw = body;

	if (type == FRAME_FW_REQUEST && fw->verb == FW_LIST && r->answer_lists) {
		rig_priv_text(r, fw->serial, r->listing);
		rig_priv_result(r, fw->serial, NULL);
		return;
	}
	keep(r->to_priv, &r->nto_priv, type, body, frame_size(type), fd);
}

static void
net_frame(enum frame type, const void *body, int fd, void *arg)
{
	struct rig *r = arg;

	keep(r->to_net, &r->nto_net, type, body, frame_size(type), fd);
}

static void
on_error(const char *why, void *arg)
{
}

static void
settle(struct rig *r)
{
	while (!r->held && r->engine->policy.load != NULL)
		event_base_loop(r->base, EVLOOP_ONCE);
}

void
rig_turn(struct rig *r)
{
	char part[65536];
	ssize_t n;

	settle(r);
	for (int i = 0; i < 12; i++)
		event_base_loop(r->base, EVLOOP_NONBLOCK);
	if (!r->held && r->engine->policy.load != NULL) {
		rig_turn(r);
		return;
	}
	while ((n = read(r->fd, part, sizeof(part))) > 0) {
		r->in = xreallocarray(r->in, r->len + (size_t)n + 1, 1);
		memcpy(r->in + r->len, part, (size_t)n);
		r->len += (size_t)n;
		r->in[r->len] = '\0';
	}
}

void
rig_write_allowlist(struct rig *r, const char *text)
{
	char *next = xasprintf("%s.next", r->conf.allowlist);
	FILE *f = fopen(next, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(rename(next, r->conf.allowlist), 0);
	free(next);
}

void
rig_hold(struct rig *r)
{
	policy_poll(r->engine);
	assert_non_null(r->engine->policy.load);
	event_del(r->engine->policy.load->rung);
	r->held = true;
}

void
rig_release(struct rig *r)
{
	event_add(r->engine->policy.load->rung, NULL);
	r->held = false;
	rig_turn(r);
}

static void
rig_start(struct rig *r)
{
	int sv[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	r->priv = msg_channel_new(r->base, sv[1], ROLE_PRIV, ROLE_ENGINE, priv_frame, on_error, r);
	r->engine = engine_new(r->base, &r->conf, sv[0], on_lost);
	inventory_free(r->engine->inventory);
	r->engine->inventory = inventory_new(NULL, &r->conf, guests_changed, r->engine);
	engine_start(r->engine, false);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	control_adopt(r->engine->control, sv[0]);
	fcntl(sv[1], F_SETFL, O_NONBLOCK);
	r->fd = sv[1];
	rig_turn(r);
}

struct rig *
rig_new(const char *allowlist)
{
	struct rig *r = xcalloc(1, sizeof(*r));

	signal(SIGPIPE, SIG_IGN);
	r->base = event_base_new();
	r->answer_lists = true;
	r->listing = "smb 3\nweb 5\n";
	snprintf(r->dir, sizeof(r->dir), "/tmp/test_engine.XXXXXX");
	assert_non_null(mkdtemp(r->dir));
	conf_defaults(&r->conf);
	r->conf.bridges = (struct conf_names){ 1, { "ghlab0" } };
	r->conf.path[0] = '\0';
	snprintf(r->conf.allowlist, sizeof(r->conf.allowlist), "%s/allowlist", r->dir);
	snprintf(r->conf.presets[0], sizeof(r->conf.presets[0]), "%s", r->dir);
	r->conf.presets[1][0] = '\0';
	if (allowlist != NULL)
		rig_write_allowlist(r, allowlist);
	rig_start(r);
	return r;
}

static void
rig_end(struct rig *r)
{
	rig_forget(r);
	msg_channel_free(r->net);
	msg_channel_free(r->priv);
	r->net = r->priv = NULL;
	engine_free(r->engine);
	close(r->fd);
	r->len = 0;
}

void
rig_restart(struct rig *r)
{
	rig_end(r);
	rig_start(r);
}

void
rig_free(struct rig *r)
{
	rig_end(r);
	event_base_free(r->base);
	unlink(r->conf.allowlist);
	rmdir(r->dir);
	free(r->in);
	free(r);
}

void
rig_saved(struct rig *r)
{
	const struct msg_proxy saved = { .run = 1 };

	assert_true(msg_send(r->priv, FRAME_PROXY_SAVED, &saved, -1));
	rig_turn(r);
}

void
rig_net(struct rig *r, uint32_t generation)
{
	struct msg_peer m = { .generation = generation };
	int sv[2];

	msg_channel_free(r->net);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	r->net = msg_channel_new(r->base, sv[1], ROLE_NET, ROLE_ENGINE, net_frame, on_error, r);
	assert_true(msg_send(r->priv, FRAME_PEER, &m, sv[0]));
	close(sv[0]);
	rig_turn(r);
}

static struct rig_frame *
newest(struct rig_frame *frames, unsigned n, enum frame type, enum fw_verb verb)
{
	for (unsigned i = n; i > 0 && i + RIG_FRAMES > n; i--) {
		struct rig_frame *f = &frames[(i - 1) % RIG_FRAMES];

		if (f->type == type && (verb == FW_NONE || f->body.fw.verb == verb))
			return f;
	}
	return NULL;
}

struct rig_frame *
rig_net_got(struct rig *r, enum frame type)
{
	return newest(r->to_net, r->nto_net, type, FW_NONE);
}

struct rig_frame *
rig_priv_got(struct rig *r, enum fw_verb verb)
{
	return newest(r->to_priv, r->nto_priv, FRAME_FW_REQUEST, verb);
}

void
rig_forget(struct rig *r)
{
	for (unsigned i = 0; i < RIG_FRAMES; i++) {
		if (r->to_net[i].type == FRAME_ALLOW)
			close(r->to_net[i].fd);
	}
	memset(r->to_net, 0, sizeof(r->to_net));
	memset(r->to_priv, 0, sizeof(r->to_priv));
	r->nto_net = r->nto_priv = 0;
}

void
rig_priv_result(struct rig *r, uint32_t serial, const char *cause)
{
	struct msg_fw_result m = { .serial = serial, .ok = cause == NULL };

	if (cause != NULL)
		copy_string(m.cause, cause, sizeof(m.cause));
	assert_true(msg_send(r->priv, FRAME_FW_RESULT, &m, -1));
}

void
rig_priv_text(struct rig *r, uint32_t serial, const char *text)
{
	struct msg_fw_text m = { .serial = serial, .last = 1, .len = (uint32_t)strlen(text) };

	memcpy(m.text, text, m.len);
	assert_true(msg_send(r->priv, FRAME_FW_TEXT, &m, -1));
}

struct sighting
rig_sighting(const char *name, uint8_t mac, const char *addr)
{
	struct sighting s = { .provider = "leases", .state = GUEST_RUNNING, .kind = GUEST_VM,
		.has_mac = true, .mac = { 2, 0x77, 0, 0, 0, mac }, .naddrs = 1, .bridge = "ghlab0" };

	copy_string(s.name, name, sizeof(s.name));
	assert_true(addr_parse(addr, &s.addrs[0]));
	return s;
}

void
rig_guests(struct rig *r, const struct sighting *s, size_t n)
{
	inventory_merge(r->engine->inventory, s, n, now_wall());
	rig_turn(r);
}

void
rig_guest(struct rig *r, const char *name, uint8_t mac, const char *addr)
{
	struct sighting s = rig_sighting(name, mac, addr);

	rig_guests(r, &s, 1);
}

void
rig_ask(struct rig *r, const char *method, const char *params)
{
	char *line = xasprintf("{'jsonrpc':'2.0','id':1,'method':'%s','params':%s}\n", method,
	    params != NULL ? params : "{}");

	for (char *p = line; *p != '\0'; p++) {
		if (*p == '\'')
			*p = '"';
	}
	settle(r);
	assert_int_equal(write(r->fd, line, strlen(line)), strlen(line));
	free(line);
	rig_turn(r);
}

/* Takes the first line that is an update, or that is not. */
static json_t *
take(struct rig *r, bool update)
{
	char *at = r->in, *end;

	while (at != NULL && r->len > 0 && (end = strchr(at, '\n')) != NULL) {
		json_t *j;

		*end = '\0';
		j = json_loads(at, 0, NULL);
		assert_non_null(j);
		if ((json_object_get(j, "method") != NULL) == update) {
			size_t rest = r->len - (size_t)(end + 1 - r->in);

			memmove(at, end + 1, rest + 1);
			r->len -= (size_t)(end + 1 - at);
			return j;
		}
		*end = '\n';
		json_decref(j);
		at = end + 1;
	}
	return NULL;
}

json_t *
rig_answer(struct rig *r)
{
	return take(r, false);
}

json_t *
rig_update(struct rig *r)
{
	return take(r, true);
}

json_t *
rig_call(struct rig *r, const char *method, const char *params)
{
	json_t *answer, *result;

	rig_ask(r, method, params);
	answer = rig_answer(r);
	assert_non_null(answer);
	result = json_object_get(answer, "result");
	if (result == NULL) {
		char *text = json_dumps(answer, 0);

		print_error("%s: %s\n", method, text);
		free(text);
	}
	assert_non_null(result);
	json_incref(result);
	json_decref(answer);
	return result;
}

char *
rig_error(struct rig *r, const char *method, const char *params)
{
	json_t *answer;
	const char *text;
	char *copy;

	rig_ask(r, method, params);
	answer = rig_answer(r);
	assert_non_null(answer);
	text = json_string_value(json_object_get(json_object_get(answer, "error"), "message"));
	assert_non_null(text);
	copy = xstrdup(text);
	json_decref(answer);
	return copy;
}
