/*
 * The interface that blocked packets are logged to.  pf logs into nothing where
 * it is not there, and says nothing of it.
 */
#include "config.h"

#include "firewall/pf.h"

#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xmalloc.h"

enum { NAME_SIZE = 16 };

/* ifconfig with one word behind the name, or none. NULL, "" if it said no and
 * not why, or a cause. */
static char *
ifconfig(const struct pf_host *host, unsigned number, const char *word)
{
	char name[NAME_SIZE];
	const char *const argv[] = { host->ifconfig, name, word, NULL };
	struct program_said r;
	char *cause;

	snprintf(name, sizeof(name), "pflog%u", number);
	if ((cause = pf_run(host, argv, NULL, &r)) != NULL)
		return cause;
	if (r.code != 0)
		cause = xasprintf("%.*s", (int)strcspn(r.err, "\n"), r.err);
	program_said_free(&r);
	return cause;
}

char *
pf_log_up(const struct pf_host *host, unsigned number, bool *made)
{
	char *cause = ifconfig(host, number, NULL), *why;

	*made = false;
	if (cause != NULL) {
		free(cause);
		cause = ifconfig(host, number, "create");
		*made = cause == NULL;
	}
	if (cause == NULL)
		cause = ifconfig(host, number, "up");
	if (cause == NULL)
		return NULL;
	why = xasprintf("pflog%u cannot be made (on FreeBSD: kldload pflog): %s", number,
	    cause[0] != '\0' ? cause : "ifconfig does not say why");
	free(cause);
	return why;
}

char *
pf_log_destroy(const struct pf_host *host, unsigned number)
{
	return ifconfig(host, number, "destroy");
}

bool
pf_log_is_there(const struct pf_host *host, unsigned number)
{
	char name[NAME_SIZE], *cause;

	snprintf(name, sizeof(name), "pflog%u", number);
	if (if_nametoindex(name) != 0)
		return true;
	cause = ifconfig(host, number, NULL);
	free(cause);
	return cause == NULL;
}

bool
pf_log_to_any(const struct pf_host *host, unsigned number)
{
	char *rule = xasprintf("pass log (to pflog%u)\n", number);
	char *normal, *cause = pf_ctl_try(host, rule, &normal);
	const bool taken = cause == NULL || strstr(cause, "stdin:") == NULL;

	free(rule);
	free(normal);
	free(cause);
	return taken;
}
