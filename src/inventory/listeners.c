#include "config.h"

#include "inventory/listeners.h"

#include <netinet/in.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STATE_LISTEN = 0x0a, STATE_UDP = 0x07 };

/* Words of 32 bits in this host's order, eight hexadecimal digits each. */
static bool
is_loopback(const char *address)
{
	static const char mapped[] = "0000000000000000FFFF0000";
	static const char one[] = "00000000000000000000000001000000";
	const uint32_t big = htonl(1);
	uint8_t first;
	uint32_t word;
	char last[9];

	if (strlen(address) == 32 && strcmp(address, big == 1 ?
	    "00000000000000000000000000000001" : one) == 0)
		return true;
	if (strlen(address) == 32 && strncmp(address, mapped, sizeof(mapped) - 1) != 0)
		return false;
	snprintf(last, sizeof(last), "%s", address + strlen(address) - 8);
	word = (uint32_t)strtoul(last, NULL, 16);
	memcpy(&first, &word, 1);
	return first == 127;
}

void
listener_add(struct listener *list, size_t *n, uint8_t proto, uint16_t port)
{
	for (size_t i = 0; i < *n; i++) {
		if (list[i].proto == proto && list[i].port == port)
			return;
	}
	if (*n < LISTENERS_MAX)
		list[(*n)++] = (struct listener){ proto, port };
}

void
listeners_parse(const char *text, uint8_t proto, struct listener *list, size_t *n)
{
	while ((text = strchr(text, '\n')) != NULL) {
		char address[33], rest[33];
		unsigned port, state;

		text++;
		if (sscanf(text, " %*[0-9]: %32[0-9A-F]:%4x %32[0-9A-F]:%*x %2x", address, &port, rest,
		    &state) != 4 || strlen(address) < 8)
			continue;
		/* A UDP socket with a peer listens to nobody else. */
		if (state != (proto == IPPROTO_TCP ? STATE_LISTEN : STATE_UDP) || port == 0 ||
		    rest[strspn(rest, "0")] != '\0' || is_loopback(address))
			continue;
		listener_add(list, n, proto, (uint16_t)port);
	}
}

static int
listener_compare(const void *a, const void *b)
{
	const struct listener *x = a, *y = b;

	return x->proto != y->proto ? x->proto - y->proto : x->port - y->port;
}

void
listeners_sort(struct listener *list, size_t n)
{
	qsort(list, n, sizeof(*list), listener_compare);
}
