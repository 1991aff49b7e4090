#include "config.h"

#include "inventory/provider.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "text.h"
#include "xmalloc.h"

enum { FILES_MAX = 64, FILE_MAX = 1 << 20 };

struct sighting *
sighting_add(struct sighting *list, size_t *n, size_t max, const char *provider)
{
	struct sighting *s;

	if (*n >= max)
		return NULL;
	s = &list[(*n)++];
	memset(s, 0, sizeof(*s));
	copy_string(s->provider, provider, sizeof(s->provider));
	return s;
}

static bool
name_byte(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	    c == '.' || c == '-' || c == '_';
}

void
sighting_name(char dst[GH_GUEST_SIZE], const char *s, size_t len)
{
	struct addr a;
	size_t n = 0;

	for (size_t i = 0; i < len && n < GH_GUEST_SIZE - 1; i++)
		dst[n++] = name_byte((unsigned char)s[i]) ? s[i] : '_';
	dst[n] = '\0';
	/* "-x" would be an option to every command. */
	if (dst[0] == '-')
		dst[0] = '_';
	if (addr_parse(dst, &a))
		dst[0] = '\0';
}

bool
mac_parse(const char *s, size_t len, uint8_t mac[6])
{
	size_t i = 0;
	int octet, digit;

	for (int k = 0; k < 6; k++) {
		if (k > 0 && (i == len || s[i++] != ':'))
			return false;
		if (i == len || (octet = text_hex_value(s[i++])) == -1)
			return false;
		if (i < len && (digit = text_hex_value(s[i])) != -1) {
			octet = octet << 4 | digit;
			i++;
		}
		mac[k] = (uint8_t)octet;
	}
	return i == len;
}

bool
mac_is_guest(const uint8_t mac[6])
{
	return (mac[0] & 1) == 0 && mac_is_known(mac);
}

/* The file's text, or NULL: *cause says why unless the file is just not there. */
static char *
file_read(const char *path, size_t *len, char **cause)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char *text = NULL;
	struct stat st;
	ssize_t n;

	*len = 0;
	if (fd == -1 || fstat(fd, &st) == -1) {
		if (errno != ENOENT)
			*cause = xasprintf("%s: %s", path, strerror(errno));
		goto out;
	}
	if (!S_ISREG(st.st_mode) || st.st_size > FILE_MAX) {
		*cause = xasprintf("%s: not a plain file of at most %d KiB", path,
		    FILE_MAX >> 10);
		goto out;
	}
	text = xmalloc((size_t)st.st_size + 1);
	while (*len < (size_t)st.st_size &&
	    (n = read(fd, text + *len, (size_t)st.st_size - *len)) > 0)
		*len += (size_t)n;
out:
	if (fd != -1)
		close(fd);
	return text;
}

/* Every file of one glob; left counts down over all of them. */
static void
files_of(const char *pattern, int *left, void (*fn)(const char *, size_t, void *), void *arg,
    char **cause)
{
	char *text, *why = NULL;
	glob_t g = { 0 };
	size_t len;

	if (glob(pattern, GLOB_NOSORT, NULL, &g) == 0) {
		for (size_t i = 0; i < g.gl_pathc && *left > 0; i++, (*left)--) {
			if ((text = file_read(g.gl_pathv[i], &len, &why)) != NULL)
				fn(text, len, arg);
			free(text);
			if (*cause == NULL)
				*cause = why;
			else
				free(why);
			why = NULL;
		}
	}
	globfree(&g);
}

char *
files_each(const char *globs, void (*fn)(const char *, size_t, void *), void *arg)
{
	char *copy = xstrdup(globs), *rest = copy, *pattern, *cause = NULL;
	int left = FILES_MAX;

	while ((pattern = strsep(&rest, ",")) != NULL) {
		pattern += strspn(pattern, " ");
		if (*pattern != '\0')
			files_of(pattern, &left, fn, arg, &cause);
	}
	free(copy);
	return cause;
}

struct leases {
	void		(*parse)(const char *, size_t, int64_t, struct sighting *, size_t *, size_t);
	struct sighting	*list;
	size_t		*n, max;
};

static void
leases_file(const char *text, size_t len, void *arg)
{
	struct leases *l = arg;

	l->parse(text, len, time(NULL), l->list, l->n, l->max);
}

char *
leases_each(const char *globs, void (*parse)(const char *, size_t, int64_t, struct sighting *,
    size_t *, size_t), struct sighting *list, size_t *n, size_t max)
{
	struct leases l = { parse, list, n, max };

	return files_each(globs, leases_file, &l);
}
