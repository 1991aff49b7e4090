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

static const uint8_t *
bits_of(const struct listeners *l, bool local, uint8_t proto)
{
	return proto == IPPROTO_TCP ? l->tcp[local] : l->udp[local];
}

void
listener_add(struct listeners *l, bool local, uint8_t proto, uint16_t port)
{
	uint8_t *bits = proto == IPPROTO_TCP ? l->tcp[local] : l->udp[local];

	bits[port / 8] |= (uint8_t)(1 << port % 8);
}

bool
listener_has(const struct listeners *l, bool local, uint8_t proto, uint16_t port)
{
	return (bits_of(l, local, proto)[port / 8] >> port % 8 & 1) != 0;
}

bool
listeners_none(const struct listeners *l)
{
	static const struct listeners none;

	return memcmp(l, &none, sizeof(none)) == 0;
}

void
listeners_parse(const char *text, uint8_t proto, struct listeners *l)
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
		    rest[strspn(rest, "0")] != '\0')
			continue;
		listener_add(l, is_loopback(address), proto, (uint16_t)port);
	}
}
