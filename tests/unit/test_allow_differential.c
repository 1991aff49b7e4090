/*
 * The compiled allowlist against a matcher that knows only the words of
 * gatehouse-allowlist(5): random lists are made up here, written as text for
 * the one, and kept as they were made up for the other, which tries every
 * entry on every name and shares no line with what it is held against.
 *
 * DIFFERENTIAL_SEED says which lists; the seed is printed.
 */
#include "config.h"

#include "unit.h"

#include <netinet/in.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "allow/allow.h"

enum {
	NOW = 1795000000,	/* 2026-11-18 */
	LISTS = 1500,
	LOOKUPS = 250,		/* of each list */
	ENTRIES_MAX = 60,
	LABELS_MAX = 5,
	TEXT_SIZE = ENTRIES_MAX * 128,
};

struct made {
	const char	*front;		/* "", "." or "*." */
	bool		 off, deny, ended;
	unsigned	 port;		/* 0: none is said */
	bool		 udp;
	const char	*glob;		/* "": for every guest */
	char		 name[128];
};

/* What may come of a question: any of these reasons, for any of these lines. */
struct verdict_set {
	bool	allow;
	bool	reasons[REASON_COUNT];
	bool	lines[ENTRIES_MAX + 1];	/* 0: none */
};

static uint64_t seed;

static uint32_t
dice(uint32_t n)
{
	uint64_t z = (seed += 0x9e3779b97f4a7c15u);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return (uint32_t)(z >> 32) % n;
}

/* ---- the words of the manual ---- */

static bool
glob_matches(const char *glob, const char *s)
{
	if (*glob == '*')
		return glob_matches(glob + 1, s) || (*s != '\0' && glob_matches(glob, s + 1));
	if (*glob == '\0' || *s == '\0')
		return *glob == *s;
	return (*glob == '?' || *glob == *s) && glob_matches(glob + 1, s + 1);
}

/* "Only for guests whose name matches. A guest whose name is not known matches
 * every such entry that begins with ! and no other." */
static bool
is_for_guest(const struct made *m, const char *guest)
{
	if (*m->glob == '\0')
		return true;
	return *guest == '\0' ? m->deny : glob_matches(m->glob, guest);
}

/* "That host and no other"; "the name itself and every name below it"; "every
 * name below it, but not the name itself". */
static bool
is_for_name(const struct made *m, const char *name)
{
	const size_t n = strlen(m->name), len = strlen(name);
	const bool itself = strcmp(name, m->name) == 0;
	const bool below = len > n && name[len - n - 1] == '.' && strcmp(name + len - n, m->name) == 0;

	if (*m->front == '\0')
		return itself;
	return below || (itself && strcmp(m->front, ".") == 0);
}

/* "An entry for exactly this host, then .name of the host itself, then .name
 * and *.name of its parent, its parent's parent, and so on." */
static size_t
specificity(const struct made *m)
{
	return *m->front == '\0' ? 1000 : strlen(m->name);
}

/* "An entry without a port is for TCP ports 80 and 443, and says nothing of others;
 * one that begins with ! and has no port is for every port." */
static bool
is_for_port(const struct made *m, unsigned port, bool udp)
{
	if (m->port != 0)
		return m->port == port && m->udp == udp;
	return m->deny || (!udp && (port == 80 || port == 443));
}

static bool
decides(const struct made *m, unsigned port, bool udp)
{
	return !m->off && !m->ended && is_for_port(m, port, udp);
}

/* "The most specific one that applies and is in force. Where two are equally
 * specific, ! wins. If there is nothing else, the most specific of them is
 * named in the refusal." */
static struct verdict_set
manual(const struct made *list, unsigned n, const char *name, unsigned port, bool udp,
    const char *guest)
{
	struct verdict_set v = { .allow = false };
	size_t best = 0, named = 0;
	bool deny = false;

	for (unsigned i = 0; i < n; i++) {
		if (!is_for_name(&list[i], name) || !is_for_guest(&list[i], guest))
			continue;
		if (decides(&list[i], port, udp) && specificity(&list[i]) >= best) {
			deny = list[i].deny || (deny && specificity(&list[i]) == best);
			best = specificity(&list[i]);
		}
		/* One that forbids would not have helped. */
		if (!list[i].deny && specificity(&list[i]) > named)
			named = specificity(&list[i]);
	}
	v.allow = best > 0 && !deny;
	v.reasons[v.allow ? REASON_LISTED : best > 0 ? REASON_DENY_ENTRY : REASON_NOT_LISTED] =
	    best > 0 || named == 0;
	v.lines[0] = best == 0 && named == 0;
	for (unsigned i = 0; i < n; i++) {
		const struct made *m = &list[i];

		if (!is_for_name(m, name) || !is_for_guest(m, guest))
			continue;
		if (best > 0) {
			v.lines[i + 1] = decides(m, port, udp) && specificity(m) == best && m->deny == deny;
		} else if (!m->deny && specificity(m) == named) {
			v.lines[i + 1] = true;
			v.reasons[REASON_DISABLED] |= m->off;
			v.reasons[REASON_EXPIRED] |= m->ended;
			v.reasons[REASON_PORT] |= !is_for_port(m, port, udp);
		}
	}
	return v;
}

/* ---- making lists up ---- */

/* Few words, so that names meet entries often. */
static void
make_name(char *dst, size_t size, unsigned labels)
{
	static const char *const words[] = { "a", "b", "c", "ab", "x-y", "xn--a", "0" };
	size_t len = 0;

	for (unsigned i = 0; i < labels; i++)
		len += (size_t)snprintf(dst + len, size - len, "%s.", words[dice(7)]);
	snprintf(dst + len, size - len, "%s", dice(2) == 0 ? "test" : "example");
}

static void
make_entry(struct made *m)
{
	static const char *const fronts[] = { "", ".", "*." };
	static const char *const globs[] = { "", "", "", "", "a*", "agent-?", "*", "b" };
	static const unsigned ports[] = { 0, 0, 0, 0, 80, 443, 22, 443 };

	m->front = fronts[dice(3)];
	m->off = dice(8) == 0;
	m->deny = dice(4) == 0;
	m->ended = dice(10) == 0;
	m->port = ports[dice(8)];
	m->udp = m->port != 0 && dice(4) == 0;
	m->glob = globs[dice(8)];
	make_name(m->name, sizeof(m->name), dice(LABELS_MAX) + 1);
}

static size_t
write_entry(const struct made *m, char *dst, size_t size)
{
	char port[16] = "";

	if (m->port != 0)
		snprintf(port, sizeof(port), ":%u%s", m->port,
		    m->udp ? "/udp" : dice(2) == 0 ? "/tcp" : "");
	return (size_t)snprintf(dst, size, "%s%s%s%s%s%s%s%s%s\n", m->off ? "#off " : "",
	    m->deny ? "!" : "", m->front, m->name, port, *m->glob != '\0' ? " vm=" : "", m->glob,
	    m->ended ? " until=2006-01-01T00:00Z" : dice(8) == 0 ? " until=2096-01-01T00:00Z" : "",
	    dice(4) == 0 ? "  # a comment" : "");
}

/* Mostly a name of the list, or near one. */
static void
make_question(const struct made *list, unsigned n, char *dst, size_t size)
{
	static const char *const below[] = { "", "a.", "b.", "b.a.", "ab.", "test." };

	if (dice(4) == 0)
		make_name(dst, size, dice(LABELS_MAX) + 1);
	else
		snprintf(dst, size, "%s%s", below[dice(6)], list[dice(n)].name);
}

static struct allow_image *
compile(const char *text, struct allowlist **list)
{
	const char *phrase;
	struct allow_image *im;
	char *cause;
	size_t size;
	int fd;

	*list = allowlist_parse(text, strlen(text), "list", NULL, &cause);
	if (*list == NULL)
		fail_msg("%s in\n%s", cause, text);
	fd = allow_compile(*list, &size, &cause);
	if (fd == -1)
		fail_msg("%s", cause);
	im = allow_image_open(fd, size, &phrase);
	if (im == NULL)
		fail_msg("%s", phrase);
	close(fd);
	return im;
}

/* Lines of the text, from the ids of answers. */
static uint32_t
line_of(const struct allowlist *list, uint32_t id)
{
	struct allow_entry entry;

	return id != 0 && allowlist_find(list, id, &entry) ? entry.line : 0;
}

/* Every port that entries name, and one that none does. */
static const struct allow_port all_ports[] = {
	{ 80, IPPROTO_TCP }, { 443, IPPROTO_TCP }, { 22, IPPROTO_TCP }, { 25, IPPROTO_TCP },
	{ 80, IPPROTO_UDP }, { 443, IPPROTO_UDP }, { 22, IPPROTO_UDP }, { 25, IPPROTO_UDP },
};
enum { PORTS = sizeof(all_ports) / sizeof(all_ports[0]) };

static bool
may_be_reached(const struct made *made, unsigned n, const char *name, const char *guest)
{
	for (unsigned i = 0; i < PORTS; i++) {
		if (manual(made, n, name, all_ports[i].port, all_ports[i].proto == IPPROTO_UDP,
		    guest).allow)
			return true;
	}
	return false;
}

/* What the packet filter is to open of a name is what is listed but not the web. */
static void
compare_ports(const struct allow_image *im, const struct made *made, unsigned n, const char *name,
    const char *guest, const char *text)
{
	struct allow_port open[PORTS];
	const size_t nopen = allow_pinned_ports(im, name, strlen(name), guest, NOW, open, PORTS);

	for (unsigned i = 0; i < PORTS; i++) {
		const struct allow_port *p = &all_ports[i];
		const bool udp = p->proto == IPPROTO_UDP, web = !udp && (p->port == 80 || p->port == 443);
		bool found = false;

		for (size_t k = 0; k < nopen; k++)
			found |= open[k].port == p->port && open[k].proto == p->proto;
		if (found != (!web && manual(made, n, name, p->port, udp, guest).allow))
			fail_msg("%s:%u%s for \"%s\" is %s, in\n%s", name, p->port, udp ? "/udp" : "",
			    guest, found ? "opened" : "not opened", text);
	}
}

static void
compare(const struct made *made, unsigned n, const char *text)
{
	static const char *const guests[] = { "", "agent-1", "agent-22", "b", "c" };
	static const unsigned ports[] = { 80, 443, 80, 443, 22, 25 };
	struct allowlist *list;
	struct allow_image *im = compile(text, &list);
	char name[160];

	for (unsigned i = 0; i < LOOKUPS; i++) {
		const char *guest = guests[dice(5)];
		const unsigned port = ports[dice(6)];
		const bool udp = dice(4) == 0;
		struct verdict_set v;
		struct allow_answer a;

		make_question(made, n, name, sizeof(name));
		v = manual(made, n, name, port, udp, guest);
		a = allow_lookup_port(im, name, strlen(name), udp ? IPPROTO_UDP : IPPROTO_TCP,
		    (uint16_t)port, guest, NOW);
		if (v.allow != (a.verdict == VERDICT_ALLOW) || !v.reasons[a.reason] ||
		    !v.lines[line_of(list, a.entry)])
			fail_msg("%s:%u%s for \"%s\": %s, line %u, in\n%s", name, port,
			    udp ? "/udp" : "", guest, reason_name((enum reason)a.reason),
			    (unsigned)line_of(list, a.entry), text);
		a = allow_lookup_name(im, name, strlen(name), guest, NOW);
		if (may_be_reached(made, n, name, guest) && a.verdict != VERDICT_ALLOW)
			fail_msg("%s for \"%s\" may be reached, but not looked up, in\n%s", name, guest, text);
		compare_ports(im, made, n, name, guest, text);
	}
	allow_image_close(im);
	allowlist_free(list);
}

static void
the_list_decides_as_the_manual_says(void **state)
{
	static struct made made[ENTRIES_MAX];
	static char text[TEXT_SIZE];
	const char *chosen = getenv("DIFFERENTIAL_SEED");

	(void)state;
	seed = chosen != NULL ? strtoull(chosen, NULL, 10) : (uint64_t)time(NULL);
	print_message("DIFFERENTIAL_SEED=%llu\n", (unsigned long long)seed);
	for (unsigned i = 0; i < LISTS; i++) {
		const unsigned n = dice(i % 2 == 0 ? 8 : ENTRIES_MAX) + 1;
		size_t len = 0;

		for (unsigned k = 0; k < n; k++) {
			make_entry(&made[k]);
			len += write_entry(&made[k], text + len, sizeof(text) - len);
		}
		compare(made, n, text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_list_decides_as_the_manual_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
