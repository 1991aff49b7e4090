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
		p->next = xasprintf("The rules stay in force until the next boot. To open the guests' way "
		    "now:\n    pfctl -a com.apple/gatehouse -F rules; "
		    "pfctl -a com.apple/gatehouse -F nat%s\n", back);
		free(back);
	} else if (!site->now)
		p->next = xasprintf("launchd starts it at the next boot. Say in %s which bridges have "
		    "guests, then, to start it now:\n    launchctl bootstrap system " PLIST_PATH "\n",
		    site->conf_path);
	return NULL;
}
