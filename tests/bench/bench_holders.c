/*
 * What it costs priv to look at which processes have a virtual machine, and connections of
 * their own: 500 processes that are called QEMU, of 64 open files each, a minute of looks.
 *
 *	make bench, or bench_holders [PROCESSES]
 */
#include "config.h"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "inventory/holders.h"
#include "xmalloc.h"

enum { PROCESSES = 500, FILES = 64, SOCKETS = 4, SECONDS = 120, EVERY = 2 };
static size_t told;

static double
cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void
on_holder(const struct holder *h, void *arg)
{
	(void)h;
	(void)arg;
	told++;
}

static pid_t
process(void)
{
	const pid_t pid = fork();

	if (pid != 0)
		return pid;
	prctl(PR_SET_NAME, "qemu-bench");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int i = 0; i < SOCKETS; i++)
		(void)!socket(AF_UNIX, SOCK_STREAM, 0);
	for (int i = 0; i < FILES - SOCKETS; i++)
		(void)!open("/dev/null", O_RDONLY);
	pause();
	_exit(0);
}

int
main(int argc, char **argv)
{
	const int n = argc > 1 ? atoi(argv[1]) : PROCESSES;
	pid_t *pids = xcalloc((size_t)n, sizeof(*pids));
	struct holders *s = holders_new(on_holder, NULL);
	uint64_t now = now_mono();
	double began, first, ms;

	for (int i = 0; i < n; i++)
		pids[i] = process();
	sleep(1);
	began = cpu_ms();
	for (int i = 0; i < SECONDS / EVERY; i++, now += EVERY * 1000000ull)
		holders_look(s, now);
	first = cpu_ms() - began;
	began = cpu_ms();
	for (int i = 0; i < SECONDS / EVERY; i++, now += EVERY * 1000000ull)
		holders_look(s, now);
	ms = cpu_ms() - began;
	printf("%d processes that are called QEMU, %d files each: %.2f %% of a core in the first %d s, "
	    "%.2f %% later; %zu words to the engine\n", n, FILES, first / SECONDS / 10, SECONDS,
	    ms / SECONDS / 10, told);
	for (int i = 0; i < n; i++)
		kill(pids[i], SIGKILL);
	while (wait(NULL) > 0)
		continue;
	holders_free(s);
	free(pids);
	return 0;
}
