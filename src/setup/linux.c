/*
 * Linux: accounts by shadow's tools, a unit for systemd.  Where something else
 * starts the system, everything but the unit is made, and told what is left.
 */
#include "config.h"

#include "setup/setup.h"

#include <stdlib.h>

#include "xmalloc.h"

#define UNIT		"gatehouse.service"
#define UNIT_PATH	"/etc/systemd/system/" UNIT

static const char useradd[] = "/usr/sbin/useradd", groupadd[] = "/usr/sbin/groupadd";
static const char userdel[] = "/usr/sbin/userdel", groupdel[] = "/usr/sbin/groupdel";
static const char systemctl[] = "/usr/bin/systemctl";

static void
accounts(struct setup_plan *p, const struct setup_site *site)
{
	const char *user = site->conf->user, *group = site->conf->group;
	struct setup_step *s;

	/* --prefix, unlike --root, needs no libraries there. */
	s = setup_plan_add(p, SETUP_GROUP, group);
	setup_tool_words(&s->make[0], site, groupadd, "--prefix");
	setup_words(&s->make[0], "--system", group, NULL);
	setup_tool_words(&s->drop[0], site, groupdel, "--prefix");
	setup_words(&s->drop[0], group, NULL);
	s = setup_plan_add(p, SETUP_USER, user);
	setup_tool_words(&s->make[0], site, useradd, "--prefix");
	setup_words(&s->make[0], "--system", "--user-group", "--no-create-home", "--home-dir",
	    "/nonexistent", "--shell", "/usr/sbin/nologin", "--comment", "gatehouse", user, NULL);
	setup_tool_words(&s->drop[0], site, userdel, "--prefix");
	setup_words(&s->drop[0], user, NULL);
}

/* A command of systemctl about the unit. */
static void
systemctl_words(struct setup_command *c, const struct setup_site *site, const char *verb,
    const char *option)
{
	setup_tool_words(c, site, systemctl, "--root");
	setup_words(c, verb, NULL);
	if (option != NULL)
		setup_words(c, option, NULL);
	setup_words(c, UNIT, NULL);
}

static char *
service(struct setup_plan *p, const struct setup_site *site)
{
	const bool running = site->root[0] == '\0';
	char *cause = NULL;
	struct setup_step *s;

	/* Undone in the other order: once the unit is gone. */
	if (running) {
		s = setup_plan_add(p, SETUP_RUN, "forget");
		s->text = xstrdup("have systemd forget the unit when it is taken away");
		setup_words(&s->drop[0], systemctl, "daemon-reload", NULL);
	}
	s = setup_plan_add(p, SETUP_FILE, UNIT_PATH);
	s->mode = 0644;
	s->text = site->undo ? NULL : setup_template(site, UNIT, &cause);
	if (cause != NULL)
		return cause;
	if (running) {
		s = setup_plan_add(p, SETUP_RUN, "reload");
		s->text = xstrdup("have systemd read its units again");
		s->start = true;
		setup_words(&s->make[0], systemctl, "daemon-reload", NULL);
	}
	s = setup_plan_add(p, SETUP_RUN, "enable");
	s->text = xstrdup("start the service at boot");
	systemctl_words(&s->is, site, "is-enabled", "--quiet");
	systemctl_words(&s->make[0], site, "enable", "--quiet");
	systemctl_words(&s->drop[0], site, "disable", running ? "--now" : NULL);
	if (site->now && running) {
		s = setup_plan_add(p, SETUP_RUN, "start");
		s->text = xstrdup("start the service now");
		s->start = true;
		systemctl_words(&s->make[0], site, "start", NULL);
	}
	return NULL;
}

char *
setup_linux(struct setup_plan *p, const struct setup_site *site)
{
	char *cause;

	setup_plan_state(p, site, "root");
	accounts(p, site);
	if ((cause = setup_plan_files(p, site, "root")) != NULL)
		return cause;
	if (site->undo)
		p->next = xstrdup("Rules that are in force stay so until the next boot. To open the guests' way "
		    "now:\n    nft delete table inet gatehouse; nft delete table bridge gatehouse\n");
	else if (!site->systemd)
		p->next = xasprintf("systemd does not start this system: have what does run this before "
		    "any guest starts\n    %s daemon\n", site->exe);
	else if (!site->now)
		p->next = xasprintf("Say in %s which bridges have guests, then start it:\n"
		    "    systemctl start " UNIT "\n", site->conf_path);
	return site->systemd ? service(p, site) : NULL;
}
