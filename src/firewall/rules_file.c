/* Where the rule files of a profile are, and who may have written them. */
#include "config.h"

#include "firewall/rules_file.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "userns.h"
#include "xmalloc.h"

enum { RULES_FILE_MAX = 256 << 10 };

/* Root, or whoever runs us, and nobody else may have written it. */
static char *
file_trust(const char *path, const struct stat *st)
{
	if (!S_ISREG(st->st_mode))
		return xasprintf("%s: is not a regular file", path);
	if (st->st_size > RULES_FILE_MAX)
		return xasprintf("%s: is larger than %d KiB", path, RULES_FILE_MAX >> 10);
	if (st->st_uid != 0 && st->st_uid != getuid() && !userns_is_outsider(st->st_uid))
		return xasprintf("%s: belongs to uid %" PRIu32 "; rules must belong to root "
		    "(chown root %s)", path, (uint32_t)st->st_uid, path);
	if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return xasprintf("%s: others may write it; rules must be their owner's alone "
		    "(chmod go-w %s)", path, path);
	return NULL;
}

/* The file's text, caller frees; NULL and *cause. */
static char *
file_read(const char *path, char **cause)
{
	struct stat st;
	char *buf = NULL;
	size_t len = 0;
	ssize_t n;
	int fd;

	*cause = NULL;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd == -1 || fstat(fd, &st) == -1) {
		*cause = xasprintf("%s: %s", path, strerror(errno));
		goto out;
	}
	if ((*cause = file_trust(path, &st)) != NULL)
		goto out;
	buf = xmalloc(RULES_FILE_MAX + 1);
	while (len < RULES_FILE_MAX && (n = read(fd, buf + len, RULES_FILE_MAX - len)) != 0) {
		if (n == -1) {
			*cause = xasprintf("%s: %s", path, strerror(errno));
			goto out;
		}
		len += (size_t)n;
	}
	buf[len] = '\0';
	if (strlen(buf) != len)
		*cause = xasprintf("%s: holds a NUL byte", path);
out:
	if (fd != -1)
		close(fd);
	if (*cause != NULL) {
		free(buf);
		buf = NULL;
	}
	return buf;
}

char *
rules_file_find(const struct conf *conf, enum profile profile, const char *suffix, char *path,
    size_t size, char **cause)
{
	for (size_t i = 0; i < sizeof(conf->rules) / sizeof(conf->rules[0]); i++) {
		if (conf->rules[i][0] == '\0')
			continue;
		snprintf(path, size, "%s/%s.%s", conf->rules[i], profile_name(profile), suffix);
		if (access(path, F_OK) == 0 || errno != ENOENT)
			return file_read(path, cause);
	}
	*cause = xasprintf("no rules for profile %s: neither %s nor %s has %s.%s; "
	    "see \"rules\" in section [guard] of %s", profile_name(profile), conf->rules[0],
	    conf->rules[1][0] != '\0' ? conf->rules[1] : "another directory",
	    profile_name(profile), suffix,
	    conf->path[0] != '\0' ? conf->path : "the configuration");
	return NULL;
}
