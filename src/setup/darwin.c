/*
 * macOS: accounts by dscl(1), a property list for launchd.  The stock pf.conf
 * hooks every anchor below com.apple, where ours is, so that nothing is edited.
 */
#include "config.h"

#include "setup/setup.h"

#include <inttypes.h>
#include <stdlib.h>

#include "xmalloc.h"

#define LABEL		"com.gatehouse.daemon"
#define PLIST_PATH	"/Library/LaunchDaemons/" LABEL ".plist"
#define LOG_PATH	"/var/log/gatehouse.log"	/* as the property list has it */

static const char dscl[] = "/usr/bin/dscl", launchctl[] = "/bin/launchctl";

static void
group(struct setup_plan *p, const char *name, uint32_t number)
{
	struct setup_step *s = setup_plan_add(p, SETUP_GROUP, name);
	char *path = xasprintf("/Groups/%s", name), *id = xasprintf("%" PRIu32, number);

	setup_words(&s->make[0], dscl, ".", "-create", path, NULL);
	setup_words(&s->make[1], dscl, ".", "-create", path, "PrimaryGroupID", id, NULL);
	setup_words(&s->make[2], dscl, ".", "-create", path, "RealName", "gatehouse", NULL);
	setup_words(&s->drop[0], dscl, ".", "-delete", path, NULL);
	free(id);
	free(path);
}

static void
user(struct setup_plan *p, const char *name, uint32_t number)
{
	struct setup_step *s = setup_plan_add(p, SETUP_USER, name);
	char *path = xasprintf("/Users/%s", name), *id = xasprintf("%" PRIu32, number);
	const struct { const char *key, *value; } attributes[] = {
		{ "UniqueID", id }, { "PrimaryGroupID", id }, { "UserShell", "/usr/bin/false" },
		{ "NFSHomeDirectory", "/var/empty" }, { "RealName", "gatehouse" },
		{ "IsHidden", "1" },
	};

	setup_words(&s->make[0], dscl, ".", "-create", path, NULL);
	for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++)
		setup_words(&s->make[1 + i], dscl, ".", "-create", path, attributes[i].key,
		    attributes[i].value, NULL);
	setup_words(&s->drop[0], dscl, ".", "-delete", path, NULL);
	free(id);
	free(path);
}

/*
 * A daemon that launchd starts again every two seconds must not fill the disk with why it
 * ended.  No signal: one that runs goes on in the file that it has, for launchd opens it.
 */
static void
log_kept_small(struct setup_plan *p)
{
	struct setup_step *s = setup_plan_add(p, SETUP_FILE, "/etc/newsyslog.d/gatehouse.conf");

	s->mode = 0644;
	s->group = "wheel";
	s->text = xstrdup("# file\t\t\tmode count size when flags\n"
	    LOG_PATH "\t640  3     1000 *    N\n");
	s = setup_plan_add(p, SETUP_RUN, "log");
	s->text = xstrdup("have its log go with the service");
	setup_words(&s->drop[0], "/bin/rm", "-f", LOG_PATH, LOG_PATH ".0", LOG_PATH ".1", LOG_PATH ".2",
	    NULL);
}

char *
setup_darwin(struct setup_plan *p, const struct setup_site *site)
{
	struct setup_step *s;
	char *cause, *back;

	setup_plan_state(p, site, "wheel");
	/* The operators' group has the number after that of the roles. */
	group(p, site->conf->group, site->free_id + 1);
	group(p, site->conf->user, site->free_id);
	user(p, site->conf->user, site->free_id);
	if ((cause = setup_plan_files(p, site, "wheel")) != NULL)
		return cause;
	s = setup_plan_add(p, SETUP_FILE, PLIST_PATH);
	s->mode = 0644;
	s->group = "wheel";
	s->text = site->undo ? NULL : setup_template(site, LABEL ".plist", &cause);
	if (cause != NULL)
		return cause;
	log_kept_small(p);
	s = setup_plan_add(p, SETUP_RUN, "stopped");
	s->text = xstrdup("have launchd let go of the service when it is taken away");
	setup_words(&s->still, launchctl, "print", "system/" LABEL, NULL);
	setup_words(&s->drop[0], launchctl, "bootout", "system/" LABEL, NULL);
	if (site->now) {
		s = setup_plan_add(p, SETUP_RUN, "start");
		s->text = xstrdup("start the service now");
		s->start = true;
		setup_words(&s->make[0], launchctl, "bootstrap", "system", PLIST_PATH, NULL);
	}
	if (site->undo) {
		back = setup_plan_give_back(site);
		p->next = xasprintf("Rules that are in force stay so until the next boot. To open the guests' way "
		    "now:\n    pfctl -a com.apple/gatehouse -F rules; "
		    "pfctl -a com.apple/gatehouse -F nat%s\n", back);
		free(back);
	} else if (!site->now)
		p->next = xasprintf("launchd starts it at the next boot. Say in %s which bridges have "
		    "guests, then, to start it now:\n    launchctl bootstrap system " PLIST_PATH "\n",
		    site->conf_path);
	return NULL;
}
