#include "config.h"

#include "proxy/chain.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base64.h"
#include "xmalloc.h"

enum { INTERIM_MAX = 8, STATUS_FINAL = 200 };

/* "host.example" is that name; ".example" is that name and all below it. */
static bool
is_direct(const char *entry, const char *name)
{
	const size_t len = strlen(name), part = strlen(entry);

	if (entry[0] != '.')
		return strcmp(entry, name) == 0;
	return strcmp(entry + 1, name) == 0 || (len > part && strcmp(name + len - part, entry) == 0);
}

bool
chain_applies(const struct conf *conf, const char *name)
{
	if (conf->chain_host[0] == '\0')
		return false;
	for (uint32_t i = 0; i < conf->nchain_direct; i++) {
		if (is_direct(conf->chain_direct[i], name))
			return false;
	}
	return true;
}

size_t
chain_request(const struct conf *conf, const char *name, uint16_t port, char *dst)
{
	const bool auth = conf->chain_auth[0] != '\0', six = strchr(name, ':') != NULL;
	char host[GH_NAME_SIZE + 2];
	int n;

	snprintf(host, sizeof(host), "%s%s%s", six ? "[" : "", name, six ? "]" : "");
	n = snprintf(dst, CHAIN_REQUEST_MAX,
	    "CONNECT %s:%u HTTP/1.1\r\n"
	    "Host: %s:%u\r\n"
	    "%s%s%s"
	    "\r\n",
	    host, port, host, port, auth ? "Proxy-Authorization: Basic " : "",
	    auth ? conf->chain_auth : "", auth ? "\r\n" : "");
	return n > 0 && n < CHAIN_REQUEST_MAX ? (size_t)n : 0;
}

enum parse
chain_answer(struct chain_scan *scan, const uint8_t *b, size_t len, size_t max, unsigned *status,
    size_t *end, const char **what)
{
	struct http_response r;
	enum reason why;
	size_t head;

	for (;;) {
		switch (http_head_scan(&scan->head, b + scan->at, len - scan->at, max, &head, &why,
		    what)) {
		case PARSE_MORE:
			return PARSE_MORE;
		case PARSE_REFUSE:
			return PARSE_REFUSE;
		case PARSE_DONE:
			break;
		}
		/* Whatever it says of a body: after a 2xx the tunnel begins, and of
		 * anything else nobody wants the rest. */
		*what = http_response_parse(b + scan->at, head, true, &r);
		if (*what != NULL)
			return PARSE_REFUSE;
		scan->at += head;
		if (r.status >= STATUS_FINAL)
			break;
		memset(&scan->head, 0, sizeof(scan->head));
		if (++scan->interim > INTERIM_MAX) {
			*what = "more interim answers than anyone needs";
			return PARSE_REFUSE;
		}
	}
	*status = r.status;
	*end = scan->at;
	return PARSE_DONE;
}

/* ---- credentials ---- */

/* The one line of the file, without its end; 0 and *cause. */
static size_t
line_read(const char *path, char *line, size_t size, char **cause)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	ssize_t n = 0;

	*cause = NULL;
	if (fd == -1 || fstat(fd, &st) == -1)
		*cause = xasprintf("%s: %s; upstream-auth-file in [proxy] names it", path,
		    strerror(errno));
	else if (!S_ISREG(st.st_mode))
		*cause = xasprintf("%s: not a plain file", path);
	else if ((st.st_mode & (S_IROTH | S_IWOTH)) != 0)
		*cause = xasprintf("%s: anyone can read or write it; chmod o-rw", path);
	else if ((n = read(fd, line, size)) == -1)
		*cause = xasprintf("%s: %s", path, strerror(errno));
	if (fd != -1)
		close(fd);
	if (n > 0 && (size_t)n < size && line[n - 1] == '\n')
		n--;
	return *cause == NULL ? (size_t)n : 0;
}

static bool
is_printable(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)s[i] < ' ' || s[i] == 0x7f)
			return false;
	}
	return true;
}

/* In a way that no compiler takes for useless; macOS has no explicit_bzero(). */
static void
wipe(char *secret, size_t size)
{
	volatile char *p = secret;

	while (size-- > 0)
		*p++ = 0;
}

char *
chain_credentials(struct conf *conf)
{
	char line[CONF_AUTH_MAX + 2], *cause;
	size_t len;

	conf->chain_auth[0] = '\0';
	if (conf->chain_host[0] == '\0' || conf->chain_auth_file[0] == '\0')
		return NULL;
	len = line_read(conf->chain_auth_file, line, sizeof(line), &cause);
	if (cause != NULL)
		return cause;
	if (len == 0 || len > CONF_AUTH_MAX || memchr(line, ':', len) == NULL ||
	    !is_printable(line, len))
		return xasprintf("%s: one line is wanted, \"user:password\", of at most %d bytes",
		    conf->chain_auth_file, CONF_AUTH_MAX);
	base64_encode(conf->chain_auth, (const uint8_t *)line, len);
	wipe(line, sizeof(line));
	return NULL;
}
