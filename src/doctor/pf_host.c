#include "config.h"

#include "doctor/pf_host.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doctor/doctor.h"
#include "setup/setup.h"
#include "xmalloc.h"

void
pf_host(json_t *rows, const char *anchor)
{
	const struct setup_site site = { .root = "" };
	struct setup_command nat = { .argv = { NULL } }, rules = { .argv = { NULL } };
	char *all, *said[2] = { NULL, NULL }, *cause;

	if (geteuid() != 0) {
		doctor_add(rows, "foreign", DOCTOR_SKIP, xstrdup("pf's main rules can be listed by root "
		    "alone"), "run \"gatehouse doctor\" as root");
		return;
	}
	setup_words(&nat, "/sbin/pfctl", "-s", "nat", NULL);
	setup_words(&rules, "/sbin/pfctl", "-s", "rules", NULL);
	cause = setup_tool_said(&site, &nat, &said[0]);
	if (cause == NULL)
		cause = setup_tool_said(&site, &rules, &said[1]);
	if (cause != NULL) {
		doctor_add(rows, "foreign", DOCTOR_FAIL, cause, "\"pfctl -s info\" says whether pf is there");
	} else {
		all = xasprintf("%s\n%s\n", said[0], said[1]);
		foreign_pf(rows, all, anchor);
		free(all);
	}
	free(said[0]);
	free(said[1]);
	for (size_t i = 0; i < SETUP_ARGS_MAX; i++) {
		free(nat.argv[i]);
		free(rules.argv[i]);
	}
}
