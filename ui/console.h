/*
 * The console's own state, shared by the files that make it up: where the
 * operator is (focus, cursors, filters), what was last heard (status,
 * windows), what is being typed or asked, what is to be told.  Nothing here
 * is the truth about the guard; that is the engine's.
 *
 * Everything that happens is an event: bytes from the engine, keys, signals,
 * timers.  Events change this state and mark it dirty; one timer draws.
 */
#ifndef CONSOLE_H
#define CONSOLE_H

#include <event2/event.h>
#include <jansson.h>

#include "draw.h"
#include "layout.h"
#include "link.h"
#include "pane.h"

enum {
	PROMPT_SIZE = 512,
	HISTORY_MAX = 32,
	ERRORS_MAX = 8,		/* not yet read */
	HELD_MAX = 64,
};

struct console;

enum prompt_kind {
	PROMPT_NONE,
	PROMPT_COMMAND,		/* ":" */
	PROMPT_FILTER,		/* "/", taken at each key */
	PROMPT_QUESTION,	/* one key: y does it, any other does not */
	PROMPT_TYPED_QUESTION,	/* yes must be typed */
};

/* The bottom line while something is being typed. */
struct prompt {
	enum prompt_kind kind;
	char		 label[PROMPT_SIZE];
	char		 text[PROMPT_SIZE];
	size_t		 len, at;
	/* What a question is about: sent when the answer is yes. */
	char		*method;
	json_t		*params;
	char		*what;
	char		*history[HISTORY_MAX];	/* of command lines, newest last */
	size_t		 nhistory, history_at;
};

/* A window over the panes: text to read, or items to choose from. */
struct popup {
	bool		 open;
	unsigned	 serial;	/* tells popups apart when a reply comes late */
	char		*title;
	struct lines	 lines;
	size_t		 top;		/* first line shown, after wrapping */
	size_t		 shown, total;	/* as last drawn */
	size_t		 items;		/* the first so many lines can be chosen */
	size_t		 item;		/* the one chosen now */
	char		*about;		/* what the items are about, e.g. a name */
	void		(*choose)(struct console *, const char *about, size_t item, int key);
	/* A row told in full, kept as it is now: NULL if it is none. */
	const struct view *of;
	char		 identity[PANE_IDENTITY_SIZE];
	size_t		 nrow;		/* the first so many lines are the row's own */
};

struct console {
	struct event_base	*base;
	struct link		*link;
	struct canvas		*canvas;
	struct event		*stdin_event, *redraw, *tick;
	struct event		*signals[8];
	size_t			 theme;
	struct layout		 layout;
	struct view		 views[PANE_COUNT];
	size_t			 focus;		/* index into views */
	bool			 zoom, paused;
	bool			 bell;		/* rings for a new alert */
	json_t			*status;	/* last heard, NULL before */
	uint64_t		 status_time;	/* now_mono() of then */
	bool			 status_asked;
	char			*subscribed;	/* what was last asked for, as text */
	unsigned		 asked;		/* subscriptions not yet answered */
	struct input		 held[HELD_MAX];	/* keys typed ahead of the rows */
	size_t			 nheld;
	bool			 redraw_pending;
	uint64_t		 drawn;		/* now_mono() of the last drawing */
	struct prompt		 prompt;
	struct popup		 popup;
	char			*message;	/* told once, gone at the next key */
	uint64_t		 message_time;
	char			*errors[ERRORS_MAX];	/* oldest first; each until a key */
	size_t			 nerrors;
	int			 exit_code;
};

/* ---- console.c ---- */
void		 console_dirty(struct console *);
struct view	*console_focused(struct console *);
void		 console_focus(struct console *, size_t pane);
/* The engine's time at the last status, seconds since the epoch; 0 before. */
double		 console_now(const struct console *);
/* Seconds since the engine was last heard when that is too long, else 0;
 * -1 when there is no connection. */
int		 console_silence(const struct console *);
/* Text for the bottom line. An error stays until a key was pressed. */
void		 console_tell(struct console *, const char *, ...)
		    __attribute__((format(printf, 2, 3)));
void		 console_error(struct console *, const char *, ...)
		    __attribute__((format(printf, 2, 3)));
void		 console_leave(struct console *, int exit_code);
/* A key was pressed: what stood in the bottom line has been read. */
void		 console_read(struct console *);

/* ---- feed.c: what the engine says ---- */
void		 feed_ask_status(struct console *);
/* Asks for what the panes on the screen now show, if that has changed. */
void		 feed_subscribe(struct console *);
/* Holds the rows, or lets them go on. */
void		 feed_pause(struct console *);
/* Handlers of the link; arg is the console. */
void		 feed_link_changed(void *arg);
void		 feed_update(const json_t *params, void *arg);

/* ---- input.c ---- */
/* A key as it was typed: it may have to wait for rows. */
void		 input_take(struct console *, const struct input *);
/* A key whose turn has come. */
void		 input_key(struct console *, const struct input *);
/* Lets the keys that waited have their turn, as far as they need not wait. */
void		 input_release(struct console *);

/* ---- header.c ---- */
/* What the top line says and how: made from what was last heard. */
struct header {
	const json_t	*status;	/* NULL: never heard */
	int		 silence;	/* as console_silence() */
	bool		 paused;
	const char	*cause;		/* why there is no connection */
};
void		 header_draw(struct canvas *, int y, const struct header *);
/* The first alert and how many more, in words; false when there is none. */
bool		 header_alert(const struct header *, char *buf, size_t size);

/* ---- frame.c ---- */
/* Border, name and state of a pane (or just a title line), then its table. */
void		 frame_draw(struct canvas *, const struct layout *, struct view *, size_t pane,
		    bool focused, const struct header *, double now);
void		 frame_tabs(struct canvas *, const struct layout *, size_t focus);
/* The pane whose tab is at a point of a screen so many columns wide, or PANE_COUNT. */
size_t		 frame_tab_at(const struct layout *, int cols, int y, int x);

/* ---- detail.c ---- */
/* The rows of a view have come: a row that is told in full is told anew. */
void		 detail_refresh(struct console *, const struct view *);

/* ---- prompt.c ---- */
void		 prompt_open(struct console *, enum prompt_kind, const char *label,
		    const char *text);
/* Asks before sending; takes params. what: as in request_send. A question never
 * takes the place of what is being typed: then it is dropped, and told so. */
void		 prompt_ask(struct console *, bool typed, const char *question,
		    const char *method, json_t *params, const char *what);
void		 prompt_close(struct console *);
void		 prompt_key(struct console *, int key);
void		 prompt_draw(struct console *);
void		 prompt_free(struct prompt *);

/* ---- popup.c ---- */
/* Takes the lines' contents. */
unsigned	 popup_open(struct console *, const char *title, struct lines *);
void		 popup_menu(struct console *, const char *title, struct lines *, size_t items,
		    const char *about,
		    void (*choose)(struct console *, const char *about, size_t item, int key));
void		 popup_close(struct console *);
void		 popup_key(struct console *, int key);
void		 popup_draw(struct console *);

/* ---- keys.c ---- */
struct key_row {
	int		 keys[4];	/* 0 ends */
	const char	*shown;		/* as help writes them */
	const char	*command;	/* one word */
	const char	*help;		/* one line */
	int		 bar;		/* rank in the bottom bar, 1 first; 0: not in it */
	void		(*run)(struct console *);
};
extern const struct key_row	 key_table[];	/* ends with shown NULL */
/* False when no row has this key. */
bool		 keys_run(struct console *, int key);
void		 keys_bar(struct canvas *, int y);
void		 keys_help(struct lines *, int cols);

/* ---- request.c ---- */
/* Sends a request. what: told when it is done ("disabled .npmjs.org"); an error
 * is told as it is. Takes params. */
void		 request_send(struct console *, const char *what, const char *method,
		    json_t *params);
/* Sends it, or asks first when it is dangerous. Takes params. */
void		 request_make(struct console *, const char *what, const char *method,
		    json_t *params);
/* Sends a command that harms nobody and shows its result as text. Takes params. */
void		 request_shown(struct console *, const struct command *, const char *title,
		    json_t *params);
/* A line typed at ":". */
void		 request_line(struct console *, const char *line);

/* ---- offer.c ---- */
/* A menu of the entries that would allow a name. */
void		 offer_entries(struct console *, const char *name, const char *guest);

/* ---- actions.c: what keys do to the guard ---- */
void		 action_toggle(struct console *);
void		 action_allow(struct console *);
void		 action_apply(struct console *);
void		 action_flush(struct console *);
void		 action_proxy(struct console *);
void		 action_learn(struct console *);
void		 action_freeze(struct console *);
void		 action_run(struct console *);
void		 action_undo(struct console *);

/* ---- detail.c: what keys tell in full ---- */
void		 action_detail(struct console *);
void		 action_alerts(struct console *);

#endif
