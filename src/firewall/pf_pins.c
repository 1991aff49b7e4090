/*
 * Pins as pf rules.  A table holds addresses, and a pin is a guest's address, an
 * address, a protocol and a port, so each is a rule of the anchor "pins", which
 * is loaded anew as a whole when one comes or goes: a transaction of its own, where
 * tables for each guest, protocol and port would change one by one, and could be more
 * than the 1000 that pf has room for.  A connection lives by its state when the rule that
 * let it through is gone.
 */
#include "config.h"

#include "firewall/pf.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "xmalloc.h"

/* src: an address, or pf's words for those it is for. */
static void
put_match(FILE *f, const char *what, const char *src, const struct fw_range *r)
{
	char target[FW_TARGET_SIZE];

	fprintf(f, "%s %s proto %s from %s to %s port %u", what,
	    r->first.family == 4 ? "inet" : "inet6", r->proto == IPPROTO_TCP ? "tcp" : "udp", src,
	    fw_range_target(r, target), r->port);
}

static void
put_pass(FILE *f, const char *src, const struct fw_range *r, const char *label)
{
	put_match(f, "pass in quick", src, r);
	fprintf(f, "%s keep state label \"gatehouse:%s\"\n",
	    r->proto == IPPROTO_TCP ? " flags S/SA" : "", label);
}

/* What would else be redirected. */
static bool
is_redirected(const struct fw_range *r)
{
	return r->port == 53 || (r->proto == IPPROTO_TCP && (r->port == 80 || r->port == 443));
}

char *
pf_pins_text(const struct pins *pins, uint64_t now)
{
	char src[ADDR_TEXT_SIZE], *text;
	struct fw_range r;
	struct fw_pin p;
	size_t size;
	FILE *f = xmemstream(&text, &size);

	for (size_t i = 0; pins_range(pins, i, now, &r); i++) {
		if (!is_redirected(&r))
			continue;
		put_match(f, "no rdr", addr_format(&r.src, src), &r);
		fputc('\n', f);
	}
	for (size_t i = 0; pins_get(pins, i, now, &p); i++) {
		if (p.seconds == 0)
			continue;
		r = (struct fw_range){ .first = p.dst, .last = p.dst, .port = p.port, .proto = p.proto };
		put_pass(f, addr_format(&p.src, src), &r, "pinned");
	}
	for (size_t i = 0; pins_range(pins, i, now, &r); i++)
		put_pass(f, addr_format(&r.src, src), &r, "address");
	fclose(f);
	return text;
}

/* ---- as text that is shown ---- */

static const char guests[] = "{ $guests }";

/* A line that calls the anchor: its length up to the name's end, else 0. */
static size_t
calls_pins(const char *line, const char *kind)
{
	const size_t len = strlen(kind);

	if (strncmp(line, kind, len) != 0 || strncmp(line + len, " \"pins\"", 7) != 0)
		return 0;
	return len + 7;
}

/* An anchor for translation cannot hold its rules where it is called, so they stand behind it,
 * for the same interfaces. */
static void
put_unturned(FILE *f, const char *interfaces, size_t len, const struct fw_opened *o)
{
	char *what = xasprintf("no rdr%.*s", (int)len, interfaces);

	for (size_t i = 0; i < o->n; i++) {
		if (!is_redirected(&o->ranges[i]))
			continue;
		put_match(f, what, guests, &o->ranges[i]);
		fputc('\n', f);
	}
	free(what);
}

static void
put_block(FILE *f, const struct fw_opened *o)
{
	if (o->n == 0) {
		fputc('\n', f);
		return;
	}
	fputs(" {\n", f);
	for (size_t i = 0; i < o->n; i++) {
		fputc('\t', f);
		put_pass(f, guests, &o->ranges[i], "address");
	}
	fputs("}\n", f);
}

static void
put_notes(FILE *f, const struct fw_opened *o)
{
	if (o->n > 0)
		fputs("# The daemon loads these by themselves, each for every address of a guest.\n", f);
	if (o->notes[0] != '\0')
		fprintf(f, "# And what it alone can tell:\n%s", o->notes);
}

char *
pf_opened(char *text, const struct fw_opened *o)
{
	char *out;
	size_t size;
	FILE *f = xmemstream(&out, &size);

	for (const char *line = text; *line != '\0';) {
		const size_t len = strcspn(line, "\n"), nat = calls_pins(line, "rdr-anchor"),
		    filter = calls_pins(line, "anchor");

		if (filter > 0)
			put_notes(f, o);
		fwrite(line, 1, len, f);
		if (filter > 0)
			put_block(f, o);
		else
			fputc('\n', f);
		if (nat > 0)
			put_unturned(f, line + nat, len - nat, o);
		line += len + (line[len] == '\n');
	}
	fclose(f);
	free(text);
	return out;
}
