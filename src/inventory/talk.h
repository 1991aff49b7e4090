/* One run of a command at priv, from the request to the end of what it prints. */
#ifndef TALK_H
#define TALK_H

#include "msg.h"

struct event_base;
struct talk;
struct talks;

struct said {
	enum ran	 how;
	const char	*cause;		/* NULL: it ended well */
	const char	*text;		/* of its stdout, NUL behind it */
	size_t		 len;
};

/* run hands a request to priv; false: not now. */
struct talks	*talks_new(struct event_base *, bool (*run)(const struct msg_run *, void *), void *arg);
void		 talks_free(struct talks *);
/* NULL: not now.  said is called once, and the talk is over then.  name is for
 * messages; seconds is what priv grants it. */
struct talk	*talk_begin(struct talks *, const struct msg_run *, const char *name,
		    unsigned seconds, void (*said)(const struct said *, void *), void *arg);
/* Forgets it, without a call. NULL is fine. */
void		 talk_end(struct talk *);
/* Frames of priv's; fd becomes ours. What belongs to no talk is dropped. */
void		 talks_output(struct talks *, const struct msg_output *, int fd);
void		 talks_ran(struct talks *, const struct msg_ran *);

#endif
