#include "config.h"

#include "inventory/listeners.h"

#include <netinet/in.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "xmalloc.h"

enum { TABLE_MAX = 1 << 20 };

bool
listeners_read(struct listeners *l)
{
	static const struct {
		const char	*path;
		uint8_t		 proto;
	} tables[] = {
		{ "/proc/net/tcp", IPPROTO_TCP }, { "/proc/net/tcp6", IPPROTO_TCP },
		{ "/proc/net/udp", IPPROTO_UDP }, { "/proc/net/udp6", IPPROTO_UDP },
	};
	char *text = xmalloc(TABLE_MAX + 1);
	bool any = false;

	memset(l, 0, sizeof(*l));
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		size_t len = 0;
		ssize_t got;
		int fd = open(tables[i].path, O_RDONLY | O_CLOEXEC);

		if (fd == -1)
			continue;
		/* Listening sockets come first. */
		while (len < TABLE_MAX && (got = read(fd, text + len, TABLE_MAX - len)) > 0)
			len += (size_t)got;
		close(fd);
		text[len] = '\0';
		any = true;
		listeners_parse(text, tables[i].proto, l);
	}
	free(text);
	return any;
}
