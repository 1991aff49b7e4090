/* Programs run as somebody else: real ones, with real users where we are root. */
#include "config.h"

#include "unit.h"

#include <sys/stat.h>

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runner.h"
#include "userns.h"
#include "xmalloc.h"

static struct event_base *base;
static struct runner *runner;
static struct {
	int	calls, how, status;
	char	cause[GH_CAUSE_SIZE];
} end;
static char home[] = "/tmp/gatehouse-runner-XXXXXX";

static void
on_end(uint32_t serial, enum ran how, int status, const char *cause, void *arg)
{
	assert_int_equal(serial, 7);
	end.calls++;
	end.how = (int)how;
	end.status = status;
	copy_string(end.cause, cause, sizeof(end.cause));
}

static int
setup(void **state)
{
	memset(&end, 0, sizeof(end));
	base = event_base_new();
	runner = runner_new(base);
	return 0;
}

static int
teardown(void **state)
{
	runner_free(runner);
	event_base_free(base);
	return 0;
}

/* Root's tests become nobody; anybody else stays who it is. */
static struct runner_user
somebody(void)
{
	struct passwd *pw = getpwnam("nobody");

	if (geteuid() != 0 || pw == NULL || !userns_has_uid(pw->pw_uid))
		return (struct runner_user){ geteuid(), getegid(), "me", home };
	return (struct runner_user){ pw->pw_uid, pw->pw_gid, "nobody", home };
}

static struct runner_job
job(const char *const *argv)
{
	return (struct runner_job){ .user = somebody(), .argv = argv, .path = "/no/such:/usr/bin:/bin",
		.seconds = 20, .serial = 7, .ended = on_end };
}

static void
finish(void)
{
	assert_int_equal(end.calls, 0);
	while (end.calls == 0)
		event_base_loop(base, EVLOOP_ONCE);
	assert_int_equal(end.calls, 1);
}

/* Runs it to its end, and gives what it printed. Caller frees. */
static char *
output_of(const struct runner_job *j)
{
	char *text = xcalloc(1, 65536), *cause;
	size_t len = 0;
	ssize_t n;
	int out, err;

	cause = runner_start(runner, j, &out, &err);
	if (cause != NULL)
		fail_msg("%s", cause);
	while ((n = read(out, text + len, 65535 - len)) > 0)
		len += (size_t)n;
	close(out);
	close(err);
	finish();
	return text;
}

static void
it_runs_as_the_user_with_a_clean_environment(void **state)
{
	const char *const argv[] = { "sh", "-c", "id -u; pwd; env | sort; cat; ls /proc/self/fd | tr '\\n' ' '",
		NULL };
	struct runner_job j = job(argv);
	char *text, want[512], *real = realpath(home, NULL);

	setenv("SECRET", "x", 1);
	text = output_of(&j);
	assert_int_equal(end.how, RAN_EXITED);
	assert_int_equal(end.status, 0);
	/* Where /tmp is a link, the program sees where it leads. */
	snprintf(want, sizeof(want), "%u\n%s\n", (unsigned)j.user.uid, real);
	free(real);
	assert_memory_equal(text, want, strlen(want));
	assert_null(strstr(text, "SECRET"));
	snprintf(want, sizeof(want), "HOME=%s\nLANG=C.UTF-8\nLOGNAME=%s\nPATH=/no/such:/usr/bin:/bin\n",
	    home, j.user.name);
	assert_non_null(strstr(text, want));
	/* The three, and the one that ls itself opens. */
	if (access("/proc/self/fd", F_OK) == 0)
		assert_non_null(strstr(text, "0 1 2 3 "));
	assert_null(strstr(text, "0 1 2 3 4"));
	free(text);
}

static void
root_is_refused(void **state)
{
	const char *const argv[] = { "true", NULL };
	struct runner_job j = job(argv);
	char *cause;

	if (!userns_is_initial())
		return;
	j.user = (struct runner_user){ 0, 0, "root", "/" };
	cause = runner_start(runner, &j, NULL, NULL);
	assert_non_null(cause);
	assert_non_null(strstr(cause, "never run as root"));
	free(cause);
}

static void
the_input_is_read_to_its_end(void **state)
{
	const char *const argv[] = { "cat", NULL };
	struct runner_job j = job(argv);
	char *text;

	j.input = "{\"a\":1}\n";
	text = output_of(&j);
	assert_string_equal(text, "{\"a\":1}\n");
	free(text);
}

static void
an_exit_status_is_told(void **state)
{
	const char *const argv[] = { "sh", "-c", "exit 3", NULL };
	struct runner_job j = job(argv);

	free(output_of(&j));
	assert_int_equal(end.how, RAN_EXITED);
	assert_int_equal(end.status, 3);
}

static void
what_is_not_there_is_absent(void **state)
{
	const char *const argv[] = { "gatehouse-no-such-program", NULL };
	const char *const truth[] = { "true", NULL };
	struct runner_job j = job(argv);

	free(output_of(&j));
	assert_int_equal(end.how, RAN_ABSENT);
	end.calls = 0;
	j = job(truth);
	j.marker = ".no-such-thing";
	free(output_of(&j));
	assert_int_equal(end.how, RAN_ABSENT);
	end.calls = 0;
	j.marker = "/no/such/socket:/nor/this";
	free(output_of(&j));
	assert_int_equal(end.how, RAN_ABSENT);
	end.calls = 0;
	j.marker = "/no/such/socket:/dev/null";
	free(output_of(&j));
	assert_int_equal(end.how, RAN_EXITED);
	end.calls = 0;
	j.marker = ".";
	free(output_of(&j));
	assert_int_equal(end.how, RAN_EXITED);
}

static void
what_may_not_be_run_has_failed(void **state)
{
	char path[128];
	const char *const argv[] = { path, NULL };
	struct runner_job j = job(argv);
	FILE *f;

	snprintf(path, sizeof(path), "%s/plain", home);
	assert_non_null(f = fopen(path, "w"));
	fclose(f);
	chmod(path, 0644);
	free(output_of(&j));
	assert_int_equal(end.how, RAN_FAILED);
	assert_non_null(strstr(end.cause, "Permission denied"));
	unlink(path);
}

static void
what_takes_too_long_is_killed_with_all_it_started(void **state)
{
	const char *const argv[] = { "sh", "-c", "sleep 60 & echo $!; sleep 60", NULL };
	struct runner_job j = job(argv);
	char *text;
	pid_t pid;

	j.seconds = 1;
	text = output_of(&j);
	assert_int_equal(end.how, RAN_KILLED);
	assert_non_null(strstr(end.cause, "took too long"));
	pid = (pid_t)strtol(text, NULL, 10);
	assert_true(pid > 1);
	/* Init reaps it in its own time. */
	for (int i = 0; i < 100 && kill(pid, 0) == 0; i++) {
		char stat[64], state_of = 0;
		FILE *f;

		snprintf(stat, sizeof(stat), "/proc/%d/stat", (int)pid);
		if ((f = fopen(stat, "r")) == NULL)
			break;
		if (fscanf(f, "%*d %*s %c", &state_of) != 1)
			state_of = 0;
		fclose(f);
		if (state_of == 'Z')
			break;
		usleep(10000);
		assert_int_not_equal(i, 99);
	}
	free(text);
}

static void
a_signal_is_told(void **state)
{
	const char *const argv[] = { "sh", "-c", "kill -SEGV $$", NULL };
	struct runner_job j = job(argv);

	free(output_of(&j));
	assert_int_equal(end.how, RAN_KILLED);
	assert_non_null(strstr(end.cause, "signal 11"));
}

static void
one_that_lasts_is_answered_and_left_alone(void **state)
{
	const char *const argv[] = { "sleep", "3", NULL };
	struct runner_job j = job(argv);
	char *cause;

	j.seconds = 1;
	j.lasting = true;
	cause = runner_start(runner, &j, NULL, NULL);
	assert_null(cause);
	finish();
	assert_int_equal(end.how, RAN_EXITED);
	assert_int_equal(end.status, 0);
}

/* Though nobody reads any more what it prints. */
static void
one_that_lasts_may_print_for_ever(void **state)
{
	const char *const argv[] = { "sh", "-c", "echo up; while sleep 0.1 && [ ! -e $HOME/stop ]; do echo a; "
	    "echo b >&2; : > $HOME/lives; done; rm $HOME/stop", NULL };
	struct runner_job j = job(argv);
	char path[64], stop[64], word[16] = "", *cause;
	int out, err;

	snprintf(path, sizeof(path), "%s/lives", home);
	snprintf(stop, sizeof(stop), "%s/stop", home);
	chmod(home, 0777);
	j.seconds = 1;
	j.lasting = true;
	cause = runner_start(runner, &j, &out, &err);
	assert_null(cause);
	finish();
	assert_int_equal(end.how, RAN_EXITED);
	fcntl(out, F_SETFL, 0);
	assert_true(read(out, word, sizeof(word) - 1) > 0);
	assert_memory_equal(word, "up\n", 3);
	close(out);
	close(err);
	usleep(500000);
	unlink(path);
	for (int i = 0; access(path, F_OK) == -1; i++) {
		assert_true(i < 100);
		usleep(50000);
	}
	close(open(stop, O_CREAT | O_WRONLY, 0644));
	for (int i = 0; access(stop, F_OK) == 0; i++) {
		assert_true(i < 100);
		usleep(50000);
	}
	unlink(path);
	chmod(home, 0755);
}

int
main(void)
{
#define TEST(t)	cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(it_runs_as_the_user_with_a_clean_environment),
		TEST(root_is_refused),
		TEST(the_input_is_read_to_its_end),
		TEST(an_exit_status_is_told),
		TEST(what_is_not_there_is_absent),
		TEST(what_may_not_be_run_has_failed),
		TEST(what_takes_too_long_is_killed_with_all_it_started),
		TEST(a_signal_is_told),
		TEST(one_that_lasts_is_answered_and_left_alone),
		TEST(one_that_lasts_may_print_for_ever),
	};
	int failed;

	signal(SIGPIPE, SIG_IGN);
	if (mkdtemp(home) == NULL)
		return 1;
	chmod(home, 0755);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(home);
	return failed;
}
