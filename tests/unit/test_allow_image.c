/*
 * The compiled allowlist: verdicts, held against a naive matcher that knows
 * only the text, and images that lie.
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
#include "allow/hash.h"
#include "allow/image.h"
#include "allow/memfile.h"
#include "text.h"
#include "xmalloc.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum { NOW = 1795000000 };	/* 2026-11-18 */

static struct allowlist *
parse(const char *text)
{
	char *cause;
	struct allowlist *l = allowlist_parse(text, strlen(text), "list", NULL, &cause);

	if (l == NULL)
		fail_msg("%s", cause);
	return l;
}

static struct allow_image *
compile(const struct allowlist *l)
{
	struct allow_image *im;
	const char *phrase;
	char *cause;
	size_t size;
	const int fd = allow_compile(l, &size, &cause);

	if (fd == -1)
		fail_msg("%s", cause);
	im = allow_image_open(fd, size, &phrase);
	if (im == NULL)
		fail_msg("%s", phrase);
	close(fd);
	return im;
}

static struct allow_answer
ask(const struct allow_image *im, const char *name, uint16_t port, const char *guest)
{
	return allow_lookup(im, name, strlen(name), port, guest, NOW);
}

static void
the_hash_is_siphash_1_3(void **state)
{
	/* From CPython, which hashes bytes with it: PYTHONHASHSEED=0, key 0. */
	static const struct {
		const char	*name;
		uint64_t	 hash;
	} known[] = {
		{ "a", 0x407448d2b89b1813 },
		{ "com", 0x83bbe7763e7fefae },
		{ "github.c", 0x0d4361db00a637ce },
		{ "github.com", 0x0c1be63facf2737a },
		{ "registry.npmjs.org", 0x8e3fcf87dfb3bcdb },
		{ "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p", 0xa325756e7a7a928d },
	};
	static const uint64_t zero[2] = { 0, 0 };

	for (size_t i = 0; i < COUNT(known); i++)
		assert_int_equal(name_hash(zero, known[i].name, strlen(known[i].name)),
		    known[i].hash);
}

/* ---- verdicts ---- */

static const char LIST[] =
	".github.com\n"					/* 1 */
	"api.anthropic.com\n"
	"*.npmjs.org\n"
	"!gist.github.com\n"
	".pypi.org vm=agent-*\n"			/* 5 */
	"crates.io until=2026-11-22T18:00Z\n"
	"git.example.org:22\n"
	"#off .docker.io\n"
	"old.example until=2006-01-01T00:00Z\n"
	".tie.example\n"				/* 10 */
	"!*.tie.example\n"
	"tie.example\n"
	"!.deep.example\n"
	".b.deep.example\n"
	"!c.b.deep.example\n"				/* 15 */
	"#off !.stays.example\n"
	"only443.example:443\n"
	".no80.example\n"
	"!.no80.example:80\n"
	"#off .half.example\n"				/* 20 */
	".sub.half.example until=2006-01-01T00:00Z\n"
	".twice.example vm=a\n"
	".twice.example vm=b\n"
	"!.twice.example vm=c\n"
	".twice.example vm=*\n"				/* 25 */
	"@pypi\n"
	"1.2.3.0/24:443\n";

static void
the_most_specific_entry_decides(void **state)
{
	static const struct {
		const char	*name;
		uint16_t	 port;
		const char	*guest;
		uint8_t		 verdict, reason;
		uint32_t	 entry;
	} cases[] = {
		{ "github.com", 443, "", VERDICT_ALLOW, REASON_LISTED, 1 },
		{ "a.b.c.github.com", 80, "", VERDICT_ALLOW, REASON_LISTED, 1 },
		{ "xgithub.com", 443, "", VERDICT_DENY, REASON_NOT_LISTED, 0 },
		{ "github.com.evil.example", 443, "", VERDICT_DENY, REASON_NOT_LISTED, 0 },
		{ "com", 443, "", VERDICT_DENY, REASON_NOT_LISTED, 0 },
		{ "gist.github.com", 443, "", VERDICT_DENY, REASON_DENY_ENTRY, 4 },
		{ "x.gist.github.com", 443, "", VERDICT_ALLOW, REASON_LISTED, 1 },
		{ "api.anthropic.com", 443, "", VERDICT_ALLOW, REASON_LISTED, 2 },
		{ "x.api.anthropic.com", 443, "", VERDICT_DENY, REASON_NOT_LISTED, 0 },
		{ "npmjs.org", 443, "", VERDICT_DENY, REASON_NOT_LISTED, 0 },
		{ "registry.npmjs.org", 443, "", VERDICT_ALLOW, REASON_LISTED, 3 },
		{ "a.b.npmjs.org", 443, "", VERDICT_ALLOW, REASON_LISTED, 3 },
		/* guests */
		{ "pypi.org", 443, "agent-7", VERDICT_ALLOW, REASON_LISTED, 5 },
		{ "pypi.org", 443, "build-7", VERDICT_DENY, REASON_NOT_LISTED, 0 },
		{ "pypi.org", 443, "", VERDICT_DENY, REASON_NOT_LISTED, 0 },
		{ "twice.example", 443, "a", VERDICT_ALLOW, REASON_LISTED, 22 },
		{ "twice.example", 443, "b", VERDICT_ALLOW, REASON_LISTED, 23 },
		{ "twice.example", 443, "c", VERDICT_DENY, REASON_DENY_ENTRY, 24 },
		{ "twice.example", 443, "d", VERDICT_ALLOW, REASON_LISTED, 25 },
		/* Whoever it is may be the one it is denied to. */
		{ "twice.example", 443, "", VERDICT_DENY, REASON_DENY_ENTRY, 24 },
		/* states */
		{ "crates.io", 443, "", VERDICT_ALLOW, REASON_LISTED, 6 },
		{ "old.example", 443, "", VERDICT_DENY, REASON_EXPIRED, 9 },
		{ "docker.io", 443, "", VERDICT_DENY, REASON_DISABLED, 8 },
		{ "x.docker.io", 443, "", VERDICT_DENY, REASON_DISABLED, 8 },
		{ "stays.example", 443, "", VERDICT_DENY, REASON_NOT_LISTED, 0 },
		{ "a.half.example", 443, "", VERDICT_DENY, REASON_DISABLED, 20 },
		{ "a.sub.half.example", 443, "", VERDICT_DENY, REASON_EXPIRED, 21 },
		/* equal specificity, exactness, depth */
		{ "a.tie.example", 443, "", VERDICT_DENY, REASON_DENY_ENTRY, 11 },
		{ "tie.example", 443, "", VERDICT_ALLOW, REASON_LISTED, 12 },
		{ "x.deep.example", 443, "", VERDICT_DENY, REASON_DENY_ENTRY, 13 },
		{ "x.b.deep.example", 443, "", VERDICT_ALLOW, REASON_LISTED, 14 },
		{ "c.b.deep.example", 443, "", VERDICT_DENY, REASON_DENY_ENTRY, 15 },
		{ "x.c.b.deep.example", 443, "", VERDICT_ALLOW, REASON_LISTED, 14 },
		/* ports */
		{ "github.com", 22, "", VERDICT_DENY, REASON_PORT, 1 },
		{ "gist.github.com", 22, "", VERDICT_DENY, REASON_DENY_ENTRY, 4 },
		{ "git.example.org", 443, "", VERDICT_DENY, REASON_PORT, 7 },
		{ "git.example.org", 22, "", VERDICT_ALLOW, REASON_LISTED, 7 },
		{ "only443.example", 443, "", VERDICT_ALLOW, REASON_LISTED, 17 },
		{ "only443.example", 80, "", VERDICT_DENY, REASON_PORT, 17 },
		{ "no80.example", 80, "", VERDICT_DENY, REASON_DENY_ENTRY, 19 },
		{ "no80.example", 443, "", VERDICT_ALLOW, REASON_LISTED, 18 },
		/* not names at all */
		{ "", 443, "", VERDICT_DENY, REASON_NOT_LISTED, 0 },
		{ ".", 443, "", VERDICT_DENY, REASON_NOT_LISTED, 0 },
		{ "..github.com", 443, "", VERDICT_ALLOW, REASON_LISTED, 1 },
		{ "pypi", 443, "", VERDICT_DENY, REASON_NOT_LISTED, 0 },
		{ "1.2.3.4", 443, "", VERDICT_DENY, REASON_NOT_LISTED, 0 },
	};
	struct allowlist *l = parse(LIST);
	struct allow_image *im = compile(l);

	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct allow_answer a = ask(im, cases[i].name, cases[i].port, cases[i].guest);

		if (a.verdict != cases[i].verdict || a.reason != cases[i].reason ||
		    a.entry != cases[i].entry)
			fail_msg("%s:%u for \"%s\": %s %s %u", cases[i].name, cases[i].port,
			    cases[i].guest, verdict_name(a.verdict), reason_name(a.reason), a.entry);
	}
	allow_image_close(im);
	allowlist_free(l);
}

static void
a_name_is_listed_if_any_port_of_it_is(void **state)
{
	static const struct {
		const char	*name, *guest;
		uint8_t		 verdict, reason;
		uint32_t	 entry;
	} cases[] = {
		{ "github.com", "", VERDICT_ALLOW, REASON_LISTED, 1 },
		{ "gist.github.com", "", VERDICT_DENY, REASON_DENY_ENTRY, 4 },
		{ "only443.example", "", VERDICT_ALLOW, REASON_LISTED, 17 },
		{ "no80.example", "", VERDICT_ALLOW, REASON_LISTED, 18 },
		{ "git.example.org", "", VERDICT_ALLOW, REASON_LISTED, 7 },
		{ "docker.io", "", VERDICT_DENY, REASON_DISABLED, 8 },
		{ "old.example", "", VERDICT_DENY, REASON_EXPIRED, 9 },
		{ "pypi.org", "agent-7", VERDICT_ALLOW, REASON_LISTED, 5 },
		{ "pypi.org", "", VERDICT_DENY, REASON_NOT_LISTED, 0 },
		{ "x.evil.example", "", VERDICT_DENY, REASON_NOT_LISTED, 0 },
		{ "", "", VERDICT_DENY, REASON_NOT_LISTED, 0 },
	};
	struct allowlist *l = parse(LIST);
	struct allow_image *im = compile(l);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct allow_answer a = allow_lookup_name(im, cases[i].name,
		    strlen(cases[i].name), cases[i].guest, NOW);

		if (a.verdict != cases[i].verdict || a.reason != cases[i].reason ||
		    a.entry != cases[i].entry)
			fail_msg("%s for \"%s\": %s, entry %u", cases[i].name, cases[i].guest,
			    reason_name((enum reason)a.reason), (unsigned)a.entry);
	}
	allow_image_close(im);
	allowlist_free(l);
}

static void
an_entry_ends_on_the_second_without_a_new_image(void **state)
{
	struct allowlist *l = parse("a.com until=2026-11-22T18:00Z\n");
	struct allow_image *im = compile(l);
	const int64_t end = allowlist_next_end(l, 0);

	assert_int_equal(allow_lookup(im, "a.com", 5, 443, "", end - 1).verdict, VERDICT_ALLOW);
	assert_int_equal(allow_lookup(im, "a.com", 5, 443, "", end).verdict, VERDICT_DENY);
	assert_int_equal(allow_lookup(im, "a.com", 5, 443, "", end).reason, REASON_EXPIRED);
	allow_image_close(im);
	allowlist_free(l);
}

static void
while_learning_only_what_no_entry_names_is_let_through(void **state)
{
	static const struct {
		const char	*name;
		uint16_t	 port;
		const char	*guest;
		uint8_t		 verdict, reason;
	} cases[] = {
		{ "new.example", 443, "", VERDICT_ALLOW, REASON_LEARNED },
		{ "new.example", 80, "agent-1", VERDICT_ALLOW, REASON_LEARNED },
		{ "npmjs.org", 443, "", VERDICT_ALLOW, REASON_LEARNED },
		{ "pypi.org", 443, "other", VERDICT_ALLOW, REASON_LEARNED },
		{ "github.com", 443, "", VERDICT_ALLOW, REASON_LISTED },
		/* Everything else stays as it is. */
		{ "new.example", 8443, "", VERDICT_DENY, REASON_NOT_LISTED },
		{ "new.example", 22, "", VERDICT_DENY, REASON_NOT_LISTED },
		{ "gist.github.com", 443, "", VERDICT_DENY, REASON_DENY_ENTRY },
		{ "docker.io", 443, "", VERDICT_DENY, REASON_DISABLED },
		{ "old.example", 443, "", VERDICT_DENY, REASON_EXPIRED },
		{ "github.com", 8443, "", VERDICT_DENY, REASON_PORT },
		{ "only443.example", 80, "", VERDICT_DENY, REASON_PORT },
		{ "x.deep.example", 443, "", VERDICT_DENY, REASON_DENY_ENTRY },
		{ "", 443, "", VERDICT_DENY, REASON_NOT_LISTED },
	};
	struct allowlist *l = parse(LIST);
	struct allow_image *im = compile(l);
	struct allow_port port;
	struct addr addr;

	assert_int_equal(ask(im, "new.example", 443, "").verdict, VERDICT_DENY);
	allow_image_learn(im, true);
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct allow_answer a = ask(im, cases[i].name, cases[i].port, cases[i].guest);

		if (a.verdict != cases[i].verdict || a.reason != cases[i].reason)
			fail_msg("%s:%u for \"%s\": %s %s", cases[i].name, cases[i].port,
			    cases[i].guest, verdict_name((enum verdict)a.verdict),
			    reason_name((enum reason)a.reason));
		assert_true(a.reason != REASON_LEARNED || a.entry == 0);
	}
	assert_int_equal(allow_lookup_name(im, "new.example", 11, "", NOW).reason, REASON_LEARNED);
	assert_int_equal(allow_lookup_name(im, "gist.github.com", 15, "", NOW).verdict,
	    VERDICT_DENY);
	/* The web's ports are those of TCP, and no address is a name. */
	assert_int_equal(allow_lookup_port(im, "new.example", 11, IPPROTO_UDP, 443, "", NOW).verdict,
	    VERDICT_DENY);
	assert_int_equal(allow_pinned_ports(im, "new.example", 11, "", NOW, &port, 1), 0);
	assert_true(addr_parse("8.8.8.8", &addr));
	assert_int_equal(allow_lookup_addr(im, &addr, IPPROTO_TCP, 443, "", NOW).verdict,
	    VERDICT_DENY);
	allow_image_learn(im, false);
	assert_int_equal(ask(im, "new.example", 443, "").verdict, VERDICT_DENY);
	allow_image_learn(NULL, true);
	assert_int_equal(ask(NULL, "new.example", 443, "").verdict, VERDICT_DENY);
	allow_image_close(im);
	allowlist_free(l);
}

static void
nothing_is_listed_without_a_list(void **state)
{
	struct allowlist *l = parse("");
	struct allow_image *im = compile(l);
	char name[400];

	memset(name, 'a', sizeof(name));
	assert_int_equal(ask(im, "github.com", 443, "").reason, REASON_NOT_LISTED);
	assert_int_equal(ask(NULL, "github.com", 443, "").verdict, VERDICT_DENY);
	assert_int_equal(allow_lookup(im, name, sizeof(name), 443, "", NOW).verdict, VERDICT_DENY);
	memset(name, '.', sizeof(name));
	assert_int_equal(allow_lookup(im, name, 253, 443, "", NOW).verdict, VERDICT_DENY);
	allow_image_close(im);
	allowlist_free(l);
}

static void
names_of_every_length_and_depth_are_found(void **state)
{
	char text[4 * GH_NAME_SIZE], name[GH_NAME_SIZE];

	for (size_t len = 1; len <= GH_NAME_MAX; len++) {
		struct allowlist *l;
		struct allow_image *im;

		for (size_t i = 0; i < len; i++)
			name[i] = len - i > 1 && i % 2 == 1 ? '.' : 'a';
		name[len] = '\0';
		snprintf(text, sizeof(text), ".%s\n", name);
		l = parse(text);
		im = compile(l);
		assert_int_equal(ask(im, name, 443, "").verdict, VERDICT_ALLOW);
		if (len > 2)
			assert_int_equal(ask(im, name + 2, 443, "").verdict, VERDICT_DENY);
		allow_image_close(im);
		allowlist_free(l);
	}
}

static void
every_name_of_a_long_list_is_found(void **state)
{
	enum { N = 30000 };
	char *text = xmalloc(N * 24), name[24];
	size_t len = 0;
	struct allowlist *l;
	struct allow_image *im;

	for (unsigned i = 0; i < N; i++)
		len += (size_t)snprintf(text + len, 24, "*.n%u.example\n", i);
	l = parse(text);
	im = compile(l);
	for (unsigned i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "a.n%u.example", i);
		assert_int_equal(ask(im, name, 443, "").entry, i + 1);
		snprintf(name, sizeof(name), "a.m%u.example", i);
		assert_int_equal(ask(im, name, 443, "").entry, 0);
	}
	free(text);
	allow_image_close(im);
	allowlist_free(l);
}

/* ---- against a naive matcher ---- */

/* Written from DESIGN.md alone: every entry is tried on every name. */
static int
naive_rank(const struct allow_entry *e, const char *name)
{
	const size_t n = strlen(e->name), len = strlen(name);
	int depth = 0;

	for (const char *s = e->name; *s != '\0'; s++)
		depth += *s == '.';
	if (len == n && strcmp(name, e->name) == 0)
		return e->kind == ALLOW_EXACT ? 1000 : e->kind == ALLOW_TREE ? depth : -1;
	if (len > n + 1 && name[len - n - 1] == '.' && strcmp(name + len - n, e->name) == 0)
		return e->kind == ALLOW_EXACT ? -1 : depth;
	return -1;
}

static struct allow_answer
naive(const struct allow_entry *list, size_t n, const char *name, uint16_t port,
    const char *guest)
{
	const bool web = port == 80 || port == 443;
	struct allow_answer a = { .reason = REASON_NOT_LISTED };
	int best = -1, explained = -1;
	bool denied = false;

	for (size_t i = 0; i < n; i++) {
		const struct allow_entry *e = &list[i];
		const int rank = naive_rank(e, name);
		/* Without a port it is for the web alone, unless it denies. */
		const bool other_port = e->port != 0 ? e->port != port : !e->deny && !web;

		if (e->kind > ALLOW_BELOW || rank < 0)
			continue;
		if (e->vm[0] != '\0' && (guest[0] == '\0' ? !e->deny : !text_glob(e->vm, guest)))
			continue;
		if (e->state == ALLOW_OFF || (e->until != 0 && e->until <= NOW) || other_port) {
			if (e->deny || best >= 0 || rank <= explained)
				continue;
			explained = rank;
			a.entry = e->id;
			a.reason = e->state == ALLOW_OFF ? REASON_DISABLED :
			    e->until != 0 && e->until <= NOW ? REASON_EXPIRED : REASON_PORT;
			continue;
		}
		if (rank < best || (rank == best && (denied || !e->deny)))
			continue;
		best = rank;
		denied = e->deny;
		a = (struct allow_answer){ .verdict = e->deny ? VERDICT_DENY : VERDICT_ALLOW,
			.reason = e->deny ? REASON_DENY_ENTRY : REASON_LISTED,
			.pinned = !e->deny && e->port != 0 && !web, .entry = e->id };
	}
	return a;
}

static uint64_t seed;

static uint32_t
next(uint32_t below)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % below;
}

/* Few labels, so that names meet entries often. */
static void
random_name(char dst[GH_NAME_SIZE], unsigned labels)
{
	static const char *const words[] = { "a", "b", "c", "ab", "x-y", "con" };
	size_t n = 0;

	for (unsigned i = 0; i < labels; i++)
		n += (size_t)snprintf(dst + n, GH_NAME_SIZE - n, "%s%s", i > 0 ? "." : "",
		    words[next(COUNT(words))]);
}

static char *
random_list(unsigned n)
{
	static const char *const front[] = { "", ".", "*.", "!", "!.", "!*.", "#off ", "#off .",
		"#off !.", "" };
	static const char *const options[] = { "", "", "", "", " vm=a*", " vm=b", " vm=?",
		" until=2006-01-01T00:00Z", " until=2096-01-01T00:00Z", " vm=b until=2096-01-01T00:00Z" };
	static const char *const ports[] = { "", "", "", "", "", "", ":443", ":80", ":22" };
	char *text = xstrdup("# random\n"), *more, name[GH_NAME_SIZE];

	for (unsigned i = 0; i < n; i++) {
		random_name(name, next(4) + 1);
		more = xasprintf("%s%s%s%s%s\n", text, front[next(COUNT(front))], name,
		    ports[next(COUNT(ports))], options[next(COUNT(options))]);
		free(text);
		text = more;
	}
	return text;
}

static void
compare_with_naive(unsigned entries)
{
	static const char *const guests[] = { "", "a1", "b", "other" };
	static const uint16_t ports[] = { 80, 443, 22, 8443 };
	char *text = random_list(entries), name[GH_NAME_SIZE];
	struct allowlist *l = parse(text);
	struct allow_image *im = compile(l);
	const size_t n = allowlist_count(l);
	struct allow_entry *list = xcalloc(n, sizeof(*list));

	for (size_t i = 0; i < n; i++)
		allowlist_entry(l, i, &list[i]);
	for (unsigned i = 0; i < 400; i++) {
		const char *guest = guests[next(COUNT(guests))];
		const uint16_t port = ports[next(COUNT(ports))];
		struct allow_answer a, b;

		random_name(name, next(6) + 1);
		a = ask(im, name, port, guest);
		b = naive(list, n, name, port, guest);
		if (a.verdict != b.verdict || a.reason != b.reason || a.entry != b.entry ||
		    a.pinned != b.pinned)
			fail_msg("%s:%u for \"%s\": %s %s %u, but naively %s %s %u, in\n%s", name,
			    port, guest, verdict_name(a.verdict), reason_name(a.reason), a.entry,
			    verdict_name(b.verdict), reason_name(b.reason), b.entry, text);
	}
	free(list);
	free(text);
	allow_image_close(im);
	allowlist_free(l);
}

static void
random_lists_give_the_verdicts_of_a_naive_matcher(void **state)
{
	const char *wish = getenv("ALLOW_SEED");

	seed = wish != NULL ? strtoull(wish, NULL, 10) : (uint64_t)time(NULL);
	print_message("ALLOW_SEED=%llu\n", (unsigned long long)seed);
	for (unsigned i = 0; i < 150; i++)
		compare_with_naive(next(i < 100 ? 40 : 300));
}

/* ---- ports and addresses ---- */

static const char PINNED[] =
	".example.org\n"				/* 1 */
	".example.org:22\n"
	"git.example.org:22\n"
	"git.example.org:9418\n"
	"git.example.org:443/udp\n"			/* 5 */
	"!shut.example.org\n"
	"!half.example.org:22\n"
	"vm.example.org:2222 vm=a\n"
	"#off off.example.org:2222\n"
	"old.example.org:2222 until=2006-01-01T00:00Z\n"	/* 10 */
	"web.example.org:443\n"
	"dns.example.org:53\n";

static void
a_port_opens_for_who_lists_it(void **state)
{
	static const struct {
		const char	*name, *guest, *ports;
	} cases[] = {
		{ "git.example.org", "", "22 9418 443/udp" },
		{ "x.git.example.org", "", "22" },
		{ "shut.example.org", "", "" },
		{ "half.example.org", "", "" },
		{ "vm.example.org", "a", "2222 22" },
		{ "vm.example.org", "b", "22" },
		{ "vm.example.org", "", "22" },
		{ "off.example.org", "", "22" },
		{ "old.example.org", "", "22" },
		{ "web.example.org", "", "22" },
		{ "dns.example.org", "", "22" },
		{ "example.com", "", "" },
		{ "", "", "" },
	};
	struct allowlist *l = parse(PINNED);
	struct allow_image *im = compile(l);
	struct allow_port ports[8];
	char text[128];

	for (size_t i = 0; i < COUNT(cases); i++) {
		const size_t n = allow_pinned_ports(im, cases[i].name, strlen(cases[i].name),
		    cases[i].guest, NOW, ports, COUNT(ports));
		size_t len = 0, seen = 0;

		/* In no order that matters: each of them, and no other. */
		text[0] = '\0';
		for (size_t k = 0; k < n; k++) {
			len = (size_t)snprintf(text, sizeof(text), "%u%s", ports[k].port,
			    ports[k].proto == IPPROTO_UDP ? "/udp" : "");
			if (strstr(cases[i].ports, text) == NULL)
				fail_msg("%s has port %s", cases[i].name, text);
			seen += len + 1;
		}
		assert_int_equal(seen, strlen(cases[i].ports) + (n > 0));
	}
	assert_int_equal(allow_pinned_ports(im, "git.example.org", 15, "", NOW, ports, 1), 1);
	assert_int_equal(allow_pinned_ports(NULL, "git.example.org", 15, "", NOW, ports, 8), 0);
	assert_int_equal(ask(im, "git.example.org", 22, "").pinned, 1);
	assert_int_equal(ask(im, "git.example.org", 443, "").pinned, 0);
	assert_int_equal(allow_lookup_port(im, "git.example.org", 15, IPPROTO_UDP, 22, "", NOW).reason,
	    REASON_PORT);
	assert_int_equal(allow_lookup_port(im, "example.org", 11, IPPROTO_UDP, 443, "", NOW).reason,
	    REASON_PORT);
	assert_int_equal(allow_lookup_port(im, "shut.example.org", 16, IPPROTO_UDP, 7, "", NOW).reason,
	    REASON_DENY_ENTRY);
	allow_image_close(im);
	allowlist_free(l);
}

static const char ADDRESSES[] =
	"203.0.113.0/24:5432\n"			/* 1 */
	"!203.0.113.128/25:5432\n"
	"203.0.113.200:5432\n"
	"8.0.0.0/8:22 vm=a\n"
	"8.8.8.0/24:22/udp\n"				/* 5 */
	"0.0.0.0/0:7000\n"
	"10.1.0.0/16:7000\n"
	"[2001:db8::]/32:5432\n"
	"2600::/12:22 until=2006-01-01T00:00Z\n"
	"#off 2600::/16:22\n"				/* 10 */
	"[::]/0:7000\n"
	"9.9.9.9:53\n";

static void
the_longest_prefix_decides(void **state)
{
	static const struct {
		const char	*addr, *guest;
		uint16_t	 port;
		uint8_t		 proto, verdict, reason;
		uint32_t	 entry;
	} cases[] = {
		{ "203.0.113.0", "", 5432, IPPROTO_TCP, VERDICT_ALLOW, REASON_LISTED, 1 },
		{ "203.0.113.127", "", 5432, IPPROTO_TCP, VERDICT_ALLOW, REASON_LISTED, 1 },
		{ "203.0.113.128", "", 5432, IPPROTO_TCP, VERDICT_DENY, REASON_DENY_ENTRY, 2 },
		{ "203.0.113.200", "", 5432, IPPROTO_TCP, VERDICT_ALLOW, REASON_LISTED, 3 },
		{ "203.0.113.0", "", 5432, IPPROTO_UDP, VERDICT_DENY, REASON_PORT, 1 },
		{ "203.0.113.0", "", 5433, IPPROTO_TCP, VERDICT_DENY, REASON_PORT, 1 },
		{ "203.0.114.0", "", 5432, IPPROTO_TCP, VERDICT_DENY, REASON_PORT, 6 },
		{ "8.8.8.8", "a", 22, IPPROTO_TCP, VERDICT_ALLOW, REASON_LISTED, 4 },
		{ "8.8.8.8", "b", 22, IPPROTO_TCP, VERDICT_DENY, REASON_PORT, 5 },
		{ "8.8.8.8", "", 22, IPPROTO_UDP, VERDICT_ALLOW, REASON_LISTED, 5 },
		{ "8.8.9.8", "", 22, IPPROTO_UDP, VERDICT_DENY, REASON_PORT, 6 },
		/* What is not the internet's needs an entry of its own. */
		{ "1.2.3.4", "", 7000, IPPROTO_TCP, VERDICT_ALLOW, REASON_LISTED, 6 },
		{ "10.0.0.1", "", 7000, IPPROTO_TCP, VERDICT_DENY, REASON_PRIVATE_ADDRESS, 6 },
		{ "10.1.0.1", "", 7000, IPPROTO_TCP, VERDICT_ALLOW, REASON_LISTED, 7 },
		{ "127.0.0.1", "", 7000, IPPROTO_TCP, VERDICT_DENY, REASON_PRIVATE_ADDRESS, 6 },
		{ "2600::1", "", 7000, IPPROTO_TCP, VERDICT_ALLOW, REASON_LISTED, 11 },
		{ "fe80::1", "", 7000, IPPROTO_TCP, VERDICT_DENY, REASON_PRIVATE_ADDRESS, 11 },
		{ "::ffff:8.8.8.8", "", 7000, IPPROTO_TCP, VERDICT_DENY, REASON_PRIVATE_ADDRESS, 11 },
		{ "64:ff9b::808:808", "", 7000, IPPROTO_TCP, VERDICT_DENY, REASON_PRIVATE_ADDRESS,
		    11 },
		{ "4000::1", "", 7000, IPPROTO_TCP, VERDICT_DENY, REASON_PRIVATE_ADDRESS, 11 },
		{ "2001:db8:ffff::1", "", 5432, IPPROTO_TCP, VERDICT_ALLOW, REASON_LISTED, 8 },
		{ "2001:db9::1", "", 5432, IPPROTO_TCP, VERDICT_DENY, REASON_PORT, 11 },
		{ "2600::1", "", 22, IPPROTO_TCP, VERDICT_DENY, REASON_DISABLED, 10 },
		{ "2601::1", "", 22, IPPROTO_TCP, VERDICT_DENY, REASON_EXPIRED, 9 },
		{ "9.9.9.9", "", 53, IPPROTO_TCP, VERDICT_DENY, REASON_DISABLED, 12 },
	};
	struct allowlist *l = parse(ADDRESSES);
	struct allow_image *im = compile(l);
	struct addr addr;

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct allow_answer a;

		assert_true(addr_parse(cases[i].addr, &addr));
		a = allow_lookup_addr(im, &addr, cases[i].proto, cases[i].port, cases[i].guest, NOW);
		if (a.verdict != cases[i].verdict || a.reason != cases[i].reason ||
		    a.entry != cases[i].entry || a.pinned != a.verdict)
			fail_msg("%s:%u: %s %s %u", cases[i].addr, cases[i].port,
			    verdict_name(a.verdict), reason_name(a.reason), a.entry);
	}
	assert_int_equal(allow_lookup_addr(NULL, &addr, IPPROTO_TCP, 22, "", NOW).verdict,
	    VERDICT_DENY);
	/* A name that looks like a key is none. */
	assert_int_equal(allow_lookup(im, "\4\40\10\10\10\10", 6, 22, "a", NOW).entry, 0);
	allow_image_close(im);
	allowlist_free(l);
}

static void
ranges_are_what_the_prefixes_let_through(void **state)
{
	static const char expected[] =
		"10.1.0.0-10.1.255.255:9\n"
		"192.0.1.0-192.0.1.255:9\n"
		"192.0.3.0-192.0.3.255:9\n"
		"203.0.113.0-203.0.113.127:5432\n"
		"203.0.113.200-203.0.113.200:5432\n"
		"203.0.113.255-203.0.114.3:5432\n"
		"255.255.255.254-255.255.255.255:5432\n"
		"2001:db8::-2001:db8:ffff:ffff:ffff:ffff:ffff:ffff:5432\n"
		"ffff::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:5432\n";
	struct allowlist *l = parse("203.0.113.0/24:5432\n!203.0.113.128/25:5432\n"
	    "203.0.113.200:5432\n203.0.113.255:5432\n203.0.114.0/30:5432\n"
	    "255.255.255.254/31:5432\n2001:db8::/32:5432\nffff::/16:5432\n"
	    "192.0.0.0/22:9\n10.1.0.0/16:9\n10.1.0.0/24:9\n1.2.3.4:9 vm=b\n");
	struct allow_image *im = compile(l);
	struct allow_range ranges[16];
	char text[1024] = "", first[ADDR_TEXT_SIZE], last[ADDR_TEXT_SIZE];
	size_t n = allow_ranges(im, "a", NOW, ranges, COUNT(ranges)), len = 0;

	assert_in_range(n, 1, COUNT(ranges));
	for (size_t i = 0; i < n; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s-%s:%u\n",
		    addr_format(&ranges[i].first, first), addr_format(&ranges[i].last, last),
		    ranges[i].port);
	assert_string_equal(text, expected);
	assert_int_equal(allow_ranges(im, "a", NOW, ranges, 2), n);
	assert_int_equal(allow_ranges(im, "b", NOW, ranges, 2), n + 1);
	assert_int_equal(allow_ranges(NULL, "a", NOW, ranges, 2), 0);
	allow_image_close(im);
	allowlist_free(l);
}

/* A random prefix or address near the few that others have. */
static struct addr
random_addr(void)
{
	static const char *const some[] = { "8.8.8.0", "10.0.0.0", "203.0.113.0", "0.0.0.0",
		"255.255.255.0", "2600::", "fe80::", "2002::", "::" };
	struct addr a;

	addr_parse(some[next(COUNT(some))], &a);
	a.bytes[a.family == 4 ? 3 : 15] = (uint8_t)next(256);
	if (next(3) == 0)
		a.bytes[next(2)] = (uint8_t)next(256);
	return a;
}

static void
random_ranges_agree_with_verdicts(unsigned entries)
{
	static const char *const options[] = { "", "", "", " vm=a*", " until=2096-01-01T00:00Z",
		" until=2006-01-01T00:00Z" };
	char *list = xstrdup(""), *more, text[ADDR_TEXT_SIZE];
	struct allow_range *ranges = xcalloc(1024, sizeof(*ranges));
	struct allowlist *l;
	struct allow_image *im;
	size_t n;

	for (unsigned i = 0; i < entries; i++) {
		struct addr a = random_addr(), net = { .family = a.family };
		unsigned width = a.family == 4 ? 32 : 128, bits = next(4) == 0 ? next(width + 1) :
		    width - next(9);

		for (unsigned k = 0; k < bits; k++)
			net.bytes[k / 8] |= (uint8_t)(a.bytes[k / 8] & (0x80u >> k % 8));
		more = xasprintf("%s%s%s%s%s/%u:%u%s%s\n", list, next(4) == 0 ? "!" : "",
		    a.family == 6 ? "[" : "", addr_format(&net, text), a.family == 6 ? "]" : "",
		    bits, 1 + next(2), next(4) == 0 ? "/udp" : "", options[next(COUNT(options))]);
		free(list);
		list = more;
	}
	l = parse(list);
	im = compile(l);
	n = allow_ranges(im, "a1", NOW, ranges, 1024);
	assert_in_range(n, 0, 1024);
	for (size_t i = 1; i < n; i++) {
		const struct allow_range *a = &ranges[i - 1], *b = &ranges[i];

		if (a->first.family == b->first.family && a->port == b->port && a->proto == b->proto)
			assert_true(addr_compare(&a->last, &b->first) < 0);
	}
	for (unsigned i = 0; i < 300; i++) {
		const struct addr a = random_addr();
		const uint16_t port = (uint16_t)(1 + next(2));
		const uint8_t proto = next(2) == 0 ? IPPROTO_TCP : IPPROTO_UDP;
		bool in = false;

		for (size_t k = 0; k < n; k++)
			in |= ranges[k].port == port && ranges[k].proto == proto &&
			    a.family == ranges[k].first.family &&
			    addr_compare(&ranges[k].first, &a) <= 0 &&
			    addr_compare(&a, &ranges[k].last) <= 0;
		if (in != (allow_lookup_addr(im, &a, proto, port, "a1", NOW).verdict == VERDICT_ALLOW))
			fail_msg("%s:%u/%u is%s in a range of\n%s", addr_format(&a, text), port,
			    proto, in ? "" : " not", list);
	}
	free(ranges);
	free(list);
	allow_image_close(im);
	allowlist_free(l);
}

static void
ranges_and_verdicts_agree(void **state)
{
	for (unsigned i = 0; i < 100; i++)
		random_ranges_agree_with_verdicts(1 + next(20));
}

/* ---- images that lie ---- */

struct copy {
	uint8_t	*bytes;
	size_t	 size;
};

static struct copy
copy_image(const struct allowlist *l)
{
	struct copy c;
	char *cause;
	const char *phrase;
	const int fd = allow_compile(l, &c.size, &cause);
	const void *map = memfile_map(fd, c.size, &phrase);

	assert_non_null(map);
	c.bytes = xmalloc(c.size);
	memcpy(c.bytes, map, c.size);
	memfile_unmap(map, c.size);
	close(fd);
	return c;
}

static struct allow_image *
open_bytes(const void *bytes, size_t size, const char **why)
{
	struct allow_image *im;
	char *cause;
	void *map;
	const int fd = memfile_new(size, &map, &cause);

	assert_int_not_equal(fd, -1);
	memcpy(map, bytes, size);
	assert_int_equal(memfile_seal(fd, map, size, size), 0);
	im = allow_image_open(fd, size, why);
	close(fd);
	return im;
}

/* An entry said to decide nothing decides nothing: without it every answer is
 * what it was. */
static void
what_is_warned_of_as_needless_is(void **state)
{
	static const char *const targets[] = { "a.com", ".a.com", "*.a.com", "x.a.com", ".x.a.com",
		"*.x.a.com", "y.x.a.com", "a.com:80", ".x.a.com:443" };
	static const char *const vms[] = { "", "", " vm=g1", " vm=g*", " vm=g?", " vm=*" };
	static const char *const untils[] = { "", "", " until=2095-01-01T00:00Z",
		" until=2096-01-01T00:00Z" };
	static const char *const names[] = { "a.com", "x.a.com", "y.x.a.com", "z.y.x.a.com",
		"w.a.com" };
	static const char *const guests[] = { "", "g1", "g2", "g12", "h" };
	static const int64_t times[] = { NOW, 3960000000, 4000000000 };
	unsigned draws = 11, needless = 0;

	for (int round = 0; round < 4000; round++) {
		char text[6][80], whole[480] = "", rest[480] = "";
		size_t n = (size_t)(rand_r(&draws) % 5) + 2;
		struct allow_entry e;
		struct allowlist *l, *m;
		struct allow_image *im, *without;
		char *warning;

		for (size_t i = 0; i < n; i++) {
			snprintf(text[i], sizeof(text[i]), "%s%s%s%s\n", rand_r(&draws) % 3 == 0 ? "!" : "",
			    targets[(size_t)rand_r(&draws) % COUNT(targets)],
			    vms[(size_t)rand_r(&draws) % COUNT(vms)],
			    untils[(size_t)rand_r(&draws) % COUNT(untils)]);
			strncat(whole, text[i], sizeof(whole) - strlen(whole) - 1);
			if (i > 0)
				strncat(rest, text[i], sizeof(rest) - strlen(rest) - 1);
		}
		l = parse(whole);
		allowlist_entry(l, 0, &e);
		warning = allowlist_warning(l, &e);
		if (warning == NULL) {
			allowlist_free(l);
			continue;
		}
		needless++;
		m = parse(rest);
		im = compile(l);
		without = compile(m);
		for (size_t i = 0; i < COUNT(names) * COUNT(guests) * COUNT(times) * 2; i++) {
			const char *name = names[i / 2 % COUNT(names)];
			const char *guest = guests[i / 2 / COUNT(names) % COUNT(guests)];
			const int64_t now = times[i / 2 / COUNT(names) / COUNT(guests)];
			const uint16_t port = i % 2 != 0 ? 80 : 443;

			if (allow_lookup(im, name, strlen(name), port, guest, now).verdict !=
			    allow_lookup(without, name, strlen(name), port, guest, now).verdict)
				fail_msg("%s:%u for \"%s\" at %lld, with and without line 1 (%s) of\n%s",
				    name, port, guest, (long long)now, warning, whole);
		}
		allow_image_close(im);
		allow_image_close(without);
		allowlist_free(l);
		allowlist_free(m);
		free(warning);
	}
	assert_true(needless > 400);
}

static void
images_that_lie_are_refused(void **state)
{
	struct allowlist *l = parse(".a.com\n.b.com vm=x\n.b.com vm=y\n");
	struct copy c = copy_image(l);
	struct image_header *h = (struct image_header *)(void *)c.bytes, good = *h;
	struct image_bucket *b = (struct image_bucket *)(void *)(c.bytes + IMAGE_HEADER_SIZE);
	struct image_bucket good_bucket = *b;
	uint8_t *key = c.bytes + image_layout(h).keys;
	struct image_rule *r = (struct image_rule *)(void *)(c.bytes + image_layout(h).rules);
	const struct image_rule good_rule = r[1];
	char *vms = (char *)c.bytes + image_layout(h).vms;
	const char *why;

#define REFUSED(change, phrase) do {						\
	change;									\
	why = NULL;								\
	assert_null(open_bytes(c.bytes, c.size, &why));				\
	assert_string_equal(why, phrase);					\
	*h = good;								\
	*b = good_bucket;							\
	r[1] = good_rule;							\
} while (0)
	REFUSED(h->magic[0] = 'X', "the image is of another kind or version");
	REFUSED(h->size++, "the parts of the image do not add up to its size");
	REFUSED(h->nbuckets = 0, "the parts of the image do not add up to its size");
	REFUSED(h->nbuckets = UINT32_MAX, "the parts of the image do not add up to its size");
	REFUSED(h->keys_len = UINT32_MAX, "the parts of the image do not add up to its size");
	REFUSED(h->nrules = UINT32_MAX, "the parts of the image do not add up to its size");
	REFUSED(h->vms_len--, "the parts of the image do not add up to its size");
	REFUSED(b->used = IMAGE_SLOTS + 1, "a bucket of the image is overfull");
	REFUSED(b->full = 1, "the buckets of the image never end");
	REFUSED(b->key[0] = good.keys_len - 1, "a bucket of the image refers to a key outside");
	REFUSED(b->key[0] = UINT32_MAX, "a bucket of the image refers to a key outside");
	REFUSED(r[1].next = 2, "a chain of rules in the image does not end");
	REFUSED(r[1].flags = IMAGE_CHAIN, "a rule of the image has wrong flags");
	REFUSED(r[1].vm = good.vms_len + 1, "a rule of the image refers to a guest outside");
	key[5] = 255;
	REFUSED((void)0, "a key of the image has a wrong length");
	key[5] = 0;
	REFUSED((void)0, "a key of the image has a wrong length");
	key[5] = 253;
	REFUSED((void)0, "a key of the image has a wrong length");
	key[5] = 5;
	key[4] = IMAGE_CHAIN;
	memset(key, 0xff, 4);
	REFUSED((void)0, "a key of the image refers to a rule outside");
	key[4] = 0xff;
	REFUSED((void)0, "a key of the image has wrong flags");
	key[4] = ALLOW_PREFIX;
	REFUSED((void)0, "a key of the image has wrong flags");
	key[4] = ALLOW_TREE;
	vms[good.vms_len - 1] = 'x';
	REFUSED((void)0, "the guests' names in the image do not end");
	free(c.bytes);
	allowlist_free(l);
}

static void
an_image_that_can_still_change_is_refused(void **state)
{
	struct allowlist *l = parse(".a.com\n");
	struct copy c = copy_image(l);
	const char *why = NULL;
	char *cause;
	void *map;
	const int fd = memfile_new(c.size, &map, &cause);
	struct allow_image *im;

	memcpy(map, c.bytes, c.size);
	/* Or, on systems without seals, copied. */
	im = allow_image_open(fd, c.size, &why);
	if (im == NULL)
		assert_string_equal(why, "the image is not a sealed memory file");
	assert_int_equal(memfile_seal(fd, map, c.size, c.size), 0);
	assert_null(allow_image_open(fd, c.size - 1, &why));
	assert_null(allow_image_open(fd, 0, &why));
	assert_null(allow_image_open(-1, c.size, &why));
	if (im == NULL) {
		assert_int_equal(write(fd, "x", 1), -1);
		assert_int_equal(ftruncate(fd, 0), -1);
	}
	allow_image_close(im);
	close(fd);
	free(c.bytes);
	allowlist_free(l);
}

static void
every_cut_of_an_image_is_refused(void **state)
{
	struct allowlist *l = parse(".a.com\n.b.com vm=x\n");
	struct copy c = copy_image(l);
	const char *why;

	for (size_t size = 1; size < c.size; size++)
		assert_null(open_bytes(c.bytes, size, &why));
	free(c.bytes);
	allowlist_free(l);
}

static void
each_image_has_a_hash_of_its_own(void **state)
{
	struct allowlist *l = parse(".a.com\n");
	struct copy a = copy_image(l), b = copy_image(l);

	assert_int_equal(a.size, b.size);
	assert_memory_not_equal(a.bytes + offsetof(struct image_header, key),
	    b.bytes + offsetof(struct image_header, key), 16);
	free(a.bytes);
	free(b.bytes);
	allowlist_free(l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_hash_is_siphash_1_3),
		cmocka_unit_test(the_most_specific_entry_decides),
		cmocka_unit_test(a_name_is_listed_if_any_port_of_it_is),
		cmocka_unit_test(a_port_opens_for_who_lists_it),
		cmocka_unit_test(the_longest_prefix_decides),
		cmocka_unit_test(ranges_are_what_the_prefixes_let_through),
		cmocka_unit_test(ranges_and_verdicts_agree),
		cmocka_unit_test(an_entry_ends_on_the_second_without_a_new_image),
		cmocka_unit_test(while_learning_only_what_no_entry_names_is_let_through),
		cmocka_unit_test(nothing_is_listed_without_a_list),
		cmocka_unit_test(names_of_every_length_and_depth_are_found),
		cmocka_unit_test(every_name_of_a_long_list_is_found),
		cmocka_unit_test(random_lists_give_the_verdicts_of_a_naive_matcher),
		cmocka_unit_test(what_is_warned_of_as_needless_is),
		cmocka_unit_test(images_that_lie_are_refused),
		cmocka_unit_test(an_image_that_can_still_change_is_refused),
		cmocka_unit_test(every_cut_of_an_image_is_refused),
		cmocka_unit_test(each_image_has_a_hash_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
