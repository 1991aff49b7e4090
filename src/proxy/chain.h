/*
 * An upstream proxy ([proxy] upstream), through which connections are chained
 * by CONNECT (RFC 9110 section 9.3.6): what it is asked, and what it answers.
 */
#ifndef CHAIN_H
#define CHAIN_H

#include "conf.h"
#include "parse.h"
#include "proxy/http.h"

enum { CHAIN_REQUEST_MAX = CONF_AUTH_SIZE + 2 * GH_NAME_SIZE + 128 };

/* Whether connections to a name, or a listed address, go through the upstream proxy. */
bool		 chain_applies(const struct conf *, const char *name);
/* Writes the request into dst, of CHAIN_REQUEST_MAX bytes; returns its length. */
size_t		 chain_request(const struct conf *, const char *name, uint16_t port, char *dst);

/* How far an answer was read; all zero at its start. */
struct chain_scan {
	struct http_scan	head;
	size_t			at;		/* where the head at hand starts */
	unsigned		interim;	/* heads of 1xx before it */
};

/*
 * Looks at the len bytes received so far (each call the same ones and more).
 * PARSE_DONE: *status is that of the final answer, whose head ends at *end; what
 * comes behind it is the server's.  PARSE_REFUSE sets *what, a static phrase that
 * says what the answer has or is.
 */
enum parse	 chain_answer(struct chain_scan *, const uint8_t *, size_t len, size_t max,
		    unsigned *status, size_t *end, const char **what);

/*
 * Reads upstream-auth-file into conf->chain_auth, where there is one.  It needs
 * the file system, and who may read the file.  NULL or a cause (caller frees).
 */
char		*chain_credentials(struct conf *);

#endif
