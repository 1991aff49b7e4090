/*
 * The rooms inside priv, the role that keeps its privilege.
 *
 *   priv.c         verbs: which frame may do what; signals; readiness
 *   priv_check.c   every field of a frame
 *   priv_conf.c    what a new configuration changes
 *   priv_roles.c   the other two roles: started, watched, ended, started again
 *   priv_log.c     which rule is which in pf's log
 *   priv_pins.c    what guests may reach beyond the proxy, many at once
 *   priv_run.c     commands of VM managers and for messages, as who they belong to
 *   priv_state.c   what is remembered over restarts; directories; the lock
 */
#ifndef PRIV_H
#define PRIV_H

#include "conf.h"
#include "firewall/firewall.h"
#include "msg.h"
#include "role.h"

/* ---- priv_state.c ---- */
struct state {
	enum profile	profile;
	bool		proxy_run;
	uint32_t	generation;	/* of net; grows with each of its starts */
	bool		frozen_all;
	uint32_t	nfrozen;
	struct fw_guest	frozen[FW_FROZEN_MAX];
};

/* Makes the directories and takes the lock that keeps a second daemon away.
 * The lock lasts as long as *lock is open. NULL or a cause. */
char	*state_prepare(const struct conf *, int *lock);
/*
 * What was saved; without a file what the configuration says for the first
 * start.  A file that cannot be read or understood is a cause, and then *s
 * is the strictest there is: nothing of what was frozen may be forgotten.
 */
char	*state_load(const struct conf *, struct state *);
char	*state_save(const struct conf *, const struct state *);
/* For whoever starts it: why it could not, NULL: it did. */
void	 state_failed(const struct conf *, const char *cause);
/* The file's text and back; pure. False: not understood. */
bool	 state_parse(const char *text, struct state *);
char	*state_format(const struct state *);

/* ---- priv_conf.c ---- */
/* What net reads only at its start, in a root directory of its own. */
bool	 priv_net_differs(const struct conf *, const struct conf *);
/* Where the daemon lives cannot change under it. NULL or a cause, caller frees. */
char	*priv_fixed_differs(const struct conf *, const struct conf *next);

/* ---- priv_roles.c ---- */
struct roles;
struct roles_events {
	/* fd, or -1, is closed after it. */
	void	 (*frame)(enum role, enum frame, const void *body, int fd, void *arg);
	/* A role started or ended; engine has been told. */
	void	 (*changed)(const struct msg_role *, void *arg);
	/* Both have sent FRAME_READY, for the first time. */
	void	 (*ready)(void *arg);
	/* A number for net's next start, already saved. */
	uint32_t (*generation)(void *arg);
	void	*arg;
};
struct roles	*roles_new(struct event_base *, const char *exe, const char *conf_path,
		    bool foreground, const struct roles_events *);
void		 roles_free(struct roles *);	/* kills what still runs */
void		 roles_start(struct roles *);
/* Ends them all and does not start them again; true once none is left. */
bool		 roles_stop(struct roles *, int signal);
/* Ends one, to be started again at once. */
void		 roles_restart(struct roles *, enum role, const char *why);
/* Kills a role that broke a rule. */
void		 roles_punish(struct roles *, enum role, const char *why);
/* False, and the role is punished, if it reads too slowly. */
bool		 roles_send(struct roles *, enum role, enum frame, const void *body);
/* The same with a descriptor, which is duplicated. */
bool		 roles_send_fd(struct roles *, enum role, enum frame, const void *body, int fd);
bool		 roles_up(const struct roles *, enum role);
/* roles_stop() was called. */
bool		 roles_stopping(const struct roles *);

/* ---- priv_log.c ---- */
/* Tells net of the rules that log, if they changed since it was told or anew says
 * that it knows none. */
void	 log_rules_tell(struct roles *, struct firewall *, bool anew);

/* ---- priv_run.c ---- */
struct priv_run;
/* conf may change while this runs; priv_run_reconf() says that it did. */
struct priv_run	*priv_run_new(struct event_base *, const struct conf *,
		    bool (*tell)(enum frame, const void *body, int fd, void *arg), void *arg);
void		 priv_run_reconf(struct priv_run *);
void		 priv_run_free(struct priv_run *);
/* Frames that were checked. */
void		 priv_run_frame(struct priv_run *, const struct msg_run *);
void		 priv_notify_frame(struct priv_run *, const struct msg_notify *);

/* ---- priv_kept.c ---- */
/* FRAME_KEEP, checked; the fd stays the caller's. */
void		 priv_kept_save(const struct conf *, const struct msg_kept *, int fd);
/* Gives it to an engine that starts. */
void		 priv_kept_tell(const struct conf *, struct roles *);

/* ---- priv_pins.c ---- */
struct priv_pins;
struct priv_pins *priv_pins_new(struct event_base *, struct firewall *, const struct conf *,
		    void (*tell)(enum frame, const void *body, void *arg), void *arg);
void		 priv_pins_free(struct priv_pins *);
/* FRAME_FW_PIN, FRAME_FW_RANGES or FRAME_FW_SENDERS, checked. In force, and answered, soon. */
void		 priv_pins_frame(struct priv_pins *, enum frame, const void *body);
/* Puts in force what waits. */
void		 priv_pins_commit(struct priv_pins *);
/* Tells a new engine of all. */
void		 priv_pins_tell(struct priv_pins *);
/* After firewall_check(): tells of those that are over. */
void		 priv_pins_checked(struct priv_pins *);
/* What was saved, as far as it can be read: before the rules are loaded. */
void		 priv_pins_load(struct priv_pins *);
/* A line of the file, which is written to; false: not understood. */
bool		 priv_pins_parse(char *line, uint64_t wall, struct fw_pin *);
bool		 priv_pins_parse_sender(char *line, struct fw_sender *);

#endif
