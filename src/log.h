/*
 * Two channels for trouble: fatal for broken invariants, log_* for the
 * world.  What an operator asked for and cannot have goes into a "cause"
 * string instead (xasprintf'd, freed by the caller).
 * To stderr with a time in the foreground, else to syslog.
 */
#ifndef LOG_H
#define LOG_H

#include <stdarg.h>

enum log_level { LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* role is "priv", "engine", "net" or "gatehouse"; it must outlive the process. */
void	log_init(const char *role, int to_stderr, enum log_level);
void	log_warn(const char *, ...) __attribute__((format(printf, 1, 2)));	/* with ": strerror(errno)" */
void	log_warnx(const char *, ...) __attribute__((format(printf, 1, 2)));
void	log_info(const char *, ...) __attribute__((format(printf, 1, 2)));
void	log_debug(const char *, ...) __attribute__((format(printf, 1, 2)));
void	fatal(const char *, ...) __attribute__((noreturn, format(printf, 1, 2)));	/* with strerror */
void	fatalx(const char *, ...) __attribute__((noreturn, format(printf, 1, 2)));

#endif
