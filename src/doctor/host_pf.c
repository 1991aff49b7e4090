/* FreeBSD and macOS: pf's main rules, which root may list. */
#include "config.h"

#include "doctor/doctor.h"

#include <stdlib.h>
#include <unistd.h>

#include "firewall/pf.h"
#include "xmalloc.h"

void
doctor_host(json_t *rows, const struct conf *conf)
{
	const struct pf_host *host = pf_host_here();
	char *nat = NULL, *rules = NULL, *cause;

	if (geteuid() != 0) {
		doctor_add(rows, "foreign", DOCTOR_SKIP, xstrdup("pf's main rules can be listed by root "
		    "alone"), "run \"gatehouse doctor\" as root");
		return;
	}
	cause = pf_ctl_show(host, NULL, "nat", false, &nat);
	if (cause == NULL)
		cause = pf_ctl_show(host, NULL, "rules", false, &rules);
	if (cause != NULL)
		doctor_add(rows, "foreign", DOCTOR_FAIL, cause, "\"pfctl -s info\" says whether pf is there");
	else
		foreign_pf(rows, host, nat, rules, conf);
	free(nat);
	free(rules);
}
