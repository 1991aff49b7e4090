/*
 * Every way in which gatehouse runs pfctl(8).  All arguments are words from
 * here, of the host's table, or addresses and numbers that we formatted; rules
 * and lists of addresses go in on stdin.
 */
#include "config.h"

#include "firewall/pf.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "xmalloc.h"

/* A list of states is as long as pf's limit of them, which is 100,000 unless told otherwise. */
enum { STATES_TEXT_MAX = 64 << 20 };

static char *
run_most(const struct pf_host *host, const char *const argv[], const char *input, size_t most,
    struct program_said *r)
{
	char *const env[] = { NULL };
	char *cause = program_run_most(argv, env, input, host->seconds, most, r);

	if (cause == NULL && r->code == PROGRAM_NOT_RUN) {
		cause = xasprintf("%s: cannot be run: is it there?", argv[0]);
		program_said_free(r);
	}
	return cause;
}

char *
pf_run(const struct pf_host *host, const char *const argv[], const char *input,
    struct program_said *r)
{
	return run_most(host, argv, input, PROGRAM_TEXT_MAX, r);
}

/* Why it failed, in its own words but for what it says in every case. */
static char *
complaint_of(const struct program_said *r)
{
	size_t len;
	const char *at = pf_complaint(r->err, &len);

	if (len == 0)
		return xasprintf("pfctl failed (exit %d) and did not say why", r->code);
	if (strstr(at, "/dev/pf") == at + strlen("pfctl: "))
		return xasprintf("%.*s: is this root, and pf in the kernel? (on FreeBSD: kldload "
		    "pf; \"gatehouse setup\" sees to it)", (int)len, at);
	return xasprintf("%.*s", (int)len, at);
}

bool
pf_ctl_absent(const char *text)
{
	return strstr(text, "does not exist") != NULL || strstr(text, "Invalid argument") != NULL;
}

/* One that is well, but has something to say. */
static void
tell_warnings(const char *const argv[], const struct program_said *r)
{
	size_t len;
	const char *at = pf_complaint(r->err, &len);

	if (len > 0 && !pf_ctl_absent(at))
		log_warnx("%s: %.*s", argv[0], (int)len, at);
}

/* Runs it; what it printed goes to *text (NULL: nowhere). NULL or a cause. */
static char *
ctl(const struct pf_host *host, const char *const argv[], const char *input, char **text)
{
	struct program_said r;
	char *cause = pf_run(host, argv, input, &r);

	if (text != NULL)
		*text = NULL;
	if (cause != NULL)
		return cause;
	if (r.code != 0)
		cause = complaint_of(&r);
	else {
		tell_warnings(argv, &r);
		if (text != NULL) {
			*text = r.out;
			r.out = NULL;
		}
	}
	program_said_free(&r);
	return cause;
}

char *
pf_ctl_load(const struct pf_host *host, const char *anchor, const char *rules)
{
	const char *const argv[] = { host->pfctl, "-a", anchor, "-f", "-", NULL };

	return ctl(host, argv, rules, NULL);
}

char *
pf_ctl_try(const struct pf_host *host, const char *rules, char **normal)
{
	const char *const argv[] = { host->pfctl, "-a", host->anchor, "-nvf", "-", NULL };

	return ctl(host, argv, rules, normal);
}

/* A listing that breaks off is one that pfctl says was well, but for a line on stderr. */
static char *
ctl_listing(const struct pf_host *host, const char *const argv[], size_t most, char **text)
{
	struct program_said r;
	char *cause = run_most(host, argv, NULL, most, &r);
	size_t len;

	*text = NULL;
	if (cause != NULL)
		return cause;
	if (r.code != 0 || (*pf_complaint(r.err, &len) != '\0' &&
	    !pf_ctl_absent(pf_complaint(r.err, &len))))
		cause = complaint_of(&r);
	else {
		*text = r.out;
		r.out = NULL;
	}
	program_said_free(&r);
	return cause;
}

/* Of the main ruleset where anchor is NULL. */
char *
pf_ctl_show(const struct pf_host *host, const char *anchor, const char *what, bool counters,
    char **text)
{
	const char *const flag = counters ? "-vvs" : "-s";
	const char *const ours[] = { host->pfctl, "-a", anchor, flag, what, NULL };
	const char *const all[] = { host->pfctl, flag, what, NULL };

	return ctl_listing(host, anchor != NULL ? ours : all,
	    strcmp(what, "states") == 0 ? STATES_TEXT_MAX : PROGRAM_TEXT_MAX, text);
}

char *
pf_ctl_frozen(const struct pf_host *host, const char *addresses)
{
	const char *const argv[] = { host->pfctl, "-a", host->anchor, "-t", "gh_frozen", "-T",
		"replace", "-f", "-", NULL };

	return ctl(host, argv, addresses, NULL);
}

char *
pf_ctl_table_show(const struct pf_host *host, const char *table, char **text)
{
	const char *const argv[] = { host->pfctl, "-a", host->anchor, "-t", table, "-T", "show",
		NULL };

	return ctl(host, argv, NULL, text);
}

char *
pf_ctl_flush(const struct pf_host *host, const char *anchor)
{
	const char *const argv[] = { host->pfctl, "-a", anchor, "-F", "all", NULL };

	return ctl(host, argv, NULL, NULL);
}

/* ---- states ---- */

struct killing {
	const struct pf_host	*host;
	char			*cause;
	unsigned		 n;
};

enum { KILLS_MAX = 1000 };

static void
kill_id(const char *id, void *arg)
{
	struct killing *k = arg;
	const char *const argv[] = { k->host->pfctl, "-k", "id", "-k", id, NULL };

	if (k->cause == NULL && k->n++ == KILLS_MAX)
		k->cause = xasprintf("there are more than %d of them", KILLS_MAX);
	if (k->cause == NULL)
		k->cause = ctl(k->host, argv, NULL, NULL);
}

/* The pfctl of some releases of FreeBSD takes the second of two addresses for the first,
 * ends what it should not, and leaves what it should not. */
static char *
kill_listed(const struct pf_host *host, const char *net)
{
	struct killing k = { .host = host };
	char *states = NULL;

	k.cause = pf_ctl_show(host, NULL, "states", true, &states);
	if (k.cause == NULL)
		pf_states_to(states, net, kill_id, &k);
	free(states);
	return k.cause;
}

/* What others began to addresses of the net. */
static char *
kill_to(const struct pf_host *host, const char *net, bool v6)
{
	const char *const argv[] = { host->pfctl, "-k", v6 ? "::/0" : "0.0.0.0/0", "-k", net, NULL };
	char *cause = host->kills_labels ? kill_listed(host, net) : NULL;

	/* Where there is no list, or too long a one, what is left of it may end so. */
	if (!host->kills_labels)
		cause = ctl(host, argv, NULL, NULL);
	else if (cause != NULL)
		free(ctl(host, argv, NULL, NULL));
	return cause;
}

char *
pf_ctl_kill(const struct pf_host *host, const char *net, bool v6)
{
	const char *const from[] = { host->pfctl, "-k", net, NULL };
	char *cause = ctl(host, from, NULL, NULL);

	return cause != NULL ? cause : kill_to(host, net, v6);
}

char *
pf_ctl_kill_link(const struct pf_host *host, const char *name)
{
	static const char *const nets[] = { "0.0.0.0/0", "::/0" };
	char *cause = NULL;

	for (size_t i = 0; cause == NULL && i < sizeof(nets) / sizeof(nets[0]); i++) {
		const char *const argv[] = { host->pfctl, "-i", name, "-k", nets[i], NULL };

		cause = ctl(host, argv, NULL, NULL);
	}
	return cause;
}

char *
pf_ctl_kill_pair(const struct pf_host *host, const char *src, const char *dst)
{
	const char *const there[] = { host->pfctl, "-k", src, "-k", dst, NULL };
	const char *const back[] = { host->pfctl, "-k", dst, "-k", src, NULL };
	char *cause = ctl(host, there, NULL, NULL);

	return cause != NULL ? cause : ctl(host, back, NULL, NULL);
}

char *
pf_ctl_kill_label(const struct pf_host *host, const char *label)
{
	const char *const argv[] = { host->pfctl, "-k", "label", "-k", label, NULL };

	return ctl(host, argv, NULL, NULL);
}

/* ---- enabling ---- */

/* pf counts who wants it: it is enabled as long as anyone holds a token. */
static char *
take_token(const struct pf_host *host, uint64_t *token)
{
	const char *const argv[] = { host->pfctl, "-E", NULL };
	char *held = NULL, *cause;
	struct program_said r;

	if (*token != 0) {
		cause = pf_ctl_show(host, NULL, "References", false, &held);
		if (cause == NULL && pf_token_held(held, *token)) {
			free(held);
			return NULL;
		}
		free(held);
		free(cause);
	}
	*token = 0;
	if ((cause = pf_run(host, argv, NULL, &r)) != NULL)
		return cause;
	/* It is said on one or the other. */
	if ((*token = pf_token_parse(r.out)) == 0)
		*token = pf_token_parse(r.err);
	if (*token == 0)
		cause = r.code != 0 ? complaint_of(&r) :
		    xstrdup("pfctl -E gave no token, so pf may be disabled under us");
	program_said_free(&r);
	return cause;
}

static char *
is_enabled(const struct pf_host *host, bool *enabled)
{
	char *info, *cause = pf_ctl_show(host, NULL, "info", false, &info);

	if (cause == NULL && !pf_enabled_parse(info, enabled))
		cause = xstrdup("pfctl -s info does not say whether pf is enabled");
	free(info);
	return cause;
}

char *
pf_ctl_enable(const struct pf_host *host, uint64_t *token)
{
	const char *const argv[] = { host->pfctl, "-e", NULL };
	bool enabled = false;
	char *cause;

	if (host->tokens)
		return take_token(host, token);
	cause = is_enabled(host, &enabled);
	if (cause != NULL || enabled)
		return cause;
	cause = ctl(host, argv, NULL, NULL);
	/* Somebody else may have been faster. */
	if (cause != NULL && strstr(cause, "already enabled") != NULL) {
		free(cause);
		cause = NULL;
	}
	return cause;
}

char *
pf_ctl_release(const struct pf_host *host, uint64_t token)
{
	char text[24];
	const char *const argv[] = { host->pfctl, "-X", text, NULL };

	snprintf(text, sizeof(text), "%" PRIu64, token);
	return ctl(host, argv, NULL, NULL);
}

/* ---- listing ---- */

static char *
section_text(const struct pf_host *host, enum pf_section s, char **text)
{
	switch (s) {
	case PF_NAT:
		return pf_ctl_show(host, host->anchor, "nat", true, text);
	case PF_RULES:
		return pf_ctl_show(host, host->anchor, "rules", true, text);
	case PF_PINS_NAT:
		return pf_ctl_show(host, host->pins, "nat", true, text);
	case PF_PINS_RULES:
		return pf_ctl_show(host, host->pins, "rules", true, text);
	case PF_TABLES:
		return pf_ctl_show(host, host->anchor, "Tables", true, text);
	case PF_PINS_TABLES:
		return pf_ctl_show(host, host->pins, "Tables", true, text);
	case PF_PRIVATE:
		return pf_ctl_table_show(host, "gh_private", text);
	case PF_FROZEN:
	case PF_SECTIONS:
		break;
	}
	return pf_ctl_table_show(host, "gh_frozen", text);
}

unsigned
pf_ctl_sections(unsigned sections, const char *pins)
{
	return pins != NULL && pins[0] != '\0' ? sections : sections & ~(1u << PF_PINS_TABLES);
}

char *
pf_ctl_list(const struct pf_host *host, unsigned sections, char **list)
{
	size_t size;
	char *cause = NULL;
	FILE *f = xmemstream(list, &size);

	for (enum pf_section s = 0; s < PF_SECTIONS && cause == NULL; s++) {
		char *text = NULL;

		if ((sections & 1u << s) == 0)
			continue;
		cause = section_text(host, s, &text);
		if (cause != NULL && pf_ctl_absent(cause)) {
			free(cause);
			cause = NULL;
		}
		fprintf(f, "%s%s\n%s", PF_SECTION, pf_section_name(s), text != NULL ? text : "");
		free(text);
	}
	fclose(f);
	if (cause != NULL) {
		free(*list);
		*list = NULL;
	}
	return cause;
}
