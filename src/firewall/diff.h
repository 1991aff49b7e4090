#ifndef DIFF_H
#define DIFF_H

/* A unified diff; "" if they are equal; caller frees. */
char	*text_diff(const char *before_name, const char *before, const char *after_name,
	    const char *after);

#endif
