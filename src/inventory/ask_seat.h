/* Between ask.c (when to ask whom) and ask_told.c (what to make of the answers). */
#ifndef ASK_SEAT_H
#define ASK_SEAT_H

#include "inventory/ask.h"

/* One more than are kept, which tells that there are more. */
enum { TOLD_ROWS = GUEST_NICS + 1 };

struct act;

/* What is asked for, where it is no guest's detail. */
#define AT_LIST		UINT32_MAX
#define AT_CHANGES	(UINT32_MAX - 1)

/* A guest as its manager tells it. */
struct told {
	char		key[GUEST_KEY_SIZE];
	uint8_t		state;
	uint8_t		step;		/* the next detail to ask for */
	uint64_t	asked;		/* mono: when the last of them was asked */
	bool		recalled;	/* it was told to an engine before, and is not whole anew yet */
	uint64_t	rest;		/* mono: not to be asked of again before */
	uint8_t		failures;	/* of details, in a row */
	uint64_t	listed;		/* what the list said of it: a digest */
	uint64_t	changes;	/* what tells of changes said of it: a digest, 0: nothing yet */
	uint32_t	n;
	struct sighting	rows[TOLD_ROWS];
};

struct seat {
	struct asker	*asker;
	const struct manager *manager;	/* NULL: provider is set */
	uint32_t	 provider;	/* number of the [provider] section */
	struct inventory_user user;
	struct talk	*talk;
	uint32_t	 at;		/* of the told that a detail is asked of, or one of those below */
	struct told	*told;
	size_t		 ntold;
	uint64_t	 began, due;	/* mono, of the list */
	uint64_t	 changes_began, changes_due, changes_took;	/* mono, of what tells of changes */
	bool		 changes_failed;		/* it cannot; not asked for a while */
	uint64_t	 took;
	uint64_t	 listed, whole;	/* mono, when the latest list was begun that was told, and the latest
				 * of which all is told */
	unsigned	 failures;
	bool		 absent, known;	/* known: it has been asked */
	bool		 recalled;	/* told is what an engine before was told */
	char		*cause;
	uint64_t	 answered;	/* mono, 0: never; or when it was recalled */
	uint64_t	 time;		/* wall, the same */
};

struct asker {
	struct conf		 conf;
	struct asker_events	 events;
	struct event		*tick;
	struct talks		*talks;
	struct seat		*seats;
	size_t			 nseats;
	struct act		*acts;
	struct inventory_user	 users[INVENTORY_USERS_MAX];
	size_t			 nusers;
	struct sighting		*rows;		/* ASK_ROWS_MAX, for parsing */
	unsigned		 running;
	size_t			 turn;		/* who is asked first at the next tick, modulo */
};

enum {
	ASK_ROWS_MAX = 2048,	/* of one list */
	REST = 20,		/* times as long as a command took nobody runs it again */
};

const char	*seat_name(const struct seat *);
/* "" of the system's. */
const char	*seat_user(const struct seat *);
/* Whether there is such a detail to ask for. */
bool		 has_detail(const struct seat *, unsigned step);
void		 seat_forget(struct seat *);
/* Takes the cause over. */
void		 seat_failed(struct seat *, char *cause);
void		 seat_absent(struct seat *);
/* What it told an engine before this one. */
void		 seat_recall(struct seat *, const struct sighting *, size_t n);
void		 seat_list_done(struct seat *, const char *text, size_t len);
void		 seat_changes_said(struct seat *, const struct said *, uint64_t now);
/* Of the guest at told[at]. */
void		 seat_detail_said(struct seat *, const struct said *, uint64_t now);

#endif
