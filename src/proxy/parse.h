/* What every parser of guest bytes answers. */
#ifndef PARSE_H
#define PARSE_H

enum parse {
	PARSE_MORE,		/* so far so good, but more bytes are needed */
	PARSE_DONE,
	PARSE_REFUSE,		/* never going to be right, whatever follows */
};

#endif
