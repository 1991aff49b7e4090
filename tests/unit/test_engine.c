/* The engine between a fake priv, a fake net and a console. */
#include "config.h"

#include "unit.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine_rig.h"
#include "text.h"
#include "xmalloc.h"

static const char list[] = "# packages\n.npmjs.org\n#off .docker.io  # images\n!evil.npmjs.org\n";

static int
setup(void **state)
{
	*state = rig_new(list);
	return 0;
}

static int
teardown(void **state)
{
	rig_free(*state);
	return 0;
}

static const char *
str(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));

	return s != NULL ? s : "";
}

static json_int_t
num(const json_t *j, const char *key)
{
	return json_integer_value(json_object_get(j, key));
}

static json_t *
row(const json_t *view, size_t i)
{
	return json_array_get(json_object_get(view, "rows"), i);
}

/* What the newest image that net got says. */
static struct allow_answer
net_says(struct rig *r, const char *name, const char *guest)
{
	struct rig_frame *f = rig_net_got(r, FRAME_ALLOW);
	struct allow_image *image;
	struct allow_answer answer;
	const char *why;

	assert_non_null(f);
	image = allow_image_open(f->fd, f->body.allow.size, &why);
	assert_non_null(image);
	answer = allow_lookup(image, name, strlen(name), 443, guest, (int64_t)time(NULL));
	allow_image_close(image);
	return answer;
}

static void
check_is(struct rig *r, const char *params, const char *verdict, const char *reason)
{
	json_t *j = rig_call(r, "check", params);

	assert_string_equal(str(j, "verdict"), verdict);
	assert_string_equal(str(j, "reason"), reason);
	json_decref(j);
}

static bool
has_alert(struct rig *r, const char *part)
{
	json_t *status = rig_call(r, "status", NULL), *alert;
	bool found = false;
	size_t i;

	json_array_foreach(json_object_get(status, "alerts"), i, alert)
		found = found || strstr(str(alert, "text"), part) != NULL;
	json_decref(status);
	return found;
}

/* How many events have the words in their text. */
static unsigned
events_with(struct rig *r, const char *part)
{
	json_t *events = rig_call(r, "events", "{'limit':1000}"), *event;
	unsigned n = 0;
	size_t i;

	json_array_foreach(json_object_get(events, "rows"), i, event)
		n += strstr(str(event, "text"), part) != NULL;
	json_decref(events);
	return n;
}

static void
net_hit(struct rig *r, uint64_t id, const char *name, enum verdict verdict, const char *guest)
{
	struct hit h = { .id = id, .time = now_wall(), .verdict = verdict, .port = 443,
		.via = VIA_TLS, .reason = verdict == VERDICT_ALLOW ? REASON_LISTED : REASON_NOT_LISTED };

	assert_true(addr_parse(guest, &h.guest));
	copy_string(h.name, name, sizeof(h.name));
	assert_true(msg_send(r->net, FRAME_HIT, &h, -1));
	rig_turn(r);
}

static void
fw_status(struct rig *r, enum profile profile, bool loaded, bool drift)
{
	struct fw_status s = { .profile = profile, .loaded = loaded, .drift = drift,
		.verified = now_wall(), .backend = "nftables", .place = "inet gatehouse" };

	assert_true(msg_send(r->priv, FRAME_FW_STATUS, &s, -1));
	rig_turn(r);
}

static void
net_proxy(struct rig *r, bool up, const char *cause)
{
	struct msg_net_state m = { .proxy_up = up, .capture_up = 1, .dns_up = 1,
		.allow_generation = r->engine->policy.generation };

	copy_string(m.cause, cause, sizeof(m.cause));
	assert_true(msg_send(r->net, FRAME_NET_STATE, &m, -1));
	rig_turn(r);
}

/* ---- net ---- */

static void
a_new_net_is_told_everything(void **state)
{
	struct rig *r = *state;
	struct rig_frame *f;

	rig_guest(r, "agent-1", 0x11, "10.77.0.11");
	rig_net(r, 1);
	assert_null(rig_net_got(r, FRAME_PROXY));
	rig_saved(r);
	for (uint32_t generation = 2; generation < 5; generation++) {
		rig_forget(r);
		rig_net(r, generation);
		assert_int_equal(net_says(r, "registry.npmjs.org", "").verdict, VERDICT_ALLOW);
		assert_int_equal(net_says(r, "evil.npmjs.org", "").reason, REASON_DENY_ENTRY);
		f = rig_net_got(r, FRAME_GUEST);
		assert_non_null(f);
		assert_string_equal(f->body.guest.name, "agent-1");
		assert_int_equal(f->body.guest.frozen, 0);
		assert_int_equal(rig_net_got(r, FRAME_PROXY)->body.proxy.run, 1);
	}
}

static void
decisions_that_were_not_told_are_an_alert_for_a_while(void **state)
{
	struct rig *r = *state;
	struct msg_net_state m = { .proxy_up = 1, .capture_up = 1, .dns_up = 1, .hits_lost = 0 };

	rig_net(r, 1);
	engine_proxy(r->engine, true, NULL);
	m.allow_generation = r->engine->policy.generation;
	/* What net lost before this engine was there is of long ago. */
	for (unsigned i = 0; i < 4; i++) {
		m.hits_lost = i < 2 ? 5 : 6;
		assert_true(msg_send(r->net, FRAME_NET_STATE, &m, -1));
		rig_turn(r);
		assert_int_equal(has_alert(r, "more decisions than can be told"), i == 2);
		if (i == 2)
			r->engine->lost_last -= 31 * UINT64_C(1000000);
	}
}

static void
a_limit_that_refuses_is_an_alert_for_a_while(void **state)
{
	struct rig *r = *state;
	struct msg_net_state m = { .proxy_up = 1, .capture_up = 1, .dns_up = 1, .limited = 0 };
	struct hit refused = { .id = 1ull << 32 | 1, .verdict = VERDICT_DENY, .via = VIA_OTHER,
		.reason = REASON_LIMIT };
	json_t *j;

	rig_net(r, 1);
	engine_proxy(r->engine, true, NULL);
	m.allow_generation = r->engine->policy.generation;
	assert_true(msg_send(r->net, FRAME_NET_STATE, &m, -1));
	rig_turn(r);
	assert_false(has_alert(r, "limit"));
	m.limited = 12;
	m.accept_paused = 1;
	assert_true(msg_send(r->net, FRAME_NET_STATE, &m, -1));
	rig_turn(r);
	assert_true(has_alert(r, "guests are refused, for there is a limit"));
	assert_true(has_alert(r, "out of descriptors"));
	/* Who it was is known once net tells of one. */
	rig_guest(r, "agent-1", 0x11, "10.77.0.11");
	assert_true(addr_parse("10.77.0.11", &refused.guest));
	refused.time = now_wall();
	assert_true(msg_send(r->net, FRAME_HIT, &refused, -1));
	rig_turn(r);
	assert_true(has_alert(r, "guests (lastly agent-1) are refused, for there is a limit"));
	j = rig_call(r, "status", NULL);
	assert_int_equal(num(json_object_get(j, "proxy"), "limited"), 12);
	assert_true(json_is_true(json_object_get(json_object_get(j, "proxy"), "accept_paused")));
	json_decref(j);
	/* Nobody was refused any more since. */
	r->engine->limited_last -= 31 * UINT64_C(1000000);
	m.accept_paused = 0;
	assert_true(msg_send(r->net, FRAME_NET_STATE, &m, -1));
	rig_turn(r);
	assert_false(has_alert(r, "are refused, for there is a limit"));
	assert_false(has_alert(r, "out of descriptors"));
}

/* A user of this host has no address that would tell it. */
static void
net_is_told_of_users_by_their_number(void **state)
{
	struct rig *r = *state;
	struct sighting s = { .provider = "uid", .kind = GUEST_UID, .state = GUEST_RUNNING, .uid = 1234 };
	struct rig_frame *f;

	copy_string(s.name, "builder", sizeof(s.name));
	rig_net(r, 1);
	rig_forget(r);
	rig_guests(r, &s, 1);
	f = rig_net_got(r, FRAME_GUEST);
	assert_non_null(f);
	assert_int_equal(f->body.guest.by, GUEST_BY_USER);
	assert_int_equal(f->body.guest.uid, 1234);
	assert_int_equal(f->body.guest.addr.family, 0);
	assert_int_not_equal(f->body.guest.guest_id, 0);
	assert_string_equal(f->body.guest.name, "builder");
}

/* Then nobody on loopback is served, root neither, and without a word. */
static void
users_who_cannot_be_told_are_an_alert(void **state)
{
	struct rig *r = *state;
	struct msg_net_state m = { .proxy_up = 1, .capture_up = 1, .dns_up = 1 };

	rig_net(r, 1);
	engine_proxy(r->engine, true, NULL);
	m.allow_generation = r->engine->policy.generation;
	for (m.users_unknown = 0; m.users_unknown < 2; m.users_unknown++) {
		assert_true(msg_send(r->net, FRAME_NET_STATE, &m, -1));
		rig_turn(r);
		assert_int_equal(has_alert(r, "modprobe tcp_diag"), m.users_unknown == 1);
	}
}

static long long
proxy_says(struct rig *r, const char *what)
{
	json_t *j = rig_call(r, "status", NULL);
	const long long n = num(json_object_get(j, "proxy"), what);

	json_decref(j);
	return n;
}

/* A net that is started again counts from nothing; what an operator sees does not. */
static void
numbers_go_on_over_another_net(void **state)
{
	struct rig *r = *state;
	struct msg_net_state m = { .proxy_up = 1, .capture_up = 1, .dns_up = 1, .allowed = 7,
		.denied = 5, .connections = 2, .drops_seen = 11 };

	rig_net(r, 1);
	assert_true(msg_send(r->net, FRAME_NET_STATE, &m, -1));
	rig_turn(r);
	assert_int_equal(proxy_says(r, "allowed"), 7);
	rig_net(r, 2);
	assert_int_equal(proxy_says(r, "allowed"), 7);
	assert_int_equal(proxy_says(r, "connections"), 0);
	m = (struct msg_net_state){ .proxy_up = 1, .capture_up = 1, .dns_up = 1, .allowed = 1,
		.denied = 2, .connections = 3 };
	assert_true(msg_send(r->net, FRAME_NET_STATE, &m, -1));
	rig_turn(r);
	assert_int_equal(proxy_says(r, "allowed"), 8);
	assert_int_equal(proxy_says(r, "denied"), 7);
	assert_int_equal(proxy_says(r, "connections"), 3);
}

static void
a_net_that_dies_is_an_alert_until_the_next_comes(void **state)
{
	struct rig *r = *state;
	struct msg_net_state up = { .proxy_up = 1, .capture_up = 1, .dns_up = 1, .connections = 3 };
	json_t *j;

	r->engine->started_mono -= 60000000;
	rig_net(r, 1);
	engine_proxy(r->engine, true, NULL);
	up.allow_generation = r->engine->policy.generation;
	assert_true(msg_send(r->net, FRAME_NET_STATE, &up, -1));
	rig_turn(r);
	j = rig_call(r, "status", NULL);
	assert_string_equal(str(json_object_get(j, "proxy"), "state"), "up");
	assert_int_equal(num(json_object_get(j, "proxy"), "connections"), 3);
	json_decref(j);
	assert_false(has_alert(r, "not running"));
	msg_channel_free(r->net);
	r->net = NULL;
	rig_turn(r);
	j = rig_call(r, "status", NULL);
	assert_string_equal(str(json_object_get(j, "proxy"), "state"), "down");
	json_decref(j);
	assert_true(has_alert(r, "not running"));
}

static void
a_refused_attempt_is_one_line(void **state)
{
	struct rig *r = *state;
	struct hit lookup = { .id = 1ull << 32 | 1, .time = now_wall(), .verdict = VERDICT_DENY,
		.via = VIA_DNS, .reason = REASON_NOT_LISTED, .name = "refused.example" };
	json_t *j;

	rig_guest(r, "agent-1", 0x11, "10.77.0.11");
	rig_net(r, 1);
	assert_true(addr_parse("10.77.0.11", &lookup.guest));
	assert_true(msg_send(r->net, FRAME_HIT, &lookup, -1));
	net_hit(r, 1ull << 32 | 2, "refused.example", VERDICT_DENY, "10.77.0.11");
	j = rig_call(r, "events", "{'filter': 'refused.example'}");
	assert_int_equal(json_array_size(json_object_get(j, "rows")), 1);
	assert_int_equal(num(row(j, 0), "count"), 1);
	assert_string_equal(str(row(j, 0), "text"), "refused refused.example:443 (not-listed)");
	json_decref(j);
}

/* While learning: the question that left this host is told, also if nothing follows. */
static void
what_is_looked_up_while_learning_is_told_once(void **state)
{
	struct rig *r = *state;
	struct hit h = { .id = 1ull << 32 | 1, .time = now_wall(), .verdict = VERDICT_ALLOW,
		.via = VIA_DNS, .reason = REASON_LEARNED, .name = "new.example" };
	json_t *j;

	rig_guest(r, "agent-1", 0x11, "10.77.0.11");
	rig_net(r, 1);
	assert_true(addr_parse("10.77.0.11", &h.guest));
	for (int i = 0; i < 3; i++, h.id++)
		assert_true(msg_send(r->net, FRAME_HIT, &h, -1));
	rig_turn(r);
	j = rig_call(r, "events", "{'filter': 'new.example'}");
	assert_int_equal(json_array_size(json_object_get(j, "rows")), 1);
	assert_string_equal(str(row(j, 0), "text"), "looked up new.example (learned), for the first time");
	json_decref(j);
	h.via = VIA_TLS;
	h.port = 443;
	assert_true(msg_send(r->net, FRAME_HIT, &h, -1));
	rig_turn(r);
	j = rig_call(r, "events", "{'filter': 'new.example'}");
	assert_int_equal(json_array_size(json_object_get(j, "rows")), 1);
	assert_int_equal(num(row(j, 0), "count"), 1);
	assert_string_equal(str(row(j, 0), "text"), "allowed new.example:443 (learned), for the first time");
	json_decref(j);
}

static void
hits_reach_the_views_with_their_guest(void **state)
{
	struct rig *r = *state;
	struct flow flow = { .id = 1ull << 32 | 1, .up = 100, .down = 5000,
		.name = "registry.npmjs.org" };
	json_t *j;

	rig_guest(r, "agent-1", 0x11, "10.77.0.11");
	rig_net(r, 1);
	net_hit(r, 1ull << 32 | 1, "registry.npmjs.org", VERDICT_ALLOW, "10.77.0.11");
	net_hit(r, 1ull << 32 | 2, "example.com", VERDICT_DENY, "10.77.0.11");
	net_hit(r, 1ull << 32 | 3, "example.com", VERDICT_DENY, "10.77.0.11");
	assert_true(msg_send(r->net, FRAME_FLOW, &flow, -1));
	rig_turn(r);
	j = rig_call(r, "vms", NULL);
	assert_string_equal(str(row(j, 0), "name"), "agent-1");
	assert_int_equal(num(row(j, 0), "allowed"), 1);
	assert_int_equal(num(row(j, 0), "denied"), 2);
	assert_int_equal(num(row(j, 0), "bytes_down"), 5000);
	json_decref(j);
	j = rig_call(r, "domains", "{'sort':'name'}");
	assert_int_equal(num(j, "total"), 2);
	assert_string_equal(str(row(j, 0), "name"), "example.com");
	assert_true(json_is_null(json_object_get(row(j, 0), "entry")));
	assert_string_equal(str(row(j, 1), "entry"), ".npmjs.org");
	assert_string_equal(str(row(j, 1), "entry_state"), "on");
	assert_string_equal(str(row(j, 1), "last_guest"), "agent-1");
	json_decref(j);
	j = rig_call(r, "why", "{'id':'1-2'}");
	assert_string_equal(str(j, "verdict"), "deny");
	assert_string_equal(str(j, "reason"), "not-listed");
	assert_string_equal(str(j, "guest"), "agent-1");
	json_decref(j);
	assert_int_equal(events_with(r, "refused example.com"), 1);
	assert_int_equal(events_with(r, "allowed registry.npmjs.org"), 1);
}

/* Whose row a hit with that hardware address is in; the caller's until the next. */
static const char *
guest_by_mac(struct rig *r, uint8_t mac, bool sent, uint64_t when, const char *name)
{
	struct hit h = { .id = when, .time = when, .verdict = VERDICT_DENY, .port = 443,
		.via = VIA_TLS, .reason = REASON_NOT_LISTED, .mac_sent = sent,
		.mac = { 2, 0x77, 0, 0, 0, mac } };
	static char guest[GH_GUEST_SIZE];
	json_t *j;

	assert_true(addr_parse("10.77.0.11", &h.guest));
	copy_string(h.name, name, sizeof(h.name));
	assert_true(msg_send(r->net, FRAME_HIT, &h, -1));
	rig_turn(r);
	j = rig_call(r, "domains", NULL);
	for (size_t i = 0; i < json_array_size(json_object_get(j, "rows")); i++) {
		if (strcmp(str(row(j, i), "name"), name) == 0)
			copy_string(guest, str(row(j, i), "last_guest"), sizeof(guest));
	}
	json_decref(j);
	return guest;
}

static void
a_hit_is_of_who_sent_it_and_not_of_who_has_its_address(void **state)
{
	struct rig *r = *state;
	struct sighting s[2] = { rig_sighting("agent-1", 0x11, "10.77.0.11"),
		rig_sighting("agent-2", 0x12, "10.77.0.12") };
	const uint64_t before = r->engine->started - 1000000;

	rig_guests(r, s, 2);
	rig_net(r, 1);
	assert_string_equal(guest_by_mac(r, 0x11, true, now_wall(), "a.example"), "agent-1");
	assert_string_equal(guest_by_mac(r, 0x12, true, now_wall(), "b.example"), "agent-2");
	assert_string_equal(guest_by_mac(r, 0x12, true, before, "c.example"), "agent-2");
	assert_string_equal(guest_by_mac(r, 0x13, true, now_wall(), "d.example"), "agent-1");
	/* By what net was told an address is that of: it hears of it late, but not that late. */
	assert_string_equal(guest_by_mac(r, 0x12, false, now_wall(), "e.example"), "agent-1");
	assert_string_equal(guest_by_mac(r, 0x12, false, before, "f.example"), "10.77.0.11");
	assert_string_equal(guest_by_mac(r, 0x11, false, before, "g.example"), "agent-1");
}

/* What a guest was told by a page, under the id of a hit that was let through. */
static void
why_tells_what_came_of_a_connection(void **state)
{
	static const struct {
		uint8_t		 outcome;
		const char	*what, *name, *text;
	} rows[] = {
		{ OUTCOME_BROKEN, "a chunk without a size", "broken",
		    "The server's answer broke the protocol's rules: a chunk without a size." },
		{ OUTCOME_BROKEN, "\x1b[2J", "broken",
		    "The server's answer broke the protocol's rules: \\x1b[2J." },
		{ OUTCOME_SILENT, "", "silent",
		    "The server took the connection and never answered the handshake." },
		{ OUTCOME_NONE, "", NULL, NULL },
		{ OUTCOME_COUNT, "", NULL, NULL },
	};
	struct rig *r = *state;
	char id[32];
	json_t *j;

	rig_net(r, 1);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct flow flow = { .id = 1ull << 32 | (i + 1), .ended = 1,
			.outcome = rows[i].outcome, .name = "registry.npmjs.org" };

		net_hit(r, flow.id, flow.name, VERDICT_ALLOW, "10.77.0.11");
		snprintf(flow.what, sizeof(flow.what), "%s", rows[i].what);
		assert_true(msg_send(r->net, FRAME_FLOW, &flow, -1));
		rig_turn(r);
		snprintf(id, sizeof(id), "{'id':'1-%zu'}", i + 1);
		j = rig_call(r, "why", id);
		if (rows[i].name == NULL) {
			assert_true(json_is_null(json_object_get(j, "outcome")));
			assert_true(json_is_null(json_object_get(j, "outcome_text")));
		} else {
			assert_string_equal(str(j, "outcome"), rows[i].name);
			assert_string_equal(str(j, "outcome_text"), rows[i].text);
		}
		json_decref(j);
	}
}

static void
what_net_says_is_not_trusted(void **state)
{
	struct rig *r = *state;
	struct hit h = { .id = 9, .verdict = 77, .reason = 200, .via = 99 };
	struct drop d = { .count = 1, .flags = 0xffff, .proto = 255, .ethertype = 0xffff };
	json_t *j;

	rig_net(r, 1);
	assert_true(msg_send(r->net, FRAME_HIT, &h, -1));
	h = (struct hit){ .id = 10, .time = now_wall(), .guest.family = 99 };
	memset(h.name, 0xff, sizeof(h.name));
	memset(h.alpn, 0x1b, sizeof(h.alpn));
	assert_true(msg_send(r->net, FRAME_HIT, &h, -1));
	memset(d.label, 0xc2, sizeof(d.label));
	memset(d.in, 0x1b, sizeof(d.in));
	assert_true(msg_send(r->net, FRAME_DROP, &d, -1));
	rig_turn(r);
	assert_non_null(r->engine->net);
	free(rig_error(r, "why", "{'id':'0-9'}"));
	j = rig_call(r, "why", "{'id':'0-10'}");
	assert_memory_equal(str(j, "name"), "\\xff", 4);
	json_decref(j);
	j = rig_call(r, "drops", NULL);
	assert_memory_equal(str(row(j, 0), "label"), "\\xc2", 4);
	json_decref(j);
	json_decref(rig_call(r, "events", NULL));
	json_decref(rig_call(r, "domains", NULL));
}

static void
a_kind_of_drop_is_news_once(void **state)
{
	struct rig *r = *state;
	struct drop d = { .last = now_wall(), .count = 1, .proto = 6, .dport = 445,
		.flags = DROP_PORTS, .label = "smb" };
	json_t *j, *drops;
	double first;

	rig_guest(r, "agent-1", 0x11, "10.77.0.11");
	rig_net(r, 1);
	assert_true(addr_parse("10.77.0.11", &d.src));
	assert_true(addr_parse("10.77.0.1", &d.dst));
	assert_true(msg_send(r->net, FRAME_DROP, &d, -1));
	rig_turn(r);
	j = rig_call(r, "status", NULL);
	drops = json_object_get(j, "drops");
	assert_string_equal(str(drops, "news"), "agent-1: blocked tcp to 10.77.0.1:445 (smb)");
	first = json_number_value(json_object_get(drops, "news_time"));
	json_decref(j);
	d.dport = 139;
	d.last += 1000000;
	assert_true(msg_send(r->net, FRAME_DROP, &d, -1));
	rig_turn(r);
	j = rig_call(r, "status", NULL);
	assert_true(json_number_value(json_object_get(json_object_get(j, "drops"), "news_time")) == first);
	json_decref(j);
	copy_string(d.label, "default", sizeof(d.label));
	assert_true(msg_send(r->net, FRAME_DROP, &d, -1));
	rig_turn(r);
	j = rig_call(r, "status", NULL);
	assert_string_equal(str(json_object_get(j, "drops"), "news"),
	    "agent-1: blocked tcp to 10.77.0.1:139 (default)");
	json_decref(j);
}

static void
drops_join_their_guest_by_mac_then_address(void **state)
{
	struct rig *r = *state;
	struct drop d = { .first = now_wall(), .last = now_wall(), .count = 3, .proto = 6, .dport = 445,
		.flags = DROP_PORTS | DROP_MAC, .mac = { 2, 0x77, 0, 0, 0, 0x11 }, .label = "smb" };
	json_t *j;

	rig_guest(r, "agent-1", 0x11, "10.77.0.11");
	rig_net(r, 1);
	assert_true(addr_parse("192.0.2.1", &d.src));
	assert_true(addr_parse("10.77.0.1", &d.dst));
	assert_true(msg_send(r->net, FRAME_DROP, &d, -1));
	d.flags = DROP_PORTS;
	d.dport = 139;
	assert_true(addr_parse("10.77.0.11", &d.src));
	assert_true(msg_send(r->net, FRAME_DROP, &d, -1));
	rig_turn(r);
	j = rig_call(r, "drops", "{'sort':'dport'}");
	assert_int_equal(num(j, "total"), 2);
	assert_string_equal(str(row(j, 0), "guest"), "agent-1");
	assert_string_equal(str(row(j, 1), "guest"), "agent-1");
	assert_string_equal(str(row(j, 1), "service"), "445");
	assert_string_equal(str(row(j, 1), "mac"), "02:77:00:00:00:11");
	json_decref(j);
	j = rig_call(r, "vms", NULL);
	assert_int_equal(num(row(j, 0), "dropped"), 6);
	json_decref(j);
	assert_int_equal(events_with(r, "passed "), 0);
	/* What the profile observe logs has passed. */
	copy_string(d.label, "observe", sizeof(d.label));
	assert_true(msg_send(r->net, FRAME_DROP, &d, -1));
	rig_turn(r);
	assert_int_equal(events_with(r, "passed tcp to "), 1);
	j = rig_call(r, "vms", NULL);
	assert_int_equal(num(row(j, 0), "dropped"), 6);
	json_decref(j);
}

static void
a_flood_of_refusals_leaves_room_for_what_matters(void **state)
{
	struct rig *r = *state;
	struct hit h = { .time = now_wall(), .port = 443, .reason = REASON_NOT_LISTED };

	rig_guest(r, "agent-1", 0x11, "10.77.0.11");
	rig_net(r, 1);
	assert_true(addr_parse("10.77.0.11", &h.guest));
	for (unsigned i = 0; i < 3000; i++) {
		snprintf(h.name, sizeof(h.name), "x%u.example", i);
		h.id = i + 1;
		if (!msg_send(r->net, FRAME_HIT, &h, -1))
			rig_turn(r);
	}
	rig_turn(r);
	assert_int_equal(events_with(r, "more than"), 1);
	assert_true(events_with(r, "refused") < 100);
	assert_int_equal(events_with(r, "agent-1 appeared"), 1);
}

/* ---- the allowlist ---- */

static void
a_host_that_everyone_shares_is_added_with_a_note(void **state)
{
	struct rig *r = *state;
	json_t *j;

	j = rig_call(r, "entry.add", "{'text':'raw.githubusercontent.com','dry_run':true}");
	assert_true(json_is_null(json_object_get(j, "warning")));
	assert_non_null(strstr(str(j, "note"), "serves what anyone puts there"));
	json_decref(j);
	j = rig_call(r, "entry.add", "{'text':'pypi.org','dry_run':true}");
	assert_true(json_is_null(json_object_get(j, "note")));
	json_decref(j);
}

static void
an_edit_is_saved_and_in_force_at_once(void **state)
{
	struct rig *r = *state;
	char text[512];
	FILE *f;
	json_t *j;

	rig_net(r, 1);
	check_is(r, "{'host':'pypi.org'}", "deny", "not-listed");
	j = rig_call(r, "entry.add", "{'text':'.pypi.org','vm':'agent-*'}");
	assert_string_equal(str(j, "text"), ".pypi.org vm=agent-*");
	assert_int_equal(num(j, "line"), 5);
	json_decref(j);
	assert_int_equal(net_says(r, "pypi.org", "agent-1").verdict, VERDICT_ALLOW);
	assert_int_equal(net_says(r, "pypi.org", "other").verdict, VERDICT_DENY);
	check_is(r, "{'host':'PyPI.org.','vm':'agent-1'}", "allow", "listed");
	json_decref(rig_call(r, "entry.set", "{'entry':'.npmjs.org','state':'off'}"));
	assert_int_equal(net_says(r, "registry.npmjs.org", "").reason, REASON_DISABLED);
	json_decref(rig_call(r, "entry.undo", NULL));
	assert_int_equal(net_says(r, "registry.npmjs.org", "").verdict, VERDICT_ALLOW);
	json_decref(rig_call(r, "entry.remove", "{'entry':'.docker.io'}"));
	assert_non_null(f = fopen(r->conf.allowlist, "r"));
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	assert_string_equal(text, "# packages\n.npmjs.org\n!evil.npmjs.org\n.pypi.org vm=agent-*\n");
	assert_int_equal(events_with(r, "allowed .pypi.org"), 1);
	assert_int_equal(events_with(r, "undid"), 1);
}

static void
an_edit_that_cannot_be_saved_changes_nothing(void **state)
{
	struct rig *r = *state;
	char *cause;

	rig_net(r, 1);
	/* A directory in the way stops even root from saving. */
	assert_int_equal(unlink(r->conf.allowlist), 0);
	assert_int_equal(mkdir(r->conf.allowlist, 0755), 0);
	cause = rig_error(r, "entry.add", "{'text':'.pypi.org'}");
	free(cause);
	assert_int_equal(net_says(r, "pypi.org", "").verdict, VERDICT_DENY);
	assert_int_equal(net_says(r, "registry.npmjs.org", "").verdict, VERDICT_ALLOW);
	check_is(r, "{'host':'pypi.org'}", "deny", "not-listed");
	assert_int_equal(rmdir(r->conf.allowlist), 0);
}

static void
a_hand_edit_is_taken_up_and_a_bad_one_changes_nothing(void **state)
{
	struct rig *r = *state;
	char *cause;

	rig_net(r, 1);
	rig_write_allowlist(r, ".example.com\n");
	policy_poll(r->engine);
	rig_turn(r);
	assert_int_equal(net_says(r, "www.example.com", "").verdict, VERDICT_ALLOW);
	assert_int_equal(net_says(r, "registry.npmjs.org", "").verdict, VERDICT_DENY);
	rig_write_allowlist(r, ".example.com\nnot a name at all!\n");
	policy_poll(r->engine);
	rig_turn(r);
	assert_int_equal(net_says(r, "www.example.com", "").verdict, VERDICT_ALLOW);
	assert_true(has_alert(r, "allowlist:2"));
	cause = rig_error(r, "entry.add", "{'text':'.pypi.org'}");
	assert_non_null(strstr(cause, "allowlist:2"));
	free(cause);
	rig_write_allowlist(r, ".example.com\n.example.org\n");
	policy_poll(r->engine);
	assert_false(has_alert(r, "allowlist"));
	check_is(r, "{'host':'example.org'}", "allow", "listed");
}

static void
write_preset(const struct rig *r, const char *text)
{
	char path[CONF_PATH_SIZE + 16];
	FILE *f;

	snprintf(path, sizeof(path), "%s/own", r->conf.presets[0]);
	assert_non_null(f = fopen(path, "w"));
	fputs(text, f);
	fclose(f);
}

static void
a_preset_changed_by_hand_is_taken_up_and_a_bad_one_changes_nothing(void **state)
{
	struct rig *r = *state;
	char path[CONF_PATH_SIZE + 16];
	json_t *j;

	rig_net(r, 1);
	free(rig_error(r, "entry.add", "{'text':'@own'}"));
	write_preset(r, "# own\none.example\n");
	j = rig_call(r, "entry.add", "{'text':'@own'}");
	assert_non_null(strstr(str(j, "explain"), "(1: one.example)"));
	json_decref(j);
	assert_int_equal(net_says(r, "one.example", "").reason, REASON_PRESET);
	j = rig_call(r, "check", "{'host':'one.example'}");
	assert_string_equal(str(j, "entry"), "@own");
	assert_int_equal(num(json_object_get(j, "preset"), "line"), 2);
	json_decref(j);
	write_preset(r, "# own\none.example\ntwo.example\n");
	policy_poll(r->engine);
	rig_turn(r);
	assert_int_equal(net_says(r, "two.example", "").verdict, VERDICT_ALLOW);
	write_preset(r, "two.example\nthis is wrong\n");
	policy_poll(r->engine);
	rig_turn(r);
	assert_true(has_alert(r, "own:2"));
	assert_int_equal(net_says(r, "one.example", "").verdict, VERDICT_ALLOW);
	snprintf(path, sizeof(path), "%s/own", r->conf.presets[0]);
	unlink(path);
}

static void
a_missing_allowlist_refuses_everything_until_it_is_back(void **state)
{
	struct rig *r = *state;

	rig_net(r, 1);
	assert_int_equal(unlink(r->conf.allowlist), 0);
	policy_poll(r->engine);
	/* An editor may only be saving. */
	check_is(r, "{'host':'registry.npmjs.org'}", "allow", "listed");
	policy_poll(r->engine);
	rig_turn(r);
	assert_int_equal(net_says(r, "registry.npmjs.org", "").verdict, VERDICT_DENY);
	assert_true(has_alert(r, "is missing"));
	json_decref(rig_call(r, "entry.add", "{'text':'.npmjs.org'}"));
	assert_int_equal(net_says(r, "registry.npmjs.org", "").verdict, VERDICT_ALLOW);
	assert_false(has_alert(r, "is missing"));
}

static void
an_engine_without_an_allowlist_starts_and_refuses(void **state)
{
	struct rig *r = rig_new(NULL);

	rig_net(r, 1);
	assert_int_equal(net_says(r, "registry.npmjs.org", "").verdict, VERDICT_DENY);
	assert_true(has_alert(r, "is missing"));
	rig_free(r);
	r = rig_new("this is no list\n");
	rig_net(r, 1);
	assert_int_equal(net_says(r, "registry.npmjs.org", "").verdict, VERDICT_DENY);
	assert_true(has_alert(r, "allowlist:1"));
	rig_free(r);
}

static void
an_entry_for_a_time_ends_by_itself(void **state)
{
	struct rig *r = *state;
	uint32_t before;

	rig_net(r, 1);
	json_decref(rig_call(r, "entry.add", "{'text':'.pypi.org','for':'1s'}"));
	assert_int_equal(net_says(r, "pypi.org", "").verdict, VERDICT_ALLOW);
	before = r->engine->policy.generation;
	for (int i = 0; i < 40 && r->engine->policy.generation == before; i++) {
		usleep(100000);
		policy_poll(r->engine);
		rig_turn(r);
	}
	assert_int_equal(net_says(r, "pypi.org", "").reason, REASON_EXPIRED);
	assert_int_equal(events_with(r, "ended: .pypi.org"), 1);
}

static void
check_says_what_is_wrong_with_a_name(void **state)
{
	struct rig *r = *state;
	json_t *j = rig_call(r, "check", "{'host':'registry.npmjs.org'}");

	assert_string_equal(str(j, "entry"), ".npmjs.org");
	assert_int_equal(num(j, "line"), 2);
	json_decref(j);
	check_is(r, "{'host':'registry.npmjs.org','port':8443}", "deny", "port");
	check_is(r, "{'host':'evil.npmjs.org'}", "deny", "deny-entry");
	check_is(r, "{'host':'a.docker.io'}", "deny", "disabled");
	check_is(r, "{'host':'10.0.0.1'}", "deny", "ip-literal");
	check_is(r, "{'host':'a..b'}", "deny", "bad-name");
	free(rig_error(r, "check", "{'host':''}"));
	free(rig_error(r, "check", "{'host':'a','port':70000}"));
	free(rig_error(r, "check", "{'host':['a']}"));
}

/* ---- the firewall ---- */

static void
apply_is_answered_when_priv_answers(void **state)
{
	struct rig *r = *state;
	struct rig_frame *f;
	json_t *j;

	rig_ask(r, "apply", "{'profile':'lockdown'}");
	assert_null(rig_answer(r));
	f = rig_priv_got(r, FW_APPLY);
	assert_non_null(f);
	assert_int_equal(f->body.fw.profile, PROFILE_LOCKDOWN);
	rig_priv_result(r, f->body.fw.serial, NULL);
	rig_turn(r);
	j = rig_answer(r);
	assert_string_equal(str(json_object_get(j, "result"), "profile"), "lockdown");
	json_decref(j);
	assert_int_equal(events_with(r, "applied lockdown"), 1);
	rig_ask(r, "apply", NULL);
	f = rig_priv_got(r, FW_APPLY);
	rig_priv_result(r, f->body.fw.serial, "lockdown.nft:3: syntax error");
	rig_turn(r);
	j = rig_answer(r);
	assert_non_null(strstr(str(json_object_get(j, "error"), "message"), "lockdown.nft:3"));
	json_decref(j);
	free(rig_error(r, "apply", "{'profile':'none'}"));
	free(rig_error(r, "apply", "{'profile':7}"));
}

static void
a_dry_run_brings_the_difference(void **state)
{
	struct rig *r = *state;
	struct rig_frame *f;
	json_t *j, *result;

	rig_ask(r, "apply", "{'profile':'observe','dry_run':true}");
	f = rig_priv_got(r, FW_DIFF);
	assert_non_null(f);
	rig_priv_text(r, f->body.fw.serial, "--- loaded\n+++ observe\n- drop\n");
	rig_priv_text(r, f->body.fw.serial, "+ accept\n  same\n");
	rig_priv_result(r, f->body.fw.serial, NULL);
	rig_turn(r);
	j = rig_answer(r);
	result = json_object_get(j, "result");
	assert_int_equal(num(result, "changes"), 2);
	assert_non_null(strstr(str(result, "diff"), "- drop\n+ accept"));
	json_decref(j);
}

static void
the_state_of_the_firewall_is_told_as_it_is(void **state)
{
	static const struct {
		enum profile	profile;
		bool		loaded, drift;
		const char	*name, *guard;
	} rows[] = {
		{ PROFILE_FILTERED, true, false, "enforcing", "full" },
		{ PROFILE_FILTERED, true, true, "drift", "down" },
		{ PROFILE_FILTERED, false, false, "drift", "down" },
		{ PROFILE_OBSERVE, true, false, "observing", "observed" },
		{ PROFILE_NONE, false, false, "open", "open" },
	};
	struct rig *r = *state;
	json_t *j = rig_call(r, "status", NULL);

	rig_guest(r, "agent-1", 0x11, "10.77.0.11");
	assert_string_equal(str(json_object_get(j, "firewall"), "state"), "unknown");
	json_decref(j);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		fw_status(r, rows[i].profile, rows[i].loaded, rows[i].drift);
		j = rig_call(r, "status", NULL);
		assert_string_equal(str(json_object_get(j, "firewall"), "state"), rows[i].name);
		json_decref(j);
		j = rig_call(r, "vms", NULL);
		assert_string_equal(str(row(j, 0), "guard"), rows[i].guard);
		json_decref(j);
	}
	assert_true(has_alert(r, "no rules are in force"));
	fw_status(r, PROFILE_FILTERED, true, false);
	assert_false(has_alert(r, "no rules are in force"));
	assert_int_equal(events_with(r, "over: no rules are in force"), 1);
}

static void
a_drift_that_was_repaired_is_told_as_that(void **state)
{
	struct fw_status s = { .profile = PROFILE_FILTERED, .loaded = true, .repaired = true };
	struct rig *r = *state;

	fw_status(r, PROFILE_FILTERED, true, false);
	fw_status(r, PROFILE_FILTERED, true, true);
	assert_true(has_alert(r, "the kernel's rules are not those"));
	assert_true(msg_send(r->priv, FRAME_FW_STATUS, &s, -1));
	rig_turn(r);
	assert_false(has_alert(r, "the kernel's rules are not those"));
	assert_int_equal(events_with(r, "over: gatehouse has loaded the rules again"), 1);
	assert_int_equal(events_with(r, "over: the kernel's rules"), 0);
}

static void
rules_have_rates_from_two_listings(void **state)
{
	struct rig *r = *state;
	json_t *j;
	double rate;

	r->engine->rules_time -= 2000000;
	r->listing = "smb 23\nweb 5\n";
	j = rig_call(r, "rules", NULL);
	assert_int_equal(num(j, "total"), 2);
	assert_string_equal(str(row(j, 0), "label"), "smb");
	assert_int_equal(num(row(j, 0), "packets"), 23);
	rate = json_number_value(json_object_get(row(j, 0), "rate"));
	assert_true(rate > 5 && rate < 11);
	assert_true(json_number_value(json_object_get(row(j, 1), "rate")) < 0.001);
	json_decref(j);
	r->engine->rules_time -= 2000000;
	r->listing = "bad";
	j = rig_call(r, "rules", NULL);
	assert_int_equal(num(j, "total"), 2);
	json_decref(j);
}

static void
requests_that_priv_does_not_answer_end(void **state)
{
	struct rig *r = *state;
	json_t *j;

	rig_ask(r, "flush", NULL);
	assert_non_null(rig_priv_got(r, FW_FLUSH));
	r->engine->pending->sent -= 60000000;
	rules_expire(r->engine);
	rig_turn(r);
	j = rig_answer(r);
	assert_non_null(strstr(str(json_object_get(j, "error"), "message"), "does not answer"));
	json_decref(j);
	/* A late or made-up answer is nobody's. */
	rig_priv_result(r, 12345, NULL);
	rig_turn(r);
	assert_null(rig_answer(r));
}

/* ---- freezing ---- */

static void
answer_all_freezes(struct rig *r)
{
	for (unsigned i = 0; i < r->nto_priv && i < RIG_FRAMES; i++) {
		const struct rig_frame *f = &r->to_priv[i];

		if (f->type == FRAME_FW_REQUEST &&
		    (f->body.fw.verb == FW_FREEZE || f->body.fw.verb == FW_THAW))
			rig_priv_result(r, f->body.fw.serial, NULL);
	}
	rig_turn(r);
}

static void
a_freeze_reaches_net_at_once_and_is_answered_when_priv_has_done_it(void **state)
{
	struct rig *r = *state;
	struct rig_frame *f;
	json_t *j;

	rig_guest(r, "agent-1", 0x11, "10.77.0.11");
	rig_net(r, 1);
	rig_ask(r, "freeze", "{'vm':'agent-1'}");
	assert_null(rig_answer(r));
	assert_int_equal(rig_net_got(r, FRAME_GUEST)->body.guest.frozen, 1);
	f = rig_priv_got(r, FW_FREEZE);
	assert_non_null(f);
	assert_int_equal(f->body.fw.guest.naddrs, 1);
	assert_int_equal(f->body.fw.guest.has_mac, 1);
	assert_int_equal(f->body.fw.guest.mac[5], 0x11);
	answer_all_freezes(r);
	j = rig_answer(r);
	assert_string_equal(json_string_value(json_array_get(json_object_get(
	    json_object_get(j, "result"), "vms"), 0)), "agent-1");
	json_decref(j);
	j = rig_call(r, "vms", NULL);
	assert_string_equal(str(row(j, 0), "guard"), "frozen");
	json_decref(j);
	check_is(r, "{'host':'registry.npmjs.org','vm':'agent-1'}", "deny", "frozen");
	/* A net that starts anew is told too. */
	rig_forget(r);
	rig_net(r, 2);
	assert_int_equal(rig_net_got(r, FRAME_GUEST)->body.guest.frozen, 1);
	rig_ask(r, "thaw", "{'vm':'agent-1'}");
	assert_int_equal(rig_net_got(r, FRAME_GUEST)->body.guest.frozen, 1);
	answer_all_freezes(r);
	json_decref(rig_answer(r));
	assert_int_equal(rig_net_got(r, FRAME_GUEST)->body.guest.frozen, 0);
}

static void
a_frozen_guest_stays_frozen_at_a_new_address(void **state)
{
	struct rig *r = *state;
	struct rig_frame *f;

	rig_guest(r, "agent-1", 0x11, "10.77.0.11");
	rig_net(r, 1);
	rig_ask(r, "freeze", "{'vm':'agent-1'}");
	answer_all_freezes(r);
	json_decref(rig_answer(r));
	rig_forget(r);
	rig_guest(r, "agent-1", 0x11, "10.77.0.99");
	f = rig_priv_got(r, FW_FREEZE);
	assert_non_null(f);
	assert_int_equal(f->body.fw.guest.naddrs, 2);
	f = rig_net_got(r, FRAME_GUEST);
	assert_non_null(f);
	assert_int_equal(f->body.guest.frozen, 1);
	answer_all_freezes(r);
	/* Thawing gives back the address it had before too. */
	rig_forget(r);
	rig_ask(r, "thaw", "{'vm':'agent-1'}");
	f = rig_priv_got(r, FW_THAW);
	assert_non_null(f);
	assert_int_equal(f->body.fw.guest.naddrs, 2);
	answer_all_freezes(r);
	json_decref(rig_answer(r));
}

/* Another guest may have that tap next. */
static void
a_frozen_guest_that_stops_leaves_its_port(void **state)
{
	struct rig *r = *state;
	struct sighting s = rig_sighting("agent-1", 0x11, "10.77.0.11");
	struct rig_frame *f;

	copy_string(s.provider, "virsh", sizeof(s.provider));
	copy_string(s.key, "agent-1", sizeof(s.key));
	copy_string(s.port, "tap2", sizeof(s.port));
	rig_guests(r, &s, 1);
	rig_ask(r, "freeze", "{'vm':'agent-1'}");
	f = rig_priv_got(r, FW_FREEZE);
	assert_string_equal(f->body.fw.guest.port, "tap2");
	answer_all_freezes(r);
	json_decref(rig_answer(r));
	rig_forget(r);
	s.state = GUEST_STOPPED;
	s.bridge[0] = s.port[0] = '\0';
	rig_guests(r, &s, 1);
	f = rig_priv_got(r, FW_FREEZE);
	assert_non_null(f);
	assert_string_equal(f->body.fw.guest.port, "");
	assert_int_equal(f->body.fw.guest.mac[5], 0x11);
}

static void
what_is_past_the_rules_is_not_said_to_be_held(void **state)
{
	struct rig *r = *state;
	struct sighting s = rig_sighting("agent-1", 0x11, "10.77.0.11");
	json_t *j;

	copy_string(s.provider, "virsh", sizeof(s.provider));
	copy_string(s.key, "agent-1", sizeof(s.key));
	s.mode = NIC_LAN;
	rig_guests(r, &s, 1);
	check_is(r, "{'host':'evil.example','vm':'agent-1'}", "allow", "leaking");
	check_is(r, "{'host':'evil.example'}", "deny", "not-listed");
	rig_ask(r, "freeze", "{'vm':'agent-1'}");
	answer_all_freezes(r);
	j = rig_answer(r);
	assert_non_null(strstr(str(json_object_get(j, "result"), "warning"),
	    "agent-1 is leaking: what goes past the rules goes on"));
	json_decref(j);
	j = rig_call(r, "vms", NULL);
	assert_string_equal(str(row(j, 0), "guard"), "leaking");
	assert_true(json_is_true(json_object_get(row(j, 0), "frozen")));
	json_decref(j);
}

static void
an_address_that_moves_on_does_not_freeze_its_next_owner(void **state)
{
	struct rig *r = *state;
	struct sighting both[] = { rig_sighting("agent-1", 0x11, "10.77.0.99"),
		rig_sighting("agent-2", 0x12, "10.77.0.11") };
	struct rig_frame *f;
	json_t *j;

	rig_guest(r, "agent-1", 0x11, "10.77.0.11");
	rig_net(r, 1);
	rig_ask(r, "freeze", "{'vm':'agent-1'}");
	answer_all_freezes(r);
	json_decref(rig_answer(r));
	rig_forget(r);
	rig_guests(r, both, 2);
	/* The newest word about a guest replaces what priv knew of it. */
	f = rig_priv_got(r, FW_FREEZE);
	assert_non_null(f);
	assert_int_equal(f->body.fw.guest.naddrs, 1);
	assert_int_equal(f->body.fw.guest.addrs[0].bytes[3], 99);
	assert_null(rig_priv_got(r, FW_THAW));
	answer_all_freezes(r);
	j = rig_call(r, "vms", NULL);
	assert_string_equal(str(row(j, 0), "guard"), "frozen");
	assert_string_not_equal(str(row(j, 1), "guard"), "frozen");
	json_decref(j);
}

static void
a_change_during_a_thaw_does_not_freeze_again(void **state)
{
	struct rig *r = *state;

	rig_guest(r, "agent-1", 0x11, "10.77.0.11");
	rig_net(r, 1);
	rig_ask(r, "freeze", "{'vm':'agent-1'}");
	answer_all_freezes(r);
	json_decref(rig_answer(r));
	rig_forget(r);
	rig_ask(r, "thaw", "{'vm':'agent-1'}");
	rig_guest(r, "agent-1", 0x11, "10.77.0.99");
	assert_null(rig_priv_got(r, FW_FREEZE));
	answer_all_freezes(r);
	json_decref(rig_answer(r));
	assert_int_equal(rig_net_got(r, FRAME_GUEST)->body.guest.frozen, 0);
	/* But a freeze after it counts, whichever is answered first. */
	rig_ask(r, "thaw", "{'vm':'agent-1'}");
	rig_ask(r, "freeze", "{'vm':'agent-1'}");
	answer_all_freezes(r);
	json_decref(rig_answer(r));
	json_decref(rig_answer(r));
	assert_int_equal(rig_net_got(r, FRAME_GUEST)->body.guest.frozen, 1);
}

static void
a_freeze_of_nobody_names_who_there_is(void **state)
{
	struct rig *r = *state;
	char *cause = rig_error(r, "freeze", "{'vm':'agent-1'}");

	assert_non_null(strstr(cause, "no guest is known"));
	free(cause);
	rig_guest(r, "agent-1", 0x11, "10.77.0.11");
	cause = rig_error(r, "freeze", "{'vm':'agnet-1'}");
	assert_non_null(strstr(cause, "agent-1"));
	free(cause);
	assert_null(rig_priv_got(r, FW_FREEZE));
}

static void
a_failed_freeze_says_so_and_keeps_refusing(void **state)
{
	struct rig *r = *state;
	json_t *j;

	rig_guest(r, "agent-1", 0x11, "10.77.0.11");
	rig_net(r, 1);
	rig_ask(r, "freeze", "{'vm':'agent-1'}");
	rig_priv_result(r, rig_priv_got(r, FW_FREEZE)->body.fw.serial, "no table");
	rig_turn(r);
	j = rig_answer(r);
	assert_non_null(strstr(str(json_object_get(j, "error"), "message"), "no table"));
	json_decref(j);
	assert_int_equal(rig_net_got(r, FRAME_GUEST)->body.guest.frozen, 1);
}

static void
an_engine_that_starts_again_knows_who_is_frozen(void **state)
{
	struct rig *r = *state;

	r->listing = "web 1\nfrozen 10.77.0.11\n";
	rig_restart(r);
	rig_net(r, 1);
	/* Before the guest is known, and once it is. */
	rig_guest(r, "agent-1", 0x11, "10.77.0.11");
	assert_int_equal(rig_net_got(r, FRAME_GUEST)->body.guest.frozen, 1);
	rig_ask(r, "thaw", "{'vm':'agent-1'}");
	answer_all_freezes(r);
	json_decref(rig_answer(r));
	assert_int_equal(rig_net_got(r, FRAME_GUEST)->body.guest.frozen, 0);
	r->listing = "web 1\nfrozen all\n";
	rig_restart(r);
	rig_net(r, 2);
	rig_guest(r, "agent-1", 0x11, "10.77.0.11");
	assert_int_equal(rig_net_got(r, FRAME_GUEST)->body.guest.frozen, 1);
}

static void
everyone_can_be_frozen_and_thawed(void **state)
{
	struct rig *r = *state;

	rig_guest(r, "agent-1", 0x11, "10.77.0.11");
	rig_net(r, 1);
	rig_ask(r, "freeze", NULL);
	assert_int_equal(rig_priv_got(r, FW_FREEZE)->body.fw.everyone, 1);
	assert_int_equal(rig_net_got(r, FRAME_GUEST)->body.guest.frozen, 1);
	answer_all_freezes(r);
	json_decref(rig_answer(r));
	free(rig_error(r, "thaw", "{'vm':'agent-1'}"));
	rig_forget(r);
	rig_ask(r, "thaw", "{'vm':null}");
	answer_all_freezes(r);
	json_decref(rig_answer(r));
	assert_int_equal(rig_net_got(r, FRAME_GUEST)->body.guest.frozen, 0);
}

/* ---- roles, reload, proxy ---- */

static void
a_role_that_dies_and_comes_back_is_in_the_timeline(void **state)
{
	struct rig *r = *state;
	struct msg_role m = { .role = ROLE_NET, .pid = 77, .status = 9, .delay_ms = 100 };
	json_t *j, *net;

	assert_true(msg_send(r->priv, FRAME_ROLE, &m, -1));
	m.up = 1;
	m.restarts = 1;
	m.pid = 78;
	assert_true(msg_send(r->priv, FRAME_ROLE, &m, -1));
	rig_turn(r);
	j = rig_call(r, "status", NULL);
	net = json_array_get(json_object_get(j, "roles"), ROLE_NET);
	assert_string_equal(str(net, "state"), "up");
	assert_int_equal(num(net, "restarts"), 1);
	assert_string_equal(str(net, "last_exit"), "killed by signal 9");
	json_decref(j);
	assert_int_equal(events_with(r, "net ended: killed by signal 9"), 1);
	assert_int_equal(events_with(r, "net was started again"), 1);
}

static void
the_proxy_is_started_stopped_and_remembered(void **state)
{
	struct rig *r = *state;
	json_t *j;

	rig_net(r, 1);
	net_proxy(r, true, "");
	rig_ask(r, "proxy", "{'action':'stop'}");
	assert_int_equal(rig_net_got(r, FRAME_PROXY)->body.proxy.run, 0);
	assert_int_equal(r->to_priv[(r->nto_priv - 1) % RIG_FRAMES].type, FRAME_PROXY_SAVE);
	/* Only net knows when it is so. */
	assert_null(rig_answer(r));
	net_proxy(r, false, "");
	j = rig_answer(r);
	assert_string_equal(str(json_object_get(j, "result"), "state"), "stopped");
	json_decref(j);
	rig_ask(r, "proxy", "{'action':'start'}");
	assert_int_equal(rig_net_got(r, FRAME_PROXY)->body.proxy.run, 1);
	r->engine->proxy_asked -= 60000000;
	net_proxy(r, false, "port 8643 is taken");
	j = rig_answer(r);
	assert_non_null(strstr(str(json_object_get(j, "error"), "message"), "8643 is taken"));
	json_decref(j);
	free(rig_error(r, "proxy", "{'action':'dance'}"));
	free(rig_error(r, "proxy", NULL));
}

static void
a_reload_that_fails_says_why_and_is_an_alert(void **state)
{
	struct rig *r = *state;
	struct msg_reloaded m = { .ok = 0, .cause = "gatehouse.conf:12: unknown option" };
	json_t *j;

	rig_ask(r, "reload", NULL);
	assert_null(rig_answer(r));
	assert_true(msg_send(r->priv, FRAME_RELOADED, &m, -1));
	rig_turn(r);
	j = rig_answer(r);
	assert_non_null(strstr(str(json_object_get(j, "error"), "message"), "conf:12"));
	json_decref(j);
	assert_true(has_alert(r, "conf:12"));
	m.ok = 1;
	assert_true(msg_send(r->priv, FRAME_RELOADED, &m, -1));
	rig_turn(r);
	assert_false(has_alert(r, "conf:12"));
}

/* ---- subscriptions ---- */

static void
a_subscriber_gets_what_changed_and_nothing_else(void **state)
{
	struct rig *r = *state;
	json_t *j, *views;

	rig_guest(r, "agent-1", 0x11, "10.77.0.11");
	rig_net(r, 1);
	json_decref(rig_call(r, "subscribe", "{'views':{'vms':{},'domains':{'limit':5}}}"));
	subscribe_update(r->engine);
	rig_turn(r);
	j = rig_update(r);
	views = json_object_get(json_object_get(j, "params"), "views");
	assert_non_null(json_object_get(json_object_get(j, "params"), "status"));
	assert_int_equal(json_object_size(views), 2);
	json_decref(j);
	subscribe_update(r->engine);
	rig_turn(r);
	assert_null(rig_update(r));
	net_hit(r, 1, "example.com", VERDICT_DENY, "10.77.0.11");
	usleep(20000);
	subscribe_update(r->engine);
	rig_turn(r);
	j = rig_update(r);
	views = json_object_get(json_object_get(j, "params"), "views");
	assert_int_equal(num(json_object_get(views, "domains"), "total"), 1);
	assert_string_equal(str(row(json_object_get(views, "domains"), 0), "name"), "example.com");
	json_decref(j);
	json_decref(rig_call(r, "subscribe", "{'views':{}}"));
	net_hit(r, 2, "example.net", VERDICT_DENY, "10.77.0.11");
	subscribe_update(r->engine);
	rig_turn(r);
	j = rig_update(r);
	assert_null(json_object_get(json_object_get(j, "params"), "views"));
	json_decref(j);
	free(rig_error(r, "subscribe", "{'views':{'nonsense':{}}}"));
	free(rig_error(r, "subscribe", "{'views':{'vms':{'limit':1001}}}"));
	free(rig_error(r, "subscribe", "{'views':{'vms':7}}"));
	free(rig_error(r, "subscribe", "{'views':[]}"));
}

static void
a_console_that_does_not_read_is_not_written_to(void **state)
{
	struct rig *r = *state;

	rig_net(r, 1);
	json_decref(rig_call(r, "subscribe", "{'views':{'domains':{'limit':1000}}}"));
	for (unsigned i = 0; i < 3000; i++) {
		struct hit h = { .id = i + 1, .time = now_wall(), .port = 443 };

		snprintf(h.name, sizeof(h.name), "%u.a-rather-long-name-for-a-host.example.org", i);
		assert_true(msg_send(r->net, FRAME_HIT, &h, -1));
		if (i % 30 != 0)
			continue;
		for (int k = 0; k < 4; k++)
			event_base_loop(r->base, EVLOOP_NONBLOCK);
		r->engine->subscribers != NULL ? subscribe_update(r->engine) : (void)0;
	}
	/* One update at most waits; a socket that is read becomes ready again. */
	for (int i = 0; i < 50; i++)
		rig_turn(r);
	assert_true(control_ready(r->engine->control, 1));
	assert_int_equal(control_clients(r->engine->control), 1);
}

static void
a_subscription_ends_with_its_connection(void **state)
{
	struct rig *r = *state;

	json_decref(rig_call(r, "subscribe", "{'views':{'vms':{}}}"));
	assert_non_null(r->engine->subscribers);
	close(r->fd);
	r->fd = open("/dev/null", O_RDWR);
	rig_turn(r);
	assert_null(r->engine->subscribers);
}

static void
net_packet(struct rig *r, uint32_t caplen, uint32_t len, uint64_t missed)
{
	struct msg_packet m = { .time = 1500000, .missed = missed, .caplen = caplen, .len = len,
		.bytes = "foo" };

	assert_true(msg_send(r->net, FRAME_PACKET, &m, -1));
	rig_turn(r);
}

static bool
tee_is_on(struct rig *r)
{
	struct rig_frame *f = rig_net_got(r, FRAME_TEE);

	return f != NULL && f->body.tee.on != 0;
}

static void
packets_come_only_while_somebody_asks(void **state)
{
	struct rig *r = *state;
	json_t *j, *params;
	char *cause;

	cause = rig_error(r, "drops.capture", NULL);
	assert_non_null(strstr(cause, "net is not running"));
	free(cause);
	rig_net(r, 1);
	free(rig_error(r, "drops.capture", "{'on':1}"));
	net_packet(r, 3, 3, 0);
	assert_null(rig_update(r));
	assert_false(tee_is_on(r));
	json_decref(rig_call(r, "drops.capture", NULL));
	assert_true(tee_is_on(r));
	net_packet(r, 3, 90, 0);
	j = rig_update(r);
	assert_string_equal(str(j, "method"), "packet");
	params = json_object_get(j, "params");
	assert_string_equal(str(params, "data"), "Zm9v");
	assert_int_equal(num(params, "caplen"), 3);
	assert_int_equal(num(params, "len"), 90);
	assert_int_equal(num(params, "missed"), 0);
	assert_true(json_real_value(json_object_get(params, "time")) == 1.5);
	json_decref(j);
	/* What no packet can be is not handed on. */
	net_packet(r, PACKET_BYTES_MAX + 1, PACKET_BYTES_MAX + 1, 0);
	net_packet(r, 3, 2, 0);
	net_packet(r, 3, UINT32_MAX, 0);
	assert_null(rig_update(r));
	net_packet(r, 3, 3, 7);
	json_decref(rig_update(r));
	rig_net(r, 2);
	assert_true(tee_is_on(r));
	net_packet(r, 3, 3, 2);
	j = rig_call(r, "drops.capture", "{'on':false}");
	assert_int_equal(num(j, "packets"), 3);
	assert_int_equal(num(j, "missed"), 9);
	json_decref(j);
	assert_false(tee_is_on(r));
}

/* The rig's console reads; another one beside it does not. */
static void
a_client_that_does_not_read_packets_misses_them_and_no_other_does(void **state)
{
	static const char ask[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"drops.capture\"}\n";
	enum { PACKETS = 3000 };
	struct rig *r = *state;
	json_t *j;
	int sv[2];

	rig_net(r, 1);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	control_adopt(r->engine->control, sv[0]);
	assert_int_equal(write(sv[1], ask, sizeof(ask) - 1), sizeof(ask) - 1);
	json_decref(rig_call(r, "drops.capture", NULL));
	for (unsigned i = 0; i < PACKETS; i++) {
		struct msg_packet m = { .caplen = PACKET_BYTES_MAX, .len = PACKET_BYTES_MAX };

		assert_true(msg_send(r->net, FRAME_PACKET, &m, -1));
		if (i % 50 == 0) {
			rig_turn(r);
			r->len = 0;
		}
	}
	rig_turn(r);
	r->len = 0;
	assert_false(control_room(r->engine->control, 2));
	assert_true(control_room(r->engine->control, 1));
	j = rig_call(r, "drops.capture", "{'on':false}");
	assert_int_equal(num(j, "packets"), PACKETS);
	assert_int_equal(num(j, "missed"), 0);
	json_decref(j);
	assert_true(tee_is_on(r));	/* the other one's */
	close(sv[1]);
	rig_turn(r);
	assert_false(tee_is_on(r));
	assert_int_equal(control_clients(r->engine->control), 1);
}

static void
the_engine_ends_without_priv(void **state)
{
	struct rig *r = *state;

	msg_channel_free(r->priv);
	r->priv = NULL;
	rig_turn(r);
	assert_null(r->engine->priv);
	free(rig_error(r, "apply", NULL));
	free(rig_error(r, "reload", NULL));
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_new_net_is_told_everything),
		TEST(net_is_told_of_users_by_their_number),
		TEST(decisions_that_were_not_told_are_an_alert_for_a_while),
		TEST(a_limit_that_refuses_is_an_alert_for_a_while),
		TEST(users_who_cannot_be_told_are_an_alert),
		TEST(numbers_go_on_over_another_net),
		TEST(a_net_that_dies_is_an_alert_until_the_next_comes),
		TEST(a_refused_attempt_is_one_line),
		TEST(what_is_looked_up_while_learning_is_told_once),
		TEST(hits_reach_the_views_with_their_guest),
		TEST(a_hit_is_of_who_sent_it_and_not_of_who_has_its_address),
		TEST(what_net_says_is_not_trusted),
		TEST(a_kind_of_drop_is_news_once),
		TEST(drops_join_their_guest_by_mac_then_address),
		TEST(a_flood_of_refusals_leaves_room_for_what_matters),
		TEST(a_host_that_everyone_shares_is_added_with_a_note),
		TEST(an_edit_is_saved_and_in_force_at_once),
		TEST(an_edit_that_cannot_be_saved_changes_nothing),
		TEST(a_hand_edit_is_taken_up_and_a_bad_one_changes_nothing),
		TEST(a_preset_changed_by_hand_is_taken_up_and_a_bad_one_changes_nothing),
		TEST(a_missing_allowlist_refuses_everything_until_it_is_back),
		TEST(an_engine_without_an_allowlist_starts_and_refuses),
		TEST(an_entry_for_a_time_ends_by_itself),
		TEST(check_says_what_is_wrong_with_a_name),
		TEST(apply_is_answered_when_priv_answers),
		TEST(a_dry_run_brings_the_difference),
		TEST(the_state_of_the_firewall_is_told_as_it_is),
		TEST(a_drift_that_was_repaired_is_told_as_that),
		TEST(rules_have_rates_from_two_listings),
		TEST(requests_that_priv_does_not_answer_end),
		TEST(a_freeze_reaches_net_at_once_and_is_answered_when_priv_has_done_it),
		TEST(a_frozen_guest_stays_frozen_at_a_new_address),
		TEST(a_frozen_guest_that_stops_leaves_its_port),
		TEST(what_is_past_the_rules_is_not_said_to_be_held),
		TEST(an_address_that_moves_on_does_not_freeze_its_next_owner),
		TEST(a_change_during_a_thaw_does_not_freeze_again),
		TEST(a_freeze_of_nobody_names_who_there_is),
		TEST(a_failed_freeze_says_so_and_keeps_refusing),
		TEST(an_engine_that_starts_again_knows_who_is_frozen),
		TEST(everyone_can_be_frozen_and_thawed),
		TEST(a_role_that_dies_and_comes_back_is_in_the_timeline),
		TEST(the_proxy_is_started_stopped_and_remembered),
		TEST(why_tells_what_came_of_a_connection),
		TEST(a_reload_that_fails_says_why_and_is_an_alert),
		TEST(a_subscriber_gets_what_changed_and_nothing_else),
		TEST(a_console_that_does_not_read_is_not_written_to),
		TEST(a_subscription_ends_with_its_connection),
		TEST(packets_come_only_while_somebody_asks),
		TEST(a_client_that_does_not_read_packets_misses_them_and_no_other_does),
		TEST(the_engine_ends_without_priv),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
