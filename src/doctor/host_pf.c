/* FreeBSD and macOS: pf's main rules, which root may list. */
#include "config.h"

#include "doctor/doctor.h"

#include <stdlib.h>
#include <unistd.h>

#include "firewall/pf.h"
#include "xmalloc.h"

/* FreeBSD from 15 on. */
static void
members_row(json_t *rows, const struct pf_host *host)
{
	int on;

	if (!host->members || !pf_bridge_setting(PF_MEMBER_ADDRS, &on))
		return;
	if (on == 0)
		doctor_add(rows, "members", DOCTOR_OK, xstrdup("bridges take nothing in for the addresses of "
		    "their members (" PF_MEMBER_ADDRS " is 0)"), NULL);
	else
		doctor_add(rows, "members", DOCTOR_WARN, xstrdup("a guest whose NIC is new reaches this host "
		    "past the rules until the next check, seconds later (" PF_MEMBER_ADDRS " is 1)"),
		    "gatehouse sets it to 0 once while bridges have guests' ends alone as members; else take "
		    "addresses from members, give them to the bridge, and run \"sysctl " PF_MEMBER_ADDRS
		    "=0\"");
}

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
	members_row(rows, host);
	free(nat);
	free(rules);
}
