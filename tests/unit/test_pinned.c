/* The engine between a net that says what DNS gave out and a priv that opens it. */
#include "config.h"

#include "unit.h"

#include <netinet/in.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine_rig.h"
#include "host.h"
#include "xmalloc.h"

static const char list[] =
	".example.org\n"
	"git.example.org:22\n"
	"git.example.org:9418/udp\n"
	"vm.example.org:22 vm=agent-1\n"
	"soon.example.org:22 until=2096-01-01T00:00Z\n";

static int
setup(void **state)
{
	struct rig *r = rig_new(list);
	const struct sighting guests[] = { rig_sighting("agent-1", 1, "10.77.0.11"),
		rig_sighting("agent-1", 1, "fd77::11"), rig_sighting("agent-2", 2, "10.77.0.12") };

	rig_guests(r, guests, 3);
	rig_net(r, 1);
	rig_saved(r);
	rig_forget(r);
	*state = r;
	return 0;
}

static int
teardown(void **state)
{
	rig_free(*state);
	return 0;
}

/* DNS gave the guest these addresses for the name. */
static void
gives_out(struct rig *r, uint32_t serial, const char *guest, const char *name, const char *addrs)
{
	struct msg_pin m = { .serial = serial, .ttl = 60 };
	char *copy = xstrdup(addrs), *rest = copy, *word;

	assert_true(addr_parse(guest, &m.guest));
	copy_string(m.name, name, sizeof(m.name));
	while ((word = strsep(&rest, " ")) != NULL)
		assert_true(addr_parse(word, &m.addrs[m.naddrs++]));
	free(copy);
	assert_true(msg_send(r->net, FRAME_PIN, &m, -1));
	rig_turn(r);
}

static int
compare_lines(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* What priv was asked for since the last look, a line each, in order: "+10.77.0.11
 * 8.8.8.8 tcp 22 70s" or "-..."; the last answer asked for goes to *serial. */
static char *
asked(struct rig *r, uint32_t *serial)
{
	static char lines[RIG_FRAMES][160];
	char a[ADDR_TEXT_SIZE], b[ADDR_TEXT_SIZE], seconds[24], *text = xstrdup(""), *more;
	size_t n = 0;

	for (unsigned i = 0; i < RIG_FRAMES && i < r->nto_priv; i++) {
		const struct msg_fw_pin *m = &r->to_priv[i].body.pin;

		if (r->to_priv[i].type != FRAME_FW_PIN)
			continue;
		if (m->serial != 0 && serial != NULL)
			*serial = m->serial;
		snprintf(seconds, sizeof(seconds), " %us", m->pin.seconds);
		snprintf(lines[n++], sizeof(lines[0]), "%c%s %s %s %u%s", m->on ? '+' : '-',
		    addr_format(&m->pin.src, a), addr_format(&m->pin.dst, b),
		    m->pin.proto == IPPROTO_UDP ? "udp" : "tcp", m->pin.port, m->on ? seconds : "");
	}
	qsort(lines, n, sizeof(lines[0]), compare_lines);
	for (size_t i = 0; i < n; i++) {
		more = xasprintf("%s%s\n", text, lines[i]);
		free(text);
		text = more;
	}
	rig_forget(r);
	return text;
}

static void
assert_asked(struct rig *r, const char *expected)
{
	char *text = asked(r, NULL);

	assert_string_equal(text, expected);
	free(text);
}

/* Whether net was told about that serial, and what: -1 not yet. */
static int
told(struct rig *r, uint32_t serial)
{
	struct rig_frame *f = rig_net_got(r, FRAME_PINNED);

	return f != NULL && f->body.pinned.serial == serial ? (int)f->body.pinned.ok : -1;
}

static void
a_names_ports_open_to_every_address_of_who_asked(void **state)
{
	struct rig *r = *state;
	uint32_t serial = 0;
	char *text;

	gives_out(r, 5, "10.77.0.11", "git.example.org", "8.8.8.8 2600::8");
	assert_int_equal(told(r, 5), -1);
	text = asked(r, &serial);
	assert_string_equal(text,
	    "+10.77.0.11 8.8.8.8 tcp 22 70s\n"
	    "+10.77.0.11 8.8.8.8 udp 9418 70s\n"
	    "+fd77::11 2600::8 tcp 22 70s\n"
	    "+fd77::11 2600::8 udp 9418 70s\n");
	free(text);
	assert_int_not_equal(serial, 0);
	rig_priv_result(r, serial, NULL);
	rig_turn(r);
	assert_int_equal(told(r, 5), 1);
	/* What is open is not asked for again. */
	gives_out(r, 6, "10.77.0.11", "git.example.org", "8.8.8.8");
	assert_int_equal(told(r, 6), 1);
	assert_asked(r, "");
	/* To another guest it is not. */
	gives_out(r, 7, "10.77.0.12", "git.example.org", "8.8.8.8");
	assert_asked(r, "+10.77.0.12 8.8.8.8 tcp 22 70s\n+10.77.0.12 8.8.8.8 udp 9418 70s\n");
}

static void
what_no_entry_lists_is_not_opened(void **state)
{
	struct rig *r = *state;

	gives_out(r, 1, "10.77.0.11", "www.example.org", "8.8.8.8");
	assert_int_equal(told(r, 1), 1);
	gives_out(r, 2, "10.77.0.11", "evil.example", "8.8.8.8");
	gives_out(r, 3, "10.77.0.12", "vm.example.org", "8.8.8.8");
	/* Whatever net says, no address that is not the internet's. */
	gives_out(r, 4, "10.77.0.11", "git.example.org", "10.0.0.1 127.0.0.1 169.254.1.1 fe80::1 "
	    "::ffff:10.0.0.1 64:ff9b::a00:1");
	assert_int_equal(told(r, 4), 1);
	assert_asked(r, "");
	gives_out(r, 5, "10.77.0.11", "vm.example.org", "8.8.8.8");
	assert_asked(r, "+10.77.0.11 8.8.8.8 tcp 22 70s\n");
}

static void
a_stranger_gets_it_for_its_address_alone(void **state)
{
	struct rig *r = *state;

	gives_out(r, 1, "10.77.0.99", "git.example.org", "8.8.8.8");
	assert_asked(r, "+10.77.0.99 8.8.8.8 tcp 22 70s\n+10.77.0.99 8.8.8.8 udp 9418 70s\n");
	gives_out(r, 2, "10.77.0.99", "vm.example.org", "8.8.8.8");
	assert_asked(r, "");
	/* Known as somebody by then, it keeps what it has. */
	rig_guest(r, "agent-9", 9, "10.77.0.99");
	assert_asked(r, "");
}

static void
what_is_unsound_is_ignored(void **state)
{
	struct rig *r = *state;
	struct msg_pin good = { .serial = 1, .ttl = 60, .naddrs = 1,
		.guest = { .family = 4, .bytes = { 10, 77, 0, 11 } },
		.addrs = { { .family = 4, .bytes = { 8, 8, 8, 8 } } }, .name = "git.example.org" }, m;

#define BAD(change) do {							\
	m = good;								\
	change;									\
	assert_true(msg_send(r->net, FRAME_PIN, &m, -1));			\
	rig_turn(r);								\
	assert_asked(r, "");							\
} while (0)
	BAD(m.guest.family = 5);
	BAD(m.naddrs = FRAME_PIN_ADDRS + 1);
	BAD(m.naddrs = UINT32_MAX);
	BAD(m.addrs[0].family = 7);
	BAD(memset(m.name, 'a', sizeof(m.name)));
	BAD(copy_string(m.name, "Git.example.org", sizeof(m.name)));
	BAD(copy_string(m.name, "10.0.0.1", sizeof(m.name)));
	/* A time that no answer has is cut. */
	m = good;
	m.ttl = UINT32_MAX;
	assert_true(msg_send(r->net, FRAME_PIN, &m, -1));
	rig_turn(r);
	assert_asked(r, "+10.77.0.11 8.8.8.8 tcp 22 3610s\n+10.77.0.11 8.8.8.8 udp 9418 3610s\n");
}

static void
what_is_no_longer_listed_is_taken_away(void **state)
{
	struct rig *r = *state;

	gives_out(r, 1, "10.77.0.11", "git.example.org", "8.8.8.8");
	gives_out(r, 2, "10.77.0.11", "vm.example.org", "9.9.9.9");
	rig_forget(r);
	json_decref(rig_call(r, "entry.set", "{'entry':'git.example.org:22','state':'off'}"));
	assert_asked(r, "-10.77.0.11 8.8.8.8 tcp 22\n");
	json_decref(rig_call(r, "entry.set", "{'entry':'git.example.org:22','state':'on'}"));
	assert_asked(r, "");
	json_decref(rig_call(r, "entry.add", "{'text':'!git.example.org'}"));
	assert_asked(r, "-10.77.0.11 8.8.8.8 udp 9418\n");
	json_decref(rig_call(r, "entry.remove", "{'entry':'vm.example.org:22 vm=agent-1'}"));
	assert_asked(r, "-10.77.0.11 9.9.9.9 tcp 22\n");
}

static void
a_frozen_guest_loses_what_it_has(void **state)
{
	struct rig *r = *state;

	gives_out(r, 1, "10.77.0.11", "vm.example.org", "8.8.8.8");
	gives_out(r, 2, "10.77.0.12", "git.example.org", "8.8.8.8");
	rig_forget(r);
	rig_ask(r, "freeze", "{'vm':'agent-1'}");
	assert_asked(r, "-10.77.0.11 8.8.8.8 tcp 22\n");
	gives_out(r, 3, "10.77.0.11", "vm.example.org", "8.8.8.8");
	assert_int_equal(told(r, 3), 0);
	assert_asked(r, "");
}

static void
an_address_that_moves_on_takes_nothing_along(void **state)
{
	struct rig *r = *state;
	const struct sighting moved[] = { rig_sighting("agent-1", 1, "fd77::11"),
		rig_sighting("agent-2", 2, "10.77.0.12"), rig_sighting("agent-3", 3, "10.77.0.11") };

	gives_out(r, 1, "10.77.0.11", "git.example.org", "8.8.8.8");
	rig_forget(r);
	rig_guests(r, moved, 3);
	assert_asked(r, "-10.77.0.11 8.8.8.8 tcp 22\n-10.77.0.11 8.8.8.8 udp 9418\n");
}

static void
a_new_address_of_the_guest_has_it_too(void **state)
{
	struct rig *r = *state;
	const struct sighting more[] = { rig_sighting("agent-1", 1, "10.77.0.11"),
		rig_sighting("agent-1", 1, "fd77::11"), rig_sighting("agent-1", 1, "10.77.0.55"),
		rig_sighting("agent-2", 2, "10.77.0.12") };

	gives_out(r, 1, "10.77.0.11", "vm.example.org", "8.8.8.8");
	rig_forget(r);
	rig_guests(r, more, 4);
	assert_asked(r, "+10.77.0.55 8.8.8.8 tcp 22 69s\n");
}

static void
what_cannot_be_opened_is_forgotten(void **state)
{
	struct rig *r = *state;
	uint32_t serial = 0;

	gives_out(r, 1, "10.77.0.11", "vm.example.org", "8.8.8.8");
	free(asked(r, &serial));
	rig_priv_result(r, serial, "no room");
	rig_turn(r);
	assert_int_equal(told(r, 1), 0);
	assert_asked(r, "-10.77.0.11 8.8.8.8 tcp 22\n");
	/* It is asked for again, then. */
	gives_out(r, 2, "10.77.0.11", "vm.example.org", "8.8.8.8");
	assert_asked(r, "+10.77.0.11 8.8.8.8 tcp 22 70s\n");
}

static void
a_new_engine_takes_up_what_priv_has(void **state)
{
	struct rig *r = *state;
	struct msg_fw_pinned m = { .pin = { .seconds = 50, .port = 22, .proto = IPPROTO_TCP,
		.guest = "agent-1", .name = "git.example.org" } };
	const struct sighting heard[] = { rig_sighting("other", 1, "10.77.0.11") },
	    guests[] = { rig_sighting("agent-1", 1, "10.77.0.11") };

	rig_restart(r);
	assert_true(addr_parse("10.77.0.11", &m.pin.src) && addr_parse("8.8.8.8", &m.pin.dst));
	assert_true(msg_send(r->priv, FRAME_FW_PINNED, &m, -1));
	copy_string(m.pin.name, "gone.example", sizeof(m.pin.name));
	assert_true(addr_parse("9.9.9.9", &m.pin.dst));
	assert_true(msg_send(r->priv, FRAME_FW_PINNED, &m, -1));
	rig_turn(r);
	/* Not judged before priv has told who the guests were, but then. */
	rig_guests(r, heard, 1);
	assert_asked(r, "");
	rig_guests(r, guests, 1);
	assert_asked(r, "");
	rig_saved(r);
	assert_asked(r, "-10.77.0.11 9.9.9.9 tcp 22\n");
	rig_net(r, 2);
	gives_out(r, 1, "10.77.0.11", "git.example.org", "8.8.8.8");
	assert_asked(r, "+10.77.0.11 8.8.8.8 tcp 22 70s\n+10.77.0.11 8.8.8.8 udp 9418 70s\n");
	/* One that is over is forgotten. */
	m.gone = 1;
	copy_string(m.pin.name, "git.example.org", sizeof(m.pin.name));
	assert_true(addr_parse("8.8.8.8", &m.pin.dst));
	assert_true(msg_send(r->priv, FRAME_FW_PINNED, &m, -1));
	rig_turn(r);
	json_decref(rig_call(r, "entry.set", "{'entry':'git.example.org:22','state':'off'}"));
	assert_asked(r, "");
}

static void
a_guest_has_no_more_than_its_share(void **state)
{
	enum { SHARE = 512 };
	struct rig *r = *state;
	char name[64], addr[32], *text;
	unsigned opened = 0;
	json_t *events;

	rig_write_allowlist(r, ".example.org:22\n");
	policy_poll(r->engine);
	for (unsigned i = 0; i < SHARE + 20; i++) {
		snprintf(name, sizeof(name), "n%u.example.org", i);
		snprintf(addr, sizeof(addr), "8.1.%u.%u", i / 256, i % 256);
		gives_out(r, i + 1, "10.77.0.11", name, addr);
		text = asked(r, NULL);
		opened += text[0] == '+';
		free(text);
	}
	assert_int_equal(opened, SHARE);
	/* Others are not held up by it. */
	gives_out(r, 1000, "10.77.0.12", "n1.example.org", "8.8.8.8");
	assert_asked(r, "+10.77.0.12 8.8.8.8 tcp 22 70s\n");
	events = rig_call(r, "events", "{'limit':1000}");
	text = json_dumps(events, 0);
	assert_non_null(strstr(text, "agent-1 has as many addresses open as fit"));
	free(text);
	json_decref(events);
}

/* ---- ranges ---- */

/* What the newest whole list holds, a line each. */
static char *
ranges(struct rig *r)
{
	char a[ADDR_TEXT_SIZE], b[ADDR_TEXT_SIZE], c[ADDR_TEXT_SIZE], *text = NULL, *more;

	for (unsigned i = 0; i < RIG_FRAMES && i < r->nto_priv; i++) {
		const struct msg_fw_ranges *m = &r->to_priv[i].body.ranges;

		if (r->to_priv[i].type != FRAME_FW_RANGES)
			continue;
		if (m->first) {
			free(text);
			text = xstrdup("");
		}
		for (uint32_t k = 0; k < m->n; k++) {
			const struct fw_range *x = &m->range[k];

			more = xasprintf("%s%s %s-%s %s %u%s\n", text, addr_format(&x->src, a),
			    addr_format(&x->first, b), addr_format(&x->last, c),
			    x->proto == IPPROTO_UDP ? "udp" : "tcp", x->port,
			    x->seconds != 0 ? " ends" : "");
			free(text);
			text = more;
		}
	}
	rig_forget(r);
	return text;
}

static void
assert_ranges(struct rig *r, const char *expected)
{
	char *text = ranges(r);

	if (expected == NULL) {
		assert_null(text);
		return;
	}
	assert_non_null(text);
	assert_string_equal(text, expected);
	free(text);
}

static void
entries_for_addresses_are_ranges_of_each_guest(void **state)
{
	struct rig *r = *state;
	const struct sighting more[] = { rig_sighting("agent-1", 1, "10.77.0.11"),
		rig_sighting("agent-2", 2, "10.77.0.12"), rig_sighting("agent-2", 2, "10.77.0.13") };

	json_decref(rig_call(r, "entry.add", "{'text':'9.0.0.0/24:5432'}"));
	assert_ranges(r, "10.77.0.11 9.0.0.0-9.0.0.255 tcp 5432\n"
	    "10.77.0.12 9.0.0.0-9.0.0.255 tcp 5432\n");
	json_decref(rig_call(r, "entry.add", "{'text':'!9.0.0.128/25:5432','vm':'agent-2'}"));
	assert_ranges(r, "10.77.0.11 9.0.0.0-9.0.0.255 tcp 5432\n"
	    "10.77.0.12 9.0.0.0-9.0.0.127 tcp 5432\n");
	json_decref(rig_call(r, "entry.add", "{'text':'[2600::]/64:53000/udp','for':'1h'}"));
	assert_ranges(r, "10.77.0.11 9.0.0.0-9.0.0.255 tcp 5432\n"
	    "fd77::11 2600::-2600::ffff:ffff:ffff:ffff udp 53000 ends\n"
	    "10.77.0.12 9.0.0.0-9.0.0.127 tcp 5432\n");
	/* What changes nothing is not sent. */
	json_decref(rig_call(r, "entry.add", "{'text':'other.example'}"));
	assert_ranges(r, NULL);
	rig_guests(r, more, 3);
	assert_ranges(r, "10.77.0.11 9.0.0.0-9.0.0.255 tcp 5432\n"
	    "fd77::11 2600::-2600::ffff:ffff:ffff:ffff udp 53000 ends\n"
	    "10.77.0.12 9.0.0.0-9.0.0.127 tcp 5432\n10.77.0.13 9.0.0.0-9.0.0.127 tcp 5432\n");
	rig_ask(r, "freeze", "{'vm':'agent-2'}");
	assert_ranges(r, "10.77.0.11 9.0.0.0-9.0.0.255 tcp 5432\n"
	    "fd77::11 2600::-2600::ffff:ffff:ffff:ffff udp 53000 ends\n");
	json_decref(rig_call(r, "entry.set", "{'entry':'9.0.0.0/24:5432','state':'off'}"));
	assert_ranges(r, "fd77::11 2600::-2600::ffff:ffff:ffff:ffff udp 53000 ends\n");
}

static void
a_long_list_comes_in_pieces_and_is_cut_where_it_is_full(void **state)
{
	struct rig *r = *state;
	char *text = xstrdup(""), *more;
	unsigned pieces = 0, n = 0;
	json_t *status;
	char *alerts;

	for (unsigned i = 0; i < 600; i++) {
		more = xasprintf("%s9.%u.%u.0/24:5432\n", text, i / 100, 2 * (i % 100));
		free(text);
		text = more;
	}
	rig_write_allowlist(r, text);
	free(text);
	policy_poll(r->engine);
	rig_turn(r);
	for (unsigned i = 0; i < r->nto_priv; i++) {
		const struct msg_fw_ranges *m = &r->to_priv[i].body.ranges;

		if (r->to_priv[i].type != FRAME_FW_RANGES)
			continue;
		assert_int_equal(m->first, pieces == 0);
		pieces++;
		n += m->n;
		assert_int_equal(m->last, n == FW_RANGES_MAX);
	}
	assert_int_equal(n, FW_RANGES_MAX);
	assert_int_equal(pieces, FW_RANGES_MAX / FRAME_RANGES_MAX);
	alerts_update(r->engine);
	status = rig_call(r, "status", NULL);
	alerts = json_dumps(json_object_get(status, "alerts"), 0);
	assert_non_null(strstr(alerts, "make 1200 ranges for all guests, and 1024 fit"));
	free(alerts);
	json_decref(status);
}

/* ---- check ---- */

static void
check_tells_ports_and_addresses(void **state)
{
	static const struct {
		const char	*params, *verdict, *reason, *open;
	} cases[] = {
		{ "{'host':'git.example.org','port':22}", "allow", "listed", "[\"8.8.8.8\"]" },
		{ "{'host':'git.example.org','port':22,'vm':'agent-2'}", "allow", "listed", "[]" },
		{ "{'host':'git.example.org','port':22,'proto':'udp'}", "deny", "port", "null" },
		{ "{'host':'git.example.org','port':443}", "allow", "listed", "null" },
		{ "{'host':'9.0.0.9','port':5432}", "allow", "listed", "null" },
		{ "{'host':'0x9000009','port':5432}", "allow", "listed", "null" },
		{ "{'host':'[::ffff:9.0.0.9]','port':5432}", "allow", "listed", "null" },
		{ "{'host':'9.0.0.9','port':22}", "deny", "port", "null" },
		{ "{'host':'9.1.0.9','port':5432}", "deny", "ip-literal", "null" },
		{ "{'host':'fe80::1%eth0','port':5432}", "deny", "bad-name", "null" },
	};
	struct rig *r = *state;

	json_decref(rig_call(r, "entry.add", "{'text':'9.0.0.0/24:5432'}"));
	gives_out(r, 1, "10.77.0.11", "git.example.org", "8.8.8.8");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *j = rig_call(r, "check", cases[i].params);
		char *open = json_dumps(json_object_get(j, "open"), JSON_ENCODE_ANY);
		/* What is not for the proxy this host has to forward. */
		const bool stays = !host_forwards() && strcmp(cases[i].verdict, "allow") == 0 &&
		    strstr(cases[i].params, "443") == NULL;

		if (strcmp(json_string_value(json_object_get(j, "verdict")),
		    stays ? "deny" : cases[i].verdict) != 0 ||
		    strcmp(json_string_value(json_object_get(j, "reason")),
		    stays ? "no-forwarding" : cases[i].reason) != 0 ||
		    strcmp(open, cases[i].open) != 0) {
			char *text = json_dumps(j, 0);

			fail_msg("%s: %s", cases[i].params, text);
		}
		free(open);
		json_decref(j);
	}
	free(rig_error(r, "check", "{'host':'a.example','proto':'sctp'}"));
}

#define rig_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(a_names_ports_open_to_every_address_of_who_asked),
		rig_test(what_no_entry_lists_is_not_opened),
		rig_test(a_stranger_gets_it_for_its_address_alone),
		rig_test(what_is_unsound_is_ignored),
		rig_test(what_is_no_longer_listed_is_taken_away),
		rig_test(a_frozen_guest_loses_what_it_has),
		rig_test(an_address_that_moves_on_takes_nothing_along),
		rig_test(a_new_address_of_the_guest_has_it_too),
		rig_test(what_cannot_be_opened_is_forgotten),
		rig_test(a_new_engine_takes_up_what_priv_has),
		rig_test(a_guest_has_no_more_than_its_share),
		rig_test(entries_for_addresses_are_ranges_of_each_guest),
		rig_test(a_long_list_comes_in_pieces_and_is_cut_where_it_is_full),
		rig_test(check_tells_ports_and_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
