#include "config.h"

#include "log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include "gatehouse.h"

enum { LOG_LINE_SIZE = 1024 };

static const char *log_role = "gatehouse";
static int log_stderr = 1;
static enum log_level log_max = LOG_LEVEL_INFO;

void
log_init(const char *role, int to_stderr, enum log_level max)
{
	log_role = role;
	log_stderr = to_stderr;
	log_max = max;
	/* Connected now: a role cannot reach the socket from its empty root. */
	if (!to_stderr)
		openlog("gatehouse", LOG_PID | LOG_NDELAY, LOG_DAEMON);
	tzset();
}

static void __attribute__((format(printf, 3, 0)))
log_write(int priority, int error, const char *fmt, va_list ap)
{
	char line[LOG_LINE_SIZE], when[16];
	struct tm tm;
	time_t now;
	size_t len;
	int n;

	n = vsnprintf(line, sizeof(line), fmt, ap);
	len = n < 0 ? 0 : (size_t)n;
	if (error != 0 && len < sizeof(line))
		snprintf(line + len, sizeof(line) - len, ": %s", strerror(error));
	if (!log_stderr) {
		syslog(priority, "%s: %s", log_role, line);
		return;
	}
	now = time(NULL);
	localtime_r(&now, &tm);
	strftime(when, sizeof(when), "%H:%M:%S", &tm);
	fprintf(stderr, "%s %s: %s\n", when, log_role, line);
}

void
log_warn(const char *fmt, ...)
{
	int error = errno;
	va_list ap;

	va_start(ap, fmt);
	log_write(LOG_WARNING, error, fmt, ap);
	va_end(ap);
	errno = error;
}

void
log_warnx(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_write(LOG_WARNING, 0, fmt, ap);
	va_end(ap);
}

void
log_info(const char *fmt, ...)
{
	va_list ap;

	if (log_max < LOG_LEVEL_INFO)
		return;
	va_start(ap, fmt);
	log_write(LOG_INFO, 0, fmt, ap);
	va_end(ap);
}

void
log_debug(const char *fmt, ...)
{
	va_list ap;

	if (log_max < LOG_LEVEL_DEBUG)
		return;
	va_start(ap, fmt);
	log_write(LOG_DEBUG, 0, fmt, ap);
	va_end(ap);
}

void
fatal(const char *fmt, ...)
{
	int error = errno;
	va_list ap;

	va_start(ap, fmt);
	log_write(LOG_CRIT, error, fmt, ap);
	va_end(ap);
	exit(1);
}

void
fatalx(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_write(LOG_CRIT, 0, fmt, ap);
	va_end(ap);
	exit(1);
}
