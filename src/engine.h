/*
 * The engine: the one process that knows everything and decides what the
 * others do.  It holds the model, the allowlist and the inventory, talks
 * to priv and net in frames, and to consoles in JSON.
 *
 *	engine.c	channels, frames, timers
 *	engine_main.c	the process
 *	policy.c	the allowlist: watching, editing, sending
 *	policy_load.c	reading it in a thread
 *	guests.c	who is who, and telling net
 *	learn.c		letting unlisted names through, and what that has shown
 *	freeze.c	freezing and thawing
 *	acts.c		starting and stopping guests
 *	life.c		rules that rest while no guest runs
 *	pinned.c	ports of names that guests reach beyond the proxy
 *	addresses.c	addresses that they do
 *	senders.c	and by which hardware addresses alone
 *	kept.c		what VM managers told, for the engine after this one
 *	rules.c		requests to priv, and the kernel's listing
 *	events.c	what goes into the timeline, and what is wrong now
 *	notify.c	messages for [notify] command
 *	shield.c	ports of the host that guests could reach
 *	views.c		rows of views
 *	window.c	what a console sees of them: filtered, sorted, paged
 *	subscribe.c	windows that keep themselves up to date
 *	tee.c		blocked packets, for who asked to keep them
 *	methods.c, methods_allow.c, methods_doctor.c
 *			one row for each method of the control protocol
 *	status.c	the answer to "is everything well?"
 *
 * struct engine is put together by engine_new() without touching the process,
 * so that tests drive it with sockets of their own.
 */
#ifndef ENGINE_H
#define ENGINE_H

#include <sys/stat.h>

#include <event2/event.h>
#include <pthread.h>

#include "allow/allow.h"
#include "conf.h"
#include "control.h"
#include "firewall/firewall.h"
#include "inventory/ask.h"
#include "inventory/inventory.h"
#include "model.h"
#include "msg.h"
#include "reach.h"

struct engine;
struct event;
struct event_base;
struct addresses;
struct frozen;
struct notifier;
struct pinned;
struct senders;
struct seen_guest;
struct seen_mac;
struct shield;
struct subscriber;
struct tee;
struct waiting;

enum {
	LEAKS_A_MINUTE = 5,	/* told one by one, the others together */
	MOVED_MAX = 64,		/* addresses that moved since a pass of the inventory */
	DROP_NEWS = 64,		/* kinds of drops whose latest news is remembered */
	RULES_MAX = 512,	/* rows of the kernel's listing */
	ALERTS_MAX = 16,
	ALERT_TEXT_SIZE = 512,
};

struct rule_row {
	struct fw_rule	rule;
	double		rate;	/* packets a second, between two listings */
};

/* Something that is wrong now; key says what kind, and finds it again. */
struct alert {
	const char	*key;
	char		 guest[GH_GUEST_SIZE];	/* whom its text is about, "" nobody */
	uint64_t	 since;
	char		 text[ALERT_TEXT_SIZE];
};

struct role_state {
	bool		up;
	int32_t		pid;
	uint32_t	restarts;
	char		last_exit[GH_CAUSE_SIZE];
};

/* Which file the list was read from, to see that another took its place. */
struct file_stamp {
	bool		there;
	dev_t		dev;
	ino_t		ino;
	off_t		size;
	struct timespec	mtime, ctime;	/* ctime: of its mode, too */
};

/* A list in net's form. */
struct compiled {
	int			 fd;		/* of the image, -1: none */
	size_t			 size;
	struct allow_image	*image;
};

/* The allowlist on its way from the file.  What stands in the second part is the
 * thread's until load_wait() has returned. */
struct policy_load {
	bool			 threaded;
	pthread_t		 thread;
	int			 bell[2];
	struct event		*rung;
	bool			 again;		/* somebody wants it to be read anew after it */

	char			*path;
	const struct allowlist	*old;
	struct presets		*presets;
	struct allowlist	*list;		/* NULL: see cause */
	struct compiled		 made;
	char			*cause;
};

struct policy {
	struct allowlist	*list;		/* never NULL after policy_start() */
	struct allow_image	*image;		/* what net was given, for check */
	struct presets		*presets;	/* read last, to see that they changed */
	struct policy_load	*load;		/* the file is being read, or NULL */
	int			 fd;		/* of the image, -1: none */
	size_t			 size;
	uint32_t		 generation;	/* counts images */
	uint64_t		 taken;		/* mono, when this one was made */
	struct file_stamp	 stamp;
	unsigned		 missing;	/* looks in a row at which it was not there */
	char			*error;		/* why the file on disk is not in force */
	int64_t			 next_end;	/* seconds: the next until=, 0: none */
	bool			 learn;		/* net is told to learn */
	uint64_t		 learn_end;	/* mono, 0: when somebody says so */
	uint64_t		 learn_since;	/* wall */
	uint32_t		 learn_uid;	/* who said so */
};

/* What somebody wants of the proxy, and is answered once it is so. */
enum proxy_goal { PROXY_START, PROXY_STOP, PROXY_LEARN, PROXY_ENFORCE };

/* A request to priv that is not answered yet. */
struct fw_pending {
	struct fw_pending	*next;
	uint32_t		 serial;
	enum fw_verb		 verb;
	enum profile		 profile;
	uint64_t		 sent;		/* now_mono() */
	char			*text;
	size_t			 len;
	/* cause NULL: done. Called once. */
	void			(*done)(struct engine *, struct fw_pending *, const char *cause);
	struct control_call	*call;		/* to answer, or NULL */
	void			*arg;		/* of done, which owns it */
};

struct engine {
	struct event_base	*base;
	struct conf		 conf;
	struct model		*model;
	struct inventory	*inventory;
	struct asker		*asker;
	struct acting		*acts;		/* that wait for a VM manager's word */
	struct control		*control;
	struct policy		 policy;
	uint64_t		 started, started_mono;	/* wall and the other clock */
	char			 host[64];

	struct msg_channel	*priv, *net;
	void			(*lost)(const char *why, struct engine *);	/* priv is gone */
	uint32_t		 net_generation;

	struct fw_status	 fw;
	bool			 fw_known;
	struct fw_pending	*pending;
	unsigned		 npending;
	uint32_t		 serial;
	struct rule_row		*rules;		/* RULES_MAX */
	size_t			 nrules;
	uint64_t		 rules_time;	/* mono, of the latest listing */
	uint64_t		 rules_tried;	/* mono, when it was last asked for */
	bool			 rules_asked;
	bool			 rules_again;	/* they changed since it was asked for */
	char			*rules_cause;	/* why the listing cannot be read */

	bool			 proxy_known;	/* priv said what was saved */
	bool			 serve;		/* the control socket is to be opened */
	bool			 proxy_wanted;
	const char		*proxy_state;	/* of status_proxy(), at the latest look */
	struct control_call	*proxy_call;	/* to answer when it is as wanted */
	enum proxy_goal		 proxy_goal;
	uint64_t		 proxy_asked;	/* mono, when that began */
	uint64_t		 proxy_since;	/* wall, in its state of now */
	uint64_t		 proxy_changed;	/* mono, the same */
	struct msg_net_state	 net_state;	/* its totals are of all nets so far */
	struct msg_net_state	 net_before;	/* the totals of those that have ended */
	uint64_t		 net_state_time;	/* mono, 0: none yet */
	uint64_t		 limited_last;	/* mono: a limit refused someone, 0: never */
	uint64_t		 lost_last;	/* mono: a decision was not told, 0: none */
	char			 limited[GH_GUEST_SIZE];	/* whom, the last one; "" not known */
	enum outcome		 limited_by;			/* and which */
	uint64_t		 rate;		/* bytes a second, both ways */
	uint64_t		 rate_time, rate_bytes;	/* of its latest measure */
	struct drop_news {
		char		 key[GH_GUEST_SIZE + GH_LABEL_SIZE];
		uint64_t	 time;		/* mono, when it was last news */
	}			 drop_news[DROP_NEWS];
	uint64_t		 news_time;	/* wall: of the latest news, 0: none yet */
	char			 news[GH_GUEST_SIZE + EVENT_TEXT_SIZE];
	struct role_state	 roles[ROLE_COUNT];

	uint64_t		 leaks_minute;	/* mono, when it began */
	unsigned		 leaks_told;	/* since */
	struct seen_guest	*seen;		/* the inventory as last told to net */
	size_t			 nseen;
	struct seen_mac		*seen_macs;	/* the same: hardware addresses, sorted */
	size_t			 nseen_macs;
	struct {
		struct addr	 addr;
		bool		 fresh;		/* net was told a moment ago */
		bool		 hidden;	/* and since then that it is nobody's */
	} moved[MOVED_MAX];			/* addresses, since the latest pass */
	uint32_t		 nmoved;
	bool			 moved_more;	/* than there is room for */
	struct event		*moved_due;	/* NULL: none has moved yet */
	struct frozen		*frozen;
	bool			 frozen_known;	/* from the first listing after start */
	bool			 frozen_all;
	uint32_t		 freeze_turn;	/* counts decisions about all */

	uint64_t		 life_busy;	/* mono: a guest ran, 0: not looked yet */
	bool			 life_asked;	/* priv has not answered */
	bool			 life_told;	/* an operator applied rules while they rested */

	struct reach		 reach;		/* of pins */
	struct pinned		*pinned;	/* NULL: nothing yet */
	struct addresses	*addresses;	/* NULL: priv was not told yet */
	struct senders		*senders;	/* the same */
	bool			 kept_stale;	/* VM managers have told since */
	uint64_t		 kept_next, kept_hash;	/* mono; of what was kept last */

	struct shield		*shield;	/* NULL: nobody asked yet */
	struct notifier		*notifier;	/* NULL: nothing to tell yet */
	struct alert		 alerts[ALERTS_MAX];
	size_t			 nalerts;
	char			*notify_error;	/* of the latest message, NULL: it was told */
	char			*reload_error;
	struct control_call	*reload_call;
	char			*reload_opened;	/* what the latest one opened, or NULL */
	bool			 reload_told;	/* priv has answered; the allowlist is read */
	uint64_t		 reloaded;	/* mono: a configuration was taken up last, 0: none */

	struct waiting		*waiting;	/* edits, until the allowlist is read */
	struct subscriber	*subscribers;
	struct tee		*tees;
	uint64_t		 tee_missed;	/* as net last said */
	struct event		*tick, *update;
};

/* ---- engine.c ---- */
/* Takes over the channel's descriptor. conf is copied. */
struct engine	*engine_new(struct event_base *, const struct conf *, int priv_fd,
		    void (*lost)(const char *why, struct engine *));
void		 engine_free(struct engine *);
/* Loads the allowlist and starts timers. serve: once priv has told what runs, also
 * serves at conf's socket, or ends the process if it cannot. */
void		 engine_start(struct engine *, bool serve);
/* Sends to net, if it is there. A net that does not read is given up. */
void		 engine_to_net(struct engine *, enum frame, const void *body, int fd);
/* Starts or stops the proxy, and has priv remember it. The call, or NULL, is
 * answered once that is done. */
void		 engine_proxy(struct engine *, bool run, struct control_call *);
/* Answers the call, or NULL, once the proxy has come to that. */
void		 engine_proxy_wait(struct engine *, enum proxy_goal, struct control_call *);
/* Someone subscribed: updates are due from now on. */
void		 engine_watched(struct engine *);

/* ---- opened.c ---- */
/* The bridges and users that are guarded now and by a fresh configuration no more, and who
 * is behind them; or NULL (caller frees). */
char	*opened_by(struct engine *, const struct conf *fresh);

/* ---- policy.c ---- */
/* Returns with the list in force. */
void	 policy_start(struct engine *);
void	 policy_stop(struct engine *);
/* Sees whether the file was changed, and begins to read it if so; the former list
 * stays in force until that is done.  methods_allowlist_read() is called then. */
void	 policy_poll(struct engine *);
/* The same, whatever its stamp says. */
void	 policy_reload(struct engine *);
void	 policy_send(struct engine *);
/* Whether net lets through what no entry lists; tells it at once. */
void	 policy_learn(struct engine *, bool on);
/* Edits by a user; they must not come while the file is being read (policy.load),
 * and are refused then. NULL when in force, else a cause (caller frees): then nothing
 * has changed. *entry is the one concerned, *what says what undo did. */
char	*policy_add(struct engine *, uint32_t uid, const char *text, struct allow_entry *entry);
/* What an entry would be, in a copy of the list that has it; nothing is changed.
 * NULL and *cause, caller frees, where it could not be added. */
struct allowlist *policy_try(struct engine *, const char *text, struct allow_entry *entry,
	    char **cause);
/* All of them or none, in one step, which one undo takes back; what says it. */
char	*policy_add_all(struct engine *, uint32_t uid, const char *const *texts, size_t n,
	    const char *what);
char	*policy_set(struct engine *, uint32_t uid, const char *named, bool on, struct allow_entry *);
char	*policy_remove(struct engine *, uint32_t uid, const char *named, struct allow_entry *);
char	*policy_undo(struct engine *, uint32_t uid, char **what);

/* ---- policy_load.c ---- */
/* Compiles. NULL or a cause (caller frees): then there is nothing in it. */
char	*compiled_make(struct compiled *, const struct allowlist *);
void	 compiled_free(struct compiled *);
/* Reads the file and compiles it, as one that follows old, which must not be changed
 * before load_wait(). Takes the presets over. done is called, once, from the event
 * loop. */
struct policy_load	*load_begin(struct event_base *, const char *path,
	    const struct allowlist *old, struct presets *, event_callback_fn done, void *arg);
/* Waits until it has ended. */
void	 load_wait(struct policy_load *);
/* With whatever was not taken out of it. */
void	 load_free(struct policy_load *);

/* ---- learn.c ---- */
/* Lets unlisted names through, for so many seconds or, 0, until told otherwise. */
void	 learn_begin(struct engine *, uint32_t uid, uint64_t seconds);
/* Ends it, if it goes on; why is for the timeline. */
void	 learn_end(struct engine *, const char *why);
/* Ends it when its time is over. */
void	 learn_poll(struct engine *);
/* Unlisted names are let through, as far as we know. */
bool	 learn_is_on(const struct engine *);
/* {"mode","learn_since","learn_until","learn_by"}, into the object. */
void	 learn_json(const struct engine *, json_t *);

/* ---- guests.c ---- */
/* The guest behind a hit or a drop; NULL if none is known.  hint: net's word for it;
 * when: it was, by the wall, in microseconds. */
const struct guest	*guest_of_addr(struct engine *, const struct addr *, uint32_t hint,
			    uint64_t when);
/* Who made it: by what it came from where that was heard. NULL also where nobody can know:
 * it was made while no engine ran, and the address is another's now than it was before. */
const struct guest	*guest_of_hit(struct engine *, const struct hit *);
const struct guest	*guest_of_drop(struct engine *, const struct drop *);
/* By name; else a cause that lists names like it, caller frees. */
char	*guest_named(struct engine *, const char *, const struct guest **);
bool	 guest_has_addr(const struct guest *, const struct addr *);
/* Stops those that are not guarded, if that is wanted; also each second. */
void	 guests_stop_unguarded(struct engine *);
/* One that runs, is guarded so badly, and was not told of as that yet; NULL: none. */
const struct guest *guest_leak_news(struct engine *, enum nic_guard);
/* Of those that have run for a minute with a NIC of which nobody knows where it is the
 * first, or NULL, and how many they are. */
const struct guest *guest_unseen(const struct engine *, size_t *n);
/* After the inventory changed: tells net, freezes new addresses, notes events. */
void	 guests_changed(void *engine);
/* An address is another guest's now. */
void	 guest_moved(const struct addr *, void *engine);
/* Two guests have turned out to be one. */
void	 guests_merged(uint32_t id, uint32_t from, void *engine);
/* Tells net of every guest. */
void	 guests_send(struct engine *);
/* Tells net of one: every address that is not another's by now. */
void	 guest_send_all(struct engine *, const struct guest *);
void	 guests_free(struct engine *);

/* ---- freeze.c ---- */
bool	 guest_frozen(const struct engine *, const struct guest *);
/* guest NULL: all. Answers the call when done. */
void	 freeze_guests(struct engine *, const struct guest *, bool on, struct control_call *);
/* A frozen guest that got something new is frozen by that too. */
void	 freeze_follow(struct engine *, const struct guest *);
/* Asks again for all of them: priv freezes nobody while the rules are flushed. */
void	 freeze_again(struct engine *);
/* Takes up who the kernel says is frozen. */
void	 freeze_adopt(struct engine *, const struct fw_guest *, int n, bool all);
void	 freeze_free(struct engine *);

/* ---- acts.c ---- */
/* Starts or stops it; the call, or NULL, is answered when that is done. */
void	 act_guest(struct engine *, const struct guest *, enum guest_act, struct control_call *);
/* Those that wait are told that the daemon ends. */
void	 acts_free(struct engine *);
/* How often one was told to stop for not being guarded, and when (mono) it is again. */
struct stopping {
	unsigned	times;
	uint64_t	next;		/* mono, 0: it is guarded */
};
/* Stops one that runs and is not guarded, if that is wanted and its time. */
void	 act_unguarded(struct engine *, const struct guest *, struct stopping *);

/* ---- life.c ---- */
/* The rules are flushed because no guest runs. */
bool	 life_resting(const struct engine *);
/* The rules were flushed for that, and are in force now. */
void	 life_woken(struct engine *);
/* After the guests or the configuration changed, and each second. */
void	 life_judge(struct engine *);

/* ---- pinned.c ---- */
/* net is about to give a guest addresses. */
void	 pinned_asked(struct engine *, const struct msg_pin *);
/* priv has a pin, or has one no more. */
void	 pinned_told(struct engine *, const struct msg_fw_pinned *);
/* False: the result is not of a pin. */
bool	 pinned_result(struct engine *, const struct msg_fw_result *);
/* After the allowlist, the guests or who is frozen changed. */
void	 pinned_judge(struct engine *);
/* The address is another's since a moment: what the one before had by it is taken away. */
void	 pinned_moved(struct engine *, const struct addr *);
/* The addresses of guests that something is open to by a name, some more than once. */
size_t	 pinned_sources(const struct engine *, struct addr *, size_t max);
void	 pinned_tick(struct engine *);
/* The addresses that are open by a name's port now; guest "": to any. */
json_t	*pinned_json(const struct engine *, const char *name, uint8_t proto, uint16_t port,
	    const char *guest);
void	 pinned_free(struct engine *);

/* ---- addresses.c ---- */
/* pinned_judge() calls it. */
void	 addresses_judge(struct engine *);
/* Something is open to the address; and all of these, some more than once. */
bool	 addresses_open_to(const struct engine *, const struct addr *);
size_t	 addresses_sources(const struct engine *, struct addr *, size_t max);
/* How many ranges there would be; 0: there is room for all. */
size_t	 addresses_too_many(const struct engine *);
void	 addresses_free(struct engine *);

/* ---- kept.c ---- */
/* Has priv keep what VM managers told, if that is other than before. */
void	 kept_poll(struct engine *);
/* The rows in what was kept, which must be aligned as memory of malloc(3) is; NULL: not
 * understood. */
const struct sighting *kept_rows(const void *, size_t len, size_t *n);
/* What the engine before had it keep; the fd stays the caller's. */
void	 kept_take(struct engine *, const struct msg_kept *, int fd);

/* ---- senders.c ---- */
/* After either of these two may have changed, or the guests. */
void	 senders_judge(struct engine *);
void	 senders_free(struct engine *);

/* ---- rules.c ---- */
/* Sends a request; false: too many are waiting, nothing was sent. */
bool	 rules_request(struct engine *, const struct msg_fw_request *,
	    void (*done)(struct engine *, struct fw_pending *, const char *cause),
	    struct control_call *, void *arg);
void	 rules_result(struct engine *, const struct msg_fw_result *);
void	 rules_text(struct engine *, const struct msg_fw_text *);
/* Asks for the listing if the latest is older than that many microseconds. */
void	 rules_poll(struct engine *, uint64_t age);
/* The done of a request for the listing: takes up what came. */
void	 rules_listed(struct engine *, struct fw_pending *, const char *cause);
/* Gives up on requests that priv does not answer. */
void	 rules_expire(struct engine *);
void	 rules_free(struct engine *);

/* ---- events.c ---- */
void	 event_note(struct engine *, enum event_kind, enum event_severity, const char *guest,
	    const char *fmt, ...) __attribute__((format(printf, 5, 6)));
void	 event_of_hit(struct engine *, const struct hit *, const struct guest *, unsigned found);
/* packets: how many more the run has now. */
void	 event_of_drop(struct engine *, const struct drop_record *, uint64_t packets);
/* Ports were opened to a guest, all by one name. */
void	 event_of_pins(struct engine *, const struct fw_pin *, size_t n);
/* Sees what is wrong now; what begins or ends goes into the timeline. */
void	 alerts_update(struct engine *);
/* "root (0)", as an event names who did something; buffer is filled. */
enum { WHO_SIZE = 48 };
const char	*who_name(uint32_t uid, char[WHO_SIZE]);

/* ---- notify.c ---- */
/* Something is wrong, or (over) no more; key says what, text is a sentence. */
void	 notify_alert(struct engine *, const char *kind, const char *key, const char *guest,
	    const char *text, bool over);
/* So many packets more of that run, which is no noise, were blocked. */
void	 notify_drop(struct engine *, const struct drop_record *, uint64_t packets, const char *text);
/* priv has done with a message. */
void	 notify_told(struct engine *);
/* Each second: tells what has waited. */
void	 notify_poll(struct engine *);
void	 notify_free(struct engine *);

/* ---- shield.c ---- */
/* {"if_flushed","in_spite","ours"}, of a guest that the rules hold or not; local: one that
 * comes by way of this host's loopback.  null where the system does not tell. */
json_t	*shield_json(struct engine *, bool held, bool local);
/* A sentence on softnet, of a guest of tart's; else null. */
json_t	*shield_softnet(struct engine *, const struct guest *);
void	 shield_free(struct engine *);

/* ---- window.c ---- */
enum { FILTER_SIZE = 128 };
struct window {
	uint32_t	offset, limit;
	int		sort;		/* row of the view's key table, -1: as it is kept */
	bool		desc;
	char		filter[FILTER_SIZE];	/* lower case */
};
/* NULL or a cause, caller frees. */
char	*window_parse(enum view, const json_t *params, struct window *);
/* {"total","offset","rows"} */
json_t	*window_rows(struct engine *, enum view, const struct window *);

/* ---- subscribe.c ---- */
/* NULL or a cause, caller frees. */
char	*subscribe(struct engine *, uint64_t client, const json_t *views);
void	 unsubscribe(uint64_t client, void *engine);
bool	 subscribed_to(const struct engine *, enum view);
void	 subscribe_update(struct engine *);

/* ---- tee.c ---- */
/* From now on the client is sent every blocked packet. NULL or a cause, caller
 * frees. */
char	*tee_begin(struct engine *, uint64_t client);
/* No more. What it was sent, and what it missed; 0 of what it never asked for. */
void	 tee_end(struct engine *, uint64_t client, uint64_t *packets, uint64_t *missed);
/* Tells a new net whether anybody wants packets. */
void	 tee_send(struct engine *);
void	 tee_packet(struct engine *, const struct msg_packet *);
/* Takes up what net says it could not send, since it began. */
void	 tee_missed(struct engine *, uint64_t);

/* ---- methods.c ---- */
void	 methods_request(struct control_call *, const char *method, const json_t *params,
	    void *engine);
/* The allowlist's file is not being read any more: runs and answers what waited. */
void	 methods_allowlist_read(struct engine *);
void	 methods_free(struct engine *);

/* ---- status.c ---- */
json_t		*status_json(struct engine *);
/* "enforcing", "idle", "open", "drift", "observing", "unknown". */
const char	*status_firewall(const struct engine *);
/* "up", "stopped", "down". */
const char	*status_proxy(const struct engine *);

/* ---- names of things ---- */
json_t		*json_time(uint64_t micros);	/* null for 0 */
json_t		*json_hit_id(uint64_t);		/* null for 0 */
const char	*entry_state_name(uint8_t);	/* of enum allow_state */

#endif
