/*
 * FreeBSD: accounts by pw(8), a script for rc(8), and the hook of our anchor in
 * /etc/pf.conf, or where rc.conf has pf's rules, without which pf would load ours and ask
 * them nothing.
 */
#include "config.h"

#include "setup/setup.h"

#include <stdlib.h>
#include <string.h>

#include "xmalloc.h"

static const char pw[] = "/usr/sbin/pw", sysrc[] = "/usr/sbin/sysrc", service[] = "/usr/sbin/service";
static const char pfctl[] = "/sbin/pfctl", kldload[] = "/sbin/kldload";

static void
accounts(struct setup_plan *p, const struct setup_site *site)
{
	const char *user = site->conf->user, *group = site->conf->group;
	struct setup_step *s;

	s = setup_plan_add(p, SETUP_GROUP, group);
	setup_tool_words(&s->make[0], site, pw, "-R");
	setup_words(&s->make[0], "groupadd", group, NULL);
	setup_tool_words(&s->drop[0], site, pw, "-R");
	setup_words(&s->drop[0], "groupdel", group, NULL);
	s = setup_plan_add(p, SETUP_USER, user);
	setup_tool_words(&s->make[0], site, pw, "-R");
	setup_words(&s->make[0], "useradd", user, "-c", "gatehouse", "-d", "/nonexistent", "-s",
	    "/usr/sbin/nologin", "-w", "no", NULL);
	setup_tool_words(&s->drop[0], site, pw, "-R");
	setup_words(&s->drop[0], "userdel", user, NULL);
}

/* A line of rc.conf: set unless it is so already, and removed again. */
static void
rc_variable(struct setup_plan *p, const struct setup_site *site, const char *name, const char *why)
{
	char *set = xasprintf("%s=YES", name);
	struct setup_step *s = setup_plan_add(p, SETUP_RUN, name);

	s->text = xstrdup(why);
	setup_tool_words(&s->is, site, sysrc, "-R");
	setup_words(&s->is, "-c", set, NULL);
	setup_tool_words(&s->make[0], site, sysrc, "-R");
	setup_words(&s->make[0], set, NULL);
	setup_tool_words(&s->drop[0], site, sysrc, "-R");
	setup_words(&s->drop[0], "-x", name, NULL);
	free(set);
}

static void
start(struct setup_plan *p, const char *name, const char *why, const char *const words[4])
{
	struct setup_step *s = setup_plan_add(p, SETUP_RUN, name);

	s->text = xstrdup(why);
	s->start = true;
	setup_words(&s->make[0], words[0], words[1], words[2], words[3], NULL);
}

/* Before its script goes. */
static void
stop(struct setup_plan *p, const struct setup_site *site)
{
	struct setup_step *s = setup_plan_add(p, SETUP_RUN, "stopped");

	s->text = xstrdup("have the service stop when it is taken away");
	if (site->root[0] == '\0')
		setup_words(&s->drop[0], service, "gatehouse", "onestop", NULL);
}

/* The latest "pf_rules=" of a file of rc(8)'s replaces *path. */
static void
rc_rules(const struct setup_site *site, const char *name, char **path)
{
	char *file = setup_path(site, name), *text = setup_read(file), *rest = text, *line;
	static const char word[] = "pf_rules=";

	while ((line = strsep(&rest, "\n")) != NULL) {
		char *value = line + strlen(word);

		if (strncmp(line, word, strlen(word)) != 0)
			continue;
		value += *value == '"' || *value == '\'';
		value[strcspn(value, "\"' \t#")] = '\0';
		if (*value != '/')
			continue;
		free(*path);
		*path = xstrdup(value);
	}
	free(text);
	free(file);
}

static char *
pf_rules(const struct setup_site *site)
{
	char *path = xstrdup("/etc/pf.conf");

	rc_rules(site, "/etc/rc.conf", &path);
	rc_rules(site, "/etc/rc.conf.local", &path);
	return path;
}

char *
setup_freebsd(struct setup_plan *p, const struct setup_site *site)
{
	const bool now = site->now && site->root[0] == '\0';
	struct setup_step *s;
	char *cause, *rules, *back;

	setup_plan_state(p, site, "wheel");
	accounts(p, site);
	if ((cause = setup_plan_files(p, site, "wheel")) != NULL)
		return cause;
	s = setup_plan_add(p, SETUP_FILE, "/usr/local/etc/rc.d/gatehouse");
	s->mode = 0555;
	s->group = "wheel";
	s->text = site->undo ? NULL : setup_template(site, "gatehouse.rc", &cause);
	if (cause != NULL)
		return cause;
	if (now)
		start(p, "pf", "have pf and its log in the kernel",
		    (const char *const[]){ kldload, "-n", "pf", "pflog" });
	rules = pf_rules(site);
	s = setup_plan_add(p, SETUP_HOOK, rules);
	setup_words(&s->check, pfctl, "-n", "-f", NULL);
	setup_words(&s->load, pfctl, "-f", NULL);
	rc_variable(p, site, "pf_enable", "start pf at boot, with the hooks in its rules");
	rc_variable(p, site, "gatehouse_enable", "start the service at boot");
	stop(p, site);
	if (now)
		start(p, "start", "start the service now",
		    (const char *const[]){ service, "gatehouse", "start", NULL });
	if (site->undo) {
		back = setup_plan_give_back(site);
		p->next = xasprintf("Rules that are in force stay so until the next boot. To open the guests' way "
		    "now:\n    pfctl -a gatehouse -F rules; pfctl -a gatehouse -F nat%s\n", back);
		free(back);
	} else if (!site->now)
		p->next = xasprintf("Say in %s which bridges have guests, then start it:\n"
		    "    kldload -n pf pflog; pfctl -f %s; service gatehouse start\n", site->conf_path,
		    rules);
	free(rules);
	return NULL;
}
