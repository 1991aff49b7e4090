/* Entries out of what was learned: the rule that gatehouse.8 tells operators. */
#include "config.h"

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "allow/allow.h"
#include "xmalloc.h"

enum { ASKS_MAX = 64, GUESTS_MAX = 16, LINE = 1024 };

/* "name guest[*count] ..." a line; guest "?" is one who is not told apart. */
struct world {
	struct learned		of;
	const char		*names[ASKS_MAX], *guests[GUESTS_MAX];
	struct learned_ask	 asks[ASKS_MAX];
	size_t			 nnames, nguests;
	char			*text, *present;
};

static uint32_t
guest_number(struct world *w, const char *name)
{
	if (strcmp(name, "?") == 0)
		return LEARNED_BY_OTHERS;
	for (size_t i = 0; i < w->nguests; i++)
		if (strcmp(w->guests[i], name) == 0)
			return (uint32_t)i;
	assert_true(w->nguests < GUESTS_MAX);
	w->guests[w->nguests] = name;
	return (uint32_t)w->nguests++;
}

static void
world_line(struct world *w, char *line)
{
	char *save = NULL, *word = strtok_r(line, " ", &save), *star;

	if (word == NULL)
		return;
	assert_true(w->nnames < ASKS_MAX);
	w->names[w->nnames] = word;
	while ((word = strtok_r(NULL, " ", &save)) != NULL) {
		struct learned_ask *k = &w->asks[w->of.nasks++];

		assert_true(w->of.nasks <= ASKS_MAX);
		k->name = (uint32_t)w->nnames;
		k->count = 1;
		if ((star = strrchr(word, '*')) != NULL && star > word && star[1] >= '0' && star[1] <= '9') {
			*star = '\0';
			k->count = (uint32_t)atoi(star + 1);
		}
		k->guest = guest_number(w, word);
	}
	w->nnames++;
}

static void
world_make(struct world *w, const char *present, const char *learned, const char *vm)
{
	char *save = NULL, *rest, *line;

	memset(w, 0, sizeof(*w));
	w->present = xstrdup(present);
	w->text = rest = xstrdup(learned);
	for (char *g = strtok_r(w->present, " ", &save); g != NULL; g = strtok_r(NULL, " ", &save))
		guest_number(w, g);
	w->of.npresent = w->nguests;
	while ((line = strsep(&rest, "\n")) != NULL)
		world_line(w, line);
	w->of.names = w->names;
	w->of.guests = w->guests;
	w->of.asks = w->asks;
	w->of.vm = vm;
}

static void
world_free(struct world *w)
{
	free(w->text);
	free(w->present);
}

/* "entry\n" of each; "! " before one with a warning. */
static void
proposed(const char *list, const char *present, const char *learned, const char *vm,
    char out[LINE])
{
	char *cause;
	struct allowlist *l = allowlist_parse(list, strlen(list), "list", NULL, &cause);
	struct proposal *p;
	struct world w;
	size_t n, used = 0;

	assert_non_null(l);
	world_make(&w, present, learned, vm);
	p = allow_propose(l, &w.of, &n);
	out[0] = '\0';
	for (size_t i = 0; i < n; i++)
		used += (size_t)snprintf(out + used, LINE - used, "%s%s\n",
		    p[i].warning != NULL ? "! " : "", p[i].text);
	assert_true(used < LINE);
	proposals_free(p, n);
	world_free(&w);
	allowlist_free(l);
}

static void
the_rule_holds(void **state)
{
	static const struct {
		const char	*present, *learned, *want;
	} cases[] = {
		{ "a", "", "" },
		/* Names as they are, while there are few. */
		{ "a", "www.example.org a", "www.example.org\n" },
		{ "a", "www.example.org a\nexample.org a\nexample.com a",
		    "example.com\nexample.org\nwww.example.org\n" },
		/* Three below one domain are one: of the longest suffix they share. */
		{ "a", "x.example.org a\ny.example.org a\nz.example.org a", ".example.org\n" },
		{ "a", "example.org a\ny.example.org a\nz.example.org a", ".example.org\n" },
		{ "a", "x.cdn.example.org a\ny.cdn.example.org a\nz.q.cdn.example.org a",
		    ".cdn.example.org\n" },
		{ "a", "ax.example.org a\nbx.example.org a\ncx.example.org a", ".example.org\n" },
		{ "a", "x.example.org a*9\nx.example.net a*9\nx.example.com a*9",
		    "x.example.com\nx.example.net\nx.example.org\n" },
		/* Asked for often is not asked for in many names. */
		{ "a", "x.example.org a*99\ny.example.org a*99", "x.example.org\ny.example.org\n" },
		/* What a name alone is cannot be told without a domain. */
		{ "a", "intranet a\nserver a", "intranet\nserver\n" },
		/* Only some guests asked. */
		{ "a b", "www.example.org a", "www.example.org vm=a\n" },
		{ "a b", "www.example.org a b", "www.example.org\n" },
		{ "a b c", "www.example.org a c", "www.example.org vm=a\nwww.example.org vm=c\n" },
		{ "a b c d e f", "www.example.org a b c d",
		    "www.example.org vm=a\nwww.example.org vm=b\nwww.example.org vm=c\n"
		    "www.example.org vm=d\n" },
		{ "a b c d e f", "www.example.org a b c d e", "www.example.org\n" },
		/* A guest that is gone does not count as one that did not ask. */
		{ "a", "www.example.org a gone", "www.example.org\n" },
		{ "a", "www.example.org gone", "www.example.org vm=gone\n" },
		{ "", "www.example.org gone", "www.example.org vm=gone\n" },
		/* One that is not told apart can be let in by no glob. */
		{ "a b", "www.example.org ?", "www.example.org\n" },
		{ "a b", "www.example.org a ?", "www.example.org\n" },
		/* Each guest's names are looked at by themselves, */
		{ "a b", "x.example.org a\ny.example.org b\nz.example.org a",
		    "x.example.org vm=a\ny.example.org vm=b\nz.example.org vm=a\n" },
		{ "a b c", "x.example.org a\ny.example.org a b\nz.example.org a",
		    ".example.org vm=a\ny.example.org vm=b\n" },
		/* unless a suffix for all covers them anyway. */
		{ "a b", "x.example.org a b\ny.example.org a b\nz.example.org a b",
		    ".example.org\n" },
		{ "a b", "x.example.org a ?\ny.example.org ?\nz.example.org ?", ".example.org\n" },
		{ "a b", "x.example.org ?\ny.example.org ?\nz.example.org ?\n"
		    "p.w.example.org a\nq.w.example.org a\nr.w.example.org a\nexample.org a",
		    ".example.org\n" },
		/* A guest chooses its name, but not what it stands for. */
		{ "a b", "www.example.org *", "www.example.org vm=?\n" },
		{ "a b", "www.example.org x#y*z", "www.example.org vm=x?y?z\n" },
		/* Never what others share; what anyone can fill only with a warning. */
		{ "a", "storage.googleapis.com a", "! storage.googleapis.com\n" },
		{ "a", "x.googleapis.com a\ny.googleapis.com a\nz.googleapis.com a",
		    "x.googleapis.com\ny.googleapis.com\nz.googleapis.com\n" },
		{ "a", "dns.google a", "! dns.google\n" },
		{ "a", "a.nextdns.io a\nb.nextdns.io a\nc.nextdns.io a",
		    "a.nextdns.io\nb.nextdns.io\nc.nextdns.io\n" },
		{ "a", "cloudflare-ech.com a", "! cloudflare-ech.com\n" },
#ifdef HAVE_LIBPSL
		{ "a", "x.co.uk a\ny.co.uk a\nz.co.uk a", "x.co.uk\ny.co.uk\nz.co.uk\n" },
		{ "a", "x.github.io a\ny.github.io a\nz.github.io a",
		    "x.github.io\ny.github.io\nz.github.io\n" },
		{ "a", "a.x.github.io a\nb.x.github.io a\nc.x.github.io a", ".x.github.io\n" },
		{ "a", "s3.amazonaws.com a", "! s3.amazonaws.com\n" },
		{ "a", "bucket.s3.amazonaws.com a", "bucket.s3.amazonaws.com\n" },
#endif
	};
	char got[LINE];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		proposed("", cases[i].present, cases[i].learned, NULL, got);
		if (strcmp(got, cases[i].want) != 0)
			fail_msg("[%s] %s:\n%s", cases[i].present, cases[i].learned, got);
	}
}

static void
a_glob_makes_its_guests_one(void **state)
{
	char got[LINE];

	proposed("", "a-1 a-2 b", "x.example.org a-1\ny.example.org a-2\nz.example.org a-1\n"
	    "www.example.com a-2", "a-*", got);
	assert_string_equal(got, ".example.org vm=a-*\nwww.example.com vm=a-*\n");
}

static void
a_denied_host_below_does_not_keep_names_from_becoming_one(void **state)
{
	char got[LINE];

	proposed("!doh.cleanbrowsing.org\n", "a",
	    "x.cleanbrowsing.org a\ny.cleanbrowsing.org a\nz.cleanbrowsing.org a", NULL, got);
	assert_string_equal(got, ".cleanbrowsing.org\n");
	proposed("", "a", "x.github.com a\ny.github.com a\nz.github.com a", NULL, got);
	assert_string_equal(got, "x.github.com\ny.github.com\nz.github.com\n");
	proposed("!gist.github.com\n", "a", "x.github.com a\ny.github.com a\nz.github.com a", NULL,
	    got);
	assert_string_equal(got, ".github.com\n");
}

static void
an_entry_says_what_it_covers_how_often_and_for_whom(void **state)
{
	char *cause;
	struct allowlist *l = allowlist_parse("", 0, "list", NULL, &cause);
	struct proposal *p;
	struct world w;
	size_t n;

	world_make(&w, "a b", "x.example.org a*3 b*2\ny.example.org a b\nz.example.org a*4 b",
	    NULL);
	p = allow_propose(l, &w.of, &n);
	assert_int_equal(n, 1);
	assert_int_equal(p[0].count, 12);
	assert_int_equal(p[0].nnames, 3);
	assert_int_equal(p[0].nguests, 2);
	assert_string_equal(p[0].explain, "example.org and every name below it, ports 80 and 443");
	proposals_free(p, n);
	world_free(&w);
	/* Of entries for single guests, each its own. */
	world_make(&w, "a b c", "x.example.org a*3 b*2", NULL);
	p = allow_propose(l, &w.of, &n);
	assert_int_equal(n, 2);
	assert_int_equal(p[0].count, 3);
	assert_int_equal(p[1].count, 2);
	assert_int_equal(p[1].nguests, 1);
	assert_string_equal(w.guests[p[1].guest[0]], "b");
	proposals_free(p, n);
	world_free(&w);
	/* A glob's guests are told all the same. */
	world_make(&w, "a b c", "x.example.org a*3 b*2", "?");
	p = allow_propose(l, &w.of, &n);
	assert_int_equal(n, 1);
	assert_int_equal(p[0].nguests, 2);
	proposals_free(p, n);
	world_free(&w);
	allowlist_free(l);
}

/* Whatever was learned: each name is covered for who asked, by an entry that
 * parses, and no entry is there twice. */
static void
every_name_is_covered_for_who_asked(void **state)
{
	static const char *const tops[] = { "example.org", "example.com", "a.example.net",
		"github.io", "co.uk" };
	static const char *const guests[] = { "a", "b", "c" };
	static char names[ASKS_MAX][32];
	const char *pointers[ASKS_MAX];
	struct learned_ask asks[ASKS_MAX];
	struct learned of = { .names = pointers, .guests = guests, .npresent = 3, .asks = asks };
	char *cause;
	unsigned seed = 7;

	for (int round = 0; round < 300; round++) {
		struct allowlist *l = allowlist_parse("", 0, "list", NULL, &cause);
		struct allow_image *image;
		struct proposal *p;
		const char *texts[ASKS_MAX], *phrase;
		size_t n, size;
		int fd;

		of.nasks = (size_t)(rand_r(&seed) % 40) + 1;
		for (size_t i = 0; i < of.nasks; i++) {
			snprintf(names[i], sizeof(names[i]), "h%zu.%s%s", i,
			    rand_r(&seed) % 3 == 0 ? "deep." : "", tops[rand_r(&seed) % 5]);
			pointers[i] = names[i];
			asks[i] = (struct learned_ask){ .name = (uint32_t)i, .count = 1,
				.guest = (uint32_t)(rand_r(&seed) % 3) };
		}
		p = allow_propose(l, &of, &n);
		assert_true(n <= of.nasks);
		for (size_t i = 0; i < n; i++) {
			assert_null(p[i].warning);
			texts[i] = p[i].text;
		}
		assert_null(allowlist_add_all(l, texts, n, "added"));
		assert_int_equal(allowlist_count(l), n);
		fd = allow_compile(l, &size, &cause);
		image = allow_image_open(fd, size, &phrase);
		for (size_t i = 0; i < of.nasks; i++) {
			const char *name = names[asks[i].name];

			if (allow_lookup(image, name, strlen(name), 443, guests[asks[i].guest],
			    0).verdict != VERDICT_ALLOW)
				fail_msg("round %d: %s is not covered", round, name);
		}
		assert_int_equal(allow_lookup(image, "new.co.uk", 9, 443, "a", 0).verdict,
		    VERDICT_DENY);
		allow_image_close(image);
		close(fd);
		proposals_free(p, n);
		allowlist_free(l);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rule_holds),
		cmocka_unit_test(a_glob_makes_its_guests_one),
		cmocka_unit_test(a_denied_host_below_does_not_keep_names_from_becoming_one),
		cmocka_unit_test(an_entry_says_what_it_covers_how_often_and_for_whom),
		cmocka_unit_test(every_name_is_covered_for_who_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
