/* The allowlist as text: names, grammar, edits, undo, saving. */
#include "config.h"

#include "unit.h"

#include <sys/stat.h>

#include <netinet/in.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "allow/allow.h"
#include "xmalloc.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct allowlist *
parse_after(const char *text, const struct allowlist *old)
{
	char *cause;
	struct allowlist *l = allowlist_parse(text, strlen(text), "list", old, &cause);

	if (l == NULL)
		fail_msg("%s", cause);
	return l;
}

static struct allowlist *
parse(const char *text)
{
	return parse_after(text, NULL);
}

static void
assert_text(const struct allowlist *l, const char *want)
{
	size_t len;
	char *text = allowlist_text(l, &len);

	assert_string_equal(text, want);
	assert_int_equal(len, strlen(want));
	free(text);
}

/* Its text, until the next call. */
static const char *
text_of(const struct allowlist *l)
{
	static char kept[4096];
	size_t len;
	char *text = allowlist_text(l, &len);

	assert_true(len < sizeof(kept));
	memcpy(kept, text, len + 1);
	free(text);
	return kept;
}

static void
assert_done(char *cause)
{
	if (cause != NULL)
		fail_msg("%s", cause);
}

static uint32_t
id_of(const struct allowlist *l, const char *text)
{
	struct allow_entry e;

	assert_done(allowlist_named(l, text, &e));
	return e.id;
}

/* ---- names ---- */

static void
names_have_one_canonical_form(void **state)
{
	static const struct {
		const char	*from, *to;
	} good[] = {
		{ "github.com", "github.com" },
		{ "GitHub.COM.", "github.com" },
		{ "a", "a" },
		{ "r3---sn-4g5e6nz7.googlevideo.com", "r3---sn-4g5e6nz7.googlevideo.com" },
		{ "XN--TDA.example", "xn--tda.example" },
		{ "1password.com", "1password.com" },
		{ "0x.com", "0x.com" },
		{ "deadbeef", "deadbeef" },
	};
	char name[GH_NAME_SIZE];

	for (size_t i = 0; i < COUNT(good); i++) {
		assert_null(allow_name_canonical(name, good[i].from, strlen(good[i].from), false));
		assert_string_equal(name, good[i].to);
		assert_false(allow_name_is_address(good[i].from, strlen(good[i].from)));
	}
}

static void
what_is_no_host_name_is_refused(void **state)
{
	static const char *const bad[] = { "", ".", "..", "a..b", ".a", "a.b..", "-a.b", "a-.b",
		"a.b-", "a.-b", "a_b.com", "a b", "a/b", "a:80", "*.a", "a.*", "a\tb", "\xc3\xbc.de",
		"a%2eb", "a@b", "a,b", "a\nb" };
	char name[GH_NAME_SIZE], label[65], longest[300];

	for (size_t i = 0; i < COUNT(bad); i++) {
		if (allow_name_canonical(name, bad[i], strlen(bad[i]), false) == NULL)
			fail_msg("%s passes as a name", bad[i]);
	}
	/* A SNI with a NUL inside must not match as its first part. */
	assert_non_null(allow_name_canonical(name, "github.com\0.evil.example", 24, false));
	assert_non_null(allow_name_canonical(name, "github.com\0.evil.example", 24, true));
	memset(label, 'a', sizeof(label));
	assert_null(allow_name_canonical(name, label, 63, false));
	assert_non_null(allow_name_canonical(name, label, 64, false));
	for (size_t i = 0; i < sizeof(longest); i++)
		longest[i] = i % 2 == 0 ? 'a' : '.';
	assert_null(allow_name_canonical(name, longest, 253, false));
	assert_null(allow_name_canonical(name, longest, 254, false));	/* its trailing dot */
	assert_non_null(allow_name_canonical(name, longest, 255, false));
}

static void
an_address_in_any_spelling_is_no_name(void **state)
{
	static const char *const addresses[] = { "127.0.0.1", "127.1", "2130706433", "0x7f000001",
		"0x7f.1", "017700000001", "1.2.3.4.", "0X7F.0.0.1", "foo.0x10", "a.b.1", "0x", "10.0x",
		"[::1]", "::1", "::ffff:127.0.0.1", "fe80::1%eth0", "2001:db8::1", "[fe80::1%25eth0]" };
	char name[GH_NAME_SIZE];

	for (size_t i = 0; i < COUNT(addresses); i++) {
		const char *s = addresses[i];

		if (!allow_name_is_address(s, strlen(s)))
			fail_msg("%s is not seen to be an address", s);
		if (allow_name_canonical(name, s, strlen(s), true) == NULL)
			fail_msg("%s passes as a name", s);
	}
	assert_false(allow_name_is_address("cafe:80", 7));
	assert_false(allow_name_is_address("", 0));
}

static void
an_operator_may_write_u_labels(void **state)
{
	char name[GH_NAME_SIZE];
	const char *why = allow_name_canonical(name, "B\xc3\xbc" "cher.example", 15, true);

#ifdef HAVE_LIBIDN2
	assert_null(why);
	assert_string_equal(name, "xn--bcher-kva.example");
	assert_null(allow_name_canonical(name, "fa\xc3\x9f.de", 7, true));
	assert_string_equal(name, "xn--fa-hia.de");
	assert_non_null(allow_name_canonical(name, "\xff\xfe.de", 5, true));
	/* A full-width dot would make two labels of one: it becomes a dot, or nothing. */
	assert_null(allow_name_canonical(name, "a\xef\xbc\x8e" "b.de", 8, true));
	assert_string_equal(name, "a.b.de");
#else
	assert_non_null(why);
#endif
	assert_non_null(allow_name_canonical(name, "B\xc3\xbc" "cher.example", 15, false));
}

/* ---- grammar ---- */

static void
every_form_of_the_manual_is_read(void **state)
{
	static const struct {
		const char	*line, *text, *explain;
		uint8_t		 kind, state;
		bool		 deny;
	} good[] = {
		{ ".github.com                      # apex and every subdomain", ".github.com",
		    "github.com and every name below it, ports 80 and 443", ALLOW_TREE, ALLOW_ON },
		{ "api.anthropic.com", "api.anthropic.com",
		    "api.anthropic.com alone, ports 80 and 443", ALLOW_EXACT, ALLOW_ON },
		{ "*.npmjs.org", "*.npmjs.org",
		    "every name below npmjs.org, not npmjs.org itself, ports 80 and 443",
		    ALLOW_BELOW, ALLOW_ON },
		{ "!gist.github.com", "!gist.github.com", "never gist.github.com alone",
		    ALLOW_EXACT, ALLOW_ON, true },
		{ ".pypi.org  vm=agent-*", ".pypi.org vm=agent-*",
		    "pypi.org and every name below it, ports 80 and 443, for guests agent-*",
		    ALLOW_TREE, ALLOW_ON },
		{ "crates.io  until=2096-11-22T18:00Z", "crates.io until=2096-11-22T18:00:00Z",
		    "crates.io alone, ports 80 and 443, until 2096-11-22T18:00:00Z", ALLOW_EXACT,
		    ALLOW_ON },
		{ "crates.io until=2006-11-22T18:00:30Z vm=a", "crates.io vm=a "
		    "until=2006-11-22T18:00:30Z", "crates.io alone, ports 80 and 443, for guests a, "
		    "until 2006-11-22T18:00:30Z", ALLOW_EXACT, ALLOW_ENDED },
		{ "git.example.org:22", "git.example.org:22", "git.example.org alone, TCP port 22",
		    ALLOW_EXACT, ALLOW_ON },
		{ "ntp.example.org:123/udp", "ntp.example.org:123/udp",
		    "ntp.example.org alone, UDP port 123", ALLOW_EXACT, ALLOW_ON },
		{ "api.example.org:443", "api.example.org:443",
		    "api.example.org alone, TCP port 443", ALLOW_EXACT, ALLOW_ON },
		{ "api.example.org:443/udp", "api.example.org:443/udp",
		    "api.example.org alone, UDP port 443", ALLOW_EXACT, ALLOW_ON },
		{ "203.0.113.0/24:5432", "203.0.113.0/24:5432",
		    "the addresses 203.0.113.0/24, TCP port 5432", ALLOW_PREFIX, ALLOW_ON },
		{ "203.0.113.9:53/udp", "203.0.113.9:53/udp",
		    "the address 203.0.113.9, UDP port 53", ALLOW_PREFIX, ALLOW_PENDING },
		{ "2001:db8::/32:5432", "2001:db8::/32:5432",
		    "the addresses 2001:db8::/32, TCP port 5432", ALLOW_PREFIX, ALLOW_ON },
		{ "[2001:db8::]/32:22", "2001:db8::/32:22",
		    "the addresses 2001:db8::/32, TCP port 22", ALLOW_PREFIX, ALLOW_ON },
		{ "[2001:DB8::1]:5432/tcp", "[2001:db8::1]:5432",
		    "the address [2001:db8::1], TCP port 5432", ALLOW_PREFIX, ALLOW_ON },
		{ "#off .docker.io", ".docker.io",
		    "docker.io and every name below it, ports 80 and 443", ALLOW_TREE, ALLOW_OFF },
		{ " \t#off\t.Docker.IO. \t# why\r", ".docker.io",
		    "docker.io and every name below it, ports 80 and 443", ALLOW_TREE, ALLOW_OFF },
		{ "@pypi", "@pypi", "the names of the preset pypi", ALLOW_PRESET, ALLOW_PENDING },
	};
	struct allow_entry e;
	char *text;

	for (size_t i = 0; i < COUNT(good); i++) {
		struct allowlist *l = parse(good[i].line);

		assert_int_equal(allowlist_count(l), 1);
		assert_true(allowlist_entry(l, 0, &e));
		text = allow_entry_text(&e);
		assert_string_equal(text, good[i].text);
		free(text);
		text = allow_entry_explain(&e);
		assert_string_equal(text, good[i].explain);
		free(text);
		assert_int_equal(e.kind, good[i].kind);
		assert_int_equal(e.state, good[i].state);
		assert_int_equal(e.deny, good[i].deny);
		assert_int_equal(e.line, 1);
		assert_false(allowlist_entry(l, 1, &e));
		allowlist_free(l);
	}
}

static void
what_an_entry_says_is_read_again_alike(void **state)
{
	static const char *const lines[] = { ".a.example vm=x until=2096-01-01T00:00Z", "*.b.example",
		"!c.example:80", "[2001:db8::1]:5432/udp", "2001:db8::/32:1", "10.0.0.0/8:65535",
		"@npm vm=agent-?", "d.example:22" };
	struct allow_entry a, b;

	for (size_t i = 0; i < COUNT(lines); i++) {
		struct allowlist *l = parse(lines[i]), *again;
		char *text;

		memset(&a, 0, sizeof(a));
		memset(&b, 0, sizeof(b));
		allowlist_entry(l, 0, &a);
		text = allow_entry_text(&a);
		again = parse_after(text, l);
		allowlist_entry(again, 0, &b);
		assert_memory_equal(&a, &b, sizeof(a));
		free(text);
		allowlist_free(l);
		allowlist_free(again);
	}
}

static void
comments_and_blank_lines_are_no_entries(void **state)
{
	struct allowlist *l = parse("# .a.com\n\n   \t\n#.b.com\n#off\n#off \n#offline .c.com\n"
	    "# off .d.com\n#off # e\n\xef\xbb\xbf# f\n\r\n");

	assert_int_equal(allowlist_count(l), 0);
	allowlist_free(l);
	l = parse("\xef\xbb\xbf.a.com\r\n");
	assert_int_equal(allowlist_count(l), 1);
	allowlist_free(l);
	l = parse("");
	assert_int_equal(allowlist_count(l), 0);
	allowlist_free(l);
}

static void
a_bad_line_is_named_with_its_reason(void **state)
{
	static const struct {
		const char	*line, *why;
	} bad[] = {
		{ "https://github.com/a", "write the host alone, without https:// or a path" },
		{ ".", "would list every name" },
		{ "*", "would list every name" },
		{ "*.", "would list every name" },
		{ "*github.com", "a * stands only in front" },
		{ "git*.com", "a * stands only in front" },
		{ "a_b.com", "underscore" },
		{ "!", "behind !" },
		{ "! .a.com", "behind !" },
		{ "!@pypi", "a preset cannot be denied" },
		{ ".com", "a top-level domain, below which anyone can have a name" },
		{ "*.org", "name a domain, as in .example.org" },
		{ "com", "a top-level domain" },
		{ "@", "a preset is @ and a name" },
		{ "@Py", "a preset is @ and a name" },
		{ "@../x", "a preset is @ and a name" },
		{ "1.2.3.4", "an address needs a port" },
		{ "203.0.113.0/24", "an address needs a port" },
		{ "2001:db8::1", "stands in brackets" },
		{ "2001:db8::1:5432", "stands in brackets" },
		{ "203.0.113.7/24:5432", "write 203.0.113.0/24" },
		{ "203.0.113.0/33:5432", "at most 32" },
		{ "2001:db8::/129:1", "at most 128" },
		{ "127.1:80", "neither a host name nor an address" },
		{ "2130706433:80", "neither a host name nor an address" },
		{ "a.com/x:80", "neither a host name nor an address" },
		{ "a.com:", "a port is a number" },
		{ "a.com:0", "a port is a number" },
		{ "a.com:65536", "a port is a number" },
		{ "a.com:http", "a port is a number" },
		{ "a.com:22/sctp", "/tcp, /udp or nothing" },
		{ "a.com b.com", "not an option" },
		{ "a.com VM=x", "not an option" },
		{ "a.com vm=", "after vm=" },
		{ "a.com vm=a vm=b", "vm= stands twice" },
		{ "a.com vm=a\x01", "printable" },
		{ "a.com vm=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "63 bytes" },
		{ "a.com until=tomorrow", "a time in UTC" },
		{ "a.com until=2026-02-30T00:00Z", "a time in UTC" },
		{ "a.com until=2096-01-01T00:00Z until=2096-01-01T00:00Z", "until= stands twice" },
		{ "#off by default, see below", "start a comment with \"# off\"" },
		{ "a\x1b[31m.com", "\\x1b[31m" },
	};
	char text[256], *cause;

	for (size_t i = 0; i < COUNT(bad); i++) {
		snprintf(text, sizeof(text), "# one\n.two.com\n%s\n.four.com\n", bad[i].line);
		cause = NULL;
		if (allowlist_parse(text, strlen(text), "/etc/list", NULL, &cause) != NULL)
			fail_msg("%s is taken", bad[i].line);
		assert_memory_equal(cause, "/etc/list:3: ", 13);
		assert_cause(cause, bad[i].why);
	}
}

/* Lines that are a name and no more are read in a way of their own: what stands
 * behind the name must make no difference. */
static void
assert_read_alike(const char *line, size_t len)
{
	static const char *const behind[] = { "", "\n", " \n", "\r\n", " # comment\n", "\n\n.a.b\n" };
	struct allow_entry first, e;
	struct allowlist *l;
	char text[600], *why = NULL, *cause;

	memset(&first, 0, sizeof(first));
	for (size_t i = 0; i < COUNT(behind); i++) {
		const size_t more = strlen(behind[i]);

		memcpy(text, line, len);
		memcpy(text + len, behind[i], more);
		l = allowlist_parse(text, len + more, "l", NULL, &cause);
		if (i == 0 && (why = cause) != NULL)
			continue;
		if ((l == NULL) != (why != NULL) || (l == NULL && strcmp(why, cause) != 0))
			fail_msg("%.*s: %s, but %s", (int)len, line, why, cause);
		free(l == NULL ? cause : NULL);
		if (l == NULL)
			continue;
		memset(&e, 0, sizeof(e));
		assert_true(allowlist_entry(l, 0, &e));
		if (i == 0)
			first = e;
		assert_int_equal(e.kind, first.kind);
		assert_int_equal(e.state, first.state);
		assert_string_equal(e.name, first.name);
		assert_string_equal(e.vm, "");
		assert_int_equal(e.port, first.port);
		allowlist_free(l);
	}
	free(why);
}

static void
a_name_alone_is_read_as_one_with_something_behind_it(void **state)
{
	static const char bytes[] = "aabz019--...*Xx_";
	char line[300];

	for (unsigned round = 0; round < 20000; round++) {
		size_t len = 1 + (unsigned)rand() % 12;

		for (size_t i = 0; i < len; i++)
			line[i] = bytes[(unsigned)rand() % (sizeof(bytes) - 1)];
		assert_read_alike(line, len);
	}
	/* Labels of 62 to 65 bytes, names of 250 to 256. */
	memset(line, 'a', sizeof(line));
	for (size_t len = 62; len < 66; len++) {
		line[len] = '.';
		assert_read_alike(line, len + 2);
		line[len] = 'a';
	}
	for (size_t i = 0; i < sizeof(line); i += 50)
		line[i] = '.';
	for (size_t len = 250; len < 257; len++) {
		assert_read_alike(line, len);
		assert_read_alike(line + 1, len);
	}
	assert_read_alike("a.b\0c", 5);
	assert_read_alike("*.a.b\0", 6);
}

static void
bounds_are_told_with_their_line(void **state)
{
	char line[ALLOW_LINE_MAX + 8], *cause;

	memset(line, ' ', sizeof(line));
	memcpy(line, ".a\n.b", 5);
	assert_null(allowlist_parse(line, 3 + ALLOW_LINE_MAX + 1, "l", NULL, &cause));
	assert_cause(cause, "l:2: the line has 4097 bytes");
	allowlist_free(allowlist_parse(line, 3 + ALLOW_LINE_MAX, "l", NULL, &cause));
	assert_null(cause);
	assert_null(allowlist_parse("a.com\nb.c\0m", 11, "l", NULL, &cause));
	assert_cause(cause, "l:2: a NUL byte");
}

static void
other_lines_that_are_wrong_are_told_too(void **state)
{
	static const char text[] = "a.com\na_b\nb.com\na_c\n.\n";
	char *cause;

	assert_null(allowlist_parse(text, sizeof(text) - 1, "l", NULL, &cause));
	assert_non_null(strstr(cause, "l:2: "));
	assert_non_null(strstr(cause, "; wrong too are lines 4 and 5"));
	free(cause);
}

static void
no_more_entries_than_the_bound_are_taken(void **state)
{
	const size_t len = 2 * ((size_t)ALLOW_ENTRIES_MAX + 1);
	char *text = xmalloc(len), *cause;
	struct allowlist *l;
	uint32_t id;

	for (size_t i = 0; i < len; i += 2)
		memcpy(text + i, "a\n", 2);
	assert_null(allowlist_parse(text, len, "l", NULL, &cause));
	assert_cause(cause, "l:2000001: more than 2000000 entries");
	l = allowlist_parse(text, len - 2, "l", NULL, &cause);
	assert_non_null(l);
	free(text);
	assert_cause(allowlist_add(l, ".b.com", &id), "the list is full");
	allowlist_free(l);
}

/* ---- ids ---- */

static void
ids_stay_with_what_an_entry_says(void **state)
{
	struct allowlist *l = parse(".a.com\n.b.com # x\n#off .c.com\n.d.com\n.d.com\n"), *m, *n;
	struct allow_entry e;

	/* Moved, switched, commented, one new, one of two doubles gone. */
	m = parse_after("# head\n.d.com\n.c.com\n.new.com\n#off .a.com # y\n  .b.com\n", l);
	assert_int_equal(id_of(m, ".a.com"), 1);
	assert_int_equal(id_of(m, ".b.com"), 2);
	assert_int_equal(id_of(m, ".c.com"), 3);
	assert_int_equal(id_of(m, ".d.com"), 4);
	assert_int_equal(id_of(m, ".new.com"), 6);
	assert_true(allowlist_find(m, 6, &e));
	assert_string_equal(e.name, "new.com");
	assert_int_equal(e.line, 4);
	assert_false(allowlist_find(m, 5, &e));
	assert_false(allowlist_find(m, 0, &e));
	/* An id is never given to another entry. */
	n = parse_after(".x.com\n", m);
	assert_int_equal(id_of(n, ".x.com"), 7);
	allowlist_free(l);
	allowlist_free(m);
	allowlist_free(n);
}

static void
an_entry_is_named_exactly_by_text_id_or_line(void **state)
{
	struct allowlist *l = parse("# c\n.a.com vm=x\n.b.com\n.c.com vm=x\n.c.com vm=y\n.d.com\n.D.com\n");
	struct allow_entry e;

	assert_int_equal(id_of(l, "id=2"), 2);
	assert_int_equal(id_of(l, "line=2"), 1);
	assert_int_equal(id_of(l, " .B.com "), 2);
	assert_int_equal(id_of(l, ".c.com vm=y"), 4);
	/* A bare number will do where it can be only one of the two. */
	assert_int_equal(id_of(l, "1"), 1);
	assert_int_equal(id_of(l, "7"), 6);
	assert_cause(allowlist_named(l, "2", &e), "the id of one entry");
	assert_cause(allowlist_named(l, "2", &e), "\n  id=2  line=3  .b.com\n  id=1  line=2  .a.com vm=x");
	assert_cause(allowlist_named(l, "99", &e), "no entry 99");
	assert_cause(allowlist_named(l, "line=1", &e), "no entry line=1");
	assert_cause(allowlist_named(l, "id=x", &e), "not a number");
	assert_cause(allowlist_named(l, "", &e), "not an entry");
	assert_cause(allowlist_named(l, "a b", &e), "no such entry");
	allowlist_free(l);
}

static void
what_names_several_entries_or_none_is_answered_with_those_near_it(void **state)
{
	struct allowlist *l = parse(".a.com vm=x\n#off b.com\n.c.com vm=x\n.c.com vm=y\n.d.com\n.D.com\n"
	    ".pypi.org\n");
	struct allow_entry e;

	assert_cause(allowlist_named(l, ".d.com", &e), "2 entries");
	assert_cause(allowlist_named(l, ".d.com", &e), "\n  id=5  line=5  .d.com\n  id=6  line=6  .d.com");
	/* The same name is not the same entry: neither its form, nor its guests. */
	assert_cause(allowlist_named(l, ".a.com", &e), "no such entry");
	assert_cause(allowlist_named(l, ".a.com", &e), "\n  id=1  line=1  .a.com vm=x");
	assert_cause(allowlist_named(l, ".c.com", &e), "vm=x\n  id=4  line=4  .c.com vm=y");
	assert_cause(allowlist_named(l, ".b.com", &e), "\n  id=2  line=2  #off b.com");
	assert_cause(allowlist_named(l, "files.pypi.org", &e), "id=7");
	assert_cause(allowlist_named(l, ".pypy.org", &e), "id=7");
	assert_cause(allowlist_named(l, ".pipy.org", &e), "id=7");
	assert_cause(allowlist_named(l, ".example.org", &e), "\"gatehouse entries\" shows them");
	allowlist_free(l);
}

/* ---- edits ---- */

static void
edits_keep_every_other_byte(void **state)
{
	static const struct {
		const char	*named, *before, *disabled, *removed;
	} cases[] = {
		{ ".a.com vm=x", "# c\r\n\r\n  .a.com\t vm=x   # why\r\n.b.com\r\n",
		    "# c\r\n\r\n  #off .a.com\t vm=x   # why\r\n.b.com\r\n", "# c\r\n\r\n.b.com\r\n" },
		{ ".a.com", ".b.com\n\n\n.a.com", ".b.com\n\n\n#off .a.com", ".b.com\n\n\n" },
		{ ".a.com", "\xef\xbb\xbf.a.com", "\xef\xbb\xbf#off .a.com", "" },
		{ ".a.com", ".a.com\n#x", "#off .a.com\n#x", "#x" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct allowlist *l = parse(cases[i].before);
		const uint32_t id = id_of(l, cases[i].named);
		char *what;

		assert_done(allowlist_set(l, id, false));
		assert_text(l, cases[i].disabled);
		assert_done(allowlist_set(l, id, false));
		assert_text(l, cases[i].disabled);
		assert_done(allowlist_set(l, id, true));
		assert_text(l, cases[i].before);
		assert_done(allowlist_remove(l, id));
		assert_text(l, cases[i].removed);
		assert_cause(allowlist_remove(l, id), "there is no entry");
		assert_cause(allowlist_set(l, id, true), "there is no entry");
		assert_done(allowlist_undo(l, &what));
		free(what);
		assert_text(l, cases[i].before);
		assert_int_equal(id_of(l, cases[i].named), id);
		allowlist_free(l);
	}
}

static void
enabling_takes_off_whatever_stands_before_the_entry(void **state)
{
	struct allowlist *l = parse(" #off\t  .a.com # c\n");

	assert_done(allowlist_set(l, 1, true));
	assert_text(l, " .a.com # c\n");
	allowlist_free(l);
}

static void
adding_follows_the_line_endings_of_the_file(void **state)
{
	static const struct {
		const char	*before, *after;
	} cases[] = {
		{ "", ".n.com  # new\n" },
		{ "# x\n", "# x\n.n.com  # new\n" },
		{ "# x\r\n", "# x\r\n.n.com  # new\r\n" },
		{ ".a.com", ".a.com\n.n.com  # new" },
		{ "# x\r\n.a.com", "# x\r\n.a.com\r\n.n.com  # new" },
	};
	struct allow_entry e;
	uint32_t id;
	char *what;

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct allowlist *l = parse(cases[i].before);

		assert_done(allowlist_add(l, "  .n.com  # new \n", &id));
		assert_text(l, cases[i].after);
		assert_true(allowlist_find(l, id, &e));
		assert_string_equal(e.name, "n.com");
		assert_done(allowlist_undo(l, &what));
		assert_string_equal(what, "added .n.com");
		free(what);
		assert_text(l, cases[i].before);
		assert_false(allowlist_find(l, id, &e));
		allowlist_free(l);
	}
}

static void
adding_what_is_there_does_not_double_it(void **state)
{
	struct allowlist *l = parse(".a.com # c\n#off .b.com\n#off .c.com\n.c.com\n");
	uint32_t id;
	char *what;

	assert_done(allowlist_add(l, ".A.com", &id));
	assert_int_equal(id, 1);
	assert_done(allowlist_add(l, ".b.com", &id));
	assert_int_equal(id, 2);
	assert_done(allowlist_add(l, ".c.com", &id));
	assert_int_equal(id, 4);
	assert_text(l, ".a.com # c\n.b.com\n#off .c.com\n.c.com\n");
	assert_done(allowlist_undo(l, &what));
	assert_string_equal(what, "enabled .b.com");
	free(what);
	assert_cause(allowlist_undo(l, &what), "no edit to undo");
	allowlist_free(l);
}

static void
what_cannot_be_added_is_told(void **state)
{
	static const struct {
		const char	*entry, *why;
	} bad[] = {
		{ "", "not an entry" },
		{ "# x", "not an entry" },
		{ ".a.com\n.b.com", "one line" },
		{ ".a.com\r.b.com", "one line" },
		{ "#off .a.com", "without #off" },
		{ "a b", "not an option" },
		{ ".a.com until=2006-01-01T00:00Z", "passed already" },
	};
	struct allowlist *l = parse(".x.com\n");
	uint32_t id;

	for (size_t i = 0; i < COUNT(bad); i++)
		assert_cause(allowlist_add(l, bad[i].entry, &id), bad[i].why);
	assert_text(l, ".x.com\n");
	allowlist_free(l);
}

static void
an_entry_that_ended_is_not_switched_on(void **state)
{
	struct allowlist *l = parse(".a.com until=2006-01-01T00:00Z\n#off .b.com until=2006-01-01T00:00Z\n");

	assert_cause(allowlist_set(l, 1, true), "list:1: the entry ended at 2006-01-01T00:00:00Z");
	assert_cause(allowlist_set(l, 2, true), "list:2: the entry ended");
	assert_done(allowlist_set(l, 1, false));
	allowlist_free(l);
}

static void
a_line_may_not_grow_past_its_bound(void **state)
{
	char text[ALLOW_LINE_MAX + 1];
	struct allowlist *l;

	memset(text, 'x', sizeof(text));
	memcpy(text, ".a.com #", 8);
	text[ALLOW_LINE_MAX - 2] = '\0';
	l = parse(text);
	assert_cause(allowlist_set(l, 1, false), "more than 4096 bytes");
	assert_text(l, text);
	allowlist_free(l);
}

static void
lines_and_ids_follow_the_edits(void **state)
{
	struct allowlist *l = parse("# 1\n.a.com\n# 3\n.b.com\n.c.com");
	struct allow_entry e;
	uint32_t id;

	assert_done(allowlist_remove(l, 2));
	assert_true(allowlist_find(l, 3, &e));
	assert_int_equal(e.line, 4);
	assert_done(allowlist_add(l, "d.com", &id));
	assert_true(allowlist_find(l, id, &e));
	assert_int_equal(e.line, 5);
	assert_done(allowlist_remove(l, 1));
	assert_true(allowlist_find(l, id, &e));
	assert_int_equal(e.line, 4);
	assert_string_equal(e.name, "d.com");
	assert_int_equal(allowlist_count(l), 2);
	assert_text(l, "# 1\n# 3\n.c.com\nd.com");
	allowlist_free(l);
}

/* ---- undo ---- */

static void
undo_goes_back_step_by_step(void **state)
{
	static const char before[] = "# x\n.a.com\n.b.com # y\n";
	struct allowlist *l = parse(before);
	uint32_t id;
	char *what;

	assert_done(allowlist_set(l, 1, false));
	assert_done(allowlist_add(l, ".c.com", &id));
	assert_done(allowlist_remove(l, 2));
	assert_text(l, "# x\n#off .a.com\n.c.com\n");
	assert_done(allowlist_undo(l, &what));
	assert_string_equal(what, "removed .b.com");
	free(what);
	assert_done(allowlist_undo(l, &what));
	assert_string_equal(what, "added .c.com");
	free(what);
	assert_done(allowlist_undo(l, &what));
	assert_string_equal(what, "disabled .a.com");
	free(what);
	assert_text(l, before);
	assert_cause(allowlist_undo(l, &what), "no edit to undo");
	allowlist_free(l);
}

static void
undo_is_bounded(void **state)
{
	struct allowlist *l = parse(".a.com\n");
	unsigned n = 0;
	char *what, *cause;

	for (unsigned i = 0; i < 201; i++)
		assert_done(allowlist_set(l, 1, i % 2 != 0));
	while ((cause = allowlist_undo(l, &what)) == NULL) {
		free(what);
		n++;
	}
	free(cause);
	assert_int_equal(n, 64);
	allowlist_free(l);
}

static void
undo_outlives_a_reload_and_edits_elsewhere(void **state)
{
	struct allowlist *l = parse(".a.com\n.b.com\n.c.com\n.d.com\n"), *m;
	char *what;

	assert_done(allowlist_set(l, 2, false));
	assert_done(allowlist_remove(l, 3));
	m = parse_after(".a.com\n#off .b.com\n.d.com\n", l);
	allowlist_free(l);
	/* By hand: a line before, then one after. */
	l = parse_after("# hand\n.a.com\n#off .b.com\n.d.com\n", m);
	allowlist_free(m);
	m = parse_after("# hand\n.a.com\n#off .b.com\n.d.com\n.e.com\n", l);
	allowlist_free(l);
	l = m;
	assert_done(allowlist_undo(l, &what));
	assert_string_equal(what, "removed .c.com");
	free(what);
	assert_text(l, "# hand\n.a.com\n#off .b.com\n.c.com\n.d.com\n.e.com\n");
	assert_done(allowlist_undo(l, &what));
	free(what);
	assert_text(l, "# hand\n.a.com\n.b.com\n.c.com\n.d.com\n.e.com\n");
	assert_int_equal(id_of(l, ".c.com"), 3);
	allowlist_free(l);
}

static void
undo_finds_its_line_between_changes(void **state)
{
	struct allowlist *l = parse(".a.com\n.b.com\n.c.com\n"), *m;
	uint32_t id;
	char *what;

	assert_done(allowlist_set(l, 2, false));
	assert_done(allowlist_add(l, ".d.com", &id));
	m = parse_after("# x\n#off .b.com\n.d.com\n# y\n", l);
	assert_done(allowlist_undo(m, &what));
	free(what);
	assert_done(allowlist_undo(m, &what));
	free(what);
	assert_text(m, "# x\n.b.com\n# y\n");
	allowlist_free(l);
	allowlist_free(m);
}

static void
undo_refuses_where_the_file_was_changed(void **state)
{
	struct allowlist *l = parse(".a.com\n.b.com\n.c.com\n"), *m;
	char *what;

	assert_done(allowlist_set(l, 1, false));
	assert_done(allowlist_set(l, 2, false));
	m = parse_after("#off .a.com\n#off .b.com # hand\n.c.com\n", l);
	assert_cause(allowlist_undo(m, &what), "cannot undo \"disabled .b.com\"");
	assert_null(what);
	assert_text(m, "#off .a.com\n#off .b.com # hand\n.c.com\n");
	/* New edits can be undone all the same, and then it refuses again. */
	assert_done(allowlist_set(m, 3, false));
	assert_done(allowlist_undo(m, &what));
	free(what);
	assert_cause(allowlist_undo(m, &what), "cannot undo");
	allowlist_free(m);
	/* Changed in the place of the older one only: the newer one still goes. */
	m = parse_after(".a.com\n#off .b.com\n.c.com\n", l);
	assert_done(allowlist_undo(m, &what));
	free(what);
	assert_cause(allowlist_undo(m, &what), "cannot undo \"disabled .a.com\"");
	assert_text(m, ".a.com\n.b.com\n.c.com\n");
	allowlist_free(m);
	allowlist_free(l);
}

static void
an_edit_taken_back_otherwise_is_forgotten(void **state)
{
	struct allowlist *l = parse(".a.com\n.b.com\n"), *m;
	char *what;

	assert_done(allowlist_set(l, 1, false));
	assert_done(allowlist_remove(l, 2));
	m = parse_after("#off .a.com\n.b.com\n", l);
	assert_done(allowlist_undo(m, &what));
	assert_string_equal(what, "disabled .a.com");
	free(what);
	assert_text(m, ".a.com\n.b.com\n");
	allowlist_free(l);
	allowlist_free(m);
}

static void
undo_never_leaves_half_a_line(void **state)
{
	struct allowlist *l = parse(".a.com"), *m;
	uint32_t id;
	char *what;

	assert_done(allowlist_add(l, ".b.com", &id));
	m = parse_after(".a.com\n.b.community\n", l);
	assert_cause(allowlist_undo(m, &what), "cannot undo");
	allowlist_free(m);
	m = parse_after(".a.company\n.b.com", l);
	assert_cause(allowlist_undo(m, &what), "cannot undo");
	allowlist_free(m);
	allowlist_free(l);
}

static void
several_entries_are_added_and_taken_back_as_one(void **state)
{
	static const char *const some[] = { ".b.com", "c.com vm=x", "d.com" };
	static const char *const bad[] = { ".e.com", "under_score.com" };
	static const char *const doubled[] = { ".e.com", ".a.com" };
	static const struct {
		const char	*before, *after;
	} cases[] = {
		{ ".a.com\n", ".a.com\n.b.com\nc.com vm=x\nd.com\n" },
		{ ".a.com", ".a.com\n.b.com\nc.com vm=x\nd.com" },
		{ ".a.com\r\n# x\r\n", ".a.com\r\n# x\r\n.b.com\r\nc.com vm=x\r\nd.com\r\n" },
	};
	char *what;

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct allowlist *l = parse(cases[i].before), *m;
		uint32_t id;

		assert_done(allowlist_add_all(l, some, COUNT(some), "added them"));
		assert_text(l, cases[i].after);
		assert_int_equal(allowlist_count(l), 4);
		assert_int_equal(id_of(l, ".b.com"), 2);
		assert_int_equal(id_of(l, "c.com vm=x"), 3);
		assert_int_equal(id_of(l, "d.com"), 4);
		/* Nothing is added where one of them cannot be. */
		assert_cause(allowlist_add_all(l, bad, COUNT(bad), "x"), "under_score");
		assert_cause(allowlist_add_all(l, doubled, COUNT(doubled), "x"), "there already");
		assert_cause(allowlist_add_all(l, some, 0, "x"), "nothing to add");
		assert_text(l, cases[i].after);
		/* Another edit, a reload, and both go back. */
		assert_done(allowlist_add(l, "z.com", &id));
		assert_int_equal(id, 5);
		assert_done(allowlist_set(l, 3, false));
		m = parse_after(text_of(l), l);
		allowlist_free(l);
		for (int k = 0; k < 2; k++) {
			assert_done(allowlist_undo(m, &what));
			free(what);
		}
		assert_text(m, cases[i].after);
		assert_done(allowlist_undo(m, &what));
		assert_string_equal(what, "added them");
		free(what);
		assert_text(m, cases[i].before);
		assert_int_equal(allowlist_count(m), 1);
		allowlist_free(m);
	}
}

/* ---- ends ---- */

static void
the_next_end_is_the_nearest_that_is_on(void **state)
{
	struct allowlist *l = parse(".a until=1970-01-01T00:10Z\n.b until=1970-01-01T00:30Z\n"
	    "#off .c until=1970-01-01T00:15Z\n.d\n.e until=1970-01-01T00:20Z\n");

	assert_int_equal(allowlist_next_end(l, 0), 600);
	assert_int_equal(allowlist_next_end(l, 599), 600);
	assert_int_equal(allowlist_next_end(l, 600), 1200);
	assert_int_equal(allowlist_next_end(l, 1200), 1800);
	assert_int_equal(allowlist_next_end(l, 1800), 0);
	allowlist_free(l);
}

/* ---- warnings ---- */

static void
warnings_say_what_an_entry_does_not_do(void **state)
{
	static const struct {
		const char	*text;		/* the first entry is asked about */
		const char	*warning;	/* NULL: none */
	} cases[] = {
		{ ".github.com\n", NULL },
		{ "@pypi\n", "presets are not known here: @pypi lists nothing" },
		{ "git.example.org:22\n", NULL },
		{ "git.example.org:22\n.example.org\n", NULL },
		{ "git.example.org:22\n.example.org:22\n",
		    "changes nothing: .example.org:22 on line 2 covers it" },
		{ "git.example.org:22\n.example.org:22/udp\n", NULL },
		{ "git.example.org:22\n!.git.example.org\n", NULL },
		{ "git.example.org:53\n", "what guests send to port 53 always goes to the DNS filter: "
		    "git.example.org:53 opens nothing" },
		{ "203.0.113.0/24:5432\n", NULL },
		{ "203.0.113.0/24:5432\n203.0.113.0/24:5432\n", NULL },
		{ "203.0.113.0/24:5432\n203.0.113.0/24:5433\n1.2.3.4:5432\n", NULL },
		{ "10.0.0.0/8:22\n", NULL },
		{ "192.0.0.0/8:22\n", "holds addresses that are not the internet's, such as "
		    "192.0.0.0/24; they stay closed without an entry of their own" },
		{ "!0.0.0.0/0:22\n", NULL },
		{ "0.0.0.0/0:443\n", "opens the web of the whole internet, past the proxy: "
		    "no name is filtered any more" },
		{ "1.2.3.4:443\n", "goes past the proxy: a guest has there whatever name it asks "
		    "for" },
		{ "api.a.com\n.a.com\n", "changes nothing: .a.com on line 2 covers it" },
		{ "api.a.com\n*.a.com\n", "changes nothing: *.a.com on line 2 covers it" },
		{ "a.com\n*.a.com\n", NULL },
		{ ".x.a.com\n.a.com\n", "changes nothing: .a.com on line 2 covers it" },
		{ "*.a.com\n.a.com\n", "changes nothing: .a.com on line 2 covers it" },
		{ ".a.com\n*.a.com\n", NULL },
		{ "api.a.com\n#off .a.com\n", NULL },
		{ "api.a.com\n.a.com vm=x\n", NULL },
		{ "api.a.com vm=x\n.a.com\n", "changes nothing: .a.com on line 2 covers it" },
		{ "api.a.com\n.a.com until=2096-01-01T00:00Z\n", NULL },
		{ "!api.a.com\n.a.com\n", NULL },
		{ "api.a.com\n!.a.com\n", NULL },
		{ "x.y.a.com\n!.y.a.com\n.a.com\n", NULL },
		{ ".a.com\n!.a.com\n", "has no effect: !.a.com on line 2 forbids the same" },
		{ "!.a.com\n.a.com\n", NULL },
		{ "@pypi\n@pypi\n", "presets are not known here: @pypi lists nothing" },
		{ "a.com:443\na.com\n", "changes nothing: a.com on line 2 covers it" },
		{ "a.com\na.com:443\n", NULL },
		{ "#off api.a.com\n.a.com\n", NULL },
		/* Whatever stands beside, what covers it is enough: */
		{ ".a.com vm=x\n.a.com vm=y\n.a.com\n", "changes nothing: .a.com on line 3 covers it" },
		{ "x.y.a.com\n.y.a.com vm=q\n.a.com\n", "changes nothing: .a.com on line 3 covers it" },
		{ "x.a.com\n.a.com\n!.a.com vm=x\n", NULL },
		{ "x.a.com\n.a.com\n!.a.com:80\n", NULL },
		{ "x.a.com\n.a.com\n!.a.com:22\n", "changes nothing: .a.com on line 2 covers it" },
		{ "!x.a.com:22\nx.a.com\n!.a.com\n", "changes nothing: !.a.com on line 3 covers it" },
		{ "!x.a.com\nx.a.com:22\n!.a.com\n", NULL },
		{ "!x.a.com\n.x.a.com:22\n!.a.com\n", NULL },
		{ "a.com vm=x\na.com\n!a.com vm=y\n", "changes nothing: a.com on line 2 covers it" },
		/* for guests that a glob fits, */
		{ "a.com vm=agent-1\n.a.com vm=agent-*\n",
		    "changes nothing: .a.com vm=agent-* on line 2 covers it" },
		{ "a.com vm=agent-*\n.a.com vm=agent-1\n", NULL },
		{ "a.com vm=agent-1*\na.com vm=agent-*\n",
		    "changes nothing: a.com vm=agent-* on line 2 covers it" },
		{ "a.com vm=a*\na.com vm=a?\n", NULL },
		{ "a.com vm=a?\na.com vm=a?*\n", "changes nothing: a.com vm=a?* on line 2 covers it" },
		{ "a.com\na.com vm=*\n", NULL },
		{ "a.com vm=x\na.com vm=*\n", "changes nothing: a.com vm=* on line 2 covers it" },
		/* for as long, */
		{ "a.com until=2095-01-01T00:00Z\na.com until=2096-01-01T00:00Z\n",
		    "changes nothing: a.com until=2096-01-01T00:00:00Z on line 2 covers it" },
		{ "a.com until=2096-01-01T00:00Z\na.com until=2095-01-01T00:00Z\n", NULL },
		{ "a.com until=2096-01-01T00:00Z\n.a.com\n",
		    "changes nothing: .a.com on line 2 covers it" },
		{ "a.com vm=x until=2095-01-01T00:00Z\n.a.com vm=* until=2096-01-01T00:00Z\n",
		    "changes nothing: .a.com vm=* until=2096-01-01T00:00:00Z on line 2 covers it" },
		/* and of what is forbidden the same. */
		{ "!x.a.com\n!.a.com\n", "changes nothing: !.a.com on line 2 covers it" },
		{ "!x.a.com\n!.a.com\n.a.com\n", "changes nothing: !.a.com on line 2 covers it" },
		{ "!x.a.com\n!.a.com vm=y\n.a.com\n", NULL },
		{ "!a.com vm=x\n!a.com vm=*\na.com\n", "changes nothing: !a.com vm=* on line 2 covers it" },
		{ "!x.y.a.com\n.y.a.com\n!.a.com\n", NULL },
		{ "a.com vm=x\n!a.com\n", "has no effect: !a.com on line 2 forbids the same" },
		{ "a.com\n!a.com vm=x\n", NULL },
		{ "*.a.com\n!.a.com\n", "has no effect: !.a.com on line 2 forbids the same" },
		{ ".a.com\n!*.a.com\n", NULL },
		{ "a.com\n!.a.com\n", NULL },
		{ "a.com\n!*.a.com\n.a.com\n", "changes nothing: .a.com on line 3 covers it" },
	};
	struct allow_entry e;

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct allowlist *l = parse(cases[i].text);
		char *warning;

		assert_true(allowlist_entry(l, 0, &e));
		warning = allowlist_warning(l, &e);
		if (cases[i].warning == NULL && warning != NULL)
			fail_msg("%s: %s", cases[i].text, warning);
		if (cases[i].warning != NULL) {
			assert_non_null(warning);
			assert_string_equal(warning, cases[i].warning);
		}
		free(warning);
		allowlist_free(l);
	}
}

/* An entry is told, whether what covers it stands before or behind. */
static void
the_order_of_lines_does_not_matter_for_warnings(void **state)
{
	static const struct {
		const char	*narrow, *wide;
	} cases[] = {
		{ "api.a.com", ".a.com" }, { "*.a.com", ".a.com" }, { "a.com vm=x", "a.com" },
		{ "a.com until=2096-01-01T00:00Z", "a.com" }, { "a.com:443", "a.com" },
		{ "!api.a.com", "!.a.com" }, { "a.com vm=agent-1", "a.com vm=agent-?" },
	};
	struct allow_entry e;

	for (size_t i = 0; i < COUNT(cases); i++) {
		for (size_t first = 0; first < 2; first++) {
			char *text = xasprintf("%s\n%s\n", first == 0 ? cases[i].narrow : cases[i].wide,
			    first == 0 ? cases[i].wide : cases[i].narrow), *warning;
			struct allowlist *l = parse(text);

			assert_true(allowlist_entry(l, first, &e));
			warning = allowlist_warning(l, &e);
			assert_cause(warning, "changes nothing: ");
			assert_true(allowlist_entry(l, 1 - first, &e));
			assert_null(allowlist_warning(l, &e));
			free(text);
			allowlist_free(l);
		}
	}
}

static void
the_later_of_two_doubles_is_told(void **state)
{
	struct allowlist *l = parse(".a.com\n# x\n.A.com\n");
	struct allow_entry e;
	char *warning;

	allowlist_entry(l, 0, &e);
	assert_null(allowlist_warning(l, &e));
	allowlist_entry(l, 1, &e);
	warning = allowlist_warning(l, &e);
	assert_string_equal(warning, "the same as line 1; one of them can go");
	free(warning);
	allowlist_free(l);
}

static void
public_suffixes_are_warned_about(void **state)
{
#ifdef HAVE_LIBPSL
	static const char *const wide[] = { ".co.uk", "*.co.uk", ".github.io", ".cloudfront.net" };
	static const char *const narrow[] = { ".github.com", "github.io", "!.github.io",
		".d111abcdef8.cloudfront.net", ".internal-net-of-ours" };
	struct allow_entry e;
	char *warning;

	for (size_t i = 0; i < COUNT(wide); i++) {
		struct allowlist *l = parse(wide[i]);

		allowlist_entry(l, 0, &e);
		warning = allowlist_warning(l, &e);
		assert_non_null(warning);
		assert_non_null(strstr(warning, "public suffix"));
		assert_non_null(strstr(warning, "NAME."));
		free(warning);
		allowlist_free(l);
	}
	for (size_t i = 0; i < COUNT(narrow); i++) {
		struct allowlist *l = parse(narrow[i]);

		allowlist_entry(l, 0, &e);
		assert_null(allowlist_warning(l, &e));
		allowlist_free(l);
	}
#endif
}

static void
names_that_answer_dns_over_https_are_warned_about(void **state)
{
	static const struct {
		const char	*text;		/* the first entry is asked about */
		const char	*warning;	/* how it begins; NULL: none */
	} cases[] = {
		{ "dns.google", "dns.google answers DNS over HTTPS, where a guest can look up any "
		    "name unseen; switch it off unless" },
		{ ".dns.google", "covers dns.google and 1 more name, which answer DNS over HTTPS" },
		{ "*.dns.google", "covers dns64.dns.google, which answers DNS over HTTPS" },
		{ ".cloudflare-dns.com", "covers 1dot1dot1dot1.cloudflare-dns.com and 6 more names" },
		{ "*.quad9.net", "covers dns.quad9.net and " },
		{ ".opendns.com", "covers doh.familyshield.opendns.com and " },
		{ "one.one.one.one", "one.one.one.one answers DNS over HTTPS" },
		{ "8888.google", "8888.google answers DNS over HTTPS" },
		{ "8.8.8.8:853", "opens DNS over TLS" },
		{ "git.example.org:853/udp", "opens DNS over TLS" },
		{ "!git.example.org:853", NULL },
		{ ".icloud.com", "mask-api.icloud.com relays to any host there is, unseen" },
		{ "mask.icloud.com", "mask.icloud.com relays to any host" },
		{ "mozilla.cloudflare-dns.com", "mozilla.cloudflare-dns.com answers" },
		{ ".nextdns.io", "covers " },
		{ ".cleanbrowsing.org", "covers doh.cleanbrowsing.org, which answers DNS over HTTPS, "
		    "where a guest can look up any name unseen; list the very names needed, or add "
		    "!doh.cleanbrowsing.org" },
		{ ".adguard-dns.com", "covers dns.adguard-dns.com and " },
		{ ".cleanbrowsing.org\n!doh.cleanbrowsing.org", NULL },
		{ ".cleanbrowsing.org\n!doh.cleanbrowsing.org vm=x", "covers doh.cleanbrowsing.org" },
		{ ".dns.google\n!*.dns.google", "covers dns.google, which" },
		{ "!.dns.google", NULL },
		{ "www.quad9.net", NULL },
		{ ".google.example", NULL },
		{ "cloudflare-ech.com", "cloudflare-ech.com is the outer name of all sites of "
		    "Cloudflare that use ECH" },
		{ ".cloudflare-ech.com", "cloudflare-ech.com is the outer name" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct allowlist *l = parse(cases[i].text);
		struct allow_entry e;
		char *warning;

		assert_true(allowlist_entry(l, 0, &e));
		warning = allowlist_warning(l, &e);
		if ((warning == NULL) != (cases[i].warning == NULL) || (warning != NULL &&
		    strncmp(warning, cases[i].warning, strlen(cases[i].warning)) != 0))
			fail_msg("%s: %s", cases[i].text, warning != NULL ? warning : "none");
		free(warning);
		allowlist_free(l);
	}
}

static void
what_goes_past_the_proxy_by_name_is_warned_about(void **state)
{
	static const struct {
		const char	*text;
		const char	*warning;	/* how it begins; NULL: none */
	} cases[] = {
		{ "foo.example:443/udp", "opens HTTP/3 past the proxy: at the addresses of that name" },
		{ ".foo.example:80/udp", "opens HTTP/3 past the proxy" },
		{ "198.18.0.0/15:443/udp", "opens HTTP/3 past the proxy: a guest has there" },
		{ "git.test:8443", "goes past the proxy: at port 8443 of the addresses" },
		{ "*.git.test:2053", "goes past the proxy: at port 2053" },
		{ ".dns.google:8443", "covers dns.google" },		/* which is worse */
		{ "git.test:22", NULL },
		{ "ntp.test:123/udp", NULL },
		{ "git.test:8443/udp", NULL },
		{ "foo.example:443", NULL },
		{ "!foo.example:443/udp", NULL },
		{ "!git.test:8443", NULL },
		{ ".local", "local stands for what machines of a network call themselves" },
		{ "*.local", "local stands for" },
		{ "printer.local", NULL },
		{ "localhost", "localhost is each machine itself" },
		{ "!.local", NULL },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct allowlist *l = parse(cases[i].text);
		struct allow_entry e;
		char *warning;

		assert_true(allowlist_entry(l, 0, &e));
		warning = allowlist_warning(l, &e);
		if ((warning == NULL) != (cases[i].warning == NULL) || (warning != NULL &&
		    strncmp(warning, cases[i].warning, strlen(cases[i].warning)) != 0))
			fail_msg("%s: %s", cases[i].text, warning != NULL ? warning : "none");
		free(warning);
		allowlist_free(l);
	}
}

/* It is no fault of the entry, which may be just what is needed. */
static void
a_host_that_everyone_shares_comes_with_a_note(void **state)
{
	static const struct {
		const char	*text, *note;
	} cases[] = {
		{ "raw.githubusercontent.com", "raw.githubusercontent.com serves what anyone puts there" },
#ifdef HAVE_LIBPSL
		{ "s3.amazonaws.com", "s3.amazonaws.com serves what every customer of it puts there" },
#endif
		{ "#off raw.githubusercontent.com", NULL },
		{ "!gist.github.com", NULL },
		{ ".github.com", NULL },
		{ "pypi.org", NULL },
		{ "9.9.9.9:22", NULL },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct allowlist *l = parse(cases[i].text);
		struct allow_entry e;
		char *note, *warning;

		assert_true(allowlist_entry(l, 0, &e));
		warning = allowlist_warning(l, &e);
		note = allowlist_note(l, &e);
		assert_null(warning);
		if ((note == NULL) != (cases[i].note == NULL) || (note != NULL &&
		    strncmp(note, cases[i].note, strlen(cases[i].note)) != 0))
			fail_msg("%s: %s", cases[i].text, note != NULL ? note : "none");
		free(note);
		allowlist_free(l);
	}
}

/* ---- the file ---- */

struct place {
	char	dir[64], file[96];
};

static int
setup(void **state)
{
	struct place *p = xcalloc(1, sizeof(*p));

	copy_string(p->dir, "/tmp/gatehouse-allow.XXXXXX", sizeof(p->dir));
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->file, sizeof(p->file), "%s/allowlist", p->dir);
	*state = p;
	return 0;
}

static int
teardown(void **state)
{
	struct place *p = *state;
	char other[128];

	unlink(p->file);
	snprintf(other, sizeof(other), "%s/real", p->dir);
	unlink(other);
	assert_int_equal(rmdir(p->dir), 0);	/* nothing else was left there */
	free(p);
	return 0;
}

static void
put(const char *path, const char *text)
{
	const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static struct allowlist *
load(const char *path)
{
	char *cause;
	struct allowlist *l = allowlist_load(path, NULL, &cause);

	if (l == NULL)
		fail_msg("%s", cause);
	return l;
}

static void
a_saved_list_is_read_back_with_its_mode(void **state)
{
	struct place *p = *state;
	struct allowlist *l;
	struct stat st;

	put(p->file, "# x\r\n.a.com\r\n.b.com");
	assert_int_equal(chmod(p->file, 0640), 0);
	l = load(p->file);
	assert_done(allowlist_set(l, 1, false));
	assert_done(allowlist_save(l, p->file));
	assert_done(allowlist_set(l, 2, false));
	assert_done(allowlist_save(l, p->file));
	allowlist_free(l);
	assert_int_equal(stat(p->file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	l = load(p->file);
	assert_text(l, "# x\r\n#off .a.com\r\n#off .b.com");
	allowlist_free(l);
}

static void
a_list_without_a_file_makes_one(void **state)
{
	struct place *p = *state;
	struct allowlist *l = parse(".a.com\n");
	struct stat st;

	assert_done(allowlist_save(l, p->file));
	assert_int_equal(stat(p->file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	allowlist_free(l);
}

static void
a_link_stays_a_link(void **state)
{
	struct place *p = *state;
	struct allowlist *l;
	char real[128];
	struct stat st;

	snprintf(real, sizeof(real), "%s/real", p->dir);
	put(real, ".a.com\n");
	assert_int_equal(symlink("real", p->file), 0);
	l = load(p->file);
	assert_done(allowlist_set(l, 1, false));
	assert_done(allowlist_save(l, p->file));
	allowlist_free(l);
	assert_int_equal(lstat(p->file, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	l = load(real);
	assert_text(l, "#off .a.com\n");
	allowlist_free(l);
}

static void
a_hand_edit_meanwhile_is_not_overwritten(void **state)
{
	struct place *p = *state;
	struct allowlist *l;

	put(p->file, ".a.com\n");
	l = load(p->file);
	put(p->file, ".a.com\n.hand.com\n");
	assert_done(allowlist_set(l, 1, false));
	assert_cause(allowlist_save(l, p->file), "somebody else changed the file");
	allowlist_free(l);
	l = load(p->file);
	assert_text(l, ".a.com\n.hand.com\n");
	allowlist_free(l);
}

static void
what_cannot_be_read_or_written_is_told(void **state)
{
	struct place *p = *state;
	struct allowlist *l = parse(".a.com\n");
	char path[160], *cause;

	assert_null(allowlist_load(p->file, NULL, &cause));
	assert_cause(cause, "create it");
	assert_null(allowlist_load(p->dir, NULL, &cause));
	assert_cause(cause, "not a regular file");
	snprintf(path, sizeof(path), "%s/none/allowlist", p->dir);
	assert_cause(allowlist_save(l, path), "nothing was saved");
	assert_cause(allowlist_save(l, p->dir), "not a regular file");
	put(p->file, ".b.com\nhttp://x\n");
	assert_null(allowlist_load(p->file, l, &cause));
	assert_cause(cause, "/allowlist:2: \"http://x\": write the host alone");
	allowlist_free(l);
}

static void
the_shipped_list_names_what_the_manual_promises(void **state)
{
	static const char *const names[] = { ".github.com", "raw.githubusercontent.com",
		"objects.githubusercontent.com", "release-assets.githubusercontent.com", ".npmjs.org",
		".npmjs.com", ".yarnpkg.com", ".pypi.org", ".pythonhosted.org", ".docker.io",
		".docker.com", ".anthropic.com", ".googleapis.com", ".ubuntu.com" };
	const char *srcdir = getenv("abs_srcdir");
	char path[4096];
	struct allow_entry e;
	struct allowlist *l;

	snprintf(path, sizeof(path), "%s/conf/allowlist", srcdir != NULL ? srcdir : ".");
	l = load(path);
	for (size_t i = 0; i < COUNT(names); i++) {
		assert_done(allowlist_named(l, names[i], &e));
		assert_int_equal(e.state, ALLOW_ON);
	}
	assert_done(allowlist_named(l, ".cloudfront.net", &e));
	assert_int_equal(e.state, ALLOW_OFF);
	assert_int_equal(allowlist_count(l), COUNT(names) + 1);
	allowlist_free(l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_have_one_canonical_form),
		cmocka_unit_test(what_is_no_host_name_is_refused),
		cmocka_unit_test(an_address_in_any_spelling_is_no_name),
		cmocka_unit_test(an_operator_may_write_u_labels),
		cmocka_unit_test(every_form_of_the_manual_is_read),
		cmocka_unit_test(what_an_entry_says_is_read_again_alike),
		cmocka_unit_test(comments_and_blank_lines_are_no_entries),
		cmocka_unit_test(a_bad_line_is_named_with_its_reason),
		cmocka_unit_test(a_name_alone_is_read_as_one_with_something_behind_it),
		cmocka_unit_test(bounds_are_told_with_their_line),
		cmocka_unit_test(other_lines_that_are_wrong_are_told_too),
		cmocka_unit_test(no_more_entries_than_the_bound_are_taken),
		cmocka_unit_test(ids_stay_with_what_an_entry_says),
		cmocka_unit_test(an_entry_is_named_exactly_by_text_id_or_line),
		cmocka_unit_test(what_names_several_entries_or_none_is_answered_with_those_near_it),
		cmocka_unit_test(edits_keep_every_other_byte),
		cmocka_unit_test(enabling_takes_off_whatever_stands_before_the_entry),
		cmocka_unit_test(adding_follows_the_line_endings_of_the_file),
		cmocka_unit_test(adding_what_is_there_does_not_double_it),
		cmocka_unit_test(what_cannot_be_added_is_told),
		cmocka_unit_test(an_entry_that_ended_is_not_switched_on),
		cmocka_unit_test(a_line_may_not_grow_past_its_bound),
		cmocka_unit_test(lines_and_ids_follow_the_edits),
		cmocka_unit_test(undo_goes_back_step_by_step),
		cmocka_unit_test(undo_is_bounded),
		cmocka_unit_test(undo_outlives_a_reload_and_edits_elsewhere),
		cmocka_unit_test(undo_finds_its_line_between_changes),
		cmocka_unit_test(undo_refuses_where_the_file_was_changed),
		cmocka_unit_test(an_edit_taken_back_otherwise_is_forgotten),
		cmocka_unit_test(undo_never_leaves_half_a_line),
		cmocka_unit_test(several_entries_are_added_and_taken_back_as_one),
		cmocka_unit_test(the_next_end_is_the_nearest_that_is_on),
		cmocka_unit_test(warnings_say_what_an_entry_does_not_do),
		cmocka_unit_test(the_order_of_lines_does_not_matter_for_warnings),
		cmocka_unit_test(the_later_of_two_doubles_is_told),
		cmocka_unit_test(public_suffixes_are_warned_about),
		cmocka_unit_test(names_that_answer_dns_over_https_are_warned_about),
		cmocka_unit_test(what_goes_past_the_proxy_by_name_is_warned_about),
		cmocka_unit_test(a_host_that_everyone_shares_comes_with_a_note),
		cmocka_unit_test_setup_teardown(a_saved_list_is_read_back_with_its_mode, setup, teardown),
		cmocka_unit_test_setup_teardown(a_list_without_a_file_makes_one, setup, teardown),
		cmocka_unit_test_setup_teardown(a_link_stays_a_link, setup, teardown),
		cmocka_unit_test_setup_teardown(a_hand_edit_meanwhile_is_not_overwritten, setup, teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_read_or_written_is_told, setup, teardown),
		cmocka_unit_test(the_shipped_list_names_what_the_manual_promises),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
