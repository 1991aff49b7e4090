/*
 * Pins as pf rules.  A table holds addresses, and a pin is a guest's address, an
 * address, a protocol and a port, so each is a rule of the anchor "pins", which
 * is loaded anew as a whole when one comes or goes.  A connection lives by its
 * state when the rule that let it through is gone.
 */
#include "config.h"

#include "firewall/pf.h"

#include <netinet/in.h>
#include <stdio.h>

#include "addr.h"
#include "xmalloc.h"

enum { TARGET_SIZE = 2 * ADDR_TEXT_SIZE + 8 };

/* Nothing is set behind the first bits. */
static bool
is_network(const struct addr *a, unsigned bits)
{
	const unsigned whole = a->family == 4 ? 32 : 128;

	for (unsigned i = bits; i < whole; i++) {
		if ((a->bytes[i / 8] & 0x80 >> i % 8) != 0)
			return false;
	}
	return true;
}

/* "198.51.100.7", "198.51.100.0/24" or "198.51.100.7 - 198.51.100.9". */
static void
target_text(const struct addr *first, const struct addr *last, char text[TARGET_SIZE])
{
	const unsigned whole = first->family == 4 ? 32 : 128;
	char a[ADDR_TEXT_SIZE], z[ADDR_TEXT_SIZE];
	struct addr end;

	addr_format(first, a);
	addr_format(last, z);
	if (addr_equal(first, last)) {
		snprintf(text, TARGET_SIZE, "%s", a);
		return;
	}
	for (unsigned bits = 0; bits < whole; bits++) {
		addr_last(first, bits, &end);
		if (is_network(first, bits) && addr_equal(&end, last)) {
			snprintf(text, TARGET_SIZE, "%s/%u", a, bits);
			return;
		}
	}
	snprintf(text, TARGET_SIZE, "%s - %s", a, z);
}

static void
put_match(FILE *f, const char *what, const struct addr *src, const char *target, uint8_t proto,
    uint16_t port)
{
	char text[ADDR_TEXT_SIZE];

	fprintf(f, "%s %s proto %s from %s to %s port %u", what,
	    src->family == 4 ? "inet" : "inet6", proto == IPPROTO_TCP ? "tcp" : "udp",
	    addr_format(src, text), target, port);
}

static void
put_pass(FILE *f, const struct addr *src, const char *target, uint8_t proto, uint16_t port,
    const char *label)
{
	put_match(f, "pass in quick", src, target, proto, port);
	fprintf(f, "%s keep state label \"gatehouse:%s\"\n",
	    proto == IPPROTO_TCP ? " flags S/SA" : "", label);
}

/* What would else be redirected. */
static bool
is_redirected(uint8_t proto, uint16_t port)
{
	return port == 53 || (proto == IPPROTO_TCP && (port == 80 || port == 443));
}

char *
pf_pins_text(const struct pins *pins, uint64_t now)
{
	char target[TARGET_SIZE], *text;
	struct fw_range r;
	struct fw_pin p;
	size_t size;
	FILE *f = xmemstream(&text, &size);

	for (size_t i = 0; pins_range(pins, i, now, &r); i++) {
		if (!is_redirected(r.proto, r.port))
			continue;
		target_text(&r.first, &r.last, target);
		put_match(f, "no rdr", &r.src, target, r.proto, r.port);
		fputc('\n', f);
	}
	for (size_t i = 0; pins_get(pins, i, now, &p); i++) {
		if (p.seconds == 0)
			continue;
		target_text(&p.dst, &p.dst, target);
		put_pass(f, &p.src, target, p.proto, p.port, "pinned");
	}
	for (size_t i = 0; pins_range(pins, i, now, &r); i++) {
		target_text(&r.first, &r.last, target);
		put_pass(f, &r.src, target, r.proto, r.port, "address");
	}
	fclose(f);
	return text;
}
