/* A view seen from window.c: how its rows are had, sorted, filtered and told. */
#ifndef VIEWS_H
#define VIEWS_H

#include "engine.h"

enum { VIEW_KEYS_MAX = 20 };

struct sort_row {
	const void	*row;
	size_t		 order;		/* as kept: decides between equal ones */
	uint64_t	 number;
	const char	*text;		/* compared if not NULL */
};

struct view_ops {
	/* Rows into an array that the caller frees; *n their number. */
	const void	**(*collect)(struct engine *, size_t *n);
	/* Sets number or text of one row for the key of that place in keys. */
	void		(*key)(struct engine *, const void *row, int key, struct sort_row *);
	/* filter is in lower case. */
	bool		(*matches)(struct engine *, const void *row, const char *filter);
	json_t		*(*json)(struct engine *, const void *row);
	int		 sort;		/* where none is asked for; -1: as kept */
	bool		 desc;
	const char	*keys[VIEW_KEYS_MAX];
};

extern const struct view_ops	 view_table[VIEW_COUNT];
char				 ascii_lower(char);

#endif
