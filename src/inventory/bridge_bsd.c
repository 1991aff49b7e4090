#include "config.h"

#include "inventory/bridge.h"

#include <sys/types.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "xmalloc.h"

/* BRDGGIFS and BRDGRTS of net/if_bridgevar.h, and struct ifdrv, which macOS's SDK
 * does not have. */
enum { MEMBERS = 6, ADDRESSES = 7, LIST_SIZE = 256 << 10, STATIC = 0x1, CONF_MAX = 16 };

struct drvspec {
	char		 name[IFNAMSIZ];
	unsigned long	 cmd;
	size_t		 len;
	void		*data;
};
#define GET_DRVSPEC	_IOWR('i', 123, struct drvspec)

/* Bytes that the bridge wrote, 0 if it is none. */
static size_t
list_read(int fd, const char *bridge, unsigned long cmd, uint8_t *buf)
{
	_Alignas(void *) uint8_t conf[CONF_MAX] = { 0 };
	struct drvspec ask = { .cmd = cmd, .len = bridge_layout.list_size, .data = conf };
	uint32_t len = LIST_SIZE;

	memcpy(conf, &len, sizeof(len));
	memcpy(conf + bridge_layout.list_buf, &buf, sizeof(buf));
	copy_string(ask.name, bridge, sizeof(ask.name));
	if (ioctl(fd, GET_DRVSPEC, &ask) == -1)
		return 0;
	memcpy(&len, conf, sizeof(len));
	return len <= LIST_SIZE ? len : 0;
}

static void
row_read(const uint8_t *p, bool member, void (*row)(const struct bridge_row *, void *), void *arg)
{
	struct bridge_row r = { .mac = NULL };
	char name[IFNAMSIZ + 1] = "";
	unsigned long left;

	memcpy(name, p, IFNAMSIZ);
	r.member = name;
	if (!member) {
		memcpy(&left, p + bridge_layout.addr_expire, sizeof(left));
		r.left = left;
		r.mac = p + bridge_layout.addr_mac;
		r.fixed = (p[bridge_layout.addr_flags] & STATIC) != 0;
	}
	row(&r, arg);
}

void
bridge_read(int fd, const char *bridge, void (*row)(const struct bridge_row *, void *), void *arg)
{
	uint8_t *buf = xmalloc(LIST_SIZE);
	size_t n = list_read(fd, bridge, MEMBERS, buf) / bridge_layout.member_size;

	for (size_t i = 0; i < n; i++)
		row_read(buf + i * bridge_layout.member_size, true, row, arg);
	n = list_read(fd, bridge, ADDRESSES, buf) / bridge_layout.addr_size;
	for (size_t i = 0; i < n; i++)
		row_read(buf + i * bridge_layout.addr_size, false, row, arg);
	free(buf);
}
