/*
 * priv with real rules in a network namespace, and roles that misbehave on
 * demand (tests/priv/fake_role.c).
 */
#include "config.h"

#include "unit.h"

#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "firewall/nft.h"
#include "log.h"
#include "ns.h"
#include "priv.h"
#include "inventory/commands.h"
#include "priv_check.h"
#include "xmalloc.h"

enum { PATIENCE_MS = 30000, STEP_MS = 10, LOG_MAX = 64 << 10 };

static char dir[] = "/tmp/gatehouse-test-priv-XXXXXX";
static char *exe;
static pid_t priv;

/* ---- the daemon under test ---- */

static char *
path_of(const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void
put(const char *name, const char *text)
{
	FILE *f = fopen(path_of(name), "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void
put_conf(const char *more)
{
	const char *srcdir = getenv("abs_srcdir");
	char *text = xasprintf("[daemon]\nstate = %s/state\ncontrol = %s/run/control.sock\n"
	    "[guard]\nbridge = ghtest0\nrules = %s/rules\ncheck-every = 1s\n"
	    "[allow]\nfile = %s/allow/allowlist\n%s", dir, dir, srcdir != NULL ? srcdir : ".",
	    dir, more);

	put("gatehouse.conf", text);
	free(text);
}

/* Runs priv in a child; returns what it answered, caller frees. */
static char *
priv_start(void)
{
	char conf[512], *answer = xcalloc(1, 1024);
	int fds[2];
	ssize_t n, len = 0;

	copy_string(conf, path_of("gatehouse.conf"), sizeof(conf));
	assert_int_equal(pipe(fds), 0);
	fflush(NULL);
	priv = fork();
	assert_int_not_equal(priv, -1);
	if (priv == 0) {
		struct daemon_options o = { conf, true, exe, fds[1] };

		close(fds[0]);
		prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		if (freopen(path_of("priv.log"), "a", stderr) == NULL)
			_exit(9);
		log_init("priv", 1, LOG_LEVEL_INFO);
		_exit(priv_main(&o));
	}
	close(fds[1]);
	while ((n = read(fds[0], answer + len, (size_t)(1023 - len))) > 0)
		len += n;
	close(fds[0]);
	assert_true(len > 0);
	return answer;
}

static void
priv_serves(void)
{
	char *answer = priv_start();

	assert_string_equal(answer, "");
	free(answer);
}

static int
priv_end(int signo)
{
	int status;

	kill(priv, signo);
	assert_int_equal(waitpid(priv, &status, 0), priv);
	priv = 0;
	return status;
}

static char *
log_of(const char *role)
{
	char name[32], *text = xcalloc(1, LOG_MAX);
	FILE *f;

	snprintf(name, sizeof(name), "%s.log", role);
	f = fopen(path_of(name), "r");
	if (f != NULL) {
		text[fread(text, 1, LOG_MAX - 1, f)] = '\0';
		fclose(f);
	}
	return text;
}

static void
nap(void)
{
	const struct timespec step = { 0, STEP_MS * 1000000 };

	nanosleep(&step, NULL);
}

/* Waits until a role's log has the words n times. */
static void
wait_log(const char *role, const char *words, int n)
{
	for (int i = 0; i < PATIENCE_MS / STEP_MS; i++) {
		char *text = log_of(role);
		int seen = 0;

		for (const char *at = text; (at = strstr(at, words)) != NULL; at++)
			seen++;
		free(text);
		if (seen >= n)
			return;
		nap();
	}
	fail_msg("%s never said \"%s\" %d times:\n%s", role, words, n, log_of(role));
}

/* The pid of the last start. */
static pid_t
pid_of(const char *role)
{
	char *text = log_of(role), *at, *last = NULL;
	long pid = 0;

	for (at = text; (at = strstr(at, "started ")) != NULL; at++)
		last = at;
	if (last != NULL)
		pid = strtol(last + 8, NULL, 10);
	free(text);
	assert_true(pid > 0);
	return (pid_t)pid;
}

static void
tell(const char *role, const char *what)
{
	char name[32];

	snprintf(name, sizeof(name), "%s.do", role);
	put(name, what);
	kill(pid_of(role), SIGUSR1);
}

static bool
gone(pid_t pid)
{
	for (int i = 0; i < PATIENCE_MS / STEP_MS; i++) {
		if (kill(pid, 0) == -1 && errno == ESRCH)
			return true;
		nap();
	}
	return false;
}

static bool
rules_loaded(void)
{
	char *list, *cause = nft_run(NULL, NFT_RUN_LIST, &list);
	bool loaded;

	assert_null(cause);
	loaded = list[0] != '\0';
	free(list);
	return loaded;
}

static void
forget_all(void)
{
	static const char *const files[] = { "engine.log", "net.log", "priv.log", "engine.do",
		"net.do", "state/state", "state/state.new", "state/pid", "state/pins",
		"gatehouse.conf" };

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		unlink(path_of(files[i]));
}

static int
setup(void **state)
{
	char *cause;

	(void)state;
	forget_all();
	put_conf("");
	cause = nft_run("table inet gatehouse\ndelete table inet gatehouse\n"
	    "table bridge gatehouse\ndelete table bridge gatehouse\n", 0, NULL);
	assert_null(cause);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	if (priv != 0)
		priv_end(SIGKILL);
	return 0;
}

/* ---- roles ---- */

static void
the_daemon_serves_when_rules_are_in_force_and_both_roles_ready(void **state)
{
	(void)state;
	assert_false(rules_loaded());
	priv_serves();
	assert_true(rules_loaded());
	wait_log("engine", "status filtered loaded 1 drift 0", 1);
	wait_log("engine", "saved 1", 1);
	wait_log("engine", "peer 1", 1);
	wait_log("net", "peer 1", 1);
}

static void
a_role_that_breaks_the_protocol_is_killed_and_started_again(const char *role, const char *how,
    const char *why)
{
	pid_t before;

	priv_serves();
	before = pid_of(role);
	tell(role, how);
	wait_log(role, "started ", 2);
	assert_true(gone(before));
	if (why[0] != '\0')
		wait_log("engine", why, 1);
	wait_log("net", "peer ", 2);
	wait_log("engine", "peer ", 2);
	assert_true(rules_loaded());
}

static void
an_unknown_frame_ends_net(void **state)
{
	(void)state;
	a_role_that_breaks_the_protocol_is_killed_and_started_again("net", "unknown-type",
	    "role net down restarts 1 killed: broke the frame protocol: unknown frame type");
}

static void
a_frame_of_wrong_size_ends_net(void **state)
{
	(void)state;
	a_role_that_breaks_the_protocol_is_killed_and_started_again("net", "wrong-size",
	    "role net down restarts 1 killed: broke the frame protocol: wrong frame size");
}

static void
a_verb_that_is_not_nets_to_ask_ends_it(void **state)
{
	(void)state;
	a_role_that_breaks_the_protocol_is_killed_and_started_again("net", "wrong-direction",
	    "not allowed from this role");
}

static void
an_unknown_frame_ends_the_engine(void **state)
{
	(void)state;
	a_role_that_breaks_the_protocol_is_killed_and_started_again("engine", "unknown-type", "");
	wait_log("engine", "role net up", 2);
}

static void
a_field_out_of_range_ends_the_engine(void **state)
{
	(void)state;
	a_role_that_breaks_the_protocol_is_killed_and_started_again("engine", "wrong-field", "");
	assert_true(rules_loaded());
}

/* What hangs closes nothing that the operator closes. */
static void
a_net_that_says_nothing_any_more_is_killed(void **state)
{
	(void)state;
	a_role_that_breaks_the_protocol_is_killed_and_started_again("net", "silent",
	    "role net down restarts 1 killed: does nothing any more");
}

static void
a_role_that_does_not_read_is_killed(void **state)
{
	(void)state;
	a_role_that_breaks_the_protocol_is_killed_and_started_again("engine",
	    "ask-without-reading", "");
}

static void
a_role_that_dies_is_told_about_and_hits_keep_their_numbers_apart(void **state)
{
	(void)state;
	priv_serves();
	kill(pid_of("net"), SIGKILL);
	wait_log("engine", "role net down restarts 1 killed by signal 9", 1);
	wait_log("net", "peer 2", 1);
	wait_log("engine", "peer 2", 1);
	tell("net", "exit");
	wait_log("engine", "role net down restarts 2 ended with exit status 3", 1);
	wait_log("engine", "peer 3", 1);
}

/* "" where it is not there; valid until the next call. */
static const char *
text_of(const char *name)
{
	static char text[LOG_MAX];
	FILE *f = fopen(path_of(name), "r");
	size_t n = 0;

	if (f != NULL) {
		n = fread(text, 1, sizeof(text) - 1, f);
		fclose(f);
	}
	text[n] = '\0';
	return text;
}

static void
a_role_that_cannot_start_is_the_cause_that_start_gives(void **state)
{
	char *answer;

	(void)state;
	put("net.do", "exit\n");
	answer = priv_start();
	assert_non_null(strstr(answer, "net ended with exit status 3"));
	assert_int_equal(WEXITSTATUS(priv_end(0)), 1);
	free(answer);
	/* And is kept for whoever starts it, until it serves. */
	assert_non_null(strstr(text_of("state/failed"), "net ended with exit status 3"));
	put("net.do", "");
	priv_serves();
	assert_int_equal(access(path_of("state/failed"), F_OK), -1);
}

/* ---- the daemon's life ---- */

static void
rules_stay_and_roles_end_when_priv_is_killed(void **state)
{
	pid_t engine, net;

	(void)state;
	priv_serves();
	engine = pid_of("engine");
	net = pid_of("net");
	priv_end(SIGKILL);
	assert_true(gone(engine));
	assert_true(gone(net));
	assert_true(rules_loaded());
	/* What the dead one left behind does not keep the next one away. */
	priv_serves();
}

static void
rules_stay_and_roles_end_on_sigterm(void **state)
{
	pid_t engine, net;
	int status;

	(void)state;
	priv_serves();
	engine = pid_of("engine");
	net = pid_of("net");
	status = priv_end(SIGTERM);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_true(gone(engine));
	assert_true(gone(net));
	assert_true(rules_loaded());
}

static void
a_second_daemon_is_refused_with_the_pid_of_the_first(void **state)
{
	char *answer, want[64];
	pid_t first;

	(void)state;
	priv_serves();
	first = priv;
	answer = priv_start();
	snprintf(want, sizeof(want), "pid %ld", (long)first);
	assert_non_null(strstr(answer, want));
	free(answer);
	priv_end(0);
	priv = first;
}

static void
what_was_in_force_is_in_force_after_a_restart(void **state)
{
	(void)state;
	priv_serves();
	tell("engine", "lockdown");
	wait_log("engine", "result 7 ok 1", 1);
	tell("engine", "freeze");
	wait_log("engine", "result 7 ok 1", 2);
	wait_log("engine", "status lockdown loaded 1 drift 0 frozen 1 all 0", 1);
	tell("engine", "save");
	kill(pid_of("net"), SIGKILL);
	wait_log("engine", "peer 2", 1);
	priv_end(SIGKILL);
	unlink(path_of("engine.log"));
	priv_serves();
	wait_log("engine", "status lockdown loaded 1 drift 0 frozen 1 all 0", 1);
	wait_log("engine", "saved 0", 1);
	wait_log("engine", "peer 3", 1);
}

static int
elements_of(const char *set)
{
	char *list, *cause = nft_run(NULL, NFT_RUN_LIST | NFT_RUN_JSON, &list), *at;
	char name[64];
	int n = 0;

	assert_null(cause);
	snprintf(name, sizeof(name), "\"name\": \"%s\"", set);
	at = strstr(list, name);
	assert_non_null(at);
	for (char *end = strstr(at, "\"set\""); (at = strstr(at, "\"concat\"")) != NULL && at < end; at++)
		n++;
	free(list);
	return n;
}

static void
pins_are_in_force_together_and_outlive_roles_and_restarts(void **state)
{
	(void)state;
	priv_serves();
	/* Three pins, of which one is for a private address, and a list of ranges. */
	tell("engine", "pins");
	wait_log("engine", "result 21 ok 1", 1);
	wait_log("engine", "result 22 ok 0 10.0.0.1 is no address", 1);
	wait_log("engine", "result 23 ok 1", 1);
	assert_int_equal(elements_of("pins4"), 2);
	assert_int_equal(elements_of("ranges4"), 1);
	/* A new engine is told of them. */
	tell("engine", "exit");
	wait_log("engine", "pinned 8.8.8.8 gone 0 git.example.org agent-1", 1);
	wait_log("engine", "pinned 8.8.4.4 gone 0", 1);
	/* Rules are loaded again with them. */
	tell("engine", "filtered");
	wait_log("engine", "result 7 ok 1", 1);
	assert_int_equal(elements_of("pins4"), 2);
	assert_int_equal(elements_of("ranges4"), 1);
	priv_end(SIGKILL);
	unlink(path_of("engine.log"));
	priv_serves();
	assert_int_equal(elements_of("pins4"), 2);
	wait_log("engine", "pinned 8.8.8.8 gone 0", 1);
	/* One is taken away. */
	tell("engine", "unpin");
	wait_log("engine", "result 24 ok 1", 1);
	assert_int_equal(elements_of("pins4"), 1);
	wait_log("engine", "status filtered loaded 1 drift 0", 2);
	priv_end(SIGTERM);
}

static void
a_damaged_state_freezes_every_guest(void **state)
{
	(void)state;
	priv_serves();
	priv_end(SIGTERM);
	put("state/state", "gatehouse-state 1\nprofile fil");
	unlink(path_of("engine.log"));
	priv_serves();
	wait_log("engine", "status filtered loaded 1 drift 0 frozen 0 all 1", 1);
}

static void
a_bad_configuration_changes_nothing_on_sighup(void **state)
{
	(void)state;
	priv_serves();
	put_conf("[proxy]\nport = many\n");
	kill(priv, SIGHUP);
	wait_log("engine", "reloaded ok 0", 1);
	wait_log("engine", "gatehouse.conf:11", 1);
	put_conf("[proxy]\nport = 8888\n");
	kill(priv, SIGHUP);
	wait_log("engine", "reloaded ok 1", 1);
	wait_log("engine", "status filtered loaded 1 drift 0", 2);
	/* net reads its part of the configuration only when it starts. */
	wait_log("net", "started ", 2);
}

static void
listing_and_diff_arrive_in_pieces(void **state)
{
	(void)state;
	priv_serves();
	tell("engine", "list");
	wait_log("engine", "text 7 len 3072 last 0", 3);
	wait_log("engine", "last 1", 1);
	wait_log("engine", "result 7 ok 1", 1);
	tell("engine", "diff");
	wait_log("engine", "result 7 ok 1", 2);
	assert_true(rules_loaded());
}

static void
changes_by_others_are_seen_and_repaired_if_wanted(void **state)
{
	char *cause;

	(void)state;
	put_conf("[guard]\nrepair = no\n");
	priv_serves();
	cause = nft_run("add rule inet gatehouse input accept", 0, NULL);
	assert_null(cause);
	wait_log("engine", "drift 1", 2);
	put_conf("[guard]\nrepair = yes\n");
	kill(priv, SIGHUP);
	wait_log("engine", "reloaded ok 1", 1);
	cause = nft_run("delete table inet gatehouse", 0, NULL);
	assert_null(cause);
	for (int i = 0; i < PATIENCE_MS / STEP_MS && !rules_loaded(); i++)
		nap();
	assert_true(rules_loaded());
}

static void
shutdown_by_the_engine_ends_the_daemon(void **state)
{
	int status;

	(void)state;
	priv_serves();
	tell("engine", "shutdown");
	assert_int_equal(waitpid(priv, &status, 0), priv);
	priv = 0;
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- fields ---- */

static void
fields_of_requests_are_checked(void **state)
{
	const struct msg_fw_request good = { .verb = FW_FREEZE, .guest = { .naddrs = 1,
		.has_mac = 1, .mac = { 2 }, .addrs = { { .family = 4, .bytes = { 10 } } },
		.port = "ghv1" } };
	struct msg_fw_request r = good;

	(void)state;
	assert_null(frame_check(FRAME_FW_REQUEST, &r));
#define BAD(change) do { \
		r = good; \
		change; \
		assert_non_null(frame_check(FRAME_FW_REQUEST, &r)); \
	} while (0)
	BAD(r.verb = FW_NONE);
	BAD(r.verb = FW_VERB_COUNT);
	BAD(r.everyone = 1);
	BAD(r.everyone = 2);
	BAD(memset(&r.guest, 0, sizeof(r.guest)));
	BAD(r.profile = PROFILE_FILTERED);
	BAD(r.verb = FW_APPLY);
	BAD(r.verb = FW_FLUSH);
	BAD(r.guest.naddrs = FW_GUEST_ADDRS + 1);
	BAD(r.guest.naddrs = UINT32_MAX);
	BAD(r.guest.naddrs = 0);
	BAD(r.guest.has_mac = 2);
	BAD(r.guest.has_mac = 0);
	BAD(r.guest.addrs[0].family = 5);
	BAD(r.guest.addrs[0].bytes[15] = 1);
	BAD(r.guest.addrs[0].pad[0] = 1);
	BAD(memset(r.guest.port, 'a', sizeof(r.guest.port)));
	BAD(r.guest.port[0] = '"');
	BAD(r.guest.port[1] = '\n');
#undef BAD
	/* All guests are asked for in so many words, never by a guest that says nothing. */
	r = (struct msg_fw_request){ .verb = FW_THAW, .everyone = 1 };
	assert_null(frame_check(FRAME_FW_REQUEST, &r));
	r = (struct msg_fw_request){ .verb = FW_APPLY, .profile = PROFILE_OBSERVE };
	assert_null(frame_check(FRAME_FW_REQUEST, &r));
	r.everyone = 1;
	assert_non_null(frame_check(FRAME_FW_REQUEST, &r));
	r.everyone = 0;
	r.profile = PROFILE_NONE;
	assert_non_null(frame_check(FRAME_FW_REQUEST, &r));
	r.profile = PROFILE_COUNT;
	assert_non_null(frame_check(FRAME_FW_REQUEST, &r));
	assert_null(frame_check(FRAME_RUN, &(struct msg_run){ .command = COMMAND_VIRSH_LIST }));
	assert_null(frame_check(FRAME_RUN, &(struct msg_run){ .command = COMMAND_TART_STOP,
	    .key = "ghcr.io/own/image:latest" }));
	assert_non_null(frame_check(FRAME_RUN, &(struct msg_run){ .command = COMMAND_NONE }));
	assert_non_null(frame_check(FRAME_RUN, &(struct msg_run){ .command = COMMAND_COUNT }));
	/* A key for one that takes none, none, an option, a path out, a line end. */
	assert_non_null(frame_check(FRAME_RUN, &(struct msg_run){ .command = COMMAND_VIRSH_LIST,
	    .key = "x" }));
	assert_non_null(frame_check(FRAME_RUN, &(struct msg_run){ .command = COMMAND_TART_STOP }));
	assert_non_null(frame_check(FRAME_RUN, &(struct msg_run){ .command = COMMAND_TART_STOP,
	    .key = "--all" }));
	assert_non_null(frame_check(FRAME_RUN, &(struct msg_run){ .command = COMMAND_TART_CONFIG,
	    .key = "../../../etc" }));
	assert_non_null(frame_check(FRAME_RUN, &(struct msg_run){ .command = COMMAND_TART_CONFIG,
	    .key = ".." }));
	assert_non_null(frame_check(FRAME_RUN, &(struct msg_run){ .command = COMMAND_TART_STOP,
	    .key = "a\nb" }));
	assert_non_null(frame_check(FRAME_RUN, &(struct msg_run){ .command = COMMAND_VIRSH_LIST,
	    .custom = 1 }));
	assert_null(frame_check(FRAME_NOTIFY, &(struct msg_notify){ 3, "{}\n" }));
	assert_non_null(frame_check(FRAME_NOTIFY, &(struct msg_notify){ 2, "{}" }));
	assert_non_null(frame_check(FRAME_NOTIFY, &(struct msg_notify){ 6, "{}\n{}\n" }));
	assert_non_null(frame_check(FRAME_NOTIFY, &(struct msg_notify){ 4, "{\x1b}\n" }));
	assert_non_null(frame_check(FRAME_NOTIFY, &(struct msg_notify){ NOTIFY_TEXT_MAX, "{}\n" }));
	assert_null(frame_check(FRAME_PROXY_SAVE, &(struct msg_proxy){ .run = 1 }));
	assert_non_null(frame_check(FRAME_PROXY_SAVE, &(struct msg_proxy){ .run = 2 }));
	assert_non_null(frame_check(FRAME_SHUTDOWN, &(struct msg_empty){ 1 }));
	assert_non_null(frame_check(FRAME_HIT, &(struct hit){ 0 }));
}

static struct fw_pin
some_pin(void)
{
	return (struct fw_pin){ .src = { .family = 4, .bytes = { 10, 77, 0, 11 } },
		.dst = { .family = 4, .bytes = { 8, 8, 8, 8 } }, .seconds = 60, .port = 22, .proto = 6,
		.guest = "agent 1", .name = "git.example.org" };
}

static void
fields_of_pins_are_checked(void **state)
{
	const struct msg_fw_pin good = { .serial = 7, .on = 1, .pin = some_pin() };
	struct msg_fw_pin r = good;

	(void)state;
	assert_null(frame_check(FRAME_FW_PIN, &r));
#define BAD(change) do { \
		r = good; \
		change; \
		assert_non_null(frame_check(FRAME_FW_PIN, &r)); \
	} while (0)
	BAD(r.on = 2);
	BAD(r.pin.seconds = 0);
	BAD(r.pin.seconds = FW_PIN_SECONDS_MAX + 1);
	BAD(r.pin.port = 0);
	BAD(r.pin.proto = 132);
	BAD(r.pin.pad = 1);
	BAD(r.pin.src.family = 0);
	BAD(r.pin.dst.family = 6);
	BAD(r.pin.dst.bytes[4] = 1);
	BAD(r.pin.dst.pad[1] = 1);
	BAD(memset(r.pin.name, 'a', sizeof(r.pin.name)));
	BAD(r.pin.name[0] = '\0');
	BAD(r.pin.name[0] = 'G');
	BAD(r.pin.name[3] = '\n');
	BAD(copy_string(r.pin.name, "10.0.0.1", sizeof(r.pin.name)));
	BAD(memset(r.pin.guest, 'a', sizeof(r.pin.guest)));
	BAD(r.pin.guest[5] = '\n');
#undef BAD
	r = good;
	r.on = 0;
	r.pin.seconds = 0;
	r.pin.guest[0] = '\0';
	assert_null(frame_check(FRAME_FW_PIN, &r));
}

static void
fields_of_ranges_are_checked(void **state)
{
	const struct msg_fw_ranges good = { .first = 1, .last = 1, .n = 1, .range = { {
		.src = { .family = 4, .bytes = { 10, 77, 0, 11 } },
		.first = { .family = 4, .bytes = { 9, 0, 0, 0 } },
		.last = { .family = 4, .bytes = { 9, 0, 0, 255 } }, .port = 5432, .proto = 17 } } };
	struct msg_fw_ranges r = good;

	(void)state;
	assert_null(frame_check(FRAME_FW_RANGES, &r));
#define BAD(change) do { \
		r = good; \
		change; \
		assert_non_null(frame_check(FRAME_FW_RANGES, &r)); \
	} while (0)
	BAD(r.first = 2);
	BAD(r.last = 2);
	BAD(r.n = FRAME_RANGES_MAX + 1);
	BAD(r.n = 0);
	BAD(r.n = 2);
	BAD(r.range[0].port = 0);
	BAD(r.range[0].proto = 1);
	BAD(r.range[0].pad = 1);
	BAD(r.range[0].first.bytes[0] = 10);
	BAD(r.range[0].last.family = 6);
	BAD(r.range[0].src.family = 6);
	BAD(r.range[0].src.pad[0] = 1);
#undef BAD
	r = (struct msg_fw_ranges){ .first = 1, .last = 1 };
	assert_null(frame_check(FRAME_FW_RANGES, &r));
}

static void
fields_of_senders_are_checked(void **state)
{
	const struct msg_fw_senders good = { .first = 1, .last = 1, .n = 1, .sender = { {
		.addr = { .family = 4, .bytes = { 10, 77, 0, 11 } }, .mac = { 2, 0, 0, 0, 0, 1 } } } };
	struct msg_fw_senders s = good;

	(void)state;
	assert_null(frame_check(FRAME_FW_SENDERS, &s));
#define BAD(change) do { \
		s = good; \
		change; \
		assert_non_null(frame_check(FRAME_FW_SENDERS, &s)); \
	} while (0)
	BAD(s.first = 2);
	BAD(s.last = 2);
	BAD(s.n = FRAME_SENDERS_MAX + 1);
	BAD(s.n = 0);
	BAD(s.n = 2);
	BAD(s.sender[0].addr.family = 5);
	BAD(s.sender[0].addr.pad[0] = 1);
	BAD(s.sender[0].pad[1] = 1);
	BAD(memset(s.sender[0].mac, 0, 6));
#undef BAD
}

static void
saved_senders_are_read_strictly(void **state)
{
	static const char *const bad[] = { "", "10.77.0.11", "10.77.0.11 ", "10.77.0.11 02:00:00:00:00",
		"10.77.0.11 00:00:00:00:00:00", "a.example 02:00:00:00:00:01",
		"10.77.0.11 02:00:00:00:00:01 " };
	struct fw_sender s;
	char line[64];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		copy_string(line, bad[i], sizeof(line));
		assert_false(priv_pins_parse_sender(line, &s));
	}
	copy_string(line, "fd77::11 02:00:00:00:00:01", sizeof(line));
	assert_true(priv_pins_parse_sender(line, &s));
	assert_int_equal(s.addr.family, 6);
	assert_int_equal(s.mac[0], 2);
}

static void
saved_pins_are_read_strictly(void **state)
{
	static const char *const bad[] = { "", "10.77.0.11", "10.77.0.11 8.8.8.8 6 22 2000 a.example",
		"10.77.0.11 8.8.8.8 1 22 2000 a.example g", "10.77.0.11 8.8.8.8 6 0 2000 a.example g",
		"10.77.0.11 8.8.8.8 6 22 -1 a.example g", "10.77.0.11 2600::1 6 22 2000 a.example g",
		"10.77.0.11 8.8.8.8 6 22 2000 A.example g", "10.77.0.11 8.8.8.8 6 99999 2000 a.example g",
		"10.77.0.11 a.example 6 22 2000 a.example g" };
	char line[600];
	struct fw_pin p;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		copy_string(line, bad[i], sizeof(line));
		assert_false(priv_pins_parse(line, 1000, &p));
	}
	copy_string(line, "10.77.0.11 8.8.8.8 6 22 1060 git.example.org agent 1", sizeof(line));
	assert_true(priv_pins_parse(line, 1000, &p));
	assert_int_equal(p.seconds, 60);
	assert_string_equal(p.guest, "agent 1");
	assert_string_equal(p.name, "git.example.org");
	/* A guest without a name; one that is over; a clock that was put back. */
	copy_string(line, "10.77.0.11 8.8.8.8 17 22 1060 git.example.org ", sizeof(line));
	assert_true(priv_pins_parse(line, 1060, &p));
	assert_int_equal(p.seconds, 0);
	assert_string_equal(p.guest, "");
	copy_string(line, "10.77.0.11 8.8.8.8 17 22 99999999999 git.example.org x", sizeof(line));
	assert_true(priv_pins_parse(line, 1000, &p));
	assert_int_equal(p.seconds, FW_PIN_SECONDS_MAX);
}

static void
the_state_reads_back_as_it_was_written(void **state)
{
	struct state *s = xcalloc(1, sizeof(*s)), *back = xcalloc(1, sizeof(*back));
	char *text;

	(void)state;
	s->profile = PROFILE_LOCKDOWN;
	s->proxy_run = true;
	s->generation = 4294967295u;
	s->frozen_all = true;
	s->nfrozen = 2;
	s->frozen[0] = (struct fw_guest){ .naddrs = 2, .has_mac = 1, .mac = { 2, 0x77, 0, 0, 0, 0xab },
		.port = "ghv1" };
	addr_parse("10.77.0.11", &s->frozen[0].addrs[0]);
	addr_parse("fd77::11", &s->frozen[0].addrs[1]);
	s->frozen[1] = (struct fw_guest){ .naddrs = 1 };
	addr_parse("10.77.0.12", &s->frozen[1].addrs[0]);
	text = state_format(s);
	assert_true(state_parse(text, back));
	assert_memory_equal(s, back, sizeof(*s));
	free(text);
	free(s);
	free(back);
}

static void
a_state_that_is_not_whole_is_not_taken(void **state)
{
	static const char *const bad[] = { "", "gatehouse-state 1\n", "gatehouse-state 2\nend\n",
		"gatehouse-state 1\nprofile x\nend\n", "gatehouse-state 1\nproxy maybe\nend\n",
		"gatehouse-state 1\ngeneration -1\nend\n", "gatehouse-state 1\nend\nfrozen-all\n",
		"gatehouse-state 1\nfrozen addr=1\nend\n", "gatehouse-state 1\nfrozen mac=1\nend\n",
		"gatehouse-state 1\nfrozen port=a\"b\nend\n", "gatehouse-state 1\n\nend\n",
		"gatehouse-state 1\nfrozen mac=02:77:00:00:00:111\nend\n",
		("gatehouse-state 1\nfrozen addr=1.1.1.1 addr=1.1.1.1 addr=1.1.1.1 addr=1.1.1.1 "
		"addr=1.1.1.1 addr=1.1.1.1 addr=1.1.1.1 addr=1.1.1.1 addr=1.1.1.1\nend\n") };
	struct state *s = xcalloc(1, sizeof(*s));

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(state_parse(bad[i], s));
	assert_true(state_parse("gatehouse-state 1\nend\n", s));
	free(s);
}

#define PRIV_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* What is run is this, byte for byte. */
static void
the_commands_of_vm_managers_are_a_closed_list(void **state)
{
	static const struct {
		enum inventory_command	 command;
		const char		*key, *want;
	} rows[] = {
		{ COMMAND_TART_LIST, "", "tart|list|--format|json" },
		{ COMMAND_TART_IP, "a", "tart|ip|a" },
		{ COMMAND_TART_CONFIG, "a b", "/bin/cat|/home/w/vms/a b/config.json" },
		{ COMMAND_TART_START, "a", "tart|run|--no-graphics|a" },
		{ COMMAND_TART_STOP, "a", "tart|stop|a" },
		{ COMMAND_LIMA_LIST, "", "limactl|list|--json" },
		{ COMMAND_LIMA_NETWORKS, "", "limactl|network|list|--json" },
		{ COMMAND_LIMA_START, "a", "limactl|start|--tty=false|a" },
		{ COMMAND_LIMA_STOP, "a", "limactl|stop|a" },
		{ COMMAND_COLIMA_LIST, "", "limactl|list|--json" },
		{ COMMAND_COLIMA_NETWORKS, "", "limactl|network|list|--json" },
		{ COMMAND_COLIMA_START, "a", "limactl|start|--tty=false|a" },
		{ COMMAND_COLIMA_STOP, "a", "limactl|stop|a" },
		{ COMMAND_COLIMA_OFF, "a", "limactl|stop|--force|a" },
		{ COMMAND_CONTAINER_LIST, "", "container|list|--all|--format|json" },
		{ COMMAND_CONTAINER_START, "a", "container|start|a" },
		{ COMMAND_CONTAINER_STOP, "a", "container|stop|a" },
		{ COMMAND_CONTAINER_OFF, "a", "container|kill|a" },
		{ COMMAND_UTM_LIST, "", "utmctl|list" },
		{ COMMAND_UTM_ADDRESS, "a", "utmctl|ip-address|a" },
		{ COMMAND_UTM_START, "a", "utmctl|start|a" },
		{ COMMAND_UTM_STOP, "a", "utmctl|stop|a" },
		{ COMMAND_UTM_OFF, "a", "utmctl|stop|--kill|a" },
		{ COMMAND_MULTIPASS_LIST, "", "multipass|list|--format|json" },
		{ COMMAND_MULTIPASS_START, "a", "multipass|start|a" },
		{ COMMAND_MULTIPASS_STOP, "a", "multipass|stop|a" },
		{ COMMAND_MULTIPASS_OFF, "a", "multipass|stop|--force|a" },
		{ COMMAND_INCUS_LIST, "", "incus|list|--all-projects|--format|json" },
		{ COMMAND_INCUS_START, "work/a", "incus|start|--project|work|a" },
		{ COMMAND_INCUS_STOP, "work/a", "incus|stop|--project|work|a" },
		{ COMMAND_LXD_LIST, "", "lxc|list|--all-projects|--format|json" },
		{ COMMAND_LXD_START, "work/a", "lxc|start|--project|work|a" },
		{ COMMAND_LXD_STOP, "work/a", "lxc|stop|--project|work|a" },
		{ COMMAND_VIRSH_LIST, "", "virsh|-q|-r|-c|qemu:///system|list|--all" },
		{ COMMAND_VIRSH_NICS, "a", "virsh|-q|-r|-c|qemu:///system|domiflist|a" },
		{ COMMAND_VIRSH_CHANGES, "",
		    "virsh|-q|-r|-c|qemu:///system|domstats|--interface|--list-running" },
		{ COMMAND_VIRSH_START, "a", "virsh|-q|-c|qemu:///system|start|a" },
		{ COMMAND_VIRSH_STOP, "a", "virsh|-q|-c|qemu:///system|shutdown|a" },
		{ COMMAND_LIMA_OFF, "a", "limactl|stop|--force|a" },
		{ COMMAND_INCUS_OFF, "work/a", "incus|stop|--force|--project|work|a" },
		{ COMMAND_LXD_OFF, "work/a", "lxc|stop|--force|--project|work|a" },
		{ COMMAND_VIRSH_OFF, "a", "virsh|-q|-c|qemu:///system|destroy|a" },
		{ COMMAND_PS, "", "/bin/ps|-axww|-o|pid=|-o|uid=|-o|args=" },
		{ COMMAND_NETSTAT, "", "netstat|-an" },
	};
	static const char *const no_two_words[] = { "a", "a/", "/a", "a/-b", "-a/b", "a/b/c", "a/b\n" };
	struct command_line line;
	char got[512];

	/* All but none and those of [provider]. */
	assert_int_equal(sizeof(rows) / sizeof(rows[0]), COMMAND_COUNT - 2);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_true(command_fill(&line, rows[i].command, rows[i].key, "/home/w"));
		got[0] = '\0';
		for (int k = 0; line.argv[k] != NULL; k++)
			snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%s", k > 0 ? "|" : "",
			    line.argv[k]);
		assert_string_equal(got, rows[i].want);
	}
	assert_false(command_fill(&line, COMMAND_CUSTOM, "", "/home/w"));
	assert_false(command_fill(&line, COMMAND_TART_IP, "", "/home/w"));
	/* That would be the domain of this id. */
	assert_false(command_fill(&line, COMMAND_VIRSH_STOP, "3", "/home/w"));
	assert_false(command_fill(&line, COMMAND_VIRSH_NICS, "+3", "/home/w"));
	assert_true(command_fill(&line, COMMAND_VIRSH_STOP, "3a", "/home/w"));
	for (size_t i = 0; i < sizeof(no_two_words) / sizeof(no_two_words[0]); i++)
		assert_false(command_fill(&line, COMMAND_LXD_STOP, no_two_words[i], "/home/w"));
}

static void
a_managers_home_is_the_users_or_where_the_configuration_says(void **state)
{
	struct command_place place;
	struct conf conf;

	conf_defaults(&conf);
	assert_true(command_home(&conf, COMMAND_TART_CONFIG, "/home/w", &place));
	assert_string_equal(place.path, "/home/w/.tart");
	assert_string_equal(place.env, "TART_HOME=/home/w/.tart");
	assert_true(command_home(&conf, COMMAND_COLIMA_LIST, "/home/w", &place));
	assert_string_equal(place.env, "LIMA_HOME=/home/w/.colima/_lima");
	copy_string(conf.lima_home, "/srv/lima", sizeof(conf.lima_home));
	assert_true(command_home(&conf, COMMAND_LIMA_STOP, "/home/w", &place));
	assert_string_equal(place.env, "LIMA_HOME=/srv/lima");
	assert_false(command_home(&conf, COMMAND_VIRSH_LIST, "/home/w", &place));
	assert_string_equal(place.path, "/home/w");
	assert_false(command_home(&conf, COMMAND_CUSTOM, "/home/w", &place));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_managers_home_is_the_users_or_where_the_configuration_says),
		cmocka_unit_test(the_commands_of_vm_managers_are_a_closed_list),
		cmocka_unit_test(fields_of_requests_are_checked),
		cmocka_unit_test(fields_of_pins_are_checked),
		cmocka_unit_test(fields_of_ranges_are_checked),
		cmocka_unit_test(fields_of_senders_are_checked),
		cmocka_unit_test(saved_senders_are_read_strictly),
		cmocka_unit_test(saved_pins_are_read_strictly),
		cmocka_unit_test(the_state_reads_back_as_it_was_written),
		cmocka_unit_test(a_state_that_is_not_whole_is_not_taken),
		PRIV_TEST(the_daemon_serves_when_rules_are_in_force_and_both_roles_ready),
		PRIV_TEST(an_unknown_frame_ends_net),
		PRIV_TEST(a_frame_of_wrong_size_ends_net),
		PRIV_TEST(a_verb_that_is_not_nets_to_ask_ends_it),
		PRIV_TEST(an_unknown_frame_ends_the_engine),
		PRIV_TEST(a_field_out_of_range_ends_the_engine),
		PRIV_TEST(a_net_that_says_nothing_any_more_is_killed),
		PRIV_TEST(a_role_that_does_not_read_is_killed),
		PRIV_TEST(a_role_that_dies_is_told_about_and_hits_keep_their_numbers_apart),
		PRIV_TEST(a_role_that_cannot_start_is_the_cause_that_start_gives),
		PRIV_TEST(rules_stay_and_roles_end_when_priv_is_killed),
		PRIV_TEST(rules_stay_and_roles_end_on_sigterm),
		PRIV_TEST(a_second_daemon_is_refused_with_the_pid_of_the_first),
		PRIV_TEST(what_was_in_force_is_in_force_after_a_restart),
		PRIV_TEST(pins_are_in_force_together_and_outlive_roles_and_restarts),
		PRIV_TEST(a_damaged_state_freezes_every_guest),
		PRIV_TEST(a_bad_configuration_changes_nothing_on_sighup),
		PRIV_TEST(listing_and_diff_arrive_in_pieces),
		PRIV_TEST(changes_by_others_are_seen_and_repaired_if_wanted),
		PRIV_TEST(shutdown_by_the_engine_ends_the_daemon),
	};
	const char *builddir = getenv("abs_builddir");
	char command[600];
	int failed;

	exe = xasprintf("%s/tests/priv/fake_role", builddir != NULL ? builddir : ".");
	if (!ns_enter()) {
		printf("no user namespaces here\n");
		return 77;
	}
	if (mkdtemp(dir) == NULL || setenv("FAKE_DIR", dir, 1) == -1)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	forget_all();
	snprintf(command, sizeof(command), "%s/state/empty", dir);
	rmdir(command);
	rmdir(path_of("state"));
	rmdir(path_of("run"));
	rmdir(path_of("allow"));
	rmdir(dir);
	free(exe);
	return failed;
}
