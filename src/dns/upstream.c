#include "config.h"

#include "dns/upstream.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "addr.h"
#include "dns/message.h"
#include "log.h"

enum { FILE_SIZE_MAX = 64 << 10, ADDRESS_SIZE = 64 };

/* With its zone, if it has one: fe80::1%eth0. */
static void
upstream_add(struct upstreams *u, const char *address)
{
	const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
		.ai_socktype = SOCK_DGRAM };
	struct addrinfo *found;

	if (u->n == UPSTREAMS_MAX || getaddrinfo(address, "53", &hints, &found) != 0)
		return;
	if (found->ai_addrlen <= sizeof(u->at[u->n].ss)) {
		memcpy(&u->at[u->n].ss, found->ai_addr, found->ai_addrlen);
		u->at[u->n++].len = found->ai_addrlen;
	}
	freeaddrinfo(found);
}

/* "nameserver ADDRESS" */
static void
line_parse(struct upstreams *u, const char *line, size_t len)
{
	static const char word[] = "nameserver";
	const size_t word_len = sizeof(word) - 1;
	char address[ADDRESS_SIZE];
	size_t n = 0;

	if (len <= word_len || memcmp(line, word, word_len) != 0 ||
	    (line[word_len] != ' ' && line[word_len] != '\t'))
		return;
	for (size_t i = word_len; i < len; i++) {
		if (line[i] == ' ' || line[i] == '\t' || line[i] == '\r') {
			if (n > 0)
				break;
			continue;
		}
		if (n + 1 == sizeof(address))
			return;
		address[n++] = line[i];
	}
	address[n] = '\0';
	upstream_add(u, address);
}

void
upstreams_parse(struct upstreams *u, const char *text, size_t len)
{
	const char *end;
	size_t n;

	while (len > 0) {
		end = memchr(text, '\n', len);
		n = end != NULL ? (size_t)(end - text) : len;
		line_parse(u, text, n);
		n += end != NULL;
		text += n;
		len -= n;
	}
}

static void
file_read(struct upstreams *u, const char *path)
{
	static char text[FILE_SIZE_MAX];
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t len = 0;
	ssize_t n;

	if (fd == -1) {
		log_warnx("%s: %s", path, strerror(errno));
		return;
	}
	while (len < sizeof(text) && (n = read(fd, text + len, sizeof(text) - len)) > 0)
		len += (size_t)n;
	close(fd);
	upstreams_parse(u, text, len);
}

void
upstreams_read(struct upstreams *u, const struct conf *conf)
{
	memset(u, 0, sizeof(*u));
	for (uint32_t i = 0; i < conf->nupstreams && u->n < UPSTREAMS_MAX; i++) {
		u->at[u->n].len = addr_to_sockaddr(&conf->upstreams[i].addr,
		    conf->upstreams[i].port, &u->at[u->n].ss);
		u->n++;
	}
	if (u->n == 0)
		file_read(u, conf->resolv_conf);
	if (u->n == 0) {
		log_warnx("%s names no DNS server that could be used; asking 127.0.0.1 "
		    "([dns] upstream or [proxy] resolv-conf changes it)", conf->resolv_conf);
		upstream_add(u, "127.0.0.1");
	}
}
