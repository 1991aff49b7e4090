/*
 * Anchors of others.  The main ruleset may ask some before ours, and an anchor's name may
 * be a wildcard: on macOS ours is one of those below com.apple, which are asked in the
 * order of their names.  A rule in any of them that passes packets "quick" takes them
 * from us, and one that redirects with "pass" does wherever it is.
 */
#include "config.h"

#include "firewall/pf.h"

#include <stdlib.h>
#include <string.h>

#include "xmalloc.h"

enum { ANCHORS_MAX = 64, DEPTH_MAX = 6 };

struct look {
	const struct pf_guarded	*guarded;
	unsigned		 n;
	bool			*known;
};

/* Of one that is not there, nothing. */
static char *
show(struct look *l, const char *anchor, const char *what, char **text)
{
	char *cause = pf_ctl_show(l->guarded->host, anchor, what, false, text);

	if (cause != NULL && pf_ctl_absent(cause)) {
		free(cause);
		cause = NULL;
	}
	*l->known = *l->known && cause == NULL;
	return cause;
}

static char	*look_into(struct look *, const char *name, bool filter, bool quick, unsigned depth);

static bool
is_wild(const char *name)
{
	const size_t len = strlen(name);

	return len >= 2 && strcmp(name + len - 2, "/*") == 0;
}

/* All that a wildcard stands for, but ours. */
static char *
look_below(struct look *l, const char *wild, bool quick, unsigned depth)
{
	const bool hook = strcmp(wild, l->guarded->host->hook) == 0;
	const char *anchor = l->guarded->host->anchor;
	const size_t ours = strlen(anchor);
	char *parent = xstrndup(wild, strlen(wild) - 2), *list = NULL, *cause;
	char name[PF_ANCHOR_SIZE];
	const char *rest;

	cause = show(l, parent, "Anchors", &list);
	rest = list;
	while (cause == NULL && rest != NULL && pf_anchor_listed(&rest, name)) {
		if (strcmp(name, parent) == 0 || (strncmp(name, anchor, ours) == 0 &&
		    (name[ours] == '\0' || name[ours] == '/')))
			continue;
		cause = look_into(l, name, !hook || strcmp(name, anchor) < 0, quick, depth);
	}
	free(list);
	free(parent);
	return cause;
}

/* Those that a ruleset asks, in the anchor it stands in ("": the main one). */
static char *
look_asked(struct look *l, const char *in, const char *text, bool quick, unsigned depth)
{
	struct pf_anchor a;
	char *cause = NULL, *name;

	while (cause == NULL && pf_anchor_next(l->guarded, &text, &a)) {
		name = *in == '\0' || a.name[0] == '/' ? xstrdup(a.name + (a.name[0] == '/')) :
		    xasprintf("%s/%s", in, a.name);
		cause = is_wild(name) ? look_below(l, name, quick || a.quick, depth) :
		    look_into(l, name, true, quick || a.quick, depth);
		free(name);
	}
	return cause;
}

static char *
look_into(struct look *l, const char *name, bool filter, bool quick, unsigned depth)
{
	char *text, *rule, *cause = NULL;

	if (++l->n > ANCHORS_MAX || depth >= DEPTH_MAX)
		return xasprintf("more anchors are asked before gatehouse's than can be looked into "
		    "(%s): in /etc/pf.conf, put them behind ours", name);
	for (int i = 0; i < (filter ? 2 : 1) && cause == NULL; i++) {
		cause = show(l, name, i == 0 ? "nat" : "rules", &text);
		if (cause != NULL || text == NULL)
			continue;
		rule = pf_foreign_check(l->guarded, text, quick);
		if (rule != NULL)
			cause = xasprintf("the rule \"%s\" in the anchor %s decides before gatehouse does: "
			    "have whoever loads it leave the guests out, or ask it behind ours", rule, name);
		else
			cause = look_asked(l, name, text, quick, depth + 1);
		free(rule);
		free(text);
	}
	return cause;
}

char *
pf_anchors_check(const struct pf_guarded *guarded, const char *nat, const char *rules, bool *known)
{
	struct look l = { .guarded = guarded, .known = known };
	char *cause;

	*known = true;
	cause = look_asked(&l, "", nat, false, 0);
	if (cause == NULL)
		cause = look_asked(&l, "", rules, false, 0);
	if (cause == NULL && is_wild(guarded->host->hook))
		cause = look_below(&l, guarded->host->hook, false, 0);
	return cause;
}
