#ifndef PROGRAM_H
#define PROGRAM_H

#include <stddef.h>

enum {
	PROGRAM_TEXT_MAX = 2 << 20,	/* what it may print, both outputs together */
	PROGRAM_NOT_RUN = 127,	/* exit status where there is no such program; err says why */
};

struct program_said {
	int	 code;		/* exit status */
	char	*out, *err;
};
/*
 * Runs the program with these arguments (argv[0] is its path), this environment
 * and input (NULL: nothing) on stdin, for so long at most.  NULL, or why it did
 * not come to its end (caller frees): then it is dead and *r empty.  Whoever gives
 * input ignores SIGPIPE.
 */
char	*program_run(const char *const argv[], char *const env[], const char *input,
	    unsigned seconds, struct program_said *);
/* The same for one that may print so much, in place of PROGRAM_TEXT_MAX. */
char	*program_run_most(const char *const argv[], char *const env[], const char *input,
	    unsigned seconds, size_t most, struct program_said *);
void	 program_said_free(struct program_said *);

#endif
