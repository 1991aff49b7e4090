/* What the kernel writes of processes and sockets; the first byte says which of it. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "inventory/holders.h"
#include "xmalloc.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static bool
is_port(const char *link)
{
	return link[0] == 't';
}

/* As priv tells of them. */
static void
table(const uint8_t *data, size_t len)
{
	static struct sighting list[64];
	struct holder_table t = { .n = 0 };
	struct holder h;
	size_t n = 0;

	for (; len >= sizeof(h); data += sizeof(h), len -= sizeof(h)) {
		memcpy(&h, data, sizeof(h));
		holder_table_take(&t, &h);
	}
	holder_table_sightings(&t, is_port, list, &n, sizeof(list) / sizeof(list[0]));
	for (size_t i = 0; i < n; i++) {
		if (list[i].key[0] == '\0' || memchr(list[i].link, '\0', sizeof(list[i].link)) == NULL)
			abort();
	}
	free(t.all);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct holder_socket s;
	struct holder h = { .pid = 1 };
	char *text, link[GH_IFNAME_SIZE];

	if (len == 0)
		return 0;
	text = xmalloc(len);
	memcpy(text, data + 1, len - 1);
	text[len - 1] = '\0';
	if (data[0] == '0')
		holder_socket_parse(text, &s);
	else if (data[0] == '1' && holder_status_parse(text, &h)) {
		if (memchr(h.name, '\0', sizeof(h.name)) == NULL)
			abort();
	} else if (data[0] == '2' && holder_link_parse(text, link)) {
		if (memchr(link, '\0', sizeof(link)) == NULL)
			abort();
	} else if (data[0] == '3')
		table(data + 1, len - 1);
	free(text);
	return 0;
}
