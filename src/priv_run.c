/*
 * Commands of VM managers, and the operator's for messages, as somebody without
 * privilege.  What a command prints never comes here: the reading ends of its
 * pipes go to the engine.
 */
#include "config.h"

#include "priv.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "inventory/commands.h"
#include "log.h"
#include "runner.h"
#include "userns.h"
#include "xmalloc.h"

enum { NOTIFY_SECONDS = 10, NOTIFY_WAITING = 8 };

struct priv_run {
	struct runner		*runner;
	const struct conf	*conf;
	/* As of the start or the last reload: the accounts may be far away. */
	struct inventory_user	 users[INVENTORY_USERS_MAX];
	size_t			 nusers;
	bool			(*tell)(enum frame, const void *body, int fd, void *arg);
	void			*arg;
	struct msg_notify	 waiting[NOTIFY_WAITING];	/* the oldest first */
	unsigned		 nwaiting;
	bool			 notifying;
	char			*notify_cause;	/* told already */
};

/* ---- the inventory's ---- */

static void
on_ended(uint32_t serial, enum ran how, int status, const char *cause, void *arg)
{
	struct priv_run *r = arg;
	struct msg_ran m = { .serial = serial, .how = how, .status = (uint32_t)status };

	copy_string(m.cause, cause, sizeof(m.cause));
	r->tell(FRAME_RAN, &m, -1, r->arg);
}

static void
refuse(struct priv_run *r, uint32_t serial, const char *cause)
{
	log_warnx("inventory: %s", cause);
	on_ended(serial, RAN_FAILED, 0, cause, r);
}

static const struct inventory_user *
user_find(const struct priv_run *r, uid_t uid)
{
	for (size_t i = 0; i < r->nusers; i++) {
		if (r->users[i].uid == uid)
			return &r->users[i];
	}
	return NULL;
}

static bool
line_make(struct command_line *line, const struct conf *conf, const struct msg_run *m,
    const struct command_place *place)
{
	const struct conf_command *c;

	if (m->command != COMMAND_CUSTOM)
		return command_fill(line, (enum inventory_command)m->command, m->key, place->path);
	if (m->custom >= conf->nproviders)
		return false;
	c = &conf->providers[m->custom].command;
	for (uint32_t i = 0; i < c->n; i++)
		line->argv[i] = c->word[i];
	line->argv[c->n] = NULL;
	return true;
}

/* NULL or a cause. */
static char *
command_start(struct priv_run *r, const struct msg_run *m, const struct inventory_user *u,
    const struct command_line *line, const struct command_place *place, int fd[2])
{
	const struct manager_command *row = command_row((enum inventory_command)m->command);
	char path[CONF_PATH_SIZE];
	struct runner_job job = {
		.user = { u->uid, u->gid, u->name, u->home }, .argv = line->argv, .path = path,
		.seconds = COMMAND_CUSTOM_SECONDS,
		.serial = m->serial, .ended = on_ended, .arg = r,
	};

	command_path(r->conf, path);
	if (row != NULL) {
		job.marker = row->home != NULL ? place->path : row->marker;
		job.env = row->home != NULL ? place->env : NULL;
		job.seconds = row->seconds;
		job.lasting = row->lasting;
	}
	if (command_acts((enum inventory_command)m->command))
		log_info("inventory: %s %s as %s", row->name, m->key, u->name);
	return runner_start(r->runner, &job, &fd[0], &fd[1]);
}

void
priv_run_frame(struct priv_run *r, const struct msg_run *m)
{
	struct msg_output output = { .serial = m->serial };
	struct command_line line;
	struct command_place place;
	const struct inventory_user *u = user_find(r, (uid_t)m->uid);
	char *cause;
	int fd[2];

	if (u != NULL)
		command_home(r->conf, (enum inventory_command)m->command, u->home, &place);
	if (u == NULL)
		refuse(r, m->serial, "asked to run a command as somebody who is no inventory user");
	else if (!line_make(&line, r->conf, m, &place))
		refuse(r, m->serial, "asked to run a command that does not fit");
	else if ((cause = command_start(r, m, u, &line, &place, fd)) != NULL) {
		refuse(r, m->serial, cause);
		free(cause);
	} else {
		for (uint32_t i = 0; i < 2; i++) {
			output.error = i;
			r->tell(FRAME_OUTPUT, &output, fd[i], r->arg);
			close(fd[i]);
		}
	}
}

/* ---- messages ---- */

static void	 notify_next(struct priv_run *);

static void
notify_trouble(struct priv_run *r, const char *cause)
{
	struct msg_notified m = { .cause = "" };

	copy_string(m.cause, cause != NULL ? cause : "", sizeof(m.cause));
	r->tell(FRAME_NOTIFIED, &m, -1, r->arg);
	if (cause != NULL && (r->notify_cause == NULL || strcmp(cause, r->notify_cause) != 0))
		log_warnx("notify: %s", cause);
	free(r->notify_cause);
	r->notify_cause = cause != NULL ? xstrdup(cause) : NULL;
}

static void
on_notified(uint32_t serial, enum ran how, int status, const char *cause, void *arg)
{
	struct priv_run *r = arg;
	char text[GH_CAUSE_SIZE];

	if (how == RAN_EXITED && status != 0) {
		snprintf(text, sizeof(text), "%s failed (exit status %d)", r->conf->notify.word[0], status);
		cause = text;
	}
	notify_trouble(r, how == RAN_EXITED && status == 0 ? NULL : cause);
	r->notifying = false;
	notify_next(r);
}

/* The user of the command, if it is one that may run it. */
static bool
notify_user(const struct conf *conf, struct runner_user *u)
{
	const char *name = conf->notify_user[0] != '\0' ? conf->notify_user : conf->user;
	struct passwd *pw = getpwnam(name);

	if (pw == NULL || !userns_has_uid(pw->pw_uid))
		pw = userns_is_initial() ? NULL : getpwuid(geteuid());
	if (pw == NULL)
		return false;
	*u = (struct runner_user){ pw->pw_uid, pw->pw_gid, pw->pw_name, pw->pw_dir };
	return true;
}

static void
notify_next(struct priv_run *r)
{
	const char *argv[CONF_COMMAND_WORDS + 1] = { NULL };
	char path[CONF_PATH_SIZE], *cause = NULL;
	struct runner_job job = { .argv = argv, .path = path, .seconds = NOTIFY_SECONDS,
		.ended = on_notified, .arg = r };

	if (r->notifying || r->nwaiting == 0)
		return;
	for (uint32_t i = 0; i < r->conf->notify.n; i++)
		argv[i] = r->conf->notify.word[i];
	command_path(r->conf, path);
	job.input = r->waiting[0].text;
	if (argv[0] != NULL && !notify_user(r->conf, &job.user))
		cause = xasprintf("there is no user \"%s\" to run it", r->conf->notify_user[0] != '\0' ?
		    r->conf->notify_user : r->conf->user);
	else if (argv[0] != NULL)
		cause = runner_start(r->runner, &job, NULL, NULL);
	r->notifying = argv[0] != NULL && cause == NULL;
	r->nwaiting--;
	memmove(r->waiting, r->waiting + 1, r->nwaiting * sizeof(r->waiting[0]));
	/* Since it was sent the command may have been taken out of the configuration. */
	if (!r->notifying) {
		notify_trouble(r, cause);
		free(cause);
		notify_next(r);
	}
}

void
priv_notify_frame(struct priv_run *r, const struct msg_notify *m)
{
	if (r->nwaiting == NOTIFY_WAITING) {
		notify_trouble(r, "messages come faster than the command ends; some are lost");
		return;
	}
	r->waiting[r->nwaiting++] = *m;
	notify_next(r);
}

struct priv_run *
priv_run_new(struct event_base *base, const struct conf *conf,
    bool (*tell)(enum frame, const void *, int, void *), void *arg)
{
	struct priv_run *r = xcalloc(1, sizeof(*r));

	r->runner = runner_new(base);
	r->conf = conf;
	r->tell = tell;
	r->arg = arg;
	priv_run_reconf(r);
	return r;
}

void
priv_run_reconf(struct priv_run *r)
{
	r->nusers = inventory_users(r->conf, r->users);
}

void
priv_run_free(struct priv_run *r)
{
	if (r == NULL)
		return;
	runner_free(r->runner);
	free(r->notify_cause);
	free(r);
}
