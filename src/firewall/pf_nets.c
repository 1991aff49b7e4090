#include "config.h"

#include "firewall/pf.h"

#include <sys/socket.h>

#include <ifaddrs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "text.h"
#include "xmalloc.h"

static bool
is_guarded(const struct pf_host *host, const struct conf_names *bridges, const char *ifname)
{
	for (uint32_t i = 0; i < bridges->n; i++) {
		if (text_glob(bridges->name[i], ifname))
			return true;
	}
	return pf_covers(host, bridges, ifname);
}

static unsigned
mask_bits(const struct addr *mask)
{
	const unsigned whole = mask->family == 4 ? 32 : 128;
	unsigned bits = 0;

	while (bits < whole && (mask->bytes[bits / 8] & 0x80 >> bits % 8) != 0)
		bits++;
	return bits;
}

/* Some systems leave the family of a mask out. */
static void
mask_read(const struct sockaddr *mask, int family, struct addr *a)
{
	const size_t at = family == AF_INET ? offsetof(struct sockaddr_in, sin_addr) :
	    offsetof(struct sockaddr_in6, sin6_addr);
	const size_t len = family == AF_INET ? 4 : 16;

	memset(a, 0, sizeof(*a));
	a->family = family == AF_INET ? 4 : 6;
	memcpy(a->bytes, (const uint8_t *)mask + at, len);
}

static bool
net_text(const struct ifaddrs *ifa, char *text, size_t size, bool *v6)
{
	char base[ADDR_TEXT_SIZE];
	struct addr a, mask;
	uint16_t port;

	if (ifa->ifa_addr == NULL || ifa->ifa_netmask == NULL ||
	    !addr_from_sockaddr(&a, &port, ifa->ifa_addr))
		return false;
	*v6 = a.family == 6;
	if (*v6 && a.bytes[0] == 0xfe && (a.bytes[1] & 0xc0) == 0x80) {
		/* Which interface it is on is in some systems' form of the address. */
		snprintf(text, size, "fe80::/10");
		return true;
	}
	mask_read(ifa->ifa_netmask, ifa->ifa_addr->sa_family, &mask);
	for (size_t i = 0; i < sizeof(a.bytes); i++)
		a.bytes[i] &= mask.bytes[i];
	snprintf(text, size, "%s/%u", addr_format(&a, base), mask_bits(&mask));
	return true;
}

void
pf_nets_each(const struct pf_host *host, const struct conf_names *bridges,
    void (*cb)(const char *, bool, void *), void *arg)
{
	char text[ADDR_TEXT_SIZE + 8];
	struct ifaddrs *all;
	bool v6;

	if (getifaddrs(&all) == -1)
		return;
	for (const struct ifaddrs *ifa = all; ifa != NULL; ifa = ifa->ifa_next) {
		if (is_guarded(host, bridges, ifa->ifa_name) &&
		    net_text(ifa, text, sizeof(text), &v6))
			cb(text, v6, arg);
	}
	freeifaddrs(all);
}

char *
pf_nets_uncovered(const struct pf_host *host, const struct conf_names *bridges)
{
	struct ifaddrs *all;
	char *cause = NULL;

	if (getifaddrs(&all) == -1)
		return NULL;
	for (const struct ifaddrs *ifa = all; ifa != NULL && cause == NULL; ifa = ifa->ifa_next) {
		if (is_guarded(host, bridges, ifa->ifa_name) &&
		    !pf_covers(host, bridges, ifa->ifa_name))
			cause = xasprintf("%s is not guarded: pf rules cannot hold every name of "
			    "that kind ahead; name it in \"bridge\" of section [guard]",
			    ifa->ifa_name);
	}
	freeifaddrs(all);
	return cause;
}
