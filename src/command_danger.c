/* What a request would break or open, in words to ask before it is sent. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "control.h"
#include "xmalloc.h"

static const char *
word(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));

	return s != NULL ? s : "";
}

static unsigned
count(const json_t *status, const char *of, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(json_object_get(status, of), key));

	return n > 0 && n < UINT32_MAX ? (unsigned)n : 0;
}

static char *
apply_danger(const char *profile, const char *guests, unsigned open, bool *typed)
{
	if (strcmp(profile, "observe") == 0) {
		*typed = true;
		return xasprintf("Observe: %s will reach anything, only logged.", guests);
	}
	if (strcmp(profile, "lockdown") == 0)
		return xasprintf("Lockdown: no guest reaches anything, %u open connection%s.", open,
		    open == 1 ? " ends" : "s end");
	return NULL;
}

char *
command_danger(const json_t *status, const char *method, const json_t *params, bool *typed)
{
	unsigned running = count(status, "counts", "running");
	unsigned open = count(status, "proxy", "connections");
	char guests[48] = "every guest";

	/* How many is known only once the engine has said so. */
	if (status != NULL)
		snprintf(guests, sizeof(guests), "%u running guest%s", running, running == 1 ? "" : "s");
	*typed = false;
	if (strcmp(method, "flush") == 0) {
		*typed = true;
		return xasprintf("Flush: %s will reach anything, unfiltered.", guests);
	}
	if (strcmp(method, "apply") == 0 && !json_is_true(json_object_get(params, "dry_run")))
		return apply_danger(word(params, "profile"), guests, open, typed);
	if (strcmp(method, "proxy") == 0 && strcmp(word(params, "action"), "stop") == 0)
		return xasprintf("Stop the proxy: no name is let through, %u open connection%s.", open,
		    open == 1 ? " ends" : "s end");
	if (strcmp(method, "proxy") == 0 && strcmp(word(params, "action"), "learn") == 0)
		return xasprintf("Learn: %s will reach every web site that no entry forbids, %s%s.", guests,
		    word(params, "for")[0] != '\0' ? "for " : "until told otherwise", word(params, "for"));
	if (strcmp(method, "guest.stop") == 0)
		return xasprintf("Stop %s: it is shut down by its VM manager.", word(params, "vm"));
	if (strcmp(method, "guest.start") == 0)
		return xasprintf("Start %s.", word(params, "vm"));
	if (strcmp(method, "shutdown") == 0)
		return xstrdup("Shut the daemon down: rules stay, but no name is let through.");
	if (strcmp(method, "freeze") == 0 && word(params, "vm")[0] == '\0')
		return xasprintf("Freeze all: no packet of %s passes.", guests);
	return NULL;
}
