/*
 * Hits and flows on their way from a worker to the thread that tells the
 * engine: a ring of bytes with one writer and one reader, neither of which
 * ever waits for the other.  What does not fit is refused at once; the writer
 * counts it.  A record is cut behind its name, so that one takes some 150
 * bytes instead of 400.
 */
#ifndef REPORTS_H
#define REPORTS_H

#include "gatehouse.h"

struct reports;

/* What one worker may be ahead: some 1,500 decisions, fifty milliseconds of
 * the fastest that one worker could take (30,000 a second). */
enum { REPORTS_BYTES = 256 << 10 };

struct reports	*reports_new(void);
void		 reports_free(struct reports *);

/* The writer: false if there is no room. */
bool		 reports_hit(struct reports *, const struct hit *);
bool		 reports_flow(struct reports *, const struct flow *);
bool		 reports_half_full(const struct reports *);
/* What is not taken yet is of no guest (guest_id 0): while nobody takes anything. */
void		 reports_forget_guests(struct reports *);

/* The reader: true and one of both filled in, or false: nothing is there. */
enum report { REPORT_NONE, REPORT_HIT, REPORT_FLOW };
enum report	 reports_take(struct reports *, struct hit *, struct flow *);
bool		 reports_empty(struct reports *);

#endif
