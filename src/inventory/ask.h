/*
 * Asking VM managers in time: what to run when, what to make of it, and what to do
 * when one hangs, floods, lies or is not there.  Knows neither priv nor the join:
 * commands leave by a callback, and what they print is handed in.
 */
#ifndef ASK_H
#define ASK_H

#include "inventory/manager.h"
#include "inventory/talk.h"
#include "msg.h"

struct asker;
struct event_base;

struct asker_events {
	/* To priv; false: not now. */
	bool	(*run)(const struct msg_run *, void *arg);
	/* The sightings may have changed. */
	void	(*changed)(void *arg);
	void	*arg;
};

struct asker	*asker_new(struct event_base *, const struct conf *, const struct asker_events *);
/* Those who wait for an act are told that it ends. */
void		 asker_free(struct asker *);
void		 asker_reconf(struct asker *, const struct conf *);
/* Frames of priv's; fd becomes the asker's. */
void		 asker_output(struct asker *, const struct msg_output *, int fd);
void		 asker_ran(struct asker *, const struct msg_ran *);
/* Guests may have changed: asks soon. */
void		 asker_hurry(struct asker *);
/* A NIC may have been plugged into any of them: soon, whose it is. */
void		 asker_links(struct asker *);
/* What managers told an engine before this: it holds, as of one that does not answer, until
 * they do. */
void		 asker_recall(struct asker *, const struct sighting *, size_t n);
/* Appends what is known. */
void		 asker_sightings(struct asker *, struct sighting *, size_t *n, size_t max);

/* Whoever was there then (mono), and that a manager which answers knows, is told of. */
uint64_t	 asker_heard(struct asker *);

/* How it stands with one manager and user. */
struct asker_state {
	const char	*manager, *user;
	bool		 answered;	/* since it was first asked */
	const char	*cause;		/* why not at the latest time, or NULL */
	uint64_t	 time;		/* wall, of its latest answer, 0: none */
	size_t		 guests;
};
/* The i-th of those that are there; false past the last. */
bool		 asker_state(const struct asker *, size_t i, struct asker_state *);
/* Runs one that is about this host, not a guest, as the first inventory user; said is
 * called once, unless the asker ends first. False: not now. */
bool		 asker_look(struct asker *, enum inventory_command, void (*said)(const struct said *,
		    void *), void *arg);
enum guest_act { ACT_START, ACT_STOP, ACT_OFF };
/* The manager's command that does that to a guest, COMMAND_NONE: it cannot. */
enum inventory_command asker_command(const struct guest *, enum guest_act);
/* Whether its key is what its VM manager calls it now.  It is not between a renaming
 * and the manager's word on which guest the new name is. */
bool		 asker_settled(const struct asker *, const struct guest *);
/* Asks its VM manager, also one that failed and is left alone for now. */
void		 asker_ask(struct asker *, const struct guest *);
/* Why its VM manager, asked since then (mono), does not answer, or NULL. */
const char	*asker_trouble(const struct asker *, const struct guest *, uint64_t since);
/* Runs it. done, with NULL or a cause, is called once unless a cause is returned
 * (caller frees). */
char		*asker_act(struct asker *, const struct guest *, enum guest_act,
		    void (*done)(const char *cause, void *arg), void *arg);

#endif
