/*
 * The role that keeps its privilege.  It runs the verbs of enum fw_verb, each
 * with the fixed arguments of one frame, starts and watches the other roles,
 * and remembers what must hold over restarts.  No rule text, no path and no
 * shell string reaches it from another role; the rules it loads are rendered
 * here from root's own files.
 *
 * Rules are in force before net is started, and stay when priv ends.  While a
 * role is down the redirect leads to a closed port, so guests get nothing.
 */
#include "config.h"

#include "priv.h"

#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "addr.h"
#include "firewall/nft.h"
#include "host.h"
#include "log.h"
#include "priv_check.h"
#include "proxy/chain.h"
#include "xmalloc.h"

enum { STOP_SECONDS = 3, START_SECONDS = 30, CHANGED_USEC = 100000 };

struct priv {
	const struct daemon_options *options;
	char			*conf_path;	/* absolute */
	struct conf		 conf;
	struct event_base	*base;
	struct firewall		*fw;
	struct roles		*roles;
	struct priv_pins	*pins;
	struct priv_run		*run;
	struct state		 state;
	enum profile		 resting;	/* flushed by FW_REST, or PROFILE_NONE */
	int			 lock, parent;	/* -1: none; parent waits for an answer */
	bool			 serving;
	int			 code;		/* exit status */
	struct event		*tick, *links, *changes, *changed, *deadline, *signals[3];
};

/* ---- what is remembered ---- */

/* Returns a cause: what was done will not outlive a restart. */
static char *
remember(struct priv *p)
{
	const struct fw_guest *frozen;
	char *cause;

	p->state.profile = p->resting != PROFILE_NONE ? p->resting : firewall_profile(p->fw);
	p->state.nfrozen = (uint32_t)firewall_frozen(p->fw, &frozen, &p->state.frozen_all);
	memcpy(p->state.frozen, frozen, p->state.nfrozen * sizeof(*frozen));
	cause = state_save(&p->conf, &p->state);
	if (cause != NULL)
		log_warnx("%s", cause);
	return cause;
}

static uint32_t
next_generation(void *arg)
{
	struct priv *p = arg;

	p->state.generation++;
	free(remember(p));
	return p->state.generation;
}

/* ---- the firewall ---- */

static void
send_status(struct priv *p, struct fw_status *status)
{
	status->resting = p->resting;
	if (roles_up(p->roles, ROLE_ENGINE))
		roles_send(p->roles, ROLE_ENGINE, FRAME_FW_STATUS, status);
	log_rules_tell(p->roles, p->fw, false);
}

/* Looks, tells, and on drift repairs if that is wanted. */
static void
look(struct priv *p)
{
	struct fw_status status;
	char *cause;

	priv_pins_commit(p->pins);
	firewall_check(p->fw, &status);
	priv_pins_checked(p->pins);
	send_status(p, &status);
	/* It opens the log while it is root still. */
	if (p->serving && firewall_log_is_new(p->fw))
		roles_restart(p->roles, ROLE_NET, "started again to read the log that was made anew");
	if (!status.drift || !p->conf.repair || status.profile == PROFILE_NONE)
		return;
	log_warnx("%s: loading %s again", status.cause, profile_name(status.profile));
	cause = firewall_apply(p->fw, (enum profile)status.profile);
	if (cause != NULL)
		log_warnx("%s", cause);
	firewall_check(p->fw, &status);
	status.repaired = cause == NULL;
	free(cause);
	send_status(p, &status);
}

/* The next one is as far from the end of this, however long that took: one that is due by now
 * would keep back what was just answered. */
static void
check(struct priv *p)
{
	const struct timeval next = { .tv_sec = p->conf.check_seconds };

	look(p);
	event_base_update_cache_time(p->base);
	event_add(p->tick, &next);
}

/* Sends a text in pieces; the last says so. */
static void
send_text(struct priv *p, uint32_t serial, const char *text)
{
	size_t left = strlen(text);
	struct msg_fw_text m;

	do {
		memset(&m, 0, sizeof(m));
		m.serial = serial;
		m.len = left < FRAME_TEXT_MAX ? (uint32_t)left : FRAME_TEXT_MAX;
		memcpy(m.text, text, m.len);
		text += m.len;
		left -= m.len;
		m.last = left == 0;
	} while (roles_send(p->roles, ROLE_ENGINE, FRAME_FW_TEXT, &m) && left > 0);
}

static void
send_result(struct priv *p, uint32_t serial, const char *cause)
{
	struct msg_fw_result m = { .serial = serial, .ok = cause == NULL };

	copy_string(m.cause, cause != NULL ? cause : "", sizeof(m.cause));
	roles_send(p->roles, ROLE_ENGINE, FRAME_FW_RESULT, &m);
}

/* Until guests come; who forgets to wake it finds the rules in force after a
 * restart of either of us. */
static char *
rest(struct priv *p)
{
	const enum profile profile = firewall_profile(p->fw);
	char *cause;

	if (profile == PROFILE_NONE)
		return p->resting != PROFILE_NONE ? NULL :
		    xstrdup("the rules are flushed already");
	cause = firewall_flush(p->fw);
	if (cause == NULL)
		p->resting = profile;
	return cause;
}

static char *
wake(struct priv *p)
{
	const enum profile profile = p->resting;
	char *cause = firewall_apply(p->fw, profile);

	if (cause == NULL)
		p->resting = PROFILE_NONE;
	return cause;
}

/* Whoever watches for guests is about to be gone. */
static void
wake_if_resting(struct priv *p)
{
	char *cause = p->resting != PROFILE_NONE ? wake(p) : NULL;

	if (cause != NULL)
		log_warnx("%s", cause);
	free(cause);
}

/* Remembered without effect would be a promise not kept: what somebody else made of the
 * rules is put right too, also where that is not repaired by itself. */
static char *
freeze(struct priv *p, const struct fw_guest *guest)
{
	struct fw_status status;
	char *cause = p->resting != PROFILE_NONE ? wake(p) : NULL, *trouble, *all;

	if (cause != NULL)
		return cause;
	if (firewall_profile(p->fw) == PROFILE_NONE)
		return xstrdup("the rules are flushed, so no guest can be frozen; apply a profile "
		    "first (gatehouse apply)");
	/* At once, by what is there of the rules; a look takes long with pf. */
	cause = firewall_freeze(p->fw, guest, true);
	firewall_check(p->fw, &status);
	if (!status.drift)
		return cause;
	free(cause);
	send_status(p, &status);
	log_warnx("%s: loading %s again, for the freeze", status.cause, profile_name(status.profile));
	trouble = firewall_apply(p->fw, firewall_profile(p->fw));
	cause = firewall_freeze(p->fw, guest, true);
	if (trouble == NULL)
		return cause;
	all = xasprintf("the rules are not those that were loaded, and cannot be loaded again, so what they "
	    "let through goes on (mend this, then \"gatehouse apply\"): %s%s%s", trouble,
	    cause != NULL ? "; " : "", cause != NULL ? cause : "");
	free(trouble);
	free(cause);
	return all;
}

static const char *
what_stays(const struct priv *p)
{
	return firewall_profile(p->fw) == PROFILE_NONE && p->resting == PROFILE_NONE ?
	    "no rules are in force" : "the rules stay in force";
}

/* The verbs. What changes rules is remembered and told. */
static void
verb_run(struct priv *p, const struct msg_fw_request *r)
{
	char *cause = NULL, *text = NULL;
	bool changes = true;

	switch ((enum fw_verb)r->verb) {
	case FW_APPLY:
		cause = firewall_apply(p->fw, (enum profile)r->profile);
		if (cause == NULL)
			p->resting = PROFILE_NONE;
		break;
	case FW_FLUSH:
		cause = firewall_flush(p->fw);
		if (cause == NULL)
			p->resting = PROFILE_NONE;
		break;
	case FW_REST:
		cause = rest(p);
		break;
	case FW_FREEZE:
		cause = freeze(p, r->everyone ? NULL : &r->guest);
		break;
	case FW_THAW:
		cause = firewall_freeze(p->fw, r->everyone ? NULL : &r->guest, false);
		break;
	case FW_LIST:
		text = firewall_list(p->fw, &cause);
		changes = false;
		break;
	case FW_DIFF:
		text = firewall_diff(p->fw, (enum profile)r->profile, &cause);
		changes = false;
		break;
	case FW_NONE:
	case FW_VERB_COUNT:
		return;		/* request_check() lets neither by */
	}
	if (changes) {
		log_info("%s%s%s: %s", fw_verb_name((enum fw_verb)r->verb),
		    r->verb == FW_APPLY ? " " : "",
		    r->verb == FW_APPLY ? profile_name((enum profile)r->profile) : "",
		    cause != NULL ? cause : "done");
		if (cause == NULL)
			cause = remember(p);
	}
	if (text != NULL)
		send_text(p, r->serial, text);
	send_result(p, r->serial, cause);
	if (changes)
		check(p);
	free(text);
	free(cause);
}

/* ---- reload ---- */

/* All of the new configuration, or none of it. */
static char *
reload(struct priv *p)
{
	struct conf next;
	char *cause;

	conf_defaults(&next);
	cause = conf_load(&next, p->conf_path);
	if (cause == NULL)
		cause = chain_credentials(&next);
	if (cause == NULL)
		cause = priv_fixed_differs(&p->conf, &next);
	if (cause != NULL)
		return cause;
	firewall_reconf(p->fw, &next);
	if (firewall_profile(p->fw) != PROFILE_NONE)
		cause = firewall_apply(p->fw, firewall_profile(p->fw));
	if (cause != NULL) {
		firewall_reconf(p->fw, &p->conf);
		return cause;
	}
	if (priv_net_differs(&p->conf, &next))
		roles_restart(p->roles, ROLE_NET, "started again with its new configuration");
	p->conf = next;
	priv_run_reconf(p->run);
	return NULL;
}

static void
reload_and_tell(struct priv *p)
{
	struct msg_reloaded m = { .ok = 0 };
	char *cause = reload(p);

	if (cause != NULL)
		log_warnx("not reloaded: %s", cause);
	else
		log_info("reloaded %s", p->conf_path);
	m.ok = cause == NULL;
	copy_string(m.cause, cause != NULL ? cause : "", sizeof(m.cause));
	if (roles_up(p->roles, ROLE_ENGINE))
		roles_send(p->roles, ROLE_ENGINE, FRAME_RELOADED, &m);
	check(p);
	free(cause);
}

/* ---- starting and ending ---- */

/* Tells the process that waits for the daemon to serve: "" or a cause. */
static void
answer_parent(struct priv *p, const char *cause)
{
	ssize_t n;

	if (p->parent == -1)
		return;
	n = write(p->parent, cause, strlen(cause) + 1);
	if (n == -1)
		log_warn("nobody waits for the daemon any more");
	close(p->parent);
	p->parent = -1;
}

static void
stop(struct priv *p, int code)
{
	const struct timeval patience = { .tv_sec = STOP_SECONDS };

	p->code = code;
	wake_if_resting(p);
	if (roles_stop(p->roles, SIGTERM))
		event_base_loopbreak(p->base);
	else
		event_add(p->deadline, &patience);
}

static void
start_failed(struct priv *p, const char *cause)
{
	log_warnx("not started: %s", cause);
	state_failed(&p->conf, cause);
	answer_parent(p, cause);
	stop(p, 1);
}

static void
on_deadline(int fd, short what, void *arg)
{
	struct priv *p = arg;

	if (!roles_stopping(p->roles)) {
		start_failed(p, "the roles took too long to get ready; the log says what they did");
		return;
	}
	roles_stop(p->roles, SIGKILL);
	event_base_loopbreak(p->base);
}

static void
on_ready(void *arg)
{
	struct priv *p = arg;

	p->serving = true;
	event_del(p->deadline);
	log_info("serving, rules in force: %s", profile_name(firewall_profile(p->fw)));
	state_failed(&p->conf, NULL);
	answer_parent(p, "");
}

static void
on_role(const struct msg_role *m, void *arg)
{
	struct priv *p = arg;
	const struct msg_proxy saved = { .run = p->state.proxy_run };
	char cause[GH_CAUSE_SIZE * 2];

	if (m->up && m->role == ROLE_NET)
		log_rules_tell(p->roles, p->fw, true);
	if (m->up && m->role == ROLE_ENGINE) {
		priv_pins_tell(p->pins);
		priv_kept_tell(&p->conf, p->roles);
		roles_send(p->roles, ROLE_ENGINE, FRAME_PROXY_SAVED, &saved);
		check(p);
	}
	if (m->up)
		return;
	/* Nobody looks for guests now. */
	if (m->role == ROLE_ENGINE)
		wake_if_resting(p);
	if (roles_stopping(p->roles)) {
		if (!roles_up(p->roles, ROLE_ENGINE) && !roles_up(p->roles, ROLE_NET))
			event_base_loopbreak(p->base);
	} else if (!p->serving) {
		snprintf(cause, sizeof(cause), "%s %s; what it said before is in the log (run "
		    "\"gatehouse daemon -d\" to see it here)", role_name((enum role)m->role), m->why);
		start_failed(p, cause);
	}
}

/* ---- frames and events ---- */

static void
on_frame(enum role from, enum frame type, const void *body, int fd, void *arg)
{
	struct priv *p = arg;
	const struct msg_proxy *proxy = body;
	const char *why = frame_check(type, body);

	if (why != NULL) {
		roles_punish(p->roles, from, why);
		return;
	}
	switch (type) {
	case FRAME_FW_REQUEST:
		verb_run(p, body);
		break;
	case FRAME_FW_PIN:
	case FRAME_FW_RANGES:
	case FRAME_FW_SENDERS:
		priv_pins_frame(p->pins, type, body);
		break;
	case FRAME_KEEP:
		priv_kept_save(&p->conf, body, fd);
		break;
	case FRAME_RUN:
		priv_run_frame(p->run, body);
		break;
	case FRAME_NOTIFY:
		priv_notify_frame(p->run, body);
		break;
	case FRAME_RELOAD:
		reload_and_tell(p);
		break;
	case FRAME_SHUTDOWN:
		log_info("asked to end; %s", what_stays(p));
		stop(p, 0);
		break;
	case FRAME_PROXY_SAVE:
		p->state.proxy_run = proxy->run != 0;
		free(remember(p));
		break;
	default:
		break;		/* msg.c delivers nothing else */
	}
}

static void
on_tick(int fd, short what, void *arg)
{
	check(arg);
}

static void
on_links(int fd, short what, void *arg)
{
	struct priv *p = arg;
	char *cause = firewall_links(p->fw);

	if (cause != NULL)
		log_warnx("%s", cause);
	free(cause);
	if (p->resting == PROFILE_NONE)
		return;
	/* It may be a guest's that has its address already. If not, they rest again. */
	wake_if_resting(p);
	check(p);
}

/* Somebody, perhaps we, changed the kernel's rules: look soon, once for many. */
static void
on_changes(int fd, short what, void *arg)
{
	static const struct timeval soon = { .tv_usec = CHANGED_USEC };
	struct priv *p = arg;

	firewall_changes_seen(p->fw);
	if (!event_pending(p->changed, EV_TIMEOUT, NULL))
		event_add(p->changed, &soon);
}

static void
on_changed(int fd, short what, void *arg)
{
	check(arg);
}

static void
on_signal(int signo, short what, void *arg)
{
	struct priv *p = arg;

	if (signo == SIGHUP) {
		reload_and_tell(p);
		return;
	}
	log_info("ending on signal %d; %s", signo, what_stays(p));
	stop(p, 0);
}

static struct event *
add_event(struct event *e)
{
	if (e == NULL || event_add(e, NULL) == -1)
		fatalx("cannot watch for events");
	return e;
}

static void
watch(struct priv *p)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
	const struct timeval start = { .tv_sec = START_SECONDS }, soon = { .tv_sec = 1 };

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		p->signals[i] = add_event(evsignal_new(p->base, signals[i], on_signal, p));
	p->tick = evtimer_new(p->base, on_tick, p);
	p->deadline = evtimer_new(p->base, on_deadline, p);
	if (p->tick == NULL || p->deadline == NULL || event_add(p->tick, &soon) == -1 ||
	    event_add(p->deadline, &start) == -1)
		fatalx("cannot watch for events");
	if (firewall_watch_fd(p->fw) != -1)
		p->links = add_event(event_new(p->base, firewall_watch_fd(p->fw),
		    EV_READ | EV_PERSIST, on_links, p));
	p->changed = evtimer_new(p->base, on_changed, p);
	if (p->changed != NULL && firewall_changes_fd(p->fw) != -1)
		p->changes = add_event(event_new(p->base, firewall_changes_fd(p->fw),
		    EV_READ | EV_PERSIST, on_changes, p));
}

/* [guard] auto = no: only what is in the kernel goes on, if it is. */
static void
restore_nothing(struct priv *p)
{
	struct fw_status status;

	firewall_check(p->fw, &status);
	if (status.loaded || status.verified == 0)
		return;
	log_warnx("no rules are loaded, for %s says \"auto = no\" in [guard]: guests are open "
	    "(gatehouse apply)", p->conf.path);
	p->state.profile = PROFILE_NONE;
}

/* Puts in force what was in force before, frozen guests included. */
static char *
restore(struct priv *p)
{
	char *cause = state_load(&p->conf, &p->state);
	const bool understood = cause == NULL;

	if (cause != NULL)
		log_warnx("%s: every guest is frozen until an operator thaws them", cause);
	free(cause);
	cause = NULL;
	priv_pins_load(p->pins);
	if (understood && !p->conf.auto_apply && p->state.profile != PROFILE_NONE)
		restore_nothing(p);
	for (uint32_t i = 0; cause == NULL && i < p->state.nfrozen; i++)
		cause = firewall_freeze(p->fw, &p->state.frozen[i], true);
	if (cause == NULL && p->state.frozen_all)
		cause = firewall_freeze(p->fw, NULL, true);
	if (cause == NULL && p->state.profile == PROFILE_NONE)
		log_warnx("the rules were flushed and stay so: guests are open (gatehouse apply)");
	else if (cause == NULL)
		cause = firewall_apply(p->fw, p->state.profile);
	return cause;
}

static void
tell_engine(enum frame type, const void *body, void *arg)
{
	struct priv *p = arg;

	if (roles_up(p->roles, ROLE_ENGINE))
		roles_send(p->roles, ROLE_ENGINE, type, body);
}

static bool
tell_engine_fd(enum frame type, const void *body, int fd, void *arg)
{
	struct priv *p = arg;

	return roles_up(p->roles, ROLE_ENGINE) && roles_send_fd(p->roles, ROLE_ENGINE, type, body, fd);
}

static char *
start(struct priv *p)
{
	const struct roles_events events = { on_frame, on_role, on_ready, next_generation, p };
	const char *exe = p->options->role_exe != NULL ? p->options->role_exe : host_exe();
	char *cause;

	if (exe == NULL)
		return xasprintf("the system does not say where this program is: %s", strerror(errno));
	p->conf_path = realpath(p->options->conf_path, NULL);
	if (p->conf_path == NULL)
		return xasprintf("%s: %s", p->options->conf_path, strerror(errno));
	conf_defaults(&p->conf);
	cause = conf_load(&p->conf, p->conf_path);
	if (cause == NULL)
		cause = chain_credentials(&p->conf);
	if (cause == NULL)
		cause = state_prepare(&p->conf, &p->lock);
	if (cause == NULL)
		p->fw = firewall_open(&p->conf, &cause);
	if (cause != NULL)
		return cause;
	p->base = event_base_new();
	if (p->base == NULL)
		return xstrdup("cannot make an event loop");
	p->run = priv_run_new(p->base, &p->conf, tell_engine_fd, p);
	p->pins = priv_pins_new(p->base, p->fw, &p->conf, tell_engine, p);
	cause = restore(p);
	if (cause != NULL)
		return cause;
	p->roles = roles_new(p->base, exe, p->conf_path, p->options->foreground, &events);
	watch(p);
	return NULL;
}

static void
finish(struct priv *p)
{
	roles_free(p->roles);
	for (size_t i = 0; i < sizeof(p->signals) / sizeof(p->signals[0]); i++) {
		if (p->signals[i] != NULL)
			event_free(p->signals[i]);
	}
	if (p->tick != NULL)
		event_free(p->tick);
	if (p->deadline != NULL)
		event_free(p->deadline);
	if (p->links != NULL)
		event_free(p->links);
	if (p->changes != NULL)
		event_free(p->changes);
	if (p->changed != NULL)
		event_free(p->changed);
	priv_pins_free(p->pins);
	priv_run_free(p->run);
	if (p->base != NULL)
		event_base_free(p->base);
	firewall_close(p->fw);
	if (p->lock != -1)
		close(p->lock);
	free(p->conf_path);
	free(p);
}

int
priv_main(const struct daemon_options *options)
{
	struct priv *p = xcalloc(1, sizeof(*p));
	char *cause;
	int code;

	p->options = options;
	p->lock = -1;
	p->parent = options->answer_fd;
	signal(SIGPIPE, SIG_IGN);
	cause = start(p);
	if (cause != NULL) {
		log_warnx("not started: %s", cause);
		/* The directory is ours as long as the lock is. */
		if (p->lock != -1)
			state_failed(&p->conf, cause);
		answer_parent(p, cause);
		free(cause);
		finish(p);
		return 1;
	}
	roles_start(p->roles);
	event_base_dispatch(p->base);
	code = p->code;
	finish(p);
	return code;
}
