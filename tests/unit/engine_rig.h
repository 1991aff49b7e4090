/*
 * An engine on a table: its core with a fake priv, a fake net and a console
 * at the other ends of socket pairs, all on one event base.  The inventory has
 * no clock: tests say who is there.
 */
#ifndef ENGINE_RIG_H
#define ENGINE_RIG_H

#include "engine.h"

enum { RIG_FRAMES = 64 };

struct rig_frame {
	enum frame	type;
	int		fd;
	union {
		struct msg_fw_request	fw;
		struct msg_allow	allow;
		struct msg_guest	guest;
		struct msg_proxy	proxy;
		struct msg_tee		tee;
		struct msg_fw_pin	pin;
		struct msg_fw_ranges	ranges;
		struct msg_pinned	pinned;
	} body;
};

struct rig {
	struct event_base	*base;
	struct engine		*engine;
	struct msg_channel	*priv, *net;	/* the fakes' ends */
	struct rig_frame	 to_priv[RIG_FRAMES], to_net[RIG_FRAMES];
	unsigned		 nto_priv, nto_net;
	int			 fd;		/* of the console */
	char			*in;
	size_t			 len;
	char			 dir[64];
	struct conf		 conf;
	bool			 answer_lists;	/* priv answers FW_LIST by itself */
	const char		*listing;
	bool			 priv_lost;
	bool			 held;		/* see rig_hold() */
};

/* allowlist: the text of the file, NULL for none. */
struct rig	*rig_new(const char *allowlist);
void		 rig_free(struct rig *);
/* Ends the engine and starts another, as priv would. */
void		 rig_restart(struct rig *);
/* Lets all happen that is due; a list that is being read is waited for. */
void		 rig_turn(struct rig *);
void		 rig_write_allowlist(struct rig *, const char *text);
/* Has the engine see that the list was changed, and not see the end of reading it
 * before rig_release(). */
void		 rig_hold(struct rig *);
void		 rig_release(struct rig *);

/* Brings a new net, which gets whatever the engine sends it. */
void		 rig_net(struct rig *, uint32_t generation);
/* priv has told all that it kept for a new engine. */
void		 rig_saved(struct rig *);
/* The newest frame of a type that net or priv got; NULL if none. */
struct rig_frame *rig_net_got(struct rig *, enum frame);
struct rig_frame *rig_priv_got(struct rig *, enum fw_verb);
void		 rig_forget(struct rig *);
void		 rig_priv_result(struct rig *, uint32_t serial, const char *cause);
void		 rig_priv_text(struct rig *, uint32_t serial, const char *text);
void		 rig_guest(struct rig *, const char *name, uint8_t mac, const char *addr);
void		 rig_guests(struct rig *, const struct sighting *, size_t n);
struct sighting	 rig_sighting(const char *name, uint8_t mac, const char *addr);

/* Sends a request; params is JSON text with ' for ". */
void		 rig_ask(struct rig *, const char *method, const char *params);
/* The next answer (not an update); NULL if none came. Caller decrefs. */
json_t		*rig_answer(struct rig *);
/* The next update; the same. */
json_t		*rig_update(struct rig *);
/* rig_ask and the result in one; an error fails the test. */
json_t		*rig_call(struct rig *, const char *method, const char *params);
/* rig_ask where an error is expected; its message, caller frees. */
char		*rig_error(struct rig *, const char *method, const char *params);

#endif
